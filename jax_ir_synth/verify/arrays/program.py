"""Makes a module a list of steps on NumPy arrays, and runs it.

A function's values, those of its regions too, have places in a list, its frame. A step takes arrays
from their places, and puts its results into theirs. Calls have frames of their own.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import Value, list_functions
from jax_ir_synth.verify.arrays import regions
from jax_ir_synth.verify.arrays.operations import make_function
from jax_ir_synth.verify.arrays.tensors import Array, Unknown, read_constant, read_type
from jax_ir_synth.verify.loops import count_turns

Frame = list[Any]
Step = Callable[[Frame], None]
_RETURNS = ("func.return", "stablehlo.return")
# The number of operations of all functions, each of which is compiled once.
_MOST_OPERATIONS = 20_000


class TooManyTurns(JaxIrSynthError, RuntimeError):
    """A loop takes more turns than it may."""


class ArrayProgram:
    """A module that can be called with arrays, inside the `with` of `parsing.open_module`.

    Args:
      module: a module whose operations may be run (see `admission`); it isn't changed.
      turns: the most turns that a loop may take that can't be counted beforehand; a call with more
        raises TooManyTurns.

    Raises Unknown.
    """

    def __init__(self, module: ir.Module, turns: int):
        self._turns = turns
        self._functions = list_functions(module)
        # None for a function that is being compiled.
        self._compiled: dict[str, _Function | None] = {}
        self._operations = 0
        self._main = self._compile("main")

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run the module. Raises TooManyTurns."""
        with np.errstate(all="ignore"):
            return [np.array(x) for x in self._main([np.asarray(x) for x in inputs])]

    def _compile(self, name: str) -> "_Function":
        if name not in self._compiled:
            self._compiled[name] = None
            self._compiled[name] = _Function(self._functions[name], self._make_step)
        found = self._compiled[name]
        if found is None:
            raise Unknown("a function that calls itself")
        return found

    def _make_step(self, op: ir.Operation, function: "_Function") -> Step:
        self._operations += 1
        if self._operations > _MOST_OPERATIONS:
            raise Unknown(f"more than {_MOST_OPERATIONS:,} operations")
        taken, given = function.place(op.operands), function.place(op.results)
        if op.name == "stablehlo.constant":
            return _make_constant(read_constant(op), given)
        if op.name == "stablehlo.optimization_barrier":
            return _make_copies(taken, given)
        if op.name == "func.call":
            name = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
            return _make_calls(self._compile(name), taken, given)
        if op.name == "stablehlo.while":
            cond, body = (function.add_region(region, self._make_step) for region in op.regions)
            # As in the interpreter, whose loops of known turns aren't bounded either.
            turns = self._turns if count_turns(op) is None else None
            return _make_loop(cond, body, taken, given, turns)
        if op.name in ("stablehlo.case", "stablehlo.if"):
            branches = [function.add_region(region, self._make_step) for region in op.regions]
            return _make_choice(branches, taken[0], given, op.name == "stablehlo.if")
        if op.name in regions.OPERATIONS:
            return _make_calls(regions.make_function(op), taken, given)
        return _make_plain(make_function(op), taken, given)


class _Region:
    """A block's steps, and the places of its arguments and results."""

    def __init__(self, block: ir.Block, function: "_Function", make: Callable[..., Step]):
        self.arguments = function.place(block.arguments)
        self.steps: list[Step] = []
        for op in block.operations:
            if op.operation.name in _RETURNS:
                self.results = function.place(op.operation.operands)
                return
            self.steps.append(make(op.operation, function))
        raise Unknown("a block that doesn't return")

    def run(self, frame: Frame) -> list[Array]:
        for step in self.steps:
            step(frame)
        return [frame[place] for place in self.results]


class _Function:
    """A function, called with a list of arrays."""

    def __init__(self, op: ir.Operation, make: Callable[..., Step]):
        self._places: dict[Value, int] = {}
        self._body = self.add_region(op.regions[0], make)

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        frame: Frame = [None] * len(self._places)
        for place, x in zip(self._body.arguments, inputs, strict=True):
            frame[place] = x
        return self._body.run(frame)

    def add_region(self, region: ir.Region, make: Callable[..., Step]) -> _Region:
        """Compile a region of one block."""
        (block,) = region.blocks
        return _Region(block, self, make)

    def place(self, values: Sequence[Value]) -> list[int]:
        """Find the values' places; a value that is new gets one."""
        for value in values:
            read_type(value)
        return [self._places.setdefault(value, len(self._places)) for value in values]


def _make_plain(function: Callable[..., Array], taken: list[int], given: list[int]) -> Step:
    (place,) = given
    if len(taken) == 1:
        (only,) = taken

        def step_of_one(frame: Frame) -> None:
            frame[place] = function(frame[only])

        return step_of_one

    def step(frame: Frame) -> None:
        frame[place] = function(*[frame[k] for k in taken])

    return step


def _make_constant(value: Array, given: list[int]) -> Step:
    (place,) = given

    def step(frame: Frame) -> None:
        frame[place] = value

    return step


def _make_copies(taken: list[int], given: list[int]) -> Step:
    def step(frame: Frame) -> None:
        for k, j in zip(taken, given, strict=True):
            frame[j] = frame[k]

    return step


def _make_calls(
    function: Callable[[list[Array]], Sequence[Array]], taken: list[int], given: list[int]
) -> Step:
    def step(frame: Frame) -> None:
        for place, x in zip(given, function([frame[k] for k in taken]), strict=True):
            frame[place] = x

    return step


def _make_loop(
    cond: _Region, body: _Region, taken: list[int], given: list[int], turns: int | None
) -> Step:
    def step(frame: Frame) -> None:
        state = [frame[k] for k in taken]
        for turn in itertools.count():
            if turn == turns:
                raise TooManyTurns
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


def _make_choice(branches: list[_Region], index: int, given: list[int], is_if: bool) -> Step:
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
