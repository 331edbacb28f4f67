"""Families: differential equations, stepped in time or relaxed on a grid."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
y: y 1
out: out 3, result 2
mask: mask 6, active 1
u: u 1
v: v 1
num_steps: num_steps 5, n_steps 4, steps 3
step: step 5, body 2, body_fn 2, one_step 1
advance: advance 3, update 3, step_fn 2, integrate_step 1
state: state 6, carry 3
history: history 3, trajectory 5, traj 3, states 2
rhs: rhs 4, dynamics 3, vector_field 2, derivative 2, f 2
boundary: boundary 5, bc 4, bc_type 1
laplacian: laplacian 6, laplace 2, lap 1, compute_laplacian 2
laplacian_2d: laplacian_2d 4, laplacian 4, laplace 2, five_point_laplacian 1
gradient_1d: gradient_1d 2, central_difference 4, ddx 3, first_derivative 2
method: method 5, integrator 3, scheme 3, solver 1
heat_step: heat_step 4, diffusion_step 3, step_heat 2, diffuse 2
heat_2d: heat_2d 3, heat_step_2d 3, diffuse_2d 2, step_temperature 1
diffusivity: diffusivity 4, kappa 3, alpha 4
conductivity: conductivity 4, kappa 3, k 2
source: source 5, forcing 3, f 2
wave_step: wave_step 5, step_wave 2, leapfrog_wave 2, propagate 1
propagate_wave: propagate_wave 4, simulate_wave 4, solve_wave 2, wave_equation 2
previous: previous 3, u_prev 6, u_old 2
upwind: upwind 1
advect: advect 5, advection_step 5, transport_step 2, advect_1d 2
courant: courant 4, cfl 3, c 3, nu 1
from_left: from_left 3, upstream 3, left_neighbour 2, shift_right 1
limiter: limiter 4, flux_limiter 2, limit_slope 2
burgers: burgers 3, burgers_step 5, step_burgers 2, solve_burgers 1
react_diffuse: react_diffuse 2, reaction_diffusion_step 4, reaction_diffusion 5
gray_scott: gray_scott 3, gray_scott_step 3
poisson: poisson 2, solve_poisson 4, jacobi 4, relax 2
shallow_water: shallow_water 3, shallow_water_step 5, swe_step 2
simulate_oscillator: simulate_oscillator 3, integrate 3, solve_ode 3, simulate 2
simulate_lorenz: simulate_lorenz 4, integrate_lorenz 3, lorenz_trajectory 3, solve_ode 1
attractor_step: attractor_step 2, integrate_attractor 3, chaotic_flow 2, step_attractor 2
lorenz96: lorenz96 5, lorenz_96 3, simulate_lorenz96 3
epidemic: epidemic 3, simulate_epidemic 4, sir_model 3, integrate_epidemic 2
predator_prey: predator_prey 4, lotka_volterra 6, simulate_populations 2
prey: prey 1
predators: predators 4, predator 3
langevin_drift: langevin_drift 2, gradient_flow 4, descend 2, overdamped_dynamics 3
kuramoto: kuramoto 5, kuramoto_step 2, coupled_oscillators 3, simulate_kuramoto 3
theta: theta 5, phases 3, phi 2
thomas: thomas 2, solve_tridiagonal 4, thomas_solve 3, tridiagonal_solve 2, tdma 2
implicit_diffusion: implicit_diffusion 4, crank_nicolson 3, implicit_heat_step 3
neuron: neuron 2, simulate_neuron 4, integrate_neuron 2, neuron_dynamics 2
cahn_hilliard: cahn_hilliard 4, cahn_hilliard_step 3, phase_field_step 3
adaptive_step: adaptive_step 3, embedded_step 4, rk_step_with_error 3
linear_system: linear_system 2, linear_ode 3, solve_linear_ode 3, integrate_linear 2
rosenbrock: rosenbrock 1
"""


def laplacian(u, dx=1.0, boundary="periodic", order=2):
    """Second derivative along a line."""
    if boundary == "periodic":
        left, right = jnp.roll(u, 1), jnp.roll(u, -1)
        if order == 4:
            far = jnp.roll(u, 2) + jnp.roll(u, -2)
            return (-far + 16.0 * (left + right) - 30.0 * u) / (12.0 * dx**2)
        return (left - 2.0 * u + right) / dx**2
    if boundary == "dirichlet":
        padded = jnp.pad(u, 1)
    else:
        padded = jnp.pad(u, 1, mode="edge")
    return (padded[:-2] - 2.0 * u + padded[2:]) / dx**2


def laplacian_2d(u, dx=1.0, boundary="periodic", stencil="cross"):
    """Sum of the second derivatives on a grid."""
    if boundary == "periodic":
        total = jnp.roll(u, 1, axis=0) + jnp.roll(u, -1, axis=0)
        total = total + jnp.roll(u, 1, axis=1) + jnp.roll(u, -1, axis=1)
        return (total - 4.0 * u) / dx**2
    if boundary == "dirichlet":
        p = jnp.pad(u, 1)
    elif boundary == "reflect":
        p = jnp.pad(u, 1, mode="reflect")
    else:
        p = jnp.pad(u, 1, mode="edge")
    cross = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    if stencil == "nine":
        corners = p[:-2, :-2] + p[:-2, 2:] + p[2:, :-2] + p[2:, 2:]
        return (4.0 * cross + corners - 20.0 * u) / (6.0 * dx**2)
    return (cross - 4.0 * u) / dx**2


@family(
    "scalar_array",
    "branch",
    "reduction",
    "multi_statement",
    "loop",
    u="n",
    diffusivity="in 0.2..1",
    source="? n in -1..1",
    hot="? n bool",
    boundary={"periodic": 1, "dirichlet": 3, "neumann": 1, "insulated": 1},
    order={2: 3, 4: 1},
    method={"euler": 3, "heun": 1, "midpoint": 1, "dufort": 1},
    cooling={None: 3, "linear": 1, "radiation": 1},
    num_steps={1: 4, 4: 1, 8: 1},
    output={"field": 4, "total": 1, "flux": 1},
)
def heat_step(
    u,
    diffusivity,
    source=None,
    hot=None,
    *,
    boundary="periodic",
    order=2,
    method="euler",
    cooling=None,
    num_steps=1,
    output="field",
):
    """Advances the heat equation on a line.

    Args:
        u: Temperatures on the grid.
        diffusivity: How fast heat spreads.
        source: Heat that is added per time.
        hot: Where the temperature is held at one.
    """
    dt = 0.2

    def rhs(u):
        change = diffusivity * laplacian(u, boundary=boundary, order=order)
        if cooling == "linear":
            change = change - 0.1 * u
        elif cooling == "radiation":
            change = change - 0.02 * u * jnp.abs(u) ** 3
        if source is not None:
            change = change + source
        return change

    def advance(u):
        if method == "heun":
            k1 = rhs(u)
            k2 = rhs(u + dt * k1)
            u = u + 0.5 * dt * (k1 + k2)
        elif method == "midpoint":
            u = u + dt * rhs(u + 0.5 * dt * rhs(u))
        elif method == "dufort":
            # The implicit part needs no system of equations.
            implicit = 2.0 * dt * diffusivity
            u = (u + dt * rhs(u) + implicit * u) / (1.0 + implicit)
        else:
            u = u + dt * rhs(u)
        if hot is not None:
            u = jnp.where(hot, 1.0, u)
        if boundary == "insulated":
            u = u.at[0].set(u[1])
            u = u.at[-1].set(u[-2])
        return u

    if num_steps > 1:
        u = lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)
    else:
        u = advance(u)
    if output == "total":
        return 0.5 * jnp.sum(u[1:] ** 2 + u[:-1] ** 2)
    elif output == "flux":
        return u, -diffusivity * jnp.diff(u)
    else:
        return u


