"""Families: Gaussian processes and their kernels."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
fourier_map: fourier_map 4, feature_map 4, rff_map 1
bandwidth: bandwidth 8, h 3
local_linear: local_linear 4, local_linear_regression 5, loess 1
random_feature_kernel: random_feature_kernel 4, approximate_kernel 3, rff_kernel 3
probability_of_improvement: probability_of_improvement 5, pi_acquisition 2
expected_improvement: expected_improvement 6, ei 3
loo_log_likelihood: loo_log_likelihood 5, leave_one_out_log_prob 3, loo_log_prob 2
loo_predict: loo_predict 5, leave_one_out 4, gp_leave_one_out 2
gram_matrix: gram_matrix 4, kernel_matrix 5, compute_kernel 2, covariance_matrix 2
kernel: kernel 6, kernel_fn 3, cov_fn 2, k 1
base_kernel: base_kernel 4, stationary_kernel 3, stationary 1
gp_predict: gp_predict 6, gp_posterior 4, predict 3, posterior 2, gp_regression 2
log_marginal_likelihood: log_marginal_likelihood 6, marginal_log_likelihood 2, gp_log_likelihood 3, log_evidence 1
sparse_gp: sparse_gp 4, sparse_gp_predict 3, inducing_point_predict 2, sgp_predict 1
random_features: random_features 3, random_fourier_features 5, rff 3, fourier_features 2
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
k_xx: k_xx 3, K 5, k_train 2, kxx 1
k_xs: k_xs 3, k_cross 3, K_s 3, kxs 1
k_ss: k_ss 3, k_test 3, K_ss 3, kss 1
chol: chol 5, L 6, l 1
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


@family(
    "contraction",
    "reduction",
    x="n d",
    y="m d",
    lengthscale="d in 0.6..2",
    amplitude="? in 0.5..1.5",
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
    sizes={"d": (1, 2, 2, 4, 5), "n": (4, 5, 6, 8, 10), "m": (4, 5, 6, 8)},
)
def gram_matrix(
    x, y, lengthscale, amplitude=None, bias=None, *, kind="rbf", other="none", combine="sum"
):
    """Covariances of the rows of two arrays under a kernel.

    Args:
        x: points of shape (n, d).
        y: points of shape (m, d).
        lengthscale: how far each feature reaches.
        amplitude: standard deviation of the process.
        bias: variance of a constant that is added to the process.
    """
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
    solver=decided({"cholesky": 4, "cho_solve": 3, "solve": 2, "inverse": 1}),
    center={False: 3, True: 1},
    output={"mean": 3, "variance": 4, "std": 1, "covariance": 2},
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
    """Posterior of a Gaussian process at test points.

    Args:
        x_train: points with observations, of shape (n, d).
        y_train: the observations.
        x_test: points to predict at, of shape (m, d).
        lengthscale: how far each feature reaches.
        noise: standard deviation of the observations' errors.
        amplitude: standard deviation of the process.
        trend: slopes of the mean function.
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
    if output == "std":
        return mean, jnp.sqrt(jnp.maximum(variance, 1e-6))
    return mean, variance


