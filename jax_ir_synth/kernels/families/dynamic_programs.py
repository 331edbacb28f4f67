"""Families: dynamic programs over sequences, graphs, tables and decisions, hard and soft."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
mask: mask 7, valid 2
inputs: inputs 4, us 1, drive 1
step: step 6, body 2, update 2, scan_fn 2, body_fn 1
carry: carry 6, state 3
hmm_score: hmm_score 3, sequence_score 2, path_score 2
emissions: emissions 5, log_obs 2, unaries 2, obs_scores 1
transitions: transitions 5, transition_scores 2, trans 2, log_trans 2
alpha: alpha 6, forward 1, score 1
ctc: ctc 3, ctc_loss 4, ctc_forward 4
logits: logits 6, scores 1
labels: labels 6, targets 3
soft_dtw: soft_dtw 6, dtw 1, dtw_distance 2, softdtw 1
soft_min: soft_min 5, softmin 4, minimum 1
cost: cost 6, distances 3, d 1
gap: gap 5, gap_penalty 4
align: align 4, alignment_score 5
knapsack: knapsack 6, solve_knapsack 2, knapsack_value 3
capacity: capacity 6, budget 2
best: best 4, table 3, dp 3
lengths: lengths 3, edge_costs 3, weights 4, w 1
dist: dist 5, distances 3, d 2
chain_product: chain_product 4, matrix_chain 3, transfer_matrices 2, chain 1
lqr: lqr 4, riccati_recursion 3, lqr_backward_pass 2
value_iteration: value_iteration 6, solve_mdp 3, bellman_iteration 2
rewards: rewards 6, reward 2, r 2
soft_automaton: soft_automaton 4, automaton_score 2, weighted_automaton 3, run_automaton 2
symbols: symbols 4, tokens 4, inputs 1
run_lengths: run_lengths 4, streaks 2, soft_runs 2, count_runs 2
odd_even_sort: odd_even_sort 4, odd_even_transposition_sort 2, sorting_network 3
binomial_option: binomial_option 4, option_price 4, price_option 2, binomial_tree 2
spot: spot 4, s0 3
strike: strike 4, k 3
volatility: volatility 3, sigma 4, vol 2
hmm_marginals: hmm_marginals 4, forward_backward 5, posterior_marginals 2
all_pairs_distances: all_pairs_distances 3, all_pairs_shortest_paths 4
bellman_ford: bellman_ford 5, single_source_distances 2
linear_recurrence: linear_recurrence 5, linear_recurrent_scan 2, run_linear_system 2
lqr_rollout: lqr_rollout 4, simulate_lqr 3, closed_loop_rollout 2
policy_evaluation: policy_evaluation 6, evaluate_policy 4
longest_run: longest_run 4, longest_streak 3
"""


@family(
    "loop",
    emissions="t k",
    transitions="k k",
    start="? k",
    end="? k",
    mask="? t bool",
    kind={"logsumexp": 4, "max": 2, "probability": 2},
    normalise={False: 3, True: 2},
    broadcast={"rows": 2, "columns": 1},
    sizes={"t": (4, 5, 6, 8, 10), "k": (4, 4, 5, 6)},
)
def hmm_score(
    emissions,
    transitions,
    start=None,
    end=None,
    mask=None,
    *,
    kind="logsumexp",
    normalise=False,
    broadcast="rows",
):
    """Log score of a sequence under a hidden Markov model or a linear-chain CRF.

    Args:
        emissions: log scores of the states at each time.
        transitions: log scores of going from each state to each other.
        start: log scores of the first state.
        end: log scores of the last state.
        mask: times that belong to the sequence.
        kind: whether all paths count or the best one; "probability" is the scaled recursion.
        normalise: whether transitions are logits, and are normalised.
    """
    if normalise:
        transitions = jax.nn.log_softmax(transitions, axis=1)
    alpha = emissions[0]
    if start is not None:
        alpha = alpha + start
    if kind == "probability":
        # The states' probabilities are scaled at each time, and the scales are kept.
        matrix = jnp.exp(transitions)
        total = jnp.sum(jnp.exp(alpha))
        first = jnp.exp(alpha) / total

        def advance(alpha, scores):
            alpha = (alpha @ matrix) * jnp.exp(scores)
            scale = jnp.sum(alpha)
            return alpha / scale, jnp.log(scale)

        def step(carry, row):
            alpha, score = carry
            if mask is not None:
                scores, valid = row
                following, log_scale = advance(alpha, scores)
                alpha = jnp.where(valid, following, alpha)
                score = score + jnp.where(valid, log_scale, 0.0)
            else:
                alpha, log_scale = advance(alpha, row)
                score = score + log_scale
            return (alpha, score), None

        rows = (emissions[1:], mask[1:]) if mask is not None else emissions[1:]
        (alpha, score), _ = lax.scan(step, (first, jnp.log(total)), rows)
        if end is not None:
            score = score + jnp.log(jnp.dot(alpha, jnp.exp(end)))
        return score

    def propagate(alpha, scores):
        if broadcast == "columns":
            paths = alpha[None, :] + transitions.T
            if kind == "max":
                return jnp.max(paths, axis=1) + scores
            return jax.nn.logsumexp(paths, axis=1) + scores
        paths = alpha[:, None] + transitions
        if kind == "max":
            return jnp.max(paths, axis=0) + scores
        return jax.nn.logsumexp(paths, axis=0) + scores

    def step(alpha, row):
        if mask is not None:
            scores, valid = row
            alpha = jnp.where(valid, propagate(alpha, scores), alpha)
        else:
            alpha = propagate(alpha, row)
        return alpha, None

    rows = (emissions[1:], mask[1:]) if mask is not None else emissions[1:]
    alpha, _ = lax.scan(step, alpha, rows)
    if end is not None:
        alpha = alpha + end
    if kind == "max":
        return jnp.max(alpha)
    return jax.nn.logsumexp(alpha)


