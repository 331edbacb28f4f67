"""Families: formulas of several arrays, element by element."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp

NAMES = """
x: x 1
out: out 5, output 3, result 3
mask: mask 8, valid 1
normal_cdf: normal_cdf 5, norm_cdf 4, phi 1, _cdf 1
normal_density: normal_density 3, norm_pdf 4, normal_pdf 3
black_scholes: black_scholes 6, option_price 3, bs_price 2, european_option 1
spot: spot 5, s 3
strike: strike 6, k 3
maturity: maturity 4, t 3, time_to_maturity 1
volatility: volatility 3, vol 4, sigma 4
dividend: dividend 4, q 3, dividend_yield 2
total_volatility: total_volatility 1, vol_sqrt_t 3, std 1
gas_pressure: gas_pressure 4, pressure 3, real_gas_pressure 3
temperature: temperature 5, temp 3, t 2
volume: volume 5, v 3
moles: moles 4, n_mol 2, amount 2
covolume: covolume 3, b 4
attraction: attraction 1, a 4
density: density 4, rho 4
image_distance: image_distance 4, thin_lens 3, lens_image 1
object_distance: object_distance 4, d_o 2, distance 2
focal_length: focal_length 5, f 3
doppler_shift: doppler_shift 5, doppler 3, observed_frequency 2
frequency: frequency 5, freq 3, f 2
velocity: velocity 5, v 4
angle: angle 5, theta 4
membrane_potential: membrane_potential 4, resting_potential 3, ghk_potential 3, goldman_equation 2
rate_constant: rate_constant 5, reaction_rate_constant 3, relative_rate 2
activation_energy: activation_energy 4, ea 4, e_a 2
enzyme_rate: enzyme_rate 3, michaelis_menten 4, reaction_velocity 2, enzyme_kinetics 2
substrate: substrate 4, s 3, concentration 2
inhibitor: inhibitor 4, i 1, inh 1
km: km 5, k_m 3
vmax: vmax 5, v_max 4
drag_force: drag_force 5, drag 4, aerodynamic_drag 3
great_circle_distance: great_circle_distance 5, geo_distance 3, distance_on_sphere 1
lat1: lat1 5, lat_a 1, phi1 2
lon1: lon1 5, lon_a 1, lam1 2
lat2: lat2 5, lat_b 1, phi2 2
lon2: lon2 5, lon_b 1, lam2 2
dlat: dlat 4, delta_lat 2, d_lat 2
dlon: dlon 4, delta_lon 2, d_lon 2
complex_arithmetic: complex_arithmetic 3, complex_op 4, complex_parts 1
interpolate: interpolate 5, interp 3, blend_values 1, mix 1
start: start 4, y0 4
stop: stop 4, y1 4
blend: blend 5, blend_layers 3, composite 2, blend_mode 2
backdrop: backdrop 3, base 4, bottom 2, background 2
source: source 3, layer 3, top 3, foreground 2
mixed: mixed 4, blended 3, out 2
point_distance: point_distance 4, distance_2d 3, planar_distance 2
glu: glu 4, gated_linear_unit 3, gated_activation 2
content: content 3, candidate 2
gate: gate 6, g 3
gru_update: gru_update 4, gru_step 3, gru_cell 3
lstm_update: lstm_update 3, lstm_step 3, lstm_cell 4
hidden: hidden 4, h 5, state 2
posterior: posterior 4, bayes_update 4, update_belief 2, posterior_probability 2
prior: prior 6, p_prior 1, belief 2
expected_score: expected_score 5, elo_expected 2, elo_expected_score 2
rating_a: rating_a 4, r_a 3, player_rating 1
rating_b: rating_b 4, r_b 3, opponent_rating 1
difference: difference 3, diff 4, delta 3
bond_price: bond_price 5, price_bond 2, coupon_bond 2
coupon: coupon 4, coupon_rate 3, c 2
asset_return: asset_return 3, compute_return 3, holding_return 3, period_return 2
previous: previous 3, prev_price 3, p0 3
current: current 3, price 3, p1 3
kelly_fraction: kelly_fraction 5, kelly 3, bet_fraction 2, optimal_bet 1
probability: probability 3, p 5
semi_major: semi_major 2, a 5, semi_major_axis 3
eccentricity: eccentricity 4, ecc 3
binary_loss: binary_loss 4, classification_loss 2, binary_classification_loss 2
regression_loss: regression_loss 5, pointwise_loss 2, elementwise_loss 2
prediction: prediction 3, pred 4, y_pred 4
target: target 5, y_true 3, y 2, targets 2
adaptive_step: adaptive_step 3, preconditioned_step 2, optimizer_step 3, apply_update 2
gradient: gradient 3, grad 6, g 3
momentum: momentum 4, m 4, mu 3
second_moment: second_moment 3, v 4, nu 3
to_grayscale: to_grayscale 4, rgb_to_gray 4, grayscale 3, rgb_to_grayscale 3
red: red 4, r 6
green: green 4, g 6
blue: blue 4, b 6
absolute_magnitude: absolute_magnitude 4, absolute_mag 2
"""

# ---------------------------------------------------------------- finance


def normal_cdf(x):
    return 0.5 * (1.0 + jax.lax.erf(x / jnp.sqrt(2.0)))


def normal_density(x):
    return jnp.exp(-0.5 * jnp.square(x)) / jnp.sqrt(2.0 * jnp.pi)


@family(
    "elementwise",
    spot="... n in 80..120",
    strike="... n in 80..120",
    maturity="... n in 0.25..2",
    volatility="... n in 0.15..0.5",
    rate="? ... n in 0.005..0.08",
    dividend="? ... n in 0.005..0.04",
    kind=("call", "put", "straddle", "digital_call", "digital_put"),
    parity={False: 2, True: 1},
    only="float32",
)
def black_scholes(
    spot,
    strike,
    maturity,
    volatility,
    rate=None,
    dividend=None,
    *,
    kind="call",
    parity=False,
):
    """Price European options by the Black-Scholes formula.

    Args:
      spot: prices of the underlying.
      strike: strike prices.
      maturity: times to expiry in years.
      volatility: annualized volatilities.
      rate: risk-free rate, continuously compounded.
      dividend: dividend yield, continuously compounded.

    Returns:
      One price for each option.
    """
    total_volatility = volatility * jnp.sqrt(maturity)
    drift = 0.5 * jnp.square(volatility)
    if rate is not None:
        drift = drift + rate
    if dividend is not None:
        drift = drift - dividend
    d1 = (jnp.log(spot / strike) + drift * maturity) / total_volatility
    d2 = d1 - total_volatility
    if kind == "digital_call" or kind == "digital_put":
        if kind == "digital_call":
            # Cash or nothing.
            price = normal_cdf(d2)
        else:
            price = normal_cdf(-d2)
        if rate is not None:
            price = price * jnp.exp(-rate * maturity)
        return price
    if dividend is not None:
        spot = spot * jnp.exp(-dividend * maturity)
    if rate is not None:
        strike = strike * jnp.exp(-rate * maturity)
    call = spot * normal_cdf(d1) - strike * normal_cdf(d2)
    if kind == "call":
        return call
    if parity:
        # By put-call parity.
        put = call - spot + strike
    else:
        put = strike * normal_cdf(-d2) - spot * normal_cdf(-d1)
    if kind == "straddle":
        return call + put
    return put


@family(
    "elementwise",
    spot="... n in 80..120",
    strike="... n in 80..120",
    maturity="... n in 0.25..2",
    volatility="... n in 0.15..0.5",
    rate="? ... n in 0.005..0.08",
    dividend="? ... n in 0.005..0.04",
    kind=("call", "put", "straddle"),
    only="float32",
)
def option_delta(spot, strike, maturity, volatility, rate=None, dividend=None, *, kind="call"):
    """Delta of European options in the Black-Scholes model."""
    total_volatility = volatility * jnp.sqrt(maturity)
    drift = 0.5 * jnp.square(volatility)
    if rate is not None:
        drift = drift + rate
    if dividend is not None:
        drift = drift - dividend
    d1 = (jnp.log(spot / strike) + drift * maturity) / total_volatility
    if kind == "put":
        delta = normal_cdf(d1) - 1.0
    elif kind == "straddle":
        delta = 2.0 * normal_cdf(d1) - 1.0
    else:
        delta = normal_cdf(d1)
    if dividend is not None:
        delta = delta * jnp.exp(-dividend * maturity)
    return delta


@family(
    "elementwise",
    spot="... n in 80..120",
    strike="... n in 80..120",
    maturity="... n in 0.25..2",
    volatility="... n in 0.15..0.5",
    rate="? ... n in 0.005..0.08",
    dividend="? ... n in 0.005..0.04",
    per_percent={False: 2, True: 1},
    density=decided(("function", "inline")),
    only="float32",
)
def option_vega(
    spot,
    strike,
    maturity,
    volatility,
    rate=None,
    dividend=None,
    *,
    per_percent=False,
    density="function",
):
    """Vega of European options, their sensitivity to the volatility."""
    root = jnp.sqrt(maturity)
    total_volatility = volatility * root
    drift = 0.5 * jnp.square(volatility)
    if rate is not None:
        drift = drift + rate
    if dividend is not None:
        drift = drift - dividend
    d1 = (jnp.log(spot / strike) + drift * maturity) / total_volatility
    if density == "inline":
        vega = spot * root * jnp.exp(-0.5 * d1 * d1) / jnp.sqrt(2.0 * jnp.pi)
    else:
        vega = spot * normal_density(d1) * root
    if dividend is not None:
        vega = vega * jnp.exp(-dividend * maturity)
    if per_percent:
        # For a change of one percentage point.
        vega = 0.01 * vega
    return vega


@family(
    "elementwise",
    coupon="... n in 0.01..0.08",
    rate="... n in 0.01..0.1",
    maturity="... n in 1..12",
    face="? ... n in 50..150",
    spread="? ... n in 0.002..0.03",
    recovery="? ... n in 0.2..0.6",
    compounding=("annual", "semiannual", "continuous"),
    clean={False: 3, True: 1},
    only="float32",
)
def bond_price(
    coupon,
    rate,
    maturity,
    face=None,
    spread=None,
    recovery=None,
    *,
    compounding="annual",
    clean=False,
):
    """Price bonds with a fixed coupon, as an annuity plus the discounted face value.

    Args:
      coupon: annual coupon rate.
      rate: risk-free rate.
      maturity: years to maturity.
      face: face value; one by default.
      spread: credit spread over the risk-free rate.
      recovery: recovery rate in a default.
    """
    if spread is not None:
        rate = rate + spread
    if recovery is not None:
        # Two percent of the issuers default each year.
        rate = rate + 0.02 * (1.0 - recovery)
    if compounding == "continuous":
        discount = jnp.exp(-rate * maturity)
    elif compounding == "semiannual":
        discount = (1.0 + 0.5 * rate) ** (-2.0 * maturity)
    else:
        discount = (1.0 + rate) ** -maturity
    annuity = (1.0 - discount) / rate
    price = coupon * annuity + discount
    if clean:
        # Without the interest that accrued in a quarter of a year.
        price = price - 0.25 * coupon
    if face is not None:
        price = face * price
    return price


@family(
    "elementwise",
    coupon="... n in 0.03..0.1",
    rate="... n in 0.05..0.15",
    maturity="... n in 5..15",
    spread="? ... n in 0.002..0.03",
    kind=("macaulay", "modified"),
    compounding=("annual", "semiannual"),
    form=decided(("power", "exp")),
    only="float32",
)
def bond_duration(
    coupon, rate, maturity, spread=None, *, kind="macaulay", compounding="annual", form="power"
):
    """Duration in years of bonds with a fixed coupon, in closed form.

    Args:
      coupon: annual coupon rate.
      rate: yield to maturity.
      maturity: years to maturity.
      spread: credit spread that is added to the yield.
    """
    if spread is not None:
        rate = rate + spread
    if compounding == "semiannual":
        coupon = 0.5 * coupon
        rate = 0.5 * rate
        periods = 2.0 * maturity
    else:
        periods = maturity
    if form == "exp":
        growth = jnp.exp(periods * jnp.log1p(rate))
    else:
        growth = (1.0 + rate) ** periods
    numerator = 1.0 + rate + periods * (coupon - rate)
    duration = (1.0 + rate) / rate - numerator / (coupon * (growth - 1.0) + rate)
    if kind == "modified":
        duration = duration / (1.0 + rate)
    if compounding == "semiannual":
        duration = 0.5 * duration
    return duration


@family(
    "elementwise",
    previous="... n in 50..150",
    current="... n in 50..150",
    dividend="? ... n in 0.5..5",
    benchmark="? ... n in -0.1..0.1",
    exchange="? ... n in 0.8..1.2",
    years="? ... n in 0.5..4",
    inflation="? ... n in 0.01..0.08",
    kind=("simple", "log"),
    cost={None: 3, 0.001: 1, 0.005: 1},
    only="float32",
)
def asset_return(
    previous,
    current,
    dividend=None,
    benchmark=None,
    exchange=None,
    years=None,
    inflation=None,
    *,
    kind="simple",
    cost=None,
):
    """Return of assets between two dates.

    Args:
      previous: prices at the first date.
      current: prices at the second date.
      dividend: dividends paid in between, for the total return.
      benchmark: returns of a benchmark, for the excess return.
      exchange: relative change of the exchange rate, as a factor.
      years: years between the dates, for the annualized return.
      inflation: rate of inflation, for the real return.
      cost: proportional cost of the sale.
    """
    if cost is not None:
        current = (1.0 - cost) * current
    if dividend is not None:
        current = current + dividend
    if exchange is not None:
        current = current * exchange
    growth = current / previous
    if years is not None:
        growth = growth ** (1.0 / years)
    if inflation is not None:
        # Fisher's equation.
        growth = growth / (1.0 + inflation)
    if kind == "log":
        change = jnp.log(growth)
    else:
        change = growth - 1.0
    if benchmark is not None:
        change = change - benchmark
    return change


@family(
    "elementwise",
    probability="... n in 0.55..0.8",
    odds="... n in 1.2..4",
    loss="? ... n in 0.5..0.9",
    commission="? ... n in 0.01..0.05",
    uncertainty="? ... n in 0.02..0.1",
    fraction={None: 2, 0.5: 1, 0.25: 1},
    bounds={None: 2, "positive": 1, "unit": 1},
    decimal={False: 3, True: 1},
    only="float32",
)
def kelly_fraction(
    probability,
    odds,
    loss=None,
    commission=None,
    uncertainty=None,
    *,
    fraction=None,
    bounds=None,
    decimal=False,
):
    """Fraction of the capital to bet by the Kelly criterion.

    Args:
      probability: chance of winning.
      odds: odds of the bet.
      loss: part of the stake that is lost in a loss.
      commission: part of a win that the bookmaker keeps.
      uncertainty: standard error of the chance of winning.
    """
    if decimal:
        # Decimal odds include the stake.
        gain = odds - 1.0
    else:
        gain = odds
    if commission is not None:
        gain = gain * (1.0 - commission)
    if uncertainty is not None:
        # Be conservative by one standard error.
        probability = probability - uncertainty
    complement = 1.0 - probability
    if loss is not None:
        bet = probability / loss - complement / gain
    else:
        bet = probability - complement / gain
    if fraction is not None:
        bet = fraction * bet
    if bounds == "unit":
        bet = jnp.clip(bet, 0.0, 1.0)
    elif bounds == "positive":
        bet = jnp.maximum(bet, 0.0)
    return bet


@family(
    "elementwise",
    fraction="... n in 0.02..0.4",
    probability="... n in 0.3..0.8",
    odds="... n in 0.8..3",
    loss="? ... n in 0.5..0.9",
    interest="? ... n in 0.001..0.02",
    push="? ... n in 0.02..0.15",
    bits={False: 3, True: 1},
    only="float32",
)
def expected_log_growth(
    fraction, probability, odds, loss=None, interest=None, push=None, *, bits=False
):
    """Expected logarithmic growth of the capital when a fixed fraction of it is bet.

    Args:
      fraction: bet fraction of the capital.
      probability: chance of winning.
      odds: net win for each unit of the stake.
      loss: part of the stake that is lost in a loss.
      interest: interest on what is not bet.
      push: chance that the stake is returned.
    """
    if push is not None:
        probability = probability * (1.0 - push)
        complement = 1.0 - probability - push
    else:
        complement = 1.0 - probability
    win = fraction * odds
    if loss is not None:
        drop = fraction * loss
    else:
        drop = fraction
    if interest is not None:
        idle = interest * (1.0 - fraction)
        win = win + idle
        drop = drop - idle
    growth = probability * jnp.log1p(win) + complement * jnp.log1p(-drop)
    if bits:
        growth = growth / jnp.log(2.0)
    return growth


# ---------------------------------------------------------------- physics and chemistry


@family(
    "elementwise",
    volume="... n in 0.8..3",
    temperature="... n in 0.8..2",
    moles="? ... n in 0.3..0.7",
    model=(
        "van_der_waals",
        "redlich_kwong",
        "soave",
        "peng_robinson",
        "virial",
        "dieterici",
        "berthelot",
    ),
    attraction=(1.4, 0.5, 1.36),
    covolume=(0.1, 0.2),
    acentric=(0.1, 0.3),
)
def gas_pressure(
    volume,
    temperature,
    moles=None,
    *,
    model="van_der_waals",
    attraction=1.36,
    covolume=0.1,
    acentric=0.1,
):
    """Pressure of a real gas by a cubic or other equation of state, with a gas constant of one.

    Args:
      volume: volume of the gas.
      temperature: temperature, relative to the critical one.
      moles: amount of substance; one by default.
    """
    if moles is not None:
        molar = volume / moles
    else:
        molar = volume
    repulsive = temperature / (molar - covolume)
    if model == "redlich_kwong":
        cohesion = attraction / (jnp.sqrt(temperature) * molar * (molar + covolume))
        pressure = repulsive - cohesion
    elif model == "soave":
        slope = 0.48 + 1.574 * acentric - 0.176 * acentric**2
        alpha = jnp.square(1.0 + slope * (1.0 - jnp.sqrt(temperature)))
        pressure = repulsive - attraction * alpha / (molar * (molar + covolume))
    elif model == "peng_robinson":
        slope = 0.37464 + 1.54226 * acentric - 0.26992 * acentric**2
        alpha = jnp.square(1.0 + slope * (1.0 - jnp.sqrt(temperature)))
        denominator = jnp.square(molar) + 2.0 * covolume * molar - covolume**2
        pressure = repulsive - attraction * alpha / denominator
    elif model == "virial":
        # The second virial coefficient of a van der Waals gas.
        second = covolume - attraction / temperature
        pressure = temperature / molar * (1.0 + second / molar)
    elif model == "dieterici":
        pressure = repulsive * jnp.exp(-attraction / (temperature * molar))
    elif model == "berthelot":
        pressure = repulsive - attraction / (temperature * jnp.square(molar))
    else:
        pressure = repulsive - attraction / jnp.square(molar)
    return pressure


@family(
    "elementwise",
    object_distance="... n in 1.5..4",
    focal_length="... n in 0.4..1",
    second_focal="? ... n in 0.5..1.2",
    index="? ... n in 1.1..1.35",
    element=("lens", "mirror", "diverging"),
    separation={None: 3, 0.1: 1, 0.2: 1},
    form=decided(("vergence", "product")),
)
def image_distance(
    object_distance,
    focal_length,
    second_focal=None,
    index=None,
    *,
    element="lens",
    separation=None,
    form="vergence",
):
    """Distance at which a thin lens or a spherical mirror forms the image of an object.

    Args:
      object_distance: distance of the object.
      focal_length: focal length, or the radius of curvature of a mirror.
      second_focal: focal length of a second lens.
      index: refractive index of the medium around, for lenses of index 1.5 in air.
    """
    if element == "mirror":
        focal_length = 0.5 * focal_length
    elif element == "diverging":
        focal_length = -focal_length
    if index is not None:
        # The lensmaker's equation.
        focal_length = focal_length * 0.5 * index / (1.5 - index)
    if second_focal is not None:
        power = 1.0 / focal_length + 1.0 / second_focal
        if separation is not None:
            # Gullstrand's equation.
            power = power - separation / (focal_length * second_focal)
        focal_length = 1.0 / power
    if form == "product":
        return object_distance * focal_length / (object_distance - focal_length)
    return 1.0 / (1.0 / focal_length - 1.0 / object_distance)


@family(
    "elementwise",
    frequency="... n in 0.5..2",
    velocity="... n in -0.4..0.4",
    angle="? ... n in 0.1..3",
    wind="? ... n in -0.1..0.1",
    potential="? ... n in 0.01..0.1",
    kind=("source", "observer", "both", "relativistic", "radar"),
)
def doppler_shift(frequency, velocity, angle=None, wind=None, potential=None, *, kind="source"):
    """Observed frequency of a wave by the Doppler effect.

    Args:
      frequency: frequency that the source emits.
      velocity: relative velocity in units of the wave's; positive for an approach.
      angle: angle between the motion and the line of sight.
      wind: velocity of the medium towards the observer.
      potential: gravitational potential of the source, for the redshift of its light.
    """
    if angle is not None:
        radial = velocity * jnp.cos(angle)
    else:
        radial = velocity
    if wind is not None:
        # With the wind the wave is faster.
        radial = radial / (1.0 + wind)
    if kind == "observer":
        factor = 1.0 + radial
    elif kind == "both":
        # Both move at half of the velocity.
        factor = (1.0 + 0.5 * radial) / (1.0 - 0.5 * radial)
    elif kind == "radar":
        factor = (1.0 + radial) / (1.0 - radial)
    elif kind == "relativistic":
        factor = jnp.sqrt(1.0 - jnp.square(velocity)) / (1.0 - radial)
    else:
        factor = 1.0 / (1.0 - radial)
    if potential is not None:
        factor = factor * jnp.sqrt(1.0 - 2.0 * potential)
    return frequency * factor


@family(
    "elementwise",
    potassium_out="... n in 2..10",
    potassium_in="... n in 100..150",
    sodium_out="... n in 100..150",
    sodium_in="... n in 5..30",
    celsius="? ... n in 5..40",
    sodium_permeability=(0.04, 0.1),
    pump={False: 3, True: 1},
    unit=("mV", "V"),
    form=decided(("ratio", "difference")),
    only="float32",
)
def membrane_potential(
    potassium_out,
    potassium_in,
    sodium_out,
    sodium_in,
    celsius=None,
    *,
    sodium_permeability=0.04,
    pump=False,
    unit="mV",
    form="ratio",
):
    """Resting potential of a membrane by the Goldman-Hodgkin-Katz equation.

    Args:
      potassium_out: extracellular potassium concentration in mM.
      potassium_in: intracellular potassium concentration.
      sodium_out: extracellular sodium concentration.
      sodium_in: intracellular sodium concentration.
      celsius: temperature in degrees Celsius.
    """
    if celsius is not None:
        kelvin = celsius + 273.15
    else:
        kelvin = 310.15
    # RT/F in millivolts.
    thermal = 0.0861733 * kelvin
    if pump:
        # Mullins and Noda: the pump moves three sodium ions for two of potassium.
        potassium_out = 1.5 * potassium_out
        potassium_in = 1.5 * potassium_in
    outside = potassium_out + sodium_permeability * sodium_out
    inside = potassium_in + sodium_permeability * sodium_in
    if form == "difference":
        potential = thermal * (jnp.log(outside) - jnp.log(inside))
    else:
        potential = thermal * jnp.log(outside / inside)
    if unit == "V":
        potential = 1e-3 * potential
    return potential


@family(
    "elementwise",
    voltage="... n in -80..40",
    outside="... n in 2..150",
    inside="... n in 2..150",
    gate="... n in 0.1..0.9",
    inactivation="? ... n in 0.1..0.9",
    conductance="? ... n in 0.5..5",
    celsius="? ... n in 5..40",
    valence={1: 2, 2: 1, -1: 1},
    power=(1, 3, 4),
    rectification={None: 3, "boltzmann": 1},
    only="float32",
)
def ion_current(
    voltage,
    outside,
    inside,
    gate,
    inactivation=None,
    conductance=None,
    celsius=None,
    *,
    valence=1,
    power=4,
    rectification=None,
):
    """Current through ion channels, driven by the distance from the Nernst potential.

    Args:
      voltage: membrane potential in millivolts.
      outside: extracellular concentration of the ion.
      inside: intracellular concentration of the ion.
      gate: open probability of each activation gate.
      inactivation: open probability of the inactivation gate.
      conductance: maximal conductance; one by default.
      celsius: temperature in degrees Celsius.
    """
    if celsius is not None:
        thermal = 0.0861733 * (celsius + 273.15)
    else:
        thermal = 26.73
    if valence == 2:
        thermal = 0.5 * thermal
    if valence == -1:
        reversal = thermal * jnp.log(inside / outside)
    else:
        reversal = thermal * jnp.log(outside / inside)
    if power == 1:
        opened = gate
    else:
        opened = gate**power
    if inactivation is not None:
        opened = opened * inactivation
    if conductance is not None:
        opened = conductance * opened
    driving = voltage - reversal
    if rectification == "boltzmann":
        # Inward rectification.
        opened = opened / (1.0 + jnp.exp(driving / 20.0))
    return opened * driving


@family(
    "elementwise",
    semi_major="... n in 0.5..3",
    eccentricity="... n in 0.05..0.7",
    anomaly="... n in 0.1..6.2",
    mu="? ... n in 0.8..1.5",
    unit=("canonical", "kilometres"),
    form=decided(("vis_viva", "components", "radius")),
)
def orbital_speed(semi_major, eccentricity, anomaly, mu=None, *, unit="canonical", form="vis_viva"):
    """Speed of bodies on elliptic orbits.

    Args:
      semi_major: semi-major axis.
      eccentricity: eccentricity of the orbit.
      anomaly: true anomaly in radians.
      mu: standard gravitational parameter; one by default.
    """
    if mu is None:
        mu = 1.0
    parameter = semi_major * (1.0 - jnp.square(eccentricity))
    if form == "components":
        scale = jnp.sqrt(mu / parameter)
        radial = scale * eccentricity * jnp.sin(anomaly)
        transverse = scale * (1.0 + eccentricity * jnp.cos(anomaly))
        speed = jnp.hypot(radial, transverse)
    elif form == "radius":
        radius = parameter / (1.0 + eccentricity * jnp.cos(anomaly))
        speed = jnp.sqrt(mu * (2.0 * semi_major - radius) / (semi_major * radius))
    else:
        # The vis-viva equation.
        radius = parameter / (1.0 + eccentricity * jnp.cos(anomaly))
        speed = jnp.sqrt(mu * (2.0 / radius - 1.0 / semi_major))
    if unit == "kilometres":
        # Per second, for distances in astronomical units.
        speed = 29.7847 * speed
    return speed


@family(
    "elementwise",
    "multi_statement",
    semi_major="... n in 0.5..3",
    eccentricity="... n in 0.05..0.6",
    anomaly="... n in 0.1..6.2",
    inclination="? ... n in 0.1..1.5",
    periapsis="? ... n in 0..3",
    node="? ... n in 0..6",
    kind=("true", "eccentric", "mean"),
    steps=decided((2, 3)),
    stack={True: 1, False: 1},
)
def orbital_position(
    semi_major,
    eccentricity,
    anomaly,
    inclination=None,
    periapsis=None,
    node=None,
    *,
    kind="true",
    steps=3,
    stack=False,
):
    """Cartesian position of bodies on elliptic orbits, from their orbital elements.

    Args:
      semi_major: semi-major axis.
      eccentricity: eccentricity of the orbit.
      anomaly: anomaly in radians.
      inclination: inclination to the plane of reference.
      periapsis: argument of the periapsis.
      node: longitude of the ascending node.
    """
    if kind == "true":
        parameter = semi_major * (1.0 - jnp.square(eccentricity))
        radius = parameter / (1.0 + eccentricity * jnp.cos(anomaly))
        x = radius * jnp.cos(anomaly)
        y = radius * jnp.sin(anomaly)
    else:
        if kind == "mean":
            # Solve Kepler's equation by Newton's method.
            e = anomaly + eccentricity * jnp.sin(anomaly)
            for _ in range(steps):
                error = e - eccentricity * jnp.sin(e) - anomaly
                e = e - error / (1.0 - eccentricity * jnp.cos(e))
        else:
            e = anomaly
        x = semi_major * (jnp.cos(e) - eccentricity)
        y = semi_major * jnp.sqrt(1.0 - jnp.square(eccentricity)) * jnp.sin(e)
    if periapsis is not None:
        cos, sin = jnp.cos(periapsis), jnp.sin(periapsis)
        x, y = cos * x - sin * y, sin * x + cos * y
    if inclination is not None:
        z = y * jnp.sin(inclination)
        y = y * jnp.cos(inclination)
    if node is not None:
        cos, sin = jnp.cos(node), jnp.sin(node)
        x, y = cos * x - sin * y, sin * x + cos * y
    if inclination is not None:
        if stack:
            return jnp.stack([x, y, z], axis=-1)
        return x, y, z
    if stack:
        return jnp.stack([x, y], axis=-1)
    return x, y


@family(
    "elementwise",
    apparent="... n in 2..14",
    parallax="... n in 2..50",
    extinction="? ... n in 0.05..1",
    correction="? ... n in -1..0.2",
    zero_point={None: 2, 0.017: 1, 0.03: 1},
    form=decided(("distance", "direct")),
    only="float32",
)
def absolute_magnitude(
    apparent,
    parallax,
    extinction=None,
    correction=None,
    *,
    zero_point=None,
    form="direct",
):
    """Absolute magnitude of stars from their parallax.

    Args:
      apparent: apparent magnitudes.
      parallax: parallaxes in milliarcseconds.
      extinction: interstellar extinction in magnitudes.
      correction: bolometric correction.
    """
    if zero_point is not None:
        # Gaia's parallaxes are a little too small.
        parallax = parallax + zero_point
    if form == "distance":
        distance = 1000.0 / parallax
        modulus = 5.0 * jnp.log10(distance / 10.0)
    else:
        modulus = 10.0 - 5.0 * jnp.log10(parallax)
    magnitude = apparent - modulus
    if extinction is not None:
        magnitude = magnitude - extinction
    if correction is not None:
        magnitude = magnitude + correction
    return magnitude


@family(
    "elementwise",
    apparent="... n in 2..8",
    parallax="... n in 5..50",
    extinction="? ... n in 0.05..1",
    colour="? ... n in 0.1..1.2",
    solar=(4.74, 4.83),
    correction=("linear", "quadratic"),
    form=decided(("magnitudes", "flux")),
    only="float32",
)
def stellar_luminosity(
    apparent,
    parallax,
    extinction=None,
    colour=None,
    *,
    solar=4.74,
    correction="linear",
    form="magnitudes",
):
    """Luminosity of stars in units of the sun's.

    Args:
      apparent: apparent magnitudes.
      parallax: parallaxes in milliarcseconds.
      extinction: interstellar extinction in magnitudes.
      colour: colour index B-V, for the bolometric correction.
    """
    magnitude = apparent
    if extinction is not None:
        magnitude = magnitude - extinction
    if colour is not None:
        if correction == "quadratic":
            magnitude = magnitude - 0.3 * jnp.square(colour - 0.4) - 0.05
        else:
            magnitude = magnitude - 0.25 * colour
    distance = 1000.0 / parallax
    if form == "flux":
        flux = jnp.power(10.0, -0.4 * (magnitude - solar))
        return flux * jnp.square(distance / 10.0)
    absolute = magnitude - 5.0 * jnp.log10(distance / 10.0)
    return jnp.power(10.0, 0.4 * (solar - absolute))


@family(
    "elementwise",
    lat1="... n in 10..50",
    lon1="... n in -60..10",
    lat2="... n in 5..60",
    lon2="... n in 15..80",
    altitude="? ... n in 0.1..12",
    formula=("haversine", "cosine", "vincenty", "equirectangular", "chord"),
    unit=("kilometres", "miles", "nautical_miles"),
    reduced={False: 3, True: 1},
    only="float32",
)
def great_circle_distance(
    lat1, lon1, lat2, lon2, altitude=None, *, formula="haversine", unit="kilometres", reduced=False
):
    """Great-circle distance between points on the earth.

    Args:
      lat1: latitudes of the first points in degrees.
      lon1: longitudes of the first points in degrees.
      lat2: latitudes of the second points in degrees.
      lon2: longitudes of the second points in degrees.
      altitude: altitude of the path above the ground, in the unit of the distance.
    """
    lat1, lon1, lat2, lon2 = [jnp.radians(degrees) for degrees in (lat1, lon1, lat2, lon2)]
    if reduced:
        # Reduced latitudes, because the earth is flattened.
        lat1 = jnp.arctan(0.99665 * jnp.tan(lat1))
        lat2 = jnp.arctan(0.99665 * jnp.tan(lat2))
    dlat = lat2 - lat1
    dlon = lon2 - lon1
    if formula == "cosine":
        product = jnp.cos(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        angle = jnp.arccos(jnp.sin(lat1) * jnp.sin(lat2) + product)
    elif formula == "vincenty":
        east = jnp.cos(lat2) * jnp.sin(dlon)
        north = jnp.cos(lat1) * jnp.sin(lat2) - jnp.sin(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        along = jnp.sin(lat1) * jnp.sin(lat2) + jnp.cos(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        angle = jnp.arctan2(jnp.hypot(east, north), along)
    elif formula == "equirectangular":
        # Good for short distances.
        x = dlon * jnp.cos(0.5 * (lat1 + lat2))
        angle = jnp.hypot(x, dlat)
    elif formula == "chord":
        x = jnp.cos(lat2) * jnp.cos(lon2) - jnp.cos(lat1) * jnp.cos(lon1)
        y = jnp.cos(lat2) * jnp.sin(lon2) - jnp.cos(lat1) * jnp.sin(lon1)
        z = jnp.sin(lat2) - jnp.sin(lat1)
        angle = 2.0 * jnp.arcsin(0.5 * jnp.sqrt(x**2 + y**2 + z**2))
    else:
        a = jnp.sin(dlat / 2.0) ** 2 + jnp.cos(lat1) * jnp.cos(lat2) * jnp.sin(dlon / 2.0) ** 2
        angle = 2.0 * jnp.arcsin(jnp.sqrt(a))
    if unit == "miles":
        radius = 3958.8
    elif unit == "nautical_miles":
        radius = 3440.1
    else:
        radius = 6371.0
    if altitude is not None:
        radius = radius + altitude
    return radius * angle


@family(
    "elementwise",
    lat1="... n in 10..50",
    lon1="... n in -60..10",
    lat2="... n in 5..60",
    lon2="... n in 15..80",
    declination="? ... n in -15..15",
    line=("great_circle", "rhumb"),
    final={False: 3, True: 1},
    unit=("degrees", "radians"),
    wrap={False: 1, True: 1},
    only="float32",
)
def bearing(
    lat1,
    lon1,
    lat2,
    lon2,
    declination=None,
    *,
    line="great_circle",
    final=False,
    unit="degrees",
    wrap=False,
):
    """Compass bearing from the first to the second points.

    Args:
      lat1: latitudes of the first points in degrees.
      lon1: longitudes of the first points in degrees.
      lat2: latitudes of the second points in degrees.
      lon2: longitudes of the second points in degrees.
      declination: magnetic declination in degrees, for the magnetic bearing.
    """
    lat1, lon1, lat2, lon2 = [jnp.radians(degrees) for degrees in (lat1, lon1, lat2, lon2)]
    dlon = lon2 - lon1
    if line == "rhumb":
        # A straight line on Mercator's map.
        north = jnp.arcsinh(jnp.tan(lat2)) - jnp.arcsinh(jnp.tan(lat1))
        east = dlon
    elif final:
        # The direction of travel on arrival.
        east = jnp.cos(lat1) * jnp.sin(dlon)
        north = jnp.sin(lat2) * jnp.cos(lat1) * jnp.cos(dlon) - jnp.cos(lat2) * jnp.sin(lat1)
    else:
        east = jnp.cos(lat2) * jnp.sin(dlon)
        north = jnp.cos(lat1) * jnp.sin(lat2) - jnp.sin(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
    angle = jnp.arctan2(east, north)
    if declination is not None:
        angle = angle - jnp.radians(declination)
    if wrap:
        # From zero to a full turn.
        angle = jnp.mod(angle, 2.0 * jnp.pi)
    if unit == "degrees":
        return jnp.degrees(angle)
    return angle


@family(
    "elementwise",
    x1="... n",
    y1="... n",
    x2="... n",
    y2="... n",
    scale="? ... n in 0.5..2",
    metric=("euclidean", "manhattan", "minkowski", "squared", "canberra", "chebyshev"),
    periodic={False: 3, True: 1},
    form=decided(("hypot", "sqrt")),
)
def point_distance(x1, y1, x2, y2, scale=None, *, metric="euclidean", periodic=False, form="hypot"):
    """Distance between pairs of points in the plane.

    Args:
      x1: x-coordinates of the first points.
      y1: y-coordinates of the first points.
      x2: x-coordinates of the second points.
      y2: y-coordinates of the second points.
      scale: length that counts as one.
    """
    dx = x1 - x2
    dy = y1 - y2
    if periodic:
        # The minimum image in a box of length four.
        dx = dx - 4.0 * jnp.round(dx / 4.0)
        dy = dy - 4.0 * jnp.round(dy / 4.0)
    if metric == "manhattan":
        distance = jnp.abs(dx) + jnp.abs(dy)
    elif metric == "chebyshev":
        distance = jnp.maximum(jnp.abs(dx), jnp.abs(dy))
    elif metric == "minkowski":
        distance = (jnp.abs(dx) ** 3 + jnp.abs(dy) ** 3) ** (1.0 / 3.0)
    elif metric == "squared":
        distance = jnp.square(dx) + jnp.square(dy)
    elif metric == "canberra":
        distance = jnp.abs(dx) / (jnp.abs(x1) + jnp.abs(x2))
        distance = distance + jnp.abs(dy) / (jnp.abs(y1) + jnp.abs(y2))
    elif form == "sqrt":
        distance = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 1e-12)
    else:
        distance = jnp.hypot(dx, dy)
    if scale is not None:
        distance = distance / scale
    return distance


@family(
    "elementwise",
    x1="... n",
    y1="... n",
    x2="... n",
    y2="... n",
    length="... n in 0.5..2",
    variance="? ... n in 0.2..2",
    kernel=("rbf", "exponential", "matern32", "matern52", "rational_quadratic", "periodic"),
    anisotropic={False: 2, True: 1},
)
def covariance(x1, y1, x2, y2, length, variance=None, *, kernel="rbf", anisotropic=False):
    """Covariance of a Gaussian process between pairs of points in the plane.

    Args:
      x1: x-coordinates of the first points.
      y1: y-coordinates of the first points.
      x2: x-coordinates of the second points.
      y2: y-coordinates of the second points.
      length: length scale.
      variance: variance of the process; one by default.
    """
    dx = (x1 - x2) / length
    dy = (y1 - y2) / length
    if anisotropic:
        # It varies more slowly in this direction.
        dy = 0.5 * dy
    squared = jnp.square(dx) + jnp.square(dy)
    distance = jnp.sqrt(squared + 1e-9)
    if kernel == "exponential":
        value = jnp.exp(-distance)
    elif kernel == "matern32":
        scaled = jnp.sqrt(3.0) * distance
        value = (1.0 + scaled) * jnp.exp(-scaled)
    elif kernel == "matern52":
        scaled = jnp.sqrt(5.0) * distance
        value = (1.0 + scaled + jnp.square(scaled) / 3.0) * jnp.exp(-scaled)
    elif kernel == "rational_quadratic":
        value = (1.0 + 0.25 * squared) ** -2.0
    elif kernel == "periodic":
        value = jnp.exp(-2.0 * jnp.square(jnp.sin(jnp.pi * distance / 4.0)))
    else:
        value = jnp.exp(-0.5 * squared)
    if variance is not None:
        value = variance * value
    return value


@family(
    "elementwise",
    "multi_statement",
    re1="... n",
    im1="... n",
    re2="... n in 0.3..2",
    im2="... n",
    operation=("multiply", "divide", "correlate", "mobius", "rotate", "power"),
    fewer={False: 3, True: 1},
    conjugate={False: 3, True: 1},
    stacked={False: 2, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12, 16)},
)
def complex_arithmetic(
    re1, im1, re2, im2, *, operation="multiply", fewer=False, conjugate=False, stacked=False
):
    """Complex arithmetic with the real and imaginary parts in arrays of their own.

    Returns:
      The real and the imaginary part of the result.
    """
    if operation == "divide":
        squared = re2**2 + im2**2
        re = (re1 * re2 + im1 * im2) / squared
        im = (im1 * re2 - re1 * im2) / squared
    elif operation == "correlate":
        # z conj(w), as in a cross-spectrum.
        re = re1 * re2 + im1 * im2
        im = im1 * re2 - re1 * im2
    elif operation == "mobius":
        # (z - w) / (z + w), a reflection coefficient.
        top_re = re1 - re2
        top_im = im1 - im2
        bottom_re = re1 + re2
        bottom_im = im1 + im2
        squared = bottom_re**2 + bottom_im**2 + 0.1
        re = (top_re * bottom_re + top_im * bottom_im) / squared
        im = (top_im * bottom_re - top_re * bottom_im) / squared
    elif operation == "rotate":
        # Only the phase of w matters.
        length = jnp.hypot(re2, im2)
        re = (re1 * re2 - im1 * im2) / length
        im = (re1 * im2 + im1 * re2) / length
    elif operation == "power":
        # One step of Mandelbrot's iteration, z^2 + w.
        re = re1**2 - im1**2 + re2
        im = 2.0 * re1 * im1 + im2
    elif fewer:
        # Gauss's trick needs three products only.
        first = re2 * (re1 + im1)
        second = re1 * (im2 - re2)
        third = im1 * (re2 + im2)
        re = first - third
        im = first + second
    else:
        re = re1 * re2 - im1 * im2
        im = re1 * im2 + im1 * re2
    if conjugate:
        im = -im
    if stacked:
        return jnp.stack([re, im], axis=-1)
    return re, im


@family(
    "elementwise",
    temperature="... n in 280..400",
    activation_energy="... n in 10..60",
    prefactor="? ... n in 0.5..5",
    entropy="? ... n in -0.02..0.02",
    law=("arrhenius", "modified", "eyring", "deactivation"),
    reference=(298.15, 330.0),
    tunnelling={False: 3, True: 1},
    form=decided(("direct", "log")),
    only="float32",
)
def rate_constant(
    temperature,
    activation_energy,
    prefactor=None,
    entropy=None,
    *,
    law="arrhenius",
    reference=298.15,
    tunnelling=False,
    form="direct",
):
    """Rate constant of a reaction, relative to that at a reference temperature.

    Args:
      temperature: temperature in kelvin.
      activation_energy: activation energy in kilojoules per mole.
      prefactor: rate constant at the reference temperature.
      entropy: change of the activation entropy in kilojoules per mole and kelvin.
    """
    gas_constant = 0.0083145
    exponent = activation_energy / gas_constant * (1.0 / reference - 1.0 / temperature)
    if entropy is not None:
        exponent = exponent + entropy / gas_constant
    if form == "log":
        if law == "modified":
            exponent = exponent + 0.5 * jnp.log(temperature / reference)
        elif law == "eyring":
            exponent = exponent + jnp.log(temperature / reference)
        elif law == "deactivation":
            exponent = exponent - jax.nn.softplus(0.2 * (temperature - 350.0))
        if prefactor is not None:
            exponent = exponent + jnp.log(prefactor)
        rate = jnp.exp(exponent)
    else:
        rate = jnp.exp(exponent)
        if law == "modified":
            rate = rate * jnp.sqrt(temperature / reference)
        elif law == "eyring":
            rate = rate * temperature / reference
        elif law == "deactivation":
            # Enzymes unfold at high temperatures.
            rate = rate / (1.0 + jnp.exp(0.2 * (temperature - 350.0)))
        if prefactor is not None:
            rate = prefactor * rate
    if tunnelling:
        # Wigner's correction, for an imaginary frequency of 1000 cm^-1.
        rate = rate * (1.0 + jnp.square(1438.8 / temperature) / 24.0)
    return rate


@family(
    "elementwise",
    substrate="... n in 0.05..4",
    inhibitor="... n in 0.05..3",
    product="? ... n in 0.05..1",
    enzyme="? ... n in 0.2..2",
    activator="? ... n in 0.1..2",
    inhibition=("competitive", "uncompetitive", "noncompetitive", "mixed", "partial"),
    hill={None: 3, 2: 1, 1.5: 1},
    substrate_inhibition={False: 3, True: 1},
)
def enzyme_rate(
    substrate,
    inhibitor,
    product=None,
    enzyme=None,
    activator=None,
    *,
    inhibition="competitive",
    hill=None,
    substrate_inhibition=False,
):
    """Rate of an enzyme reaction by Michaelis-Menten kinetics with an inhibitor.

    Args:
      substrate: substrate concentration.
      inhibitor: inhibitor concentration.
      product: product concentration; the product inhibits competitively.
      enzyme: enzyme concentration.
      activator: concentration of an essential activator.
    """
    km = 0.7
    ki = 0.8
    vmax = 1.5
    if enzyme is not None:
        vmax = vmax * enzyme
    if activator is not None:
        vmax = vmax * activator / (0.4 + activator)
    if product is not None:
        km = km * (1.0 + product / 1.2)
    if hill is not None:
        # Cooperative binding.
        substrate = substrate**hill
    binding = 1.0 + inhibitor / ki
    if substrate_inhibition:
        total = substrate * (1.0 + substrate / 5.0)
    else:
        total = substrate
    if inhibition == "uncompetitive":
        rate = vmax * substrate / (km + total * binding)
    elif inhibition == "noncompetitive":
        rate = vmax * substrate / ((km + total) * binding)
    elif inhibition == "mixed":
        rate = vmax * substrate / (km * binding + total * (1.0 + inhibitor / 3.0))
    elif inhibition == "partial":
        # The complex with the inhibitor still works at half of the rate.
        rate = vmax * (1.0 + 0.5 * inhibitor / ki) / binding * substrate / (km + total)
    else:
        rate = vmax * substrate / (km * binding + total)
    return rate


@family(
    "elementwise",
    velocity="... n in 5..60",
    density="... n in 0.4..1.3",
    area="? ... n in 0.5..3",
    headwind="? ... n in -4..4",
    incidence="? ... n in -0.2..0.3",
    coefficient=("constant", "sphere", "cylinder"),
    compressible={False: 3, True: 1},
    value=(0.3, 0.47, 1.1),
    only="float32",
)
def drag_force(
    velocity,
    density,
    area=None,
    headwind=None,
    incidence=None,
    *,
    coefficient="constant",
    compressible=False,
    value=0.3,
):
    """Aerodynamic drag of a body.

    Args:
      velocity: velocity over ground in metres per second.
      density: density of the air in kilograms per cubic metre.
      area: reference area in square metres; one by default.
      headwind: velocity of the wind from ahead.
      incidence: angle of attack in radians.
    """
    if headwind is not None:
        airspeed = velocity + headwind
    else:
        airspeed = velocity
    pressure = 0.5 * density * jnp.square(airspeed)
    if coefficient == "sphere":
        # By the Reynolds number, for a small sphere.
        reynolds = 50.0 * density * airspeed
        cd = 24.0 / reynolds + 6.0 / (1.0 + jnp.sqrt(reynolds)) + 0.4
    elif coefficient == "cylinder":
        reynolds = 50.0 * density * airspeed
        cd = 1.0 + 10.0 * reynolds ** (-2.0 / 3.0)
    else:
        cd = value
    if incidence is not None:
        cd = cd + 0.8 * jnp.square(jnp.sin(incidence))
    if compressible:
        # The Prandtl-Glauert correction.
        cd = cd * jax.lax.rsqrt(1.0 - jnp.square(airspeed / 340.0))
    drag = cd * pressure
    if area is not None:
        drag = area * drag
    return drag


# ---------------------------------------------------------------- geometry


@family(
    "elementwise",
    start="... n",
    stop="... n",
    t="... n in 0.02..0.98",
    kind=("linear", "cosine", "smoothstep", "smootherstep", "exponential", "angle"),
    clamp={False: 2, True: 1},
    form=decided({"difference": 2, "weights": 1}),
)
def interpolate(start, stop, t, *, kind="linear", clamp=False, form="difference"):
    """Interpolate between the elements of two arrays.

    Args:
      start: values at t = 0.
      stop: values at t = 1.
      t: position of each value.
    """
    if clamp:
        t = jnp.clip(t, 0.0, 1.0)
    if kind == "cosine":
        weight = 0.5 * (1.0 - jnp.cos(jnp.pi * t))
    elif kind == "smoothstep":
        weight = t * t * (3.0 - 2.0 * t)
    elif kind == "smootherstep":
        weight = t**3 * (t * (6.0 * t - 15.0) + 10.0)
    elif kind == "exponential":
        weight = jnp.expm1(2.0 * t) / jnp.expm1(2.0)
    else:
        weight = t
    if kind == "angle":
        # The shorter way around the circle.
        turn = jnp.arctan2(jnp.sin(stop - start), jnp.cos(stop - start))
        value = start + weight * turn
    elif form == "weights":
        value = (1.0 - weight) * start + weight * stop
    else:
        value = start + weight * (stop - start)
    return value


@family(
    "elementwise",
    start="... n",
    stop="... n",
    start_slope="... n",
    stop_slope="... n",
    t="... n in 0.02..0.98",
    width="? ... n in 0.5..2",
    form=decided(("basis", "polynomial", "horner")),
    clamp={False: 2, True: 1},
    tension={None: 3, 0.5: 1},
)
def cubic_hermite(
    start,
    stop,
    start_slope,
    stop_slope,
    t,
    width=None,
    *,
    form="basis",
    clamp=False,
    tension=None,
):
    """Evaluate cubic Hermite splines, one interval for each element.

    Args:
      start: values at t = 0.
      stop: values at t = 1.
      start_slope: slopes at t = 0.
      stop_slope: slopes at t = 1.
      t: positions within the intervals.
      width: widths of the intervals, if the slopes aren't for a width of one.
    """
    if clamp:
        t = jnp.clip(t, 0.0, 1.0)
    if width is not None:
        start_slope = width * start_slope
        stop_slope = width * stop_slope
    if tension is not None:
        # Cardinal splines have smaller slopes.
        start_slope = (1.0 - tension) * start_slope
        stop_slope = (1.0 - tension) * stop_slope
    if form == "basis":
        h00 = (1.0 + 2.0 * t) * jnp.square(1.0 - t)
        h10 = t * jnp.square(1.0 - t)
        h01 = jnp.square(t) * (3.0 - 2.0 * t)
        h11 = jnp.square(t) * (t - 1.0)
        return h00 * start + h10 * start_slope + h01 * stop + h11 * stop_slope
    rise = stop - start
    quadratic = 3.0 * rise - 2.0 * start_slope - stop_slope
    cubic = start_slope + stop_slope - 2.0 * rise
    if form == "horner":
        return start + t * (start_slope + t * (quadratic + t * cubic))
    return start + start_slope * t + quadratic * t**2 + cubic * t**3


# ---------------------------------------------------------------- images


@family(
    "elementwise",
    backdrop="h d in 0.05..0.95",
    source="h d in 0.05..0.95",
    alpha="? h d in 0..1",
    backdrop_alpha="? h d in 0.2..1",
    mode=(
        "multiply",
        "screen",
        "difference",
        "exclusion",
        "soft_light",
        "dodge",
        "burn",
        "add",
        "lighten",
        "darken",
        "linear_burn",
    ),
    gamma={None: 3, 2.2: 1, 2.4: 1},
    clamp={False: 2, True: 1},
    opacity={None: 3, 0.6: 1},
    sizes={"h": (2, 4, 5, 6, 8)},
)
def blend(
    backdrop,
    source,
    alpha=None,
    backdrop_alpha=None,
    *,
    mode="multiply",
    gamma=None,
    clamp=False,
    opacity=None,
):
    """Blend two layers of an image.

    Args:
      backdrop: lower layer, with values from zero to one.
      source: upper layer.
      alpha: opacity of each pixel of the upper layer.
      backdrop_alpha: opacity of each pixel of the lower layer.
    """
    if gamma is not None:
        # Mix linear light.
        backdrop = backdrop**gamma
        source = source**gamma
    if mode == "screen":
        mixed = backdrop + source - backdrop * source
    elif mode == "difference":
        mixed = jnp.abs(backdrop - source)
    elif mode == "exclusion":
        mixed = backdrop + source - 2.0 * backdrop * source
    elif mode == "soft_light":
        # Pegtop's formula.
        mixed = (1.0 - 2.0 * source) * jnp.square(backdrop) + 2.0 * source * backdrop
    elif mode == "dodge":
        mixed = jnp.minimum(1.0, backdrop / (1.001 - source))
    elif mode == "burn":
        mixed = 1.0 - jnp.minimum(1.0, (1.0 - backdrop) / (source + 1e-3))
    elif mode == "add":
        mixed = jnp.minimum(1.0, backdrop + source)
    elif mode == "lighten":
        mixed = jnp.maximum(backdrop, source)
    elif mode == "darken":
        mixed = jnp.minimum(backdrop, source)
    elif mode == "linear_burn":
        mixed = jnp.maximum(0.0, backdrop + source - 1.0)
    else:
        mixed = backdrop * source
    if backdrop_alpha is not None:
        # Where the lower layer is transparent, the upper one stays as it is.
        mixed = (1.0 - backdrop_alpha) * source + backdrop_alpha * mixed
    if alpha is not None:
        if opacity is not None:
            alpha = opacity * alpha
        mixed = (1.0 - alpha) * backdrop + alpha * mixed
    elif opacity is not None:
        mixed = (1.0 - opacity) * backdrop + opacity * mixed
    if gamma is not None:
        mixed = (mixed + 1e-4) ** (1.0 / gamma)
    if clamp:
        mixed = jnp.clip(mixed, 0.0, 1.0)
    return mixed


@family(
    "elementwise",
    "scalar_array",
    red="h d in 0.02..1",
    green="h d in 0.02..1",
    blue="h d in 0.02..1",
    exposure="? in -1..1",
    standard=("rec601", "rec709", "rec2020", "average", "desaturate"),
    decode={None: 3, "gamma": 1, "square": 1},
    encode={None: 3, "gamma": 1, "square_root": 1},
    video_range={False: 3, True: 1},
    sizes={"h": (2, 4, 5, 6)},
)
def to_grayscale(
    red,
    green,
    blue,
    exposure=None,
    *,
    standard="rec601",
    decode=None,
    encode=None,
    video_range=False,
):
    """Convert an RGB image to grayscale.

    Args:
      red: red channel, height by width, from zero to one.
      green: green channel.
      blue: blue channel.
      exposure: exposure compensation in stops.
    """
    if decode == "gamma":
        red, green, blue = [channel**2.2 for channel in (red, green, blue)]
    elif decode == "square":
        # A cheap approximation of the gamma curve.
        red, green, blue = [jnp.square(channel) for channel in (red, green, blue)]
    if standard == "rec709":
        gray = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    elif standard == "rec2020":
        gray = 0.2627 * red + 0.678 * green + 0.0593 * blue
    elif standard == "average":
        gray = (red + green + blue) / 3.0
    elif standard == "desaturate":
        # The lightness of the HSL model.
        largest = jnp.maximum(jnp.maximum(red, green), blue)
        smallest = jnp.minimum(jnp.minimum(red, green), blue)
        gray = 0.5 * (largest + smallest)
    else:
        gray = 0.299 * red + 0.587 * green + 0.114 * blue
    if exposure is not None:
        gray = gray * jnp.exp2(exposure)
    if encode == "gamma":
        gray = gray ** (1.0 / 2.2)
    elif encode == "square_root":
        gray = jnp.sqrt(gray)
    if video_range:
        # Studio swing, from 16 to 235 of 255.
        gray = (16.0 + 219.0 * gray) / 255.0
    return gray


@family(
    "elementwise",
    "multi_statement",
    red="h d in 0..1",
    green="h d in 0..1",
    blue="h d in 0..1",
    standard=("rec601", "rec709", "rec2020"),
    form=decided(("difference", "matrix")),
    offset={False: 2, True: 1},
    stack={None: 2, -1: 1, 0: 1},
    sizes={"h": (2, 4, 5, 6)},
)
def rgb_to_ycbcr(
    red, green, blue, *, standard="rec601", form="difference", offset=False, stack=None
):
    """Convert an RGB image to luma and chroma, Y'CbCr."""
    if form == "matrix":
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        cb = -0.168736 * red - 0.331264 * green + 0.5 * blue
        cr = 0.5 * red - 0.418688 * green - 0.081312 * blue
    else:
        if standard == "rec709":
            kr, kb = 0.2126, 0.0722
        elif standard == "rec2020":
            kr, kb = 0.2627, 0.0593
        else:
            kr, kb = 0.299, 0.114
        luma = kr * red + (1.0 - kr - kb) * green + kb * blue
        cb = 0.5 * (blue - luma) / (1.0 - kb)
        cr = 0.5 * (red - luma) / (1.0 - kr)
    if offset:
        # Zero chroma is stored as one half.
        cb = cb + 0.5
        cr = cr + 0.5
    if stack is not None:
        return jnp.stack([luma, cb, cr], axis=stack)
    return luma, cb, cr


