"""Families: signals, their spectra, filters and effects."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
dct_denoise: dct_denoise 5, shrink_coefficients 2, smooth_by_dct 2
rolling_deviation: rolling_deviation 2, rolling_std 5, moving_std 4
rolling_zscore: rolling_zscore 5, moving_zscore 3, standardize_rolling 2
instantaneous_frequency: instantaneous_frequency 5, inst_freq 3
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
short_time_energy: short_time_energy 5, frame_energy 3
power_spectrum: power_spectrum 4, periodogram 3, compute_spectrum 3, spectrogram 1
spectral_filter: spectral_filter 4, fft_filter 4, filter_in_frequency 1, frequency_filter 3
hilbert_envelope: hilbert_envelope 4, amplitude_envelope 4, hilbert 2
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
moving_average: moving_average 5, rolling_mean 3, smooth 2
upsample: upsample 5, interpolate_signal 2, upsample_signal 2
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
    window={None: 2, "hann": 2, "hamming": 2, "blackman": 1, "sine": 1},
    measure={"energy": 3, "mean": 2, "log": 2, "decibels": 1},
    sizes={"t": (16, 20, 24, 32, 40)},
)
def short_time_energy(
    signal,
    *,
    emphasis=None,
    framing=None,
    frame_length=8,
    hop_length=4,
    window=None,
    measure="energy",
):
    """Short-time energy of a signal, on a linear or a logarithmic scale.

    Args:
        signal: samples over time.
        frame_length: samples of a frame.
        hop_length: samples from the start of a frame to that of the next one.
    """
    if emphasis is not None:
        signal = pre_emphasis(signal, emphasis)
    frames = framing(signal, frame_length, hop_length)
    if window is not None:
        frames = frames * make_window(frame_length, window)
    energy = jnp.sum(jnp.square(frames), axis=-1)
    if measure == "mean":
        energy = energy / frame_length
    elif measure == "log":
        energy = jnp.log(energy + 1e-3)
    elif measure == "decibels":
        energy = 10.0 * jnp.log10(energy + 1e-3)
    return energy


@family(
    "unary",
    "reduction",
    signal="t",
    demeaned={False: 2, True: 1},
    framed={False: 2, True: 1},
    frame_length=(8, 10, 12),
    hop_length=(4, 5, 6),
    window={None: 1, "hann": 2, "hamming": 2, "blackman": 1, "periodic": 1, "gaussian": 1},
    scaling={"power": 3, "decibels": 2, "density": 2},
    one_sided={False: 2, True: 1},
    sizes={"t": (16, 20, 24, 32)},
    only="float32",
)
def power_spectrum(
    signal,
    *,
    demeaned=False,
    framed=False,
    frame_length=8,
    hop_length=4,
    window="hann",
    scaling="power",
    one_sided=False,
):
    """Power spectrum of a real signal, in one piece or averaged over frames by Welch's method."""
    if demeaned:
        signal = signal - jnp.mean(signal)
    if framed:
        signal = frame_signal(signal, frame_length, hop_length)
    if window is not None:
        signal = signal * make_window(signal.shape[-1], window)
    spectrum = jnp.fft.rfft(signal)
    if scaling == "density":
        power = jnp.real(spectrum * jnp.conj(spectrum)) / signal.shape[-1]
    else:
        power = jnp.square(jnp.abs(spectrum))
    if one_sided:
        # All bins but the first and the last stand for two frequencies.
        power = power.at[..., 1:-1].multiply(2.0)
    if framed:
        power = jnp.mean(power, axis=0)
    if scaling == "decibels":
        power = 10.0 * jnp.log10(jnp.maximum(power, 1e-4))
    return power


