"""Families: iterations that solve something: roots, series, linear systems, minima."""

from typing import TYPE_CHECKING

from jax_ir_synth.kernels.style.family import family

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax

NAMES = """
polar_factor: polar_factor 4, orthogonalize 4, orthogonal_factor 2
matrix_sqrt: matrix_sqrt 5, sqrtm 3, newton_schulz_sqrt 2
barycentric_projection: barycentric_projection 4, transport_points 3, barycentric_map 3
dominant_eigenvalue: dominant_eigenvalue 5, largest_eigenvalue 4, power_method 1
steepest_descent: steepest_descent 5, gradient_solve 2, descend 2
lyapunov_exponent: lyapunov_exponent 6, lyapunov 4
map_orbit: map_orbit 4, orbit 4, simulate_map 2
orbit_position: orbit_position 4, kepler_position 3, orbital_position 3
true_anomaly_from_mean: true_anomaly_from_mean 3, true_anomaly 5, mean_to_true 3
x: x 1
mask: mask 7, free 1, interior 1
step: step 5, body 4, body_fn 2, body_fun 1, update 1
num_steps: num_steps 5, num_iters 5, n_iters 2, n_steps 2, iterations 1, max_iters 1
num_terms: num_terms 5, n_terms 4, order 1
carry: carry 6, state 3
eccentric_anomaly: eccentric_anomaly 5, solve_kepler 4, kepler 2, kepler_solver 1
mean_anomaly: mean_anomaly 4, M 2, m 2
eccentricity: eccentricity 4, ecc 3, e 3
anomaly: anomaly 4, E 2, ecc_anomaly 2
semi_major: semi_major 3, a 2, semi_major_axis 2, sma 1
newton_root: newton_root 4, babylonian 1, iterative_root 2, root_by_iteration 2
mixed_mean: mixed_mean 4, iterated_mean 3, compound_mean 2, generalized_agm 1
continued_fraction: continued_fraction 6, eval_continued_fraction 2, cont_frac 1
partial_fraction: coefficients 5, terms 3, partial_term 2
power_series: power_series 4, series 3, sum_series 2, taylor_series 2
term_ratio: term_ratio 5, next_ratio 2, ratio 2
term: term 6, t 2
total: total 6, acc 3, s 1
colour_fractal: colour_fractal 2, color_fractal 4, fractal 3, shade_fractal 2
c_re: c_re 5, cx 3, c_real 2
c_im: c_im 5, cy 3, c_imag 2
z_re: z_re 5, zx 3, z_real 2
z_im: z_im 5, zy 3, z_imag 2
iterate_map: iterate_map 5, iterated_map 3, simulate_map 2
apply_map: apply_map 4, map_step 3, f 1
equilibrium: equilibrium 4, fixed_point 3, deep_equilibrium 3, deq 1, implicit_layer 1
fit: fit 5, train 3, gradient_descent 3, minimize 2, optimize 1
w: w 6, theta 2, params 2, beta 2
sample_weight: sample_weight 4, sample_weights 2, weights 2
learning_rate: learning_rate 4, lr 5, step_size 3
residual: residual 5, error 3, err 1, diff 1
grad: grad 6, g 3, gradient 2
conjugate_gradient: conjugate_gradient 6, cg 3, cg_solve 3, solve_cg 1
relax: relax 4, jacobi 1, poisson_relaxation 2, solve_poisson 4, relax_poisson 2
source: source 4, f 3, rhs 2
u: u 8, phi 2
dominant_eigenvector: dominant_eigenvector 3, power_iteration 6, power_method 3, leading_eigenvector 1
v: v 1
sinkhorn: sinkhorn 6, sinkhorn_distance 1, optimal_transport 2, sinkhorn_iterations 2
cost: cost 6, cost_matrix 2, c 1
coordinate_descent: coordinate_descent 5, lasso_cd 1, cyclic_descent 1, cd_solver 1
newton_schulz: newton_schulz 5, matrix_iteration 3
robust_center: robust_center 5, irls_center 2, location_m_estimate 2
points: points 5, x 3, samples 1
center: center 5, mu 2, estimate 2
"""


def newton_step(x, f, df):
    return x - f / df


def halley_step(x, f, df, ddf):
    return x - 2.0 * f * df / (2.0 * jnp.square(df) - f * ddf)


@family(
    "loop",
    mean_anomaly="... n in 0.2..3.0",
    eccentricity="... n in 0.05..0.7",
    method={"newton": 5, "halley": 3, "fixed_point": 2},
    guess={"mean": 3, "sine": 2, "pi": 1},
    num_steps=(2, 3, 4, 5, 6),
    form={"fori": 3, "scan": 2},
)
def eccentric_anomaly(
    mean_anomaly,
    eccentricity,
    *,
    method="newton",
    guess="mean",
    num_steps=4,
    form="fori",
):
    """Solves Kepler's equation for the eccentric anomaly.

    Args:
        mean_anomaly: mean anomaly of each body, in radians.
        eccentricity: eccentricity of each orbit, below 1.
    """
    if guess == "mean":
        anomaly = mean_anomaly
    elif guess == "sine":
        anomaly = mean_anomaly + eccentricity * jnp.sin(mean_anomaly)
    else:
        anomaly = jnp.full_like(mean_anomaly, jnp.pi)

    def update(anomaly):
        if method == "fixed_point":
            return mean_anomaly + eccentricity * jnp.sin(anomaly)
        f = anomaly - eccentricity * jnp.sin(anomaly) - mean_anomaly
        df = 1.0 - eccentricity * jnp.cos(anomaly)
        if method == "halley":
            return halley_step(anomaly, f, df, eccentricity * jnp.sin(anomaly))
        return newton_step(anomaly, f, df)

    if form == "scan":

        def step(anomaly, _):
            return update(anomaly), None

        anomaly, _ = lax.scan(step, anomaly, None, length=num_steps)
    else:
        anomaly = lax.fori_loop(0, num_steps, lambda _, e: update(e), anomaly)
    return anomaly


