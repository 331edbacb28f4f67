"""Families: recurrences along a sequence: running statistics, filters, simulations, prefix scans."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

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
running_statistics: running_statistics 4, running_stats 3, cumulative_statistics 2, online_stats 2, welford 1
exponential_average: exponential_average 3, ema 5, exponential_moving_average 4, exp_smoothing 2
decay: decay 4, alpha 4, beta 2, smoothing 2
drawdown: drawdown 5, drawdowns 2, compute_drawdown 3
returns: returns 5, daily_returns 1, log_returns 1
wealth: wealth 4, equity 3, nav 2, curve 1
peak: peak 5, running_max 3, high_water_mark 2
cusum: cusum 5, cusum_statistic 2, detect_drift 2, page_cusum 1
account_balance: account_balance 4, simulate_account 3, project_balance 2, savings 2
balance: balance 6, principal 1, account 1
rate: rate 5, interest_rate 2, r 2
deposits: deposits 5, contributions 3, payments 2
inventory: inventory 4, simulate_inventory 4, stock_levels 2
stock: stock 5, level 3, on_hand 2
demand: demand 6, demands 2
lindley: lindley 3, waiting_times 5, queue_waits 2, simulate_queue 3
service: service 4, service_times 4
arrival: interarrival 5, gaps 2, arrivals 2
compartments: compartments 2, sir_model 3, epidemic 4, simulate_epidemic 4
susceptible: susceptible 4, s 5
infected: infected 4, i 5
discounted_returns: discounted_returns 5, returns_to_go 3, compute_returns 3, rewards_to_go 2
rewards: rewards 6, reward 3, r 2
values: values 6, value 1, v 2
gamma: gamma 7, discount 5
affine_scan: affine_scan 4, linear_recurrence 5, diagonal_ssm 2, scan_affine 2
gates: gates 3, a 4, decays 2, coeffs 1
combine: combine 5, compose 2, binary_op 3, op 1
iir_filter: iir_filter 4, recursive_filter 2, linear_filter 3, lfilter 3
signal: signal 4, x 5
kalman_level: kalman_level 2, local_level_filter 2, kalman_filter 5, kalman_1d 2
observations: observations 4, y 5, measurements 2, obs 2
gain: gain 5, k 3, kalman_gain 2
orthogonal_series: orthogonal_series 3, clenshaw 3, evaluate_series 3, eval_poly 3
coefficients: coefficients 3, coeffs 5, coefs 2, c 1
rolling: rolling 3, rolling_statistic 2, sliding_window 3, moving_window 2, rolling_stats 2
window: window 6, width 2, size 1
next_values: next_values 5, values_next 1, v_next 1
"""


def running_moments(x, w, method="cumsum"):
    """Sums of the weights, means and variances of all rows up to each time."""
    if method == "welford":

        def step(carry, row):
            count, mean, m2 = carry
            value, weight = row
            count = count + weight
            delta = value - mean
            mean = mean + weight * delta / (count + 1e-3)
            m2 = m2 + weight * delta * (value - mean)
            return (count, mean, m2), (count, mean, m2)

        zeros = jnp.zeros_like(x[0])
        start = (jnp.zeros_like(w[0]), zeros, zeros)
        _, (count, mean, m2) = lax.scan(step, start, (x, w))
        total = count[:, None] + 1e-3
        return total, mean, m2 / total
    total = jnp.cumsum(w)[:, None] + 1e-3
    mean = jnp.cumsum(w[:, None] * x, axis=0) / total
    square = jnp.cumsum(w[:, None] * jnp.square(x), axis=0) / total
    return total, mean, square - jnp.square(mean)


@family(
    "loop",
    x="t d",
    weights="? t in 0.2..1.5",
    mask="? t bool",
    kind={"mean": 2, "variance": 3, "max": 2, "range": 2, "zscore": 2, "covariance": 2, "rms": 2},
    method={"cumsum": 3, "welford": 2},
    ddof={0: 3, 1: 1},
    reverse={False: 4, True: 1},
    transform={None: 4, "abs": 1, "log": 1, "diff": 1},
    final={False: 3, True: 1},
    sizes={"t": (5, 6, 8, 8, 10, 12), "d": (2, 4, 5, 6, 8)},
)
def running_statistics(
    x,
    weights=None,
    mask=None,
    *,
    kind="mean",
    method="cumsum",
    ddof=0,
    reverse=False,
    transform=None,
    final=False,
):
    """Statistics of all rows up to each time.

    Args:
        x: the series, one row for each time.
        weights: weights of the times.
        mask: times that count.
    """
    if transform == "abs":
        x = jnp.abs(x)
    elif transform == "log":
        x = jnp.log1p(jnp.square(x))
    elif transform == "diff":
        x = jnp.diff(x, axis=0, prepend=0.5 * x[:1])
    if reverse:
        x = jnp.flip(x, axis=0)
    if kind == "max" or kind == "range":
        if weights is not None:
            x = weights[:, None] * x
        if mask is not None:
            x = jnp.where(mask[:, None], x, 0.0)
        out = lax.cummax(x, axis=0)
        if kind == "range":
            out = out - lax.cummin(x, axis=0)
    else:
        if weights is not None:
            w = weights
        else:
            w = jnp.ones(x.shape[0], dtype=x.dtype)
        if mask is not None:
            w = jnp.where(mask, w, 0.0)
        total, mean, variance = running_moments(x, w, method)
        if kind == "mean":
            out = mean
        elif kind == "covariance":
            # With the first column.
            product = jnp.cumsum(w[:, None] * x * x[:, :1], axis=0) / total
            out = product - mean * mean[:, :1]
        elif kind == "zscore":
            out = (x - mean) * lax.rsqrt(jnp.maximum(0.0, variance) + 1e-2)
        elif kind == "rms":
            out = jnp.sqrt(jnp.maximum(0.0, variance) + jnp.square(mean) + 1e-4)
        else:
            out = variance * total / (total + 0.5) if ddof == 1 else variance
    if reverse:
        out = jnp.flip(out, axis=0)
    if final:
        return out[-1]
    return out


