"""Functions of integers, and operations on two: division, bits, shifts."""

from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params
from jax_ir_synth.kernels.ops.base import INT32, same_shape_and_dtype
from jax_ir_synth.kernels.ops.elementwise import BinaryFunction, binary, even, unary
from jax_ir_synth.kernels.ops.examples import example, integers

_INT: dict[str, Any] = {"dtypes": INT32, "smooth": False}
_BY_POSITIVE = (
    example(integers(4, 3), integers(4, 3, low=1, high=5)),
    example(integers(4, 3), integers(3, low=1, high=5)),
)


def _bit_bounds(operands: Operands, params: Params) -> Interval:
    # No bit is set above the highest one of either operand.
    top = max(operands[0].high, operands[1].high, 1)
    return 0.0, float(2 ** int(np.ceil(np.log2(top + 1))) - 1)


def _positive_divisor(operands: Operands, params: Params) -> bool:
    return operands[1].low >= 1


def _ints(fn: BinaryFunction) -> BinaryFunction:
    return lambda x, y: fn(x.astype(np.int64), y.astype(np.int64)).astype(np.float64)


FUNCTIONS = (
    unary(
        "bitwise_not",
        ((2, "80|~{0:80}"), (1, "jnp.bitwise_not({0})"), (1, "jnp.invert({0})")),
        lambda x: -x - 1,
        **_INT,
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    unary(
        "int_abs",
        ((2, "jnp.abs({0})"),),
        np.abs,
        even,
        word="abs",
        **_INT,
        ir_bytes=600,
        weights={"integer function": 1},
    ),
    unary(
        "int_neg",
        ((2, "80|-{0:80}"),),
        np.negative,
        word="neg",
        **_INT,
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    unary(
        "int_square",
        ((2, "90|{0:91} ** 2"), (1, "jnp.square({0})")),
        np.square,
        even,
        word="square",
        **_INT,
        ir_bytes=600,
        weights={"integer function": 1},
    ),
    unary(
        "population_count",
        "lax.population_count({0})",
        lambda x: np.bitwise_count(x.astype(np.int64)).astype(np.float64),
        (0.0, 32.0),
        domain=(0, 2**31 - 1),
        **_INT,
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    unary(
        "clz",
        "lax.clz({0})",
        lambda x: 31 - np.floor(np.log2(np.maximum(x, 1))),
        (0.0, 32.0),
        domain=(0, 2**31 - 1),
        **_INT,
        weights={"integer function": 1},
        ir_bytes=300,
    ),
)

TABLE = (
    binary(
        "int_mod",
        ((3, "70|{0:70} % {1:71}"), (1, "jnp.mod({0}, {1})"), (1, "jnp.remainder({0}, {1})")),
        np.mod,
        bounds=lambda o, p: (0.0, o[1].high - 1),
        accepts=_positive_divisor,
        word="mod",
        **_INT,
        ir_bytes=3470,
        title="",
        examples=_BY_POSITIVE,
        weights={"integer": 4},
    ),
    binary(
        "int_floor_divide",
        ((3, "70|{0:70} // {1:71}"), (1, "jnp.floor_divide({0}, {1})")),
        np.floor_divide,
        accepts=_positive_divisor,
        word="floor_divide",
        **_INT,
        ir_bytes=2580,
        examples=_BY_POSITIVE,
        weights={"integer": 3},
    ),
    binary(
        "int_div",
        ((1, "lax.div({0}, {1})", "same"),),
        lambda x, y: np.trunc(x / y),
        accepts=lambda o, p: o[1].low >= 1 and same_shape_and_dtype(o),
        word="div",
        **_INT,
        examples=(example(integers(4, 3), integers(4, 3, low=1, high=5)),),
        weights={"integer": 1},
        ir_bytes=300,
    ),
    binary(
        "bitwise_and",
        ((4, "30|{0:31} & {1:31}"), (2, "jnp.bitwise_and({0}, {1})")),
        _ints(np.bitwise_and),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **_INT,
        ir_bytes=600,
        weights={"integer": 4},
    ),
    binary(
        "bitwise_or",
        ((4, "20|{0:21} | {1:21}"), (1, "jnp.bitwise_or({0}, {1})")),
        _ints(np.bitwise_or),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **_INT,
        ir_bytes=600,
        weights={"integer": 4},
    ),
    binary(
        "bitwise_xor",
        ((4, "25|{0:26} ^ {1:26}"), (1, "jnp.bitwise_xor({0}, {1})")),
        _ints(np.bitwise_xor),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **_INT,
        weights={"integer": 4},
        ir_bytes=300,
    ),
    binary(
        "left_shift",
        ((3, "40|{0:41} << {1:41}"), (1, "jnp.left_shift({0}, {1})")),
        _ints(np.left_shift),
        bounds=lambda o, p: (0.0, o[0].high * 2.0 ** o[1].high),
        domain=((0, 1024), (0, 6)),
        **_INT,
        weights={"integer": 3},
        ir_bytes=300,
    ),
    binary(
        "right_shift",
        ((3, "40|{0:41} >> {1:41}"), (1, "jnp.right_shift({0}, {1})")),
        _ints(np.right_shift),
        bounds=lambda o, p: (0.0, o[0].high),
        domain=((0, 2**20), (0, 6)),
        **_INT,
        ir_bytes=600,
        weights={"integer": 3},
    ),
)
