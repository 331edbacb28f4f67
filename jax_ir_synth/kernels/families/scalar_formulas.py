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
schedule: schedule 4, lr_schedule 4, learning_rate_schedule 3
steps: steps 4, step 4, t 1
peak: peak 3, base_lr 4, peak_lr 3, init_value 2
total_steps: total_steps 4, num_steps 3, decay_steps 3
progress: progress 5, frac 3, t 2
logits: logits 8, scores 2
temperature: temperature 6, temp 3, tau 2
alpha_bar: alpha_bar 4, alphas_cumprod 2, signal_power 1
log_snr: log_snr 5, logsnr 4
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
updraft: updraft 3, lift 1
capacity: capacity 4, k 3, carrying_capacity 3
population: population 5, n_t 1, size 2
discount_curve: discount_curve 5, discount_factors 3, zero_coupon_prices 1
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
standardise: standardise 3, standardize 5, normalize 4, affine_normalise 1
centre: centre 3, center 4
quantise: quantise 3, quantize 5, fake_quant 4
zero_point: zero_point 7, offset 1
levels: levels 4, codes 2, q 3
speed: speed 4, v0 5, launch_speed 2
elevation: elevation 3, theta 4, launch_angle 3
adstock: adstock 3, media_response 4, saturated_spend 3, marketing_response 2
spend: spend 5, investment 1, x 1
annealed_weight: annealed_weight 3, kl_weight 4, beta_schedule 4
calibrate_logits: calibrate_logits 4, temperature_scaling 4, scale_logits 3
log_snr_schedule: log_snr_schedule 5, logsnr_schedule 4, noise_schedule 3
denoising_weight: denoising_weight 3, loss_weight 5, snr_weight 3
acceptance_probability: acceptance_probability 5, accept_prob 3, acceptance_rate 1
log_density: log_density 5, log_prob 5, logpdf 3
array_factor: array_factor 5, beam_pattern 3, antenna_pattern 2
projectile_height: projectile_height 5, height_of_flight 1, ballistic_height 3
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
        "wsd",
    ),
    warmup_shape={"linear": 3, "cosine": 1},
    after_warmup=(False, True),
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
    after_warmup=False,
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
    if warmup is not None and after_warmup:
        # The decay begins where the warmup ends.
        progress = jnp.clip((steps - warmup) / (total_steps - warmup), 0.0, 1.0)
    else:
        progress = jnp.clip(steps / total_steps, 0.0, 1.0)
    if kind == "cosine":
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
        # Constant, and down to zero in the last part.
        rate = jnp.minimum(1.0, (1.0 - progress) / 0.4)
    if warmup is not None:
        ramp = jnp.minimum(1.0, (steps + 1.0) / warmup)
        if warmup_shape == "cosine":
            ramp = 0.5 * (1.0 - jnp.cos(jnp.pi * ramp))
        rate = ramp * rate
    if floor is not None:
        return floor + (peak - floor) * rate
    return peak * rate


@family(
    "scalar_array",
    "contraction",
    logits="... n d",
    temperature="in 0.4..2.5",
    bias="? d",
    prior="? d in 0.1..1",
    cap="? in 2..6",
    labels={"classes": 2, "independent": 1},
    form=("log_softmax", "log_softmax", "logsumexp", "shifted"),
    strength={None: 3, 0.5: 1},
    sizes={"n": (4, 5, 6, 8), "d": (3, 4, 5, 6, 8), "b": (2,)},
)
def calibrate_logits(
    logits,
    temperature,
    bias=None,
    prior=None,
    cap=None,
    *,
    labels="classes",
    form="log_softmax",
    strength=None,
):
    """Calibrated log probabilities by temperature scaling.

    Args:
      logits: the logits of a classifier; the last axis is that of the classes.
      temperature: the temperature, fitted on held-out data.
      bias: what is added for each class, as in vector scaling.
      prior: how frequent each class was in training, for logit adjustment.
      cap: where logits are softly capped.
      labels: whether classes exclude each other.
      strength: how much of the adjustment is made.
    """
    if cap is not None:
        logits = cap * jnp.tanh(logits / cap)
    scaled = logits / temperature
    if bias is not None:
        scaled = scaled + bias
    if prior is not None:
        if strength is not None:
            scaled = scaled - strength * jnp.log(prior)
        else:
            scaled = scaled - jnp.log(prior)
    if labels == "independent":
        return jax.nn.log_sigmoid(scaled)
    if form == "logsumexp":
        return scaled - jax.nn.logsumexp(scaled, axis=-1, keepdims=True)
    if form == "shifted":
        # Subtract the maximum, so that nothing overflows.
        scaled = scaled - lax.stop_gradient(jnp.max(scaled, axis=-1, keepdims=True))
        return scaled - jnp.log(jnp.sum(jnp.exp(scaled), axis=-1, keepdims=True))
    return jax.nn.log_softmax(scaled, axis=-1)


@family(
    "scalar_array",
    t="n in 0.05..0.95",
    scale="in 0.5..2",
    shift="? in -1..1",
    kind=("cosine", "cosine", "linear", "sigmoid", "quadratic", "root"),
    clip={None: 3, 4.0: 1, 6.0: 1},
    how=(Code("'logit'"), Code("'difference'")),
)
def log_snr_schedule(t, scale, shift=None, *, kind="cosine", clip=None, how="difference"):
    """The log signal-to-noise ratio at times of a diffusion process.

    Args:
      t: times between zero and one.
      scale: how much larger the images are than those that the schedule was made for.
      shift: what is added to the logarithm.
      kind: the schedule of alpha bar.
      clip: the largest magnitude of the logarithm.
    """
    alpha_bar = 0.998 * signal_power(t, kind=kind) + 0.001
    if how == "logit":
        log_snr = jax.scipy.special.logit(alpha_bar)
    else:
        log_snr = jnp.log(alpha_bar) - jnp.log1p(-alpha_bar)
    # Larger images need more noise.
    log_snr = log_snr - 2.0 * jnp.log(scale)
    if shift is not None:
        log_snr = log_snr + shift
    if clip is not None:
        log_snr = jnp.clip(log_snr, -clip, clip)
    return log_snr


