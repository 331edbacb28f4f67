"""Functions on grids: steps of partial differential equations, and meshes."""

from functools import reduce

from jax_ir_synth.kernels.builder import several
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context


def stencil(s: Context) -> tuple[Value, ...]:
    """A step of a partial differential equation, by rolls or by slices."""
    if s.stream.chance(45):
        s.shape = (s.stream.choice((8, 10, 16, 20, 32, 12, 50, 64)),)
    else:
        n = s.stream.choice((6, 8, 10, 12, 16))
        s.shape = (n, s.stream.choice((8, 10, 5, 12, n)))
    u = s.array(role="field")
    if s.stream.chance(60):
        lap = _laplacian(s, u)
    else:
        inside = _second_difference(s, u)
        if s.stream.chance(50):
            return _heat_inside(s, u, inside)
        lap = s.do("pad", inside, pads=((1, 1),) + ((0, 0),) * (u.ndim - 1))
    f.named(lap, "laplacian")
    k = (
        s.argument((), 0.05, 0.3, "scalar")
        if s.stream.chance(45)
        else s.stream.choice((0.1, 0.25, 0.2, 0.05, 0.01))
    )
    flow = s.mul(k, lap)
    return s.stream.choose(_EQUATIONS)(s, u, flow)


def _laplacian(s: Context, u: Value) -> Value:
    """The sum of all neighbours less the field, by rolls."""
    neighbours = [
        s.add(s.do("roll", u, shift=1, axis=axis), s.do("roll", u, shift=-1, axis=axis))
        for axis in range(u.ndim)
    ]
    return s.sub(reduce(s.add, neighbours), s.mul(2.0 * u.ndim, u))


def _second_difference(s: Context, u: Value) -> Value:
    """The second difference along the first axis, by slices: without both ends."""
    n = s.shape[0]
    left, mid, right = (s.do("slice", u, axis=0, start=i, stop=n - 2 + i, step=1) for i in range(3))
    return s.add(s.sub(left, s.mul(2.0, mid)), right)


def _heat_inside(s: Context, u: Value, change: Value) -> tuple[Value, ...]:
    c = s.stream.choice((0.1, 0.25, 0.2, 0.05))
    f.describe(s.d, "Explicit Euler step of the heat equation, ends held fixed.")
    new = s.do("at_add", u, s.mul(c, change), slice=(1, s.shape[0] - 1))
    return new, s.do("mean", s.do("square", u))


def _wave(s: Context, u: Value, flow: Value) -> tuple[Value, ...]:
    v = s.add(s.array(role="moment"), flow)
    f.describe(s.d, "Leapfrog step of the wave equation.")
    return s.add(u, s.mul(s.stream.choice((0.1, 0.5, 0.05)), v)), v


def _reaction_diffusion(s: Context, u: Value, flow: Value) -> tuple[Value, ...]:
    v = s.array(role="field")
    reaction = s.mul(u, s.do("square", v)) if s.stream.chance(50) else s.sub(u, s.do("cube", u))
    f.describe(s.d, "Step of a reaction-diffusion system.")
    return s.add(u, s.sub(flow, s.mul(0.1, reaction))), s.add(v, s.mul(0.1, reaction))


def _heat(s: Context, u: Value, flow: Value) -> tuple[Value, ...]:
    f.describe(s.d, "Explicit Euler step of the heat equation.")
    new = s.add(u, flow)
    change = s.d.claim("sub", -flow.bound, flow.bound, new, u, typical=flow.samples)
    return new, s.do("max", s.do("abs", change))


_EQUATIONS = {_wave: 1, _reaction_diffusion: 1, _heat: 1}


def grid(s: Context) -> tuple[Value, ...]:
    """A function of two coordinates on a mesh."""
    d = s.d
    n, m = d.stream.choice((4, 5, 8, 10, 16)), d.stream.choice((4, 6, 8, 12))
    xs = (
        s.array((n,))
        if d.stream.chance(60)
        else d.apply(
            "mul",
            d.apply("linspace", shape=(n,), dtype="float32", start=-1.0, stop=1.0),
            s.argument((), 0.5, 2.0, "scalar"),
        )
    )
    ys = s.array((m,))
    x, y = several.meshgrid(d, xs, ys, d.stream.choice(("ij", "xy")))
    f.named(x, "comp0")
    f.named(y, "comp1")
    s.shape = x.shape
    r2 = d.apply("add", d.apply("square", x), d.apply("square", y))
    f.describe(d, "A function on a mesh.")
    z = (
        f.gaussian(d, d.apply("sqrt", d.apply("add", r2, 0.1)))
        if d.stream.chance(50)
        else common.one_binary(d, x, common.one_unary(d, y))
    )
    return (z, r2) if d.stream.chance(50) else (z, common.one_unary(d, x))
