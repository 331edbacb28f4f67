"""Names what is local to a program: from the words of its family to what one person would call it.

`names.txt` has for common words the names that people give to the same, with weights; a family's
module has those of its own words, as `NAMES`.
"""

import ast
import functools
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.family import NameTable, read_names
from jax_ir_synth.kernels.style.trees import list_names, walk

# How many of a hundred programs keep their family's words, and how many of a hundred names are
# chosen by themselves. The others go together: who writes `wq` writes `wk`, too.
_AS_THEY_ARE, _ALONE = 25, 4
# A line of a docstring that is about a parameter.
_PARAMETER = re.compile(r"^( +)(\w+):(?= )", re.MULTILINE)
_LIBRARY = frozenset(
    "jax jnp lax np math len range zip enumerate float int bool tuple list".split()
)


@functools.cache
def _read_common_names() -> NameTable:
    text = files("jax_ir_synth.kernels.style").joinpath("names.txt").read_text(encoding="utf-8")
    return read_names(text)


def rename(program: Sequence[ast.stmt], names: NameTable, stream: Stream) -> dict[str, str]:
    """Name the functions of a program, their parameters and their locals.

    Args:
      program: its statements; the last one is the function itself.
      names: what people call the words of its family's module, beside those of `names.txt`.
      stream: chooses among them.

    Returns what the parameters of its last function, the program itself, are called now.
    """
    functions = [node for node in program if isinstance(node, ast.FunctionDef)]
    if stream.chance(_AS_THEY_ARE):
        return {each: each for each in _list_parameters(functions[-1])}
    outside = _list_global(program)
    taste = _Taste({**_read_common_names(), **names}, stream)
    called = _choose([node.name for node in functions], outside, taste)
    taken = outside | set(called.values()) - set(called)
    of_parameters: dict[str, dict[str, str]] = {}
    for function in functions:
        inside = _list_local(function)
        free = {each.id for each in list_names(function)} - set(inside)
        chosen = _choose(inside, taken | free | _LIBRARY, taste)
        of_parameters[function.name] = chosen
        _rename(function, chosen)
    for function in functions:
        # The keywords of calls are parameters of the function that is called.
        for node in walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for keyword in node.keywords:
                    if keyword.arg is not None:
                        parameters = of_parameters.get(node.func.id, {})
                        keyword.arg = parameters.get(keyword.arg, keyword.arg)
    for function in functions:
        _rename(function, called)
    return next(of_parameters[old] for old, new in called.items() if new == functions[-1].name)


class _Taste:
    """Chooses among a word's names, those of a program alike."""

    def __init__(self, names: NameTable, stream: Stream):
        self._names, self._stream, self._place = names, stream, stream.below(1000)
        self._before: dict[str, str] = {}

    def choose(self, word: str) -> str:
        """Choose a name, the same one for the same word but for a few."""
        names, weights = self._names.get(word, ((word,), (1,)))
        if self._stream.chance(_ALONE):
            return self._stream.weighted(names, weights)
        if word not in self._before:
            place, number = self._place * sum(weights) // 1000, 0
            while place >= weights[number]:
                place -= weights[number]
                number += 1
            self._before[word] = names[number]
        return self._before[word]


def _choose(words: Sequence[str], taken: set[str], taste: _Taste) -> dict[str, str]:
    """Choose a name for each word, none twice and none that is taken."""
    chosen: dict[str, str] = {}
    for word in words:
        free = set(words) - set(chosen) - {word}
        name = taste.choose(word)
        if name in taken | free | set(chosen.values()):
            name = word
        # The word itself may have been given away.
        while name in chosen.values() or name in taken:
            name += "_"
        chosen[word] = name
    return chosen


def _list_parameters(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]


def _list_local(function: ast.FunctionDef) -> list[str]:
    """List what a function and those inside it name, in the order of the text."""
    found = _list_parameters(function)
    for node in walk(function):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and node is not function:
            found += [each.arg for each in node.args.args]
            if isinstance(node, ast.FunctionDef):
                found.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
    return list(dict.fromkeys(found))


def _list_global(program: Sequence[ast.stmt]) -> set[str]:
    """List the constants of a program."""
    return {
        target.id
        for node in program
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _rename(function: ast.FunctionDef, names: Mapping[str, str]) -> None:
    for node in walk(function):
        match node:
            case ast.Name():
                node.id = names.get(node.id, node.id)
            case ast.arg():
                node.arg = names.get(node.arg, node.arg)
            case ast.FunctionDef():
                node.name = names.get(node.name, node.name)
            # In a docstring a line for each parameter begins with its name.
            case ast.Constant(str() as text) if "\n" in text:
                node.value = _PARAMETER.sub(
                    lambda found: found[1] + names.get(found[2], found[2]) + ":", text
                )
