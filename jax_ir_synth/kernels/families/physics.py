"""Families: particles, fields, light, fluids and reactions, as formulas of physics."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
y: y 1
mask: mask 1
out: out 3, result 2
r: r 6, dist 2, distance 2
r2: r2 5, r_sq 3, dist2 2, sq_dist 2
energy: energy 6, e 1, potential 2, u 1
force: force 5, f 2
forces: forces 5, f 1, force 2
lennard_jones: lennard_jones 5, lj_potential 3, lennard_jones_energy 3, pair_energy 2
mixed_pair_energy: mixed_pair_energy 3, nonbonded_energy 4, pair_energies 2, nonbonded 1
bond_energy: bond_energy 5, bonded_energy 2, bond_stretch_energy 2, bond_potential 2
smooth_cutoff: smooth_cutoff 3, switching_function 4, switch 2, cutoff_fn 2
epsilon: epsilon 6, eps 4
sigma: sigma 1
epsilon_i: epsilon_i 4, eps_i 4, eps_a 1
epsilon_j: epsilon_j 4, eps_j 4, eps_b 1
displacement: displacement 4, delta 3, diff 2, dr 3
positions: positions 5, pos 3, x 2, coords 2
velocities: velocities 5, vel 3, v 2
masses: masses 5, mass 3, m 2
charges: charges 5, charge 2, q 3
num_steps: num_steps 5, n_steps 4, steps 2
step: step 5, body 2, body_fn 2, one_step 1
state: state 5, carry 4
history: history 3, trajectory 5, traj 3
gravity: gravity 3, compute_acceleration 3, accelerations 3, gravitational_acceleration 3
gravity_field: gravity_field 2, nbody_accelerations 4, accelerations 2, gravitational_forces 3
simulate_nbody: simulate_nbody 5, nbody_simulation 2, run_nbody 1, integrate_orbits 2
inv_r3: inv_r3 5, inv_dist3 2, inv_r_cubed 1
acceleration: acceleration 5, acc 4, accel 3, a 2
kinetic_energy: kinetic_energy 5, kinetic 3, compute_kinetic 1
coulomb_energy: coulomb_energy 4, electrostatic_energy 4, coulomb 2, coulomb_potential 2
bond_tension: bond_tension 3, tension 2, spring_force 4, pair_force 2
chain_forces: chain_forces 4, lattice_forces 3, forces_on_chain 1, compute_forces 3
simulate_chain: simulate_chain 4, evolve_chain 2, lattice_dynamics 2, integrate_chain 2
u: u 5, displacements 2, disp 1
stretch: stretch 4, du 3, strain 2, extension 2
pendulum_step: pendulum_step 5, step_pendulum 2, pendulum 2, integrate_pendulum 1
theta: theta 6, angle 3
omega: omega 6, ang_vel 2, angular_velocity 1
projectile: projectile 4, simulate_projectile 4, ballistic_trajectory 3, fly 1
sph_density: sph_density 5, compute_density 3, particle_density 2, density_summation 2
sph_kernel: sph_kernel 3, smoothing_kernel 4, kernel 4, kernel_fn 1
density: density 5, rho 5
pressure: pressure 5, p 3
spin_energy: spin_energy 3, lattice_energy 3, hamiltonian 4, ising_energy 2, compute_energy 1
spins: spins 5, spin 1, s 3
planck: planck 4, planck_radiance 3, blackbody 4, spectral_radiance 3
emission: emission 3, radiance 4, flux 2, b 1
lorentz_gamma: lorentz_gamma 2, lorentz_factor 5, gamma_factor 2
boost: boost 4, lorentz_boost 5, boost_event 1
relativistic_motion: relativistic_motion 2, relativistic_kinematics 4, momentum_and_energy 2
fresnel: fresnel 4, fresnel_reflectance 5, fresnel_coefficients 2, reflectance 3
cos_t: cos_t 5, cos_theta_t 4, ct 1
cos_i: cos_i 5, cos_theta_i 4, ci 1
pipe_flow: pipe_flow 3, pressure_drop 4, head_loss 4, pipe_pressure_drop 2
friction_factor: friction_factor 5, darcy_friction_factor 4, friction 2
reynolds: reynolds 5, re 4, reynolds_number 2
enzyme_rate: enzyme_rate 3, michaelis_menten 5, reaction_rate 3, reaction_velocity 2
reaction_rates: reaction_rates 4, mass_action 3, production_rates 3, net_rates 2
react: react 2, integrate_reactions 4, batch_reactor 3, simulate_kinetics 3
concentrations: concentrations 4, conc 5, c 3
oscillator_response: oscillator_response 4, driven_oscillator 4, frequency_response 3
gas_state: gas_state 2, gas_pressure 4, equation_of_state 4, real_gas_pressure 2
"""

GRAVITY = 9.81


def smooth_cutoff(r, start=1.5, end=2.4, shape="cubic"):
    """Goes smoothly from one at `start` to zero at `end`."""
    s = jnp.clip((r - start) / (end - start), 0.0, 1.0)
    if shape == "cosine":
        return 0.5 * (1.0 + jnp.cos(jnp.pi * s))
    if shape == "quintic":
        return 1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    return 1.0 - s**2 * (3.0 - 2.0 * s)


@family(
    "scalar_array",
    "branch",
    "nested_branch",
    "reduction",
    "multi_statement",
    r="... n in 0.95..2.6",
    epsilon="in 0.5..1.5",
    sigma="in 0.8..1.1",
    mask="? n bool",
    form={"12-6": 5, "9-6": 2, "soft": 2, "wca": 2},
    cutoff={None: 4, "shift": 2, "cubic": 1, "cosine": 1, "quintic": 1},
    with_force={False: 3, True: 2},
    total={False: 2, True: 2},
    only="float32",
)
def lennard_jones(
    r, epsilon, sigma, mask=None, *, form="12-6", cutoff=None, with_force=False, total=False
):
    """Lennard-Jones interaction of pairs of atoms.

    Args:
        r: Distances of the pairs.
        epsilon: Depth of the well.
        sigma: Distance at which the energy is zero.
        mask: Which pairs count.

    Returns:
        The energy, and the force along the line between the atoms if it is wanted.
    """
    if form == "soft":
        # Stays finite where atoms overlap.
        s6 = 1.0 / (0.5 + (r / sigma) ** 6)
    else:
        s6 = (sigma / r) ** 6
    if form == "9-6":
        energy = 6.75 * epsilon * (s6**1.5 - s6)
    else:
        energy = 4.0 * epsilon * (s6**2 - s6)
    if with_force:
        # The force is that of the energy without a cutoff.
        if form == "9-6":
            force = 6.75 * epsilon * (9.0 * s6**1.5 - 6.0 * s6) / r
        elif form == "soft":
            force = 24.0 * epsilon * (2.0 * s6 - 1.0) * s6**2 * (r / sigma) ** 6 / r
        else:
            force = 24.0 * epsilon * (2.0 * s6**2 - s6) / r
    if form == "wca":
        # Only the repulsive part, shifted to end at zero.
        energy = jnp.where(r < 2.0 ** (1.0 / 6.0) * sigma, energy + epsilon, 0.0)
    if cutoff == "shift":
        sc6 = (sigma / 2.5) ** 6
        energy = energy - 4.0 * epsilon * (sc6**2 - sc6)
        energy = jnp.where(r < 2.5, energy, 0.0)
    elif cutoff is not None:
        energy = energy * smooth_cutoff(r, shape=cutoff)
    if mask is not None:
        energy = jnp.where(mask, energy, 0.0)
    if total:
        energy = jnp.sum(energy, axis=-1)
    if with_force:
        return energy, force
    return energy