# ---------------------------------------------------------------- learning


@family(
    "elementwise",
    value="... n d",
    gate="... n d",
    value_bias="? d in -0.5..0.5",
    gate_bias="? d in -0.5..0.5",
    scale="? d in 0.5..1.5",
    residual="? ... n d",
    activation=(
        Code("jax.nn.sigmoid"),
        Code("jax.nn.silu"),
        Code("jax.nn.gelu"),
        Code("jnp.tanh"),
        Code("jax.nn.softplus"),
        Code("jax.nn.relu"),
        Code("jax.nn.hard_sigmoid"),
        Code("jax.nn.mish"),
    ),
    limit={None: 4, 1.5: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2, 4)},
)
def glu(
    value,
    gate,
    value_bias=None,
    gate_bias=None,
    scale=None,
    residual=None,
    *,
    activation="sigmoid",
    limit=None,
):
    """Gated linear unit, given the projections of the value and the gate.

    Args:
      value: projected values.
      gate: pre-activations of the gates, of the same shape.
      value_bias: bias of the values.
      gate_bias: bias of the gates.
      scale: LayerScale, one factor for each channel.
      residual: input of the block, for the skip connection.
    """
    if value_bias is not None:
        value = value + value_bias
    if gate_bias is not None:
        gate = gate + gate_bias
    if limit is not None:
        # Clamped for stability, as in gpt-oss.
        value = jnp.clip(value, -limit, limit)
        gate = jnp.minimum(gate, limit)
    out = value * activation(gate)
    if scale is not None:
        out = out * scale
    if residual is not None:
        out = out + residual
    return out


