"""Families: differential equations, stepped in time or relaxed on a grid."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
allen_cahn: allen_cahn 5, allen_cahn_step 4, phase_field 1
wave_history: wave_history 4, record_wave 3, wave_trajectory 3
x: x 1
y: y 1
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
integrate_attractor: integrate_attractor 4, chaotic_flow 3, solve_ode 1
lorenz96: lorenz96 5, lorenz_96 3, simulate_lorenz96 3
epidemic: epidemic 3, simulate_epidemic 4, sir_model 3, integrate_epidemic 2
predator_prey: predator_prey 4, lotka_volterra 6, simulate_populations 2
prey: prey 1
predators: predators 4, predator 3
gradient_flow: gradient_flow 4, overdamped_dynamics 4, relax_particles 2
kuramoto: kuramoto 5, kuramoto_step 2, coupled_oscillators 3, simulate_kuramoto 3
theta: theta 5, phases 3, phi 2
thomas: thomas 2, solve_tridiagonal 4, thomas_solve 3, tridiagonal_solve 2, tdma 2
implicit_diffusion: implicit_diffusion 4, crank_nicolson 3, implicit_heat_step 3
neuron: neuron 2, simulate_neuron 4, integrate_neuron 2, neuron_dynamics 2
cahn_hilliard: cahn_hilliard 4, cahn_hilliard_step 3, phase_field_step 3
adaptive_step: adaptive_step 3, embedded_step 4, rk_step_with_error 3
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
    boundary={"dirichlet": 3, "fixed": 2},
    method={"euler": 3, "heun": 1, "midpoint": 1},
    cooling={False: 3, True: 1},
    num_steps={1: 4, 4: 1, 8: 1},
)
def heat_step(
    u,
    diffusivity,
    source=None,
    *,
    boundary="dirichlet",
    method="euler",
    cooling=False,
    num_steps=1,
):
    """Advances the heat equation on a line, by explicit steps.

    Args:
        u: Temperatures on the grid.
        diffusivity: The thermal diffusivity.
        source: Heat that is added per unit of time.
    """
    dt = 0.2

    def rhs(u):
        change = diffusivity * laplacian(u, boundary=boundary)
        if cooling:
            # Newton's law of cooling.
            change = change - 0.1 * u
        if source is not None:
            change = change + source
        if boundary == "fixed":
            # The temperatures of the ends are kept.
            change = change.at[0].set(0.0).at[-1].set(0.0)
        return change

    def advance(u):
        if method == "heun":
            k1 = rhs(u)
            k2 = rhs(u + dt * k1)
            return u + 0.5 * dt * (k1 + k2)
        elif method == "midpoint":
            return u + dt * rhs(u + 0.5 * dt * rhs(u))
        else:
            return u + dt * rhs(u)

    if num_steps > 1:
        return lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)
    return advance(u)


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
    num_steps={1: 5, 4: 1, 6: 1},
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
    num_steps=1,
):
    """Advances the heat equation on a grid, by explicit Euler steps.

    Args:
        u: The temperature.
        conductivity: The diffusivity at each point.
        source: Heat that is added per unit of time.
        mask: Where the temperature is free to change.
        dt: The time step.
    """
    if dt is None:
        dt = 0.1

    def advance(u):
        change = laplacian_2d(u, boundary=boundary, stencil=stencil)
        if conductivity is not None:
            change = conductivity * change
        if source is not None:
            change = change + source
        if mask is not None:
            change = jnp.where(mask, change, 0.0)
        return u + dt * change

    if num_steps == 1:
        return advance(u)
    return lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)


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
    nonlinear={None: 3, "sine_gordon": 1, "klein_gordon": 1},
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
):
    """Makes a leapfrog step of the wave equation on a line.

    Args:
        u: The displacement now.
        previous: The displacement a step ago.
        speed: The Courant number at each point.
        source: An external force on each point.
    """
    if speed is None:
        speed = jnp.full_like(u, 0.5)
    acceleration = speed**2 * laplacian(u, boundary=boundary, order=order)
    if nonlinear == "sine_gordon":
        acceleration = acceleration - 0.1 * jnp.sin(u)
    elif nonlinear == "klein_gordon":
        acceleration = acceleration - 0.1 * u
    if source is not None:
        acceleration = acceleration + 0.1 * source
    if damping:
        new = (2.0 * u - 0.95 * previous + acceleration) / 1.05
    else:
        new = 2.0 * u - previous + acceleration
    if boundary == "absorbing":
        # Mur's condition of first order: waves leave through the ends.
        left = (speed[0] - 1.0) / (speed[0] + 1.0)
        right = (speed[-1] - 1.0) / (speed[-1] + 1.0)
        new = new.at[0].set(u[1] + left * (new[1] - u[0]))
        new = new.at[-1].set(u[-2] + right * (new[-2] - u[-1]))
    elif boundary == "dirichlet":
        new = new.at[0].set(0.0).at[-1].set(0.0)
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
    form={"leapfrog": 2, "verlet": 1},
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
    num_steps=8,
):
    """Propagates a wave along a line; returns the last displacement and velocity.

    Args:
        u: The displacement at first.
        v: The velocity at first.
        speed: The speed of the wave at each point.
        sponge: The damping rate at each point.
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
        return (u, v), None

    times = jnp.arange(num_steps, dtype=u.dtype)
    state, _ = lax.scan(step, (u, v), times)
    return state