@family(
    "compound",
    x="n d",
    y="n",
    lengthscale="d in 0.8..2",
    noise="in 0.4..1.2",
    amplitude="? in 0.7..1.5",
    mean="? in -1..1",
    mask="? n bool",
    kind={
        "rbf": 4,
        "matern12": 1,
        "matern32": 2,
        "matern52": 3,
        "periodic": 1,
        "rational_quadratic": 2,
    },
    solver=decided({"cholesky": 4, "cho_solve": 2, "slogdet": 2}),
    constant={True: 3, False: 1},
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
    mean=None,
    mask=None,
    *,
    kind="rbf",
    solver="cholesky",
    constant=True,
):
    """Log marginal likelihood of observations under a Gaussian process.

    Args:
        x: points of shape (n, d).
        y: an observation at each point.
        lengthscale: how far each feature reaches.
        noise: standard deviation of the observations' errors.
        amplitude: standard deviation of the process.
        mean: constant mean of the process.
        mask: which observations there are.
    """
    n = x.shape[0]
    k = base_kernel(x, x, lengthscale, kind)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
    if mean is not None:
        y = y - mean
    if mask is not None:
        # Missing observations become independent ones with a known value.
        y = jnp.where(mask, y, 0.0)
        k = jnp.where(mask[:, None] & mask[None, :], k, 0.0)
        k = k + jnp.diag(jnp.where(mask, jnp.square(noise), 1.0))
        n = jnp.sum(mask)
    else:
        k = k + jnp.square(noise) * jnp.eye(n)
    if solver == "cholesky":
        chol = jnp.linalg.cholesky(k)
        solved = jax.scipy.linalg.solve_triangular(chol, y, lower=True)
        fit = jnp.sum(jnp.square(solved))
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    elif solver == "cho_solve":
        chol, lower = jax.scipy.linalg.cho_factor(k, lower=True)
        fit = y @ jax.scipy.linalg.cho_solve((chol, lower), y)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    else:
        fit = y @ jnp.linalg.solve(k, y)
        log_det = jnp.linalg.slogdet(k)[1]
    log_prob = -0.5 * (fit + log_det)
    if constant:
        log_prob = log_prob - 0.5 * n * jnp.log(2.0 * jnp.pi)
    return log_prob


@family(
    "compound",
    x="n d",
    y="n",
    lengthscale="d in 0.8..2",
    noise="? n in 0.4..1",
    amplitude="? in 0.7..1.5",
    kind={
        "rbf": 3,
        "matern12": 1,
        "matern32": 2,
        "matern52": 2,
        "periodic": 1,
        "rational_quadratic": 1,
    },
    noise_variance={0.1: 1, 0.2: 1, 0.3: 1},
    solver=decided({"inverse": 3, "cholesky": 2, "solve": 1}),
    with_variance={True: 3, False: 2},
    sizes={"d": (1, 1, 2, 4), "n": (4, 5, 6, 7, 8)},
    only="float32",
)
def loo_predict(
    x,
    y,
    lengthscale,
    noise=None,
    amplitude=None,
    *,
    kind="rbf",
    noise_variance=0.1,
    solver="inverse",
    with_variance=True,
):
    """Predicts each observation from all others by a Gaussian process.

    Args:
        x: points of shape (n, d).
        y: an observation at each point.
        lengthscale: how far each feature reaches.
        noise: standard deviation of each observation's error.
        amplitude: standard deviation of the process.
    """
    n = x.shape[0]
    k = base_kernel(x, x, lengthscale, kind)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
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
    mean = y - variance * (precision @ y)
    if with_variance:
        return mean, variance
    return mean


@family(
    "compound",
    x="n d",
    y="n",
    lengthscale="d in 0.8..2",
    noise="? in 0.4..1",
    amplitude="? in 0.7..1.5",
    kind={
        "rbf": 3,
        "matern12": 1,
        "matern32": 2,
        "matern52": 2,
        "periodic": 1,
        "rational_quadratic": 1,
    },
    noise_variance={0.1: 1, 0.2: 1, 0.3: 1},
    solver=decided({"inverse": 3, "cholesky": 2, "solve": 1}),
    reduction={"sum": 3, "mean": 1},
    sizes={"d": (1, 1, 2, 4), "n": (4, 5, 6, 7, 8)},
    only="float32",
)
def loo_log_likelihood(
    x,
    y,
    lengthscale,
    noise=None,
    amplitude=None,
    *,
    kind="rbf",
    noise_variance=0.1,
    solver="inverse",
    reduction="sum",
):
    """Leave-one-out log pseudo-likelihood of a Gaussian process.

    Args:
        x: points of shape (n, d).
        y: an observation at each point.
        lengthscale: how far each feature reaches.
        noise: standard deviation of the observations' errors.
        amplitude: standard deviation of the process.
    """
    n = x.shape[0]
    k = base_kernel(x, x, lengthscale, kind)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
    if noise is None:
        k = k + noise_variance * jnp.eye(n)
    else:
        k = k + jnp.square(noise) * jnp.eye(n)
    if solver == "cholesky":
        factor = jax.scipy.linalg.cho_factor(k, lower=True)
        precision = jax.scipy.linalg.cho_solve(factor, jnp.eye(n))
    elif solver == "solve":
        precision = jnp.linalg.solve(k, jnp.eye(n))
    else:
        precision = jnp.linalg.inv(k)
    variance = 1.0 / jnp.diag(precision)
    # How far each observation is from its prediction by the others.
    residual = variance * (precision @ y)
    log_prob = -0.5 * jnp.log(2.0 * jnp.pi * variance) - 0.5 * jnp.square(residual) / variance
    if reduction == "mean":
        return jnp.mean(log_prob)
    return jnp.sum(log_prob)