@family(
    "loop",
    mean_anomaly="... n in 0.2..3.0",
    eccentricity="... n in 0.05..0.7",
    semi_major="... n in 0.5..2.0",
    method={"newton": 5, "halley": 3, "fixed_point": 2},
    guess={"mean": 3, "sine": 2, "pi": 1},
    num_steps=(2, 3, 4, 5, 6),
    form={"fori": 3, "scan": 2},
)
def orbit_position(
    mean_anomaly,
    eccentricity,
    semi_major,
    *,
    method="newton",
    guess="mean",
    num_steps=4,
    form="fori",
):
    """Position of bodies in the planes of their elliptic orbits, by Kepler's equation.

    Args:
        mean_anomaly: mean anomaly of each body, in radians.
        eccentricity: eccentricity of each orbit, below 1.
        semi_major: semi-major axis of each orbit.
    """
    if guess == "mean":
        anomaly = mean_anomaly
    elif guess == "sine":
        anomaly = mean_anomaly + eccentricity * jnp.sin(mean_anomaly)
    else:
        anomaly = jnp.full_like(mean_anomaly, jnp.pi)

    def update(anomaly):
        if method == "fixed_point":
            return mean_anomaly + eccentricity * jnp.sin(anomaly)
        f = anomaly - eccentricity * jnp.sin(anomaly) - mean_anomaly
        df = 1.0 - eccentricity * jnp.cos(anomaly)
        if method == "halley":
            return halley_step(anomaly, f, df, eccentricity * jnp.sin(anomaly))
        return newton_step(anomaly, f, df)

    if form == "scan":

        def step(anomaly, _):
            return update(anomaly), None

        anomaly, _ = lax.scan(step, anomaly, None, length=num_steps)
    else:
        anomaly = lax.fori_loop(0, num_steps, lambda _, e: update(e), anomaly)
    # The focus is the origin, and the periapsis is on the x axis.
    minor = jnp.sqrt(1.0 - jnp.square(eccentricity))
    px = semi_major * (jnp.cos(anomaly) - eccentricity)
    py = semi_major * minor * jnp.sin(anomaly)
    return jnp.stack([px, py], axis=-1)


@family(
    "loop",
    mean_anomaly="... n in 0.2..3.0",
    eccentricity="... n in 0.05..0.7",
    method={"newton": 5, "halley": 3, "fixed_point": 2},
    guess={"mean": 3, "sine": 2, "pi": 1},
    num_steps=(2, 3, 4, 5, 6),
    form={"fori": 3, "scan": 2},
)
def true_anomaly_from_mean(
    mean_anomaly,
    eccentricity,
    *,
    method="newton",
    guess="mean",
    num_steps=4,
    form="fori",
):
    """True anomaly of bodies on elliptic orbits, by Kepler's equation.

    Args:
        mean_anomaly: mean anomaly of each body, in radians.
        eccentricity: eccentricity of each orbit, below 1.
    """
    if guess == "mean":
        anomaly = mean_anomaly
    elif guess == "sine":
        anomaly = mean_anomaly + eccentricity * jnp.sin(mean_anomaly)
    else:
        anomaly = jnp.full_like(mean_anomaly, jnp.pi)

    def update(anomaly):
        if method == "fixed_point":
            return mean_anomaly + eccentricity * jnp.sin(anomaly)
        f = anomaly - eccentricity * jnp.sin(anomaly) - mean_anomaly
        df = 1.0 - eccentricity * jnp.cos(anomaly)
        if method == "halley":
            return halley_step(anomaly, f, df, eccentricity * jnp.sin(anomaly))
        return newton_step(anomaly, f, df)

    if form == "scan":

        def step(anomaly, _):
            return update(anomaly), None

        anomaly, _ = lax.scan(step, anomaly, None, length=num_steps)
    else:
        anomaly = lax.fori_loop(0, num_steps, lambda _, e: update(e), anomaly)
    ratio = jnp.sqrt((1.0 + eccentricity) / (1.0 - eccentricity))
    return 2.0 * jnp.arctan(ratio * jnp.tan(0.5 * anomaly))


@family(
    "loop",
    a="... n in 0.3..3.0",
    kind=("sqrt", "rsqrt", "reciprocal", "cbrt", "fourth"),
    method={"newton": 3, "halley": 2},
    guess={"one": 2, "tangent": 2},
    num_steps=(2, 3, 4, 5),
    form={"fori": 3, "scan": 2},
)
def newton_root(
    a,
    *,
    kind="sqrt",
    method="newton",
    guess="one",
    num_steps=4,
    form="fori",
):
    """A root or reciprocal of positive numbers, by Newton's method or one of third order."""

    def improve(y):
        if kind == "sqrt":
            if method == "halley":
                return y * (jnp.square(y) + 3.0 * a) / (3.0 * jnp.square(y) + a)
            return 0.5 * (y + a / y)
        elif kind == "rsqrt":
            error = 1.0 - a * jnp.square(y)
            if method == "halley":
                return y * (1.0 + error * (0.5 + 0.375 * error))
            return y * (1.0 + 0.5 * error)
        elif kind == "reciprocal":
            error = 1.0 - a * y
            if method == "halley":
                return y * (1.0 + error + jnp.square(error))
            return y * (1.0 + error)
        elif kind == "cbrt":
            cube = y * y * y
            if method == "halley":
                return y * (cube + 2.0 * a) / (2.0 * cube + a)
            return (2.0 * y + a / jnp.square(y)) / 3.0
        else:
            power = jnp.square(jnp.square(y))
            if method == "halley":
                return y * (3.0 * power + 5.0 * a) / (5.0 * power + 3.0 * a)
            return 0.75 * y + 0.25 * a / (y * y * y)

    if kind == "rsqrt" or kind == "reciprocal":
        # A start between zero and the solution, from where the iteration converges.
        if kind == "rsqrt":
            y = 2.0 / (1.0 + a)
        else:
            y = 2.0 / (1.0 + jnp.square(a))
    elif guess == "one":
        y = jnp.ones_like(a)
    elif kind == "sqrt":
        y = 0.5 * (1.0 + a)
    elif kind == "cbrt":
        y = (2.0 + a) / 3.0
    else:
        y = 0.25 * (3.0 + a)
    if form == "scan":

        def step(y, _):
            return improve(y), None

        y, _ = lax.scan(step, y, None, length=num_steps)
        return y
    return lax.fori_loop(0, num_steps, lambda _, y: improve(y), y)


def mean_of_two(a, b, kind="arithmetic"):
    if kind == "arithmetic":
        return 0.5 * (a + b)
    elif kind == "geometric":
        return jnp.sqrt(a * b)
    elif kind == "harmonic":
        return 2.0 * a * b / (a + b)
    elif kind == "quadratic":
        return jnp.sqrt(0.5 * (jnp.square(a) + jnp.square(b)))
    else:
        # The Heronian mean.
        return (a + jnp.sqrt(a * b) + b) / 3.0


@family(
    "loop",
    a="... n in 0.3..2.0",
    b="... n in 0.3..2.0",
    first={"arithmetic": 5, "quadratic": 1, "heronian": 1},
    second={"geometric": 5, "harmonic": 2},
    sequential={False: 2, True: 1},
    scan=(False, True),
    num_steps=(2, 3, 4, 5),
)
def mixed_mean(
    a,
    b,
    *,
    first="arithmetic",
    second="geometric",
    sequential=False,
    scan=False,
    num_steps=4,
):
    """Compound mean of two numbers, as the arithmetic-geometric mean.

    Args:
        a: first numbers, positive.
        b: second numbers, positive.
    """

    def refine(a, b):
        upper = mean_of_two(a, b, first)
        if sequential:
            lower = mean_of_two(upper, b, second)
        else:
            lower = mean_of_two(a, b, second)
        return upper, lower

    if scan:
        (upper, _), _ = lax.scan(
            lambda pair, _: (refine(*pair), None), (a, b), None, length=num_steps
        )
    else:
        upper, _ = lax.fori_loop(0, num_steps, lambda _, pair: refine(*pair), (a, b))
    return upper