@family(
    "loop",
    emissions="t k",
    transitions="k k",
    start="? k",
    end="? k",
    normalise={False: 2, True: 2},
    shared={False: 2, True: 1},
    sizes={"t": (4, 5, 6, 8), "k": (4, 4, 5)},
)
def hmm_marginals(emissions, transitions, start=None, end=None, *, normalise=False, shared=False):
    """Log marginals of a hidden Markov model's states, by the forward-backward algorithm.

    Args:
        emissions: log scores of the states at each time.
        transitions: log scores of going from each state to each other.
        start: log scores of the first state.
        end: log scores of the last state.
        normalise: whether transitions are logits, and are normalised.
    """
    if normalise:
        transitions = jax.nn.log_softmax(transitions, axis=1)
    first = emissions[0]
    if start is not None:
        first = first + start

    def forward(alpha, scores):
        alpha = jax.nn.logsumexp(alpha[:, None] + transitions, axis=0) + scores
        return alpha, alpha

    def backward(beta, scores):
        beta = jax.nn.logsumexp(transitions + (beta + scores)[None, :], axis=1)
        return beta, beta

    last, alphas = lax.scan(forward, first, emissions[1:])
    if end is not None:
        final = end
    else:
        final = jnp.zeros_like(first)
    _, betas = lax.scan(backward, final, emissions[1:], reverse=True)
    alphas = jnp.concatenate([first[None], alphas], axis=0)
    betas = jnp.concatenate([betas, final[None]], axis=0)
    if shared:
        # The evidence is the same at each time.
        return alphas + betas - jax.nn.logsumexp(alphas + betas, axis=1, keepdims=True)
    return alphas + betas - jax.nn.logsumexp(last + final)


@family(
    "loop",
    logits="t c",
    labels="k int 4",
    mask="? t bool",
    scale="? in 0.5..1.5",
    blank={"last": 3, "first": 2},
    semiring={"log": 4, "probability": 2},
    per_frame={False: 3, True: 1},
    smoothing={None: 3, 0.1: 1},
    sizes={"t": (5, 6, 8), "c": (5, 6), "k": (2, 2, 4)},
)
def ctc(
    logits,
    labels,
    mask=None,
    scale=None,
    *,
    blank="last",
    semiring="log",
    per_frame=False,
    smoothing=None,
):
    """Connectionist temporal classification (CTC) loss of one sequence.

    Args:
        logits: scores of the classes in each frame; one class is the blank.
        labels: the labels, in order.
        mask: frames that count.
        scale: weight of the example.
        blank: which class is the blank.
        per_frame: whether the loss is divided by the number of frames.
        smoothing: how much of a uniform distribution is mixed in.
    """
    num_frames, num_classes = logits.shape
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if smoothing is not None:
        log_probs = jnp.logaddexp(
            jnp.log1p(-smoothing) + log_probs, jnp.log(smoothing / num_classes)
        )
    size = 2 * labels.shape[0] + 1
    # Blanks stand before, between and after the labels.
    if blank == "last":
        extended = jnp.full(size, num_classes - 1, dtype=labels.dtype).at[1::2].set(labels)
    else:
        extended = jnp.zeros(size, dtype=labels.dtype).at[1::2].set(labels + 1)
    scores = log_probs[:, extended]
    position = jnp.arange(size)
    before = jnp.concatenate([extended[:2], extended[:-2]])
    can_skip = (position >= 2) & (position % 2 == 1) & (extended != before)
    if semiring == "probability":
        nothing = 0.0
        scores = jnp.exp(scores)
    else:
        nothing = -1e4
    alpha = jnp.where(position < 2, scores[0], nothing)

    def shift(alpha, count):
        return jnp.concatenate([jnp.full(count, nothing, dtype=alpha.dtype), alpha[:-count]])

    def step(alpha, row):
        if mask is not None:
            frame, valid = row
        else:
            frame = row
        move = shift(alpha, 1)
        jump = jnp.where(can_skip, shift(alpha, 2), nothing)
        if semiring == "probability":
            following = (alpha + move + jump) * frame
        else:
            following = jnp.logaddexp(jnp.logaddexp(alpha, move), jump) + frame
        if mask is not None:
            following = jnp.where(valid, following, alpha)
        return following, None

    rows = (scores[1:], mask[1:]) if mask is not None else scores[1:]
    alpha, _ = lax.scan(step, alpha, rows)
    if semiring == "probability":
        loss = -jnp.log(alpha[-1] + alpha[-2] + 1e-6)
    else:
        loss = -jnp.logaddexp(alpha[-1], alpha[-2])
    if per_frame:
        loss = loss / num_frames
    if scale is not None:
        loss = scale * loss
    return loss


def soft_min(a, b, c, gamma=0.5):
    stacked = jnp.stack([a, b, c])
    return -gamma * jax.nn.logsumexp(-stacked / gamma, axis=0)


def pairwise_cost(x, y, metric="squared"):
    diff = x[:, None, :] - y[None, :, :]
    if metric == "squared":
        return jnp.mean(jnp.square(diff), axis=-1)
    elif metric == "absolute":
        return jnp.mean(jnp.abs(diff), axis=-1)
    elif metric == "euclidean":
        return jnp.sqrt(jnp.sum(jnp.square(diff), axis=-1) + 1e-3)
    else:
        dot = jnp.einsum("id,jd->ij", x, y)
        x_norm = jnp.sqrt(jnp.sum(jnp.square(x), axis=-1) + 1e-2)
        y_norm = jnp.sqrt(jnp.sum(jnp.square(y), axis=-1) + 1e-2)
        return 1.0 - dot / (x_norm[:, None] * y_norm[None, :])


