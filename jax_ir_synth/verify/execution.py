"""A module's text, parsed, verified and run on given inputs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jax_ir_synth.lowering.parsing import parse, parsed
from jax_ir_synth.reference import tolerance
from jax_ir_synth.reference.inputs import DTYPES, HALF
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.promote import promote_half, promote_single
from jax_ir_synth.verify.signature import Signature, signature

Results = list[np.ndarray]
# Characters of results that are shown where they are wrong.
_SHOWN = 120


class Execution(NamedTuple):
    """Results for each of the inputs, and what ran the module (see `interpreter.Program.how`)."""

    results: list[Results]
    how: str


def execute(
    text: str,
    inputs: Sequence[Sequence[np.ndarray]],
    check: Callable[[Signature], None],
    sizes: Sequence[float],
) -> Execution:
    """Runs the module on each of the inputs.

    A module with 16-bit floats is run as float32 (see `promote`). As it stands it is run too,
    until most of what it computes is near that on one of the inputs.

    Args:
      text: of the module.
      inputs: arrays for the arguments, of float32 where the module takes 16-bit floats.
      check: is called with the module's signature, before anything runs.
      sizes: for each result how much it moves when the arguments cross half their ranges.

    Raises:
      ValueError: it isn't a valid module, or what it computes as it stands is far from what it
        computes in float32.
      interpreter.CannotRun: there is no way to run it here.
    """
    wide = promote_half(text)
    with parsed(text) as module:
        found = signature(module)
        check(found)
        if wide == text:
            program = Program(module)
            return Execution([program(x) for x in inputs], program.how)
        half = shortest(text)
        assert half is not None
        program, wide_program = Program(module), Program(parse(wide))
        for each in inputs:
            # Both get rounded inputs, or the step between these would seem an error.
            given = [
                x.astype(DTYPES[tensor.dtype]) for x, tensor in zip(each, found.taken, strict=True)
            ]
            rounded = program(given)
            exact = wide_program(
                [x.astype(np.float32) if str(x.dtype) in HALF else x for x in given]
            )
            if _near(rounded, exact, sizes, tolerance.ROUNDED[half]):
                break
        else:
            short, long = (" ".join(str(results).split()) for results in (rounded, exact))
            raise ValueError(
                f"its results with 16 bits are {short:.{_SHOWN}}, with 32 bits {long:.{_SHOWN}}"
            )
        return Execution([wide_program(x) for x in inputs], wide_program.how)


def execute_exactly(text: str, inputs: Sequence[Sequence[np.ndarray]]) -> list[Results]:
    """The results of the module read as float64, so that rounding is none of their error.

    Raises ValueError where it can't be run so.
    """
    with parsed(promote_single(text)) as module:
        program = Program(module)
        return [
            program([x.astype(np.float64) if x.dtype == np.float32 else x for x in each])
            for each in inputs
        ]


def _near(rounded: Results, exact: Results, sizes: Sequence[float], rate: float) -> bool:
    return all(
        tolerance.mostly_agree(np.asarray(x, np.float64), np.asarray(y, np.float64), size, rate)
        for x, y, size in zip(rounded, exact, sizes, strict=True)
        if y.dtype.kind == "f"
    )


def shortest(text: str) -> str | None:
    """The dtype of the shortest floats that a text rounds to, None where all are float32."""
    if "bf16" in text or "e8m7" in text:
        return "bfloat16"
    return "float16" if promote_half(text) != text else None
