"""Families: attention of many kinds."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
attention: attention 4, attend 2, dot_product_attention 4, scaled_dot_product_attention 3, compute_attention 1
self_attention: self_attention 5, multi_head_attention 3, multihead_attention 2, attention_block 2, mha 1
grouped_query_attention: grouped_query_attention 6, gqa 2, grouped_attention 2, gqa_attention 1
multi_query_attention: multi_query_attention 6, mqa 2, multiquery_attention 1
cross_attention: cross_attention 7, cross_attend 2, attend_to_context 1, encoder_decoder_attention 1
rotary_embedding: rotary_embedding 5, apply_rope 3, rope 2, apply_rotary_embedding 2, rotary_position_embedding 1
rotary_attention: rotary_attention 4, rope_attention 3, attention_with_rope 2, attention 1
alibi_attention: alibi_attention 5, attention_with_alibi 3, linear_bias_attention 1
alibi_slopes: alibi_slopes 5, get_slopes 3, get_alibi_slopes 2, head_slopes 1
relative_bias_attention: relative_bias_attention 4, attention_with_relative_bias 3, t5_attention 1
relative_position_attention: relative_position_attention 5, relative_attention 3, shaw_attention 1
sliding_window_attention: sliding_window_attention 6, windowed_attention 2, local_attention 3, swa 1
block_local_attention: block_local_attention 4, chunked_attention 2, local_attention 2, block_attention 2
decode_step: decode_step 6, decode 2, attend_with_cache 2, cached_attention 3, attention_step 1
decode_sequence: decode_sequence 3, decode 2, decode_tokens 2, run_decoder 1
linear_attention: linear_attention 8, kernel_attention 1, linear_attn 2
recurrent_attention: recurrent_attention 3, linear_attention 3, fast_weights 2, gated_linear_attention 1, linear_attention_scan 2
attention_pool: attention_pool 4, attention_pooling 4, attentive_pooling 3, pool 1, attn_pool 1
additive_attention: additive_attention 5, bahdanau_attention 4, mlp_attention 1
talking_heads_attention: talking_heads_attention 6, talking_heads 3
differential_attention: differential_attention 5, diff_attention 3, diff_attn 1
chunked_attention: chunked_attention 4, flash_attention 3, blockwise_attention 3, online_softmax_attention 1
causal_mask: causal_mask 6, make_causal_mask 4, get_causal_mask 1, build_causal_mask 1
scores: scores 5, logits 4, attn 1, sim 1, attn_scores 1
logits: logits 6, scores 3, attn_logits 1
weights: weights 5, probs 3, attn 2, attn_weights 2, w 1
num_heads: num_heads 8, n_heads 3, heads 2, nhead 1
num_kv_heads: num_kv_heads 6, n_kv_heads 2, kv_heads 2
group_size: group_size 4, groups 2, num_groups 1, queries_per_kv 1, n_rep 2
q: q 8, query 3, queries 1
k: k 8, key 3, keys 1
v: v 8, value 3, values 1
rows: rows 2, row 1, i 3, q_idx 2, q_pos 1
columns: columns 1, cols 2, col 1, j 3, k_idx 2, k_pos 1
w_q: w_q 4, wq 3, W_q 2, query_kernel 1, q_proj 1
w_k: w_k 4, wk 3, W_k 2, key_kernel 1, k_proj 1
w_v: w_v 4, wv 3, W_v 2, value_kernel 1, v_proj 1
w_o: w_o 4, wo 3, W_o 2, out_kernel 1, out_proj 1
mask_value: mask_value 5, neg_inf 3, masked_value 1, big_neg 1
softcap: softcap 5, logit_cap 2, cap 2, soft_cap 1
context: context 6, memory 3, encoded 1, ctx 1
gate: gate 6, alpha 1, g 1
k_cache: k_cache 5, cache_k 4, key_cache 3
v_cache: v_cache 5, cache_v 4, value_cache 3
position: position 4, pos 4, index 2, step 1, cache_index 2
base: base 6, theta 4, rope_base 1
angles: angles 5, theta 2, phase 1, freqs 2
inv_freq: inv_freq 6, freqs 3, frequencies 1, inverse_frequencies 1
positions: positions 6, pos 3, position_ids 2
rotate_half: rotate_half 8, _rotate_half 2
slopes: slopes 6, m 1, head_slopes 1
offsets: offsets 3, relative_positions 3, distance 3, rel_pos 2, relative 1
bias_table: bias_table 4, rel_bias 3, relative_bias 2, rel_embedding 1, relative_attention_bias 1
rel_keys: rel_keys 4, rel_k 3, relative_keys 2, k_rel 1
rel_values: rel_values 4, rel_v 3, relative_values 2, v_rel 1
feature_map: feature_map 6, phi 3, kernel 1, featurize 1
state: state 6, s 2, memory 1, kv_state 1
normalizer: normalizer 4, z 3, denominator 3, denom 2, norm 1
decay: decay 5, gamma 3, forget 1, lam 1
beta: beta 6, lr 1, write_strength 1
pooled: pooled 5, mean 1, context 1
running_max: running_max 4, m 3, row_max 2, m_prev 1
running_sum: running_sum 4, l 2, denom 2, row_sum 1
accumulator: accumulator 2, acc 5, o 1, out_acc 1
correction: correction 5, alpha 3, rescale 2
new_max: new_max 5, m_new 4, next_max 1
block_size: block_size 6, chunk_size 4, block 1
window: window 6, window_size 4, radius 1
temperature: temperature 6, tau 2, temp 1
sinks: sinks 5, sink_logits 3, sink 1
lam: lam 5, lambda_ 2, coef 1
head_dim: head_dim 6, d_head 2, dim_head 1
"""


def split_heads(x, num_heads=2):
    n, d = x.shape
    return x.reshape(n, num_heads, d // num_heads).transpose(1, 0, 2)


def merge_heads(x):
    h, n, d = x.shape
    return x.transpose(1, 0, 2).reshape(n, h * d)


def rms_norm(x, weight, eps=1e-6):
    variance = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(variance + eps) * weight


def layer_norm(x, weight, eps=1e-5):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + eps) * weight


def standardize(x, eps=1e-5):
    mean = jnp.mean(x, axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(jnp.var(x, axis=-1, keepdims=True) + eps)


def l2_normalize(x, eps=1e-6):
    return x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + eps)


def causal_mask(scores, window=None):
    """Marks the keys that each query may see."""
    n, m = scores.shape[-2:]
    offsets = jnp.arange(n)[:, None] - jnp.arange(m)[None, :]
    if window is not None:
        return (offsets >= 0) & (offsets < window)
    return offsets >= 0


