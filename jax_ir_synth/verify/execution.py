"""Executes a module's text on given inputs, once it is parsed and verified."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jax_ir_synth.lowering.parsing import open_module, parse_module
from jax_ir_synth.reference import tolerance
from jax_ir_synth.reference.inputs import DTYPES, FLOATS, HALF
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.promote import promote_half, promote_single
from jax_ir_synth.verify.signature import Signature, read_signature

Results = list[np.ndarray]
# The number of characters of wrong results that a message shows.
_SHOWN = 120


class Execution(NamedTuple):
    """Results for each input, and how the module was run (see `interpreter.Program.how`)."""

    results: list[Results]
    how: str


def execute(
    text: str,
    inputs: Sequence[Sequence[np.ndarray]],
    check: Callable[[Signature], None],
    has_halves: bool,
) -> Execution:
    """Run a module on each of the inputs.

    If the program has 16-bit floats, its module is run as float32 (see `promote`). It is also run
    unchanged, until its results are near those in float32 on one of the inputs.

    Args:
      text: the module's text.
      inputs: arrays for the arguments, float32 where the module takes 16-bit floats.
      check: called with the module's signature before the module runs.
      has_halves: whether the program that the module is to compute has 16-bit floats. The module
        itself can't say so, or rounding would excuse any that it adds.

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
            program = Program(module)
            return Execution([program(x) for x in inputs], program.how)
        half = find_shortest_float(text)
        assert half is not None
        program, wide_program = Program(module), Program(parse_module(wide))
        for each in inputs:
            # Both get rounded inputs, or their difference would look like an error.
            given = [
                x.astype(DTYPES[tensor.dtype]) for x, tensor in zip(each, found.taken, strict=True)
            ]
            rounded = program(given)
            exact = wide_program(
                [x.astype(np.float32) if str(x.dtype) in HALF else x for x in given]
            )
            if _agree(rounded, exact, tolerance.AS_WRITTEN[half]):
                break
        else:
            short, long = (" ".join(str(results).split()) for results in (rounded, exact))
            raise ValueError(
                f"its results with 16 bits are {short:.{_SHOWN}}, with 32 bits {long:.{_SHOWN}}"
            )
        return Execution([wide_program(x) for x in inputs], wide_program.how)


def execute_as_written(text: str, inputs: Sequence[Sequence[np.ndarray]]) -> list[Results]:
    """Run a module on each of the inputs, in its own dtypes; bfloat16 results are float32.

    Args:
      text: the module's text.
      inputs: arrays for the arguments, of the arguments' dtypes.

    Raises:
      ValueError: the text isn't a valid module, or not one that may be run.
      interpreter.CannotRun: nothing here can run it.
    """
    with open_module(text) as module:
        program = Program(module)
        return [program(x) for x in inputs]


def execute_exactly(text: str, inputs: Sequence[Sequence[np.ndarray]]) -> list[Results]:
    """Run a module read as float64, so that rounding contributes nothing to its errors.

    Raises ValueError if it can't be run in float64.
    """
    with open_module(promote_single(text)) as module:
        program = Program(module)
        return [
            program([x.astype(np.float64) if x.dtype.name in FLOATS else x for x in each])
            for each in inputs
        ]


def _agree(rounded: Results, exact: Results, rate: float) -> bool:
    return all(
        tolerance.agree(np.asarray(x, np.float64), np.asarray(y, np.float64), rate)
        for x, y in zip(rounded, exact, strict=True)
        if y.dtype.kind == "f"
    )


def find_shortest_float(text: str) -> str | None:
    """Find the dtype of the shortest floats that a text rounds to; None if all are float32."""
    if "bf16" in text or "e8m7" in text:
        return "bfloat16"
    return "float16" if promote_half(text) != text else None
