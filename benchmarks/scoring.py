"""How often the scorer is right: rewrites of right answers, and mutants, with XLA's verdicts.

    python benchmarks/scoring.py make FOLDER [--rows 200] [--seed 0] [--section both] [--kinds ...]
                                             [--share 1.0] [--half] [--minutes M]
    python benchmarks/scoring.py score CORPUS [--csv FILE] [--before FILE] [--survivors]

`make` fills a folder with a file for each row and section, and leaves out what is there already, so
that it can be stopped and started again. `score` judges each text of such a folder, or file, with
the scorer as it is now, and prints by kind how many of the rewrites that XLA finds equivalent it
accepts, and how many of the mutants that XLA finds wrong it rejects. With the CSV of an earlier
version it prints both.
"""

import argparse
import contextlib
import csv
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from jax_ir_synth.evaluate.judgement import UNJUDGED
from jax_ir_synth.evaluate.pool import Judges, Limits, Question
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.inputs import HALF
from jax_ir_synth.request.config import Request

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "evaluate"), str(TESTS / "verify")]

LIMITS = Limits(60, 4)
# One row in some ten has floats of 16 bits.
_OF_WHICH_HALF = 30
# One branch is changed: where that isn't seen, no input takes it.
_BRANCHES = ("branch + 0.5", "branch of a select + 0.5")
# Of a comparison by XLA.
_SECONDS = 60.0


class Score(NamedTuple):
    """What the scorer says of a variant.

    Attributes:
      row: the row's id.
      category: of the row.
      half: whether it takes floats of 16 bits.
      section: `"forward"` or `"backward"`.
      side: `"rewrite"` or `"mutant"`.
      kind: of the variant.
      number: of the variant among those of its kind and module.
      verdict: XLA's.
      size: the largest difference that XLA finds, as a part of the result.
      inputs: on how many of XLA's 40 inputs it differs.
      passed: whether the scorer accepts it.
      rung: where it fails.
      reason: why.
    """

    row: int
    category: str
    half: bool
    section: str
    side: str
    kind: str
    number: int
    verdict: str
    size: float
    inputs: int
    passed: bool
    rung: str
    reason: str

    @property
    def counts(self) -> bool:
        """Is it what it was made to be?"""
        return self.verdict == {"rewrite": "equivalent", "mutant": "wrong"}[self.side]

    @property
    def right(self) -> bool:
        """Is the scorer right about it?"""
        # That a completion of our own row can't be judged is the scorer's fault, too.
        return self.rung != UNJUDGED and self.passed == (self.side == "rewrite")


def make(
    folder: Path,
    rows: int,
    seed: int,
    sections: Iterable[str],
    kinds: Iterable[str] | None,
    share: float,
    half: bool,
    minutes: float,
) -> None:
    """Fills the folder until it has the rows, or the time is over."""
    import scoring_corpus
    from equivalence import Judge
    from xla_oracle import XlaError

    ends = time.monotonic() + 60 * minutes
    with contextlib.closing(Judge(_SECONDS)) as judge:
        for row, section in _modules(rows, seed, half, sections):
            path = folder / f"{seed}-{row['id']:06d}-{section}.jsonl.gz"
            if path.exists():
                continue
            if time.monotonic() > ends:
                return
            started = time.monotonic()
            try:
                group = scoring_corpus.make_group(row, section, judge, seed, kinds, share)
            except XlaError as error:
                print(f"row {row['id']} {section}: {error}", flush=True)
                continue
            scoring_corpus.write(path, [group])
            took = time.monotonic() - started
            print(f"row {row['id']} {section}: {len(group.variants)} in {took:.0f} s", flush=True)


def _modules(
    count: int, seed: int, half: bool, sections: Iterable[str]
) -> Iterator[tuple[dict, str]]:
    """Rows and sections, those of a row together; a row is made when it is asked for."""
    request = Request(seed=seed, count=count * (_OF_WHICH_HALF if half else 1), verify=False)
    made = (make_row(request, planned) for planned in plan_rows(request))
    for row in itertools.islice((row for row in made if not half or _has_half(row)), count):
        yield from ((row, section) for section in sections)


def _has_half(row: dict) -> bool:
    return any(aval["dtype"] in HALF for aval in row["in_avals"])


def scores(corpus: Path) -> Iterator[Score]:
    """What the scorer says of each variant that XLA runs."""
    import scoring_corpus

    def jobs():
        for group in scoring_corpus.read(corpus):
            numbers: dict[tuple[str, str], int] = defaultdict(int)
            for variant in group.variants:
                numbers[variant.side, variant.kind] += 1
                if variant.verdict.verdict != "refused":
                    label = group.row, group.section, variant, numbers[variant.side, variant.kind]
                    yield label, Question(variant.text, group.row, group.section)

    with Judges(1, LIMITS) as judges:
        for (row, section, variant, number), judgement in judges.judgements(jobs()):
            yield Score(
                row["id"],
                row["type"].removeprefix("generate_"),
                _has_half(row),
                section,
                variant.side,
                variant.kind,
                number,
                variant.verdict.verdict,
                variant.verdict.size,
                variant.verdict.inputs,
                judgement.passed,
                judgement.rung,
                judgement.reason,
            )


