"""Memory over many rows: `python benchmarks/memory.py lowered|compiled [ROWS]`.

lowered: both devices' StableHLO, proven, as one worker makes it. compiled: optimized HLO, LLVM IR
and assembly for both devices, unproven. Prints, every 250 rows, the resident memory of this process
in MB and the most that a helper of its had meanwhile, as lines of CSV.
"""

import sys
from pathlib import Path

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering import compiling
from jax_ir_synth.request.config import Request

EVERY = 250
REQUESTS = {
    "lowered": {"device": "both"},
    "compiled": {"dialect": ("optimized_hlo", "llvm", "asm"), "verify": False},
}


def megabytes(pid: int | str) -> float:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status has no VmRSS")


def main(kind: str, count: int) -> None:
    """Makes the rows and prints."""
    request = Request(count=count, **REQUESTS[kind])
    most = 0.0
    print("rows,process,helper")
    for done, planned in enumerate(plan_rows(request), start=1):
        make_row(request, planned)
        most = max([most, *map(megabytes, compiling.list_pids())])
        if done % EVERY == 0:
            print(f"{done},{megabytes('self'):.0f},{most:.0f}", flush=True)
            most = 0.0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000)
