"""Start-up, planning, rows a second by workers: `python benchmarks/scaling.py [ROWS] [WORKERS]`.

Rows are of `all`, both devices, proven. A number of workers is timed from the moment when each of
them has handed out rows, so that starting them isn't counted; the numbers take turns, three times,
and the median counts, since other jobs on the machine slow one run more than another. Writes the
rows a second as CSV beside this file (`scaling.csv`), for `plots.py`.
"""

import csv
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from jax_ir_synth.generate.plan import CategoryPlan, draw_candidate, get_category_plan, plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.generate.workers import ROWS_A_JOB, open_workers
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.storage.atomic_write import atomic_write

TURNS = 3
RESULT = Path(__file__).parent / "scaling.csv"


def started(*arguments: str) -> float:
    """Seconds that a command takes in a process of its own: the median of five."""
    times = []
    for _ in range(5):
        before = time.perf_counter()
        command = [sys.executable, "-m", "jax_ir_synth", *arguments]
        done = subprocess.run(command, capture_output=True)
        # A flag's error is measured, too, but no other one.
        assert done.returncode in (0, 2) and b"exists already" not in done.stderr, done.stderr
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def planning(count: int) -> tuple[float, float]:
    """CPU milliseconds a candidate, and candidates for each row that stands."""
    before, looked_at = time.process_time(), 0
    for category in CATEGORIES:
        plan = CategoryPlan(category, 3)
        plan.extend(count // len(CATEGORIES))
        looked_at += plan.candidates
    return (time.process_time() - before) / looked_at * 1e3, looked_at / count


def rate(number: int, count: int) -> float:
    """Rows a second of so many processes, once all are at work."""
    warm = 4 * ROWS_A_JOB * number
    request = Request(seed=8, count=count + warm)
    with open_workers(number, request.count) as workers:
        draw = draw_candidate if workers is None else workers.draw
        made = rows(request, plan_rows(request, draw=draw), workers)
        for _ in range(warm):
            next(made)
        before = time.perf_counter()
        return sum(1 for _ in made) / (time.perf_counter() - before)


def main(count: int, most: int) -> None:
    """Measures and prints."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for words in (["--help"], ["--device", "tpu"], ["--count", "1", "--output", "-"]):
        print(f"`{' '.join(words)}`: {started(*words):.2f} s")
    cost, candidates = planning(count)
    print(f"planning: {cost:.2f} ms CPU a candidate, {candidates:.2f} candidates a row")
    numbers = [number for number in (1, 2, 4, 8, 16, 32, 64) if number <= most]
    rates: dict[int, list[float]] = {number: [] for number in numbers}
    for _ in range(TURNS):
        for number in numbers:
            # Each run is to plan anew.
            get_category_plan.cache_clear()
            rates[number].append(rate(number, count))
    with atomic_write(RESULT) as partial, open(partial, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["workers", "rows_a_second", "lowest", "highest"])
        for number, found in rates.items():
            middle = statistics.median(found)
            writer.writerow([number, *(f"{x:.2f}" for x in (middle, min(found), max(found)))])
            ratio = middle / statistics.median(rates[1])
            print(f"{number} workers: {middle:.1f} rows a second, {ratio:.2f} times one's")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["400", "2"][len(sys.argv) - 1 :])))
