"""Binary elementwise operations: arithmetic, comparisons, integer and bitwise work."""

import numpy as np

from jax_ir_synth.kernels.ops.base import ANY, Op, bool_dtype, positive_or_negative

NUMBERS = ("float32", "float16", "bfloat16", "int32")
INT = {"dtypes": ("int32",), "smooth": False}


def _corners(fn):
    """Range of an operation that is monotone in each operand: its values at the corners."""

    def bounds(operands, params):
        x, y = operands
        corners = fn(
            np.array([x.low, x.low, x.high, x.high]), np.array([y.low, y.high, y.low, y.high])
        )
        return float(corners.min()), float(corners.max())

    return bounds


def _binary(name, spellings, fn, bounds=None, domain=(ANY, ANY), **options):
    return Op(
        name,
        spellings,
        bounds=bounds or _corners(fn),
        sample=lambda operands, params: fn(operands[0].samples, operands[1].samples),
        domain=domain,
        **options,
    )


def _magnitudes(value):
    low = 0.0 if value.low < 0 < value.high else min(abs(value.low), abs(value.high))
    return low, max(abs(value.low), abs(value.high))


def _hypot_bounds(operands, params):
    (a, b), (c, d) = (_magnitudes(v) for v in operands)
    return float(np.hypot(a, c)), float(np.hypot(b, d))


def _integer_pow_bounds(operands, params):
    x, n = operands[0], params["n"]
    ends = x.low**n, x.high**n
    return 0.0 if n % 2 == 0 and x.low < 0 < x.high else min(ends), max(ends)


def _mod_bounds(operands, params):
    return 0.0, operands[1].high


def _rem_bounds(operands, params):
    return -operands[1].high, operands[1].high


def _bit_bounds(operands, params):
    top = max(operands[0].high, operands[1].high, 1)
    return 0.0, float(2 ** int(np.ceil(np.log2(top + 1))) - 1)


def _away_from_zero(operands, params):
    return positive_or_negative(operands[1])


def _int_away_from_zero(operands, params):
    return operands[1].low >= 1


def _one_away_from_zero(operands, params):
    return any(positive_or_negative(v, 0.1) for v in operands)


def _atan2_accepts(operands, params):
    # The branch cut runs along the negative second operand: keep it positive, or the first one signed.
    return operands[1].low >= 0.1 or positive_or_negative(operands[0], 0.1)


def _atan2_bounds(operands, params):
    return -np.pi, np.pi


def _ints(fn):
    return lambda x, y: fn(x.astype(np.int64), y.astype(np.int64)).astype(np.float64)


def _infix(symbol, precedence, function, lax=None, weight=14):
    spelled = [
        (weight, f"{precedence}|{{0:{precedence}}} {symbol} {{1:{precedence + 1}}}"),
        (2, f"jnp.{function}({{0}}, {{1}})"),
    ]
    if lax:
        spelled.append((1, f"lax.{lax}({{0}}, {{1}})", "same"))
    return tuple(spelled)


_compare = {
    "dtype": bool_dtype,
    "smooth": False,
    "dtypes": NUMBERS,
    "bounds": lambda o, p: (0.0, 1.0),
}

