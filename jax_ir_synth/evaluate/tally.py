"""Sums up judgements as figures: counts them row by row, in little memory."""

from collections.abc import Callable, Iterable

import numpy as np

from jax_ir_synth.evaluate import estimates
from jax_ir_synth.evaluate.judgement import PASS, RUNGS, Judgement
from jax_ir_synth.evaluate.report import (
    LINE_BINS,
    Figures,
    Report,
    Setting,
    Unjudged,
    UnjudgedCompletion,
    find_bin,
    name_bin,
)
from jax_ir_synth.evaluate.selection import Asked
from jax_ir_synth.request.categories import KINDS
from jax_ir_synth.schema.splits import SPLITS

# The number of rows that couldn't be judged whose reasons are reported.
_FIRST = 3


class Tally:
    """Gathers the judgements of rows one by one; `report` sums them up.

    Attributes:
      unjudged: what couldn't be judged, and is in no figure.

    Args:
      k: the values of k for pass@k, at most the number of each row's completions.
      seed: the seed of the bootstrap.
    """

    def __init__(self, k: Iterable[int] = (1,), seed: int = 0):
        self._k = tuple(sorted(set(k)))
        self._seed = seed
        self.unjudged = Unjudged()
        self._rows: list[Asked] = []
        # For each row, the means over its completions of: each rung, exact, renamed, similarity.
        self._means: list[np.ndarray] = []
        self._pass_at: list[np.ndarray] = []

    def add(self, asked: Asked, judgements: list[Judgement]) -> None:
        """Count a row with all its judgements; a row without any counts as a failure.

        A row with a completion that couldn't be judged is left out.
        """
        if asked.fault or any(judgement.unjudged for judgement in judgements):
            self._leave_out(asked, judgements)
            return
        values = np.zeros((max(1, len(judgements)), len(RUNGS) + 3))
        for row, judgement in zip(values, judgements, strict=False):
            row[RUNGS.index(judgement.rung)] = 1
            row[-3:] = judgement.exact, judgement.renamed, judgement.similarity
        if not judgements:
            values[0, 0] = 1
        passed = sum(judgement.passed for judgement in judgements)
        self._rows.append(asked)
        self._means.append(values.mean(0))
        # Without completions, pass@k is 0 for every k.
        at = (estimates.pass_at_k(len(judgements), passed, k) if judgements else 0 for k in self._k)
        self._pass_at.append(np.fromiter(at, np.float64, len(self._k)))

    def _leave_out(self, asked: Asked, judgements: list[Judgement]) -> None:
        found = [
            UnjudgedCompletion(asked.id, sample, judgement.reason)
            for sample, judgement in enumerate(judgements)
            if judgement.unjudged
        ]
        rows, completions, first = self.unjudged
        if len(first) < _FIRST:
            first += ((found or [UnjudgedCompletion(asked.id, None, asked.fault)])[0],)
        self.unjudged = Unjudged(rows + 1, completions + len(found), first)

    @property
    def is_empty(self) -> bool:
        """Whether no row has been counted, so that there are no figures."""
        return not self._rows

    def report(self, setting: Setting) -> Report:
        """Compute all figures. Raises ValueError without a row."""
        means, pass_at = np.stack(self._means), np.stack(self._pass_at)

        def figures(chosen: np.ndarray) -> Figures:
            return self._figures(chosen, means[chosen], pass_at[chosen])

        def parts(key: Callable[[Asked], str], names: Iterable[str]) -> dict[str, Figures]:
            places: dict[str, list[int]] = {}
            for place, row in enumerate(self._rows):
                places.setdefault(key(row), []).append(place)
            # In the usual order; other names come last.
            order = [*(name for name in names if name in places)]
            order += sorted(places.keys() - set(order))
            return {name: figures(np.array(places[name])) for name in order}

        return Report(
            figures(np.arange(len(self._rows))),
            parts(lambda row: row.category, KINDS),
            parts(lambda row: row.split, SPLITS),
            parts(lambda row: find_bin(row.lines), (name_bin(*ends) for ends in LINE_BINS)),
            setting,
            self.unjudged,
        )

    def _figures(self, chosen: np.ndarray, means: np.ndarray, pass_at: np.ndarray) -> Figures:
        *shares, exact, renamed, similarity = map(estimates.mean, means.T)
        ladder = dict(zip(RUNGS, shares, strict=True))
        found = dict(zip(self._k, map(estimates.mean, pass_at.T), strict=True))
        if 1 in found:
            # Both are the same number, but the estimator's 1 - (1 - c/n) may round differently.
            found[1] = ladder[PASS]
        return Figures(
            len(chosen),
            sum(self._rows[place].completions for place in chosen),
            ladder,
            exact,
            renamed,
            similarity,
            found,
            {
                k: estimates.interval(column, self._seed)
                for k, column in zip(self._k, pass_at.T, strict=True)
            },
        )
