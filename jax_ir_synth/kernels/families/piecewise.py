"""Families: functions with cases, and cases within cases."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import Code, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
out: out 5, output 3, result 3
mask: mask 8, valid 2
leaky_unit: leaky_unit 2, leaky_activation 3, piecewise_activation 3, activation 3
positive: positive 4, above 2, pos 3
negative: negative 4, below 2, neg 3
robust_loss: robust_loss 5, robust_penalty 3, robust_cost 1
penalty: penalty 4, rho 3, _penalty 1
income_tax: income_tax 5, compute_tax 3
income: income 6, taxable_income 2, earnings 1
allowance: allowance 4, deduction 4
energy_bill: energy_bill 4, electricity_bill 3, tariff 3, bill 2
usage: usage 4, consumption 4, kwh 3
membership: membership 5, fuzzy_membership 4, membership_function 3
stress: stress 5, sigma 3
material_stress: material_stress 4, stress_response 3, constitutive_law 3, elastoplastic_stress 2
strain: strain 6, eps 2
friction_force: friction_force 5, stick_slip 3, friction 4
velocity: velocity 4, v 4
contact_force: contact_force 5, penalty_contact 3, normal_force 2
gap: gap 4, penetration 1, g 1
safe_ratio: safe_ratio 3, safe_divide 5, guarded_division 2
safe_function: safe_function 3, safe_eval 2, guarded 2
numerator: numerator 4, num 4
denominator: denominator 4, den 4
ok: ok 4, valid 5, nonzero 1
safe: safe 5, guarded 1
shift_gears: shift_gears 3, gearbox 3, wheel_torque 3, drive_torque 2
clip_update: clip_update 3, clip_by_norm 5, clip_gradient 4
gradient: gradient 3, grad 5, g 3
normalise_by: normalise_by 2, normalize_or_shift 2, adaptive_normalize 3
apply_mode: apply_mode 4, apply_op 3, dispatch 3, transform 2
trust_region: trust_region 4, update_radius 4, update_trust_radius 3
radius: radius 6, delta 3
slope_limiter: slope_limiter 5, flux_limiter 4, limited_slope 4
transfer: transfer 3, encode_gamma 2, transfer_function 3, oetf 2
ppo_objective: ppo_objective 4, clipped_surrogate 4, ppo_loss 3, policy_objective 2
advantage: advantage 6, adv 5
td_target: td_target 6, bootstrap_target 3, compute_target 3, q_target 1
reward: reward 6, r 2
done: done 6, terminal 3
turbine_power: turbine_power 5, power_curve 5, wind_power 2
wind: wind 3, wind_speed 5, v 2
thermostat: thermostat 5, heating_command 3, temperature_control 3
temperature: temperature 5, temp 4
setpoint: setpoint 5, target 4
extend: extend 4, extrapolate 4, evaluate_outside 1
quadratic_root: quadratic_root 4, solve_quadratic 5, larger_root 2
discriminant: discriminant 5, disc 4
anneal_or_restart: anneal_or_restart 2, adapt_step 4, step_control 3
hue: hue 5, rgb_to_hue 4
masked_update: masked_update 4, update_active 3, apply_updates 2
dosing: dosing 3, adjust_dose 4, dose_adjustment 3
dead_zone: dead_zone 5, deadband 4, dead_band 3
choose_by_statistic: choose_by_statistic 2, rescale_if_needed 4, conditional_scale 3
"""


# ---------------------------------------------------------------- activations and losses


@family(
    "branch",
    "nested_branch",
    x="... n",
    alpha="? n in 0.05..0.5",
    kind=(
        "leaky",
        "exponential",
        "soft_shrink",
        "hard_shrink",
        "quadratic",
        "log",
        "threshold",
        "rational",
    ),
    construct=(
        Code('"where"'),
        Code('"where"'),
        Code('"select"'),
        Code('"lax"'),
        Code('"piecewise"'),
    ),
    limit={None: 3, 1.0: 1, 1.5: 1},
    residual={False: 3, True: 1},
    shift={None: 3, 0.5: 1, 0.25: 1},
)
def leaky_unit(
    x, alpha=None, *, kind="leaky", construct="where", limit=None, residual=False, shift=None
):
    """An activation that treats positive and negative values differently.

    Args:
      x: the pre-activations.
      alpha: the slope of the negative part, for each channel.
      kind: the shape of the activation.
      construct: how the cases are told apart.
      limit: where large values are cut off.
      residual: whether half of the input is added.
      shift: what is added before.
    """
    inputs = x
    if shift is not None:
        x = x + shift
    if kind == "exponential":
        positive = 1.05 * x
        negative = jnp.expm1(jnp.minimum(x, 0.0))
    elif kind == "soft_shrink":
        positive = jnp.maximum(x - 0.5, 0.1 * x)
        negative = jnp.minimum(x + 0.5, 0.1 * x)
    elif kind == "hard_shrink":
        positive = x * (x > 0.5)
        negative = 0.5 * x
    elif kind == "quadratic":
        positive = jnp.square(x) + x
        negative = x / (1.0 - x + jnp.abs(x))
    elif kind == "log":
        positive = jnp.log1p(jnp.abs(x))
        negative = -0.5 * jnp.log1p(jnp.abs(x))
    elif kind == "threshold":
        positive = x
        negative = -0.3 * jnp.ones_like(x)
    elif kind == "rational":
        positive = x / (1.0 + jnp.abs(x))
        negative = 0.2 * x
    else:
        positive = x
        negative = 0.1 * x
    if alpha is not None:
        negative = alpha * negative
    if construct == "select":
        out = jnp.select([x > 0, x <= 0], [positive, negative])
    elif construct == "lax":
        out = lax.select(x > 0, positive, negative)
    elif construct == "piecewise":
        # Between the two, values near zero stay as they are.
        near = jnp.abs(x) < 0.1
        out = jnp.select([near, x > 0], [x, positive], negative)
    else:
        out = jnp.where(x > 0, positive, negative)
    if limit is not None:
        out = jnp.where(out > limit, limit, out)
    if residual:
        out = out + 0.5 * inputs
    return out


def penalty(residual, size, kind="huber", threshold=1.0):
    if kind == "tukey":
        inner = 1.0 - (1.0 - jnp.square(residual / threshold)) ** 3
        return jnp.where(size <= threshold, inner, 1.0)
    if kind == "insensitive":
        return jnp.where(size <= threshold, 0.0, size - threshold)
    if kind == "quantile":
        outer = jnp.maximum(0.7 * residual, -0.3 * residual)
        return jnp.where(size <= threshold, 0.5 * jnp.square(residual), outer)
    if kind == "hampel":
        linear = threshold * (size - 0.5 * threshold)
        flat = 1.5 * threshold * threshold
        outer = jnp.where(size <= 2.0 * threshold, linear, flat)
        return jnp.where(size <= threshold, 0.5 * jnp.square(residual), outer)
    if kind == "truncated":
        return jnp.where(size <= threshold, jnp.square(residual), threshold * threshold)
    if kind == "smooth_l1":
        inner = 0.5 * jnp.square(residual) / threshold
        return jnp.where(size <= threshold, inner, size - 0.5 * threshold)
    if kind == "wing":
        return jnp.where(size <= threshold, 2.0 * jnp.log1p(size), size + 0.3)
    inner = 0.5 * jnp.square(residual)
    outer = threshold * (size - 0.5 * threshold)
    return jnp.where(size <= threshold, inner, outer)


@family(
    "branch",
    "nested_branch",
    residual="... n",
    weights="? ... n in 0.2..2",
    scale="? in 0.6..1.5",
    kind=(
        "huber",
        "tukey",
        "insensitive",
        "quantile",
        "hampel",
        "truncated",
        "smooth_l1",
        "wing",
    ),
    threshold=(0.5, 1.0, 1.2),
    output=("loss", "loss", "influence", "weight"),
    reduction={None: 4, "sample": 1},
    asymmetric={False: 3, True: 1},
    sizes={"n": (4, 5, 6, 8, 10, 12, 16)},
)
def robust_loss(
    residual,
    weights=None,
    scale=None,
    *,
    kind="huber",
    threshold=1.0,
    output="loss",
    reduction=None,
    asymmetric=False,
):
    """A loss that grows slowly for large residuals, for each of them.

    Args:
      residual: the residuals.
      weights: the weight of each residual.
      scale: what counts as one unit.
      kind: the loss.
      threshold: where residuals begin to be large.
      output: the loss, its derivative, or the weight that it gives to a residual.
      asymmetric: whether negative residuals count for half.
    """
    if scale is not None:
        residual = residual / scale
    size = jnp.abs(residual)
    if output == "influence":
        loss = jnp.where(size <= threshold, residual, threshold * jnp.sign(residual))
    elif output == "weight":
        loss = jnp.where(size <= threshold, 1.0, threshold / (size + 0.01))
    else:
        loss = penalty(residual, size, kind=kind, threshold=threshold)
    if asymmetric:
        loss = jnp.where(residual < 0, 0.5 * loss, loss)
    if weights is not None:
        loss = weights * loss
    if reduction == "sample":
        # Losses relative to their mean.
        loss = loss / (jnp.mean(loss) + 0.5)
    return loss


