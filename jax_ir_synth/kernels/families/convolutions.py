"""Families: convolutions, pooling and upsampling."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
conv2d: conv2d 5, conv 3, _conv 1, conv_2d 1
dilated_conv1d: dilated_conv1d 4, dilated_conv 3, atrous_conv 1
dilated_conv2d: dilated_conv2d 4, dilated_conv 3, atrous_conv 2
conv1d: conv1d 5, conv 3, temporal_conv 1, _conv1d 1
kernel: kernel 5, w 4, weight 2, filters 1
bias: bias 6, b 4
scale: scale 5, gamma 4, bn_scale 1
shift: shift 4, beta 4, bn_bias 1
mean: mean 6, mu 2
var: var 6, variance 3
stride: stride 6, strides 2, s 1
padding: padding 6, pad 2
dilation: dilation 6, rate 2, d 1
conv_block: conv_block 5, conv_layer 3, conv_bn_act 1, convolution_block 1
conv1d_block: conv1d_block 4, temporal_block 2, conv_layer 2, causal_conv_block 1
separable_conv: separable_conv 4, depthwise_separable_conv 3, depthwise_separable 2, mobile_block 1
depthwise: depthwise 4, w_dw 2, dw_kernel 3, depthwise_kernel 2
pointwise: pointwise 4, w_pw 2, pw_kernel 3, pointwise_kernel 2
expand: expand 4, w_expand 3, expand_kernel 2
residual_conv_block: residual_conv_block 2, residual_block 5, resnet_block 3, basic_block 2
kernel1: kernel1 4, w1 4, conv1_kernel 2
kernel2: kernel2 4, w2 4, conv2_kernel 2
w_skip: w_skip 4, shortcut_kernel 2, w_proj 3
shortcut: shortcut 5, skip 3, identity 2
h: h 6, y 3, out 2
out: out 6, y 4
channel_norm: channel_norm 3, norm 3, normalize 3, channels_norm 1
pool_2d: pool_2d 4, pool2d 3, spatial_pool 2, pooling 2
pooled: pooled 6, y 2, windows 1
max_pool: max_pool 6, max_pool_2d 3, maxpool 1
mean_pool: mean_pool 2, avg_pool 5, average_pool 2
window: window 5, window_size 2, size 2, pool_size 2
upsample_block: upsample_block 4, upsample_conv 3, up_block 3
upsampled: upsampled 4, up 3, x_up 1
factor: factor 6, scale_factor 2, r 1
tcn: tcn 3, temporal_conv_net 3, dilated_stack 2, wavenet_stack 1
kernels: kernels 6, weights 3, filters 1
biases: biases 6, bs 1
batch: batch 4, b 3, n 2
height: height 4, h 3
width: width 4, w 3
skips: skips 3, skip_sum 2, total 2
patch_embed: patch_embed 5, patch_embedding 3, patchify 2, embed_patches 2
patches: patches 6, tokens 2
images: images 5, x 4, imgs 1
position: position 3, pos_embed 4, pos_embedding 2
cls_token: cls_token 6, cls 2, class_token 2
short_conv: short_conv 4, causal_depthwise_conv 2, causal_conv1d 3, depthwise_conv1d 1
taps: taps 4, kernel 3, w 2
padded: padded 6, x_pad 3, xp 1
filter_gate: filter_gate 3, gate 3
unet_step: unet_step 2, unet_block 3, encode_decode 1, u_block 1
"""


def conv2d(x, kernel, stride=1, padding="SAME"):
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def dilated_conv2d(x, kernel, dilation=2):
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding="SAME",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def conv1d(x, kernel, causal=False):
    if causal:
        # Only what came before may be seen.
        padding = [(kernel.shape[0] - 1, 0)]
    else:
        padding = "SAME"
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1,),
        padding=padding,
        dimension_numbers=("NWC", "WIO", "NWC"),
    )


def dilated_conv1d(x, kernel, dilation=2, causal=False):
    if causal:
        # Only what came before may be seen.
        padding = [((kernel.shape[0] - 1) * dilation, 0)]
    else:
        padding = "SAME"
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1,),
        padding=padding,
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )


def channel_norm(x, eps=1e-3):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + eps)


def max_pool(x, window=2):
    return lax.reduce_window(
        x, -jnp.inf, lax.max, (1, window, window, 1), (1, window, window, 1), "VALID"
    )


def mean_pool(x, window=2):
    n, height, width, c = x.shape
    windows = x.reshape(n, height // window, window, width // window, window, c)
    return windows.mean(axis=(2, 4))


@family(
    "contraction",
    "reduction",
    x="b s s c",
    kernel="c c c f in -0.6..0.6",
    bias="? f",
    scale="? f in 0.5..1.5",
    shift="? f",
    stride=decided({1: 4, 2: 2}),
    padding=decided({"SAME": 3, "VALID": 2}),
    dilated=decided({False: 5, True: 1}),
    norm={"none": 3, "batch": 1, "instance": 1, "channel": 2},
    activation={
        Code("jax.nn.relu"): 5,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jax.nn.leaky_relu"): 1,
        Code("jnp.tanh"): 1,
    },
    pool={"none": 4, "global": 2, "global_max": 1},
    helper=decided({True: 2, False: 1}),
    sizes={"b": (1, 2), "s": (7, 8), "c": (2, 2, 4), "f": (2, 4, 5)},
)
def conv_block(
    x,
    kernel,
    bias=None,
    scale=None,
    shift=None,
    *,
    stride=1,
    padding="SAME",
    dilated=False,
    norm="none",
    activation=None,
    pool="none",
    helper=True,
):
    """Convolution, normalization and activation.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        kernel: Kernel of shape `(height, width, channels in, channels out)`.
        bias: Bias of each channel.
        scale: Scale of each channel.
        shift: Shift of each channel.
    """
    if dilated:
        y = dilated_conv2d(x, kernel)
    elif helper:
        y = conv2d(x, kernel, stride, padding)
    else:
        y = lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(stride, stride),
            padding=padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    if norm == "batch":
        mean = jnp.mean(y, axis=(0, 1, 2))
        var = jnp.var(y, axis=(0, 1, 2))
        y = (y - mean) * jax.lax.rsqrt(var + 1e-5)
    elif norm == "instance":
        mean = jnp.mean(y, axis=(1, 2), keepdims=True)
        var = jnp.var(y, axis=(1, 2), keepdims=True)
        y = (y - mean) * jax.lax.rsqrt(var + 1e-5)
    elif norm == "channel":
        y = channel_norm(y)
    if scale is not None:
        y = y * scale
    if shift is not None:
        y = y + shift
    if bias is not None:
        y = y + bias
    y = activation(y)
    if pool == "global":
        return jnp.mean(y, axis=(1, 2))
    if pool == "global_max":
        return jnp.max(y, axis=(1, 2))
    return y


@family(
    "contraction",
    "reduction",
    "multi_statement",
    x="b t c",
    kernel="c c f in -0.6..0.6",
    bias="? f",
    kernel_gate="? c c f in -0.6..0.6",
    w_out="? f c in -0.8..0.8",
    w_skip="? f e in -0.8..0.8",
    causal=decided({True: 2, False: 1}),
    dilated=decided({False: 3, True: 3}),
    dilation=decided({2: 2, 4: 1}),
    norm={"none": 3, "channel": 1, "rms": 1},
    activation={
        Code("jax.nn.relu"): 3,
        Code("jnp.tanh"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
    },
    residual_scale=decided({None: 3, 0.7071: 1}),
    sizes={
        "b": (1, 2, 2),
        "t": (6, 8, 10, 12),
        "c": (2, 4, 5),
        "f": (4, 4, 6),
        "e": (2, 4),
    },
)
def conv1d_block(
    x,
    kernel,
    bias=None,
    kernel_gate=None,
    w_out=None,
    w_skip=None,
    *,
    causal=True,
    dilated=False,
    dilation=2,
    norm="none",
    activation=None,
    residual_scale=None,
):
    """Convolution over time, with an activation.

    Args:
        x: Sequences of shape `(batch, time, channels)`.
        kernel: Kernel of shape `(width, channels in, channels out)`.
        bias: Bias of each channel.
        kernel_gate: Kernel of the gate.
        w_out: Weights back to the channels of the inputs, to which the result is added.
        w_skip: Weights of the skip output.
    """
    if dilated:
        y = dilated_conv1d(x, kernel, dilation, causal)
    else:
        y = conv1d(x, kernel, causal)
    if bias is not None:
        y = y + bias
    y = activation(y)
    if kernel_gate is not None:
        if dilated:
            gate = dilated_conv1d(x, kernel_gate, dilation, causal)
        else:
            gate = conv1d(x, kernel_gate, causal)
        y = y * jax.nn.sigmoid(gate)
    if norm == "channel":
        y = channel_norm(y) + y
    elif norm == "rms":
        y = y * jax.lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + 1e-6)
    if w_out is not None:
        out = x + y @ w_out
        if residual_scale is not None:
            out = residual_scale * out
    else:
        out = y
    if w_skip is not None:
        return out, y @ w_skip
    return out


@family(
    "contraction",
    "reduction",
    x="b s s c",
    depthwise="3 3 c in -0.6..0.6",
    pointwise="c c in -0.8..0.8",
    dw_bias="? c",
    bias="? c",
    scale="? c in 0.5..1.5",
    w_se="? c c in -1..1",
    stride={1: 3, 2: 1},
    by_matmul=decided({True: 2, False: 1}),
    activation={
        Code("jax.nn.relu"): 3,
        Code("jax.nn.relu6"): 2,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jax.nn.hard_swish"): 1,
    },
    norm={"none": 3, "channel": 2, "rms": 1},
    activate_last={True: 2, False: 2},
    residual={True: 2, False: 2},
    sizes={"b": (1, 2), "s": (4, 5, 6), "c": (2, 4, 5)},
)
def separable_conv(
    x,
    depthwise,
    pointwise,
    dw_bias=None,
    bias=None,
    scale=None,
    w_se=None,
    *,
    stride=1,
    by_matmul=True,
    activation=None,
    norm="none",
    activate_last=True,
    residual=False,
):
    """Convolution of each channel by itself, and then of the channels of each pixel.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        depthwise: Kernel of shape `(height, width, channels)`.
        pointwise: Weights that mix the channels.
        dw_bias: Bias after the first convolution.
        bias: Bias of the result.
        scale: Scale of each channel of the result.
        w_se: Weights of a gate for each channel.
        stride: Stride of the first convolution.
    """
    h = lax.conv_general_dilated(
        x,
        depthwise[None],
        window_strides=(stride, stride),
        padding="SAME",
        dimension_numbers=("NHWC", "IHWO", "NHWC"),
        feature_group_count=x.shape[-1],
    )
    if dw_bias is not None:
        h = h + dw_bias
    if norm == "channel":
        h = channel_norm(h)
    elif norm == "rms":
        h = h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=-1, keepdims=True) + 1e-6)
    h = activation(h)
    if w_se is not None:
        h = h * jax.nn.sigmoid(jnp.mean(h, axis=(1, 2), keepdims=True) @ w_se)
    if by_matmul:
        out = h @ pointwise
    else:
        out = jnp.einsum("bhwc,cd->bhwd", h, pointwise)
    if scale is not None:
        out = out * scale
    if bias is not None:
        out = out + bias
    if activate_last:
        out = activation(out)
    if residual:
        # The shortcut needs images of the same size.
        if stride == 1:
            out = out + x
        else:
            out = out + x[:, ::stride, ::stride]
    return out


