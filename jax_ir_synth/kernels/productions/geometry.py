"""The algebra of vectors of three components, clear of identities (a × a = 0, |a/|a|| = 1)."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder import inlined, several
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.idioms import epsilon, named

# Ranges of vector arguments.
_RANGES = {
    (-1.0, 1.0): 14,
    (-2.0, 2.0): 10,
    (-1.5, 1.5): 4,
    (-3.0, 3.0): 4,
    (0.1, 1.0): 3,
    (-0.5, 1.0): 3,
    (0.5, 2.0): 2,
}


@dataclass(frozen=True, eq=False)
class Facts:
    """What intervals and samples can't tell about a vector.

    Attributes:
      basis: the independent vectors that it is a combination of.
      direction: a token that parallel vectors share.
      plane: the vectors whose combinations it is orthogonal to.
      across: the directions that it is orthogonal to.
      unit: whether its length is one.
      rigid: whether its length is that of an earlier vector, so that its length alone says nothing
        about how it was turned.
    """

    basis: frozenset[object]
    direction: object
    plane: frozenset[object] = frozenset()
    across: frozenset[object] = frozenset()
    unit: bool = False
    rigid: bool = False


def note(c: Context, value: Value, **known: Any) -> Value:
    """Registers a vector with what is known about it; by default it stands alone."""
    token = object()
    known.setdefault("basis", frozenset((token,)))
    known.setdefault("direction", token)
    return c.note(value, Facts(**known))


def is_vector(c: Context, value: Value) -> bool:
    """Whether the value is a vector of three components."""
    return id(value) in c.facts


# ---------------------------------------------------------------- vectors and numbers at hand


def fresh_vector(c: Context) -> Value:
    """A new vector argument, one for each point or one for all."""
    c.require_room()
    one = not c.shape or c.vectors and c.stream.chance(30)
    low, high = c.stream.choose(_RANGES)
    value = c.d.argument(
        (3,) if one else (*c.shape, 3), low, high, role="vector3" if one else "vectors3"
    )
    c.vectors.append(note(c, value))
    return value


def fresh_scalar(c: Context, low: float, high: float, role: str) -> Value:
    """A new scalar argument, one for each point or one for all."""
    c.require_room()
    return c.d.argument(c.shape if c.stream.chance(50) else (), low, high, role=role)


def vector(c: Context, exclude: tuple[Value, ...] = ()) -> Value:
    """A vector: one that waits, most often; else an earlier one or a new argument."""
    waiting = [v for v in c.pending if is_vector(c, v) and not any(v is e for e in exclude)]
    roll = c.stream.below(100)
    if waiting and roll < 74:
        return c.stream.choice(waiting)
    known = [v for v in c.vectors if not any(v is e for e in exclude)]
    if known and roll < 88:
        return c.stream.choice(known)
    return fresh_vector(c)


def two_vectors(c: Context) -> tuple[Value, Value]:
    """Two different vectors."""
    u = vector(c)
    return u, vector(c, (u,))


def unit(c: Context, exclude: tuple[Value, ...] = ()) -> Value:
    """A unit vector: one at hand, or one that this normalises."""
    v = vector(c, exclude)
    return v if is_unit(c, v) else normalize(c, v)


def scalar(c: Context) -> Value:
    """A number for each point (or one for all) that is at hand."""
    waiting = [v for v in c.pending if not is_vector(c, v) and v.shape in ((), c.shape)]
    if waiting and c.stream.chance(80):
        return c.stream.choice(waiting)
    known = [v for v in c.made if not is_vector(c, v) and v.shape in ((), c.shape)]
    if known:
        return c.stream.choice(known)
    raise Rejected("no number at hand")


# ---------------------------------------------------------------- facts


def same(c: Context, value: Value, like: Value, **changes: Any) -> Value:
    """Registers a vector that is parallel to another."""
    return c.note(value, replace(c.facts[id(like)], **changes))


def is_unit(c: Context, v: Value) -> bool:
    """Whether a vector's length is known to be one."""
    return c.facts[id(v)].unit


def _distinct(c: Context, u: Value, w: Value) -> tuple[Facts, Facts]:
    f, g = c.facts[id(u)], c.facts[id(w)]
    if f.direction is g.direction:
        raise Rejected("parallel vectors")
    return f, g


# ---------------------------------------------------------------- sums and multiples


