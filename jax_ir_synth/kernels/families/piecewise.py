"""Families: functions with cases, and cases within cases."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
out: out 5, output 3, result 3
mask: mask 8, valid 2
piecewise_activation: piecewise_activation 3, activation 4, act_fn 2
positive: positive 4, above 2, pos 3
negative: negative 4, below 2, neg 3
robust_loss: robust_loss 5, robust_penalty 3, robust_cost 1
penalty: penalty 4, rho 3, _penalty 1, penalize 1
income_tax: income_tax 5, compute_tax 3
income: income 6, taxable_income 2, earnings 1
allowance: allowance 4, deduction 4
energy_bill: energy_bill 4, electricity_bill 3, tariff 3, bill 2
usage: usage 4, consumption 4, kwh 3
membership: membership 5, fuzzy_membership 4, membership_function 3
stress: stress 5, sigma 3
material_stress: material_stress 4, stress_response 3, constitutive_law 3, elastoplastic_stress 2
strain: strain 6
friction_force: friction_force 5, stick_slip 3, friction 4
velocity: velocity 5, v 4
contact_force: contact_force 5, penalty_contact 3, normal_force 2
gap: gap 5, signed_distance 2
safe_divide: safe_divide 6, safe_ratio 2, divide_no_nan 3, safe_div 2
safe_function: safe_function 3, safe_eval 2, guarded 2
numerator: numerator 4, num 4
denominator: denominator 4, den 4
ok: ok 4, valid 5, nonzero 1
safe: safe 5, guarded 1
wheel_torque: wheel_torque 6, drive_torque 3
clipped_sgd_step: clipped_sgd_step 3, sgd_step 5, clipped_update 3
gradient: gradient 3, grad 5, g 3
normalise_by: normalise_by 2, normalize_or_shift 2, adaptive_normalize 3
apply_mode: apply_mode 4, apply_op 3, dispatch 3, transform 2
update_trust_radius: update_trust_radius 5, update_radius 4, adjust_radius 2
radius: radius 6, delta 3
slope_limiter: slope_limiter 5, limit_slope 3, limited_slope 4
encode_image: encode_image 4, apply_oetf 3, encode_light 2, to_display 2
ppo_loss: ppo_loss 6, clipped_surrogate_loss 3, ppo_policy_loss 3, policy_loss 3
advantage: advantage 6, adv 5
td_target: td_target 6, bootstrap_target 3, compute_target 3, q_target 1
reward: reward 6, r 2
done: done 6, terminal 3
turbine_power: turbine_power 5, power_curve 5, wind_power 2
wind_speed: wind_speed 6, wind 3
thermostat: thermostat 5, heating_command 3, temperature_control 3
temperature: temperature 5, temp 4
setpoint: setpoint 5, target 4
quadratic_root: quadratic_root 4, solve_quadratic 5, larger_root 2
discriminant: discriminant 5, disc 4
bold_driver_step: bold_driver_step 4, bold_driver 4, adaptive_step 3
hue: hue 5, rgb_to_hue 4
masked_update: masked_update 4, update_active 3, apply_updates 2
adjust_dose: adjust_dose 5, renal_dose 4, dose_adjustment 3
dead_zone: dead_zone 5, deadband 4, dead_band 3
"""


# ---------------------------------------------------------------- activations and losses


def penalty(residual, kind="huber", threshold=1.345):
    size = jnp.abs(residual)
    if kind == "tukey":
        scaled = 1.0 - jnp.square(residual / threshold)
        inner = threshold**2 / 6.0 * (1.0 - scaled**3)
        return jnp.where(size <= threshold, inner, threshold**2 / 6.0)
    if kind == "insensitive":
        return jnp.where(size <= threshold, 0.0, size - threshold)
    if kind == "hampel":
        linear = threshold * (size - 0.5 * threshold)
        # From three thresholds on it stays constant.
        outer = jnp.where(size <= 3.0 * threshold, linear, 2.5 * threshold**2)
        return jnp.where(size <= threshold, 0.5 * jnp.square(residual), outer)
    if kind == "truncated":
        return 0.5 * jnp.where(size <= threshold, jnp.square(residual), threshold**2)
    if kind == "smooth_l1":
        inner = 0.5 * jnp.square(residual) / threshold
        return jnp.where(size <= threshold, inner, size - 0.5 * threshold)
    if kind == "wing":
        inner = threshold * jnp.log1p(2.0 * size)
        # The constant that makes the two pieces meet.
        offset = threshold - threshold * jnp.log1p(2.0 * threshold)
        return jnp.where(size < threshold, inner, size - offset)
    if kind == "andrews":
        inner = jnp.square(threshold / jnp.pi) * (1.0 - jnp.cos(jnp.pi * residual / threshold))
        return jnp.where(size <= threshold, inner, 2.0 * jnp.square(threshold / jnp.pi))
    inner = 0.5 * jnp.square(residual)
    outer = threshold * (size - 0.5 * threshold)
    return jnp.where(size <= threshold, inner, outer)


@family(
    "branch",
    "nested_branch",
    "reduction",
    prediction="... n",
    target="... n",
    weights="? ... n in 0.2..2",
    scale="? in 0.6..1.5",
    mask="? ... n bool",
    kind=("huber", "tukey", "insensitive", "hampel", "truncated", "smooth_l1", "wing", "andrews"),
    threshold=(0.5, 1.345, 1.5),
    quantile={None: 4, 0.9: 1, 0.25: 1},
    reduction={None: 3, "mean": 2, "sum": 1},
    sizes={"n": (4, 5, 6, 8, 10, 12, 16)},
)
def robust_loss(
    prediction,
    target,
    weights=None,
    scale=None,
    mask=None,
    *,
    kind="huber",
    threshold=1.345,
    quantile=None,
    reduction=None,
):
    """Robust regression loss, which limits the influence of outliers.

    Args:
      prediction: predicted values.
      target: observed values, of the same shape.
      weights: weight of each observation.
      scale: estimate of the residuals' standard deviation, by which they are divided.
      mask: True where there is an observation.
      threshold: residuals beyond it are treated as outliers.
    """
    residual = target - prediction
    if scale is not None:
        residual = residual / scale
    loss = penalty(residual, kind=kind, threshold=threshold)
    if quantile is not None:
        # As in quantile regression, the two signs weigh differently.
        loss = jnp.where(residual > 0, quantile, 1.0 - quantile) * loss
    if weights is not None:
        loss = weights * loss
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
        if reduction == "mean":
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
    if reduction == "mean":
        return jnp.mean(loss)
    if reduction == "sum":
        return jnp.sum(loss)
    return loss


@family(
    "branch",
    "nested_branch",
    "reduction",
    log_prob="... n in -1..0",
    old_log_prob="... n in -1..0",
    advantage="... n",
    entropy="? ... n in 0..2",
    mask="? ... n bool",
    clip_range=(0.1, 0.2, 0.3),
    dual={None: 2, 3.0: 1},
    kl={None: 3, "k1": 1, "k3": 1},
    normalise={False: 3, True: 1},
    reduction={None: 3, "mean": 1},
    form=decided({"where": 2, "select": 1}),
)
def ppo_loss(
    log_prob,
    old_log_prob,
    advantage,
    entropy=None,
    mask=None,
    *,
    clip_range=0.2,
    dual=None,
    kl=None,
    normalise=False,
    reduction=None,
    form="where",
):
    """The clipped surrogate loss of proximal policy optimization (PPO).

    Args:
      log_prob: log-probabilities of the actions under the present policy.
      old_log_prob: log-probabilities under the policy that collected the data.
      advantage: estimated advantages of the actions.
      entropy: entropy of the policy in each state, as a bonus for exploration.
      mask: False for steps after the end of an episode.
      clip_range: how far the ratio of the probabilities may depart from one.
    """
    log_ratio = log_prob - old_log_prob
    ratio = jnp.exp(log_ratio)
    if normalise:
        advantage = (advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-5)
    low = 1.0 - clip_range
    high = 1.0 + clip_range
    better = advantage >= 0
    if form == "select":
        bounded = jnp.select([better, ~better], [jnp.minimum(ratio, high), jnp.maximum(ratio, low)])
    else:
        bounded = jnp.where(better, jnp.minimum(ratio, high), jnp.maximum(ratio, low))
    objective = bounded * advantage
    if dual is not None:
        # Dual clipping: very unlikely bad actions must not dominate.
        objective = jnp.where(better, objective, jnp.maximum(objective, dual * advantage))
    loss = -objective
    if kl == "k1":
        loss = loss - 0.1 * log_ratio
    elif kl == "k3":
        # An unbiased estimate of the divergence that is never negative.
        loss = loss + 0.1 * (ratio - 1.0 - log_ratio)
    if entropy is not None:
        loss = loss - 0.01 * entropy
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
        if reduction == "mean":
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
    if reduction == "mean":
        return jnp.mean(loss)
    return loss


