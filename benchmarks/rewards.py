"""What rewards cost: `python benchmarks/rewards.py`, on an idle machine.

Completions are judged in groups of eight of one row, as for training by rewards: the reference
twice, three times with an operation more that changes nothing, twice with wrong numbers, and once
with an error of syntax. Groups of one kind are measured, too, among them the reference with its
result negated twice, which only running it shows to be right. The table has the median latency of
`judge`: its first call, when a row is new, and when it is known; how many completions a second
`judge_all` judges with two processes, and `judge` in threads; and the CPU time of each completion,
of whole groups and by kind, which depends least on what else the machine does.

It calls only what is public, and takes the package that PYTHONPATH names: run it with an older
version beside this one to compare them. Results are kept in a folder of its own.
"""

import argparse
import contextlib
import os
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

GROUP = 8


def rewritten(text: str, number: int = 0) -> str:
    """The module with another name for a value and an operation more, which changes no result."""
    name = f"%again{number}"
    return _change(text, r"[^>]*", name, "{name} = stablehlo.optimization_barrier {value} : {kind}")


def negated_twice(text: str) -> str:
    """The module with two operations more, which are known to change nothing by algebra alone."""
    more = "%less = stablehlo.negate {value} : {kind}\n    {name} = stablehlo.negate %less : {kind}"
    return _change(text, _FLOATS, "%again", more) or rewritten(text)


def wrong(text: str, number: int = 1) -> str:
    """The module with another number added to a result; integers and booleans stay as they are."""
    more = f"%more = stablehlo.constant dense<{number}.5> : {{kind}}\n" + (
        "    {name} = stablehlo.add {value}, %more : {kind}"
    )
    return _change(text, _FLOATS, "%sum", more) or text.replace("module @", "module @@")


def invalid(text: str) -> str:
    """The module with an error of syntax."""
    return text.replace("return", "retun")


_FLOATS = r"[^>]*?(?:bf16|f\d+)"


def _change(text: str, kinds: str, name: str, more: str) -> str:
    """The module with lines that change its first result of such a type; empty if it has none."""
    returned = re.search(rf"    return (%[\w#]+).*? : (tensor<{kinds}>)", text)
    if returned is None:
        return ""
    lines = f"    {more.format(name=name, value=returned[1], kind=returned[2])}\n"
    return text.replace(
        returned[0], lines + returned[0].replace(f"return {returned[1]}", f"return {name}", 1), 1
    )


KINDS = {
    "the reference": str,
    "an operation more": rewritten,
    "negated twice": negated_twice,
    "wrong numbers": wrong,
    "no syntax": invalid,
}


def group(text: str) -> list[str]:
    """Eight completions of a row."""
    right = [text, text, *(rewritten(text, number) for number in range(3))]
    return [*right, wrong(text, 1), wrong(text, 2), invalid(text)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JAX_IR_SYNTH_CACHE"] = folder
        _measure(arguments)


def _measure(arguments: argparse.Namespace) -> None:
    from jax_ir_synth.evaluate import judge, judge_all
    from jax_ir_synth.evaluate.tasks import TASKS, reference
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import make_row
    from jax_ir_synth.request.config import Request

    request = Request(seed=arguments.seed, count=arguments.rows, verify=False)
    rows = [make_row(request, planned) for planned in plan_rows(request)]
    table = Table("figure", "forward", "backward")
    figures: dict[str, list[str]] = {}

    def add(name: str, value: float, digits: int = 0) -> None:
        figures.setdefault(name, []).append(f"{value:,.{digits}f}")

    for task in ("forward", "backward"):
        texts = [*(next(iter(reference(row, TASKS[task]).modules.values())) for row in rows)]
        jobs = [(each, row) for row, text in zip(rows, texts, strict=True) for each in group(text)]
        started = time.perf_counter()
        assert judge(texts[0], rows[0], task).passed
        add("first call, s", time.perf_counter() - started, 2)
        for name in ("judge, a row that is new, ms", "judge, a row that is known, ms"):
            spent = [
                _seconds(judge, rewritten(text, 7), row, task)
                for row, text in zip(rows[1:], texts[1:], strict=True)
            ]
            add(name, 1e3 * statistics.median(spent), 1)
        # The first time, wrong completions make it necessary to run the reference with errors.
        for name in ("rows that are new", "rows that are known"):
            started, before = time.perf_counter(), _cpu_seconds()
            found = judge_all(jobs, task, num_proc=2)
            add(f"judge_all, {name}, 1/s", len(jobs) / (time.perf_counter() - started))
            add(f"judge_all, {name}, CPU ms", 1e3 * (_cpu_seconds() - before) / len(jobs), 1)
            _check(found)
        for name, change in KINDS.items():
            # The first time, some make it necessary to run the reference with errors.
            for _ in range(2):
                before = _cpu_seconds()
                judge_all(
                    [
                        (change(x), row)
                        for x, row in zip(texts, rows, strict=True)
                        for _ in range(8)
                    ],
                    task,
                    num_proc=2,
                )
            add(f"eight times {name}, CPU ms", 1e3 * (_cpu_seconds() - before) / len(jobs), 1)
        add(
            f"judge, {arguments.threads} threads, 1/s",
            _by_threads(judge, jobs, task, arguments.threads),
        )
    for name, values in figures.items():
        table.add_row(name, *values)
    Console().print(table)


def _cpu_seconds() -> float:
    """The CPU time of this process's children, and of theirs that have ended."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found += sum(map(int, fields[11:15]))
    return found / os.sysconf("SC_CLK_TCK")


def _seconds(judge: Any, completion: str, row: dict, task: str) -> float:
    started = time.perf_counter()
    judged = judge(completion, row, task)
    assert judged.passed, judged
    return time.perf_counter() - started


def _check(found: list[Any]) -> None:
    passed = [judged.passed for judged in found]
    right = [True] * 5 + [False] * 3
    assert passed == right * (len(found) // GROUP), [
        k for k, x in enumerate(found) if x.passed != right[k % 8]
    ]


def _by_threads(judge: Any, jobs: list, task: str, number: int) -> float:
    """Completions a second, if each thread judges one after the other."""
    rest = iter(jobs)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                job = next(rest, None)
            if job is None:
                return
            judge(*job, task)

    threads = [threading.Thread(target=work) for _ in range(number)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(jobs) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
