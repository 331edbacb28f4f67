"""Implements `jax.scipy.special` with SciPy."""

from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import error_functions
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, wrap_numpy
from jax_ir_synth.reference.numpy_jax.nn import log_softmax, logsumexp, softmax

_ALIKE = (
    "beta betainc betaln digamma entr exp1 expi expit gamma gammainc gammaincc gammaln gammasgn "
    "i0 i0e i1 i1e kl_div log_ndtr logit multigammaln ndtri poch polygamma rel_entr xlog1py xlogy "
    "zeta"
).split()


def factorial(n: Operand, exact: bool = False) -> Array:
    if exact:
        raise NotImplementedError("factorial: JAX has exact=False only")
    return array(special.factorial(np.asarray(n)))


def expn(n: Any, x: Operand) -> Array:
    return array(special.expn(n, np.asarray(x)))


def _over_all(function: Any) -> Any:
    """SciPy's functions are over all elements by default, those of `jax.nn` along the last axis."""
    return lambda x, *, axis=None: function(x, axis)


SPECIAL: dict[str, Any] = {
    **{name: wrap_numpy(getattr(special, name)) for name in _ALIKE},
    "erf": wrap_numpy(error_functions.erf),
    "erfc": wrap_numpy(error_functions.erfc),
    "erfinv": wrap_numpy(error_functions.erf_inv),
    "expn": expn,
    "factorial": factorial,
    "log_softmax": _over_all(log_softmax),
    "logsumexp": logsumexp,
    "ndtr": wrap_numpy(error_functions.ndtr),
    "softmax": _over_all(softmax),
}
