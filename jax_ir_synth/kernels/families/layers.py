"""Families: feed-forward layers and blocks of neural networks."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax


NAMES = """
dense: dense 5, linear 4, affine 1, _dense 1
mlp: mlp 6, mlp_forward 3, forward 2, feed_forward_net 1
deep_mlp: deep_mlp 3, mlp 3, stacked_mlp 2, forward 2
gated_mlp: gated_mlp 4, glu_mlp 2, swiglu 2, gated_feed_forward 2
fused_glu: fused_glu 3, glu_block 2, gated_linear_unit 3, glu 2
feed_forward: feed_forward 5, ffn 3, mlp_block 3, ffn_block 2
w: w 6, W 2, kernel 3
b: b 6, bias 4
w1: w1 7, W1 2, kernel1 1
w2: w2 7, W2 2, kernel2 1
w3: w3 7, W3 2, kernel3 1
b1: b1 7, bias1 2
b2: b2 7, bias2 2
weights: weights 5, kernels 2, ws 1, Ws 1
biases: biases 5, bs 1
w_in: w_in 4, w_up 1, W_in 2, in_kernel 1
w_out: w_out 4, W_out 2, out_kernel 1
b_in: b_in 4, in_bias 1
b_out: b_out 4, out_bias 1
w_gate: w_gate 5, gate_kernel 1, w_g 2, W_gate 1
w_up: w_up 5, up_kernel 1, w_u 2, W_up 1
w_down: w_down 5, down_kernel 1, w_d 2, W_down 1
b_gate: b_gate 4, gate_bias 2
b_up: b_up 4, up_bias 2
hidden: hidden 5, h 5
h: h 6, z 1
gate: gate 6, g 2
up: up 4, u 1
out: out 6, output 2
projected: projected 3, proj 4, xw 1, y 1
norm_scale: norm_scale 4, norm_weight 3
layer_scale: layer_scale 4, ls_gamma 1
keep: keep 4, dropout_mask 2, keep_mask 3
keep_prob: keep_prob 5, keep_rate 1
highway: highway 4, highway_layer 3, highway_network 2
w_h: w_h 4, W_h 2, w_transform 1
w_t: w_t 4, W_t 2, w_gate 1
b_h: b_h 4, b_transform 1
b_t: b_t 4, b_gate 1
squeeze_excite: squeeze_excite 4, squeeze_and_excite 3, se_block 3, channel_attention 1
pooled: pooled 4, s 1
attention: attention 2, excitation 2, gate 3
mixture_of_experts: moe 3, moe_layer 3, mixture_of_experts 4
w_router: w_router 4, router 2, w_gate 2, gate_kernel 1
w_experts: w_experts 4, experts 2, expert_weights 1
router_logits: router_logits 3, logits 5, gate_logits 2
probs: probs 5, router_probs 3
expert_out: expert_out 3, expert_outputs 3, ys 1, outs 1
load: load 3, fraction 2, density 2
importance: importance 3, mean_probs 2, density_proxy 1
aux_loss: aux_loss 5, balance_loss 2, load_balance 2
lora_dense: lora_dense 4, lora_linear 4, low_rank_dense 2, lora_forward 2
lora_a: lora_a 5, a 2, A 2, w_a 1
lora_b: lora_b 5, b 2, B 2, w_b 1
delta: delta 4, lora_out 2
film: film 4, film_layer 3, modulate 2
adaln_block: adaln_block 4, dit_mlp_block 3, modulated_mlp 2
cond: cond 5, c 2, conditioning 2
gamma: gamma 6
beta: beta 6
dropout_add: dropout_add 3, bias_dropout_add 2, dropout_residual 2
hyper_dense: hyper_dense 3, hypernet_dense 2, dynamic_dense 2
bilinear: bilinear 5, bilinear_layer 3
deep_sets: deep_sets 5, deep_set 3, set_encoder 2, pool_set 1
w_phi: w_phi 4, W_phi 2, phi_kernel 1
w_rho: w_rho 4, W_rho 2, rho_kernel 1
b_phi: b_phi 4, phi_bias 1
b_rho: b_rho 4, rho_bias 1
elements: elements 3, encoded 2, phi 2
mixer_block: mixer_block 5, mlp_mixer 2, mixer_layer 3
shares: attn 4, shares 1, alphas 2
maxout: maxout 5, maxout_layer 3, maxout_dense 1
pieces: pieces 4
coordinate_mlp: coordinate_mlp 3, fourier_mlp 2, implicit_network 1, neural_field 2
features: features 5, feats 3, encoding 2
angles: angles 4, phases 2, proj 2
adapter: adapter 4, bottleneck_adapter 3, adapter_block 2
num_layers: num_layers 6, n_layers 3, depth 3
rank: rank 6, r 3
alpha: alpha 6, lora_alpha 2
"""


def dense(x, w, b=None):
    y = x @ w
    if b is not None:
        y = y + b
    return y


def layer_norm(x, scale, bias=None, eps=1e-5):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.var(x, axis=-1, keepdims=True)
    out = (x - mean) * jax.lax.rsqrt(variance + eps) * scale
    if bias is not None:
        out = out + bias
    return out


def rms_norm(x, scale, eps=1e-6):
    mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(mean_square + eps) * scale


@family(
    "contraction",
    "reduction",
    x="n d",
    w1="d h in -1..1",
    w2="h e in -1..1",
    b1="? h",
    b2="? e",
    w3="? e f in -1..1",
    norm_scale="? h in 0.5..1.5",
    activation={
        Code("jax.nn.relu"): 4,
        Code("jnp.tanh"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
        Code("jax.nn.leaky_relu"): 1,
        Code("jax.nn.elu"): 1,
    },
    spelling=decided({"inline": 3, "helper": 4, "vmap": 2}),
    activate_final={False: 4, True: 1},
    sizes={"d": (4, 5, 6, 8), "h": (4, 8, 8, 16), "e": (4, 6, 8), "f": (4, 5, 8)},
)
def mlp(
    x,
    w1,
    w2,
    b1=None,
    b2=None,
    w3=None,
    norm_scale=None,
    *,
    activation=None,
    spelling="inline",
    activate_final=False,
):
    """Multilayer perceptron.

    Args:
        x: Inputs of shape `(batch, features)`.
        w1: Weights of the first layer.
        w2: Weights of the second layer.
        b1: Bias of the first layer.
        b2: Bias of the second layer.
        w3: Weights of the third layer.
        norm_scale: Scale of the layer norm before the first activation.
    """
    if spelling == "inline":
        h = x @ w1
        if b1 is not None:
            h = h + b1
        if norm_scale is not None:
            h = layer_norm(h, norm_scale)
        h = activation(h)
        if b2 is not None:
            out = h @ w2 + b2
        else:
            out = h @ w2
        if w3 is not None:
            out = activation(out) @ w3
    elif spelling == "helper":
        h = dense(x, w1, b1)
        if norm_scale is not None:
            h = layer_norm(h, norm_scale)
        out = dense(activation(h), w2, b2)
        if w3 is not None:
            out = dense(activation(out), w3)
    else:

        def forward(row):
            z = dense(row, w1, b1)
            if norm_scale is not None:
                z = layer_norm(z, norm_scale)
            z = dense(activation(z), w2, b2)
            if w3 is not None:
                z = dense(activation(z), w3)
            return z

        out = jax.vmap(forward)(x)
    if activate_final:
        return activation(out)
    return out


@family(
    "contraction",
    "reduction",
    x="n d",
    weights="l d d in -0.6..0.6",
    biases="? l d",
    norm_scale="? l d in 0.5..1.5",
    w_in="? d d in -0.6..0.6",
    w_out="? d e in -0.6..0.6",
    num_layers=(Code("l"),),
    activation={
        Code("jax.nn.relu"): 4,
        Code("jnp.tanh"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
    },
    residual=(False, True),
    norm=("rms", "layer"),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "l": (2, 3, 4), "e": (2, 4, 6)},
)
def deep_mlp(
    x,
    weights,
    biases=None,
    norm_scale=None,
    w_in=None,
    w_out=None,
    *,
    num_layers=3,
    activation=None,
    residual=False,
    norm="rms",
):
    """Multilayer perceptron whose hidden layers have stacked parameters.

    Args:
        x: Inputs of shape `(batch, features)`.
        weights: Weights of shape `(layers, features, features)`.
        biases: Biases of shape `(layers, features)`.
        norm_scale: Scales of the normalization before each layer.
        w_in: Weights of the input projection.
        w_out: Weights of the output projection.
        num_layers: Number of hidden layers.
    """
    if w_in is not None:
        h = x @ w_in
    else:
        h = x
    for i in range(num_layers):
        if norm_scale is not None:
            if norm == "layer":
                y = layer_norm(h, norm_scale[i]) @ weights[i]
            else:
                y = rms_norm(h, norm_scale[i]) @ weights[i]
        else:
            y = h @ weights[i]
        if biases is not None:
            y = y + biases[i]
        if residual:
            h = h + activation(y)
        else:
            h = activation(y)
    if w_out is not None:
        h = h @ w_out
    return h


@family(
    "loop",
    x="n d",
    weights="l d d in -0.6..0.6",
    biases="l d",
    gates="? l d d in -0.6..0.6",
    activation={
        Code("jax.nn.relu"): 4,
        Code("jnp.tanh"): 3,
        Code("jax.nn.gelu"): 2,
        Code("jax.nn.silu"): 2,
    },
    norm=decided({"none": 2, "rms": 2, "layer": 2}),
    residual=decided({"none": 2, "add": 3}),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "l": (2, 3, 4, 5)},
)
def scanned_mlp(
    x,
    weights,
    biases,
    gates=None,
    *,
    activation=None,
    norm="none",
    residual="add",
):
    """Multilayer perceptron that scans over the stacked parameters of its layers.

    Args:
        x: Inputs of shape `(batch, features)`.
        weights: Weights of shape `(layers, features, features)`.
        biases: Biases of shape `(layers, features)`.
        gates: Gate weights of shape `(layers, features, features)`.
    """

    def step(h, params):
        if gates is not None:
            w, b, w_gate = params
        else:
            w, b = params
        if norm == "rms":
            z = h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=-1, keepdims=True) + 1e-6)
            y = activation(z @ w + b)
            if gates is not None:
                y = y * jax.nn.sigmoid(z @ w_gate)
        elif norm == "layer":
            mean = jnp.mean(h, axis=-1, keepdims=True)
            var = jnp.var(h, axis=-1, keepdims=True)
            z = (h - mean) * jax.lax.rsqrt(var + 1e-5)
            y = activation(z @ w + b)
            if gates is not None:
                y = y * jax.nn.sigmoid(z @ w_gate)
        else:
            y = activation(h @ w + b)
            if gates is not None:
                y = y * jax.nn.sigmoid(h @ w_gate)
        if residual == "add":
            return h + y, None
        return y, None

    if gates is not None:
        layers = (weights, biases, gates)
    else:
        layers = (weights, biases)
    h, _ = lax.scan(step, x, layers)
    return h


@family(
    "contraction",
    "reduction",
    x="... n d",
    w_gate="d f in -0.8..0.8",
    w_up="d f in -0.8..0.8",
    w_down="f d in -0.8..0.8",
    b_gate="? f",
    b_up="? f",
    norm_scale="? d in 0.5..1.5",
    activation={
        Code("jax.nn.silu"): 5,
        Code("jax.nn.gelu"): 3,
        Code("jax.nn.sigmoid"): 2,
        Code("jax.nn.relu"): 2,
    },
    spelling=decided({"lines": 4, "einsum": 1, "short": 3}),
    residual=(False, True),
    clip={None: 6, 7.0: 1},
    sizes={"n": (2, 4, 5, 6, 8), "d": (4, 6, 8), "f": (8, 12, 16)},
)
def gated_mlp(
    x,
    w_gate,
    w_up,
    w_down,
    b_gate=None,
    b_up=None,
    norm_scale=None,
    *,
    activation=None,
    spelling="lines",
    residual=False,
    clip=None,
):
    """Gated feed-forward layer of a transformer, as SwiGLU or GEGLU.

    Args:
        x: Inputs of shape `(..., tokens, features)`.
        w_gate: Weights of the gate.
        w_up: Weights of the values that the gate multiplies.
        w_down: Weights back to the features.
        b_gate: Bias of the gate.
        b_up: Bias of the values.
        norm_scale: Scale of the RMS norm before the layer.
    """
    inputs = x
    if norm_scale is not None:
        x = rms_norm(x, norm_scale)
    if spelling == "einsum":
        gate = jnp.einsum("...d,df->...f", x, w_gate)
        up = jnp.einsum("...d,df->...f", x, w_up)
    else:
        gate = x @ w_gate
        up = x @ w_up
    if b_gate is not None:
        gate = gate + b_gate
    if b_up is not None:
        up = up + b_up
    if clip is not None:
        # Bounds the products, which would overflow in low precision.
        gate = jnp.minimum(gate, clip)
        up = jnp.clip(up, -clip, clip)
    if spelling == "short":
        out = (activation(gate) * up) @ w_down
    elif spelling == "einsum":
        out = jnp.einsum("...f,fd->...d", activation(gate) * up, w_down)
    else:
        hidden = activation(gate) * up
        out = hidden @ w_down
    if residual:
        out = out + inputs
    return out


@family(
    "contraction",
    "reduction",
    x="n d",
    w_in="d 2*f in -0.8..0.8",
    b_in="? 2*f",
    w_out="? f e in -0.8..0.8",
    norm_scale="? f in 0.5..1.5",
    split=decided({"split": 3, "slice": 2, "reshape": 1, "interleaved": 1}),
    activation={
        Code("jax.nn.silu"): 4,
        Code("jax.nn.gelu"): 3,
        Code("jax.nn.sigmoid"): 3,
        Code("jax.nn.relu"): 1,
    },
    gate_last=decided({True: 1, False: 2}),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "f": (4, 6, 8), "e": (4, 6, 8)},
)
def fused_glu(
    x,
    w_in,
    b_in=None,
    w_out=None,
    norm_scale=None,
    *,
    split="split",
    activation=None,
    gate_last=False,
):
    """Gated linear unit whose values and gates come from one fused projection.

    Args:
        x: Inputs of shape `(batch, features)`.
        w_in: Weights of values and gates.
        b_in: Biases of values and gates.
        w_out: Weights of the output projection.
        norm_scale: Scale of the RMS norm of the gated values.
    """
    projected = dense(x, w_in, b_in)
    if split == "split":
        if gate_last:
            value, gate = jnp.split(projected, 2, axis=-1)
        else:
            gate, value = jnp.split(projected, 2, axis=-1)
    elif split == "slice":
        width = projected.shape[-1] // 2
        if gate_last:
            value, gate = projected[:, :width], projected[:, width:]
        else:
            gate, value = projected[:, :width], projected[:, width:]
    elif split == "interleaved":
        # Even columns are gates, odd ones are values.
        gate, value = projected[..., ::2], projected[..., 1::2]
    else:
        pairs = projected.reshape(x.shape[0], 2, -1)
        gate, value = pairs[:, 0], pairs[:, 1]
    hidden = activation(gate) * value
    if norm_scale is not None:
        hidden = rms_norm(hidden, norm_scale)
    if w_out is not None:
        return hidden @ w_out
    return hidden


@family(
    "contraction",
    "reduction",
    "branch",
    x="n d",
    w1="d f in -0.8..0.8",
    w2="f d in -0.8..0.8",
    b1="? f",
    b2="? d",
    norm_scale="d in 0.5..1.5",
    layer_scale="? d in 0.1..1",
    keep="? n d bool",
    norm=("layer", "rms"),
    order={"pre": 4, "post": 2, "sandwich": 1},
    activation={Code("jax.nn.gelu"): 4, Code("jax.nn.relu"): 3, Code("jax.nn.silu"): 2},
    keep_prob=decided({0.9: 2, 0.8: 1, 0.5: 1}),
    where=decided({True: 2, False: 1}),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "f": (8, 12, 16)},
)
def feed_forward(
    x,
    w1,
    w2,
    norm_scale,
    b1=None,
    b2=None,
    layer_scale=None,
    keep=None,
    *,
    norm="layer",
    order="pre",
    activation=None,
    keep_prob=0.9,
    where=True,
):
    """Feed-forward block of a transformer, with its residual connection.

    Args:
        x: Tokens of shape `(tokens, features)`.
        w1: Weights to the hidden layer.
        w2: Weights from the hidden layer.
        norm_scale: Scale of the normalization.
        b1: Bias of the hidden layer.
        b2: Bias of the output.
        layer_scale: LayerScale of the branch.
        keep: Dropout mask, true where a value is kept.
    """
    if order == "post":
        h = dense(x, w1, b1)
    elif norm == "layer":
        h = dense(layer_norm(x, norm_scale), w1, b1)
    else:
        h = dense(rms_norm(x, norm_scale), w1, b1)
    h = dense(activation(h), w2, b2)
    if order == "sandwich":
        # The branch is normalized before and after.
        h = h * jax.lax.rsqrt(jnp.mean(jnp.square(h), axis=-1, keepdims=True) + 1e-6)
    if keep is not None:
        if where:
            h = jnp.where(keep, h / keep_prob, 0.0)
        else:
            h = h * keep / keep_prob
    if layer_scale is not None:
        h = h * layer_scale
    out = x + h
    if order == "post":
        if norm == "layer":
            out = layer_norm(out, norm_scale)
        else:
            out = rms_norm(out, norm_scale)
    return out


@family(
    "contraction",
    "reduction",
    x="... n d",
    w_h="d d in -0.8..0.8",
    w_t="d d in -0.8..0.8",
    b_h="? d",
    b_t="? d in -2..0",
    w_c="? d d in -0.8..0.8",
    activation={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 3, Code("jax.nn.gelu"): 1},
    spelling=decided({"convex": 3, "difference": 2}),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8)},
)
def highway(
    x,
    w_h,
    w_t,
    b_h=None,
    b_t=None,
    w_c=None,
    *,
    activation=None,
    spelling="convex",
):
    """Highway layer, whose gate mixes its input with a transformation of it.

    Args:
        x: Inputs of shape `(..., batch, features)`.
        w_h: Weights of the transformation.
        w_t: Weights of the transform gate.
        b_h: Bias of the transformation.
        b_t: Bias of the transform gate; a negative one favours the carry.
        w_c: Weights of the carry gate.
    """
    h = activation(dense(x, w_h, b_h))
    t = jax.nn.sigmoid(dense(x, w_t, b_t))
    if w_c is not None:
        carry = jax.nn.sigmoid(x @ w_c)
        return t * h + carry * x
    if spelling == "convex":
        return t * h + (1.0 - t) * x
    return x + t * (h - x)


@family(
    "contraction",
    "multi_statement",
    x="b h w c",
    w1="c r in -1..1",
    w2="r c in -1..1",
    b1="? r",
    b2="? c",
    w_spatial="? c in -1..1",
    pool={"mean": 4, "max": 1, "both": 2},
    activation={Code("jax.nn.relu"): 4, Code("jax.nn.silu"): 2},
    gate_fn={Code("jax.nn.sigmoid"): 4, Code("jax.nn.hard_sigmoid"): 2},
    broadcast=decided({"index": 3, "reshape": 1, "keepdims": 2}),
    sizes={"b": (2, 2, 3), "h": (2, 4), "w": (2, 4), "c": (4, 6, 8), "r": (2, 4)},
)
def squeeze_excite(
    x,
    w1,
    w2,
    b1=None,
    b2=None,
    w_spatial=None,
    *,
    pool="mean",
    activation=None,
    gate_fn=None,
    broadcast="index",
):
    """Squeeze-and-excitation block, which gates the channels of feature maps.

    Args:
        x: Feature maps of shape `(batch, height, width, channels)`.
        w1: Weights to the bottleneck.
        w2: Weights back to the channels.
        b1: Bias of the bottleneck.
        b2: Bias of the channels.
        w_spatial: Weights of the spatial gate of scSE.
    """

    def excite(pooled):
        hidden = activation(dense(pooled, w1, b1))
        return dense(hidden, w2, b2)

    if pool == "both":
        # As in CBAM, both descriptors go through the same bottleneck.
        logits = excite(jnp.mean(x, axis=(1, 2))) + excite(jnp.max(x, axis=(1, 2)))
    elif pool == "max":
        logits = excite(jnp.max(x, axis=(1, 2)))
    else:
        logits = excite(jnp.mean(x, axis=(1, 2)))
    attention = gate_fn(logits)
    if broadcast == "index":
        out = x * attention[:, None, None, :]
    elif broadcast == "reshape":
        out = x * attention.reshape(x.shape[0], 1, 1, x.shape[-1])
    else:
        out = x * jnp.expand_dims(attention, (1, 2))
    if w_spatial is not None:
        out = out + x * jax.nn.sigmoid(x @ w_spatial)[..., None]
    return out


@family(
    "contraction",
    "reduction",
    "multi_statement",
    "branch",
    x="n d",
    w_router="d k in -1..1",
    w_experts="k d f in -0.8..0.8",
    w_out="k f d in -0.8..0.8",
    b_experts="? k f",
    routing={"top2": 3, "soft": 3, "top1": 2},
    activation={Code("jax.nn.relu"): 3, Code("jax.nn.gelu"): 3, Code("jax.nn.silu"): 2},
    renormalize=decided({True: 1, False: 1}),
    gate_fn={"softmax": 4, "sigmoid": 1},
    aux={"none": 4, "balance": 2, "z_loss": 1},
    spelling=decided({"einsum": 3, "vmap": 2}),
    sizes={"n": (4, 6, 8), "d": (4, 5, 6), "k": (4, 4, 5), "f": (2, 4)},
)
def mixture_of_experts(
    x,
    w_router,
    w_experts,
    w_out,
    b_experts=None,
    *,
    routing="top2",
    activation=None,
    renormalize=True,
    gate_fn="softmax",
    aux="none",
    spelling="einsum",
):
    """Mixture-of-experts layer in its dense form, with its auxiliary loss if there is one.

    Args:
        x: Tokens of shape `(tokens, features)`.
        w_router: Router weights, a column for each expert.
        w_experts: First-layer weights of shape `(experts, features, hidden)`.
        w_out: Second-layer weights of shape `(experts, hidden, features)`.
        b_experts: Biases of the experts' hidden layers.
    """
    router_logits = x @ w_router
    num_experts = w_router.shape[-1]
    if gate_fn == "softmax":
        probs = jax.nn.softmax(router_logits, axis=-1)
    else:
        probs = jax.nn.sigmoid(router_logits)
    if routing == "top1":
        chosen = jax.nn.one_hot(jnp.argmax(probs, axis=-1), num_experts)
        gates = probs * chosen
    elif routing == "top2":
        top_probs, top_experts = jax.lax.top_k(probs, 2)
        if renormalize:
            top_probs = top_probs / jnp.sum(top_probs, axis=-1, keepdims=True)
        chosen = jax.nn.one_hot(top_experts, num_experts)
        gates = jnp.einsum("nk,nke->ne", top_probs, chosen)
    else:
        gates = probs
    if spelling == "einsum":
        hidden = jnp.einsum("nd,edf->nef", x, w_experts)
        if b_experts is not None:
            hidden = hidden + b_experts
        expert_out = jnp.einsum("nef,efd->ned", activation(hidden), w_out)
        out = jnp.einsum("ne,ned->nd", gates, expert_out)
    else:
        hidden = jax.vmap(lambda w: x @ w)(w_experts)
        if b_experts is not None:
            hidden = hidden + b_experts[:, None, :]
        expert_out = jax.vmap(jnp.matmul)(activation(hidden), w_out)
        out = jnp.sum(gates.T[:, :, None] * expert_out, axis=0)
    if aux == "balance":
        # The share of tokens of each expert times its mean probability, as in Switch.
        load = jnp.mean(jax.nn.one_hot(jnp.argmax(probs, axis=-1), num_experts), axis=0)
        importance = jnp.mean(probs, axis=0)
        aux_loss = num_experts * jnp.sum(load * importance)
        return out, aux_loss
    if aux == "z_loss":
        z_loss = jnp.mean(jnp.square(jax.nn.logsumexp(router_logits, axis=-1)))
        return out, z_loss
    return out


@family(
    "contraction",
    "reduction",
    "branch",
    x="n d",
    w="d e in -0.8..0.8",
    lora_a="d r in -0.8..0.8",
    lora_b="r e in -0.8..0.8",
    bias="? e",
    magnitude="? e in 0.5..1.5",
    keep="? n d bool",
    alpha={8.0: 2, 16.0: 2, 4.0: 1},
    rank_stabilized={False: 4, True: 1},
    spelling=decided({"matmul": 3, "merged": 1, "einsum": 1}),
    keep_prob=decided({0.9: 1, 0.95: 1}),
    sizes={"n": (4, 6, 8), "d": (4, 6, 8), "e": (4, 6, 8), "r": (2, 4)},
)
def lora_dense(
    x,
    w,
    lora_a,
    lora_b,
    bias=None,
    magnitude=None,
    keep=None,
    *,
    alpha=8.0,
    rank_stabilized=False,
    spelling="matmul",
    keep_prob=0.9,
):
    """Dense layer with a low-rank adapter (LoRA).

    Args:
        x: Inputs of shape `(batch, features)`.
        w: Frozen weights of shape `(features, outputs)`.
        lora_a: Down projection of shape `(features, rank)`.
        lora_b: Up projection of shape `(rank, outputs)`.
        bias: Bias of the layer.
        magnitude: Column norms of the adapted weights, which DoRA learns apart.
        keep: Dropout mask of the adapter's inputs.
        alpha: Numerator of the adapter's scaling.
    """
    rank = lora_a.shape[1]
    if rank_stabilized:
        scaling = alpha / rank**0.5
    else:
        scaling = alpha / rank
    if keep is not None:
        dropped = jnp.where(keep, x / keep_prob, 0.0)
        out = x @ w + scaling * (dropped @ lora_a @ lora_b)
    elif spelling == "merged":
        out = x @ (w + scaling * (lora_a @ lora_b))
    elif spelling == "einsum":
        delta = jnp.einsum("nd,dr,re->ne", x, lora_a, lora_b)
        out = x @ w + scaling * delta
    else:
        delta = (x @ lora_a) @ lora_b
        out = x @ w + scaling * delta
    if magnitude is not None:
        norms = jnp.linalg.norm(w + scaling * (lora_a @ lora_b), axis=0)
        out = out * (magnitude / norms)
    if bias is not None:
        out = out + bias
    return out


@family(
    "contraction",
    x="b n d",
    cond="b c",
    w_gamma="c d in -0.8..0.8",
    w_beta="c d in -0.8..0.8",
    b_gamma="? d",
    b_beta="? d",
    norm={"none": 3, "layer": 2, "rms": 1},
    around_one=(True, False),
    activation={Code("jax.nn.relu"): 3, Code("jax.nn.silu"): 2, Code("jax.nn.gelu"): 1},
    activate=(False, True),
    residual={False: 2, True: 1},
    sizes={"b": (2, 4), "n": (4, 5, 6), "d": (4, 6, 8), "c": (4, 5, 6)},
)
def film(
    x,
    cond,
    w_gamma,
    w_beta,
    b_gamma=None,
    b_beta=None,
    *,
    norm="none",
    around_one=True,
    activation=None,
    activate=False,
    residual=False,
):
    """Feature-wise linear modulation (FiLM) by a condition.

    Args:
        x: Features of shape `(batch, positions, channels)`.
        cond: Condition of each example.
        w_gamma: Weights from the condition to the scale.
        w_beta: Weights from the condition to the shift.
        b_gamma: Bias of the scale.
        b_beta: Bias of the shift.
    """
    gamma = dense(cond, w_gamma, b_gamma)[:, None, :]
    beta = dense(cond, w_beta, b_beta)[:, None, :]
    if around_one:
        gamma = 1.0 + gamma
    if norm == "rms":
        mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
        out = gamma * x * jax.lax.rsqrt(mean_square + 1e-6) + beta
    elif norm == "layer":
        mean = jnp.mean(x, axis=-1, keepdims=True)
        var = jnp.var(x, axis=-1, keepdims=True)
        out = gamma * (x - mean) * jax.lax.rsqrt(var + 1e-5) + beta
    else:
        out = gamma * x + beta
    if activate:
        out = activation(out)
    if residual:
        out = out + x
    return out


@family(
    "contraction",
    "reduction",
    x="b n d",
    cond="b c",
    w_mod="c 3*d in -0.6..0.6",
    b_mod="? 3*d in -0.6..0.6",
    w1="d f in -0.8..0.8",
    w2="f d in -0.8..0.8",
    b1="? f",
    b2="? d",
    norm=("layer", "rms"),
    activation={Code("jax.nn.gelu"): 3, Code("jax.nn.silu"): 1, Code("jax.nn.relu"): 1},
    embed={"silu": 3, "none": 1},
    sizes={"b": (2, 4), "n": (4, 5), "d": (4, 6), "c": (4, 5, 6), "f": (6, 8)},
)
def adaln_block(
    x,
    cond,
    w_mod,
    w1,
    w2,
    b_mod=None,
    b1=None,
    b2=None,
    *,
    norm="layer",
    activation=None,
    embed="silu",
):
    """Feed-forward block of a diffusion transformer, with adaptive normalization and a gate.

    Args:
        x: Tokens of shape `(batch, tokens, features)`.
        cond: Condition of each example, as its time and class.
        w_mod: Weights from the condition to shift, scale and gate.
        w1: Weights to the hidden layer.
        w2: Weights from the hidden layer.
        b_mod: Bias of shift, scale and gate.
        b1: Bias of the hidden layer.
        b2: Bias of the output.
    """
    if embed == "silu":
        modulation = dense(jax.nn.silu(cond), w_mod, b_mod)
    else:
        modulation = dense(cond, w_mod, b_mod)
    shift, scale, gate = jnp.split(modulation[:, None, :], 3, axis=-1)
    if norm == "layer":
        mean = jnp.mean(x, axis=-1, keepdims=True)
        var = jnp.var(x, axis=-1, keepdims=True)
        h = (x - mean) * jax.lax.rsqrt(var + 1e-6)
    else:
        h = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
    h = (1.0 + scale) * h + shift
    h = dense(activation(dense(h, w1, b1)), w2, b2)
    return x + gate * h


@family(
    "elementwise",
    "branch",
    "reduction",
    x="... n d",
    residual="... n d",
    bias="? d",
    layer_scale="? d in 0.2..1.5",
    norm_scale="? d in 0.5..1.5",
    keep="n d bool",
    spelling=decided({"where": 3, "multiply": 2, "select": 1}),
    keep_prob=decided({0.9: 2, 0.8: 1, 0.5: 1}),
    norm=("layer", "rms"),
    residual_scale={None: 3, 0.7071: 1},
    weight=6,
)
def dropout_add(
    x,
    residual,
    keep,
    bias=None,
    layer_scale=None,
    norm_scale=None,
    *,
    spelling="where",
    keep_prob=0.9,
    norm="layer",
    residual_scale=None,
):
    """Dropout by a given mask and residual connection, at the end of a sublayer.

    Args:
        x: Output of a sublayer.
        residual: Input of the sublayer.
        keep: Dropout mask, true where a value is kept.
        bias: Bias of the sublayer, added before the dropout.
        layer_scale: LayerScale of the branch.
        norm_scale: Scale of the normalization after the sum.
    """
    if bias is not None:
        x = x + bias
    if spelling == "where":
        x = jnp.where(keep, x / keep_prob, 0.0)
    elif spelling == "multiply":
        x = x * keep.astype(x.dtype) / keep_prob
    else:
        x = jnp.where(keep, x, jnp.zeros_like(x)) / keep_prob
    if layer_scale is not None:
        x = x * layer_scale
    out = residual + x
    if residual_scale is not None:
        # Keeps the variance of the sum of two independent terms.
        out = residual_scale * out
    if norm_scale is not None:
        if norm == "rms":
            out = rms_norm(out, norm_scale)
        else:
            out = layer_norm(out, norm_scale)
    return out


@family(
    "contraction",
    "reduction",
    x="n d",
    z="n c",
    w_hyper="c d*e in -0.6..0.6",
    b_hyper="? d*e in -0.6..0.6",
    w_bias="? c e in -0.8..0.8",
    bias="? e",
    width=(Code("e"),),
    spelling=decided({"einsum": 3, "matmul": 2, "vmap": 2}),
    fan_in_scaling=(False, True),
    activation={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 2, Code("jax.nn.gelu"): 1},
    activate=(True, False),
    sizes={"n": (4, 5, 6, 8), "c": (2, 4, 5), "d": (4, 5), "e": (4, 5, 6)},
)
def hyper_dense(
    x,
    z,
    w_hyper,
    b_hyper=None,
    w_bias=None,
    bias=None,
    *,
    width=4,
    spelling="einsum",
    fan_in_scaling=False,
    activation=None,
    activate=True,
):
    """Dense layer whose weights a hypernetwork generates for each example.

    Args:
        x: Inputs of shape `(batch, features)`.
        z: Embeddings of shape `(batch, size)`, from which the weights are made.
        w_hyper: Weights of the hypernetwork.
        b_hyper: Bias of the hypernetwork.
        w_bias: Weights from the embedding to the layer's bias.
        bias: Bias that all examples share.
        width: Number of outputs.
    """
    d = x.shape[-1]
    kernels = dense(z, w_hyper, b_hyper).reshape(-1, d, width)
    if fan_in_scaling:
        kernels = kernels / d**0.5
    if spelling == "einsum":
        out = jnp.einsum("bd,bde->be", x, kernels)
    elif spelling == "matmul":
        out = (x[:, None, :] @ kernels)[:, 0]
    else:
        out = jax.vmap(jnp.dot)(x, kernels)
    if w_bias is not None:
        out = out + z @ w_bias
    if bias is not None:
        out = out + bias
    if activate:
        out = activation(out)
    return out


@family(
    "reduction",
    x="n d",
    y="n c",
    w="e d c in -0.6..0.6",
    w_x="? d e in -0.8..0.8",
    w_y="? c e in -0.8..0.8",
    bias="? e",
    spelling=decided({"einsum": 3, "two_steps": 2, "outer": 2, "vmap": 1}),
    activation={"none": 2, "tanh": 2, "relu": 1},
    sizes={"n": (4, 5, 6), "d": (4, 5), "c": (4, 5), "e": (2, 4, 5)},
)
def bilinear(
    x,
    y,
    w,
    w_x=None,
    w_y=None,
    bias=None,
    *,
    spelling="einsum",
    activation="none",
):
    """Bilinear layer of two inputs, as in a neural tensor network.

    Args:
        x: First inputs of shape `(batch, d)`.
        y: Second inputs of shape `(batch, c)`.
        w: Tensor of shape `(outputs, d, c)`.
        w_x: Weights of a linear term of the first inputs.
        w_y: Weights of a linear term of the second inputs.
        bias: Bias of each output.
    """
    if spelling == "einsum":
        out = jnp.einsum("bi,oij,bj->bo", x, w, y)
    elif spelling == "two_steps":
        left = jnp.einsum("bi,oij->boj", x, w)
        out = jnp.sum(left * y[:, None, :], axis=-1)
    elif spelling == "outer":
        pairs = x[:, :, None] * y[:, None, :]
        out = pairs.reshape(x.shape[0], -1) @ w.reshape(w.shape[0], -1).T
    else:
        out = jax.vmap(lambda a, b: w @ b @ a)(x, y)
    if w_x is not None:
        out = out + x @ w_x
    if w_y is not None:
        out = out + y @ w_y
    if bias is not None:
        out = out + bias
    if activation == "tanh":
        out = jnp.tanh(out)
    elif activation == "relu":
        out = jax.nn.relu(out)
    return out


@family(
    "reduction",
    x="b n d",
    mask="? b n bool",
    w_phi="d h in -0.8..0.8",
    b_phi="? h",
    w_rho="h e in -0.8..0.8",
    b_rho="? e",
    w_score="? h in -1..1",
    pool=decided({"sum": 3, "mean": 3, "max": 2, "logsumexp": 1}),
    activation={Code("jax.nn.relu"): 3, Code("jnp.tanh"): 2, Code("jax.nn.gelu"): 2},
    sizes={"b": (2, 4), "n": (4, 5, 6), "d": (4, 5), "h": (4, 6, 8), "e": (2, 4)},
)
def deep_sets(
    x,
    w_phi,
    w_rho,
    mask=None,
    b_phi=None,
    b_rho=None,
    w_score=None,
    *,
    pool="sum",
    activation=None,
):
    """Deep Sets: a permutation-invariant encoder of sets.

    Args:
        x: Sets of shape `(batch, elements, features)`.
        w_phi: Weights of the encoder of elements.
        w_rho: Weights after the pooling.
        mask: True where there is an element.
        b_phi: Bias of the encoder of elements.
        b_rho: Bias after the pooling.
        w_score: Weights of the scores of an attention pooling.
    """
    elements = activation(dense(x, w_phi, b_phi))
    if w_score is not None:
        scores = elements @ w_score
        if mask is not None:
            scores = jnp.where(mask, scores, -1e9)
        shares = jax.nn.softmax(scores, axis=-1)
        pooled = jnp.einsum("bn,bnh->bh", shares, elements)
    elif pool == "max":
        if mask is not None:
            elements = jnp.where(mask[..., None], elements, -10.0)
        pooled = jnp.max(elements, axis=1)
    elif pool == "logsumexp":
        if mask is not None:
            elements = jnp.where(mask[..., None], elements, -20.0)
        pooled = jax.nn.logsumexp(elements, axis=1)
    elif mask is not None:
        present = mask[..., None].astype(x.dtype)
        pooled = jnp.sum(elements * present, axis=1)
        if pool == "mean":
            # An empty set has no elements to divide by.
            pooled = pooled / jnp.maximum(jnp.sum(present, axis=1), 1.0)
    elif pool == "mean":
        pooled = jnp.mean(elements, axis=1)
    else:
        pooled = jnp.sum(elements, axis=1)
    return dense(pooled, w_rho, b_rho)


@family(
    "contraction",
    "reduction",
    x="n d",
    token_w1="n t in -0.6..0.6",
    token_w2="t n in -0.6..0.6",
    channel_w1="d f in -0.6..0.6",
    channel_w2="f d in -0.6..0.6",
    token_scale="? d in 0.5..1.5",
    channel_scale="? d in 0.5..1.5",
    norm={"layer": 3, "rms": 2},
    activation={Code("jax.nn.gelu"): 3, Code("jax.nn.relu"): 1, Code("jax.nn.silu"): 1},
    tokens=decided({"transpose": 2, "einsum": 2}),
    sizes={"n": (4, 5, 6, 8), "t": (4, 8), "d": (4, 6, 8), "f": (8, 12)},
)
def mixer_block(
    x,
    token_w1,
    token_w2,
    channel_w1,
    channel_w2,
    token_scale=None,
    channel_scale=None,
    *,
    norm="layer",
    activation=None,
    tokens="transpose",
):
    """Block of an MLP-Mixer: an MLP across tokens, then one across channels.

    Args:
        x: Tokens of shape `(tokens, channels)`.
        token_w1: First weights of the token mixing.
        token_w2: Second weights of the token mixing.
        channel_w1: First weights of the channel mixing.
        channel_w2: Second weights of the channel mixing.
        token_scale: Scale of the norm before the token mixing.
        channel_scale: Scale of the norm before the channel mixing.
    """

    def normalize(x, scale=None):
        if norm == "layer":
            x = x - jnp.mean(x, axis=-1, keepdims=True)
        x = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
        if scale is not None:
            x = x * scale
        return x

    y = normalize(x, token_scale)
    if tokens == "transpose":
        mixed = (activation(y.T @ token_w1) @ token_w2).T
    else:
        hidden = activation(jnp.einsum("nd,nt->td", y, token_w1))
        mixed = jnp.einsum("td,tn->nd", hidden, token_w2)
    x = x + mixed
    y = normalize(x, channel_scale)
    return x + activation(y @ channel_w1) @ channel_w2


@family(
    "contraction",
    "reduction",
    x="n d",
    w="d e*k in -0.8..0.8",
    bias="? e*k",
    w_out="? e f in -0.8..0.8",
    keep="? n d bool",
    num_pieces=(Code("k"),),
    grouping=decided({"last": 3, "first": 1, "weights": 1}),
    keep_prob=decided({0.8: 1, 0.5: 1}),
    weight=5,
    sizes={"n": (4, 5, 6, 8), "d": (4, 6), "e": (4, 6), "f": (4, 5), "k": (2, 2, 4)},
)
def maxout(
    x,
    w,
    bias=None,
    w_out=None,
    keep=None,
    *,
    num_pieces=2,
    grouping="last",
    keep_prob=0.8,
):
    """Maxout layer, each unit of which is the maximum of some linear pieces.

    Args:
        x: Inputs of shape `(batch, features)`.
        w: Weights of shape `(features, units * pieces)`.
        bias: Biases of all pieces.
        w_out: Weights of a linear layer after it.
        keep: Dropout mask of the inputs.
        num_pieces: Number of pieces of a unit.
    """
    if keep is not None:
        x = jnp.where(keep, x / keep_prob, 0.0)
    if grouping == "weights":
        pieces = jnp.einsum("nd,dep->nep", x, w.reshape(x.shape[-1], -1, num_pieces))
        if bias is not None:
            pieces = pieces + bias.reshape(-1, num_pieces)
        hidden = jnp.max(pieces, axis=-1)
    elif grouping == "first":
        pieces = dense(x, w, bias).reshape(x.shape[0], num_pieces, -1)
        hidden = jnp.max(pieces, axis=1)
    else:
        pieces = dense(x, w, bias).reshape(x.shape[0], -1, num_pieces)
        hidden = jnp.max(pieces, axis=-1)
    if w_out is not None:
        return hidden @ w_out
    return hidden


@family(
    "contraction",
    "reduction",
    coords="n 2",
    frequencies="2 f in -1.5..1.5",
    w1="2*f h in -0.8..0.8",
    b1="? h",
    w2="? h h in -0.8..0.8",
    w_out="h e in -0.8..0.8",
    b_out="? e",
    two_pi=(True, False),
    activation={
        Code("jax.nn.relu"): 3,
        Code("jnp.tanh"): 1,
        Code("jax.nn.gelu"): 1,
        Code("jax.nn.softplus"): 1,
    },
    head={"linear": 3, "sigmoid": 2},
    batch=decided({"all": 3, "vmap": 2}),
    only="float32",
    sizes={"n": (4, 5, 8), "f": (2, 4, 5), "h": (4, 8), "e": (2, 4)},
)
def coordinate_mlp(
    coords,
    frequencies,
    w1,
    w_out,
    b1=None,
    w2=None,
    b_out=None,
    *,
    two_pi=True,
    activation=None,
    head="linear",
    batch="all",
):
    """Coordinate network (neural field) on Fourier features.

    Args:
        coords: Points of the plane, of shape `(points, 2)`.
        frequencies: A frequency vector in each column.
        w1: Weights of the first hidden layer.
        w_out: Weights of the output.
        b1: Bias of the first hidden layer.
        w2: Weights of the second hidden layer.
        b_out: Bias of the output.
    """

    def field(point):
        if two_pi:
            angles = 2.0 * jnp.pi * (point @ frequencies)
        else:
            angles = point @ frequencies
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        h = activation(dense(features, w1, b1))
        if w2 is not None:
            h = activation(h @ w2)
        out = dense(h, w_out, b_out)
        if head == "sigmoid":
            # Colors are between zero and one.
            out = jax.nn.sigmoid(out)
        return out

    if batch == "vmap":
        return jax.vmap(field)(coords)
    return field(coords)


@family(
    "contraction",
    "reduction",
    x="n d",
    w_down="d r in -0.8..0.8",
    w_up="r d in -0.8..0.8",
    b_down="? r",
    b_up="? d",
    sublayer_out="? n d",
    norm={"none": 2, "layer": 2, "rms": 1},
    activation={Code("jax.nn.relu"): 2, Code("jax.nn.gelu"): 3, Code("jnp.tanh"): 1},
    factor={None: 3, 0.1: 1, 4.0: 1},
    weight=6,
    sizes={"n": (4, 5, 6, 8), "d": (6, 8, 12), "r": (2, 4)},
)
def adapter(
    x,
    w_down,
    w_up,
    b_down=None,
    b_up=None,
    sublayer_out=None,
    *,
    norm="none",
    activation=None,
    factor=None,
):
    """Bottleneck adapter of a frozen transformer sublayer.

    Args:
        x: Hidden states of shape `(tokens, features)`.
        w_down: Weights to the bottleneck.
        w_up: Weights from the bottleneck.
        b_down: Bias of the bottleneck.
        b_up: Bias of the adapter's output.
        sublayer_out: Output of the sublayer that a parallel adapter is beside.
    """
    if norm == "layer":
        mean = jnp.mean(x, axis=-1, keepdims=True)
        var = jnp.var(x, axis=-1, keepdims=True)
        h = activation(dense((x - mean) / jnp.sqrt(var + 1e-5), w_down, b_down))
    elif norm == "rms":
        mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
        h = activation(dense(x / jnp.sqrt(mean_square + 1e-6), w_down, b_down))
    else:
        h = activation(dense(x, w_down, b_down))
    out = dense(h, w_up, b_up)
    if factor is not None:
        out = factor * out
    if sublayer_out is not None:
        return sublayer_out + out
    return x + out