@family(
    "elementwise",
    hidden="... n",
    candidate="... n",
    update="... n",
    reset="? ... n",
    recurrent="? ... n",
    bias="? n in -0.5..0.5",
    activation=(Code("jnp.tanh"), Code("jax.nn.relu"), Code("jax.nn.soft_sign")),
    convention={"keep": 2, "replace": 1},
    hard={False: 3, True: 1},
    keep_bias={None: 3, 1.0: 1},
)
def gru_update(
    hidden,
    candidate,
    update,
    reset=None,
    recurrent=None,
    bias=None,
    *,
    activation="tanh",
    convention="keep",
    hard=False,
    keep_bias=None,
):
    """Next hidden state of a gated recurrent unit (GRU), given its pre-activations.

    Args:
      hidden: hidden state.
      candidate: pre-activations of the candidate state.
      update: pre-activations of the update gate.
      reset: pre-activations of the reset gate.
      recurrent: recurrent part of the candidate's pre-activations.
      bias: bias of the candidate.
    """
    if keep_bias is not None:
        # At first the state is kept.
        if convention == "keep":
            update = update + keep_bias
        else:
            update = update - keep_bias
    if hard:
        z = jax.nn.hard_sigmoid(update)
    else:
        z = jax.nn.sigmoid(update)
    if recurrent is None:
        recurrent = hidden
    if reset is not None:
        if hard:
            r = jax.nn.hard_sigmoid(reset)
        else:
            r = jax.nn.sigmoid(reset)
        recurrent = r * recurrent
    candidate = candidate + recurrent
    if bias is not None:
        candidate = candidate + bias
    new = activation(candidate)
    if convention == "keep":
        return z * hidden + (1.0 - z) * new
    return (1.0 - z) * hidden + z * new


