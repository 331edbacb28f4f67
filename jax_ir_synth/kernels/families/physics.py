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
lennard_jones: lennard_jones 5, lj_potential 3, lennard_jones_energy 3
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
coulomb_energy: coulomb_energy 4, electrostatic_energy 4
bond_tension: bond_tension 3, tension 2, spring_force 4, pair_force 2
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
spin_energy: spin_energy 4, lattice_energy 4, hamiltonian 3
spins: spins 5, spin 1, s 3
emission: emission 3, radiance 4, flux 2, b 1
cos_t: cos_t 5, cos_theta_t 4, ct 1
cos_i: cos_i 5, cos_theta_i 4, ci 1
pipe_flow: pressure_drop 4, pipe_pressure_drop 4, pressure_loss 2
friction_factor: friction_factor 5, darcy_friction_factor 4, friction 2
reynolds: reynolds 5, re 4, reynolds_number 2
reaction_rates: reaction_rates 4, mass_action 3, production_rates 3, net_rates 2
react: react 2, integrate_reactions 4, batch_reactor 3, simulate_kinetics 3
concentrations: concentrations 4, conc 5, c 3
lennard_jones_force: lennard_jones_force 5, lj_force 4
bond_force: bond_force 5, bonded_force 2, restoring_force 1
gravity_potential: gravity_potential 3, gravitational_potential 5
electric_potential: electric_potential 4, electrostatic_potential 4
electric_field: electric_field 5, coulomb_field 3
chain_acceleration: chain_acceleration 4, accelerations 3, lattice_accelerations 2
spectral_radiance: spectral_radiance 5, thermal_radiance 2
lorentz_boost: lorentz_boost 5, boost 4, boost_events 1
doppler_shift: doppler_shift 5, relativistic_doppler 4
frequency: frequency 5, freq 3
fresnel_reflectance: fresnel_reflectance 5, reflectance 3, fresnel 3
slab_transmittance: slab_transmittance 4, transmittance 4
amplitude_response: amplitude_response 4, frequency_response 2, steady_amplitude 2
phase_lag: phase_lag 5, phase_response 3
gas_pressure: gas_pressure 4, equation_of_state 3, real_gas_pressure 3
compressibility_factor: compressibility_factor 5, compressibility 3
michaelis_menten: michaelis_menten 5, enzyme_rate 3, reaction_rate 2
sph_pressure: sph_pressure 4, particle_pressure 3
sph_interpolate: sph_interpolate 4, smooth_field 2, sph_average 2
band_radiance: band_radiance 4, integrated_radiance 3
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
    form={"12-6": 5, "9-6": 2, "soft": 2},
    cutoff={None: 4, "shift": 2, "force_shift": 1, "cubic": 1, "cosine": 1, "quintic": 1, "wca": 1},
    total={False: 2, True: 2},
    only="float32",
)
def lennard_jones(r, epsilon, sigma, mask=None, *, form="12-6", cutoff=None, total=False):
    """Lennard-Jones energy of pairs of atoms.

    Args:
        r: Distances of the pairs.
        epsilon: Depth of the well.
        sigma: Distance at which the energy is zero.
        mask: Which pairs count.
        form: The exponents, or the soft-core form.
        cutoff: How the energy ends at a distance of about 2.5.
        total: Whether the energies of all pairs are added up.
    """
    energy = pair_energy(r, epsilon, sigma, form=form)
    if cutoff == "wca":
        # Only the repulsive part: Weeks, Chandler and Andersen's potential.
        energy = jnp.where(r < 2.0 ** (1.0 / 6.0) * sigma, energy + epsilon, 0.0)
    elif cutoff == "shift":
        energy = energy - pair_energy(2.5, epsilon, sigma, form=form)
        energy = jnp.where(r < 2.5, energy, 0.0)
    elif cutoff == "force_shift":
        at_cutoff, slope = jax.jvp(
            lambda d: pair_energy(d, epsilon, sigma, form=form),
            (jnp.full_like(r, 2.5),),
            (jnp.ones_like(r),),
        )
        energy = energy - at_cutoff - slope * (r - 2.5)
        energy = jnp.where(r < 2.5, energy, 0.0)
    elif cutoff is not None:
        energy = energy * smooth_cutoff(r, shape=cutoff)
    if mask is not None:
        energy = jnp.where(mask, energy, 0.0)
    if total:
        return jnp.sum(energy, axis=-1)
    return energy