def partial_fraction(i, x, kind):
    """Numerator and denominator of a term of the continued fraction, counted from 1."""
    if kind == "tanh":
        return jnp.where(i == 1, x, x * x), 2.0 * i - 1.0
    elif kind == "tan":
        return jnp.where(i == 1, x, -x * x), 2.0 * i - 1.0
    elif kind == "arctan":
        return jnp.where(i == 1, x, jnp.square((i - 1.0) * x)), 2.0 * i - 1.0
    elif kind == "log1p":
        return jnp.where(i == 1, x, jnp.square(i // 2) * x), 1.0 * i
    else:
        return x, 2.0


@family(
    "loop",
    x="... n in 0.2..1.2",
    kind=("tanh", "tan", "arctan", "log1p", "sqrt"),
    method={"backward": 3, "wallis": 2, "lentz": 2},
    scan=(False, True),
    num_terms=(4, 5, 6, 8),
)
def continued_fraction(
    x,
    *,
    kind="tanh",
    method="backward",
    scan=False,
    num_terms=6,
):
    """Evaluates an elementary function by a truncated continued fraction."""
    if method == "backward":

        def step(i, tail):
            numerator, denominator = partial_fraction(num_terms - i, x, kind)
            return numerator / (denominator + tail)

        value = lax.fori_loop(0, num_terms, step, jnp.zeros_like(x))
    elif method == "wallis":

        def extend(carry, i):
            p_before, p, q_before, q = carry
            numerator, denominator = partial_fraction(i, x, kind)
            # A convergent follows from the two before it.
            p, p_before = denominator * p + numerator * p_before, p
            q, q_before = denominator * q + numerator * q_before, q
            return p_before, p, q_before, q

        zeros, ones = jnp.zeros_like(x), jnp.ones_like(x)
        start = (ones, zeros, zeros, ones)
        if scan:

            def step(carry, i):
                return extend(carry, i), None

            (_, p, _, q), _ = lax.scan(step, start, jnp.arange(1, num_terms + 1))
            value = p / q
        else:
            _, p, _, q = lax.fori_loop(1, num_terms + 1, lambda i, carry: extend(carry, i), start)
            value = p / q
    else:
        # The first term has no fraction before it.
        value, first = partial_fraction(1, x, kind)
        value = value / first

        def step(i, carry):
            value, c, d = carry
            numerator, denominator = partial_fraction(i, x, kind)
            d = 1.0 / (denominator + numerator * d)
            c = denominator + numerator / c
            return value * c * d, c, d

        start = (value, first * jnp.ones_like(x), jnp.ones_like(x) / first)
        value, _, _ = lax.fori_loop(2, num_terms + 1, step, start)
    if kind == "sqrt":
        value = 1.0 + value
    return value


def term_ratio(i, x, kind, order=0):
    """What the term is multiplied by to get the one after it."""
    if kind == "exp":
        return x / i
    elif kind == "cos":
        return -jnp.square(x) / (2 * i * (2 * i - 1))
    elif kind == "sin":
        return -jnp.square(x) / (2 * i * (2 * i + 1))
    elif kind == "sinh":
        return jnp.square(x) / (2 * i * (2 * i + 1))
    elif kind == "bessel_j":
        return -jnp.square(0.5 * x) / (i * (i + order))
    elif kind == "bessel_i":
        return jnp.square(0.5 * x) / (i * (i + order))
    else:
        # A binomial series with the exponent 1/2.
        return x * (1.5 - i) / i


@family(
    "loop",
    x="... n in -0.9..0.9",
    kind=("exp", "cos", "sin", "sinh", "bessel_j", "bessel_i", "binomial"),
    order={0: 2, 1: 1, 2: 1},
    loop={"fori": 4, "scan": 3, "cumprod": 3},
    compensated={False: 4, True: 1},
    num_terms=(4, 5, 6, 8),
)
def power_series(
    x,
    *,
    kind="exp",
    order=0,
    loop="fori",
    compensated=False,
    num_terms=6,
):
    """Sums a power series by the ratios of its terms.

    Args:
        x: where the function is evaluated, within -1 and 1.
        num_terms: number of terms after the first.
    """
    if kind == "bessel_j" or kind == "bessel_i":
        if order == 1:
            first = 0.5 * x
        elif order == 2:
            first = jnp.square(x) / 8.0
        else:
            first = jnp.ones_like(x)
    elif kind == "sin" or kind == "sinh":
        first = x
    else:
        first = jnp.ones_like(x)
    if loop == "cumprod":
        i = jnp.arange(1, num_terms + 1, dtype=x.dtype)
        ratios = term_ratio(i, x[..., None], kind, order)
        terms = first[..., None] * jnp.cumprod(ratios, axis=-1)
        total = first + jnp.sum(terms, axis=-1)
    elif loop == "scan":

        def step(carry, i):
            term, total = carry
            term = term * term_ratio(i, x, kind, order)
            total = total + term
            return (term, total), None

        (_, total), _ = lax.scan(step, (first, first), jnp.arange(1, num_terms + 1))
    elif compensated:

        def step(i, carry):
            term, total, lost = carry
            term = term * term_ratio(i, x, kind, order)
            # Kahan summation: put back what rounding has taken from the sum.
            y = term - lost
            following = total + y
            return term, following, (following - total) - y

        _, total, _ = lax.fori_loop(1, num_terms + 1, step, (first, first, jnp.zeros_like(x)))
    else:

        def step(i, carry):
            term, total = carry
            term = term * term_ratio(i, x, kind, order)
            return term, total + term

        _, total = lax.fori_loop(1, num_terms + 1, step, (first, first))
    return total


@family(
    "loop",
    c_re="... n in -0.8..0.4",
    c_im="... n in -0.6..0.6",
    z_re="? ... n in -0.7..0.7",
    z_im="? ... n in -0.7..0.7",
    kind={"mandelbrot": 5, "burning_ship": 1, "tricorn": 2, "cubic": 2},
    colouring={"exponential": 4, "trap": 2, "count": 2, "stripe": 1},
    num_steps=(4, 5, 6, 8),
    clip={False: 1, True: 3},
    only="float32",
)
def colour_fractal(
    c_re,
    c_im,
    z_re=None,
    z_im=None,
    *,
    kind="mandelbrot",
    colouring="exponential",
    num_steps=6,
    clip=True,
):
    """Colours points of a fractal smoothly, by the orbits that they have.

    Args:
        c_re: real part of the parameter.
        c_im: imaginary part of the parameter.
        z_re: real part of the start, zero for the Mandelbrot set.
        z_im: imaginary part of the start, zero for the Mandelbrot set.
        num_steps: number of iterations.
    """
    if z_re is None:
        z_re = jnp.zeros_like(c_re)
    if z_im is None:
        z_im = jnp.zeros_like(c_im)

    def advance(z_re, z_im):
        if kind == "burning_ship":
            z_re, z_im = jnp.abs(z_re), jnp.abs(z_im)
        elif kind == "tricorn":
            z_im = -z_im
        if kind == "cubic":
            re = z_re * (jnp.square(z_re) - 3.0 * jnp.square(z_im)) + c_re
            im = z_im * (3.0 * jnp.square(z_re) - jnp.square(z_im)) + c_im
        else:
            re = jnp.square(z_re) - jnp.square(z_im) + c_re
            im = 2.0 * z_re * z_im + c_im
        if clip:
            # Escaped orbits stay at the border.
            re, im = jnp.clip(re, -4.0, 4.0), jnp.clip(im, -4.0, 4.0)
        return re, im

    def step(_, carry):
        z_re, z_im, colour = carry
        z_re, z_im = advance(z_re, z_im)
        size = jnp.square(z_re) + jnp.square(z_im)
        if colouring == "trap":
            colour = jnp.minimum(colour, size)
        elif colouring == "count":
            colour = colour + jax.nn.sigmoid(4.0 - 2.0 * size)
        elif colouring == "stripe":
            colour = colour + 0.5 * (1.0 + jnp.sin(3.0 * jnp.arctan2(z_im, z_re)))
        else:
            colour = colour + jnp.exp(-size)
        return z_re, z_im, colour

    if colouring == "trap":
        colour = jnp.full_like(c_re, 4.0)
    else:
        colour = jnp.zeros_like(c_re)
    _, _, colour = lax.fori_loop(0, num_steps, step, (z_re, z_im, colour))
    return colour


def apply_map(x, rate, kind):
    if kind == "logistic":
        return rate * x * (1.0 - x)
    elif kind == "ricker":
        return x * jnp.exp(rate * (1.0 - x))
    elif kind == "sine":
        return 0.25 * rate * jnp.sin(jnp.pi * x)
    elif kind == "gauss":
        return jnp.exp(-rate * jnp.square(x)) - 0.4
    else:
        # Beverton and Holt's.
        return rate * x / (1.0 + x)


def map_slope(x, rate, kind):
    if kind == "logistic":
        return rate * (1.0 - 2.0 * x)
    elif kind == "ricker":
        return (1.0 - rate * x) * jnp.exp(rate * (1.0 - x))
    elif kind == "sine":
        return 0.25 * rate * jnp.pi * jnp.cos(jnp.pi * x)
    elif kind == "gauss":
        return -2.0 * rate * x * jnp.exp(-rate * jnp.square(x))
    else:
        return rate / jnp.square(1.0 + x)


@family(
    "loop",
    x="... n in 0.1..0.9",
    rate="... n in 1.2..2.8",
    kind=("logistic", "ricker", "sine", "gauss", "beverton_holt"),
    coupling={None: 3, 0.1: 1, 0.2: 1},
    num_steps=(4, 6, 8),
    only="float32",
)
def iterate_map(
    x,
    rate,
    *,
    kind="logistic",
    coupling=None,
    num_steps=6,
):
    """Iterates a one-dimensional map; returns the last state.

    Args:
        x: states at first; those beside each other may be coupled.
        rate: parameter of the map for each state.
    """

    def advance(x):
        following = apply_map(x, rate, kind)
        if coupling is not None:
            # A coupled map lattice.
            left, right = jnp.roll(following, 1, axis=-1), jnp.roll(following, -1, axis=-1)
            following = following + coupling * (0.5 * (left + right) - following)
        return following

    return lax.fori_loop(0, num_steps, lambda _, x: advance(x), x)


@family(
    "loop",
    x="... n in 0.1..0.9",
    rate="... n in 1.2..2.8",
    kind=("logistic", "ricker", "sine", "gauss", "beverton_holt"),
    burn_in={False: 3, True: 1},
    num_steps=(4, 6, 8),
    only="float32",
)
def lyapunov_exponent(
    x,
    rate,
    *,
    kind="logistic",
    burn_in=False,
    num_steps=6,
):
    """Lyapunov exponent of a one-dimensional map, from the first steps of an orbit.

    Args:
        x: states at first.
        rate: parameter of the map for each state.
    """
    if burn_in:
        # Let the transient decay first.
        x = lax.fori_loop(0, 4, lambda _, x: apply_map(x, rate, kind), x)

    def step(_, carry):
        x, total = carry
        slope = map_slope(x, rate, kind)
        following = apply_map(x, rate, kind)
        return following, total + 0.5 * jnp.log(jnp.square(slope) + 1e-3)

    _, total = lax.fori_loop(0, num_steps, step, (x, jnp.zeros_like(x)))
    return total / num_steps


@family(
    "loop",
    x="... n in 0.1..0.9",
    rate="... n in 1.2..2.8",
    kind=("logistic", "ricker", "sine", "gauss", "beverton_holt"),
    coupling={None: 3, 0.1: 1, 0.2: 1},
    burn_in={False: 3, True: 1},
    num_steps=(4, 6, 8),
    only="float32",
)
def map_orbit(
    x,
    rate,
    *,
    kind="logistic",
    coupling=None,
    burn_in=False,
    num_steps=6,
):
    """Iterates a one-dimensional map; returns its orbit.

    Args:
        x: states at first; those beside each other may be coupled.
        rate: parameter of the map for each state.
    """

    def advance(x):
        following = apply_map(x, rate, kind)
        if coupling is not None:
            # A coupled map lattice.
            left, right = jnp.roll(following, 1, axis=-1), jnp.roll(following, -1, axis=-1)
            following = following + coupling * (0.5 * (left + right) - following)
        return following

    if burn_in:
        x = lax.fori_loop(0, 4, lambda _, x: advance(x), x)

    def step(x, _):
        x = advance(x)
        return x, x

    _, orbit = lax.scan(step, x, None, length=num_steps)
    return orbit


@family(
    "loop",
    x="b d",
    w="e e in -0.25..0.25",
    u="d e in -0.5..0.5",
    bias="? e in -0.5..0.5",
    activation={"tanh": 4, "sigmoid": 1, "soft_sign": 1, "softplus": 1},
    damping={None: 3, 0.5: 2, 0.7: 1},
    method={"plain": 4, "aitken": 1},
    layer_norm={False: 4, True: 1},
    num_steps=(3, 4, 5, 6),
    sizes={"e": (4, 6, 8), "d": (4, 6, 8), "b": (2, 4)},
    only="float32",
)
def equilibrium(
    x,
    w,
    u,
    bias=None,
    *,
    activation="tanh",
    damping=None,
    method="plain",
    layer_norm=False,
    num_steps=6,
):
    """Forward pass of a deep equilibrium layer, by fixed-point iteration.

    Args:
        x: inputs, one row for each example.
        w: weights from state to state.
        u: weights from input to state.
        bias: bias of the layer.
    """
    injected = x @ u
    if bias is not None:
        injected = injected + bias

    def layer(z):
        out = z @ w + injected
        if layer_norm:
            mean = jnp.mean(out, axis=-1, keepdims=True)
            out = (out - mean) * lax.rsqrt(jnp.var(out, axis=-1, keepdims=True) + 1e-3)
        if activation == "tanh":
            out = jnp.tanh(out)
        elif activation == "sigmoid":
            out = jax.nn.sigmoid(out)
        elif activation == "softplus":
            out = jax.nn.softplus(out)
        else:
            out = jax.nn.soft_sign(out)
        if damping is not None:
            return z + damping * (out - z)
        return out

    z = jnp.zeros_like(injected)
    if method == "aitken":
        z = lax.fori_loop(0, num_steps, lambda _, z: layer(z), z)
        # Extrapolate along the last change, by how much it shrinks.
        first = layer(z)
        second = layer(first)
        change = second - first
        shrink = jnp.sum(change * (first - z)) / (jnp.sum(jnp.square(first - z)) + 1e-4)
        z = second + shrink * change
    else:
        z = lax.fori_loop(0, num_steps, lambda _, z: layer(z), z)
    return z


def soft_threshold(x, threshold):
    return jnp.sign(x) * jax.nn.relu(jnp.abs(x) - threshold)


@family(
    "loop",
    x="n d",
    y="n in 0.1..0.9",
    sample_weight="? n in 0.2..1.0",
    w="? d in -0.5..0.5",
    loss=("squared", "logistic", "huber", "poisson"),
    optimizer={"sgd": 3, "momentum": 3, "nesterov": 2, "adam": 2, "rmsprop": 2, "adagrad": 1},
    penalty={None: 3, "l2": 2, "l1": 1, "decay": 1},
    learning_rate=(0.05, 0.1, 0.2),
    num_steps=(4, 5, 6, 8),
    sizes={"n": (6, 8, 10, 12, 16), "d": (4, 5, 6, 8)},
    only="float32",
)
def fit(
    x,
    y,
    sample_weight=None,
    w=None,
    *,
    loss="squared",
    optimizer="sgd",
    penalty=None,
    learning_rate=0.1,
    num_steps=5,
):
    """Fits a (generalised) linear model by some steps of gradient descent; returns its weights.

    Args:
        x: features, one row for each sample.
        y: targets.
        sample_weight: weights of the samples.
        w: weights of the model at the start.
    """
    if w is None:
        w = jnp.zeros(x.shape[-1], dtype=x.dtype)

    def gradient(w):
        z = x @ w
        if loss == "squared":
            residual = z - y
        elif loss == "logistic":
            residual = jax.nn.sigmoid(z) - y
        elif loss == "poisson":
            residual = jnp.exp(jnp.minimum(z, 3.0)) - y
        else:
            residual = jnp.clip(z - y, -1.0, 1.0)
        if sample_weight is not None:
            residual = sample_weight * residual
        grad = x.T @ residual / x.shape[0]
        if penalty == "l2":
            grad = grad + 0.1 * w
        return grad

    def update(i, w, moments):
        if optimizer == "momentum":
            moments = 0.9 * moments + gradient(w)
            w = w - learning_rate * moments
        elif optimizer == "nesterov":
            grad = gradient(w - 0.9 * learning_rate * moments)
            moments = 0.9 * moments + grad
            w = w - learning_rate * moments
        elif optimizer == "adam":
            first, second = moments
            grad = gradient(w)
            first = 0.9 * first + 0.1 * grad
            second = 0.99 * second + 0.01 * jnp.square(grad)
            # Both averages begin at zero, which is corrected here.
            first_hat = first / (1.0 - 0.9 ** (i + 1))
            second_hat = second / (1.0 - 0.99 ** (i + 1))
            w = w - learning_rate * first_hat / (jnp.sqrt(second_hat + 1e-6) + 1e-3)
            moments = (first, second)
        elif optimizer == "rmsprop":
            grad = gradient(w)
            moments = 0.9 * moments + 0.1 * jnp.square(grad)
            w = w - learning_rate * grad * lax.rsqrt(moments + 1e-4)
        elif optimizer == "adagrad":
            grad = gradient(w)
            moments = moments + jnp.square(grad)
            w = w - learning_rate * grad * lax.rsqrt(moments + 1e-4)
        else:
            w = w - learning_rate * gradient(w)
        if penalty == "l1":
            w = soft_threshold(w, 1e-3)
        elif penalty == "decay":
            w = 0.99 * w
        return w, moments

    if optimizer == "adam":
        moments = (jnp.zeros_like(w), jnp.zeros_like(w))
    else:
        moments = jnp.zeros_like(w)
    w, _ = lax.fori_loop(0, num_steps, lambda i, carry: update(i, *carry), (w, moments))
    return w


@family(
    "loop",
    a="m n in -1..1",
    b="n",
    x0="? n in -0.5..0.5",
    diagonal="? n in 0.5..2.0",
    operator={"normal": 3, "gram": 2},
    preconditioned={False: 2, True: 1},
    num_steps=(2, 3, 4),
    sizes={"n": (4, 6, 8, 10), "m": (4, 6, 8, 10)},
    only="float32",
)
def conjugate_gradient(
    a,
    b,
    x0=None,
    diagonal=None,
    *,
    operator="normal",
    preconditioned=False,
    num_steps=4,
):
    """Solves regularised normal equations by conjugate gradients.

    Args:
        a: the matrix.
        b: right-hand side.
        x0: first guess.
        diagonal: diagonal that is added to the normal matrix, ones by default.
    """

    def matvec(v):
        if operator == "gram":
            product = a.T @ (a @ v) / a.shape[0]
        else:
            product = a.T @ (a @ v)
        if diagonal is not None:
            return product + diagonal * v
        return product + v

    def precondition(r):
        # Jacobi's preconditioner: the diagonal of the operator.
        scale = jnp.sum(jnp.square(a), axis=0)
        if operator == "gram":
            scale = scale / a.shape[0]
        if diagonal is not None:
            return r / (scale + diagonal)
        return r / (scale + 1.0)

    if x0 is None:
        x = jnp.zeros_like(b)
        r = b
    else:
        x = x0
        r = b - matvec(x)

    def improve(carry):
        x, r, p = carry
        z = precondition(r) if preconditioned else r
        ap = matvec(p)
        rz = jnp.dot(r, z)
        alpha = rz / (jnp.dot(p, ap) + 1e-6)
        x = x + alpha * p
        r = r - alpha * ap
        z = precondition(r) if preconditioned else r
        beta = jnp.dot(r, z) / (rz + 1e-6)
        return x, r, z + beta * p

    start = (x, r, precondition(r) if preconditioned else r)
    x, _, _ = lax.fori_loop(0, num_steps, lambda _, carry: improve(carry), start)
    return x


@family(
    "loop",
    a="m n in -1..1",
    b="n",
    x0="? n in -0.5..0.5",
    diagonal="? n in 0.5..2.0",
    operator={"normal": 3, "gram": 2},
    method={"steepest": 2, "richardson": 2},
    preconditioned={False: 2, True: 1},
    num_steps=(2, 3, 4),
    sizes={"n": (4, 6, 8, 10), "m": (4, 6, 8, 10)},
    only="float32",
)
def steepest_descent(
    a,
    b,
    x0=None,
    diagonal=None,
    *,
    operator="normal",
    method="steepest",
    preconditioned=False,
    num_steps=4,
):
    """Solves regularised normal equations by steepest descent or Richardson's iteration.

    Args:
        a: the matrix.
        b: right-hand side.
        x0: first guess.
        diagonal: diagonal that is added to the normal matrix, ones by default.
    """

    def matvec(v):
        if operator == "gram":
            product = a.T @ (a @ v) / a.shape[0]
        else:
            product = a.T @ (a @ v)
        if diagonal is not None:
            return product + diagonal * v
        return product + v

    def precondition(r):
        # Jacobi's preconditioner: the diagonal of the operator.
        scale = jnp.sum(jnp.square(a), axis=0)
        if operator == "gram":
            scale = scale / a.shape[0]
        if diagonal is not None:
            return r / (scale + diagonal)
        return r / (scale + 1.0)

    if x0 is None:
        x = jnp.zeros_like(b)
        r = b
    else:
        x = x0
        r = b - matvec(x)

    def improve(carry):
        x, r = carry
        z = precondition(r) if preconditioned else r
        if method == "richardson":
            x = x + 0.1 * z
            return x, b - matvec(x)
        else:
            az = matvec(z)
            alpha = jnp.dot(r, z) / (jnp.dot(z, az) + 1e-6)
            return x + alpha * z, r - alpha * az

    x, _ = lax.fori_loop(0, num_steps, lambda _, carry: improve(carry), (x, r))
    return x


@family(
    "loop",
    source="h n",
    u="? h n in -1..1",
    conductivity="? h n in 0.5..1.5",
    mask="? h n bool",
    boundary={"dirichlet": 4, "periodic": 2, "neumann": 2},
    method={"jacobi": 4, "red_black": 2},
    omega={None: 2, 0.8: 2, 0.9: 1},
    num_steps=(2, 3, 4, 5),
    sizes={"h": (4, 5, 6), "n": (4, 5, 6, 8)},
    only="float32",
)
def relax(
    source,
    u=None,
    conductivity=None,
    mask=None,
    *,
    boundary="dirichlet",
    method="jacobi",
    omega=None,
    num_steps=5,
):
    """Relaxes a screened Poisson equation on a grid, by Jacobi or red-black Gauss-Seidel sweeps.

    Args:
        source: right-hand side at each cell.
        u: first guess.
        conductivity: conductivity of each cell.
        mask: cells that are free to change; the others keep their values.
    """
    if u is None:
        u = jnp.zeros_like(source)

    def neighbours(u):
        if boundary == "periodic":
            total = jnp.roll(u, 1, axis=0) + jnp.roll(u, -1, axis=0)
            return total + jnp.roll(u, 1, axis=1) + jnp.roll(u, -1, axis=1)
        elif boundary == "neumann":
            padded = jnp.pad(u, 1, mode="edge")
        else:
            padded = jnp.pad(u, 1)
        total = padded[2:, 1:-1] + padded[:-2, 1:-1]
        return total + padded[1:-1, 2:] + padded[1:-1, :-2]

    def sweep(u):
        inflow = neighbours(u)
        if conductivity is not None:
            target = (conductivity * inflow + source) / (4.0 * conductivity + 0.5)
        else:
            target = (inflow + source) / 4.5
        if omega is not None:
            target = u + omega * (target - u)
        if mask is not None:
            target = jnp.where(mask, target, u)
        return target

    if method == "red_black":
        rows, columns = source.shape
        red = (jnp.arange(rows)[:, None] + jnp.arange(columns)[None, :]) % 2 == 0

        def step(_, u):
            u = jnp.where(red, sweep(u), u)
            return jnp.where(red, u, sweep(u))

        return lax.fori_loop(0, num_steps, step, u)
    return lax.fori_loop(0, num_steps, lambda _, u: sweep(u), u)


@family(
    "loop",
    a="n n",
    v="? n in 0.2..1.0",
    operator={"gram": 4, "symmetric": 2},
    shift={None: 4, 0.5: 1, 1.0: 1},
    norm={"l2": 5, "max": 2},
    num_steps=(2, 3, 4, 5),
    sizes={"n": (4, 5, 6, 8, 10)},
)
def dominant_eigenvector(
    a,
    v=None,
    *,
    operator="gram",
    shift=None,
    norm="l2",
    num_steps=4,
):
    """Power iteration for the dominant eigenvector of a symmetric matrix.

    Args:
        a: square matrix, of which the Gram matrix or the symmetric part is taken.
        v: first guess.
    """
    n = a.shape[0]
    if v is None:
        v = jnp.full(n, 1.0 / n, dtype=a.dtype)

    def apply(v):
        if operator == "gram":
            out = a.T @ (a @ v)
        else:
            out = 0.5 * (a @ v + a.T @ v)
        if shift is not None:
            out = out + shift * v
        return out

    def normalise(v):
        if norm == "max":
            return v / (jnp.max(jnp.abs(v)) + 1e-3)
        return v * lax.rsqrt(jnp.sum(jnp.square(v)) + 1e-6)

    v = normalise(v)
    return lax.fori_loop(0, num_steps, lambda _, v: normalise(apply(v)), v)


@family(
    "loop",
    a="n n",
    v="? n in 0.2..1.0",
    operator={"gram": 4, "symmetric": 2},
    shift={None: 4, 0.5: 1, 1.0: 1},
    norm={"l2": 5, "max": 2},
    num_steps=(2, 3, 4, 5),
    sizes={"n": (4, 5, 6, 8, 10)},
)
def dominant_eigenvalue(
    a,
    v=None,
    *,
    operator="gram",
    shift=None,
    norm="l2",
    num_steps=4,
):
    """Power iteration for the dominant eigenvalue of a symmetric matrix.

    Args:
        a: square matrix, of which the Gram matrix or the symmetric part is taken.
        v: first guess.
    """
    n = a.shape[0]
    if v is None:
        v = jnp.full(n, 1.0 / n, dtype=a.dtype)

    def apply(v):
        if operator == "gram":
            out = a.T @ (a @ v)
        else:
            out = 0.5 * (a @ v + a.T @ v)
        if shift is not None:
            out = out + shift * v
        return out

    def normalise(v):
        if norm == "max":
            return v / (jnp.max(jnp.abs(v)) + 1e-3)
        return v * lax.rsqrt(jnp.sum(jnp.square(v)) + 1e-6)

    def rayleigh(v):
        return jnp.vdot(v, apply(v)) / (jnp.vdot(v, v) + 1e-6)

    v = lax.fori_loop(0, num_steps, lambda _, v: normalise(apply(v)), normalise(v))
    return rayleigh(v)


@family(
    "loop",
    cost="n m in 0.1..1.5",
    a="? n in 0.5..1.5",
    b="? m in 0.5..1.5",
    log_domain=(False, True),
    epsilon=(0.2, 0.5, 1.0),
    unbalanced={None: 3, 1.0: 1},
    scan={False: 3, True: 1},
    num_steps=(3, 4, 5, 6),
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8), "d": (2, 4, 5, 6)},
)
def sinkhorn(
    cost,
    a=None,
    b=None,
    *,
    log_domain=True,
    epsilon=0.5,
    unbalanced=None,
    scan=False,
    num_steps=5,
):
    """Entropic optimal transport by Sinkhorn's iterations; returns the transport cost.

    Args:
        cost: cost of moving mass from each source to each target.
        a: mass of the sources, normalised here.
        b: mass of the targets, normalised here.
        epsilon: strength of the entropic regularisation.
    """
    n, m = cost.shape
    if a is None:
        a = jnp.full(n, 1.0 / n, dtype=cost.dtype)
    else:
        a = a / jnp.sum(a)
    if b is None:
        b = jnp.full(m, 1.0 / m, dtype=cost.dtype)
    else:
        b = b / jnp.sum(b)
    if log_domain:
        log_a, log_b = jnp.log(a), jnp.log(b)

        def update(f, g):
            f = epsilon * (log_a - jax.nn.logsumexp((g[None, :] - cost) / epsilon, axis=1))
            if unbalanced is not None:
                f = f * unbalanced / (unbalanced + epsilon)
            g = epsilon * (log_b - jax.nn.logsumexp((f[:, None] - cost) / epsilon, axis=0))
            if unbalanced is not None:
                g = g * unbalanced / (unbalanced + epsilon)
            return f, g

        start = (jnp.zeros_like(a), jnp.zeros_like(b))
    else:
        kernel = jnp.exp(-cost / epsilon)

        def update(u, v):
            u = a / (kernel @ v)
            if unbalanced is not None:
                u = u ** (unbalanced / (unbalanced + epsilon))
            v = b / (kernel.T @ u)
            if unbalanced is not None:
                v = v ** (unbalanced / (unbalanced + epsilon))
            return u, v

        start = (jnp.ones_like(a), jnp.ones_like(b))
    if scan:

        def step(carry, _):
            return update(*carry), None

        (f, g), _ = lax.scan(step, start, None, length=num_steps)
    else:
        f, g = lax.fori_loop(0, num_steps, lambda _, carry: update(*carry), start)
    if log_domain:
        plan = jnp.exp((f[:, None] + g[None, :] - cost) / epsilon)
    else:
        plan = f[:, None] * kernel * g[None, :]
    return jnp.sum(plan * cost)


