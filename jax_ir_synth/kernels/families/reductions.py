"""Families: summaries of arrays: norms, pooled statistics, distances, metrics, integrals."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
x: x 1
variance: variance 4, var 3
mask: mask 6, valid 3, keep 1
total: total 6, s 2, acc 1
matrix_norm: matrix_norm 3, penalty_norm 2, compute_norm 4, norm_of 2
pooled_statistics: pooled_statistics 4, stats_pooling 4, statistics_pooling 4, summary_stats 2
attentive_pool: attentive_pool 3, soft_pool 4, weighted_pool 2, attention_pooling 4
scores: scores 6, logits 3
weights: weights 7, w 3
set_distance: set_distance 4, cloud_distance 3, point_set_distance 3, pairwise_summary 1
pairwise: pairwise 2, pairwise_distances 5, cdist 3
form_energy: form_energy 3, bilinear_energy 4, quadratic_energy 3, interaction_energy 2
diversity: diversity 4, entropy 5, diversity_index 3
probs: probs 6, p 4
group_statistics: group_statistics 4, grouped_means 3, segment_statistics 3, between_group_variance 2
groups: groups 5, group_ids 3, segment_ids 2
labels: labels 6, targets 2, y_true 2
integrate: integrate 6, quadrature 3, numerical_integral 2
nodes: nodes 2, x 4, grid 3
soft_histogram: soft_histogram 6, kernel_histogram 2, histogram_features 2
centers: centers 6, bins 3, bin_centers 3
matched_filter: matched_filter 6, template_score 3, detect_template 3
template: template 6, kernel 2, pattern 1
regression_metric: regression_metric 4, regression_error 3, compute_metric 2, evaluate_predictions 3
pred: pred 5, y_pred 4, predictions 3
target: target 5, y_true 4, targets 3
overlap_score: overlap_score 3, soft_confusion 2, classification_score 3, soft_f1 1, segmentation_score 2
calibration: calibration 4, calibration_error 5, reliability 2
spread_of_points: spread_of_points 2, point_spread 3, shape_descriptor 3, dispersion 3
points: points 6, coords 3, positions 3
similarity: similarity 6, representation_similarity 3, agreement 2
inequality: inequality 5, inequality_index 4, concentration 2
income: income 4, x 3, shares 1
shape_moment: shape_moment 3, image_moments 4, weighted_moments 3
image: image 6, density 2, intensity 2
"""


@family(
    "reduction",
    x="n d",
    weights="? d in 0.2..1.5",
    center="? d in -0.5..0.5",
    kind=("l1", "l2", "linf", "lp", "huber", "group", "soft_max", "log_cosh"),
    axis={1: 3, 0: 2, -1: 2},
    power={False: 2, True: 1},
    normalise={False: 3, True: 1},
    combine={None: 3, "sum": 1, "mean": 2, "max": 1},
    eps={1e-3: 1, 1e-4: 1},
    sizes={"d": (4, 6, 8, 8, 10, 12), "n": (4, 5, 6, 8, 12)},
)
def matrix_norm(
    x,
    weights=None,
    center=None,
    *,
    kind="l2",
    axis=1,
    power=False,
    normalise=False,
    combine=None,
    eps=1e-4,
):
    """Norms of the rows or the columns of a matrix."""
    if center is not None:
        x = x - center
    if weights is not None:
        x = x * weights
    if kind == "l1":
        norm = jnp.sum(jnp.abs(x), axis=axis)
        if power:
            norm = jnp.square(norm)
    elif kind == "l2":
        norm = jnp.sum(jnp.square(x), axis=axis)
        if not power:
            norm = jnp.sqrt(norm + eps)
    elif kind == "linf":
        norm = jnp.max(jnp.abs(x), axis=axis)
        if power:
            norm = jnp.square(norm)
    elif kind == "lp":
        norm = jnp.sum(jnp.abs(x) ** 3, axis=axis)
        if not power:
            norm = jnp.cbrt(norm + eps)
    elif kind == "huber":
        size = jnp.abs(x)
        norm = jnp.sum(jnp.where(size < 1.0, 0.5 * jnp.square(x), size - 0.5), axis=axis)
    elif kind == "group":
        # Pairs of columns are a group.
        groups = x.reshape(x.shape[0], -1, 2)
        sizes = jnp.sqrt(jnp.sum(jnp.square(groups), axis=-1) + eps)
        norm = jnp.sum(sizes, axis=axis)
    elif kind == "soft_max":
        norm = jax.nn.logsumexp(jnp.abs(x), axis=axis)
    else:
        # The logarithm of the hyperbolic cosine, by a formula that can't overflow.
        size = jnp.abs(x)
        norm = jnp.sum(size + jnp.log1p(jnp.exp(-2.0 * size)), axis=axis)
    if normalise:
        norm = norm / x.shape[axis]
    if combine == "sum":
        return jnp.sum(norm)
    elif combine == "mean":
        return jnp.mean(norm)
    elif combine == "max":
        return jnp.max(norm)
    else:
        return norm


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    mask="? n bool",
    stats={"mean": 1, "var": 3, "std": 2, "skew": 2, "kurtosis": 2, "range": 1, "cv": 1},
    ddof={0: 2, 1: 1},
    layout={"concat": 4, "tuple": 2, "ratio": 1, "single": 4},
    center={None: 3, "first": 1},
    scale={False: 3, True: 1},
    sizes={"d": (4, 5, 6, 8), "n": (6, 8, 8, 10, 12, 16)},
)
def pooled_statistics(
    x, weights=None, mask=None, *, stats="std", ddof=0, layout="single", center=None, scale=False
):
    """Statistics of all rows, for each column.

    Args:
        x: values, one row for each sample.
        weights: weights of the rows.
        mask: rows that count.
    """
    n = x.shape[0]
    if center == "first":
        x = x[1:] - 0.5 * x[:1]
        n = n - 1
        if weights is not None:
            weights = weights[1:]
        if mask is not None:
            mask = mask[1:]
    if scale:
        x = x / (1.0 + jnp.max(jnp.abs(x)))

    def average(values):
        if mask is not None:
            w = mask.astype(x.dtype)
            if weights is not None:
                w = w * weights
            return w @ values / (jnp.sum(w) + 1e-2)
        if weights is not None:
            return weights @ values / jnp.sum(weights)
        return jnp.mean(values, axis=0)

    mean = average(x)
    centred = x - mean
    variance = average(jnp.square(centred))
    if ddof == 1:
        variance = variance * n / (n - 1)
    std = jnp.sqrt(variance + 1e-4)
    if stats == "mean":
        value = mean
    elif stats == "var":
        value = variance
    elif stats == "std":
        value = std
    elif stats == "skew":
        value = average((centred / std) ** 3)
    elif stats == "kurtosis":
        value = average((centred / std) ** 4) - 3.0
    elif stats == "cv":
        value = std / (1.0 + jnp.abs(mean))
    else:
        value = jnp.max(centred, axis=0) - jnp.min(centred, axis=0)
    if layout == "concat":
        return jnp.concatenate([mean, value])
    elif layout == "tuple":
        return mean, value
    elif layout == "ratio":
        return jnp.sum(value) / (1.0 + jnp.sum(std))
    else:
        return value


