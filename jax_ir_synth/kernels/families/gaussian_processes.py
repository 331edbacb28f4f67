"""Families: Gaussian processes and their kernels."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
gram_matrix: gram_matrix 4, kernel_matrix 5, compute_kernel 2, covariance_matrix 2
kernel: kernel 6, kernel_fn 3, cov_fn 2, k 1
base_kernel: base_kernel 4, stationary_kernel 3, stationary 1
mean_function: mean_function 4, mean_fn 3, prior_mean 2
gp_predict: gp_predict 6, gp_posterior 4, predict 3, posterior 2, gp_regression 2
log_marginal_likelihood: log_marginal_likelihood 6, marginal_log_likelihood 2, gp_log_likelihood 3, log_evidence 1, gp_nll 1
leave_one_out: leave_one_out 4, loo_predict 3, loo_residuals 1, gp_leave_one_out 2
sparse_gp: sparse_gp 4, sparse_gp_predict 3, inducing_point_predict 2, sgp_predict 1
acquisition: acquisition 5, acquisition_function 4, acquire 1, acq 1
feature_map: feature_map 5, featurize 2, compute_features 1
random_features: random_features 4, random_fourier_features 5, rff 2, fourier_features 2
kernel_smoother: kernel_smoother 4, nadaraya_watson 4, kernel_regression 3
x: x 6, x1 3, xs 1, a 1
y: y 6, x2 3, ys 1, b 1
x_train: x_train 6, X 3, x 2, train_x 2
y_train: y_train 6, y 5, targets 1, train_y 2
x_test: x_test 6, x_star 3, x_new 2, test_x 2
x_inducing: x_inducing 3, z 5, inducing 3
lengthscale: lengthscale 6, length_scale 4, ls 2, ell 1
amplitude: amplitude 4, outputscale 2, signal_std 2, sigma_f 1
noise: noise 6, noise_std 2, sigma_n 2, sigma 1
period: period 6, p 1
k_xx: k_xx 3, K 5, k_train 2, kxx 1
k_xs: k_xs 3, k_cross 3, K_s 3, kxs 1
k_ss: k_ss 3, k_test 3, K_ss 3, kss 1
chol: chol 5, L 6, l 1
coefficients: coefficients 2, alpha 6, weights 1
solved: solved 3, v 6, beta 1
sq_dist: sq_dist 5, d2 3, r2 3, sqdist 2
dist: dist 4, r 5, d 1
mean: mean 6, mu 4
variance: variance 5, var 5
std: std 6, sigma 3
residual: residual 4, centered 2, resid 2
best: best 5, f_best 3, incumbent 2, y_best 2
improvement: improvement 4, delta 2, gain 1
z: z 6, u 1
frequencies: frequencies 4, omega 4, w 2
phases: phases 4, phase 2, b 2
features: features 5, phi 4
precision: precision 4, k_inv 3, inverse 1
k_zz: k_zz 3, k_mm 3, Kmm 2
k_zx: k_zx 3, k_mn 3, Kmn 2
k_sz: k_sz 3, k_sm 3, Ksm 2
"""


def base_kernel(x, y, lengthscale, kind="rbf"):
    if kind == "periodic":
        sines = jnp.sin(jnp.pi * (x[:, None, :] - y[None, :, :]))
        return jnp.exp(-2.0 * jnp.sum(jnp.square(sines / lengthscale), axis=-1))
    if kind == "linear":
        return (x / lengthscale) @ (y / lengthscale).T
    if kind == "polynomial":
        return (1.0 + (x / lengthscale) @ (y / lengthscale).T) ** 2
    diff = (x[:, None, :] - y[None, :, :]) / lengthscale
    sq_dist = jnp.sum(jnp.square(diff), axis=-1)
    if kind == "rbf":
        return jnp.exp(-0.5 * sq_dist)
    if kind == "rational_quadratic":
        return 1.0 / (1.0 + 0.5 * sq_dist)
    # The slope of the root must be finite where points coincide.
    dist = jnp.sqrt(sq_dist + 1e-6)
    if kind == "matern12":
        return jnp.exp(-dist)
    if kind == "matern32":
        dist = jnp.sqrt(3.0) * dist
        return (1.0 + dist) * jnp.exp(-dist)
    dist = jnp.sqrt(5.0) * dist
    return (1.0 + dist + jnp.square(dist) / 3.0) * jnp.exp(-dist)