@family(
    "loop",
    x="n d",
    y="m d",
    scale="? d in 0.5..2.0",
    metric={"squared": 4, "absolute": 2, "euclidean": 2, "cosine": 2},
    gamma={0.5: 3, 0.2: 2, 1.0: 1},
    band={None: 3, 2: 1},
    penalty={None: 3, 0.1: 1, 0.2: 1},
    normalise={False: 3, True: 1},
    sizes={"n": (4, 4, 5), "m": (4, 4, 5), "d": (2, 4, 5)},
)
def soft_dtw(
    x,
    y,
    scale=None,
    *,
    metric="squared",
    gamma=0.5,
    band=None,
    penalty=None,
    normalise=False,
):
    """Soft dynamic time warping distance of two short series.

    Args:
        x: first series, one row for each time.
        y: second series.
        scale: factor of each feature.
        metric: cost of matching two times.
        gamma: how soft the minimum is.
        band: width of the Sakoe-Chiba band.
        penalty: cost of each step that stays at a time in one of the series.
        normalise: whether the distance is divided by the lengths.
    """
    if scale is not None:
        x = scale * x
        y = scale * y
    cost = pairwise_cost(x, y, metric)
    n, m = cost.shape
    if band is not None:
        apart = jnp.abs(jnp.arange(n)[:, None] - jnp.arange(m)[None, :])
        cost = jnp.where(apart > band, 1e3, cost)
    big = jnp.full(1, 1e3, dtype=cost.dtype)

    def row_step(above, costs):
        def cell_step(left, cell):
            c, up, diagonal = cell
            if penalty is not None:
                up, left = up + penalty, left + penalty
            value = c + soft_min(diagonal, up, left, gamma)
            return value, value

        _, row = lax.scan(cell_step, big[0], (costs, above[1:], above[:-1]))
        return jnp.concatenate([big, row]), None

    first = jnp.concatenate([jnp.zeros_like(big), jnp.full(m, 1e3, dtype=cost.dtype)])
    last, _ = lax.scan(row_step, first, cost)
    if normalise:
        return last[-1] / (n + m)
    return last[-1]


@family(
    "loop",
    x="n d in -1..1",
    y="m d in -1..1",
    gap="in 0.2..1.0",
    substitution="? d d in -0.5..0.5",
    mode={"global": 4, "local": 2, "semiglobal": 2},
    temperature={None: 2, 0.5: 2, 1.0: 1},
    normalise={False: 3, True: 1},
    offset={None: 3, 0.3: 1},
    sizes={"n": (4, 4, 5), "m": (4, 4, 5), "d": (4, 5, 6)},
)
def align(
    x,
    y,
    gap,
    substitution=None,
    *,
    mode="global",
    temperature=0.5,
    normalise=False,
    offset=None,
):
    """Score of the alignment of two sequences of embeddings, with linear gap costs.

    Args:
        x: embeddings of the first sequence.
        y: embeddings of the second sequence.
        gap: penalty of a gap.
        substitution: similarity of each pair of features.
        mode: the algorithm; "global" is Needleman and Wunsch's, "local" Smith and Waterman's.
        temperature: how soft the maximum is; it is hard by default.
        normalise: whether similarities are those of directions.
        offset: what is taken from each similarity.
    """
    if normalise:
        x = x / jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-2)
        y = y / jnp.sqrt(jnp.sum(jnp.square(y), axis=-1, keepdims=True) + 1e-2)
    if substitution is not None:
        scores = x @ substitution @ y.T
    else:
        scores = x @ y.T
    if offset is not None:
        scores = scores - offset
    n, m = scores.shape

    def choose(candidates):
        stacked = jnp.stack(candidates)
        if temperature is not None:
            return temperature * jax.nn.logsumexp(stacked / temperature)
        return jnp.max(stacked)

    def cell_step(left, cell):
        score, up, diagonal = cell
        if mode == "local":
            value = choose([diagonal + score, up - gap, left - gap, jnp.zeros_like(left)])
        else:
            value = choose([diagonal + score, up - gap, left - gap])
        return value, value

    def row_step(above, row):
        scores, start = row
        _, cells = lax.scan(cell_step, start, (scores, above[1:], above[:-1]))
        following = jnp.concatenate([start[None], cells])
        return following, jnp.max(cells)

    columns = jnp.arange(m + 1, dtype=x.dtype)
    rows = jnp.arange(1, n + 1, dtype=x.dtype)
    if mode == "global":
        first = -gap * columns
        starts = -gap * rows
    elif mode == "semiglobal":
        # The first sequence may begin and end anywhere in the second one.
        first = jnp.zeros_like(columns)
        starts = -gap * rows
    else:
        first = jnp.zeros_like(columns)
        starts = jnp.zeros_like(rows)
    last, best = lax.scan(row_step, first, (scores, starts))
    if mode == "local":
        return jnp.max(best)
    if mode == "semiglobal":
        return jnp.max(last)
    return last[-1]


@family(
    "loop",
    values="n in 0.2..2.0",
    weights="n int 4",
    available="? n bool",
    temperature={None: 3, 0.2: 1, 0.5: 1},
    loop={"scan": 3, "fori": 2},
    shift={"take": 2, "roll": 1},
    capacity=(5, 6, 8, 10),
    table={False: 2, True: 2},
    sizes={"n": (4, 5, 6, 8)},
)
def knapsack(
    values,
    weights,
    available=None,
    *,
    temperature=None,
    loop="scan",
    shift="take",
    capacity=8,
    table=False,
):
    """Value of the best choice of items in the 0/1 knapsack problem.

    Args:
        values: value of each item.
        weights: weight of each item, an integer; one more than the number that is given.
        available: items that may be chosen.
        temperature: how soft the maximum is; it is hard by default.
        capacity: greatest capacity.
        table: whether the values for all capacities are wanted.
    """
    room = jnp.arange(capacity + 1)
    weights = weights + 1
    if available is not None:
        values = jnp.where(available, values, -10.0)

    def add_item(best, value, weight):
        if shift == "roll":
            before = jnp.roll(best, weight)
        else:
            before = jnp.take(best, jnp.clip(room - weight, 0, capacity))
        taken = jnp.where(room >= weight, before + value, -10.0)
        if temperature is not None:
            return temperature * jnp.logaddexp(best / temperature, taken / temperature)
        return jnp.maximum(best, taken)

    best = jnp.zeros(capacity + 1, dtype=values.dtype)
    if loop == "scan":

        def step(best, item):
            value, weight = item
            return add_item(best, value, weight), None

        best, _ = lax.scan(step, best, (values, weights))
    else:
        n = values.shape[0]
        best = lax.fori_loop(0, n, lambda i, best: add_item(best, values[i], weights[i]), best)
    if table:
        return best
    return best[-1]


