"""Executes a module's text on given inputs, once it is parsed and verified."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import open_module, parse_module
from jax_ir_synth.reference.inputs import DTYPES, FLOATS, HALF
from jax_ir_synth.verify import tolerance
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.promote import promote_half, promote_single
from jax_ir_synth.verify.runner import Runner
from jax_ir_synth.verify.signature import Signature, read_signature

Results = list[np.ndarray]
# The number of wrong elements that a message shows.
_SHOWN = 6


class Execution(NamedTuple):
    """Results for each input, and how the module was run (see `runner.Runner.how`)."""

    results: list[Results]
    how: str


def execute(
    text: str,
    inputs: Sequence[Sequence[np.ndarray]],
    check: Callable[[Signature], None],
    has_halves: bool,
    executor: str,
    measure_parts: Callable[[], Sequence[float]] | None = None,
) -> Execution:
    """Run a module on each of the inputs.

    If the program has 16-bit floats, its module is run as float32 (see `promote`). It is also run
    unchanged, until each element of its results was near that in float32 on one of the inputs. On
    another input it may be far, as 16 bits put it on another side of a jump or a kink.

    Args:
      text: the module's text.
      inputs: arrays for the arguments, float32 where the module takes 16-bit floats.
      check: called with the module's signature before the module runs.
      has_halves: whether the program that the module is to compute has 16-bit floats. The module
        itself can't say so, or rounding would excuse any that it adds.
      executor: what runs it on all inputs but the first: `"interpreter"` or, where NumPy has all of
        its operations, `"arrays"`.
      measure_parts: called if results with 16-bit floats are far from those in float32. It returns
        for each result the size of the parts that add up to an element of it, which may cancel.

    Raises:
      ValueError: the text isn't a valid module, or its results with 16-bit floats are far from
        those in float32.
      interpreter.CannotRun: nothing here can run it.
    """
    wide = promote_half(text) if has_halves else text
    with open_module(text) as module:
        found = read_signature(module)
        check(found)
        if wide == text:
            run = _make_runner(text, module, executor)
            return Execution([run(x) for x in inputs], run.how)
        half = find_shortest_float(text)
        assert half is not None
        program, wide_program = Program(module), _make_runner(wide, parse_module(wide), executor)
        runs: list[tuple[Results, Results]] = []
        for each in inputs:
            # Both get rounded inputs, or their difference would look like an error.
            given = [
                x.astype(DTYPES[tensor.dtype]) for x, tensor in zip(each, found.taken, strict=True)
            ]
            rounded = program(given)
            exact = wide_program(
                [x.astype(np.float32) if str(x.dtype) in HALF else x for x in given]
            )
            runs.append((rounded, exact))
            if all(x.all() for x in _find_once_near(runs, half)):
                break
        else:
            parts = measure_parts() if measure_parts is not None else None
            near = _find_once_near(runs, half, parts)
            if not all(x.all() for x in near):
                raise ValueError(_describe_far(*runs[-1], near))
        return Execution([wide_program(x) for x in inputs], wide_program.how)


def _make_runner(text: str, module: ir.Module, executor: str) -> Program | Runner:
    return Runner(text, module) if executor == "arrays" else Program(module)


@contextlib.contextmanager
def run_as_written(text: str) -> Iterator[Callable[[Sequence[np.ndarray]], Results]]:
    """Make a module ready to be run in its own dtypes; bfloat16 results are float32.

    It takes arrays for the arguments, of the arguments' dtypes.

    Raises:
      ValueError: the text isn't a valid module, or not one that may be run.
      interpreter.CannotRun: nothing here can run it.
    """
    with open_module(text) as module:
        yield Runner(text, module)


def execute_as_written(text: str, inputs: Sequence[Sequence[np.ndarray]]) -> list[Results]:
    """Run a module on each of the inputs; see `run_as_written`."""
    with run_as_written(text) as run:
        return [run(x) for x in inputs]


def execute_exactly(text: str, inputs: Sequence[Sequence[np.ndarray]]) -> list[Results]:
    """Run a module read as float64, so that rounding contributes nothing to its errors.

    Raises ValueError if it can't be run in float64.
    """
    wide = promote_single(text)
    with open_module(wide) as module:
        run = Runner(wide, module)
        return [
            run([x.astype(np.float64) if x.dtype.name in FLOATS else x for x in each])
            for each in inputs
        ]


def _find_once_near(
    runs: Sequence[tuple[Results, Results]], half: str, parts: Sequence[float] | None = None
) -> list[np.ndarray]:
    """Find the elements of each result that are near on one of the inputs.

    Args:
      runs: for each input, the results in 16 bits and in float32.
      half: the dtype of 16 bits.
      parts: see `execute`.
    """
    found = []
    for number, pairs in enumerate(zip(*(zip(*run, strict=True) for run in runs), strict=True)):
        size = parts[number] if parts is not None else 0.0
        near = [_find_near(rounded, exact, half, size) for rounded, exact in pairs]
        found.append(np.logical_or.reduce(near))
    return found


def _find_near(rounded: np.ndarray, exact: np.ndarray, half: str, size: float) -> np.ndarray:
    if exact.dtype.kind != "f":
        return np.ones(exact.shape, bool)
    x, y = np.asarray(rounded, np.float64), np.asarray(exact, np.float64)
    return tolerance.find_near(x, y, half, size)


def _describe_far(rounded: Results, exact: Results, near: Sequence[np.ndarray]) -> str:
    """Describe the elements that were far from those in float32 on the last input, as on all."""
    number = next(k for k, mask in enumerate(near) if not mask.all())
    far = ~near[number]
    short, long = (
        " ".join(f"{value:.6g}" for value in np.asarray(results[number], np.float64)[far][:_SHOWN])
        for results in (rounded, exact)
    )
    return (
        f"{far.sum()} of {far.size} elements of its result {number} are far from those in float32 "
        f"on each input: in 16 bits they are {short}, in float32 {long}"
    )


def find_shortest_float(text: str) -> str | None:
    """Find the dtype of the shortest floats that a text rounds to; None if all are float32."""
    if "bf16" in text or "e8m7" in text:
        return "bfloat16"
    return "float16" if promote_half(text) != text else None