def mix(a, b, rule="arithmetic"):
    """Combines a parameter of two atoms."""
    if rule == "geometric":
        return jnp.sqrt(a * b)
    if rule == "sixth":
        return (0.5 * (a**6 + b**6)) ** (1.0 / 6.0)
    return 0.5 * (a + b)


@family(
    "elementwise",
    "branch",
    "reduction",
    "multi_statement",
    r="n in 0.9..2.4",
    epsilon_i="n in 0.5..1.5",
    epsilon_j="n in 0.5..1.5",
    sigma_i="n in 0.7..1.1",
    sigma_j="n in 0.7..1.1",
    charge_i="? n in -1..1",
    charge_j="? n in -1..1",
    mixing={"arithmetic": 3, "geometric": 2, "sixth": 1},
    repulsion={"lj": 3, "buckingham": 2, "halgren": 1},
    electrostatics={"plain": 2, "ewald": 2, "reaction_field": 2, "yukawa": 1},
    cutoff={None: 3, 2.0: 1, 2.2: 1},
    output={"pairs": 3, "total": 2, "parts": 1},
    only="float32",
)
def mixed_pair_energy(
    r,
    epsilon_i,
    epsilon_j,
    sigma_i,
    sigma_j,
    charge_i=None,
    charge_j=None,
    *,
    mixing="arithmetic",
    repulsion="lj",
    electrostatics="plain",
    cutoff=None,
    output="pairs",
):
    """Energies between atoms that aren't bonded, with mixed parameters.

    Args:
        r: Distances of the pairs.
        epsilon_i: Well depths of the first atoms.
        epsilon_j: Well depths of the second atoms.
        sigma_i: Sizes of the first atoms.
        sigma_j: Sizes of the second atoms.
        charge_i: Charges of the first atoms.
        charge_j: Charges of the second atoms.
    """
    epsilon = mix(epsilon_i, epsilon_j, rule="geometric")
    sigma = mix(sigma_i, sigma_j, rule=mixing)
    if repulsion == "lj":
        s6 = (sigma / r) ** 6
        van_der_waals = 4.0 * epsilon * (s6**2 - s6)
    elif repulsion == "halgren":
        rho = r / sigma
        van_der_waals = epsilon * (1.07 / (rho + 0.07)) ** 7 * (1.12 / (rho**7 + 0.12) - 2.0)
    else:
        van_der_waals = epsilon * (6.0 * jnp.exp(12.0 * (1.0 - r / sigma)) - 2.0 * (sigma / r) ** 6)
    if charge_i is not None:
        charge = charge_i * charge_j if charge_j is not None else charge_i
        if electrostatics == "ewald":
            coulomb = charge * jax.lax.erfc(0.8 * r) / r
        elif electrostatics == "reaction_field":
            coulomb = charge * (1.0 / r + 0.04 * r**2 - 0.6)
        elif electrostatics == "yukawa":
            coulomb = charge * jnp.exp(-0.7 * r) / r
        else:
            coulomb = charge / r
        energy = van_der_waals + coulomb
    elif charge_j is not None:
        energy = van_der_waals + charge_j / r
    else:
        energy = van_der_waals
    if cutoff is not None:
        energy = jnp.where(r < cutoff, energy, 0.0)
    if output == "parts":
        return energy, van_der_waals
    if output == "total":
        return jnp.sum(energy)
    return energy


@family(
    "elementwise",
    "reduction",
    "multi_statement",
    r="n in 0.7..1.6",
    k="n in 0.5..2",
    r0="n in 0.9..1.2",
    weights="? n in 0.2..1",
    form={"harmonic": 3, "morse": 3, "quartic": 2, "fene": 2, "mm3": 1, "flat": 1},
    with_force={False: 2, True: 2},
    reduction={None: 3, "sum": 3, "mean": 1},
)
def bond_energy(r, k, r0, weights=None, *, form="harmonic", with_force=False, reduction=None):
    """Energy of bonds by their lengths.

    Args:
        r: Lengths of the bonds.
        k: Their stiffness.
        r0: Their lengths at rest.
        weights: How much each of them counts.
    """
    x = r - r0
    if form == "harmonic":
        energy = 0.5 * k * x**2
    elif form == "morse":
        energy = k * (1.0 - jnp.exp(-1.5 * x)) ** 2
    elif form == "quartic":
        energy = k * x**2 * (0.5 + 0.3 * x + 0.2 * x**2)
    elif form == "fene":
        # The bond can't be stretched by more than 1.5.
        energy = -0.5 * k * 1.5**2 * jnp.log(1.0 - (x / 1.5) ** 2)
    elif form == "flat":
        energy = 0.5 * k * jnp.maximum(jnp.abs(x) - 0.05, 0.0) ** 2
    else:
        energy = 0.5 * k * x**2 * (1.0 - 2.55 * x + 7.0 / 12.0 * (2.55 * x) ** 2)
    if weights is not None:
        energy = weights * energy
    if reduction == "sum":
        energy = jnp.sum(energy)
    elif reduction == "mean":
        energy = jnp.mean(energy)
    if with_force:
        if form == "harmonic":
            force = -k * x
        elif form == "morse":
            decay = jnp.exp(-1.5 * x)
            force = -3.0 * k * (1.0 - decay) * decay
        elif form == "quartic":
            force = -k * x * (1.0 + 0.9 * x + 0.8 * x**2)
        elif form == "fene":
            force = -k * x / (1.0 - (x / 1.5) ** 2)
        elif form == "flat":
            force = -k * jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.05, 0.0)
        else:
            force = -k * x * (1.0 - 3.825 * x + 7.58625 * x**2)
        return energy, force
    return energy