@family(
    "scalar_array",
    t="n in 0.05..0.95",
    gamma="in 1..5",
    kind=("cosine", "linear", "sigmoid", "quadratic", "root"),
    weighting=("soft_min", "min", "p2", "sigmoid", "edm", "max"),
    prediction=("noise", "noise", "data", "velocity"),
)
def denoising_weight(t, gamma, *, kind="cosine", weighting="min", prediction="noise"):
    """The weight of a diffusion model's loss at each time, by the signal-to-noise ratio.

    Args:
      t: times between zero and one.
      gamma: the parameter of the weighting, as of min-SNR or of P2.
      kind: the schedule of alpha bar.
      weighting: the rule.
      prediction: what the model predicts.
    """
    alpha_bar = 0.998 * signal_power(t, kind=kind) + 0.001
    snr = alpha_bar / (1.0 - alpha_bar)
    if weighting == "min":
        weight = jnp.minimum(snr, gamma)
    elif weighting == "soft_min":
        weight = snr * gamma / (snr + gamma)
    elif weighting == "p2":
        weight = snr / (1.0 + snr) ** (0.5 * gamma)
    elif weighting == "sigmoid":
        weight = snr * jax.nn.sigmoid(gamma - jnp.log(snr))
    elif weighting == "max":
        weight = jnp.maximum(snr, 1.0 / gamma)
    else:
        weight = snr * jnp.exp(-0.5 * jnp.square((jnp.log(snr) - 1.2) / gamma))
    # The weights are those of an error in the data.
    if prediction == "noise":
        weight = weight / snr
    elif prediction == "velocity":
        weight = weight / (snr + 1.0)
    return weight


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
    clean="... n",
    noise="... n",
    t="in 0.1..0.9",
    offset="? n in -0.3..0.3",
    kind=("cosine", "cosine", "flow", "linear", "exploding", "sigmoid"),
    scale={None: 2, 0.5: 1, 0.18215: 1},
    unit_variance={False: 3, True: 1},
)
def diffuse(clean, noise, t, offset=None, *, kind="cosine", scale=None, unit_variance=False):
    """Adds the noise of a diffusion process at one time.

    Args:
      clean: the data.
      noise: standard normal noise, of the same shape.
      t: the time, from zero for the data to one for noise.
      offset: the same noise for all positions of a channel, which is added.
      kind: the schedule.
      scale: what latents are multiplied by.
      unit_variance: whether the result is divided by its standard deviation.
    """
    if scale is not None:
        clean = scale * clean
    if offset is not None:
        noise = noise + offset
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
    if unit_variance:
        noisy = noisy * jax.lax.rsqrt(jnp.square(signal_rate) + jnp.square(noise_rate))
    return noisy


@family(
    "scalar_array",
    measured="... n",
    setpoint="in -1..1",
    previous="... n",
    integral="? ... n",
    kp="? in 0.5..2",
    kd="? in 0.05..0.5",
    feedforward="? ... n",
    derivative_on=("error", "measurement"),
    setpoint_weight={None: 3, 0.7: 1},
    dead_band={None: 3, 0.1: 1},
    saturate={None: 2, "clip": 1, "tanh": 1},
    dt=(0.1, 0.05, 0.02),
)
def pid_control(
    measured,
    setpoint,
    previous,
    integral=None,
    kp=None,
    kd=None,
    feedforward=None,
    *,
    derivative_on="error",
    setpoint_weight=None,
    dead_band=None,
    saturate=None,
    dt=0.1,
):
    """The output of a PD or PID controller that drives each loop to the same setpoint.

    Args:
      measured: the process variable of each loop.
      setpoint: the value that is wanted.
      previous: the process variables one step earlier.
      integral: the accumulated error, for the integral term.
      kp: the proportional gain.
      kd: the derivative gain.
      feedforward: an output that is added.
      derivative_on: whether the error or the measurement is differentiated.
      setpoint_weight: the weight of the setpoint in the proportional term.
      dead_band: errors as small as this are ignored.
      saturate: how the output is limited.
      dt: the sampling time.
    """
    if kp is None:
        kp = 0.8
    if kd is None:
        kd = 0.05
    error = setpoint - measured
    if dead_band is not None:
        error = error - jnp.clip(error, -dead_band, dead_band)
    if setpoint_weight is not None:
        action = kp * (setpoint_weight * setpoint - measured)
    else:
        action = kp * error
    if derivative_on == "measurement":
        slope = (previous - measured) / dt
    else:
        slope = (error - (setpoint - previous)) / dt
    action = action + kd * slope
    if integral is not None:
        action = action + 0.2 * (integral + dt * error)
    if feedforward is not None:
        action = action + feedforward
    if saturate == "clip":
        action = jnp.clip(action, -10.0, 10.0)
    elif saturate == "tanh":
        action = 5.0 * jnp.tanh(action / 5.0)
    return action


