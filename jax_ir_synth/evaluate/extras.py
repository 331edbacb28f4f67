"""What the package doesn't bring by itself: one clear line where it is missing."""

from jax_ir_synth.request.extras import require

EXTRA = "evaluate"
# Its modules: that for edit distances, without which nothing is judged, and that for pictures.
DISTANCES, PICTURES = "rapidfuzz", "matplotlib"


def need(what: str, module: str) -> None:
    """Raises UsageError, a line that names the extra, if a module that `what` needs isn't there."""
    require(what, EXTRA, module)
