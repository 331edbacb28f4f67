"""The errors for which `jax_ir_synth.reference.tolerance` allows, measured over rows of `all`.

    python benchmarks/tolerances.py 200 --seed 7

makes that many rows without verification, runs each module of their CPU column and its NumPy
reference on the points that a proof takes, and prints the errors in units of the size that the
tolerances FORWARD and BACKWARD are parts of: the median, what 99.9 % are within, and the largest.
Rows of 16-bit floats, whose constants are rounded, have lines of their own.
"""

import argparse
import collections
from collections.abc import Sequence

import numpy as np

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.execution import execute, find_shortest_float


def measure_row(row: dict) -> tuple[str, list[float], list[float]]:
    """Its shortest floats, and the errors of its float outputs and of its gradients.

    An output's error is the largest of its elements', a gradient's that along a direction; both are
    parts of a size, as in `measure_output_error` and `measure_gradient_error`.
    """
    argnums = row["argnums"]
    reference, points = evaluate_reference(
        row["python"], row["kernel_name"], row["in_avals"], argnums
    )
    column = read_section(row["cpp"], "stablehlo")
    inputs = [point.inputs for point in points]
    outputs, gradients = (
        execute(text, inputs, lambda found: None, reference.has_halves).results
        for text in (column.forward, column.backward)
    )
    forward, backward = [], []
    for point, results, parts in zip(points, outputs, gradients, strict=True):
        for x, meant, slope in zip(results, point.outputs, point.slopes, strict=True):
            if slope is not None:
                size = np.abs(meant).max(initial=0.0) + np.abs(slope).max(initial=0.0)
                forward.append(_part(np.abs(x - meant).max(initial=0.0), size))
        moved = [
            np.float64(x) * point.move[number] for x, number in zip(parts, argnums, strict=True)
        ]
        size = point.derivative.scale + np.sqrt(sum(np.square(part).sum() for part in moved))
        error = abs(sum(part.sum() for part in moved) - point.derivative.value)
        backward.append(_part(error, size))
    half = find_shortest_float(column.forward) or find_shortest_float(column.backward)
    return half or "float32", forward, backward


def _part(error: float, size: float) -> float:
    return float(error / size) if size else (np.inf if error else 0.0)


def describe(errors: Sequence[float]) -> str:
    """The median, what 99.9 % are within, and the largest."""
    return "  ".join(f"{np.quantile(errors, share):9.2g}" for share in (0.5, 0.999, 1.0))


def main(count: int, seed: int) -> None:
    """Measures and prints."""
    request = Request(seed=seed, count=count, device="cpu", verify=False)
    errors: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for planned in plan_rows(request):
        half, forward, backward = measure_row(make_row(request, planned))
        errors[half, "forward"] += forward
        errors[half, "backward"] += backward
    print(f"{count} rows of seed {seed}, errors as parts of the size:")
    print(f"{'':26}{'count':>6}  {'median':>9}  {'99.9 %':>9}  {'largest':>9}")
    for (half, section), each in sorted(errors.items(), reverse=True):
        print(f"  {half:12}{section:12}{len(each):6}  {describe(each)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--seed", type=int, default=7)
    main(**vars(parser.parse_args()))
