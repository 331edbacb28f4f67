"""Numbers from vectors: lengths, angles, distances, shading and energies; on a scene."""

import math

from jax_ir_synth.kernels.builder import several
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, geometry
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.idioms import describe, epsilon, gaussian, named

# ---------------------------------------------------------------- numbers from vectors


def dot(s: Context) -> Value:
    """The dot product of two vectors."""
    return geometry.dot(s, *geometry.two_vectors(s))


def length(s: Context) -> Value:
    """A vector's length."""
    return geometry.length(s, geometry.vector(s))


def length_squared(s: Context) -> Value:
    """A vector's squared length."""
    return geometry.length_squared(s, geometry.vector(s))


def distance(s: Context) -> Value:
    """The distance of two points."""
    return geometry.length(s, geometry.sub(s, *geometry.two_vectors(s)))


def _gaussian_falloff(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("exp", d.apply("mul", common.literal(d) * -0.25, common.tamed(d, r2, 12.0)))


def _inverse_falloff(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("reciprocal", _soften(d, r2))


def _inverse_root_falloff(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("rsqrt", _soften(d, r2))


def _soften(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("add", d.stream.choice((1.0, 0.5, 0.25)), r2)


_FALLOFFS = {_gaussian_falloff: 1, _inverse_falloff: 1, _inverse_root_falloff: 1}


def falloff(s: Context) -> Value:
    """A function that falls with the squared distance."""
    r2 = geometry.length_squared(s, geometry.sub(s, *geometry.two_vectors(s)))
    return s.stream.choose(_FALLOFFS)(s.d, r2)


def triple(s: Context) -> Value:
    """The scalar triple product of three vectors."""
    a, b = geometry.two_vectors(s)
    describe(s.d, "Scalar triple product.")
    return geometry.dot(s, geometry.vector(s, (a, b)), geometry.cross(s, a, b))


def cosine(s: Context) -> Value:
    """The cosine of the angle between two vectors, or the angle."""
    d = s.d
    a, b = geometry.two_vectors(s)
    if d.stream.chance(35):
        a, b = geometry.normalize_both(s, a, b)
    else:
        a, b = (v if geometry.is_unit(s, v) else geometry.normalize(s, v) for v in (a, b))
    c = geometry.dot(s, a, b)
    if d.stream.chance(50):
        return c
    describe(d, "Angle between two vectors.")
    if c.dtype != "float32":
        raise Rejected("arccos: float32 only")
    limit = d.stream.choice((0.999, 0.99, 0.9999))
    c = d.claim("clip", -limit, limit, c, -limit, limit)
    return named(d.claim("arccos", 0.0, math.pi, c), "angle")


def angle_by_tangent(s: Context) -> Value:
    """atan2(|a × b|, a · b)."""
    d = s.d
    a, b = geometry.two_vectors(s)
    sine = geometry.any_length(s, geometry.cross(s, a, b))
    describe(d, "Angle between two vectors by the two-argument arctangent.")
    return named(d.claim("arctan2", 0.0, math.pi, sine, geometry.dot(s, a, b)), "angle")


def area(s: Context) -> Value:
    """Area of a triangle."""
    a, b = geometry.two_vectors(s)
    c = geometry.vector(s, (a, b))
    normal = geometry.cross(s, geometry.sub(s, b, a), geometry.sub(s, c, a))
    describe(s.d, "Area of triangles.")
    return s.d.apply("mul", 0.5, geometry.any_length(s, normal))


def triangle_normal(s: Context) -> Value:
    """The normal of a triangle."""
    a, b = geometry.two_vectors(s)
    c = geometry.vector(s, (a, b))
    describe(s.d, "Unit normals of triangles.")
    return geometry.normalize(
        s, named(geometry.cross(s, geometry.sub(s, b, a), geometry.sub(s, c, a)), "direction")
    )


def coordinates(s: Context) -> Value:
    """Spherical or cylindrical coordinates, or a polynomial of the components."""
    d, v = s.d, geometry.vector(s)
    x, y, z = (several.components if d.stream.chance(60) else several.unstack)(d, v, -1)
    for i, part in enumerate((x, y, z)):
        part.named(f"comp{i}")
    if d.stream.chance(40):
        return common.merge(d, [common.one_binary(d, x, y), common.one_unary(d, z)])
    squares = d.apply("add", d.apply("square", x), d.apply("square", y))
    if d.stream.chance(50):
        squares = d.apply("add", squares, d.apply("square", z))
    r = named(
        d.claim("sqrt", 0.0, math.sqrt(squares.high), d.apply("add", squares, epsilon(d))), "norm"
    )
    return common.one_binary(d, d.claim("arctan2", -math.pi, math.pi, z, r), r)


def sphere(s: Context) -> Value:
    """Signed distance to a sphere."""
    dist = geometry.length(s, geometry.sub(s, *geometry.two_vectors(s)))
    radius = (
        geometry.fresh_scalar(s, 0.5, 1.5, "radius")
        if s.stream.chance(60)
        else s.stream.choice((1.0, 0.5, 0.75))
    )
    describe(s.d, "Signed distance to a sphere.")
    return s.d.apply("sub", dist, radius)


def plane(s: Context) -> Value:
    """Signed distance to a plane."""
    p = geometry.vector(s)
    describe(s.d, "Signed distance to a plane.")
    height = geometry.dot(s, p, geometry.unit(s, (p,)))
    return s.d.apply(
        "add",
        height,
        geometry.fresh_scalar(s, -1.0, 1.0, "offset") if s.stream.chance(50) else 0.5,
    )


def box(s: Context) -> Value:
    """Signed distance to a box."""
    d, p = s.d, geometry.vector(s)
    side = d.stream.choice((0.5, 0.75, 0.3, 0.6))
    q = d.apply("sub", d.apply("abs", p), side)
    squares = d.apply("sum", d.apply("square", d.apply("maximum", q, 0.0)), axis=-1)
    outside = d.claim(
        "sqrt", 0.0, math.sqrt(squares.high), d.apply("add", squares, epsilon(d))
    )  # no kink at 0
    inside = d.apply("minimum", d.apply("max", q, axis=-1), 0.0)
    describe(d, "Signed distance to a box.")
    return d.apply("add", outside, inside)


def capsule(s: Context) -> Value:
    """Signed distance to a capsule."""
    d = s.d
    a, b = geometry.two_vectors(s)
    p = geometry.vector(s, (a, b))
    pa, ba = geometry.sub(s, p, a), geometry.sub(s, b, a)
    ratio = d.claim(
        "div",
        -100,
        100,
        geometry.dot(s, pa, ba, keepdims=True),
        d.apply("add", geometry.length_squared(s, ba, keepdims=True), 0.01),
    )
    h = d.claim("clip", 0.0, 1.0, ratio, 0.0, 1.0)
    rest = d.apply("sub", pa, d.apply("mul", h, ba))
    describe(d, "Signed distance to a capsule.")
    return d.apply("sub", geometry.any_length(s, rest), d.stream.choice((0.1, 0.25, 0.5)))


def lambert(s: Context) -> Value:
    """Diffuse shading."""
    n = geometry.unit(s)
    cosine = geometry.dot(s, n, geometry.unit(s, (n,)))
    describe(s.d, "Lambertian shading.")
    lit = (
        s.d.apply("maximum", cosine, 0.0)
        if s.stream.chance(60)
        else s.d.apply("clip", cosine, 0.0, 1.0)
    )
    return s.d.apply(
        "add",
        s.d.apply("mul", s.stream.choice((0.8, 0.7, 0.9)), lit),
        s.stream.choice((0.1, 0.2)),
    )


def phong(s: Context) -> Value:
    """Specular shading: the reflected light against the view."""
    d = s.d
    light = geometry.unit(s)
    mirrored = geometry.reflect(s, light, geometry.unit(s, (light,)))
    c = geometry.dot(s, mirrored, geometry.unit(s, (light,)))
    describe(d, "Phong highlight.")
    c = (
        d.apply("maximum", c, d.stream.choice((0.1, 0.01, 0.05)))
        if d.stream.chance(60)
        else d.claim("clip", 0.05, 1.0, c, 0.05, 1.0)
    )
    if c.low < 0.1:
        return d.apply("square", c)
    return (
        d.apply("power", c, d.stream.choice((4.0, 1.5, 2.5, 3.0)))
        if d.stream.chance(60)
        else d.apply("cube", c)
    )


def ray_sphere(s: Context) -> Value:
    """Half of the discriminant of a ray and a sphere, or where the ray enters it."""
    d = s.d
    origin, center = geometry.two_vectors(s)
    oc = geometry.sub(s, origin, center)
    b = geometry.dot(s, oc, geometry.unit(s, (origin, center)))
    c = d.apply(
        "sub",
        geometry.length_squared(s, oc),
        d.apply("square", geometry.fresh_scalar(s, 0.5, 2.0, "radius")),
    )
    disc = d.apply("sub", d.apply("square", b), c)
    describe(d, "Intersection of rays with a sphere.")
    if d.stream.chance(40):
        return disc
    hit = d.apply("maximum", disc, d.stream.choice((0.01, 0.1)))
    root = d.claim("sqrt", 0.1, math.sqrt(hit.high), hit)
    return d.apply("sub", d.apply("neg", b), root)


def lennard_jones(s: Context) -> Value:
    """The Lennard-Jones energy of two particles."""
    d = s.d
    r2 = geometry.length_squared(s, geometry.sub(s, *geometry.two_vectors(s)))
    least = d.stream.choice((0.64, 0.8, 1.0))
    ratio = d.apply("div", s.stream.choice((1.0, 0.81, 1.2)), d.apply("maximum", r2, least))
    sixth = d.apply("cube", ratio)
    describe(d, "Lennard-Jones potential.")
    return named(d.apply("mul", 4.0, d.apply("sub", d.apply("square", sixth), sixth)), "energy")


def kinetic(s: Context) -> Value:
    """Kinetic energy."""
    m = geometry.fresh_scalar(s, 0.5, 2.0, "mass")
    describe(s.d, "Kinetic energy.")
    half = s.d.apply("mul", 0.5, m)
    return named(s.d.apply("mul", half, geometry.length_squared(s, geometry.vector(s))), "energy")


def dihedral(s: Context) -> Value:
    """The dihedral angle of four points, or its cosine."""
    d = s.d
    p0, p1 = geometry.two_vectors(s)
    p2 = geometry.vector(s, (p0, p1))
    p3 = geometry.vector(s, (p0, p1, p2))
    b1, b2, b3 = geometry.sub(s, p1, p0), geometry.sub(s, p2, p1), geometry.sub(s, p3, p2)
    n1, n2 = geometry.cross(s, b1, b2), geometry.cross(s, b2, b3)
    x = geometry.dot(s, n1, n2)
    y = geometry.dot(s, _crossed(s, n1, geometry.normalize(s, b2)), n2)
    describe(d, "Dihedral angle of four points.")
    return named(d.claim("arctan2", -math.pi, math.pi, y, x), "angle")


def _crossed(s: Context, u: Value, w: Value) -> Value:
    """A cross product whose later use the caller vouches for."""
    return geometry.note(s, s.d.apply("cross", u, w))


def barycentric(s: Context) -> Value:
    """One barycentric coordinate of a point in a triangle."""
    d = s.d
    a, b = geometry.two_vectors(s)
    p = geometry.vector(s, (a, b))
    v0, v1, v2 = b, a, p
    d00, d01, d11 = (
        geometry.length_squared(s, v0),
        geometry.dot(s, v0, v1),
        geometry.length_squared(s, v1),
    )
    d20, d21 = geometry.dot(s, v2, v0), geometry.dot(s, v2, v1)
    minor = d.claim(
        "sub", 0.0, d00.high * d11.high, d.apply("mul", d00, d11), d.apply("square", d01)
    )
    top = d.apply("sub", d.apply("mul", d11, d20), d.apply("mul", d01, d21))
    describe(d, "Barycentric coordinate of a point in a triangle.")
    return d.apply("div", top, d.apply("add", minor, 0.5))


# ---------------------------------------------------------------- numbers from numbers


def function_of(s: Context) -> Value:
    """A function of a number."""
    return common.one_unary(s.d, geometry.scalar(s))


def with_number(s: Context) -> Value:
    """A number and a Python number."""
    return common.with_literal(s.d, geometry.scalar(s))


def bell(s: Context) -> Value:
    """A bell-shaped function of a number."""
    return gaussian(s.d, geometry.scalar(s), s.stream.choice((0.5, 1.5, 2.0, None)))


def together(s: Context) -> Value:
    """Two numbers, combined."""
    a, b = geometry.scalar(s), geometry.scalar(s)
    if a is b:
        raise Rejected("the same number twice")
    return common.one_binary(s.d, a, b)
