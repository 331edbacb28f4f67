"""The result of an evaluation: typed figures of all rows and of each part of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

# Lines of Python (those that aren't blank) of the bins, first and last. Fixed, and not a dataset's
# quantiles, so that a bin is the same in every report; half of the rows have up to 5 lines.
LINE_BINS = ((1, 4), (5, 8), (9, 12), (13, 16), (17, None))


class Figures(NamedTuple):
    """Of some rows. A row counts as one, however many completions it has.

    Attributes:
      rows: how many.
      completions: how many they have together.
      ladder: each rung's share, by `judgement.RUNGS`: the mean over rows of the share of a row's
        completions. So that of `pass` is pass@1. A row that has failed for want of a completion is
        at the first, `no_code`.
      exact, renamed: likewise the shares that match, see `judgement.Judgement`.
      similarity: likewise the mean of the texts' similarity.
      pass_at: k → pass@k, see `estimates.pass_at_k`.
      intervals: k → the 95 % interval of pass@k, see `estimates.interval`.
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
        """As plain values; see `Report.to_json`."""
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


@dataclasses.dataclass(frozen=True)
class Setting:
    """All that a result depends on beside the completions; equal settings can be compared.

    Attributes:
      task: its name.
      dataset: its title, the split asked for (None: all), the numbers of `selection.Counts`, and
        `digest`, the SHA-256 of what was asked: equal for the same rows in another container.
      missing: what became of rows without a prediction, `leave-out` or `fail`.
      limits: `seconds` and `gigabytes` of one completion.
      bootstrap: `seed`, `resamples` and `confidence` of the intervals.
      versions: of this package, by `sources` the SHA-256 of its files, and of what judges.
    """

    task: str
    dataset: Mapping[str, Any]
    missing: str
    limits: Mapping[str, float]
    bootstrap: Mapping[str, float]
    versions: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of an evaluation.

    Attributes:
      overall: of all rows that are scored.
      by_category, by_split, by_lines: of those of each category, split, and bin of source length
        (`LINE_BINS`, as `5-8`), where there are any.
      setting: what it was measured by.
    """

    overall: Figures
    by_category: dict[str, Figures]
    by_split: dict[str, Figures]
    by_lines: dict[str, Figures]
    setting: Setting

    def __getitem__(self, name: str) -> float:
        """`report["pass@1"]`, and any other number of all rows that `to_json` has."""
        return float(self.overall.to_json()[name])

    def to_json(self) -> dict[str, Any]:
        """As plain values, fit for JSON.

        At the top level, of all rows: `pass@1` and so on (a number each), `intervals` (`pass@1` →
        [low, high]), `ladder` (rung → share), `exact`, `renamed`, `similarity`, `rows`,
        `completions`. Under `by_category`, `by_split` and `by_lines` the same again by name. Under
        `setting` what `Setting` has.
        """
        parts = {
            name: {key: figures.to_json() for key, figures in getattr(self, name).items()}
            for name in ("by_category", "by_split", "by_lines")
        }
        return self.overall.to_json() | parts | {"setting": dataclasses.asdict(self.setting)}


def bin_of(lines: int) -> str:
    """The name of the bin that a source of so many lines is in."""
    return next(bin_name(low, high) for low, high in LINE_BINS if high is None or lines <= high)


def bin_name(low: int, high: int | None) -> str:
    """The name of one of `LINE_BINS`."""
    return f"{low}+" if high is None else f"{low}-{high}"