def mean_function(x, kind="zero"):
    if kind == "linear":
        return 0.5 * jnp.sum(x, axis=-1)
    if kind == "constant":
        return 0.5 * jnp.ones(x.shape[0])
    return jnp.zeros(x.shape[0])


@family(
    "contraction",
    "reduction",
    x="n d",
    y="m d",
    lengthscale="d in 0.6..2",
    amplitude="? in 0.5..1.5",
    warp="? d d in -0.7..0.7",
    bias="? in 0.1..1",
    kind={
        "rbf": 4,
        "matern12": 1,
        "matern32": 2,
        "matern52": 3,
        "periodic": 2,
        "rational_quadratic": 2,
        "linear": 1,
        "polynomial": 1,
    },
    other={"none": 3, "rbf": 1, "linear": 1, "periodic": 1, "matern32": 1},
    combine=("sum", "product"),
    transform={"none": 4, "exp": 1, "softplus": 1},
    activation={"none": 4, "tanh": 1, "normalize": 1},
    output={"matrix": 6, "mean": 1, "rows": 1},
    sizes={"d": (1, 2, 2, 4, 5), "n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
)
def gram_matrix(
    x,
    y,
    lengthscale,
    amplitude=None,
    warp=None,
    bias=None,
    *,
    kind="rbf",
    other="none",
    combine="sum",
    transform="none",
    activation="none",
    output="matrix",
):
    """Covariances of the rows of two arrays under a kernel.

    Args:
        x: points, a row each.
        y: points to compare with.
        lengthscale: how far each feature reaches.
        amplitude: standard deviation of the process.
        warp: a linear map of the points, before the kernel.
        bias: variance of a constant that is added.
    """
    if transform == "exp":
        lengthscale = jnp.exp(lengthscale)
    elif transform == "softplus":
        lengthscale = jax.nn.softplus(lengthscale)
    if warp is not None:
        x, y = x @ warp, y @ warp
    if activation == "tanh":
        x, y = jnp.tanh(x), jnp.tanh(y)
    elif activation == "normalize":
        x = x / jnp.sqrt(1.0 + jnp.sum(jnp.square(x), axis=-1, keepdims=True))
        y = y / jnp.sqrt(1.0 + jnp.sum(jnp.square(y), axis=-1, keepdims=True))
    if other == "none":
        k = base_kernel(x, y, lengthscale, kind)
    elif combine == "product":
        k = base_kernel(x, y, lengthscale, kind) * base_kernel(x, y, lengthscale, other)
    else:
        k = base_kernel(x, y, lengthscale, kind) + base_kernel(x, y, lengthscale, other)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
    if bias is not None:
        k = k + bias
    if output == "mean":
        return jnp.mean(k)
    if output == "rows":
        return jnp.sum(k, axis=1)
    return k


@family(
    "compound",
    x_train="n d",
    y_train="n",
    x_test="m d",
    lengthscale="d in 0.8..2",
    noise="? in 0.3..1",
    amplitude="? in 0.7..1.5",
    trend="? d",
    kind={
        "rbf": 4,
        "matern12": 1,
        "matern32": 2,
        "matern52": 3,
        "periodic": 1,
        "rational_quadratic": 1,
    },
    noise_variance={0.1: 1, 0.2: 1, 0.25: 1},
    solver={"cholesky": 4, "cho_solve": 3, "solve": 2, "inverse": 1},
    center={False: 3, True: 1},
    output={"mean": 3, "variance": 4, "std": 1, "covariance": 2, "observed": 1, "interval": 1},
    sizes={"d": (1, 1, 2, 4), "n": (4, 5, 6, 7, 8), "m": (2, 4, 5, 6)},
    only="float32",
    weight=14,
)
def gp_predict(
    x_train,
    y_train,
    x_test,
    lengthscale,
    noise=None,
    amplitude=None,
    trend=None,
    *,
    kind="rbf",
    noise_variance=0.1,
    solver="cholesky",
    center=False,
    output="variance",
):
    """Predicts by a Gaussian process.

    Args:
        x_train: points with observations, a row each.
        y_train: the observations.
        x_test: points to predict at.
        lengthscale: how far each feature reaches.
        noise: standard deviation of the observations' errors.
        amplitude: standard deviation of the process.
        trend: slopes of the mean function.

    Returns:
        The posterior mean, and what is asked for of the covariance.
    """
    n = x_train.shape[0]
    k_xx = base_kernel(x_train, x_train, lengthscale, kind)
    k_xs = base_kernel(x_train, x_test, lengthscale, kind)
    if amplitude is not None:
        k_xx = jnp.square(amplitude) * k_xx
        k_xs = jnp.square(amplitude) * k_xs
    if noise is None:
        k_xx = k_xx + noise_variance * jnp.eye(n)
    else:
        k_xx = k_xx + jnp.square(noise) * jnp.eye(n)
    if trend is not None:
        y_train = y_train - x_train @ trend
    if center:
        offset = jnp.mean(y_train)
        y_train = y_train - offset
    if solver == "cholesky":
        chol = jnp.linalg.cholesky(k_xx)
        solved = jax.scipy.linalg.solve_triangular(chol, k_xs, lower=True)
        mean = solved.T @ jax.scipy.linalg.solve_triangular(chol, y_train, lower=True)
        explained = solved.T @ solved
    elif solver == "cho_solve":
        factor = jax.scipy.linalg.cho_factor(k_xx, lower=True)
        solved = jax.scipy.linalg.cho_solve(factor, k_xs)
        mean = solved.T @ y_train
        explained = k_xs.T @ solved
    elif solver == "solve":
        solved = jnp.linalg.solve(k_xx, k_xs)
        mean = solved.T @ y_train
        explained = k_xs.T @ solved
    else:
        precision = jnp.linalg.inv(k_xx)
        mean = k_xs.T @ precision @ y_train
        explained = k_xs.T @ precision @ k_xs
    if center:
        mean = mean + offset
    if trend is not None:
        mean = mean + x_test @ trend
    if output == "mean":
        return mean
    if output == "covariance":
        k_ss = base_kernel(x_test, x_test, lengthscale, kind)
        if amplitude is not None:
            k_ss = jnp.square(amplitude) * k_ss
        return mean, k_ss - explained
    # The kernel of a point with itself is one.
    if amplitude is None:
        variance = 1.0 - jnp.diag(explained)
    else:
        variance = jnp.square(amplitude) - jnp.diag(explained)
    if output == "observed":
        if noise is None:
            return mean, variance + noise_variance
        return mean, variance + jnp.square(noise)
    if output == "std":
        return mean, jnp.sqrt(jnp.maximum(variance, 1e-6))
    if output == "interval":
        width = 1.96 * jnp.sqrt(jnp.maximum(variance, 1e-6))
        return mean - width, mean + width
    return mean, variance


@family(
    "compound",
    x="n d",
    y="n",
    lengthscale="d in 0.8..2",
    noise="in 0.4..1.2",
    amplitude="? in 0.7..1.5",
    mask="? n bool",
    kind={
        "rbf": 4,
        "matern12": 1,
        "matern32": 2,
        "matern52": 3,
        "periodic": 1,
        "rational_quadratic": 2,
    },
    logarithms={False: 3, True: 1},
    mean={"zero": 3, "constant": 1, "linear": 1, "sample": 1},
    solver={"cholesky": 4, "cho_solve": 2, "slogdet": 2},
    constant={True: 2, False: 1},
    prior={False: 3, True: 1},
    sign={"log_likelihood": 2, "loss": 2},
    per_point={False: 3, True: 1},
    parts={False: 3, True: 1},
    sizes={"d": (1, 1, 2, 4), "n": (4, 5, 6, 7, 8)},
    only="float32",
    weight=14,
)
def log_marginal_likelihood(
    x,
    y,
    lengthscale,
    noise,
    amplitude=None,
    mask=None,
    *,
    kind="rbf",
    logarithms=False,
    mean="zero",
    solver="cholesky",
    constant=True,
    prior=False,
    sign="log_likelihood",
    per_point=False,
    parts=False,
):
    """How likely observations are under a Gaussian process.

    Args:
        x: points, a row each.
        y: an observation at each point.
        lengthscale: how far each feature reaches.
        noise: standard deviation of the observations' errors.
        amplitude: standard deviation of the process.
        mask: which observations count.
    """
    n = x.shape[0]
    if logarithms:
        # The parameters are given by their logarithms.
        lengthscale, noise = jnp.exp(lengthscale), jnp.exp(noise)
    k = base_kernel(x, x, lengthscale, kind)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
    if mean == "sample":
        residual = y - jnp.mean(y)
    elif mean == "zero":
        residual = y
    else:
        residual = y - mean_function(x, mean)
    if mask is not None:
        # Points that don't count are independent of all others.
        residual = jnp.where(mask, residual, 0.0)
        k = jnp.where(mask[:, None] & mask[None, :], k, 0.0)
    k = k + jnp.square(noise) * jnp.eye(n)
    if solver == "cholesky":
        chol = jnp.linalg.cholesky(k)
        solved = jax.scipy.linalg.solve_triangular(chol, residual, lower=True)
        fit = jnp.sum(jnp.square(solved))
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    elif solver == "cho_solve":
        chol, lower = jax.scipy.linalg.cho_factor(k, lower=True)
        fit = residual @ jax.scipy.linalg.cho_solve((chol, lower), residual)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    else:
        fit = residual @ jnp.linalg.solve(k, residual)
        log_det = jnp.linalg.slogdet(k)[1]
    if parts:
        return -0.5 * fit, -0.5 * log_det
    log_prob = -0.5 * (fit + log_det)
    if constant:
        log_prob = log_prob - 0.5 * n * jnp.log(2.0 * jnp.pi)
    if prior:
        # Log-normal priors keep the parameters near one.
        log_prob = log_prob - 0.5 * jnp.sum(jnp.square(jnp.log(lengthscale)))
        log_prob = log_prob - 0.5 * jnp.square(jnp.log(noise))
    if per_point:
        log_prob = log_prob / n
    if sign == "loss":
        return -log_prob
    return log_prob


@family(
    "compound",
    x="n d",
    y="n",
    lengthscale="d in 0.8..2",
    noise="? n in 0.4..1",
    weights="? n in 0.2..1",
    kind={
        "rbf": 3,
        "matern12": 1,
        "matern32": 2,
        "matern52": 2,
        "periodic": 1,
        "rational_quadratic": 1,
    },
    noise_variance={0.1: 1, 0.2: 1, 0.3: 1},
    solver={"inverse": 3, "cholesky": 2, "solve": 1},
    output={"mean": 2, "moments": 2, "log_prob": 2, "residual": 1, "error": 2, "score": 1},
    sizes={"d": (1, 1, 2, 4), "n": (4, 5, 6, 7, 8)},
    only="float32",
)
def leave_one_out(
    x,
    y,
    lengthscale,
    noise=None,
    weights=None,
    *,
    kind="rbf",
    noise_variance=0.1,
    solver="inverse",
    output="moments",
):
    """Predicts each observation from all others by a Gaussian process.

    Args:
        x: points, a row each.
        y: an observation at each point.
        lengthscale: how far each feature reaches.
        noise: standard deviation of each observation's error.
        weights: weight of each observation.
    """
    n = x.shape[0]
    k = base_kernel(x, x, lengthscale, kind)
    if noise is None:
        k = k + noise_variance * jnp.eye(n)
    else:
        k = k + jnp.diag(jnp.square(noise))
    if solver == "cholesky":
        chol = jnp.linalg.cholesky(k)
        half = jax.scipy.linalg.solve_triangular(chol, jnp.eye(n), lower=True)
        precision = half.T @ half
    elif solver == "solve":
        precision = jnp.linalg.solve(k, jnp.eye(n))
    else:
        precision = jnp.linalg.inv(k)
    variance = 1.0 / jnp.diag(precision)
    residual = variance * (precision @ y)
    if weights is not None:
        residual = weights * residual
    if output == "mean":
        return y - residual
    if output == "residual":
        return residual
    if output == "error":
        return jnp.mean(jnp.square(residual))
    if output == "moments":
        return y - residual, variance
    if output == "score":
        return residual / jnp.sqrt(variance)
    log_prob = -0.5 * jnp.log(2.0 * jnp.pi * variance) - 0.5 * jnp.square(residual) / variance
    return jnp.sum(log_prob)


@family(
    "compound",
    x_train="n d",
    y_train="n",
    x_inducing="m d",
    x_test="? k d",
    lengthscale="d in 0.8..2",
    kind={"rbf": 3, "matern12": 1, "matern32": 2, "matern52": 2, "rational_quadratic": 1},
    noise_variance={0.2: 1, 0.3: 1, 0.5: 1},
    jitter={0.1: 1, 0.05: 1},
    likelihood={"dtc": 4, "fitc": 1},
    output={"mean": 4, "mean_and_variance": 2, "weights": 1, "log_det": 1},
    solver={"cholesky": 3, "solve": 2},
    sizes={"d": (1, 1, 2, 4), "n": (6, 8, 10), "m": (2, 4, 5), "k": (2, 4, 5)},
    only="float32",
)
def sparse_gp(
    x_train,
    y_train,
    x_inducing,
    lengthscale,
    x_test=None,
    *,
    kind="rbf",
    noise_variance=0.2,
    jitter=0.1,
    likelihood="dtc",
    output="mean",
    solver="solve",
):
    """Predicts by a Gaussian process with inducing points."""
    m = x_inducing.shape[0]
    k_zz = base_kernel(x_inducing, x_inducing, lengthscale, kind) + jitter * jnp.eye(m)
    k_zx = base_kernel(x_inducing, x_train, lengthscale, kind)
    if likelihood == "fitc":
        # Each observation keeps its own variance.
        explained = jnp.sum(k_zx * jnp.linalg.solve(k_zz, k_zx), axis=0)
        scaled = k_zx / (noise_variance + 1.0 - explained)
    else:
        scaled = k_zx / noise_variance
    system = k_zz + scaled @ k_zx.T
    if solver == "cholesky":
        factor = jax.scipy.linalg.cho_factor(system, lower=True)
        weights = jax.scipy.linalg.cho_solve(factor, scaled @ y_train)
    else:
        weights = jnp.linalg.solve(system, scaled @ y_train)
    if x_test is None:
        if output == "weights":
            return weights
        fitted = k_zx.T @ weights
        if output == "log_det":
            return fitted, jnp.linalg.slogdet(system)[1] - jnp.linalg.slogdet(k_zz)[1]
        return fitted
    k_sz = base_kernel(x_test, x_inducing, lengthscale, kind)
    mean = k_sz @ weights
    if output == "mean_and_variance":
        if solver == "cholesky":
            reduced = k_sz @ jax.scipy.linalg.cho_solve(factor, k_sz.T)
        else:
            reduced = k_sz @ jnp.linalg.solve(system, k_sz.T)
        prior = k_sz @ jnp.linalg.solve(k_zz, k_sz.T)
        return mean, 1.0 + jnp.diag(reduced - prior)
    return mean


def normal_cdf(z):
    return 0.5 * (1.0 + jax.lax.erf(z / jnp.sqrt(2.0)))


def normal_pdf(z):
    return jnp.exp(-0.5 * jnp.square(z)) / jnp.sqrt(2.0 * jnp.pi)


@family(
    "reduction",
    "branch",
    "scalar_array",
    "elementwise",
    mean="n",
    std="n in 0.3..1.5",
    best="? in -0.5..1",
    cost="? n in 0.5..2",
    feasible="? n in -1..1",
    mask="? n bool",
    kind={"ei": 5, "pi": 2, "ucb": 4, "log_ei": 1},
    maximize={True: 3, False: 1},
    margin={None: 3, 0.01: 2, 0.1: 1},
    beta={2.0: 2, 1.0: 1, 3.0: 1},
    reduction={"none": 5, "max": 1, "logsumexp": 1, "sum": 1},
    sizes={"n": (4, 5, 6, 8, 10, 12, 16, 20, 24, 32)},
)
def acquisition(
    mean,
    std,
    best=None,
    cost=None,
    feasible=None,
    mask=None,
    *,
    kind="ei",
    maximize=True,
    margin=None,
    beta=2.0,
    reduction="none",
):
    """How much it is worth to evaluate each candidate next.

    Args:
        mean: the predicted value of each candidate.
        std: how uncertain it is.
        best: the best value so far.
        cost: what an evaluation of each candidate costs.
        feasible: log-odds that each candidate meets the constraints.
        mask: which candidates may be chosen.
    """
    if best is None:
        improvement = mean if maximize else -mean
    elif maximize:
        improvement = mean - best
    else:
        improvement = best - mean
    if margin is not None:
        improvement = improvement - margin
    if kind == "ucb":
        value = improvement + beta * std
    else:
        z = improvement / std
        if kind == "pi":
            value = normal_cdf(z)
        else:
            value = improvement * normal_cdf(z) + std * normal_pdf(z)
            if kind == "log_ei":
                value = jnp.log(value + 1e-3)
    if cost is not None:
        value = value / cost
    if feasible is not None:
        # Weighted by the probability of being feasible.
        value = value * jax.nn.sigmoid(feasible)
    if mask is not None:
        value = jnp.where(mask, value, -1e3)
    if reduction == "max":
        return jnp.max(value)
    if reduction == "logsumexp":
        return jax.nn.logsumexp(value)
    if reduction == "sum":
        return jnp.sum(value)
    return value


def feature_map(x, frequencies, phases=None, kind="fourier"):
    projected = x @ frequencies
    if phases is not None:
        projected = projected + phases
    if kind == "fourier":
        features = jnp.sqrt(2.0) * jnp.cos(projected)
    elif kind == "positive":
        # Positive features of the Gaussian kernel.
        features = jnp.exp(projected - 0.5 * jnp.sum(jnp.square(x), axis=-1, keepdims=True))
    elif kind == "arc_cosine":
        features = jnp.sqrt(2.0) * jax.nn.relu(projected)
    else:
        features = jnp.concatenate([jnp.cos(projected), jnp.sin(projected)], axis=-1)
    return features / jnp.sqrt(frequencies.shape[1])


@family(
    "reduction",
    "contraction",
    x="n d in -1..1",
    frequencies="d f in -1.5..1.5",
    phases="? f in 0..6.28",
    lengthscale="? d in 0.7..2",
    y="? m d in -1..1",
    kind={"fourier": 4, "positive": 2, "arc_cosine": 1, "pair": 2},
    amplitude={None: 3, 2.0: 1, 0.5: 1},
    unit={False: 3, True: 1},
    output={"features": 4, "kernel": 2, "attention": 2, "embedding": 1},
    sizes={"d": (2, 4, 5, 6), "f": (4, 6, 8, 12), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def random_features(
    x,
    frequencies,
    phases=None,
    lengthscale=None,
    y=None,
    *,
    kind="fourier",
    amplitude=None,
    unit=False,
    output="features",
):
    """Random features of points, or what a kernel becomes by them.

    Args:
        x: points, a row each.
        frequencies: random directions, a column each.
        phases: what is added along each direction.
        lengthscale: how far each feature reaches.
        y: points to compare with.
    """
    if unit:
        x = x / jnp.linalg.norm(x, axis=-1, keepdims=True)
    if lengthscale is not None:
        frequencies = frequencies / lengthscale[:, None]
    features = feature_map(x, frequencies, phases, kind)
    if amplitude is not None:
        features = amplitude * features
    if y is None:
        if output == "embedding":
            # The mean of the features stands for the whole sample.
            return jnp.mean(jnp.square(features), axis=0)
        if output == "kernel":
            return features @ features.T
        return features
    other = feature_map(y, frequencies, phases, kind)
    if output == "embedding":
        return jnp.mean(features, axis=0) - jnp.mean(other, axis=0)
    if output == "attention":
        return features @ (other.T @ y)
    return features @ other.T


@family(
    "reduction",
    "multi_statement",
    "contraction",
    "branch",
    x_train="n d",
    y_train="n",
    x_test="m d",
    lengthscale="d in 0.5..1.5",
    weights="? n in 0.2..1",
    mask="? n bool",
    kind={
        "rbf": 4,
        "matern12": 1,
        "matern32": 1,
        "matern52": 1,
        "rational_quadratic": 2,
        "periodic": 1,
    },
    order={"constant": 3, "linear": 2, "robust": 1},
    ridge={None: 3, 0.01: 1, 0.1: 1},
    output={"mean": 3, "variance": 2},
    sizes={"d": (1, 1, 2, 4), "n": (5, 6, 8, 10), "m": (4, 5, 6, 8, 10, 12)},
)
def kernel_smoother(
    x_train,
    y_train,
    x_test,
    lengthscale,
    weights=None,
    mask=None,
    *,
    kind="rbf",
    order="constant",
    ridge=None,
    output="mean",
):
    """Averages observations near each point, weighted by a kernel.

    Args:
        x_train: points with observations, a row each.
        y_train: the observations.
        x_test: points to predict at.
        lengthscale: how far each feature reaches.
        weights: weight of each observation.
        mask: which observations count.
    """
    k = base_kernel(x_test, x_train, lengthscale, kind)
    if weights is not None:
        k = k * weights
    if mask is not None:
        k = jnp.where(mask, k, 0.0)
    total = jnp.sum(k, axis=1) + 1e-2
    if ridge is not None:
        total = total + ridge
    mean = k @ y_train / total
    if order == "linear":
        # A line through the neighbourhood of each point, along the first feature.
        offset = x_train[None, :, 0] - x_test[:, :1]
        center = jnp.sum(k * offset, axis=1) / total
        spread = jnp.sum(k * jnp.square(offset), axis=1) / total - jnp.square(center)
        slope = (k * offset) @ y_train / total - center * mean
        mean = mean - center * slope / (spread + 0.1)
    elif order == "robust":
        # Observations far from the first estimate count less.
        k = k / (1.0 + jnp.square(y_train[None, :] - mean[:, None]))
        total = jnp.sum(k, axis=1) + 1e-2
        mean = k @ y_train / total
    if output == "variance":
        residual = y_train[None, :] - mean[:, None]
        return mean, jnp.sum(k * jnp.square(residual), axis=1) / total
    return mean
