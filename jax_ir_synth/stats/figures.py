"""The statistics of a dataset, collected row by row."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from jax_ir_synth.lowering import op_counts
from jax_ir_synth.request import categories
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView, digest
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.schema.verification import shorten_status
from jax_ir_synth.stats import library, survey
from jax_ir_synth.stats.audit import CHECKS, Audit, Fault
from jax_ir_synth.stats.sizes import summarize_sizes

# In what respect two rows can be equal, from the strictest to the loosest.
SAMENESS = ("python", "ir", "program_hash", "masked_python", "masked_ir", "skeleton_hash")
# Properties whose share of the rows is a figure.
TRAITS = ("several_outputs", "docstring", "annotations", "inner_function", "lambda")
# The number of faults that are stored. All are counted.
FAULTS_KEPT = 100


class Figures:
    """Collects the figures row by row. `summary` returns them as plain numbers."""

    def __init__(self) -> None:
        self._audit = Audit()
        self._faults: list[Fault] = []
        self._found = Counter(dict.fromkeys(CHECKS, 0))
        self._places: Counter[tuple[str, str]] = Counter()
        self._distinct: dict[str, set[bytes]] = {name: set() for name in SAMENESS}
        self._operations: dict[str, Counter[str]] = defaultdict(Counter)
        self._names: Counter[str] = Counter()
        self._methods: Counter[str] = Counter()
        self._numbers: dict[str, list[int]] = defaultdict(list)
        self._differ: Counter[str] = Counter()
        self._comparable: Counter[str] = Counter()
        self._traits = Counter(dict.fromkeys(TRAITS, 0))
        self._verified: Counter[str] = Counter()
        self._arguments: Counter[int] = Counter()
        self._dtypes: Counter[str] = Counter()
        self._ranks: Counter[int] = Counter()

    def add(self, view: RowView) -> None:
        """Add a row. An inconsistent row is counted only as a fault.

        Args:
          view: The row.
        """
        faults = self._audit(view)
        self._found.update(fault.check for fault in faults)
        self._faults += faults[: FAULTS_KEPT - len(self._faults)]
        if any(fault.check == "inconsistent" for fault in faults):
            return
        self._places[view.category, view.split] += 1
        self._verified[shorten_status(view.row["verified"])] += 1
        self._add_identities(view)
        self._add_ir(view)
        self._add_source(view)

    def _add_identities(self, view: RowView) -> None:
        row = view.row
        ir = "\n".join(view.texts.values())
        keys = (
            digest(row["python"]),
            digest(ir),
            digest(row["program_hash"]),
            view.masked_python,
            view.masked_ir,
            digest(row["skeleton_hash"]),
        )
        for name, key in zip(SAMENESS, keys, strict=True):
            self._distinct[name].add(key)

    def _add_ir(self, view: RowView) -> None:
        texts = view.texts
        # Where the texts agree, the first one has all operations.
        parsed = texts.values() if view.differs else list(texts.values())[:1]
        self._operations[view.category].update(
            set().union(*map(op_counts.count_operations, parsed))
        )
        for name, text in texts.items():
            self._numbers[f"{name}_bytes"].append(len(text.encode()))
        self._numbers["row_bytes"].append(view.size)
        if len(texts) == len(IR_COLUMNS):
            self._comparable[view.category] += 1
            self._differ[view.category] += view.differs
        self._traits["several_outputs"] += "several_results" in op_counts.find_features(
            view.ir.forward, view.ir.backward
        )

    def _add_source(self, view: RowView) -> None:
        facts, avals = view.facts, view.row["in_avals"]
        self._names.update(facts.names)
        self._methods.update(facts.methods)
        self._numbers["source_lines"].append(facts.lines)
        for trait in ("docstring", "annotations", "inner_function"):
            self._traits[trait] += getattr(facts, trait)
        self._traits["lambda"] += facts.lambda_
        self._arguments[len(avals)] += 1
        self._dtypes.update({aval["dtype"] for aval in avals})
        self._ranks.update({len(aval["shape"]) for aval in avals})

    def summary(self) -> dict[str, Any]:
        """Return all figures as dicts of numbers and strings, which JSON can hold.

        At least one consistent row must have been added.
        """
        rows = self._places.total()
        covered = survey.measure_coverage(self._names, self._methods)
        total: Counter[str] = sum(self._operations.values(), Counter())
        functions = library.select_functions(self._names)
        return {
            "rows": rows,
            "rows_by_category": {
                category: {split: self._places[category, split] for split in SPLITS}
                for category in self._categories()
            },
            "distinct": {name: len(keys) for name, keys in self._distinct.items()},
            "operations": dict(total.most_common()),
            "operations_by_category": {
                category: dict(self._operations[category].most_common())
                for category in self._categories()
            },
            "functions": _select_counts(self._names, functions),
            "functions_by_library": library.count_by_library(functions),
            "other_names": _select_counts(self._names, self._names.keys() - functions),
            "methods": dict(sorted(self._methods.items())),
            "survey": {
                "used": covered.used,
                "weight": covered.weight,
                "share": covered.share,
                "left_out": covered.left_out,
                "missing": {entry.name: entry.functions for entry in covered.missing},
            },
            "sizes": {name: summarize_sizes(values) for name, values in self._numbers.items()},
            "arguments": dict(sorted(self._arguments.items())),
            "cpu_cuda_differ": {
                category: {"rows": self._differ[category], "of": self._comparable[category]}
                for category in self._categories()
            },
            "traits": dict(self._traits),
            "verified": dict(self._verified.most_common()),
            "dtypes": dict(self._dtypes.most_common()),
            "ranks": dict(sorted(self._ranks.items())),
            "audit": dict(self._found),
            "faults": [fault._asdict() for fault in self._faults],
        }

    @property
    def faults(self) -> list[Fault]:
        """The first faults, at most FAULTS_KEPT."""
        return self._faults

    def _categories(self) -> list[str]:
        present = {category for category, _ in self._places}
        return [category for category in categories.KINDS if category in present]


def _select_counts(counts: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(names)}
