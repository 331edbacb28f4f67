"""Rows beside the straightforward way, in one process: `python benchmarks/throughput.py`.

The straightforward way is what one writes first (`straightforward.py`): for each platform the
function and its gradient go through `jax.jit`, are traced and lowered, and printed. Ours is
`lower_source`, with `prove` where rows are verified. Both get the same kernels' sources and shapes,
in blocks that take turns, so that whatever else the machine does hits both alike. CPU time; kernels
are drawn beforehand, and with them the inputs and the reference's results that a proof takes over
from its row's drawing ("alone" is a proof that has to find them itself).

Prints for each way the ratio of the means, the median and the middle 80 % of the blocks' ratios,
and the means by category.
"""

import argparse
import collections
import importlib.metadata
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from straightforward import straightforward

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.verify import prove

BLOCK = 10
PLATFORMS = {"both": ("cpu", "cuda"), "cpu": ("cpu",)}
COLUMNS = {"cpp": "cpu", "cuda": "cuda"}


class Way(NamedTuple):
    """What is measured: for which device, and what is proven."""

    device: str
    proven: str
    executor: str = ""


WAYS = (
    Way("both", "no"),
    Way("both", "yes", "arrays"),
    Way("both", "yes, by the interpreter", "interpreter"),
    Way("both", "yes, alone", "arrays"),
    Way("cpu", "no"),
    Way("cpu", "yes", "arrays"),
)


class Drawn(NamedTuple):
    """A drawn kernel, and the columns that a proof reads, but for the IR."""

    category: str
    source: Any
    row: dict[str, Any]


def draw(seed: int, count: int) -> list[Drawn]:
    """Draw the kernels of a plan."""
    found = []
    for planned in plan_rows(Request(seed=seed, count=count, device="cpu", verify=False)):
        source = kernels.draw(planned.category, seed, planned.candidate).source
        row = {
            "id": planned.id,
            "kernel_name": source.name,
            "python": source.python,
            "in_avals": [aval.described() for aval in source.in_avals],
            "argnums": list(source.argnums),
        }
        found.append(Drawn(planned.category, source, row))
    return found


def make_ours(way: Way) -> tuple[Callable[[Drawn], None], Callable[[Drawn], None]]:
    """What a row costs once it is drawn, and what is done before, without being measured."""

    def before(drawn: Drawn) -> None:
        if way.executor and "alone" not in way.proven:
            row = drawn.row
            evaluate_reference(row["python"], row["kernel_name"], row["in_avals"], row["argnums"])

    @pause_gc()
    def ours(drawn: Drawn) -> None:
        source = drawn.source
        platforms = PLATFORMS[way.device]
        lowered = lower_source(
            source.python, source.name, source.in_avals, source.argnums, platforms
        )
        if way.executor:
            columns = {name: lowered.columns.get(platform) for name, platform in COLUMNS.items()}
            prove(drawn.row | columns, way.executor)

    return before, ours


def measure(way: Way, drawn: list[Drawn]) -> list[tuple[str, float, float]]:
    """Measure the CPU seconds of each kernel, straightforward and ours, with its category."""

    def first(each: Drawn) -> None:
        for platform in PLATFORMS[way.device]:
            straightforward(each.source, platform)

    before, ours = make_ours(way)
    times: dict[tuple[int, str], float] = {}
    for number, start in enumerate(range(0, len(drawn), BLOCK)):
        block = list(enumerate(drawn))[start : start + BLOCK]
        for name in ("first", "ours") if number % 2 else ("ours", "first"):
            for place, each in block:
                if name == "ours":
                    before(each)
                begun = time.process_time()
                (ours if name == "ours" else first)(each)
                times[place, name] = time.process_time() - begun
    return [
        (each.category, times[place, "first"], times[place, "ours"])
        for place, each in enumerate(drawn)
    ]


def report(way: Way, seed: int, found: list[tuple[str, float, float]]) -> None:
    """Print a line of the table."""
    blocks = [found[k : k + BLOCK] for k in range(0, len(found), BLOCK)]
    ratios = [sum(a for _, a, _ in block) / sum(b for *_, b in block) for block in blocks]
    tenths = statistics.quantiles(ratios, n=10)
    a, b = (statistics.mean(times) * 1e3 for times in list(zip(*found, strict=True))[1:])
    print(
        f"| {way.device} | {way.proven} | {seed} | {a:.1f} | {b:.1f} | {a / b:.2f} | "
        f"{statistics.median(ratios):.2f} | {tenths[0]:.2f} to {tenths[-1]:.2f} |",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=300, help=f"of each way, {2 * BLOCK} or more")
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 11])
    parser.add_argument("--ways", type=int, nargs="+", default=[*range(len(WAYS))])
    taken = parser.parse_args()
    if taken.rows < 2 * BLOCK:
        parser.error(f"--rows (={taken.rows}) must be {2 * BLOCK} or more")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "jaxlib"))
    print(f"{taken.rows} kernels of all, {versions}, {os.cpu_count()} cores\n")
    print(
        "| device | proven | seed | straightforward, ms | ours, ms | ratio | median | 10 to 90 % |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    by_category = collections.defaultdict(list)
    for seed in taken.seeds:
        # Kernels of their own for each measurement: jax keeps what it has traced.
        drawn = draw(seed, taken.rows * len(taken.ways))
        for place, number in enumerate(taken.ways):
            way = WAYS[number]
            found = measure(way, drawn[place * taken.rows : (place + 1) * taken.rows])
            report(way, seed, found)
            for category, a, b in found:
                by_category[category, number].append((a, b))
    print("\n| category |", " | ".join(f"{WAYS[k].device}, {WAYS[k].proven}" for k in taken.ways))
    print("|---|" + "--:|" * len(taken.ways))
    for category in dict.fromkeys(category for category, _ in by_category):
        cells = []
        for number in taken.ways:
            a, b = (
                statistics.mean(x) * 1e3 for x in zip(*by_category[category, number], strict=True)
            )
            cells.append(f"{a:.0f} -> {b:.0f}: {a / b:.2f}")
        print(f"| {category} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
