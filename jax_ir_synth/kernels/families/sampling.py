"""Families: hidden states, clusters, transport, and steps of samplers with given noise."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
hmm_backward: hmm_backward 4, backward_messages 3, backward_algorithm 2
viterbi_score: viterbi_score 3, viterbi 4, viterbi_log_prob 2
hmm_log_likelihood: hmm_log_likelihood 4, log_likelihood 2, forward_algorithm 3
kmeans_step: kmeans_step 5, k_means_step 2, update_centers 2
mixture_step: mixture_step 3, em_step 6, gmm_em_step 3, gmm_step 1
sinkhorn: sinkhorn_cost 5, sinkhorn_distance 2, entropic_ot_cost 2
kernel_discrepancy: mmd_squared 4, maximum_mean_discrepancy 4, squared_mmd 2
hsic: hsic 5, hsic_statistic 1
leapfrog: leapfrog 6, leapfrog_integrate 2, hmc_trajectory 2
langevin_step: langevin_step 5, ula_step 2, sgld_step 3, langevin_update 2
metropolis_step: metropolis_step 4, metropolis_hastings_step 4, mh_step 3, accept_reject 2
particle_step: particle_step 3, particle_filter_step 5, bootstrap_step 1, pf_step 2
relaxed_code: relaxed_code 2, gumbel_quantize 4, gumbel_codes 2
centered_kernel_alignment: centered_kernel_alignment 2, cka 5
underdamped_langevin_step: underdamped_langevin_step 4, underdamped_step 2
elbo: elbo 5, evidence_lower_bound 3, variational_objective 2
importance_estimate: importance_estimate 4, importance_sampling 4
sample_with_key: monte_carlo_estimate 4, mc_expectation 3, estimate_expectation 2
kernel_matrix: kernel_matrix 4, gram 3, rbf_kernel 2
log_density: log_density 4, log_prob 4, target_log_prob 2
log_density_gradient: log_density_gradient 4, score 3, grad_log_prob 3
center_matrix: center_matrix 4, double_center 3, center_gram 2
log_initial: log_initial 4, log_pi 4, log_init 2
log_transition: log_transition 4, log_trans 3, log_A 2
log_likelihoods: log_likelihoods 4, log_obs 3, log_emissions 3
alpha: alpha 5, log_alpha 3, message 1
points: points 5, x 4, data 2
centers: centers 5, centroids 4, means 2
assignments: assignments 5, resp 2, membership 1
distances: distances 4, sq_dists 3, d2 2
responsibilities: responsibilities 5, resp 4, gamma 2
log_weights: log_weights 5, logw 3, log_w 3
weights: weights 6, w 4
log_scales: log_scales 4, log_sigmas 3, log_std 2
cost: cost 6, c 1, cost_matrix 2
f: f 5, potential_a 1
g: g 5, potential_b 1
kernel: kernel 4, gibbs 1, k 3
u: u 1
v: v 1
position: position 4, q 5, theta 2
momentum: momentum 5, p 5
step_size: step_size 6, eps 3, epsilon 2
num_steps: num_steps 5, n_steps 3, num_leapfrog 1
noise: noise 6, xi 2
uniforms: uniforms 4, u 4
proposal: proposal 5, proposed 3, candidate 2
log_ratio: log_ratio 5, log_accept 3, log_alpha 1
accept: accept 5, accepted 3
particles: particles 6, x 2, samples 1
observation: observation 5, y 4, obs 2
temperature: temperature 5, tau 4
logits: logits 6, scores 1
gumbels: gumbels 4, gumbel_noise 3, g 2
mean: mean 5, mu 4
log_std: log_std 5, log_sigma 3
log_target: log_target 4, log_p 4
log_proposal: log_proposal 4, log_q 4
values: values 5, f_values 1
effective_size: effective_size 3, ess 5, n_eff 2
x: x 6, xs 2, samples 1
y: y 6, ys 2
mask: mask 8, valid 2
variance: variance 5, var 5
out: out 1
inputs: inputs 1
scale: scale 5, sigma 2
"""


