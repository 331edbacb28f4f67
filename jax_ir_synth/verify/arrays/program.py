"""Makes a module a list of steps on NumPy arrays, and runs it.

A function's values, those of its regions too, have places in a list, its frame. A step takes arrays
from their places, and puts its results into theirs. Constants are in the frame from the start.
Calls have frames of their own.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.verify.arrays import printed
from jax_ir_synth.verify.arrays.printed import Block, Statement, Unreadable, read_functions
from jax_ir_synth.verify.arrays.snippets import find_snippet
from jax_ir_synth.verify.arrays.tensors import Array, GaveUp, Unknown

Frame = list[Any]
Step = Callable[[Frame], None]
# The number of operations of all functions, each of which is compiled once.
_MOST_OPERATIONS = 20_000


class ArrayProgram:
    """A module that can be called with arrays; made inside the `with` of `parsing.open_module`.

    Args:
      text: the text of a module whose operations may be run (see `admission`), as MLIR prints it.
      turns: the most turns that a loop may take; a call with more raises GaveUp. None if each
        loop is known to end.

    Raises Unknown, and Unreadable if the text isn't as MLIR prints it.
    """

    def __init__(self, text: str, turns: int | None = None):
        self._turns = turns
        self._functions = read_functions(text)
        # None for a function that is being compiled.
        self._compiled: dict[str, _Function | None] = {}
        self._operations = 0
        self._main = self._compile("main")

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run the module. Raises GaveUp."""
        with np.errstate(all="ignore"):
            return [np.array(x) for x in self._main([np.asarray(x) for x in inputs])]

    def _compile(self, name: str) -> "_Function":
        if name not in self._compiled:
            if name not in self._functions:
                raise Unreadable(f"a call of @{name:.40}, which isn't there")
            self._compiled[name] = None
            self._compiled[name] = _Function(self._functions[name], self._add)
        found = self._compiled[name]
        if found is None:
            raise Unknown("a function that calls itself")
        return found

    def _add(self, statement: Statement, function: "_Function", steps: list[Step]) -> None:
        """Add the step of a statement, if there is anything to do when the module runs."""
        self._operations += 1
        if self._operations > _MOST_OPERATIONS:
            raise Unknown(f"more than {_MOST_OPERATIONS:,} operations")
        given, names, text, blocks, kinds = statement
        taken = function.find(names)
        if blocks:
            parts = [function.add_block(block, self._add) for block in blocks]
            places = function.define(given, kinds)
            if text == printed.LOOP:
                condition, body = parts
                steps.append(_make_loop(condition, body, taken, places, self._turns))
            else:
                steps.append(_make_choice(parts, taken[0], places, text == printed.TEST))
        elif kinds:
            callee = self._compile(text.removeprefix(f"{printed.CALL} "))
            if len(callee.arguments) != len(taken):
                raise Unreadable(f"a call with {len(taken)} arguments")
            steps.append(_make_calls(callee, taken, function.define(given, kinds)))
        else:
            snippet = find_snippet(text, function.list_kinds(names), len(given))
            places = function.define(given, snippet.kinds)
            if snippet.value is not None:
                function.set(places[0], snippet.value)
            elif snippet.function is not None:
                steps.append(_make_plain(snippet.function, taken, places[0]))
            else:
                assert snippet.joint is not None
                steps.append(_make_calls(snippet.joint, taken, places))


class _Part:
    """A block's steps, and the places of its arguments and results."""

    def __init__(self, arguments: list[int], steps: list[Step], results: list[int]):
        self.arguments, self.steps, self.results = arguments, steps, results

    def run(self, frame: Frame) -> list[Array]:
        for step in self.steps:
            step(frame)
        return [frame[place] for place in self.results]


class _Function:
    """A function, called with a list of arrays."""

    def __init__(self, block: Block, add: Callable[..., None]):
        # A name may come again in a region that begins after another one has ended.
        self._places: dict[str, int] = {}
        self._kinds: dict[str, str] = {}
        self._frame: Frame = []
        self._body = self.add_block(block, add)
        self.arguments = self._body.arguments

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        frame = self._frame.copy()
        for place, x in zip(self.arguments, inputs, strict=True):
            frame[place] = x
        return self._body.run(frame)

    def add_block(self, block: Block, add: Callable[..., None]) -> _Part:
        """Compile a block."""
        arguments = self.define(
            [name for name, _ in block.arguments], [kind for _, kind in block.arguments]
        )
        steps: list[Step] = []
        for statement in block.statements:
            add(statement, self, steps)
        return _Part(arguments, steps, self.find(block.returned))

    def define(self, names: Sequence[str], kinds: Sequence[str]) -> list[int]:
        """Give places to new values. Raises Unreadable unless each has a type."""
        if len(names) != len(kinds):
            raise Unreadable(f"{len(names)} names of {len(kinds)} values")
        first = len(self._frame)
        places = [*range(first, first + len(names))]
        self._frame += [None] * len(names)
        self._places.update(zip(names, places, strict=True))
        self._kinds.update(zip(names, kinds, strict=True))
        return places

    def set(self, place: int, value: Array) -> None:
        """Set a value that every call has."""
        self._frame[place] = value

    def find(self, names: Sequence[str]) -> list[int]:
        """Find values' places. Raises Unreadable for a name that isn't defined."""
        try:
            return [self._places[name] for name in names]
        except KeyError as error:
            raise Unreadable(f"the name {error.args[0]:.40}") from None

    def list_kinds(self, names: Sequence[str]) -> list[str]:
        """List values' types."""
        return [self._kinds[name] for name in names]


def _make_plain(function: Callable[..., Array], taken: list[int], place: int) -> Step:
    if len(taken) == 1:
        (only,) = taken

        def step_of_one(frame: Frame) -> None:
            frame[place] = function(frame[only])

        return step_of_one
    if len(taken) == 2:
        first, second = taken

        def step_of_two(frame: Frame) -> None:
            frame[place] = function(frame[first], frame[second])

        return step_of_two

    def step(frame: Frame) -> None:
        frame[place] = function(*[frame[k] for k in taken])

    return step


def _make_calls(
    function: Callable[[list[Array]], Sequence[Array]], taken: list[int], given: list[int]
) -> Step:
    def step(frame: Frame) -> None:
        for place, x in zip(given, function([frame[k] for k in taken]), strict=True):
            frame[place] = x

    return step


def _make_loop(
    cond: _Part, body: _Part, taken: list[int], given: list[int], turns: int | None
) -> Step:
    def step(frame: Frame) -> None:
        state = [frame[k] for k in taken]
        for turn in itertools.count():
            if turn == turns:
                raise GaveUp(f"a loop takes more than {turns:,} turns")
            for place, x in zip(cond.arguments, state, strict=True):
                frame[place] = x
            (goes_on,) = cond.run(frame)
            if not goes_on:
                break
            for place, x in zip(body.arguments, state, strict=True):
                frame[place] = x
            state = body.run(frame)
        for place, x in zip(given, state, strict=True):
            frame[place] = x

    return step


def _make_choice(branches: list[_Part], index: int, given: list[int], is_if: bool) -> Step:
    def step(frame: Frame) -> None:
        number = int(frame[index])
        if is_if:
            # The first region is for true.
            number = 1 - number
        elif not 0 <= number < len(branches):
            number = len(branches) - 1
        for place, x in zip(given, branches[number].run(frame), strict=True):
            frame[place] = x

    return step