@family(
    "unary",
    "elementwise",
    "scalar_array",
    "branch",
    "multi_statement",
    "loop",
    u="h m",
    conductivity="? h m in 0.2..1",
    source="? h m in -1..1",
    mask="? h m bool",
    dt="? in 0.05..0.2",
    boundary=("periodic", "dirichlet", "edge", "reflect"),
    stencil={"cross": 3, "nine": 1},
    flow={None: 3, "shear": 1, "rotation": 1},
    reaction={None: 3, "fisher": 1, "allen_cahn": 1, "decay": 1},
    num_steps={1: 5, 4: 1, 6: 1},
    monitor={False: 4, True: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8, 10)},
)
def heat_2d(
    u,
    conductivity=None,
    source=None,
    mask=None,
    dt=None,
    *,
    boundary="edge",
    stencil="cross",
    flow=None,
    reaction=None,
    num_steps=1,
    monitor=False,
):
    """Advances a field that diffuses on a grid.

    Args:
        u: The field.
        conductivity: How fast it spreads at each point.
        source: What is added per time.
        mask: Where the field is free to change.
        dt: The time step.
    """
    if dt is None:
        dt = 0.1

    def advance(u):
        change = laplacian_2d(u, boundary=boundary, stencil=stencil)
        if conductivity is not None:
            change = conductivity * change
        if flow == "shear":
            speed = jnp.linspace(-1.0, 1.0, u.shape[0], dtype=u.dtype)[:, None]
            change = change - 0.5 * speed * (jnp.roll(u, -1, axis=1) - jnp.roll(u, 1, axis=1))
        elif flow == "rotation":
            rows, columns = jnp.meshgrid(
                jnp.linspace(-1.0, 1.0, u.shape[0], dtype=u.dtype),
                jnp.linspace(-1.0, 1.0, u.shape[1], dtype=u.dtype),
                indexing="ij",
            )
            along_rows = 0.5 * (jnp.roll(u, -1, axis=0) - jnp.roll(u, 1, axis=0))
            along_columns = 0.5 * (jnp.roll(u, -1, axis=1) - jnp.roll(u, 1, axis=1))
            change = change + columns * along_rows - rows * along_columns
        if reaction == "fisher":
            change = change + 0.5 * u * (1.0 - u)
        elif reaction == "allen_cahn":
            change = change + u - u**3
        elif reaction == "decay":
            change = change - 0.3 * u
        if source is not None:
            change = change + source
        if mask is not None:
            change = jnp.where(mask, change, 0.0)
        return u + dt * change

    if num_steps == 1:
        new = advance(u)
    else:
        new = lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)
    if monitor:
        # How much the field still changes.
        return new, jnp.mean(jnp.square(new - u))
    return new


@family(
    "elementwise",
    "reduction",
    "multi_statement",
    u="n",
    previous="n",
    speed="? n in 0.3..0.8",
    source="? n in -1..1",
    boundary={"periodic": 2, "dirichlet": 2, "neumann": 2, "absorbing": 2},
    order={2: 3, 4: 1},
    damping={False: 2, True: 1},
    nonlinear={None: 3, "sine_gordon": 1, "klein_gordon": 1, "phi4": 1},
    output={"pair": 2, "next": 3, "energy": 1},
)
def wave_step(
    u,
    previous,
    speed=None,
    source=None,
    *,
    boundary="periodic",
    order=2,
    damping=False,
    nonlinear=None,
    output="next",
):
    """Makes a step of the wave equation from two times.

    Args:
        u: The displacement now.
        previous: The displacement a step ago.
        speed: The speed of the wave, relative to that of the grid.
        source: An acceleration from outside.
    """
    acceleration = laplacian(u, boundary=boundary, order=order)
    if speed is not None:
        acceleration = speed**2 * acceleration
    else:
        acceleration = 0.25 * acceleration
    if nonlinear == "sine_gordon":
        acceleration = acceleration - 0.1 * jnp.sin(u)
    elif nonlinear == "klein_gordon":
        acceleration = acceleration - 0.1 * u
    elif nonlinear == "phi4":
        acceleration = acceleration + 0.1 * (u - u**3)
    if source is not None:
        acceleration = acceleration + 0.1 * source
    if damping:
        new = (2.0 * u - 0.95 * previous + acceleration) / 1.05
    else:
        new = 2.0 * u - previous + acceleration
    if boundary == "absorbing":
        # Waves leave through the ends.
        new = new.at[0].set(u[0] + 0.5 * (u[1] - u[0]))
        new = new.at[-1].set(u[-1] - 0.5 * (u[-1] - u[-2]))
    elif boundary == "dirichlet":
        new = new.at[0].set(0.0).at[-1].set(0.0)
    if output == "energy":
        velocity = new - u
        slope = jnp.diff(new)
        return 0.5 * (jnp.sum(velocity**2) + jnp.sum(slope**2))
    elif output == "pair":
        return new, u
    else:
        return new


@family(
    "loop",
    u="n",
    v="n",
    speed="? n in 0.4..1",
    sponge="? n in 0..0.5",
    boundary=("periodic", "dirichlet", "neumann"),
    source={None: 2, "ricker": 1, "sine": 1},
    nonlinear={None: 3, "sine_gordon": 1, "klein_gordon": 1},
    form={"leapfrog": 2, "first_order": 1},
    record={None: 2, "field": 1, "receiver": 2, "energy": 1},
    num_steps=(4, 6, 8, 10, 12),
    sizes={"n": (5, 6, 8, 10, 12, 16)},
)
def propagate_wave(
    u,
    v,
    speed=None,
    sponge=None,
    *,
    boundary="dirichlet",
    source=None,
    nonlinear=None,
    form="leapfrog",
    record=None,
    num_steps=8,
):
    """Lets a wave run along a line.

    Args:
        u: The displacement at first.
        v: The velocity at first.
        speed: The speed of the wave at each point.
        sponge: How strongly each point damps the wave.

    Returns:
        The last displacement and velocity, or what is recorded at each time.
    """
    dt = 0.25

    def acceleration(u, t):
        a = laplacian(u, boundary=boundary)
        if speed is not None:
            a = speed**2 * a
        if nonlinear == "sine_gordon":
            a = a - jnp.sin(u)
        elif nonlinear == "klein_gordon":
            a = a - u
        if source == "ricker":
            phase = (t - 1.0) ** 2
            a = a.at[1].add((1.0 - 2.0 * phase) * jnp.exp(-phase))
        elif source == "sine":
            a = a.at[1].add(jnp.sin(2.0 * t))
        return a

    def step(state, i):
        u, v = state
        t = dt * i
        if form == "leapfrog":
            v = v + dt * acceleration(u, t)
            u = u + dt * v
        else:
            v = v + 0.5 * dt * acceleration(u, t)
            u = u + dt * v
            v = v + 0.5 * dt * acceleration(u, t + dt)
        if sponge is not None:
            v = v * jnp.exp(-dt * sponge)
        if record == "field":
            return (u, v), u
        elif record == "receiver":
            return (u, v), u[-2]
        elif record == "energy":
            return (u, v), 0.5 * (jnp.sum(v**2) + jnp.sum(jnp.diff(u) ** 2))
        else:
            return (u, v), None

    times = jnp.arange(num_steps, dtype=u.dtype)
    if record is None:
        (u, v), _ = lax.scan(step, (u, v), times)
        return u, v
    _, history = lax.scan(step, (u, v), times)
    return history


def limiter(r, kind="minmod"):
    """Limits the slope by the ratio of two neighbouring differences."""
    if kind == "superbee":
        return jnp.maximum(0.0, jnp.maximum(jnp.minimum(2.0 * r, 1.0), jnp.minimum(r, 2.0)))
    if kind == "van_leer":
        return (r + jnp.abs(r)) / (1.0 + jnp.abs(r))
    if kind == "mc":
        return jnp.maximum(0.0, jnp.minimum(jnp.minimum(2.0 * r, 0.5 * (1.0 + r)), 2.0))
    return jnp.maximum(0.0, jnp.minimum(1.0, r))


def from_left(q, inflow=None):
    """The values of the cells to the left of each."""
    left = jnp.roll(q, 1)
    if inflow == "zero":
        left = left.at[0].set(0.0)
    elif inflow == "edge":
        left = left.at[0].set(q[0])
    return left