def rescale_value(x):
    return jnp.sign(x) * (jnp.sqrt(jnp.abs(x) + 1.0) - 1.0) + 0.001 * x


def unscale_value(x):
    root = jnp.sqrt(1.0 + 0.004 * (jnp.abs(x) + 1.001))
    return jnp.sign(x) * (jnp.square((root - 1.0) / 0.002) - 1.0)


@family(
    "branch",
    "nested_branch",
    reward="... n",
    next_value="... n",
    done="... n bool",
    truncated="? ... n bool",
    other_value="? ... n",
    next_log_prob="? ... n in -2..0",
    discount=(0.99, 0.95, 0.9),
    clip_reward={False: 3, True: 1},
    rescale={False: 3, True: 1},
    form=decided({"where": 2, "product": 1, "select": 1}),
    only="float32",
)
def td_target(
    reward,
    next_value,
    done,
    truncated=None,
    other_value=None,
    next_log_prob=None,
    *,
    discount=0.99,
    clip_reward=False,
    rescale=False,
    form="where",
):
    """One-step temporal-difference target of a value function.

    Args:
      reward: rewards of the transitions.
      next_value: values of the next states by the target network.
      done: True where the episode ended with the transition.
      truncated: True where it only ran out of time, so that the next state still counts.
      other_value: values by a second target network.
      next_log_prob: log-probabilities of the next actions, for the soft value of SAC.
    """
    if clip_reward:
        reward = jnp.clip(reward, -1.0, 1.0)
    if other_value is not None:
        # Clipped double Q-learning.
        next_value = jnp.minimum(next_value, other_value)
    if next_log_prob is not None:
        next_value = next_value - 0.2 * next_log_prob
    if truncated is not None:
        done = done & ~truncated
    if rescale:
        # The network predicts rescaled values, as in R2D2.
        next_value = unscale_value(next_value)
    if form == "product":
        target = reward + discount * jnp.where(done, 0.0, next_value)
    elif form == "select":
        target = lax.select(done, reward, reward + discount * next_value)
    else:
        target = jnp.where(done, reward, reward + discount * next_value)
    if rescale:
        target = rescale_value(target)
    return target


@family(
    "branch",
    "nested_branch",
    "reduction",
    value="... n",
    reward="... n",
    next_value="... n",
    done="... n bool",
    weights="? ... n in 0.2..1",
    mask="? ... n bool",
    kind=("squared", "huber", "expectile"),
    discount=(0.99, 0.95),
    reduction={None: 3, "mean": 1},
)
def td_loss(
    value,
    reward,
    next_value,
    done,
    weights=None,
    mask=None,
    *,
    kind="squared",
    discount=0.99,
    reduction=None,
):
    """Loss of the one-step temporal-difference errors of a value function.

    Args:
      value: predicted values of the states.
      reward: rewards of the transitions.
      next_value: predicted values of the next states.
      done: True where the next state is terminal.
      weights: importance weights of prioritized replay.
      mask: False for padded transitions.
    """
    target = reward + discount * jnp.where(done, 0.0, next_value)
    error = target - value
    if kind == "huber":
        size = jnp.abs(error)
        loss = jnp.where(size < 1.0, 0.5 * jnp.square(error), size - 0.5)
    elif kind == "expectile":
        # Implicit Q-learning: undershooting is worse.
        loss = jnp.where(error > 0, 0.7, 0.3) * jnp.square(error)
    else:
        loss = 0.5 * jnp.square(error)
    if weights is not None:
        loss = weights * loss
    if mask is not None:
        loss = jnp.where(mask, loss, 0.0)
        if reduction == "mean":
            return jnp.sum(loss) / jnp.maximum(jnp.sum(mask), 1)
    if reduction == "mean":
        return jnp.mean(loss)
    return loss


# ---------------------------------------------------------------- money


def bracket_tax(income, form="select"):
    if form == "select":
        return jnp.select(
            [income < 20.0, income < 50.0, income < 80.0],
            [0.1 * income, 2.0 + 0.2 * (income - 20.0), 8.0 + 0.3 * (income - 50.0)],
            17.0 + 0.42 * (income - 80.0),
        )
    if form == "where":
        low = 0.12 * income
        high = 0.12 * 40.0 + 0.35 * (income - 40.0)
        return jnp.where(income < 40.0, low, high)
    if form == "nested":
        middle = 3.0 + 0.25 * (income - 30.0)
        top = 13.0 + 0.45 * (income - 70.0)
        return jnp.where(income < 30.0, 0.1 * income, jnp.where(income < 70.0, middle, top))
    return jnp.piecewise(
        income,
        [income < 35.0, income >= 35.0],
        [lambda amount: 0.15 * amount, lambda amount: 5.25 + 0.4 * (amount - 35.0)],
    )


@family(
    "branch",
    "nested_branch",
    income="n in 15..100",
    deductions="? n in 1..12",
    capital_gains="? n in 0..20",
    children="? n int 4",
    married="? n bool",
    form=decided(("select", "where", "nested", "piecewise")),
    surcharge={None: 2, "proportional": 1, "marginal": 1},
    only="float32",
)
def income_tax(
    income,
    deductions=None,
    capital_gains=None,
    children=None,
    married=None,
    *,
    form="select",
    surcharge=None,
):
    """Progressive income tax with marginal brackets; all amounts are in thousands.

    Args:
      income: gross income of each household.
      deductions: amounts that are deducted from the income.
      capital_gains: taxed at a flat rate.
      children: number of children, each of which gives a tax credit.
      married: True where the couple is assessed jointly, by income splitting.
    """
    taxable = income
    if deductions is not None:
        taxable = jnp.maximum(0.0, taxable - deductions)
    tax = bracket_tax(taxable, form=form)
    if married is not None:
        tax = jnp.where(married, 2.0 * bracket_tax(0.5 * taxable, form=form), tax)
    if surcharge == "proportional":
        # Above a threshold, on the whole tax.
        tax = jnp.where(taxable > 60.0, 1.055 * tax, tax)
    elif surcharge == "marginal":
        # Only on what exceeds the threshold.
        tax = tax + 0.02 * jnp.maximum(0.0, taxable - 60.0)
    if capital_gains is not None:
        tax = tax + 0.25 * capital_gains
    if children is not None:
        tax = tax - 0.5 * children.astype(income.dtype)
    return tax


@family(
    "branch",
    "nested_branch",
    usage="... n in 0..12",
    generation="? ... n in 0..6",
    off_peak="? ... n bool",
    contracted="? ... n in 2..10",
    price="? ... n in 0.2..0.5",
    blocks=("two", "three", "flat"),
    feed_in=(0.05, 0.08),
    standing_charge={None: 2, 0.5: 1, 1.2: 1},
    vat={None: 3, 0.19: 1, 0.05: 1},
)
def energy_bill(
    usage,
    generation=None,
    off_peak=None,
    contracted=None,
    price=None,
    *,
    blocks="two",
    feed_in=0.05,
    standing_charge=None,
    vat=None,
):
    """Electricity bill under a tariff.

    Args:
      usage: consumption in kilowatt hours.
      generation: what the solar panels deliver, in kilowatt hours.
      off_peak: True where the consumption is at night, which is cheaper.
      contracted: consumption above it costs a penalty.
      price: price of a kilowatt hour.
    """
    if price is None:
        price = 0.3
    if off_peak is not None:
        price = jnp.where(off_peak, 0.7 * price, price)
    if generation is not None:
        drawn = usage - generation
    else:
        drawn = usage
    if blocks == "two":
        cost = jnp.where(drawn < 4.0, price * drawn, price * (4.0 + 1.3 * (drawn - 4.0)))
    elif blocks == "three":
        cost = jnp.select(
            [drawn < 3.0, drawn < 7.0],
            [price * drawn, price * (3.0 + 1.2 * (drawn - 3.0))],
            price * (7.8 + 1.6 * (drawn - 7.0)),
        )
    else:
        cost = price * drawn
    if generation is not None:
        # The surplus is sold to the grid.
        cost = jnp.where(drawn > 0, cost, feed_in * drawn)
    if contracted is not None:
        excess = usage - contracted
        cost = cost + jnp.where(excess > 0, 0.5 * excess, 0.0)
    if standing_charge is not None:
        cost = cost + standing_charge
    if vat is not None:
        cost = cost * (1.0 + vat)
    return cost


# ---------------------------------------------------------------- mechanics


