"""Families: steps of optimisers, schedules, clipping, and small optimisation loops."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
sgd_step: sgd_step 5, sgd_update 4, sgd 1
adam_step: adam_step 5, adam_update 4, adam 1
layer_adam_step: layer_adam_step 2, adam_step 4, adam_update 3, update_layer 1
lion_step: lion_step 5, lion_update 4, lion 1
signum_step: signum_step 5, signum_update 2, signsgd_step 2
adamax_step: adamax_step 5, adamax_update 4
nadam_step: nadam_step 5, nadam_update 4
min_norm_gradient: min_norm_gradient 3, mgda 3, min_norm_point 2
rms_step: rms_step 2, rmsprop_step 4, rmsprop_update 4
adagrad_step: adagrad_step 4, adagrad_update 3, adagrad 1
accumulator: accumulator 4, accum 2, sum_sq 2
factored_step: factored_step 1, adafactor_step 5, adafactor_update 4
trust_ratio_step: lamb_step 5, lamb_update 3
muon_step: muon_step 5, muon_update 4, orthogonal_step 2
clip_gradients: clip_gradients 4, clip_grads 4
adaptive_clip: adaptive_clip 4, agc 2, unitwise_clip 2, adaptive_gradient_clip 2
learning_rate: learning_rate 6, lr 4
schedule_values: schedule_values 3, lr_curve 3, schedule 2
scheduled_step: scheduled_step 3, update_with_schedule 2, sgd_with_schedule 2
average_params: average_params 4, ema_update 5, update_ema 3
lookahead_step: lookahead_step 4, lookahead_update 3, sync_slow_weights 2
line_search: line_search 5, backtracking 3, armijo_search 3
natural_gradient_step: natural_gradient_step 5, natural_gradient 3, fisher_step 2
newton_step: newton_step 5, second_order_step 2, damped_newton 2
least_squares_step: levenberg_marquardt_step 5, lm_step 4, marquardt_step 1
train_linear_model: train_linear_model 3, fit_linear_model 3, fit 3, train 2
proximal_gradient: proximal_gradient 5, proximal_descent 3
mirror_descent: mirror_descent 3, exponentiated_gradient 4, minimize_on_simplex 2
lbfgs_direction: lbfgs_direction 5, two_loop_recursion 4, lbfgs_two_loop 2
cg_direction: cg_direction 4, conjugate_direction 3, nonlinear_cg 2
update_inverse_hessian: update_inverse_hessian 4, quasi_newton_update 4
trust_region_step: trust_region_step 4, restricted_step 1
project_conflicts: project_conflicts 2, combine_gradients 4, gradient_surgery 3
combine_task_losses: combine_task_losses 3, multi_task_loss 5
sharpness_aware_step: sharpness_aware_step 4, sam_step 6
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
weight_decay: weight_decay 7, wd 2, decay 1
direction: direction 6, search_dir 1
damping: damping 1
peak_lr: peak_lr 4, base_lr 4, max_lr 2
warmup_steps: warmup_steps 7, n_warmup 1, warmup 2
progress: progress 6, frac 2
soft_threshold: soft_threshold 6, shrink 2, prox_l1 2
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
    kind={"global_norm": 5, "norm": 2, "value": 2},
    max_norm={1.0: 3, 0.5: 2, 5.0: 1},
    with_norm=decided({False: 2, True: 2}),
    mapped=decided({False: 2, True: 2}),
    where=decided({False: 3, True: 1}),
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
    where=False,
):
    """Clips the gradients of a model, given one array for each parameter."""
    if embedding is not None:
        grads = (w, b, embedding)
    else:
        grads = (w, b)
    if kind == "value":
        if mapped:
            return jax.tree.map(lambda g: jnp.clip(g, -max_norm, max_norm), grads)
        return tuple(jnp.clip(g, -max_norm, max_norm) for g in grads)
    if kind == "norm":
        # Each array by its own norm.
        if mapped:
            return jax.tree.map(lambda g: clip_by_norm(g, max_norm), grads)
        return tuple(clip_by_norm(g, max_norm) for g in grads)
    global_norm = jnp.sqrt(sum(jnp.sum(jnp.square(g)) for g in grads))
    if where:
        scale = jnp.where(global_norm > max_norm, max_norm / global_norm, 1.0)
    else:
        scale = jnp.minimum(1.0, max_norm / (global_norm + 1e-6))
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
    where=decided({True: 3, False: 2}),
    axis={0: 3, 1: 2},
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
):
    """Adaptive gradient clipping (AGC): bounds each unit's gradient norm by that of its weights.

    Args:
        params: weights of shape (n, m).
        grads: their gradient, of the same shape.
        lr: learning rate of an SGD step with the clipped gradient.
        clipping: the largest ratio of gradient norm to weight norm.
        eps: lower bound of the weight norm, for weights that are still zero.
    """
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
        return new_params
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
        "trapezoid": 2,
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
    """SGD update with a learning rate that follows a schedule.

    Args:
        step: number of the step.
        peak_lr: the highest learning rate.
        grads: gradient of shape (n,).
        params: parameters of shape (n,); without them the update itself is returned.
        warmup_steps: number of warmup steps.
        decay_steps: number of steps of the decay after it.
        end_factor: the final learning rate, relative to the peak.
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
    elif kind == "trapezoid":
        # Warmup-stable-decay: stay at the peak, and cool down in the last fifth.
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
    peak_lr="in 0.2..1",
    kind={
        "cosine": 4,
        "linear": 2,
        "inverse_sqrt": 2,
        "exponential": 2,
        "polynomial": 2,
        "time": 1,
    },
    warmup={None: 3, 10.0: 2, 20.0: 1},
    where=decided({True: 2, False: 2}),
    floor={None: 3, 0.05: 1},
    sizes={"n": (8, 10, 12, 16, 20)},
    only="float32",
)
def schedule_values(
    steps,
    peak_lr,
    *,
    kind="cosine",
    warmup=None,
    where=True,
    floor=None,
):
    """Learning rates at an array of steps, by a schedule for a run of 100 steps."""
    progress = steps / 100.0
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
    else:
        factor = 1.0 / (1.0 + 5.0 * progress)
    if floor is not None:
        factor = floor + (1.0 - floor) * factor
    if warmup is not None:
        if where:
            factor = jnp.where(steps < warmup, steps / warmup, factor)
        else:
            factor = factor * jnp.minimum(1.0, steps / warmup)
    return peak_lr * factor


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
    clip={None: 3, "norm": 2},
    weight_decay={None: 2, 1e-4: 1, 1e-2: 1},
    decoupled={False: 3, True: 1},
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
    clip=None,
    weight_decay=None,
    decoupled=False,
):
    """One step of stochastic gradient descent.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        velocity: momentum buffer, which is returned updated after the new weights.
        learning_rate: step size.
    """
    if learning_rate is None:
        learning_rate = lr
    if clip == "norm":
        grads = clip_by_norm(grads, 1.0)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    if velocity is not None:
        velocity = momentum * velocity + grads
        if nesterov:
            return params - learning_rate * (grads + momentum * velocity), velocity
        return params - learning_rate * velocity, velocity
    return params - learning_rate * grads


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.01..1",
    nu_max="? n m in 0.01..1",
    step="in 1..50",
    learning_rate={1e-2: 2, 1e-1: 2, 0.05: 1},
    b1={0.9: 4, 0.95: 1},
    b2={0.999: 3, 0.99: 1, 0.95: 1},
    decay={None: 3, "l2": 1, "decoupled": 4},
    weight_decay={0.01: 2, 0.1: 1},
    clip={None: 3, "norm": 2, "update_rms": 1},
    eps_inside=decided({False: 4, True: 1}),
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=16,
)
def adam_step(
    params,
    grads,
    mu,
    nu,
    step,
    nu_max=None,
    *,
    learning_rate=1e-2,
    b1=0.9,
    b2=0.999,
    decay=None,
    weight_decay=0.01,
    clip=None,
    eps_inside=False,
):
    """One step of Adam.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        nu: moving average of the squared gradients.
        nu_max: elementwise maximum of the second moments so far, for AMSGrad.
        step: number of the step from 1, for bias correction.

    Returns:
        The new weights, and the updated moments.
    """
    if clip == "norm":
        grads = clip_by_norm(grads, 1.0)
    if decay == "l2":
        grads = grads + weight_decay * params
    mu = b1 * mu + (1.0 - b1) * grads
    nu = b2 * nu + (1.0 - b2) * jnp.square(grads)
    # The moments began at zero.
    mu_hat = mu / (1.0 - b1**step)
    if nu_max is not None:
        nu_max = jnp.maximum(nu_max, nu)
        nu_hat = nu_max / (1.0 - b2**step)
    else:
        nu_hat = nu / (1.0 - b2**step)
    if eps_inside:
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


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.01..1",
    step="? in 1..50",
    learning_rate={1e-3: 1, 1e-2: 2, 1e-1: 1},
    beta1={0.9: 4, 0.95: 1},
    beta2={0.999: 3, 0.99: 1},
    eps={1e-8: 3, 1e-16: 1},
    weight_decay={None: 3, "l2": 1, "decoupled": 2},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=4,
)
def adabelief_step(
    params,
    grads,
    mu,
    nu,
    step=None,
    *,
    learning_rate=1e-2,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=None,
):
    """One step of AdaBelief.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        nu: moving average of the squared deviations of the gradients.
        step: number of the step from 1, for bias correction.

    Returns:
        The new weights and both moments.
    """
    if weight_decay == "l2":
        grads = grads + 0.01 * params
    mu = beta1 * mu + (1.0 - beta1) * grads
    # The spread of the gradient around its average, its "belief".
    nu = beta2 * nu + (1.0 - beta2) * jnp.square(grads - mu)
    if step is not None:
        mu_hat = mu / (1.0 - beta1**step)
        nu_hat = nu / (1.0 - beta2**step)
        updates = mu_hat / (jnp.sqrt(nu_hat) + eps)
    else:
        updates = mu / (jnp.sqrt(nu) + eps)
    if weight_decay == "decoupled":
        updates = updates + 0.01 * params
    return params - learning_rate * updates, mu, nu


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.01..1",
    step="? in 1..50",
    learning_rate={1e-3: 1, 1e-2: 2, 1e-1: 1},
    beta1={0.9: 4, 0.95: 1},
    beta2={0.999: 3, 0.99: 1},
    eps={1e-3: 3, 1e-8: 1},
    weight_decay={None: 3, "l2": 1, "decoupled": 2},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=4,
)
def yogi_step(
    params,
    grads,
    mu,
    nu,
    step=None,
    *,
    learning_rate=1e-2,
    beta1=0.9,
    beta2=0.999,
    eps=0.001,
    weight_decay=None,
):
    """One step of Yogi, whose second moment changes additively.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        nu: second moment of the gradients.
        step: number of the step from 1, for bias correction.

    Returns:
        The new weights and both moments.
    """
    if weight_decay == "l2":
        grads = grads + 0.01 * params
    mu = beta1 * mu + (1.0 - beta1) * grads
    # Yogi: additive updates, so that nu changes slowly.
    squared = jnp.square(grads)
    nu = nu - (1.0 - beta2) * jnp.sign(nu - squared) * squared
    if step is not None:
        mu_hat = mu / (1.0 - beta1**step)
        nu_hat = nu / (1.0 - beta2**step)
        updates = mu_hat / (jnp.sqrt(nu_hat) + eps)
    else:
        updates = mu / (jnp.sqrt(nu) + eps)
    if weight_decay == "decoupled":
        updates = updates + 0.01 * params
    return params - learning_rate * updates, mu, nu


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    nu="n m in 0.01..1",
    step="in 1..50",
    learning_rate={2e-3: 2, 1e-2: 2},
    beta1={0.9: 4, 0.95: 1},
    beta2={0.999: 3, 0.99: 1},
    clip={None: 3, 1.0: 1},
    weight_decay={None: 3, 0.01: 2},
    decoupled={False: 1, True: 1},
    exact=decided({False: 1, True: 1}),
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=4,
)
def nadam_step(
    params,
    grads,
    mu,
    nu,
    step,
    *,
    learning_rate=2e-3,
    beta1=0.9,
    beta2=0.999,
    clip=None,
    weight_decay=None,
    decoupled=False,
    exact=False,
):
    """One step of NAdam, which is Adam with Nesterov momentum.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        nu: moving average of the squared gradients.
        step: number of the step, from 1.
    """
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    mu = beta1 * mu + (1.0 - beta1) * grads
    nu = beta2 * nu + (1.0 - beta2) * jnp.square(grads)
    if exact:
        # The next step's momentum has one more factor of beta1.
        mu_hat = beta1 * mu / (1.0 - beta1 ** (step + 1.0))
        mu_hat = mu_hat + (1.0 - beta1) * grads / (1.0 - beta1**step)
    else:
        lookahead = beta1 * mu + (1.0 - beta1) * grads
        mu_hat = lookahead / (1.0 - beta1**step)
    nu_hat = nu / (1.0 - beta2**step)
    params = params - learning_rate * mu_hat / (jnp.sqrt(nu_hat) + 1e-8)
    return params, mu, nu


