"""The errors for which the tolerances of proofs and scores allow, measured over rows of `all`.

    python benchmarks/tolerances.py 200 --seed 7 [--spreads 60]

makes that many rows without verification, and runs each module of their CPU column and its NumPy
reference on the points that a proof takes. It prints the errors as parts of the result's size, as
are `FORWARD` and `BACKWARD` in `jax_ir_synth/verify/tolerance.py`: the median, what 99.9 % are
within, the largest, and the row that has it. Rows of 16-bit floats, whose constants are rounded,
have lines of their own. The lines `as written` are for `AS_WRITTEN`: how far a module's elements in
16 bits are from those in float32, as parts of the element and the largest one together.

`--spreads` measures as many of the float32 rows for `_SPREADS` in
`jax_ir_synth/evaluate/expectation.py`: how far a reference as it is written is from its results in
float64, in units of the spread of its runs with random errors.

No tolerance decides what is printed. The points do depend on `STEADY` in
`jax_ir_synth/reference/points.py`, which passes over inputs at which rounding decides a result.
"""

import argparse
import collections
import json
from collections.abc import Sequence

import numpy as np

from jax_ir_synth.evaluate import expectation
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.inputs import DTYPES, HALF
from jax_ir_synth.reference.measures import divide_error, measure_error, measure_size
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.execution import (
    execute_as_written,
    execute_exactly,
    find_shortest_float,
)
from jax_ir_synth.verify.noise import add_noise
from jax_ir_synth.verify.promote import promote_half

# What was measured, by the shortest floats of the row and the kind of error.
Errors = dict[tuple[str, str], list[tuple[float, int]]]


def measure_row(row: dict) -> tuple[str, dict[str, list[float]]]:
    """Measure a row's errors.

    An output's error is the largest of its elements', a gradient's that along a direction, each as
    a part of its size. A module's as written is that of its worst element, on the input on which
    this element is nearest.

    Returns the row's shortest floats, and the errors by their kind.
    """
    argnums = row["argnums"]
    reference, points = evaluate_reference(
        row["python"], row["kernel_name"], row["in_avals"], argnums
    )
    column = read_section(row["cpp"], "stablehlo")
    modules = column.forward, column.backward
    inputs = [point.inputs for point in points]
    # Not `verify.execution.execute`, which refuses what is far in 16 bits.
    outputs, gradients = (
        execute_as_written(promote_half(text) if reference.has_halves else text, inputs)
        for text in modules
    )
    errors: dict[str, list[float]] = {"forward": [], "backward": []}
    for point, results, parts in zip(points, outputs, gradients, strict=True):
        for x, meant, slope in zip(results, point.outputs, point.slopes, strict=True):
            if slope is not None:
                errors["forward"].append(measure_error(x, meant, measure_size(meant, slope)))
        moved = [
            np.float64(x) * point.move[number] for x, number in zip(parts, argnums, strict=True)
        ]
        size = point.derivative.scale + np.sqrt(sum(np.square(part).sum() for part in moved))
        error = abs(sum(part.sum() for part in moved) - point.derivative.value)
        errors["backward"].append(divide_error(float(error), float(size)))
    half = next(filter(None, map(find_shortest_float, modules)), None)
    if half and reference.has_halves:
        dtypes = [aval["dtype"] for aval in row["in_avals"]]
        errors["as written"] = [_measure_as_written(text, inputs, dtypes) for text in modules]
    return half or "float32", errors


def _measure_as_written(
    text: str, inputs: Sequence[Sequence[np.ndarray]], dtypes: Sequence[str]
) -> float:
    """Measure how far the worst element in 16 bits is from that in float32, where it is nearest."""
    # Both get rounded inputs, or their difference would look like an error.
    given = [
        [x.astype(DTYPES[dtype]) for x, dtype in zip(each, dtypes, strict=True)] for each in inputs
    ]
    wide = [[x.astype(np.float32) if str(x.dtype) in HALF else x for x in each] for each in given]
    runs = zip(
        execute_as_written(text, given), execute_as_written(promote_half(text), wide), strict=True
    )
    nearest: list[np.ndarray] | None = None
    for rounded, exact in runs:
        found = []
        for x, y in zip(rounded, exact, strict=True):
            x, y = np.float64(x), np.float64(y)
            with np.errstate(invalid="ignore", divide="ignore"):
                off = np.abs(x - y) / (np.abs(y) + np.abs(y).max(initial=0.0))
            found.append(np.where(x == y, 0.0, off))
        nearest = found if nearest is None else list(map(np.fmin, nearest, found))
    return max(float(np.max(x, initial=0.0)) for x in nearest or [])


def measure_spreads(row: dict) -> list[float]:
    """Measure for each module how many spreads its worst element is off on the first input.

    Its own run is no part of the spread here, as it is in a score.
    """
    column = read_section(row["cpp"], "stablehlo")
    names = ("python", "kernel_name", "in_avals", "program_hash")
    program = json.dumps({name: row[name] for name in names})
    found = []
    for text in (column.forward, column.backward):
        known = expectation.compute_expectation(text, program)
        inputs, right, written = known.inputs[:1], known._exact[0], known._written[0]
        runs = [
            execute_exactly(add_noise(text, seed, False), inputs)[0]
            for seed in range(expectation._RUNS)
        ]
        worst = 0.0
        for k, (exact, got, mask) in enumerate(zip(right, written, known._masks[0], strict=True)):
            if exact.dtype.kind != "f" or not mask.any():
                continue
            spread = np.sqrt(np.mean([np.square(run[k] - exact) for run in runs], axis=0))
            size = np.abs(exact)
            some = mask & (size > 0)
            others = float(np.median(spread[some] / size[some])) if some.any() else 0.0
            spread = np.hypot(spread, expectation._OF_OTHERS * others * size)
            unit = spread + expectation._ROUNDING["f32"] * size
            error = np.abs(np.float64(got) - exact)
            worst = max(worst, float(np.max(error[some] / unit[some], initial=0.0)))
        found.append(worst)
    return found


def describe(errors: Sequence[tuple[float, int]]) -> str:
    """The median, what 99.9 % are within, the largest, and the row that has it."""
    sizes = [error for error, _ in errors]
    shown = "  ".join(f"{np.quantile(sizes, share):9.2g}" for share in (0.5, 0.999, 1.0))
    return f"{shown}  {max(errors)[1]:6}"


def main(count: int, seed: int, spreads: int) -> None:
    """Measures and prints."""
    request = Request(seed=seed, count=count, device="cpu", verify=False)
    errors: Errors = collections.defaultdict(list)
    for planned in plan_rows(request):
        row = make_row(request, planned)
        half, found = measure_row(row)
        if half == "float32" and len(errors[half, "spreads"]) < 2 * spreads:
            found["spreads"] = measure_spreads(row)
        for kind, each in found.items():
            errors[half, kind] += [(error, row["id"]) for error in each]
    print(f"{count} rows of seed {seed}, errors as parts of the size, or in spreads:")
    print(f"{'':26}{'count':>6}  {'median':>9}  {'99.9 %':>9}  {'largest':>9}  {'of row':>6}")
    for (half, kind), each in sorted(errors.items(), reverse=True):
        if each:
            print(f"  {half:12}{kind:12}{len(each):6}  {describe(each)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--spreads", type=int, default=0, help="so many rows of float32")
    main(**vars(parser.parse_args()))
