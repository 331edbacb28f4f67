"""Families: normalisation of activations and of weights."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
style: style 6, y 1
content: content 6, x 2
local_response_norm: local_response_norm 6, lrn 3
global_response_norm: global_response_norm 6, grn 3
adain: adain 4, adaptive_instance_norm 5
adaptive_group_norm: adaptive_group_norm 4, ada_group_norm 4, adagn 2
scale: scale 6, gamma 5, weight 2, g 1
bias: bias 6, beta 5, b 1
mean: mean 8, mu 3, m 1
var: var 6, variance 4, sigma2 1
inv: inv 3, inv_std 4, rstd 3
normed: normed 4, x_hat 4, normalized 3, y 2
centered: centered 4, x_centered 2, xc 2, diff 2
running_mean: running_mean 8, ra_mean 2, moving_mean 2, mean_ema 1
running_var: running_var 8, ra_var 2, moving_var 2, var_ema 1
new_mean: new_mean 5, new_running_mean 3, next_mean 1
new_var: new_var 5, new_running_var 3, next_var 1
momentum: momentum 6, decay 3
eps: eps 8, epsilon 3
num_groups: num_groups 6, groups 3, n_groups 2
grouped: grouped 4, xg 3, x_grouped 1
moving_average: moving_average 4, ema 3, update_running 1, ema_update 1
l2_normalize: l2_normalize 5, l2norm 1, unit 1, _l2_normalize 1
spectral_norm: spectral_norm 5, spectral_normalize 3, sn_weight 1
num_steps: num_steps 4, n_steps 2, num_iters 3, n_power_iterations 2
sigma: sigma 6, s 1, spectral_radius 1
batch: batch 5, n 3, bsz 1
height: height 4, h 3
width: width 4, w 3
channels: channels 4, c 3
v: v 6, direction 2, w 1
weight_norm_dense: weight_norm_dense 3, weight_normed_linear 2, wn_dense 1, dense 1
batch_norm_act: batch_norm_act 4, bn_act 4, batch_norm_activation 2
batch_norm_inference: batch_norm_inference 4, bn_inference 2, batch_norm_eval 2, apply_batch_norm 2
masked_batch_norm_act: masked_batch_norm_act 4, masked_bn_act 2
group_norm: group_norm 6, groupnorm 2, gn 1
instance_norm_act: instance_norm_act 4, instance_norm_activation 1, norm_act 1
weights: weights 4, valid 2, m 1
count: count 5, n 1, total 1, num_valid 2
ghost_batch_norm_act: ghost_batch_norm_act 4, ghost_bn_act 2
chunks: chunks 3, virtual 2, splits 1
dense_norm: dense_norm 2, linear_norm 2, dense_block 2, layer 1
w: w 5, kernel 3, W 2
b: b 5, bias 2
h: h 6, z 2, hidden 1, y 1
gate: gate 6, z 2
projected: projected 4, z 3, y 1
energy: energy 3, gx 2, magnitude 1
padded: padded 5, x_pad 1
squares: squares 4, sq 2, x2 1
window_sum: window_sum 3, local_sum 2, sums 1
mean_square: mean_square 4, ms 2, var 2, variance 2
"""


@family(
    "contraction",
    "multi_statement",
    x="... n d",
    scale="d in 0.5..1.5",
    bias="? d",
    residual="? ... n d",
    kind=decided({"var": 3, "centered": 3, "moments": 2, "std": 1}),
    eps={1e-5: 3, 1e-6: 3, 1e-3: 1},
    unit_offset=decided({False: 4, True: 1}),
    upcast=decided({False: 3, True: 2}),
)
def layer_norm(
    x,
    scale,
    bias=None,
    residual=None,
    *,
    kind="var",
    eps=1e-5,
    unit_offset=False,
    upcast=False,
):
    """Layer normalization over the last axis.

    Args:
        x: Activations, with the features as the last axis.
        scale: Learned scale of each feature.
        bias: Learned shift of each feature.
        residual: Added before the normalization.
        eps: Keeps the denominator away from zero.
    """
    dtype = x.dtype
    if residual is not None:
        x = x + residual
    if upcast:
        # The statistics are computed in single precision.
        x = x.astype(jnp.float32)
    mean = jnp.mean(x, axis=-1, keepdims=True)
    if kind == "var":
        var = jnp.var(x, axis=-1, keepdims=True)
        inv = jax.lax.rsqrt(var + eps)
        normed = (x - mean) * inv
    elif kind == "centered":
        centered = x - mean
        var = jnp.mean(jnp.square(centered), axis=-1, keepdims=True)
        inv = jax.lax.rsqrt(var + eps)
        normed = centered * inv
    elif kind == "moments":
        # E[x^2] - E[x]^2 takes only one pass over the data.
        var = jnp.mean(jnp.square(x), axis=-1, keepdims=True) - jnp.square(mean)
        inv = jax.lax.rsqrt(var + eps)
        normed = (x - mean) * inv
    else:
        std = jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + eps)
        normed = (x - mean) / std
    if upcast:
        normed = normed.astype(dtype)
    if unit_offset:
        # The scale is stored as its difference from one.
        normed = normed * (1.0 + scale)
    else:
        normed = normed * scale
    if bias is not None:
        normed = normed + bias
    return normed