TABLE = (
    _binary("add", _infix("+", 60, "add", "add"), np.add, dtypes=NUMBERS, linear=True),
    _binary("sub", _infix("-", 60, "subtract", "sub"), np.subtract, dtypes=NUMBERS, linear=True),
    _binary("mul", _infix("*", 70, "multiply", "mul"), np.multiply, dtypes=NUMBERS),
    _binary("div", _infix("/", 70, "divide", "div"), np.divide, accepts=_away_from_zero),
    _binary(
        "maximum",
        ((6, "jnp.maximum({0}, {1})"), (1, "lax.max({0}, {1})", "same")),
        np.maximum,
        dtypes=NUMBERS,
    ),
    _binary(
        "minimum",
        ((6, "jnp.minimum({0}, {1})"), (1, "lax.min({0}, {1})", "same")),
        np.minimum,
        dtypes=NUMBERS,
    ),
    _binary(
        "power",
        ((4, "90|{0:91} ** {1:81}"), (3, "jnp.power({0}, {1})"), (1, "lax.pow({0}, {1})", "same")),
        np.power,
        domain=((0.1, 10.0), (-3.0, 3.0)),
    ),
    # A power by a Python integer (4 or more; squares and cubes are operations of their own).
    Op(
        "integer_pow",
        ((4, "90|{0:91} ** {n}"), (1, "jnp.power({0}, {n})"), (1, "lax.integer_pow({0}, {n})")),
        _integer_pow_bounds,
        lambda o, p: o[0].samples ** p["n"],
        domain=((-4, 4),),
    ),
    _binary(
        "remainder",
        ((2, "jnp.mod({0}, {1})"), (1, "jnp.remainder({0}, {1})"), (2, "70|{0:70} % {1:71}")),
        np.mod,
        bounds=_mod_bounds,
        domain=(ANY, (0.3, np.inf)),
    ),
    _binary(
        "fmod",
        ((2, "jnp.fmod({0}, {1})"),),
        np.fmod,
        bounds=_rem_bounds,
        domain=(ANY, (0.3, np.inf)),
    ),
    _binary(
        "rem",
        ((1, "lax.rem({0}, {1})", "same"),),
        np.fmod,
        bounds=_rem_bounds,
        domain=(ANY, (0.3, np.inf)),
        accepts=lambda o, p: (
            o[0].shape == o[1].shape
            and o[0].dtype == o[1].dtype
            and not o[0].weak
            and not o[1].weak
        ),
    ),
    _binary(
        "arctan2",
        ((4, "jnp.arctan2({0}, {1})"), (1, "lax.atan2({0}, {1})", "same")),
        np.arctan2,
        bounds=_atan2_bounds,
        accepts=_atan2_accepts,
    ),
    _binary(
        "hypot",
        ((3, "jnp.hypot({0}, {1})"),),
        np.hypot,
        bounds=_hypot_bounds,
        accepts=_one_away_from_zero,
    ),
    _binary("logaddexp", ((3, "jnp.logaddexp({0}, {1})"),), np.logaddexp),
    _binary("logaddexp2", ((1, "jnp.logaddexp2({0}, {1})"),), np.logaddexp2),
    _binary(
        "copysign",
        ((1, "jnp.copysign({0}, {1})"),),
        np.copysign,
        dtypes=("float32",),
        bounds=lambda o, p: (-o[0].bound, o[0].bound),
        accepts=lambda o, p: positive_or_negative(o[0], 0.05),
        select=(1,),
    ),
    # comparisons
    _binary(
        "greater",
        ((6, "10|{0:11} > {1:11}"), (1, "jnp.greater({0}, {1})"), (1, "lax.gt({0}, {1})", "same")),
        lambda x, y: (x > y) * 1.0,
        **_compare,
    ),
    _binary(
        "less",
        ((5, "10|{0:11} < {1:11}"), (1, "jnp.less({0}, {1})"), (1, "lax.lt({0}, {1})", "same")),
        lambda x, y: (x < y) * 1.0,
        **_compare,
    ),
    _binary(
        "greater_equal",
        ((4, "10|{0:11} >= {1:11}"), (1, "jnp.greater_equal({0}, {1})")),
        lambda x, y: (x >= y) * 1.0,
        **_compare,
    ),
    _binary(
        "less_equal",
        ((4, "10|{0:11} <= {1:11}"), (1, "jnp.less_equal({0}, {1})")),
        lambda x, y: (x <= y) * 1.0,
        **_compare,
    ),
    _binary(
        "equal",
        ((6, "10|{0:11} == {1:11}"), (1, "jnp.equal({0}, {1})")),
        lambda x, y: (x == y) * 1.0,
        **(_compare | {"dtypes": ("int32",)}),
    ),
    _binary(
        "not_equal",
        ((5, "10|{0:11} != {1:11}"), (1, "jnp.not_equal({0}, {1})")),
        lambda x, y: (x != y) * 1.0,
        **(_compare | {"dtypes": ("int32",)}),
    ),
    _binary(
        "logical_and",
        ((4, "jnp.logical_and({0}, {1})"), (3, "30|{0:31} & {1:31}")),
        np.minimum,
        dtypes=("bool",),
        smooth=False,
    ),
    _binary(
        "logical_or",
        ((4, "jnp.logical_or({0}, {1})"), (3, "20|{0:21} | {1:21}")),
        np.maximum,
        dtypes=("bool",),
        smooth=False,
    ),
    _binary(
        "logical_xor",
        ((3, "jnp.logical_xor({0}, {1})"), (1, "25|{0:26} ^ {1:26}")),
        lambda x, y: np.abs(x - y),
        bounds=lambda o, p: (0.0, 1.0),
        dtypes=("bool",),
        smooth=False,
    ),
    # integers
    _binary(
        "int_mod",
        ((3, "70|{0:70} % {1:71}"), (1, "jnp.mod({0}, {1})"), (1, "jnp.remainder({0}, {1})")),
        np.mod,
        bounds=lambda o, p: (0.0, o[1].high - 1),
        accepts=_int_away_from_zero,
        **INT,
    ),
    _binary(
        "int_floor_divide",
        ((3, "70|{0:70} // {1:71}"), (1, "jnp.floor_divide({0}, {1})")),
        np.floor_divide,
        accepts=_int_away_from_zero,
        **INT,
    ),
    _binary(
        "int_div",
        ((1, "lax.div({0}, {1})", "same"),),
        lambda x, y: np.trunc(x / y),
        accepts=lambda o, p: (
            o[1].low >= 1 and o[0].shape == o[1].shape and not o[0].weak and not o[1].weak
        ),
        **INT,
    ),
    _binary(
        "bitwise_and",
        ((4, "30|{0:31} & {1:31}"), (2, "jnp.bitwise_and({0}, {1})")),
        _ints(np.bitwise_and),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **INT,
    ),
    _binary(
        "bitwise_or",
        ((4, "20|{0:21} | {1:21}"), (1, "jnp.bitwise_or({0}, {1})")),
        _ints(np.bitwise_or),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **INT,
    ),
    _binary(
        "bitwise_xor",
        ((4, "25|{0:26} ^ {1:26}"), (1, "jnp.bitwise_xor({0}, {1})")),
        _ints(np.bitwise_xor),
        bounds=_bit_bounds,
        domain=((0, 2**20), (0, 2**20)),
        **INT,
    ),
    _binary(
        "left_shift",
        ((3, "40|{0:41} << {1:41}"), (1, "jnp.left_shift({0}, {1})")),
        _ints(np.left_shift),
        bounds=lambda o, p: (0.0, o[0].high * 2.0 ** o[1].high),
        domain=((0, 1024), (0, 6)),
        **INT,
    ),
    _binary(
        "right_shift",
        ((3, "40|{0:41} >> {1:41}"), (1, "jnp.right_shift({0}, {1})")),
        _ints(np.right_shift),
        bounds=lambda o, p: (0.0, o[0].high),
        domain=((0, 2**20), (0, 6)),
        **INT,
    ),
)

# Operators between floats, by how often people write them (none that JAX writes out as a choice).
FLOAT_OPS = (
    "mul",
    "add",
    "sub",
    "div",
    "maximum",
    "minimum",
    "power",
    "remainder",
    "fmod",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "rem",
)
FLOAT_WEIGHTS = (30, 22, 18, 10, 6, 6, 4, 2, 1, 3, 3, 3, 1, 1, 1)
INT_OPS = (
    "add",
    "sub",
    "mul",
    "maximum",
    "minimum",
    "int_mod",
    "int_floor_divide",
    "int_div",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
)
INT_WEIGHTS = (5, 4, 4, 3, 3, 4, 3, 1, 4, 4, 4, 3, 3)
FLOAT_COMPARE = ("greater", "less", "greater_equal", "less_equal")
INT_COMPARE = FLOAT_COMPARE + ("equal", "not_equal")
