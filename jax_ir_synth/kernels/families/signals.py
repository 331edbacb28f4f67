"""Families: signals, their spectra, filters and effects."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
normalised: normalised 1, normalized 4, normalize 4
centred: centred 1, centered 4, remove_mean 2
demeaned: demeaned 2, remove_mean 2, centered 2
averaged: averaged 3, average 3
correlate_lags: correlate_lags 1, lag_correlations 3, correlation_lags 2
spectral_lags: spectral_lags 1, fft_correlation 4, fft_lags 1
low_pass_taps: low_pass_taps 2, lowpass_taps 3, sinc_taps 2, design_lowpass 3
to_decibels: to_decibels 3, amplitude_to_db 4, to_db 3
from_decibels: from_decibels 3, db_to_amplitude 4, from_db 3
signal: signal 8, x 5, audio 3, waveform 2, wav 1
taps: taps 5, kernel 3, coeffs 2, h 2, fir 1
frame_length: frame_length 6, frame_size 3, win_length 2, window_size 2
hop_length: hop_length 6, hop 3, hop_size 3, stride 1
frame_signal: frame_signal 5, frame 2, make_frames 2, extract_frames 2
slice_frames: slice_frames 4, split_frames 2, sliding_frames 2
frames: frames 8, segments 1, chunks 1
make_window: make_window 4, get_window 4, window_function 2, analysis_window 1
pre_emphasis: pre_emphasis 5, preemphasis 3, emphasize 2, preemph 1
spectrum: spectrum 6, spec 3, X 1, transformed 1
power: power 7, psd 2, periodogram 1
freqs: freqs 6, frequencies 3, f 1, w 1
gains: gains 4, response 4, transfer 1, mask 1
short_time_measure: short_time_measure 1, frame_features 4, short_time_features 4, frame_statistic 1
power_spectrum: power_spectrum 4, periodogram 3, compute_spectrum 3, spectrogram 1
spectral_filter: spectral_filter 4, fft_filter 4, filter_in_frequency 1, frequency_filter 3
analytic_signal: analytic_signal 4, hilbert 4, hilbert_transform 3
fir_filter: fir_filter 6, apply_fir 2, filter_signal 3, convolve_filter 1
filter_bank: filter_bank 4, filterbank 4, apply_filterbank 2, conv_bank 1
one_pole: one_pole 4, one_pole_filter 4, first_order_filter 2, recursive_filter 1
biquad: biquad 5, biquad_filter 4, iir_filter 3, second_order_section 1
envelope_follower: envelope_follower 5, follow_envelope 2, envelope 3, track_envelope 1
envelope: envelope 6, env 4, follower 1
attack: attack 8, attack_coef 2, alpha_attack 1
release: release 8, release_coef 2, alpha_release 1
compress: compress 4, compressor 4, dynamics_gain 1, apply_compression 2
echo: echo 4, delay_effect 3, apply_delay 3, delay_line 2
mix_delayed: mix_delayed 3, add_echo 3, comb 2
synthesise: synthesise 1, synthesize 4, additive_synth 4, render_partials 2, harmonic_synth 2
fm_tone: fm_tone 3, fm_synth 4, fm_oscillator 3, frequency_modulation 1
compand: compand 3, mu_law 4, companding 3
dct_matrix: dct_matrix 6, dct_basis 3, make_dct 1
cepstrum: cepstrum 3, dct_features 4, process_dct 2
mel_features: mel_features 4, mel_spectrogram 3, apply_mel_filters 2, filterbank_energies 2
triangular_filters: triangular_filters 4, mel_filters 3, make_filterbank 3, triangle_bank 1
autocorrelate: autocorrelate 3, autocorrelation 4, lagged_products 1
cross_correlate: cross_correlate 3, cross_correlation 4, xcorr 3
lag: lag 7, shift 2, k 1, tau 2
moving_statistic: moving_statistic 2, rolling_statistic 3, moving_average 3, sliding_statistic 1
resample: resample 5, resample_signal 2, interpolate_signal 2, stretch 1
detrend: detrend 6, remove_trend 3, detrend_signal 2
trend: trend 6, fit 2, baseline 2
carry: carry 4, state 6
delayed: delayed 6, shifted 2, lagged 1
threshold: threshold 8, thresh 2, threshold_db 2
"""


# ---------------------------------------------------------------- frames and spectra


def make_window(length=8, kind="hann"):
    """The weights of a window."""
    if kind == "hann":
        return jnp.hanning(length)
    if kind == "hamming":
        return jnp.hamming(length)
    if kind == "blackman":
        n = jnp.arange(length)
        phase = 2 * jnp.pi * n / (length - 1)
        return 0.42 - 0.5 * jnp.cos(phase) + 0.08 * jnp.cos(2 * phase)
    if kind == "periodic":
        n = jnp.arange(length)
        return 0.5 * (1 - jnp.cos(2 * jnp.pi * n / length))
    if kind == "gaussian":
        n = jnp.arange(length) - (length - 1) / 2
        return jnp.exp(-0.5 * jnp.square(n / (0.4 * (length - 1) / 2)))
    else:
        return jnp.sin(jnp.pi * (jnp.arange(length) + 0.5) / length)


def pre_emphasis(signal, coefficient=0.97):
    """Lifts the high frequencies of a signal."""
    return jnp.concatenate([signal[:1], signal[1:] - coefficient * signal[:-1]])


def frame_signal(signal, frame_length=8, hop_length=4):
    num_frames = 1 + (signal.shape[0] - frame_length) // hop_length
    starts = hop_length * jnp.arange(num_frames)
    index = starts[:, None] + jnp.arange(frame_length)[None, :]
    return signal[index]


def slice_frames(signal, frame_length=8, hop_length=4):
    last = signal.shape[0] - frame_length
    return jnp.stack([signal[i : i + frame_length] for i in range(0, last + 1, hop_length)])


@family(
    "reduction",
    signal="t",
    emphasis={None: 2, 0.97: 1, 0.95: 1},
    framing=(Code("frame_signal"), Code("slice_frames")),
    frame_length=(4, 6, 8),
    hop_length=(2, 3, 4),
    centred={False: 2, True: 1},
    window={None: 2, "hann": 2, "hamming": 2, "blackman": 1, "sine": 1},
    measure={"energy": 3, "rms": 2, "log": 2, "magnitude": 1, "crossings": 2, "peak": 1},
    relative={False: 3, True: 1},
    sizes={"t": (16, 20, 24, 32, 40)},
)
def short_time_measure(
    signal,
    *,
    emphasis=None,
    framing=None,
    frame_length=8,
    hop_length=4,
    centred=False,
    window=None,
    measure="energy",
    relative=False,
):
    """Describes each frame of a signal by one number.

    Args:
        signal: samples over time.
        frame_length: samples of a frame.
        hop_length: samples from the start of a frame to that of the next one.

    Returns:
        One value for each frame.
    """
    if emphasis is not None:
        signal = pre_emphasis(signal, emphasis)
    frames = framing(signal, frame_length, hop_length)
    if centred:
        frames = frames - jnp.mean(frames, axis=-1, keepdims=True)
    if window is not None:
        frames = frames * make_window(frame_length, window)
    if measure == "energy":
        values = jnp.sum(jnp.square(frames), axis=-1)
    elif measure == "rms":
        values = jnp.sqrt(jnp.mean(jnp.square(frames), axis=-1) + 1e-8)
    elif measure == "log":
        values = jnp.log(jnp.sum(jnp.square(frames), axis=-1) + 1e-3)
    elif measure == "magnitude":
        values = jnp.mean(jnp.abs(frames), axis=-1)
    elif measure == "crossings":
        # A soft sign makes the number of zero crossings differentiable.
        signs = jnp.tanh(4.0 * frames)
        values = 0.5 * jnp.sum(jnp.abs(signs[:, 1:] - signs[:, :-1]), axis=-1)
    else:
        values = jnp.max(jnp.abs(frames), axis=-1)
    if relative:
        # Relative to the loudest frame.
        if measure == "log":
            values = values - jnp.max(values)
        else:
            values = values / (jnp.max(values) + 1e-3)
    return values


