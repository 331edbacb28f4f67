"""What a program gets for `import numpy`: the reference's functions, which its constants need."""

from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import JNP, Library, bounds
from jax_ir_synth.reference.numpy_jax.arrays import DTYPES


class NumPyArray:
    """`numpy.ndarray` and `generic`, of which no argument of a JAX program is an instance."""


def prod(x: Any, axis: Any = None, **named: Any) -> Any:
    """`numpy.prod`, which gives an integer for a shape."""
    if axis is None and not named and isinstance(x, (tuple, list)):
        total: Any = 1
        for each in x:
            total = bounds.multiply(total, each)
        return total if type(total) is int else float(total) if not np.ndim(total) else total
    return JNP.prod(x, axis, **named)


NUMPY = Library(
    "numpy",
    {
        **JNP._names,
        "bool": bool,
        "ndarray": NumPyArray,
        "generic": NumPyArray,
        "bool_": DTYPES["bool_"],
        "prod": prod,
        "float_": DTYPES["float64"],
        "double": DTYPES["float64"],
    },
)
