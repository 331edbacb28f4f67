"""Which processes there are, and a judge by stubs."""

import contextlib
import itertools
import os
import time
from pathlib import Path

from jax_ir_synth.evaluate.judgement import Judgement
from jax_ir_synth.evaluate.pool import Judges, Limits, Question

OBEY = "stub_judges:obey"
FINE = Judgement("pass", "", "0 forward", True, True, 1.0)


def judged(orders, number=1, seconds=20.0, gigabytes=1.0, judge=OBEY) -> list[Judgement]:
    jobs = ((label, Question(order, {"id": 0}, "forward")) for label, order in enumerate(orders))
    with Judges(number, Limits(seconds, gigabytes), judge) as judges:
        labels, found = zip(*judges.judgements(jobs), strict=True)
    assert labels == tuple(range(len(orders)))
    return list(found)


def children(pid: int) -> list[int]:
    """Processes that a process started and that haven't been looked after."""
    stats = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            stats[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    return [child for child, stat in stats.items() if int(stat[1]) == pid]


def fork_servers_here() -> list[int]:
    """Those of this process; other tests may have started other processes."""
    return [
        pid
        for pid in children(os.getpid())
        if b"jax_ir_synth.runtime.sandbox.fork_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def grandchildren(pid: int) -> list[int]:
    return [*itertools.chain.from_iterable(map(children, children(pid)))]


def exists(pid: int) -> bool:
    """Whether a process is there; one that only awaits being looked after is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def wait_until(condition) -> None:
    """Until something is so, which it must be in a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
