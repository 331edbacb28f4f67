"""The steps of category `vector`: what geometry, mechanics and graphics do with vectors."""

import math

from jax_ir_synth.kernels.core.values import Undrawable, Value
from jax_ir_synth.kernels.steps import grow, several
from jax_ir_synth.kernels.steps.idioms import describe, epsilon, gaussian, named

# A rule takes the scene and gives the value (or values) that it made.


# ---------------------------------------------------------------- vectors from vectors

def cross(s):
    return s.geometry.cross(*s.two_vectors())


def add(s):
    return s.geometry.add(*s.two_vectors(), s.d.stream.choice(("add", "sub", "sub")))


def normalize(s):
    return s.geometry.normalize(s.vector())


def midpoint(s):
    describe(s.d, "Midpoint of two points.")
    return s.geometry.scale(s.geometry.add(*s.two_vectors()), 0.5)


def interpolate(s):
    a, b = s.two_vectors()
    g = s.geometry
    t = s.fresh_scalar(0.0, 1.0, "unit") if s.d.stream.chance(60) else s.d.stream.choice((0.25, 0.3, 0.1, 0.75))
    if s.d.stream.chance(50):
        return g.add(a, g.scale(g.sub(b, a), t))
    rest = s.d.apply("sub", 1.0, t) if isinstance(t, Value) else round(1 - t, 3)
    return g.add(g.scale(a, rest), g.scale(b, t))


def move(s):
    """Position plus velocity times a time step."""
    x, v = s.two_vectors()
    describe(s.d, "Moves points along their velocities.")
    step = s.d.stream.choice((0.1, 0.01, 0.05, 0.5)) if s.d.stream.chance(60) else s.fresh_scalar(0.1, 1.0, "scalar")
    return s.geometry.add(x, s.geometry.scale(v, step))


def scale(s):
    g, v = s.geometry, s.vector()
    if s.d.stream.chance(35):
        return g.scaled_by_some(v)
    if s.d.stream.chance(40):
        return g.scale(v, s.fresh_scalar(0.5, 2.0, s.d.stream.choice(("mass", "radius", "scalar"))))
    return g.scale(v, grow.tamed(s.d, s.scalar(), 30.0))


def reflect(s):
    v = s.vector()
    describe(s.d, "Mirrors vectors at a plane.")
    return s.geometry.reflect(v, s.unit((v,)))


def project(s):
    u, n = s.two_vectors()
    if s.d.stream.chance(50) and not s.geometry.is_unit(n):
        n = s.geometry.normalize(n)
    describe(s.d, "Projects one vector onto another.")
    return s.geometry.project(u, n)


def reject(s):
    u = s.vector()
    describe(s.d, "The part of a vector that is orthogonal to a direction.")
    return s.geometry.reject(u, s.unit((u,)))


def rotate(s):
    v, g = s.vector(), s.geometry
    kind = s.d.stream.weighted(("axis", "quaternion", "matrix", "z"), (3, 4, 3, 3))
    if kind == "axis":
        describe(s.d, "Rodrigues' rotation formula.")
        return g.rotate_about(v, s.unit((v,)), s.fresh_scalar(-3.0, 3.0, "angle"))
    if kind == "z":
        return g.rotate_about_z(v, s.fresh_scalar(-3.0, 3.0, "angle"))
    shape = s.batch if s.d.stream.chance(50) else ()
    if kind == "quaternion":
        q = s.d.argument((*shape, 4), -1.0, 1.0, role="quaternion")
        unit = s.d.stream.chance(50)
        describe(s.d, "Rotates vectors by a quaternion.")
        if unit:
            norm = s.d.apply("norm", q, axis=-1, keepdims=True)
            q = s.d.claim("div", -1, 1, q, s.d.apply("add", norm, epsilon(s.d)))
        return g.rotate_by_quaternion(v, q, unit)
    return g.rotate_by_matrix(v, s.d.argument((*shape, 3, 3), -1.0, 1.0, role="rotation"))


