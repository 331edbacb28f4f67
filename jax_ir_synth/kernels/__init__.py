"""Program synthesis: the categories, and how a program of one is drawn and written."""

import ast
import functools
import inspect
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, cast

from jax_ir_synth.request.categories import CATEGORIES

if TYPE_CHECKING:
    from jax_ir_synth.kernels.builder.candidate import Grammar
    from jax_ir_synth.kernels.builder.signature import Signature
    from jax_ir_synth.kernels.builder.values import KernelSource, KernelSpec

__all__ = ["description", "draw", "signature", "write"]


@functools.lru_cache(maxsize=1)
def draw(category: str, seed: int, candidate: int) -> "KernelSpec":
    """Candidate number `candidate` of a category: a program drawn from its own random stream.

    The last one is kept: a row is made when the plan has just drawn its program.

    Raises:
      ValueError: no such category.
    """
    # Late, here and below: command lines that draw nothing want the categories' names alone.
    from jax_ir_synth.kernels.builder.candidate import draw_candidate

    return draw_candidate(_grammar(category), category, seed, candidate)


def write(spec: "KernelSpec") -> "KernelSource":
    """The program's Python source, with the arguments that it takes."""
    from jax_ir_synth.kernels.printer.writer import write_source

    return write_source(spec)


def signature(category: str) -> "Signature":
    """What the category's IR must and must not contain."""
    return _grammar(category).SIGNATURE


def description(category: str) -> str:
    """What a category's programs are, in the words that its module begins with."""
    module = _module(category)
    # Python leaves docstrings out where it is started with -OO.
    text = module.__doc__ or ast.get_docstring(ast.parse(inspect.getsource(module)))
    first = (text or "").partition("\n")[0]
    return first.removeprefix(f"Category `{category}`: ").removesuffix(".")


def _grammar(category: str) -> "Grammar":
    return cast("Grammar", _module(category))


def _module(category: str) -> ModuleType:
    if category not in CATEGORIES:
        raise ValueError(f"`category` (={category!r}) must be one of {', '.join(CATEGORIES)}")
    return import_module(f"{__name__}.{category}")