@family(
    "loop",
    x="t d",
    initial="? d",
    mask="? t bool",
    kind={"simple": 5, "double": 2, "trend": 2, "macd": 1, "variance": 2},
    decay=(0.5, 0.7, 0.8, 0.9),
    method={"scan": 4, "associative": 2},
    debias={False: 2, True: 1},
    output={"all": 4, "last": 1, "residual": 2},
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
    output="all",
):
    """Exponential smoothing of a series along time.

    Args:
        x: the series, one row for each time.
        initial: average before the first time.
        mask: times that are observed; at others the average stays.
        decay: part of the average that is kept in each step.
    """
    if initial is None:
        if debias:
            initial = jnp.zeros_like(x[0])
        else:
            initial = x[0]
    if mask is not None:
        keep = jnp.where(mask, decay, 1.0).astype(x.dtype)
    else:
        keep = jnp.full(x.shape[0], decay, dtype=x.dtype)

    def smooth(x):
        if method == "associative":

            def combine(left, right):
                return left[0] * right[0], right[0] * left[1] + right[1]

            factors, sums = lax.associative_scan(
                combine, (keep[:, None], (1.0 - keep[:, None]) * x)
            )
            return factors * initial + sums

        def step(average, row):
            value, k = row
            average = k * average + (1.0 - k) * value
            return average, average

        return lax.scan(step, initial, (x, keep))[1]

    if kind == "trend":

        def step(carry, row):
            level, trend = carry
            value, k = row
            # Holt's method: the trend is smoothed as well.
            following = k * (level + trend) + (1.0 - k) * value
            trend = 0.8 * trend + 0.2 * (following - level)
            return (following, trend), following + trend

        _, smoothed = lax.scan(step, (initial, jnp.zeros_like(initial)), (x, keep))
    elif kind == "variance":

        def step(carry, row):
            mean, variance = carry
            value, k = row
            change = value - mean
            mean = mean + (1.0 - k) * change
            variance = k * (variance + (1.0 - k) * jnp.square(change))
            return (mean, variance), jnp.sqrt(variance + 1e-3)

        _, smoothed = lax.scan(step, (initial, jnp.ones_like(initial)), (x, keep))
    else:
        smoothed = smooth(x)
        if debias:
            smoothed = smoothed / (1.0 - jnp.cumprod(0.99 * keep))[:, None]
        if kind == "double":
            smoothed = 2.0 * smoothed - smooth(smoothed)
        elif kind == "macd":
            smoothed = smoothed - lax.cumsum(x, axis=0) / (1.0 + jnp.arange(x.shape[0])[:, None])
    if output == "last":
        return smoothed[-1]
    elif output == "residual":
        return x - smoothed
    else:
        return smoothed


@family(
    "loop",
    returns="t d in -0.2..0.2",
    weights="? d in 0.1..1.0",
    fee="? in 0.01..0.05",
    compounding={"simple": 3, "log": 3, "additive": 2},
    kind={"relative": 4, "absolute": 2, "recovery": 1},
    output={"series": 4, "max": 3, "ulcer": 2, "calmar": 2, "both": 2, "average": 1},
    clip={False: 3, True: 1},
    floor={None: 3, 0.1: 1},
    scan={False: 3, True: 1},
    sizes={"t": (6, 8, 8, 10, 12, 16), "d": (2, 4, 5, 6)},
)
def drawdown(
    returns,
    weights=None,
    fee=None,
    *,
    compounding="simple",
    kind="relative",
    output="series",
    clip=False,
    floor=None,
    scan=False,
):
    """How far wealth is below its highest value so far.

    Args:
        returns: returns of each period, one column for each asset.
        weights: weights of the assets; without them each asset is looked at by itself.
        fee: cost of each period, as a part of the wealth.
    """
    if clip:
        returns = jnp.clip(returns, -0.15, 0.15)
    if weights is not None:
        returns = returns @ (weights / jnp.sum(weights))
    if fee is not None:
        returns = returns - fee
    if compounding == "simple":
        wealth = jnp.cumprod(1.0 + returns, axis=0)
    elif compounding == "log":
        wealth = jnp.exp(jnp.cumsum(returns, axis=0))
    else:
        wealth = 1.0 + jnp.cumsum(returns, axis=0)
    if floor is not None:
        wealth = jnp.maximum(wealth, floor)
    if scan:

        def step(peak, value):
            peak = jnp.maximum(peak, value)
            return peak, peak

        _, peak = lax.scan(step, jnp.ones_like(wealth[0]), wealth)
    else:
        peak = lax.cummax(wealth, axis=0)
    if kind == "relative":
        depth = 1.0 - wealth / peak
    elif kind == "recovery":
        depth = peak / wealth - 1.0
    else:
        depth = peak - wealth
    if output == "max":
        return jnp.max(depth, axis=0)
    elif output == "ulcer":
        return jnp.sqrt(jnp.mean(jnp.square(depth), axis=0) + 1e-6)
    elif output == "calmar":
        return jnp.mean(returns, axis=0) / (jnp.max(depth, axis=0) + 0.05)
    elif output == "both":
        return wealth, depth
    elif output == "average":
        return jnp.mean(depth, axis=0)
    else:
        return depth


