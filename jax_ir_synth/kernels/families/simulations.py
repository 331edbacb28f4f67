"""Families: simulations and algorithms of several steps, as people write them for small problems."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
grow_cells: grow_cells 4, evolve_grid 3, automaton 3
lattice_boltzmann: lattice_boltzmann 5, lbm_step 4, collide_and_stream 2
push_particles: push_particles 4, pic_step 4, particle_in_cell 3
suppress_intervals: suppress_intervals 3, soft_nms_1d 4, temporal_nms 4
places: places 3, positions 4
lengths: lengths 6, widths 3, durations 1
pool_voxels: pool_voxels 3, pool_pillars 4, bev_pooling 3
beam_search: beam_search 7, search_beams 2, beam_decode 2
pack_bins: pack_bins 4, bin_packing 4, assign_items 3
flock: flock 4, boids_step 4, simulate_boids 3
power_flow: power_flow 5, dc_power_flow 4, solve_grid 2
serve_customers: serve_customers 3, simulate_queue 5, run_queue 3
follow_cars: follow_cars 3, simulate_traffic 5, traffic_step 3
neighbour_forces: neighbour_forces 4, neighbor_forces 4, compute_forces 3
priority_sample: priority_sample 5, sample_by_priority 2
spread_on_network: spread_on_network 3, network_sir 4, simulate_epidemic 4
track_coefficients: track_coefficients 3, rls_filter 5, recursive_least_squares 4
back_up_values: back_up_values 3, evaluate_tree 4, backup_tree 3
grid: grid 6, board 1
neighbours: neighbours 4, neighbors 5
steps: steps 5, num_steps 5
populations: populations 4, f 5, distributions 2
obstacle: obstacle 6, solid 3
density: density 6, rho 4
positions: positions 6, x 3, pos 2
velocities: velocities 6, v 3, vel 2
charges: charges 6, q 3
cell: cell 5, idx 2
scores: scores 8, score 1
points: points 7, xy 1
beams: beams 7, beam_scores 2
loads: loads 6, levels 1, used 2
state: state 7, carry 3
demand: demand 6, load 2
susceptance: susceptance 4, susceptances 2
arrivals: arrivals 7, arrival_times 3
services: services 5, service_times 5
free: free 4, free_at 4, busy_until 3
gaps: gaps 7, spacing 2
wait: wait 7, waiting 1
"""


# ---------------------------------------------------------------- grids


def shift_sum(grid, wrap):
    """The sum over the eight cells around each cell."""
    if wrap:
        rows = grid + jnp.roll(grid, 1, axis=0) + jnp.roll(grid, -1, axis=0)
        return rows + jnp.roll(rows, 1, axis=1) + jnp.roll(rows, -1, axis=1) - grid
    h, w = grid.shape
    padded = jnp.pad(grid, 1)
    block = sum(padded[i : i + h, j : j + w] for i in range(3) for j in range(3))
    return block - grid


def plus_sum(grid, wrap):
    """The sum over the four cells beside each cell."""
    if wrap:
        shifted = [jnp.roll(grid, step, axis=axis) for axis in (0, 1) for step in (1, -1)]
        return sum(shifted)
    h, w = grid.shape
    padded = jnp.pad(grid, 1, mode="edge")
    inner = padded[:h, 1:-1] + padded[2:, 1:-1]
    return inner + padded[1:-1, :w] + padded[1:-1, 2:]


@family(
    "loop",
    grid="m n in 0..1",
    rate="? in 0.1..0.6",
    around={Code("shift_sum"): 3, Code("plus_sum"): 2},
    wrap=decided((True, False)),
    rule={"window": 3, "bump": 3, "births": 2},
    steps={3: 2, 4: 1, 2: 2},
    method={"fori": 3, "scan": 2},
    clip={True: 3, False: 1},
    sizes={"m": (4, 5, 6, 8), "n": (4, 5, 6, 8)},
    only="float32",
)
def grow_cells(
    grid,
    rate=None,
    *,
    around=shift_sum,
    wrap=True,
    rule="window",
    steps=3,
    method="fori",
    clip=True,
):
    """Some steps of a continuous cellular automaton, a soft Game of Life.

    Args:
        grid: how alive each cell is, from zero to one.
        rate: the time step.
    """
    if rate is None:
        rate = 0.3

    def growth(cells):
        """The growth of each cell by the number of its live neighbours."""
        neighbours = around(cells, wrap)
        if rule == "window":
            fits = (neighbours > 1.0) & (neighbours < 3.0)
            return jnp.where(fits, 1.0 - cells, -cells)
        elif rule == "births":
            survives = (cells > 0.5) & (neighbours > 1.0)
            born = (cells <= 0.5) & (neighbours > 1.0) & (neighbours < 3.0)
            return jnp.where(survives | born, 1.0 - cells, -cells)
        else:
            # Growth is largest for two neighbours.
            return 1.0 - jnp.square(0.5 * neighbours - 1.0)

    def step(cells):
        cells = cells + rate * growth(cells)
        if clip:
            cells = jnp.clip(cells, 0.0, 1.0)
        return cells

    if method == "scan":
        grid, _ = lax.scan(lambda cells, _: (step(cells), None), grid, None, length=steps)
        return grid
    return lax.fori_loop(0, steps, lambda _, cells: step(cells), grid)


