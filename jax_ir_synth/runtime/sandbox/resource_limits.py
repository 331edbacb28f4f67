"""What a process gives up before it touches what a stranger wrote: memory, time, files, network.

Two layers. The kernel's limits, which hold for native code too: memory, CPU time, the stack, no
core dump, no byte written to a file, no new file descriptor, so that nothing more can be opened,
neither a file nor a socket, and, but for root, no new process or thread. And a hook in the
interpreter, which refuses what Python code would do by mistake: sockets, processes, changes of
files.

It is no jail. Native code that a stranger took over could still send signals to this user's other
processes, remove files, put another program in its own place, and as root lift the limits; the hook
binds Python code alone.
"""

import math
import os
import resource
import signal
import sys
from typing import Any, NamedTuple

# Deep recursion of native code ends at the same depth for everybody.
_STACK = 8 * 2**20
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    *("socket.", "subprocess.", "shutil.", "os.exec", "os.fork", "os.kill", "os.posix_spawn"),
    *("os.spawn", "os.system", "os.startfile", "pty.", "os.link", "os.symlink", "os.mkdir"),
    *("os.remove", "os.rename", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"),
)


class Limits(NamedTuple):
    """What one piece of work may take.

    Attributes:
      seconds: of wall time, and of CPU time, rounded up.
      gigabytes: of its process's memory in all, in 2**30 bytes.
    """

    seconds: float
    gigabytes: float

    @property
    def bytes(self) -> int:
        """The memory."""
        return int(self.gigabytes * 2**30)


def confine(limits: Limits, descriptors: int) -> None:
    """Gives up, for good, what the module's first lines say. No more is imported after this.

    Args:
      limits: of the one piece of work that this process is for.
      descriptors: those below this number stay, all others are closed.
    """
    os.closerange(descriptors, os.sysconf("SC_OPEN_MAX"))
    lower(resource.RLIMIT_NOFILE, descriptors)
    # Not AS: jax reserves address space by the core that it never uses.
    lower(resource.RLIMIT_DATA, limits.bytes)
    lower(resource.RLIMIT_STACK, _STACK)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, 0)
    lower(resource.RLIMIT_NPROC, 0)
    # One more for who can't die of SIGXCPU.
    seconds = math.ceil(limits.seconds)
    lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    # Should nobody be left who watches the time.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds + 10)
    sys.addaudithook(_refuse)


def lower(limit: int, soft: int, hard: int | None = None) -> None:
    """Sets one of `resource`'s limits, or leaves it where it is lower; `hard` is `soft` if None."""
    hard = soft if hard is None else hard
    _, highest = resource.getrlimit(limit)
    if highest != resource.RLIM_INFINITY:
        soft, hard = min(soft, highest), min(hard, highest)
    resource.setrlimit(limit, (soft, hard))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"{event} is refused here")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("open for writing is refused here")