@family(
    "unary",
    "elementwise",
    "reduction",
    "contraction",
    signal="2*k",
    gains="? k+1 in 0.2..1.5",
    shape={"gaussian": 2, "butterworth": 2, "ideal": 1, "cosine": 1},
    cutoff=(0.1, 0.15, 0.2, 0.25),
    order=(1, 2, 3),
    transform={"real": 3, "complex": 2},
    high_pass={False: 5, True: 1},
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
    transform="real",
    high_pass=False,
):
    """Filters a signal by real gains on its Fourier coefficients.

    Args:
        signal: samples over time, an even number.
        gains: equaliser gains of the frequencies from zero to the Nyquist frequency.
        cutoff: in cycles per sample.
    """
    n = signal.shape[-1]
    if transform == "complex":
        spectrum = jnp.fft.fft(signal)
        k = jnp.arange(n)
        freqs = jnp.minimum(k, n - k) / n
    else:
        spectrum = jnp.fft.rfft(signal)
        freqs = jnp.arange(n // 2 + 1) / n
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
        if transform == "complex":
            # Negative frequencies have the same gains.
            gains = jnp.concatenate([gains, gains[1:-1][::-1]])
        spectrum = spectrum * gains
    if transform == "complex":
        return jnp.fft.ifft(spectrum).real
    return jnp.fft.irfft(spectrum, n=n)


@family(
    "unary",
    "multi_statement",
    "contraction",
    signal="2*k",
    demeaned={False: 2, True: 1},
    window={None: 3, "hann": 1, "hamming": 1, "sine": 1},
    band={None: 2, "gaussian": 1},
    centre=(0.15, 0.2, 0.25),
    result={"envelope": 3, "squared": 1},
    smoothed={None: 3, 3: 1, 5: 1},
    weight=5,
    sizes={"k": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def hilbert_envelope(
    signal,
    *,
    demeaned=False,
    window=None,
    band=None,
    centre=0.2,
    result="envelope",
    smoothed=None,
):
    """Amplitude envelope (or its square) of a signal: the modulus of its analytic signal."""
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
    analytic = jnp.fft.ifft(spectrum * weights)
    if result == "squared":
        envelope = jnp.square(analytic.real) + jnp.square(analytic.imag)
    else:
        envelope = jnp.abs(analytic)
    if smoothed is not None:
        envelope = jnp.convolve(envelope, jnp.ones(smoothed) / smoothed, mode="same")
    return envelope


@family(
    "unary",
    "multi_statement",
    "contraction",
    signal="2*k",
    demeaned={False: 2, True: 1},
    window={None: 3, "hann": 1, "hamming": 1, "sine": 1},
    band={None: 2, "gaussian": 1},
    centre=(0.15, 0.2, 0.25),
    weight=5,
    sizes={"k": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def instantaneous_frequency(
    signal,
    *,
    demeaned=False,
    window=None,
    band=None,
    centre=0.2,
):
    """Instantaneous frequency of a signal in cycles per sample, from its analytic signal."""
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
    analytic = jnp.fft.ifft(spectrum * weights)
    # The phase advances from a sample to the next one by the instantaneous frequency.
    product = analytic[1:] * jnp.conj(analytic[:-1])
    return jnp.arctan2(product.imag, product.real) / (2 * jnp.pi)


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
    mode={"same": 3, "full": 1, "valid": 2, "causal": 2},
    num_taps=(5, 7),
    bandwidth=(0.2, 0.4, 0.6),
    window={"hamming": 2, "hann": 1, "blackman": 1},
    zero_phase={False: 4, True: 1},
    sizes={"t": (8, 10, 12, 16, 20, 24, 32), "k": (2, 4, 5, 6)},
)
def fir_filter(
    signal,
    taps=None,
    *,
    mode="same",
    num_taps=5,
    bandwidth=0.4,
    window="hamming",
    zero_phase=False,
):
    """Filters a signal by an FIR filter, a windowed-sinc low-pass one by default.

    Args:
        signal: samples over time.
        taps: impulse response of the filter.
    """
    if taps is None:
        taps = low_pass_taps(num_taps, bandwidth, window)
    if mode == "causal":
        filtered = jnp.convolve(signal, taps, mode="full")[: signal.shape[0]]
    else:
        filtered = jnp.convolve(signal, taps, mode=mode)
    if zero_phase:
        # Filtering backwards as well cancels the phase.
        filtered = jnp.convolve(filtered, taps[::-1], mode="same")
    return filtered


@family(
    "contraction",
    "reduction",
    signals="b t",
    filters="c k in -1..1",
    bias="? c",
    padding={None: 2, "same": 2, "causal": 2, "circular": 1},
    stride={1: 3, 2: 2},
    normalised={False: 3, True: 1},
    rectify={None: 2, "relu": 1},
    pooled={None: 3, "mean": 2, "max": 1},
    sizes={"b": (1, 2, 2, 3), "t": (10, 12, 16, 20), "c": (2, 4, 5), "k": (2, 4, 5)},
)
def filter_bank(
    signals,
    filters,
    bias=None,
    *,
    padding=None,
    stride=1,
    normalised=False,
    rectify=None,
    pooled=None,
):
    """Correlates signals with each filter of a bank.

    Args:
        signals: one signal in each row.
        filters: taps of one filter in each row.
        bias: offset of each filter's output.

    Returns:
        The outputs of shape (signals, filters, time), or pooled over time.
    """
    width = filters.shape[-1]
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
    if pooled == "mean":
        out = jnp.mean(out, axis=-1)
    elif pooled == "max":
        out = jnp.max(out, axis=-1)
    return out


@family(
    "loop",
    signal="t",
    coefficient="? in 0.1..0.8",
    start="? in -1..1",
    kind={"smooth": 3, "leaky": 2, "high_pass": 2, "all_pass": 1, "dc_blocker": 1},
    alpha=(0.1, 0.2, 0.3, 0.5),
    backward={False: 3, True: 1},
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
):
    """Filters a signal by a recursion of first order.

    Args:
        signal: samples over time.
        coefficient: how far the pole is from the unit circle, or the gain of an all-pass filter.
        start: the output before the first sample.
    """
    if coefficient is None:
        coefficient = alpha
    if start is None:
        start = jnp.zeros((), signal.dtype)
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

        start = (jnp.zeros_like(start), start)
    else:

        def step(carry, x):
            x_last, y_last = carry
            y = x - x_last + (1.0 - coefficient) * y_last
            return (x, y), y

        start = (jnp.zeros_like(start), start)
    _, out = lax.scan(step, start, signal)
    if backward:
        # A second pass backwards in time cancels the delay.
        _, out = lax.scan(step, start, out, reverse=True)
    return out


@family(
    "vector",
    signal="t",
    b="3 in -1..1",
    a="2 in -0.5..0.5",
    start="? 2 in -1..1",
    form={"transposed": 3, "direct": 2, "canonical": 2},
    zero_phase={False: 4, True: 1},
    sizes={"t": (6, 8, 10, 12, 14)},
)
def biquad(
    signal,
    b,
    a,
    start=None,
    *,
    form="transposed",
    zero_phase=False,
):
    """Filters a signal by a biquad section, a recursive filter of second order.

    Args:
        signal: samples over time.
        b: numerator coefficients.
        a: denominator coefficients after the leading one.
        start: state of the delay line before the first sample.
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
    if zero_phase:
        _, out = lax.scan(step, state, out, reverse=True)
    return out


@family(
    "loop",
    "reduction",
    "contraction",
    signal="t",
    kind={
        "convolved": 3,
        "edge": 2,
        "triangular": 2,
        "cumulative": 2,
        "windowed": 2,
        "exponential": 2,
    },
    width=(3, 4, 5),
    rate=(0.1, 0.2, 0.5),
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def moving_average(
    signal,
    *,
    kind="convolved",
    width=3,
    rate=0.2,
):
    """Moving average of a signal.

    Args:
        signal: samples over time.
        width: number of samples in a window.
        rate: smoothing factor of the exponential average.
    """
    if kind == "edge":
        # The ends are repeated, so that the length stays the same.
        padded = jnp.pad(signal, (width // 2, (width - 1) // 2), mode="edge")
        return jnp.convolve(padded, jnp.ones(width, signal.dtype) / width, mode="valid")
    if kind == "triangular":
        ramp = jnp.minimum(jnp.arange(1, width + 1), jnp.arange(width, 0, -1))
        return jnp.convolve(signal, ramp / jnp.sum(ramp), mode="same")
    if kind == "cumulative":
        total = jnp.cumsum(jnp.concatenate([jnp.zeros(1, signal.dtype), signal]))
        return (total[width:] - total[:-width]) / width
    if kind == "windowed":
        total = lax.reduce_window(signal, 0.0, lax.add, (width,), (1,), "VALID")
        return total / width
    if kind == "exponential":

        def step(mean, value):
            mean = mean + rate * (value - mean)
            return mean, mean

        _, means = lax.scan(step, signal[0], signal)
        return means
    return jnp.convolve(signal, jnp.ones(width, signal.dtype) / width, mode="same")


@family(
    "loop",
    "reduction",
    "contraction",
    signal="t",
    kind={"cumulative": 2, "convolved": 3, "windowed": 3, "exponential": 2, "running": 1},
    width=(3, 4, 5),
    rate=(0.1, 0.2, 0.5),
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def rolling_deviation(
    signal,
    *,
    kind="convolved",
    width=3,
    rate=0.2,
):
    """Moving standard deviation of a signal, with a floor of 0.1."""

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
    variance = average(jnp.square(signal)) - jnp.square(mean)
    return jnp.sqrt(jnp.maximum(variance, 0.0) + 1e-2)


@family(
    "loop",
    "reduction",
    "contraction",
    signal="t",
    kind={"cumulative": 2, "convolved": 3, "windowed": 3, "exponential": 2, "running": 1},
    width=(3, 4, 5),
    rate=(0.1, 0.2, 0.5),
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def rolling_zscore(
    signal,
    *,
    kind="convolved",
    width=3,
    rate=0.2,
):
    """Standardises each sample by the mean and the deviation of the window that it is in."""

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
    # The average of a window may have fewer samples: those of the last samples are kept.
    last = signal[-mean.shape[0] :]
    variance = average(jnp.square(signal)) - jnp.square(mean)
    deviation = jnp.sqrt(jnp.maximum(variance, 0.0) + 1e-2)
    return (last - mean) / deviation


# ---------------------------------------------------------------- dynamics and effects


@family(
    "loop",
    signal="t",
    attack="? in 0.3..0.8",
    release="? in 0.02..0.2",
    fast=(0.3, 0.5, 0.7),
    slow=(0.05, 0.1, 0.2),
    detector={"peak": 3, "rms": 2},
    smoothing={"branching": 3, "decoupled": 2},
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
):
    """Peak or RMS envelope of a signal, with separate attack and release.

    Args:
        signal: samples over time.
        attack: smoothing factor where the level rises.
        release: smoothing factor where it falls.
    """
    if attack is None:
        attack = fast
    if release is None:
        release = slow
    if detector == "peak":
        level = jnp.abs(signal)
    else:
        level = jnp.square(signal)

    def follow(envelope, x):
        if smoothing == "branching":
            rate = jnp.where(x > envelope, attack, release)
            envelope = envelope + rate * (x - envelope)
            return envelope, envelope
        held, smoothed = envelope
        held = jnp.maximum(x, (1.0 - release) * held)
        smoothed = smoothed + attack * (held - smoothed)
        return (held, smoothed), smoothed

    silence = jnp.zeros_like(level[0])
    if smoothing == "decoupled":
        _, envelope = lax.scan(follow, (silence, silence), level)
    else:
        _, envelope = lax.scan(follow, silence, level)
    if detector == "rms":
        return jnp.sqrt(envelope + 1e-3)
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
    mode={"compress": 4, "limit": 1, "expand": 1},
    knee={None: 2, "quadratic": 2},
    mix={None: 3, 0.5: 1, 0.7: 1},
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
):
    """Changes the dynamics of a signal: a compressor, a limiter or an expander.

    Args:
        signal: samples, time last.
        threshold: level in decibels from which the gain changes.
        side_chain: signal whose level controls the gain.
        makeup: make-up gain in decibels.
    """
    if threshold is None:
        threshold = limit
    if side_chain is None:
        level = to_decibels(signal)
    else:
        level = to_decibels(side_chain)
    over = level - threshold
    if mode == "expand":
        over = -over
    if knee == "quadratic":
        excess = soft_knee(over)
    else:
        excess = jnp.maximum(over, 0.0)
    if mode == "compress":
        gain = -slope * excess
    elif mode == "limit":
        gain = -excess
    else:
        # The expander stops at 40 decibels.
        gain = jnp.maximum(-2.0 * excess, -40.0)
    if makeup is not None:
        gain = gain + makeup
    factor = from_decibels(gain)
    out = signal * factor
    if mix is not None:
        out = mix * out + (1.0 - mix) * signal
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
    kind={"echo": 3, "taps": 3, "feedback": 3, "all_pass": 2, "modulated": 3},
    lag=(1, 2),
    amount=(0.3, 0.5, 0.7),
    depth=(0.5, 1.0, 1.5),
    rate=(0.1, 0.15, 0.2),
    stages={2: 2, 3: 1},
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
):
    """Mixes a signal with delayed copies of itself, by a comb, all-pass or modulated delay.

    Args:
        signal: samples over time.
        gain: gain of the delayed signal.
    """
    n = signal.shape[0]
    if gain is None:
        gain = amount
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
    else:
        out = mix_delayed(signal, lag, gain)
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
    faded={None: 3, "linear": 1, "cosine": 1},
    normalised={False: 3, True: 1},
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
    faded=None,
    normalised=False,
):
    """Additive synthesis of a tone from some oscillators.

    Args:
        freqs: frequency of each oscillator, in cycles per sample.
        amplitudes: amplitude of each oscillator.
        phases: initial phases, in radians.
        decays: decay rates, per sample.
    """
    time = jnp.arange(num_samples)
    if normalised:
        amplitudes = amplitudes / jnp.sum(amplitudes)
    phase = 2 * jnp.pi * freqs * time[:, None]
    if phases is not None:
        phase = phase + phases
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
    depth=(1.0, 1.5, 2.0),
    num_samples=(Code("t"),),
    ratio={None: 3, 2.0: 1, 3.0: 1},
    amplitude={None: 3, "decay": 2},
    mode={"phase": 3, "frequency": 1},
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
    depth=1.5,
    num_samples=16,
    ratio=None,
    amplitude=None,
    mode="phase",
    index_decay=None,
):
    """A tone by frequency (or phase) modulation of a sine oscillator.

    Args:
        carrier: cycles per sample.
        modulator: cycles per sample.
        index: modulation index.
        envelope: amplitude at each sample.
    """
    time = jnp.arange(num_samples)
    if index is None:
        index = depth
    if index_decay is not None:
        index = index * jnp.exp(-index_decay * time)
    angle = 2 * jnp.pi * modulator * time
    modulation = jnp.sin(angle)
    if ratio is not None:
        # A second modulator at a multiple of the frequency.
        modulation = modulation + 0.5 * jnp.sin(ratio * angle)
    phase = 2 * jnp.pi * carrier * time
    if mode == "phase":
        tone = jnp.sin(phase + index * modulation)
    else:
        # The phase is the sum of the instantaneous frequencies.
        tone = jnp.sin(2 * jnp.pi * jnp.cumsum(carrier * (1.0 + 0.3 * index * modulation)))
    if envelope is not None:
        tone = envelope * tone
    elif amplitude == "decay":
        tone = tone * jnp.exp(-0.1 * time)
    return tone


@family(
    "branch",
    "elementwise",
    "scalar_array",
    "multi_statement",
    "unary",
    "contraction",
    signal="... t in -1..1",
    mu="? in 50..255",
    law={"mu": 4, "a": 2},
    constant=(100.0, 255.0, 50.0),
    quantised={False: 2, True: 2},
    levels=(4, 8, 16),
    decoded=(False, True),
    only="float32",
    sizes={"t": (6, 8, 10, 12, 16, 20, 24)},
)
def compand(
    signal,
    mu=None,
    *,
    law="mu",
    constant=255.0,
    quantised=False,
    levels=8,
    decoded=False,
):
    """Companding of a signal by the mu-law or the A-law of telephony.

    Args:
        signal: samples between -1 and 1, time last.
        mu: strength of the compression.
    """
    if mu is None:
        mu = constant
    magnitude = jnp.abs(signal)
    if law == "mu":
        coded = jnp.sign(signal) * jnp.log1p(mu * magnitude) / jnp.log1p(mu)
    else:
        scale = 1.0 + jnp.log(mu)
        loud = 1.0 + jnp.log(jnp.maximum(mu * magnitude, 1.0))
        coded = jnp.sign(signal) * jnp.where(mu * magnitude < 1.0, mu * magnitude, loud) / scale
    if quantised:
        # The gradient goes straight through the rounding.
        rounded = jnp.round(coded * levels) / levels
        coded = coded + lax.stop_gradient(rounded - coded)
        if decoded:
            strength = jnp.abs(coded)
            if law == "mu":
                strength = jnp.expm1(strength * jnp.log1p(mu)) / mu
            else:
                loud = jnp.exp(jnp.maximum(strength * scale, 1.0) - 1.0) / mu
                strength = jnp.where(strength * scale < 1.0, strength * scale / mu, loud)
            coded = jnp.sign(coded) * strength
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
    frames="... d in 0.1..2",
    ortho={True: 2, False: 1},
    kept={None: 2, 2: 1, 3: 2, 4: 1},
    liftered={False: 3, True: 1},
    dropped={False: 3, True: 1},
    sizes={"d": (5, 6, 8, 10, 12, 16)},
    weight=12,
)
def cepstrum(
    frames,
    *,
    ortho=True,
    kept=None,
    liftered=False,
    dropped=False,
):
    """Cepstral coefficients of power spectra: the DCT of their logarithms.

    Args:
        frames: power spectra, one in each row.
    """
    size = frames.shape[-1]
    basis = dct_matrix(size, ortho)
    frames = jnp.log(frames + 1e-3)
    coefs = frames @ basis.T
    if kept is not None:
        coefs = coefs[..., :kept]
    if liftered:
        coefs = lift(coefs)
    if dropped:
        # The zeroth coefficient is the level.
        coefs = coefs[..., 1:]
    return coefs


@family(
    "contraction",
    "reduction",
    frames="... d",
    kept={None: 2, 2: 1, 3: 2, 4: 1},
    threshold={"soft": 3, "hard": 2, "garrote": 1},
    amount=(0.1, 0.2, 0.5),
    sizes={"d": (5, 6, 8, 10, 12, 16)},
    weight=12,
)
def dct_denoise(
    frames,
    *,
    kept=None,
    threshold="soft",
    amount=0.2,
):
    """Denoises signals by shrinking the coefficients of their discrete cosine transform.

    Args:
        frames: signals along the last axis.
        amount: the threshold.
    """
    size = frames.shape[-1]
    basis = dct_matrix(size, True)
    coefs = frames @ basis.T
    if threshold == "garrote":
        # The nonnegative garrote, with a guard against small coefficients.
        coefs = coefs * jnp.maximum(1.0 - amount**2 / (jnp.square(coefs) + 1e-3), 0.0)
    elif threshold == "hard":
        coefs = jnp.where(jnp.abs(coefs) > amount, coefs, 0.0)
    else:
        coefs = jnp.sign(coefs) * jnp.maximum(jnp.abs(coefs) - amount, 0.0)
    if kept is not None:
        return coefs[..., :kept] @ basis[:kept]
    return coefs @ basis


def hz_to_mel(hz):
    return 2595.0 * jnp.log10(1.0 + hz / 700.0)


def mel_to_hz(mel):
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def triangular_filters(num_bins=16, num_edges=6, area=False):
    """Triangular filters whose centres are evenly spaced on the mel scale."""
    top = 4000.0
    places = jnp.linspace(0.0, 1.0, num_edges)
    edges = mel_to_hz(places * hz_to_mel(top))
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
    num_edges=(4, 5, 6, 7),
    area={False: 2, True: 1},
    squared=(False, True),
    log={None: 1, "log": 3, "decibels": 1, "root": 1},
    coefficients={None: 3, 2: 1},
    sizes={"n": (3, 4, 5, 6, 8), "f": (12, 16, 20, 24)},
    only="float32",
)
def mel_features(
    spectrum,
    *,
    num_edges=6,
    area=False,
    squared=False,
    log="log",
    coefficients=None,
):
    """Mel filter-bank features of a magnitude spectrogram, or their cepstral coefficients (MFCC).

    Args:
        spectrum: magnitude for each frame and frequency.
        num_edges: number of edges of the bands, two more than there are bands.
    """
    if squared:
        spectrum = jnp.square(spectrum)
    filters = triangular_filters(spectrum.shape[-1], num_edges, area)
    bands = spectrum @ filters
    if log == "log":
        bands = jnp.log(bands + 1e-2)
    elif log == "decibels":
        bands = 10.0 * jnp.log10(jnp.maximum(bands, 1e-3))
    elif log == "root":
        bands = jnp.cbrt(bands)
    if coefficients is not None:
        bands = bands @ dct_matrix(bands.shape[-1])[:coefficients].T
    return bands


# ---------------------------------------------------------------- correlation and trends


def lagged_products(x, y, max_lag=4, biased=True):
    """Products of x and an earlier y, averaged over time, for each lag."""
    n = x.shape[0]
    sums = [jnp.sum(x[lag:] * y[: n - lag]) for lag in range(max_lag)]
    if biased:
        return jnp.stack(sums) / n
    else:
        return jnp.stack([total / (n - lag) for lag, total in enumerate(sums)])


def correlate_lags(x, y, max_lag=4, biased=True):
    """Products of x and an earlier y, averaged over time, for each lag."""
    n = x.shape[0]
    full = jnp.correlate(x, y, mode="full")
    sums = full[n - 1 :][:max_lag]
    if biased:
        return sums / n
    else:
        return sums / (n - jnp.arange(max_lag))


def spectral_lags(x, y, max_lag=4, biased=True):
    """Products of x and an earlier y, averaged over time, by the fast Fourier transform."""
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
    lags=(Code("lagged_products"), Code("correlate_lags"), Code("spectral_lags")),
    max_lag=(3, 4, 5, 6),
    biased={True: 2, False: 1},
    centred={False: 1, True: 1},
    normalised={False: 1, True: 1},
    windowed={None: 3, "hann": 1, "hamming": 1},
    tapered={False: 3, True: 1},
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def autocorrelate(
    signal,
    *,
    lags=None,
    max_lag=4,
    biased=True,
    centred=False,
    normalised=False,
    windowed=None,
    tapered=False,
):
    """Autocorrelation of a signal at its first lags.

    Args:
        signal: samples over time.
        max_lag: number of lags, with lag zero.
    """
    if centred:
        signal = signal - jnp.mean(signal)
    if windowed is not None:
        signal = signal * make_window(signal.shape[0], windowed)
    products = lags(signal, signal, max_lag, biased)
    if normalised:
        products = products / (products[0] + 1e-3)
    if tapered:
        # A Bartlett lag window.
        products = products * (1.0 - jnp.arange(products.shape[0]) / max_lag)
    return products


@family(
    "reduction",
    "unary",
    signal="t",
    other="t",
    lags=(Code("lagged_products"), Code("correlate_lags"), Code("spectral_lags")),
    max_lag=(3, 4, 5, 6),
    biased={True: 2, False: 1},
    centred={False: 1, True: 1},
    normalised={False: 1, True: 1},
    windowed={None: 3, "hann": 1, "hamming": 1},
    sizes={"t": (8, 10, 12, 16, 20)},
    only="float32",
)
def cross_correlate(
    signal,
    other,
    *,
    lags=None,
    max_lag=4,
    biased=True,
    centred=False,
    normalised=False,
    windowed=None,
):
    """Cross-correlation of a signal with an earlier part of another one, at some lags.

    Args:
        signal: samples over time.
        other: samples of the other signal.
        max_lag: number of lags, with lag zero.
    """
    if centred:
        signal = signal - jnp.mean(signal)
        other = other - jnp.mean(other)
    if windowed is not None:
        signal = signal * make_window(signal.shape[0], windowed)
    products = lags(signal, other, max_lag, biased)
    if normalised:
        power = jnp.mean(jnp.square(signal)) * jnp.mean(jnp.square(other))
        products = products / jnp.sqrt(power + 1e-6)
    return products


@family(
    "unary",
    "reduction",
    "contraction",
    signal="... t",
    kind={"linear": 3, "cubic": 2, "nearest": 1, "sinc": 2},
    factor=(2, 3),
    aligned={True: 3, False: 1},
    sizes={"t": (6, 12, 18)},
    weight=8,
)
def upsample(
    signal,
    *,
    kind="linear",
    factor=2,
    aligned=True,
):
    """Raises the sampling rate of signals by a whole factor.

    Args:
        signal: samples, time last.
    """
    n = signal.shape[-1]
    if aligned:
        times = jnp.arange(n * factor) / factor
    else:
        # Samples are at the middles of their intervals.
        times = (jnp.arange(n * factor) + 0.5) / factor - 0.5
    if kind == "sinc":
        kernel = jnp.sinc(times[:, None] - jnp.arange(n))
        out = signal @ kernel.T
    else:
        position = jnp.clip(times, 0.0, n - 1.0)
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
    return out


@family(
    "contraction",
    "reduction",
    "multi_statement",
    signal="... t",
    weights="t in 0.2..1",
    degree={0: 1, 1: 3, 2: 2},
    standardised={False: 2, True: 1},
    sizes={"t": (6, 8, 10, 12, 16, 20, 24)},
    only="float32",
)
def detrend(
    signal,
    weights,
    *,
    degree=1,
    standardised=False,
):
    """Removes a polynomial trend from series, by weighted least squares.

    Args:
        signal: the series, time last.
        weights: weight of each time in the fit.
    """
    time = jnp.linspace(-1.0, 1.0, signal.shape[-1])
    weights = weights / jnp.sum(weights)

    def average(x):
        """The weighted mean over time."""
        return jnp.sum(weights * x, axis=-1, keepdims=True)

    residual = signal - average(signal)
    if degree > 0:
        # The slope is the covariance with time over the variance of time.
        moment = time - average(time)
        slope = average(moment * residual) / average(jnp.square(moment))
        residual = residual - slope * moment
    if degree > 1:
        # The parabola that is orthogonal to the straight line.
        bend = jnp.square(time) - average(jnp.square(time))
        bend = bend - average(moment * bend) / average(jnp.square(moment)) * moment
        curve = average(bend * residual) / average(jnp.square(bend))
        residual = residual - curve * bend
    if standardised:
        residual = residual / jnp.sqrt(average(jnp.square(residual)) + 1e-4)
    return residual