@family(
    "multi_statement",
    params="n m",
    grads="n m in -1..1",
    mu="n m in -0.5..0.5",
    inf_norm="n m in 0.01..1",
    step="? in 1..50",
    learning_rate={2e-3: 2, 1e-2: 2},
    beta1={0.9: 4, 0.95: 1},
    beta2={0.999: 3, 0.99: 1},
    clip={None: 3, 1.0: 1},
    weight_decay={None: 3, 0.01: 2},
    decoupled={False: 1, True: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    weight=4,
)
def adamax_step(
    params,
    grads,
    mu,
    inf_norm,
    step=None,
    *,
    learning_rate=2e-3,
    beta1=0.9,
    beta2=0.999,
    clip=None,
    weight_decay=None,
    decoupled=False,
):
    """One step of AdaMax, which is Adam with an infinity norm in place of the second moment.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        inf_norm: exponentially weighted infinity norm of the gradients.
        step: number of the step from 1, for bias correction.
    """
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    mu = beta1 * mu + (1.0 - beta1) * grads
    inf_norm = jnp.maximum(beta2 * inf_norm, jnp.abs(grads))
    if step is not None:
        # The infinity norm needs no bias correction.
        step_size = learning_rate / (1.0 - beta1**step)
    else:
        step_size = learning_rate
    params = params - step_size * mu / (inf_norm + 1e-8)
    return params, mu, inf_norm


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
    step="in 1..50",
    learning_rate={1e-2: 2, 1e-1: 2, 0.05: 1},
    clip={None: 2, 1.0: 2, 0.5: 1},
    weight_decay={None: 2, 0.01: 2},
    mapped=decided({False: 3, True: 2}),
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
    step,
    *,
    learning_rate=1e-2,
    clip=None,
    weight_decay=None,
    mapped=False,
):
    """One step of Adam for the weights and biases of a dense layer."""
    if clip is not None:
        norm = jnp.sqrt(jnp.sum(jnp.square(grad_w)) + jnp.sum(jnp.square(grad_b)))
        scale = jnp.minimum(1.0, clip / (norm + 1e-6))
        grad_w = grad_w * scale
        grad_b = grad_b * scale
    mu_w, nu_w = update_moments(grad_w, mu_w, nu_w)
    mu_b, nu_b = update_moments(grad_b, mu_b, nu_b)
    m_w = bias_correction(mu_w, 0.9, step)
    m_b = bias_correction(mu_b, 0.9, step)
    v_w = bias_correction(nu_w, 0.999, step)
    v_b = bias_correction(nu_b, 0.999, step)
    if mapped:
        update_w, update_b = jax.tree.map(
            lambda m, v: m / (jnp.sqrt(v) + 1e-8), (m_w, m_b), (v_w, v_b)
        )
    else:
        update_w = m_w / (jnp.sqrt(v_w) + 1e-8)
        update_b = m_b / (jnp.sqrt(v_b) + 1e-8)
    if weight_decay is not None:
        # Biases are not decayed.
        update_w = update_w + weight_decay * w
    new_w = w - learning_rate * update_w
    new_b = b - learning_rate * update_b
    return new_w, new_b, mu_w, mu_b, nu_w, nu_b


