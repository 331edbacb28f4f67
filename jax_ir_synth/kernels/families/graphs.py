"""Families: graphs, messages between nodes, and knowledge graphs."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
symmetrise: symmetrise 1, symmetrize 5, make_symmetric 2
drop_loops: drop_loops 2, remove_self_loops 4, zero_diagonal 2
normalise_rows: normalise_rows 1, normalize_rows 3, l2_normalize 4, normalize 3
normalised: normalised 1, normalized 4, normalize 4
neighbours: neighbours 1, neighbors 5, neighbor_ids 2, neigh 1
w_neighbours: w_neighbours 1, w_neighbors 3, w_neigh 4
symmetric: symmetric 5, undirected 3
iterations: iterations 4, num_iters 4, n_iter 2
steps: steps 5, num_steps 4
penalty: penalty 3, l2 1, reg 3
join_pairs: join_pairs 3, reduce_pairs 3, combine_pairs 2
propagation: propagation 3, adj_norm 4, a_hat 3, p 1
hidden: hidden 6, h 4, z 1
iterate_fori: iterate_fori 1, iterate 4, repeat_step 1, run_steps 2
iterate_scan: iterate_scan 1, iterate 4, repeat_step 1, run_steps 2
iterate_unrolled: iterate_unrolled 1, iterate 4, repeat_step 1, run_steps 2
w: w 4, weight 4, kernel 2, W 1
nodes: nodes 5, node_features 3, x 4, h 2, features 2
senders: senders 6, src 4, source 2
receivers: receivers 6, dst 4, target 2
edges: edges 5, edge_features 3, edge_attr 2
adjacency: adjacency 5, adj 5, a 2, A 1
messages: messages 6, msgs 2, msg 2
aggregated: aggregated 4, agg 3, pooled 1, incoming 1
gcn: gcn 3, gcn_layer 4, graph_convolution 3, graph_conv 2
normalise_adjacency: normalise_adjacency 1, normalize_adjacency 4, normalize_adj 3, sym_norm 1
pass_messages: pass_messages 3, message_passing 4, mpnn_layer 2, propagate 2
aggregate: aggregate 6, segment_reduce 1, scatter_messages 1
scatter_mean: scatter_mean 3, segment_mean 5
segment_softmax: segment_softmax 6, edge_softmax 4
graph_attention: graph_attention 5, gat_layer 4, gat 3
sage_layer: sage_layer 4, graphsage 3, graph_sage 3
readout: readout 6, global_pool 3, graph_readout 2
graph_ids: graph_ids 4, batch 4, segment_ids 2, graph_index 1
page_rank: page_rank 5, pagerank 5, rank_pages 1
ranks: ranks 5, rank 2, p 2, scores 1
transition: transition 6, p 2, walk 1
damping: damping 7, alpha 3
graph_smoothness: graph_smoothness 4, smoothness 3, dirichlet 1, regularize_graph 2
laplacian_filter: laplacian_filter 3, spectral_filter 3, graph_filter 3, cheb_conv 2
graph_laplacian: graph_laplacian 5, laplacian 4, make_laplacian 2
degrees: degrees 5, degree 3, deg 4
signal: signal 4, x 3, f 2
propagate_labels: propagate_labels 4, label_propagation 5, spread_labels 2
labels: labels 7, y 2, seeds 1
triangle_statistics: triangle_statistics 2, clustering 3, count_triangles 3, graph_statistics 2
cluster_pool: cluster_pool 3, diff_pool 3, dense_pool 2, coarsen 2
assignments: assignments 4, s 3, assign 2
modularity: modularity 6, soft_modularity 3, modularity_loss 2
score_triples: score_triples 4, kg_score 3, score 2, triple_score 2
head: head 5, h 3, subject 1
relation: relation 5, r 3, rel 2
tail: tail 5, t 3, object_ 1
predict_links: predict_links 4, link_prediction 3, decode_edges 2, edge_scores 2
embeddings: embeddings 5, z 4, emb 2
tree_sum: tree_sum 3, reduce_tree 3, accumulate_tree 2, subtree_sum 2
parents: parents 6, parent 3
walk_features: walk_features 4, random_walk_features 3, diffuse_features 2, multi_hop 2
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
    symmetric={False: 2, True: 1},
    act={
        Code("jax.nn.relu"): 3,
        Code("jnp.tanh"): 2,
        Code("jax.nn.elu"): 1,
        Code("jax.nn.gelu"): 1,
        Code("jax.nn.sigmoid"): 1,
    },
    residual={None: 3, "initial": 1, "weighted": 1},
    thresholded={False: 3, True: 1},
    first={"propagate": 2, "transform": 2},
    normalised={None: 3, "l2": 1, "layer": 1},
    pooled={None: 3, "mean": 2, "max": 1, "sum": 1},
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
    symmetric=False,
    act=None,
    residual=None,
    thresholded=False,
    first="propagate",
    normalised=None,
    pooled=None,
):
    """A graph convolution on a dense adjacency matrix.

    Args:
        adjacency: the weight of the edge between each two nodes.
        nodes: the features of each node, one node in each row.
        w: the weights of the first layer.
        bias: the bias of the first layer.
        weight_out: the weights of a second layer.
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    if thresholded:
        # Weak edges don't count.
        adjacency = jnp.where(adjacency > 0.3, adjacency, 0.0)
    propagation = normalise_adjacency(adjacency, norm, self_loops)
    if first == "transform":
        hidden = propagation @ (nodes @ w)
    else:
        hidden = (propagation @ nodes) @ w
    if bias is not None:
        hidden = hidden + bias
    hidden = act(hidden)
    if residual == "initial":
        hidden = hidden + nodes @ w
    elif residual == "weighted":
        hidden = 0.9 * hidden + 0.1 * nodes @ w
    if normalised == "l2":
        hidden = hidden / jnp.sqrt(jnp.sum(jnp.square(hidden), axis=-1, keepdims=True) + 1e-3)
    elif normalised == "layer":
        mean = jnp.mean(hidden, axis=-1, keepdims=True)
        hidden = (hidden - mean) / jnp.sqrt(jnp.var(hidden, axis=-1, keepdims=True) + 1e-2)
        hidden = jnp.tanh(hidden + 0.5)
    if weight_out is not None:
        hidden = propagation @ (hidden @ weight_out)
    if pooled == "mean":
        return jnp.mean(hidden, axis=0)
    elif pooled == "max":
        return jnp.max(hidden, axis=0)
    elif pooled == "sum":
        return jnp.sum(hidden, axis=0)
    else:
        return hidden