@family(
    "unary",
    "reduction",
    signal="t",
    demeaned={False: 2, True: 1},
    emphasis={None: 4, 0.97: 1},
    framed={False: 2, True: 1},
    frame_length=(8, 10, 12),
    hop_length=(4, 5, 6),
    window={None: 1, "hann": 2, "hamming": 2, "blackman": 1, "periodic": 1, "gaussian": 1},
    scaling={"power": 3, "magnitude": 2, "log": 2, "decibels": 2, "density": 2},
    averaged=(False, True),
    one_sided={False: 2, True: 1},
    sizes={"t": (16, 20, 24, 32)},
    only="float32",
)
def power_spectrum(
    signal,
    *,
    demeaned=False,
    emphasis=None,
    framed=False,
    frame_length=8,
    hop_length=4,
    window="hann",
    scaling="power",
    averaged=True,
    one_sided=False,
):
    """Computes the spectrum of a real signal by the fast Fourier transform."""
    if demeaned:
        signal = signal - jnp.mean(signal)
    if emphasis is not None:
        signal = pre_emphasis(signal, emphasis)
    if framed:
        signal = frame_signal(signal, frame_length, hop_length)
    if window is not None:
        signal = signal * make_window(signal.shape[-1], window)
    spectrum = jnp.fft.rfft(signal)
    if scaling == "magnitude":
        power = jnp.abs(spectrum)
    elif scaling == "density":
        power = jnp.real(spectrum * jnp.conj(spectrum)) / signal.shape[-1]
    else:
        power = jnp.square(jnp.abs(spectrum))
    if one_sided:
        # All bins but the first stand for two frequencies.
        power = power.at[..., 1:].multiply(2.0)
    if framed:
        if averaged:
            power = jnp.mean(power, axis=0)
    if scaling == "log":
        power = jnp.log(power + 1e-3)
    elif scaling == "decibels":
        power = 10.0 * jnp.log10(jnp.maximum(power, 1e-4))
    return power


@family(
    "unary",
    "elementwise",
    "reduction",
    "contraction",
    signal="2*k",
    gains="? k+1 in 0.2..1.5",
    shape={None: 1, "gaussian": 2, "butterworth": 2, "ideal": 1, "cosine": 1},
    cutoff=(0.1, 0.15, 0.2, 0.25),
    order=(1, 2, 3),
    high_pass={False: 5, True: 1},
    advance={None: 3, 1.5: 1, 0.5: 1},
    residual={False: 5, True: 1},
    demeaned={False: 4, True: 1},
    output={"filtered": 2, "power": 2, "magnitude": 1, "soft": 1, "energy": 1},
    sizes={"k": (4, 5, 6, 8, 10, 12, 16)},
    only="float32",
)
def spectral_filter(
    signal,
    gains=None,
    *,
    shape="gaussian",
    cutoff=0.2,
    order=2,
    high_pass=False,
    advance=None,
    residual=False,
    demeaned=False,
    output="filtered",
):
    """Filters a signal by weights on its Fourier coefficients."""
    n = signal.shape[-1]
    if demeaned:
        mean = jnp.mean(signal)
        signal = signal - mean
    spectrum = jnp.fft.rfft(signal)
    freqs = jnp.arange(n // 2 + 1) / n
    if shape is not None:
        if shape == "gaussian":
            passed = jnp.exp(-0.5 * jnp.square(freqs / cutoff))
        elif shape == "butterworth":
            passed = 1.0 / jnp.sqrt(1.0 + (freqs / cutoff) ** (2 * order))
        elif shape == "ideal":
            passed = (freqs <= cutoff).astype(signal.dtype)
        else:
            passed = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(freqs / (2 * cutoff), 0.0, 1.0)))
        if high_pass:
            passed = 1.0 - passed
        spectrum = spectrum * passed
    if gains is not None:
        spectrum = spectrum * gains
    if advance is not None:
        # A shift in time turns the phase of each coefficient.
        spectrum = spectrum * jnp.exp(2j * jnp.pi * freqs * advance)
    filtered = jnp.fft.irfft(spectrum, n=n)
    if residual:
        filtered = signal - filtered
    if demeaned:
        filtered = filtered + mean
    if output == "power":
        return jnp.square(filtered)
    elif output == "magnitude":
        return jnp.abs(filtered)
    elif output == "soft":
        return jnp.tanh(filtered)
    elif output == "energy":
        return jnp.vdot(filtered, filtered) / n
    else:
        return filtered


