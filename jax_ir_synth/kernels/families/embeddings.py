"""Families: embeddings of tokens, positions and patches, logits, and codes."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax


NAMES = """
add_sinusoidal_positions: add_sinusoidal_positions 4, add_positional_encoding 4, positional_encoding 2, add_positions 1
timestep_embedding: timestep_embedding 6, time_embedding 3, embed_timesteps 2, sinusoidal_embedding 2
fourier_features: fourier_features 4, random_fourier_features 4, rff 2
random_features: random_features 4, feature_map 3
encode_coordinates: encode_coordinates 4, positional_encoding 3, frequency_encoding 2
embed_tokens: embed_tokens 5, embed 3, token_embedding 3, embedding_layer 1, embed_inputs 1
embedding_bag: embedding_bag 6, pooled_embedding 1, embed_bags 1
next_token_loss: next_token_loss 4, lm_loss 3, cross_entropy_loss 3, language_model_loss 2, token_loss 1
filter_logits: filter_logits 4, process_logits 3, warp_logits 2, mask_logits 1
compute_logits: compute_logits 4, unembed 4, lm_head 3, output_logits 1
vector_quantize: vector_quantize 6, quantize 3, vq 2, vq_layer 1, quantize_codes 1
residual_quantize: residual_quantize 5, rvq 2, residual_vector_quantize 3
update_codebook: update_codebook 5, ema_update 2, codebook_update 2, update_codes 1
finite_scalar_quantize: finite_scalar_quantize 4, fsq 3, quantize 2, fsq_quantize 1
patch_embedding: patch_embedding 5, embed_patches 3, patchify 1, patch_embed 3
skip_gram_loss: skip_gram_loss 5, negative_sampling_loss 4, word2vec_loss 2, sgns_loss 1
triple_log_likelihood: triple_log_likelihood 4, tail_log_probs 3
knowledge_graph_loss: knowledge_graph_loss 4, kge_loss 4, link_prediction_loss 2
table: table 5, embedding 4, embeddings 2
tokens: tokens 6, token_ids 3, ids 2, input_ids 2
positions: positions 6, pos 3, position_ids 2
position_table: position_table 3, pos_embedding 4, wpe 1, position_embedding 3
targets: targets 5, labels 5
log_probs: log_probs 6, logp 2, log_p 1
losses: losses 4
temperature: temperature 6, temp 2, tau 1
softcap: softcap 5, logit_cap 2, cap 2, final_softcap 1
threshold: threshold 6, cutoff 2, kth 1
z: z 6, latents 3, z_e 2
codebook: codebook 7, embedding 1
distances: distances 5, dist 3
indices: indices 5, idx 3, code_ids 1
quantized: quantized 5, z_q 4, q 1
residual: residual 6, r 2, remainder 1
all_losses: all_losses 3, losses 1, loss_terms 1
image: image 6, img 2
patches: patches 7
kernel: kernel 5, w 3, weight 2
bias: bias 6, b 4
inv_freq: inv_freq 4, freqs 4, frequencies 2
angles: angles 5, args 2
encoding: encoding 4, pe 3, pos_enc 1
mask: mask 8, valid 1
hidden: hidden 6, h 3
half: half 6, half_dim 3
per_example: per_example 3, losses 3
"""


def sinusoids(positions, x, base=10000.0, layout="concatenate"):
    """Computes sines and cosines of positions, for the width of x."""
    d = x.shape[-1]
    if layout == "concatenate":
        half = d // 2
        inv_freq = jnp.exp(-jnp.log(base) * jnp.arange(half) / half)
        angles = positions[:, None] * inv_freq
        return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    elif layout == "set":
        angles = positions[:, None] / base ** (jnp.arange(0, d, 2) / d)
        encoding = jnp.zeros((positions.shape[0], d))
        encoding = encoding.at[:, ::2].set(jnp.sin(angles))
        return encoding.at[:, 1::2].set(jnp.cos(angles))
    else:
        angles = positions[:, None] * base ** (-jnp.arange(0, d, 2) / d)
        pairs = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        return pairs.reshape(positions.shape[0], d)


def layer_norm(x, scale, eps=1e-5):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + eps) * scale


def rms_norm(x, scale, eps=1e-6):
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + eps) * scale


@family(
    "branch",
    "contraction",
    "scalar_array",
    "unary",
    x="... n d",
    amplitude="? in 0.2..2",
    norm_scale="? d in 0.5..1.5",
    mask="? n bool",
    layout=("concatenate", "interleave", "set"),
    base={10000.0: 5, 1000.0: 1},
    first_position={0: 4, 1: 1},
    scale_inputs=(False, True),
    sizes={"n": (4, 5, 6, 8, 10), "d": (4, 6, 8, 12, 16)},
)
def add_sinusoidal_positions(
    x,
    amplitude=None,
    norm_scale=None,
    mask=None,
    *,
    layout="concatenate",
    base=10000.0,
    first_position=0,
    scale_inputs=False,
):
    """Adds the Transformer's sinusoidal positional encoding to token embeddings.

    Args:
        x: Token embeddings of shape `(..., time, features)`.
        amplitude: Learned scale of the encoding.
        norm_scale: Scale of the layer norm after the sum.
        mask: False for padding, whose embeddings become zero.
    """
    n, d = x.shape[-2:]
    if scale_inputs:
        x = x * d**0.5
    if first_position > 0:
        positions = jnp.arange(first_position, n + first_position)
    else:
        positions = jnp.arange(n)
    encoding = sinusoids(positions, x, base=base, layout=layout)
    if amplitude is not None:
        encoding = amplitude * encoding
    x = x + encoding
    if norm_scale is not None:
        x = layer_norm(x, norm_scale)
    if mask is not None:
        x = jnp.where(mask[:, None], x, 0.0)
    return x


@family(
    "reduction",
    "multi_statement",
    "contraction",
    t="b in 0..1",
    w1="2*e 2*f in -0.7..0.7",
    b1="? 2*f",
    class_embedding="? b 2*f",
    w2="2*f 2*d in -0.7..0.7",
    activation={Code("jax.nn.silu"): 4, Code("jax.nn.gelu"): 2},
    max_period={10000.0: 2, 100.0: 1, 1000.0: 1},
    time_scale={None: 2, 10.0: 1, 100.0: 1},
    order=("sin first", "cos first", "interleave"),
    half_open={True: 1, False: 2},
    sizes={"b": (4, 5, 6, 8, 10), "e": (2, 4, 5, 6), "f": (2, 4, 6), "d": (2, 4, 5)},
    only="float32",
)
def timestep_embedding(
    t,
    w1,
    w2,
    b1=None,
    class_embedding=None,
    *,
    activation=None,
    max_period=10000.0,
    time_scale=None,
    order="sin first",
    half_open=True,
):
    """Embeds the time steps of a diffusion model by sinusoids and a small MLP.

    Args:
        t: Diffusion time of each example, between zero and one.
        w1: Weights of the first layer, of shape `(sinusoids, hidden)`.
        b1: Bias of the first layer.
        class_embedding: Class embedding of each example, added before the activation.
        w2: Weights of the second layer.
    """
    half = w1.shape[0] // 2
    if half_open:
        inv_freq = jnp.exp(-jnp.log(max_period) * jnp.arange(half) / half)
    else:
        # The last period is max_period itself.
        inv_freq = jnp.exp(-jnp.log(max_period) * jnp.arange(half) / (half - 1))
    if time_scale is not None:
        t = t * time_scale
    angles = t[:, None] * inv_freq[None, :]
    if order == "sin first":
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    elif order == "cos first":
        features = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    else:
        features = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(t.shape[0], -1)
    hidden = features @ w1
    if b1 is not None:
        hidden = hidden + b1
    if class_embedding is not None:
        hidden = hidden + class_embedding
    return activation(hidden) @ w2


@family(
    "elementwise",
    "unary",
    "contraction",
    x="n 2 in -1..1",
    scale="? 2 in 0.5..2",
    center="? 2 in -0.5..0.5",
    num_bands=(4, 2, 3),
    log_spaced={True: 3, False: 1},
    with_pi={True: 2, False: 1},
    include_inputs=(True, False),
    grouping=("band", "axis"),
    annealing={None: 4, 1.5: 1, 2.5: 1},
    sizes={"n": (4, 5, 6, 8, 12)},
)
def encode_coordinates(
    x,
    scale=None,
    center=None,
    *,
    num_bands=4,
    log_spaced=True,
    with_pi=True,
    include_inputs=True,
    grouping="band",
    annealing=None,
):
    """Encodes coordinates by sines and cosines of several frequency bands, as NeRF does.

    Args:
        x: Points of shape `(points, axes)`.
        scale: Scale of each axis.
        center: Center of the scene, which becomes the origin.
    """
    if center is not None:
        x = x - center
    if scale is not None:
        x = x * scale
    if log_spaced:
        bands = 2.0 ** jnp.arange(num_bands)
    else:
        bands = jnp.linspace(1.0, 2.0 ** (num_bands - 1), num_bands)
    if with_pi:
        bands = jnp.pi * bands
    if annealing is not None:
        # Coarse to fine, as in BARF: let the high frequencies in later.
        progress = jnp.clip(annealing - jnp.arange(num_bands), 0.0, 1.0)
        window = 0.5 * (1.0 - jnp.cos(jnp.pi * progress))
    if grouping == "axis":
        angles = x[:, :, None] * bands
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1)
        if annealing is not None:
            features = features * window
    else:
        angles = x[:, None, :] * bands[:, None]
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        if annealing is not None:
            features = features * window[:, None]
    features = features.reshape(x.shape[0], -1)
    if include_inputs:
        features = jnp.concatenate([x, features], axis=-1)
    return features


@family(
    "contraction",
    "reduction",
    "multi_statement",
    x="... n d",
    projection="d f",
    lengthscale="? d in 0.5..2",
    amplitude="? in 0.5..1.5",
    kind={"pair": 3, "interleaved": 1, "positive": 1, "hyperbolic": 1},
    two_pi={False: 2, True: 1},
    spelling=decided({"matmul": 3, "einsum": 1}),
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5), "f": (4, 6, 8, 12)},
    only="float32",
)
def random_features(
    x,
    projection,
    lengthscale=None,
    amplitude=None,
    *,
    kind="pair",
    two_pi=False,
    spelling="matmul",
):
    """Random features, whose inner products approximate a Gaussian or an exponential kernel.

    Args:
        x: Points of shape `(..., points, axes)`.
        projection: Random frequencies of shape `(axes, features)`.
        lengthscale: Lengthscale of the kernel along each axis.
        amplitude: Standard deviation of the kernel's process.
    """
    if lengthscale is not None:
        x = x / lengthscale
    if spelling == "einsum":
        projected = jnp.einsum("...nd,df->...nf", x, projection)
    else:
        projected = x @ projection
    num_features = projection.shape[-1]
    if kind == "pair":
        if two_pi:
            projected = 2.0 * jnp.pi * projected
        features = jnp.concatenate([jnp.cos(projected), jnp.sin(projected)], axis=-1)
        features = features / num_features**0.5
    elif kind == "interleaved":
        if two_pi:
            projected = 2.0 * jnp.pi * projected
        features = jnp.stack([jnp.cos(projected), jnp.sin(projected)], axis=-1)
        features = features.reshape(*projected.shape[:-1], -1) / num_features**0.5
    else:
        # Positive features, as in Performers; the shift keeps the exponentials in range.
        norms = 0.5 * jnp.sum(jnp.square(x), axis=-1, keepdims=True)
        if kind == "hyperbolic":
            shift = jnp.max(jnp.abs(projected), axis=-1, keepdims=True)
            both = jnp.concatenate([projected, -projected], axis=-1)
            features = jnp.exp(both - norms - lax.stop_gradient(shift)) / (2 * num_features) ** 0.5
        else:
            shift = jnp.max(projected, axis=-1, keepdims=True)
            features = jnp.exp(projected - norms - lax.stop_gradient(shift)) / num_features**0.5
    if amplitude is not None:
        features = features * amplitude
    return features


@family(
    "contraction",
    "reduction",
    "multi_statement",
    x="... n d",
    projection="d f",
    phase="f in 0..6",
    lengthscale="? d in 0.5..2",
    amplitude="? in 0.5..1.5",
    w="? f e in -0.7..0.7",
    spelling=decided({"matmul": 3, "einsum": 1}),
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5), "f": (4, 6, 8, 12), "e": (2, 4)},
    only="float32",
)
def fourier_features(
    x, projection, phase, lengthscale=None, amplitude=None, w=None, *, spelling="matmul"
):
    """Random Fourier features with phases, and a linear readout of them if there is one.

    Args:
        x: Points of shape `(..., points, axes)`.
        projection: Random frequencies of shape `(axes, features)`.
        phase: Random phase of each feature, between zero and two pi.
        lengthscale: Lengthscale of the kernel along each axis.
        amplitude: Standard deviation of the kernel's process.
        w: Readout weights of shape `(features, outputs)`.
    """
    if lengthscale is not None:
        x = x / lengthscale
    if spelling == "einsum":
        angles = jnp.einsum("...nd,df->...nf", x, projection) + phase
    else:
        angles = x @ projection + phase
    features = (2.0 / projection.shape[-1]) ** 0.5 * jnp.cos(angles)
    if amplitude is not None:
        features = amplitude * features
    if w is not None:
        return features @ w
    return features


@family(
    "contraction",
    "reduction",
    "elementwise",
    "branch",
    tokens="... n int c",
    table="c d",
    position_table="? 12 d",
    norm_scale="? d in 0.5..1.5",
    projection="? d e in -0.7..0.7",
    lookup={"index": 4, "take": 2, "one_hot": 1},
    scaled=(False, True),
    norm={"layer": 2, "rms": 1},
    padding_id={None: 3, 0: 2},
    masking=decided(("where", "multiply")),
    sizes={"n": (4, 5, 6, 8, 10), "c": (6, 8, 10, 12), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def embed_tokens(
    tokens,
    table,
    position_table=None,
    norm_scale=None,
    projection=None,
    *,
    lookup="index",
    scaled=False,
    norm="layer",
    padding_id=None,
    masking="where",
):
    """Embeds the tokens of a sequence.

    Args:
        tokens: Token ids of shape `(..., time)`.
        table: Token embeddings of shape `(vocabulary, features)`.
        position_table: Learned embeddings of the positions.
        norm_scale: Scale of the norm.
        projection: Maps factorized embeddings to the model's width.
    """
    if lookup == "one_hot":
        x = jax.nn.one_hot(tokens, table.shape[0], dtype=table.dtype) @ table
    elif lookup == "take":
        x = jnp.take(table, tokens, axis=0)
    else:
        x = table[tokens]
    if scaled:
        x = x * table.shape[-1] ** 0.5
    if position_table is not None:
        x = x + position_table[: tokens.shape[-1]]
    if norm_scale is not None:
        if norm == "rms":
            x = rms_norm(x, norm_scale)
        else:
            x = layer_norm(x, norm_scale)
    if projection is not None:
        x = x @ projection
    if padding_id is not None:
        # Padding is embedded as zeros.
        if masking == "multiply":
            x = x * (tokens != padding_id)[..., None]
        else:
            x = jnp.where((tokens == padding_id)[..., None], 0.0, x)
    return x


@family(
    "reduction",
    bags="n t int c",
    table="c d",
    weights="? n t in 0.1..1",
    mode={"mean": 3, "sum": 2, "sqrtn": 1, "max": 1},
    padding_id={None: 2, 0: 2},
    lookup=("index", "take", "vmap"),
    contract=decided(("sum", "einsum")),
    sizes={"n": (4, 5, 6), "t": (4, 5, 6), "c": (6, 8, 10), "d": (4, 5, 6)},
)
def embedding_bag(
    bags,
    table,
    weights=None,
    *,
    mode="mean",
    padding_id=None,
    lookup="index",
    contract="sum",
):
    """Pools the embeddings of each bag of tokens.

    Args:
        bags: Token ids of shape `(bags, tokens)`.
        table: Token embeddings of shape `(vocabulary, features)`.
        weights: Weight of each token in its bag.
    """
    if lookup == "take":
        x = jnp.take(table, bags, axis=0)
    elif lookup == "vmap":
        x = jax.vmap(lambda bag: table[bag])(bags)
    else:
        x = table[bags]
    if mode == "max":
        if weights is not None:
            x = x * weights[..., None]
        if padding_id is not None:
            x = jnp.where((bags == padding_id)[..., None], -1e4, x)
        return jnp.max(x, axis=1)
    if weights is None:
        weights = jnp.ones(bags.shape, dtype=table.dtype)
    if padding_id is not None:
        weights = weights * (bags != padding_id)
    if contract == "einsum":
        pooled = jnp.einsum("ntd,nt->nd", x, weights)
    else:
        pooled = jnp.sum(x * weights[..., None], axis=1)
    if mode == "mean":
        pooled = pooled / (jnp.sum(weights, axis=-1, keepdims=True) + 1e-6)
    elif mode == "sqrtn":
        pooled = pooled / jnp.sqrt(jnp.sum(jnp.square(weights), axis=-1, keepdims=True) + 1e-6)
    return pooled


@family(
    "contraction",
    "reduction",
    "branch",
    "multi_statement",
    hidden="... n d",
    table="c d",
    bias="? c",
    norm_scale="? d in 0.5..1.5",
    temperature="? in 0.5..2",
    mask="? c bool",
    norm=("rms", "layer"),
    spelling=("matmul", "einsum"),
    scaled={False: 4, True: 1},
    softcap={None: 3, 10.0: 1, 30.0: 1},
    sizes={"n": (4, 5, 6, 8), "c": (5, 6, 8, 10, 12), "d": (4, 6, 8)},
)
def compute_logits(
    hidden,
    table,
    bias=None,
    norm_scale=None,
    temperature=None,
    mask=None,
    *,
    norm="rms",
    spelling="matmul",
    scaled=False,
    softcap=None,
):
    """Logits of a language model whose output weights are tied to its token embeddings.

    Args:
        hidden: Last hidden states of shape `(..., time, features)`.
        table: Token embeddings of shape `(vocabulary, features)`.
        bias: Bias of each token.
        norm_scale: Scale of the final norm.
        temperature: Sampling temperature.
        mask: False for the tokens that only pad the vocabulary.
    """
    if norm_scale is not None:
        if norm == "rms":
            hidden = rms_norm(hidden, norm_scale)
        else:
            hidden = layer_norm(hidden, norm_scale)
    if scaled:
        hidden = hidden * table.shape[-1] ** -0.5
    if spelling == "einsum":
        logits = jnp.einsum("...nd,vd->...nv", hidden, table)
    else:
        logits = hidden @ table.T
    if bias is not None:
        logits = logits + bias
    if softcap is not None:
        logits = softcap * jnp.tanh(logits / softcap)
    if temperature is not None:
        logits = logits / temperature
    if mask is not None:
        logits = jnp.where(mask, logits, -1e4)
    return logits


def smooth_labels(targets, logits, smoothing=0.1):
    num_classes = logits.shape[-1]
    one_hot = jax.nn.one_hot(targets, num_classes, dtype=logits.dtype)
    return one_hot + smoothing * (1.0 / num_classes - one_hot)


@family(
    "reduction",
    logits="n c",
    targets="n int c",
    weights="? n in 0.1..1",
    mask="? n bool",
    gather=("take_along_axis", "index", "one_hot"),
    smoothing={None: 3, 0.1: 2, 0.05: 1},
    z_loss={None: 3, 1e-2: 1, 1e-3: 1},
    shift={False: 3, True: 1},
    reduce={"mean": 4, "sum": 1, "none": 2},
    sizes={"n": (4, 5, 6, 8, 10), "c": (5, 6, 8, 10)},
)
def next_token_loss(
    logits,
    targets,
    weights=None,
    mask=None,
    *,
    gather="take_along_axis",
    smoothing=None,
    z_loss=None,
    shift=False,
    reduce="mean",
):
    """Cross-entropy of a language model's next tokens.

    Args:
        logits: Logits of shape `(time, vocabulary)`.
        targets: Token ids of shape `(time,)`.
        weights: Weight of each target.
        mask: False for the targets that don't count.
    """
    if shift:
        # The logits of each position are about the next one.
        logits = logits[:-1]
        targets = targets[1:]
        if weights is not None:
            weights = weights[1:]
        if mask is not None:
            mask = mask[1:]
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    if smoothing is not None:
        loss = -jnp.sum(smooth_labels(targets, logits, smoothing) * log_probs, axis=-1)
    elif gather == "one_hot":
        one_hot = jax.nn.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
        loss = -jnp.sum(one_hot * log_probs, axis=-1)
    elif gather == "index":
        loss = -log_probs[jnp.arange(targets.shape[0]), targets]
    else:
        loss = -jnp.take_along_axis(log_probs, targets[:, None], axis=-1)[:, 0]
    if z_loss is not None:
        # Keeps the normalizer near one.
        loss = loss + z_loss * jnp.square(jax.nn.logsumexp(logits, axis=-1))
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduce == "sum":
        return jnp.sum(loss)
    elif reduce == "mean":
        if mask is not None:
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        elif weights is not None:
            return jnp.sum(loss) / jnp.sum(weights)
        else:
            return jnp.mean(loss)
    else:
        return loss


@family(
    "loop",
    "nested_branch",
    "branch",
    "multi_statement",
    "contraction",
    "elementwise",
    logits="... c",
    bias="? c",
    counts="? c in 0..3",
    temperature="? in 0.5..1.5",
    allowed="? c bool",
    top_k={5: 1, None: 2, 4: 1, 6: 1},
    top_p={None: 3, 0.9: 1, 0.8: 1},
    min_p={None: 3, 0.05: 1, 0.1: 1},
    penalty={0.5: 1, 0.2: 1},
    sizes={"c": (8, 10, 12, 16, 20)},
    only="float32",
)
def filter_logits(
    logits,
    bias=None,
    counts=None,
    temperature=None,
    allowed=None,
    *,
    top_k=5,
    top_p=None,
    min_p=None,
    penalty=0.5,
):
    """Prepares the logits of the next token for sampling.

    Args:
        logits: Logits of shape `(..., vocabulary)`.
        bias: Logit bias of each token.
        counts: How often each token was generated already, for the frequency penalty.
        temperature: Sampling temperature.
        allowed: False for the tokens that are banned.
    """
    if bias is not None:
        logits = logits + bias
    if counts is not None:
        logits = logits - penalty * counts
    if temperature is not None:
        logits = logits / temperature
    if allowed is not None:
        logits = jnp.where(allowed, logits, -1e4)
    if top_k is not None:
        threshold = lax.top_k(logits, top_k)[0][..., -1:]
        logits = jnp.where(logits < threshold, -1e4, logits)
    if top_p is not None:
        ordered = -jnp.sort(-logits, axis=-1)
        sorted_probs = jax.nn.softmax(ordered, axis=-1)
        # Keep the likeliest tokens whose sum reaches top_p.
        kept = jnp.cumsum(sorted_probs, axis=-1) - sorted_probs < top_p
        threshold = jnp.min(jnp.where(kept, ordered, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits < threshold, -1e4, logits)
    if min_p is not None:
        probs = jax.nn.softmax(logits, axis=-1)
        too_rare = probs < min_p * jnp.max(probs, axis=-1, keepdims=True)
        logits = jnp.where(too_rare, -1e4, logits)
    return logits


def nearest_codes(z, codebook, metric="expanded"):
    """Finds the nearest code of each row."""
    if metric == "expanded":
        # The rows' own squares are the same for all codes.
        distances = jnp.sum(jnp.square(codebook), axis=-1) - 2.0 * z @ codebook.T
    elif metric == "direct":
        distances = jnp.sum(jnp.square(z[:, None, :] - codebook[None, :, :]), axis=-1)
    else:
        z = z / (jnp.linalg.norm(z, axis=-1, keepdims=True) + 1e-6)
        codebook = codebook / (jnp.linalg.norm(codebook, axis=-1, keepdims=True) + 1e-6)
        distances = -z @ codebook.T
    return jnp.argmin(distances, axis=-1)


@family(
    "multi_statement",
    "reduction",
    z="n d",
    codebook="c d",
    w_in="? d d in -0.7..0.7",
    w_out="? d e in -0.7..0.7",
    mask="? n bool",
    metric=("expanded", "direct", "cosine"),
    lookup={"index": 3, "take": 1, "one_hot": 1},
    beta={0.25: 4, 0.1: 1, 0.5: 1},
    with_indices=(False, True),
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8), "d": (4, 5, 6), "e": (4, 5, 6)},
)
def vector_quantize(
    z,
    codebook,
    w_in=None,
    w_out=None,
    mask=None,
    *,
    metric="expanded",
    lookup="index",
    beta=0.25,
    with_indices=False,
):
    """VQ-VAE's quantization of latents and its loss, with the straight-through estimator.

    Args:
        z: Latents of shape `(latents, features)`.
        codebook: Codes of shape `(codes, features)`.
        w_in: Maps latents to the space of the codes.
        w_out: Maps codes to the model's width.
        mask: False for the latents that the loss leaves out.
        beta: Weight of the commitment loss.
    """
    if w_in is not None:
        z = z @ w_in
    indices = nearest_codes(z, codebook, metric)
    if lookup == "one_hot":
        quantized = jax.nn.one_hot(indices, codebook.shape[0], dtype=codebook.dtype) @ codebook
    elif lookup == "take":
        quantized = jnp.take(codebook, indices, axis=0)
    else:
        quantized = codebook[indices]
    # The first term moves the codes, and the second commits the latents to them.
    errors = jnp.square(quantized - lax.stop_gradient(z))
    errors = errors + beta * jnp.square(lax.stop_gradient(quantized) - z)
    if mask is not None:
        errors = jnp.where(mask[:, None], errors, 0.0)
        loss = jnp.sum(errors) / (z.shape[-1] * jnp.maximum(jnp.sum(mask), 1))
    else:
        loss = jnp.mean(errors)
    quantized = z + lax.stop_gradient(quantized - z)
    if w_out is not None:
        quantized = quantized @ w_out
    if with_indices:
        return quantized, loss, indices
    return quantized, loss


@family(
    "reduction",
    "loop",
    "multi_statement",
    z="n d",
    codebooks="l c d",
    w_in="? d d in -0.7..0.7",
    w_out="? d d in -0.7..0.7",
    metric=("direct", "expanded", "cosine"),
    loop={"for": 3, "scan": 1},
    beta={0.25: 3, 0.5: 1},
    summed=(False, True),
    with_indices={False: 1, True: 1},
    sizes={"n": (4, 5, 6), "c": (4, 5, 6), "d": (4, 5, 6), "l": (2, 2, 4)},
)
def residual_quantize(
    z,
    codebooks,
    w_in=None,
    w_out=None,
    *,
    metric="direct",
    loop="for",
    beta=0.25,
    summed=False,
    with_indices=False,
):
    """Residual vector quantization of latents and its loss, with the straight-through estimator.

    Args:
        z: Latents of shape `(latents, features)`.
        codebooks: Codes of each stage, of shape `(stages, codes, features)`.
        w_in: Maps latents to the space of the codes.
        w_out: Maps codes back to the latents' space.
        beta: Weight of the commitment loss.
    """
    if w_in is not None:
        z = z @ w_in

    def stage(residual, codebook):
        indices = nearest_codes(residual, codebook, metric)
        quantized = codebook[indices]
        loss = jnp.mean(jnp.square(quantized - lax.stop_gradient(residual)))
        loss = loss + beta * jnp.mean(jnp.square(lax.stop_gradient(quantized) - residual))
        return residual - quantized, (indices, loss)

    if loop == "scan":
        residual, (indices, losses) = lax.scan(stage, z, codebooks)
    else:
        residual = z
        all_indices = []
        all_losses = []
        for codebook in codebooks:
            residual, (indices, loss) = stage(residual, codebook)
            all_losses.append(loss)
            if with_indices:
                all_indices.append(indices)
        losses = jnp.stack(all_losses)
        if with_indices:
            indices = jnp.stack(all_indices)
    quantized = z + lax.stop_gradient(-residual)
    if w_out is not None:
        quantized = quantized @ w_out
    loss = jnp.sum(losses) if summed else jnp.mean(losses)
    if with_indices:
        return quantized, loss, indices
    return quantized, loss


@family(
    "multi_statement",
    "contraction",
    "reduction",
    "branch",
    z="n d",
    codebook="c d",
    counts="c in 1..5",
    mask="? n bool",
    metric=("expanded", "direct", "cosine"),
    decay={0.99: 1, 0.9: 2, 0.8: 1},
    gather=("one_hot", "scatter", "segment_sum"),
    smooth={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6), "d": (4, 5, 6, 8)},
)
def update_codebook(
    z,
    codebook,
    counts,
    mask=None,
    *,
    metric="expanded",
    decay=0.9,
    gather="one_hot",
    smooth=False,
):
    """Updates a VQ-VAE codebook and its counts by exponential moving averages.

    Args:
        z: Latents of shape `(latents, features)`.
        codebook: Codes of shape `(codes, features)`.
        counts: Moving average of the number of latents of each code.
        mask: False for padded latents.
    """
    indices = nearest_codes(z, codebook, metric)
    num_codes = codebook.shape[0]
    if mask is not None:
        used = mask.astype(z.dtype)
        z = z * used[:, None]
    else:
        used = jnp.ones_like(z[:, 0])
    if gather == "scatter":
        added = jnp.zeros_like(counts).at[indices].add(used)
        total = jnp.zeros_like(codebook).at[indices].add(z)
    elif gather == "segment_sum":
        added = jax.ops.segment_sum(used, indices, num_codes)
        total = jax.ops.segment_sum(z, indices, num_codes)
    else:
        assignments = jax.nn.one_hot(indices, num_codes, dtype=z.dtype)
        added = used @ assignments
        total = assignments.T @ z
    sums = decay * counts[:, None] * codebook + (1.0 - decay) * total
    counts = decay * counts + (1.0 - decay) * added
    if smooth:
        # Laplace smoothing keeps the counts of unused codes from vanishing.
        n = jnp.sum(counts)
        smoothed = (counts + 1e-2) / (n + num_codes * 1e-2) * n
        return sums / smoothed[:, None], counts
    return sums / counts[:, None], counts


@family(
    "multi_statement",
    "elementwise",
    "unary",
    "contraction",
    z="... n d",
    w_in="? d d in -0.7..0.7",
    b_in="? d in -0.5..0.5",
    w_out="? d e in -0.7..0.7",
    half_width={2.0: 2, 3.0: 2, 4.0: 1},
    bound=("tanh", "sigmoid", "clip"),
    with_codes=(False, True),
    sizes={"n": (4, 5, 6, 8, 10), "d": (2, 4, 5), "e": (4, 6)},
    only="float32",
)
def finite_scalar_quantize(
    z,
    w_in=None,
    b_in=None,
    w_out=None,
    *,
    half_width=2.0,
    bound="tanh",
    with_codes=False,
):
    """Finite scalar quantization with the straight-through estimator.

    Args:
        z: Latents of shape `(..., latents, channels)`.
        w_in: Maps latents to the quantized channels.
        b_in: Bias of the quantized channels.
        w_out: Maps quantized channels to the model's width.
        half_width: Highest code; the lowest is its negative.
    """
    if w_in is not None:
        z = z @ w_in
    if b_in is not None:
        z = z + b_in
    if bound == "sigmoid":
        bounded = half_width * (2.0 * jax.nn.sigmoid(z) - 1.0)
    elif bound == "clip":
        bounded = half_width * jnp.clip(z, -1.0, 1.0)
    else:
        bounded = half_width * jnp.tanh(z)
    codes = jnp.round(bounded)
    # Straight through the rounding, and back to the range from minus one to one.
    quantized = (bounded + lax.stop_gradient(codes - bounded)) / half_width
    if w_out is not None:
        quantized = quantized @ w_out
    if with_codes:
        return quantized, codes.astype(jnp.int32)
    return quantized


@family(
    "contraction",
    "reduction",
    "branch",
    image="a*p g*p c",
    kernel="p*p*c d in -0.7..0.7",
    bias="? d",
    position_table="? a*g d",
    class_token="? d",
    norm_scale="? d in 0.5..1.5",
    patch_size=(Code("p"),),
    method=("reshape", "einsum", "slices"),
    norm=("layer", "rms"),
    scale_pixels=(False, True),
    sizes={"a": (2, 3), "g": (2, 3), "p": (2,), "c": (1, 2, 4), "d": (4, 6, 8)},
)
def patch_embedding(
    image,
    kernel,
    bias=None,
    position_table=None,
    class_token=None,
    norm_scale=None,
    *,
    patch_size=2,
    method="reshape",
    norm="layer",
    scale_pixels=False,
):
    """Patch embedding of a vision transformer.

    Args:
        image: Image of shape `(height, width, channels)`.
        kernel: Weights of shape `(patch_size**2 * channels, features)`.
        bias: Bias of the embeddings.
        position_table: Learned embedding of each patch's position.
        class_token: Learned token that comes before the patches.
        norm_scale: Scale of the norm of the tokens.
    """
    height, width, channels = image.shape
    rows = height // patch_size
    columns = width // patch_size
    if scale_pixels:
        # From pixels between zero and one.
        image = 2.0 * image - 1.0
    if method == "slices":
        patches = [
            image[i::patch_size, j::patch_size]
            for i in range(patch_size)
            for j in range(patch_size)
        ]
        x = jnp.concatenate(patches, axis=-1).reshape(rows * columns, -1) @ kernel
    elif method == "einsum":
        patches = image.reshape(rows, patch_size, columns, patch_size, channels)
        filters = kernel.reshape(patch_size, patch_size, channels, -1)
        x = jnp.einsum("hpwqc,pqcd->hwd", patches, filters).reshape(rows * columns, -1)
    else:
        patches = image.reshape(rows, patch_size, columns, patch_size, channels)
        patches = patches.transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)
        x = patches @ kernel
    if bias is not None:
        x = x + bias
    if position_table is not None:
        x = x + position_table
    if class_token is not None:
        x = jnp.concatenate([class_token[None, :], x], axis=0)
    if norm_scale is not None:
        if norm == "rms":
            x = rms_norm(x, norm_scale)
        else:
            x = layer_norm(x, norm_scale)
    return x


@family(
    "reduction",
    centers="n int c",
    contexts="n int c",
    negatives="n k int c",
    table="c d in -1.5..1.5",
    context_table="? c d in -1.5..1.5",
    mask="? n bool",
    loss={"logistic": 3, "softmax": 1},
    spelling=decided(("einsum", "sum", "vmap")),
    noise_weight={None: 3, 0.5: 1},
    reduce={"mean": 3, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6), "k": (2, 4, 5), "c": (6, 8, 10), "d": (4, 5, 6)},
)
def skip_gram_loss(
    centers,
    contexts,
    negatives,
    table,
    context_table=None,
    mask=None,
    *,
    loss="logistic",
    spelling="einsum",
    noise_weight=None,
    reduce="mean",
):
    """Loss of word2vec's skip-gram model with sampled negatives.

    Args:
        centers: Center word of each pair.
        contexts: Context word of each pair.
        negatives: Negative words of each pair, of shape `(pairs, negatives)`.
        table: Word vectors of shape `(vocabulary, features)`.
        context_table: Vectors of the words as contexts.
        mask: False for padded pairs.
    """
    center = table[centers]
    if context_table is not None:
        context = context_table[contexts]
        noise_words = context_table[negatives]
    else:
        # A word has the same vector in both roles.
        context = table[contexts]
        noise_words = table[negatives]
    positive = jnp.sum(center * context, axis=-1)
    if spelling == "sum":
        negative = jnp.sum(center[:, None, :] * noise_words, axis=-1)
    elif spelling == "vmap":
        negative = jax.vmap(jnp.dot)(noise_words, center)
    else:
        negative = jnp.einsum("nd,nkd->nk", center, noise_words)
    if loss == "softmax":
        logits = jnp.concatenate([positive[:, None], negative], axis=-1)
        per_example = jax.nn.logsumexp(logits, axis=-1) - positive
    else:
        noise = jnp.sum(jax.nn.log_sigmoid(-negative), axis=-1)
        if noise_weight is not None:
            noise = noise_weight * noise
        per_example = -jax.nn.log_sigmoid(positive) - noise
    if mask is not None:
        per_example = jnp.where(mask, per_example, 0.0)
    if reduce == "sum":
        return jnp.sum(per_example)
    elif reduce == "none":
        return per_example
    elif mask is not None:
        return jnp.sum(per_example) / jnp.maximum(jnp.sum(mask), 1)
    else:
        return jnp.mean(per_example)


def score_triples(head, relation, tail, kind="transe", order=2):
    if kind == "transe":
        difference = head + relation - tail
        if order == 1:
            return -jnp.sum(jnp.abs(difference), axis=-1)
        else:
            return -jnp.linalg.norm(difference, axis=-1)
    elif kind == "distmult":
        return jnp.sum(head * relation * tail, axis=-1)
    else:
        head_re, head_im = jnp.split(head, 2, axis=-1)
        relation_re, relation_im = jnp.split(relation, 2, axis=-1)
        tail_re, tail_im = jnp.split(tail, 2, axis=-1)
        if kind == "rotate":
            # A relation turns the head, and doesn't stretch it.
            size = jnp.sqrt(jnp.square(relation_re) + jnp.square(relation_im) + 1e-3)
            relation_re = relation_re / size
            relation_im = relation_im / size
        moved_re = head_re * relation_re - head_im * relation_im
        moved_im = head_re * relation_im + head_im * relation_re
        if kind == "rotate":
            squares = jnp.square(moved_re - tail_re) + jnp.square(moved_im - tail_im)
            return -jnp.sum(jnp.sqrt(squares + 1e-3), axis=-1)
        else:
            return jnp.sum(moved_re * tail_re + moved_im * tail_im, axis=-1)


@family(
    "reduction",
    heads="n int c",
    relations="n int r",
    tails="n int c",
    entities="c 2*d",
    relation_table="r 2*d",
    bias="? c",
    kind={"transe": 2, "distmult": 1, "complex": 1, "rotate": 1},
    order={2: 2, 1: 1},
    unit={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8), "r": (2, 4, 5), "c": (5, 6, 8), "d": (2, 4)},
)
def triple_log_likelihood(
    heads,
    relations,
    tails,
    entities,
    relation_table,
    bias=None,
    *,
    kind="transe",
    order=2,
    unit=False,
):
    """Log-probability of each triple's tail among all entities of a knowledge graph.

    Args:
        heads: Head entity of each triple.
        relations: Relation of each triple.
        tails: Tail entity of each triple.
        entities: Embeddings of shape `(entities, features)`.
        relation_table: Embeddings of shape `(relations, features)`.
        bias: Bias of each entity as a tail.
    """
    if unit:
        entities = entities / (jnp.linalg.norm(entities, axis=-1, keepdims=True) + 1e-6)
    head = entities[heads][:, None, :]
    relation = relation_table[relations][:, None, :]
    scores = score_triples(head, relation, entities, kind=kind, order=order)
    if bias is not None:
        scores = scores + bias
    log_probs = jax.nn.log_softmax(scores, axis=-1)
    return jnp.take_along_axis(log_probs, tails[:, None], axis=-1)[:, 0]


@family(
    "reduction",
    heads="n int c",
    relations="n int r",
    tails="n int c",
    corrupted="n k int c",
    entities="c 2*d",
    relation_table="r 2*d",
    weights="? n in 0.3..1.5",
    kind={"transe": 2, "distmult": 1, "complex": 1, "rotate": 1},
    order={2: 2, 1: 1},
    loss={"margin": 2, "logistic": 2, "adversarial": 1},
    reduce={"mean": 3, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "k": (2, 3), "r": (2, 4, 5), "c": (5, 6, 8), "d": (2, 4)},
)
def knowledge_graph_loss(
    heads,
    relations,
    tails,
    corrupted,
    entities,
    relation_table,
    weights=None,
    *,
    kind="transe",
    order=2,
    loss="margin",
    reduce="mean",
):
    """Loss of a knowledge graph embedding, whose negatives are triples with corrupted tails.

    Args:
        heads: Head entity of each triple.
        relations: Relation of each triple.
        tails: Tail entity of each triple.
        corrupted: Wrong tails of each triple, of shape `(triples, negatives)`.
        entities: Embeddings of shape `(entities, features)`.
        relation_table: Embeddings of shape `(relations, features)`.
        weights: Weight of each triple.
    """
    head = entities[heads]
    relation = relation_table[relations]
    positive = score_triples(head, relation, entities[tails], kind=kind, order=order)
    negative = score_triples(
        head[:, None], relation[:, None], entities[corrupted], kind=kind, order=order
    )
    if loss == "margin":
        losses = jnp.mean(jax.nn.relu(1.0 - positive[:, None] + negative), axis=-1)
    elif loss == "logistic":
        losses = jax.nn.softplus(-positive) + jnp.mean(jax.nn.softplus(negative), axis=-1)
    else:
        # Self-adversarial: hard negatives count more, as in RotatE.
        hardness = lax.stop_gradient(jax.nn.softmax(negative, axis=-1))
        losses = jax.nn.softplus(-positive) + jnp.sum(hardness * jax.nn.softplus(negative), axis=-1)
    if weights is not None:
        losses = losses * weights
    if reduce == "mean":
        return jnp.mean(losses)
    elif reduce == "sum":
        return jnp.sum(losses)
    else:
        return losses
