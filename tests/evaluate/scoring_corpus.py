"""A corpus of rewrites and mutants with XLA's verdicts: made once, slowly, and scored often.

A file holds rows as JSON lines, gzipped: of each a line with the row and the section that is asked
for, followed by a line for each text that was made of that module.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import answer_mutants
import numpy as np
import rewrites
from equivalence import Judge, Verdict
from variants import Kind, Original

from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.storage.atomic_write import atomic_write

REWRITE, MUTANT = "rewrite", "mutant"
SECTIONS = ("forward", "backward")
KINDS: dict[str, Sequence[Kind]] = {REWRITE: rewrites.REWRITES, MUTANT: answer_mutants.MUTANTS}


class Variant(NamedTuple):
    """A text made of a right one.

    Attributes:
      side: `REWRITE` or `MUTANT`, what it was made to be.
      kind: the name of what made it.
      text: of the module.
      verdict: what XLA says.
    """

    side: str
    kind: str
    text: str
    verdict: Verdict


class Group(NamedTuple):
    """The variants of a section of a row."""

    row: dict[str, Any]
    section: str
    variants: list[Variant]


def make_group(
    row: dict[str, Any],
    section: str,
    judge: Judge,
    seed: int,
    kinds: Iterable[str] | None = None,
    share: float = 1.0,
) -> Group:
    """Makes variants of a row's section and has them judged.

    Args:
      row: of the dataset, with a column for the CPU.
      section: one of `SECTIONS`.
      judge: XLA.
      seed: of what is random about them.
      kinds: names of kinds; all by default.
      share: of these kinds, drawn for each section anew.

    Raises:
      XlaError: XLA doesn't run the row itself.
    """
    original = Original(getattr(read_section(row["cpp"]), section), row, section)
    variants, seen = [], set()
    for side, table in KINDS.items():
        for kind in table:
            if kinds is not None and kind.name not in kinds:
                continue
            # A kind's places don't depend on which others are made.
            key = zlib.crc32(f"{section} {kind.name}".encode())
            rng = np.random.default_rng([seed, row["id"], key])
            if rng.random() >= share:
                continue
            for text in kind.texts(original, rng):
                if text not in seen:
                    seen.add(text)
                    verdict = judge.compare(original.text, row["in_avals"], text)
                    variants.append(Variant(side, kind.name, text, verdict))
    return Group(row, section, variants)


def write(path: Path, groups: Iterable[Group]) -> None:
    """Writes a file, complete or not at all."""
    lines = []
    for group in groups:
        lines.append({"row": group.row, "section": group.section})
        lines += [
            {**variant._asdict(), "verdict": variant.verdict._asdict()}
            for variant in group.variants
        ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    with atomic_write(path) as partial:
        # Without the time, so that the same groups are the same bytes.
        Path(partial).write_bytes(gzip.compress(text.encode(), mtime=0))


def read(path: Path) -> Iterator[Group]:
    """The groups of a file, or of all files of a folder in the order of their names."""
    paths = sorted(path.glob("*.jsonl.gz")) if path.is_dir() else [path]
    for each in paths:
        with gzip.open(each, "rt", encoding="utf-8") as lines:
            yield from _groups(map(json.loads, lines))


def _groups(lines: Iterable[dict[str, Any]]) -> Iterator[Group]:
    group = None
    for line in lines:
        if "row" in line:
            if group is not None:
                yield group
            group = Group(line["row"], line["section"], [])
        else:
            assert group is not None, "a variant must follow its row"
            group.variants.append(Variant(**{**line, "verdict": Verdict(**line["verdict"])}))
    if group is not None:
        yield group