@family(
    "loop",
    lengths="n n in 0.2..2.0",
    edges="? n n bool",
    potential="? n in 0.0..0.5",
    algorithm={"floyd_warshall": 4, "squaring": 2},
    temperature={None: 3, 0.2: 1, 0.1: 1},
    symmetric={False: 2, True: 1},
    own={"where": 2, "mask": 1},
    sizes={"n": (4, 4, 5, 6)},
)
def all_pairs_distances(
    lengths,
    edges=None,
    potential=None,
    *,
    algorithm="floyd_warshall",
    temperature=None,
    symmetric=False,
    own="where",
):
    """Lengths of the shortest paths between all nodes of a small graph.

    Args:
        lengths: length of the edge from each node to each other.
        edges: edges that exist.
        potential: cost of entering each node.
        algorithm: Floyd and Warshall's, or repeated squaring of the distance matrix.
        temperature: how soft the minimum is; it is hard by default.
        symmetric: whether edges are undirected.
    """
    n = lengths.shape[0]
    if symmetric:
        lengths = 0.5 * (lengths + lengths.T)
    if potential is not None:
        lengths = lengths + potential[None, :]
    if edges is not None:
        # Much longer than any path.
        lengths = jnp.where(edges, lengths, 20.0)
    if own == "mask":
        dist = lengths * (1.0 - jnp.eye(n, dtype=lengths.dtype))
    else:
        dist = jnp.where(jnp.eye(n, dtype=bool), 0.0, lengths)
    if algorithm == "squaring":

        def square(_, dist):
            paths = dist[:, :, None] + dist[None, :, :]
            if temperature is not None:
                return -temperature * jax.nn.logsumexp(-paths / temperature, axis=1)
            return jnp.min(paths, axis=1)

        return lax.fori_loop(0, 3, square, dist)

    def step(k, dist):
        paths = dist[:, k][:, None] + dist[k][None, :]
        if temperature is not None:
            return -temperature * jnp.logaddexp(-dist / temperature, -paths / temperature)
        return jnp.minimum(dist, paths)

    return lax.fori_loop(0, n, step, dist)


@family(
    "loop",
    lengths="n n in 0.2..2.0",
    source="n in 0.0..5.0",
    edges="? n n bool",
    temperature=(None, 0.2, 0.1),
    symmetric=(False, True),
    loop=("fori", "scan"),
    keep={True: 2, False: 1},
    steps={3: 2, 4: 2, 5: 1},
    sizes={"n": (4, 4, 5, 6)},
)
def bellman_ford(
    lengths,
    source,
    edges=None,
    *,
    temperature=None,
    symmetric=False,
    loop="fori",
    keep=True,
    steps=4,
):
    """Cost of reaching each node of a small graph, by Bellman and Ford's algorithm.

    Args:
        lengths: length of the edge from each node to each other.
        source: cost of beginning at each node.
        edges: edges that exist.
        temperature: how soft the minimum is; it is hard by default.
        symmetric: whether edges are undirected.
        keep: whether shorter paths count as well, besides those with just so many edges.
        steps: greatest number of edges of a path.
    """
    if symmetric:
        lengths = 0.5 * (lengths + lengths.T)
    if edges is not None:
        # Much longer than any path.
        lengths = jnp.where(edges, lengths, 20.0)

    def relax(dist):
        paths = dist[:, None] + lengths
        if temperature is not None:
            reached = -temperature * jax.nn.logsumexp(-paths / temperature, axis=0)
        else:
            reached = jnp.min(paths, axis=0)
        if keep:
            reached = jnp.minimum(dist, reached)
        return reached

    if loop == "scan":
        dist, _ = lax.scan(lambda dist, _: (relax(dist), None), source, None, length=steps)
        return dist
    return lax.fori_loop(0, steps, lambda _, dist: relax(dist), source)


@family(
    "loop",
    "vector",
    matrices="t k k in -1..1",
    weights="? t in 0.8..1.5",
    method={"scan": 4, "associative": 3, "fori": 2},
    residual={False: 2, True: 2},
    reverse={False: 3, True: 1},
    prefixes={False: 2, True: 2},
    sizes={"t": (4, 5, 6), "k": (3, 4, 4)},
)
def chain_product(
    matrices, weights=None, *, method="scan", residual=False, reverse=False, prefixes=False
):
    """Product of a chain of matrices, each multiplied from the left.

    Args:
        matrices: the matrices, the first one first.
        weights: factor of each matrix.
        residual: whether the identity is added to each of them.
        reverse: whether the last one comes first.
        prefixes: whether all partial products are wanted.
    """
    if weights is not None:
        matrices = weights[:, None, None] * matrices
    eye = jnp.eye(matrices.shape[-1], dtype=matrices.dtype)
    if residual:
        matrices = matrices + eye
    if method == "associative":
        products = lax.associative_scan(lambda a, b: b @ a, matrices, reverse=reverse)
        if prefixes:
            return products
        return products[0] if reverse else products[-1]
    if prefixes:

        def step(product, matrix):
            product = matrix @ product
            return product, product

        _, products = lax.scan(step, eye, matrices, reverse=reverse)
        return products
    if method == "scan":

        def multiply(product, matrix):
            return matrix @ product, None

        product, _ = lax.scan(multiply, eye, matrices, reverse=reverse)
        return product
    t = matrices.shape[0]

    def multiply(i, product):
        if reverse:
            return matrices[t - 1 - i] @ product
        return matrices[i] @ product

    return lax.fori_loop(0, t, multiply, eye)