@family(
    "loop",
    "reduction",
    adjacency="n n in 0.1..1",
    personal="? n in 0.1..1",
    damping={0.85: 3, 0.9: 1, 0.5: 1},
    iterations=(3, 5, 8, 10),
    iterate={
        Code("iterate_fori"): 3,
        Code("iterate_scan"): 2,
        Code("iterate_unrolled"): 1,
    },
    direction={"row": 2, "column": 1},
    lazy={False: 3, True: 1},
    dangling={False: 3, True: 1},
    loops={False: 1, True: 1},
    start={"uniform": 2, "degrees": 1, "teleport": 1},
    result={"ranks": 3, "log": 1, "squares": 1, "scaled": 2, "top": 1},
    history={False: 4, True: 1},
    kept={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10)},
    only="float32",
)
def page_rank(
    adjacency,
    personal=None,
    *,
    damping=0.85,
    iterations=5,
    iterate=None,
    direction="row",
    lazy=False,
    dangling=False,
    loops=True,
    start="uniform",
    result="ranks",
    history=False,
    kept=False,
):
    """Ranks the nodes of a graph by a random walk that at times begins anew.

    Args:
        adjacency: the weight of the link from each node to each other one.
        personal: how often the walk begins anew at each node.
        damping: the probability of following a link.
    """
    n = adjacency.shape[0]
    if not loops:
        adjacency = drop_loops(adjacency)
    if direction == "row":
        transition = adjacency / (jnp.sum(adjacency, axis=1, keepdims=True) + 1e-3)
        transition = transition.T
    else:
        transition = adjacency / (jnp.sum(adjacency, axis=0, keepdims=True) + 1e-3)
    if lazy:
        # The walk stays in every second step.
        transition = 0.5 * (transition + jnp.eye(n))
    if personal is not None:
        teleport = personal / jnp.sum(personal)
    else:
        teleport = jnp.ones(n) / n
    if start == "uniform":
        ranks = jnp.ones(n) / n
    elif start == "degrees":
        ranks = jnp.sum(adjacency, axis=1) / jnp.sum(adjacency)
    else:
        ranks = teleport

    def step(ranks):
        if dangling:
            # What got lost begins anew.
            followed = damping * (transition @ ranks)
            return followed + (1.0 - jnp.sum(followed)) * teleport
        else:
            return teleport + damping * (transition @ ranks - teleport)

    if history:

        def visit(ranks, _):
            ranks = step(ranks)
            return ranks, ranks

        # The average over all steps.
        _, steps = lax.scan(visit, ranks, None, length=iterations)
        ranks = jnp.mean(steps, axis=0)
    else:
        ranks = iterate(step, ranks, iterations)
    if kept:
        ranks = ranks / jnp.max(ranks)
    if result == "log":
        return jnp.log(n * ranks + 1e-3)
    elif result == "squares":
        return jnp.square(n * ranks)
    elif result == "scaled":
        return ranks * jnp.sum(adjacency, axis=1)
    elif result == "top":
        # A soft maximum.
        return jax.nn.logsumexp(10.0 * ranks) / 10.0
    else:
        return ranks / jnp.linalg.norm(ranks)


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
    kind={"combinatorial": 1, "symmetric": 3, "walk": 2, "signless": 1},
    symmetric={True: 2, False: 1},
    loops={False: 2, True: 1},
    basis={"horner": 2, "powers": 2, "chebyshev": 3, "bernstein": 1},
    shifted={False: 1, True: 1},
    act={None: 2, "tanh": 1, "relu": 1, "square": 1},
    residual={False: 3, True: 1},
    measure={None: 3, "energy": 1, "norms": 1},
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
    residual=False,
    measure=None,
):
    """Filters signals on the nodes of a graph by a polynomial of its Laplacian.

    Args:
        adjacency: the weight of the edge between each two nodes.
        signal: the values at each node, one node in each row.
        coefs: the coefficients of the polynomial.
        w: weights that mix the values of a node.
        bias: a bias of each value.
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    laplacian = graph_laplacian(adjacency, kind)
    if shifted:
        # Eigenvalues from -1 to 1.
        laplacian = laplacian - jnp.eye(laplacian.shape[0])
    if bias is not None:
        signal = signal + bias
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
        rest = jnp.eye(laplacian.shape[0]) - 0.5 * laplacian
        out = jnp.zeros_like(signal)
        for i in range(coefs.shape[0]):
            term = signal
            for _ in range(i):
                term = 0.5 * (laplacian @ term)
            for _ in range(i + 1, coefs.shape[0]):
                term = rest @ term
            out = out + coefs[i] * term
    if residual:
        out = out + signal
    if w is not None:
        out = out @ w
    if act == "tanh":
        out = jnp.tanh(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    elif act == "square":
        out = jnp.square(out)
    if measure == "energy":
        return jnp.mean(jnp.square(out))
    elif measure == "norms":
        return jnp.sqrt(jnp.sum(jnp.square(out), axis=0) + 1e-4)
    else:
        return out


@family(
    "contraction",
    "reduction",
    "loop",
    adjacency="n n in 0..1",
    signal="n d",
    anchor="? n d",
    weights="? n in 0.2..1",
    kind={"combinatorial": 2, "symmetric": 3, "walk": 2, "signless": 1},
    symmetric={True: 2, False: 1},
    loops={False: 2, True: 1},
    measure={
        "energy": 3,
        "rayleigh": 2,
        "variation": 2,
        "heat": 3,
        "step": 2,
        "high_pass": 1,
        "dirichlet": 1,
    },
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2, Code("iterate_unrolled"): 2},
    steps=(2, 3, 5),
    rate=(0.1, 0.2, 0.3),
    penalty={None: 2, 0.1: 1, 0.01: 1},
    root={False: 2, True: 1},
    sizes={"n": (4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def graph_smoothness(
    adjacency,
    signal,
    anchor=None,
    weights=None,
    *,
    kind="symmetric",
    symmetric=True,
    loops=False,
    measure="energy",
    iterate=None,
    steps=3,
    rate=0.2,
    penalty=None,
    root=False,
):
    """Measures how smooth signals on a graph are, or makes them smoother.

    Args:
        adjacency: the weight of the edge between each two nodes.
        signal: the values at each node, one node in each row.
        anchor: values that the signal has to be near.
        weights: a factor of each node's values.
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    if weights is not None:
        signal = signal * weights[:, None]
    if measure == "variation":
        difference = signal[:, None, :] - signal[None, :, :]
        total = jnp.sum(adjacency[:, :, None] * jnp.abs(difference), axis=(0, 1))
        if anchor is not None:
            total = total + jnp.sum(jnp.square(signal - anchor), axis=0)
        return total
    if measure == "dirichlet":
        square = jnp.sum(jnp.square(signal[:, None, :] - signal[None, :, :]), axis=-1)
        total = 0.5 * jnp.sum(adjacency * square)
        if anchor is not None:
            total = total + jnp.sum(jnp.square(signal - anchor))
        return total
    laplacian = graph_laplacian(adjacency, kind)
    if measure == "energy" or measure == "rayleigh":
        energy = jnp.sum(signal * (laplacian @ signal), axis=0)
        if anchor is not None:
            energy = energy + jnp.sum(jnp.square(signal - anchor), axis=0)
        if measure == "rayleigh":
            energy = energy / (jnp.sum(jnp.square(signal), axis=0) + 1e-2)
        if penalty is not None:
            energy = energy + penalty * jnp.sum(jnp.abs(signal), axis=0)
        return energy

    def step(x):
        change = laplacian @ x
        if anchor is not None:
            change = change + x - anchor
        if penalty is not None:
            change = change + penalty * x
        return x - rate * change

    if measure == "heat":
        out = iterate(step, signal, steps)
    elif measure == "high_pass":
        out = jnp.tanh(signal - step(signal)) * signal
    else:
        out = step(signal)
    if root:
        out = jnp.sqrt(jnp.square(out) + 1e-3)
    return out


