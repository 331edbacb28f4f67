"""What an output's path stands for, and how what was written comes to stand there."""

import contextlib
import dataclasses
import errno
import fcntl
import os
import re
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from jax_ir_synth.storage.atomic_write import copy_permissions, sync
from jax_ir_synth.storage.partials import partial_file, remove_dead, shorten_name
from jax_ir_synth.terminal.streams import standard_output, stream_at

STDOUT = Path("-")
# Names of an open file of this process, once the folder's links are followed.
_DESCRIPTORS = re.compile(r"/proc/(?P<process>\d+)(/task/\d+)?/fd")
_MOUNTS = Path("/proc/self/mountinfo")
# What a rename fails with where writing into what is there can work.
_NO_RENAME = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)
# The null device, the full one that tests write to, consoles and terminals.
_NULL, _FULL, _TERMINALS = (1, 3), (1, 7), {4, 5, *range(136, 144)}


class NotPlacedError(OSError):
    """What was made couldn't be put where it should be; the message says where it is kept."""


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where an output goes.

    Attributes:
      given: the path as it was given.
      path: with all links followed; None for an open file of this process.
      descriptor: the open file that the path names (`-`, `/dev/stdout`), or None.
      found: what is at the path, None for nothing.
      beside: the folder to write in first.
      renamed: whether what was written there is renamed to `path`; else it is copied into it.
    """

    given: Path
    path: Path | None
    descriptor: int | None
    found: os.stat_result | None
    beside: Path
    renamed: bool

    @property
    def is_stream(self) -> bool:
        """An open file, a pipe or a terminal: what is written there replaces nothing."""
        return self.descriptor is not None or (
            self.found is not None
            and not stat.S_ISREG(self.found.st_mode)
            and not stat.S_ISDIR(self.found.st_mode)
        )

    @property
    def real(self) -> Path:
        """The path with all links followed, of what is no open file of this process."""
        if self.path is None:
            raise ValueError(f"{self.given} is an open file, which has no path")
        return self.path

    @property
    def is_folder(self) -> bool:
        """Whether a folder is there."""
        return (
            self.descriptor is None and self.found is not None and stat.S_ISDIR(self.found.st_mode)
        )

    @property
    def exists(self) -> bool:
        """Whether something would be lost."""
        return self.found is not None and not self.is_stream

    def open(self):
        """A stream, for bytes. Waits at a pipe until somebody reads."""
        if self.descriptor == 1:
            sys.stdout.flush()
            return standard_output()
        return stream_at(self.real if self.descriptor is None else self.descriptor, str(self.given))

    @property
    def may_be_written(self) -> bool:
        """Whether what is there is the user's to change: a file without write permission isn't."""
        free = self.descriptor is not None or self.found is None or self.is_folder
        return free or has_rights(self.real, os.W_OK)

    @property
    def name(self) -> str:
        """What partials are named after."""
        return "stream" if self.path is None else self.path.name

    def sweep(self) -> None:
        """Remove what dead writers to it left, be it before or after it came to be there."""
        for folder in {self.beside} if self.path is None else {self.beside, self.path.parent}:
            remove_dead(folder, self.name)

    @contextlib.contextmanager
    def partial(self) -> Iterator[Path]:
        """A file to write to first, which is gone at the end; see `partials.partial_file`."""
        self.sweep()
        with partial_file(self.beside, self.name) as partial:
            if self.exists:
                # Whoever may not read what is replaced may not read this either.
                partial.chmod(stat.S_IRUSR | stat.S_IWUSR)
            yield partial


def find_destination(path: Path) -> Destination:
    """What the path stands for. Raises OSError where nothing can be written there."""
    descriptor = 1 if path == STDOUT else _descriptor(path)
    scratch = Path(tempfile.gettempdir())
    if descriptor is not None:
        # Where it was closed, another file may have got its number.
        closed = descriptor == 1 and sys.stdout is None
        if closed or fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "It is not open for writing", str(path))
        return Destination(path, None, descriptor, os.fstat(descriptor), scratch, False)
    real = Path(os.path.realpath(path))
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Destination(path, real, None, None, real.parent, True)
    if stat.S_ISDIR(found.st_mode):
        return Destination(path, real, None, found, real, False)
    if not stat.S_ISREG(found.st_mode):
        _check_device(found, path)
        return Destination(path, real, None, found, scratch, False)
    _check_changeable(real)
    beside = real.parent if has_rights(real.parent, os.W_OK | os.X_OK) else scratch
    renamed = beside != scratch or real.parent == scratch
    if not renamed or is_mount_point(real) or _is_anothers(real.parent, found):
        renamed = False
        # Opened for writing, nothing changed: whether that is allowed.
        os.close(os.open(real, os.O_WRONLY))
    return Destination(path, real, None, found, beside, renamed)


def put_file(partial: Path, destination: Destination, overwrite: bool) -> None:
    """Put a written file where it should be; copy it where it can't be renamed.

    Raises NotPlacedError where neither works; the file is kept then, under a name of its own.
    """
    if destination.is_stream:
        with open(partial, "rb") as source, destination.open() as target:
            shutil.copyfileobj(source, target)
        return
    try:
        sync(partial)
        if overwrite and destination.real.is_file():
            copy_permissions(destination.real.stat(), partial)
        # What somebody else has put there meanwhile must not be written into.
        renamed = destination.renamed or not overwrite
        if not renamed or not _rename(partial, destination.real, overwrite):
            _copy(partial, destination.real)
    except OSError as error:
        kept = keep_result(partial, partial.parent, destination.real.name)
        raise not_placed_error(error, kept) from error
    sync(destination.real.parent)


def keep_result(made: Path, folder: Path, name: str) -> Path:
    """Move what was made out of a partial, into a folder; returns where it is now."""
    short = Path(shorten_name(name))
    kept = f"{short.stem}.kept-{uuid.uuid4().hex[:8]}{short.suffix}"
    try:
        return made.rename(folder / kept)
    except OSError:
        # Across file systems this copies.
        return Path(shutil.move(made, Path(tempfile.gettempdir()) / kept))


def not_placed_error(error: OSError, kept: Path) -> NotPlacedError:
    """What to raise where the last step failed."""
    reason = error.strerror or str(error)
    return NotPlacedError(f"{reason}; what was made is kept in {kept}")


def is_mount_point(path: Path) -> bool:
    """Whether something is mounted there, be it a file."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return path.is_mount()
    points = {
        re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), line.split()[4])
        for line in lines
    }
    return os.fsencode(path) in points


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path like `/dev/stdout` names, also by way of a link."""
    # More links in a row than the kernel follows are a loop, which it will tell.
    for _ in range(40):
        folder = Path(os.path.realpath(path.absolute().parent))
        match = _DESCRIPTORS.fullmatch(str(folder))
        if match and int(match["process"]) == os.getpid() and path.name.isdigit():
            return int(path.name)
        path = folder / path.name
        if not path.is_symlink():
            return None
        path = folder / os.readlink(path)
    return None


def _check_device(found: os.stat_result, path: Path) -> None:
    """Raises OSError for what is no pipe, terminal or null device: a disk, a socket."""
    device = os.major(found.st_rdev), os.minor(found.st_rdev)
    if stat.S_ISFIFO(found.st_mode) or (
        stat.S_ISCHR(found.st_mode) and (device in (_NULL, _FULL) or device[0] in _TERMINALS)
    ):
        return
    raise OSError(errno.EINVAL, "It is a device or a socket", str(path))


def has_rights(path: Path, rights: int) -> bool:
    """Whether this user has rights, as `os.W_OK`, on what is at a path."""
    return os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)


def _check_changeable(path: Path) -> None:
    """Raises OSError for a file that nobody can replace: an immutable one, a read-only mount."""
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        # Others, as of a program that runs, don't keep a rename from replacing it.
        if error.errno in (errno.EPERM, errno.EROFS):
            raise


def _is_anothers(folder: Path, found: os.stat_result) -> bool:
    """Whether the folder, as `/tmp`, lets only a file's owner replace it, and that is another."""
    held = folder.stat()
    return bool(held.st_mode & stat.S_ISVTX) and os.geteuid() not in (
        0, held.st_uid, found.st_uid,
    )  # fmt: skip


def _rename(partial: Path, path: Path, overwrite: bool) -> bool:
    """False: it can't be renamed, but what is there may be written into."""
    try:
        if overwrite:
            os.replace(partial, path)
        else:
            _rename_to_new(partial, path)
    except OSError as error:
        if error.errno in _NO_RENAME and overwrite and path.is_file():
            return False
        raise
    return True


def _rename_to_new(partial: Path, path: Path) -> None:
    """Raises FileExistsError where somebody else has put something there meanwhile."""
    try:
        # Unlike a rename this fails where there is a file.
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(partial, path)


def _copy(partial: Path, path: Path) -> None:
    with open(partial, "rb") as source, open(path, "r+b") as target:
        shutil.copyfileobj(source, target)
        target.truncate()
        target.flush()
        os.fsync(target.fileno())
