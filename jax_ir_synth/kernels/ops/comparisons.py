"""Conditions on elements: comparisons, and their logic."""

from typing import Any

import numpy as np

from jax_ir_synth.kernels.ops.base import BOOL, CONDITION, INT32, NUMBERS, unit_bounds
from jax_ir_synth.kernels.ops.elementwise import binary, unary

_COMPARISON = CONDITION | {"dtypes": NUMBERS}
_LOGIC: dict[str, Any] = {"dtypes": BOOL, "smooth": False}

NEGATION = (
    unary(
        "logical_not",
        ((2, "jnp.logical_not({0})"), (2, "80|~{0:80}")),
        lambda x: 1 - x,
        **_LOGIC,
        ir_bytes=0,
        title="",
    ),
)

TABLE = (
    binary(
        "greater",
        ((6, "10|{0:11} > {1:11}"), (1, "jnp.greater({0}, {1})"), (1, "lax.gt({0}, {1})", "same")),
        np.greater,
        **_COMPARISON,
        ir_bytes=510,
        dull=True,
        weights={"comparison": 6, "integer comparison": 1},
    ),
    binary(
        "less",
        ((5, "10|{0:11} < {1:11}"), (1, "jnp.less({0}, {1})"), (1, "lax.lt({0}, {1})", "same")),
        np.less,
        **_COMPARISON,
        ir_bytes=610,
        dull=True,
        weights={"comparison": 5, "integer comparison": 1},
    ),
    binary(
        "greater_equal",
        ((4, "10|{0:11} >= {1:11}"), (1, "jnp.greater_equal({0}, {1})")),
        np.greater_equal,
        **_COMPARISON,
        ir_bytes=700,
        dull=True,
        weights={"comparison": 2, "integer comparison": 1},
    ),
    binary(
        "less_equal",
        ((4, "10|{0:11} <= {1:11}"), (1, "jnp.less_equal({0}, {1})")),
        np.less_equal,
        **_COMPARISON,
        ir_bytes=380,
        dull=True,
        weights={"comparison": 2, "integer comparison": 1},
    ),
    binary(
        "equal",
        ((6, "10|{0:11} == {1:11}"), (1, "jnp.equal({0}, {1})")),
        np.equal,
        **(_COMPARISON | {"dtypes": INT32}),
        ir_bytes=600,
        dull=True,
        weights={"integer comparison": 1},
    ),
    binary(
        "not_equal",
        ((5, "10|{0:11} != {1:11}"), (1, "jnp.not_equal({0}, {1})")),
        np.not_equal,
        **(_COMPARISON | {"dtypes": INT32}),
        ir_bytes=1050,
        dull=True,
        weights={"integer comparison": 1},
    ),
    binary(
        "logical_and",
        ((4, "jnp.logical_and({0}, {1})"), (3, "30|{0:31} & {1:31}")),
        np.minimum,
        **_LOGIC,
        ir_bytes=600,
        title="",
    ),
    binary(
        "logical_or",
        ((4, "jnp.logical_or({0}, {1})"), (3, "20|{0:21} | {1:21}")),
        np.maximum,
        **_LOGIC,
        ir_bytes=0,
        title="",
    ),
    binary(
        "logical_xor",
        ((3, "jnp.logical_xor({0}, {1})"), (1, "25|{0:26} ^ {1:26}")),
        lambda x, y: np.abs(x - y),
        bounds=unit_bounds,
        **_LOGIC,
        title="",
        ir_bytes=300,
    ),
)