@family(
    "branch",
    "vector",
    "multi_statement",
    "contraction",
    positions="n c",
    masses="n in 0.3..1.5",
    velocities="? n c in -1..1",
    active="? n bool",
    softening={0.1: 1, 0.2: 2, 0.3: 1, 0.5: 1},
    law={"newton": 4, "isothermal": 1, "yukawa": 1},
    background={None: 3, "harmonic": 1, "logarithmic": 1, "uniform": 1},
    frame={False: 3, True: 1},
    with_potential={False: 2, True: 1},
    sizes={"c": (2, 2, 3, 3), "n": (4, 5, 6, 8, 10, 12)},
)
def gravity_field(
    positions,
    masses,
    velocities=None,
    active=None,
    *,
    softening=0.2,
    law="newton",
    background=None,
    frame=False,
    with_potential=False,
):
    """Accelerations of bodies that attract each other.

    Args:
        positions: Positions of the bodies.
        masses: Their masses.
        velocities: Their velocities, by which they are slowed down.
        active: Which of them attract the others.

    Returns:
        The accelerations, and the potential at each body if it is wanted.
    """
    if active is not None:
        masses = jnp.where(active, masses, 0.0)
    displacement = positions[None, :, :] - positions[:, None, :]
    r2 = jnp.sum(jnp.square(displacement), axis=-1) + softening**2
    if law == "isothermal":
        strength = masses / r2
    elif law == "yukawa":
        r = jnp.sqrt(r2)
        strength = masses * jnp.exp(-r) * (1.0 + r) / (r * r2)
    else:
        strength = masses * r2**-1.5
    acceleration = jnp.sum(strength[..., None] * displacement, axis=1)
    if background == "harmonic":
        acceleration = acceleration - 0.25 * positions
    elif background == "logarithmic":
        radius2 = jnp.sum(jnp.square(positions), axis=-1, keepdims=True)
        acceleration = acceleration - positions / (radius2 + 1.0)
    elif background == "uniform":
        acceleration = acceleration.at[:, -1].add(-1.0)
    if velocities is not None:
        acceleration = acceleration - 0.1 * velocities
    if frame:
        # The centre of mass stays where it is.
        drift = jnp.sum(masses[:, None] * acceleration, axis=0) / (jnp.sum(masses) + 1e-3)
        acceleration = acceleration - drift
    if with_potential:
        potential = -jnp.sum(masses / jnp.sqrt(r2), axis=1) + masses / softening
        return acceleration, potential
    return acceleration


def gravity(x, masses, softening=0.3):
    """Accelerations by softened gravity."""
    displacement = x[None, :, :] - x[:, None, :]
    r2 = jnp.sum(displacement**2, axis=-1) + softening**2
    inv_r3 = jax.lax.rsqrt(r2) ** 3
    return jnp.einsum("j,ij,ijc->ic", masses, inv_r3, displacement)


def kinetic_energy(v, masses):
    return 0.5 * jnp.sum(masses[:, None] * v**2)


@family(
    "vector",
    "loop",
    x="n c",
    v="n c in -0.5..0.5",
    masses="n in 0.2..1",
    dt="in 0.02..0.1",
    method={"leapfrog": 4, "symplectic": 2, "verlet": 2, "euler": 1, "drift": 1},
    drag={False: 3, True: 1},
    trap={False: 3, True: 1},
    record={None: 3, "positions": 3, "energy": 2, "centre": 1},
    num_steps=(4, 5, 6, 8),
    loop={"scan": 3, "fori": 1},
    sizes={"c": (2, 2, 2, 3), "n": (3, 4, 4, 5, 6)},
    only="float32",
)
def simulate_nbody(
    x,
    v,
    masses,
    dt,
    *,
    method="leapfrog",
    drag=False,
    trap=False,
    record=None,
    num_steps=5,
    loop="scan",
):
    """Moves bodies under their own gravity for some steps."""

    def acceleration(x, v):
        a = gravity(x, masses)
        if trap:
            a = a - 0.5 * x
        if drag:
            a = a - 0.1 * v
        return a

    def advance(x, v):
        if method == "leapfrog":
            v = v + 0.5 * dt * acceleration(x, v)
            x = x + dt * v
            v = v + 0.5 * dt * acceleration(x, v)
        elif method == "symplectic":
            v = v + dt * acceleration(x, v)
            x = x + dt * v
        elif method == "verlet":
            a = acceleration(x, v)
            x = x + dt * v + 0.5 * dt**2 * a
            v = v + 0.5 * dt * (a + acceleration(x, v))
        elif method == "drift":
            x = x + 0.5 * dt * v
            v = v + dt * acceleration(x, v)
            x = x + 0.5 * dt * v
        else:
            x, v = x + dt * v, v + dt * acceleration(x, v)
        return x, v

    if record is None and loop == "fori":
        x, v = lax.fori_loop(0, num_steps, lambda _, state: advance(*state), (x, v))
        return x, v

    def step(state, _):
        x, v = advance(*state)
        if record == "positions":
            return (x, v), x
        elif record == "energy":
            return (x, v), kinetic_energy(v, masses)
        elif record == "centre":
            return (x, v), masses @ x / jnp.sum(masses)
        else:
            return (x, v), None

    if record is None:
        (x, v), _ = lax.scan(step, (x, v), None, length=num_steps)
        return x, v
    _, history = lax.scan(step, (x, v), None, length=num_steps)
    return history


@family(
    "reduction",
    "vector",
    "contraction",
    positions="n c",
    charges="n in -1..1",
    radii="? n in 0.3..0.8",
    field="? c",
    screening={None: 3, "debye": 2, "ewald": 2, "reaction_field": 1},
    cutoff={None: 3, "cubic": 1, "cosine": 1},
    output={"total": 3, "particles": 2, "potential": 2, "field": 2},
    sizes={"c": (2, 2, 3, 3), "n": (4, 5, 6, 8, 10)},
    only="float32",
)
def coulomb_energy(
    positions, charges, radii=None, field=None, *, screening=None, cutoff=None, output="total"
):
    """Electrostatics of point charges, softened where they are close to each other.

    Args:
        positions: Positions of the charges.
        charges: Their sizes.
        radii: How far each of them is spread out.
        field: An electric field from outside.
    """
    displacement = positions[:, None, :] - positions[None, :, :]
    r2 = jnp.sum(displacement**2, axis=-1)
    if radii is not None:
        r2 = r2 + radii[:, None] * radii[None, :]
    else:
        r2 = r2 + 0.1
    r = jnp.sqrt(r2)
    if screening == "debye":
        pairs = jnp.exp(-0.8 * r) / r
    elif screening == "ewald":
        pairs = lax.erfc(0.6 * r) / r
    elif screening == "reaction_field":
        pairs = 1.0 / r + 0.03 * r2 - 0.4
    else:
        pairs = 1.0 / r
    if cutoff is not None:
        pairs = pairs * smooth_cutoff(r, shape=cutoff)
    # A charge doesn't act on itself.
    pairs = pairs * (1.0 - jnp.eye(positions.shape[0]))
    if output == "field":
        strength = charges[None, :] * pairs / r2
        total = jnp.sum(strength[..., None] * displacement, axis=1)
        if field is not None:
            total = total + field
        return total
    potential = pairs @ charges
    if output == "potential":
        if field is not None:
            potential = potential - positions @ field
        return potential
    energy = 0.5 * charges * potential
    if field is not None:
        energy = energy - charges * (positions @ field)
    if output == "total":
        return jnp.sum(energy)
    else:
        return energy


