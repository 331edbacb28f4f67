"""Families: formulas of arrays and scalars."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
out: out 5, output 3, result 3
mask: mask 8, valid 1
learning_rate: learning_rate 4, lr 4, lr_schedule 1
schedule: schedule 4, lr_schedule 4, learning_rate_schedule 3
steps: steps 4, step 4, t 1
peak: peak 3, base_lr 4, peak_lr 3, init_value 2
total_steps: total_steps 4, num_steps 3, decay_steps 3
progress: progress 5, frac 3, t 2
decay_rate: decay_rate 4, decay 3, gamma 2
scaled_logits: scaled_logits 3, temperature_scaling 3, scale_logits 3, calibrate 1
logits: logits 8, scores 2
temperature: temperature 6, temp 3, tau 2
noise_level: noise_level 4, noise_schedule 3, diffusion_schedule 3
alpha_bar: alpha_bar 4, alphas_cumprod 2, signal_power 1
log_snr: log_snr 4, lambda_t 1, logsnr 3
diffuse: diffuse 3, q_sample 3, add_noise 4, forward_process 1
clean: clean 3, x_start 3, x0 4
pid_control: pid_control 4, pid 3, pid_controller 3, controller 1
setpoint: setpoint 5, target 3, reference 2
measured: measured 4, measurement 3, process_variable 1
integral: integral 5, error_sum 2, i_term 1
kp: kp 5, k_p 3, proportional_gain 1
smooth: smooth 4, ema 5, exponential_smoothing 3, moving_average 1
state: state 5, average 2, ema_value 1
factor: factor 3, decay 4, alpha 3, beta 3
concentration_curve: concentration_curve 3, concentration 4, plasma_concentration 3, pk_model 2
times: times 4, t 5, time 2
dose: dose 8, d 1
clearance: clearance 4, cl 3
volume: volume 4, v 3, vd 2
concentration: concentration 5, conc 3, c 2
growth: growth 5, growth_model 3, growth_curve 2
growth_rate: growth_rate 4, g 3
updraft: updraft 3, lift 1
capacity: capacity 4, k 3, carrying_capacity 3
population: population 5, n_t 1, size 2
discount_curve: discount_curve 5, discount_factor 3, discounting 2
years: years 4, t 4, maturities 2
hill_response: hill_response 4, hill 4, dose_response 3, hill_equation 2
half_point: half_point 2, ec50 5, k_d 2
cooling: cooling 4, cooling_schedule 4, annealing 3, anneal 2
start_temperature: start_temperature 3, t0 4, initial_temperature 3
end_temperature: end_temperature 3, t_min 3, final_temperature 3
prior_strength: prior_strength 4, pseudo_counts 2, shrinkage 3
shrunk_rate: shrunk_rate 3, smoothed_rate 3, posterior_mean 3
guided: guided 4, guidance 4, classifier_free_guidance 5, cfg 1
conditional: conditional 4, cond_out 2, eps_cond 3
unconditional: unconditional 4, uncond_out 2, eps_uncond 3
guidance_scale: guidance_scale 5, scale 2, w 1
damped_wave: damped_wave 3, oscillation 3, damped_oscillator 4
amplitude: amplitude 5, amp 3, a 2
angular_frequency: angular_frequency 4, omega 5
damping: damping 5, gamma 3, zeta 2
displacement: displacement 4, u 1, y 3
kernel_value: kernel_value 3, kernel 4, covariance_function 3, cov_fn 1
length_scale: length_scale 5, lengthscale 5, ell 2
scaled_distance: scaled_distance 3, r 4, dist 2
standardise: standardise 3, standardize 5, normalize 4, affine_normalise 1
centre: centre 3, center 4
quantise: quantise 3, quantize 5, fake_quant 4
zero_point: zero_point 7, offset 1
levels: levels 4, codes 2, q 3
projectile: projectile 5, trajectory 4, ballistic_height 2
speed: speed 4, v0 5, launch_speed 2
elevation: elevation 3, theta 4, launch_angle 3
beam_response: beam_response 3, antenna_pattern 4, array_factor 3
adstock: adstock 3, media_response 4, saturated_spend 3, marketing_response 2
spend: spend 5, investment 1, x 1
annealed_weight: annealed_weight 3, kl_weight 4, beta_schedule 4
"""


@family(
    "scalar_array",
    steps="n in 0..100",
    peak="in 0.1..1",
    total_steps="? in 110..200",
    warmup="? in 10..40",
    floor="? in 0.001..0.05",
    kind=(
        "cosine",
        "linear",
        "exponential",
        "inverse_sqrt",
        "polynomial",
        "inverse_time",
        "onecycle",
    ),
    warmup_shape=("linear", "linear", "smooth", "exponential"),
    cycles={None: 4, 2.0: 1},
    only="float32",
)
def schedule(
    steps,
    peak,
    total_steps=None,
    warmup=None,
    floor=None,
    *,
    kind="cosine",
    warmup_shape="linear",
    cycles=None,
):
    """The learning rate at each step.

    Args:
      steps: the numbers of the steps.
      peak: the largest learning rate.
      total_steps: the number of steps of the training.
      warmup: how many steps the learning rate rises.
      floor: the least learning rate.
      kind: how it falls.

    Returns:
      One learning rate for each step.
    """
    if total_steps is None:
        total_steps = 150.0
    progress = jnp.clip(steps / total_steps, 0.0, 1.0)
    if kind == "cosine":
        if cycles is not None:
            rate = 0.5 * (1.0 + jnp.cos(cycles * jnp.pi * progress))
        else:
            rate = 0.5 * (1.0 + jnp.cos(jnp.pi * progress))
    elif kind == "linear":
        rate = 1.0 - progress
    elif kind == "exponential":
        rate = jnp.exp(-3.0 * progress)
    elif kind == "inverse_sqrt":
        rate = jax.lax.rsqrt(1.0 + 20.0 * progress)
    elif kind == "polynomial":
        rate = jnp.square(1.0 - progress)
    elif kind == "inverse_time":
        rate = 1.0 / (1.0 + 4.0 * progress)
    else:
        rate = jnp.sin(jnp.pi * progress) + 0.1 * (1.0 - progress)
    if warmup is not None:
        # Rise slowly at first.
        if warmup_shape == "linear":
            rate = rate * jnp.minimum(1.0, (steps + 1.0) / warmup)
        elif warmup_shape == "smooth":
            rate = rate * jnp.sin(0.5 * jnp.pi * jnp.minimum(1.0, (steps + 1.0) / warmup))
        else:
            rate = rate * -jnp.expm1(-(steps + 1.0) / warmup)
    if floor is not None:
        return floor + (peak - floor) * rate
    return peak * rate


