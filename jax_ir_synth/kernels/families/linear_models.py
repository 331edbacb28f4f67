"""Families: regression, decompositions, linear filters and iterative linear algebra."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
ridge_regression: ridge_regression 5, fit_ridge 3, ridge 2, ridge_fit 2
bayesian_linear_regression: bayesian_linear_regression 5, blr 2, bayesian_regression 3, blr_posterior 2
newton_step: newton_step 5, irls_step 4, fisher_scoring_step 2, irls_update 2
glm_loss: glm_loss 4, glm_objective 2, regression_loss 3, negative_log_likelihood 3
principal_components: principal_components 4, pca 6, fit_pca 2
whiten: whiten 6, whitening 2, whiten_features 2, decorrelate 2
discriminant_scores: discriminant_scores 4, lda 3, gaussian_classifier 2, lda_scores 1
mvn_log_prob: mvn_log_prob 5, multivariate_normal_logpdf 4, mvn_logpdf 3, gaussian_log_prob 1
kalman_step: kalman_step 5, kalman_predict_update 2, kf_step 3, filter_step 2
kalman_filter: kalman_filter 6, run_filter 1, kf 2, filter_observations 1
local_level: local_level 4, local_level_filter 4, scalar_kalman_filter 2
linear_solver: linear_solver 3, conjugate_gradient 3, iterative_solve 4, solve_iteratively 1
power_iteration: power_iteration 6, power_method 4, dominant_eigenvector 2, leading_eigenvector 1
orthogonalize: orthogonalize 4, gram_schmidt 6, orthonormalize 2
gradient_descent_fit: gradient_descent_fit 3, fit 3, train 2, fit_linear_model 3, minimize_loss 1
weights: weights 6, sample_weight 2, sample_weights 2
gram: gram 4, xtx 2, A 2, lhs 1
residual: residual 5, resid 2, r 2, error 1
fitted: fitted 4, y_hat 3, predictions 2
precision: precision 5, inv_cov 1
cov: cov 6, covariance 2, sigma 1
chol: chol 5, L 5
mean: mean 6, mu 3
eta: eta 5, linear 1, logits 1
curvature: curvature 3, working_weights 3, hess_weights 1
gradient: gradient 4, grad 5, g 1
hessian: hessian 5, hess 3, H 2
values: values 3, eigvals 4, eigenvalues 3
vectors: vectors 3, eigvecs 4, eigenvectors 3
components: components 5, basis 2, directions 1
transition: transition 5, F 3, A 2, dynamics_matrix 1
observation: observation 5, H 4, C 2, emission_matrix 1
process_noise: process_noise 5, q 3, Q 2
observation_noise: observation_noise 5, r 3, R 2
innovation: innovation 5, resid 1, y_tilde 1
gain: gain 5, K 4, kalman_gain 2
iterations: iterations 4, num_steps 3, num_iters 4, max_iter 1
x: x 6, X 5
y: y 8, targets 2
w: w 6, beta 2, coef 2
x_test: x_test 5, x_new 3, X_test 2
penalty: penalty 4, lam 3, alpha 2, l2 2
moment: moment 2, xty 3, rhs 2
mask: mask 8, valid 2, observed 1
variance: variance 5, var 5
inputs: inputs 1
mu: mu 6, mean 1
delta: delta 4, step 4
kf_predict: kf_predict 3, predict 5, time_update 1
kf_update: kf_update 3, update 5, measurement_update 1
measurement: measurement 3, z 4, y 4
measurements: measurements 4, zs 2, ys 3, observations 3
series: series 3, ys 5, y 2
newton_schulz: newton_schulz 5, matrix_newton 1, newton_schulz_iteration 2
matrix_series: matrix_series 3, power_series 2, matrix_power_series 1
matvec: matvec 6, apply 2, matmul 1
learning_rate: learning_rate 6, lr 4, step_size 3
"""


@family(
    "compound",
    x="n d",
    y="n",
    weights="? n in 0.3..1.5",
    prior="? d in -1..1",
    x_test="? m d",
    intercept={"none": 3, "center": 2},
    scale={False: 4, True: 1},
    solver={"solve": 4, "cho_solve": 3, "inverse": 1, "qr": 2},
    penalty={0.1: 2, 0.5: 2, 0.01: 1, 1e-3: 1},
    per_sample={False: 3, True: 1},
    output={"weights": 4, "fitted": 2, "error": 2, "residual": 1, "both": 1},
    sizes={"n": (6, 8, 10, 12), "d": (2, 4, 5), "m": (4, 5, 6)},
    only="float32",
    weight=14,
)
def ridge_regression(
    x,
    y,
    weights=None,
    prior=None,
    x_test=None,
    *,
    intercept="none",
    scale=False,
    solver="solve",
    penalty=0.1,
    per_sample=False,
    output="weights",
):
    """Least squares with a quadratic penalty.

    Args:
        x: inputs, a row for each observation.
        y: the observations.
        weights: weight of each observation.
        prior: the coefficients that aren't penalised.
        x_test: inputs to predict at.
        penalty: strength of the penalty.
    """
    n, d = x.shape
    if scale:
        x = x / jnp.sqrt(jnp.mean(jnp.square(x), axis=0) + 1e-6)
    inputs, targets = x, y
    if intercept == "center":
        # Centered data have no intercept.
        mean_x, mean_y = jnp.mean(x, axis=0), jnp.mean(y)
        x, y = x - mean_x, y - mean_y
    if prior is not None:
        y = y - x @ prior
    if weights is not None:
        root = jnp.sqrt(weights)
        x, y = root[:, None] * x, root * y
    if per_sample:
        strength = n * penalty
    else:
        strength = penalty
    if solver == "qr":
        # The penalty as more observations, all of which are zero.
        augmented = jnp.concatenate([x, jnp.sqrt(strength) * jnp.eye(d)])
        q, r = jnp.linalg.qr(augmented)
        w = jax.scipy.linalg.solve_triangular(r, q[:n].T @ y)
    else:
        gram = x.T @ x + strength * jnp.eye(d)
        moment = x.T @ y
        if solver == "cho_solve":
            w = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(gram), moment)
        elif solver == "inverse":
            w = jnp.linalg.inv(gram) @ moment
        else:
            w = jnp.linalg.solve(gram, moment)
    if prior is not None:
        w = w + prior
    if x_test is not None:
        fitted = x_test @ w
        if intercept == "center":
            fitted = fitted + mean_y - mean_x @ w
        return fitted
    if output == "weights":
        return w
    fitted = inputs @ w
    if intercept == "center":
        fitted = fitted + mean_y - mean_x @ w
    if output == "fitted":
        return fitted
    residual = targets - fitted
    if output == "both":
        return w, residual
    if output == "residual":
        return residual
    return jnp.mean(jnp.square(residual))