@family(
    "scalar_array",
    "branch",
    "loop",
    u="n",
    courant="in 0.1..0.9",
    source="? n in -1..1",
    mask="? n bool",
    scheme={
        "upwind": 2,
        "lax_wendroff": 2,
        "lax_friedrichs": 2,
        "beam_warming": 1,
        "fromm": 1,
        "limited": 4,
        "maccormack": 1,
    },
    limit=("minmod", "superbee", "van_leer", "mc"),
    inflow={None: 1, "zero": 2, "edge": 2},
    diffusion={False: 3, True: 1},
    num_steps={1: 4, 4: 1, 6: 1, 8: 1},
)
def advect(
    u,
    courant,
    source=None,
    mask=None,
    *,
    scheme="upwind",
    limit="minmod",
    inflow=None,
    diffusion=False,
    num_steps=1,
):
    """Carries a field to the right.

    Args:
        u: The field.
        courant: The share of a cell that it moves in a step.
        source: What is added in a step.
        mask: The cells that change.
    """

    def advance(u):
        left, right = from_left(u, inflow=inflow), jnp.roll(u, -1)
        if scheme == "lax_wendroff":
            new = u - 0.5 * courant * (right - left) + 0.5 * courant**2 * (right - 2.0 * u + left)
        elif scheme == "lax_friedrichs":
            new = 0.5 * (left + right) - 0.5 * courant * (right - left)
        elif scheme == "beam_warming":
            far = from_left(left, inflow=inflow)
            new = u - 0.5 * courant * (3.0 * u - 4.0 * left + far)
            new = new + 0.5 * courant**2 * (u - 2.0 * left + far)
        elif scheme == "fromm":
            flux = u + 0.25 * (1.0 - courant) * (right - left)
            new = u - courant * (flux - from_left(flux, inflow=inflow))
        elif scheme == "limited":
            back, ahead = u - left, right - u
            r = back * ahead / (ahead**2 + 1e-3)
            flux = u + 0.5 * (1.0 - courant) * limiter(r, kind=limit) * ahead
            new = u - courant * (flux - from_left(flux, inflow=inflow))
        elif scheme == "maccormack":
            predicted = u - courant * (right - u)
            behind = from_left(predicted, inflow=inflow)
            new = 0.5 * (u + predicted - courant * (predicted - behind))
        else:
            new = u - courant * (u - left)
        if diffusion:
            new = new + 0.1 * (left - 2.0 * u + right)
        if source is not None:
            new = new + source
        if mask is not None:
            new = jnp.where(mask, new, u)
        return new

    if num_steps == 1:
        return advance(u)
    return lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)


@family(
    "scalar_array",
    "reduction",
    "multi_statement",
    "loop",
    u="n in -1.5..1.5",
    viscosity="in 0.05..0.5",
    forcing="? n in -1..1",
    flux={"central": 2, "rusanov": 2, "godunov": 1, "engquist": 1, "advective": 2, "upwind": 1},
    boundary={"dirichlet": 7, "periodic": 1},
    equation={"burgers": 3, "kuramoto_sivashinsky": 1, "kdv": 1},
    method={"euler": 2, "heun": 1, "rk3": 1},
    num_steps={1: 3, 4: 1, 6: 1},
    output={"field": 4, "energy": 1, "rate": 1},
    only="float32",
)
def burgers(
    u,
    viscosity,
    forcing=None,
    *,
    flux="central",
    boundary="periodic",
    equation="burgers",
    method="euler",
    num_steps=1,
    output="field",
):
    """Advances Burgers' equation or one of its relatives on a line.

    Args:
        u: The velocity.
        viscosity: How strongly it is smoothed.
        forcing: An acceleration at each point.
    """
    dt = 0.05

    def rhs(u):
        if boundary == "periodic":
            left, right = jnp.roll(u, 1), jnp.roll(u, -1)
        else:
            padded = jnp.pad(u, 1)
            left, right = padded[:-2], padded[2:]
        if flux == "advective":
            transport = -u * 0.5 * (right - left)
        elif flux == "upwind":
            transport = -jnp.maximum(u, 0.0) * (u - left) - jnp.minimum(u, 0.0) * (right - u)
        elif flux == "central":
            transport = -0.25 * (right**2 - left**2)
        else:
            if flux == "rusanov":
                speed = jnp.maximum(jnp.abs(u), jnp.abs(right))
                face = 0.25 * (u**2 + right**2) - 0.5 * speed * (right - u)
            elif flux == "godunov":
                face = 0.5 * jnp.maximum(jnp.maximum(u, 0.0) ** 2, jnp.minimum(right, 0.0) ** 2)
            else:
                face = 0.5 * (jnp.maximum(u, 0.0) ** 2 + jnp.minimum(right, 0.0) ** 2)
            transport = jnp.roll(face, 1) - face
        curvature = left - 2.0 * u + right
        change = transport + viscosity * curvature
        if equation == "kuramoto_sivashinsky":
            fourth = jnp.roll(curvature, 1) - 2.0 * curvature + jnp.roll(curvature, -1)
            change = change - 2.0 * viscosity * curvature - 0.5 * fourth
        elif equation == "kdv":
            change = change - 0.25 * (jnp.roll(curvature, -1) - jnp.roll(curvature, 1))
        if forcing is not None:
            change = change + forcing
        return change

    def advance(u):
        if method == "heun":
            k1 = rhs(u)
            k2 = rhs(u + dt * k1)
            return u + 0.5 * dt * (k1 + k2)
        elif method == "rk3":
            u1 = u + dt * rhs(u)
            u2 = 0.75 * u + 0.25 * (u1 + dt * rhs(u1))
            return u / 3.0 + 2.0 / 3.0 * (u2 + dt * rhs(u2))
        else:
            return u + dt * rhs(u)

    if num_steps > 1:
        u = lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)
    else:
        u = advance(u)
    if output == "energy":
        return 0.5 * jnp.mean(u**2)
    elif output == "rate":
        return u, rhs(u)
    else:
        return u