@family(
    "loop",
    log_likelihoods="t k in -2..0.5",
    transition_logits="k k",
    initial_logits="? k",
    mask="? t bool",
    form={"log": 3, "scaled": 2, "fori": 1},
    sticky={None: 4, 1.0: 1},
    with_messages={False: 3, True: 1},
    sizes={"t": (4, 5, 6, 8, 10), "k": (2, 4, 5)},
)
def hmm_log_likelihood(
    log_likelihoods,
    transition_logits,
    initial_logits=None,
    mask=None,
    *,
    form="log",
    sticky=None,
    with_messages=False,
):
    """Log-likelihood of a sequence under a hidden Markov model, by the forward algorithm.

    Args:
        log_likelihoods: log-likelihood of each observation in each state, of shape (time, states).
        transition_logits: logits of the next state, a row for each state.
        initial_logits: logits of the first state.
        mask: True where there is an observation.
    """
    t, k = log_likelihoods.shape
    if mask is not None:
        # A missing observation is equally likely in all states.
        log_likelihoods = jnp.where(mask[:, None], log_likelihoods, 0.0)
    if sticky is not None:
        transition_logits = transition_logits + sticky * jnp.eye(k)
    log_transition = jax.nn.log_softmax(transition_logits, axis=-1)
    if initial_logits is None:
        log_initial = jnp.full(k, -jnp.log(k))
    else:
        log_initial = jax.nn.log_softmax(initial_logits)
    if form == "scaled":
        transition = jnp.exp(log_transition)

        def scaled_step(p, log_lik):
            p = (p @ transition) * jnp.exp(log_lik)
            total = jnp.sum(p)
            p = p / total
            return p, (p, jnp.log(total))

        p = jnp.exp(log_initial + log_likelihoods[0])
        total = jnp.sum(p)
        _, (filtered, log_totals) = jax.lax.scan(scaled_step, p / total, log_likelihoods[1:])
        log_likelihood = jnp.log(total) + jnp.sum(log_totals)
        if with_messages:
            return log_likelihood, jnp.log(filtered)
        return log_likelihood

    def forward_step(alpha, log_lik):
        alpha = jax.nn.logsumexp(alpha[:, None] + log_transition, axis=0) + log_lik
        return alpha, alpha

    alpha = log_initial + log_likelihoods[0]
    if with_messages:
        alpha, alphas = jax.lax.scan(forward_step, alpha, log_likelihoods[1:])
        return jax.nn.logsumexp(alpha), alphas
    if form == "fori":
        alpha = jax.lax.fori_loop(
            1, t, lambda i, alpha: forward_step(alpha, log_likelihoods[i])[0], alpha
        )
    else:
        alpha, _ = jax.lax.scan(forward_step, alpha, log_likelihoods[1:])
    return jax.nn.logsumexp(alpha)


@family(
    "loop",
    log_likelihoods="t k in -2..0.5",
    transition_logits="k k",
    mask="? t bool",
    sticky={None: 4, 1.0: 1},
    with_last={True: 2, False: 2},
    form={"logsumexp": 3, "matmul": 1},
    sizes={"t": (4, 5, 6, 8, 10), "k": (2, 4, 5)},
    weight=6,
)
def hmm_backward(
    log_likelihoods,
    transition_logits,
    mask=None,
    *,
    sticky=None,
    with_last=True,
    form="logsumexp",
):
    """Backward messages of a hidden Markov model: log-likelihoods of what is still to come.

    Args:
        log_likelihoods: log-likelihood of each observation in each state, of shape (time, states).
        transition_logits: logits of the next state, a row for each state.
        mask: True where there is an observation.
    """
    k = log_likelihoods.shape[1]
    if mask is not None:
        # A missing observation is equally likely in all states.
        log_likelihoods = jnp.where(mask[:, None], log_likelihoods, 0.0)
    if sticky is not None:
        transition_logits = transition_logits + sticky * jnp.eye(k)
    log_transition = jax.nn.log_softmax(transition_logits, axis=-1)

    def step(beta, log_lik):
        if form == "matmul":
            peak = jnp.max(log_lik + beta)
            beta = peak + jnp.log(jnp.exp(log_transition) @ jnp.exp(log_lik + beta - peak))
        else:
            beta = jax.nn.logsumexp(log_transition + log_lik + beta, axis=1)
        return beta, beta

    last = jnp.zeros(k)
    _, betas = jax.lax.scan(step, last, log_likelihoods[1:], reverse=True)
    if with_last:
        return jnp.concatenate([betas, last[None]])
    return betas


@family(
    "loop",
    log_likelihoods="t k in -2..0.5",
    transition_logits="k k",
    initial_logits="? k",
    mask="? t bool",
    with_scores={False: 3, True: 1},
    loop={"scan": 3, "fori": 1},
    sizes={"t": (4, 5, 6, 8, 10), "k": (2, 4, 5)},
    weight=6,
)
def viterbi_score(
    log_likelihoods,
    transition_logits,
    initial_logits=None,
    mask=None,
    *,
    with_scores=False,
    loop="scan",
):
    """Log-probability of the best state sequence of a hidden Markov model (Viterbi).

    Args:
        log_likelihoods: log-likelihood of each observation in each state, of shape (time, states).
        transition_logits: scores of the next state, a row for each state.
        initial_logits: scores of the first state.
        mask: True where there is an observation.
    """
    if mask is not None:
        # A missing observation is equally likely in all states.
        log_likelihoods = jnp.where(mask[:, None], log_likelihoods, 0.0)
    log_transition = jax.nn.log_softmax(transition_logits, axis=-1)
    if initial_logits is not None:
        best = jax.nn.log_softmax(initial_logits) + log_likelihoods[0]
    else:
        best = log_likelihoods[0] - jnp.log(log_likelihoods.shape[1])

    def step(best, log_lik):
        best = jnp.max(best[:, None] + log_transition, axis=0) + log_lik
        return best, best

    if with_scores:
        best, scores = jax.lax.scan(step, best, log_likelihoods[1:])
        return jnp.max(best), scores
    if loop == "fori":
        best = jax.lax.fori_loop(
            1,
            log_likelihoods.shape[0],
            lambda t, best: step(best, log_likelihoods[t])[0],
            best,
        )
    else:
        best, _ = jax.lax.scan(step, best, log_likelihoods[1:])
    return jnp.max(best)


