"""Mutants of a row: its IR changed in one place, in the ways in which a writer of IR goes wrong."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from edits import EDITS, edited

from jax_ir_synth.schema.ir_section import read_section, write_sections


class Mutant(NamedTuple):
    """A row with a wrong IR; `column` is one in which the `sections` are changed."""

    kind: str
    what: str
    row: dict
    column: str
    sections: tuple[str, ...]


def mutants(
    row: dict, rng: np.random.Generator, others: Iterable[dict], kinds: Iterable[str] | None = None
) -> Iterator[Mutant]:
    """One mutant for each kind (all by default, in an order drawn by `rng`) for which the row has a place.

    Each is valid MLIR and its text is not the row's. `others` are the rows of the same signature.
    Where a section is the same text in both columns, both are changed.
    """
    kinds = KINDS if kinds is None else list(kinds)
    for kind in (kinds[k] for k in rng.permutation(len(kinds))):
        mutant = _WHOLE[kind](row, rng, others) if kind in _WHOLE else _one_place(row, kind, rng)
        if mutant is not None:
            yield mutant


def signature(row: dict) -> tuple:
    """What two rows must share for one's IR to fit the other's arguments and results."""
    text = next(row[c] for c in ("cpp", "cuda") if row[c] is not None)
    results = [re.findall(r"tensor<[^>]*>", line) for line in re.findall(r"@main\(.*", text)]
    return tuple(tuple(types) for types in results), tuple(row["argnums"])


def _one_place(row: dict, kind: str, rng) -> Mutant | None:
    columns = {c: read_section(row[c]) for c in ("cpp", "cuda") if row[c] is not None}
    for section in (("forward", "backward")[k] for k in rng.permutation(2)):
        # Where the columns differ, a CPU must be able to run what is changed.
        texts = {c: getattr(column, section) for c, column in columns.items()}
        free = [c for c in texts if c == "cpp" or "custom_call" not in texts[c]]
        name = free[rng.integers(len(free))]
        text = edited(texts[name], kind, rng)
        if text is not None:
            alike = {
                c: columns[c]._replace(**{section: text}) for c in texts if texts[c] == texts[name]
            }
            what = f"{section}: {_change(texts[name], text)}"
            return Mutant(kind, what, {**row, **_written(alike)}, name, (section,))
    return None


def _swapped_sections(row: dict, rng, others) -> Mutant:
    section, source = [("forward", "backward"), ("backward", "forward")][rng.integers(2)]
    columns = {c: read_section(row[c]) for c in ("cpp", "cuda") if row[c] is not None}
    changed = {c: column._replace(**{section: _renamed(getattr(column, source), getattr(column, section))})
               for c, column in columns.items()}  # fmt: skip
    what = f"the {source} module as {section}"
    return Mutant(
        "forward for backward", what, {**row, **_written(changed)}, next(iter(columns)), (section,)
    )


def _other_row(row: dict, rng, others) -> Mutant | None:
    others = [other for other in others if other["id"] != row["id"]]
    if not others:
        return None
    other = others[rng.integers(len(others))]
    sections = (("forward",), ("backward",), ("forward", "backward"))[rng.integers(3)]
    columns = {}
    for c in ("cpp", "cuda"):
        if row[c] is not None:
            ours, theirs = read_section(row[c]), read_section(other[c])
            columns[c] = ours._replace(
                **{s: _renamed(getattr(theirs, s), getattr(ours, s)) for s in sections}
            )
    what = f"{' and '.join(sections)} of {other['kernel_name']} (id {other['id']})"
    return Mutant(
        "another row's", what, {**row, **_written(columns)}, next(iter(columns)), sections
    )


_WHOLE = {"forward for backward": _swapped_sections, "another row's": _other_row}
KINDS = [*EDITS, *_WHOLE]


def _change(before: str, after: str) -> str:
    """The first line that differs, as it was and as it is."""
    pairs = zip(before.split("\n"), after.split("\n"), strict=False)
    return next(f"{a.strip()}  becomes  {b.strip()}" for a, b in pairs if a != b)


def _renamed(module: str, like: str) -> str:
    """The module's text under the other's name."""
    return re.sub(r"@\w+", re.search(r"@\w+", like)[0], module, count=1)


def _written(columns: dict) -> dict[str, str]:
    return {name: write_sections(column) for name, column in columns.items()}