@family(
    "compound",
    x="n d",
    y="n",
    prior_mean="? d in -1..1",
    noise="? in 0.4..1.2",
    x_test="? m d",
    prior_precision={0.1: 1, 0.5: 1, 2.0: 1},
    noise_precision={10.0: 1, 2.0: 1, 4.0: 1},
    basis={"linear": 4, "tanh": 1, "square": 1, "fourier": 1},
    intercept={False: 2, True: 1},
    solver={"solve": 1, "cholesky": 4, "inverse": 3},
    output={"posterior": 3, "predictive": 4, "evidence": 2, "mean": 2},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4), "m": (4, 5)},
    only="float32",
)
def bayesian_linear_regression(
    x,
    y,
    prior_mean=None,
    noise=None,
    x_test=None,
    *,
    prior_precision=0.5,
    noise_precision=2.0,
    basis="linear",
    intercept=False,
    solver="solve",
    output="posterior",
):
    """Posterior of the coefficients of a linear model, or what follows from it.

    Args:
        x: inputs, a row for each observation.
        y: the observations.
        prior_mean: what is expected of the coefficients.
        noise: standard deviation of the observations' errors.
        x_test: inputs to predict at.
    """
    if basis == "tanh":
        x = jnp.tanh(x)
    elif basis == "square":
        x = x + 0.5 * jnp.square(x)
    elif basis == "fourier":
        x = jnp.sin(x)
    n, d = x.shape
    if prior_mean is not None:
        y = y - x @ prior_mean
    if intercept:
        # The intercept is known well enough to be taken as the mean.
        offset = jnp.mean(y)
        y = y - offset
    noise_weight = noise_precision if noise is None else 1.0 / jnp.square(noise)
    precision = prior_precision * jnp.eye(d) + noise_weight * x.T @ x
    moment = noise_weight * x.T @ y
    if solver == "cholesky":
        factor = jax.scipy.linalg.cho_factor(precision, lower=True)
        mean = jax.scipy.linalg.cho_solve(factor, moment)
        cov = jax.scipy.linalg.cho_solve(factor, jnp.eye(d))
    elif solver == "inverse":
        cov = jnp.linalg.inv(precision)
        mean = cov @ moment
    else:
        mean = jnp.linalg.solve(precision, moment)
        cov = jnp.linalg.solve(precision, jnp.eye(d))
    if x_test is not None:
        if basis == "tanh":
            x_test = jnp.tanh(x_test)
        elif basis == "square":
            x_test = x_test + 0.5 * jnp.square(x_test)
        elif basis == "fourier":
            x_test = jnp.sin(x_test)
        fitted = x_test @ mean
        if prior_mean is not None:
            fitted = fitted + x_test @ prior_mean
        if intercept:
            fitted = fitted + offset
        if output == "mean":
            return fitted
        return fitted, 1.0 / noise_weight + jnp.sum((x_test @ cov) * x_test, axis=1)
    if output == "evidence":
        residual = y - x @ mean
        energy = noise_weight * jnp.sum(jnp.square(residual)) + prior_precision * jnp.sum(
            jnp.square(mean)
        )
        if solver == "cholesky":
            log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(factor[0])))
        else:
            log_det = jnp.linalg.slogdet(precision)[1]
        return 0.5 * (d * jnp.log(prior_precision) + n * jnp.log(noise_weight) - energy - log_det)
    if prior_mean is not None:
        mean = mean + prior_mean
    if output == "mean":
        return mean
    return mean, cov


@family(
    "compound",
    w="d in -0.5..0.5",
    x="n d in -1.5..1.5",
    y="n in 0..1",
    weights="? n in 0.3..1.5",
    offset="? n in -0.5..0.5",
    prior_mean="? d in -0.5..0.5",
    model={"logistic": 5, "poisson": 4, "softplus": 1, "gamma": 1},
    penalty={0.1: 2, 0.5: 1, 0.01: 2},
    damping={None: 4, 0.5: 1, 0.8: 1},
    solver={"solve": 4, "cho_solve": 3, "inverse": 1},
    form={"newton": 3, "irls": 2},
    limit={None: 4, 1.0: 1},
    output={"weights": 4, "step": 1, "decrement": 1, "std_errors": 1},
    sizes={"n": (6, 8, 10, 12), "d": (2, 4, 5)},
    only="float32",
    weight=14,
)
def newton_step(
    w,
    x,
    y,
    weights=None,
    offset=None,
    prior_mean=None,
    *,
    model="logistic",
    penalty=0.1,
    damping=None,
    solver="solve",
    form="newton",
    limit=None,
    output="weights",
):
    """A Newton step for the coefficients of a generalised linear model.

    Args:
        w: the coefficients.
        x: inputs, a row for each observation.
        y: the observations.
        weights: weight of each observation.
        offset: what is added to each linear predictor.
        prior_mean: the coefficients that aren't penalised.
    """
    eta = x @ w
    if offset is not None:
        eta = eta + offset
    if limit is not None:
        eta = jnp.clip(eta, -limit, limit)
    if model == "logistic":
        mu = jax.nn.sigmoid(eta)
        score, curvature = y - mu, mu * (1.0 - mu)
    elif model == "poisson":
        mu = jnp.exp(eta)
        score, curvature = y - mu, mu
    elif model == "gamma":
        # With a log link, the observed curvature isn't the expected one.
        mu = jnp.exp(eta)
        score, curvature = y / mu - 1.0, y / mu
    else:
        mu, slope = jax.nn.softplus(eta), jax.nn.sigmoid(eta)
        score, curvature = slope * (y - mu), jnp.square(slope)
    if weights is not None:
        score, curvature = weights * score, weights * curvature
    hessian = (curvature[:, None] * x).T @ x + penalty * jnp.eye(w.shape[0])
    if prior_mean is None:
        gradient = x.T @ score - penalty * w
    else:
        gradient = x.T @ score - penalty * (w - prior_mean)
    if form == "irls":
        # The same step as a weighted least-squares problem.
        rhs = hessian @ w + gradient
    else:
        rhs = gradient
    if solver == "cho_solve":
        solved = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(hessian), rhs)
    elif solver == "inverse":
        solved = jnp.linalg.inv(hessian) @ rhs
    else:
        solved = jnp.linalg.solve(hessian, rhs)
    delta = solved - w if form == "irls" else solved
    if damping is not None:
        delta = damping * delta
    if output == "step":
        return delta
    if output == "decrement":
        return w + delta, 0.5 * gradient @ delta
    if output == "std_errors":
        return w + delta, jnp.sqrt(jnp.diag(jnp.linalg.inv(hessian)))
    return w + delta


