"""The package's extras that a card needs, and the one line that names a missing one."""

import importlib.util
from importlib.metadata import version

from jax_ir_synth.card.errors import CardError

# What each brings that is needed here.
PUBLISH, CROISSANT = "publish", "croissant"
_BRINGS = {PUBLISH: ("jinja2", "matplotlib"), CROISSANT: ("mlcroissant",)}
# datasets brings one, which may be older.
_HUB, _OLDEST = "huggingface_hub", 1


def require(extra: str) -> None:
    """Raise CardError, one line, unless what the extra installs is there."""
    for module in _BRINGS[extra]:
        if importlib.util.find_spec(module) is None:
            raise CardError(
                f"{module} isn't installed; it needs the extra {extra}: "
                f"pip install 'jax_ir_synth[{extra}]'"
            )
    if extra == PUBLISH and int(version(_HUB).partition(".")[0]) < _OLDEST:
        raise CardError(
            f"{_HUB} {version(_HUB)} is installed; the extra {extra} needs {_OLDEST}.0 or newer: "
            f"pip install 'jax_ir_synth[{extra}]'"
        )
