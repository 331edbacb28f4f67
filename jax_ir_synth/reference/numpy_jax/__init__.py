"""Implements the parts of JAX that programs use, with NumPy in float64 and without JAX.

So the reference is independent of the compiler whose output is checked against it. A name that
this library lacks is an error.
"""

import functools
from collections.abc import Iterator
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.reference.numpy_jax import (
    arrays,
    derivatives,
    dtypes,
    indexing,
    jnp,
    lax,
    lax_structure,
    linear_algebra,
    nn,
    random,
    scipy_linalg,
    scipy_special,
    scipy_stats,
    transforms,
    tree_library,
    vectorizing,
    windows,
)


class UnknownName(JaxIrSynthError, AttributeError):
    """A program uses a name of the library that the NumPy reference lacks."""


class Library:
    """A module as programs see it: only the names in a table, none of Python's own."""

    def __init__(self, path: str, names: dict[str, Any]) -> None:
        self._path = path
        self._names = names
        # As attributes of its own, they are found without a call.
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        raise UnknownName(f"the NumPy reference has no {self._path}.{name}")


# An attribute of arrays that is made of them.
arrays.Array.at = property(indexing.At)  # type: ignore[attr-defined]
JNP = Library(
    "jax.numpy",
    {
        **jnp.JNP,
        "vectorize": vectorizing.vectorize,
        "linalg": Library("jax.numpy.linalg", linear_algebra.LINALG),
        "fft": Library("jax.numpy.fft", jnp.FFT),
    },
)
LAX = Library(
    "jax.lax",
    {
        **lax.LAX,
        **lax_structure.STRUCTURE,
        **windows.WINDOWS,
        "linalg": Library("jax.lax.linalg", scipy_linalg.LAX_LINALG),
        # How a product is computed makes no difference here.
        "Precision": Library(
            "jax.lax.Precision", dict.fromkeys(("DEFAULT", "HIGH", "HIGHEST"), "default")
        ),
        "RoundingMethod": Library(
            "jax.lax.RoundingMethod", {"AWAY_FROM_ZERO": 0, "TO_NEAREST_EVEN": 1}
        ),
    },
)
JAX = Library(
    "jax",
    {
        "Array": jnp.JNP["ndarray"],
        **transforms.TRANSFORMS,
        **derivatives.DERIVATIVES,
        "config": Library(
            "jax.config", {"jax_enable_x64": False, "x64_enabled": False, "jax_debug_nans": False}
        ),
        "custom_derivatives": Library(
            "jax.custom_derivatives",
            {name: transforms.TRANSFORMS[name] for name in ("custom_jvp", "custom_vjp")}
            | {"SymbolicZero": transforms.SymbolicZero},
        ),
        # While a program is lowered, its arrays are tracers.
        "core": Library(
            "jax.core",
            {"ShapedArray": transforms.ShapeDtypeStruct, "Tracer": jnp.JNP["ndarray"]},
        ),
        "debug": Library("jax.debug", dict.fromkeys(("callback", "print"), transforms.ignore)),
        "flatten_util": Library("jax.flatten_util", {"ravel_pytree": tree_library.ravel_pytree}),
        "typing": Library("jax.typing", {"ArrayLike": jnp.JNP["ndarray"]}),
        "dtypes": Library("jax.dtypes", dtypes.JAX_DTYPES),
        "lax": LAX,
        "nn": Library("jax.nn", nn.NN),
        "numpy": JNP,
        "ops": Library("jax.ops", nn.OPS),
        "random": Library("jax.random", random.RANDOM),
        "scipy": Library(
            "jax.scipy",
            {
                "linalg": Library("jax.scipy.linalg", scipy_linalg.SCIPY_LINALG),
                "special": Library("jax.scipy.special", scipy_special.SPECIAL),
                "stats": Library(
                    "jax.scipy.stats",
                    {
                        name: Library(f"jax.scipy.stats.{name}", names)
                        for name, names in scipy_stats.STATS.items()
                    },
                ),
            },
        ),
        "tree": Library("jax.tree", tree_library.TREE),
        "tree_util": Library(
            "jax.tree_util",
            {**tree_library.TREE_UTIL, "register_dataclass": transforms.pass_on},
        ),
    },
)


@functools.cache
def list_names() -> frozenset[str]:
    """List every name of the library that a program can use."""
    return frozenset(_names(JAX))


def _names(library: Library) -> Iterator[Any]:
    for name, value in library._names.items():
        yield name
        if isinstance(value, Library):
            yield from _names(value)
