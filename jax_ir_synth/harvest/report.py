"""Counts what a harvest has found: a table by package, the reasons, and all of it as JSON."""

import collections
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from jax_ir_synth.harvest.run import DUPLICATE, Harvest, Tried
from jax_ir_synth.harvest.scanning import Scan
from jax_ir_synth.harvest.stages import CALLED, CUT, FOUND, PROVEN, STAGES
from jax_ir_synth.terminal.console import plain_console, printable

# What differs between reasons of one kind: names, texts, numbers, types.
_MASKS = (
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "…"),
    (re.compile(r"\b\d[\w.]*\b"), "N"),
    (re.compile(r"\b\w+\[[\dN,]*\]"), "array"),
)
_MOST_REASONS = 15
_WIDTH = 128
# The columns of what is left out, by the stage that was the last one.
_LEFT_OUT = {FOUND: "no call", CALLED: "not cut out", CUT: "not lowered", DUPLICATE: "duplicate"}


class Counts(NamedTuple):
    """The counts of a package; `left_out` is by the keys of `_LEFT_OUT`."""

    name: str
    version: str
    license: str
    modules: int
    unimported: int
    examples: int
    found: int
    called: int
    recorded: int
    cut: int
    lowered: int
    proven: int
    rows: int
    left_out: dict[str, int]
    minutes: float


def count(harvest: Harvest) -> list[Counts]:
    """Count each package of a harvest."""
    tried: dict[str, list[Tried]] = collections.defaultdict(list)
    for each in harvest.tried:
        tried[each.package.name + "\0" + each.package.module].append(each)
    return [
        _count(package.name, package.version, package.license, scan,
               tried[package.name + "\0" + package.module])
        for package, scan in harvest.scans
    ]  # fmt: skip


def _count(
    name: str, version: str, license: str, scan: Scan | None, tried: Sequence[Tried]
) -> Counts:
    reached = collections.Counter(STAGES.index(each.stage) for each in tried)

    def at_least(stage: str) -> int:
        first = STAGES.index(stage)
        return sum(number for place, number in reached.items() if place >= first)

    left_out = collections.Counter(each.left_out for each in tried if each.left_out is not None)
    called = [each for each in tried if STAGES.index(each.stage) >= STAGES.index(CALLED)]
    seconds = sum(each.seconds for each in tried) + (0.0 if scan is None else scan.seconds)
    return Counts(
        name,
        version,
        license,
        modules=0 if scan is None else len(scan.modules),
        unimported=0 if scan is None else len(scan.unimported),
        examples=0 if scan is None else scan.examples,
        found=len(tried),
        called=len(called),
        recorded=sum(each.how == "recorded" for each in called),
        cut=at_least(CUT),
        lowered=at_least("lowered"),
        proven=at_least(PROVEN),
        rows=sum(each.row is not None for each in tried),
        left_out={kind: left_out[kind] for kind in _LEFT_OUT},
        minutes=round(seconds / 60, 2),
    )


def mask_reason(reason: str) -> str:
    """Take the names and numbers out of a reason, so that reasons of one kind are equal."""
    for pattern, mask in _MASKS:
        reason = pattern.sub(mask, reason)
    return reason[:90]


def common_reasons(harvest: Harvest) -> list[tuple[str, str, int]]:
    """List the kinds of reasons, with the stage that they stopped, the most frequent first."""
    counts = collections.Counter(
        (each.stage, mask_reason(each.reason)) for each in harvest.tried if each.reason
    )
    return [(stage, reason, number) for (stage, reason), number in counts.most_common()]


def to_json(harvest: Harvest) -> dict[str, Any]:
    """Give all counts as JSON."""
    packages = [counts._asdict() for counts in count(harvest)]
    reasons = [
        {"stage": stage, "reason": reason, "functions": number}
        for stage, reason, number in common_reasons(harvest)
    ]
    return {"packages": packages, "total": _total(count(harvest))._asdict(), "reasons": reasons}


def show(harvest: Harvest, output: str) -> None:
    """Print the table by package, and the most frequent reasons."""
    console = plain_console()
    # A table of this width can be read where it wraps, and one with narrow columns can't.
    console.width = max(console.width, _WIDTH)
    table = Table(
        title=printable(output),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("package")
    names = ("found", "called", "self-contained", "lowered", "proven", "rows")
    for name in (*names, *_LEFT_OUT.values(), "minutes"):
        table.add_column(name, justify="right")
    counts = count(harvest)
    for each in (*counts, _total(counts)):
        if each.name == "all" and each.version == "":
            table.add_section()
        numbers = (each.found, each.called, each.cut, each.lowered, each.proven, each.rows)
        cells = (*numbers, *each.left_out.values(), f"{each.minutes:.1f}")
        table.add_row(printable(f"{each.name} {each.version}".strip()), *map(str, cells))
    console.print(table, soft_wrap=True)
    for package, scan in harvest.scans:
        if scan is None:
            line = f"{package.name}: left out, its license is {package.license}"
            console.print(printable(line), soft_wrap=True)
    reasons = common_reasons(harvest)
    if reasons:
        console.print("the most frequent reasons:")
        for stage, reason, number in reasons[:_MOST_REASONS]:
            console.print(printable(f"{number:6} {stage}: {reason}"), soft_wrap=True)


def _total(counts: Sequence[Counts]) -> Counts:
    numbers = {
        name: sum(getattr(each, name) for each in counts)
        for name in Counts._fields
        if name not in ("name", "version", "license", "left_out", "minutes")
    }
    left_out = {kind: sum(each.left_out[kind] for each in counts) for kind in _LEFT_OUT}
    minutes = round(sum(each.minutes for each in counts), 2)
    return Counts("all", "", "", left_out=left_out, minutes=minutes, **numbers)
