"""Names what judgements depend on beside their input: this package's sources, and libraries."""

import functools
from importlib.metadata import version

from jax_ir_synth import __version__
from jax_ir_synth.generate import fingerprint

# Judging parses, runs and compares, and lowers nothing.
_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "ml_dtypes")


@functools.cache
def describe_versions() -> dict[str, str]:
    """Return versions by name; that of the sources is a hash."""
    return {
        "jax_ir_synth": __version__,
        "sources": fingerprint.sources_digest(fingerprint.PACKAGE),
        **{name: version(name) for name in _LIBRARIES},
    }