@family(
    "branch",
    "nested_branch",
    ratio="... n in 0.5..1.6",
    advantage="... n",
    value_error="? ... n",
    entropy="? ... n in 0..2",
    mask="? ... n bool",
    clip_range=(0.1, 0.2, 0.3),
    dual={None: 2, 3.0: 1, 2.0: 1},
    form=(Code('"where"'), Code('"where"'), Code('"select"')),
    penalty_weight={None: 3, 0.01: 1, 0.1: 1},
)
def ppo_objective(
    ratio,
    advantage,
    value_error=None,
    entropy=None,
    mask=None,
    *,
    clip_range=0.2,
    dual=None,
    form="where",
    penalty_weight=None,
):
    """The clipped objective of a policy gradient, for each action.

    Args:
      ratio: how much more probable each action has become.
      advantage: the advantage of each action.
      value_error: the errors of the estimated values.
      entropy: the entropy of the policy in each state.
      mask: which actions count.
      clip_range: how far ratios may be from one.
      penalty_weight: the weight of a penalty for changes of the policy.
      dual: a lower bound for actions that are worse, as a multiple of the advantage.
    """
    low = 1.0 - clip_range
    high = 1.0 + clip_range
    better = advantage >= 0
    if form == "select":
        bounded = jnp.select([better, ~better], [jnp.minimum(ratio, high), jnp.maximum(ratio, low)])
    else:
        bounded = jnp.where(better, jnp.minimum(ratio, high), jnp.maximum(ratio, low))
    objective = bounded * advantage
    if dual is not None:
        objective = jnp.where(better, objective, jnp.maximum(objective, dual * advantage))
    if penalty_weight is not None:
        objective = objective - penalty_weight * ratio * jnp.log(ratio)
    if value_error is not None:
        objective = objective - 0.5 * jnp.square(value_error)
    if entropy is not None:
        # Keep exploring.
        objective = objective + 0.01 * entropy
    if mask is not None:
        # Steps after the end of an episode don't count.
        objective = jnp.where(mask, objective, 0.0)
    return objective


@family(
    "branch",
    "nested_branch",
    reward="... n",
    next_value="... n",
    done="... n bool",
    truncated="? ... n bool",
    other_value="? ... n",
    value="? ... n",
    discount=(0.99, 0.95, 0.9),
    scale={None: 2, "clip": 1, "log": 1, "tanh": 1},
    transform={None: 3, "root": 1},
    form=(Code('"where"'), Code('"where"'), Code('"product"'), Code('"select"')),
    huber={None: 3, 1.0: 1},
)
def td_target(
    reward,
    next_value,
    done,
    truncated=None,
    other_value=None,
    value=None,
    *,
    discount=0.99,
    scale=None,
    transform=None,
    form="where",
    huber=None,
):
    """The target of a value function after one step, or the error of the present value.

    Args:
      reward: the rewards.
      next_value: the estimated values of the next states.
      done: whether an episode has ended.
      truncated: whether an episode was cut off, so that the next state still counts.
      other_value: a second estimate of the next states.
      value: the estimated values of the present states.
      scale: how rewards are scaled.
      huber: the size from which errors count linearly.
    """
    if scale == "clip":
        reward = jnp.clip(reward, -1.0, 1.0)
    elif scale == "log":
        reward = jnp.sign(reward) * jnp.log1p(jnp.abs(reward))
    elif scale == "tanh":
        reward = jnp.tanh(reward)
    if other_value is not None:
        # The smaller of two estimates.
        next_value = jnp.minimum(next_value, other_value)
    if truncated is not None:
        done = done & ~truncated
    if transform == "root":
        next_value = jnp.sign(next_value) * jnp.square(next_value)
    if form == "product":
        target = reward + discount * jnp.where(done, 0.0, next_value)
    elif form == "select":
        target = lax.select(done, reward, reward + discount * next_value)
    else:
        target = jnp.where(done, reward, reward + discount * next_value)
    if value is not None:
        error = target - value
        if huber is not None:
            size = jnp.abs(error)
            return jnp.where(size < huber, 0.5 * jnp.square(error), huber * (size - 0.5 * huber))
        return error
    return target


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
    income="n in 5..100",
    allowance="? n in 1..12",
    children="? n int 4",
    married="? n bool",
    other="? n in 0..20",
    form=(Code('"select"'), Code('"where"'), Code('"nested"'), Code('"piecewise"')),
    credit={None: 3, 2.0: 1, 1.0: 1},
    surcharge={None: 2, "rich": 1, "share": 1},
    output=("tax", "tax", "net", "rate"),
    only="float32",
)
def income_tax(
    income,
    allowance=None,
    children=None,
    married=None,
    other=None,
    *,
    form="select",
    credit=None,
    surcharge=None,
    output="tax",
):
    """The tax on each income, whose rate rises with the income.

    Args:
      income: the incomes in thousands.
      allowance: the part of each income that is free.
      children: the number of children.
      married: whether the income is split between two.
      other: other incomes.
      form: how the brackets are written.
      credit: what is taken from the tax.
      surcharge: a tax on the tax of large incomes.
      output: which quantity is wanted.
    """
    taxable = income
    if other is not None:
        taxable = taxable + other
    if allowance is not None:
        taxable = taxable - allowance
    if children is not None:
        taxable = taxable - 1.5 * children.astype(income.dtype)
    tax = bracket_tax(taxable, form=form)
    if married is not None:
        # Two halves are taxed by themselves.
        tax = jnp.where(married, 2.0 * bracket_tax(0.5 * taxable, form=form), tax)
    if credit is not None:
        tax = tax - credit
    if surcharge == "rich":
        tax = jnp.where(taxable > 60.0, 1.05 * tax, tax)
    elif surcharge == "share":
        tax = tax + 0.02 * jnp.maximum(0.0, taxable - 60.0)
    if output == "net":
        return income - tax
    if output == "rate":
        return tax / income
    return tax


@family(
    "branch",
    "nested_branch",
    usage="... n in 0..12",
    solar="... n in 0..6",
    night="? ... n bool",
    capacity="? ... n in 2..10",
    price="? ... n in 0.2..0.5",
    blocks=("two", "three", "seasonal", "flat"),
    feed_in=(0.05, 0.08),
    demand={None: 2, "penalty": 1, "rebate": 1},
    fee={None: 2, 0.5: 1, 1.2: 1},
    tax={None: 3, 1.19: 1},
)
def energy_bill(
    usage,
    solar,
    night=None,
    capacity=None,
    price=None,
    *,
    blocks="two",
    feed_in=0.05,
    demand=None,
    fee=None,
    tax=None,
):
    """What electricity costs under a tariff with blocks.

    Args:
      usage: the energy that is used in kilowatt hours.
      solar: the energy that the roof delivers.
      night: whether it is used at night, which is cheaper.
      capacity: the energy that the contract covers.
      price: the price of a kilowatt hour.
      blocks: how the price depends on the amount.
      feed_in: what is paid for energy that is delivered.
      demand: what large users pay or get.
      fee: a fee for each bill.
      tax: a factor of the bill.
    """
    if price is None:
        price = 0.3
    net = usage - solar
    if blocks == "two":
        cost = jnp.where(net < 4.0, price * net, 4.0 * price + 1.3 * price * (net - 4.0))
    elif blocks == "three":
        cost = jnp.select(
            [net < 3.0, net < 7.0],
            [price * net, price * (1.2 * net - 0.6)],
            price * (1.6 * net - 3.4),
        )
    elif blocks == "seasonal":
        cost = jnp.where(usage > 6.0, 1.25 * price * net, price * net)
    else:
        cost = jnp.where(net > 0, price * net, feed_in * net)
    if night is not None:
        cost = jnp.where(night, 0.7 * cost, cost)
    if capacity is not None:
        excess = usage - capacity
        if demand == "penalty":
            cost = cost + jnp.where(excess > 0, 0.5 * excess, 0.0)
        elif demand == "rebate":
            # Who stays far below the contract gets something back.
            cost = cost - jnp.where(excess < -2.0, 0.1 * jnp.abs(excess), 0.0)
        else:
            cost = cost + 0.1 * jnp.maximum(0.0, excess)
    if fee is not None:
        cost = cost + fee
    if tax is not None:
        cost = tax * cost
    return cost


# ---------------------------------------------------------------- mechanics


