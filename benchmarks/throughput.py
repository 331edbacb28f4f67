"""Rows beside the straightforward way, in one process: `python benchmarks/throughput.py [KERNELS]`.

The straightforward way is what one writes first (`straightforward.py`): for each platform the
function and its gradient go through `jax.jit`, are traced and lowered, and printed. Ours is
`lower_source`, with `prove` where rows are verified. Both get the same kernels' sources and shapes,
in blocks that take turns, so that whatever else the machine does hits both alike. CPU time; kernels
are drawn beforehand.

Prints the mean of each way, the ratio of the means, and the middle 80 % of the blocks' ratios.
"""

import importlib.metadata
import os
import statistics
import sys
import time

from straightforward import straightforward

from jax_ir_synth import kernels
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.verify import prove

SEED, BLOCK = 4, 10
WAYS = (("both", False), ("both", True), ("cpu", False), ("cpu", True))
PLATFORMS = {"both": ("cpu", "cuda"), "cpu": ("cpu",)}


@pause_gc()
def ours(source, row: dict, platforms: tuple[str, ...], verify: bool) -> None:
    """What a row costs once it is drawn."""
    lowered = lower_source(source.python, source.name, source.in_avals, source.argnums, platforms)
    if verify:
        names = {"cpp": "cpu", "cuda": "cuda"}
        prove(row | {name: lowered.columns.get(platform) for name, platform in names.items()})


def unproven(planned, source) -> dict:
    """The columns that a proof reads, but for the IR."""
    return {
        "id": planned.id,
        "kernel_name": source.name,
        "python": source.python,
        "in_avals": [aval.described() for aval in source.in_avals],
        "argnums": list(source.argnums),
    }


def measure(device: str, verify: bool, drawn: list[tuple]) -> tuple[list[float], list[float]]:
    """CPU seconds a kernel of each block, straightforward and ours."""
    platforms = PLATFORMS[device]

    def first(source, row):
        for platform in platforms:
            straightforward(source, platform)

    def second(source, row):
        ours(source, row, platforms, verify)

    times = {first: [], second: []}
    for number, start in enumerate(range(0, len(drawn), BLOCK)):
        block = drawn[start : start + BLOCK]
        for way in (first, second) if number % 2 else (second, first):
            before = time.process_time()
            for source, row in block:
                way(source, row)
            times[way].append((time.process_time() - before) / len(block))
    return times[first], times[second]


def main(count: int) -> None:
    """Measures and prints."""
    if count < 2 * BLOCK:
        sys.exit(f"KERNELS (={count}) must be {2 * BLOCK} or more: blocks of {BLOCK} are compared")
    # Kernels of their own for each measurement: jax keeps what it has traced.
    request = Request(seed=SEED, count=len(WAYS) * count, device="cpu", verify=False)
    drawn = []
    for planned in plan_rows(request):
        spec = kernels.draw(planned.category, SEED, planned.candidate)
        source = kernels.write(spec)
        drawn.append((source, unproven(planned, source)))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "jaxlib"))
    print(f"{count} kernels of all, seed {SEED}, {versions}, {os.cpu_count()} cores\n")
    print(
        "| device | verified | straightforward, ms | ours, ms | ratio | of the blocks: 10 to 90 % |"
    )
    print("|---|---|--:|--:|--:|--:|")
    for number, (device, verify) in enumerate(WAYS):
        both = measure(device, verify, drawn[number * count : (number + 1) * count])
        ratios = [a / b for a, b in zip(*both, strict=True)]
        tenths = statistics.quantiles(ratios, n=10)
        a, b = (statistics.mean(times) * 1e3 for times in both)
        word = "yes" if verify else "no"
        print(
            f"| {device} | {word} | {a:.1f} | {b:.1f} | {a / b:.2f} | "
            f"{tenths[0]:.2f} to {tenths[-1]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