@family(
    "contraction",
    "reduction",
    x="b s s c",
    kernel1="c c c c in -0.5..0.5",
    kernel2="c c c c in -0.5..0.5",
    w_skip="? c c in -0.8..0.8",
    bias1="? c",
    bias2="? c",
    emb="? b c",
    order={"post": 3, "pre": 3, "fixup": 1},
    norm={"none": 2, "channel": 2, "instance": 1},
    activation={Code("jax.nn.relu"): 4, Code("jax.nn.silu"): 2, Code("jax.nn.leaky_relu"): 1},
    stride=decided({1: 4, 2: 1}),
    dilated=decided({False: 4, True: 1}),
    residual_scale={None: 3, 0.1: 1, 0.7071: 1},
    sizes={"b": (1, 2), "s": (4, 5, 6), "c": (2, 2, 4)},
)
def residual_conv_block(
    x,
    kernel1,
    kernel2,
    w_skip=None,
    bias1=None,
    bias2=None,
    emb=None,
    *,
    order="post",
    norm="none",
    activation=None,
    stride=1,
    dilated=False,
    residual_scale=None,
):
    """Two convolutions with a shortcut.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        kernel1: Kernel of the first convolution.
        kernel2: Kernel of the second convolution.
        w_skip: Weights of the shortcut.
        bias1: Bias of the first convolution.
        bias2: Bias of the second convolution.
        emb: Embedding of each image, added between the convolutions.
    """
    if order == "pre":
        h = activation(x)
    else:
        h = x
    if stride == 2:
        h = conv2d(h, kernel1, stride=2)
    else:
        h = conv2d(h, kernel1)
    if norm == "channel":
        h = channel_norm(h)
    elif norm == "instance":
        mean = jnp.mean(h, axis=(1, 2), keepdims=True)
        var = jnp.var(h, axis=(1, 2), keepdims=True)
        h = (h - mean) * jax.lax.rsqrt(var + 1e-5)
    if bias1 is not None:
        h = h + bias1
    if emb is not None:
        h = h + emb[:, None, None, :]
    h = activation(h)
    if dilated:
        h = dilated_conv2d(h, kernel2)
    else:
        h = conv2d(h, kernel2)
    if bias2 is not None:
        h = h + bias2
    if stride == 2:
        shortcut = x[:, ::2, ::2]
    else:
        shortcut = x
    if w_skip is not None:
        shortcut = shortcut @ w_skip
    if residual_scale is not None:
        h = residual_scale * h
    if order == "post":
        return activation(h + shortcut)
    return h + shortcut


