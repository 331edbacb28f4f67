"""Rows of seeds that nobody has tried: `python benchmarks/soak.py --seeds 300 --rows 500`.

Each seed's rows of `all` are drawn, lowered for both devices, proven and audited (see `stats`), or
with `--draw-only` candidates are drawn alone. It goes on after a failure, and ends with a table of
how many rows and candidates each category had, and of each kind of failure. With `--log` what each
seed gave is appended to a CSV file, and what failed to a file beside it; `--report` prints the
table of such a file. Seeds are random, unless `--seed` names them: what fails can be run again.
"""

import argparse
import collections
import concurrent.futures
import csv
import functools
import json
import os
import random
import re
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.fingerprint import sources_digest
from jax_ir_synth.generate.plan import CategoryPlan, PlannedRow, draw_candidate, places
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.runtime.pool import Pool
from jax_ir_synth.schema.row_view import RowView

_FIELDS = ("kind", "seed", "rows", "candidates", "undrawn", "left_out", "cpu_seconds", "sources")


class Outcome(NamedTuple):
    """What a seed gave. `rows` are those that stand, `candidates` all that were drawn for them."""

    seed: int
    rows: int
    candidates: int
    cpu_seconds: float
    defects: list[Defect]


def main(argv: list[str] | None = None) -> int:
    """Runs it; returns 1 where something failed."""
    arguments = _parser().parse_args(argv)
    if arguments.report:
        return _report([*csv.DictReader(arguments.log.open(encoding="utf-8"))], [])
    seeds = arguments.seed or [
        random.SystemRandom().getrandbits(64) for _ in range(arguments.seeds)
    ]
    outcomes, found = [], []
    started = time.monotonic()
    # A process imports this file by its name.
    sys.path.insert(0, str(Path(__file__).parent))
    pool = Pool(functools.partial(Helper, "soak"), arguments.num_proc, attempts=1)
    with pool:
        waiting = {
            pool.submit([(arguments.draw_only, seed, arguments.rows)]): seed for seed in seeds
        }
        done = concurrent.futures.as_completed(waiting)
        for future in track(done, "seeds", len(seeds), console=Console(stderr=True)):
            outcome = _outcome(future, waiting[future])
            outcomes.append(_line("draw" if arguments.draw_only else "row", outcome))
            found += outcome.defects
            for defect in outcome.defects:
                print(defect.line, file=sys.stderr, flush=True)
            if arguments.log is not None:
                _log(arguments.log, outcomes[-1], outcome.defects)
            if arguments.minutes and time.monotonic() - started > 60 * arguments.minutes:
                break
    return _report(outcomes, found)


def _outcome(future: concurrent.futures.Future, seed: int) -> Outcome:
    (answer,) = future.result()
    if isinstance(answer, HelperDied):
        died = Defect(None, "a category", seed, 0, f"its process died: {answer}")
        return Outcome(seed, 0, 0, 0.0, [died])
    return answer


def serve() -> None:
    """Run a process."""
    # A program that jax warns of may be one that its next version refuses.
    warnings.simplefilter("error")
    answer_questions(lambda questions: [_answer(*each) for each in questions], lambda: None)


def _answer(draw_only: bool, seed: int, count: int) -> Outcome:
    return (_draw if draw_only else _make)(seed, count)


def _make(seed: int, count: int) -> Outcome:
    """The first `count` rows of `all`."""
    from jax_ir_synth.generate.rows import make_or_leave_out
    from jax_ir_synth.stats.audit import Audit

    audit = Audit()
    started, request = time.process_time(), Request(seed=seed, count=count)
    plans = {category: CategoryPlan(category, seed) for category in CATEGORIES}
    defects = []
    for id, category, index in places(request):
        candidate, split = plans[category].row(index)
        defects += plans[category].defects(index)
        made = make_or_leave_out(request, PlannedRow(id, category, candidate, split))
        if isinstance(made, Defect):
            defects.append(made)
            continue
        # A promise that a row breaks counts as if it couldn't be made.
        faults = audit(RowView(made))
        if faults:
            error = "; ".join(f"{fault.check}: {fault.reason}" for fault in faults)
            defects.append(Defect(id, category, seed, candidate, error, made["python"]))
    candidates = sum(plan.candidates for plan in plans.values())
    left_out = sum(defect.id is not None for defect in defects)
    return Outcome(seed, count - left_out, candidates, time.process_time() - started, defects)


