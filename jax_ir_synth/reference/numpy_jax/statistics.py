"""Implements the functions of `jax.numpy` that average, interpolate and evaluate polynomials."""

from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax.arrays import (
    Array,
    Operand,
    array,
    record_roots,
    wrap_numpy,
)
from jax_ir_synth.reference.numpy_jax.bounds import bound_sizes

_ALIKE = """
corrcoef cov cumulative_sum cumulative_prod nanargmax nanargmin nancumprod nancumsum nanmedian
nanpercentile nanprod nanquantile percentile polyadd polyder polyint polymul polysub
polyval
""".split()
_SIZED = "blackman bartlett geomspace hamming hanning kaiser logspace".split()


def interp(
    x: Operand, xp: Operand, fp: Operand, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    return array(np.interp(np.asarray(x), np.asarray(xp), np.asarray(fp), left, right, period))


def histogram(a: Operand, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    counts, edges = np.histogram(
        np.asarray(a), bins if isinstance(bins, int) else np.asarray(bins), range, weights=weights
    )
    return array(counts.astype(np.float64)), array(edges)


STATISTICS = {
    **{name: wrap_numpy(getattr(np, name)) for name in _ALIKE},
    **{name: bound_sizes(wrap_numpy(getattr(np, name))) for name in _SIZED},
    "histogram": histogram,
    "interp": interp,
    "nanstd": wrap_numpy(record_roots(np.nanstd)),
}