@family(
    "loop",
    cost="n m in 0.1..1.5",
    a="? n in 0.5..1.5",
    b="? m in 0.5..1.5",
    targets="m d",
    log_domain=(False, True),
    epsilon=(0.2, 0.5, 1.0),
    scan={False: 3, True: 1},
    num_steps=(3, 4, 5, 6),
    sizes={"n": (4, 5, 6, 8), "m": (4, 5, 6, 8), "d": (2, 4, 5, 6)},
)
def barycentric_projection(
    cost,
    targets,
    a=None,
    b=None,
    *,
    log_domain=True,
    epsilon=0.5,
    scan=False,
    num_steps=5,
):
    """Moves sources to the barycentres of their targets in entropic optimal transport.

    Args:
        cost: cost of moving mass from each source to each target.
        targets: position of each target.
        a: mass of the sources, normalised here.
        b: mass of the targets, normalised here.
        epsilon: strength of the entropic regularisation.
    """
    n, m = cost.shape
    if a is None:
        a = jnp.full(n, 1.0 / n, dtype=cost.dtype)
    else:
        a = a / jnp.sum(a)
    if b is None:
        b = jnp.full(m, 1.0 / m, dtype=cost.dtype)
    else:
        b = b / jnp.sum(b)
    if log_domain:
        log_a, log_b = jnp.log(a), jnp.log(b)

        def update(f, g):
            f = epsilon * (log_a - jax.nn.logsumexp((g[None, :] - cost) / epsilon, axis=1))
            g = epsilon * (log_b - jax.nn.logsumexp((f[:, None] - cost) / epsilon, axis=0))
            return f, g

        start = (jnp.zeros_like(a), jnp.zeros_like(b))
    else:
        kernel = jnp.exp(-cost / epsilon)

        def update(u, v):
            u = a / (kernel @ v)
            v = b / (kernel.T @ u)
            return u, v

        start = (jnp.ones_like(a), jnp.ones_like(b))
    if scan:

        def step(carry, _):
            return update(*carry), None

        (f, g), _ = lax.scan(step, start, None, length=num_steps)
    else:
        f, g = lax.fori_loop(0, num_steps, lambda _, carry: update(*carry), start)
    if log_domain:
        plan = jnp.exp((f[:, None] + g[None, :] - cost) / epsilon)
    else:
        plan = f[:, None] * kernel * g[None, :]
    # Each source goes to the mean of what it is matched with.
    return plan @ targets / jnp.sum(plan, axis=1, keepdims=True)


