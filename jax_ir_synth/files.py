"""Files that are under their names whole or not at all, also after a crash of the machine."""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PARTIAL = ".partial"


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield where to write; on a clean exit that is put at `path`, and removed if anything fails.

    What is at `path` is replaced. Missing parents are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may be at the same file, on two machines: an orphan, and who took its place.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        yield partial
        _sync(partial)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def check_apart(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Raises ValueError where what is written would replace what is read, or another output.

    Args:
      outputs, inputs: files by the flags that name them; None where one isn't given.
    """
    seen = {path.resolve(): flag for flag, path in inputs.items() if path is not None}
    for flag, path in outputs.items():
        if path is None:
            continue
        if (other := seen.setdefault(path.resolve(), flag)) != flag:
            raise ValueError(f"`{flag}` (={path}) must be another file than `{other}`")


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole; equal values give equal bytes."""
    with whole(path) as partial:
        partial.write_text(_json(value), encoding="utf-8")


def create_json(path: Path, value: Any) -> bool:
    """Like `write_json`, but False, and nothing is changed, where `path` is there already.

    Of several processes at once, on one machine or many, one gets True.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
    try:
        partial.write_text(_json(value), encoding="utf-8")
        _sync(partial)
        # Unlike a rename this fails where there is a file.
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    _sync(path.parent)
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


def is_partial(path: Path) -> bool:
    """Whether it is what a writer was at when it was killed."""
    return path.name.startswith(".") and path.name.endswith(_PARTIAL)


def remove_partial(folder: Path) -> None:
    """Removes what writers that were killed left in a folder and below. Nobody may be writing."""
    for left in list(folder.rglob(f".*{_PARTIAL}")):
        left.unlink(missing_ok=True)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
