"""Families: recurrent cells and networks, linear recurrences and moving averages over time."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
gru: gru 5, gru_scan 2, run_gru 2, gru_layer 3
gru_cell: gru_cell 5, gru_step 3
lstm: lstm 5, lstm_layer 3, run_lstm 2, lstm_scan 2
lstm_step: lstm_step 3, lstm_cell 5
gru_step: gru_step 3, gru_cell 5
rnn: rnn 5, vanilla_rnn 2, simple_rnn 2, elman_rnn 2, run_rnn 1
xs: xs 5, inputs 3, x 3, seq 1
w_x: w_x 5, w_ih 3, wx 2, W_x 1, kernel 1
w_h: w_h 5, w_hh 3, wh 2, W_h 1, recurrent_kernel 1
b: b 6, bias 4
h0: h0 7, init_h 1, h_init 2, carry0 1
c0: c0 7, init_c 1, c_init 2
h: h 8, state 2, carry 1
c: c 8, cell 2
z: z 6, update 3, u 1
r: r 6, reset 4
n: n 4, candidate 3, h_tilde 2, cand 1
gates: gates 6, z 1, preact 1
i: i 5, in_gate 2, i_t 1
f: f 5, forget 2, f_t 1
g: g 5, cell_input 1, g_t 1
o: o 5, out_gate 2, o_t 1
x_t: x_t 5, x 3, inp 1
step: step 6, body 2, scan_fn 1, cell 2
hs: hs 5, states 3, outputs 2, ys 1
w_out: w_out 5, w_y 2, readout 2, W_out 1
b_out: b_out 4, b_y 2
new_h: new_h 5, h_new 4, h_next 2
new_c: new_c 5, c_new 4, c_next 2
ssm: ssm 4, state_space 3, linear_ssm 3, ssm_scan 2
u: u 6, inputs 2, xs 1
gated_recurrence: gated_recurrence 4, gated_linear_recurrence 3, linear_recurrence 2
combine: combine 5, binary_op 2, compose 2, op 1
pre: pre 3, z 4, preact 2, a 1
inputs: inputs 5, step_inputs 1, inp 1
b_mat: b_mat 2, B 5
c_mat: c_mat 2, C 5
left: left 3, a 1, prev 1
right: right 3, b 1, cur 1
ema: ema 5, exponential_moving_average 4, ewma 2
holt_smoothing: holt_smoothing 4, holt_linear 3, double_exponential_smoothing 3
ew_mean_variance: ew_mean_variance 3, ewm_mean_var 3, running_moments 2
linear_attention: linear_attention 6, causal_linear_attention 4
delta_rule: delta_rule 4, delta_net 4, deltanet_recurrence 2
retention: retention 5, recurrent_retention 3
bidirectional: bidirectional 4, birnn 2, bidirectional_rnn 4, bi_rnn 1
forward: forward 6, fwd 3
backward: backward 6, bwd 3
stacked_rnn: stacked_rnn 4, deep_rnn 3, multilayer_rnn 3
generate: generate 4, rollout 4, unroll 2, decode 2
selective_scan: selective_scan 5, mamba_scan 2, selective_ssm 3
mask: mask 8, valid 2
intervals: intervals 4, dts 2, gaps 1
means: means 4, averages 2, smoothed 3
"""


def layer_norm(x, eps=1e-5):
    """Layer normalisation without scale and bias."""
    mean = jnp.mean(x, axis=-1, keepdims=True)
    var = jnp.var(x, axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + eps)


def gru_cell(h, x, w_x, w_h, b=None, reset_after=True, gate_order="rz"):
    """Next state of a gated recurrent unit."""
    size = h.shape[-1]
    gates_x = x @ w_x
    if b is not None:
        gates_x = gates_x + b
    if reset_after:
        gates_h = h @ w_h
        if gate_order == "rz":
            r = jax.nn.sigmoid(gates_x[..., :size] + gates_h[..., :size])
            z = jax.nn.sigmoid(gates_x[..., size : 2 * size] + gates_h[..., size : 2 * size])
        else:
            z = jax.nn.sigmoid(gates_x[..., :size] + gates_h[..., :size])
            r = jax.nn.sigmoid(gates_x[..., size : 2 * size] + gates_h[..., size : 2 * size])
        n = jnp.tanh(gates_x[..., 2 * size :] + r * gates_h[..., 2 * size :])
    else:
        zr = jax.nn.sigmoid(gates_x[..., : 2 * size] + h @ w_h[:, : 2 * size])
        z, r = jnp.split(zr, 2, axis=-1)
        n = jnp.tanh(gates_x[..., 2 * size :] + (r * h) @ w_h[:, 2 * size :])
    return (1.0 - z) * n + z * h


@family(
    "loop",
    xs="t d",
    w_x="d 3*e in -0.8..0.8",
    w_h="e 3*e in -0.8..0.8",
    b="? 3*e",
    h0="? e in -1..1",
    mask="? t bool",
    w_out="? e f in -0.8..0.8",
    reset_after=decided({True: 2, False: 1}),
    gate_order=decided({"rz": 2, "zr": 1}),
    outputs=decided({"all": 3, "last": 2, "both": 1}),
    sizes={"t": (4, 5, 6, 8), "d": (4, 5), "e": (4, 5), "f": (2, 4)},
)
def gru(
    xs,
    w_x,
    w_h,
    b=None,
    h0=None,
    mask=None,
    w_out=None,
    *,
    reset_after=True,
    gate_order="rz",
    outputs="all",
):
    """Gated recurrent unit (GRU) over a sequence.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Weights of the inputs, for all three gates.
        w_h: Weights of the state, for all three gates.
        b: Biases of all three gates.
        h0: First state.
        mask: True where a step counts; the state stays at others.
        w_out: Weights of the readout.
    """
    if h0 is None:
        h0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)

    if mask is not None:

        def step(h, inputs):
            x_t, valid = inputs
            new_h = gru_cell(h, x_t, w_x, w_h, b, reset_after, gate_order)
            h = jnp.where(valid, new_h, h)
            return h, h

        xs = (xs, mask)
    else:

        def step(h, x_t):
            h = gru_cell(h, x_t, w_x, w_h, b, reset_after, gate_order)
            return h, h

    if outputs == "last":
        out, _ = lax.scan(step, h0, xs)
    elif outputs == "both":
        last, out = lax.scan(step, h0, xs)
    else:
        _, out = lax.scan(step, h0, xs)
    if w_out is not None:
        out = out @ w_out
    if outputs == "both":
        return out, last
    return out