def penalty_value(w, kind="l2", strength=0.1):
    if kind == "l2":
        return 0.5 * strength * jnp.sum(jnp.square(w))
    if kind == "l1":
        return strength * jnp.sum(jnp.abs(w))
    if kind == "elastic":
        return strength * jnp.sum(0.5 * jnp.abs(w) + 0.25 * jnp.square(w))
    # Neighbouring coefficients should be alike.
    return 0.5 * strength * jnp.sum(jnp.square(jnp.diff(w)))


def penalty_gradient(w, kind="l2", strength=0.1):
    if kind == "l2":
        return strength * w
    if kind == "l1":
        return strength * jnp.sign(w)
    if kind == "elastic":
        return 0.5 * strength * (jnp.sign(w) + w)
    steps = jnp.diff(w)
    return strength * (jnp.pad(steps, (1, 0)) - jnp.pad(steps, (0, 1)))


@family(
    "reduction",
    w="d in -1..1",
    x="n d",
    y="n in 0..1",
    bias="? in -1..1",
    weights="? n in 0.3..1.5",
    mask="? n bool",
    model={
        "logistic": 4,
        "poisson": 3,
        "gaussian": 2,
        "huber": 1,
        "hinge": 1,
        "expectile": 1,
        "probit": 1,
    },
    regularizer={"none": 2, "l2": 3, "l1": 1, "elastic": 1, "smooth": 1},
    smooth_labels={False: 4, True: 1},
    reduction={"mean": 3, "sum": 1},
    output={"loss": 4, "gradient": 2, "both": 2},
    sizes={"d": (2, 4, 5, 6, 8), "n": (5, 6, 8, 10, 12, 16)},
)
def glm_loss(
    w,
    x,
    y,
    bias=None,
    weights=None,
    mask=None,
    *,
    model="logistic",
    regularizer="l2",
    smooth_labels=False,
    reduction="mean",
    output="loss",
):
    """Penalised loss of a linear model, or its gradient.

    Args:
        w: the coefficients.
        x: inputs, a row for each observation.
        y: the observations.
        bias: the intercept.
        weights: weight of each observation.
        mask: which observations count.
    """
    eta = x @ w
    if bias is not None:
        eta = eta + bias
    if smooth_labels:
        y = 0.9 * y + 0.05
    if model == "logistic":
        losses = jax.nn.softplus(eta) - y * eta
        slopes = jax.nn.sigmoid(eta) - y
    elif model == "poisson":
        mu = jnp.exp(eta)
        losses = mu - y * eta
        slopes = mu - y
    elif model == "gaussian":
        losses = 0.5 * jnp.square(eta - y)
        slopes = eta - y
    elif model == "huber":
        residual = eta - y
        slopes = jnp.clip(residual, -1.0, 1.0)
        losses = slopes * (residual - 0.5 * slopes)
    elif model == "hinge":
        sign = 2.0 * y - 1.0
        margin = jax.nn.relu(1.0 - sign * eta)
        losses = 0.5 * jnp.square(margin)
        slopes = -sign * margin
    elif model == "expectile":
        # Too small a prediction costs more.
        residual = eta - y
        costs = jnp.where(residual < 0, 0.7, 0.3)
        losses = costs * jnp.square(residual)
        slopes = 2.0 * costs * residual
    else:
        residual = 0.5 * (1.0 + jax.lax.erf(eta / jnp.sqrt(2.0))) - y
        losses = jnp.square(residual)
        slopes = 2.0 * residual * jnp.exp(-0.5 * jnp.square(eta)) / jnp.sqrt(2.0 * jnp.pi)
    if weights is not None:
        losses = weights * losses
        slopes = weights * slopes
    if mask is not None:
        losses = jnp.where(mask, losses, 0.0)
        slopes = jnp.where(mask, slopes, 0.0)
    if reduction == "sum":
        loss = jnp.sum(losses)
        gradient = x.T @ slopes
    else:
        loss = jnp.mean(losses)
        gradient = x.T @ slopes / y.shape[0]
    if regularizer != "none":
        loss = loss + penalty_value(w, regularizer)
        gradient = gradient + penalty_gradient(w, regularizer)
    if output == "gradient":
        return gradient
    if output == "both":
        return loss, gradient
    return loss


@family(
    "compound",
    x="n d",
    weights="? n in 0.3..1.5",
    mean="? d in -0.5..0.5",
    points="? m d",
    method={"eigh": 2, "svd": 1},
    rank={1: 2, 2: 3},
    scale={False: 3, True: 1},
    ridge={None: 3, 0.1: 1},
    output={
        "reconstruction": 3,
        "variance": 3,
        "ratio": 2,
        "energy": 1,
        "residual": 2,
        "entropy": 1,
        "projector": 1,
    },
    sizes={"n": (5, 6, 8, 10), "d": (4, 5, 6), "m": (4, 5)},
    only="float32",
)
def principal_components(
    x,
    weights=None,
    mean=None,
    points=None,
    *,
    method="eigh",
    rank=2,
    scale=False,
    ridge=None,
    output="reconstruction",
):
    """What the first principal components say of a sample.

    Args:
        x: the sample, a row for each observation.
        weights: weight of each observation.
        mean: the mean of the sample, where it is known.
        points: other points, which are projected instead.
    """
    n, d = x.shape
    if mean is None:
        mean = jnp.mean(x, axis=0)
    x = x - mean
    if scale:
        x = x / jnp.sqrt(jnp.mean(jnp.square(x), axis=0) + 1e-3)
    if weights is None:
        cov = x.T @ x / n
    else:
        cov = (weights[:, None] * x).T @ x / jnp.sum(weights)
    if ridge is not None:
        cov = cov + ridge * jnp.eye(d)
    if method == "svd":
        # The singular values of a covariance are its eigenvalues, the largest first.
        vectors, values, _ = jnp.linalg.svd(cov)
        components = vectors[:, :rank]
    else:
        values, vectors = jnp.linalg.eigh(cov)
        values = values[::-1]
        components = vectors[:, ::-1][:, :rank]
    if points is not None:
        return mean + (points - mean) @ components @ components.T
    if output == "variance":
        return values[:rank]
    if output == "ratio":
        return values[:rank] / jnp.sum(values)
    if output == "entropy":
        p = values / jnp.sum(values)
        return -jnp.sum(p * jnp.log(p + 1e-6))
    if output == "projector":
        return components @ components.T
    if output == "energy":
        return jnp.sum(jnp.square(x @ components), axis=1)
    reconstruction = x @ components @ components.T
    if output == "residual":
        return jnp.sum(jnp.square(x - reconstruction), axis=1)
    return mean + reconstruction


