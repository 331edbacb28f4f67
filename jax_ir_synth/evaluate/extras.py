"""Checks for the optional dependencies of `evaluate`, with a one-line error if one is missing."""

from jax_ir_synth.request.extras import require

EXTRA = "evaluate"
# The extra's modules. Judging needs the one for edit distances, plots need the one for pictures.
DISTANCES, PICTURES = "rapidfuzz", "matplotlib"


def need(what: str, module: str) -> None:
    """Raise UsageError, a line that names the extra, if the module that `what` needs is missing."""
    require(what, EXTRA, module)