@family(
    "multi_statement",
    "loop",
    u="h m in 0..1",
    v="h m in 0..1",
    feed="? h m in 0.02..0.08",
    system={
        "gray_scott": 3,
        "fitzhugh_nagumo": 2,
        "brusselator": 1,
        "schnakenberg": 1,
        "barkley": 1,
        "lambda_omega": 1,
    },
    boundary=("periodic", "dirichlet", "edge", "reflect"),
    stencil={"cross": 3, "nine": 1},
    clip={False: 3, True: 1},
    num_steps={1: 3, 4: 1, 5: 1, 6: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def react_diffuse(
    u,
    v,
    feed=None,
    *,
    system="gray_scott",
    boundary="periodic",
    stencil="cross",
    clip=False,
    num_steps=1,
):
    """Lets two substances react and diffuse on a grid.

    Args:
        u: The first substance.
        v: The second one, which diffuses more slowly or faster.
        feed: What of the first one is supplied at each point.
    """

    def reaction(u, v):
        if system == "gray_scott":
            uvv = u * v**2
            return 0.04 * (1.0 - u) - uvv, uvv - 0.1 * v
        elif system == "fitzhugh_nagumo":
            return u - u**3 / 3.0 - v, 0.08 * (u + 0.7 - 0.8 * v)
        elif system == "brusselator":
            uuv = u**2 * v
            return 1.0 - 3.0 * u + uuv, 2.0 * u - uuv
        elif system == "schnakenberg":
            uuv = u**2 * v
            return 0.1 - u + uuv, 0.9 - uuv
        elif system == "barkley":
            return 5.0 * u * (1.0 - u) * (u - (v + 0.05) / 0.75), u - v
        else:
            r2 = u**2 + v**2
            return u * (1.0 - r2) + v * r2, v * (1.0 - r2) - u * r2

    def advance(u, v):
        du, dv = reaction(u, v)
        du = du + 0.2 * laplacian_2d(u, boundary=boundary, stencil=stencil)
        dv = dv + 0.1 * laplacian_2d(v, boundary=boundary, stencil=stencil)
        if feed is not None:
            du = du + feed
        u = u + 0.1 * du
        v = v + 0.1 * dv
        if clip:
            u = jnp.clip(u, 0.0, 1.2)
            v = jnp.clip(v, 0.0, 1.2)
        return u, v

    if num_steps == 1:
        u, v = advance(u, v)
    else:
        u, v = lax.fori_loop(0, num_steps, lambda _, state: advance(*state), (u, v))
    return u, v


@family(
    "loop",
    u="h m",
    f="h m in -1..1",
    mask="? h m bool",
    sigma="? h m in 0.5..2",
    boundary=("dirichlet", "periodic", "edge"),
    method={"jacobi": 2, "damped": 2, "momentum": 1},
    screened={False: 3, True: 1},
    form={"fori": 2, "scan": 2},
    residual={False: 2, "field": 1, "norm": 1},
    num_steps=(4, 5, 6, 8, 10),
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def poisson(
    u,
    f,
    mask=None,
    sigma=None,
    *,
    boundary="dirichlet",
    method="jacobi",
    screened=False,
    form="fori",
    residual=False,
    num_steps=6,
):
    """Relaxes Poisson's equation on a grid.

    Args:
        u: The first guess.
        f: The right-hand side.
        mask: Where the solution is unknown; it is kept elsewhere.
        sigma: Absorption at each point.
    """

    def neighbours(u):
        if boundary == "periodic":
            total = jnp.roll(u, 1, axis=0) + jnp.roll(u, -1, axis=0)
            return total + jnp.roll(u, 1, axis=1) + jnp.roll(u, -1, axis=1)
        if boundary == "dirichlet":
            p = jnp.pad(u, 1)
        else:
            p = jnp.pad(u, 1, mode="edge")
        return p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]

    diagonal = 4.5 if screened else 4.0
    if sigma is not None:
        diagonal = diagonal + sigma

    def sweep(u):
        new = (neighbours(u) - f) / diagonal
        if method == "damped":
            new = u + 0.8 * (new - u)
        if mask is not None:
            new = jnp.where(mask, new, u)
        return new

    if method == "momentum":

        def accelerate(_, state):
            u, old = state
            return sweep(u + 0.3 * (u - old)), u

        u, _ = lax.fori_loop(0, num_steps, accelerate, (u, u))
    elif form == "scan":

        def relax(u, _):
            new = sweep(u)
            if residual == "norm":
                return new, jnp.mean(jnp.abs(new - u))
            return new, None

        if residual == "norm":
            u, changes = lax.scan(relax, u, None, length=num_steps)
            return u, changes
        u, _ = lax.scan(relax, u, None, length=num_steps)
    else:
        u = lax.fori_loop(0, num_steps, lambda _, u: sweep(u), u)
    if residual == "field":
        return u, neighbours(u) - diagonal * u - f
    elif residual == "norm":
        return u, jnp.linalg.norm(neighbours(u) - diagonal * u - f)
    else:
        return u


@family(
    "multi_statement",
    "loop",
    h="n in 0.8..1.5",
    u="n in -0.5..0.5",
    bed="? n in 0..0.3",
    tracer="? n",
    scheme={"rusanov": 2, "lax_friedrichs": 2, "linear": 1, "two_step": 1},
    boundary={"periodic": 2, "wall": 2},
    friction={None: 2, "linear": 1, "manning": 1},
    num_steps={1: 3, 4: 1, 6: 1},
    output={"state": 3, "momentum": 1},
)
def shallow_water(
    h,
    u,
    bed=None,
    tracer=None,
    *,
    scheme="rusanov",
    boundary="periodic",
    friction=None,
    num_steps=1,
    output="state",
):
    """Advances water in a shallow channel.

    Args:
        h: Depth of the water.
        u: Its velocity.
        bed: Height of the ground.
        tracer: Something that the water carries.
    """
    ratio = 0.1

    def shift(q, sign=1.0):
        if boundary == "wall":
            # What is before the wall is mirrored.
            return jnp.concatenate([q[1:], sign * q[-1:]])
        return jnp.roll(q, -1)

    def flux(h, hu):
        return hu, hu**2 / h + 0.5 * 9.81 * h**2

    def advance(h, hu):
        h_right, hu_right = shift(h), shift(hu, -1.0)
        f_h, f_hu = flux(h, hu)
        g_h, g_hu = flux(h_right, hu_right)
        if scheme == "two_step":
            h_mid = 0.5 * (h + h_right) - 0.5 * ratio * (g_h - f_h)
            hu_mid = 0.5 * (hu + hu_right) - 0.5 * ratio * (g_hu - f_hu)
            face_h, face_hu = flux(h_mid, hu_mid)
        elif scheme == "linear":
            # Waves are slow compared with those of deep water.
            face_h = 0.5 * (hu + hu_right) - 0.5 * (h_right - h)
            face_hu = 0.5 * 9.81 * (h + h_right) - 0.5 * (hu_right - hu)
        else:
            if scheme == "rusanov":
                speed = jnp.maximum(
                    jnp.abs(hu / h) + jnp.sqrt(9.81 * h),
                    jnp.abs(hu_right / h_right) + jnp.sqrt(9.81 * h_right),
                )
            else:
                speed = 1.0 / ratio
            face_h = 0.5 * (f_h + g_h) - 0.5 * speed * (h_right - h)
            face_hu = 0.5 * (f_hu + g_hu) - 0.5 * speed * (hu_right - hu)
        h_new = h - ratio * (face_h - jnp.roll(face_h, 1))
        hu_new = hu - ratio * (face_hu - jnp.roll(face_hu, 1))
        if bed is not None:
            slope = 0.5 * (shift(bed) - jnp.roll(bed, 1))
            hu_new = hu_new - ratio * 9.81 * h * slope
        if friction == "linear":
            hu_new = hu_new / (1.0 + 0.1 * ratio)
        elif friction == "manning":
            hu_new = hu_new / (1.0 + 0.05 * ratio * jnp.abs(hu) / h ** (7.0 / 3.0))
        return h_new, hu_new

    h_end, hu_end = h, h * u
    if num_steps == 1:
        h_end, hu_end = advance(h_end, hu_end)
    else:
        h_end, hu_end = lax.fori_loop(
            0, num_steps, lambda _, state: advance(*state), (h_end, hu_end)
        )
    if tracer is not None:
        carried = tracer - ratio * u * 0.5 * (shift(tracer) - jnp.roll(tracer, 1))
        return h_end, hu_end / h_end, carried
    if output == "momentum":
        return h_end, hu_end
    return h_end, hu_end / h_end


@family(
    "loop",
    x="n",
    v="n",
    dt="in 0.02..0.1",
    stiffness="n in 0.5..2",
    coupling="? n n in -0.3..0.3",
    system={
        "harmonic": 1,
        "van_der_pol": 3,
        "duffing": 3,
        "rayleigh": 1,
        "toda": 1,
        "double_well": 2,
    },
    drive={None: 2, "cosine": 2, "pulse": 1, "parametric": 1},
    method={"rk4": 3, "heun": 2, "midpoint": 2, "symplectic": 2, "verlet": 1, "ralston": 1},
    record={None: 3, "path": 2, "energy": 1, "mean": 1},
    num_steps=(4, 6, 8, 10),
    sizes={"n": (4, 5, 6, 8)},
)
def simulate_oscillator(
    x,
    v,
    dt,
    stiffness,
    coupling=None,
    *,
    system="van_der_pol",
    drive=None,
    method="rk4",
    record=None,
    num_steps=6,
):
    """Integrates nonlinear oscillators.

    Args:
        x: Positions at first.
        v: Velocities at first.
        dt: The time step.
        stiffness: How strongly each of them is pulled back.
        coupling: How they act on each other.
    """

    def acceleration(x, v, t):
        pull = stiffness * x
        if drive == "parametric":
            pull = (1.0 + 0.3 * jnp.cos(2.0 * t)) * pull
        if system == "van_der_pol":
            a = 1.5 * (1.0 - x**2) * v - pull
        elif system == "duffing":
            a = -0.2 * v - pull - 0.5 * x**3
        elif system == "rayleigh":
            a = (1.0 - v**2) * v - pull
        elif system == "toda":
            a = 1.0 - jnp.exp(pull) - 0.1 * v
        elif system == "double_well":
            a = pull - x**3 - 0.1 * v
        else:
            a = -pull - 0.1 * v
        if coupling is not None:
            a = a + coupling @ x
        if drive == "cosine":
            a = a + 0.5 * jnp.cos(1.2 * t)
        elif drive == "pulse":
            a = a + jnp.exp(-((t - 0.3) ** 2) / 0.02)
        return a

    def advance(x, v, t):
        if method == "symplectic":
            v = v + dt * acceleration(x, v, t)
            return x + dt * v, v
        elif method == "verlet":
            v_half = v + 0.5 * dt * acceleration(x, v, t)
            x = x + dt * v_half
            return x, v_half + 0.5 * dt * acceleration(x, v_half, t + dt)
        a1 = acceleration(x, v, t)
        if method == "heun":
            v2 = v + dt * a1
            a2 = acceleration(x + dt * v, v2, t + dt)
            return x + 0.5 * dt * (v + v2), v + 0.5 * dt * (a1 + a2)
        elif method == "ralston":
            v2 = v + 2.0 / 3.0 * dt * a1
            a2 = acceleration(x + 2.0 / 3.0 * dt * v, v2, t + 2.0 / 3.0 * dt)
            return x + 0.25 * dt * (v + 3.0 * v2), v + 0.25 * dt * (a1 + 3.0 * a2)
        v2 = v + 0.5 * dt * a1
        a2 = acceleration(x + 0.5 * dt * v, v2, t + 0.5 * dt)
        if method == "midpoint":
            return x + dt * v2, v + dt * a2
        else:
            v3 = v + 0.5 * dt * a2
            a3 = acceleration(x + 0.5 * dt * v2, v3, t + 0.5 * dt)
            v4 = v + dt * a3
            a4 = acceleration(x + dt * v3, v4, t + dt)
            x = x + dt / 6.0 * (v + 2.0 * v2 + 2.0 * v3 + v4)
            v = v + dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
            return x, v

    def step(state, i):
        x, v = advance(*state, i * dt)
        if record == "path":
            return (x, v), x
        elif record == "energy":
            return (x, v), 0.5 * (x**2 + v**2)
        elif record == "mean":
            return (x, v), jnp.mean(x)
        else:
            return (x, v), None

    if record is None:
        (x, v), _ = lax.scan(step, (x, v), jnp.arange(num_steps))
        return x, v
    _, history = lax.scan(step, (x, v), jnp.arange(num_steps))
    return history


@family(
    "multi_statement",
    "loop",
    x="n",
    y="n",
    z="n in 0.2..2",
    dt="? in 0.01..0.05",
    a="? n in 0.1..0.3",
    system={"lorenz": 4, "rossler": 3, "thomas": 1, "halvorsen": 1, "chen": 1, "sprott": 1},
    method={"euler": 2, "heun": 2, "midpoint": 2, "rk4": 3},
    record={"final": 3, "path": 2, "first": 2},
    num_steps={1: 2, 4: 1, 6: 1, 8: 1},
    sizes={"n": (1, 2, 4, 5, 6)},
)
def simulate_lorenz(
    x, y, z, dt=None, a=None, *, system="lorenz", method="rk4", record="final", num_steps=4
):
    """Follows points through a chaotic flow.

    Args:
        x: First coordinates.
        y: Second coordinates.
        z: Third coordinates.
        dt: The time step.
        a: A constant drift of each point along x.
    """
    if dt is None:
        dt = 0.02

    def rhs(state):
        x, y, z = state
        if system == "lorenz":
            dx, dy, dz = 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z
        elif system == "rossler":
            dx, dy, dz = -y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)
        elif system == "thomas":
            dx = jnp.sin(y) - 0.2 * x
            dy = jnp.sin(z) - 0.2 * y
            dz = jnp.sin(x) - 0.2 * z
        elif system == "halvorsen":
            dx = -1.9 * x - 4.0 * (y + z) - y**2
            dy = -1.9 * y - 4.0 * (z + x) - z**2
            dz = -1.9 * z - 4.0 * (x + y) - x**2
        elif system == "chen":
            dx, dy, dz = 35.0 * (y - x), -7.0 * x - x * z + 28.0 * y, x * y - 3.0 * z
        else:
            dx, dy, dz = y, -x + y * z, 1.0 - y**2
        if a is not None:
            dx = dx + a
        return jnp.stack([dx, dy, dz])

    def advance(state):
        k1 = rhs(state)
        if method == "euler":
            return state + dt * k1
        elif method == "heun":
            return state + 0.5 * dt * (k1 + rhs(state + dt * k1))
        elif method == "midpoint":
            return state + dt * rhs(state + 0.5 * dt * k1)
        else:
            k2 = rhs(state + 0.5 * dt * k1)
            k3 = rhs(state + 0.5 * dt * k2)
            k4 = rhs(state + dt * k3)
            return state + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)

    state = jnp.stack([x, y, z])
    if num_steps == 1:
        x, y, z = advance(state)
        return x, y, z
    if record == "final":
        return lax.fori_loop(0, num_steps, lambda _, state: advance(state), state)

    def step(state, _):
        state = advance(state)
        if record == "first":
            return state, state[0]
        return state, state

    _, history = lax.scan(step, state, None, length=num_steps)
    return history


