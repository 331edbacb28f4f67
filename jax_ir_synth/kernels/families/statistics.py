"""Families: densities, summaries of samples, and information."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
location_scale_log_prob: location_scale_log_prob 3, log_prob 5, log_density 2, logpdf 2
shape_log_prob: shape_log_prob 2, log_prob 4, log_density 2, logpdf 2
dirichlet_log_prob: dirichlet_log_prob 6, dirichlet_logpdf 2, dirichlet_log_density 1
mixture_log_prob: mixture_log_prob 5, mixture_logpdf 1, log_mixture_density 1, mixture_log_likelihood 2
standardize_columns: standardize_columns 3, standardize 4, normalize_features 2, scale_features 2
sample_covariance: sample_covariance 4, covariance 4, covariance_matrix 4, compute_covariance 2
two_sample_t: two_sample_t 3, t_statistic 3, two_sample_t_statistic 2
weighted_mean_with_error: weighted_mean_with_error 3, weighted_mean 4, combine_measurements 2, weighted_average 2
sample_skewness: sample_skewness 3, skewness 4, skew 2
excess_kurtosis: excess_kurtosis 4, kurtosis 3
jarque_bera: jarque_bera 5, jarque_bera_statistic 2
effect_size: effect_size 4, standardized_mean_difference 2
sample_correlation: sample_correlation 3, correlation 3, pearson_correlation 2
mutual_information: mutual_information 6, mutual_info 2
independence_statistic: independence_statistic 2, chi_square_statistic 4, independence_test 1
gaussian_divergence: gaussian_divergence 5, diag_gaussian_divergence 2, divergence 2, normal_divergence 1
kernel_density: kernel_density 5, kde 4, density_estimate 2, kernel_density_estimate 2
smooth_cdf: smooth_cdf 4, soft_ecdf 3, smoothed_ecdf 2, soft_cdf 2
soft_histogram: soft_histogram 4, smooth_histogram 2, differentiable_histogram 2
normal_inverse_gamma_update: normal_inverse_gamma_update 3, nig_update 2, nig_posterior 3
gamma_update: gamma_update 2, gamma_posterior 4
weighted_moments: weighted_moments 5, mean_and_variance 3, moments 1
mean_and_variance: mean_and_variance 5, sample_stats 1, compute_stats 2
log_kernel: log_kernel 4, log_kernel_fn 1
smooth_step: smooth_step 4, soft_step 3, soft_indicator 2
x: x 9, data 2, samples 2, xs 1
y: y 9, ys 1, other 1
mask: mask 8, valid 2
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
spread: spread 4
cov: cov 6, covariance 2
centered: centered 5, xc 3, deviations 1, x_centered 1
mean_x: mean_x 4, mu_x 2, x_mean 2
mean_y: mean_y 4, mu_y 2, y_mean 2
var_x: var_x 4, s2_x 1, x_var 2
var_y: var_y 4, s2_y 1, y_var 2
error_x: error_x 3, se2_x 2
error_y: error_y 3, se2_y 2
statistic: statistic 4, stat 1
standard_error: standard_error 4, se 4, stderr 2
total: total 1
joint: joint 5, p_xy 3, pxy 2, p 1
rows: rows 3, p_x 3, px 2
columns: columns 3, p_y 3, py 2
counts: counts 5, table 2
mean: mean 6, mu 3
log_var: log_var 5, logvar 5
prior_mean: prior_mean 5, mu_prior 1, mean_q 1
prior_log_var: prior_log_var 5, prior_logvar 4, logvar_q 1
divergence: divergence 4, kl 1, div 2
queries: queries 4, points 3, grid 3, x_query 1
samples: samples 5, data 3, observations 1
bandwidth: bandwidth 6, h 3, bw 2
temperature: temperature 5, tau 3, smoothing 1
thresholds: thresholds 4, grid 2
prior_mu: prior_mu 4, mu0 4, m0 2
prior_kappa: prior_kappa 4, kappa0 4, k0 1
prior_a: prior_a 4, a0 4, alpha0 2
prior_b: prior_b 4, b0 4, beta0 2
"""


def student_t_log_prob(z, df=4.0):
    """Log-density of Student's t distribution."""
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
    distribution=("normal", "laplace", "student_t", "logistic", "cauchy", "gumbel"),
    constraint={"none": 3, "softplus": 2, "exp": 2},
    reduction={"none": 3, "features": 3, "mean": 2, "sum": 2},
)
def location_scale_log_prob(
    x,
    loc,
    scale,
    mask=None,
    *,
    distribution="normal",
    constraint="none",
    reduction="none",
):
    """Log-density of observations under a location-scale distribution.

    Args:
        x: observations of shape (samples, features).
        loc: location of each feature.
        scale: unconstrained scale of each feature.
        mask: True where a value was observed.
    """
    if constraint == "softplus":
        scale = jax.nn.softplus(scale)
    elif constraint == "exp":
        # The scale is given by its logarithm.
        scale = jnp.exp(scale)
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
        # Gumbel distribution of maxima.
        log_prob = -(z + jnp.exp(-z))
    log_prob = log_prob - jnp.log(scale)
    if mask is not None:
        # What wasn't observed adds nothing.
        log_prob = jnp.where(mask, log_prob, 0.0)
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    if reduction == "features":
        return jnp.sum(log_prob, axis=-1)
    return log_prob


def log_beta(a, b):
    """Logarithm of the beta function."""
    gammaln = jax.scipy.special.gammaln
    return gammaln(a) + gammaln(b) - gammaln(a + b)


