"""Families: embeddings of tokens, positions and patches, logits, and codes."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
add_sinusoidal_positions: add_sinusoidal_positions 4, add_positional_encoding 4, positional_encoding 2, add_positions 1
timestep_embedding: timestep_embedding 6, time_embedding 3, embed_timesteps 2, sinusoidal_embedding 2
fourier_features: fourier_features 6, random_fourier_features 1, encode_coordinates 2, fourier_encoding 2
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
triple_scores: triple_scores 4, score_triples 4, knowledge_graph_scores 1, link_scores 1
table: table 5, embedding 4, embeddings 2, wte 1, embed 1
tokens: tokens 6, token_ids 3, ids 2, input_ids 2
positions: positions 6, pos 3, position_ids 2
position_table: position_table 3, pos_embedding 4, wpe 1, position_embedding 3
segments: segments 4, token_types 2, segment_ids 3, type_ids 1
segment_table: segment_table 3, segment_embedding 3, type_embedding 2
targets: targets 5, labels 5, target_ids 1
logits: logits 10, scores 1
log_probs: log_probs 6, logp 2, log_p 1
losses: losses 4, loss 2, nll 3, token_losses 1
temperature: temperature 6, temp 2, tau 1
softcap: softcap 5, logit_cap 2, cap 2, final_softcap 1
threshold: threshold 6, cutoff 2, kth 1
z: z 6, latents 3, z_e 2, encoded 1
codebook: codebook 7, codes 1, embeddings 1, embedding 1
distances: distances 5, dist 3, d2 2, sq_dist 1
indices: indices 5, codes 2, idx 3, code_ids 1
quantized: quantized 5, z_q 4, q 1
commitment: commitment 3, commitment_loss 5, commit_loss 2
residual: residual 6, r 2, remainder 1
all_losses: all_losses 3, losses 1, loss_terms 1
image: image 6, x 3, img 2
patches: patches 7, x 2
kernel: kernel 5, w 3, weight 2, projection 1
bias: bias 6, b 4
inv_freq: inv_freq 4, freqs 4, frequencies 2
angles: angles 5, args 2, phase 1, theta 1
encoding: encoding 4, pe 3, pos_enc 1
mask: mask 8, valid 1, keep 1
hidden: hidden 6, h 3, x 2
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
    base={10000.0: 5, 100.0: 1, 1000.0: 1},
    offset={0: 4, 1: 1, 8: 1},
    scale_inputs=(True, False),
    backward={False: 5, True: 1},
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
    offset=0,
    scale_inputs=True,
    backward=False,
):
    """Adds sines and cosines of its position to each row.

    Args:
        x: The embedded rows.
        amplitude: The size of what is added.
        norm_scale: The scale of the norm at the end.
        mask: Which rows are no padding.
    """
    n, d = x.shape[-2:]
    if scale_inputs:
        x = x * d**0.5
    positions = jnp.arange(n)
    if backward:
        # Count from the end.
        positions = n - 1 - positions
    if offset > 0:
        positions = positions + offset
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
    w2="? 2*f 2*d in -0.7..0.7",
    activation={Code("jax.nn.silu"): 4, Code("jax.nn.gelu"): 2, Code("jnp.tanh"): 1},
    max_period={100.0: 1, 1000.0: 1, 10000.0: 2},
    time_scale={None: 2, 10.0: 1, 100.0: 1},
    order=("sin first", "cos first", "interleave"),
    split={False: 2, True: 1},
    half_open={False: 2, True: 1},
    sizes={"b": (4, 5, 6, 8, 10), "e": (2, 4, 5, 6), "f": (2, 4, 6), "d": (2, 4, 5)},
    only="float32",
)
def timestep_embedding(
    t,
    w1,
    b1=None,
    class_embedding=None,
    w2=None,
    *,
    activation=None,
    max_period=10000.0,
    time_scale=None,
    order="sin first",
    split=False,
    half_open=False,
):
    """Embeds the time steps of a diffusion model.

    Args:
        t: A time for each example.
        w1: Weights of the first layer.
        b1: Bias of the first layer.
        class_embedding: The embedded class of each example.
        w2: Weights of the second layer.
    """
    half = w1.shape[0] // 2
    if half_open:
        inv_freq = max_period ** (-jnp.arange(half) / half)
    else:
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
    hidden = activation(hidden)
    if w2 is not None:
        hidden = hidden @ w2
    if split:
        # A layer of the model is scaled and shifted by it.
        scale, shift = jnp.split(hidden, 2, axis=-1)
        return 1.0 + scale, shift
    return hidden


@family(
    "elementwise",
    "unary",
    "contraction",
    x="n 2 in -1..1",
    scale="? 2 in 0.5..2",
    center="? 2 in -0.5..0.5",
    num_bands=(2, 3, 4),
    log_spaced={True: 3, False: 1},
    with_pi={True: 2, False: 1},
    include_inputs=(True, False),
    order=("sin cos", "cos sin", "phase"),
    annealing={None: 4, 1.5: 1, 2.5: 1},
    norm={False: 4, True: 1},
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
    order="sin cos",
    annealing=None,
    norm=False,
):
    """Encodes coordinates by waves of several frequencies.

    Args:
        x: The coordinates of each point.
        scale: The scale of each axis.
        center: The point that becomes the origin.
    """
    if center is not None:
        x = x - center
    if scale is not None:
        x = x * scale
    if log_spaced:
        bands = 2.0 ** jnp.arange(num_bands)
    else:
        bands = 1.0 + jnp.arange(num_bands)
    if with_pi:
        bands = jnp.pi * bands
    angles = x[:, None, :] * bands[:, None]
    if order == "sin cos":
        features = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    elif order == "cos sin":
        features = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    else:
        # A cosine is a sine that is a quarter ahead.
        features = jnp.sin(jnp.concatenate([angles, angles + 0.5 * jnp.pi], axis=-1))
    if annealing is not None:
        # Let the high frequencies in later.
        progress = jnp.clip(annealing - jnp.arange(num_bands), 0.0, 1.0)
        features = features * (0.5 * (1.0 - jnp.cos(jnp.pi * progress)))[:, None]
    features = features.reshape(x.shape[0], -1)
    if include_inputs:
        features = jnp.concatenate([x, features], axis=-1)
    if norm:
        features = features / jnp.linalg.norm(features, axis=-1, keepdims=True)
    return features


@family(
    "contraction",
    "reduction",
    "multi_statement",
    x="... n d",
    projection="d f",
    phase="? f in 0..6",
    amplitude="? f in 0.2..1.5",
    lengthscale="? d in 0.5..2",
    kind={"pair": 3, "cos": 2, "positive": 1},
    two_pi={False: 2, True: 1},
    scaled=(True, False),
    with_kernel={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (2, 4, 5), "f": (4, 6, 8, 12)},
    only="float32",
)
def fourier_features(
    x,
    projection,
    phase=None,
    amplitude=None,
    lengthscale=None,
    *,
    kind="pair",
    two_pi=True,
    scaled=True,
    with_kernel=False,
):
    """Maps points to random features, whose products approximate a kernel.

    Args:
        x: The points.
        projection: The frequencies of each feature.
        phase: The phase of each feature.
        amplitude: The size of each feature.
        lengthscale: The kernel's length along each axis.
    """
    if lengthscale is not None:
        x = x / lengthscale
    angles = x @ projection
    if two_pi:
        angles = 2.0 * jnp.pi * angles
    if phase is not None:
        angles = angles + phase
    num_features = projection.shape[-1]
    if kind == "cos":
        features = jnp.cos(angles)
        if scaled:
            features = features * (2.0 / num_features) ** 0.5
        if amplitude is not None:
            features = features * amplitude
    else:
        cosines = jnp.cos(angles)
        sines = jnp.sin(angles)
        if amplitude is not None:
            cosines = cosines * amplitude
            sines = sines * amplitude
        features = jnp.concatenate([cosines, sines], axis=-1)
        if scaled:
            features = features / num_features**0.5
    if with_kernel:
        return features, features @ jnp.swapaxes(features, -1, -2)
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
    norm_bias="? d",
    projection="? d e in -0.7..0.7",
    lookup={"index": 4, "take": 2, "one_hot": 1},
    scaled=(False, True),
    norm={"layer": 2, "rms": 1},
    padding_id={None: 3, 0: 2},
    masking=("where", "multiply"),
    max_norm={None: 5, 1.0: 1, 2.0: 1},
    sizes={"n": (4, 5, 6, 8, 10), "c": (6, 8, 10, 12), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def embed_tokens(
    tokens,
    table,
    position_table=None,
    norm_scale=None,
    norm_bias=None,
    projection=None,
    *,
    lookup="index",
    scaled=False,
    norm="layer",
    padding_id=None,
    masking="where",
    max_norm=None,
):
    """Embeds the tokens of a sequence.

    Args:
        tokens: The number of each token.
        table: The embedding of each token.
        position_table: The embedding of each position.
        norm_scale: The scale of the norm.
        norm_bias: The bias of the norm.
        projection: Maps small embeddings to the model's width.
    """
    if max_norm is not None:
        # Shorten the embeddings that are too long.
        norms = jnp.linalg.norm(table, axis=-1, keepdims=True)
        table = table * jnp.minimum(1.0, max_norm / (norms + 1e-6))
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
    if norm_bias is not None:
        x = x + norm_bias
    if projection is not None:
        x = x @ projection
    if padding_id is not None:
        # Padding has no embedding.
        padded = (tokens == padding_id)[..., None]
        if masking == "multiply":
            x = x * ~padded
        else:
            x = jnp.where(padded, 0.0, x)
    return x


@family(
    "reduction",
    bags="n t int c",
    table="c d",
    weights="? n t in 0.1..1",
    scale="? d in 0.5..1.5",
    mode={"sum": 2, "mean": 3, "sqrt": 1},
    padding_id={None: 2, 0: 2},
    lookup=("index", "take", "vmap"),
    unit={False: 3, True: 1},
    with_counts={False: 4, True: 1},
    sizes={"n": (4, 5, 6), "t": (4, 5, 6), "c": (6, 8, 10), "d": (4, 5, 6)},
)
def embedding_bag(
    bags,
    table,
    weights=None,
    scale=None,
    *,
    mode="mean",
    padding_id=None,
    lookup="index",
    unit=False,
    with_counts=False,
):
    """Embeds bags of tokens, each as one vector.

    Args:
        bags: The tokens of each bag.
        table: The embedding of each token.
        weights: The weight of each token in its bag.
        scale: The scale of each feature.
    """
    if lookup == "take":
        x = jnp.take(table, bags, axis=0)
    elif lookup == "vmap":
        x = jax.vmap(lambda bag: table[bag])(bags)
    else:
        x = table[bags]
    if weights is None:
        weights = jnp.ones(bags.shape, dtype=table.dtype)
    if padding_id is not None:
        weights = weights * (bags != padding_id)
    x = x * weights[..., None]
    counts = jnp.sum(weights, axis=-1, keepdims=True)
    if mode == "sum":
        pooled = jnp.sum(x, axis=1)
    elif mode == "mean":
        pooled = jnp.sum(x, axis=1) / jnp.maximum(counts, 1.0)
    else:
        pooled = jnp.sum(x, axis=1) / jnp.sqrt(jnp.maximum(counts, 1.0))
    if scale is not None:
        pooled = pooled * scale
    if unit:
        pooled = pooled / (jnp.linalg.norm(pooled, axis=-1, keepdims=True) + 1e-6)
    if with_counts:
        return pooled, counts
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
    cosine={False: 4, True: 1},
    output={"logits": 3, "log_probs": 2, "both": 1, "last": 1},
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
    cosine=False,
    output="logits",
):
    """Scores all tokens, by the same table that embeds them.

    Args:
        hidden: The last states of a model.
        table: The embedding of each token.
        bias: The bias of each token.
        norm_scale: The scale of the last norm.
        temperature: Above one, it makes the scores more alike.
        mask: Which tokens may come.
    """
    if norm_scale is not None:
        if norm == "rms":
            hidden = rms_norm(hidden, norm_scale)
        else:
            hidden = layer_norm(hidden, norm_scale)
    if cosine:
        hidden = hidden / (jnp.linalg.norm(hidden, axis=-1, keepdims=True) + 1e-6)
        table = table / (jnp.linalg.norm(table, axis=-1, keepdims=True) + 1e-6)
    if output == "last":
        hidden = hidden[..., -1:, :]
    if spelling == "einsum":
        logits = jnp.einsum("...nd,vd->...nv", hidden, table)
    else:
        logits = hidden @ table.T
    if scaled:
        logits = logits / table.shape[-1] ** 0.5
    if bias is not None:
        logits = logits + bias
    if softcap is not None:
        logits = softcap * jnp.tanh(logits / softcap)
    if temperature is not None:
        logits = logits / temperature
    if mask is not None:
        logits = jnp.where(mask, logits, -1e4)
    if output == "log_probs":
        return jax.nn.log_softmax(logits, axis=-1)
    elif output == "both":
        return logits, jax.nn.logsumexp(logits, axis=-1)
    else:
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
    class_bias="? c",
    mask="? n bool",
    gather=("take_along_axis", "index", "one_hot"),
    smoothing={None: 3, 0.1: 2, 0.05: 1},
    z_loss={None: 3, 1e-2: 1, 1e-3: 1},
    shift={False: 3, True: 1},
    focal={None: 4, 2: 1},
    reduce={"mean": 4, "sum": 1, "none": 2},
    with_accuracy={False: 4, True: 1},
    sizes={"n": (4, 5, 6, 8, 10), "c": (5, 6, 8, 10)},
)
def next_token_loss(
    logits,
    targets,
    weights=None,
    class_bias=None,
    mask=None,
    *,
    gather="take_along_axis",
    smoothing=None,
    z_loss=None,
    shift=False,
    focal=None,
    reduce="mean",
    with_accuracy=False,
):
    """The cross-entropy of predicted tokens.

    Args:
        logits: The scores of all tokens at each place.
        targets: The right token at each place.
        weights: The weight of each place.
        class_bias: The bias of each token.
        mask: Which places count.
    """
    if shift:
        # The scores of each place are about the next one.
        logits = logits[:-1]
        targets = targets[1:]
        if weights is not None:
            weights = weights[1:]
        if mask is not None:
            mask = mask[1:]
    if class_bias is not None:
        logits = logits + class_bias
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
    if focal is not None:
        # Places that are right already count less.
        loss = (1.0 - jnp.exp(-loss)) ** focal * loss
    if z_loss is not None:
        loss = loss + z_loss * jnp.square(jax.nn.logsumexp(logits, axis=-1))
    if weights is not None:
        loss = loss * weights
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
    if reduce == "sum":
        loss = jnp.sum(loss)
    elif reduce == "mean":
        if mask is not None:
            loss = jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
        else:
            loss = jnp.mean(loss)
    if with_accuracy:
        correct = jnp.argmax(logits, axis=-1) == targets
        return loss, jnp.mean(correct.astype(logits.dtype))
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
    top_k={None: 2, 4: 1, 5: 1, 6: 1},
    top_p={None: 3, 0.9: 1, 0.8: 1},
    min_p={None: 3, 0.05: 1, 0.1: 1},
    penalty={0.5: 1, 0.2: 1},
    fill={-1e4: 2, -1e3: 1},
    output={"logits": 2, "log_probs": 2, "entropy": 1},
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
    top_k=None,
    top_p=None,
    min_p=None,
    penalty=0.5,
    fill=-1e4,
    output="logits",
):
    """Leaves the tokens that may be drawn next.

    Args:
        logits: The scores of the tokens.
        bias: Added to the scores.
        counts: How often each token was there already.
        temperature: Below one, it favours the likely tokens.
        allowed: Which tokens may come.
    """
    if bias is not None:
        logits = logits + bias
    if counts is not None:
        logits = logits - penalty * counts
    if temperature is not None:
        logits = logits / temperature
    if allowed is not None:
        logits = jnp.where(allowed, logits, fill)
    if top_k is not None:
        threshold = lax.top_k(logits, top_k)[0][..., -1:]
        logits = jnp.where(logits < threshold, fill, logits)
    if top_p is not None:
        ordered = -jnp.sort(-logits, axis=-1)
        sorted_probs = jax.nn.softmax(ordered, axis=-1)
        # Keep the likeliest tokens whose sum reaches top_p.
        kept = jnp.cumsum(sorted_probs, axis=-1) - sorted_probs < top_p
        threshold = jnp.min(jnp.where(kept, ordered, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits < threshold, fill, logits)
    if min_p is not None:
        probs = jax.nn.softmax(logits, axis=-1)
        too_rare = probs < min_p * jnp.max(probs, axis=-1, keepdims=True)
        logits = jnp.where(too_rare, fill, logits)
    if output == "log_probs":
        return jax.nn.log_softmax(logits, axis=-1)
    elif output == "entropy":
        log_probs = jax.nn.log_softmax(logits, axis=-1)
        return log_probs, -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    else:
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
    weights="? n in 0.1..1",
    metric=("expanded", "direct", "cosine"),
    lookup={"index": 3, "take": 1, "one_hot": 1},
    beta={0.25: 4, 0.1: 1, 1.0: 1},
    terms={"both": 3, "one": 1},
    straight_through={True: 4, False: 1},
    output={"loss": 4, "indices": 2, "perplexity": 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6, 8), "d": (4, 5, 6), "e": (4, 5, 6)},
)
def vector_quantize(
    z,
    codebook,
    w_in=None,
    w_out=None,
    weights=None,
    *,
    metric="expanded",
    lookup="index",
    beta=0.25,
    terms="both",
    straight_through=True,
    output="loss",
):
    """Replaces each row by its nearest code.

    Args:
        z: The rows.
        codebook: The codes.
        w_in: Maps rows to the space of the codes.
        w_out: Maps codes to the model's width.
        weights: The weight of each row in the loss.
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
    if terms == "both":
        # Draw the codes to the rows, and the rows to the codes.
        errors = jnp.square(quantized - lax.stop_gradient(z))
        errors = errors + beta * jnp.square(lax.stop_gradient(quantized) - z)
    else:
        errors = jnp.square(quantized - z)
    if weights is not None:
        errors = errors * weights[:, None]
    loss = jnp.mean(errors)
    if straight_through:
        # The gradient goes past the choice of a code.
        quantized = z + lax.stop_gradient(quantized - z)
    if w_out is not None:
        quantized = quantized @ w_out
    if output == "indices":
        return quantized, loss, indices
    elif output == "perplexity":
        usage = jnp.mean(jax.nn.one_hot(indices, codebook.shape[0]), axis=0)
        return quantized, loss, jnp.exp(-jnp.sum(usage * jnp.log(usage + 1e-10)))
    else:
        return quantized, loss


