"""Families: hidden states, clusters, transport, and steps of samplers with given noise."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
hmm_forward: hmm_forward 5, forward_algorithm 4, forward_pass 1, hmm_filter 2
hmm_log_likelihood: hmm_log_likelihood 4, log_likelihood 2
kmeans_step: kmeans_step 5, k_means_step 2, lloyd_step 3, update_centers 2
mixture_step: mixture_step 3, em_step 6, gmm_em_step 3, gmm_step 1
sinkhorn: sinkhorn 6, sinkhorn_iterations 2, optimal_transport 3, entropic_ot 2
kernel_discrepancy: kernel_discrepancy 3, mmd 4, maximum_mean_discrepancy 3, mmd_squared 1
hsic: hsic 5, independence_score 2, kernel_independence 2, dependence 1
leapfrog: leapfrog 6, leapfrog_integrate 2, hmc_trajectory 2, integrate 1
langevin_step: langevin_step 5, ula_step 2, sgld_step 3, langevin_update 2
metropolis_step: metropolis_step 4, metropolis_hastings_step 4, mh_step 3, accept_reject 2
particle_step: particle_step 3, particle_filter_step 5, bootstrap_step 1, pf_step 2
relaxed_sample: relaxed_sample 3, gumbel_softmax 5, concrete_sample 2, relaxed_categorical 1
elbo: elbo 5, evidence_lower_bound 3, variational_objective 2
importance_estimate: importance_estimate 4, importance_sampling 4, snis_estimate 1, reweight 1
sample_with_key: sample_with_key 3, draw_samples 3, sample 3
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
noise: noise 6, xi 2, z 1, eps 2
uniforms: uniforms 4, u 4, uniform 1
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
values: values 5, f_values 1, h 1
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
    kind={"forward": 5, "viterbi": 2, "backward": 2},
    form={"log": 3, "scaled": 2},
    tempered={None: 4, 0.5: 1, 2.0: 1},
    sticky={None: 3, 1.0: 1, 2.0: 1},
    output={"log_likelihood": 4, "messages": 2, "final": 2, "posterior": 1},
    sizes={"t": (4, 5, 6, 8, 10), "k": (2, 4, 5)},
)
def hmm_forward(
    log_likelihoods,
    transition_logits,
    initial_logits=None,
    mask=None,
    *,
    kind="forward",
    form="log",
    tempered=None,
    sticky=None,
    output="log_likelihood",
):
    """Passes messages along a hidden Markov chain.

    Args:
        log_likelihoods: log-likelihood of each observation in each state.
        transition_logits: from each state, the scores of the next states.
        initial_logits: scores of the first state.
        mask: which observations there are.
    """
    t, k = log_likelihoods.shape
    if tempered is not None:
        log_likelihoods = log_likelihoods / tempered
    if mask is not None:
        # What wasn't observed is as likely in each state.
        log_likelihoods = jnp.where(mask[:, None], log_likelihoods, 0.0)
    if sticky is not None:
        transition_logits = transition_logits + sticky * jnp.eye(k)
    log_transition = jax.nn.log_softmax(transition_logits, axis=-1)
    if initial_logits is None:
        log_initial = jnp.full(k, -jnp.log(k))
    else:
        log_initial = jax.nn.log_softmax(initial_logits)
    if kind == "backward":

        def backward_step(beta, log_lik):
            message = jax.nn.logsumexp(log_transition + log_lik + beta, axis=1)
            return message, message

        first, messages = jax.lax.scan(
            backward_step, jnp.zeros(k), log_likelihoods[1:], reverse=True
        )
        if output == "messages":
            return messages
        if output == "posterior":
            return jax.nn.log_softmax(log_initial + log_likelihoods[0] + first)
        return jax.nn.logsumexp(log_initial + log_likelihoods[0] + first)
    if kind == "viterbi":

        def viterbi_step(best, log_lik):
            best = jnp.max(best[:, None] + log_transition, axis=0) + log_lik
            return best, best

        final, messages = jax.lax.scan(
            viterbi_step, log_initial + log_likelihoods[0], log_likelihoods[1:]
        )
        if output == "messages":
            return messages
        if output == "log_likelihood":
            return jnp.max(final)
        return final
    if form == "scaled":
        transition = jnp.exp(log_transition)

        def scaled_step(p, log_lik):
            p = (p @ transition) * jnp.exp(log_lik)
            total = jnp.sum(p)
            p = p / total
            return p, (p, jnp.log(total))

        p = jnp.exp(log_initial + log_likelihoods[0])
        total = jnp.sum(p)
        p, (filtered, log_totals) = jax.lax.scan(scaled_step, p / total, log_likelihoods[1:])
        if output == "messages":
            return jnp.log(filtered)
        if output == "log_likelihood":
            return jnp.log(total) + jnp.sum(log_totals)
        return jnp.log(p)

    def forward_step(alpha, log_lik):
        alpha = jax.nn.logsumexp(alpha[:, None] + log_transition, axis=0) + log_lik
        return alpha, alpha

    alpha = log_initial + log_likelihoods[0]
    final, alphas = jax.lax.scan(forward_step, alpha, log_likelihoods[1:])
    if output == "messages":
        return alphas
    if output == "posterior":
        # The distribution of the state after each observation.
        return jax.nn.log_softmax(alphas, axis=-1)
    if output == "final":
        return final
    return jax.nn.logsumexp(final)


@family(
    "reduction",
    points="n d",
    centers="k d",
    weights="? n in 0.3..1.5",
    feature_scale="? d in 0.5..1.5",
    assign={"hard": 3, "soft": 5, "fuzzy": 2},
    metric={"squared": 4, "absolute": 1, "cosine": 1},
    temperature={0.5: 1, 2.0: 1, 0.2: 1},
    momentum={None: 4, 0.5: 1, 0.9: 1},
    smoothing={1e-6: 2, 0.1: 1},
    output={"centers": 4, "with_loss": 2, "within": 1, "loss": 1, "with_shift": 1},
    sizes={"k": (2, 4, 5), "n": (5, 6, 8, 10, 12), "d": (2, 4, 5)},
)
def kmeans_step(
    points,
    centers,
    weights=None,
    feature_scale=None,
    *,
    assign="soft",
    metric="squared",
    temperature=0.5,
    momentum=None,
    smoothing=1e-6,
    output="centers",
):
    """Assigns points to centers, and moves the centers to their points.

    Args:
        points: the points, a row each.
        centers: the centers before, a row each.
        weights: weight of each point.
        feature_scale: how much each feature counts.
    """
    if feature_scale is not None:
        points = points * feature_scale
        centers = centers * feature_scale
    if metric == "absolute":
        distances = jnp.sum(jnp.abs(points[:, None, :] - centers[None, :, :]), axis=-1)
    elif metric == "cosine":
        lengths = jnp.linalg.norm(points, axis=1)[:, None] * jnp.linalg.norm(centers, axis=1)
        distances = 1.0 - points @ centers.T / (lengths + 1e-3)
    else:
        distances = jnp.sum(jnp.square(points[:, None, :] - centers[None, :, :]), axis=-1)
    if assign == "hard":
        nearest = jnp.argmin(distances, axis=1)
        assignments = jax.nn.one_hot(nearest, centers.shape[0])
    elif assign == "fuzzy":
        inverse = 1.0 / (distances + 0.1)
        assignments = inverse / jnp.sum(inverse, axis=1, keepdims=True)
    else:
        assignments = jax.nn.softmax(-distances / temperature, axis=1)
    if weights is not None:
        assignments = weights[:, None] * assignments
    if output == "loss":
        return jnp.sum(assignments * distances) / points.shape[0]
    if output == "within":
        return jnp.sum(assignments * distances, axis=1)
    counts = jnp.sum(assignments, axis=0)
    moved = assignments.T @ points / (counts[:, None] + smoothing)
    # A center without points stays where it is.
    moved = jnp.where(counts[:, None] > 1e-3, moved, centers)
    if momentum is not None:
        moved = centers + momentum * (moved - centers)
    if output == "with_loss":
        return moved, jnp.sum(assignments * distances)
    if output == "with_shift":
        return moved, jnp.sum(jnp.square(moved - centers), axis=1)
    return moved


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
    floor={1e-3: 2, 1e-2: 1},
    anneal={None: 4, 0.5: 1},
    step={None: 4, 0.5: 1, 0.1: 1},
    output={"all": 4, "means": 1, "with_likelihood": 2},
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
    floor=1e-3,
    anneal=None,
    step=None,
    output="all",
):
    """A step of expectation-maximisation for a mixture of diagonal Gaussians.

    Args:
        points: the points, a row each.
        log_weights: log-weight of each component, up to a constant.
        means: mean of each component.
        log_scales: log-scale of each component and feature; zero if there is none.
        mask: which points count.
    """
    z = points[:, None, :] - means[None, :, :]
    if log_scales is None:
        log_joint = jax.nn.log_softmax(log_weights) - 0.5 * jnp.sum(jnp.square(z), axis=-1)
    else:
        z = z * jnp.exp(-log_scales)
        log_probs = -0.5 * jnp.square(z) - log_scales
        log_joint = jax.nn.log_softmax(log_weights) + jnp.sum(log_probs, axis=-1)
    if anneal is not None:
        log_joint = anneal * log_joint
    log_likelihood = jax.nn.logsumexp(log_joint, axis=1)
    responsibilities = jnp.exp(log_joint - log_likelihood[:, None])
    if mask is not None:
        responsibilities = jnp.where(mask[:, None], responsibilities, 0.0)
    counts = jnp.sum(responsibilities, axis=0)
    sums = responsibilities.T @ points
    if prior is None:
        new_means = sums / (counts[:, None] + 1e-3)
    else:
        # A prior that is worth so many points at the old means.
        new_means = (sums + prior * means) / (counts[:, None] + prior)
    deviations = jnp.square(points[:, None, :] - new_means[None, :, :])
    variances = jnp.einsum("nk,nkd->kd", responsibilities, deviations)
    if shared:
        variances = jnp.sum(variances, axis=0) / (jnp.sum(counts) + 1e-3) + floor
    else:
        variances = variances / (counts[:, None] + 1e-3) + floor
    if step is not None:
        new_means = means + step * (new_means - means)
    if output == "means":
        return new_means
    if output == "with_likelihood":
        return new_means, variances, jnp.mean(log_likelihood)
    return counts / jnp.sum(counts), new_means, variances


@family(
    "loop",
    x="n d",
    y="m d",
    a="? n in 0.3..1.5",
    b="? m in 0.3..1.5",
    metric={"squared": 4, "absolute": 2, "cosine": 1},
    domain={"log": 4, "kernel": 3},
    epsilon={0.5: 2, 2.0: 1, 0.3: 1},
    iterations=(2, 3, 4, 5),
    loop={"fori": 4, "scan": 2, "python": 1},
    unbalanced={False: 4, True: 1},
    scaled={False: 3, True: 1},
    output={"cost": 4, "log_plan": 2, "map": 2, "potentials": 2},
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
    epsilon=0.5,
    iterations=4,
    loop="fori",
    unbalanced=False,
    scaled=False,
    output="cost",
):
    """Transports one cloud of points to another, with an entropic penalty.

    Args:
        x: points to transport, a row each.
        y: points to transport to.
        a: how much there is at each point.
        b: how much each point takes.
    """
    n, m = x.shape[0], y.shape[0]
    if metric == "cosine":
        x_unit = x / jnp.sqrt(jnp.sum(jnp.square(x), axis=1, keepdims=True) + 1e-3)
        y_unit = y / jnp.sqrt(jnp.sum(jnp.square(y), axis=1, keepdims=True) + 1e-3)
        cost = 1.0 - x_unit @ y_unit.T
    elif metric == "absolute":
        cost = jnp.sum(jnp.abs(x[:, None, :] - y[None, :, :]), axis=-1)
    else:
        cost = 0.5 * jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1)
    if scaled:
        cost = cost / jnp.mean(cost)
    a = jnp.full(n, 1.0 / n) if a is None else a / jnp.sum(a)
    b = jnp.full(m, 1.0 / m) if b is None else b / jnp.sum(b)
    if domain == "log":

        def update(potentials):
            f, g = potentials
            f = epsilon * (jnp.log(a) - jax.nn.logsumexp((g[None, :] - cost) / epsilon, axis=1))
            if unbalanced:
                f = 0.8 * f
            g = epsilon * (jnp.log(b) - jax.nn.logsumexp((f[:, None] - cost) / epsilon, axis=0))
            if unbalanced:
                # The masses need not be kept exactly.
                g = 0.8 * g
            return f, g

        state = (jnp.zeros(n), jnp.zeros(m))
    else:
        kernel = jnp.exp(-cost / epsilon)

        def update(scalings):
            u, v = scalings
            u = a / (kernel @ v)
            if unbalanced:
                u = u**0.8
            v = b / (kernel.T @ u)
            if unbalanced:
                # The masses need not be kept exactly.
                v = v**0.8
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
        f, g = epsilon * jnp.log(u), epsilon * jnp.log(v)
    if output == "log_plan":
        return jnp.log(plan)
    if output == "map":
        # Where each point goes on average.
        return plan @ y / jnp.sum(plan, axis=1, keepdims=True)
    if output == "potentials":
        return f, g
    return jnp.sum(plan * cost)


def kernel_matrix(x, y, kind="rbf"):
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
    x_weights="? n in 0.3..1.5",
    scale="? d in 0.4..1.5",
    projection="? d k in -1..1",
    kind={"rbf": 4, "laplace": 1, "inverse_multiquadric": 2, "several": 3, "polynomial": 1},
    estimator={"biased": 3, "unbiased": 3, "energy": 1},
    root={False: 3, True: 1},
    penalty={False: 4, True: 1},
    output={"value": 4, "witness": 1, "parts": 1},
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8), "d": (2, 4, 5), "k": (2, 4)},
)
def kernel_discrepancy(
    x,
    y,
    x_weights=None,
    scale=None,
    projection=None,
    *,
    kind="rbf",
    estimator="biased",
    root=False,
    penalty=False,
    output="value",
):
    """How far two samples are apart in the mean of a kernel.

    Args:
        x: the first sample, a row for each observation.
        y: the second sample.
        x_weights: weight of each observation of the first sample.
        scale: what each feature is divided by.
        projection: a linear map of both samples, before the kernel.
    """
    if scale is not None:
        x, y = x / scale, y / scale
    if projection is not None:
        x, y = x @ projection, y @ projection
    n, m = x.shape[0], y.shape[0]
    if estimator == "energy":
        # The distance itself, with its sign turned, is a kernel for this.
        k_xx = -jnp.sqrt(jnp.sum(jnp.square(x[:, None, :] - x[None, :, :]), axis=-1) + 1e-4)
        k_yy = -jnp.sqrt(jnp.sum(jnp.square(y[:, None, :] - y[None, :, :]), axis=-1) + 1e-4)
        k_xy = -jnp.sqrt(jnp.sum(jnp.square(x[:, None, :] - y[None, :, :]), axis=-1) + 1e-4)
    else:
        k_xx = kernel_matrix(x, x, kind)
        k_yy = kernel_matrix(y, y, kind)
        k_xy = kernel_matrix(x, y, kind)
    if x_weights is not None:
        w = x_weights / jnp.sum(x_weights)
        within_x = w @ k_xx @ w
        across = jnp.mean(w @ k_xy)
    elif estimator == "unbiased":
        within_x = (jnp.sum(k_xx) - jnp.trace(k_xx)) / (n * (n - 1))
        across = jnp.mean(k_xy)
    else:
        within_x = jnp.mean(k_xx)
        across = jnp.mean(k_xy)
    if estimator == "unbiased":
        within_y = (jnp.sum(k_yy) - jnp.trace(k_yy)) / (m * (m - 1))
    else:
        within_y = jnp.mean(k_yy)
    if output == "witness":
        # Where the witness is large, the first sample is denser.
        return jnp.mean(k_xy, axis=0) - jnp.mean(k_yy, axis=0) + within_x - within_y
    if output == "parts":
        return within_x, within_y, across
    value = within_x + within_y - 2.0 * across
    if root:
        value = jnp.sqrt(jnp.maximum(value, 1e-4))
    if penalty:
        # Means that differ are punished as well.
        value = value + 0.1 * jnp.sum(jnp.square(jnp.mean(x, axis=0) - jnp.mean(y, axis=0)))
    return value


def center_matrix(k):
    rows = jnp.mean(k, axis=0, keepdims=True)
    columns = jnp.mean(k, axis=1, keepdims=True)
    return k - rows - columns + jnp.mean(k)


@family(
    "reduction",
    x="n d",
    y="n e",
    weights="? n in 0.3..1.5",
    x_scale="? d in 0.5..1.5",
    kind={
        "linear": 3,
        "rbf": 4,
        "laplace": 1,
        "inverse_multiquadric": 1,
        "several": 1,
        "polynomial": 1,
    },
    other_kind={"same": 3, "linear": 1, "rbf": 1},
    normalize={"n": 2, "alignment": 4, "none": 1},
    unbiased={False: 3, True: 1},
    log={False: 4, True: 1},
    sizes={"n": (5, 6, 8, 10), "d": (2, 4, 5), "e": (2, 4)},
)
def hsic(
    x,
    y,
    weights=None,
    x_scale=None,
    *,
    kind="rbf",
    other_kind="same",
    normalize="alignment",
    unbiased=False,
    log=False,
):
    """How much two sets of features of the same points depend on each other.

    Args:
        x: the first features, a row for each point.
        y: the second features.
        weights: weight of each point.
        x_scale: how much each of the first features counts.
    """
    n = x.shape[0]
    if x_scale is not None:
        x = x * x_scale
    k_x = kernel_matrix(x, x, kind)
    if other_kind == "same":
        k_y = kernel_matrix(y, y, kind)
    else:
        k_y = kernel_matrix(y, y, other_kind)
    if weights is not None:
        k_x = weights[:, None] * k_x * weights[None, :]
    if unbiased:
        # No point is compared with itself.
        k_x = k_x - jnp.diag(jnp.diag(k_x))
        k_y = k_y - jnp.diag(jnp.diag(k_y))
    k_x, k_y = center_matrix(k_x), center_matrix(k_y)
    value = jnp.sum(k_x * k_y)
    if normalize == "alignment":
        value = value / jnp.sqrt(jnp.sum(jnp.square(k_x)) * jnp.sum(jnp.square(k_y)) + 1e-6)
    elif normalize == "n":
        value = value / (n - 1)
    if log:
        value = jnp.log(1.0 + jnp.abs(value))
    return value


def log_density(x, kind="normal"):
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
    precision="? d in 0.5..1.5",
    center="? d",
    kind={"normal": 3, "student_t": 3, "logistic": 2, "double_well": 1},
    step_size={0.1: 2, 0.05: 1, 0.2: 1},
    num_steps=(2, 3, 4, 5),
    loop={"fori": 4, "scan": 2, "python": 2},
    negate={False: 3, True: 1},
    output={"state": 4, "energy": 2, "position": 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 5)},
)
def leapfrog(
    position,
    momentum,
    precision=None,
    center=None,
    *,
    kind="normal",
    step_size=0.1,
    num_steps=3,
    loop="fori",
    negate=False,
    output="state",
):
    """Follows Hamiltonian dynamics by leapfrog steps.

    Args:
        position: a position for each chain.
        momentum: a momentum for each chain.
        precision: how narrow the target is along each coordinate.
        center: where the target's center is.
    """

    def gradient(q):
        if center is not None:
            q = q - center
        if precision is None:
            return log_density_gradient(q, kind)
        return precision * log_density_gradient(q, kind)

    def energy(q, p):
        if center is not None:
            q = q - center
        return 0.5 * jnp.sum(jnp.square(p), axis=-1) - log_density(q, kind)

    def step(q, p):
        p = p + 0.5 * step_size * gradient(q)
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
        # The proposal must be its own inverse.
        p = -p
    if output == "energy":
        return q, p, energy(q, p)
    if output == "position":
        return q
    return q, p


@family(
    "multi_statement",
    "scalar_array",
    "elementwise",
    x="n d",
    noise="n d",
    step_size="? in 0.05..0.3",
    precision="? d in 0.5..1.5",
    center="? d",
    momentum="? n d",
    preconditioner="? d in 0.5..1.5",
    kind={"normal": 3, "student_t": 3, "logistic": 2, "double_well": 1},
    rate={0.1: 2, 0.05: 1, 0.01: 1},
    temperature={None: 3, 0.5: 1, 0.1: 1},
    clip={None: 4, 1.0: 1, 2.0: 1},
    tamed={False: 4, True: 1},
    output={"sample": 5, "log_ratio": 2, "with_drift": 1},
    sizes={"n": (2, 4, 5, 6, 8), "d": (2, 4, 5, 6, 8)},
)
def langevin_step(
    x,
    noise,
    step_size=None,
    precision=None,
    center=None,
    momentum=None,
    preconditioner=None,
    *,
    kind="normal",
    rate=0.1,
    temperature=None,
    clip=None,
    tamed=False,
    output="sample",
):
    """A Langevin step towards where a density is high.

    Args:
        x: a state for each chain.
        noise: standard normal noise.
        step_size: how far to go.
        precision: how narrow the density is along each coordinate.
        center: where the density's center is.
        momentum: the momentum of each chain, for underdamped dynamics.
        preconditioner: how far to go along each coordinate.
    """
    if center is None:
        drift = log_density_gradient(x, kind)
    else:
        drift = log_density_gradient(x - center, kind)
    if precision is not None:
        drift = precision * drift
    if clip is not None:
        drift = jnp.clip(drift, -clip, clip)
    if tamed:
        # A large drift is held back.
        drift = drift / (1.0 + jnp.abs(drift))
    h = rate if step_size is None else step_size
    if preconditioner is not None:
        h = h * preconditioner
    if temperature is None:
        diffusion = jnp.sqrt(2.0 * h)
    else:
        diffusion = jnp.sqrt(2.0 * temperature * h)
    if momentum is not None:
        # Friction and noise act on the momentum alone.
        momentum = momentum + h * (drift - momentum) + diffusion * noise
        if output == "sample":
            return x + h * momentum
        return x + h * momentum, momentum
    proposal = x + h * drift + diffusion * noise
    if output == "with_drift":
        return proposal, drift
    if output == "log_ratio":
        if center is None:
            ratio = log_density(proposal, kind) - log_density(x, kind)
        else:
            ratio = log_density(proposal - center, kind) - log_density(x - center, kind)
        return proposal, ratio
    return proposal


@family(
    "multi_statement",
    "branch",
    "contraction",
    "reduction",
    x="n d",
    noise="n d",
    uniforms="? n in 0.05..0.95",
    center="? d",
    scale="? d in 0.3..1.2",
    mask="? n bool",
    kind={"normal": 3, "student_t": 2, "logistic": 1, "double_well": 1, "ring": 2},
    proposal_kind={"walk": 4, "independent": 1, "crank_nicolson": 2, "autoregressive": 1},
    width={0.5: 2, 0.3: 1, 0.8: 1},
    temperature={None: 4, 2.0: 1, 0.5: 1},
    rule={"metropolis": 4, "barker": 1},
    gate={None: 3, 0.1: 1, 0.2: 1},
    output={"sample": 3, "with_ratio": 2, "mean": 1},
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5)},
)
def metropolis_step(
    x,
    noise,
    uniforms=None,
    center=None,
    scale=None,
    mask=None,
    *,
    kind="normal",
    proposal_kind="walk",
    width=0.5,
    temperature=None,
    rule="metropolis",
    gate=None,
    output="sample",
):
    """Proposes a move for each chain, and accepts it or not.

    Args:
        x: a state for each chain.
        noise: standard normal noise of the proposals.
        uniforms: a uniform number for each chain.
        center: where the target's center is.
        scale: how wide the proposals are along each coordinate.
        mask: which chains may move.
    """
    if scale is None:
        move = width * noise
    else:
        move = scale * noise
    if proposal_kind == "independent":
        proposal = move
    elif proposal_kind == "crank_nicolson":
        # This keeps a standard normal distribution as it is.
        proposal = 0.8 * x + 0.6 * move
    elif proposal_kind == "autoregressive":
        proposal = 0.9 * x + move
    else:
        proposal = x + move
    if center is None:
        log_ratio = log_density(proposal, kind) - log_density(x, kind)
    else:
        log_ratio = log_density(proposal - center, kind) - log_density(x - center, kind)
    if temperature is not None:
        log_ratio = log_ratio / temperature
    if uniforms is None:
        # The mean over whether the proposal is accepted.
        if rule == "barker":
            rate = jax.nn.sigmoid(log_ratio)
        else:
            rate = jnp.exp(jnp.minimum(log_ratio, 0.0))
        if mask is not None:
            rate = jnp.where(mask, rate, 0.0)
        moved = x + rate[:, None] * (proposal - x)
        if output == "with_ratio":
            return moved, rate
        if output == "mean":
            return jnp.mean(moved, axis=0)
        return moved
    if rule == "barker":
        margin = jax.nn.log_sigmoid(log_ratio) - jnp.log(uniforms)
    else:
        margin = log_ratio - jnp.log(uniforms)
    if gate is not None:
        # A smooth choice, through which gradients flow.
        share = jax.nn.sigmoid(margin / gate)
        if mask is not None:
            share = jnp.where(mask, share, 0.0)
        moved = x + share[:, None] * (proposal - x)
        if output == "with_ratio":
            return moved, log_ratio
        return moved
    accept = margin > 0
    if mask is not None:
        accept = accept & mask
    return jnp.where(accept[:, None], proposal, x), margin


def transition_mean(particles, kind="linear"):
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
    mask="? n bool",
    kind={"linear": 2, "tanh": 2, "growth": 1},
    likelihood={"normal": 4, "student_t": 2, "laplace": 1},
    resample={None: 3, 0.5: 1, 0.9: 1},
    temperature={None: 4, 0.5: 1},
    output={"weights": 4, "moments": 3, "evidence": 2, "size": 2},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4,), "k": (4,)},
)
def particle_step(
    particles,
    log_weights,
    noise,
    observation,
    emission=None,
    process_scale=None,
    mask=None,
    *,
    kind="linear",
    likelihood="normal",
    resample=None,
    temperature=None,
    output="weights",
):
    """Moves particles, and weighs them by an observation.

    Args:
        particles: a state for each particle.
        log_weights: log-weight of each particle, up to a constant.
        noise: standard normal noise of the moves.
        observation: what is observed.
        emission: how a state is observed.
        process_scale: standard deviation of each part of the moves.
        mask: which particles are alive.
    """
    if process_scale is None:
        particles = transition_mean(particles, kind) + 0.5 * noise
    else:
        particles = transition_mean(particles, kind) + process_scale * noise
    if emission is None:
        error = observation - particles
    else:
        error = observation - particles @ emission.T
    if likelihood == "student_t":
        log_lik = -2.5 * jnp.sum(jnp.log1p(jnp.square(error) / 4.0), axis=1)
    elif likelihood == "laplace":
        log_lik = -jnp.sum(jnp.abs(error), axis=1)
    else:
        log_lik = -0.5 * jnp.sum(jnp.square(error), axis=1)
    if temperature is not None:
        log_lik = temperature * log_lik
    log_weights = jax.nn.log_softmax(log_weights) + log_lik
    if mask is not None:
        log_weights = jnp.where(mask, log_weights, -20.0)
    log_evidence = jax.nn.logsumexp(log_weights)
    weights = jnp.exp(log_weights - log_evidence)
    if resample is None:
        if output == "weights":
            return particles, log_weights - log_evidence
    else:
        # Mixed with equal weights, as in soft resampling.
        weights = weights + resample * (1.0 / weights.shape[0] - weights)
    if output == "moments":
        mean = weights @ particles
        return mean, weights @ jnp.square(particles - mean)
    if output == "evidence":
        return particles, log_evidence
    if output == "size":
        return weights @ particles, 1.0 / jnp.sum(jnp.square(weights))
    return particles, jnp.log(weights)


@family(
    "reduction",
    "branch",
    "multi_statement",
    "contraction",
    logits="n c",
    noise="n c in 0.05..0.95",
    prior_logits="? c",
    codebook="? c e",
    mask="? n c bool",
    source={"uniform": 3, "gumbel": 3, "logistic": 2},
    hard={False: 3, True: 1},
    temperature={0.5: 2, 2.0: 1, 0.2: 1},
    scale={None: 4, 0.5: 1},
    mix={None: 4, 0.05: 1},
    output={"sample": 5, "with_entropy": 1, "with_kl": 1},
    sizes={"c": (4, 5, 6, 8), "n": (2, 4, 5, 6, 8)},
)
def relaxed_sample(
    logits,
    noise,
    prior_logits=None,
    codebook=None,
    mask=None,
    *,
    source="uniform",
    hard=False,
    temperature=0.5,
    scale=None,
    mix=None,
    output="sample",
):
    """A relaxed choice of a class for each row, from given noise.

    Args:
        logits: scores of the classes, a row for each sample.
        noise: what makes the choice random.
        prior_logits: scores that are added to each row.
        codebook: a vector for each class.
        mask: which classes may be chosen.
    """
    if prior_logits is not None:
        logits = logits + prior_logits
    if source == "uniform":
        # Gumbel noise from uniform numbers.
        gumbels = -jnp.log(-jnp.log(noise))
    elif source == "logistic":
        gumbels = jnp.log(noise) - jnp.log1p(-noise)
    else:
        gumbels = noise
    if scale is not None:
        gumbels = scale * gumbels
    scores = (logits + gumbels) / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, -30.0)
    log_p = jax.nn.log_softmax(logits, axis=-1)
    if codebook is None:
        log_sample = jax.nn.log_softmax(scores, axis=-1)
        if output == "with_entropy":
            return log_sample, -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
        if output == "with_kl":
            # The divergence from equal probabilities.
            kl = jnp.sum(jnp.exp(log_p) * log_p, axis=-1) + jnp.log(logits.shape[-1])
            return log_sample, kl
        return log_sample
    sample = jax.nn.softmax(scores, axis=-1)
    if mix is not None:
        # Mixed with equal probabilities.
        sample = sample + mix * (1.0 / sample.shape[-1] - sample)
    if hard:
        # The forward pass chooses one class, the backward pass doesn't notice.
        one_hot = jax.nn.one_hot(jnp.argmax(scores, axis=-1), scores.shape[-1])
        sample = sample + jax.lax.stop_gradient(one_hot - sample)
    if output == "with_entropy":
        return sample @ codebook, -jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
    if output == "with_kl":
        # The divergence from equal probabilities.
        kl = jnp.sum(jnp.exp(log_p) * log_p, axis=-1) + jnp.log(logits.shape[-1])
        return sample @ codebook, kl
    return sample @ codebook


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
    likelihood={"normal": 4, "bernoulli": 3, "laplace": 1, "student_t": 1},
    activation={"none": 3, "tanh": 1, "softplus": 1},
    divergence={"analytic": 4, "sampled": 2},
    beta={None: 3, 0.5: 1, 4.0: 1},
    free_nats={None: 4, 0.5: 1},
    reduction={"mean": 3, "none": 2, "sum": 1},
    sign={"elbo": 2, "loss": 2},
    output={"total": 4, "parts": 2, "reconstruction": 1},
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
    activation="none",
    divergence="analytic",
    beta=None,
    free_nats=None,
    reduction="mean",
    sign="elbo",
    output="total",
):
    """Evidence lower bound of a latent variable model, from given noise.

    Args:
        mean: mean of each latent variable.
        log_std: logarithm of its standard deviation.
        noise: standard normal noise.
        x: the observations, a row each.
        decoder: maps latent variables to observations.
        bias: what is added after that.
        mask: which values were observed.
    """
    z = mean + jnp.exp(log_std) * noise
    if activation == "tanh":
        predicted = jnp.tanh(z) @ decoder
    elif activation == "softplus":
        predicted = jax.nn.softplus(z) @ decoder
    else:
        predicted = z @ decoder
    if bias is not None:
        predicted = predicted + bias
    if likelihood == "bernoulli":
        log_lik = x * predicted - jax.nn.softplus(predicted)
    elif likelihood == "laplace":
        log_lik = -jnp.abs(x - predicted) - jnp.log(2.0)
    elif likelihood == "student_t":
        log_lik = -2.5 * jnp.log1p(jnp.square(x - predicted) / 4.0)
    else:
        log_lik = -0.5 * jnp.square(x - predicted) - 0.5 * jnp.log(2.0 * jnp.pi)
    if mask is not None:
        log_lik = jnp.where(mask, log_lik, 0.0)
    if divergence == "sampled":
        # The log-ratio of both densities at the sample.
        kl = 0.5 * (jnp.square(z) - jnp.square(noise)) - log_std
    else:
        kl = 0.5 * (jnp.exp(2.0 * log_std) + jnp.square(mean) - 1.0) - log_std
    if free_nats is not None:
        kl = jnp.maximum(kl, free_nats)
    log_lik = jnp.sum(log_lik, axis=-1)
    kl = jnp.sum(kl, axis=-1)
    if beta is not None:
        kl = beta * kl
    if output == "reconstruction":
        return predicted, log_lik
    if output == "parts":
        return jnp.mean(log_lik), jnp.mean(kl)
    if sign == "loss":
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
    baseline="? d",
    mask="? n bool",
    tempering={None: 3, 0.5: 1, 0.8: 1},
    truncate={"none": 3, "clip": 2, "mean": 1},
    normalized={True: 3, False: 1},
    transform={"none": 4, "square": 1, "exp": 1},
    output={"estimate": 3, "with_size": 3, "with_error": 2, "evidence": 1, "variance": 1},
    sizes={"n": (5, 6, 8, 10, 12, 16), "d": (1, 2, 4, 5)},
)
def importance_estimate(
    log_target,
    log_proposal,
    values,
    baseline=None,
    mask=None,
    *,
    tempering=None,
    truncate="none",
    normalized=True,
    transform="none",
    output="estimate",
):
    """Estimates a mean under one distribution from samples of another.

    Args:
        log_target: log-density of each sample under the target.
        log_proposal: log-density of each sample where it came from.
        values: values of each sample.
        baseline: what is subtracted from the values.
        mask: which samples count.
    """
    log_weights = log_target - log_proposal
    if tempering is not None:
        log_weights = tempering * log_weights
    if mask is not None:
        log_weights = jnp.where(mask, log_weights, -20.0)
    if truncate == "clip":
        log_weights = jnp.clip(log_weights, -20.0, 1.0)
    elif truncate == "mean":
        # No weight exceeds the mean weight by more than a root of the number of samples.
        n = log_weights.shape[0]
        log_mean = jax.nn.logsumexp(log_weights) - jnp.log(n)
        log_weights = jnp.minimum(log_weights, log_mean + 0.5 * jnp.log(n))
    if transform == "square":
        values = jnp.square(values)
    elif transform == "exp":
        values = jnp.exp(values)
    if baseline is not None:
        values = values - baseline
    if normalized:
        weights = jax.nn.softmax(log_weights)
    else:
        weights = jnp.exp(log_weights) / log_weights.shape[0]
    estimate = weights @ values
    if output == "with_size":
        size = jnp.square(jnp.sum(weights)) / jnp.sum(jnp.square(weights))
        return estimate, size
    if output == "with_error":
        spread = jnp.square(weights) @ jnp.square(values - estimate)
        return estimate, jnp.sqrt(spread + 1e-6)
    if output == "variance":
        return estimate, weights @ jnp.square(values) - jnp.square(estimate)
    if output == "evidence":
        log_evidence = jax.nn.logsumexp(log_weights) - jnp.log(log_weights.shape[0])
        return estimate, log_evidence
    return estimate


@family(
    "compound",
    mean="d in -1..1",
    log_std="d in -1..0.3",
    target="? d",
    factor="? d d in -0.5..0.5",
    weights="? n in 0.3..1.5",
    num_samples=(Code("n"),),
    seed=(0, 1, 7, 42, 123),
    base={"normal": 4, "uniform": 2, "laplace": 1},
    impl={"rbg": 1, "unsafe_rbg": 1},
    antithetic={False: 3, True: 1},
    function={"square": 3, "exp": 1, "softplus": 2, "log_cosh": 1, "energy": 1},
    output={"mean": 4, "samples": 2, "moments": 1},
    sizes={"d": (2, 4, 5), "n": (4, 6, 8)},
    only="float32",
)
def sample_with_key(
    mean,
    log_std,
    target=None,
    factor=None,
    weights=None,
    *,
    num_samples=4,
    seed=0,
    base="normal",
    impl="rbg",
    antithetic=False,
    function="square",
    output="mean",
):
    """Monte Carlo estimate with samples of a distribution, by reparameterisation.

    Args:
        mean: location of the distribution.
        log_std: logarithm of its scale.
        target: what is subtracted from each sample.
        factor: mixes the noise, so that coordinates depend on each other.
        weights: weight of each sample.
    """
    key = jax.random.key(seed, impl=impl)
    if base == "uniform":
        noise = jax.random.uniform(key, (num_samples, mean.shape[0]), minval=-1.0, maxval=1.0)
    elif base == "laplace":
        noise = jax.random.laplace(key, (num_samples, mean.shape[0]))
    else:
        noise = jax.random.normal(key, (num_samples, mean.shape[0]))
    if antithetic:
        # Each sample comes with its mirror image.
        half = num_samples // 2
        noise = jnp.concatenate([noise[:half], -noise[:half]])
    if factor is not None:
        noise = noise + noise @ factor.T
    samples = mean + jnp.exp(log_std) * noise
    if target is not None:
        samples = samples - target
    if output == "samples":
        if weights is not None:
            return weights[:, None] * samples
        return samples
    if function == "exp":
        values = jnp.exp(-0.5 * jnp.sum(jnp.square(samples), axis=1))
    elif function == "softplus":
        values = jnp.sum(jax.nn.softplus(samples), axis=1)
    elif function == "log_cosh":
        values = jnp.sum(jnp.log(jnp.cosh(samples)), axis=1)
    elif function == "energy":
        values = jnp.sum(jnp.square(jnp.square(samples) - 1.0), axis=1)
    else:
        values = jnp.sum(jnp.square(samples), axis=1)
    if weights is not None:
        values = weights * values
    if output == "moments":
        return jnp.mean(values), jnp.var(values)
    return jnp.mean(values)