def add(c: Context, u: Value, w: Value, op: str = "add") -> Value:
    """Adds two vectors, or subtracts them."""
    f, g = _distinct(c, u, w)
    return note(
        c,
        c.d.apply(op, u, w),
        basis=f.basis | g.basis,
        plane=f.plane & g.plane,
        across=f.across & g.across,
        rigid=f.rigid and g.rigid,
    )


def sub(c: Context, u: Value, w: Value) -> Value:
    """The difference of two vectors."""
    return add(c, u, w, "sub")


def scale(c: Context, u: Value, s: Value | float, op: str = "mul") -> Value:
    """Multiplies or divides u by a number for each vector."""
    if isinstance(s, Value) and s.ndim:
        s = c.d.apply("expand_dims", s, axis=-1)
    first = op == "mul" and c.stream.chance(45)
    changes = {"unit": False, "rigid": False} if isinstance(s, Value) else {"unit": False}
    return same(c, c.d.apply(op, s, u) if first else c.d.apply(op, u, s), u, **changes)


# ---------------------------------------------------------------- products


def _dot_by_matmul(d: ProgramBuilder, u: Value, w: Value, keepdims: bool, **known: Any) -> Value:
    return d.apply("matmul", u, w, **known)


def _dot_by_einsum(d: ProgramBuilder, u: Value, w: Value, keepdims: bool, **known: Any) -> Value:
    equation = d.stream.choice(("ij,ij->i", "ni,ni->n", "bi,bi->b"))
    return d.apply("einsum", u, w, equation=equation, **known)


def _dot_by_sum(d: ProgramBuilder, u: Value, w: Value, keepdims: bool, **known: Any) -> Value:
    return d.apply("sum", d.apply("mul", u, w), axis=-1, keepdims=keepdims, **known)


# By the operands' ranks; a result that keeps its axis is a sum.
_DOTS = {
    (1, 1): {_dot_by_matmul: 6, _dot_by_sum: 4},
    (1, 2): {_dot_by_sum: 10},
    (2, 1): {_dot_by_matmul: 5, _dot_by_sum: 5},
    (2, 2): {_dot_by_einsum: 4, _dot_by_sum: 6},
}


def dot(c: Context, u: Value, w: Value, keepdims: bool = False) -> Value:
    """The dot product along the last axis, in one of its spellings."""
    f, g = _distinct(c, u, w)
    if (
        f.rigid
        and g.rigid
        or f.basis <= g.plane
        or g.basis <= f.plane
        or f.direction in g.across
        or g.direction in f.across
    ):
        raise Rejected("a dot product that is known")
    known: dict[str, Any] = {}
    if f.unit and g.unit:
        typical = np.clip(3 * u.samples * np.roll(w.samples, 1), -0.95, 0.95)
        known["claim"] = (-1.0, 1.0, typical)
    spell = c.stream.choose({_dot_by_sum: 10} if keepdims else _DOTS[u.ndim, w.ndim])
    return spell(c.d, u, w, keepdims, **known)


def cross(c: Context, u: Value, w: Value) -> Value:
    """The cross product."""
    f, g = _distinct(c, u, w)
    across = frozenset((f.direction, g.direction))
    return note(
        c,
        c.d.apply("cross", u, w),
        plane=f.basis | g.basis,
        across=across,
        rigid=f.rigid and g.rigid,
    )


# ---------------------------------------------------------------- lengths and directions


def _require_measurable(c: Context, u: Value) -> None:
    f = c.facts[id(u)]
    if f.unit or f.rigid:
        raise Rejected("a length that is known")


def _sum_squares(d: ProgramBuilder, u: Value, keepdims: bool) -> Value:
    return d.apply("sum", d.apply("square", u), axis=-1, keepdims=keepdims)


def _sum_products(d: ProgramBuilder, u: Value, keepdims: bool) -> Value:
    return d.apply("sum", d.claim("mul", 0.0, u.bound**2, u, u), axis=-1, keepdims=keepdims)


def _square_by_matmul(d: ProgramBuilder, u: Value, keepdims: bool) -> Value:
    return d.claim("matmul", 0.0, 3 * u.bound**2, u, u)


def _square_by_einsum(d: ProgramBuilder, u: Value, keepdims: bool) -> Value:
    return d.claim("einsum", 0.0, 3 * u.bound**2, u, u, equation="ij,ij->i")


# By the operand's rank; a result that keeps its axis is a sum.
_SQUARED_LENGTHS = {
    1: (_sum_squares, _square_by_matmul, _sum_products, _sum_squares),
    2: (_square_by_einsum, _sum_squares, _sum_products, _sum_squares),
}
_KEPT_SQUARED_LENGTHS = (_sum_squares, _sum_squares, _sum_products, _sum_squares)


