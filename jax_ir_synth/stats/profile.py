"""Collects, row by row, what two datasets are compared by."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from jax_ir_synth.schema.ir_section import STABLEHLO, read_passes
from jax_ir_synth.schema.row_view import IR_COLUMNS, digest
from jax_ir_synth.stats.divergence import Distribution
from jax_ir_synth.stats.habits import HABITS
from jax_ir_synth.stats.pairs import ModuleCounts, count_module
from jax_ir_synth.stats.separation import Sample
from jax_ir_synth.stats.sizes import list_quantiles, summarize_sizes
from jax_ir_synth.stats.sources import count_source

PASSES = ("forward", "backward")
SOURCE = "source"
# What is compared by its shares, in each part of a row.
ASPECTS = {
    **dict.fromkeys(PASSES, ("pairs", "operations", "ranks", "dtypes", "regions")),
    SOURCE: ("constructs", "functions"),
}
# What a module has or hasn't.
FEATURES = (
    "regions",
    "regions in regions",
    "a while",
    "two whiles",
    "rank 3 or more",
    "rank 4 or more",
    "ui32",
    "two transcendental operations",
)
_TRANSCENDENTAL = (
    "atan2 cbrt chlo.erf cosine exponential exponential_minus_one log log_plus_one logistic sine "
    "tan tanh"
).split()
# Why a part of a row isn't compared.
LEFT_OUT = {
    "no_ir": "rows without an IR column that can be read",
    "no_stablehlo": "rows without StableHLO",
    "one_pass": "rows with one pass only",
    "unreadable_modules": "modules that can't be read",
    "unreadable_sources": "sources that can't be read",
}


class Halves:
    """A distribution in two halves, which are compared to see what chance alone makes differ."""

    def __init__(self) -> None:
        self.parts = (Distribution(), Distribution())

    @property
    def whole(self) -> Distribution:
        """The distribution of both halves."""
        return self.parts[0] + self.parts[1]


class Profile:
    """What a dataset is compared by.

    Args:
      keep: Whether to keep each module's pairs in `samples`.

    Attributes:
      rows: The number of rows.
      dialects: The dialects of the IR columns.
      left_out: How much isn't compared, by the keys of LEFT_OUT.
      aspects: For each part and aspect in ASPECTS the distribution over rows.
      samples: For each pass its modules, if they are kept. A row without a package is a project of
        its own.
    """

    def __init__(self, keep: bool = False) -> None:
        self.rows = 0
        self.samples: dict[str, list[Sample]] = {name: [] for name in PASSES}
        self._keep = keep
        self.dialects: Counter[str] = Counter()
        self.left_out = Counter(dict.fromkeys(LEFT_OUT, 0))
        self.aspects = {
            (part, aspect): Halves() for part, aspects in ASPECTS.items() for aspect in aspects
        }
        self._sizes: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._having: dict[str, Counter[str]] = defaultdict(Counter)
        self._names: dict[str, Counter[int]] = {"arguments": Counter(), "functions": Counter()}

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row. What it lacks, or what can't be read in it, is counted in `left_out`.

        Args:
          row: Its columns. Of these, `python`, `cpp`, `cuda` and `program_hash` are read.
        """
        self.rows += 1
        half = choose_half(row)
        self._add_source(row.get("python"), half)
        modules = self._read_modules(row)
        for name, text in modules.items():
            counts = self._add_module(name, text, half)
            if self._keep and counts is not None:
                project = str(row.get("package") or f"row {self.rows}")
                self.samples[name].append(Sample(project, counts.pairs))

    def summary(self) -> dict[str, Any]:
        """Return the figures of the dataset alone, as dicts of numbers."""
        return {
            "rows": self.rows,
            "left_out": dict(self.left_out),
            **{part: self._summarize_part(part) for part in ASPECTS},
            "names": {
                name: _summarize_lengths(lengths)
                for name, lengths in self._names.items()
                if lengths
            },
        }

    def _read_modules(self, row: Mapping[str, Any]) -> dict[str, str]:
        text = next((row[name] for name in IR_COLUMNS if isinstance(row.get(name), str)), "")
        try:
            sections = read_passes(text)
        except ValueError:
            self.left_out["no_ir"] += 1
            return {}
        self.dialects.update(list(sections))
        if STABLEHLO not in sections:
            self.left_out["no_stablehlo"] += 1
            return {}
        modules = {name: sections[STABLEHLO].get(name, "") for name in PASSES}
        found = {name: module for name, module in modules.items() if module}
        self.left_out["one_pass" if found else "no_stablehlo"] += len(found) < len(PASSES)
        return found

    def _add_module(self, name: str, text: str, half: int) -> ModuleCounts | None:
        try:
            counts = count_module(text)
        except ValueError:
            self.left_out["unreadable_modules"] += 1
            return None
        for aspect in ASPECTS[name]:
            self.aspects[name, aspect].parts[half].add(getattr(counts, aspect))
        self._having[name].update(_list_features(counts))
        self._add_sizes(
            name,
            operations=counts.operations.total(),
            lines=text.count("\n") + 1,
            characters=len(text),
            nesting=counts.nesting,
        )
        return counts

    def _add_source(self, python: object, half: int) -> None:
        try:
            if not isinstance(python, str):
                raise ValueError("the column python holds no text")
            counts = count_source(python)
        except (SyntaxError, ValueError):
            self.left_out["unreadable_sources"] += 1
            return
        for aspect in ASPECTS[SOURCE]:
            self.aspects[SOURCE, aspect].parts[half].add(getattr(counts, aspect))
        self._having[SOURCE].update(counts.habits)
        self._add_sizes(
            SOURCE, lines=counts.lines, code_lines=counts.code_lines, characters=len(python)
        )
        self._names["arguments"].update(map(len, counts.arguments))
        self._names["functions"].update(map(len, counts.names))

    def _add_sizes(self, part: str, **sizes: int) -> None:
        for name, size in sizes.items():
            self._sizes[part, name].append(size)

    def _summarize_part(self, part: str) -> dict[str, Any]:
        sizes = {name: values for (there, name), values in self._sizes.items() if there == part}
        count = len(sizes.get("lines", ()))
        found: dict[str, Any] = {"sources" if part == SOURCE else "modules": count}
        found["shares"] = {
            name: self._having[part][name] / count if count else 0.0
            for name in (HABITS if part == SOURCE else FEATURES)
        }
        if sizes:
            main = "code_lines" if part == SOURCE else "operations"
            found["quantiles"] = {main: list_quantiles(sizes[main])}
        return found | {name: summarize_sizes(values) for name, values in sizes.items()}