@family(
    "loop",
    matrices="t k k in -0.8..0.8",
    vector="k",
    inputs="t k in -0.5..0.5",
    readout="? k",
    mask="? t bool",
    residual={False: 2, True: 1},
    reverse={False: 3, True: 1},
    record={False: 2, True: 3},
    sizes={"t": (4, 5, 6, 8), "k": (2, 2, 4)},
)
def linear_recurrence(
    matrices,
    vector,
    inputs,
    readout=None,
    mask=None,
    *,
    residual=False,
    reverse=False,
    record=True,
):
    """Runs a linear time-varying system.

    Args:
        matrices: the transition matrix of each step.
        vector: the first state.
        inputs: what is added to the state at each step.
        readout: weights of the observed combination of the state.
        mask: steps that change the state.
        residual: whether each matrix is the change of the state.
        reverse: whether time runs backwards.
        record: whether all states are wanted, or the last one.
    """

    def advance(state, matrix, u):
        if residual:
            return state + matrix @ state + u
        return matrix @ state + u

    def step(state, row):
        if mask is not None:
            matrix, u, valid = row
            state = jnp.where(valid, advance(state, matrix, u), state)
        else:
            matrix, u = row
            state = advance(state, matrix, u)
        if record:
            return state, state
        return state, None

    rows = (matrices, inputs, mask) if mask is not None else (matrices, inputs)
    if record:
        _, states = lax.scan(step, vector, rows, reverse=reverse)
        if readout is not None:
            return states @ readout
        return states
    last, _ = lax.scan(step, vector, rows, reverse=reverse)
    if readout is not None:
        return jnp.dot(last, readout)
    return last


def riccati_step(p, a, b, q, r, form="joseph"):
    """One step backwards: the cost to go and the feedback gain."""
    pb = p @ b
    scale = r + jnp.dot(b, pb)
    gain = (pb @ a) / scale
    if form == "joseph":
        closed = a - jnp.outer(b, gain)
        p = jnp.diag(q) + r * jnp.outer(gain, gain) + closed.T @ p @ closed
    else:
        p = jnp.diag(q) + a.T @ p @ a - scale * jnp.outer(gain, gain)
    return p, gain


@family(
    "loop",
    a="n n in -0.5..0.5",
    b="n in -1..1",
    q="n in 0.2..1.0",
    final="? n in 0.5..2.0",
    r="? in 0.5..2.0",
    form={"joseph": 2, "short": 2},
    continuous={False: 2, True: 1},
    discount={None: 3, 0.9: 1},
    symmetrise={False: 3, True: 1},
    gains={True: 2, False: 1},
    horizon=(3, 4, 5, 6),
    sizes={"n": (2, 4, 4, 5)},
)
def lqr(
    a,
    b,
    q,
    final=None,
    r=None,
    *,
    form="joseph",
    continuous=False,
    discount=None,
    symmetrise=False,
    gains=True,
    horizon=5,
):
    """Riccati's recursion for a linear quadratic regulator with one input.

    Args:
        a: how the state changes by itself.
        b: how the input changes the state.
        q: cost of each component of the state.
        final: cost of the components of the last state.
        r: cost of the input; one by default.
        form: the form of the recursion.
        continuous: whether time is continuous, with steps of 0.2 by Euler's method.
        discount: discount of future costs.
        symmetrise: whether the matrix is made symmetric at each step.
        gains: whether the gains are wanted as well, from the last step to the first.
        horizon: number of steps.

    Returns:
        The matrix of the cost to go, and the gains if they are wanted.
    """
    if continuous:
        a = jnp.eye(a.shape[0], dtype=a.dtype) + 0.2 * a
        b = 0.2 * b
    if discount is not None:
        a = discount**0.5 * a
        b = discount**0.5 * b
    if r is None:
        r = 1.0
    if final is not None:
        p = jnp.diag(final)
    else:
        p = jnp.diag(q)

    def step(p, _):
        p, gain = riccati_step(p, a, b, q, r, form=form)
        if symmetrise:
            p = 0.5 * (p + p.T)
        return p, gain

    p, feedback = lax.scan(step, p, None, length=horizon)
    if gains:
        return p, feedback
    return p


@family(
    "loop",
    a="n n in -0.5..0.5",
    b="n in -1..1",
    q="n in 0.2..1.0",
    x0="n",
    target="? n in -0.5..0.5",
    r="? in 0.5..2.0",
    form={"joseph": 2, "short": 2},
    bound={None: 2, 2.0: 1, 3.0: 1},
    controls={False: 1, True: 2},
    horizon=(3, 4, 5, 6),
    sizes={"n": (2, 4, 4, 5)},
)
def lqr_rollout(
    a, b, q, x0, target=None, r=None, *, form="joseph", bound=None, controls=True, horizon=4
):
    """Simulates a system under its linear quadratic regulator.

    Args:
        a: how the state changes by itself.
        b: how the input changes the state.
        q: cost of each component of the state.
        x0: the first state.
        target: state that the regulator aims at; zero by default.
        r: cost of the input; one by default.
        form: the form of the Riccati recursion.
        bound: greatest magnitude of the input.
        controls: whether the inputs are wanted as well.
        horizon: number of steps.

    Returns:
        The states after each step, and the inputs if they are wanted.
    """
    if r is None:
        r = 1.0

    def back(p, _):
        return riccati_step(p, a, b, q, r, form=form)

    _, gains = lax.scan(back, jnp.diag(q), None, length=horizon)

    def advance(x, gain):
        if target is not None:
            u = -jnp.dot(gain, x - target)
        else:
            u = -jnp.dot(gain, x)
        if bound is not None:
            u = jnp.clip(u, -bound, bound)
        x = a @ x + b * u
        return x, (x, u)

    # The gains were found from the last to the first.
    _, (states, inputs) = lax.scan(advance, x0, gains, reverse=True)
    if controls:
        return states, inputs
    return states


