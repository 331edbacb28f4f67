"""A judge by stubs, and its fork servers."""

import os
import time

from process_table import children, command_line

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


# Fork servers that judges of other tests have kept in this process.
_others: set[int] = set()


def pass_over_fork_servers() -> None:
    """Pass over the fork servers that there are already."""
    _others.clear()
    _others.update(fork_servers_here())


def fork_servers_here() -> list[int]:
    """Those of this process that a test has started; those of other processes aren't its own."""
    name = "jax_ir_synth.runtime.sandbox.fork_server"
    started = set(children(os.getpid())) - _others
    return sorted(pid for pid in started if name in command_line(pid))


def wait_until(condition) -> None:
    """Until something is so, which it must be in a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