@family(
    "branch",
    "nested_branch",
    strain="... n in -0.03..0.03",
    modulus="? ... n in 80..200",
    temperature="? ... n in 0..1",
    plastic="? ... n in -0.005..0.005",
    damage="? ... n in 0..0.5",
    law=("perfect", "linear", "power", "bilinear", "brittle", "rubber"),
    asymmetric={False: 2, True: 1},
    yield_strain=(0.01, 0.015),
    output=("stress", "stress", "energy", "tangent"),
    softening={False: 3, True: 1},
    only="float32",
)
def material_stress(
    strain,
    modulus=None,
    temperature=None,
    plastic=None,
    damage=None,
    *,
    law="linear",
    asymmetric=False,
    yield_strain=0.01,
    output="stress",
    softening=False,
):
    """The stress of a material that yields, by its strain.

    Args:
      strain: the strains.
      modulus: the modulus of elasticity in gigapascals.
      temperature: the temperature as a part of that of melting.
      plastic: the strains that remain without a load.
      damage: the part of each cross section that is lost.
      law: what happens beyond the yield strain.
      asymmetric: whether the material is stiffer under pressure.
      yield_strain: the strain at which it yields.
      output: which quantity is wanted.
      softening: whether very large strains break it.

    Returns:
      The stresses, or what is asked for instead.
    """
    if modulus is None:
        modulus = 120.0
    if temperature is not None:
        modulus = modulus * (1.0 - 0.4 * temperature)
    if plastic is not None:
        strain = strain - plastic
    size = jnp.abs(strain)
    elastic = modulus * size
    limit = modulus * yield_strain
    excess = size - yield_strain
    if law == "perfect":
        beyond = limit + 1e-3 * elastic
    elif law == "power":
        beyond = limit * jnp.sqrt((size + 1e-4) / yield_strain)
    elif law == "bilinear":
        beyond = limit + 0.1 * modulus * excess
    elif law == "brittle":
        beyond = limit * jnp.exp(-50.0 * excess)
    elif law == "rubber":
        beyond = limit + modulus * excess + 2e3 * jnp.square(excess)
    else:
        beyond = limit + 0.05 * modulus * excess
    stress = jnp.where(size < yield_strain, elastic, beyond)
    if softening:
        stress = jnp.where(size > 0.025, 0.6 * stress, stress)
    if asymmetric:
        stress = jnp.where(strain < 0, 1.2 * stress, stress)
    if damage is not None:
        # What is left of the cross section carries the load.
        stress = (1.0 - damage) * stress
    if output == "energy":
        return 500.0 * stress * size
    if output == "tangent":
        return stress / (size + 0.01)
    return jnp.sign(strain) * stress


@family(
    "branch",
    "nested_branch",
    velocity="... n in -1..1",
    force="... n in -2..2",
    normal="? ... n in 0.5..2",
    wet="? ... n bool",
    slope="? ... n in -0.3..0.3",
    law=("coulomb", "stribeck", "viscous", "regularised", "lubricated"),
    threshold=(0.1, 0.2, 0.3),
    static=(0.6, 0.8),
    stick=("clip", "where", "sign", "spring"),
    output=("friction", "friction", "total", "power"),
)
def friction_force(
    velocity,
    force,
    normal=None,
    wet=None,
    slope=None,
    *,
    law="coulomb",
    threshold=0.2,
    static=0.6,
    stick="clip",
    output="friction",
):
    """The friction of bodies that stick or slip.

    Args:
      velocity: the velocities.
      force: the forces that drive the bodies.
      normal: the forces that press them to the ground.
      wet: whether the ground is wet.
      slope: the slope of the ground.
      law: the law of sliding friction.
      threshold: the speed below which a body sticks.
      static: the coefficient of static friction.
      stick: how the friction of a body that sticks is computed.
      output: which quantity is wanted.
    """
    if normal is None:
        normal = 1.0
    if slope is not None:
        force = force - normal * jnp.sin(slope)
    speed = jnp.abs(velocity)
    if wet is not None:
        kinetic = jnp.where(wet, 0.3, 0.5)
    else:
        kinetic = 0.5
    if law == "stribeck":
        coefficient = kinetic + 0.2 * jnp.exp(-jnp.square(speed / 0.3))
    elif law == "viscous":
        coefficient = kinetic + 0.3 * speed
    elif law == "regularised":
        coefficient = kinetic * jnp.tanh(4.0 * speed)
    elif law == "lubricated":
        coefficient = kinetic / (1.0 + speed) + 0.1 * speed
    else:
        coefficient = kinetic * jnp.ones_like(speed)
    sliding = -jnp.sign(velocity) * coefficient * normal
    most = static * normal
    if stick == "clip":
        sticking = -jnp.clip(force, -most, most)
    elif stick == "where":
        # It holds as long as the force is small.
        sticking = jnp.where(jnp.abs(force) < most, -force, -most * jnp.sign(force))
    elif stick == "spring":
        sticking = -most * jnp.tanh(force)
    else:
        sticking = -0.9 * force
    friction = jnp.where(speed < threshold, sticking, sliding)
    if output == "total":
        return force + friction
    if output == "power":
        return friction * velocity
    return friction


@family(
    "branch",
    "nested_branch",
    gap="... n in -0.5..0.5",
    velocity="... n in -1..1",
    stiffness="? ... n in 20..60",
    adhesion="? ... n in 0.1..1",
    tangential="? ... n",
    law=("linear", "hertz", "quadratic", "exponential", "hunt"),
    damping=(0.5, 1.0, 2.0),
    form=(Code('"where"'), Code('"lax"'), Code('"select"')),
    pull={True: 1, False: 2},
    output=("normal", "normal", "energy", "ratio"),
)
def contact_force(
    gap,
    velocity,
    stiffness=None,
    adhesion=None,
    tangential=None,
    *,
    law="linear",
    damping=1.0,
    form="where",
    pull=False,
    output="normal",
):
    """The force between bodies that touch where the gap is negative.

    Args:
      gap: the distance of the surfaces.
      velocity: how fast the gap opens.
      stiffness: the stiffness of the contact.
      adhesion: the force of adhesion, which acts near the surface.
      tangential: the forces along the surface.
      law: the law of the contact.
      damping: the coefficient of damping.
      form: how the cases are told apart.
      pull: whether damping may pull the bodies together.
      output: which quantity is wanted.
    """
    if stiffness is None:
        stiffness = 40.0
    depth = jnp.maximum(0.0, -gap)
    if law == "hertz":
        elastic = stiffness * depth * jnp.sqrt(depth + 1e-3)
    elif law == "quadratic":
        elastic = stiffness * jnp.square(depth)
    elif law == "exponential":
        elastic = stiffness * jnp.expm1(depth)
    else:
        elastic = stiffness * depth
    if law == "hunt":
        damped = elastic * (1.0 - 0.3 * velocity)
    else:
        damped = elastic - damping * velocity
    if not pull:
        # The damping doesn't pull.
        damped = jnp.maximum(0.0, damped)
    if form == "lax":
        force = lax.select(gap < 0, damped, jnp.zeros_like(gap))
    elif form == "select":
        force = jnp.select([gap < 0, gap < 0.1], [damped, 0.5 * (0.1 - gap)], 0.0)
    else:
        force = jnp.where(gap < 0, damped, 0.0)
    if adhesion is not None:
        force = force - jnp.where(jnp.abs(gap) < 0.2, adhesion, 0.0)
    if output == "energy":
        force = 0.5 * force * depth
    elif output == "ratio":
        force = force / stiffness
    if tangential is not None:
        # Coulomb's limit of the force along the surface.
        most = 0.5 * jnp.abs(force) + 0.1
        slipping = jnp.abs(tangential) > most
        force = force + jnp.where(slipping, most * jnp.sign(tangential), tangential)
    return force