@family(
    "scalar_array",
    x="... n",
    temperature="in 0.4..2.5",
    shift="? in -1..1",
    bias="? n",
    prior="? n in -1..1",
    cap="? in 2..6",
    output=("logits", "probability", "log_probability", "entropy", "odds"),
    inverse={False: 3, True: 1},
    squash={None: 3, "arcsinh": 1, "softsign": 1, "cube": 1},
    smoothing={None: 4, 0.05: 1},
)
def scaled_logits(
    x,
    temperature,
    shift=None,
    bias=None,
    prior=None,
    cap=None,
    *,
    output="logits",
    inverse=False,
    squash=None,
    smoothing=None,
):
    """Calibrates logits of independent labels by a temperature.

    Args:
      x: the logits.
      temperature: the temperature.
      shift: what is added to all logits.
      bias: what is added to the logits of each label.
      prior: the log odds of each label before, which are taken away.
      cap: the largest magnitude of a logit.
      output: which quantity is wanted.
    """
    if bias is not None:
        x = x + bias
    if inverse:
        x = x * temperature
    else:
        x = x / temperature
    if shift is not None:
        x = x + shift
    if prior is not None:
        x = x - prior
    if squash == "arcsinh":
        x = jnp.arcsinh(x)
    elif squash == "softsign":
        x = 2.0 * jax.nn.soft_sign(x)
    elif squash == "cube":
        x = jnp.cbrt(x) * jnp.abs(x)
    if cap is not None:
        # Cap softly.
        x = cap * jnp.tanh(x / cap)
    if output == "logits":
        return x
    if output == "log_probability":
        return jax.nn.log_sigmoid(x)
    if output == "odds":
        return jnp.exp(x)
    probability = jax.nn.sigmoid(x)
    if output == "entropy":
        return jax.nn.softplus(x) - x * probability
    if smoothing is not None:
        probability = probability + smoothing * (0.5 - probability)
    return probability


def signal_power(t, kind="cosine"):
    if kind == "cosine":
        return jnp.cos(0.5 * jnp.pi * t) ** 2
    if kind == "linear":
        return jnp.exp(-0.1 * t - 4.95 * jnp.square(t))
    if kind == "sigmoid":
        return jax.nn.sigmoid(5.0 - 10.0 * t)
    if kind == "quadratic":
        return jnp.square(1.0 - t)
    return 1.0 - jnp.sqrt(t)


@family(
    "scalar_array",
    t="n in 0.05..0.95",
    scale="in 0.5..2",
    shift="? in -1..1",
    sigma="? in 0.3..1.5",
    kind=("cosine", "linear", "sigmoid", "quadratic", "root"),
    output=("log_snr", "signal", "noise", "weight", "timestep", "velocity"),
    warp={None: 3, "square": 1, "sine": 1},
    clip={None: 3, 4.0: 1, 6.0: 1},
)
def noise_level(
    t, scale, shift=None, sigma=None, *, kind="cosine", output="log_snr", warp=None, clip=None
):
    """The levels of signal and noise at times of a diffusion process, for images of some scale.

    Args:
      t: times between zero and one.
      scale: how much larger the images are than those that the schedule was made for.
      shift: what is added to the logarithm of the ratio of signal to noise.
      sigma: the standard deviation of the data.
      kind: the schedule.
      output: which quantity is wanted.
    """
    if warp == "square":
        t = jnp.square(t) + 0.02
    elif warp == "sine":
        t = jnp.sin(0.5 * jnp.pi * t) * 0.98
    alpha_bar = 0.998 * signal_power(t, kind=kind) + 0.001
    log_snr = jnp.log(alpha_bar) - jnp.log1p(-alpha_bar)
    # Larger images need more noise.
    log_snr = log_snr - 2.0 * jnp.log(scale)
    if shift is not None:
        log_snr = log_snr + shift
    if clip is not None:
        log_snr = jnp.clip(log_snr, -clip, clip)
    if output == "log_snr":
        level = log_snr
    elif output == "signal":
        level = jnp.sqrt(jax.nn.sigmoid(log_snr))
    elif output == "noise":
        level = jnp.sqrt(jax.nn.sigmoid(-log_snr))
    elif output == "weight":
        level = 1.0 / (1.0 + jnp.exp(log_snr) / 5.0)
    elif output == "velocity":
        level = jnp.sqrt(jax.nn.sigmoid(log_snr) * jax.nn.sigmoid(-log_snr))
    else:
        level = -0.25 * log_snr
    if sigma is not None:
        level = sigma * level
    return level


@family(
    "scalar_array",
    clean="... n",
    noise="... n",
    t="in 0.1..0.9",
    mean="? n",
    previous="? ... n",
    kind=("cosine", "flow", "linear", "exploding", "sigmoid"),
    target=(None, None, "velocity", "residual", "scaled"),
    clip={None: 3, 1.5: 1},
    scale={None: 2, 0.5: 1, 0.18215: 1},
    churn={None: 3, 0.1: 1, 0.3: 1},
)
def diffuse(
    clean,
    noise,
    t,
    mean=None,
    previous=None,
    *,
    kind="cosine",
    target=None,
    clip=None,
    scale=None,
    churn=None,
):
    """Adds the noise of a diffusion process at one time, or gives what belongs to it.

    Args:
      clean: the data.
      noise: standard normal noise, of the same shape.
      t: the time, from zero for the data to one for noise.
      mean: the mean of the noise.
      previous: a model's earlier estimate of the data.
      kind: the schedule.
      target: what is wanted instead of the noisy data.
    """
    if scale is not None:
        clean = scale * clean
    if clip is not None:
        clean = jnp.clip(clean, -clip, clip)
    if mean is not None:
        noise = noise + mean
    if churn is not None:
        # A little more noise at each step.
        t = t + churn * t * (1.0 - t)
    if kind == "flow":
        signal_rate = 1.0 - t
        noise_rate = t
    elif kind == "linear":
        signal_rate = jnp.exp(-0.05 * t - 2.475 * jnp.square(t))
        noise_rate = jnp.sqrt(1.0 - jnp.square(signal_rate))
    elif kind == "exploding":
        signal_rate = jnp.ones_like(t)
        noise_rate = 0.1 * 20.0**t
    elif kind == "sigmoid":
        signal_rate = jnp.sqrt(jax.nn.sigmoid(4.0 - 8.0 * t))
        noise_rate = jnp.sqrt(jax.nn.sigmoid(8.0 * t - 4.0))
    else:
        signal_rate = jnp.cos(0.5 * jnp.pi * t)
        noise_rate = jnp.sin(0.5 * jnp.pi * t)
    noisy = signal_rate * clean + noise_rate * noise
    if target == "velocity":
        out = signal_rate * noise - noise_rate * clean
    elif target == "residual":
        out = noisy - clean
    elif target == "scaled":
        # Of unit variance, if the data are.
        out = noisy * jax.lax.rsqrt(jnp.square(signal_rate) + jnp.square(noise_rate))
    else:
        out = noisy
    if previous is not None:
        out = out + 0.5 * t * previous
    return out


