"""Types of flags that name a file or folder: a path of this machine, no URL.

`s3://b/x.jsonl` would quietly name a folder `s3:`.
"""

import argparse
import re
from pathlib import Path

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def no_url(text: str) -> str:
    """The text itself, which may name something else than a path: a config, a Hub dataset.

    Raises argparse.ArgumentTypeError for a URL.
    """
    if _URL.match(text):
        raise argparse.ArgumentTypeError(f"it must be a path on this machine, '{text}' is a URL")
    return text


def local_path(text: str) -> Path:
    """The path. Raises argparse.ArgumentTypeError for a URL."""
    return Path(no_url(text))