@family(
    "branch",
    "nested_branch",
    speed="... n in 2..60",
    throttle="... n in 0..1",
    slope="? ... n in -0.1..0.1",
    sport="? ... n bool",
    load="? ... n in 0.8..1.5",
    gears=(2, 3, 4),
    curve=("flat", "parabola", "electric"),
    kickdown={False: 2, True: 1},
    limiter={None: 2, "cut": 1, "fade": 1},
    output=("torque", "torque", "force", "power"),
    only="float32",
)
def shift_gears(
    speed,
    throttle,
    slope=None,
    sport=None,
    load=None,
    *,
    gears=3,
    curve="flat",
    kickdown=False,
    limiter=None,
    output="torque",
):
    """The torque at the wheels of a vehicle that shifts its gears by itself.

    Args:
      speed: the speed in metres per second.
      throttle: how far the throttle is open.
      slope: the slope of the road.
      sport: whether it shifts later.
      load: the load as a part of the usual one.
      gears: the number of gears.
      curve: how the torque of the motor depends on its speed.
      kickdown: whether a full throttle takes the lower gear.
      limiter: what happens at the largest speed of the motor.
      output: which quantity is wanted.
    """
    if sport is not None:
        throttle = jnp.where(sport, 1.2 * throttle, throttle)
        effective = jnp.where(sport, 0.8 * speed, speed)
    elif kickdown:
        effective = jnp.where(throttle > 0.8, 0.7 * speed, speed)
    else:
        effective = speed
    if gears == 2:
        ratio = jnp.where(effective < 20.0, 3.0, 1.5)
    elif gears == 3:
        ratio = jnp.select([effective < 12.0, effective < 28.0], [3.5, 2.0], 1.2)
    else:
        ratio = jnp.select(
            [effective < 10.0, effective < 20.0, effective < 35.0], [3.8, 2.3, 1.5], 1.0
        )
    revolutions = ratio * speed / 10.0
    if curve == "parabola":
        torque = throttle * (1.0 + 0.3 * revolutions - 0.04 * jnp.square(revolutions))
    elif curve == "electric":
        torque = throttle * 2.0 / (1.0 + 0.2 * revolutions)
    else:
        torque = throttle * 1.2 + 0.01 * revolutions
    if limiter == "cut":
        # The motor must not turn faster.
        torque = jnp.where(revolutions > 6.0, 0.2 * torque, torque)
    elif limiter == "fade":
        torque = torque * jax.nn.sigmoid(2.0 * (7.0 - revolutions))
    wheel = ratio * torque
    if load is not None:
        wheel = wheel / load
    if slope is not None:
        wheel = wheel - 5.0 * slope
    if output == "force":
        return wheel / 0.3
    if output == "power":
        return wheel * speed
    return wheel


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
    if function == "entropy":
        return -x * jnp.log(x)
    return jnp.log(x) / x


@family(
    "nested_branch",
    "branch",
    x="... n",
    offset="? n in -0.5..0.5",
    weights="? ... n in 0.2..2",
    function=("log", "sqrt", "reciprocal", "power", "entropy", "ratio"),
    fill=("zero", "linear", "constant", "mirror"),
    threshold=(0.1, 0.2, 0.05),
    form=(Code('"double"'), Code('"double"'), Code('"lax"'), Code('"maximum"')),
    mapped={None: 3, "square": 1, "double": 1},
)
def safe_function(
    x,
    offset=None,
    weights=None,
    *,
    function="log",
    fill="zero",
    threshold=0.1,
    form="double",
    mapped=None,
):
    """Applies a function where it is defined, with finite gradients everywhere.

    Args:
      x: the values.
      offset: what is added to them before.
      weights: a factor of each result.
      function: the function.
      fill: what stands where it isn't defined.
      threshold: the least value at which it is applied.
      form: how bad values are kept from it.
    """
    if offset is not None:
        x = x + offset
    if mapped == "square":
        x = jnp.square(x) - 0.5
    elif mapped == "double":
        x = 2.0 * x
    ok = x > threshold
    if form == "double":
        # Gradients of what isn't chosen must be finite, too.
        safe = jnp.where(ok, x, 1.0)
    elif form == "lax":
        safe = lax.select(ok, x, jnp.ones_like(x))
    else:
        safe = jnp.maximum(x, threshold)
    value = guarded_function(safe, function=function)
    if fill == "linear":
        out = jnp.where(ok, value, x - threshold)
    elif fill == "constant":
        out = jnp.where(ok, value, -1.0)
    elif fill == "mirror":
        out = jnp.where(ok, value, -value)
    else:
        out = jnp.where(ok, value, 0.0)
    if weights is not None:
        out = weights * out
    return out


@family(
    "nested_branch",
    "branch",
    numerator="... n",
    denominator="... n",
    fallback="? ... n",
    weights="? ... n in 0.2..2",
    mask="? ... n bool",
    guard=("nonzero", "positive", "sign", "single"),
    threshold=(0.1, 0.2, 0.3),
    bound={None: 2, "clip": 1, "where": 1, "tanh": 1},
    percent={False: 3, True: 1},
    log={False: 3, True: 1},
)
def safe_ratio(
    numerator,
    denominator,
    fallback=None,
    weights=None,
    mask=None,
    *,
    guard="nonzero",
    threshold=0.1,
    bound=None,
    percent=False,
    log=False,
):
    """Divides element by element, but not by numbers near zero.

    Args:
      numerator: the numerators.
      denominator: the denominators.
      fallback: what stands where nothing is divided; zero by default.
      weights: a factor of the numerators.
      mask: where the quotient is wanted.
      guard: which denominators are too small, and what is done then.
      threshold: the least denominator.
      bound: what is done with large quotients.
      percent: whether the result is in percent.
    """
    if weights is not None:
        numerator = weights * numerator
    if guard == "positive":
        ok = denominator > threshold
    else:
        ok = jnp.abs(denominator) > threshold
    if mask is not None:
        ok = ok & mask
    if guard == "sign":
        safe = jnp.where(denominator < 0, -1.0, 1.0) * jnp.maximum(jnp.abs(denominator), threshold)
    elif guard == "single":
        safe = jnp.sqrt(jnp.square(denominator) + threshold)
    else:
        safe = jnp.where(ok, denominator, 1.0)
    ratio = numerator / safe
    if fallback is not None:
        ratio = jnp.where(ok, ratio, fallback)
    else:
        ratio = jnp.where(ok, ratio, 0.0)
    if bound == "clip":
        ratio = jnp.clip(ratio, -3.0, 3.0)
    elif bound == "where":
        # Very large quotients are no better than none.
        ratio = jnp.where(jnp.abs(ratio) < 4.0, ratio, 0.0)
    elif bound == "tanh":
        ratio = 3.0 * jnp.tanh(ratio / 3.0)
    if log:
        ratio = jnp.sign(ratio) * jnp.log1p(jnp.abs(ratio))
    if percent:
        ratio = 100.0 * ratio
    return ratio


@family(
    "nested_branch",
    a="... n in 0.3..2",
    b="... n",
    c="... n in -1..1",
    complex_part=("modulus", "vertex", "zero", "real"),
    root=("larger", "smaller", "stable", "nearest"),
    reduced={Code("False"): 3, Code("True"): 1},
    polish={None: 3, 1: 1, 2: 1},
    scale={None: 3, "leading": 1},
)
def quadratic_root(
    a, b, c, *, complex_part="modulus", root="larger", reduced=False, polish=None, scale=None
):
    """One root of each quadratic equation, or something else where there is none.

    Args:
      a: the coefficients of the square.
      b: the coefficients of the variable.
      c: the constants.
      complex_part: what stands where there is no real root.
      root: which root is wanted.
      polish: the number of Newton steps.
    """
    if scale == "leading":
        b = b / a
        c = c / a
        a = jnp.ones_like(a)
    if reduced:
        half = 0.5 * b
        discriminant = jnp.square(half) - a * c
    else:
        half = b / 2.0
        discriminant = (jnp.square(b) - 4.0 * a * c) / 4.0
    real = discriminant > 0.01
    safe = jnp.where(real, discriminant, 1.0)
    square_root = jnp.sqrt(safe)
    if root == "larger":
        value = (square_root - half) / a
    elif root == "smaller":
        value = (-square_root - half) / a
    elif root == "stable":
        # Never subtract two numbers that are nearly equal.
        q = -(half + jnp.where(half < 0, -1.0, 1.0) * square_root)
        value = q / a
    else:
        value = (jnp.where(half > 0, square_root, -square_root) - half) / a
    if polish is not None:
        for _ in range(polish):
            value = value - (value * (a * value + b) + c) / (2.0 * a * value + b)
    if complex_part == "modulus":
        other = jnp.sqrt(jnp.abs(c / a) + 0.01)
    elif complex_part == "vertex":
        other = -half / a
    elif complex_part == "real":
        other = -half / a + 0.5 * discriminant
    else:
        other = 0.0
    return jnp.where(real, value, other)


# ---------------------------------------------------------------- control


def membership_shape(x, shape="trapezoid"):
    if shape == "trapezoid":
        rising = x + 1.5
        falling = 1.5 - x
        return jnp.select(
            [x < -1.5, x < -0.5, x < 0.5, x < 1.5],
            [jnp.zeros_like(x), rising, jnp.ones_like(x), falling],
        )
    if shape == "triangle":
        return jnp.where(jnp.abs(x) < 1.0, 1.0 - jnp.abs(x), 0.0)
    if shape == "s_curve":
        low = 0.5 * jnp.square(x + 1.0)
        high = 1.0 - 0.5 * jnp.square(x - 1.0)
        inside = jnp.where(x < 0, low, high)
        return jnp.where(jnp.abs(x) < 1.0, inside, (x > 0).astype(x.dtype))
    if shape == "bell":
        return jnp.where(x < 0, jnp.exp(-jnp.square(x)), jnp.exp(-0.25 * jnp.square(x)))
    return jnp.where(x < 0, 1.0 / (1.0 + jnp.square(x)), 1.0 / (1.0 + 4.0 * jnp.square(x)))