@family(
    "branch",
    "nested_branch",
    strain="... n in -0.03..0.03",
    modulus="? ... n in 80..200",
    temperature="? ... n in 0..1",
    plastic_strain="? ... n in -0.005..0.005",
    damage="? ... n in 0..0.5",
    law=("linear", "perfect", "ramberg_osgood", "voce", "brittle"),
    asymmetric={False: 2, True: 1},
    yield_strain=(0.01, 0.015),
    form=decided({"where": 2, "select": 1}),
    only="float32",
)
def material_stress(
    strain,
    modulus=None,
    temperature=None,
    plastic_strain=None,
    damage=None,
    *,
    law="linear",
    asymmetric=False,
    yield_strain=0.01,
    form="where",
):
    """Uniaxial stress of an elastic material that yields, by its strain.

    Args:
      strain: total strains.
      modulus: Young's modulus in gigapascals.
      temperature: homologous temperature, as a part of that of melting.
      plastic_strain: strains that remain without a load.
      damage: damage variable, the lost part of the cross section.
      yield_strain: strain at which the material yields.
    """
    if modulus is None:
        modulus = 120.0
    if temperature is not None:
        modulus = modulus * (1.0 - 0.4 * temperature)
    if plastic_strain is not None:
        strain = strain - plastic_strain
    size = jnp.abs(strain)
    yield_stress = modulus * yield_strain
    excess = size - yield_strain
    if law == "perfect":
        beyond = yield_stress * jnp.ones_like(size)
    elif law == "ramberg_osgood":
        beyond = yield_stress * (jnp.maximum(size, yield_strain) / yield_strain) ** 0.2
    elif law == "voce":
        # The hardening saturates.
        beyond = yield_stress * (1.3 - 0.3 * jnp.exp(-100.0 * excess))
    elif law == "brittle":
        beyond = yield_stress * jnp.exp(-50.0 * excess)
    else:
        # Linear isotropic hardening.
        beyond = yield_stress + 0.05 * modulus * excess
    if form == "select":
        stress = jnp.select([size < yield_strain], [modulus * size], beyond)
    else:
        stress = jnp.where(size < yield_strain, modulus * size, beyond)
    if asymmetric:
        # Stronger in compression than in tension.
        stress = jnp.where(strain < 0, 1.2 * stress, stress)
    if damage is not None:
        stress = (1.0 - damage) * stress
    return jnp.sign(strain) * stress


@family(
    "branch",
    "nested_branch",
    velocity="... n in -1..1",
    force="... n in -2..2",
    normal="? ... n in 0.5..2",
    wet="? ... n bool",
    slope="? ... n in -0.3..0.3",
    law=("stribeck", "viscous", "stribeck_viscous"),
    threshold=(0.1, 0.2, 0.3),
    static=(0.6, 0.8),
    sticking_form=decided(("clip", "where")),
)
def friction_force(
    velocity,
    force,
    normal=None,
    wet=None,
    slope=None,
    *,
    law="stribeck",
    threshold=0.2,
    static=0.6,
    sticking_form="clip",
):
    """Friction force by Karnopp's stick-slip model.

    Args:
      velocity: sliding velocities of the bodies.
      force: applied tangential forces.
      normal: normal forces; without them they are one.
      wet: True where the ground is wet, which lowers the kinetic coefficient.
      slope: inclination of the ground in radians.
      threshold: below this speed a body sticks.
      static: coefficient of static friction.
    """
    if normal is None:
        normal = jnp.ones_like(velocity)
    if slope is not None:
        # The weight has a part along the ground.
        force = force - normal * jnp.tan(slope)
    speed = jnp.abs(velocity)
    if wet is not None:
        kinetic = jnp.where(wet, 0.3, 0.5)
    else:
        kinetic = 0.5
    if law == "viscous":
        coefficient = kinetic + 0.3 * speed
    elif law == "stribeck_viscous":
        drop = (static - kinetic) * jnp.exp(-jnp.square(speed / 0.3))
        coefficient = kinetic + drop + 0.3 * speed
    else:
        # Stribeck's curve falls from the static to the kinetic coefficient.
        coefficient = kinetic + (static - kinetic) * jnp.exp(-jnp.square(speed / 0.3))
    sliding = -jnp.sign(velocity) * coefficient * normal
    limit = static * normal
    if sticking_form == "clip":
        sticking = -jnp.clip(force, -limit, limit)
    else:
        # It holds as long as the force is small enough.
        sticking = jnp.where(jnp.abs(force) < limit, -force, -limit * jnp.sign(force))
    return jnp.where(speed < threshold, sticking, sliding)


@family(
    "branch",
    "nested_branch",
    gap="... n in -0.5..0.5",
    gap_rate="... n in -1..1",
    stiffness="? ... n in 20..60",
    adhesion="? ... n in 0.1..1",
    law=("linear", "hertz", "quadratic"),
    dissipation=("kelvin_voigt", "hunt_crossley", "lankarani"),
    tension={False: 2, True: 1},
    form=decided({"where": 2, "lax": 1, "select": 1}),
)
def contact_force(
    gap,
    gap_rate,
    stiffness=None,
    adhesion=None,
    *,
    law="linear",
    dissipation="kelvin_voigt",
    tension=False,
    form="where",
):
    """Normal force of a penalty contact, which acts where the gap is negative.

    Args:
      gap: signed distances of the surfaces.
      gap_rate: how fast the gaps open.
      stiffness: contact stiffness.
      adhesion: attractive force that acts close to the surface.
    """
    if stiffness is None:
        stiffness = 40.0
    depth = jnp.maximum(0.0, -gap)
    if law == "hertz":
        # The force of spheres grows with the power 3/2.
        elastic = stiffness * depth * jnp.sqrt(depth + 1e-6)
    elif law == "quadratic":
        elastic = stiffness * jnp.square(depth)
    else:
        elastic = stiffness * depth
    if dissipation == "hunt_crossley":
        total = elastic * (1.0 - 0.3 * gap_rate)
    elif dissipation == "lankarani":
        # By the coefficient of restitution, for an impact velocity of two.
        total = elastic * (1.0 - 0.75 * (1.0 - 0.6**2) * gap_rate / 2.0)
    else:
        total = elastic - 0.5 * gap_rate
    if not tension:
        # The damping must not pull the bodies together.
        total = jnp.maximum(0.0, total)
    if form == "lax":
        force = lax.select(gap < 0, total, jnp.zeros_like(gap))
    elif form == "select":
        force = jnp.select([gap < 0], [total], 0.0)
    else:
        force = jnp.where(gap < 0, total, 0.0)
    if adhesion is not None:
        force = force - jnp.where(gap < 0.1, adhesion, 0.0)
    return force


@family(
    "branch",
    "nested_branch",
    speed="... n in 2..60",
    throttle="... n in 0.05..1",
    efficiency="? ... n in 0.85..0.97",
    sport="? ... n bool",
    gears=(2, 3, 4),
    curve=("parabola", "linear", "electric"),
    kickdown={False: 2, True: 1},
    limiter={False: 2, True: 1},
    only="float32",
)
def wheel_torque(
    speed,
    throttle,
    efficiency=None,
    sport=None,
    *,
    gears=3,
    curve="parabola",
    kickdown=False,
    limiter=False,
):
    """Torque at the wheels of a car with an automatic gearbox.

    Args:
      speed: speed of the car in metres per second.
      throttle: position of the throttle, from zero to one.
      efficiency: efficiency of the drivetrain.
      sport: True in the sport mode, which shifts later.
    """
    shift_speed = speed
    if sport is not None:
        shift_speed = jnp.where(sport, 0.8 * shift_speed, shift_speed)
    if kickdown:
        # Full throttle takes the lower gear.
        shift_speed = jnp.where(throttle > 0.8, 0.7 * shift_speed, shift_speed)
    if gears == 2:
        ratio = jnp.where(shift_speed < 20.0, 3.0, 1.5)
    elif gears == 3:
        ratio = jnp.select([shift_speed < 12.0, shift_speed < 28.0], [3.5, 2.0], 1.2)
    else:
        ratio = jnp.select(
            [shift_speed < 10.0, shift_speed < 20.0, shift_speed < 35.0], [3.8, 2.3, 1.5], 1.0
        )
    # Angular velocity of the motor, in units of 100 rad/s.
    omega = 3.5 * ratio * speed / (0.3 * 100.0)
    if curve == "linear":
        torque = 200.0 * throttle * (1.0 - 0.02 * omega)
    elif curve == "electric":
        # Constant torque, then constant power.
        torque = throttle * jnp.where(omega < 12.0, 250.0, 3000.0 / jnp.maximum(omega, 12.0))
    else:
        torque = 150.0 * throttle * (1.0 + 0.2 * omega - 0.02 * jnp.square(omega))
    if limiter:
        torque = jnp.where(omega > 12.0, 0.0, torque)
    # Through the final drive.
    torque = 3.5 * ratio * torque
    if efficiency is not None:
        torque = efficiency * torque
    return torque


# ---------------------------------------------------------------- guards


def guarded_function(x, function="log"):
    if function == "log":
        return jnp.log(x)
    if function == "sqrt":
        return jnp.sqrt(x)
    if function == "reciprocal":
        return 1.0 / x
    if function == "power":
        return x**1.5
    if function == "xlogx":
        return x * jnp.log(x)
    return lax.rsqrt(x)