@family(
    "compound",
    x_train="n d",
    y_train="n",
    x_inducing="m d",
    x_test="k d",
    lengthscale="d in 0.8..2",
    kind={"rbf": 3, "matern12": 1, "matern32": 2, "matern52": 2, "rational_quadratic": 1},
    noise_variance={0.2: 1, 0.3: 1, 0.5: 1},
    jitter={1e-2: 1, 1e-3: 1},
    likelihood={"dtc": 4, "fitc": 2},
    with_variance={False: 3, True: 2},
    solver=decided({"cholesky": 3, "solve": 2}),
    sizes={"d": (1, 1, 2, 4), "n": (6, 8, 10), "m": (2, 4, 5), "k": (2, 4, 5)},
    only="float32",
)
def sparse_gp(
    x_train,
    y_train,
    x_inducing,
    x_test,
    lengthscale,
    *,
    kind="rbf",
    noise_variance=0.2,
    jitter=1e-2,
    likelihood="dtc",
    with_variance=False,
    solver="solve",
):
    """Predicts by a sparse Gaussian process with inducing points.

    Args:
        x_train: points with observations, of shape (n, d).
        y_train: the observations.
        x_inducing: inducing points, of shape (m, d).
        x_test: points to predict at.
        lengthscale: how far each feature reaches.
    """
    m = x_inducing.shape[0]
    k_zz = base_kernel(x_inducing, x_inducing, lengthscale, kind) + jitter * jnp.eye(m)
    k_zx = base_kernel(x_inducing, x_train, lengthscale, kind)
    if likelihood == "fitc":
        # FITC: each observation keeps the variance that the inducing points don't explain.
        explained = jnp.sum(k_zx * jnp.linalg.solve(k_zz, k_zx), axis=0)
        scaled = k_zx / (noise_variance + 1.0 - explained)
    else:
        scaled = k_zx / noise_variance
    system = k_zz + scaled @ k_zx.T
    k_sz = base_kernel(x_test, x_inducing, lengthscale, kind)
    if solver == "cholesky":
        factor = jax.scipy.linalg.cho_factor(system, lower=True)
        mean = k_sz @ jax.scipy.linalg.cho_solve(factor, scaled @ y_train)
    else:
        mean = k_sz @ jnp.linalg.solve(system, scaled @ y_train)
    if with_variance:
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
    "elementwise",
    "scalar_array",
    "branch",
    mean="n",
    std="n in 0.3..1.5",
    best="in -0.5..1",
    cost="? n in 0.5..2",
    feasible="? n in -1..1",
    maximize={True: 3, False: 1},
    margin={None: 3, 0.01: 2, 0.1: 1},
    form=decided({"helpers": 3, "scaled": 2, "jax": 2}),
    sizes={"n": (4, 5, 6, 8, 10, 12, 16, 20, 24, 32)},
)
def expected_improvement(
    mean,
    std,
    best,
    cost=None,
    feasible=None,
    *,
    maximize=True,
    margin=None,
    form="helpers",
):
    """Expected improvement of each candidate over the best value so far.

    Args:
        mean: posterior mean of each candidate.
        std: posterior standard deviation of each candidate.
        best: the best value so far.
        cost: what an evaluation of each candidate costs.
        feasible: log-odds that each candidate meets the constraints.
    """
    if maximize:
        improvement = mean - best
    else:
        improvement = best - mean
    if margin is not None:
        # More exploration.
        improvement = improvement - margin
    z = improvement / std
    if form == "helpers":
        value = improvement * normal_cdf(z) + std * normal_pdf(z)
    elif form == "scaled":
        value = std * (z * normal_cdf(z) + normal_pdf(z))
    else:
        cdf = jax.scipy.stats.norm.cdf(z)
        value = improvement * cdf + std * jax.scipy.stats.norm.pdf(z)
    if feasible is not None:
        # Weighted by the probability of being feasible.
        value = value * jax.nn.sigmoid(feasible)
    if cost is not None:
        # Per unit of cost.
        value = value / cost
    return value


