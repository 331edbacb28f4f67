"""Gathers the facts for the card of functions that people wrote, and writes its text."""

import collections
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.filling import describe_columns, render
from jax_ir_synth.card.metadata import find_size
from jax_ir_synth.request.categories import KINDS
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.schema.verification import UNPROVEN
from jax_ir_synth.storage.dataset_reader import Source, open_saved
from jax_ir_synth.storage.repository.layout import TAG

if TYPE_CHECKING:
    import pyarrow

TEMPLATE = "collected.md"
PRETTY_NAME = "JAX IR of functions that people wrote"
# The lines of Python of the row that a card shows in full; of such rows, that with the shortest IR.
_SHOWN_LINES = range(4, 25)
# SPDX expressions that the Hub has words of its own for, which are these in lower case.
_LICENSES = frozenset(("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"))


class Group(NamedTuple):
    """The rows of one kind, package and license.

    Attributes:
      kind: The category of the rows.
      package: The package with its version; empty if the rows don't say.
      license: Its license, likewise.
    """

    kind: str
    package: str
    license: str


class CollectedFacts(NamedTuple):
    """The facts that the card states.

    Attributes:
      summary: See `stats.figures.Figures.summary`.
      shown: The row to show in full.
      splits: By subset and then split, the number of rows.
      groups: For each group the numbers of rows, of those with a gradient, and of those proven.
      schema: The columns of the rows.
    """

    summary: dict[str, Any]
    shown: RowView
    splits: dict[str, dict[str, int]]
    groups: dict[Group, list[int]]
    schema: "pyarrow.Schema"


def gather(saved: Path | Source) -> CollectedFacts:
    """Read a saved dataset, whose rows must be consistent.

    Args:
      saved: The dataset; see `dataset_reader.open_saved`.

    Raises:
      CardError: A row is inconsistent, or repeats another one.
      DatasetError: There is no dataset.
    """
    from jax_ir_synth.schema.columns import choose_schema
    from jax_ir_synth.stats.figures import Figures
    from jax_ir_synth.terminal.progress import progress

    opened = open_saved(saved)
    figures = Figures()
    shown: RowView | None = None
    places: collections.Counter[tuple[str, str]] = collections.Counter()
    groups: dict[Group, list[int]] = {}
    columns: set[str] = set()
    for row, _ in progress(opened.rows, opened.count):
        view = RowView(row)
        figures.add(view)
        if figures.faults:
            fault = figures.faults[0]
            raise CardError(f"row {fault.id} breaks a promise ({fault.check}): {fault.reason}")
        columns |= row.keys()
        shown = min((shown or view, view), key=_unfit)
        places[view.category, view.split] += 1
        counts = groups.setdefault(_find_group(view), [0, 0, 0])
        is_proven = not row["verified"].startswith(UNPROVEN) and row["verified"] != "none"
        for number, counted in enumerate((True, bool(row["argnums"]), is_proven)):
            counts[number] += counted
    if shown is None:
        raise CardError(f"`DATASET` (={saved}) holds no row")
    kinds = [kind for kind in KINDS if any(kind == place for place, _ in places)]
    return CollectedFacts(
        figures.summary(),
        shown,
        {
            kind: {split: places[kind, split] for split in SPLITS if places[kind, split]}
            for kind in kinds
        },
        dict(sorted(groups.items())),
        choose_schema(columns),
    )


def _find_group(view: RowView) -> Group:
    named = f"{view.row.get('package') or ''} {view.row.get('version') or ''}".strip()
    return Group(view.category, named, view.row.get("license") or "")


def _unfit(view: RowView) -> tuple[bool, bool, bool, int, int]:
    """Sort rows by how well they are shown in full: a proven one with a gradient, and short."""
    row = view.row
    return (
        not row["argnums"],
        row["verified"].startswith(UNPROVEN),
        view.facts.lines not in _SHOWN_LINES,
        len(view.ir.forward) + len(view.ir.backward),
        row["id"],
    )


def make_metadata(facts: CollectedFacts) -> dict[str, Any]:
    """Make all keys of the YAML except those of the data files; see `metadata.general`."""
    licenses = {group.license for group in facts.groups}
    known = sorted(each.lower() for each in licenses & _LICENSES)
    synthesized = any(kind not in ("own", "real") for kind in facts.splits)
    return {
        "pretty_name": PRETTY_NAME,
        "license": known if known and licenses <= _LICENSES else "other",
        "language": ["en", "code"],
        "multilinguality": ["monolingual"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["found", *(["machine-generated"] if synthesized else [])],
        "source_datasets": ["original"],
        "task_categories": ["text-generation"],
        "size_categories": [find_size(facts.summary["rows"])],
        "tags": [TAG, "jax", "xla", "stablehlo", "mlir", "compiler", "compiler-ir", "code"],
    }


def fill(facts: CollectedFacts, metadata: Mapping[str, Any], repo: str | None) -> str:
    """Write the complete README.md.

    Args:
      facts: The facts about the rows.
      metadata: The complete YAML.
      repo: The repository on the Hub, if there is one.

    Raises:
      CardError: The text has a gap.
    """
    from jax_ir_synth.schema.ir_section import write_sections
    from jax_ir_synth.stats import tables

    template = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    summary, shown = facts.summary, facts.shown
    fields = {
        "title": PRETTY_NAME,
        "repo": repo,
        "rows": summary["rows"],
        "gradients": sum(counts[1] for counts in facts.groups.values()),
        "proven": sum(counts[2] for counts in facts.groups.values()),
        "groups": [(*group, *counts) for group, counts in facts.groups.items()],
        "configs": facts.splits,
        "splits": SPLITS,
        "shown": shown,
        "column": next(iter(shown.texts)),
        "shown_ir": write_sections(shown.ir),
        "columns": describe_columns(facts.schema),
        "verified": _sort_counts(summary["verified"]),
        "figures": tables.format_main_figures(summary),
    }
    return render(template, fields, metadata)


def _sort_counts(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