@family(
    "unary",
    "elementwise",
    "scalar_array",
    "multi_statement",
    "loop",
    x="n",
    forcing="? n in 4..8",
    scale="? n in 0.5..1.5",
    dt="? in 0.01..0.05",
    dissipation={"linear": 3, "cubic": 1, "diffusive": 1},
    advection={"standard": 3, "burgers": 1},
    method={"euler": 1, "heun": 2, "rk4": 3, "midpoint": 1},
    record={None: 3, "path": 2, "energy": 1},
    num_steps={1: 3, 4: 1, 5: 1, 8: 1},
)
def lorenz96(
    x,
    forcing=None,
    scale=None,
    dt=None,
    *,
    dissipation="linear",
    advection="standard",
    method="rk4",
    record=None,
    num_steps=4,
):
    """Advances Lorenz's model of a ring of variables.

    Args:
        x: The variables.
        forcing: What drives each of them.
        scale: How strongly each is carried along by its neighbours.
        dt: The time step.
    """
    if dt is None:
        dt = 0.02

    def rhs(x):
        if advection == "burgers":
            change = 0.5 * (jnp.roll(x, 1) ** 2 - jnp.roll(x, -1) ** 2)
        else:
            change = (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1)
        if scale is not None:
            change = scale * change
        if dissipation == "cubic":
            change = change - x**3
        elif dissipation == "diffusive":
            change = change + jnp.roll(x, 1) - 2.0 * x + jnp.roll(x, -1)
        else:
            change = change - x
        if forcing is not None:
            change = change + forcing
        else:
            change = change + 8.0
        return change

    def advance(x):
        k1 = rhs(x)
        if method == "euler":
            return x + dt * k1
        elif method == "heun":
            return x + 0.5 * dt * (k1 + rhs(x + dt * k1))
        elif method == "midpoint":
            return x + dt * rhs(x + 0.5 * dt * k1)
        else:
            k2 = rhs(x + 0.5 * dt * k1)
            k3 = rhs(x + 0.5 * dt * k2)
            k4 = rhs(x + dt * k3)
            return x + dt / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)

    if num_steps == 1:
        if record == "energy":
            x = advance(x)
            return x, 0.5 * x**2
        return advance(x)
    if record is None:
        return lax.fori_loop(0, num_steps, lambda _, x: advance(x), x)

    def step(x, _):
        x = advance(x)
        if record == "energy":
            return x, 0.5 * jnp.mean(x**2)
        return x, x

    _, history = lax.scan(step, x, None, length=num_steps)
    return history


