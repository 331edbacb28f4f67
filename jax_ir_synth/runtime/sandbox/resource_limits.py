"""Limits a process before it handles untrusted input: memory, time, files, network.

There are two layers. The kernel's limits also hold for native code: memory, CPU time, the stack, no
core dump, no byte written to a file, no new file descriptor (so neither a file nor a socket can be
opened), and, except for root, no new process or thread. A hook in the interpreter refuses actions
that Python code might take by mistake: sockets, processes, changes of files.

The limits don't stop every attack. Native code that was taken over could still send signals to this
user's other processes, remove files, replace itself by another program, and as root lift the
limits. The hook binds only Python code.
"""

import math
import numbers
import os
import resource
import signal
import sys
from typing import Any, NamedTuple

from jax_ir_synth.errors import UsageError

# The largest limits: a day, and more memory than a machine has.
MAX_SECONDS, MAX_GIGABYTES = 24 * 60 * 60, 1024
# Fixed, so that deep recursion of native code ends at the same depth everywhere.
_STACK = 8 * 2**20
# A process may wait for a busy machine this many times as long as it may compute, and at least so
# many seconds.
_WALL, _WALL_AT_LEAST = 10.0, 5.0
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    *("socket.", "subprocess.", "shutil.", "os.exec", "os.fork", "os.kill", "os.posix_spawn"),
    *("os.spawn", "os.system", "os.startfile", "pty.", "os.link", "os.symlink", "os.mkdir"),
    *("os.remove", "os.rename", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"),
)


class Limits(NamedTuple):
    """The limits for one piece of work.

    Attributes:
      seconds: the CPU time. The wall time has a limit far above, so that no result depends on how
        busy the machine is.
      gigabytes: the total memory of its process, in 2**30 bytes.
    """

    seconds: float
    gigabytes: float

    def check(self) -> "Limits":
        """Check that both are numbers above 0 and not too large, and return them.

        Raises UsageError.
        """
        for name, value, most in (
            ("seconds", self.seconds, MAX_SECONDS),
            ("gigabytes", self.gigabytes, MAX_GIGABYTES),
        ):
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            # Written so that NaN fails, too.
            if not (number and 0 < value <= most):
                raise UsageError(
                    f"`{name}` (={value!r:.40}) must be a number above 0, up to {most}"
                )
        return self

    @property
    def wall_seconds(self) -> float:
        """The limit of the wall time."""
        return max(_WALL * self.seconds, _WALL_AT_LEAST)

    @property
    def bytes(self) -> int:
        """The memory in bytes."""
        return int(self.gigabytes * 2**30)


def confine(limits: Limits, descriptors: int) -> None:
    """Set all limits of this process, irrevocably. Nothing can be imported after this.

    Args:
      limits: the limits for the process's only piece of work.
      descriptors: file descriptors below this number stay open, all others are closed.
    """
    os.closerange(descriptors, os.sysconf("SC_OPEN_MAX"))
    lower(resource.RLIMIT_NOFILE, descriptors)
    # Not RLIMIT_AS, since jax reserves address space for each core that it never uses.
    lower(resource.RLIMIT_DATA, limits.bytes)
    lower(resource.RLIMIT_STACK, _STACK)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, 0)
    lower(resource.RLIMIT_NPROC, 0)
    # In whole seconds, so a little above what `start_clock` allows. The hard limit is one second
    # higher, for a process that blocks SIGXCPU.
    seconds = math.ceil(limits.seconds) + 1
    lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    # In case no process is left that watches the time.
    for number in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(math.ceil(limits.wall_seconds) + 10)
    sys.addaudithook(_refuse)


def start_clock(limits: Limits) -> None:
    """Have SIGPROF end this process after the CPU time that one piece of work may take."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, limits.seconds)


def lower(limit: int, soft: int, hard: int | None = None) -> None:
    """Lower one of `resource`'s limits, unless it is already lower; `hard` defaults to `soft`."""
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