@family(
    "contraction",
    "reduction",
    "multi_statement",
    x="b d",
    h="b e",
    w_z="d+e e in -0.8..0.8",
    w_r="d+e e in -0.8..0.8",
    w_n="d+e e in -0.8..0.8",
    b_z="? e",
    b_r="? e",
    b_n="? e",
    spelling=decided({"interpolate": 3, "keep": 2, "step": 1}),
    norm={False: 4, True: 1},
    sizes={"b": (2, 4, 8, 10, 12), "d": (2, 4, 5), "e": (4, 5)},
)
def gru_step(
    x,
    h,
    w_z,
    w_r,
    w_n,
    b_z=None,
    b_r=None,
    b_n=None,
    *,
    spelling="interpolate",
    norm=False,
):
    """One step of a gated recurrent unit (GRU).

    Args:
        x: Inputs of shape `(batch, features)`.
        h: States of shape `(batch, size)`.
        w_z: Weights of the update gate.
        w_r: Weights of the reset gate.
        w_n: Weights of the candidate state.
        b_z: Bias of the update gate.
        b_r: Bias of the reset gate.
        b_n: Bias of the candidate state.
    """
    xh = jnp.concatenate([x, h], axis=-1)
    z = xh @ w_z
    if b_z is not None:
        z = z + b_z
    r = xh @ w_r
    if b_r is not None:
        r = r + b_r
    if norm:
        z = layer_norm(z)
        r = layer_norm(r)
    z = jax.nn.sigmoid(z)
    r = jax.nn.sigmoid(r)
    n = jnp.concatenate([x, r * h], axis=-1) @ w_n
    if b_n is not None:
        n = n + b_n
    n = jnp.tanh(n)
    if spelling == "interpolate":
        return (1.0 - z) * h + z * n
    elif spelling == "keep":
        return z * h + (1.0 - z) * n
    else:
        return h + z * (n - h)


@family(
    "loop",
    xs="t d",
    w_x="d 4*e in -0.8..0.8",
    w_h="e 4*e in -0.8..0.8",
    b="? 4*e",
    h0="? e in -1..1",
    c0="? e in -1..1",
    mask="? t bool",
    w_out="? e f in -0.8..0.8",
    forget_bias=decided({0.0: 3, 1.0: 3}),
    project_first=decided({False: 2, True: 1}),
    outputs=decided({"all": 3, "last": 2, "cell": 1}),
    zoneout={None: 5, 0.1: 1},
    sizes={"t": (4, 5, 6, 8), "d": (2, 4, 5), "e": (4, 5), "f": (2, 4)},
)
def lstm(
    xs,
    w_x,
    w_h,
    b=None,
    h0=None,
    c0=None,
    mask=None,
    w_out=None,
    *,
    forget_bias=1.0,
    project_first=False,
    outputs="all",
    zoneout=None,
):
    """Long short-term memory (LSTM) over a sequence.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Weights of the inputs, for all four gates.
        w_h: Weights of the state, for all four gates.
        b: Biases of all four gates.
        h0: First hidden state.
        c0: First cell state.
        mask: True where a step counts; the states stay at others.
        w_out: Weights of the readout.
    """
    if h0 is None:
        h0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)
    if c0 is None:
        c0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)
    if project_first:
        # What the inputs give to the gates doesn't depend on the state.
        if b is not None:
            xs = xs @ w_x + b
        else:
            xs = xs @ w_x

    def update(h, c, x_t):
        if project_first:
            gates = x_t + h @ w_h
        elif b is not None:
            gates = x_t @ w_x + h @ w_h + b
        else:
            gates = x_t @ w_x + h @ w_h
        i, f, g, o = jnp.split(gates, 4)
        if forget_bias > 0.0:
            # The forget gate is open at first.
            f = f + forget_bias
        new_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        if zoneout is not None:
            # The expectation of zoneout.
            new_c = zoneout * c + (1.0 - zoneout) * new_c
        new_h = jax.nn.sigmoid(o) * jnp.tanh(new_c)
        return new_h, new_c

    if mask is not None:

        def step(carry, inputs):
            h, c = carry
            x_t, valid = inputs
            new_h, new_c = update(h, c, x_t)
            h = jnp.where(valid, new_h, h)
            c = jnp.where(valid, new_c, c)
            return (h, c), h

        xs = (xs, mask)
    else:

        def step(carry, x_t):
            h, c = update(*carry, x_t)
            return (h, c), h

    if outputs == "last":
        (out, _), _ = lax.scan(step, (h0, c0), xs)
    elif outputs == "cell":
        (_, c), out = lax.scan(step, (h0, c0), xs)
    else:
        _, out = lax.scan(step, (h0, c0), xs)
    if w_out is not None:
        out = out @ w_out
    if outputs == "cell":
        return out, c
    return out