@family(
    "elementwise",
    "multi_statement",
    cell="... n",
    content="... n",
    input_gate="... n",
    forget_gate="... n",
    output_gate="... n",
    peephole="? n in -0.5..0.5",
    forget_bias={None: 2, 1.0: 1},
    clip={None: 3, 3.0: 1},
    gate_activation={Code("jax.nn.sigmoid"): 3, Code("jax.nn.hard_sigmoid"): 1},
)
def lstm_update(
    cell,
    content,
    input_gate,
    forget_gate,
    output_gate,
    peephole=None,
    *,
    gate_activation="sigmoid",
    forget_bias=None,
    clip=None,
):
    """Next cell and hidden state of a long short-term memory (LSTM), given its pre-activations.

    Args:
      cell: cell state.
      content: pre-activations of the new content.
      input_gate: pre-activations of the input gate.
      forget_gate: pre-activations of the forget gate.
      output_gate: pre-activations of the output gate.
      peephole: weights by which the gates see the cell.
    """
    if peephole is not None:
        input_gate = input_gate + peephole * cell
        forget_gate = forget_gate + peephole * cell
    if forget_bias is not None:
        forget_gate = forget_gate + forget_bias
    cell = gate_activation(forget_gate) * cell + gate_activation(input_gate) * jnp.tanh(content)
    if clip is not None:
        cell = jnp.clip(cell, -clip, clip)
    hidden = gate_activation(output_gate) * jnp.tanh(cell)
    return cell, hidden


