"""Families: densities, summaries of samples, and information."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
location_scale_log_prob: location_scale_log_prob 3, log_prob 5, log_density 2, logpdf 2, log_likelihood 2
shape_log_prob: shape_log_prob 2, log_prob 4, log_density 2, logpdf 2, log_likelihood 2
dirichlet_log_prob: dirichlet_log_prob 6, dirichlet_logpdf 2, dirichlet_log_density 1
mixture_log_prob: mixture_log_prob 5, mixture_logpdf 1, log_mixture_density 1, mixture_log_likelihood 2
standardize_columns: standardize_columns 3, zscore 4, standardize 4, normalize_features 2, scale_features 1
sample_covariance: sample_covariance 4, covariance 4, covariance_matrix 4, compute_covariance 2
two_sample_statistic: two_sample_statistic 4, two_sample_test 3, compare_groups 2, group_difference 1
weighted_mean_with_error: weighted_mean_with_error 3, weighted_mean 4, combine_measurements 2, weighted_average 2
shape_statistics: shape_statistics 3, sample_moments 4, higher_moments 2, moments 3
table_information: table_information 3, information 2, dependence_measure 2, contingency_information 1
gaussian_divergence: gaussian_divergence 5, diag_gaussian_divergence 2, divergence 2, normal_divergence 1
kernel_density: kernel_density 5, kde 4, density_estimate 2, kernel_density_estimate 2
smooth_cdf: smooth_cdf 4, soft_ecdf 3, smoothed_ecdf 2, soft_cdf 2
conjugate_update: conjugate_update 4, posterior_update 4, update_posterior 3, bayes_update 1
weighted_moments: weighted_moments 5, mean_and_variance 3, moments 1
mean_and_variance: mean_and_variance 5, sample_moments 1, compute_stats 2
log_kernel: log_kernel 4, log_kernel_fn 1
smooth_step: smooth_step 4, soft_step 3, soft_indicator 2
x: x 9, data 2, samples 2, xs 1
y: y 9, ys 1, other 1
mask: mask 8, valid 2, observed 2
variance: variance 4, var 5, sigma2 1
log_prob: log_prob 6, logp 4, log_p 2, log_density 1
log_probs: log_probs 6, logps 2, component_log_probs 1
reduction: reduction 6, reduce 1
loc: loc 5, mu 3, mean 2
scale: scale 6, sigma 3
means: means 5, mus 1, centers 2, locs 1
log_scales: log_scales 5, log_sigmas 2, log_stds 2
logits: logits 5, mixture_logits 2
log_weights: log_weights 5, log_pi 2, log_mix 1
alpha: alpha 6, a 3
beta: beta 6, b 3
diff: diff 5, delta 3, residual 1
z: z 6, u 1
center: center 4, middle 1, location 1
spread: spread 4, width 1, scale 1
cov: cov 6, sigma 1, covariance 2, c 1
centered: centered 5, xc 3, deviations 1, x_centered 1
mean_x: mean_x 4, mu_x 2, x_mean 2
mean_y: mean_y 4, mu_y 2, y_mean 2
var_x: var_x 4, s2_x 1, x_var 2
var_y: var_y 4, s2_y 1, y_var 2
error_x: error_x 3, se2_x 2, vn_x 1
error_y: error_y 3, se2_y 2, vn_y 1
statistic: statistic 4, t 2, t_stat 3, stat 2
standard_error: standard_error 4, se 4, stderr 2
total: total 5, weight_sum 2, norm 1
joint: joint 5, p_xy 3, pxy 2, p 1
rows: rows 3, p_x 3, px 2
columns: columns 3, p_y 3, py 2
counts: counts 5, table 4, contingency 1
mean: mean 6, mu 3, loc 1
log_var: log_var 5, logvar 5
prior_mean: prior_mean 5, mu_prior 1, mean_q 1
prior_log_var: prior_log_var 5, prior_logvar 4, logvar_q 1
divergence: divergence 4, kl 1, div 2
queries: queries 4, points 3, grid 3, x_query 1
samples: samples 5, data 3, observations 1
bandwidth: bandwidth 6, h 3, bw 2
temperature: temperature 5, tau 3, smoothing 1
thresholds: thresholds 4, grid 2, points 2, cutoffs 1
prior_mu: prior_mu 4, mu0 4, m0 2
prior_kappa: prior_kappa 4, kappa0 4, k0 1
prior_a: prior_a 4, a0 4, alpha0 2
prior_b: prior_b 4, b0 4, beta0 2
"""


def student_t_log_prob(z, df=4.0):
    gammaln = jax.scipy.special.gammaln
    log_norm = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * jnp.log(df * jnp.pi)
    return log_norm - 0.5 * (df + 1.0) * jnp.log1p(jnp.square(z) / df)


