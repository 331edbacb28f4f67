"""Names of files and folders that a user gives: paths of this machine, no URLs.

`s3://b/x.jsonl` would quietly name a folder `s3:`.
"""

import re
from pathlib import Path

from jax_ir_synth.errors import UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def refuse_url(text: str) -> str:
    """The text itself, which may name something else than a path: a config, a Hub dataset.

    Raises UsageError for a URL.
    """
    if _URL.match(text):
        raise UsageError(f"it must be a path on this machine, '{text}' is a URL")
    return text


def parse_path(text: str) -> Path:
    """The path. Raises UsageError for a URL."""
    return Path(refuse_url(text))
