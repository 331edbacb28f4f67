"""Planned programs with their lowered text, made for tests."""

from dataclasses import dataclass

import numpy as np

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import CategoryPlan
from jax_ir_synth.kernels.builder.values import KernelSource, KernelSpec
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.interpreter import Program

PLATFORMS = ("cpu", "cuda")


@dataclass(frozen=True)
class Made:
    """A program as it was drawn, written and lowered."""

    spec: KernelSpec
    source: KernelSource
    columns: dict[str, str]
    program_hash: str

    @property
    def forward(self) -> str:
        return read_section(self.columns["cpu"]).forward

    @property
    def backward(self) -> str:
        return read_section(self.columns["cpu"]).backward

    @property
    def row(self) -> dict:
        """The columns that a row is proven by."""
        avals = [a.described() for a in self.source.in_avals]
        return {
            "kernel_name": self.source.name,
            "python": self.source.python,
            "cpp": self.columns.get("cpu"),
            "cuda": self.columns.get("cuda"),
            "in_avals": avals,
            "argnums": list(self.source.argnums),
        }

    def run(self, seed: int) -> list[np.ndarray]:
        """The forward module's results on random inputs, as float64."""
        with open_module(self.forward) as module:
            return [np.float64(x) for x in Program(module)(draw_inputs(self.row["in_avals"], seed))]

    def __str__(self) -> str:
        spec = self.spec
        where = f"{spec.category} seed {spec.seed} candidate {spec.candidate}"
        return f"{where}\n{self.source.python}"


def make(category: str, seed: int, candidate: int, platforms=PLATFORMS) -> Made:
    """One candidate, lowered."""
    spec = kernels.draw(category, seed, candidate)
    source = kernels.write(spec)
    lowered = lower_source(source.python, source.name, source.in_avals, source.argnums, platforms)
    return Made(spec, source, lowered.columns, lowered.program_hash)


def planned(category: str, seed: int, count: int, platforms=PLATFORMS) -> list[Made]:
    """The first `count` programs that the plan keeps."""
    plan = CategoryPlan(category, seed)
    return [make(category, seed, plan.row(k)[0], platforms) for k in range(count)]