@family(
    "loop",
    "reduction",
    adjacency="n n in 0.05..1",
    labels="n c in 0..1",
    known="? n bool",
    prior="? c in 0.1..1",
    norm={"row": 3, "symmetric": 2, "column": 1},
    kernel={None: 2, "exp": 1, "square": 1},
    loops={False: 1, True: 1},
    alpha={0.9: 1, 0.8: 1, 0.5: 1},
    steps=(2, 4, 6, 8),
    iterate={
        Code("iterate_fori"): 3,
        Code("iterate_scan"): 2,
        Code("iterate_unrolled"): 1,
    },
    clamped={False: 1, True: 1},
    result={"scores": 3, "softmax": 2, "entropy": 1, "log": 1, "margin": 1},
    normalised={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8), "c": (2, 4)},
    only="float32",
)
def propagate_labels(
    adjacency,
    labels,
    known=None,
    prior=None,
    *,
    norm="row",
    kernel=None,
    loops=True,
    alpha=0.9,
    steps=4,
    iterate=None,
    clamped=True,
    result="scores",
    normalised=False,
):
    """Spreads labels along the edges of a graph.

    Args:
        adjacency: how alike each two nodes are.
        labels: how much each node is known to belong to each class.
        known: the nodes whose labels are known.
        prior: how frequent each class is.
        alpha: how much a node takes from its neighbours.
        steps: the number of steps.
    """
    if kernel == "exp":
        adjacency = jnp.exp(adjacency / 0.5)
    elif kernel == "square":
        adjacency = jnp.square(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    propagation = normalise_adjacency(adjacency, norm, False)
    if known is not None:
        labels = jnp.where(known[:, None], labels, 0.0)
    if prior is not None:
        labels = labels * prior

    def spread(scores):
        scores = labels + alpha * (propagation @ scores - labels)
        if normalised:
            scores = scores / (jnp.sum(scores, axis=1, keepdims=True) + 1e-2)
        if clamped and known is not None:
            # Known labels stay.
            scores = jnp.where(known[:, None], labels, scores)
        return scores

    scores = iterate(spread, labels, steps)
    if result == "softmax":
        return jax.nn.softmax(5.0 * scores, axis=-1) * scores
    elif result == "entropy":
        log_probs = jax.nn.log_softmax(5.0 * scores, axis=-1)
        return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    elif result == "log":
        return jnp.log(scores + 0.05)
    elif result == "margin":
        return scores[:, 0] - jnp.max(scores[:, 1:], axis=1)
    else:
        return scores


@family(
    "reduction",
    adjacency="n n in 0..1",
    values="? n",
    symmetric={True: 3, False: 1},
    loops={False: 3, True: 1},
    sharpened={None: 3, "threshold": 1, "sigmoid": 1, "square": 1},
    statistic={
        "clustering": 3,
        "triangles": 2,
        "degrees": 2,
        "assortativity": 2,
        "transitivity": 2,
        "closeness": 1,
        "overlap": 1,
        "walks": 1,
        "density": 1,
        "entropy": 1,
    },
    summary={None: 3, "mean": 2, "deviation": 1, "max": 1},
    product={"einsum": 1, "matmul": 2},
    log={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10)},
    weight=12,
    only="float32",
)
def triangle_statistics(
    adjacency,
    values=None,
    *,
    symmetric=True,
    loops=False,
    sharpened=None,
    statistic="clustering",
    summary=None,
    product="matmul",
    log=False,
):
    """Measures how the nodes of a graph hang together.

    Args:
        adjacency: the weight of the edge between each two nodes.
        values: a factor of the weight of each node.

    Returns:
        A value for each node, or one for all.
    """
    if values is not None:
        factor = jax.nn.sigmoid(values)
        adjacency = adjacency * factor[:, None] * factor[None, :]
    if symmetric:
        adjacency = symmetrise(adjacency)
    if sharpened == "threshold":
        adjacency = jnp.where(adjacency > 0.2, adjacency, 0.0)
    elif sharpened == "sigmoid":
        adjacency = jax.nn.sigmoid(10.0 * (adjacency - 0.4))
    elif sharpened == "square":
        adjacency = jnp.square(adjacency)
    if not loops:
        adjacency = drop_loops(adjacency)
    degrees = jnp.sum(adjacency, axis=1)
    if statistic == "degrees":
        found = degrees
    elif statistic == "density":
        found = degrees / (adjacency.shape[0] - 1)
    elif statistic == "walks":
        found = adjacency @ (adjacency @ degrees)
    elif statistic == "entropy":
        shares = adjacency / (degrees[:, None] + 1e-2)
        found = -jnp.sum(shares * jnp.log(shares + 1e-2), axis=1)
    elif statistic == "closeness":
        # Paths of one and of two edges.
        reached = adjacency + 0.5 * adjacency @ adjacency
        found = jnp.mean(reached / (1.0 + reached), axis=1)
    elif statistic == "overlap":
        common = adjacency @ adjacency
        smaller = jnp.minimum(degrees[:, None], degrees[None, :])
        found = jnp.mean(common / (smaller + 0.1), axis=1)
    elif statistic == "assortativity":
        # The mean degree of a node's neighbours.
        found = (adjacency @ degrees) / (degrees + 0.1)
    else:
        if product == "einsum":
            triangles = jnp.einsum("ij,jk,ki->i", adjacency, adjacency, adjacency) / 2.0
        else:
            triangles = jnp.diagonal(adjacency @ adjacency @ adjacency) / 2.0
        if statistic == "triangles":
            found = triangles
        elif statistic == "transitivity":
            pairs = jnp.sum(jnp.square(degrees)) - jnp.sum(jnp.square(adjacency))
            return 2.0 * jnp.sum(triangles) / (pairs + 0.1)
        else:
            pairs = 0.5 * (jnp.square(degrees) - jnp.sum(jnp.square(adjacency), axis=1))
            found = triangles / (pairs + 0.1)
    if log:
        found = jnp.log1p(found)
    if summary == "mean":
        return jnp.mean(found)
    elif summary == "deviation":
        return jnp.sqrt(jnp.mean(jnp.square(found - jnp.mean(found))) + 1e-4)
    elif summary == "max":
        return jax.nn.logsumexp(found)
    else:
        return found


