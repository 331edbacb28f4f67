"""Atomic writes: a file is either complete or absent, even after the machine has crashed."""

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
    """Yield a new file to write to. It replaces `path` on a clean exit, and is removed otherwise.

    Args:
      path: The file to write. Its missing parents are created.

    Raises:
      OSError: The file can't be written or renamed.
    """
    make_folder(path.parent)
    # Two processes can write the same file at once: one that was given up for dead, and the one
    # that replaced it, perhaps on another machine.
    with partial_file(path.parent, path.name) as partial:
        yield partial
        sync(partial)
        os.replace(partial, path)
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically. Equal values give equal bytes.

    Args:
      path: The path of the file.
      value: Anything that JSON can hold.
    """
    with atomic_write(path) as partial:
        partial.write_text(format_json(value), encoding="utf-8")


def create_json(path: Path, value: Any) -> bool:
    """Create a JSON file atomically, unless `path` exists.

    If several processes create the same file at once, on one machine or many, one succeeds.

    Args:
      path: The path of the file.
      value: Anything that JSON can hold.

    Returns:
      Whether this call created the file.
    """
    make_folder(path.parent)
    with partial_file(path.parent, path.name) as partial:
        partial.write_text(format_json(value), encoding="utf-8")
        sync(partial)
        try:
            # Unlike a rename, a link fails if the file exists.
            os.link(partial, path)
        except FileExistsError:
            return False
    sync(path.parent)
    return True


def read_json(path: Path) -> Any | None:
    """Read a JSON file. None if the file is missing or damaged.

    Args:
      path: The path of the file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    # UnicodeDecodeError and JSONDecodeError are ValueErrors.
    except (FileNotFoundError, ValueError):
        return None


def copy_permissions(old: os.stat_result, new: Path) -> None:
    """Copy permissions, owner and group to the file that replaces another one.

    Where this user can't set the owner or group, the new file keeps its own. Another group than the
    old file's gets no rights.

    Args:
      old: The status of the file to replace.
      new: The file that replaces it.
    """
    mode = stat.S_IMODE(old.st_mode) & 0o777
    # In two steps, because a user can change the group of a file, but not its owner.
    with contextlib.suppress(OSError):
        os.chown(new, -1, old.st_gid)
    with contextlib.suppress(OSError):
        os.chown(new, old.st_uid, -1)
    made = new.stat()
    if made.st_gid != old.st_gid:
        mode &= ~stat.S_IRWXG
    # Setting the mode can fail on a file system that has one mode for all files.
    if stat.S_IMODE(made.st_mode) != mode:
        new.chmod(mode)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, unless the folder exists.

    Links are followed: `Path.mkdir` fails on a link whose target doesn't exist yet.

    Args:
      path: The path of the folder.
    """
    Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)


def hash_file(path: Path) -> str:
    """Compute the SHA-256 digest of a file, in hex.

    Args:
      path: The path of the file.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def format_json(value: Any) -> str:
    """Format a value as `write_json` does.

    Args:
      value: Anything that JSON can hold.
    """
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def sync(path: Path) -> None:
    """Wait until the contents of a file, or the entries of a folder, are on the disk.

    Args:
      path: A file or a folder.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems don't support this, in particular for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