@family(
    "contraction",
    "multi_statement",
    x="... n d",
    scale="d in 0.5..1.5",
    residual="? ... n d",
    unit_offset=decided({False: 3, True: 1}),
    upcast=decided({True: 1, False: 1}),
    spelling=decided({"rsqrt": 4, "sqrt": 2, "norm": 1, "einsum": 1}),
    part=decided({False: 5, True: 1}),
    eps=(1e-6, 1e-5),
)
def rms_norm(
    x,
    scale,
    residual=None,
    *,
    unit_offset=False,
    upcast=True,
    spelling="rsqrt",
    part=False,
    eps=1e-6,
):
    """RMSNorm: divides by the root mean square of the features, and scales.

    Args:
        x: Activations of shape `(..., d)`.
        scale: The learned scale of each feature.
        residual: Residual stream that is added first; the sum is returned, too.
        eps: Added to the mean square.
    """
    dtype = x.dtype
    if residual is not None:
        x = x + residual
    summed = x
    if upcast:
        x = x.astype(jnp.float32)
    if part:
        # Partial RMSNorm: half of the features are enough to estimate the mean square.
        size = x.shape[-1] // 2
        mean_square = jnp.mean(jnp.square(x[..., :size]), axis=-1, keepdims=True)
        normed = x * jax.lax.rsqrt(mean_square + eps)
    elif spelling == "rsqrt":
        mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
        normed = x * jax.lax.rsqrt(mean_square + eps)
    elif spelling == "sqrt":
        rms = jnp.sqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + eps)
        normed = x / rms
    elif spelling == "einsum":
        mean_square = jnp.einsum("...d,...d->...", x, x) / x.shape[-1]
        normed = x * jax.lax.rsqrt(mean_square + eps)[..., None]
    else:
        norm = jnp.linalg.norm(x, axis=-1, keepdims=True)
        normed = x * x.shape[-1] ** 0.5 / (norm + eps)
    if upcast:
        normed = normed.astype(dtype)
    if unit_offset:
        # The scale is stored as its difference from one.
        out = normed * (1.0 + scale)
    else:
        out = normed * scale
    if residual is not None:
        return out, summed
    return out


@family(
    "contraction",
    "reduction",
    x="... n d",
    gate="... n d",
    scale="? d in 0.5..1.5",
    bias="? d",
    order=decided({"before": 2, "after": 3}),
    norm=decided({"rms": 3, "layer": 1}),
    upcast=decided({True: 1, False: 2}),
    activation={Code("jax.nn.silu"): 4, Code("jax.nn.sigmoid"): 2, Code("jax.nn.gelu"): 1},
    eps=(1e-6, 1e-5),
    sizes={"d": (4, 6, 8, 16)},
)
def gated_norm(
    x,
    gate,
    scale=None,
    bias=None,
    *,
    order="after",
    norm="rms",
    upcast=False,
    activation=None,
    eps=1e-6,
):
    """Gated normalization, as in Mamba 2.

    Args:
        x: Activations of shape `(..., d)`.
        gate: Gate of the same shape, before its activation.
        scale: The learned scale of each feature.
        bias: The learned shift of each feature.
        eps: Keeps the denominator away from zero.
    """
    dtype = x.dtype
    if order == "before":
        x = x * activation(gate)
    if upcast:
        x = x.astype(jnp.float32)
    if norm == "layer":
        x = x - jnp.mean(x, axis=-1, keepdims=True)
    mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    out = x * jax.lax.rsqrt(mean_square + eps)
    if upcast:
        out = out.astype(dtype)
    if scale is not None:
        out = out * scale
    if bias is not None:
        out = out + bias
    if order == "after":
        out = out * activation(gate)
    return out