@family(
    "reduction",
    adjacency="n n in 0..1",
    nodes="n d",
    w="d k",
    gate="? n in 0.3..1",
    symmetric={True: 2, False: 1},
    smoothed={None: 2, "symmetric": 1, "row": 1},
    temperature={None: 2, 0.5: 1, 0.2: 1},
    result={
        "features": 3,
        "both": 1,
        "adjacency": 2,
        "cut": 2,
        "modularity": 3,
        "reconstruction": 2,
        "entropy": 1,
        "unpooled": 2,
    },
    balance={None: 2, "orthogonal": 2, "collapse": 1, "size": 1},
    strength=(0.1, 0.5, 1.0),
    mean={False: 2, True: 1},
    normalised={None: 2, "row": 1, "symmetric": 1},
    loops={False: 3, True: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5), "k": (2, 4)},
    weight=14,
    only="float32",
)
def cluster_pool(
    adjacency,
    nodes,
    w,
    gate=None,
    *,
    symmetric=True,
    smoothed=None,
    temperature=None,
    result="features",
    balance=None,
    strength=0.5,
    mean=False,
    normalised=None,
    loops=True,
):
    """Assigns the nodes of a graph softly to clusters, and says what comes of it.

    Args:
        adjacency: the weight of the edge between each two nodes.
        nodes: the features of each node.
        w: the weights by which features decide the cluster.
        gate: how much each node counts.
    """
    if symmetric:
        adjacency = symmetrise(adjacency)
    if smoothed is not None:
        logits = normalise_adjacency(adjacency, smoothed, True) @ nodes @ w
    else:
        logits = nodes @ w
    if temperature is not None:
        logits = logits / temperature
    assignments = jax.nn.softmax(logits, axis=-1)
    if gate is not None:
        assignments = assignments * gate[:, None]
    sizes = jnp.sum(assignments, axis=0)
    if result == "features" or result == "unpooled" or result == "both":
        features = assignments.T @ nodes
        if mean:
            features = features / (sizes[:, None] + 1e-3)
        if result == "unpooled":
            # Each node gets the features of its clusters.
            return nodes + assignments @ features
        coarse = assignments.T @ adjacency @ assignments
        return features + normalise_adjacency(coarse, "row", False) @ features
    if result == "adjacency":
        coarse = assignments.T @ adjacency @ assignments
        if not loops:
            coarse = drop_loops(coarse)
        if normalised is not None:
            coarse = normalise_adjacency(coarse, normalised, False)
        return coarse @ (assignments.T @ nodes)
    if result == "entropy":
        loss = -jnp.mean(jnp.sum(assignments * jnp.log(assignments + 1e-4), axis=-1))
        loss = loss + jnp.mean(adjacency * jnp.square(assignments @ assignments.T))
    elif result == "reconstruction":
        loss = jnp.mean(jnp.square(adjacency - assignments @ assignments.T))
    elif result == "cut":
        degrees = jnp.sum(adjacency, axis=1)
        within = jnp.trace(assignments.T @ adjacency @ assignments)
        total = jnp.sum(degrees[:, None] * jnp.square(assignments))
        loss = -within / (total + 1e-3)
    else:
        # How many more edges are inside than degrees let expect.
        degrees = jnp.sum(adjacency, axis=1)
        total = jnp.sum(degrees)
        expected = jnp.outer(degrees, degrees) / (total + 1e-3)
        within = jnp.sum(assignments * ((adjacency - expected) @ assignments))
        loss = -within / (total + 1e-3)
    if balance == "orthogonal":
        gram = assignments.T @ assignments
        gram = gram / jnp.linalg.norm(gram)
        k = gram.shape[0]
        loss = loss + strength * jnp.linalg.norm(gram - jnp.eye(k) / k**0.5)
    elif balance == "collapse":
        n, k = assignments.shape
        loss = loss + strength * (k**0.5 / n * jnp.linalg.norm(sizes) - 1.0)
    elif balance == "size":
        loss = loss + strength * jnp.mean(jnp.square(sizes - jnp.mean(sizes)))
    return loss