@family(
    "reduction",
    "contraction",
    "branch",
    "multi_statement",
    q="... n d",
    k="... m d",
    v="... m e",
    mask="? n m bool",
    bias="? n m",
    causal=(False, True),
    scale={None: 4, 0.25: 1, 0.125: 1},
    softcap={None: 4, 10.0: 1, 20.0: 1, 50.0: 1},
    cosine={False: 4, True: 1},
    einsum=(False, True),
    upcast={False: 4, True: 1},
    mask_value={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 2},
    with_weights={False: 5, True: 1},
    sizes={"n": (4, 5, 6, 8, 8, 10), "m": (4, 5, 6, 8, 8, 10), "d": (4, 6, 8, 8)},
    weight=14,
)
def attention(
    q,
    k,
    v,
    mask=None,
    bias=None,
    *,
    causal=False,
    scale=None,
    softcap=None,
    cosine=False,
    einsum=False,
    upcast=False,
    mask_value=-1e9,
    with_weights=False,
):
    """Attends to the values whose keys are like the queries.

    Args:
        q: Queries.
        k: Keys.
        v: Values, one for each key.
        mask: Where a query may see a key.
        bias: Added to the scores before the softmax.
    """
    if cosine:
        q = l2_normalize(q)
        k = l2_normalize(k)
    if scale is None:
        scale = q.shape[-1] ** -0.5
    if einsum:
        scores = jnp.einsum("...qd,...kd->...qk", q, k) * scale
    else:
        scores = (q @ jnp.swapaxes(k, -1, -2)) * scale
    if softcap is not None:
        # Keep the scores in a soft range.
        scores = softcap * jnp.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = jnp.where(causal_mask(scores), scores, mask_value)
    if mask is not None:
        scores = jnp.where(mask, scores, mask_value)
    if upcast:
        # The softmax needs the range of float32.
        weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(v.dtype)
    else:
        weights = jax.nn.softmax(scores, axis=-1)
    if einsum:
        out = jnp.einsum("...qk,...kd->...qd", weights, v)
    else:
        out = weights @ v
    if with_weights:
        return out, weights
    return out


@family(
    "reduction",
    "contraction",
    "branch",
    x="n h*d",
    w_q="h*d h*d in -0.5..0.5",
    w_k="h*d h*d in -0.5..0.5",
    w_v="h*d h*d in -0.5..0.5",
    w_o="? h*d h*d in -0.5..0.5",
    norm_weight="? h*d in 0.5..1.5",
    mask="? n bool",
    num_heads=(Code("h"),),
    norm=("rms", "layer"),
    normalize_heads={False: 3, True: 1},
    causal=(False, True),
    residual=(False, True),
    sizes={"h": (2, 2, 4), "d": (2, 4, 4), "n": (4, 5, 6, 8, 10)},
    weight=14,
)
def self_attention(
    x,
    w_q,
    w_k,
    w_v,
    w_o=None,
    norm_weight=None,
    mask=None,
    *,
    num_heads=2,
    norm="rms",
    normalize_heads=False,
    causal=True,
    residual=False,
):
    """Self-attention with several heads."""
    inputs = x
    if norm_weight is not None:
        if norm == "rms":
            x = rms_norm(x, norm_weight)
        else:
            x = layer_norm(x, norm_weight)
    q = split_heads(x @ w_q, num_heads)
    k = split_heads(x @ w_k, num_heads)
    v = split_heads(x @ w_v, num_heads)
    if normalize_heads:
        q = l2_normalize(q)
        k = l2_normalize(k)
    logits = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if causal:
        logits = jnp.where(causal_mask(logits), logits, -1e9)
    if mask is not None:
        # Padding can't be attended to.
        logits = jnp.where(mask[None, None, :], logits, -1e9)
    weights = jax.nn.softmax(logits, axis=-1)
    out = merge_heads(jnp.einsum("hqk,hkd->hqd", weights, v))
    if w_o is not None:
        out = out @ w_o
    if residual:
        out = out + inputs
    return out


@family(
    "branch",
    "contraction",
    q="n h*g d",
    k="m h d",
    v="m h d",
    mask="? n m bool",
    k_norm="? d in 0.5..1.5",
    method=("repeat", "reshape", "vmap"),
    causal=(False, True),
    window={None: 4, 2: 1, 3: 1, 4: 1},
    softcap={None: 4, 20.0: 1, 50.0: 1},
    flat_output={False: 3, True: 1},
    mask_value={-1e9: 3, Code("-jnp.inf"): 1, Code("jnp.finfo(scores.dtype).min"): 2},
    sizes={"h": (2, 2, 3), "g": (2, 2, 3), "d": (4, 4, 8), "n": (4, 5, 6, 8), "m": (4, 6, 8)},
)
def grouped_query_attention(
    q,
    k,
    v,
    mask=None,
    k_norm=None,
    *,
    method="repeat",
    causal=True,
    window=None,
    softcap=None,
    flat_output=False,
    mask_value=-1e9,
):
    """Attention in which several query heads share a head of keys and values.

    Args:
        q: Queries of shape `(n, heads, d)`.
        k: Keys of shape `(m, kv_heads, d)`.
        v: Values of the same shape as the keys.
        mask: Where a query may see a key.
        k_norm: The weight of the keys' norm.

    Returns:
        The attended values.
    """
    n, num_heads, d = q.shape
    num_kv_heads = k.shape[1]
    group_size = num_heads // num_kv_heads
    if k_norm is not None:
        k = rms_norm(k, k_norm)
    if method == "repeat":
        k = jnp.repeat(k, group_size, axis=1)
        v = jnp.repeat(v, group_size, axis=1)
        scores = jnp.einsum("qhd,khd->hqk", q, k) * d**-0.5
    elif method == "reshape":
        q = q.reshape(n, num_kv_heads, group_size, d)
        scores = jnp.einsum("qhgd,khd->hgqk", q, k) * d**-0.5
    else:
        grouped = q.reshape(n, num_kv_heads, group_size, d)
        scores = jax.vmap(lambda a, b: a.transpose(1, 0, 2) @ b.T, in_axes=1)(grouped, k) * d**-0.5
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    if causal:
        scores = jnp.where(causal_mask(scores, window), scores, mask_value)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    if method == "repeat":
        out = jnp.einsum("hqk,khd->qhd", weights, v)
    else:
        out = jnp.einsum("hgqk,khd->qhgd", weights, v)
    if flat_output:
        return out.reshape(n, num_heads * d)
    elif method == "repeat":
        return out
    else:
        return out.reshape(n, num_heads, d)