@family(
    "nested_branch",
    "branch",
    "reduction",
    x="... n",
    default="? ... n",
    mask="? ... n bool",
    function=("log", "sqrt", "reciprocal", "rsqrt", "power", "xlogx"),
    fill={0.0: 2, -1.0: 1},
    threshold=(0.1, 0.2, 0.05),
    form=decided({"double": 3, "lax": 1, "maximum": 1}),
    reduction={None: 3, "sum": 1, "mean": 1},
)
def safe_function(
    x,
    default=None,
    mask=None,
    *,
    function="log",
    fill=0.0,
    threshold=0.1,
    form="double",
    reduction=None,
):
    """Apply a function only where it is defined, so that all gradients stay finite.

    Args:
      x: arguments, some of which may be outside of the domain.
      default: values that stand where the function isn't defined.
      mask: False for arguments that must be left out as well.
    """
    ok = x > threshold
    if mask is not None:
        ok = ok & mask
    if form == "double":
        # The inner where keeps bad arguments out of the gradient.
        safe = jnp.where(ok, x, 1.0)
    elif form == "lax":
        safe = lax.select(ok, x, jnp.ones_like(x))
    else:
        safe = jnp.maximum(x, threshold)
    value = guarded_function(safe, function=function)
    if default is not None:
        out = jnp.where(ok, value, default)
    else:
        out = jnp.where(ok, value, fill)
    if reduction == "sum":
        return jnp.sum(out, axis=-1)
    if reduction == "mean":
        # Over the valid entries only.
        return jnp.sum(out, axis=-1) / jnp.maximum(jnp.sum(ok, axis=-1), 1)
    return out


@family(
    "nested_branch",
    "branch",
    "reduction",
    numerator="... n",
    denominator="... n",
    fallback="? ... n",
    mask="? ... n bool",
    guard=("nonzero", "positive", "sign"),
    threshold=(0.1, 0.2, 0.3),
    fill={0.0: 3, 1.0: 1},
    bound={None: 3, 3.0: 1, 10.0: 1},
    form=decided({"where": 3, "lax": 1}),
    reduction={None: 4, "sum": 1, "mean": 1},
)
def safe_divide(
    numerator,
    denominator,
    fallback=None,
    mask=None,
    *,
    guard="nonzero",
    threshold=0.1,
    fill=0.0,
    bound=None,
    form="where",
    reduction=None,
):
    """Divide element by element, except where the denominator is close to zero.

    Args:
      numerator: dividends.
      denominator: divisors.
      fallback: result where there is no division.
      mask: where quotients are wanted.
      threshold: least size of a divisor.
    """
    if guard == "positive":
        ok = denominator > threshold
    else:
        ok = jnp.abs(denominator) > threshold
    if mask is not None:
        ok = ok & mask
    if guard == "sign":
        # Push small divisors away from zero, and keep their sign.
        sign = jnp.where(denominator < 0, -1.0, 1.0)
        safe = sign * jnp.maximum(jnp.abs(denominator), threshold)
    elif form == "lax":
        safe = lax.select(ok, denominator, jnp.ones_like(denominator))
    else:
        safe = jnp.where(ok, denominator, 1.0)
    ratio = numerator / safe
    if bound is not None:
        ratio = jnp.clip(ratio, -bound, bound)
    if fallback is not None:
        out = jnp.where(ok, ratio, fallback)
    else:
        out = jnp.where(ok, ratio, fill)
    if reduction == "sum":
        return jnp.sum(out, axis=-1)
    if reduction == "mean":
        # Quotients that are filled in don't count.
        return jnp.sum(jnp.where(ok, out, 0.0), axis=-1) / jnp.maximum(jnp.sum(ok, axis=-1), 1)
    return out


@family(
    "nested_branch",
    "branch",
    a="... n in 0.3..2",
    b="... n",
    c="... n in -1..1",
    root=("larger", "smaller", "nearest"),
    fill=("vertex", "zero"),
    form=decided({"textbook": 2, "reduced": 2, "monic": 1}),
    stable={False: 2, True: 1},
    polish={None: 3, 1: 1, 2: 1},
)
def quadratic_root(
    a, b, c, *, root="larger", fill="vertex", form="textbook", stable=False, polish=None
):
    """Solve the quadratic equations a x^2 + b x + c = 0 for one real root each."""
    if form == "reduced":
        half = 0.5 * b
        discriminant = jnp.square(half) - a * c
        ok = discriminant > 1e-3
        # Keep the square root's gradient finite where there is no root.
        radical = jnp.sqrt(jnp.where(ok, discriminant, 1.0))
        plus = (-half + radical) / a
        minus = (-half - radical) / a
    elif form == "monic":
        p = b / a
        q = c / a
        discriminant = 0.25 * jnp.square(p) - q
        ok = discriminant > 1e-3
        radical = jnp.sqrt(jnp.where(ok, discriminant, 1.0))
        plus = -0.5 * p + radical
        minus = -0.5 * p - radical
    else:
        discriminant = jnp.square(b) - 4.0 * a * c
        ok = discriminant > 1e-3
        radical = jnp.sqrt(jnp.where(ok, discriminant, 1.0))
        if stable:
            # Never subtract two numbers that are nearly equal.
            q = -0.5 * (b + jnp.where(b < 0, -radical, radical))
            safe_q = jnp.where(jnp.abs(q) > 1e-3, q, 1e-3)
            plus = jnp.where(b < 0, q / a, c / safe_q)
            minus = jnp.where(b < 0, c / safe_q, q / a)
        else:
            plus = (-b + radical) / (2.0 * a)
            minus = (-b - radical) / (2.0 * a)
    if root == "smaller":
        x = minus
    elif root == "nearest":
        # The one that is closer to zero.
        x = jnp.where(jnp.abs(plus) < jnp.abs(minus), plus, minus)
    else:
        x = plus
    if polish is not None:
        # Newton's method.
        for _ in range(polish):
            slope = 2.0 * a * x + b
            x = x - (a * x * x + b * x + c) / jnp.where(jnp.abs(slope) > 1e-2, slope, 1e-2)
    if fill == "vertex":
        return jnp.where(ok, x, -b / (2.0 * a))
    return jnp.where(ok, x, 0.0)


# ---------------------------------------------------------------- control


def membership_shape(x, shape="trapezoid"):
    if shape == "trapezoid":
        return jnp.select(
            [x < -1.5, x < -0.5, x < 0.5, x < 1.5],
            [jnp.zeros_like(x), x + 1.5, jnp.ones_like(x), 1.5 - x],
        )
    if shape == "triangle":
        return jnp.where(jnp.abs(x) < 1.0, 1.0 - jnp.abs(x), 0.0)
    if shape == "s_curve":
        low = 0.5 * jnp.square(x + 1.0)
        high = 1.0 - 0.5 * jnp.square(x - 1.0)
        inside = jnp.where(x < 0, low, high)
        return jnp.where(jnp.abs(x) < 1.0, inside, (x > 0).astype(x.dtype))
    if shape == "two_sided_gaussian":
        return jnp.where(x < 0, jnp.exp(-jnp.square(x)), jnp.exp(-0.25 * jnp.square(x)))
    # The pi-shaped function, which rises and falls by parabolas.
    near = 1.0 - 2.0 * jnp.square(0.5 * x)
    far = 2.0 * jnp.square(1.0 - 0.5 * jnp.abs(x))
    return jnp.where(jnp.abs(x) < 1.0, near, jnp.where(jnp.abs(x) < 2.0, far, 0.0))


@family(
    "branch",
    "nested_branch",
    x="... n",
    y="? ... n",
    centre="? in -0.5..0.5",
    width="? in 0.6..1.5",
    shape=("trapezoid", "triangle", "s_curve", "two_sided_gaussian", "pi"),
    hedge={None: 3, "very": 1, "somewhat": 1, "not": 1, "intensify": 1},
    norm=("minimum", "product", "lukasiewicz"),
)
def membership(
    x, y=None, centre=None, width=None, *, shape="trapezoid", hedge=None, norm="minimum"
):
    """Degree of membership in a fuzzy set.

    Args:
      x: values of the linguistic variable.
      y: values of a second variable that must belong to its set as well.
      centre: centre of the set of the first variable.
      width: scale of that set.
    """
    if centre is not None:
        x = x - centre
    if width is not None:
        x = x / width
    degree = membership_shape(x, shape=shape)
    if y is not None:
        # A t-norm is the fuzzy "and".
        other = membership_shape(y, shape=shape)
        if norm == "product":
            degree = degree * other
        elif norm == "lukasiewicz":
            degree = jnp.maximum(0.0, degree + other - 1.0)
        else:
            degree = jnp.minimum(degree, other)
    if hedge == "very":
        degree = jnp.square(degree)
    elif hedge == "somewhat":
        degree = jnp.sqrt(degree + 1e-4)
    elif hedge == "not":
        degree = 1.0 - degree
    elif hedge == "intensify":
        # Contrast intensification moves degrees away from one half.
        low = 2.0 * jnp.square(degree)
        high = 1.0 - 2.0 * jnp.square(1.0 - degree)
        degree = jnp.where(degree < 0.5, low, high)
    return degree