@family(
    "scalar_array",
    "branch",
    state="... n",
    x="... n",
    factor="in 0.5..0.98",
    trend="? ... n in -0.5..0.5",
    season="? ... n in 0.5..1.5",
    observed="? ... n bool",
    form=("convex", "convex", "innovation"),
    season_form=("multiplicative", "additive"),
    corrected={None: 3, 3: 1, 10: 1},
    damped={None: 3, 0.9: 1, 0.8: 1},
    robust={None: 4, "huber": 1, "tanh": 1},
)
def smooth(
    state,
    x,
    factor,
    trend=None,
    season=None,
    observed=None,
    *,
    form="convex",
    season_form="multiplicative",
    corrected=None,
    damped=None,
    robust=None,
):
    """One step of exponential smoothing.

    Args:
      state: the averages so far.
      x: the new observations.
      factor: the weight of the averages so far.
      trend: how much the averages rise with each step, as in Holt's method.
      season: the effect of this season, as in the Holt-Winters method.
      observed: which observations there are.
      season_form: how the season acts.
      corrected: the number of steps so far, if the zero start is corrected for.
      damped: the part of the trend that stays from step to step.
      robust: how the influence of outliers is limited.

    Returns:
      The new averages.
    """
    if season is not None:
        if season_form == "additive":
            x = x - season
        else:
            x = x / season
    if trend is not None:
        if damped is not None:
            state = state + damped * trend
        else:
            state = state + trend
    if robust is not None:
        innovation = x - state
        if robust == "huber":
            innovation = jnp.clip(innovation, -1.0, 1.0)
        else:
            innovation = jnp.tanh(innovation)
        out = state + (1.0 - factor) * innovation
    elif form == "innovation":
        out = state + (1.0 - factor) * (x - state)
    else:
        out = factor * state + (1.0 - factor) * x
    if observed is not None:
        out = jnp.where(observed, out, state)
    if corrected is not None:
        out = out / (1.0 - factor**corrected)
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
    lag={None: 3, 0.1: 1},
    unbound={None: 4, 0.3: 1},
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
    model="oral",
    lag=None,
    unbound=None,
):
    """The plasma concentration of a drug at times after a dose.

    Args:
      times: hours after the dose.
      dose: the dose in milligrams.
      clearance: the clearance in litres per hour.
      volume: the volume of distribution in litres.
      absorption: the rate of absorption per hour, of a dose that is swallowed.
      weights: each patient's weight relative to that of reference, for allometric scaling.
      bioavailability: the part of the dose that is absorbed.
      model: how the drug is given, and where it goes.
      lag: a delay of the absorption in hours.
      unbound: the part that isn't bound to proteins, if its concentration is wanted.
    """
    if volume is None:
        volume = 25.0
    if weights is not None:
        volume = volume * weights
        clearance = clearance * weights**0.75
    if lag is not None:
        times = times - lag
    if bioavailability is not None:
        dose = bioavailability * dose
    k = clearance / volume
    decay = jnp.exp(-k * times)
    if absorption is not None:
        # First-order absorption, by Bateman's function.
        scale = dose * absorption / (volume * (absorption - k))
        absorbed = jnp.exp(-absorption * times)
        if model == "repeated":
            # A dose each twelve hours, in the steady state.
            decay = decay / (1.0 - jnp.exp(-12.0 * k))
            absorbed = absorbed / (1.0 - jnp.exp(-12.0 * absorption))
        concentration = scale * (decay - absorbed)
    elif model == "oral":
        concentration = 1.5 * dose / (volume * (1.5 - k)) * (decay - jnp.exp(-1.5 * times))
    elif model == "infusion":
        # At a constant rate for twelve hours.
        concentration = dose / 12.0 / clearance * (1.0 - decay)
    elif model == "two_compartment":
        fast = jnp.exp(-3.0 * k * times)
        concentration = dose / volume * (0.6 * fast + 0.4 * decay)
    elif model == "repeated":
        # A bolus each twelve hours, in the steady state.
        concentration = dose / volume * decay / -jnp.expm1(-12.0 * k)
    else:
        concentration = dose / volume * decay
    if unbound is not None:
        concentration = unbound * concentration
    return concentration


@family(
    "scalar_array",
    times="... n in 0..6",
    rate="in 0.3..1.2",
    initial="in 0.1..0.5",
    capacity="? in 2..5",
    start="? ... n in 0.5..1.5",
    mortality="? in 0.01..0.1",
    seasonality="? in 0.1..0.4",
    model=("logistic", "logistic", "gompertz", "bertalanffy", "richards"),
    form=(Code("'ratio'"), Code("'sigmoid'")),
    lag={None: 3, 0.5: 1, 1.0: 1},
)
def growth(
    times,
    rate,
    initial,
    capacity=None,
    start=None,
    mortality=None,
    seasonality=None,
    *,
    model="logistic",
    form="ratio",
    lag=None,
):
    """The size of a population that grows from an initial one.

    Args:
      times: when the size is wanted.
      rate: the rate of growth.
      initial: the size at the beginning.
      capacity: the carrying capacity.
      start: factors of the initial size.
      mortality: the rate of death.
      seasonality: how strongly the growth follows the season.
      model: the law of growth.
      lag: the time until growth begins.
    """
    if lag is not None:
        # Growth sets in smoothly.
        times = jax.nn.softplus(4.0 * (times - lag)) / 4.0
    if mortality is not None:
        rate = rate - mortality
    if start is not None:
        initial = initial * start
    grown = rate * times
    if seasonality is not None:
        grown = grown + seasonality * jnp.sin(jnp.pi * times) / jnp.pi
    if capacity is None:
        capacity = 3.0
    if model == "gompertz":
        population = capacity * jnp.exp(jnp.log(initial / capacity) * jnp.exp(-grown))
    elif model == "bertalanffy":
        population = capacity - (capacity - initial) * jnp.exp(-grown)
    elif model == "richards":
        shape = jnp.square(capacity / initial) - 1.0
        population = capacity * jax.lax.rsqrt(1.0 + shape * jnp.exp(-2.0 * grown))
    elif form == "sigmoid":
        log_odds = jnp.log(initial) - jnp.log(capacity - initial)
        population = capacity * jax.nn.sigmoid(log_odds + grown)
    else:
        population = capacity / (1.0 + (capacity / initial - 1.0) * jnp.exp(-grown))
    return population