@family(
    "loop",
    x="n d",
    y="n",
    w="? d in -0.5..0.5",
    sample_weight="? n in 0.5..1.5",
    penalty={"lasso": 3, "ridge": 2, "elastic": 2, "nonnegative": 2},
    num_sweeps=(1, 2, 2),
    sizes={"n": (6, 8, 10, 12), "d": (4, 4, 5, 6)},
)
def coordinate_descent(
    x,
    y,
    w=None,
    sample_weight=None,
    *,
    penalty="lasso",
    num_sweeps=2,
):
    """Penalised least squares by cyclic coordinate descent; returns the coefficients.

    Args:
        x: features, one row for each sample.
        y: targets.
        w: coefficients at the start.
        sample_weight: weights of the samples.
    """
    n, d = x.shape
    if sample_weight is not None:
        root = jnp.sqrt(sample_weight)
        x = root[:, None] * x
        y = root * y
    scale = jnp.mean(jnp.square(x), axis=0)
    if w is None:
        w = jnp.zeros(d, dtype=x.dtype)
        residual = y
    else:
        residual = y - x @ w

    def step(i, carry):
        w, residual = carry
        j = i % d
        column = x[:, j]
        old = w[j]
        rho = jnp.dot(column, residual) / n + scale[j] * old
        if penalty == "ridge":
            new = rho / (scale[j] + 0.1)
        elif penalty == "elastic":
            new = soft_threshold(rho, 0.05) / (scale[j] + 0.1)
        elif penalty == "nonnegative":
            new = jax.nn.relu(rho) / (scale[j] + 1e-3)
        else:
            new = soft_threshold(rho, 0.05) / (scale[j] + 1e-3)
        return w.at[j].set(new), residual - (new - old) * column

    w, _ = lax.fori_loop(0, num_sweeps * d, step, (w, residual))
    return w


