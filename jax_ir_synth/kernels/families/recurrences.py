"""Families: recurrences along a sequence: running statistics, filters, simulations, prefix scans."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import decided, family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
x: x 1
mask: mask 7, valid 2, keep 1
variance: variance 4, var 3
out: out 5, result 2, output 2
step: step 6, body 2, update 2, scan_fn 2, body_fn 1
carry: carry 6, state 3
running_moments: running_moments 3, running_stats 4, cumulative_stats 2
normalise_online: normalise_online 2, normalize_observations 4, running_normalize 2
exponential_average: exponential_average 3, ema 5, exponential_moving_average 4, exp_smoothing 2
drawdown: drawdown 5, drawdowns 2, compute_drawdown 3
returns: returns 6, asset_returns 1
wealth: wealth 4, equity 3, nav 2, curve 1
peak: peak 5, running_max 3, high_water_mark 2
cusum: cusum 5, cusum_statistic 2, detect_drift 2, page_cusum 1
account_balance: account_balance 4, simulate_account 3, project_balance 2, savings 2
balance: balance 6, account 1
rate: rate 5, interest_rate 2, r 2
deposits: deposits 5, contributions 3, payments 2
inventory: inventory 4, simulate_inventory 4, stock_levels 2
stock: stock 5, on_hand 2
demand: demand 6, demands 2
lindley: lindley 3, waiting_times 5, queue_waits 2, simulate_queue 3
service: service 4, service_times 4
interarrival: interarrival 5, interarrival_times 2
simulate_epidemic: simulate_epidemic 5, epidemic_curve 3, run_epidemic 2
susceptible: susceptible 4, s 5
infected: infected 4, i 5
discounted_returns: discounted_returns 5, returns_to_go 3, compute_returns 3, reward_to_go 2
rewards: rewards 6, rews 1
values: values 6, v 2
gamma: gamma 7, discount 5
gated_linear_recurrence: gated_linear_recurrence 4, linear_recurrence 5, diagonal_ssm 2, gated_scan 2
gates: gates 4, gate_logits 2
combine: combine 5, compose 2, binary_op 3, op 1
biquad_filter: biquad_filter 5, biquad 4, iir_filter 3
signal: signal 5, samples 1
kalman_filter: kalman_filter 5, local_level_filter 3, kalman_1d 2
generalized_advantages: generalized_advantages 2, gae 4, compute_gae 4, advantages 1
horner: horner 4, polyval 4, eval_polynomial 3
observations: observations 4, measurements 2, obs 2
orthogonal_series: orthogonal_series 3, evaluate_series 3, eval_series 3
clenshaw: clenshaw 4, chebval 4, chebyshev_series 3
coefficients: coefficients 3, coeffs 5, coefs 2
rolling: rolling 3, rolling_statistic 2, sliding_window 3, moving_window 2, rolling_stats 2
window: window 6, width 2
next_values: next_values 5, values_next 1, v_next 1
"""


