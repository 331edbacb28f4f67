"""Which processes there are. Each of them may end while it is asked for."""

import psutil


def children(pid: int) -> list[int]:
    """Processes that a process started and that haven't been looked after."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def command_line(pid: int) -> str:
    """Its words; empty for a process that has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return ""


def is_running(pid: int) -> bool:
    """A process that only awaits being looked after isn't."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def megabytes(pid: int) -> float:
    """Its resident memory."""
    return psutil.Process(pid).memory_info().rss / 2**20
