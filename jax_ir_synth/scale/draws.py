"""Stage 1: candidates drawn, a range of one category at a time, and what the plan needs of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jax_ir_synth import files
from jax_ir_synth.plan import drawn

FOLDER = "draws"


class Range(NamedTuple):
    """Candidates number `start` to `stop` - 1 of a category."""

    category: str
    start: int
    stop: int


def path(folder: Path, part: Range) -> Path:
    """The file of a range."""
    return folder / FOLDER / f"{part.category}-{part.start:012d}-{part.stop:012d}.npy"


def draw(folder: Path, seed: int, part: Range) -> None:
    """Draw a range and write its file: uint64, a line for each candidate, see `plan.Drawn`."""
    hashes = [drawn(part.category, seed, candidate) for candidate in range(part.start, part.stop)]
    with files.whole(path(folder, part)) as partial, open(partial, "wb") as file:
        np.save(file, np.array(hashes, np.uint64))


def load(folder: Path, part: Range) -> list[list[int]] | None:
    """What `draw` wrote; None where that is not there or is damaged."""
    try:
        hashes = np.load(path(folder, part))
    except (FileNotFoundError, EOFError, ValueError):
        return None
    return hashes.tolist() if hashes.shape == (part.stop - part.start, 2) else None