@family(
    "reduction",
    points="n d",
    centers="k d",
    weights="? n in 0.3..1.5",
    assign={"hard": 4, "soft": 3, "fuzzy": 1},
    temperature={1.0: 2, 0.5: 1, 2.0: 1},
    expand={False: 3, True: 1},
    output={"with_loss": 3, "with_shift": 1},
    sizes={"k": (2, 4, 5), "n": (5, 6, 8, 10, 12), "d": (2, 4, 5)},
)
def kmeans_step(
    points,
    centers,
    weights=None,
    *,
    assign="hard",
    temperature=1.0,
    expand=False,
    output="with_loss",
):
    """One step of k-means, hard or soft: assign the points to the centers, then move each center to their mean.

    Args:
        points: points of shape (samples, features).
        centers: current centers, of shape (clusters, features).
        weights: weight of each point.
    """
    if expand:
        # Squared distances by the binomial formula.
        point_norms = jnp.sum(jnp.square(points), axis=1, keepdims=True)
        center_norms = jnp.sum(jnp.square(centers), axis=1)
        distances = point_norms - 2.0 * points @ centers.T + center_norms
    else:
        distances = jnp.sum(jnp.square(points[:, None, :] - centers[None, :, :]), axis=-1)
    if assign == "hard":
        nearest = jnp.argmin(distances, axis=1)
        assignments = jax.nn.one_hot(nearest, centers.shape[0])
    elif assign == "fuzzy":
        # Fuzzy c-means with exponent two.
        inverse = 1.0 / (jnp.maximum(distances, 0.0) + 1e-3)
        assignments = jnp.square(inverse / jnp.sum(inverse, axis=1, keepdims=True))
    else:
        assignments = jax.nn.softmax(-distances / temperature, axis=1)
    if weights is not None:
        assignments = weights[:, None] * assignments
    counts = jnp.sum(assignments, axis=0)
    moved = assignments.T @ points / (counts[:, None] + 1e-6)
    # A center without points stays where it is.
    moved = jnp.where(counts[:, None] > 1e-3, moved, centers)
    if output == "with_loss":
        return moved, jnp.sum(assignments * distances)
    return moved, jnp.sum(jnp.square(moved - centers), axis=1)


@family(
    "reduction",
    "multi_statement",
    points="n d",
    log_weights="k in -1..0",
    means="k d",
    log_scales="? k d in -0.5..0.7",
    mask="? n bool",
    shared={False: 3, True: 1},
    prior={None: 3, 1.0: 1, 0.1: 1},
    floor={1e-3: 3, 1e-6: 1},
    output={"all": 4, "with_likelihood": 2},
    sizes={"k": (2, 4, 5), "n": (5, 6, 8, 10), "d": (2, 4, 5)},
)
def mixture_step(
    points,
    log_weights,
    means,
    log_scales=None,
    mask=None,
    *,
    shared=False,
    prior=None,
    floor=0.001,
    output="all",
):
    """One expectation-maximisation (EM) step for a mixture of diagonal Gaussians.

    Args:
        points: points of shape (samples, features).
        log_weights: unnormalised log-weights of the components.
        means: mean of each component, of shape (components, features).
        log_scales: log standard deviation of each component and feature.
        mask: True for the points that count.
    """
    z = points[:, None, :] - means[None, :, :]
    if log_scales is None:
        log_joint = jax.nn.log_softmax(log_weights) - 0.5 * jnp.sum(jnp.square(z), axis=-1)
    else:
        z = z * jnp.exp(-log_scales)
        log_probs = -0.5 * jnp.square(z) - log_scales
        log_joint = jax.nn.log_softmax(log_weights) + jnp.sum(log_probs, axis=-1)
    if output == "with_likelihood":
        log_likelihood = jax.nn.logsumexp(log_joint, axis=1)
        responsibilities = jnp.exp(log_joint - log_likelihood[:, None])
    else:
        responsibilities = jax.nn.softmax(log_joint, axis=1)
    if mask is not None:
        responsibilities = jnp.where(mask[:, None], responsibilities, 0.0)
    counts = jnp.sum(responsibilities, axis=0)
    sums = responsibilities.T @ points
    if prior is None:
        new_means = sums / (counts[:, None] + 1e-3)
    else:
        # Maximum a posteriori: pseudo-counts at the current means.
        new_means = (sums + prior * means) / (counts[:, None] + prior)
    deviations = jnp.square(points[:, None, :] - new_means[None, :, :])
    variances = jnp.einsum("nk,nkd->kd", responsibilities, deviations)
    if shared:
        variances = jnp.sum(variances, axis=0) / (jnp.sum(counts) + 1e-3) + floor
    else:
        variances = variances / (counts[:, None] + 1e-3) + floor
    mixing = counts / (jnp.sum(counts) + 1e-3)
    if output == "with_likelihood":
        return mixing, new_means, variances, jnp.mean(log_likelihood)
    return mixing, new_means, variances


