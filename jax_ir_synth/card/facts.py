"""Gathers the facts for a card in one pass over a saved dataset."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.generate.plan import places
from jax_ir_synth.request import choices, targets
from jax_ir_synth.request.categories import CATEGORIES, KINDS
from jax_ir_synth.request.config import ALL, Request
from jax_ir_synth.schema.ir_section import describe_missing_stablehlo
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.schema.verification import UNVERIFIED
from jax_ir_synth.show.parts import COLUMNS_OF_DEVICE
from jax_ir_synth.show.samples import Chooser, require_columns
from jax_ir_synth.storage.dataset_reader import DatasetError, Source, open_saved

# The lines of Python of the row that a card shows in full; of such rows, that with the shortest IR.
_SHOWN_LINES = range(4, 9)
_CALLED = re.compile(r"custom_call @([\w.$-]+)")


class Facts(NamedTuple):
    """All facts about the rows that a card states.

    Attributes:
      request: the request that gives these rows; only its seed can't be read from them.
      summary: see `stats.figures.Figures.summary`.
      shown: the row to show in full.
      samples: one row of each category.
      lines: by category, each row's lines of Python.
      sizes: by category and then `forward` or `backward`, bytes of the first device's StableHLO.
      sides: by operation and column, the number of rows in which only that column's text has it.
      categories: each row's category, by its id.
      skeletons: each row's skeleton_hash, by its id, including rows that the card doesn't describe.
      splits: by subset and then split, the number of rows, for the subsets that the card describes.
    """

    request: Request
    summary: dict[str, Any]
    shown: RowView
    samples: dict[str, RowView]
    lines: dict[str, list[int]]
    sizes: dict[str, dict[str, list[int]]]
    sides: dict[str, dict[str, int]]
    categories: dict[int, str]
    skeletons: dict[int, str]
    splits: dict[str, dict[str, int]]


def gather(path: Path | Source, seed: int, subsets: Collection[str] | None = None) -> Facts:
    """Read a saved dataset.

    The rows must be complete, keep the project's promises (see `audit`), have StableHLO for the
    same devices, and be all of a config's first rows, in any order.

    Args:
      path: see `dataset_reader.open_saved`.
      seed: the rows' seed, which isn't checked here.
      subsets: the subsets that the card describes, by default all. Only their rows are counted.

    Raises:
      DatasetError: there is no dataset at `path`.
      CardError: its rows can't be described; one line.
      ValueError: `seed` is out of range.
    """
    from jax_ir_synth.terminal.progress import progress

    saved = open_saved(path)
    if not saved.count:
        raise CardError(f"`DATASET` (={path}) holds no row")
    gathered = _Gathered(subsets)
    for row, split in progress(saved.rows, saved.count):
        try:
            gathered.add(RowView(require_columns(row), split))
        except (ValueError, SyntaxError) as error:
            if isinstance(error, CardError):
                raise
            raise CardError(f"`DATASET` (={path}) has a malformed row: {error}") from error
    return gathered.facts(seed)


class _Gathered:
    def __init__(self, subsets: Collection[str] | None):
        from jax_ir_synth.stats.figures import Figures

        self._subsets = subsets
        self._figures = Figures()
        self._chooser = Chooser()
        self._shown: RowView | None = None
        self._lines: dict[str, list[int]] = defaultdict(list)
        self._sizes: dict[str, dict[str, list[int]]] = defaultdict(
            lambda: {"forward": [], "backward": []}
        )
        self._sides: dict[str, Counter[str]] = defaultdict(Counter)
        self._categories: dict[int, str] = {}
        self._skeletons: dict[int, str] = {}
        self._split_rows: Counter[tuple[str, str]] = Counter()
        # The same for all rows.
        self._kind: _Kind | None = None

    def add(self, view: RowView) -> None:
        row = view.row
        number = row["id"]
        if not view.texts:
            raise CardError(f"row {number} has neither {' nor '.join(IR_COLUMNS)}")
        if len(view.columns) < len(view.texts):
            lacking = next(name for name in view.texts if name not in view.columns)
            have = (section.dialect for section in view.sections[lacking])
            raise CardError(describe_missing_stablehlo(have))
        kind = _kind(view)
        if kind != (self._kind or kind):
            raise CardError(
                f"row {number} has another device, dialect, target or proof, or other passes, than "
                "those before"
            )
        self._kind = kind
        category = view.category
        self._categories[number] = category
        self._skeletons[number] = row["skeleton_hash"]
        if self._subsets is None or not {ALL, category}.isdisjoint(self._subsets):
            self._describe(view)

    def _describe(self, view: RowView) -> None:
        category = view.category
        self._figures.add(view)
        if self._figures.faults:
            fault = self._figures.faults[0]
            raise CardError(f"row {fault.id} breaks a promise ({fault.check}): {fault.reason}")
        self._chooser.add(view)
        self._shown = min((self._shown or view, view), key=_unfit)
        self._lines[category].append(view.facts.lines)
        for part, sizes in self._sizes[category].items():
            sizes.append(len(getattr(view.ir, part).encode()))
        if view.differs:
            self._add_sides(view)
        self._split_rows[category, view.split] += 1

    def _add_sides(self, view: RowView) -> None:
        from jax_ir_synth.lowering import op_counts

        found = {}
        for name, column in view.columns.items():
            text = f"{column.forward}\n{column.backward}"
            called = {f"custom_call @{target}" for target in _CALLED.findall(text)}
            found[name] = (
                op_counts.count_operations(text).keys() - {"stablehlo.custom_call"} | called
            )
        for name, other in (("cpp", "cuda"), ("cuda", "cpp")):
            for operation in found[name] - found[other]:
                self._sides[operation][name] += 1

    def facts(self, seed: int) -> Facts:
        """Return the facts that were gathered, for rows of this seed."""
        if self._shown is None or self._kind is None:
            raise CardError(f"no row is of {', '.join(self._subsets or (ALL,))}")
        present = [category for category in KINDS if category in self._lines]
        return Facts(
            request=self._request(seed, self._kind),
            summary=self._figures.summary(),
            shown=self._shown,
            samples=self._chooser.choose(),
            lines={category: sorted(self._lines[category]) for category in present},
            sizes={
                category: {part: sorted(sizes) for part, sizes in self._sizes[category].items()}
                for category in present
            },
            sides={
                operation: {name: self._sides[operation][name] for name in IR_COLUMNS}
                for operation in sorted(self._sides)
            },
            categories={
                id: category for id, category in self._categories.items() if category in present
            },
            skeletons=self._skeletons,
            splits=self._splits(present),
        )

    def _request(self, seed: int, kind: "_Kind") -> Request:
        present = set(self._categories.values())
        category = min(present) if len(present) == 1 else ALL
        last = max(self._categories)
        request = Request(
            category=category,
            seed=seed,
            # Up to the last row. Missing rows before it must have been left out, which
            # `drawing.Redrawn` checks.
            count=1 + (last if category == ALL else last // len(CATEGORIES)),
            **kind._asdict(),
        )
        planned = {place.id: place.category for place in places(request)}
        for number in sorted(self._categories):
            if planned.get(number) != self._categories[number]:
                raise CardError(
                    f"the rows are not the first {request.count} of the config "
                    f"{request.category}: row {number} should be "
                    f"{_place(planned.get(number))}, and is {_place(self._categories[number])}"
                )
        return request

    def _splits(self, present: list[str]) -> dict[str, dict[str, int]]:
        configs = {category: [category] for category in present}
        if len(present) > 1:
            configs = {ALL: present, **configs}
        if self._subsets is not None:
            configs = {name: parts for name, parts in configs.items() if name in self._subsets}
        return {
            config: {
                split: sum(self._split_rows[part, split] for part in parts)
                for split in SPLITS
                if any(self._split_rows[part, split] for part in parts)
            }
            for config, parts in configs.items()
        }


class _Kind(NamedTuple):
    """The part of a request that follows from a row's headers, and from whether it is verified."""

    device: str
    dialect: str | tuple[str, ...]
    target: str | tuple[str, ...] | None
    verify: bool
    passes: tuple[str, ...]