def components_changed(s):
    """The components apart, worked on, and stacked again."""
    d, v = s.d, s.vector()
    x, y, z = (several.components if d.stream.chance(55) else several.unstack)(d, v, -1)
    for i, part in enumerate((x, y, z)):
        part.role = f"comp{i}"
    parts = [grow.one_unary(d, x) if d.stream.chance(60) else grow.one_binary(d, x, y), d.apply("mul", y, z), z]
    if d.stream.chance(50):
        parts[2] = grow.with_literal(d, grow.one_binary(d, z, x))
    if len({p.shape for p in parts}) != 1:
        raise Undrawable("components of different shapes")
    return s.geometry.note(d.apply("stack", *d.stream.shuffled(parts), axis=-1))


def squashed(s):
    """A function of each component."""
    return s.geometry.note(grow.one_unary(s.d, s.vector()))


def clamped(s):
    """A vector shortened to a largest length."""
    d, v = s.d, s.vector()
    n = s.geometry.length(v, keepdims=True)
    most = d.stream.choice((1.0, 0.5, 2.0, 1.5))
    factor = d.claim("minimum", 0.1, 1.0, d.claim("div", 0.0, 1e3, most, d.apply("add", n, epsilon(d))), 1.0)
    describe(d, "Clips vectors to a largest length.")
    return s.geometry.same(d.apply("mul", v, factor), v, unit=False)


def facing(s):
    """A normal turned towards the viewer."""
    n, v = s.two_vectors()
    d = s.d
    cosine = s.geometry.dot(n, v, keepdims=True)
    flipped = d.apply("where", d.apply("less", cosine, 0.0), d.apply("neg", n), n)
    describe(d, "Turns normals to face the viewer.")
    return s.geometry.same(flipped, n)


def moved_to_centre(s):
    """Points about their mean."""
    v = s.vector()
    if v.ndim < 2:
        raise Undrawable("points are wanted")
    mean = s.d.apply("mean", v, axis=0) if s.d.stream.chance(60) else s.d.apply("mean", v, axis=0, keepdims=True)
    y = s.geometry.note(named(s.d.apply("sub", v, mean), "centered"))
    y.centred = True
    return y


# ---------------------------------------------------------------- forces

def spring(s):
    a, b = s.two_vectors()
    g, d = s.geometry, s.d
    delta = named(g.sub(b, a), "diff")
    dist = g._length(delta, keepdims=True)
    rest = d.stream.choice((1.0, 0.5, 0.8, 1.5))
    k = s.fresh_scalar(0.5, 2.0, "scalar") if d.stream.chance(45) else d.stream.choice((2.0, 10.0, 0.5, 1.5))
    if isinstance(k, Value) and k.ndim:
        k = d.apply("expand_dims", k, axis=-1)
    stretch = d.apply("mul", k, d.apply("sub", dist, rest))
    direction = d.claim("div", -1, 1, delta, d.apply("add", dist, epsilon(d)))
    describe(d, "Force of a spring between two points.")
    return g.note(named(d.apply("mul", stretch, direction), "force"))


def gravity(s):
    a, b = s.two_vectors()
    g, d = s.geometry, s.d
    delta = named(g.sub(b, a), "diff")
    soft = d.stream.choice((0.1, 0.01, 0.05, 0.25, 1.0))
    r2 = d.apply("add", d.apply("sum", d.apply("square", delta), axis=-1, keepdims=True), soft)
    if d.stream.chance(50):
        inverse = d.claim("rsqrt", 1 / math.sqrt(r2.high), soft**-0.5, r2)
        cube = d.claim("mul", r2.high**-1.5, soft**-1.5, d.claim("mul", 1 / r2.high, 1 / soft, inverse, inverse), inverse)
        if cube.bound * delta.bound > 5e3:
            raise Undrawable("gravity: too strong")
        pull = d.apply("mul", delta, cube)
    else:
        pull = d.claim("div", -0.4 / soft, 0.4 / soft, delta, d.claim("power", soft**1.5, r2.high**1.5, r2, 1.5))
    describe(d, "Softened gravity between points.")
    if d.stream.chance(50):
        return g.scale(g.note(pull), s.fresh_scalar(0.5, 2.0, "mass"))
    return g.note(named(pull, "force"))