@family(
    "loop",
    x="n d",
    y="m d",
    a="? n in 0.3..1.5",
    b="? m in 0.3..1.5",
    metric={"squared": 4, "cosine": 1},
    domain={"log": 4, "kernel": 3},
    epsilon={1.0: 2, 2.0: 1, 0.5: 1},
    iterations=(2, 3, 4, 5),
    loop={"fori": 4, "scan": 2, "python": 1},
    scaled={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6), "d": (2, 4)},
)
def sinkhorn(
    x,
    y,
    a=None,
    b=None,
    *,
    metric="squared",
    domain="log",
    epsilon=1.0,
    iterations=4,
    loop="fori",
    scaled=False,
):
    """Entropy-regularised optimal transport between two point clouds, by Sinkhorn iterations.

    Args:
        x: source points of shape (samples, features).
        y: target points.
        a: mass of each source point.
        b: mass of each target point.

    Returns:
        The transport cost of the regularised plan.
    """
    n, m = x.shape[0], y.shape[0]
    if metric == "cosine":
        x_unit = x / jnp.sqrt(jnp.sum(jnp.square(x), axis=1, keepdims=True) + 1e-3)
        y_unit = y / jnp.sqrt(jnp.sum(jnp.square(y), axis=1, keepdims=True) + 1e-3)
        cost = 1.0 - x_unit @ y_unit.T
    else:
        cost = jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)
    if scaled:
        cost = cost / jnp.mean(cost)
    a = jnp.full(n, 1.0 / n) if a is None else a / jnp.sum(a)
    b = jnp.full(m, 1.0 / m) if b is None else b / jnp.sum(b)
    if domain == "log":

        def update(potentials):
            f, g = potentials
            f = epsilon * (jnp.log(a) - jax.nn.logsumexp((g[None, :] - cost) / epsilon, axis=1))
            g = epsilon * (jnp.log(b) - jax.nn.logsumexp((f[:, None] - cost) / epsilon, axis=0))
            return f, g

        state = (jnp.zeros(n), jnp.zeros(m))
    else:
        kernel = jnp.exp(-cost / epsilon)

        def update(scalings):
            u, v = scalings
            u = a / (kernel @ v)
            v = b / (kernel.T @ u)
            return u, v

        state = (jnp.ones(n), jnp.ones(m))
    if loop == "fori":
        state = jax.lax.fori_loop(0, iterations, lambda _, state: update(state), state)
    elif loop == "scan":
        state, _ = jax.lax.scan(
            lambda state, _: (update(state), None), state, None, length=iterations
        )
    else:
        for _ in range(iterations):
            state = update(state)
    if domain == "log":
        f, g = state
        plan = jnp.exp((f[:, None] + g[None, :] - cost) / epsilon)
    else:
        u, v = state
        plan = u[:, None] * kernel * v[None, :]
    return jnp.sum(plan * cost)


def kernel_matrix(x, y, kind="rbf"):
    """Kernel between all pairs of rows."""
    if kind == "linear":
        return x @ y.T
    if kind == "polynomial":
        return (1.0 + x @ y.T / x.shape[1]) ** 2
    sq_dists = jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)
    if kind == "rbf":
        return jnp.exp(-0.5 * sq_dists)
    if kind == "laplace":
        return jnp.exp(-jnp.sqrt(sq_dists + 1e-4))
    if kind == "inverse_multiquadric":
        return 1.0 / jnp.sqrt(1.0 + sq_dists)
    # Several widths at once.
    return sum(jnp.exp(-sq_dists / width) for width in (0.5, 2.0, 8.0))


@family(
    "reduction",
    x="n d",
    y="m d",
    kind={"rbf": 4, "laplace": 1, "inverse_multiquadric": 2, "several": 3, "polynomial": 1},
    estimator={"biased": 3, "unbiased": 3},
    median={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8), "d": (2, 4, 5), "k": (2, 4)},
)
def kernel_discrepancy(
    x,
    y,
    *,
    kind="rbf",
    estimator="biased",
    median=False,
):
    """Squared maximum mean discrepancy (MMD) of two samples.

    Args:
        x: first sample, of shape (samples, features).
        y: second sample.
    """
    if median:
        # Median heuristic for the bandwidth.
        sq_dists = jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)
        bandwidth = jnp.sqrt(jnp.median(sq_dists) + 1e-6)
        x, y = x / bandwidth, y / bandwidth
    k_xx = kernel_matrix(x, x, kind)
    k_yy = kernel_matrix(y, y, kind)
    k_xy = kernel_matrix(x, y, kind)
    if estimator == "unbiased":
        # The U-statistic leaves out the diagonals.
        n, m = x.shape[0], y.shape[0]
        within_x = (jnp.sum(k_xx) - jnp.trace(k_xx)) / (n * (n - 1))
        within_y = (jnp.sum(k_yy) - jnp.trace(k_yy)) / (m * (m - 1))
    else:
        within_x = jnp.mean(k_xx)
        within_y = jnp.mean(k_yy)
    return within_x + within_y - 2.0 * jnp.mean(k_xy)


def center_matrix(k):
    """Double centering of a kernel matrix."""
    rows = jnp.mean(k, axis=0, keepdims=True)
    columns = jnp.mean(k, axis=1, keepdims=True)
    return k - rows - columns + jnp.mean(k)


@family(
    "reduction",
    x="n d",
    y="n e",
    kind={"rbf": 4, "linear": 3, "laplace": 1, "inverse_multiquadric": 1, "polynomial": 1},
    estimator={"biased": 3, "unbiased": 1},
    form={"both": 3, "trace": 1, "one": 1},
    sizes={"n": (6, 8, 10), "d": (2, 4, 5), "e": (2, 4)},
)
def hsic(x, y, *, kind="rbf", estimator="biased", form="both"):
    """Hilbert-Schmidt independence criterion (HSIC) between paired samples.

    Args:
        x: first variables, of shape (samples, features).
        y: second variables of the same samples.
    """
    n = x.shape[0]
    k_x = kernel_matrix(x, x, kind)
    k_y = kernel_matrix(y, y, kind)
    if estimator == "unbiased":
        # The estimator of Song et al., without the diagonals.
        k_x = k_x - jnp.diag(jnp.diag(k_x))
        k_y = k_y - jnp.diag(jnp.diag(k_y))
        trace = jnp.sum(k_x * k_y)
        product = jnp.sum(k_x) * jnp.sum(k_y) / ((n - 1) * (n - 2))
        cross = jnp.sum(k_x @ k_y) / (n - 2)
        return (trace + product - 2.0 * cross) / (n * (n - 3))
    if form == "trace":
        centering = jnp.eye(n) - 1.0 / n
        return jnp.trace(k_x @ centering @ k_y @ centering) / (n - 1) ** 2
    elif form == "one":
        # Centering one of the matrices is enough.
        return jnp.sum(center_matrix(k_x) * k_y) / (n - 1) ** 2
    else:
        return jnp.sum(center_matrix(k_x) * center_matrix(k_y)) / (n - 1) ** 2