@family(
    "loop",
    rewards="n k",
    transitions="k n n",
    terminal="? n in 0.0..0.9",
    initial="? n",
    operator={"max": 4, "soft": 3, "mellowmax": 1, "boltzmann": 1},
    gamma=(0.9, 0.8, 0.95),
    layout={"einsum": 2, "matmul": 1},
    loop={"fori": 2, "scan": 1},
    q_function={False: 3, True: 2},
    num_steps=(3, 4, 5, 6),
    sizes={"n": (4, 4, 5, 6), "k": (2, 2, 4)},
)
def value_iteration(
    rewards,
    transitions,
    terminal=None,
    initial=None,
    *,
    operator="max",
    gamma=0.9,
    layout="einsum",
    loop="fori",
    q_function=False,
    num_steps=5,
):
    """Value iteration for a small Markov decision process.

    Args:
        rewards: reward of each action in each state.
        transitions: logits of the next state, for each action and state.
        terminal: probability that the process ends in a state.
        initial: values that the iteration begins with; zeros by default.
        operator: how the values of the actions are combined; "max" is Bellman's operator.
        gamma: discount.
        q_function: whether the values of the actions are wanted rather than the states'.
        num_steps: number of sweeps.
    """
    probs = jax.nn.softmax(transitions, axis=-1)

    def backup(v):
        if layout == "matmul":
            following = (probs @ v).T
        else:
            following = jnp.einsum("kij,j->ik", probs, v)
        if terminal is not None:
            following = (1.0 - terminal[:, None]) * following
        return rewards + gamma * following

    def sweep(v):
        q = backup(v)
        if operator == "soft":
            return 0.5 * jax.nn.logsumexp(2.0 * q, axis=1)
        elif operator == "mellowmax":
            return 0.5 * jnp.log(jnp.mean(jnp.exp(2.0 * q), axis=1))
        elif operator == "boltzmann":
            return jnp.sum(jax.nn.softmax(2.0 * q, axis=1) * q, axis=1)
        else:
            return jnp.max(q, axis=1)

    if initial is not None:
        v = initial
    else:
        v = jnp.zeros_like(rewards[:, 0])
    if loop == "scan":
        v, _ = lax.scan(lambda v, _: (sweep(v), None), v, None, length=num_steps)
    else:
        v = lax.fori_loop(0, num_steps, lambda _, v: sweep(v), v)
    if q_function:
        return backup(v)
    return v


@family(
    "loop",
    rewards="n k",
    transitions="k n n",
    policy="n k",
    terminal="? n in 0.0..0.9",
    initial="? n",
    entropy={None: 3, 0.1: 1, 0.5: 1},
    gamma=(0.9, 0.8, 0.95),
    averaged={True: 2, False: 2},
    loop={"fori": 2, "scan": 1},
    num_steps=(3, 4, 5, 6),
    sizes={"n": (4, 4, 5, 6), "k": (2, 2, 4)},
)
def policy_evaluation(
    rewards,
    transitions,
    policy,
    terminal=None,
    initial=None,
    *,
    entropy=None,
    gamma=0.9,
    averaged=True,
    loop="fori",
    num_steps=5,
):
    """Iterative evaluation of a policy in a small Markov decision process.

    Args:
        rewards: reward of each action in each state.
        transitions: logits of the next state, for each action and state.
        policy: logits of the actions in each state.
        terminal: probability that the process ends in a state.
        initial: values that the iteration begins with; zeros by default.
        entropy: weight of the policy's entropy.
        gamma: discount.
        num_steps: number of sweeps.

    Returns:
        The values of the states.
    """
    probs = jax.nn.softmax(transitions, axis=-1)
    actions = jax.nn.softmax(policy, axis=-1)
    reward = jnp.sum(actions * rewards, axis=1)
    if entropy is not None:
        log_actions = jax.nn.log_softmax(policy, axis=-1)
        reward = reward - entropy * jnp.sum(actions * log_actions, axis=1)
    if terminal is not None:
        discount = gamma * (1.0 - terminal)
    else:
        discount = gamma
    if averaged:
        # The chain that the policy makes of the process.
        chain = jnp.einsum("ik,kij->ij", actions, probs)

    def sweep(v):
        if averaged:
            return reward + discount * (chain @ v)
        following = jnp.einsum("kij,j->ik", probs, v)
        return reward + discount * jnp.sum(actions * following, axis=1)

    if initial is not None:
        v = initial
    else:
        v = jnp.zeros_like(reward)
    if loop == "scan":
        v, _ = lax.scan(lambda v, _: (sweep(v), None), v, None, length=num_steps)
        return v
    return lax.fori_loop(0, num_steps, lambda _, v: sweep(v), v)


