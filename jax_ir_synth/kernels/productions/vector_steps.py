"""The steps of category `vector`: what geometry, mechanics and graphics do with vectors."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, geometry
from jax_ir_synth.kernels.productions.context import Context, Production
from jax_ir_synth.kernels.productions.idioms import describe, named
from jax_ir_synth.kernels.productions.vector_algebra import (
    add,
    clamped,
    components_changed,
    cross,
    drag,
    facing,
    gravity,
    interpolate,
    midpoint,
    move,
    moved_to_centre,
    normalize,
    project,
    reflect,
    reject,
    rotate,
    scale,
    spring,
    squashed,
)
from jax_ir_synth.kernels.productions.vector_measures import (
    angle_by_tangent,
    area,
    barycentric,
    bell,
    box,
    capsule,
    coordinates,
    cosine,
    dihedral,
    distance,
    dot,
    falloff,
    function_of,
    kinetic,
    lambert,
    length,
    length_squared,
    lennard_jones,
    phong,
    plane,
    ray_sphere,
    sphere,
    together,
    triangle_normal,
    triple,
    with_number,
)

# ---------------------------------------------------------------- over all points


def _points(s: Context) -> Value:
    v = geometry.vector(s)
    if v.ndim < 2:
        raise Rejected("points are wanted")
    return v


def _of_mass(s: Context) -> tuple[Value, Value]:
    m = s.d.argument(s.shape, 0.5, 2.0, role="mass")
    column = s.d.apply("expand_dims", m, axis=-1)
    return m, column


def centre_of_mass(s: Context) -> Value:
    """The centre of mass of the points, or the points seen from there."""
    d, x = s.d, _points(s)
    m, column = _of_mass(s)
    weighted = d.apply("sum", d.apply("mul", column, x), axis=0)
    describe(d, "Centre of mass.")
    com = d.claim("div", x.low, x.high, weighted, d.apply("sum", m), typical=x.samples * 0.5)
    if d.stream.chance(40):
        away = d.apply("sub", x, com)
        return geometry.note(s, away)
    return geometry.note(s, com)


def angular_momentum(s: Context) -> Value:
    """The angular momentum of the points."""
    d, x = s.d, _points(s)
    spin = geometry.cross(s, x, geometry.vector(s, (x,)))
    _, column = _of_mass(s)
    describe(d, "Total angular momentum.")
    each = d.apply("mul", column, spin)
    return (
        geometry.note(s, d.apply("sum", each, axis=0))
        if d.stream.chance(70)
        else geometry.note(s, each)
    )


def covariance(s: Context) -> Value:
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


def gathered(s: Context) -> Value:
    """A mean or a sum over the points."""
    v = s.stream.choice(
        [v for v in s.pending if v.ndim and v.shape[0] == s.shape[0]] or [_points(s)]
    )
    if v.centred:
        raise Rejected("a sum that vanishes")
    y = s.d.apply(s.stream.choose({"mean": 5, "sum": 4, "max": 1}), v, axis=0)
    return geometry.note(s, y) if geometry.is_vector(s, v) else y


def _displacements(s: Context) -> tuple[Value, Value]:
    x = _points(s)
    if x.shape[0] > 24:
        raise Rejected("too many pairs")
    d = s.d
    one, other = d.apply("expand_dims", x, axis=1), d.apply("expand_dims", x, axis=0)
    return x, named(d.apply("sub", one, other), "diff")


def _gaussian_kernel(d: ProgramBuilder, r2: Value) -> Value:
    ratio = d.apply("div", common.tamed(d, r2, 12.0), d.stream.choice((2.0, 0.5, 1.5)))
    return d.apply("exp", d.apply("neg", ratio))


def _inverse_distance(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("rsqrt", d.apply("add", r2, d.stream.choice((0.1, 0.5, 1.0))))


def _soft_distance(d: ProgramBuilder, r2: Value) -> Value:
    return d.apply("sqrt", d.apply("add", r2, d.stream.choice((0.1, 0.05, 1.0))))


_KERNELS = {_gaussian_kernel: 1, _inverse_distance: 1, _soft_distance: 1}


def pair_energy(s: Context) -> Value:
    """A sum over all pairs of a function of their distance."""
    d = s.d
    x, delta = _displacements(s)
    r2 = d.apply("sum", d.apply("square", delta), axis=-1)
    k = s.stream.choose(_KERNELS)(d, r2)
    describe(d, "Pairwise kernel of points.")
    return d.apply("sum", k, axis=-1) if d.stream.chance(60) else k


def pair_forces(s: Context) -> Value:
    """Forces between all pairs of points, one sum for each, over their masses."""
    d = s.d
    x, delta = _displacements(s)
    soft = d.stream.choice((0.1, 0.5, 1.0, 0.25))
    r2 = d.apply("add", d.apply("sum", d.apply("square", delta), axis=-1, keepdims=True), soft)
    weight = (
        d.apply("reciprocal", d.apply("add", r2, 0.2))
        if d.stream.chance(50)
        else d.apply("exp", d.apply("neg", common.tamed(d, r2, 12.0)))
    )
    force = named(d.apply("sum", d.apply("mul", delta, weight), axis=1), "force")
    describe(d, "Accelerations by forces between all pairs.")
    return geometry.note(s, d.apply("div", force, _of_mass(s)[1]))


RULES: dict[Production, int] = {
    cross: 5,
    add: 6,
    normalize: 4,
    midpoint: 1,
    interpolate: 3,
    move: 3,
    scale: 5,
    reflect: 3,
    project: 3,
    reject: 3,
    rotate: 9,
    components_changed: 3,
    squashed: 3,
    clamped: 2,
    facing: 1,
    moved_to_centre: 2,
    spring: 3,
    gravity: 3,
    drag: 1,
    dot: 6,
    length: 4,
    length_squared: 3,
    distance: 4,
    falloff: 3,
    triple: 3,
    cosine: 4,
    angle_by_tangent: 1,
    area: 2,
    triangle_normal: 2,
    coordinates: 4,
    sphere: 2,
    plane: 2,
    box: 2,
    capsule: 2,
    lambert: 2,
    phong: 2,
    ray_sphere: 2,
    lennard_jones: 2,
    kinetic: 2,
    dihedral: 1,
    barycentric: 1,
    function_of: 8,
    with_number: 4,
    bell: 1,
    together: 4,
    centre_of_mass: 1,
    angular_momentum: 1,
    pair_energy: 1,
    pair_forces: 1,
}
GATHERING: dict[Production, int] = {
    gathered: 8,
    centre_of_mass: 3,
    angular_momentum: 2,
    covariance: 2,
    pair_energy: 3,
    pair_forces: 2,
}