@family(
    "elementwise",
    logits="... n",
    labels="... n in 0.05..0.95",
    weights="? ... n in 0.1..2",
    positive_weight="? n in 0.5..3",
    kind=("cross_entropy", "focal", "poly", "asymmetric"),
    smoothing={None: 3, 0.1: 1, 0.05: 1},
    temperature={None: 3, 2.0: 1},
    form=decided(("softplus", "log_sigmoid")),
)
def binary_loss(
    logits,
    labels,
    weights=None,
    positive_weight=None,
    *,
    kind="cross_entropy",
    smoothing=None,
    temperature=None,
    form="log_sigmoid",
):
    """Unreduced loss of binary or multi-label classification.

    Args:
      logits: predicted log-odds.
      labels: probabilities of the positive class.
      weights: weight of each element.
      positive_weight: weight of the positive class, one for each column.
    """
    if temperature is not None:
        logits = logits / temperature
    if smoothing is not None:
        # Label smoothing.
        labels = (1.0 - smoothing) * labels + 0.5 * smoothing
    if form == "softplus":
        positive = labels * jax.nn.softplus(-logits)
        negative = (1.0 - labels) * jax.nn.softplus(logits)
    else:
        positive = -labels * jax.nn.log_sigmoid(logits)
        negative = -(1.0 - labels) * jax.nn.log_sigmoid(-logits)
    if kind == "focal":
        p = jax.nn.sigmoid(logits)
        positive = jnp.square(1.0 - p) * positive
        negative = jnp.square(p) * negative
    elif kind == "asymmetric":
        # Easy negatives count for less than easy positives.
        p = jax.nn.sigmoid(logits)
        positive = (1.0 - p) * positive
        negative = p**4 * negative
    elif kind == "poly":
        # Poly-1: plus the first term of the loss's expansion.
        p = jax.nn.sigmoid(logits)
        positive = positive + labels * (1.0 - p)
        negative = negative + (1.0 - labels) * p
    if positive_weight is not None:
        positive = positive_weight * positive
    loss = positive + negative
    if weights is not None:
        loss = weights * loss
    return loss