@family(
    "reduction",
    "multi_statement",
    "loop",
    s="n in 0.5..0.9",
    i="n in 0.05..0.3",
    beta="n in 0.5..2",
    gamma="n in 0.1..0.5",
    contacts="? n n in 0..0.5",
    vaccination="? n in 0.01..0.1",
    model={"sir": 3, "sis": 1, "seir": 3, "sirs": 1},
    incidence={"mass": 3, "saturated": 1, "seasonal": 1},
    births={False: 2, True: 1},
    method={"euler": 3, "heun": 2, "midpoint": 1},
    record={"final": 2, "infected": 3, "number": 1},
    num_steps={1: 2, 5: 1, 6: 1, 8: 1, 10: 1},
    sizes={"n": (2, 4, 5, 6, 8)},
)
def epidemic(
    s,
    i,
    beta,
    gamma,
    contacts=None,
    vaccination=None,
    *,
    model="sir",
    incidence="mass",
    births=False,
    method="euler",
    record="infected",
    num_steps=6,
):
    """Follows an epidemic in some populations, of which all numbers are shares.

    Args:
        s: Those who can still be infected.
        i: Those who are infected.
        beta: How often the infection is passed on.
        gamma: How fast the infected recover.
        contacts: How much the populations meet each other.
        vaccination: How fast each population is vaccinated.
    """
    dt = 0.1

    def rhs(state, t):
        s, i = state[0], state[1]
        pressure = beta * i
        if contacts is not None:
            pressure = pressure + contacts @ i
        if incidence == "saturated":
            pressure = pressure / (1.0 + 2.0 * i)
        elif incidence == "seasonal":
            pressure = pressure * (1.0 + 0.2 * jnp.cos(2.0 * jnp.pi * t))
        infected = pressure * s
        recovered = gamma * i
        ds = -infected
        if model == "sis":
            ds = ds + recovered
        elif model == "sirs":
            # Immunity is lost again.
            ds = ds + 0.1 * (1.0 - s - i)
        if vaccination is not None:
            ds = ds - vaccination * s
        if births:
            ds = ds + 0.02 * (1.0 - s)
            recovered = recovered + 0.02 * i
        if model == "seir":
            onset = 0.5 * state[2]
            return jnp.stack([ds, onset - recovered, infected - onset])
        return jnp.stack([ds, infected - recovered])

    def advance(state, t):
        k1 = rhs(state, t)
        if method == "heun":
            return state + 0.5 * dt * (k1 + rhs(state + dt * k1, t + dt))
        elif method == "midpoint":
            return state + dt * rhs(state + 0.5 * dt * k1, t + 0.5 * dt)
        else:
            return state + dt * k1

    if model == "seir":
        # At first, as many carry the infection without passing it on.
        state = jnp.stack([s, i, i])
    else:
        state = jnp.stack([s, i])
    if num_steps == 1:
        state = advance(state, 0.0)
        return state[1], beta * state[0] / gamma

    def step(state, k):
        state = advance(state, dt * k)
        if record == "infected":
            return state, state[1]
        elif record == "number":
            # How many are infected by one.
            return state, beta * state[0] / gamma
        else:
            return state, None

    times = jnp.arange(num_steps, dtype=s.dtype)
    if record == "final":
        state, _ = lax.scan(step, state, times)
        return state[1], beta * state[0] / gamma
    _, history = lax.scan(step, state, times)
    return history


@family(
    "reduction",
    "multi_statement",
    "loop",
    prey="n in 0.5..2",
    predators="n in 0.3..1.5",
    growth="n in 0.5..1.5",
    attack="n in 0.5..1.5",
    migration="? n n in 0..0.2",
    harvest="? n in 0.05..0.3",
    response={"linear": 3, "holling2": 3, "holling3": 1, "ratio": 1},
    crowding={None: 2, "logistic": 2, "allee": 1},
    competition={False: 3, True: 1},
    logs={False: 3, True: 1},
    method={"euler": 2, "midpoint": 2, "symplectic": 1, "rk4": 2},
    record={"final": 3, "path": 2, "prey": 1},
    num_steps={1: 3, 5: 1, 6: 1, 8: 1},
    sizes={"n": (2, 4, 5, 6, 8)},
)
def predator_prey(
    prey,
    predators,
    growth,
    attack,
    migration=None,
    harvest=None,
    *,
    response="linear",
    crowding=None,
    competition=False,
    logs=False,
    method="rk4",
    record="final",
    num_steps=6,
):
    """Follows populations of prey and of predators.

    Args:
        prey: Prey at first, in each place.
        predators: Predators at first.
        growth: How fast the prey grows without predators.
        attack: How well the predators hunt.
        migration: How much prey goes from place to place.
        harvest: The share of the prey that is taken per time.
    """
    dt = 0.1

    def rates(x, y):
        if crowding == "logistic":
            born = growth * x * (1.0 - x / 3.0)
        elif crowding == "allee":
            born = growth * x * (1.0 - x / 3.0) * (x / 0.3 - 1.0)
        else:
            born = growth * x
        eaten = attack * x * y
        if response == "holling2":
            eaten = eaten / (1.0 + 0.5 * x)
        elif response == "holling3":
            eaten = eaten * x / (1.0 + x**2)
        elif response == "ratio":
            eaten = eaten / (x + y)
        dx = born - eaten
        dy = 0.6 * eaten - 0.5 * y
        if competition:
            dy = dy - 0.1 * y**2
        if harvest is not None:
            dx = dx - harvest * x
        if migration is not None:
            dx = dx + migration @ x - jnp.sum(migration, axis=0) * x
        return dx, dy

    def advance(x, y):
        dx, dy = rates(x, y)
        if method == "midpoint":
            dx, dy = rates(x + 0.5 * dt * dx, y + 0.5 * dt * dy)
        elif method == "symplectic":
            x = x + dt * dx
            _, dy = rates(x, y)
            return x, y + dt * dy
        elif method == "rk4":
            dx2, dy2 = rates(x + 0.5 * dt * dx, y + 0.5 * dt * dy)
            dx3, dy3 = rates(x + 0.5 * dt * dx2, y + 0.5 * dt * dy2)
            dx4, dy4 = rates(x + dt * dx3, y + dt * dy3)
            dx = (dx + 2.0 * dx2 + 2.0 * dx3 + dx4) / 6.0
            dy = (dy + 2.0 * dy2 + 2.0 * dy3 + dy4) / 6.0
        return x + dt * dx, y + dt * dy

    if num_steps == 1:
        prey, predators = advance(prey, predators)
        if logs:
            return jnp.log(prey), jnp.log(predators)
        return prey, predators
    if record == "final":
        prey, predators = lax.fori_loop(
            0, num_steps, lambda _, state: advance(*state), (prey, predators)
        )
        return prey, predators

    def step(state, _):
        state = advance(*state)
        if record == "prey":
            return state, state[0]
        return state, jnp.stack(state)

    _, history = lax.scan(step, (prey, predators), None, length=num_steps)
    return history


@family(
    "scalar_array",
    "reduction",
    "loop",
    x="n",
    dt="in 0.02..0.1",
    tilt="? n in -0.5..0.5",
    coupling="? n n in -0.3..0.3",
    landscape={"double_well": 3, "cosine": 2, "quartic": 1, "gaussian": 1, "harmonic": 1},
    chain={False: 3, True: 1},
    method={"euler": 2, "heun": 2, "implicit": 1, "momentum": 1},
    record={None: 3, "path": 2, "energy": 1},
    num_steps={1: 3, 4: 1, 6: 1, 8: 1, 10: 1},
)
def langevin_drift(
    x,
    dt,
    tilt=None,
    coupling=None,
    *,
    landscape="double_well",
    chain=False,
    method="euler",
    record=None,
    num_steps=6,
):
    """Lets particles slide down in a landscape, with so much friction that they have no inertia.

    Args:
        x: Positions at first.
        dt: The time step.
        tilt: A constant force on each particle.
        coupling: How the particles pull each other.
    """

    def force(x):
        if landscape == "double_well":
            f = x - x**3
        elif landscape == "cosine":
            f = -jnp.sin(2.0 * x)
        elif landscape == "quartic":
            f = -(x**3)
        elif landscape == "gaussian":
            f = -x * jnp.exp(-0.5 * x**2)
        else:
            f = -x
        if chain:
            f = f + 0.5 * (jnp.roll(x, 1) - 2.0 * x + jnp.roll(x, -1))
        if tilt is not None:
            f = f + tilt
        if coupling is not None:
            f = f + coupling @ x
        return f

    def advance(x):
        if method == "heun":
            predicted = x + dt * force(x)
            return x + 0.5 * dt * (force(x) + force(predicted))
        elif method == "implicit":
            # Two fixed-point iterations of the implicit step.
            guess = x + dt * force(x)
            guess = x + dt * force(guess)
            return x + dt * force(guess)
        elif method == "momentum":
            return x + dt * force(x + 0.5 * dt * force(x))
        else:
            return x + dt * force(x)

    if num_steps == 1:
        return advance(x)
    if record is None:
        return lax.fori_loop(0, num_steps, lambda _, x: advance(x), x)

    def step(x, _):
        x = advance(x)
        if record == "energy":
            return x, 0.5 * jnp.mean(x**2)
        return x, x

    _, history = lax.scan(step, x, None, length=num_steps)
    return history


