"""Presents a program: its signature, annotations, documentation, comments and layout."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.annotate import annotate, find_kinds
from jax_ir_synth.kernels.style.document import (
    FIRST_LINE,
    NO_DOC,
    WHOLE_DOC,
    comment_on,
    describe_shapes,
    document,
)
from jax_ir_synth.kernels.style.family import Array
from jax_ir_synth.kernels.style.write import write_statement
from jax_ir_synth.reference.source import is_kernel


def present(
    program: Sequence[ast.stmt],
    arrays: Sequence[str],
    shapes: Mapping[str, Array],
    comments: Mapping[int, str],
    imported: str,
    stream: Stream,
) -> str:
    """Write a program's text.

    Args:
      program: its statements; the last one is the function itself.
      arrays: its parameters that are arrays.
      shapes: those that it gets, with their axes.
      comments: the comment before each line of the family's module.
      imported: a line that imports what it needs beside jax; may be empty.
      stream: decides how it is presented.
    """
    main = program[-1]
    assert isinstance(main, ast.FunctionDef)
    hint = stream.choose({"": 40, "jax.Array": 42, "jnp.ndarray": 18})
    doc = stream.choose({NO_DOC: 24, FIRST_LINE: 26, WHOLE_DOC: 50})
    with_comments = stream.chance(92)
    star = stream.chance(22)
    functions = [node for node in program if isinstance(node, ast.FunctionDef)]
    if doc == WHOLE_DOC:
        describe_shapes(main, shapes, stream)
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
    if len(program) == 1 and not imported and is_kernel(whole):
        return whole
    listed = [*_list_imports(whole)] or ["import jax.numpy as jnp"]
    if imported:
        # The standard library comes first.
        listed = [imported, "", *dict.fromkeys(["import jax", *listed])]
    imports = "\n".join(listed)
    return imports + ("\n\n" if isinstance(program[0], ast.Assign) else "\n\n\n") + whole


def _list_imports(text: str) -> Iterator[str]:
    """List the imports of a module. A function alone has none: `jax`, `jnp` and `lax` are there."""
    if re.search(r"\bjax\.", text):
        yield "import jax"
    if re.search(r"\bjnp\.", text):
        yield "import jax.numpy as jnp"
    if re.search(r"(?<![\w.])lax\.", text):
        yield "from jax import lax"


def _drop_star(function: ast.FunctionDef) -> None:
    """Let keyword parameters be positional, too; a family's all have defaults."""
    arguments = function.args
    defaults = [each for each in arguments.kw_defaults if each is not None]
    if len(defaults) == len(arguments.kwonlyargs):
        arguments.args += arguments.kwonlyargs
        arguments.defaults += defaults
        arguments.kwonlyargs, arguments.kw_defaults = [], []