@family(
    "scalar_array",
    years="... n in 0.5..10",
    rate="in 0.01..0.1",
    spread="? in 0.002..0.03",
    inflation="? in 0.005..0.04",
    hazard="? ... n in 0.01..0.1",
    compounding=("continuous", "continuous", "annual", "monthly", "simple", "hyperbolic"),
    curve={None: 2, "nelson_siegel": 1, "linear": 1},
    recovery={None: 2, 0.4: 1},
    only="float32",
)
def discount_curve(
    years,
    rate,
    spread=None,
    inflation=None,
    hazard=None,
    *,
    compounding="continuous",
    curve=None,
    recovery=None,
):
    """Discount factors: today's value of one unit that is paid in some years.

    Args:
      years: the years until each payment.
      rate: the interest rate.
      spread: the credit spread, which is added to the rate.
      inflation: the rate at which payments are indexed.
      hazard: the rate at which each debtor defaults.
      compounding: how interest is compounded.
      curve: how the rate depends on the maturity.
      recovery: the part that is paid nevertheless after a default.
    """
    if spread is not None:
        rate = rate + spread
    if curve == "nelson_siegel":
        loading = -jnp.expm1(-0.5 * years) / (0.5 * years)
        rate = rate - 0.01 * loading + 0.01 * (loading - jnp.exp(-0.5 * years))
    elif curve == "linear":
        rate = rate + 0.001 * years
    if compounding == "continuous":
        discount = jnp.exp(-rate * years)
    elif compounding == "annual":
        discount = (1.0 + rate) ** -years
    elif compounding == "monthly":
        discount = (1.0 + rate / 12.0) ** (-12.0 * years)
    elif compounding == "hyperbolic":
        # People discount the near future more.
        discount = 1.0 / (1.0 + 4.0 * rate * years)
    else:
        discount = 1.0 / (1.0 + rate * years)
    if inflation is not None:
        discount = discount * (1.0 + inflation) ** years
    if hazard is not None:
        survival = jnp.exp(-hazard * years)
        if recovery is not None:
            discount = discount * (survival + recovery * (1.0 - survival))
        else:
            discount = discount * survival
    return discount


@family(
    "scalar_array",
    dose="... n in 0.1..5",
    half_point="in 0.5..2",
    slope="in 0.8..3",
    bottom="? in 0.02..0.2",
    top="? in 0.7..1",
    inhibitor="? ... n in 0.1..2",
    form=(Code('"ratio"'), Code('"powers"'), Code('"logistic"'), Code('"log"')),
    antagonism=("competitive", "competitive", "noncompetitive", "gaddum"),
    asymmetry={None: 3, 0.7: 1, 1.5: 1},
    falling={False: 3, True: 1},
)
def hill_response(
    dose,
    half_point,
    slope,
    bottom=None,
    top=None,
    inhibitor=None,
    *,
    form="ratio",
    antagonism="competitive",
    asymmetry=None,
    falling=False,
):
    """The response to a dose by Hill's equation.

    Args:
      dose: the doses.
      half_point: the EC50.
      slope: the Hill coefficient.
      bottom: the response without a dose.
      top: the largest response.
      inhibitor: the dose of an antagonist, relative to its dissociation constant.
      antagonism: how the antagonist acts.
      asymmetry: the exponent of the five-parameter logistic.
      falling: whether the response falls with the dose.
    """
    if inhibitor is not None:
        if antagonism == "competitive":
            half_point = half_point * (1.0 + inhibitor)
        elif antagonism == "gaddum":
            # With a Schild slope.
            half_point = half_point * (1.0 + inhibitor**1.2)
    if form == "ratio":
        powered = (dose / half_point) ** slope
        response = powered / (1.0 + powered)
    elif form == "powers":
        response = dose**slope / (half_point**slope + dose**slope)
    elif form == "logistic":
        response = jax.nn.sigmoid(slope * (jnp.log(dose) - jnp.log(half_point)))
    else:
        exponent = slope * (jnp.log10(half_point) - jnp.log10(dose))
        response = 1.0 / (1.0 + 10.0**exponent)
    if asymmetry is not None:
        response = response**asymmetry
    if falling:
        response = 1.0 - response
    if inhibitor is not None:
        if antagonism == "noncompetitive":
            response = response / (1.0 + inhibitor)
    if bottom is not None:
        if top is not None:
            return bottom + (top - bottom) * response
        return bottom + (1.0 - bottom) * response
    if top is not None:
        return top * response
    return response


def anneal_temperature(steps, start, rate, kind="geometric"):
    if kind == "linear":
        return jnp.maximum(start * (1.0 - 0.3 * rate * steps), 0.05)
    if kind == "logarithmic":
        return start / jnp.log(jnp.e + rate * steps)
    if kind == "fast":
        return start / (1.0 + rate * steps)
    if kind == "power":
        return start * (1.0 - rate) ** steps
    return start * jnp.exp(-rate * steps)


@family(
    "scalar_array",
    steps="n in 0..50",
    start_temperature="in 1..4",
    end_temperature="? in 0.05..0.4",
    rate="? in 0.02..0.2",
    size="? n in 1..3",
    kind=("geometric", "geometric", "linear", "logarithmic", "fast", "power"),
    reheat={None: 3, 25.0: 1, 20.0: 1},
)
def cooling(
    steps,
    start_temperature,
    end_temperature=None,
    rate=None,
    size=None,
    *,
    kind="geometric",
    reheat=None,
):
    """The temperature of simulated annealing at each step.

    Args:
      steps: the steps so far.
      start_temperature: the temperature at the beginning.
      end_temperature: the temperature that is approached.
      rate: the rate of cooling.
      size: the size of each problem, which slows the cooling.
      kind: the cooling schedule.
      reheat: after how many steps the cooling starts anew.
    """
    if rate is None:
        rate = 0.05
    if size is not None:
        rate = rate / size
    if reheat is not None:
        steps = jnp.mod(steps, reheat)
    if end_temperature is not None:
        start = start_temperature - end_temperature
        return end_temperature + anneal_temperature(steps, start, rate, kind=kind)
    return anneal_temperature(steps, start_temperature, rate, kind=kind)