@family(
    "branch",
    "nested_branch",
    x="... n",
    gain="? ... n in 0.5..1.5",
    bias="? n in -0.3..0.3",
    enabled="? ... n bool",
    width="? n in 0.2..0.8",
    kind=("continuous", "leaky", "one_sided"),
    half_width=(0.3, 0.5, 0.75),
    saturation={None: 2, 1.2: 1, 2.0: 1},
    form=decided({"where": 2, "select": 1, "lax": 1}),
)
def dead_zone(
    x,
    gain=None,
    bias=None,
    enabled=None,
    width=None,
    *,
    kind="continuous",
    half_width=0.5,
    saturation=None,
    form="where",
):
    """Response of an actuator with a dead zone.

    Args:
      x: commands.
      gain: gain of each actuator outside of its dead zone.
      bias: centre of the dead zone.
      enabled: False for actuators that are switched off.
      width: half width of the dead zone, for each actuator.
    """
    if width is None:
        width = half_width
    if bias is not None:
        x = x - bias
    if kind == "one_sided":
        # Only positive commands have a dead zone.
        above = x - width
        below = x
    else:
        above = x - width
        below = x + width
    if kind == "leaky":
        inside = 0.1 * x
        above = above + 0.1 * width
        below = below - 0.1 * width
    else:
        inside = jnp.zeros_like(x)
    if kind == "one_sided":
        out = jnp.where(x > width, above, jnp.where(x < 0, below, inside))
    elif form == "select":
        out = jnp.select([x > width, x < -width], [above, below], inside)
    elif form == "lax":
        out = lax.select(jnp.abs(x) > width, jnp.where(x > 0, above, below), inside)
    else:
        out = jnp.where(x > width, above, jnp.where(x < -width, below, inside))
    if gain is not None:
        out = gain * out
    if saturation is not None:
        out = jnp.clip(out, -saturation, saturation)
    if enabled is not None:
        out = jnp.where(enabled, out, 0.0)
    return out


@family(
    "branch",
    "nested_branch",
    temperature="... n in 14..28",
    setpoint="... n in 18..24",
    outdoor="? ... n in -5..35",
    occupied="? ... n bool",
    mode=("heat", "heat_cool", "two_stage"),
    band=(0.5, 1.0, 1.5),
    frost_protection={False: 2, True: 1},
    limit={None: 3, 2.0: 1},
    only="float32",
)
def thermostat(
    temperature,
    setpoint,
    outdoor=None,
    occupied=None,
    *,
    mode="heat_cool",
    band=1.0,
    frost_protection=False,
    limit=None,
):
    """Power of the heating (positive) or cooling (negative) in each room, in kilowatts.

    Args:
      temperature: temperature of each room in degrees Celsius.
      setpoint: temperature that is wanted.
      outdoor: outdoor temperature, for a feed-forward of the heat loss.
      occupied: False where the setpoint is set back.
      band: how far a temperature may be off before anything is done.
    """
    if occupied is not None:
        setpoint = jnp.where(occupied, setpoint, setpoint - 3.0)
    error = setpoint - temperature
    if mode == "heat":
        power = jnp.where(error > band, 0.4 * (error - band), 0.0)
    elif mode == "two_stage":
        # The second stage joins far below the setpoint.
        first = 0.4 * (error - band)
        second = first + 0.8 * (error - 3.0)
        power = jnp.select([error > 3.0, error > band], [second, first], 0.0)
    else:
        power = jnp.select(
            [error > band, error < -band], [0.5 * (error - band), 0.3 * (error + band)], 0.0
        )
    if outdoor is not None:
        power = power + 0.02 * (setpoint - outdoor)
    if limit is not None:
        power = jnp.clip(power, -limit, limit)
    if frost_protection:
        power = jnp.where(temperature < 16.0, power + 1.0, power)
    return power


@family(
    "branch",
    "nested_branch",
    wind_speed="... n in 0..28",
    density="? ... n in 1..1.3",
    icing="? ... n bool",
    available="? ... n bool",
    wake="? ... n in 0.7..1",
    curve=("cubic", "linear", "logistic", "quadratic"),
    storm=("stop", "ramp"),
    form=decided(("select", "nested")),
    curtailment={None: 3, 0.8: 1, 0.6: 1},
    only="float32",
)
def turbine_power(
    wind_speed,
    density=None,
    icing=None,
    available=None,
    wake=None,
    *,
    curve="cubic",
    storm="stop",
    form="select",
    curtailment=None,
):
    """Power curve of wind turbines, as a part of their rated power.

    Args:
      wind_speed: wind speed at the hub in metres per second.
      density: density of the air in kilograms per cubic metre.
      icing: True where there is ice on the blades.
      available: False for turbines under repair.
      wake: part of the wind speed that the turbines upstream leave.
    """
    if wake is not None:
        wind_speed = wake * wind_speed
    if density is not None:
        # Corrected to the reference density, as in IEC 61400-12.
        wind_speed = wind_speed * jnp.cbrt(density / 1.225)
    if curve == "linear":
        partial = (wind_speed - 3.0) / 9.0
    elif curve == "quadratic":
        partial = (jnp.square(wind_speed) - 9.0) / 135.0
    elif curve == "logistic":
        partial = jax.nn.sigmoid(wind_speed - 7.5)
    else:
        partial = (wind_speed**3 - 27.0) / 1701.0
    if storm == "ramp":
        high = jnp.maximum(0.0, 1.0 - 0.2 * (wind_speed - 22.0))
    else:
        high = jnp.zeros_like(wind_speed)
    # Cut-in at 3 m/s, rated at 12, cut-out at 22.
    if form == "select":
        power = jnp.select(
            [wind_speed < 3.0, wind_speed < 12.0, wind_speed < 22.0], [0.0, partial, 1.0], high
        )
    else:
        running = jnp.where(wind_speed < 12.0, partial, jnp.where(wind_speed < 22.0, 1.0, high))
        power = jnp.where(wind_speed < 3.0, 0.0, running)
    if icing is not None:
        power = jnp.where(icing, 0.8 * power, power)
    if curtailment is not None:
        power = jnp.minimum(power, curtailment)
    if available is not None:
        power = jnp.where(available, power, 0.0)
    return power


@family(
    "branch",
    "nested_branch",
    left="... n",
    right="... n",
    spacing="? n in 0.2..1",
    limiter=("minmod", "superbee", "van_leer", "mc", "van_albada", "ospre"),
    form=decided({"where": 2, "select": 1, "lax": 1}),
    boundary={False: 3, True: 1},
)
def slope_limiter(left, right, spacing=None, *, limiter="minmod", form="where", boundary=False):
    """Limit the slopes of a MUSCL scheme, given the differences to both neighbours."""
    product = left * right
    size_left = jnp.abs(left)
    size_right = jnp.abs(right)
    if limiter == "superbee":
        first = jnp.minimum(2.0 * size_left, size_right)
        second = jnp.minimum(size_left, 2.0 * size_right)
        slope = jnp.sign(left) * jnp.maximum(first, second)
    elif limiter == "van_leer":
        # The harmonic mean.
        slope = 2.0 * jnp.sign(left) * product / (size_left + size_right + 1e-6)
    elif limiter == "mc":
        # Monotonized central differences.
        least = 2.0 * jnp.minimum(size_left, size_right)
        slope = jnp.sign(left) * jnp.minimum(0.5 * jnp.abs(left + right), least)
    elif limiter == "van_albada":
        slope = product * (left + right) / (jnp.square(left) + jnp.square(right) + 1e-6)
    elif limiter == "ospre":
        squared = jnp.square(left) + jnp.square(right)
        slope = 1.5 * product * (left + right) / (squared + product + 1e-6)
    else:
        slope = jnp.sign(left) * jnp.minimum(size_left, size_right)
    # At an extremum the slope is zero.
    if form == "select":
        limited = jnp.select([product > 0], [slope], 0.0)
    elif form == "lax":
        limited = lax.select(product > 0, slope, jnp.zeros_like(slope))
    else:
        limited = jnp.where(product > 0, slope, 0.0)
    if spacing is not None:
        limited = limited / spacing
    if boundary:
        # The cells at both ends have no neighbour: first order there.
        limited = limited.at[..., 0].set(0.0)
        limited = limited.at[..., -1].set(0.0)
    return limited