def write_csv(path: Path, found: Iterable[Score]) -> None:
    """Writes scores; `read_csv` is the inverse."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Score._fields)
        writer.writerows(found)


def read_csv(path: Path) -> list[Score]:
    """Reads scores."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            Score(
                int(line["row"]),
                line["category"],
                line["half"] == "True",
                line["section"],
                line["side"],
                line["kind"],
                int(line["number"]),
                line["verdict"],
                float(line["size"]),
                int(line["inputs"]),
                line["passed"] == "True",
                line["rung"],
                line["reason"],
            )
            for line in csv.DictReader(file)
        ]


class _Group(NamedTuple):
    """Scores that are summed up in one line."""

    side: str
    name: str
    scores: list[Score]


def _summaries(found: list[Score]) -> Iterator[_Group]:
    for side, name in (("rewrite", "rewrites"), ("mutant", "mutants")):
        mine = [score for score in found if score.side == side]
        yield _Group(side, f"all {name}", mine)
        yield _Group(side, f"{name} of 16-bit rows", [score for score in mine if score.half])
    lower = [score for score in found if score.kind.startswith("precision:")]
    yield _Group("mutant", "mutants that lower the precision", lower)
    hidden = [score for score in found if score.kind.startswith("16-bit: ")]
    yield _Group("mutant", "mutants right only if read as float32", hidden)


def _kinds(found: list[Score]) -> Iterator[_Group]:
    groups: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in found:
        groups[score.side, score.kind].append(score)
    # The scorer's worst first.
    worst = sorted(
        groups.items(),
        key=lambda each: (-sum(x.counts and not x.right for x in each[1]), each[0]),
    )
    yield from (_Group(side, name, each) for (side, name), each in worst)


def _share(scores: list[Score]) -> str:
    counted = [score for score in scores if score.counts]
    if not counted:
        return "-"
    right = sum(score.right for score in counted)
    return f"{right:,} of {len(counted):,} ({100 * right / len(counted):.1f} %)"


def report(found: list[Score], before: list[Score], survivors: bool) -> None:
    """Prints the tables."""
    console = Console(width=140)
    ends = (*(("before",) if before else ()), "now")
    earlier = defaultdict(list)
    for group in [*_summaries(before), *_kinds(before)]:
        earlier[group.side, group.name] = group.scores
    for title, groups in (("in all", _summaries(found)), ("by kind", _kinds(found))):
        table = Table("what", "side", *ends, "undecided", "else", title=f"Scorer right, {title}")
        for group in groups:
            then = [_share(earlier[group.side, group.name])] if before else []
            undecided = sum(score.verdict == "undecided" for score in group.scores)
            rest = sum(not score.counts for score in group.scores) - undecided
            row = (group.name, group.side, *then, _share(group.scores), str(undecided), str(rest))
            table.add_row(*row)
        console.print(table)
    moved = [score for score in found if score.kind in _BRANCHES and score.counts]
    unseen = {(score.row, score.section) for score in moved if not score.right}
    branching = {(score.row, score.section) for score in moved}
    console.print(f"{len(unseen)} of {len(branching)} modules have a branch that no input takes")
    if survivors:
        for score in found:
            if score.counts and not score.right:
                console.print(_tell(score), soft_wrap=True, markup=False, highlight=False)


def _tell(score: Score) -> str:
    where = f"row {score.row} {score.category} {score.section}: {score.kind} ({score.number})"
    if score.side == "rewrite":
        return f"{where}: {score.rung}: {score.reason}"
    return f"{where}: off by {score.size:.2g} of the result, on {score.inputs} of 40 inputs"


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--rows", type=int, default=200)
    making.add_argument("--seed", type=int, default=0)
    making.add_argument("--section", choices=("forward", "backward", "both"), default="both")
    making.add_argument("--kinds", nargs="+", help="names of kinds; all by default")
    making.add_argument("--share", type=float, default=1.0, help="of the kinds, for each module")
    making.add_argument("--half", action="store_true", help="only rows with 16-bit floats")
    making.add_argument("--minutes", type=float, default=float("inf"))
    scoring = commands.add_parser("score")
    scoring.add_argument("corpus", type=Path)
    scoring.add_argument("--csv", type=Path, help="writes every verdict")
    scoring.add_argument("--before", type=Path, help="such a file of an earlier version")
    scoring.add_argument("--survivors", action="store_true", help="lists what is judged wrongly")
    given = parser.parse_args()
    if given.command == "make":
        both = ("forward", "backward")
        sections = both if given.section == "both" else (given.section,)
        make(
            given.folder,
            given.rows,
            given.seed,
            sections,
            given.kinds,
            given.share,
            given.half,
            given.minutes,
        )
        return
    found = list(scores(given.corpus))
    if given.csv:
        write_csv(given.csv, found)
    report(found, read_csv(given.before) if given.before else [], given.survivors)


if __name__ == "__main__":
    main()
