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
smooth_relu: smooth_relu 5, soft_relu 2, smooth_rectifier 2
ramp: ramp 3, rectify 2, soft_ramp 1, _ramp 1
width: width 4, w 1
horner: horner 5, polyval 2, evaluate_polynomial 2, poly 1
coefficients: coefficients 4, coeffs 4, coefs 2
total: total 3, result 2, acc 3
coefficient: coefficient 3, c 4, coeff 2
squared: squared 3, x2 4, x_squared 1
numerator: numerator 4, num 4, top 1
denominator: denominator 4, den 4, bottom 1
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
embedding: embedding 4, emb 4
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
eased: eased 4, value 2, y 2
oscillator: oscillator 4, waveform 3, wave 2, synth 1
wave_shape: wave_shape 3, shape 1, waveform 2, _wave 1
phase: phase 5, phi 2, theta 1
wave: wave 4, y 2, osc 1
tone_map: tone_map 5, tonemap 4, tone_mapping 2
tone_curve: tone_curve 5, curve 2, _curve 1
luminance: luminance 4, image 3, luma 2, lum 1
mapped: mapped 4, display 2, out 2
saturation_vapour_pressure: saturation_vapour_pressure 4, saturation_vapor_pressure 5, vapor_pressure 2, svp 1
celsius: celsius 3, temperature 4, t_c 2, temp_c 2
gamma: gamma 4, alpha 1, log_ratio 1
pressure: pressure 4, e_s 2, p_sat 2, p 1
pitch_scale: pitch_scale 3, frequency_scale 3, hz_to_scale 2, warp_frequency 1
hertz: hertz 2, hz 4, frequency 3, freq 3
calendar_features: calendar_features 4, seasonal_features 3, cyclic_features 3, time_features 3
hours: hours 5, time 2, t 2
period: period 5, cycle 1
pair_potential: pair_potential 4, pairwise_energy 3, potential 3, pair_energy 2
pair_energy: pair_energy 4, potential 3, _energy 1
distance: distance 4, r 6, dist 2
energy: energy 5, u 2, e 1
standard_log_density: standard_log_density 3, standard_logpdf 3, _logpdf 2
normal_cdf: normal_cdf 5, phi 2, gaussian_cdf 3, approx_normal_cdf 2
cdf: cdf 5, p 2, phi 1
occupation: occupation 4, mean_occupation 3, occupation_number 3
dose_response: dose_response 5, response_curve 3, concentration_response 2
dose: dose 5, concentration 3, conc 2
response: response 5, effect 4, y 1
beta: beta 5, sharpness 2
fast_exp: fast_exp 5, approx_exp 4, exp_approximation 1
fast_tanh: fast_tanh 5, approx_tanh 4, tanh_approximation 1
fast_sine: fast_sine 2, fast_sin 5, approx_sin 4
fast_erf: fast_erf 4, erf_approximation 3, approx_erf 4
orthogonal_polynomials: orthogonal_polynomials 4, polynomial_basis 3, polynomial_features 2
log_density: log_density 4, logpdf 4, log_prob 4
smeared_occupation: smeared_occupation 4, occupation 4, occupations 2, smearing 2
energies: energies 5, eigenvalues 3, e 1
heat_capacity: heat_capacity 5, molar_heat_capacity 2
temperature: temperature 6, t 2, temp 2
hz_to_pitch: hz_to_pitch 3, hz_to_scale 3, frequency_to_pitch 2
mel_filterbank: mel_filterbank 4, mel_filters 3, mel_weights 2, triangular_filters 1
num_filters: num_filters 3, n_mels 5, num_mels 2
smoothstep: smoothstep 6, smooth_step 3
inverse_link: inverse_link 5, mean_function 2, link_inverse 1
compressed: compressed 4, encoded 2
companded_quantize: companded_quantize 2, quantize 2, compand_and_quantize 1
glu: glu 5, gated_linear_unit 4
value: value 3, up 1, linear 2
"""

SINE_COEFFICIENTS = (2.7557e-6, -1.98413e-4, 8.33333e-3, -0.1666667, 1.0)
COSINE_COEFFICIENTS = (2.48016e-5, -1.388889e-3, 4.166667e-2, -0.5, 1.0)
ERF_COEFFICIENTS = (0.078108, 0.000972, 0.230389, 0.278393, 1.0)
NORMAL_TAIL = (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530)
ERFC_COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
TAYLOR_COEFFICIENTS = (0.0083333, 0.0416667, 0.1666667, 0.5, 1.0, 1.0)


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
    if kind == "hard":
        return jnp.clip(x / 6.0 + 0.5, 0.0, 1.0)
    if kind == "exponential":
        return jnp.tanh(jnp.exp(x))
    if kind == "erf_softplus":
        return jax.lax.erf(jax.nn.softplus(x))
    if kind == "log_sigmoid":
        return jnp.log1p(jax.nn.sigmoid(x))
    return jnp.tanh(jax.nn.softplus(x))


@family(
    "unary",
    x="... n",
    gate=(
        "sigmoid",
        "normal",
        "cubic",
        "hard",
        "softplus",
        "exponential",
        "erf_softplus",
        "log_sigmoid",
    ),
    beta={None: 3, 1.702: 1, 1.5: 1},
    gain={None: 3, 1.7881: 1, 1.25: 1},
)
def gated_activation(x, *, gate="sigmoid", beta=None, gain=None):
    """Self-gated activation: each value times a gate that it opens itself.

    Args:
      x: the pre-activations, of any shape.
      gate: the gate; "sigmoid" makes it SiLU, "normal" GELU, and "softplus" Mish.
      beta: how steep the gate is.
      gain: a factor that keeps the variance from layer to layer.

    Returns:
      The activations, of the same shape.
    """
    if beta is not None:
        opened = gate_value(beta * x, kind=gate)
    else:
        opened = gate_value(x, kind=gate)
    if gain is not None:
        return gain * x * opened
    return x * opened


@family(
    "unary",
    x="... 2*d",
    activation=("sigmoid", "silu", "gelu", "gelu_tanh", "tanh", "softplus", "bilinear"),
    halves=("split", "slice", "interleaved", "reshape"),
    gate_first=(False, True),
    bound={None: 4, 7.0: 1},
    sizes={"d": (3, 4, 6, 8)},
)
def glu(x, *, activation="sigmoid", halves="split", gate_first=False, bound=None):
    """Gated linear unit: one half of the channels gates the other.

    Args:
      x: the projected features; the last axis has both halves.
      activation: what the gate goes through; none makes it the bilinear unit.
      halves: how the two halves lie in the last axis.
      gate_first: whether the gate comes before the value.
      bound: where both halves are clipped.
    """
    if halves == "split":
        if gate_first:
            gate, value = jnp.split(x, 2, axis=-1)
        else:
            value, gate = jnp.split(x, 2, axis=-1)
    elif halves == "slice":
        half = x.shape[-1] // 2
        value = x[..., :half]
        gate = x[..., half:]
    elif halves == "interleaved":
        value = x[..., ::2]
        gate = x[..., 1::2]
    else:
        pairs = x.reshape(*x.shape[:-1], 2, -1)
        value = pairs[..., 0, :]
        gate = pairs[..., 1, :]
    if bound is not None:
        gate = jnp.clip(gate, -bound, bound)
        value = jnp.clip(value, -bound, bound)
    if activation == "sigmoid":
        gate = jax.nn.sigmoid(gate)
    elif activation == "silu":
        gate = gate * jax.nn.sigmoid(gate)
    elif activation == "gelu":
        gate = 0.5 * gate * (1.0 + lax.erf(gate / jnp.sqrt(2.0)))
    elif activation == "gelu_tanh":
        inner = jnp.sqrt(2.0 / jnp.pi) * (gate + 0.044715 * gate**3)
        gate = 0.5 * gate * (1.0 + jnp.tanh(inner))
    elif activation == "tanh":
        gate = jnp.tanh(gate)
    elif activation == "softplus":
        gate = jnp.logaddexp(gate, 0.0)
    return value * gate


def ramp(x, kind="softplus", width=0.5):
    if kind == "softplus":
        return width * jax.nn.softplus(x / width)
    if kind == "squareplus":
        return 0.5 * (x + jnp.sqrt(jnp.square(x) + 4.0 * width * width))
    if kind == "normal":
        z = x / width
        density = jnp.exp(-0.5 * jnp.square(z)) / jnp.sqrt(2.0 * jnp.pi)
        return width * (0.5 * z * jax.scipy.special.erfc(-z / jnp.sqrt(2.0)) + density)
    if kind == "quadratic":
        middle = jnp.square(x + width) / (4.0 * width)
        return jnp.where(jnp.abs(x) < width, middle, jnp.maximum(x, 0.0))
    return 0.5 * (x + jnp.hypot(x, width))


@family(
    "unary",
    x="... n",
    kind=("softplus", "squareplus", "normal", "quadratic", "hyperbola"),
    width=(0.5, 0.25, 0.75),
    leak={None: 3, 0.1: 1, 0.2: 1},
    ceiling={None: 3, 1.0: 1, 1.5: 1},
    shifted={False: 3, True: 1},
)
def smooth_relu(x, *, kind="softplus", width=0.5, leak=None, ceiling=None, shifted=False):
    """A smooth ReLU.

    Args:
      x: the pre-activations.
      kind: the shape of the transition.
      width: the width of the transition.
      leak: the slope for negative values, as of a leaky ReLU.
      ceiling: where a second transition ends the rise, as of ReLU6.
      shifted: whether the activation of zero is zero, as of the shifted softplus.
    """
    out = ramp(x, kind=kind, width=width)
    if ceiling is not None:
        # A second ramp takes away what is above the ceiling.
        out = out - ramp(x - ceiling, kind=kind, width=width)
    if shifted:
        out = out - ramp(0.0, kind=kind, width=width)
    if leak is not None:
        out = leak * x + (1.0 - leak) * out
    return out


# ---------------------------------------------------------------- approximations


@family(
    "unary",
    x="... n in -2..2",
    method=("pade", "pade", "pade3", "taylor", "limit", "quartic"),
    halvings=(0, 1, 2, 3),
    how=(Code("'repeat'"), Code("'power'")),
    clamp={None: 3, 10.0: 1},
)
def fast_exp(x, *, method="pade", halvings=2, how="repeat", clamp=None):
    """Approximates the exponential function without calling it.

    Args:
      x: the exponents.
      method: the formula; "pade" is a quotient of two polynomials.
      halvings: how often the exponent is halved before, and the result squared after.
      clamp: the largest magnitude of an exponent.
    """
    if clamp is not None:
        x = jnp.clip(x, -clamp, clamp)
    if halvings > 0:
        # Shrink the argument to where the approximation is good.
        r = x / 2**halvings
    else:
        r = x
    if method == "pade":
        numerator = 12.0 + r * (6.0 + r)
        denominator = 12.0 - r * (6.0 - r)
        power = numerator / denominator
    elif method == "pade3":
        even = 120.0 + 12.0 * jnp.square(r)
        odd = r * (60.0 + jnp.square(r))
        power = (even + odd) / (even - odd)
    elif method == "taylor":
        power = horner(r, TAYLOR_COEFFICIENTS)
    elif method == "limit":
        power = (1.0 + r / 64.0) ** 64
    else:
        power = 1.0 + r * (1.0 + r * (0.5 + r * (0.1666667 + 0.0416667 * r)))
    if halvings > 0:
        if how == "power":
            power = power ** (2**halvings)
        else:
            for _ in range(halvings):
                power = power * power
    return power


@family(
    "unary",
    x="... n in -2..2",
    method=("pade", "lambert", "exponential", "polynomial", "half_angle"),
    clamp={None: 3, 4.0: 1, 3.0: 1},
    odd_part={False: 3, True: 1},
)
def fast_tanh(x, *, method="pade", clamp=None, odd_part=False):
    """Approximates the hyperbolic tangent by a rational function.

    Args:
      x: the arguments.
      method: the formula; "lambert" is a continued fraction.
      clamp: the largest magnitude of an argument, as the formula fails far from zero.
      odd_part: whether it is evaluated at magnitudes, and the sign restored.
    """
    if clamp is not None:
        x = jnp.clip(x, -clamp, clamp)
    if odd_part:
        u = jnp.abs(x)
    else:
        u = x
    s = jnp.square(u)
    if method == "pade":
        y = u * (27.0 + s) / (27.0 + 9.0 * s)
    elif method == "lambert":
        y = u / (1.0 + s / (3.0 + s / (5.0 + s / 7.0)))
    elif method == "exponential":
        even = 120.0 + 48.0 * s
        odd = 2.0 * u * (60.0 + 4.0 * s)
        power = (even + odd) / (even - odd)
        y = (power - 1.0) / (power + 1.0)
    elif method == "polynomial":
        y = u * (945.0 + s * (105.0 + s)) / (945.0 + s * (420.0 + 15.0 * s))
    else:
        # The tangent of twice the angle.
        half = 0.5 * u * (60.0 + s) / (60.0 + 6.0 * s)
        y = 2.0 * half / (1.0 + jnp.square(half))
    if odd_part:
        y = jnp.sign(x) * y
    return y


@family(
    "unary",
    x="... n in -3..3",
    method=("taylor", "bhaskara", "parabola", "parabola_corrected", "double", "triple"),
    reduce=(False, True),
)
def fast_sine(x, *, method="taylor", reduce=False):
    """Approximates the sine.

    Args:
      x: the angles in radians.
      method: the formula.
      reduce: whether whole turns are taken away first.
    """
    if reduce:
        # From -pi to pi.
        x = x - 2.0 * jnp.pi * jnp.round(x / (2.0 * jnp.pi))
    if method == "taylor":
        y = x * horner(jnp.square(x), SINE_COEFFICIENTS)
    elif method == "bhaskara":
        a = jnp.abs(x)
        product = a * (jnp.pi - a)
        y = jnp.sign(x) * 16.0 * product / (5.0 * jnp.pi**2 - 4.0 * product)
    elif method == "parabola":
        y = 4.0 / jnp.pi * x - 4.0 / jnp.pi**2 * x * jnp.abs(x)
    elif method == "parabola_corrected":
        y = 4.0 / jnp.pi * x - 4.0 / jnp.pi**2 * x * jnp.abs(x)
        y = 0.225 * (y * jnp.abs(y) - y) + y
    elif method == "double":
        # The sine of the double angle.
        half = 0.5 * x
        squared = jnp.square(half)
        sine = half * horner(squared, SINE_COEFFICIENTS)
        y = 2.0 * sine * horner(squared, COSINE_COEFFICIENTS)
    else:
        # The sine of the triple angle.
        third = x / 3.0
        sine = third - third**3 / 6.0 + third**5 / 120.0
        y = 3.0 * sine - 4.0 * sine**3
    return y


@family(
    "unary",
    "branch",
    x="... n in -2..2",
    method=("fourth_power", "exponential", "third_order", "winitzki", "tanh", "maclaurin"),
    sign=(Code("'sign'"), Code("'where'"), Code("'copysign'")),
)
def fast_erf(x, *, method="exponential", sign="sign"):
    """Approximates the error function.

    Args:
      x: the arguments.
      method: the formula; the first three are those of Abramowitz and Stegun.
    """
    a = jnp.abs(x)
    if method == "fourth_power":
        size = horner(a, ERF_COEFFICIENTS)
        y = 1.0 - 1.0 / jnp.square(jnp.square(size))
    elif method == "exponential":
        t = 1.0 / (1.0 + 0.3275911 * a)
        y = 1.0 - t * horner(t, ERFC_COEFFICIENTS) * jnp.exp(-jnp.square(a))
    elif method == "third_order":
        t = 1.0 / (1.0 + 0.47047 * a)
        polynomial = t * (0.3480242 + t * (-0.0958798 + 0.7478556 * t))
        y = 1.0 - polynomial * jnp.exp(-jnp.square(a))
    elif method == "winitzki":
        squared = jnp.square(a)
        ratio = (4.0 / jnp.pi + 0.147 * squared) / (1.0 + 0.147 * squared)
        y = jnp.sqrt(1.0 + 1e-6 - jnp.exp(-squared * ratio))
    elif method == "tanh":
        y = jnp.tanh(2.0 / jnp.sqrt(jnp.pi) * (a + 0.08943 * a**3))
    else:
        squared = jnp.square(a)
        series = 1.0 - squared / 3.0 + jnp.square(squared) / 10.0 - squared**3 / 42.0
        y = jnp.tanh(2.0 / jnp.sqrt(jnp.pi) * a * series)
    # The function is odd.
    if sign == "sign":
        return jnp.sign(x) * y
    if sign == "where":
        return jnp.where(x < 0.0, -y, y)
    return jnp.copysign(y, x)


@family(
    "unary",
    x="... n",
    method=("logistic", "cubic", "tail", "erf", "bowling", "polya"),
    mean={None: 2, 0.25: 1, -0.5: 1},
    std={None: 2, 1.5: 1, 0.8: 1},
)
def normal_cdf(x, *, method="erf", mean=None, std=None):
    """The distribution function of the normal distribution.

    Args:
      x: where to evaluate it.
      method: the formula; all but "erf" are approximations.
      mean: the mean, if it isn't zero.
      std: the standard deviation, if it isn't one.
    """
    z = x
    if mean is not None:
        z = z - mean
    if std is not None:
        z = z / std
    if method == "logistic":
        cdf = jax.nn.sigmoid(1.702 * z)
    elif method == "cubic":
        cdf = 0.5 * (1.0 + jnp.tanh(jnp.sqrt(2.0 / jnp.pi) * (z + 0.044715 * z**3)))
    elif method == "tail":
        t = 1.0 / (1.0 + 0.2316419 * jnp.abs(z))
        tail = t * horner(t, NORMAL_TAIL)
        density = jnp.exp(-0.5 * jnp.square(z)) / jnp.sqrt(2.0 * jnp.pi)
        cdf = 0.5 + jnp.sign(z) * (0.5 - density * tail)
    elif method == "bowling":
        cdf = 1.0 / (1.0 + jnp.exp(-(1.5976 * z + 0.07056 * z**3)))
    elif method == "polya":
        root = jnp.sqrt(-jnp.expm1(-2.0 * jnp.square(z) / jnp.pi) + 1e-6)
        cdf = 0.5 * (1.0 + jnp.sign(z) * root)
    else:
        cdf = 0.5 * jax.scipy.special.erfc(-z / jnp.sqrt(2.0))
    return cdf


# ---------------------------------------------------------------- features


def recur(x, kind="chebyshev", degree=4):
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
        else:
            following = x * terms[k] - k * terms[k - 1]
        terms.append(following)
    return terms


@family(
    "unary",
    x="... n in -1..1",
    kind=("chebyshev", "chebyshev_second", "legendre", "hermite", "laguerre"),
    degree=(2, 3, 4, 5, 6),
    squash={None: 3, "tanh": 1, "clip": 1},
    constant={True: 3, False: 1},
    axis={-1: 4, 0: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12), "b": (2, 3, 4)},
)
def orthogonal_polynomials(x, *, kind="chebyshev", degree=4, squash=None, constant=True, axis=-1):
    """Evaluates orthogonal polynomials by their recurrence, from the lowest degree up.

    Args:
      x: the points.
      kind: which polynomials; "hermite" are those of the normal density.
      degree: the highest degree.
      squash: how points are brought between -1 and 1.
      constant: whether the constant polynomial is among them.
      axis: the axis along which they are stacked.
    """
    if squash == "tanh":
        x = jnp.tanh(x)
    elif squash == "clip":
        x = jnp.clip(x, -1.0, 1.0)
    terms = recur(x, kind=kind, degree=degree)
    if not constant:
        terms = terms[1:]
    return jnp.stack(terms, axis=axis)


@family(
    "unary",
    positions="... n in -1..1",
    num_bands=(2, 3, 4, 5),
    spacing=("octaves", "linear", "geometric"),
    order=("concatenated", "interleaved", "cosine_first"),
    keep_input=(False, True),
    variance={None: 3, 0.01: 1, 0.05: 1},
    alpha={None: 3, 1.5: 1, 2.5: 1},
    sizes={"n": (4, 5, 6, 8, 10), "b": (2, 3, 4)},
)
def fourier_features(
    positions,
    *,
    num_bands=4,
    spacing="octaves",
    order="concatenated",
    keep_input=False,
    variance=None,
    alpha=None,
):
    """Encodes coordinates by sines and cosines of several frequencies, as NeRF does.

    Args:
      positions: the coordinates, between -1 and 1.
      num_bands: the number of frequencies.
      spacing: how the frequencies follow each other.
      order: how sines and cosines are arranged.
      keep_input: whether the positions themselves come first.
      variance: the variance of each position, for the integrated encoding of mip-NeRF.
      alpha: how many bands are switched on, as in coarse-to-fine training.

    Returns:
      The encoding, with one more axis than the positions.
    """
    if spacing == "octaves":
        frequencies = jnp.pi * 2.0 ** jnp.arange(num_bands)
    elif spacing == "linear":
        frequencies = jnp.pi * jnp.arange(1, num_bands + 1)
    else:
        frequencies = jnp.geomspace(1.0, 10.0, num_bands)
    angles = positions[..., None] * frequencies
    sines = jnp.sin(angles)
    cosines = jnp.cos(angles)
    if variance is not None:
        # The expected sine of a normally distributed position.
        damping = jnp.exp(-0.5 * variance * jnp.square(frequencies))
        sines = damping * sines
        cosines = damping * cosines
    if alpha is not None:
        window = jnp.clip(alpha - jnp.arange(num_bands), 0.0, 1.0)
        window = 0.5 * (1.0 - jnp.cos(jnp.pi * window))
        sines = window * sines
        cosines = window * cosines
    if order == "concatenated":
        features = jnp.concatenate([sines, cosines], axis=-1)
    elif order == "interleaved":
        features = jnp.stack([sines, cosines], axis=-1)
        features = features.reshape(*positions.shape, -1)
    else:
        features = jnp.concatenate([cosines, sines], axis=-1)
    if keep_input:
        features = jnp.concatenate([positions[..., None], features], axis=-1)
    return features


@family(
    "unary",
    timesteps="n in 0..10",
    half=(2, 3, 4, 6, 8),
    max_period=(10000.0, 1000.0, 100.0),
    inclusive=(False, True),
    cosine_first=(True, False),
    interleave=(False, False, True),
    pad={False: 4, True: 1},
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
    pad=False,
):
    """Sinusoidal embeddings of timesteps.

    Args:
      timesteps: one step for each example; it may have a fraction.
      half: the number of frequencies.
      max_period: the longest period, which the lowest frequency has, up to a factor of 2 pi.
      inclusive: whether the longest period is reached exactly.
      cosine_first: whether cosines come before sines.
      interleave: whether sines and cosines take turns instead.
      pad: whether a zero is appended, for an odd number of channels.

    Returns:
      One row for each timestep.
    """
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
    return embedding


@family(
    "unary",
    hours="n in 0..72",
    cycles={"day": 2, "week": 2, "year": 1},
    harmonics=(1, 2, 3),
    trend={False: 3, True: 1},
    axis={-1: 3, 0: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def calendar_features(hours, *, cycles="week", harmonics=1, trend=False, axis=-1):
    """Seasonal features: sines and cosines of the daily and longer cycles.

    Args:
      hours: hours since a fixed midnight.
      cycles: the longest cycle.
      harmonics: how many multiples of each cycle's frequency there are.
      trend: whether a linear trend comes first.
      axis: the axis of the features.
    """
    if cycles == "day":
        periods = (24.0,)
    elif cycles == "week":
        periods = (24.0, 168.0)
    else:
        periods = (24.0, 168.0, 8766.0)
    features = []
    if trend:
        features.append(hours / 168.0)
    for period in periods:
        angle = 2.0 * jnp.pi * hours / period
        if harmonics > 1:
            for k in range(1, harmonics + 1):
                features.append(jnp.sin(k * angle))
                features.append(jnp.cos(k * angle))
        else:
            features.append(jnp.sin(angle))
            features.append(jnp.cos(angle))
    return jnp.stack(features, axis=axis)


# ---------------------------------------------------------------- signals


def compress_magnitude(x, law="mu"):
    if law == "mu":
        return jnp.log1p(255.0 * x) / jnp.log1p(255.0)
    if law == "a":
        small = 87.6 * x
        large = 1.0 + jnp.log(jnp.maximum(87.6 * x, 1.0))
        return jnp.where(small < 1.0, small, large) / (1.0 + jnp.log(87.6))
    if law == "arcsinh":
        return jnp.arcsinh(50.0 * x) / jnp.arcsinh(50.0)
    return (x + 1e-3) ** 0.75


def expand_magnitude(x, law="mu"):
    if law == "mu":
        return jnp.expm1(x * jnp.log1p(255.0)) / 255.0
    if law == "a":
        scaled = x * (1.0 + jnp.log(87.6))
        large = jnp.exp(jnp.maximum(scaled, 1.0) - 1.0)
        return jnp.where(scaled < 1.0, scaled, large) / 87.6
    if law == "arcsinh":
        return jnp.sinh(x * jnp.arcsinh(50.0)) / 50.0
    return x ** (4.0 / 3.0) - 1e-3


@family(
    "unary",
    "branch",
    "nested_branch",
    signal="... n in -1..1",
    law=("mu", "mu", "a", "arcsinh", "power"),
    levels=(8, 16, 32, 128),
    rounding=("nearest", "midrise"),
    clip=(False, True),
    gradient=("straight_through", "additive"),
)
def companded_quantize(
    signal, *, law="mu", levels=16, rounding="nearest", clip=False, gradient="straight_through"
):
    """Quantises audio samples on a companded scale, and expands them again.

    Small samples keep more of their precision than large ones do.

    Args:
      signal: the samples, between -1 and 1.
      law: how magnitudes are compressed.
      levels: the number of levels of a magnitude.
      rounding: whether levels are at multiples of the step, or half between them.
      clip: whether samples are clipped first.
    """
    if clip:
        signal = jnp.clip(signal, -1.0, 1.0)
    magnitude = compress_magnitude(jnp.abs(signal), law=law)
    if rounding == "midrise":
        rounded = (jnp.floor(magnitude * levels) + 0.5) / levels
    else:
        rounded = jnp.round(magnitude * levels) / levels
    if gradient == "straight_through":
        # Round forwards, but not backwards.
        magnitude = magnitude + lax.stop_gradient(rounded - magnitude)
    else:
        error = lax.stop_gradient(magnitude - rounded)
        magnitude = magnitude - error
    magnitude = expand_magnitude(magnitude, law=law)
    return jnp.sign(signal) * magnitude


def shape_window(x, kind="hann"):
    if kind == "hann":
        return 0.5 * (1.0 + jnp.cos(jnp.pi * x))
    if kind == "hamming":
        return 0.54 + 0.46 * jnp.cos(jnp.pi * x)
    if kind == "blackman":
        return 0.42 + 0.5 * jnp.cos(jnp.pi * x) + 0.08 * jnp.cos(2.0 * jnp.pi * x)
    if kind == "nuttall":
        first = 0.355768 + 0.487396 * jnp.cos(jnp.pi * x)
        return first + 0.144232 * jnp.cos(2.0 * jnp.pi * x) + 0.012604 * jnp.cos(3.0 * jnp.pi * x)
    if kind == "tukey":
        # Flat in the middle half.
        edge = jnp.clip(2.0 * jnp.abs(x) - 1.0, 0.0, 1.0)
        return 0.5 * (1.0 + jnp.cos(jnp.pi * edge))
    if kind == "cosine":
        return jnp.cos(0.5 * jnp.pi * x)
    if kind == "welch":
        return 1.0 - jnp.square(x)
    if kind == "gaussian":
        return jnp.exp(-0.5 * jnp.square(x / 0.4))
    if kind == "lanczos":
        return jnp.sinc(x)
    if kind == "poisson":
        return jnp.exp(-2.0 * jnp.abs(x))
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
        "nuttall",
        "tukey",
        "cosine",
        "welch",
        "gaussian",
        "lanczos",
        "poisson",
        "bartlett",
        "bohman",
    ),
    root={False: 3, True: 1},
    span={None: 3, 0.8: 1, 0.9: 1},
)
def window(positions, *, kind="hann", root=False, span=None):
    """A window function at positions between zero and one; it is greatest in the middle.

    Args:
      positions: where to evaluate it.
      kind: its shape.
      root: whether its square root is taken, so that analysis and synthesis share one window.
      span: the part of the interval that it covers.
    """
    # From -1 at the left end to 1 at the right end.
    x = 2.0 * positions - 1.0
    if span is not None:
        x = jnp.clip(x / span, -1.0, 1.0)
    weight = shape_window(x, kind=kind)
    if root:
        weight = jnp.sqrt(jnp.maximum(weight, 1e-6))
    return weight


def wave_shape(phase, kind="triangle"):
    if kind == "triangle":
        return 2.0 / jnp.pi * jnp.arcsin(0.999 * jnp.sin(phase))
    if kind == "sawtooth":
        cycle = phase / (2.0 * jnp.pi)
        return 2.0 * (cycle - jnp.floor(cycle)) - 1.0
    if kind == "square":
        return jnp.tanh(4.0 * jnp.sin(phase))
    if kind == "additive_square":
        wave = jnp.sin(phase)
        for k in (3, 5, 7):
            wave = wave + jnp.sin(k * phase) / k
        return 4.0 / jnp.pi * wave
    if kind == "additive_sawtooth":
        wave = jnp.sin(phase)
        for k in range(2, 6):
            wave = wave + jnp.sin(k * phase) / k
        return 2.0 / jnp.pi * wave
    if kind == "organ":
        return 0.6 * jnp.sin(phase) + 0.3 * jnp.sin(2.0 * phase) + 0.1 * jnp.sin(4.0 * phase)
    if kind == "modulated":
        return jnp.sin(phase + 1.5 * jnp.sin(2.0 * phase))
    return jnp.sin(phase)


@family(
    "unary",
    phase="... n in 0..6.2",
    kind=(
        "sine",
        "triangle",
        "sawtooth",
        "square",
        "additive_square",
        "additive_sawtooth",
        "organ",
        "modulated",
    ),
    detune={None: 3, 1.01: 1, 1.5: 1},
    sub={None: 3, 0.5: 1},
    drive={None: 3, "tanh": 1, "fold": 1},
)
def oscillator(phase, *, kind="triangle", detune=None, sub=None, drive=None):
    """The waveform of a synthesiser's oscillator.

    Args:
      phase: the phase in radians.
      kind: the waveform.
      detune: the frequency of a second oscillator, as a multiple of the first.
      sub: the level of a sine one octave below.
      drive: how the wave is distorted.
    """
    wave = wave_shape(phase, kind=kind)
    if detune is not None:
        wave = 0.5 * (wave + wave_shape(detune * phase, kind=kind))
    if sub is not None:
        wave = wave + sub * jnp.sin(0.5 * phase)
    if drive == "tanh":
        wave = jnp.tanh(1.5 * wave)
    elif drive == "fold":
        # A sine wavefolder.
        wave = jnp.sin(0.5 * jnp.pi * wave)
    return wave


def ease_in(t, kind="cubic"):
    if kind == "quadratic":
        return jnp.square(t)
    if kind == "cubic":
        return t**3
    if kind == "quartic":
        return jnp.square(jnp.square(t))
    if kind == "sine":
        return 1.0 - jnp.cos(0.5 * jnp.pi * t)
    if kind == "exponential":
        return jnp.exp2(10.0 * (t - 1.0))
    if kind == "circular":
        return 1.0 - jnp.sqrt(1.001 - jnp.square(t))
    if kind == "back":
        return jnp.square(t) * (2.70158 * t - 1.70158)
    return jnp.exp2(10.0 * (t - 1.0)) * jnp.cos(20.0 * jnp.pi / 3.0 * (t - 1.0))


@family(
    "unary",
    "branch",
    t="... n in -0.1..1.1",
    kind=(
        "quadratic",
        "cubic",
        "quartic",
        "sine",
        "exponential",
        "circular",
        "back",
        "elastic",
    ),
    direction=("in", "out", "in_out", "in_out"),
    span={None: 3, (0.0, 10.0): 1, (-1.0, 1.0): 1},
)
def ease(t, *, kind="cubic", direction="in_out", span=None):
    """Easing of an animation: turns its progress into a position.

    Args:
      t: the progress, from zero to one.
      kind: the curve.
      direction: whether the motion eases in, out, or both.
      span: the first and the last position; 0 and 1 by default.

    Returns:
      The positions.
    """
    t = jnp.clip(t, 0.0, 1.0)
    if direction == "in":
        eased = ease_in(t, kind=kind)
    elif direction == "out":
        eased = 1.0 - ease_in(1.0 - t, kind=kind)
    else:
        # Each half of the motion has its own curve.
        first = 0.5 * ease_in(jnp.minimum(2.0 * t, 1.0), kind=kind)
        second = 1.0 - 0.5 * ease_in(jnp.minimum(2.0 - 2.0 * t, 1.0), kind=kind)
        eased = jnp.where(t < 0.5, first, second)
    if span is not None:
        start, stop = span
        eased = start + (stop - start) * eased
    return eased


@family(
    "unary",
    x="... n in -1..1",
    order=("cubic", "cubic", "quintic", "septic", "cosine", "rational"),
    edges=((-1.0, 1.0), (-0.8, 0.8), (0.8, -0.8)),
    values={None: 3, (0.2, 0.9): 1, (-1.0, 1.0): 1},
)
def smoothstep(x, *, order="cubic", edges=(-1.0, 1.0), values=None):
    """Smooth step from one edge to the other.

    Args:
      x: where to evaluate it.
      order: the curve between the edges; "quintic" is also called smootherstep.
      edges: where the step begins and where it ends.
      values: the values on both sides; 0 and 1 by default.
    """
    start, stop = edges
    t = jnp.clip((x - start) / (stop - start), 0.0, 1.0)
    if order == "cubic":
        step = t * t * (3.0 - 2.0 * t)
    elif order == "quintic":
        step = t**3 * (t * (6.0 * t - 15.0) + 10.0)
    elif order == "septic":
        step = t**4 * (35.0 + t * (-84.0 + t * (70.0 - 20.0 * t)))
    elif order == "cosine":
        step = 0.5 * (1.0 - jnp.cos(jnp.pi * t))
    else:
        step = t**3 / (3.0 * t * t - 3.0 * t + 1.0)
    if values is not None:
        low, high = values
        step = low + (high - low) * step
    return step


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
    return jnp.log2(1.0 + x) / jnp.log2(5.0)


@family(
    "unary",
    "branch",
    luminance="h d in 0.02..4",
    kind=("reinhard", "extended", "hable", "aces", "exponential", "log"),
    exposure={None: 2, -0.5: 1, 0.5: 1, 1.0: 1},
    white={None: 3, 8.0: 1, 11.2: 1},
    encoding=(None, "gamma", "srgb", "rec709"),
    sizes={"h": (4, 6, 8)},
    only="float32",
)
def tone_map(luminance, *, kind="reinhard", exposure=None, white=None, encoding=None):
    """Maps the luminance of a scene to what a display can show.

    Args:
      luminance: relative luminance, one value for each pixel.
      kind: the tone curve.
      exposure: a change of the exposure, in stops.
      white: the luminance that becomes white.
      encoding: the transfer function of the display.
    """
    if exposure is not None:
        luminance = 2.0**exposure * luminance
    mapped = tone_curve(luminance, kind=kind)
    if white is not None:
        mapped = mapped / tone_curve(white, kind=kind)
    if encoding is not None:
        mapped = jnp.clip(mapped, 1e-4, 1.0)
    if encoding == "gamma":
        mapped = mapped ** (1.0 / 2.2)
    elif encoding == "srgb":
        curved = 1.055 * mapped ** (1.0 / 2.4) - 0.055
        mapped = jnp.where(mapped <= 0.0031308, 12.92 * mapped, curved)
    elif encoding == "rec709":
        mapped = jnp.where(mapped < 0.018, 4.5 * mapped, 1.099 * mapped**0.45 - 0.099)
    return mapped


def pitch_scale(hertz, scale="mel"):
    if scale == "mel":
        return 2595.0 * jnp.log10(1.0 + hertz / 700.0)
    if scale == "slaney":
        above = 15.0 + 27.0 * jnp.log(jnp.maximum(hertz, 1000.0) / 1000.0) / jnp.log(6.4)
        return jnp.where(hertz < 1000.0, 3.0 * hertz / 200.0, above)
    if scale == "bark":
        ratio = jnp.square(hertz / 7500.0)
        return 13.0 * jnp.arctan(0.00076 * hertz) + 3.5 * jnp.arctan(ratio)
    if scale == "traunmuller":
        return 26.81 * hertz / (1960.0 + hertz) - 0.53
    if scale == "erb":
        return 21.4 * jnp.log10(1.0 + 0.00437 * hertz)
    if scale == "octave":
        return jnp.log2(hertz / 55.0)
    return 69.0 + 12.0 * jnp.log2(hertz / 440.0)


@family(
    "unary",
    hertz="... n in 50..4000",
    scale=("mel", "slaney", "bark", "traunmuller", "erb", "octave", "midi"),
    clip={None: 3, (60.0, 3500.0): 1},
    relative={None: 3, 4000.0: 1, 8000.0: 1},
    only="float32",
)
def hz_to_pitch(hertz, *, scale="mel", clip=None, relative=None):
    """Converts frequencies in hertz to a scale of pitch.

    Args:
      hertz: the frequencies.
      scale: the scale; "mel" is that of HTK.
      clip: the lowest and the highest frequency.
      relative: the frequency whose pitch counts as one.
    """
    if clip is not None:
        hertz = jnp.clip(hertz, clip[0], clip[1])
    pitch = pitch_scale(hertz, scale=scale)
    if relative is not None:
        pitch = pitch / pitch_scale(relative, scale=scale)
    return pitch


@family(
    "unary",
    "branch",
    hertz="n in 100..3900",
    num_filters=(3, 4, 5, 6),
    scale=("mel", "mel", "slaney", "bark"),
    shape=("triangle", "triangle", "hann", "gaussian"),
    area_norm={False: 2, True: 1},
    filters_first=(False, True),
    sizes={"n": (5, 6, 8, 10, 12)},
    only="float32",
)
def mel_filterbank(
    hertz, *, num_filters=4, scale="mel", shape="triangle", area_norm=False, filters_first=False
):
    """The weights of an auditory filterbank at some frequencies.

    Args:
      hertz: the frequencies, as those of a spectrum's bins.
      num_filters: the number of filters, which are equally wide on the scale.
      scale: the perceptual scale.
      shape: the shape of a filter.
      area_norm: whether a filter's weights are divided by its width.
      filters_first: whether the filters are the first axis rather than the last.
    """
    pitch = pitch_scale(hertz, scale=scale)
    top = pitch_scale(4000.0, scale=scale)
    width = top / (num_filters + 1)
    centers = width * jnp.arange(1, num_filters + 1)
    if filters_first:
        offset = (pitch[None, :] - centers[:, None]) / width
    else:
        offset = (pitch[:, None] - centers[None, :]) / width
    if shape == "triangle":
        weights = jnp.maximum(0.0, 1.0 - jnp.abs(offset))
    elif shape == "hann":
        weights = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(offset, -1.0, 1.0)))
    else:
        weights = jnp.exp(-2.0 * jnp.square(offset))
    if area_norm:
        weights = weights / width
    return weights


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
    if kind == "aranda_ordaz":
        return jnp.log(jnp.expm1(-0.5 * jnp.log1p(-p)) / 0.5)
    return jnp.log(p)


@family(
    "unary",
    probability="... n in 0.03..0.97",
    kind=("logit", "logit", "probit", "cloglog", "loglog", "cauchit", "aranda_ordaz", "log"),
    guard=(None, "clip", "shrink"),
    offset={None: 3, 0.1: 1, 0.3: 1},
)
def link(probability, *, kind="logit", guard=None, offset=None):
    """The link function of a binomial model: from probabilities to the linear predictor.

    Args:
      probability: the probabilities.
      kind: the link function.
      guard: how probabilities are kept away from zero and one.
      offset: the base rate, whose predictor counts as zero.
    """
    if guard == "clip":
        probability = jnp.clip(probability, 1e-3, 1.0 - 1e-3)
    elif guard == "shrink":
        probability = 0.98 * probability + 0.01
    eta = link_value(probability, kind=kind)
    if offset is not None:
        eta = eta - link_value(offset, kind=kind)
    return eta


@family(
    "unary",
    eta="... n",
    kind=("logit", "probit", "cloglog", "loglog", "cauchit", "aranda_ordaz"),
    offset={None: 2, 0.5: 1, -0.5: 1},
    lapse={None: 3, 0.02: 1},
    guess={None: 3, 0.5: 1, 0.25: 1},
)
def inverse_link(eta, *, kind="logit", offset=None, lapse=None, guess=None):
    """The inverse link of a binomial model: from the linear predictor to probabilities.

    Args:
      eta: the linear predictor.
      kind: the link function.
      offset: what is added to the predictor.
      lapse: the rate of failures that don't depend on the predictor.
      guess: the rate of success by chance.
    """
    if offset is not None:
        eta = eta + offset
    if kind == "logit":
        probability = jax.nn.sigmoid(eta)
    elif kind == "probit":
        probability = 0.5 * (1.0 + lax.erf(eta / jnp.sqrt(2.0)))
    elif kind == "cloglog":
        probability = -jnp.expm1(-jnp.exp(eta))
    elif kind == "loglog":
        probability = jnp.exp(-jnp.exp(-eta))
    elif kind == "cauchit":
        probability = 0.5 + jnp.arctan(eta) / jnp.pi
    else:
        probability = 1.0 - (1.0 + 0.5 * jnp.exp(eta)) ** -2
    if guess is not None:
        # Chance alone answers some rightly.
        probability = guess + (1.0 - guess) * probability
    if lapse is not None:
        probability = (1.0 - lapse) * probability
    return probability


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
    contaminated={None: 3, 0.1: 1},
)
def log_density(x, *, kind="normal", location=None, scale=None, contaminated=None):
    """The log density of a location-scale distribution at each value.

    Args:
      x: the values.
      kind: the distribution.
      location: its centre.
      scale: its width.
      contaminated: the share of outliers, which are spread four times as wide.
    """
    z = x
    if location is not None:
        z = z - location
    if scale is not None:
        z = z / scale
    log_prob = standard_log_density(z, kind=kind)
    if contaminated is not None:
        wide = standard_log_density(z / 4.0, kind=kind) - jnp.log(4.0)
        log_prob = jnp.logaddexp(jnp.log1p(-contaminated) + log_prob, jnp.log(contaminated) + wide)
    if scale is not None:
        # The density of the values themselves.
        log_prob = log_prob - jnp.log(scale)
    return log_prob


# ---------------------------------------------------------------- sciences


def saturation_pressure(celsius, formula="magnus"):
    if formula == "magnus":
        return 6.1094 * jnp.exp(17.625 * celsius / (celsius + 243.04))
    if formula == "tetens":
        return 6.1078 * jnp.power(10.0, 7.5 * celsius / (celsius + 237.3))
    if formula == "buck":
        return 6.1121 * jnp.exp((18.678 - celsius / 234.5) * (celsius / (257.14 + celsius)))
    if formula == "antoine":
        return 1.33322 * jnp.power(10.0, 8.07131 - 1730.63 / (233.426 + celsius))
    if formula == "clausius":
        kelvin = celsius + 273.15
        return 6.11 * jnp.exp(5423.0 * (1.0 / 273.15 - 1.0 / kelvin))
    return 6.112 * jnp.exp(17.67 * celsius / (celsius + 243.5))


@family(
    "unary",
    "branch",
    celsius="... n in -10..35",
    formula=("magnus", "tetens", "buck", "antoine", "clausius", "bolton"),
    unit={"hpa": 2, "kpa": 1, "mmhg": 1},
    enhanced={False: 2, True: 1},
    ice={False: 3, True: 1},
    only="float32",
)
def saturation_vapour_pressure(celsius, *, formula="magnus", unit="hpa", enhanced=False, ice=False):
    """The saturation vapour pressure of water.

    Args:
      celsius: the temperature in degrees Celsius.
      formula: the empirical formula over liquid water.
      unit: the unit of the pressure.
      enhanced: whether it is that of moist air, rather than of pure vapour.
      ice: whether it is that over ice below the freezing point.
    """
    pressure = saturation_pressure(celsius, formula=formula)
    if ice:
        over_ice = 6.1115 * jnp.exp(22.452 * celsius / (272.55 + celsius))
        pressure = jnp.where(celsius < 0.0, over_ice, pressure)
    if enhanced:
        # Buck's enhancement factor at the pressure of one atmosphere.
        pressure = 1.0042 * pressure
    if unit == "kpa":
        return 0.1 * pressure
    if unit == "mmhg":
        return 0.750062 * pressure
    return pressure


@family(
    "unary",
    celsius="... n in 5..35",
    humidity=(0.4, 0.6, 0.75),
    formula=("magnus", "tetens", "buck", "antoine", "clausius", "bolton"),
    leaf={None: 2, 1.5: 1, -2.0: 1},
    unit={"kpa": 2, "hpa": 1},
    only="float32",
)
def vapour_pressure_deficit(celsius, *, humidity=0.6, formula="tetens", leaf=None, unit="kpa"):
    """The vapour pressure deficit of air, or of a leaf against the air around it.

    Args:
      celsius: the temperature of the air in degrees Celsius.
      humidity: the relative humidity, from zero to one.
      formula: the empirical formula of the saturation pressure.
      leaf: how much warmer the leaf is than the air.
      unit: the unit of the deficit.
    """
    actual = humidity * saturation_pressure(celsius, formula=formula)
    if leaf is not None:
        saturated = saturation_pressure(celsius + leaf, formula=formula)
    else:
        saturated = saturation_pressure(celsius, formula=formula)
    deficit = saturated - actual
    if unit == "kpa":
        return 0.1 * deficit
    return deficit


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
    kind=("lennard_jones", "morse", "buckingham", "yukawa", "mie", "soft_core"),
    sigma={None: 2, 0.8: 1, 0.9: 1},
    shift=(False, True),
    switch={None: 2, "cubic": 1, "quintic": 1, "cosine": 1},
    charges={None: 3, 0.5: 1, -0.8: 1},
    only="float32",
)
def pair_potential(
    distance, *, kind="lennard_jones", sigma=None, shift=False, switch=None, charges=None
):
    """The potential energy of pairs of particles by their distance, in reduced units.

    Args:
      distance: the distance of each pair.
      kind: the potential.
      sigma: the unit of length.
      shift: whether the energy is shifted to be zero at the cutoff of 2.5.
      switch: the function that takes it to zero between 1.5 and 2.5.
      charges: the product of the two charges.
    """
    r = distance
    if sigma is not None:
        r = r / sigma
    energy = pair_energy(r, kind=kind)
    if shift:
        energy = energy - pair_energy(2.5, kind=kind)
    if charges is not None:
        # Coulomb's law.
        energy = energy + charges / distance
    if switch is not None:
        s = jnp.clip(distance - 1.5, 0.0, 1.0)
        if switch == "cubic":
            energy = energy * (1.0 - jnp.square(s) * (3.0 - 2.0 * s))
        elif switch == "quintic":
            energy = energy * (1.0 - s**3 * (10.0 - 15.0 * s + 6.0 * jnp.square(s)))
        else:
            energy = energy * 0.5 * (1.0 + jnp.cos(jnp.pi * s))
    return energy


@family(
    "unary",
    energies="... n in -1..1.5",
    kind=("fermi", "fermi", "gaussian", "methfessel_paxton", "cold"),
    width=(0.5, 0.8, 1.2),
    mu={None: 2, 0.5: 2},
    spin={None: 2, 2: 1},
    how=(Code("'exp'"), Code("'stable'")),
)
def smeared_occupation(energies, *, kind="fermi", width=0.5, mu=None, spin=None, how="stable"):
    """The occupation of electronic states at a temperature or with a smearing.

    Args:
      energies: the energy of each state.
      kind: the smearing; "fermi" is that of a temperature.
      width: the temperature as an energy, or the width of the smearing.
      mu: the chemical potential.
      spin: the number of states with each energy.
    """
    if mu is not None:
        x = (energies - mu) / width
    else:
        x = energies / width
    if kind == "fermi":
        if how == "stable":
            occupation = jax.nn.sigmoid(-x)
        else:
            occupation = 1.0 / (jnp.exp(x) + 1.0)
    elif kind == "gaussian":
        occupation = 0.5 * jax.scipy.special.erfc(x)
    elif kind == "methfessel_paxton":
        # Of the first order.
        occupation = 0.5 * jax.scipy.special.erfc(x)
        occupation = occupation - 0.5 * x * jnp.exp(-jnp.square(x)) / jnp.sqrt(jnp.pi)
    else:
        shifted = x + 1.0 / jnp.sqrt(2.0)
        occupation = 0.5 * (1.0 - lax.erf(shifted))
        occupation = occupation + jnp.exp(-jnp.square(shifted)) / jnp.sqrt(2.0 * jnp.pi)
    if spin is not None:
        occupation = spin * occupation
    return occupation


@family(
    "unary",
    "reduction",
    "contraction",
    temperature="... n in 0.3..3",
    model=("einstein", "schottky", "debye", "debye"),
    points=(6, 8, 12),
    theta=(1.0, 1.5, 2.0),
    electronic={None: 2, 0.05: 1, 0.1: 1},
    unit={None: 2, 8.314: 1},
)
def heat_capacity(temperature, *, model="debye", points=8, theta=1.0, electronic=None, unit=None):
    """The heat capacity at each temperature, in units of the gas constant or per mole.

    Args:
      temperature: the temperatures.
      model: the model of the excitations.
      points: the number of points of the integral of Debye's model.
      theta: the characteristic temperature.
      electronic: the coefficient of the electrons' part, which is linear.
      unit: the gas constant, if the result shall be in its unit.
    """
    x = theta / temperature
    if model == "einstein":
        capacity = 3.0 * jnp.square(0.5 * x / jnp.sinh(0.5 * x))
    elif model == "schottky":
        # Two levels.
        capacity = jnp.square(0.5 * x / jnp.cosh(0.5 * x))
    else:
        # The midpoint rule for Debye's integral.
        nodes = (jnp.arange(points) + 0.5) / points
        u = x[..., None] * nodes
        integrand = u**4 * jnp.exp(u) / jnp.square(jnp.expm1(u))
        capacity = 9.0 * jnp.mean(integrand, axis=-1) / jnp.square(x)
    if electronic is not None:
        capacity = capacity + electronic * temperature
    if unit is not None:
        capacity = unit * capacity
    return capacity


@family(
    "unary",
    dose="... n in 0.05..5",
    model=("hill", "emax", "exponential", "weibull", "gompertz", "log_logistic", "haldane"),
    baseline={None: 2, 0.1: 1, 0.2: 1},
    top={None: 2, 0.9: 1, 10.0: 1},
    inhibition={False: 3, True: 1},
)
def dose_response(dose, *, model="hill", baseline=None, top=None, inhibition=False):
    """The response to a dose.

    Args:
      dose: the doses.
      model: the curve.
      baseline: the response without a dose.
      top: the largest response; one by default.
      inhibition: whether the response falls with the dose.
    """
    if model == "hill":
        response = dose**1.5 / (1.2**1.5 + dose**1.5)
    elif model == "emax":
        response = dose / (0.8 + dose)
    elif model == "exponential":
        response = 1.0 - jnp.exp(-0.7 * dose)
    elif model == "weibull":
        response = -jnp.expm1(-((dose / 1.5) ** 1.3))
    elif model == "gompertz":
        response = jnp.exp(-2.0 * jnp.exp(-dose))
    elif model == "log_logistic":
        response = 1.0 / (1.0 + jnp.exp(-1.8 * (jnp.log(dose) - jnp.log(1.5))))
    else:
        # Large doses inhibit again.
        response = dose / (0.5 + dose + jnp.square(dose) / 4.0)
    if inhibition:
        response = 1.0 - response
    if top is not None:
        if baseline is not None:
            return baseline + (top - baseline) * response
        return top * response
    if baseline is not None:
        response = baseline + (1.0 - baseline) * response
    return response