def drag(s):
    """A force less a velocity's share."""
    f, v = s.two_vectors()
    return s.geometry.sub(f, s.geometry.scale(v, s.d.stream.choice((0.1, 0.5, 0.2, 0.05))))


# ---------------------------------------------------------------- numbers from vectors

def dot(s):
    return s.geometry.dot(*s.two_vectors())


def length(s):
    return s.geometry.length(s.vector())


def length_squared(s):
    return s.geometry.length_squared(s.vector())


def distance(s):
    return s.geometry.length(s.geometry.sub(*s.two_vectors()))


def falloff(s):
    """A function that falls with the squared distance."""
    d = s.d
    r2 = s.geometry.length_squared(s.geometry.sub(*s.two_vectors()))
    kind = d.stream.below(3)
    if kind == 0:
        return d.apply("exp", d.apply("mul", grow.literal(d) * -0.25, grow.tamed(d, r2, 12.0)))
    denominator = d.apply("add", d.stream.choice((1.0, 0.5, 0.25)), r2)
    return d.apply("reciprocal", denominator) if kind == 1 else d.apply("rsqrt", denominator)


def triple(s):
    a, b = s.two_vectors()
    describe(s.d, "Scalar triple product.")
    return s.geometry.dot(s.vector((a, b)), s.geometry.cross(a, b))


def cosine(s):
    """The cosine of the angle between two vectors, or the angle."""
    d, g = s.d, s.geometry
    a, b = s.two_vectors()
    if d.stream.chance(35):
        a, b = g.normalize_both(a, b)
    else:
        a, b = (v if g.is_unit(v) else g.normalize(v) for v in (a, b))
    c = g.dot(a, b)
    if d.stream.chance(50):
        return c
    describe(d, "Angle between two vectors.")
    if c.dtype != "float32":
        raise Undrawable("arccos: float32 only")
    limit = d.stream.choice((0.999, 0.99, 0.9999))
    c = d.claim("clip", -limit, limit, c, -limit, limit)
    return named(d.claim("arccos", 0.0, math.pi, c), "angle")


def angle_by_tangent(s):
    """atan2(|a × b|, a · b)."""
    d, g = s.d, s.geometry
    a, b = s.two_vectors()
    sine = g._length(g.cross(a, b))
    describe(d, "Angle between two vectors by the two-argument arctangent.")
    return named(d.claim("arctan2", 0.0, math.pi, sine, g.dot(a, b)), "angle")


def area(s):
    """Area of a triangle."""
    a, b = s.two_vectors()
    g, c = s.geometry, s.vector((a, b))
    normal = g.cross(g.sub(b, a), g.sub(c, a))
    describe(s.d, "Area of triangles.")
    return s.d.apply("mul", 0.5, g._length(normal))


def triangle_normal(s):
    a, b = s.two_vectors()
    g, c = s.geometry, s.vector((a, b))
    describe(s.d, "Unit normals of triangles.")
    return g.normalize(named(g.cross(g.sub(b, a), g.sub(c, a)), "direction"))


def coordinates(s):
    """Spherical or cylindrical coordinates, or a polynomial of the components."""
    d, v = s.d, s.vector()
    x, y, z = (several.components if d.stream.chance(60) else several.unstack)(d, v, -1)
    for i, part in enumerate((x, y, z)):
        part.role = f"comp{i}"
    if d.stream.chance(40):
        return grow.merge(d, [grow.one_binary(d, x, y), grow.one_unary(d, z)])
    squares = d.apply("add", d.apply("square", x), d.apply("square", y))
    if d.stream.chance(50):
        squares = d.apply("add", squares, d.apply("square", z))
    r = named(d.claim("sqrt", 0.0, math.sqrt(squares.high), d.apply("add", squares, epsilon(d))), "norm")
    return grow.one_binary(d, d.claim("arctan2", -math.pi, math.pi, z, r), r)


def sphere(s):
    """Signed distance to a sphere."""
    dist = s.geometry.length(s.geometry.sub(*s.two_vectors()))
    radius = s.fresh_scalar(0.5, 1.5, "radius") if s.d.stream.chance(60) else s.d.stream.choice((1.0, 0.5, 0.75))
    describe(s.d, "Signed distance to a sphere.")
    return s.d.apply("sub", dist, radius)