@family(
    "reduction",
    x="n d",
    y="n e",
    kind={"linear": 4, "rbf": 3, "polynomial": 1},
    form={"kernel": 3, "features": 1},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5), "e": (2, 4)},
)
def centered_kernel_alignment(x, y, *, kind="linear", form="kernel"):
    """Centered kernel alignment (CKA) between two representations of the same inputs.

    Args:
        x: first representation, of shape (samples, features).
        y: second representation.
    """
    if form == "features":
        # Linear CKA by the cross-covariances of the features.
        x = x - jnp.mean(x, axis=0)
        y = y - jnp.mean(y, axis=0)
        cross = jnp.sum(jnp.square(x.T @ y))
        norm_x = jnp.sqrt(jnp.sum(jnp.square(x.T @ x)))
        norm_y = jnp.sqrt(jnp.sum(jnp.square(y.T @ y)))
    else:
        k_x = center_matrix(kernel_matrix(x, x, kind))
        k_y = center_matrix(kernel_matrix(y, y, kind))
        cross = jnp.sum(k_x * k_y)
        norm_x = jnp.sqrt(jnp.sum(jnp.square(k_x)))
        norm_y = jnp.sqrt(jnp.sum(jnp.square(k_y)))
    return cross / (norm_x * norm_y + 1e-6)


def log_density(x, kind="normal"):
    """Log-density of the target, up to a constant."""
    if kind == "student_t":
        return -2.5 * jnp.sum(jnp.log1p(jnp.square(x) / 4.0), axis=-1)
    if kind == "ring":
        # Most likely at a distance of one from the origin.
        return -2.0 * jnp.square(jnp.sqrt(jnp.sum(jnp.square(x), axis=-1) + 1e-3) - 1.0)
    if kind == "logistic":
        return -jnp.sum(x + 2.0 * jax.nn.softplus(-x), axis=-1)
    if kind == "double_well":
        return -jnp.sum(jnp.square(jnp.square(x) - 1.0), axis=-1)
    return -0.5 * jnp.sum(jnp.square(x), axis=-1)


def log_density_gradient(x, kind="normal"):
    """Score of the target: the gradient of its log-density."""
    if kind == "student_t":
        return -5.0 * x / (4.0 + jnp.square(x))
    if kind == "logistic":
        return 1.0 - 2.0 * jax.nn.sigmoid(x)
    if kind == "double_well":
        return -4.0 * x * (jnp.square(x) - 1.0)
    return -x


@family(
    "loop",
    "multi_statement",
    "elementwise",
    position="n d",
    momentum="n d",
    inverse_mass="? d in 0.5..1.5",
    center="? d",
    kind={"normal": 3, "student_t": 3, "logistic": 2, "double_well": 1},
    step_size={0.1: 2, 0.05: 1, 0.2: 1},
    num_steps=(2, 3, 4, 5),
    loop={"fori": 4, "scan": 2, "python": 2},
    negate={False: 3, True: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 5)},
)
def leapfrog(
    position,
    momentum,
    inverse_mass=None,
    center=None,
    *,
    kind="normal",
    step_size=0.1,
    num_steps=3,
    loop="fori",
    negate=False,
):
    """Leapfrog integration of Hamiltonian dynamics.

    Args:
        position: position of each chain, of shape (chains, dimensions).
        momentum: momentum of each chain.
        inverse_mass: diagonal of the inverse mass matrix.
        center: centre of the target distribution.
        step_size: size of an integration step.
    """

    def gradient(q):
        if center is not None:
            q = q - center
        return log_density_gradient(q, kind)

    def step(q, p):
        p = p + 0.5 * step_size * gradient(q)
        if inverse_mass is not None:
            q = q + step_size * inverse_mass * p
        else:
            q = q + step_size * p
        p = p + 0.5 * step_size * gradient(q)
        return q, p

    if loop == "fori":
        q, p = jax.lax.fori_loop(0, num_steps, lambda _, state: step(*state), (position, momentum))
    elif loop == "scan":
        (q, p), _ = jax.lax.scan(
            lambda state, _: (step(*state), None), (position, momentum), None, length=num_steps
        )
    else:
        q, p = position, momentum
        for _ in range(num_steps):
            q, p = step(q, p)
    if negate:
        # Flip the momentum, so that the proposal is reversible.
        p = -p
    return q, p