@family(
    "reduction",
    "elementwise",
    "branch",
    x="n d in 0.1..0.9",
    alpha="d in 0.6..3",
    beta="d in 0.6..3",
    weights="? n 1 in 0.2..1",
    mask="? n d bool",
    distribution={"gamma": 3, "inverse_gamma": 2, "beta": 3, "weibull": 2, "kumaraswamy": 1},
    reduction={"none": 3, "features": 3, "mean": 2, "sum": 2},
    sizes={"d": (2, 4, 5, 6, 8, 12)},
)
def shape_log_prob(
    x,
    alpha,
    beta,
    weights=None,
    mask=None,
    *,
    distribution="gamma",
    reduction="none",
):
    """Log-density of observations under a positive distribution with two parameters.

    Args:
        x: observations of shape (samples, features).
        alpha: first parameter of each feature.
        beta: second parameter of each feature.
        weights: weight of each observation.
        mask: True where a value was observed.
    """
    if distribution == "gamma":
        log_prob = (alpha - 1.0) * jnp.log(x) - beta * x
        log_prob = log_prob + alpha * jnp.log(beta) - jax.scipy.special.gammaln(alpha)
    elif distribution == "inverse_gamma":
        log_prob = -(alpha + 1.0) * jnp.log(x) - beta / x
        log_prob = log_prob + alpha * jnp.log(beta) - jax.scipy.special.gammaln(alpha)
    elif distribution == "beta":
        log_prob = (alpha - 1.0) * jnp.log(x) + (beta - 1.0) * jnp.log1p(-x)
        log_prob = log_prob - log_beta(alpha, beta)
    elif distribution == "weibull":
        log_prob = (alpha - 1.0) * jnp.log(x) - (x / beta) ** alpha
        log_prob = log_prob + jnp.log(alpha) - alpha * jnp.log(beta)
    else:
        log_prob = (alpha - 1.0) * jnp.log(x) + (beta - 1.0) * jnp.log1p(-(x**alpha))
        log_prob = log_prob + jnp.log(alpha) + jnp.log(beta)
    if weights is not None:
        log_prob = weights * log_prob
    if mask is not None:
        log_prob = jnp.where(mask, log_prob, 0.0)
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    if reduction == "features":
        return jnp.sum(log_prob, axis=-1)
    return log_prob


@family(
    "reduction",
    x="n c in 0.1..1",
    alpha="c in 0.5..3",
    counts="? n c in 0..4",
    normalize={"sum": 3, "softmax": 2},
    concentration={"given": 3, "softplus": 2, "exp": 1},
    reduction={"none": 4, "mean": 3, "sum": 3},
    sizes={"c": (4, 5, 6, 8, 10)},
)
def dirichlet_log_prob(
    x,
    alpha,
    counts=None,
    *,
    normalize="sum",
    concentration="given",
    reduction="none",
):
    """Log-density of compositions under a Dirichlet distribution.

    Args:
        x: unnormalised compositions of shape (samples, classes).
        alpha: concentration parameter of each class.
        counts: observed counts of each class, which make it the Dirichlet posterior.
    """
    if normalize == "softmax":
        p = jax.nn.softmax(x, axis=-1)
    else:
        p = x / jnp.sum(x, axis=-1, keepdims=True)
    if concentration == "softplus":
        alpha = jax.nn.softplus(alpha)
    elif concentration == "exp":
        # The concentrations are given by their logarithms.
        alpha = jnp.exp(alpha)
    if counts is not None:
        alpha = alpha + counts
    log_prob = jnp.sum((alpha - 1.0) * jnp.log(p), axis=-1)
    log_norm = jnp.sum(jax.scipy.special.gammaln(alpha), axis=-1)
    log_norm = log_norm - jax.scipy.special.gammaln(jnp.sum(alpha, axis=-1))
    log_prob = log_prob - log_norm
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    return log_prob


def component_log_prob(z, component="normal"):
    """Log-density of standardised values under one component."""
    if component == "laplace":
        return -jnp.abs(z) - jnp.log(2.0)
    if component == "logistic":
        return -z - 2.0 * jax.nn.softplus(-z)
    if component == "student_t":
        return student_t_log_prob(z)
    return -0.5 * jnp.square(z) - 0.5 * jnp.log(2.0 * jnp.pi)


@family(
    "reduction",
    "contraction",
    "multi_statement",
    x="n d",
    logits="k",
    means="k d",
    log_scales="? k d in -0.5..0.8",
    weights="? n in 0.2..1",
    component={"normal": 4, "laplace": 1, "student_t": 1, "logistic": 2},
    reduction={"none": 3, "mean": 3, "sum": 1},
    negative={False: 2, True: 2},
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
    reduction="none",
    negative=False,
):
    """Log-likelihood, or its negative, of points under a mixture with diagonal components.

    Args:
        x: points of shape (samples, features).
        logits: unnormalised log-weights of the components.
        means: location of each component, of shape (components, features).
        log_scales: log-scale of each component and feature.
        weights: weight of each point.
    """
    log_weights = jax.nn.log_softmax(logits)
    z = x[:, None, :] - means[None, :, :]
    if log_scales is not None:
        z = z * jnp.exp(-log_scales)
    log_probs = component_log_prob(z, component)
    if log_scales is not None:
        # The Jacobian of the standardisation.
        log_probs = log_probs - log_scales
    log_joint = log_weights + jnp.sum(log_probs, axis=-1)
    log_prob = jax.nn.logsumexp(log_joint, axis=-1)
    if weights is not None:
        log_prob = weights * log_prob
    if reduction == "sum":
        log_prob = jnp.sum(log_prob)
    elif reduction == "mean":
        if weights is not None:
            log_prob = jnp.sum(log_prob) / jnp.sum(weights)
        else:
            log_prob = jnp.mean(log_prob)
    if negative:
        return -log_prob
    return log_prob