@family(
    "reduction",
    "multi_statement",
    "loop",
    "contraction",
    theta="n",
    omega="n in -1..1",
    adjacency="? n n in 0..1",
    dt="? in 0.02..0.1",
    coupling={"sine": 3, "mean_field": 3, "lagged": 1, "harmonic2": 1, "ring": 2},
    pinned={False: 3, True: 1},
    method={"euler": 2, "heun": 2, "rk4": 1},
    output={"phases": 3, "order": 2, "order_path": 1},
    num_steps={1: 3, 4: 1, 6: 1, 8: 1},
    sizes={"n": (4, 5, 6, 8, 10)},
)
def kuramoto(
    theta,
    omega,
    adjacency=None,
    dt=None,
    *,
    coupling="sine",
    pinned=False,
    method="euler",
    output="phases",
    num_steps=4,
):
    """Advances coupled phase oscillators.

    Args:
        theta: Their phases.
        omega: Their frequencies.
        adjacency: Which of them act on which.
        dt: The time step.
    """
    if dt is None:
        dt = 0.05

    def rhs(theta):
        if adjacency is not None:
            difference = theta[None, :] - theta[:, None]
            if coupling == "lagged":
                difference = difference - 0.3
            pull = jnp.sum(adjacency * jnp.sin(difference), axis=1)
            if coupling == "harmonic2":
                pull = pull + 0.5 * jnp.sum(adjacency * jnp.sin(2.0 * difference), axis=1)
        elif coupling == "ring":
            pull = jnp.sin(jnp.roll(theta, 1) - theta) + jnp.sin(jnp.roll(theta, -1) - theta)
        elif coupling == "mean_field":
            # All act on each through the mean of their phases alone.
            c, s = jnp.mean(jnp.cos(theta)), jnp.mean(jnp.sin(theta))
            pull = s * jnp.cos(theta) - c * jnp.sin(theta)
        else:
            difference = theta[None, :] - theta[:, None]
            if coupling == "lagged":
                difference = difference - 0.3
            pull = jnp.mean(jnp.sin(difference), axis=1)
        if pinned:
            pull = pull - 0.3 * jnp.sin(theta)
        return omega + 1.5 * pull

    def advance(theta):
        k1 = rhs(theta)
        if method == "heun":
            return theta + 0.5 * dt * (k1 + rhs(theta + dt * k1))
        elif method == "rk4":
            k2 = rhs(theta + 0.5 * dt * k1)
            k3 = rhs(theta + 0.5 * dt * k2)
            k4 = rhs(theta + dt * k3)
            return theta + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        else:
            return theta + dt * k1

    def order(theta):
        return jnp.hypot(jnp.mean(jnp.cos(theta)), jnp.mean(jnp.sin(theta)))

    if num_steps == 1:
        theta = advance(theta)
    elif output == "order_path":

        def step(theta, _):
            theta = advance(theta)
            return theta, order(theta)

        _, history = lax.scan(step, theta, None, length=num_steps)
        return history
    else:
        theta = lax.fori_loop(0, num_steps, lambda _, theta: advance(theta), theta)
    if output == "phases":
        return theta
    return theta, order(theta)


def thomas(lower, diagonal, upper, b):
    """Solves a system with three diagonals."""

    def eliminate(state, row):
        c, d = state
        low, mid, up, right = row
        pivot = mid - low * c
        c, d = up / pivot, (right - low * d) / pivot
        return (c, d), (c, d)

    def substitute(x, row):
        c, d = row
        x = d - c * x
        return x, x

    zero = jnp.zeros((), dtype=b.dtype)
    _, rows = lax.scan(eliminate, (zero, zero), (lower, diagonal, upper, b))
    _, x = lax.scan(substitute, zero, rows, reverse=True)
    return x


@family(
    "loop",
    u="n",
    diffusivity="n in 0.2..1",
    source="? n in -1..1",
    potential="? n in 0..1",
    reaction={None: 3, "fisher": 1, "cubic": 1},
    boundary={"dirichlet": 2, "neumann": 2},
    theta={1.0: 2, 0.5: 2},
    flow={None: 2, 0.3: 1, 0.5: 1},
    output={"field": 3, "rate": 1, "norm": 1},
    sizes={"n": (4, 5, 6, 8, 10)},
)
def implicit_diffusion(
    u,
    diffusivity,
    source=None,
    potential=None,
    *,
    boundary="dirichlet",
    theta=1.0,
    flow=None,
    reaction=None,
    output="field",
):
    """Makes an implicit step of diffusion on a line.

    Args:
        u: The field.
        diffusivity: How fast it spreads at each point.
        source: What is added per time.
        potential: How fast the field decays at each point.
    """
    dt = 0.2
    r = dt * diffusivity
    lower, upper = -r, -r
    diagonal = 2.0 * r
    if flow is not None:
        lower = lower - 0.5 * dt * flow
        upper = upper + 0.5 * dt * flow
    if potential is not None:
        diagonal = diagonal + dt * potential
    if boundary == "neumann":
        # Nothing passes through the ends.
        diagonal = diagonal.at[0].add(-r[0]).at[-1].add(-r[-1])
    if source is not None:
        b = u + dt * source
    else:
        b = u
    if reaction == "fisher":
        # Reactions are taken at the old time.
        b = b + dt * u * (1.0 - u)
    elif reaction == "cubic":
        b = b + dt * (u - u**3)
    if theta == 0.5:
        padded = jnp.pad(u, 1)
        explicit = lower * padded[:-2] + diagonal * u + upper * padded[2:]
        b = b - 0.5 * explicit
        new = thomas(0.5 * lower, 1.0 + 0.5 * diagonal, 0.5 * upper, b)
    else:
        new = thomas(lower, 1.0 + diagonal, upper, b)
    if output == "rate":
        return new, (new - u) / dt
    elif output == "norm":
        return new, jnp.linalg.norm(new)
    else:
        return new