@family(
    "multi_statement",
    params="n m",
    grads="n m",
    mu="n m in -1..1",
    learning_rate="? in 0.01..0.2",
    lr={0.01: 2, 0.003: 1, 0.1: 1},
    b1={0.9: 4, 0.95: 1},
    b2={0.99: 3, 0.98: 1},
    weight_decay={None: 2, 0.1: 2, 0.01: 1},
    cautious={False: 3, True: 1},
    clip={None: 3, 1.0: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
)
def lion_step(
    params,
    grads,
    mu,
    learning_rate=None,
    *,
    lr=0.01,
    b1=0.9,
    b2=0.99,
    weight_decay=None,
    cautious=False,
    clip=None,
):
    """One step of Lion: the sign of an interpolation of momentum and gradient.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        mu: momentum buffer.
        learning_rate: step size.
    """
    if learning_rate is None:
        learning_rate = lr
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    blend = b1 * mu + (1.0 - b1) * grads
    updates = jnp.sign(blend)
    new_mu = b2 * mu + (1.0 - b2) * grads
    if cautious:
        # Cautious: only where the gradient agrees.
        agrees = (updates * grads > 0).astype(updates.dtype)
        updates = updates * agrees / jnp.maximum(jnp.mean(agrees), 0.1)
    if weight_decay is not None:
        updates = updates + weight_decay * params
    return params - learning_rate * updates, new_mu


@family(
    "multi_statement",
    params="n m",
    grads="n m",
    velocity="n m in -1..1",
    learning_rate="? in 0.01..0.2",
    lr={0.01: 2, 0.003: 1, 0.1: 1},
    momentum={0.9: 4, 0.95: 1},
    dampened=decided({True: 2, False: 2}),
    weight_decay={None: 2, 0.1: 1, 0.01: 2},
    decoupled={False: 1, True: 2},
    clip={None: 3, 1.0: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    weight=4,
)
def signum_step(
    params,
    grads,
    velocity,
    learning_rate=None,
    *,
    lr=0.01,
    momentum=0.9,
    dampened=True,
    weight_decay=None,
    decoupled=True,
    clip=None,
):
    """One step of Signum, which is signSGD with momentum.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        velocity: momentum buffer.
        learning_rate: size of the step of every weight.
    """
    if learning_rate is None:
        learning_rate = lr
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    if dampened:
        velocity = momentum * velocity + (1.0 - momentum) * grads
    else:
        velocity = momentum * velocity + grads
    return params - learning_rate * jnp.sign(velocity), velocity


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
    eps_inside=decided({True: 2, False: 2}),
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
    eps_inside=False,
    momentum=0.9,
    nesterov=False,
    weight_decay=None,
):
    """One step of RMSprop.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        nu: moving average of the squared gradients.
        mean_grad: moving average of the gradients, for the centred variant.
        velocity: momentum buffer of the scaled gradients.
        learning_rate: step size.
    """
    if learning_rate is None:
        learning_rate = lr
    if weight_decay is not None:
        grads = grads + weight_decay * params
    nu = decay * nu + (1.0 - decay) * jnp.square(grads)
    if mean_grad is not None:
        mean_grad = decay * mean_grad + (1.0 - decay) * grads
        # The variance of the gradients instead of their second moment.
        variance = jnp.maximum(nu - jnp.square(mean_grad), 0.01)
        if eps_inside:
            updates = grads * jax.lax.rsqrt(variance + eps)
        else:
            updates = grads / (jnp.sqrt(variance) + eps)
    elif eps_inside:
        updates = grads * jax.lax.rsqrt(nu + eps)
    else:
        updates = grads / (jnp.sqrt(nu) + eps)
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
    learning_rate={0.1: 3, 0.5: 1, 0.01: 1},
    eps={1e-7: 2, 1e-3: 1},
    clip={None: 3, 1.0: 1},
    weight_decay={None: 3, 0.01: 1},
    lr_decay={0.01: 2, 0.1: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
    decoupled={False: 2, True: 1},
    eps_inside=decided({False: 2, True: 2}),
)
def adagrad_step(
    params,
    grads,
    accumulator,
    step=None,
    *,
    learning_rate=0.1,
    eps=1e-7,
    clip=None,
    weight_decay=None,
    lr_decay=0.01,
    decoupled=False,
    eps_inside=False,
):
    """One step of Adagrad.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        accumulator: sum of the squared gradients so far.
        step: number of the step from 1, with which the learning rate decays.
    """
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    if weight_decay is not None:
        if decoupled:
            params = params * (1.0 - learning_rate * weight_decay)
        else:
            grads = grads + weight_decay * params
    accumulator = accumulator + jnp.square(grads)
    if step is not None:
        rate = learning_rate / (1.0 + (step - 1.0) * lr_decay)
    else:
        rate = learning_rate
    if eps_inside:
        scale = rate * jax.lax.rsqrt(accumulator + eps)
    else:
        scale = rate / (jnp.sqrt(accumulator) + eps)
    new_params = params - scale * grads
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
    use_einsum=decided({False: 2, True: 1}),
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
    """One step of Adafactor, whose second moment is factored into rows and columns.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        row_moment: moving average of the squared gradients of each row.
        col_moment: moving average of the squared gradients of each column.
        mu: momentum of the updates.
        step: number of the step from 1; the decay of the averages grows with it.
        decay: decay of the averages, or the exponent by which it grows.
    """
    squared = jnp.square(grads) + 1e-8
    if step is not None:
        # The averages reach further back as training goes on.
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
        # The step size is relative to the scale of the parameters.
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
    """Ratio of the norm of the parameters to that of their update."""
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
    step="in 1..50",
    learning_rate={0.01: 2, 0.1: 2},
    bounds={None: 3, 10.0: 2},
    weight_decay={None: 1, 0.01: 3, 0.1: 1},
    clip={None: 3, 1.0: 1},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def trust_ratio_step(
    params,
    grads,
    mu,
    nu,
    step,
    *,
    learning_rate=0.01,
    bounds=None,
    weight_decay=0.01,
    clip=None,
):
    """One step of LAMB: Adam with a layerwise trust ratio.

    Args:
        params: weights of one layer, of shape (n, m).
        grads: gradient of the loss by them.
        mu: moving average of the gradients.
        nu: moving average of the squared gradients.
        step: number of the step from 1, for bias correction.
    """
    if clip is not None:
        grads = clip_by_norm(grads, clip)
    mu, nu = update_moments(grads, mu, nu)
    mu_hat, nu_hat = mu, nu
    mu_hat = bias_correction(mu, 0.9, step)
    nu_hat = bias_correction(nu, 0.999, step)
    updates = mu_hat / (jnp.sqrt(nu_hat) + 1e-6)
    if weight_decay is not None:
        updates = updates + weight_decay * params
    if bounds is not None:
        ratio = trust_ratio(params, updates, 0.1, bounds)
    else:
        ratio = trust_ratio(params, updates)
    new_params = params - learning_rate * ratio * updates
    return new_params, mu, nu


@family(
    "multi_statement",
    "loop",
    "contraction",
    params="n m",
    grads="n m",
    velocity="n m in -0.5..0.5",
    learning_rate="? in 0.01..0.2",
    lr={0.02: 2, 0.1: 1},
    num_steps={2: 1, 3: 2, 5: 1},
    loop=decided({"python": 3, "fori": 2, "scan": 1}),
    coefficients={"quintic": 3, "cubic": 2},
    nesterov={True: 2, False: 2},
    scaling={"shape": 2, "rms": 2},
    weight_decay={None: 3, 0.1: 1},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6)},
    only="float32",
)
def muon_step(
    params,
    grads,
    velocity,
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
    """One step of Muon: momentum that is orthogonalised by Newton-Schulz iterations.

    Args:
        params: weights of shape (n, m).
        grads: gradient of the loss by them.
        velocity: momentum buffer.
        learning_rate: step size.
        num_steps: number of Newton-Schulz iterations.
    """
    if learning_rate is None:
        learning_rate = lr
    velocity = 0.95 * velocity + grads
    if nesterov:
        updates = grads + 0.95 * velocity
    else:
        updates = velocity

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
    return new_params, velocity


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
    decay={0.99: 2, 0.999: 2, 0.9: 1},
    ramp={"min": 3, "power": 1},
    delta_form=decided({False: 2, True: 2}),
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
    only="float32",
)
def average_params(
    average,
    params,
    step=None,
    decay_rate=None,
    *,
    decay=0.99,
    ramp="min",
    delta_form=False,
):
    """Exponential moving average of the parameters.

    Args:
        average: the average so far, of shape (n, m).
        params: the parameters after this step.
        step: number of the step, by which the decay is ramped up.
        decay_rate: share of the average that stays.
    """
    if decay_rate is None:
        decay_rate = decay
    if step is not None:
        # The average follows faster at first.
        if ramp == "min":
            decay_rate = jnp.minimum(decay_rate, (1.0 + step) / (10.0 + step))
        else:
            decay_rate = decay_rate * (1.0 - jnp.exp(-step / 20.0))
    if delta_form:
        new_average = average + (1.0 - decay_rate) * (params - average)
    else:
        new_average = decay_rate * average + (1.0 - decay_rate) * params
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
    reset={"keep": 2, "zero": 1},
    cond=decided({"where": 3, "cond": 2}),
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
    """One step of Lookahead: the slow weights follow the fast ones every few steps.

    Args:
        fast: weights that the inner optimiser moves.
        slow: weights that follow them.
        grads: gradient of the loss at the fast weights.
        step: number of the step, from 0.
        velocity: momentum of the inner optimiser.
        alpha: share of the way that the slow weights go.
        period: number of steps between two synchronisations.
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
    step_rule={"fixed": 3, "kl": 3},
    num_steps={4: 2, 6: 1},
    step_size={0.1: 2, 0.5: 1},
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
    step_rule="fixed",
    num_steps=4,
    step_size=0.1,
):
    """One step of natural gradient descent, with the empirical Fisher matrix.

    Args:
        params: parameters of shape (d,).
        per_example_grads: gradient of each example's log-likelihood loss, of shape (n, d).
        advantages: weight of each example's gradient.
        damping: Tikhonov damping of the Fisher matrix.
    """
    if damping is None:
        damping = lam
    n = per_example_grads.shape[0]
    if advantages is not None:
        gradient = per_example_grads.T @ advantages / n
    else:
        gradient = jnp.mean(per_example_grads, axis=0)
    if method == "diagonal":
        fisher = jnp.mean(jnp.square(per_example_grads), axis=0)
        direction = gradient / (fisher + damping)
    elif method == "cg":

        def fisher_product(v):
            return per_example_grads.T @ (per_example_grads @ v) / n + damping * v

        direction = conjugate_gradient(fisher_product, gradient, num_steps)
    elif method == "inner":
        # The Woodbury identity: solve an (n, n) system instead of a (d, d) one.
        kernel = per_example_grads @ per_example_grads.T / n + damping * jnp.eye(n)
        inside = jnp.linalg.solve(kernel, per_example_grads @ gradient) / n
        direction = (gradient - per_example_grads.T @ inside) / damping
    else:
        fisher = per_example_grads.T @ per_example_grads / n + damping * jnp.eye(
            per_example_grads.shape[1]
        )
        if method == "cholesky":
            factor = jax.scipy.linalg.cho_factor(fisher)
            direction = jax.scipy.linalg.cho_solve(factor, gradient)
        else:
            direction = jnp.linalg.solve(fisher, gradient)
    if step_rule == "kl":
        # The step size is the KL divergence between the old and new distributions.
        rate = jnp.sqrt(step_size / (0.5 * gradient @ direction + 1e-6))
    else:
        rate = step_size
    return params - rate * direction


@family(
    "compound",
    params="d",
    x="n d",
    y="n in 0..1",
    sample_weight="? n in 0.3..2",
    damping="? in 0.1..2",
    lam={0.1: 2, 0.5: 1},
    task={"logistic": 4, "poisson": 2, "squared": 2},
    method={"solve": 3, "cholesky": 2, "inverse": 1},
    ridge={None: 2, 0.1: 2},
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
):
    """One step of Newton's method for a generalised linear model.

    Args:
        params: coefficients of shape (d,).
        x: features of shape (n, d).
        y: responses of shape (n,).
        sample_weight: weight of each row.
        damping: Levenberg damping of the Hessian.
    """
    if damping is None:
        damping = lam
    n, d = x.shape
    eta = x @ params
    if task == "logistic":
        mean = jax.nn.sigmoid(eta)
        error = mean - y
        curvature = mean * (1.0 - mean)
    elif task == "poisson":
        mean = jnp.exp(jnp.clip(eta, -4.0, 4.0))
        error = mean - y
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
    return params - direction


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
    matrix=decided({True: 2, False: 2}),
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
):
    """One Levenberg-Marquardt step for the fit of a curve with two parameters.

    Args:
        a: first parameter of the curve.
        b: second parameter of the curve.
        t: where the curve was measured.
        y: measured values.
        damping: the damping factor, usually called lambda.
        sigma: standard deviation of each measurement.
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

    # Derivatives of the curve by both parameters.
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
        # Marquardt: damping relative to the diagonal.
        n_aa = n_aa * (1.0 + damping)
        n_bb = n_bb * (1.0 + damping)
    else:
        n_aa = n_aa + damping
        n_bb = n_bb + damping
    determinant = n_aa * n_bb - n_ab * n_ab
    # Cramer's rule for the two normal equations.
    new_a = a - (n_bb * g_a - n_ab * g_b) / determinant
    new_b = b - (n_aa * g_b - n_ab * g_a) / determinant
    return new_a, new_b


