"""Implements distributions of `jax.scipy.stats`, by their formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import error_functions
from jax_ir_synth.reference.numpy_jax.arithmetic import round_constant
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array


def _float(x: Operand) -> Any:
    return np.asarray(x, np.float64)


def _scaled(logpdf: Callable[..., Any]) -> Callable[..., Array]:
    """Make the log density with a location and a scale from that of the standard distribution."""

    def call(x: Operand, *shapes: Any, loc: Operand = 0, scale: Operand = 1) -> Array:
        shapes, (loc, scale) = _split(shapes, logpdf, loc, scale)
        z = (_float(x) - _float(loc)) / _float(scale)
        return array(logpdf(z, *map(_float, shapes)) - np.log(_float(scale)))

    return call


def _split(given: Any, function: Any, loc: Operand, scale: Operand) -> tuple[Any, Any]:
    """Split positional arguments into a distribution's own and location and scale."""
    own = function.__code__.co_argcount - 1
    more = (*given[own:], *(loc, scale)[len(given) - own :])
    return given[:own], more


def _norm_logpdf(x: Any) -> Any:
    return -(x**2 + round_constant(np.log(2 * np.pi))) / 2


def _of_standard(function: Callable[..., Any]) -> Callable[..., Array]:
    def call(x: Operand, loc: Operand = 0, scale: Operand = 1) -> Array:
        return array(function((_float(x) - _float(loc)) / _float(scale)))

    return call


def _norm_ppf(q: Operand, loc: Operand = 0, scale: Operand = 1) -> Array:
    return array(special.ndtri(_float(q)) * _float(scale) + _float(loc))


def _exp(logpdf: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *x, **named: array(np.exp(logpdf(*x, **named)))


def _expon(x: Any) -> Any:
    return np.where(x < 0, -np.inf, -x)


def _laplace(x: Any) -> Any:
    return -np.abs(x) - np.log(2.0)


def _logistic(x: Any) -> Any:
    return -x - 2 * np.logaddexp(0, -x)


def _cauchy(x: Any) -> Any:
    return -np.log(np.pi) - np.log1p(x * x)


def _gamma(x: Any, a: Any) -> Any:
    return np.where(x < 0, -np.inf, special.xlogy(a - 1, x) - x - special.gammaln(a))


def _beta(x: Any, a: Any, b: Any) -> Any:
    inside = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
    return np.where((x < 0) | (x > 1), -np.inf, inside)


def _t(x: Any, df: Any) -> Any:
    half = special.gammaln((df + 1) / 2) - special.gammaln(df / 2)
    return half - np.log(df * np.pi) / 2 - (df + 1) / 2 * np.log1p(x * x / df)


def _uniform(x: Any) -> Any:
    return np.where((x < 0) | (x > 1), -np.inf, 0.0)


def _bernoulli(k: Operand, p: Operand) -> Array:
    k, p = _float(k), _float(p)
    return array(special.xlogy(k, p) + special.xlog1py(1 - k, -p))


def _poisson(k: Operand, mu: Operand) -> Array:
    k, mu = _float(k), _float(mu)
    return array(special.xlogy(k, mu) - special.gammaln(k + 1) - mu)


_DENSITIES: dict[str, Callable[..., Any]] = {
    "beta": _beta, "cauchy": _cauchy, "expon": _expon, "gamma": _gamma, "laplace": _laplace,
    "logistic": _logistic, "norm": _norm_logpdf, "t": _t, "uniform": _uniform,
}  # fmt: skip
STATS: dict[str, dict[str, Any]] = {
    name: {"logpdf": _scaled(density), "pdf": _exp(_scaled(density))}
    for name, density in _DENSITIES.items()
}
STATS["norm"] |= {
    "cdf": _of_standard(error_functions.ndtr),
    "logcdf": _of_standard(special.log_ndtr),
    "logsf": _of_standard(lambda x: special.log_ndtr(-x)),
    "ppf": _norm_ppf,
    "sf": _of_standard(lambda x: error_functions.ndtr(-x)),
}
STATS |= {
    "bernoulli": {"logpmf": _bernoulli, "pmf": _exp(_bernoulli)},
    "poisson": {"logpmf": _poisson, "pmf": _exp(_poisson)},
}
