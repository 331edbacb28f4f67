"""The destination of an output: what its path refers to, and how a written file gets there."""

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
from typing import IO

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.storage.atomic_write import copy_permissions, sync
from jax_ir_synth.storage.partials import partial_file, remove_dead, shorten_name
from jax_ir_synth.terminal.streams import standard_output, stream_at

STDOUT = Path("-")
# The folder of this process's open files, after its links are followed.
_DESCRIPTORS = re.compile(r"/proc/(?P<process>\d+)(/task/\d+)?/fd")
_MOUNTS = Path("/proc/self/mountinfo")
# Errors of a rename after which writing into the existing file can still succeed.
_NO_RENAME = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)
# Device numbers: the null device, `/dev/full` for tests, and the majors of consoles and terminals.
_NULL, _FULL, _TERMINALS = (1, 3), (1, 7), {4, 5, *range(136, 144)}


class NotPlacedError(JaxIrSynthError, OSError):
    """The output couldn't be put at its destination. The message says where it is kept."""


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where an output goes.

    Attributes:
      given: The path as the user gave it.
      path: The path with all links followed. None for an open file of this process.
      descriptor: The open file that the path names (`-`, `/dev/stdout`), or None.
      found: The status of the file at the path. None if there is no file.
      beside: The folder for the partial file.
      renamed: Whether the partial file is renamed to `path`. Otherwise it is copied into `path`.
    """

    given: Path
    path: Path | None
    descriptor: int | None
    found: os.stat_result | None
    beside: Path
    renamed: bool

    @property
    def is_stream(self) -> bool:
        """Whether this is an open file, a pipe or a terminal, where writing replaces nothing."""
        return self.descriptor is not None or (
            self.found is not None
            and not stat.S_ISREG(self.found.st_mode)
            and not stat.S_ISDIR(self.found.st_mode)
        )

    @property
    def real(self) -> Path:
        """The path with all links followed.

        Raises:
          ValueError: This is an open file of this process, which has no path.
        """
        if self.path is None:
            raise ValueError(f"{self.given} is an open file, which has no path")
        return self.path

    @property
    def is_folder(self) -> bool:
        """Whether the path is an existing folder."""
        return (
            self.descriptor is None and self.found is not None and stat.S_ISDIR(self.found.st_mode)
        )

    @property
    def exists(self) -> bool:
        """Whether writing would replace something."""
        return self.found is not None and not self.is_stream

    def open(self) -> contextlib.AbstractContextManager[IO[bytes]]:
        """Open a binary stream for writing. At a pipe, this waits for a reader."""
        if self.descriptor == 1:
            sys.stdout.flush()
            return standard_output()
        return stream_at(self.real if self.descriptor is None else self.descriptor, str(self.given))

    @property
    def may_be_written(self) -> bool:
        """Whether the user has permission to change the existing file, if there is one."""
        free = self.descriptor is not None or self.found is None or self.is_folder
        return free or has_rights(self.real, os.W_OK)

    @property
    def name(self) -> str:
        """The name that the names of the partial files contain."""
        return "stream" if self.path is None else self.path.name

    def sweep(self) -> None:
        """Remove the partial files of dead writers to this destination."""
        for folder in {self.beside} if self.path is None else {self.beside, self.path.parent}:
            remove_dead(folder, self.name)

    @contextlib.contextmanager
    def partial(self) -> Iterator[Path]:
        """Yield a partial file, which is removed at the end. See `partials.partial_file`."""
        self.sweep()
        with partial_file(self.beside, self.name) as partial:
            if self.exists:
                # Users who can't read the existing file must not read the partial one.
                partial.chmod(stat.S_IRUSR | stat.S_IWUSR)
            yield partial


def find_destination(path: Path) -> Destination:
    """Find out what a path refers to, and how to write there.

    Args:
      path: The path of an output.

    Raises:
      OSError: Nothing can be written there.
    """
    descriptor = 1 if path == STDOUT else _find_descriptor(path)
    scratch = Path(tempfile.gettempdir())
    if descriptor is not None:
        # If the standard output was closed, another file may have its number.
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
        # Open the file for writing, without a change, to see whether that is allowed.
        os.close(os.open(real, os.O_WRONLY))
    return Destination(path, real, None, found, beside, renamed)


def put_file(partial: Path, destination: Destination, overwrite: bool) -> None:
    """Move a written file to its destination. Copy it if it can't be renamed.

    Args:
      partial: The written file.
      destination: Where it goes.
      overwrite: Whether an existing file is replaced.

    Raises:
      NotPlacedError: Neither works. The file is then kept under a new name.
    """
    if destination.is_stream:
        with open(partial, "rb") as source, destination.open() as target:
            shutil.copyfileobj(source, target)
        return
    try:
        sync(partial)
        if overwrite and destination.real.is_file():
            copy_permissions(destination.real.stat(), partial)
        # Without `overwrite`, a file that another process has created meanwhile must not change.
        renamed = destination.renamed or not overwrite
        if not renamed or not _rename(partial, destination.real, overwrite):
            _copy(partial, destination.real)
    except OSError as error:
        kept = keep_result(partial, partial.parent, destination.real.name)
        raise not_placed_error(error, kept) from error
    sync(destination.real.parent)


def keep_result(made: Path, folder: Path, name: str) -> Path:
    """Move a result out of its partial, so that it isn't removed.

    Args:
      made: The result, a file or a folder.
      folder: The folder to move it to. If that fails, the folder for temporary files is used.
      name: The name of the output.

    Returns:
      The new path of the result.
    """
    short = Path(shorten_name(name))
    kept = f"{short.stem}.kept-{uuid.uuid4().hex[:8]}{short.suffix}"
    try:
        return made.rename(folder / kept)
    except OSError:
        # Between file systems, `shutil.move` copies.
        return Path(shutil.move(made, Path(tempfile.gettempdir()) / kept))


def not_placed_error(error: OSError, kept: Path) -> NotPlacedError:
    """Make the error for a result that was kept because the last step failed.

    Args:
      error: The error of the last step.
      kept: The path of the result.
    """
    reason = error.strerror or str(error)
    return NotPlacedError(f"{reason}; the output is kept in {kept}")


def is_mount_point(path: Path) -> bool:
    """Check whether a file system, or a single file, is mounted at a path.

    Args:
      path: A path with all links followed.
    """
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return path.is_mount()
    # The fifth field is the mount point, in which octal escapes stand for spaces and the like.
    points = {
        re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), line.split()[4])
        for line in lines
    }
    return os.fsencode(path) in points


def _find_descriptor(path: Path) -> int | None:
    """Find the number of the open file that a path like `/dev/stdout`, or a link to it, names."""
    # The kernel follows 40 links at most. Where there are more, opening the path fails.
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
    """Raise OSError unless this is a pipe, a terminal or the null device."""
    device = os.major(found.st_rdev), os.minor(found.st_rdev)
    if stat.S_ISFIFO(found.st_mode) or (
        stat.S_ISCHR(found.st_mode) and (device in (_NULL, _FULL) or device[0] in _TERMINALS)
    ):
        return
    raise OSError(errno.EINVAL, "It is a device or a socket", str(path))


def has_rights(path: Path, rights: int) -> bool:
    """Check whether this user has the rights, such as `os.W_OK`, at a path.

    Args:
      path: The path of a file or folder.
      rights: Flags for `os.access`.
    """
    return os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)


def _check_changeable(path: Path) -> None:
    """Raise OSError for a file that nobody can replace: it is immutable, or mounted read-only."""
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        # After other errors, such as that of a running program, a rename can still replace it.
        if error.errno in (errno.EPERM, errno.EROFS):
            raise


def _is_anothers(folder: Path, found: os.stat_result) -> bool:
    """Check whether only another user can replace the file, in a sticky folder such as `/tmp`."""
    held = folder.stat()
    return bool(held.st_mode & stat.S_ISVTX) and os.geteuid() not in (
        0, held.st_uid, found.st_uid,
    )  # fmt: skip


def _rename(partial: Path, path: Path, overwrite: bool) -> bool:
    """Rename the file. False if that fails, but the existing file may be written into."""
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
    """Raise FileExistsError if another process has created the path meanwhile."""
    try:
        # Unlike a rename, a link fails if the file exists.
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        # The file system has no hard links.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(partial, path)


def _copy(partial: Path, path: Path) -> None:
    with open(partial, "rb") as source, open(path, "r+b") as target:
        shutil.copyfileobj(source, target)
        target.truncate()
        target.flush()
        os.fsync(target.fileno())
