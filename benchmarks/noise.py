"""What the noise check costs, and refuses: `python benchmarks/noise.py [CANDIDATES] [SEED]`.

Draws so many candidates of each category, and prints for each how many programs were refused on
the way since rounding decides something in them (float32: at too few inputs they are steady; 16
bits: at no input most elements stay near), how many inputs were passed over for it in programs
that stand, and the CPU milliseconds a candidate takes in all and in the check.
"""

import collections
import sys
import time

from rich.console import Console
from rich.table import Table

from jax_ir_synth import kernels
from jax_ir_synth.kernels.validation import program
from jax_ir_synth.reference import points
from jax_ir_synth.request import categories

CANDIDATES, SEED = 500, 2026


def main(candidates: int, seed: int) -> None:
    """Draws and prints."""
    counts: dict[str, collections.Counter] = {}
    table = Table(title=f"{candidates} candidates of each category, seed {seed}")
    for name in (
        "category",
        "refused",
        "of 16 bits",
        "inputs passed over",
        "ms",
        "ms of the check",
    ):
        table.add_column(name, justify="right")
    measure, keeps, evaluate_reference = (
        points.measure_unsteadiness,
        program._keeps_values,
        program.evaluate_reference,
    )
    for category in categories.CATEGORIES:
        kernels.draw(category, seed, candidates)
        count = counts[category] = collections.Counter()

        def timed(*arguments, count=count):
            started = time.process_time()
            moved = measure(*arguments)
            count["check"] += time.process_time() - started
            count["unsteady"] += moved > 1
            return moved

        def timed_half(*arguments, count=count):
            started = time.process_time()
            kept = keeps(*arguments)
            count["check"] += time.process_time() - started
            count["half"] += not kept
            return kept

        def counted(*arguments, count=count):
            before = count["unsteady"]
            try:
                found = evaluate_reference(*arguments)
            except points.NoPoints:
                # Not steady, rather than not smooth or not finite.
                count["refused"] += count["unsteady"] > before
                raise
            count["passed"] += count["unsteady"] - before
            return found

        points.measure_unsteadiness, program._keeps_values, program.evaluate_reference = (
            timed,
            timed_half,
            counted,
        )
        started = time.process_time()
        for candidate in range(candidates):
            kernels.draw(category, seed, candidate)
        each = 1e3 / candidates
        spent, check = each * (time.process_time() - started), each * count["check"]
        shown = count["refused"], count["half"], count["passed"], f"{spent:.2f}", f"{check:.2f}"
        table.add_row(category, *map(str, shown))
    Console().print(table)


if __name__ == "__main__":
    main(
        *(int(word) for word in (sys.argv[1:] + [str(CANDIDATES), str(SEED)][len(sys.argv) - 1 :]))
    )
