"""Files that are under their names whole or not at all, also after a crash of the machine."""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jax_ir_synth.partials import partial_file


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield where to write; on a clean exit that is put at `path`, and removed if anything fails.

    What is at `path` is replaced. Missing parents are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may be at the same file, on two machines: an orphan, and who took its place.
    with partial_file(path.parent, path.name) as partial:
        yield partial
        sync(partial)
        os.replace(partial, path)
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole; equal values give equal bytes."""
    with whole(path) as partial:
        partial.write_text(json_text(value), encoding="utf-8")


def create_json(path: Path, value: Any) -> bool:
    """Like `write_json`, but False, and nothing is changed, where `path` is there already.

    Of several processes at once, on one machine or many, one gets True.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial_file(path.parent, path.name) as partial:
        partial.write_text(json_text(value), encoding="utf-8")
        sync(partial)
        try:
            # Unlike a rename this fails where there is a file.
            os.link(partial, path)
        except FileExistsError:
            return False
    sync(path.parent)
    return True


def read_json(path: Path) -> Any | None:
    """What `write_json` wrote; None where that is not there or is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # Of the bytes: UnicodeDecodeError and JSONDecodeError.
    except (FileNotFoundError, ValueError):
        return None


def sha256(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_text(value: Any) -> str:
    """As `write_json` writes it."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no such thing, least of all for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