@family(
    "reduction",
    "loop",
    "multi_statement",
    z="n d",
    codebooks="l c d",
    scales="? l in 0.5..1.5",
    metric=("expanded", "direct", "cosine"),
    loop={"for": 3, "scan": 1},
    beta={0.25: 3, 1.0: 1},
    summed={True: 1, False: 1},
    straight_through={True: 3, False: 1},
    with_residual={False: 2, True: 1},
    with_indices={False: 1, True: 1},
    sizes={"n": (4, 5, 6), "c": (4, 5, 6), "d": (4, 5, 6), "l": (2, 2, 4)},
)
def residual_quantize(
    z,
    codebooks,
    scales=None,
    *,
    metric="direct",
    loop="for",
    beta=0.25,
    summed=False,
    straight_through=True,
    with_residual=False,
    with_indices=False,
):
    """Quantises rows in stages, each of which takes what the last one left.

    Args:
        z: The rows.
        codebooks: The codes of each stage.
        scales: The scale of each stage's codes.
    """
    if scales is not None:
        codebooks = codebooks * scales[:, None, None]

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
    quantized = z - residual
    if straight_through:
        quantized = z + lax.stop_gradient(quantized - z)
    loss = jnp.sum(losses) if summed else jnp.mean(losses)
    if with_residual and with_indices:
        return quantized, loss, residual, indices
    elif with_residual:
        return quantized, loss, residual
    elif with_indices:
        return quantized, loss, indices
    else:
        return quantized, loss


