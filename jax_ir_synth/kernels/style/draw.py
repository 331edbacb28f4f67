"""Draws a program of a family: its options, sizes and ranges, and then how it is written."""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import InAval, KernelSource
from jax_ir_synth.kernels.style.check import add_checks
from jax_ir_synth.kernels.style.family import SIZES, Array, Code, Family, evaluate_dim
from jax_ir_synth.kernels.style.idioms import decorate, shorten, widen
from jax_ir_synth.kernels.style.outline import outline
from jax_ir_synth.kernels.style.present import present
from jax_ir_synth.kernels.style.rename import rename
from jax_ir_synth.kernels.style.respell import respell
from jax_ir_synth.kernels.style.specialise import PRESENT, specialise

# In percent: options that are as in the family's own signature, which is its plain form, whatever
# their weights are.
_PLAIN = 45
# In percent: options that a program keeps as a parameter with a default, optional arrays that a
# program has, and of those that it lacks, the ones that stay as a parameter that is None.
_KEPT, _HAS_ARRAY, _NONE_STAYS = 15, 50, 12
# An option with more values than this stays no parameter: it would need a branch for each.
_MENU = 4
# Sizes of an axis that stands for `...`. None is that of a vector in space.
_LEADING = (2, 4, 4, 5, 8)


def draw_family(family: Family, stream: Stream, dtype: str) -> KernelSource:
    """Draw a program of a family.

    Args:
      family: the family.
      stream: the random stream.
      dtype: the floating-point dtype of its arrays.
    """
    sizes = _draw_sizes(family, stream)
    known: dict[str, Any] = {}
    dropped: set[str] = set()
    defaults: dict[str, Any] = {}
    for name, array in family.arrays.items():
        if not array.optional or stream.chance(_HAS_ARRAY):
            known[name] = PRESENT
        elif not stream.chance(_NONE_STAYS):
            known[name] = None
            dropped.add(name)
    for name, values in family.options.items():
        plain = family.plain[name]
        value = plain if plain in values and stream.chance(_PLAIN) else stream.choose(values)
        if isinstance(value, Code) and value in sizes:
            value = sizes[value]
        if not isinstance(value, Code) and len(values) <= _MENU and stream.chance(_KEPT):
            defaults[name] = value
        else:
            known[name] = value
            dropped.add(name)
    program = specialise(family.module, family.name, known, dropped)
    main = program[-1]
    assert isinstance(main, ast.FunctionDef)
    _set_defaults(main, defaults)
    _require_present(main, known)
    respell(program, stream)
    arrays = [each.arg for each in main.args.args if known.get(each.arg) is PRESENT]
    names = rename(program, family.module.names, stream)
    floats = [each for each in arrays if family.arrays[each].kind == "float"]
    text = _write(program, family, names, arrays, floats, defaults, dtype, stream)
    leading = [stream.choice(_LEADING)] if stream.chance(30) else []
    avals = tuple(
        _make_aval(names[each], family.arrays[each], sizes, leading, dtype) for each in arrays
    )
    numbers = tuple(k for k, each in enumerate(arrays) if each in floats)
    return KernelSource(main.name, text, avals, numbers)


def _write(
    program: list[ast.stmt],
    family: Family,
    names: Mapping[str, str],
    arrays: Sequence[str],
    floats: Sequence[str],
    defaults: Mapping[str, Any],
    dtype: str,
    stream: Stream,
) -> str:
    """Write a program as people do.

    Args:
      program: its statements.
      family: its family.
      names: what its parameters are called, by the family's words.
      arrays: its arrays, by the family's words.
      floats: those of floating point.
      defaults: the options that stay parameters.
      dtype: the floating-point dtype.
      stream: decides.
    """
    main = program[-1]
    assert isinstance(main, ast.FunctionDef)
    kept = [names[each] for each in defaults if each in names]
    static = [each.arg for each in (*main.args.args, *main.args.kwonlyargs)]
    static = [each for each in static if each not in {names[name] for name in arrays}]
    program = outline(program, static, stream)
    shorten(program, dtype, stream)
    widen(main, [names[each] for each in floats], dtype, stream)
    dims = {names[each]: family.arrays[each] for each in arrays}
    texts = {
        names[each]: [*family.options[each]]
        for each in defaults
        if each in names and all(type(value) is str for value in family.options[each])
    }
    add_checks(main, {name: array.dims for name, array in dims.items()}, texts, stream)
    imported = decorate(main, [each for each in kept if each in static], stream)
    named = [names[each] for each in family.arrays if each in names]
    return present(program, named, dims, family.module.comments, imported, stream)


def _draw_sizes(family: Family, stream: Stream) -> dict[str, int]:
    letters = {
        letter
        for array in family.arrays.values()
        for dim in array.dims
        for letter in re.split(r"[-+*]", dim)
        if letter.isalpha()
    }
    letters |= {
        each for values in family.options.values() for each in values if isinstance(each, Code)
    } & set(SIZES)
    sizes: dict[str, int] = {}
    for letter in sorted(letters):
        sizes[letter] = stream.choice(
            tuple(family.sizes.get(letter, SIZES.get(letter, SIZES["n"])))
        )
    return sizes


def _set_defaults(function: ast.FunctionDef, defaults: Mapping[str, Any]) -> None:
    """Make the values of options that stay the defaults of their parameters."""
    arguments = function.args
    first = len(arguments.args) - len(arguments.defaults)
    for position, each in enumerate(arguments.args):
        if each.arg in defaults:
            arguments.defaults[position - first] = _constant(defaults[each.arg])
    for position, each in enumerate(arguments.kwonlyargs):
        if each.arg in defaults:
            arguments.kw_defaults[position] = _constant(defaults[each.arg])


def _constant(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _require_present(function: ast.FunctionDef, known: Mapping[str, Any]) -> None:
    """Take the default None from arrays that are there, and put them before those that aren't."""
    arguments = function.args
    first = len(arguments.args) - len(arguments.defaults)
    pairs = [
        (each, arguments.defaults[k - first] if k >= first else None)
        for k, each in enumerate(arguments.args)
    ]
    there = [each for each, _ in pairs if known.get(each.arg) is PRESENT]
    others = [(each, default) for each, default in pairs if known.get(each.arg) is not PRESENT]
    arguments.args = [*there, *(each for each, _ in others)]
    arguments.defaults = [default for _, default in others if default is not None]


def _make_aval(
    name: str, array: Array, sizes: Mapping[str, int], leading: list[int], dtype: str
) -> InAval:
    shape: list[int] = []
    for dim in array.dims:
        shape += leading if dim == "..." else [evaluate_dim(dim, sizes)]
    if array.kind == "float":
        return InAval(name, tuple(shape), dtype, array.low, float(array.high))
    if array.kind == "bool":
        return InAval(name, tuple(shape), "bool", 0.0, 1.0)
    below = evaluate_dim(str(array.high), sizes)
    return InAval(name, tuple(shape), "int32", 0.0, float(below - 1))