@family(
    "compound",
    x="m d",
    reference="n d",
    scale="? d in 0.5..1.5",
    shift="? d",
    running="? d d in -0.5..0.5",
    method={"zca": 2, "cholesky": 4, "pca": 1},
    center={"reference": 3, "none": 2, "own": 1},
    shrinkage={None: 3, 0.1: 1, 0.2: 1},
    eps={0.1: 2, 0.05: 1, 0.01: 1},
    limit={None: 3, 3.0: 1},
    output={"points": 4, "norms": 2},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5), "m": (4, 5, 6)},
    only="float32",
)
def whiten(
    x,
    reference,
    scale=None,
    shift=None,
    running=None,
    *,
    method="zca",
    center="reference",
    shrinkage=None,
    eps=0.1,
    limit=None,
    output="points",
):
    """Maps points so that a reference sample gets a covariance near the identity.

    Args:
        x: the points, a row each.
        reference: the sample, a row for each observation.
        scale: what each feature is multiplied by afterwards.
        shift: what is added to each feature afterwards.
        running: a factor of the covariance of earlier samples.
    """
    n, d = reference.shape
    mean = jnp.mean(reference, axis=0)
    centered = reference - mean
    cov = centered.T @ centered / n
    if running is not None:
        cov = 0.9 * cov + 0.1 * running @ running.T
    if shrinkage is not None:
        cov = cov + shrinkage * (jnp.diag(jnp.diag(cov)) - cov)
    cov = cov + eps * jnp.eye(d)
    if center == "reference":
        x = x - mean
    elif center == "own":
        x = x - jnp.mean(x, axis=0)
    if method == "cholesky":
        chol = jnp.linalg.cholesky(cov)
        z = jax.scipy.linalg.solve_triangular(chol, x.T, lower=True).T
    elif method == "pca":
        values, vectors = jnp.linalg.eigh(cov)
        # Squares, since the sign of an eigenvector means nothing.
        z = jnp.square(x @ vectors) / values
    else:
        values, vectors = jnp.linalg.eigh(cov)
        z = x @ (vectors / jnp.sqrt(values)) @ vectors.T
    if limit is not None:
        z = jnp.clip(z, -limit, limit)
    if scale is not None:
        z = scale * z
    if shift is not None:
        z = z + shift
    if output == "norms":
        return jnp.sqrt(jnp.sum(jnp.square(z), axis=1) + 1e-6)
    return z


@family(
    "compound",
    x="m d",
    means="c d",
    factor="d d in -0.7..0.7",
    log_prior="? c in -1.5..0",
    counts="? c in 1..5",
    ridge={0.5: 2, 0.3: 1, 0.1: 1},
    solver={"solve": 2, "cholesky": 4, "inverse": 2},
    kind={"linear": 4, "mahalanobis": 2, "nearest": 1},
    output={"scores": 3, "log_posterior": 3, "posterior_entropy": 1, "margin": 1},
    temperature={None: 3, 2.0: 1},
    sizes={"d": (2, 4, 5), "c": (2, 4, 5), "m": (4, 5, 6, 8)},
    only="float32",
)
def discriminant_scores(
    x,
    means,
    factor,
    log_prior=None,
    counts=None,
    *,
    ridge=0.5,
    solver="solve",
    kind="linear",
    output="scores",
    temperature=None,
):
    """Scores points by the Gaussian classes that they may belong to.

    Args:
        x: points, a row each.
        means: mean of each class.
        factor: a factor of the covariance that the classes share.
        log_prior: log-probability of each class.
        counts: how many observations each class had.
    """
    cov = factor @ factor.T + ridge * jnp.eye(x.shape[1])
    if kind == "linear":
        if solver == "cholesky":
            w = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(cov), means.T)
        elif solver == "inverse":
            w = jnp.linalg.inv(cov) @ means.T
        else:
            w = jnp.linalg.solve(cov, means.T)
        scores = x @ w - 0.5 * jnp.sum(means.T * w, axis=0)
    else:
        diff = x[:, None, :] - means[None, :, :]
        if solver == "cholesky":
            chol = jnp.linalg.cholesky(cov)
            flat = diff.reshape(-1, x.shape[1])
            z = jax.scipy.linalg.solve_triangular(chol, flat.T, lower=True)
            distances = jnp.sum(jnp.square(z), axis=0).reshape(diff.shape[:2])
        else:
            precision = jnp.linalg.inv(cov)
            distances = jnp.einsum("mcd,de,mce->mc", diff, precision, diff)
        if kind == "nearest":
            scores = -jnp.sqrt(distances + 1e-6)
        else:
            scores = -0.5 * distances
    if log_prior is not None:
        scores = scores + log_prior
    if counts is not None:
        scores = scores + jnp.log(counts / jnp.sum(counts))
    if temperature is not None:
        scores = scores / temperature
    if output == "log_posterior":
        return jax.nn.log_softmax(scores, axis=-1)
    if output == "posterior_entropy":
        log_p = jax.nn.log_softmax(scores, axis=-1)
        return -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
    if output == "margin":
        return scores[:, 0] - jax.nn.logsumexp(scores[:, 1:], axis=-1)
    return scores


@family(
    "compound",
    "reduction",
    x="n d",
    mean="d",
    factor="d d in -0.7..0.7",
    weights="? n in 0.2..1",
    scale="? d in 0.6..1.4",
    parameter={"covariance": 4, "cholesky": 2, "precision": 2, "low_rank": 1},
    kind={"normal": 5, "student_t": 2},
    method={"triangular": 4, "solve": 2, "inverse": 1},
    output={"log_prob": 5, "distance": 2, "squared_distance": 2, "whitened": 1},
    reduction={"none": 3, "mean": 2, "sum": 1},
    constant={True: 2, False: 1},
    sizes={"d": (2, 4, 5), "n": (4, 5, 6, 8, 10)},
    only="float32",
    weight=14,
)
def mvn_log_prob(
    x,
    mean,
    factor,
    weights=None,
    scale=None,
    *,
    parameter="covariance",
    kind="normal",
    method="triangular",
    output="log_prob",
    reduction="none",
    constant=True,
):
    """Log-density of points under an elliptical distribution, or their distances from its mean.

    Args:
        x: points, a row each.
        mean: the mean of the distribution.
        factor: what the covariance is made of.
        weights: weight of each point.
        scale: what each feature is divided by.
    """
    d = x.shape[-1]
    diff = x - mean
    if scale is not None:
        diff = diff / scale
    if parameter == "precision":
        precision = factor @ factor.T + 0.5 * jnp.eye(d)
        distances = jnp.sum((diff @ precision) * diff, axis=-1)
        log_det = -jnp.linalg.slogdet(precision)[1]
    else:
        if parameter == "cholesky":
            # A positive diagonal makes any matrix a Cholesky factor.
            chol = jnp.tril(factor, -1) + jnp.diag(jax.nn.softplus(jnp.diag(factor)))
            cov = chol @ chol.T
        elif parameter == "low_rank":
            cov = factor[:, :1] @ factor[:, :1].T + jnp.diag(0.5 + jnp.square(factor[:, 1]))
            chol = jnp.linalg.cholesky(cov)
        else:
            cov = factor @ factor.T + 0.5 * jnp.eye(d)
            chol = jnp.linalg.cholesky(cov)
        log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
        if method == "triangular":
            z = jax.scipy.linalg.solve_triangular(chol, diff.T, lower=True)
            distances = jnp.sum(jnp.square(z), axis=0)
        elif method == "inverse":
            distances = jnp.einsum("nd,de,ne->n", diff, jnp.linalg.inv(cov), diff)
        else:
            distances = jnp.sum(diff * jnp.linalg.solve(cov, diff.T).T, axis=-1)
    if output == "squared_distance":
        return distances if weights is None else weights * distances
    if output == "distance":
        distance = jnp.sqrt(distances + 1e-6)
        return distance if weights is None else weights * distance
    if kind == "student_t":
        # With four degrees of freedom.
        log_prob = -0.5 * (4.0 + d) * jnp.log1p(distances / 4.0) - 0.5 * log_det
    else:
        log_prob = -0.5 * (distances + log_det)
        if constant:
            log_prob = log_prob - 0.5 * d * jnp.log(2.0 * jnp.pi)
    if scale is not None:
        log_prob = log_prob - jnp.sum(jnp.log(scale))
    if weights is not None:
        log_prob = weights * log_prob
    if reduction == "mean":
        return -jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    return log_prob