@family(
    "elementwise",
    prediction="... n",
    target="... n in 0.05..0.95",
    weights="? ... n in 0.1..2",
    log_variance="? ... n in -1..1",
    kind=("squared", "poisson", "pseudo_huber", "log_cosh", "quantile", "cauchy", "absolute"),
    delta=(0.5, 1.5),
    tau=(0.9, 0.5, 0.1),
)
def regression_loss(
    prediction,
    target,
    weights=None,
    log_variance=None,
    *,
    kind="squared",
    delta=0.5,
    tau=0.9,
):
    """Unreduced loss of a regression.

    Args:
      prediction: predicted values.
      target: observed values.
      weights: weight of each element.
      log_variance: predicted logarithm of the variance, for heteroscedastic regression.
    """
    error = prediction - target
    if kind == "poisson":
        # The prediction is the logarithm of the rate.
        loss = jnp.exp(prediction) - target * prediction
    elif kind == "pseudo_huber":
        loss = delta**2 * (jnp.sqrt(1.0 + jnp.square(error / delta)) - 1.0)
    elif kind == "log_cosh":
        loss = jnp.logaddexp(error, -error) - jnp.log(2.0)
    elif kind == "quantile":
        # The pinball loss.
        loss = jnp.maximum(-tau * error, (1.0 - tau) * error)
    elif kind == "cauchy":
        loss = 0.5 * delta**2 * jnp.log1p(jnp.square(error / delta))
    elif kind == "absolute":
        loss = jnp.abs(error)
    else:
        loss = 0.5 * jnp.square(error)
    if log_variance is not None:
        loss = loss * jnp.exp(-log_variance) + 0.5 * log_variance
    if weights is not None:
        loss = weights * loss
    return loss