@family(
    "loop",
    u="n",
    v="n",
    speed="? n in 0.4..1",
    sponge="? n in 0..0.5",
    boundary=("periodic", "dirichlet", "neumann"),
    source={None: 2, "ricker": 1, "sine": 1},
    nonlinear={None: 3, "sine_gordon": 1, "klein_gordon": 1},
    form={"leapfrog": 2, "verlet": 1},
    num_steps=(4, 6, 8, 10, 12),
    sizes={"n": (5, 6, 8, 10, 12, 16)},
)
def wave_history(
    u,
    v,
    speed=None,
    sponge=None,
    *,
    boundary="dirichlet",
    source=None,
    nonlinear=None,
    form="leapfrog",
    num_steps=8,
):
    """Propagates a wave along a line; returns the displacement at each time.

    Args:
        u: The displacement at first.
        v: The velocity at first.
        speed: The speed of the wave at each point.
        sponge: The damping rate at each point.
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
        return (u, v), u

    times = jnp.arange(num_steps, dtype=u.dtype)
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
    inflow={"zero": 2, "edge": 2},
    num_steps={1: 4, 4: 1, 6: 1, 8: 1},
)
def advect(
    u,
    courant,
    source=None,
    *,
    scheme="upwind",
    limit="minmod",
    inflow="zero",
    num_steps=1,
):
    """Advances the linear advection equation, with a flow to the right.

    Args:
        u: The field, an average over each cell.
        courant: The Courant number.
        source: What is added in each step.
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
        if source is not None:
            new = new + source
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
    method={"euler": 2, "heun": 1, "rk3": 1},
    num_steps={1: 3, 4: 1, 6: 1},
    only="float32",
)
def burgers(
    u,
    viscosity,
    forcing=None,
    *,
    flux="central",
    method="euler",
    num_steps=1,
):
    """Advances the viscous Burgers equation on a line, with zero velocity at its ends.

    Args:
        u: The velocity.
        viscosity: The kinematic viscosity.
        forcing: An acceleration at each point.
    """
    dt = 0.05

    def rhs(u):
        padded = jnp.pad(u, 1)
        left, right = padded[:-2], padded[2:]
        if flux == "advective":
            transport = -u * 0.5 * (right - left)
        elif flux == "upwind":
            transport = -jnp.maximum(u, 0.0) * (u - left) - jnp.minimum(u, 0.0) * (right - u)
        elif flux == "central":
            transport = -0.25 * (right**2 - left**2)
        else:
            # Numerical fluxes through the faces between a cell and the next one.
            a, b = padded[:-1], padded[1:]
            if flux == "rusanov":
                speed = jnp.maximum(jnp.abs(a), jnp.abs(b))
                face = 0.25 * (a**2 + b**2) - 0.5 * speed * (b - a)
            elif flux == "godunov":
                face = 0.5 * jnp.maximum(jnp.maximum(a, 0.0) ** 2, jnp.minimum(b, 0.0) ** 2)
            else:
                # Engquist and Osher's.
                face = 0.5 * (jnp.maximum(a, 0.0) ** 2 + jnp.minimum(b, 0.0) ** 2)
            transport = face[:-1] - face[1:]
        change = transport + viscosity * (left - 2.0 * u + right)
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
        return lax.fori_loop(0, num_steps, lambda _, u: advance(u), u)
    return advance(u)