@family(
    "reduction",
    x="b 2*k 2*k c",
    gain="? c in 0.5..1.5",
    bias="? c",
    kind={"max": 3, "mean": 3, "power": 1, "mixed": 2, "logsumexp": 1, "softmax": 1},
    before={"none": 3, "relu": 1, "softplus": 1, "tanh": 1, "local_mean": 1},
    output={"image": 3, "flat": 1, "normalized": 1, "channels": 1},
    sizes={"b": (1, 2, 2), "k": (2, 2, 3, 4), "c": (2, 4, 5)},
)
def pool_2d(x, gain=None, bias=None, *, kind="max", before="none", output="image"):
    """Pools windows of two by two pixels.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        gain: Scale of each channel.
        bias: Shift of each channel.
    """
    if gain is not None:
        x = x * gain
    if bias is not None:
        x = x + bias
    if before == "relu":
        x = jax.nn.relu(x)
    elif before == "softplus":
        x = jax.nn.softplus(x)
    elif before == "tanh":
        x = jnp.tanh(x)
    elif before == "local_mean":
        # Blur before the resolution is halved.
        x = lax.reduce_window(x, 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME") / 9.0
    if kind == "max":
        pooled = max_pool(x)
    elif kind == "mean":
        pooled = mean_pool(x)
    elif kind == "power":
        pooled = jnp.sqrt(mean_pool(jnp.square(x)) + 1e-6)
    elif kind == "mixed":
        pooled = 0.5 * (max_pool(x) + mean_pool(x))
    elif kind == "logsumexp":
        pooled = jnp.log(mean_pool(jnp.exp(x)))
    else:
        weights = jnp.exp(x)
        pooled = mean_pool(x * weights) / mean_pool(weights)
    if output == "flat":
        return pooled.reshape(pooled.shape[0], -1)
    if output == "normalized":
        return pooled / (jnp.linalg.norm(pooled, axis=-1, keepdims=True) + 1e-6)
    if output == "channels":
        return jnp.mean(pooled, axis=(1, 2))
    return pooled


@family(
    "contraction",
    "reduction",
    x="b s s c",
    kernel="c c c f in -0.6..0.6",
    bias="? f",
    skip="? b 2*s 2*s f",
    w_rgb="? f e in -0.8..0.8",
    kind={"nearest": 3, "transposed": 2, "bilinear": 2, "reshape": 2},
    norm={"none": 3, "channel": 1, "rms": 1},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.leaky_relu"): 2,
    },
    merge=decided({"add": 3, "multiply": 1}),
    head=decided({"linear": 2, "tanh": 2, "sigmoid": 1}),
    sizes={"b": (1, 1, 2), "s": (2, 3, 4), "c": (2, 4), "f": (2, 4), "e": (2, 4)},
)
def upsample_block(
    x,
    kernel,
    bias=None,
    skip=None,
    w_rgb=None,
    *,
    kind="nearest",
    norm="none",
    activation=None,
    merge="add",
    head="linear",
):
    """Doubles the resolution of images, with a convolution.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        kernel: Kernel of the convolution.
        bias: Bias of each channel.
        skip: Features of the higher resolution.
        w_rgb: Weights to the channels of the output.

    Returns:
        Images of twice the height and width.
    """
    if kind == "transposed":
        size = kernel.shape[0]
        pad = size // 2
        h = lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1, 1),
            padding=((pad, size - pad), (pad, size - pad)),
            lhs_dilation=(2, 2),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    elif kind == "nearest":
        upsampled = jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
        h = conv2d(upsampled, kernel)
    elif kind == "reshape":
        n, height, width, c = x.shape
        upsampled = jnp.broadcast_to(x[:, :, None, :, None, :], (n, height, 2, width, 2, c))
        h = conv2d(upsampled.reshape(n, 2 * height, 2 * width, c), kernel)
    else:
        # Between two pixels, their mean; the last one is repeated.
        below = jnp.concatenate([x[:, 1:], x[:, -1:]], axis=1)
        rows = jnp.stack([x, 0.5 * (x + below)], axis=2)
        rows = rows.reshape(x.shape[0], -1, x.shape[2], x.shape[3])
        right = jnp.concatenate([rows[:, :, 1:], rows[:, :, -1:]], axis=2)
        upsampled = jnp.stack([rows, 0.5 * (rows + right)], axis=3)
        h = conv2d(upsampled.reshape(x.shape[0], rows.shape[1], -1, x.shape[3]), kernel)
    if bias is not None:
        h = h + bias
    if norm == "channel":
        h = channel_norm(h)
    elif norm == "rms":
        h = h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=-1, keepdims=True) + 1e-6)
    h = activation(h)
    if skip is not None:
        if merge == "add":
            h = h + skip
        else:
            h = h * jax.nn.sigmoid(skip)
    if w_rgb is not None:
        h = h @ w_rgb
        if head == "tanh":
            h = jnp.tanh(h)
        elif head == "sigmoid":
            h = jax.nn.sigmoid(h)
    return h