@family(
    "scalar_array",
    energy="... n in 0.1..2",
    steps="in 1..50",
    start_temperature="in 1..4",
    proposal="? n in 0.5..1.5",
    proposed="? ... n in 2..3",
    kind=("geometric", "geometric", "logarithmic", "fast", "power"),
    rule=("metropolis", "metropolis", "barker", "tsallis", "threshold"),
)
def acceptance_probability(
    energy,
    steps,
    start_temperature,
    proposal=None,
    proposed=None,
    *,
    kind="geometric",
    rule="metropolis",
):
    """How likely simulated annealing accepts each worse state.

    Args:
      energy: the energy of the states, or how much worse the proposed ones are.
      steps: the number of steps so far.
      start_temperature: the temperature at the beginning.
      proposal: the ratio of the probabilities of proposing back and forth.
      proposed: the energy of the proposed states.
      kind: the cooling schedule.
      rule: the rule of acceptance.
    """
    temperature = anneal_temperature(steps, start_temperature, 0.05, kind=kind)
    if proposed is not None:
        worse = proposed - energy
    else:
        worse = energy
    scaled = worse / temperature
    if proposal is not None:
        scaled = scaled - jnp.log(proposal)
    if rule == "metropolis":
        return jnp.minimum(1.0, jnp.exp(-scaled))
    if rule == "barker":
        return jax.nn.sigmoid(-scaled)
    if rule == "tsallis":
        return 1.0 / jnp.square(1.0 + 0.5 * jax.nn.relu(scaled))
    # A smooth form of threshold accepting.
    return jax.nn.sigmoid(8.0 * (1.0 - scaled))


@family(
    "scalar_array",
    successes="... n in 0.5..20",
    trials="... n in 21..60",
    prior_strength="in 1..20",
    prior_mean="? in 0.1..0.6",
    exposure="? ... n in 0.5..2",
    form=("counts", "counts", "weights", "beta"),
    estimate=("mean", "mean", "mode"),
    discount={None: 3, 0.9: 1},
    only="float32",
)
def shrunk_rate(
    successes,
    trials,
    prior_strength,
    prior_mean=None,
    exposure=None,
    *,
    form="counts",
    estimate="mean",
    discount=None,
):
    """Rates of success, shrunk to a common mean by the beta-binomial model.

    Args:
      successes: the number of successes.
      trials: the number of trials.
      prior_strength: how many trials the common mean counts for.
      prior_mean: the common mean.
      exposure: the weight of each item's trials.
      estimate: whether the mean of the posterior is wanted, or its mode.
      discount: the weight of past trials.
    """
    if prior_mean is None:
        prior_mean = 0.3
    if discount is not None:
        successes = discount * successes
        trials = discount * trials
    if exposure is not None:
        successes = successes * exposure
        trials = trials * exposure
    if form == "weights":
        # The more trials there are, the more they count.
        weight = trials / (trials + prior_strength)
        return weight * (successes / trials) + (1.0 - weight) * prior_mean
    if form == "beta":
        alpha = successes + prior_strength * prior_mean
        beta = trials - successes + prior_strength * (1.0 - prior_mean)
        if estimate == "mode":
            # Of a prior with one more count on each side.
            alpha = alpha + 1.0
            beta = beta + 1.0
            return (alpha - 1.0) / (alpha + beta - 2.0)
        return alpha / (alpha + beta)
    return (successes + prior_strength * prior_mean) / (trials + prior_strength)


@family(
    "scalar_array",
    successes="... n in 2..18",
    trials="... n in 22..60",
    z="in 0.8..2.5",
    exposure="? ... n in 0.5..2",
    interval=("wald", "wilson", "wilson", "agresti_coull", "arcsine", "logit"),
    side=("lower", "lower", "upper"),
    pseudo={None: 2, 0.5: 1, 1.0: 1},
    only="float32",
)
def rate_bound(
    successes, trials, z, exposure=None, *, interval="wilson", side="lower", pseudo=None
):
    """A confidence bound of each rate of success.

    Args:
      successes: the number of successes.
      trials: the number of trials.
      z: the quantile of the normal distribution.
      exposure: the weight of each item's trials.
      interval: the kind of the interval.
      side: which of its ends is wanted.
      pseudo: how many successes and failures are added.
    """
    if exposure is not None:
        successes = successes * exposure
        trials = trials * exposure
    if pseudo is not None:
        successes = successes + pseudo
        trials = trials + 2.0 * pseudo
    rate = successes / trials
    if interval == "wilson":
        shrinkage = 1.0 + z**2 / trials
        centre = (rate + z**2 / (2.0 * trials)) / shrinkage
        variance = rate * (1.0 - rate) / trials + z**2 / (4.0 * trials**2)
        margin = z * jnp.sqrt(variance) / shrinkage
    elif interval == "agresti_coull":
        count = trials + z**2
        centre = (successes + 0.5 * z**2) / count
        margin = z * jnp.sqrt(centre * (1.0 - centre) / count)
    elif interval == "arcsine":
        angle = jnp.arcsin(jnp.sqrt(rate))
        if side == "upper":
            return jnp.sin(angle + 0.5 * z / jnp.sqrt(trials)) ** 2
        return jnp.sin(angle - 0.5 * z / jnp.sqrt(trials)) ** 2
    elif interval == "logit":
        log_odds = jnp.log(rate) - jnp.log1p(-rate)
        error = z / jnp.sqrt(trials * rate * (1.0 - rate))
        if side == "upper":
            return jax.nn.sigmoid(log_odds + error)
        return jax.nn.sigmoid(log_odds - error)
    else:
        centre = rate
        margin = z * jnp.sqrt(rate * (1.0 - rate) / trials)
    if side == "upper":
        return centre + margin
    return centre - margin