def dynamics(state, transition):
    return state + 0.5 * jnp.tanh(transition @ state)


def dynamics_jacobian(state, transition):
    slopes = 1.0 - jnp.square(jnp.tanh(transition @ state))
    return jnp.eye(state.shape[0]) + 0.5 * slopes[:, None] * transition


def kf_predict(mean, cov, transition, process_noise, nonlinear=False):
    if nonlinear:
        # Linearise the dynamics at the mean.
        jacobian = dynamics_jacobian(mean, transition)
        cov = jacobian @ cov @ jacobian.T + jnp.diag(process_noise)
        return dynamics(mean, transition), cov
    mean = transition @ mean
    cov = transition @ cov @ transition.T + jnp.diag(process_noise)
    return mean, cov


def kf_update(mean, cov, measurement, observation, observation_noise, form="standard"):
    innovation = measurement - observation @ mean
    s = observation @ cov @ observation.T + jnp.diag(observation_noise)
    gain = jnp.linalg.solve(s, observation @ cov).T
    mean = mean + gain @ innovation
    if form == "joseph":
        # Joseph's form stays symmetric and positive.
        reduced = jnp.eye(cov.shape[0]) - gain @ observation
        cov = reduced @ cov @ reduced.T + gain @ jnp.diag(observation_noise) @ gain.T
    elif form == "symmetric":
        cov = cov - gain @ s @ gain.T
    else:
        cov = cov - gain @ observation @ cov
    return mean, cov


def innovation_log_prob(mean, cov, measurement, observation, observation_noise):
    innovation = measurement - observation @ mean
    s = observation @ cov @ observation.T + jnp.diag(observation_noise)
    chol = jnp.linalg.cholesky(s)
    z = jax.scipy.linalg.solve_triangular(chol, innovation, lower=True)
    log_det = 2.0 * jnp.sum(jnp.log(jnp.diag(chol)))
    size = innovation.shape[0]
    return -0.5 * (jnp.sum(jnp.square(z)) + log_det + size * jnp.log(2.0 * jnp.pi))


@family(
    "compound",
    mean="d",
    variances="d in 0.5..1.5",
    measurement="k",
    transition="d d in -0.8..0.8",
    observation="k d in -1..1",
    process_noise="d in 0.1..0.6",
    observation_noise="k in 0.4..1.2",
    control="? d in -0.5..0.5",
    covariance_factor="? d d in -0.4..0.4",
    nonlinear={False: 3, True: 1},
    form={"standard": 3, "joseph": 2, "symmetric": 2},
    order={"predict_first": 4, "update_first": 2},
    fading={None: 4, 1.05: 1, 1.1: 1},
    output={"moments": 5, "std": 1, "log_prob": 2},
    sizes={"d": (2, 4), "k": (1, 2)},
    only="float32",
)
def kalman_step(
    mean,
    variances,
    measurement,
    transition,
    observation,
    process_noise,
    observation_noise,
    control=None,
    covariance_factor=None,
    *,
    nonlinear=False,
    form="standard",
    order="predict_first",
    fading=None,
    output="moments",
):
    """One step of a Kalman filter.

    Args:
        mean: mean of the state.
        variances: variance of each part of the state.
        measurement: what is observed.
        transition: how the state changes.
        observation: how the state is observed.
        process_noise: variances of the noise of the state.
        observation_noise: variances of the noise of the observation.
        control: what is added to the state.
        covariance_factor: a factor of what the covariance has beside the variances.
    """
    cov = jnp.diag(variances)
    if covariance_factor is not None:
        cov = cov + covariance_factor @ covariance_factor.T
    if order == "update_first":
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
    mean, cov = kf_predict(mean, cov, transition, process_noise, nonlinear=nonlinear)
    if control is not None:
        mean = mean + control
    if fading is not None:
        # What is long ago counts less.
        cov = fading * cov
    if order == "predict_first":
        if output == "log_prob":
            log_prob = innovation_log_prob(mean, cov, measurement, observation, observation_noise)
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
        if output == "log_prob":
            return mean, log_prob
    if output == "std":
        return mean, jnp.sqrt(jnp.diag(cov))
    return mean, cov


@family(
    "compound",
    measurements="t k",
    transition="d d in -0.7..0.7",
    observation="k d in -1..1",
    process_noise="d in 0.2..0.6",
    observation_noise="k in 0.5..1.2",
    initial_mean="? d",
    controls="? t d in -0.5..0.5",
    nonlinear={False: 4, True: 1},
    form={"standard": 3, "joseph": 2, "symmetric": 2},
    initial_variance={10.0: 1, 2.0: 1, 0.5: 1},
    output={"means": 4, "final": 2, "variances": 2, "predictions": 1, "errors": 1},
    sizes={"d": (2, 2, 4), "k": (1, 2), "t": (4, 5, 6, 8)},
    only="float32",
)
def kalman_filter(
    measurements,
    transition,
    observation,
    process_noise,
    observation_noise,
    initial_mean=None,
    controls=None,
    *,
    nonlinear=False,
    form="standard",
    initial_variance=2.0,
    output="means",
):
    """Estimates a state from a sequence of observations.

    Args:
        measurements: what is observed, a row for each time.
        transition: how the state changes.
        observation: how the state is observed.
        process_noise: variances of the noise of the state.
        observation_noise: variances of the noise of the observations.
        initial_mean: what the state is expected to be at first.
        controls: what is added to the state at each time.
    """
    d = transition.shape[0]

    def step(carry, measurement):
        mean, cov = carry
        if controls is not None:
            measurement, control = measurement
        mean, cov = kf_predict(mean, cov, transition, process_noise, nonlinear=nonlinear)
        if controls is not None:
            mean = mean + control
        expected = observation @ mean
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
        if output == "variances":
            return (mean, cov), (mean, jnp.diag(cov))
        if output == "predictions":
            return (mean, cov), expected
        if output == "errors":
            return (mean, cov), jnp.sum(jnp.square(measurement - expected))
        return (mean, cov), mean

    if initial_mean is None:
        carry = (jnp.zeros(d), initial_variance * jnp.eye(d))
    else:
        carry = (initial_mean, initial_variance * jnp.eye(d))
    carry, estimates = jax.lax.scan(
        step, carry, measurements if controls is None else (measurements, controls)
    )
    if output == "final":
        return carry
    if output == "errors":
        return jnp.mean(estimates)
    return estimates