@family(
    "elementwise",
    "scalar_array",
    mean="n",
    std="n in 0.3..1.5",
    best="in -0.5..1",
    feasible="? n in -1..1",
    maximize={True: 3, False: 1},
    margin={None: 3, 0.01: 2, 0.1: 1},
    form=decided({"helper": 3, "erf": 2, "jax": 2}),
    sizes={"n": (4, 5, 6, 8, 10, 12, 16, 20, 24, 32)},
    weight=6,
)
def probability_of_improvement(
    mean, std, best, feasible=None, *, maximize=True, margin=None, form="helper"
):
    """Probability that each candidate improves on the best value so far.

    Args:
        mean: posterior mean of each candidate.
        std: posterior standard deviation of each candidate.
        best: the best value so far.
        feasible: log-odds that each candidate meets the constraints.
    """
    if maximize:
        improvement = mean - best
    else:
        improvement = best - mean
    if margin is not None:
        improvement = improvement - margin
    z = improvement / std
    if form == "helper":
        value = normal_cdf(z)
    elif form == "erf":
        value = 0.5 * (1.0 + jax.scipy.special.erf(z / jnp.sqrt(2.0)))
    else:
        value = jax.scipy.stats.norm.cdf(z)
    if feasible is not None:
        # The candidate must meet the constraints as well.
        value = value * jax.nn.sigmoid(feasible)
    return value


def fourier_map(x, frequencies, phases=None):
    """Random Fourier features of the rows."""
    projected = x @ frequencies
    num_features = frequencies.shape[1]
    if phases is not None:
        return jnp.sqrt(2.0 / num_features) * jnp.cos(projected + phases)
    features = jnp.concatenate([jnp.cos(projected), jnp.sin(projected)], axis=-1)
    return features / jnp.sqrt(num_features)


@family(
    "reduction",
    "contraction",
    x="n d in -1..1",
    frequencies="d f in -1.5..1.5",
    phases="? f in 0..6.28",
    lengthscale="? d in 0.7..2",
    amplitude="? in 0.5..1.5",
    scaled=decided({"x": 3, "frequencies": 2}),
    form=decided({"helper": 3, "inline": 2}),
    sizes={"d": (2, 4, 5, 6), "f": (4, 6, 8, 12), "n": (4, 5, 6, 8)},
)
def random_features(
    x,
    frequencies,
    phases=None,
    lengthscale=None,
    amplitude=None,
    *,
    scaled="x",
    form="helper",
):
    """Random Fourier features, whose products approximate a stationary kernel.

    Args:
        x: points of shape (n, d).
        frequencies: samples of the kernel's spectral density, of shape (d, features).
        phases: uniform between zero and two pi, one for each feature.
        lengthscale: how far each dimension reaches.
        amplitude: standard deviation of the process.
    """
    if lengthscale is not None:
        if scaled == "x":
            x = x / lengthscale
        else:
            frequencies = frequencies / lengthscale[:, None]
    if form == "helper":
        features = fourier_map(x, frequencies, phases)
    elif phases is not None:
        features = jnp.cos(x @ frequencies + phases) * jnp.sqrt(2.0 / frequencies.shape[1])
    else:
        projected = x @ frequencies
        features = jnp.stack([jnp.cos(projected), jnp.sin(projected)], axis=-1)
        features = features.reshape(x.shape[0], -1) / jnp.sqrt(frequencies.shape[1])
    if amplitude is not None:
        features = amplitude * features
    return features