@family(
    "scalar_array",
    "branch",
    "contraction",
    conditional="... n d",
    unconditional="... n d",
    guidance_scale="in 1..7",
    negative="? ... n d",
    mask="? n bool",
    form=("unconditional", "unconditional", "conditional", "weights"),
    rescale={None: 3, 0.7: 1, 0.5: 1},
    clamp={None: 3, "clip": 1, "dynamic": 1},
    orthogonal={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2,)},
)
def guided(
    conditional,
    unconditional,
    guidance_scale,
    negative=None,
    mask=None,
    *,
    form="unconditional",
    rescale=None,
    clamp=None,
    orthogonal=False,
):
    """Classifier-free guidance of a diffusion model's prediction.

    Args:
      conditional: the prediction with the condition.
      unconditional: the prediction without it.
      guidance_scale: how strongly the condition is followed.
      negative: the prediction with a condition to avoid.
      mask: which tokens or pixels are guided.
      rescale: how far the standard deviation is brought back to that with the condition.
      clamp: how the result is thresholded.
      orthogonal: whether the part along the conditional prediction is taken away.
    """
    if negative is not None:
        unconditional = 0.5 * (unconditional + negative)
    if orthogonal:
        # Adaptive projected guidance.
        difference = conditional - unconditional
        along = jnp.sum(difference * conditional, axis=-1, keepdims=True)
        along = along / (jnp.sum(jnp.square(conditional), axis=-1, keepdims=True) + 1e-3)
        difference = difference - along * conditional
        out = conditional + (guidance_scale - 1.0) * difference
    elif form == "conditional":
        out = conditional + (guidance_scale - 1.0) * (conditional - unconditional)
    elif form == "weights":
        out = guidance_scale * conditional + (1.0 - guidance_scale) * unconditional
    else:
        out = unconditional + guidance_scale * (conditional - unconditional)
    if rescale is not None:
        ratio = jnp.std(conditional, axis=-1, keepdims=True) / jnp.std(out, axis=-1, keepdims=True)
        out = rescale * ratio * out + (1.0 - rescale) * out
    if clamp == "clip":
        out = jnp.clip(out, -6.0, 6.0)
    elif clamp == "dynamic":
        # Dynamic thresholding, as of Imagen.
        limit = jnp.maximum(jnp.max(jnp.abs(out), axis=-1, keepdims=True), 1.0)
        out = out / lax.stop_gradient(limit)
    if mask is not None:
        out = jnp.where(mask[:, None], out, conditional)
    return out


@family(
    "scalar_array",
    times="... n in 0..6",
    amplitude="in 0.5..2",
    angular_frequency="in 0.8..3",
    damping="? in 0.05..0.4",
    phase="? ... n in 0..1.5",
    position="? ... n",
    wavenumber=(1.5, 0.5, 2.0),
    regime=("under", "under", "shifted"),
    wave_form=("cosine", "sine"),
    envelope={None: 3, "gaussian": 1},
    chirp={None: 3, 0.1: 1, 0.2: 1},
)
def damped_wave(
    times,
    amplitude,
    angular_frequency,
    damping=None,
    phase=None,
    position=None,
    *,
    wavenumber=1.5,
    regime="under",
    wave_form="cosine",
    envelope=None,
    chirp=None,
):
    """The displacement of an oscillator, or of a wave that passes some positions.

    Args:
      times: when the displacement is wanted.
      amplitude: the amplitude.
      angular_frequency: the angular frequency without damping.
      damping: the rate of damping.
      phase: the phase of each oscillator.
      position: where each oscillator is.
      wavenumber: the wave number.
      regime: whether the damping lowers the frequency.
      envelope: the shape of a pulse.
      chirp: the rate at which the frequency rises.
    """
    if damping is not None:
        if regime == "shifted":
            angular_frequency = jnp.sqrt(angular_frequency**2 - damping**2)
    angle = angular_frequency * times
    if chirp is not None:
        angle = angle + 0.5 * chirp * jnp.square(times)
    if position is not None:
        # A wave that travels to the right.
        angle = angle - wavenumber * position
    if phase is not None:
        angle = angle + phase
    if wave_form == "sine":
        wave = amplitude * jnp.sin(angle)
    else:
        wave = amplitude * jnp.cos(angle)
    if damping is not None:
        wave = wave * jnp.exp(-damping * times)
    if envelope == "gaussian":
        wave = wave * jnp.exp(-0.5 * jnp.square((times - 3.0) / 1.5))
    return wave


@family(
    "scalar_array",
    x="n",
    y="n",
    length_scale="in 0.5..2",
    amplitude="? in 0.5..2",
    period="? in 1..3",
    nugget="? in 0.01..0.2",
    kind=("rbf", "rbf", "matern12", "matern32", "matern52", "rational", "cosine"),
    outer=(Code('"none"'), Code('"none"'), Code('"expand"')),
    sizes={"n": (4, 5, 6, 8, 10, 12)},
)
def kernel_value(
    x, y, length_scale, amplitude=None, period=None, nugget=None, *, kind="rbf", outer="none"
):
    """The covariance matrix of a Gaussian process between two sets of points on a line.

    Args:
      x: the first points.
      y: the second points.
      length_scale: how far the correlation reaches.
      amplitude: the standard deviation of the process.
      period: the period of the process.
      nugget: the variance of white noise, if both sets are the same points.
      kind: the kernel.
    """
    if outer == "expand":
        difference = jnp.expand_dims(x, 1) - jnp.expand_dims(y, 0)
    else:
        difference = x[:, None] - y[None, :]
    if period is not None:
        # Points a whole number of periods apart are alike.
        difference = 2.0 * jnp.sin(jnp.pi * difference / period)
    if kind == "rbf":
        value = jnp.exp(-0.5 * jnp.square(difference / length_scale))
    elif kind == "rational":
        value = 1.0 / (1.0 + 0.25 * jnp.square(difference / length_scale)) ** 2
    elif kind == "cosine":
        value = jnp.cos(difference / length_scale)
    else:
        r = jnp.sqrt(jnp.square(difference) + 1e-4) / length_scale
        if kind == "matern12":
            value = jnp.exp(-r)
        elif kind == "matern32":
            s = jnp.sqrt(3.0) * r
            value = (1.0 + s) * jnp.exp(-s)
        else:
            s = jnp.sqrt(5.0) * r
            value = (1.0 + s + jnp.square(s) / 3.0) * jnp.exp(-s)
    if amplitude is not None:
        value = jnp.square(amplitude) * value
    if nugget is not None:
        value = value + nugget * jnp.eye(x.shape[0])
    return value