@family(
    "scalar_array",
    measured="... n",
    setpoint="in -1..1",
    previous="... n",
    integral="? ... n",
    kp="? in 0.5..2",
    ki="? in 0.05..0.5",
    kd="? in 0.05..0.5",
    feedforward="? ... n",
    derivative_on=("error", "measurement", "none"),
    limit={None: 2, "clip": 1, "tanh": 1},
    nonlinear={None: 3, "square": 1, "dead_band": 1, "soft": 1},
    dt=(0.1, 0.05, 0.02),
)
def pid_control(
    measured,
    setpoint,
    previous,
    integral=None,
    kp=None,
    ki=None,
    kd=None,
    feedforward=None,
    *,
    derivative_on="error",
    limit=None,
    nonlinear=None,
    dt=0.1,
):
    """The action of a controller that drives each loop to the same setpoint.

    Args:
      measured: the measured value of each loop.
      setpoint: the value that is wanted.
      previous: the measured values one step earlier.
      integral: the accumulated error.
      kp: the proportional gain.
      ki: the gain of the integral.
      kd: the gain of the derivative.
      feedforward: an action that is added.
      dt: the time between steps.
    """
    error = setpoint - measured
    if nonlinear == "square":
        error = error * jnp.abs(error)
    elif nonlinear == "dead_band":
        error = error - jnp.clip(error, -0.1, 0.1)
    elif nonlinear == "soft":
        error = error / (1.0 + 0.5 * jnp.abs(error))
    if kp is not None:
        action = kp * error
    else:
        action = 0.8 * error
    if derivative_on == "measurement":
        slope = (previous - measured) / dt
    elif derivative_on == "error":
        slope = (error - (setpoint - previous)) / dt
    else:
        # The mean of two errors, without a derivative.
        slope = 0.5 * (error + setpoint - previous)
    if kd is not None:
        action = action + kd * slope
    else:
        action = action + 0.05 * slope
    if integral is not None:
        accumulated = integral + dt * error
        if ki is not None:
            action = action + ki * accumulated
        else:
            action = action + 0.2 * accumulated
    elif ki is not None:
        action = action + ki * dt * error
    if feedforward is not None:
        action = action + feedforward
    if limit == "clip":
        action = jnp.clip(action, -4.0, 4.0)
    elif limit == "tanh":
        action = 3.0 * jnp.tanh(action / 3.0)
    return action


@family(
    "scalar_array",
    state="... n",
    x="... n",
    factor="in 0.5..0.98",
    trend="? ... n in -0.5..0.5",
    trend_factor="? in 0.1..0.9",
    season="? ... n in 0.5..1.5",
    confidence="? ... n in 0.1..1",
    kind=("average", "average", "squared", "log", "geometric"),
    corrected={False: 2, True: 1},
    lookahead={None: 3, 2.0: 1, 5.0: 1},
    robust={None: 3, "clip": 1, "tanh": 1},
)
def smooth(
    state,
    x,
    factor,
    trend=None,
    trend_factor=None,
    season=None,
    confidence=None,
    *,
    kind="average",
    corrected=False,
    lookahead=None,
    robust=None,
):
    """One step of exponential smoothing.

    Args:
      state: the averages so far.
      x: the new observations.
      factor: the weight of the averages so far.
      trend: how much the averages rise with each step.
      trend_factor: how much of the trend stays from step to step.
      season: a factor of the observations in this season.
      confidence: the weight of each observation.
      kind: what is averaged.

    Returns:
      The new averages.
    """
    if season is not None:
        x = x / season
    if trend is not None:
        if trend_factor is not None:
            trend = trend_factor * trend
        state = state + trend
    elif trend_factor is not None:
        # Without a trend, the averages shrink.
        state = trend_factor * state
    if kind == "squared":
        x = jnp.square(x)
    elif kind == "log":
        x = jnp.log1p(jnp.abs(x))
    elif kind == "geometric":
        x = jnp.sign(x) * jnp.sqrt(jnp.abs(x) + 0.01)
    innovation = x - state
    if robust == "clip":
        # Outliers move the averages by no more than this.
        innovation = jnp.clip(innovation, -1.0, 1.0)
    elif robust == "tanh":
        innovation = jnp.tanh(innovation)
    if confidence is not None:
        innovation = confidence * innovation
    out = state + (1.0 - factor) * innovation
    if corrected:
        out = out / (1.0 - factor**10)
    if trend is not None:
        if lookahead is not None:
            out = out + lookahead * trend
    return out


@family(
    "scalar_array",
    times="... n in 0.2..10",
    dose="in 50..150",
    clearance="in 2..6",
    volume="? in 15..40",
    absorption="? in 0.8..2",
    weights="? n in 0.7..1.3",
    bioavailability="? in 0.4..0.9",
    model=("bolus", "oral", "infusion", "two_compartment", "repeated"),
    output=("concentration", "log", "effect", "eliminated"),
    delay={None: 3, 0.1: 1},
    bound={None: 4, 0.3: 1},
    only="float32",
)
def concentration_curve(
    times,
    dose,
    clearance,
    volume=None,
    absorption=None,
    weights=None,
    bioavailability=None,
    *,
    model="bolus",
    output="concentration",
    delay=None,
    bound=None,
):
    """The concentration of a drug at times after a dose.

    Args:
      times: hours after the dose.
      dose: the dose in milligrams.
      clearance: the clearance in litres per hour.
      volume: the volume of distribution in litres.
      absorption: the rate of absorption per hour.
      weights: each patient's weight as a part of the usual one.
      bioavailability: the part of the dose that is absorbed.
      model: how the drug is given, and where it goes.
      output: which quantity is wanted.
      delay: a delay of the absorption.
      bound: the part that is bound to proteins.
    """
    if volume is None:
        volume = 25.0
    if delay is not None:
        times = times - delay
    if bioavailability is not None:
        dose = bioavailability * dose
    if absorption is not None:
        # Absorption slows the rise.
        rise = -jnp.expm1(-absorption * times)
    else:
        rise = -jnp.expm1(-1.5 * times)
    elimination = clearance / volume
    decay = jnp.exp(-elimination * times)
    if model == "bolus":
        concentration = dose / volume * decay * rise
    elif model == "oral":
        concentration = 1.2 * dose / volume * (decay - jnp.exp(-2.0 * times) * (1.0 - rise))
    elif model == "infusion":
        concentration = dose / clearance * (1.0 - decay) * rise
    elif model == "two_compartment":
        fast = jnp.exp(-3.0 * elimination * times)
        concentration = dose / volume * (0.6 * fast + 0.4 * decay) * rise
    else:
        # A dose each twelve hours, in the steady state.
        concentration = dose / volume * decay * rise / -jnp.expm1(-12.0 * elimination)
    if weights is not None:
        concentration = concentration / weights
    if bound is not None:
        concentration = (1.0 - bound) * concentration
    if output == "log":
        return jnp.log(concentration + 0.01)
    if output == "effect":
        return concentration / (2.0 + concentration)
    if output == "eliminated":
        return clearance * concentration
    return concentration