@family(
    "vector",
    "contraction",
    "scalar_array",
    "branch",
    "nested_branch",
    "multi_statement",
    "reduction",
    displacement="n c in -1.5..1.5",
    epsilon="in 0.5..1.5",
    sigma="in 0.8..1.1",
    mask="? n bool",
    form={"12-6": 4, "9-6": 2, "soft": 1},
    cutoff={None: 2, 2.5: 1, 2.0: 1},
    box={None: 2, 4.0: 1, 3.5: 1},
    cap={True: 2, False: 1},
    sizes={"c": (2, 3, 3), "n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def lennard_jones_force(
    displacement, epsilon, sigma, mask=None, *, form="12-6", cutoff=None, box=None, cap=True
):
    """Lennard-Jones force on the first atom of each pair.

    Args:
        displacement: From the second atom of each pair to the first one.
        epsilon: Depth of the well.
        sigma: Distance at which the energy is zero.
        mask: Which pairs count.
        form: The exponents, or the soft-core form.
        cutoff: Distance beyond which there is no force.
        box: Length of a periodic box.
        cap: Whether distances are bounded from below rather than softened.
    """
    if box is not None:
        # The nearest image.
        displacement = displacement - box * jnp.round(displacement / box)
    r2 = jnp.sum(displacement**2, axis=-1)
    if cap:
        r2 = jnp.maximum(r2, 0.8 * sigma**2)
    else:
        r2 = r2 + 0.5
    if form == "9-6":
        s3 = (sigma**2 / r2) ** 1.5
        strength = 6.75 * epsilon * (9.0 * s3**3 - 6.0 * s3**2) / r2
    elif form == "soft":
        u = r2**3 / sigma**6
        s6 = 1.0 / (0.5 + u)
        strength = 24.0 * epsilon * (2.0 * s6 - 1.0) * s6**2 * u / r2
    else:
        s6 = (sigma**2 / r2) ** 3
        strength = 24.0 * epsilon * (2.0 * s6**2 - s6) / r2
    if cutoff is not None:
        strength = jnp.where(r2 < cutoff**2, strength, 0.0)
    if mask is not None:
        strength = jnp.where(mask, strength, 0.0)
    return strength[:, None] * displacement


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
    charges="? n in -1..1",
    mixing={"arithmetic": 3, "geometric": 2, "sixth": 1},
    repulsion={"lj": 3, "buckingham": 2, "halgren": 1},
    electrostatics={"plain": 2, "ewald": 2, "reaction_field": 2, "yukawa": 1},
    cutoff={None: 3, 2.0: 1, 2.2: 1},
    total={False: 3, True: 2},
    only="float32",
)
def mixed_pair_energy(
    r,
    epsilon_i,
    epsilon_j,
    sigma_i,
    sigma_j,
    charges=None,
    *,
    mixing="arithmetic",
    repulsion="lj",
    electrostatics="plain",
    cutoff=None,
    total=False,
):
    """Nonbonded energies of pairs of atoms, with combined parameters.

    Args:
        r: Distances of the pairs.
        epsilon_i: Well depths of the first atoms.
        epsilon_j: Well depths of the second atoms.
        sigma_i: Sizes of the first atoms.
        sigma_j: Sizes of the second atoms.
        charges: Products of the two charges.
        mixing: How two sizes are combined; "arithmetic" is Lorentz and Berthelot's rule.
        repulsion: The form of the van der Waals energy.
        electrostatics: The form of the Coulomb energy.
        cutoff: Distance beyond which there is no energy.
        total: Whether the energies are added up.
    """
    epsilon = mix(epsilon_i, epsilon_j, rule="geometric")
    sigma = mix(sigma_i, sigma_j, rule=mixing)
    if repulsion == "lj":
        s6 = (sigma / r) ** 6
        energy = 4.0 * epsilon * (s6**2 - s6)
    elif repulsion == "halgren":
        rho = r / sigma
        energy = epsilon * (1.07 / (rho + 0.07)) ** 7 * (1.12 / (rho**7 + 0.12) - 2.0)
    else:
        # Buckingham's exp-6 potential.
        energy = epsilon * (6.0 * jnp.exp(12.0 * (1.0 - r / sigma)) - 2.0 * (sigma / r) ** 6)
    if charges is not None:
        if electrostatics == "ewald":
            energy = energy + charges * jax.lax.erfc(0.8 * r) / r
        elif electrostatics == "reaction_field":
            energy = energy + charges * (1.0 / r + 0.04 * r**2 - 0.6)
        elif electrostatics == "yukawa":
            energy = energy + charges * jnp.exp(-0.7 * r) / r
        else:
            energy = energy + charges / r
    if cutoff is not None:
        energy = jnp.where(r < cutoff, energy, 0.0)
    if total:
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
    reduction={None: 3, "sum": 3, "mean": 1},
)
def bond_energy(r, k, r0, weights=None, *, form="harmonic", reduction=None):
    """Energy of bonds by their lengths.

    Args:
        r: Lengths of the bonds.
        k: Their stiffness.
        r0: Their lengths at rest.
        weights: How much each of them counts.
        form: The potential; "flat" is harmonic with a flat bottom.
        reduction: How the energies are reduced.
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
    return energy


@family(
    "vector",
    "contraction",
    "multi_statement",
    "reduction",
    start="n c",
    end="n c",
    k="n in 0.5..2",
    r0="? n in 0.9..1.2",
    form={"harmonic": 3, "morse": 2, "quartic": 1, "marko_siggia": 1},
    box={None: 2, 4.0: 1},
    damping={None: 2, 0.1: 1},
    sizes={"c": (2, 3, 3), "n": (4, 5, 6, 8)},
)
def bond_force(start, end, k, r0=None, *, form="harmonic", box=None, damping=None):
    """Forces of bonds on the atoms at their starts.

    Args:
        start: Positions of the atoms where the bonds start.
        end: Positions of those where they end.
        k: Stiffness of the bonds.
        r0: Their lengths at rest; one by default.
        form: The potential.
        box: Length of a periodic box.
        damping: A small length that keeps the direction defined.
    """
    if r0 is None:
        r0 = 1.0
    displacement = end - start
    if box is not None:
        # The nearest image.
        displacement = displacement - box * jnp.round(displacement / box)
    if damping is not None:
        r = jnp.sqrt(jnp.sum(displacement**2, axis=-1) + damping**2)
    else:
        r = jnp.linalg.norm(displacement, axis=-1)
    x = r - r0
    if form == "harmonic":
        tension = k * x
    elif form == "morse":
        decay = jnp.exp(-1.5 * x)
        tension = 3.0 * k * (1.0 - decay) * decay
    elif form == "quartic":
        tension = k * x * (1.0 + 0.9 * x + 0.8 * x**2)
    else:
        # The worm-like chain.
        share = r / (r0 + 6.0)
        tension = k * (0.25 / (1.0 - share) ** 2 - 0.25 + share)
    return (tension / r)[:, None] * displacement


@family(
    "branch",
    "vector",
    "multi_statement",
    "contraction",
    positions="n c",
    masses="n in 0.3..1.5",
    active="? n bool",
    softening={0.1: 1, 0.2: 2, 0.3: 1, 0.5: 1},
    law={"newton": 4, "newton_rsqrt": 2, "isothermal": 1, "yukawa": 1},
    background={None: 3, "harmonic": 1, "logarithmic": 1},
    box={None: 3, 4.0: 1},
    contract={"sum": 2, "einsum": 1},
    sizes={"c": (2, 2, 3, 3), "n": (4, 5, 6, 8, 10, 12)},
)
def gravity_field(
    positions,
    masses,
    active=None,
    *,
    softening=0.2,
    law="newton",
    background=None,
    box=None,
    contract="sum",
):
    """Accelerations of bodies that attract each other.

    Args:
        positions: Positions of the bodies.
        masses: Their masses.
        active: Which of them attract the others.
        softening: Length that softens close encounters.
        law: The law of attraction.
        background: An external potential.
        box: Length of a periodic box.
    """
    if active is not None:
        masses = jnp.where(active, masses, 0.0)
    displacement = positions[None, :, :] - positions[:, None, :]
    if box is not None:
        # The nearest image of each body.
        displacement = displacement - box * jnp.round(displacement / box)
    r2 = jnp.sum(jnp.square(displacement), axis=-1) + softening**2
    if law == "isothermal":
        strength = masses / r2
    elif law == "yukawa":
        r = jnp.sqrt(r2)
        strength = masses * jnp.exp(-r) * (1.0 + r) / (r * r2)
    elif law == "newton_rsqrt":
        inv_r = lax.rsqrt(r2)
        strength = masses * inv_r * inv_r * inv_r
    else:
        strength = masses * r2**-1.5
    if contract == "einsum":
        acceleration = jnp.einsum("ij,ijc->ic", strength, displacement)
    else:
        acceleration = jnp.sum(strength[..., None] * displacement, axis=1)
    if background == "harmonic":
        acceleration = acceleration - 0.25 * positions
    elif background == "logarithmic":
        radius2 = jnp.sum(jnp.square(positions), axis=-1, keepdims=True)
        acceleration = acceleration - positions / (radius2 + 1.0)
    return acceleration


@family(
    "branch",
    "vector",
    "multi_statement",
    "contraction",
    "reduction",
    positions="n c",
    masses="n in 0.3..1.5",
    points="? m c",
    softening={0.1: 1, 0.2: 2, 0.3: 1},
    law={"plummer": 3, "yukawa": 1, "logarithmic": 1},
    box={None: 2, 4.0: 1},
    sizes={"c": (2, 3, 3), "n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
)
def gravity_potential(positions, masses, points=None, *, softening=0.2, law="plummer", box=None):
    """Gravitational potential of bodies, at points or at the bodies themselves.

    Args:
        positions: Positions of the bodies.
        masses: Their masses.
        points: Where the potential is wanted.
        softening: Length that softens the potential.
        law: The law of attraction; "logarithmic" is that of the plane.
        box: Length of a periodic box.
    """
    if points is not None:
        displacement = points[:, None, :] - positions[None, :, :]
    else:
        displacement = positions[:, None, :] - positions[None, :, :]
    if box is not None:
        # The nearest image of each body.
        displacement = displacement - box * jnp.round(displacement / box)
    r2 = jnp.sum(displacement**2, axis=-1) + softening**2
    if law == "yukawa":
        r = jnp.sqrt(r2)
        pairs = -jnp.exp(-r) / r
    elif law == "logarithmic":
        pairs = 0.5 * jnp.log(r2)
    else:
        pairs = -lax.rsqrt(r2)
    if points is None:
        # A body doesn't attract itself.
        pairs = pairs * (1.0 - jnp.eye(positions.shape[0]))
    return pairs @ masses


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
    record={None: 3, "positions": 3, "kinetic": 1},
    softening=(0.3, 0.2, 0.4),
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
    record=None,
    softening=0.3,
    num_steps=5,
    loop="scan",
):
    """Simulates bodies under their own gravity.

    Args:
        x: Positions of the bodies.
        v: Their velocities.
        masses: Their masses.
        dt: The time step.
        method: The integrator.
        record: What is recorded after each step.
        softening: Length that softens close encounters.
        num_steps: Number of steps.

    Returns:
        The last positions and velocities, and the history if one is recorded.
    """

    def advance(x, v):
        if method == "leapfrog":
            v = v + 0.5 * dt * gravity(x, masses, softening=softening)
            x = x + dt * v
            v = v + 0.5 * dt * gravity(x, masses, softening=softening)
        elif method == "symplectic":
            v = v + dt * gravity(x, masses, softening=softening)
            x = x + dt * v
        elif method == "verlet":
            a = gravity(x, masses, softening=softening)
            x = x + dt * v + 0.5 * dt**2 * a
            v = v + 0.5 * dt * (a + gravity(x, masses, softening=softening))
        elif method == "drift":
            x = x + 0.5 * dt * v
            v = v + dt * gravity(x, masses, softening=softening)
            x = x + 0.5 * dt * v
        else:
            x, v = x + dt * v, v + dt * gravity(x, masses, softening=softening)
        return x, v

    if record is None and loop == "fori":
        x, v = lax.fori_loop(0, num_steps, lambda _, state: advance(*state), (x, v))
        return x, v

    def step(state, _):
        x, v = advance(*state)
        if record == "positions":
            return (x, v), x
        elif record == "kinetic":
            return (x, v), kinetic_energy(v, masses)
        else:
            return (x, v), None

    if record is None:
        (x, v), _ = lax.scan(step, (x, v), None, length=num_steps)
        return x, v
    (x, v), history = lax.scan(step, (x, v), None, length=num_steps)
    return (x, v), history


def coulomb_pairs(r, screening=None):
    if screening == "debye":
        return jnp.exp(-0.8 * r) / r
    if screening == "ewald":
        return lax.erfc(0.6 * r) / r
    if screening == "reaction_field":
        return 1.0 / r + 0.03 * r**2 - 0.4
    return 1.0 / r


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
    per_particle={False: 2, True: 1},
    sizes={"c": (2, 2, 3, 3), "n": (4, 5, 6, 8, 10)},
    only="float32",
)
def coulomb_energy(
    positions, charges, radii=None, field=None, *, screening=None, cutoff=None, per_particle=False
):
    """Electrostatic energy of point charges, softened where they are close to each other.

    Args:
        positions: Positions of the charges.
        charges: Their sizes.
        radii: How far each of them is spread out.
        field: An external electric field.
        screening: How the interaction is screened.
        cutoff: The switching function that ends it.
        per_particle: Whether each particle's share is wanted rather than the sum.
    """
    displacement = positions[:, None, :] - positions[None, :, :]
    r2 = jnp.sum(displacement**2, axis=-1)
    if radii is not None:
        r = jnp.sqrt(r2 + radii[:, None] * radii[None, :])
    else:
        r = jnp.sqrt(r2 + 0.1)
    pairs = coulomb_pairs(r, screening=screening)
    if cutoff is not None:
        pairs = pairs * smooth_cutoff(r, shape=cutoff)
    # A charge doesn't act on itself.
    pairs = pairs * (1.0 - jnp.eye(positions.shape[0]))
    energy = 0.5 * charges * (pairs @ charges)
    if field is not None:
        energy = energy - charges * (positions @ field)
    if per_particle:
        return energy
    return jnp.sum(energy)


@family(
    "reduction",
    "vector",
    "contraction",
    points="m c",
    positions="n c",
    charges="n in -1..1",
    field="? c",
    dipoles="? n c in -0.5..0.5",
    screening={None: 3, "debye": 2, "ewald": 2},
    softening={0.3: 2, 0.4: 1},
    box={None: 2, 4.0: 1},
    sizes={"c": (2, 3, 3), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def electric_potential(
    points, positions, charges, field=None, dipoles=None, *, screening=None, softening=0.3, box=None
):
    """Electric potential of point charges.

    Args:
        points: Where the potential is wanted.
        positions: Positions of the charges.
        charges: Their sizes.
        field: An external electric field.
        dipoles: Dipole moments at the positions.
        screening: How the charges are screened.
        softening: Length that keeps the potential finite.
        box: Length of a periodic box.
    """
    displacement = points[:, None, :] - positions[None, :, :]
    if box is not None:
        displacement = displacement - box * jnp.round(displacement / box)
    r = jnp.sqrt(jnp.sum(displacement**2, axis=-1) + softening**2)
    potential = coulomb_pairs(r, screening=screening) @ charges
    if dipoles is not None:
        along = jnp.einsum("pnc,nc->pn", displacement, dipoles)
        potential = potential + jnp.sum(along / r**3, axis=1)
    if field is not None:
        potential = potential - points @ field
    return potential


@family(
    "vector",
    "contraction",
    "reduction",
    positions="n c",
    charges="n in -1..1",
    points="? m c",
    field="? c",
    screened={False: 2, True: 1},
    softening={0.3: 2, 0.4: 1},
    box={None: 2, 4.0: 1},
    contract={"sum": 2, "einsum": 1},
    sizes={"c": (2, 3, 3), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def electric_field(
    positions,
    charges,
    points=None,
    field=None,
    *,
    screened=False,
    softening=0.3,
    box=None,
    contract="sum",
):
    """Electric field of point charges, at points or at the charges themselves.

    Args:
        positions: Positions of the charges.
        charges: Their sizes.
        points: Where the field is wanted.
        field: An external electric field.
        screened: Whether the charges are screened as in an electrolyte.
        softening: Length that keeps the field finite.
        box: Length of a periodic box.
    """
    if points is not None:
        displacement = points[:, None, :] - positions[None, :, :]
    else:
        displacement = positions[:, None, :] - positions[None, :, :]
    if box is not None:
        # The nearest image of each charge.
        displacement = displacement - box * jnp.round(displacement / box)
    r2 = jnp.sum(displacement**2, axis=-1) + softening**2
    if screened:
        r = jnp.sqrt(r2)
        strength = charges * jnp.exp(-0.8 * r) * (1.0 + 0.8 * r) / (r * r2)
    else:
        strength = charges * r2**-1.5
    if contract == "einsum":
        total = jnp.einsum("ij,ijc->ic", strength, displacement)
    else:
        total = jnp.sum(strength[..., None] * displacement, axis=1)
    if field is not None:
        total = total + field
    return total


@family(
    "unary",
    "elementwise",
    "multi_statement",
    u="n",
    v="? n",
    masses="n in 0.5..2",
    law={"harmonic": 3, "alpha": 2, "beta": 2, "toda": 2, "morse": 1},
    ends=("fixed", "periodic", "free"),
    site={None: 3, "harmonic": 1, "phi4": 1, "sine": 2},
    damping={"linear": 2, "quadratic": 1},
)
def chain_acceleration(
    u, masses, v=None, *, law="harmonic", ends="fixed", site=None, damping="linear"
):
    """Accelerations in a chain of atoms, each bound to its neighbours.

    Args:
        u: Displacements of the atoms.
        masses: Their masses.
        v: Their velocities, for friction.
        law: The law of the bonds; "alpha" and "beta" are those of Fermi, Pasta, Ulam and Tsingou.
        ends: What holds the ends of the chain.
        site: The potential at each site; "sine" makes it a Frenkel-Kontorova chain.
        damping: The kind of friction.
    """
    force = neighbour_forces(u, law=law, ends=ends)
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
    return force / masses


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
    return 0.8 * stretch


def neighbour_forces(u, law="harmonic", ends="fixed"):
    if ends == "periodic":
        tension = bond_tension(jnp.roll(u, -1) - u, law=law)
        return tension - jnp.roll(tension, 1)
    if ends == "fixed":
        return jnp.diff(bond_tension(jnp.diff(jnp.pad(u, 1)), law=law))
    return jnp.diff(jnp.pad(bond_tension(jnp.diff(u), law=law), 1))


@family(
    "loop",
    u="n",
    v="n in -1..1",
    dt="in 0.02..0.1",
    drive="? n in -1..1",
    law={"harmonic": 2, "alpha": 2, "beta": 2, "toda": 1},
    ends=("fixed", "periodic", "free"),
    site={None: 3, "sine": 1, "phi4": 1},
    friction={None: 2, 0.1: 1, 0.2: 1},
    method={"verlet": 3, "symplectic": 2, "drift": 1},
    record={False: 2, True: 3},
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
    friction=None,
    method="verlet",
    record=False,
    num_steps=6,
):
    """Simulates a chain of coupled atoms.

    Args:
        u: Displacements of the atoms.
        v: Their velocities.
        dt: The time step.
        drive: A constant force on each atom.
        law: The law of the bonds.
        ends: What holds the ends of the chain.
        site: The potential at each site.
        friction: The coefficient of friction.
        method: The integrator.
        record: Whether all displacements on the way are wanted.
        num_steps: Number of steps.

    Returns:
        The last displacements and velocities, and those on the way if they are recorded.
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
        if friction is not None:
            v = v * jnp.exp(-friction * dt)
        if record:
            return (u, v), u
        return (u, v), None

    if record:
        (u, v), history = lax.scan(step, (u, v), None, length=num_steps)
        return (u, v), history
    (u, v), _ = lax.scan(step, (u, v), None, length=num_steps)
    return u, v


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
    steps={1: 3, 4: 1, 6: 1, 8: 1},
    dt=(0.05, 0.02),
)
def pendulum_step(
    theta,
    omega,
    length,
    drive=None,
    *,
    damping="none",
    method="symplectic",
    wrap=False,
    steps=1,
    dt=0.05,
):
    """Advances pendulums in time.

    Args:
        theta: Their angles from the vertical, in radians.
        omega: Their angular velocities.
        length: Their lengths in metres.
        drive: An external angular acceleration.
        damping: The kind of friction.
        method: The integrator.
        wrap: Whether angles are brought between -pi and pi.
        steps: Number of time steps.
        dt: The time step in seconds.

    Returns:
        The new angles and angular velocities.
    """

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
    if wrap:
        theta = jnp.arctan2(jnp.sin(theta), jnp.cos(theta))
    return theta, omega


