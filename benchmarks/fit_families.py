"""Fits how often families are drawn to real programs: `python benchmarks/fit_families.py fit REAL`.

`measure` draws programs of each family, and writes for each what it is made of to a file of JSON
lines; it goes on where it stopped. `fit` reads that file and the rows of real functions (those of
`jax-ir-synth harvest --real --output REAL`), and chooses weights for which the mixture of programs
is nearest to the functions of the packages in FITTED. It prints how near it is to the others, which
no fit may look at, and writes the weights to `jax_ir_synth/kernels/style/weights.json`.
"""

import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import sys
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
from jax_ir_synth.stats.divergence import Distribution, measure_divergence
from jax_ir_synth.stats.pairs import count_module

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
        lowered = lower_source(
            source.python, source.name, source.in_avals, source.argnums, ("cpu",)
        )
        section = read_section(lowered.stablehlo["cpu"])
        features = find_features(section.forward, section.backward)
        parts = {each: count_module(getattr(section, each)) for each in PASSES}
        found.append(
            {
                "family": name,
                "categories": [
                    each for each in CATEGORIES if kernels.signature(each).holds(features)
                ],
                "bytes": len(source.python) + 2 * len(lowered.stablehlo["cpu"]),
                "lines": sum(1 for line in source.python.split("\n") if line.strip()),
                "operations": parts["forward"].operations.total(),
                **{each: parts[each].pairs for each in PASSES},
            }
        )
    return found


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


def read_target(path: Path) -> dict[bool, dict[str, Distribution]]:
    """Read the pairs of real functions: of the packages that are fitted to, and of the others."""
    found = {fitted: {each: Distribution() for each in PASSES} for fitted in (True, False)}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            section = read_section(row["cpp"])
            for each in PASSES:
                if text := getattr(section, each):
                    pairs = count_module(text).pairs
                    found[row["package"] in FITTED][each].add(pairs)
    return found


class Mixture:
    """The mean pairs of each family in each category, as a matrix, and weights for its rows."""

    def __init__(self, lines: list[dict[str, Any]], targets: list[dict[str, float]]):
        self.rows: list[tuple[str, str]] = []
        self.means: dict[str, list[dict[str, float]]] = {each: [] for each in PASSES}
        for line in lines:
            programs = line["programs"]
            for category in CATEGORIES:
                own = [each for each in programs if category in each["categories"]]
                if len(own) < LEAST_SHARE * len(programs) or len(own) < 3:
                    continue
                self.rows.append((category, line["name"]))
                for part in PASSES:
                    mean = Distribution()
                    for each in own:
                        mean.add(collections.Counter(each[part]))
                    self.means[part].append(mean.shares())
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
                found[group] = powers / powers.sum() / len(CATEGORIES)
        return found / found.sum()

    def loss(self, logits: np.ndarray) -> tuple[float, np.ndarray]:
        """The divergences of both passes, with a prior, and the gradient by the logits."""
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
        gradient = np.zeros(len(weights))
        for group in self.groups:
            if len(group):
                own = weights[group]
                # The relative entropy to equal weights.
                excess = np.log2(own / own.sum() * len(group))
                value += PRIOR * float(own @ excess)
                inside = by_weight[group] + PRIOR * excess
                gradient[group] = own * (inside - (own @ inside) / own.sum())
        return value, gradient


def fit(path: Path, real: Path, output: Path | None) -> None:
    """Fit the weights, print how near the mixture is, and write them."""
    from scipy.optimize import minimize

    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    target = read_target(real)
    shares = [target[True][part].shares() for part in PASSES]
    mixture = Mixture(lines, shares)
    start = np.zeros(len(mixture.rows))
    result = minimize(mixture.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400})
    near: dict[str, list[float]] = {}
    for name, logits in (("equal", start), ("fitted", result.x)):
        weights = mixture.weights(logits)
        for fitted, kind in ((True, "fitted to"), (False, "held out")):
            found = []
            for part in PASSES:
                mixed = dict(zip(mixture.keys[part], weights @ mixture.matrices[part], strict=True))
                found.append(measure_divergence(mixed, target[fitted][part].shares()))
            near[f"{name}, {kind}"] = [round(each, 4) for each in found if each is not None]
            print(f"{name:7} {kind:10} " + " ".join(f"{each:.4f}" for each in found if each))
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