@family(
    "reduction",
    "branch",
    "elementwise",
    x="n d",
    loc="d",
    scale="d in 0.4..1.6",
    mask="? n d bool",
    weights="? n d in 0.2..1",
    distribution=("normal", "laplace", "student_t", "logistic", "cauchy", "gumbel"),
    constraint={"none": 3, "softplus": 2, "exp": 2, "floor": 1},
    reduction={"none": 3, "features": 3, "mean": 2, "sum": 2, "batch": 1},
    negative=(False, True),
)
def location_scale_log_prob(
    x,
    loc,
    scale,
    mask=None,
    weights=None,
    *,
    distribution="normal",
    constraint="none",
    reduction="none",
    negative=False,
):
    """Log-density of a location-scale distribution.

    Args:
        x: observations, a row each.
        loc: location of each feature.
        scale: scale of each feature, before its constraint.
        mask: which values were observed.
        weights: weight of each value.
        reduction: how the values are put together.

    Returns:
        The log-density, or its negative.
    """
    if constraint == "softplus":
        scale = jax.nn.softplus(scale)
    elif constraint == "exp":
        # The scale is given by its logarithm.
        scale = jnp.exp(scale)
    elif constraint == "floor":
        scale = jnp.maximum(scale, 1e-3)
    z = (x - loc) / scale
    if distribution == "normal":
        log_prob = -0.5 * jnp.square(z) - 0.5 * jnp.log(2.0 * jnp.pi)
    elif distribution == "laplace":
        log_prob = -jnp.abs(z) - jnp.log(2.0)
    elif distribution == "student_t":
        log_prob = student_t_log_prob(z)
    elif distribution == "logistic":
        log_prob = -z - 2.0 * jax.nn.softplus(-z)
    elif distribution == "cauchy":
        log_prob = -jnp.log(jnp.pi) - jnp.log1p(jnp.square(z))
    else:
        log_prob = -(z + jnp.exp(-z))
    log_prob = log_prob - jnp.log(scale)
    if negative:
        log_prob = -log_prob
    if weights is not None:
        log_prob = weights * log_prob
    if mask is not None:
        # What wasn't observed adds nothing.
        log_prob = jnp.where(mask, log_prob, 0.0)
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    if reduction == "features":
        return jnp.sum(log_prob, axis=-1)
    if reduction == "batch":
        return jnp.mean(log_prob, axis=0)
    return log_prob


def log_beta(a, b):
    gammaln = jax.scipy.special.gammaln
    return gammaln(a) + gammaln(b) - gammaln(a + b)


@family(
    "reduction",
    "elementwise",
    "branch",
    x="n d in 0.1..0.9",
    alpha="d in 0.6..3",
    beta="d in 0.6..3",
    mask="? n d bool",
    distribution=("gamma", "inverse_gamma", "beta", "weibull", "kumaraswamy", "gompertz"),
    normalized={True: 3, False: 1},
    clipped={False: 3, True: 1},
    floor={None: 3, -20.0: 1, -30.0: 1},
    density={False: 6, True: 1},
    reduction={"none": 3, "features": 3, "mean": 2, "sum": 2, "batch": 1},
    sizes={"d": (2, 4, 5, 6, 8, 12)},
)
def shape_log_prob(
    x,
    alpha,
    beta,
    mask=None,
    *,
    distribution="gamma",
    normalized=True,
    clipped=False,
    floor=None,
    density=False,
    reduction="none",
):
    """Log-density of a distribution of positive numbers, with two shape parameters."""
    if clipped:
        x = jnp.clip(x, 1e-6, 1.0 - 1e-6)
    if distribution == "gamma":
        log_prob = (alpha - 1.0) * jnp.log(x) - beta * x
        if normalized:
            log_prob = log_prob + alpha * jnp.log(beta) - jax.scipy.special.gammaln(alpha)
    elif distribution == "inverse_gamma":
        log_prob = -(alpha + 1.0) * jnp.log(x) - beta / x
        if normalized:
            log_prob = log_prob + alpha * jnp.log(beta) - jax.scipy.special.gammaln(alpha)
    elif distribution == "beta":
        log_prob = (alpha - 1.0) * jnp.log(x) + (beta - 1.0) * jnp.log1p(-x)
        if normalized:
            log_prob = log_prob - log_beta(alpha, beta)
    elif distribution == "weibull":
        log_prob = (alpha - 1.0) * jnp.log(x) - (x / beta) ** alpha
        if normalized:
            log_prob = log_prob + jnp.log(alpha) - alpha * jnp.log(beta)
    elif distribution == "kumaraswamy":
        log_prob = (alpha - 1.0) * jnp.log(x) + (beta - 1.0) * jnp.log1p(-(x**alpha))
        if normalized:
            log_prob = log_prob + jnp.log(alpha) + jnp.log(beta)
    else:
        log_prob = beta * x - alpha * jnp.expm1(beta * x)
        if normalized:
            log_prob = log_prob + jnp.log(alpha) + jnp.log(beta)
    if floor is not None:
        log_prob = jnp.maximum(log_prob, floor)
    if mask is not None:
        log_prob = jnp.where(mask, log_prob, 0.0)
    if density:
        return jnp.exp(log_prob)
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    if reduction == "features":
        return jnp.sum(log_prob, axis=-1)
    if reduction == "batch":
        return jnp.mean(log_prob, axis=0)
    return log_prob


@family(
    "reduction",
    x="n c in 0.1..1",
    alpha="c in 0.5..3",
    counts="? n c in 0..4",
    weights="? n in 0.2..1",
    normalize={"sum": 3, "softmax": 2, "smooth": 2},
    concentration={"given": 3, "total": 1, "softplus": 2},
    constant={True: 3, False: 1},
    reduction={"none": 4, "mean": 3, "sum": 3},
    negative=(False, True),
    sizes={"c": (4, 5, 6, 8, 10)},
)
def dirichlet_log_prob(
    x,
    alpha,
    counts=None,
    weights=None,
    *,
    normalize="sum",
    concentration="given",
    constant=True,
    reduction="none",
    negative=False,
):
    """Log-density of proportions under a Dirichlet distribution.

    Args:
        x: rows of positive scores, which become proportions.
        alpha: concentration of each class.
        counts: counts seen before, added to the concentrations.
        weights: weight of each row.

    Returns:
        The log-density of each row, or of all rows together.
    """
    if normalize == "softmax":
        p = jax.nn.softmax(x, axis=-1)
    elif normalize == "smooth":
        # Add-one smoothing keeps the proportions away from zero.
        p = (x + 1.0) / jnp.sum(x + 1.0, axis=-1, keepdims=True)
    else:
        p = x / jnp.sum(x, axis=-1, keepdims=True)
    if concentration == "softplus":
        alpha = jax.nn.softplus(alpha)
    elif concentration == "total":
        alpha = alpha.size * alpha / jnp.sum(alpha)
    if counts is not None:
        alpha = alpha + counts
    log_prob = jnp.sum((alpha - 1.0) * jnp.log(p), axis=-1)
    if constant:
        log_norm = jnp.sum(jax.scipy.special.gammaln(alpha), axis=-1)
        log_norm = log_norm - jax.scipy.special.gammaln(jnp.sum(alpha, axis=-1))
        log_prob = log_prob - log_norm
    if weights is not None:
        log_prob = weights * log_prob
    if negative:
        log_prob = -log_prob
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    return log_prob


