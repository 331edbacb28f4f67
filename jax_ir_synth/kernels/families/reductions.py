"""Families: summaries of arrays: norms, pooled statistics, distances, metrics, integrals."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
vector_norm: vector_norm 3, norm 2, lp_norm 3, compute_norm 1
mixed_norm: mixed_norm 4, group_lasso_penalty 3
statistics_pooling: statistics_pooling 4, stats_pooling 4, pooled_statistics 2
skewness: skewness 6, sample_skewness 2
kurtosis: kurtosis 5, excess_kurtosis 4
attentive_pool: attentive_pool 3, attention_pooling 4, attention_pool 3
gem_pool: gem_pool 4, generalized_mean_pool 3, gem 2
chamfer_distance: chamfer_distance 6, chamfer_loss 2, chamfer 1
hausdorff_distance: hausdorff_distance 6, hausdorff 2
energy_distance: energy_distance 1
mmd: mmd 3, maximum_mean_discrepancy 3, mmd_loss 2
bilinear_scores: bilinear_scores 4, biaffine_scores 3, bilinear 2
entropy: entropy 5, shannon_entropy 4
hill_number: hill_number 5, diversity 3, effective_number 2
group_means: group_means 5, class_means 2, centroids_by_group 2
f_statistic: f_statistic 4, anova_f 4, f_score 1
integrate: integrate 6, quadrature 3, numerical_integral 2
soft_histogram: soft_histogram 6, kernel_histogram 2
matched_filter: matched_filter 6, template_match 3
r2_score: r2_score 6, r_squared 3, coefficient_of_determination 1
concordance: concordance 3, ccc 3, concordance_correlation 4
percentage_error: percentage_error 3, relative_error 2
soft_f_score: soft_f_score 4, soft_fbeta 3
soft_mcc: soft_mcc 4, soft_matthews 2
calibration_error: calibration_error 4, soft_ece 3, expected_calibration_error 3
brier_score: brier_score 6, brier 2
radius_of_gyration: radius_of_gyration 6, gyration_radius 2
inertia_tensor: inertia_tensor 6, moment_of_inertia 2
cosine_similarity: cosine_similarity 6, cosine_sim 2
pearson_correlation: pearson_correlation 5, pearson_r 3, correlation 2
linear_cka: linear_cka 5, cka 3
gini: gini 5, gini_coefficient 4
theil_index: theil_index 5, theil 3
atkinson_index: atkinson_index 5, atkinson 3
central_moments: central_moments 4, image_moments 3, second_moments 2
variance: variance 4, var 3
mask: mask 6, valid 3
scores: scores 6, logits 3
weights: weights 7, w 3
pairwise: pairwise 2, pairwise_distances 5, cdist 3
probs: probs 6, p 4
groups: groups 5, group_ids 3, segment_ids 2
spacing: spacing 3, steps 3, h 1
centers: centers 6, bins 2, bin_centers 3
template: template 6, kernel 2
pred: pred 5, y_pred 4, predictions 3
target: target 5, y_true 4, targets 3
points: points 6, coords 3, positions 3
income: income 5, x 3
image: image 6, intensity 2
"""


@family(
    "reduction",
    x="n d in 0.1..2",
    weights="? d in 0.2..1.5",
    ord={2: 4, 1: 2, 3: 2, "inf": 1},
    axis={-1: 4, 0: 2, 1: 2},
    spelling=decided({"power": 2, "direct": 3}),
    keepdims={False: 4, True: 1},
    sizes={"d": (4, 6, 8, 10), "n": (4, 5, 6, 8, 12)},
)
def vector_norm(x, weights=None, *, ord=2, axis=-1, spelling="direct", keepdims=False):
    """Norms of the vectors along one axis of a matrix.

    Args:
        x: matrix of shape (n, d).
        weights: factors of the columns.
        axis: the axis that is reduced.
    """
    if weights is not None:
        x = x * weights
    size = jnp.abs(x)
    if ord == "inf":
        return jnp.max(size, axis=axis, keepdims=keepdims)
    elif ord == 1:
        return jnp.sum(size, axis=axis, keepdims=keepdims)
    elif ord == 2 and spelling == "direct":
        return jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=keepdims))
    else:
        total = jnp.sum(size**ord, axis=axis, keepdims=keepdims)
        return total ** (1.0 / ord)


@family(
    "reduction",
    x="n 2*k",
    weights="? k in 0.2..1.5",
    mask="? n bool",
    inner={"l2": 4, "linf": 1},
    scaled={False: 2, True: 2},
    axis=decided({"rows": 3, "entries": 2}),
    eps={1e-6: 2, 1e-8: 2},
    sizes={"n": (4, 5, 6, 8), "k": (2, 4, 5)},
)
def mixed_norm(x, weights=None, mask=None, *, inner="l2", scaled=False, axis="rows", eps=1e-6):
    """Group lasso penalty: the sum of the norms of groups of two columns each.

    Args:
        x: coefficients, whose neighbouring columns are a group.
        weights: weight of each group.
        mask: rows that are penalised.
    """
    n, d = x.shape
    groups = x.reshape(n, d // 2, 2)
    if mask is not None:
        groups = jnp.where(mask[:, None, None], groups, 0.0)
    if axis == "rows":
        # All rows of a group of columns belong together.
        group_axes = (0, 2)
    else:
        group_axes = 2
    if inner == "linf":
        norms = jnp.max(jnp.abs(groups), axis=group_axes)
    else:
        norms = jnp.sqrt(jnp.sum(jnp.square(groups), axis=group_axes) + eps)
        if scaled:
            # By the root of the size of a group.
            norms = norms * jnp.sqrt(groups.size / norms.size)
    if weights is not None:
        norms = norms * weights
    return jnp.sum(norms)


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    mask="? n bool",
    ddof={0: 2, 1: 1},
    moments=decided({False: 2, True: 2}),
    layout={"concat": 4, "stack": 1, "tuple": 1},
    eps={1e-4: 2, 1e-5: 2},
    sizes={"d": (4, 5, 6, 8), "n": (6, 8, 8, 10, 12, 16)},
)
def statistics_pooling(
    x, weights=None, mask=None, *, ddof=0, moments=False, layout="concat", eps=1e-4
):
    """Statistics pooling: the mean and the standard deviation of each feature over time.

    Args:
        x: frames of shape (time, features).
        weights: attention weights of the frames, which need not add up to one.
        mask: frames that aren't padding.
    """
    if mask is not None:
        w = mask.astype(x.dtype)
        if weights is not None:
            w = w * weights
        w = w / (jnp.sum(w) + 1e-6)
        mean = w @ x
        if moments:
            variance = w @ jnp.square(x) - jnp.square(mean)
        else:
            variance = w @ jnp.square(x - mean)
    elif weights is not None:
        w = weights / jnp.sum(weights)
        mean = w @ x
        if moments:
            variance = w @ jnp.square(x) - jnp.square(mean)
        else:
            variance = w @ jnp.square(x - mean)
    else:
        mean = jnp.mean(x, axis=0)
        if moments:
            variance = jnp.mean(jnp.square(x), axis=0) - jnp.square(mean)
        else:
            variance = jnp.var(x, axis=0, ddof=ddof)
    std = jnp.sqrt(jnp.maximum(variance, 0.0) + eps)
    if layout == "concat":
        return jnp.concatenate([mean, std])
    elif layout == "stack":
        return jnp.stack([mean, std])
    else:
        return mean, std


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    form=decided({"standardise": 3, "ratio": 3, "raw": 1}),
    unbiased={False: 3, True: 2},
    combine={"none": 3, "mean": 1},
    sizes={"d": (4, 5, 6, 8), "n": (6, 8, 10, 12, 16)},
    weight=6,
)
def skewness(x, weights=None, *, form="standardise", unbiased=False, combine="none"):
    """Skewness of each column.

    Args:
        x: values, one row for each sample.
        weights: weights of the samples.
    """
    n = x.shape[0]
    if weights is not None:
        w = weights / jnp.sum(weights)
        centred = x - w @ x
        variance = w @ jnp.square(centred)
        third = w @ centred**3
        skew = third / (variance + 1e-6) ** 1.5
    elif form == "standardise":
        z = (x - jnp.mean(x, axis=0)) / jnp.std(x, axis=0)
        skew = jnp.mean(z**3, axis=0)
    elif form == "raw":
        # From the raw moments.
        mean = jnp.mean(x, axis=0)
        second = jnp.mean(jnp.square(x), axis=0)
        variance = second - jnp.square(mean)
        third = jnp.mean(x**3, axis=0) - 3.0 * mean * second + 2.0 * mean**3
        skew = third / variance**1.5
    else:
        centred = x - jnp.mean(x, axis=0)
        variance = jnp.mean(jnp.square(centred), axis=0)
        skew = jnp.mean(centred**3, axis=0) / variance**1.5
    if unbiased:
        # The adjusted Fisher-Pearson coefficient.
        skew = skew * jnp.sqrt(n * (n - 1.0)) / (n - 2.0)
    if combine == "mean":
        return jnp.mean(skew)
    return skew


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    form=decided({"standardise": 3, "ratio": 3}),
    unbiased={False: 3, True: 1},
    combine={"none": 3, "mean": 1},
    sizes={"d": (4, 5, 6, 8), "n": (6, 8, 10, 12, 16)},
    weight=6,
)
def kurtosis(x, weights=None, *, form="ratio", unbiased=False, combine="none"):
    """Excess kurtosis of each column.

    Args:
        x: values, one row for each sample.
        weights: weights of the samples.
    """
    n = x.shape[0]
    if weights is not None:
        w = weights / jnp.sum(weights)
        centred = x - w @ x
        variance = w @ jnp.square(centred)
        excess = w @ centred**4 / (jnp.square(variance) + 1e-6) - 3.0
    elif form == "standardise":
        z = (x - jnp.mean(x, axis=0)) / jnp.std(x, axis=0)
        excess = jnp.mean(z**4, axis=0) - 3.0
    else:
        centred = x - jnp.mean(x, axis=0)
        variance = jnp.mean(jnp.square(centred), axis=0)
        excess = jnp.mean(centred**4, axis=0) / jnp.square(variance) - 3.0
    if unbiased:
        excess = (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)
    if combine == "mean":
        return jnp.mean(excess)
    return excess