@family(
    "loop",
    a="n n in -1..1",
    b="? n k",
    order={2: 3, 3: 1},
    matrix={"spd": 3, "dominant": 2},
    scan={False: 3, True: 1},
    num_steps=(2, 3, 4),
    sizes={"n": (4, 4, 5, 6), "k": (2, 4)},
)
def newton_schulz(
    a,
    b=None,
    *,
    order=2,
    matrix="spd",
    scan=False,
    num_steps=3,
):
    """Newton-Schulz iterations for the inverse of a well-conditioned matrix.

    Args:
        a: the matrix is the identity plus a small matrix made of this one.
        b: right-hand sides that the inverse is applied to.
    """
    n = a.shape[0]
    eye = jnp.eye(n, dtype=a.dtype)
    if matrix == "spd":
        a = eye + a @ a.T / n
    else:
        a = eye + 0.25 * a / n
    # The iteration converges for matrices of a small norm.
    norm = jnp.sqrt(jnp.sum(jnp.square(a)))
    start = a.T / jnp.square(norm)

    def improve(x):
        error = eye - a @ x
        if order == 3:
            return x @ (eye + error + error @ error)
        return x @ (eye + error)

    if scan:

        def step(x, _):
            return improve(x), None

        x, _ = lax.scan(step, start, None, length=num_steps)
    else:
        x = lax.fori_loop(0, num_steps, lambda _, x: improve(x), start)
    if b is not None:
        return x @ b
    return x