def moving_average(old, new, momentum=0.9):
    return momentum * old + (1.0 - momentum) * new


@family(
    "multi_statement",
    x="n ... c",
    running_mean="c in -1..1",
    running_var="c in 0.5..2",
    scale="? c in 0.5..1.5",
    bias="? c",
    kind=decided({"var": 3, "centered": 2, "moments": 2}),
    unbiased={False: 2, True: 1},
    update=decided({"helper": 2, "decay": 2, "rate": 2}),
    rate=decided({0.1: 1, 0.01: 1}),
    fold=decided({False: 3, True: 1}),
    sizes={"n": (4, 6, 8, 8, 12, 16), "c": (4, 5, 6, 8, 8, 16)},
    eps={1e-5: 4, 1e-6: 1, 1e-3: 1},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jnp.tanh"): 1,
        Code("jax.nn.leaky_relu"): 1,
    },
)
def batch_norm_act(
    x,
    running_mean,
    running_var,
    scale=None,
    bias=None,
    *,
    activation=None,
    kind="var",
    unbiased=False,
    update="decay",
    rate=0.1,
    fold=False,
    eps=1e-5,
):
    """Batch normalization in training and an activation, with the new running statistics.

    Args:
        x: A batch; the channels are the last axis.
        running_mean: Running mean of each channel.
        running_var: Running variance of each channel.
        scale: Learned scale.
        bias: Learned shift.
        rate: How much of the statistics of this batch is taken over.
    """
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axis=axes)
    if kind == "var":
        var = jnp.var(x, axis=axes)
    elif kind == "centered":
        var = jnp.mean(jnp.square(x - mean), axis=axes)
    else:
        var = jnp.mean(jnp.square(x), axis=axes) - jnp.square(mean)
    inv = jax.lax.rsqrt(var + eps)
    if fold:
        if scale is not None:
            inv = inv * scale
        shift = -mean * inv
        if bias is not None:
            shift = shift + bias
        out = x * inv + shift
    else:
        out = (x - mean) * inv
        if scale is not None:
            out = out * scale
        if bias is not None:
            out = out + bias
    out = activation(out)
    if unbiased:
        # The running variance is that of the population.
        count = x.size // x.shape[-1]
        var = var * count / (count - 1)
    if update == "helper":
        new_mean = moving_average(running_mean, mean)
        new_var = moving_average(running_var, var)
    elif update == "decay":
        new_mean = 0.9 * running_mean + 0.1 * mean
        new_var = 0.9 * running_var + 0.1 * var
    else:
        new_mean = running_mean + rate * (mean - running_mean)
        new_var = running_var + rate * (var - running_var)
    return out, new_mean, new_var


@family(
    "elementwise",
    x="n ... c",
    mean="c in -1..1",
    var="c in 0.2..2",
    scale="? c in 0.5..1.5",
    bias="? c",
    residual="? n ... c",
    fold=decided({False: 1, True: 1}),
    spelling=decided({"rsqrt": 3, "sqrt": 2}),
    eps={1e-5: 3, 1e-3: 2},
    activation={"none": 4, "relu": 3, "silu": 1, "hard_swish": 1, "leaky_relu": 1},
    sizes={"c": (4, 5, 6, 8, 8, 16)},
)
def batch_norm_inference(
    x,
    mean,
    var,
    scale=None,
    bias=None,
    residual=None,
    *,
    fold=False,
    spelling="rsqrt",
    eps=1e-5,
    activation="none",
):
    """Batch normalization with stored statistics, as used at test time.

    Args:
        x: Activations whose last axis is the channels.
        mean: Stored mean of each channel.
        var: Stored variance of each channel.
        scale: Learned scale.
        bias: Learned shift.
        residual: Shortcut that is added after the normalization.

    Returns:
        The normalized activations.
    """
    if spelling == "rsqrt":
        inv = jax.lax.rsqrt(var + eps)
        if scale is not None:
            inv = inv * scale
    elif scale is not None:
        inv = scale / jnp.sqrt(var + eps)
    else:
        inv = 1.0 / jnp.sqrt(var + eps)
    if fold:
        # Fold everything into one multiply-add per channel.
        shift = -mean * inv
        if bias is not None:
            shift = bias + shift
        out = x * inv + shift
    else:
        out = (x - mean) * inv
        if bias is not None:
            out = out + bias
    if residual is not None:
        out = out + residual
    if activation == "relu":
        out = jax.nn.relu(out)
    elif activation == "silu":
        out = jax.nn.silu(out)
    elif activation == "hard_swish":
        out = jax.nn.hard_swish(out)
    elif activation == "leaky_relu":
        out = jax.nn.leaky_relu(out, 0.1)
    return out


