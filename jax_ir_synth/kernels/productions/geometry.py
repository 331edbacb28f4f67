"""The algebra of vectors of three components, clear of identities (a × a = 0, |a/|a|| = 1)."""

import math
from dataclasses import dataclass

import numpy as np

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import several
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

    `basis`: the independent vectors that it is a combination of; `direction`: a token shared by
    vectors that are parallel; `plane`: vectors whose combinations it is orthogonal to; `across`:
    directions that it is orthogonal to; `unit`: its length is one; `rigid`: its length is that of
    an earlier vector, so that its length alone says nothing of how it was turned.
    """

    basis: frozenset
    direction: object
    plane: frozenset = frozenset()
    across: frozenset = frozenset()
    unit: bool = False
    rigid: bool = False


def note(c: Context, value: Value, **known) -> Value:
    """Registers a vector; without facts it is one of its own."""
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
    """A unit vector, normalised here where need be."""
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


def same(c: Context, value: Value, like: Value, **changes) -> Value:
    """Registers a vector that is parallel to another."""
    f = c.facts[id(like)]
    return note(
        c,
        value,
        **(
            {
                "basis": f.basis,
                "direction": f.direction,
                "plane": f.plane,
                "across": f.across,
                "unit": f.unit,
                "rigid": f.rigid,
            }
            | changes
        ),
    )


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
    first = op == "mul" and c.d.stream.chance(45)
    changes = {"unit": False, "rigid": False} if isinstance(s, Value) else {"unit": False}
    return same(c, c.d.apply(op, s, u) if first else c.d.apply(op, u, s), u, **changes)


# ---------------------------------------------------------------- products


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
    if f.unit and g.unit:
        typical = np.clip(3 * u.samples * np.roll(w.samples, 1), -0.95, 0.95)
        return _dot(
            c,
            u,
            w,
            keepdims,
            lambda name, *o, **p: c.d.claim(name, -1, 1, *o, typical=typical, **p),
        )
    return _dot(c, u, w, keepdims, c.d.apply)


def _dot(c: Context, u, w, keepdims, last) -> Value:
    how = c.d.stream.below(10)
    if not keepdims and u.ndim == w.ndim == 1 and how < 6:
        return last("matmul", u, w)
    if not keepdims and (u.ndim, w.ndim) == (2, 1) and how < 5:
        return last("matmul", u, w)
    if not keepdims and u.ndim == w.ndim == 2 and how < 4:
        return last(
            "einsum", u, w, equation=c.d.stream.choice(("ij,ij->i", "ni,ni->n", "bi,bi->b"))
        )
    return last("sum", c.d.apply("mul", u, w), axis=-1, keepdims=keepdims)


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


def _measurable(c: Context, u: Value) -> None:
    f = c.facts[id(u)]
    if f.unit or f.rigid:
        raise Rejected("a length that is known")


def length_squared(c: Context, u: Value, keepdims: bool = False) -> Value:
    """The sum of squares."""
    _measurable(c, u)
    kind = c.d.stream.below(4)
    if kind == 0 and u.ndim == 2 and not keepdims:
        return c.d.claim("einsum", 0.0, 3 * u.bound**2, u, u, equation="ij,ij->i")
    if kind == 1 and u.ndim == 1 and not keepdims:
        return c.d.claim("matmul", 0.0, 3 * u.bound**2, u, u)
    squares = c.d.claim("mul", 0.0, u.bound**2, u, u) if kind == 2 else c.d.apply("square", u)
    return c.d.apply("sum", squares, axis=-1, keepdims=keepdims)


def length(c: Context, u: Value, keepdims: bool = False) -> Value:
    """The Euclidean length."""
    _measurable(c, u)
    return _length(c, u, keepdims)


def _length(c: Context, u: Value, keepdims: bool = False) -> Value:
    if c.d.stream.chance(55):
        return c.d.apply("norm", u, axis=-1, keepdims=keepdims)
    squares = c.d.apply("sum", c.d.apply("square", u), axis=-1, keepdims=keepdims)
    if c.d.stream.chance(50):
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


def _unit(c: Context, u: Value) -> Value:
    d, how = c.d, c.d.stream.below(6)
    rms = math.sqrt(3 * float((u.samples**2).mean())) + 1e-9
    typical = np.clip(u.samples / rms, -0.98, 0.98)
    if how == 0:
        squares = d.apply(
            "add", d.apply("sum", d.apply("square", u), axis=-1, keepdims=True), epsilon(d)
        )
        inverse = d.claim(
            "rsqrt",
            1 / math.sqrt(squares.high),
            1000.0,
            squares,
            typical=1 / np.sqrt(np.maximum(squares.samples, 0.01)),
        )
        return d.claim("mul", -1, 1, u, inverse, typical=typical)
    norm = _length(c, u, keepdims=True)
    if how < 4:
        norm = d.apply("add", norm, epsilon(d)) if how < 3 else d.apply("maximum", norm, epsilon(d))
    return d.claim("div", -1, 1, u, norm, typical=typical)


def normalize_both(c: Context, u: Value, w: Value) -> tuple[Value, Value]:
    """Unit vectors along u and w, by a helper that is called twice."""
    if is_unit(c, u) or is_unit(c, w):
        raise Rejected("a unit vector already")
    _distinct(c, u, w)
    (a,), (b,) = several.helper(c.d, [(u,), (w,)], lambda v: _unit(c, v), "normalize")
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


def rotate_about_z(c: Context, u: Value, angle: Value) -> Value:
    """Turns u about a coordinate axis, component by component."""
    d = c.d
    parts = (several.components if d.stream.chance(60) else several.unstack)(d, u, -1)
    order = d.stream.below(3)
    fixed, a, b = parts[order], parts[(order + 1) % 3], parts[(order + 2) % 3]
    cos, sin = named(d.apply("cos", angle), "cos"), named(d.apply("sin", angle), "sin")
    first = d.apply("sub", d.apply("mul", cos, a), d.apply("mul", sin, b))
    second = d.apply("add", d.apply("mul", sin, a), d.apply("mul", cos, b))
    if first.shape != fixed.shape:
        raise Rejected("rotation: the angles outnumber the vectors")
    parts = list(parts)
    parts[order], parts[(order + 1) % 3], parts[(order + 2) % 3] = fixed, first, second
    return note(c, named(d.apply("stack", *parts, axis=-1), "rotated"), rigid=True)


def scaled_by_some(c: Context, u: Value, low: float = 0.1) -> Value:
    """Multiplies u by a number that people write."""
    return c.d.attempt(
        lambda: scale(
            c, u, c.d.stream.choice((2.0, 0.5, 0.1, 0.25, 1.5, 3.0, 0.8, 0.9, 0.01, 10.0))
        )
    )