@family(
    "scalar_array",
    times="... n in 0..6",
    rate="in 0.3..1.2",
    initial="in 0.1..0.5",
    capacity="? in 2..5",
    start="? ... n in 0.5..1.5",
    harvest="? in 0.01..0.1",
    seasonality="? in 0.1..0.4",
    model=("exponential", "logistic", "gompertz", "bertalanffy", "richards", "power"),
    output=("size", "size", "log", "rate", "share"),
    lag={None: 3, 0.5: 1, 1.0: 1},
)
def growth(
    times,
    rate,
    initial,
    capacity=None,
    start=None,
    harvest=None,
    seasonality=None,
    *,
    model="logistic",
    output="size",
    lag=None,
):
    """The size of a population that grows from an initial one.

    Args:
      times: when the size is wanted.
      rate: the rate of growth.
      initial: the size at the beginning.
      capacity: the largest size.
      start: factors of the initial size.
      harvest: the rate at which a part is taken away.
      seasonality: how strongly the growth follows the season.
      model: the law of growth.
      output: which quantity is wanted.
      lag: the time until growth begins.
    """
    if capacity is None:
        capacity = 3.0
    if lag is not None:
        # Growth sets in smoothly.
        times = jax.nn.softplus(4.0 * (times - lag)) / 4.0
    if harvest is not None:
        rate = rate - harvest
    if start is not None:
        initial = initial * start
    grown = rate * times
    if seasonality is not None:
        grown = grown + seasonality * jnp.sin(jnp.pi * times) / jnp.pi
    if model == "exponential":
        population = -capacity * jnp.expm1(-initial * jnp.exp(grown) / capacity)
    elif model == "logistic":
        population = capacity / (1.0 + (capacity / initial - 1.0) * jnp.exp(-grown))
    elif model == "gompertz":
        population = capacity * jnp.exp(jnp.log(initial / capacity) * jnp.exp(-grown))
    elif model == "bertalanffy":
        population = capacity - (capacity - initial) * jnp.exp(-grown)
    elif model == "richards":
        shape = jnp.square(capacity / initial) - 1.0
        population = capacity * jax.lax.rsqrt(1.0 + shape * jnp.exp(-2.0 * grown))
    else:
        population = capacity * (initial + grown) / (capacity + grown)
    if output == "log":
        return jnp.log(population)
    if output == "rate":
        return rate * population * (1.0 - population / (4.0 * capacity))
    if output == "share":
        return population / (population + capacity)
    return population


@family(
    "scalar_array",
    years="... n in 0.5..10",
    rate="in 0.01..0.1",
    spread="? in 0.002..0.03",
    cash="? ... n in 5..50",
    growth_rate="? in 0.005..0.04",
    hazard="? ... n in 0.01..0.1",
    compounding=("continuous", "annual", "monthly", "simple", "hyperbolic"),
    curve={None: 2, "nelson_siegel": 1, "linear": 1, "hump": 1},
    output=("factor", "factor", "forward", "loss", "log"),
    only="float32",
)
def discount_curve(
    years,
    rate,
    spread=None,
    cash=None,
    growth_rate=None,
    hazard=None,
    *,
    compounding="continuous",
    curve=None,
    output="factor",
):
    """Discounts future payments by an interest rate.

    Args:
      years: the years until each payment.
      rate: the interest rate.
      spread: what a risky debtor pays above it.
      cash: the payments; one by default.
      growth_rate: the rate at which payments grow.
      hazard: the rate at which each debtor defaults.
      compounding: how interest is compounded.
      curve: how the rate depends on the time.
      output: which quantity is wanted.
    """
    if spread is not None:
        rate = rate + spread
    if curve == "nelson_siegel":
        decayed = -jnp.expm1(-0.5 * years) / (0.5 * years)
        rate = rate - 0.01 * decayed + 0.01 * (decayed - jnp.exp(-0.5 * years))
    elif curve == "linear":
        rate = rate + 0.001 * years
    elif curve == "hump":
        rate = rate + 0.005 * years * jnp.exp(-0.4 * years)
    if hazard is not None:
        rate = rate + hazard
    if compounding == "continuous":
        discount = jnp.exp(-rate * years)
    elif compounding == "annual":
        discount = (1.0 + rate) ** -years
    elif compounding == "monthly":
        discount = jnp.exp(-12.0 * years * jnp.log1p(rate / 12.0))
    elif compounding == "hyperbolic":
        # People discount the near future more.
        discount = 1.0 / (1.0 + 4.0 * rate * years)
    else:
        discount = 1.0 / (1.0 + rate * years)
    if growth_rate is not None:
        discount = discount * jnp.exp(growth_rate * years)
    if output == "forward":
        discount = rate * discount
    elif output == "loss":
        discount = 1.0 - discount
    elif output == "log":
        discount = jnp.log(discount)
    if cash is not None:
        discount = cash * discount
    return discount


@family(
    "scalar_array",
    dose="... n in 0.1..5",
    half_point="in 0.5..2",
    slope="in 0.8..3",
    bottom="? in 0.02..0.2",
    top="? in 0.7..1",
    inhibitor="? ... n in 0.1..2",
    affinity="? in 0.5..2",
    form=(
        Code('"ratio"'),
        Code('"logistic"'),
        Code('"log"'),
        Code('"inverse"'),
        Code('"derivative"'),
    ),
    antagonism=("competitive", "mixed", "independent"),
    transform={None: 3, "logit": 1, "cube_root": 1},
)
def hill_response(
    dose,
    half_point,
    slope,
    bottom=None,
    top=None,
    inhibitor=None,
    affinity=None,
    *,
    form="ratio",
    antagonism="competitive",
    transform=None,
):
    """The response to a dose by Hill's equation.

    Args:
      dose: the doses.
      half_point: the dose with half of the response.
      slope: the exponent.
      bottom: the response without a dose.
      top: the largest response.
      inhibitor: the dose of an inhibitor.
      affinity: the affinity of the inhibitor, or of the receptor if there is none.
      form: how the equation is written, or its derivative by the logarithm of the dose.
      antagonism: how the inhibitor acts.
    """
    if inhibitor is not None:
        if affinity is not None:
            inhibitor = inhibitor / affinity
        if antagonism == "competitive":
            half_point = half_point * (1.0 + inhibitor)
        elif antagonism == "mixed":
            half_point = half_point * (1.0 + inhibitor) / (1.0 + 0.5 * inhibitor)
        else:
            dose = dose / (1.0 + jnp.square(inhibitor))
    elif affinity is not None:
        dose = dose * affinity
    if form == "ratio":
        powered = (dose / half_point) ** slope
        response = powered / (1.0 + powered)
    elif form == "logistic":
        response = jax.nn.sigmoid(slope * (jnp.log(dose) - jnp.log(half_point)))
    elif form == "log":
        response = 1.0 / (1.0 + jnp.exp2(-slope * jnp.log2(dose / half_point)))
    elif form == "inverse":
        # The response falls with the dose.
        response = 1.0 / (1.0 + (dose / half_point) ** slope)
    else:
        response = jax.nn.sigmoid(slope * jnp.log(dose / half_point))
        response = slope * response * (1.0 - response)
    if top is not None:
        response = top * response
    if bottom is not None:
        response = bottom + (1.0 - bottom) * response
    if transform == "logit":
        return jax.scipy.special.logit(0.1 + 0.8 * response)
    if transform == "cube_root":
        return jnp.cbrt(response)
    return response