@family(
    "contraction",
    "reduction",
    x="b t c",
    kernels="l c c c in -0.5..0.5",
    biases="? l c",
    gates="? l c c c in -0.5..0.5",
    w_out="? c e in -0.8..0.8",
    num_layers=(Code("l"),),
    dilated=decided({True: 3, False: 1}),
    causal=decided({True: 3, False: 1}),
    activation={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 2, Code("jax.nn.gelu"): 1},
    residual={"add": 3, "none": 1, "normalized": 1},
    use_skips=decided({False: 2, True: 1}),
    pool={"none": 2, "last": 1, "mean": 1},
    sizes={"b": (1, 2), "t": (6, 8, 8, 10), "c": (2, 2, 4), "l": (2, 3), "e": (2, 4)},
)
def tcn(
    x,
    kernels,
    biases=None,
    gates=None,
    w_out=None,
    *,
    num_layers=3,
    dilated=True,
    causal=True,
    activation=None,
    residual="add",
    use_skips=False,
    pool="none",
):
    """Stack of convolutions over time.

    Args:
        x: Sequences of shape `(batch, time, channels)`.
        kernels: Kernels of all layers.
        biases: Biases of all layers.
        gates: Kernels of the gates of all layers.
        w_out: Weights of the output.
        num_layers: Number of layers.
    """
    h = x
    if use_skips:
        skips = jnp.zeros_like(x)
    for i in range(num_layers):
        if dilated:
            # Each layer sees twice as far as the one before.
            y = dilated_conv1d(h, kernels[i], 2**i, causal)
        else:
            y = conv1d(h, kernels[i], causal)
        if biases is not None:
            y = y + biases[i]
        y = activation(y)
        if gates is not None:
            if dilated:
                y = y * jax.nn.sigmoid(dilated_conv1d(h, gates[i], 2**i, causal))
            else:
                y = y * jax.nn.sigmoid(conv1d(h, gates[i], causal))
        if use_skips:
            skips = skips + y
        if residual == "add":
            h = h + y
        elif residual == "normalized":
            h = channel_norm(h + y) + h
        else:
            h = y
    if use_skips:
        h = jax.nn.relu(skips)
    if pool == "last":
        h = h[:, -1]
    elif pool == "mean":
        h = jnp.mean(h, axis=1)
    if w_out is not None:
        h = h @ w_out
    return h