@family(
    "reduction",
    "contraction",
    "multi_statement",
    x="n d",
    logits="k",
    means="k d",
    log_scales="? k d in -0.5..0.8",
    weights="? n in 0.2..1",
    component=("normal", "laplace", "student_t", "logistic"),
    output={"log_prob": 3, "mean": 3, "log_responsibilities": 2, "both": 2, "entropy": 1},
    temperature={None: 4, 0.5: 1, 2.0: 1},
    uniform_prior={False: 4, True: 1},
    floor={None: 3, -2.0: 1},
    sizes={"k": (2, 4, 5), "n": (4, 5, 6, 8, 10), "d": (2, 4, 5, 6, 8)},
)
def mixture_log_prob(
    x,
    logits,
    means,
    log_scales=None,
    weights=None,
    *,
    component="normal",
    output="log_prob",
    temperature=None,
    uniform_prior=False,
    floor=None,
):
    """Log-density of points, or their responsibilities, under a mixture.

    Args:
        x: points, a row each.
        logits: log-weights of the components, up to a constant.
        means: location of each component.
        log_scales: log-scale of each component and feature; one if there is none.
        weights: weight of each point.
    """
    if temperature is not None:
        logits = logits / temperature
    log_weights = jax.nn.log_softmax(logits)
    if uniform_prior:
        # Mix the weights with equal ones, so that no component dies.
        log_weights = jnp.log(0.9 * jnp.exp(log_weights) + 0.1 / log_weights.shape[0])
    z = x[:, None, :] - means[None, :, :]
    if log_scales is not None:
        if floor is not None:
            log_scales = jnp.maximum(log_scales, floor)
        z = z * jnp.exp(-log_scales)
    if component == "normal":
        log_probs = -0.5 * jnp.square(z) - 0.5 * jnp.log(2.0 * jnp.pi)
    elif component == "laplace":
        log_probs = -jnp.abs(z) - jnp.log(2.0)
    elif component == "logistic":
        log_probs = -z - 2.0 * jax.nn.softplus(-z)
    else:
        log_probs = -2.5 * jnp.log1p(jnp.square(z) / 4.0) - jnp.log(8.0 / 3.0)
    if log_scales is not None:
        log_probs = log_probs - log_scales
    log_joint = log_weights + jnp.sum(log_probs, axis=-1)
    log_prob = jax.nn.logsumexp(log_joint, axis=-1)
    if output == "log_prob":
        if weights is not None:
            return weights * log_prob
        return log_prob
    if output == "mean":
        if weights is not None:
            return -jnp.sum(weights * log_prob) / jnp.sum(weights)
        return -jnp.mean(log_prob)
    log_responsibilities = log_joint - log_prob[:, None]
    if output == "log_responsibilities":
        if weights is not None:
            return weights[:, None] * log_responsibilities
        return log_responsibilities
    responsibilities = jnp.exp(log_responsibilities)
    if weights is not None:
        responsibilities = weights[:, None] * responsibilities
    if output == "entropy":
        return -jnp.sum(responsibilities * log_responsibilities, axis=-1)
    return log_prob, responsibilities


def weighted_moments(x, weights=None, axis=0, ddof=0):
    if weights is None:
        mean = jnp.mean(x, axis=axis, keepdims=True)
        return mean, jnp.var(x, axis=axis, ddof=ddof, keepdims=True)
    w = weights / jnp.sum(weights)
    mean = jnp.sum(w * x, axis=axis, keepdims=True)
    variance = jnp.sum(w * jnp.square(x - mean), axis=axis, keepdims=True)
    return mean, variance


@family(
    "branch",
    "contraction",
    "multi_statement",
    x="n d",
    weights="? n 1 in 0.2..1",
    shift="? d",
    gain="? d in 0.5..1.5",
    mask="? n 1 bool",
    kind={"std": 5, "mad": 1, "range": 1, "center": 1, "mean_abs": 1, "rms": 1, "iqr": 1},
    ddof={0: 2, 1: 1},
    eps={1e-6: 2, 1e-8: 1, 1e-5: 1},
    limit={None: 4, 3.0: 1, 5.0: 1, 2.5: 1},
    squash={False: 5, True: 1},
    extra={False: 3, True: 1},
)
def standardize_columns(
    x,
    weights=None,
    shift=None,
    gain=None,
    mask=None,
    *,
    kind="std",
    ddof=0,
    eps=1e-6,
    limit=None,
    squash=False,
    extra=False,
):
    """Brings the columns of a table to a common center and scale.

    Args:
        x: observations, a row each.
        weights: weight of each row.
        shift: what is added to each column.
        gain: what each column is multiplied by.
        mask: which rows are kept; the others become zero.
    """
    if kind == "std":
        center, variance = weighted_moments(x, weights, axis=0, ddof=ddof)
        z = (x - center) / jnp.sqrt(variance + eps)
    elif kind == "mad":
        center = jnp.median(x, axis=0, keepdims=True)
        # For a normal distribution, 1.4826 times this is the standard deviation.
        spread = jnp.median(jnp.abs(x - center), axis=0, keepdims=True)
        z = (x - center) / (1.4826 * spread + eps)
        if weights is not None:
            z = weights * z
    elif kind == "range":
        low = jnp.min(x, axis=0, keepdims=True)
        high = jnp.max(x, axis=0, keepdims=True)
        z = (x - low) / (high - low + eps)
        if weights is not None:
            z = weights * z
    elif kind == "iqr":
        center = jnp.median(x, axis=0, keepdims=True)
        lower = jnp.quantile(x, 0.25, axis=0, keepdims=True)
        upper = jnp.quantile(x, 0.75, axis=0, keepdims=True)
        z = (x - center) / (upper - lower + eps)
        if weights is not None:
            z = weights * z
    elif kind == "mean_abs":
        center, variance = weighted_moments(x, weights, axis=0)
        z = x - center
        z = z / (jnp.mean(jnp.abs(z), axis=0, keepdims=True) + eps)
    elif kind == "rms":
        z = x / jnp.sqrt(jnp.mean(jnp.square(x), axis=0, keepdims=True) + eps)
        if weights is not None:
            z = jnp.sqrt(weights) * z
    else:
        center, variance = weighted_moments(x, weights, axis=0)
        z = x - center
    if limit is not None:
        z = jnp.clip(z, -limit, limit)
    if squash:
        z = jnp.tanh(z)
    if gain is not None:
        z = z * gain
    if shift is not None:
        z = z + shift
    if mask is not None:
        z = jnp.where(mask, z, 0.0)
    if extra:
        return z, jnp.sum(jnp.square(z), axis=-1)
    return z