@family(
    "contraction",
    x="n d in -1..1",
    y="? m d in -1..1",
    frequencies="d f in -1.5..1.5",
    phases="? f in 0..6.28",
    lengthscale="? d in 0.7..2",
    amplitude="? in 0.5..1.5",
    noise={None: 3, 0.1: 1},
    product=decided({"matmul": 3, "einsum": 1}),
    sizes={"d": (2, 4, 5, 6), "f": (4, 6, 8, 12), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def random_feature_kernel(
    x,
    frequencies,
    y=None,
    phases=None,
    lengthscale=None,
    amplitude=None,
    *,
    noise=None,
    product="matmul",
):
    """Kernel matrix by random Fourier features.

    Args:
        x: points of shape (n, d).
        frequencies: samples of the kernel's spectral density, of shape (d, features).
        y: other points, of shape (m, d).
        phases: uniform between zero and two pi, one for each feature.
        lengthscale: how far each dimension reaches.
        amplitude: standard deviation of the process.
    """
    if lengthscale is not None:
        frequencies = frequencies / lengthscale[:, None]
    features = fourier_map(x, frequencies, phases)
    if y is not None:
        other = fourier_map(y, frequencies, phases)
    else:
        other = features
    if product == "matmul":
        k = features @ other.T
    else:
        k = jnp.einsum("nf,mf->nm", features, other)
    if amplitude is not None:
        k = jnp.square(amplitude) * k
    if y is None and noise is not None:
        k = k + noise * jnp.eye(x.shape[0])
    return k


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
    form=decided({"ratio": 3, "normalise": 2, "einsum": 1}),
    sizes={"d": (1, 1, 2, 4), "n": (5, 6, 8, 10), "m": (4, 5, 6, 8, 10, 12)},
)
def kernel_smoother(
    x_train, y_train, x_test, lengthscale, weights=None, mask=None, *, kind="rbf", form="ratio"
):
    """Nadaraya-Watson regression: averages of the observations, weighted by a kernel.

    Args:
        x_train: points with observations, of shape (n, d).
        y_train: the observations.
        x_test: points to predict at, of shape (m, d).
        lengthscale: bandwidth of each feature.
        weights: weight of each observation.
        mask: which observations there are.
    """
    k = base_kernel(x_test, x_train, lengthscale, kind)
    if weights is not None:
        k = k * weights
    if mask is not None:
        k = jnp.where(mask, k, 0.0)
    if form == "normalise":
        k = k / (jnp.sum(k, axis=1, keepdims=True) + 1e-6)
        return k @ y_train
    total = jnp.sum(k, axis=1) + 1e-6
    if form == "einsum":
        return jnp.einsum("mn,n->m", k, y_train) / total
    return k @ y_train / total


@family(
    "reduction",
    "contraction",
    x_train="n",
    y_train="n",
    x_test="m",
    bandwidth="in 0.7..1.5",
    weights="? n in 0.2..1",
    kernel={"gaussian": 4, "cauchy": 1, "logistic": 1},
    form=decided({"moments": 3, "centred": 2}),
    sizes={"n": (6, 8, 10, 12), "m": (4, 5, 6, 8)},
)
def local_linear(
    x_train,
    y_train,
    x_test,
    bandwidth,
    weights=None,
    *,
    kernel="gaussian",
    form="moments",
):
    """Local linear regression: a line through the neighbourhood of each point.

    Args:
        x_train: points with observations, of shape (n,).
        y_train: the observations.
        x_test: points to predict at, of shape (m,).
        bandwidth: width of the kernel.
        weights: weight of each observation.
    """
    offset = x_train[None, :] - x_test[:, None]
    z = offset / bandwidth
    if kernel == "cauchy":
        k = 1.0 / (1.0 + jnp.square(z))
    elif kernel == "logistic":
        k = jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)
    else:
        k = jnp.exp(-0.5 * jnp.square(z))
    if weights is not None:
        k = k * weights
    if form == "moments":
        s0 = jnp.sum(k, axis=1)
        s1 = jnp.sum(k * offset, axis=1)
        s2 = jnp.sum(k * jnp.square(offset), axis=1)
        t0 = k @ y_train
        t1 = (k * offset) @ y_train
        return (s2 * t0 - s1 * t1) / (s0 * s2 - jnp.square(s1) + 1e-3)
    k = k / (jnp.sum(k, axis=1, keepdims=True) + 1e-6)
    mean = k @ y_train
    center = jnp.sum(k * offset, axis=1)
    deviation = offset - center[:, None]
    spread = jnp.sum(k * jnp.square(deviation), axis=1)
    slope = (k * deviation) @ y_train / (spread + 1e-3)
    return mean - center * slope
