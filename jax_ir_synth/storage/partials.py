"""Where a writer writes first: a name of its own, locked while it lives, removed once it is dead.

A writer holds a lock (`flock`) on its partial file, or on the file `lock` in its partial folder;
the kernel gives it up when the process ends, however it ends. Over NFS other machines see it too.
Where they don't, as by `nolock`, a partial that was begun since another boot of some machine counts
as alive until nothing was written to it for a day.
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
# The output's name, the boot of the machine that writes, the writer.
_NAME = re.compile(r"\.(?P<output>.+)\.(?P<boot>[0-9a-f]{8})-[0-9a-f]{32}\.partial", re.DOTALL)
_LOCK = "lock"
_SILENT_SECONDS = 24 * 60 * 60
# With what is added to it a name stays within the 255 bytes that file systems allow.
_NAME_BYTES = 190


@contextlib.contextmanager
def partial_file(folder: Path, name: str) -> Iterator[Path]:
    """Yield a new, empty file in `folder` for the output `name`; it is gone at the end.

    Whoever wants to keep what is in it moves it away.
    """
    path, held = _locked(folder / make_partial_name(name))
    try:
        yield path
    finally:
        # What can't be removed, as on a disk that failed, is dead from here on.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        os.close(held)


@contextlib.contextmanager
def partial_folder(folder: Path, name: str) -> Iterator[Path]:
    """The same with a new folder to write in, which is gone at the end with all that is in it."""
    path = folder / make_partial_name(name)
    # With the user's own permissions, unlike mkdtemp's.
    path.mkdir()
    try:
        _, held = _locked(path / _LOCK)
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
    """Whether it is what a writer is at, or was at when it was killed."""
    return path.name.startswith(".") and path.name.endswith(SUFFIX)


def list_partials(folder: Path, name: str) -> list[Path]:
    """The partials of an output that are in a folder, of writers alive and dead."""
    short = shorten_name(name)
    return [
        path
        for path in folder.iterdir()
        if (match := _NAME.fullmatch(path.name)) and match["output"] == short
    ]


def remove_dead(folder: Path, name: str) -> None:
    """Remove what writers of an output left in a folder when they were killed."""
    try:
        left = list_partials(folder, name)
    except OSError:
        # No folder yet, or not one to look into.
        return
    for path in left:
        # Another run may be at the same, and another user's may not be ours to remove.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            _remove_if(path, _is_dead)


def remove_unlocked(folder: Path) -> None:
    """Remove, in a folder and below, all partials that no writer holds.

    Unlike `remove_dead` also those of other machines that were written to a moment ago: for a
    folder whose writers have all ended, or can be made to write anew.
    """
    for path in [path for path in folder.rglob(f".*{SUFFIX}") if is_partial(path)]:
        with contextlib.suppress(FileNotFoundError):
            _remove_if(path, lambda path, free: free is not False)


def _is_dead(path: Path, free: bool | None) -> bool:
    if free is False:
        return False
    named = _NAME.fullmatch(path.name)
    here = named is not None and named["boot"] == _boot()
    return (free and here) or time.time() - _last_written(path) > _SILENT_SECONDS


def _remove_if(path: Path, dead: Callable[[Path, bool | None], bool]) -> None:
    """Remove a partial if it is dead, going by itself and by whether its lock is free."""
    with _lock_of(path) as free:
        if not dead(path, free):
            return
        _empty(path)
    # Once the lock is closed: NFS keeps a file that is open, and its folder then.
    _remove(path)


@contextlib.contextmanager
def _lock_of(path: Path) -> Iterator[bool | None]:
    """Whether the lock of a partial is free, and then held here; None: that can't be told."""
    file = path / _LOCK if path.is_dir() else path
    try:
        held = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        # A folder just begun, or one whose lock was removed last; or not ours to open.
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


def _locked(path: Path) -> tuple[Path, int]:
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        # Nobody else waits for it: who removes what is dead tries once.
        fcntl.flock(held, fcntl.LOCK_EX)
    except OSError:
        # A file system without locks: the name and the time of the last write have to do.
        return path, held
    if not path.exists():
        # Taken for dead between these two steps.
        os.close(held)
        return _locked(path)
    return path, held


def _last_written(path: Path) -> float:
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    return max(each.lstat().st_mtime for each in paths)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    _empty(path)
    shutil.rmtree(path)


def _empty(path: Path) -> None:
    """Remove all that is in a folder but its lock: without it nobody can tell that this is dead."""
    if path.is_symlink() or not path.is_dir():
        return
    for child in path.iterdir():
        if child.name != _LOCK:
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()


def make_partial_name(name: str) -> str:
    """A name that no other writer has, for an output of this name."""
    return f".{shorten_name(name)}.{_boot()}-{uuid.uuid4().hex}{SUFFIX}"


def shorten_name(name: str) -> str:
    """The name, or where it is too long to be added to, another that stands for it."""
    if len(os.fsencode(name)) <= _NAME_BYTES:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _boot() -> str:
    """The same for all processes, also in containers, since the machine was started."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        text = os.uname().nodename
    return hashlib.sha256(text.encode()).hexdigest()[:8]
