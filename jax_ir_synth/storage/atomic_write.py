"""Files that are under their names whole or not at all, also after a crash of the machine."""

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jax_ir_synth.storage.partials import partial_file


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield where to write; on a clean exit that is put at `path`, and removed if anything fails.

    What is at `path` is replaced. Missing parents are made.
    """
    make_folder(path.parent)
    # Two processes may be at the same file, on two machines: an orphan, and who took its place.
    with partial_file(path.parent, path.name) as partial:
        yield partial
        sync(partial)
        os.replace(partial, path)
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole; equal values give equal bytes."""
    with atomic_write(path) as partial:
        partial.write_text(format_json(value), encoding="utf-8")


def create_json(path: Path, value: Any) -> bool:
    """Like `write_json`, but False, and nothing is changed, where `path` is there already.

    Of several processes at once, on one machine or many, one gets True.
    """
    make_folder(path.parent)
    with partial_file(path.parent, path.name) as partial:
        partial.write_text(format_json(value), encoding="utf-8")
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


def copy_permissions(old: os.stat_result, new: Path) -> None:
    """Give a file the permissions, owner and group of the one that it is to replace.

    What this user may not give away stays as it is; a group that is another gets no rights then.
    """
    mode = stat.S_IMODE(old.st_mode) & 0o777
    # One by one: a user may give a file to a group, but to no other user.
    with contextlib.suppress(OSError):
        os.chown(new, -1, old.st_gid)
    with contextlib.suppress(OSError):
        os.chown(new, old.st_uid, -1)
    made = new.stat()
    if made.st_gid != old.st_gid:
        mode &= ~stat.S_IRWXG
    # Where a file system has the same for all files, setting it can fail.
    if stat.S_IMODE(made.st_mode) != mode:
        new.chmod(mode)


def make_folder(path: Path) -> None:
    """Make a folder, its missing parents too, unless it is there; links are followed.

    `Path.mkdir` takes a link that leads nowhere yet for a file.
    """
    Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)


def hash_file(path: Path) -> str:
    """Of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def format_json(value: Any) -> str:
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
