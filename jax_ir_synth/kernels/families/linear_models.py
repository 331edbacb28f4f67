"""Families: regression, decompositions, linear filters and iterative linear algebra."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp


NAMES = """
ridge_regression: ridge_regression 5, fit_ridge 3, ridge 2, ridge_fit 2
bayesian_linear_regression: bayesian_linear_regression 5, blr 2, bayesian_regression 3, blr_posterior 2
newton_step: newton_step 5, irls_step 4, fisher_scoring_step 2, irls_update 2
glm_loss: glm_loss 4, glm_objective 2, negative_log_likelihood 3
ridge_cv_error: ridge_cv_error 4, ridge_press 2, cross_validation_error 2
bayesian_predict: bayesian_predict 4, blr_predict 2, predictive_distribution 3
log_evidence: log_evidence 4, log_marginal_likelihood 4, model_evidence 2
glm_gradient: glm_gradient 4, grad_nll 3, glm_grad 2
pca_reconstruct: pca_reconstruct 5, pca_reconstruction 3, low_rank_reconstruction 1
whiten: whiten 6, whitening 2, whiten_features 2, decorrelate 2
lda_log_posterior: lda_log_posterior 4, lda_predict_log_proba 3, lda 2
mvn_log_prob: mvn_log_prob 5, multivariate_normal_logpdf 4, mvn_logpdf 3, gaussian_log_prob 1
kalman_step: kalman_step 5, kalman_predict_update 2, kf_step 3, filter_step 2
kalman_filter: kalman_filter 6, run_filter 1, kf 2, filter_observations 1
local_level_filter: local_level_filter 5, scalar_kalman_filter 3
local_level_nll: local_level_nll 4, local_level_loss 2
conjugate_gradient: conjugate_gradient 5, cg 3, cg_solve 3
iterative_solve: iterative_solve 4, solve_iteratively 1, linear_solve 2
power_iteration: power_iteration 6, power_method 4
gram_schmidt: gram_schmidt 6, orthogonalize 3
gradient_descent_fit: gradient_descent_fit 3, fit 3, train 2, fit_linear_model 3, minimize_loss 1
weights: weights 6, sample_weight 2, sample_weights 2
gram: gram 4, xtx 2, A 2, lhs 1
residual: residual 5, resid 2
precision: precision 5, inv_cov 1
cov: cov 6, covariance 2, sigma 1
chol: chol 5, L 5
mean: mean 6, mu 3
eta: eta 5, linear 1, logits 1
curvature: curvature 3, working_weights 3, hess_weights 1
gradient: gradient 4, grad 5, g 1
hessian: hessian 5, hess 3, H 2
values: eigvals 4, eigenvalues 3
vectors: vectors 3, eigvecs 4, eigenvectors 3
components: components 5, basis 2, directions 1
transition: transition 5, F 3, A 2, dynamics_matrix 1
observation: observation 5, H 4, C 2, emission_matrix 1
process_noise: process_noise 5, q 3, Q 2
observation_noise: observation_noise 5, r 3, R 2
innovation: innovation 5, resid 1, y_tilde 1
gain: gain 5, kalman_gain 2
iterations: iterations 4, num_steps 3, num_iters 4, max_iter 1
x: x 6, X 5
y: y 8, targets 2
w: w 6, beta 2, coef 2
x_test: x_test 5, x_new 3, X_test 2
penalty: penalty 4, lam 3, alpha 2, l2 2
moment: moment 2, xty 3, rhs 2
mask: mask 8, valid 2, observed 1
variance: variance 5, var 3
mu: mu 6, mean 1
kf_predict: kf_predict 3, predict 5, time_update 1
kf_update: kf_update 3, update 5, measurement_update 1
measurement: measurement 3, z 4, y 4
measurements: measurements 4, zs 2, ys 3, observations 3
series: series 3, ys 5, y 2
newton_schulz_orthogonalize: newton_schulz_orthogonalize 3, newton_schulz 4, orthogonalize_update 2
newton_schulz_inverse: newton_schulz_inverse 4, inverse_newton 1, iterative_inverse 2
proximal_gradient: proximal_gradient 4, ista 1, proximal_gradient_descent 2
matrix_exponential: matrix_exponential 4, expm 4, expm_taylor 1
neumann_solve: neumann_solve 4, neumann_series 3
matvec: matvec 6, apply 2, matmul 1
learning_rate: learning_rate 6, lr 4, step_size 3
"""


@family(
    "compound",
    x="n d",
    y="n",
    weights="? n in 0.3..1.5",
    penalties="? d in 0.3..1.5",
    fit_intercept=(False, True),
    solver={"solve": 4, "cho_solve": 3, "inverse": 1, "qr": 2},
    penalty={0.1: 2, 0.5: 2, 0.01: 1, 1e-3: 1},
    per_sample={False: 3, True: 1},
    sizes={"n": (6, 8, 10, 12), "d": (2, 4, 5)},
    only="float32",
    weight=14,
)
def ridge_regression(
    x,
    y,
    weights=None,
    penalties=None,
    *,
    fit_intercept=False,
    solver="solve",
    penalty=0.1,
    per_sample=False,
):
    """Fits a linear model by least squares with an L2 penalty.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        weights: sample weights of shape (n,).
        penalties: relative penalty of each coefficient, of shape (d,).
        penalty: strength of the penalty.
    """
    n, d = x.shape
    if fit_intercept:
        # Centered data have no intercept, which isn't penalised.
        if weights is not None:
            mean_x = jnp.average(x, axis=0, weights=weights)
            mean_y = jnp.average(y, weights=weights)
        else:
            mean_x, mean_y = jnp.mean(x, axis=0), jnp.mean(y)
        x, y = x - mean_x, y - mean_y
    if weights is not None:
        root = jnp.sqrt(weights)
        x, y = root[:, None] * x, root * y
    if per_sample:
        strength = n * penalty
    else:
        strength = penalty
    if penalties is not None:
        ridge = strength * penalties
    else:
        ridge = jnp.full(d, strength)
    if solver == "qr":
        # The penalty as d more observations, all of which are zero.
        augmented = jnp.concatenate([x, jnp.diag(jnp.sqrt(ridge))])
        q, r = jnp.linalg.qr(augmented)
        w = jax.scipy.linalg.solve_triangular(r, q[:n].T @ y)
    else:
        gram = x.T @ x + jnp.diag(ridge)
        moment = x.T @ y
        if solver == "cho_solve":
            w = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(gram), moment)
        elif solver == "inverse":
            w = jnp.linalg.inv(gram) @ moment
        else:
            w = jnp.linalg.solve(gram, moment)
    if fit_intercept:
        return w, mean_y - mean_x @ w
    return w


@family(
    "compound",
    x="n d",
    y="n",
    weights="? n in 0.3..1.5",
    criterion={"loo": 3, "gcv": 2},
    center=(False, True),
    solver={"solve": 2, "cho_solve": 2, "inverse": 1},
    penalty={0.5: 2, 0.1: 1, 1.5: 1},
    root=(False, True),
    sizes={"n": (6, 8, 10, 12), "d": (2, 4)},
    only="float32",
)
def ridge_cv_error(
    x,
    y,
    weights=None,
    *,
    criterion="loo",
    center=False,
    solver="solve",
    penalty=0.5,
    root=False,
):
    """Cross-validation error of ridge regression in closed form, from its hat matrix.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        weights: sample weights of shape (n,).
        penalty: strength of the L2 penalty.
    """
    n, d = x.shape
    if center:
        x, y = x - jnp.mean(x, axis=0), y - jnp.mean(y)
    if weights is not None:
        x = jnp.sqrt(weights)[:, None] * x
        y = jnp.sqrt(weights) * y
    gram = x.T @ x + penalty * jnp.eye(d)
    if solver == "cho_solve":
        hat = x @ jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(gram), x.T)
    elif solver == "inverse":
        hat = x @ jnp.linalg.inv(gram) @ x.T
    else:
        hat = x @ jnp.linalg.solve(gram, x.T)
    residual = y - hat @ y
    if criterion == "gcv":
        # Generalised cross-validation replaces each leverage by their mean.
        errors = residual / (1.0 - jnp.trace(hat) / n)
    else:
        errors = residual / (1.0 - jnp.diag(hat))
    error = jnp.mean(jnp.square(errors))
    if root:
        return jnp.sqrt(error)
    return error


@family(
    "compound",
    x="n d",
    y="n",
    prior_mean="? d in -1..1",
    noise="? in 0.4..1.2",
    prior_precision={0.5: 1, 0.1: 1, 2.0: 1},
    noise_precision={2.0: 1, 10.0: 1, 4.0: 1},
    solver={"solve": 1, "cholesky": 4, "inverse": 3, "gain": 1},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4)},
    only="float32",
)
def bayesian_linear_regression(
    x,
    y,
    prior_mean=None,
    noise=None,
    *,
    prior_precision=0.5,
    noise_precision=2.0,
    solver="solve",
):
    """Mean and covariance of the Gaussian posterior over the coefficients of a linear model.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        prior_mean: prior mean of the coefficients, of shape (d,).
        noise: standard deviation of the targets' noise.
    """
    n, d = x.shape
    if prior_mean is not None:
        y = y - x @ prior_mean
    if noise is not None:
        noise_weight = 1.0 / jnp.square(noise)
    else:
        noise_weight = noise_precision
    if solver == "gain":
        # By Woodbury's identity, with an inverse of the size of the data.
        innovation_cov = x @ x.T / prior_precision + jnp.eye(n) / noise_weight
        gain = jnp.linalg.solve(innovation_cov, x).T / prior_precision
        mean = gain @ y
        cov = (jnp.eye(d) - gain @ x) / prior_precision
    else:
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
    if prior_mean is not None:
        mean = mean + prior_mean
    return mean, cov


@family(
    "compound",
    x="n d",
    y="n",
    x_test="m d",
    prior_mean="? d in -1..1",
    noise="? in 0.4..1.2",
    prior_precision={0.5: 1, 0.1: 1, 2.0: 1},
    noise_precision={2.0: 1, 10.0: 1, 4.0: 1},
    solver={"solve": 1, "cholesky": 4, "inverse": 3},
    observation_noise=(True, False),
    sizes={"n": (5, 6, 8, 10), "d": (2, 4), "m": (4, 5)},
    only="float32",
)
def bayesian_predict(
    x,
    y,
    x_test,
    prior_mean=None,
    noise=None,
    *,
    prior_precision=0.5,
    noise_precision=2.0,
    solver="solve",
    observation_noise=True,
):
    """Predictive mean and variance of Bayesian linear regression.

    Args:
        x: training inputs of shape (n, d).
        y: training targets of shape (n,).
        x_test: inputs to predict at, of shape (m, d).
        prior_mean: prior mean of the coefficients, of shape (d,).
        noise: standard deviation of the targets' noise.
    """
    if noise is not None:
        noise_weight = 1.0 / jnp.square(noise)
    else:
        noise_weight = noise_precision
    precision = prior_precision * jnp.eye(x.shape[1]) + noise_weight * x.T @ x
    if prior_mean is not None:
        moment = noise_weight * x.T @ y + prior_precision * prior_mean
    else:
        moment = noise_weight * x.T @ y
    if solver == "cholesky":
        chol = jnp.linalg.cholesky(precision)
        mean = jax.scipy.linalg.cho_solve((chol, True), moment)
        half = jax.scipy.linalg.solve_triangular(chol, x_test.T, lower=True)
        variance = jnp.sum(jnp.square(half), axis=0)
    elif solver == "inverse":
        cov = jnp.linalg.inv(precision)
        mean = cov @ moment
        variance = jnp.sum((x_test @ cov) * x_test, axis=1)
    else:
        mean = jnp.linalg.solve(precision, moment)
        variance = jnp.einsum("md,dm->m", x_test, jnp.linalg.solve(precision, x_test.T))
    if observation_noise:
        variance = variance + 1.0 / noise_weight
    return x_test @ mean, variance


@family(
    "compound",
    x="n d",
    y="n",
    noise="? in 0.4..1.2",
    prior_scale="? in 0.5..1.5",
    prior_mean="? d in -0.5..0.5",
    form={"precision": 3, "covariance": 2},
    log_det=decided({"slogdet": 1, "cholesky": 1}),
    noise_variance={0.5: 1, 0.25: 1},
    sizes={"n": (5, 6, 8), "d": (2, 4)},
    only="float32",
)
def log_evidence(
    x,
    y,
    noise=None,
    prior_scale=None,
    prior_mean=None,
    *,
    form="precision",
    log_det="slogdet",
    noise_variance=0.5,
):
    """Log marginal likelihood of Bayesian linear regression.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        noise: standard deviation of the targets' noise.
        prior_scale: prior standard deviation of the coefficients.
        prior_mean: prior mean of the coefficients, of shape (d,).
    """
    n, d = x.shape
    if prior_mean is not None:
        y = y - x @ prior_mean
    if noise is not None:
        sigma2 = jnp.square(noise)
    else:
        sigma2 = noise_variance
    if prior_scale is not None:
        prior_variance = jnp.square(prior_scale)
    else:
        prior_variance = 2.0
    if form == "covariance":
        # Without the coefficients, the targets are Gaussian with this covariance.
        cov = prior_variance * x @ x.T + sigma2 * jnp.eye(n)
        quadratic = y @ jnp.linalg.solve(cov, y)
        if log_det == "cholesky":
            volume = 2.0 * jnp.sum(jnp.log(jnp.diag(jnp.linalg.cholesky(cov))))
        else:
            volume = jnp.linalg.slogdet(cov)[1]
    else:
        precision = jnp.eye(d) / prior_variance + x.T @ x / sigma2
        mean = jnp.linalg.solve(precision, x.T @ y / sigma2)
        residual = y - x @ mean
        quadratic = residual @ residual / sigma2 + mean @ mean / prior_variance
        if log_det == "cholesky":
            volume = 2.0 * jnp.sum(jnp.log(jnp.diag(jnp.linalg.cholesky(precision))))
        else:
            volume = jnp.linalg.slogdet(precision)[1]
        volume = volume + d * jnp.log(prior_variance) + n * jnp.log(sigma2)
    return -0.5 * (quadratic + volume + n * jnp.log(2.0 * jnp.pi))


@family(
    "compound",
    w="d in -0.5..0.5",
    x="n d in -1.5..1.5",
    y="n in 0.1..1",
    weights="? n in 0.3..1.5",
    offset="? n in -0.5..0.5",
    model={"logistic": 5, "poisson": 4, "gamma": 1},
    penalty={0.1: 2, 0.5: 1, 0.01: 2},
    damping={None: 4, 0.5: 1, 0.8: 1},
    solver={"solve": 4, "cho_solve": 3, "inverse": 1},
    form={"newton": 3, "irls": 2},
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
    *,
    model="logistic",
    penalty=0.1,
    damping=None,
    solver="solve",
    form="newton",
):
    """One Newton step for the coefficients of a generalised linear model with an L2 penalty.

    Args:
        w: current coefficients, of shape (d,).
        x: design matrix of shape (n, d).
        y: responses of shape (n,).
        weights: sample weights of shape (n,).
        offset: known part of each linear predictor, of shape (n,).
    """
    eta = x @ w
    if offset is not None:
        eta = eta + offset
    if model == "logistic":
        mu = jax.nn.sigmoid(eta)
        score, curvature = y - mu, mu * (1.0 - mu)
    elif model == "poisson":
        mu = jnp.exp(eta)
        score, curvature = y - mu, mu
    else:
        # Gamma with a log link, by the observed information.
        ratio = y * jnp.exp(-eta)
        score, curvature = ratio - 1.0, ratio
    if weights is not None:
        score, curvature = weights * score, weights * curvature
    gradient = x.T @ score - penalty * w
    hessian = (curvature[:, None] * x).T @ x + penalty * jnp.eye(w.shape[0])
    if form == "irls":
        # Iteratively reweighted least squares solves for the new coefficients themselves.
        rhs = hessian @ w + gradient
    else:
        rhs = gradient
    if solver == "cho_solve":
        solved = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(hessian), rhs)
    elif solver == "inverse":
        solved = jnp.linalg.inv(hessian) @ rhs
    else:
        solved = jnp.linalg.solve(hessian, rhs)
    if form == "irls":
        if damping is not None:
            return w + damping * (solved - w)
        return solved
    if damping is not None:
        return w + damping * solved
    return w + solved


def penalty_value(w, kind="l2", strength=0.1):
    if kind == "l2":
        return 0.5 * strength * jnp.sum(jnp.square(w))
    if kind == "l1":
        return strength * jnp.sum(jnp.abs(w))
    # The elastic net, half of each.
    return strength * jnp.sum(0.5 * jnp.abs(w) + 0.25 * jnp.square(w))


@family(
    "reduction",
    w="d in -1..1",
    x="n d in -1..1",
    y="n in 0.1..1",
    bias="? in -1..1",
    weights="? n in 0.3..1.5",
    mask="? n bool",
    model={"logistic": 4, "poisson": 3, "gaussian": 2, "gamma": 1, "negative_binomial": 1},
    regularizer={"none": 2, "l2": 3, "l1": 1, "elastic": 1},
    reduction={"mean": 3, "sum": 1},
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
    regularizer="none",
    reduction="mean",
):
    """Penalised negative log-likelihood of a generalised linear model, up to constants.

    Args:
        w: coefficients of shape (d,).
        x: design matrix of shape (n, d).
        y: responses of shape (n,).
        bias: the intercept.
        weights: sample weights of shape (n,).
        mask: True for the samples that count.
    """
    eta = x @ w
    if bias is not None:
        eta = eta + bias
    if model == "logistic":
        losses = jax.nn.softplus(eta) - y * eta
    elif model == "poisson":
        losses = jnp.exp(eta) - y * eta
    elif model == "gamma":
        losses = y * jnp.exp(-eta) + eta
    elif model == "negative_binomial":
        # With two as the number of failures.
        losses = (y + 2.0) * jnp.log(2.0 + jnp.exp(eta)) - y * eta
    else:
        losses = 0.5 * jnp.square(y - eta)
    if weights is not None:
        losses = weights * losses
    if mask is not None:
        losses = jnp.where(mask, losses, 0.0)
    if reduction == "sum":
        loss = jnp.sum(losses)
    elif mask is not None:
        loss = jnp.sum(losses) / jnp.maximum(jnp.sum(mask), 1)
    else:
        loss = jnp.mean(losses)
    if regularizer != "none":
        loss = loss + penalty_value(w, regularizer)
    return loss


@family(
    "contraction",
    "reduction",
    w="d in -1..1",
    x="n d in -1..1",
    y="n in 0.1..1",
    bias="? in -1..1",
    weights="? n in 0.3..1.5",
    model={"logistic": 4, "poisson": 3, "gaussian": 2},
    l2={None: 2, 0.1: 1, 0.01: 1},
    reduction={"mean": 3, "sum": 1},
    spelling=decided({"matmul": 3, "einsum": 1, "broadcast": 1}),
    sizes={"d": (2, 4, 5, 6, 8), "n": (5, 6, 8, 10, 12)},
)
def glm_gradient(
    w,
    x,
    y,
    bias=None,
    weights=None,
    *,
    model="logistic",
    l2=None,
    reduction="mean",
    spelling="matmul",
):
    """Gradient of the negative log-likelihood of a GLM with its canonical link.

    Args:
        w: coefficients of shape (d,).
        x: design matrix of shape (n, d).
        y: responses of shape (n,).
        bias: the intercept; its gradient comes second.
        weights: sample weights of shape (n,).
    """
    eta = x @ w
    if bias is not None:
        eta = eta + bias
    if model == "logistic":
        error = jax.nn.sigmoid(eta) - y
    elif model == "poisson":
        error = jnp.exp(eta) - y
    else:
        error = eta - y
    if weights is not None:
        error = weights * error
    if reduction == "mean":
        error = error / y.shape[0]
    if spelling == "einsum":
        grad_w = jnp.einsum("nd,n->d", x, error)
    elif spelling == "broadcast":
        grad_w = jnp.sum(error[:, None] * x, axis=0)
    else:
        grad_w = x.T @ error
    if l2 is not None:
        grad_w = grad_w + l2 * w
    if bias is not None:
        return grad_w, jnp.sum(error)
    return grad_w


def pca_basis(cov, rank=2, method="eigh"):
    """Leading eigenvectors of a covariance, as columns."""
    if method == "svd":
        vectors, _, _ = jnp.linalg.svd(cov)
        return vectors[:, :rank]
    _, vectors = jnp.linalg.eigh(cov)
    return vectors[:, ::-1][:, :rank]


@family(
    "compound",
    x="n d",
    weights="? n in 0.3..1.5",
    points="? m d",
    method={"eigh": 2, "svd": 1},
    rank={2: 3, 1: 2},
    standardize={False: 3, True: 1},
    unbiased=(False, True),
    sizes={"n": (6, 8, 10), "d": (4, 5, 6), "m": (4, 5)},
    only="float32",
)
def pca_reconstruct(
    x,
    weights=None,
    points=None,
    *,
    method="eigh",
    rank=2,
    standardize=False,
    unbiased=False,
):
    """Reconstructs points from the leading principal components of a sample.

    Args:
        x: sample of shape (n, d).
        weights: sample weights of shape (n,).
        points: points to reconstruct, of shape (m, d); the sample itself by default.
        rank: number of components.
    """
    if weights is not None:
        mean = jnp.average(x, axis=0, weights=weights)
    else:
        mean = jnp.mean(x, axis=0)
    centered = x - mean
    if standardize:
        std = jnp.sqrt(jnp.mean(jnp.square(centered), axis=0) + 1e-6)
        centered = centered / std
    if weights is not None:
        cov = (weights[:, None] * centered).T @ centered / jnp.sum(weights)
    elif unbiased:
        cov = centered.T @ centered / (x.shape[0] - 1)
    else:
        cov = centered.T @ centered / x.shape[0]
    components = pca_basis(cov, rank, method=method)
    if points is not None:
        centered = points - mean
        if standardize:
            centered = centered / std
    reconstruction = centered @ components @ components.T
    if standardize:
        reconstruction = reconstruction * std
    return mean + reconstruction


@family(
    "compound",
    x="n d",
    weights="? n in 0.3..1.5",
    method={"eigh": 3, "svd": 2},
    rank={2: 2, 3: 1, 1: 1},
    standardize={False: 3, True: 1},
    shrinkage={None: 3, 0.1: 1},
    sizes={"n": (6, 8, 10), "d": (4, 5, 6)},
    only="float32",
)
def explained_variance_ratio(
    x, weights=None, *, method="eigh", rank=2, standardize=False, shrinkage=None
):
    """Share of the variance that each of the leading principal components explains.

    Args:
        x: sample of shape (n, d).
        weights: sample weights of shape (n,).
        rank: number of components.
    """
    if weights is not None:
        centered = x - jnp.average(x, axis=0, weights=weights)
    else:
        centered = x - jnp.mean(x, axis=0)
    if standardize:
        centered = centered / jnp.sqrt(jnp.mean(jnp.square(centered), axis=0) + 1e-6)
    if weights is not None:
        cov = (weights[:, None] * centered).T @ centered / jnp.sum(weights)
    else:
        cov = centered.T @ centered / x.shape[0]
    if shrinkage is not None:
        d = x.shape[1]
        cov = (1.0 - shrinkage) * cov + shrinkage * jnp.trace(cov) / d * jnp.eye(d)
    if method == "svd":
        # The singular values of a covariance are its eigenvalues.
        _, variances, _ = jnp.linalg.svd(cov)
    else:
        variances = jnp.linalg.eigh(cov)[0][::-1]
    return variances[:rank] / jnp.sum(variances)


@family(
    "compound",
    x="m d",
    reference="n d",
    scale="? d in 0.5..2",
    shift="? d",
    method={"zca": 2, "cholesky": 4, "newton_schulz": 1},
    shrinkage={None: 3, 0.1: 1, 0.2: 1},
    unbiased=(False, True),
    eps={0.1: 2, 0.05: 1, 0.01: 1},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5), "m": (4, 5, 6)},
    only="float32",
)
def whiten(
    x,
    reference,
    scale=None,
    shift=None,
    *,
    method="zca",
    shrinkage=None,
    unbiased=False,
    eps=0.1,
):
    """Whitens points by the mean and covariance of a reference sample.

    Args:
        x: points of shape (m, d).
        reference: sample of shape (n, d).
        scale: scale of each feature after the whitening.
        shift: shift of each feature after the whitening.
    """
    n, d = reference.shape
    mean = jnp.mean(reference, axis=0)
    centered = reference - mean
    if unbiased:
        cov = centered.T @ centered / (n - 1)
    else:
        cov = centered.T @ centered / n
    if shrinkage is not None:
        # Shrink towards a multiple of the identity.
        cov = (1.0 - shrinkage) * cov + shrinkage * jnp.trace(cov) / d * jnp.eye(d)
    cov = cov + eps * jnp.eye(d)
    if method == "cholesky":
        chol = jnp.linalg.cholesky(cov)
        z = jax.scipy.linalg.solve_triangular(chol, (x - mean).T, lower=True).T
    elif method == "newton_schulz":
        # Iterative whitening, as in IterNorm.
        trace = jnp.trace(cov)
        root = jnp.eye(d)
        for _ in range(5):
            root = 1.5 * root - 0.5 * root @ root @ root @ cov / trace
        z = (x - mean) @ root / jnp.sqrt(trace)
    else:
        values, vectors = jnp.linalg.eigh(cov)
        z = (x - mean) @ (vectors / jnp.sqrt(values)) @ vectors.T
    if scale is not None:
        z = scale * z
    if shift is not None:
        z = z + shift
    return z


@family(
    "compound",
    x="n d",
    labels="n int c",
    x_test="m d",
    log_prior="? c in -2..0",
    num_classes=(Code("c"),),
    kind={"linear": 4, "mahalanobis": 2},
    solver={"solve": 2, "cholesky": 4, "inverse": 2},
    shrinkage={0.3: 2, 0.1: 1, 0.5: 1},
    prior={"empirical": 2, "uniform": 1},
    sizes={"d": (2, 4), "c": (2, 3, 4), "n": (6, 8, 10, 12), "m": (4, 5, 6)},
    only="float32",
)
def lda_log_posterior(
    x,
    labels,
    x_test,
    log_prior=None,
    *,
    num_classes=3,
    kind="linear",
    solver="solve",
    shrinkage=0.3,
    prior="empirical",
):
    """Log-posterior of the classes by linear discriminant analysis.

    Args:
        x: training points of shape (n, d).
        labels: class of each training point.
        x_test: points to classify, of shape (m, d).
        log_prior: log-probability of each class.
        shrinkage: weight of the identity in the pooled covariance.
    """
    n, d = x.shape
    one_hot = jax.nn.one_hot(labels, num_classes)
    counts = jnp.sum(one_hot, axis=0)
    means = one_hot.T @ x / jnp.maximum(counts, 1.0)[:, None]
    within = x - means[labels]
    cov = (1.0 - shrinkage) * within.T @ within / n + shrinkage * jnp.eye(d)
    if kind == "linear":
        if solver == "cholesky":
            w = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(cov), means.T)
        elif solver == "inverse":
            w = jnp.linalg.inv(cov) @ means.T
        else:
            w = jnp.linalg.solve(cov, means.T)
        scores = x_test @ w - 0.5 * jnp.sum(means.T * w, axis=0)
    else:
        diff = x_test[:, None, :] - means[None, :, :]
        if solver == "cholesky":
            chol = jnp.linalg.cholesky(cov)
            z = jax.scipy.linalg.solve_triangular(chol, diff.reshape(-1, d).T, lower=True)
            distances = jnp.sum(jnp.square(z), axis=0).reshape(-1, num_classes)
        else:
            distances = jnp.einsum("mcd,de,mce->mc", diff, jnp.linalg.inv(cov), diff)
        scores = -0.5 * distances
    if log_prior is not None:
        scores = scores + log_prior
    elif prior == "empirical":
        # Laplace's rule, so that no class is impossible.
        scores = scores + jnp.log((counts + 1.0) / (n + num_classes))
    return jax.nn.log_softmax(scores, axis=-1)


@family(
    "compound",
    "reduction",
    x="n d",
    mean="d",
    factor="d d in -0.7..0.7",
    parameter={"covariance": 4, "cholesky": 2, "precision": 2, "low_rank": 1},
    kind={"normal": 5, "student_t": 2},
    method={"triangular": 4, "solve": 2, "inverse": 1},
    reduction={"none": 3, "mean": 2, "sum": 1},
    sizes={"d": (2, 4, 5), "n": (4, 5, 6, 8, 10)},
    only="float32",
    weight=14,
)
def mvn_log_prob(
    x,
    mean,
    factor,
    *,
    parameter="covariance",
    kind="normal",
    method="triangular",
    reduction="none",
):
    """Log-density of points under a multivariate normal or Student distribution.

    Args:
        x: points of shape (n, d).
        mean: location of the distribution, of shape (d,).
        factor: unconstrained matrix of shape (d, d) that parametrizes the scale matrix.
    """
    d = x.shape[-1]
    diff = x - mean
    if parameter == "precision":
        precision = factor @ factor.T + 0.5 * jnp.eye(d)
        distances = jnp.sum((diff @ precision) * diff, axis=-1)
        log_det = -jnp.linalg.slogdet(precision)[1]
    else:
        if parameter == "cholesky":
            # A softplus keeps the diagonal of the Cholesky factor positive.
            chol = jnp.tril(factor, -1) + jnp.diag(jax.nn.softplus(jnp.diag(factor)))
            cov = chol @ chol.T
        elif parameter == "low_rank":
            # The first column spans the low-rank part, the second gives the diagonal.
            cov = jnp.outer(factor[:, 0], factor[:, 0]) + jnp.diag(jnp.exp(factor[:, 1]))
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
    if kind == "student_t":
        # Four degrees of freedom.
        log_prob = -0.5 * (4.0 + d) * jnp.log1p(distances / 4.0) - 0.5 * log_det
        constant = jax.lax.lgamma(0.5 * (4.0 + d)) - jax.lax.lgamma(2.0)
        log_prob = log_prob + constant - 0.5 * d * jnp.log(4.0 * jnp.pi)
    else:
        log_prob = -0.5 * (distances + log_det + d * jnp.log(2.0 * jnp.pi))
    if reduction == "mean":
        return jnp.mean(log_prob)
    if reduction == "sum":
        return jnp.sum(log_prob)
    return log_prob


def kf_predict(mean, cov, transition, process_noise):
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


@family(
    "compound",
    mean="d",
    sqrt_cov="d d in -1..1",
    measurement="k",
    transition="d d in -0.8..0.8",
    observation="k d in -1..1",
    process_noise="d in 0.1..0.6",
    observation_noise="k in 0.4..1.2",
    control="? d in -0.5..0.5",
    form={"standard": 3, "joseph": 2, "symmetric": 2},
    order={"predict_first": 4, "update_first": 2},
    fading={None: 4, 1.05: 1, 1.1: 1},
    sizes={"d": (2, 4), "k": (1, 2)},
    only="float32",
)
def kalman_step(
    mean,
    sqrt_cov,
    measurement,
    transition,
    observation,
    process_noise,
    observation_noise,
    control=None,
    *,
    form="standard",
    order="predict_first",
    fading=None,
):
    """Mean and covariance of the state after one step of a Kalman filter.

    Args:
        mean: state mean of shape (d,).
        sqrt_cov: square root of the state covariance, of shape (d, d).
        measurement: measurement of shape (k,).
        transition: state transition matrix.
        observation: observation matrix of shape (k, d).
        process_noise: variances of the process noise.
        observation_noise: variances of the measurement noise.
        control: control input, already in state space.
    """
    cov = sqrt_cov @ sqrt_cov.T
    if order == "update_first":
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
    if fading is not None:
        # A fading memory lets old measurements count less.
        cov = fading * cov
    mean, cov = kf_predict(mean, cov, transition, process_noise)
    if control is not None:
        mean = mean + control
    if order == "predict_first":
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
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
    form={"standard": 3, "joseph": 2, "symmetric": 2},
    initial_variance={10.0: 1, 2.0: 1, 0.5: 1},
    with_variance=(False, True),
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
    form="standard",
    initial_variance=2.0,
    with_variance=False,
):
    """Filtered state means of a linear Gaussian state-space model.

    Args:
        measurements: measurements of shape (time, k).
        transition: state transition matrix of shape (d, d).
        observation: observation matrix of shape (k, d).
        process_noise: variances of the process noise.
        observation_noise: variances of the measurement noise.
        initial_mean: state mean before the first step.
        controls: control inputs in state space, of shape (time, d).
    """
    d = transition.shape[0]

    def step(carry, measurement):
        mean, cov = carry
        if controls is not None:
            measurement, control = measurement
        mean, cov = kf_predict(mean, cov, transition, process_noise)
        if controls is not None:
            mean = mean + control
        mean, cov = kf_update(mean, cov, measurement, observation, observation_noise, form=form)
        if with_variance:
            return (mean, cov), (mean, jnp.diag(cov))
        return (mean, cov), mean

    if initial_mean is not None:
        carry = (initial_mean, initial_variance * jnp.eye(d))
    else:
        carry = (jnp.zeros(d), initial_variance * jnp.eye(d))
    if controls is not None:
        _, filtered = jax.lax.scan(step, carry, (measurements, controls))
    else:
        _, filtered = jax.lax.scan(step, carry, measurements)
    return filtered


@family(
    "loop",
    series="t",
    level_noise="in 0.1..0.8",
    noise="in 0.3..1.2",
    observed="? t bool",
    drift="? in -0.3..0.3",
    initial={"zero": 2, "diffuse": 1, "first": 2},
    decay={None: 3, 0.9: 1, 0.95: 1},
    with_variance=(False, True),
    sizes={"t": (4, 5, 6, 8, 10)},
)
def local_level_filter(
    series,
    level_noise,
    noise,
    observed=None,
    drift=None,
    *,
    initial="zero",
    decay=None,
    with_variance=False,
):
    """Filtered means of the local level model, a Kalman filter with a scalar state.

    Args:
        series: observations of shape (time,).
        level_noise: standard deviation of the level's steps.
        noise: standard deviation of the measurement noise.
        observed: False where an observation is missing.
        drift: mean step of the level.
    """
    q, r = jnp.square(level_noise), jnp.square(noise)

    def step(carry, measurement):
        mean, variance = carry
        if observed is not None:
            measurement, is_observed = measurement
        if decay is not None:
            # A stationary level, as in an AR(1) process.
            mean = decay * mean
            variance = decay**2 * variance
        if drift is not None:
            mean = mean + drift
        variance = variance + q
        gain = variance / (variance + r)
        if observed is not None:
            gain = jnp.where(is_observed, gain, 0.0)
        mean = mean + gain * (measurement - mean)
        variance = (1.0 - gain) * variance
        if with_variance:
            return (mean, variance), (mean, variance)
        return (mean, variance), mean

    if initial == "first":
        carry = (series[0], r)
    elif initial == "diffuse":
        carry = (jnp.zeros_like(r), jnp.full_like(r, 100.0))
    else:
        carry = (jnp.zeros_like(r), jnp.ones_like(r))
    if observed is not None:
        _, filtered = jax.lax.scan(step, carry, (series, observed))
    else:
        _, filtered = jax.lax.scan(step, carry, series)
    return filtered


@family(
    "loop",
    series="t",
    level_noise="in 0.1..0.8",
    noise="in 0.3..1.2",
    observed="? t bool",
    initial_level="? ",
    drift="? in -0.3..0.3",
    decay={None: 3, 0.9: 1, 0.95: 1},
    average=(False, True),
    sizes={"t": (4, 5, 6, 8, 10)},
)
def local_level_nll(
    series,
    level_noise,
    noise,
    observed=None,
    initial_level=None,
    drift=None,
    *,
    decay=None,
    average=False,
):
    """Negative log-likelihood of a series under the local level model, by a scalar Kalman filter.

    Args:
        series: observations of shape (time,).
        level_noise: standard deviation of the level's steps.
        noise: standard deviation of the measurement noise.
        observed: False where an observation is missing.
        initial_level: level before the first observation.
        drift: mean step of the level.
    """
    q, r = jnp.square(level_noise), jnp.square(noise)

    def step(carry, measurement):
        mean, variance = carry
        if observed is not None:
            measurement, is_observed = measurement
        if decay is not None:
            # A stationary level, as in an AR(1) process.
            mean = decay * mean
            variance = decay**2 * variance
        if drift is not None:
            mean = mean + drift
        variance = variance + q
        total = variance + r
        innovation = measurement - mean
        gain = variance / total
        nll = 0.5 * (jnp.square(innovation) / total + jnp.log(2.0 * jnp.pi * total))
        if observed is not None:
            gain = jnp.where(is_observed, gain, 0.0)
            nll = jnp.where(is_observed, nll, 0.0)
        return (mean + gain * innovation, (1.0 - gain) * variance), nll

    if initial_level is not None:
        carry = (initial_level, jnp.ones_like(r))
    else:
        carry = (jnp.zeros_like(r), jnp.ones_like(r))
    if observed is not None:
        _, nlls = jax.lax.scan(step, carry, (series, observed))
    else:
        _, nlls = jax.lax.scan(step, carry, series)
    if average:
        return jnp.mean(nlls)
    return jnp.sum(nlls)


@family(
    "loop",
    "contraction",
    "reduction",
    "multi_statement",
    a="n n in -1..1",
    b="? n m",
    time="? in 0.5..1.5",
    structure={"general": 3, "symmetric": 1, "skew": 1},
    squarings={2: 1, 1: 1, 3: 1},
    terms=(4, 3, 5, 6),
    loop={"python": 3, "fori": 2, "scan": 1, "horner": 1},
    sizes={"n": (4, 5, 6), "m": (1, 2, 4)},
)
def matrix_exponential(
    a,
    b=None,
    time=None,
    *,
    structure="general",
    squarings=2,
    terms=4,
    loop="python",
):
    """Matrix exponential by scaling and squaring of a Taylor series, applied to b if given.

    Args:
        a: square matrix.
        b: matrix that the exponential is applied to.
        time: scalar factor of the matrix.
    """
    if structure == "symmetric":
        a = 0.5 * (a + a.T)
    elif structure == "skew":
        # The exponential of a skew-symmetric matrix is a rotation.
        a = 0.5 * (a - a.T)
    if time is not None:
        a = time * a
    # exp(a) is exp(a / 2**s), squared s times.
    a = a / 2**squarings
    identity = jnp.eye(a.shape[0])

    def add_term(i, state):
        total, term = state
        term = term @ a / (i + 1.0)
        return total + term, term

    if loop == "horner":
        total = identity
        for i in range(terms, 0, -1):
            total = identity + a @ total / i
    elif loop == "fori":
        total, _ = jax.lax.fori_loop(0, terms, add_term, (identity, identity))
    elif loop == "scan":
        (total, _), _ = jax.lax.scan(
            lambda state, i: (add_term(i, state), None), (identity, identity), jnp.arange(terms)
        )
    else:
        total, term = identity, identity
        for i in range(terms):
            total, term = add_term(i, (total, term))
    for _ in range(squarings):
        total = total @ total
    if b is not None:
        return total @ b
    return total


@family(
    "loop",
    "contraction",
    "reduction",
    a="n n in -0.25..0.25",
    b="n m",
    x0="? n m",
    discount={None: 2, 0.9: 1, 0.5: 1},
    method={"iterate": 3, "terms": 2, "doubling": 1},
    steps=(4, 3, 5, 6),
    loop={"fori": 2, "python": 3, "scan": 1},
    sizes={"n": (4, 5, 6), "m": (1, 2, 4)},
)
def neumann_solve(
    a,
    b,
    x0=None,
    *,
    discount=None,
    method="iterate",
    steps=4,
    loop="fori",
):
    """Approximately solves a fixed-point equation x = a x + b by a truncated Neumann series.

    Args:
        a: square matrix with a spectral radius below one.
        b: right-hand sides as columns.
        x0: initial guess.
        discount: factor of a in the equation.
    """
    if discount is not None:
        a = discount * a
    if x0 is not None:
        # Solve for the correction of the initial guess.
        rhs = b + a @ x0 - x0
    else:
        rhs = b

    def step(state):
        if method == "iterate":
            return rhs + a @ state
        total, term = state
        if method == "doubling":
            # Each step doubles the number of terms.
            return total + term @ total, term @ term
        term = a @ term
        return total + term, term

    if method == "iterate":
        state = rhs
    elif method == "doubling":
        state = (rhs, a)
    else:
        state = (rhs, rhs)
    if loop == "fori":
        state = jax.lax.fori_loop(0, steps, lambda _, state: step(state), state)
    elif loop == "scan":
        state, _ = jax.lax.scan(lambda state, _: (step(state), None), state, length=steps)
    else:
        for _ in range(steps):
            state = step(state)
    if x0 is not None:
        if method == "iterate":
            return x0 + state
        return x0 + state[0]
    if method == "iterate":
        return state
    return state[0]


@family(
    "loop",
    factor="n n in -0.6..0.6",
    b="n",
    x0="? n",
    diagonal="? n in 0.5..1.5",
    preconditioned=(False, True),
    implicit=(True, False),
    shift={0.5: 1, 0.1: 1, 2.0: 1},
    iterations=(4, 2, 3, 5),
    loop={"fori": 3, "scan": 2},
    sizes={"n": (4, 5, 6, 8)},
)
def conjugate_gradient(
    factor,
    b,
    x0=None,
    diagonal=None,
    *,
    preconditioned=False,
    implicit=True,
    shift=0.5,
    iterations=4,
    loop="fori",
):
    """Approximate solution of a positive definite system by conjugate gradients.

    Args:
        factor: matrix of shape (n, n); the system's matrix is its Gram matrix plus a diagonal.
        b: right-hand side of shape (n,).
        x0: initial guess.
        diagonal: the diagonal that is added.
    """
    if implicit:

        def matvec(v):
            if diagonal is not None:
                return factor @ (factor.T @ v) + diagonal * v
            return factor @ (factor.T @ v) + shift * v

    else:
        if diagonal is not None:
            matrix = factor @ factor.T + jnp.diag(diagonal)
        else:
            matrix = factor @ factor.T + shift * jnp.eye(b.shape[0])

        def matvec(v):
            return matrix @ v

    if preconditioned:
        # Jacobi's preconditioner is the inverse of the diagonal.
        if diagonal is not None:
            inverse = 1.0 / (jnp.sum(jnp.square(factor), axis=1) + diagonal)
        else:
            inverse = 1.0 / (jnp.sum(jnp.square(factor), axis=1) + shift)

    def body(state):
        solution, residual, direction, rho = state
        product = matvec(direction)
        alpha = rho / (direction @ product + 1e-8)
        solution = solution + alpha * direction
        residual = residual - alpha * product
        if preconditioned:
            z = inverse * residual
            new_rho = residual @ z
            direction = z + new_rho / (rho + 1e-8) * direction
        else:
            new_rho = residual @ residual
            direction = residual + new_rho / (rho + 1e-8) * direction
        return solution, residual, direction, new_rho

    if x0 is not None:
        residual = b - matvec(x0)
    else:
        x0 = jnp.zeros_like(b)
        residual = b
    if preconditioned:
        direction = inverse * residual
    else:
        direction = residual
    state = (x0, residual, direction, residual @ direction)
    if loop == "scan":
        state, _ = jax.lax.scan(lambda state, _: (body(state), None), state, length=iterations)
    else:
        state = jax.lax.fori_loop(0, iterations, lambda _, state: body(state), state)
    return state[0]


@family(
    "loop",
    a="n n in -1..1",
    b="n",
    x0="? n",
    method={"jacobi": 3, "richardson": 1, "steepest_descent": 2},
    dominant=decided({"row_sums": 1, "constant": 2}),
    damping={None: 3, 0.67: 1, 0.8: 1},
    iterations=(4, 3, 5, 8),
    loop={"fori": 3, "scan": 2, "for": 1},
    sizes={"n": (4, 5, 6, 8)},
)
def iterative_solve(
    a,
    b,
    x0=None,
    *,
    method="jacobi",
    dominant="constant",
    damping=None,
    iterations=4,
    loop="fori",
):
    """Approximate solution of a diagonally dominant linear system by a residual iteration.

    Args:
        a: matrix of shape (n, n), before its diagonal is raised.
        b: right-hand side of shape (n,).
        x0: initial guess.
    """
    n = b.shape[0]
    if dominant == "row_sums":
        a = a + jnp.diag(1.0 + jnp.sum(jnp.abs(a), axis=1))
    else:
        a = a + n * jnp.eye(n)

    def step(u):
        residual = b - a @ u
        if method == "jacobi":
            update = residual / jnp.diag(a)
        elif method == "steepest_descent":
            rate = residual @ residual / (residual @ (a @ residual) + 1e-8)
            update = rate * residual
        else:
            update = residual / (1.5 * n)
        if damping is not None:
            return u + damping * update
        return u + update

    if x0 is not None:
        solution = x0
    else:
        solution = jnp.zeros_like(b)
    if loop == "scan":
        solution, _ = jax.lax.scan(lambda u, _: (step(u), None), solution, length=iterations)
    elif loop == "for":
        for _ in range(iterations):
            solution = step(solution)
    else:
        solution = jax.lax.fori_loop(0, iterations, lambda _, u: step(u), solution)
    return solution


@family(
    "loop",
    a="n n",
    v="n in 0.2..1",
    kind={"symmetric": 4, "gram": 3},
    iterations=(5, 3, 4, 6, 8),
    loop={"fori": 3, "scan": 2},
    norm={"l2": 3, "max": 1},
    shift={None: 3, 0.5: 1, 2.0: 1},
    deflate=(False, True),
    sizes={"n": (4, 5, 6, 8)},
)
def power_iteration(
    a,
    v,
    *,
    kind="symmetric",
    iterations=5,
    loop="fori",
    norm="l2",
    shift=None,
    deflate=False,
):
    """Approximate eigenvalue and eigenvector of a symmetric matrix by power iteration.

    Args:
        a: square matrix, from which the symmetric one is formed.
        v: initial vector.
    """
    if kind == "gram":
        matrix = a.T @ a
    else:
        matrix = 0.5 * (a + a.T)
    if shift is not None:
        matrix = matrix + shift * jnp.eye(a.shape[0])

    def run(matrix, v):
        def step(v):
            u = matrix @ v
            if norm == "max":
                return u / (jnp.max(jnp.abs(u)) + 1e-6)
            return u / jnp.sqrt(jnp.sum(jnp.square(u)) + 1e-6)

        if loop == "scan":
            v, _ = jax.lax.scan(lambda v, _: (step(v), None), v, length=iterations)
        else:
            v = jax.lax.fori_loop(0, iterations, lambda _, v: step(v), v)
        # The Rayleigh quotient.
        return v @ matrix @ v / (v @ v), v

    value, vector = run(matrix, v)
    if deflate:
        # Remove the leading pair to find the second one.
        matrix = matrix - value * jnp.outer(vector, vector) / (vector @ vector)
        value, vector = run(matrix, v)
    return value, vector


@family(
    "contraction",
    "multi_statement",
    "reduction",
    a="k n",
    metric="? n in 0.3..1.5",
    method={"modified": 3, "classical": 3},
    unit={True: 3, False: 1},
    twice={False: 4, True: 1},
    by_column=(False, True),
    eps={1e-6: 1, 1e-8: 1},
    sizes={"k": (2, 4), "n": (5, 6, 8)},
)
def gram_schmidt(
    a,
    metric=None,
    *,
    method="modified",
    unit=True,
    twice=False,
    by_column=False,
    eps=1e-6,
):
    """Orthogonal basis of the span of some vectors by the Gram-Schmidt process.

    Args:
        a: vectors as rows, of shape (k, n).
        metric: diagonal of the inner product's matrix, of shape (n,).
    """

    def inner(u, v):
        if metric is not None:
            return jnp.sum(metric * u * v)
        return u @ v

    basis = []
    for i in range(a.shape[0]):
        v = a[i]
        for u in basis:
            if method == "classical":
                coefficient = inner(u, a[i])
            else:
                coefficient = inner(u, v)
            if unit:
                v = v - coefficient * u
            else:
                v = v - coefficient / (inner(u, u) + eps) * u
        if twice:
            # Reorthogonalize against what rounding has left.
            for u in basis:
                v = v - inner(u, v) / (inner(u, u) + eps) * u
        if unit:
            v = v / jnp.sqrt(inner(v, v) + eps)
        basis.append(v)
    if by_column:
        return jnp.stack(basis, axis=1)
    return jnp.stack(basis)


@family(
    "loop",
    x="n d in -1..1",
    y="n in 0..1",
    w0="? d in -0.5..0.5",
    weights="? n in 0.3..1.5",
    loss={"squared": 4, "logistic": 3, "poisson": 1},
    momentum={"none": 3, "heavy_ball": 1, "nesterov": 1},
    l2={None: 3, 0.1: 1, 0.01: 1},
    schedule={"constant": 4, "inverse": 1, "cosine": 1},
    learning_rate={0.1: 2, 0.3: 1, 0.5: 1},
    iterations=(5, 3, 4, 8),
    loop={"fori": 3, "scan": 3},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5, 6)},
)
def gradient_descent_fit(
    x,
    y,
    w0=None,
    weights=None,
    *,
    loss="squared",
    momentum="none",
    l2=None,
    schedule="constant",
    learning_rate=0.1,
    iterations=5,
    loop="fori",
):
    """Coefficients of a linear model after some steps of gradient descent.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        w0: initial coefficients.
        weights: sample weights of shape (n,).
    """
    n, d = x.shape

    def gradient(w):
        eta = x @ w
        if loss == "logistic":
            error = jax.nn.sigmoid(eta) - y
        elif loss == "poisson":
            error = jnp.exp(eta) - y
        else:
            error = eta - y
        if weights is not None:
            error = weights * error
        if l2 is not None:
            return x.T @ error / n + l2 * w
        return x.T @ error / n

    def step(i, state):
        if schedule == "inverse":
            rate = learning_rate / (1.0 + 0.5 * i)
        elif schedule == "cosine":
            rate = 0.5 * learning_rate * (1.0 + jnp.cos(jnp.pi * i / iterations))
        else:
            rate = learning_rate
        if momentum == "heavy_ball":
            w, velocity = state
            velocity = 0.9 * velocity - rate * gradient(w)
            return w + velocity, velocity
        elif momentum == "nesterov":
            w, velocity = state
            velocity = 0.9 * velocity - rate * gradient(w + 0.9 * velocity)
            return w + velocity, velocity
        else:
            return state - rate * gradient(state)

    if w0 is None:
        w0 = jnp.zeros(d)
    if momentum == "none":
        state = w0
    else:
        state = (w0, jnp.zeros_like(w0))
    if loop == "scan":
        state, _ = jax.lax.scan(
            lambda state, i: (step(i, state), None), state, jnp.arange(iterations)
        )
    else:
        state = jax.lax.fori_loop(0, iterations, step, state)
    if momentum == "none":
        return state
    return state[0]


@family(
    "loop",
    x="n d in -1..1",
    y="n in 0..1",
    w0="? d in -0.5..0.5",
    weights="? n in 0.3..1.5",
    penalty={"l1": 4, "elastic": 1, "nonnegative": 1},
    accelerated=(False, True),
    learning_rate={0.3: 1, 0.1: 1, 0.5: 1},
    strength={0.02: 1, 0.01: 1, 0.05: 1},
    iterations=(5, 3, 4, 8),
    loop={"fori": 3, "scan": 3},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5, 6)},
)
def proximal_gradient(
    x,
    y,
    w0=None,
    weights=None,
    *,
    penalty="l1",
    accelerated=False,
    learning_rate=0.3,
    strength=0.02,
    iterations=5,
    loop="fori",
):
    """Coefficients of a sparse or constrained least-squares problem by proximal gradient steps.

    Args:
        x: design matrix of shape (n, d).
        y: targets of shape (n,).
        w0: initial coefficients.
        weights: sample weights of shape (n,).
    """
    n, d = x.shape

    def proximal_step(w):
        residual = x @ w - y
        if weights is not None:
            residual = weights * residual
        w = w - learning_rate * x.T @ residual / n
        if penalty == "nonnegative":
            # The projection onto the nonnegative coefficients.
            return jnp.maximum(w, 0.0)
        # Soft thresholding is the proximal operator of the L1 norm.
        threshold = learning_rate * strength
        w = jnp.sign(w) * jnp.maximum(jnp.abs(w) - threshold, 0.0)
        if penalty == "elastic":
            w = w / (1.0 + threshold)
        return w

    def fista_step(state):
        # Extrapolate from the last two iterates.
        w, z, t = state
        new_w = proximal_step(z)
        new_t = 0.5 * (1.0 + jnp.sqrt(1.0 + 4.0 * jnp.square(t)))
        return new_w, new_w + (t - 1.0) / new_t * (new_w - w), new_t

    if w0 is None:
        w0 = jnp.full(d, 0.1)
    if accelerated:
        state = (w0, w0, jnp.ones(()))
        if loop == "scan":
            state, _ = jax.lax.scan(lambda s, _: (fista_step(s), None), state, length=iterations)
        else:
            state = jax.lax.fori_loop(0, iterations, lambda _, s: fista_step(s), state)
        return state[0]
    if loop == "scan":
        w, _ = jax.lax.scan(lambda w, _: (proximal_step(w), None), w0, length=iterations)
    else:
        w = jax.lax.fori_loop(0, iterations, lambda _, w: proximal_step(w), w0)
    return w


@family(
    "loop",
    "contraction",
    "reduction",
    g="n m in -1..1",
    momentum_buffer="? n m in -1..1",
    coefficients={"cubic": 2, "quintic": 3},
    norm={"frobenius": 3, "l1_linf": 1},
    iterations=(3, 2, 4, 5),
    loop={"python": 3, "fori": 2, "scan": 1},
    rescale=(False, True),
    sizes={"n": (4, 5, 6), "m": (4, 6, 8)},
)
def newton_schulz_orthogonalize(
    g,
    momentum_buffer=None,
    *,
    coefficients="quintic",
    norm="frobenius",
    iterations=3,
    loop="python",
    rescale=False,
):
    """Pushes the singular values of a matrix towards one by Newton-Schulz, as the Muon optimizer.

    Args:
        g: gradient of a weight matrix.
        momentum_buffer: running sum of earlier gradients, from which Nesterov's update is made.
    """
    if momentum_buffer is not None:
        g = g + 0.95 * (0.95 * momentum_buffer + g)
    if norm == "l1_linf":
        # The spectral norm is at most the root of these two norms' product.
        magnitude = jnp.abs(g)
        bound = jnp.max(jnp.sum(magnitude, axis=0)) * jnp.max(jnp.sum(magnitude, axis=1))
        z = g / jnp.sqrt(bound + 1e-7)
    else:
        z = g / (jnp.linalg.norm(g) + 1e-7)

    def step(z):
        gram = z @ z.T
        if coefficients == "quintic":
            return 3.4445 * z + (-4.775 * gram + 2.0315 * gram @ gram) @ z
        return 1.5 * z - 0.5 * gram @ z

    if loop == "fori":
        z = jax.lax.fori_loop(0, iterations, lambda _, z: step(z), z)
    elif loop == "scan":
        z, _ = jax.lax.scan(lambda z, _: (step(z), None), z, length=iterations)
    else:
        for _ in range(iterations):
            z = step(z)
    if rescale:
        # The root mean square of the update shouldn't depend on the shape.
        z = z * (max(g.shape) / min(g.shape)) ** 0.5
    return z


@family(
    "loop",
    "contraction",
    "reduction",
    a="n n in -1..1",
    b="? n m",
    order={"quadratic": 3, "cubic": 1},
    regularization={0.5: 1, 1.0: 1, 2.0: 1},
    start={"trace": 2, "norms": 2},
    iterations=(4, 3, 5, 6),
    loop={"python": 3, "fori": 2, "scan": 1},
    sizes={"n": (4, 5, 6), "m": (1, 2, 4)},
)
def newton_schulz_inverse(
    a,
    b=None,
    *,
    order="quadratic",
    regularization=0.5,
    start="trace",
    iterations=4,
    loop="python",
):
    """Approximate inverse of a regularized Gram matrix by Newton-Schulz, applied to b if given.

    Args:
        a: factor of the Gram matrix, of shape (n, n).
        b: right-hand sides as columns.
    """
    identity = jnp.eye(a.shape[0])
    gram = a @ a.T + regularization * identity
    if start == "norms":
        magnitude = jnp.abs(gram)
        z = gram / jnp.square(jnp.max(jnp.sum(magnitude, axis=1)))
    else:
        # The trace bounds the largest eigenvalue.
        z = identity / jnp.trace(gram)

    def step(z):
        error = identity - gram @ z
        if order == "cubic":
            return z @ (identity + error + error @ error)
        return z + z @ error

    if loop == "fori":
        z = jax.lax.fori_loop(0, iterations, lambda _, z: step(z), z)
    elif loop == "scan":
        z, _ = jax.lax.scan(lambda z, _: (step(z), None), z, length=iterations)
    else:
        for _ in range(iterations):
            z = step(z)
    if b is not None:
        return z @ b
    return z