@family(
    "unary",
    "multi_statement",
    "contraction",
    signal="2*k",
    demeaned={False: 2, True: 1},
    window={None: 3, "hann": 1, "hamming": 1, "sine": 1},
    band={None: 2, "low": 1, "high": 1, "gaussian": 1},
    centre=(0.15, 0.2, 0.25),
    result={"envelope": 3, "squared": 1, "log": 1, "both": 2, "quadrature": 1, "frequency": 1},
    smoothed={None: 3, 3: 1, 5: 1},
    weight=5,
    sizes={"k": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def analytic_signal(
    signal,
    *,
    demeaned=False,
    window=None,
    band=None,
    centre=0.2,
    result="envelope",
    smoothed=None,
):
    """Finds the analytic signal, which has no negative frequencies, and what it tells."""
    n = signal.shape[0]
    if demeaned:
        signal = signal - jnp.mean(signal)
    if window is not None:
        signal = signal * make_window(n, window)
    spectrum = jnp.fft.fft(signal)
    weights = jnp.zeros(n).at[0].set(1.0).at[n // 2].set(1.0).at[1 : n // 2].set(2.0)
    if band == "gaussian":
        freqs = jnp.arange(n) / n
        weights = weights * jnp.exp(-0.5 * jnp.square((freqs - centre) / 0.1))
    elif band == "low":
        weights = weights * (jnp.arange(n) <= centre * n)
    elif band == "high":
        weights = weights * (jnp.arange(n) > centre * n)
    analytic = jnp.fft.ifft(spectrum * weights)
    if result == "quadrature":
        return jnp.square(analytic.imag)
    if result == "frequency":
        # The phase advances from a sample to the next one by the instantaneous frequency.
        product = analytic[1:] * jnp.conj(analytic[:-1])
        return jnp.arctan2(product.imag, product.real) / (2 * jnp.pi)
    if result == "squared":
        return jnp.square(analytic.real) + jnp.square(analytic.imag)
    envelope = jnp.abs(analytic)
    if smoothed is not None:
        envelope = jnp.convolve(envelope, jnp.ones(smoothed) / smoothed, mode="same")
    if result == "both":
        return envelope, jnp.arctan2(analytic.imag, analytic.real)
    if result == "log":
        return jnp.log(envelope + 1e-2)
    else:
        return envelope


# ---------------------------------------------------------------- filters


def low_pass_taps(num_taps=5, bandwidth=0.4, window="hamming"):
    """The taps of an ideal low-pass filter, cut by a window."""
    window = make_window(num_taps, window)
    n = jnp.arange(window.shape[0]) - window.shape[0] // 2
    taps = jnp.sinc(bandwidth * n) * window
    return taps / jnp.sum(taps)


@family(
    "contraction",
    "reduction",
    signal="t",
    taps="? k",
    gain="? in 0.5..2",
    mode={"same": 3, "full": 1, "valid": 2, "causal": 2},
    normalised={False: 2, True: 1},
    num_taps=(5, 7),
    bandwidth=(0.2, 0.4, 0.6),
    window={"hamming": 2, "hann": 1, "blackman": 1},
    emphasis={None: 4, 0.97: 1, 0.9: 1},
    zero_phase={False: 4, True: 1},
    stride={1: 4, 2: 1},
    output={"filtered": 4, "power": 1, "magnitude": 1, "soft": 1},
    sizes={"t": (8, 10, 12, 16, 20, 24, 32), "k": (2, 4, 5, 6)},
)
def fir_filter(
    signal,
    taps=None,
    gain=None,
    *,
    mode="same",
    normalised=False,
    num_taps=5,
    bandwidth=0.4,
    window="hamming",
    emphasis=None,
    zero_phase=False,
    stride=1,
    output="filtered",
):
    """Filters a signal by a convolution with some taps.

    Args:
        signal: samples over time.
        taps: the response of the filter to an impulse.
        gain: a factor of the result.

    Returns:
        The filtered signal, or what was asked for of it.
    """
    if taps is None:
        taps = low_pass_taps(num_taps, bandwidth, window)
    elif normalised:
        taps = taps / (jnp.sum(jnp.abs(taps)) + 1e-6)
    if emphasis is not None:
        signal = pre_emphasis(signal, emphasis)
    if mode == "causal":
        filtered = jnp.convolve(signal, taps, mode="full")[: signal.shape[0]]
    else:
        filtered = jnp.convolve(signal, taps, mode=mode)
    if zero_phase:
        # The same filter backwards undoes the delay.
        filtered = jnp.convolve(filtered, taps[::-1], mode="same")
    if stride > 1:
        filtered = filtered[::stride]
    if gain is not None:
        filtered = gain * filtered
    if output == "power":
        filtered = jnp.square(filtered)
    elif output == "magnitude":
        filtered = jnp.abs(filtered)
    elif output == "soft":
        # Soft clipping.
        filtered = jnp.tanh(filtered)
    return filtered


@family(
    "contraction",
    "reduction",
    signals="b t",
    filters="c k in -1..1",
    bias="? c",
    padding={None: 2, "same": 2, "causal": 2, "circular": 1},
    stride={1: 3, 2: 2},
    centred={False: 3, True: 1},
    normalised={False: 3, True: 1},
    rectify={None: 2, "relu": 1, "square": 1, "abs": 1, "log": 1},
    pooled={None: 3, "mean": 2, "max": 1, "energy": 1},
    across={None: 3, "softmax": 1, "norm": 1},
    sizes={"b": (1, 2, 2, 3), "t": (10, 12, 16, 20), "c": (2, 4, 5), "k": (2, 4, 5)},
)
def filter_bank(
    signals,
    filters,
    bias=None,
    *,
    padding=None,
    stride=1,
    centred=False,
    normalised=False,
    rectify=None,
    pooled=None,
    across=None,
):
    """Filters signals by each filter of a bank.

    Args:
        signals: one signal in each row.
        filters: the taps of one filter in each row.
        bias: a number added to the output of each filter.

    Returns:
        The outputs of the filters, for each signal.
    """
    width = filters.shape[-1]
    if centred:
        filters = filters - jnp.mean(filters, axis=-1, keepdims=True)
    if normalised:
        filters = filters / jnp.sqrt(jnp.sum(jnp.square(filters), axis=-1, keepdims=True) + 1e-6)
    if padding == "same":
        signals = jnp.pad(signals, ((0, 0), ((width - 1) // 2, width // 2)))
    elif padding == "causal":
        signals = jnp.pad(signals, ((0, 0), (width - 1, 0)))
    elif padding == "circular":
        signals = jnp.concatenate([signals, signals[:, : width - 1]], axis=1)
    starts = jnp.arange(signals.shape[1] - width + 1)
    windows = signals[:, starts[:, None] + jnp.arange(width)]
    if stride > 1:
        windows = windows[:, ::stride]
    out = jnp.einsum("btk,ck->bct", windows, filters)
    if bias is not None:
        out = out + bias[:, None]
    if rectify == "relu":
        out = jax.nn.relu(out)
    elif rectify == "square":
        out = jnp.square(out)
    elif rectify == "abs":
        out = jnp.abs(out)
    elif rectify == "log":
        out = jnp.log1p(jnp.abs(out))
    if across == "softmax":
        # The filters compete for each sample.
        out = out * jax.nn.softmax(out, axis=1)
    elif across == "norm":
        out = out / jnp.sqrt(1.0 + jnp.sum(jnp.square(out), axis=1, keepdims=True))
    if pooled == "mean":
        out = jnp.mean(out, axis=-1)
    elif pooled == "max":
        out = jnp.max(out, axis=-1)
    elif pooled == "energy":
        out = jnp.sum(jnp.square(out), axis=-1)
    return out


@family(
    "loop",
    signal="t",
    coefficient="? in 0.1..0.8",
    start="? in -1..1",
    kind={"smooth": 3, "leaky": 2, "high_pass": 2, "all_pass": 1, "dc_blocker": 1},
    alpha=(0.1, 0.2, 0.3, 0.5),
    backward={False: 3, True: 1},
    rectified={False: 3, True: 1},
    gain={None: 3, 0.5: 1, 2.0: 1},
    sizes={"t": (6, 8, 10, 12, 16)},
)
def one_pole(
    signal,
    coefficient=None,
    start=None,
    *,
    kind="smooth",
    alpha=0.2,
    backward=False,
    rectified=False,
    gain=None,
):
    """Filters a signal by a recursion of first order."""
    if coefficient is None:
        coefficient = alpha
    if start is None:
        start = jnp.zeros((), signal.dtype)
    if rectified:
        signal = jnp.abs(signal)
    if kind == "smooth":

        def step(y, x):
            y = y + coefficient * (x - y)
            return y, y

    elif kind == "leaky":

        def step(y, x):
            y = (1.0 - coefficient) * y + x
            return y, y

    elif kind == "high_pass":

        def step(low, x):
            low = low + coefficient * (x - low)
            return low, x - low

    elif kind == "all_pass":

        def step(carry, x):
            x_last, y_last = carry
            y = coefficient * x + x_last - coefficient * y_last
            return (x, y), y

        start = (start, jnp.zeros_like(start))
    else:

        def step(carry, x):
            x_last, y_last = carry
            y = x - x_last + (1.0 - coefficient) * y_last
            return (x, y), y

        start = (start, jnp.zeros_like(start))
    _, out = lax.scan(step, start, signal)
    if backward:
        # A second pass back in time takes away the delay of the first one.
        _, out = lax.scan(step, start, out, reverse=True)
    if gain is not None:
        out = gain * out
    return out


@family(
    "vector",
    signal="t",
    b="3 in -1..1",
    a="2 in -0.5..0.5",
    start="? 2 in -1..1",
    form={"transposed": 3, "direct": 2, "canonical": 2},
    cascaded={False: 4, True: 1},
    zero_phase={False: 4, True: 1},
    output={"filtered": 4, "power": 1, "magnitude": 1, "residual": 1},
    gain={None: 3, 0.5: 1, 2.0: 1},
    sizes={"t": (6, 8, 10, 12, 14)},
)
def biquad(
    signal,
    b,
    a,
    start=None,
    *,
    form="transposed",
    cascaded=False,
    zero_phase=False,
    output="filtered",
    gain=None,
):
    """Filters a signal by a recursive filter of second order.

    Args:
        signal: samples over time.
        b: the coefficients of the inputs.
        a: the coefficients of the earlier outputs.
        start: the state of the filter before the first sample.

    Returns:
        The filtered signal, or what was asked for of it.
    """
    b0, b1, b2 = b
    a1, a2 = a
    if start is None:
        state = (jnp.zeros_like(b0), jnp.zeros_like(b0))
    else:
        state = (start[0], start[1])
    if form == "transposed":

        def step(state, x):
            s1, s2 = state
            y = b0 * x + s1
            return (b1 * x - a1 * y + s2, b2 * x - a2 * y), y

    elif form == "canonical":

        def step(state, x):
            w1, w2 = state
            w0 = x - a1 * w1 - a2 * w2
            return (w0, w1), b0 * w0 + b1 * w1 + b2 * w2

    else:
        # The last two inputs, and the last two outputs.
        state = (jnp.zeros_like(b0), jnp.zeros_like(b0), *state)

        def step(state, x):
            x1, x2, y1, y2 = state
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            return (x, x1, y, y1), y

    _, out = lax.scan(step, state, signal)
    if cascaded:
        # The second section has the same coefficients.
        _, out = lax.scan(step, state, out)
    if zero_phase:
        _, out = lax.scan(step, state, out, reverse=True)
    if gain is not None:
        out = gain * out
    if output == "power":
        out = jnp.square(out)
    elif output == "magnitude":
        out = jnp.abs(out)
    elif output == "residual":
        out = signal - out
    return out


@family(
    "loop",
    "reduction",
    "contraction",
    signal="t",
    kind={"cumulative": 2, "convolved": 3, "windowed": 3, "exponential": 2, "running": 1},
    width=(3, 4, 5),
    measure={"mean": 4, "rms": 1, "deviation": 1, "score": 2, "residual": 2, "ratio": 1},
    rate=(0.1, 0.2, 0.5),
    demeaned={False: 4, True: 1},
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def moving_statistic(
    signal,
    *,
    kind="convolved",
    width=3,
    measure="mean",
    rate=0.2,
    demeaned=False,
):
    """Compares a signal with its average over the last samples, or returns such an average."""
    if demeaned:
        signal = signal - jnp.mean(signal)

    def average(x):
        if kind == "cumulative":
            total = jnp.cumsum(jnp.concatenate([jnp.zeros(1, x.dtype), x]))
            return (total[width:] - total[:-width]) / width
        if kind == "convolved":
            return jnp.convolve(x, jnp.ones(width, x.dtype) / width, mode="same")
        if kind == "windowed":
            total = lax.reduce_window(x, 0.0, lax.add, (width,), (1,), "VALID")
            return total / width
        if kind == "exponential":

            def step(mean, value):
                mean = mean + rate * (value - mean)
                return mean, mean

            _, means = lax.scan(step, x[0], x)
            return means
        else:
            return jnp.cumsum(x) / jnp.arange(1, x.shape[0] + 1)

    mean = average(signal)
    if measure == "mean":
        return mean
    if measure == "rms":
        return jnp.sqrt(average(jnp.square(signal)) + 1e-6)
    # The average of a window may have fewer samples: those of the last samples are kept.
    last = signal[-mean.shape[0] :]
    if measure == "residual":
        return last - mean
    if measure == "ratio":
        return last / (jnp.abs(mean) + 0.1)
    variance = average(jnp.square(signal)) - jnp.square(mean)
    deviation = jnp.sqrt(jnp.maximum(variance, 0.0) + 1e-2)
    if measure == "deviation":
        return deviation
    else:
        return (last - mean) / deviation


# ---------------------------------------------------------------- dynamics and effects


@family(
    "loop",
    signal="t",
    attack="? in 0.3..0.8",
    release="? in 0.02..0.2",
    fast=(0.3, 0.5, 0.7),
    slow=(0.05, 0.1, 0.2),
    detector={"peak": 3, "power": 2, "log": 1},
    smoothing={"branching": 3, "decoupled": 2, "single": 1},
    result={"envelope": 3, "normalised": 2, "gate": 1, "ducked": 1, "root": 1},
    channels={False: 3, True: 1},
    sizes={"t": (6, 8, 10, 12, 16)},
)
def envelope_follower(
    signal,
    attack=None,
    release=None,
    *,
    fast=0.5,
    slow=0.1,
    detector="peak",
    smoothing="branching",
    result="envelope",
    channels=False,
):
    """Follows the level of a signal, fast where it rises and slowly where it falls."""
    if attack is None:
        attack = fast
    if release is None:
        release = slow
    if channels:
        # The two halves are the channels of a stereo signal.
        signal = signal.reshape(2, -1).T
    if detector == "peak":
        level = jnp.abs(signal)
    elif detector == "power":
        level = jnp.square(signal)
    else:
        level = jnp.log1p(10.0 * jnp.abs(signal))

    def follow(envelope, x):
        if smoothing == "branching":
            rate = jnp.where(x > envelope, attack, release)
            envelope = envelope + rate * (x - envelope)
            return envelope, envelope
        if smoothing == "decoupled":
            held, smoothed = envelope
            held = jnp.maximum(x, (1.0 - release) * held)
            smoothed = smoothed + attack * (held - smoothed)
            return (held, smoothed), smoothed
        else:
            envelope = jnp.maximum(attack * x, (1.0 - release) * envelope)
            return envelope, envelope

    silence = jnp.zeros_like(level[0])
    if smoothing == "decoupled":
        _, envelope = lax.scan(follow, (silence, silence), level)
    else:
        _, envelope = lax.scan(follow, silence, level)
    if result == "normalised":
        return signal / (envelope + 0.2)
    if result == "gate":
        return signal * jax.nn.sigmoid(10.0 * (envelope - 0.3))
    if result == "ducked":
        return signal / (1.0 + envelope)
    if result == "root":
        return jnp.sqrt(envelope + 1e-3)
    else:
        return envelope


def to_decibels(x, floor=1e-3):
    return 20.0 * jnp.log10(jnp.maximum(jnp.abs(x), floor))


def from_decibels(level):
    return 10.0 ** (level / 20.0)


def soft_knee(over, width=6.0):
    """How far a level is beyond the threshold, with a parabola around it."""
    inside = jnp.square(over + width / 2) / (2 * width)
    return jnp.where(jnp.abs(over) <= width / 2, inside, jnp.maximum(over, 0.0))


@family(
    "scalar_array",
    "branch",
    "multi_statement",
    "contraction",
    "unary",
    "elementwise",
    signal="... t",
    threshold="? in -24..-10",
    side_chain="? ... t",
    makeup="? in 0..6",
    limit=(-20.0, -15.0, -12.0),
    slope=(0.5, 0.75, 0.9),
    mode={"compress": 4, "limit": 1, "expand": 1, "upward": 1},
    knee={None: 2, "quadratic": 2, "softplus": 1},
    mix={None: 3, 0.5: 1, 0.7: 1},
    output={"signal": 4, "gain": 2, "decibels": 1, "both": 1},
    linked={False: 4, True: 1},
    only="float32",
    sizes={"t": (6, 8, 10, 12, 16, 20, 24)},
)
def compress(
    signal,
    threshold=None,
    side_chain=None,
    makeup=None,
    *,
    limit=-12.0,
    slope=0.75,
    mode="compress",
    knee=None,
    mix=None,
    output="signal",
    linked=False,
):
    """Changes the dynamics of a signal by a gain that depends on its level.

    Args:
        signal: samples, time last.
        threshold: the level in decibels from which the gain changes.
        side_chain: a signal whose level is used instead.
        makeup: a gain in decibels of the result.
    """
    if threshold is None:
        threshold = limit
    if side_chain is None:
        level = to_decibels(signal)
    else:
        level = to_decibels(side_chain)
    if linked:
        level = jnp.mean(level, axis=-1, keepdims=True)
    over = level - threshold
    if mode == "expand" or mode == "upward":
        over = -over
    if knee == "quadratic":
        excess = soft_knee(over)
    elif knee == "softplus":
        excess = jax.nn.softplus(over)
    else:
        excess = jnp.maximum(over, 0.0)
    if mode == "compress":
        gain = -slope * excess
    elif mode == "limit":
        gain = -excess
    elif mode == "upward":
        gain = slope * excess
    else:
        # The expander stops at 40 decibels.
        gain = jnp.maximum(-2.0 * excess, -40.0)
    if makeup is not None:
        gain = gain + makeup
    if output == "decibels" and side_chain is None:
        return gain
    factor = from_decibels(gain)
    if output == "gain" and side_chain is None:
        return factor
    out = signal * factor
    if mix is not None:
        out = mix * out + (1.0 - mix) * signal
    if output == "both":
        return out, gain
    else:
        return out


def mix_delayed(signal, lag=1, gain=0.5):
    """Adds an echo to a signal."""
    return signal + gain * jnp.pad(signal[:-lag], (lag, 0))


@family(
    "unary",
    "scalar_array",
    "loop",
    signal="t",
    gain="? in 0.2..0.8",
    kind={
        "echo": 3,
        "series": 2,
        "taps": 3,
        "feedback": 3,
        "all_pass": 2,
        "modulated": 3,
        "reverse": 1,
    },
    lag=(1, 2),
    amount=(0.3, 0.5, 0.7),
    depth=(0.5, 1.0, 1.5),
    rate=(0.1, 0.15, 0.2),
    stages={2: 2, 3: 1},
    dry={False: 3, True: 1},
    limited={False: 3, True: 1},
    high_passed={False: 4, True: 1},
    sizes={"t": (8, 10, 12, 14)},
)
def echo(
    signal,
    gain=None,
    *,
    kind="echo",
    lag=2,
    amount=0.5,
    depth=1.0,
    rate=0.1,
    stages=2,
    dry=False,
    limited=False,
    high_passed=False,
):
    """Mixes a signal with delayed copies of itself."""
    n = signal.shape[0]
    if gain is None:
        gain = amount
    if high_passed:
        signal = jnp.concatenate([signal[:1], jnp.diff(signal)])
    if kind == "taps":
        out = signal
        for i in range(1, stages + 2):
            out = out + gain**i * jnp.pad(signal[: n - i * lag], (i * lag, 0))
    elif kind == "feedback":

        def step(delay_line, x):
            y = x + gain * delay_line[-1]
            return jnp.concatenate([y[None], delay_line[:-1]]), y

        _, out = lax.scan(step, jnp.zeros(lag, signal.dtype), signal)
    elif kind == "all_pass":

        def body(i, out):
            return out.at[i + lag].set(signal[i] + gain * (out[i] - signal[i + lag]))

        out = lax.fori_loop(0, n - lag, body, -gain * signal)
    elif kind == "modulated":
        # The delay follows a slow oscillator, and samples between two others are interpolated.
        time = jnp.arange(n)
        delay = lag + depth * (1.0 + jnp.sin(2 * jnp.pi * rate * time)) / 2
        position = jnp.clip(time - delay, 0.0, n - 1.0)
        left = jnp.floor(position).astype(int)
        right = jnp.minimum(left + 1, n - 1)
        fraction = position - left
        delayed = (1 - fraction) * signal[left] + fraction * signal[right]
        out = signal + gain * delayed
    elif kind == "reverse":
        out = signal + gain * jnp.flip(signal)
    elif kind == "series":
        out = signal
        for i in range(stages):
            out = mix_delayed(out, lag + i, gain)
    else:
        out = mix_delayed(signal, lag, gain)
    if limited:
        out = jnp.tanh(out)
    if dry:
        out = 0.5 * (signal + out)
    return out


# ---------------------------------------------------------------- synthesis and codes


def fade(num_samples=16, kind="linear", length=4):
    """A rise at the beginning of a note and a fall at its end."""
    position = jnp.arange(num_samples) + 0.5
    ramp = jnp.minimum(position, num_samples - position) / length
    ramp = jnp.clip(ramp, 0.0, 1.0)
    if kind == "cosine":
        return 0.5 - 0.5 * jnp.cos(jnp.pi * ramp)
    else:
        return ramp


@family(
    "contraction",
    freqs="k in 0.02..0.25",
    amplitudes="k in 0.2..1",
    phases="? k in -3..3",
    decays="? k in 0.01..0.2",
    num_samples=(8, 12, 16, 20, 24),
    wave={"sine": 4, "cosine": 2, "triangle": 1, "saw": 1, "square": 1},
    vibrato={None: 3, 0.02: 1, 0.05: 1},
    band_limited={False: 2, True: 1},
    faded={None: 3, "linear": 1, "cosine": 1},
    normalised={None: 3, "sum": 1, "power": 1},
    drive={None: 3, 1.5: 1, 3.0: 1},
    sizes={"k": (2, 4, 5, 6)},
)
def synthesise(
    freqs,
    amplitudes,
    phases=None,
    decays=None,
    *,
    num_samples=16,
    wave="sine",
    vibrato=None,
    band_limited=False,
    faded=None,
    normalised=None,
    drive=None,
):
    """Makes a tone as a sum of oscillators.

    Args:
        freqs: cycles per sample of each oscillator.
        amplitudes: how loud each is.
        phases: where each begins, in radians.
        decays: how fast each decays.

    Returns:
        The samples of the tone.
    """
    time = jnp.arange(num_samples)
    if band_limited:
        # Partials above half the sampling rate would be heard as others.
        amplitudes = amplitudes * jax.nn.sigmoid(100.0 * (0.2 - freqs))
    if normalised == "sum":
        amplitudes = amplitudes / jnp.sum(amplitudes)
    elif normalised == "power":
        amplitudes = amplitudes / jnp.linalg.norm(amplitudes)
    phase = 2 * jnp.pi * freqs * time[:, None]
    if phases is not None:
        phase = phase + phases
    if vibrato is not None:
        phase = phase + vibrato * jnp.sin(2 * jnp.pi * 0.07 * time)[:, None] * freqs / 0.01
    if wave == "sine":
        oscillators = jnp.sin(phase)
    elif wave == "cosine":
        oscillators = jnp.cos(phase)
    elif wave == "triangle":
        oscillators = 2.0 / jnp.pi * jnp.arcsin(0.99 * jnp.sin(phase))
    elif wave == "saw":
        cycles = phase / (2 * jnp.pi)
        oscillators = 2.0 * (cycles - jnp.floor(cycles)) - 1.0
    else:
        # A square wave with soft edges.
        oscillators = jnp.tanh(5.0 * jnp.sin(phase))
    if decays is not None:
        oscillators = oscillators * jnp.exp(-decays * time[:, None])
    tone = oscillators @ amplitudes
    if drive is not None:
        tone = jnp.tanh(drive * tone)
    if faded is not None:
        tone = tone * fade(num_samples, faded)
    return tone


@family(
    "scalar_array",
    "multi_statement",
    "loop",
    carrier="in 0.03..0.2",
    modulator="in 0.02..0.2",
    index="? in 0.5..3",
    envelope="? t in 0.2..1",
    feedback={None: 3, 0.3: 1, 0.5: 1},
    depth=(1.0, 1.5, 2.0),
    num_samples=(Code("t"),),
    ratio={None: 3, 2.0: 1, 3.0: 1},
    amplitude={None: 3, "decay": 2, "fade": 1, "tremolo": 1},
    mode={"phase": 3, "ring": 1, "frequency": 1, "amplitude": 1},
    stereo={False: 4, True: 1},
    index_decay={None: 2, 0.05: 1, 0.1: 1},
    sizes={"t": (8, 10, 12, 16, 20, 24)},
    only="float32",
)
def fm_tone(
    carrier,
    modulator,
    index=None,
    envelope=None,
    *,
    feedback=None,
    depth=1.5,
    num_samples=16,
    ratio=None,
    amplitude=None,
    mode="phase",
    stereo=False,
    index_decay=None,
):
    """Makes a tone whose oscillator is modulated by another one."""
    time = jnp.arange(num_samples)
    if index is None:
        index = depth
    if index_decay is not None:
        index = index * jnp.exp(-index_decay * time)
    angle = 2 * jnp.pi * modulator * time
    modulation = jnp.sin(angle)
    if feedback is not None:
        modulation = jnp.sin(angle + feedback * modulation)
    if ratio is not None:
        # A second modulator, higher and half as strong.
        modulation = modulation + 0.5 * jnp.sin(ratio * angle)
    phase = 2 * jnp.pi * carrier * time
    if mode == "phase":
        tone = jnp.sin(phase + index * modulation)
    elif mode == "ring":
        tone = index * modulation * jnp.sin(phase)
    elif mode == "amplitude":
        tone = (1.0 + 0.3 * index * modulation) * jnp.sin(phase)
    else:
        # The phase is the sum of the momentary frequencies.
        tone = jnp.sin(2 * jnp.pi * jnp.cumsum(carrier * (1.0 + 0.3 * index * modulation)))
    if envelope is not None:
        tone = envelope * tone
    elif amplitude == "decay":
        tone = tone * jnp.exp(-0.1 * time)
    elif amplitude == "fade":
        tone = tone * fade(num_samples, "cosine")
    elif amplitude == "tremolo":
        tone = tone * (1.0 - 0.3 * jnp.cos(2 * jnp.pi * 0.05 * time))
    if stereo:
        pan = 0.5 + 0.5 * jnp.sin(0.1 * time)
        return pan * tone, (1.0 - pan) * tone
    else:
        return tone


@family(
    "branch",
    "elementwise",
    "scalar_array",
    "multi_statement",
    "unary",
    "contraction",
    signal="... t in -1..1",
    reference="? ... t in -1..1",
    mu="? in 50..255",
    law={"mu": 4, "a": 2, "power": 1},
    constant=(100.0, 255.0, 50.0),
    gain={None: 3, 0.8: 1, 0.5: 1},
    quantised={None: 2, "straight_through": 2, "soft": 1},
    levels=(4, 8, 16),
    decoded=(False, True),
    error={None: 3, "difference": 1, "both": 1},
    peak={False: 3, True: 1},
    only="float32",
    sizes={"t": (6, 8, 10, 12, 16, 20, 24)},
)
def compand(
    signal,
    reference=None,
    mu=None,
    *,
    law="mu",
    constant=255.0,
    gain=None,
    quantised=None,
    levels=8,
    decoded=False,
    error=None,
    peak=False,
):
    """Codes a signal so that quiet samples get more of the range."""
    if mu is None:
        mu = constant
    if peak:
        signal = signal / (jnp.max(jnp.abs(signal), axis=-1, keepdims=True) + 1e-3)
    if gain is not None:
        signal = gain * signal
    magnitude = jnp.abs(signal)
    if law == "mu":
        coded = jnp.sign(signal) * jnp.log1p(mu * magnitude) / jnp.log1p(mu)
    elif law == "a":
        scale = 1.0 + jnp.log(mu)
        loud = (1.0 + jnp.log(jnp.maximum(mu * magnitude, 1.0))) / scale
        quiet = mu * magnitude / scale
        coded = jnp.sign(signal) * jnp.where(mu * magnitude < 1.0, quiet, loud)
    else:
        coded = jnp.sign(signal) * (magnitude + 1e-3) ** (8.0 / jnp.log2(mu) / 2.0)
    if quantised == "straight_through":
        rounded = jnp.round(coded * levels) / levels
        coded = coded + lax.stop_gradient(rounded - coded)
    elif quantised == "soft":
        # Steps with soft edges, which have a gradient.
        coded = coded - jnp.sin(2 * jnp.pi * levels * coded) / (2 * jnp.pi * levels) * 0.8
    if decoded:
        strength = jnp.abs(coded)
        coded = jnp.sign(coded) * jnp.expm1(strength * jnp.log1p(mu)) / mu
    if reference is not None:
        return coded - reference
    if error == "difference":
        return coded - signal
    if error == "both":
        return coded, jnp.square(coded - signal)
    else:
        return coded


# ---------------------------------------------------------------- transforms by matrices


def dct_matrix(size=8, ortho=True):
    """The cosines of the discrete cosine transform, a row for each coefficient."""
    k = jnp.arange(size)[:, None]
    n = jnp.arange(size)[None, :]
    basis = jnp.cos(jnp.pi * k * (2 * n + 1) / (2 * size))
    if ortho:
        scale = jnp.full((size, 1), (2.0 / size) ** 0.5).at[0].set((1.0 / size) ** 0.5)
        return scale * basis
    else:
        return 2.0 * basis


def lift(coefs, length=22):
    """Weights that rise with the number of the coefficient."""
    n = jnp.arange(coefs.shape[-1])
    return coefs * (1.0 + 0.5 * length * jnp.sin(jnp.pi * n / length))


@family(
    "contraction",
    "reduction",
    frames="... d",
    weights="? d in 0.5..1.5",
    ortho={True: 2, False: 1},
    kept={None: 2, 2: 1, 3: 2, 4: 1},
    logarithm={False: 2, True: 1},
    liftered={False: 3, True: 1},
    inverse={False: 2, True: 1},
    threshold={None: 3, "soft": 2},
    amount=(0.1, 0.2, 0.5),
    dropped={False: 3, True: 1},
    residual={False: 3, True: 1},
    sizes={"d": (5, 6, 8, 10, 12, 16)},
    weight=12,
)
def cepstrum(
    frames,
    weights=None,
    *,
    ortho=True,
    kept=None,
    logarithm=False,
    liftered=False,
    inverse=False,
    threshold=None,
    amount=0.2,
    dropped=False,
    residual=False,
):
    """Works on the coefficients of a discrete cosine transform along the last axis."""
    size = frames.shape[-1]
    basis = dct_matrix(size, ortho)
    if logarithm:
        frames = jnp.log(jnp.square(frames) + 1e-2)
    coefs = frames @ basis.T
    if weights is not None:
        coefs = coefs * weights
    if threshold == "soft":
        # Small coefficients are taken for noise.
        coefs = jnp.sign(coefs) * jnp.maximum(jnp.abs(coefs) - amount, 0.0)
    if inverse:
        if kept is not None:
            smooth = coefs[..., :kept] @ basis[:kept]
        else:
            smooth = coefs @ basis
        if not ortho:
            smooth = smooth / (2 * size)
        if residual:
            smooth = frames - smooth
        return smooth
    if kept is not None:
        coefs = coefs[..., :kept]
    if liftered:
        coefs = lift(coefs)
    if dropped:
        # The first coefficient is the level.
        coefs = coefs[..., 1:]
    return coefs


def hz_to_mel(hz):
    return 2595.0 * jnp.log10(1.0 + hz / 700.0)


def mel_to_hz(mel):
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def triangular_filters(num_bins=16, num_edges=6, scale="mel", area=False):
    """Filters whose gains rise from the centre before theirs, and fall to that after it."""
    top = 4000.0
    places = jnp.arange(num_edges)
    places = places / places[-1]
    if scale == "mel":
        edges = mel_to_hz(places * hz_to_mel(top))
    else:
        edges = places * top
    bins = jnp.arange(num_bins)[:, None] * (top / num_bins)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = jnp.maximum(jnp.minimum(rising, falling), 0.0)
    if area:
        filters = filters / jnp.sum(filters, axis=0)
    return filters


@family(
    "reduction",
    spectrum="n f in 0.1..2",
    offset="? f in 0.1..0.5",
    gains="? f in 0.5..1.5",
    num_edges=(4, 5, 6, 7),
    scale={"mel": 3, "linear": 1},
    area={False: 2, True: 1},
    squared=(False, True),
    log={None: 1, "log": 3, "decibels": 1, "root": 1},
    relative={False: 2, True: 1},
    pooled={None: 4, "mean": 1, "deviation": 1, "max": 1},
    deltas={False: 3, True: 1},
    coefficients={None: 3, 2: 1},
    sizes={"n": (3, 4, 5, 6, 8), "f": (12, 16, 20, 24)},
    only="float32",
)
def mel_features(
    spectrum,
    offset=None,
    gains=None,
    *,
    num_edges=6,
    scale="mel",
    area=False,
    squared=False,
    log="log",
    relative=False,
    pooled=None,
    deltas=False,
    coefficients=None,
):
    """Sums a spectrogram in triangular bands.

    Args:
        spectrum: the magnitude for each frame and frequency.
        offset: the magnitude of the noise at each frequency.
        gains: a correction for each frequency.
        num_edges: how many edges the bands have, two more than there are bands.

    Returns:
        The features of each frame, or of all of them together.
    """
    if offset is not None:
        # Spectral subtraction leaves some of the noise.
        spectrum = jnp.maximum(spectrum - offset, 0.05 * spectrum)
    if gains is not None:
        spectrum = spectrum * gains
    if squared:
        spectrum = jnp.square(spectrum)
    filters = triangular_filters(spectrum.shape[-1], num_edges, scale, area)
    bands = spectrum @ filters
    if log == "log":
        bands = jnp.log(bands + 1e-2)
    elif log == "decibels":
        bands = 10.0 * jnp.log10(jnp.maximum(bands, 1e-3))
    elif log == "root":
        bands = jnp.cbrt(bands)
    if coefficients is not None:
        bands = bands @ dct_matrix(bands.shape[-1])[:coefficients].T
    if relative:
        # Relative to the highest value of all frames.
        bands = bands - jnp.max(bands)
    if deltas:
        bands = jnp.concatenate([bands[1:-1], 0.5 * (bands[2:] - bands[:-2])], axis=-1)
    if pooled == "mean":
        return jnp.mean(bands, axis=0)
    elif pooled == "deviation":
        return jnp.sqrt(jnp.var(bands, axis=0) + 1e-6)
    elif pooled == "max":
        return jnp.max(bands, axis=0)
    else:
        return bands


# ---------------------------------------------------------------- correlation and trends


def lagged_products(x, y, max_lag=4, biased=True):
    """The mean product of x and of y, for each lag of x."""
    n = x.shape[0]
    sums = [jnp.sum(x[lag:] * y[: n - lag]) for lag in range(max_lag)]
    if biased:
        return jnp.stack(sums) / n
    else:
        return jnp.stack([total / (n - lag) for lag, total in enumerate(sums)])


def correlate_lags(x, y, max_lag=4, biased=True):
    n = x.shape[0]
    full = jnp.correlate(x, y, mode="full")
    sums = full[n - 1 :][:max_lag]
    if biased:
        return sums / n
    else:
        return sums / (n - jnp.arange(max_lag))


def spectral_lags(x, y, max_lag=4, biased=True):
    n = x.shape[0]
    # With as many zeros as samples, no product wraps around.
    product = jnp.fft.rfft(x, n=2 * n) * jnp.conj(jnp.fft.rfft(y, n=2 * n))
    sums = jnp.fft.irfft(product, n=2 * n)[:max_lag]
    if biased:
        return sums / n
    else:
        return sums / (n - jnp.arange(max_lag))


@family(
    "reduction",
    "unary",
    signal="t",
    other="? t",
    lags=(Code("lagged_products"), Code("correlate_lags"), Code("spectral_lags")),
    max_lag=(3, 4, 5, 6),
    biased={True: 2, False: 1},
    centred={False: 1, True: 1},
    normalised={False: 1, True: 1},
    windowed={None: 3, "hann": 1, "hamming": 1},
    tapered={None: 3, "linear": 1, "gaussian": 1},
    result={"lags": 4, "energy": 1, "differences": 1, "peak": 1},
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def autocorrelate(
    signal,
    other=None,
    *,
    lags=None,
    max_lag=4,
    biased=True,
    centred=False,
    normalised=False,
    windowed=None,
    tapered=None,
    result="lags",
):
    """Correlates a signal with earlier samples, for some lags."""
    if centred:
        signal = signal - jnp.mean(signal)
        if other is not None:
            other = other - jnp.mean(other)
    if windowed is not None:
        signal = signal * make_window(signal.shape[0], windowed)
    if other is not None:
        products = lags(signal, other, max_lag, biased)
        if normalised:
            power = jnp.mean(jnp.square(signal)) * jnp.mean(jnp.square(other))
            products = products / jnp.sqrt(power + 1e-6)
    else:
        products = lags(signal, signal, max_lag, biased)
        if normalised:
            products = products[1:] / (products[0] + 1e-3)
    if tapered == "linear":
        products = products * (1.0 - jnp.arange(products.shape[0]) / max_lag)
    elif tapered == "gaussian":
        products = products * jnp.exp(-0.5 * jnp.square(jnp.arange(products.shape[0]) / 3.0))
    if result == "energy":
        return jnp.vdot(products, products)
    if result == "differences":
        return products[1:] - products[:-1]
    if result == "peak":
        # A soft maximum over the lags.
        return jax.nn.logsumexp(5.0 * products) / 5.0
    else:
        return products


@family(
    "unary",
    "reduction",
    "contraction",
    signal="... t",
    kind={"linear": 3, "cubic": 2, "nearest": 1, "zero_stuffed": 2, "decimated": 2, "sinc": 2},
    factor=(2, 3),
    offset={0.0: 2, 0.5: 1, 0.25: 1},
    smoothed={False: 2, True: 1},
    gain={None: 3, "window": 1, "tanh": 1},
    difference={False: 3, True: 1},
    sizes={"t": (6, 12, 18)},
    weight=8,
)
def resample(
    signal,
    *,
    kind="linear",
    factor=2,
    offset=0.0,
    smoothed=False,
    gain=None,
    difference=False,
):
    """Changes the sampling rate of a signal by a whole factor."""
    n = signal.shape[-1]
    if smoothed:
        before = jnp.concatenate([signal[..., :1], signal[..., :-1]], axis=-1)
        after = jnp.concatenate([signal[..., 1:], signal[..., -1:]], axis=-1)
        signal = 0.25 * before + 0.5 * signal + 0.25 * after
    if kind == "decimated":
        parts = signal.reshape(*signal.shape[:-1], n // factor, factor)
        out = jnp.mean(parts, axis=-1)
    elif kind == "zero_stuffed":
        # Each sample is followed by a zero, which interpolation fills.
        stuffed = jnp.stack([signal, jnp.zeros_like(signal)], axis=-1)
        stuffed = stuffed.reshape(*signal.shape[:-1], -1)
        around = jnp.roll(stuffed, 1, axis=-1) + jnp.roll(stuffed, -1, axis=-1)
        out = stuffed + 0.5 * around
    elif kind == "sinc":
        times = jnp.arange(n * factor) / factor + offset
        kernel = jnp.sinc(times[:, None] - jnp.arange(n))
        out = signal @ kernel.T
    else:
        position = jnp.clip(jnp.arange(n * factor) / factor + offset, 0.0, n - 1.0)
        left = jnp.floor(position).astype(int)
        t = position - left
        right = jnp.minimum(left + 1, n - 1)
        if kind == "linear":
            out = (1 - t) * signal[..., left] + t * signal[..., right]
        elif kind == "nearest":
            out = signal[..., jnp.round(position).astype(int)]
        else:
            # Catmull-Rom splines through four samples.
            p0 = signal[..., jnp.clip(left - 1, 0, n - 1)]
            p1 = signal[..., left]
            p2 = signal[..., right]
            p3 = signal[..., jnp.minimum(left + 2, n - 1)]
            slope = 0.5 * (p2 - p0)
            bend = p0 - 2.5 * p1 + 2 * p2 - 0.5 * p3
            twist = 0.5 * (p3 - p0) + 1.5 * (p1 - p2)
            out = ((twist * t + bend) * t + slope) * t + p1
    if difference:
        out = jnp.diff(out, axis=-1)
    if gain == "window":
        out = out * make_window(out.shape[-1], "sine")
    elif gain == "tanh":
        out = jnp.tanh(out)
    return out


@family(
    "contraction",
    "reduction",
    "multi_statement",
    signal="t",
    weights="? t in 0.2..1",
    degree={0: 1, 1: 3, 2: 2},
    method={"basis": 3, "closed": 2},
    ridge={None: 2, 1e-2: 1, 0.1: 1},
    scaled={None: 2, "deviation": 1, "range": 1},
    result={"squares": 2, "magnitude": 1, "huber": 1, "energy": 2, "trend": 2, "both": 2},
    log={False: 4, True: 1},
    sizes={"t": (6, 8, 10, 12, 16, 20, 24)},
    only="float32",
)
def detrend(
    signal,
    weights=None,
    *,
    degree=1,
    method="basis",
    ridge=None,
    scaled=None,
    result="squares",
    log=False,
):
    """Fits a slow trend to a series, and takes it from the series or returns it."""
    if log:
        signal = jnp.log(jnp.square(signal) + 0.1)
    time = jnp.linspace(-1.0, 1.0, signal.shape[0])
    if weights is None:
        weights = jnp.ones_like(signal)
    weights = weights / jnp.sum(weights)
    trend = jnp.sum(weights * signal)
    if degree > 0:
        if method == "closed":
            # The slope is the covariance with time over the variance of time.
            moment = time - jnp.sum(weights * time)
            slope = jnp.sum(weights * moment * signal) / jnp.sum(weights * jnp.square(moment))
            trend = trend + slope * moment
        else:
            since_mean = time - jnp.sum(weights * time)
            spread = jnp.sum(weights * jnp.square(since_mean))
            if ridge is not None:
                spread = spread + ridge
            trend = trend + jnp.sum(weights * since_mean * signal) / spread * since_mean
    if degree > 1:
        # The parabola that is orthogonal to the mean, fitted to what is left.
        bend = jnp.square(time) - jnp.sum(weights * jnp.square(time))
        left = signal - trend
        trend = trend + jnp.sum(weights * bend * left) / jnp.sum(weights * bend * bend) * bend
    residual = signal - trend
    if scaled == "deviation":
        residual = residual / (jnp.sqrt(jnp.mean(jnp.square(residual))) + 1e-2)
    elif scaled == "range":
        residual = residual / (jnp.max(residual) - jnp.min(residual) + 1e-2)
    if result == "squares":
        return weights * jnp.square(residual)
    elif result == "magnitude":
        return jnp.abs(residual)
    elif result == "huber":
        small = jnp.minimum(jnp.abs(residual), 1.0)
        return small * (jnp.abs(residual) - 0.5 * small)
    elif result == "energy":
        return jnp.sum(weights * jnp.square(residual))
    elif result == "trend":
        return jnp.broadcast_to(trend, signal.shape)
    else:
        return jnp.square(residual), jnp.broadcast_to(trend, signal.shape)