@family(
    "loop",
    a="... m n in -1..1",
    polynomial={"cubic": 3, "quintic": 2, "muon": 2},
    norm={"frobenius": 3, "bound": 1},
    scan={False: 3, True: 1},
    num_steps=(3, 4, 5),
    sizes={"m": (4, 5, 6), "n": (2, 4)},
    only="float32",
)
def polar_factor(
    a,
    *,
    polynomial="cubic",
    norm="frobenius",
    scan=False,
    num_steps=5,
):
    """Orthogonalises matrices (the polar factor of each one) by Newton-Schulz iterations.

    Args:
        a: tall matrices.
        num_steps: number of iterations.
    """
    if norm == "bound":
        # The spectral norm is below the root of the largest row and column sums.
        rows = jnp.max(jnp.sum(jnp.abs(a), axis=-1), axis=-1)
        columns = jnp.max(jnp.sum(jnp.abs(a), axis=-2), axis=-1)
        scale = jnp.sqrt(rows * columns)[..., None, None]
    else:
        scale = jnp.sqrt(jnp.sum(jnp.square(a), axis=(-2, -1), keepdims=True) + 1e-6)
    x = a / scale

    def improve(x):
        gram = jnp.swapaxes(x, -1, -2) @ x
        if polynomial == "quintic":
            return 1.875 * x - x @ (1.25 * gram - 0.375 * gram @ gram)
        elif polynomial == "muon":
            # Muon's coefficients, whose singular values end near one.
            return 3.4445 * x + x @ (2.0315 * gram @ gram - 4.775 * gram)
        return 1.5 * x - 0.5 * x @ gram

    if scan:
        x, _ = lax.scan(lambda x, _: (improve(x), None), x, None, length=num_steps)
        return x
    return lax.fori_loop(0, num_steps, lambda _, x: improve(x), x)


