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
conv_block: conv_block 5, conv_layer 3, convolution_block 1
conv1d_block: conv1d_block 4, temporal_block 2, temporal_conv_block 2
separable_conv: separable_conv 4, depthwise_separable_conv 4, depthwise_separable 2
depthwise: depthwise 4, w_dw 2, dw_kernel 3, depthwise_kernel 2
pointwise: pointwise 4, w_pw 2, pw_kernel 3, pointwise_kernel 2
expand: expand 4, w_expand 3, expand_kernel 2
residual_conv_block: residual_conv_block 2, residual_block 5, resnet_block 3
kernel1: kernel1 4, w1 4, conv1_kernel 2
kernel2: kernel2 4, w2 4, conv2_kernel 2
w_skip: w_skip 4, shortcut_kernel 2, w_proj 3
shortcut: shortcut 5, skip 3, identity 2
h: h 6, y 3, out 2
out: out 6, y 4
channel_norm: channel_norm 3, norm 3, normalize 3, channels_norm 1
pool_2d: pool_2d 4, pool2d 3, downsample_2x 1
global_pool: global_pool 4, image_descriptor 2, global_pooling 2
pooled: pooled 6, y 2, windows 1
max_pool: max_pool 6, max_pool_2d 3, maxpool 1
mean_pool: mean_pool 2, avg_pool 5, average_pool 2
window: window 5, window_size 2, size 2, pool_size 2
upsample_block: upsample_block 4, upsample_conv 3, up_block 3
upsampled: upsampled 4, up 3, x_up 1
factor: factor 6, scale_factor 2, r 1
tcn: tcn 3, temporal_conv_net 3
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
short_conv: short_conv 4, causal_depthwise_conv 3, depthwise_conv1d 1
taps: taps 4, kernel 3, w 2
padded: padded 6, x_pad 3, xp 1
filter_gate: filter_gate 3, gate 3
unet_step: unet_step 2, unet_block 3, unet_level 2
"""


def conv2d(x, kernel, stride=1, padding="SAME"):
    """2D convolution in NHWC layout."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def dilated_conv2d(x, kernel, dilation=2):
    """2D convolution with a dilated kernel, in NHWC layout."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding="SAME",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def conv1d(x, kernel, causal=False):
    """1D convolution in NWC layout."""
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
    """1D convolution with a dilated kernel, in NWC layout."""
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
    """Normalise each pixel over its channels."""
    mean = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + eps)


def max_pool(x, window=2):
    """Max pooling over windows that do not overlap."""
    return lax.reduce_window(
        x, -jnp.inf, lax.max, (1, window, window, 1), (1, window, window, 1), "VALID"
    )


def mean_pool(x, window=2):
    """Average pooling over windows that do not overlap."""
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
    stride=decided({1: 4, 2: 2}),
    padding=decided({"SAME": 3, "VALID": 2}),
    dilated=decided({False: 5, True: 1}),
    norm={"none": 3, "batch": 2, "instance": 1, "channel": 1},
    activation={
        Code("jax.nn.relu"): 5,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.gelu"): 1,
        Code("jax.nn.leaky_relu"): 1,
        Code("jnp.tanh"): 1,
    },
    pool={"none": 5, "global": 1},
    helper=decided({True: 2, False: 1}),
    sizes={"b": (1, 2), "s": (7, 8), "c": (2, 4, 5), "f": (2, 4, 5)},
)
def conv_block(
    x,
    kernel,
    bias=None,
    scale=None,
    *,
    stride=1,
    padding="SAME",
    dilated=False,
    norm="none",
    activation=None,
    pool="none",
    helper=True,
):
    """Convolutional block: convolution, normalisation and activation.

    Args:
        x: images of shape (batch, height, width, channels).
        kernel: kernel of shape (height, width, in channels, out channels).
        bias: bias of each channel, added before the activation.
        scale: scale of each channel.
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
    if bias is not None:
        y = y + bias
    y = activation(y)
    if pool == "global":
        return jnp.mean(y, axis=(1, 2))
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
    norm={"none": 3, "rms": 1},
    activation={
        Code("jax.nn.relu"): 3,
        Code("jnp.tanh"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
    },
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
):
    """Temporal convolution block, with optional gate and residual connection.

    Args:
        x: sequences of shape (batch, time, channels).
        kernel: kernel of shape (width, in channels, out channels).
        bias: bias of each channel.
        kernel_gate: kernel of the sigmoid gate.
        w_out: pointwise weights back to the residual stream.
        w_skip: pointwise weights of the skip output.
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
    if norm == "rms":
        y = y * jax.lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + 1e-6)
    if w_out is None:
        if w_skip is not None:
            return y, y @ w_skip
        return y
    out = x + y @ w_out
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
    activate_last={True: 3, False: 1},
    residual={False: 3, True: 1},
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
    activate_last=True,
    residual=False,
):
    """Depthwise separable convolution: one kernel for each channel, then a 1x1 convolution.

    Args:
        x: images of shape (batch, height, width, channels).
        depthwise: depthwise kernel of shape (height, width, channels).
        pointwise: weights of the 1x1 convolution, of shape (in channels, out channels).
        dw_bias: bias after the depthwise convolution.
        bias: bias after the 1x1 convolution.
        scale: scale of each output channel.
        w_se: weights of the squeeze-and-excitation gate.
        stride: stride of the depthwise convolution.
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
        # The shortcut is subsampled like the depthwise convolution.
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
    order={"post": 3, "pre": 3},
    norm={"none": 2, "channel": 2, "instance": 1},
    activation={Code("jax.nn.relu"): 4, Code("jax.nn.silu"): 2, Code("jax.nn.leaky_relu"): 1},
    stride=decided({1: 4, 2: 1}),
    residual_scale={None: 4, 0.1: 1},
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
    residual_scale=None,
):
    """Residual block of two convolutions.

    Args:
        x: images of shape (batch, height, width, channels).
        kernel1: kernel of the first convolution.
        kernel2: kernel of the second convolution.
        w_skip: weights of a 1x1 convolution on the shortcut.
        bias1: bias of the first convolution.
        bias2: bias of the second convolution.
        emb: conditioning vector of each image, added to all pixels.
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
    kind={"max": 4, "mean": 4, "l2": 1, "mixed": 1, "logsumexp": 1, "softmax": 1, "blur": 1},
    spelling=decided({"reshape": 2, "window": 2}),
    flatten={False: 4, True: 1},
    sizes={"b": (1, 2, 2), "k": (2, 2, 3, 4), "c": (2, 4, 5)},
)
def pool_2d(x, *, kind="max", spelling="reshape", flatten=False):
    """Pool 2x2 windows of images in NHWC layout."""
    if kind == "max":
        if spelling == "window":
            pooled = max_pool(x)
        else:
            n, height, width, c = x.shape
            pooled = x.reshape(n, height // 2, 2, width // 2, 2, c).max(axis=(2, 4))
    elif kind == "mean":
        if spelling == "window":
            summed = lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            pooled = summed / 4.0
        else:
            pooled = mean_pool(x)
    elif kind == "l2":
        # Root mean square of each window.
        pooled = jnp.sqrt(mean_pool(jnp.square(x)) + 1e-6)
    elif kind == "mixed":
        # Halfway between max and average pooling.
        pooled = 0.5 * (max_pool(x) + mean_pool(x))
    elif kind == "logsumexp":
        pooled = jnp.log(mean_pool(jnp.exp(x)))
    elif kind == "softmax":
        # Softmax-weighted mean of each window.
        weights = jnp.exp(x)
        pooled = mean_pool(x * weights) / mean_pool(weights)
    else:
        # Anti-aliased max pooling: dense maximum, blur, then subsampling.
        dense = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 1, 1, 1), "SAME")
        blurred = lax.reduce_window(dense, 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME") / 9.0
        pooled = blurred[:, ::2, ::2]
    if flatten:
        return pooled.reshape(pooled.shape[0], -1)
    return pooled


@family(
    "reduction",
    x="b s s c",
    exponent="? c in 1.5..4",
    w="? c f in -0.8..0.8",
    kind={"mean": 3, "max": 2, "mixed": 2, "rms": 1},
    normalize={False: 3, True: 1},
    sizes={"b": (1, 2, 2), "s": (3, 4, 5), "c": (2, 4, 5), "f": (2, 4)},
)
def global_pool(x, exponent=None, w=None, *, kind="mean", normalize=False):
    """Global pooling of feature maps to image descriptors.

    Args:
        x: feature maps of shape (batch, height, width, channels).
        exponent: exponent of generalised mean (GeM) pooling for each channel.
        w: weights of a linear projection of the descriptors.
    """
    if exponent is not None:
        clamped = jnp.maximum(x, 1e-3)
        pooled = jnp.mean(clamped**exponent, axis=(1, 2)) ** (1.0 / exponent)
    elif kind == "max":
        pooled = jnp.max(x, axis=(1, 2))
    elif kind == "mixed":
        # Halfway between average and max pooling.
        pooled = 0.5 * (jnp.mean(x, axis=(1, 2)) + jnp.max(x, axis=(1, 2)))
    elif kind == "rms":
        pooled = jnp.sqrt(jnp.mean(jnp.square(x), axis=(1, 2)) + 1e-6)
    else:
        pooled = jnp.mean(x, axis=(1, 2))
    if w is not None:
        pooled = pooled @ w
    if normalize:
        pooled = pooled / jnp.maximum(jnp.linalg.norm(pooled, axis=-1, keepdims=True), 1e-6)
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
    norm={"none": 3, "channel": 1},
    activation={
        Code("jax.nn.relu"): 4,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.leaky_relu"): 2,
    },
    head={"linear": 3, "tanh": 1},
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
    head="linear",
):
    """Decoder block: double the resolution, with a convolution.

    Args:
        x: images of shape (batch, height, width, channels).
        kernel: kernel of shape (height, width, in channels, out channels).
        bias: bias of each output channel.
        skip: encoder features at the higher resolution, which are added.
        w_rgb: weights of a 1x1 convolution to the output channels.
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
        # Linear interpolation between neighbours; the last pixel is repeated.
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
    h = activation(h)
    if skip is not None:
        h = h + skip
    if w_rgb is not None:
        h = h @ w_rgb
        if head == "tanh":
            h = jnp.tanh(h)
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
    residual={"add": 3, "none": 1},
    use_skips=decided({False: 2, True: 1}),
    pool={"none": 3, "last": 1, "mean": 1},
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
    """Temporal convolutional network (TCN).

    Args:
        x: sequences of shape (batch, time, channels).
        kernels: kernels of shape (layers, width, in channels, out channels).
        biases: biases of shape (layers, channels).
        gates: kernels of the sigmoid gates, shaped like the kernels.
        w_out: weights of the output layer.
        num_layers: number of layers.
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
    gain="? d in 0.5..1.5",
    patch_size=(Code("p"),),
    spelling=decided({"reshape": 3, "einsum": 1, "conv": 2}),
    sizes={"b": (1, 2, 2), "p": (2, 2, 4), "d": (4, 5, 6)},
)
def patch_embed(
    images,
    kernel,
    bias=None,
    position=None,
    cls_token=None,
    gain=None,
    *,
    patch_size=2,
    spelling="reshape",
):
    """Patch embedding of a vision transformer (ViT).

    Args:
        images: images of shape (batch, height, width, channels).
        kernel: weights from the flattened pixels of a patch to a token.
        bias: bias of the tokens.
        position: position embedding of each patch.
        cls_token: class token, which is prepended.
        gain: gain of a layer normalisation of the tokens.
        patch_size: height and width of a patch.
    """
    batch = images.shape[0]
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
    if gain is not None:
        tokens = channel_norm(tokens) * gain
    if position is not None:
        tokens = tokens + position
    if cls_token is not None:
        first = jnp.broadcast_to(cls_token, (batch, 1, cls_token.shape[-1]))
        tokens = jnp.concatenate([first, tokens], axis=1)
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
    """Causal depthwise convolution over time, with a few taps.

    Args:
        x: sequences of shape (batch, time, channels).
        taps: taps of each channel; the last one weighs the present.
        bias: bias of each channel.
        gate: logits of a multiplicative gate.
        num_taps: number of taps.
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
        # The last inputs, which the next chunk starts from.
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
):
    """One level of a U-Net: downsample, upsample, and join with the skip connection.

    Args:
        x: images of shape (batch, height, width, channels).
        kernel_down: kernel of the encoder's convolution.
        kernel_up: kernel of the decoder's convolution, for twice the channels.
        kernel_mid: kernel of the bottleneck's convolution.
        bias: bias of the decoder.
        w_out: weights of a 1x1 convolution to the output channels.
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
    if w_out is not None:
        h = h @ w_out
    return h
