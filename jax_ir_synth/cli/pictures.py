"""Checks a flag that names a picture: its extension, and the extra that draws it."""

from pathlib import Path

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request import extras

PICTURES = (".svg", ".png", ".pdf")
_DRAWS = "matplotlib"


def check_picture(flag: str, path: Path, extra: str) -> None:
    """Check that a picture can be drawn, before any work.

    Args:
      flag: The flag that names it.
      path: Its file.
      extra: The extra that draws it.

    Raises:
      UsageError: The extension is none of PICTURES, or the extra is missing.
    """
    if path.suffix.lower() not in PICTURES:
        raise UsageError(f"`{flag}` (={path}) must end in {', '.join(PICTURES)}")
    extras.require(f"`{flag}`", extra, _DRAWS)
