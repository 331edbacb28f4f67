"""Arithmetic on two operands: sums, products, extrema, powers, remainders, angles."""

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Rejected, Value
from jax_ir_synth.kernels.ops.base import (
    ANY,
    FLOAT32,
    NUMBERS,
    Op,
    Spelling,
    positive_or_negative,
    same_shape_and_dtype,
)
from jax_ir_synth.kernels.ops.elementwise import binary
from jax_ir_synth.kernels.ops.examples import array, example
from jax_ir_synth.kernels.ops.rules import is_near_one, magnitudes, running_product, running_sum


def _hypot_bounds(operands: Operands, params: Params) -> Interval:
    # It grows with the size of either operand.
    (a, b), (c, d) = (magnitudes(v) for v in operands)
    return float(np.hypot(a, c)), float(np.hypot(b, d))


def _integer_pow_bounds(operands: Operands, params: Params) -> Interval:
    # An odd power is monotone; an even one falls to zero and rises again.
    x, n = operands[0], params["n"]
    ends = x.low**n, x.high**n
    return 0.0 if n % 2 == 0 and x.low < 0 < x.high else min(ends), max(ends)


def _mod_bounds(operands: Operands, params: Params) -> Interval:
    # A floored remainder has the divisor's sign and is smaller; a truncated one has the dividend's.
    return 0.0, operands[1].high


def _rem_bounds(operands: Operands, params: Params) -> Interval:
    return -operands[1].high, operands[1].high


def _away_from_zero(operands: Operands, params: Params) -> bool:
    return positive_or_negative(operands[1])


def _one_away_from_zero(operands: Operands, params: Params) -> bool:
    return any(positive_or_negative(v, 0.1) for v in operands)


def _atan2_accepts(operands: Operands, params: Params) -> bool:
    # The branch cut runs along the negative second operand: it is positive, or the first signed.
    return operands[1].low >= 0.1 or positive_or_negative(operands[0], 0.1)


def _atan2_bounds(operands: Operands, params: Params) -> Interval:
    return -np.pi, np.pi


def _inverse(operands: Operands) -> tuple[str, Operands] | None:
    """1 / x lowers as the reciprocal does."""
    x, y = operands
    return ("reciprocal", (y,)) if x.is_literal and x.params["value"] == 1 else None


def _small_power(operands: Operands) -> tuple[str, Operands] | None:
    """Squares and cubes are operations of their own."""
    x, n = operands
    name = {2: "square", 3: "cube"}.get(n.params["value"]) if n.is_literal else None
    return (name, (x,)) if name else None


def _require_alike(x: Value, y: Value, dtype: str) -> None:
    """Neither operand may drown the other in a sum or an extremum, at the dtype's precision."""
    low, high = sorted((float(x.samples.std()) + 1e-9, float(y.samples.std()) + 1e-9))
    if high / low > (40 if dtype == "float32" else 8) and not (x.is_literal or y.is_literal):
        raise Rejected("one operand drowns the other")


def _require_crossing(x: Value, y: Value, dtype: str) -> None:
    """Each operand must be the greater one of some elements."""
    _require_alike(x, y, dtype)
    share = (x.samples > y.samples).mean()
    if not 0.2 <= share <= 0.8 or x.size <= 4 and y.size <= 4:
        raise Rejected("one operand always wins")


def _require_wrapping(x: Value, y: Value, dtype: str) -> None:
    """A truncated remainder must differ from its dividend in some elements."""
    if (abs(x.samples) > y.samples).mean() < 0.25:
        raise Rejected("a remainder that never wraps")


def _require_floored_wrapping(x: Value, y: Value, dtype: str) -> None:
    """Likewise a floored one, which differs where the dividend is negative, too."""
    if ((x.samples > y.samples) | (x.samples < 0)).mean() < 0.25:
        raise Rejected("a remainder that never wraps")


def _running_product(x: Value, n: int) -> Interval:
    # Powers of what lies farther from 1 leave every range within a few steps.
    if not is_near_one(x) or n > 10:
        raise Rejected("associative_scan: products of wide range")
    return running_product(x, n)


def _running_extremum(x: Value, n: int) -> Interval:
    return x.low, x.high


def _running_logaddexp(x: Value, n: int) -> Interval:
    return x.low, x.high + float(np.log(n))


def _infix(symbol: str, precedence: int, function: str, lax: str) -> tuple[Spelling, ...]:
    return (
        (14, f"{precedence}|{{0:{precedence}}} {symbol} {{1:{precedence + 1}}}"),
        (2, f"jnp.{function}({{0}}, {{1}})"),
        (1, f"lax.{lax}({{0}}, {{1}})", "same"),
    )