@family(
    "elementwise",
    param="... n",
    gradient="... n",
    second_moment="... n in 0.05..2",
    momentum="? ... n",
    mask="? ... n in 0..1",
    method=("adam", "rmsprop", "amsgrad", "adagrad", "yogi"),
    nesterov={False: 3, True: 1},
    decay={None: 2, "coupled": 1, "decoupled": 1},
    clip={None: 3, 1.0: 1, 0.5: 1},
    learning_rate=(0.1, 0.05, 0.2),
)
def adaptive_step(
    param,
    gradient,
    second_moment,
    momentum=None,
    mask=None,
    *,
    method="adam",
    nesterov=False,
    decay=None,
    clip=None,
    learning_rate=0.1,
):
    """One step of an adaptive optimizer of Adam's kind; returns the new parameters.

    Args:
      param: parameters.
      gradient: gradient of the loss.
      second_moment: running average of the squared gradients, or their sum in Adagrad.
      momentum: running average of the gradients.
      mask: which part of each step is applied; zero freezes a parameter.
    """
    if clip is not None:
        gradient = jnp.clip(gradient, -clip, clip)
    if decay == "coupled":
        # L2 regularization.
        gradient = gradient + 0.01 * param
    if momentum is not None:
        direction = 0.9 * momentum + 0.1 * gradient
        if nesterov:
            direction = 0.9 * direction + 0.1 * gradient
    else:
        direction = gradient
    squared = jnp.square(gradient)
    if method == "amsgrad":
        average = jnp.maximum(second_moment, 0.99 * second_moment + 0.01 * squared)
    elif method == "adagrad":
        average = second_moment + squared
    elif method == "rmsprop":
        average = 0.9 * second_moment + 0.1 * squared
    elif method == "yogi":
        # Additive, so that it forgets more slowly.
        average = second_moment - 0.01 * jnp.sign(second_moment - squared) * squared
    else:
        average = 0.99 * second_moment + 0.01 * squared
    if method == "rmsprop":
        step = direction * jax.lax.rsqrt(average + 1e-6)
    else:
        step = direction / (jnp.sqrt(average) + 1e-6)
    if decay == "decoupled":
        # As in AdamW.
        step = step + 0.01 * param
    if mask is not None:
        step = mask * step
    return param - learning_rate * step