@family(
    "scalar_array",
    steps="n in 0..50",
    start_temperature="in 1..4",
    end_temperature="? in 0.05..0.4",
    rate="? in 0.02..0.2",
    energy="? n in 0.1..2",
    size="? in 1..3",
    kind=("geometric", "linear", "logarithmic", "fast", "sigmoid", "cosine"),
    acceptance=("metropolis", "barker", "tsallis", "threshold"),
    reheat={None: 3, "wave": 1, "pulse": 1},
    inverse={False: 3, True: 1},
)
def cooling(
    steps,
    start_temperature,
    end_temperature=None,
    rate=None,
    energy=None,
    size=None,
    *,
    kind="geometric",
    acceptance="metropolis",
    reheat=None,
    inverse=False,
):
    """The temperature of simulated annealing, or how likely a worse state is accepted.

    Args:
      steps: the steps so far.
      start_temperature: the temperature at the beginning.
      end_temperature: the least temperature.
      rate: the rate of cooling.
      energy: how much worse the proposed states are.
      size: the size of the problem, which slows the cooling.
      kind: how the temperature falls.
      acceptance: the rule of acceptance.
      reheat: how the temperature rises again at times.
    """
    if rate is None:
        rate = 0.05
    if size is not None:
        rate = rate / size
    time = rate * steps
    if kind == "geometric":
        cooled = jnp.exp(-time)
    elif kind == "linear":
        cooled = jnp.maximum(1.0 - 0.3 * time, 0.05)
    elif kind == "logarithmic":
        cooled = 1.0 / jnp.log(jnp.e + time)
    elif kind == "fast":
        cooled = 1.0 / (1.0 + time)
    elif kind == "sigmoid":
        cooled = 1.0 - jnp.tanh(0.5 * time)
    else:
        cooled = 0.55 + 0.45 * jnp.cos(jnp.pi * jnp.tanh(time))
    if reheat == "wave":
        # Warm up again from time to time.
        cooled = cooled * (1.0 + 0.2 * jnp.sin(0.5 * steps))
    elif reheat == "pulse":
        cooled = cooled + 0.2 * jnp.exp(-0.1 * jnp.square(steps - 25.0))
    if end_temperature is not None:
        temperature = end_temperature + (start_temperature - end_temperature) * cooled
    else:
        temperature = start_temperature * cooled
    if energy is not None:
        if acceptance == "metropolis":
            return jnp.exp(-energy / temperature)
        if acceptance == "barker":
            return jax.nn.sigmoid(-energy / temperature)
        if acceptance == "tsallis":
            return 1.0 / jnp.square(1.0 + 0.5 * energy / temperature)
        return jax.nn.sigmoid(8.0 * (temperature - energy))
    if inverse:
        return 1.0 / (temperature + 0.1)
    return temperature


@family(
    "scalar_array",
    successes="... n in 0.5..20",
    trials="... n in 21..60",
    prior_strength="in 1..20",
    prior_mean="? in 0.1..0.6",
    exposure="? ... n in 0.5..2",
    z="? in 0.8..2.5",
    interval=("wald", "wilson", "agresti", "upper"),
    output=("rate", "log_odds", "score", "arcsine"),
    discount={None: 3, 0.9: 1},
    only="float32",
)
def shrunk_rate(
    successes,
    trials,
    prior_strength,
    prior_mean=None,
    exposure=None,
    z=None,
    *,
    interval="wald",
    output="rate",
    discount=None,
):
    """Rates of success, drawn to a common mean where there are few trials.

    Args:
      successes: the number of successes.
      trials: the number of trials.
      prior_strength: how many trials the common mean counts for.
      prior_mean: the common mean.
      exposure: a factor of the trials.
      z: how many standard errors the wanted bound is from the rate.
      interval: the kind of the bound.
      output: the scale of the result.
      discount: the weight of past trials.
    """
    if prior_mean is None:
        prior_mean = 0.3
    if discount is not None:
        successes = discount * successes
        trials = discount * trials
    if exposure is not None:
        # Some trials count more than others.
        successes = successes * exposure
        trials = trials * exposure
    count = trials + prior_strength
    rate = (successes + prior_strength * prior_mean) / count
    if z is not None:
        if interval == "wilson":
            centre = rate + jnp.square(z) / (2.0 * count)
            margin = z * jnp.sqrt(rate * (1.0 - rate) / count + jnp.square(z / (2.0 * count)))
            rate = (centre - margin) / (1.0 + jnp.square(z) / count)
        elif interval == "agresti":
            count = count + jnp.square(z)
            rate = (rate * (trials + prior_strength) + 0.5 * jnp.square(z)) / count
        elif interval == "upper":
            rate = rate + z * jnp.sqrt(rate * (1.0 - rate) / count)
        else:
            rate = rate - z * jnp.sqrt(rate * (1.0 - rate) / count)
        rate = jnp.clip(rate, 0.01, 0.99)
    if output == "log_odds":
        return jnp.log(rate) - jnp.log1p(-rate)
    if output == "score":
        return 10.0 * rate - 5.0
    if output == "arcsine":
        return 2.0 * jnp.arcsin(jnp.sqrt(rate))
    return rate