def plane(s):
    """Signed distance to a plane."""
    p = s.vector()
    describe(s.d, "Signed distance to a plane.")
    height = s.geometry.dot(p, s.unit((p,)))
    return s.d.apply("add", height, s.fresh_scalar(-1.0, 1.0, "offset") if s.d.stream.chance(50) else 0.5)


def box(s):
    """Signed distance to a box."""
    d, p = s.d, s.vector()
    side = d.stream.choice((0.5, 0.75, 0.3, 0.6))
    q = d.apply("sub", d.apply("abs", p), side)
    squares = d.apply("sum", d.apply("square", d.apply("maximum", q, 0.0)), axis=-1)
    outside = d.claim("sqrt", 0.0, math.sqrt(squares.high), d.apply("add", squares, epsilon(d)))   # no kink at 0
    inside = d.apply("minimum", d.apply("max", q, axis=-1), 0.0)
    describe(d, "Signed distance to a box.")
    return d.apply("add", outside, inside)


def capsule(s):
    """Signed distance to a capsule."""
    d, g = s.d, s.geometry
    a, b = s.two_vectors()
    p = s.vector((a, b))
    pa, ba = g.sub(p, a), g.sub(b, a)
    ratio = d.claim("div", -100, 100, g.dot(pa, ba, keepdims=True),
                    d.apply("add", g.length_squared(ba, keepdims=True), 0.01))
    h = d.claim("clip", 0.0, 1.0, ratio, 0.0, 1.0)
    rest = d.apply("sub", pa, d.apply("mul", h, ba))
    describe(d, "Signed distance to a capsule.")
    return d.apply("sub", g._length(rest), d.stream.choice((0.1, 0.25, 0.5)))


def lambert(s):
    """Diffuse shading."""
    n = s.unit()
    cosine = s.geometry.dot(n, s.unit((n,)))
    describe(s.d, "Lambertian shading.")
    lit = s.d.apply("maximum", cosine, 0.0) if s.d.stream.chance(60) else s.d.apply("clip", cosine, 0.0, 1.0)
    return s.d.apply("add", s.d.apply("mul", s.d.stream.choice((0.8, 0.7, 0.9)), lit), s.d.stream.choice((0.1, 0.2)))


def phong(s):
    """Specular shading: the reflected light against the view."""
    d, g = s.d, s.geometry
    light = s.unit()
    mirrored = g.reflect(light, s.unit((light,)))
    c = g.dot(mirrored, s.unit((light,)))
    describe(d, "Phong highlight.")
    c = d.apply("maximum", c, d.stream.choice((0.1, 0.01, 0.05))) if d.stream.chance(60) else d.claim(
        "clip", 0.05, 1.0, c, 0.05, 1.0)
    if c.low < 0.1:
        return d.apply("square", c)
    return d.apply("power", c, d.stream.choice((4.0, 1.5, 2.5, 3.0))) if d.stream.chance(60) else d.apply("cube", c)


def ray_sphere(s):
    """Half of the discriminant of a ray and a sphere, or where the ray enters it."""
    d, g = s.d, s.geometry
    origin, center = s.two_vectors()
    oc = g.sub(origin, center)
    b = g.dot(oc, s.unit((origin, center)))
    c = d.apply("sub", g.length_squared(oc), d.apply("square", s.fresh_scalar(0.5, 2.0, "radius")))
    disc = d.apply("sub", d.apply("square", b), c)
    describe(d, "Intersection of rays with a sphere.")
    if d.stream.chance(40):
        return disc
    hit = d.apply("maximum", disc, d.stream.choice((0.01, 0.1)))
    root = d.claim("sqrt", 0.1, math.sqrt(hit.high), hit)
    return d.apply("sub", d.apply("neg", b), root)


def lennard_jones(s):
    d = s.d
    r2 = s.geometry.length_squared(s.geometry.sub(*s.two_vectors()))
    least = d.stream.choice((0.64, 0.8, 1.0))
    ratio = d.apply("div", s.d.stream.choice((1.0, 0.81, 1.2)), d.apply("maximum", r2, least))
    sixth = d.apply("cube", ratio)
    describe(d, "Lennard-Jones potential.")
    return named(d.apply("mul", 4.0, d.apply("sub", d.apply("square", sixth), sixth)), "energy")


