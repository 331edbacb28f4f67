"""Defines the result of an evaluation: typed figures for all rows and for parts of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

# The bins by nonblank lines of Python, with first and last. They are fixed rather than quantiles of
# a dataset, so that a bin is the same in every report. Half of the rows have up to 5 lines.
LINE_BINS = ((1, 4), (5, 8), (9, 12), (13, 16), (17, None))


class Figures(NamedTuple):
    """The figures for some rows. Each row counts once, however many completions it has.

    Attributes:
      rows: the number of rows.
      completions: the number of their completions.
      ladder: each rung's share, by `judgement.RUNGS`: the mean over rows of the share of the row's
        completions. So the share of `pass` is pass@1. A row that counts as a failure because it
        has no completion is at the first rung, `no_code`.
      exact, renamed: the shares that match, averaged likewise; see `judgement.Judgement`.
      similarity: the texts' similarity, averaged likewise.
      pass_at: k → pass@k; see `estimates.pass_at_k`.
      intervals: k → the 95 % interval of pass@k; see `estimates.interval`.
    """

    rows: int
    completions: int
    ladder: dict[str, float]
    exact: float
    renamed: float
    similarity: float
    pass_at: dict[int, float]
    intervals: dict[int, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values; see `Report.to_json`."""
        return {
            **{f"pass@{k}": value for k, value in self.pass_at.items()},
            "intervals": {f"pass@{k}": list(ends) for k, ends in self.intervals.items()},
            "ladder": dict(self.ladder),
            "exact": self.exact,
            "renamed": self.renamed,
            "similarity": self.similarity,
            "rows": self.rows,
            "completions": self.completions,
        }


class UnjudgedCompletion(NamedTuple):
    """A completion that couldn't be judged.

    Attributes:
      id: the row's id.
      sample: the number of the row's completion, from 0; None for a row without a completion.
      reason: why, in one line.
    """

    id: int
    sample: int | None
    reason: str


class Unjudged(NamedTuple):
    """What couldn't be judged, by no fault of the model.

    A row with such a completion is in no figure, with none of its completions: its right answers
    are lost, so its wrong ones must not count either.

    Attributes:
      rows: the number of these rows.
      completions: the number of completions that couldn't be judged.
      first: of each of the first few of these rows, the first such completion.
    """

    rows: int = 0
    completions: int = 0
    first: tuple[UnjudgedCompletion, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values; see `Report.to_json`."""
        return {**self._asdict(), "first": [each._asdict() for each in self.first]}

    def describe(self) -> list[str]:
        """Describe them in lines, a few reasons at most; none if all was judged."""
        if not self.rows:
            return []
        completions = f"{self.completions:,} completion{'s' * (self.completions != 1)}"
        rows = "1 row is" if self.rows == 1 else f"{self.rows:,} rows are"
        lines = [f"{completions} can't be judged, and {rows} left out"]
        for id, sample, reason in self.first:
            which = "" if sample is None else f", completion {sample}"
            lines.append(f"  row {id}{which}: {reason}")
        if self.rows > len(self.first):
            lines.append("  ...")
        return lines


@dataclasses.dataclass(frozen=True)
class Setting:
    """Everything except the completions on which a result depends.

    Results with equal settings can be compared.

    Attributes:
      task: the task's name.
      dataset: the dataset's title, the split (None for all), the numbers of `selection.Counts`, and
        `digest`, the SHA-256 of the rows as asked, which is the same in any container.
      missing: how rows without a prediction were treated, `leave-out` or `fail`.
      take: which of several modules in a completion counted, `first` or `last`.
      limits: `seconds` and `gigabytes` for one completion.
      bootstrap: `seed`, `resamples` and `confidence` of the intervals.
      versions: the versions of this package and of the libraries that judge, and as `sources` the
        SHA-256 of this package's files.
    """

    task: str
    dataset: Mapping[str, Any]
    missing: str
    take: str
    limits: Mapping[str, float]
    bootstrap: Mapping[str, float]
    versions: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of an evaluation.

    Attributes:
      overall: the figures for all scored rows.
      by_category, by_split, by_lines: the figures for each category, split, and bin of source
        length (`LINE_BINS`, as `5-8`) that has rows.
      setting: the setting of the evaluation.
      unjudged: the completions that are in no figure, since they couldn't be judged.
    """

    overall: Figures
    by_category: dict[str, Figures]
    by_split: dict[str, Figures]
    by_lines: dict[str, Figures]
    setting: Setting
    unjudged: Unjudged = Unjudged()

    def __getitem__(self, name: str) -> float:
        """`report["pass@1"]`, or any other number for all rows that `to_json` has."""
        return float(self.overall.to_json()[name])

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values that JSON can write.

        The top level has the figures for all rows: `pass@1` and so on (a number each), `intervals`
        (`pass@1` → [low, high]), `ladder` (rung → share), `exact`, `renamed`, `similarity`, `rows`,
        `completions`. `by_category`, `by_split` and `by_lines` have the same by name. `setting` has
        the fields of `Setting`, and `unjudged` those of `Unjudged`.
        """
        parts = {
            name: {key: figures.to_json() for key, figures in getattr(self, name).items()}
            for name in ("by_category", "by_split", "by_lines")
        }
        rest = {"setting": dataclasses.asdict(self.setting), "unjudged": self.unjudged.to_json()}
        return self.overall.to_json() | parts | rest


def find_bin(lines: int) -> str:
    """Find the name of the bin for a source of so many lines."""
    return next(name_bin(low, high) for low, high in LINE_BINS if high is None or lines <= high)


def name_bin(low: int, high: int | None) -> str:
    """Name one of `LINE_BINS`."""
    return f"{low}+" if high is None else f"{low}-{high}"