@family(
    "loop",
    "reduction",
    gradient="d",
    s="k d",
    y="k d",
    loop=decided({"python": 3, "scan": 3}),
    initial={"gamma": 4, "identity": 2},
    inverse_diagonal="? d in 0.3..2",
    num_pairs=(Code("k"),),
    sizes={"d": (4, 5, 6, 8), "k": (2, 3, 4)},
    only="float32",
)
def lbfgs_direction(
    gradient,
    s,
    y,
    inverse_diagonal=None,
    *,
    loop="python",
    initial="gamma",
    num_pairs=3,
):
    """Search direction of L-BFGS, by the two-loop recursion.

    Args:
        gradient: gradient at the current point, of shape (d,).
        s: differences of the last k iterates, oldest first.
        y: differences of their gradients, in the same order.
        inverse_diagonal: diagonal of the initial inverse Hessian.
    """
    sy = jnp.sum(s * y, axis=1)
    # Damp the pairs so that their curvature is positive.
    ss = jnp.sum(jnp.square(s), axis=1)
    y = y + jax.nn.relu(1.0 - sy / ss)[:, None] * s
    rho = 1.0 / jnp.maximum(sy, ss)
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
    if inverse_diagonal is not None:
        r = inverse_diagonal * q
    elif initial == "gamma":
        gamma = jnp.dot(s[-1], y[-1]) / jnp.dot(y[-1], y[-1])
        r = gamma * q
    else:
        r = q
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
    return -r


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
    },
    restart={None: 2, "non_negative": 3, "powell": 1, "descent": 2},
    eps={1e-1: 1, 1e-2: 1},
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
    eps=1e-2,
):
    """Next search direction of the nonlinear conjugate gradient method."""
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
        denominator = jnp.sum(prev_direction * change, axis=-1, keepdims=True)
    else:
        numerator = jnp.sum(grad * z, axis=-1, keepdims=True)
        denominator = jnp.sum(prev_direction * change, axis=-1, keepdims=True)
    # The denominator is positive after a line search with the Wolfe conditions.
    beta = numerator / jnp.maximum(denominator, eps)
    if restart == "non_negative":
        beta = jax.nn.relu(beta)
    elif restart == "powell":
        # Restart where successive gradients are far from orthogonal.
        overlap = jnp.abs(jnp.sum(grad * prev_grad, axis=-1, keepdims=True))
        size = jnp.sum(jnp.square(grad), axis=-1, keepdims=True)
        beta = jnp.where(overlap >= 0.2 * size, 0.0, beta)
    direction = -z + beta * prev_direction
    if restart == "descent":
        slope = jnp.sum(direction * grad, axis=-1, keepdims=True)
        direction = jnp.where(slope < 0, direction, -z)
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
    form=decided({"product": 2, "expanded": 2}),
    skip={False: 2, True: 2},
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
    curvature_floor=0.1,
):
    """Quasi-Newton update of the inverse Hessian.

    Args:
        h: approximate inverse Hessian of shape (d, d).
        s: the last step, of shape (d,).
        y: change of the gradient in this step.
        gradient: current gradient; the next search direction is returned for it.
    """
    curvature = jnp.dot(s, y)
    # The curvature condition s @ y > 0 holds after a Wolfe line search.
    safe = jnp.maximum(curvature, curvature_floor)
    hy = h @ y
    if rule == "bfgs":
        if form == "product":
            left = jnp.eye(s.shape[0]) - jnp.outer(s, y) / safe
            new_h = left @ h @ left.T + jnp.outer(s, s) / safe
        else:
            factor = (1.0 + jnp.dot(y, hy) / safe) / safe
            cross = jnp.outer(hy, s)
            new_h = h + factor * jnp.outer(s, s) - (cross + cross.T) / safe
    elif rule == "dfp":
        denominator = jnp.maximum(jnp.dot(y, hy), curvature_floor)
        new_h = h + jnp.outer(s, s) / safe - jnp.outer(hy, hy) / denominator
    elif rule == "sr1":
        error = s - hy
        denominator = jnp.dot(error, y)
        denominator = jnp.where(jnp.abs(denominator) < 0.5, 0.5, denominator)
        new_h = h + jnp.outer(error, error) / denominator
    else:
        sh = s @ h
        denominator = jnp.maximum(jnp.dot(sh, y), curvature_floor)
        new_h = h + jnp.outer(s - hy, sh) / denominator
    if skip:
        # Negative curvature would make it indefinite.
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
    kind={"dogleg": 4, "cauchy": 2, "double_dogleg": 2},
    method=decided({"where": 3, "cond": 2, "select": 1}),
    damping={None: 3, 0.1: 2, 0.5: 1},
    sizes={"d": (4, 5, 6, 8)},
    only="float32",
)
def trust_region_step(
    gradient,
    curvatures,
    radius,
    low_rank=None,
    *,
    kind="dogleg",
    method="where",
    damping=None,
):
    """Step of a trust-region method, by a quadratic model of the objective.

    Args:
        gradient: gradient of shape (d,).
        curvatures: diagonal of the Hessian.
        radius: radius of the trust region.
        low_rank: vector v of a rank-one term v v^T of the Hessian.
    """
    if damping is not None:
        curvatures = curvatures + damping

    def hessian_product(v):
        if low_rank is not None:
            return curvatures * v + low_rank * (low_rank @ v)
        return curvatures * v

    curvature = gradient @ hessian_product(gradient)
    cauchy = -(gradient @ gradient) / curvature * gradient
    cauchy_norm = jnp.linalg.norm(cauchy)
    short = cauchy * (radius / cauchy_norm)
    if kind == "cauchy":
        step = jnp.where(cauchy_norm <= radius, cauchy, short)
    else:
        newton = -gradient / curvatures
        if low_rank is not None:
            # The Sherman-Morrison formula.
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
    return step