@family(
    "reduction",
    x="n d",
    query="? d in -0.7..0.7",
    key="? d d in -0.4..0.4",
    bias="? n in -0.5..0.5",
    mask="? n bool",
    kind={
        "softmax": 4,
        "logsumexp": 2,
        "gem": 1,
        "sigmoid": 2,
        "top": 1,
        "max_mean": 1,
        "entmax": 1,
    },
    temperature={None: 3, 0.5: 1, 2.0: 1},
    normalise={False: 3, True: 1},
    residual={None: 3, "mean": 1},
    sizes={"d": (4, 5, 6, 8), "n": (4, 5, 6, 8, 10, 12)},
)
def attentive_pool(
    x,
    query=None,
    key=None,
    bias=None,
    mask=None,
    *,
    kind="softmax",
    temperature=None,
    normalise=False,
    residual=None,
):
    """Pool the rows of a sequence into one.

    Args:
        x: the sequence, one row for each position.
        query: direction that is looked for.
        key: projection of the rows before they are compared with the query.
        bias: scores of the positions.
        mask: positions that count.
    """
    keys = jnp.tanh(x @ key) if key is not None else x
    if query is not None:
        scores = keys @ query
    else:
        scores = jnp.mean(keys, axis=-1)
    if bias is not None:
        scores = scores + bias
    if temperature is not None:
        scores = scores / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, scores - 5.0)
    if kind == "logsumexp":
        pooled = jax.nn.logsumexp(x + scores[:, None], axis=0)
    elif kind == "gem":
        # A generalised mean of positive values.
        powers = jax.nn.softplus(x) ** 3
        pooled = jnp.cbrt(jax.nn.softmax(scores) @ powers)
    elif kind == "sigmoid":
        gates = jax.nn.sigmoid(scores)
        pooled = gates @ x / (jnp.sum(gates) + 0.1)
    elif kind == "top":
        order = jnp.argsort(-scores)[:2]
        best = x[order] * jax.nn.softmax(scores[order])[:, None]
        pooled = jnp.sum(best, axis=0)
    elif kind == "max_mean":
        weighted = x * jax.nn.softmax(scores)[:, None] * x.shape[0]
        pooled = 0.5 * (jnp.max(weighted, axis=0) + jnp.mean(weighted, axis=0))
    elif kind == "entmax":
        # Weights of the square of what is above the mean.
        above = jnp.square(jax.nn.relu(scores - jnp.mean(scores) + 0.5))
        pooled = above @ x / (jnp.sum(above) + 1e-2)
    else:
        weights = jax.nn.softmax(scores, axis=0)
        pooled = jnp.sum(weights[:, None] * x, axis=0)
    if residual == "mean":
        pooled = pooled + jnp.mean(x, axis=0)
    if normalise:
        pooled = pooled * jax.lax.rsqrt(jnp.mean(jnp.square(pooled)) + 1e-2)
    return pooled


def pairwise(x, y, metric="squared"):
    if metric == "squared":
        x_norm = jnp.sum(jnp.square(x), axis=-1)
        y_norm = jnp.sum(jnp.square(y), axis=-1)
        return x_norm[:, None] + y_norm[None, :] - 2.0 * x @ y.T
    elif metric == "euclidean":
        diff = x[:, None, :] - y[None, :, :]
        return jnp.sqrt(jnp.sum(jnp.square(diff), axis=-1) + 1e-3)
    elif metric == "manhattan":
        return jnp.sum(jnp.abs(x[:, None, :] - y[None, :, :]), axis=-1)
    elif metric == "chebyshev":
        return jnp.max(jnp.abs(x[:, None, :] - y[None, :, :]), axis=-1)
    else:
        x_norm = jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-2)
        y_norm = jnp.sqrt(jnp.sum(jnp.square(y), axis=-1, keepdims=True) + 1e-2)
        return 1.0 - (x / x_norm) @ (y / y_norm).T


