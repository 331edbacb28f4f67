"""The pool's processes: they end with whoever started them, and work in any caller."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from process_table import children, is_running, megabytes
from processes import (
    FINE,
    OBEY,
    fork_servers_here,
    judged,
    pass_over_fork_servers,
    wait_until,
)

from jax_ir_synth.evaluate.pool import Judges, Limits, Question


@pytest.fixture(autouse=True)
def _others():
    pass_over_fork_servers()


def test_leaving_ends_what_is_under_way():
    started = time.perf_counter()
    with Judges(2, Limits(600, 1), OBEY) as judges:
        orders = "fine", "loop", "sleep"
        jobs = ((k, Question(order, {"id": k}, "forward")) for k, order in enumerate(orders))
        assert next(judges.judgements(jobs)) == (0, FINE)
        servers = fork_servers_here()
        assert len(servers) == 2
        everyone = [*servers, *itertools.chain.from_iterable(map(children, servers))]
    assert time.perf_counter() - started < 15
    wait_until(lambda: not any(map(is_running, everyone)))


@pytest.mark.parametrize("whom", ["the one that judges", "its fork server"])
def test_somebody_kills_one_in_the_middle(whom):
    with Judges(1, Limits(20, 1), OBEY) as judges:
        jobs = ((k, Question("slow", {"id": k}, "forward")) for k in range(3))
        found = judges.judgements(jobs)
        first = next(found)
        (server,) = fork_servers_here()
        wait_until(lambda: children(server))
        os.kill(server if whom == "its fork server" else children(server)[0], signal.SIGKILL)
        everything = [first, *found]
    assert everything == [(k, FINE._replace(taken=f"{k} forward")) for k in range(3)]
    assert not fork_servers_here()


def test_a_fork_servers_memory_stays_as_it_is():
    with Judges(1, Limits(20, 1), OBEY) as judges:
        orders = itertools.cycle(["fine", "abort", "fail"])
        jobs = ((k, Question(next(orders), {"id": 0}, "forward")) for k in range(2000))
        (server,) = fork_servers_here()
        sizes = []
        for k, _ in judges.judgements(jobs):
            if k in (200, 1999):
                sizes.append(megabytes(server))
        descriptors = len(list(Path(f"/proc/{server}/fd").iterdir()))
    assert sizes[1] < sizes[0] + 1
    assert descriptors < 16


def test_in_threads():
    found = {}

    def work(judges, name):
        jobs = [(k, Question("fine", {"id": 0}, "forward")) for k in range(10)]
        found[name] = list(judges.judgements(jobs))

    with Judges(2, Limits(20, 1), OBEY) as judges:
        threads = [threading.Thread(target=work, args=(judges, k)) for k in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == dict.fromkeys(range(3), [(k, FINE) for k in range(10)])


def _in_a_fork(judges, answers) -> None:
    # As a loader's worker does.
    answers.put(judged(["fine", "abort"])[0])
    try:
        next(judges.judgements([(0, Question("fine", {"id": 0}, "forward"))]))
    except RuntimeError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork.*:RuntimeWarning")
def test_in_a_process_forked_off():
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with Judges(1, Limits(20, 1), OBEY) as judges:
        process = context.Process(target=_in_a_fork, args=(judges, answers))
        process.start()
        assert answers.get(timeout=60) == FINE
        assert "not of its forks" in answers.get(timeout=60)
        process.join()
        # The parent's own goes on.
        assert list(judges.judgements([(0, Question("fine", {"id": 0}, "forward"))])) == [(0, FINE)]


def test_a_helper_that_is_killed_while_it_starts():
    """As when memory runs out: another one starts in its place."""
    judges = Judges(1, Limits(20, 1), OBEY)
    try:
        (asked,) = judges.submit([Question("fine", {"id": 0}, "forward")])
        for _ in range(2):
            wait_until(fork_servers_here)
            (server,) = fork_servers_here()
            os.kill(server, signal.SIGKILL)
            wait_until(lambda server=server: server not in fork_servers_here())
        assert asked.result(timeout=60) == FINE._replace(taken="0 forward")
    finally:
        judges.close()


def test_signals_that_the_caller_ignores_or_blocks(python, tmp_path):
    before = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGPROF, signal.SIG_IGN)
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF, signal.SIGXCPU, signal.SIGCHLD})
"""
    file = tmp_path / "script.py"
    file.write_text(
        script(["fine", "loop", "fine"], before).replace("Limits(60, 1)", "Limits(1, 1)")
    )
    ran = python(file)
    assert ran.stdout.split("\n") == ["begins", "0 pass", "1 parse", "2 pass", "ends", ""]
    assert ran.stderr == ""


_SCRIPT = """
import os, sys
sys.path.insert(0, {here!r})
from jax_ir_synth.evaluate.pool import Judges, Limits, Question
print("begins", flush=True)
with Judges(2, Limits(60, 1), {judge!r}) as judges:
    jobs = ((k, Question(order, {{"id": k}}, "forward")) for k, order in enumerate({orders!r}))
    for label, judgement in judges.judgements(jobs):
        print(label, judgement.rung, flush=True)
    # A child that outlives the script and holds its pipes open.
print("ends")
"""


def script(orders, before: str = "") -> str:
    return before + _SCRIPT.format(here=str(Path(__file__).parent), judge=OBEY, orders=orders)


def test_a_script_without_a_main_guard(python, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(script(["fine", "abort", "fine"], "import jax\njax.numpy.ones(3).sum()\n"))
    ran = python(file, env={"JAX_PLATFORMS": "cpu"})
    assert ran.stdout.split("\n") == ["begins", "0 pass", "1 parse", "2 pass", "ends", ""]
    assert ran.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_caller_is_ended(started_python, number):
    holder = "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)\n"
    text = script(["fine", "loop", "sleep"]).replace("    jobs =", f"{_indented(holder)}    jobs =")
    process = started_python("-c", text)
    assert process.stdout.readline() == "begins\n"
    assert process.stdout.readline() == "0 pass\n"

    def grandchildren():
        return [pid for child in children(process.pid) for pid in children(child)]

    wait_until(lambda: len(grandchildren()) == 2)
    servers = [pid for pid in children(process.pid) if children(pid)]
    everyone = [*servers, *grandchildren()]
    (held,) = set(children(process.pid)) - set(servers)
    assert len(everyone) == 4
    try:
        process.send_signal(number)
        process.wait(timeout=20)
        wait_until(lambda: not any(map(is_running, everyone)))
    finally:
        os.kill(held, signal.SIGKILL)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.fixture
def started_python():
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
