"""Families: graphs, messages between nodes, and knowledge graphs."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
symmetrise: symmetrise 1, symmetrize 5, make_symmetric 2
drop_loops: drop_loops 2, remove_self_loops 4, zero_diagonal 2
normalise_rows: normalise_rows 1, normalize_rows 3, l2_normalize 4
neighbours: neighbours 1, neighbors 5, neighbor_ids 2
w_neighbours: w_neighbours 1, w_neighbors 3, w_neigh 4
propagation: propagation 3, adj_norm 4, a_hat 3
hidden: hidden 6, h 3
iterate_fori: iterate_fori 1, iterate 4, repeat_step 1, run_steps 2
iterate_scan: iterate_scan 1, iterate 4, repeat_step 1, run_steps 2
iterate_unrolled: iterate_unrolled 1, iterate 4, repeat_step 1, run_steps 2
nodes: nodes 5, node_features 3, features 1
senders: senders 6, src 4
receivers: receivers 6, dst 4
edges: edges 5, edge_features 3, edge_attr 2
adjacency: adjacency 5, adj 5
messages: messages 6, msgs 2
gathered: gathered 2, aggregated 4, agg 2
gcn: gcn 3, gcn_layer 4, graph_convolution 3, graph_conv 2
normalise_adjacency: normalise_adjacency 1, normalize_adjacency 4, normalize_adj 3
pass_messages: pass_messages 3, message_passing 4, mpnn_layer 2
aggregate: aggregate 6, scatter_messages 1
scatter_mean: scatter_mean 3, segment_mean 5
segment_softmax: segment_softmax 6, edge_softmax 1
graph_attention: graph_attention 5, gat_layer 4
sage_layer: sage_layer 4, graphsage 3, graph_sage 3
readout: readout 6, global_pool 3, graph_readout 2
graph_ids: graph_ids 4, batch 2, segment_ids 2
page_rank: page_rank 5, pagerank 5
ranks: ranks 5, rank 1
damping: damping 7, alpha 3
dirichlet_energy: dirichlet_energy 6, graph_smoothness 1
laplacian_filter: laplacian_filter 3, spectral_filter 3, graph_filter 3
graph_laplacian: graph_laplacian 5, make_laplacian 2
degrees: degrees 5, degree 3, deg 4
signal: signal 4, x 2
propagate_labels: propagate_labels 4, label_propagation 5
clustering_coefficients: clustering_coefficients 5, local_clustering 1
cluster_pool: cluster_pool 3, diff_pool 3, dense_pool 2
assignments: assignments 4, s 2, assign 2
score_triples: score_triples 4, kg_score 3, triple_scores 2
head: head 5, h 1, subject 1
relation: relation 5, rel 2
tail: tail 5, object_ 1
predict_links: predict_links 4, link_probabilities 3, decode_edges 2
embeddings: embeddings 5, z 2, emb 2
parents: parents 6, parent 3
"""


# ---------------------------------------------------------------- dense graphs


def iterate_fori(step, x, num_steps):
    return lax.fori_loop(0, num_steps, lambda i, x: step(x), x)


def iterate_scan(step, x, num_steps):
    x, _ = lax.scan(lambda x, _: (step(x), None), x, None, length=num_steps)
    return x


def iterate_unrolled(step, x, num_steps):
    for _ in range(num_steps):
        x = step(x)
    return x


def normalise_adjacency(adjacency, kind="symmetric", self_loops=True):
    """The adjacency, divided by what the nodes' degrees tell."""
    if self_loops:
        adjacency = adjacency + jnp.eye(adjacency.shape[0], dtype=adjacency.dtype)
    degrees = jnp.sum(adjacency, axis=1)
    if kind == "symmetric":
        scale = jax.lax.rsqrt(degrees + 1e-3)
        return scale[:, None] * adjacency * scale[None, :]
    elif kind == "row":
        return adjacency / (degrees[:, None] + 1e-3)
    elif kind == "column":
        return adjacency / (jnp.sum(adjacency, axis=0) + 1e-3)
    else:
        return adjacency


def symmetrise(adjacency):
    return 0.5 * (adjacency + adjacency.T)


def drop_loops(adjacency):
    """Without edges from a node to itself."""
    return adjacency * (1.0 - jnp.eye(adjacency.shape[0], dtype=adjacency.dtype))


@family(
    "reduction",
    "contraction",
    "branch",
    adjacency="n n in 0..1",
    nodes="n d",
    w="d e in -0.5..0.5",
    bias="? e",
    weight_out="? e k in -0.5..0.5",
    norm={"symmetric": 4, "row": 2, "column": 1, "none": 1},
    self_loops={True: 3, False: 1},
    act={
        Code("jax.nn.relu"): 3,
        Code("jnp.tanh"): 2,
        Code("jax.nn.elu"): 1,
        Code("jax.nn.gelu"): 1,
    },
    residual={False: 3, True: 1},
    first=decided({"propagate": 2, "transform": 2}),
    pooled={None: 4, "mean": 2, "max": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6), "e": (4, 6, 8, 10), "k": (2, 4, 5)},
)
def gcn(
    adjacency,
    nodes,
    w,
    bias=None,
    weight_out=None,
    *,
    norm="symmetric",
    self_loops=True,
    act=None,
    residual=False,
    first="propagate",
    pooled=None,
):
    """Graph convolution (GCN) on a dense weighted adjacency matrix.

    Args:
        adjacency: Edge weights, shape (n, n).
        nodes: Node features, shape (n, d).
        w: Weights of the first layer, shape (d, e).
        bias: Bias of the first layer, shape (e,).
        weight_out: Weights of a second, linear layer, shape (e, k).
    """
    propagation = normalise_adjacency(adjacency, norm, self_loops)
    if first == "transform":
        hidden = propagation @ (nodes @ w)
    else:
        hidden = (propagation @ nodes) @ w
    if bias is not None:
        hidden = hidden + bias
    hidden = act(hidden)
    if residual:
        # A linear map of the features as the skip connection.
        hidden = hidden + nodes @ w
    if weight_out is not None:
        hidden = propagation @ (hidden @ weight_out)
    if pooled == "mean":
        return jnp.mean(hidden, axis=0)
    elif pooled == "max":
        return jnp.max(hidden, axis=0)
    else:
        return hidden


