"""What the package doesn't bring by itself: one clear line where it is missing."""

import importlib.util

EXTRA = "evaluate"
# Its modules: that for edit distances, without which nothing is judged, and that for pictures.
DISTANCES, PICTURES = "rapidfuzz", "matplotlib"


def need(what: str, module: str) -> None:
    """Raises ValueError, a line that names the extra, if a module that `what` needs isn't there."""
    if importlib.util.find_spec(module) is None:
        raise ValueError(
            f"{what} needs the extra {EXTRA}: pip install 'jax_ir_synth[{EXTRA}]' "
            f"({module} is missing)"
        )