@family(
    "loop",
    series="t",
    level_noise="in 0.1..0.8",
    noise="in 0.3..1.2",
    observed="? t bool",
    trend="? in -0.3..0.3",
    initial={"diffuse": 1, "first": 2, "zero": 2},
    damped={False: 3, True: 1},
    robust={False: 4, True: 1},
    output={"means": 3, "bands": 2, "log_prob": 3, "innovations": 1, "smoothed": 3, "forecast": 1},
    sizes={"t": (4, 5, 6, 8, 10)},
)
def local_level(
    series,
    level_noise,
    noise,
    observed=None,
    trend=None,
    *,
    initial="zero",
    damped=False,
    robust=False,
    output="means",
):
    """Filters a series whose level drifts.

    Args:
        series: an observation for each time.
        level_noise: standard deviation of the level's steps.
        noise: standard deviation of the observations' errors.
        observed: which observations there are.
        trend: how much the level rises at each step.
    """
    q, r = jnp.square(level_noise), jnp.square(noise)

    def step(carry, y):
        mean, variance = carry
        if observed is not None:
            y, is_observed = y
        if damped:
            # The level returns to zero by and by.
            mean = 0.9 * mean
            variance = 0.81 * variance
        if trend is not None:
            mean = mean + trend
        predicted = variance + q
        total = predicted + r
        innovation = y - mean
        if robust:
            # An outlier moves the level by no more than this.
            innovation = jnp.clip(innovation, -1.5, 1.5)
        gain = predicted / total
        if observed is not None:
            # Without an observation, nothing is learnt.
            gain = jnp.where(is_observed, gain, 0.0)
        mean = mean + gain * innovation
        variance = (1.0 - gain) * predicted
        if output == "log_prob":
            log_prob = -0.5 * (jnp.square(innovation) / total + jnp.log(2.0 * jnp.pi * total))
            if observed is not None:
                log_prob = jnp.where(is_observed, log_prob, 0.0)
            return (mean, variance), log_prob
        if output == "innovations":
            return (mean, variance), innovation / jnp.sqrt(total)
        if output == "smoothed":
            return (mean, variance), (mean, variance, predicted)
        return (mean, variance), (mean, variance)

    if initial == "first":
        carry = (series[0], r)
    elif initial == "diffuse":
        carry = (jnp.zeros_like(r), jnp.full_like(r, 10.0))
    else:
        carry = (jnp.zeros_like(r), jnp.ones_like(r))
    if observed is None:
        carry, results = jax.lax.scan(step, carry, series)
    else:
        carry, results = jax.lax.scan(step, carry, (series, observed))
    if output == "log_prob":
        return jnp.sum(results)
    if output == "innovations":
        return results
    if output == "forecast":
        mean, variance = carry
        return mean, jnp.sqrt(variance + q + r)
    if output == "smoothed":
        means, variances, predicted = results

        def smooth(later, current):
            mean, variance, next_variance = current
            mean = mean + variance / next_variance * (later - mean)
            return mean, mean

        # From the end, each level learns from the one after it.
        earlier = (means[:-1], variances[:-1], predicted[1:])
        _, smoothed = jax.lax.scan(smooth, means[-1], earlier, reverse=True)
        return jnp.append(smoothed, means[-1])
    means, variances = results
    if output == "bands":
        width = 2.0 * jnp.sqrt(variances)
        return means - width, means + width
    return means


@family(
    "loop",
    factor="n n in -0.6..0.6",
    b="n",
    x0="? n",
    diagonal="? n in 0.5..1.5",
    method={
        "conjugate_gradient": 5,
        "preconditioned": 2,
        "steepest_descent": 2,
        "richardson": 1,
        "jacobi": 1,
    },
    shift={0.5: 1, 0.1: 1, 2.0: 1},
    implicit={True: 1, False: 1},
    iterations=(2, 3, 4, 5),
    loop={"fori": 3, "scan": 2},
    output={"solution": 4, "residual": 1, "error": 2, "norms": 1, "energy": 1},
    sizes={"n": (4, 5, 6, 8)},
)
def linear_solver(
    factor,
    b,
    x0=None,
    diagonal=None,
    *,
    method="conjugate_gradient",
    shift=0.5,
    implicit=True,
    iterations=4,
    loop="fori",
    output="solution",
):
    """Solves a symmetric linear system by some iterations.

    Args:
        factor: a factor of the system's matrix.
        b: the right-hand side.
        x0: where to start.
        diagonal: what is added to the diagonal of the matrix.
    """
    if implicit:

        def matvec(v):
            if diagonal is None:
                return factor @ (factor.T @ v) + shift * v
            return factor @ (factor.T @ v) + diagonal * v

    else:
        if diagonal is None:
            matrix = factor @ factor.T + shift * jnp.eye(b.shape[0])
        else:
            matrix = factor @ factor.T + jnp.diag(diagonal)

        def matvec(v):
            return matrix @ v

    if method == "jacobi":
        inverse = 0.3 / (0.5 + jnp.sum(jnp.square(factor), axis=1))
    elif method == "preconditioned":
        inverse = 1.0 / (0.5 + jnp.sum(jnp.square(factor), axis=1))

    def body(state):
        if method == "conjugate_gradient":
            x, residual, direction = state
            product = matvec(direction)
            norm = residual @ residual
            rate = norm / (direction @ product + 1e-8)
            x = x + rate * direction
            residual = residual - rate * product
            direction = residual + (residual @ residual) / (norm + 1e-8) * direction
            return x, residual, direction
        if method == "preconditioned":
            x, residual, direction = state
            product = matvec(direction)
            norm = residual @ (inverse * residual)
            rate = norm / (direction @ product + 1e-8)
            x = x + rate * direction
            residual = residual - rate * product
            z = inverse * residual
            direction = z + (residual @ z) / (norm + 1e-8) * direction
            return x, residual, direction
        x, residual = state
        if method == "steepest_descent":
            rate = residual @ residual / (residual @ matvec(residual) + 1e-8)
            x = x + rate * residual
        elif method == "jacobi":
            x = x + inverse * residual
        else:
            x = x + 0.2 * residual
        return x, b - matvec(x)

    if x0 is None:
        x0 = jnp.zeros_like(b)
        residual = b
    else:
        residual = b - matvec(x0)
    if method == "conjugate_gradient":
        state = (x0, residual, residual)
    elif method == "preconditioned":
        state = (x0, residual, inverse * residual)
    else:
        state = (x0, residual)
    if loop == "scan":

        def scan_body(state, _):
            state = body(state)
            return state, jnp.sum(jnp.square(state[1]))

        state, norms = jax.lax.scan(scan_body, state, None, length=iterations)
        if output == "norms":
            return norms
    else:
        state = jax.lax.fori_loop(0, iterations, lambda _, state: body(state), state)
    if output == "error":
        return state[0], jnp.linalg.norm(b - matvec(state[0]))
    if output == "residual":
        return b - matvec(state[0])
    if output == "energy":
        return 0.5 * state[0] @ matvec(state[0]) - b @ state[0]
    return state[0]