@family(
    "vector",
    "loop",
    position="n c",
    velocity="n c in 1..6",
    dt="in 0.02..0.08",
    wind="? c in -1..1",
    drag={"linear": 2, "quadratic": 3},
    coefficient=(0.05, 0.1, 0.02),
    method={"euler": 1, "symplectic": 2, "midpoint": 2},
    record={False: 1, True: 2},
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
    coefficient=0.05,
    method="symplectic",
    record=True,
    num_steps=8,
):
    """Flight of projectiles through air; the last axis of their positions points up.

    Args:
        position: Where they start.
        velocity: Their velocities at the start.
        dt: The time step.
        wind: Velocity of the air.
        drag: The law of drag.
        coefficient: The coefficient of drag, by mass.
        method: The integrator.
        record: Whether the whole paths are wanted.
        num_steps: Number of steps.

    Returns:
        The paths, or the last positions and velocities.
    """

    def acceleration(velocity):
        if wind is not None:
            relative = velocity - wind
        else:
            relative = velocity
        if drag == "linear":
            a = -coefficient * relative
        else:
            speed = jnp.linalg.norm(relative, axis=-1, keepdims=True)
            a = -coefficient * speed * relative
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
        if record:
            return (position, velocity), position
        return (position, velocity), None

    if record:
        _, history = lax.scan(step, (position, velocity), None, length=num_steps)
        return history
    (position, velocity), _ = lax.scan(step, (position, velocity), None, length=num_steps)
    return position, velocity