@family(
    "scalar_array",
    conditional="... n d",
    unconditional="... n d",
    guidance_scale="in 1..7",
    noisy="? ... n d",
    negative="? ... n d",
    sigma="? in 0.3..2",
    rescale={None: 3, 0.7: 1, 0.5: 1},
    mode=("classic", "difference", "interval", "projected"),
    threshold={None: 3, "clip": 1, "tanh": 1, "soft": 1},
    sampler=(None, "euler", "ancestral"),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2,)},
)
def guided(
    conditional,
    unconditional,
    guidance_scale,
    noisy=None,
    negative=None,
    sigma=None,
    *,
    rescale=None,
    mode="classic",
    threshold=None,
    sampler=None,
):
    """Guides a diffusion model by the difference that a condition makes.

    Args:
      conditional: the prediction with the condition.
      unconditional: the prediction without it.
      guidance_scale: how strongly the condition is followed.
      noisy: the noisy data.
      negative: the prediction with a condition to avoid.
      sigma: the level of noise.
    """
    if negative is not None:
        unconditional = 0.5 * (unconditional + negative)
    difference = conditional - unconditional
    if mode == "difference":
        out = conditional + (guidance_scale - 1.0) * difference
    elif mode == "interval":
        # Guide less where the two agree.
        out = unconditional + guidance_scale * difference * jnp.tanh(jnp.abs(difference))
    elif mode == "projected":
        bounded = difference / jnp.sqrt(1.0 + jnp.square(difference))
        out = conditional + (guidance_scale - 1.0) * bounded
    else:
        out = unconditional + guidance_scale * difference
    if rescale is not None:
        out = conditional + rescale * (out - conditional)
    if threshold == "clip":
        out = jnp.clip(out, -3.0, 3.0)
    elif threshold == "tanh":
        out = 3.0 * jnp.tanh(out / 3.0)
    elif threshold == "soft":
        out = out / (1.0 + 0.2 * jnp.abs(out))
    if sigma is not None:
        if sampler == "euler":
            out = 0.8 * sigma * out
        elif sampler == "ancestral":
            out = out * jnp.square(sigma) / (1.0 + sigma)
        else:
            out = sigma * out
    if noisy is not None:
        out = noisy - out
    return out


@family(
    "scalar_array",
    times="... n in 0..6",
    amplitude="in 0.5..2",
    angular_frequency="in 0.8..3",
    damping="? in 0.05..0.4",
    phase="? ... n in 0..1.5",
    drive="? in 0.2..1",
    wavenumber="? in 0.5..2",
    position="? ... n",
    regime=("under", "critical", "frictional"),
    output=("displacement", "velocity", "energy"),
    chirp={None: 3, 0.1: 1, 0.2: 1},
    harmonic={None: 3, 2: 1, 3: 1},
)
def damped_wave(
    times,
    amplitude,
    angular_frequency,
    damping=None,
    phase=None,
    drive=None,
    wavenumber=None,
    position=None,
    *,
    regime="under",
    output="displacement",
    chirp=None,
    harmonic=None,
):
    """The motion of an oscillator, or of a wave that passes it.

    Args:
      times: when the motion is wanted.
      amplitude: the amplitude.
      angular_frequency: the angular frequency.
      damping: the rate of damping.
      phase: the phase of each oscillator.
      drive: the amplitude of a periodic force.
      wavenumber: the wave number.
      position: where each oscillator is.
      regime: the kind of damping.
      output: which quantity is wanted.
      chirp: the rate at which the frequency rises.
      harmonic: the number of an overtone.
    """
    angle = angular_frequency * times
    if chirp is not None:
        angle = angle + chirp * jnp.square(times)
    if phase is not None:
        angle = angle + phase
    if position is not None:
        if wavenumber is not None:
            # A wave that travels to the right.
            angle = angle - wavenumber * position
        else:
            angle = angle - position
    elif wavenumber is not None:
        angle = wavenumber * angle
    if output == "velocity":
        wave = -angular_frequency * jnp.sin(angle)
    elif output == "energy":
        wave = 0.5 * jnp.square(angular_frequency) + 0.5 * jnp.square(jnp.cos(angle))
    else:
        wave = jnp.cos(angle)
    if harmonic is not None:
        wave = wave + jnp.cos(harmonic * angle) / harmonic
    if damping is not None:
        if regime == "under":
            wave = jnp.exp(-damping * times) * wave
        elif regime == "critical":
            wave = (1.0 + damping * times) * jnp.exp(-damping * times) * wave
        else:
            wave = wave / (1.0 + damping * times)
    displacement = amplitude * wave
    if drive is not None:
        displacement = displacement + drive * jnp.sin(1.5 * times)
    return displacement


