"""Families: functions of one array, element by element."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 14, inputs 2, z 1, values 1
out: out 5, y 4, result 3, output 2
gate_value: gate_value 3, gate 2, soft_gate 1, _gate 1
gated_activation: gated_activation 4, self_gated 2, gated_unit 1, activation 3
opened: opened 2, gate 4, g 1
sharpness: sharpness 3, beta 5, slope 1
smooth_relu: smooth_relu 5, soft_relu 2, smooth_rectifier 2
ramp: ramp 3, rectify 2, soft_ramp 1, _ramp 1
width: width 4, w 1, softness 2, bandwidth 1
horner: horner 5, polyval 2, evaluate_polynomial 2, poly 1
coefficients: coefficients 4, coeffs 4, coefs 2
total: total 3, result 2, acc 3
coefficient: coefficient 3, c 4, coeff 2
squared: squared 3, x2 4, x_squared 1
numerator: numerator 4, num 4, top 1
denominator: denominator 4, den 4, bottom 1
orthogonal_features: orthogonal_features 4, polynomial_features 4, basis_features 1, polynomial_basis 2
basis: basis 4, build_basis 2, recurrence 1
terms: terms 4, values 2, polys 2
degree: degree 6, order 2, max_degree 1
following: following 1, new 1, next_term 4
features: features 5, feats 2, encoding 1
positions: positions 4, pos 3, x 2
fourier_features: fourier_features 5, positional_encoding 4, frequency_encoding 2, encode_positions 1
num_bands: num_bands 4, num_frequencies 3, n_freqs 2, num_octaves 1
frequencies: frequencies 4, freqs 5, omega 1
angles: angles 5, phase 2, args 2
timestep_embedding: timestep_embedding 5, sinusoidal_embedding 4, time_embedding 3, get_timestep_embedding 1
timesteps: timesteps 5, t 4, time 1
max_period: max_period 5, max_timescale 2, base 1
half: half 4, half_dim 4, num_freqs 1
embedding: embedding 4, emb 4
compand: compand 5, compress 3, companding 1
signal: signal 4, x 3, audio 1, samples 2
magnitude: magnitude 4, mag 2, level 1
levels: levels 4, num_levels 2, steps 1
compress_magnitude: compress_magnitude 4, compress 2, _compress 1
expand_magnitude: expand_magnitude 4, expand 2, _expand 1
link: link 4, link_function 3, apply_link 2
link_value: link_value 3, forward_link 1, _link 2
probability: probability 3, p 6, probs 2, mean 1
shrink: shrink 3, eps 4, smoothing 2
eta: eta 5, linear_predictor 2, score 1
window: window 5, window_function 2, taper 3
shape_window: shape_window 3, window_shape 2, _window 1
weight: weight 4, w 4, taper 1
ease: ease 5, easing 4, easing_curve 2
ease_in: ease_in 5, ease_shape 1, curve 2
t: t 6, progress 2, u 1
eased: eased 4, value 2, y 2
oscillator: oscillator 4, waveform 3, wave 2, synth 1
wave_shape: wave_shape 3, shape 1, waveform 2, _wave 1
phase: phase 5, phi 2, theta 1
wave: wave 4, y 2, osc 1
tone_map: tone_map 5, tonemap 4, tone_mapping 2
tone_curve: tone_curve 5, curve 2, _curve 1
luminance: luminance 4, image 3, luma 2, lum 1
exposed: exposed 3, linear 1, scaled 2
mapped: mapped 4, display 2, out 2
saturation_vapour_pressure: saturation_vapour_pressure 4, saturation_vapor_pressure 5, vapor_pressure 2, svp 1
celsius: celsius 3, temperature 4, t_c 2, temp_c 2
gamma: gamma 4, alpha 1, log_ratio 1
pressure: pressure 4, e_s 2, p_sat 2, p 1
pitch_scale: pitch_scale 3, frequency_scale 3, hz_to_scale 2, warp_frequency 1
hertz: hertz 2, hz 4, frequency 3, freq 3
calendar_features: calendar_features 4, seasonal_features 3, cyclic_features 3, time_features 3
hours: hours 5, time 2, t 2
periods: periods 4, cycles 1
period: period 5, cycle 1
pair_potential: pair_potential 4, pairwise_energy 3, potential 3, pair_energy 2
pair_energy: pair_energy 4, potential 3, _energy 1
distance: distance 4, r 6, dist 2
energy: energy 5, u 2, e 1
standard_log_density: standard_log_density 3, standard_logpdf 3, _logpdf 2
location_scale_density: location_scale_density 3, log_density 4, logpdf 4, log_prob 4
normal_cdf: normal_cdf 5, phi 2, gaussian_cdf 3, approx_normal_cdf 2
cdf: cdf 5, p 2, phi 1
occupation: occupation 4, mean_occupation 3, occupation_number 3
dose_response: dose_response 5, response_curve 3, concentration_response 2
dose: dose 5, concentration 3, conc 2
response: response 5, effect 4, y 1
"""

TANH_NUMERATOR = (1.0, 105.0, 945.0)
TANH_DENOMINATOR = (15.0, 420.0, 945.0)
EXP_COEFFICIENTS = (1.0, 12.0, 60.0, 120.0)
ATAN_NUMERATOR = (55.0, 105.0)
ATAN_DENOMINATOR = (9.0, 90.0, 105.0)
SINE_COEFFICIENTS = (2.7557e-6, -1.98413e-4, 8.33333e-3, -0.1666667, 1.0)
COSINE_COEFFICIENTS = (2.48016e-5, -1.388889e-3, 4.166667e-2, -0.5, 1.0)
ERF_COEFFICIENTS = (0.078108, 0.000972, 0.230389, 0.278393, 1.0)
NORMAL_TAIL = (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530)
PERIODS = (24.0, 168.0)
LONG_PERIODS = (24.0, 168.0, 730.5)


def horner(x, coefficients):
    """Evaluates a polynomial; the coefficient of the highest power comes first."""
    total = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


# ---------------------------------------------------------------- activations


def gate_value(x, kind="sigmoid"):
    if kind == "sigmoid":
        return jax.nn.sigmoid(x)
    if kind == "normal":
        return 0.5 * (1.0 + jax.lax.erf(x / jnp.sqrt(2.0)))
    if kind == "cubic":
        inner = jnp.sqrt(2.0 / jnp.pi) * (x + 0.044715 * x**3)
        return 0.5 * (1.0 + jnp.tanh(inner))
    if kind == "algebraic":
        return 0.5 * (1.0 + x * jax.lax.rsqrt(1.0 + jnp.square(x)))
    if kind == "arctan":
        return 0.5 + jnp.arctan(x) / jnp.pi
    if kind == "softsign":
        return 0.5 * (1.0 + x / (1.0 + jnp.abs(x)))
    if kind == "hard":
        return jnp.clip(x / 6.0 + 0.5, 0.0, 1.0)
    return jnp.tanh(jax.nn.softplus(x))