@family(
    "loop",
    x="... t",
    target="? ... t in -0.5..0.5",
    drift="? in 0.05..0.4",
    method={"scan": 3, "cumsum": 2},
    side={"upper": 3, "lower": 2, "both": 3},
    standardise={None: 3, "mean": 2, "score": 2},
    reset={None: 3, 3.0: 1, 4.0: 1},
    output={"path": 4, "max": 2, "soft_alarm": 2},
    decay={None: 3, 0.9: 1},
    sizes={"t": (6, 8, 10, 12, 16)},
)
def cusum(
    x,
    target=None,
    drift=None,
    *,
    method="scan",
    side="upper",
    standardise=None,
    reset=None,
    output="path",
    decay=None,
):
    """Cumulative sums that grow where a series departs from its target.

    Args:
        x: the series, with time as its last axis.
        target: level at which the series should be.
        drift: deviation that is allowed at each time.
    """
    if target is not None:
        x = x - target
    if standardise is not None:
        x = x - jnp.mean(x, axis=-1, keepdims=True)
        if standardise == "score":
            x = x * lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-3)
    if drift is None:
        drift = 0.1

    def accumulate(change):
        if method == "cumsum":
            # The sum less its lowest value so far, which may be that of the start.
            total = jnp.cumsum(change, axis=-1)
            return total - jnp.minimum(0.0, lax.cummin(total, axis=total.ndim - 1))

        def step(level, value):
            if decay is not None:
                level = decay * level
            level = jnp.maximum(0.0, level + value)
            if reset is not None:
                # After an alarm it starts from zero.
                level = jnp.where(level > reset, 0.0, level)
            return level, level

        columns = jnp.moveaxis(change, -1, 0)
        _, levels = lax.scan(step, jnp.zeros_like(columns[0]), columns)
        return jnp.moveaxis(levels, 0, -1)

    if side == "upper":
        levels = accumulate(x - drift)
    elif side == "lower":
        levels = accumulate(-x - drift)
    else:
        levels = jnp.maximum(accumulate(x - drift), accumulate(-x - drift))
    if output == "max":
        return jnp.max(levels, axis=-1)
    elif output == "soft_alarm":
        return jax.nn.sigmoid(2.0 * (levels - 2.0))
    else:
        return levels


@family(
    "loop",
    balance="n in 0.5..2.0",
    rate="n in 0.01..0.15",
    deposits="? t n in 0.0..0.3",
    inflation="? in 0.01..0.05",
    kind={"savings": 3, "loan": 2, "pension": 2},
    timing={"end": 2, "begin": 1},
    fee={None: 3, 0.01: 1, 0.02: 1},
    tax={None: 3, 0.25: 1},
    floor={False: 2, True: 1},
    output={"balance": 3, "path": 3, "interest": 2, "both": 2},
    num_years=(4, 6, 8, 10),
    sizes={"t": (4, 5, 6, 8, 10), "n": (2, 4, 5, 6, 8)},
    only="float32",
)
def account_balance(
    balance,
    rate,
    deposits=None,
    inflation=None,
    *,
    kind="savings",
    timing="end",
    fee=None,
    tax=None,
    floor=False,
    output="balance",
    num_years=6,
):
    """Balance of accounts over some years.

    Args:
        balance: balance at the start.
        rate: yearly interest rate of each account.
        deposits: what is paid in each year; without it the same is paid each year.
        inflation: yearly rate by which a fixed payment grows.
        num_years: number of years, where the payment is fixed.
    """
    if deposits is None:
        if kind == "loan":
            payment = -0.1 * balance
        elif kind == "pension":
            payment = -0.08 * balance / (1.0 + rate)
        else:
            payment = 0.1 * jnp.ones_like(balance)
        if inflation is not None:
            growth = (1.0 + inflation) ** jnp.arange(num_years)
            deposits = growth[:, None] * payment
        else:
            deposits = jnp.tile(payment, (num_years, 1))
    elif inflation is not None:
        deposits = deposits * (1.0 + inflation)

    def step(balance, deposit):
        if timing == "begin":
            balance = balance + deposit
        interest = rate * balance
        if tax is not None:
            interest = interest - tax * interest
        balance = balance + interest
        if fee is not None:
            balance = balance - fee * balance
        if timing == "end":
            balance = balance + deposit
        if floor:
            balance = jnp.maximum(0.0, balance)
        if output == "path":
            return balance, balance
        return balance, interest

    final, history = lax.scan(step, balance, deposits)
    if output == "path":
        return history
    elif output == "interest":
        return jnp.sum(history, axis=0)
    elif output == "both":
        return final, history
    else:
        return final