@family(
    "reduction",
    "multi_statement",
    "loop",
    v="n in -1..1",
    w="n in -0.5..0.5",
    current="n in 0..1",
    synapses="? n n in -0.3..0.3",
    model={
        "fitzhugh_nagumo": 3,
        "morris_lecar": 1,
        "izhikevich": 1,
        "hindmarsh": 1,
        "integrate_fire": 2,
    },
    reset={False: 2, True: 1},
    gap={False: 3, True: 1},
    drive={"constant": 2, "cosine": 1, "pulse": 1},
    record={"final": 2, "voltage": 3, "mean": 1},
    num_steps={1: 2, 5: 1, 6: 1, 8: 1, 10: 1},
    sizes={"n": (4, 5, 6, 8)},
)
def neuron(
    v,
    w,
    current,
    synapses=None,
    *,
    model="fitzhugh_nagumo",
    reset=False,
    gap=False,
    drive="constant",
    record="voltage",
    num_steps=6,
):
    """Integrates model neurons.

    Args:
        v: Voltages at first.
        w: Recovery variables at first.
        current: Currents into the neurons.
        synapses: How the neurons act on each other.
    """
    dt = 0.1

    def rhs(v, w, t):
        if drive == "cosine":
            i = current * jnp.cos(4.0 * t)
        elif drive == "pulse":
            i = current * jnp.exp(-8.0 * (t - 0.2) ** 2)
        else:
            i = 0.3 + current
        if synapses is not None:
            i = i + synapses @ jax.nn.sigmoid(4.0 * v)
        if gap:
            i = i + 0.2 * (jnp.roll(v, 1) - 2.0 * v + jnp.roll(v, -1))
        if model == "fitzhugh_nagumo":
            return v - v**3 / 3.0 - w + i, 0.08 * (v + 0.7 - 0.8 * w)
        elif model == "morris_lecar":
            calcium = 0.5 * (1.0 + jnp.tanh((v + 0.01) / 0.15))
            open_share = 0.5 * (1.0 + jnp.tanh((v - 0.1) / 0.145))
            dv = i - 2.0 * (v + 0.5) - calcium * (v - 1.0) - 2.0 * w * (v + 0.7)
            return dv, (open_share - w) / 3.0
        elif model == "izhikevich":
            return v**2 - 0.5 * v - w + i, 0.1 * (0.2 * v - w)
        elif model == "hindmarsh":
            return w - v**3 + 2.0 * v**2 + i, 1.0 - 3.0 * v**2 - w
        else:
            return -v + i - w, 0.5 * (0.3 * v - w)

    def advance(v, w, t):
        dv, dw = rhs(v, w, t)
        v, w = v + dt * dv, w + dt * dw
        if reset:
            # A spike is cut off.
            spiked = v > 0.9
            v = jnp.where(spiked, -0.5 + 0.1 * w, v)
            w = jnp.where(spiked, w + 0.2, w)
        return v, w

    if num_steps == 1:
        v, w = advance(v, w, 0.0)
        return v, w

    def step(state, k):
        v, w = advance(*state, k * dt)
        if record == "voltage":
            return (v, w), v
        elif record == "mean":
            return (v, w), jnp.mean(v)
        else:
            return (v, w), None

    if record == "final":
        (v, w), _ = lax.scan(step, (v, w), jnp.arange(num_steps))
        return v, w
    _, history = lax.scan(step, (v, w), jnp.arange(num_steps))
    return history


@family(
    "unary",
    "elementwise",
    "scalar_array",
    "reduction",
    "multi_statement",
    "loop",
    c="h m in -1..1",
    mobility="? h m in 0.3..1",
    dt="? in 0.01..0.05",
    force="? h m in -0.5..0.5",
    energy={"double_well": 3, "flory": 1, "obstacle": 1, "crystal": 1},
    conserved={True: 2, False: 3},
    boundary={"periodic": 2, "edge": 1, "reflect": 1},
    stencil={"cross": 3, "nine": 1},
    output={"field": 4, "free_energy": 1, "potential": 1},
    num_steps={1: 4, 4: 1, 5: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def cahn_hilliard(
    c,
    mobility=None,
    dt=None,
    force=None,
    *,
    energy="double_well",
    conserved=True,
    boundary="periodic",
    stencil="cross",
    output="field",
    num_steps=1,
):
    """Advances a field that separates into two phases.

    Args:
        c: The field, near -1 in one phase and near 1 in the other.
        mobility: How fast the field changes at each point.
        dt: The time step.
        force: What favours one of the phases at each point.
    """
    if dt is None:
        dt = 0.02

    def chemical_potential(c):
        if energy == "flory":
            mu = jnp.arctanh(0.9 * c) - 1.4 * c
        elif energy == "obstacle":
            mu = -c + 0.2 * c**5
        elif energy == "crystal":
            mu = c**3 + 0.5 * c + laplacian_2d(c, boundary=boundary, stencil=stencil)
        else:
            mu = c**3 - c
        mu = mu - 0.5 * laplacian_2d(c, boundary=boundary, stencil=stencil)
        if force is not None:
            mu = mu - force
        return mu

    def advance(c):
        mu = chemical_potential(c)
        if conserved:
            change = laplacian_2d(mu, boundary=boundary, stencil=stencil)
        else:
            change = -mu
        if mobility is not None:
            change = mobility * change
        return c + dt * change

    if num_steps == 1:
        new = advance(c)
    else:
        new = lax.fori_loop(0, num_steps, lambda _, c: advance(c), c)
    if output == "free_energy":
        bulk = 0.25 * (new**2 - 1.0) ** 2
        slope = jnp.diff(new, axis=0)
        return jnp.sum(bulk) + 0.25 * jnp.sum(slope**2)
    elif output == "potential":
        return new, chemical_potential(new)
    else:
        return new


@family(
    "reduction",
    "multi_statement",
    y="n",
    t="in 0..1",
    dt="in 0.3..0.8",
    rate="? n in 0.3..1.5",
    weights="? n n in -0.5..0.5",
    problem={"logistic": 2, "linear": 1, "pendulum": 2, "cubic": 1, "stiff": 1, "gompertz": 1},
    drive={"cosine": 2, "ramp": 1, "decay": 1},
    pair={"heun_euler": 2, "bogacki_shampine": 2, "ralston_euler": 1, "midpoint_euler": 1},
    error={"vector": 2, "rms": 2, "scaled": 2},
    propose={False: 2, True: 1},
    only="float32",
)
def adaptive_step(
    y,
    t,
    dt,
    rate=None,
    weights=None,
    *,
    problem="logistic",
    drive="cosine",
    pair="heun_euler",
    error="rms",
    propose=False,
):
    """Makes a step of an embedded Runge-Kutta pair, and estimates its error.

    Args:
        y: The state.
        t: The time.
        dt: The step.
        rate: How fast each component changes.
        weights: How the components act on each other.

    Returns:
        The new state, and the error that is estimated.
    """

    def f(t, y):
        if problem == "logistic":
            change = y * (1.0 - y)
        elif problem == "pendulum":
            change = -jnp.sin(y)
        elif problem == "cubic":
            change = y - y**3
        elif problem == "stiff":
            change = -5.0 * (y - jnp.cos(t))
        elif problem == "gompertz":
            change = -y * jnp.log(0.1 + y**2)
        else:
            change = -y
        if rate is not None:
            change = rate * change
        if weights is not None:
            change = change + jnp.tanh(weights @ y)
        if drive == "cosine":
            change = change + 0.5 * jnp.cos(3.0 * t)
        elif drive == "decay":
            change = change + jnp.exp(-t)
        else:
            change = change + 0.3 * t
        return change

    k1 = f(t, y)
    if pair == "bogacki_shampine":
        k2 = f(t + 0.5 * dt, y + 0.5 * dt * k1)
        k3 = f(t + 0.75 * dt, y + 0.75 * dt * k2)
        new = y + dt / 9.0 * (2.0 * k1 + 3.0 * k2 + 4.0 * k3)
        k4 = f(t + dt, new)
        difference = dt / 72.0 * (6.0 * k2 + 8.0 * k3 - 5.0 * k1 - 9.0 * k4)
    elif pair == "ralston_euler":
        k2 = f(t + 2.0 / 3.0 * dt, y + 2.0 / 3.0 * dt * k1)
        new = y + 0.25 * dt * (k1 + 3.0 * k2)
        difference = 0.75 * dt * (k2 - k1)
    elif pair == "midpoint_euler":
        k2 = f(t + 0.5 * dt, y + 0.5 * dt * k1)
        new = y + dt * k2
        difference = dt * (k2 - k1)
    else:
        k2 = f(t + dt, y + dt * k1)
        new = y + 0.5 * dt * (k1 + k2)
        difference = 0.5 * dt * (k2 - k1)
    if error == "vector":
        return new, difference
    if error == "scaled":
        # Relative to what is tolerated.
        difference = difference / (1e-2 + 1e-1 * jnp.maximum(jnp.abs(y), jnp.abs(new)))
    size = jnp.sqrt(jnp.mean(difference**2) + 1e-8)
    if propose:
        return new, 0.9 * dt * size ** (-1.0 / 3.0)
    return new, size