@family(
    "branch",
    "nested_branch",
    x="... n",
    other="? ... n",
    importance="? ... n in 0.3..1",
    width="? in 0.6..1.5",
    shape=("trapezoid", "triangle", "s_curve", "bell", "cauchy"),
    hedge={None: 2, "very": 1, "somewhat": 1, "not": 1, "intensify": 1},
    norm=("minimum", "product", "lukasiewicz", "maximum"),
    centre={None: 2, 0.5: 1, 0.25: 1},
)
def membership(
    x,
    other=None,
    importance=None,
    width=None,
    *,
    shape="trapezoid",
    hedge=None,
    norm="minimum",
    centre=None,
):
    """How far values belong to a fuzzy set.

    Args:
      x: the values.
      other: other values that must belong to the set as well.
      importance: a factor of each result.
      width: the width of the set.
      shape: the shape of the set.
      hedge: a word that modifies it.
      norm: how two degrees are combined.
      centre: the middle of the set.
    """
    if centre is not None:
        x = x - centre
    if width is not None:
        x = x / width
    degree = membership_shape(x, shape=shape)
    if other is not None:
        second = membership_shape(other, shape=shape)
        if norm == "minimum":
            degree = jnp.minimum(degree, second)
        elif norm == "product":
            degree = degree * second
        elif norm == "lukasiewicz":
            degree = jnp.maximum(0.0, degree + second - 1.0)
        else:
            degree = jnp.maximum(degree, second)
    if hedge == "very":
        degree = jnp.square(degree)
    elif hedge == "somewhat":
        degree = jnp.sqrt(degree + 1e-2)
    elif hedge == "not":
        degree = 1.0 - degree
    elif hedge == "intensify":
        # Move degrees away from one half.
        low = 2.0 * jnp.square(degree)
        high = 1.0 - 2.0 * jnp.square(1.0 - degree)
        degree = jnp.where(degree < 0.5, low, high)
    if importance is not None:
        degree = importance * degree
    return degree


@family(
    "branch",
    "nested_branch",
    x="... n",
    gain="? ... n in 0.5..1.5",
    bias="? n in -0.3..0.3",
    active="? ... n bool",
    kind=("zone", "backlash", "stairs", "soft", "relay", "asymmetric"),
    width=(0.3, 0.5, 0.75),
    saturation={None: 2, "clip": 1, "where": 1, "tanh": 1},
    form=(Code('"where"'), Code('"where"'), Code('"select"'), Code('"lax"')),
    slope={None: 3, 0.1: 1},
)
def dead_zone(
    x,
    gain=None,
    bias=None,
    active=None,
    *,
    kind="zone",
    width=0.5,
    saturation=None,
    form="where",
    slope=None,
):
    """The response of an actuator that ignores small commands.

    Args:
      x: the commands.
      gain: the gain of each actuator.
      bias: the error of each actuator.
      active: which actuators are switched on.
      kind: what happens to larger commands.
      width: the largest command that is ignored.
      saturation: what happens to very large commands.
      form: how the cases are told apart.
      slope: the slope within the zone.
    """
    if bias is not None:
        x = x + bias
    size = jnp.abs(x)
    if kind == "zone":
        outside = x - jnp.clip(x, -width, width)
    elif kind == "backlash":
        outside = x - 0.5 * width * jnp.sign(x)
    elif kind == "stairs":
        outside = jnp.round(2.0 * x) / 2.0 + 0.1 * x
    elif kind == "soft":
        outside = x * (1.0 - jnp.exp(-jnp.square(x)))
    elif kind == "relay":
        outside = jnp.sign(x) + 0.2 * x
    else:
        outside = jnp.maximum(x, 0.5 * x)
    if slope is not None:
        inside = slope * x
    else:
        inside = jnp.zeros_like(x)
    if form == "select":
        out = jnp.select([x > width, x < -width], [outside, outside], inside)
    elif form == "lax":
        out = lax.select(size > width, outside, inside)
    else:
        out = jnp.where(size > width, outside, inside)
    if gain is not None:
        out = gain * out
    if saturation == "clip":
        out = jnp.clip(out, -1.2, 1.2)
    elif saturation == "where":
        # Beyond its limit the actuator moves little.
        out = jnp.where(jnp.abs(out) < 1.0, out, jnp.sign(out) + 0.1 * out)
    elif saturation == "tanh":
        out = jnp.tanh(out)
    if active is not None:
        out = jnp.where(active, out, 0.0)
    return out


@family(
    "branch",
    "nested_branch",
    temperature="... n in 14..28",
    setpoint="... n in 18..24",
    outside="? ... n in -5..35",
    occupied="? ... n bool",
    price="? ... n in 0.1..0.5",
    mode=("heat", "both", "proportional", "economy"),
    band=(0.5, 1.0, 1.5),
    setback={None: 2, 2.0: 1, 3.0: 1},
    protect={False: 2, True: 1},
    only="float32",
)
def thermostat(
    temperature,
    setpoint,
    outside=None,
    occupied=None,
    price=None,
    *,
    mode="both",
    band=1.0,
    setback=None,
    protect=False,
):
    """The power of heating (positive) and cooling (negative) in each room.

    Args:
      temperature: the temperature of each room.
      setpoint: the temperature that is wanted.
      outside: the temperature outside.
      occupied: whether somebody is there.
      price: the price of energy.
      mode: what the device can do.
      band: how far temperatures may be off.
      setback: how much colder an empty room may be.
      protect: whether very cold rooms are heated in any case.
    """
    if occupied is not None:
        if setback is not None:
            setpoint = jnp.where(occupied, setpoint, setpoint - setback)
        else:
            setpoint = jnp.where(occupied, setpoint, 17.0)
    error = setpoint - temperature
    if mode == "heat":
        power = jnp.where(error > band, 0.4 * error, 0.0)
    elif mode == "both":
        power = jnp.select([error > band, error < -band], [0.5 * error, 0.3 * error], 0.0)
    elif mode == "proportional":
        power = jnp.where(jnp.abs(error) > band, jnp.tanh(error), 0.1 * error)
    else:
        # Little power near the setpoint, more only far below.
        strong = jnp.where(error > 3.0, 1.5 * error, 0.5 * error)
        power = jnp.where(error > band, strong, 0.1 * error)
    if outside is not None:
        power = power + 0.01 * (temperature - outside)
    if price is not None:
        power = jnp.where(price > 0.3, 0.5 * power, power) / (1.0 + price)
    if protect:
        power = jnp.where(temperature < 16.0, power + 2.0, power)
    return power


@family(
    "branch",
    "nested_branch",
    wind="... n in 0..28",
    density="? ... n in 1..1.3",
    temperature="? ... n in -20..40",
    available="? ... n bool",
    wake="? ... n in 0.7..1",
    curve=("cubic", "linear", "logistic", "quadratic"),
    storm=("stop", "ramp"),
    form=(Code('"select"'), Code('"nested"')),
    icing={None: 2, "derate": 1, "stop": 1},
    curtail={None: 3, 0.8: 1, 0.6: 1},
    only="float32",
)
def turbine_power(
    wind,
    density=None,
    temperature=None,
    available=None,
    wake=None,
    *,
    curve="cubic",
    storm="stop",
    form="select",
    icing=None,
    curtail=None,
):
    """The power of wind turbines as a part of their rated power.

    Args:
      wind: the speed of the wind in metres per second.
      density: the density of the air.
      temperature: the temperature of the air.
      available: whether a turbine is available.
      wake: how much of the wind other turbines leave.
      curve: the curve between the lowest and the rated speed.
      storm: what happens in a storm.
      form: how the cases are written.
      icing: what happens when it is cold.
      curtail: the most that the grid takes.
    """
    if wake is not None:
        wind = wake * wind
    if density is not None:
        wind = wind * jnp.cbrt(density / 1.225)
    if curve == "linear":
        partial = (wind - 3.0) / 9.0
    elif curve == "quadratic":
        partial = jnp.square((wind - 3.0) / 9.0)
    elif curve == "logistic":
        partial = jax.nn.sigmoid(wind - 7.5)
    else:
        partial = (wind**3 - 27.0) / 1701.0
    rated = jnp.ones_like(wind)
    if storm == "ramp":
        high = 1.0 - 0.1 * (wind - 22.0)
    else:
        high = jnp.zeros_like(wind)
    if form == "select":
        power = jnp.select([wind < 3.0, wind < 12.0, wind < 22.0], [0.0, partial, rated], high)
    else:
        running = jnp.where(wind < 12.0, partial, jnp.where(wind < 22.0, rated, high))
        power = jnp.where(wind < 3.0, 0.0, running)
    if curtail is not None:
        power = jnp.minimum(power, curtail)
    if temperature is not None:
        if icing == "derate":
            power = jnp.where(temperature < 0.0, 0.8 * power, power)
        elif icing == "stop":
            power = jnp.where(temperature < -10.0, 0.0, power)
        power = power * (1.0 - 0.002 * (temperature - 15.0))
    if available is not None:
        # Turbines under repair deliver nothing.
        power = jnp.where(available, power, 0.0)
    return power


