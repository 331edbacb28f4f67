"""The package's extras that a card needs."""

from importlib.metadata import version

from jax_ir_synth.request import extras

# What each brings that is needed here.
PUBLISH, CROISSANT = "publish", "croissant"
_BRINGS = {PUBLISH: ("jinja2", "matplotlib"), CROISSANT: ("mlcroissant",)}
_NEEDED_BY = {PUBLISH: "a card", CROISSANT: "a Croissant file"}
# datasets brings one, which may be older.
_HUB, _OLDEST = "huggingface_hub", 1


def require(extra: str) -> None:
    """Raise MissingExtraError, one line, unless what the extra installs is there."""
    extras.require(_NEEDED_BY[extra], extra, *_BRINGS[extra])
    if extra == PUBLISH and int(version(_HUB).partition(".")[0]) < _OLDEST:
        needed = f"{_HUB} {_OLDEST}.0 or newer ({version(_HUB)} is installed)"
        raise extras.MissingExtraError(extras.describe(_NEEDED_BY[extra], needed, extra))