def macroscopic(populations):
    """Density and velocity in each cell."""
    rest, right, left = populations
    density = rest + right + left
    return density, (right - left) / density


def equilibrium(density, velocity):
    """Second-order expansion of the Maxwell distribution, by the D1Q3 weights."""
    square = velocity * velocity
    rest = density * (2.0 - 3.0 * square) / 3.0
    moving = density * (1.0 + 3.0 * square) / 6.0
    flow = 0.5 * density * velocity
    return jnp.stack([rest, moving + flow, moving - flow])


def stream(populations, closed):
    """Moves the populations to the right and to the left."""
    rest, right, left = populations
    if closed:
        # Bounce-back at the ends of the channel.
        moved_right = jnp.concatenate([left[:, :1], right[:, :-1]], axis=1)
        moved_left = jnp.concatenate([left[:, 1:], right[:, -1:]], axis=1)
        return jnp.stack([rest, moved_right, moved_left])
    return jnp.stack([rest, jnp.roll(right, 1, axis=1), jnp.roll(left, -1, axis=1)])


@family(
    "reduction",
    "loop",
    populations="3 m n in 0.05..0.5",
    omega="in 0.5..1.6",
    force="? m n in -0.1..0.1",
    obstacle="? m n bool",
    steps={1: 4, 2: 2},
    closed={False: 2, True: 2},
    sizes={"m": (2, 4, 5), "n": (4, 5, 6, 8)},
    only="float32",
)
def lattice_boltzmann(
    populations,
    omega,
    force=None,
    obstacle=None,
    *,
    steps=1,
    closed=False,
):
    """D1Q3 lattice Boltzmann steps with BGK collisions; returns the velocity in each cell.

    Args:
        populations: those at rest, to the right and to the left, with a channel in each row.
        omega: the inverse of the relaxation time.
        force: velocity that is added to each cell before the collision.
        obstacle: solid cells, where populations bounce back.
    """

    def collide(f):
        density, velocity = macroscopic(f)
        if force is not None:
            velocity = velocity + force
        relaxed = f + omega * (equilibrium(density, velocity) - f)
        if obstacle is not None:
            # Solid cells reverse the directions.
            turned = jnp.stack([f[0], f[2], f[1]])
            relaxed = jnp.where(obstacle, turned, relaxed)
        return relaxed

    def step(f):
        return stream(collide(f), closed)

    if steps == 1:
        populations = step(populations)
    else:
        populations = lax.fori_loop(0, steps, lambda _, f: step(f), populations)
    _, velocity = macroscopic(populations)
    return velocity


def cloud_weights(offset, shape):
    """Cloud-in-cell or nearest-grid-point weights of the nodes to the left and right."""
    if shape == "nearest":
        right = jnp.where(offset > 0.5, 1.0, 0.0)
    else:
        right = offset
    return 1.0 - right, right


def deposit(charges, cell, left, right, size):
    """Adds the charge of particles to the cells around them."""
    grid = jnp.zeros(size, dtype=charges.dtype)
    return grid.at[cell].add(left * charges).at[(cell + 1) % size].add(right * charges)