@family(
    "scalar_array",
    x="... n",
    variance="in 0.5..2",
    centre="? in -1..1",
    gain="? n in 0.5..1.5",
    offset="? n in -0.5..0.5",
    epsilon="? in 0.01..0.1",
    form=("sqrt", "rsqrt", "power"),
    limit={None: 2, 5.0: 1, 3.0: 1},
)
def standardise(
    x,
    variance,
    centre=None,
    gain=None,
    offset=None,
    epsilon=None,
    *,
    form="sqrt",
    limit=None,
):
    """Standardises values by running statistics, and applies an affine map if there is one.

    Args:
      x: the values; the last axis is that of the features.
      variance: their variance.
      centre: their mean; zero by default.
      gain: a factor of each feature.
      offset: what is added to each feature.
      epsilon: a small number that keeps the divisor from zero.
      limit: where the standardised values are clipped.
    """
    if centre is not None:
        x = x - centre
    if epsilon is not None:
        variance = variance + epsilon
    if form == "power":
        z = x * variance**-0.5
    elif form == "rsqrt":
        z = x * jax.lax.rsqrt(variance)
    else:
        z = x / jnp.sqrt(variance)
    if limit is not None:
        z = jnp.clip(z, -limit, limit)
    if gain is not None:
        z = gain * z
    if offset is not None:
        z = z + offset
    return z


@family(
    "scalar_array",
    "reduction",
    x="... n",
    scale="in 0.5..2",
    location="? in -1..1",
    weights="? n in 0.2..1",
    shift="? ... n in -0.5..0.5",
    kind=("normal", "laplace", "logistic", "cauchy", "student", "gumbel"),
    reduction=("none", "none", "sum", "mean"),
)
def log_likelihood(
    x, scale, location=None, weights=None, shift=None, *, kind="normal", reduction="none"
):
    """The log likelihood of observations by a location-scale distribution.

    Args:
      x: the observations.
      scale: the scale.
      location: the location; zero by default.
      weights: the weight of each observation.
      shift: the prediction for each observation, relative to the location.
      kind: the distribution.
      reduction: how the last axis is reduced.
    """
    if shift is not None:
        x = x - shift
    if location is not None:
        x = x - location
    z = x / scale
    if kind == "normal":
        log_density = -0.5 * jnp.square(z) - 0.5 * jnp.log(2.0 * jnp.pi)
    elif kind == "laplace":
        log_density = -jnp.abs(z) - jnp.log(2.0)
    elif kind == "cauchy":
        log_density = -jnp.log1p(jnp.square(z)) - jnp.log(jnp.pi)
    elif kind == "student":
        # With three degrees of freedom.
        log_density = -2.0 * jnp.log1p(jnp.square(z) / 3.0) - 1.0008
    elif kind == "gumbel":
        log_density = -z - jnp.exp(-z)
    else:
        log_density = -z - 2.0 * jax.nn.softplus(-z)
    log_density = log_density - jnp.log(scale)
    if weights is not None:
        log_density = weights * log_density
    if reduction == "sum":
        return jnp.sum(log_density, axis=-1)
    if reduction == "mean":
        return jnp.mean(log_density, axis=-1)
    return log_density


@family(
    "scalar_array",
    x="... n d",
    scale="in 0.05..0.3",
    zero_point="? in -3..3",
    channel_scale="? d in 0.5..1.5",
    smoothing="? d in 0.5..2",
    bits=(4, 4, 3, 2),
    signed=(True, False),
    gradient=("straight_through", "straight_through", "soft"),
    sizes={"n": (4, 5, 6, 8), "d": (4, 6, 8), "b": (2,)},
    only="float32",
)
def quantise(
    x,
    scale,
    zero_point=None,
    channel_scale=None,
    smoothing=None,
    *,
    bits=4,
    signed=True,
    gradient="straight_through",
):
    """Fake quantisation: rounds values to integers of a few bits, and scales them back.

    Args:
      x: the activations or weights; the last axis is that of the channels.
      scale: the step between two levels.
      zero_point: the level of zero.
      channel_scale: a factor of the step for each channel.
      smoothing: what each channel is divided by first, and multiplied by after.
      bits: the number of bits.
      signed: whether levels may be negative.
      gradient: what stands for the rounding in the backward pass.
    """
    if smoothing is not None:
        x = x / smoothing
    if channel_scale is not None:
        scale = scale * channel_scale
    levels = x / scale
    if zero_point is not None:
        levels = levels + zero_point
    if signed:
        levels = jnp.clip(levels, -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1.0)
    else:
        levels = jnp.clip(levels, 0.0, 2.0**bits - 1.0)
    if gradient == "straight_through":
        levels = levels + lax.stop_gradient(jnp.round(levels) - levels)
    else:
        # A soft staircase takes the place of the rounding.
        floor = jnp.floor(levels)
        middle = floor + 0.5
        levels = middle + 0.5 * jnp.tanh(4.0 * (levels - middle)) / jnp.tanh(2.0)
    if zero_point is not None:
        levels = levels - zero_point
    restored = scale * levels
    if smoothing is not None:
        restored = smoothing * restored
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
    form=("fall", "fall", "velocity"),
    target={None: 3, 10.0: 1},
    only="float32",
)
def projectile_height(
    times,
    speed,
    elevation,
    gravity=None,
    drag=None,
    height=None,
    updraft=None,
    *,
    form="fall",
    target=None,
):
    """How high a projectile is at times after the launch.

    Args:
      times: seconds after the launch.
      speed: the launch speed in metres per second.
      elevation: the launch angle in radians.
      gravity: the acceleration of gravity.
      drag: the coefficient of Stokes' drag per unit of mass.
      height: the height of the launch.
      updraft: the vertical velocity of the air.
      target: the height that counts as zero.
    """
    if gravity is None:
        gravity = 9.81
    vertical = speed * jnp.sin(elevation)
    if drag is not None:
        if updraft is not None:
            # Relative to the air.
            vertical = vertical - updraft
        elapsed = -jnp.expm1(-drag * times) / drag
        if form == "velocity":
            terminal = gravity / drag
            y = (vertical + terminal) * elapsed - terminal * times
        else:
            fall = gravity * (times - elapsed) / drag
            y = vertical * elapsed - fall
        if updraft is not None:
            y = y + updraft * times
    else:
        y = vertical * times - 0.5 * gravity * jnp.square(times)
        if updraft is not None:
            y = y + updraft * times
    if height is not None:
        y = y + height
    if target is not None:
        y = y - target
    return y