@family(
    "multi_statement",
    "contraction",
    "reduction",
    "branch",
    z="n d",
    codebook="c d",
    counts="c in 1..5",
    weights="? n in 0.1..1",
    metric=("expanded", "direct", "cosine"),
    rate={0.1: 2, 0.2: 1, 0.01: 1},
    gather=("one_hot", "scatter"),
    smooth={False: 2, True: 1},
    reset={None: 3, 1.0: 1, 1.5: 1},
    unit={False: 3, True: 1},
    with_counts={True: 3, False: 1},
    sizes={"n": (4, 5, 6, 8), "c": (4, 5, 6), "d": (4, 5, 6, 8)},
)
def update_codebook(
    z,
    codebook,
    counts,
    weights=None,
    *,
    metric="expanded",
    rate=0.1,
    gather="one_hot",
    smooth=False,
    reset=None,
    unit=False,
    with_counts=True,
):
    """Moves each code to the mean of the rows that are nearest to it.

    Args:
        z: The rows.
        codebook: The codes.
        counts: How many rows each code had so far.
        weights: The weight of each row.
    """
    indices = nearest_codes(z, codebook, metric)
    if gather == "scatter":
        if weights is None:
            weights = jnp.ones_like(z[:, 0])
        added = jnp.zeros_like(counts).at[indices].add(weights)
        total = jnp.zeros_like(codebook).at[indices].add(weights[:, None] * z)
    else:
        assignments = jax.nn.one_hot(indices, codebook.shape[0], dtype=z.dtype)
        if weights is not None:
            assignments = assignments * weights[:, None]
        added = jnp.sum(assignments, axis=0)
        total = assignments.T @ z
    sums = counts[:, None] * codebook
    sums = sums + rate * (total - sums)
    counts = counts + rate * (added - counts)
    if smooth:
        # No code's count may vanish.
        counts = (counts + 1e-3) / (1.0 + 1e-3 * counts.shape[0] / jnp.sum(counts))
    codebook = sums / counts[:, None]
    if reset is not None:
        # Codes that are hardly used start anew at the mean of the rows.
        codebook = jnp.where(counts[:, None] < reset, jnp.mean(z, axis=0), codebook)
    if unit:
        codebook = codebook / (jnp.linalg.norm(codebook, axis=-1, keepdims=True) + 1e-6)
    if with_counts:
        return codebook, counts
    return codebook