@family(
    "reduction",
    x="n d",
    query="d in -0.7..0.7",
    key="? d d in -0.4..0.4",
    bias="? d in -0.5..0.5",
    mask="? n bool",
    scaled={False: 3, True: 1},
    product=decided({"matmul": 3, "sum": 2, "einsum": 1}),
    normaliser=decided({"softmax": 4, "exp": 1}),
    sizes={"d": (4, 5, 6, 8), "n": (4, 5, 6, 8, 10, 12)},
)
def attentive_pool(
    x,
    query,
    key=None,
    bias=None,
    mask=None,
    *,
    scaled=False,
    product="matmul",
    normaliser="softmax",
):
    """Attention pooling of a sequence into one vector.

    Args:
        x: hidden states of shape (time, features).
        query: learned context vector.
        key: projection of the states before they are compared with the context.
        bias: bias of the projection.
        mask: positions that aren't padding.
    """
    if key is not None:
        keys = x @ key
        if bias is not None:
            keys = keys + bias
        keys = jnp.tanh(keys)
    elif bias is not None:
        keys = jnp.tanh(x + bias)
    else:
        keys = jnp.tanh(x)
    scores = keys @ query
    if scaled:
        scores = scores / jnp.sqrt(x.shape[-1])
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    if normaliser == "softmax":
        weights = jax.nn.softmax(scores)
    else:
        weights = jnp.exp(scores - jnp.max(scores))
        weights = weights / jnp.sum(weights)
    if product == "matmul":
        return weights @ x
    elif product == "einsum":
        return jnp.einsum("t,td->d", weights, x)
    else:
        return jnp.sum(weights[:, None] * x, axis=0)


@family(
    "reduction",
    x="h w c in 0..2",
    p="in 1.5..4",
    mask="? h w bool",
    spelling=decided({"power": 3, "exp": 2, "flat": 1}),
    unit={False: 2, True: 2},
    sizes={"h": (4, 5, 6), "w": (4, 5, 6), "c": (4, 6, 8)},
)
def gem_pool(x, p, mask=None, *, spelling="power", unit=False):
    """Generalized mean (GeM) pooling of a feature map.

    Args:
        x: activations of shape (height, width, channels).
        p: learned exponent.
        mask: places that count.
    """
    x = jnp.maximum(x, 1e-3)
    if spelling == "power":
        powers = x**p
    else:
        powers = jnp.exp(p * jnp.log(x))
    if mask is not None:
        weights = mask[:, :, None].astype(x.dtype)
        mean = jnp.sum(weights * powers, axis=(0, 1)) / jnp.maximum(jnp.sum(weights), 1.0)
        mean = mean + 1e-6
    elif spelling == "flat":
        mean = jnp.mean(powers.reshape(-1, x.shape[-1]), axis=0)
    else:
        mean = jnp.mean(powers, axis=(0, 1))
    pooled = mean ** (1.0 / p)
    if unit:
        # Descriptors are compared by their cosines.
        pooled = pooled / jnp.linalg.norm(pooled)
    return pooled


def pairwise(x, y, metric="squared"):
    """Distances of the rows of two arrays."""
    if metric == "expanded":
        x_norm = jnp.sum(jnp.square(x), axis=-1)
        y_norm = jnp.sum(jnp.square(y), axis=-1)
        return x_norm[:, None] + y_norm[None, :] - 2.0 * x @ y.T
    diff = x[:, None, :] - y[None, :, :]
    if metric == "squared":
        return jnp.sum(jnp.square(diff), axis=-1)
    if metric == "manhattan":
        return jnp.sum(jnp.abs(diff), axis=-1)
    return jnp.sqrt(jnp.sum(jnp.square(diff), axis=-1) + 1e-6)


