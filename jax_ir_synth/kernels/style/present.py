"""Presents a program: its signature, annotations, documentation, comments and layout."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.annotate import annotate, find_kinds
from jax_ir_synth.kernels.style.document import (
    FIRST_LINE,
    NO_DOC,
    WHOLE_DOC,
    comment_on,
    document,
)
from jax_ir_synth.kernels.style.write import write_statement
from jax_ir_synth.reference.source import is_kernel


def present(
    program: Sequence[ast.stmt],
    arrays: Sequence[str],
    comments: Mapping[int, str],
    stream: Stream,
) -> str:
    """Write a program's text.

    Args:
      program: its statements; the last one is the function itself.
      arrays: its parameters that are arrays.
      comments: the comment before each line of the family's module.
      stream: decides how it is presented.
    """
    main = program[-1]
    assert isinstance(main, ast.FunctionDef)
    hint = stream.choose({"": 40, "jax.Array": 42, "jnp.ndarray": 18})
    doc = stream.choose({NO_DOC: 30, FIRST_LINE: 32, WHOLE_DOC: 38})
    with_comments = stream.chance(75)
    star = stream.chance(22)
    functions = [node for node in program if isinstance(node, ast.FunctionDef)]
    for function in functions:
        is_main = function is main
        document(function, doc if is_main or stream.chance(50) else NO_DOC)
        if with_comments:
            function.body = [*comment_on(function.body, comments)]
        if not star:
            _drop_star(function)
        if hint:
            kinds = dict.fromkeys(arrays, hint) if is_main else find_kinds(function, program, hint)
            annotate(function, program, hint, kinds)
    parts: list[str] = []
    for node in program:
        joint = "" if not parts else "\n\n" if isinstance(node, ast.Assign) else "\n\n\n"
        parts.append(joint + write_statement(node))
    whole = "".join(parts) + "\n"
    if is_kernel(whole):
        return whole
    imports = "\n".join(_list_imports(program)) or "import jax.numpy as jnp"
    return imports + ("\n\n" if isinstance(program[0], ast.Assign) else "\n\n\n") + whole


def _list_imports(program: Sequence[ast.stmt]) -> Iterator[str]:
    """List the imports of a module. A function alone has none: `jax`, `jnp` and `lax` are there."""
    used = {node.id for part in program for node in ast.walk(part) if isinstance(node, ast.Name)}
    if "jax" in used:
        yield "import jax"
    if "jnp" in used:
        yield "import jax.numpy as jnp"
    if "lax" in used:
        yield "from jax import lax"


def _drop_star(function: ast.FunctionDef) -> None:
    """Let keyword parameters be positional, too; a family's all have defaults."""
    arguments = function.args
    defaults = [each for each in arguments.kw_defaults if each is not None]
    if len(defaults) == len(arguments.kwonlyargs):
        arguments.args += arguments.kwonlyargs
        arguments.defaults += defaults
        arguments.kwonlyargs, arguments.kw_defaults = [], []
