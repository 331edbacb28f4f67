"""Families: steps of optimisers, schedules, clipping, and small optimisation loops."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
inputs: inputs 7, xs 3
sgd_step: sgd_step 5, sgd_update 4, sgd 1
adam_step: adam_step 5, adam_update 4, optimizer_step 1
layer_adam_step: layer_adam_step 2, adam_step 4, adam_update 3, update_layer 1
sign_step: sign_step 4, sign_update 2, sign_momentum_step 2
rms_step: rms_step 2, rmsprop_step 4, rmsprop_update 4
adagrad_step: adagrad_step 4, adagrad_update 3, adagrad 1
accumulator: accumulator 4, accum 2, sum_sq 2
factored_step: factored_step 2, adafactor_step 5, adafactor_update 4
trust_ratio_step: trust_ratio_step 2, lamb_step 5, lamb_update 3, layerwise_step 1
muon_step: muon_step 5, muon_update 4, orthogonal_step 2
clip_gradients: clip_gradients 4, clip_grads 4
adaptive_clip: adaptive_clip 4, agc 2, unitwise_clip 2, adaptive_gradient_clip 2
learning_rate: learning_rate 6, lr 4
learning_rate_schedule: learning_rate_schedule 4, lr_schedule 4, schedule 2
schedule_values: schedule_values 3, lr_curve 3, schedule 2
scheduled_step: scheduled_step 3, update_with_schedule 2, sgd_with_schedule 2
average_params: average_params 4, ema_update 5, update_ema 3
lookahead_step: lookahead_step 4, lookahead_update 3, sync_slow_weights 2
line_search: line_search 5, backtracking 3, armijo_search 3
natural_gradient_step: natural_gradient_step 5, natural_gradient 3, fisher_step 2
newton_step: newton_step 5, second_order_step 2, damped_newton 2
least_squares_step: least_squares_step 2, gauss_newton_step 4, lm_step 3
train_linear_model: train_linear_model 3, fit_linear_model 3, fit 3, train 2
proximal_gradient: proximal_gradient 5, proximal_descent 3
mirror_descent: mirror_descent 2, simplex_descent 2, minimize_on_simplex 2
lbfgs_direction: lbfgs_direction 5, two_loop_recursion 4, lbfgs_two_loop 2
cg_direction: cg_direction 4, conjugate_direction 3, nonlinear_cg 2
update_inverse_hessian: update_inverse_hessian 4, quasi_newton_update 4
trust_region_step: trust_region_step 4, restricted_step 1
project_conflicts: project_conflicts 2, combine_gradients 4, gradient_surgery 3
combine_task_losses: combine_task_losses 3, multi_task_loss 5
sharpness_aware_step: sharpness_aware_step 4, sam_step 5, sam_update 2
conjugate_gradient: conjugate_gradient 5, solve_cg 2, cg 3
params: params 6, p 1, theta 2, w 2
grads: grads 6, g 2, grad 3
grad: grad 6, g 4
velocity: velocity 4, momentum_buffer 2, trace 1, v 2
mu: mu 4, m 5, exp_avg 2
nu: nu 4, v 5, exp_avg_sq 2
mu_hat: mu_hat 4, m_hat 5, m_corrected 1
nu_hat: nu_hat 4, v_hat 5, v_corrected 1
updates: updates 5, update 4, delta 1
update: update 6, step_dir 1, delta 2
max_norm: max_norm 7, clip_norm 3, threshold 1
global_norm: global_norm 5, grad_norm 3, total_norm 2
scale: scale 7, factor 2, ratio 1
weight_decay: weight_decay 7, wd 2, decay 1
direction: direction 6, p 2, search_dir 1
damping: damping 7, lam 2
residual: residual 5, r 3
peak_lr: peak_lr 4, base_lr 4, max_lr 2
warmup_steps: warmup_steps 7, n_warmup 1, warmup 2
progress: progress 6, frac 2, t 1
soft_threshold: soft_threshold 6, shrink 2, prox_l1 2
target: target 5, y 4
"""


# ---------------------------------------------------------------- clipping


def clip_by_norm(grad, max_norm):
    """Scales a gradient down to a norm."""
    norm = jnp.sqrt(jnp.sum(jnp.square(grad)) + 1e-12)
    return grad * jnp.minimum(1.0, max_norm / norm)


@family(
    "multi_statement",
    w="n m in -4..4",
    b="m in -4..4",
    embedding="? k m in -4..4",
    kind={"global_norm": 5, "norm": 2, "value": 2, "mean_norm": 1},
    max_norm={1.0: 3, 0.5: 2, 5.0: 1},
    with_norm={False: 2, True: 2},
    mapped={False: 2, True: 2},
    scale_up={False: 5, True: 1},
    where={False: 3, True: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8), "k": (4, 5)},
)
def clip_gradients(
    w,
    b,
    embedding=None,
    *,
    kind="global_norm",
    max_norm=1.0,
    with_norm=False,
    mapped=True,
    scale_up=False,
    where=False,
):
    """Keeps the gradients of a model from getting too large.

    Args:
        w: gradient of the weights.
        b: gradient of the biases.
        embedding: gradient of the embedding.
        max_norm: the largest norm or value.
    """
    if embedding is not None:
        grads = (w, b, embedding)
    else:
        grads = (w, b)
    squared = sum(jnp.sum(jnp.square(g)) for g in grads)
    global_norm = jnp.sqrt(squared)
    if kind == "value":
        if mapped:
            clipped = jax.tree.map(lambda g: jnp.clip(g, -max_norm, max_norm), grads)
        else:
            clipped = tuple(jnp.clip(g, -max_norm, max_norm) for g in grads)
    elif kind == "norm":
        clipped = tuple(clip_by_norm(g, max_norm) for g in grads)
    else:
        if kind == "mean_norm":
            # The norm of a typical element.
            size = sum(g.size for g in grads)
            norm = global_norm / jnp.sqrt(size)
        else:
            norm = global_norm
        if scale_up:
            scale = max_norm / (norm + 1e-6)
        elif where:
            scale = jnp.where(norm > max_norm, max_norm / norm, 1.0)
        else:
            scale = jnp.minimum(1.0, max_norm / (norm + 1e-6))
        if mapped:
            clipped = jax.tree.map(lambda g: g * scale, grads)
        else:
            clipped = tuple(g * scale for g in grads)
    if with_norm:
        return *clipped, global_norm
    return clipped


def unitwise_norm(x, axis=0):
    """Norms of the columns or rows of a matrix."""
    return jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True))


@family(
    "contraction",
    "branch",
    "multi_statement",
    params="n m",
    grads="n m in -4..4",
    lr="? in 0.01..0.3",
    clipping={0.1: 2, 0.2: 1, 0.5: 1},
    eps={1e-3: 3, 1e-2: 1},
    where={True: 3, False: 2},
    axis={0: 3, 1: 2},
    with_share={False: 4, True: 1},
    weight_decay={None: 3, 1e-2: 1},
    sizes={"n": (4, 6, 8, 10), "m": (4, 5, 6, 8)},
)
def adaptive_clip(
    params,
    grads,
    lr=None,
    *,
    clipping=0.1,
    eps=1e-3,
    where=True,
    axis=0,
    with_share=False,
    weight_decay=None,
):
    """Clips gradients whose norm is large beside that of the parameters.

    Args:
        params: a matrix of weights.
        grads: its gradient.
        lr: the learning rate of a step with it.
        clipping: the largest ratio of both norms.
        eps: the least norm of the parameters.
    """
    if weight_decay is not None:
        grads = grads + weight_decay * params
    param_norm = jnp.maximum(unitwise_norm(params, axis), eps)
    grad_norm = unitwise_norm(grads, axis)
    max_norm = clipping * param_norm
    if where:
        clipped = grads * (max_norm / jnp.maximum(grad_norm, 1e-6))
        grads = jnp.where(grad_norm < max_norm, grads, clipped)
    else:
        grads = grads * jnp.minimum(1.0, max_norm / jnp.maximum(grad_norm, 1e-6))
    if lr is not None:
        new_params = params - lr * grads
        if with_share:
            return new_params, grad_norm / param_norm
        return new_params
    if with_share:
        return grads, grad_norm / param_norm
    return grads


# ---------------------------------------------------------------- schedules


@family(
    "branch",
    "scalar_array",
    step="in 1..99",
    peak_lr="in 0.1..1",
    kind={
        "cosine": 4,
        "linear": 3,
        "inverse_sqrt": 2,
        "exponential": 2,
        "polynomial": 1,
        "piecewise": 2,
        "one_cycle": 1,
        "trapezoid": 2,
        "restarts": 1,
    },
    warmup={None: 2, "linear": 4, "minimum": 2},
    warmup_steps={10.0: 3, 20.0: 1, 5.0: 1},
    decay_steps={90.0: 2, 100.0: 2, 80.0: 1},
    end_factor={0.05: 2, 0.1: 3, 0.01: 1},
    grads="n",
    params="? n",
    weight_decay={None: 3, 0.01: 1},
    only="float32",
    weight=14,
)
def scheduled_step(
    step,
    peak_lr,
    grads,
    params=None,
    *,
    kind="cosine",
    warmup="linear",
    warmup_steps=10.0,
    decay_steps=90.0,
    end_factor=0.1,
    weight_decay=None,
):
    """Update of parameters by a learning rate that follows a schedule.

    Args:
        step: the number of the step.
        peak_lr: the highest learning rate.
        grads: the gradient.
        params: the parameters, which are updated where they are given.
        warmup_steps: after how many steps the decay begins.
        decay_steps: how many steps it takes.
        end_factor: the last rate, relative to the highest.
    """
    progress = jnp.clip((step - warmup_steps) / decay_steps, 0.0, 1.0)
    if kind == "cosine":
        cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
        factor = end_factor + (1.0 - end_factor) * cosine
    elif kind == "linear":
        factor = 1.0 - (1.0 - end_factor) * progress
    elif kind == "inverse_sqrt":
        factor = jnp.sqrt(warmup_steps / jnp.maximum(step, warmup_steps))
    elif kind == "exponential":
        factor = jnp.maximum(0.5 ** (step / 25.0), end_factor)
    elif kind == "polynomial":
        factor = (1.0 - progress) ** 2 * (1.0 - end_factor) + end_factor
    elif kind == "piecewise":
        late = jnp.where(progress < 0.8, 0.3, 0.1)
        factor = jnp.where(progress < 0.5, 1.0, late)
    elif kind == "one_cycle":
        rise = step / 30.0
        factor = jnp.maximum(jnp.minimum(rise, 1.0 - progress), 0.05)
    elif kind == "trapezoid":
        # Stay at the peak, and cool down in the last fifth.
        factor = jnp.clip(5.0 * (1.0 - progress), end_factor, 1.0)
    else:
        phase = jnp.mod(step, 30.0) / 30.0
        factor = end_factor + 0.5 * (1.0 - end_factor) * (1.0 + jnp.cos(jnp.pi * phase))
    if warmup == "linear":
        factor = jnp.where(step < warmup_steps, step / warmup_steps, factor)
    elif warmup == "minimum":
        factor = factor * jnp.minimum(1.0, step / warmup_steps)
    learning_rate = peak_lr * factor
    if params is not None:
        if weight_decay is not None:
            grads = grads + weight_decay * params
        return params - learning_rate * grads
    return -learning_rate * grads