@family(
    "loop",
    demand="t n in 0.1..1.5",
    stock="n in 0.5..3.0",
    orders="? t n in 0.2..1.2",
    level="? n in 1.0..3.0",
    policy={"base_stock": 3, "proportional": 2, "reorder_point": 1},
    shortage={"backlog": 3, "lost": 3, "soft": 1},
    perish={None: 3, 0.9: 1},
    capacity={None: 3, 1.0: 1},
    lead_time={0: 2, 1: 2},
    output={"stock": 4, "cost": 4, "final": 2, "orders": 1},
    sizes={"t": (5, 6, 8, 10), "n": (2, 4, 5, 6)},
)
def inventory(
    demand,
    stock,
    orders=None,
    level=None,
    *,
    policy="base_stock",
    shortage="backlog",
    perish=None,
    capacity=None,
    lead_time=0,
    output="stock",
):
    """Stock of some goods under a policy of orders.

    Args:
        demand: demand of each period, one column for each good.
        stock: stock at the start.
        orders: planned orders, on top of those of the policy.
        level: stock that the policy aims at.
    """
    if level is None:
        level = 2.0

    def place_order(stock):
        if policy == "base_stock":
            order = jnp.maximum(0.0, level - stock)
        elif policy == "proportional":
            order = 0.5 * (level - stock)
        else:
            order = jnp.where(stock < 0.5 * level, level - 0.5 * stock, 0.0)
        if capacity is not None:
            order = jnp.minimum(order, capacity)
        return order

    def step(carry, row):
        if lead_time == 1:
            stock, pipeline = carry
        else:
            stock = carry
        if orders is not None:
            wanted, planned = row
        else:
            wanted = row
        if perish is not None:
            stock = perish * stock
        order = place_order(stock)
        if orders is not None:
            order = order + planned
        if lead_time == 1:
            # What was ordered in the period before arrives now.
            available = stock + pipeline
        else:
            available = stock + order
        if shortage == "lost":
            sold = jnp.minimum(available, wanted)
        elif shortage == "soft":
            sold = available * jnp.tanh(wanted / (available + 1.0))
        else:
            sold = wanted
        stock = available - sold
        carry = (stock, order) if lead_time == 1 else stock
        if output == "cost":
            cost = 0.1 * jnp.maximum(0.0, stock) + 0.02 * order
            if shortage == "backlog":
                cost = cost + 0.5 * jnp.maximum(0.0, -stock)
            else:
                cost = cost + 0.5 * (wanted - sold)
            return carry, cost
        elif output == "orders":
            return carry, (order, stock)
        else:
            return carry, stock

    rows = (demand, orders) if orders is not None else demand
    start = (stock, jnp.zeros_like(stock)) if lead_time == 1 else stock
    _, history = lax.scan(step, start, rows)
    if output == "cost":
        return jnp.sum(history, axis=0)
    elif output == "orders":
        placed, levels = history
        return placed, levels
    elif output == "final":
        return history[-1]
    else:
        return history