@family(
    "reduction",
    "contraction",
    x="n d",
    y="? n d",
    weights="? n in 0.2..1",
    prior_factor="? d d in -0.3..0.3",
    center={True: 5, False: 1},
    unbiased={True: 3, False: 2},
    correlation={False: 2, True: 1},
    shrink_to={None: 3, "diagonal": 2, "identity": 2},
    shrinkage={0.1: 1, 0.2: 1, 0.5: 1},
    jitter={None: 2, 1e-3: 1, 1e-2: 1},
    output={"matrix": 5, "with_mean": 1, "upper": 1, "diagonal": 1},
    sizes={"d": (2, 4, 5, 6, 8, 10)},
)
def sample_covariance(
    x,
    y=None,
    weights=None,
    prior_factor=None,
    *,
    center=True,
    unbiased=True,
    correlation=False,
    shrink_to=None,
    shrinkage=0.1,
    jitter=None,
    output="matrix",
):
    """Covariance or correlation of the columns of a sample.

    Args:
        x: the sample, a row for each observation.
        y: a second sample, whose covariance with the first is wanted.
        weights: weight of each row.
        prior_factor: a factor of the matrix that is added to the estimate.
    """
    n, d = x.shape
    if weights is None:
        mean = jnp.mean(x, axis=0)
        if center:
            x = x - mean
        if y is None:
            cov = x.T @ x
        else:
            cov = x.T @ (y - jnp.mean(y, axis=0))
        if unbiased:
            cov = cov / (n - 1)
        else:
            cov = cov / n
    else:
        w = weights / jnp.sum(weights)
        mean = w @ x
        if center:
            x = x - mean
        if y is None:
            cov = (w[:, None] * x).T @ x
        else:
            cov = (w[:, None] * x).T @ (y - w @ y)
        if unbiased:
            # Reliability weights make the estimate unbiased.
            cov = cov / (1.0 - jnp.sum(jnp.square(w)))
    if shrink_to == "identity":
        cov = cov + shrinkage * (jnp.trace(cov) / d * jnp.eye(d) - cov)
    elif shrink_to == "diagonal":
        cov = cov + shrinkage * (jnp.diag(jnp.diag(cov)) - cov)
    if prior_factor is not None:
        cov = cov + prior_factor @ prior_factor.T
    if jitter is not None:
        cov = cov + jitter * jnp.eye(d)
    if correlation:
        if y is None:
            std = jnp.sqrt(jnp.diag(cov))
            cov = cov / (std[:, None] * std[None, :])
        else:
            cov = cov / (jnp.std(x, axis=0)[:, None] * jnp.std(y, axis=0)[None, :])
    if output == "with_mean":
        return mean, cov
    if output == "upper":
        return jnp.triu(cov)
    if output == "diagonal":
        return jnp.diag(cov)
    return cov


def mean_and_variance(x, mask=None, ddof=1):
    if mask is None:
        return jnp.mean(x, axis=0), jnp.var(x, axis=0, ddof=ddof)
    count = jnp.sum(mask, axis=0)
    mean = jnp.sum(jnp.where(mask, x, 0.0), axis=0) / jnp.maximum(count, 1)
    squares = jnp.where(mask, jnp.square(x - mean), 0.0)
    return mean, jnp.sum(squares, axis=0) / jnp.maximum(count - ddof, 1)