@family(
    "loop",
    a="n n",
    v="n in 0.2..1",
    restart="? n in 0.2..1",
    kind={"symmetric": 4, "gram": 3, "markov": 3},
    iterations=(3, 4, 5, 6, 8),
    loop={"fori": 3, "scan": 2},
    norm={"l2": 3, "l1": 1, "max": 1},
    shift={None: 3, 0.5: 1, 2.0: 1},
    output={"pair": 3, "vector": 2, "value": 2, "deflated": 1},
    sizes={"n": (4, 5, 6, 8)},
)
def power_iteration(
    a,
    v,
    restart=None,
    *,
    kind="symmetric",
    iterations=5,
    loop="fori",
    norm="l2",
    shift=None,
    output="pair",
):
    """Approaches the leading eigenvector of a matrix by multiplying with it.

    Args:
        a: what the matrix is made of.
        v: where to start.
        restart: a vector to which each step returns in part.
    """
    if kind == "gram":
        matrix = a.T @ a
    elif kind == "markov":
        # Columns that sum to one.
        matrix = jax.nn.softmax(a, axis=0)
    else:
        matrix = 0.5 * (a + a.T)
    if shift is not None:
        matrix = matrix + shift * jnp.eye(a.shape[0])

    def step(v):
        u = matrix @ v
        if restart is not None:
            u = 0.85 * u + 0.15 * restart
        if norm == "l1":
            return u / (jnp.sum(jnp.abs(u)) + 1e-6)
        if norm == "max":
            return u / (jnp.max(jnp.abs(u)) + 1e-6)
        return u / jnp.sqrt(jnp.sum(jnp.square(u)) + 1e-6)

    if loop == "scan":
        v, _ = jax.lax.scan(lambda v, _: (step(v), None), v, None, length=iterations)
    else:
        v = jax.lax.fori_loop(0, iterations, lambda _, v: step(v), v)
    if output == "vector":
        return v
    # The Rayleigh quotient.
    value = v @ matrix @ v / (v @ v)
    if output == "value":
        return value
    if output == "deflated":
        return matrix - value * jnp.outer(v, v) / (v @ v)
    return value, v


@family(
    "contraction",
    "multi_statement",
    "reduction",
    a="k n",
    weights="? n in 0.3..1.5",
    x="? m n",
    method={"modified": 3, "classical": 3, "symmetric": 2},
    unit={True: 3, False: 1},
    twice={False: 4, True: 1},
    start={"none": 3, "center": 1, "scale": 1},
    steps=(2, 3),
    output={"basis": 3, "norms": 2, "projection": 2, "residual": 2},
    sizes={"k": (2, 4), "n": (5, 6, 8), "m": (4, 5)},
)
def orthogonalize(
    a,
    weights=None,
    x=None,
    *,
    method="modified",
    unit=True,
    twice=False,
    start="none",
    steps=2,
    output="basis",
):
    """Makes the rows of a matrix orthogonal.

    Args:
        a: the rows to begin with.
        weights: weight of each entry in products of rows.
        x: points that are projected onto the rows.
    """
    if start == "center":
        a = a - jnp.mean(a, axis=1, keepdims=True)
    elif start == "scale":
        a = a / (1e-3 + jnp.max(jnp.abs(a)))
    if weights is not None:
        a = jnp.sqrt(weights) * a
    if method == "symmetric":
        # Newton's iteration for the nearest matrix with orthonormal rows.
        basis = a / jnp.sqrt(jnp.sum(jnp.square(a)))
        for _ in range(steps):
            basis = 1.5 * basis - 0.5 * basis @ basis.T @ basis
    else:
        rows = []
        for i in range(a.shape[0]):
            v = a[i]
            for u in rows:
                if method == "classical":
                    v = v - (u @ a[i]) * u / (u @ u)
                else:
                    v = v - (u @ v) * u / (u @ u)
            if twice:
                # Once more, for what rounding has left.
                for u in rows:
                    v = v - (u @ v) * u / (u @ u)
            if unit:
                v = v / jnp.sqrt(jnp.sum(jnp.square(v)) + 1e-6)
            rows.append(v)
        basis = jnp.stack(rows)
    if x is not None:
        coefficients = x @ basis.T
        if output == "residual":
            return x - coefficients @ basis
        if output == "projection":
            return coefficients @ basis
        if output == "norms":
            return basis, jnp.sum(jnp.square(coefficients), axis=1)
        return coefficients
    if output == "norms":
        return basis, jnp.sum(a * basis, axis=1)
    return basis


def soft_threshold(x, threshold):
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)