@family(
    "multi_statement",
    "elementwise",
    "unary",
    z="... n d",
    scale="? d in 0.5..2",
    shift="? d in -0.5..0.5",
    half_width={2.0: 2, 3.0: 2, 4.0: 1},
    bound=("tanh", "sigmoid", "clip", "arctan"),
    rounding={"round": 3, "floor": 1},
    unit=(True, False),
    output={"codes": 3, "loss": 2, "integers": 1},
    sizes={"n": (4, 5, 6, 8, 10), "d": (2, 4, 5, 6)},
    only="float32",
)
def finite_scalar_quantize(
    z,
    scale=None,
    shift=None,
    *,
    half_width=2.0,
    bound="tanh",
    rounding="round",
    unit=True,
    output="codes",
):
    """Rounds each feature to one of a few levels.

    Args:
        z: The features.
        scale: Their scale.
        shift: Their shift.
    """
    if scale is not None:
        z = z * scale
    if shift is not None:
        z = z + shift
    if bound == "sigmoid":
        bounded = half_width * (2.0 * jax.nn.sigmoid(z) - 1.0)
    elif bound == "clip":
        bounded = half_width * jnp.clip(z, -1.0, 1.0)
    elif bound == "arctan":
        bounded = half_width * jnp.arctan(z) / (0.5 * jnp.pi)
    else:
        bounded = half_width * jnp.tanh(z)
    if rounding == "floor":
        codes = jnp.floor(bounded + 0.5)
    else:
        codes = jnp.round(bounded)
    # The gradient is as if nothing were rounded.
    quantized = bounded + lax.stop_gradient(codes - bounded)
    if unit:
        quantized = quantized / half_width
    if output == "loss":
        return quantized, jnp.mean(jnp.square(bounded - lax.stop_gradient(codes)))
    elif output == "integers":
        return quantized, codes.astype(jnp.int32)
    else:
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
    mask="? a*g bool",
    patch_size=(Code("p"),),
    method=("reshape", "einsum", "slices"),
    norm=("layer", "rms"),
    pixel_norm={False: 3, True: 1},
    masking={"zero": 1, "mean": 1},
    sizes={"a": (2, 3), "g": (2, 3), "p": (2,), "c": (1, 2, 4), "d": (4, 6, 8)},
)
def patch_embedding(
    image,
    kernel,
    bias=None,
    position_table=None,
    class_token=None,
    norm_scale=None,
    mask=None,
    *,
    patch_size=2,
    method="reshape",
    norm="layer",
    pixel_norm=False,
    masking="zero",
):
    """Embeds the patches of an image.

    Args:
        image: The image, of shape `(height, width, channels)`.
        kernel: Maps the pixels of a patch to its embedding.
        bias: Added to each embedding.
        position_table: The embedding of each patch's place.
        class_token: A token before the patches.
        norm_scale: The scale of the norm.
        mask: Which patches are seen.
    """
    height, width, channels = image.shape
    rows = height // patch_size
    columns = width // patch_size
    if pixel_norm:
        image = (image - jnp.mean(image, axis=(0, 1))) / (jnp.std(image, axis=(0, 1)) + 1e-5)
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
    if mask is not None:
        # The model has to guess what is hidden.
        if masking == "mean":
            x = jnp.where(mask[:, None], x, jnp.mean(x, axis=0))
        else:
            x = jnp.where(mask[:, None], x, 0.0)
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
    bias="? c",
    weights="? n in 0.1..1",
    loss={"logistic": 3, "margin": 1, "softmax": 2},
    unit={False: 3, True: 1},
    temperature={None: 3, 0.5: 1, 0.1: 1},
    reduce={"mean": 3, "sum": 1, "none": 1},
    penalty={None: 3, 0.01: 1, 0.1: 1},
    sizes={"n": (4, 5, 6), "k": (2, 4, 5), "c": (6, 8, 10), "d": (4, 5, 6)},
)
def skip_gram_loss(
    centers,
    contexts,
    negatives,
    table,
    context_table=None,
    bias=None,
    weights=None,
    *,
    loss="logistic",
    unit=False,
    temperature=None,
    reduce="mean",
    penalty=None,
):
    """The loss of word vectors that tell real neighbours from random words.

    Args:
        centers: The words in the middle.
        contexts: A neighbour of each.
        negatives: Some random words for each.
        table: The vectors of the words.
        context_table: The vectors of the words as neighbours.
        bias: How common each word is.
        weights: The weight of each pair.
    """
    if unit:
        table = table / (jnp.linalg.norm(table, axis=-1, keepdims=True) + 1e-6)
    if context_table is None:
        # A word's vector is the same in both places.
        context_table = table
    center = table[centers]
    positive = jnp.sum(center * context_table[contexts], axis=-1)
    negative = jnp.einsum("nd,nkd->nk", center, context_table[negatives])
    if bias is not None:
        positive = positive + bias[contexts]
        negative = negative + bias[negatives]
    if temperature is not None:
        positive = positive / temperature
        negative = negative / temperature
    if loss == "margin":
        per_example = jnp.sum(jax.nn.relu(1.0 - positive[:, None] + negative), axis=-1)
    elif loss == "softmax":
        logits = jnp.concatenate([positive[:, None], negative], axis=-1)
        per_example = jax.nn.logsumexp(logits, axis=-1) - positive
    else:
        per_example = -jax.nn.log_sigmoid(positive)
        per_example = per_example - jnp.sum(jax.nn.log_sigmoid(-negative), axis=-1)
    if penalty is not None:
        per_example = per_example + penalty * jnp.sum(jnp.square(center), axis=-1)
    if weights is not None:
        per_example = per_example * weights
    if reduce == "mean":
        return jnp.mean(per_example)
    elif reduce == "sum":
        return jnp.sum(per_example)
    else:
        return per_example