@family(
    "unary",
    x="... n",
    gate=("sigmoid", "normal", "cubic", "algebraic", "arctan", "softsign", "hard", "softplus"),
    sharpness={None: 3, 1.702: 1, 2.0: 1},
    leak={None: 3, 0.01: 1, 0.1: 1},
    limit={None: 4, 1.0: 1, 1.5: 1},
    curved=(False, False, True),
    gain={None: 4, 1.6765: 1},
)
def gated_activation(
    x, *, gate="sigmoid", sharpness=None, leak=None, limit=None, curved=False, gain=None
):
    """Passes each value through a gate that the value itself opens.

    Args:
      x: the pre-activations, of any shape.
      gate: the kind of the gate.
      sharpness: how fast the gate opens around zero.
      leak: the part that passes a closed gate.
      limit: the largest magnitude of a result.
      curved: whether the gate is applied to a squared value.
      gain: a factor that keeps the variance.

    Returns:
      The activations, of the same shape.
    """
    if sharpness is not None:
        opened = gate_value(sharpness * x, kind=gate)
    else:
        opened = gate_value(x, kind=gate)
    if leak is not None:
        # Let a little through where the gate is closed.
        opened = opened + leak * (1.0 - opened)
    if curved:
        out = jnp.square(x) * opened
    else:
        out = x * opened
    if gain is not None:
        out = out * gain
    if limit is not None:
        out = jnp.clip(out, -limit, limit)
    return out


def ramp(x, kind="softplus", width=0.5):
    if kind == "softplus":
        return width * jax.nn.softplus(x / width)
    if kind == "squareplus":
        return 0.5 * (x + jnp.sqrt(jnp.square(x) + 4.0 * width * width))
    if kind == "normal":
        z = x / width
        density = jnp.exp(-0.5 * jnp.square(z)) / jnp.sqrt(2.0 * jnp.pi)
        return width * (0.5 * z * jax.scipy.special.erfc(-z / jnp.sqrt(2.0)) + density)
    if kind == "logcosh":
        return 0.5 * (x + width * jnp.log(jnp.cosh(x / width)))
    if kind == "arctan":
        return x * (0.5 + jnp.arctan(x / width) / jnp.pi)
    return jax.nn.elu(x / width) * width


@family(
    "unary",
    x="... n",
    kind=("softplus", "squareplus", "normal", "logcosh", "arctan", "elu"),
    threshold={None: 3, 0.5: 1, -0.5: 1},
    ceiling={None: 3, 1.0: 1, 1.5: 1},
    leak={None: 3, 0.1: 1, 0.2: 1},
    centred={False: 3, True: 1},
    power={None: 4, 2: 1, 3: 1},
)
def smooth_relu(
    x,
    *,
    kind="softplus",
    threshold=None,
    ceiling=None,
    leak=None,
    centred=False,
    power=None,
):
    """A rectifier without a kink.

    Args:
      x: the inputs.
      kind: the shape of the transition.
      threshold: where the transition is; zero by default.
      ceiling: how far above the threshold a second transition stops the rise.
      leak: the slope of an added straight line.
      power: an exponent for the result.
    """
    if threshold is not None:
        x = x - threshold
    out = ramp(x, kind=kind)
    if ceiling is not None:
        # A second ramp takes away what is above the ceiling.
        out = out - ramp(x - ceiling, kind=kind)
    if power is not None:
        out = out**power
    if leak is not None:
        out = out + leak * x
    if centred:
        out = out - ramp(0.0, kind=kind)
    return out


# ---------------------------------------------------------------- approximations


def tanh_pade(x):
    squared = jnp.square(x)
    numerator = x * horner(squared, TANH_NUMERATOR)
    return numerator / horner(squared, TANH_DENOMINATOR)


def exp_pade(x):
    numerator = horner(x, EXP_COEFFICIENTS)
    return numerator / horner(-x, EXP_COEFFICIENTS)


@family(
    "unary",
    x="... n in -2..2",
    halvings={0: 2, 1: 2, 2: 1, 3: 1},
    function=("exp", "tanh", "sigmoid", "cosh", "expm1", "gaussian"),
    limit={None: 3, 1.5: 1, 1.75: 1},
    refine={False: 3, True: 1},
    spelled_out=(Code("False"), Code("True")),
)
def fast_exponential(x, *, function="exp", halvings=1, limit=None, refine=False, spelled_out=False):
    """A rational approximation of a function that belongs to the exponential."""
    if limit is not None:
        x = jnp.clip(x, -limit, limit)
    if function == "gaussian":
        exponent = -0.5 * jnp.square(x)
    elif function == "tanh":
        exponent = 2.0 * x
    else:
        exponent = x
    if halvings > 0:
        # Shrink the argument to where the approximation is good.
        reduced = exponent / 2**halvings
    else:
        reduced = exponent
    if spelled_out:
        numerator = 12.0 + reduced * (6.0 + reduced)
        denominator = 12.0 - reduced * (6.0 - reduced)
        power = numerator / denominator
    else:
        power = exp_pade(reduced)
    if halvings > 0:
        for _ in range(halvings):
            power = power * power
    if refine:
        # One step of Newton's method on the logarithm.
        power = power * (1.0 + exponent - jnp.log(power))
    if function == "tanh":
        return (power - 1.0) / (power + 1.0)
    if function == "sigmoid":
        return power / (1.0 + power)
    if function == "cosh":
        return 0.5 * (power + 1.0 / power)
    if function == "expm1":
        return power - 1.0
    return power


@family(
    "unary",
    x="... n in -1.5..1.5",
    function=("tanh", "atan", "sin", "cos", "erf", "tan", "gudermann"),
    limit={None: 2, 1.0: 1, 1.25: 1},
    gain={None: 2, 0.5: 1, 0.8: 1},
    doubled=(False, True),
    residual={False: 4, True: 1},
)
def fast_odd_function(x, *, function="tanh", limit=None, gain=None, doubled=False, residual=False):
    """Approximates a function by a polynomial or a quotient of two."""
    if gain is not None:
        x = gain * x
    if limit is not None:
        x = jnp.clip(x, -limit, limit)
    squared = jnp.square(x)
    if function == "tanh":
        approximation = tanh_pade(x)
        if doubled:
            approximation = 2.0 * approximation / (1.0 + jnp.square(approximation))
    elif function == "atan":
        approximation = x * horner(squared, ATAN_NUMERATOR) / horner(squared, ATAN_DENOMINATOR)
        if doubled:
            approximation = 2.0 * approximation / jnp.pi
    elif function == "sin":
        approximation = x * horner(squared, SINE_COEFFICIENTS)
        if doubled:
            # The sine of the double angle.
            approximation = 2.0 * approximation * horner(squared, COSINE_COEFFICIENTS)
    elif function == "cos":
        approximation = horner(squared, COSINE_COEFFICIENTS)
        if doubled:
            # The cosine of the double angle.
            approximation = 2.0 * jnp.square(approximation) - 1.0
    elif function == "tan":
        sine = x * horner(squared, SINE_COEFFICIENTS)
        approximation = sine / (1.0 + horner(squared, COSINE_COEFFICIENTS))
        if doubled:
            approximation = 2.0 * approximation / (1.0 + jnp.square(approximation))
    elif function == "gudermann":
        half = tanh_pade(0.5 * x)
        if doubled:
            approximation = 2.0 * jnp.arctan(half)
        else:
            approximation = 2.0 * half / (1.0 + 0.28 * jnp.square(half))
    else:
        size = horner(jnp.abs(x), ERF_COEFFICIENTS)
        approximation = jnp.sign(x) * (1.0 - 1.0 / jnp.square(jnp.square(size)))
        if doubled:
            approximation = 0.5 * (1.0 + approximation)
    if residual:
        return x - approximation
    return approximation