@family(
    "nested_branch",
    "branch",
    actual="n in 0.05..1",
    predicted="n in 0.3..1",
    radius="n in 0.2..2",
    step_norm="? n in 0.1..2",
    rule=decided(("nested", "select", "chain")),
    variant=("linear", "nielsen"),
    shrink=(0.25, 0.5),
    grow=(2.0, 1.5),
    bounded={False: 2, True: 1},
    reject={False: 3, True: 1},
)
def update_trust_radius(
    actual,
    predicted,
    radius,
    step_norm=None,
    *,
    rule="nested",
    variant="linear",
    shrink=0.25,
    grow=2.0,
    bounded=False,
    reject=False,
):
    """Next radius of the trust region, for a batch of optimization problems.

    Args:
      actual: actual reduction of each objective.
      predicted: reduction that the quadratic model predicted.
      radius: present radii.
      step_norm: norms of the last steps.
    """
    ratio = actual / predicted
    if step_norm is not None:
        # Only a step that reaches the boundary asks for more room.
        larger = jnp.where(step_norm > 0.8 * radius, grow * radius, radius)
        smaller = step_norm
    else:
        larger = grow * radius
        smaller = radius
    # The worse the model, the smaller the region.
    if variant == "nielsen":
        smaller = smaller / (1.0 - (2.0 * ratio - 1.0) ** 3)
    else:
        smaller = smaller * (shrink + ratio)
    if rule == "select":
        new = jnp.select([ratio < 0.25, ratio > 0.75], [smaller, larger], radius)
    elif rule == "chain":
        new = jnp.where(ratio > 0.75, larger, radius)
        new = jnp.where(ratio < 0.25, smaller, new)
    else:
        new = jnp.where(ratio < 0.25, smaller, jnp.where(ratio > 0.75, larger, radius))
    if reject:
        # A useless step: try again much closer.
        new = jnp.where(ratio < 0.1, 0.1 * radius, new)
    if bounded:
        new = jnp.clip(new, 0.05, 2.5)
    return new


# ---------------------------------------------------------------- images


def encode(x, curve="srgb"):
    if curve == "srgb":
        return jnp.where(
            x <= 0.0031308, 12.92 * x, 1.055 * jnp.maximum(x, 1e-3) ** (1.0 / 2.4) - 0.055
        )
    if curve == "rec709":
        return jnp.where(x < 0.018, 4.5 * x, 1.099 * jnp.maximum(x, 1e-3) ** 0.45 - 0.099)
    if curve == "hlg":
        high = 0.17883277 * jnp.log(12.0 * jnp.maximum(x, 0.05) - 0.28466892) + 0.55991073
        return jnp.where(x <= 1.0 / 12.0, jnp.sqrt(3.0 * jnp.maximum(x, 1e-3)), high)
    if curve == "prophoto":
        return jnp.where(x < 1.0 / 512.0, 16.0 * x, jnp.maximum(x, 1e-3) ** (1.0 / 1.8))
    # Logarithmic, as the curve S-Log of cameras.
    high = 0.432699 * jnp.log10(jnp.maximum(x, 0.0) + 0.037584) + 0.616596
    return jnp.where(x >= 0.0, high, 5.0 * x + 0.030001)


@family(
    "branch",
    "nested_branch",
    image="h d in 0.01..1",
    exposure="? in -1..0.5",
    flat_field="? h d in 0.6..1.4",
    black_level="? d in -0.1..0",
    mask="? h d bool",
    curve=("srgb", "rec709", "hlg", "prophoto", "log"),
    tone_map={None: 3, "reinhard": 1, "exponential": 1, "filmic": 1},
    clamp={False: 2, True: 1},
    sizes={"h": (2, 4, 5, 6)},
    only="float32",
)
def encode_image(
    image,
    exposure=None,
    flat_field=None,
    black_level=None,
    mask=None,
    *,
    curve="srgb",
    tone_map=None,
    clamp=False,
):
    """Encode an image of linear light by an opto-electronic transfer function.

    Args:
      image: one channel, height by width.
      exposure: exposure compensation in stops.
      flat_field: sensitivity of each pixel, which is divided out.
      black_level: offset of each column of the sensor, which is subtracted.
      mask: False for dead pixels, which become black.
    """
    light = image
    if black_level is not None:
        light = light - black_level
    if flat_field is not None:
        light = light / flat_field
    if exposure is not None:
        light = light * jnp.exp2(exposure)
    if tone_map == "reinhard":
        light = light / (1.0 + light)
    elif tone_map == "exponential":
        light = 1.0 - jnp.exp(-light)
    elif tone_map == "filmic":
        # Narkowicz's fit of the ACES curve.
        light = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    out = encode(light, curve=curve)
    if clamp:
        out = jnp.clip(out, 0.0, 1.0)
    if mask is not None:
        out = jnp.where(mask, out, 0.0)
    return out