@family(
    "reduction",
    x="n d",
    y="m d",
    mask="? n d bool",
    baseline="? d in -0.5..0.5",
    kind={"welch": 4, "pooled": 3, "cohen": 2, "hedges": 1, "glass": 1},
    ddof={1: 3, 0: 1},
    eps={None: 2, 1e-6: 1, 1e-4: 1},
    limit={None: 4, 5.0: 1},
    output={
        "statistic": 4,
        "with_error": 2,
        "with_df": 2,
        "largest": 1,
        "squared": 1,
        "p_value": 2,
    },
    sizes={"n": (6, 8, 10, 12, 16), "m": (6, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def two_sample_statistic(
    x,
    y,
    mask=None,
    baseline=None,
    *,
    kind="welch",
    ddof=1,
    eps=None,
    limit=None,
    output="statistic",
):
    """Compares the means of two samples, column by column.

    Args:
        x: the first sample, a row for each observation.
        y: the second sample.
        mask: which values of the first sample count.
        baseline: the difference that is expected.
    """
    n, m = x.shape[0], y.shape[0]
    mean_x, var_x = mean_and_variance(x, mask, ddof=ddof)
    mean_y, var_y = mean_and_variance(y, ddof=ddof)
    diff = mean_x - mean_y
    if baseline is not None:
        diff = diff - baseline
    if kind == "welch":
        error_x, error_y = var_x / n, var_y / m
        variance = error_x + error_y
        # The degrees of freedom of Welch and Satterthwaite.
        df = variance**2 / (error_x**2 / (n - 1) + error_y**2 / (m - 1))
    elif kind == "glass":
        # The second sample is the control group.
        variance = var_y
        df = m - 1
    else:
        df = n + m - 2
        variance = ((n - 1) * var_x + (m - 1) * var_y) / df
        if kind == "pooled":
            variance = variance * (1.0 / n + 1.0 / m)
    if eps is not None:
        variance = variance + eps
    standard_error = jnp.sqrt(variance)
    statistic = diff / standard_error
    if kind == "hedges":
        # The correction for small samples.
        statistic = statistic * (1.0 - 3.0 / (4.0 * df - 1.0))
    if limit is not None:
        statistic = jnp.clip(statistic, -limit, limit)
    if output == "with_error":
        return statistic, standard_error
    if kind == "welch":
        if output == "with_df":
            return statistic, df
    if output == "largest":
        return jnp.max(jnp.abs(statistic))
    if output == "squared":
        return jnp.sum(jnp.square(statistic))
    if output == "p_value":
        # Both tails of the normal distribution.
        return jax.lax.erfc(jnp.abs(statistic) / jnp.sqrt(2.0))
    return statistic


@family(
    "reduction",
    x="n d",
    errors="n d in 0.3..1.5",
    prior_mean="? d",
    mask="? n d bool",
    weighting={"inverse_variance": 4, "inverse_error": 1, "softmax": 1, "huber": 2},
    error={"propagated": 3, "scatter": 2, "both": 1},
    axis=(0, 1),
    inflate={False: 2, True: 1},
    output={"pair": 4, "interval": 2, "chi_square": 2, "size": 1},
    level={1.96: 3, 2.58: 1, 1.64: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "d": (4, 5, 6, 8, 12)},
)
def weighted_mean_with_error(
    x,
    errors,
    prior_mean=None,
    mask=None,
    *,
    weighting="inverse_variance",
    error="propagated",
    axis=0,
    inflate=False,
    output="pair",
    level=1.96,
):
    """Combines measurements by their errors.

    Args:
        x: measurements.
        errors: the standard error of each measurement.
        prior_mean: what is expected of each column.
        mask: which measurements count.
        axis: the axis along which measurements are combined.

    Returns:
        The weighted mean, and what is known of its precision.
    """
    if prior_mean is not None:
        x = x - prior_mean
    if weighting == "inverse_variance":
        weights = 1.0 / jnp.square(errors)
    elif weighting == "inverse_error":
        weights = 1.0 / errors
    elif weighting == "softmax":
        weights = jax.nn.softmax(-errors, axis=axis)
    else:
        # Measurements far from the median count less.
        center = jnp.median(x, axis=axis, keepdims=True)
        distance = jnp.abs(x - center) / errors
        weights = jnp.where(distance <= 1.5, 1.0, 1.5 / (distance + 1e-6)) / jnp.square(errors)
    if mask is not None:
        weights = jnp.where(mask, weights, 1e-3)
    total = jnp.sum(weights, axis=axis, keepdims=True)
    weights = weights / total
    mean = jnp.sum(weights * x, axis=axis, keepdims=True)
    residual = x - mean
    propagated = jnp.sum(jnp.square(weights * errors), axis=axis)
    scatter = jnp.sum(jnp.square(weights * residual), axis=axis)
    if error == "propagated":
        variance = propagated
    elif error == "scatter":
        variance = scatter
    else:
        variance = propagated + scatter
    chi_square = jnp.sum(jnp.square(residual / errors), axis=axis)
    if inflate:
        # Where the measurements disagree, their errors were too small.
        variance = variance * jnp.maximum(chi_square / (x.shape[axis] - 1), 1.0)
    standard_error = jnp.sqrt(variance)
    mean = jnp.squeeze(mean, axis=axis)
    if output == "interval":
        return mean - level * standard_error, mean + level * standard_error
    if output == "chi_square":
        return mean, standard_error, chi_square
    if output == "size":
        size = 1.0 / jnp.sum(jnp.square(weights), axis=axis)
        return mean, standard_error, size
    return mean, standard_error


@family(
    "reduction",
    x="n d",
    weights="? n 1 in 0.2..1",
    exponent=(3, 4),
    kind={"standardized": 3, "central": 2, "raw": 1, "excess": 2, "jarque_bera": 1, "cumulants": 1},
    unbiased={False: 2, True: 1},
    eps={1e-6: 2, 1e-5: 1, 1e-8: 1},
    transform={"none": 4, "log1p_abs": 1, "softplus": 1, "square": 1, "difference": 1},
    reduction={"none": 3, "mean": 1, "sum": 1},
    extra={False: 2, True: 1},
)
def shape_statistics(
    x,
    weights=None,
    *,
    exponent=3,
    kind="standardized",
    unbiased=False,
    eps=1e-6,
    transform="none",
    reduction="none",
    extra=False,
):
    """Higher moments of the columns of a sample."""
    if transform == "log1p_abs":
        x = jnp.log1p(jnp.abs(x))
    elif transform == "softplus":
        x = jax.nn.softplus(x)
    elif transform == "square":
        x = jnp.square(x)
    elif transform == "difference":
        # Moments of the changes from row to row.
        x = x[1:] - 0.5 * x[:-1]
        if weights is not None:
            weights = weights[1:]
    n = x.shape[0]
    mean, variance = weighted_moments(x, weights, axis=0)
    if weights is None:
        w = 1.0 / n
    else:
        w = weights / jnp.sum(weights)
    centered = x - mean
    if kind == "raw":
        moment = jnp.sum(w * x**exponent, axis=0)
    elif kind == "central":
        moment = jnp.sum(w * centered**exponent, axis=0)
    elif kind == "standardized":
        z = centered / jnp.sqrt(variance + eps)
        moment = jnp.sum(w * z**exponent, axis=0)
        if unbiased:
            # The variance of a sample is too small by this.
            moment = moment * ((n - 1) / n) ** (exponent / 2)
    elif kind == "excess":
        z = centered / jnp.sqrt(variance + eps)
        moment = jnp.sum(w * z**4, axis=0) - 3.0
        if unbiased:
            moment = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * moment + 6.0)
    elif kind == "jarque_bera":
        z = centered / jnp.sqrt(variance + eps)
        skewness = jnp.sum(w * z**3, axis=0)
        kurtosis = jnp.sum(w * z**4, axis=0) - 3.0
        moment = n / 6.0 * (jnp.square(skewness) + 0.25 * jnp.square(kurtosis))
    else:
        moment = jnp.sum(w * centered**4, axis=0) - 3.0 * jnp.square(jnp.squeeze(variance, 0))
    if extra:
        return jnp.squeeze(mean, 0), jnp.squeeze(variance, 0), moment
    if reduction == "mean":
        return jnp.mean(moment)
    if reduction == "sum":
        return jnp.sum(moment)
    return moment


@family(
    "reduction",
    counts="n m in 0.2..3",
    prior="? n m in 0.1..1",
    row_weights="? n in 0.3..1.5",
    measure={
        "mutual_information": 4,
        "conditional_entropy": 2,
        "chi_square": 2,
        "joint_entropy": 1,
        "normalized": 2,
        "variation": 1,
        "pointwise": 1,
        "gini": 1,
    },
    normalize={"sum": 3, "softmax": 2},
    smoothing={None: 3, 1.0: 1, 0.5: 1, 0.1: 1},
    base={None: 3, 2.0: 2, 10.0: 1},
    eps={None: 3, 1e-8: 1, 1e-12: 1},
    side=("rows", "columns"),
    square_root={False: 4, True: 1},
    only="float32",
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8, 10)},
)
def table_information(
    counts,
    prior=None,
    row_weights=None,
    *,
    measure="mutual_information",
    normalize="sum",
    smoothing=None,
    base=None,
    eps=None,
    side="rows",
    square_root=False,
):
    """How much the rows and columns of a table tell of each other.

    Args:
        counts: how often each pair was seen.
        prior: counts that are added.
        row_weights: weight of each row.
        smoothing: what is added to each count.
        base: base of the logarithm.
    """
    if prior is not None:
        counts = counts + prior
    if row_weights is not None:
        counts = row_weights[:, None] * counts
    if smoothing is not None:
        counts = counts + smoothing
    if normalize == "softmax":
        joint = jax.nn.softmax(counts.reshape(-1)).reshape(counts.shape)
    else:
        joint = counts / jnp.sum(counts)
    if eps is not None:
        joint = joint + eps
    rows = jnp.sum(joint, axis=1)
    columns = jnp.sum(joint, axis=0)
    marginal = rows if side == "rows" else columns
    log_joint = jnp.log(joint)
    log_ratio = log_joint - jnp.log(rows)[:, None] - jnp.log(columns)[None, :]
    if measure == "mutual_information":
        value = jnp.sum(joint * log_ratio)
    elif measure == "conditional_entropy":
        value = jnp.sum(marginal * jnp.log(marginal)) - jnp.sum(joint * log_joint)
    elif measure == "chi_square":
        expected = rows[:, None] * columns[None, :]
        value = 10.0 * jnp.sum(jnp.square(joint - expected) / expected)
    elif measure == "joint_entropy":
        value = -jnp.sum(joint * log_joint)
    elif measure == "normalized":
        entropy = -jnp.sum(marginal * jnp.log(marginal))
        value = jnp.sum(joint * log_ratio) / entropy
    elif measure == "variation":
        value = -jnp.sum(joint * (log_ratio + log_joint))
    elif measure == "pointwise":
        value = jnp.sum(jnp.maximum(log_ratio, 0.0), axis=1 if side == "rows" else 0)
    else:
        value = 1.0 - jnp.sum(jnp.square(joint) / rows[:, None])
    if base is not None:
        value = value / jnp.log(base)
    if square_root:
        value = jnp.sqrt(jnp.abs(value) + 1e-6)
    return value


