"""Fits how often families are drawn to real programs: `python benchmarks/fit_families.py fit REAL`.

`measure` draws programs of each family, and writes for each what it is made of to a file of JSON
lines; it goes on where it stopped. `fit` reads that file and the rows of real functions (those of
`jax-ir-synth harvest --real --output REAL`), and chooses weights for which the mixture of programs
is nearest to the functions of the packages in FITTED: in its def-use pairs as a whole, in what a
linear classifier sees of each module, in the habits of its sources, and in their lengths. It prints
how near it is to the others, which no fit may look at, and writes the weights to
`jax_ir_synth/kernels/style/weights.json`.
"""

import argparse
import collections
import concurrent.futures
import functools
import json
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import Rejected
from jax_ir_synth.kernels.style.draw import draw_family
from jax_ir_synth.kernels.style.family import list_all
from jax_ir_synth.kernels.validation.program import require_sound
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.features import find_features
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.stats.audit import MAX_ROW_BYTES
from jax_ir_synth.stats.divergence import Distribution, measure_divergence
from jax_ir_synth.stats.habits import HABITS as HABIT_NAMES
from jax_ir_synth.stats.pairs import count_module
from jax_ir_synth.stats.sources import count_source

# The packages that the weights are fitted to: those that the survey counted. Written down before
# the first fit; the other packages of the set `real` judge.
FITTED = frozenset(
    "numpyro jax-md ott-jax optax jaxopt distrax dm-haiku evosax jax-cfd rlax mctx".split()
)
PASSES = ("forward", "backward")
SEED = 3
# Of the programs of a family, the share that must belong to a category for it to be drawn there.
LEAST_SHARE = 0.3
# What a bit of a category's weights costs, by which they differ from equal ones, in bits of
# divergence. Without a price the fit draws a few families alone.
PRIOR = 0.04
# The least weight of a family, as a part of an equal one.
LEAST = 0.2
# What differences cost beside the divergence of pairs, which is in bits: between the means of a
# classifier's features (half of the squared distance that decides its errors, in a space where they
# don't covary), and between the shares of habits and of lengths (squared, added up).
SEPARATION, HABITS, LENGTHS = 0.01, 0.06, 2.5
# How many pairs a classifier sees, and how much is added to their variance before it is inverted.
FEATURES, RIDGE = 300, 0.5
# The most code lines of each class of lengths but the last.
LINES = (3, 6, 14, 40)
# Habits that are no matter of which program is drawn, but of how it is written.
WRITTEN = frozenset(
    "aug_assign comment conditional_expression decorator docstring docstring_elsewhere "
    "docstring_multiline dtype_keyword fstring keyword_default keyword_only partial raise "
    "rebinds_name static_default type_hints assert".split()
)


def measure_family(name: str, count: int) -> list[dict[str, Any]]:
    """Draw programs of a family, and say of each sound one what it is made of."""
    (family,) = (each for each in list_all() if each.label == name)
    found = []
    for candidate in range(count):
        source = draw_family(family, Stream(SEED, name, candidate), "float32")
        try:
            require_sound(source)
        except Rejected:
            continue
        except Exception as error:
            # A defect of the family, which costs the fit nothing but this program.
            print(f"{name} {candidate}: {error}\n{source.python}", file=sys.stderr)
            continue
        lowered = lower_source(
            source.python, source.name, source.in_avals, source.argnums, ("cpu",)
        )
        section = read_section(lowered.stablehlo["cpu"])
        features = find_features(section.forward, section.backward)
        parts = {each: count_module(getattr(section, each)) for each in PASSES}
        # CUDA's IR may be somewhat longer than the CPU's, which is counted twice.
        length = len(source.python) + 2 * 1.04 * len(lowered.stablehlo["cpu"])
        found.append(
            {
                "family": name,
                "categories": [
                    each
                    for each in CATEGORIES
                    if length <= MAX_ROW_BYTES and kernels.signature(each).holds(features)
                ],
                "bytes": round(length),
                "operations": parts["forward"].operations.total(),
                **_describe(source.python),
                **{each: parts[each].pairs for each in PASSES},
            }
        )
    return found


def _describe(python: str) -> dict[str, Any]:
    """Describe a source by its habits and its length."""
    counts = count_source(python)
    return {"habits": sorted(counts.habits), "code_lines": counts.code_lines}


def measure(path: Path, count: int, number: int) -> None:
    """Measure the families that the file doesn't have yet."""
    known = set()
    if path.exists():
        known = {json.loads(line)["name"] for line in path.open(encoding="utf-8")}
    waiting = [each.label for each in list_all() if each.label not in known]
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(number, context) as pool,
        path.open("a", encoding="utf-8") as file,
    ):
        jobs = {pool.submit(measure_family, name, count): name for name in waiting}
        for job in track(concurrent.futures.as_completed(jobs), "families", len(jobs)):
            line = {"name": jobs[job], "drawn": count, "programs": job.result()}
            file.write(json.dumps(line) + "\n")
            file.flush()


