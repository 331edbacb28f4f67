"""The package's extras that a card needs, and the one line that names a missing one."""

import importlib.util

from jax_ir_synth.card.errors import CardError

# What each brings that is needed here.
PUBLISH, CROISSANT = "publish", "croissant"
_BRINGS = {PUBLISH: ("jinja2", "matplotlib"), CROISSANT: ("mlcroissant",)}


def require(extra: str) -> None:
    """Raises CardError unless what the extra brings is installed."""
    for module in _BRINGS[extra]:
        if importlib.util.find_spec(module) is None:
            raise CardError(
                f"{module} isn't installed; it needs the extra {extra}: "
                f"pip install 'jax_ir_synth[{extra}]'"
            )