@family(
    "reduction",
    images="b 2*p 2*p p",
    kernel="p*p*p d in -0.6..0.6",
    bias="? d",
    position="? 4 d",
    cls_token="? d",
    patch_size=(Code("p"),),
    spelling=decided({"reshape": 3, "einsum": 1, "conv": 2}),
    norm={"none": 3, "layer": 1, "rms": 1, "scale": 1},
    standardize={False: 2, True: 1},
    pool={"none": 4, "mean": 1},
    sizes={"b": (1, 2, 2), "p": (2, 2, 4), "d": (4, 5, 6)},
)
def patch_embed(
    images,
    kernel,
    bias=None,
    position=None,
    cls_token=None,
    *,
    patch_size=2,
    spelling="reshape",
    norm="none",
    standardize=False,
    pool="none",
):
    """Embeds the patches of images as tokens.

    Args:
        images: Images of shape `(batch, height, width, channels)`.
        kernel: Weights from the pixels of a patch to a token.
        bias: Bias of the tokens.
        position: Embedding of each patch's position.
        cls_token: Token that is put before all others.
        patch_size: Height and width of a patch.
    """
    batch = images.shape[0]
    if standardize:
        images = (images - 0.5) / 0.25
    if spelling == "conv":
        tokens = lax.conv_general_dilated(
            images,
            kernel.reshape(patch_size, patch_size, images.shape[-1], -1),
            window_strides=(patch_size, patch_size),
            padding="VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        tokens = tokens.reshape(batch, -1, kernel.shape[-1])
    else:
        _, height, width, c = images.shape
        rows, cols = height // patch_size, width // patch_size
        patches = images.reshape(batch, rows, patch_size, cols, patch_size, c)
        if spelling == "einsum":
            weights = kernel.reshape(patch_size, patch_size, c, -1)
            tokens = jnp.einsum("brpsqc,pqcd->brsd", patches, weights)
            tokens = tokens.reshape(batch, rows * cols, -1)
        else:
            patches = patches.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * cols, -1)
            tokens = patches @ kernel
    if bias is not None:
        tokens = tokens + bias
    if norm == "rms":
        mean_square = jnp.mean(jnp.square(tokens), axis=-1, keepdims=True)
        tokens = tokens * jax.lax.rsqrt(mean_square + 1e-6)
    elif norm == "scale":
        tokens = tokens * kernel.shape[-1] ** 0.5
    if position is not None:
        tokens = tokens + position
    if norm == "layer":
        # So that large tokens don't rule.
        tokens = jnp.tanh(channel_norm(tokens))
    if cls_token is not None:
        first = jnp.broadcast_to(cls_token, (batch, 1, cls_token.shape[-1]))
        tokens = jnp.concatenate([first, tokens], axis=1)
    if pool == "mean":
        return jnp.mean(tokens, axis=1)
    return tokens