def score_triples(head, relation, tail, kind="translate", order=2):
    if kind == "translate":
        difference = head + relation - tail
        if order == 1:
            return -jnp.sum(jnp.abs(difference), axis=-1)
        else:
            return -jnp.linalg.norm(difference, axis=-1)
    elif kind == "product":
        return jnp.einsum("nd,nd,nd->n", head, relation, tail)
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
    corrupted="? n int c",
    kind={"translate": 2, "product": 1, "complex": 1, "rotate": 1},
    order={1: 1, 2: 2},
    unit={False: 2, True: 1},
    loss={"hinge": 2, "logistic": 2, "softmax": 1},
    margin={1.0: 2, 2.0: 1},
    penalty={None: 3, 0.01: 1},
    reduce={"mean": 3, "sum": 1, "none": 1},
    sizes={"n": (4, 5, 6, 8), "r": (2, 4, 5), "c": (5, 6, 8), "d": (2, 4)},
)
def triple_scores(
    heads,
    relations,
    tails,
    entities,
    relation_table,
    bias=None,
    corrupted=None,
    *,
    kind="translate",
    order=2,
    unit=False,
    loss="hinge",
    margin=1.0,
    penalty=None,
    reduce="mean",
):
    """Scores facts, each of a head, a relation and a tail.

    Args:
        heads: The entity that each fact is about.
        relations: The relation of each fact.
        tails: The other entity of each fact.
        entities: The embedding of each entity.
        relation_table: The embedding of each relation.
        bias: How often an entity is a tail.
        corrupted: A wrong tail for each fact.
    """
    if unit:
        entities = entities / (jnp.linalg.norm(entities, axis=-1, keepdims=True) + 1e-6)
    head = entities[heads]
    tail = entities[tails]
    relation = relation_table[relations]
    scores = score_triples(head, relation, tail, kind=kind, order=order)
    if bias is not None:
        scores = scores + bias[tails]
    if corrupted is None:
        return scores
    other = score_triples(head, relation, entities[corrupted], kind=kind, order=order)
    if loss == "hinge":
        losses = jax.nn.relu(margin - scores + other)
    elif loss == "logistic":
        losses = jax.nn.softplus(-scores) + jax.nn.softplus(other)
    else:
        losses = jnp.logaddexp(scores, other) - scores
    if penalty is not None:
        losses = losses + penalty * jnp.sum(jnp.square(relation), axis=-1)
    if reduce == "mean":
        return jnp.mean(losses)
    elif reduce == "sum":
        return jnp.sum(losses)
    else:
        return losses