@family(
    "loop",
    arrival="t n in 0.2..1.5",
    service="t n in 0.3..1.6",
    initial="? n in 0.0..1.0",
    speed="? n in 0.6..1.4",
    method={"scan": 4, "cummax": 2},
    limit={None: 3, 2.0: 1, 3.0: 1},
    tandem={False: 3, True: 1},
    discipline={"fifo": 3, "soft": 1},
    output={"waits": 4, "mean": 2, "sojourn": 2, "idle": 2, "departures": 1, "max": 1},
    sizes={"t": (5, 6, 8, 10, 12), "n": (2, 4, 5, 6)},
)
def lindley(
    arrival,
    service,
    initial=None,
    speed=None,
    *,
    method="scan",
    limit=None,
    tandem=False,
    discipline="fifo",
    output="waits",
):
    """Waiting times in a queue, by Lindley's recursion.

    Args:
        arrival: time from the arrival of the customer before to that of each customer.
        service: service times, one row for each customer.
        initial: work that is there at the start.
        speed: speed of the server.
    """
    if speed is not None:
        service = service / speed
    if initial is None:
        initial = jnp.zeros_like(arrival[0])

    def wait_in_queue(arrival, service):
        if method == "cummax":
            # The highest of the sums that end at a customer, each less the time that has passed.
            before = jnp.concatenate([initial[None, :], service[:-1]], axis=0)
            total = jnp.cumsum(before - arrival, axis=0)
            return total - jnp.minimum(0.0, lax.cummin(total, axis=0))

        def step(work, customer):
            gap, duration = customer
            if discipline == "soft":
                wait = 0.2 * jax.nn.softplus((work - gap) / 0.2)
            else:
                wait = jnp.maximum(0.0, work - gap)
            if limit is not None:
                wait = jnp.minimum(wait, limit)
            return wait + duration, wait

        _, waits = lax.scan(step, initial, (arrival, service))
        return waits

    waits = wait_in_queue(arrival, service)
    if tandem:
        # Departures of the first server are arrivals at the second one.
        leaves = jnp.cumsum(arrival, axis=0) + waits + service
        gaps = jnp.diff(leaves, axis=0, prepend=leaves[:1] - arrival[:1])
        waits = waits + wait_in_queue(gaps, 0.8 * service)
    if output == "mean":
        return jnp.mean(waits, axis=0)
    elif output == "sojourn":
        return waits + service
    elif output == "idle":
        return jnp.sum(arrival, axis=0) - jnp.sum(service, axis=0) + waits[-1] + service[-1]
    elif output == "departures":
        return jnp.cumsum(arrival, axis=0) + waits + service
    elif output == "max":
        return jnp.max(waits + 0.1 * service, axis=0)
    else:
        return waits


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
    output={"path": 3, "final": 2, "peak": 2, "all": 2, "attack": 1},
    dt=(0.25, 0.5),
    num_steps=(5, 6, 8),
    sizes={"n": (2, 4, 5, 6)},
)
def compartments(
    infected,
    beta,
    recovery=None,
    vaccination=None,
    contact=None,
    *,
    model="sir",
    method="euler",
    seasonal=False,
    output="path",
    dt=0.5,
    num_steps=8,
):
    """Simulate an epidemic with compartments.

    Args:
        infected: share of the infected at the start.
        beta: rates of infection.
        recovery: rates of recovery.
        vaccination: rate of vaccination of the susceptible.
        contact: how much each group meets the others.
        dt: length of a step.
        num_steps: number of steps.
    """
    if recovery is None:
        recovery = 0.3

    def derivative(state, time):
        susceptible, exposed, infected = state
        pressure = infected + contact @ infected if contact is not None else infected
        if seasonal:
            rate = beta * (1.0 + 0.2 * jnp.cos(2.0 * jnp.pi * dt * time / 8.0))
        else:
            rate = beta
        new = rate * susceptible * pressure
        healed = recovery * infected
        d_susceptible = -new
        if model == "sis":
            d_susceptible = d_susceptible + healed
        elif model == "sirs":
            # Immunity wanes.
            d_susceptible = d_susceptible + 0.1 * (1.0 - susceptible - exposed - infected)
        if vaccination is not None:
            d_susceptible = d_susceptible - vaccination * susceptible
        if model == "seir":
            ill = 0.5 * exposed
            return d_susceptible, new - ill, ill - healed
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
        return state, state

    start = (1.0 - infected, jnp.zeros_like(infected), infected)
    times = jnp.arange(num_steps, dtype=infected.dtype)
    final, path = lax.scan(step, start, times)
    if output == "final":
        return final[2]
    elif output == "peak":
        return jnp.max(path[2], axis=0)
    elif output == "all":
        return path[0], path[2]
    elif output == "attack":
        return 1.0 - final[0] - final[1]
    else:
        return path[2]


@family(
    "loop",
    rewards="t b",
    values="? t b",
    dones="? t b bool",
    bootstrap="? b",
    ratios="? t b in 0.6..1.4",
    gamma=(0.9, 0.95, 0.98),
    lam={0.8: 1, 0.9: 1, 0.95: 2},
    normalise={False: 3, True: 1},
    baseline={None: 3, "mean": 1},
    output={"targets": 3, "advantages": 3, "both": 2},
    sizes={"t": (4, 5, 6, 8, 10), "b": (2, 4, 6)},
)
def discounted_returns(
    rewards,
    values=None,
    dones=None,
    bootstrap=None,
    ratios=None,
    *,
    gamma=0.95,
    lam=0.95,
    normalise=False,
    baseline=None,
    output="advantages",
):
    """Discounted returns of episodes, or lambda-returns where values are given.

    Args:
        rewards: rewards, one row for each time.
        values: estimated values of the states.
        dones: whether an episode ended with this step.
        bootstrap: value of the state after the last step.
        ratios: importance ratios of the steps.
        gamma: discount.
        lam: decay of the traces.
    """
    if bootstrap is None:
        bootstrap = jnp.zeros_like(rewards[0])
    if dones is not None:
        discounts = gamma * (1.0 - dones.astype(rewards.dtype))
    else:
        discounts = jnp.full_like(rewards, gamma)
    if ratios is not None:
        # Clipped from above, as in V-trace.
        rho = jnp.minimum(ratios, 1.0)
    if values is not None:
        next_values = jnp.concatenate([values[1:], bootstrap[None, :]], axis=0)
        deltas = rewards + discounts * next_values - values
        if ratios is not None:
            deltas = rho * deltas
            decays = lam * discounts * rho
        else:
            decays = lam * discounts

        def step(trace, row):
            delta, factor = row
            trace = delta + factor * trace
            return trace, trace

        _, advantages = lax.scan(step, jnp.zeros_like(bootstrap), (deltas, decays), reverse=True)
        targets = advantages + values
        if normalise:
            advantages = advantages / (jnp.std(advantages) + 1e-3)
        if output == "targets":
            return targets
        elif output == "both":
            return advantages, targets
        else:
            return advantages
    if ratios is not None:
        rewards = rho * rewards

    def step(total, row):
        reward, discount = row
        total = reward + discount * total
        return total, total

    _, totals = lax.scan(step, bootstrap, (rewards, discounts), reverse=True)
    if baseline is not None:
        totals = totals - 0.5 * jnp.mean(totals, axis=1, keepdims=True)
    if normalise:
        totals = totals / (jnp.std(totals) + 1e-3)
    return totals


