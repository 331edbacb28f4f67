"""Checks for the extras of this package that a card needs."""

from importlib.metadata import version

from jax_ir_synth.request import extras

# The packages of each extra that are needed here.
PUBLISH, CROISSANT = "publish", "croissant"
_BRINGS = {PUBLISH: ("jinja2", "matplotlib"), CROISSANT: ("mlcroissant",)}
_NEEDED_BY = {PUBLISH: "a card", CROISSANT: "a Croissant file"}
# datasets installs huggingface_hub, but perhaps an older version.
_HUB, _OLDEST = "huggingface_hub", 1


def require(extra: str) -> None:
    """Raise MissingExtraError, with one line, unless the extra's packages are installed."""
    extras.require(_NEEDED_BY[extra], extra, *_BRINGS[extra])
    if extra == PUBLISH and int(version(_HUB).partition(".")[0]) < _OLDEST:
        needed = f"{_HUB} {_OLDEST}.0 or newer ({version(_HUB)} is installed)"
        raise extras.MissingExtraError(extras.describe(_NEEDED_BY[extra], needed, extra))
