"""Partial files and folders: a writer writes to one first, and moves the result when it is done.

A partial has a name of its own. Its writer holds a lock (`flock`) on the partial file, or on the
file `lock` in the partial folder. The kernel releases the lock when the process ends, however it
ends, and other machines see the lock over NFS. A partial that nobody locks is dead and is removed.

Some mounts don't share locks (`nolock`), so a free lock proves nothing about another machine. A
partial of another machine, or of this one before it was rebooted, counts as dead only after nothing
was written to it for a day.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

SUFFIX = ".partial"
# The name of the output, the boot id of the writer's machine, and the id of the writer.
_NAME = re.compile(r"\.(?P<output>.+)\.(?P<boot>[0-9a-f]{8})-[0-9a-f]{32}\.partial", re.DOTALL)
_LOCK = "lock"
_SILENT_SECONDS = 24 * 60 * 60
# File systems allow 255 bytes. The rest is for what is added to the name.
_NAME_BYTES = 190


@contextlib.contextmanager
def partial_file(folder: Path, name: str) -> Iterator[Path]:
    """Yield a new, empty file, which is removed at the end. To keep it, move it away.

    Args:
      folder: The folder of the file.
      name: The name of the output.
    """
    path, held = _create_locked(folder / make_partial_name(name))
    try:
        yield path
    finally:
        # If it can't be removed, for example from a failed disk, it is dead from now on.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(held)


@contextlib.contextmanager
def partial_folder(folder: Path, name: str) -> Iterator[Path]:
    """Yield a new folder, which is removed at the end with everything in it.

    Args:
      folder: The parent of the new folder.
      name: The name of the output.
    """
    path = folder / make_partial_name(name)
    # Unlike `mkdtemp`, this respects the user's umask.
    path.mkdir()
    try:
        _, held = _create_locked(path / _LOCK)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                _empty(path)
            os.close(held)
    finally:
        with contextlib.suppress(OSError):
            _remove(path)


def is_partial(path: Path) -> bool:
    """Check whether a path is a partial, of a live or a dead writer.

    Args:
      path: A path.
    """
    return path.name.startswith(".") and path.name.endswith(SUFFIX)


def list_partials(folder: Path, name: str) -> list[Path]:
    """List the partials of an output in a folder, of live and dead writers.

    Args:
      folder: The folder to look in.
      name: The name of the output.
    """
    short = shorten_name(name)
    return [
        path
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name)) and match["output"] == short
    ]


def remove_dead(folder: Path, name: str) -> None:
    """Remove the partials of an output that killed writers left in a folder.

    Args:
      folder: The folder to look in.
      name: The name of the output.
    """
    try:
        left = list_partials(folder, name)
    except OSError:
        # The folder doesn't exist yet, or can't be read.
        return
    for path in left:
        # Another process may remove it at the same time, or it belongs to another user.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            _remove_if(path, _is_dead)


def remove_unlocked(folder: Path) -> None:
    """Remove all partials in a folder and below it that no writer has locked.

    Unlike `remove_dead`, this also removes recently written partials of other machines. Use it for
    a folder whose writers have all ended, or can start again.

    Args:
      folder: The folder to look in.
    """
    for path in [path for path in folder.rglob(f".*{SUFFIX}") if is_partial(path)]:
        with contextlib.suppress(FileNotFoundError):
            _remove_if(path, lambda path, free: free is not False)


def _is_dead(path: Path, free: bool | None) -> bool:
    if free is False:
        return False
    named = _NAME.fullmatch(path.name)
    here = named is not None and named["boot"] == _boot_id()
    return (free and here) or time.time() - _last_write_time(path) > _SILENT_SECONDS


def _remove_if(path: Path, dead: Callable[[Path, bool | None], bool]) -> None:
    """Remove a partial if `dead(path, free)`, where `free` is what `_try_lock` yields."""
    with _try_lock(path) as free:
        if not dead(path, free):
            return
        _empty(path)
    # Only after the lock is closed, because NFS keeps an open file, and then its folder.
    _remove(path)


@contextlib.contextmanager
def _try_lock(path: Path) -> Iterator[bool | None]:
    """Try to lock a partial. Yield whether its lock was free, None if that is unknown."""
    file = path / _LOCK if path.is_dir() else path
    try:
        held = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        # The folder is new, or is being removed, or it belongs to another user.
        yield None
        return
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        except OSError:
            free = None
        yield free
    finally:
        os.close(held)


def _create_locked(path: Path) -> tuple[Path, int]:
    """Create a file and lock it. Return its path and descriptor."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        # This doesn't wait long: a process that removes dead partials holds the lock briefly.
        fcntl.flock(held, fcntl.LOCK_EX)
    except OSError:
        # The file system has no locks. The boot id and the time of the last write have to suffice.
        return path, held
    if not path.exists():
        # Another process has removed it between the two steps.
        os.close(held)
        return _create_locked(path)
    return path, held


def _last_write_time(path: Path) -> float:
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    return max(each.lstat().st_mtime for each in paths)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    _empty(path)
    shutil.rmtree(path)


def _empty(path: Path) -> None:
    """Remove everything in a folder but its lock, which shows others that the partial is dead."""
    if path.is_symlink() or not path.is_dir():
        return
    for child in path.iterdir():
        if child.name != _LOCK:
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()


def make_partial_name(name: str) -> str:
    """Make the name of a partial, which no other writer has, for an output of this name.

    Args:
      name: The name of the output.
    """
    return f".{shorten_name(name)}.{_boot_id()}-{uuid.uuid4().hex}{SUFFIX}"


def shorten_name(name: str) -> str:
    """Shorten a name that is too long for additions to its hash. Return other names unchanged.

    Args:
      name: The name of the output.
    """
    if len(os.fsencode(name)) <= _NAME_BYTES:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _boot_id() -> str:
    """Compute an id of the machine since its last start. Containers on it have the same id."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        text = os.uname().nodename
    return hashlib.sha256(text.encode()).hexdigest()[:8]