def length_squared(c: Context, u: Value, keepdims: bool = False) -> Value:
    """The sum of squares."""
    _require_measurable(c, u)
    ways = _KEPT_SQUARED_LENGTHS if keepdims else _SQUARED_LENGTHS[u.ndim]
    return c.stream.choice(ways)(c.d, u, keepdims)


def length(c: Context, u: Value, keepdims: bool = False) -> Value:
    """The Euclidean length, of a vector whose length isn't known."""
    _require_measurable(c, u)
    return any_length(c, u, keepdims)


def any_length(c: Context, u: Value, keepdims: bool = False) -> Value:
    """The Euclidean length, where the caller vouches that it says something."""
    if c.stream.chance(55):
        return c.d.apply("norm", u, axis=-1, keepdims=keepdims)
    squares = c.d.apply("sum", c.d.apply("square", u), axis=-1, keepdims=keepdims)
    if c.stream.chance(50):
        squares = c.d.apply("add", squares, epsilon(c.d))
    return named(
        c.d.claim("sqrt", math.sqrt(max(0.0, squares.low)), math.sqrt(squares.high), squares),
        "norm",
    )


def normalize(c: Context, u: Value) -> Value:
    """The unit vector along u."""
    if is_unit(c, u):
        raise Rejected("a unit vector already")
    return same(c, named(_unit(c, u), "direction"), u, unit=True, rigid=False)


def _times_inverse_length(c: Context, u: Value, typical: np.ndarray) -> Value:
    d = c.d
    squares = d.apply("sum", d.apply("square", u), axis=-1, keepdims=True)
    squares = d.apply("add", squares, epsilon(d))
    inverse = d.claim(
        "rsqrt",
        1 / math.sqrt(squares.high),
        1000.0,
        squares,
        typical=1 / np.sqrt(np.maximum(squares.samples, 0.01)),
    )
    return d.claim("mul", -1, 1, u, inverse, typical=typical)


def _over_length_plus_epsilon(c: Context, u: Value, typical: np.ndarray) -> Value:
    norm = any_length(c, u, keepdims=True)
    norm = c.d.apply("add", norm, epsilon(c.d))
    return c.d.claim("div", -1, 1, u, norm, typical=typical)


def _over_length_or_epsilon(c: Context, u: Value, typical: np.ndarray) -> Value:
    norm = any_length(c, u, keepdims=True)
    norm = c.d.apply("maximum", norm, epsilon(c.d))
    return c.d.claim("div", -1, 1, u, norm, typical=typical)


def _over_length(c: Context, u: Value, typical: np.ndarray) -> Value:
    return c.d.claim("div", -1, 1, u, any_length(c, u, keepdims=True), typical=typical)


_DIRECTIONS = {
    _times_inverse_length: 1,
    _over_length_plus_epsilon: 2,
    _over_length_or_epsilon: 1,
    _over_length: 2,
}


def _unit(c: Context, u: Value) -> Value:
    direction = c.stream.choose(_DIRECTIONS)
    rms = math.sqrt(3 * float((u.samples**2).mean())) + 1e-9
    return direction(c, u, np.clip(u.samples / rms, -0.98, 0.98))


def normalize_both(c: Context, u: Value, w: Value) -> tuple[Value, Value]:
    """Unit vectors along u and w, by a helper that is called twice."""
    if is_unit(c, u) or is_unit(c, w):
        raise Rejected("a unit vector already")
    _distinct(c, u, w)
    (a,), (b,) = inlined.helper(c.d, [(u,), (w,)], lambda v: _unit(c, v), "normalize")
    return (
        same(c, named(a, "direction"), u, unit=True, rigid=False),
        same(c, named(b, "direction"), w, unit=True, rigid=False),
    )


def project(c: Context, u: Value, n: Value) -> Value:
    """The part of u along n."""
    if is_unit(c, n):
        return same(c, c.d.apply("mul", dot(c, u, n, keepdims=True), n), n, unit=False)
    along = dot(c, u, n, keepdims=True)
    ratio = c.d.claim(
        "div",
        -u.bound * 20,
        u.bound * 20,
        along,
        c.d.apply("add", length_squared(c, n, keepdims=True), 0.05),
    )
    return same(c, c.d.apply("mul", ratio, n), n, unit=False, rigid=False)