@family(
    "multi_statement",
    "loop",
    u="h m in 0..1",
    v="h m in 0..1",
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
    num_steps={1: 3, 4: 1, 5: 1, 6: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def react_diffuse(
    u,
    v,
    *,
    system="gray_scott",
    boundary="periodic",
    stencil="cross",
    num_steps=1,
):
    """Advances a reaction-diffusion system of two substances on a grid.

    Args:
        u: Concentration of the first substance, whose diffusivity is 0.2.
        v: Concentration of the second one, whose diffusivity is 0.1.
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
        u = u + 0.1 * du
        v = v + 0.1 * dv
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
    method={"jacobi": 2, "damped": 2},
    screened={False: 3, True: 1},
    form={"fori": 2, "scan": 2},
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
    num_steps=6,
):
    """Jacobi iterations for the Poisson or the screened Poisson equation on a grid.

    Args:
        u: The first guess.
        f: The right-hand side.
        mask: Where the solution is unknown; it is kept elsewhere.
        sigma: The absorption at each point.
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

    if form == "scan":
        u, _ = lax.scan(lambda u, _: (sweep(u), None), u, None, length=num_steps)
        return u
    return lax.fori_loop(0, num_steps, lambda _, u: sweep(u), u)


@family(
    "multi_statement",
    "loop",
    h="n in 0.8..1.5",
    u="n in -0.5..0.5",
    bed="? n in 0..0.3",
    scheme={"rusanov": 2, "lax_friedrichs": 2, "richtmyer": 1},
    friction={None: 2, "linear": 1, "manning": 1},
    num_steps={1: 3, 4: 1, 6: 1},
)
def shallow_water(
    h,
    u,
    bed=None,
    *,
    scheme="rusanov",
    friction=None,
    num_steps=1,
):
    """Advances the shallow-water equations in a periodic channel, by finite volumes.

    Args:
        h: Depth of the water.
        u: Its velocity.
        bed: Height of the ground.

    Returns:
        The depth and the velocity afterwards.
    """
    # The time step over the width of a cell.
    ratio = 0.1

    def flux(h, hu):
        return hu, hu**2 / h + 0.5 * 9.81 * h**2

    def advance(h, hu):
        h_right, hu_right = jnp.roll(h, -1), jnp.roll(hu, -1)
        f_h, f_hu = flux(h, hu)
        g_h, g_hu = flux(h_right, hu_right)
        if scheme == "richtmyer":
            h_mid = 0.5 * (h + h_right) - 0.5 * ratio * (g_h - f_h)
            hu_mid = 0.5 * (hu + hu_right) - 0.5 * ratio * (g_hu - f_hu)
            face_h, face_hu = flux(h_mid, hu_mid)
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
            slope = 0.5 * (jnp.roll(bed, -1) - jnp.roll(bed, 1))
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
    drive={None: 2, "cosine": 2, "parametric": 1},
    method={"rk4": 3, "heun": 2, "midpoint": 2, "symplectic": 2, "verlet": 1, "ralston": 1},
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
    num_steps=6,
):
    """Integrates nonlinear oscillators; returns their last positions and velocities.

    Args:
        x: Positions at first.
        v: Velocities at first.
        dt: The time step.
        stiffness: The linear spring constant of each oscillator.
        coupling: The force on each oscillator (row) per displacement of each one.
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
        return advance(*state, i * dt), None

    (x, v), _ = lax.scan(step, (x, v), jnp.arange(num_steps))
    return x, v


@family(
    "multi_statement",
    "loop",
    x="n",
    y="n",
    z="n in 0.2..2",
    dt="? in 0.01..0.05",
    system={"lorenz": 4, "rossler": 3, "thomas": 1, "halvorsen": 1, "chen": 1, "sprott": 1},
    method={"euler": 2, "heun": 2, "midpoint": 2, "rk4": 3},
    num_steps={1: 2, 4: 1, 6: 1, 8: 1},
    sizes={"n": (1, 2, 4, 5, 6)},
)
def integrate_attractor(
    x,
    y,
    z,
    dt=None,
    *,
    system="lorenz",
    method="rk4",
    num_steps=4,
):
    """Integrates points in the flow of a strange attractor; returns their last coordinates.

    Args:
        x: First coordinate of each point.
        y: Second coordinates.
        z: Third coordinates.
        dt: The time step.
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
        return advance(state)
    return lax.fori_loop(0, num_steps, lambda _, state: advance(state), state)


@family(
    "unary",
    "elementwise",
    "scalar_array",
    "multi_statement",
    "loop",
    x="n",
    forcing="? n in 4..8",
    dt="? in 0.01..0.05",
    method={"euler": 1, "heun": 2, "rk4": 3, "midpoint": 1},
    num_steps={1: 3, 4: 1, 5: 1, 8: 1},
)
def lorenz96(
    x,
    forcing=None,
    dt=None,
    *,
    method="rk4",
    num_steps=4,
):
    """Advances the Lorenz 96 model, a ring of variables.

    Args:
        x: The variables.
        forcing: The forcing of each variable, 8 by default.
        dt: The time step.
    """
    if dt is None:
        dt = 0.02

    def rhs(x):
        change = (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1)
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
        return advance(x)
    return lax.fori_loop(0, num_steps, lambda _, x: advance(x), x)


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
    incidence={"mass": 3, "saturated": 1},
    births={False: 2, True: 1},
    method={"euler": 3, "heun": 2, "midpoint": 1},
    num_steps={5: 1, 6: 1, 8: 1, 10: 1},
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
    num_steps=6,
):
    """Integrates a compartment model of an epidemic; returns the infected share at each time.

    Args:
        s: Susceptible share of each population.
        i: Infectious share of each population.
        beta: Transmission rate.
        gamma: Recovery rate.
        contacts: Transmission to each population (row) from each one.
        vaccination: Rate at which the susceptible are vaccinated.
    """
    dt = 0.1

    def rhs(state, t):
        s, i = state[0], state[1]
        pressure = beta * i
        if contacts is not None:
            pressure = pressure + contacts @ i
        if incidence == "saturated":
            pressure = pressure / (1.0 + 2.0 * i)
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

    def step(state, k):
        state = advance(state, dt * k)
        return state, state[1]

    times = jnp.arange(num_steps, dtype=s.dtype)
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
    response={"linear": 3, "holling2": 3, "holling3": 1},
    logistic={False: 2, True: 2},
    method={"euler": 2, "midpoint": 2, "rk4": 2},
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
    logistic=False,
    method="rk4",
    num_steps=6,
):
    """Integrates the Lotka-Volterra equations and their relatives with saturating predators.

    Args:
        prey: Prey at first, in each place.
        predators: Predators at first.
        growth: Growth rate of the prey.
        attack: Attack rate of the predators.
        migration: Rate at which prey moves to each place (row) from each one.
        harvest: Rate at which prey is caught.
    """
    dt = 0.1

    def rates(x, y):
        if logistic:
            born = growth * x * (1.0 - x / 3.0)
        else:
            born = growth * x
        eaten = attack * x * y
        if response == "holling2":
            eaten = eaten / (1.0 + 0.5 * x)
        elif response == "holling3":
            eaten = eaten * x / (1.0 + x**2)
        dx = born - eaten
        dy = 0.6 * eaten - 0.5 * y
        if harvest is not None:
            dx = dx - harvest * x
        if migration is not None:
            dx = dx + migration @ x - jnp.sum(migration, axis=0) * x
        return dx, dy

    def advance(x, y):
        dx, dy = rates(x, y)
        if method == "midpoint":
            dx, dy = rates(x + 0.5 * dt * dx, y + 0.5 * dt * dy)
        elif method == "rk4":
            dx2, dy2 = rates(x + 0.5 * dt * dx, y + 0.5 * dt * dy)
            dx3, dy3 = rates(x + 0.5 * dt * dx2, y + 0.5 * dt * dy2)
            dx4, dy4 = rates(x + dt * dx3, y + dt * dy3)
            dx = (dx + 2.0 * dx2 + 2.0 * dx3 + dx4) / 6.0
            dy = (dy + 2.0 * dy2 + 2.0 * dy3 + dy4) / 6.0
        return x + dt * dx, y + dt * dy

    if num_steps == 1:
        return advance(prey, predators)
    return lax.fori_loop(0, num_steps, lambda _, state: advance(*state), (prey, predators))


