"""Families: whole steps of training, with parameters in dicts and tuples by layer."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
tree_adam_step: tree_adam_step 2, adamw_step 4, adam_update 3, apply_adamw 2
average_checkpoints: average_checkpoints 4, soup 1, average_params 3, weighted_soup 2
accumulate_gradients: accumulate_gradients 4, accumulated_step 2, train_step 4
evolution_step: evolution_step 3, es_step 4, es_update 3
regularization: regularization 4, reg_loss 3, weight_penalty 2
train_with_lookahead: train_with_lookahead 3, lookahead_train 2, train 3
guarded_step: guarded_step 3, safe_update 3, apply_if_finite 3, train_step 2
federated_training: federated_training 3, fedavg_round 4, train_round 2
federated_round: federated_round 4, fedavg 4, aggregate_clients 3
classification_report: classification_report 3, evaluate 4, compute_metrics 4
augment_images: augment_images 3, augment 4, augment_batch 3
train_with_schedule: train_with_schedule 3, fit 3, run_training 3
self_training_step: self_training_step 3, pseudo_label_loss 4, fixmatch_loss 2
stop_early: stop_early 3, early_stopping 5, select_checkpoint 2
private_step: private_step 3, dp_sgd_step 4, dp_update 2
layerwise_step: layerwise_step 4, finetune_step 3, update_layers 3
compress_gradients: compress_gradients 5, sparsify 2, topk_compress 3
tree_norm: tree_norm 4, global_norm 6, grad_norm 1
clip_tree: clip_tree 2, clip_by_global_norm 6, clip_grads 2
update_moments: update_moments 6, next_moments 1
unbias: unbias 2, bias_correction 6, debias 2
kernel: kernel 6, w 3, weight 2
bias: bias 7, b 3
params: params 8, theta 1
grads: grads 8, gradients 2
updates: updates 7, deltas 2
max_norm: max_norm 6, clip_norm 4
weight_decay: weight_decay 7, wd 3
new_params: new_params 7, updated 2
leaf: leaf 5, x 3, p 2
tree: tree 8, pytree 2
kernels: kernels 6, ws 2, weights_stack 1
losses: losses 8, val_losses 2
xs: xs 6, inputs 3
ys: ys 6, targets 3
learning_rate: learning_rate 5, lr 5
slow: slow 7, slow_params 3
fast: fast 7, fast_params 3
labels: labels 8, targets 1
confusion: confusion 6, cm 2, confusion_matrix 2
images: images 8, batch 2
patience: patience 9, max_wait 1
threshold: threshold 7, tau 1, cutoff 2
clients: clients 6, workers 1
robust_aggregate: robust_aggregate 4, aggregate_clients 3
consolidation_penalty: consolidation_penalty 4, forgetting_penalty 1
"""


# ---------------------------------------------------------------- trees