# ---------------------------------------------------------------- loops


def gradient_of(params, x, y, task="squared", sample_weight=None):
    """Gradient of the mean loss of a linear model."""
    prediction = x @ params
    if task == "squared":
        error = prediction - y
    else:
        error = jax.nn.sigmoid(prediction) - y
    if sample_weight is not None:
        error = sample_weight * error
    return x.T @ error / x.shape[0]


@family(
    "loop",
    "reduction",
    params="d",
    x="n d",
    y="n in 0..1",
    preconditioner="? d in 0.3..2",
    sample_weight="? n in 0.3..2",
    c1={1e-4: 2, 0.1: 2, 0.3: 1},
    shrink={0.5: 4, 0.7: 1},
    num_trials={4: 2, 6: 2, 8: 1},
    task={"squared": 3, "logistic": 3},
    method=decided({"vmap": 3, "fori": 2, "scan": 2}),
    initial_step={1.0: 2, 2.0: 1, 4.0: 1},
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
    initial_step=1.0,
    ridge=None,
):
    """One step of gradient descent on a linear model, with backtracking (Armijo) line search.

    Args:
        params: coefficients of shape (d,).
        x: features of shape (n, d).
        y: targets of shape (n,).
        preconditioner: diagonal of an approximate inverse Hessian.
        sample_weight: weight of each row.
        c1: fraction of the predicted decrease that is sufficient.
        shrink: factor by which the step is shortened.
    """

    def objective(w):
        prediction = x @ w
        if task == "squared":
            loss = 0.5 * jnp.square(prediction - y)
        else:
            loss = jax.nn.softplus(prediction) - y * prediction
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
    return params + step * direction