TABLE = (
    binary(
        "add",
        _infix("+", 60, "add", "add"),
        np.add,
        dtypes=NUMBERS,
        linear=True,
        ir_bytes=360,
        dull=True,
        meets=_require_alike,
        cumulated=running_sum,
        weights={"arithmetic": 22, "integer": 5},
    ),
    binary(
        "sub",
        _infix("-", 60, "subtract", "sub"),
        np.subtract,
        dtypes=NUMBERS,
        linear=True,
        ir_bytes=410,
        role="diff",
        dull=True,
        meets=_require_alike,
        weights={"arithmetic": 18, "integer": 4},
    ),
    binary(
        "mul",
        _infix("*", 70, "multiply", "mul"),
        np.multiply,
        dtypes=NUMBERS,
        ir_bytes=580,
        dull=True,
        scales=True,
        cumulated=_running_product,
        weights={"arithmetic": 30, "integer": 4},
    ),
    binary(
        "div",
        _infix("/", 70, "divide", "div"),
        np.divide,
        accepts=_away_from_zero,
        ir_bytes=800,
        dull=True,
        scales=True,
        canonical=_inverse,
        examples=(
            example(array(4, 3), array(4, 3, low=0.5)),
            example(array(4, 3), array(3, low=0.5)),
            example(array(), array(5, low=0.5)),
        ),
        weights={"arithmetic": 10},
    ),
    binary(
        "maximum",
        ((6, "jnp.maximum({0}, {1})"), (1, "lax.max({0}, {1})", "same")),
        np.maximum,
        dtypes=NUMBERS,
        ir_bytes=2490,
        meets=_require_crossing,
        cumulated=_running_extremum,
        weights={"arithmetic": 6, "integer": 3},
    ),
    binary(
        "minimum",
        ((6, "jnp.minimum({0}, {1})"), (1, "lax.min({0}, {1})", "same")),
        np.minimum,
        dtypes=NUMBERS,
        ir_bytes=2870,
        meets=_require_crossing,
        cumulated=_running_extremum,
        weights={"arithmetic": 6, "integer": 3},
    ),
    binary(
        "power",
        ((4, "90|{0:91} ** {1:81}"), (3, "jnp.power({0}, {1})"), (1, "lax.pow({0}, {1})", "same")),
        np.power,
        domain=((0.1, 10.0), (-3.0, 3.0)),
        ir_bytes=1510,
        canonical=_small_power,
        weights={"arithmetic": 4},
    ),
    # A power by a Python integer (4 or more; squares and cubes are operations of their own).
    Op(
        "integer_pow",
        ((4, "90|{0:91} ** {n}"), (1, "jnp.power({0}, {n})"), (1, "lax.integer_pow({0}, {n})")),
        _integer_pow_bounds,
        lambda o, p: o[0].samples ** p["n"],
        domain=((-4, 4),),
        examples=(
            example(array(4, 3), n=4),
            example(array(5), n=5),
        ),
        ir_bytes=720,
    ),
    binary(
        "remainder",
        ((2, "jnp.mod({0}, {1})"), (1, "jnp.remainder({0}, {1})"), (2, "70|{0:70} % {1:71}")),
        np.mod,
        bounds=_mod_bounds,
        domain=(ANY, (0.3, np.inf)),
        meets=_require_floored_wrapping,
        weights={"arithmetic": 2},
        ir_bytes=5440,
    ),
    binary(
        "fmod",
        ((2, "jnp.fmod({0}, {1})"),),
        np.fmod,
        bounds=_rem_bounds,
        domain=(ANY, (0.3, np.inf)),
        meets=_require_wrapping,
        weights={"arithmetic": 1},
        ir_bytes=2180,
    ),
    binary(
        "rem",
        ((1, "lax.rem({0}, {1})", "same"),),
        np.fmod,
        bounds=_rem_bounds,
        domain=(ANY, (0.3, np.inf)),
        accepts=lambda o, p: same_shape_and_dtype(o),
        meets=_require_wrapping,
        examples=(example(array(4, 3), array(4, 3, low=0.5)),),
        weights={"arithmetic": 1},
        ir_bytes=390,
    ),
    binary(
        "arctan2",
        ((4, "jnp.arctan2({0}, {1})"), (1, "lax.atan2({0}, {1})", "same")),
        np.arctan2,
        bounds=_atan2_bounds,
        accepts=_atan2_accepts,
        ir_bytes=600,
        examples=(
            example(array(4, 3), array(4, 3, low=0.2)),
            example(array(4, 3, low=0.2), array(4, 3)),
        ),
        weights={"arithmetic": 3},
    ),
    binary(
        "hypot",
        ((3, "jnp.hypot({0}, {1})"),),
        np.hypot,
        bounds=_hypot_bounds,
        accepts=_one_away_from_zero,
        ir_bytes=19130,
        role="norm",
        examples=(
            example(array(4, 3), array(4, 3, low=0.2)),
            example(array(5, low=0.2), array()),
        ),
        weights={"arithmetic": 3},
    ),
    binary(
        "logaddexp",
        ((3, "jnp.logaddexp({0}, {1})"),),
        np.logaddexp,
        ir_bytes=3790,
        meets=_require_alike,
        cumulated=_running_logaddexp,
        weights={"arithmetic": 3},
    ),
    binary(
        "logaddexp2",
        ((1, "jnp.logaddexp2({0}, {1})"),),
        np.logaddexp2,
        ir_bytes=6200,
        meets=_require_alike,
        weights={"arithmetic": 1},
    ),
    binary(
        "copysign",
        ((1, "jnp.copysign({0}, {1})"),),
        np.copysign,
        dtypes=FLOAT32,
        bounds=lambda o, p: (-o[0].bound, o[0].bound),
        accepts=lambda o, p: positive_or_negative(o[0], 0.05),
        select=(1,),
        examples=(example(array(4, 3, low=0.2), array(4, 3)),),
        weights={"arithmetic": 1},
        ir_bytes=5420,
    ),
)