@family(
    "unary",
    "branch",
    "scalar_array",
    steps="n in 0..100",
    peak_lr="? in 0.2..1",
    kind={
        "cosine": 4,
        "linear": 2,
        "inverse_sqrt": 2,
        "exponential": 2,
        "polynomial": 2,
        "triangular": 2,
        "sigmoid": 1,
        "time": 1,
    },
    warmup={None: 3, 10.0: 2, 20.0: 1},
    where={True: 2, False: 2},
    floor={None: 3, 0.05: 1},
    cycles={None: 4, 4.0: 1},
    log={False: 5, True: 1},
    sizes={"n": (8, 10, 12, 16, 20)},
    only="float32",
)
def schedule_values(
    steps,
    peak_lr=None,
    *,
    kind="cosine",
    warmup=None,
    where=True,
    floor=None,
    cycles=None,
    log=False,
):
    """Learning rates at several steps, of a hundred in all."""
    progress = steps / 100.0
    if cycles is not None:
        # Restart several times.
        progress = jnp.mod(cycles * progress, 1.0)
    if kind == "cosine":
        factor = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    elif kind == "linear":
        factor = 1.0 - progress
    elif kind == "inverse_sqrt":
        factor = 1.0 / jnp.sqrt(1.0 + 10.0 * progress)
    elif kind == "exponential":
        factor = jnp.exp(-3.0 * progress)
    elif kind == "polynomial":
        factor = (1.0 - progress) ** 2
    elif kind == "triangular":
        factor = 1.0 - jnp.abs(2.0 * progress - 1.0)
    elif kind == "sigmoid":
        factor = jax.nn.sigmoid(10.0 * (0.5 - progress))
    else:
        factor = 1.0 / (1.0 + 5.0 * progress)
    if warmup is not None:
        if where:
            factor = jnp.where(steps < warmup, steps / warmup, factor)
        else:
            factor = factor * jnp.minimum(1.0, steps / warmup)
    if floor is not None:
        factor = floor + (1.0 - floor) * factor
    if peak_lr is not None:
        factor = peak_lr * factor
    if log:
        return jnp.log10(factor + 1e-3)
    return factor


# ---------------------------------------------------------------- first-order steps