def _draw(seed: int, count: int) -> Outcome:
    """The first candidates, as many as rows are asked for, in equal parts of all categories."""
    started, defects = time.process_time(), []
    for candidate in range(count // len(CATEGORIES)):
        found = [draw_candidate(category, seed, candidate) for category in CATEGORIES]
        defects += [each for each in found if isinstance(each, Defect)]
    return Outcome(seed, 0, count, time.process_time() - started, defects)


def _line(kind: str, outcome: Outcome) -> dict:
    left_out = sum(defect.id is not None for defect in outcome.defects)
    return {
        "kind": kind,
        "seed": outcome.seed,
        "rows": outcome.rows,
        "candidates": outcome.candidates,
        "undrawn": len(outcome.defects) - left_out,
        "left_out": left_out,
        "cpu_seconds": round(outcome.cpu_seconds, 1),
        "sources": _sources(),
    }


def _sources() -> str:
    """Eight digits of what a row hangs on in this package: the folders that make and prove it."""
    package = Path(__file__).resolve().parents[1] / "jax_ir_synth"
    folders = ("kernels", "lowering", "reference", "verify")
    return "-".join(sources_digest(package / folder)[:2] for folder in folders)


def _log(path: Path, line: dict, defects: list[Defect]) -> None:
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _FIELDS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(line)
    with open(path.with_suffix(".defects.jsonl"), "a", encoding="utf-8") as file:
        file.writelines(json.dumps(defect.to_json()) + "\n" for defect in defects)


def _report(lines: list[dict], defects: list[Defect]) -> int:
    console = Console()
    table = Table(title="soak", title_justify="left")
    for name in ("kind", "seeds", "rows", "candidates", "undrawn", "left out", "ms CPU a row"):
        table.add_column(name, justify="right")
    for kind in ("row", "draw"):
        of_kind = [line for line in lines if line["kind"] == kind]
        if not of_kind:
            continue
        total = collections.Counter()
        for line in of_kind:
            for name in ("rows", "candidates", "undrawn", "left_out", "cpu_seconds"):
                total[name] += float(line[name])
        each = 1e3 * total["cpu_seconds"] / (total["rows"] or total["candidates"])
        seeds = len({line["seed"] for line in of_kind})
        counts = (int(total[name]) for name in ("rows", "candidates", "undrawn", "left_out"))
        table.add_row(kind, *(f"{count:,}" for count in (seeds, *counts)), f"{each:.1f}")
    console.print(table)
    kinds = collections.Counter((defect.category, _kind(defect)) for defect in defects)
    for (category, kind), count in kinds.most_common():
        console.print(f"{count:6} {category}: {kind}", highlight=False, soft_wrap=True)
    return int(any(int(line["undrawn"]) + int(line["left_out"]) for line in lines))


def _kind(defect: Defect) -> str:
    """An error without its numbers, so that equal kinds are counted together."""
    return re.sub(r"[-+]?\d[\d.e+-]*", "N", " ".join(defect.error.split("\n", 1)[0].split()))[:100]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=300, metavar="N", help="how many, random")
    parser.add_argument("--seed", type=int, nargs="+", metavar="SEED", help="these instead")
    parser.add_argument(
        "--rows", type=int, default=500, metavar="N", help="of each seed (default: %(default)s)"
    )
    parser.add_argument("--draw-only", action="store_true", help="draw N candidates instead")
    parser.add_argument("--num-proc", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--minutes", type=float, metavar="M", help="end after the seed at hand")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append what each seed gave")
    parser.add_argument("--report", action="store_true", help="print what --log has, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