@family(
    "contraction",
    "loop",
    "reduction",
    adjacency="n n in 0.1..1",
    nodes="n d",
    weights="? l in 0.1..1",
    norm={"row": 3, "symmetric": 2, "column": 1},
    hops=(2, 3, 4),
    restart={None: 2, 0.15: 1, 0.3: 1},
    lazy={False: 2, True: 1},
    loops={False: 1, True: 1},
    combined={
        "iterated": 4,
        "last": 1,
        "mean": 2,
        "concatenated": 2,
        "max": 1,
        "decayed": 1,
        "attention": 1,
        "returns": 1,
        "log": 1,
    },
    iterate={Code("iterate_fori"): 3, Code("iterate_scan"): 2},
    act={None: 3, "tanh": 1, "relu": 1},
    pooled={None: 3, "mean": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6), "l": (2, 4)},
    weight=12,
    only="float32",
)
def walk_features(
    adjacency,
    nodes,
    weights=None,
    *,
    norm="row",
    hops=2,
    restart=None,
    lazy=False,
    loops=True,
    combined="last",
    iterate=None,
    act=None,
    pooled=None,
):
    """Gathers what a random walk meets in some steps from each node.

    Args:
        adjacency: the weight of the edge between each two nodes.
        nodes: the features of each node.
        weights: how much what is met after each number of steps counts.
        hops: the number of steps.
        restart: how often the walk goes back to where it began.
    """
    if not loops:
        adjacency = drop_loops(adjacency)
    transition = normalise_adjacency(adjacency, norm, False)
    if lazy:
        transition = 0.5 * (transition + jnp.eye(transition.shape[0]))

    def step(x):
        x = transition @ x
        if restart is not None:
            x = x + restart * (nodes - x)
        return x

    if weights is not None:
        x, out = nodes, jnp.zeros_like(nodes)
        for i in range(weights.shape[0]):
            x = step(x)
            out = out + weights[i] * x
    elif combined == "iterated":
        out = iterate(step, nodes, hops)
    elif combined == "returns":
        # How often the walk is back where it began.
        power = jnp.linalg.matrix_power(transition, hops)
        out = jnp.diagonal(power)[:, None] * nodes
    elif combined == "log":
        power = jnp.linalg.matrix_power(transition, hops)
        out = jnp.log(power + 0.1) @ nodes
    else:
        found = [nodes]
        for _ in range(hops):
            found.append(step(found[-1]))
        if combined == "concatenated":
            out = jnp.concatenate(found, axis=-1)
        elif combined == "mean":
            out = sum(found) / len(found)
        elif combined == "max":
            out = jnp.max(jnp.stack(found), axis=0)
        elif combined == "decayed":
            out = sum([0.5**i * each for i, each in enumerate(found)])
        elif combined == "attention":
            stacked = jnp.stack(found)
            scores = jnp.mean(stacked * nodes, axis=-1, keepdims=True)
            out = jnp.sum(jax.nn.softmax(scores, axis=0) * stacked, axis=0)
        else:
            out = found[-1]
    if act == "tanh":
        out = jnp.tanh(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    if pooled == "mean":
        return jnp.mean(out, axis=0)
    else:
        return out


# ---------------------------------------------------------------- lists of edges


def scatter_mean(values, index, num_segments=4):
    total = jax.ops.segment_sum(values, index, num_segments)
    count = jax.ops.segment_sum(jnp.ones(index.shape[0], values.dtype), index, num_segments)
    return total / jnp.maximum(count, 1.0)[:, None]


def aggregate(messages, receivers, num_nodes=4, kind="sum"):
    """Gathers the messages that each node gets."""
    if kind == "sum":
        return jax.ops.segment_sum(messages, receivers, num_segments=num_nodes)
    elif kind == "add":
        return (
            jnp.zeros((num_nodes, messages.shape[-1]), messages.dtype).at[receivers].add(messages)
        )
    elif kind == "mean":
        return scatter_mean(messages, receivers, num_nodes)
    elif kind == "softmax":
        weights = segment_softmax(messages, receivers, num_nodes)
        return jax.ops.segment_sum(weights * messages, receivers, num_segments=num_nodes)
    else:
        # A node without messages gets zeros.
        start = jnp.zeros((num_nodes, messages.shape[-1]), messages.dtype)
        return start.at[receivers].max(messages)


def segment_softmax(logits, segment_ids, num_segments=4):
    """A softmax over the elements of each segment."""
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
    edges="? m f",
    edge_weights="? m in 0.1..1",
    w_message="? d d in -0.5..0.5",
    w_update="? d e in -0.5..0.5",
    gathering={"sum": 3, "add": 2, "mean": 2, "max": 1, "softmax": 1},
    message={"sender": 3, "difference": 2, "product": 1, "sum": 1},
    act={"relu": 3, "tanh": 2, "gelu": 1},
    update={"residual": 3, "replace": 2, "gated": 1, "gin": 2},
    eps={0.1: 1, 0.5: 1},
    undirected={False: 3, True: 1},
    normalised={None: 3, "degree": 1, "layer": 1},
    pooled={None: 3, "sum": 2, "mean": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6), "m": (6, 8, 10, 12), "f": (4, 6), "e": (2, 4)},
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
    act="relu",
    update="residual",
    eps=0.1,
    undirected=False,
    normalised=None,
    pooled=None,
):
    """Sends messages along the edges of a graph, and updates its nodes.

    Args:
        nodes: the features of each node.
        senders: the node where each edge begins.
        receivers: the node where each edge ends.
        edges: the features of each edge.
        edge_weights: how much each edge counts.
        w_message: the weights of the messages.
        w_update: the weights of the result.
    """
    num_nodes = nodes.shape[0]
    messages = nodes[senders]
    if message == "difference":
        messages = messages - nodes[receivers]
    elif message == "product":
        messages = messages * nodes[receivers]
    elif message == "sum":
        messages = messages + nodes[receivers]
    if w_message is not None:
        messages = messages @ w_message
    if edges is not None:
        gates = jax.nn.sigmoid(jnp.mean(edges, axis=-1, keepdims=True))
        messages = messages * gates
    if act == "relu":
        messages = jax.nn.relu(messages)
    elif act == "tanh":
        messages = jnp.tanh(messages)
    else:
        messages = jax.nn.gelu(messages)
    if edge_weights is not None:
        messages = messages * edge_weights[:, None]
    if normalised == "degree":
        ones = jnp.ones(senders.shape[0], messages.dtype)
        degrees = jax.ops.segment_sum(ones, senders, num_segments=num_nodes)
        messages = messages / jnp.sqrt(1.0 + degrees)[senders][:, None]
    gathered = aggregate(messages, receivers, num_nodes, gathering)
    if undirected:
        # Messages go back along the edges, too.
        gathered = gathered + aggregate(messages, senders, num_nodes, gathering)
    if update == "residual":
        out = nodes + gathered
    elif update == "gin":
        out = (1.0 + eps) * nodes + gathered
    elif update == "gated":
        gate = jax.nn.sigmoid(gathered)
        out = gate * nodes + (1.0 - gate) * gathered
    else:
        out = gathered
    if normalised == "layer":
        variance = jnp.mean(jnp.square(out), axis=-1, keepdims=True)
        out = out * jax.lax.rsqrt(variance + 1e-2)
    if w_update is not None:
        out = jnp.tanh(out @ w_update)
    if pooled == "sum":
        return jnp.sum(out, axis=0)
    elif pooled == "mean":
        return jnp.mean(out, axis=0)
    else:
        return out


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
    scoring={"additive": 3, "second": 2},
    slope={0.2: 2, 0.1: 1},
    max_free={False: 3, True: 1},
    loops={False: 2, True: 1},
    residual={False: 2, True: 1},
    act={"elu": 2, "relu": 1, "tanh": 1, "none": 2},
    gathering={"segment": 2, "add": 1},
    temperature={None: 3, 0.5: 1},
    pooled={None: 3, "mean": 1, "max": 1},
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
    scoring="additive",
    slope=0.2,
    max_free=False,
    loops=False,
    residual=False,
    act="elu",
    gathering="segment",
    temperature=None,
    pooled=None,
):
    """Attention of each node to those whose edges end at it.

    Args:
        nodes: the features of each node.
        senders: the node where each edge begins.
        receivers: the node where each edge ends.
        w: the weights of the features.
        attn_senders: what is looked for in a sender.
        attn_receivers: what is looked for in a receiver.
    """
    num_nodes = nodes.shape[0]
    hidden = nodes @ w
    if scoring == "second":
        # The nonlinearity comes before the vectors of attention.
        pair = jax.nn.leaky_relu(hidden[senders] + hidden[receivers], slope)
        logits = pair @ (attn_senders + attn_receivers)
    else:
        logits = (hidden @ attn_senders)[senders] + (hidden @ attn_receivers)[receivers]
        logits = jax.nn.leaky_relu(logits, slope)
    if edge_logits is not None:
        logits = logits + edge_logits
    if temperature is not None:
        logits = logits / temperature
    if mask is not None:
        logits = jnp.where(mask, logits, -1e4)
    if max_free:
        exps = jnp.exp(jnp.clip(logits, -8.0, 8.0))
        total = jax.ops.segment_sum(exps, receivers, num_segments=num_nodes)
        attention = exps / (total[receivers] + 1e-3)
    else:
        attention = segment_softmax(logits, receivers, num_nodes)
    messages = attention[:, None] * hidden[senders]
    if gathering == "add":
        out = jnp.zeros_like(hidden).at[receivers].add(messages)
    else:
        out = jax.ops.segment_sum(messages, receivers, num_segments=num_nodes)
    if loops:
        out = 0.5 * (out + hidden)
    if bias is not None:
        out = out + bias
    if act == "elu":
        out = jax.nn.elu(out)
    elif act == "relu":
        out = jax.nn.relu(out)
    elif act == "tanh":
        out = jnp.tanh(out)
    if residual:
        out = out + hidden
    if pooled == "mean":
        return jnp.mean(out, axis=0)
    elif pooled == "max":
        return jnp.max(out, axis=0)
    else:
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
    gathering={"mean": 3, "max": 1, "sum": 1, "attention": 1, "pool": 1},
    joined={"sum": 3, "concatenated": 2, "gated": 1},
    act={"relu": 3, "tanh": 1, "gelu": 1},
    normalised={"l2": 2, "none": 2, "rms": 1},
    negative={None: 3, "dot": 1},
    pooled={None: 3, "mean": 1, "max": 1},
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
    *,
    gathering="mean",
    joined="sum",
    act="relu",
    normalised="l2",
    negative=None,
    pooled=None,
):
    """A layer of GraphSAGE on sampled neighbours.

    Args:
        nodes: the features of each node.
        neighbours: the nodes that were sampled for each node.
        w_self: the weights of a node's own features.
        w_neighbours: the weights of its neighbours' features.
        valid: which of the sampled nodes count.
    """
    around = nodes[neighbours]
    if gathering == "pool":
        around = jax.nn.relu(around)
    if gathering == "attention":
        scores = jnp.sum(around * nodes[:, None, :], axis=-1) / nodes.shape[-1] ** 0.5
        if valid is not None:
            scores = jnp.where(valid, scores, -1e4)
        gathered = jnp.sum(jax.nn.softmax(scores, axis=1)[..., None] * around, axis=1)
    elif gathering == "max" or gathering == "pool":
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
    elif joined == "gated":
        out = jax.nn.sigmoid(nodes @ w_self) * (gathered @ w_neighbours)
    else:
        out = nodes @ w_self + gathered @ w_neighbours
    if bias is not None:
        out = out + bias
    if act == "relu":
        out = jax.nn.relu(out)
    elif act == "tanh":
        out = jnp.tanh(out)
    else:
        out = jax.nn.gelu(out)
    if normalised == "l2":
        out = out / jnp.sqrt(jnp.sum(jnp.square(out), axis=-1, keepdims=True) + 1e-3)
    elif normalised == "rms":
        out = out * jax.lax.rsqrt(jnp.mean(jnp.square(out), axis=-1, keepdims=True) + 1e-3)
    if negative == "dot":
        # How alike each node is to those around it.
        return jnp.sum(out[:, None, :] * out[neighbours], axis=-1)
    if pooled == "mean":
        return jnp.mean(out, axis=0)
    elif pooled == "max":
        return jnp.max(out, axis=0)
    else:
        return out