@family(
    "multi_statement",
    "reduction",
    x="b d",
    h="b e in -1..1",
    c="b e",
    w="d+e 4*e in -0.8..0.8",
    b="? 4*e",
    peephole="? 3 e in -0.5..0.5",
    w_proj="? e e in -0.8..0.8",
    forget_bias=decided({0.0: 2, 1.0: 3}),
    split=decided({"split": 3, "reshape": 1, "slice": 1}),
    norm={"none": 4, "cell": 1, "gates": 1},
    clip={None: 4, 3.0: 1, 10.0: 1},
    sizes={"b": (12, 16, 16, 20), "d": (2, 4), "e": (4,)},
)
def lstm_step(
    x,
    h,
    c,
    w,
    b=None,
    peephole=None,
    w_proj=None,
    *,
    forget_bias=1.0,
    split="split",
    norm="none",
    clip=None,
):
    """One step of a long short-term memory (LSTM).

    Args:
        x: Inputs of shape `(batch, features)`.
        h: Hidden states of shape `(batch, size)`.
        c: Cell states of shape `(batch, size)`.
        w: Weights of all gates.
        b: Biases of all gates.
        peephole: Weights from the cell to the gates for input, forgetting and output.
        w_proj: Weights that project the hidden state.

    Returns:
        The next hidden states and cell states.
    """
    gates = jnp.concatenate([x, h], axis=-1) @ w
    if norm == "gates":
        gates = layer_norm(gates)
    if b is not None:
        gates = gates + b
    if split == "split":
        i, f, g, o = jnp.split(gates, 4, axis=-1)
    elif split == "slice":
        size = h.shape[-1]
        i, f = gates[:, :size], gates[:, size : 2 * size]
        g, o = gates[:, 2 * size : 3 * size], gates[:, 3 * size :]
    else:
        gates = gates.reshape(x.shape[0], 4, -1)
        i, f, g, o = gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3]
    if forget_bias > 0.0:
        # The forget gate is open at first.
        f = f + forget_bias
    if peephole is not None:
        i = i + peephole[0] * c
        f = f + peephole[1] * c
    new_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    if clip is not None:
        new_c = jnp.clip(new_c, -clip, clip)
    if peephole is not None:
        o = o + peephole[2] * new_c
    if norm == "cell":
        new_h = jax.nn.sigmoid(o) * jnp.tanh(layer_norm(new_c))
    else:
        new_h = jax.nn.sigmoid(o) * jnp.tanh(new_c)
    if w_proj is not None:
        new_h = new_h @ w_proj
    return new_h, new_c


@family(
    "loop",
    xs="t d",
    w_x="d e in -0.8..0.8",
    w_h="e e in -0.6..0.6",
    b="? e",
    h0="? e in -1..1",
    w_out="? e f in -0.8..0.8",
    kind={"plain": 4, "leaky": 2},
    activation={Code("jnp.tanh"): 5, Code("jax.nn.relu"): 2, Code("jax.nn.sigmoid"): 1},
    alpha=decided({0.1: 1, 0.3: 1, 0.5: 1}),
    outputs=decided({"all": 3, "last": 2, "mean": 1, "both": 1}),
    project_first=decided({False: 2, True: 1}),
    norm={False: 5, True: 1},
    loop=decided({"scan": 5, "fori": 1}),
    sizes={"t": (4, 5, 6, 8, 10), "d": (2, 4, 5), "e": (4, 5, 6), "f": (2, 4)},
)
def rnn(
    xs,
    w_x,
    w_h,
    b=None,
    h0=None,
    w_out=None,
    *,
    kind="plain",
    activation=None,
    alpha=0.3,
    outputs="all",
    project_first=False,
    norm=False,
    loop="scan",
):
    """Simple (Elman) recurrent network over a sequence.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Weights of the inputs.
        w_h: Weights of the state.
        b: Bias.
        h0: First state.
        w_out: Weights of the readout.
        alpha: Leak rate.
    """
    if h0 is None:
        h0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)
    if project_first:
        if b is not None:
            xs = xs @ w_x + b
        else:
            xs = xs @ w_x

    def update(h, x_t):
        if project_first:
            pre = x_t + h @ w_h
        elif b is not None:
            pre = x_t @ w_x + h @ w_h + b
        else:
            pre = x_t @ w_x + h @ w_h
        if norm:
            pre = layer_norm(pre)
        if kind == "leaky":
            return h + alpha * (activation(pre) - h)
        return activation(pre)

    if loop == "fori":
        h = lax.fori_loop(0, len(xs), lambda t, h: update(h, xs[t]), h0)
        if w_out is not None:
            return h @ w_out
        return h

    def step(h, x_t):
        h = update(h, x_t)
        return h, h

    if outputs == "last":
        out, _ = lax.scan(step, h0, xs)
    elif outputs == "mean":
        _, hs = lax.scan(step, h0, xs)
        out = jnp.mean(hs, axis=0)
    elif outputs == "both":
        last, out = lax.scan(step, h0, xs)
    else:
        _, out = lax.scan(step, h0, xs)
    if w_out is not None:
        out = out @ w_out
    if outputs == "both":
        return out, last
    return out


def run_rnn(xs, w_x, w_h, b=None, reverse=False):
    """States of an Elman network over a sequence."""

    def step(h, x_t):
        if b is not None:
            h = jnp.tanh(x_t @ w_x + h @ w_h + b)
        else:
            h = jnp.tanh(x_t @ w_x + h @ w_h)
        return h, h

    _, hs = lax.scan(step, jnp.zeros(w_h.shape[0], dtype=w_h.dtype), xs, reverse=reverse)
    return hs


@family(
    "loop",
    xs="t d",
    w_x="d e in -0.8..0.8",
    w_h="e e in -0.6..0.6",
    w_x_back="d e in -0.8..0.8",
    w_h_back="e e in -0.6..0.6",
    b="? 2 e",
    w_out="? 2*e f in -0.8..0.8",
    merge=decided({"concat": 3, "sum": 2, "mean": 1}),
    turn=decided({"reverse": 3, "slice": 1, "flip": 1}),
    pool=decided({"none": 4, "mean": 1, "ends": 1}),
    sizes={"t": (4, 5, 6, 8), "d": (2, 4, 5), "e": (2, 4, 5), "f": (2, 4)},
)
def bidirectional(
    xs,
    w_x,
    w_h,
    w_x_back,
    w_h_back,
    b=None,
    w_out=None,
    *,
    merge="concat",
    turn="reverse",
    pool="none",
):
    """Bidirectional recurrent network.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Input weights of the forward direction.
        w_h: Recurrent weights of the forward direction.
        w_x_back: Input weights of the backward direction.
        w_h_back: Recurrent weights of the backward direction.
        b: Biases of both directions.
        w_out: Weights of the readout.
    """
    if b is not None:
        forward = run_rnn(xs, w_x, w_h, b[0])
        if turn == "reverse":
            backward = run_rnn(xs, w_x_back, w_h_back, b[1], reverse=True)
        elif turn == "slice":
            backward = run_rnn(xs[::-1], w_x_back, w_h_back, b[1])[::-1]
        else:
            flipped = jnp.flip(xs, axis=0)
            backward = jnp.flip(run_rnn(flipped, w_x_back, w_h_back, b[1]), axis=0)
    else:
        forward = run_rnn(xs, w_x, w_h)
        if turn == "reverse":
            backward = run_rnn(xs, w_x_back, w_h_back, reverse=True)
        elif turn == "slice":
            backward = run_rnn(xs[::-1], w_x_back, w_h_back)[::-1]
        else:
            backward = jnp.flip(run_rnn(jnp.flip(xs, axis=0), w_x_back, w_h_back), axis=0)
    if pool == "ends":
        # The state that has seen the whole sequence, in each direction.
        out = jnp.concatenate([forward[-1], backward[0]])
        if w_out is not None:
            out = out @ w_out
    elif w_out is not None:
        out = jnp.concatenate([forward, backward], axis=-1) @ w_out
    elif merge == "concat":
        out = jnp.concatenate([forward, backward], axis=-1)
    elif merge == "sum":
        out = forward + backward
    elif merge == "mean":
        out = 0.5 * (forward + backward)
    else:
        out = forward * backward
    if pool == "mean":
        out = jnp.mean(out, axis=0)
    return out


