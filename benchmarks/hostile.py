"""The hostile set before the judge, and what a crash costs: `python benchmarks/hostile.py 10`.

Prints each kind with the rung it failed at, the seconds that it took and why, as lines of Markdown,
with the limit of so many seconds; a right answer is judged after each and must pass. None may end
its process. Then 200 at which it ends itself among 200 right ones, one after the other: what each
crash adds to the right ones alone.
"""

import itertools
import resource
import sys
import time
from pathlib import Path

from jax_ir_synth.evaluate.pool import Judges, Limits, Question

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "evaluate"))

MANY = 200
GIGABYTES = 2.0


def judged(judges: Judges, completion: str, row: dict):
    """The judgement of one completion by itself, and the seconds that it took."""
    started = time.perf_counter()
    ((_, judgement),) = judges.judgements([(None, Question(completion, row, "forward"))])
    return judgement, time.perf_counter() - started


def main(seconds: float) -> None:
    """Measures and prints."""
    import hostile
    from crashing_judge import CRASH

    row, right = hostile.row(), hostile.right()
    limits = Limits(seconds, GIGABYTES)
    with Judges(1, limits) as judges:
        print("| completion | rung | seconds | why |\n|---|---|--:|---|")
        for kind in hostile.HOSTILE:
            judgement, took = judged(judges, kind.make(), row)
            why = judgement.reason.replace("|", "\\|")
            print(f"| {kind.name} | `{judgement.rung}` | {took:.2f} | {why} |", flush=True)
            if judgement.passed or not judged(judges, right, row)[0].passed:
                raise SystemExit(f"{kind.name}: it passed, or the right answer after it did not")
            if "died" in judgement.reason:
                raise SystemExit(f"{kind.name}: {judgement.reason}")
    # Of different rows: nothing is shared.
    rows = [{**row, "id": number} for number in range(2 * MANY)]
    mixed = itertools.chain.from_iterable(zip(itertools.repeat(CRASH), itertools.repeat(right)))
    start, alone, among = (
        _cost(limits, [*zip(rows[:count], answers, strict=False)])
        for count, answers in ((0, ()), (MANY, itertools.repeat(right)), (2 * MANY, mixed))
    )
    print(f"\n{MANY} right ones, {MANY} that crash among them: milliseconds for each")
    for name, more, less in (("right", alone, start), ("crash", among, alone)):
        wall, cpu = ((x - y) / MANY * 1e3 for x, y in zip(more, less, strict=True))
        print(f"  {name}: {wall:.1f} of wall time, {cpu:.1f} of CPU time")


def _cost(limits: Limits, answers) -> tuple[float, float]:
    """Seconds of wall time and of CPU time that judging takes, and starting with it."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with Judges(1, limits, "crashing_judge:judge") as judges:
        jobs = ((text, Question(text, row, "forward")) for row, text in answers)
        for text, judgement in judges.judgements(jobs):
            if judgement.passed != ("multiply" in text):
                raise SystemExit(f"{text[:200]!r} was judged {judgement}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
