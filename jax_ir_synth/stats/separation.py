"""How well a linear classifier tells two datasets apart by the def-use pairs of their modules.

Its features are the roots of the shares of the most frequent pairs. It is scored on rows that it
hasn't seen: those of a project are held out together, since they resemble each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

# How many pairs are features, and how many folds are held out in turn.
_FEATURES, _FOLDS = 400, 5


class Sample(NamedTuple):
    """A module: the project that it belongs to, and how often it has each def-use pair."""

    project: str
    pairs: Mapping[str, int]


def measure_separation(one: Sequence[Sample], other: Sequence[Sample]) -> float | None:
    """Measure the area under the curve (ROC AUC) of the classifier, on modules held out.

    It is about 0.5 if the datasets can't be told apart, and 1 if they always can. None if there are
    too few projects to hold some out. The extra `separation` has what it needs.

    Args:
      one: The modules of a dataset, in any order.
      other: Those of another one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    samples = sorted(
        [(0, *each) for each in one] + [(1, *each) for each in other],
        key=lambda sample: (sample[0], sample[1], sorted(sample[2].items())),
    )
    labels = np.array([label for label, _, _ in samples])
    # Projects of the two datasets are different ones, whatever their names are.
    projects = np.array([f"{label} {project}" for label, project, _ in samples])
    if any(len(set(projects[labels == label])) < _FOLDS for label in (0, 1)):
        return None
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)),
        _make_features([pairs for _, _, pairs in samples]),
        labels,
        groups=projects,
        cv=StratifiedGroupKFold(_FOLDS),
        method="decision_function",
    )
    return float(roc_auc_score(labels, scores))


def _make_features(modules: Sequence[Mapping[str, int]]) -> np.ndarray:
    counted: Counter[str] = Counter()
    for pairs in modules:
        counted.update(pairs.keys())
    # Equally frequent ones in alphabetical order, so that the choice is the same each time.
    ordered = sorted(counted, key=lambda pair: (-counted[pair], pair))[:_FEATURES]
    place = {pair: number for number, pair in enumerate(ordered)}
    features = np.zeros((len(modules), len(place)))
    for row, pairs in enumerate(modules):
        total = sum(pairs.values())
        for pair, number in pairs.items():
            if pair in place:
                features[row, place[pair]] = number / total
    return np.sqrt(features)