@family(
    "loop",
    u="t m",
    log_a="n in -1..1",
    b_mat="n m in -1..1",
    c_mat="m n in -1..1",
    d="? m",
    x0="? n in -1..1",
    dt="in 0.05..0.5",
    discretization={"zoh": 3, "euler": 1, "bilinear": 2},
    loop=decided({"scan": 3, "associative": 2}),
    outputs={"all": 4, "state": 1, "last": 1},
    sizes={"t": (4, 5, 6, 8), "m": (2, 4), "n": (4, 5, 6)},
)
def ssm(
    u,
    log_a,
    b_mat,
    c_mat,
    dt,
    d=None,
    x0=None,
    *,
    discretization="zoh",
    loop="scan",
    outputs="all",
):
    """Diagonal linear state-space model (as in S4D) over a sequence.

    Args:
        u: Inputs of shape `(time, channels)`.
        log_a: Logarithms of the decay rates of the states.
        b_mat: Weights from the inputs to the states.
        c_mat: Weights from the states to the outputs.
        dt: Length of a step.
        d: Feedthrough of each channel.
        x0: First state.
    """
    rate = -jnp.exp(log_a)
    if discretization == "zoh":
        # Zero-order hold: the input is constant during a step.
        a_bar = jnp.exp(dt * rate)
        b_bar = ((a_bar - 1.0) / rate)[:, None] * b_mat
    elif discretization == "euler":
        a_bar = 1.0 + dt * rate
        b_bar = dt * b_mat
    else:
        # Bilinear (Tustin) transform.
        a_bar = (1.0 + 0.5 * dt * rate) / (1.0 - 0.5 * dt * rate)
        b_bar = (dt / (1.0 - 0.5 * dt * rate))[:, None] * b_mat
    driven = u @ b_bar.T
    if loop == "associative":
        if x0 is not None:
            driven = driven.at[0].add(a_bar * x0)

        def combine(left, right):
            a_left, x_left = left
            a_right, x_right = right
            return a_left * a_right, a_right * x_left + x_right

        decays = jnp.broadcast_to(a_bar, driven.shape)
        _, states = lax.associative_scan(combine, (decays, driven))
    else:

        def step(x, driven_t):
            x = a_bar * x + driven_t
            return x, x

        if x0 is None:
            x0 = jnp.zeros_like(a_bar)
        _, states = lax.scan(step, x0, driven)
    y = states @ c_mat.T
    if d is not None:
        y = y + d * u
    if outputs == "state":
        return y, states[-1]
    if outputs == "last":
        return y[-1]
    return y


@family(
    "loop",
    x="t d",
    w_dt="d d in -0.6..0.6",
    w_b="d n in -0.8..0.8",
    w_c="d n in -0.8..0.8",
    log_a="d n in -1..1",
    dt_bias="? d in -2..0",
    skip="? d",
    gate="? t d",
    w_out="? d d in -0.8..0.8",
    discretize=decided({"inside": 2, "before": 2}),
    input_rule={"euler": 3, "zoh": 1},
    norm={"none": 3, "rms": 1},
    sizes={"t": (4, 5, 6), "d": (4, 5), "n": (2, 4)},
)
def selective_scan(
    x,
    w_dt,
    w_b,
    w_c,
    log_a,
    dt_bias=None,
    skip=None,
    gate=None,
    w_out=None,
    *,
    discretize="inside",
    input_rule="euler",
    norm="none",
):
    """Selective state-space model, the core of a Mamba block.

    Args:
        x: Inputs of shape `(time, channels)`.
        w_dt: Weights of the step sizes.
        w_b: Weights of what enters the states.
        w_c: Weights of what is read from the states.
        log_a: Logarithms of the decay rates, of shape `(channels, states)`.
        dt_bias: Bias of the step sizes.
        skip: Weight of each input in the output.
        gate: Gates of the outputs.
        w_out: Weights of the output projection.
    """
    a = -jnp.exp(log_a)
    dt = x @ w_dt
    if dt_bias is not None:
        dt = dt + dt_bias
    dt = jax.nn.softplus(dt)
    b_mat = x @ w_b
    c_mat = x @ w_c
    if discretize == "before":
        decays = jnp.exp(dt[:, :, None] * a)
        if input_rule == "zoh":
            inputs = (decays - 1.0) / a * b_mat[:, None, :] * x[:, :, None]
        else:
            inputs = (dt * x)[:, :, None] * b_mat[:, None, :]

        def step(h, step_inputs):
            decay, entering, c_t = step_inputs
            h = decay * h + entering
            return h, h @ c_t

        _, y = lax.scan(step, jnp.zeros_like(a), (decays, inputs, c_mat))
    else:

        def step(h, step_inputs):
            x_t, dt_t, b_t, c_t = step_inputs
            decay = jnp.exp(dt_t[:, None] * a)
            if input_rule == "zoh":
                h = decay * h + (decay - 1.0) / a * jnp.outer(x_t, b_t)
            else:
                h = decay * h + jnp.outer(dt_t * x_t, b_t)
            return h, h @ c_t

        _, y = lax.scan(step, jnp.zeros_like(a), (x, dt, b_mat, c_mat))
    if skip is not None:
        y = y + skip * x
    if norm == "rms":
        y = y * jax.lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + 1e-6)
    if gate is not None:
        y = y * jax.nn.silu(gate)
    if w_out is not None:
        y = y @ w_out
    return y