@family(
    "reduction",
    "contraction",
    "multi_statement",
    x="n d",
    means="k d",
    logits="? k",
    log_scales="? k d in -0.5..0.8",
    component={"normal": 4, "laplace": 1, "student_t": 1, "logistic": 1},
    form={"log_softmax": 3, "logsumexp": 2},
    with_log_prob={False: 3, True: 1},
    sizes={"k": (2, 4, 5), "n": (4, 5, 6, 8, 10), "d": (2, 4, 5, 6, 8)},
)
def log_responsibilities(
    x,
    means,
    logits=None,
    log_scales=None,
    *,
    component="normal",
    form="log_softmax",
    with_log_prob=False,
):
    """Log-responsibility of each mixture component for each point.

    Args:
        x: points of shape (samples, features).
        means: location of each component, of shape (components, features).
        logits: unnormalised log-weights of the components.
        log_scales: log-scale of each component and feature.
    """
    z = x[:, None, :] - means[None, :, :]
    if log_scales is not None:
        z = z * jnp.exp(-log_scales)
        log_joint = jnp.sum(component_log_prob(z, component) - log_scales, axis=-1)
    else:
        log_joint = jnp.sum(component_log_prob(z, component), axis=-1)
    if logits is not None:
        log_joint = log_joint + jax.nn.log_softmax(logits)
    if with_log_prob:
        log_prob = jax.nn.logsumexp(log_joint, axis=-1)
        return log_joint - log_prob[:, None], log_prob
    if form == "logsumexp":
        return log_joint - jax.nn.logsumexp(log_joint, axis=-1, keepdims=True)
    return jax.nn.log_softmax(log_joint, axis=-1)


def weighted_moments(x, weights=None, axis=0, ddof=0):
    """Mean and variance along an axis, which is kept."""
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
    x="m d",
    train="n d",
    weights="? n 1 in 0.2..1",
    mask="? m d bool",
    kind={"std": 5, "mad": 1, "min_max": 2, "iqr": 1},
    ddof={0: 3, 1: 1},
    eps={1e-6: 2, 1e-8: 1},
    limit={None: 4, 5.0: 1, 3.0: 1},
)
def standardize_columns(
    x,
    train,
    weights=None,
    mask=None,
    *,
    kind="std",
    ddof=0,
    eps=1e-6,
    limit=None,
):
    """Scale the columns of a table by the statistics of the training data.

    Args:
        x: rows to scale.
        train: training data, of shape (samples, features).
        weights: weight of each training sample.
        mask: True where a value of x is present; the others become zero.
    """
    if kind == "std":
        center, variance = weighted_moments(train, weights, axis=0, ddof=ddof)
        z = (x - center) / jnp.sqrt(variance + eps)
    elif weights is not None:
        # Mean absolute deviation about the weighted mean.
        center, _ = weighted_moments(train, weights, axis=0)
        w = weights / jnp.sum(weights)
        spread = jnp.sum(w * jnp.abs(train - center), axis=0, keepdims=True)
        z = (x - center) / (spread + eps)
    elif kind == "mad":
        center = jnp.median(train, axis=0, keepdims=True)
        # For a normal distribution, 1.4826 times this is the standard deviation.
        spread = jnp.median(jnp.abs(train - center), axis=0, keepdims=True)
        z = (x - center) / (1.4826 * spread + eps)
    elif kind == "min_max":
        low = jnp.min(train, axis=0, keepdims=True)
        high = jnp.max(train, axis=0, keepdims=True)
        z = (x - low) / (high - low + eps)
    else:
        center = jnp.median(train, axis=0, keepdims=True)
        lower = jnp.quantile(train, 0.25, axis=0, keepdims=True)
        upper = jnp.quantile(train, 0.75, axis=0, keepdims=True)
        z = (x - center) / (upper - lower + eps)
    if limit is not None:
        z = jnp.clip(z, -limit, limit)
    if mask is not None:
        z = jnp.where(mask, z, 0.0)
    return z


@family(
    "reduction",
    "contraction",
    x="n d",
    weights="? n in 0.2..1",
    unbiased={True: 3, False: 2},
    shrink_to={None: 3, "diagonal": 2, "identity": 2},
    shrinkage={0.1: 2, 0.2: 1},
    jitter={None: 3, 1e-6: 1, 1e-3: 1},
    product={"matmul": 3, "einsum": 1},
    with_mean={False: 3, True: 1},
    sizes={"d": (2, 4, 5, 6, 8, 10)},
)
def sample_covariance(
    x,
    weights=None,
    *,
    unbiased=True,
    shrink_to=None,
    shrinkage=0.1,
    jitter=None,
    product="matmul",
    with_mean=False,
):
    """Covariance matrix of the columns of a sample.

    Args:
        x: sample of shape (samples, features).
        weights: weight of each sample.
        shrinkage: weight of the shrinkage target.
    """
    n, d = x.shape
    if weights is None:
        mean = jnp.mean(x, axis=0)
        centered = x - mean
        if product == "einsum":
            scatter = jnp.einsum("ni,nj->ij", centered, centered)
        else:
            scatter = centered.T @ centered
        if unbiased:
            cov = scatter / (n - 1)
        else:
            cov = scatter / n
    else:
        w = weights / jnp.sum(weights)
        mean = w @ x
        centered = x - mean
        if product == "einsum":
            cov = jnp.einsum("n,ni,nj->ij", w, centered, centered)
        else:
            cov = (w[:, None] * centered).T @ centered
        if unbiased:
            # Bessel's correction for reliability weights.
            cov = cov / (1.0 - jnp.sum(jnp.square(w)))
    if shrink_to == "identity":
        # Ledoit and Wolf's target: a multiple of the identity with the same trace.
        target = jnp.trace(cov) / d * jnp.eye(d)
        cov = (1.0 - shrinkage) * cov + shrinkage * target
    elif shrink_to == "diagonal":
        target = jnp.diag(jnp.diag(cov))
        cov = (1.0 - shrinkage) * cov + shrinkage * target
    if jitter is not None:
        cov = cov + jitter * jnp.eye(d)
    if with_mean:
        return mean, cov
    return cov


