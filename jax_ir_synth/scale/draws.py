"""Stage 1: candidates drawn, a range of one category at a time, and what the plan needs of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.plan import Drawn, draw_candidate
from jax_ir_synth.scale import records
from jax_ir_synth.storage import atomic_write

FOLDER = "draws"
# In the place of a candidate that can't be drawn; chance never makes two such hashes.
_UNDRAWN = (2**64 - 1, 2**64 - 1)


class Range(NamedTuple):
    """Candidates number `start` to `stop` - 1 of a category."""

    category: str
    start: int
    stop: int


def path(folder: Path, part: Range) -> Path:
    """The file of a range."""
    return folder / FOLDER / f"{part.category}-{part.start:012d}-{part.stop:012d}.npy"


def draw(folder: Path, seed: int, part: Range) -> None:
    """Draw a range and write its file: uint64, a line for each candidate, see `plan.Drawn`.

    What can't be drawn is recorded first, in a file beside it.
    """
    found = [
        draw_candidate(part.category, seed, candidate) for candidate in range(part.start, part.stop)
    ]
    records.write(_record(folder, part), [each for each in found if isinstance(each, Defect)])
    hashes = [_UNDRAWN if isinstance(each, Defect) else each for each in found]
    with atomic_write.atomic_write(path(folder, part)) as partial, open(partial, "wb") as file:
        np.save(file, np.array(hashes, np.uint64))


def load(folder: Path, part: Range) -> list[Drawn | Defect] | None:
    """What was drawn; None where that is not there or is damaged."""
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