@family(
    "loop",
    symbols="t int c",
    transitions="c k k",
    accept="k",
    start="? k",
    mask="? t bool",
    semiring={"probability": 4, "log": 2, "viterbi": 1},
    lookup={"take": 3, "one_hot": 2, "index": 2},
    reverse={False: 3, True: 1},
    sizes={"t": (4, 5, 6, 8), "c": (2, 4), "k": (4, 4, 5)},
    only="float32",
)
def soft_automaton(
    symbols,
    transitions,
    accept,
    start=None,
    mask=None,
    *,
    semiring="probability",
    lookup="take",
    reverse=False,
):
    """Score with which a probabilistic automaton accepts a word.

    Args:
        symbols: the word, an integer for each symbol.
        transitions: logits of the next state, for each symbol and state.
        accept: logits of accepting in each state.
        start: logits of the first state.
        mask: symbols that belong to the word.
        semiring: whether the score is a probability, its logarithm, or that of the best path.
        reverse: whether the word is read from its end.
    """
    if start is None:
        start = jnp.zeros_like(accept).at[0].set(2.0)
    log_matrices = jax.nn.log_softmax(transitions, axis=-1)
    if lookup == "one_hot":
        one_hot = jax.nn.one_hot(symbols, transitions.shape[0], dtype=transitions.dtype)
        matrices = jnp.einsum("tc,cij->tij", one_hot, log_matrices)
    elif lookup == "take":
        matrices = jnp.take(log_matrices, symbols, axis=0)
    else:
        matrices = log_matrices[symbols]
    if semiring == "probability":
        matrices = jnp.exp(matrices)
        state = jax.nn.softmax(start)
    else:
        state = jax.nn.log_softmax(start)

    def advance(state, matrix):
        if semiring == "probability":
            return state @ matrix
        elif semiring == "log":
            return jax.nn.logsumexp(state[:, None] + matrix, axis=0)
        else:
            return jnp.max(state[:, None] + matrix, axis=0)

    def step(state, row):
        if mask is not None:
            matrix, valid = row
            state = jnp.where(valid, advance(state, matrix), state)
        else:
            state = advance(state, row)
        return state, None

    rows = (matrices, mask) if mask is not None else matrices
    state, _ = lax.scan(step, state, rows, reverse=reverse)
    if semiring == "probability":
        return jnp.dot(state, jax.nn.sigmoid(accept))
    log_accepting = jax.nn.log_sigmoid(accept)
    if semiring == "viterbi":
        return jnp.max(state + log_accepting)
    return jax.nn.logsumexp(state + log_accepting)


def soft_gate(x, sharpness=4.0, direction="above"):
    if direction == "below":
        return jax.nn.sigmoid(-sharpness * x)
    return jax.nn.sigmoid(sharpness * x)


def count_up(gates, cap=None, reverse=False):
    def step(count, gate):
        count = (count + 1.0) * gate
        if cap is not None:
            count = jnp.minimum(count, cap)
        return count, count

    _, counts = lax.scan(step, jnp.zeros_like(gates[0]), gates, reverse=reverse)
    return counts


@family(
    "loop",
    x="... t",
    threshold="? in -0.5..0.5",
    flags="? t bool",
    sharpness={4.0: 2, 2.0: 2},
    cap={None: 3, 4.0: 1},
    direction={"above": 3, "below": 1},
    reverse={False: 3, True: 1},
    time_first={False: 3, True: 1},
    sizes={"t": (6, 8, 8, 10, 12)},
)
def run_lengths(
    x,
    threshold=None,
    flags=None,
    *,
    sharpness=4.0,
    cap=None,
    direction="above",
    reverse=False,
    time_first=False,
):
    """Soft lengths of the runs in which a series stays on one side, at each time.

    Args:
        x: the series, with time as its last axis.
        threshold: border between the sides; zero by default.
        flags: times at which a run may go on.
        sharpness: how sharply the sides are told apart.
        cap: greatest length.
        direction: the side.
        reverse: whether the rest of each run is counted rather than what has passed.
        time_first: whether time is the first axis of the lengths.
    """
    if threshold is not None:
        x = x - threshold
    gate = soft_gate(x, sharpness=sharpness, direction=direction)
    if flags is not None:
        gate = jnp.where(flags, gate, 0.0)
    counts = count_up(jnp.moveaxis(gate, -1, 0), cap=cap, reverse=reverse)
    if time_first:
        return counts
    return jnp.moveaxis(counts, 0, -1)


@family(
    "loop",
    x="... t",
    threshold="? in -0.5..0.5",
    flags="? t bool",
    sharpness={4.0: 2, 2.0: 2},
    direction={"above": 3, "below": 1},
    reduction={"max": 2, "logsumexp": 2},
    carry={"history": 1, "running": 2},
    sizes={"t": (6, 8, 8, 10, 12)},
)
def longest_run(
    x,
    threshold=None,
    flags=None,
    *,
    sharpness=4.0,
    direction="above",
    reduction="max",
    carry="running",
):
    """Soft length of the longest run in which a series stays on one side.

    Args:
        x: the series, with time as its last axis.
        threshold: border between the sides; zero by default.
        flags: times at which a run may go on.
        sharpness: how sharply the sides are told apart.
        direction: the side.
        reduction: the maximum of the lengths, or a smooth one.
    """
    if threshold is not None:
        x = x - threshold
    gate = soft_gate(x, sharpness=sharpness, direction=direction)
    if flags is not None:
        gate = jnp.where(flags, gate, 0.0)
    gates = jnp.moveaxis(gate, -1, 0)
    if carry == "history":
        counts = count_up(gates)
        if reduction == "logsumexp":
            return jax.nn.logsumexp(counts, axis=0)
        return jnp.max(counts, axis=0)

    def step(state, gate):
        count, longest = state
        count = (count + 1.0) * gate
        if reduction == "logsumexp":
            longest = jnp.logaddexp(longest, count)
        else:
            longest = jnp.maximum(longest, count)
        return (count, longest), None

    zeros = jnp.zeros_like(gates[0])
    (_, longest), _ = lax.scan(step, (zeros, zeros), gates)
    return longest


