"""What verification adds to the time of a row, with and without in one run.

    python benchmarks/verify_cost.py 300

makes that many rows of `all` twice, in turns of ten rows with and ten without, and prints the CPU
time of each way. Planning counts to both. A turn's order alternates, so that neither way is
favoured by what the other left warm.
"""

import statistics
import sys
import time

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.config import Request

SEED, TURN = 3, 10


def main(count: int) -> None:
    """Measures and prints."""
    ways = {verify: Request(seed=SEED, count=count, verify=verify) for verify in (False, True)}
    started = time.process_time()
    planned = list(plan_rows(ways[True]))
    planning = (time.process_time() - started) / count
    for request in ways.values():
        make_row(request, planned[0])
    times: dict[bool, list[float]] = {False: [], True: []}
    for turn, start in enumerate(range(0, count, TURN)):
        for verify in (False, True) if turn % 2 else (True, False):
            started = time.process_time()
            for row in planned[start : start + TURN]:
                make_row(ways[verify], row)
            times[verify].append((time.process_time() - started) / TURN)
    without, with_ = (planning + statistics.mean(times[verify]) for verify in (False, True))
    shares = [b / a - 1 for a, b in zip(*(times[verify] for verify in (False, True)), strict=True)]
    print(f"CPU milliseconds a row over {count} rows, planning ({planning * 1e3:.1f}) included:")
    print(f"  without verification  {without * 1e3:6.1f}")
    print(f"  with verification     {with_ * 1e3:6.1f}   {with_ / without - 1:+.1%}")
    print(f"  median over turns of ten rows, without planning: {statistics.median(shares):+.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