@family(
    "loop",
    x="t d",
    w_gate="d d in -0.8..0.8",
    w_value="d d in -0.8..0.8",
    w_in_gate="? d d in -0.8..0.8",
    b_gate="? d in 0..2",
    h0="? d in -1..1",
    w_out="? d e in -0.8..0.8",
    rates="? d in 0.1..1",
    loop=decided({"associative": 4, "scan": 2}),
    input_weight={"complement": 3, "root": 2},
    value={"tanh": 2, "linear": 3},
    sizes={"t": (4, 5, 6, 8), "d": (4, 5, 6), "e": (2, 4)},
)
def gated_recurrence(
    x,
    w_gate,
    w_value,
    w_in_gate=None,
    b_gate=None,
    h0=None,
    w_out=None,
    rates=None,
    *,
    loop="associative",
    input_weight="complement",
    value="linear",
):
    """Gated linear recurrence: the decay of each feature depends on the input.

    Args:
        x: Inputs of shape `(time, features)`.
        w_gate: Weights of the decay.
        w_value: Weights of what enters the state.
        w_in_gate: Weights of a gate for what enters the state.
        b_gate: Bias of the decay.
        h0: First state.
        w_out: Weights of the readout.
        rates: Decay rate of each feature at a fully open gate.
    """
    gate = x @ w_gate
    if b_gate is not None:
        gate = gate + b_gate
    decay = jax.nn.sigmoid(gate)
    if rates is not None:
        decay = jnp.exp(-rates * decay)
    values = x @ w_value
    if value == "tanh":
        values = jnp.tanh(values)
    if w_in_gate is not None:
        values = values * jax.nn.sigmoid(x @ w_in_gate)
    if input_weight == "complement":
        values = (1.0 - decay) * values
    elif input_weight == "root":
        # Keeps the variance of the state.
        values = jnp.sqrt(1.0 - jnp.square(decay) + 1e-6) * values
    if loop == "associative":
        if h0 is not None:
            values = values.at[0].add(decay[0] * h0)

        def combine(left, right):
            a_left, b_left = left
            a_right, b_right = right
            return a_left * a_right, a_right * b_left + b_right

        _, h = lax.associative_scan(combine, (decay, values))
    else:

        def step(h, inputs):
            decay_t, value_t = inputs
            h = decay_t * h + value_t
            return h, h

        if h0 is None:
            h0 = jnp.zeros_like(x[0])
        _, h = lax.scan(step, h0, (decay, values))
    if w_out is not None:
        return h @ w_out
    return h


@family(
    "loop",
    xs="t d",
    mask="? t bool",
    decays="? d in 0.5..0.95",
    intervals="? t in 0.1..2",
    decay=(0.9, 0.8, 0.95, 0.5),
    debias=decided({False: 2, True: 1}),
    start=decided({"zeros": 1, "first": 2}),
    outputs=decided({"all": 4, "last": 1}),
    spelling=decided({"convex": 3, "difference": 2}),
    loop=decided({"scan": 4, "associative": 1, "fori": 1}),
    weight=6,
    sizes={"t": (5, 6, 8, 10, 12), "d": (2, 4, 5, 8)},
)
def ema(
    xs,
    mask=None,
    decays=None,
    intervals=None,
    *,
    decay=0.9,
    debias=False,
    start="first",
    outputs="all",
    spelling="convex",
    loop="scan",
):
    """Exponential moving average over time.

    Args:
        xs: Time series of shape `(time, series)`.
        mask: False where a measurement is missing; the average stays there.
        decays: Decay of each series per unit of time.
        intervals: Time since the measurement before.
        decay: Share of the average that is kept in each step.
    """
    if start == "first":
        x0 = xs[0]
    else:
        x0 = jnp.zeros_like(xs[0])
    if decays is not None:
        keep = decays
    else:
        keep = decay
    if intervals is not None:
        # The longer the interval, the less is kept.
        keeps = keep ** intervals[:, None]
        if mask is not None:
            keeps = jnp.where(mask[:, None], keeps, 1.0)

        def step(mean, inputs):
            keep_t, x_t = inputs
            mean = keep_t * mean + (1.0 - keep_t) * x_t
            return mean, mean

        _, means = lax.scan(step, x0, (keeps, xs))
    elif mask is not None:

        def step(mean, inputs):
            x_t, valid = inputs
            mean = jnp.where(valid, keep * mean + (1.0 - keep) * x_t, mean)
            return mean, mean

        _, means = lax.scan(step, x0, (xs, mask))
    elif loop == "associative":

        def combine(left, right):
            a_left, x_left = left
            a_right, x_right = right
            return a_left * a_right, a_right * x_left + x_right

        keeps = jnp.full_like(xs, keep)
        entering = (1.0 - keeps) * xs
        if start == "first":
            entering = entering.at[0].set(xs[0])
        _, means = lax.associative_scan(combine, (keeps, entering))
        if start == "zeros":
            if debias:
                # An average that starts at zero is too small at first.
                steps = jnp.arange(1, len(xs) + 1)[:, None]
                means = means / (1.0 - keep**steps)
    elif loop == "fori":

        def body(t, means):
            return means.at[t].set(keep * means[t - 1] + (1.0 - keep) * xs[t])

        if start == "first":
            means = xs
        else:
            means = xs.at[0].multiply(1.0 - keep)
        means = lax.fori_loop(1, len(xs), body, means)
    else:

        def step(mean, x_t):
            if spelling == "convex":
                mean = keep * mean + (1.0 - keep) * x_t
            else:
                mean = mean + (1.0 - keep) * (x_t - mean)
            return mean, mean

        _, means = lax.scan(step, x0, xs)
        if start == "zeros":
            if debias:
                # An average that starts at zero is too small at first.
                steps = jnp.arange(1, len(xs) + 1)[:, None]
                means = means / (1.0 - keep**steps)
    if outputs == "last":
        return means[-1]
    return means