@family(
    "loop",
    x="t d",
    gates="t d in -1..2",
    h0="? d",
    out_gates="? t d",
    skip="? d in 0.2..1.0",
    gating={"sigmoid": 4, "exp": 2, "plain": 1},
    mix={None: 2, "complement": 2, "sqrt": 1},
    method={"associative": 4, "scan": 3, "cumsum": 1},
    reverse={False: 3, True: 1},
    readout={None: 3, "tanh": 1, "sum": 1, "last": 1},
    sizes={"t": (4, 5, 6, 8, 8), "d": (2, 4, 6, 8)},
)
def affine_scan(
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
    readout=None,
):
    """States of a gated linear recurrence for all times.

    Args:
        x: inputs, one row for each time.
        gates: decides how much of a state is kept.
        h0: state before the first time.
        out_gates: gates of the outputs.
        skip: weights of the inputs that are added to the outputs.
    """
    if gating == "sigmoid":
        a = jax.nn.sigmoid(gates)
    elif gating == "exp":
        a = jnp.exp(-jax.nn.softplus(gates))
    else:
        a = 0.5 + 0.2 * gates
    if mix == "complement":
        b = (1.0 - a) * x
    elif mix == "sqrt":
        b = jnp.sqrt(1.0 - 0.9 * jnp.square(a)) * x
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
    elif method == "cumsum":
        # Divided by what is left of each input at the end.
        scale = jnp.exp(jnp.cumsum(jnp.log(a), axis=0))
        states = scale * jnp.cumsum(b / scale, axis=0)
        if h0 is not None:
            states = states + scale * h0
    else:

        def step(h, row):
            a_t, b_t = row
            h = a_t * h + b_t
            return h, h

        if h0 is None:
            h0 = jnp.zeros_like(x[0])
        _, states = lax.scan(step, h0, (a, b), reverse=reverse)
    if out_gates is not None:
        states = states * jax.nn.silu(out_gates)
    if skip is not None:
        states = states + skip * x
    if readout == "tanh":
        return jnp.tanh(states)
    elif readout == "sum":
        return jnp.sum(states, axis=-1)
    elif readout == "last":
        return states[-1]
    else:
        return states


@family(
    "loop",
    signal="... t",
    b="k in -0.6..0.6",
    a="? 2 in -0.4..0.4",
    gain="? in 0.5..1.5",
    form={"direct": 3, "transposed": 2},
    both_ways={False: 3, True: 1},
    emphasis={None: 3, "pre": 1, "dc": 1},
    output={"signal": 4, "energy": 2, "envelope": 2, "decibels": 1},
    sizes={"t": (6, 8, 10, 12), "k": (2, 4)},
)
def iir_filter(
    signal, b, a=None, gain=None, *, form="direct", both_ways=False, emphasis=None, output="signal"
):
    """Filter signals by a difference equation.

    Args:
        signal: signals, with time as the last axis.
        b: coefficients of the inputs, the newest first.
        a: coefficients of the last two outputs.
        gain: factor of the inputs.
    """
    if gain is not None:
        signal = gain * signal
    if emphasis == "pre":
        before = jnp.concatenate([jnp.zeros_like(signal[..., :1]), signal[..., :-1]], axis=-1)
        signal = signal - 0.9 * before
    elif emphasis == "dc":
        signal = signal - jnp.mean(signal, axis=-1, keepdims=True)

    def run(samples):
        zeros = jnp.zeros_like(samples[0])
        if a is not None:
            if form == "transposed":

                def step(carry, x):
                    s1, s2 = carry
                    y = b[0] * x + s1
                    return (b[1] * x - a[0] * y + s2, -a[1] * y), y

                _, filtered = lax.scan(step, (zeros, zeros), samples)
            else:

                def step(carry, x):
                    x1, y1, y2 = carry
                    y = b[0] * x + b[1] * x1 - a[0] * y1 - a[1] * y2
                    return (x, y, y1), y

                _, filtered = lax.scan(step, (zeros, zeros, zeros), samples)
        else:

            def step(history, x):
                history = jnp.concatenate([x[None], history[:-1]], axis=0)
                return history, jnp.tensordot(b, history, axes=1)

            start = jnp.zeros((b.shape[0], *samples.shape[1:]), dtype=samples.dtype)
            _, filtered = lax.scan(step, start, samples)
        return filtered

    samples = jnp.moveaxis(signal, -1, 0)
    filtered = run(samples)
    if both_ways:
        # Backwards as well, so that the phase stays.
        filtered = jnp.flip(run(jnp.flip(filtered, axis=0)), axis=0)
    if output == "energy":
        return jnp.mean(jnp.square(filtered), axis=0)
    elif output == "envelope":

        def follow(level, x):
            level = jnp.maximum(jnp.abs(x), 0.8 * level)
            return level, level

        _, filtered = lax.scan(follow, jnp.zeros_like(filtered[0]), filtered)
    elif output == "decibels":
        filtered = 10.0 * jnp.log10(jnp.square(filtered) + 1e-2)
    return jnp.moveaxis(filtered, 0, -1)


