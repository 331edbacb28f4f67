"""Vectors from vectors: algebra, rotations, and the forces of mechanics; on a scene."""

import math

from jax_ir_synth.kernels.builder import several
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, geometry
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.idioms import describe, epsilon, named

# ---------------------------------------------------------------- vectors from vectors


def cross(s: Context) -> Value:
    """The cross product of two vectors."""
    return geometry.cross(s, *geometry.two_vectors(s))


def add(s: Context) -> Value:
    """The sum or difference of two vectors."""
    return geometry.add(s, *geometry.two_vectors(s), s.stream.choice(("add", "sub", "sub")))


def normalize(s: Context) -> Value:
    """The unit vector along a vector."""
    return geometry.normalize(s, geometry.vector(s))


def midpoint(s: Context) -> Value:
    """The midpoint of two points."""
    describe(s.d, "Midpoint of two points.")
    return geometry.scale(s, geometry.add(s, *geometry.two_vectors(s)), 0.5)


def interpolate(s: Context) -> Value:
    """Linear interpolation between two vectors."""
    a, b = geometry.two_vectors(s)
    t = (
        geometry.fresh_scalar(s, 0.0, 1.0, "unit")
        if s.stream.chance(60)
        else s.stream.choice((0.25, 0.3, 0.1, 0.75))
    )
    if s.stream.chance(50):
        return geometry.add(s, a, geometry.scale(s, geometry.sub(s, b, a), t))
    rest = s.d.apply("sub", 1.0, t) if isinstance(t, Value) else round(1 - t, 3)
    return geometry.add(s, geometry.scale(s, a, rest), geometry.scale(s, b, t))


def move(s: Context) -> Value:
    """Position plus velocity times a time step."""
    x, v = geometry.two_vectors(s)
    describe(s.d, "Moves points along their velocities.")
    step = (
        s.stream.choice((0.1, 0.01, 0.05, 0.5))
        if s.stream.chance(60)
        else geometry.fresh_scalar(s, 0.1, 1.0, "scalar")
    )
    return geometry.add(s, x, geometry.scale(s, v, step))


def scale(s: Context) -> Value:
    """A vector times a number."""
    v = geometry.vector(s)
    if s.stream.chance(35):
        return geometry.scale_by_some_number(s, v)
    if s.stream.chance(40):
        return geometry.scale(
            s,
            v,
            geometry.fresh_scalar(s, 0.5, 2.0, s.stream.choice(("mass", "radius", "scalar"))),
        )
    return geometry.scale(s, v, common.tamed(s.d, geometry.scalar(s), 30.0))


def reflect(s: Context) -> Value:
    """A vector mirrored at a plane."""
    v = geometry.vector(s)
    describe(s.d, "Mirrors vectors at a plane.")
    return geometry.reflect(s, v, geometry.unit(s, (v,)))


def project(s: Context) -> Value:
    """A vector's part along another."""
    u, n = geometry.two_vectors(s)
    if s.stream.chance(50) and not geometry.is_unit(s, n):
        n = geometry.normalize(s, n)
    describe(s.d, "Projects one vector onto another.")
    return geometry.project(s, u, n)


def reject(s: Context) -> Value:
    """A vector's part across another."""
    u = geometry.vector(s)
    describe(s.d, "The part of a vector that is orthogonal to a direction.")
    return geometry.reject(s, u, geometry.unit(s, (u,)))


def _turn_about_axis(s: Context, v: Value) -> Value:
    describe(s.d, "Rodrigues' rotation formula.")
    axis = geometry.unit(s, (v,))
    return geometry.rotate_about(s, v, axis, geometry.fresh_scalar(s, -3.0, 3.0, "angle"))


def _turn_about_coordinate_axis(s: Context, v: Value) -> Value:
    angle = geometry.fresh_scalar(s, -3.0, 3.0, "angle")
    return geometry.rotate_about_coordinate_axis(s, v, angle)


def _turn_by_quaternion(s: Context, v: Value) -> Value:
    d = s.d
    shape = s.shape if s.stream.chance(50) else ()
    q = d.argument((*shape, 4), -1.0, 1.0, role="quaternion")
    unit = s.stream.chance(50)
    describe(d, "Rotates vectors by a quaternion.")
    if unit:
        norm = d.apply("norm", q, axis=-1, keepdims=True)
        q = d.claim("div", -1, 1, q, d.apply("add", norm, epsilon(d)))
    return geometry.rotate_by_quaternion(s, v, q, unit)


def _turn_by_matrix(s: Context, v: Value) -> Value:
    shape = s.shape if s.stream.chance(50) else ()
    matrix = s.d.argument((*shape, 3, 3), -1.0, 1.0, role="rotation")
    return geometry.rotate_by_matrix(s, v, matrix)


_ROTATIONS = {
    _turn_about_axis: 3,
    _turn_by_quaternion: 4,
    _turn_by_matrix: 3,
    _turn_about_coordinate_axis: 3,
}


def rotate(s: Context) -> Value:
    """A vector turned: about an axis, by a quaternion, by a matrix, or about a coordinate axis."""
    v = geometry.vector(s)
    return s.stream.choose(_ROTATIONS)(s, v)