@family(
    "loop",
    "reduction",
    adjacency="n n in 0.1..1",
    personal="? n in 0.1..1",
    start="? n in 0.1..1",
    damping={0.85: 3, 0.9: 1},
    iterations=(3, 5, 8, 10),
    iterate={
        Code("iterate_fori"): 3,
        Code("iterate_scan"): 2,
        Code("iterate_unrolled"): 1,
    },
    columns={False: 2, True: 1},
    loops={True: 2, False: 1},
    lazy={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10)},
    only="float32",
)
def page_rank(
    adjacency,
    personal=None,
    start=None,
    *,
    damping=0.85,
    iterations=5,
    iterate=None,
    columns=False,
    loops=True,
    lazy=False,
):
    """PageRank by power iteration, as a share of the highest rank.

    Args:
        adjacency: Weights of the links, shape (n, n).
        personal: Teleport weights of the nodes, shape (n,).
        start: Ranks to begin with, shape (n,).
    """
    n = adjacency.shape[0]
    if not loops:
        adjacency = drop_loops(adjacency)
    if columns:
        # Links go from columns to rows.
        transition = adjacency / jnp.sum(adjacency, axis=0, keepdims=True)
    else:
        transition = (adjacency / jnp.sum(adjacency, axis=1, keepdims=True)).T
    if lazy:
        # A lazy walk stays at its node in every second step.
        transition = 0.5 * (transition + jnp.eye(n))
    if personal is not None:
        teleport = personal / jnp.sum(personal)
    else:
        teleport = jnp.ones(n) / n
    if start is not None:
        ranks = start / jnp.sum(start)
    else:
        ranks = teleport

    def step(ranks):
        return damping * (transition @ ranks) + (1.0 - damping) * teleport

    ranks = iterate(step, ranks, iterations)
    return ranks / jnp.max(ranks)


def graph_laplacian(adjacency, kind="combinatorial"):
    n = adjacency.shape[0]
    degrees = jnp.sum(adjacency, axis=1)
    if kind == "combinatorial":
        return jnp.diag(degrees) - adjacency
    elif kind == "symmetric":
        scale = 1.0 / jnp.sqrt(degrees + 1e-3)
        return jnp.eye(n) - scale[:, None] * adjacency * scale
    elif kind == "signless":
        return jnp.diag(degrees) + adjacency
    else:
        return jnp.eye(n) - adjacency / (degrees[:, None] + 1e-3)


@family(
    "reduction",
    "contraction",
    adjacency="n n in 0..1",
    signal="n d",
    coefs="l in -1..1",
    w="? d e in -0.5..0.5",
    bias="? d",
    kind={"symmetric": 3, "walk": 2},
    symmetric={True: 2, False: 1},
    loops={False: 2, True: 1},
    basis={"horner": 2, "powers": 2, "chebyshev": 3, "bernstein": 1},
    shifted={False: 1, True: 1},
    act={None: 3, "tanh": 1, "relu": 2},
    sizes={"n": (4, 5, 6), "d": (2, 4, 6, 8), "e": (2, 4, 6), "l": (2, 4)},
    only="float32",
)
def laplacian_filter(
    adjacency,
    signal,
    coefs,
    w=None,
    bias=None,
    *,
    kind="symmetric",
    symmetric=True,
    loops=False,
    basis="chebyshev",
    shifted=True,
    act=None,
):
    """Spectral filter of signals on a graph: a polynomial of the normalized Laplacian.

    Args:
        adjacency: Edge weights, shape (n, n).
        signal: Node signals, shape (n, d).
        coefs: Coefficients of the polynomial in its basis.
        w: Weights that mix the filtered channels, shape (d, e).
        bias: Bias of the filtered channels, shape (d,).
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    laplacian = graph_laplacian(adjacency, kind)
    if shifted and basis != "bernstein":
        # Eigenvalues from -1 to 1.
        laplacian = laplacian - jnp.eye(laplacian.shape[0])
    if basis == "horner":
        out = coefs[-1] * signal
        for i in range(2, coefs.shape[0] + 1):
            out = laplacian @ out + coefs[-i] * signal
    elif basis == "powers":
        term = signal
        out = coefs[0] * term
        for i in range(1, coefs.shape[0]):
            term = laplacian @ term
            out = out + coefs[i] * term
    elif basis == "chebyshev":
        previous, current = signal, laplacian @ signal
        out = coefs[0] * previous + coefs[1] * current
        for i in range(2, coefs.shape[0]):
            previous, current = current, 2.0 * (laplacian @ current) - previous
            out = out + coefs[i] * current
    else:
        # Bernstein polynomials of half the Laplacian, whose eigenvalues are from 0 to 1.
        rest = jnp.eye(laplacian.shape[0]) - 0.5 * laplacian
        out = jnp.zeros_like(signal)
        for i in range(coefs.shape[0]):
            term = signal
            for _ in range(i):
                term = 0.5 * (laplacian @ term)
            for _ in range(i + 1, coefs.shape[0]):
                term = rest @ term
            out = out + coefs[i] * term
    if bias is not None:
        out = out + bias
    if w is not None:
        out = out @ w
    if act == "tanh":
        out = jnp.tanh(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    return out


@family(
    "reduction",
    "contraction",
    adjacency="n n in 0..1",
    signal="n d",
    weights="? d in 0.2..1",
    kind={"combinatorial": 3, "symmetric": 3},
    form={"quadratic": 3, "trace": 1, "pairs": 2},
    symmetric={True: 2, False: 1},
    per_channel={False: 2, True: 1},
    sizes={"n": (4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def dirichlet_energy(
    adjacency,
    signal,
    weights=None,
    *,
    kind="combinatorial",
    form="quadratic",
    symmetric=True,
    per_channel=False,
):
    """Dirichlet energy of signals on a graph: how much they change along edges.

    Args:
        adjacency: Edge weights, shape (n, n).
        signal: Node signals, shape (n, d).
        weights: Weights of the channels, shape (d,).
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    adjacency = drop_loops(adjacency)
    if form == "pairs":
        if kind == "combinatorial":
            scaled = signal
        else:
            # The symmetrically normalized Laplacian.
            scaled = signal / jnp.sqrt(jnp.sum(adjacency, axis=1) + 1e-3)[:, None]
        difference = scaled[:, None, :] - scaled[None, :, :]
        energy = 0.5 * jnp.sum(adjacency[:, :, None] * jnp.square(difference), axis=(0, 1))
    else:
        laplacian = graph_laplacian(adjacency, kind)
        if form == "trace":
            energy = jnp.diagonal(signal.T @ laplacian @ signal)
        else:
            energy = jnp.sum(signal * (laplacian @ signal), axis=0)
    if weights is not None:
        energy = energy * weights
    if per_channel:
        return energy
    return jnp.sum(energy)