@family(
    "multi_statement",
    "elementwise",
    "scalar_array",
    "contraction",
    params="n m",
    grads="n m",
    velocity="? n m",
    learning_rate="? in 0.01..0.3",
    lr={0.1: 3, 0.01: 1, 0.05: 1},
    momentum={0.9: 4, 0.95: 1, 0.5: 1},
    nesterov={False: 3, True: 2},
    dampening={None: 4, 0.1: 1},
    clip={None: 3, "value": 1, "norm": 2},
    weight_decay={None: 2, 1e-4: 1, 1e-2: 1},
    decoupled={False: 3, True: 1},
    l1={None: 5, 0.01: 1},
    project={None: 5, "unit_columns": 1, "non_negative": 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    weight=14,
)
def sgd_step(
    params,
    grads,
    velocity=None,
    learning_rate=None,
    *,
    lr=0.1,
    momentum=0.9,
    nesterov=False,
    dampening=None,
    clip=None,
    weight_decay=None,
    decoupled=False,
    l1=None,
    project=None,
):
    """One step of gradient descent.

    Args:
        params: the parameters.
        grads: their gradient.
        velocity: the momentum so far.
        learning_rate: the learning rate.
    """
    if learning_rate is None:
        learning_rate = lr
    if clip == "value":
        grads = jnp.clip(grads, -1.0, 1.0)
    elif clip == "norm":
        grads = clip_by_norm(grads, 1.0)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    if velocity is not None:
        if dampening is not None:
            velocity = momentum * velocity + (1.0 - dampening) * grads
        else:
            velocity = momentum * velocity + grads
        if nesterov:
            updates = grads + momentum * velocity
        else:
            updates = velocity
    else:
        updates = grads
    new_params = params - learning_rate * updates
    if l1 is not None:
        # Shrink towards zero.
        new_params = jnp.sign(new_params) * jax.nn.relu(jnp.abs(new_params) - learning_rate * l1)
    if project == "unit_columns":
        norm = jnp.sqrt(jnp.sum(jnp.square(new_params), axis=0, keepdims=True) + 1e-6)
        new_params = new_params / norm
    elif project == "non_negative":
        new_params = jax.nn.relu(new_params)
    if velocity is not None:
        return new_params, velocity
    return new_params


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.01..1",
    nu_max="? n m in 0.01..1",
    step="? in 1..50",
    learning_rate={1e-2: 2, 1e-1: 2, 0.05: 1},
    b1={0.9: 4, 0.95: 1},
    b2={0.999: 3, 0.99: 1, 0.95: 1},
    kind={"adam": 5, "nadam": 1, "adabelief": 1, "adamax": 1, "yogi": 1},
    decay={None: 3, "l2": 1, "decoupled": 4},
    weight_decay={0.01: 2, 0.1: 1},
    clip={None: 3, "norm": 2, "update_rms": 1},
    eps_inside={False: 4, True: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=16,
)
def adam_step(
    params,
    grads,
    mu,
    nu,
    nu_max=None,
    step=None,
    *,
    learning_rate=1e-2,
    b1=0.9,
    b2=0.999,
    kind="adam",
    decay=None,
    weight_decay=0.01,
    clip=None,
    eps_inside=False,
):
    """One step of an optimiser with two moments.

    Args:
        params: the parameters.
        grads: their gradient.
        mu: the first moment.
        nu: the second moment.
        nu_max: the largest second moment so far.
        step: the number of the step, from one on.
        learning_rate: the learning rate.
        b1: decay of the first moment.
        b2: decay of the second moment.

    Returns:
        The new parameters and moments.
    """
    if clip == "norm":
        grads = clip_by_norm(grads, 1.0)
    if decay == "l2":
        grads = grads + weight_decay * params
    mu = b1 * mu + (1.0 - b1) * grads
    if kind == "adabelief":
        nu = b2 * nu + (1.0 - b2) * jnp.square(grads - mu)
    elif kind == "adamax":
        nu = jnp.maximum(b2 * nu, jnp.abs(grads))
    elif kind == "yogi":
        squared = jnp.square(grads)
        nu = nu - (1.0 - b2) * jnp.sign(nu - squared) * squared
    else:
        nu = b2 * nu + (1.0 - b2) * jnp.square(grads)
    if step is not None:
        # The moments began at zero.
        mu_hat = mu / (1.0 - b1**step)
        if kind == "adamax":
            nu_hat = nu
        else:
            nu_hat = nu / (1.0 - b2**step)
    else:
        mu_hat = mu
        nu_hat = nu
    if kind == "nadam":
        mu_hat = b1 * mu_hat + (1.0 - b1) * grads
    if nu_max is not None:
        nu_max = jnp.maximum(nu_max, nu_hat)
        nu_hat = nu_max
    if kind == "adamax":
        updates = mu_hat / (nu_hat + 1e-8)
    elif eps_inside:
        updates = mu_hat * jax.lax.rsqrt(nu_hat + 1e-8)
    else:
        updates = mu_hat / (jnp.sqrt(nu_hat) + 1e-8)
    if clip == "update_rms":
        rms = jnp.sqrt(jnp.mean(jnp.square(updates)))
        updates = updates / jnp.maximum(1.0, rms)
    if decay == "decoupled":
        updates = updates + weight_decay * params
    params = params - learning_rate * updates
    if nu_max is not None:
        return params, mu, nu, nu_max
    return params, mu, nu


def update_moments(grad, mu, nu, b1=0.9, b2=0.999):
    """Moving averages of a gradient and its square."""
    mu = b1 * mu + (1.0 - b1) * grad
    nu = b2 * nu + (1.0 - b2) * jnp.square(grad)
    return mu, nu


def bias_correction(moment, decay, step):
    """Corrects a moving average that began at zero."""
    return moment / (1.0 - decay**step)


@family(
    "multi_statement",
    w="n m",
    b="m",
    grad_w="n m in -1..1",
    grad_b="m in -1..1",
    mu_w="n m in -0.5..0.5",
    mu_b="m in -0.5..0.5",
    nu_w="n m in 0.01..1",
    nu_b="m in 0.01..1",
    step="? in 1..50",
    learning_rate={1e-2: 2, 1e-1: 2, 0.05: 1},
    clip={None: 2, 1.0: 2, 0.5: 1},
    weight_decay={None: 2, 0.01: 2},
    mapped={False: 3, True: 2},
    warmup={None: 3, 10.0: 1},
    shared_rate={False: 4, True: 1},
    sizes={"n": (4, 6), "m": (4, 5, 6)},
    only="float32",
)
def layer_adam_step(
    w,
    b,
    grad_w,
    grad_b,
    mu_w,
    mu_b,
    nu_w,
    nu_b,
    step=None,
    *,
    learning_rate=1e-2,
    clip=None,
    weight_decay=None,
    mapped=False,
    warmup=None,
    shared_rate=False,
):
    """One step of Adam for the weights and biases of a layer."""
    if clip is not None:
        norm = jnp.sqrt(jnp.sum(jnp.square(grad_w)) + jnp.sum(jnp.square(grad_b)))
        scale = jnp.minimum(1.0, clip / (norm + 1e-6))
        grad_w = grad_w * scale
        grad_b = grad_b * scale
    mu_w, nu_w = update_moments(grad_w, mu_w, nu_w)
    mu_b, nu_b = update_moments(grad_b, mu_b, nu_b)
    rate = learning_rate
    if step is not None:
        m_w = bias_correction(mu_w, 0.9, step)
        m_b = bias_correction(mu_b, 0.9, step)
        v_w = bias_correction(nu_w, 0.999, step)
        v_b = bias_correction(nu_b, 0.999, step)
        if warmup is not None:
            rate = learning_rate * jnp.minimum(1.0, step / warmup)
    else:
        m_w, m_b, v_w, v_b = mu_w, mu_b, nu_w, nu_b
    if shared_rate:
        # One rate for all inputs of a unit.
        v_w = jnp.mean(v_w, axis=0, keepdims=True)
    if mapped:
        update_w, update_b = jax.tree.map(
            lambda m, v: m / (jnp.sqrt(v) + 1e-8), (m_w, m_b), (v_w, v_b)
        )
    else:
        update_w = m_w / (jnp.sqrt(v_w) + 1e-8)
        update_b = m_b / (jnp.sqrt(v_b) + 1e-8)
    if weight_decay is not None:
        update_w = update_w + weight_decay * w
    new_w = w - rate * update_w
    new_b = b - rate * update_b
    return new_w, new_b, mu_w, mu_b, nu_w, nu_b


@family(
    "multi_statement",
    params="n m",
    grads="n m",
    mu="n m in -1..1",
    learning_rate="? in 0.01..0.2",
    mask="? n m bool",
    lr={0.01: 2, 0.003: 1, 0.1: 1},
    b1={0.9: 4, 0.95: 1},
    b2={0.99: 3, 0.98: 1},
    kind={"lion": 4, "signum": 2, "tanh": 2},
    weight_decay={None: 2, 0.1: 2, 0.01: 1},
    cautious={False: 3, True: 1},
    normalised={False: 4, True: 1},
    clip={None: 3, 1.0: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
)
def sign_step(
    params,
    grads,
    mu,
    learning_rate=None,
    mask=None,
    *,
    lr=0.01,
    b1=0.9,
    b2=0.99,
    kind="lion",
    weight_decay=None,
    cautious=False,
    normalised=False,
    clip=None,
):
    """One step by the signs of the momentum."""
    if learning_rate is None:
        learning_rate = lr
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if mask is not None:
        grads = jnp.where(mask, grads, 0.0)
    if kind == "signum":
        new_mu = b1 * mu + (1.0 - b1) * grads
        updates = jnp.sign(new_mu)
    else:
        blend = b1 * mu + (1.0 - b1) * grads
        if kind == "lion":
            updates = jnp.sign(blend)
        else:
            # A smooth sign.
            updates = jnp.tanh(10.0 * blend)
        new_mu = b2 * mu + (1.0 - b2) * grads
    if cautious:
        # Only where the gradient agrees.
        agrees = (updates * grads > 0).astype(updates.dtype)
        updates = updates * agrees / jnp.maximum(jnp.mean(agrees), 0.1)
    if normalised:
        updates = updates * jnp.sqrt(jnp.mean(jnp.abs(params)) + 1e-6)
    if weight_decay is not None:
        updates = updates + weight_decay * params
    return params - learning_rate * updates, new_mu


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    nu="n m in 0.05..1",
    mean_grad="? n m in -0.2..0.2",
    velocity="? n m in -0.5..0.5",
    learning_rate="? in 0.01..0.3",
    lr={0.01: 2, 0.1: 2},
    decay={0.9: 3, 0.99: 2},
    eps={1e-8: 2, 1e-6: 1, 1e-3: 1},
    eps_inside={True: 2, False: 2},
    momentum={0.9: 3, 0.5: 1},
    nesterov={False: 3, True: 1},
    weight_decay={None: 3, 0.01: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def rms_step(
    params,
    grads,
    nu,
    mean_grad=None,
    velocity=None,
    learning_rate=None,
    *,
    lr=0.01,
    decay=0.9,
    eps=1e-8,
    eps_inside=True,
    momentum=0.9,
    nesterov=False,
    weight_decay=None,
):
    """One step with a rate for each parameter, by the recent squares of its gradients.

    Args:
        params: the parameters.
        grads: their gradient.
        nu: the squares of the gradients so far.
        mean_grad: the average gradient, which centres them.
        velocity: the momentum so far.
        learning_rate: the learning rate.
    """
    if learning_rate is None:
        learning_rate = lr
    if weight_decay is not None:
        grads = grads + weight_decay * params
    nu = decay * nu + (1.0 - decay) * jnp.square(grads)
    if mean_grad is not None:
        mean_grad = decay * mean_grad + (1.0 - decay) * grads
        size = jnp.maximum(nu - jnp.square(mean_grad), 0.01)
    else:
        size = nu
    if eps_inside:
        updates = grads * jax.lax.rsqrt(size + eps)
    else:
        updates = grads / (jnp.sqrt(size) + eps)
    if velocity is not None:
        velocity = momentum * velocity + updates
        if nesterov:
            new_params = params - learning_rate * (momentum * velocity + updates)
        else:
            new_params = params - learning_rate * velocity
        if mean_grad is not None:
            return new_params, nu, mean_grad, velocity
        return new_params, nu, velocity
    new_params = params - learning_rate * updates
    if mean_grad is not None:
        return new_params, nu, mean_grad
    return new_params, nu


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    accumulator="n m in 0.05..2",
    step="? in 1..50",
    mask="? m bool",
    learning_rate={0.1: 3, 0.5: 1, 0.01: 1},
    eps={1e-7: 2, 1e-3: 1},
    shared={"none": 4, "rows": 1, "all": 1},
    clip={None: 3, 1.0: 1},
    weight_decay={None: 3, 0.01: 1},
    l1={None: 4, 0.01: 1},
    lr_decay={0.01: 2, 0.1: 1},
    rsqrt={False: 2, True: 2},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def adagrad_step(
    params,
    grads,
    accumulator,
    step=None,
    mask=None,
    *,
    learning_rate=0.1,
    eps=1e-7,
    shared="none",
    clip=None,
    weight_decay=None,
    l1=None,
    lr_decay=0.01,
    rsqrt=False,
):
    """One step whose rates fall with the sum of the squared gradients.

    Args:
        params: the parameters.
        grads: their gradient.
        accumulator: the sum of the squares so far.
        step: the number of the step, with which the rate falls.
        mask: which columns are updated.
        learning_rate: the learning rate.
    """
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if weight_decay is not None:
        grads = grads + weight_decay * params
    if mask is not None:
        grads = jnp.where(mask, grads, 0.0)
    accumulator = accumulator + jnp.square(grads)
    if shared == "rows":
        # All weights of a row have the same rate.
        size = jnp.mean(accumulator, axis=1, keepdims=True)
    elif shared == "all":
        size = jnp.mean(accumulator)
    else:
        size = accumulator
    if step is not None:
        rate = learning_rate / (1.0 + (step - 1.0) * lr_decay)
    else:
        rate = learning_rate
    if rsqrt:
        scale = rate * jax.lax.rsqrt(size + eps)
    else:
        scale = rate / (jnp.sqrt(size) + eps)
    new_params = params - scale * grads
    if l1 is not None:
        # Shrink by the same rates.
        new_params = jnp.sign(new_params) * jax.nn.relu(jnp.abs(new_params) - scale * l1)
    return new_params, accumulator


def root_mean_square(x):
    """Root of the mean square of all elements."""
    return jnp.sqrt(jnp.mean(jnp.square(x)))


@family(
    "multi_statement",
    params="n m",
    grads="n m",
    row_moment="n in 0.05..2",
    col_moment="m in 0.05..2",
    mu="? n m in -0.5..0.5",
    step="? in 1..100",
    learning_rate={0.01: 2, 0.1: 2},
    decay={0.8: 2, 0.99: 2},
    relative={True: 2, False: 2},
    weight_decay={None: 3, 1e-3: 1},
    use_einsum={False: 2, True: 1},
    clip_update={True: 4, False: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def factored_step(
    params,
    grads,
    row_moment,
    col_moment,
    mu=None,
    step=None,
    *,
    learning_rate=0.01,
    decay=0.8,
    relative=True,
    weight_decay=None,
    use_einsum=False,
    clip_update=True,
):
    """One step with a second moment that is factored into rows and columns.

    Args:
        params: a matrix of weights.
        grads: its gradient.
        row_moment: moving average of the squares in each row.
        col_moment: moving average of the squares in each column.
        mu: the first moment.
        step: the number of the step.
        decay: decay of the averages, or the power by which it grows.
    """
    squared = jnp.square(grads) + 1e-8
    if step is not None:
        # The average gets longer as time goes by.
        beta = 1.0 - step**-decay
    else:
        beta = decay
    row_moment = beta * row_moment + (1.0 - beta) * jnp.mean(squared, axis=1)
    col_moment = beta * col_moment + (1.0 - beta) * jnp.mean(squared, axis=0)
    row_factor = row_moment / jnp.mean(row_moment)
    if use_einsum:
        nu = jnp.einsum("i,j->ij", row_factor, col_moment)
    else:
        nu = row_factor[:, None] * col_moment[None, :]
    updates = grads * jax.lax.rsqrt(nu)
    if clip_update:
        updates = updates / jnp.maximum(1.0, root_mean_square(updates))
    if mu is not None:
        mu = 0.9 * mu + 0.1 * updates
        updates = mu
    if relative:
        # The step is as large as the parameters allow.
        rate = learning_rate * jnp.maximum(root_mean_square(params), 1e-3)
    else:
        rate = learning_rate
    updates = rate * updates
    if weight_decay is not None:
        updates = updates + weight_decay * params
    if mu is not None:
        return params - updates, row_moment, col_moment, mu
    return params - updates, row_moment, col_moment


def trust_ratio(params, updates, low=None, high=None):
    """Ratio of the norms of parameters and update."""
    param_norm = jnp.linalg.norm(params)
    update_norm = jnp.linalg.norm(updates)
    if high is not None:
        param_norm = jnp.clip(param_norm, low, high)
    ratio = param_norm / (update_norm + 1e-6)
    return jnp.where((param_norm > 0) & (update_norm > 0), ratio, 1.0)


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.05..1",
    step="? in 1..50",
    learning_rate={0.01: 2, 0.1: 2},
    bounds={None: 3, 10.0: 2},
    weight_decay={None: 1, 0.01: 3, 0.1: 1},
    debias_nu={True: 4, False: 1},
    per_column={False: 4, True: 1},
    with_ratio={False: 3, True: 1},
    clip={None: 3, 1.0: 1},
    decoupled={False: 4, True: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def trust_ratio_step(
    params,
    grads,
    mu,
    nu,
    step=None,
    *,
    learning_rate=0.01,
    bounds=None,
    weight_decay=0.01,
    debias_nu=True,
    per_column=False,
    with_ratio=False,
    clip=None,
    decoupled=False,
):
    """One step whose size in a layer follows the size of its parameters."""
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    mu, nu = update_moments(grads, mu, nu)
    mu_hat, nu_hat = mu, nu
    if step is not None:
        mu_hat = bias_correction(mu, 0.9, step)
        if debias_nu:
            nu_hat = bias_correction(nu, 0.999, step)
    updates = mu_hat / (jnp.sqrt(nu_hat) + 1e-6)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            updates = updates + weight_decay * params
    if per_column:
        param_norm = jnp.linalg.norm(params, axis=0)
        update_norm = jnp.linalg.norm(updates, axis=0)
        ratio = param_norm / (update_norm + 1e-6)
    elif bounds is not None:
        ratio = trust_ratio(params, updates, 0.1, bounds)
    else:
        ratio = trust_ratio(params, updates)
    new_params = params - learning_rate * ratio * updates
    if with_ratio:
        return new_params, mu, nu, ratio
    return new_params, mu, nu


@family(
    "multi_statement",
    "loop",
    "contraction",
    params="n m",
    grads="n m",
    velocity="? n m in -0.5..0.5",
    learning_rate="? in 0.01..0.2",
    lr={0.02: 2, 0.1: 1},
    num_steps={2: 1, 3: 2, 5: 1},
    loop={"python": 3, "fori": 2, "scan": 1},
    coefficients={"quintic": 3, "cubic": 2},
    nesterov={True: 2, False: 2},
    scaling={"shape": 2, "rms": 2, "none": 1},
    weight_decay={None: 3, 0.1: 1},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6)},
    only="float32",
)
def muon_step(
    params,
    grads,
    velocity=None,
    learning_rate=None,
    *,
    lr=0.02,
    num_steps=3,
    loop="python",
    coefficients="quintic",
    nesterov=True,
    scaling="shape",
    weight_decay=None,
):
    """One step by a momentum that is made nearly orthogonal, by Newton-Schulz iterations.

    Args:
        params: a matrix of weights.
        grads: its gradient.
        velocity: the momentum so far.
        learning_rate: the learning rate.
        num_steps: the number of iterations.
    """
    if learning_rate is None:
        learning_rate = lr
    if velocity is not None:
        velocity = 0.95 * velocity + grads
        if nesterov:
            updates = grads + 0.95 * velocity
        else:
            updates = velocity
    else:
        updates = grads

    def newton_schulz(x):
        gram = x @ x.T
        if coefficients == "quintic":
            return 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
        return 1.5 * x - 0.5 * gram @ x

    x = updates / (jnp.linalg.norm(updates) + 1e-7)
    if loop == "fori":
        x = lax.fori_loop(0, num_steps, lambda _, x: newton_schulz(x), x)
    elif loop == "scan":
        x, _ = lax.scan(lambda x, _: (newton_schulz(x), None), x, None, length=num_steps)
    else:
        for _ in range(num_steps):
            x = newton_schulz(x)
    if scaling == "shape":
        x = x * max(1.0, params.shape[0] / params.shape[1]) ** 0.5
    elif scaling == "rms":
        x = x * (0.2 * jnp.sqrt(max(params.shape[0], params.shape[1])))
    if weight_decay is not None:
        params = params * (1.0 - learning_rate * weight_decay)
    new_params = params - learning_rate * x
    if velocity is not None:
        return new_params, velocity
    return new_params


# ---------------------------------------------------------------- averages of parameters


@family(
    "elementwise",
    "scalar_array",
    "branch",
    "multi_statement",
    average="n m",
    params="n m",
    step="? in 1..100",
    decay_rate="? in 0.8..0.99",
    frozen="? m bool",
    decay={0.99: 2, 0.999: 2, 0.9: 1},
    kind={"ema": 4, "swa": 2},
    ramp={"min": 3, "power": 1},
    debias={False: 3, True: 1},
    with_gap={False: 4, True: 1},
    delta_form={False: 2, True: 2},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def average_params(
    average,
    params,
    step=None,
    decay_rate=None,
    frozen=None,
    *,
    decay=0.99,
    kind="ema",
    ramp="min",
    debias=False,
    with_gap=False,
    delta_form=False,
):
    """Moving average of parameters.

    Args:
        average: the average so far.
        params: the parameters now.
        step: the number of the step.
        decay_rate: how much of the average stays.
        frozen: which columns stay as they are.
    """
    if decay_rate is None:
        decay_rate = decay
    if step is not None:
        if kind == "swa":
            # All steps count alike, at first.
            decay_rate = jnp.minimum(decay_rate, step / (step + 1.0))
        elif ramp == "min":
            decay_rate = jnp.minimum(decay_rate, (1.0 + step) / (10.0 + step))
        else:
            decay_rate = decay_rate * (1.0 - jnp.exp(-step / 20.0))
    if delta_form:
        new_average = average + (1.0 - decay_rate) * (params - average)
    else:
        new_average = decay_rate * average + (1.0 - decay_rate) * params
    if frozen is not None:
        new_average = jnp.where(frozen, average, new_average)
    if with_gap:
        gap = jnp.sqrt(jnp.mean(jnp.square(params - new_average)) + 1e-8)
        return new_average, gap
    if step is not None:
        if debias:
            return new_average / (1.0 - 0.9 ** (step + 1.0))
    return new_average


@family(
    "multi_statement",
    fast="n m",
    slow="n m",
    grads="n m",
    step="int 40",
    velocity="? n m",
    alpha={0.5: 3, 0.8: 1},
    period={5: 2, 6: 2, 10: 1},
    learning_rate={0.1: 2, 0.05: 1},
    reset={"keep": 2, "zero": 1, "pull_back": 1},
    cond={"where": 3, "cond": 2},
    weight_decay={None: 3, 0.01: 1},
    sizes={"n": (4, 6), "m": (4, 5, 6)},
)
def lookahead_step(
    fast,
    slow,
    grads,
    step,
    velocity=None,
    *,
    alpha=0.5,
    period=5,
    learning_rate=0.1,
    reset="keep",
    cond="where",
    weight_decay=None,
):
    """Step of fast weights, which at times are brought back to slow ones.

    Args:
        fast: the fast weights.
        slow: the slow weights.
        grads: the gradient at the fast weights.
        step: the number of the step.
        velocity: the momentum so far.
    """
    if weight_decay is not None:
        grads = grads + weight_decay * fast
    if velocity is not None:
        velocity = 0.9 * velocity + grads
        fast = fast - learning_rate * velocity
    else:
        fast = fast - learning_rate * grads
    sync = (step + 1) % period == 0
    if cond == "cond":

        def synchronise(weights):
            fast, slow = weights
            slow = slow + alpha * (fast - slow)
            return slow, slow

        fast, slow = lax.cond(sync, synchronise, lambda weights: weights, (fast, slow))
    else:
        merged = slow + alpha * (fast - slow)
        fast = jnp.where(sync, merged, fast)
        slow = jnp.where(sync, merged, slow)
    if velocity is not None:
        if reset == "zero":
            velocity = jnp.where(sync, 0.0, velocity)
        elif reset == "pull_back":
            velocity = jnp.where(sync, alpha * velocity, velocity)
        return fast, slow, velocity
    return fast, slow


# ---------------------------------------------------------------- second-order steps


def conjugate_gradient(matvec, b, num_steps=6):
    """Solves a symmetric positive definite system by conjugate gradients."""

    def body(_, state):
        x, r, p, rs = state
        ap = matvec(p)
        alpha = rs / (p @ ap + 1e-8)
        x = x + alpha * p
        r = r - alpha * ap
        new_rs = r @ r
        p = r + (new_rs / (rs + 1e-8)) * p
        return x, r, p, new_rs

    x = jnp.zeros_like(b)
    x, _, _, _ = lax.fori_loop(0, num_steps, body, (x, b, b, b @ b))
    return x


@family(
    "compound",
    "loop",
    "reduction",
    params="d",
    per_example_grads="n d",
    advantages="? n",
    damping="? in 0.05..1",
    lam={0.1: 2, 0.5: 1, 0.2: 1},
    method={"solve": 3, "diagonal": 3, "cg": 2, "cholesky": 1, "inner": 2},
    centred={False: 3, True: 1},
    step_rule={"fixed": 3, "kl": 3},
    num_steps={4: 2, 6: 1},
    step_size={0.1: 2, 0.5: 1},
    with_decrement={False: 3, True: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5, 6)},
    only="float32",
)
def natural_gradient_step(
    params,
    per_example_grads,
    advantages=None,
    damping=None,
    *,
    lam=0.1,
    method="solve",
    centred=False,
    step_rule="fixed",
    num_steps=4,
    step_size=0.1,
    with_decrement=False,
):
    """One step of natural gradient descent, with the empirical Fisher matrix.

    Args:
        params: the parameters.
        per_example_grads: the gradient of each example, of shape (n, d).
        advantages: a weight for each example's gradient.
        damping: what is added to the Fisher matrix's diagonal.
        step_size: the size of the step.
    """
    if damping is None:
        damping = lam
    n, d = per_example_grads.shape
    if advantages is not None:
        gradient = per_example_grads.T @ advantages / n
    else:
        gradient = jnp.mean(per_example_grads, axis=0)
    scores = per_example_grads
    if centred:
        scores = scores - jnp.mean(scores, axis=0)
    if method == "diagonal":
        fisher = jnp.mean(jnp.square(scores), axis=0)
        direction = gradient / (fisher + damping)
    elif method == "cg":

        def fisher_product(v):
            return scores.T @ (scores @ v) / n + damping * v

        direction = conjugate_gradient(fisher_product, gradient, num_steps)
    elif method == "inner":
        # Solve a system as large as the batch.
        kernel = scores @ scores.T / n + damping * jnp.eye(n)
        inside = jnp.linalg.solve(kernel, scores @ gradient) / n
        direction = (gradient - scores.T @ inside) / damping
    else:
        fisher = scores.T @ scores / n + damping * jnp.eye(d)
        if method == "cholesky":
            factor = jax.scipy.linalg.cho_factor(fisher)
            direction = jax.scipy.linalg.cho_solve(factor, gradient)
        else:
            direction = jnp.linalg.solve(fisher, gradient)
    decrement = gradient @ direction
    if step_rule == "kl":
        # The step changes the distribution by a given amount.
        rate = jnp.sqrt(step_size / (0.5 * decrement + 1e-6))
    else:
        rate = step_size
    new_params = params - rate * direction
    if with_decrement:
        return new_params, decrement
    return new_params


@family(
    "compound",
    params="d",
    x="n d",
    y="n",
    sample_weight="? n in 0.3..2",
    damping="? in 0.1..2",
    lam={0.1: 2, 0.5: 1},
    task={"logistic": 4, "poisson": 2, "squared": 2},
    method={"solve": 3, "cholesky": 2, "inverse": 1},
    ridge={None: 2, 0.1: 2},
    with_decrement={False: 3, True: 1},
    max_step={None: 3, 1.0: 1},
    sizes={"n": (6, 8, 10), "d": (4, 5)},
    only="float32",
)
def newton_step(
    params,
    x,
    y,
    sample_weight=None,
    damping=None,
    *,
    lam=0.1,
    task="logistic",
    method="solve",
    ridge=None,
    with_decrement=False,
    max_step=None,
):
    """One step of Newton's method for a generalised linear model.

    Args:
        params: the coefficients.
        x: features of shape (n, d).
        y: the targets; their sign is the class where the model classifies.
        sample_weight: a weight for each row.
        damping: what is added to the Hessian's diagonal.
    """
    if damping is None:
        damping = lam
    n, d = x.shape
    eta = x @ params
    if task == "logistic":
        mean = jax.nn.sigmoid(eta)
        error = mean - jax.nn.sigmoid(4.0 * y)
        curvature = mean * (1.0 - mean)
    elif task == "poisson":
        mean = jnp.exp(jnp.clip(eta, -4.0, 4.0))
        error = mean - jnp.square(y)
        curvature = mean
    else:
        error = eta - y
        curvature = jnp.ones_like(y)
    if sample_weight is not None:
        error = sample_weight * error
        curvature = sample_weight * curvature
    gradient = x.T @ error / n
    hessian = (x.T * curvature) @ x / n + damping * jnp.eye(d)
    if ridge is not None:
        gradient = gradient + ridge * params
        hessian = hessian + ridge * jnp.eye(d)
    if method == "solve":
        direction = jnp.linalg.solve(hessian, gradient)
    elif method == "cholesky":
        factor = jax.scipy.linalg.cho_factor(hessian)
        direction = jax.scipy.linalg.cho_solve(factor, gradient)
    else:
        direction = jnp.linalg.inv(hessian) @ gradient
    if max_step is not None:
        length = jnp.linalg.norm(direction)
        direction = direction * jnp.minimum(1.0, max_step / (length + 1e-6))
    new_params = params - direction
    if with_decrement:
        return new_params, 0.5 * gradient @ direction
    return new_params


@family(
    "reduction",
    a="in 0.5..2",
    b="in 0.3..1.5",
    t="n in 0.2..2",
    y="n",
    damping="? in 0.1..2",
    sigma="? n in 0.3..2",
    model={"exponential": 3, "gaussian": 2, "saturation": 2, "sine": 2, "power": 1},
    lam={0.1: 2, 1.0: 1, 0.5: 1},
    scaled={False: 2, True: 2},
    robust={None: 3, "cauchy": 1, "huber": 1},
    matrix={True: 2, False: 2},
    with_cost={False: 2, True: 2},
    accept={False: 3, True: 1},
    sizes={"n": (6, 8, 10, 12)},
    only="float32",
)
def least_squares_step(
    a,
    b,
    t,
    y,
    damping=None,
    sigma=None,
    *,
    model="exponential",
    lam=0.1,
    scaled=False,
    robust=None,
    matrix=True,
    with_cost=False,
    accept=False,
):
    """One step of Levenberg and Marquardt for the fit of a curve with two parameters.

    Args:
        a: the first parameter.
        b: the second parameter.
        t: where it was measured.
        y: the measured values.
        damping: how short the step is.
        sigma: deviation of each measurement.
    """
    if damping is None:
        damping = lam

    def curve(a, b):
        if model == "exponential":
            return a * jnp.exp(-b * t)
        elif model == "gaussian":
            return a * jnp.exp(-0.5 * jnp.square(t / b))
        elif model == "saturation":
            return a * t / (b + t)
        elif model == "power":
            return a * t**b
        else:
            return a * jnp.sin(b * t)

    # The derivatives by both parameters.
    by_a = curve(1.0, b)
    if model == "exponential":
        by_b = -a * t * jnp.exp(-b * t)
    elif model == "gaussian":
        by_b = curve(a, b) * jnp.square(t) / b**3
    elif model == "saturation":
        by_b = -a * t / jnp.square(b + t)
    elif model == "power":
        by_b = curve(a, b) * jnp.log(t)
    else:
        by_b = a * t * jnp.cos(b * t)
    error = curve(a, b) - y
    if sigma is not None:
        error = error / sigma
        by_a = by_a / sigma
        by_b = by_b / sigma
    if robust == "cauchy":
        weight = 1.0 / (1.0 + jnp.square(error))
    elif robust == "huber":
        weight = 1.0 / jnp.maximum(1.0, jnp.abs(error))
    else:
        weight = jnp.ones_like(error)
    if matrix:
        jacobian = jnp.stack([by_a, by_b], axis=1)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        g_a, g_b = jacobian.T @ (weight * error)
        n_aa, n_ab, n_bb = normal[0, 0], normal[0, 1], normal[1, 1]
    else:
        g_a = jnp.sum(weight * by_a * error)
        g_b = jnp.sum(weight * by_b * error)
        n_aa = jnp.sum(weight * jnp.square(by_a))
        n_ab = jnp.sum(weight * by_a * by_b)
        n_bb = jnp.sum(weight * jnp.square(by_b))
    if scaled:
        n_aa = n_aa * (1.0 + damping)
        n_bb = n_bb * (1.0 + damping)
    else:
        n_aa = n_aa + damping
        n_bb = n_bb + damping
    determinant = n_aa * n_bb - n_ab * n_ab
    new_a = a - (n_bb * g_a - n_ab * g_b) / determinant
    new_b = b - (n_aa * g_b - n_ab * g_a) / determinant
    if accept:
        # Stay where it is if the fit got worse.
        old_cost = jnp.sum(jnp.square(curve(a, b) - y))
        new_cost = jnp.sum(jnp.square(curve(new_a, new_b) - y))
        better = new_cost < old_cost
        new_a = jnp.where(better, new_a, a)
        new_b = jnp.where(better, new_b, b)
    if with_cost:
        return new_a, new_b, 0.5 * jnp.sum(weight * jnp.square(error))
    return new_a, new_b


@family(
    "loop",
    "reduction",
    gradient="d",
    s="k d",
    y="k d",
    loop={"python": 3, "scan": 3},
    initial={"gamma": 4, "identity": 2},
    curvature={"damped": 2, "absolute": 2},
    negate={True: 3, False: 1},
    precondition="? d in 0.3..2",
    with_slope={False: 3, True: 1},
    max_norm={None: 3, 1.0: 1},
    num_pairs=(Code("k"),),
    sizes={"d": (4, 5, 6, 8), "k": (2, 3, 4)},
    only="float32",
)
def lbfgs_direction(
    gradient,
    s,
    y,
    precondition=None,
    *,
    loop="python",
    initial="gamma",
    curvature="damped",
    negate=True,
    with_slope=False,
    max_norm=None,
    num_pairs=3,
):
    """Direction of L-BFGS, by the two-loop recursion.

    Args:
        gradient: the gradient.
        s: the last steps, oldest first.
        y: how the gradient changed in them.
        precondition: the diagonal of a first inverse Hessian.
    """
    sy = jnp.sum(s * y, axis=1)
    if curvature == "damped":
        # Change the pairs so that the curvature is positive.
        ss = jnp.sum(jnp.square(s), axis=1)
        y = y + jax.nn.relu(1.0 - sy / ss)[:, None] * s
        rho = 1.0 / jnp.maximum(sy, ss)
    else:
        rho = 1.0 / (jnp.abs(sy) + 1.0)
    q = gradient
    if loop == "scan":

        def backward(q, pair):
            s_i, y_i, rho_i = pair
            alpha = rho_i * (s_i @ q)
            return q - alpha * y_i, alpha

        q, alphas = lax.scan(backward, q, (s, y, rho), reverse=True)
    else:
        alphas = []
        for i in reversed(range(num_pairs)):
            alpha = rho[i] * jnp.dot(s[i], q)
            q = q - alpha * y[i]
            alphas.append(alpha)
    if initial == "gamma":
        gamma = jnp.abs(jnp.dot(s[-1], y[-1])) / (jnp.dot(y[-1], y[-1]) + 1e-2)
        r = gamma * q
    else:
        r = q
    if precondition is not None:
        r = precondition * r
    if loop == "scan":

        def forward(r, pair):
            s_i, y_i, rho_i, alpha = pair
            beta = rho_i * (y_i @ r)
            return r + (alpha - beta) * s_i, None

        r, _ = lax.scan(forward, r, (s, y, rho, alphas))
    else:
        for i in range(num_pairs):
            beta = rho[i] * jnp.dot(y[i], r)
            r = r + (alphas[num_pairs - 1 - i] - beta) * s[i]
    if max_norm is not None:
        r = r * jnp.minimum(1.0, max_norm / (jnp.linalg.norm(r) + 1e-6))
    if negate:
        r = -r
    if with_slope:
        return r, jnp.dot(gradient, r)
    return r


@family(
    "contraction",
    "branch",
    "multi_statement",
    grad="... d",
    prev_grad="... d",
    prev_direction="... d",
    preconditioner="? d in 0.3..2",
    formula={
        "fletcher_reeves": 3,
        "polak_ribiere": 4,
        "hestenes_stiefel": 2,
        "dai_yuan": 2,
        "hager": 1,
    },
    restart={None: 2, "non_negative": 3, "powell": 1, "descent": 2},
    with_beta={False: 4, True: 1},
    eps={1e-2: 1, 1e-3: 1},
    sizes={"d": (4, 6, 8, 12)},
)
def cg_direction(
    grad,
    prev_grad,
    prev_direction,
    preconditioner=None,
    *,
    formula="polak_ribiere",
    restart="non_negative",
    with_beta=False,
    eps=1e-3,
):
    """Next direction of a nonlinear conjugate gradient method."""
    if preconditioner is not None:
        z = preconditioner * grad
        prev_z = preconditioner * prev_grad
    else:
        z = grad
        prev_z = prev_grad
    change = grad - prev_grad
    if formula == "fletcher_reeves":
        numerator = jnp.sum(grad * z, axis=-1, keepdims=True)
        denominator = jnp.sum(prev_grad * prev_z, axis=-1, keepdims=True)
    elif formula == "polak_ribiere":
        numerator = jnp.sum(z * change, axis=-1, keepdims=True)
        denominator = jnp.sum(prev_grad * prev_z, axis=-1, keepdims=True)
    elif formula == "hestenes_stiefel":
        numerator = jnp.sum(z * change, axis=-1, keepdims=True)
        denominator = jnp.abs(jnp.sum(prev_direction * change, axis=-1, keepdims=True)) + 1.0
    elif formula == "dai_yuan":
        numerator = jnp.sum(grad * z, axis=-1, keepdims=True)
        denominator = jnp.abs(jnp.sum(prev_direction * change, axis=-1, keepdims=True)) + 1.0
    else:
        curvature = jnp.abs(jnp.sum(prev_direction * change, axis=-1, keepdims=True)) + 1.0
        size = jnp.sum(jnp.square(change), axis=-1, keepdims=True)
        shifted = change - 2.0 * prev_direction * size / curvature
        numerator = jnp.sum(shifted * z, axis=-1, keepdims=True)
        denominator = curvature
    beta = numerator / (denominator + eps)
    if restart == "non_negative":
        beta = jax.nn.relu(beta)
    elif restart == "powell":
        # Begin anew where gradients are far from orthogonal.
        overlap = jnp.abs(jnp.sum(grad * prev_grad, axis=-1, keepdims=True))
        size = jnp.sum(jnp.square(grad), axis=-1, keepdims=True)
        beta = jnp.where(overlap >= 0.5 * size, 0.0, beta)
    direction = -z + beta * prev_direction
    if restart == "descent":
        slope = jnp.sum(direction * grad, axis=-1, keepdims=True)
        direction = jnp.where(slope < 0, direction, -z)
    if with_beta:
        return direction, beta
    return direction


@family(
    "contraction",
    "branch",
    "multi_statement",
    h="d d in -0.5..0.5",
    s="d",
    y="d",
    gradient="? d",
    rule={"bfgs": 4, "dfp": 2, "sr1": 2, "broyden": 1},
    form={"product": 2, "expanded": 2},
    skip={False: 2, True: 2},
    symmetric={True: 3, False: 1},
    initial_scale={False: 3, True: 1},
    curvature_floor={0.1: 2, 0.5: 1},
    sizes={"d": (4, 5, 6, 8)},
    only="float32",
)
def update_inverse_hessian(
    h,
    s,
    y,
    gradient=None,
    *,
    rule="bfgs",
    form="product",
    skip=False,
    symmetric=True,
    initial_scale=False,
    curvature_floor=0.1,
):
    """Quasi-Newton update of an inverse Hessian.

    Args:
        h: the approximate inverse, of shape (d, d).
        s: the last step.
        y: how the gradient changed.
        gradient: the gradient now, for which the next direction is found.
    """
    d = s.shape[0]
    if symmetric:
        h = 0.5 * (h + h.T)
    h = h + jnp.eye(d)
    curvature = jnp.dot(s, y)
    if initial_scale:
        h = h * jnp.maximum(curvature, curvature_floor) / (jnp.dot(y, y) + 1e-2)
    # Keep the denominator away from zero.
    safe = jnp.maximum(jnp.abs(curvature), curvature_floor)
    hy = h @ y
    if rule == "bfgs":
        if form == "product":
            left = jnp.eye(d) - jnp.outer(s, y) / safe
            new_h = left @ h @ left.T + jnp.outer(s, s) / safe
        else:
            factor = (1.0 + jnp.dot(y, hy) / safe) / safe
            cross = jnp.outer(hy, s)
            new_h = h + factor * jnp.outer(s, s) - (cross + cross.T) / safe
    elif rule == "dfp":
        denominator = jnp.abs(jnp.dot(y, hy)) + curvature_floor
        new_h = h + jnp.outer(s, s) / safe - jnp.outer(hy, hy) / denominator
    elif rule == "sr1":
        error = s - hy
        denominator = jnp.dot(error, y)
        denominator = jnp.where(jnp.abs(denominator) < 0.5, 0.5, denominator)
        new_h = h + jnp.outer(error, error) / denominator
    else:
        sh = s @ h
        denominator = jnp.abs(jnp.dot(sh, y)) + curvature_floor
        new_h = h + jnp.outer(s - hy, sh) / denominator
    if skip:
        # Negative curvature would spoil it.
        new_h = jnp.where(curvature > 0, new_h, h)
    if gradient is not None:
        return new_h, -new_h @ gradient
    return new_h


@family(
    "nested_branch",
    "branch",
    "multi_statement",
    gradient="d",
    curvatures="d in 0.3..2",
    radius="in 0.3..2",
    low_rank="? d in -1..1",
    scales="? d in 0.5..2",
    kind={"dogleg": 4, "cauchy": 2, "double_dogleg": 2},
    method={"where": 3, "cond": 2, "select": 1},
    damping={None: 3, 0.1: 2, 0.5: 1},
    with_reduction={False: 3, True: 1},
    clipped={False: 3, True: 1},
    sizes={"d": (4, 5, 6, 8)},
    only="float32",
)
def trust_region_step(
    gradient,
    curvatures,
    radius,
    low_rank=None,
    scales=None,
    *,
    kind="dogleg",
    method="where",
    damping=None,
    with_reduction=False,
    clipped=False,
):
    """Step within a region where a quadratic model is trusted.

    Args:
        gradient: the gradient.
        curvatures: the diagonal of the Hessian.
        radius: the radius of the region.
        low_rank: a vector whose square is added to the Hessian.
        scales: scales of the variables.
    """
    if scales is not None:
        gradient = gradient * scales
        curvatures = curvatures * jnp.square(scales)
    if damping is not None:
        curvatures = curvatures + damping

    def hessian_product(v):
        if low_rank is not None:
            return curvatures * v + low_rank * (low_rank @ v)
        return curvatures * v

    curvature = gradient @ hessian_product(gradient)
    cauchy = -(gradient @ gradient) / curvature * gradient
    cauchy_norm = jnp.linalg.norm(cauchy)
    if clipped:
        short = cauchy * jnp.minimum(1.0, radius / cauchy_norm)
    else:
        short = cauchy * (radius / cauchy_norm)
    if kind == "cauchy":
        step = jnp.where(cauchy_norm <= radius, cauchy, short)
    else:
        newton = -gradient / curvatures
        if low_rank is not None:
            # The formula of Sherman and Morrison.
            inner = low_rank / curvatures
            newton = newton - inner * (low_rank @ newton) / (1.0 + low_rank @ inner)
        if kind == "double_dogleg":
            newton = 0.8 * newton + 0.2 * cauchy
        newton_norm = jnp.linalg.norm(newton)
        difference = newton - cauchy
        a = difference @ difference + 1e-6
        b = cauchy @ difference
        c = radius**2 - cauchy_norm**2
        root = jnp.sqrt(jnp.maximum(b**2 + a * c, 1e-6))
        between = cauchy + (root - b) / a * difference
        if method == "where":
            inside = jnp.where(cauchy_norm < radius, between, short)
            step = jnp.where(newton_norm <= radius, newton, inside)
        elif method == "cond":
            step = lax.cond(
                newton_norm <= radius,
                lambda: newton,
                lambda: lax.cond(cauchy_norm < radius, lambda: between, lambda: short),
            )
        else:
            step = jnp.select(
                [newton_norm <= radius, cauchy_norm < radius], [newton, between], short
            )
    if with_reduction:
        reduction = -(gradient @ step + 0.5 * step @ hessian_product(step))
        return step, reduction
    return step


# ---------------------------------------------------------------- loops


def model_loss(params, x, y, task="squared"):
    """Mean loss of a linear model."""
    prediction = x @ params
    if task == "squared":
        return 0.5 * jnp.mean(jnp.square(prediction - y))
    return jnp.mean(jax.nn.softplus(-jnp.tanh(y) * prediction))


def gradient_of(params, x, y, task="squared", sample_weight=None):
    """Gradient of the mean loss of a linear model."""
    prediction = x @ params
    if task == "squared":
        error = prediction - y
    else:
        label = jnp.tanh(y)
        error = -label * jax.nn.sigmoid(-label * prediction)
    if sample_weight is not None:
        error = sample_weight * error
    return x.T @ error / x.shape[0]


@family(
    "loop",
    "reduction",
    params="d",
    x="n d",
    y="n",
    preconditioner="? d in 0.3..2",
    sample_weight="? n in 0.3..2",
    c1={1e-4: 2, 0.1: 2, 0.3: 1},
    shrink={0.5: 4, 0.7: 1},
    num_trials={4: 2, 6: 2, 8: 1},
    task={"squared": 3, "logistic": 3},
    method={"vmap": 3, "fori": 2, "scan": 2},
    output={"params": 3, "losses": 1, "both": 1},
    initial_step={2.0: 1, 4.0: 1, 8.0: 1},
    ridge={None: 3, 0.1: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5, 6)},
    only="float32",
)
def line_search(
    params,
    x,
    y,
    preconditioner=None,
    sample_weight=None,
    *,
    c1=0.1,
    shrink=0.5,
    num_trials=4,
    task="squared",
    method="vmap",
    output="params",
    initial_step=2.0,
    ridge=None,
):
    """Takes a step downhill that lowers the loss of a linear model enough.

    Args:
        params: the coefficients.
        x: features of shape (n, d).
        y: the targets.
        preconditioner: the diagonal of an approximate inverse Hessian.
        sample_weight: a weight for each row.
        c1: the share of the expected decrease that is enough.
        shrink: by how much a step is shortened.
    """

    def objective(w):
        prediction = x @ w
        if task == "squared":
            loss = 0.5 * jnp.square(prediction - y)
        else:
            loss = jax.nn.softplus(-jnp.tanh(y) * prediction)
        if sample_weight is not None:
            loss = sample_weight * loss
        if ridge is not None:
            return jnp.mean(loss) + 0.5 * ridge * jnp.sum(jnp.square(w))
        return jnp.mean(loss)

    start, gradient = objective(params), gradient_of(params, x, y, task, sample_weight)
    if ridge is not None:
        gradient = gradient + ridge * params
    if preconditioner is not None:
        direction = -preconditioner * gradient
    else:
        direction = -gradient
    slope = gradient @ direction
    if method == "vmap":
        steps = initial_step * shrink ** jnp.arange(num_trials)
        losses = jax.vmap(objective)(params + steps[:, None] * direction)
        enough = losses <= start + c1 * steps * slope
        # The first step that is short enough, or the last.
        best = jnp.where(jnp.any(enough), jnp.argmax(enough), num_trials - 1)
        step = steps[best]
        if output == "losses":
            return losses
    else:

        def is_enough(step):
            return objective(params + step * direction) <= start + c1 * step * slope

        if method == "fori":
            step = lax.fori_loop(
                0,
                num_trials,
                lambda _, step: jnp.where(is_enough(step), step, shrink * step),
                initial_step,
            )
        else:

            def retry(carry, _):
                step, found = carry
                found = found | is_enough(step)
                return (jnp.where(found, step, shrink * step), found), found

            init = (initial_step, False)
            (step, _), _ = lax.scan(retry, init, None, length=num_trials)
    new_params = params + step * direction
    if output == "losses":
        return objective(new_params)
    elif output == "both":
        return new_params, objective(new_params)
    else:
        return new_params


@family(
    "loop",
    params="d in -1..1",
    x="n d",
    y="n",
    learning_rate="? in 0.02..0.2",
    sample_weight="? n in 0.3..2",
    lr={0.1: 3, 0.05: 1},
    task={"squared": 3, "logistic": 3, "poisson": 1, "huber": 1},
    optimizer={"sgd": 3, "momentum": 3, "nesterov": 2, "adam": 2, "rmsprop": 1},
    penalty={None: 3, "l2": 2, "l1": 1},
    num_steps={4: 2, 6: 2, 8: 1},
    decay={None: 3, "sqrt": 1, "linear": 1},
    history={None: 3, "loss": 2, "params": 1, "average": 1},
    sizes={"n": (6, 8, 10), "d": (4, 5, 6)},
    only="float32",
    weight=16,
)
def train_linear_model(
    params,
    x,
    y,
    learning_rate=None,
    sample_weight=None,
    *,
    lr=0.1,
    task="squared",
    optimizer="sgd",
    penalty=None,
    num_steps=6,
    decay=None,
    history=None,
):
    """Fits a linear model by some steps of an optimiser on all data.

    Args:
        params: the coefficients to begin with.
        x: features of shape (n, d).
        y: the targets; their sign is the class where the model classifies.
        learning_rate: the learning rate.
        sample_weight: a weight for each row.
        num_steps: the number of steps.
    """
    if learning_rate is None:
        learning_rate = lr
    n = x.shape[0]

    def gradient(w):
        prediction = x @ w
        if task == "squared":
            error = prediction - y
        elif task == "huber":
            error = jnp.clip(prediction - y, -1.0, 1.0)
        elif task == "poisson":
            error = jnp.exp(jnp.clip(prediction, -3.0, 3.0)) - jnp.square(y)
        else:
            error = jax.nn.sigmoid(prediction) - jax.nn.sigmoid(4.0 * y)
        if sample_weight is not None:
            error = sample_weight * error
        grad = x.T @ error / n
        if penalty == "l2":
            grad = grad + 0.1 * w
        elif penalty == "l1":
            grad = grad + 0.05 * jnp.tanh(10.0 * w)
        return grad

    def step(carry, i):
        if optimizer == "sgd":
            w = carry
        elif optimizer == "adam":
            w, mu, nu = carry
        else:
            w, velocity = carry
        if optimizer == "nesterov":
            grad = gradient(w + 0.9 * velocity)
        else:
            grad = gradient(w)
        if decay == "sqrt":
            rate = learning_rate / jnp.sqrt(i + 1.0)
        elif decay == "linear":
            rate = learning_rate * (1.0 - i / num_steps)
        else:
            rate = learning_rate
        if optimizer == "sgd":
            w = w - rate * grad
            carry = w
        elif optimizer == "adam":
            mu = 0.9 * mu + 0.1 * grad
            nu = 0.99 * nu + 0.01 * jnp.square(grad)
            mu_hat = mu / (1.0 - 0.9 ** (i + 1))
            nu_hat = nu / (1.0 - 0.99 ** (i + 1))
            w = w - rate * mu_hat / (jnp.sqrt(nu_hat) + 1e-3)
            carry = (w, mu, nu)
        elif optimizer == "rmsprop":
            velocity = 0.9 * velocity + 0.1 * jnp.square(grad)
            w = w - rate * grad / jnp.sqrt(velocity + 1e-3)
            carry = (w, velocity)
        else:
            velocity = 0.9 * velocity - rate * grad
            w = w + velocity
            carry = (w, velocity)
        if history == "loss":
            record = 0.5 * jnp.mean(jnp.square(x @ w - y))
        elif history is None:
            record = None
        else:
            record = w
        return carry, record

    zeros = jnp.zeros_like(params)
    if optimizer == "sgd":
        init = params
    elif optimizer == "adam":
        init = (params, zeros, zeros)
    else:
        init = (params, zeros)
    last, trace = lax.scan(step, init, jnp.arange(num_steps))
    if optimizer != "sgd":
        last = last[0]
    if history is None:
        return last
    elif history == "average":
        return jnp.mean(trace, axis=0)
    else:
        return last, trace


def soft_threshold(x, threshold):
    """Moves values towards zero by a threshold."""
    return jnp.sign(x) * jax.nn.relu(jnp.abs(x) - threshold)


@family(
    "loop",
    a="n d",
    b="n",
    w="? d in -1..1",
    step_size="? in 0.01..0.1",
    lam={0.1: 3, 0.02: 1, 0.3: 1},
    rate={0.05: 2, 0.02: 1},
    prox={"l1": 4, "elastic": 2, "non_negative": 2, "ball": 1},
    accelerated={False: 3, True: 3},
    num_steps={4: 1, 5: 2, 8: 1},
    loop={"fori": 3, "scan": 3},
    with_objective={False: 3, True: 1},
    restart={False: 3, True: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5, 6, 8)},
    only="float32",
)
def proximal_gradient(
    a,
    b,
    w=None,
    step_size=None,
    *,
    lam=0.1,
    rate=0.05,
    prox="l1",
    accelerated=False,
    num_steps=5,
    loop="fori",
    with_objective=False,
    restart=False,
):
    """Regression with a penalty that isn't smooth, by proximal gradient steps.

    Args:
        a: the matrix of features.
        b: the targets.
        w: the coefficients to begin with.
        step_size: the size of the steps.
        lam: the weight of the penalty.
    """
    if step_size is None:
        step_size = rate
    if w is None:
        w = jnp.zeros(a.shape[1])

    def proximal(v):
        if prox == "l1":
            return soft_threshold(v, step_size * lam)
        elif prox == "elastic":
            return soft_threshold(v, step_size * lam) / (1.0 + step_size * lam)
        elif prox == "non_negative":
            return jax.nn.relu(v - step_size * lam)
        else:
            # Project onto the unit ball.
            return v / jnp.maximum(1.0, jnp.linalg.norm(v))

    def advance(state):
        w, z, t = state
        new_w = proximal(z - step_size * (a.T @ (a @ z - b)))
        new_t = 0.5 * (1.0 + jnp.sqrt(1.0 + 4.0 * t * t))
        momentum = (t - 1.0) / new_t
        if restart:
            momentum = jnp.where((z - new_w) @ (new_w - w) > 0, 0.0, momentum)
        return new_w, new_w + momentum * (new_w - w), new_t

    def descend(w):
        return proximal(w - step_size * (a.T @ (a @ w - b)))

    if accelerated:
        state = (w, w, 1.0)
        if loop == "fori":
            w, _, _ = lax.fori_loop(0, num_steps, lambda _, state: advance(state), state)
        else:
            (w, _, _), _ = lax.scan(
                lambda state, _: (advance(state), None), state, None, length=num_steps
            )
    elif loop == "fori":
        w = lax.fori_loop(0, num_steps, lambda _, w: descend(w), w)
    else:
        w, _ = lax.scan(lambda w, _: (descend(w), None), w, None, length=num_steps)
    if with_objective:
        return w, 0.5 * jnp.sum(jnp.square(a @ w - b)) + lam * jnp.sum(jnp.abs(w))
    return w


@family(
    "loop",
    cost="d d",
    logits="? d",
    linear="? d",
    method={"mirror": 4, "frank_wolfe": 2},
    log_space={False: 2, True: 2},
    objective={"quadratic": 3, "entropic": 2, "bilinear": 1},
    num_steps={4: 2, 6: 2, 8: 1},
    learning_rate={0.5: 2, 0.2: 1},
    decay={False: 3, True: 1},
    output={"log": 2, "value": 2, "trace": 1},
    sizes={"d": (4, 5, 6, 8)},
    only="float32",
)
def mirror_descent(
    cost,
    logits=None,
    linear=None,
    *,
    method="mirror",
    log_space=False,
    objective="quadratic",
    num_steps=6,
    learning_rate=0.5,
    decay=False,
    output="value",
):
    """Minimises a function of probabilities, which stay probabilities.

    Args:
        cost: the matrix of a quadratic form.
        logits: log-probabilities to begin with.
        linear: more costs, which are linear.
    """
    d = cost.shape[0]
    if objective == "quadratic":
        matrix = 0.5 * (cost + cost.T)
    else:
        matrix = cost @ cost.T / d
    if logits is not None:
        p = jax.nn.softmax(logits)
    else:
        p = jnp.ones(d) / d

    def value(p):
        total = 0.5 * p @ matrix @ p
        if linear is not None:
            total = total + linear @ p
        if objective == "entropic":
            total = total + 0.1 * jnp.sum(p * jnp.log(p + 1e-6))
        return total

    def step(p, i):
        grad = matrix @ p
        if linear is not None:
            grad = grad + linear
        if objective == "entropic":
            grad = grad + 0.1 * (jnp.log(p + 1e-6) + 1.0)
        if method == "frank_wolfe":
            # Move towards the best corner, chosen softly.
            corner = jax.nn.softmax(-4.0 * grad)
            share = 2.0 / (i + 3.0)
            p = (1.0 - share) * p + share * corner
        else:
            rate = learning_rate
            if decay:
                rate = learning_rate / jnp.sqrt(i + 1.0)
            if log_space:
                p = jax.nn.softmax(jnp.log(p) - rate * grad)
            else:
                p = p * jnp.exp(-rate * grad)
                p = p / jnp.sum(p)
        return p, value(p)

    p, values = lax.scan(step, p, jnp.arange(num_steps))
    if output == "trace":
        return p, values
    elif output == "log":
        return jnp.log(p + 1e-6)
    else:
        return value(p)


# ---------------------------------------------------------------- several objectives


@family(
    "branch",
    "contraction",
    "multi_statement",
    grad_a="d",
    grad_b="d",
    weights="? 2 in 0.2..2",
    method={"pcgrad": 4, "mgda": 3, "normalised": 2, "agreement": 1},
    symmetric={True: 3, False: 2},
    output={"sum": 3, "both": 2},
    form={"where": 2, "minimum": 2},
    params="? d",
    clip={None: 3, 1.0: 1},
    sizes={"d": (4, 6, 8, 12)},
)
def project_conflicts(
    grad_a,
    grad_b,
    weights=None,
    params=None,
    *,
    method="pcgrad",
    symmetric=True,
    output="sum",
    form="where",
    clip=None,
):
    """Combines the gradients of two tasks that may be in conflict.

    Args:
        grad_a: gradient of the first task.
        grad_b: gradient of the second task.
        weights: weights of both tasks.
        params: the parameters, which are updated where they are given.
    """
    if weights is not None:
        grad_a = weights[0] * grad_a
        grad_b = weights[1] * grad_b
    dot = jnp.dot(grad_a, grad_b)
    if method == "pcgrad":
        # Take away what is against the other task.
        if form == "where":
            conflict = jnp.where(dot < 0, dot, 0.0)
        else:
            conflict = jnp.minimum(dot, 0.0)
        new_a = grad_a - conflict / (jnp.dot(grad_b, grad_b) + 1e-6) * grad_b
        if symmetric:
            new_b = grad_b - conflict / (jnp.dot(grad_a, grad_a) + 1e-6) * grad_a
        else:
            new_b = grad_b
    elif method == "mgda":
        # The shortest combination.
        difference = grad_a - grad_b
        share = jnp.dot(grad_b - grad_a, grad_b) / (jnp.dot(difference, difference) + 1e-6)
        share = jnp.clip(share, 0.05, 0.95)
        new_a = share * grad_a
        new_b = (1.0 - share) * grad_b
    elif method == "normalised":
        norm_a = jnp.linalg.norm(grad_a)
        norm_b = jnp.linalg.norm(grad_b)
        target_norm = 0.5 * (norm_a + norm_b)
        new_a = grad_a * target_norm / (norm_a + 1e-6)
        new_b = grad_b * target_norm / (norm_b + 1e-6)
    else:
        agree = grad_a * grad_b > 0
        new_a = jnp.where(agree, grad_a, 0.0)
        new_b = jnp.where(agree, grad_b, 0.0)
    if params is None:
        if output == "both":
            return new_a, new_b
    total = new_a + new_b
    if clip is not None:
        total = clip_by_norm(total, clip)
    if params is not None:
        return params - 0.1 * total
    return total


@family(
    "reduction",
    "multi_statement",
    losses="n in 0.1..3",
    log_vars="? n in -1..1",
    previous="? n in 0.3..3",
    kind={"uncertainty": 4, "half": 2, "precision": 1},
    balance={None: 3, "softmax": 2, "ratio": 1},
    temperature={2.0: 2, 0.5: 1},
    output={"sum": 3, "mean": 1, "smooth_max": 1, "both": 1},
    log_losses={False: 3, True: 1},
    bounded={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8)},
    weight=5,
)
def combine_task_losses(
    losses,
    log_vars=None,
    previous=None,
    *,
    kind="uncertainty",
    balance=None,
    temperature=2.0,
    output="sum",
    log_losses=False,
    bounded=False,
):
    """Combines the losses of several tasks.

    Args:
        losses: a loss for each task.
        log_vars: learnt log variances of the tasks.
        previous: the losses of the epoch before.
    """
    if log_losses:
        losses = jnp.log(1.0 + losses)
    if log_vars is not None:
        if bounded:
            log_vars = jnp.clip(log_vars, -3.0, 3.0)
        if kind == "half":
            weighted = 0.5 * jnp.exp(-log_vars) * losses + 0.5 * log_vars
        elif kind == "precision":
            weighted = jax.nn.softplus(-log_vars) * losses + 0.1 * jnp.square(log_vars)
        else:
            weighted = jnp.exp(-log_vars) * losses + log_vars
    else:
        weighted = losses
    if previous is not None:
        # Tasks that got better count less.
        rates = losses / previous
        if balance == "softmax":
            weights = losses.shape[0] * jax.nn.softmax(rates / temperature)
        else:
            weights = rates / jnp.mean(rates)
        weighted = weights * weighted
    elif balance == "softmax":
        weighted = jax.nn.softmax(losses / temperature) * weighted
    elif balance == "ratio":
        weighted = weighted * losses / jnp.sum(losses)
    if output == "sum":
        return jnp.sum(weighted)
    elif output == "mean":
        return jnp.mean(weighted)
    elif output == "smooth_max":
        return temperature * jax.nn.logsumexp(weighted / temperature)
    else:
        return jnp.sum(weighted), weighted


@family(
    "reduction",
    params="d",
    x="n d",
    y="n",
    rho="? in 0.02..0.3",
    task={"squared": 3, "logistic": 3},
    radius={0.05: 3, 0.2: 1},
    adaptive={False: 3, True: 1},
    steps={1: 4, 2: 1},
    learning_rate={0.1: 2, 0.05: 1},
    gap={False: 3, True: 1},
    weight_decay={None: 3, 0.01: 1},
    mix={None: 4, 0.5: 1},
    sizes={"n": (5, 6, 8), "d": (4, 5, 6)},
    only="float32",
)
def sharpness_aware_step(
    params,
    x,
    y,
    rho=None,
    *,
    task="squared",
    radius=0.05,
    adaptive=False,
    steps=1,
    learning_rate=0.1,
    gap=False,
    weight_decay=None,
    mix=None,
):
    """One step by the gradient at the worst parameters nearby.

    Args:
        params: the coefficients of a linear model.
        x: features of shape (n, d).
        y: the targets.
        rho: how far the worst parameters are.
    """
    if rho is None:
        rho = radius

    def gradient(w):
        prediction = x @ w
        if task == "squared":
            error = prediction - y
        else:
            error = jax.nn.sigmoid(prediction) - jax.nn.sigmoid(4.0 * y)
        return x.T @ error / x.shape[0]

    grad = gradient(params)
    worst = params
    for _ in range(steps):
        ascent = gradient(worst)
        if adaptive:
            ascent = jnp.square(params) * ascent
        worst = worst + rho * ascent / (jnp.linalg.norm(ascent) + 1e-6)
    worst_grad = gradient(worst)
    if mix is not None:
        update = mix * grad + (1.0 - mix) * worst_grad
    else:
        update = worst_grad
    if weight_decay is not None:
        update = update + weight_decay * params
    new_params = params - learning_rate * update
    if gap:
        # How much worse it is there.
        sharpness = model_loss(worst, x, y, task) - model_loss(params, x, y, task)
        return new_params, sharpness
    return new_params