@family(
    "unary",
    x="... n",
    method=("logistic", "cubic", "tail", "erf", "bowling", "polya"),
    upper=(False, True),
    log={False: 2, True: 1},
    standard=(True, False),
    truncate={False: 3, True: 1},
    scaled=(False, True),
)
def normal_cdf(
    x, *, method="logistic", upper=False, log=False, standard=True, truncate=False, scaled=False
):
    """The distribution function of the normal distribution, by a short formula.

    Args:
      x: where to evaluate it.
      method: the formula.
      upper: whether the probability above is wanted, rather than that below.
      log: whether the logarithm is wanted.
      truncate: whether the probability is kept away from zero and one.
    """
    if not standard:
        x = (x - 0.25) / 1.5
    if upper:
        x = -x
    if method == "logistic":
        cdf = jax.nn.sigmoid(1.702 * x)
    elif method == "cubic":
        cdf = 0.5 * (1.0 + jnp.tanh(jnp.sqrt(2.0 / jnp.pi) * (x + 0.044715 * x**3)))
    elif method == "tail":
        t = 1.0 / (1.0 + 0.2316419 * jnp.abs(x))
        tail = t * horner(t, NORMAL_TAIL)
        density = jnp.exp(-0.5 * jnp.square(x)) / jnp.sqrt(2.0 * jnp.pi)
        cdf = 0.5 + jnp.sign(x) * (0.5 - density * tail)
    elif method == "bowling":
        cdf = 1.0 / (1.0 + jnp.exp(-(1.5976 * x + 0.07056 * x**3)))
    elif method == "polya":
        root = jnp.sqrt(-jnp.expm1(-2.0 * jnp.square(x) / jnp.pi) + 1e-6)
        cdf = 0.5 * (1.0 + jnp.sign(x) * root)
    else:
        cdf = 0.5 * jax.scipy.special.erfc(-x / jnp.sqrt(2.0))
    if truncate:
        cdf = jnp.clip(cdf, 0.01, 0.99)
    if log:
        return jnp.log(cdf)
    if scaled:
        return 2.0 * cdf - 1.0
    return cdf


# ---------------------------------------------------------------- features


def basis(x, kind="chebyshev", degree=4):
    if kind == "laguerre":
        terms = [jnp.ones_like(x), 1.0 - x]
    elif kind == "chebyshev_second":
        terms = [jnp.ones_like(x), 2.0 * x]
    else:
        terms = [jnp.ones_like(x), x]
    for k in range(1, degree):
        if kind == "chebyshev" or kind == "chebyshev_second":
            following = 2.0 * x * terms[k] - terms[k - 1]
        elif kind == "legendre":
            following = ((2 * k + 1) * x * terms[k] - k * terms[k - 1]) / (k + 1)
        elif kind == "laguerre":
            following = ((2 * k + 1 - x) * terms[k] - k * terms[k - 1]) / (k + 1)
        elif kind == "hermite":
            following = x * terms[k] - k * terms[k - 1]
        else:
            following = x * terms[k]
        terms.append(following)
    return terms


@family(
    "unary",
    x="... n",
    kind=("chebyshev", "chebyshev_second", "legendre", "hermite", "laguerre", "monomial"),
    degree=(2, 3, 4, 5, 6),
    domain=(None, "scale", "tanh", "clip"),
    weighting={None: 4, "gaussian": 1, "semicircle": 1},
    constant=(True, False),
    axis={-1: 4, 0: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "b": (2, 3, 4)},
)
def orthogonal_features(
    x, *, kind="chebyshev", degree=4, domain=None, weighting=None, constant=True, axis=-1
):
    """Stacks the values of a family of polynomials, from the lowest degree up.

    Args:
      x: the points.
      kind: the family of polynomials.
      degree: the highest degree.
      domain: how points are brought into the interval of the polynomials.
      weighting: a weight that all of them are multiplied by.
      constant: whether the constant polynomial is among them.
      axis: the axis along which they are stacked.
    """
    if domain == "scale":
        x = 0.5 * x
    elif domain == "tanh":
        x = jnp.tanh(x)
    elif domain == "clip":
        x = jnp.clip(x, -1.0, 1.0)
    terms = basis(x, kind=kind, degree=degree)
    if not constant:
        terms = terms[1:]
    if weighting == "gaussian":
        weight = jnp.exp(-0.25 * jnp.square(x))
        terms = [weight * term for term in terms]
    elif weighting == "semicircle":
        weight = jnp.sqrt(4.5 - jnp.square(x))
        terms = [weight * term for term in terms]
    return jnp.stack(terms, axis=axis)


@family(
    "unary",
    positions="... n in -1..1",
    num_bands=(2, 3, 4, 5),
    spacing=("octaves", "linear", "geometric"),
    order=("concatenated", "interleaved", "stacked", "cosine"),
    keep_input=(False, True),
    damping={None: 3, 0.5: 1, 0.25: 1},
    scale={None: 2, 3.1415927: 1, 2.0: 1},
    unit_norm=(False, False, True),
    sizes={"n": (4, 5, 6, 8, 10), "b": (2, 3, 4)},
)
def fourier_features(
    positions,
    *,
    num_bands=4,
    spacing="octaves",
    order="concatenated",
    keep_input=False,
    damping=None,
    scale=None,
    unit_norm=False,
):
    """Encodes positions by sines and cosines of several frequencies.

    Args:
      positions: the coordinates.
      num_bands: the number of frequencies.
      spacing: how the frequencies follow each other.
      order: how sines and cosines are arranged.
      keep_input: whether the positions themselves come first.
      damping: how fast amplitudes fall with the band.
      scale: a factor of the positions.

    Returns:
      The encoding, with one more axis than the positions.
    """
    if spacing == "octaves":
        frequencies = 2.0 ** jnp.arange(num_bands)
    elif spacing == "linear":
        frequencies = 1 + jnp.arange(num_bands)
    else:
        frequencies = jnp.exp(-jnp.arange(num_bands) * 0.75)
    if scale is not None:
        angles = scale * positions[..., None] * frequencies
    else:
        angles = positions[..., None] * frequencies
    sines = jnp.sin(angles)
    cosines = jnp.cos(angles)
    if damping is not None:
        # Fine bands count less.
        amplitude = jnp.exp(-damping * jnp.arange(num_bands))
        sines = amplitude * sines
        cosines = amplitude * cosines
    if order == "concatenated":
        features = jnp.concatenate([sines, cosines], axis=-1)
    elif order == "interleaved":
        features = jnp.stack([sines, cosines], axis=-1)
        features = features.reshape(*positions.shape, -1)
    elif order == "stacked":
        features = jnp.concatenate([cosines, sines], axis=-1)
    else:
        features = cosines
    if unit_norm:
        features = features / jnp.sqrt(num_bands)
    if keep_input:
        features = jnp.concatenate([positions[..., None], features], axis=-1)
    return features