def kinetic(s):
    m = s.fresh_scalar(0.5, 2.0, "mass")
    describe(s.d, "Kinetic energy.")
    half = s.d.apply("mul", 0.5, m)
    return named(s.d.apply("mul", half, s.geometry.length_squared(s.vector())), "energy")


def dihedral(s):
    """The dihedral angle of four points, or its cosine."""
    d, g = s.d, s.geometry
    p0, p1 = s.two_vectors()
    p2 = s.vector((p0, p1))
    p3 = s.vector((p0, p1, p2))
    b1, b2, b3 = g.sub(p1, p0), g.sub(p2, p1), g.sub(p3, p2)
    n1, n2 = g.cross(b1, b2), g.cross(b2, b3)
    x = g.dot(n1, n2)
    y = g.dot(d_cross(g, n1, g.normalize(b2)), n2)
    describe(d, "Dihedral angle of four points.")
    return named(d.claim("arctan2", -math.pi, math.pi, y, x), "angle")


def d_cross(g, u, w):
    """A cross product whose later use the caller vouches for."""
    return g.note(g.d.apply("cross", u, w))


def barycentric(s):
    """One barycentric coordinate of a point in a triangle."""
    d, g = s.d, s.geometry
    a, b = s.two_vectors()
    p = s.vector((a, b))
    v0, v1, v2 = b, a, p
    d00, d01, d11 = g.length_squared(v0), g.dot(v0, v1), g.length_squared(v1)
    d20, d21 = g.dot(v2, v0), g.dot(v2, v1)
    minor = d.claim("sub", 0.0, d00.high * d11.high, d.apply("mul", d00, d11), d.apply("square", d01))
    top = d.apply("sub", d.apply("mul", d11, d20), d.apply("mul", d01, d21))
    describe(d, "Barycentric coordinate of a point in a triangle.")
    return d.apply("div", top, d.apply("add", minor, 0.5))


# ---------------------------------------------------------------- numbers from numbers

def function_of(s):
    return grow.one_unary(s.d, s.scalar())


def with_number(s):
    return grow.with_literal(s.d, s.scalar())


def bell(s):
    return gaussian(s.d, s.scalar(), s.d.stream.choice((0.5, 1.5, 2.0, None)))


def together(s):
    a, b = s.scalar(), s.scalar()
    if a is b:
        raise Undrawable("the same number twice")
    return grow.one_binary(s.d, a, b)


# ---------------------------------------------------------------- over all points

def _points(s) -> Value:
    v = s.vector()
    if v.ndim < 2:
        raise Undrawable("points are wanted")
    return v


def _of_mass(s) -> tuple[Value, Value]:
    m = s.d.argument(s.batch, 0.5, 2.0, role="mass")
    column = s.d.apply("expand_dims", m, axis=-1)
    return m, column


def centre_of_mass(s):
    d, x = s.d, _points(s)
    m, column = _of_mass(s)
    weighted = d.apply("sum", d.apply("mul", column, x), axis=0)
    describe(d, "Centre of mass.")
    com = d.claim("div", x.low, x.high, weighted, d.apply("sum", m), typical=x.samples * 0.5)
    if d.stream.chance(40):
        away = d.apply("sub", x, com)
        return s.geometry.note(away)
    return s.geometry.note(com)


def angular_momentum(s):
    d, x = s.d, _points(s)
    spin = s.geometry.cross(x, s.vector((x,)))
    _, column = _of_mass(s)
    describe(d, "Total angular momentum.")
    each = d.apply("mul", column, spin)
    return s.geometry.note(d.apply("sum", each, axis=0)) if d.stream.chance(70) else s.geometry.note(each)