def bond_tension(stretch, law="harmonic"):
    """How strongly a bond pulls at its ends."""
    if law == "alpha":
        return stretch + 0.25 * stretch**2
    if law == "beta":
        return stretch + 0.3 * stretch**3
    if law == "toda":
        return 1.0 - jnp.exp(-stretch)
    if law == "morse":
        decay = jnp.exp(-0.5 * stretch)
        return decay * (1.0 - decay)
    return stretch


def neighbour_forces(u, law="harmonic", ends="fixed"):
    if ends == "periodic":
        tension = bond_tension(jnp.roll(u, -1) - u, law=law)
        return tension - jnp.roll(tension, 1)
    if ends == "fixed":
        return jnp.diff(bond_tension(jnp.diff(jnp.pad(u, 1)), law=law))
    return jnp.diff(jnp.pad(bond_tension(jnp.diff(u), law=law), 1))


@family(
    "unary",
    "elementwise",
    "multi_statement",
    u="n",
    v="? n",
    masses="? n in 0.5..2",
    stiffness="? n in 0.5..2",
    law={"harmonic": 3, "alpha": 2, "beta": 2, "toda": 2, "morse": 1},
    ends=("fixed", "periodic", "free"),
    site={None: 3, "harmonic": 1, "phi4": 1, "sine": 2},
    damping={None: 3, "linear": 1, "quadratic": 1},
    with_virial={False: 3, True: 1},
)
def chain_forces(
    u,
    v=None,
    masses=None,
    stiffness=None,
    *,
    law="harmonic",
    ends="fixed",
    site=None,
    damping=None,
    with_virial=False,
):
    """Accelerations in a chain of atoms, each bound to its neighbours.

    Args:
        u: Displacements of the atoms.
        v: Their velocities, with friction.
        masses: Their masses.
        stiffness: How strongly each of them is held by its neighbours.
    """
    force = neighbour_forces(u, law=law, ends=ends)
    if stiffness is not None:
        force = stiffness * force
    if site == "harmonic":
        force = force - 0.5 * u
    elif site == "phi4":
        force = force + u - u**3
    elif site == "sine":
        force = force - jnp.sin(u)
    if v is not None:
        if damping == "quadratic":
            force = force - 0.1 * v * jnp.abs(v)
        else:
            force = force - 0.2 * v
    if masses is not None:
        force = force / masses
    if with_virial:
        return force, force * u
    return force