@family(
    "reduction",
    "elementwise",
    "branch",
    mean="n d",
    log_var="n d in -1.5..1",
    prior_mean="? d",
    prior_log_var="? d in -1..1",
    mask="? n d bool",
    kind={
        "kl": 5,
        "reverse": 2,
        "jeffreys": 1,
        "bhattacharyya": 1,
        "wasserstein": 1,
        "hellinger": 1,
    },
    given={"log_var": 3, "log_std": 2},
    free_bits={None: 4, 0.1: 1, 0.25: 1, 0.5: 1},
    beta={None: 4, 0.5: 1, 4.0: 1, 0.1: 1},
    bounded={False: 4, True: 1},
    reduction={"none": 2, "features": 3, "mean": 2, "sum": 2, "batch": 1},
)
def gaussian_divergence(
    mean,
    log_var,
    prior_mean=None,
    prior_log_var=None,
    mask=None,
    *,
    kind="kl",
    given="log_var",
    free_bits=None,
    beta=None,
    bounded=False,
    reduction="none",
):
    """Divergence of diagonal Gaussians from a prior.

    Args:
        mean: mean of each Gaussian.
        log_var: how wide each Gaussian is, as a logarithm.
        prior_mean: mean of the prior, zero if there is none.
        prior_log_var: the same of the prior, zero if there is none.
        mask: which features count.

    Returns:
        The divergence, summed as asked for.
    """
    if bounded:
        log_var = jnp.clip(log_var, -10.0, 2.0)
    if given == "log_std":
        log_var = 2.0 * log_var
        if prior_log_var is not None:
            prior_log_var = 2.0 * prior_log_var
    if prior_mean is None:
        sq_diff = jnp.square(mean)
    else:
        sq_diff = jnp.square(mean - prior_mean)
    variance = jnp.exp(log_var)
    if prior_log_var is None:
        if kind == "kl":
            divergence = 0.5 * (variance + sq_diff - 1.0 - log_var)
        elif kind == "reverse":
            divergence = 0.5 * (log_var + (1.0 + sq_diff) / variance - 1.0)
        elif kind == "jeffreys":
            divergence = 0.5 * (variance + 1.0 / variance - 2.0)
            divergence = divergence + 0.5 * sq_diff * (1.0 + 1.0 / variance)
        elif kind == "bhattacharyya":
            average = 0.5 * (variance + 1.0)
            divergence = 0.125 * sq_diff / average
            divergence = divergence + 0.5 * (jnp.log(average) - 0.5 * log_var)
        elif kind == "wasserstein":
            divergence = sq_diff + jnp.square(jnp.sqrt(variance) - 1.0)
        else:
            total = variance + 1.0
            affinity = jnp.sqrt(2.0 * jnp.exp(0.5 * log_var) / total)
            divergence = 1.0 - affinity * jnp.exp(-0.25 * sq_diff / total)
    else:
        prior_variance = jnp.exp(prior_log_var)
        if kind == "kl":
            divergence = prior_log_var - log_var - 1.0
            divergence = 0.5 * (divergence + (variance + sq_diff) / prior_variance)
        elif kind == "reverse":
            divergence = log_var - prior_log_var - 1.0
            divergence = 0.5 * (divergence + (prior_variance + sq_diff) / variance)
        elif kind == "jeffreys":
            ratio = variance / prior_variance
            divergence = 0.5 * (ratio + 1.0 / ratio - 2.0)
            precisions = 1.0 / variance + 1.0 / prior_variance
            divergence = divergence + 0.5 * sq_diff * precisions
        elif kind == "bhattacharyya":
            average = 0.5 * (variance + prior_variance)
            divergence = 0.125 * sq_diff / average
            divergence = divergence + 0.5 * jnp.log(average) - 0.25 * (log_var + prior_log_var)
        elif kind == "wasserstein":
            spread = jnp.sqrt(variance) - jnp.sqrt(prior_variance)
            divergence = sq_diff + jnp.square(spread)
        else:
            total = variance + prior_variance
            affinity = jnp.sqrt(2.0 * jnp.exp(0.5 * (log_var + prior_log_var)) / total)
            divergence = 1.0 - affinity * jnp.exp(-0.25 * sq_diff / total)
    if free_bits is not None:
        # A feature may tell so much for nothing.
        divergence = jnp.maximum(divergence, free_bits)
    if mask is not None:
        divergence = jnp.where(mask, divergence, 0.0)
    if beta is not None:
        divergence = beta * divergence
    if reduction == "mean":
        return jnp.mean(divergence)
    if reduction == "sum":
        return jnp.sum(divergence)
    if reduction == "features":
        return jnp.sum(divergence, axis=-1)
    if reduction == "batch":
        return jnp.mean(divergence, axis=0)
    return divergence