def _kind(view: RowView) -> _Kind:
    filled = tuple(view.texts)
    device = next(name for name, columns in COLUMNS_OF_DEVICE.items() if columns == filled)
    sections = view.sections.values()
    dialects = choices.pack_names([section.dialect for section in next(iter(sections))])
    # Each row has StableHLO, see `add`.
    assert dialects is not None
    named = {
        re.split("[+:]", section.target)[0]
        for part in sections
        for section in part
        if section.target
    }
    return _Kind(
        device,
        dialects,
        choices.pack_names(tuple(name for name in targets.TARGETS if name in named)),
        view.row["verified"] != UNVERIFIED,
        tuple(next(iter(sections))[0].passes),
    )


def _unfit(view: RowView) -> tuple[bool, int, int]:
    """Rank a row by how unsuitable it is to be shown in full."""
    return (
        view.facts.lines not in _SHOWN_LINES,
        len(next(iter(view.texts.values()))),
        view.row["id"],
    )


def _place(category: str | None) -> str:
    return "missing" if category is None else f"of {category}"


def read_rows(path: Path | Source, ids: list[int]) -> list[dict[str, Any]]:
    """Read the saved rows with these ids, in this order.

    Raises:
      DatasetError: a row has disappeared meanwhile.
    """
    wanted = set(ids)
    found = {row["id"]: row for row, _ in open_saved(path).rows if row["id"] in wanted}
    missing = wanted - found.keys()
    if missing:
        raise DatasetError(f"`DATASET` (={path}) has no row {min(missing)} any more")
    return [found[number] for number in ids]