@family(
    "branch",
    "nested_branch",
    left="... n",
    right="... n",
    smoothness="? ... n in 0.2..2",
    limiter=("minmod", "superbee", "van_leer", "central", "van_albada", "ospre", "compressive"),
    form=(Code('"where"'), Code('"where"'), Code('"select"'), Code('"lax"')),
    spacing={None: 3, 0.5: 1, 0.1: 1},
    extremum={None: 3, "damp": 1, "mean": 1},
    sharpen={None: 3, 1.5: 1},
)
def slope_limiter(
    left,
    right,
    smoothness=None,
    *,
    limiter="minmod",
    form="where",
    spacing=None,
    extremum=None,
    sharpen=None,
):
    """The limited slope in each cell of a grid, from the differences on both sides.

    Args:
      left: the differences to the left neighbours.
      right: the differences to the right neighbours.
      smoothness: a factor of the slope.
      limiter: the limiter.
      form: how the cases are told apart.
      spacing: the size of a cell.
      extremum: what happens where the differences have opposite signs.
    """
    if spacing is not None:
        left = left / spacing
        right = right / spacing
    product = left * right
    if limiter == "minmod":
        slope = jnp.sign(left) * jnp.minimum(jnp.abs(left), jnp.abs(right))
    elif limiter == "superbee":
        first = jnp.minimum(2.0 * jnp.abs(left), jnp.abs(right))
        second = jnp.minimum(jnp.abs(left), 2.0 * jnp.abs(right))
        slope = jnp.sign(left) * jnp.maximum(first, second)
    elif limiter == "van_leer":
        slope = 2.0 * product / (jnp.abs(left + right) + 1e-2) * jnp.sign(left)
    elif limiter == "central":
        least = jnp.minimum(jnp.abs(left), jnp.abs(right))
        slope = jnp.sign(left) * jnp.minimum(0.5 * jnp.abs(left + right), 2.0 * least)
    elif limiter == "van_albada":
        slope = product * (left + right) / (jnp.square(left) + jnp.square(right) + 1e-2)
    elif limiter == "ospre":
        squared = jnp.square(left) + jnp.square(right)
        slope = 1.5 * product * (left + right) / (squared + product + 1e-2)
    else:
        slope = jnp.sign(left) * jnp.maximum(jnp.abs(left), jnp.abs(right))
    if extremum == "damp":
        flat = 0.1 * (left + right)
    elif extremum == "mean":
        flat = 0.5 * (left + right)
    else:
        flat = jnp.zeros_like(left)
    if form == "select":
        limited = jnp.select([product > 0], [slope], flat)
    elif form == "lax":
        limited = lax.select(product > 0, slope, flat)
    else:
        limited = jnp.where(product > 0, slope, flat)
    if sharpen is not None:
        # Steep slopes are those of shocks.
        limited = jnp.where(jnp.abs(limited) > 1.0, sharpen * limited, limited)
    if smoothness is not None:
        limited = smoothness * limited
    return limited


@family(
    "nested_branch",
    "branch",
    actual="n in 0.05..1",
    predicted="n in 0.3..1",
    radius="n in 0.2..2",
    step_norm="? n in 0.1..2",
    curvature="? n in -0.5..1",
    rule=(Code('"nested"'), Code('"select"'), Code('"two"'), Code('"chain"')),
    shrink=(0.25, 0.5),
    grow=(2.0, 1.5),
    bound={None: 2, "clip": 1, "where": 1},
    damping={False: 3, True: 1},
)
def trust_region(
    actual,
    predicted,
    radius,
    step_norm=None,
    curvature=None,
    *,
    rule="nested",
    shrink=0.25,
    grow=2.0,
    bound=None,
    damping=False,
):
    """The next radius of the trust region of each problem.

    Args:
      actual: how much each objective has fallen.
      predicted: how much the model had predicted.
      radius: the radii.
      step_norm: the lengths of the last steps.
      curvature: the curvature along the last steps.
      rule: how the rule is written.
      shrink: the factor after a bad step.
      grow: the factor after a good step.
      bound: how radii are bounded.
      damping: whether the reciprocal is wanted, which damps the next step.
    """
    ratio = actual / predicted
    if step_norm is not None:
        # Only steps that reach the boundary ask for more room.
        larger = jnp.where(step_norm > 0.8 * radius, grow * step_norm, radius)
    else:
        larger = grow * radius
    # The worse the model was, the smaller the region.
    smaller = radius * (shrink + 0.5 * ratio)
    if rule == "nested":
        new = jnp.where(ratio < 0.25, smaller, jnp.where(ratio > 0.75, larger, radius))
    elif rule == "select":
        new = jnp.select([ratio < 0.25, ratio > 0.75], [smaller, larger], radius)
    elif rule == "chain":
        new = jnp.where(ratio > 0.75, larger, radius)
        new = jnp.where(ratio < 0.25, smaller, new)
    else:
        new = jnp.where(ratio > 0.5, larger, smaller)
    if curvature is not None:
        new = jnp.where(curvature < 0, 1.5 * new, new / (1.0 + curvature * curvature))
    if bound == "clip":
        new = jnp.clip(new, 0.05, 2.5)
    elif bound == "where":
        new = jnp.where(new > 2.0, 2.0 + 0.1 * new, new)
    if damping:
        return 1.0 / new
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
    if curve == "lab":
        return jnp.where(x > 0.008856, jnp.cbrt(jnp.maximum(x, 1e-3)), 7.787 * x + 0.137931)
    if curve == "decode":
        return jnp.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return jnp.where(x < 0.2, 2.5 * x, 0.5 + 0.25 * jnp.log2(jnp.maximum(x, 0.01) / 0.2))


@family(
    "branch",
    "nested_branch",
    image="h d in 0..1",
    gain="? h d in 0.6..1.4",
    mask="? h d bool",
    shadow="? d in 0..0.1",
    curve=("srgb", "rec709", "hlg", "lab", "decode", "camera"),
    contrast={None: 2, "overlay": 1, "hard": 1},
    levels={None: 3, (0.1, 0.9): 1},
    saturate={False: 2, True: 1},
    blend_back={None: 3, 0.5: 1},
    sizes={"h": (2, 4, 5, 6)},
    only="float32",
)
def transfer(
    image,
    gain=None,
    mask=None,
    shadow=None,
    *,
    curve="srgb",
    contrast=None,
    levels=None,
    saturate=False,
    blend_back=None,
):
    """Applies the transfer curve of a display or a camera to an image.

    Args:
      image: one channel of an image.
      gain: a factor of each pixel.
      mask: the pixels that are changed.
      shadow: what is added to each column.
      curve: the curve.
      contrast: how contrast is added.
      levels: the values that become black and white.
      saturate: whether values are clipped.
      blend_back: the part of the original that stays.
    """
    value = image
    if gain is not None:
        value = gain * value
    if shadow is not None:
        value = value + shadow
    if levels is not None:
        black, white = levels
        value = (value - black) / (white - black)
        value = jnp.maximum(value, 0.2 * value)
    out = encode(value, curve=curve)
    if contrast == "overlay":
        dark = 2.0 * jnp.square(out)
        light = 1.0 - 2.0 * jnp.square(1.0 - out)
        out = jnp.where(out < 0.5, dark, light)
    elif contrast == "hard":
        out = jnp.where(image > 0.5, 1.1 * out, 0.8 * out)
    if saturate:
        out = jnp.clip(out, 0.0, 1.0)
    if blend_back is not None:
        out = out + blend_back * (image - out)
    if mask is not None:
        # Leave the other pixels alone.
        out = jnp.where(mask, out, image)
    return out


@family(
    "branch",
    "nested_branch",
    red="h d in 0..1",
    green="h d in 0..1",
    blue="h d in 0..1",
    mask="? h d bool",
    form=(Code('"nested"'), Code('"select"')),
    output=("hue", "hue", "cosine", "degrees", "chroma"),
    saturation={None: 2, "value": 1, "lightness": 1},
    wrap={False: 2, True: 1},
    sizes={"h": (2, 4, 5, 6)},
)
def hue(red, green, blue, mask=None, *, form="nested", output="hue", saturation=None, wrap=False):
    """The hue of each pixel, or a measure that is based on it.

    Args:
      red: the red channel.
      green: the green channel.
      blue: the blue channel.
      mask: the pixels of interest.
      form: how the cases are written.
      output: which quantity is wanted.
      saturation: a saturation that the result is multiplied by.
    """
    largest = jnp.maximum(red, jnp.maximum(green, blue))
    smallest = jnp.minimum(red, jnp.minimum(green, blue))
    chroma = largest - smallest + 0.02
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
        # Negative hues belong to the end of the circle.
        sector = jnp.where(sector < 0, sector + 6.0, sector)
    if output == "cosine":
        value = jnp.cos(jnp.pi / 3.0 * sector)
    elif output == "degrees":
        value = 60.0 * sector
    elif output == "chroma":
        value = chroma * jnp.sin(jnp.pi / 3.0 * sector)
    else:
        value = sector / 6.0
    if saturation == "value":
        value = value * chroma / (largest + 0.1)
    elif saturation == "lightness":
        value = value * chroma / (1.1 - jnp.abs(largest + smallest - 1.0))
    if mask is not None:
        value = jnp.where(mask, value, 0.0)
    return value


