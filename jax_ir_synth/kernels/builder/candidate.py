"""Draws a candidate of a category: attempts on its own random stream, until one succeeds."""

from typing import Protocol

import numpy as np

from jax_ir_synth.kernels.builder.identity import hash_program
from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import KernelSpec, Operands, Rejected
from jax_ir_synth.kernels.printer.writer import write_source
from jax_ir_synth.kernels.validation.program import require_sound

_ATTEMPTS = 500
# The program's float type, in percent. People write float32 nearly everywhere.
_DTYPES = {"float32": 88, "bfloat16": 8, "float16": 4}


class Grammar(Protocol):
    """What a category's module has."""

    SIGNATURE: Signature

    def draw(self, builder: ProgramBuilder, /) -> Operands:
        """The outputs of one random program."""


def draw_candidate(grammar: Grammar, category: str, seed: int, candidate: int) -> KernelSpec:
    """Draws the candidate's program. `grammar` is the category's module.

    Raises:
      RuntimeError: 500 attempts in a row were rejected, which is a defect of the grammar.
    """
    stream = Stream(seed, category, candidate)
    # Before an operation rejects its operands, their samples may leave its domain.
    with np.errstate(all="ignore"):
        for _ in range(_ATTEMPTS):
            builder = ProgramBuilder(stream)
            builder.may_branch = (
                "branch" not in grammar.SIGNATURE.requires | grammar.SIGNATURE.forbids
            )
            builder.use(stream.choose(_DTYPES))
            try:
                outputs = builder.finish(*grammar.draw(builder))
                if "vec3" in grammar.SIGNATURE.forbids and any(
                    v.shape[-1:] == (3,) for v in builder.arguments
                ):
                    continue
                require_short(outputs)
                arguments = tuple(builder.arguments)
                spec = KernelSpec(
                    category,
                    seed,
                    candidate,
                    arguments,
                    outputs,
                    *hash_program(outputs),
                    builder.doc,
                    builder.expression_widths,
                )
                require_sound(write_source(spec))
            except Rejected:
                continue
            return spec
    raise RuntimeError(
        f"{category}: candidate {candidate} of seed {seed} could not be drawn "
        f"in {_ATTEMPTS} attempts"
    )