def pair_distances(x, y):
    displacement = x[:, None, :] - y[None, :, :]
    return jnp.sqrt(jnp.sum(displacement**2, axis=-1) + 1e-4)


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
    "contraction",
    positions="n 2",
    masses="n in 0.5..1.5",
    boundary="? m 2",
    points="? m 2",
    kind=("cubic", "gaussian", "poly6", "wendland"),
    h=(1.2, 1.0, 1.5),
    sizes={"n": (4, 5, 6, 8, 10, 12), "m": (3, 4, 5, 6)},
)
def sph_density(positions, masses, boundary=None, points=None, *, kind="cubic", h=1.2):
    """Density of a fluid by smoothed particle hydrodynamics.

    Args:
        positions: Positions of the particles in the plane.
        masses: Their masses.
        boundary: Positions of the walls' particles, which have the mass one.
        points: Where the density is wanted; at the particles by default.
        kind: The smoothing kernel.
        h: The smoothing length.
    """
    if points is not None:
        places = points
    else:
        places = positions
    density = sph_kernel(pair_distances(places, positions), h=h, kind=kind) @ masses
    if boundary is not None:
        walls = sph_kernel(pair_distances(places, boundary), h=h, kind=kind)
        density = density + jnp.sum(walls, axis=1)
    return density