@family(
    "reduction",
    x="n d",
    y="m d",
    weights="? n in 0.2..1.5",
    x_mask="? n bool",
    metric={"squared": 4, "expanded": 3, "euclidean": 3, "manhattan": 1},
    halved={False: 3, True: 1},
    reduction={"mean": 4, "sum": 1},
    sizes={"d": (2, 3, 4), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def chamfer_distance(
    x, y, weights=None, x_mask=None, *, metric="squared", halved=False, reduction="mean"
):
    """Chamfer distance of two point clouds, in both directions.

    Args:
        x: points of the first cloud, one in each row.
        y: points of the second cloud.
        weights: weights of the points of the first cloud.
        x_mask: points of the first cloud that aren't padding.
    """
    distances = pairwise(x, y, metric)
    x_to_y = jnp.min(distances, axis=1)
    if weights is not None:
        x_to_y = weights * x_to_y
    if x_mask is not None:
        x_to_y = jnp.where(x_mask, x_to_y, 0.0)
        y_to_x = jnp.min(jnp.where(x_mask[:, None], distances, 1e3), axis=0)
    else:
        y_to_x = jnp.min(distances, axis=0)
    if reduction == "mean":
        if x_mask is not None:
            forward = jnp.sum(x_to_y) / jnp.maximum(jnp.sum(x_mask), 1)
        else:
            forward = jnp.mean(x_to_y)
        distance = forward + jnp.mean(y_to_x)
    else:
        distance = jnp.sum(x_to_y) + jnp.sum(y_to_x)
    if halved:
        distance = 0.5 * distance
    return distance


@family(
    "reduction",
    x="n d",
    y="m d",
    scale="? d in 0.4..1.5",
    metric={"euclidean": 4, "squared": 1, "manhattan": 1, "expanded": 1},
    kind={"max": 4, "mean": 2, "soft": 1},
    directed={False: 4, True: 1},
    sizes={"d": (2, 3, 4), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
    weight=6,
)
def hausdorff_distance(x, y, scale=None, *, metric="euclidean", kind="max", directed=False):
    """Hausdorff distance of two sets of points.

    Args:
        x: points of the first set, one in each row.
        y: points of the second set.
        scale: scales of the coordinates.
    """
    if scale is not None:
        x, y = x * scale, y * scale
    distances = pairwise(x, y, metric)
    if kind == "soft":
        # Smooth extrema, so that all points have a gradient.
        sharpness = 10.0
        nearest = -jax.nn.logsumexp(-sharpness * distances, axis=1) / sharpness
        forward = jax.nn.logsumexp(sharpness * nearest) / sharpness
    elif kind == "mean":
        # The modified Hausdorff distance.
        forward = jnp.mean(jnp.min(distances, axis=1))
    else:
        forward = jnp.max(jnp.min(distances, axis=1))
    if directed:
        # From the first set to the second.
        return forward
    if kind == "soft":
        nearest = -jax.nn.logsumexp(-sharpness * distances, axis=0) / sharpness
        backward = jax.nn.logsumexp(sharpness * nearest) / sharpness
    elif kind == "mean":
        backward = jnp.mean(jnp.min(distances, axis=0))
    else:
        backward = jnp.max(jnp.min(distances, axis=0))
    return jnp.maximum(forward, backward)


@family(
    "reduction",
    x="n d",
    y="m d",
    weights="? n in 0.2..1.5",
    metric={"euclidean": 4, "manhattan": 1},
    unbiased={False: 3, True: 2},
    root={False: 4, True: 1},
    standardised={False: 3, True: 1},
    sizes={"d": (2, 4, 5, 6), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
    weight=6,
)
def energy_distance(
    x, y, weights=None, *, metric="euclidean", unbiased=False, root=False, standardised=False
):
    """Energy distance of two samples.

    Args:
        x: first sample, a row for each observation.
        y: second sample.
        weights: weights of the observations of the first sample.
    """
    m = y.shape[0]
    if standardised:
        std = jnp.std(jnp.concatenate([x, y]), axis=0)
        x, y = x / std, y / std
    if weights is not None:
        w = weights / jnp.sum(weights)
        between = jnp.mean(w @ pairwise(x, y, metric))
        within_x = w @ pairwise(x, x, metric) @ w
    else:
        between = jnp.mean(pairwise(x, y, metric))
        within_x = jnp.mean(pairwise(x, x, metric))
        if unbiased:
            # An observation isn't compared with itself.
            within_x = within_x * x.shape[0] / (x.shape[0] - 1)
    within_y = jnp.mean(pairwise(y, y, metric))
    if unbiased:
        within_y = within_y * m / (m - 1)
    distance = 2.0 * between - within_x - within_y
    if root:
        return jnp.sqrt(jnp.maximum(distance, 0.0) + 1e-6)
    return distance


@family(
    "reduction",
    x="n d",
    y="m d",
    bandwidth="in 0.5..2",
    kernel={"rbf": 4, "laplace": 1, "imq": 1, "multi": 2},
    unbiased={False: 3, True: 2},
    expand=decided({"expanded": 3, "squared": 2}),
    sizes={"d": (2, 4, 5, 6), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def mmd(x, y, bandwidth, *, kernel="rbf", unbiased=False, expand="expanded"):
    """Squared maximum mean discrepancy of two samples.

    Args:
        x: first sample, a row for each observation.
        y: second sample.
        bandwidth: width of the kernel.
    """
    n, m = x.shape[0], y.shape[0]

    def gram(a, b):
        if kernel == "laplace":
            return jnp.exp(-pairwise(a, b, "manhattan") / bandwidth)
        squared = pairwise(a, b, expand)
        if kernel == "imq":
            # The inverse multiquadric.
            return 1.0 / jnp.sqrt(1.0 + squared / bandwidth**2)
        elif kernel == "multi":
            # A mixture of three widths.
            scales = bandwidth * jnp.array([0.5, 1.0, 2.0])
            exponents = -0.5 * squared[:, :, None] / jnp.square(scales)
            return jnp.mean(jnp.exp(exponents), axis=-1)
        else:
            return jnp.exp(-0.5 * squared / bandwidth**2)

    k_xx, k_yy, k_xy = gram(x, x), gram(y, y), gram(x, y)
    if unbiased:
        within_x = (jnp.sum(k_xx) - jnp.trace(k_xx)) / (n * (n - 1))
        within_y = (jnp.sum(k_yy) - jnp.trace(k_yy)) / (m * (m - 1))
    else:
        within_x = jnp.mean(k_xx)
        within_y = jnp.mean(k_yy)
    return within_x + within_y - 2.0 * jnp.mean(k_xy)


@family(
    "reduction",
    "contraction",
    x="b n",
    y="b m",
    w="n m in -0.8..0.8",
    u="? n",
    v="? m",
    c="? in -0.5..0.5",
    style=decided({"einsum": 4, "matmul": 3, "outer": 2}),
    pairs={False: 2, True: 2},
    scaled={False: 3, True: 1},
    sizes={"b": (2, 4, 5), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def bilinear_scores(x, y, w, u=None, v=None, c=None, *, style="einsum", pairs=False, scaled=False):
    """Scores of pairs of vectors under a bilinear form.

    Args:
        x: first vectors, one in each row.
        y: second vectors.
        w: matrix of the form.
        u: linear weights of the first vectors.
        v: linear weights of the second vectors.
        c: bias.
    """
    if pairs:
        # Each first vector with each second one.
        if style == "einsum":
            scores = jnp.einsum("an,nm,bm->ab", x, w, y)
        else:
            scores = x @ w @ y.T
        if u is not None:
            scores = scores + (x @ u)[:, None]
        if v is not None:
            scores = scores + (y @ v)[None, :]
    else:
        if style == "einsum":
            scores = jnp.einsum("bn,nm,bm->b", x, w, y)
        elif style == "matmul":
            scores = jnp.sum((x @ w) * y, axis=-1)
        else:
            outer = x[:, :, None] * y[:, None, :]
            scores = jnp.tensordot(outer, w, axes=2)
        if u is not None:
            scores = scores + x @ u
        if v is not None:
            scores = scores + y @ v
    if c is not None:
        scores = scores + c
    if scaled:
        scores = scores / jnp.sqrt(x.shape[1])
    return scores


@family(
    "reduction",
    counts="n k in 0.1..2.0",
    weights="? n in 0.2..1.5",
    source={"counts": 3, "logits": 3, "smoothed": 1},
    form=decided({"plogp": 3, "log_total": 1}),
    normalised={False: 3, True: 1},
    bits={False: 3, True: 1},
    reduction={"none": 3, "mean": 2},
    sizes={"n": (4, 5, 6, 8), "k": (4, 5, 6, 8)},
)
def entropy(
    counts,
    weights=None,
    *,
    source="counts",
    form="plogp",
    normalised=False,
    bits=False,
    reduction="none",
):
    """Shannon entropy of the distributions in the rows of a table.

    Args:
        counts: counts or scores of the classes, one row for each distribution.
        weights: weights of the rows.
    """
    k = counts.shape[-1]
    if source == "logits":
        log_probs = jax.nn.log_softmax(counts, axis=-1)
        value = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    elif source == "smoothed":
        # Laplace smoothing.
        probs = (counts + 1.0) / (jnp.sum(counts, axis=-1, keepdims=True) + k)
        value = -jnp.sum(probs * jnp.log(probs), axis=-1)
    elif form == "plogp":
        probs = counts / jnp.sum(counts, axis=-1, keepdims=True)
        value = -jnp.sum(probs * jnp.log(probs), axis=-1)
    else:
        total = jnp.sum(counts, axis=-1)
        value = jnp.log(total) - jnp.sum(counts * jnp.log(counts), axis=-1) / total
    if normalised:
        # Pielou's evenness.
        value = value / jnp.log(k)
    elif bits:
        value = value / jnp.log(2.0)
    if weights is not None:
        value = weights * value
        if reduction == "mean":
            return jnp.sum(value) / jnp.sum(weights)
        return value
    if reduction == "mean":
        return jnp.mean(value)
    return value


@family(
    "reduction",
    counts="n k in 0.1..2.0",
    weights="? n in 0.2..1.5",
    order={2.0: 3, 1.0: 3, 0.5: 1, 3.0: 1},
    level={"alpha": 3, "gamma": 1, "beta": 1},
    sizes={"n": (4, 5, 6, 8), "k": (4, 5, 6, 8)},
    weight=6,
)
def hill_number(counts, weights=None, *, order=2.0, level="alpha"):
    """Hill number: the effective number of species, of the communities in the rows.

    Args:
        counts: abundance of each species, one row for each community.
        weights: weights of the communities.
        order: how much common species count.
    """

    def effective(probs):
        if order == 1.0:
            # The exponential of the entropy.
            return jnp.exp(-jnp.sum(probs * jnp.log(probs), axis=-1))
        elif order == 2.0:
            # The inverse of Simpson's index.
            return 1.0 / jnp.sum(jnp.square(probs), axis=-1)
        else:
            return jnp.sum(probs**order, axis=-1) ** (1.0 / (1.0 - order))

    probs = counts / jnp.sum(counts, axis=-1, keepdims=True)
    if weights is not None:
        w = weights / jnp.sum(weights)
        pooled = w @ probs
    else:
        pooled = jnp.mean(probs, axis=0)
    if level == "gamma":
        # Gamma diversity, of all communities together.
        return effective(pooled)
    elif level == "beta":
        # Beta diversity: the effective number of communities.
        alpha = effective(probs)
        if weights is not None:
            return effective(pooled) / (w @ alpha)
        return effective(pooled) / jnp.mean(alpha)
    else:
        # Alpha diversity.
        number = effective(probs)
        if weights is not None:
            return w @ number
        return number


def sum_groups(values, groups, num_groups, grouping="one_hot"):
    """Sums of the rows of each group."""
    if grouping == "segment":
        return jax.ops.segment_sum(values, groups, num_segments=num_groups)
    if grouping == "compare":
        member = (groups[:, None] == jnp.arange(num_groups)[None, :]).astype(values.dtype)
    else:
        member = jax.nn.one_hot(groups, num_groups, dtype=values.dtype)
    return member.T @ values


@family(
    "reduction",
    x="n d",
    groups="n int 3",
    weights="? n in 0.2..1.5",
    prior="? d in -0.5..0.5",
    grouping=decided({"one_hot": 4, "segment": 3, "compare": 2}),
    num_groups=(3,),
    strength={1.0: 2, 0.5: 1, 2.0: 1},
    sizes={"n": (8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def group_means(
    x,
    groups,
    weights=None,
    prior=None,
    *,
    grouping="one_hot",
    num_groups=3,
    strength=1.0,
):
    """Means of groups of rows.

    Args:
        x: values, one row for each sample.
        groups: index of each sample's group.
        weights: weights of the samples.
        prior: mean that small groups are drawn to.
        strength: how many samples the prior is worth.
    """
    if weights is not None:
        counts = sum_groups(weights, groups, num_groups, grouping)
        sums = sum_groups(weights[:, None] * x, groups, num_groups, grouping)
    else:
        ones = jnp.ones(x.shape[0], dtype=x.dtype)
        counts = sum_groups(ones, groups, num_groups, grouping)
        sums = sum_groups(x, groups, num_groups, grouping)
    if prior is not None:
        return (sums + strength * prior) / (counts + strength)[:, None]
    return sums / jnp.maximum(counts, 1e-3)[:, None]


@family(
    "reduction",
    x="n d",
    groups="n int 3",
    weights="? n in 0.2..1.5",
    grouping=decided({"one_hot": 4, "segment": 3, "compare": 2}),
    within_form=decided({"residuals": 3, "total": 2}),
    combine={"none": 3, "mean": 1},
    num_groups=(3,),
    sizes={"n": (10, 12, 16, 20), "d": (4, 5, 6, 8)},
)
def f_statistic(
    x,
    groups,
    weights=None,
    *,
    grouping="one_hot",
    within_form="residuals",
    combine="none",
    num_groups=3,
):
    """F statistic of a one-way analysis of variance, for each feature.

    Args:
        x: values, one row for each sample.
        groups: index of each sample's group.
        weights: weights of the samples.
    """
    n = x.shape[0]
    if weights is not None:
        w = weights
    else:
        w = jnp.ones(n, dtype=x.dtype)
    counts = sum_groups(w, groups, num_groups, grouping)
    means = sum_groups(w[:, None] * x, groups, num_groups, grouping)
    means = means / jnp.maximum(counts, 1e-3)[:, None]
    overall = w @ x / jnp.sum(w)
    between = counts @ jnp.square(means - overall)
    if within_form == "residuals":
        within = w @ jnp.square(x - means[groups])
    else:
        within = w @ jnp.square(x - overall) - between
    statistic = (between / (num_groups - 1)) / (within / (n - num_groups) + 1e-6)
    if combine == "mean":
        return jnp.mean(statistic)
    return statistic


@family(
    "reduction",
    values="k n+1",
    spacing="? n in 0.1..1.0",
    weights="? n+1 in 0.2..1.0",
    rule={"trapezoid": 4, "simpson": 4, "left": 1, "midpoint": 1, "romberg": 1},
    dx={0.1: 1, 0.25: 1, 0.5: 1},
    average={False: 3, True: 1},
    sizes={"k": (2, 4, 5), "n": (4, 8)},
)
def integrate(values, spacing=None, weights=None, *, rule="trapezoid", dx=0.1, average=False):
    """Integrals of functions that are given by their values at nodes.

    Args:
        values: values of the functions, one function in each row.
        spacing: distance of each node to the next.
        weights: weight function at the nodes.
        dx: distance of neighbouring nodes.
    """
    if weights is not None:
        values = values * weights
    if spacing is not None:
        if rule == "left":
            integral = jnp.sum(values[:, :-1] * spacing, axis=-1)
        elif rule == "simpson":
            # Simpson's rule for pairs of intervals of unequal lengths.
            h0, h1 = spacing[0::2], spacing[1::2]
            f0, f1, f2 = values[:, 0:-2:2], values[:, 1:-1:2], values[:, 2::2]
            both = h0 + h1
            outer = (2.0 - h1 / h0) * f0 + (2.0 - h0 / h1) * f2
            middle = jnp.square(both) / (h0 * h1) * f1
            integral = jnp.sum(both / 6.0 * (outer + middle), axis=-1)
        else:
            integral = jnp.sum(0.5 * (values[:, 1:] + values[:, :-1]) * spacing, axis=-1)
        if average:
            integral = integral / jnp.sum(spacing)
    else:
        if rule == "left":
            integral = dx * jnp.sum(values[:, :-1], axis=-1)
        elif rule == "midpoint":
            # Each second node is the middle of an interval.
            integral = 2.0 * dx * jnp.sum(values[:, 1::2], axis=-1)
        elif rule == "simpson":
            ends = values[:, 0] + values[:, -1]
            odd = jnp.sum(values[:, 1:-1:2], axis=-1)
            even = jnp.sum(values[:, 2:-1:2], axis=-1)
            integral = dx / 3.0 * (ends + 4.0 * odd + 2.0 * even)
        elif rule == "romberg":
            # One step of Richardson's extrapolation of the trapezoid rule.
            fine = jnp.sum(values[:, 1:] + values[:, :-1], axis=-1) * 0.5 * dx
            rough = values[:, ::2]
            coarse = jnp.sum(rough[:, 1:] + rough[:, :-1], axis=-1) * dx
            integral = (4.0 * fine - coarse) / 3.0
        else:
            integral = dx * (jnp.sum(values, axis=-1) - 0.5 * (values[:, 0] + values[:, -1]))
        if average:
            integral = integral / (dx * (values.shape[-1] - 1))
    return integral


@family(
    "reduction",
    x="n d",
    weights="? n in 0.2..1.5",
    centers="? k in -2..2",
    mask="? n bool",
    kernel={"gaussian": 4, "sigmoid": 3, "triangle": 2, "softmax": 1},
    normalise={"none": 2, "density": 2, "peak": 2},
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
    normalise="none",
    width=0.5,
    num_bins=5,
):
    """Differentiable histogram of each column, with soft bins.

    Args:
        x: values, one row for each sample.
        weights: weights of the samples.
        centers: centres of the bins.
        mask: samples that count.
        width: width of the bins.
        num_bins: number of bins, where their centres aren't given.
    """
    if centers is None:
        centers = jnp.linspace(-1.5, 1.5, num_bins, dtype=x.dtype)
    offsets = (x[:, :, None] - centers) / width
    if kernel == "sigmoid":
        member = jax.nn.sigmoid(4.0 * (offsets + 0.5)) - jax.nn.sigmoid(4.0 * (offsets - 0.5))
    elif kernel == "triangle":
        member = jax.nn.relu(1.0 - jnp.abs(offsets))
    elif kernel == "softmax":
        # Each value is shared out among the bins.
        member = jax.nn.softmax(-jnp.square(offsets), axis=-1)
    else:
        member = jnp.exp(-0.5 * jnp.square(offsets))
    if weights is not None:
        member = member * weights[:, None, None]
    if mask is not None:
        member = jnp.where(mask[:, None, None], member, 0.0)
    counts = jnp.sum(member, axis=0)
    if normalise == "none":
        return counts
    total = jnp.sum(counts, axis=-1, keepdims=True) + 1e-6
    if normalise == "density":
        return counts / (width * total)
    # The largest bin of each column is one.
    return counts / (jnp.max(counts, axis=-1, keepdims=True) + 1e-6)


@family(
    "reduction",
    "contraction",
    signal="b t",
    template="k",
    noise="? t in 0.4..1.5",
    method=decided({"windows": 4, "convolve": 3, "shifts": 2}),
    normalise={"none": 2, "template": 3, "both": 2},
    zero_mean={False: 3, True: 1},
    peak={False: 2, True: 2},
    sizes={"b": (2, 4), "t": (8, 10, 12, 16), "k": (2, 4, 5)},
)
def matched_filter(
    signal,
    template,
    noise=None,
    *,
    method="windows",
    normalise="template",
    zero_mean=False,
    peak=False,
):
    """Matched filter: the correlation of signals with a template.

    Args:
        signal: signals, one in each row.
        template: shape that is looked for.
        noise: standard deviation of the noise at each time.
    """
    if zero_mean:
        signal = signal - jnp.mean(signal, axis=-1, keepdims=True)
    if noise is not None:
        # Whiten the signals.
        signal = signal / noise
    if normalise != "none":
        template = template / jnp.sqrt(jnp.sum(jnp.square(template)) + 1e-6)
    k = template.shape[0]
    num_shifts = signal.shape[-1] - k + 1
    starts = jnp.arange(num_shifts)
    windows = signal[:, starts[:, None] + jnp.arange(k)[None, :]]
    if method == "convolve":
        response = jax.vmap(lambda s: jnp.convolve(s, template[::-1], mode="valid"))(signal)
    elif method == "shifts":
        response = sum(template[i] * signal[:, i : i + num_shifts] for i in range(k))
    else:
        response = windows @ template
    if normalise == "both":
        # The normalised cross-correlation.
        response = response / jnp.sqrt(jnp.sum(jnp.square(windows), axis=-1) + 1e-3)
    if peak:
        # At the best shift of each signal.
        return jnp.max(response, axis=-1)
    return response


@family(
    "reduction",
    pred="n k",
    target="n k",
    weights="? n in 0.2..1.5",
    mask="? n bool",
    multioutput={"mean": 3, "raw": 3, "variance": 1},
    form=decided({"error": 3, "var": 2}),
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 4, 5)},
)
def r2_score(pred, target, weights=None, mask=None, *, multioutput="mean", form="error"):
    """Coefficient of determination of predictions.

    Args:
        pred: predictions, one row for each sample.
        target: true values.
        weights: weights of the samples.
        mask: samples that count.
    """

    def average(values):
        if mask is not None:
            w = mask.astype(values.dtype)
            if weights is not None:
                w = w * weights
            return w @ values / (jnp.sum(w) + 1e-6)
        if weights is not None:
            return weights @ values / jnp.sum(weights)
        return jnp.mean(values, axis=0)

    residual = average(jnp.square(target - pred))
    if form == "error":
        total = average(jnp.square(target - average(target)))
    else:
        total = average(jnp.square(target)) - jnp.square(average(target))
    score = 1.0 - residual / (total + 1e-3)
    if multioutput == "mean":
        return jnp.mean(score)
    elif multioutput == "variance":
        # Weighted by the variances of the outputs.
        return jnp.sum(total * score) / (jnp.sum(total) + 1e-3)
    else:
        return score


@family(
    "reduction",
    pred="n k",
    target="n k",
    weights="? n in 0.2..1.5",
    form=decided({"moments": 3, "rho": 2, "difference": 1}),
    ddof=decided({0: 3, 1: 1}),
    multioutput={"mean": 3, "raw": 3},
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 4, 5)},
    weight=6,
)
def concordance(pred, target, weights=None, *, form="moments", ddof=0, multioutput="mean"):
    """Lin's concordance correlation coefficient of predictions.

    Args:
        pred: predictions, one row for each sample.
        target: true values.
        weights: weights of the samples.
    """
    if weights is not None:
        w = weights / jnp.sum(weights)
        pred_mean, target_mean = w @ pred, w @ target
        pred_var = w @ jnp.square(pred - pred_mean)
        target_var = w @ jnp.square(target - target_mean)
        covariance = w @ ((pred - pred_mean) * (target - target_mean))
    else:
        pred_mean = jnp.mean(pred, axis=0)
        target_mean = jnp.mean(target, axis=0)
        pred_var = jnp.var(pred, axis=0, ddof=ddof)
        target_var = jnp.var(target, axis=0, ddof=ddof)
        products = (pred - pred_mean) * (target - target_mean)
        covariance = jnp.sum(products, axis=0) / (pred.shape[0] - ddof)
    shift = jnp.square(pred_mean - target_mean)
    if form == "rho":
        # Pearson's correlation times the accuracy.
        rho = covariance / jnp.sqrt(pred_var * target_var + 1e-6)
        accuracy = 2.0 * jnp.sqrt(pred_var * target_var + 1e-6) / (pred_var + target_var + shift)
        ccc = rho * accuracy
    elif form == "difference":
        disagreement = pred_var + target_var - 2.0 * covariance + shift
        ccc = 1.0 - disagreement / (pred_var + target_var + shift)
    else:
        ccc = 2.0 * covariance / (pred_var + target_var + shift)
    if multioutput == "mean":
        return jnp.mean(ccc)
    return ccc


@family(
    "reduction",
    pred="n k in 0.2..3",
    target="n k in 0.2..3",
    weights="? n in 0.2..1.5",
    mask="? n k bool",
    kind={"mape": 3, "smape": 2, "wape": 2},
    percent={False: 3, True: 2},
    multioutput={"mean": 3, "raw": 3},
    sizes={"n": (6, 8, 10, 12, 16), "k": (2, 4, 5)},
)
def percentage_error(
    pred, target, weights=None, mask=None, *, kind="mape", percent=False, multioutput="mean"
):
    """Relative error of forecasts of positive quantities.

    Args:
        pred: forecasts, one row for each time.
        target: observed values.
        weights: weights of the times.
        mask: entries that were observed.
    """
    if mask is not None:
        # Other entries have no error.
        pred = jnp.where(mask, pred, target)
    size = jnp.abs(pred - target)
    if kind == "smape":
        # Symmetric mean absolute percentage error.
        relative = 2.0 * size / (jnp.abs(pred) + jnp.abs(target))
    else:
        relative = size / target
    if kind == "wape":
        # Weighted absolute percentage error: large values count more.
        if weights is not None:
            error = weights @ size / (weights @ target)
        else:
            error = jnp.sum(size, axis=0) / jnp.sum(target, axis=0)
    elif weights is not None:
        error = weights @ relative / jnp.sum(weights)
    else:
        error = jnp.mean(relative, axis=0)
    if percent:
        error = 100.0 * error
    if multioutput == "mean":
        return jnp.mean(error)
    return error


@family(
    "reduction",
    logits="n k",
    labels="n k bool",
    weights="? n in 0.2..1.5",
    beta={1.0: 4, 2.0: 2, 0.5: 1},
    average={"macro": 3, "micro": 2, "none": 2},
    activation={"sigmoid": 4, "softmax": 1},
    spelling=decided({"counts": 3, "ratios": 2}),
    sizes={"n": (6, 8, 10, 12), "k": (2, 4, 5)},
)
def soft_f_score(
    logits,
    labels,
    weights=None,
    *,
    beta=1.0,
    average="macro",
    activation="sigmoid",
    spelling="counts",
):
    """Soft F score of a classifier, from probabilities in place of decisions.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: the classes that each sample has.
        weights: weights of the samples.
    """
    if activation == "softmax":
        probs = jax.nn.softmax(logits, axis=-1)
    else:
        probs = jax.nn.sigmoid(logits)
    truth = labels.astype(probs.dtype)
    hits = probs * truth
    if weights is not None:
        hits = weights[:, None] * hits
        probs = weights[:, None] * probs
        truth = weights[:, None] * truth
    if average == "micro":
        axes = (0, 1)
    else:
        axes = 0
    tp = jnp.sum(hits, axis=axes)
    predicted = jnp.sum(probs, axis=axes)
    actual = jnp.sum(truth, axis=axes)
    if beta == 1.0 and spelling == "counts":
        score = 2.0 * tp / (predicted + actual + 1e-6)
    elif spelling == "counts":
        score = (1.0 + beta**2) * tp / (predicted + beta**2 * actual + 1e-6)
    else:
        precision = tp / (predicted + 1e-6)
        recall = tp / (actual + 1e-6)
        if beta == 1.0:
            score = 2.0 * precision * recall / (precision + recall + 1e-6)
        else:
            score = (1.0 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-6)
    if average == "macro":
        return jnp.mean(score)
    return score


@family(
    "reduction",
    logits="n k",
    labels="n k bool",
    weights="? n in 0.2..1.5",
    average={"macro": 3, "micro": 2, "none": 2},
    activation={"sigmoid": 4, "softmax": 1},
    form=decided({"counts": 3, "covariance": 2}),
    sizes={"n": (6, 8, 10, 12), "k": (2, 4, 5)},
    weight=6,
)
def soft_mcc(logits, labels, weights=None, *, average="macro", activation="sigmoid", form="counts"):
    """Matthews correlation coefficient, from probabilities in place of decisions.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: the classes that each sample has.
        weights: weights of the samples.
    """
    if activation == "softmax":
        probs = jax.nn.softmax(logits, axis=-1)
    else:
        probs = jax.nn.sigmoid(logits)
    truth = labels.astype(probs.dtype)
    if weights is not None:
        w = jnp.broadcast_to(weights[:, None], probs.shape)
    else:
        w = jnp.ones_like(probs)
    if average == "micro":
        axes = (0, 1)
    else:
        axes = 0
    tp = jnp.sum(w * probs * truth, axis=axes)
    predicted = jnp.sum(w * probs, axis=axes)
    actual = jnp.sum(w * truth, axis=axes)
    total = jnp.sum(w, axis=axes)
    if form == "covariance":
        covariance = tp / total - predicted * actual / total**2
        p, t = predicted / total, actual / total
        mcc = covariance / jnp.sqrt(p * (1.0 - p) * t * (1.0 - t) + 1e-3)
    else:
        fp = predicted - tp
        fn = actual - tp
        tn = total - tp - fp - fn
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        mcc = (tp * tn - fp * fn) / jnp.sqrt(product + 1.0)
    if average == "macro":
        return jnp.mean(mcc)
    return mcc


@family(
    "reduction",
    logits="n k",
    labels="n int 4",
    weights="? n in 0.2..1.5",
    temperature="? in 0.5..2.0",
    norm={"l1": 4, "l2": 2, "max": 1},
    num_bins=(5, 4, 6),
    width={0.2: 2, 0.1: 1},
    kernel={"gaussian": 4, "laplace": 1},
    sizes={"n": (8, 10, 12, 16), "k": (4, 5)},
)
def calibration_error(
    logits,
    labels,
    weights=None,
    temperature=None,
    *,
    norm="l1",
    num_bins=5,
    width=0.2,
    kernel="gaussian",
):
    """Calibration error of a classifier, with soft bins of the confidence.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: true classes.
        weights: weights of the samples.
        temperature: what the logits are divided by.
        num_bins: number of bins.
    """
    if temperature is not None:
        logits = logits / temperature
    probs = jax.nn.softmax(logits, axis=-1)
    if weights is not None:
        w = weights / jnp.sum(weights)
    else:
        w = jnp.full(logits.shape[0], 1.0 / logits.shape[0], dtype=probs.dtype)
    confidence = jnp.max(probs, axis=-1)
    correct = (jnp.argmax(logits, axis=-1) == labels).astype(probs.dtype)
    centers = (jnp.arange(num_bins, dtype=probs.dtype) + 0.5) / num_bins
    offsets = (confidence[:, None] - centers) / width
    if kernel == "gaussian":
        member = jax.nn.softmax(-jnp.square(offsets), axis=-1)
    else:
        member = jax.nn.softmax(-jnp.abs(offsets), axis=-1)
    mass = w @ member
    gap = (w * (confidence - correct)) @ member
    if norm == "max":
        # The maximum calibration error.
        return jnp.max(jnp.abs(gap) / (mass + 1e-3))
    elif norm == "l2":
        return jnp.sqrt(jnp.sum(jnp.square(gap) / (mass + 1e-3)) + 1e-6)
    else:
        # The expected calibration error.
        return jnp.sum(jnp.abs(gap))


@family(
    "reduction",
    logits="n k",
    labels="n int 4",
    weights="? n in 0.2..1.5",
    temperature="? in 0.5..2.0",
    mask="? n bool",
    form=decided({"one_hot": 3, "gather": 2}),
    halved={False: 3, True: 1},
    reduction={"mean": 3, "none": 2},
    sizes={"n": (8, 10, 12, 16), "k": (4, 5)},
    weight=6,
)
def brier_score(
    logits,
    labels,
    weights=None,
    temperature=None,
    mask=None,
    *,
    form="one_hot",
    halved=False,
    reduction="mean",
):
    """Brier score of a classifier: the squared error of its probabilities.

    Args:
        logits: scores of the classes, one row for each sample.
        labels: true classes.
        weights: weights of the samples.
        temperature: what the logits are divided by.
        mask: samples that count.
    """
    if temperature is not None:
        logits = logits / temperature
    probs = jax.nn.softmax(logits, axis=-1)
    if form == "one_hot":
        truth = jax.nn.one_hot(labels, logits.shape[-1], dtype=probs.dtype)
        score = jnp.sum(jnp.square(probs - truth), axis=-1)
    else:
        own = jnp.take_along_axis(probs, labels[:, None], axis=-1)[:, 0]
        score = jnp.sum(jnp.square(probs), axis=-1) - 2.0 * own + 1.0
    if halved:
        score = 0.5 * score
    if weights is not None:
        score = weights * score
    if mask is not None:
        score = jnp.where(mask, score, 0.0)
    if reduction == "none":
        return score
    if mask is not None:
        return jnp.sum(score) / jnp.maximum(jnp.sum(mask), 1)
    return jnp.mean(score)


@family(
    "reduction",
    points="n d",
    mass="? n in 0.2..1.5",
    mask="? n bool",
    form=decided({"centred": 3, "moments": 2, "pairs": 2}),
    sizes={"n": (8, 10, 12, 16), "d": (2, 3, 3)},
)
def radius_of_gyration(points, mass=None, mask=None, *, form="centred"):
    """Radius of gyration of particles.

    Args:
        points: positions, one in each row.
        mass: masses of the particles.
        mask: particles that aren't padding.
    """
    if mass is not None:
        w = mass
    else:
        w = jnp.ones(points.shape[0], dtype=points.dtype)
    if mask is not None:
        w = jnp.where(mask, w, 0.0)
    total = jnp.sum(w)
    if form == "pairs":
        # From the distances of all pairs.
        diff = points[:, None, :] - points[None, :, :]
        distances = jnp.sum(jnp.square(diff), axis=-1)
        rg2 = 0.5 * (w @ distances @ w) / jnp.square(total)
    elif form == "moments":
        center = w @ points / total
        rg2 = w @ jnp.sum(jnp.square(points), axis=-1) / total - jnp.sum(jnp.square(center))
    else:
        center = w @ points / total
        offsets = points - center
        rg2 = w @ jnp.sum(jnp.square(offsets), axis=-1) / total
    return jnp.sqrt(rg2)


@family(
    "vector",
    "contraction",
    points="n 3",
    mass="? n in 0.2..1.5",
    origin="? 3 in -0.5..0.5",
    form=decided({"einsum": 3, "matmul": 2, "cross": 1}),
    center={True: 3, False: 1},
    sizes={"n": (6, 8, 10, 12)},
    weight=6,
)
def inertia_tensor(points, mass=None, origin=None, *, form="einsum", center=True):
    """Inertia tensor of point masses.

    Args:
        points: positions of shape (n, 3).
        mass: masses of the points.
        origin: the point about which they turn.
    """
    if mass is not None:
        m = mass
    else:
        m = jnp.ones(points.shape[0], dtype=points.dtype)
    if origin is not None:
        r = points - origin
    elif center:
        r = points - m @ points / jnp.sum(m)
    else:
        r = points
    if form == "cross":
        # The sum of -m [r]x [r]x over all points.
        rx = jnp.cross(r[:, None, :], jnp.eye(3)[None, :, :])
        tensor = jnp.einsum("n,nik,njk->ij", m, rx, rx)
    else:
        squared = jnp.sum(jnp.square(r), axis=-1)
        if form == "einsum":
            second = jnp.einsum("n,ni,nj->ij", m, r, r)
        else:
            second = (m[:, None] * r).T @ r
        tensor = jnp.sum(m * squared) * jnp.eye(3) - second
    return tensor


@family(
    "reduction",
    x="n d",
    y="n d",
    weights="? d in 0.2..1.5",
    spelling=decided({"norms": 3, "normalise": 3, "rsqrt": 1}),
    reduction={"none": 3, "mean": 2},
    pairs={False: 3, True: 2},
    eps={1e-8: 3, 1e-6: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 5, 6, 8)},
)
def cosine_similarity(
    x, y, weights=None, *, spelling="norms", reduction="none", pairs=False, eps=1e-8
):
    """Cosine similarity of the rows of two matrices.

    Args:
        x: first vectors, one in each row.
        y: second vectors.
        weights: weights of the coordinates.
    """
    if weights is not None:
        # A weighted inner product.
        root = jnp.sqrt(weights)
        x, y = root * x, root * y
    if spelling == "normalise":
        x = x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + eps)
        y = y / (jnp.linalg.norm(y, axis=-1, keepdims=True) + eps)
        if pairs:
            cosine = x @ y.T
        else:
            cosine = jnp.sum(x * y, axis=-1)
    else:
        x_square = jnp.sum(jnp.square(x), axis=-1)
        y_square = jnp.sum(jnp.square(y), axis=-1)
        if pairs:
            dot = x @ y.T
            squares = x_square[:, None] * y_square[None, :]
        else:
            dot = jnp.sum(x * y, axis=-1)
            squares = x_square * y_square
        if spelling == "rsqrt":
            cosine = dot * jax.lax.rsqrt(squares + eps)
        else:
            cosine = dot / jnp.maximum(jnp.sqrt(squares), eps)
    if reduction == "mean":
        return jnp.mean(cosine)
    return cosine


@family(
    "reduction",
    x="n d",
    y="n d",
    weights="? n in 0.2..1.5",
    mask="? n bool",
    form=decided({"centred": 3, "standardise": 2, "moments": 2}),
    reduction={"none": 3, "mean": 2},
    sizes={"n": (6, 8, 10, 12), "d": (4, 5, 6)},
)
def pearson_correlation(x, y, weights=None, mask=None, *, form="centred", reduction="none"):
    """Pearson correlation of the corresponding columns of two matrices.

    Args:
        x: first variables, one row for each sample.
        y: second variables.
        weights: weights of the samples.
        mask: samples without missing values.
    """

    def average(values):
        if mask is not None:
            w = mask.astype(values.dtype)
            if weights is not None:
                w = w * weights
            return w @ values / (jnp.sum(w) + 1e-6)
        if weights is not None:
            return weights @ values / jnp.sum(weights)
        return jnp.mean(values, axis=0)

    if form == "moments":
        x_mean, y_mean = average(x), average(y)
        covariance = average(x * y) - x_mean * y_mean
        x_var = average(jnp.square(x)) - jnp.square(x_mean)
        y_var = average(jnp.square(y)) - jnp.square(y_mean)
        r = covariance / jnp.sqrt(x_var * y_var + 1e-4)
    else:
        x = x - average(x)
        y = y - average(y)
        if form == "standardise":
            x = x / jnp.sqrt(average(jnp.square(x)) + 1e-3)
            y = y / jnp.sqrt(average(jnp.square(y)) + 1e-3)
            r = average(x * y)
        else:
            product = average(jnp.square(x)) * average(jnp.square(y))
            r = average(x * y) / jnp.sqrt(product + 1e-4)
    if reduction == "mean":
        return jnp.mean(r)
    return r


@family(
    "reduction",
    "contraction",
    x="n d",
    y="n e",
    weights="? n in 0.2..1.5",
    form=decided({"features": 3, "gram": 3}),
    debiased={False: 4, True: 1},
    norm=decided({"linalg": 2, "sum": 3}),
    sizes={"n": (5, 6, 8, 10), "d": (4, 5, 6, 8), "e": (4, 5, 6)},
)
def linear_cka(x, y, weights=None, *, form="features", debiased=False, norm="sum"):
    """Linear centered kernel alignment of two representations of the same examples.

    Args:
        x: activations of shape (examples, features).
        y: activations of the other layer.
        weights: weights of the examples.
    """
    if weights is not None:
        w = weights / jnp.sum(weights)
        root = jnp.sqrt(w)[:, None]
        x = root * (x - w @ x)
        y = root * (y - w @ y)
    else:
        x = x - jnp.mean(x, axis=0)
        y = y - jnp.mean(y, axis=0)
    if form == "features":
        cross, own_x, own_y = x.T @ y, x.T @ x, y.T @ y
        if norm == "linalg":
            hsic = jnp.square(jnp.linalg.norm(cross))
            return hsic / (jnp.linalg.norm(own_x) * jnp.linalg.norm(own_y))
        hsic = jnp.sum(jnp.square(cross))
        return hsic / jnp.sqrt(jnp.sum(jnp.square(own_x)) * jnp.sum(jnp.square(own_y)))
    # By the similarities of the examples.
    k_x, k_y = x @ x.T, y @ y.T
    if debiased:
        # Without the similarity of an example with itself.
        k_x = k_x - jnp.diag(jnp.diagonal(k_x))
        k_y = k_y - jnp.diag(jnp.diagonal(k_y))
    if norm == "linalg":
        return jnp.sum(k_x * k_y) / (jnp.linalg.norm(k_x) * jnp.linalg.norm(k_y))
    return jnp.sum(k_x * k_y) / jnp.sqrt(jnp.sum(jnp.square(k_x)) * jnp.sum(jnp.square(k_y)))


@family(
    "reduction",
    income="b n in 0.2..2.0",
    tax="? in 0.05..0.4",
    method=decided({"sort": 3, "pairs": 2, "lorenz": 2}),
    unbiased={False: 3, True: 1},
    average={False: 3, True: 1},
    sizes={"b": (2, 4), "n": (5, 6, 8, 10, 12)},
)
def gini(income, tax=None, *, method="sort", unbiased=False, average=False):
    """Gini coefficient of the incomes in each group.

    Args:
        income: what each member earns, one row for each group.
        tax: rate of a flat tax that is given back in equal parts.
    """
    n = income.shape[-1]
    mean = jnp.mean(income, axis=-1)
    if tax is not None:
        income = (1.0 - tax) * income + tax * mean[:, None]
    if method == "pairs":
        gaps = jnp.abs(income[:, :, None] - income[:, None, :])
        value = jnp.mean(gaps, axis=(1, 2)) / (2.0 * mean)
    elif method == "lorenz":
        # Twice the area between the Lorenz curve and the diagonal.
        ordered = jnp.sort(income, axis=-1)
        lorenz = jnp.cumsum(ordered, axis=-1) / jnp.sum(ordered, axis=-1, keepdims=True)
        value = (n + 1.0) / n - 2.0 * jnp.mean(lorenz, axis=-1)
    else:
        ranks = 2.0 * jnp.arange(1, n + 1, dtype=income.dtype) - n - 1.0
        value = jnp.sort(income, axis=-1) @ ranks / (n * n * mean)
    if unbiased:
        value = value * n / (n - 1.0)
    if average:
        return jnp.mean(value)
    return value


@family(
    "reduction",
    income="b n in 0.2..2.0",
    weights="? n in 0.3..1.5",
    kind={"t": 4, "l": 2},
    form=decided({"shares": 3, "ratio": 3}),
    normalised={False: 3, True: 1},
    average={False: 3, True: 1},
    sizes={"b": (2, 4), "n": (5, 6, 8, 10, 12)},
    weight=6,
)
def theil_index(income, weights=None, *, kind="t", form="ratio", normalised=False, average=False):
    """Theil index of the incomes in each group.

    Args:
        income: what each member earns, one row for each group.
        weights: how many people each member stands for.
    """
    n = income.shape[-1]
    if weights is not None:
        w = weights / jnp.sum(weights)
        mean = income @ w
        ratio = income / mean[:, None]
        if kind == "t":
            value = (ratio * jnp.log(ratio)) @ w
        else:
            # Theil's L, or the mean log deviation.
            value = -jnp.log(ratio) @ w
    elif kind == "l":
        # Theil's L, or the mean log deviation.
        value = jnp.log(jnp.mean(income, axis=-1)) - jnp.mean(jnp.log(income), axis=-1)
    elif form == "shares":
        shares = income / jnp.sum(income, axis=-1, keepdims=True)
        value = jnp.sum(shares * jnp.log(n * shares), axis=-1)
    else:
        ratio = income / jnp.mean(income, axis=-1, keepdims=True)
        value = jnp.mean(ratio * jnp.log(ratio), axis=-1)
    if normalised and kind == "t":
        # One where a single member has everything.
        value = value / jnp.log(n)
    if average:
        return jnp.mean(value)
    return value


@family(
    "reduction",
    income="b n in 0.2..2.0",
    weights="? n in 0.3..1.5",
    epsilon={0.5: 3, 1.0: 2, 2.0: 1},
    equivalent=decided({"direct": 3, "ratio": 2}),
    average={False: 3, True: 1},
    sizes={"b": (2, 4), "n": (5, 6, 8, 10, 12)},
    weight=5,
)
def atkinson_index(income, weights=None, *, epsilon=0.5, equivalent="direct", average=False):
    """Atkinson index of the incomes in each group.

    Args:
        income: what each member earns, one row for each group.
        weights: how many people each member stands for.
        epsilon: aversion to inequality.
    """

    def mean_of(values):
        if weights is not None:
            return values @ weights / jnp.sum(weights)
        return jnp.mean(values, axis=-1)

    mean = mean_of(income)
    if equivalent == "ratio":
        ratio = income / mean[:, None]
        if epsilon == 1.0:
            value = 1.0 - jnp.exp(mean_of(jnp.log(ratio)))
        elif epsilon == 2.0:
            value = 1.0 - 1.0 / mean_of(1.0 / ratio)
        else:
            value = 1.0 - mean_of(ratio ** (1.0 - epsilon)) ** (1.0 / (1.0 - epsilon))
    else:
        if epsilon == 1.0:
            # The geometric mean is the income that would be worth as much to all.
            equal = jnp.exp(mean_of(jnp.log(income)))
        elif epsilon == 2.0:
            # The harmonic mean is the income that would be worth as much to all.
            equal = 1.0 / mean_of(1.0 / income)
        else:
            equal = mean_of(income ** (1.0 - epsilon)) ** (1.0 / (1.0 - epsilon))
        value = 1.0 - equal / mean
    if average:
        return jnp.mean(value)
    return value


@family(
    "reduction",
    image="h n in 0.0..1.0",
    background="? n in 0.0..0.4",
    mask="? h n bool",
    normalise={"mass": 3, "scale": 2, "none": 1},
    grid={"pixels": 3, "unit": 2},
    form=decided({"centred": 3, "raw": 2}),
    layout={"vector": 3, "tuple": 2, "matrix": 2},
    sizes={"h": (4, 5, 6), "n": (4, 5, 6, 8)},
)
def central_moments(
    image,
    background=None,
    mask=None,
    *,
    normalise="mass",
    grid="pixels",
    form="centred",
    layout="vector",
):
    """Central second moments of an image, about its centroid.

    Args:
        image: intensities of the pixels, of shape (rows, columns).
        background: intensity of the background in each column.
        mask: pixels that belong to the object.
    """
    rows, columns = image.shape
    if background is not None:
        image = image - background
    if mask is not None:
        image = jnp.where(mask, image, 0.0)
    if grid == "pixels":
        y = jnp.arange(rows, dtype=image.dtype)[:, None]
        x = jnp.arange(columns, dtype=image.dtype)[None, :]
    else:
        y = jnp.linspace(-1.0, 1.0, rows, dtype=image.dtype)[:, None]
        x = jnp.linspace(-1.0, 1.0, columns, dtype=image.dtype)[None, :]
    mass = jnp.maximum(jnp.sum(image), 0.1)
    x_mean = jnp.sum(image * x) / mass
    y_mean = jnp.sum(image * y) / mass
    if form == "centred":
        dx, dy = x - x_mean, y - y_mean
        xx = jnp.sum(image * jnp.square(dx))
        xy = jnp.sum(image * dx * dy)
        yy = jnp.sum(image * jnp.square(dy))
    else:
        # From the raw moments.
        xx = jnp.sum(image * jnp.square(x)) - mass * jnp.square(x_mean)
        xy = jnp.sum(image * x * y) - mass * x_mean * y_mean
        yy = jnp.sum(image * jnp.square(y)) - mass * jnp.square(y_mean)
    if normalise == "mass":
        xx, xy, yy = xx / mass, xy / mass, yy / mass
    elif normalise == "scale":
        # Scale invariant moments.
        scale = 1.0 / jnp.square(mass)
        xx, xy, yy = xx * scale, xy * scale, yy * scale
    if layout == "tuple":
        return xx, xy, yy
    elif layout == "matrix":
        return jnp.array([[xx, xy], [xy, yy]])
    else:
        return jnp.stack([xx, xy, yy])
