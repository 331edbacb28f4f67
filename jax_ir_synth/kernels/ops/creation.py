"""Arrays from nothing, or from the shape of another."""

from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import SAMPLES, Interval, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import (
    NUMBERS_AND_BOOLEANS,
    Op,
    first_dtype,
    first_shape,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, example, integers
from jax_ir_synth.kernels.ops.rules import (
    RAMP,
    of_param,
)


def _filled(value: float) -> dict[str, Any]:
    return {
        "bounds": lambda o, p: (value, value),
        "sample": lambda o, p: np.full(SAMPLES, value),
    }


_NEW: dict[str, Any] = {
    "shape": of_param("shape"),
    "dtype": of_param("dtype"),
    "checked": False,
    "dtypes": NUMBERS_AND_BOOLEANS,
    "smooth": False,
}
_LIKE: dict[str, Any] = {
    "shape": first_shape,
    "dtype": first_dtype,
    "checked": False,
    "dtypes": NUMBERS_AND_BOOLEANS,
    "smooth": False,
    "select": (0,),
}


def _value_bounds(operands: Operands, params: Params) -> Interval:
    return params["value"], params["value"]


def _value_sample(operands: Operands, params: Params) -> Samples:
    return np.full(SAMPLES, params["value"])


def _arange_bounds(operands: Operands, params: Params) -> Interval:
    return 0.0, float(params["shape"][0] - 1)


def _arange_sample(operands: Operands, params: Params) -> Samples:
    length: int = params["shape"][0]
    return np.round(RAMP * (length - 1))


TABLE = (
    Op(
        "zeros",
        (
            (4, "jnp.zeros({shape}{dtype_kw})"),
            (1, "jnp.zeros({shape}, {dtype})"),
            (1, "jnp.empty({shape}{dtype_kw})"),
        ),
        **_filled(0.0),
        **_NEW,
        ir_bytes=1120,
        role="zeros",
        dull=True,
        examples=(
            example(shape=(4, 3), dtype="float32"),
            example(shape=(5,), dtype="int32"),
        ),
    ),
    Op(
        "ones",
        ((1, "jnp.ones({shape}{dtype_kw})"),),
        **_filled(1.0),
        **_NEW,
        ir_bytes=600,
        dull=True,
        examples=(
            example(shape=(4, 3), dtype="float32"),
            example(shape=(5,), dtype="int32"),
        ),
    ),
    Op(
        "full",
        ((1, "jnp.full({shape}, {value}{dtype_kw})"),),
        _value_bounds,
        _value_sample,
        **_NEW,
        dull=True,
        examples=(example(shape=(4, 3), value=0.5, dtype="float32"),),
        ir_bytes=400,
    ),
    Op(
        "zeros_like",
        ((1, "jnp.zeros_like({0})"),),
        **_filled(0.0),
        **_LIKE,
        ir_bytes=1150,
        role="zeros",
        title="",
        examples=(
            example(array(4, 3)),
            example(integers(5)),
        ),
    ),
    Op(
        "ones_like",
        ((1, "jnp.ones_like({0})"),),
        **_filled(1.0),
        **_LIKE,
        title="",
        examples=(
            example(array(4, 3)),
            example(integers(5)),
        ),
        ir_bytes=360,
    ),
    Op(
        "full_like",
        ((1, "jnp.full_like({0}, {value})"),),
        _value_bounds,
        _value_sample,
        **_LIKE,
        ir_bytes=1160,
        examples=(example(array(4, 3), value=0.5),),
    ),
    Op(
        "arange",
        ((4, "jnp.arange({n}{int_dtype_kw})"), (1, "lax.iota({dtype}, {n})")),
        _arange_bounds,
        _arange_sample,
        **_NEW,
        ir_bytes=330,
        role="index",
        dull=True,
        examples=(
            example(shape=(6,), dtype="int32"),
            example(shape=(6,), dtype="float32"),
        ),
    ),
    Op(
        "linspace",
        ((1, "jnp.linspace({start}, {stop}, {n})"),),
        lambda o, p: (p["start"], p["stop"]),
        lambda o, p: p["start"] + (p["stop"] - p["start"]) * RAMP,
        **_NEW,
        ir_bytes=3240,
        examples=(example(shape=(5,), dtype="float32", start=-1.0, stop=2.0),),
    ),
    Op(
        "eye",
        ((2, "jnp.eye({n})"), (1, "jnp.identity({n})")),
        unit_bounds,
        lambda o, p: (RAMP > 0.9).astype(float),
        **_NEW,
        ir_bytes=9410,
        title="",
        examples=(example(shape=(4, 4), dtype="float32"),),
    ),
    Op(
        "broadcasted_iota",
        ((1, "lax.broadcasted_iota({dtype}, {shape}, {dimension})"),),
        lambda o, p: (0.0, float(p["shape"][p["dimension"]] - 1)),
        lambda o, p: np.round(RAMP * (p["shape"][p["dimension"]] - 1)),
        **_NEW,
        examples=(example(shape=(4, 3), dtype="int32", dimension=1),),
        ir_bytes=300,
    ),
)