@family(
    "loop",
    x="... n",
    payload="? ... n",
    swap={"hard": 3, "logistic": 3, "cauchy": 1},
    steepness={4.0: 2, 2.0: 1, 8.0: 1},
    descending={False: 3, True: 1},
    loop={"fori": 3, "scan": 1},
    pairs={"strided": 2, "reshaped": 1},
    sizes={"n": (4, 6, 8)},
)
def odd_even_sort(
    x,
    payload=None,
    *,
    swap="logistic",
    steepness=4.0,
    descending=False,
    loop="fori",
    pairs="strided",
):
    """Sorts the last axis by odd-even transposition, which may swap neighbours softly.

    Args:
        x: what is sorted; its last axis has an even size.
        payload: values that move along with the keys.
        swap: whether neighbours are swapped or mixed, by a sigmoid or Cauchy's distribution.
        steepness: how fast a swap gets certain.
        descending: whether the greatest comes first.

    Returns:
        The sorted keys, and the values that moved along if there are any.
    """
    n = x.shape[-1]

    def keep_share(low, high):
        difference = low - high if descending else high - low
        if swap == "hard":
            return (difference >= 0.0).astype(low.dtype)
        elif swap == "logistic":
            return jax.nn.sigmoid(steepness * difference)
        else:
            return 0.5 + jnp.arctan(steepness * difference) / jnp.pi

    def split(x):
        if pairs == "reshaped":
            both = x.reshape(*x.shape[:-1], -1, 2)
            return both[..., 0], both[..., 1]
        return x[..., 0::2], x[..., 1::2]

    def exchange(x, keep):
        low, high = split(x)
        first = keep * low + (1.0 - keep) * high
        second = keep * high + (1.0 - keep) * low
        return jnp.stack([first, second], axis=-1).reshape(x.shape)

    def exchange_inner(x, keep):
        inner = exchange(x[..., 1:-1], keep)
        return jnp.concatenate([x[..., :1], inner, x[..., -1:]], axis=-1)

    def two_rounds(carry):
        if payload is not None:
            keys, values = carry
        else:
            keys = carry
        keep = keep_share(*split(keys))
        keys = exchange(keys, keep)
        keep_inner = keep_share(*split(keys[..., 1:-1]))
        keys = exchange_inner(keys, keep_inner)
        if payload is not None:
            return keys, exchange_inner(exchange(values, keep), keep_inner)
        return keys

    carry = (x, payload) if payload is not None else x
    if loop == "scan":
        carry, _ = lax.scan(lambda carry, _: (two_rounds(carry), None), carry, None, length=n // 2)
        return carry
    return lax.fori_loop(0, n // 2, lambda _, carry: two_rounds(carry), carry)


@family(
    "loop",
    spot="n in 0.8..1.2",
    strike="n in 0.8..1.2",
    volatility="n in 0.15..0.5",
    rate="? in 0.01..0.08",
    dividend="? in 0.01..0.05",
    option={"call": 3, "put": 3, "straddle": 1},
    american={False: 2, True: 3},
    tree={"crr": 3, "jarrow_rudd": 2},
    barrier={None: 4, 1.5: 1},
    loop={"scan": 2, "fori": 3},
    maturity=(0.5, 1.0),
    num_steps=(4, 5, 6, 8),
    sizes={"n": (2, 4, 5, 6)},
    only="float32",
)
def binomial_option(
    spot,
    strike,
    volatility,
    rate=None,
    dividend=None,
    *,
    option="call",
    american=False,
    tree="crr",
    barrier=None,
    loop="fori",
    maturity=1.0,
    num_steps=6,
):
    """Prices of options by backward induction on a binomial tree.

    Args:
        spot: prices of the underlyings.
        strike: strikes of the options.
        volatility: yearly volatilities.
        rate: yearly interest rate; 0.02 by default.
        dividend: yearly yield of the dividends.
        option: the payoff.
        american: whether the options may be exercised early.
        tree: the tree of Cox, Ross and Rubinstein, or that of Jarrow and Rudd.
        barrier: price above which the options are knocked out.
        maturity: time until the options expire, in years.
        num_steps: number of steps of the tree.
    """
    dt = maturity / num_steps
    if rate is None:
        rate = 0.02
    carry = rate - dividend if dividend is not None else rate
    if tree == "crr":
        log_up = volatility * dt**0.5
        log_down = -log_up
        up = jnp.exp(log_up)
        down = jnp.exp(log_down)
        prob = (jnp.exp(carry * dt) - down) / (up - down)
    else:
        drift = (carry - 0.5 * jnp.square(volatility)) * dt
        log_up = drift + volatility * dt**0.5
        log_down = drift - volatility * dt**0.5
        prob = jnp.full_like(spot, 0.5)
    discount = jnp.exp(-rate * dt)
    ups = jnp.arange(num_steps + 1, dtype=spot.dtype)

    def prices_at(time):
        # Of all paths with so many ups; those with more ups than steps are never used.
        moves = ups * log_up[:, None] + (time - ups) * log_down[:, None]
        return spot[:, None] * jnp.exp(moves)

    def payoff(prices):
        gain = prices - strike[:, None]
        if option == "put":
            return jnp.maximum(0.0, -gain)
        elif option == "straddle":
            return jnp.abs(gain)
        else:
            return jnp.maximum(0.0, gain)

    def roll_back(values, time):
        after = jnp.concatenate([values[:, 1:], values[:, -1:]], axis=1)
        held = discount * (prob[:, None] * after + (1.0 - prob[:, None]) * values)
        prices = prices_at(time)
        if american:
            held = jnp.maximum(held, payoff(prices))
        if barrier is not None:
            held = jnp.where(prices < barrier, held, 0.0)
        return held

    values = payoff(prices_at(num_steps))
    if loop == "scan":
        times = jnp.arange(num_steps - 1, -1, -1, dtype=spot.dtype)
        values, _ = lax.scan(lambda values, time: (roll_back(values, time), None), values, times)
    else:
        values = lax.fori_loop(
            0, num_steps, lambda i, values: roll_back(values, num_steps - 1.0 - i), values
        )
    return values[:, 0]
