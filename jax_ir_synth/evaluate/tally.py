"""Judgements into figures: counted row by row, in little memory, summed up at the end."""

from collections.abc import Callable, Iterable

import numpy as np

from jax_ir_synth.evaluate import estimates
from jax_ir_synth.evaluate.judgement import PASS, RUNGS, Judgement
from jax_ir_synth.evaluate.report import LINE_BINS, Figures, Report, Setting, bin_name, bin_of
from jax_ir_synth.evaluate.selection import Asked
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.splits import SPLITS


class Tally:
    """Gathers the judgements of rows that come one by one; `report` sums them up.

    Args:
      k: for which pass@k is wanted, each at most the number of every row's completions.
      seed: of the bootstrap.
    """

    def __init__(self, k: Iterable[int] = (1,), seed: int = 0):
        self._k = tuple(sorted(set(k)))
        self._seed = seed
        self._rows: list[Asked] = []
        # Of each row, the mean over its completions of: each rung, exact, renamed, similarity.
        self._means: list[np.ndarray] = []
        self._pass_at: list[np.ndarray] = []

    def add(self, asked: Asked, judgements: list[Judgement]) -> None:
        """Count a row, with all of its judgements: none of one that has failed for want of any."""
        values = np.zeros((max(1, len(judgements)), len(RUNGS) + 3))
        for row, judgement in zip(values, judgements, strict=False):
            row[RUNGS.index(judgement.rung)] = 1
            row[-3:] = judgement.exact, judgement.renamed, judgement.similarity
        if not judgements:
            values[0, 0] = 1
        passed = sum(judgement.passed for judgement in judgements)
        self._rows.append(asked)
        self._means.append(values.mean(0))
        # Without a completion none of any number passes.
        at = (estimates.pass_at_k(len(judgements), passed, k) if judgements else 0 for k in self._k)
        self._pass_at.append(np.fromiter(at, np.float64, len(self._k)))

    def report(self, setting: Setting) -> Report:
        """All figures. Raises ValueError without a row."""
        means, pass_at = np.stack(self._means), np.stack(self._pass_at)

        def figures(chosen: np.ndarray) -> Figures:
            return self._figures(chosen, means[chosen], pass_at[chosen])

        def parts(key: Callable[[Asked], str], names: Iterable[str]) -> dict[str, Figures]:
            places: dict[str, list[int]] = {}
            for place, row in enumerate(self._rows):
                places.setdefault(key(row), []).append(place)
            # In the usual order; what has no place there comes last.
            order = [*(name for name in names if name in places)]
            order += sorted(places.keys() - set(order))
            return {name: figures(np.array(places[name])) for name in order}

        return Report(
            figures(np.arange(len(self._rows))),
            parts(lambda row: row.category, CATEGORIES),
            parts(lambda row: row.split, SPLITS),
            parts(lambda row: bin_of(row.lines), (bin_name(*ends) for ends in LINE_BINS)),
            setting,
        )

    def _figures(self, chosen: np.ndarray, means: np.ndarray, pass_at: np.ndarray) -> Figures:
        *shares, exact, renamed, similarity = map(estimates.mean, means.T)
        ladder = dict(zip(RUNGS, shares, strict=True))
        found = dict(zip(self._k, map(estimates.mean, pass_at.T), strict=True))
        if 1 in found:
            # The same number, told twice; the estimator's 1 - (1 - c/n) may end in another digit.
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