@family(
    "unary",
    timesteps="n in 0..10",
    half=(2, 3, 4, 6, 8),
    max_period=(10.0, 100.0, 10000.0),
    inclusive=(False, True),
    cosine_first=(True, False),
    interleave=(False, False, True),
    warp={None: 3, "log": 2, "scale": 1, "sqrt": 1},
    pad={False: 4, True: 1},
    broadcast=(False, False, True),
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def timestep_embedding(
    timesteps,
    *,
    half=4,
    max_period=10000.0,
    inclusive=False,
    cosine_first=True,
    interleave=False,
    warp=None,
    pad=False,
    broadcast=False,
):
    """Sinusoidal embeddings of timesteps.

    Args:
      timesteps: one step for each example; it may have a fraction.
      half: the number of frequencies.
      max_period: the longest period, which the lowest frequency has.
      inclusive: whether the longest period is reached exactly.
      cosine_first: whether cosines come before sines.
      warp: what is done to the steps before.
      pad: whether a zero is appended, for an odd number of channels.

    Returns:
      One row for each timestep.
    """
    if warp == "log":
        timesteps = 0.25 * jnp.log1p(timesteps)
    elif warp == "scale":
        timesteps = timesteps / 10.0
    elif warp == "sqrt":
        timesteps = jnp.sqrt(timesteps + 1.0)
    if inclusive:
        exponent = jnp.linspace(0.0, 1.0, half)
    else:
        exponent = jnp.arange(half) / half
    frequencies = max_period**-exponent
    angles = timesteps[:, None] * frequencies[None, :]
    if interleave:
        embedding = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        embedding = embedding.reshape(timesteps.shape[0], -1)
    elif cosine_first:
        embedding = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    else:
        embedding = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    if pad:
        embedding = jnp.pad(embedding, ((0, 0), (0, 1)))
    if broadcast:
        # Leave room for the height and the width.
        embedding = embedding[:, :, None, None]
    return embedding


@family(
    "unary",
    hours="n in 0..72",
    periods={"short": 1, "long": 1, "day": 1},
    harmonics=(1, 1, 2, 3),
    encoding=("both", "both", "sine", "bump"),
    trend={None: 3, "linear": 1, "log": 1, "saturating": 1},
    peak={None: 3, 8.0: 1, 17.5: 1},
    axis={-1: 3, 0: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def calendar_features(
    hours, *, periods="short", harmonics=1, encoding="both", trend=None, peak=None, axis=-1
):
    """Features of a point in time that repeat with the day and longer cycles.

    Args:
      hours: hours since a fixed midnight.
      harmonics: how many multiples of each cycle's frequency there are.
      trend: what doesn't repeat.
      peak: the hour at which the cycles have their phase zero.
      axis: the axis of the features.
    """
    features = []
    if trend == "linear":
        features.append(hours / 168.0)
    elif trend == "log":
        features.append(jnp.log1p(hours))
    elif trend == "saturating":
        features.append(hours / (hours + 24.0))
    if periods == "long":
        cycles = LONG_PERIODS
    elif periods == "short":
        cycles = PERIODS
    else:
        cycles = (24.0,)
    for period in cycles:
        if peak is not None:
            angle = 2.0 * jnp.pi * (hours - peak) / period
        else:
            angle = 2.0 * jnp.pi * hours / period
        if encoding == "bump":
            # A smooth bump once in each cycle.
            features.append(jnp.exp(2.0 * (jnp.cos(angle) - 1.0)))
        for k in range(harmonics):
            features.append(jnp.sin((k + 1) * angle))
            if encoding == "both":
                features.append(jnp.cos((k + 1) * angle))
    return jnp.stack(features, axis=axis)


# ---------------------------------------------------------------- signals


def compress_magnitude(x, law="mu", strength=15.0):
    if law == "mu":
        return jnp.log1p(strength * x) / jnp.log1p(strength)
    if law == "root":
        return jnp.sqrt(x + 1e-3)
    if law == "arcsinh":
        return jnp.arcsinh(strength * x) / jnp.arcsinh(strength)
    if law == "rational":
        return x * (1.0 + strength) / (1.0 + strength * x)
    if law == "exponential":
        return jnp.expm1(-3.0 * x) / jnp.expm1(-3.0)
    return jnp.tanh(2.0 * x) / jnp.tanh(2.0)


def expand_magnitude(x, law="mu", strength=15.0):
    if law == "mu":
        return jnp.expm1(x * jnp.log1p(strength)) / strength
    if law == "root":
        return jnp.square(x) - 1e-3
    if law == "arcsinh":
        return jnp.sinh(x * jnp.arcsinh(strength)) / strength
    if law == "rational":
        return x / (1.0 + strength - strength * x)
    if law == "exponential":
        return -jnp.log1p(x * jnp.expm1(-3.0)) / 3.0
    return 0.5 * jnp.arctanh(0.99 * x * jnp.tanh(2.0))


@family(
    "unary",
    signal="... n in -1..1",
    law=("mu", "root", "arcsinh", "rational", "exponential", "tanh"),
    strength=(15.0, 31.0, 255.0),
    gain={None: 3, 0.5: 1, 2.0: 1},
    levels={None: 2, 8: 1, 16: 1, 64: 1},
    straight_through=(True, False),
    expand=(False, True),
    bias={None: 4, 0.05: 1},
)
def compand(
    signal,
    *,
    law="mu",
    strength=15.0,
    gain=None,
    levels=None,
    straight_through=True,
    expand=False,
    bias=None,
):
    """Compresses the dynamic range of a signal with values between -1 and 1."""
    if bias is not None:
        signal = signal + bias
    if gain is not None:
        signal = jnp.clip(gain * signal, -1.0, 1.0)
    magnitude = compress_magnitude(jnp.abs(signal), law=law, strength=strength)
    if levels is not None:
        rounded = jnp.round(magnitude * levels) / levels
        if straight_through:
            # Round forwards, but not backwards.
            magnitude = magnitude + lax.stop_gradient(rounded - magnitude)
        else:
            # Half of the rounding error stays, as a soft kind of quantisation.
            magnitude = 0.5 * (magnitude + rounded)
    if expand:
        magnitude = expand_magnitude(magnitude, law=law, strength=strength)
    return jnp.sign(signal) * magnitude


def shape_window(x, kind="hann"):
    if kind == "hann":
        return 0.5 * (1.0 + jnp.cos(jnp.pi * x))
    if kind == "hamming":
        return 0.54 + 0.46 * jnp.cos(jnp.pi * x)
    if kind == "blackman":
        return 0.42 + 0.5 * jnp.cos(jnp.pi * x) + 0.08 * jnp.cos(2.0 * jnp.pi * x)
    if kind == "cosine":
        return jnp.cos(0.5 * jnp.pi * x)
    if kind == "welch":
        return 1.0 - jnp.square(x)
    if kind == "gaussian":
        return jnp.exp(-0.5 * jnp.square(x / 0.4))
    if kind == "lanczos":
        return jnp.sinc(x) * jnp.sinc(0.5 * x)
    if kind == "bartlett":
        return 1.0 - jnp.abs(x)
    return (1.0 - jnp.abs(x)) * jnp.cos(jnp.pi * x) + jnp.sin(jnp.pi * jnp.abs(x)) / jnp.pi


@family(
    "unary",
    positions="... n in 0..1",
    kind=(
        "hann",
        "hamming",
        "blackman",
        "cosine",
        "welch",
        "gaussian",
        "lanczos",
        "bartlett",
        "bohman",
    ),
    root={False: 3, True: 1},
    carrier={None: 3, 4.0: 1, 6.0: 1},
    pedestal={None: 3, 0.05: 1, 0.1: 1},
    stretch={None: 2, 0.8: 1, 0.9: 1},
    complement={False: 4, True: 1},
)
def window(
    positions,
    *,
    kind="hann",
    root=False,
    carrier=None,
    pedestal=None,
    stretch=None,
    complement=False,
):
    """A window function at positions between zero and one; it is greatest in the middle.

    Args:
      positions: where to evaluate it.
      kind: its shape.
      root: whether its square root is taken, for an analysis and a synthesis with the same one.
      carrier: the frequency of a wave that it modulates.
      pedestal: the value at both ends.
      stretch: the part of the range that it covers.
      complement: whether the middle is suppressed instead.
    """
    # From -1 at the left end to 1 at the right end.
    x = 2.0 * positions - 1.0
    if stretch is not None:
        x = jnp.clip(x / stretch, -1.0, 1.0)
    weight = shape_window(x, kind=kind)
    if root:
        weight = jnp.sqrt(jnp.abs(weight) + 1e-3)
    if pedestal is not None:
        weight = weight + pedestal * (1.0 - weight)
    if complement:
        weight = 1.0 - weight
    if carrier is not None:
        weight = weight * jnp.cos(carrier * x)
    return weight


def wave_shape(phase, kind="triangle"):
    if kind == "triangle":
        return 2.0 / jnp.pi * jnp.arcsin(0.999 * jnp.sin(phase))
    if kind == "sawtooth":
        cycle = phase / (2.0 * jnp.pi)
        return 2.0 * (cycle - jnp.floor(cycle)) - 1.0
    if kind == "square":
        return jnp.tanh(4.0 * jnp.sin(phase))
    if kind == "odd_harmonics":
        wave = jnp.sin(phase)
        for k in (3, 5, 7):
            wave = wave + jnp.sin(k * phase) / k
        return 4.0 / jnp.pi * wave
    if kind == "pulse":
        return jnp.exp(3.0 * (jnp.cos(phase) - 1.0))
    if kind == "rounded":
        return jnp.sin(phase) / jnp.sqrt(0.5 + jnp.square(jnp.sin(phase)))
    return jnp.sin(phase + 1.5 * jnp.sin(2.0 * phase))


@family(
    "unary",
    phase="... n in 0..6.2",
    kind=("rounded", "triangle", "sawtooth", "square", "odd_harmonics", "pulse", "modulated"),
    detune={None: 2, 1.01: 1, 1.5: 1},
    octave={None: 3, 0.3: 1, 0.5: 1},
    drive={None: 2, "tanh": 1, "fold": 1, "cubic": 1},
    offset={None: 3, 0.2: 1},
    decay={None: 3, 0.1: 1, 0.25: 1},
    mix=(0.25, 0.5),
)
def oscillator(
    phase,
    *,
    kind="triangle",
    detune=None,
    octave=None,
    drive=None,
    offset=None,
    decay=None,
    mix=0.5,
):
    """One voice of a synthesiser, as a function of the phase in radians."""
    wave = wave_shape(phase, kind=kind)
    if detune is not None:
        # A second oscillator, slightly off.
        wave = wave + mix * wave_shape(detune * phase, kind=kind)
    if octave is not None:
        wave = wave + octave * jnp.sin(2.0 * phase)
    if offset is not None:
        wave = wave + offset
    if drive == "tanh":
        wave = jnp.tanh(1.5 * wave)
    elif drive == "fold":
        wave = jnp.sin(0.5 * jnp.pi * wave)
    elif drive == "cubic":
        wave = jnp.clip(wave, -1.0, 1.0)
        wave = 1.5 * wave - 0.5 * wave**3
    if decay is not None:
        wave = wave * jnp.exp(-decay * phase)
    return wave


def ease_in(t, kind="cubic"):
    if kind == "quadratic":
        return jnp.square(t)
    if kind == "cubic":
        return t**3
    if kind == "sine":
        return 1.0 - jnp.cos(0.5 * jnp.pi * t)
    if kind == "exponential":
        return jnp.expm1(4.0 * t) / jnp.expm1(4.0)
    if kind == "circular":
        return 1.0 - jnp.sqrt(1.001 - jnp.square(t))
    if kind == "back":
        return jnp.square(t) * (2.70158 * t - 1.70158)
    if kind == "elastic":
        return jnp.exp2(6.0 * (t - 1.0)) * jnp.cos(4.0 * jnp.pi * (t - 1.0))
    if kind == "smoothstep":
        return jnp.square(t) * (3.0 - 2.0 * t)
    return t**3 * (t * (6.0 * t - 15.0) + 10.0)


@family(
    "unary",
    t="... n in -0.1..1.1",
    kind=(
        "quadratic",
        "cubic",
        "sine",
        "exponential",
        "circular",
        "back",
        "elastic",
        "smoothstep",
        "smootherstep",
    ),
    direction=("in", "out", "mirror", "blend"),
    repeat={None: 3, "loop": 1, "ping_pong": 1},
    span={None: 2, (0.0, 10.0): 1, (-1.0, 1.0): 1},
    speed={None: 4, 0.8: 1},
)
def ease(t, *, kind="cubic", direction="in", repeat=None, span=None, speed=None):
    """Turns the progress of an animation into a position.

    Args:
      t: the progress, from zero to one.
      kind: the curve.
      direction: which end of the curve is gentle.
      repeat: what happens beyond the end.
      span: the first and the last position.
      speed: a factor of the progress.

    Returns:
      The positions.
    """
    if speed is not None:
        t = speed * t
    if repeat == "loop":
        t = t - jnp.floor(t)
    elif repeat == "ping_pong":
        # Run forth and back.
        t = 1.0 - jnp.abs(1.0 - 1.5 * jnp.clip(t, 0.0, 1.0))
    else:
        t = jnp.clip(t, 0.0, 1.0)
    if direction == "in":
        eased = ease_in(t, kind=kind)
    elif direction == "out":
        eased = 1.0 - ease_in(1.0 - t, kind=kind)
    elif direction == "mirror":
        eased = ease_in(1.0 - jnp.abs(2.0 * t - 1.0), kind=kind)
    else:
        eased = (1.0 - t) * ease_in(t, kind=kind) + t * (1.0 - ease_in(1.0 - t, kind=kind))
    if span is not None:
        start, stop = span
        eased = start + (stop - start) * eased
    return eased


# ---------------------------------------------------------------- colour and sound


def tone_curve(x, kind="reinhard"):
    if kind == "reinhard":
        return x / (1.0 + x)
    if kind == "extended":
        return x * (1.0 + x / 16.0) / (1.0 + x)
    if kind == "hable":
        numerator = x * (0.15 * x + 0.05) + 0.004
        denominator = x * (0.15 * x + 0.5) + 0.06
        return numerator / denominator - 0.0667
    if kind == "aces":
        return x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    if kind == "exponential":
        return 1.0 - jnp.exp(-x)
    if kind == "log":
        return jnp.log2(1.0 + x) / jnp.log2(5.0)
    if kind == "pq":
        powered = x**0.1593
        return ((0.8359 + 18.8516 * powered) / (1.0 + 18.6875 * powered)) ** 78.8438
    return x / jnp.sqrt(1.0 + jnp.square(x))


@family(
    "unary",
    luminance="h d in 0.02..4",
    kind=("reinhard", "extended", "hable", "aces", "exponential", "log", "pq", "root"),
    exposure={None: 2, 0.7: 1, 1.4: 1, 2.0: 1},
    white={False: 3, True: 1},
    contrast={None: 3, "power": 1, "sigmoid": 1, "smoothstep": 1},
    gamma={None: 1, 2.2: 2, 2.4: 1},
    invert={False: 5, True: 1},
    sizes={"h": (4, 6, 8)},
    only="float32",
)
def tone_map(
    luminance,
    *,
    kind="reinhard",
    exposure=None,
    white=False,
    contrast=None,
    gamma=None,
    invert=False,
):
    """Maps the luminance of a scene to what a display can show.

    Args:
      luminance: relative luminance, one value for each pixel.
      kind: the tone curve.
      exposure: a factor of the luminance.
      white: whether the curve is scaled so that the brightest value becomes white.
      contrast: a curve that is applied after it.
      gamma: the exponent of the display.
      invert: whether a negative is wanted.
    """
    if exposure is not None:
        luminance = exposure * luminance
    mapped = tone_curve(luminance, kind=kind)
    if white:
        mapped = mapped / tone_curve(8.0, kind=kind)
    if contrast == "power":
        mapped = jnp.clip(mapped, 1e-3, 1.0)
        mapped = mapped**1.2
    elif contrast == "sigmoid":
        mapped = jax.nn.sigmoid(6.0 * (mapped - 0.5))
    elif contrast == "smoothstep":
        mapped = jnp.clip(mapped, 0.0, 1.0)
        mapped = jnp.square(mapped) * (3.0 - 2.0 * mapped)
    if gamma is not None:
        # Encode for the display.
        mapped = jnp.clip(mapped, 1e-3, 1.0) ** (1.0 / gamma)
    if invert:
        mapped = 1.0 - mapped
    return mapped


@family(
    "unary",
    hertz="... n in 50..4000",
    scale=("mel", "mel", "bark", "erb", "octave", "semitone", "greenwood"),
    clip={None: 3, (100.0, 3000.0): 1},
    normalise={None: 2, "range": 1, "centre": 1},
    period=(None, None, "sine", "chroma"),
    width={None: 3, 50.0: 1, 120.0: 1},
    only="float32",
)
def pitch_scale(hertz, *, scale="mel", clip=None, normalise=None, period=None, width=None):
    """Converts frequencies to a scale of perceived pitch.

    Args:
      hertz: the frequencies.
      scale: the scale.
      clip: the lowest and the highest frequency.
      normalise: how pitches are brought near zero and one.
      width: a number of hertz that is added before.
    """
    if clip is not None:
        hertz = jnp.clip(hertz, clip[0], clip[1])
    if width is not None:
        hertz = hertz + width
    if scale == "mel":
        pitch = 2595.0 * jnp.log10(1.0 + hertz / 700.0) / 100.0
    elif scale == "bark":
        ratio = jnp.square(hertz / 7500.0)
        pitch = 13.0 * jnp.arctan(0.00076 * hertz) + 3.5 * jnp.arctan(ratio)
    elif scale == "erb":
        pitch = 21.4 * jnp.log10(1.0 + 0.00437 * hertz)
    elif scale == "octave":
        pitch = jnp.log2(hertz / 55.0)
    elif scale == "greenwood":
        pitch = 16.7 * jnp.log10(hertz / 165.4 + 0.88)
    else:
        pitch = 69.0 + 12.0 * jnp.log2(hertz / 440.0)
    if normalise == "range":
        pitch = pitch / 30.0
    elif normalise == "centre":
        pitch = (pitch - 12.0) / 8.0
    if period == "sine":
        return jnp.sin(pitch)
    if period == "chroma":
        # Where the pitch lies on a circle.
        return jnp.stack([jnp.cos(pitch), jnp.sin(pitch)], axis=-1)
    return pitch


# ---------------------------------------------------------------- statistics


def link_value(p, kind="logit"):
    if kind == "logit":
        return jnp.log(p) - jnp.log1p(-p)
    if kind == "probit":
        return jnp.sqrt(2.0) * lax.erf_inv(2.0 * p - 1.0)
    if kind == "cloglog":
        return jnp.log(-jnp.log1p(-p))
    if kind == "loglog":
        return -jnp.log(-jnp.log(p))
    if kind == "cauchit":
        return jnp.tan(jnp.pi * (p - 0.5))
    if kind == "arcsine":
        return jnp.arcsin(jnp.sqrt(p))
    return jnp.log(p)


@family(
    "unary",
    probability="... n in 0.03..0.97",
    kind=("logit", "probit", "cloglog", "loglog", "cauchit", "arcsine", "log"),
    shrink={None: 2, 0.02: 1, 0.05: 1},
    temperature={None: 2, 0.5: 1, 2.0: 1},
    prior={None: 3, 0.1: 1, 0.3: 1},
    limit={None: 3, 2.0: 1, 2.5: 1},
    back={None: 3, "sigmoid": 2, "normal": 1, "tanh": 1},
)
def link(
    probability, *, kind="logit", shrink=None, temperature=None, prior=None, limit=None, back=None
):
    """Takes probabilities to the scale of a linear predictor.

    Args:
      probability: the probabilities.
      kind: the link function.
      shrink: how far probabilities are drawn to one half.
      temperature: what the predictor is divided by.
      prior: the base rate that counts as zero.
      limit: the largest magnitude of the predictor.
      back: the function that takes it back to a bounded range.
    """
    if shrink is not None:
        probability = probability + shrink * (0.5 - probability)
    eta = link_value(probability, kind=kind)
    if prior is not None:
        eta = eta - link_value(prior, kind=kind)
    if temperature is not None:
        eta = eta / temperature
    if limit is not None:
        eta = jnp.clip(eta, -limit, limit)
    if back == "sigmoid":
        return jax.nn.sigmoid(eta)
    if back == "normal":
        return 0.5 * jax.scipy.special.erfc(-eta / jnp.sqrt(2.0))
    if back == "tanh":
        return jnp.tanh(eta)
    return eta


def standard_log_density(z, kind="normal"):
    if kind == "normal":
        return -0.5 * (jnp.square(z) + jnp.log(2.0 * jnp.pi))
    if kind == "laplace":
        return -jnp.abs(z) - jnp.log(2.0)
    if kind == "logistic":
        return -z - 2.0 * jax.nn.softplus(-z)
    if kind == "cauchy":
        return -jnp.log1p(jnp.square(z)) - jnp.log(jnp.pi)
    if kind == "student":
        return -2.5 * jnp.log1p(jnp.square(z) / 4.0) - 0.9808
    if kind == "gumbel":
        return -z - jnp.exp(-z)
    return -jnp.logaddexp(z, -z) - jnp.log(jnp.pi / 2.0)


@family(
    "unary",
    x="... n",
    kind=("normal", "laplace", "logistic", "cauchy", "student", "gumbel", "sech"),
    location={None: 2, 0.5: 1, 1.0: 1},
    scale={None: 2, 0.5: 1, 1.5: 1},
    transform={None: 3, "square": 1, "sinh": 1, "exp": 1},
    output=("log", "log", "density", "surprise"),
    contaminated={None: 3, 0.1: 1},
)
def location_scale_density(
    x,
    *,
    kind="normal",
    location=None,
    scale=None,
    transform=None,
    output="log",
    contaminated=None,
):
    """The density of a distribution with a location and a scale, at each value.

    Args:
      x: the values.
      kind: the distribution.
      location: its centre.
      scale: its width.
      transform: a change of variables that comes first.
      output: whether the density is wanted, or its logarithm.
      contaminated: the share of outliers, which are spread four times as wide.
    """
    if location is not None:
        x = x - location
    if scale is not None:
        x = x / scale
    if transform == "square":
        jacobian = jnp.log1p(0.3 * jnp.square(x))
        x = x + 0.1 * x**3
    elif transform == "sinh":
        # The change of variables contributes its slope.
        jacobian = jnp.log(jnp.cosh(x))
        x = jnp.sinh(x)
    elif transform == "exp":
        jacobian = x
        x = jnp.expm1(x)
    log_density = standard_log_density(x, kind=kind)
    if contaminated is not None:
        wide = standard_log_density(x / 4.0, kind=kind) - jnp.log(4.0)
        log_density = jnp.logaddexp(
            jnp.log1p(-contaminated) + log_density, jnp.log(contaminated) + wide
        )
    if transform is not None:
        log_density = log_density + jacobian
    if scale is not None:
        log_density = log_density - jnp.log(scale)
    if output == "density":
        return jnp.exp(log_density)
    if output == "surprise":
        return -log_density / jnp.log(2.0)
    return log_density


# ---------------------------------------------------------------- sciences


@family(
    "unary",
    celsius="... n in -10..35",
    formula=("magnus", "tetens", "buck", "antoine", "clausius", "bolton"),
    unit={None: 2, "pa": 1, "mmhg": 1, "log": 1},
    humidity={None: 2, 0.4: 1, 0.7: 1},
    enhanced={False: 3, True: 1},
    quantity=("pressure", "pressure", "deficit", "slope", "mixing", "absolute", "dew_point"),
    only="float32",
)
def saturation_vapour_pressure(
    celsius, *, formula="magnus", unit=None, humidity=None, enhanced=False, quantity="pressure"
):
    """The pressure of water vapour in saturated air, or what follows from it.

    Args:
      celsius: the temperature of the air.
      formula: the empirical formula.
      unit: the unit of a pressure; hectopascals by default.
      humidity: the relative humidity of the air.
      enhanced: whether moist air is told from pure vapour.
      quantity: which quantity is wanted.
    """
    if formula == "magnus":
        pressure = 6.1094 * jnp.exp(17.625 * celsius / (celsius + 243.04))
    elif formula == "tetens":
        pressure = 6.1078 * jnp.power(10.0, 7.5 * celsius / (celsius + 237.3))
    elif formula == "buck":
        pressure = 6.1121 * jnp.exp((18.678 - celsius / 234.5) * (celsius / (257.14 + celsius)))
    elif formula == "antoine":
        pressure = 1.33322 * jnp.power(10.0, 8.07131 - 1730.63 / (233.426 + celsius))
    elif formula == "clausius":
        kelvin = celsius + 273.15
        pressure = 6.11 * jnp.exp(5423.0 * (1.0 / 273.15 - 1.0 / kelvin))
    else:
        pressure = 6.112 * jnp.exp(17.67 * celsius / (celsius + 243.5))
    if enhanced:
        pressure = 1.00071 * jnp.exp(4.5e-6 * 1013.25) * pressure
    if quantity == "deficit":
        # What the air could still take up.
        if humidity is not None:
            pressure = pressure - humidity * pressure
    elif humidity is not None:
        pressure = humidity * pressure
    if quantity == "slope":
        pressure = pressure * 4302.6 / jnp.square(celsius + 243.04)
    elif quantity == "mixing":
        # Grams of vapour in a kilogram of dry air.
        return 622.0 * pressure / (1013.25 - pressure)
    elif quantity == "absolute":
        # Grams of vapour in a cubic metre.
        return 216.7 * pressure / (celsius + 273.15)
    elif quantity == "dew_point":
        gamma = jnp.log(pressure / 6.1094)
        return 243.04 * gamma / (17.625 - gamma)
    if unit == "pa":
        return 100.0 * pressure
    if unit == "mmhg":
        return 0.750062 * pressure
    if unit == "log":
        return jnp.log(pressure)
    return pressure


def pair_energy(r, kind="lennard_jones"):
    if kind == "lennard_jones":
        inverse = r**-6
        return 4.0 * (inverse**2 - inverse)
    if kind == "morse":
        return jnp.square(1.0 - jnp.exp(-2.0 * (r - 1.2))) - 1.0
    if kind == "buckingham":
        return 60.0 * jnp.exp(-4.0 * r) - 1.0 / r**6
    if kind == "yukawa":
        return jnp.exp(-1.5 * r) / r
    if kind == "mie":
        return 6.75 * (r**-9 - r**-6)
    if kind == "soft_core":
        inverse = 1.0 / (0.5 + r**6)
        return 4.0 * (inverse**2 - inverse)
    return jax.scipy.special.erfc(0.8 * r) / r


@family(
    "unary",
    distance="... n in 0.9..2.4",
    kind=("lennard_jones", "morse", "buckingham", "yukawa", "mie", "soft_core", "ewald"),
    scaled={None: 2, 0.8: 1, 0.9: 1},
    shift=(False, True),
    switch={None: 2, "cubic": 1, "quintic": 1, "cosine": 1},
    coulomb={None: 3, 0.5: 1, -1.0: 1},
    spring={None: 4, 2.0: 1},
    log={False: 5, True: 1},
    only="float32",
)
def pair_potential(
    distance,
    *,
    kind="lennard_jones",
    scaled=None,
    shift=False,
    switch=None,
    coulomb=None,
    spring=None,
    log=False,
):
    """The energy of pairs of particles by their distance.

    Args:
      distance: the distance of each pair.
      kind: the potential.
      scaled: the length that counts as one.
      shift: whether the energy is shifted to be zero at the cutoff.
      switch: the polynomial or wave that takes it to zero near the cutoff.
      coulomb: the product of the charges.
      spring: the stiffness of a bond.
    """
    if scaled is not None:
        energy = pair_energy(distance / scaled, kind=kind)
    else:
        energy = pair_energy(distance, kind=kind)
    if coulomb is not None:
        energy = energy + coulomb / distance
    if spring is not None:
        energy = energy + 0.5 * spring * jnp.square(distance - 1.5)
    if shift:
        energy = energy - pair_energy(2.5, kind=kind)
    if switch is not None:
        # From 1 at a distance of 1.5 to 0 at the cutoff of 2.5.
        s = jnp.clip(distance - 1.5, 0.0, 1.0)
        if switch == "cubic":
            energy = energy * (1.0 - jnp.square(s) * (3.0 - 2.0 * s))
        elif switch == "quintic":
            energy = energy * (1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * jnp.square(s)))
        else:
            energy = energy * 0.5 * (1.0 + jnp.cos(jnp.pi * s))
    if log:
        return jnp.log1p(jnp.square(energy))
    return energy


@family(
    "unary",
    energy="... n in 0.2..3",
    statistics=("fermi", "bose", "boltzmann", "planck", "langevin", "two_level", "einstein"),
    gap={None: 2, 0.5: 1, 1.0: 1},
    kt=(0.5, 0.8, 1.5),
    quantity=("mean", "mean", "variance", "entropy", "energy"),
    degeneracy={None: 3, "root": 1, "square": 1},
)
def occupation(energy, *, statistics="fermi", gap=None, kt=0.5, quantity="mean", degeneracy=None):
    """The mean occupation of states by their energy, or a quantity that follows from it."""
    if gap is not None:
        x = (energy + gap) / kt
    else:
        x = energy / kt
    if statistics == "fermi":
        mean = 1.0 / (jnp.exp(x) + 1.0)
    elif statistics == "bose":
        mean = 1.0 / jnp.expm1(x)
    elif statistics == "planck":
        mean = x**3 / jnp.expm1(x)
    elif statistics == "langevin":
        mean = 1.0 / jnp.tanh(x) - 1.0 / x
    elif statistics == "two_level":
        mean = 0.5 * (1.0 - jnp.tanh(0.5 * x))
    elif statistics == "einstein":
        mean = jnp.square(0.5 * x / jnp.sinh(0.5 * x))
    else:
        mean = jnp.exp(-x)
    if quantity == "variance":
        value = mean * (1.0 + mean)
    elif quantity == "entropy":
        value = (1.0 + mean) * jnp.log1p(mean) - mean * jnp.log(mean)
    elif quantity == "energy":
        value = energy * mean
    else:
        value = mean
    if degeneracy == "root":
        value = jnp.sqrt(energy) * value
    elif degeneracy == "square":
        value = jnp.square(energy) * value
    return value


@family(
    "unary",
    dose="... n in 0.05..5",
    model=("hill", "emax", "exponential", "weibull", "gompertz", "log_logistic", "probit"),
    log_dose={False: 3, True: 1},
    baseline={None: 2, 0.1: 1, 0.2: 1},
    inhibition={None: 3, "complete": 1, "substrate": 1},
    top={None: 2, 0.9: 1, 100.0: 1},
    cooperative=(False, True),
    output={None: 4, "logit": 1, "log": 1},
)
def dose_response(
    dose,
    *,
    model="hill",
    log_dose=False,
    baseline=None,
    inhibition=None,
    top=None,
    cooperative=False,
    output=None,
):
    """The response to a dose by a curve that rises and saturates.

    Args:
      dose: the doses.
      model: the curve.
      log_dose: whether the logarithm of one plus the dose takes the place of the dose.
      baseline: the response without a dose.
      inhibition: how the response falls again.
      top: the largest response.
      cooperative: whether doses are squared first.
    """
    if log_dose:
        dose = jnp.log1p(dose)
    if cooperative:
        effective = jnp.square(dose)
    else:
        effective = dose
    if model == "hill":
        response = effective**1.5 / (1.2 + effective**1.5)
    elif model == "emax":
        response = effective / (0.8 + effective)
    elif model == "exponential":
        response = -jnp.expm1(-0.7 * effective)
    elif model == "weibull":
        response = -jnp.expm1(-((effective / 1.5) ** 1.3))
    elif model == "gompertz":
        response = jnp.exp(-2.0 * jnp.exp(-effective))
    elif model == "log_logistic":
        response = jax.nn.sigmoid(1.8 * jnp.log(effective / 1.5))
    else:
        response = 0.5 * (1.0 + jax.lax.erf(0.85 * jnp.log(effective)))
    if inhibition == "complete":
        response = 1.0 - response
    elif inhibition == "substrate":
        # Large doses inhibit again.
        response = response / (1.0 + jnp.square(dose) / 16.0)
    if baseline is not None:
        response = response + baseline * (1.0 - response)
    if output == "logit":
        return jax.scipy.special.logit(0.98 * response + 0.01)
    if output == "log":
        return jnp.log(response + 0.01)
    if top is not None:
        response = top * response
    return response
