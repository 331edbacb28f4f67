"""Implements the parts of JAX that programs use, with NumPy in float64 and without JAX.

So the reference is independent of the compiler whose output is checked against it. A name that
this library lacks is an error.
"""

import functools
from collections.abc import Iterator
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.reference.numpy_jax import control, jnp, lax, nn, random


class UnknownName(JaxIrSynthError, AttributeError):
    """A program uses a name of the library that the NumPy reference lacks."""


class Library:
    """A module as programs see it: only the names in a table, none of Python's own."""

    def __init__(self, path: str, names: dict[str, Any]) -> None:
        self._path = path
        self._names = names

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError:
            raise UnknownName(f"the NumPy reference has no {self._path}.{name}") from None


JNP = Library(
    "jax.numpy",
    {
        **jnp.JNP,
        "linalg": Library("jax.numpy.linalg", jnp.LINALG),
        "fft": Library("jax.numpy.fft", jnp.FFT),
    },
)
LAX = Library("jax.lax", lax.LAX)
JAX = Library(
    "jax",
    {
        "Array": jnp.JNP["ndarray"],
        "checkpoint": control.identity,
        "jit": control.identity,
        "lax": LAX,
        "nn": Library("jax.nn", nn.NN),
        "numpy": JNP,
        "ops": Library("jax.ops", nn.OPS),
        "random": Library("jax.random", random.RANDOM),
        "scipy": Library(
            "jax.scipy",
            {
                "linalg": Library("jax.scipy.linalg", nn.SCIPY_LINALG),
                "special": Library("jax.scipy.special", nn.SPECIAL),
                "stats": Library(
                    "jax.scipy.stats", {"norm": Library("jax.scipy.stats.norm", nn.STATS_NORM)}
                ),
            },
        ),
        "vmap": control.vmap,
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