@family(
    "scalar_array",
    "reduction",
    "loop",
    x="n",
    dt="in 0.02..0.1",
    tilt="? n in -0.5..0.5",
    coupling="? n n in -0.3..0.3",
    landscape={"double_well": 3, "cosine": 2, "harmonic": 1},
    chain={False: 3, True: 1},
    method={"euler": 2, "heun": 2, "implicit": 1, "midpoint": 1},
    num_steps={1: 3, 4: 1, 6: 1, 8: 1, 10: 1},
)
def gradient_flow(
    x,
    dt,
    tilt=None,
    coupling=None,
    *,
    landscape="double_well",
    chain=False,
    method="euler",
    num_steps=6,
):
    """Overdamped motion of particles in a potential.

    Args:
        x: Positions at first.
        dt: The time step.
        tilt: A constant force on each particle.
        coupling: The force on each particle (row) per displacement of each one.
    """

    def force(x):
        if landscape == "double_well":
            f = x - x**3
        elif landscape == "cosine":
            f = -jnp.sin(2.0 * x)
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
            # Backward Euler, by fixed-point iterations.
            guess = x + dt * force(x)
            guess = x + dt * force(guess)
            return x + dt * force(guess)
        elif method == "midpoint":
            return x + dt * force(x + 0.5 * dt * force(x))
        else:
            return x + dt * force(x)

    if num_steps == 1:
        return advance(x)
    return lax.fori_loop(0, num_steps, lambda _, x: advance(x), x)