@family(
    "loop",
    "contraction",
    "reduction",
    adjacency="n n in 0..1",
    signal="n d",
    source="? n d",
    kind={"symmetric": 3, "walk": 2, "combinatorial": 1},
    symmetric={True: 2, False: 1},
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2, Code("iterate_unrolled"): 2},
    steps=(2, 3, 5),
    rate=(0.1, 0.2),
    scheme={"explicit": 3, "implicit": 2, "taylor": 1},
    sizes={"n": (4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def graph_diffusion(
    adjacency,
    signal,
    source=None,
    *,
    kind="symmetric",
    symmetric=True,
    iterate=None,
    steps=3,
    rate=0.2,
    scheme="explicit",
):
    """Diffuses signals on a graph by some steps of the heat equation.

    Args:
        adjacency: Edge weights, shape (n, n).
        signal: Node signals at the start, shape (n, d).
        source: Heat sources at the nodes, shape (n, d).
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    laplacian = graph_laplacian(drop_loops(adjacency), kind)

    def step(x):
        if scheme == "implicit":
            # Backward Euler.
            right = x + rate * source if source is not None else x
            return jnp.linalg.solve(jnp.eye(x.shape[0]) + rate * laplacian, right)
        change = -(laplacian @ x)
        if source is not None:
            change = change + source
        if scheme == "taylor":
            # The second order term of the exponential.
            return x + rate * change - 0.5 * rate**2 * (laplacian @ change)
        return x + rate * change

    return iterate(step, signal, steps)


@family(
    "loop",
    "reduction",
    adjacency="n n in 0.05..1",
    labels="n c in 0..1",
    known="? n bool",
    norm={"row": 3, "symmetric": 2},
    loops={False: 1, True: 1},
    alpha={0.9: 1, 0.8: 1, 0.5: 1},
    steps=(2, 4, 6, 8),
    iterate={
        Code("iterate_fori"): 3,
        Code("iterate_scan"): 2,
        Code("iterate_unrolled"): 1,
    },
    method={"spreading": 3, "clamping": 2},
    sizes={"n": (4, 5, 6, 8), "c": (2, 4)},
    only="float32",
)
def propagate_labels(
    adjacency,
    labels,
    known=None,
    *,
    norm="row",
    loops=True,
    alpha=0.9,
    steps=4,
    iterate=None,
    method="spreading",
):
    """Label propagation: scores of the classes spread along the edges of a graph.

    Args:
        adjacency: Similarities of the nodes, shape (n, n).
        labels: One-hot or soft labels, shape (n, classes).
        known: The nodes with a known label, shape (n,).
    """
    if not loops:
        adjacency = drop_loops(adjacency)
    propagation = normalise_adjacency(adjacency, norm, False)
    if known is not None:
        labels = jnp.where(known[:, None], labels, 0.0)

    def spread(scores):
        received = propagation @ scores
        if method == "clamping" and known is not None:
            # Known labels stay.
            return jnp.where(known[:, None], labels, received)
        return alpha * received + (1.0 - alpha) * labels

    return iterate(spread, labels, steps)


@family(
    "reduction",
    adjacency="n n in 0..1",
    threshold={None: 3, 0.2: 1},
    variant={"zhang": 3, "onnela": 2},
    product=decided({"einsum": 1, "matmul": 2, "trace": 1}),
    average={False: 2, True: 2},
    symmetric={True: 3, False: 1},
    sizes={"n": (4, 5, 6, 8, 10)},
    weight=12,
    only="float32",
)
def clustering_coefficients(
    adjacency,
    *,
    threshold=None,
    variant="zhang",
    product="matmul",
    average=False,
    symmetric=True,
):
    """Clustering coefficients of a weighted graph, given by its adjacency matrix."""
    if symmetric:
        adjacency = symmetrise(adjacency)
    adjacency = drop_loops(adjacency)
    if threshold is not None:
        # Weak edges don't count.
        adjacency = jnp.where(adjacency > threshold, adjacency, 0.0)
    if variant == "onnela":
        # The geometric mean of the weights of a triangle's edges.
        sides = jnp.cbrt(adjacency / jnp.max(adjacency) + 1e-4)
    else:
        sides = adjacency
    if product == "einsum":
        closed = jnp.einsum("ij,jk,ki->i", sides, sides, sides)
    elif product == "trace":
        closed = jnp.sum((sides @ sides) * sides.T, axis=1)
    else:
        closed = jnp.diagonal(sides @ sides @ sides)
    if variant == "onnela":
        n = adjacency.shape[0]
        possible = (n - 1.0) * (n - 2.0)
    else:
        # After Zhang and Horvath.
        strength = jnp.sum(adjacency, axis=1)
        possible = jnp.square(strength) - jnp.sum(jnp.square(adjacency), axis=1)
    coefficients = closed / (possible + 1e-2)
    if average:
        # The mean over all nodes.
        return jnp.mean(coefficients)
    return coefficients


@family(
    "reduction",
    adjacency="n n in 0..1",
    measure={"degree": 2, "katz": 3, "subgraph": 1},
    symmetric={True: 3, False: 1},
    loops={False: 3, True: 1},
    standardized={None: 2, "size": 2, "max": 1},
    terms=(4, 6),
    sizes={"n": (4, 5, 6, 8, 10)},
    only="float32",
)
def node_centrality(
    adjacency, *, measure="degree", symmetric=True, loops=False, standardized=None, terms=4
):
    """A centrality of the nodes of a weighted graph, given by its adjacency matrix."""
    if symmetric:
        adjacency = symmetrise(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    n = adjacency.shape[0]
    if measure == "katz":
        # Longer walks count less.
        decay = 0.5 / n
        centrality = jnp.linalg.solve(jnp.eye(n) - decay * adjacency.T, jnp.ones(n))
    elif measure == "subgraph":
        # The diagonal of a matrix exponential, as a series.
        power, total = jnp.eye(n), jnp.eye(n)
        for i in range(1, terms):
            power = power @ adjacency / i
            total = total + power
        centrality = jnp.diagonal(total)
    else:
        centrality = jnp.sum(adjacency, axis=1)
    if standardized == "size":
        centrality = centrality / (n - 1)
    elif standardized == "max":
        centrality = centrality / jnp.max(centrality)
    return centrality


@family(
    "reduction",
    "contraction",
    adjacency="n n in 0..1",
    nodes="n d",
    w="d k",
    mask="? n bool",
    smoothed={None: 2, "symmetric": 2, "row": 1},
    temperature={None: 3, 0.5: 1},
    normalised={None: 3, "row": 1, "symmetric": 1},
    loops={True: 2, False: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5), "k": (2, 4)},
    weight=10,
    only="float32",
)
def cluster_pool(
    adjacency,
    nodes,
    w,
    mask=None,
    *,
    smoothed="symmetric",
    temperature=None,
    normalised=None,
    loops=True,
):
    """Differentiable pooling (DiffPool) of a dense graph to soft clusters.

    Args:
        adjacency: Edge weights, shape (n, n).
        nodes: Node features, shape (n, d).
        w: Weights of the cluster logits, shape (d, k).
        mask: The nodes that aren't padding, shape (n,).

    Returns:
        The mean features of the clusters and the edge weights between them.
    """
    if smoothed is not None:
        # The assignments come from a graph convolution.
        logits = normalise_adjacency(adjacency, smoothed, True) @ nodes @ w
    else:
        logits = nodes @ w
    if temperature is not None:
        logits = logits / temperature
    assignments = jax.nn.softmax(logits, axis=-1)
    if mask is not None:
        assignments = jnp.where(mask[:, None], assignments, 0.0)
    sizes = jnp.sum(assignments, axis=0)
    features = assignments.T @ nodes / (sizes[:, None] + 1e-3)
    coarse = assignments.T @ adjacency @ assignments
    if not loops:
        coarse = drop_loops(coarse)
    if normalised is not None:
        coarse = normalise_adjacency(coarse, normalised, False)
    return features, coarse


@family(
    "reduction",
    adjacency="n n in 0..1",
    logits="n k",
    objective={"mincut": 3, "modularity": 3, "reconstruction": 1},
    balance={None: 2, "orthogonal": 2, "collapse": 2},
    entropy={None: 3, 0.1: 1},
    strength=(0.1, 0.5, 1.0),
    loops={False: 1, True: 2},
    sizes={"n": (5, 6, 8), "k": (2, 4)},
    weight=10,
    only="float32",
)
def graph_clustering_loss(
    adjacency,
    logits,
    *,
    objective="mincut",
    balance="orthogonal",
    entropy=None,
    strength=1.0,
    loops=True,
):
    """Loss of a soft clustering of the nodes of a graph.

    Args:
        adjacency: Edge weights, shape (n, n).
        logits: Cluster logits of the nodes, shape (n, k).
    """
    adjacency = symmetrise(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    assignments = jax.nn.softmax(logits, axis=-1)
    degrees = jnp.sum(adjacency, axis=1)
    if objective == "reconstruction":
        # The link prediction loss of DiffPool.
        loss = jnp.mean(jnp.square(adjacency - assignments @ assignments.T))
    elif objective == "modularity":
        total = jnp.sum(degrees)
        expected = jnp.outer(degrees, degrees) / total
        loss = -jnp.sum(assignments * ((adjacency - expected) @ assignments)) / total
    else:
        # The relaxed normalized cut.
        within = jnp.trace(assignments.T @ adjacency @ assignments)
        loss = -within / jnp.sum(degrees[:, None] * jnp.square(assignments))
    if balance == "orthogonal":
        gram = assignments.T @ assignments
        k = gram.shape[0]
        loss = loss + strength * jnp.linalg.norm(gram / jnp.linalg.norm(gram) - jnp.eye(k) / k**0.5)
    elif balance == "collapse":
        # It is lowest for clusters of equal size.
        n, k = assignments.shape
        sizes = jnp.sum(assignments, axis=0)
        loss = loss + strength * (k**0.5 / n * jnp.linalg.norm(sizes) - 1.0)
    if entropy is not None:
        log_probs = jax.nn.log_softmax(logits, axis=-1)
        loss = loss - entropy * jnp.mean(jnp.sum(assignments * log_probs, axis=-1))
    return loss


@family(
    "contraction",
    "loop",
    "reduction",
    adjacency="n n in 0.1..1",
    features="n d",
    w="? d e in -0.5..0.5",
    norm={"symmetric": 3, "row": 2},
    steps=(2, 3, 4, 8),
    teleport={0.1: 3, 0.2: 1},
    self_loops={True: 3, False: 1},
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2, Code("iterate_unrolled"): 2},
    exact={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6), "e": (2, 4)},
    weight=8,
    only="float32",
)
def appnp(
    adjacency,
    features,
    w=None,
    *,
    norm="symmetric",
    steps=4,
    teleport=0.1,
    self_loops=True,
    iterate=None,
    exact=False,
):
    """Personalized propagation of predictions on a graph, as in PPNP and APPNP.

    Args:
        adjacency: Edge weights, shape (n, n).
        features: Node features or predictions, shape (n, d).
        w: Weights of the predictions, shape (d, e).
    """
    start = features @ w if w is not None else features
    propagation = normalise_adjacency(adjacency, norm, self_loops)
    if exact:
        # The limit of infinitely many steps.
        n = propagation.shape[0]
        return teleport * jnp.linalg.solve(jnp.eye(n) - (1.0 - teleport) * propagation, start)

    def step(x):
        return (1.0 - teleport) * (propagation @ x) + teleport * start

    return iterate(step, start, steps)


@family(
    "contraction",
    "reduction",
    adjacency="n n in 0.1..1",
    nodes="n d",
    coefs="? 4 in 0.1..1",
    norm={"symmetric": 3, "row": 2},
    hops=(2, 3),
    self_loops={True: 3, False: 1},
    combined={"concatenate": 3, "last": 2, "mean": 1, "max": 1},
    residual={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6)},
    weight=8,
    only="float32",
)
def hop_features(
    adjacency,
    nodes,
    coefs=None,
    *,
    norm="symmetric",
    hops=2,
    self_loops=True,
    combined="concatenate",
    residual=False,
):
    """Multi-hop features of the nodes of a graph, without nonlinearities.

    Args:
        adjacency: Edge weights, shape (n, n).
        nodes: Node features, shape (n, d).
        coefs: Weights of the hops from 0 to 3, by which they are added up instead, shape (4,).
    """
    propagation = normalise_adjacency(adjacency, norm, self_loops)
    if coefs is not None:
        # A learned polynomial of the propagation, as in GPR-GNN.
        x, total = nodes, coefs[0] * nodes
        for i in range(1, coefs.shape[0]):
            x = propagation @ x
            total = total + coefs[i] * x
        return total
    found = [nodes]
    for _ in range(hops):
        x = propagation @ found[-1]
        if residual:
            x = x + nodes
        found.append(x)
    if combined == "mean":
        return sum(found) / len(found)
    elif combined == "max":
        return jnp.max(jnp.stack(found), axis=0)
    elif combined == "last":
        return found[-1]
    else:
        return jnp.concatenate(found, axis=-1)


# ---------------------------------------------------------------- lists of edges


def scatter_mean(values, index, num_segments=4):
    total = jax.ops.segment_sum(values, index, num_segments)
    count = jax.ops.segment_sum(jnp.ones(index.shape[0], values.dtype), index, num_segments)
    return total / jnp.maximum(count, 1.0)[:, None]


def aggregate(messages, receivers, num_nodes=4, kind="sum"):
    """Aggregates the messages that each node receives."""
    if kind == "sum":
        return jax.ops.segment_sum(messages, receivers, num_segments=num_nodes)
    elif kind == "add":
        return (
            jnp.zeros((num_nodes, messages.shape[-1]), messages.dtype).at[receivers].add(messages)
        )
    elif kind == "mean":
        return scatter_mean(messages, receivers, num_nodes)
    else:
        # A node without messages gets zeros.
        start = jnp.zeros((num_nodes, messages.shape[-1]), messages.dtype)
        return start.at[receivers].max(messages)


def segment_softmax(logits, segment_ids, num_segments=4):
    """Softmax over the elements of each segment."""
    highest = jax.ops.segment_max(logits, segment_ids, num_segments)
    exps = jnp.exp(logits - highest[segment_ids])
    total = jax.ops.segment_sum(exps, segment_ids, num_segments)
    return exps / total[segment_ids]


@family(
    "reduction",
    "contraction",
    nodes="n d",
    senders="m int n",
    receivers="m int n",
    edges="? m d",
    edge_weights="? m in 0.1..1",
    w_message="? d d in -0.5..0.5",
    w_update="? d e in -0.5..0.5",
    gathering={"sum": 3, "add": 2, "mean": 2, "max": 1},
    message={"sender": 3, "difference": 2},
    act={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 1, Code("jax.nn.gelu"): 1},
    update={"residual": 3, "replace": 2, "gin": 2},
    eps=(0.1, 0.5),
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6), "m": (6, 8, 10, 12), "e": (2, 4)},
    weight=16,
)
def pass_messages(
    nodes,
    senders,
    receivers,
    edges=None,
    edge_weights=None,
    w_message=None,
    w_update=None,
    *,
    gathering="sum",
    message="sender",
    act=None,
    update="residual",
    eps=0.1,
):
    """One round of message passing on a graph that is given by a list of edges.

    Args:
        nodes: Node features, shape (n, d).
        senders: Index of the node where each edge begins, shape (m,).
        receivers: Index of the node where each edge ends, shape (m,).
        edges: Edge features, which are added to the messages, shape (m, d).
        edge_weights: Factors of the messages, shape (m,).
        w_message: Weights of the messages, shape (d, d).
        w_update: Weights of the linear layer at the end, shape (d, e).
    """
    messages = nodes[senders]
    if message == "difference":
        messages = messages - nodes[receivers]
    if w_message is not None:
        messages = messages @ w_message
    if edges is not None:
        messages = messages + edges
    messages = act(messages)
    if edge_weights is not None:
        messages = messages * edge_weights[:, None]
    gathered = aggregate(messages, receivers, nodes.shape[0], gathering)
    if update == "residual":
        updated = nodes + gathered
    elif update == "gin":
        updated = (1.0 + eps) * nodes + gathered
    else:
        updated = gathered
    if w_update is not None:
        updated = updated @ w_update
    return updated


@family(
    "contraction",
    "reduction",
    "branch",
    nodes="n d",
    senders="m int n",
    receivers="m int n",
    w="d e in -0.5..0.5",
    attn_senders="e in -1..1",
    attn_receivers="e in -1..1",
    bias="? e",
    edge_logits="? m",
    mask="? m bool",
    slope={0.2: 3, 0.1: 1},
    residual={False: 2, True: 1},
    act={None: 2, "elu": 3, "relu": 1},
    gathering=decided({"segment": 2, "add": 1}),
    sizes={"n": (4, 5, 6), "d": (4, 5, 6), "m": (6, 8, 10, 12), "e": (4, 6)},
    weight=14,
    only="float32",
)
def graph_attention(
    nodes,
    senders,
    receivers,
    w,
    attn_senders,
    attn_receivers,
    bias=None,
    edge_logits=None,
    mask=None,
    *,
    slope=0.2,
    residual=False,
    act="elu",
    gathering="segment",
):
    """Graph attention layer (GAT) with a single head.

    Args:
        nodes: Node features, shape (n, d).
        senders: Index of the node where each edge begins, shape (m,).
        receivers: Index of the node where each edge ends, shape (m,).
        w: Weights of the features, shape (d, e).
        attn_senders: Part of the attention vector for senders, shape (e,).
        attn_receivers: Part of the attention vector for receivers, shape (e,).
        bias: Bias of the result, shape (e,).
        edge_logits: Terms of the attention logits for each edge, shape (m,).
        mask: The edges that aren't padding, shape (m,).
    """
    num_nodes = nodes.shape[0]
    hidden = nodes @ w
    logits = (hidden @ attn_senders)[senders] + (hidden @ attn_receivers)[receivers]
    if edge_logits is not None:
        logits = logits + edge_logits
    logits = jax.nn.leaky_relu(logits, slope)
    if mask is not None:
        logits = jnp.where(mask, logits, -1e4)
    attention = segment_softmax(logits, receivers, num_nodes)
    messages = attention[:, None] * hidden[senders]
    if gathering == "add":
        out = jnp.zeros_like(hidden).at[receivers].add(messages)
    else:
        out = jax.ops.segment_sum(messages, receivers, num_segments=num_nodes)
    if residual:
        out = out + hidden
    if bias is not None:
        out = out + bias
    if act == "elu":
        out = jax.nn.elu(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    return out


@family(
    "contraction",
    "reduction",
    "branch",
    nodes="n d",
    senders="m int n",
    receivers="m int n",
    w_senders="d e in -0.5..0.5",
    w_receivers="d e in -0.5..0.5",
    attn="e in -1..1",
    bias="? e",
    edges="? m e",
    mask="? m bool",
    slope={0.2: 3, 0.1: 1},
    residual={False: 2, True: 1},
    act={None: 2, "elu": 2, "relu": 1},
    sizes={"n": (4, 5, 6), "d": (4, 5, 6), "m": (6, 8, 10, 12), "e": (4, 6)},
    weight=8,
    only="float32",
)
def gatv2_layer(
    nodes,
    senders,
    receivers,
    w_senders,
    w_receivers,
    attn,
    bias=None,
    edges=None,
    mask=None,
    *,
    slope=0.2,
    residual=False,
    act=None,
):
    """GATv2 layer with a single head, whose nonlinearity comes before the attention vector.

    Args:
        nodes: Node features, shape (n, d).
        senders: Index of the node where each edge begins, shape (m,).
        receivers: Index of the node where each edge ends, shape (m,).
        w_senders: Weights of the senders, shape (d, e).
        w_receivers: Weights of the receivers, shape (d, e).
        attn: The attention vector, shape (e,).
        bias: Bias of the result, shape (e,).
        edges: Edge features, shape (m, e).
        mask: The edges that aren't padding, shape (m,).
    """
    num_nodes = nodes.shape[0]
    sent, received = nodes @ w_senders, nodes @ w_receivers
    pair = sent[senders] + received[receivers]
    if edges is not None:
        pair = pair + edges
    logits = jax.nn.leaky_relu(pair, slope) @ attn
    if mask is not None:
        logits = jnp.where(mask, logits, -1e4)
    attention = segment_softmax(logits, receivers, num_nodes)
    messages = attention[:, None] * sent[senders]
    out = jax.ops.segment_sum(messages, receivers, num_segments=num_nodes)
    if residual:
        out = out + received
    if bias is not None:
        out = out + bias
    if act == "elu":
        out = jax.nn.elu(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    return out


@family(
    "contraction",
    "reduction",
    "branch",
    nodes="n d",
    neighbours="n k int n",
    w_self="d e in -0.5..0.5",
    w_neighbours="d e in -0.5..0.5",
    bias="? e",
    valid="? n k bool",
    w_pool="? d d in -0.5..0.5",
    gathering={"mean": 3, "max": 2, "sum": 1},
    joined=decided({"sum": 3, "concatenated": 2}),
    act={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 1, Code("jax.nn.gelu"): 1},
    normalised={"l2": 2, None: 2},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4), "d": (4, 6), "e": (4, 5, 6)},
    weight=12,
)
def sage_layer(
    nodes,
    neighbours,
    w_self,
    w_neighbours,
    bias=None,
    valid=None,
    w_pool=None,
    *,
    gathering="mean",
    joined="sum",
    act=None,
    normalised=None,
):
    """GraphSAGE layer on sampled neighbours.

    Args:
        nodes: Node features, shape (n, d).
        neighbours: Indices of the sampled neighbours, shape (n, k).
        w_self: Weights of a node's own features, shape (d, e).
        w_neighbours: Weights of the aggregated features, shape (d, e).
        bias: Bias, shape (e,).
        valid: The samples that aren't padding, shape (n, k).
        w_pool: Weights of a layer before the aggregation, shape (d, d).
    """
    around = nodes[neighbours]
    if w_pool is not None:
        around = jax.nn.relu(around @ w_pool)
    if gathering == "max":
        if valid is not None:
            around = jnp.where(valid[..., None], around, -4.0)
        gathered = jnp.max(around, axis=1)
    else:
        if valid is not None:
            around = around * valid[..., None]
        gathered = jnp.sum(around, axis=1)
        if gathering == "mean":
            if valid is not None:
                gathered = gathered / jnp.maximum(jnp.sum(valid, axis=1, keepdims=True), 1)
            else:
                gathered = gathered / neighbours.shape[1]
    if joined == "concatenated":
        both = jnp.concatenate([nodes, gathered], axis=-1)
        out = both @ jnp.concatenate([w_self, w_neighbours], axis=0)
    else:
        out = nodes @ w_self + gathered @ w_neighbours
    if bias is not None:
        out = out + bias
    out = act(out)
    if normalised == "l2":
        out = normalise_rows(out)
    return out


@family(
    "reduction",
    "contraction",
    nodes="n d",
    graph_ids="n int k",
    gate_weight="? d in -1..1",
    mask="? n bool",
    w_out="? d e in -0.5..0.5",
    num_graphs=(Code("k"),),
    kind={"sum": 2, "mean": 3, "max": 2, "add": 1},
    gate={"softmax": 3, "sigmoid": 2},
    act={None: 3, "relu": 1, "tanh": 1},
    sizes={"n": (8, 10, 12, 16), "d": (4, 5, 6, 8), "k": (2, 3), "e": (2, 4, 5)},
    weight=12,
)
def readout(
    nodes,
    graph_ids,
    gate_weight=None,
    mask=None,
    w_out=None,
    *,
    num_graphs=2,
    kind="mean",
    gate="softmax",
    act=None,
):
    """Pools the nodes of each graph of a batch to one vector.

    Args:
        nodes: Features of the nodes of all graphs, shape (n, d).
        graph_ids: Index of the graph of each node, shape (n,).
        gate_weight: Weights of an attention gate, shape (d,).
        mask: The nodes that aren't padding, shape (n,).
        w_out: Weights of a linear layer after pooling, shape (d, e).
    """
    if act == "relu":
        nodes = jax.nn.relu(nodes)
    elif act == "tanh":
        nodes = jnp.tanh(nodes)
    if mask is not None:
        nodes = jnp.where(mask[:, None], nodes, 0.0)
    if gate_weight is not None:
        # Attention pooling.
        logits = nodes @ gate_weight
        if gate == "sigmoid":
            attention = jax.nn.sigmoid(logits)
        else:
            attention = segment_softmax(logits, graph_ids, num_graphs)
        weighted = attention[:, None] * nodes
        pooled = jax.ops.segment_sum(weighted, graph_ids, num_segments=num_graphs)
    else:
        pooled = aggregate(nodes, graph_ids, num_graphs, kind)
    if w_out is not None:
        pooled = pooled @ w_out
    return pooled


# ---------------------------------------------------------------- scores of edges


def transe_score(head, relation, tail):
    """Negative distance between the translated head and the tail."""
    return -jnp.sqrt(jnp.sum(jnp.square(head + relation - tail), axis=-1) + 1e-6)


def transe_l1_score(head, relation, tail):
    return -jnp.sum(jnp.abs(head + relation - tail), axis=-1)


def distmult_score(head, relation, tail):
    return jnp.sum(head * relation * tail, axis=-1)


def complex_score(head, relation, tail):
    """Re<h, r, conj(t)> of complex embeddings, as their real and imaginary halves."""
    h_re, h_im = jnp.split(head, 2, axis=-1)
    r_re, r_im = jnp.split(relation, 2, axis=-1)
    t_re, t_im = jnp.split(tail, 2, axis=-1)
    real = h_re * r_re - h_im * r_im
    imag = h_re * r_im + h_im * r_re
    return jnp.sum(real * t_re + imag * t_im, axis=-1)


def simple_score(head, relation, tail):
    """SimplE: the mean of both directions of the triple."""
    h1, h2 = jnp.split(head, 2, axis=-1)
    r1, r2 = jnp.split(relation, 2, axis=-1)
    t1, t2 = jnp.split(tail, 2, axis=-1)
    return 0.5 * jnp.sum(h1 * r1 * t2 + t1 * r2 * h2, axis=-1)


def hole_score(head, relation, tail):
    """HolE: the relation times the circular correlation of head and tail."""
    turned = jnp.stack([jnp.roll(tail, -i, axis=-1) for i in range(tail.shape[-1])], axis=-1)
    return jnp.sum(relation * jnp.einsum("...d,...dk->...k", head, turned), axis=-1)


@family(
    "reduction",
    head="n 2*k",
    relation="n 2*k",
    tail="n 2*k",
    bias="? n",
    score={
        Code("transe_score"): 3,
        Code("transe_l1_score"): 1,
        Code("distmult_score"): 3,
        Code("complex_score"): 3,
        Code("simple_score"): 1,
        Code("hole_score"): 1,
    },
    unit={False: 3, True: 1},
    margin={None: 3, 6.0: 1, 9.0: 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5)},
    weight=8,
    only="float32",
)
def score_triples(head, relation, tail, bias=None, *, score=None, unit=False, margin=None):
    """Scores of the triples of a knowledge graph; more likely triples have higher ones.

    Args:
        head: Embeddings of the heads, shape (n, dim).
        relation: Embeddings of the relations, shape (n, dim).
        tail: Embeddings of the tails, shape (n, dim).
        bias: Biases of the triples, shape (n,).
    """
    if unit:
        head, tail = normalise_rows(head), normalise_rows(tail)
    scores = score(head, relation, tail)
    if bias is not None:
        scores = scores + bias
    if margin is not None:
        scores = margin + scores
    return scores


@family(
    "reduction",
    head="n 2*k",
    relation="n 2*k",
    tail="n 2*k",
    negative_tail="n 2*k",
    confidence="? n in 0.2..1",
    score={
        Code("transe_score"): 3,
        Code("distmult_score"): 3,
        Code("complex_score"): 2,
        Code("simple_score"): 1,
    },
    loss={"margin": 3, "logistic": 3},
    unit={False: 3, True: 1},
    penalty={None: 3, 0.01: 1},
    mean={True: 3, False: 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5)},
    weight=10,
    only="float32",
)
def triple_loss(
    head,
    relation,
    tail,
    negative_tail,
    confidence=None,
    *,
    score=None,
    loss="margin",
    unit=False,
    penalty=None,
    mean=True,
):
    """Loss of the triples of a knowledge graph against triples with corrupted tails.

    Args:
        head: Embeddings of the heads, shape (n, dim).
        relation: Embeddings of the relations, shape (n, dim).
        tail: Embeddings of the tails, shape (n, dim).
        negative_tail: Embeddings of the corrupted tails, shape (n, dim).
        confidence: Weights of the triples, shape (n,).
    """
    if unit:
        head, tail = normalise_rows(head), normalise_rows(tail)
        negative_tail = normalise_rows(negative_tail)
    positive = score(head, relation, tail)
    negative = score(head, relation, negative_tail)
    if loss == "logistic":
        losses = jax.nn.softplus(-positive) + jax.nn.softplus(negative)
    else:
        losses = jax.nn.relu(1.0 + negative - positive)
    if penalty is not None:
        # L2 regularization of the embeddings.
        power = jnp.square(head) + jnp.square(relation) + jnp.square(tail)
        losses = losses + penalty * jnp.sum(power, axis=-1)
    if confidence is not None:
        losses = losses * confidence
    if mean:
        return jnp.mean(losses)
    return jnp.sum(losses)


def normalise_rows(x, eps=1e-4):
    return x / jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + eps)


@family(
    "reduction",
    "contraction",
    embeddings="n d",
    senders="m int n",
    receivers="m int n",
    relation="? d in 0.3..1",
    bias="? n",
    similarity={"dot": 3, "cosine": 2, "distance": 1},
    scaled={False: 2, True: 1},
    dense={False: 3, True: 1},
    temperature=(0.5, 0.2),
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8), "m": (5, 6, 8, 10)},
    weight=8,
    only="float32",
)
def predict_links(
    embeddings,
    senders,
    receivers,
    relation=None,
    bias=None,
    *,
    similarity="dot",
    scaled=False,
    dense=False,
    temperature=0.5,
):
    """Probabilities of edges by the embeddings of their nodes.

    Args:
        embeddings: Node embeddings, shape (n, d).
        senders: Index of the node where each edge begins, shape (m,).
        receivers: Index of the node where each edge ends, shape (m,).
        relation: Diagonal of a bilinear form, by which the embeddings are compared, shape (d,).
        bias: Biases of the nodes, shape (n,).
    """
    if similarity == "cosine":
        embeddings = normalise_rows(embeddings)
    if dense:
        # The scores of all pairs, of which those of the edges are taken.
        if similarity == "distance":
            offsets = embeddings[:, None, :] - embeddings[None, :, :]
            if relation is not None:
                offsets = offsets * relation
            table = -jnp.sum(jnp.square(offsets), axis=-1)
        else:
            left = embeddings if relation is None else embeddings * relation
            table = left @ embeddings.T
        logits = table[senders, receivers]
    else:
        x, y = embeddings[senders], embeddings[receivers]
        if similarity == "distance":
            offsets = x - y
            if relation is not None:
                offsets = offsets * relation
            logits = -jnp.sum(jnp.square(offsets), axis=-1)
        elif relation is not None:
            logits = jnp.sum(x * relation * y, axis=-1)
        else:
            logits = jnp.sum(x * y, axis=-1)
    if similarity == "cosine":
        logits = logits / temperature
    elif scaled:
        logits = logits / embeddings.shape[-1] ** 0.5
    if bias is not None:
        logits = logits + bias[senders] + bias[receivers]
    return jax.nn.sigmoid(logits)


@family(
    "reduction",
    "contraction",
    embeddings="n d",
    senders="m int n",
    receivers="m int n",
    targets="m in 0..1",
    weights="? m in 0.2..1",
    relation="? d in 0.3..1",
    loss={"bce": 3, "focal": 1, "hinge": 1},
    unit={False: 3, True: 1},
    smoothing={None: 3, 0.1: 1},
    gamma=(1.0, 2.0),
    mean={True: 3, False: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8), "m": (5, 6, 8, 10)},
    weight=10,
    only="float32",
)
def link_loss(
    embeddings,
    senders,
    receivers,
    targets,
    weights=None,
    relation=None,
    *,
    loss="bce",
    unit=False,
    smoothing=None,
    gamma=2.0,
    mean=True,
):
    """Loss of link prediction by inner products of node embeddings.

    Args:
        embeddings: Node embeddings, shape (n, d).
        senders: Index of the node where each edge begins, shape (m,).
        receivers: Index of the node where each edge ends, shape (m,).
        targets: 1 for an edge of the graph and 0 for a negative sample, shape (m,).
        weights: Weights of the edges, shape (m,).
        relation: Diagonal of a bilinear form, by which the embeddings are compared, shape (d,).
    """
    if unit:
        embeddings = normalise_rows(embeddings)
    x, y = embeddings[senders], embeddings[receivers]
    if relation is not None:
        x = x * relation
    logits = jnp.sum(x * y, axis=-1)
    if smoothing is not None:
        # Label smoothing.
        targets = (1.0 - smoothing) * targets + 0.5 * smoothing
    if loss == "hinge":
        losses = jax.nn.relu(1.0 - (2.0 * targets - 1.0) * logits)
    else:
        losses = jax.nn.softplus(logits) - targets * logits
        if loss == "focal":
            # Easy edges count less.
            losses = losses * jnp.abs(targets - jax.nn.sigmoid(logits)) ** gamma
    if weights is not None:
        losses = losses * weights
        if mean:
            return jnp.sum(losses) / jnp.sum(weights)
        return jnp.sum(losses)
    if mean:
        return jnp.mean(losses)
    return jnp.sum(losses)


# ---------------------------------------------------------------- trees


@family(
    "loop",
    "contraction",
    "reduction",
    values="n d",
    parents="n int n",
    w="? d d in -0.5..0.5",
    edge_weights="? n in 0.2..1",
    decay={None: 2, 0.5: 1, 0.8: 1},
    act={None: 3, Code("jnp.tanh"): 2, Code("jax.nn.gelu"): 1},
    combine={"sum": 3, "max": 1},
    loop={"fori": 3, "scan": 2},
    sizes={"n": (4, 6, 8, 10), "d": (2, 4, 5)},
    weight=8,
    only="float32",
)
def subtree_sums(
    values,
    parents,
    w=None,
    edge_weights=None,
    *,
    decay=None,
    act=None,
    combine="sum",
    loop="fori",
):
    """Accumulates values from the leaves of a tree to its root.

    Args:
        values: Values of the nodes, shape (n, d); node 0 is the root.
        parents: Index of the parent of each node, shape (n,); it is below the node's own index.
        w: Weights of the step from a node to its parent, shape (d, d).
        edge_weights: Weights of the edges to the parents, shape (n,).
    """
    n = values.shape[0]
    # Parents come before their children.
    parents = jnp.minimum(parents, jnp.maximum(jnp.arange(n) - 1, 0))

    def visit(node, sums):
        message = sums[node]
        if w is not None:
            message = message @ w
        if act is not None:
            message = act(message)
        if decay is not None:
            message = decay * message
        if edge_weights is not None:
            message = edge_weights[node] * message
        if combine == "max":
            return sums.at[parents[node]].max(message)
        return sums.at[parents[node]].add(message)

    # From the last node to the first child of the root.
    if loop == "scan":
        order = jnp.arange(n - 1, 0, -1)
        sums, _ = lax.scan(lambda sums, node: (visit(node, sums), None), values, order)
        return sums
    return lax.fori_loop(0, n - 1, lambda i, sums: visit(n - 1 - i, sums), values)


@family(
    "loop",
    "contraction",
    "reduction",
    values="n d",
    parents="n int n",
    w="? d d in -0.5..0.5",
    edge_weights="? n in 0.2..1",
    decay={None: 2, 0.5: 1, 0.8: 1},
    combine={"sum": 3, "max": 1},
    act={None: 3, Code("jnp.tanh"): 2, Code("jax.nn.gelu"): 1},
    loop={"fori": 3, "scan": 2},
    sizes={"n": (4, 6, 8, 10), "d": (2, 4, 5)},
    weight=8,
    only="float32",
)
def root_path_sums(
    values,
    parents,
    w=None,
    edge_weights=None,
    *,
    decay=None,
    combine="sum",
    act=None,
    loop="fori",
):
    """Accumulates values from the root of a tree to its leaves.

    Args:
        values: Values of the nodes, shape (n, d); node 0 is the root.
        parents: Index of the parent of each node, shape (n,); it is below the node's own index.
        w: Weights of the step from a parent to its child, shape (d, d).
        edge_weights: Weights of the edges to the parents, shape (n,).
    """
    n = values.shape[0]
    # Parents come before their children.
    parents = jnp.minimum(parents, jnp.maximum(jnp.arange(n) - 1, 0))

    def visit(node, sums):
        message = sums[parents[node]]
        if w is not None:
            message = message @ w
        if act is not None:
            message = act(message)
        if decay is not None:
            message = decay * message
        if edge_weights is not None:
            message = edge_weights[node] * message
        if combine == "max":
            return sums.at[node].max(message)
        return sums.at[node].add(message)

    if loop == "scan":
        order = jnp.arange(1, n)
        sums, _ = lax.scan(lambda sums, node: (visit(node, sums), None), values, order)
        return sums
    return lax.fori_loop(1, n, visit, values)
