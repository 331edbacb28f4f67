"""Families: formulas of several arrays, element by element."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

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
spot: spot 5, s 3, price 1
strike: strike 6, k 3
maturity: maturity 4, t 3, tau 2, expiry 2
volatility: volatility 3, vol 4, sigma 4
dividend: dividend 4, q 3, dividend_yield 2
total_volatility: total_volatility 1, vol_sqrt_t 3, std 1
gas_pressure: gas_pressure 4, pressure 3, equation_of_state 3
temperature: temperature 5, temp 3, t 2
volume: volume 5, vol 1, v 3
moles: moles 4, n_mol 2, amount 2
repulsion: repulsion 1, b 4
attraction: attraction 1, a 4
density: density 4, rho 4
image_distance: image_distance 4, thin_lens 3, lens_image 1
object_distance: object_distance 4, d_o 2, distance 2
focal_length: focal_length 5, f 3
image: image 4, d_i 2, out 1
doppler_shift: doppler_shift 5, doppler 3, observed_frequency 2
frequency: frequency 5, freq 3, f 2
velocity: velocity 5, v 4, speed 2
angle: angle 5, theta 4
observed: observed 4, f_obs 2, received 2
reversal_potential: reversal_potential 4, membrane_potential 3, nernst 2, equilibrium_potential 2
outside: outside 3, c_out 3, conc_out 2
inside: inside 3, c_in 3, conc_in 2
potential: potential 4, v_m 2, voltage 3
rate_constant: rate_constant 4, arrhenius 4, reaction_rate 3, arrhenius_rate 1
activation_energy: activation_energy 4, ea 4, e_a 2
exponent: exponent 4, arg 1
enzyme_rate: enzyme_rate 3, michaelis_menten 4, reaction_velocity 2, enzyme_kinetics 2
substrate: substrate 4, s 3, concentration 2
inhibitor: inhibitor 4, i 1, inh 1
affinity: affinity 2, km 5, k_m 3
limiting_rate: limiting_rate 1, vmax 5, v_max 4
air_force: air_force 2, aerodynamic_force 4, drag_force 3
geodesic: geodesic 1, haversine 5, great_circle_distance 4, geo_distance 2
lat1: lat1 5, lat_a 1, phi1 2
lon1: lon1 5, lon_a 1, lam1 2
lat2: lat2 5, lat_b 1, phi2 2
lon2: lon2 5, lon_b 1, lam2 2
dlat: dlat 4, delta_lat 2, d_lat 2
dlon: dlon 4, delta_lon 2, d_lon 2
complex_pair: complex_pair 2, complex_op 3, complex_arithmetic 3
re: re 4, real 4
im: im 4, imag 4
interpolate: interpolate 5, interp 3, blend_values 1, mix 1
start: start 4, a 3, y0 4
stop: stop 4, b 3, y1 4
blend: blend 5, blend_layers 3, composite 2, blend_mode 2
backdrop: backdrop 3, base 4, bottom 2, background 2
source: source 3, layer 3, top 3, foreground 2
mixed: mixed 4, blended 3, out 2
plane_distance: plane_distance 3, point_distance 3, pairwise_distance 3, distance 3
glu: glu 4, gated_linear_unit 3, gated_unit 2, gate_mlp 1
content: content 3, value 4, x 3, up 2
gate: gate 6, g 3
recurrent_update: recurrent_update 3, gru_update 4, cell_update 3, recurrent_cell 2
hidden: hidden 4, h 5, h_prev 3, state 2
posterior: posterior 4, bayes_update 4, update_belief 2, posterior_probability 2
prior: prior 6, p_prior 1, belief 2
expected_score: expected_score 4, elo 3, win_probability 4, elo_expected 1
rating_a: rating_a 4, r_a 3, player_rating 1
rating_b: rating_b 4, r_b 3, opponent_rating 1
difference: difference 3, diff 4, delta 3
bond_price: bond_price 5, price_bond 2, coupon_bond 2
coupon: coupon 4, coupon_rate 3, c 2
returns: returns 4, asset_return 3, compute_returns 3
previous: previous 3, prev_price 3, p0 3
current: current 3, price 3, p1 3
kelly_fraction: kelly_fraction 5, kelly 3, bet_fraction 2, optimal_bet 1
probability: probability 3, p 5
orbit: orbit 3, orbital_state 2, kepler 2, orbit_quantity 2
semi_major: semi_major 2, a 5, semi_major_axis 3
eccentricity: eccentricity 4, e 4, ecc 3
anomaly: anomaly 3, nu 3, true_anomaly 3
pointwise_loss: pointwise_loss 4, elementwise_loss 4, unreduced_loss 1, loss_fn 2
prediction: prediction 3, pred 4, y_pred 4
target: target 5, y_true 3, y 2, targets 2
loss: loss 6, per_element 1, nll 1
scaled_update: scaled_update 2, preconditioned_update 3, optimizer_step 2, apply_update 2
gradient: gradient 3, grad 6, g 3
momentum: momentum 4, m 4, mu 3
second_moment: second_moment 3, v 4, nu 3
luma: luma 4, luminance 3, rgb_to_gray 3, grayscale 3
red: red 4, r 6
green: green 4, g 6
blue: blue 4, b 6
sky_magnitude: sky_magnitude 1, absolute_magnitude 4, distance_modulus 3
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
    kind=("call", "put", "straddle", "digital"),
    output=("price", "price", "delta", "gamma", "vega", "moneyness"),
    smile={False: 3, True: 1},
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
    output="price",
    smile=False,
):
    """Values European options by the formula of Black and Scholes.

    Args:
      spot: the price of the underlying.
      strike: the price of exercise.
      maturity: the time to expiry in years.
      volatility: the volatility for one year.
      rate: the interest rate, continuously compounded.
      dividend: the dividend yield.
      kind: what pays at expiry.
      output: the price, or a sensitivity.

    Returns:
      One number for each option.
    """
    if smile:
        # Options far from the money trade at a higher volatility.
        volatility = volatility * (1.0 + 0.5 * jnp.square(jnp.log(strike / spot)))
    total_volatility = volatility * jnp.sqrt(maturity)
    drift = 0.5 * jnp.square(volatility)
    if rate is not None:
        drift = drift + rate
    if dividend is not None:
        drift = drift - dividend
    d1 = (jnp.log(spot / strike) + drift * maturity) / total_volatility
    d2 = d1 - total_volatility
    if dividend is not None:
        spot = spot * jnp.exp(-dividend * maturity)
    if rate is not None:
        # Money at expiry is worth less today.
        strike = strike * jnp.exp(-rate * maturity)
    if output == "moneyness":
        value = d1 + d2
    elif output == "gamma":
        # For a change of one percent.
        value = 0.01 * spot * normal_density(d1) / total_volatility
    elif output == "vega":
        value = spot * normal_density(d1) * jnp.sqrt(maturity)
    elif output == "delta":
        if kind == "put":
            value = normal_cdf(d1) - 1.0
        elif kind == "straddle":
            value = 2.0 * normal_cdf(d1) - 1.0
        elif kind == "digital":
            value = 100.0 * normal_density(d2) / (spot * total_volatility)
        else:
            value = normal_cdf(d1)
    elif kind == "call":
        value = spot * normal_cdf(d1) - strike * normal_cdf(d2)
    elif kind == "put":
        value = strike * normal_cdf(-d2) - spot * normal_cdf(-d1)
    elif kind == "straddle":
        call = spot * normal_cdf(d1) - strike * normal_cdf(d2)
        # The put by parity.
        put = call - spot + strike
        value = call + put
    else:
        value = normal_cdf(d2)
    return value


@family(
    "elementwise",
    coupon="... n in 0.01..0.08",
    rate="... n in 0.01..0.1",
    maturity="... n in 1..12",
    face="? ... n in 50..150",
    spread="? ... n in 0.002..0.03",
    recovery="? ... n in 0.2..0.6",
    compounding=("continuous", "annual", "semiannual"),
    output=("price", "price", "premium", "duration", "yield", "convexity"),
    accrued={False: 3, True: 1},
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
    compounding="continuous",
    output="price",
    accrued=False,
):
    """Prices bonds that pay a coupon until they are repaid.

    Args:
      coupon: the yearly coupon as a part of the face value.
      rate: the interest rate.
      maturity: years until repayment.
      face: the face value; one by default.
      spread: what the issuer pays above the interest rate.
      recovery: what is left in a default.
      compounding: how interest is compounded.
      output: which quantity is wanted.
    """
    if spread is not None:
        rate = rate + spread
    if recovery is not None:
        # Two percent of the issuers fail each year.
        rate = rate + 0.02 * (1.0 - recovery)
    if compounding == "continuous":
        discount = jnp.exp(-rate * maturity)
    elif compounding == "annual":
        discount = (1.0 + rate) ** -maturity
    else:
        discount = jnp.exp(-2.0 * maturity * jnp.log1p(0.5 * rate))
    annuity = (1.0 - discount) / rate
    price = coupon * annuity + discount
    if accrued:
        # A quarter of a year has passed since the last coupon.
        price = price + 0.25 * coupon
    if output == "premium":
        price = price - 1.0
    elif output == "duration":
        price = (coupon * (annuity - maturity * discount) / rate + maturity * discount) / price
    elif output == "yield":
        price = coupon / price
    elif output == "convexity":
        price = jnp.square(maturity) * discount / price
    if face is not None:
        price = face * price
    return price


@family(
    "elementwise",
    previous="... n in 50..150",
    current="... n in 50..150",
    income="? ... n in 0.5..5",
    benchmark="? ... n in -0.1..0.1",
    exchange="? ... n in 0.8..1.2",
    years="? ... n in 0.5..4",
    kind=("simple", "log", "gross", "symmetric"),
    cost={None: 3, 0.001: 1, 0.005: 1},
    squash={None: 3, "tanh": 1, "clip": 1, "rank": 1},
    only="float32",
)
def returns(
    previous,
    current,
    income=None,
    benchmark=None,
    exchange=None,
    years=None,
    *,
    kind="simple",
    cost=None,
    squash=None,
):
    """The return of each asset between two dates.

    Args:
      previous: prices at the first date.
      current: prices at the second date.
      income: what was paid out in between.
      benchmark: a return that is subtracted.
      exchange: the change of the exchange rate, as a factor.
      years: the time between the dates.
      kind: how a return is expressed.
      cost: the cost of trading, as a part of the price.
    """
    if income is not None:
        current = current + income
    if exchange is not None:
        current = current * exchange
    if cost is not None:
        current = current - cost * (previous + current)
    ratio = current / previous
    if years is not None:
        # The same return for each year.
        ratio = ratio ** (1.0 / years)
    if kind == "log":
        change = jnp.log(ratio)
    elif kind == "gross":
        change = ratio
    elif kind == "symmetric":
        change = 2.0 * (ratio - 1.0) / (ratio + 1.0)
    else:
        change = ratio - 1.0
    if benchmark is not None:
        change = change - benchmark
    if squash == "tanh":
        change = 0.5 * jnp.tanh(2.0 * change)
    elif squash == "clip":
        change = jnp.clip(change, -0.5, 0.5)
    elif squash == "rank":
        change = change / (0.2 + jnp.abs(change))
    return change


@family(
    "elementwise",
    probability="... n in 0.3..0.8",
    odds="... n in 1.2..4",
    bankroll="? ... n in 10..100",
    uncertainty="? ... n in 0.02..0.2",
    fee="? ... n in 0.005..0.05",
    bounded={None: 2, "clip": 1, "relu": 1, "softplus": 1},
    output=("fraction", "fraction", "growth", "edge", "stake"),
    fraction={None: 2, 0.5: 1, 0.25: 1},
    loss={None: 3, 0.5: 1, 0.8: 1},
    only="float32",
)
def kelly_fraction(
    probability,
    odds,
    bankroll=None,
    uncertainty=None,
    fee=None,
    *,
    bounded=None,
    output="fraction",
    fraction=None,
    loss=None,
):
    """The part of the capital to bet by the criterion of Kelly, or what it earns.

    Args:
      probability: the chance of winning.
      odds: what a win pays.
      bankroll: the capital.
      uncertainty: how uncertain the chance is.
      fee: the part of a win that is kept back.
      fraction: the part of the full bet that is dared.
      loss: the part of a stake that is lost.
    """
    if fee is not None:
        odds = odds * (1.0 - fee)
    if loss is not None:
        # Not all of the stake is lost.
        edge = probability * odds - loss * (1.0 - probability)
        bet = edge / (loss * odds)
    else:
        edge = probability * (odds + 1.0) - 1.0
        bet = edge / odds
    if uncertainty is not None:
        # Be careful where little is known.
        bet = bet / (1.0 + jnp.square(uncertainty / probability))
    if fraction is not None:
        bet = fraction * bet
    if bounded == "clip":
        bet = jnp.clip(bet, 0.0, 0.9)
    elif bounded == "relu":
        bet = jnp.maximum(0.0, bet)
    elif bounded == "softplus":
        bet = 0.1 * jax.nn.softplus(bet / 0.1)
    if output == "growth":
        bet = jnp.clip(bet, -0.2, 0.95)
        bet = probability * jnp.log1p(bet * odds) + (1.0 - probability) * jnp.log1p(-bet)
    elif output == "edge":
        bet = bet * edge
    if bankroll is not None:
        bet = bet * bankroll
    return bet


# ---------------------------------------------------------------- physics and chemistry


@family(
    "elementwise",
    volume="... n in 0.8..3",
    temperature="... n in 0.8..2",
    moles="? ... n in 0.3..0.7",
    impurity="? ... n in 0.05..0.3",
    model=("ideal", "van_der_waals", "redlich_kwong", "virial", "dieterici", "berthelot"),
    output=("pressure", "pressure", "work", "log"),
    attraction=(1.0, 0.5, 1.36),
    repulsion=(0.1, 0.2),
    radiation={False: 4, True: 1},
)
def gas_pressure(
    volume,
    temperature,
    moles=None,
    impurity=None,
    *,
    model="ideal",
    output="pressure",
    attraction=1.0,
    repulsion=0.1,
    radiation=False,
):
    """The pressure of a gas by an equation of state, in reduced units.

    Args:
      volume: the volume.
      temperature: the temperature.
      moles: the amount of gas; one by default.
      impurity: the amount of an ideal gas that is mixed in.
      model: the equation of state.
      output: which quantity is wanted.
      attraction: how much the molecules attract each other.
      repulsion: the volume of the molecules themselves.
    """
    if moles is not None:
        # Go on with the volume of one mole.
        volume = volume / moles
    if model == "van_der_waals":
        pressure = temperature / (volume - repulsion) - attraction / jnp.square(volume)
    elif model == "redlich_kwong":
        cohesion = attraction / (jnp.sqrt(temperature) * volume * (volume + repulsion))
        pressure = temperature / (volume - repulsion) - cohesion
    elif model == "virial":
        second = repulsion - attraction / temperature
        pressure = temperature / volume * (1.0 + second / volume)
    elif model == "dieterici":
        weakening = jnp.exp(-attraction / (temperature * volume))
        pressure = temperature / (volume - repulsion) * weakening
    elif model == "berthelot":
        cohesion = attraction / (temperature * jnp.square(volume))
        pressure = temperature / (volume - repulsion) - cohesion
    else:
        pressure = temperature / volume
    if impurity is not None:
        pressure = pressure + impurity * temperature / volume
    if radiation:
        pressure = pressure + temperature**4 / 30.0
    if output == "work":
        # Of an expansion at this pressure.
        return pressure * (volume - 0.5)
    if output == "log":
        return jnp.log1p(jnp.square(pressure))
    return pressure


@family(
    "elementwise",
    object_distance="... n in 1.5..4",
    focal_length="... n in 0.4..1",
    second_focal="? ... n in 0.5..1.2",
    height="? ... n in 0.1..1",
    index="? ... n in 1.4..1.7",
    element=("lens", "mirror", "diverging"),
    output=("image", "image", "magnification", "vergence", "depth"),
    separation={None: 3, 0.1: 1, 0.2: 1},
    signed=(True, False),
)
def image_distance(
    object_distance,
    focal_length,
    second_focal=None,
    height=None,
    index=None,
    *,
    element="lens",
    output="image",
    separation=None,
    signed=True,
):
    """Where a thin lens or a mirror forms the image of an object.

    Args:
      object_distance: the distance of the object.
      focal_length: the focal length.
      second_focal: the focal length of another lens behind it.
      height: the height of the object.
      index: the refractive index of the medium around.
      separation: the distance of the lenses.
      output: which quantity is wanted.
    """
    power = 1.0 / focal_length
    if index is not None:
        power = power * 1.5 / index
    if second_focal is not None:
        second_power = 1.0 / second_focal
        if separation is not None:
            # Gullstrand's formula.
            power = power + second_power - separation * power * second_power
        else:
            power = power + second_power
    if element == "diverging":
        vergence = -power - 1.0 / object_distance
    elif element == "mirror":
        vergence = 2.0 * power - 1.0 / object_distance
    else:
        vergence = power - 1.0 / object_distance
    image = 1.0 / vergence
    if output == "magnification":
        image = image / object_distance
        if signed:
            image = -image
    elif output == "vergence":
        image = vergence
    elif output == "depth":
        image = jnp.square(image / object_distance)
    if height is not None:
        image = height * image
    return image


@family(
    "elementwise",
    frequency="... n in 0.5..2",
    velocity="... n in -0.4..0.4",
    angle="? ... n in 0..3.1",
    wind="? ... n in -0.1..0.1",
    gravity="? ... n in 0.01..0.1",
    kind=("source", "observer", "both", "relativistic", "radar"),
    output=("frequency", "frequency", "shift", "wavelength", "semitones"),
)
def doppler_shift(
    frequency,
    velocity,
    angle=None,
    wind=None,
    gravity=None,
    *,
    kind="source",
    output="frequency",
):
    """The frequency that is received from a source that moves.

    Args:
      frequency: the frequency that is sent.
      velocity: the velocity as a part of the wave's; positive if the two come closer.
      angle: the angle between the motion and the line of sight.
      wind: the velocity of the medium.
      gravity: the gravitational potential of the source.
      kind: what moves.
      output: which quantity is wanted.
    """
    if kind == "relativistic":
        lorentz = jax.lax.rsqrt(1.0 - jnp.square(velocity))
    if angle is not None:
        # Go on with the component along the line of sight.
        velocity = velocity * jnp.cos(angle)
    if wind is not None:
        velocity = velocity / (1.0 + wind)
    if kind == "source":
        factor = 1.0 / (1.0 - velocity)
    elif kind == "observer":
        factor = 1.0 + velocity
    elif kind == "both":
        factor = (1.0 + 0.5 * velocity) / (1.0 - 0.5 * velocity)
    elif kind == "radar":
        factor = (1.0 + velocity) / (1.0 - velocity)
    else:
        factor = 1.0 / (lorentz * (1.0 - velocity))
    if gravity is not None:
        factor = factor * jnp.sqrt(1.0 - 2.0 * gravity)
    observed = frequency * factor
    if output == "shift":
        observed = observed - frequency
    elif output == "wavelength":
        observed = 1.0 / observed
    elif output == "semitones":
        observed = 12.0 * jnp.log2(observed / 0.44)
    return observed


@family(
    "elementwise",
    outside="... n in 2..150",
    inside="... n in 2..150",
    sodium_outside="? ... n in 50..150",
    sodium_inside="? ... n in 5..30",
    celsius="? ... n in 5..40",
    membrane="? ... n in -90..40",
    valence={None: 2, 2: 1},
    activity={None: 3, "debye": 1, "constant": 1},
    output=("potential", "potential", "current", "open"),
    permeability=(0.04, 0.1),
    only="float32",
)
def reversal_potential(
    outside,
    inside,
    sodium_outside=None,
    sodium_inside=None,
    celsius=None,
    membrane=None,
    *,
    valence=None,
    activity=None,
    output="potential",
    permeability=0.04,
):
    """The potential in millivolts at which an ion's current through a membrane reverses.

    Args:
      outside: the ion's concentration outside.
      inside: its concentration inside.
      sodium_outside: the concentration outside of an ion that leaks.
      sodium_inside: the concentration inside of an ion that leaks.
      celsius: the temperature.
      membrane: the potential of the membrane.
      valence: the ion's charge, unless it is one.
      permeability: how well the membrane lets the other ion through.
    """
    if celsius is not None:
        thermal = 0.0861733 * (celsius + 273.15)
    else:
        thermal = 25.69
    if valence is not None:
        thermal = thermal / valence
    if activity == "debye":
        outside = outside * jnp.exp(-0.05 * jnp.sqrt(outside))
        inside = inside * jnp.exp(-0.05 * jnp.sqrt(inside))
    elif activity == "constant":
        inside = 0.75 * inside
    if sodium_outside is not None:
        outside = outside + permeability * sodium_outside
    if sodium_inside is not None:
        inside = inside + permeability * sodium_inside
    potential = thermal * jnp.log(outside / inside)
    if membrane is not None:
        # The force that drives the ion.
        potential = membrane - potential
    if output == "current":
        return 0.3 * potential / (1.0 + jnp.exp(-potential / 30.0))
    if output == "open":
        return jax.nn.sigmoid(potential / 40.0)
    return potential


@family(
    "elementwise",
    temperature="... n in 280..400",
    activation_energy="... n in 10..60",
    prefactor="? ... n in 0.5..5",
    reactant="? ... n in 0.1..2",
    catalyst="? ... n in 0.1..2",
    law=("arrhenius", "modified", "eyring", "quotient", "q10", "vogel"),
    order={None: 3, 2: 1, 0.5: 1},
    output=("rate", "rate", "log", "half_life"),
    tunnelling={False: 3, True: 1},
    only="float32",
)
def rate_constant(
    temperature,
    activation_energy,
    prefactor=None,
    reactant=None,
    catalyst=None,
    *,
    law="arrhenius",
    order=None,
    output="rate",
    tunnelling=False,
):
    """How fast a reaction goes at a temperature in kelvin.

    Args:
      temperature: the temperature.
      activation_energy: the activation energy in kilojoules per mole.
      prefactor: a factor of the rate.
      reactant: the concentration of the reactant.
      catalyst: the concentration of the catalyst.
      law: how the rate depends on the temperature.
      order: the order of the reaction, unless it is one.
      output: which quantity is wanted.
    """
    if law == "q10":
        log_rate = activation_energy / 60.0 * jnp.log(2.0) * (temperature - 330.0) / 10.0
    elif law == "vogel":
        log_rate = -2.0 * activation_energy / (temperature - 200.0)
    else:
        log_rate = -activation_energy / 0.0083145 * (1.0 / temperature - 1.0 / 330.0)
    if law == "modified":
        log_rate = log_rate + 1.5 * jnp.log(temperature / 330.0)
    elif law == "eyring":
        log_rate = log_rate + jnp.log(temperature / 330.0) + 0.5
    elif law == "quotient":
        # Enzymes lose their shape in the heat.
        log_rate = log_rate - jax.nn.softplus(0.2 * (temperature - 350.0))
    if tunnelling:
        log_rate = log_rate + jnp.log1p(activation_energy**2 / 2400.0)
    if prefactor is not None:
        log_rate = log_rate + jnp.log(prefactor)
    if reactant is not None:
        if order is not None:
            log_rate = log_rate + order * jnp.log(reactant)
        else:
            log_rate = log_rate + jnp.log(reactant)
    if catalyst is not None:
        log_rate = log_rate + jnp.log(catalyst / (0.5 + catalyst))
    if output == "log":
        return log_rate
    rate = jnp.exp(log_rate)
    if output == "half_life":
        return jnp.log(2.0) / (rate + 0.01)
    return rate


@family(
    "elementwise",
    substrate="... n in 0.05..4",
    inhibitor="... n in 0.05..3",
    product="? ... n in 0.05..1",
    enzyme="? ... n in 0.2..2",
    activator="? ... n in 0.1..2",
    inhibition=("competitive", "uncompetitive", "noncompetitive", "mixed", "partial", "feedback"),
    hill={None: 3, 2: 1, 1.5: 1},
    excess={False: 3, True: 1},
    output=("rate", "rate", "saturation", "reciprocal", "log"),
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
    excess=False,
    output="rate",
):
    """The rate of an enzyme by the law of Michaelis and Menten, with an inhibitor.

    Args:
      substrate: the concentration of the substrate.
      inhibitor: the concentration of the inhibitor.
      product: the concentration of the product.
      enzyme: the amount of the enzyme.
      activator: the concentration of an activator.
      inhibition: what the inhibitor binds to.
      hill: the exponent of cooperative binding.
      excess: whether too much substrate inhibits.
    """
    affinity = 0.7
    limiting_rate = 1.5
    binding = 1.0 + inhibitor / 0.8
    if product is not None:
        affinity = affinity * (1.0 + product / 1.2)
    if activator is not None:
        limiting_rate = limiting_rate * activator / (0.4 + activator)
    if hill is not None:
        substrate = substrate**hill
    if inhibition == "competitive":
        rate = limiting_rate * substrate / (affinity * binding + substrate)
    elif inhibition == "uncompetitive":
        rate = limiting_rate * substrate / (affinity + substrate * binding)
    elif inhibition == "noncompetitive":
        rate = limiting_rate * substrate / ((affinity + substrate) * binding)
    elif inhibition == "mixed":
        rate = (
            limiting_rate * substrate / (affinity * binding + substrate * (1.0 + 0.3 * inhibitor))
        )
    elif inhibition == "partial":
        part = (1.0 + 0.4 * inhibitor) / binding
        rate = limiting_rate * part * substrate / (affinity + substrate)
    else:
        rate = limiting_rate * substrate / (affinity + substrate) / (1.0 + jnp.square(inhibitor))
    if excess:
        rate = rate / (1.0 + substrate / 5.0)
    if enzyme is not None:
        rate = enzyme * rate
    if output == "saturation":
        return rate / 1.5
    if output == "reciprocal":
        return 1.0 / rate
    if output == "log":
        return jnp.log(rate)
    return rate


@family(
    "elementwise",
    velocity="... n in 5..60",
    density="... n in 0.4..1.3",
    area="? ... n in 0.5..3",
    wind="? ... n in -4..4",
    incidence="? ... n in -0.2..0.3",
    mass="? ... n in 1..5",
    force=("drag", "drag", "lift", "power", "pressure"),
    flow={None: 3, "compressible": 1, "viscous": 1},
    rolling={None: 3, 0.01: 1, 0.02: 1},
    coefficient=(0.3, 0.47, 1.1),
    only="float32",
)
def air_force(
    velocity,
    density,
    area=None,
    wind=None,
    incidence=None,
    mass=None,
    *,
    force="drag",
    flow=None,
    rolling=None,
    coefficient=0.3,
):
    """The force of the air on a body, or what it takes to move against it.

    Args:
      velocity: the velocity over the ground.
      density: the density of the air.
      area: the area of reference; one by default.
      wind: the velocity of the wind from ahead.
      incidence: the angle of attack in radians.
      mass: the mass of the body.
      force: which quantity is wanted.
      flow: a correction of the coefficient.
      rolling: the coefficient of rolling resistance.
    """
    if wind is not None:
        result = 0.5 * density * jnp.square(velocity + wind)
    else:
        result = 0.5 * density * jnp.square(velocity)
    if force == "lift":
        result = 0.9 * result
    elif force != "pressure":
        result = coefficient * result
    if incidence is not None:
        result = result * (1.0 + 0.5 * jnp.sin(incidence))
    if flow == "compressible":
        # The rule of Prandtl and Glauert.
        result = result * jax.lax.rsqrt(1.0 - jnp.square(velocity / 340.0))
    elif flow == "viscous":
        result = result * (1.0 + 24.0 / (1.0 + density * velocity))
    if area is not None:
        result = area * result
    if rolling is not None:
        result = result + rolling * 9.81 * 75.0
    if force == "power":
        result = result * velocity / 1000.0
    if mass is not None:
        result = result / mass
    return result


@family(
    "elementwise",
    semi_major="... n in 0.5..3",
    eccentricity="... n in 0.05..0.7",
    anomaly="... n in 0..6.2",
    distance="? ... n in 1..4",
    inclination="? ... n in 0..1.5",
    quantity=("radius", "speed", "height", "radial_speed", "flight_path", "mean_anomaly"),
    argument={None: 2, 0.7: 1, 1.3: 1},
    log={False: 3, True: 1},
)
def orbit(
    semi_major,
    eccentricity,
    anomaly,
    distance=None,
    inclination=None,
    *,
    quantity="radius",
    argument=None,
    log=False,
):
    """A quantity of bodies on elliptic orbits, from their orbital elements.

    Args:
      semi_major: the semi-major axis.
      eccentricity: the eccentricity.
      anomaly: the true anomaly in radians.
      distance: distances from the observer, by which the result is divided.
      inclination: the inclination of the orbit.
      quantity: which quantity is wanted.
      argument: the argument of the periapsis.
      log: whether a logarithm is wanted.
    """
    parameter = semi_major * (1.0 - jnp.square(eccentricity))
    radius = parameter / (1.0 + eccentricity * jnp.cos(anomaly))
    if quantity == "speed":
        # The equation of vis viva.
        value = jnp.sqrt(2.0 / radius - 1.0 / semi_major)
    elif quantity == "height":
        if argument is not None:
            value = radius * jnp.sin(anomaly + argument)
        else:
            value = radius * jnp.sin(anomaly)
    elif quantity == "radial_speed":
        value = eccentricity * jnp.sin(anomaly) * jax.lax.rsqrt(parameter)
    elif quantity == "flight_path":
        rising = eccentricity * jnp.sin(anomaly) / (1.0 + eccentricity * jnp.cos(anomaly))
        value = jnp.sqrt(semi_major) * jnp.arctan(rising)
    elif quantity == "mean_anomaly":
        root = jnp.sqrt((1.0 - eccentricity) / (1.0 + eccentricity))
        half = jnp.arctan2(root * jnp.sin(0.5 * anomaly), jnp.cos(0.5 * anomaly))
        eccentric = 2.0 * half
        value = (eccentric - eccentricity * jnp.sin(eccentric)) * semi_major**1.5
    else:
        value = radius
    if distance is not None:
        value = value / distance
    if inclination is not None:
        value = value * jnp.cos(inclination)
    if log:
        value = jnp.log1p(jnp.square(value))
    return value


@family(
    "elementwise",
    apparent="... n in 2..14",
    parallax="... n in 2..50",
    extinction="? ... n in 0.05..1",
    colour="? ... n in -0.2..1.5",
    offset="? ... n in 0.01..0.05",
    output=("absolute", "absolute", "luminosity", "log", "flux"),
    correction={None: 2, "linear": 1, "quadratic": 1},
    solar=(4.74, 4.83),
    only="float32",
)
def sky_magnitude(
    apparent,
    parallax,
    extinction=None,
    colour=None,
    offset=None,
    *,
    output="absolute",
    correction=None,
    solar=4.74,
):
    """How bright stars are in themselves, from their apparent magnitude and parallax.

    Args:
      apparent: apparent magnitudes.
      parallax: parallaxes in milliarcseconds.
      extinction: how much dust dims them.
      colour: the colour index.
      offset: the zero point of the parallaxes.
      output: which quantity is wanted.
    """
    if offset is not None:
        parallax = parallax + offset
    modulus = 10.0 - 5.0 * jnp.log10(parallax)
    magnitude = apparent - modulus
    if extinction is not None:
        magnitude = magnitude - extinction
    if colour is not None:
        if correction == "quadratic":
            magnitude = magnitude - colour * (0.1 + 0.2 * colour)
        elif correction == "linear":
            magnitude = magnitude - 0.25 * colour
        else:
            magnitude = magnitude - 0.3 * colour + 0.1
    if output == "luminosity":
        # In units of the sun's luminosity.
        return jnp.power(10.0, 0.4 * (solar - magnitude))
    if output == "log":
        return 0.4 * (solar - magnitude)
    if output == "flux":
        return jnp.exp(-0.4 * jnp.log(10.0) * magnitude)
    return magnitude


# ---------------------------------------------------------------- geometry


@family(
    "elementwise",
    lat1="... n in 10..50",
    lon1="... n in -60..10",
    lat2="... n in 5..60",
    lon2="... n in 15..80",
    altitude="? ... n in 0..0.1",
    formula=("haversine", "cosine", "tangent", "flat", "bearing", "cross_track"),
    unit=("kilometres", "miles", "radians", "degrees"),
    reduced={False: 3, True: 1},
    log={False: 5, True: 1},
    only="float32",
)
def geodesic(
    lat1,
    lon1,
    lat2,
    lon2,
    altitude=None,
    *,
    formula="haversine",
    unit="kilometres",
    reduced=False,
    log=False,
):
    """The distance or the direction between points on a sphere.

    Args:
      lat1: latitudes of the first points in degrees.
      lon1: longitudes of the first points.
      lat2: latitudes of the second points.
      lon2: longitudes of the second points.
      altitude: the height above the sphere, as a part of its radius.
      formula: the formula.
      unit: the unit of the result.
    """
    lat1, lon1, lat2, lon2 = [jnp.radians(degrees) for degrees in (lat1, lon1, lat2, lon2)]
    if reduced:
        # The earth is flattened at its poles.
        lat1 = jnp.arctan(0.99665 * jnp.tan(lat1))
        lat2 = jnp.arctan(0.99665 * jnp.tan(lat2))
    dlat = lat2 - lat1
    dlon = lon2 - lon1
    if formula == "haversine":
        a = jnp.sin(dlat / 2.0) ** 2 + jnp.cos(lat1) * jnp.cos(lat2) * jnp.sin(dlon / 2.0) ** 2
        distance = 2.0 * jnp.arcsin(jnp.sqrt(a))
    elif formula == "cosine":
        product = jnp.cos(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        distance = jnp.arccos(jnp.sin(lat1) * jnp.sin(lat2) + product)
    elif formula == "tangent":
        east = jnp.cos(lat2) * jnp.sin(dlon)
        north = jnp.cos(lat1) * jnp.sin(lat2) - jnp.sin(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        along = jnp.sin(lat1) * jnp.sin(lat2) + jnp.cos(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        distance = jnp.arctan2(jnp.hypot(east, north), along)
    elif formula == "flat":
        x = dlon * jnp.cos(0.5 * (lat1 + lat2))
        distance = jnp.sqrt(jnp.square(x) + jnp.square(dlat))
    elif formula == "bearing":
        east = jnp.cos(lat2) * jnp.sin(dlon)
        north = jnp.cos(lat1) * jnp.sin(lat2) - jnp.sin(lat1) * jnp.cos(lat2) * jnp.cos(dlon)
        distance = jnp.arctan2(east, north)
    else:
        # From the meridian of the first point.
        distance = jnp.arcsin(jnp.cos(lat2) * jnp.sin(dlon)) * jnp.cos(lat1)
    if altitude is not None:
        distance = distance * (1.0 + altitude)
    if unit == "kilometres":
        distance = 6371.0 * distance
    elif unit == "miles":
        distance = 3958.8 * distance
    elif unit == "degrees":
        distance = jnp.degrees(distance)
    if log:
        distance = jnp.log(distance)
    return distance


@family(
    "elementwise",
    x1="... n",
    y1="... n",
    x2="... n",
    y2="... n",
    weights="? ... n in 0.2..2",
    radius="? ... n in 0.5..2",
    metric=("euclidean", "manhattan", "chebyshev", "minkowski", "smooth", "polar"),
    kernel={None: 3, "gaussian": 1, "cauchy": 1, "laplace": 1, "log": 1},
    torus={False: 3, True: 1},
    anisotropic={False: 3, True: 1},
)
def plane_distance(
    x1,
    y1,
    x2,
    y2,
    weights=None,
    radius=None,
    *,
    metric="euclidean",
    kernel=None,
    torus=False,
    anisotropic=False,
):
    """Compares pairs of points in the plane by their distance.

    Args:
      x1: abscissas of the first points.
      y1: ordinates of the first points.
      x2: abscissas of the second points.
      y2: ordinates of the second points.
      weight: a factor for each pair.
      radius: the distance that counts as one.
      metric: how distances are measured.
      kernel: a function of the distance.
    """
    dx = x1 - x2
    dy = y1 - y2
    if torus:
        # The plane repeats in both directions.
        dx = 4.0 / jnp.pi * jnp.sin(0.25 * jnp.pi * dx)
        dy = 4.0 / jnp.pi * jnp.sin(0.25 * jnp.pi * dy)
    if anisotropic:
        dy = 0.5 * dy
    if metric == "euclidean":
        distance = jnp.hypot(dx, dy)
    elif metric == "manhattan":
        distance = jnp.abs(dx) + jnp.abs(dy)
    elif metric == "chebyshev":
        distance = jnp.maximum(jnp.abs(dx), jnp.abs(dy))
    elif metric == "minkowski":
        distance = (jnp.abs(dx) ** 3 + jnp.abs(dy) ** 3) ** (1.0 / 3.0)
    elif metric == "polar":
        distance = jnp.hypot(x1, y1) + jnp.hypot(x2, y2) - 0.5 * jnp.hypot(dx, dy)
    else:
        distance = jnp.sqrt(jnp.square(dx) + jnp.square(dy) + 0.01)
    if radius is not None:
        distance = distance / radius
    if kernel == "gaussian":
        distance = jnp.exp(-0.5 * jnp.square(distance))
    elif kernel == "cauchy":
        distance = 1.0 / (1.0 + jnp.square(distance))
    elif kernel == "laplace":
        distance = jnp.exp(-distance)
    elif kernel == "log":
        distance = jnp.log(distance + 0.1)
    if weights is not None:
        distance = weights * distance
    return distance


@family(
    "elementwise",
    re1="... n",
    im1="... n",
    re2="... n in 0.3..2",
    im2="... n",
    operation=("multiply", "divide", "conjugate", "mobius", "square_plus", "exponential"),
    output=("magnitude", "phase", "real", "imaginary", "stacked", "power"),
    angle={None: 3, 0.5: 1, 1.2: 1},
    bounded={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12, 16)},
)
def complex_pair(
    re1, im1, re2, im2, *, operation="multiply", output="magnitude", angle=None, bounded=False
):
    """Complex arithmetic with real and imaginary parts in arrays of their own."""
    if bounded:
        length = 1.0 + jnp.hypot(re2, im2)
        re2 = re2 / length
        im2 = im2 / length
    if operation == "multiply":
        re = re1 * re2 - im1 * im2
        im = re1 * im2 + im1 * re2
    elif operation == "divide":
        squared = re2**2 + im2**2
        re = (re1 * re2 + im1 * im2) / squared
        im = (im1 * re2 - re1 * im2) / squared
    elif operation == "conjugate":
        re = re1 * re2 + im1 * im2
        im = im1 * re2 - re1 * im2
    elif operation == "mobius":
        # (z - w) / (1 + z conj(w)).
        top_re = re1 - re2
        top_im = im1 - im2
        bottom_re = 1.0 + re1 * re2 + im1 * im2
        bottom_im = im1 * re2 - re1 * im2
        squared = bottom_re**2 + bottom_im**2 + 0.1
        re = (top_re * bottom_re + top_im * bottom_im) / squared
        im = (top_im * bottom_re - top_re * bottom_im) / squared
    elif operation == "square_plus":
        re = re1 * re1 - im1 * im1 + re2
        im = 2.0 * re1 * im1 + im2
    else:
        growth = jnp.exp(0.5 * re1)
        re = growth * (jnp.cos(im1) * re2 - jnp.sin(im1) * im2)
        im = growth * (jnp.cos(im1) * im2 + jnp.sin(im1) * re2)
    if angle is not None:
        rotated = jnp.cos(angle) * re - jnp.sin(angle) * im
        im = jnp.sin(angle) * re + jnp.cos(angle) * im
        re = rotated
    if output == "magnitude":
        return jnp.hypot(re, im)
    if output == "phase":
        return jnp.arctan2(im, re)
    if output == "real":
        return re
    if output == "imaginary":
        return im
    if output == "power":
        return re**2 + im**2
    return jnp.stack([re, im])


@family(
    "elementwise",
    start="... n",
    stop="... n",
    t="... n in 0..1",
    start_slope="? ... n",
    stop_slope="? ... n",
    shade="? ... n in 0.2..1",
    kind=("linear", "cosine", "smooth", "exponential", "angle", "quintic"),
    clamp={False: 2, True: 1},
    bend={None: 3, 2.0: 1, 0.7: 1},
    remainder={False: 4, True: 1},
)
def interpolate(
    start,
    stop,
    t,
    start_slope=None,
    stop_slope=None,
    shade=None,
    *,
    kind="linear",
    clamp=False,
    bend=None,
    remainder=False,
):
    """Interpolates between two arrays, at a position for each element.

    Args:
      start: the values at position zero.
      stop: the values at position one.
      t: the positions.
      start_slope: the slopes at position zero.
      stop_slope: the slopes at position one.
      shade: a factor for each value.
      kind: the curve in between.
    """
    if clamp:
        t = jnp.clip(1.2 * t - 0.1, 0.0, 1.0)
    if bend is not None:
        t = (t + 1e-3) ** bend
    if kind == "cosine":
        weight = 0.5 * (1.0 - jnp.cos(jnp.pi * t))
    elif kind == "smooth":
        weight = t * t * (3.0 - 2.0 * t)
    elif kind == "quintic":
        weight = t**3 * (t * (6.0 * t - 15.0) + 10.0)
    elif kind == "exponential":
        weight = jnp.expm1(2.0 * t) / jnp.expm1(2.0)
    else:
        weight = t
    if kind == "angle":
        # The shorter way around the circle.
        turn = jnp.arctan2(jnp.sin(stop - start), jnp.cos(stop - start))
        value = start + weight * turn
    else:
        value = start + weight * (stop - start)
    if start_slope is not None:
        value = value + t * (1.0 - t) ** 2 * start_slope
    if stop_slope is not None:
        value = value - t**2 * (1.0 - t) * stop_slope
    if shade is not None:
        value = value * shade
    if remainder:
        value = stop - value
    return value


# ---------------------------------------------------------------- images


@family(
    "elementwise",
    backdrop="h d in 0.05..0.95",
    source="h d in 0.05..0.95",
    alpha="? h d in 0..1",
    mask="? d in 0..1",
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
        "geometric",
        "grain",
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
    mask=None,
    backdrop_alpha=None,
    *,
    mode="multiply",
    gamma=None,
    clamp=False,
    opacity=None,
):
    """Blends two layers of an image.

    Args:
      backdrop: the lower layer.
      source: the upper layer.
      alpha: the opacity of the upper layer.
      mask: another opacity, for each column.
      backdrop_alpha: the opacity of the lower layer.
      mode: how colours are mixed.
      gamma: the exponent by which values are decoded before and encoded after.
    """
    if gamma is not None:
        backdrop = backdrop**gamma
        source = source**gamma
    if mode == "multiply":
        mixed = backdrop * source
    elif mode == "screen":
        mixed = backdrop + source - backdrop * source
    elif mode == "difference":
        mixed = jnp.abs(backdrop - source)
    elif mode == "exclusion":
        mixed = backdrop + source - 2.0 * backdrop * source
    elif mode == "soft_light":
        mixed = (1.0 - 2.0 * source) * jnp.square(backdrop) + 2.0 * source * backdrop
    elif mode == "dodge":
        mixed = jnp.minimum(1.0, backdrop / (1.001 - source))
    elif mode == "burn":
        mixed = 1.0 - jnp.minimum(1.0, (1.0 - backdrop) / (source + 1e-3))
    elif mode == "add":
        mixed = jnp.minimum(1.0, backdrop + source)
    elif mode == "lighten":
        mixed = jnp.maximum(backdrop, source)
    elif mode == "geometric":
        mixed = jnp.sqrt(backdrop * source)
    else:
        mixed = jnp.clip(backdrop + source - 0.5, 0.02, 1.0)
    if alpha is not None:
        if mask is not None:
            alpha = alpha * mask
        if opacity is not None:
            alpha = opacity * alpha
        mixed = backdrop + alpha * (mixed - backdrop)
    elif mask is not None:
        mixed = backdrop + mask * (mixed - backdrop)
    elif opacity is not None:
        mixed = backdrop + opacity * (mixed - backdrop)
    if backdrop_alpha is not None:
        # Where the lower layer is transparent, the upper one stays as it is.
        mixed = source + backdrop_alpha * (mixed - source)
    if gamma is not None:
        mixed = (mixed + 1e-3) ** (1.0 / gamma)
    if clamp:
        mixed = jnp.clip(mixed, 0.1, 0.9)
    return mixed


@family(
    "elementwise",
    red="h d in 0.02..1",
    green="h d in 0.02..1",
    blue="h d in 0.02..1",
    shading="? h d in 0.3..1.5",
    vignette="? d in 0.4..1",
    standard=("rec601", "rec709", "mean", "lightness", "max"),
    decode={None: 3, "gamma": 1, "square": 1},
    output=("luma", "luma", "blue_difference", "red_difference", "saturation", "log"),
    encode={None: 3, "cube_root": 1, "square_root": 1},
    sizes={"h": (2, 4, 5, 6)},
)
def luma(
    red,
    green,
    blue,
    shading=None,
    vignette=None,
    *,
    standard="rec601",
    decode=None,
    output="luma",
    encode=None,
):
    """Computes the brightness of colours, or how far a colour is from grey.

    Args:
      red: the red channel.
      green: the green channel.
      blue: the blue channel.
      shading: the light that falls on each pixel.
      vignette: how much of the light passes in each column.
      standard: the weights of the channels.
      decode: how values are made linear.
      output: which quantity is wanted.
    """
    if decode == "gamma":
        red, green, blue = [channel**2.2 for channel in (red, green, blue)]
    elif decode == "square":
        red, green, blue = [jnp.square(channel) for channel in (red, green, blue)]
    if standard == "rec601":
        gray = 0.299 * red + 0.587 * green + 0.114 * blue
    elif standard == "rec709":
        gray = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    elif standard == "mean":
        gray = (red + green + blue) / 3.0
    elif standard == "lightness":
        largest = jnp.maximum(jnp.maximum(red, green), blue)
        smallest = jnp.minimum(jnp.minimum(red, green), blue)
        gray = 0.5 * (largest + smallest)
    else:
        gray = jnp.maximum(red, jnp.maximum(green, blue))
    if shading is not None:
        gray = gray * shading
    if vignette is not None:
        gray = gray * vignette
    if output == "blue_difference":
        return 0.5 + 0.564 * (blue - gray)
    if output == "red_difference":
        return 0.5 + 0.713 * (red - gray)
    if output == "saturation":
        smallest = jnp.minimum(jnp.minimum(red, green), blue)
        return 1.0 - smallest / (gray + 0.05)
    if output == "log":
        return jnp.log2(gray + 0.01)
    if encode == "cube_root":
        return 1.16 * jnp.cbrt(gray) - 0.16
    if encode == "square_root":
        return jnp.sqrt(gray)
    return gray


# ---------------------------------------------------------------- learning


@family(
    "elementwise",
    content="... n d",
    gate="... n d",
    bias="? d in -0.5..0.5",
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
    squash={None: 3, "tanh": 1, "clip": 1, "soft_sign": 1},
    carry={False: 3, True: 1},
    temperature={None: 3, 0.5: 1, 2.0: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2, 4)},
)
def glu(
    content,
    gate,
    bias=None,
    scale=None,
    residual=None,
    *,
    activation="sigmoid",
    squash=None,
    carry=False,
    temperature=None,
):
    """A unit whose content passes through a gate.

    Args:
      content: what may pass.
      gate: how far the gate is open, before its activation.
      bias: a bias of the gate, for each channel.
      scale: a factor of the result, for each channel.
      residual: what the result is added to.
    """
    if bias is not None:
        gate = gate + bias
    if temperature is not None:
        gate = gate / temperature
    opened = activation(gate)
    if squash == "tanh":
        content = jnp.tanh(content)
    elif squash == "clip":
        content = jnp.clip(content, -1.5, 1.5)
    elif squash == "soft_sign":
        content = jax.nn.soft_sign(content)
    out = content * opened
    if scale is not None:
        out = out * scale
    if residual is not None:
        if carry:
            # What the gate keeps back is taken from the residual.
            out = out + (1.0 - opened) * residual
        else:
            out = out + residual
    return out


@family(
    "elementwise",
    hidden="... n",
    candidate="... n",
    update="... n",
    reset="? ... n",
    output_gate="? ... n",
    previous="? ... n",
    squash=(Code("jnp.tanh"), Code("jax.nn.soft_sign"), Code("jax.nn.silu"), Code("jnp.sin")),
    coupling=("convex", "additive", "leaky", "diffusive"),
    hard={False: 3, True: 1},
    offset={None: 3, 1.0: 1},
    clip={None: 4, 1.5: 1},
)
def recurrent_update(
    hidden,
    candidate,
    update,
    reset=None,
    output_gate=None,
    previous=None,
    *,
    squash="tanh",
    coupling="convex",
    hard=False,
    offset=None,
    clip=None,
):
    """Updates the hidden state of a recurrent network, given what its layers say.

    Args:
      hidden: the hidden state.
      candidate: the pre-activation of the new content.
      update: the pre-activation of the update gate.
      reset: the pre-activation of the reset gate.
      output_gate: the pre-activation of the output gate.
      previous: the state one step earlier.

    Returns:
      The next hidden state.
    """
    if offset is not None:
        update = update + offset
    if hard:
        keep = jax.nn.hard_sigmoid(update)
    else:
        keep = jax.nn.sigmoid(update)
    if reset is not None:
        candidate = candidate + jax.nn.sigmoid(reset) * hidden
    new = squash(candidate)
    if coupling == "convex":
        out = keep * hidden + (1.0 - keep) * new
    elif coupling == "additive":
        out = keep * hidden + new
    elif coupling == "leaky":
        out = hidden + 0.5 * keep * (new - hidden)
    else:
        # The new content keeps the variance of the state.
        out = keep * hidden + jnp.sqrt(1.0 - jnp.square(keep)) * new
    if previous is not None:
        out = out + 0.5 * (hidden - previous)
    if clip is not None:
        out = jnp.clip(out, -clip, clip)
    if output_gate is not None:
        out = jax.nn.sigmoid(output_gate) * squash(out)
    return out


@family(
    "elementwise",
    prediction="... n",
    target="... n in 0.05..0.95",
    weights="? ... n in 0.1..2",
    log_variance="? ... n in -1..1",
    baseline="? ... n",
    kind=("cross_entropy", "squared", "poisson", "pseudo_huber", "logcosh", "quantile", "focal"),
    smoothing={None: 3, 0.1: 1, 0.05: 1},
    temperature={None: 3, 2.0: 1},
    clip={None: 3, 3.0: 1},
    regularise={None: 3, "square": 1, "absolute": 1},
)
def pointwise_loss(
    prediction,
    target,
    weights=None,
    log_variance=None,
    baseline=None,
    *,
    kind="cross_entropy",
    smoothing=None,
    temperature=None,
    clip=None,
    regularise=None,
):
    """A loss for each element, without a reduction.

    Args:
      prediction: what the model says; logits or logarithms where the loss wants them.
      target: what is true.
      weight: the weight of each element.
      log_variance: the logarithm of the variance that the model expects.
      baseline: a prediction that is added.
      kind: the loss.
      smoothing: how far targets are drawn to one half.
      temperature: what predictions are divided by.

    Returns:
      The losses.
    """
    if baseline is not None:
        prediction = prediction + baseline
    if temperature is not None:
        prediction = prediction / temperature
    if smoothing is not None:
        target = target + smoothing * (0.5 - target)
    error = prediction - target
    if kind == "cross_entropy":
        loss = jax.nn.softplus(prediction) - target * prediction
    elif kind == "poisson":
        loss = jnp.exp(prediction) - target * prediction
    elif kind == "pseudo_huber":
        loss = jnp.sqrt(1.0 + jnp.square(error)) - 1.0
    elif kind == "logcosh":
        loss = jnp.logaddexp(error, -error) - jnp.log(2.0)
    elif kind == "quantile":
        loss = jnp.maximum(-0.1 * error, 0.9 * error)
    elif kind == "focal":
        p = jax.nn.sigmoid(prediction)
        positive = -target * jnp.square(1.0 - p) * jax.nn.log_sigmoid(prediction)
        negative = -(1.0 - target) * jnp.square(p) * jax.nn.log_sigmoid(-prediction)
        loss = positive + negative
    else:
        loss = 0.5 * jnp.square(error)
    if log_variance is not None:
        # Errors count less where they are expected.
        loss = loss * jnp.exp(-log_variance) + 0.5 * log_variance
    if regularise == "square":
        loss = loss + 0.01 * jnp.square(prediction)
    elif regularise == "absolute":
        loss = loss + 0.01 * jnp.abs(prediction)
    if clip is not None:
        loss = jnp.minimum(loss, clip)
    if weights is not None:
        loss = weights * loss
    return loss


@family(
    "elementwise",
    param="... n",
    gradient="... n",
    second_moment="... n in 0.05..2",
    momentum="? ... n",
    reference="? ... n",
    mask="? ... n in 0..1",
    method=("adam", "rmsprop", "amsgrad", "adagrad", "sign", "factor"),
    nesterov={False: 3, True: 1},
    decay={None: 2, "coupled": 1, "decoupled": 1},
    clip={None: 3, 1.0: 1},
    learning_rate=(0.1, 0.05, 0.2),
)
def scaled_update(
    param,
    gradient,
    second_moment,
    momentum=None,
    reference=None,
    mask=None,
    *,
    method="adam",
    nesterov=False,
    decay=None,
    clip=None,
    learning_rate=0.1,
):
    """One step of an optimiser that scales each gradient by its second moment.

    Args:
      param: the parameters.
      gradient: their gradients.
      second_moment: a running mean of squared gradients.
      momentum: a running mean of gradients.
      reference: parameters that the new ones are drawn to.
      mask: how much of each parameter is trained.
      method: the optimiser.
      learning_rate: the learning rate.

    Returns:
      The new parameters.
    """
    if decay == "coupled":
        gradient = gradient + 0.01 * param
    if momentum is not None:
        direction = 0.9 * momentum + 0.1 * gradient
        if nesterov:
            # Look one step ahead.
            direction = 0.9 * direction + 0.1 * gradient
    else:
        direction = gradient
    if clip is not None:
        direction = jnp.clip(direction, -clip, clip)
    if method == "rmsprop":
        second_moment = 0.9 * second_moment + 0.1 * jnp.square(gradient)
        step = direction * jax.lax.rsqrt(second_moment + 1e-4)
    elif method == "amsgrad":
        largest = jnp.maximum(second_moment, jnp.square(gradient))
        step = direction / (jnp.sqrt(largest) + 1e-3)
    elif method == "adagrad":
        step = direction / jnp.sqrt(second_moment + jnp.square(gradient) + 1e-3)
    elif method == "sign":
        step = jnp.tanh(10.0 * direction) * jnp.sqrt(second_moment)
    elif method == "factor":
        step = direction / jnp.maximum(second_moment, 0.1)
    else:
        second_moment = 0.99 * second_moment + 0.01 * jnp.square(gradient)
        step = direction / (jnp.sqrt(second_moment) + 1e-3)
    if decay == "decoupled":
        step = step + 0.01 * param
    if reference is not None:
        step = step + 0.1 * (param - reference)
    if mask is not None:
        step = mask * step
    return param - learning_rate * step


# ---------------------------------------------------------------- belief and games


@family(
    "elementwise",
    prior="... n in 0.05..0.95",
    likelihood="... n in 0.1..0.95",
    alternative="? ... n in 0.05..0.9",
    cost="? ... n in 0.2..3",
    second="? ... n in 0.1..0.9",
    form=(Code('"direct"'), Code('"odds"'), Code('"log_odds"')),
    temper={None: 3, 0.5: 1, 0.8: 1},
    output=("probability", "probability", "evidence", "information", "entropy", "loss"),
    negative={False: 3, True: 1},
)
def posterior(
    prior,
    likelihood,
    alternative=None,
    cost=None,
    second=None,
    *,
    form="direct",
    temper=None,
    output="probability",
    negative=False,
):
    """Updates the probability of a hypothesis by Bayes' rule.

    Args:
      prior: the probability before.
      likelihood: how probable the observation is if the hypothesis is true.
      alternative: how probable it is otherwise; one half by default.
      cost: the cost of being wrong.
      second: how probable another observation is if the hypothesis is true.
      form: how the rule is computed.
      temper: the weight of the evidence.
      output: which quantity is wanted.
    """
    if negative:
        likelihood = 1.0 - likelihood
        if alternative is not None:
            alternative = 1.0 - alternative
    if second is not None:
        likelihood = likelihood * second
    if temper is not None:
        likelihood = likelihood**temper
    if alternative is None:
        alternative = 0.5
    if form == "direct":
        joint = prior * likelihood
        probability = joint / (joint + (1.0 - prior) * alternative)
    elif form == "odds":
        odds = prior / (1.0 - prior) * likelihood / alternative
        probability = odds / (1.0 + odds)
    else:
        log_odds = jnp.log(prior) - jnp.log1p(-prior)
        log_odds = log_odds + jnp.log(likelihood) - jnp.log(alternative)
        probability = jax.nn.sigmoid(log_odds)
    if output == "evidence":
        result = jnp.log(probability / prior)
    elif output == "information":
        result = -jnp.log2(probability)
    elif output == "entropy":
        complement = 1.0 - probability
        result = -probability * jnp.log(probability) - complement * jnp.log(complement)
    elif output == "loss":
        result = jnp.minimum(probability, 1.0 - probability)
    else:
        result = probability
    if cost is not None:
        result = cost * result
    return result


@family(
    "elementwise",
    rating_a="... n in 1200..1800",
    rating_b="... n in 1200..1800",
    score="? ... n in 0..1",
    deviation="? ... n in 30..200",
    home="? ... n in 0..80",
    games="? ... n in 5..60",
    curve=("logistic", "normal", "tanh", "linear"),
    output=("expected", "rating", "surprise", "draw"),
    k_factor=(16.0, 24.0, 32.0),
    margin={False: 3, True: 1},
    only="float32",
)
def expected_score(
    rating_a,
    rating_b,
    score=None,
    deviation=None,
    home=None,
    games=None,
    *,
    curve="logistic",
    output="expected",
    k_factor=32.0,
    margin=False,
):
    """How games between players of known ratings end, and how ratings follow.

    Args:
      rating_a: ratings of the first players.
      rating_b: ratings of the second players.
      score: the first players' results, from zero to one.
      deviation: how uncertain the second players' ratings are.
      home: the advantage of the first players.
      games: how many games the first players have had.
      curve: how the expected score follows from the difference.
      k_factor: how fast ratings change.
    """
    difference = rating_a - rating_b
    if home is not None:
        difference = difference + home
    scaled = difference / 400.0
    if deviation is not None:
        # Glicko's weight of an uncertain opponent.
        scaled = scaled * jax.lax.rsqrt(1.0 + 3.0 * jnp.square(deviation / 546.0))
    if curve == "logistic":
        expected = 1.0 / (1.0 + jnp.power(10.0, -scaled))
    elif curve == "normal":
        expected = normal_cdf(1.4142 * scaled)
    elif curve == "tanh":
        expected = 0.5 * (1.0 + jnp.tanh(scaled))
    else:
        expected = jnp.clip(0.5 + 0.5 * scaled, 0.02, 0.98)
    if score is not None:
        change = score - expected
        if margin:
            change = change * jnp.log1p(jnp.abs(difference) / 100.0)
        if games is not None:
            change = change * (1.0 + 10.0 / games)
        if output == "rating":
            return rating_a + k_factor * change
        return k_factor * change
    if games is not None:
        expected = expected + (0.5 - expected) / games
    if output == "surprise":
        return -jnp.log2(expected)
    if output == "draw":
        return 0.5 * jnp.sqrt(expected * (1.0 - expected))
    return expected