@family(
    "reduction",
    x="n d",
    y="m d",
    scale="? d in 0.4..1.5",
    weights="? n in 0.2..1.5",
    metric={"squared": 3, "euclidean": 3, "manhattan": 2, "chebyshev": 1, "cosine": 2},
    summary={
        "mean": 2,
        "chamfer": 3,
        "hausdorff": 2,
        "energy": 2,
        "mmd": 2,
        "nearest": 2,
        "soft_nearest": 1,
    },
    bandwidth={0.5: 1, 2.0: 2},
    both={True: 3, False: 2},
    sizes={"d": (2, 4, 5, 6), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def set_distance(
    x,
    y,
    scale=None,
    weights=None,
    *,
    metric="euclidean",
    summary="chamfer",
    bandwidth=2.0,
    both=True,
):
    """How far two sets of points are from each other.

    Args:
        x: points of the first set, one in each row.
        y: points of the second set.
        scale: scales of the coordinates.
        weights: weights of the points of the first set.
    """
    if scale is not None:
        x = x * scale
        y = y * scale
    distances = pairwise(x, y, metric)
    if weights is not None:
        w = weights / jnp.sum(weights)
    else:
        w = jnp.full(x.shape[0], 1.0 / x.shape[0], dtype=x.dtype)
    if summary == "mean":
        return jnp.sum(w * jnp.mean(distances, axis=1))
    elif summary == "chamfer":
        value = jnp.sum(w * jnp.min(distances, axis=1))
        if both:
            value = value + jnp.mean(jnp.min(distances, axis=0))
        return value
    elif summary == "hausdorff":
        value = jnp.max(w * jnp.min(distances, axis=1)) * x.shape[0]
        if both:
            value = jnp.maximum(value, jnp.max(jnp.min(distances, axis=0)))
        return value
    elif summary == "energy":
        between = jnp.sum(w * jnp.mean(distances, axis=1))
        within = w @ pairwise(x, x, metric) @ w
        return 2.0 * between - within - jnp.mean(pairwise(y, y, metric))
    elif summary == "mmd":
        # The maximum mean discrepancy, for a kernel that falls with the distance.
        cross = jnp.sum(w * jnp.mean(jnp.exp(-distances / bandwidth), axis=1))
        kernel = jnp.exp(-pairwise(x, x, metric) / bandwidth)
        within = w @ kernel @ w
        if both:
            within = within + jnp.mean(jnp.exp(-pairwise(y, y, metric) / bandwidth))
        return within - 2.0 * cross
    elif summary == "nearest":
        return jnp.min(distances, axis=1) * w * x.shape[0]
    else:
        soft = -bandwidth * jax.nn.logsumexp(-distances / bandwidth, axis=1)
        return jnp.sum(w * soft)


@family(
    "reduction",
    x="b n",
    y="b m",
    w="n m in -0.8..0.8",
    u="? n",
    v="? m",
    gate="? b in 0.2..1.2",
    style={"einsum": 4, "matmul": 3, "two_steps": 2},
    form={"bilinear": 4, "squared": 2, "energy": 2, "low_rank": 1},
    link={None: 3, "softplus": 1, "logsumexp": 1, "sigmoid": 1},
    output={"each": 4, "mean": 2, "pairs": 2, "sum": 1},
    scaled={False: 3, True: 1},
    sizes={"b": (2, 4, 5), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def form_energy(
    x,
    y,
    w,
    u=None,
    v=None,
    gate=None,
    *,
    style="einsum",
    form="bilinear",
    link=None,
    output="each",
    scaled=False,
):
    """Energies of pairs of vectors under a bilinear form.

    Args:
        x: first vectors, one in each row.
        y: second vectors.
        w: matrix of the form.
        u: linear weights of the first vectors.
        v: linear weights of the second vectors.
        gate: weight of each pair.
    """
    if output == "pairs":
        if style == "einsum":
            energy = jnp.einsum("an,nm,bm->ab", x, w, y)
        else:
            energy = x @ w @ y.T
        if u is not None:
            energy = energy + (x @ u)[:, None]
        if v is not None:
            energy = energy + (y @ v)[None, :]
        if gate is not None:
            energy = gate[:, None] * energy
        # The pairs on the diagonal belong together.
        own = jnp.trace(energy) / x.shape[0]
        rows = jnp.mean(jax.nn.logsumexp(energy, axis=1))
        columns = jnp.mean(jax.nn.logsumexp(energy, axis=0))
        return 0.5 * (rows + columns) - own
    if style == "einsum":
        energy = jnp.einsum("bn,nm,bm->b", x, w, y)
    elif style == "matmul":
        energy = jnp.sum((x @ w) * y, axis=-1)
    else:
        # All products first.
        outer = x[:, :, None] * y[:, None, :]
        energy = jnp.tensordot(outer, w, axes=2)
    if u is not None:
        energy = energy + x @ u
    if v is not None:
        energy = energy + y @ v
    if scaled:
        energy = energy * x.shape[1] ** -0.5
    if form == "squared":
        energy = jnp.square(energy)
    elif form == "energy":
        energy = 0.5 * jnp.sum(jnp.square(x), axis=-1) - energy
    elif form == "low_rank":
        energy = energy + 0.1 * jnp.sum(x, axis=-1) * jnp.sum(y, axis=-1)
    if gate is not None:
        energy = gate * energy
    if link == "softplus":
        energy = jax.nn.softplus(energy)
    elif link == "sigmoid":
        energy = jax.nn.sigmoid(energy)
    elif link == "logsumexp":
        return jax.nn.logsumexp(energy)
    if output == "mean":
        return jnp.mean(energy)
    elif output == "sum":
        return jnp.sum(energy)
    else:
        return energy


@family(
    "reduction",
    counts="n k in 0.1..2.0",
    weights="? n in 0.2..1.5",
    reference="? k in 0.2..1.5",
    source={"counts": 3, "logits": 3, "smoothed": 1},
    index={"shannon": 4, "simpson": 2, "renyi": 2, "tsallis": 2, "max": 1, "perplexity": 2},
    relative={False: 2, True: 1},
    bits={False: 3, True: 1},
    output={"rows": 3, "mean": 2, "gain": 2},
    sizes={"n": (4, 5, 6, 8), "k": (4, 5, 6, 8)},
)
def diversity(
    counts,
    weights=None,
    reference=None,
    *,
    source="counts",
    index="shannon",
    relative=False,
    bits=False,
    output="rows",
):
    """Diversity of the distributions in the rows of a table.

    Args:
        counts: counts or scores of the classes, one row for each site.
        weights: weights of the sites.
        reference: the distribution that the others are compared with, normalised here.
    """
    k = counts.shape[-1]
    if source == "logits":
        probs = jax.nn.softmax(2.0 * counts, axis=-1)
    elif source == "smoothed":
        probs = (counts + 0.5) / (jnp.sum(counts, axis=-1, keepdims=True) + 0.5 * k)
    else:
        probs = counts / jnp.sum(counts, axis=-1, keepdims=True)
    if reference is not None:
        # The divergence from the reference.
        log_ratio = jnp.log(probs) - jnp.log(reference / jnp.sum(reference))
        if index == "renyi":
            value = jnp.log(jnp.sum(probs * jnp.exp(log_ratio), axis=-1))
        elif index == "tsallis":
            value = jnp.sum(probs * jnp.exp(log_ratio), axis=-1) - 1.0
        elif index == "max":
            value = jnp.max(log_ratio, axis=-1)
        else:
            value = jnp.sum(probs * log_ratio, axis=-1)
    else:

        def measure(probs):
            if index == "simpson":
                return 1.0 - jnp.sum(jnp.square(probs), axis=-1)
            elif index == "renyi":
                return -jnp.log(jnp.sum(jnp.square(probs), axis=-1))
            elif index == "tsallis":
                return 2.0 * (jnp.sum(jnp.sqrt(probs), axis=-1) - 1.0)
            elif index == "max":
                return -jnp.log(jnp.max(probs, axis=-1))
            else:
                value = -jnp.sum(probs * jnp.log(probs), axis=-1)
                if index == "perplexity":
                    return jnp.exp(value)
                return value

        value = measure(probs)
        if output == "gain":
            # Of all sites together, beyond that of each of them.
            if weights is not None:
                pooled = weights @ probs / jnp.sum(weights)
                return measure(pooled) - jnp.sum(weights * value) / jnp.sum(weights)
            return measure(jnp.mean(probs, axis=0)) - jnp.mean(value)
    if relative:
        value = value / jnp.log(float(k))
    if bits:
        value = value / jnp.log(2.0)
    if weights is not None:
        value = weights * value
        if output == "mean":
            return jnp.sum(value) / jnp.sum(weights)
    if output == "mean":
        return jnp.mean(value)
    return value


@family(
    "reduction",
    x="n d",
    groups="n int 3",
    weights="? n in 0.2..1.5",
    prior="? d in -0.5..0.5",
    grouping={"one_hot": 4, "segment": 3, "compare": 2},
    output={"means": 4, "between": 2, "within": 2, "ratio": 2, "separation": 2, "shares": 1},
    num_groups=(3,),
    smoothing={0.5: 2, 1.0: 2},
    standardise={False: 3, True: 1},
    sizes={"n": (8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def group_statistics(
    x,
    groups,
    weights=None,
    prior=None,
    *,
    grouping="one_hot",
    output="means",
    num_groups=3,
    smoothing=1.0,
    standardise=False,
):
    """Means of groups of rows, and how far the groups are apart.

    Args:
        x: values, one row for each sample.
        groups: group of each sample.
        weights: weights of the samples.
        prior: mean of a group without samples.
        num_groups: number of groups.
        smoothing: how many samples the prior is worth.
    """
    if standardise:
        x = (x - jnp.mean(x, axis=0)) / (jnp.std(x, axis=0) + 0.1)
    if weights is not None:
        w = weights
    else:
        w = jnp.ones(x.shape[0], dtype=x.dtype)
    if grouping == "segment":
        counts = jax.ops.segment_sum(w, groups, num_segments=num_groups)
        sums = jax.ops.segment_sum(w[:, None] * x, groups, num_segments=num_groups)
    else:
        if grouping == "compare":
            member = (groups[:, None] == jnp.arange(num_groups)[None, :]).astype(x.dtype)
        else:
            member = jax.nn.one_hot(groups, num_groups, dtype=x.dtype)
        counts = w @ member
        sums = member.T @ (w[:, None] * x)
    if prior is not None:
        sums = sums + smoothing * prior
    means = sums / (counts + smoothing)[:, None]
    if output == "means":
        return means
    elif output == "shares":
        return means * (counts / jnp.sum(counts))[:, None]
    elif output == "separation":
        diff = means[:, None, :] - means[None, :, :]
        return jnp.sum(jnp.square(diff), axis=-1)
    overall = jnp.sum(w[:, None] * x, axis=0) / jnp.sum(w)
    between = counts @ jnp.square(means - overall) / jnp.sum(counts)
    if output == "between":
        return between
    within = w @ jnp.square(x - means[groups]) / jnp.sum(counts)
    if output == "within":
        return within
    else:
        return between / (within + 0.1)


@family(
    "reduction",
    values="k n",
    nodes="? n in 0.1..1.0",
    weights="? n in 0.2..1.0",
    mask="? n bool",
    rule={"trapezoid": 4, "simpson": 3, "midpoint": 2, "left": 1, "romberg": 1},
    transform={None: 4, "square": 1, "positive": 1, "log": 1},
    dx={0.1: 1, 0.25: 1, 0.5: 1},
    normalise={False: 3, True: 1},
    moment={None: 3, "mean": 1, "log": 1},
    sizes={"k": (2, 4, 5), "n": (5, 7, 9, 11)},
)
def integrate(
    values,
    nodes=None,
    weights=None,
    mask=None,
    *,
    rule="trapezoid",
    transform=None,
    dx=0.1,
    normalise=False,
    moment=None,
):
    """Integrals of functions that are given by their values.

    Args:
        values: values of the functions, one function in each row.
        nodes: lengths of the steps from one node to the next, of which the last one isn't used.
        weights: weight function at the nodes.
        mask: nodes that belong to the domain.
        dx: distance of the nodes, where they are evenly spaced.
    """
    if transform == "square":
        values = jnp.square(values)
    elif transform == "positive":
        values = jax.nn.softplus(values)
    elif transform == "log":
        values = jnp.log1p(jnp.square(values))
    if weights is not None:
        values = values * weights
    if mask is not None:
        values = jnp.where(mask, values, 0.0)
    n = values.shape[-1]
    if nodes is not None:
        steps = nodes[:-1]
        if rule == "left":
            integral = jnp.sum(values[:, :-1] * steps, axis=-1)
        elif rule == "simpson":
            # For pairs of intervals of unequal lengths.
            h0, h1 = steps[0::2], steps[1::2]
            f0, f1, f2 = values[:, 0:-2:2], values[:, 1:-1:2], values[:, 2::2]
            both = h0 + h1
            outer = (2.0 - h1 / h0) * f0 + (2.0 - h0 / h1) * f2
            middle = jnp.square(both) / (h0 * h1) * f1
            integral = jnp.sum(both / 6.0 * (outer + middle), axis=-1)
        else:
            integral = jnp.sum(0.5 * (values[:, 1:] + values[:, :-1]) * steps, axis=-1)
        length = jnp.sum(steps)
    else:
        length = dx * (n - 1)
        if rule == "left":
            integral = dx * jnp.sum(values[:, :-1], axis=-1)
        elif rule == "midpoint":
            integral = 2.0 * dx * jnp.sum(values[:, 1::2], axis=-1)
        elif rule == "simpson":
            ends = values[:, 0] + values[:, -1]
            odd = jnp.sum(values[:, 1:-1:2], axis=-1)
            even = jnp.sum(values[:, 2:-1:2], axis=-1)
            integral = dx / 3.0 * (ends + 4.0 * odd + 2.0 * even)
        elif rule == "romberg":
            fine = jnp.sum(values[:, 1:] + values[:, :-1], axis=-1) * 0.5 * dx
            rough = values[:, ::2]
            coarse = jnp.sum(rough[:, 1:] + rough[:, :-1], axis=-1) * dx
            integral = (4.0 * fine - coarse) / 3.0
        else:
            integral = dx * (jnp.sum(values, axis=-1) - 0.5 * (values[:, 0] + values[:, -1]))
    if normalise:
        integral = integral / length
    if moment == "mean":
        return jnp.mean(integral)
    elif moment == "log":
        return jnp.log1p(jnp.square(integral))
    else:
        return integral


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    centers="? k in -2..2",
    mask="? n bool",
    kernel={"gaussian": 4, "sigmoid": 3, "triangle": 2, "student": 1},
    normalise={"none": 2, "mass": 3, "max": 1},
    output={"counts": 4, "moment": 2, "entropy": 2, "distance": 1, "mode": 1},
    squash={False: 3, True: 1},
    width={0.5: 2, 0.75: 1},
    num_bins=(4, 5, 6),
    sizes={"n": (8, 10, 12, 16), "d": (2, 4, 5), "k": (4, 5)},
)
def soft_histogram(
    x,
    weights=None,
    centers=None,
    mask=None,
    *,
    kernel="gaussian",
    normalise="mass",
    output="counts",
    squash=False,
    width=0.5,
    num_bins=5,
):
    """Histograms of columns, with bins whose borders are soft.

    Args:
        x: values, one row for each sample.
        weights: weights of the samples.
        centers: centres of the bins.
        mask: samples that count.
        width: width of the bins.
        num_bins: number of bins, where their centres aren't given.
    """
    if squash:
        x = jnp.tanh(x)
    if centers is None:
        centers = jnp.linspace(-1.5, 1.5, num_bins, dtype=x.dtype)
    offsets = (x[:, :, None] - centers) / width
    if kernel == "sigmoid":
        member = jax.nn.sigmoid(4.0 * (offsets + 0.5)) - jax.nn.sigmoid(4.0 * (offsets - 0.5))
    elif kernel == "triangle":
        member = jax.nn.relu(1.0 - 0.5 * jnp.abs(offsets))
    elif kernel == "student":
        member = 1.0 / (1.0 + jnp.square(offsets))
    else:
        member = jnp.exp(-0.5 * jnp.square(offsets))
    if weights is not None:
        member = member * weights[:, None, None]
    if mask is not None:
        member = jnp.where(mask[:, None, None], member, 0.0)
    counts = jnp.sum(member, axis=0)
    if output == "moment":
        total = jnp.sum(counts, axis=-1) + 1e-1
        return jnp.sum(counts * centers, axis=-1) / total
    elif output == "entropy":
        probs = (counts + 1e-2) / jnp.sum(counts + 1e-2, axis=-1, keepdims=True)
        return -jnp.sum(probs * jnp.log(probs), axis=-1)
    elif output == "distance":
        # From a flat histogram.
        mean = jnp.mean(counts, axis=-1, keepdims=True)
        return jnp.mean(jnp.abs(counts - mean), axis=-1)
    elif output == "mode":
        return jnp.sum(jax.nn.softmax(counts, axis=-1) * centers, axis=-1)
    if normalise == "mass":
        # Densities, not shares.
        counts = counts / (width * x.shape[0])
    elif normalise == "max":
        counts = counts / (jnp.max(counts, axis=-1, keepdims=True) + 0.1)
    return jnp.mean(counts, axis=0)


@family(
    "reduction",
    signal="b t",
    template="k",
    noise="? t in 0.4..1.5",
    offset="? b",
    method={"windows": 4, "convolve": 3, "shifts": 2},
    normalise={"none": 2, "template": 2, "local": 2},
    detrend={None: 3, "mean": 1, "diff": 1},
    score={"max": 2, "energy": 3, "soft": 2, "mean_abs": 1, "softplus": 1},
    sizes={"b": (2, 4), "t": (8, 10, 12, 16), "k": (2, 4, 5)},
)
def matched_filter(
    signal,
    template,
    noise=None,
    offset=None,
    *,
    method="windows",
    normalise="none",
    detrend=None,
    score="energy",
):
    """How strongly a template appears in signals.

    Args:
        signal: signals, one in each row.
        template: shape that is looked for.
        noise: standard deviation of the noise at each time.
        offset: what is taken from each signal.
    """
    if offset is not None:
        signal = signal - offset[:, None]
    if noise is not None:
        signal = signal / noise
    if detrend == "mean":
        signal = signal - jnp.mean(signal, axis=-1, keepdims=True)
    elif detrend == "diff":
        signal = jnp.diff(signal, axis=-1)
    if normalise == "template":
        template = template * jax.lax.rsqrt(jnp.sum(jnp.square(template)) + 1e-2)
    k = template.shape[0]
    num_shifts = signal.shape[-1] - k + 1
    starts = jnp.arange(num_shifts)
    windows = signal[:, starts[:, None] + jnp.arange(k)[None, :]]
    if method == "convolve":
        response = jax.vmap(lambda s: jnp.convolve(s, template[::-1], mode="valid"))(signal)
    elif method == "shifts":
        response = sum(template[i] * signal[:, i : i + num_shifts] for i in range(k))
    else:
        response = jnp.einsum("bsk,k->bs", windows, template)
    if normalise == "local":
        energy = jnp.sum(jnp.square(windows), axis=-1)
        response = response * jax.lax.rsqrt(energy + 0.1)
    if score == "max":
        return jnp.max(response, axis=-1)
    elif score == "soft":
        return 0.5 * jax.nn.logsumexp(2.0 * response, axis=-1)
    elif score == "mean_abs":
        return jnp.mean(jnp.abs(response), axis=-1)
    elif score == "softplus":
        return jnp.sum(jax.nn.softplus(response - 1.0), axis=-1)
    else:
        return jnp.mean(jnp.square(response), axis=-1)


@family(
    "reduction",
    pred="n k",
    target="n k",
    weights="? n in 0.2..1.5",
    mask="? n k bool",
    metric=(
        "mae",
        "mse",
        "rmse",
        "mape",
        "smape",
        "r2",
        "explained",
        "log_cosh",
        "quantile",
        "huber",
        "ccc",
        "msle",
    ),
    multioutput={"raw": 3, "mean": 3, "weighted": 1},
    centre={False: 4, True: 1},
    skill={False: 4, True: 1},
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 4, 5)},
)
def regression_metric(
    pred,
    target,
    weights=None,
    mask=None,
    *,
    metric="rmse",
    multioutput="mean",
    centre=False,
    skill=False,
):
    """Measure predictions against targets.

    Args:
        pred: predictions, one row for each sample.
        target: true values.
        weights: weights of the samples.
        mask: entries that count.
    """
    if mask is not None:
        # Other entries have no error.
        pred = jnp.where(mask, pred, target)

    def average(x):
        if weights is not None:
            return weights @ x / jnp.sum(weights)
        return jnp.mean(x, axis=0)

    if centre:
        pred = pred - average(pred)
        target = target - average(target)
    error = pred - target
    spread = average(jnp.square(target - average(target)))
    if metric == "mae":
        value = average(jnp.abs(error))
    elif metric == "mse":
        value = average(jnp.square(error))
    elif metric == "rmse":
        value = jnp.sqrt(average(jnp.square(error)) + 1e-4)
    elif metric == "mape":
        value = average(jnp.abs(error) / (jnp.abs(target) + 0.5))
    elif metric == "smape":
        value = average(2.0 * jnp.abs(error) / (jnp.abs(target) + jnp.abs(pred) + 0.5))
    elif metric == "r2":
        value = 1.0 - average(jnp.square(error)) / (spread + 0.1)
    elif metric == "explained":
        bias = average(error)
        value = 1.0 - average(jnp.square(error - bias)) / (spread + 0.1)
    elif metric == "log_cosh":
        value = average(jnp.logaddexp(error, -error) - jnp.log(2.0))
    elif metric == "quantile":
        value = average(jnp.maximum(-0.9 * error, 0.1 * error))
    elif metric == "ccc":
        # The concordance of Lin.
        pred_mean, target_mean = average(pred), average(target)
        covariance = average((pred - pred_mean) * (target - target_mean))
        pred_spread = average(jnp.square(pred - pred_mean))
        shift = jnp.square(pred_mean - target_mean)
        value = 2.0 * covariance / (pred_spread + spread + shift + 1e-2)
    elif metric == "msle":
        log_ratio = jnp.log1p(jnp.square(pred)) - jnp.log1p(jnp.square(target))
        value = average(jnp.square(log_ratio))
    else:
        size = jnp.abs(error)
        value = average(jnp.where(size < 1.0, 0.5 * jnp.square(error), size - 0.5))
    if skill:
        # Relative to a prediction of the mean.
        value = value / jnp.sqrt(spread + 0.1)
    if multioutput == "mean":
        return jnp.mean(value)
    elif multioutput == "weighted":
        return jnp.sum(value * spread) / (jnp.sum(spread) + 0.1)
    else:
        return value


@family(
    "reduction",
    logits="n k",
    labels="n k bool",
    weights="? n in 0.2..1.5",
    class_weights="? k in 0.3..1.5",
    score={
        "f1": 3,
        "fbeta": 1,
        "dice": 2,
        "jaccard": 2,
        "tversky": 2,
        "precision": 1,
        "recall": 1,
        "mcc": 2,
    },
    average={"macro": 3, "micro": 2, "none": 2},
    activation={"sigmoid": 4, "softmax": 2},
    loss={False: 3, True: 2},
    temperature={None: 3, 2.0: 1},
    smooth={0.1: 1, 1.0: 1},
    sizes={"n": (6, 8, 10, 12), "k": (2, 4, 5)},
)
def overlap_score(
    logits,
    labels,
    weights=None,
    class_weights=None,
    *,
    score="f1",
    average="macro",
    activation="sigmoid",
    loss=False,
    temperature=None,
    smooth=1.0,
):
    """Scores of a classifier from soft counts of hits and misses.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: the classes that each sample has.
        weights: weights of the samples.
        class_weights: weights of the classes.
    """
    if temperature is not None:
        logits = logits / temperature
    if activation == "softmax":
        probs = jax.nn.softmax(logits, axis=-1)
    else:
        probs = jax.nn.sigmoid(logits)
    truth = labels.astype(probs.dtype)

    def count(x):
        if weights is not None:
            x = weights[:, None] * x
        if average == "micro":
            if class_weights is not None:
                x = class_weights * x
            return jnp.sum(x)
        return jnp.sum(x, axis=0)

    tp = count(probs * truth)
    fp = count(probs * (1.0 - truth))
    fn = count((1.0 - probs) * truth)
    if score == "f1":
        value = (2.0 * tp + smooth) / (2.0 * tp + fp + fn + smooth)
    elif score == "fbeta":
        value = (5.0 * tp + smooth) / (5.0 * tp + fp + 4.0 * fn + smooth)
    elif score == "jaccard":
        value = (tp + smooth) / (tp + fp + fn + smooth)
    elif score == "tversky":
        value = (tp + smooth) / (tp + 0.3 * fp + 0.7 * fn + smooth)
    elif score == "precision":
        value = (tp + smooth) / (tp + fp + smooth)
    elif score == "recall":
        value = (tp + smooth) / (tp + fn + smooth)
    elif score == "mcc":
        tn = count((1.0 - probs) * (1.0 - truth))
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        value = (tp * tn - fp * fn) * jax.lax.rsqrt(product + smooth)
    else:
        # With squares in the denominator.
        squares = count(jnp.square(probs) + jnp.square(truth))
        value = (2.0 * tp + smooth) / (squares + smooth)
    if loss:
        value = 1.0 - value
    if average == "macro":
        if class_weights is not None:
            return jnp.sum(class_weights * value) / jnp.sum(class_weights)
        return jnp.mean(value)
    elif average == "none":
        if class_weights is not None:
            return class_weights * value
        return value
    else:
        return value


@family(
    "reduction",
    logits="n k",
    labels="n int 4",
    weights="? n in 0.2..1.5",
    temperature="? in 0.5..2.0",
    kind={"ece": 4, "mce": 1, "brier": 2, "confidence": 1, "nll": 1},
    norm={"l1": 3, "l2": 2},
    num_bins=(4, 5),
    label_smoothing={None: 3, 0.1: 1},
    width={0.1: 1, 0.2: 2},
    output={"value": 3, "with_accuracy": 2, "bins": 2},
    sizes={"n": (8, 10, 12, 16), "k": (4, 5)},
)
def calibration(
    logits,
    labels,
    weights=None,
    temperature=None,
    *,
    kind="ece",
    norm="l1",
    num_bins=5,
    label_smoothing=None,
    width=0.2,
    output="value",
):
    """Whether a classifier is as often right as it is sure, with soft bins.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: true classes.
        weights: weights of the samples.
        temperature: what the logits are divided by.
        num_bins: number of bins of the confidence.
    """
    if temperature is not None:
        logits = logits / temperature
    probs = jax.nn.softmax(logits, axis=-1)
    truth = jax.nn.one_hot(labels, logits.shape[-1], dtype=probs.dtype)
    if label_smoothing is not None:
        truth = truth + label_smoothing * (1.0 / logits.shape[-1] - truth)
    if weights is not None:
        w = weights / jnp.sum(weights)
    else:
        w = jnp.full(logits.shape[0], 1.0 / logits.shape[0], dtype=probs.dtype)
    confidence = jnp.max(probs, axis=-1)
    # A sharp softmax stands for the class that is chosen.
    correct = jnp.sum(jax.nn.softmax(4.0 * logits, axis=-1) * truth, axis=-1)
    if kind == "brier":
        return w @ jnp.sum(jnp.square(probs - truth), axis=-1)
    elif kind == "nll":
        return -w @ jnp.sum(truth * jnp.log(probs), axis=-1)
    elif kind == "confidence":
        return w @ confidence - w @ correct
    centers = (jnp.arange(num_bins, dtype=probs.dtype) + 0.5) / num_bins
    member = jax.nn.softmax(-jnp.square((confidence[:, None] - centers) / width), axis=-1)
    mass = w @ member
    gap = (w * (confidence - correct)) @ member
    if kind == "mce":
        value = jnp.max(jnp.abs(gap) / (mass + 0.05))
    elif norm == "l2":
        value = jnp.sqrt(jnp.sum(jnp.square(gap) / (mass + 0.01)) + 1e-4)
    else:
        value = jnp.sum(jnp.abs(gap))
    if output == "with_accuracy":
        return value, w @ correct
    elif output == "bins":
        return value, gap / (mass + 0.05)
    else:
        return value


@family(
    "reduction",
    points="n d",
    mass="? n in 0.2..1.5",
    origin="? d in -0.5..0.5",
    mask="? n bool",
    kind={
        "centroid": 2,
        "gyration": 3,
        "inertia": 2,
        "covariance": 2,
        "axis": 2,
        "extent": 1,
        "anisotropy": 1,
    },
    robust={None: 3, "huber": 1, "cauchy": 1},
    scale={False: 3, True: 1},
    sizes={"n": (8, 10, 12, 16), "d": (2, 4)},
)
def spread_of_points(
    points, mass=None, origin=None, mask=None, *, kind="gyration", robust=None, scale=False
):
    """Where points are, and how far they spread.

    Args:
        points: the points, one in each row.
        mass: masses of the points.
        origin: what the points are measured from.
        mask: points that count.
    """
    if mass is not None:
        w = mass
    else:
        w = jnp.ones(points.shape[0], dtype=points.dtype)
    if mask is not None:
        w = jnp.where(mask, w, 0.0)
    if origin is not None:
        points = points - origin
    if robust is not None:
        squared = jnp.sum(jnp.square(points), axis=-1)
        if robust == "huber":
            w = w / jnp.sqrt(1.0 + squared)
        else:
            w = w / (1.0 + squared)
    total = jnp.sum(w) + 1e-2
    centroid = w @ points / total
    if kind == "centroid":
        return centroid
    offsets = points if origin is not None else points - centroid
    squared = jnp.sum(jnp.square(offsets), axis=-1)
    if kind == "gyration":
        value = jnp.sqrt(jnp.sum(w * squared) / total + 1e-4)
    elif kind == "inertia":
        value = jnp.sum(w * squared)
    elif kind == "covariance":
        value = jnp.einsum("n,ni,nj->ij", w, offsets, offsets) / total
    elif kind == "axis":
        value = w @ jnp.square(offsets) / total
    elif kind == "extent":
        value = jnp.max(w[:, None] * offsets, axis=0) - jnp.min(w[:, None] * offsets, axis=0)
    else:
        covariance = (w[:, None] * offsets).T @ offsets / total
        trace = jnp.trace(covariance)
        value = jnp.sum(jnp.square(covariance)) / (jnp.square(trace) + 0.1)
    if scale:
        value = value / (1.0 + jnp.sqrt(jnp.mean(squared)))
    return value


@family(
    "reduction",
    x="n d",
    y="n d",
    weights="? d in 0.2..1.5",
    row_weights="? n in 0.2..1.5",
    kind={
        "cosine": 3,
        "pearson": 3,
        "tanimoto": 2,
        "rbf": 2,
        "cka": 2,
        "hsic": 1,
        "angle": 1,
        "ruzicka": 1,
    },
    reduction={"none": 3, "mean": 3, "soft_max": 1},
    contrast={False: 3, True: 1},
    centre={False: 3, True: 1},
    distance={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8)},
)
def similarity(
    x,
    y,
    weights=None,
    row_weights=None,
    *,
    kind="cosine",
    reduction="mean",
    contrast=False,
    centre=False,
    distance=False,
):
    """Similarity of the rows of two matrices, or of the matrices as a whole.

    Args:
        x: first matrix.
        y: second matrix.
        weights: weights of the columns.
        row_weights: weights of the rows.
    """
    if centre:
        x = x - jnp.mean(x, axis=0)
        y = y - jnp.mean(y, axis=0)
    if weights is not None:
        x = x * weights
        y = y * weights
    if kind == "cka" or kind == "hsic":
        if row_weights is not None:
            x = x * row_weights[:, None]
            y = y * row_weights[:, None]
        x = x - jnp.mean(x, axis=0)
        y = y - jnp.mean(y, axis=0)
        cross = jnp.sum(jnp.square(x.T @ y))
        if kind == "hsic":
            return cross / x.shape[0] ** 2
        own = jnp.sum(jnp.square(x.T @ x)) * jnp.sum(jnp.square(y.T @ y))
        value = cross * jax.lax.rsqrt(own + 1e-2)
        if distance:
            value = 1.0 - value
        return value
    if kind == "pearson":
        x = x - jnp.mean(x, axis=-1, keepdims=True)
        y = y - jnp.mean(y, axis=-1, keepdims=True)
    dot = jnp.sum(x * y, axis=-1)
    x_square = jnp.sum(jnp.square(x), axis=-1)
    y_square = jnp.sum(jnp.square(y), axis=-1)
    if kind == "tanimoto":
        value = dot / (x_square + y_square - dot + 1e-2)
    elif kind == "rbf":
        value = jnp.exp(-0.2 * (x_square + y_square - 2.0 * dot))
    elif kind == "ruzicka":
        smaller = jnp.sum(jnp.minimum(jnp.abs(x), jnp.abs(y)), axis=-1)
        value = smaller / jnp.sum(jnp.maximum(jnp.abs(x), jnp.abs(y)), axis=-1)
    elif kind == "angle":
        cosine = dot * jax.lax.rsqrt(x_square * y_square + 0.1)
        value = 1.0 - jnp.arccos(0.99 * cosine) / jnp.pi
    else:
        value = dot * jax.lax.rsqrt(x_square * y_square + 1e-2)
    if contrast:
        # Less the similarity with the next row.
        value = value - jnp.mean(x * jnp.roll(y, 1, axis=0), axis=-1)
    if distance:
        value = 1.0 - value
    if row_weights is not None:
        value = row_weights * value
    if reduction == "mean":
        return jnp.mean(value)
    elif reduction == "soft_max":
        return jax.nn.logsumexp(value)
    else:
        return value


@family(
    "reduction",
    income="b n in 0.2..2.0",
    weights="? n in 0.3..1.5",
    tax="? in 0.05..0.4",
    index={
        "gini": 4,
        "theil": 2,
        "atkinson": 2,
        "hoover": 2,
        "top_share": 2,
        "palma": 1,
        "herfindahl": 1,
        "mld": 1,
    },
    method={"sort": 3, "pairs": 2},
    transform={None: 3, "log": 1, "square": 1},
    average={False: 3, True: 1},
    sizes={"b": (2, 4), "n": (5, 6, 8, 10, 12)},
)
def inequality(
    income, weights=None, tax=None, *, index="gini", method="sort", transform=None, average=False
):
    """How unequally a good is shared within each group.

    Args:
        income: what each member has, one row for each group.
        weights: factors by which the incomes are adjusted.
        tax: rate of a tax that is given back in equal parts.
    """
    if weights is not None:
        income = income * weights
    if tax is not None:
        income = (1.0 - tax) * income + tax * jnp.mean(income, axis=-1, keepdims=True)
    if transform == "log":
        income = jnp.log1p(income)
    elif transform == "square":
        income = jnp.square(income)
    n = income.shape[-1]
    mean = jnp.mean(income, axis=-1)
    shares = income / jnp.sum(income, axis=-1, keepdims=True)
    if index == "gini":
        if method == "pairs":
            gaps = jnp.abs(income[:, :, None] - income[:, None, :])
            value = jnp.mean(gaps, axis=(1, 2)) / (2.0 * mean)
        else:
            ranks = 2.0 * jnp.arange(1, n + 1, dtype=income.dtype) - n - 1.0
            value = jnp.sort(shares, axis=-1) @ ranks / n
    elif index == "theil":
        value = jnp.sum(shares * jnp.log(n * shares), axis=-1)
    elif index == "atkinson":
        value = 1.0 - jnp.exp(jnp.mean(jnp.log(income), axis=-1)) / mean
    elif index == "mld":
        value = jnp.log(mean) - jnp.mean(jnp.log(income), axis=-1)
    elif index == "hoover":
        value = 0.5 * jnp.sum(jnp.abs(shares - 1.0 / n), axis=-1)
    elif index == "herfindahl":
        value = n * jnp.sum(jnp.square(shares), axis=-1)
    elif index == "palma":
        ordered = jnp.sort(income, axis=-1)
        value = jnp.sum(ordered[:, -2:], axis=-1) / jnp.sum(ordered[:, :2], axis=-1)
    else:
        value = jnp.sum(jnp.sort(shares, axis=-1)[:, -2:], axis=-1)
    if average:
        return jnp.mean(value)
    return value


@family(
    "reduction",
    image="h n in 0.0..1.0",
    background="? n in 0.0..0.4",
    mask="? h n bool",
    gain="? h in 0.5..1.5",
    kind={"raw": 2, "central": 4, "legendre": 2, "radial": 2, "entropy": 1, "projection": 1},
    normalise={False: 2, True: 2},
    grid={"unit": 3, "pixels": 1},
    contrast={None: 3, "square": 1, "sigmoid": 1},
    output={"vector": 4, "tuple": 1, "invariant": 2},
    sizes={"h": (4, 5, 6), "n": (4, 5, 6, 8)},
)
def shape_moment(
    image,
    background=None,
    mask=None,
    gain=None,
    *,
    kind="central",
    normalise=True,
    grid="unit",
    contrast=None,
    output="vector",
):
    """Moments of an image up to the second order.

    Args:
        image: intensities of the pixels.
        background: intensity that is taken from each column.
        mask: pixels that count.
        gain: factors of the rows.
    """
    rows, columns = image.shape
    if background is not None:
        image = jnp.maximum(0.0, image - background)
    if gain is not None:
        image = image * gain[:, None]
    if contrast == "square":
        image = jnp.square(image)
    elif contrast == "sigmoid":
        image = jax.nn.sigmoid(4.0 * image - 2.0)
    if mask is not None:
        image = jnp.where(mask, image, 0.1 * image)
    if kind == "entropy":
        probs = (image + 1e-2) / jnp.sum(image + 1e-2)
        return -jnp.sum(probs * jnp.log(probs))
    if grid == "pixels":
        y = jnp.arange(rows, dtype=image.dtype)[:, None]
        x = jnp.arange(columns, dtype=image.dtype)[None, :]
    else:
        y = jnp.linspace(-1.0, 1.0, rows, dtype=image.dtype)[:, None]
        x = jnp.linspace(-1.0, 1.0, columns, dtype=image.dtype)[None, :]
    mass = jnp.sum(image) + 1e-1
    scale = 1.0 / mass if normalise else 1.0
    if kind == "projection":
        return jnp.sum(image * x, axis=1) * scale
    if kind == "central":
        x = x - jnp.sum(image * x) / mass
        y = y - jnp.sum(image * y) / mass
    elif kind == "legendre":
        # The second-order polynomial in place of the square.
        first = jnp.sum(image * x * y) * scale
        second = jnp.sum(image * (1.5 * jnp.square(x) - 0.5)) * scale
        third = jnp.sum(image * (1.5 * jnp.square(y) - 0.5)) * scale
        return jnp.stack([first, second, third])
    elif kind == "radial":
        radius = jnp.sqrt(jnp.square(x) + jnp.square(y) + 1e-2)
        return jnp.stack([jnp.sum(image * radius), jnp.sum(image * jnp.square(radius))]) * scale
    xx = jnp.sum(image * jnp.square(x)) * scale
    xy = jnp.sum(image * x * y) * scale
    yy = jnp.sum(image * jnp.square(y)) * scale
    if output == "tuple":
        return xx, xy, yy
    elif output == "invariant":
        # These two don't change where the image turns.
        return jnp.stack([xx + yy, jnp.square(xx - yy) + 4.0 * jnp.square(xy)])
    else:
        return jnp.stack([xx, xy, yy])