@family(
    "reduction",
    "contraction",
    x="n d",
    y="? n e",
    weights="? n 1 in 0.2..1",
    eps={1e-8: 2, 1e-6: 1},
    form={"covariance": 3, "standardized": 2},
    squared={False: 4, True: 1},
    sizes={"d": (2, 4, 5, 6, 8), "e": (2, 4, 5), "n": (6, 8, 10, 12, 16)},
)
def sample_correlation(x, y=None, weights=None, *, eps=1e-8, form="covariance", squared=False):
    """Pearson correlations, or their squares, between the columns of a sample.

    Args:
        x: sample of shape (samples, features).
        y: second sample, whose columns are correlated with those of the first.
        weights: weight of each sample.
    """
    mean_x, var_x = weighted_moments(x, weights, axis=0)
    if y is not None:
        mean_y, var_y = weighted_moments(y, weights, axis=0)
    if weights is not None:
        w = weights / jnp.sum(weights)
    else:
        w = 1.0 / x.shape[0]
    if form == "standardized":
        z_x = (x - mean_x) / jnp.sqrt(var_x + eps)
        if y is not None:
            z_y = (y - mean_y) / jnp.sqrt(var_y + eps)
            r = (w * z_x).T @ z_y
        else:
            r = (w * z_x).T @ z_x
    elif y is not None:
        cov = (w * (x - mean_x)).T @ (y - mean_y)
        r = cov / jnp.sqrt(var_x.T * var_y + eps)
    else:
        centered = x - mean_x
        cov = (w * centered).T @ centered
        r = cov / jnp.sqrt(var_x.T * var_x + eps)
    if squared:
        return jnp.square(r)
    return r


def mean_and_variance(x, mask=None):
    """Mean, unbiased variance and number of the values of each column."""
    if mask is None:
        return jnp.mean(x, axis=0), jnp.var(x, axis=0, ddof=1), x.shape[0]
    count = jnp.maximum(jnp.sum(mask, axis=0), 2)
    mean = jnp.sum(jnp.where(mask, x, 0.0), axis=0) / count
    squares = jnp.where(mask, jnp.square(x - mean), 0.0)
    return mean, jnp.sum(squares, axis=0) / (count - 1), count