# ---------------------------------------------------------------- belief and games


@family(
    "elementwise",
    prior="... n in 0.05..0.95",
    likelihood="... n in 0.1..0.95",
    alternative="... n in 0.05..0.9",
    second="? ... n in 0.3..3",
    form=decided(("direct", "odds", "log_odds")),
    temper={None: 3, 0.5: 1, 0.8: 1},
    negative={False: 3, True: 1},
)
def posterior(
    prior,
    likelihood,
    alternative,
    second=None,
    *,
    form="direct",
    temper=None,
    negative=False,
):
    """Posterior probability of a hypothesis by Bayes' rule.

    Args:
      prior: prior probability of the hypothesis.
      likelihood: probability of the observation if the hypothesis is true.
      alternative: probability of the observation if it is false.
      second: likelihood ratio of an independent second observation.
    """
    if negative:
        # The event was not observed.
        likelihood = 1.0 - likelihood
        alternative = 1.0 - alternative
    if temper is not None:
        # A power posterior trusts the data less.
        likelihood = likelihood**temper
        alternative = alternative**temper
    if form == "odds":
        odds = prior / (1.0 - prior) * likelihood / alternative
        if second is not None:
            odds = odds * second
        return odds / (1.0 + odds)
    if form == "log_odds":
        log_odds = jnp.log(prior) - jnp.log1p(-prior)
        log_odds = log_odds + jnp.log(likelihood) - jnp.log(alternative)
        if second is not None:
            log_odds = log_odds + jnp.log(second)
        return jax.nn.sigmoid(log_odds)
    joint = prior * likelihood
    if second is not None:
        joint = joint * second
    return joint / (joint + (1.0 - prior) * alternative)


@family(
    "elementwise",
    rating_a="... n in 1200..1800",
    rating_b="... n in 1200..1800",
    deviation="? ... n in 30..200",
    home_advantage="? ... n in 0..80",
    curve={"logistic": 3, "normal": 1},
    scale=(400.0, 300.0),
    form=decided(("sigmoid", "ratio", "tanh")),
    only="float32",
)
def expected_score(
    rating_a,
    rating_b,
    deviation=None,
    home_advantage=None,
    *,
    curve="logistic",
    form="ratio",
    scale=400.0,
):
    """Expected score of the first player in the Elo system.

    Args:
      rating_a: ratings of the first players.
      rating_b: ratings of the second players.
      deviation: Glicko rating deviation of the second players.
      home_advantage: rating points that the first players gain at home.
    """
    difference = rating_a - rating_b
    if home_advantage is not None:
        difference = difference + home_advantage
    scaled = difference / scale
    if deviation is not None:
        # Glicko's weight of an uncertain opponent.
        scaled = scaled * jax.lax.rsqrt(1.0 + 3.0 * jnp.square(deviation / 546.0))
    if curve == "normal":
        # Elo's original model.
        return normal_cdf(jnp.sqrt(2.0) * scaled)
    if form == "sigmoid":
        return jax.nn.sigmoid(jnp.log(10.0) * scaled)
    if form == "tanh":
        return 0.5 + 0.5 * jnp.tanh(0.5 * jnp.log(10.0) * scaled)
    return 1.0 / (1.0 + jnp.power(10.0, -scaled))


@family(
    "elementwise",
    rating_a="... n in 1200..1800",
    rating_b="... n in 1200..1800",
    score="... n in 0..1",
    games="? ... n in 5..60",
    margin="? ... n in 0.5..4",
    home_advantage="? ... n in 0..80",
    k_factor=(16.0, 24.0, 32.0),
    curve=("logistic", "normal"),
    floor={None: 3, 1000.0: 1},
    only="float32",
)
def elo_update(
    rating_a,
    rating_b,
    score,
    games=None,
    margin=None,
    home_advantage=None,
    *,
    k_factor=32.0,
    curve="logistic",
    floor=None,
):
    """Elo ratings of the first players after a game.

    Args:
      rating_a: ratings of the first players.
      rating_b: ratings of the second players.
      score: results of the first players, from zero for a loss to one for a win.
      games: games that the first players have had; newcomers move faster.
      margin: margins of victory.
      home_advantage: rating points that the first players gain at home.
    """
    difference = rating_a - rating_b
    if home_advantage is not None:
        difference = difference + home_advantage
    if curve == "normal":
        # Elo's original model, with a standard deviation of 200 for each player.
        expected = normal_cdf(difference / (200.0 * jnp.sqrt(2.0)))
    else:
        expected = 1.0 / (1.0 + jnp.power(10.0, -difference / 400.0))
    change = k_factor * (score - expected)
    if games is not None:
        change = change * (1.0 + 10.0 / games)
    if margin is not None:
        # As for football: the logarithm dampens blowouts.
        change = change * jnp.log1p(margin)
    new_rating = rating_a + change
    if floor is not None:
        new_rating = jnp.maximum(new_rating, floor)
    return new_rating
