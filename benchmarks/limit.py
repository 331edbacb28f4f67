"""What no program could avoid of a row's cost, and cost by size: `python benchmarks/limit.py`.

For each of many rows of `all`, both devices, by one process: CPU milliseconds of drawing, lowering
and proving, as they follow each other in a worker, and of what any way must do with the row's four
modules in MLIR: create their operations (a clone, in C++), verify, print and parse them; run the
reference interpreter once on each text that differs; and evaluate the reference that a proof
compares with. Prints the means; writes a line for each row beside this file (`limit.csv`), of which
`plots.py` draws cost by the number of operations.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxlib.mlir import ir

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.parsing import open_module, walk
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import prove
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.promote import promote_half

RESULT = Path(__file__).parent / "limit.csv"
COLUMNS = {"cpp": "cpu", "cuda": "cuda"}
# What no way avoids, and what a row costs.
UNAVOIDABLE = ("create", "verify", "print", "parse", "interpreter", "reference")
OURS = ("draw", "lower", "prove")


class Times(dict[str, float]):
    """CPU milliseconds by name."""

    def __call__(self, name: str, function: Callable[[], Any]) -> Any:
        """Run a function, and add its time."""
        before = time.process_time()
        result = function()
        self[name] = self.get(name, 0.0) + (time.process_time() - before) * 1e3
        return result


def measure_modules(times: Times, texts: list[str], inputs: list[Any]) -> int:
    """Measure what any way must do with modules; return the number of their operations."""
    count = 0
    for text in texts:
        with open_module(text) as module:
            count += sum(1 for _ in walk(module.operation))
            # In this context, in which the other times are measured, too.
            again = times("parse", lambda text=text: ir.Module.parse(text))
            times("create", again.operation.clone)
            times("verify", again.operation.verify)
            times("print", lambda again=again: str(again))
    for text in dict.fromkeys(map(promote_half, texts)):
        with open_module(text) as module:
            try:
                program = Program(module)
            except ValueError:
                # cuSOLVER's routines are not run here.
                continue
            times("interpreter", lambda program=program: program(inputs))
    return count


@pause_gc()
def measure(seed: int, planned: Any) -> dict[str, float]:
    """Measure a row."""
    times = Times()
    source = times("draw", lambda: kernels.draw(planned.category, seed, planned.candidate)).source
    lowered = times(
        "lower",
        lambda: lower_source(
            source.python, source.name, source.in_avals, source.argnums, ("cpu", "cuda")
        ),
    )
    row = {
        "kernel_name": source.name,
        "python": source.python,
        "in_avals": [aval.described() for aval in source.in_avals],
        "argnums": list(source.argnums),
    }
    columns = {name: lowered.columns[platform] for name, platform in COLUMNS.items()}
    times("prove", lambda: prove(row | columns, "arrays"))
    texts = []
    for column in columns.values():
        section = read_section(column, "stablehlo")
        texts += [section.forward, section.backward]
    named = row["python"], row["kernel_name"], row["in_avals"], row["argnums"]
    reference, points = evaluate_reference(*named)
    times("reference", lambda: [reference.outputs(point.inputs) for point in points])
    count = measure_modules(times, texts, points[0].inputs)
    return {"operations": count, **{name: times.get(name, 0.0) for name in (*OURS, *UNAVOIDABLE)}}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seed", type=int, default=4)
    taken = parser.parse_args()
    request = Request(seed=taken.seed, count=taken.rows, verify=False)
    planned = list(plan_rows(request))
    measure(taken.seed, planned[0])
    found = [measure(taken.seed, each) for each in planned]
    with open(RESULT, "w", newline="") as file:
        lines = csv.DictWriter(file, found[0], lineterminator="\n")
        lines.writeheader()
        lines.writerows({name: f"{x:.6g}" for name, x in each.items()} for each in found)
    means = {name: statistics.mean(each[name] for each in found) for name in found[0]}
    print(f"{len(found)} rows of seed {taken.seed}, {means['operations']:.0f} operations each")
    for names in (OURS, UNAVOIDABLE):
        print("\n| step | ms a row |\n|---|--:|")
        for name in names:
            print(f"| {name} | {means[name]:.2f} |")
        print(f"| all | {sum(means[name] for name in names):.2f} |")


if __name__ == "__main__":
    main()
