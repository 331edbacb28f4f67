"""Families: attention of many kinds."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax


NAMES = """
attention: attention 4, dot_product_attention 4, scaled_dot_product_attention 3, compute_attention 1
self_attention: self_attention 5, multi_head_attention 3, multihead_attention 2, attention_block 2, mha 1
grouped_query_attention: grouped_query_attention 6, gqa 2, grouped_attention 2, gqa_attention 1
multi_query_attention: multi_query_attention 6, mqa 2, multiquery_attention 1
cross_attention: cross_attention 7, cross_attend 2, attend_to_context 1, encoder_decoder_attention 1
rotary_embedding: rotary_embedding 3, apply_rope 4, apply_rotary_embedding 3
rotary_attention: rotary_attention 4, rope_attention 3, attention_with_rope 2
alibi_attention: alibi_attention 5, attention_with_alibi 3, linear_bias_attention 1
alibi_slopes: alibi_slopes 5, get_slopes 3, get_alibi_slopes 2, head_slopes 1
relative_bias_attention: relative_bias_attention 4, attention_with_relative_bias 3
relative_position_attention: relative_position_attention 5, relative_attention 3, shaw_attention 1
sliding_window_attention: sliding_window_attention 6, windowed_attention 2, local_attention 3, swa 1
block_local_attention: block_local_attention 4, local_attention 2, block_attention 2
decode_step: decode_step 6, decode 2, attend_with_cache 2, cached_attention 3, attention_step 1
decode_sequence: decode_sequence 3, decode 2, decode_tokens 2, run_decoder 1
linear_attention: linear_attention 8, kernel_attention 1, linear_attn 2
recurrent_attention: recurrent_attention 3, recurrent_linear_attention 3, linear_attention_scan 2
attention_pool: attention_pool 4, attention_pooling 4, attentive_pooling 3, attn_pool 1
additive_attention: additive_attention 5, bahdanau_attention 4, mlp_attention 1
talking_heads_attention: talking_heads_attention 6, talking_heads 3
attention_with_normalizer: attention_with_normalizer 3, multi_head_attention 3
differential_attention: differential_attention 5, diff_attention 3, diff_attn 1
chunked_attention: chunked_attention 4, flash_attention 3, blockwise_attention 3, online_softmax_attention 1
causal_mask: causal_mask 6, make_causal_mask 4, get_causal_mask 1, build_causal_mask 1
scores: scores 5, logits 4, attn_scores 1
logits: logits 6, scores 3, attn_logits 1
weights: weights 5, probs 3, attn 2, attn_weights 2
num_heads: num_heads 8, n_heads 3, heads 2, nhead 1
num_kv_heads: num_kv_heads 6, n_kv_heads 2, kv_heads 2
group_size: group_size 4, groups 2, num_groups 1, queries_per_kv 1, n_rep 2
q: q 8, query 3, queries 1
k: k 8, key 3, keys 1
v: v 8, value 3, values 1
rows: rows 2, q_idx 2, q_pos 2
columns: columns 1, cols 2, k_idx 2, k_pos 2
w_q: w_q 4, wq 3, W_q 2, query_kernel 1, q_proj 1
w_k: w_k 4, wk 3, W_k 2, key_kernel 1, k_proj 1
w_v: w_v 4, wv 3, W_v 2, value_kernel 1, v_proj 1
w_o: w_o 4, wo 3, W_o 2, out_kernel 1, out_proj 1
mask_value: mask_value 5, neg_inf 3, masked_value 1, big_neg 1
softcap: softcap 5, logit_cap 2, cap 2, soft_cap 1
context: context 6, ctx 1
gate: gate 6, alpha 1
k_cache: k_cache 5, cache_k 4, key_cache 3
v_cache: v_cache 5, cache_v 4, value_cache 3
position: position 4, pos 4, index 2, step 1, cache_index 2
base: base 6, theta 4, rope_base 1
angles: angles 5, theta 2
inv_freq: inv_freq 6, freqs 3, frequencies 1, inverse_frequencies 1
positions: positions 6, pos 3, position_ids 2
rotate_half: rotate_half 8, _rotate_half 2
slopes: slopes 6, m 1, head_slopes 1
offsets: offsets 3, relative_positions 3, rel_pos 2
bias_table: bias_table 4, rel_bias 3, relative_bias 2, rel_embedding 1, relative_attention_bias 1
rel_keys: rel_keys 4, rel_k 3, relative_keys 2, k_rel 1
rel_values: rel_values 4, rel_v 3, relative_values 2, v_rel 1
feature_map: feature_map 6, phi 3, kernel 1, featurize 1
state: state 6, kv_state 1
normalizer: normalizer 4, z 3, denominator 3, denom 2, norm 1
decay: decay 5, gamma 2, alpha 1
beta: beta 6
pooled: pooled 5, context 1
running_max: running_max 4, m 3, row_max 2, m_prev 1
running_sum: running_sum 4, l 2, denom 2, row_sum 1
accumulator: accumulator 2, acc 5, o 1, out_acc 1
correction: correction 5, alpha 3, rescale 2
new_max: new_max 5, m_new 4, next_max 1
block_size: block_size 6, chunk_size 4, block 1
window: window 6, window_size 4
temperature: temperature 6, tau 2
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
    softcap={None: 4, 20.0: 1, 50.0: 1},
    einsum=(False, True),
    upcast={False: 4, True: 1},
    mask_value={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 2},
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
    einsum=False,
    upcast=False,
    mask_value=-1e9,
):
    """Scaled dot-product attention.

    Args:
        q: Queries of shape `(..., queries, d)`.
        k: Keys of shape `(..., keys, d)`.
        v: Values of shape `(..., keys, e)`.
        mask: True where a query may attend to a key.
        bias: Added to the scores before the softmax.
    """
    if scale is None:
        scale = q.shape[-1] ** -0.5
    if einsum:
        scores = jnp.einsum("...qd,...kd->...qk", q, k) * scale
    else:
        scores = (q @ jnp.swapaxes(k, -1, -2)) * scale
    if softcap is not None:
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
        return jnp.einsum("...qk,...kd->...qd", weights, v)
    return weights @ v


