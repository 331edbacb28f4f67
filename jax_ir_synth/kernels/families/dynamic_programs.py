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
hmm_score: hmm_score 3, forward_algorithm 4, hmm_forward 3, sequence_score 2, crf_score 2
emissions: emissions 5, log_obs 2, unaries 2, obs_scores 1
transitions: transitions 5, transition_scores 2, trans 2, log_trans 2
alpha: alpha 6, forward 1, score 1
ctc: ctc 3, ctc_loss 4, ctc_forward 4
logits: logits 6, scores 1
labels: labels 6, targets 3
soft_dtw: soft_dtw 6, dtw 1, dtw_distance 2, softdtw 1
soft_min: soft_min 5, softmin 4, minimum 1
scale: scale 3, weight 4
cost: cost 6, distances 3, d 1
gap: gap 5, gap_penalty 4
align: align 4, alignment_score 5, soft_align 2, needleman_wunsch 2
knapsack: knapsack 6, solve_knapsack 2, knapsack_value 3
values: values 6, profits 2
capacity: capacity 6, budget 2
best: best 4, table 3, dp 3
shortest_paths: shortest_paths 5, all_pairs_distances 3, path_costs 2, graph_distances 2
lengths: lengths 3, edge_costs 3, weights 4, w 1
dist: dist 5, distances 3, d 2
chain_product: chain_product 4, matrix_chain 3, transfer_matrices 2, chain 1
lqr: lqr 5, riccati_recursion 3, solve_lqr 3, lqr_gains 2
value_iteration: value_iteration 6, solve_mdp 3, bellman_iteration 2
rewards: rewards 6, reward 2, r 2
q_values: q_values 4, q 5, action_values 1
soft_automaton: soft_automaton 4, automaton_score 2, weighted_automaton 3, run_automaton 2
symbols: symbols 4, tokens 4, inputs 1
run_lengths: run_lengths 4, streaks 2, soft_runs 2, count_runs 2
odd_even_sort: odd_even_sort 4, soft_sort 3, sorting_network 3
binomial_option: binomial_option 4, option_price 4, price_option 2, binomial_tree 2
spot: spot 4, s0 3
strike: strike 4, k 3
volatility: volatility 3, sigma 4, vol 2
"""


@family(
    "loop",
    emissions="t k",
    transitions="k k",
    start="? k",
    end="? k",
    mask="? t bool",
    kind={"logsumexp": 4, "max": 2, "tempered": 1, "probability": 2},
    normalise={"none": 3, "rows": 2, "all": 1},
    output={"score": 4, "table": 2, "average": 1, "marginals": 2, "last": 1},
    emission_scale={None: 3, 0.5: 1},
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
    normalise="none",
    output="score",
    emission_scale=None,
):
    """Score of a sequence over all paths through hidden states.

    Args:
        emissions: scores of the states at each time.
        transitions: scores of going from each state to each other.
        start: scores of the first state.
        end: scores of the last state.
        mask: times that belong to the sequence.
    """
    if emission_scale is not None:
        emissions = emission_scale * emissions
    if normalise == "rows":
        transitions = jax.nn.log_softmax(transitions, axis=1)
    elif normalise == "all":
        transitions = jax.nn.log_softmax(transitions, axis=1)
        emissions = emissions - jax.nn.logsumexp(emissions, axis=1, keepdims=True) + 1.0

    def reduce(scores):
        if kind == "max":
            return jnp.max(scores, axis=0)
        elif kind == "tempered":
            return 0.5 * jax.nn.logsumexp(2.0 * scores, axis=0)
        else:
            return jax.nn.logsumexp(scores, axis=0)

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
            return (alpha, score), score

        rows = (emissions[1:], mask[1:]) if mask is not None else emissions[1:]
        (alpha, score), scores = lax.scan(step, (first, jnp.log(total)), rows)
        if end is not None:
            score = score + jnp.log(jnp.dot(alpha, jnp.exp(end)))
        if output == "table":
            return score, scores
        return score

    def step(alpha, row):
        if mask is not None:
            scores, valid = row
            following = reduce(alpha[:, None] + transitions) + scores
            alpha = jnp.where(valid, following, alpha)
        else:
            alpha = reduce(alpha[:, None] + transitions) + row
        return alpha, alpha

    rows = (emissions[1:], mask[1:]) if mask is not None else emissions[1:]
    last, table = lax.scan(step, alpha, rows)
    if end is not None:
        last = last + end
    if output == "last":
        return last
    score = reduce(last)
    if output == "table":
        return score, table
    elif output == "average":
        return score / emissions.shape[0]
    elif output == "marginals":

        def back(beta, scores):
            following = jax.nn.logsumexp(transitions + (beta + scores)[None, :], axis=1)
            return following, following

        beta = jnp.zeros_like(alpha)
        _, betas = lax.scan(back, beta, emissions[1:], reverse=True)
        return jnp.concatenate([alpha[None], table[:-1]], axis=0) + betas
    else:
        return score


@family(
    "loop",
    logits="t c",
    labels="k int 4",
    mask="? t bool",
    scale="? in 0.5..1.5",
    blank={"last": 3, "first": 2},
    semiring={"log": 4, "max": 1, "probability": 2},
    skip={True: 3, False: 1},
    output={"loss": 4, "per_frame": 2, "path": 1, "focal": 1},
    temperature={None: 3, 2.0: 1},
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
    skip=True,
    output="loss",
    temperature=None,
):
    """Connectionist temporal classification: score of all alignments of labels to frames.

    Args:
        logits: scores of the classes in each frame; one class is the blank.
        labels: the labels, in order.
        mask: frames that count.
        scale: weight of the example.
    """
    num_frames, num_classes = logits.shape
    if temperature is not None:
        logits = logits / temperature
    log_probs = jax.nn.log_softmax(logits, axis=-1)
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
        stay = alpha
        move = shift(alpha, 1)
        jump = jnp.where(can_skip, shift(alpha, 2), nothing)
        if semiring == "probability":
            following = stay + move
            if skip:
                following = following + jump
            following = following * frame
        elif semiring == "max":
            following = jnp.maximum(stay, move)
            if skip:
                following = jnp.maximum(following, jump)
            following = following + frame
        else:
            following = jnp.logaddexp(stay, move)
            if skip:
                following = jnp.logaddexp(following, jump)
            following = following + frame
        if mask is not None:
            following = jnp.where(valid, following, alpha)
        return following, following

    rows = (scores[1:], mask[1:]) if mask is not None else scores[1:]
    alpha, table = lax.scan(step, alpha, rows)
    if semiring == "probability":
        loss = -jnp.log(alpha[-1] + alpha[-2] + 1e-6)
    elif semiring == "max":
        loss = -jnp.maximum(alpha[-1], alpha[-2])
    else:
        loss = -jnp.logaddexp(alpha[-1], alpha[-2])
    if output == "per_frame":
        loss = loss / num_frames
    elif output == "focal":
        loss = jnp.square(1.0 - jnp.exp(-loss)) * loss
    if scale is not None:
        loss = scale * loss
    if output == "path":
        return loss, jax.nn.softmax(table[-1])
    return loss


def soft_min(a, b, c, gamma=0.5):
    if gamma == 0.0:
        return jnp.minimum(jnp.minimum(a, b), c)
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
    scale="? in 0.5..2.0",
    metric={"squared": 4, "absolute": 2, "euclidean": 2, "cosine": 2},
    gamma={0.5: 3, 0.2: 2, 0.1: 1, 0.0: 1},
    band={None: 3, 2: 1},
    centre={False: 3, True: 1},
    output={"distance": 4, "normalised": 2, "last_row": 1, "table": 2},
    penalty={None: 3, 0.1: 1, 0.2: 1},
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
    centre=False,
    output="distance",
    penalty=None,
):
    """Dynamic time warping of two short series.

    Args:
        x: first series, one row for each time.
        y: second series.
        scale: factor of all costs.
        gamma: how soft the minimum is.
    """
    if centre:
        x = x - jnp.mean(x, axis=0)
        y = y - jnp.mean(y, axis=0)
    cost = pairwise_cost(x, y, metric)
    if scale is not None:
        cost = scale * cost
    n, m = cost.shape
    if band is not None:
        # Pairs too far from the diagonal cost much.
        apart = jnp.abs(jnp.arange(n)[:, None] - jnp.arange(m)[None, :])
        cost = jnp.where(apart > band, cost + 4.0, cost)
    big = jnp.full(1, 1e3, dtype=cost.dtype)

    def row_step(above, costs):
        def cell_step(left, cell):
            c, up, diagonal = cell
            if penalty is not None:
                # Staying at a time in one of the series costs something.
                up, left = up + penalty, left + penalty
            value = c + soft_min(diagonal, up, left, gamma)
            return value, value

        _, row = lax.scan(cell_step, big[0], (costs, above[1:], above[:-1]))
        row = jnp.concatenate([big, row])
        return row, row[1:]

    first = jnp.concatenate([jnp.zeros_like(big), jnp.full(m, 1e3, dtype=cost.dtype)])
    last, table = lax.scan(row_step, first, cost)
    if output == "normalised":
        return last[-1] / (n + m)
    elif output == "last_row":
        return last[1:]
    elif output == "table":
        return table
    else:
        return last[-1]


@family(
    "loop",
    x="n d in -1..1",
    y="m d in -1..1",
    gap="in 0.2..1.0",
    extend="? in 0.1..0.4",
    substitution="? d d in -0.5..0.5",
    mode={"global": 4, "local": 2, "edit": 2},
    soft={True: 3, False: 2},
    normalise={False: 3, True: 1},
    output={"score": 4, "row": 1, "length": 2},
    sizes={"n": (4, 4, 5), "m": (4, 4, 5), "d": (4, 5, 6)},
)
def align(
    x,
    y,
    gap,
    extend=None,
    substitution=None,
    *,
    mode="global",
    soft=True,
    normalise=False,
    output="score",
):
    """Score of the alignment of two sequences of embeddings.

    Args:
        x: embeddings of the first sequence.
        y: embeddings of the second sequence.
        gap: penalty of a gap.
        extend: what a gap costs less where it is in the second sequence.
        substitution: similarity of the features.
    """
    if normalise:
        x = x / jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-2)
        y = y / jnp.sqrt(jnp.sum(jnp.square(y), axis=-1, keepdims=True) + 1e-2)
    if substitution is not None:
        scores = jnp.einsum("id,de,je->ij", x, substitution, y) + x @ y.T
    else:
        scores = x @ y.T
    n, m = scores.shape
    if mode == "edit":
        # Similar pairs are cheap to match.
        scores = scores - 1.0
    gap_y = gap - extend if extend is not None else gap

    def choose(candidates):
        stacked = jnp.stack(candidates)
        if soft:
            return 0.5 * jax.nn.logsumexp(2.0 * stacked)
        return jnp.max(stacked)

    def cell_step(left, cell):
        score, up, diagonal = cell
        if mode == "local":
            value = choose([diagonal + score, up - gap, left - gap_y, jnp.zeros_like(left)])
        else:
            value = choose([diagonal + score, up - gap, left - gap_y])
        return value, value

    def row_step(above, row):
        scores, start = row
        _, cells = lax.scan(cell_step, start, (scores, above[1:], above[:-1]))
        following = jnp.concatenate([start[None], cells])
        return following, jnp.max(cells)

    columns = jnp.arange(m + 1, dtype=x.dtype)
    rows = jnp.arange(1, n + 1, dtype=x.dtype)
    if mode == "local":
        first = jnp.zeros_like(columns)
        starts = jnp.zeros_like(rows)
    else:
        first = -gap_y * columns
        starts = -gap * rows
    last, best = lax.scan(row_step, first, (scores, starts))
    if output == "row":
        return last
    if mode == "local":
        score = jnp.max(best)
    else:
        score = last[-1]
    if output == "length":
        return score / (n + m)
    return score


@family(
    "loop",
    values="n in 0.2..2.0",
    weights="n int 4",
    limits="? n in 0.3..1.0",
    kind={"max": 4, "count": 2, "soft": 2},
    scan={True: 3, False: 2},
    capacity=(5, 6, 8, 10),
    discount={None: 3, 0.9: 1},
    output={"best": 4, "table": 3, "marginal": 1, "average": 1},
    sizes={"n": (4, 5, 6, 8)},
)
def knapsack(
    values,
    weights,
    limits=None,
    *,
    kind="max",
    scan=True,
    capacity=8,
    discount=None,
    output="best",
):
    """Values of the best choices of items for each capacity.

    Args:
        values: value of each item.
        weights: weight of each item, an integer; one more than the number that is given.
        limits: factors of the values.
        capacity: greatest capacity.
    """
    if limits is not None:
        values = values * limits
    room = jnp.arange(capacity + 1)

    def add_item(best, value, weight):
        left = room - weight - 1
        before = jnp.take(best, jnp.clip(left, 0, capacity))
        taken = jnp.where(left >= 0, before + value, -10.0)
        if kind == "count":
            # The logarithm of a weighted number of choices.
            best = jnp.logaddexp(best, taken)
        elif kind == "soft":
            best = 0.2 * jnp.logaddexp(5.0 * best, 5.0 * taken)
        else:
            best = jnp.maximum(best, taken)
        if discount is not None:
            best = discount * best
        return best

    start = jnp.zeros(capacity + 1, dtype=values.dtype)
    if scan:

        def step(best, item):
            value, weight = item
            best = add_item(best, value, weight)
            return best, best[-1]

        best, history = lax.scan(step, start, (values, weights))
    else:
        n = values.shape[0]
        best = lax.fori_loop(0, n, lambda i, best: add_item(best, values[i], weights[i]), start)
    if output == "table":
        return best
    elif output == "marginal":
        return best[1:] - 0.5 * best[:-1]
    elif output == "average":
        return jnp.mean(best)
    else:
        return best[-1]


@family(
    "loop",
    lengths="n n in 0.2..2.0",
    source="? n in 0.0..1.0",
    edges="? n n bool",
    algorithm={"floyd_warshall": 4, "bellman_ford": 3, "squaring": 2},
    semiring={"min_plus": 4, "soft": 2, "max_min": 1, "max_product": 1},
    symmetric={False: 2, True: 1},
    output={"distances": 4, "mean": 2, "farthest": 2, "closeness": 1},
    steps={2: 2, 3: 2, 4: 1},
    sizes={"n": (4, 4, 5, 6)},
)
def shortest_paths(
    lengths,
    source=None,
    edges=None,
    *,
    algorithm="floyd_warshall",
    semiring="min_plus",
    symmetric=False,
    output="distances",
    steps=3,
):
    """Best paths between the nodes of a small graph.

    Args:
        lengths: length of the edge from each node to each other.
        source: what it costs to begin at each node.
        edges: edges that exist; others can hardly be used.
    """
    n = lengths.shape[0]
    if symmetric:
        lengths = 0.5 * (lengths + lengths.T)
    if edges is not None:
        if semiring == "max_min":
            lengths = jnp.where(edges, lengths, 0.1 * lengths)
        else:
            lengths = jnp.where(edges, lengths, lengths + 2.0)
    own = jnp.eye(n, dtype=bool)
    if semiring == "max_product":
        # The most probable path, from the probabilities of the edges.
        dist = jnp.where(own, 1.0, jnp.exp(-lengths))
    elif semiring == "max_min":
        # The widest path.
        dist = jnp.where(own, 4.0, lengths)
    else:
        dist = jnp.where(own, 0.0, lengths)

    def extend(paths, last):
        if semiring == "max_product":
            return jnp.max(paths[..., :, None] * last, axis=-2)
        elif semiring == "max_min":
            return jnp.max(jnp.minimum(paths[..., :, None], last), axis=-2)
        elif semiring == "soft":
            return -0.2 * jax.nn.logsumexp(-5.0 * (paths[..., :, None] + last), axis=-2)
        else:
            return jnp.min(paths[..., :, None] + last, axis=-2)

    if algorithm == "bellman_ford":
        start = extend(source, dist) if source is not None else dist[0]
        reached = lax.fori_loop(0, steps, lambda _, reached: extend(reached, dist), start)
        if output == "mean":
            return jnp.mean(reached)
        return reached
    elif algorithm == "squaring":
        dist = lax.fori_loop(0, 2, lambda _, dist: extend(dist, dist), dist)
    else:

        def step(k, dist):
            to_k, from_k = dist[:, k][:, None], dist[k][None, :]
            if semiring == "max_product":
                return jnp.maximum(dist, to_k * from_k)
            elif semiring == "max_min":
                return jnp.maximum(dist, jnp.minimum(to_k, from_k))
            elif semiring == "soft":
                return -0.2 * jnp.logaddexp(-5.0 * dist, -5.0 * (to_k + from_k))
            else:
                return jnp.minimum(dist, to_k + from_k)

        dist = lax.fori_loop(0, n, step, dist)
    if source is not None:
        if semiring == "max_product":
            dist = jnp.exp(-source)[:, None] * dist
        else:
            dist = source[:, None] + dist
    if output == "mean":
        return jnp.mean(dist)
    elif output == "farthest":
        if semiring == "max_product":
            return jnp.min(dist, axis=1)
        elif semiring == "max_min":
            return jnp.min(dist, axis=1)
        else:
            return jnp.max(dist, axis=1)
    elif output == "closeness":
        return n / (jnp.sum(dist, axis=1) + 1.0)
    else:
        return dist


@family(
    "loop",
    matrices="t k k in -0.8..0.8",
    vector="? k",
    left="? k",
    inputs="? t k in -0.5..0.5",
    method={"scan": 4, "associative": 3, "fori": 2},
    residual={False: 2, True: 2},
    rescale={False: 2, True: 1},
    exponential={False: 3, True: 1},
    reverse={False: 3, True: 1},
    output={"last": 3, "all": 3, "norms": 1},
    sizes={"t": (4, 5, 6, 8), "k": (2, 2, 4)},
)
def chain_product(
    matrices,
    vector=None,
    left=None,
    inputs=None,
    *,
    method="scan",
    residual=False,
    rescale=False,
    exponential=False,
    reverse=False,
    output="last",
):
    """Product of a chain of matrices, or of these with a vector.

    Args:
        matrices: the matrices, the first one first.
        vector: vector that the matrices are applied to, one after the other.
        left: vector that the result is multiplied by.
        inputs: vectors that change what the matrices do, one for each.
    """
    k = matrices.shape[-1]
    if exponential:
        # Positive matrices, as those of a partition function.
        matrices = jnp.exp(matrices) / k
    if residual:
        matrices = matrices + jnp.eye(k, dtype=matrices.dtype)
    if vector is not None:

        def step(state, row):
            if inputs is not None:
                matrix, u = row
                state = matrix @ state + u
            else:
                state = row @ state
            if rescale:
                state = state * lax.rsqrt(jnp.mean(jnp.square(state)) + 1e-2)
            return state, state

        rows = (matrices, inputs) if inputs is not None else matrices
        last, states = lax.scan(step, vector, rows, reverse=reverse)
        if left is not None:
            if output == "all":
                return states @ left
            return jnp.dot(left, last)
        if output == "all":
            return states
        elif output == "norms":
            return jnp.sqrt(jnp.sum(jnp.square(states), axis=1) + 1e-4)
        else:
            return last
    if inputs is not None:
        # Each matrix is updated by the product of a vector with itself.
        matrices = matrices + inputs[:, :, None] * inputs[:, None, :]
    if method == "associative":
        products = lax.associative_scan(lambda a, b: b @ a, matrices, reverse=reverse)
        product = products[0] if reverse else products[-1]
    elif method == "fori":
        t = matrices.shape[0]

        def step(i, product):
            if reverse:
                return matrices[t - 1 - i] @ product
            return matrices[i] @ product

        product = lax.fori_loop(0, t, step, jnp.eye(k, dtype=matrices.dtype))
        products = product[None]
    else:

        def step(product, matrix):
            product = matrix @ product
            if rescale:
                product = product * lax.rsqrt(jnp.mean(jnp.square(product)) + 1e-2)
            return product, product

        eye = jnp.eye(k, dtype=matrices.dtype)
        product, products = lax.scan(step, eye, matrices, reverse=reverse)
    if left is not None:
        return left @ product
    if output == "all":
        return products
    elif output == "norms":
        return jnp.sqrt(jnp.sum(jnp.square(products), axis=(1, 2)) + 1e-4)
    else:
        return product


@family(
    "loop",
    a="n n in -0.5..0.5",
    b="n in -1..1",
    q="n in 0.2..1.0",
    x0="? n",
    final="? n in 0.5..2.0",
    r="? in 0.5..2.0",
    continuous={False: 2, True: 2},
    discount={None: 3, 0.9: 1},
    symmetrise={False: 3, True: 1},
    cross={False: 3, True: 1},
    output={"cost_matrix": 3, "gains": 3, "diagonal": 1, "both": 2},
    horizon=(3, 4, 5, 6),
    sizes={"n": (2, 4, 4, 5)},
)
def lqr(
    a,
    b,
    q,
    x0=None,
    final=None,
    r=None,
    *,
    continuous=False,
    discount=None,
    symmetrise=False,
    cross=False,
    output="cost_matrix",
    horizon=5,
):
    """Linear quadratic regulator with one input, by Riccati's recursion.

    Args:
        a: how the state changes by itself.
        b: how the input changes the state.
        q: cost of each component of the state.
        x0: state from which the regulated system is simulated.
        final: cost of the components of the last state.
        r: cost of the input.
        horizon: number of steps.
    """
    n = a.shape[0]
    if continuous:
        # A step of Euler's method.
        a = jnp.eye(n, dtype=a.dtype) + 0.2 * a
        b = 0.2 * b
    if discount is not None:
        a = discount * a
    if r is None:
        r = 1.0
    if final is None:
        p = jnp.diag(q)
    else:
        p = jnp.diag(final)

    def step(p, _):
        pb = p @ b
        scale = r + jnp.dot(b, pb)
        gain = (pb @ a) / scale
        if cross:
            gain = gain + 0.1 * b / scale
        closed = a - jnp.outer(b, gain)
        p = jnp.diag(q) + r * jnp.outer(gain, gain) + closed.T @ p @ closed
        if symmetrise:
            p = 0.5 * (p + p.T)
        return p, gain

    p, gains = lax.scan(step, p, None, length=horizon)
    if x0 is not None:

        def advance(x, gain):
            u = -jnp.dot(gain, x)
            x = a @ x + b * u
            return x, (x, u)

        # The gains were found from the last to the first.
        _, (states, controls) = lax.scan(advance, x0, gains, reverse=True)
        if output == "cost_matrix":
            return x0 @ p @ x0
        elif output == "both":
            return states, controls
        elif output == "diagonal":
            return jnp.sum(jnp.square(states) * q) + r * jnp.sum(jnp.square(controls))
        else:
            return states
    if output == "gains":
        return gains
    elif output == "diagonal":
        return jnp.diagonal(p)
    elif output == "both":
        return p, gains
    else:
        return p


@family(
    "loop",
    rewards="n k",
    transitions="k n n",
    policy="? n k",
    mask="? n k bool",
    terminal="? n in 0.0..0.9",
    kind={"optimal": 4, "soft": 3, "mellow": 1},
    gamma=(0.8, 0.9, 0.95),
    update={"value": 4, "q": 2, "damped": 1},
    output={"values": 4, "q_values": 2, "policy": 1, "residual": 1, "history": 1},
    num_steps=(3, 4, 5, 6),
    sizes={"n": (4, 4, 5, 6), "k": (2, 2, 4)},
)
def value_iteration(
    rewards,
    transitions,
    policy=None,
    mask=None,
    terminal=None,
    *,
    kind="optimal",
    gamma=0.9,
    update="value",
    output="values",
    num_steps=5,
):
    """Values of the states of a small decision process.

    Args:
        rewards: reward of each action in each state.
        transitions: logits of the next state, for each action and state.
        policy: logits of the actions; with them the policy is evaluated.
        mask: actions that are allowed.
        terminal: probability that the process ends in a state.
        gamma: discount.
        num_steps: number of sweeps.
    """
    probs = jax.nn.softmax(transitions, axis=-1)
    if policy is not None:
        action_probs = jax.nn.softmax(policy, axis=-1)

    def q_values(v):
        following = jnp.einsum("kij,j->ik", probs, v)
        if terminal is not None:
            following = (1.0 - terminal[:, None]) * following
        q = rewards + gamma * following
        if mask is not None:
            q = jnp.where(mask, q, q - 5.0)
        return q

    def state_value(q):
        if policy is not None:
            return jnp.sum(action_probs * q, axis=1)
        elif kind == "soft":
            return 0.5 * jax.nn.logsumexp(2.0 * q, axis=1)
        elif kind == "mellow":
            # A mean that leans towards the best action.
            weights = jax.nn.softmax(2.0 * q, axis=1)
            return jnp.sum(weights * q, axis=1)
        else:
            return jnp.max(q, axis=1)

    if output == "history":

        def step(v, _):
            following = state_value(q_values(v))
            return following, jnp.max(jnp.abs(following - v))

        v, changes = lax.scan(step, jnp.zeros_like(rewards[:, 0]), None, length=num_steps)
        return v, changes
    if update == "q":
        q = lax.fori_loop(0, num_steps, lambda _, q: q_values(state_value(q)), rewards)
        v = state_value(q)
    else:

        def step(_, v):
            if update == "damped":
                return 0.3 * v + 0.7 * state_value(q_values(v))
            return state_value(q_values(v))

        v = lax.fori_loop(0, num_steps, step, jnp.zeros_like(rewards[:, 0]))
    if output == "q_values":
        return q_values(v)
    elif output == "policy":
        return v, jax.nn.log_softmax(q_values(v), axis=1)
    elif output == "residual":
        return v, state_value(q_values(v)) - 0.5 * v
    else:
        return v


@family(
    "loop",
    symbols="t int c",
    transitions="c k k",
    start="? k",
    accept="k",
    weights="? t in 0.3..1.2",
    stay="? in 0.05..0.4",
    semiring={"probability": 4, "log": 2, "max": 1},
    lookup={"take": 3, "one_hot": 2, "index": 2},
    output={"accept": 4, "path": 2, "states": 2},
    reverse={False: 3, True: 1},
    sizes={"t": (4, 5, 6, 8), "c": (2, 4), "k": (4, 4, 5)},
    only="float32",
)
def soft_automaton(
    symbols,
    transitions,
    accept,
    start=None,
    weights=None,
    stay=None,
    *,
    semiring="probability",
    lookup="take",
    output="accept",
    reverse=False,
):
    """Run an automaton with soft transitions over a word.

    Args:
        symbols: the word, an integer for each symbol.
        transitions: logits of the next state, for each symbol and state.
        accept: logits of the states in which it accepts.
        start: logits of the first state.
        weights: how strongly each symbol counts.
        stay: probability of staying, whatever the symbol is.
    """
    num_symbols, k, _ = transitions.shape
    if start is None:
        start = jnp.zeros(k, dtype=transitions.dtype).at[0].set(2.0)
    log_matrices = jax.nn.log_softmax(transitions, axis=-1)
    if lookup == "one_hot":
        rows = jax.nn.one_hot(symbols, num_symbols, dtype=transitions.dtype)
        matrices = jnp.einsum("tc,cij->tij", rows, log_matrices)
    elif lookup == "take":
        matrices = jnp.take(log_matrices, symbols, axis=0)
    else:
        matrices = log_matrices[symbols]
    if weights is not None:
        matrices = weights[:, None, None] * matrices
    if semiring == "probability":
        matrices = jnp.exp(matrices)
        if stay is not None:
            matrices = (1.0 - stay) * matrices + stay * jnp.eye(k, dtype=matrices.dtype)
        state = jax.nn.softmax(start)
    else:
        if stay is not None:
            matrices = matrices + stay * jnp.eye(k, dtype=matrices.dtype)
        state = jax.nn.log_softmax(start)

    def step(state, matrix):
        if semiring == "probability":
            state = state @ matrix
        elif semiring == "log":
            state = jax.nn.logsumexp(state[:, None] + matrix, axis=0)
        else:
            state = jnp.max(state[:, None] + matrix, axis=0)
        return state, state

    state, path = lax.scan(step, state, matrices, reverse=reverse)
    if semiring == "probability":
        accepting = jax.nn.sigmoid(accept)
        if output == "path":
            return path @ accepting
        elif output == "states":
            return path * accepting
        else:
            return jnp.dot(state, accepting)
    log_accepting = jax.nn.log_sigmoid(accept)
    if output == "path":
        return jax.nn.logsumexp(path + log_accepting, axis=1)
    elif output == "states":
        return path + log_accepting
    else:
        return jax.nn.logsumexp(state + log_accepting)


@family(
    "loop",
    x="... t",
    threshold="? in -0.5..0.5",
    flags="? t bool",
    kind={"soft": 4, "leaky": 2, "hysteresis": 2, "energy": 1},
    sharpness={2.0: 2, 4.0: 2},
    cap={None: 3, 4.0: 1},
    output={"counts": 4, "longest": 2, "soft_longest": 2, "mean": 1, "switches": 1},
    centre={False: 2, True: 1},
    direction={"above": 3, "below": 1, "inside": 1},
    sizes={"t": (6, 8, 8, 10, 12)},
)
def run_lengths(
    x,
    threshold=None,
    flags=None,
    *,
    kind="soft",
    sharpness=4.0,
    cap=None,
    output="counts",
    centre=False,
    direction="above",
):
    """Soft lengths of the runs in which a series keeps on one side.

    Args:
        x: the series, with time as its last axis.
        threshold: border between the sides.
        flags: times at which a run may go on.
    """
    if centre:
        x = x - jnp.mean(x, axis=-1, keepdims=True)
    if threshold is not None:
        x = x - threshold
    if direction == "below":
        gate = jax.nn.sigmoid(-sharpness * x)
    elif direction == "inside":
        gate = jnp.exp(-jnp.square(x))
    else:
        gate = jax.nn.sigmoid(sharpness * x)
    if flags is not None:
        gate = jnp.where(flags, gate, 0.2 * gate)
    gates = jnp.moveaxis(gate, -1, 0)

    def step(carry, g):
        count, level = carry
        if kind == "hysteresis":
            # It takes some time until a run begins, and until it ends.
            level = 0.5 * level + 0.5 * g
            count = (count + 1.0) * level
        elif kind == "leaky":
            count = 0.8 * count + g
        elif kind == "energy":
            count = (0.9 * count + jnp.square(g)) * g
        else:
            count = (count + 1.0) * g
        if cap is not None:
            count = jnp.minimum(count, cap)
        return (count, level), count

    zeros = jnp.zeros_like(gates[0])
    (last, _), counts = lax.scan(step, (zeros, zeros), gates)
    if output == "longest":
        return jnp.max(counts, axis=0)
    elif output == "soft_longest":
        return jax.nn.logsumexp(counts, axis=0)
    elif output == "mean":
        return jnp.mean(counts, axis=0)
    elif output == "switches":
        return last, jnp.sum(jnp.abs(jnp.diff(gates, axis=0)), axis=0)
    else:
        return jnp.moveaxis(counts, 0, -1)


@family(
    "loop",
    x="... n",
    payload="? ... n",
    rounds={"few": 2, "all": 2},
    swap={"hard": 3, "logistic": 3, "smooth": 1},
    descending={False: 3, True: 1},
    network={"odd_even": 4, "bubble": 2},
    steepness={2.0: 1, 4.0: 2},
    output={"sorted": 4, "median": 2, "top": 2, "range": 1, "gaps": 1},
    sizes={"n": (4, 6, 8)},
)
def odd_even_sort(
    x,
    payload=None,
    *,
    rounds="all",
    swap="hard",
    descending=False,
    network="odd_even",
    steepness=4.0,
    output="sorted",
):
    """Sort by a network that compares neighbours, and may swap them softly.

    Args:
        x: what is sorted, along the last axis.
        payload: values that move along.
    """
    n = x.shape[-1]
    num_rounds = n // 2 if rounds == "few" else n
    if descending:
        x = -x

    def exchange(low, high, low_payload, high_payload):
        # `keep` is how much the two stay as they are.
        if swap == "hard":
            keep = (low <= high).astype(x.dtype)
        elif swap == "logistic":
            keep = jax.nn.sigmoid(steepness * (high - low))
        else:
            keep = 0.5 + jnp.arctan(steepness * (high - low)) / jnp.pi
        smaller = keep * low + (1.0 - keep) * high
        larger = keep * high + (1.0 - keep) * low
        first = keep * low_payload + (1.0 - keep) * high_payload
        second = keep * high_payload + (1.0 - keep) * low_payload
        return smaller, larger, first, second

    def compare_even(x, values):
        low, high = x[..., 0::2], x[..., 1::2]
        smaller, larger, first, second = exchange(low, high, values[..., 0::2], values[..., 1::2])
        x = jnp.stack([smaller, larger], axis=-1).reshape(x.shape)
        return x, jnp.stack([first, second], axis=-1).reshape(x.shape)

    def compare_odd(x, values):
        inner, moved = compare_even(x[..., 1:-1], values[..., 1:-1])
        x = jnp.concatenate([x[..., :1], inner, x[..., -1:]], axis=-1)
        return x, jnp.concatenate([values[..., :1], moved, values[..., -1:]], axis=-1)

    def pass_over(j, carry):
        x, values = carry
        i = j % (n - 1)
        smaller, larger, first, second = exchange(
            x[..., i], x[..., i + 1], values[..., i], values[..., i + 1]
        )
        x = x.at[..., i].set(smaller).at[..., i + 1].set(larger)
        return x, values.at[..., i].set(first).at[..., i + 1].set(second)

    values = payload if payload is not None else x
    if network == "bubble":
        x, values = lax.fori_loop(0, 2 * (n - 1), pass_over, (x, values))
    else:

        def step(_, carry):
            return compare_odd(*compare_even(*carry))

        x, values = lax.fori_loop(0, num_rounds // 2, step, (x, values))
    if descending:
        x = -x
    if payload is not None:
        return values + 0.1 * x
    if output == "median":
        return 0.5 * (x[..., n // 2 - 1] + x[..., n // 2])
    elif output == "top":
        return jnp.sum(x[..., -2:], axis=-1)
    elif output == "range":
        return x[..., -1] - x[..., 0]
    elif output == "gaps":
        return jnp.diff(x, axis=-1)
    else:
        return x


@family(
    "loop",
    spot="n in 0.8..1.2",
    strike="n in 0.8..1.2",
    volatility="n in 0.15..0.5",
    rate="? in 0.01..0.08",
    dividend="? in 0.01..0.05",
    option={"call": 3, "put": 3, "straddle": 1, "digital": 1},
    american={False: 2, True: 3},
    tree={"crr": 3, "jarrow_rudd": 2},
    barrier={None: 4, 1.5: 1},
    loop={"scan": 2, "fori": 3},
    output={"price": 4, "delta": 2, "continuation": 1},
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
    american=True,
    tree="crr",
    barrier=None,
    loop="fori",
    output="price",
    maturity=1.0,
    num_steps=6,
):
    """Prices of options by backward induction on a binomial tree.

    Args:
        spot: prices of the underlyings.
        strike: strikes of the options.
        volatility: yearly volatilities.
        rate: yearly interest rate.
        dividend: yearly yield of the dividends.
        maturity: time until the options end, in years.
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
        prob = 0.5 * jnp.ones_like(spot)
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
        elif option == "digital":
            return jax.nn.sigmoid(20.0 * gain)
        else:
            return jnp.maximum(0.0, gain)

    def roll_back(values, time):
        after = jnp.concatenate([values[:, 1:], values[:, -1:]], axis=1)
        held = discount * (prob[:, None] * after + (1.0 - prob[:, None]) * values)
        prices = prices_at(time)
        if american:
            held = jnp.maximum(held, payoff(prices))
        if barrier is not None:
            # The option is void above the barrier.
            held = held * jax.nn.sigmoid(20.0 * (barrier - prices))
        return held

    values = payoff(prices_at(num_steps))
    if loop == "scan":

        def step(values, time):
            values = roll_back(values, time)
            return values, values[:, 0]

        times = jnp.arange(num_steps - 1, -1, -1, dtype=spot.dtype)
        if output == "delta":
            times = times[:-1]
        values, path = lax.scan(step, values, times)
    else:
        count = num_steps - 1 if output == "delta" else num_steps

        def step(i, values):
            return roll_back(values, num_steps - 1.0 - i)

        values = lax.fori_loop(0, count, step, values)
    if output == "delta":
        # By the two values after the first step.
        first = prices_at(1.0)
        return (values[:, 1] - values[:, 0]) / (first[:, 1] - first[:, 0])
    elif output == "continuation":
        return values[:, 0], values[:, 0] - payoff(prices_at(0.0))[:, 0]
    else:
        return values[:, 0]