def components_changed(s: Context) -> Value:
    """The components apart, worked on, and stacked again."""
    d, v = s.d, geometry.vector(s)
    x, y, z = (several.components if d.stream.chance(55) else several.unstack)(d, v, -1)
    for i, part in enumerate((x, y, z)):
        part.named(f"comp{i}")
    parts = [
        common.one_unary(d, x) if d.stream.chance(60) else common.one_binary(d, x, y),
        d.apply("mul", y, z),
        z,
    ]
    if d.stream.chance(50):
        parts[2] = common.with_literal(d, common.one_binary(d, z, x))
    if len({p.shape for p in parts}) != 1:
        raise Rejected("components of different shapes")
    return geometry.note(s, d.apply("stack", *d.stream.shuffled(parts), axis=-1))


def squashed(s: Context) -> Value:
    """A function of each component."""
    return geometry.note(s, common.one_unary(s.d, geometry.vector(s)))


def clamped(s: Context) -> Value:
    """A vector shortened to a largest length."""
    d, v = s.d, geometry.vector(s)
    n = geometry.length(s, v, keepdims=True)
    most = d.stream.choice((1.0, 0.5, 2.0, 1.5))
    factor = d.claim(
        "minimum", 0.1, 1.0, d.claim("div", 0.0, 1e3, most, d.apply("add", n, epsilon(d))), 1.0
    )
    describe(d, "Clips vectors to a largest length.")
    return geometry.same(s, d.apply("mul", v, factor), v, unit=False)


def facing(s: Context) -> Value:
    """A normal turned towards the viewer."""
    n, v = geometry.two_vectors(s)
    d = s.d
    cosine = geometry.dot(s, n, v, keepdims=True)
    flipped = d.apply("where", d.apply("less", cosine, 0.0), d.apply("neg", n), n)
    describe(d, "Turns normals to face the viewer.")
    return geometry.same(s, flipped, n)


def moved_to_centre(s: Context) -> Value:
    """Points about their mean."""
    v = geometry.vector(s)
    if v.ndim < 2:
        raise Rejected("points are wanted")
    mean = (
        s.d.apply("mean", v, axis=0)
        if s.stream.chance(60)
        else s.d.apply("mean", v, axis=0, keepdims=True)
    )
    away = s.d.apply("sub", v, mean).changed(centred=True)
    return geometry.note(s, named(away, "centered"))


# ---------------------------------------------------------------- forces


def spring(s: Context) -> Value:
    """The force of a spring between two points (Hooke's law)."""
    a, b = geometry.two_vectors(s)
    d = s.d
    delta = named(geometry.sub(s, b, a), "diff")
    dist = geometry.any_length(s, delta, keepdims=True)
    rest = d.stream.choice((1.0, 0.5, 0.8, 1.5))
    k = (
        geometry.fresh_scalar(s, 0.5, 2.0, "scalar")
        if d.stream.chance(45)
        else d.stream.choice((2.0, 10.0, 0.5, 1.5))
    )
    if isinstance(k, Value) and k.ndim:
        k = d.apply("expand_dims", k, axis=-1)
    stretch = d.apply("mul", k, d.apply("sub", dist, rest))
    direction = d.claim("div", -1, 1, delta, d.apply("add", dist, epsilon(d)))
    describe(d, "Force of a spring between two points.")
    return geometry.note(s, named(d.apply("mul", stretch, direction), "force"))


def gravity(s: Context) -> Value:
    """The attraction of a mass."""
    a, b = geometry.two_vectors(s)
    d = s.d
    delta = named(geometry.sub(s, b, a), "diff")
    soft = d.stream.choice((0.1, 0.01, 0.05, 0.25, 1.0))
    r2 = d.apply("add", d.apply("sum", d.apply("square", delta), axis=-1, keepdims=True), soft)
    if d.stream.chance(50):
        inverse = d.claim("rsqrt", 1 / math.sqrt(r2.high), soft**-0.5, r2)
        cube = d.claim(
            "mul",
            r2.high**-1.5,
            soft**-1.5,
            d.claim("mul", 1 / r2.high, 1 / soft, inverse, inverse),
            inverse,
        )
        if cube.bound * delta.bound > 5e3:
            raise Rejected("gravity: too strong")
        pull = d.apply("mul", delta, cube)
    else:
        pull = d.claim(
            "div",
            -0.4 / soft,
            0.4 / soft,
            delta,
            d.claim("power", soft**1.5, r2.high**1.5, r2, 1.5),
        )
    describe(d, "Softened gravity between points.")
    if d.stream.chance(50):
        return geometry.scale(s, geometry.note(s, pull), geometry.fresh_scalar(s, 0.5, 2.0, "mass"))
    return geometry.note(s, named(pull, "force"))


def drag(s: Context) -> Value:
    """A force less a velocity's share."""
    f, v = geometry.two_vectors(s)
    return geometry.sub(s, f, geometry.scale(s, v, s.stream.choice((0.1, 0.5, 0.2, 0.05))))