# ---------------------------------------------------------------- cond and switch


def measure(x, statistic="norm"):
    if statistic == "norm":
        return jnp.sqrt(jnp.mean(jnp.square(x)))
    if statistic == "max":
        return jnp.max(jnp.abs(x)) / 1.5
    if statistic == "mean":
        return jnp.mean(jnp.abs(x)) + 0.2
    if statistic == "spread":
        return jnp.std(x)
    return jnp.log(jnp.mean(jnp.exp(jnp.abs(x))))


@family(
    "branch",
    gradient="n d",
    limit="in 0.9..1.5",
    param="? n d",
    momentum="? n d",
    statistic=("norm", "max", "mean", "spread", "log_mean_exp"),
    large=("scale", "clip", "tanh", "soft"),
    small=(None, "boost", "sign", "decay"),
    construct=(Code('"cond"'), Code('"cond"'), Code('"cond_lambda"'), Code('"where"')),
    step=(0.1, 0.05),
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
    only="float32",
)
def clip_update(
    gradient,
    limit,
    param=None,
    momentum=None,
    *,
    statistic="norm",
    large="scale",
    small=None,
    construct="cond",
    step=0.1,
):
    """Tames a gradient that is too large, as measured by one number.

    Args:
      gradient: the gradient.
      limit: the largest measure that is accepted.
      param: the parameters, if the new ones are wanted.
      momentum: the last update.
      statistic: how the gradient is measured.
      large: what is done with a large gradient.
      small: what is done with another.
      construct: how the cases are told apart.
    """
    size = measure(gradient, statistic=statistic)

    def tame(g):
        if large == "scale":
            return g * limit / size
        if large == "clip":
            return jnp.clip(g, -limit, limit)
        if large == "tanh":
            return limit * jnp.tanh(g / limit)
        return g * limit / (limit + jnp.abs(g))

    def keep(g):
        if small == "boost":
            return 1.5 * g
        if small == "sign":
            return 0.5 * g + 0.1 * jnp.sign(g)
        if small == "decay":
            return g * size / (size + 0.1)
        return g

    if construct == "cond":
        update = lax.cond(size > limit, tame, keep, gradient)
    elif construct == "cond_lambda":
        update = lax.cond(size <= limit, lambda g: keep(g), lambda g: 0.9 * tame(g), gradient)
    else:
        update = jnp.where(size > limit, tame(gradient), keep(gradient))
    if momentum is not None:
        update = 0.9 * momentum + 0.1 * update
    if param is not None:
        # Descend.
        return param - step * update
    return update