@family(
    "multi_statement",
    "scalar_array",
    "elementwise",
    x="n d",
    noise="n d",
    step_size="? in 0.05..0.3",
    center="? d",
    preconditioner="? d in 0.5..1.5",
    kind={"normal": 3, "student_t": 3, "logistic": 2, "double_well": 1},
    rate={0.1: 2, 0.05: 1, 0.01: 1},
    temperature={None: 3, 0.5: 1, 0.1: 1},
    sizes={"n": (2, 4, 5, 6, 8), "d": (2, 4, 5, 6, 8)},
)
def langevin_step(
    x,
    noise,
    step_size=None,
    center=None,
    preconditioner=None,
    *,
    kind="normal",
    rate=0.1,
    temperature=None,
):
    """Step of the unadjusted Langevin algorithm.

    Args:
        x: state of each chain, of shape (chains, dimensions).
        noise: standard normal noise of the same shape.
        step_size: size of the step.
        center: centre of the target distribution.
        preconditioner: diagonal of the preconditioning matrix.
    """
    if center is None:
        drift = log_density_gradient(x, kind)
    else:
        drift = log_density_gradient(x - center, kind)
    if step_size is None:
        step_size = rate
    if preconditioner is not None:
        step_size = step_size * preconditioner
    if temperature is None:
        diffusion = jnp.sqrt(2.0 * step_size)
    else:
        diffusion = jnp.sqrt(2.0 * temperature * step_size)
    return x + step_size * drift + diffusion * noise


@family(
    "multi_statement",
    "elementwise",
    x="n d",
    momentum="n d",
    noise="n d",
    center="? d",
    inverse_mass="? d in 0.5..1.5",
    kind={"normal": 3, "student_t": 2, "logistic": 2, "double_well": 1},
    scheme={"euler": 3, "baoab": 2},
    step_size={0.1: 2, 0.05: 1},
    friction={1.0: 2, 0.5: 1, 2.0: 1},
    sizes={"n": (2, 4, 5, 6, 8), "d": (2, 4, 5, 6, 8)},
    weight=8,
)
def underdamped_langevin_step(
    x,
    momentum,
    noise,
    center=None,
    inverse_mass=None,
    *,
    kind="normal",
    scheme="euler",
    step_size=0.1,
    friction=1.0,
):
    """Step of underdamped Langevin dynamics.

    Args:
        x: position of each chain, of shape (chains, dimensions).
        momentum: momentum of each chain.
        noise: standard normal noise of the same shape.
        center: centre of the target distribution.
        inverse_mass: diagonal of the inverse mass matrix.
        step_size: size of the step.
        friction: friction coefficient.
    """

    def force(x):
        if center is not None:
            x = x - center
        return log_density_gradient(x, kind)

    def drift(x, momentum, h):
        if inverse_mass is not None:
            return x + h * inverse_mass * momentum
        return x + h * momentum

    if scheme == "baoab":
        # Half kick, half drift, Ornstein-Uhlenbeck step, half drift, half kick.
        momentum = momentum + 0.5 * step_size * force(x)
        x = drift(x, momentum, 0.5 * step_size)
        decay = jnp.exp(-friction * step_size)
        scale = jnp.sqrt(1.0 - jnp.square(decay))
        if inverse_mass is not None:
            momentum = decay * momentum + scale / jnp.sqrt(inverse_mass) * noise
        else:
            momentum = decay * momentum + scale * noise
        x = drift(x, momentum, 0.5 * step_size)
        momentum = momentum + 0.5 * step_size * force(x)
        return x, momentum
    # Semi-implicit Euler-Maruyama.
    if inverse_mass is not None:
        diffusion = jnp.sqrt(2.0 * friction * step_size / inverse_mass)
    else:
        diffusion = jnp.sqrt(2.0 * friction * step_size)
    momentum = momentum + step_size * (force(x) - friction * momentum) + diffusion * noise
    return drift(x, momentum, step_size), momentum


@family(
    "multi_statement",
    "branch",
    "contraction",
    "reduction",
    x="n d",
    noise="n d",
    uniforms="n in 0.05..0.95",
    center="? d",
    scale="? d in 0.3..1.2",
    mask="? n bool",
    kind={"normal": 3, "student_t": 2, "logistic": 1, "double_well": 1, "ring": 2},
    width={0.5: 2, 0.3: 1, 0.8: 1},
    temperature={None: 4, 2.0: 1},
    rule={"metropolis": 4, "barker": 1},
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5)},
)
def metropolis_step(
    x,
    noise,
    uniforms,
    center=None,
    scale=None,
    mask=None,
    *,
    kind="normal",
    width=0.5,
    temperature=None,
    rule="metropolis",
):
    """Random-walk Metropolis step of several chains.

    Args:
        x: state of each chain, of shape (chains, dimensions).
        noise: standard normal noise of the proposals.
        uniforms: uniform random number of each chain.
        center: centre of the target distribution.
        scale: proposal scale along each dimension.
        mask: True for the chains that may move.

    Returns:
        The new states, and the log acceptance ratio less the logarithm of the uniform.
    """
    if scale is None:
        proposal = x + width * noise
    else:
        proposal = x + scale * noise
    if center is None:
        log_ratio = log_density(proposal, kind) - log_density(x, kind)
    else:
        log_ratio = log_density(proposal - center, kind) - log_density(x - center, kind)
    if temperature is not None:
        log_ratio = log_ratio / temperature
    if rule == "barker":
        margin = jax.nn.log_sigmoid(log_ratio) - jnp.log(uniforms)
    else:
        margin = log_ratio - jnp.log(uniforms)
    accept = margin > 0
    if mask is not None:
        accept = accept & mask
    return jnp.where(accept[:, None], proposal, x), margin


