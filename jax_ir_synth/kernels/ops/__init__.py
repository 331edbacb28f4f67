"""The operator table: every operation that a program can hold, by name."""

from jax_ir_synth.kernels.ops import (
    along,
    binary,
    choices,
    contractions,
    creation,
    geometry,
    indexing,
    linalg,
    masked,
    movement,
    products,
    random,
    reductions,
    spectral,
    ternary,
    unary,
)
from jax_ir_synth.kernels.ops.base import Op

OPS: dict[str, Op] = {}
for _module in (
    unary,
    binary,
    ternary,
    choices,
    reductions,
    creation,
    movement,
    indexing,
    along,
    products,
    linalg,
    random,
    spectral,
    geometry,
    masked,
    contractions,
):
    for _op in _module.TABLE:
        if _op.name in OPS:
            raise ValueError(f"operation {_op.name!r} is declared twice")
        OPS[_op.name] = _op
