"""Memory over many compiled rows: `python benchmarks/compiled_memory.py [ROWS]`.

Prints, every 250 rows, the resident memory of this process and the most that a helper had. Each row
is compiled for the CPU and for CUDA, both passes.
"""

import sys
from pathlib import Path

from jax_ir_synth.config import Request
from jax_ir_synth.lowering import compiling
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import make_row

EVERY = 250


def megabytes(pid: int | str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/status has no {name}")


def main(count: int) -> None:
    request = Request(count=count, dialect=("optimized_hlo", "llvm", "asm"), verify=False)
    most = 0.0
    for done, planned in enumerate(plan_rows(request), start=1):
        make_row(request, planned)
        most = max([most, *(megabytes(pid, "VmRSS") for pid in compiling.pids())])
        if done % EVERY == 0:
            print(
                f"{done} rows: {megabytes('self', 'VmRSS'):.0f} MB, a helper at most {most:.0f} MB",
                flush=True,
            )
            most = 0.0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