def transition_mean(particles, kind="linear"):
    """Mean of the next state."""
    if kind == "tanh":
        return particles + 0.5 * jnp.tanh(particles)
    if kind == "growth":
        return 0.5 * particles + 2.5 * particles / (1.0 + jnp.square(particles))
    return 0.9 * particles


@family(
    "reduction",
    "multi_statement",
    particles="n d",
    log_weights="n in -1..0",
    noise="n d",
    observation="k",
    emission="? k d in -1..1",
    process_scale="? d in 0.2..0.8",
    kind={"linear": 2, "tanh": 2, "growth": 1},
    likelihood={"normal": 4, "student_t": 2, "laplace": 1},
    output={"weights": 4, "evidence": 2, "size": 1},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4,), "k": (4,)},
)
def particle_step(
    particles,
    log_weights,
    noise,
    observation,
    emission=None,
    process_scale=None,
    *,
    kind="linear",
    likelihood="normal",
    output="weights",
):
    """Step of a bootstrap particle filter: propagate the particles and reweight them.

    Args:
        particles: states of shape (particles, dimensions).
        log_weights: unnormalised log-weight of each particle.
        noise: standard normal process noise.
        observation: the observation.
        emission: matrix that maps a state to its observation.
        process_scale: standard deviation of the process noise.
    """
    if process_scale is None:
        particles = transition_mean(particles, kind) + 0.5 * noise
    else:
        particles = transition_mean(particles, kind) + process_scale * noise
    if emission is None:
        error = observation - particles
    else:
        error = observation - particles @ emission.T
    # Observation noise of unit scale; the constants are left out.
    if likelihood == "student_t":
        log_lik = -2.5 * jnp.sum(jnp.log1p(jnp.square(error) / 4.0), axis=1)
    elif likelihood == "laplace":
        log_lik = -jnp.sum(jnp.abs(error), axis=1)
    else:
        log_lik = -0.5 * jnp.sum(jnp.square(error), axis=1)
    log_weights = jax.nn.log_softmax(log_weights) + log_lik
    log_evidence = jax.nn.logsumexp(log_weights)
    log_weights = log_weights - log_evidence
    if output == "evidence":
        return particles, log_weights, log_evidence
    if output == "size":
        effective_size = 1.0 / jnp.sum(jnp.exp(2.0 * log_weights))
        return particles, log_weights, effective_size
    return particles, log_weights


@family(
    "reduction",
    "branch",
    "multi_statement",
    "contraction",
    logits="n c",
    noise="n c in 0.05..0.95",
    codebook="c e",
    mask="? n c bool",
    source={"uniform": 4, "gumbel": 2},
    hard={False: 3, True: 2},
    temperature={1.0: 2, 0.5: 2, 0.2: 1},
    product={"matmul": 3, "einsum": 1},
    sizes={"c": (4, 5, 6, 8), "n": (2, 4, 5, 6, 8)},
)
def relaxed_code(
    logits,
    noise,
    codebook,
    mask=None,
    *,
    source="uniform",
    hard=False,
    temperature=1.0,
    product="matmul",
):
    """Codebook vectors of Gumbel-softmax samples of discrete codes.

    Args:
        logits: logits of the codes, of shape (samples, codes).
        noise: random numbers of the same shape.
        codebook: embedding of each code.
        mask: True for the codes that may be chosen.
    """
    if source == "uniform":
        # Standard Gumbel noise from uniform random numbers.
        gumbels = -jnp.log(-jnp.log(noise))
    else:
        gumbels = noise
    if mask is not None:
        logits = jnp.where(mask, logits, -30.0)
    if temperature != 1.0:
        scores = (logits + gumbels) / temperature
    else:
        scores = logits + gumbels
    weights = jax.nn.softmax(scores, axis=-1)
    if hard:
        # Straight-through: one-hot in the forward pass, relaxed in the backward pass.
        one_hot = jax.nn.one_hot(jnp.argmax(scores, axis=-1), logits.shape[-1])
        weights = weights + jax.lax.stop_gradient(one_hot - weights)
    if product == "einsum":
        return jnp.einsum("nc,ce->ne", weights, codebook)
    return weights @ codebook