def reject(c: Context, u: Value, n: Value) -> Value:
    """The part of u across n, a unit vector."""
    f, g = _distinct(c, u, n)
    if not g.unit:
        raise Rejected("reject: a unit vector is wanted")
    across = c.d.apply("sub", u, c.d.apply("mul", dot(c, u, n, keepdims=True), n))
    return note(c, across, basis=f.basis | g.basis, across=frozenset((g.direction,)))


def reflect(c: Context, u: Value, n: Value) -> Value:
    """Mirrors u at the plane of unit normal n: u - 2 (u·n) n."""
    f, g = _distinct(c, u, n)
    if not g.unit:
        raise Rejected("reflect: a unit vector is wanted")
    twice = c.d.apply("mul", c.d.apply("mul", 2.0, dot(c, u, n, keepdims=True)), n)
    return note(
        c,
        c.d.claim("sub", -math.sqrt(3) * u.bound, math.sqrt(3) * u.bound, u, twice),
        basis=f.basis | g.basis,
        rigid=True,
    )


def rotate_about(c: Context, u: Value, axis: Value, angle: Value) -> Value:
    """Rodrigues' rotation of u about a unit vector."""
    _distinct(c, u, axis)
    if not is_unit(c, axis):
        raise Rejected("rotation: a unit axis is wanted")
    d = c.d
    cos, sin = named(d.apply("cos", angle), "cos"), named(d.apply("sin", angle), "sin")
    if angle.ndim:
        cos, sin = (d.apply("expand_dims", v, axis=-1) for v in (cos, sin))
    along = d.apply(
        "mul", d.apply("mul", axis, dot(c, axis, u, keepdims=True)), d.apply("sub", 1.0, cos)
    )
    turned = d.apply("add", d.apply("mul", u, cos), d.apply("mul", d.apply("cross", axis, u), sin))
    bound = math.sqrt(3) * u.bound
    return note(c, named(d.claim("add", -bound, bound, turned, along), "rotated"), rigid=True)


def rotate_by_quaternion(c: Context, u: Value, q: Value, unit: bool) -> Value:
    """Turns u by quaternions (scalar first)."""
    d = c.d
    w = d.apply("slice", q, axis=-1, start=0, stop=1, step=1)
    axis = d.apply("slice", q, axis=-1, start=1, stop=4, step=1)
    twice = d.apply("mul", 2.0, d.apply("cross", axis, u))
    turned = d.apply(
        "add", d.apply("add", u, d.apply("mul", w, twice)), d.apply("cross", axis, twice)
    )
    return note(c, named(turned, "rotated"), rigid=unit)


def rotate_by_matrix(c: Context, u: Value, m: Value) -> Value:
    """Multiplies u by a 3 by 3 matrix, one for all or one for each."""
    d = c.d
    if m.ndim == 2:
        if u.ndim == 1:
            turned = d.apply("matmul", m, u)
        elif d.stream.chance(50):
            turned = d.apply("matmul", u, d.apply("transpose", m, perm=(1, 0)))
        else:
            turned = d.apply("einsum", m, u, equation="ij,nj->ni")
    elif u.ndim == 2:
        turned = d.apply("einsum", m, u, equation="nij,nj->ni")
    else:
        turned = d.apply("einsum", m, u, equation="nij,j->ni")
    return note(c, named(turned, "rotated"))


def rotate_about_coordinate_axis(c: Context, u: Value, angle: Value) -> Value:
    """Turns u about a coordinate axis, component by component."""
    d = c.d
    parts = list((several.components if d.stream.chance(60) else several.unstack)(d, u, -1))
    axis = d.stream.below(3)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    a, b = parts[one], parts[other]
    cos, sin = named(d.apply("cos", angle), "cos"), named(d.apply("sin", angle), "sin")
    parts[one] = d.apply("sub", d.apply("mul", cos, a), d.apply("mul", sin, b))
    parts[other] = d.apply("add", d.apply("mul", sin, a), d.apply("mul", cos, b))
    if parts[one].shape != parts[axis].shape:
        raise Rejected("rotation: the angles outnumber the vectors")
    return note(c, named(d.apply("stack", *parts, axis=-1), "rotated"), rigid=True)


def scale_by_some_number(c: Context, u: Value) -> Value:
    """Multiplies u by a number that people write."""
    numbers = (2.0, 0.5, 0.1, 0.25, 1.5, 3.0, 0.8, 0.9, 0.01, 10.0)
    return c.d.attempt(lambda: scale(c, u, c.stream.choice(numbers)))
