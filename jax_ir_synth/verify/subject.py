"""`Subject`: what the modules of a row are proven against."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.reference.points import Point
from jax_ir_synth.reference.program import ReferenceProgram


class Subject(NamedTuple):
    """A row's program, its reference, and where they are run.

    Attributes:
      avals: the arguments, as `in_avals` describes them.
      argnums: the differentiable ones.
      reference: the reference.
      points: the points at which both are run.
      executor: what runs the modules; see `execution.execute`.
    """

    avals: Sequence[Mapping[str, Any]]
    argnums: Sequence[int]
    reference: ReferenceProgram
    points: Sequence[Point]
    executor: str