@family(
    "scalar_array",
    "contraction",
    angles="... n in -1.4..1.4",
    spacing="in 0.3..0.7",
    steering="? in -0.5..0.5",
    gains="? ... n in 0.5..1.5",
    elements=(2, 3, 4),
    taper=("uniform", "uniform", "triangular", "cosine", "hamming"),
    element={None: 2, "cosine": 1, "dipole": 1},
    normalise=(False, True),
    from_broadside=(True, True, False),
    only="float32",
)
def array_factor(
    angles,
    spacing,
    steering=None,
    gains=None,
    *,
    elements=3,
    taper="uniform",
    element=None,
    normalise=False,
    from_broadside=True,
):
    """The response of a symmetric linear array of antennas by the direction.

    Args:
      angles: directions in radians.
      spacing: the distance of two antennas in wavelengths.
      steering: the direction of the beam.
      gains: the gain of the receiver in each direction.
      elements: the number of pairs of antennas around the middle one.
      taper: the weights of the antennas.
      element: the pattern of the single antenna.
      normalise: whether the response is one where all antennas are in phase.
      from_broadside: whether directions are measured from broadside, or from the array's axis.
    """
    if from_broadside:
        offset = jnp.sin(angles)
    else:
        offset = jnp.cos(angles)
    if steering is not None:
        if from_broadside:
            offset = offset - jnp.sin(steering)
        else:
            offset = offset - jnp.cos(steering)
    phase = 2.0 * jnp.pi * spacing * offset
    k = jnp.arange(1, elements + 1)
    if taper == "triangular":
        weights = 1.0 - k / (elements + 1)
    elif taper == "cosine":
        weights = jnp.cos(0.5 * jnp.pi * k / (elements + 1))
    elif taper == "hamming":
        weights = 0.54 + 0.46 * jnp.cos(jnp.pi * k / (elements + 1))
    else:
        weights = jnp.ones(elements)
    # Each pair contributes two conjugate waves.
    response = 1.0 + 2.0 * jnp.sum(weights * jnp.cos(phase[..., None] * k), axis=-1)
    if normalise:
        response = response / (1.0 + 2.0 * jnp.sum(weights))
    if element == "cosine":
        response = response * jnp.cos(angles)
    elif element == "dipole":
        # A half-wave dipole along the array.
        response = response * jnp.cos(0.5 * jnp.pi * jnp.sin(angles)) / jnp.cos(angles)
    if gains is not None:
        response = gains * response
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
    shape=("hill", "hill", "exponential", "log", "logistic", "tanh", "power"),
    normalise={False: 2, True: 1},
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
):
    """Sales by the advertising of each week, with adstock and saturation.

    Args:
      spend: what is spent in each week.
      saturation: the scale of the spending at which the effect saturates.
      effect: the size of the effect.
      carryover: the part of the adstock that stays for the next week.
      past: the adstock of the week before.
      seasonal: a factor of each week.
      baseline: what is sold without advertising.
      shape: the curve of saturation.
      normalise: whether the weights of past and present spending sum to one.
    """
    exposure = spend
    if past is not None:
        # Geometric adstock.
        if carryover is not None:
            if normalise:
                exposure = (1.0 - carryover) * spend + carryover * past
            else:
                exposure = spend + carryover * past
        elif normalise:
            exposure = 0.5 * spend + 0.5 * past
        else:
            exposure = spend + 0.5 * past
    elif carryover is not None:
        # As if the same had been spent in all weeks before.
        exposure = spend / (1.0 - carryover)
    x = exposure / saturation
    if shape == "hill":
        saturated = x**1.5 / (1.0 + x**1.5)
    elif shape == "exponential":
        saturated = 1.0 - jnp.exp(-x)
    elif shape == "log":
        saturated = jnp.log1p(x)
    elif shape == "logistic":
        saturated = (1.0 - jnp.exp(-x)) / (1.0 + jnp.exp(-x))
    elif shape == "tanh":
        saturated = jnp.tanh(x)
    else:
        saturated = x**0.7
    sales = effect * saturated
    if seasonal is not None:
        sales = sales * seasonal
    if baseline is not None:
        sales = baseline + sales
    return sales


def anneal_shape(progress, shape="cosine"):
    if shape == "sigmoid":
        return jax.nn.sigmoid(10.0 * (progress - 0.5))
    if shape == "cosine":
        return 0.5 * (1.0 - jnp.cos(jnp.pi * progress))
    if shape == "exponential":
        return -jnp.expm1(-3.0 * progress)
    return jnp.square(progress)


@family(
    "scalar_array",
    steps="n in 0..60",
    limit="in 0.2..1",
    duration="? in 20..40",
    start="? in 0..10",
    floor="? in 0.01..0.1",
    shape=("linear", "linear", "sigmoid", "cosine", "exponential", "square"),
    cycles={None: 2, 0.5: 1, 0.8: 1},
)
def annealed_weight(
    steps, limit, duration=None, start=None, floor=None, *, shape="linear", cycles=None
):
    """The annealed weight of a regulariser, as of the divergence of a beta-VAE.

    Args:
      steps: the steps of the training.
      limit: the weight at the end.
      duration: how many steps the rise takes, or a cycle of it.
      start: the step at which it begins.
      floor: the weight at the beginning; zero by default.
      shape: the shape of the rise.
      cycles: the part of each cycle in which the weight rises, if the rise starts again and again.
    """
    if duration is None:
        duration = 30.0
    if start is not None:
        steps = steps - start
    progress = steps / duration
    if cycles is not None:
        progress = (progress - jnp.floor(progress)) / cycles
    progress = jnp.clip(progress, 0.0, 1.0)
    if shape == "linear":
        weight = progress
    else:
        weight = anneal_shape(progress, shape=shape)
    if floor is not None:
        return floor + (limit - floor) * weight
    return limit * weight