@family(
    "loop",
    x="n d in -1..1",
    y="n in 0..1",
    w0="? d in -0.5..0.5",
    weights="? n in 0.3..1.5",
    loss={"squared": 4, "logistic": 3, "huber": 1, "poisson": 1},
    constraint={"none": 4, "l1": 2, "nonnegative": 1, "ball": 1},
    decay_weights={False: 3, True: 1},
    normalized={False: 4, True: 1},
    schedule={"constant": 4, "inverse": 1, "cosine": 1},
    learning_rate={0.1: 2, 0.3: 1, 0.5: 1},
    iterations=(3, 4, 5, 8),
    loop={"fori": 3, "scan": 3},
    output={"weights": 4, "history": 2, "loss": 2, "predictions": 1},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5, 6)},
)
def gradient_descent_fit(
    x,
    y,
    w0=None,
    weights=None,
    *,
    loss="squared",
    constraint="none",
    decay_weights=False,
    normalized=False,
    schedule="constant",
    learning_rate=0.1,
    iterations=5,
    loop="fori",
    output="weights",
):
    """Fits a linear model by steps down the gradient.

    Args:
        x: inputs, a row for each observation.
        y: the observations.
        w0: the coefficients to begin with.
        weights: weight of each observation.
    """
    n, d = x.shape

    def gradient(w):
        eta = x @ w
        if loss == "logistic":
            slopes = jax.nn.sigmoid(eta) - y
        elif loss == "huber":
            slopes = jnp.clip(eta - y, -0.5, 0.5)
        elif loss == "poisson":
            slopes = jnp.exp(eta) - y
        else:
            slopes = eta - y
        if weights is not None:
            slopes = weights * slopes
        if decay_weights:
            return x.T @ slopes / n + 0.1 * w
        return x.T @ slopes / n

    def step(i, w):
        g = gradient(w)
        if normalized:
            g = g / jnp.sqrt(jnp.sum(jnp.square(g)) + 1e-2)
        if schedule == "inverse":
            w = w - learning_rate / (1.0 + 0.5 * i) * g
        elif schedule == "cosine":
            w = w - learning_rate * 0.5 * (1.0 + jnp.cos(jnp.pi * i / iterations)) * g
        else:
            w = w - learning_rate * g
        if constraint == "l1":
            # The proximal step of the penalty.
            w = soft_threshold(w, 0.02)
        elif constraint == "nonnegative":
            w = jnp.maximum(w, 0.0)
        elif constraint == "ball":
            w = w / jnp.maximum(jnp.linalg.norm(w), 1.0)
        return w

    w = 0.1 * jnp.ones(d) if w0 is None else w0
    if loop == "scan":

        def body(w, i):
            w = step(i, w)
            return w, w

        w, history = jax.lax.scan(body, w, jnp.arange(iterations))
        if output == "history":
            return history
    else:
        w = jax.lax.fori_loop(0, iterations, step, w)
    if output == "loss":
        return w, jnp.mean(jnp.square(x @ w - y))
    if output == "predictions":
        return x @ w
    return w


@family(
    "loop",
    "contraction",
    "reduction",
    a="n n in -1..1",
    b="? n m",
    kind={"inverse": 4, "sign": 2, "polar": 3, "cubic_inverse": 1},
    matrix={"given": 3, "symmetric": 1, "gram": 2},
    norm={"frobenius": 3, "row": 1},
    iterations=(2, 3, 4, 5),
    loop={"python": 3, "fori": 2, "scan": 1},
    output={"matrix": 4, "trace": 1, "error": 1},
    sizes={"n": (4, 5, 6), "m": (1, 2, 4)},
)
def newton_schulz(
    a,
    b=None,
    *,
    kind="inverse",
    matrix="given",
    norm="frobenius",
    iterations=4,
    loop="python",
    output="matrix",
):
    """Newton's iteration for a function of a matrix, by products alone.

    Args:
        a: the matrix.
        b: what the result is multiplied with.
    """
    identity = jnp.eye(a.shape[0])
    if matrix == "symmetric":
        a = 0.5 * (a + a.T)
    elif matrix == "gram":
        a = a @ a.T
    # Small enough for the iteration to converge.
    if norm == "row":
        a = a / (1.0 + jnp.max(jnp.sum(jnp.abs(a), axis=1)))
    else:
        a = a / (1.0 + jnp.sqrt(jnp.sum(jnp.square(a))))
    if kind in ("inverse", "cubic_inverse"):
        a = identity + a

    def step(z):
        if kind == "inverse":
            return z @ (2.0 * identity - a @ z)
        if kind == "cubic_inverse":
            error = identity - a @ z
            return z @ (identity + error + error @ error)
        if kind == "sign":
            return 1.5 * z - 0.5 * z @ z @ z
        return 1.5 * z - 0.5 * z @ z.T @ z

    if kind in ("inverse", "cubic_inverse"):
        z = identity
    else:
        z = a
    if loop == "fori":
        z = jax.lax.fori_loop(0, iterations, lambda _, z: step(z), z)
    elif loop == "scan":
        z, _ = jax.lax.scan(lambda z, _: (step(z), None), z, None, length=iterations)
    else:
        for _ in range(iterations):
            z = step(z)
    if b is not None:
        return z @ b
    if output == "trace":
        return jnp.trace(z)
    if output == "error":
        if kind in ("inverse", "cubic_inverse"):
            return z, jnp.sum(jnp.square(identity - a @ z))
        return z, jnp.sum(jnp.square(identity - z @ z.T))
    return z


@family(
    "loop",
    "contraction",
    "reduction",
    "multi_statement",
    a="n n in -1..1",
    b="? n m",
    time="? in 0.5..1.5",
    function={"exponential": 4, "neumann": 3, "logarithm": 1, "cosine": 1},
    matrix={"given": 3, "symmetric": 1, "skew": 1},
    scale={4.0: 1, 2.0: 2},
    squarings={0: 3, 1: 1, 2: 1},
    terms=(3, 4, 5, 6),
    loop={"python": 3, "fori": 2, "scan": 1},
    output={"matrix": 4, "trace": 1, "last_term": 1},
    sizes={"n": (4, 5, 6), "m": (1, 2, 4)},
)
def matrix_series(
    a,
    b=None,
    time=None,
    *,
    function="exponential",
    matrix="given",
    scale=4.0,
    squarings=0,
    terms=4,
    loop="python",
    output="matrix",
):
    """Sums the power series of a function of a matrix.

    Args:
        a: the matrix, before it is scaled.
        b: what the result is multiplied with.
        time: a factor of the matrix.
    """
    if matrix == "symmetric":
        a = 0.5 * (a + a.T)
    elif matrix == "skew":
        a = 0.5 * (a - a.T)
    if time is not None:
        a = time * a
    a = a / scale

    def add_term(i, state):
        total, term = state
        if function == "exponential":
            term = term @ a / (i + 1.0)
            return total + term, term
        if function == "cosine":
            term = -term @ a @ a / ((2.0 * i + 1.0) * (2.0 * i + 2.0))
            return total + term, term
        if function == "logarithm":
            term = -term @ a
            return total + term / (i + 2.0), term
        term = term @ a
        return total + term, term

    if function == "logarithm":
        state = (a, a)
    else:
        state = (jnp.eye(a.shape[0]), jnp.eye(a.shape[0]))
    if loop == "fori":
        total, term = jax.lax.fori_loop(0, terms, add_term, state)
    elif loop == "scan":
        (total, term), _ = jax.lax.scan(
            lambda state, i: (add_term(i, state), None), state, jnp.arange(terms)
        )
    else:
        for i in range(terms):
            state = add_term(i, state)
        total, term = state
    if squarings == 1:
        total = total @ total
    elif squarings == 2:
        total = total @ total
        total = total @ total
    if b is not None:
        return total @ b
    if output == "trace":
        return jnp.trace(total)
    if output == "last_term":
        # How large the last term is tells how good the sum is.
        return total, jnp.max(jnp.abs(term))
    return total