@family(
    "reduction",
    "contraction",
    "branch",
    "multi_statement",
    q="h n d",
    k="m d",
    v="m e",
    mask="? m bool",
    sinks="? h",
    slopes="? h in 0.1..0.5",
    w_o="? h e d in -0.5..0.5",
    causal=(False, True),
    softcap={None: 4, 20.0: 1, 50.0: 1},
    with_weights={False: 4, True: 1},
    sizes={"h": (2, 4), "d": (4, 6, 8), "e": (4, 6, 8), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def multi_query_attention(
    q,
    k,
    v,
    mask=None,
    sinks=None,
    slopes=None,
    w_o=None,
    *,
    causal=True,
    softcap=None,
    with_weights=False,
):
    """Attention in which all heads share one set of keys and values.

    Args:
        q: Queries of each head.
        k: Keys.
        v: Values.
        mask: Which keys there are.
        sinks: A logit of each head that takes weight from the keys.
        slopes: How fast each head's scores fall with the distance.
        w_o: The output projection.
    """
    num_heads, n, d = q.shape
    scores = jnp.einsum("hqd,kd->hqk", q, k) / d**0.5
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    if slopes is not None:
        distance = jnp.abs(jnp.arange(n)[:, None] - jnp.arange(k.shape[0])[None, :])
        scores = scores - slopes[:, None, None] * distance
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    if sinks is not None:
        sink_scores = jnp.broadcast_to(sinks[:, None, None], (num_heads, n, 1))
        scores = jnp.concatenate([scores, sink_scores], axis=-1)
        # The sinks have no values.
        weights = jax.nn.softmax(scores, axis=-1)[..., :-1]
    else:
        weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("hqk,ke->hqe", weights, v)
    if w_o is not None:
        out = jnp.einsum("hqe,hed->qd", out, w_o)
    if with_weights:
        return out, weights
    return out


@family(
    "reduction",
    "contraction",
    "branch",
    x="n d",
    context="m e",
    w_q="d h*f in -0.6..0.6",
    w_k="e h*f in -0.6..0.6",
    w_v="e h*f in -0.6..0.6",
    w_o="h*f d in -0.6..0.6",
    b_o="? d",
    context_mask="? m bool",
    norm_weight="? d in 0.5..1.5",
    gate="? in -1..1",
    num_heads=(Code("h"),),
    norm=("rms", "layer"),
    residual=(False, True),
    scale={None: 3, 0.25: 1, 0.5: 1},
    sizes={
        "d": (4, 6, 8),
        "e": (4, 5, 6, 8),
        "f": (2, 4),
        "h": (2, 2, 4),
        "n": (4, 5, 6, 8),
        "m": (4, 5, 6, 8),
    },
)
def cross_attention(
    x,
    context,
    w_q,
    w_k,
    w_v,
    w_o,
    b_o=None,
    context_mask=None,
    norm_weight=None,
    gate=None,
    *,
    num_heads=2,
    norm="layer",
    residual=True,
    scale=None,
):
    """Lets each row attend to another sequence.

    Args:
        x: The rows that ask.
        context: The sequence that is asked.
        w_q: Query weights.
        w_k: Key weights.
        w_v: Value weights.
        w_o: Output weights.
        b_o: Output bias.
        context_mask: Which rows of the context there are.
        norm_weight: The weight of the norm before the queries.
        gate: How much of the result is let in, before tanh.
    """
    inputs = x
    if norm_weight is not None:
        if norm == "rms":
            x = rms_norm(x, norm_weight)
        else:
            x = layer_norm(x, norm_weight)
    q = split_heads(x @ w_q, num_heads)
    k = split_heads(context @ w_k, num_heads)
    v = split_heads(context @ w_v, num_heads)
    if scale is None:
        scale = q.shape[-1] ** -0.5
    scores = jnp.einsum("hqd,hkd->hqk", q, k) * scale
    if context_mask is not None:
        scores = jnp.where(context_mask[None, None, :], scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    out = merge_heads(weights @ v) @ w_o
    if b_o is not None:
        out = out + b_o
    if gate is not None:
        # At the start of training the gate is shut.
        out = jnp.tanh(gate) * out
    if residual:
        out = out + inputs
    return out


def rotate_half(x):
    x1, x2 = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([-x2, x1], axis=-1)


def rotate_halves(x, angles, layout="concatenate"):
    """Turns the pairs of a vector's two halves by angles."""
    if layout == "concatenate":
        cos = jnp.cos(angles)
        sin = jnp.sin(angles)
        x1, x2 = jnp.split(x, 2, axis=-1)
        turned = jnp.concatenate([x1 * cos - x2 * sin, x2 * cos + x1 * sin], axis=-1)
    elif layout == "rotate_half":
        angles = jnp.concatenate([angles, angles], axis=-1)
        turned = x * jnp.cos(angles) + rotate_half(x) * jnp.sin(angles)
    else:
        cos = jnp.cos(angles)
        sin = jnp.sin(angles)
        even = x[..., ::2]
        odd = x[..., 1::2]
        turned = jnp.stack([even * cos - odd * sin, odd * cos + even * sin], axis=-1)
        turned = turned.reshape(x.shape)
    return turned.astype(x.dtype)


def rotary_angles(x, positions, base=10000.0):
    """Computes the angle of each pair of features at each position."""
    head_dim = x.shape[-1]
    inv_freq = base ** (-jnp.arange(0, head_dim, 2) / head_dim)
    return positions[:, None] * inv_freq


@family(
    "unary",
    "elementwise",
    x="... n d",
    positions="? n int 16",
    layout=("concatenate", "rotate_half", "interleave"),
    base={10000.0: 5, 500000.0: 1, 100.0: 1},
    offset={0: 4, 1: 1, 8: 1},
    position_scale={1.0: 4, 0.5: 1, 0.25: 1},
    rotary_dim={None: 4, 4: 1, 6: 1},
    back={False: 5, True: 1},
    sizes={"d": (8, 8, 10, 12, 16), "n": (4, 5, 6, 8, 10, 12)},
)
def rotary_embedding(
    x,
    positions=None,
    *,
    layout="rotate_half",
    base=10000.0,
    offset=0,
    position_scale=1.0,
    rotary_dim=None,
    back=False,
):
    """Turns pairs of features by angles that grow with the position.

    Args:
        x: The rows of a sequence.
        positions: Their positions.

    Returns:
        The turned rows.
    """
    if rotary_dim is not None:
        rest = x[..., rotary_dim:]
        x = x[..., :rotary_dim]
    if positions is None:
        positions = jnp.arange(x.shape[-2])
        if offset > 0:
            positions = positions + offset
    if position_scale != 1.0:
        # Longer sequences keep to the angles of training.
        positions = positions * position_scale
    angles = rotary_angles(x, positions, base=base)
    if back:
        angles = -angles
    turned = rotate_halves(x, angles, layout=layout)
    if rotary_dim is not None:
        turned = jnp.concatenate([turned, rest], axis=-1)
    return turned


@family(
    "multi_statement",
    q="n h d",
    k="n g d",
    positions="? n int 16",
    q_norm="? d in 0.5..1.5",
    k_norm="? d in 0.5..1.5",
    layout=("concatenate", "rotate_half", "interleave"),
    base={10000.0: 5, 500000.0: 1, 100.0: 1},
    position_scale={1.0: 4, 0.5: 1, 0.25: 1},
    scale_queries={False: 2, True: 1},
    sizes={"d": (4, 8, 8, 12), "h": (1, 2, 2, 4), "g": (1, 2, 2), "n": (4, 5, 6, 8)},
)
def rotate_queries_and_keys(
    q,
    k,
    positions=None,
    q_norm=None,
    k_norm=None,
    *,
    layout="rotate_half",
    base=10000.0,
    position_scale=1.0,
    scale_queries=False,
):
    """Gives queries and keys their positions, as rotations.

    Args:
        q: Queries of shape `(n, heads, d)`.
        k: Keys of shape `(n, kv_heads, d)`.
        positions: The position of each row.
        q_norm: The weight of the queries' norm.
        k_norm: The weight of the keys' norm.

    Returns:
        The queries and the keys.
    """
    if q_norm is not None:
        q = rms_norm(q, q_norm)
    if k_norm is not None:
        k = rms_norm(k, k_norm)
    if positions is None:
        positions = jnp.arange(q.shape[0])
    if position_scale != 1.0:
        # Longer sequences keep to the angles of training.
        positions = positions * position_scale
    # All heads have the same angles.
    angles = rotary_angles(q, positions, base=base)[:, None, :]
    q = rotate_halves(q, angles, layout=layout)
    k = rotate_halves(k, angles, layout=layout)
    if scale_queries:
        q = q / q.shape[-1] ** 0.5
    return q, k


@family(
    "contraction",
    "reduction",
    "branch",
    q="h n d",
    k="h n d",
    v="h n e",
    norm_weight="? d in 0.5..1.5",
    positions="? n int 16",
    mask="? n n bool",
    layout=("concatenate", "rotate_half", "interleave"),
    base={10000.0: 5, 500000.0: 1, 100.0: 1},
    causal=(False, True),
    merged=(False, True),
    fill={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 1},
    sizes={"d": (4, 4, 8), "e": (4, 6, 8), "h": (1, 2, 2, 3), "n": (4, 5, 6, 8)},
)
def rotary_attention(
    q,
    k,
    v,
    norm_weight=None,
    positions=None,
    mask=None,
    *,
    layout="rotate_half",
    base=10000.0,
    causal=True,
    merged=False,
    fill=-1e9,
):
    """Attention that knows how far a key is away, by rotary positions.

    Args:
        q: Queries of each head.
        k: Keys of each head.
        v: Values of each head.
        norm_weight: The weight of the norm of queries and keys.
        positions: The position of each row.
        mask: Where a query may see a key.
    """
    if norm_weight is not None:
        q = rms_norm(q, norm_weight)
        k = rms_norm(k, norm_weight)
    if positions is None:
        positions = jnp.arange(q.shape[1])
    angles = rotary_angles(q, positions, base=base)
    q = rotate_halves(q, angles, layout=layout)
    k = rotate_halves(k, angles, layout=layout)
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if causal:
        scores = jnp.where(causal_mask(scores), scores, fill)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("hqk,hkd->hqd", weights, v)
    if merged:
        out = merge_heads(out)
    return out


def alibi_slopes(q):
    """Computes a slope for each head, from steep to flat."""
    num_heads = q.shape[0]
    return 2.0 ** (-8.0 * jnp.arange(1, num_heads + 1) / num_heads)


@family(
    "contraction",
    "branch",
    "reduction",
    q="h n d",
    k="h m d",
    v="h m e",
    slopes="? h in 0.1..1.5",
    mask="? m bool",
    kind=("linear", "log", "squared"),
    causal={True: 3, False: 2},
    scale={None: 4, 0.25: 1, 0.125: 1},
    merged=(False, True),
    vmapped={False: 3, True: 1},
    sizes={"h": (2, 4), "n": (4, 5, 6, 8), "m": (4, 6, 8), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def alibi_attention(
    q,
    k,
    v,
    slopes=None,
    mask=None,
    *,
    kind="linear",
    causal=True,
    scale=None,
    merged=False,
    vmapped=False,
):
    """Attention whose scores fall with the distance, at each head's own rate.

    Args:
        q: Queries of each head.
        k: Keys of each head.
        v: Values of each head.
        slopes: Each head's rate.
        mask: Which keys there are.
    """
    if slopes is None:
        slopes = alibi_slopes(q)
    if scale is None:
        scale = q.shape[-1] ** -0.5
    if vmapped:
        scores = jax.vmap(lambda a, b: a @ b.T)(q, k) * scale
    else:
        scores = jnp.einsum("hqd,hkd->hqk", q, k) * scale
    distance = jnp.abs(jnp.arange(q.shape[1])[:, None] - jnp.arange(k.shape[1])[None, :])
    if kind == "log":
        distance = jnp.log1p(distance)
    elif kind == "squared":
        distance = jnp.square(distance)
    scores = scores - slopes[:, None, None] * distance
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    out = jax.nn.softmax(scores, axis=-1) @ v
    if merged:
        out = merge_heads(out)
    return out


def relative_buckets(offsets, num_buckets=8, max_distance=20):
    """Maps distances to buckets, of which the far ones are wider."""
    distance = jnp.abs(offsets)
    exact = num_buckets // 2
    ratio = jnp.log(jnp.maximum(distance, 1) / exact) / jnp.log(max_distance / exact)
    far = exact + (ratio * (num_buckets - exact)).astype(jnp.int32)
    return jnp.where(distance < exact, distance, jnp.minimum(far, num_buckets - 1))


@family(
    "reduction",
    "contraction",
    "branch",
    "nested_branch",
    "multi_statement",
    q="n h d",
    k="m h d",
    v="m h e",
    bias_table="8 h in -1..1",
    mask="? n m bool",
    kind=("bucket", "clip", "past"),
    lookup=("index", "take", "one_hot"),
    causal={True: 1, False: 2},
    scaled=(True, False),
    output={"heads": 3, "flat": 2, "bias": 1},
    sizes={"h": (2, 4), "n": (4, 5, 6, 8), "m": (4, 6, 8), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def relative_bias_attention(
    q,
    k,
    v,
    bias_table,
    mask=None,
    *,
    kind="bucket",
    lookup="index",
    causal=False,
    scaled=True,
    output="heads",
):
    """Attention with a learned bias for each distance and head.

    Args:
        q: Queries of shape `(n, heads, d)`.
        k: Keys of shape `(m, heads, d)`.
        v: Values of shape `(m, heads, e)`.
        bias_table: The biases of each bucket of distances.
        mask: Where a query may see a key.
    """
    n = q.shape[0]
    m = k.shape[0]
    num_buckets = bias_table.shape[0]
    offsets = jnp.arange(m)[None, :] - jnp.arange(n)[:, None]
    if kind == "bucket":
        buckets = relative_buckets(offsets, num_buckets)
    elif kind == "clip":
        # Half of the buckets are for what comes after.
        buckets = jnp.clip(offsets + num_buckets // 2, 0, num_buckets - 1)
    else:
        buckets = jnp.clip(-offsets, 0, num_buckets - 1)
    if lookup == "index":
        bias = bias_table[buckets].transpose(2, 0, 1)
    elif lookup == "take":
        bias = jnp.take(bias_table, buckets, axis=0).transpose(2, 0, 1)
    else:
        bias = jnp.einsum("qkr,rh->hqk", jax.nn.one_hot(buckets, num_buckets), bias_table)
    scores = jnp.einsum("qhd,khd->hqk", q, k)
    if scaled:
        scores = scores / q.shape[-1] ** 0.5
    scores = scores + bias
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("hqk,khe->qhe", weights, v)
    if output == "flat":
        return out.reshape(n, -1)
    elif output == "bias":
        return out, bias
    else:
        return out


@family(
    "contraction",
    "branch",
    "reduction",
    q="n d",
    k="n d",
    v="n e",
    rel_keys="2*w+1 d",
    rel_values="? 2*w+1 e",
    content_bias="? d in -1..1",
    max_distance=(Code("w"),),
    causal=(False, True),
    skew={False: 3, True: 1},
    fill={-1e9: 3, Code("-jnp.inf"): 1, Code("jnp.finfo(scores.dtype).min"): 1},
    residual={False: 3, True: 1},
    sizes={"n": (4, 5, 6), "d": (4, 6, 8), "e": (4, 6), "w": (2, 2, 4)},
)
def relative_position_attention(
    q,
    k,
    v,
    rel_keys,
    rel_values=None,
    content_bias=None,
    *,
    max_distance=4,
    causal=False,
    skew=False,
    fill=-1e9,
    residual=False,
):
    """Attention with a learned key for each relative position.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        rel_keys: A key for each clipped distance.
        rel_values: A value for each clipped distance.
        content_bias: Added to the queries that meet the keys themselves.
    """
    n, d = q.shape
    offsets = jnp.arange(n)[None, :] - jnp.arange(n)[:, None]
    buckets = jnp.clip(offsets, -max_distance, max_distance) + max_distance
    if content_bias is not None:
        scores = (q + content_bias) @ k.T
    else:
        scores = q @ k.T
    if skew:
        # Score all distances first, and take those of each pair.
        by_distance = q @ rel_keys.T
        scores = scores + jnp.take_along_axis(by_distance, buckets, axis=1)
    else:
        scores = scores + jnp.einsum("qd,qkd->qk", q, rel_keys[buckets])
    scores = scores / d**0.5
    if causal:
        scores = jnp.where(causal_mask(scores), scores, fill)
    weights = jax.nn.softmax(scores, axis=-1)
    out = weights @ v
    if rel_values is not None:
        out = out + jnp.einsum("qk,qke->qe", weights, rel_values[buckets])
    if residual:
        out = out + v
    return out


@family(
    "branch",
    "reduction",
    q="n d",
    k="n d",
    v="n e",
    sinks="? in -1..1",
    bias="? n n in -1..1",
    window=(2, 3, 4),
    causal=(True, False),
    num_global={0: 3, 1: 2, 2: 1},
    dilation={1: 4, 2: 1},
    softcap={None: 4, 20.0: 1, 50.0: 1},
    method={"mask": 3, "gather": 2},
    sizes={"n": (6, 8, 10, 12), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def sliding_window_attention(
    q,
    k,
    v,
    sinks=None,
    bias=None,
    *,
    window=4,
    causal=True,
    num_global=0,
    dilation=1,
    softcap=None,
    method="mask",
):
    """Attention to the neighbours in a window.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        sinks: A logit that takes weight from all keys.
        bias: Added to the scores.
    """
    n, d = q.shape
    rows = jnp.arange(n)[:, None]
    if method == "mask":
        columns = jnp.arange(n)[None, :]
        offsets = rows - columns
        scores = q @ k.T / d**0.5
        if causal:
            mask = (offsets >= 0) & (offsets < window * dilation)
        else:
            mask = jnp.abs(offsets) < window * dilation
        if dilation > 1:
            mask = mask & (offsets % dilation == 0)
        if num_global > 0:
            # The first tokens are seen from everywhere.
            mask = mask | (columns < num_global)
        if bias is not None:
            scores = scores + bias
    else:
        if causal:
            columns = rows - dilation * jnp.arange(window)[None, :]
        else:
            columns = rows + dilation * jnp.arange(1 - window, window)[None, :]
        mask = (columns >= 0) & (columns < n)
        columns = jnp.clip(columns, 0, n - 1)
        # Each query has a few keys of its own.
        scores = jnp.einsum("nd,nwd->nw", q, k[columns]) / d**0.5
        if bias is not None:
            scores = scores + bias[rows, columns]
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    scores = jnp.where(mask, scores, -1e9)
    if sinks is not None:
        total = jnp.logaddexp(jax.nn.logsumexp(scores, axis=-1, keepdims=True), sinks)
        weights = jnp.exp(scores - total)
    else:
        weights = jax.nn.softmax(scores, axis=-1)
    if method == "mask":
        return weights @ v
    else:
        return jnp.einsum("nw,nwe->ne", weights, v[columns])


@family(
    "contraction",
    "branch",
    "reduction",
    q="b*c d",
    k="b*c d",
    v="b*c e",
    bias="? c c",
    mask="? b*c bool",
    block_size=(Code("c"),),
    causal=(False, True),
    look_back=(False, True),
    shift={0: 4, 1: 1, 2: 1},
    vmapped=(False, True),
    sizes={"b": (2, 3), "c": (4, 5), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def block_local_attention(
    q,
    k,
    v,
    bias=None,
    mask=None,
    *,
    block_size=4,
    causal=True,
    look_back=False,
    shift=0,
    vmapped=False,
):
    """Attention inside the blocks of a sequence.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        bias: Added to the scores of each block.
        mask: Which keys there are.
    """
    n, d = q.shape
    num_blocks = n // block_size
    if shift > 0:
        # Every other layer has its blocks between those of the last one.
        q = jnp.roll(q, shift, axis=0)
        k = jnp.roll(k, shift, axis=0)
        v = jnp.roll(v, shift, axis=0)
    q = q.reshape(num_blocks, block_size, d)
    k = k.reshape(num_blocks, block_size, d)
    v = v.reshape(num_blocks, block_size, -1)
    if vmapped:
        scores = jax.vmap(jnp.matmul)(q, k.transpose(0, 2, 1)) / d**0.5
    else:
        scores = jnp.einsum("bqd,bkd->bqk", q, k) / d**0.5
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask.reshape(num_blocks, 1, block_size), scores, -1e9)
    if look_back:
        # The block before is seen as a whole, and the first block has none.
        previous_k = jnp.concatenate([jnp.zeros_like(k[:1]), k[:-1]])
        previous_v = jnp.concatenate([jnp.zeros_like(v[:1]), v[:-1]])
        previous = jnp.einsum("bqd,bkd->bqk", q, previous_k) / d**0.5
        previous = jnp.where(jnp.arange(num_blocks)[:, None, None] > 0, previous, -1e9)
        scores = jnp.concatenate([previous, scores], axis=-1)
        v = jnp.concatenate([previous_v, v], axis=1)
    weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("bqk,bke->bqe", weights, v).reshape(n, -1)
    if shift > 0:
        out = jnp.roll(out, -shift, axis=0)
    return out


@family(
    "multi_statement",
    q="h d",
    k="h d",
    v="h d",
    k_cache="t h d",
    v_cache="t h d",
    position="int t",
    update=("dynamic_update_slice", "at", "in_dim", "where"),
    rotary={None: 3, "interleave": 1, "rotate_half": 1, "concatenate": 1},
    window={None: 3, 3: 1, 4: 1},
    softcap={None: 4, 20.0: 1, 50.0: 1},
    flat={False: 2, True: 1},
    fill={-1e9: 3, Code("-jnp.inf"): 1, Code("jnp.finfo(scores.dtype).min"): 1},
    sizes={"h": (1, 2, 2, 3), "d": (4, 4, 8), "t": (5, 6, 8, 10)},
)
def decode_step(
    q,
    k,
    v,
    k_cache,
    v_cache,
    position,
    *,
    update="at",
    rotary=None,
    window=None,
    softcap=None,
    flat=False,
    fill=-1e9,
):
    """Attends from a new token to itself and the tokens before it.

    Args:
        q: The query of each head.
        k: The key of each head.
        v: The value of each head.
        k_cache: The keys so far.
        v_cache: The values so far.
        position: Where the new token is.

    Returns:
        The attended values, and the two caches with the new token.
    """
    if rotary is not None:
        angles = rotary_angles(q, position[None])
        q = rotate_halves(q, angles, layout=rotary)
        k = rotate_halves(k, angles, layout=rotary)
    if update == "dynamic_update_slice":
        k_cache = lax.dynamic_update_slice(k_cache, k[None], (position, 0, 0))
        v_cache = lax.dynamic_update_slice(v_cache, v[None], (position, 0, 0))
    elif update == "in_dim":
        k_cache = lax.dynamic_update_index_in_dim(k_cache, k, position, axis=0)
        v_cache = lax.dynamic_update_index_in_dim(v_cache, v, position, axis=0)
    elif update == "where":
        is_new = (jnp.arange(k_cache.shape[0]) == position)[:, None, None]
        k_cache = jnp.where(is_new, k, k_cache)
        v_cache = jnp.where(is_new, v, v_cache)
    else:
        k_cache = k_cache.at[position].set(k)
        v_cache = v_cache.at[position].set(v)
    scores = jnp.einsum("hd,thd->ht", q, k_cache) / q.shape[-1] ** 0.5
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    steps = jnp.arange(k_cache.shape[0])
    visible = steps <= position
    if window is not None:
        visible = visible & (steps > position - window)
    scores = jnp.where(visible, scores, fill)
    weights = jax.nn.softmax(scores, axis=-1)
    out = jnp.einsum("ht,thd->hd", weights, v_cache)
    if flat:
        out = out.reshape(-1)
    return out, k_cache, v_cache


@family(
    "loop",
    x="n d",
    w_q="d d in -0.6..0.6",
    w_k="d d in -0.6..0.6",
    w_v="d d in -0.6..0.6",
    w_o="? d d in -0.6..0.6",
    norm_weight="? d in 0.5..1.5",
    loop=("scan", "fori_loop"),
    update=("at", "dynamic_update_slice", "in_dim"),
    window={None: 3, 3: 1, 4: 1},
    with_cache={False: 3, True: 1},
    residual=(False, True),
    sizes={"n": (4, 5, 6), "d": (4, 6, 8)},
)
def decode_sequence(
    x,
    w_q,
    w_k,
    w_v,
    w_o=None,
    norm_weight=None,
    *,
    loop="scan",
    update="at",
    window=None,
    with_cache=False,
    residual=False,
):
    """Decodes token after token with a cache of keys and values.

    Args:
        x: The embedded tokens.
        w_q: Query weights.
        w_k: Key weights.
        w_v: Value weights.
        w_o: Output weights.
        norm_weight: The weight of the norm before the attention.
    """
    n, d = x.shape
    size = n if window is None else window

    def step(k_cache, v_cache, token, position):
        inputs = token
        if norm_weight is not None:
            token = rms_norm(token, norm_weight)
        q = token @ w_q
        k = token @ w_k
        v = token @ w_v
        if window is None:
            slot = position
        else:
            # A full cache forgets its oldest token.
            slot = position % window
        if update == "dynamic_update_slice":
            k_cache = lax.dynamic_update_slice(k_cache, k[None, :], (slot, 0))
            v_cache = lax.dynamic_update_slice(v_cache, v[None, :], (slot, 0))
        elif update == "in_dim":
            k_cache = lax.dynamic_update_index_in_dim(k_cache, k, slot, axis=0)
            v_cache = lax.dynamic_update_index_in_dim(v_cache, v, slot, axis=0)
        else:
            k_cache = k_cache.at[slot].set(k)
            v_cache = v_cache.at[slot].set(v)
        scores = k_cache @ q / d**0.5
        scores = jnp.where(jnp.arange(size) <= position, scores, -1e9)
        out = jax.nn.softmax(scores) @ v_cache
        if w_o is not None:
            out = out @ w_o
        if residual:
            out = out + inputs
        return k_cache, v_cache, out

    k_cache = jnp.zeros((size, d), dtype=x.dtype)
    v_cache = jnp.zeros((size, d), dtype=x.dtype)
    if loop == "scan":

        def scan_step(carry, row):
            k_cache, v_cache = carry
            position, token = row
            k_cache, v_cache, out = step(k_cache, v_cache, token, position)
            return (k_cache, v_cache), out

        rows = (jnp.arange(n), x)
        (k_cache, v_cache), outputs = lax.scan(scan_step, (k_cache, v_cache), rows)
    else:

        def loop_step(i, carry):
            k_cache, v_cache, outputs = carry
            k_cache, v_cache, out = step(k_cache, v_cache, x[i], i)
            return k_cache, v_cache, outputs.at[i].set(out)

        carry = (k_cache, v_cache, jnp.zeros_like(x))
        k_cache, v_cache, outputs = lax.fori_loop(0, n, loop_step, carry)
    if with_cache:
        return outputs, k_cache, v_cache
    return outputs


def feature_map(x, kind="elu"):
    """Maps features to positive ones."""
    if kind == "elu":
        return jax.nn.elu(x) + 1.0
    elif kind == "relu":
        return jax.nn.relu(x) + 1e-3
    elif kind == "squared":
        return jnp.square(jax.nn.relu(x)) + 1e-3
    elif kind == "exp":
        return jnp.exp(x - jnp.max(x, axis=-1, keepdims=True))
    elif kind == "softplus":
        return jax.nn.softplus(x)
    else:
        return jax.nn.softmax(x, axis=-1)


@family(
    "contraction",
    "loop",
    "reduction",
    q="n d",
    k="n d",
    v="n e",
    mask="? n bool",
    kind=("elu", "relu", "squared", "exp", "softplus", "softmax"),
    mode=("full", "cumsum", "masked"),
    normalize={True: 3, False: 1},
    scale_queries={False: 3, True: 1},
    einsum=(False, True),
    eps={1e-6: 2, 1e-4: 1, 1e-3: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6), "e": (4, 6, 8)},
)
def linear_attention(
    q,
    k,
    v,
    mask=None,
    *,
    kind="elu",
    mode="full",
    normalize=True,
    scale_queries=False,
    einsum=False,
    eps=1e-6,
):
    """Attention by positive features of queries and keys, without a softmax of scores.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        mask: Which rows there are.
    """
    q = feature_map(q, kind)
    k = feature_map(k, kind)
    if scale_queries:
        q = q / q.shape[-1] ** 0.5
    if mask is not None:
        k = k * mask[:, None]
    if mode == "cumsum":
        # What each row sees is a sum over the rows so far.
        state = jnp.cumsum(k[:, :, None] * v[:, None, :], axis=0)
        out = jnp.einsum("nd,nde->ne", q, state)
        if normalize:
            normalizer = jnp.sum(q * jnp.cumsum(k, axis=0), axis=-1, keepdims=True)
            out = out / (normalizer + eps)
    elif mode == "masked":
        scores = jnp.tril(q @ k.T)
        if normalize:
            scores = scores / (jnp.sum(scores, axis=-1, keepdims=True) + eps)
        out = scores @ v
    else:
        if einsum:
            state = jnp.einsum("nd,ne->de", k, v)
            out = jnp.einsum("nd,de->ne", q, state)
        else:
            out = q @ (k.T @ v)
        if normalize:
            normalizer = q @ jnp.sum(k, axis=0)
            out = out / (normalizer[:, None] + eps)
    return out


@family(
    "loop",
    q="n d",
    k="n d",
    v="n e",
    decay="? n d in 0.1..0.9",
    beta="? n in 0.1..0.9",
    initial_state="? d e",
    activation={None: 3, "silu": 1, "elu": 1},
    scaled=(False, True),
    fixed_decay={None: 2, 0.9: 1, 0.95: 1},
    rule=("add", "delta"),
    read_first={False: 4, True: 1},
    normalize={False: 3, True: 1},
    with_state={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6), "e": (4, 5, 6)},
)
def recurrent_attention(
    q,
    k,
    v,
    decay=None,
    beta=None,
    initial_state=None,
    *,
    activation=None,
    scaled=True,
    fixed_decay=None,
    rule="delta",
    read_first=False,
    normalize=False,
    with_state=False,
):
    """Linear attention with a matrix as its state.

    Args:
        q: Queries, which read the state.
        k: Keys, under which the state is written.
        v: Values to be written.
        decay: How much of the state is kept.
        beta: How strongly each row is written.
        initial_state: The state before the first row.
    """
    if rule == "delta":
        # Unit keys let a row replace what was written under its key.
        k = l2_normalize(k)
    elif activation == "silu":
        q = jax.nn.silu(q)
        k = jax.nn.silu(k)
    elif activation == "elu":
        q = jax.nn.elu(q) + 1.0
        k = jax.nn.elu(k) + 1.0
    if scaled:
        q = q / q.shape[-1] ** 0.5
    if initial_state is None:
        initial_state = jnp.zeros((k.shape[-1], v.shape[-1]), dtype=v.dtype)

    def step(state, i):
        if read_first:
            out = q[i] @ state
        if decay is not None:
            state = decay[i][:, None] * state
        elif fixed_decay is not None:
            state = fixed_decay * state
        value = v[i]
        if rule == "delta":
            # Write only what the state doesn't say yet.
            value = value - k[i] @ state
        if beta is not None:
            value = beta[i] * value
        state = state + jnp.outer(k[i], value)
        if not read_first:
            out = q[i] @ state
        return state, out

    state, out = lax.scan(step, initial_state, jnp.arange(q.shape[0]))
    if normalize:
        out = l2_normalize(out)
    if with_state:
        return out, state
    return out


@family(
    "reduction",
    x="... n d",
    w="d f in -0.8..0.8",
    query="f",
    b="? f",
    w_gate="? d f",
    mask="? n bool",
    activation={Code("jnp.tanh"): 4, Code("jax.nn.relu"): 1, Code("jax.nn.gelu"): 1},
    temperature={None: 4, 0.5: 1, 2.0: 1},
    statistics={"mean": 4, "mean and deviation": 1},
    residual={False: 4, True: 1},
    with_weights={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10), "d": (4, 6, 8), "f": (4, 5, 6, 8)},
)
def attention_pool(
    x,
    w,
    query,
    b=None,
    w_gate=None,
    mask=None,
    *,
    activation=None,
    temperature=None,
    statistics="mean",
    residual=False,
    with_weights=False,
):
    """Pools the rows of a sequence by how well they match a learned query.

    Args:
        x: The rows.
        w: The weights of the hidden layer.
        query: The learned query.
        b: The bias of the hidden layer.
        w_gate: The weights of the hidden layer's gate.
        mask: Which rows there are.
    """
    hidden = x @ w
    if b is not None:
        hidden = hidden + b
    hidden = activation(hidden)
    if w_gate is not None:
        hidden = hidden * jax.nn.sigmoid(x @ w_gate)
    scores = hidden @ query
    if temperature is not None:
        scores = scores / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    pooled = jnp.einsum("...n,...nd->...d", weights, x)
    if statistics == "mean and deviation":
        second = jnp.einsum("...n,...nd->...d", weights, jnp.square(x))
        deviation = jnp.sqrt(jnp.maximum(second - jnp.square(pooled), 1e-4))
        pooled = jnp.concatenate([pooled, deviation], axis=-1)
    elif residual:
        pooled = pooled + jnp.mean(x, axis=-2)
    if with_weights:
        return pooled, weights
    return pooled


@family(
    "contraction",
    "reduction",
    "branch",
    "multi_statement",
    query="n d",
    keys="m e",
    w_q="d f in -0.8..0.8",
    w_k="e f in -0.8..0.8",
    w_score="f",
    b="? f",
    coverage="? m in 0..1",
    mask="? m bool",
    values={"keys": 3, "projected": 1},
    smooth={False: 5, True: 1},
    vmapped=(False, True),
    output={"context": 4, "concatenate": 2, "weights": 2},
    sizes={"n": (4, 5, 6), "m": (4, 5, 6, 8), "d": (4, 6, 8), "e": (4, 6, 8), "f": (4, 5, 6)},
)
def additive_attention(
    query,
    keys,
    w_q,
    w_k,
    w_score,
    b=None,
    coverage=None,
    mask=None,
    *,
    values="keys",
    smooth=False,
    vmapped=False,
    output="context",
):
    """Attention that scores each pair by a small network.

    Args:
        query: The decoder's states.
        keys: The encoder's states.
        w_q: Weights for the decoder's states.
        w_k: Weights for the encoder's states.
        w_score: Weights of the score.
        b: Bias of the hidden layer.
        coverage: How far each encoder state was attended to already.
        mask: Which encoder states there are.
    """
    projected = keys @ w_k
    if b is not None:
        projected = projected + b
    if vmapped:
        scores = jax.vmap(lambda row: jnp.tanh(row @ w_q + projected) @ w_score)(query)
    else:
        hidden = jnp.tanh((query @ w_q)[:, None, :] + projected[None, :, :])
        scores = hidden @ w_score
    if coverage is not None:
        scores = scores - coverage
    if mask is not None:
        scores = jnp.where(mask[None, :], scores, -1e9)
    if smooth:
        # Sigmoids let it attend to several states at once.
        weights = jax.nn.sigmoid(scores)
        weights = weights / (jnp.sum(weights, axis=-1, keepdims=True) + 1e-6)
    else:
        weights = jax.nn.softmax(scores, axis=-1)
    if values == "projected":
        context = weights @ projected
    else:
        context = weights @ keys
    if output == "concatenate":
        return jnp.concatenate([query, context], axis=-1)
    elif output == "weights":
        return context, weights
    else:
        return context


def normalize_scores(scores, kind="softmax"):
    """Turns scores into weights."""
    if kind == "softmax":
        return jax.nn.softmax(scores, axis=-1)
    elif kind == "softmax_one":
        # As if there were one more key, whose score and value are zero.
        peak = jnp.maximum(0.0, jnp.max(scores, axis=-1, keepdims=True))
        unnormalized = jnp.exp(scores - peak)
        return unnormalized / (jnp.exp(-peak) + jnp.sum(unnormalized, axis=-1, keepdims=True))
    elif kind == "sigmoid":
        return jax.nn.sigmoid(scores - jnp.log(scores.shape[-1]))
    elif kind == "squared_relu":
        return jnp.square(jax.nn.relu(scores)) / scores.shape[-1]
    elif kind == "relu":
        return jax.nn.relu(scores) / scores.shape[-1]
    else:
        unnormalized = jax.nn.softplus(scores)
        return unnormalized / jnp.sum(unnormalized, axis=-1, keepdims=True)


@family(
    "reduction",
    "branch",
    "contraction",
    q="h n d",
    k="h m d",
    v="h m e",
    w_logits="? h h",
    w_weights="? h h",
    temperature="? h in 0.5..2",
    kind={
        "softmax": 4,
        "softmax_one": 2,
        "sigmoid": 2,
        "squared_relu": 1,
        "relu": 1,
        "softplus": 1,
    },
    causal=(False, True),
    head_norm={False: 3, True: 1},
    merged=(False, True),
    sizes={"h": (2, 2, 4), "d": (4, 6, 8), "e": (4, 6, 8), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def talking_heads_attention(
    q,
    k,
    v,
    w_logits=None,
    w_weights=None,
    temperature=None,
    *,
    kind="softmax",
    causal=False,
    head_norm=False,
    merged=False,
):
    """Attention whose heads may mix their scores and weights.

    Args:
        q: Queries of each head.
        k: Keys of each head.
        v: Values of each head.
        w_logits: Mixes the scores of the heads.
        w_weights: Mixes the weights of the heads.
        temperature: The temperature of each head.
    """
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if temperature is not None:
        scores = scores / temperature[:, None, None]
    if w_logits is not None:
        scores = jnp.einsum("hqk,hg->gqk", scores, w_logits)
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    weights = normalize_scores(scores, kind)
    if w_weights is not None:
        weights = jnp.einsum("hqk,hg->gqk", weights, w_weights)
    out = weights @ v
    if head_norm:
        mean_square = jnp.mean(jnp.square(out), axis=-1, keepdims=True)
        out = out / jnp.sqrt(mean_square + 1e-5)
    if merged:
        out = merge_heads(out)
    return out


def attention_weights(q, k, mask=None, causal=True):
    scores = q @ k.T / q.shape[-1] ** 0.5
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    return jax.nn.softmax(scores, axis=-1)


@family(
    "contraction",
    "reduction",
    "branch",
    q="n 2*d",
    k="m 2*d",
    v="m e",
    lam="? in 0.1..0.9",
    norm_weight="? e in 0.5..1.5",
    mask="? n m bool",
    causal=(False, True),
    lam_init={0.8: 2, 0.5: 1, 0.2: 1},
    stacked=(False, True),
    centered={False: 3, True: 1},
    out_scale={None: 3, 0.2: 1, 0.5: 1},
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8), "d": (2, 4), "e": (4, 6, 8)},
)
def differential_attention(
    q,
    k,
    v,
    lam=None,
    norm_weight=None,
    mask=None,
    *,
    causal=True,
    lam_init=0.8,
    stacked=False,
    centered=False,
    out_scale=None,
):
    """Attends by the difference of two softmaxes, in which their noise cancels.

    Args:
        q: The queries of both softmaxes.
        k: The keys of both softmaxes.
        v: Values.
        lam: The share of the second softmax.
        norm_weight: The weight of the norm of the results.
        mask: Where a query may see a key.
    """
    if lam is None:
        lam = lam_init
    if stacked:
        q = jnp.stack(jnp.split(q, 2, axis=-1))
        k = jnp.stack(jnp.split(k, 2, axis=-1))
        scores = jnp.einsum("sqd,skd->sqk", q, k) / q.shape[-1] ** 0.5
        if causal:
            scores = jnp.where(causal_mask(scores), scores, -1e9)
        if mask is not None:
            scores = jnp.where(mask, scores, -1e9)
        first, second = jax.nn.softmax(scores, axis=-1)
    else:
        q1, q2 = jnp.split(q, 2, axis=-1)
        k1, k2 = jnp.split(k, 2, axis=-1)
        first = attention_weights(q1, k1, mask, causal=causal)
        second = attention_weights(q2, k2, mask, causal=causal)
    weights = first - lam * second
    if centered:
        # Let the weights add up to one again.
        weights = weights + lam / weights.shape[-1]
    out = weights @ v
    if norm_weight is not None:
        out = rms_norm(out, norm_weight, eps=1e-3)
    if out_scale is not None:
        out = out_scale * out
    return out


@family(
    "loop",
    "reduction",
    q="n d",
    k="b*c d",
    v="b*c e",
    mask="? b*c bool",
    bias="? n b*c",
    block_size=(Code("c"),),
    method={"scan": 3, "blocks": 3, "fori_loop": 2, "for": 1},
    causal=(False, True),
    scale={None: 4, 0.25: 1, 0.125: 1},
    softcap={None: 4, 20.0: 1, 50.0: 1},
    with_logsumexp={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "b": (2, 2, 3), "c": (2, 4), "d": (4, 6, 8), "e": (4, 6, 8)},
)
def chunked_attention(
    q,
    k,
    v,
    mask=None,
    bias=None,
    *,
    block_size=4,
    method="scan",
    causal=True,
    scale=None,
    softcap=None,
    with_logsumexp=False,
):
    """Attention that takes the keys in blocks, and so never holds all scores.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        mask: Which keys there are.
        bias: Added to the scores.
    """
    n, d = q.shape
    num_blocks = k.shape[0] // block_size
    if scale is None:
        scale = d**-0.5
    if method == "blocks":
        k = k.reshape(num_blocks, block_size, d)
        v = v.reshape(num_blocks, block_size, -1)

    def step(carry, i):
        running_max, running_sum, accumulator = carry
        if method == "blocks":
            k_block = k[i]
            v_block = v[i]
        else:
            k_block = lax.dynamic_slice_in_dim(k, i * block_size, block_size)
            v_block = lax.dynamic_slice_in_dim(v, i * block_size, block_size)
        scores = q @ k_block.T * scale
        if softcap is not None:
            scores = softcap * jnp.tanh(scores / softcap)
        columns = i * block_size + jnp.arange(block_size)
        if bias is not None:
            scores = scores + bias[:, columns]
        if causal:
            scores = jnp.where(jnp.arange(n)[:, None] >= columns[None, :], scores, -1e9)
        if mask is not None:
            scores = jnp.where(mask[columns], scores, -1e9)
        new_max = jnp.maximum(running_max, jnp.max(scores, axis=-1))
        # What was added up so far had another maximum.
        correction = jnp.exp(running_max - new_max)
        weights = jnp.exp(scores - new_max[:, None])
        running_sum = correction * running_sum + jnp.sum(weights, axis=-1)
        accumulator = correction[:, None] * accumulator + weights @ v_block
        return (new_max, running_sum, accumulator), None

    carry = (
        jnp.full((n,), -jnp.inf, dtype=q.dtype),
        jnp.zeros((n,), dtype=q.dtype),
        jnp.zeros((n, v.shape[-1]), dtype=q.dtype),
    )
    if method == "fori_loop":
        carry = lax.fori_loop(0, num_blocks, lambda i, carry: step(carry, i)[0], carry)
    elif method == "for":
        for i in range(num_blocks):
            carry, _ = step(carry, i)
    else:
        carry, _ = lax.scan(step, carry, jnp.arange(num_blocks))
    running_max, running_sum, accumulator = carry
    out = accumulator / running_sum[:, None]
    if with_logsumexp:
        return out, running_max + jnp.log(running_sum)
    return out


@family(
    "reduction",
    "loop",
    "multi_statement",
    x="n d",
    slots="s d",
    w_q="d d in -0.7..0.7",
    w_k="d d in -0.7..0.7",
    w_v="d d in -0.7..0.7",
    norm_weight="? d in 0.5..1.5",
    w_mlp="? d d in -0.7..0.7",
    num_iterations={2: 3, 3: 1},
    loop=("for", "scan", "fori_loop"),
    update={"replace": 2, "residual": 2, "momentum": 1},
    temperature={None: 3, 0.5: 1},
    normalize_slots=(False, True),
    with_weights={False: 3, True: 1},
    sizes={"n": (5, 6, 8), "s": (2, 4), "d": (4, 5, 6, 8)},
)
def slot_attention(
    x,
    slots,
    w_q,
    w_k,
    w_v,
    norm_weight=None,
    w_mlp=None,
    *,
    num_iterations=3,
    loop="for",
    update="residual",
    temperature=None,
    normalize_slots=True,
    with_weights=False,
):
    """Lets slots compete for the rows of an input, several times in turn.

    Args:
        x: The rows.
        slots: The slots at the start.
        w_q: Query weights, for the slots.
        w_k: Key weights, for the rows.
        w_v: Value weights, for the rows.
        norm_weight: The weight of the norm of the rows.
        w_mlp: The weights of a layer that each slot goes through.
    """
    if norm_weight is not None:
        x = layer_norm(x, norm_weight)
    k = x @ w_k
    v = x @ w_v

    def compete(slots):
        if normalize_slots:
            slots = standardize(slots)
        scores = (slots @ w_q) @ k.T / k.shape[-1] ** 0.5
        if temperature is not None:
            scores = scores / temperature
        # The softmax is over the slots, so that they compete for each row.
        weights = jax.nn.softmax(scores, axis=0)
        return weights / (jnp.sum(weights, axis=-1, keepdims=True) + 1e-6)

    def iterate(slots):
        if update == "residual":
            slots = slots + compete(slots) @ v
        elif update == "momentum":
            slots = 0.5 * slots + 0.5 * (compete(slots) @ v)
        else:
            slots = compete(slots) @ v
        if w_mlp is not None:
            slots = slots + jax.nn.relu(slots @ w_mlp)
        return slots

    if loop == "scan":
        slots, _ = lax.scan(lambda slots, _: (iterate(slots), None), slots, None, num_iterations)
    elif loop == "fori_loop":
        slots = lax.fori_loop(0, num_iterations, lambda _, slots: iterate(slots), slots)
    else:
        for _ in range(num_iterations):
            slots = iterate(slots)
    if with_weights:
        return slots, compete(slots)
    return slots