@family(
    "reduction",
    "contraction",
    "elementwise",
    "multi_statement",
    x="b t c",
    taps="k c in -1..1",
    bias="? c",
    gate="? b t c",
    num_taps=(Code("k"),),
    spelling=decided({"shifts": 3, "stack": 2, "conv": 2}),
    activation={Code("jax.nn.silu"): 3, Code("jax.nn.gelu"): 1, Code("jnp.tanh"): 1},
    activate={True: 2, False: 1},
    residual={False: 2, True: 1},
    keep_state={False: 3, True: 1},
    sizes={"b": (1, 2), "t": (5, 6, 8, 10), "c": (2, 4, 5), "k": (2, 3, 4)},
)
def short_conv(
    x,
    taps,
    bias=None,
    gate=None,
    *,
    num_taps=4,
    spelling="shifts",
    activation=None,
    activate=True,
    residual=False,
    keep_state=False,
):
    """Short causal convolution of each channel over time.

    Args:
        x: Sequences of shape `(batch, time, channels)`.
        taps: Weights of each channel, the last one for the present.
        bias: Bias of each channel.
        gate: Gate of the result.
        num_taps: Number of taps.
    """
    t = x.shape[1]
    padded = jnp.pad(x, ((0, 0), (num_taps - 1, 0), (0, 0)))
    if spelling == "shifts":
        y = jnp.zeros_like(x)
        for i in range(num_taps):
            y = y + padded[:, i : i + t] * taps[i]
    elif spelling == "stack":
        windows = jnp.stack([padded[:, i : i + t] for i in range(num_taps)], axis=2)
        y = jnp.einsum("btkc,kc->btc", windows, taps)
    else:
        y = lax.conv_general_dilated(
            padded,
            taps[None],
            window_strides=(1,),
            padding="VALID",
            dimension_numbers=("NWC", "IWO", "NWC"),
            feature_group_count=x.shape[-1],
        )
    if bias is not None:
        y = y + bias
    if activate:
        y = activation(y)
    if gate is not None:
        y = y * jax.nn.sigmoid(gate)
    if residual:
        y = y + x
    if keep_state:
        # What the next step has to know of the past.
        return y, padded[:, t:]
    return y


@family(
    "contraction",
    "reduction",
    x="b 2*s 2*s c",
    kernel_down="c c c c in -0.5..0.5",
    kernel_up="2*c 2*c 2*c c in -0.5..0.5",
    kernel_mid="? c c c c in -0.5..0.5",
    bias="? c",
    w_out="? c e in -0.8..0.8",
    pool={"max": 2, "mean": 2, "stride": 1},
    activation={Code("jax.nn.relu"): 3, Code("jax.nn.silu"): 2, Code("jax.nn.gelu"): 1},
    norm={"none": 3, "channel": 1},
    residual={False: 2, True: 1},
    weight=6,
    sizes={"b": (1, 1, 2), "s": (2, 2, 4), "c": (2,), "e": (2, 4)},
)
def unet_step(
    x,
    kernel_down,
    kernel_up,
    kernel_mid=None,
    bias=None,
    w_out=None,
    *,
    pool="max",
    activation=None,
    norm="none",
    residual=False,
):
    """One level of a U-Net: halve the resolution, double it again, and join both.

    Args:
        x: Images of shape `(batch, height, width, channels)`.
        kernel_down: Kernel before the resolution is halved.
        kernel_up: Kernel after both are joined.
        kernel_mid: Kernel at the lower resolution.
        bias: Bias of the joined features.
        w_out: Weights to the channels of the output.
    """
    skip = activation(conv2d(x, kernel_down))
    if pool == "max":
        h = max_pool(skip)
    elif pool == "mean":
        h = mean_pool(skip)
    else:
        h = skip[:, ::2, ::2]
    if kernel_mid is not None:
        h = activation(conv2d(h, kernel_mid))
    if norm == "channel":
        h = channel_norm(h)
    h = jnp.repeat(jnp.repeat(h, 2, axis=1), 2, axis=2)
    h = conv2d(jnp.concatenate([skip, h], axis=-1), kernel_up)
    if bias is not None:
        h = h + bias
    h = activation(h)
    if residual:
        h = h + x
    if w_out is not None:
        h = h @ w_out
    return h