@family(
    "scalar_array",
    x="n",
    y="n",
    length_scale="in 0.5..2",
    amplitude="? in 0.5..2",
    period="? in 1..3",
    nugget="? in 0.01..0.2",
    kind=("rbf", "matern32", "matern52", "rational", "exponential", "cauchy", "linear"),
    pairs=(Code('"outer"'), Code('"outer"'), Code('"same"')),
    warp={None: 3, "tanh": 1, "arcsinh": 1},
    trend={None: 3, "dot": 1, "cosine": 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def kernel_value(
    x,
    y,
    length_scale,
    amplitude=None,
    period=None,
    nugget=None,
    *,
    kind="rbf",
    pairs="outer",
    warp=None,
    trend=None,
):
    """The covariance of a Gaussian process between points.

    Args:
      x: the first points.
      y: the second points.
      length_scale: how far the correlation reaches.
      amplitude: the standard deviation of the process.
      period: the period of the process.
      nugget: a constant that is added.
      kind: the kernel.
      pairs: whether all pairs are wanted, or each point with its partner.
    """
    if warp == "tanh":
        x = 2.0 * jnp.tanh(0.5 * x)
        y = 2.0 * jnp.tanh(0.5 * y)
    elif warp == "arcsinh":
        x = jnp.arcsinh(x)
        y = jnp.arcsinh(y)
    if pairs == "outer":
        x = x[:, None]
        y = y[None, :]
    difference = x - y
    if period is not None:
        # Points a whole number of periods apart are alike.
        difference = period / jnp.pi * jnp.sin(jnp.pi * difference / period)
    r = jnp.sqrt(jnp.square(difference) + 1e-4) / length_scale
    if kind == "rbf":
        value = jnp.exp(-0.5 * jnp.square(r))
    elif kind == "matern32":
        value = (1.0 + jnp.sqrt(3.0) * r) * jnp.exp(-jnp.sqrt(3.0) * r)
    elif kind == "matern52":
        s = jnp.sqrt(5.0) * r
        value = (1.0 + s + jnp.square(s) / 3.0) * jnp.exp(-s)
    elif kind == "rational":
        value = (1.0 + 0.25 * jnp.square(r)) ** -2
    elif kind == "exponential":
        value = jnp.exp(-r)
    elif kind == "cauchy":
        value = 1.0 / (1.0 + jnp.square(r))
    else:
        value = jnp.maximum(0.0, 1.0 - 0.5 * r)
    if trend == "dot":
        value = value + 0.1 * x * y
    elif trend == "cosine":
        value = value * jnp.cos(difference)
    if amplitude is not None:
        value = jnp.square(amplitude) * value
    if nugget is not None:
        value = value + nugget
    return value


@family(
    "scalar_array",
    x="... n",
    spread="in 0.5..2",
    centre="? in -1..1",
    gain="? n in 0.5..1.5",
    offset="? n in -0.5..0.5",
    epsilon="? in 0.01..0.1",
    kind=("normal", "logistic", "laplace", "cauchy", "student", "gumbel"),
    output=("standardised", "log_density", "density", "score", "cdf", "restored"),
    limit={None: 2, 2.5: 1, 3.0: 1},
)
def standardise(
    x,
    spread,
    centre=None,
    gain=None,
    offset=None,
    epsilon=None,
    *,
    kind="normal",
    output="standardised",
    limit=None,
):
    """Relates values to the location and the scale of a distribution.

    Args:
      x: the values.
      spread: the scale.
      centre: the location; zero by default.
      gain: a factor of each feature.
      offset: what is added to each feature.
      epsilon: a small number that is added to the scale.
      kind: the distribution, where it matters.
      output: which quantity is wanted.
    """
    if centre is not None:
        x = x - centre
    if epsilon is not None:
        spread = spread + epsilon
    z = x / spread
    if limit is not None:
        z = jnp.clip(z, -limit, limit)
    if output == "cdf":
        if kind == "normal":
            out = 0.5 * (1.0 + jax.lax.erf(z / jnp.sqrt(2.0)))
        elif kind == "cauchy":
            out = 0.5 + jnp.arctan(z) / jnp.pi
        elif kind == "gumbel":
            out = jnp.exp(-jnp.exp(-z))
        else:
            out = jax.nn.sigmoid(z)
    elif output == "standardised":
        out = z
    elif output == "score":
        out = -z / (1.0 + 0.2 * jnp.square(z))
    elif output == "restored":
        out = jnp.tanh(z) * spread
    else:
        if kind == "normal":
            log_density = -0.5 * jnp.square(z) - 0.5 * jnp.log(2.0 * jnp.pi)
        elif kind == "laplace":
            log_density = -jnp.abs(z) - jnp.log(2.0)
        elif kind == "cauchy":
            log_density = -jnp.log1p(jnp.square(z)) - jnp.log(jnp.pi)
        elif kind == "student":
            log_density = -2.0 * jnp.log1p(jnp.square(z) / 3.0) - 1.0008
        elif kind == "gumbel":
            log_density = -z - jnp.exp(-z)
        else:
            log_density = -z - 2.0 * jax.nn.softplus(-z)
        # The density of the values has the scale in it, too.
        log_density = log_density - jnp.log(spread)
        if output == "density":
            out = jnp.exp(log_density)
        else:
            out = log_density
    if gain is not None:
        out = gain * out
    if offset is not None:
        out = out + offset
    return out


@family(
    "scalar_array",
    x="... n d",
    scale="in 0.05..0.3",
    zero_point="? in -3..3",
    channel_scale="? d in 0.5..1.5",
    bias="? d",
    bits={4: 1, 3: 1},
    signed=(True, False),
    gradient=("straight_through", "soft", "sine"),
    error={False: 3, True: 1},
    prescale={None: 3, "tanh": 1, "softsign": 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2,)},
    only="float32",
)
def quantise(
    x,
    scale,
    zero_point=None,
    channel_scale=None,
    bias=None,
    *,
    bits=4,
    signed=True,
    gradient="straight_through",
    error=False,
    prescale=None,
):
    """Rounds values to integers of a few bits and back, so that a network learns to bear it.

    Args:
      x: the values.
      scale: the distance of two neighbouring levels.
      zero_point: the level of zero.
      channel_scale: a factor of the distance, for each channel.
      bias: what is added to each channel before.
      bits: the number of bits.
      signed: whether levels may be negative.
      gradient: what stands for the rounding in the backward pass.
      error: whether the error is wanted, rather than the rounded values.
    """
    if bias is not None:
        x = x + bias
    if prescale == "tanh":
        x = 2.0 * jnp.tanh(x)
    elif prescale == "softsign":
        x = 3.0 * jax.nn.soft_sign(x)
    if channel_scale is not None:
        scale = scale * channel_scale
    levels = x / scale
    if zero_point is not None:
        levels = levels + zero_point
    if signed:
        if bits == 4:
            levels = jnp.clip(levels, -8.0, 7.0)
        else:
            levels = jnp.clip(levels, -4.0, 3.0)
    elif bits == 4:
        levels = jnp.clip(levels, 0.0, 15.0)
    else:
        levels = jnp.clip(levels, 0.0, 7.0)
    if gradient == "straight_through":
        levels = levels + lax.stop_gradient(jnp.round(levels) - levels)
    elif gradient == "soft":
        # Half of the way to the nearest level.
        levels = levels + 0.5 * lax.stop_gradient(jnp.round(levels) - levels)
    else:
        levels = levels - jnp.sin(2.0 * jnp.pi * levels) / (2.0 * jnp.pi)
    if zero_point is not None:
        levels = levels - zero_point
    restored = levels * scale
    if error:
        return jnp.abs(restored - 0.9 * x)
    return restored


@family(
    "scalar_array",
    times="... n in 0.1..2",
    speed="in 5..15",
    elevation="in 0.3..1.2",
    gravity="? in 5..15",
    drag="? in 0.1..0.5",
    height="? ... n in 0..3",
    updraft="? in -2..2",
    output=("height", "height", "distance", "sight"),
    unit={None: 3, "feet": 1},
    bounce={None: 4, "absolute": 1, "soft": 1},
    only="float32",
)
def projectile(
    times,
    speed,
    elevation,
    gravity=None,
    drag=None,
    height=None,
    updraft=None,
    *,
    output="height",
    unit=None,
    bounce=None,
):
    """Where a projectile is at times after the throw.

    Args:
      times: seconds after the throw.
      speed: the speed of the throw.
      elevation: the angle of the throw in radians.
      gravity: the acceleration of gravity.
      drag: the rate at which the air slows it down.
      height: the height of the throw.
      updraft: the speed of air that rises.
      output: which quantity is wanted.
    """
    if gravity is None:
        gravity = 9.81
    horizontal = speed * jnp.cos(elevation)
    vertical = speed * jnp.sin(elevation)
    if updraft is not None:
        vertical = vertical + updraft
    if drag is not None:
        # Stokes' drag.
        elapsed = -jnp.expm1(-drag * times) / drag
        fall = gravity * (times - elapsed) / drag
        x = horizontal * elapsed
        y = vertical * elapsed - fall
    else:
        x = horizontal * times
        y = vertical * times - 0.5 * gravity * jnp.square(times)
    if height is not None:
        y = y + height
    if output == "distance":
        y = jnp.hypot(x, y)
    elif output == "sight":
        y = jnp.arctan2(y, x)
    if bounce == "absolute":
        y = jnp.abs(y)
    elif bounce == "soft":
        y = jax.nn.softplus(y)
    if unit == "feet":
        y = y * 3.28084
    return y


@family(
    "scalar_array",
    angles="... n in -1.4..1.4",
    spacing="in 0.3..0.7",
    steering="? in -0.5..0.5",
    width="? in 0.5..2",
    noise="? ... n in 0..0.3",
    elements=(2, 3, 4),
    taper=("uniform", "binomial", "cosine"),
    output=("pattern", "power", "decibel", "amplitude"),
    element={None: 2, "cosine": 1, "gaussian": 1, "dipole": 1},
    only="float32",
)
def beam_response(
    angles,
    spacing,
    steering=None,
    width=None,
    noise=None,
    *,
    elements=3,
    taper="uniform",
    output="pattern",
    element=None,
):
    """The response of a line of antennas by the direction.

    Args:
      angles: directions in radians; zero is straight ahead.
      spacing: the distance of two antennas in wavelengths.
      steering: the direction of the beam.
      width: how much the single antenna prefers the front.
      noise: a response that is added.
      elements: the number of pairs of antennas around the middle one.
      taper: the weights of the antennas.
      output: which quantity is wanted.
      element: the pattern of the single antenna.
    """
    offset = jnp.sin(angles)
    if steering is not None:
        offset = offset - jnp.sin(steering)
    phase = 2.0 * jnp.pi * spacing * offset
    response = jnp.ones_like(phase)
    for k in range(elements):
        if taper == "binomial":
            response = response + jnp.cos((k + 1) * phase) / 2**k
        elif taper == "cosine":
            response = response + 2.0 * jnp.cos(0.3 * (k + 1)) * jnp.cos((k + 1) * phase)
        else:
            response = response + 2.0 * jnp.cos((k + 1) * phase)
    if element == "cosine":
        response = response * jnp.cos(angles)
    elif element == "gaussian":
        response = response * jnp.exp(-jnp.square(angles))
    elif element == "dipole":
        response = response * jnp.cos(0.5 * jnp.pi * jnp.sin(angles)) / jnp.cos(angles)
    if width is not None:
        response = response * jnp.exp(width * (jnp.cos(angles) - 1.0))
    if noise is not None:
        response = response + noise
    if output == "power":
        return jnp.square(response)
    if output == "decibel":
        return 10.0 * jnp.log10(jnp.square(response) + 0.01)
    if output == "amplitude":
        return jnp.abs(response)
    return response


@family(
    "scalar_array",
    spend="... n in 0.1..5",
    saturation="in 0.5..3",
    effect="in 0.5..2",
    carryover="? in 0.2..0.8",
    past="? ... n in 0.1..5",
    seasonal="? n in 0.5..1.5",
    baseline="? in 0.2..1",
    shape=("hill", "exponential", "log", "root", "tanh", "power"),
    normalise={False: 2, True: 1},
    output=("sales", "sales", "return", "log"),
    delay={None: 3, 0.3: 1},
)
def adstock(
    spend,
    saturation,
    effect,
    carryover=None,
    past=None,
    seasonal=None,
    baseline=None,
    *,
    shape="hill",
    normalise=False,
    output="sales",
    delay=None,
):
    """The effect of money that is spent on advertising, which saturates.

    Args:
      spend: what is spent in each week.
      saturation: the spending with about half of the effect.
      effect: the size of the effect.
      carryover: the part of the effect that stays for the next week.
      past: what was spent in the week before.
      seasonal: a factor of each week.
      baseline: what is sold without advertising.
      shape: the curve of saturation.
      output: which quantity is wanted.
      delay: the part of the spending that acts in the next week only.
    """
    exposure = spend
    if delay is not None:
        exposure = exposure - delay * spend
    if past is not None:
        if carryover is not None:
            exposure = exposure + carryover * past
        else:
            exposure = exposure + 0.5 * past
    elif carryover is not None:
        # As if the same had been spent in all weeks before.
        exposure = exposure / (1.0 - carryover)
    if normalise:
        exposure = exposure / (1.0 + exposure / 10.0)
    x = exposure / saturation
    if shape == "hill":
        saturated = x**1.5 / (1.0 + x**1.5)
    elif shape == "exponential":
        saturated = -jnp.expm1(-0.7 * x)
    elif shape == "log":
        saturated = jnp.log1p(x)
    elif shape == "root":
        saturated = jnp.sqrt(x)
    elif shape == "tanh":
        saturated = jnp.tanh(0.6 * x)
    else:
        saturated = 0.5 * x**0.7
    sales = effect * saturated
    if seasonal is not None:
        sales = sales * seasonal
    if baseline is not None:
        sales = baseline + sales
    if output == "return":
        return sales / spend
    if output == "log":
        return jnp.log(sales)
    return sales


@family(
    "scalar_array",
    steps="n in 0..60",
    limit="in 0.2..1",
    duration="? in 20..40",
    start="? in 0..10",
    reconstruction="? n in 0.5..2",
    divergence="? n in 0.1..2",
    shape=("linear", "sigmoid", "cosine", "exponential", "square"),
    cyclical={None: 3, 2: 1, 1.5: 1},
    free_bits={None: 3, 0.2: 1},
    reverse={False: 4, True: 1},
)
def annealed_weight(
    steps,
    limit,
    duration=None,
    start=None,
    reconstruction=None,
    divergence=None,
    *,
    shape="linear",
    cyclical=None,
    free_bits=None,
    reverse=False,
):
    """The weight of a regulariser that is switched on slowly, or the loss that has it.

    Args:
      steps: the steps of the training.
      limit: the weight at the end.
      duration: how many steps the change takes.
      start: the step at which it begins.
      reconstruction: the first part of the loss.
      divergence: the part that is weighted.
      shape: the shape of the change.
      cyclical: how often it begins anew.
      free_bits: how much of the divergence is free.
    """
    if start is not None:
        steps = steps - start
    if duration is not None:
        progress = steps / duration
    else:
        progress = steps / 30.0
    if cyclical is not None:
        progress = cyclical * progress
        progress = progress - jnp.floor(progress)
    progress = jnp.clip(progress, 0.0, 1.0)
    if shape == "sigmoid":
        weight = jax.nn.sigmoid(10.0 * (progress - 0.5))
    elif shape == "cosine":
        weight = 0.5 * (1.0 - jnp.cos(jnp.pi * progress))
    elif shape == "exponential":
        weight = -jnp.expm1(-3.0 * progress)
    elif shape == "square":
        weight = jnp.square(progress)
    else:
        weight = progress
    if reverse:
        weight = 1.0 - weight
    weight = limit * weight
    if divergence is not None:
        if free_bits is not None:
            # Don't punish what little there is.
            divergence = jnp.maximum(divergence, free_bits)
        weight = weight * divergence
    if reconstruction is not None:
        return reconstruction + weight
    return weight