def log_kernel(u, kind="gaussian"):
    if kind == "gaussian":
        return -0.5 * jnp.square(u) - 0.5 * jnp.log(2.0 * jnp.pi)
    if kind == "laplace":
        return -jnp.abs(u) - jnp.log(2.0)
    if kind == "logistic":
        return -u - 2.0 * jax.nn.softplus(-u)
    if kind == "cauchy":
        return -jnp.log1p(jnp.square(u)) - jnp.log(jnp.pi)
    return jnp.log(0.5) - jnp.log(jnp.cosh(0.5 * jnp.pi * u))


@family(
    "reduction",
    "multi_statement",
    "contraction",
    queries="m d",
    samples="n d",
    weights="? n in 0.2..1",
    bandwidth="? d in 0.4..1.5",
    kind={"gaussian": 4, "laplace": 1, "logistic": 1, "cauchy": 1, "sech": 1},
    rule={"scott": 2, "silverman": 2, "fixed": 1},
    width={0.5: 1, 0.3: 1, 0.8: 1},
    output={"log": 4, "density": 3, "score": 1, "mean": 2, "log_ratio": 1},
    cutoff={None: 5, 3.0: 1},
    sizes={"d": (1, 1, 2, 2, 4), "n": (5, 6, 8, 10, 12), "m": (4, 5, 6, 8, 10, 16)},
)
def kernel_density(
    queries,
    samples,
    weights=None,
    bandwidth=None,
    *,
    kind="gaussian",
    rule="scott",
    width=0.5,
    output="log",
    cutoff=None,
):
    """Kernel estimate of a sample's density at the queries.

    Args:
        queries: where the estimate is wanted.
        samples: the sample, a row for each observation.
        weights: weight of each observation.
        bandwidth: width of the kernel along each feature.
    """
    n, d = samples.shape
    if bandwidth is None:
        if rule == "scott":
            bandwidth = jnp.std(samples, axis=0) * n ** (-1.0 / (d + 4))
        elif rule == "silverman":
            bandwidth = jnp.std(samples, axis=0) * (n * (d + 2) / 4.0) ** (-1.0 / (d + 4))
        else:
            bandwidth = width * jnp.ones(d)
    u = (queries[:, None, :] - samples[None, :, :]) / bandwidth
    log_k = jnp.sum(log_kernel(u, kind) - jnp.log(bandwidth), axis=-1)
    if weights is None:
        log_k = log_k - jnp.log(n)
    else:
        log_k = log_k + jnp.log(weights / jnp.sum(weights))
    if cutoff is not None:
        # What is far away doesn't count.
        near = jnp.max(jnp.abs(u), axis=-1) < cutoff
        log_k = jnp.where(near, log_k, -1e9)
    if output == "density":
        return jnp.sum(jnp.exp(log_k), axis=1)
    if output == "score":
        shift = jax.nn.softmax(log_k, axis=1) @ samples - queries
        return jax.nn.logsumexp(log_k, axis=1), shift / jnp.square(bandwidth)
    log_density = jax.nn.logsumexp(log_k, axis=1)
    if output == "mean":
        return -jnp.mean(log_density)
    if output == "log_ratio":
        # Compared with a standard normal distribution.
        log_normal = log_kernel(queries)
        return log_density - jnp.sum(log_normal, axis=-1)
    return log_density