def tree_norm(tree):
    """The norm of all leaves together."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)) + 1e-12)


def clip_tree(tree, max_norm):
    """Scales all leaves down, where their common norm is too large."""
    scale = jnp.minimum(1.0, max_norm / tree_norm(tree))
    return jax.tree.map(lambda leaf: leaf * scale, tree)


def clip_leaf(leaf, max_norm):
    """Scales one array down, where its norm is too large."""
    norm = jnp.sqrt(jnp.sum(jnp.square(leaf)) + 1e-12)
    return jnp.where(norm > max_norm, leaf * (max_norm / norm), leaf)


def tree_mean(tree):
    """The mean of each leaf over its first axis."""
    return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), tree)


def apply_updates(params, updates, learning_rate):
    """Moves the parameters against the updates."""
    return jax.tree.map(lambda p, u: p - learning_rate * u, params, updates)


def add_decay(grads, params, weight_decay, masked):
    """Adds the pull of weight decay to each gradient."""
    if masked:
        # Biases aren't decayed.
        decayed = {name: p.ndim > 1 for name, p in params.items()}
        return {
            name: grads[name] + weight_decay * params[name] if decayed[name] else grads[name]
            for name in params
        }
    return jax.tree.map(lambda g, p: g + weight_decay * p, grads, params)


def flatten_tree(tree):
    """All leaves in one vector."""
    return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(tree)])


# ---------------------------------------------------------------- adam


def update_moments(grads, mu, nu, b1, b2):
    """Averages the gradients and their squares."""
    mu = jax.tree.map(lambda m, g: b1 * m + (1.0 - b1) * g, mu, grads)
    nu = jax.tree.map(lambda v, g: b2 * v + (1.0 - b2) * jnp.square(g), nu, grads)
    return mu, nu


def unbias(moments, decay, step):
    """Corrects averages for having begun at zero."""
    correction = 1.0 - decay**step
    return jax.tree.map(lambda moment: moment / correction, moments)


@family(
    "multi_statement",
    kernel="n m",
    bias="m",
    kernel_grad="n m",
    bias_grad="m",
    kernel_mu="n m in -0.5..0.5",
    bias_mu="m in -0.5..0.5",
    kernel_nu="n m in 0.05..1",
    bias_nu="m in 0.05..1",
    step="in 1..50",
    learning_rate={0.05: 2, 0.1: 2, 0.01: 1},
    clip={None: 2, "global": 4, "leaf": 2},
    max_norm={1.0: 3, 2.0: 1, 0.5: 1},
    b1={0.9: 4, 0.95: 1},
    b2={0.99: 3, 0.95: 1, 0.999: 2},
    decay={None: 2, "l2": 2, "decoupled": 4},
    weight_decay={0.1: 2, 0.01: 3},
    masked={True: 2, False: 2},
    sizes={"n": (4, 6, 8), "m": (4, 5, 6, 8)},
)
def tree_adam_step(
    kernel,
    bias,
    kernel_grad,
    bias_grad,
    kernel_mu,
    bias_mu,
    kernel_nu,
    bias_nu,
    step,
    *,
    learning_rate=0.05,
    clip=None,
    max_norm=1.0,
    b1=0.9,
    b2=0.99,
    decay="decoupled",
    weight_decay=0.01,
    masked=False,
):
    """One step of Adam for a dense layer, whose parameters are kept in a dict.

    Args:
        kernel: weights of shape (n, m).
        bias: biases of shape (m,).
        kernel_grad: gradient of the loss by the weights.
        bias_grad: gradient of the loss by the biases.
        kernel_mu: first moment of the weights' gradient.
        bias_mu: first moment of the biases' gradient.
        kernel_nu: second moment of the weights' gradient.
        bias_nu: second moment of the biases' gradient.
        step: number of the step, from 1.

    Returns:
        The new weights and biases, then the leaves of both moments.
    """
    params = {"kernel": kernel, "bias": bias}
    grads = {"kernel": kernel_grad, "bias": bias_grad}
    mu = {"kernel": kernel_mu, "bias": bias_mu}
    nu = {"kernel": kernel_nu, "bias": bias_nu}
    if clip == "global":
        grads = clip_tree(grads, max_norm)
    elif clip == "leaf":
        grads = jax.tree.map(lambda g: clip_leaf(g, max_norm), grads)
    if decay == "l2":
        grads = add_decay(grads, params, weight_decay, masked)
    mu, nu = update_moments(grads, mu, nu, b1, b2)
    mu_hat = unbias(mu, b1, step)
    nu_hat = unbias(nu, b2, step)
    updates = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + 1e-6), mu_hat, nu_hat)
    if decay == "decoupled":
        updates = add_decay(updates, params, weight_decay, masked)
    new_params = apply_updates(params, updates, learning_rate)
    return new_params["kernel"], new_params["bias"], *jax.tree.leaves((mu, nu))
    return new_params["kernel"], new_params["bias"]


# ---------------------------------------------------------------- averages of parameters


@family(
    "reduction",
    kernels="k n m",
    biases="k m",
    losses="? k in 0.3..2",
    best={None: 3, 2: 1, 3: 1},
    temperature={0.1: 1, 0.5: 2, 1.0: 1},
    recency={None: 3, 0.9: 2, 0.5: 1},
    last_half={False: 3, True: 1},
    mean=decided({"tensordot": 3, "sum": 2, "einsum": 1, "scan": 1}),
    with_spread=decided({False: 4, True: 1}),
    sizes={"k": (4, 5, 6), "n": (4, 5, 6), "m": (4, 5, 6)},
)
def average_checkpoints(
    kernels,
    biases,
    losses=None,
    *,
    best=None,
    temperature=0.5,
    recency=None,
    last_half=False,
    mean="tensordot",
    with_spread=False,
):
    """Averages the checkpoints of a dense layer, which are stacked along the first axis.

    Args:
        kernels: weights of each checkpoint, of shape (k, n, m).
        biases: biases of each checkpoint, of shape (k, m).
        losses: validation loss of each checkpoint; those with lower losses weigh more.
    """
    checkpoints = {"kernel": kernels, "bias": biases}
    count = kernels.shape[0]
    if losses is not None:
        scores = -losses / temperature
        if best is not None:
            # Only the checkpoints with the lowest losses.
            cutoff = jnp.sort(losses)[best - 1]
            scores = jnp.where(losses <= cutoff, scores, -jnp.inf)
        weights = jax.nn.softmax(scores)
    elif recency is not None:
        # Later checkpoints weigh more, as in an exponential moving average.
        weights = recency ** jnp.arange(count - 1, -1, -1)
        weights = weights / jnp.sum(weights)
    elif last_half:
        weights = jnp.where(jnp.arange(count) >= count // 2, 1.0, 0.0)
        weights = weights / jnp.sum(weights)
    else:
        weights = jnp.full(count, 1.0 / count)

    def weighted_mean(leaf):
        if mean == "tensordot":
            return jnp.tensordot(weights, leaf, axes=1)
        elif mean == "einsum":
            return jnp.einsum("k,k...->...", weights, leaf)
        elif mean == "scan":
            total = jnp.zeros_like(leaf[0])
            total, _ = lax.scan(lambda acc, wx: (acc + wx[0] * wx[1], None), total, (weights, leaf))
            return total
        else:
            shape = (-1,) + (1,) * (leaf.ndim - 1)
            return jnp.sum(weights.reshape(shape) * leaf, axis=0)

    average = jax.tree.map(weighted_mean, checkpoints)
    if with_spread:
        # How far each checkpoint is from the average.
        deviations = jax.tree.map(lambda leaf, center: leaf - center, checkpoints, average)
        return average["kernel"], average["bias"], jax.vmap(tree_norm)(deviations)
    return average["kernel"], average["bias"]


# ---------------------------------------------------------------- gradients of linear models


def predict(params, x):
    """Predictions of a linear model."""
    return x @ params["w"] + params["b"]


def batch_gradient(params, x, y, loss, weights=None):
    """Gradient of the summed loss of a linear model on a batch."""
    error = predict(params, x) - y
    if loss == "huber":
        error = jnp.clip(error, -1.0, 1.0)
    elif loss == "pseudo_huber":
        error = error / jnp.sqrt(1.0 + jnp.square(error))
    elif loss == "expectile":
        error = jnp.where(error > 0, 1.6 * error, 0.4 * error)
    if weights is not None:
        error = error * weights
    return {"w": error @ x, "b": jnp.sum(error)}


@family(
    "loop",
    xs="k b d",
    ys="k b",
    w="d",
    b="in -1..1",
    mask="? k b bool",
    loss=decided({"squared": 4, "huber": 2, "pseudo_huber": 1, "expectile": 1}),
    method=decided({"scan": 4, "fori": 2, "map": 1, "vmap": 1}),
    learning_rate={0.1: 3, 0.05: 1},
    clip={None: 3, 1.0: 2, 2.0: 1},
    weight_decay={None: 3, 0.1: 1, 0.01: 2},
    with_norm=decided({False: 3, True: 1}),
    sizes={"k": (2, 4), "b": (2, 4, 5), "d": (4, 5, 6, 8)},
)
def accumulate_gradients(
    xs,
    ys,
    w,
    b,
    mask=None,
    *,
    loss="squared",
    method="scan",
    learning_rate=0.1,
    clip=None,
    weight_decay=None,
    with_norm=False,
):
    """One SGD step of a linear model, with gradients accumulated over micro-batches.

    Args:
        xs: features of shape (micro-batches, examples, d).
        ys: targets of shape (micro-batches, examples).
        w: weights of shape (d,).
        b: bias.
        mask: False for padding.
    """
    params = {"w": w, "b": b}
    zeros = jax.tree.map(jnp.zeros_like, params)
    if method == "fori":

        def body(i, total):
            if mask is not None:
                grads = batch_gradient(params, xs[i], ys[i], loss, mask[i])
            else:
                grads = batch_gradient(params, xs[i], ys[i], loss)
            return jax.tree.map(lambda t, g: t + g, total, grads)

        grads = lax.fori_loop(0, xs.shape[0], body, zeros)
    else:
        if mask is not None:
            batches = (xs, ys, mask)
        else:
            batches = (xs, ys)

        def micro_gradient(batch):
            if mask is not None:
                x, y, valid = batch
                return batch_gradient(params, x, y, loss, valid)
            x, y = batch
            return batch_gradient(params, x, y, loss)

        if method == "scan":

            def micro_step(total, batch):
                return jax.tree.map(jnp.add, total, micro_gradient(batch)), None

            grads, _ = lax.scan(micro_step, zeros, batches)
        elif method == "vmap":
            per_batch = jax.vmap(micro_gradient)(batches)
            grads = jax.tree.map(lambda g: jnp.sum(g, axis=0), per_batch)
        else:
            per_batch = lax.map(micro_gradient, batches)
            grads = jax.tree.map(lambda g: jnp.sum(g, axis=0), per_batch)
    if mask is not None:
        # Divide by the number of real examples, which may differ between micro-batches.
        count = jnp.maximum(jnp.sum(mask), 1)
    else:
        count = ys.size
    grads = jax.tree.map(lambda g: g / count, grads)
    if weight_decay is not None:
        # The bias isn't decayed.
        grads["w"] = grads["w"] + weight_decay * params["w"]
    if with_norm:
        grad_norm = tree_norm(grads)
    if clip is not None:
        grads = clip_tree(grads, clip)
    new_params = apply_updates(params, grads, learning_rate)
    if with_norm:
        return new_params["w"], new_params["b"], grad_norm
    return new_params["w"], new_params["b"]


@family(
    "reduction",
    "compound",
    xs="n d",
    ys="n",
    w="d",
    b="in -1..1",
    noise="? d+1",
    keep="? n bool",
    loss=decided({"squared": 4, "huber": 2, "pseudo_huber": 1, "expectile": 1}),
    mapped=decided({"in_axes": 3, "pairs": 2}),
    clip={"where": 2, "minimum": 3, "automatic": 1},
    max_norm={1.0: 3, 0.5: 1, 2.0: 1},
    seed=(0, 1, 42),
    noise_scale={0.1: 2, 0.5: 1},
    learning_rate={0.1: 2, 0.5: 1},
    sizes={"n": (5, 6, 8, 10), "d": (4, 5, 6, 8)},
    only="float32",
)
def private_step(
    xs,
    ys,
    w,
    b,
    noise=None,
    keep=None,
    *,
    loss="squared",
    mapped="in_axes",
    clip="minimum",
    max_norm=1.0,
    seed=0,
    noise_scale=0.1,
    learning_rate=0.1,
):
    """One step of DP-SGD for a linear model: per-example clipping and Gaussian noise.

    Args:
        xs: features of shape (n, d).
        ys: targets of shape (n,).
        w: weights of shape (d,).
        b: bias.
        noise: standard normal noise for the weights and the bias.
        keep: which examples were sampled for this step.
        max_norm: clipping norm of a single example's gradient.
        noise_scale: noise multiplier.
    """
    params = {"w": w, "b": b}

    def example_gradient(params, x, y):
        error = predict(params, x) - y
        if loss == "huber":
            error = jnp.clip(error, -1.0, 1.0)
        elif loss == "pseudo_huber":
            error = error / jnp.sqrt(1.0 + jnp.square(error))
        elif loss == "expectile":
            error = jnp.where(error > 0, 1.6 * error, 0.4 * error)
        return {"w": error * x, "b": error}

    if mapped == "in_axes":
        grads = jax.vmap(example_gradient, in_axes=(None, 0, 0))(params, xs, ys)
        norms = jax.vmap(tree_norm)(grads)
    else:
        grads = jax.vmap(lambda x, y: example_gradient(params, x, y))(xs, ys)
        squares = jax.tree.map(lambda g: jnp.sum(jnp.square(g).reshape(g.shape[0], -1), 1), grads)
        norms = jnp.sqrt(sum(jax.tree.leaves(squares)) + 1e-12)
    if clip == "where":
        factors = jnp.where(norms > max_norm, max_norm / norms, 1.0)
    elif clip == "automatic":
        factors = max_norm / (norms + 0.01)
    else:
        factors = jnp.minimum(1.0, max_norm / norms)
    if keep is not None:
        factors = jnp.where(keep, factors, 0.0)
    total = {"w": jnp.sum(grads["w"] * factors[:, None], axis=0), "b": jnp.dot(grads["b"], factors)}
    if noise is None:
        key = jax.random.key(seed, impl="rbg")
        noise = jax.random.normal(key, (w.shape[0] + 1,))
    scale = noise_scale * max_norm
    total = {"w": total["w"] + scale * noise[:-1], "b": total["b"] + scale * noise[-1]}
    mean = jax.tree.map(lambda g: g / xs.shape[0], total)
    new_params = apply_updates(params, mean, learning_rate)
    return new_params["w"], new_params["b"]


# ---------------------------------------------------------------- loops of training


def constant_warmup(step, warmup):
    """Factor of a constant warmup at a tenth of the peak rate."""
    return jnp.where(step < warmup, 0.1, 1.0)


def linear_warmup(step, warmup):
    """Factor of a linear warmup."""
    return jnp.minimum(1.0, (step + 1.0) / warmup)


def decay_factor(step, num_steps, kind):
    """Factor by which the learning rate has decayed at a step."""
    if kind == "steps":
        passed = (step >= num_steps // 2).astype(int) + (step >= num_steps - 1).astype(int)
        return 0.3**passed
    if kind == "boundaries":
        boundaries = jnp.array([num_steps // 3, 2 * num_steps // 3])
        values = jnp.array([1.0, 0.5, 0.1])
        return values[jnp.searchsorted(boundaries, step, side="right")]
    if kind == "inverse":
        return 1.0 / (1.0 + 0.3 * step)
    if kind == "cosine":
        return 0.5 * (1.0 + jnp.cos(jnp.pi * step / num_steps))
    return 1.0 - step / num_steps


@family(
    "loop",
    xs="n d",
    ys="n",
    w="d",
    b="in -1..1",
    weights="? n in 0.3..1.5",
    peak="? in 0.05..0.3",
    loss=decided({"squared": 4, "huber": 2, "pseudo_huber": 1, "expectile": 1}),
    warmup_factor={Code("linear_warmup"): 3, Code("constant_warmup"): 1},
    warmup={2.0: 2, 3.0: 1},
    decay={"cosine": 3, "linear": 2, "steps": 2, "boundaries": 1, "inverse": 1},
    num_steps={6: 2, 8: 2, 5: 1},
    method=decided({"scan": 3, "fori": 2}),
    momentum={None: 4, 0.8: 2, 0.5: 1},
    average={None: 3, "tail": 1, "ema": 1},
    output=decided({"params": 3, "history": 2}),
    sizes={"n": (5, 6, 8), "d": (4, 5, 6)},
)
def train_with_schedule(
    xs,
    ys,
    w,
    b,
    weights=None,
    peak=None,
    *,
    loss="squared",
    warmup_factor=linear_warmup,
    warmup=2.0,
    decay="cosine",
    num_steps=6,
    method="scan",
    momentum=None,
    average=None,
    output="params",
):
    """Trains a linear model by gradient descent, with warmup and decay of the learning rate.

    Args:
        xs: features of shape (n, d).
        ys: targets of shape (n,).
        w: initial weights.
        b: initial bias.
        weights: sample weights.
        peak: the highest learning rate.
    """
    if peak is None:
        peak = 0.2

    def rate(step):
        return peak * warmup_factor(step, warmup) * decay_factor(step, num_steps, decay)

    def update(step, state):
        params = state["params"]
        grads = batch_gradient(params, xs, ys, loss, weights)
        grads = jax.tree.map(lambda g: g / xs.shape[0], grads)
        new = {}
        if momentum is None:
            new["params"] = apply_updates(params, grads, rate(step))
        else:
            velocity = jax.tree.map(lambda v, g: momentum * v + g, state["velocity"], grads)
            new["velocity"] = velocity
            new["params"] = apply_updates(params, velocity, rate(step))
        if momentum is None and average == "ema":
            new["average"] = jax.tree.map(
                lambda a, p: a + 0.3 * (p - a), state["average"], new["params"]
            )
        elif momentum is None and average == "tail":
            # The mean over the second half of training.
            share = jnp.where(step >= num_steps // 2, 1.0 / (num_steps - num_steps // 2), 0.0)
            new["average"] = jax.tree.map(
                lambda a, p: a + share * p, state["average"], new["params"]
            )
        return new

    params = {"w": w, "b": b}
    state = {"params": params}
    if momentum is not None:
        state["velocity"] = jax.tree.map(jnp.zeros_like, params)
    elif average == "ema":
        state["average"] = params
    elif average == "tail":
        state["average"] = jax.tree.map(jnp.zeros_like, params)
    if method == "scan" or output == "history":

        def step_fn(state, step):
            state = update(step, state)
            return state, jnp.mean(jnp.square(predict(state["params"], xs) - ys))

        state, history = lax.scan(step_fn, state, jnp.arange(num_steps))
    else:
        state = lax.fori_loop(0, num_steps, update, state)
    if momentum is None and average is not None:
        params = state["average"]
    else:
        params = state["params"]
    if output == "history":
        return params["w"], params["b"], history
    return params["w"], params["b"]


@family(
    "loop",
    xs="n d",
    ys="n",
    w="d",
    b="in -1..1",
    loss=decided({"squared": 4, "huber": 2, "pseudo_huber": 1, "expectile": 1}),
    outer={2: 3, 3: 2},
    inner={3: 3, 2: 1, 4: 1},
    learning_rate={0.1: 3, 0.05: 1},
    share={0.5: 3, 0.8: 1},
    order=decided({"scan_fori": 3, "fori_scan": 2}),
    output=decided({"params": 3, "trace": 2}),
    sizes={"n": (6, 8), "d": (4, 5, 6, 8)},
)
def train_with_lookahead(
    xs,
    ys,
    w,
    b,
    *,
    loss="squared",
    outer=2,
    inner=3,
    learning_rate=0.1,
    share=0.5,
    order="scan_fori",
    output="params",
):
    """Trains a linear model with Lookahead: slow parameters follow the fast ones.

    Args:
        xs: features of shape (n, d).
        ys: targets of shape (n,).
        w: initial weights.
        b: initial bias.
        outer: number of updates of the slow parameters.
        inner: number of gradient steps of the fast parameters in each of them.
        share: share of the way that the slow parameters go.
    """

    def fast_step(i, fast):
        grads = batch_gradient(fast, xs, ys, loss)
        grads = jax.tree.map(lambda g: g / xs.shape[0], grads)
        return apply_updates(fast, grads, learning_rate)

    def follow(slow, fast):
        return jax.tree.map(lambda s, f: s + share * (f - s), slow, fast)

    params = {"w": w, "b": b}
    if order == "scan_fori" or output == "trace":

        def slow_step(slow, _):
            fast = lax.fori_loop(0, inner, fast_step, slow)
            slow = follow(slow, fast)
            return slow, jnp.mean(jnp.square(predict(slow, xs) - ys))

        params, trace = lax.scan(slow_step, params, None, length=outer)
    else:

        def slow_body(_, slow):
            fast, _ = lax.scan(lambda f, i: (fast_step(i, f), None), slow, jnp.arange(inner))
            return follow(slow, fast)

        params = lax.fori_loop(0, outer, slow_body, params)
    if output == "trace":
        return params["w"], params["b"], trace
    return params["w"], params["b"]


@family(
    "loop",
    losses="t in 0.2..2",
    checkpoints="t d",
    patience={2: 2, 3: 2, 1: 1},
    min_delta=decided({0.0: 3, 0.01: 2, 0.05: 1}),
    relative={False: 3, True: 1},
    smoothing={None: 3, 0.5: 2, 0.7: 1},
    choose=decided({"where": 3, "cond": 2}),
    output=decided({"best": 3, "history": 2}),
    sizes={"t": (5, 6, 8, 10), "d": (4, 5, 6, 8)},
)
def stop_early(
    losses,
    checkpoints,
    *,
    patience=2,
    min_delta=0.0,
    relative=False,
    smoothing=None,
    choose="where",
    output="best",
):
    """Early stopping: finds the best checkpoint before the validation loss stops falling.

    Args:
        losses: validation loss after each epoch.
        checkpoints: parameters after each epoch, of shape (epochs, d).
        patience: number of epochs without improvement after which training stops.
        min_delta: least improvement that counts.

    Returns:
        The best parameters and their loss.
    """

    def epoch(state, inputs):
        loss, params = inputs
        if smoothing is not None:
            # A moving average, so that one lucky epoch counts less.
            loss = smoothing * state["average"] + (1.0 - smoothing) * loss
        running = state["wait"] < patience
        if relative:
            improved = running & (loss < (1.0 - min_delta) * state["best"])
        elif min_delta > 0.0:
            improved = running & (loss < state["best"] - min_delta)
        else:
            improved = running & (loss < state["best"])
        old = {"best": state["best"], "params": state["params"]}
        new = {"best": loss, "params": params}
        if choose == "cond":
            kept = lax.cond(improved, lambda: new, lambda: old)
        else:
            kept = jax.tree.map(lambda n, o: jnp.where(improved, n, o), new, old)
        wait = jnp.where(improved, 0, state["wait"] + 1)
        if smoothing is not None:
            return {"average": loss, "wait": wait, **kept}, kept["best"]
        return {"wait": wait, **kept}, kept["best"]

    init = {"wait": jnp.array(0), "best": losses[0], "params": checkpoints[0]}
    if smoothing is not None:
        init["average"] = losses[0]
    state, history = lax.scan(epoch, init, (losses[1:], checkpoints[1:]))
    if output == "history":
        # The best loss so far, after each epoch but the first.
        return state["params"], state["best"], history
    return state["params"], state["best"]


# ---------------------------------------------------------------- gradients that are not used as is


@family(
    "multi_statement",
    "branch",
    kernel="n m",
    bias="m",
    kernel_grad="n m in -200..200",
    bias_grad="m in -200..200",
    loss_scale="in 60..120",
    good_steps="? int 8",
    average_norm="? in 1..10",
    skip=decided({"cond": 3, "where": 3, "factor": 1}),
    factor={2.0: 2, 1.5: 1},
    max_norm={None: 3, 1.0: 2, 3.0: 1},
    growth_interval={5: 1, 4: 1},
    weight_decay={None: 3, 0.01: 1},
    learning_rate={0.1: 2, 0.05: 1},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6)},
    only="float32",
)
def guarded_step(
    kernel,
    bias,
    kernel_grad,
    bias_grad,
    loss_scale,
    good_steps=None,
    average_norm=None,
    *,
    skip="cond",
    factor=2.0,
    max_norm=None,
    growth_interval=5,
    weight_decay=None,
    learning_rate=0.1,
):
    """One SGD step of mixed-precision training, which is skipped for abnormal gradients.

    Args:
        kernel: weights of shape (n, m).
        bias: biases of shape (m,).
        kernel_grad: gradient of the scaled loss by the weights.
        bias_grad: gradient of the scaled loss by the biases.
        loss_scale: what the loss was multiplied by.
        good_steps: number of steps since the loss scale changed, for dynamic loss scaling.
        average_norm: moving average of the gradient norm; much larger norms are skipped too.
    """
    params = {"kernel": kernel, "bias": bias}
    grads = {"kernel": kernel_grad, "bias": bias_grad}
    grads = jax.tree.map(lambda g: g / loss_scale, grads)
    norm = tree_norm(grads)
    good = jnp.isfinite(norm)
    if average_norm is not None:
        good = good & (norm < factor * average_norm)
        new_average = jnp.where(good, 0.9 * average_norm + 0.1 * norm, average_norm)
    if max_norm is not None:
        scale = jnp.minimum(1.0, max_norm / norm)
        grads = jax.tree.map(lambda g: g * scale, grads)
    if weight_decay is not None:
        # Biases aren't decayed.
        grads["kernel"] = grads["kernel"] + weight_decay * kernel
    if skip == "cond":
        params = lax.cond(
            good,
            lambda old: apply_updates(old, grads, learning_rate),
            lambda old: old,
            params,
        )
    elif skip == "where":
        moved = apply_updates(params, grads, learning_rate)
        params = jax.tree.map(lambda new, old: jnp.where(good, new, old), moved, params)
    else:
        # A learning rate of zero leaves the parameters as they are.
        params = apply_updates(params, grads, learning_rate * good.astype(kernel.dtype))
    if good_steps is not None:
        # Halve the scale after a bad step, and double it after enough good ones.
        grow = good_steps + 1 >= growth_interval
        grown = jnp.where(grow, 2.0 * loss_scale, loss_scale)
        loss_scale = jnp.where(good, grown, 0.5 * loss_scale)
        good_steps = jnp.where(good & ~grow, good_steps + 1, 0)
        if average_norm is not None:
            return params["kernel"], params["bias"], loss_scale, good_steps, new_average
        return params["kernel"], params["bias"], loss_scale, good_steps
    if average_norm is not None:
        return params["kernel"], params["bias"], new_average
    return params["kernel"], params["bias"]


def keep_largest(vector, count):
    """Top-k sparsification of a vector."""
    _, index = lax.top_k(jnp.abs(vector), count)
    return jnp.zeros_like(vector).at[index].set(vector[index])


def keep_above(vector, share):
    """Zeroes the entries below a share of the largest magnitude."""
    size = jnp.abs(vector)
    return jnp.where(size > share * jnp.max(size), vector, 0.0)


def keep_signs(vector):
    """Signs of a vector, scaled by its mean magnitude."""
    return jnp.mean(jnp.abs(vector)) * jnp.sign(vector)


def keep_random(vector, count, seed):
    """Random-k sparsification, rescaled to be unbiased."""
    key = jax.random.key(seed, impl="rbg")
    index = jnp.argsort(jax.random.uniform(key, vector.shape))[:count]
    mask = jnp.zeros(vector.shape, dtype=bool).at[index].set(True)
    return jnp.where(mask, vector * (vector.shape[0] / count), 0.0)


@family(
    "multi_statement",
    kernel_grad="n m",
    bias_grad="m",
    kernel_residual="n m in -0.5..0.5",
    bias_residual="m in -0.5..0.5",
    method={"largest": 4, "above": 3, "signs": 2, "random": 1},
    count={3: 3, 2: 1},
    share={0.3: 2, 0.5: 1},
    seed=(0, 7, 42),
    clip={None: 2, 2.0: 1, 4.0: 1},
    by_leaf={False: 3, True: 2},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6, 8)},
    only="float32",
)
def compress_gradients(
    kernel_grad,
    bias_grad,
    kernel_residual,
    bias_residual,
    *,
    method="largest",
    count=3,
    share=0.3,
    seed=0,
    clip=None,
    by_leaf=False,
):
    """Gradient compression with error feedback, for the gradients of a dense layer.

    Args:
        kernel_grad: gradient of the weights, of shape (n, m).
        bias_grad: gradient of the biases, of shape (m,).
        kernel_residual: what compression has left out of the weights' gradients so far.
        bias_residual: what compression has left out of the biases' gradients so far.

    Returns:
        The compressed gradients, and the new residuals.
    """
    grads = {"kernel": kernel_grad, "bias": bias_grad}
    residuals = {"kernel": kernel_residual, "bias": bias_residual}
    if clip is not None:
        grads = clip_tree(grads, clip)
    wanted = jax.tree.map(lambda g, r: g + r, grads, residuals)

    def compress(vector):
        if method == "largest":
            return keep_largest(vector, count)
        elif method == "above":
            return keep_above(vector, share)
        elif method == "random":
            return keep_random(vector, count, seed)
        else:
            return keep_signs(vector)

    if by_leaf:
        # Each array by itself.
        sent = {
            name: compress(leaf.reshape(-1)).reshape(leaf.shape) for name, leaf in wanted.items()
        }
    else:
        n, m = kernel_grad.shape
        flat = compress(flatten_tree(wanted))
        sent = {"bias": flat[:m], "kernel": flat[m:].reshape(n, m)}
    left = jax.tree.map(lambda w, s: w - s, wanted, sent)
    return sent["kernel"], sent["bias"], left["kernel"], left["bias"]


@family(
    "compound",
    "reduction",
    center="d",
    target="d",
    curvature="d in 0.3..2",
    noise="? n d",
    sigma="? in 0.1..0.5",
    num_samples=(Code("n"),),
    seed=(0, 1, 3, 42),
    shaping={"standardise": 3, "baseline": 2, "pairs": 2},
    learning_rate={0.1: 2, 0.05: 1},
    adapt={False: 2, True: 2},
    weight_decay={None: 3, 0.01: 1},
    sizes={"n": (4, 6, 8), "d": (4, 5, 6)},
    only="float32",
)
def evolution_step(
    center,
    target,
    curvature,
    noise=None,
    sigma=None,
    *,
    num_samples=6,
    seed=0,
    shaping="standardise",
    learning_rate=0.1,
    adapt=False,
    weight_decay=None,
):
    """One step of an evolution strategy that maximises a concave fitness (pseudo-Huber).

    Args:
        center: mean of the search distribution, of shape (d,).
        target: maximiser of the fitness.
        curvature: curvature of the fitness along each coordinate.
        noise: standard normal perturbations, of shape (n, d).
        sigma: standard deviation of the search distribution.
    """
    if sigma is None:
        sigma = 0.3
    if noise is None:
        key = jax.random.key(seed, impl="rbg")
        noise = jax.random.normal(key, (num_samples, center.shape[0]))

    def score(candidate):
        offset = candidate - target
        return -jnp.sum(curvature * (jnp.sqrt(1.0 + jnp.square(offset)) - 1.0))

    if shaping == "pairs":
        # Antithetic sampling.
        better = jax.vmap(lambda e: score(center + sigma * e))(noise)
        worse = jax.vmap(lambda e: score(center - sigma * e))(noise)
        utilities = 0.5 * (better - worse)
    else:
        candidates = center + sigma * noise
        scores = jax.vmap(score)(candidates)
        if shaping == "standardise":
            utilities = (scores - jnp.mean(scores)) / (jnp.std(scores) + 1e-3)
        else:
            utilities = scores - score(center)
    gradient = jnp.einsum("n,nd->d", utilities, noise) / (sigma * noise.shape[0])
    new_center = center + learning_rate * gradient
    if weight_decay is not None:
        new_center = (1.0 - weight_decay) * new_center
    if adapt and shaping == "standardise":
        # The multiplicative update of separable NES, one scale for each coordinate.
        growth = jnp.einsum("n,nd->d", utilities, jnp.square(noise) - 1.0) / noise.shape[0]
        return new_center, sigma * jnp.exp(0.05 * growth)
    return new_center


# ---------------------------------------------------------------- layers and clients


@family(
    "multi_statement",
    w1="d f",
    b1="f",
    w2="f c",
    b2="c",
    g1="d f",
    h1="f",
    g2="f c",
    h2="c",
    depth_scale="? l in 0.3..1",
    decay={0.5: 2, 0.8: 2},
    clip={None: 2, "global": 2},
    max_norm={1.0: 2, 2.0: 1},
    weight_decay={None: 2, 0.01: 2},
    lars={False: 3, True: 2},
    learning_rate={0.1: 2, 0.3: 1},
    spelled=decided({"loop": 3, "comprehension": 2}),
    sizes={"d": (4, 5, 6), "f": (4, 5, 6), "c": (4, 5), "l": (2,)},
)
def layerwise_step(
    w1,
    b1,
    w2,
    b2,
    g1,
    h1,
    g2,
    h2,
    depth_scale=None,
    *,
    decay=0.5,
    clip=None,
    max_norm=1.0,
    weight_decay=None,
    lars=False,
    learning_rate=0.1,
    spelled="loop",
):
    """One fine-tuning step of two dense layers, with layerwise learning-rate decay.

    Args:
        w1: weights of the first layer, of shape (d, f).
        b1: biases of the first layer.
        w2: weights of the second layer, of shape (f, c).
        b2: biases of the second layer.
        g1: gradient of w1.
        h1: gradient of b1.
        g2: gradient of w2.
        h2: gradient of b2.
        depth_scale: multiplier of each layer's learning rate.
        decay: factor between the learning rates of successive layers.
    """
    layers = [{"w": w1, "b": b1}, {"w": w2, "b": b2}]
    grads = [{"w": g1, "b": h1}, {"w": g2, "b": h2}]
    if clip == "global":
        grads = clip_tree(grads, max_norm)

    def layer_rate(depth):
        if depth_scale is not None:
            return learning_rate * depth_scale[depth]
        return learning_rate * decay ** (len(layers) - 1 - depth)

    def update_layer(depth, layer, grad):
        rate = layer_rate(depth)
        w, b = layer["w"], layer["b"]
        update = grad["w"]
        if weight_decay is not None:
            update = update + weight_decay * w
        if lars:
            ratio = jnp.linalg.norm(w) / (jnp.linalg.norm(update) + 1e-6)
            update = ratio * update
        return {"w": w - rate * update, "b": b - rate * grad["b"]}

    if spelled == "comprehension":
        updated = [
            update_layer(depth, layer, grad)
            for depth, (layer, grad) in enumerate(zip(layers, grads))
        ]
    else:
        updated = []
        for depth, (layer, grad) in enumerate(zip(layers, grads)):
            updated.append(update_layer(depth, layer, grad))
    first, second = updated
    return first["w"], first["b"], second["w"], second["b"]


def trimmed_mean(leaf, trim):
    """The mean without the least and largest values of each coordinate."""
    ordered = jnp.sort(leaf, axis=0)
    return jnp.mean(ordered[trim : leaf.shape[0] - trim], axis=0)


@family(
    "reduction",
    kernel="n m",
    bias="m",
    kernels="k n m",
    biases="k m",
    num_examples="? k in 0.5..3",
    online="? k bool",
    clip={None: 2, 2.0: 2, 3.0: 1},
    server_rate={0.8: 3, 0.5: 1},
    output=decided({"params": 4, "drift": 2}),
    sizes={"k": (4, 5), "n": (4, 5), "m": (4, 5, 6)},
)
def federated_round(
    kernel,
    bias,
    kernels,
    biases,
    num_examples=None,
    online=None,
    *,
    clip=None,
    server_rate=0.8,
    output="params",
):
    """Aggregates the models of clients by federated averaging (FedAvg).

    Args:
        kernel: weights of the server, of shape (n, m).
        bias: biases of the server.
        kernels: weights of each client, of shape (clients, n, m).
        biases: biases of each client.
        num_examples: amount of data of each client.
        online: which clients have answered.
        server_rate: server learning rate.
    """
    server = {"kernel": kernel, "bias": bias}
    clients = {"kernel": kernels, "bias": biases}
    deltas = jax.tree.map(lambda client, old: client - old, clients, server)
    if clip is not None:
        deltas = jax.vmap(lambda delta: clip_tree(delta, clip))(deltas)
    if num_examples is not None:
        weights = num_examples
        if online is not None:
            weights = jnp.where(online, weights, 0.0)
        weights = weights / (jnp.sum(weights) + 1e-3)
        update = jax.tree.map(lambda d: jnp.tensordot(weights, d, axes=1), deltas)
    elif online is not None:
        weights = online / jnp.maximum(jnp.sum(online), 1)
        update = jax.tree.map(lambda d: jnp.tensordot(weights, d, axes=1), deltas)
    else:
        update = tree_mean(deltas)
    new_server = jax.tree.map(lambda p, u: p + server_rate * u, server, update)
    if output == "drift":
        # Distance of each client from the new model.
        distances = jax.vmap(tree_norm)(
            jax.tree.map(lambda client, new: client - new, clients, new_server)
        )
        return new_server["kernel"], new_server["bias"], distances
    return new_server["kernel"], new_server["bias"]


@family(
    "reduction",
    kernel="n m",
    bias="m",
    kernels="k n m",
    biases="k m",
    combine={"trimmed_mean": 3, "median": 3},
    clip={None: 2, 2.0: 2, 3.0: 1},
    server_rate={0.8: 3, 0.5: 1},
    with_distances=decided({False: 3, True: 1}),
    sizes={"k": (4, 5), "n": (4, 5), "m": (4, 5, 6)},
    weight=4,
)
def robust_aggregate(
    kernel,
    bias,
    kernels,
    biases,
    *,
    combine="trimmed_mean",
    clip=None,
    server_rate=0.8,
    with_distances=False,
):
    """Byzantine-robust aggregation of the models of clients, coordinate by coordinate.

    Args:
        kernel: weights of the server, of shape (n, m).
        bias: biases of the server.
        kernels: weights of each client, of shape (clients, n, m).
        biases: biases of each client.
        server_rate: server learning rate.
    """
    server = {"kernel": kernel, "bias": bias}
    clients = {"kernel": kernels, "bias": biases}
    deltas = jax.tree.map(lambda client, old: client - old, clients, server)
    if clip is not None:
        # No client can move the server further than this.
        deltas = jax.vmap(lambda delta: clip_tree(delta, clip))(deltas)
    if combine == "trimmed_mean":
        update = jax.tree.map(lambda d: trimmed_mean(d, 1), deltas)
    else:
        update = jax.tree.map(lambda d: jnp.median(d, axis=0), deltas)
    new_server = jax.tree.map(lambda p, u: p + server_rate * u, server, update)
    if with_distances:
        distances = jax.vmap(tree_norm)(
            jax.tree.map(lambda client, new: client - new, clients, new_server)
        )
        return new_server["kernel"], new_server["bias"], distances
    return new_server["kernel"], new_server["bias"]


def l1_norm(leaf):
    """Sum of absolute values."""
    return jnp.sum(jnp.abs(leaf))


def l2_norm(leaf):
    """Half the sum of squares."""
    return 0.5 * jnp.sum(jnp.square(leaf))


def group_norm(leaf):
    """Group lasso over the columns, or the L2 norm of a vector."""
    return jnp.sum(jnp.sqrt(jnp.sum(jnp.square(leaf), axis=0) + 1e-6))


def smooth_l1(leaf):
    """Charbonnier penalty, a smooth L1 norm."""
    return jnp.sum(jnp.sqrt(jnp.square(leaf) + 0.01))


@family(
    "reduction",
    w1="d f",
    w2="f c",
    b1="? f",
    b2="? c",
    penalty={
        Code("l2_norm"): 3,
        Code("l1_norm"): 2,
        Code("group_norm"): 2,
        Code("smooth_l1"): 1,
    },
    strength={0.1: 2, 0.01: 3},
    orthogonal={False: 4, True: 1},
    spelled=decided({"leaves": 3, "map": 2}),
    sizes={"d": (4, 5, 6), "f": (4, 5, 6, 8), "c": (2, 4, 5)},
)
def regularization(
    w1,
    w2,
    b1=None,
    b2=None,
    *,
    penalty=l2_norm,
    strength=0.01,
    orthogonal=False,
    spelled="leaves",
):
    """Penalty on the parameters of two dense layers, which is added to their loss.

    Args:
        w1: weights of the first layer, of shape (d, f).
        w2: weights of the second layer, of shape (f, c).
        b1: biases of the first layer, where they are penalised too.
        b2: biases of the second layer, where they are penalised too.
    """
    params = {"w1": w1, "w2": w2}
    if b1 is not None:
        params["b1"] = b1
    if b2 is not None:
        params["b2"] = b2
    if spelled == "map":
        penalties = jax.tree.map(penalty, params)
        total = strength * sum(penalties.values())
    else:
        total = strength * sum(penalty(leaf) for leaf in jax.tree.leaves(params))
    if orthogonal:
        # Keep the columns of the first layer orthonormal.
        gram = w1.T @ w1
        total = total + strength * jnp.sum(jnp.square(gram - jnp.eye(gram.shape[0])))
    return total


@family(
    "reduction",
    kernel="n m",
    bias="m",
    old_kernel="n m",
    old_bias="m",
    kernel_fisher="? n m in 0..2",
    bias_fisher="? m in 0..2",
    task_loss="? in 0.1..3",
    strength={0.1: 2, 1.0: 2, 10.0: 1},
    per_leaf={"mean": 1, "sum": 3},
    with_parts=decided({False: 3, True: 1}),
    spelled=decided({"map": 3, "zip": 2}),
    sizes={"n": (4, 5, 6), "m": (4, 5, 6, 8)},
    weight=5,
)
def consolidation_penalty(
    kernel,
    bias,
    old_kernel,
    old_bias,
    kernel_fisher=None,
    bias_fisher=None,
    task_loss=None,
    *,
    strength=1.0,
    per_leaf="sum",
    with_parts=False,
    spelled="map",
):
    """Quadratic penalty on the distance from the parameters of an earlier task.

    With Fisher information this is elastic weight consolidation (EWC), without it L2-SP.

    Args:
        kernel: weights of shape (n, m).
        bias: biases of shape (m,).
        old_kernel: weights after the earlier task.
        old_bias: biases after the earlier task.
        kernel_fisher: diagonal Fisher information of the weights.
        bias_fisher: diagonal Fisher information of the biases.
        task_loss: loss of the current task, which the penalty is added to.
    """
    params = {"kernel": kernel, "bias": bias}
    old_params = {"kernel": old_kernel, "bias": old_bias}
    if spelled == "map":
        shifts = jax.tree.map(lambda p, old: jnp.square(p - old), params, old_params)
    else:
        shifts = {name: jnp.square(params[name] - old_params[name]) for name in params}
    if kernel_fisher is not None:
        shifts["kernel"] = kernel_fisher * shifts["kernel"]
    if bias_fisher is not None:
        shifts["bias"] = bias_fisher * shifts["bias"]
    if per_leaf == "mean":
        terms = jax.tree.map(jnp.mean, shifts)
    else:
        terms = jax.tree.map(jnp.sum, shifts)
    penalty = 0.5 * strength * (terms["kernel"] + terms["bias"])
    if task_loss is not None:
        if with_parts:
            return task_loss + penalty, penalty
        return task_loss + penalty
    return penalty


# ---------------------------------------------------------------- data and labels


def per_class_scores(confusion, eps):
    """Precision and recall of each class; rows of the matrix are true classes."""
    hits = jnp.diagonal(confusion)
    precision = hits / (jnp.sum(confusion, axis=0) + eps)
    recall = hits / (jnp.sum(confusion, axis=1) + eps)
    return precision, recall


def f_score(precision, recall, beta):
    """Weighted harmonic mean of precision and recall."""
    if beta is None:
        return 2.0 * precision * recall / (precision + recall + 1e-3)
    weight = beta * beta
    return (1.0 + weight) * precision * recall / (weight * precision + recall + 1e-3)


@family(
    "reduction",
    logits="n c",
    labels="n int c",
    weights="? n in 0.3..1.5",
    valid="? n bool",
    num_classes=(Code("c"),),
    spelled=decided({"add": 4, "one_hot": 2, "vmap": 1}),
    beta=decided({None: 3, 2.0: 1, 0.5: 1}),
    average={"macro": 3, "none": 3, "support": 2},
    eps={0.1: 2, 1e-2: 1},
    sizes={"n": (6, 8, 10, 12), "c": (4, 5)},
)
def classification_report(
    logits,
    labels,
    weights=None,
    valid=None,
    *,
    num_classes=4,
    spelled="add",
    beta=None,
    average="none",
    eps=0.01,
):
    """Precision, recall and F-score of a classifier, from its soft confusion matrix.

    Args:
        logits: logits of shape (n, classes).
        labels: true classes, of shape (n,).
        weights: sample weights.
        valid: False for padding.
        beta: weight of recall in the F-score.
    """
    chosen = jax.nn.softmax(logits, axis=-1)
    if weights is not None:
        chosen = chosen * weights[:, None]
    if valid is not None:
        chosen = jnp.where(valid[:, None], chosen, 0.0)
    if spelled == "add":
        confusion = jnp.zeros((num_classes, num_classes), logits.dtype).at[labels].add(chosen)
    elif spelled == "vmap":
        members = labels == jnp.arange(num_classes)[:, None]
        confusion = jax.vmap(lambda m: jnp.sum(jnp.where(m[:, None], chosen, 0.0), axis=0))(members)
    else:
        confusion = jax.nn.one_hot(labels, num_classes).T @ chosen
    precision, recall = per_class_scores(confusion, eps)
    scores = f_score(precision, recall, beta)
    if average == "macro":
        return jnp.mean(precision), jnp.mean(recall), jnp.mean(scores)
    if average == "support":
        # Weighted by the number of examples of each class.
        support = jnp.sum(confusion, axis=1)
        shares = support / (jnp.sum(support) + eps)
        return shares @ precision, shares @ recall, shares @ scores
    return precision, recall, scores


def crop(image, top, left, size):
    """Square crop of an image."""
    return lax.dynamic_slice(image, (top, left, 0), (size, size, image.shape[2]))


def box_mask(size, top, left, width):
    """Mask of an image that is False in a box."""
    rows = jnp.arange(size)
    in_rows = (rows >= top) & (rows < top + width)
    in_columns = (rows >= left) & (rows < left + width)
    return ~(in_rows[:, None] & in_columns[None, :])


@family(
    "reduction",
    images="b 8 8 c in 0..1",
    top="b int 3",
    left="b int 3",
    flip="b bool",
    brightness="? b in -0.3..0.3",
    contrast="b in 0.7..1.4",
    lam="? b in 0.2..0.8",
    size={5: 3, 6: 1},
    width={2: 2, 3: 1},
    cutout={False: 2, True: 2},
    axis={"columns": 3, "rows": 1},
    mix={"roll": 3, "reverse": 2},
    normalise={"none": 2, "constants": 1},
    clip={False: 3, True: 1},
    sizes={"b": (2, 4), "c": (1, 2, 4)},
)
def augment_images(
    images,
    top,
    left,
    flip,
    contrast,
    brightness=None,
    lam=None,
    *,
    size=5,
    width=2,
    cutout=False,
    axis="columns",
    mix="roll",
    normalise="none",
    clip=False,
):
    """Random crop, flip and colour jitter of each image of a batch, with given random numbers.

    Args:
        images: images of shape (batch, height, width, channels).
        top: first row of each crop.
        left: first column of each crop.
        flip: which images are flipped.
        contrast: contrast factor of each image.
        brightness: brightness offset of each image.
        lam: share of each image in a mixup with another.
    """
    b = images.shape[0]
    cut = jax.vmap(crop, in_axes=(0, 0, 0, None))(images, top, left, size)

    def mirror(image, flag):
        if axis == "rows":
            mirrored = image[::-1]
        else:
            mirrored = jnp.flip(image, axis=1)
        return jnp.where(flag, mirrored, image)

    cut = jax.vmap(mirror)(cut, flip)
    # Contrast is relative to the mean of the whole image.
    means = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
    cut = means + contrast.reshape(b, 1, 1, 1) * (cut - means)
    if brightness is not None:
        cut = cut + brightness.reshape(b, 1, 1, 1)
    if clip:
        cut = jnp.clip(cut, 0.0, 1.0)
    if cutout:
        visible = jax.vmap(lambda row, column: box_mask(size, row, column, width))(top, left)
        cut = jnp.where(visible[..., None], cut, 0.5)
    if lam is not None:
        if mix == "roll":
            partner = jnp.roll(cut, 1, axis=0)
        else:
            partner = cut[::-1]
        share = lam.reshape(b, 1, 1, 1)
        cut = share * cut + (1.0 - share) * partner
    if normalise == "constants":
        cut = (cut - 0.45) / 0.225
    return cut


def sharpen_labels(probs, power):
    """Sharpens a distribution."""
    raised = probs**power
    return raised / jnp.sum(raised, axis=-1, keepdims=True)


def cross_entropy(logits, targets):
    """Cross-entropy of each row with soft targets."""
    return -jnp.sum(targets * jax.nn.log_softmax(logits, axis=-1), axis=-1)


@family(
    "reduction",
    weak_logits="n c",
    strong_logits="n c",
    labelled_logits="m c",
    labels="m int c",
    class_counts="? c in 1..5",
    ramp="? in 0.2..1",
    num_classes=(Code("c"),),
    targets={"hard": 3, "sharpened": 3, "soft": 2},
    threshold={0.5: 3, 0.4: 2, 0.6: 1},
    consistency={"cross_entropy": 3, "squared": 2},
    balance={1.0: 2, 0.5: 1},
    output=decided({"total": 3, "parts": 3}),
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6), "c": (4, 5, 6)},
)
def self_training_step(
    weak_logits,
    strong_logits,
    labelled_logits,
    labels,
    class_counts=None,
    ramp=None,
    *,
    num_classes=4,
    targets="hard",
    threshold=0.5,
    consistency="cross_entropy",
    balance=1.0,
    output="total",
):
    """Semi-supervised loss with pseudo-labels and consistency, as in FixMatch.

    Args:
        weak_logits: logits of weakly augmented examples without labels, of shape (n, c).
        strong_logits: logits of strongly augmented versions of the same examples.
        labelled_logits: logits of labelled examples, of shape (m, c).
        labels: classes of the labelled examples.
        class_counts: running count of the predictions of each class.
        ramp: ramp-up factor of the unsupervised loss.
        threshold: least confidence of a pseudo-label.
    """
    probs = jax.nn.softmax(weak_logits, axis=-1)
    if class_counts is not None:
        # Distribution alignment.
        probs = probs * (jnp.mean(class_counts) / class_counts)
        probs = probs / jnp.sum(probs, axis=-1, keepdims=True)
    confidence = jnp.max(probs, axis=-1)
    if targets == "hard":
        pseudo = jax.nn.one_hot(jnp.argmax(probs, axis=-1), num_classes)
    elif targets == "sharpened":
        pseudo = sharpen_labels(probs, 2)
    else:
        pseudo = probs
    if not True and targets != "hard" and "where" != "weights":
        pseudo = 0.9 * lax.stop_gradient(pseudo) + 0.1 * pseudo
    # Confident predictions count, by their confidence.
    mask = jnp.where(confidence > threshold, confidence, 0.0)
    if consistency == "squared":
        distance = jnp.sum(jnp.square(jax.nn.softmax(strong_logits, axis=-1) - pseudo), axis=-1)
    else:
        distance = cross_entropy(strong_logits, pseudo)
    unsupervised = jnp.mean(mask * distance)
    one_hot = jax.nn.one_hot(labels, num_classes)
    supervised = jnp.mean(cross_entropy(labelled_logits, one_hot))
    if ramp is not None:
        unsupervised = ramp * unsupervised
    total = supervised + balance * unsupervised
    if output == "parts":
        return total, supervised, unsupervised
    return total


def local_training(params, x, y, loss, steps, learning_rate, pull):
    """Local gradient steps of a client on its own examples."""

    def body(_, local):
        grads = batch_gradient(local, x, y, loss)
        grads = jax.tree.map(lambda g: g / x.shape[0], grads)
        if pull is not None:
            # FedProx: a proximal term keeps the client near the server.
            grads = jax.tree.map(lambda g, p, old: g + pull * (p - old), grads, local, params)
        return apply_updates(local, grads, learning_rate)

    return lax.fori_loop(0, steps, body, params)


@family(
    "loop",
    w="d",
    b="in -1..1",
    xs="k n d",
    ys="k n",
    num_examples="? k in 0.5..3",
    online="? k bool",
    loss=decided({"squared": 4, "huber": 2, "pseudo_huber": 1, "expectile": 1}),
    steps={2: 2, 3: 2, 4: 1},
    learning_rate={0.1: 2, 0.2: 1},
    pull={None: 5, 0.1: 1, 0.5: 1},
    clients={"vmap": 5, "map": 1},
    clip={None: 6, 0.5: 1, 1.0: 1},
    server_rate={0.8: 3, 0.5: 1},
    sizes={"k": (2, 4), "n": (4, 5), "d": (4, 5, 6)},
)
def federated_training(
    w,
    b,
    xs,
    ys,
    num_examples=None,
    online=None,
    *,
    loss="squared",
    steps=3,
    learning_rate=0.1,
    pull=None,
    clients="vmap",
    clip=None,
    server_rate=0.8,
):
    """One round of federated averaging of a linear model.

    Args:
        w: weights of the server.
        b: bias of the server.
        xs: features of shape (clients, examples, d).
        ys: targets of shape (clients, examples).
        num_examples: weight of each client.
        online: which clients take part.
        steps: number of local gradient steps.
    """
    server = {"w": w, "b": b}

    def train(x, y):
        return local_training(server, x, y, loss, steps, learning_rate, pull)

    if clients == "map":
        local = lax.map(lambda data: train(data[0], data[1]), (xs, ys))
    else:
        local = jax.vmap(train)(xs, ys)
    deltas = jax.tree.map(lambda new, old: new - old, local, server)
    if clip is not None:
        deltas = jax.vmap(lambda delta: clip_tree(delta, clip))(deltas)
    if num_examples is not None:
        weights = num_examples
        if online is not None:
            weights = jnp.where(online, weights, 0.0)
        weights = weights / (jnp.sum(weights) + 1e-3)
        update = jax.tree.map(lambda d: jnp.tensordot(weights, d, axes=1), deltas)
    elif online is not None:
        weights = online / jnp.maximum(jnp.sum(online), 1)
        update = jax.tree.map(lambda d: jnp.tensordot(weights, d, axes=1), deltas)
    else:
        update = tree_mean(deltas)
    new_server = jax.tree.map(lambda p, u: p + server_rate * u, server, update)
    return new_server["w"], new_server["b"]