@family(
    "reduction",
    "contraction",
    "branch",
    x="n h*d",
    w_q="h*d h*d in -0.5..0.5",
    w_k="h*d h*d in -0.5..0.5",
    w_v="h*d h*d in -0.5..0.5",
    w_o="h*d h*d in -0.5..0.5",
    norm_weight="? h*d in 0.5..1.5",
    mask="? n bool",
    num_heads=(Code("h"),),
    norm=("rms", "layer"),
    cosine={False: 3, True: 1},
    causal=(True, False),
    residual=(False, True),
    sizes={"h": (2, 2, 4), "d": (2, 4, 4), "n": (4, 5, 6, 8, 10)},
    weight=14,
)
def self_attention(
    x,
    w_q,
    w_k,
    w_v,
    w_o,
    norm_weight=None,
    mask=None,
    *,
    num_heads=2,
    norm="rms",
    cosine=False,
    causal=True,
    residual=False,
):
    """Multi-head self-attention.

    Args:
        x: Tokens of shape `(tokens, features)`.
        w_q: Query projection.
        w_k: Key projection.
        w_v: Value projection.
        w_o: Output projection.
        norm_weight: Weight of the norm before the projections.
        mask: False for padding, which isn't attended to.
    """
    if norm_weight is not None:
        if norm == "rms":
            h = rms_norm(x, norm_weight)
        else:
            h = layer_norm(x, norm_weight)
        q = split_heads(h @ w_q, num_heads)
        k = split_heads(h @ w_k, num_heads)
        v = split_heads(h @ w_v, num_heads)
    else:
        q = split_heads(x @ w_q, num_heads)
        k = split_heads(x @ w_k, num_heads)
        v = split_heads(x @ w_v, num_heads)
    if cosine:
        # Cosine similarities, at a fixed temperature.
        logits = 10.0 * jnp.einsum("hqd,hkd->hqk", l2_normalize(q), l2_normalize(k))
    else:
        logits = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if causal:
        logits = jnp.where(causal_mask(logits), logits, -1e9)
    if mask is not None:
        logits = jnp.where(mask[None, None, :], logits, -1e9)
    weights = jax.nn.softmax(logits, axis=-1)
    out = merge_heads(jnp.einsum("hqk,hkd->hqd", weights, v)) @ w_o
    if residual:
        return x + out
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
    causal=(True, False),
    window={None: 4, 3: 1, 4: 1},
    softcap={None: 4, 20.0: 1, 50.0: 1},
    mask_value={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 2},
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
    mask_value=-1e9,
):
    """Grouped-query attention, in which several query heads share a key-value head.

    Args:
        q: Queries of shape `(queries, heads, d)`.
        k: Keys of shape `(keys, kv_heads, d)`.
        v: Values of shape `(keys, kv_heads, d)`.
        mask: True where a query may attend to a key.
        k_norm: Weight of the RMS norm of the keys.
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
        scores = jnp.where(mask, scores, mask_value)
    weights = jax.nn.softmax(scores, axis=-1)
    if method == "repeat":
        return jnp.einsum("hqk,khd->qhd", weights, v)
    else:
        out = jnp.einsum("hgqk,khd->qhgd", weights, v)
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
    causal=(True, False),
    softcap={None: 4, 20.0: 1, 50.0: 1},
    spelling=decided(("einsum", "matmul")),
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
    spelling="einsum",
):
    """Multi-query attention, in which all heads share one set of keys and values.

    Args:
        q: Queries of shape `(heads, queries, d)`.
        k: Keys of shape `(keys, d)`.
        v: Values of shape `(keys, e)`.
        mask: False for padded keys.
        sinks: Attention sink of each head, a logit without a value.
        slopes: ALiBi slope of each head.
        w_o: Output projection of shape `(heads, e, d)`.
    """
    num_heads, n, d = q.shape
    if spelling == "matmul":
        scores = q @ k.T / d**0.5
    else:
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
        # Drop the sink's weight after the softmax.
        weights = jax.nn.softmax(scores, axis=-1)[..., :-1]
    else:
        weights = jax.nn.softmax(scores, axis=-1)
    if spelling == "matmul":
        out = weights @ v
    else:
        out = jnp.einsum("hqk,ke->hqe", weights, v)
    if w_o is not None:
        out = jnp.einsum("hqe,hed->qd", out, w_o)
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
    residual=False,
):
    """Multi-head cross-attention to another sequence.

    Args:
        x: Tokens of shape `(tokens, d)`.
        context: Sequence that is attended to, of shape `(context, e)`.
        w_q: Query projection.
        w_k: Key projection.
        w_v: Value projection.
        w_o: Output projection.
        b_o: Bias of the output projection.
        context_mask: False for padding of the context.
        norm_weight: Weight of the norm before the query projection.
        gate: Logit of a tanh gate, as in Flamingo.
    """
    if norm_weight is not None:
        if norm == "rms":
            h = rms_norm(x, norm_weight)
        else:
            h = layer_norm(x, norm_weight)
        q = split_heads(h @ w_q, num_heads)
    else:
        q = split_heads(x @ w_q, num_heads)
    k = split_heads(context @ w_k, num_heads)
    v = split_heads(context @ w_v, num_heads)
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if context_mask is not None:
        scores = jnp.where(context_mask[None, None, :], scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    out = merge_heads(weights @ v) @ w_o
    if b_o is not None:
        out = out + b_o
    if gate is not None:
        # A gate of zero leaves the pretrained model as it was.
        out = jnp.tanh(gate) * out
    if residual:
        out = x + out
    return out


def rotate_half(x):
    x1, x2 = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([-x2, x1], axis=-1)


def rotate_halves(x, angles, layout="concatenate"):
    """Rotates pairs of features by angles."""
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
    layout=("rotate_half", "concatenate", "interleave"),
    base={10000.0: 5, 500000.0: 1},
    position_scale={None: 4, 0.5: 1, 0.25: 1},
    rotary_dim={None: 4, 4: 1, 6: 1},
    scaling={"none": 3, "ntk": 1},
    sizes={"d": (8, 8, 10, 12, 16), "n": (4, 5, 6, 8, 10, 12)},
)
def rotary_embedding(
    x,
    positions=None,
    *,
    layout="rotate_half",
    base=10000.0,
    position_scale=None,
    rotary_dim=None,
    scaling="none",
):
    """Applies rotary position embeddings (RoPE).

    Args:
        x: Queries or keys of shape `(..., tokens, d)`.
        positions: Position of each token.
    """
    if rotary_dim is not None:
        # Only the first features are rotated.
        rest = x[..., rotary_dim:]
        x = x[..., :rotary_dim]
    if positions is None:
        positions = jnp.arange(x.shape[-2])
    if position_scale is not None:
        # Position interpolation extends the context.
        positions = positions * position_scale
    if scaling == "ntk":
        # NTK-aware scaling stretches the low frequencies most.
        d = x.shape[-1]
        angles = rotary_angles(x, positions, base=base * 4.0 ** (d / (d - 2)))
    else:
        angles = rotary_angles(x, positions, base=base)
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
    layout=("rotate_half", "concatenate", "interleave"),
    base={10000.0: 5, 500000.0: 1},
    position_scale={None: 4, 0.5: 1, 0.25: 1},
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
    position_scale=None,
    scale_queries=False,
):
    """Applies rotary position embeddings (RoPE) to queries and keys.

    Args:
        q: Queries of shape `(tokens, heads, d)`.
        k: Keys of shape `(tokens, kv_heads, d)`.
        positions: Position of each token.
        q_norm: Weight of the RMS norm of the queries.
        k_norm: Weight of the RMS norm of the keys.
    """
    if q_norm is not None:
        q = rms_norm(q, q_norm)
    if k_norm is not None:
        k = rms_norm(k, k_norm)
    if positions is None:
        positions = jnp.arange(q.shape[0])
    if position_scale is not None:
        # Position interpolation extends the context.
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
    layout=("rotate_half", "concatenate", "interleave"),
    base={10000.0: 5, 500000.0: 1},
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
    """Multi-head attention with rotary position embeddings (RoPE).

    Args:
        q: Queries of shape `(heads, tokens, d)`.
        k: Keys of shape `(heads, tokens, d)`.
        v: Values of shape `(heads, tokens, e)`.
        norm_weight: Weight of the RMS norm of queries and keys.
        positions: Position of each token.
        mask: True where a query may attend to a key.
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
        scores = jnp.where(mask, scores, fill)
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
    kind=("linear", "log"),
    causal={True: 3, False: 2},
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
    merged=False,
    vmapped=False,
):
    """Multi-head attention with a bias that falls with the distance of query and key, as ALiBi's.

    Args:
        q: Queries of shape `(heads, queries, d)`.
        k: Keys of shape `(heads, keys, d)`.
        v: Values of shape `(heads, keys, e)`.
        slopes: Slope of each head.
        mask: False for padded keys.
    """
    if slopes is None:
        slopes = alibi_slopes(q)
    if vmapped:
        scores = jax.vmap(lambda a, b: a @ b.T)(q, k) / q.shape[-1] ** 0.5
    else:
        scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    distance = jnp.abs(jnp.arange(q.shape[1])[:, None] - jnp.arange(k.shape[1])[None, :])
    if kind == "log":
        # As in KERPLE.
        distance = jnp.log1p(distance)
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
    scaled=(False, True),
    merged=(False, True),
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
    scaled=False,
    merged=False,
):
    """Multi-head attention with a learned bias of each relative position, as in T5.

    Args:
        q: Queries of shape `(queries, heads, d)`.
        k: Keys of shape `(keys, heads, d)`.
        v: Values of shape `(keys, heads, e)`.
        bias_table: Biases of shape `(buckets, heads)`.
        mask: True where a query may attend to a key.
    """
    n = q.shape[0]
    m = k.shape[0]
    num_buckets = bias_table.shape[0]
    offsets = jnp.arange(m)[None, :] - jnp.arange(n)[:, None]
    if kind == "bucket":
        buckets = relative_buckets(offsets, num_buckets)
    elif kind == "clip":
        # Half of the buckets are for keys before the query.
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
    if merged:
        return out.reshape(n, -1)
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
    fill={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 1},
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
):
    """Shaw's attention with relative position embeddings.

    Args:
        q: Queries of shape `(tokens, d)`.
        k: Keys of shape `(tokens, d)`.
        v: Values of shape `(tokens, e)`.
        rel_keys: Key embedding of each clipped offset.
        rel_values: Value embedding of each clipped offset.
        content_bias: Transformer-XL's global content bias.
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
    return out


@family(
    "branch",
    "reduction",
    q="n d",
    k="n d",
    v="n e",
    sinks="? in -1..1",
    bias="? n n in -1..1",
    window=(4, 2, 3),
    causal=(True, False),
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
    dilation=1,
    softcap=None,
    method="mask",
):
    """Sliding-window attention.

    Args:
        q: Queries of shape `(tokens, d)`.
        k: Keys of shape `(tokens, d)`.
        v: Values of shape `(tokens, e)`.
        sinks: Logit of an attention sink, which has no value.
        bias: Added to the scores, of shape `(tokens, tokens)`.
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
    causal=(True, False),
    look_back=(False, True),
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
    vmapped=False,
):
    """Local attention in blocks of a sequence.

    Args:
        q: Queries of shape `(tokens, d)`.
        k: Keys of shape `(tokens, d)`.
        v: Values of shape `(tokens, e)`.
        bias: Relative position bias within a block.
        mask: False for padded keys.
    """
    n, d = q.shape
    num_blocks = n // block_size
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
        # Attend to all of the block before; the first block has none.
        previous_k = jnp.concatenate([jnp.zeros_like(k[:1]), k[:-1]])
        previous_v = jnp.concatenate([jnp.zeros_like(v[:1]), v[:-1]])
        previous = jnp.einsum("bqd,bkd->bqk", q, previous_k) / d**0.5
        previous = jnp.where(jnp.arange(num_blocks)[:, None, None] > 0, previous, -1e9)
        if mask is not None:
            previous_mask = jnp.roll(mask.reshape(num_blocks, 1, block_size), 1, axis=0)
            previous = jnp.where(previous_mask, previous, -1e9)
        scores = jnp.concatenate([previous, scores], axis=-1)
        v = jnp.concatenate([previous_v, v], axis=1)
    weights = jax.nn.softmax(scores, axis=-1)
    return jnp.einsum("bqk,bke->bqe", weights, v).reshape(n, -1)


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
    fill={-1e9: 3, Code("jnp.finfo(scores.dtype).min"): 1},
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
    fill=-1e9,
):
    """Attention of one decoding step with a key-value cache; returns the updated cache too.

    Args:
        q: Query of the new token, of shape `(heads, d)`.
        k: Key of the new token.
        v: Value of the new token.
        k_cache: Key cache of shape `(time, heads, d)`.
        v_cache: Value cache of shape `(time, heads, d)`.
        position: Position of the new token.
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
    residual=False,
):
    """Causal attention, token by token with a key-value cache.

    Args:
        x: Token embeddings of shape `(tokens, features)`.
        w_q: Query projection.
        w_k: Key projection.
        w_v: Value projection.
        w_o: Output projection.
        norm_weight: Weight of the RMS norm before the attention.
    """
    n, d = x.shape
    size = n if window is None else window

    def step(k_cache, v_cache, token, position):
        if norm_weight is not None:
            h = rms_norm(token, norm_weight)
            q = h @ w_q
            k = h @ w_k
            v = h @ w_v
        else:
            q = token @ w_q
            k = token @ w_k
            v = token @ w_v
        if window is None:
            slot = position
        else:
            # A rolling cache overwrites its oldest token.
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
            out = token + out
        return k_cache, v_cache, out

    k_cache = jnp.zeros((size, d), dtype=x.dtype)
    v_cache = jnp.zeros((size, d), dtype=x.dtype)
    if loop == "scan":

        def scan_step(carry, row):
            k_cache, v_cache = carry
            position, token = row
            k_cache, v_cache, out = step(k_cache, v_cache, token, position)
            return (k_cache, v_cache), out

        _, outputs = lax.scan(scan_step, (k_cache, v_cache), (jnp.arange(n), x))
    else:

        def loop_step(i, carry):
            k_cache, v_cache, outputs = carry
            k_cache, v_cache, out = step(k_cache, v_cache, x[i], i)
            return k_cache, v_cache, outputs.at[i].set(out)

        carry = (k_cache, v_cache, jnp.zeros_like(x))
        _, _, outputs = lax.fori_loop(0, n, loop_step, carry)
    return outputs


def feature_map(x, kind="elu"):
    """Maps features to positive ones."""
    if kind == "elu":
        return jax.nn.elu(x) + 1.0
    elif kind == "relu":
        return jax.nn.relu(x) + 1e-3
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
    kind=("elu", "relu", "exp", "softplus", "softmax"),
    mode=("full", "cumsum", "masked"),
    normalize={True: 3, False: 1},
    einsum=(False, True),
    eps={1e-6: 2, 1e-4: 1},
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
    einsum=False,
    eps=1e-6,
):
    """Linear attention, with a feature map of queries and keys in place of the softmax.

    Args:
        q: Queries of shape `(tokens, d)`.
        k: Keys of shape `(tokens, d)`.
        v: Values of shape `(tokens, e)`.
        mask: False for padding.
    """
    q = feature_map(q, kind)
    k = feature_map(k, kind)
    if mask is not None:
        k = k * mask[:, None]
    if mode == "cumsum":
        # The causal state is a sum over the tokens so far.
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
    scaled=(True, False),
    fixed_decay={None: 2, 0.9: 1, 0.95: 1},
    rule=("add", "delta"),
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
    rule="add",
    with_state=False,
):
    """Causal linear attention in its recurrent form.

    Args:
        q: Queries of shape `(tokens, d)`.
        k: Keys of shape `(tokens, d)`.
        v: Values of shape `(tokens, e)`.
        decay: Forget gate of each token and key feature.
        beta: Write strength of each token.
        initial_state: State of shape `(d, e)` before the first token.
    """
    if rule == "delta":
        # With unit keys, a write replaces what was stored under its key.
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
        if decay is not None:
            state = decay[i][:, None] * state
        elif fixed_decay is not None:
            state = fixed_decay * state
        if rule == "delta":
            # The delta rule writes only what the state doesn't predict.
            value = v[i] - k[i] @ state
        else:
            value = v[i]
        if beta is not None:
            value = beta[i] * value
        state = state + jnp.outer(k[i], value)
        return state, q[i] @ state

    state, out = lax.scan(step, initial_state, jnp.arange(q.shape[0]))
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
    spelling=decided(("einsum", "sum")),
    temperature={None: 4, 0.5: 1, 2.0: 1},
    statistics={"mean": 4, "mean and deviation": 1},
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
    spelling="einsum",
    temperature=None,
    statistics="mean",
):
    """Attentive pooling of a sequence by a learned query.

    Args:
        x: Tokens of shape `(..., tokens, features)`.
        w: Weights of the hidden layer.
        query: Learned query that the hidden layer is scored by.
        b: Bias of the hidden layer.
        w_gate: Weights of the hidden layer's gate.
        mask: False for padding.
    """
    hidden = x @ w
    if b is not None:
        hidden = hidden + b
    hidden = jnp.tanh(hidden)
    if w_gate is not None:
        # As in attention-based multiple instance learning.
        hidden = hidden * jax.nn.sigmoid(x @ w_gate)
    scores = hidden @ query
    if temperature is not None:
        scores = scores / temperature
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    if spelling == "sum":
        pooled = jnp.sum(weights[..., None] * x, axis=-2)
    else:
        pooled = jnp.einsum("...n,...nd->...d", weights, x)
    if statistics == "mean and deviation":
        # Attentive statistics pooling.
        second = jnp.einsum("...n,...nd->...d", weights, jnp.square(x))
        deviation = jnp.sqrt(jnp.maximum(second - jnp.square(pooled), 1e-4))
        return jnp.concatenate([pooled, deviation], axis=-1)
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
    mask="? m bool",
    vmapped=(False, True),
    concatenate=(False, True),
    with_weights=(False, True),
    sizes={"n": (4, 5, 6), "m": (4, 5, 6, 8), "d": (4, 6, 8), "e": (4, 6, 8), "f": (4, 5, 6)},
)
def additive_attention(
    query,
    keys,
    w_q,
    w_k,
    w_score,
    b=None,
    mask=None,
    *,
    vmapped=False,
    concatenate=False,
    with_weights=False,
):
    """Bahdanau's additive attention of decoder states to encoder states.

    Args:
        query: Decoder states of shape `(queries, d)`.
        keys: Encoder states of shape `(keys, e)`.
        w_q: Weights of the decoder states.
        w_k: Weights of the encoder states.
        w_score: Weights of the score.
        b: Bias of the hidden layer.
        mask: False for padded encoder states.
    """
    projected = keys @ w_k
    if b is not None:
        projected = projected + b
    if vmapped:
        scores = jax.vmap(lambda row: jnp.tanh(row @ w_q + projected) @ w_score)(query)
    else:
        hidden = jnp.tanh((query @ w_q)[:, None, :] + projected[None, :, :])
        scores = hidden @ w_score
    if mask is not None:
        scores = jnp.where(mask[None, :], scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    context = weights @ keys
    if concatenate:
        # What the decoder's next layer takes.
        context = jnp.concatenate([query, context], axis=-1)
    if with_weights:
        return context, weights
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
    else:
        return jnp.square(jax.nn.relu(scores)) / scores.shape[-1]


@family(
    "reduction",
    "branch",
    "contraction",
    q="h n d",
    k="h m d",
    v="h m e",
    mask="? m bool",
    temperature="? h in 0.5..2",
    kind={"softmax": 4, "softmax_one": 2, "sigmoid": 2, "squared_relu": 1},
    causal=(True, False),
    merged=(False, True),
    sizes={"h": (2, 2, 4), "d": (4, 6, 8), "e": (4, 6, 8), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def attention_with_normalizer(
    q,
    k,
    v,
    mask=None,
    temperature=None,
    *,
    kind="softmax_one",
    causal=True,
    merged=False,
):
    """Multi-head attention whose scores become weights by a softmax or an alternative to it.

    Args:
        q: Queries of shape `(heads, queries, d)`.
        k: Keys of shape `(heads, keys, d)`.
        v: Values of shape `(heads, keys, e)`.
        mask: False for padded keys.
        temperature: Learned temperature of each head.
    """
    scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    if temperature is not None:
        scores = scores / temperature[:, None, None]
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    out = normalize_scores(scores, kind) @ v
    if merged:
        out = merge_heads(out)
    return out


@family(
    "reduction",
    "branch",
    "contraction",
    q="h n d",
    k="h m d",
    v="h m e",
    w_logits="h h",
    w_weights="? h h",
    mask="? m bool",
    causal=(True, False),
    merged=(False, True),
    spelling=decided(("einsum", "matmul", "tensordot")),
    sizes={"h": (2, 2, 4), "d": (4, 6, 8), "e": (4, 6, 8), "n": (4, 5, 6, 8), "m": (4, 5, 6, 8)},
)
def talking_heads_attention(
    q,
    k,
    v,
    w_logits,
    w_weights=None,
    mask=None,
    *,
    causal=True,
    merged=False,
    spelling="einsum",
):
    """Talking-heads attention, which mixes the heads around the softmax.

    Args:
        q: Queries of shape `(heads, queries, d)`.
        k: Keys of shape `(heads, keys, d)`.
        v: Values of shape `(heads, keys, e)`.
        w_logits: Projection of the heads before the softmax.
        w_weights: Projection of the heads after the softmax.
        mask: False for padded keys.
    """
    if spelling == "einsum":
        scores = jnp.einsum("hqd,hkd->hqk", q, k) / q.shape[-1] ** 0.5
    else:
        scores = q @ k.transpose(0, 2, 1) / q.shape[-1] ** 0.5
    if spelling == "tensordot":
        scores = jnp.tensordot(w_logits.T, scores, axes=1)
    else:
        scores = jnp.einsum("hqk,hg->gqk", scores, w_logits)
    if causal:
        scores = jnp.where(causal_mask(scores), scores, -1e9)
    if mask is not None:
        scores = jnp.where(mask, scores, -1e9)
    weights = jax.nn.softmax(scores, axis=-1)
    if w_weights is not None:
        weights = jnp.einsum("hqk,hg->gqk", weights, w_weights)
    out = weights @ v
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
    causal=(True, False),
    lam_init={0.8: 2, 0.5: 1, 0.2: 1},
    stacked=(False, True),
    rescale={False: 1, True: 1},
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
    rescale=False,
):
    """Differential attention, which subtracts one softmax from another to cancel their noise.

    Args:
        q: Queries of both softmaxes, side by side.
        k: Keys of both softmaxes, side by side.
        v: Values of shape `(keys, e)`.
        lam: Weight of the second softmax.
        norm_weight: Weight of the RMS norm of the result.
        mask: True where a query may attend to a key.
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
    out = (first - lam * second) @ v
    if norm_weight is not None:
        out = rms_norm(out, norm_weight, eps=1e-3)
    if rescale:
        # Keeps the gradients as large as in ordinary attention.
        out = (1.0 - lam_init) * out
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
    causal=(True, False),
    softcap={None: 4, 20.0: 1, 50.0: 1},
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
    softcap=None,
):
    """Flash attention over blocks of keys, by an online softmax.

    Args:
        q: Queries of shape `(queries, d)`.
        k: Keys of shape `(keys, d)`.
        v: Values of shape `(keys, e)`.
        mask: False for padded keys.
        bias: Added to the scores.
    """
    n, d = q.shape
    num_blocks = k.shape[0] // block_size
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
        scores = q @ k_block.T * d**-0.5
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
        # Rescale what was summed with the old maximum.
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
    _, running_sum, accumulator = carry
    return accumulator / running_sum[:, None]


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
    update={"residual": 2, "replace": 2},
    normalize_slots=(True, False),
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
    normalize_slots=True,
):
    """Slot attention: slots compete for the input features over some iterations.

    Args:
        x: Input features of shape `(inputs, d)`.
        slots: Initial slots of shape `(slots, d)`.
        w_q: Query projection of the slots.
        w_k: Key projection of the inputs.
        w_v: Value projection of the inputs.
        norm_weight: Weight of the layer norm of the inputs.
        w_mlp: Weights of a residual layer after each update.
    """
    if norm_weight is not None:
        x = layer_norm(x, norm_weight)
    k = x @ w_k
    v = x @ w_v

    def compete(slots):
        if normalize_slots:
            slots = standardize(slots)
        scores = (slots @ w_q) @ k.T / k.shape[-1] ** 0.5
        # The softmax is over the slots, so that they compete for each input.
        weights = jax.nn.softmax(scores, axis=0)
        return weights / (jnp.sum(weights, axis=-1, keepdims=True) + 1e-6)

    def iterate(slots):
        if update == "residual":
            slots = slots + compete(slots) @ v
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
    return slots