@family(
    "reduction",
    "contraction",
    nodes="n d",
    graph_ids="n int k",
    gate_weight="? d in -1..1",
    node_weights="? n in 0.1..1",
    w_out="? d e in -0.5..0.5",
    num_graphs=(Code("k"),),
    kind={"sum": 2, "mean": 3, "max": 2, "add": 1, "softmax": 1, "moments": 1},
    transformed={None: 2, "relu": 1, "tanh": 1, "square": 1},
    centred={False: 3, True: 1},
    scaled={None: 3, "size": 1, "root": 1, "log": 1},
    head={None: 2, "softmax": 1, "sigmoid": 1, "norm": 1},
    spread={False: 3, True: 1},
    sizes={"n": (8, 10, 12, 16), "d": (4, 5, 6, 8), "k": (2, 3), "e": (2, 4, 5)},
    weight=12,
)
def readout(
    nodes,
    graph_ids,
    gate_weight=None,
    node_weights=None,
    w_out=None,
    *,
    num_graphs=2,
    kind="mean",
    transformed=None,
    centred=False,
    scaled=None,
    head=None,
    spread=False,
):
    """Pools the nodes of each graph of a batch.

    Args:
        nodes: the features of the nodes of all graphs.
        graph_ids: to which graph each node belongs.
        gate_weight: what makes a node important.
        node_weights: how much each node counts.
        w_out: the weights of a layer after pooling.
        num_graphs: the number of graphs.
    """
    if centred:
        nodes = nodes - scatter_mean(nodes, graph_ids, num_graphs)[graph_ids]
    if transformed == "relu":
        nodes = jax.nn.relu(nodes)
    elif transformed == "tanh":
        nodes = jnp.tanh(nodes)
    elif transformed == "square":
        nodes = jnp.square(nodes)
    if node_weights is not None:
        nodes = nodes * node_weights[:, None]
    if gate_weight is not None:
        if kind == "softmax":
            attention = segment_softmax(nodes @ gate_weight, graph_ids, num_graphs)
        else:
            attention = jax.nn.sigmoid(nodes @ gate_weight)
        nodes = attention[:, None] * nodes
        pooled = jax.ops.segment_sum(nodes, graph_ids, num_segments=num_graphs)
    elif kind == "moments":
        mean = scatter_mean(nodes, graph_ids, num_graphs)
        second = scatter_mean(jnp.square(nodes), graph_ids, num_graphs)
        pooled = mean + jnp.sqrt(jnp.maximum(second - jnp.square(mean), 0.0) + 1e-2)
    else:
        pooled = aggregate(nodes, graph_ids, num_graphs, kind)
    if scaled is not None:
        size = jax.ops.segment_sum(jnp.ones_like(nodes[:, 0]), graph_ids, num_graphs)
        if scaled == "size":
            pooled = pooled / (size[:, None] + 1.0)
        elif scaled == "root":
            pooled = pooled / jnp.sqrt(size[:, None] + 1.0)
        else:
            pooled = pooled * jnp.log1p(size)[:, None]
    if w_out is not None:
        pooled = pooled @ w_out
    if head == "softmax":
        pooled = jax.nn.log_softmax(pooled, axis=-1)
    elif head == "sigmoid":
        pooled = jax.nn.sigmoid(pooled)
    elif head == "norm":
        pooled = pooled / jnp.sqrt(jnp.sum(jnp.square(pooled), axis=-1, keepdims=True) + 1e-2)
    if spread:
        # Each node gets what its graph is like.
        return pooled[graph_ids]
    else:
        return pooled


