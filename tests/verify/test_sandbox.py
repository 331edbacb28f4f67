"""Helper processes: whatever a row does, it fails alone, and the rows after it are still proven."""

import itertools
import os
import time
from pathlib import Path

import pytest

from jax_ir_synth.errors import UsageError
from jax_ir_synth.runtime.sandbox.fork_server import Work
from jax_ir_synth.runtime.sandbox.sandbox import Sandbox as Forks
from jax_ir_synth.verify.sandbox import Limits, Outcome, Sandbox, SandboxError

CHECK = "stub_checks:obey"


@pytest.fixture(autouse=True)
def _stubs(monkeypatch):
    # Helpers take over the path.
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def _outcomes(orders, number=1, seconds=20.0, gigabytes=1.0) -> list[Outcome]:
    jobs = ((label, {"python": order}) for label, order in enumerate(orders))
    with Sandbox(CHECK, number, Limits(seconds, gigabytes)) as helpers:
        labels, outcomes = zip(*helpers.outcomes(jobs), strict=True)
    assert labels == tuple(range(len(orders)))
    return list(outcomes)


@pytest.mark.parametrize("number", [1, 2])
def test_each_hostile_row_fails_alone(number):
    hostile = {
        "exit": "its process died: exit code 3",
        "abort": "its process died: SIGABRT: LLVM ERROR: a plan failed",
        "recurse": "its process died: SIGSEGV",
        "allocate": "it takes more memory than it may: MemoryError",
        "allocate slowly": "it takes more memory than it may: MemoryError",
        "raise exit": "SystemExit: 4",
        "disagree": "it differs\nat 3: 1.0 is not 2.0",
        "fail": "TypeError: no such thing",
        "write": "OSError: [Errno 24] Too many open files",
        "unsayable": "TypeError: Object of type object is not JSON serializable",
    }
    orders = [*itertools.chain.from_iterable((order, f"after {order}") for order in hostile)]
    found = dict(zip(orders, _outcomes(orders, number), strict=True))
    for order, said in hostile.items():
        assert found[order] == (False, said)
        assert found[f"after {order}"] == (True, f"after {order}")


def test_an_endless_loop():
    started = time.perf_counter()
    found = _outcomes(["a", "loop", "b", "deaf loop", "c"], seconds=1)
    late = (False, "it was not done after 1 s of CPU time")
    assert found == [(True, "a"), late, (True, "b"), late, (True, "c")]
    assert time.perf_counter() - started < 15


def test_rows_stay_in_order():
    assert [said for _, said in _outcomes(["slow", *map(str, range(40))], number=2)] == [
        "slow", *map(str, range(40))
    ]  # fmt: skip


def test_a_fork_does_several_rows_up_to_the_first_that_fails():
    orders = ["process"] * 3 + ["abort"] + ["process"] * 12
    found = _outcomes(orders)
    processes = [said for passed, said in found if passed]
    # Eight rows go together: to one fork, and after the failure to another.
    assert len(set(processes[:3])) == len(set(processes[3:7])) == len(set(processes[7:])) == 1
    assert len(set(processes)) == 3
    assert str(os.getpid()) not in processes


def test_the_time_is_for_each_row_of_a_fork():
    assert _outcomes(["slow"] * 8, seconds=1) == [(True, "slow")] * 8


def test_few_rows_are_held_at_once():
    taken = 0

    def jobs():
        nonlocal taken
        for taken in itertools.count(1):
            yield taken, {"python": "fine"}

    with Sandbox(CHECK, 1, Limits(20, 1)) as helpers:
        assert next(helpers.outcomes(jobs())) == (1, (True, "fine"))
        assert taken <= 40


def test_a_job_without_a_row():
    jobs = [("a", {"python": "fine"}), ("b", None), ("c", {"python": "fine"})]
    with Sandbox(CHECK, 1, Limits(20, 1)) as helpers:
        found = list(helpers.outcomes(jobs))
    assert found == [("a", (True, "fine")), ("b", None), ("c", (True, "fine"))]


def test_what_is_nested_too_deeply():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with Sandbox(CHECK, 1, Limits(20, 1)) as helpers:
        jobs = [(0, {"python": deep}), (1, {"python": "fine"})]
        first, second = helpers.outcomes(jobs)
    # Taken apart by hand: some Pythons free it by recursion.
    while deep:
        deep = deep[0]
    assert first[1] == (False, "its values are nested too deeply")
    assert second[1] == (True, "fine")


def test_output_is_kept_off_the_terminal(capfd):
    assert _outcomes(["talk", "abort"])[0] == (True, "talked")
    shown = capfd.readouterr()
    assert shown == ("", "")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("stub_checks:none", "AttributeError: module 'stub_checks' has no attribute 'none'"),
        ("no_such_module:check", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_helper_that_cant_start(check, said):
    with pytest.raises(SandboxError) as raised, Sandbox(check, 2, Limits(20, 1)):
        pass
    assert "a helper can't start within 1 GB: " in str(raised.value)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


class _Server:
    """A fork server that has started, or says why it can't."""

    def __init__(self, failure: str | None):
        self.ask = lambda _: failure


def test_limits_are_the_users_mistake_until_a_helper_has_started():
    sandbox = Forks(Work(CHECK, Limits(20, 1)), 1)
    for failures, is_mistake in (((), True), ((None,), False)):
        for failure in failures:
            sandbox._begin(_Server(failure))
        with pytest.raises(SandboxError) as raised:
            sandbox._begin(_Server("no memory is left"))
        assert isinstance(raised.value, UsageError) == is_mistake


def test_leaving_ends_a_row_that_is_under_way():
    started = time.perf_counter()
    with Sandbox(CHECK, 2, Limits(600, 1)) as helpers:
        # The first eight go together.
        orders = *["fine"] * 8, *["loop"] * 8, *["deaf loop"] * 8
        jobs = ((order, {"python": order}) for order in orders)
        assert next(helpers.outcomes(jobs)) == ("fine", (True, "fine"))
    assert time.perf_counter() - started < 15