def _list_features(counts: ModuleCounts) -> list[str]:
    """List the features that a module has, of FEATURES."""
    ranks = [int(rank) for rank in counts.ranks if rank.isdecimal()]
    rank = max(ranks, default=0)
    having = {
        "regions": counts.nesting > 0,
        "regions in regions": counts.nesting > 1,
        "a while": counts.operations["while"] > 0,
        "two whiles": counts.operations["while"] > 1,
        "rank 3 or more": rank > 2,
        "rank 4 or more": rank > 3,
        "ui32": counts.dtypes["ui32"] > 0,
        "two transcendental operations": sum(counts.operations[each] for each in _TRANSCENDENTAL)
        > 1,
    }
    return [name for name in FEATURES if having[name]]


def collect_profile(rows: Iterable[Mapping[str, Any]], keep: bool = False) -> Profile:
    """Collect the profile of rows, in any order; see `Profile` for `keep`."""
    profile = Profile(keep)
    for row in rows:
        profile.add(row)
    return profile


def choose_half(row: Mapping[str, Any]) -> int:
    """Choose the half that a row is in, 0 or 1, by its `program_hash`, or else by its source.

    So each half has the same rows in whatever order they are read, and a program is in the same
    half in all datasets.
    """
    return digest(str(row.get("program_hash") or row.get("python")))[0] & 1


def _summarize_lengths(lengths: Counter[int]) -> dict[str, float]:
    """Summarize the lengths of names, and the share of names that have one letter."""
    values = list(lengths.elements())
    return {
        "count": len(values),
        "mean": sum(values) / len(values),
        **summarize_sizes(values),
        "one_letter": lengths[1] / len(values),
    }