@family(
    "reduction",
    x="n d",
    y="m d",
    mask="? n d bool",
    null_difference="? d in -0.5..0.5",
    kind={"welch": 4, "pooled": 3},
    eps={None: 4, 1e-6: 1},
    with_df={False: 3, True: 1},
    with_p={False: 3, True: 1},
    sizes={"n": (6, 8, 10, 12, 16), "m": (6, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def two_sample_t(
    x,
    y,
    mask=None,
    null_difference=None,
    *,
    kind="welch",
    eps=None,
    with_df=False,
    with_p=False,
):
    """Two-sample t statistic of each column.

    Args:
        x: first sample, of shape (samples, features).
        y: second sample.
        mask: True where a value of the first sample was observed.
        null_difference: difference of the means under the null hypothesis.
    """
    mean_x, var_x, n = mean_and_variance(x, mask)
    mean_y, var_y, m = mean_and_variance(y)
    difference = mean_x - mean_y
    if null_difference is not None:
        difference = difference - null_difference
    if kind == "welch":
        error_x, error_y = var_x / n, var_y / m
        variance = error_x + error_y
        # Welch-Satterthwaite degrees of freedom.
        df = jnp.square(variance) / (jnp.square(error_x) / (n - 1) + jnp.square(error_y) / (m - 1))
    else:
        df = n + m - 2
        pooled = ((n - 1) * var_x + (m - 1) * var_y) / df
        variance = pooled * (1.0 / n + 1.0 / m)
    if eps is not None:
        variance = variance + eps
    statistic = difference / jnp.sqrt(variance)
    if with_p:
        # Two-sided p-value by the normal approximation.
        return statistic, jax.lax.erfc(jnp.abs(statistic) / jnp.sqrt(2.0))
    if with_df:
        return statistic, df
    return statistic


@family(
    "reduction",
    x="n d",
    y="m d",
    mask="? n d bool",
    kind={"cohen": 4, "hedges": 2, "glass": 1},
    eps={None: 3, 1e-6: 1},
    with_error={False: 3, True: 1},
    sizes={"n": (6, 8, 10, 12, 16), "m": (6, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def effect_size(x, y, mask=None, *, kind="cohen", eps=None, with_error=False):
    """Standardised mean difference of two samples, for each column.

    Args:
        x: treatment group, of shape (samples, features).
        y: control group.
        mask: True where a value of the treatment group was observed.
    """
    mean_x, var_x, n = mean_and_variance(x, mask)
    mean_y, var_y, m = mean_and_variance(y)
    if kind == "glass":
        # Glass's delta is in units of the control group's deviation.
        variance = var_y
    else:
        variance = ((n - 1) * var_x + (m - 1) * var_y) / (n + m - 2)
    if eps is not None:
        variance = variance + eps
    d = (mean_x - mean_y) / jnp.sqrt(variance)
    if kind == "hedges":
        # Hedges' correction for small samples.
        d = d * (1.0 - 3.0 / (4.0 * (n + m) - 9.0))
    if with_error:
        standard_error = jnp.sqrt((n + m) / (n * m) + jnp.square(d) / (2.0 * (n + m)))
        return d, standard_error
    return d


@family(
    "reduction",
    x="n d",
    errors="n d in 0.3..1.5",
    mask="? n d bool",
    weighting={"inverse_variance": 4, "huber": 1},
    error={"propagated": 3, "scatter": 1},
    axis=(0, 1),
    inflate={False: 3, True: 1},
    with_chi_square={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "d": (4, 5, 6, 8, 12)},
)
def weighted_mean_with_error(
    x,
    errors,
    mask=None,
    *,
    weighting="inverse_variance",
    error="propagated",
    axis=0,
    inflate=False,
    with_chi_square=False,
):
    """Weighted mean of measurements, and its standard error.

    Args:
        x: measurements.
        errors: standard error of each measurement.
        mask: True for the measurements that count.
        axis: axis along which measurements are combined.
    """
    weights = 1.0 / jnp.square(errors)
    if weighting == "huber":
        # Huber weights about the median.
        center = jnp.median(x, axis=axis, keepdims=True)
        distance = jnp.abs(x - center) / errors
        weights = weights * jnp.minimum(1.0, 1.345 / jnp.maximum(distance, 1e-6))
    if mask is not None:
        weights = jnp.where(mask, weights, 0.0)
        total = jnp.sum(weights, axis=axis, keepdims=True)
        weights = weights / jnp.maximum(total, 1e-6)
        count = jnp.sum(mask, axis=axis)
    else:
        weights = weights / jnp.sum(weights, axis=axis, keepdims=True)
        count = x.shape[axis]
    mean = jnp.sum(weights * x, axis=axis, keepdims=True)
    residual = x - mean
    if error == "scatter":
        variance = jnp.sum(jnp.square(weights * residual), axis=axis)
    else:
        variance = jnp.sum(jnp.square(weights * errors), axis=axis)
    pulls = residual / errors
    if mask is not None:
        pulls = jnp.where(mask, pulls, 0.0)
    chi_square = jnp.sum(jnp.square(pulls), axis=axis)
    if inflate:
        # Birge ratio: scale the error up where the measurements disagree.
        reduced = chi_square / jnp.maximum(count - 1, 1)
        variance = variance * jnp.maximum(reduced, 1.0)
    mean = jnp.squeeze(mean, axis=axis)
    standard_error = jnp.sqrt(variance + 1e-12)
    if with_chi_square:
        return mean, standard_error, chi_square
    return mean, standard_error


@family(
    "reduction",
    x="n d",
    weights="? n 1 in 0.2..1",
    unbiased={False: 3, True: 1},
    eps={None: 2, 1e-6: 1},
    axis=(0, 1),
    form={"z": 2, "moments": 2},
    sizes={"n": (5, 6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def sample_skewness(x, weights=None, *, unbiased=False, eps=None, axis=0, form="z"):
    """Skewness of a sample along an axis.

    Args:
        x: sample of shape (samples, features).
        weights: weight of each row.
    """
    if weights is not None:
        w = weights / jnp.sum(weights)
        mean = jnp.sum(w * x, axis=0, keepdims=True)
        m2 = jnp.sum(w * jnp.square(x - mean), axis=0)
        m3 = jnp.sum(w * (x - mean) ** 3, axis=0)
        if eps is not None:
            m2 = m2 + eps
        return m3 / m2**1.5
    n = x.shape[axis]
    centered = x - jnp.mean(x, axis=axis, keepdims=True)
    m2 = jnp.mean(jnp.square(centered), axis=axis, keepdims=True)
    if eps is not None:
        m2 = m2 + eps
    if form == "z":
        skewness = jnp.mean((centered / jnp.sqrt(m2)) ** 3, axis=axis)
    else:
        skewness = jnp.mean(centered**3, axis=axis) / jnp.squeeze(m2, axis) ** 1.5
    if unbiased:
        # The adjusted Fisher-Pearson coefficient.
        skewness = skewness * (n * (n - 1)) ** 0.5 / (n - 2)
    return skewness


@family(
    "reduction",
    x="n d",
    weights="? n 1 in 0.2..1",
    unbiased={False: 3, True: 1},
    eps={None: 2, 1e-6: 1},
    axis=(0, 1),
    form={"z": 2, "moments": 2},
    sizes={"n": (5, 6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
)
def excess_kurtosis(x, weights=None, *, unbiased=False, eps=None, axis=0, form="z"):
    """Excess kurtosis of a sample along an axis, zero for a normal distribution.

    Args:
        x: sample of shape (samples, features).
        weights: weight of each row.
    """
    if weights is not None:
        w = weights / jnp.sum(weights)
        mean = jnp.sum(w * x, axis=0, keepdims=True)
        m2 = jnp.sum(w * jnp.square(x - mean), axis=0)
        m4 = jnp.sum(w * (x - mean) ** 4, axis=0)
        if eps is not None:
            m2 = m2 + eps
        return m4 / jnp.square(m2) - 3.0
    n = x.shape[axis]
    centered = x - jnp.mean(x, axis=axis, keepdims=True)
    m2 = jnp.mean(jnp.square(centered), axis=axis, keepdims=True)
    if eps is not None:
        m2 = m2 + eps
    if form == "z":
        kurtosis = jnp.mean((centered / jnp.sqrt(m2)) ** 4, axis=axis) - 3.0
    else:
        kurtosis = jnp.mean(centered**4, axis=axis) / jnp.squeeze(jnp.square(m2), axis) - 3.0
    if unbiased:
        # The estimator G2, which is unbiased for normal samples.
        kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6.0)
    return kurtosis


@family(
    "reduction",
    x="n d",
    eps={None: 2, 1e-6: 1},
    with_moments={False: 3, True: 1},
    with_p={False: 3, True: 1},
    sizes={"n": (8, 10, 12, 16), "d": (4, 5, 6, 8)},
    weight=6,
)
def jarque_bera(x, *, eps=None, with_moments=False, with_p=False):
    """Jarque-Bera statistic of each column, a test of normality."""
    n = x.shape[0]
    centered = x - jnp.mean(x, axis=0)
    variance = jnp.mean(jnp.square(centered), axis=0)
    if eps is not None:
        variance = variance + eps
    skewness = jnp.mean(centered**3, axis=0) / variance**1.5
    kurtosis = jnp.mean(centered**4, axis=0) / jnp.square(variance)
    statistic = n / 6.0 * (jnp.square(skewness) + jnp.square(kurtosis - 3.0) / 4.0)
    if with_moments:
        return statistic, skewness, kurtosis
    if with_p:
        # The statistic is asymptotically chi-squared with two degrees of freedom.
        return statistic, jnp.exp(-0.5 * statistic)
    return statistic


@family(
    "reduction",
    counts="n m in 0.2..3",
    smoothing={None: 3, 1.0: 2, 0.5: 1},
    base={None: 3, 2.0: 2},
    form={"ratio": 3, "entropies": 2, "marginal_product": 1},
    normalize={"none": 3, "arithmetic": 1, "geometric": 1, "joint": 1},
    only="float32",
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8, 10)},
)
def mutual_information(counts, *, smoothing=None, base=None, form="ratio", normalize="none"):
    """Mutual information, or its normalised form, of the rows and columns of a contingency table.

    Args:
        counts: contingency table of positive counts.
        smoothing: pseudocount of each cell.
        base: base of the logarithm.
    """
    if smoothing is not None:
        counts = counts + smoothing
    joint = counts / jnp.sum(counts)
    rows = jnp.sum(joint, axis=1)
    columns = jnp.sum(joint, axis=0)
    row_entropy = -jnp.sum(rows * jnp.log(rows))
    column_entropy = -jnp.sum(columns * jnp.log(columns))
    joint_entropy = -jnp.sum(joint * jnp.log(joint))
    if form == "entropies":
        information = row_entropy + column_entropy - joint_entropy
    elif form == "marginal_product":
        expected = jnp.outer(rows, columns)
        information = jnp.sum(joint * jnp.log(joint / expected))
    else:
        log_ratio = jnp.log(joint) - jnp.log(rows)[:, None] - jnp.log(columns)[None, :]
        information = jnp.sum(joint * log_ratio)
    if normalize == "arithmetic":
        return 2.0 * information / (row_entropy + column_entropy)
    elif normalize == "geometric":
        return information / jnp.sqrt(row_entropy * column_entropy)
    elif normalize == "joint":
        return information / joint_entropy
    if base is not None:
        information = information / jnp.log(base)
    return information


@family(
    "reduction",
    counts="n m in 0.2..3",
    smoothing={None: 3, 1.0: 2, 0.5: 1},
    base={None: 3, 2.0: 2},
    given={"rows": 2, "columns": 2},
    form={"conditional": 2, "chain": 2},
    only="float32",
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8, 10)},
    weight=6,
)
def conditional_entropy(counts, *, smoothing=None, base=None, given="rows", form="conditional"):
    """Conditional entropy of one variable of a contingency table, given the other one.

    Args:
        counts: contingency table of positive counts.
        smoothing: pseudocount of each cell.
        base: base of the logarithm.
    """
    if smoothing is not None:
        counts = counts + smoothing
    joint = counts / jnp.sum(counts)
    if given == "rows":
        marginal = jnp.sum(joint, axis=1, keepdims=True)
    else:
        marginal = jnp.sum(joint, axis=0, keepdims=True)
    if form == "chain":
        # The chain rule: H(Y | X) = H(X, Y) - H(X).
        joint_entropy = -jnp.sum(joint * jnp.log(joint))
        entropy = joint_entropy + jnp.sum(marginal * jnp.log(marginal))
    else:
        conditional = joint / marginal
        entropy = -jnp.sum(joint * jnp.log(conditional))
    if base is not None:
        entropy = entropy / jnp.log(base)
    return entropy


@family(
    "reduction",
    observed="n m in 1..9",
    weights="? n 1 in 0.5..1.5",
    kind={"pearson": 3, "g": 2, "freeman_tukey": 1, "cressie_read": 1},
    smoothing={None: 3, 0.5: 1},
    form={"outer": 2, "keepdims": 2},
    with_v={False: 3, True: 1},
    only="float32",
    sizes={"n": (2, 4, 5, 6), "m": (2, 4, 5, 6)},
)
def independence_statistic(
    observed,
    weights=None,
    *,
    kind="pearson",
    smoothing=None,
    form="outer",
    with_v=False,
):
    """Chi-squared statistic for independence in a contingency table.

    Args:
        observed: observed counts of shape (rows, columns).
        weights: survey weight of each row.
        smoothing: continuity correction that is added to each count.
    """
    if weights is not None:
        observed = weights * observed
    if smoothing is not None:
        observed = observed + smoothing
    total = jnp.sum(observed)
    if form == "outer":
        expected = jnp.outer(jnp.sum(observed, axis=1), jnp.sum(observed, axis=0)) / total
    else:
        row_totals = jnp.sum(observed, axis=1, keepdims=True)
        expected = row_totals * jnp.sum(observed, axis=0, keepdims=True) / total
    if kind == "g":
        # Likelihood ratio test.
        statistic = 2.0 * jnp.sum(observed * jnp.log(observed / expected))
    elif kind == "freeman_tukey":
        statistic = 4.0 * jnp.sum(jnp.square(jnp.sqrt(observed) - jnp.sqrt(expected)))
    elif kind == "cressie_read":
        power = 2.0 / 3.0
        terms = observed * ((observed / expected) ** power - 1.0)
        statistic = 2.0 / (power * (power + 1.0)) * jnp.sum(terms)
    else:
        statistic = jnp.sum(jnp.square(observed - expected) / expected)
    if with_v:
        # Cramer's V.
        smaller = min(observed.shape)
        return statistic, jnp.sqrt(statistic / (total * (smaller - 1)))
    return statistic


@family(
    "reduction",
    "elementwise",
    "branch",
    mean="n d",
    log_var="n d in -1.5..1",
    prior_mean="? d",
    prior_log_var="? d in -1..1",
    mask="? n d bool",
    kind={"kl": 5, "reverse": 1, "jeffreys": 1, "bhattacharyya": 1, "wasserstein": 1},
    reduction={"none": 2, "features": 3, "mean": 2, "sum": 2},
)
def gaussian_divergence(
    mean,
    log_var,
    prior_mean=None,
    prior_log_var=None,
    mask=None,
    *,
    kind="kl",
    reduction="none",
):
    """Divergence of diagonal Gaussians from a Gaussian prior, feature by feature or summed.

    Args:
        mean: mean of each Gaussian, of shape (samples, features).
        log_var: log-variance of each Gaussian.
        prior_mean: mean of the prior, by default zero.
        prior_log_var: log-variance of the prior, by default zero.
        mask: True for the features that count.
    """
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
        else:
            divergence = sq_diff + jnp.square(jnp.sqrt(variance) - 1.0)
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
        else:
            spread = jnp.sqrt(variance) - jnp.sqrt(prior_variance)
            divergence = sq_diff + jnp.square(spread)
    if mask is not None:
        divergence = jnp.where(mask, divergence, 0.0)
    if reduction == "mean":
        return jnp.mean(divergence)
    if reduction == "sum":
        return jnp.sum(divergence)
    if reduction == "features":
        return jnp.sum(divergence, axis=-1)
    return divergence


def log_kernel(u, kind="gaussian"):
    """Logarithm of a kernel that integrates to one."""
    if kind == "gaussian":
        return -0.5 * jnp.square(u) - 0.5 * jnp.log(2.0 * jnp.pi)
    if kind == "laplace":
        return -jnp.abs(u) - jnp.log(2.0)
    if kind == "logistic":
        return -u - 2.0 * jax.nn.softplus(-u)
    return jnp.log(0.5) - jnp.log(jnp.cosh(0.5 * jnp.pi * u))


@family(
    "reduction",
    "multi_statement",
    "contraction",
    queries="m d in -1.5..1.5",
    samples="n d in -1.5..1.5",
    weights="? n in 0.2..1",
    bandwidth="? d in 0.4..1.5",
    kind={"gaussian": 4, "laplace": 1, "logistic": 1, "sech": 1},
    rule={"scott": 2, "silverman": 2, "fixed": 1},
    width={0.5: 1, 0.3: 1, 0.8: 1},
    output={"density": 3, "log": 4},
    sizes={"d": (1, 1, 1, 2), "n": (5, 6, 8, 10, 12), "m": (4, 5, 6, 8, 10, 16)},
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
    output="density",
):
    """Kernel density estimate, or its logarithm, with a product kernel.

    Args:
        queries: points at which the density is evaluated, of shape (queries, features).
        samples: sample of shape (samples, features).
        weights: weight of each sample.
        bandwidth: bandwidth along each feature.
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
    if output == "density":
        return jnp.sum(jnp.exp(log_k), axis=1)
    log_density = jax.nn.logsumexp(log_k, axis=1)
    return log_density


def smooth_step(z, kind="sigmoid"):
    """Smooth step from zero to one: a cumulative distribution function."""
    if kind == "normal":
        return 0.5 * (1.0 + jax.lax.erf(z / jnp.sqrt(2.0)))
    if kind == "cauchy":
        return 0.5 + jnp.arctan(z) / jnp.pi
    return jax.nn.sigmoid(z)


@family(
    "reduction",
    "contraction",
    "branch",
    samples="n d",
    thresholds="m",
    weights="? n 1 1 in 0.2..1",
    bandwidth="? d 1 in 0.1..0.6",
    mask="? n 1 1 bool",
    kind={"sigmoid": 4, "normal": 2, "cauchy": 1},
    temperature={0.1: 1, 0.2: 2, 0.5: 1},
    sizes={"n": (5, 6, 8, 10, 12), "d": (2, 4, 5, 6), "m": (4, 5, 6, 8)},
)
def smooth_cdf(
    samples,
    thresholds,
    weights=None,
    bandwidth=None,
    mask=None,
    *,
    kind="sigmoid",
    temperature=0.2,
):
    """Smoothed empirical cumulative distribution function of each column.

    Args:
        samples: sample of shape (samples, variables).
        thresholds: points at which the function is evaluated.
        weights: weight of each sample.
        bandwidth: width of the smoothing for each variable.
        mask: True for the samples that count.
    """
    gaps = thresholds - samples[:, :, None]
    if bandwidth is not None:
        below = smooth_step(gaps / bandwidth, kind)
    else:
        below = smooth_step(gaps / temperature, kind)
    if weights is not None:
        if mask is not None:
            weights = jnp.where(mask, weights, 0.0)
            return jnp.sum(weights * below, axis=0) / (jnp.sum(weights) + 1e-6)
        return jnp.sum(weights * below, axis=0) / jnp.sum(weights)
    if mask is not None:
        total = jnp.sum(jnp.where(mask, below, 0.0), axis=0)
        return total / jnp.maximum(jnp.sum(mask), 1)
    return jnp.mean(below, axis=0)


@family(
    "reduction",
    "contraction",
    samples="n",
    edges="m",
    weights="? n in 0.2..1",
    kind={"sigmoid": 4, "normal": 2, "cauchy": 1},
    temperature={0.1: 1, 0.2: 2, 0.5: 1},
    form={"cdf": 2, "steps": 2},
    sizes={"n": (5, 6, 8, 10, 12, 16), "m": (4, 5, 6, 8)},
)
def soft_histogram(
    samples,
    edges,
    weights=None,
    *,
    kind="sigmoid",
    temperature=0.2,
    form="cdf",
):
    """Differentiable histogram: the smoothed share of the sample in each bin.

    Args:
        samples: sample of a variable.
        edges: edges of the bins, in any order.
        weights: weight of each sample.
        temperature: width of the smoothed edges.
    """
    edges = jnp.sort(edges)
    above = smooth_step((samples[:, None] - edges) / temperature, kind)
    if form == "steps":
        inside = above[:, :-1] - above[:, 1:]
        if weights is not None:
            share = weights @ inside / jnp.sum(weights)
        else:
            share = jnp.mean(inside, axis=0)
    else:
        if weights is not None:
            survival = weights @ above / jnp.sum(weights)
        else:
            survival = jnp.mean(above, axis=0)
        share = -jnp.diff(survival)
    return share


@family(
    "reduction",
    x="n d in 0.1..2",
    prior_mu="d in 0.2..1.5",
    prior_kappa="in 0.5..3",
    prior_a="d in 1.5..3",
    prior_b="d in 0.5..2",
    weights="? n 1 in 0.3..1",
    mask="? n 1 bool",
    forget={None: 4, 0.95: 1},
    form={"sums": 2, "residuals": 2},
    only="float32",
)
def normal_inverse_gamma_update(
    x,
    prior_mu,
    prior_kappa,
    prior_a,
    prior_b,
    weights=None,
    mask=None,
    *,
    forget=None,
    form="sums",
):
    """Posterior of a normal mean and variance under a normal-inverse-gamma prior, by column.

    Args:
        x: observations of shape (samples, features).
        prior_mu: prior mean.
        prior_kappa: number of pseudo-observations behind the prior mean.
        prior_a: shape of the inverse-gamma prior.
        prior_b: scale of the inverse-gamma prior.
        weights: weight of each observation.
        mask: True for the observations that count.
    """
    if forget is not None:
        # Discount the evidence that came before.
        prior_kappa = forget * prior_kappa
        prior_a = forget * prior_a
        prior_b = forget * prior_b
    if weights is not None:
        if mask is not None:
            weights = jnp.where(mask, weights, 0.0)
        n = jnp.sum(weights)
        total = jnp.sum(weights * x, axis=0)
        squares = jnp.sum(weights * jnp.square(x), axis=0)
    elif mask is not None:
        n = jnp.sum(mask)
        total = jnp.sum(jnp.where(mask, x, 0.0), axis=0)
        squares = jnp.sum(jnp.where(mask, jnp.square(x), 0.0), axis=0)
    else:
        n = x.shape[0]
        total = jnp.sum(x, axis=0)
        squares = jnp.sum(jnp.square(x), axis=0)
    kappa = prior_kappa + n
    mu = (prior_kappa * prior_mu + total) / kappa
    a = prior_a + 0.5 * n
    if form == "residuals":
        # Scatter about the sample mean, and shrinkage of the mean towards the prior.
        mean = total / jnp.maximum(n, 1e-6)
        scatter = squares - n * jnp.square(mean)
        shrinkage = prior_kappa * n * jnp.square(mean - prior_mu) / kappa
        b = prior_b + 0.5 * (scatter + shrinkage)
    else:
        prior_square = prior_kappa * jnp.square(prior_mu)
        b = prior_b + 0.5 * (squares + prior_square - kappa * jnp.square(mu))
    return mu, kappa, a, b


@family(
    "reduction",
    x="n d in 0.1..4",
    prior_shape="d in 1..3",
    prior_rate="d in 0.5..2",
    exposure="? n 1 in 0.5..2",
    mask="? n d bool",
    likelihood={"poisson": 3, "exponential": 2},
    forget={None: 4, 0.95: 1},
    only="float32",
    weight=6,
)
def gamma_update(
    x,
    prior_shape,
    prior_rate,
    exposure=None,
    mask=None,
    *,
    likelihood="poisson",
    forget=None,
):
    """Posterior of a rate under a gamma prior, by column.

    Args:
        x: counts or waiting times, of shape (samples, features).
        prior_shape: shape of the gamma prior.
        prior_rate: rate of the gamma prior.
        exposure: exposure of each sample, which multiplies its rate.
        mask: True where a value was observed.
    """
    if forget is not None:
        # Discount the evidence that came before.
        prior_shape = forget * prior_shape
        prior_rate = forget * prior_rate
    if likelihood == "poisson":
        events = x
        if exposure is not None:
            times = jnp.broadcast_to(exposure, x.shape)
        else:
            times = jnp.ones_like(x)
    else:
        # Each waiting time ends with one event.
        events = jnp.ones_like(x)
        if exposure is not None:
            times = exposure * x
        else:
            times = x
    if mask is not None:
        events = jnp.where(mask, events, 0.0)
        times = jnp.where(mask, times, 0.0)
    shape = prior_shape + jnp.sum(events, axis=0)
    rate = prior_rate + jnp.sum(times, axis=0)
    return shape, rate