@family(
    "reduction",
    "multi_statement",
    mean="n k in -1..1",
    log_std="n k in -1.2..0.2",
    noise="n k",
    x="n d in 0..1",
    decoder="k d in -0.8..0.8",
    bias="? d in -0.5..0.5",
    mask="? n d bool",
    likelihood={"normal": 4, "bernoulli": 3, "laplace": 1},
    divergence={"analytic": 4, "sampled": 2},
    free_nats={None: 4, 0.5: 1},
    reduction={"mean": 3, "none": 2, "sum": 1},
    negative={False: 2, True: 2},
    sizes={"k": (2, 4), "d": (4, 5, 6, 8), "n": (2, 4, 5, 6)},
)
def elbo(
    mean,
    log_std,
    noise,
    x,
    decoder,
    bias=None,
    mask=None,
    *,
    likelihood="normal",
    divergence="analytic",
    free_nats=None,
    reduction="mean",
    negative=False,
):
    """Evidence lower bound (ELBO), or its negative, of a Gaussian latent variable model.

    Args:
        mean: posterior mean, of shape (samples, latents).
        log_std: posterior log standard deviation.
        noise: standard normal noise of the reparameterised sample.
        x: observations of shape (samples, features).
        decoder: weights of the linear decoder.
        bias: bias of the decoder.
        mask: True where a value was observed.
    """
    z = mean + jnp.exp(log_std) * noise
    predicted = z @ decoder
    if bias is not None:
        predicted = predicted + bias
    if likelihood == "bernoulli":
        log_lik = x * predicted - jax.nn.softplus(predicted)
    elif likelihood == "laplace":
        log_lik = -jnp.abs(x - predicted) - jnp.log(2.0)
    else:
        log_lik = -0.5 * jnp.square(x - predicted) - 0.5 * jnp.log(2.0 * jnp.pi)
    if mask is not None:
        log_lik = jnp.where(mask, log_lik, 0.0)
    if divergence == "sampled":
        # Single-sample estimate: log q(z) - log p(z).
        kl = 0.5 * (jnp.square(z) - jnp.square(noise)) - log_std
    else:
        kl = 0.5 * (jnp.exp(2.0 * log_std) + jnp.square(mean) - 1.0) - log_std
    if free_nats is not None:
        kl = jnp.maximum(kl, free_nats)
    log_lik = jnp.sum(log_lik, axis=-1)
    kl = jnp.sum(kl, axis=-1)
    if negative:
        bound = kl - log_lik
    else:
        bound = log_lik - kl
    if reduction == "none":
        return bound
    if reduction == "sum":
        return jnp.sum(bound)
    return jnp.mean(bound)


@family(
    "reduction",
    log_target="n",
    log_proposal="n",
    values="n d",
    mask="? n bool",
    truncate={"none": 3, "mean": 1},
    normalized={True: 3, False: 1},
    output={"estimate": 3, "with_size": 2, "with_error": 1},
    sizes={"n": (5, 6, 8, 10, 12, 16), "d": (1, 2, 4, 5)},
)
def importance_estimate(
    log_target,
    log_proposal,
    values,
    mask=None,
    *,
    truncate="none",
    normalized=True,
    output="estimate",
):
    """Importance sampling estimate of an expectation.

    Args:
        log_target: log-density of each sample under the target.
        log_proposal: log-density of each sample under the proposal.
        values: integrand at each sample, of shape (samples, outputs).
        mask: True for the samples that count.
    """
    log_weights = log_target - log_proposal
    if mask is not None:
        log_weights = jnp.where(mask, log_weights, -30.0)
    if truncate == "mean":
        # Truncated importance sampling: no weight exceeds sqrt(n) times the mean weight.
        n = log_weights.shape[0]
        log_mean = jax.nn.logsumexp(log_weights) - jnp.log(n)
        log_weights = jnp.minimum(log_weights, log_mean + 0.5 * jnp.log(n))
    if normalized:
        # Self-normalised weights.
        weights = jax.nn.softmax(log_weights)
    else:
        weights = jnp.exp(log_weights)
        if mask is not None:
            weights = weights / jnp.maximum(jnp.sum(mask), 1)
        else:
            weights = weights / log_weights.shape[0]
    estimate = weights @ values
    if output == "with_size":
        size = jnp.square(jnp.sum(weights)) / jnp.sum(jnp.square(weights))
        return estimate, size
    if output == "with_error":
        spread = jnp.square(weights) @ jnp.square(values - estimate)
        return estimate, jnp.sqrt(spread + 1e-6)
    return estimate


@family(
    "compound",
    mean="d in -1..1",
    log_std="d in -1..0.3",
    target="? d",
    num_samples=(Code("n"),),
    seed=(0, 1, 7, 42, 123),
    base={"normal": 4, "laplace": 1},
    impl={"rbg": 1, "unsafe_rbg": 1},
    antithetic={False: 3, True: 1},
    function={"square": 3, "log_cosh": 1, "exp": 1},
    with_error={False: 3, True: 1},
    sizes={"d": (2, 4, 5), "n": (4, 6, 8)},
    only="float32",
)
def sample_with_key(
    mean,
    log_std,
    target=None,
    *,
    num_samples=4,
    seed=0,
    base="normal",
    impl="rbg",
    antithetic=False,
    function="square",
    with_error=False,
):
    """Monte Carlo estimate of an expectation by the reparameterisation trick.

    Args:
        mean: location of the sampling distribution.
        log_std: logarithm of its scale.
        target: reference point of the integrand.
        num_samples: number of samples.
    """
    key = jax.random.key(seed, impl=impl)
    if base == "laplace":
        noise = jax.random.laplace(key, (num_samples, mean.shape[0]))
    else:
        noise = jax.random.normal(key, (num_samples, mean.shape[0]))
    if antithetic:
        # Antithetic pairs.
        half = num_samples // 2
        noise = jnp.concatenate([noise[:half], -noise[:half]])
    samples = mean + jnp.exp(log_std) * noise
    if target is not None:
        samples = samples - target
    if function == "exp":
        values = jnp.exp(-0.5 * jnp.sum(jnp.square(samples), axis=1))
    elif function == "log_cosh":
        values = jnp.sum(jnp.log(jnp.cosh(samples)), axis=1)
    else:
        values = jnp.sum(jnp.square(samples), axis=1)
    if with_error:
        # The estimate with its standard error.
        return jnp.mean(values), jnp.std(values) / num_samples**0.5
    return jnp.mean(values)