# ---------------------------------------------------------------- scores of edges


@family(
    "reduction",
    head="n 2*k",
    relation="n 2*k",
    tail="n 2*k",
    negative_tail="? n 2*k",
    confidence="? n in 0.2..1",
    model={
        "transe": 3,
        "distmult": 3,
        "complex": 2,
        "rotate": 3,
        "simple": 1,
        "hole": 1,
        "toruse": 1,
    },
    norm={"l1": 1, "l2": 2, "squared": 1},
    unit={False: 2, True: 1},
    margin=(1.0, 2.0, 6.0),
    loss={None: 2, "margin": 2, "softplus": 2, "logistic": 1},
    adversarial={False: 2, True: 1},
    penalty={None: 3, 0.01: 1, 0.1: 1},
    reduced={"mean": 2, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5)},
    weight=16,
    only="float32",
)
def score_triples(
    head,
    relation,
    tail,
    negative_tail=None,
    confidence=None,
    *,
    model="transe",
    norm="l2",
    unit=False,
    margin=1.0,
    loss=None,
    adversarial=False,
    penalty=None,
    reduced="mean",
):
    """Scores triples of a knowledge graph by embeddings of entities and relations.

    Args:
        head: the embedding of each first entity.
        relation: the embedding of each relation.
        tail: the embedding of each second entity.
        negative_tail: embeddings of entities that make the triples false.
        confidence: how much each triple counts.
    """
    if unit:
        head = normalise_rows(head)
        tail = normalise_rows(tail)

    def score(tail):
        if model == "distmult":
            found = jnp.sum(head * relation * tail, axis=-1)
        elif model == "complex":
            h_re, h_im = jnp.split(head, 2, axis=-1)
            r_re, r_im = jnp.split(relation, 2, axis=-1)
            t_re, t_im = jnp.split(tail, 2, axis=-1)
            real = h_re * r_re - h_im * r_im
            imag = h_re * r_im + h_im * r_re
            found = jnp.sum(real * t_re + imag * t_im, axis=-1)
        elif model == "rotate":
            # The relation turns and scales each complex coordinate of the first entity.
            h_re, h_im = jnp.split(head, 2, axis=-1)
            t_re, t_im = jnp.split(tail, 2, axis=-1)
            phase, log_scale = jnp.split(relation, 2, axis=-1)
            cos, sin = jnp.cos(phase), jnp.sin(phase)
            scale = jnp.exp(0.5 * log_scale)
            off_re = scale * (h_re * cos - h_im * sin) - t_re
            off_im = scale * (h_re * sin + h_im * cos) - t_im
            found = margin - jnp.sum(jnp.sqrt(off_re**2 + off_im**2 + 1e-4), axis=-1)
        elif model == "simple":
            h1, h2 = jnp.split(head, 2, axis=-1)
            r1, r2 = jnp.split(relation, 2, axis=-1)
            t1, t2 = jnp.split(tail, 2, axis=-1)
            found = 0.5 * jnp.sum(h1 * r1 * t2 + h2 * r2 * t1, axis=-1)
        elif model == "hole":
            turned = jnp.stack([jnp.roll(tail, -i, axis=-1) for i in range(tail.shape[-1])], -1)
            correlation = jnp.einsum("nd,ndk->nk", head, turned)
            found = jnp.sum(relation * correlation, axis=-1)
        elif model == "toruse":
            offset = head + relation - tail
            found = -jnp.sum(jnp.square(jnp.sin(0.5 * jnp.pi * offset)), axis=-1)
        else:
            offset = head + relation - tail
            if norm == "l1":
                distance = jnp.sum(jnp.abs(offset), axis=-1)
            elif norm == "squared":
                distance = jnp.sum(jnp.square(offset), axis=-1)
            else:
                distance = jnp.sqrt(jnp.sum(jnp.square(offset), axis=-1) + 1e-6)
            found = margin - distance
        return found

    positive = score(tail)
    if negative_tail is not None:
        if unit:
            negative_tail = normalise_rows(negative_tail)
        negative = score(negative_tail)
        if adversarial:
            # Hard negatives count more.
            negative = negative * lax.stop_gradient(jax.nn.softmax(negative)) * negative.shape[0]
        if loss == "margin":
            losses = jax.nn.softplus(margin + negative - positive)
        else:
            losses = jax.nn.softplus(-positive) + jax.nn.softplus(negative)
    elif loss == "softplus" or loss == "margin":
        losses = jax.nn.softplus(-positive)
    elif loss == "logistic":
        losses = jax.nn.sigmoid(positive)
    else:
        losses = positive
    if confidence is not None:
        losses = losses * confidence
    if penalty is not None:
        power = jnp.square(head) + jnp.square(relation) + jnp.square(tail)
        losses = losses + penalty * jnp.mean(power, axis=-1)
    if reduced == "mean":
        return jnp.mean(losses)
    elif reduced == "sum":
        return jnp.sum(losses)
    else:
        return losses


def normalise_rows(x, eps=1e-4):
    return x / jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + eps)