def decode(x, curve="srgb"):
    if curve == "srgb":
        return jnp.where(x <= 0.04045, x / 12.92, ((jnp.maximum(x, 0.01) + 0.055) / 1.055) ** 2.4)
    if curve == "rec709":
        return jnp.where(x < 0.081, x / 4.5, ((jnp.maximum(x, 0.01) + 0.099) / 1.099) ** (1 / 0.45))
    high = (jnp.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12.0
    return jnp.where(x <= 0.5, jnp.square(x) / 3.0, high)


@family(
    "branch",
    "nested_branch",
    red="h d in 0.02..1",
    green="h d in 0.02..1",
    blue="h d in 0.02..1",
    mask="? h d bool",
    curve=("srgb", "rec709", "hlg"),
    primaries=("rec709", "rec2020", "p3"),
    sizes={"h": (2, 4, 5, 6)},
    only="float32",
)
def lightness(red, green, blue, mask=None, *, curve="srgb", primaries="rec709"):
    """CIE lightness L* of the pixels of an encoded image."""
    red, green, blue = [decode(channel, curve=curve) for channel in (red, green, blue)]
    if primaries == "rec2020":
        luminance = 0.2627 * red + 0.678 * green + 0.0593 * blue
    elif primaries == "p3":
        luminance = 0.229 * red + 0.6917 * green + 0.0793 * blue
    else:
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Linear near black, a cube root elsewhere.
    root = jnp.cbrt(jnp.maximum(luminance, 1e-3))
    value = jnp.where(luminance > 0.008856, 116.0 * root - 16.0, 903.3 * luminance)
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    return value


@family(
    "branch",
    "nested_branch",
    red="h d in 0..1",
    green="h d in 0..1",
    blue="h d in 0..1",
    mask="? h d bool",
    form=decided(("nested", "select")),
    unit=("degrees", "turns", "radians"),
    wrap={True: 2, False: 1},
    sizes={"h": (2, 4, 5, 6)},
)
def hue(red, green, blue, mask=None, *, form="nested", unit="degrees", wrap=True):
    """Hue of each pixel of an RGB image."""
    largest = jnp.maximum(red, jnp.maximum(green, blue))
    smallest = jnp.minimum(red, jnp.minimum(green, blue))
    chroma = largest - smallest + 1e-2
    from_red = (green - blue) / chroma
    from_green = 2.0 + (blue - red) / chroma
    from_blue = 4.0 + (red - green) / chroma
    if form == "nested":
        sector = jnp.where(
            red == largest, from_red, jnp.where(green == largest, from_green, from_blue)
        )
    else:
        sector = jnp.select([red == largest, green == largest], [from_red, from_green], from_blue)
    if wrap:
        # Hues between magenta and red are at the end of the circle.
        sector = jnp.where(sector < 0, sector + 6.0, sector)
    if unit == "turns":
        angle = sector / 6.0
    elif unit == "radians":
        angle = jnp.pi / 3.0 * sector
    else:
        angle = 60.0 * sector
    if mask is not None:
        angle = jnp.where(mask, angle, 0.0)
    return angle


@family(
    "branch",
    "nested_branch",
    red="h d in 0..1",
    green="h d in 0..1",
    blue="h d in 0..1",
    model=("hsv", "hsl", "hsi"),
    form=decided(("nested", "select")),
    stack=(-1, 0),
    sizes={"h": (2, 4, 5)},
)
def rgb_to_cylindrical(red, green, blue, *, model="hsv", form="nested", stack=-1):
    """Convert an RGB image to a cylindrical colour space: hue, saturation and brightness."""
    largest = jnp.maximum(red, jnp.maximum(green, blue))
    smallest = jnp.minimum(red, jnp.minimum(green, blue))
    chroma = largest - smallest
    safe = jnp.where(chroma > 1e-2, chroma, 1.0)
    from_red = jnp.where(green < blue, 6.0, 0.0) + (green - blue) / safe
    from_green = 2.0 + (blue - red) / safe
    from_blue = 4.0 + (red - green) / safe
    if form == "nested":
        sector = jnp.where(
            red == largest, from_red, jnp.where(green == largest, from_green, from_blue)
        )
    else:
        sector = jnp.select([red == largest, green == largest], [from_red, from_green], from_blue)
    # Grey has no hue.
    hue = jnp.where(chroma > 1e-2, sector / 6.0, 0.0)
    if model == "hsl":
        brightness = 0.5 * (largest + smallest)
        saturation = chroma / (1.0 - jnp.abs(2.0 * brightness - 1.0) + 1e-2)
    elif model == "hsi":
        brightness = (red + green + blue) / 3.0
        saturation = 1.0 - smallest / (brightness + 1e-2)
    else:
        brightness = largest
        saturation = chroma / (largest + 1e-2)
    return jnp.stack([hue, saturation, brightness], axis=stack)


# ---------------------------------------------------------------- cond and switch


def measure(x, statistic="norm"):
    if statistic == "norm":
        return jnp.sqrt(jnp.sum(jnp.square(x)))
    if statistic == "max":
        return jnp.max(jnp.abs(x))
    return jnp.sqrt(jnp.mean(jnp.square(x)))


@family(
    "branch",
    param="n d",
    gradient="n d",
    max_norm="in 0.5..0.9",
    momentum="? n d",
    statistic=("norm", "max", "rms"),
    construct=decided({"cond": 3, "where": 1}),
    weight_decay={None: 3, 0.01: 1, 0.1: 1},
    decoupled={False: 1, True: 1},
    learning_rate=(0.1, 0.05),
    nesterov={False: 3, True: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def clipped_sgd_step(
    param,
    gradient,
    max_norm,
    momentum=None,
    *,
    statistic="norm",
    construct="cond",
    weight_decay=None,
    decoupled=False,
    learning_rate=0.1,
    nesterov=False,
):
    """One step of stochastic gradient descent with gradient clipping; returns the new weights.

    Args:
      param: weight matrix.
      gradient: its gradient.
      max_norm: the gradient is scaled down where its size is above it.
      momentum: momentum buffer.
    """
    norm = measure(gradient, statistic=statistic)
    if construct == "cond":
        direction = lax.cond(
            norm > max_norm, lambda g: g * (max_norm / norm), lambda g: g, gradient
        )
    else:
        direction = jnp.where(norm > max_norm, gradient * (max_norm / norm), gradient)
    if weight_decay is not None and not decoupled:
        direction = direction + weight_decay * param
    if momentum is not None:
        momentum = 0.9 * momentum + direction
        if nesterov:
            # Look one step ahead.
            direction = direction + 0.9 * momentum
        else:
            direction = momentum
    if weight_decay is not None and decoupled:
        param = (1.0 - learning_rate * weight_decay) * param
    return param - learning_rate * direction


@family(
    "nested_branch",
    "branch",
    params="n d",
    gradient="n d",
    momentum="? n d",
    limit="in 0.5..0.9",
    guard=("finite", "spike"),
    clip=decided({"cond": 4, "where": 1}),
    statistic=("norm", "max", "rms"),
    weight_decay={None: 3, 0.01: 1},
    learning_rate=(0.1, 0.05),
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def apply_if_finite(
    params,
    gradient,
    limit,
    momentum=None,
    *,
    guard="finite",
    clip="cond",
    statistic="norm",
    weight_decay=None,
    learning_rate=0.1,
):
    """Step of gradient descent that is skipped where the gradient isn't finite.

    Args:
      params: weight matrix.
      gradient: its gradient, possibly with overflows from mixed precision.
      limit: norm to which larger gradients are clipped.
      momentum: momentum buffer.
    """
    finite = jnp.all(jnp.isfinite(gradient))
    if guard == "spike":
        # Single huge entries are a sign of instability, too.
        finite = finite & (jnp.max(jnp.abs(gradient)) < 1e3)

    def clip_gradient(g):
        norm = measure(g, statistic=statistic)
        if clip == "cond":
            return lax.cond(norm > limit, lambda v: v * (limit / norm), lambda v: v, g)
        return jnp.where(norm > limit, g * (limit / norm), g)

    def apply(p):
        direction = clip_gradient(gradient)
        if momentum is not None:
            direction = 0.9 * momentum + direction
        if weight_decay is not None:
            direction = direction + weight_decay * p
        return p - learning_rate * direction

    return lax.cond(finite, apply, lambda p: p, params)


@family(
    "nested_branch",
    "branch",
    x="n d",
    mode="int 4",
    scale="? d in 0.5..1.5",
    bias="? d",
    residual="? n d",
    topic=decided(("activation", "norm", "loss", "augment")),
    number=decided((3, 4)),
    clamp={False: 2, True: 1},
    active="? bool",
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
)
def apply_mode(
    x,
    mode,
    scale=None,
    bias=None,
    residual=None,
    active=None,
    *,
    topic="activation",
    number=3,
    clamp=False,
):
    """Apply the operation that an integer chooses at run time.

    Args:
      x: rows of features.
      mode: index of the operation.
      scale: scale of each feature.
      bias: offset of each feature.
      residual: added to the result, as a skip connection.
      active: False to leave the features as they are.
    """
    if scale is not None:
        x = x * scale
    if bias is not None:
        x = x + bias
    if topic == "activation":
        branches = [jnp.tanh, jax.nn.silu, jax.nn.softplus, jax.nn.sigmoid]
    elif topic == "norm":
        branches = [
            lambda v: v / (jnp.linalg.norm(v, axis=-1, keepdims=True) + 1e-3),
            lambda v: v - jnp.mean(v, axis=-1, keepdims=True),
            lambda v: v * lax.rsqrt(jnp.mean(jnp.square(v), axis=-1, keepdims=True) + 1e-3),
            lambda v: jax.nn.softmax(v, axis=-1),
        ]
    elif topic == "loss":
        branches = [
            lambda v: 0.5 * jnp.square(v),
            lambda v: jnp.log(jnp.cosh(v)),
            lambda v: jnp.sqrt(1.0 + jnp.square(v)) - 1.0,
            jnp.abs,
        ]
    else:
        # Flips and quarter turns change the layout only.
        branches = [
            lambda v: v,
            lambda v: v[::-1],
            lambda v: v[:, ::-1],
            lambda v: v[::-1, ::-1],
        ]
    if clamp:
        mode = jnp.clip(mode, 0, 2)

    def dispatch(v):
        if number == 3:
            return lax.switch(mode, branches[:3], v)
        return lax.switch(mode, branches, v)

    if active is not None:
        out = lax.cond(active, dispatch, lambda v: v, x)
    else:
        out = dispatch(x)
    if residual is not None:
        out = out + residual
    return out


@family(
    "nested_branch",
    "branch",
    dose="n in 1..10",
    clearance="n in 20..120",
    level="? n in 0.2..3",
    body_weight="? n in 40..110",
    age="? n int 90",
    severe="? n bool",
    rule=decided(("nested", "select", "chain")),
    maximum={None: 3, 8.0: 1},
    only="float32",
)
def adjust_dose(
    dose,
    clearance,
    level=None,
    body_weight=None,
    age=None,
    severe=None,
    *,
    rule="nested",
    maximum=None,
):
    """Adjust drug doses to the renal function of patients.

    Args:
      dose: standard doses in milligrams.
      clearance: creatinine clearance in millilitres per minute.
      level: measured trough concentration in milligrams per litre, for drug monitoring.
      body_weight: weight in kilograms, to which the dose is proportional.
      age: age in years; the old get less.
      severe: True for severe infections, which need a loading dose.
    """
    if body_weight is not None:
        dose = dose * body_weight / 70.0
    low = 0.01 * clearance
    if rule == "select":
        factor = jnp.select(
            [clearance > 50.0, clearance > 30.0], [1.0, 0.01 * clearance + 0.2], low
        )
    elif rule == "chain":
        factor = jnp.where(clearance > 30.0, 0.01 * clearance + 0.2, low)
        factor = jnp.where(clearance > 50.0, 1.0, factor)
    else:
        factor = jnp.where(
            clearance > 50.0, 1.0, jnp.where(clearance > 30.0, 0.01 * clearance + 0.2, low)
        )
    if age is not None:
        factor = jnp.where(age > 65, 0.8 * factor, factor)
    adjusted = factor * dose
    if level is not None:
        # Aim at a trough of one.
        adjusted = jnp.where(level > 2.0, 0.5 * adjusted / level, adjusted / level)
    if severe is not None:
        adjusted = jnp.where(severe, 1.5 * adjusted, adjusted)
    if maximum is not None:
        adjusted = jnp.minimum(adjusted, maximum)
    return adjusted


@family(
    "branch",
    x="n d",
    update="n d",
    active="n bool",
    step_size="? in 0.05..0.5",
    frozen="? d bool",
    accept={None: 2, "descent": 1, "finite": 1},
    form=decided({"where": 2, "lax": 1}),
    clip={None: 2, 1.0: 1, 0.5: 1},
    weight_decay={None: 3, 0.1: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
)
def masked_update(
    x,
    update,
    active,
    step_size=None,
    frozen=None,
    *,
    accept=None,
    form="where",
    clip=None,
    weight_decay=None,
):
    """Update only the active rows of a batch of iterates.

    Args:
      x: present iterates, one row each.
      update: proposed changes.
      active: False for rows that have converged.
      step_size: factor of the changes.
      frozen: columns that never change.
    """
    if clip is not None:
        update = jnp.clip(update, -clip, clip)
    if step_size is not None:
        update = step_size * update
    if weight_decay is not None:
        update = update - weight_decay * x
    proposed = x + update
    if accept == "descent":
        # Steps must not increase the norm by much.
        before = jnp.sum(jnp.square(x), axis=-1)
        after = jnp.sum(jnp.square(proposed), axis=-1)
        active = active & (after < before + 2.0)
    elif accept == "finite":
        active = active & jnp.all(jnp.isfinite(proposed), axis=-1)
    if form == "lax":
        chosen = jnp.broadcast_to(active[:, None], x.shape)
        out = lax.select(chosen, proposed, x)
    else:
        out = jnp.where(active[:, None], proposed, x)
    if frozen is not None:
        out = jnp.where(frozen, x, out)
    return out


@family(
    "nested_branch",
    "branch",
    x="... n in -2.5..2.5",
    scale="? in 0.8..1.25",
    valid="? ... n bool",
    kernel=("keys", "lanczos", "spline", "mitchell"),
    form=decided({"nested": 2, "select": 1, "chain": 1}),
    normalise={False: 3, True: 1},
)
def resampling_weights(x, scale=None, valid=None, *, kernel="keys", form="nested", normalise=False):
    """Weights of samples when an image or a signal is resampled.

    Args:
      x: signed distances of the samples in pixels.
      scale: downsampling factor, by which the kernel is widened.
      valid: False for samples outside of the image.
    """
    if scale is not None:
        x = x / scale
    r = jnp.abs(x)
    if kernel == "lanczos":
        # A windowed sinc.
        inner = jnp.sinc(r) * jnp.sinc(0.5 * r)
        outer = inner
    elif kernel == "spline":
        # The cubic B-spline.
        inner = 2.0 / 3.0 - jnp.square(r) + 0.5 * r**3
        outer = (2.0 - r) ** 3 / 6.0
    elif kernel == "mitchell":
        inner = (7.0 * r**3 - 12.0 * jnp.square(r) + 16.0 / 3.0) / 6.0
        outer = (-7.0 / 3.0 * r**3 + 12.0 * jnp.square(r) - 20.0 * r + 32.0 / 3.0) / 6.0
    else:
        # Keys's bicubic kernel.
        inner = 1.5 * r**3 - 2.5 * jnp.square(r) + 1.0
        outer = -0.5 * r**3 + 2.5 * jnp.square(r) - 4.0 * r + 2.0
    if form == "select":
        weight = jnp.select([r < 1.0, r < 2.0], [inner, outer], 0.0)
    elif form == "chain":
        weight = jnp.where(r < 1.0, inner, outer)
        weight = jnp.where(r < 2.0, weight, 0.0)
    else:
        weight = jnp.where(r < 1.0, inner, jnp.where(r < 2.0, outer, 0.0))
    if valid is not None:
        weight = jnp.where(valid, weight, 0.0)
    if normalise:
        weight = weight / (jnp.sum(weight, axis=-1, keepdims=True) + 1e-2)
    if scale is not None and not normalise:
        weight = weight / scale
    return weight


@family(
    "branch",
    distance="... n in 0.05..1.5",
    bandwidth="? in 0.8..1.5",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    kernel=("epanechnikov", "biweight", "triweight", "tricube", "cosine", "wendland", "triangular"),
    normalise={False: 2, True: 1},
    form=decided({"where": 2, "select": 1, "lax": 1}),
)
def kernel_weights(
    distance,
    bandwidth=None,
    weights=None,
    mask=None,
    *,
    kernel="epanechnikov",
    normalise=False,
    form="where",
):
    """Weights by a kernel with compact support, as for local regression.

    Args:
      distance: distances from the point of interest.
      bandwidth: radius of the support; one by default.
      weights: prior weights of the observations.
      mask: False for missing observations.
    """
    if bandwidth is not None:
        u = distance / bandwidth
    else:
        u = distance
    if kernel == "biweight":
        inside = 15.0 / 16.0 * jnp.square(1.0 - jnp.square(u))
    elif kernel == "triweight":
        inside = 35.0 / 32.0 * (1.0 - jnp.square(u)) ** 3
    elif kernel == "tricube":
        # LOWESS.
        inside = 70.0 / 81.0 * (1.0 - u**3) ** 3
    elif kernel == "cosine":
        inside = 0.25 * jnp.pi * jnp.cos(0.5 * jnp.pi * u)
    elif kernel == "wendland":
        inside = (1.0 - u) ** 4 * (4.0 * u + 1.0)
    elif kernel == "triangular":
        inside = 1.0 - u
    else:
        inside = 0.75 * (1.0 - jnp.square(u))
    if form == "select":
        weight = jnp.select([u < 1.0], [inside], 0.0)
    elif form == "lax":
        weight = lax.select(u < 1.0, inside, jnp.zeros_like(u))
    else:
        weight = jnp.where(u < 1.0, inside, 0.0)
    if weights is not None:
        weight = weights * weight
    if mask is not None:
        weight = jnp.where(mask, weight, 0.0)
    if normalise:
        weight = weight / (jnp.sum(weight, axis=-1, keepdims=True) + 1e-3)
    return weight


@family(
    "nested_branch",
    "branch",
    params="n",
    gradient="n",
    loss="in 0.2..2",
    previous_loss="in 0.2..2",
    step_size="in 0.05..0.5",
    velocity="? n",
    best="? n",
    tolerance={None: 2, "ratio": 1, "absolute": 1},
    max_norm={None: 2, 1.5: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def bold_driver_step(
    params,
    gradient,
    loss,
    previous_loss,
    step_size,
    velocity=None,
    best=None,
    *,
    tolerance=None,
    max_norm=None,
):
    """Gradient descent whose step size adapts to the loss: larger if it fell, smaller if it rose.

    Args:
      params: present parameters.
      gradient: gradient of the loss.
      loss: present loss.
      previous_loss: loss before the last step.
      step_size: size of the last step.
      velocity: last change, for momentum.
      best: best parameters so far.
    """
    factor = jnp.sqrt(previous_loss / loss)

    def advance(p):
        new = p - factor * step_size * gradient
        if velocity is not None:
            new = new + 0.9 * velocity
        return new

    def retreat(p):
        if best is not None:
            # Start again from the best parameters.
            return best - 0.5 * factor * step_size * gradient
        return p - 0.5 * factor * step_size * gradient

    def retreat_or_wait(p):
        if tolerance == "ratio":
            return lax.cond(loss < 1.5 * previous_loss, advance, retreat, p)
        if tolerance == "absolute":
            return lax.cond(loss < previous_loss + 0.3, advance, retreat, p)
        return retreat(p)

    out = lax.cond(loss < previous_loss, advance, retreat_or_wait, params)
    if max_norm is not None:
        # Project onto a ball.
        norm = jnp.sqrt(jnp.sum(jnp.square(out)))
        out = lax.cond(norm > max_norm, lambda p: p * (max_norm / norm), lambda p: p, out)
    return out


@family(
    "branch",
    "nested_branch",
    x="... n",
    alpha="? n in 0.05..0.5",
    bias="? n in -0.5..0.5",
    kind=(
        "leaky_relu",
        "elu",
        "selu",
        "isrlu",
        "soft_shrink",
        "hard_shrink",
        "bent",
        "s_shaped",
    ),
    construct=decided({"where": 3, "select": 1, "lax": 1}),
    limit={None: 4, 6.0: 1, 1.5: 1},
)
def piecewise_activation(
    x, alpha=None, bias=None, *, kind="leaky_relu", construct="where", limit=None
):
    """Apply an activation function that is defined by cases, element by element.

    Args:
      x: the pre-activations, with channels last.
      alpha: the learned scale of the negative side, one for each channel.
      bias: added to the pre-activations, one for each channel.
    """
    if bias is not None:
        x = x + bias
    if kind == "elu":
        positive = x
        # Clamped, so that the exponential of a large input never overflows.
        negative = jnp.expm1(jnp.minimum(x, 0.0))
    elif kind == "selu":
        positive = 1.0507 * x
        negative = 1.0507 * 1.6733 * jnp.expm1(jnp.minimum(x, 0.0))
    elif kind == "isrlu":
        # The inverse square root linear unit.
        positive = x
        negative = x * lax.rsqrt(1.0 + jnp.square(x))
    elif kind == "soft_shrink":
        positive = jnp.maximum(x - 0.5, 0.0)
        negative = jnp.minimum(x + 0.5, 0.0)
    elif kind == "hard_shrink":
        positive = jnp.where(x > 0.5, x, 0.0)
        negative = jnp.where(x < -0.5, x, 0.0)
    elif kind == "bent":
        positive = x
        negative = x / (1.0 + jnp.abs(x))
    elif kind == "s_shaped":
        # SReLU: flatter again above one.
        positive = jnp.where(x > 1.0, 1.0 + 0.1 * (x - 1.0), x)
        negative = 0.1 * x
    else:
        positive = x
        if alpha is not None:
            negative = x
        else:
            negative = 0.01 * x
    if alpha is not None:
        negative = alpha * negative
    if construct == "select":
        out = jnp.select([x > 0, x <= 0], [positive, negative])
    elif construct == "lax":
        out = lax.select(x > 0, positive, negative)
    else:
        out = jnp.where(x > 0, positive, negative)
    if limit is not None:
        out = jnp.minimum(out, limit)
    return out