@family(
    "nested_branch",
    "branch",
    x="n d",
    threshold="in 0.9..1.5",
    reference="? n d",
    flag="? bool",
    statistic=("norm", "max", "mean", "spread", "log_mean_exp"),
    outer={Code('"cond"'): 5, Code('"where"'): 1},
    inner={Code('"cond"'): 4, Code('"where"'): 1, Code('"none"'): 1},
    high=("normalise", "squash", "log", "shrink"),
    low=("scale", "power", "shift", "softplus"),
    axis={None: 2, -1: 1, 0: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
)
def choose_by_statistic(
    x,
    threshold,
    reference=None,
    flag=None,
    *,
    statistic="norm",
    outer="cond",
    inner="cond",
    high="normalise",
    low="scale",
    axis=None,
):
    """Rescales data in a way that depends on how large they are, and on how skewed.

    Args:
      x: the data.
      threshold: the size above which data are large.
      reference: data that are subtracted first.
      flag: whether the result is negated.
      statistic: how the size is measured.
      high: what is done with large data.
      low: what is done with small data.
      axis: the axis along which data are centred; not at all by default.
    """
    if reference is not None:
        x = x - 0.5 * reference
    if axis is not None:
        x = x - 0.5 * jnp.mean(x, axis=axis, keepdims=True)
    size = measure(x, statistic=statistic)

    def rescale_large(v):
        if high == "normalise":
            return threshold * v / size
        if high == "squash":
            return threshold * jnp.tanh(v / threshold)
        if high == "log":
            return jnp.sign(v) * jnp.log1p(jnp.abs(v) / threshold)
        return v / (1.0 + threshold)

    def rescale_small(v):
        if low == "power":
            return v * jnp.abs(v)
        if low == "shift":
            return v - jnp.mean(v) + 1.0
        if low == "softplus":
            return jax.nn.softplus(v)
        return 2.0 * v

    def rescale_any(v):
        skewed = jnp.mean(v) > 0.0
        if inner == "cond":
            return lax.cond(skewed, rescale_small, lambda u: 0.5 * rescale_small(u), v)
        if inner == "where":
            return jnp.where(skewed, rescale_small(v), 0.5 * v)
        return rescale_small(v)

    if outer == "cond":
        out = lax.cond(size > threshold, rescale_large, rescale_any, x)
    else:
        out = jnp.where(size > threshold, rescale_large(x), rescale_any(x))
    if flag is not None:
        out = lax.cond(flag, lambda v: -v, lambda v: v, out)
    return out


@family(
    "branch",
    "nested_branch",
    x="n d",
    mode="int 4",
    scale="? d in 0.5..1.5",
    bias="? d",
    residual="? n d",
    limit="? in 0.6..1.4",
    topic=(Code('"activation"'), Code('"norm"'), Code('"wave"'), Code('"loss"'), Code('"augment"')),
    number=(Code("3"), Code("4")),
    guard={None: 3, "cond": 1, "where": 1},
    clamp={False: 2, True: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
)
def apply_mode(
    x,
    mode,
    scale=None,
    bias=None,
    residual=None,
    limit=None,
    *,
    topic="activation",
    number=3,
    guard=None,
    clamp=False,
):
    """Applies the operation that an integer chooses.

    Args:
      x: the data.
      mode: the number of the operation.
      scale: a factor of each column.
      bias: what is added to each column.
      residual: what is added to the result.
      limit: a bound of the result.
      topic: what kind of operations there are.
      number: how many operations there are.
    """
    if scale is not None:
        x = x * scale
    if bias is not None:
        x = x + bias
    if topic == "activation":
        branches = [jnp.tanh, jax.nn.silu, lambda v: jax.nn.softplus(v) - 0.5, jax.nn.sigmoid]
    elif topic == "norm":
        branches = [
            lambda v: v / (1.0 + jnp.max(jnp.abs(v))),
            lambda v: v - jnp.mean(v, axis=-1, keepdims=True),
            lambda v: v * lax.rsqrt(jnp.mean(jnp.square(v)) + 1e-3),
            lambda v: jax.nn.softmax(v, axis=-1),
        ]
    elif topic == "wave":
        branches = [jnp.sin, lambda v: jnp.cos(2.0 * v), lambda v: v - v**3 / 6.0, jnp.arctan]
    elif topic == "loss":
        branches = [
            lambda v: 0.5 * jnp.square(v),
            lambda v: jnp.log(jnp.cosh(v)),
            lambda v: jnp.sqrt(1.0 + jnp.square(v)) - 1.0,
            jnp.abs,
        ]
    else:
        branches = [lambda v: v[::-1], lambda v: v[:, ::-1], lambda v: 0.5 * v, lambda v: -v]
    if clamp:
        mode = jnp.clip(mode, 0, 2)
    if number == 3:
        out = lax.switch(mode, branches[:3], x)
    else:
        out = lax.switch(mode, branches, x)
    if guard == "cond":
        # Take the result only if it isn't much larger.
        size = jnp.max(jnp.abs(out))
        out = lax.cond(size < 1.5, lambda v: v, lambda v: 0.5 * v, out)
    elif guard == "where":
        out = jnp.where(jnp.abs(out) < 1.0, out, jnp.sign(out))
    if limit is not None:
        out = limit * jnp.tanh(out / limit)
    if residual is not None:
        out = out + residual
    return out


@family(
    "nested_branch",
    "branch",
    dose="n in 1..10",
    clearance="n in 20..120",
    age="? n int 90",
    weights="? n in 40..110",
    severe="? n bool",
    level="? n in 0.2..3",
    rule=(Code('"nested"'), Code('"select"'), Code('"chain"')),
    rounding={None: 3, "half": 1},
    loading={False: 2, True: 1},
    output=("dose", "dose", "daily", "exposure"),
    only="float32",
)
def dosing(
    dose,
    clearance,
    age=None,
    weights=None,
    severe=None,
    level=None,
    *,
    rule="nested",
    rounding=None,
    loading=False,
    output="dose",
):
    """Adjusts doses of a drug to how well patients clear it.

    Args:
      dose: the usual doses.
      clearance: the creatinine clearance of each patient.
      age: the age in years.
      weights: the weight in kilograms.
      severe: whether the infection is severe.
      level: the concentration that was measured.
      rule: how the rule is written.
      rounding: how doses are rounded.
      loading: whether it is the first dose.
      output: which quantity is wanted.
    """
    if weights is not None:
        clearance = clearance * 70.0 / weights
    if rule == "nested":
        factor = jnp.where(
            clearance > 80.0, 1.0, jnp.where(clearance > 50.0, 0.75, 0.01 * clearance)
        )
    elif rule == "select":
        factor = jnp.select([clearance > 80.0, clearance > 50.0], [1.0, 0.75], 0.01 * clearance)
    else:
        factor = 0.5 + 0.004 * clearance
        factor = jnp.where(clearance < 50.0, 0.8 * factor, factor)
    if age is not None:
        factor = jnp.where(age > 65, 0.8 * factor, factor)
    adjusted = factor * dose
    if severe is not None:
        # Better too much than too little.
        adjusted = jnp.where(severe, jnp.maximum(adjusted, 0.9 * dose), adjusted)
    if level is not None:
        adjusted = jnp.where(level > 2.0, 0.5 * adjusted, adjusted / (0.5 + 0.25 * level))
    if loading:
        adjusted = 1.5 * adjusted
    if rounding == "half":
        adjusted = adjusted + 0.5 * lax.stop_gradient(jnp.round(adjusted) - adjusted)
    if output == "daily":
        return 3.0 * adjusted
    if output == "exposure":
        return 60.0 * adjusted / clearance
    return adjusted


@family(
    "branch",
    x="n d",
    update="n d",
    active="n bool",
    step="? in 0.05..0.5",
    target="? n d",
    frozen="? d bool",
    accept=(None, "smaller", "closer", "finite"),
    form=(Code('"where"'), Code('"where"'), Code('"lax"')),
    clip={None: 2, 1.0: 1, 0.5: 1},
    decay={None: 3, 0.1: 1},
    sizes={"n": (2, 4, 5, 6), "d": (2, 4, 6, 8)},
)
def masked_update(
    x,
    update,
    active,
    step=None,
    target=None,
    frozen=None,
    *,
    accept=None,
    form="where",
    clip=None,
    decay=None,
):
    """Updates the rows that are active, and leaves the others as they are.

    Args:
      x: the states.
      update: the proposed changes.
      active: which rows are active.
      step: a factor of the changes.
      target: what states are drawn to.
      frozen: which columns never change.
      accept: which changes are accepted.
      form: how the rows are selected.
    """
    if clip is not None:
        update = jnp.clip(update, -clip, clip)
    if step is not None:
        update = step * update
    if target is not None:
        update = update + 0.1 * (target - x)
    if decay is not None:
        update = update - decay * x
    proposed = x + update
    if accept == "smaller":
        # Each row must not grow.
        shorter = jnp.sum(jnp.square(proposed), axis=-1) < jnp.sum(jnp.square(x), axis=-1) + 2.0
        active = active & shorter
    elif accept == "closer":
        proposed = jnp.where(jnp.abs(proposed) < 2.0, proposed, x)
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
    "branch",
    x="... n in -1.5..1.5",
    left_value="? in -1..1",
    right_value="? in -1..1",
    gain="? ... n in 0.5..1.5",
    inside=("cubic", "sine", "root", "exponential", "rational"),
    boundary=("constant", "linear", "reflect", "decay", "zero"),
    form=(Code('"nested"'), Code('"select"'), Code('"outside"'), Code('"chain"')),
    symmetric={False: 2, True: 1},
)
def extend(
    x,
    left_value=None,
    right_value=None,
    gain=None,
    *,
    inside="cubic",
    boundary="constant",
    form="nested",
    symmetric=False,
):
    """Evaluates a function between -1 and 1, and extends it beyond.

    Args:
      x: where it is evaluated.
      left_value: what is added on the left side.
      right_value: what is added on the right side.
      gain: a factor of each result.
      inside: the function.
      boundary: how it goes on outside.
      form: how the cases are written.
      symmetric: whether the absolute value is taken first.
    """
    if symmetric:
        x = 2.0 * jnp.abs(x) - 1.5
    t = jnp.clip(x, -1.0, 1.0)
    if inside == "sine":
        middle = jnp.sin(0.5 * jnp.pi * t)
    elif inside == "root":
        middle = jnp.sqrt(1.2 + t)
    elif inside == "exponential":
        middle = jnp.exp(t) - 1.0
    elif inside == "rational":
        middle = t / (1.5 + t)
    else:
        middle = t * (1.5 - 0.5 * jnp.square(t))
    beyond = x - t
    if boundary == "linear":
        left = middle + 0.5 * beyond
        right = middle + 0.8 * beyond
    elif boundary == "reflect":
        left = middle - beyond
        right = middle - 1.5 * beyond
    elif boundary == "decay":
        left = middle * jnp.exp(beyond)
        right = middle * jnp.exp(-beyond)
    elif boundary == "zero":
        left = 0.1 * x
        right = -0.1 * x
    else:
        left = middle
        right = 0.9 * middle
    if left_value is not None:
        left = left + left_value
    if right_value is not None:
        right = right + right_value
    if form == "select":
        out = jnp.select([x < -1.0, x > 1.0], [left, right], middle)
    elif form == "outside":
        # Which side it is matters only outside.
        side = jnp.where(x < 0, left, right)
        out = jnp.where(jnp.abs(x) > 1.0, side, middle)
    elif form == "chain":
        out = jnp.where(x < -1.0, left, middle)
        out = jnp.where(x > 1.0, right, out)
    else:
        out = jnp.where(x < -1.0, left, jnp.where(x > 1.0, right, middle))
    if gain is not None:
        out = gain * out
    return out


@family(
    "nested_branch",
    "branch",
    x="n",
    gradient="n",
    loss="in 0.2..2",
    previous_loss="in 0.2..2",
    step="in 0.05..0.5",
    velocity="? n",
    best="? n",
    worse=("backtrack", "restart", "reverse"),
    better=("accelerate", "plain", "momentum"),
    patience={None: 2, "ratio": 1, "absolute": 1},
    bound={None: 2, "cond": 1, "clip": 1},
    sizes={"n": (4, 5, 6, 8, 10, 12)},
    only="float32",
)
def anneal_or_restart(
    x,
    gradient,
    loss,
    previous_loss,
    step,
    velocity=None,
    best=None,
    *,
    worse="backtrack",
    better="accelerate",
    patience=None,
    bound=None,
):
    """A step of gradient descent that adapts to whether the loss has fallen.

    Args:
      x: the parameters.
      gradient: their gradient.
      loss: the present loss.
      previous_loss: the loss one step earlier.
      step: the size of the step.
      velocity: the last change.
      best: the best parameters so far.
      worse: what is done if the loss has risen.
      better: what is done if it has fallen.
      patience: how much worse a loss may be.
    """
    # Trust a step more if the loss has fallen a lot.
    step = step * jnp.sqrt(previous_loss / loss)

    def advance(p):
        if better == "accelerate":
            new = p - 1.2 * step * gradient
        elif better == "momentum":
            new = p - step * (gradient + 0.1 * p)
        else:
            new = p - step * gradient
        if velocity is not None:
            new = new + 0.9 * velocity
        return new

    def retreat(p):
        if worse == "reverse":
            new = p + 0.5 * step * gradient
        elif worse == "restart":
            new = 0.9 * p - 0.01 * step * gradient
        else:
            new = p - 0.1 * step * gradient
        if best is not None:
            new = 0.5 * (new + best)
        return new

    def retreat_or_wait(p):
        if patience == "ratio":
            return lax.cond(loss < 1.5 * previous_loss, advance, retreat, p)
        if patience == "absolute":
            return lax.cond(loss < previous_loss + 0.3, advance, retreat, p)
        return retreat(p)

    out = lax.cond(loss < previous_loss, advance, retreat_or_wait, x)
    if bound == "cond":
        # Keep the parameters from running away.
        size = jnp.sqrt(jnp.mean(jnp.square(out)))
        out = lax.cond(size > 1.2, lambda p: p / size, lambda p: p, out)
    elif bound == "clip":
        out = jnp.clip(out, -1.8, 1.8)
    return out