@family(
    "loop",
    params="d in -1..1",
    x="n d",
    y="n in 0..1",
    learning_rate="? in 0.02..0.2",
    sample_weight="? n in 0.3..2",
    lr={0.1: 3, 0.05: 1},
    task={"squared": 3, "logistic": 3, "poisson": 1, "huber": 1},
    optimizer={"sgd": 3, "momentum": 3, "nesterov": 2, "adam": 2, "rmsprop": 1},
    penalty={None: 3, "l2": 2, "l1": 1},
    num_steps={4: 2, 6: 2, 8: 1},
    decay={None: 3, "sqrt": 1, "linear": 1},
    history={None: 3, "average": 1},
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
    """Fits a linear model by full-batch gradient descent.

    Args:
        params: initial coefficients, of shape (d,).
        x: features of shape (n, d).
        y: targets of shape (n,).
        learning_rate: step size.
        sample_weight: weight of each row.
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
            error = jnp.exp(jnp.clip(prediction, -3.0, 3.0)) - y
        else:
            error = jax.nn.sigmoid(prediction) - y
        if sample_weight is not None:
            error = sample_weight * error
        grad = x.T @ error / n
        if penalty == "l2":
            grad = grad + 0.1 * w
        elif penalty == "l1":
            grad = grad + 0.05 * jnp.sign(w)
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
        if history is None:
            return carry, None
        return carry, w

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
    # Polyak-Ruppert averaging.
    return jnp.mean(trace, axis=0)


def soft_threshold(x, threshold):
    """Proximal operator of the L1 norm."""
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
    loop=decided({"fori": 3, "scan": 3}),
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
    restart=False,
):
    """Regularised least squares by the proximal gradient method.

    Args:
        a: design matrix of shape (n, d).
        b: targets of shape (n,).
        w: initial coefficients.
        step_size: step size.
        lam: strength of the regulariser.
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
            # Adaptive restart of the momentum.
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
    return w


@family(
    "loop",
    cost="d d",
    logits="? d",
    linear="? d",
    log_space=decided({False: 2, True: 2}),
    objective={"quadratic": 3, "entropic": 2},
    num_steps={4: 2, 6: 2, 8: 1},
    learning_rate={0.5: 2, 0.2: 1},
    decay={False: 3, True: 1},
    trace=decided({False: 2, True: 1}),
    sizes={"d": (4, 5, 6, 8)},
    only="float32",
)
def mirror_descent(
    cost,
    logits=None,
    linear=None,
    *,
    log_space=False,
    objective="quadratic",
    num_steps=6,
    learning_rate=0.5,
    decay=False,
    trace=False,
):
    """Minimises a quadratic form on the probability simplex, by exponentiated gradient descent.

    Args:
        cost: matrix of the quadratic form, of shape (d, d).
        logits: logits of the initial point; without them it is uniform.
        linear: coefficients of a linear cost that is added.

    Returns:
        The minimiser, and the objective at the end or after each step.
    """
    d = cost.shape[0]
    matrix = 0.5 * (cost + cost.T)
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
    if trace:
        return p, values
    return p, value(p)


# ---------------------------------------------------------------- several objectives


@family(
    "branch",
    "contraction",
    "multi_statement",
    grad_a="d",
    grad_b="d",
    weights="? 2 in 0.2..2",
    symmetric={True: 3, False: 2},
    output=decided({"sum": 3, "both": 2}),
    form=decided({"where": 2, "minimum": 2}),
    params="? d",
    sizes={"d": (4, 6, 8, 12)},
)
def project_conflicts(
    grad_a,
    grad_b,
    weights=None,
    params=None,
    *,
    symmetric=True,
    output="sum",
    form="where",
):
    """PCGrad: removes from the gradients of two tasks what conflicts with the other task.

    Args:
        grad_a: gradient of the first task, of shape (d,).
        grad_b: gradient of the second task.
        weights: weights of both tasks.
        params: parameters of shape (d,); they are updated by the sum of both gradients.
    """
    if weights is not None:
        grad_a = weights[0] * grad_a
        grad_b = weights[1] * grad_b
    dot = jnp.dot(grad_a, grad_b)
    # Project each gradient onto the normal plane of the other, if they conflict.
    if form == "where":
        conflict = jnp.where(dot < 0, dot, 0.0)
    else:
        conflict = jnp.minimum(dot, 0.0)
    new_a = grad_a - conflict / (jnp.dot(grad_b, grad_b) + 1e-6) * grad_b
    if symmetric:
        new_b = grad_b - conflict / (jnp.dot(grad_a, grad_a) + 1e-6) * grad_a
    else:
        new_b = grad_b
    if params is None:
        if output == "both":
            return new_a, new_b
    total = new_a + new_b
    if params is not None:
        return params - 0.1 * total
    return total


@family(
    "branch",
    "contraction",
    "multi_statement",
    grad_a="d",
    grad_b="d",
    params="? d",
    normalise={None: 3, "l2": 2},
    form=decided({"clip": 2, "where": 2}),
    learning_rate={0.1: 2, 0.05: 1},
    with_weight=decided({False: 3, True: 1}),
    sizes={"d": (4, 6, 8, 12)},
    weight=4,
)
def min_norm_gradient(
    grad_a,
    grad_b,
    params=None,
    *,
    normalise=None,
    form="clip",
    learning_rate=0.1,
    with_weight=False,
):
    """MGDA for two tasks: the convex combination of their gradients with the least norm.

    Args:
        grad_a: gradient of the first task, of shape (d,).
        grad_b: gradient of the second task.
        params: shared parameters, which are updated where they are given.
    """
    if normalise == "l2":
        grad_a = grad_a / (jnp.linalg.norm(grad_a) + 1e-6)
        grad_b = grad_b / (jnp.linalg.norm(grad_b) + 1e-6)
    aa = jnp.dot(grad_a, grad_a)
    ab = jnp.dot(grad_a, grad_b)
    bb = jnp.dot(grad_b, grad_b)
    weight = (bb - ab) / (aa + bb - 2.0 * ab + 1e-6)
    if form == "clip":
        weight = jnp.clip(weight, 0.0, 1.0)
    else:
        # One gradient alone, where it is the shortest vector.
        weight = jnp.where(ab >= aa, 1.0, jnp.where(ab >= bb, 0.0, weight))
    combined = weight * grad_a + (1.0 - weight) * grad_b
    if params is not None:
        combined = params - learning_rate * combined
    if with_weight:
        return combined, weight
    return combined


@family(
    "reduction",
    "multi_statement",
    losses="b n in 0.1..3",
    log_vars="n in -1..1",
    mask="? b n bool",
    kind={"exp": 4, "half": 2, "softplus": 1},
    with_terms=decided({False: 3, True: 1}),
    reduction=decided({"sum": 3, "mean": 1}),
    sizes={"n": (4, 5, 6, 8), "b": (2, 4, 8)},
    weight=5,
)
def combine_task_losses(
    losses, log_vars, mask=None, *, kind="exp", with_terms=False, reduction="sum"
):
    """Multi-task loss with homoscedastic uncertainty weighting (Kendall et al.).

    Args:
        losses: loss of each example and task, of shape (batch, tasks).
        log_vars: learnt log-variance of each task.
        mask: where an example has a label for a task.
    """
    if mask is not None:
        losses = jnp.where(mask, losses, 0.0)
        task_losses = jnp.sum(losses, axis=0) / jnp.maximum(jnp.sum(mask, axis=0), 1)
    else:
        task_losses = jnp.mean(losses, axis=0)
    if kind == "half":
        # Regression with a Gaussian likelihood.
        weighted = 0.5 * jnp.exp(-log_vars) * task_losses + 0.5 * log_vars
    elif kind == "softplus":
        # A regulariser that keeps the loss positive.
        weighted = jnp.exp(-log_vars) * task_losses + jax.nn.softplus(log_vars)
    else:
        weighted = jnp.exp(-log_vars) * task_losses + log_vars
    if reduction == "mean":
        total = jnp.mean(weighted)
    else:
        total = jnp.sum(weighted)
    if with_terms:
        return total, weighted
    return total


@family(
    "reduction",
    "multi_statement",
    losses="b n in 0.1..3",
    previous="n in 0.3..3",
    before_previous="n in 0.3..3",
    mask="? b n bool",
    temperature={2.0: 3, 1.0: 1},
    with_weights=decided({False: 3, True: 1}),
    spelled=decided({"softmax": 3, "exp": 1}),
    sizes={"n": (4, 5, 6, 8), "b": (2, 4, 8)},
    weight=4,
)
def dynamic_weight_average(
    losses,
    previous,
    before_previous,
    mask=None,
    *,
    temperature=2.0,
    with_weights=False,
    spelled="softmax",
):
    """Multi-task loss with dynamic weight averaging: tasks that improve slowly count more.

    Args:
        losses: loss of each example and task, of shape (batch, tasks).
        previous: mean loss of each task in the last epoch.
        before_previous: mean loss of each task in the epoch before that.
        mask: where an example has a label for a task.
    """
    num_tasks = losses.shape[-1]
    rates = previous / before_previous
    if spelled == "softmax":
        weights = num_tasks * jax.nn.softmax(rates / temperature)
    else:
        scores = jnp.exp(rates / temperature)
        weights = num_tasks * scores / jnp.sum(scores)
    if mask is not None:
        losses = jnp.where(mask, losses, 0.0)
        task_losses = jnp.sum(losses, axis=0) / jnp.maximum(jnp.sum(mask, axis=0), 1)
    else:
        task_losses = jnp.mean(losses, axis=0)
    total = jnp.sum(weights * task_losses)
    if with_weights:
        return total, weights
    return total


@family(
    "reduction",
    params="d",
    x="n d",
    y="n in 0..1",
    rho="? in 0.02..0.3",
    task={"squared": 3, "logistic": 3},
    radius={0.05: 3, 0.2: 1},
    adaptive={False: 3, True: 1},
    normalise={True: 3, False: 1},
    learning_rate={0.1: 2, 0.05: 1},
    weight_decay={None: 3, 0.01: 1},
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
    normalise=True,
    learning_rate=0.1,
    weight_decay=None,
):
    """One step of sharpness-aware minimisation (SAM) of a linear model.

    Args:
        params: coefficients of shape (d,).
        x: features of shape (n, d).
        y: targets of shape (n,).
        rho: radius of the neighbourhood.
    """
    if rho is None:
        rho = radius

    def gradient(w):
        prediction = x @ w
        if task == "squared":
            error = prediction - y
        else:
            error = jax.nn.sigmoid(prediction) - y
        return x.T @ error / x.shape[0]

    grad = gradient(params)
    if adaptive:
        # ASAM: the neighbourhood scales with the parameters.
        scaled = jnp.abs(params) * grad
        perturbation = rho * jnp.abs(params) * scaled / (jnp.linalg.norm(scaled) + 1e-6)
    elif normalise:
        perturbation = rho * grad / (jnp.linalg.norm(grad) + 1e-6)
    else:
        perturbation = rho * grad
    update = gradient(params + perturbation)
    if weight_decay is not None:
        update = update + weight_decay * params
    return params - learning_rate * update