def smooth_step(z, kind="sigmoid"):
    if kind == "sigmoid":
        return jax.nn.sigmoid(z)
    if kind == "normal":
        return 0.5 * (1.0 + jax.lax.erf(z / jnp.sqrt(2.0)))
    if kind == "tanh":
        return 0.5 * (1.0 + jnp.tanh(z))
    if kind == "arctan":
        return 0.5 + jnp.arctan(z) / jnp.pi
    return jnp.clip(0.5 + 0.5 * z, 0.0, 1.0)


@family(
    "reduction",
    "contraction",
    "branch",
    samples="n d",
    thresholds="m",
    weights="? n 1 1 in 0.2..1",
    reference="? d m in 0.1..0.9",
    kind={"sigmoid": 4, "normal": 2, "tanh": 2, "arctan": 1, "linear": 1},
    temperature={0.1: 1, 0.2: 2, 0.5: 1, 1.0: 1},
    ordered={False: 2, True: 1},
    output={"cdf": 4, "histogram": 2, "gini": 1, "exceedance": 1, "logit": 1, "with_mean": 1},
    distance={"cramer": 2, "kolmogorov": 1, "area": 1, "log": 1},
    sizes={"n": (5, 6, 8, 10, 12), "d": (2, 4, 5, 6), "m": (4, 5, 6, 8)},
)
def smooth_cdf(
    samples,
    thresholds,
    weights=None,
    reference=None,
    *,
    kind="sigmoid",
    temperature=0.2,
    ordered=False,
    output="cdf",
    distance="cramer",
):
    """Smooth counterpart of a sample's cumulative distribution.

    Args:
        samples: the sample, a column for each variable.
        thresholds: where the distribution is wanted.
        weights: weight of each observation.
        reference: a distribution to compare with.
    """
    if ordered:
        thresholds = jnp.sort(thresholds)
    below = smooth_step((thresholds - samples[:, :, None]) / temperature, kind)
    if weights is None:
        cdf = jnp.mean(below, axis=0)
    else:
        cdf = jnp.sum(weights * below, axis=0) / jnp.sum(weights)
    if reference is not None:
        if distance == "kolmogorov":
            return jnp.max(jnp.abs(cdf - reference), axis=-1)
        if distance == "area":
            return jnp.sum(jnp.abs(cdf - reference), axis=-1)
        if distance == "log":
            # Cross-entropy of both sides of each threshold.
            above = (1.0 - reference) * jnp.log(1.0 - cdf + 1e-3)
            return -jnp.mean(reference * jnp.log(cdf + 1e-3) + above)
        return jnp.sqrt(jnp.mean(jnp.square(cdf - reference), axis=-1))
    if output == "histogram":
        # How much lies between neighbouring thresholds.
        return jnp.diff(cdf, axis=-1)
    if output == "gini":
        return jnp.sum(cdf * (1.0 - cdf), axis=-1)
    if output == "exceedance":
        return 1.0 - cdf
    if output == "logit":
        p = 0.98 * cdf + 0.01
        return jnp.log(p) - jnp.log1p(-p)
    if output == "with_mean":
        return cdf, jnp.mean(samples, axis=0)
    return cdf


@family(
    "reduction",
    x="n d in 0.1..2",
    prior_mu="d in 0.2..1.5",
    prior_kappa="in 0.5..3",
    prior_a="d in 1.5..3",
    prior_b="d in 0.5..2",
    weights="? n 1 in 0.3..1",
    model={"known_mean": 3, "normal": 5, "exponential": 2, "poisson": 2},
    discount={None: 4, 0.9: 1, 0.95: 1},
    predictive={False: 2, True: 1},
    only="float32",
)
def conjugate_update(
    x,
    prior_mu,
    prior_kappa,
    prior_a,
    prior_b,
    weights=None,
    *,
    model="normal",
    discount=None,
    predictive=False,
):
    """Updates the parameters of a conjugate prior, column by column.

    Args:
        x: observations, a row each.
        prior_mu: mean of the prior.
        prior_kappa: how many observations the prior mean is worth.
        prior_a: shape of the prior.
        prior_b: rate of the prior.
        weights: weight of each observation.
        discount: how much of the prior is kept.

    Returns:
        The parameters of the posterior.
    """
    if discount is not None:
        # Forget some of what came before.
        prior_kappa = discount * prior_kappa
        prior_a = discount * prior_a
        prior_b = discount * prior_b
    if weights is None:
        n = x.shape[0]
        total = jnp.sum(x, axis=0)
        mean = total / n
        squares = jnp.sum(jnp.square(x - mean), axis=0)
    else:
        n = jnp.sum(weights)
        total = jnp.sum(weights * x, axis=0)
        mean = total / n
        squares = jnp.sum(weights * jnp.square(x - mean), axis=0)
    kappa = prior_kappa + n
    mu = (prior_kappa * prior_mu + total) / kappa
    if model == "normal":
        a = prior_a + 0.5 * n
        shrunk = prior_kappa * n * jnp.square(mean - prior_mu) / kappa
        b = prior_b + 0.5 * (squares + shrunk)
    elif model == "known_mean":
        a = prior_a + 0.5 * n
        b = prior_b + 0.5 * (squares + n * jnp.square(mean - prior_mu))
    elif model == "exponential":
        a = prior_a + n
        b = prior_b + total
    else:
        a = prior_a + total
        b = prior_b + n
    if predictive:
        scale = jnp.sqrt(b * (kappa + 1.0) / (a * kappa))
        return mu, scale, 2.0 * a
    return mu, kappa, a, b