@family(
    "reduction",
    "multi_statement",
    "loop",
    "contraction",
    theta="n",
    omega="n in -1..1",
    adjacency="? n n in 0..1",
    dt="? in 0.02..0.1",
    coupling={"sine": 3, "mean_field": 3, "lagged": 1, "ring": 2},
    method={"euler": 2, "heun": 2, "rk4": 1},
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
    method="euler",
    num_steps=4,
):
    """Advances the Kuramoto model of coupled phase oscillators.

    Args:
        theta: Their phases.
        omega: Their natural frequencies.
        adjacency: Weight of each oscillator's (column) pull on each one.
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
        elif coupling == "ring":
            pull = jnp.sin(jnp.roll(theta, 1) - theta) + jnp.sin(jnp.roll(theta, -1) - theta)
        elif coupling == "mean_field":
            # All act on each through the order parameter.
            c, s = jnp.mean(jnp.cos(theta)), jnp.mean(jnp.sin(theta))
            pull = s * jnp.cos(theta) - c * jnp.sin(theta)
        else:
            difference = theta[None, :] - theta[:, None]
            if coupling == "lagged":
                difference = difference - 0.3
            pull = jnp.mean(jnp.sin(difference), axis=1)
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

    if num_steps == 1:
        return advance(theta)
    return lax.fori_loop(0, num_steps, lambda _, theta: advance(theta), theta)


def thomas(lower, diagonal, upper, b):
    """Solves a tridiagonal system by the Thomas algorithm."""

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
    reaction={None: 3, "fisher": 1},
    boundary={"dirichlet": 2, "neumann": 2},
    theta={1.0: 2, 0.5: 2},
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
    reaction=None,
):
    """Makes a backward Euler or Crank-Nicolson step of diffusion on a line.

    Args:
        u: The field.
        diffusivity: The diffusivity at each point.
        source: What is added per unit of time.
        potential: The decay rate at each point.
    """
    dt = 0.2
    r = dt * diffusivity
    lower, upper = -r, -r
    diagonal = 2.0 * r
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
        # The reaction is explicit.
        b = b + dt * u * (1.0 - u)
    if theta == 0.5:
        padded = jnp.pad(u, 1)
        explicit = lower * padded[:-2] + diagonal * u + upper * padded[2:]
        b = b - 0.5 * explicit
        return thomas(0.5 * lower, 1.0 + 0.5 * diagonal, 0.5 * upper, b)
    else:
        return thomas(lower, 1.0 + diagonal, upper, b)


@family(
    "reduction",
    "multi_statement",
    "loop",
    v="n in -1..1",
    w="n in -0.5..0.5",
    current="n in 0..1",
    synapses="? n n in -0.3..0.3",
    model={"fitzhugh_nagumo": 3, "morris_lecar": 1, "hindmarsh": 1},
    gap={False: 3, True: 1},
    drive={"constant": 2, "cosine": 1},
    num_steps={5: 1, 6: 1, 8: 1, 10: 1},
    sizes={"n": (4, 5, 6, 8)},
)
def neuron(
    v,
    w,
    current,
    synapses=None,
    *,
    model="fitzhugh_nagumo",
    gap=False,
    drive="constant",
    num_steps=6,
):
    """Integrates model neurons by Euler's method; returns their voltages at each time.

    Args:
        v: Membrane voltages at first.
        w: Recovery variables at first.
        current: Amplitude of the input currents.
        synapses: Weight of the synapse onto each neuron (row) from each one.
    """
    dt = 0.1

    def rhs(v, w, t):
        if drive == "cosine":
            i = current * jnp.cos(4.0 * t)
        else:
            i = current
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
        else:
            return w - v**3 + 2.0 * v**2 + i, 1.0 - 3.0 * v**2 - w

    def step(state, k):
        v, w = state
        dv, dw = rhs(v, w, k * dt)
        v, w = v + dt * dv, w + dt * dw
        return (v, w), v

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
    energy={"double_well": 3, "flory": 1},
    boundary={"periodic": 2, "edge": 1, "reflect": 1},
    stencil={"cross": 3, "nine": 1},
    num_steps={1: 4, 4: 1, 5: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def cahn_hilliard(
    c,
    mobility=None,
    dt=None,
    *,
    energy="double_well",
    boundary="periodic",
    stencil="cross",
    num_steps=1,
):
    """Advances the Cahn-Hilliard equation, in which a mixture separates into two phases.

    Args:
        c: The concentration, between -1 and 1.
        mobility: The mobility at each point.
        dt: The time step.
    """
    if dt is None:
        dt = 0.02

    def chemical_potential(c):
        if energy == "flory":
            mu = jnp.arctanh(0.9 * c) - 1.4 * c
        else:
            mu = c**3 - c
        return mu - 0.5 * laplacian_2d(c, boundary=boundary, stencil=stencil)

    def advance(c):
        change = laplacian_2d(chemical_potential(c), boundary=boundary, stencil=stencil)
        if mobility is not None:
            change = mobility * change
        return c + dt * change

    if num_steps == 1:
        return advance(c)
    return lax.fori_loop(0, num_steps, lambda _, c: advance(c), c)


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
    energy={"double_well": 3, "flory": 1},
    boundary={"periodic": 2, "edge": 1, "reflect": 1},
    stencil={"cross": 3, "nine": 1},
    num_steps={1: 4, 4: 1, 5: 1},
    sizes={"h": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def allen_cahn(
    c,
    mobility=None,
    dt=None,
    *,
    energy="double_well",
    boundary="periodic",
    stencil="cross",
    num_steps=1,
):
    """Advances the Allen-Cahn equation of a phase field that isn't conserved.

    Args:
        c: The phase field, between -1 and 1.
        mobility: The mobility at each point.
        dt: The time step.
    """
    if dt is None:
        dt = 0.02

    def chemical_potential(c):
        if energy == "flory":
            mu = jnp.arctanh(0.9 * c) - 1.4 * c
        else:
            mu = c**3 - c
        return mu - 0.5 * laplacian_2d(c, boundary=boundary, stencil=stencil)

    def advance(c):
        change = -chemical_potential(c)
        if mobility is not None:
            change = mobility * change
        return c + dt * change

    if num_steps == 1:
        return advance(c)
    return lax.fori_loop(0, num_steps, lambda _, c: advance(c), c)


@family(
    "reduction",
    "multi_statement",
    y="n",
    t="in 0..1",
    dt="in 0.3..0.8",
    rate="? n in 0.3..1.5",
    problem={"logistic": 2, "linear": 1, "pendulum": 2},
    drive={"cosine": 2, "decay": 1},
    pair={"heun_euler": 2, "bogacki_shampine": 2, "ralston_euler": 1, "midpoint_euler": 1},
    error={"vector": 2, "rms": 2},
    only="float32",
)
def adaptive_step(
    y,
    t,
    dt,
    rate=None,
    *,
    problem="logistic",
    drive="cosine",
    pair="heun_euler",
    error="rms",
):
    """Makes a step of an embedded Runge-Kutta pair.

    Args:
        y: The state.
        t: The time.
        dt: The step size.
        rate: Rate constant of each component.

    Returns:
        The new state, and an estimate of the local error (its vector or its root mean square).
    """

    def f(t, y):
        if problem == "logistic":
            change = y * (1.0 - y)
        elif problem == "pendulum":
            change = -jnp.sin(y)
        else:
            change = -y
        if rate is not None:
            change = rate * change
        if drive == "cosine":
            change = change + 0.5 * jnp.cos(3.0 * t)
        else:
            change = change + jnp.exp(-t)
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
    return new, jnp.sqrt(jnp.mean(difference**2) + 1e-8)