def field_by_fft(density):
    """Electric field of a periodic charge density, by its Fourier transform."""
    size = density.shape[0]
    waves = 2.0 * jnp.pi * jnp.arange(1, size // 2 + 1) / size
    spectrum = jnp.fft.rfft(density)
    field = jnp.concatenate([jnp.zeros(1, spectrum.dtype), -1j * spectrum[1:] / waves])
    return jnp.fft.irfft(field, n=size)


def field_by_sum(density):
    """Electric field of a periodic charge density, by summing it up."""
    field = jnp.cumsum(density - jnp.mean(density))
    return field - jnp.mean(field)


@family(
    "multi_statement",
    "loop",
    "reduction",
    positions="n in 0..7",
    velocities="n in -1..1",
    charges="? n in 0.3..1.2",
    background="? 8 in 0..0.5",
    solve={Code("field_by_fft"): 3, Code("field_by_sum"): 3},
    shape={"linear": 3, "nearest": 1},
    dt={0.1: 2, 0.2: 2, 0.05: 1},
    pushes={"kick": 2, "leapfrog": 3},
    sizes={"n": (6, 8, 10, 12, 16)},
    only="float32",
)
def push_particles(
    positions,
    velocities,
    charges=None,
    background=None,
    *,
    solve=field_by_fft,
    shape="linear",
    dt=0.1,
    pushes="kick",
):
    """One step of an electrostatic particle-in-cell code on a periodic line of eight cells.

    Args:
        positions: position of each particle, in cells.
        velocities: velocity of each particle, in cells per unit of time.
        charges: charge of each macroparticle; its ratio to the mass is one.
        background: neutralising charge in each cell.
    """
    size = 8
    if charges is None:
        charges = jnp.full(positions.shape, 0.5, dtype=positions.dtype)

    def gather(positions):
        """The field at the particles."""
        cell = jnp.floor(positions).astype(int)
        left, right = cloud_weights(positions - cell, shape)
        density = deposit(charges, cell, left, right, size)
        if background is not None:
            density = density - background
        field = solve(density)
        return left * field[cell] + right * field[(cell + 1) % size]

    def accelerate(velocities, force, dt):
        return velocities + dt * force

    force = gather(positions)
    if pushes == "leapfrog":
        # Half of the push before the move, and half of it after that.
        velocities = accelerate(velocities, force, 0.5 * dt)
        positions = positions + dt * velocities
        velocities = accelerate(velocities, force, 0.5 * dt)
    else:
        velocities = accelerate(velocities, force, dt)
        positions = positions + dt * velocities
    return positions % size, velocities


# ---------------------------------------------------------------- intervals and points


def interval_iou(starts, ends):
    """Intersection over union of each two intervals."""
    left = jnp.maximum(starts[:, None], starts[None, :])
    right = jnp.minimum(ends[:, None], ends[None, :])
    shared = jax.nn.relu(right - left)
    lengths = ends - starts
    return shared / (lengths[:, None] + lengths[None, :] - shared)


@family(
    "loop",
    places="n in 0..4",
    lengths="n in 0.5..2",
    scores="n in 0.1..1",
    labels="? n int 3",
    style={"start": 2, "center": 2},
    decay={"gaussian": 3, "linear": 3},
    threshold={0.3: 2, 0.2: 1},
    sigma={0.5: 2, 0.3: 1},
    rounds={4: 2, 5: 1, 3: 1},
    method={"fori": 3, "scan": 2},
    sizes={"n": (6, 8, 10)},
)
def suppress_intervals(
    places,
    lengths,
    scores,
    labels=None,
    *,
    style="start",
    decay="gaussian",
    threshold=0.3,
    sigma=0.5,
    rounds=4,
    method="fori",
):
    """Soft non-maximum suppression of detections in time; returns the decayed scores.

    Args:
        places: where each interval is.
        lengths: length of each interval.
        scores: confidence of each interval.
        labels: class of each interval; others don't suppress it.
    """
    if style == "center":
        starts = places - 0.5 * lengths
    else:
        starts = places
    iou = interval_iou(starts, starts + lengths)
    if labels is not None:
        iou = jnp.where(labels[:, None] == labels[None, :], iou, 0.0)
    if decay == "linear":
        factors = jnp.where(iou > threshold, 1.0 - iou, 1.0)
    else:
        factors = jnp.exp(-jnp.square(iou) / sigma)

    def suppress(state):
        current, kept = state
        best = jnp.argmax(jnp.where(kept, -1.0, current))
        kept = kept.at[best].set(True)
        return jnp.where(kept, current, current * factors[best]), kept

    init = (scores, jnp.zeros(scores.shape[0], dtype=bool))
    if method == "scan":
        (final, _), _ = lax.scan(
            lambda state, _: (suppress(state), None), init, None, length=rounds
        )
    else:
        final, _ = lax.fori_loop(0, rounds, lambda _, state: suppress(state), init)
    return final


def voxel_ids(points, low, size, counts):
    """The voxel that each point is in, and whether it is inside the grid."""
    coords = jnp.floor((points - low) / size).astype(int)
    inside = jnp.all((coords >= 0) & (coords < counts), axis=-1)
    coords = jnp.clip(coords, 0, counts - 1)
    return coords[:, 0] * counts + coords[:, 1], inside


def group_sum(values, ids, groups):
    """The sum of the values of each group."""
    return jnp.zeros((groups, *values.shape[1:]), values.dtype).at[ids].add(values)


def group_max(values, ids, groups):
    """The largest values of each group, or zero."""
    found = jnp.full((groups, *values.shape[1:]), -9.0, values.dtype).at[ids].max(values)
    return jnp.where(found > -9.0, found, 0.0)


@family(
    "branch",
    "multi_statement",
    "nested_branch",
    "contraction",
    "reduction",
    points="n 2",
    features="n d",
    weights="? n in 0.3..1.5",
    valid="? n bool",
    counts={3: 2, 4: 2},
    pool={"mean": 3, "sum": 2, "max": 2},
    relative={"absolute": 2, "mean": 2, "center": 1},
    layout={"flat": 3, "grid": 1},
    sizes={"n": (6, 8, 10, 12), "d": (4, 5, 6)},
)
def pool_voxels(
    points,
    features,
    weights=None,
    valid=None,
    *,
    counts=3,
    pool="mean",
    relative="absolute",
    layout="flat",
):
    """Pools the coordinates and features of points in the cells of a bird's-eye-view grid.

    Args:
        points: position of each point, where the grid starts at -2 and has cells of size one.
        features: features of each point.
        weights: weight of each point.
        valid: which points aren't padding.
    """
    groups = counts * counts
    ids, inside = voxel_ids(points, -2.0, 1.0, counts)
    if valid is not None:
        inside = inside & valid
    if weights is not None:
        share = jnp.where(inside, weights, 0.0)
    else:
        share = inside.astype(features.dtype)
    total = group_sum(share, ids, groups)
    if relative == "mean":
        # Offsets from the mean of the points in the same cell.
        centers = group_sum(share[:, None] * points, ids, groups) / (total[:, None] + 1e-3)
        coords = points - centers[ids]
    elif relative == "center":
        # Offsets from the center of the cell.
        rows, columns = jnp.divmod(ids, counts)
        coords = points + 1.5 - jnp.stack([rows, columns], axis=1)
    else:
        coords = points
    features = jnp.concatenate([coords, features], axis=1)
    if pool == "max":
        pooled = group_max(share[:, None] * features, ids, groups)
    else:
        pooled = group_sum(share[:, None] * features, ids, groups)
        if pool == "mean":
            pooled = pooled / jnp.maximum(total, 1e-3)[:, None]
    if layout == "grid":
        pooled = pooled.reshape(counts, counts, -1)
    return pooled


def cutoff_weight(distance, cutoff, kind):
    """One at close range, and zero beyond the cutoff."""
    ratio = jnp.clip(distance / cutoff, 0.0, 1.0)
    if kind == "cubic":
        return 1.0 - ratio * ratio * (3.0 - 2.0 * ratio)
    elif kind == "square":
        return jnp.square(1.0 - jnp.square(ratio))
    return 1.0 - ratio


@family(
    "multi_statement",
    "branch",
    positions="n 2",
    charges="n in 0.3..1.2",
    fixed="? n bool",
    num_neighbours={2: 1, 3: 3, 4: 2},
    cutoff={2.0: 2, 1.5: 1, 3.0: 1},
    fade={"cubic": 2, "square": 2, "linear": 1},
    law={"coulomb": 3, "yukawa": 2, "gravity": 2},
    box={None: 3, 4.0: 2},
    sizes={"n": (6, 8, 10)},
)
def neighbour_forces(
    positions,
    charges,
    fixed=None,
    *,
    num_neighbours=3,
    cutoff=2.0,
    fade="cubic",
    law="coulomb",
    box=None,
):
    """Softened central forces on each particle from its nearest neighbours.

    Args:
        positions: positions in the plane.
        charges: charge of each particle, or its mass.
        fixed: particles that are held in place, and feel no force.
    """
    n = positions.shape[0]

    def separation(a, b):
        if box is not None:
            # The minimum image of a periodic box.
            offset = a - b
            return offset - box * jnp.round(offset / box)
        return a - b

    offsets = separation(positions[None, :, :], positions[:, None, :])
    squared = jnp.sum(jnp.square(offsets), axis=-1) + 100.0 * jnp.eye(n, dtype=positions.dtype)
    _, nearest = lax.top_k(-squared, num_neighbours)

    def pair(position, charge, others):
        """The forces of some particles on one."""
        offset = separation(positions[others], position)
        distance = jnp.sqrt(jnp.sum(jnp.square(offset), axis=-1) + 1e-2)
        strength = charge * charges[others] * cutoff_weight(distance, cutoff, fade)
        if law == "yukawa":
            strength = -strength * jnp.exp(-distance) * (1.0 + distance)
        elif law == "coulomb":
            strength = -strength
        return (strength / distance**3)[:, None] * offset

    forces = jax.vmap(pair)(positions, charges, nearest)
    total = jnp.sum(forces, axis=1)
    if fixed is not None:
        total = jnp.where(fixed[:, None], 0.0, total)
    return total


# ---------------------------------------------------------------- searching and assigning


@family(
    "loop",
    start="c in -2..0",
    transitions="c c in -2..0",
    emissions="t c in -2..0",
    allowed="? c c bool",
    width={2: 3, 3: 2},
    normalise={False: 2, True: 2},
    diversity={None: 3, 0.3: 1},
    length_penalty={None: 2, 0.6: 1, 1.0: 1},
    end={None: 3, 0: 1},
    sizes={"c": (4, 5, 6), "t": (4, 5, 6)},
)
def beam_search(
    start,
    transitions,
    emissions,
    allowed=None,
    *,
    width=2,
    normalise=False,
    diversity=None,
    length_penalty=None,
    end=None,
):
    """Beam search over token sequences; returns the scores of the beams, best first.

    Args:
        start: log-probability of each first token.
        transitions: log-probability of each token (column) after another (row).
        emissions: log-probability of each token at each time.
        allowed: which tokens may follow which.
    """
    if allowed is not None:
        transitions = jnp.where(allowed, transitions, -8.0)
    if normalise:
        transitions = jax.nn.log_softmax(transitions, axis=-1)
    num_tokens = start.shape[0]

    def expand(beams, last, emission):
        """Scores of all sequences that are one token longer."""
        scores = beams[:, None] + transitions[last] + emission[None, :]
        if diversity is not None:
            # Siblings are penalised by their rank (diverse beam search).
            ranks = jnp.argsort(jnp.argsort(-scores, axis=1), axis=1)
            scores = scores - diversity * ranks
        if end is not None:
            finished = last == end
            stay = jnp.full_like(scores, -20.0).at[:, end].set(beams)
            scores = jnp.where(finished[:, None], stay, scores)
        return scores

    def step(state, emission):
        beams, last = state
        scores = expand(beams, last, emission)
        beams, index = lax.top_k(scores.reshape(-1), width)
        return (beams, index % num_tokens), None

    first = start + emissions[0]
    beams, last = lax.top_k(first, width)
    (beams, _), _ = lax.scan(step, (beams, last), emissions[1:])
    if length_penalty is not None:
        beams = beams / emissions.shape[0] ** length_penalty
    return beams


def first_fit(room):
    """The first bin with room."""
    return jnp.argmax(room >= 0)


def best_fit(room):
    """The bin with least room, if it is enough."""
    return jnp.argmin(jnp.where(room >= 0, room, 100.0 - room))


def worst_fit(room):
    """The bin with most room."""
    return jnp.argmax(room)


@family(
    "loop",
    item_sizes="n in 0.1..0.9",
    capacities="k in 1.5..3",
    loads="? k in 0..0.5",
    method={"scan": 3, "fori": 1},
    rule={Code("first_fit"): 3, Code("best_fit"): 3, Code("worst_fit"): 2},
    order={"given": 3, "largest": 2},
    sizes={"n": (6, 8, 10, 12), "k": (2, 4, 5)},
)
def pack_bins(
    item_sizes,
    capacities,
    loads=None,
    *,
    rule=first_fit,
    order="given",
    method="scan",
):
    """Packs items into bins, one after the other; returns how full each bin is, as a fraction.

    Args:
        item_sizes: size of each item.
        capacities: size of each bin.
        loads: what is in each bin already.
    """
    if loads is None:
        loads = jnp.zeros_like(capacities)
    if order == "largest":
        item_sizes = jnp.sort(item_sizes)[::-1]

    def place(loads, size):
        room = capacities - loads - size
        chosen = rule(room)
        # An item that fits nowhere is left out.
        fits = room[chosen] >= 0
        return loads.at[chosen].add(jnp.where(fits, size, 0.0))

    if method == "fori":
        n = item_sizes.shape[0]
        loads = lax.fori_loop(0, n, lambda i, loads: place(loads, item_sizes[i]), loads)
    else:
        loads, _ = lax.scan(lambda loads, size: (place(loads, size), None), loads, item_sizes)
    return loads / capacities


@family(
    "loop",
    arrivals="n in 0..4",
    services="n in 0.5..3",
    speeds="k in 0.6..1.6",
    discipline={"first_free": 3, "fastest": 2},
    ordering={"sorted": 3, "gaps": 2},
    setup={False: 3, True: 2},
    sizes={"n": (5, 6, 8, 10), "k": (2, 4)},
    only="float32",
)
def serve_customers(
    arrivals,
    services,
    speeds,
    *,
    discipline="first_free",
    ordering="sorted",
    setup=False,
):
    """A first-come first-served queue in front of several servers.

    Args:
        arrivals: times of arrival, or the gaps between them.
        services: work of each customer.
        speeds: work that each server does per unit of time.

    Returns:
        How long each customer waits, and when each server is done.
    """
    if ordering == "sorted":
        order = jnp.argsort(arrivals)
        times = arrivals[order]
        work = services[order]
    else:
        times = jnp.cumsum(0.3 * arrivals)
        work = services

    def choose(free, time, work):
        """The server that takes a customer."""
        if discipline == "fastest":
            return jnp.argmin(jnp.maximum(free, time) + work / speeds)
        return jnp.argmin(free)

    def serve(free, customer):
        time, work = customer
        server = jnp.arange(speeds.shape[0]) == choose(free, time, work)
        start = jnp.maximum(jnp.sum(jnp.where(server, free, 0.0)), time)
        wait = start - time
        length = work / speeds
        if setup:
            # An idle server has to set up first.
            length = jnp.where(wait > 0, length, length + 0.2)
        free = jnp.where(server, start + length, free)
        return free, wait

    zeros = jnp.zeros_like(speeds)
    free, waits = lax.scan(serve, zeros, (times, work))
    return waits, free


@family(
    "reduction",
    "multi_statement",
    weights="n in 0.3..3",
    uniforms="n in 0.1..0.95",
    values="n d",
    groups="? n int 3",
    count={3: 2, 4: 2},
    scheme={"priority": 3, "exponential": 2},
    hajek={False: 3, True: 2},
    select={"top_k": 3, "threshold": 2},
    sizes={"n": (6, 8, 10, 12), "d": (2, 4, 5)},
)
def priority_sample(
    weights,
    uniforms,
    values,
    groups=None,
    *,
    count=3,
    scheme="priority",
    hajek=False,
    select="top_k",
):
    """Estimates weighted sums of rows from a bottom-k sample of them.

    Args:
        weights: weight of each row.
        uniforms: a uniform random number for each row.
        values: the rows.
        groups: group of each row; each group has its own sum.
    """
    if scheme == "exponential":
        # Ranks of successive sampling without replacement.
        priorities = -weights / jnp.log1p(-uniforms)
    else:
        priorities = weights / uniforms
    top, index = lax.top_k(priorities, count + 1)
    threshold = top[-1]
    if scheme == "exponential":
        adjusted = weights / -jnp.expm1(-weights / threshold)
    else:
        adjusted = jnp.maximum(weights, threshold)
    if select == "threshold":
        adjusted = jnp.where(priorities > threshold, adjusted, 0.0)
    else:
        kept = index[:-1]
        adjusted, values = adjusted[kept], values[kept]
        if groups is not None:
            groups = groups[kept]
    if hajek:
        # The sum of all weights is known.
        adjusted = adjusted * jnp.sum(weights) / jnp.sum(adjusted)
    contributions = adjusted[:, None] * values
    if groups is not None:
        return jax.ops.segment_sum(contributions, groups, num_segments=3)
    return jnp.sum(contributions, axis=0)


@family(
    "reduction",
    leaves="16",
    priors="? 16 in 0.1..1",
    discount="? in 0.7..1",
    opponent={"minimises": 4, "random": 2},
    maximum={"hard": 4, "soft": 2},
    sharpness={2.0: 2, 4.0: 1},
    branching={2: 2, 4: 1},
    mine_first={True: 3, False: 1},
    output={"root": 2, "moves": 2},
    only="float32",
)
def back_up_values(
    leaves,
    priors=None,
    discount=None,
    *,
    opponent="minimises",
    maximum="hard",
    sharpness=2.0,
    branching=2,
    mine_first=True,
    output="root",
):
    """Backs up values from the leaves of a game tree, by minimax or expectimax.

    Args:
        leaves: value of each final position, of a tree with the same number of moves everywhere.
        priors: how likely the last moves are; a chance node precedes each group of leaves.
        discount: factor of the values for each move.
    """

    def best(values):
        if maximum == "soft":
            return jax.nn.logsumexp(sharpness * values, axis=-1) / sharpness
        return jnp.max(values, axis=-1)

    values = leaves.reshape(-1, branching)
    if priors is not None:
        shares = priors.reshape(-1, branching)
        shares = shares / jnp.sum(shares, axis=-1, keepdims=True)
        level = jnp.sum(shares * values, axis=-1)
        if discount is not None:
            level = discount * level
        values = level.reshape(-1, branching)
    mine = mine_first
    while values.shape[0] > 1:
        if mine:
            level = best(values)
        elif opponent == "random":
            level = jnp.mean(values, axis=-1)
        else:
            level = -best(-values)
        if discount is not None:
            level = discount * level
        values = level.reshape(-1, branching)
        mine = not mine
    if output == "moves":
        return values[0]
    return best(values)[0]


# ---------------------------------------------------------------- crowds and networks


def limit_speed(velocities, top):
    """Shortens velocities that are too fast."""
    speed = jnp.sqrt(jnp.sum(jnp.square(velocities), axis=-1, keepdims=True) + 1e-6)
    return velocities * jnp.minimum(1.0, top / speed)


@family(
    "loop",
    "multi_statement",
    positions="n 2",
    velocities="n 2 in -1..1",
    goal="? 2",
    alignment={0.2: 2, None: 1},
    separation={0.3: 3, None: 1},
    top={None: 2, 1.0: 2},
    steps={1: 4, 2: 1},
    mapped={True: 3, False: 2},
    sizes={"n": (4, 5, 6, 8)},
    only="float32",
)
def flock(
    positions,
    velocities,
    goal=None,
    *,
    alignment=0.2,
    separation=0.3,
    top=None,
    steps=1,
    mapped=True,
):
    """Reynolds' boids: cohesion, alignment and separation from those that a bird sees.

    Args:
        positions: position of each bird.
        velocities: velocity of each bird.
        goal: a place that attracts all birds.
    """

    def steer(position, velocity, positions, velocities):
        """The change of one bird's velocity."""
        offsets = positions - position
        squared = jnp.sum(jnp.square(offsets), axis=-1)
        seen = ((squared < 1.5 * 1.5) & (squared > 0)).astype(squared.dtype)
        count = jnp.sum(seen) + 0.1
        pull = 0.1 * jnp.sum(seen[:, None] * offsets, axis=0) / count
        if alignment is not None:
            others = jnp.sum(seen[:, None] * velocities, axis=0) / count
            pull = pull + alignment * (others - velocity)
        if separation is not None:
            close = jnp.where(squared < 0.8, 1.0 - squared / 0.8, 0.0)
            pull = pull - separation * jnp.sum(close[:, None] * offsets, axis=0)
        return pull

    def step(state):
        positions, velocities = state
        if mapped:
            change = jax.vmap(steer, in_axes=(0, 0, None, None))(
                positions, velocities, positions, velocities
            )
        else:
            change = lax.map(
                lambda bird: steer(bird[0], bird[1], positions, velocities),
                (positions, velocities),
            )
        if goal is not None:
            toward = 0.2 * (goal - positions)
            change = change + toward
        velocities = velocities + change
        if top is not None:
            velocities = limit_speed(velocities, top)
        return positions + 0.2 * velocities, velocities

    state = (positions, velocities)
    if steps == 1:
        positions, velocities = step(state)
    else:
        positions, velocities = lax.fori_loop(0, steps, lambda _, s: step(s), state)
    return positions, velocities


@family(
    "loop",
    gaps="n in 1..6",
    speeds="n in 0..2",
    limits="? n in 1..2.5",
    caution="? in 0.5..1.5",
    model={"optimal": 3, "bando": 2, "intelligent": 3},
    ring={True: 3, False: 2},
    steps={3: 2, 4: 2, 5: 1},
    dt={0.2: 2, 0.3: 1},
    method={"scan": 3, "fori": 2},
    sizes={"n": (4, 5, 6, 8)},
    only="float32",
)
def follow_cars(
    gaps,
    speeds,
    limits=None,
    caution=None,
    *,
    model="optimal",
    ring=True,
    steps=3,
    dt=0.2,
    method="scan",
):
    """Car following in one lane, by an optimal-velocity or intelligent-driver model.

    Args:
        gaps: distance from each car to the one ahead.
        speeds: speed of each car.
        limits: desired speed of each driver.
        caution: time headway of the drivers.
    """
    if limits is None:
        limits = jnp.full_like(speeds, 2.0)
    if caution is None:
        caution = 1.0

    def speeds_ahead(speeds):
        """The speed of the car ahead of each car."""
        if ring:
            return jnp.roll(speeds, -1)
        return jnp.concatenate([speeds[1:], speeds[-1:]])

    def accelerate(gaps, speeds):
        closing = speeds - speeds_ahead(speeds)
        room = gaps - 0.5
        if model == "intelligent":
            desired = 0.5 + caution * speeds + 0.5 * speeds * closing
            return 1.0 - (speeds / limits) ** 4 - jnp.square(desired / gaps)
        elif model == "bando":
            wanted = 0.5 * limits * (jnp.tanh(room / caution - 1.0) + jnp.tanh(1.0))
            return 0.8 * (wanted - speeds)
        else:
            wanted = jnp.minimum(limits, room / caution)
            return 0.8 * (wanted - speeds) - 0.2 * closing

    def drive(_, state):
        gaps, speeds = state
        push = accelerate(gaps, speeds)
        speeds = jnp.maximum(speeds + dt * push, 0.0)
        return gaps + dt * (speeds_ahead(speeds) - speeds), speeds

    if method == "scan":
        state, _ = lax.scan(lambda s, i: (drive(i, s), None), (gaps, speeds), jnp.arange(steps))
        return state
    return lax.fori_loop(0, steps, drive, (gaps, speeds))


@family(
    "loop",
    demand="n in -1..1",
    susceptance="m in 0.5..2",
    senders="m int n",
    receivers="m int n",
    failed="? m bool",
    generation="? n in 0..1",
    iterations={5: 2, 8: 2, 10: 1},
    damping={None: 3, 0.8: 2, 0.5: 1},
    method={"fori": 3, "scan": 2},
    sizes={"n": (4, 5, 6), "m": (6, 8, 10)},
)
def power_flow(
    demand,
    susceptance,
    senders,
    receivers,
    failed=None,
    generation=None,
    *,
    iterations=5,
    damping=None,
    method="fori",
):
    """DC power flow: the flow in each line, with the bus angles by Jacobi iterations.

    Args:
        demand: load of each bus.
        susceptance: susceptance of each line.
        senders: bus where each line begins.
        receivers: bus where each line ends.
        failed: lines that are out of service.
        generation: power that is generated at each bus.
    """
    injected = -demand
    if generation is not None:
        injected = injected + generation
    # A line from a node to itself carries nothing.
    alive = senders != receivers
    if failed is not None:
        alive = alive & ~failed
    weights = jnp.where(alive, susceptance, 0.0)

    n = demand.shape[0]
    links = jnp.zeros((n, n), dtype=demand.dtype).at[senders, receivers].add(weights)
    links = links + links.T
    # A shunt at each bus keeps the system regular.
    diagonal = 0.5 + jnp.sum(links, axis=1)

    def improve(angles):
        """One iteration at all nodes."""
        solved = (injected + links @ angles) / diagonal
        if damping is not None:
            return angles + damping * (solved - angles)
        return solved

    start = injected / diagonal
    if method == "scan":
        angles, _ = lax.scan(lambda a, _: (improve(a), None), start, None, length=iterations)
    else:
        angles = lax.fori_loop(0, iterations, lambda _, a: improve(a), start)
    return weights * (angles[senders] - angles[receivers])


@family(
    "loop",
    infected="n in 0.05..0.5",
    contacts="n n in 0..0.4",
    recovery="? n in 0.1..0.4",
    infection={"linear": 3, "product": 2, "saturating": 2, "exponential": 2},
    beta={0.5: 2, 0.8: 1},
    waning={None: 3, 0.1: 1},
    method={"fori": 3, "scan": 2},
    days={4: 2, 5: 1, 6: 1},
    sizes={"n": (4, 5, 6, 8)},
    only="float32",
)
def spread_on_network(
    infected,
    contacts,
    recovery=None,
    *,
    infection="linear",
    beta=0.5,
    waning=None,
    method="fori",
    days=4,
):
    """A discrete-time epidemic in towns that meet each other; returns the healthy and the infected.

    Args:
        infected: share of each town that is infected.
        contacts: how much each town (row) meets each other one.
        recovery: share of the infected that recovers in a day.
    """
    if recovery is None:
        recovery = jnp.full_like(infected, 0.2)

    def pressure(infected):
        """The force of infection in each town."""
        if infection == "product":
            return 1.0 - jnp.prod(1.0 - beta * contacts * infected[None, :], axis=1)
        met = contacts @ infected
        if infection == "saturating":
            return beta * met / (1.0 + met)
        elif infection == "exponential":
            return -jnp.expm1(-beta * met)
        return beta * met

    def day(_, state):
        healthy, infected = state
        force = pressure(infected)
        new = healthy * jnp.clip(force, 0.0, 0.9)
        recovered = recovery * infected
        healthy = healthy - new
        if waning is not None:
            # Immunity wanes (SIRS).
            healthy = healthy + waning * (1.0 - healthy - infected)
        infected = infected + new - recovered
        return healthy, infected

    state = (1.0 - infected, infected)
    if method == "fori":
        return lax.fori_loop(0, days, day, state)
    (healthy, infected), _ = lax.scan(lambda s, _: (day(0, s), None), state, None, length=days)
    return healthy, infected


@family(
    "loop",
    inputs="t d in -1..1",
    targets="t",
    coefficients="? d",
    reliability="? t in 0.3..1.5",
    forgetting={0.9: 2, 0.95: 2, 0.99: 1},
    start={1.0: 2, 2.0: 1},
    joseph={False: 3, True: 1},
    output={"final": 3, "path": 2},
    sizes={"t": (5, 6, 7, 9, 10), "d": (2, 4, 5)},
    only="float32",
)
def track_coefficients(
    inputs,
    targets,
    coefficients=None,
    reliability=None,
    *,
    forgetting=0.95,
    start=1.0,
    joseph=False,
    output="final",
):
    """Recursive least squares with exponential forgetting; returns the coefficients.

    Args:
        inputs: features at each time.
        targets: observation at each time.
        coefficients: first guess.
        reliability: weight of each observation.
        forgetting: factor by which earlier observations count less.
    """
    d = inputs.shape[1]
    if coefficients is None:
        coefficients = jnp.zeros(d, dtype=inputs.dtype)
    if reliability is not None:
        # Weighted least squares, by the roots of the weights.
        inputs = inputs * jnp.sqrt(reliability)[:, None]
        targets = targets * jnp.sqrt(reliability)
    covariance = start * jnp.eye(d, dtype=inputs.dtype)

    def observe(state, observation):
        w, p = state
        x, y = observation
        error = y - jnp.dot(x, w)
        projected = p @ x
        gain = projected / (forgetting + jnp.dot(x, projected))
        w = w + gain * error
        if joseph:
            # Joseph's form keeps the matrix symmetric.
            shrink = jnp.eye(d, dtype=x.dtype) - jnp.outer(gain, x)
            p = (shrink @ p @ shrink.T / forgetting) + jnp.outer(gain, gain)
        else:
            p = (p - jnp.outer(gain, projected)) / forgetting
        return (w, p), w

    (final, _), path = lax.scan(observe, (coefficients, covariance), (inputs, targets))
    if output == "path":
        return path
    return final