@family(
    "loop",
    xs="t d",
    level0="? d",
    alphas="? d in 0.1..0.9",
    alpha=(0.3, 0.5, 0.2, 0.8),
    beta=(0.1, 0.3),
    phi=decided({None: 3, 0.9: 1, 0.98: 1}),
    form=decided({"convex": 3, "error": 2}),
    horizon=decided({None: 3, 3: 1, 4: 1}),
    weight=5,
    sizes={"t": (5, 6, 8, 10, 12), "d": (2, 4, 5, 8)},
)
def holt_smoothing(
    xs,
    level0=None,
    alphas=None,
    *,
    alpha=0.3,
    beta=0.1,
    phi=None,
    form="convex",
    horizon=None,
):
    """Holt's linear trend method (double exponential smoothing).

    Args:
        xs: Time series of shape `(time, series)`.
        level0: Initial level.
        alphas: Smoothing factor of the level of each series.
        alpha: Smoothing factor of the level.
        beta: Smoothing factor of the trend.
        phi: Damping of the trend.

    Returns:
        Forecasts, of each step from those before it or of the steps after the series.
    """
    if level0 is None:
        level0 = xs[0]
    if alphas is not None:
        alpha = alphas

    def step(carry, x_t):
        level, trend = carry
        if phi is not None:
            trend = phi * trend
        forecast = level + trend
        if form == "error":
            error = x_t - forecast
            level = forecast + alpha * error
            trend = trend + alpha * beta * error
        else:
            new_level = alpha * x_t + (1.0 - alpha) * forecast
            trend = beta * (new_level - level) + (1.0 - beta) * trend
            level = new_level
        return (level, trend), forecast

    init = (level0, xs[1] - xs[0])
    (level, trend), fitted = lax.scan(step, init, xs[1:])
    if horizon is not None:
        # Forecasts after the end of the series.
        steps = jnp.arange(1, horizon + 1)[:, None]
        if phi is not None:
            steps = jnp.cumsum(phi**steps, axis=0)
        return level + steps * trend
    return fitted


@family(
    "loop",
    xs="t d",
    mask="? t bool",
    mean0="? d",
    decay=(0.9, 0.95, 0.8),
    order=decided({"welford": 3, "moments": 2}),
    output=decided({"both": 3, "last": 1}),
    weight=4,
    sizes={"t": (5, 6, 8, 10, 12), "d": (2, 4, 5, 8)},
)
def ew_mean_variance(xs, mask=None, mean0=None, *, decay=0.9, order="welford", output="both"):
    """Exponentially weighted mean and variance over time.

    Args:
        xs: Time series of shape `(time, series)`.
        mask: False where a measurement is missing.
        mean0: Initial mean.
        decay: Share of the statistics that is kept in each step.
    """
    if mean0 is None:
        mean0 = xs[0]

    def update(carry, x_t):
        if order == "moments":
            mean, second = carry
            mean = decay * mean + (1.0 - decay) * x_t
            second = decay * second + (1.0 - decay) * jnp.square(x_t)
            return mean, second
        mean, var = carry
        delta = x_t - mean
        mean = mean + (1.0 - decay) * delta
        var = decay * (var + (1.0 - decay) * jnp.square(delta))
        return mean, var

    if order == "moments":
        init = (mean0, jnp.square(mean0))
    else:
        init = (mean0, jnp.zeros_like(mean0))
    if mask is not None:

        def step(carry, inputs):
            x_t, valid = inputs
            new = update(carry, x_t)
            carry = jax.tree.map(lambda n, o: jnp.where(valid, n, o), new, carry)
            return carry, carry

        last, stats = lax.scan(step, init, (xs, mask))
    else:

        def step(carry, x_t):
            carry = update(carry, x_t)
            return carry, carry

        last, stats = lax.scan(step, init, xs)
    if output == "last":
        mean, var = last
    else:
        mean, var = stats
    if order == "moments":
        var = var - jnp.square(mean)
    return mean, var


@family(
    "loop",
    q="t d",
    k="t d",
    v="t e",
    mask="? t bool",
    feature_map=decided({"elu": 4, "relu": 1, "softplus": 1, "exp": 1}),
    normalize=decided({True: 3, False: 1}),
    loop=decided({"scan": 3, "cumsum": 2, "parallel": 1}),
    with_state=decided({False: 4, True: 1}),
    sizes={"t": (4, 5, 6), "d": (4, 5), "e": (4, 5)},
)
def linear_attention(
    q,
    k,
    v,
    mask=None,
    *,
    feature_map="elu",
    normalize=True,
    loop="scan",
    with_state=False,
):
    """Causal linear attention: softmax is replaced by a positive feature map.

    Args:
        q: Queries of shape `(time, d)`.
        k: Keys of shape `(time, d)`.
        v: Values of shape `(time, e)`.
        mask: False for padding.
    """
    if feature_map == "relu":
        q = jax.nn.relu(q) + 1e-2
        k = jax.nn.relu(k) + 1e-2
    elif feature_map == "softplus":
        q = jax.nn.softplus(q)
        k = jax.nn.softplus(k)
    elif feature_map == "exp":
        q = jnp.exp(q - jnp.max(q, axis=-1, keepdims=True))
        k = jnp.exp(k - jnp.max(k))
    else:
        q = jax.nn.elu(q) + 1.0
        k = jax.nn.elu(k) + 1.0
    if mask is not None:
        k = jnp.where(mask[:, None], k, 0.0)
    if loop == "parallel":
        scores = jnp.tril(q @ k.T)
        out = scores @ v
    elif loop == "cumsum":
        states = jnp.cumsum(k[:, :, None] * v[:, None, :], axis=0)
        out = jnp.einsum("td,tde->te", q, states)
    else:

        def step(state, inputs):
            q_t, k_t, v_t = inputs
            state = state + jnp.outer(k_t, v_t)
            return state, q_t @ state

        state0 = jnp.zeros((k.shape[-1], v.shape[-1]), dtype=v.dtype)
        state, out = lax.scan(step, state0, (q, k, v))
    if normalize:
        total = jnp.sum(q * jnp.cumsum(k, axis=0), axis=-1, keepdims=True)
        out = out / (total + 1e-6)
    if with_state and loop == "scan":
        return out, state
    return out