@family(
    "loop",
    observations="t n",
    mean="? n",
    control="? t n in -0.5..0.5",
    noise="? t n in 0.3..1.5",
    mask="? t n bool",
    transition={None: 3, 0.9: 2, 0.8: 1},
    model={"level": 4, "trend": 2},
    process_noise=(0.1, 0.2, 0.3),
    gain_kind={"optimal": 4, "fixed": 1},
    output={"filtered": 3, "predicted": 2, "likelihood": 3, "uncertain": 2, "smoothed": 2},
    sizes={"t": (4, 5, 6, 8), "n": (2, 4, 5, 6)},
)
def kalman_level(
    observations,
    mean=None,
    control=None,
    noise=None,
    mask=None,
    *,
    transition=None,
    model="level",
    process_noise=0.2,
    gain_kind="optimal",
    output="filtered",
):
    """Kalman filter of independent series.

    Args:
        observations: what is observed, one row for each time.
        mean: expected levels before the first time.
        control: what is added to the levels at each time.
        noise: variances of the observations.
        mask: which observations count.
        transition: part of a level that stays until the next time.
        process_noise: variance of the change of a level.
    """
    if mean is None:
        mean = jnp.zeros_like(observations[0])

    def predict(level, variance):
        if transition is not None:
            level = transition * level
            variance = transition**2 * variance
        return level, variance + process_noise

    def step(carry, t):
        if model == "trend":
            level, slope, variance = carry
            level = level + slope
        else:
            level, variance = carry
        level, variance = predict(level, variance)
        if control is not None:
            level = level + control[t]
        predicted = level
        innovation = observations[t] - level
        spread = variance + noise[t] if noise is not None else variance + 0.5
        if gain_kind == "fixed":
            gain = 0.6 / jnp.sqrt(spread)
        else:
            gain = variance / spread
        if mask is not None:
            # Without an observation there is nothing to correct.
            gain = jnp.where(mask[t], gain, 0.0)
        level = level + gain * innovation
        variance = (1.0 - gain) * variance
        if model == "trend":
            carry = (level, slope + 0.3 * gain * innovation, variance)
        else:
            carry = (level, variance)
        if output == "predicted":
            return carry, predicted
        elif output == "likelihood":
            log_density = -0.5 * (jnp.square(innovation) / spread + jnp.log(2.0 * jnp.pi * spread))
            return carry, log_density
        elif output == "filtered":
            return carry, level
        else:
            return carry, (level, variance)

    if model == "trend":
        start = (mean, jnp.zeros_like(mean), jnp.ones_like(mean))
    else:
        start = (mean, jnp.ones_like(mean))
    _, history = lax.scan(step, start, jnp.arange(observations.shape[0]))
    if output == "likelihood":
        return jnp.sum(history)
    elif output == "uncertain":
        levels, variances = history
        return levels, levels - 2.0 * jnp.sqrt(variances + 1e-4)
    elif output == "smoothed":
        levels, variances = history

        def back(after, row):
            level, variance = row
            ahead, total = predict(level, variance)
            smooth = level + variance / total * (after - ahead)
            return smooth, smooth

        _, smoothed = lax.scan(back, levels[-1], (levels[:-1], variances[:-1]), reverse=True)
        return smoothed
    else:
        return history