def covariance(s):
    """Second moments of the points: the inertia or covariance matrix."""
    d, x = s.d, _points(s)
    if d.stream.chance(50):
        _, column = _of_mass(s)
        describe(d, "Second moments of masses.")
        return d.apply("einsum", d.apply("mul", column, x), x, equation="ni,nj->ij")
    delta = d.apply("sub", x, d.apply("mean", x, axis=0))
    describe(d, "Covariance of the points.")
    turned = d.apply("transpose", delta, perm=(1, 0))
    return d.apply("div", d.apply("matmul", turned, delta), float(x.shape[0]))


def gathered(s):
    """A mean or a sum over the points."""
    v = s.d.stream.choice([v for v in s.pending if v.ndim and v.shape[0] == s.batch[0]] or [_points(s)])
    if v.centred:
        raise Undrawable("a sum that vanishes")
    y = s.d.apply(s.d.stream.weighted(("mean", "sum", "max"), (5, 4, 1)), v, axis=0)
    return s.geometry.note(y) if s.is_vector(v) else y


def _displacements(s) -> tuple[Value, Value]:
    x = _points(s)
    if x.shape[0] > 24:
        raise Undrawable("too many pairs")
    d = s.d
    one, other = d.apply("expand_dims", x, axis=1), d.apply("expand_dims", x, axis=0)
    return x, named(d.apply("sub", one, other), "diff")


def pair_energy(s):
    """A sum over all pairs of a function of their distance."""
    d = s.d
    x, delta = _displacements(s)
    r2 = d.apply("sum", d.apply("square", delta), axis=-1)
    kind = d.stream.below(3)
    if kind == 0:
        k = d.apply("exp", d.apply("neg", d.apply("div", grow.tamed(d, r2, 12.0), d.stream.choice((2.0, 0.5, 1.5)))))
    elif kind == 1:
        k = d.apply("rsqrt", d.apply("add", r2, d.stream.choice((0.1, 0.5, 1.0))))
    else:
        k = d.apply("sqrt", d.apply("add", r2, d.stream.choice((0.1, 0.05, 1.0))))
    describe(d, "Pairwise kernel of points.")
    return d.apply("sum", k, axis=-1) if d.stream.chance(60) else k


def pair_forces(s):
    """Forces between all pairs of points, one sum for each, over their masses."""
    d = s.d
    x, delta = _displacements(s)
    soft = d.stream.choice((0.1, 0.5, 1.0, 0.25))
    r2 = d.apply("add", d.apply("sum", d.apply("square", delta), axis=-1, keepdims=True), soft)
    weight = d.apply("reciprocal", d.apply("add", r2, 0.2)) if d.stream.chance(50) else d.apply(
        "exp", d.apply("neg", grow.tamed(d, r2, 12.0)))
    force = named(d.apply("sum", d.apply("mul", delta, weight), axis=1), "force")
    describe(d, "Accelerations by forces between all pairs.")
    return s.geometry.note(d.apply("div", force, _of_mass(s)[1]))


def _weighted(*pairs):
    return tuple(rule for rule, _ in pairs), tuple(weight for _, weight in pairs)


RULES = _weighted(
    (cross, 5), (add, 6), (normalize, 4), (midpoint, 1), (interpolate, 3), (move, 3), (scale, 5), (reflect, 3), (project, 3),
    (reject, 3), (rotate, 9), (components_changed, 3), (squashed, 3), (clamped, 2), (facing, 1), (moved_to_centre, 2),
    (spring, 3), (gravity, 3), (drag, 1), (dot, 6), (length, 4), (length_squared, 3), (distance, 4), (falloff, 3),
    (triple, 3), (cosine, 4), (angle_by_tangent, 1), (area, 2), (triangle_normal, 2), (coordinates, 4), (sphere, 2),
    (plane, 2), (box, 2), (capsule, 2), (lambert, 2), (phong, 2), (ray_sphere, 2), (lennard_jones, 2), (kinetic, 2),
    (dihedral, 1), (barycentric, 1), (function_of, 8), (with_number, 4), (bell, 1), (together, 4), (centre_of_mass, 1),
    (angular_momentum, 1), (pair_energy, 1), (pair_forces, 1))
GATHERING = _weighted((gathered, 8), (centre_of_mass, 3), (angular_momentum, 2), (covariance, 2), (pair_energy, 3),
                      (pair_forces, 2))