@family(
    "loop",
    a="n n in -1..1",
    b="? n k",
    matrix={"spd": 3, "dominant": 2},
    scan={False: 3, True: 1},
    num_steps=(2, 3, 4),
    sizes={"n": (4, 4, 5, 6), "k": (2, 4)},
)
def matrix_sqrt(
    a,
    b=None,
    *,
    matrix="spd",
    scan=False,
    num_steps=3,
):
    """Coupled Newton-Schulz iterations for the square root of a well-conditioned matrix.

    Args:
        a: the matrix is the identity plus a small matrix made of this one.
        b: vectors that the square root is applied to.
    """
    n = a.shape[0]
    eye = jnp.eye(n, dtype=a.dtype)
    if matrix == "spd":
        a = eye + a @ a.T / n
    else:
        a = eye + 0.25 * a / n
    # The iteration converges for matrices of a small norm.
    norm = jnp.sqrt(jnp.sum(jnp.square(a)))
    start = (a / norm, eye)

    def improve(pair):
        y, z = pair
        t = 0.5 * (3.0 * eye - z @ y)
        return y @ t, t @ z

    if scan:

        def step(x, _):
            return improve(x), None

        x, _ = lax.scan(step, start, None, length=num_steps)
    else:
        x = lax.fori_loop(0, num_steps, lambda _, x: improve(x), start)
    x = jnp.sqrt(norm) * x[0]
    if b is not None:
        return x @ b
    return x


@family(
    "loop",
    points="n d",
    weights="? n in 0.2..1.5",
    center="? d in -0.5..0.5",
    loss={"geometric": 3, "huber": 1, "cauchy": 2, "welsch": 2, "geman_mcclure": 1},
    num_steps=(2, 3, 4, 5),
    sizes={"n": (5, 6, 8, 10, 12, 16), "d": (2, 4, 5, 6)},
)
def robust_center(
    points,
    weights=None,
    center=None,
    *,
    loss="geometric",
    num_steps=4,
):
    """M-estimate of the location of points, by iteratively reweighted means.

    Args:
        points: the points, one in each row.
        weights: weights of the points.
        center: first guess; the mean by default.
    """
    if center is None:
        if weights is not None:
            center = weights @ points / jnp.sum(weights)
        else:
            center = jnp.mean(points, axis=0)

    def reweight(center):
        offsets = points - center
        distance = jnp.sqrt(jnp.sum(jnp.square(offsets), axis=1) + 1e-4)
        if loss == "geometric":
            w = 1.0 / distance
        elif loss == "huber":
            w = 1.0 / jnp.maximum(distance, 1.0)
        elif loss == "cauchy":
            w = 1.0 / (1.0 + jnp.square(distance))
        elif loss == "geman_mcclure":
            w = 1.0 / jnp.square(1.0 + jnp.square(distance))
        else:
            w = jnp.exp(-0.5 * jnp.square(distance) / points.shape[1])
        if weights is not None:
            w = weights * w
        return w / jnp.sum(w)

    def improve(center):
        return reweight(center) @ points

    return lax.fori_loop(0, num_steps, lambda _, c: improve(c), center)