def read_target(path: Path) -> dict[bool, list[dict[str, Any]]]:
    """Read what real functions are made of: those that are fitted to, and the others."""
    found: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            section = read_section(row["cpp"])
            texts = {each: getattr(section, each) for each in PASSES}
            pairs = {each: count_module(text).pairs for each, text in texts.items() if text}
            found[row["package"] in FITTED].append({**pairs, **_describe(row["python"])})
    return found


def share_pairs(programs: list[dict[str, Any]], part: str) -> dict[str, float]:
    """Share out the pairs of programs: the mean of the shares in each."""
    found = Distribution()
    for each in programs:
        if part in each:
            found.add(collections.Counter(each[part]))
    return found.shares()


class Difference:
    """What the squared difference costs between means of a mixture's programs and of the target's.

    Args:
      of: gives what a program has, as numbers.
      target: the target's programs.
      price: the price of each number's difference, by a matrix.
    """

    def __init__(
        self,
        of: Callable[[dict[str, Any]], np.ndarray | None],
        target: list[dict[str, Any]],
        price: Callable[[np.ndarray], np.ndarray],
    ):
        self._of = of
        values = np.array([value for each in target if (value := of(each)) is not None])
        self._target, self._price = values.mean(axis=0), price(values)
        self._rows: list[np.ndarray] = []

    def add(self, programs: list[dict[str, Any]]) -> None:
        """Add a family's programs, as the next row of the mixture."""
        values = [value for each in programs if (value := self._of(each)) is not None]
        self._rows.append(np.mean(values, axis=0))

    def loss(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """What the difference costs, and the gradient by the weights."""
        rows = np.array(self._rows)
        difference = weights @ rows - self._target
        priced = self._price @ difference
        return float(difference @ priced), 2 * rows @ priced


def list_differences(target: list[dict[str, Any]], seen: list[dict[str, Any]]) -> list[Difference]:
    """List what costs beside the divergence of pairs; `seen` are programs of all families."""
    found = []
    for part in PASSES:
        counted = collections.Counter(
            pair for each in (*target, *seen) if part in each for pair in each[part]
        )
        names = [pair for pair, _ in counted.most_common(FEATURES)]
        roots = _make_roots(part, names)
        others = np.array([value for each in seen if (value := roots(each)) is not None])
        found.append(Difference(roots, target, functools.partial(_invert_variance, others)))
    habits = [each for each in HABIT_NAMES if each not in WRITTEN]
    found.append(
        Difference(
            lambda each: np.array([float(habit in each["habits"]) for habit in habits]),
            target,
            lambda values: HABITS * np.eye(values.shape[1]),
        )
    )
    found.append(
        Difference(
            lambda each: np.eye(len(LINES) + 1)[np.searchsorted(LINES, each["code_lines"])],
            target,
            lambda values: LENGTHS * np.eye(values.shape[1]),
        )
    )
    return found


def _make_roots(part: str, names: list[str]) -> Callable[[dict[str, Any]], np.ndarray | None]:
    """Make the function that gives the roots of the shares of a program's pairs."""

    def find(program: dict[str, Any]) -> np.ndarray | None:
        pairs = program.get(part)
        total = sum(pairs.values()) if pairs else 0
        return np.sqrt([pairs.get(name, 0) / total for name in names]) if total else None

    return find


def _invert_variance(others: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Invert the variance of both kinds of programs, each about its own mean."""
    covariance = (np.cov(values.T) + np.cov(others.T)) / 2
    spread = np.sqrt(np.diag(covariance)) + 1e-4
    correlation = covariance / np.outer(spread, spread) + RIDGE * np.eye(len(spread))
    return SEPARATION / 2 * np.linalg.inv(correlation) / np.outer(spread, spread)


class Mixture:
    """The means of each family in each category, as matrices, and weights for their rows."""

    def __init__(
        self,
        lines: list[dict[str, Any]],
        targets: list[dict[str, float]],
        differences: list[Difference],
    ):
        self.rows: list[tuple[str, str]] = []
        self.differences = differences
        self.means: dict[str, list[dict[str, float]]] = {each: [] for each in PASSES}
        for line in lines:
            programs = line["programs"]
            for category in CATEGORIES:
                own = [each for each in programs if category in each["categories"]]
                if len(own) < LEAST_SHARE * len(programs) or len(own) < 3:
                    continue
                self.rows.append((category, line["name"]))
                for part in PASSES:
                    self.means[part].append(share_pairs(own, part))
                for difference in differences:
                    difference.add(own)
        self.keys = {
            part: sorted({key for shares in (*self.means[part], target) for key in shares})
            for part, target in zip(PASSES, targets, strict=True)
        }
        self.matrices = {
            part: np.array([[shares.get(key, 0.0) for key in self.keys[part]] for shares in means])
            for part, means in self.means.items()
        }
        self.targets = {
            part: np.array([target.get(key, 0.0) for key in self.keys[part]])
            for part, target in zip(PASSES, targets, strict=True)
        }
        self.groups = [
            np.array([k for k, (each, _) in enumerate(self.rows) if each == category])
            for category in CATEGORIES
        ]

    def weights(self, logits: np.ndarray) -> np.ndarray:
        """The weights of all rows; those of a category sum to its share of all rows."""
        found = np.zeros(len(self.rows))
        for group in self.groups:
            if len(group):
                powers = np.exp(logits[group] - logits[group].max())
                shares = LEAST / len(group) + (1 - LEAST) * powers / powers.sum()
                found[group] = shares / len(CATEGORIES)
        return found / found.sum()

    def loss(self, logits: np.ndarray) -> tuple[float, np.ndarray]:
        """The divergences, the other differences and a prior, and the gradient by the logits."""
        weights = self.weights(logits)
        value, by_weight = 0.0, np.zeros(len(weights))
        for part in PASSES:
            mixed, target = weights @ self.matrices[part], self.targets[part]
            middle = (mixed + target) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                first = np.where(mixed > 0, np.log2(mixed / middle), 0.0)
                second = np.where(target > 0, np.log2(target / middle), 0.0)
            value += float((mixed * first + target * second).sum()) / 2
            by_weight += self.matrices[part] @ first / 2
        for difference in self.differences:
            cost, by_this = difference.loss(weights)
            value += cost
            by_weight += by_this
        gradient = np.zeros(len(weights))
        for group in self.groups:
            if len(group):
                own = weights[group]
                # The relative entropy to equal weights.
                excess = np.log2(own / own.sum() * len(group))
                value += PRIOR * float(own @ excess)
                inside = by_weight[group] + PRIOR * excess
                # The least weight is no matter of the logits.
                moved = own - LEAST * own.sum() / len(group)
                gradient[group] = moved * (inside - (moved @ inside) / moved.sum())
        return value, gradient


def fit(path: Path, real: Path, output: Path | None) -> None:
    """Fit the weights, print how near the mixture is, and write them."""
    from scipy.optimize import minimize

    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    target = read_target(real)
    seen = [each for line in lines for each in line["programs"]]
    shares = [share_pairs(target[True], part) for part in PASSES]
    mixture = Mixture(lines, shares, list_differences(target[True], seen))
    start = np.zeros(len(mixture.rows))
    result = minimize(mixture.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400})
    near: dict[str, list[float]] = {}
    for name, logits in (("equal", start), ("fitted", result.x)):
        weights = mixture.weights(logits)
        for fitted, kind in ((True, "fitted to"), (False, "held out")):
            found = []
            for part in PASSES:
                mixed = dict(zip(mixture.keys[part], weights @ mixture.matrices[part], strict=True))
                found.append(measure_divergence(mixed, share_pairs(target[fitted], part)))
            near[f"{name}, {kind}"] = [round(each, 4) for each in found if each is not None]
            print(f"{name:7} {kind:10} " + " ".join(f"{each:.4f}" for each in found if each))
        print(
            f"{name:7} costs " + " ".join(f"{d.loss(weights)[0]:.4f}" for d in mixture.differences)
        )
    if output is not None:
        weights = mixture.weights(result.x)
        table: dict[str, dict[str, int]] = {each: {} for each in CATEGORIES}
        for (category, name), weight in zip(mixture.rows, weights, strict=True):
            table[category][name] = max(1, round(1000 * weight * len(CATEGORIES)))
        text = {
            "by": "benchmarks/fit_families.py",
            "fitted_to": sorted(FITTED),
            "programs": sum(line["drawn"] for line in lines),
            "seed": SEED,
            "prior": PRIOR,
            "divergence_of_pairs": near,
            "weights": table,
        }
        output.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("step", choices=("measure", "fit"))
    parser.add_argument("real", nargs="?", type=Path, help="rows of real functions")
    parser.add_argument("--programs", type=Path, default=Path("data/families.jsonl"))
    parser.add_argument("--count", type=int, default=30, help="programs of each family")
    parser.add_argument("--num-proc", type=int, default=2)
    parser.add_argument("--output", type=Path)
    taken = parser.parse_args()
    if taken.step == "measure":
        measure(taken.programs, taken.count, taken.num_proc)
    else:
        fit(taken.programs, taken.real, taken.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