@family(
    "loop",
    coefficients="k",
    x="n in -0.9..0.9",
    basis={"power": 1, "chebyshev": 3, "legendre": 3, "hermite": 2, "laguerre": 2},
    method={"horner": 3, "clenshaw": 2, "forward": 5},
    slope={False: 3, True: 1},
    domain={None: 3, "shift": 1, "cosine": 1},
    window={None: 3, "jackson": 1, "decay": 1},
    output={"values": 4, "integral": 1, "terms": 1},
    scan={True: 2, False: 2},
    sizes={"k": (4, 5, 6, 8), "n": (4, 6, 8, 12)},
)
def orthogonal_series(
    coefficients,
    x,
    *,
    basis="power",
    method="forward",
    slope=False,
    domain=None,
    window=None,
    output="values",
    scan=True,
):
    """Evaluate a series of polynomials from its coefficients, the lowest degree first."""
    k = coefficients.shape[0]
    if domain == "shift":
        x = 2.0 * jnp.abs(x) - 1.0
    elif domain == "cosine":
        x = jnp.cos(jnp.pi * x)
    if window == "jackson":
        # Damp the high degrees, which would ring.
        degrees = jnp.arange(k, dtype=x.dtype)
        coefficients = coefficients * jnp.cos(0.5 * jnp.pi * degrees / k)
    elif window == "decay":
        coefficients = coefficients * 0.8 ** jnp.arange(k, dtype=x.dtype)
    zeros = jnp.zeros_like(x)
    if method == "horner":
        if slope:

            def step(carry, c):
                value, derivative = carry
                return (value * x + c, derivative * x + value), None

            (value, derivative), _ = lax.scan(step, (zeros, zeros), coefficients[::-1])
            return value, derivative
        if scan:
            value, _ = lax.scan(lambda value, c: (value * x + c, None), zeros, coefficients[::-1])
        else:
            value = lax.fori_loop(0, k, lambda i, value: value * x + coefficients[k - 1 - i], zeros)
        if output == "integral":
            return jnp.mean(value)
        return value
    if method == "clenshaw":

        def step(i, carry):
            b1, b2 = carry
            return 2.0 * x * b1 - b2 + coefficients[k - 1 - i], b1

        # Clenshaw's recurrence, from the highest degree down.
        b1, b2 = lax.fori_loop(0, k - 1, step, (zeros, zeros))
        value = x * b1 - b2 + coefficients[0]
        if output == "integral":
            return jnp.mean(value)
        return value

    def advance(i, current, before):
        if basis == "chebyshev":
            return 2.0 * x * current - before
        elif basis == "legendre":
            return ((2.0 * i + 1.0) * x * current - i * before) / (i + 1.0)
        elif basis == "hermite":
            return x * current - i * before
        elif basis == "laguerre":
            return ((2.0 * i + 1.0 - x) * current - i * before) / (i + 1.0)
        else:
            return x * current

    def step(carry, row):
        current, before, total = carry
        i, c = row
        total = total + c * current
        return (advance(i, current, before), current, total), c * current

    if basis == "chebyshev":
        start = (jnp.ones_like(x), x, zeros)
    else:
        start = (jnp.ones_like(x), zeros, zeros)
    (_, _, total), terms = lax.scan(step, start, (jnp.arange(k), coefficients))
    if output == "integral":
        return jnp.mean(total)
    elif output == "terms":
        return terms
    else:
        return total


@family(
    "loop",
    x="t d",
    weights="? t in 0.3..1.5",
    window=(2, 3, 4),
    kind={"mean": 3, "variance": 2, "sum": 1, "score": 2, "ratio": 1, "correlation": 2},
    method={"cumsum": 4, "scan": 2, "slices": 2},
    padding={"valid": 3, "edge": 2, "zero": 1},
    detrend={False: 3, True: 1},
    pool={None: 4, "max": 1, "mean": 1},
    sizes={"t": (6, 8, 8, 10, 12), "d": (2, 4, 5, 6)},
)
def rolling(
    x,
    weights=None,
    *,
    window=3,
    kind="mean",
    method="cumsum",
    padding="valid",
    detrend=False,
    pool=None,
):
    """Statistics of a window that slides along time.

    Args:
        x: the series, one row for each time.
        weights: weights of the times.
        window: length of the window.
    """
    if detrend:
        x = x - jnp.cumsum(x, axis=0) / jnp.arange(1, x.shape[0] + 1)[:, None]
    if weights is not None:
        x = weights[:, None] * x
    if padding == "edge":
        x = jnp.pad(x, ((window - 1, 0), (0, 0)), mode="edge")
    elif padding == "zero":
        x = jnp.pad(x, ((window - 1, 0), (0, 0)))
    num_windows = x.shape[0] - window + 1

    def window_sum(values):
        if method == "cumsum":
            total = jnp.cumsum(values, axis=0)
            before = jnp.concatenate([jnp.zeros_like(total[:1]), total[:-window]], axis=0)
            return total[window - 1 :] - before
        elif method == "scan":

            def step(total, row):
                new, old = row
                total = total + new - old
                return total, total

            first = jnp.sum(values[:window], axis=0)
            _, sums = lax.scan(step, first, (values[window:], values[:-window]))
            return jnp.concatenate([first[None], sums], axis=0)
        else:
            sums = jnp.zeros((num_windows, *values.shape[1:]), dtype=values.dtype)

            def step(i, sums):
                return sums + lax.dynamic_slice_in_dim(values, i, num_windows)

            return lax.fori_loop(0, window, step, sums)

    mean = window_sum(x) / window
    if kind == "mean":
        out = mean
    elif kind == "sum":
        out = window * mean
    elif kind == "ratio":
        out = x[window - 1 :] / (1.0 + jnp.abs(mean))
    elif kind == "correlation":
        # With the first column.
        first = x[:, :1]
        covariance = window_sum(x * first) / window - mean * mean[:, :1]
        spread = window_sum(jnp.square(x)) / window - jnp.square(mean)
        out = covariance * lax.rsqrt(spread * spread[:, :1] + 0.1)
    else:
        variance = window_sum(jnp.square(x)) / window - jnp.square(mean)
        if kind == "score":
            out = (x[window - 1 :] - mean) / jnp.sqrt(variance + 0.1)
        else:
            out = variance
    if pool == "max":
        return jnp.max(out, axis=0)
    elif pool == "mean":
        return jnp.mean(out, axis=0)
    else:
        return out