@family(
    "loop",
    q="t d",
    k="t d",
    v="t e",
    decays="? t d in 0.5..1",
    gate="? t e",
    state0="? d e in -1..1",
    decay=decided({0.9: 2, 0.95: 1, 0.8: 1}),
    scale={True: 3, False: 1},
    loop=decided({"scan": 4, "parallel": 1}),
    norm={"none": 3, "rms": 2},
    with_state=decided({False: 4, True: 1}),
    sizes={"t": (4, 5, 6), "d": (4, 5), "e": (4, 5)},
    weight=6,
)
def retention(
    q,
    k,
    v,
    decays=None,
    gate=None,
    state0=None,
    *,
    decay=0.9,
    scale=True,
    loop="scan",
    norm="none",
    with_state=False,
):
    """Retention: linear attention in which earlier keys and values decay.

    Args:
        q: Queries of shape `(time, d)`.
        k: Keys of shape `(time, d)`.
        v: Values of shape `(time, e)`.
        decays: Data-dependent decays, as in gated linear attention.
        gate: Pre-activations of the output gate.
        state0: State after the sequence before.
    """
    if scale:
        q = q * q.shape[-1] ** -0.5
    if decays is not None:

        def step(state, inputs):
            q_t, k_t, v_t, decay_t = inputs
            state = decay_t[:, None] * state + jnp.outer(k_t, v_t)
            return state, q_t @ state

        if state0 is None:
            state0 = jnp.zeros((k.shape[-1], v.shape[-1]), dtype=v.dtype)
        state, out = lax.scan(step, state0, (q, k, v, decays))
    elif state0 is None and loop == "parallel":
        steps = jnp.arange(q.shape[0])
        lag = steps[:, None] - steps[None, :]
        decay_mask = jnp.where(lag >= 0, decay ** jnp.maximum(lag, 0), 0.0)
        out = (q @ k.T * decay_mask) @ v
    else:

        def step(state, inputs):
            q_t, k_t, v_t = inputs
            state = decay * state + jnp.outer(k_t, v_t)
            return state, q_t @ state

        if state0 is None:
            state0 = jnp.zeros((k.shape[-1], v.shape[-1]), dtype=v.dtype)
        state, out = lax.scan(step, state0, (q, k, v))
    if norm == "rms":
        out = out * jax.lax.rsqrt(jnp.mean(jnp.square(out), axis=-1, keepdims=True) + 1e-6)
    if gate is not None:
        out = out * jax.nn.silu(gate)
    if with_state and loop == "scan":
        return out, state
    return out


@family(
    "loop",
    q="t d",
    k="t d",
    v="t e",
    beta="t in -2..2",
    alpha="? t in 0.5..1",
    gate="? t e",
    state0="? d e in -1..1",
    feature_map={"none": 3, "silu": 2},
    norm={"none": 3, "rms": 2},
    form=decided({"error": 3, "householder": 1}),
    with_state=decided({False: 4, True: 1}),
    sizes={"t": (4, 5, 6), "d": (4, 5), "e": (4, 5)},
    weight=6,
)
def delta_rule(
    q,
    k,
    v,
    beta,
    alpha=None,
    gate=None,
    state0=None,
    *,
    feature_map="none",
    norm="none",
    form="error",
    with_state=False,
):
    """Linear attention with the delta rule (DeltaNet).

    Args:
        q: Queries of shape `(time, d)`.
        k: Keys of shape `(time, d)`.
        v: Values of shape `(time, e)`.
        beta: Logits of the writing strengths.
        alpha: Decay of the state, as in gated DeltaNet.
        gate: Pre-activations of the output gate.
        state0: State after the sequence before.
    """
    if feature_map == "silu":
        q = jax.nn.silu(q)
        k = jax.nn.silu(k)
    q = q / (jnp.linalg.norm(q, axis=-1, keepdims=True) + 1e-6)
    k = k / (jnp.linalg.norm(k, axis=-1, keepdims=True) + 1e-6)
    beta = jax.nn.sigmoid(beta)
    if state0 is None:
        state0 = jnp.zeros((k.shape[-1], v.shape[-1]), dtype=v.dtype)

    def step(state, inputs):
        if alpha is not None:
            q_t, k_t, v_t, beta_t, alpha_t = inputs
            state = alpha_t * state
        else:
            q_t, k_t, v_t, beta_t = inputs
        if form == "householder":
            state = state - beta_t * jnp.outer(k_t, k_t) @ state + beta_t * jnp.outer(k_t, v_t)
        else:
            # Write the difference between the value and what the key recalls.
            state = state + beta_t * jnp.outer(k_t, v_t - k_t @ state)
        return state, q_t @ state

    if alpha is not None:
        inputs = (q, k, v, beta, alpha)
    else:
        inputs = (q, k, v, beta)
    state, out = lax.scan(step, state0, inputs)
    if norm == "rms":
        out = out * jax.lax.rsqrt(jnp.mean(jnp.square(out), axis=-1, keepdims=True) + 1e-6)
    if gate is not None:
        out = out * jax.nn.silu(gate)
    if with_state:
        return out, state
    return out