@family(
    "reduction",
    embeddings="n d",
    senders="m int n",
    receivers="m int n",
    relation="? d in -1..1",
    bias="? n",
    targets="? m in 0..1",
    weights="? m in 0.2..1",
    similarity={"dot": 3, "cosine": 2, "distance": 2, "bilinear": 1, "hadamard": 1, "rbf": 1},
    mixing=(0.5, 1.0, 2.0),
    head={None: 2, "sigmoid": 2, "log_sigmoid": 1, "tanh": 1},
    loss={"bce": 3, "mse": 1, "focal": 1, "margin": 1},
    negatives={None: 2, "shifted": 1, "all": 1},
    reduced={True: 2, False: 1},
    dense={False: 3, True: 1},
    normalised={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8), "m": (5, 6, 8, 10)},
    weight=14,
    only="float32",
)
def predict_links(
    embeddings,
    senders,
    receivers,
    relation=None,
    bias=None,
    targets=None,
    weights=None,
    *,
    similarity="dot",
    mixing=1.0,
    head=None,
    loss="bce",
    negatives=None,
    reduced=True,
    dense=False,
    normalised=False,
):
    """Predicts edges from the embeddings of their nodes.

    Args:
        embeddings: the embedding of each node.
        senders: the node where each edge begins.
        receivers: the node where each edge ends.
        relation: a factor of each coordinate.
        bias: a bias of each node.
        targets: whether each edge is there.
        weights: how much each edge counts.
    """
    if normalised:
        embeddings = normalise_rows(embeddings)
    if relation is not None:
        embeddings = embeddings * relation

    def score(x, y):
        if similarity == "cosine":
            return mixing * jnp.sum(normalise_rows(x) * normalise_rows(y), axis=-1)
        elif similarity == "distance":
            return mixing - jnp.sum(jnp.square(x - y), axis=-1)
        elif similarity == "rbf":
            return mixing * jnp.exp(-0.5 * jnp.sum(jnp.square(x - y), axis=-1))
        elif similarity == "bilinear":
            # The second half of an embedding is for receivers.
            half = x.shape[-1] // 2
            return mixing * jnp.sum(x[..., :half] * y[..., half : 2 * half], axis=-1)
        elif similarity == "hadamard":
            return jnp.mean(jnp.tanh(mixing * x * y), axis=-1)
        else:
            return mixing * jnp.sum(x * y, axis=-1) / x.shape[-1] ** 0.5

    if dense:
        # Score all pairs, and take those of the edges.
        table = score(embeddings[:, None, :], embeddings[None, :, :])
        scores = table[senders, receivers]
    else:
        scores = score(embeddings[senders], embeddings[receivers])
    if bias is not None:
        scores = scores + bias[senders] + bias[receivers]
    if targets is not None:
        if loss == "mse":
            losses = jnp.square(jax.nn.sigmoid(scores) - targets)
        elif loss == "margin":
            losses = jax.nn.softplus(1.0 - (2.0 * targets - 1.0) * scores)
        elif loss == "focal":
            probs = jax.nn.sigmoid(scores)
            losses = jnp.square(targets - probs) * (jax.nn.softplus(scores) - targets * scores)
        else:
            losses = jax.nn.softplus(scores) - targets * scores
    elif negatives == "shifted":
        # Each edge gets the receiver of the next one as a negative example.
        false = score(embeddings[senders], embeddings[jnp.roll(receivers, 1)])
        losses = jax.nn.softplus(-scores) + jax.nn.softplus(false)
    elif negatives == "all":
        table = score(embeddings[senders][:, None, :], embeddings[None, :, :])
        losses = jax.nn.logsumexp(table, axis=-1) - scores
    elif head == "sigmoid":
        losses = jax.nn.sigmoid(scores)
    elif head == "log_sigmoid":
        losses = jax.nn.log_sigmoid(scores)
    elif head == "tanh":
        losses = jnp.tanh(scores)
    else:
        losses = scores
    if weights is not None:
        if reduced:
            return jnp.sum(weights * losses) / jnp.sum(weights)
        return weights * losses
    if reduced:
        return jnp.mean(losses)
    else:
        return losses


# ---------------------------------------------------------------- trees


def join_pairs(x, combine="sum"):
    """Each two rows become one."""
    if x.shape[0] % 2:
        x = jnp.concatenate([x, jnp.zeros((1, x.shape[1]), x.dtype)])
    if combine == "max":
        return jnp.maximum(x[::2], x[1::2])
    elif combine == "mean":
        return 0.5 * (x[::2] + x[1::2])
    else:
        return x[::2] + x[1::2]


@family(
    "loop",
    "contraction",
    "reduction",
    values="n d",
    parents="n int n",
    w="? d d in -0.5..0.5",
    edge_weights="? n in 0.2..1",
    kind={"up": 3, "down": 3, "levels": 2, "halves": 2},
    decay={None: 2, 0.5: 1, 0.8: 1},
    depth=(2, 3, 4),
    act={None: 2, "tanh": 2, "gelu": 1},
    combine={"sum": 3, "max": 1, "mean": 1},
    normed={False: 3, True: 1},
    root={False: 2, True: 1},
    sizes={"n": (4, 6, 8, 10), "d": (2, 4, 5)},
    weight=12,
    only="float32",
)
def tree_sum(
    values,
    parents,
    w=None,
    edge_weights=None,
    *,
    kind="up",
    decay=None,
    depth=3,
    act=None,
    combine="sum",
    normed=False,
    root=False,
):
    """Sums values along the edges of a tree.

    Args:
        values: the values of each node.
        parents: the parent of each node, of which only an earlier node counts.
        w: the weights between a node and its parent.
        edge_weights: how much each edge to a parent counts.
    """
    n = values.shape[0]
    # Parents come before their children.
    parents = jnp.minimum(parents, jnp.arange(n).at[1:].add(-1))

    def transform(x):
        if w is not None:
            x = x @ w
        if act == "tanh":
            x = jnp.tanh(x)
        elif act == "gelu":
            x = jax.nn.gelu(x)
        if decay is not None:
            x = decay * x
        return x

    if edge_weights is not None:
        values = values * edge_weights[:, None]
    if kind == "up":

        def visit(i, sums):
            node = n - 1 - i
            if combine == "max":
                return sums.at[parents[node]].max(transform(sums[node]))
            return sums.at[parents[node]].add(transform(sums[node]))

        # From the last node to the first one, which is the root.
        out = lax.fori_loop(0, n - 1, visit, values)
        if root:
            return out[0]
    elif kind == "down":

        def visit(i, sums):
            if combine == "max":
                return sums.at[i].max(transform(sums[parents[i]]))
            return sums.at[i].add(transform(sums[parents[i]]))

        out = lax.fori_loop(1, n, visit, values)
    elif kind == "levels":
        # All nodes at once, once for each level of the tree.
        out = values
        for _ in range(depth):
            received = jax.ops.segment_sum(transform(out), parents, num_segments=n)
            if combine == "mean":
                received = received / n
            out = values + received
    else:
        out = values + transform(values[parents])
        while out.shape[0] > 1:
            out = join_pairs(out, combine)
    if normed:
        out = out / jnp.sqrt(1.0 + jnp.sum(jnp.square(out), axis=-1, keepdims=True))
    return out
