"""Limits the process in which the code of others runs, against accidents rather than attacks.

The kernel limits its memory, its CPU time and the size of files; it has no core dump. A hook of the
interpreter refuses sockets, other processes, and changes of files outside an empty temporary
folder, in which it works. What it prints is dropped. Unlike in `runtime.sandbox`, it may open files
and start threads, since packages are imported in it and XLA runs their examples. The hook binds
only Python code: native code, or Python that calls it by ctypes, isn't refused.
"""

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jax_ir_synth.runtime.sandbox.resource_limits import Limits, lower

_MAX_FILE = 2**26
_REFUSED = (
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.gethostby"),
    *("subprocess.", "os.exec", "os.fork", "os.kill", "os.posix_spawn", "os.spawn", "os.system"),
    *("os.startfile", "pty.", "ftplib.", "smtplib.", "urllib.", "http.client.connect"),
)
# Each names the paths that it changes by its first arguments.
_CHANGES = {
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.symlink": 2,
    "shutil.rmtree": 1,
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def restrict(limits: Limits, folder: Path) -> None:
    """Limit this process for good, and make an empty folder its current and its home folder.

    Args:
      limits: its memory. The time is limited for each question, see `resource_limits.start_clock`.
      folder: an empty folder, the only place where files may change.
    """
    os.chdir(folder)
    os.environ |= {"HOME": str(folder), "TMPDIR": str(folder), "MPLCONFIGDIR": str(folder)}
    silence = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(silence, number)
    os.close(silence)
    sys.dont_write_bytecode = True
    # Not RLIMIT_AS, since jax reserves address space for each core that it never uses.
    lower(resource.RLIMIT_DATA, limits.bytes)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, _MAX_FILE)
    inside = os.path.realpath(folder)
    sys.addaudithook(lambda event, arguments: _refuse(event, arguments, inside))


def _refuse(event: str, arguments: tuple[Any, ...], inside: str) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"{event} is refused here")
    if event == "open":
        if isinstance(arguments[2], int) and arguments[2] & _WRITING:
            _check_inside(event, arguments[:1], inside)
    elif event in _CHANGES:
        _check_inside(event, arguments[: _CHANGES[event]], inside)


def _check_inside(event: str, paths: Sequence[Any], inside: str) -> None:
    for path in paths:
        # An open file has been looked at when it was opened.
        if isinstance(path, int):
            continue
        real = os.path.realpath(os.fsdecode(path))
        if real != os.devnull and os.path.commonpath((real, inside)) != inside:
            raise PermissionError(f"{event} is refused outside of the temporary folder")
