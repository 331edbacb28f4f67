"""Products of arrays, and the einsum that each of them is."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from jax_ir_synth.kernels.builder.values import (
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
)
from jax_ir_synth.kernels.ops.base import FLOAT32, Op, Spelling, first_dtype, promoted_dtype
from jax_ir_synth.kernels.ops.examples import array, example
from jax_ir_synth.kernels.ops.rules import of_param, products, spread, summed, with_ndim


def einsum_shape(equation: str, shapes: Sequence[Shape]) -> tuple[Shape, int]:
    """The result's shape and the number of products summed into each of its elements."""
    inputs, output = equation.split("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(inputs.split(","), shapes, strict=True):
        if len(letters) != len(shape):
            raise Rejected("einsum: rank")
        for letter, n in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise Rejected("einsum: sizes")
    count = math.prod(n for letter, n in sizes.items() if letter not in output)
    return tuple(sizes[letter] for letter in output), count


def contraction(operands: Operands, count: int) -> tuple[Interval, Samples]:
    """Range and samples of a sum of `count` products."""
    # A bilinear function of two intervals has its extrema at the corners; n such products add up.
    x, y = operands
    low, high = products(x, y)
    product = x.samples * y.samples
    return (count * low, count * high), summed(float(product.mean()), float(product.std()), count)


def _contract(
    name: str,
    spellings: tuple[Spelling, ...],
    einsum: Callable[[Operands, Params], str],
    **options: Any,
) -> Op:
    """A product described by its einsum: `einsum(operands, params)` gives it."""

    def shape(operands: Operands, params: Params) -> Shape:
        return einsum_shape(einsum(operands, params), [x.shape for x in operands])[0]

    def count(operands: Operands, params: Params) -> int:
        return einsum_shape(einsum(operands, params), [x.shape for x in operands])[1]

    return Op(
        name,
        spellings,
        lambda o, p: contraction(o, count(o, p))[0],
        lambda o, p: contraction(o, count(o, p))[1],
        shape=shape,
        dtype=promoted_dtype,
        **({"equation": einsum} | options),
    )


_DOT = {
    (1, 1): "i,i->",
    (2, 1): "ij,j->i",
    (1, 2): "i,ij->j",
    (2, 2): "ij,jk->ik",
    (3, 1): "bij,j->bi",
    (3, 2): "bij,jk->bik",
    (3, 3): "bij,bjk->bik",
}


def _dot_equation(operands: Operands, params: Params) -> str:
    ranks = operands[0].ndim, operands[1].ndim
    if ranks not in _DOT:
        raise Rejected(f"matmul: ranks {ranks}")
    return _DOT[ranks]


def canonical_equation(equation: str) -> str:
    """The einsum with its letters renamed to a, b, c, … in order of appearance."""
    letters = dict.fromkeys(c for c in equation if c.isalpha())
    return equation.translate({ord(c): "abcdefghijklm"[i] for i, c in enumerate(letters)})


def _convolution_bounds(operands: Operands, params: Params) -> Interval:
    # At the ends, fewer products than the shorter operand has elements are summed, down to none.
    low, high = products(*operands)
    n = min(v.shape[0] for v in operands)
    return n * min(0.0, low), n * max(0.0, high)


TABLE = (
    _contract(
        "einsum",
        ((4, 'jnp.einsum("{equation}", {0}, {1})'), (1, "jnp.vecdot({0}, {1})", "rows")),
        of_param("equation"),
        ir_bytes=1070,
        role="matmul",
        title="contraction",
        examples=(
            example(array(4, 3), array(4, 5), equation="ij,ik->jk"),
            example(array(4, 3), array(4, 3), equation="ij,ij->i"),
        ),
    ),
    _contract(
        "matmul",
        (
            (3, "70|{0:70} @ {1:71}"),
            (4, "jnp.dot({0}, {1})", "dot"),
            (3, "jnp.matmul({0}, {1})"),
            (1, "lax.dot({0}, {1})", "dot2"),
            (1, "lax.dot_general({0}, {1}, (((1,), (0,)), ((), ())))", "mat2"),
            (2, "jnp.vdot({0}, {1})", "vec1"),
        ),
        _dot_equation,
        ir_bytes=750,
        role="matmul",
        title="projection",
        examples=(
            example(array(4, 3), array(3, 5)),
            example(array(4, 3), array(3)),
            example(array(5), array(5)),
            example(array(2, 4, 3), array(2, 3, 5)),
        ),
    ),
    _contract(
        "vdot",
        ((1, "jnp.vdot({0}, {1})"),),
        lambda o, p: "i,i->" if o[0].ndim == 1 else "ij,ij->",
        # A matrix is flattened first, which no einsum does.
        equation=lambda o, p: "i,i->" if o[0].ndim == 1 else None,
        ir_bytes=160,
        examples=(
            example(array(5), array(5)),
            example(array(4, 3), array(4, 3)),
        ),
    ),
    _contract(
        "tensordot",
        ((1, "jnp.tensordot({0}, {1}, axes={axes})"),),
        lambda o, p: {1: "ij,jk->ik", 2: "ij,ij->"}[p["axes"]],
        ir_bytes=600,
        examples=(
            example(array(4, 3), array(3, 5), axes=1),
            example(array(4, 3), array(4, 3), axes=2),
        ),
        role="matmul",
    ),
    _contract(
        "outer",
        ((2, "jnp.outer({0}, {1})"), (1, "70|{0:99}[:, None] * {1:99}[None, :]")),
        lambda o, p: "i,j->ij",
        equation=None,  # lowered as a product of broadcast vectors
        ir_bytes=3840,
        examples=(example(array(4), array(5)),),
    ),
    Op(
        "trace",
        ((1, "jnp.trace({0})"),),
        lambda o, p: (min(o[0].shape) * o[0].low, min(o[0].shape) * o[0].high),
        lambda o, p: summed(*spread(o[0]), min(o[0].shape)),
        shape=lambda o, p: with_ndim(o[0], 2).shape[:0],
        dtype=first_dtype,
        linear=True,
        ir_bytes=3250,
        examples=(
            example(array(4, 4)),
            example(array(4, 3)),
        ),
    ),
    Op(
        "convolve",
        ((3, 'jnp.convolve({0}, {1}, mode="{mode}")'),),
        _convolution_bounds,
        lambda o, p: contraction(o, min(o[1].shape[0], o[0].shape[0]))[1],
        shape=lambda o, p: _convolved(o[0], o[1], p["mode"]),
        dtypes=FLOAT32,
        ir_bytes=3790,
        examples=(
            example(array(8), array(3), mode="same"),
            example(array(8), array(3), mode="valid"),
            example(array(8), array(3), mode="full"),
        ),
    ),
)


def _convolved(x: Value, kernel: Value, mode: str) -> Shape:
    n, k = with_ndim(x, 1).shape[0], with_ndim(kernel, 1).shape[0]
    if k > n:
        raise Rejected("convolve: kernel longer than the signal")
    return ({"same": n, "valid": n - k + 1, "full": n + k - 1}[mode],)