@family(
    "contraction",
    "multi_statement",
    x="n d",
    mask="n bool",
    scale="? d in 0.5..1.5",
    bias="? d",
    where=decided({False: 2, True: 1}),
    moments=decided({False: 1, True: 1}),
    zero_padding={"none": 2, "multiply": 1, "where": 1},
    eps={1e-5: 4, 1e-6: 1, 1e-3: 1},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jnp.tanh"): 1,
        Code("jax.nn.leaky_relu"): 1,
    },
)
def masked_batch_norm_act(
    x,
    mask,
    scale=None,
    bias=None,
    *,
    activation=None,
    where=False,
    moments=False,
    zero_padding="none",
    eps=1e-5,
):
    """Batch normalization with statistics over the valid rows only, and an activation.

    Args:
        x: Rows of features, some of which are padding.
        mask: True where a row is valid.
        scale: Learned scale of each feature.
        bias: Learned shift of each feature.
    """
    valid = mask[:, None]
    weights = valid.astype(x.dtype)
    count = jnp.maximum(jnp.sum(weights), 1.0)
    if where:
        mean = jnp.sum(jnp.where(valid, x, 0.0), axis=0) / count
        if moments:
            var = jnp.sum(jnp.where(valid, jnp.square(x), 0.0), axis=0) / count - jnp.square(mean)
        else:
            var = jnp.sum(jnp.where(valid, jnp.square(x - mean), 0.0), axis=0) / count
    else:
        mean = jnp.sum(x * weights, axis=0) / count
        if moments:
            var = jnp.sum(jnp.square(x) * weights, axis=0) / count - jnp.square(mean)
        else:
            var = jnp.sum(jnp.square(x - mean) * weights, axis=0) / count
    out = (x - mean) * jax.lax.rsqrt(var + eps)
    if scale is not None:
        out = out * scale
    if bias is not None:
        out = out + bias
    out = activation(out)
    if zero_padding == "multiply":
        out = out * weights
    elif zero_padding == "where":
        out = jnp.where(valid, out, 0.0)
    return out


