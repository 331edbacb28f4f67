"""Stage 1: draws candidates, a range of one category at a time, and saves them for the plan."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.plan import Drawn, draw_candidate
from jax_ir_synth.scale import records
from jax_ir_synth.storage import atomic_write

FOLDER = "draws"
# Stands for a candidate that can't be drawn; no candidate has these hashes by chance.
_UNDRAWN = (2**64 - 1, 2**64 - 1)


class Range(NamedTuple):
    """Candidates number `start` to `stop` - 1 of a category."""

    category: str
    start: int
    stop: int


def path(folder: Path, part: Range) -> Path:
    """Return the path of a range's file."""
    return folder / FOLDER / f"{part.category}-{part.start:012d}-{part.stop:012d}.npy"


def draw(folder: Path, seed: int, part: Range) -> None:
    """Draw a range and write its file: uint64, a line for each candidate; see `plan.Drawn`.

    Candidates that can't be drawn are first recorded in a file beside it.
    """
    found = [
        draw_candidate(part.category, seed, candidate) for candidate in range(part.start, part.stop)
    ]
    records.write(_record(folder, part), [each for each in found if isinstance(each, Defect)])
    hashes = [_UNDRAWN if isinstance(each, Defect) else each for each in found]
    with atomic_write.atomic_write(path(folder, part)) as partial, open(partial, "wb") as file:
        np.save(file, np.array(hashes, np.uint64))


def load(folder: Path, part: Range) -> list[Drawn | Defect] | None:
    """Load the candidates of a range; None if the file is missing or damaged."""
    try:
        hashes = np.load(path(folder, part))
    except (FileNotFoundError, EOFError, ValueError):
        return None
    if hashes.shape != (part.stop - part.start, 2):
        return None
    undrawn = {defect.candidate: defect for defect in records.read(_record(folder, part))}
    return [
        undrawn[candidate] if tuple(each) == _UNDRAWN else Drawn(*each)
        for candidate, each in enumerate(hashes.tolist(), part.start)
    ]


def _record(folder: Path, part: Range) -> Path:
    return path(folder, part).with_suffix(".jsonl")