@family(
    "loop",
    u="n",
    v="n in -1..1",
    dt="in 0.02..0.1",
    drive="? n in -1..1",
    law={"harmonic": 2, "alpha": 2, "beta": 2, "toda": 1},
    ends=("fixed", "periodic", "free"),
    site={None: 3, "sine": 1, "phi4": 1},
    friction={False: 2, True: 1},
    method={"verlet": 3, "symplectic": 2, "drift": 1},
    record={None: 3, "displacements": 2, "energy": 2, "ends": 1},
    num_steps=(4, 6, 8, 10),
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def simulate_chain(
    u,
    v,
    dt,
    drive=None,
    *,
    law="harmonic",
    ends="fixed",
    site=None,
    friction=False,
    method="verlet",
    record=None,
    num_steps=6,
):
    """Moves a chain of coupled atoms for some steps.

    Args:
        u: Displacements of the atoms.
        v: Their velocities.
        dt: The time step.
        drive: A constant force on each atom.

    Returns:
        The last displacements and velocities, or what is recorded at each step.
    """

    def force(u):
        f = neighbour_forces(u, law=law, ends=ends)
        if site == "sine":
            f = f - jnp.sin(u)
        elif site == "phi4":
            f = f + u - u**3
        if drive is not None:
            f = f + drive
        return f

    def step(state, _):
        u, v = state
        if method == "symplectic":
            v = v + dt * force(u)
            u = u + dt * v
        elif method == "drift":
            u = u + 0.5 * dt * v
            v = v + dt * force(u)
            u = u + 0.5 * dt * v
        else:
            v = v + 0.5 * dt * force(u)
            u = u + dt * v
            v = v + 0.5 * dt * force(u)
        if friction:
            v = v * (1.0 - 0.1 * dt)
        if record == "displacements":
            return (u, v), u
        elif record == "energy":
            return (u, v), 0.5 * jnp.sum(v**2)
        elif record == "ends":
            return (u, v), jnp.stack([u[0], u[-1]])
        else:
            return (u, v), None

    if record is None:
        (u, v), _ = lax.scan(step, (u, v), None, length=num_steps)
        return u, v
    _, history = lax.scan(step, (u, v), None, length=num_steps)
    return history


def angular_acceleration(theta, omega, length, damping="none", drive=None):
    a = -GRAVITY / length * jnp.sin(theta)
    if damping == "linear":
        a = a - 0.3 * omega
    elif damping == "quadratic":
        a = a - 0.2 * omega * jnp.abs(omega)
    if drive is not None:
        a = a + drive
    return a


@family(
    "multi_statement",
    "loop",
    theta="n",
    omega="n in -1..1",
    length="n in 0.6..2",
    drive="? n in -1..1",
    damping={"none": 2, "linear": 2, "quadratic": 1},
    method={"euler": 1, "symplectic": 3, "midpoint": 2, "heun": 2, "verlet": 2},
    wrap={False: 2, True: 1},
    output={"state": 3, "energy": 2},
    steps={1: 3, 4: 1, 6: 1, 8: 1},
)
def pendulum_step(
    theta,
    omega,
    length,
    drive=None,
    *,
    damping="none",
    method="symplectic",
    output="state",
    wrap=False,
    steps=1,
):
    """Advances pendulums in time.

    Args:
        theta: Their angles from the vertical.
        omega: Their angular velocities.
        length: Their lengths.
        drive: An angular acceleration from outside.
    """
    dt = 0.05

    def advance(theta, omega):
        a = angular_acceleration(theta, omega, length, damping=damping, drive=drive)
        if method == "symplectic":
            omega = omega + dt * a
            theta = theta + dt * omega
        elif method == "midpoint":
            theta_mid = theta + 0.5 * dt * omega
            omega_mid = omega + 0.5 * dt * a
            a = angular_acceleration(theta_mid, omega_mid, length, damping=damping, drive=drive)
            theta = theta + dt * omega_mid
            omega = omega + dt * a
        elif method == "heun":
            theta_end = theta + dt * omega
            omega_end = omega + dt * a
            a_end = angular_acceleration(theta_end, omega_end, length, damping=damping, drive=drive)
            theta = theta + 0.5 * dt * (omega + omega_end)
            omega = omega + 0.5 * dt * (a + a_end)
        elif method == "verlet":
            theta = theta + dt * omega + 0.5 * dt**2 * a
            a_end = angular_acceleration(theta, omega, length, damping=damping, drive=drive)
            omega = omega + 0.5 * dt * (a + a_end)
        else:
            theta, omega = theta + dt * omega, omega + dt * a
        return theta, omega

    if steps > 1:
        theta, omega = lax.fori_loop(0, steps, lambda _, state: advance(*state), (theta, omega))
    else:
        theta, omega = advance(theta, omega)
    if output == "energy":
        kinetic = 0.5 * (length * omega) ** 2
        potential = GRAVITY * length * (1.0 - jnp.cos(theta))
        return kinetic, potential
    if wrap:
        # An angle and the same angle a turn later are the same.
        theta = jnp.arctan2(jnp.sin(theta), jnp.cos(theta))
    return theta, omega


@family(
    "vector",
    "loop",
    position="n c",
    velocity="n c in 1..6",
    dt="in 0.02..0.08",
    wind="? c in -1..1",
    drag={"none": 1, "linear": 2, "quadratic": 3, "mach": 1},
    lift={False: 3, True: 1},
    method={"euler": 1, "symplectic": 2, "midpoint": 2},
    record={None: 2, "path": 3, "height": 2, "speed": 1},
    num_steps=(4, 6, 8, 10, 12),
    sizes={"c": (2, 2, 2, 3), "n": (1, 2, 3, 4, 6)},
)
def projectile(
    position,
    velocity,
    dt,
    wind=None,
    *,
    drag="quadratic",
    lift=False,
    method="symplectic",
    record=None,
    num_steps=8,
):
    """Flight of projectiles; the last axis of their positions points up.

    Args:
        position: Where they start.
        velocity: How fast they start.
        dt: The time step.
        wind: Velocity of the air.
    """

    def acceleration(velocity):
        relative = velocity
        if wind is not None:
            relative = velocity - wind
        speed = jnp.linalg.norm(relative, axis=-1, keepdims=True)
        if drag == "linear":
            a = -0.2 * relative
        elif drag == "quadratic":
            a = -0.05 * speed * relative
        elif drag == "mach":
            # The drag rises where the speed comes near that of sound.
            a = -(0.02 + 0.04 * jax.nn.sigmoid(speed - 4.0)) * speed * relative
        else:
            a = 0.0 * relative
        if lift:
            a = a.at[..., -1].add(0.03 * speed[..., 0] ** 2)
        return a.at[..., -1].add(-GRAVITY)

    def step(state, _):
        position, velocity = state
        if method == "symplectic":
            velocity = velocity + dt * acceleration(velocity)
            position = position + dt * velocity
        elif method == "midpoint":
            middle = velocity + 0.5 * dt * acceleration(velocity)
            velocity = velocity + dt * acceleration(middle)
            position = position + dt * middle
        else:
            position = position + dt * velocity
            velocity = velocity + dt * acceleration(velocity)
        if record == "path":
            return (position, velocity), position
        elif record == "height":
            return (position, velocity), position[..., -1]
        elif record == "speed":
            speed = jnp.linalg.norm(velocity, axis=-1, keepdims=True)
            return (position, velocity), jnp.concatenate([position, speed], axis=-1)
        else:
            return (position, velocity), None

    if record is None:
        (position, velocity), _ = lax.scan(step, (position, velocity), None, length=num_steps)
        return position, velocity
    _, history = lax.scan(step, (position, velocity), None, length=num_steps)
    if record == "height":
        # The greatest height of each.
        return jnp.max(history, axis=0)
    return history


def sph_kernel(r, h=1.2, kind="cubic"):
    """Smoothing kernel in the plane."""
    q = r / h
    if kind == "gaussian":
        return jnp.exp(-(q**2)) / (jnp.pi * h**2)
    if kind == "poly6":
        return 4.0 / (jnp.pi * h**2) * jnp.maximum(1.0 - 0.25 * q**2, 0.0) ** 3
    if kind == "wendland":
        return 7.0 / (4.0 * jnp.pi * h**2) * jnp.maximum(1.0 - 0.5 * q, 0.0) ** 4 * (1.0 + 2.0 * q)
    outer = 0.25 * jnp.maximum(2.0 - q, 0.0) ** 3
    inner = jnp.maximum(1.0 - q, 0.0) ** 3
    return 10.0 / (7.0 * jnp.pi * h**2) * (outer - inner)


@family(
    "reduction",
    "multi_statement",
    positions="n 2",
    masses="n in 0.5..1.5",
    velocities="? n 2",
    values="? n",
    boundary="? m 2",
    kind=("cubic", "gaussian", "poly6", "wendland"),
    pressure={None: 3, "linear": 1, "tait": 2, "polytrope": 1},
    normalise={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "m": (3, 4, 5, 6)},
)
def sph_density(
    positions,
    masses,
    velocities=None,
    values=None,
    boundary=None,
    *,
    kind="cubic",
    pressure=None,
    normalise=False,
):
    """Fluid quantities at particles, as sums over those around them.

    Args:
        positions: Positions of the particles.
        masses: Their masses.
        velocities: Their velocities, which are smoothed.
        values: A quantity that is averaged over the particles.
        boundary: Positions of the walls' particles.
    """
    displacement = positions[:, None, :] - positions[None, :, :]
    r = jnp.sqrt(jnp.sum(displacement**2, axis=-1) + 1e-4)
    weights = sph_kernel(r, kind=kind)
    density = weights @ masses
    if boundary is not None:
        to_wall = positions[:, None, :] - boundary[None, :, :]
        distance = jnp.sqrt(jnp.sum(to_wall**2, axis=-1) + 1e-4)
        density = density + jnp.sum(sph_kernel(distance, kind=kind), axis=1)
    if velocities is not None:
        # Particles move with a mean of the velocities around them.
        shares = weights * masses / (0.5 * (density[:, None] + density[None, :]))
        change = shares @ velocities - jnp.sum(shares, axis=1, keepdims=True) * velocities
        smoothed = velocities + 0.5 * change
    if values is not None:
        mean = weights @ (masses * values / density)
        if normalise:
            mean = mean / (weights @ (masses / density))
        if velocities is not None:
            return density, smoothed, mean
        return density, mean
    if velocities is not None:
        return density, smoothed
    if pressure == "linear":
        return density, 2.0 * (density - 1.0)
    elif pressure == "tait":
        return density, 0.5 * ((density / 0.8) ** 3 - 1.0)
    elif pressure == "polytrope":
        return density, density ** (5.0 / 3.0)
    else:
        return density


@family(
    "unary",
    "elementwise",
    "reduction",
    spins="h m",
    field="? h m in -1..1",
    couplings="? h m in 0.5..1.5",
    model={"ising": 3, "xy": 2, "phi4": 2, "nematic": 1},
    periodic=(True, False),
    diagonal={False: 2, True: 1},
    crystal={False: 3, True: 1},
    output={"energy": 3, "mean": 1, "local": 3, "magnetisation": 2},
    sizes={"h": (3, 4, 5, 6), "m": (4, 5, 6, 8)},
)
def spin_energy(
    spins,
    field=None,
    couplings=None,
    *,
    model="ising",
    periodic=True,
    diagonal=False,
    crystal=False,
    output="energy",
):
    """Energy of spins on a square lattice.

    Args:
        spins: The spins.
        field: An external field at each of them.
        couplings: How strongly each of them acts on its neighbours.
    """
    if periodic:
        right = jnp.roll(spins, -1, axis=1)
        down = jnp.roll(spins, -1, axis=0)
        corner = jnp.roll(right, -1, axis=0)
    else:
        padded = jnp.pad(spins, ((0, 1), (0, 1)))
        right = padded[:-1, 1:]
        down = padded[1:, :-1]
        corner = padded[1:, 1:]
    if model == "xy":
        bonds = jnp.cos(spins - right) + jnp.cos(spins - down)
        if diagonal:
            bonds = bonds + 0.5 * jnp.cos(spins - corner)
    elif model == "nematic":
        bonds = 1.5 * (jnp.cos(spins - right) ** 2 + jnp.cos(spins - down) ** 2) - 1.0
        if diagonal:
            bonds = bonds + 0.75 * jnp.cos(spins - corner) ** 2 - 0.25
    else:
        neighbours = right + down
        if diagonal:
            neighbours = neighbours + 0.5 * corner
        bonds = spins * neighbours
    if couplings is not None:
        bonds = couplings * bonds
    energy = -bonds
    if model == "phi4":
        energy = energy + 2.0 * spins**2 + 0.25 * (spins**2 - 1.0) ** 2
    if crystal:
        energy = energy - 0.3 * jnp.square(spins)
    if field is not None:
        energy = energy - field * spins
    if output == "local":
        return energy
    elif output == "mean":
        return jnp.mean(energy)
    elif output == "magnetisation":
        return jnp.sum(energy), jnp.mean(spins)
    else:
        return jnp.sum(energy)


@family(
    "scalar_array",
    "reduction",
    "multi_statement",
    wavelength="n in 0.3..3",
    temperature="in 0.6..1.5",
    emissivity="? n in 0.5..1",
    transmission="? n in 0.3..1",
    law={"wavelength": 3, "frequency": 2, "photons": 1, "wien": 2, "rayleigh_jeans": 1},
    dilution={None: 3, "greybody": 1, "dust": 1},
    redshift={False: 3, True: 1},
    output={
        "spectrum": 3,
        "normalised": 1,
        "integral": 2,
        "magnitude": 1,
        "mean": 1,
        "derivative": 1,
    },
    only="float32",
)
def planck(
    wavelength,
    temperature,
    emissivity=None,
    transmission=None,
    *,
    law="wavelength",
    dilution=None,
    redshift=False,
    output="spectrum",
):
    """Thermal radiation in units where the constants of Planck and Boltzmann are one.

    Args:
        wavelength: Where the spectrum is evaluated.
        temperature: Temperature of the source.
        emissivity: Share of a black body's radiation.
        transmission: What a filter lets through.
    """
    if redshift:
        # Light of this wavelength was emitted at a shorter one.
        wavelength = wavelength / 1.5
    x = 1.0 / (wavelength * temperature)
    if law == "wavelength":
        emission = 2.0 / (wavelength**5 * jnp.expm1(x))
    elif law == "frequency":
        emission = 2.0 / (wavelength**3 * jnp.expm1(x))
    elif law == "photons":
        emission = 2.0 / (wavelength**4 * jnp.expm1(x))
    elif law == "wien":
        emission = 2.0 * jnp.exp(-x) / wavelength**5
    else:
        emission = 2.0 * temperature / wavelength**4
    if dilution == "greybody":
        emission = emission * (1.0 - jnp.exp(-((0.8 / wavelength) ** 1.5)))
    elif dilution == "dust":
        emission = emission * jnp.exp(-0.4 / wavelength)
    if emissivity is not None:
        emission = emissivity * emission
    if transmission is not None:
        emission = transmission * emission
    if output == "normalised":
        return emission / jnp.sum(emission)
    elif output == "integral":
        widths = jnp.abs(jnp.diff(wavelength))
        return jnp.sum(0.5 * (emission[1:] + emission[:-1]) * widths)
    elif output == "magnitude":
        return -2.5 * jnp.log10(emission)
    elif output == "mean":
        return jnp.sum(wavelength * emission) / jnp.sum(emission)
    elif output == "derivative":
        # What the spectrum gains with the temperature.
        return emission, emission * x / (temperature * -jnp.expm1(-x))
    else:
        return emission


def lorentz_gamma(v):
    return jax.lax.rsqrt(1.0 - v**2)


@family(
    "elementwise",
    "reduction",
    "multi_statement",
    v="n in 0.1..0.9",
    u="n in -0.9..-0.1",
    angle="? n in 0..1.5",
    rest="? n in 0.5..2",
    weights="? n in 0.2..1",
    quantity={
        "energy": 2,
        "kinetic": 2,
        "momentum": 2,
        "speed": 2,
        "clock": 2,
        "rapidity": 1,
        "doppler": 1,
    },
    with_gamma={False: 2, True: 1},
    reduction={None: 4, "sum": 1, "mean": 1},
)
def relativistic_motion(
    v,
    u,
    angle=None,
    rest=None,
    weights=None,
    *,
    quantity="energy",
    with_gamma=False,
    reduction=None,
):
    """What one body finds of another one that it meets, where the speed of light is one.

    Args:
        v: Velocities of the bodies.
        u: Velocities of those that observe them.
        angle: Angle between the two.
        rest: The mass, duration or frequency at rest.
        weights: How much each of them counts.
    """
    product = v * u
    if angle is not None:
        product = product * jnp.cos(angle)
    gamma = lorentz_gamma(v) * lorentz_gamma(u) * (1.0 - product)
    if quantity == "energy":
        value = gamma
    elif quantity == "kinetic":
        value = gamma - 1.0
    elif quantity == "momentum":
        value = jnp.sqrt(gamma**2 - 1.0)
    elif quantity == "speed":
        value = jnp.sqrt(1.0 - 1.0 / gamma**2)
    elif quantity == "clock":
        value = 1.0 / gamma
    elif quantity == "rapidity":
        value = jnp.arccosh(gamma)
    else:
        # They come nearer, so that light is shifted to blue.
        value = gamma + jnp.sqrt(gamma**2 - 1.0)
    if rest is not None:
        value = rest * value
    if weights is not None:
        value = weights * value
    if reduction == "sum":
        value = jnp.sum(value)
    elif reduction == "mean":
        value = jnp.mean(value)
    if with_gamma:
        return value, gamma
    return value


@family(
    "scalar_array",
    "reduction",
    "multi_statement",
    angle="n in 0.1..1.2",
    n1="in 1..1.3",
    n2="in 1.4..2",
    thickness="? n in 0.2..1.5",
    absorption="? n in 0.1..1",
    polarisation={"unpolarised": 3, "s": 2, "p": 2, "schlick": 1},
    output={"reflectance": 3, "transmittance": 2, "angle": 1},
    back={False: 3, True: 1},
    averaged={False: 4, True: 1},
)
def fresnel(
    angle,
    n1,
    n2,
    thickness=None,
    absorption=None,
    *,
    polarisation="unpolarised",
    output="reflectance",
    back=False,
    averaged=False,
):
    """Light at the surface of glass.

    Args:
        angle: Angle of incidence.
        n1: Refractive index outside.
        n2: Refractive index of the glass.
        thickness: Thickness of the glass, with interference.
        absorption: Absorption in the glass.
    """
    cos_i = jnp.cos(angle)
    # Snell's law.
    sin_t = n1 / n2 * jnp.sin(angle)
    cos_t = jnp.sqrt(1.0 - sin_t**2)
    rs = ((n1 * cos_i - n2 * cos_t) / (n1 * cos_i + n2 * cos_t)) ** 2
    rp = ((n1 * cos_t - n2 * cos_i) / (n1 * cos_t + n2 * cos_i)) ** 2
    if polarisation == "s":
        reflected = rs
    elif polarisation == "p":
        reflected = rp
    elif polarisation == "schlick":
        r0 = ((n1 - n2) / (n1 + n2)) ** 2
        reflected = r0 + (1.0 - r0) * (1.0 - cos_i) ** 5
    else:
        reflected = 0.5 * (rs + rp)
    if thickness is not None:
        # Airy's formula for many reflections between the two sides.
        phase = 2.0 * jnp.pi * n2 * thickness * cos_t
        finesse = 4.0 * reflected / (1.0 - reflected) ** 2
        ripple = finesse * jnp.sin(phase) ** 2
        reflected = ripple / (1.0 + ripple)
    if back:
        reflected = 2.0 * reflected / (1.0 + reflected)
    transmitted = 1.0 - reflected
    if absorption is not None:
        transmitted = transmitted * jnp.exp(-absorption / cos_t)
    if averaged:
        return jnp.sum(reflected * cos_i) / jnp.sum(cos_i), jnp.mean(transmitted)
    if output == "transmittance":
        return transmitted
    elif output == "angle":
        return transmitted, jnp.arcsin(sin_t)
    elif absorption is not None:
        return reflected, transmitted
    else:
        return reflected


def friction_factor(reynolds, roughness, formula="haaland"):
    """Darcy's friction factor of turbulent flow."""
    if formula == "blasius":
        return 0.316 * jnp.power(reynolds, -0.25) + 0.1 * roughness
    if formula == "swamee":
        return 0.25 / jnp.log10(roughness / 3.7 + 5.74 / reynolds**0.9) ** 2
    return (-1.8 * jnp.log10((roughness / 3.7) ** 1.11 + 6.9 / reynolds)) ** -2


@family(
    "elementwise",
    "branch",
    "reduction",
    "multi_statement",
    velocity="n in 0.5..2",
    diameter="n in 0.5..1.5",
    viscosity="n in 0.0002..0.001",
    roughness="n in 0.002..0.02",
    length="? n in 1..4",
    height="? n in -1..1",
    density="? n in 0.8..1.2",
    formula={"haaland": 3, "swamee": 2, "blasius": 2},
    regime={"turbulent": 2, "switch": 2, "blend": 2},
    fittings={False: 2, True: 1},
    output={"drop": 3, "total": 2, "factor": 1, "power": 1},
    only="float32",
)
def pipe_flow(
    velocity,
    diameter,
    viscosity,
    roughness,
    length=None,
    height=None,
    density=None,
    *,
    formula="haaland",
    regime="turbulent",
    fittings=False,
    output="drop",
):
    """Loss of pressure in pipes.

    Args:
        velocity: Mean velocities in the pipes.
        diameter: Their diameters.
        viscosity: Kinematic viscosity of the fluid.
        roughness: Roughness of the walls, relative to the diameter.
        length: Lengths of the pipes.
        height: How much higher each pipe ends than it begins.
        density: Density of the fluid.
    """
    reynolds = velocity * diameter / viscosity
    factor = friction_factor(reynolds, roughness, formula=formula)
    if regime == "switch":
        factor = jnp.where(reynolds < 2300.0, 64.0 / reynolds, factor)
    elif regime == "blend":
        # Between laminar and turbulent flow, both count.
        share = jax.nn.sigmoid((reynolds - 2300.0) / 500.0)
        factor = share * factor + (1.0 - share) * 64.0 / reynolds
    head = 0.5 * velocity**2
    loss = factor / diameter * head
    if length is not None:
        loss = length * loss
    if fittings:
        loss = loss + 0.8 * head
    if height is not None:
        loss = loss + GRAVITY * height
    if density is not None:
        loss = density * loss
    if output == "total":
        return jnp.sum(loss)
    elif output == "factor":
        return loss, factor
    elif output == "power":
        return loss * velocity * 0.25 * jnp.pi * diameter**2
    else:
        return loss


@family(
    "scalar_array",
    "reduction",
    "multi_statement",
    substrate="n in 0.1..3",
    vmax="in 0.5..2",
    km="in 0.3..1.5",
    inhibitor="? n in 0.1..2",
    temperature="? n in 0.8..1.3",
    ph="? n in -1..1",
    inhibition={"competitive": 3, "uncompetitive": 2, "noncompetitive": 2, "mixed": 1},
    cooperative={None: 3, 2: 1, 3: 1},
    excess={False: 3, True: 1},
    reversible={False: 3, True: 1},
    output={"rate": 4, "mean": 1, "occupancy": 2, "flux": 1},
)
def enzyme_rate(
    substrate,
    vmax,
    km,
    inhibitor=None,
    temperature=None,
    ph=None,
    *,
    inhibition="competitive",
    cooperative=None,
    excess=False,
    reversible=False,
    output="rate",
):
    """Rate at which an enzyme turns over its substrate.

    Args:
        substrate: Concentrations of the substrate.
        vmax: The greatest rate.
        km: Concentration at half of the greatest rate.
        inhibitor: Concentrations of an inhibitor.
        temperature: Temperatures relative to that of reference.
        ph: Acidity relative to the optimum.
    """
    if cooperative is not None:
        substrate = substrate**cooperative
    if inhibitor is not None:
        bound = 1.0 + inhibitor / 0.8
        if inhibition == "competitive":
            denominator = km * bound + substrate
        elif inhibition == "uncompetitive":
            denominator = km + bound * substrate
        elif inhibition == "mixed":
            denominator = km * bound + (1.0 + inhibitor / 2.4) * substrate
        else:
            denominator = bound * (km + substrate)
    else:
        denominator = km + substrate
    if excess:
        # Too much of the substrate is in the way.
        denominator = denominator + substrate**2 / 4.0
    rate = vmax * substrate / denominator
    if reversible:
        rate = rate - 0.1 * substrate
    if temperature is not None:
        rate = rate * jnp.exp(5.0 * (1.0 - 1.0 / temperature))
    if ph is not None:
        rate = rate / (1.0 + ph**2)
    if output == "mean":
        return jnp.mean(rate)
    elif output == "occupancy":
        return rate, substrate / denominator
    elif output == "flux":
        return jnp.diff(rate)
    else:
        return rate


def reaction_rates(concentrations, k, orders, changes, reversible=False):
    """Rates of mass action."""
    logs = jnp.log(concentrations)
    rates = k * jnp.exp(orders @ logs)
    if reversible:
        rates = rates - 0.2 * k * jnp.exp((orders + changes) @ logs)
    return rates


@family(
    "reduction",
    "loop",
    concentrations="c in 0.3..1.5",
    k="h in 0.1..0.8",
    orders="h c in 0..1",
    changes="h c in -0.5..0.5",
    temperature="? h in 0.8..1.2",
    feed="? c in 0..1",
    reversible={False: 3, True: 1},
    method={"euler": 2, "heun": 2, "midpoint": 2, "rk4": 2},
    floor={False: 1, True: 1},
    num_steps={1: 2, 4: 1, 6: 1, 8: 1},
    record={False: 2, True: 1},
    sizes={"c": (4, 4, 5, 6), "h": (2, 4, 4, 5)},
)
def react(
    concentrations,
    k,
    orders,
    changes,
    temperature=None,
    feed=None,
    *,
    reversible=False,
    method="heun",
    floor=True,
    num_steps=4,
    record=False,
):
    """Concentrations of species as they react.

    Args:
        concentrations: Of each species at first.
        k: Rate constants of the reactions.
        orders: Order of each reaction in each species.
        changes: What each reaction makes of each species.
        temperature: Temperatures of the reactions, relative to that of reference.
        feed: Concentrations in what flows in.
    """
    dt = 0.05
    if temperature is not None:
        # Arrhenius's law.
        k = k * jnp.exp(3.0 * (1.0 - 1.0 / temperature))

    def rhs(c):
        change = reaction_rates(c, k, orders, changes, reversible=reversible) @ changes
        if feed is not None:
            change = change + 0.3 * (feed - c)
        return change

    def advance(c):
        if method == "euler":
            c = c + dt * rhs(c)
        elif method == "heun":
            k1 = rhs(c)
            k2 = rhs(c + dt * k1)
            c = c + 0.5 * dt * (k1 + k2)
        elif method == "midpoint":
            c = c + dt * rhs(c + 0.5 * dt * rhs(c))
        else:
            k1 = rhs(c)
            k2 = rhs(c + 0.5 * dt * k1)
            k3 = rhs(c + 0.5 * dt * k2)
            k4 = rhs(c + dt * k3)
            c = c + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        if floor:
            c = jnp.maximum(c, 1e-3)
        return c

    if num_steps == 1:
        return advance(concentrations)
    if record:

        def step(c, _):
            c = advance(c)
            return c, c

        _, history = lax.scan(step, concentrations, None, length=num_steps)
        return history
    return lax.fori_loop(0, num_steps, lambda _, c: advance(c), concentrations)


@family(
    "scalar_array",
    "reduction",
    "multi_statement",
    frequency="n in 0.2..3",
    omega0="in 0.8..1.5",
    damping="in 0.1..0.6",
    force="? n in 0.5..2",
    mass="? n in 0.5..2",
    output={"amplitude": 3, "phase": 2, "power": 2, "both": 2, "decibel": 1},
    law={"viscous": 3, "structural": 1},
    excitation={"force": 3, "imbalance": 1, "base": 1},
    averaged={None: 3, "mean": 1, "weighted": 1},
)
def oscillator_response(
    frequency,
    omega0,
    damping,
    force=None,
    mass=None,
    *,
    output="amplitude",
    law="viscous",
    excitation="force",
    averaged=None,
):
    """Steady response of a damped oscillator that is driven.

    Args:
        frequency: Angular frequencies of the drive.
        omega0: Angular frequency of the free oscillator.
        damping: Damping ratio.
        force: Amplitudes of the drive.
        mass: Masses that are moved.
    """
    ratio = frequency / omega0
    if law == "structural":
        loss = 2.0 * damping
    else:
        loss = 2.0 * damping * ratio
    reactance = 1.0 - ratio**2
    response = jax.lax.rsqrt(reactance**2 + loss**2)
    if excitation == "imbalance":
        response = ratio**2 * response
    elif excitation == "base":
        response = jnp.sqrt(1.0 + loss**2) * response
    else:
        response = response / omega0**2
    if force is not None:
        response = force * response
    if mass is not None:
        response = response / mass
    phase = jnp.arctan2(loss, reactance)
    if output == "phase":
        response = response * jnp.cos(phase)
    elif output == "power":
        response = damping * omega0 * (frequency * response) ** 2
    elif output == "decibel":
        response = 20.0 * jnp.log10(response)
    if averaged == "mean":
        response = jnp.mean(response)
    elif averaged == "weighted":
        response = jnp.sum(response / frequency) / jnp.sum(1.0 / frequency)
    if output == "both":
        return response, phase
    return response


@family(
    "scalar_array",
    "multi_statement",
    volume="n in 0.8..3",
    temperature="n in 0.8..1.6",
    a="in 0.3..1",
    b="in 0.1..0.3",
    moles="? n in 0.5..1",
    law={"van_der_waals": 3, "redlich_kwong": 2, "dieterici": 1, "virial": 2, "peng_robinson": 2},
    output={"pressure": 3, "compressibility": 2, "energy": 1, "fugacity": 1},
)
def gas_state(volume, temperature, a, b, moles=None, *, law="van_der_waals", output="pressure"):
    """Pressure of a real gas, with the gas constant as one.

    Args:
        volume: Volumes of the gas.
        temperature: Its temperatures.
        a: How its molecules attract each other.
        b: The volume that they take.
        moles: Amounts of the gas.
    """
    if moles is not None:
        volume = volume / moles
    if law == "van_der_waals":
        pressure = temperature / (volume - b) - a / volume**2
    elif law == "redlich_kwong":
        pressure = temperature / (volume - b) - a / (jnp.sqrt(temperature) * volume * (volume + b))
    elif law == "dieterici":
        pressure = temperature / (volume - b) * jnp.exp(-a / (temperature * volume))
    elif law == "peng_robinson":
        alpha = (1.0 + 0.4 * (1.0 - jnp.sqrt(temperature))) ** 2
        attraction = volume**2 + 2.0 * b * volume - b**2
        pressure = temperature / (volume - b) - a * alpha / attraction
    else:
        second = b - a / temperature
        pressure = temperature / volume * (1.0 + second / volume + (b / volume) ** 2)
    if output == "compressibility":
        return pressure * volume / temperature
    elif output == "energy":
        return pressure, 1.5 * temperature - a / volume
    elif output == "fugacity":
        departure = pressure * volume / temperature - 1.0
        return pressure * jnp.exp(departure)
    else:
        return pressure