@family(
    "contraction",
    "multi_statement",
    x="v*k d",
    scale="? d in 0.5..1.5",
    bias="? d",
    num_splits=(Code("v"),),
    kind=decided({"var": 2, "centered": 2, "moments": 1, "vmap": 2}),
    eps={1e-5: 3, 1e-3: 1},
    weight=4,
    sizes={"v": (2, 2, 4), "k": (4, 5, 8), "d": (4, 5, 6, 8)},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jnp.tanh"): 1,
        Code("jax.nn.leaky_relu"): 1,
    },
)
def ghost_batch_norm_act(
    x, scale=None, bias=None, *, activation=None, num_splits=2, kind="var", eps=1e-5
):
    """Ghost batch normalization, of each virtual batch by itself, and an activation.

    Args:
        x: The batch, of which consecutive rows are a virtual batch.
        scale: Learned scale of each feature.
        bias: Learned shift of each feature.
        num_splits: Number of virtual batches.
    """
    n, d = x.shape
    chunks = x.reshape(num_splits, n // num_splits, d)
    if kind == "vmap":

        def normalize(chunk):
            mean = jnp.mean(chunk, axis=0)
            var = jnp.var(chunk, axis=0)
            return (chunk - mean) * jax.lax.rsqrt(var + eps)

        normed = jax.vmap(normalize)(chunks)
    else:
        mean = jnp.mean(chunks, axis=1, keepdims=True)
        if kind == "var":
            var = jnp.var(chunks, axis=1, keepdims=True)
            normed = (chunks - mean) / jnp.sqrt(var + eps)
        elif kind == "moments":
            var = jnp.mean(jnp.square(chunks), axis=1, keepdims=True) - jnp.square(mean)
            normed = (chunks - mean) * jax.lax.rsqrt(var + eps)
        else:
            centered = chunks - mean
            var = jnp.mean(jnp.square(centered), axis=1, keepdims=True)
            normed = centered * jax.lax.rsqrt(var + eps)
    out = normed.reshape(n, d)
    if scale is not None:
        out = out * scale
    if bias is not None:
        out = out + bias
    return activation(out)


@family(
    "contraction",
    "multi_statement",
    x="b h w g*k",
    scale="g*k in 0.5..1.5",
    bias="? g*k",
    num_groups=(Code("g"),),
    split=decided({"spatial": 3, "flat": 2}),
    kind=decided({"var": 3, "centered": 2, "moments": 1}),
    upcast=decided({False: 3, True: 1}),
    eps=(1e-5, 1e-6),
    sizes={"b": (2, 3), "h": (2, 4, 4), "w": (2, 4, 4), "g": (2, 2, 4), "k": (2, 4)},
)
def group_norm(
    x,
    scale,
    bias=None,
    *,
    num_groups=2,
    split="spatial",
    kind="var",
    upcast=False,
    eps=1e-5,
):
    """Group normalization of images with channels last.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        scale: Learned scale of each channel.
        bias: Learned shift of each channel.
        num_groups: Number of groups of channels.
    """
    batch, height, width, channels = x.shape
    if split == "spatial":
        grouped = x.reshape(batch, height, width, num_groups, channels // num_groups)
        axes = (1, 2, 4)
    else:
        grouped = x.reshape(batch, height * width, num_groups, channels // num_groups)
        axes = (1, 3)
    if upcast:
        # The statistics are computed in single precision.
        grouped = grouped.astype(jnp.float32)
    mean = jnp.mean(grouped, axis=axes, keepdims=True)
    if kind == "var":
        var = jnp.var(grouped, axis=axes, keepdims=True)
    elif kind == "centered":
        var = jnp.mean(jnp.square(grouped - mean), axis=axes, keepdims=True)
    else:
        var = jnp.mean(jnp.square(grouped), axis=axes, keepdims=True) - mean**2
    normed = (grouped - mean) * jax.lax.rsqrt(var + eps)
    out = normed.reshape(x.shape)
    if upcast:
        out = out.astype(x.dtype)
    out = out * scale
    if bias is not None:
        out = out + bias
    return out


@family(
    "contraction",
    x="b h w g*k",
    emb="b e",
    w_emb="e 2*g*k in -0.5..0.5",
    b_emb="? 2*g*k in -0.5..0.5",
    num_groups=(Code("g"),),
    silu_first=decided({True: 3, False: 1}),
    unpack=decided({"split": 3, "slice": 2}),
    kind=decided({"var": 3, "centered": 2}),
    silu_after={False: 2, True: 2},
    eps=(1e-5, 1e-6),
    sizes={"b": (2, 3), "h": (2, 4), "w": (2, 4), "g": (2, 2, 4), "k": (2, 4), "e": (4, 6, 8)},
)
def adaptive_group_norm(
    x,
    emb,
    w_emb,
    b_emb=None,
    *,
    num_groups=2,
    silu_first=True,
    unpack="split",
    kind="var",
    silu_after=False,
    eps=1e-5,
):
    """Group normalization whose scale and shift come from an embedding, as in diffusion models.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        emb: Embedding of the time step, of shape `(batch, features)`.
        w_emb: Projection of the embedding to scales and shifts.
        b_emb: Bias of the projection.
        num_groups: Number of groups of channels.
    """
    batch, height, width, channels = x.shape
    if silu_first:
        emb = jax.nn.silu(emb)
    modulation = emb @ w_emb
    if b_emb is not None:
        modulation = modulation + b_emb
    modulation = modulation[:, None, None, :]
    if unpack == "split":
        scale, shift = jnp.split(modulation, 2, axis=-1)
    else:
        scale = modulation[..., :channels]
        shift = modulation[..., channels:]
    grouped = x.reshape(batch, height, width, num_groups, channels // num_groups)
    mean = jnp.mean(grouped, axis=(1, 2, 4), keepdims=True)
    if kind == "var":
        var = jnp.var(grouped, axis=(1, 2, 4), keepdims=True)
    else:
        var = jnp.mean(jnp.square(grouped - mean), axis=(1, 2, 4), keepdims=True)
    normed = ((grouped - mean) * jax.lax.rsqrt(var + eps)).reshape(x.shape)
    out = normed * (1.0 + scale) + shift
    if silu_after:
        out = jax.nn.silu(out)
    return out


@family(
    "contraction",
    x="b c h w",
    scale="? c in 0.5..1.5",
    bias="? c",
    spelling=decided({"var": 3, "std": 2, "flat": 2, "vmap": 2}),
    sizes={"b": (2, 3), "c": (2, 4, 4, 5), "h": (4, 4, 6), "w": (4, 4, 6)},
    eps={1e-5: 4, 1e-6: 1, 1e-3: 1},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jnp.tanh"): 1,
        Code("jax.nn.leaky_relu"): 1,
    },
)
def instance_norm_act(x, scale=None, bias=None, *, activation=None, spelling="var", eps=1e-5):
    """Instance normalization, of each channel of each image by itself, and an activation.

    Args:
        x: Images of shape `(batch, channels, height, width)`.
        scale: Learned scale of each channel.
        bias: Learned shift of each channel.
    """
    if spelling == "var":
        mean = jnp.mean(x, axis=(2, 3), keepdims=True)
        var = jnp.var(x, axis=(2, 3), keepdims=True)
        out = (x - mean) * jax.lax.rsqrt(var + eps)
    elif spelling == "std":
        mean = jnp.mean(x, axis=(2, 3), keepdims=True)
        std = jnp.std(x, axis=(2, 3), keepdims=True)
        out = (x - mean) / (std + eps)
    elif spelling == "flat":
        pixels = x.reshape(x.shape[0], x.shape[1], -1)
        pixels = pixels - jnp.mean(pixels, axis=-1, keepdims=True)
        var = jnp.mean(jnp.square(pixels), axis=-1, keepdims=True)
        out = (pixels * jax.lax.rsqrt(var + eps)).reshape(x.shape)
    else:

        def normalize_channel(channel):
            mean = jnp.mean(channel)
            return (channel - mean) * jax.lax.rsqrt(jnp.var(channel) + eps)

        out = jax.vmap(jax.vmap(normalize_channel))(x)
    if scale is not None:
        out = out * scale[:, None, None]
    if bias is not None:
        out = out + bias[:, None, None]
    return activation(out)


@family(
    "contraction",
    content="b c h w",
    style="b c k k",
    strength="in 0.2..1",
    spelling=decided({"std": 3, "rsqrt": 3, "flat": 2}),
    ddof=decided({0: 3, 1: 1}),
    eps={1e-5: 4, 1e-6: 1, 1e-3: 1},
    sizes={"b": (2, 3), "c": (2, 4, 4, 5), "h": (4, 4, 6), "w": (4, 4, 6), "k": (4, 5)},
)
def adain(content, style, strength, *, spelling="std", ddof=0, eps=1e-5):
    """Adaptive instance normalization: gives the content the channel statistics of the style.

    Args:
        content: Feature maps of shape `(batch, channels, height, width)`.
        style: Feature maps of the style images.
        strength: How much of the style is taken over.
    """
    if spelling == "flat":
        flat_style = style.reshape(style.shape[0], style.shape[1], -1)
        style_mean = jnp.mean(flat_style, axis=-1)[:, :, None, None]
        style_std = jnp.sqrt(jnp.var(flat_style, axis=-1, ddof=ddof) + eps)[:, :, None, None]
    else:
        style_mean = jnp.mean(style, axis=(2, 3), keepdims=True)
        style_std = jnp.sqrt(jnp.var(style, axis=(2, 3), keepdims=True, ddof=ddof) + eps)
    mean = jnp.mean(content, axis=(2, 3), keepdims=True)
    var = jnp.var(content, axis=(2, 3), keepdims=True, ddof=ddof)
    if spelling == "rsqrt":
        normed = (content - mean) * jax.lax.rsqrt(var + eps)
    else:
        normed = (content - mean) / jnp.sqrt(var + eps)
    out = normed * style_std + style_mean
    return strength * out + (1.0 - strength) * content


@family(
    "contraction",
    "reduction",
    x="n d",
    v="d e",
    g="e in 0.5..1.5",
    bias="? e",
    spelling=decided({"norm": 3, "sqrt": 2, "rsqrt": 2}),
    center={False: 3, True: 1},
    order=decided({"weight": 3, "output": 2}),
    log_scale={False: 4, True: 1},
    sizes={"d": (4, 6, 8, 16), "e": (4, 6, 8)},
)
def weight_norm_dense(
    x, v, g, bias=None, *, spelling="norm", center=False, order="weight", log_scale=False
):
    """Weight-normalized dense layer: a length and a direction for the weights of each output.

    Args:
        x: Inputs of shape `(batch, features)`.
        v: Directions, one in each column.
        g: Lengths.
        bias: Bias of each output.

    Returns:
        The outputs, of shape `(batch, outputs)`.
    """
    if center:
        # Centered weight normalization.
        v = v - jnp.mean(v, axis=0, keepdims=True)
    if log_scale:
        # The lengths are stored as logarithms.
        g = jnp.exp(g)
    if spelling == "norm":
        factor = g / jnp.linalg.norm(v, axis=0)
    elif spelling == "sqrt":
        factor = g / jnp.sqrt(jnp.sum(jnp.square(v), axis=0))
    else:
        factor = g * jax.lax.rsqrt(jnp.sum(jnp.square(v), axis=0) + 1e-12)
    if order == "weight":
        w = v * factor
        out = x @ w
    else:
        out = (x @ v) * factor
    if bias is not None:
        out = out + bias
    return out


def l2_normalize(x, eps=1e-12):
    return x / (jnp.linalg.norm(x) + eps)


@family(
    "contraction",
    "reduction",
    "loop",
    "multi_statement",
    w="n m in -1..1",
    u="n in 0.1..1",
    num_steps={1: 3, 2: 2, 3: 1, 5: 1},
    loop=decided({"python": 3, "fori": 2, "scan": 1}),
    product=decided({"matmul": 3, "dot": 2, "einsum": 1}),
    clip=decided({False: 4, True: 1}),
    with_u=decided({True: 3, False: 2}),
    spelling=decided({"helper": 3, "rsqrt": 1}),
    sizes={"n": (4, 5, 6, 8), "m": (4, 6, 8)},
)
def spectral_norm(
    w,
    u,
    *,
    num_steps=1,
    loop="python",
    product="matmul",
    clip=False,
    with_u=True,
    spelling="helper",
):
    """Spectral normalization of a weight, by power iteration.

    Args:
        w: The weight matrix.
        u: Estimate of the left singular vector of the largest singular value.
        num_steps: Number of power iterations.
    """
    if loop == "fori":

        def step(_, u):
            v = l2_normalize(w.T @ u)
            return l2_normalize(w @ v)

        u = lax.fori_loop(0, num_steps, step, u)
        v = l2_normalize(w.T @ u)
    elif loop == "scan":

        def step(u, _):
            v = l2_normalize(u @ w)
            u = l2_normalize(w @ v)
            return u, None

        u, _ = lax.scan(step, u, None, length=num_steps)
        v = l2_normalize(u @ w)
    elif spelling == "helper":
        for _ in range(num_steps):
            v = l2_normalize(u @ w)
            u = l2_normalize(w @ v)
    else:
        for _ in range(num_steps):
            v = w.T @ u
            v = v * jax.lax.rsqrt(jnp.sum(jnp.square(v)) + 1e-12)
            u = w @ v
            u = u * jax.lax.rsqrt(jnp.sum(jnp.square(u)) + 1e-12)
    if product == "matmul":
        sigma = u @ w @ v
    elif product == "dot":
        sigma = jnp.dot(u, w @ v)
    else:
        sigma = jnp.einsum("i,ij,j->", u, w, v)
    if clip:
        # Only weights with a larger norm are scaled down.
        w = w / jnp.maximum(1.0, sigma)
    else:
        w = w / sigma
    if with_u:
        return w, u
    return w


@family(
    "contraction",
    x="n h w c",
    gamma="? c in 0.2..1",
    beta="? c",
    residual={True: 3, False: 1},
    energy_form=decided({"norm": 3, "sqrt": 3, "flat": 1}),
    eps={1e-6: 3, 1e-5: 1},
    sizes={"n": (2, 2, 3), "h": (2, 4), "w": (2, 4), "c": (4, 6, 8)},
)
def global_response_norm(x, gamma=None, beta=None, *, residual=True, energy_form="norm", eps=1e-6):
    """Global response normalization of ConvNeXt V2.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        gamma: Learned scale of each channel.
        beta: Learned shift of each channel.
    """
    # How strong each channel is, relative to the others.
    if energy_form == "norm":
        energy = jnp.linalg.norm(x, axis=(1, 2), keepdims=True)
    elif energy_form == "sqrt":
        energy = jnp.sqrt(jnp.sum(jnp.square(x), axis=(1, 2), keepdims=True) + 1e-6)
    else:
        pixels = x.reshape(x.shape[0], -1, x.shape[-1])
        energy = jnp.linalg.norm(pixels, axis=1)[:, None, None, :]
    factor = energy / (jnp.mean(energy, axis=-1, keepdims=True) + eps)
    out = x * factor
    if gamma is not None:
        out = out * gamma
    if beta is not None:
        out = out + beta
    if residual:
        out = out + x
    return out


@family(
    "contraction",
    x="n h w c",
    size=decided({3: 2, 5: 2}),
    window=decided({"reduce_window": 3, "pad": 2, "band": 1}),
    averaged={True: 2, False: 2},
    alpha={0.1: 2, 0.5: 1},
    power={0.75: 3, 0.5: 1},
    k={1.0: 2, 2.0: 2},
    sizes={"n": (2, 2, 3), "h": (2, 4), "w": (2, 4), "c": (4, 6, 8)},
    weight=6,
)
def local_response_norm(
    x, *, size=5, window="reduce_window", averaged=True, alpha=0.1, power=0.75, k=1.0
):
    """Local response normalization over neighbouring channels, as in AlexNet.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        size: Number of channels in a window.
    """
    squares = jnp.square(x)
    if window == "reduce_window":
        window_sum = lax.reduce_window(squares, 0.0, lax.add, (1, 1, 1, size), (1, 1, 1, 1), "SAME")
    elif window == "pad":
        half = size // 2
        padded = jnp.pad(squares, ((0, 0), (0, 0), (0, 0), (half, half)))
        channels = x.shape[-1]
        window_sum = sum(padded[..., i : i + channels] for i in range(size))
    else:
        index = jnp.arange(x.shape[-1])
        near = jnp.abs(index[:, None] - index[None, :]) <= size // 2
        window_sum = squares @ near.astype(x.dtype)
    if averaged:
        window_sum = window_sum / size
    return x / (k + alpha * window_sum) ** power


@family(
    "contraction",
    "reduction",
    x="n d",
    w="d e in -1..1",
    scale="? e in 0.5..1.5",
    b="? e",
    norm={"layer": 3, "rms": 2, "batch": 2},
    activation={
        Code("jax.nn.relu"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
        Code("jnp.tanh"): 1,
    },
    sizes={"d": (4, 6, 8), "e": (4, 6, 8), "n": (4, 6, 8, 16)},
)
def dense_norm(x, w, scale=None, b=None, *, norm="layer", activation=None):
    """Dense layer, then normalization and activation.

    Args:
        x: Inputs of shape `(batch, features)`.
        w: Weights of shape `(features, outputs)`.
        scale: Learned scale of each normalized output.
        b: Learned shift of each normalized output.
    """
    projected = x @ w
    if norm == "layer":
        centered = projected - jnp.mean(projected, axis=-1, keepdims=True)
        var = jnp.mean(jnp.square(centered), axis=-1, keepdims=True)
        h = centered * jax.lax.rsqrt(var + 1e-5)
    elif norm == "rms":
        mean_square = jnp.mean(jnp.square(projected), axis=-1, keepdims=True)
        h = projected * jax.lax.rsqrt(mean_square + 1e-6)
    else:
        mean = jnp.mean(projected, axis=0)
        var = jnp.var(projected, axis=0)
        h = (projected - mean) * jax.lax.rsqrt(var + 1e-5)
    if scale is not None:
        h = h * scale
    if b is not None:
        h = h + b
    return activation(h)
