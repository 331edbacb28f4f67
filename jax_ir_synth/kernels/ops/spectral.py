"""Fourier transforms, handed on as real numbers: parts of a spectrum, and filters applied in it."""

from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Rejected, Samples, Shape
from jax_ir_synth.kernels.ops.base import FLOAT32, Op, first_dtype
from jax_ir_synth.kernels.ops.examples import array, example
from jax_ir_synth.kernels.ops.rules import around, spread


def _length(operands: Operands) -> int:
    if operands[0].ndim < 1 or operands[0].shape[-1] < 4:
        raise Rejected("a spectrum of fewer than four values")
    return operands[0].shape[-1]


def _summed_bounds(operands: Operands, params: Params) -> Interval:
    # A coefficient is a sum of n elements times numbers of size one.
    n = _length(operands)
    return -n * operands[0].bound, n * operands[0].bound


def _spectrum_sample(operands: Operands, params: Params) -> Samples:
    # Each part of a coefficient is a sum of n elements times cosines (or sines), whose mean square
    # is a half: for independent elements its variance is n / 2 of theirs.
    mean, std = spread(operands[0])
    return around(0.0, float(np.sqrt(_length(operands) / 2)) * max(std, 0.3 * abs(mean)))


def _halved(operands: Operands, params: Params) -> Shape:
    return operands[0].shape[:-1] + (_length(operands) // 2 + 1,)


def _whole(operands: Operands, params: Params) -> Shape:
    _length(operands)
    return operands[0].shape


def _gains(operands: Operands, params: Params) -> Shape:
    x, gain = operands
    if gain.ndim != 1 or gain.shape[0] != _length(operands) // 2 + 1 or x.shape[-1] % 2:
        raise Rejected("one gain for each frequency of an even length")
    return x.shape


def _filtered_bounds(operands: Operands, params: Params) -> Interval:
    # Each value is a mean over n frequencies of a sum over n values, times a gain.
    bound = operands[0].shape[-1] * operands[0].bound * operands[1].bound
    return -bound, bound


_DTYPES: dict[str, Any] = {"dtype": first_dtype, "dtypes": FLOAT32}
# One signal, and one in each row.
SIGNALS = (example(array(8)), example(array(4, 6)))

TABLE = (
    Op(
        "fft_real",
        ((2, "jnp.real(jnp.fft.fft({0}))"), (1, "jnp.fft.fft({0}).real")),
        _summed_bounds,
        _spectrum_sample,
        shape=_whole,
        **_DTYPES,
        ir_bytes=1400,
        examples=SIGNALS,
    ),
    Op(
        "fft_imag",
        ((2, "jnp.imag(jnp.fft.rfft({0}))"), (1, "jnp.fft.rfft({0}).imag")),
        _summed_bounds,
        _spectrum_sample,
        shape=_halved,
        **_DTYPES,
        ir_bytes=3610,
        examples=SIGNALS,
    ),
    Op(
        "fft_filter",
        ((1, "jnp.fft.irfft(jnp.fft.rfft({0}) * {1}, n={length})"),),
        _filtered_bounds,
        lambda o, p: o[0].samples * o[1].samples.mean(),
        shape=_gains,
        **_DTYPES,
        ir_bytes=10020,
        examples=(example(array(4, 8), array(5, low=0.2), length=8),),
    ),
)