@family(
    "loop",
    x="t d",
    weights="? t in 0.2..1.5",
    mask="? t bool",
    kind={"mean": 2, "variance": 3, "std": 2, "rms": 1},
    method={"cumsum": 3, "welford": 2},
    ddof={0: 3, 1: 1},
    reverse={False: 4, True: 1},
    sizes={"t": (5, 6, 8, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def running_moments(
    x, weights=None, mask=None, *, kind="variance", method="welford", ddof=0, reverse=False
):
    """Statistic of each column over all rows up to each time.

    Args:
        x: the series, one row for each time.
        weights: weights of the times.
        mask: False for times without an observation.
    """
    if weights is not None:
        w = weights
    else:
        w = jnp.ones(x.shape[0], dtype=x.dtype)
    if mask is not None:
        w = jnp.where(mask, w, 0.0)
    if reverse:
        x = jnp.flip(x, axis=0)
        w = jnp.flip(w)
    if method == "welford":

        def step(carry, row):
            count, mean, m2 = carry
            value, weight = row
            count = count + weight
            delta = value - mean
            mean = mean + weight * delta / (count + 1e-6)
            m2 = m2 + weight * delta * (value - mean)
            return (count, mean, m2), (count, mean, m2)

        zeros = jnp.zeros_like(x[0])
        start = (jnp.zeros_like(w[0]), zeros, zeros)
        _, (count, mean, m2) = lax.scan(step, start, (x, w))
        total = count[:, None] + 1e-6
    else:
        total = jnp.cumsum(w)[:, None] + 1e-6
        mean = jnp.cumsum(w[:, None] * x, axis=0) / total
        m2 = jnp.cumsum(w[:, None] * jnp.square(x), axis=0) - total * jnp.square(mean)
    if kind == "mean":
        out = mean
    elif kind == "rms":
        out = jnp.sqrt(m2 / total + jnp.square(mean) + 1e-6)
    else:
        if ddof == 1:
            # Bessel's correction.
            variance = m2 / jnp.maximum(total - 1.0, 1.0)
        else:
            variance = m2 / total
        if kind == "std":
            out = jnp.sqrt(jnp.maximum(variance, 0.0) + 1e-4)
        else:
            out = variance
    if reverse:
        out = jnp.flip(out, axis=0)
    return out


@family(
    "loop",
    x="t d",
    mean="d",
    variance="d in 0.5..2",
    count="in 1..5",
    mask="? t bool",
    center={True: 3, False: 1},
    clip={None: 2, 5.0: 1, 2.0: 1},
    include={True: 1, False: 1},
    sizes={"t": (4, 5, 6, 8, 10), "d": (2, 4, 5, 6, 8)},
    only="float32",
)
def normalise_online(x, mean, variance, count, mask=None, *, center=True, clip=None, include=True):
    """Normalize observations by running statistics, which each of them updates.

    Args:
        x: observations, one row for each time.
        mean: running mean at the start.
        variance: running variance at the start.
        count: number of observations behind these.
        mask: False for times whose observation doesn't update the statistics.
    """

    def scale(value, mean, m2, count):
        std = jnp.sqrt(m2 / count + 1e-4)
        if center:
            value = value - mean
        value = value / std
        if clip is not None:
            value = jnp.clip(value, -clip, clip)
        return value

    def step(carry, row):
        mean, m2, count = carry
        if mask is not None:
            value, observed = row
            weight = observed.astype(value.dtype)
        else:
            value = row
            weight = 1.0
        new_count = count + weight
        delta = value - mean
        new_mean = mean + weight * delta / new_count
        new_m2 = m2 + weight * delta * (value - new_mean)
        if include:
            out = scale(value, new_mean, new_m2, new_count)
        else:
            # By what was known before.
            out = scale(value, mean, m2, count)
        return (new_mean, new_m2, new_count), out

    rows = (x, mask) if mask is not None else x
    _, out = lax.scan(step, (mean, variance * count, count), rows)
    return out


@family(
    "loop",
    x="t d",
    initial="? d",
    mask="? t bool",
    kind={"simple": 4, "double": 2, "holt": 2},
    decay=(0.5, 0.7, 0.8, 0.9),
    method={"scan": 4, "associative": 2},
    debias={False: 2, True: 1},
    damping={None: 2, 0.9: 1},
    sizes={"t": (5, 6, 8, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def exponential_average(
    x,
    initial=None,
    mask=None,
    *,
    kind="simple",
    decay=0.8,
    method="scan",
    debias=False,
    damping=None,
):
    """Exponential smoothing of a series along time.

    Args:
        x: the series, one row for each time.
        initial: average before the first time.
        mask: False for missing observations, where the average stays as it is.
        decay: part of the average that is kept in each step.
    """
    if mask is not None:
        keep = jnp.where(mask, decay, 1.0).astype(x.dtype)
    else:
        keep = jnp.full(x.shape[0], decay, dtype=x.dtype)
    if initial is not None:
        start = initial
    elif debias:
        start = jnp.zeros_like(x[0])
    else:
        start = x[0]

    def smooth(x):
        if method == "associative":

            def combine(left, right):
                return left[0] * right[0], right[0] * left[1] + right[1]

            factors, sums = lax.associative_scan(
                combine, (keep[:, None], (1.0 - keep[:, None]) * x)
            )
            return factors * start + sums

        def step(average, row):
            value, k = row
            average = k * average + (1.0 - k) * value
            return average, average

        return lax.scan(step, start, (x, keep))[1]

    if kind == "holt":

        def step(carry, row):
            level, trend = carry
            value, k = row
            if damping is not None:
                trend = damping * trend
            # Holt's method: the trend is smoothed as well.
            new_level = k * (level + trend) + (1.0 - k) * value
            trend = 0.8 * trend + 0.2 * (new_level - level)
            return (new_level, trend), new_level

        _, levels = lax.scan(step, (start, jnp.zeros_like(start)), (x, keep))
        return levels
    smoothed = smooth(x)
    if debias and initial is None:
        # As in Adam, because the average starts at zero.
        weight = 1.0 - jnp.cumprod(keep)
        smoothed = smoothed / (weight[:, None] + 1e-3)
    if kind == "double":
        # DEMA, which lags less.
        smoothed = 2.0 * smoothed - smooth(smoothed)
    return smoothed


@family(
    "loop",
    returns="t d in -0.2..0.2",
    initial="? d in 0.01..0.1",
    leverage="? d in 0.02..0.2",
    model={"riskmetrics": 2, "garch": 3},
    decay=(0.94, 0.9, 0.97),
    demean={False: 2, True: 1},
    annualise={False: 2, True: 1},
    sizes={"t": (5, 6, 8, 8, 10, 12), "d": (2, 4, 5, 6)},
    only="float32",
)
def conditional_volatility(
    returns,
    initial=None,
    leverage=None,
    *,
    model="garch",
    decay=0.94,
    demean=False,
    annualise=False,
):
    """Conditional volatility of asset returns, one day ahead.

    Args:
        returns: daily returns, one column for each asset.
        initial: variance before the first day.
        leverage: additional reaction to losses, as in the GJR model.
    """
    if demean:
        returns = returns - jnp.mean(returns, axis=0)
    if initial is None:
        initial = jnp.mean(jnp.square(returns), axis=0)

    def step(variance, value):
        shock = jnp.square(value)
        if model == "riskmetrics":
            new = decay * variance + (1.0 - decay) * shock
        else:
            new = 1e-4 + 0.1 * shock + 0.85 * variance
        if leverage is not None:
            new = new + leverage * jnp.where(value < 0, shock, 0.0)
        return new, new

    _, variances = lax.scan(step, initial, returns)
    volatility = jnp.sqrt(variances + 1e-8)
    if annualise:
        volatility = jnp.sqrt(252.0) * volatility
    return volatility


def wealth_index(returns, compounding="simple"):
    if compounding == "log":
        return jnp.exp(jnp.cumsum(returns, axis=0))
    return jnp.cumprod(1.0 + returns, axis=0)


@family(
    "loop",
    returns="t d in -0.2..0.2",
    weights="? d in 0.1..1.0",
    fee="? in 0.01..0.05",
    compounding={"simple": 3, "log": 3},
    relative={True: 3, False: 1},
    peak_form=decided({"cummax": 2, "scan": 1, "associative": 1}),
    sizes={"t": (6, 8, 8, 10, 12, 16), "d": (2, 4, 5, 6)},
)
def drawdown(
    returns,
    weights=None,
    fee=None,
    *,
    compounding="simple",
    relative=True,
    peak_form="cummax",
):
    """Drawdown of investments, the loss since the last peak, at each time.

    Args:
        returns: returns of each period, one column for each asset.
        weights: portfolio weights; without them each asset stands for itself.
        fee: management fee of each period.
    """
    if weights is not None:
        returns = returns @ (weights / jnp.sum(weights))
    if fee is not None:
        returns = returns - fee
    wealth = wealth_index(returns, compounding=compounding)
    if peak_form == "scan":

        def step(peak, value):
            peak = jnp.maximum(peak, value)
            return peak, peak

        _, peak = lax.scan(step, jnp.ones_like(wealth[0]), wealth)
    elif peak_form == "associative":
        peak = jnp.maximum(1.0, lax.associative_scan(jnp.maximum, wealth))
    else:
        # The capital at the start is a peak as well.
        peak = jnp.maximum(1.0, lax.cummax(wealth, axis=0))
    if relative:
        return 1.0 - wealth / peak
    return peak - wealth


@family(
    "loop",
    returns="t d in -0.2..0.2",
    weights="? d in 0.1..1.0",
    risk_free="? in 0.01..0.05",
    ratio=decided(("calmar", "ulcer", "sterling")),
    compounding={"simple": 3, "log": 2},
    geometric={False: 1, True: 1},
    periods={12: 1, 52: 1},
    sizes={"t": (6, 8, 8, 10, 12, 16), "d": (2, 4, 5, 6)},
    only="float32",
)
def drawdown_ratio(
    returns,
    weights=None,
    risk_free=None,
    *,
    ratio="calmar",
    compounding="simple",
    geometric=False,
    periods=12,
):
    """Reward of investments relative to the risk of their drawdowns.

    Args:
        returns: returns of each period, one column for each asset.
        weights: portfolio weights; without them each asset stands for itself.
        risk_free: annual risk-free rate.
    """
    if weights is not None:
        returns = returns @ (weights / jnp.sum(weights))
    wealth = wealth_index(returns, compounding=compounding)
    peak = jnp.maximum(1.0, lax.cummax(wealth, axis=0))
    depth = 1.0 - wealth / peak
    if ratio == "ulcer":
        # Martin's ratio, by the ulcer index.
        risk = jnp.sqrt(jnp.mean(jnp.square(depth), axis=0) + 1e-6)
    elif ratio == "sterling":
        risk = jnp.mean(depth, axis=0) + 0.1
    else:
        # The Calmar ratio, by the maximum drawdown.
        risk = jnp.max(depth, axis=0) + 1e-2
    if geometric:
        excess = wealth[-1] ** (periods / returns.shape[0]) - 1.0
    else:
        excess = periods * jnp.mean(returns, axis=0)
    if risk_free is not None:
        excess = excess - risk_free
    return excess / risk


@family(
    "loop",
    x="... t",
    target="? ... t in -0.5..0.5",
    scale="? in 0.5..2",
    method={"scan": 3, "cumsum": 2},
    side={"upper": 3, "lower": 2, "both": 3},
    standardise={None: 3, "mean": 1, "score": 2},
    threshold={None: 3, 3.0: 1, 4.0: 1},
    slack=(0.1, 0.25, 0.5),
    sizes={"t": (6, 8, 10, 12, 16)},
)
def cusum(
    x,
    target=None,
    scale=None,
    *,
    method="scan",
    side="upper",
    standardise=None,
    threshold=None,
    slack=0.25,
):
    """Page's CUSUM statistic for the detection of a shift.

    Args:
        x: the series, with time as its last axis.
        target: in-control mean at each time.
        scale: in-control standard deviation.
        slack: deviation that is tolerated, also called reference value.
    """
    if target is not None:
        x = x - target
    if scale is not None:
        x = x / scale
    if standardise is not None:
        x = x - jnp.mean(x, axis=-1, keepdims=True)
        if standardise == "score":
            x = x * lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-3)

    def accumulate(change):
        if method == "cumsum":
            # The sum less its lowest value so far, which may be that of the start.
            total = jnp.cumsum(change, axis=-1)
            return total - jnp.minimum(0.0, lax.cummin(total, axis=total.ndim - 1))

        def step(level, value):
            level = jnp.maximum(0.0, level + value)
            if threshold is not None:
                # After an alarm it starts again from zero.
                level = jnp.where(level > threshold, 0.0, level)
            return level, level

        columns = jnp.moveaxis(change, -1, 0)
        _, levels = lax.scan(step, jnp.zeros_like(columns[0]), columns)
        return jnp.moveaxis(levels, 0, -1)

    if side == "upper":
        return accumulate(x - slack)
    if side == "lower":
        return accumulate(-x - slack)
    return jnp.maximum(accumulate(x - slack), accumulate(-x - slack))


@family(
    "loop",
    balance="n in 0.5..2.0",
    rate="n in 0.01..0.15",
    deposits="? t n in 0.0..0.3",
    inflation="? in 0.01..0.05",
    timing={"end": 2, "begin": 1},
    fee={None: 3, 0.01: 1, 0.02: 1},
    tax={None: 3, 0.25: 1},
    num_years=(4, 6, 8, 10),
    path={True: 2, False: 1},
    sizes={"t": (4, 5, 6, 8, 10), "n": (2, 4, 5, 6, 8)},
    only="float32",
)
def account_balance(
    balance,
    rate,
    deposits=None,
    inflation=None,
    *,
    timing="end",
    fee=None,
    tax=None,
    num_years=6,
    path=True,
):
    """Project the balance of savings accounts over some years.

    Args:
        balance: balance at the start.
        rate: annual interest rate of each account.
        deposits: deposits of each year; by default a tenth of the initial balance.
        inflation: annual rate by which the deposits grow.
    """
    if deposits is None:
        deposits = jnp.tile(0.1 * balance, (num_years, 1))
    if inflation is not None:
        growth = (1.0 + inflation) ** jnp.arange(deposits.shape[0])
        deposits = growth[:, None] * deposits

    def step(balance, deposit):
        if timing == "begin":
            balance = balance + deposit
        interest = rate * balance
        if tax is not None:
            interest = (1.0 - tax) * interest
        balance = balance + interest
        if fee is not None:
            balance = (1.0 - fee) * balance
        if timing == "end":
            balance = balance + deposit
        return balance, balance

    final, history = lax.scan(step, balance, deposits)
    if path:
        return history
    return final


@family(
    "loop",
    principal="n in 0.5..2.0",
    rate="n in 0.02..0.12",
    rate_change="t in -0.01..0.01",
    extra="? t n in 0.0..0.05",
    kind={"annuity": 2, "percentage": 1},
    term=(8, 10, 12),
    fee={None: 3, 0.01: 1},
    sizes={"t": (4, 5, 6, 8), "n": (2, 4, 5, 6, 8)},
    only="float32",
)
def loan_balance(
    principal,
    rate,
    rate_change,
    extra=None,
    *,
    kind="annuity",
    term=10,
    fee=None,
):
    """Amortization schedule of loans with a variable rate: what is still owed after each year.

    Args:
        principal: amount that was borrowed.
        rate: annual interest rate at the start.
        rate_change: change of the interest rate in each year.
        extra: voluntary extra payments in each year.
    """
    if kind == "annuity":
        # A constant payment would repay it in time at the initial rate.
        payment = principal * rate / (1.0 - (1.0 + rate) ** -term)

    def step(carry, row):
        balance, rate = carry
        if extra is not None:
            change, more = row
        else:
            change = row
        rate = rate + change
        balance = balance * (1.0 + rate)
        if kind == "annuity":
            paid = payment
        else:
            # A minimum payment, as for credit cards.
            paid = 0.15 * balance
        if fee is not None:
            balance = balance + fee
        if extra is not None:
            paid = paid + more
        balance = balance - paid
        return (balance, rate), balance

    rows = (rate_change, extra) if extra is not None else rate_change
    _, balances = lax.scan(step, (principal, rate), rows)
    return balances


@family(
    "loop",
    demand="t n in 0.1..1.5",
    stock="n in 0.5..3.0",
    receipts="? t n in 0.2..1.2",
    level="? n in 1.0..3.0",
    policy={"base_stock": 3, "smoothed": 2, "reorder_point": 1},
    lost_sales={False: 3, True: 2},
    shelf_life={None: 3, 0.9: 1},
    capacity={None: 3, 1.0: 1},
    lead_time={0: 2, 1: 2},
    sizes={"t": (5, 6, 8, 10), "n": (2, 4, 5, 6)},
)
def inventory(
    demand,
    stock,
    receipts=None,
    level=None,
    *,
    policy="base_stock",
    lost_sales=False,
    shelf_life=None,
    capacity=None,
    lead_time=0,
):
    """Inventory levels at the end of each period under an ordering policy.

    Args:
        demand: demand of each period, one column for each product.
        stock: inventory at the start.
        receipts: orders that are already scheduled to arrive.
        level: order-up-to level.
    """
    if level is None:
        level = 2.0

    def place_order(position):
        if policy == "smoothed":
            # Half of the gap, against the bullwhip effect.
            order = 0.5 * jnp.maximum(0.0, level - position)
        elif policy == "reorder_point":
            order = jnp.where(position < 0.5 * level, level - position, 0.0)
        else:
            order = jnp.maximum(0.0, level - position)
        if capacity is not None:
            order = jnp.minimum(order, capacity)
        return order

    def step(carry, row):
        if lead_time == 1:
            stock, pipeline = carry
        else:
            stock = carry
        if receipts is not None:
            wanted, scheduled = row
            stock = stock + scheduled
        else:
            wanted = row
        if shelf_life is not None:
            # A part of the stock perishes.
            stock = shelf_life * stock
        if lead_time == 1:
            order = place_order(stock + pipeline)
            available = stock + pipeline
        else:
            order = place_order(stock)
            available = stock + order
        if lost_sales:
            stock = jnp.maximum(0.0, available - wanted)
        else:
            # Unmet demand is backlogged.
            stock = available - wanted
        carry = (stock, order) if lead_time == 1 else stock
        return carry, stock

    rows = (demand, receipts) if receipts is not None else demand
    start = (stock, jnp.zeros_like(stock)) if lead_time == 1 else stock
    _, history = lax.scan(step, start, rows)
    return history


@family(
    "loop",
    demand="t n in 0.1..1.5",
    stock="n in 0.5..3.0",
    level="n in 1.0..3.0",
    price="? n in 1..2",
    holding=(0.1, 0.2),
    shortage=(0.5, 1.0),
    backlog={True: 2, False: 1},
    discount={None: 2, 0.95: 1},
    accumulate=decided({"carry": 1, "stack": 1}),
    sizes={"t": (5, 6, 8, 10), "n": (2, 4, 5, 6)},
)
def inventory_cost(
    demand,
    stock,
    level,
    price=None,
    *,
    holding=0.1,
    shortage=0.5,
    backlog=True,
    discount=None,
    accumulate="stack",
):
    """Total cost of a base-stock policy for each product.

    Args:
        demand: demand of each period, one column for each product.
        stock: inventory at the start.
        level: base-stock level up to which is ordered.
        price: purchase price of a unit; one by default.
    """

    def period(stock, wanted):
        order = jnp.maximum(0.0, level - stock)
        left = stock + order - wanted
        if price is not None:
            cost = price * order
        else:
            cost = order
        cost = cost + holding * jnp.maximum(0.0, left) + shortage * jnp.maximum(0.0, -left)
        if not backlog:
            # Unmet demand is lost.
            left = jnp.maximum(0.0, left)
        return left, cost

    if accumulate == "carry":

        def step(carry, wanted):
            stock, total, weight = carry
            stock, cost = period(stock, wanted)
            total = total + weight * cost
            if discount is not None:
                weight = discount * weight
            return (stock, total, weight), None

        start = (stock, jnp.zeros_like(stock), jnp.ones_like(stock))
        (_, total, _), _ = lax.scan(step, start, demand)
        return total
    _, costs = lax.scan(period, stock, demand)
    if discount is not None:
        costs = discount ** jnp.arange(costs.shape[0])[:, None] * costs
    return jnp.sum(costs, axis=0)


@family(
    "loop",
    interarrival="t n in 0.2..1.5",
    service="t n in 0.3..1.6",
    initial="? n in 0.5..1.5",
    speed="? n in 0.6..1.4",
    method={"scan": 4, "cummax": 2},
    patience={None: 3, 2.0: 1, 3.0: 1},
    tandem={False: 3, True: 1},
    sizes={"t": (5, 6, 8, 10, 12), "n": (2, 4, 5, 6)},
)
def lindley(
    interarrival, service, initial=None, speed=None, *, method="scan", patience=None, tandem=False
):
    """Waiting times of the customers of a single-server queue, by Lindley's recursion.

    Args:
        interarrival: times between arrivals, one row for each customer.
        service: service times of the customers.
        initial: unfinished work of each server at the start.
        speed: speed of each server.
    """
    if speed is not None:
        service = service / speed
    if initial is None:
        initial = jnp.ones_like(service[0])

    def wait_in_queue(gaps, durations):
        if method == "cummax":
            # The random walk less its lowest value so far.
            before = jnp.concatenate([initial[None, :], durations[:-1]], axis=0)
            walk = jnp.cumsum(before - gaps, axis=0)
            return walk - jnp.minimum(0.0, lax.cummin(walk, axis=0))

        def step(work, customer):
            gap, duration = customer
            wait = jnp.maximum(0.0, work - gap)
            if patience is not None:
                # Nobody waits for longer.
                wait = jnp.minimum(wait, patience)
            return wait + duration, wait

        _, waits = lax.scan(step, initial, (gaps, durations))
        return waits

    waits = wait_in_queue(interarrival, service)
    if tandem:
        # Departures from the first server are arrivals at the second one.
        leaves = jnp.cumsum(interarrival, axis=0) + waits + service
        gaps = jnp.diff(leaves, axis=0, prepend=leaves[:1] - interarrival[:1])
        waits = waits + wait_in_queue(gaps, 0.8 * service)
    return waits


@family(
    "loop",
    "vector",
    rewards="t b",
    dones="? t b bool",
    mask="? t b bool",
    bootstrap="? b",
    baseline="? t b",
    gamma=(0.9, 0.95, 0.98),
    normalise={False: 3, True: 1},
    method=decided({"scan": 3, "fori": 1}),
    sizes={"t": (4, 5, 6, 8, 10), "b": (3, 4, 6)},
)
def discounted_returns(
    rewards,
    dones=None,
    mask=None,
    bootstrap=None,
    baseline=None,
    *,
    gamma=0.95,
    normalise=False,
    method="scan",
):
    """Discounted returns of a batch of trajectories at each time, as in REINFORCE.

    Args:
        rewards: rewards, time by batch.
        dones: True where an episode ended with the step.
        mask: False for padding.
        bootstrap: predicted values of the states after the last step.
        baseline: predicted returns, which reduce the variance of the gradient.
        gamma: discount factor.
    """
    if mask is not None:
        rewards = jnp.where(mask, rewards, 0.0)
    if bootstrap is None:
        start = jnp.zeros_like(rewards[0])
    else:
        start = bootstrap
    if dones is not None:
        discounts = gamma * (1.0 - dones.astype(rewards.dtype))
    else:
        discounts = jnp.full_like(rewards, gamma)
    if method == "fori":

        def body(i, carry):
            total, totals = carry
            t = rewards.shape[0] - 1 - i
            total = rewards[t] + discounts[t] * total
            return total, totals.at[t].set(total)

        _, totals = lax.fori_loop(0, rewards.shape[0], body, (start, jnp.zeros_like(rewards)))
    else:

        def step(total, row):
            reward, factor = row
            total = reward + factor * total
            return total, total

        _, totals = lax.scan(step, start, (rewards, discounts), reverse=True)
    if baseline is not None:
        totals = totals - baseline
    if normalise:
        totals = totals / (jnp.std(totals) + 1e-3)
    return totals


@family(
    "loop",
    rewards="t b",
    values="t b",
    ratios="t b in 0.6..1.4",
    bootstrap="b",
    dones="? t b bool",
    mask="? t b bool",
    gamma=(0.9, 0.95, 0.98),
    kind={"vtrace": 3, "retrace": 1, "importance": 1},
    lam=(0.95, 0.9),
    advantages={False: 2, True: 1},
    sizes={"t": (4, 5, 6, 8, 10), "b": (2, 4, 6)},
)
def off_policy_targets(
    rewards,
    values,
    ratios,
    bootstrap,
    dones=None,
    mask=None,
    *,
    gamma=0.95,
    kind="vtrace",
    lam=0.95,
    advantages=False,
):
    """Off-policy targets of a value function, with importance weights.

    Args:
        rewards: rewards, time by batch.
        values: predicted values of the states.
        ratios: probabilities of the actions under the target policy over the behaviour policy.
        bootstrap: predicted values of the states after the last step.
        dones: True where an episode ended with the step.
        mask: False for padding.
        gamma: discount factor.
    """
    if dones is not None:
        discounts = gamma * (1.0 - dones.astype(rewards.dtype))
    else:
        discounts = jnp.full_like(rewards, gamma)
    next_values = jnp.concatenate([values[1:], bootstrap[None, :]], axis=0)
    if kind == "importance":
        rho = ratios
        trace = ratios
    elif kind == "vtrace":
        rho = jnp.minimum(ratios, 1.0)
        trace = lam * jnp.minimum(ratios, 1.0)
    else:
        # Only the traces are cut.
        rho = ratios
        trace = lam * jnp.minimum(ratios, 1.0)
    deltas = rho * (rewards + discounts * next_values - values)
    if mask is not None:
        deltas = jnp.where(mask, deltas, 0.0)

    def step(correction, row):
        delta, decay = row
        correction = delta + decay * correction
        return correction, correction

    start = jnp.zeros_like(bootstrap)
    _, corrections = lax.scan(step, start, (deltas, discounts * trace), reverse=True)
    targets = values + corrections
    if advantages:
        # The advantages of the policy gradient come with them.
        following = jnp.concatenate([targets[1:], bootstrap[None, :]], axis=0)
        return targets, rho * (rewards + discounts * following - values)
    return targets


@family(
    "loop",
    x="t d",
    gates="t d in -1..2",
    h0="? d",
    out_gates="? t d",
    skip="? d in 0.2..1.0",
    gating={"sigmoid": 4, "exp": 2},
    mix={None: 2, "complement": 2, "sqrt": 1},
    method={"associative": 4, "scan": 3},
    reverse={False: 3, True: 1},
    sizes={"t": (4, 5, 6, 8, 8), "d": (2, 4, 6, 8)},
)
def gated_linear_recurrence(
    x,
    gates,
    h0=None,
    out_gates=None,
    skip=None,
    *,
    gating="sigmoid",
    mix=None,
    method="associative",
    reverse=False,
):
    """Gated linear recurrence with a diagonal transition, as in state space models.

    Args:
        x: inputs, time by channels.
        gates: pre-activations of the forget gates, time by channels.
        h0: state before the first time.
        out_gates: pre-activations of the output gates.
        skip: weight of the skip connection for each channel.
    """
    if gating == "exp":
        a = jnp.exp(-jax.nn.softplus(gates))
    else:
        a = jax.nn.sigmoid(gates)
    if mix == "complement":
        b = (1.0 - a) * x
    elif mix == "sqrt":
        # As in the RG-LRU, to preserve the variance.
        b = jnp.sqrt(1.0 - jnp.square(a)) * x
    else:
        b = x
    if method == "associative":

        def combine(left, right):
            a_left, b_left = left
            a_right, b_right = right
            return a_left * a_right, a_right * b_left + b_right

        factors, states = lax.associative_scan(combine, (a, b), reverse=reverse)
        if h0 is not None:
            states = states + factors * h0
    else:

        def step(h, row):
            a_t, b_t = row
            h = a_t * h + b_t
            return h, h

        if h0 is None:
            h0 = jnp.zeros_like(x[0])
        _, states = lax.scan(step, h0, (a, b), reverse=reverse)
    if skip is not None:
        states = states + skip * x
    if out_gates is not None:
        states = states * jax.nn.silu(out_gates)
    return states


@family(
    "loop",
    "vector",
    signal="... t",
    b="3 in -0.6..0.6",
    a="2 in -0.4..0.4",
    gain="? in 0.5..1.5",
    form={"direct": 3, "transposed": 2, "canonical": 2},
    zero_phase={False: 3, True: 1},
    remove_mean={False: 3, True: 1},
    sections=(1, 2),
    sizes={"t": (6, 8, 10, 12)},
)
def biquad_filter(
    signal, b, a, gain=None, *, form="direct", zero_phase=False, remove_mean=False, sections=1
):
    """Filter signals by a second-order recursive (biquad) filter.

    Args:
        signal: signals, with time as the last axis.
        b: coefficients of the numerator.
        a: coefficients of the denominator, after the leading one.
        gain: gain of the filter.
    """
    if remove_mean:
        signal = signal - jnp.mean(signal, axis=-1, keepdims=True)

    def run(inputs):
        zeros = jnp.zeros_like(inputs[0])
        if form == "transposed":

            def step(carry, x):
                s1, s2 = carry
                y = b[0] * x + s1
                return (b[1] * x - a[0] * y + s2, b[2] * x - a[1] * y), y

            start = (zeros, zeros)
        elif form == "canonical":
            # Direct form II, with two delays only.

            def step(carry, x):
                w1, w2 = carry
                w = x - a[0] * w1 - a[1] * w2
                return (w, w1), b[0] * w + b[1] * w1 + b[2] * w2

            start = (zeros, zeros)
        else:

            def step(carry, x):
                x1, x2, y1, y2 = carry
                y = b[0] * x + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
                return (x, x1, y, y1), y

            start = (zeros, zeros, zeros, zeros)
        return lax.scan(step, start, inputs)[1]

    filtered = run(jnp.moveaxis(signal, -1, 0))
    if sections == 2:
        # The same section twice, for a steeper slope.
        filtered = run(filtered)
    if zero_phase:
        # Backwards as well, so that the phase stays.
        filtered = jnp.flip(run(jnp.flip(filtered, axis=0)), axis=0)
    if gain is not None:
        filtered = gain * filtered
    return jnp.moveaxis(filtered, 0, -1)


@family(
    "loop",
    observations="t n",
    mean="? n",
    control="? t n in -0.5..0.5",
    noise="? t n in 0.3..1.5",
    mask="? t n bool",
    transition={None: 3, 0.9: 2, 0.8: 1},
    process_noise=(0.1, 0.2, 0.3),
    joseph={False: 3, True: 1},
    variances={False: 2, True: 1},
    sizes={"t": (4, 5, 6, 8), "n": (2, 4, 5, 6)},
)
def kalman_filter(
    observations,
    mean=None,
    control=None,
    noise=None,
    mask=None,
    *,
    transition=None,
    process_noise=0.2,
    joseph=False,
    variances=False,
):
    """Kalman filter of the local level model, for independent series.

    Args:
        observations: observed values, one row for each time.
        mean: prior means of the levels.
        control: known changes of the levels at each time.
        noise: variances of the observations.
        mask: False for missing observations.
        process_noise: variance of the change of a level.
    """
    if mean is None:
        mean = jnp.zeros_like(observations[0])

    def step(carry, t):
        level, variance = carry
        if transition is not None:
            level = transition * level
            variance = transition**2 * variance
        variance = variance + process_noise
        if control is not None:
            level = level + control[t]
        if noise is not None:
            noise_variance = noise[t]
        else:
            noise_variance = 0.5
        gain = variance / (variance + noise_variance)
        if mask is not None:
            # Without an observation there is no correction.
            gain = jnp.where(mask[t], gain, 0.0)
        level = level + gain * (observations[t] - level)
        if joseph:
            # Joseph's form stays positive in spite of rounding.
            variance = jnp.square(1.0 - gain) * variance + jnp.square(gain) * noise_variance
        else:
            variance = (1.0 - gain) * variance
        if variances:
            return (level, variance), (level, variance)
        return (level, variance), level

    start = (mean, jnp.ones_like(mean))
    _, history = lax.scan(step, start, jnp.arange(observations.shape[0]))
    return history


@family(
    "loop",
    observations="t n",
    mean="? n",
    process_noise="n in 0.05..0.5",
    noise="n in 0.3..1.5",
    mask="? t n bool",
    transition={None: 3, 0.9: 1},
    reduction=decided({"all": 2, "series": 1, "carry": 1}),
    sizes={"t": (4, 5, 6, 8), "n": (2, 4, 5, 6)},
)
def kalman_log_likelihood(
    observations,
    process_noise,
    noise,
    mean=None,
    mask=None,
    *,
    transition=None,
    reduction="all",
):
    """Log-likelihood of the local level model, by the prediction errors of its Kalman filter.

    Args:
        observations: observed values, one row for each time.
        process_noise: variance of the change of each level.
        noise: variance of each series' observations.
        mean: prior means of the levels.
        mask: False for missing observations.
    """
    if mean is None:
        mean = observations[0]

    def advance(level, variance, row):
        if mask is not None:
            value, observed = row
        else:
            value = row
        if transition is not None:
            level = transition * level
            variance = transition**2 * variance
        variance = variance + process_noise
        innovation = value - level
        total = variance + noise
        density = -0.5 * (jnp.square(innovation) / total + jnp.log(2.0 * jnp.pi * total))
        gain = variance / total
        if mask is not None:
            gain = jnp.where(observed, gain, 0.0)
            density = jnp.where(observed, density, 0.0)
        return level + gain * innovation, (1.0 - gain) * variance, density

    rows = (observations, mask) if mask is not None else observations
    if reduction == "carry":

        def step(carry, row):
            level, variance, total = carry
            level, variance, density = advance(level, variance, row)
            return (level, variance, total + density), None

        start = (mean, jnp.ones_like(mean), jnp.zeros_like(mean))
        (_, _, total), _ = lax.scan(step, start, rows)
        return jnp.sum(total)

    def step(carry, row):
        level, variance, density = advance(*carry, row)
        return (level, variance), density

    _, densities = lax.scan(step, (mean, jnp.ones_like(mean)), rows)
    if reduction == "series":
        return jnp.sum(densities, axis=0)
    return jnp.sum(densities)


@family(
    "loop",
    observations="t n",
    mean="? n",
    noise="? n in 0.3..1.5",
    mask="? t n bool",
    transition={None: 3, 0.9: 1, 0.8: 1},
    process_noise=(0.1, 0.2, 0.3),
    variances={False: 2, True: 1},
    sizes={"t": (4, 5, 6, 8), "n": (2, 4, 5, 6)},
)
def rts_smoother(
    observations,
    mean=None,
    noise=None,
    mask=None,
    *,
    transition=None,
    process_noise=0.2,
    variances=False,
):
    """Rauch-Tung-Striebel smoother of the local level model, for independent series.

    Args:
        observations: observed values, one row for each time.
        mean: prior means of the levels.
        noise: variance of each series' observations.
        mask: False for missing observations.
        process_noise: variance of the change of a level.
    """
    if mean is None:
        mean = jnp.zeros_like(observations[0])
    if noise is None:
        noise = 0.5

    def predict(level, variance):
        if transition is not None:
            level = transition * level
            variance = transition**2 * variance
        return level, variance + process_noise

    def forward(carry, row):
        if mask is not None:
            value, observed = row
        else:
            value = row
        level, variance = predict(*carry)
        gain = variance / (variance + noise)
        if mask is not None:
            gain = jnp.where(observed, gain, 0.0)
        state = (level + gain * (value - level), (1.0 - gain) * variance)
        return state, state

    def backward(after, row):
        level, variance = row
        ahead, total = predict(level, variance)
        gain = variance / total
        if transition is not None:
            gain = transition * gain
        smooth = level + gain * (after[0] - ahead)
        spread = variance + jnp.square(gain) * (after[1] - total)
        return (smooth, spread), (smooth, spread)

    rows = (observations, mask) if mask is not None else observations
    last, (levels, spreads) = lax.scan(forward, (mean, jnp.ones_like(mean)), rows)
    _, smoothed = lax.scan(backward, last, (levels[:-1], spreads[:-1]), reverse=True)
    means = jnp.concatenate([smoothed[0], last[0][None]], axis=0)
    if variances:
        return means, jnp.concatenate([smoothed[1], last[1][None]], axis=0)
    return means


@family(
    "loop",
    "multi_statement",
    coefficients="k",
    x="n in -0.9..0.9",
    center="? in -0.5..0.5",
    loop=decided({"scan": 2, "fori": 2}),
    derivative={False: 2, True: 1},
    highest_first={False: 2, True: 1},
    sizes={"k": (4, 5, 6, 8), "n": (4, 6, 8, 12)},
)
def horner(coefficients, x, center=None, *, loop="scan", derivative=False, highest_first=False):
    """Evaluate a polynomial by Horner's method.

    Args:
        coefficients: coefficients of the polynomial.
        x: points where it is evaluated.
        center: point around which it is expanded.
    """
    if center is not None:
        x = x - center
    if highest_first:
        ordered = coefficients
    else:
        ordered = coefficients[::-1]
    zeros = jnp.zeros_like(x)
    if derivative:

        def step(carry, c):
            value, slope = carry
            return (value * x + c, slope * x + value), None

        # The derivative comes with it.
        (value, slope), _ = lax.scan(step, (zeros, zeros), ordered)
        return value, slope
    if loop == "fori":
        return lax.fori_loop(0, ordered.shape[0], lambda i, value: value * x + ordered[i], zeros)
    value, _ = lax.scan(lambda value, c: (value * x + c, None), zeros, ordered)
    return value


@family(
    "loop",
    coefficients="k",
    x="n in -0.9..0.9",
    basis={"legendre": 3, "hermite": 2, "laguerre": 2, "chebyshev": 2, "gegenbauer": 1},
    loop=decided({"scan": 2, "fori": 1}),
    window={None: 3, "lanczos": 1, "exponential": 1},
    sizes={"k": (4, 5, 6, 8), "n": (4, 6, 8, 12)},
)
def orthogonal_series(coefficients, x, *, basis="legendre", loop="scan", window=None):
    """Evaluate a series of orthogonal polynomials by their three-term recurrence.

    Args:
        coefficients: coefficients of the polynomials, the lowest degree first.
        x: points where it is evaluated.
    """
    k = coefficients.shape[0]
    if window == "lanczos":
        # Lanczos's sigma factors against the ringing.
        coefficients = coefficients * jnp.sinc(jnp.arange(k) / k)
    elif window == "exponential":
        coefficients = coefficients * jnp.exp(-4.0 * (jnp.arange(k) / k) ** 4)

    def advance(i, current, before):
        if basis == "chebyshev":
            return 2.0 * x * current - before
        if basis == "hermite":
            # The probabilist's.
            return x * current - i * before
        if basis == "laguerre":
            return ((2.0 * i + 1.0 - x) * current - i * before) / (i + 1.0)
        if basis == "gegenbauer":
            # Of order three halves.
            return ((2.0 * i + 3.0) * x * current - (i + 2.0) * before) / (i + 1.0)
        return ((2.0 * i + 1.0) * x * current - i * before) / (i + 1.0)

    constant = jnp.ones_like(x)
    if basis == "laguerre":
        linear = 1.0 - x
    elif basis == "gegenbauer":
        linear = 3.0 * x
    else:
        linear = x
    if loop == "fori":

        def body(i, carry):
            current, before, total = carry
            following = advance(i, current, before)
            return following, current, total + coefficients[i] * current

        start = (linear, constant, coefficients[0] * constant)
        return lax.fori_loop(1, k, body, start)[2]

    def step(carry, row):
        current, before, total = carry
        i, weight = row
        following = advance(i, current, before)
        return (following, current, total + weight * current), None

    start = (linear, constant, coefficients[0] * constant)
    (_, _, total), _ = lax.scan(step, start, (jnp.arange(1, k), coefficients[1:]))
    return total


@family(
    "loop",
    coefficients="k",
    x="n in -0.9..0.9",
    kind=("first", "second"),
    domain={None: 2, "unit": 1, "angle": 1},
    loop=decided({"scan": 1, "fori": 1}),
    damping={None: 3, "lanczos": 1, "jackson": 1},
    sizes={"k": (4, 5, 6, 8), "n": (4, 6, 8, 12)},
)
def clenshaw(coefficients, x, *, kind="first", domain=None, loop="scan", damping=None):
    """Evaluate a Chebyshev series by Clenshaw's algorithm.

    Args:
        coefficients: coefficients of the series, the lowest degree first.
        x: points where it is evaluated.
    """
    k = coefficients.shape[0]
    if domain == "unit":
        # Shifted polynomials, for the interval from zero to one.
        x = 2.0 * x - 1.0
    elif domain == "angle":
        x = jnp.cos(x)
    if damping == "lanczos":
        coefficients = coefficients * jnp.sinc(jnp.arange(k) / k)
    elif damping == "jackson":
        # The kernel polynomial method's factors.
        angle = jnp.pi / (k + 1)
        n = jnp.arange(k)
        kernel = (k - n + 1) * jnp.cos(angle * n) + jnp.sin(angle * n) / jnp.tan(angle)
        coefficients = coefficients * kernel / (k + 1)
    zeros = jnp.zeros_like(x)
    if loop == "fori":

        def body(i, carry):
            b1, b2 = carry
            return coefficients[k - 1 - i] + 2.0 * x * b1 - b2, b1

        b1, b2 = lax.fori_loop(0, k - 1, body, (zeros, zeros))
    else:

        def step(carry, weight):
            b1, b2 = carry
            return (weight + 2.0 * x * b1 - b2, b1), None

        (b1, b2), _ = lax.scan(step, (zeros, zeros), coefficients[:0:-1])
    if kind == "second":
        return coefficients[0] + 2.0 * x * b1 - b2
    return coefficients[0] + x * b1 - b2


@family(
    "loop",
    x="t d",
    window=(2, 3, 4),
    kind={"mean": 3, "variance": 2, "sum": 1, "std": 2, "zscore": 1},
    method={"cumsum": 4, "scan": 2, "slices": 2},
    padding={"valid": 3, "edge": 2, "reflect": 1},
    ddof={0: 3, 1: 1},
    sizes={"t": (6, 8, 8, 10, 12), "d": (2, 4, 5, 6)},
)
def rolling(
    x,
    *,
    window=3,
    kind="mean",
    method="cumsum",
    padding="valid",
    ddof=0,
):
    """Rolling statistic of a series over a window along time.

    Args:
        x: the series, one row for each time.
        window: length of the window.
    """
    if padding == "edge":
        x = jnp.pad(x, ((window - 1, 0), (0, 0)), mode="edge")
    elif padding == "reflect":
        x = jnp.pad(x, ((window - 1, 0), (0, 0)), mode="reflect")

    def window_sum(values):
        if method == "cumsum":
            total = jnp.cumsum(values, axis=0)
            before = jnp.concatenate([jnp.zeros_like(total[:1]), total[:-window]], axis=0)
            return total[window - 1 :] - before
        if method == "scan":

            def step(total, row):
                new, old = row
                total = total + new - old
                return total, total

            first = jnp.sum(values[:window], axis=0)
            _, sums = lax.scan(step, first, (values[window:], values[:-window]))
            return jnp.concatenate([first[None], sums], axis=0)
        size = values.shape[0] - window + 1

        def step(i, sums):
            return sums + lax.dynamic_slice_in_dim(values, i, size)

        return lax.fori_loop(0, window, step, jnp.zeros_like(values[:size]))

    if kind == "sum":
        return window_sum(x)
    mean = window_sum(x) / window
    if kind == "mean":
        return mean
    square = window_sum(jnp.square(x)) / window
    variance = jnp.maximum(square - jnp.square(mean), 0.0)
    if ddof == 1:
        # Bessel's correction.
        variance = variance * window / (window - 1)
    if kind == "std":
        return jnp.sqrt(variance + 1e-2)
    if kind == "zscore":
        return (x[window - 1 :] - mean) / jnp.sqrt(variance + 1e-2)
    return variance


@family(
    "loop",
    x="t d",
    y="t d",
    window=(3, 4),
    method={"cumsum": 3, "scan": 2},
    difference={False: 2, True: 1},
    sizes={"t": (6, 8, 8, 10, 12), "d": (2, 4, 5, 6)},
)
def rolling_correlation(x, y, *, window=4, method="cumsum", difference=False):
    """Rolling correlation of the columns of two series.

    Args:
        x: first series, one row for each time.
        y: second series, of the same shape.
        window: length of the window.
    """
    if difference:
        # Of the changes instead of the levels.
        x = jnp.diff(x, axis=0)
        y = jnp.diff(y, axis=0)

    def window_mean(values):
        if method == "scan":

            def step(total, row):
                new, old = row
                total = total + new - old
                return total, total

            first = jnp.sum(values[:window], axis=0)
            _, sums = lax.scan(step, first, (values[window:], values[:-window]))
            return jnp.concatenate([first[None], sums], axis=0) / window
        total = jnp.cumsum(values, axis=0)
        before = jnp.concatenate([jnp.zeros_like(total[:1]), total[:-window]], axis=0)
        return (total[window - 1 :] - before) / window

    mean_x = window_mean(x)
    mean_y = window_mean(y)
    covariance = window_mean(x * y) - mean_x * mean_y
    var_x = jnp.maximum(window_mean(jnp.square(x)) - jnp.square(mean_x), 0.0)
    var_y = jnp.maximum(window_mean(jnp.square(y)) - jnp.square(mean_y), 0.0)
    return covariance * lax.rsqrt((var_x + 1e-2) * (var_y + 1e-2))


@family(
    "loop",
    infected="n in 0.05..0.3",
    beta="n in 0.4..1.5",
    recovery="? n in 0.1..0.5",
    vaccination="? in 0.01..0.05",
    contact="? n n in 0.0..0.3",
    model={"sir": 4, "seir": 2, "sis": 2, "sirs": 2},
    method={"euler": 4, "midpoint": 2, "heun": 1},
    seasonal={False: 3, True: 1},
    dt=(0.25, 0.5),
    num_steps=(5, 6, 8),
    sizes={"n": (2, 4, 5, 6)},
)
def simulate_epidemic(
    infected,
    beta,
    recovery=None,
    vaccination=None,
    contact=None,
    *,
    model="sir",
    method="euler",
    seasonal=False,
    dt=0.5,
    num_steps=8,
):
    """Share of the infected over time in a compartment model of an epidemic.

    Args:
        infected: initial share of the infected in each group.
        beta: transmission rate of each group.
        recovery: recovery rate of each group.
        vaccination: rate at which the susceptible are vaccinated.
        contact: contact rates between the groups.
        dt: length of a time step.
    """
    if recovery is None:
        recovery = 0.3

    def derivative(state, time):
        susceptible, exposed, infected = state
        if contact is not None:
            pressure = infected + contact @ infected
        else:
            pressure = infected
        if seasonal:
            transmission = beta * (1.0 + 0.2 * jnp.cos(2.0 * jnp.pi * dt * time / 8.0))
        else:
            transmission = beta
        new = transmission * susceptible * pressure
        healed = recovery * infected
        d_susceptible = -new
        if model == "sis":
            # Nobody becomes immune.
            d_susceptible = d_susceptible + healed
        elif model == "sirs":
            # Immunity wanes.
            d_susceptible = d_susceptible + 0.1 * (1.0 - susceptible - exposed - infected)
        if vaccination is not None:
            d_susceptible = d_susceptible - vaccination * susceptible
        if model == "seir":
            onset = 0.5 * exposed
            return d_susceptible, new - onset, onset - healed
        return d_susceptible, jnp.zeros_like(exposed), new - healed

    def advance(state, slope, scale):
        return tuple(x + scale * dx for x, dx in zip(state, slope))

    def step(state, time):
        slope = derivative(state, time)
        if method == "midpoint":
            slope = derivative(advance(state, slope, 0.5 * dt), time + 0.5)
        elif method == "heun":
            ahead = derivative(advance(state, slope, dt), time + 1.0)
            slope = tuple(0.5 * (a + b) for a, b in zip(slope, ahead))
        state = advance(state, slope, dt)
        return state, state[2]

    start = (1.0 - infected, jnp.zeros_like(infected), infected)
    times = jnp.arange(num_steps, dtype=infected.dtype)
    _, path = lax.scan(step, start, times)
    return path


@family(
    "loop",
    rewards="t b",
    values="t b",
    dones="? t b bool",
    bootstrap="? b",
    gamma=(0.9, 0.95, 0.98),
    lam={0.8: 1, 0.9: 1, 0.95: 2},
    method=decided({"scan": 3, "fori": 1, "associative": 1}),
    targets={False: 2, True: 1},
    sizes={"t": (4, 5, 6, 8, 10), "b": (2, 4, 6)},
)
def generalized_advantages(
    rewards,
    values,
    dones=None,
    bootstrap=None,
    *,
    gamma=0.95,
    lam=0.95,
    method="scan",
    targets=False,
):
    """Generalized advantage estimation (GAE).

    Args:
        rewards: rewards, time by batch.
        values: predicted values of the states, time by batch.
        dones: True where an episode ended with the step.
        bootstrap: predicted values of the states after the last step.
        gamma: discount factor.
        lam: decay of the traces.
    """
    if bootstrap is None:
        bootstrap = jnp.zeros_like(rewards[0])
    if dones is not None:
        discounts = gamma * (1.0 - dones.astype(rewards.dtype))
    else:
        discounts = jnp.full_like(rewards, gamma)
    next_values = jnp.concatenate([values[1:], bootstrap[None, :]], axis=0)
    deltas = rewards + discounts * next_values - values
    decays = lam * discounts
    if method == "associative":

        def combine(later, earlier):
            a_later, b_later = later
            a_earlier, b_earlier = earlier
            return a_later * a_earlier, b_earlier + a_earlier * b_later

        _, advantages = lax.associative_scan(combine, (decays, deltas), reverse=True)
    elif method == "fori":

        def body(i, advantages):
            t = rewards.shape[0] - 2 - i
            return advantages.at[t].add(decays[t] * advantages[t + 1])

        advantages = lax.fori_loop(0, rewards.shape[0] - 1, body, deltas)
    else:

        def step(advantage, row):
            delta, decay = row
            advantage = delta + decay * advantage
            return advantage, advantage

        _, advantages = lax.scan(step, jnp.zeros_like(bootstrap), (deltas, decays), reverse=True)
    if targets:
        # The targets of the value function come with them.
        return advantages, advantages + values
    return advantages


@family(
    "loop",
    prices="t d in 0.8..1.2",
    fast_average="d in 0.8..1.2",
    slow_average="d in 0.8..1.2",
    fast=(0.85, 0.75),
    slow=(0.92, 0.9),
    relative={False: 2, True: 1},
    log={False: 2, True: 1},
    joint=decided({True: 1, False: 1}),
    sizes={"t": (6, 8, 8, 10, 12), "d": (2, 4, 5)},
    only="float32",
)
def macd_update(
    prices,
    fast_average,
    slow_average,
    *,
    fast=0.85,
    slow=0.92,
    relative=False,
    log=False,
    joint=True,
):
    """Moving average convergence/divergence (MACD) of new prices: fast minus slow average.

    Args:
        prices: closing prices, one column for each asset.
        fast_average: fast exponential average before the first of them.
        slow_average: slow exponential average before the first of them.
    """
    if log:
        prices = jnp.log(prices)
    if joint:

        def step(carry, price):
            quick, lazy = carry
            quick = fast * quick + (1.0 - fast) * price
            lazy = slow * lazy + (1.0 - slow) * price
            if relative:
                # The percentage price oscillator.
                line = 100.0 * (quick - lazy) / lazy
            else:
                line = quick - lazy
            return (quick, lazy), line

        return lax.scan(step, (fast_average, slow_average), prices)[1]

    def average(start, decay):
        def step(mean, price):
            mean = decay * mean + (1.0 - decay) * price
            return mean, mean

        return lax.scan(step, start, prices)[1]

    quick = average(fast_average, fast)
    lazy = average(slow_average, slow)
    if relative:
        return 100.0 * (quick - lazy) / lazy
    return quick - lazy