@family(
    "loop",
    xs="t d",
    w_x="l d d in -0.7..0.7",
    w_h="l d d in -0.6..0.6",
    b="? l d",
    w_out="? d e in -0.8..0.8",
    num_layers=(Code("l"),),
    activation={Code("jnp.tanh"): 4, Code("jax.nn.relu"): 1},
    layout=decided({"layers": 3, "time": 2}),
    residual={False: 2, True: 1},
    norm={False: 3, True: 1},
    outputs=decided({"all": 3, "last": 2, "states": 1}),
    sizes={"t": (4, 5, 6), "d": (4, 5), "l": (2, 2, 3), "e": (2, 4)},
)
def stacked_rnn(
    xs,
    w_x,
    w_h,
    b=None,
    w_out=None,
    *,
    num_layers=2,
    activation=None,
    layout="layers",
    residual=False,
    norm=False,
    outputs="all",
):
    """Multi-layer (Elman) recurrent network.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Weights of each layer's inputs.
        w_h: Weights of each layer's state.
        b: Bias of each layer.
        w_out: Weights of the readout.
        num_layers: Number of layers.
    """

    def update(layer, h, x_t):
        pre = x_t @ w_x[layer] + h @ w_h[layer]
        if b is not None:
            pre = pre + b[layer]
        if norm:
            pre = layer_norm(pre)
        new_h = activation(pre)
        return new_h

    h0 = jnp.zeros_like(xs[0])
    if layout == "layers":
        # One scan for each layer.
        ys = xs
        if outputs == "states":
            states = []
        for layer in range(num_layers):

            def step(h, x_t, layer=layer):
                h = update(layer, h, x_t)
                return h, h

            if outputs == "states":
                last, hs = lax.scan(step, h0, ys)
                states.append(last)
            else:
                _, hs = lax.scan(step, h0, ys)
            if residual:
                ys = ys + hs
            else:
                ys = hs
    else:

        def step(carry, x_t):
            new_states = []
            for layer in range(num_layers):
                h = update(layer, carry[layer], x_t)
                new_states.append(h)
                if residual:
                    x_t = x_t + h
                else:
                    x_t = h
            return new_states, x_t

        if outputs == "states":
            states, ys = lax.scan(step, [h0] * num_layers, xs)
        else:
            _, ys = lax.scan(step, [h0] * num_layers, xs)
    if outputs == "last":
        ys = ys[-1]
    if w_out is not None:
        ys = ys @ w_out
    if outputs == "states":
        return ys, jnp.stack(states)
    return ys


@family(
    "loop",
    x0="d",
    w_h="e e in -0.6..0.6",
    w_x="d e in -0.8..0.8",
    w_out="e d in -0.8..0.8",
    b="? e",
    b_out="? d",
    h0="? e in -1..1",
    context="? e",
    num_steps=decided({4: 1, 5: 1, 6: 1, 8: 1}),
    output={"linear": 2, "delta": 2},
    outputs={"sequence": 3, "both": 1},
    sizes={"d": (4, 5, 6), "e": (4, 5, 6), "t": (4, 5, 6)},
    activation={Code("jnp.tanh"): 4, Code("jax.nn.relu"): 1},
)
def generate(
    x0,
    w_h,
    w_x,
    w_out,
    b=None,
    b_out=None,
    h0=None,
    context=None,
    *,
    num_steps=5,
    activation=None,
    output="linear",
    outputs="sequence",
):
    """Generates a sequence with a recurrent network, which is fed its own outputs.

    Args:
        x0: First input.
        w_h: Recurrent weights.
        w_x: Input weights.
        w_out: Output weights.
        b: Bias of the state.
        b_out: Bias of the output.
        h0: First state.
        context: Encoder context, which is added in each step.
        num_steps: Number of steps.
    """
    if h0 is None:
        h0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)

    def advance(h, x):
        pre = x @ w_x + h @ w_h
        if b is not None:
            pre = pre + b
        if context is not None:
            pre = pre + context
        h = activation(pre)
        y = h @ w_out
        if b_out is not None:
            y = y + b_out
        if output == "delta":
            # The network predicts the change of its input.
            y = x + y
        return h, y

    def step(carry, _):
        h, y = advance(*carry)
        return (h, y), y

    (h, _), ys = lax.scan(step, (h0, x0), None, length=num_steps)
    if outputs == "both":
        return ys, h
    return ys


@family(
    "loop",
    xs="t d",
    w_x="d e in -0.8..0.8",
    w_h="e e in -0.6..0.6",
    w_out="e f in -0.8..0.8",
    targets="t f",
    b="? e",
    b_out="? f",
    h0="? e in -1..1",
    mask="? t bool",
    activation={Code("jnp.tanh"): 4, Code("jax.nn.relu"): 1},
    loss=decided({"squared": 4, "huber": 2, "log_cosh": 1}),
    where=decided({"after": 3, "carry": 2}),
    sizes={"t": (4, 5, 6), "d": (4, 5), "e": (4, 5, 6), "f": (3, 4, 5)},
    weight=6,
)
def sequence_loss(
    xs,
    w_x,
    w_h,
    w_out,
    targets,
    b=None,
    b_out=None,
    h0=None,
    mask=None,
    *,
    activation=None,
    loss="squared",
    where="after",
):
    """Regression loss of a recurrent network that predicts a target in each step.

    Args:
        xs: Inputs of shape `(time, features)`.
        w_x: Input weights.
        w_h: Recurrent weights.
        w_out: Output weights.
        targets: Targets of shape `(time, outputs)`.
        b: Bias of the state.
        b_out: Bias of the output.
        h0: First state.
        mask: False for padding at the end.
    """
    if h0 is None:
        h0 = jnp.zeros(w_h.shape[0], dtype=w_h.dtype)

    def advance(h, x_t):
        pre = x_t @ w_x + h @ w_h
        if b is not None:
            pre = pre + b
        h = activation(pre)
        y = h @ w_out
        if b_out is not None:
            y = y + b_out
        return h, y

    def step_loss(y, target):
        error = y - target
        if loss == "log_cosh":
            return jnp.sum(jnp.logaddexp(error, -error) - jnp.log(2.0))
        if loss == "huber":
            size = jnp.abs(error)
            return jnp.sum(jnp.where(size < 1.0, 0.5 * jnp.square(error), size - 0.5))
        return jnp.sum(jnp.square(error))

    if where == "carry":

        def step(carry, inputs):
            h, total = carry
            x_t, target, weight = inputs
            h, y = advance(h, x_t)
            return (h, total + weight * step_loss(y, target)), None

        if mask is not None:
            weights = mask / jnp.maximum(jnp.sum(mask), 1)
        else:
            weights = jnp.full(len(xs), 1.0 / len(xs))
        (_, total), _ = lax.scan(step, (h0, 0.0), (xs, targets, weights))
        return total
    _, ys = lax.scan(advance, h0, xs)
    losses = jax.vmap(step_loss)(ys, targets)
    if mask is not None:
        return jnp.sum(jnp.where(mask, losses, 0.0)) / jnp.maximum(jnp.sum(mask), 1)
    return jnp.mean(losses)