@family(
    "reduction",
    "multi_statement",
    "contraction",
    positions="n 2",
    masses="n in 0.5..1.5",
    energies="? n in 0.5..2",
    state={"tait": 3, "linear": 2, "polytrope": 1},
    kind=("cubic", "gaussian", "poly6", "wendland"),
    h=(1.2, 1.0, 1.5),
    clamp={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def sph_pressure(
    positions, masses, energies=None, *, state="tait", kind="cubic", h=1.2, clamp=False
):
    """Pressure at the particles of a fluid by smoothed particle hydrodynamics.

    Args:
        positions: Positions of the particles in the plane.
        masses: Their masses.
        energies: Their specific internal energies, which make the fluid an ideal gas.
        state: The equation of state.
        kind: The smoothing kernel.
        h: The smoothing length.
        clamp: Whether there is no pressure below zero.
    """
    weights = sph_kernel(pair_distances(positions, positions), h=h, kind=kind)
    density = weights @ masses
    if energies is not None:
        return (5.0 / 3.0 - 1.0) * density * energies
    if state == "linear":
        pressure = 2.0 * (density - 0.5)
    elif state == "tait":
        # Of a weakly compressible liquid.
        pressure = 0.5 * ((density / 0.5) ** 3 - 1.0)
    else:
        pressure = density ** (5.0 / 3.0)
    if clamp:
        pressure = jnp.maximum(pressure, 0.0)
    return pressure


@family(
    "reduction",
    "multi_statement",
    "contraction",
    positions="n 2",
    masses="n in 0.5..1.5",
    values="n",
    points="? m 2",
    densities="? n in 0.5..1.5",
    kind=("cubic", "gaussian", "poly6", "wendland"),
    h=(1.2, 1.0, 1.5),
    shepard={False: 1, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "m": (3, 4, 5, 6)},
)
def sph_interpolate(
    positions, masses, values, points=None, densities=None, *, kind="cubic", h=1.2, shepard=True
):
    """Interpolates a quantity between the particles of a fluid.

    Args:
        positions: Positions of the particles in the plane.
        masses: Their masses.
        values: The quantity at each particle.
        points: Where it is wanted; at the particles by default.
        densities: Densities at the particles.
        kind: The smoothing kernel.
        h: The smoothing length.
        shepard: Whether the weights are normalised, as by Shepard.
    """
    if densities is None:
        densities = sph_kernel(pair_distances(positions, positions), h=h, kind=kind) @ masses
    volumes = masses / densities
    if points is not None:
        weights = sph_kernel(pair_distances(points, positions), h=h, kind=kind)
    else:
        weights = sph_kernel(pair_distances(positions, positions), h=h, kind=kind)
    total = weights @ (volumes * values)
    if shepard:
        total = total / (weights @ volumes + 1e-3)
    return total


@family(
    "unary",
    "elementwise",
    "reduction",
    spins="h m",
    field="? h m in -1..1",
    couplings="? h m in 0.5..1.5",
    model={"ising": 3, "xy": 2, "phi4": 2, "clock": 1},
    periodic=(True, False),
    diagonal={None: 2, 0.5: 1, -0.3: 1},
    reduction={"sum": 3, "mean": 1, "none": 2},
    sizes={"h": (3, 4, 5, 6), "m": (4, 5, 6, 8)},
)
def spin_energy(
    spins,
    field=None,
    couplings=None,
    *,
    model="ising",
    periodic=True,
    diagonal=None,
    reduction="sum",
):
    """Energy of spins on a square lattice.

    Args:
        spins: The spins, or the angles of the spins in the XY and clock models.
        field: An external field at each of them.
        couplings: How strongly each of them acts on its neighbours.
        model: The model.
        periodic: Whether the lattice is periodic.
        diagonal: Coupling of diagonal neighbours.
        reduction: How the sites' energies are reduced.
    """
    if periodic:
        right = jnp.roll(spins, -1, axis=1)
        down = jnp.roll(spins, -1, axis=0)
        corner = jnp.roll(spins, (-1, -1), axis=(0, 1))
    else:
        padded = jnp.pad(spins, ((0, 1), (0, 1)))
        right = padded[:-1, 1:]
        down = padded[1:, :-1]
        corner = padded[1:, 1:]
    if model == "xy" or model == "clock":
        bonds = jnp.cos(spins - right) + jnp.cos(spins - down)
        if diagonal is not None:
            bonds = bonds + diagonal * jnp.cos(spins - corner)
    else:
        neighbours = right + down
        if diagonal is not None:
            neighbours = neighbours + diagonal * corner
        bonds = spins * neighbours
    if couplings is not None:
        bonds = couplings * bonds
    energy = -bonds
    if model == "phi4":
        energy = energy + 2.0 * spins**2 + 0.25 * (spins**2 - 1.0) ** 2
    elif model == "clock":
        # A fourfold anisotropy.
        energy = energy - 0.5 * jnp.cos(4.0 * spins)
    if field is not None:
        if model == "xy" or model == "clock":
            energy = energy - field * jnp.cos(spins)
        else:
            energy = energy - field * spins
    if reduction == "none":
        return energy
    if reduction == "mean":
        return jnp.mean(energy)
    return jnp.sum(energy)


def radiance(wavelength, temperature, law="wavelength"):
    x = 1.0 / (wavelength * temperature)
    if law == "frequency":
        return 2.0 / (wavelength**3 * jnp.expm1(x))
    if law == "photons":
        return 2.0 / (wavelength**4 * jnp.expm1(x))
    if law == "wien":
        return 2.0 * jnp.exp(-x) / wavelength**5
    if law == "rayleigh_jeans":
        return 2.0 * temperature / wavelength**4
    return 2.0 / (wavelength**5 * jnp.expm1(x))


@family(
    "scalar_array",
    "multi_statement",
    wavelength="n in 0.3..3",
    temperature="in 0.6..1.5",
    emissivity="? n in 0.5..1",
    transmission="? n in 0.3..1",
    law={"wavelength": 3, "frequency": 2, "photons": 1, "wien": 2, "rayleigh_jeans": 1},
    dilution={None: 3, "greybody": 1, "screen": 1},
    redshift={None: 3, 0.5: 1, 1.0: 1},
    only="float32",
)
def spectral_radiance(
    wavelength,
    temperature,
    emissivity=None,
    transmission=None,
    *,
    law="wavelength",
    dilution=None,
    redshift=None,
):
    """Spectral radiance of a hot body, where the constants of Planck and Boltzmann are one.

    Args:
        wavelength: Where the spectrum is evaluated.
        temperature: Temperature of the source.
        emissivity: Share of a black body's radiation.
        transmission: What a filter lets through.
        law: Planck's law by wavelength, by frequency or in photons, or one of its limits.
        dilution: How dust changes the spectrum.
        redshift: Redshift of the source.
    """
    if redshift is not None:
        # Light of this wavelength was emitted at a shorter one.
        wavelength = wavelength / (1.0 + redshift)
    emission = radiance(wavelength, temperature, law=law)
    if dilution == "greybody":
        emission = emission * (1.0 - jnp.exp(-((0.8 / wavelength) ** 1.5)))
    elif dilution == "screen":
        emission = emission * jnp.exp(-0.4 / wavelength)
    if emissivity is not None:
        emission = emissivity * emission
    if transmission is not None:
        emission = transmission * emission
    return emission


@family(
    "vector",
    "reduction",
    "multi_statement",
    "contraction",
    temperature="n in 0.6..1.5",
    emissivity="? n in 0.5..1",
    background="? in 0.3..0.6",
    law={"wavelength": 3, "photons": 1, "wien": 1, "rayleigh_jeans": 1},
    rule={"trapezoid": 2, "midpoint": 2},
    band=((0.5, 2.0), (0.4, 1.2), (1.0, 3.0)),
    points=(8, 10, 12),
    mean={False: 3, True: 1},
    sizes={"n": (3, 4, 5, 6)},
    only="float32",
)
def band_radiance(
    temperature,
    emissivity=None,
    background=None,
    *,
    law="wavelength",
    rule="trapezoid",
    band=(0.5, 2.0),
    points=8,
    mean=False,
):
    """Radiance of hot bodies in a band, where the constants of Planck and Boltzmann are one.

    Args:
        temperature: Temperatures of the bodies.
        emissivity: Share of a black body's radiation.
        background: Temperature of the surroundings, whose radiation is taken away.
        law: Planck's law by wavelength or in photons, or one of its limits.
        rule: The quadrature rule.
        band: The shortest and the longest wavelength.
        points: Number of points of the quadrature.
        mean: Whether the mean in the band is wanted rather than the integral.
    """
    start, stop = band
    if rule == "midpoint":
        width = (stop - start) / points
        wavelength = start + width * (jnp.arange(points) + 0.5)
    else:
        wavelength = jnp.linspace(start, stop, points)
    spectrum = radiance(wavelength, temperature[:, None], law=law)
    if background is not None:
        spectrum = spectrum - radiance(wavelength, background, law=law)
    if rule == "midpoint":
        total = width * jnp.sum(spectrum, axis=1)
    else:
        width = wavelength[1] - wavelength[0]
        inner = jnp.sum(spectrum[:, 1:-1], axis=1)
        total = width * (inner + 0.5 * (spectrum[:, 0] + spectrum[:, -1]))
    if mean:
        total = total / (stop - start)
    if emissivity is not None:
        total = emissivity * total
    return total


@family(
    "elementwise",
    "multi_statement",
    frequency="n in 0.5..2",
    v="n in 0.1..0.8",
    angle="? n in 0.1..1.5",
    potential="? n in 0.01..0.2",
    observer="? n in 0.05..0.4",
    receding={True: 2, False: 1},
    form={"gamma": 2, "root": 2, "rapidity": 1},
)
def doppler_shift(
    frequency, v, angle=None, potential=None, observer=None, *, receding=True, form="root"
):
    """Observed frequency of light from moving sources, where the speed of light is one.

    Args:
        frequency: Frequencies at the sources.
        v: Speeds of the sources.
        angle: Angles between their motion and the line of sight; zero by default.
        potential: Depth of the gravitational potential at each source.
        observer: Speed at which the observer comes nearer.
        receding: Whether the sources recede.
    """
    if not receding:
        v = -v
    if angle is not None:
        # The transverse effect is that of time dilation.
        gamma = lax.rsqrt(1.0 - v**2)
        factor = 1.0 / (gamma * (1.0 + v * jnp.cos(angle)))
    elif form == "gamma":
        gamma = lax.rsqrt(1.0 - v**2)
        factor = 1.0 / (gamma * (1.0 + v))
    elif form == "rapidity":
        factor = jnp.exp(-jnp.arctanh(v))
    else:
        factor = jnp.sqrt((1.0 - v) / (1.0 + v))
    if observer is not None:
        factor = factor * jnp.sqrt((1.0 + observer) / (1.0 - observer))
    if potential is not None:
        # The gravitational redshift.
        factor = factor * jnp.sqrt(1.0 - 2.0 * potential)
    return factor * frequency


@family(
    "elementwise",
    "multi_statement",
    t="n",
    x="n",
    v="n in -0.8..0.8",
    y="? n",
    origin="? n",
    inverse={False: 2, True: 1},
    form={"gamma": 3, "rapidity": 2, "light_cone": 1},
)
def lorentz_boost(t, x, v, y=None, origin=None, *, inverse=False, form="gamma"):
    """Coordinates of events in frames that move along the x-axis, where the speed of light is one.

    Args:
        t: Times of the events.
        x: Their places along the axis.
        v: Velocities of the frames.
        y: Their places across the axis, which stay the same.
        origin: Where each frame's origin is at the time zero.
        inverse: Whether events are transformed back.

    Returns:
        The new times and places.
    """
    if origin is not None:
        x = x - origin
    if inverse:
        v = -v
    if form == "rapidity":
        rapidity = jnp.arctanh(v)
        cosh = jnp.cosh(rapidity)
        sinh = jnp.sinh(rapidity)
        t, x = cosh * t - sinh * x, cosh * x - sinh * t
    elif form == "light_cone":
        # The Doppler factor stretches one of the light cone's coordinates.
        factor = jnp.sqrt((1.0 + v) / (1.0 - v))
        plus = (t + x) / factor
        minus = (t - x) * factor
        t, x = 0.5 * (plus + minus), 0.5 * (plus - minus)
    else:
        gamma = lax.rsqrt(1.0 - v**2)
        t, x = gamma * (t - v * x), gamma * (x - v * t)
    if y is not None:
        return t, x, y
    return t, x


def fresnel_power(angle, n1, n2, polarisation="unpolarised"):
    cos_i = jnp.cos(angle)
    if polarisation == "schlick":
        r0 = ((n1 - n2) / (n1 + n2)) ** 2
        return r0 + (1.0 - r0) * (1.0 - cos_i) ** 5
    # Snell's law.
    sin_t = n1 / n2 * jnp.sin(angle)
    cos_t = jnp.sqrt(1.0 - sin_t**2)
    rs = ((n1 * cos_i - n2 * cos_t) / (n1 * cos_i + n2 * cos_t)) ** 2
    rp = ((n1 * cos_t - n2 * cos_i) / (n1 * cos_t + n2 * cos_i)) ** 2
    if polarisation == "s":
        return rs
    if polarisation == "p":
        return rp
    return 0.5 * (rs + rp)


@family(
    "scalar_array",
    "multi_statement",
    angle="n in 0.1..1.2",
    n1="in 1..1.3",
    n2="in 1.4..2",
    thickness="? n in 0.2..1.5",
    polarisation={"unpolarised": 3, "s": 2, "p": 2, "schlick": 1},
    back={False: 2, True: 1},
    roughness={None: 3, 0.02: 1, 0.05: 1},
)
def fresnel_reflectance(
    angle, n1, n2, thickness=None, *, polarisation="unpolarised", back=False, roughness=None
):
    """Share of light that a glass reflects.

    Args:
        angle: Angles of incidence.
        n1: Refractive index outside.
        n2: Refractive index of the glass.
        thickness: Thickness of a film in wavelengths, whose two sides interfere.
        polarisation: Polarisation of the light, or Schlick's approximation.
        back: Whether the back of the glass reflects, too.
        roughness: Height of the surface's roughness in wavelengths.
    """
    reflected = fresnel_power(angle, n1, n2, polarisation=polarisation)
    if thickness is not None:
        # Airy's formula for many reflections between the two sides.
        cos_t = jnp.sqrt(1.0 - (n1 / n2 * jnp.sin(angle)) ** 2)
        phase = 2.0 * jnp.pi * n2 * thickness * cos_t
        finesse = 4.0 * reflected / (1.0 - reflected) ** 2
        ripple = finesse * jnp.sin(phase) ** 2
        return ripple / (1.0 + ripple)
    if roughness is not None:
        # Bennett and Porteus's factor.
        reflected = reflected * jnp.exp(-((4.0 * jnp.pi * roughness * jnp.cos(angle)) ** 2))
    if back:
        reflected = 2.0 * reflected / (1.0 + reflected)
    return reflected


@family(
    "scalar_array",
    "multi_statement",
    angle="n in 0.1..1.2",
    n1="in 1..1.3",
    n2="in 1.4..2",
    thickness="n in 0.2..1.5",
    absorption="? n in 0.1..1",
    polarisation={"unpolarised": 3, "s": 2, "p": 2, "schlick": 1},
    reflections={"single": 2, "all": 2},
)
def slab_transmittance(
    angle,
    n1,
    n2,
    thickness,
    absorption=None,
    *,
    polarisation="unpolarised",
    reflections="all",
):
    """Share of light that passes an absorbing slab of glass.

    Args:
        angle: Angles of incidence in radians.
        n1: Refractive index outside.
        n2: Refractive index of the glass.
        thickness: Thickness of the slab.
        absorption: Coefficients of absorption; 0.5 by default.
        polarisation: Polarisation of the light, or Schlick's approximation.
        reflections: Whether light that is reflected inside counts as well.
    """
    if absorption is None:
        absorption = 0.5
    reflected = fresnel_power(angle, n1, n2, polarisation=polarisation)
    cos_t = jnp.sqrt(1.0 - (n1 / n2 * jnp.sin(angle)) ** 2)
    # Beer and Lambert's law along the refracted path.
    passed = jnp.exp(-absorption * thickness / cos_t)
    transmitted = (1.0 - reflected) ** 2 * passed
    if reflections == "all":
        transmitted = transmitted / (1.0 - (reflected * passed) ** 2)
    return transmitted


def friction_factor(reynolds, roughness, formula="haaland"):
    """Darcy's friction factor of turbulent flow."""
    if formula == "altshul":
        return 0.11 * (roughness + 68.0 / reynolds) ** 0.25
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
    formula={"haaland": 3, "swamee": 2, "altshul": 2},
    regime={"turbulent": 2, "switch": 2, "blend": 2},
    fittings={None: 2, 0.8: 1, 1.5: 1},
    total={False: 3, True: 1},
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
    fittings=None,
    total=False,
):
    """Pressure drop along pipes, by Darcy and Weisbach.

    Args:
        velocity: Mean velocities in the pipes.
        diameter: Their diameters.
        viscosity: Kinematic viscosity of the fluid.
        roughness: Roughness of the walls, relative to the diameter.
        length: Lengths of the pipes; one by default.
        height: How much higher each pipe ends than it begins.
        density: Density of the fluid; one by default.
        formula: The formula of the friction factor.
        regime: How laminar flow is treated.
        fittings: The loss coefficient of the fittings.
        total: Whether the pipes follow each other, so that their drops add up.
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
    if fittings is not None:
        loss = loss + fittings * head
    if height is not None:
        loss = loss + GRAVITY * height
    if density is not None:
        loss = density * loss
    if total:
        return jnp.sum(loss)
    return loss


@family(
    "scalar_array",
    "multi_statement",
    substrate="n in 0.1..3",
    vmax="in 0.5..2",
    km="in 0.3..1.5",
    inhibitor="? n in 0.1..2",
    temperature="? n in 0.8..1.3",
    ph="? n in -1..1",
    product="? n in 0.05..0.5",
    inhibition={"competitive": 3, "uncompetitive": 2, "noncompetitive": 2, "mixed": 1},
    cooperative={None: 3, 2: 1, 3: 1},
    excess={None: 3, 4.0: 1, 2.0: 1},
)
def michaelis_menten(
    substrate,
    vmax,
    km,
    inhibitor=None,
    temperature=None,
    ph=None,
    product=None,
    *,
    inhibition="competitive",
    cooperative=None,
    excess=None,
):
    """Rate at which an enzyme turns over its substrate.

    Args:
        substrate: Concentrations of the substrate.
        vmax: The greatest rate.
        km: Concentration at half of the greatest rate.
        inhibitor: Concentrations of an inhibitor.
        temperature: Temperatures relative to that of reference.
        ph: Difference of the pH from its optimum.
        product: Concentrations of the product, which reacts back.
        inhibition: How the inhibitor acts.
        cooperative: The Hill coefficient.
        excess: The constant of the inhibition by the substrate.
    """
    if cooperative is not None:
        s = substrate**cooperative
        half = km**cooperative
    else:
        s = substrate
        half = km
    if inhibitor is not None:
        bound = 1.0 + inhibitor / 0.8
        if inhibition == "competitive":
            denominator = half * bound + s
        elif inhibition == "uncompetitive":
            denominator = half + bound * s
        elif inhibition == "mixed":
            denominator = half * bound + (1.0 + inhibitor / 2.4) * s
        else:
            denominator = bound * (half + s)
    else:
        denominator = half + s
    if excess is not None:
        # Too much of the substrate is in the way.
        denominator = denominator + s * substrate / excess
    if product is not None:
        # Haldane's reversible form.
        rate = vmax * (s - 0.2 * product) / (denominator + product)
    else:
        rate = vmax * s / denominator
    if temperature is not None:
        rate = rate * jnp.exp(5.0 * (1.0 - 1.0 / temperature))
    if ph is not None:
        # A bell-shaped curve of two ionisations.
        rate = rate / (1.0 + 10.0 ** (ph - 1.0) + 10.0 ** (-ph - 1.0))
    return rate


@family(
    "scalar_array",
    "multi_statement",
    frequency="n in 0.2..3",
    omega0="in 0.8..1.5",
    damping="in 0.1..0.6",
    force="? n in 0.5..2",
    mass="? n in 0.5..2",
    law={"viscous": 3, "structural": 1},
    excitation={"force": 3, "imbalance": 1, "base": 1},
    static={False: 2, True: 1},
)
def amplitude_response(
    frequency,
    omega0,
    damping,
    force=None,
    mass=None,
    *,
    law="viscous",
    excitation="force",
    static=False,
):
    """Amplitude of a damped oscillator that is driven, in the steady state.

    Args:
        frequency: Angular frequencies of the drive.
        omega0: Angular frequency of the free oscillator.
        damping: Damping ratio.
        force: Amplitudes of the drive; one by default.
        mass: Masses that are moved; one by default.
        law: The kind of damping.
        excitation: Whether a force, an imbalance or a moving base drives it.
        static: Whether it is relative to the static deflection.
    """
    ratio = frequency / omega0
    if law == "structural":
        loss = 2.0 * damping
    else:
        loss = 2.0 * damping * ratio
    amplitude = jax.lax.rsqrt((1.0 - ratio**2) ** 2 + loss**2)
    if excitation == "imbalance":
        amplitude = ratio**2 * amplitude
    elif excitation == "base":
        amplitude = jnp.sqrt(1.0 + loss**2) * amplitude
    elif not static:
        amplitude = amplitude / omega0**2
    if force is not None:
        amplitude = force * amplitude
    if mass is not None:
        amplitude = amplitude / mass
    return amplitude


@family(
    "scalar_array",
    "multi_statement",
    frequency="n in 0.2..3",
    omega0="in 0.8..1.5",
    damping="in 0.1..0.6",
    delay="? n in 0.05..0.3",
    law={"viscous": 3, "structural": 1},
    response={"displacement": 3, "velocity": 1, "transmitted": 1},
    degrees={False: 2, True: 1},
)
def phase_lag(
    frequency,
    omega0,
    damping,
    delay=None,
    *,
    law="viscous",
    response="displacement",
    degrees=False,
):
    """Phase by which a damped oscillator lags behind its drive, in the steady state.

    Args:
        frequency: Angular frequencies of the drive.
        omega0: Angular frequency of the free oscillator.
        damping: Damping ratio.
        delay: Delays of the sensor.
        law: The kind of damping.
        response: The quantity that lags behind.
        degrees: Whether the phase is in degrees rather than radians.
    """
    ratio = frequency / omega0
    if law == "structural":
        loss = 2.0 * damping
    else:
        loss = 2.0 * damping * ratio
    lag = jnp.arctan2(loss, 1.0 - ratio**2)
    if response == "velocity":
        lag = lag - 0.5 * jnp.pi
    elif response == "transmitted":
        # Damper and spring pass the motion of the base on.
        lag = lag - jnp.arctan(loss)
    if delay is not None:
        lag = lag + frequency * delay
    if degrees:
        lag = 180.0 / jnp.pi * lag
    return lag


def state_equation(volume, temperature, a, b, law="van_der_waals"):
    if law == "van_der_waals":
        return temperature / (volume - b) - a / volume**2
    if law == "redlich_kwong":
        return temperature / (volume - b) - a / (jnp.sqrt(temperature) * volume * (volume + b))
    if law == "dieterici":
        return temperature / (volume - b) * jnp.exp(-a / (temperature * volume))
    if law == "peng_robinson":
        alpha = (1.0 + 0.4 * (1.0 - jnp.sqrt(temperature))) ** 2
        attraction = volume**2 + 2.0 * b * volume - b**2
        return temperature / (volume - b) - a * alpha / attraction
    if law == "carnahan_starling":
        # Hard spheres with a mean-field attraction.
        eta = 0.25 * b / volume
        hard = (1.0 + eta + eta**2 - eta**3) / (1.0 - eta) ** 3
        return temperature / volume * hard - a / volume**2
    second = b - a / temperature
    return temperature / volume * (1.0 + second / volume + (b / volume) ** 2)


@family(
    "scalar_array",
    "multi_statement",
    volume="n in 0.8..3",
    temperature="n in 0.8..1.6",
    a="in 0.3..1",
    b="in 0.1..0.3",
    moles="? n in 0.5..1",
    law={
        "van_der_waals": 3,
        "redlich_kwong": 2,
        "dieterici": 1,
        "virial": 2,
        "peng_robinson": 2,
        "carnahan_starling": 1,
    },
    gauge={None: 3, 0.5: 1},
)
def gas_pressure(volume, temperature, a, b, moles=None, *, law="van_der_waals", gauge=None):
    """Pressure of a real gas, with the gas constant as one.

    Args:
        volume: Volumes of the gas.
        temperature: Its temperatures.
        a: How its molecules attract each other.
        b: Their covolume.
        moles: Amounts of the gas; one by default.
        law: The equation of state.
        gauge: Pressure of the surroundings, for a gauge pressure.
    """
    if moles is not None:
        volume = volume / moles
    pressure = state_equation(volume, temperature, a, b, law=law)
    if gauge is not None:
        pressure = pressure - gauge
    return pressure


@family(
    "scalar_array",
    "multi_statement",
    volume="n in 0.8..3",
    temperature="n in 0.8..1.6",
    a="in 0.3..1",
    b="in 0.1..0.3",
    moles="? n in 0.5..1",
    law={
        "van_der_waals": 3,
        "redlich_kwong": 2,
        "dieterici": 1,
        "virial": 2,
        "peng_robinson": 2,
        "carnahan_starling": 1,
    },
)
def compressibility_factor(volume, temperature, a, b, moles=None, *, law="van_der_waals"):
    """Compressibility factor of a real gas, with the gas constant as one.

    Args:
        volume: Volumes of the gas.
        temperature: Its temperatures.
        a: How its molecules attract each other.
        b: Their covolume.
        moles: Amounts of the gas; one by default.
        law: The equation of state.
    """
    if moles is not None:
        volume = volume / moles
    pressure = state_equation(volume, temperature, a, b, law=law)
    return pressure * volume / temperature


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


def pair_energy(r, epsilon, sigma, form="12-6"):
    if form == "9-6":
        s3 = (sigma / r) ** 3
        return 6.75 * epsilon * (s3**3 - s3**2)
    if form == "soft":
        # Stays finite where atoms overlap.
        s6 = 1.0 / (0.5 + (r / sigma) ** 6)
        return 4.0 * epsilon * (s6**2 - s6)
    s6 = (sigma / r) ** 6
    return 4.0 * epsilon * (s6**2 - s6)
