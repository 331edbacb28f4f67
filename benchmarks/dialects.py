"""What each dialect costs and holds: `python benchmarks/dialects.py [ROWS]` prints two tables.

CPU time of all processes, on rows that are drawn and lowered anew for each dialect and not proven.
"""

import importlib.metadata
import os
import re
import resource
import statistics
import sys
from collections import Counter

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering import compiling
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.ir_section import read_section

COLUMNS = ("cpp", "cuda")
_HLO = re.compile(r"^\s+(?:ROOT )?%\S+ = (?:\([^=]*?\)|\S+) ([\w-]+)\(", re.MULTILINE)
KINDS = {
    ("optimized_hlo", "kinds of HLO operations"): _HLO,
    ("optimized_hlo", "kinds of fusions"): re.compile(r"\bfusion\(.*\bkind=(k\w+)"),
    ("optimized_hlo", "library calls"): re.compile(
        r'custom_call_target="([^"]+)"|"kind":"(__\w+)"'
    ),
    ("llvm", "kinds of LLVM instructions"): re.compile(
        r"^  (?:[%\w.]+ = )?(?:tail |musttail )?([a-z]\w*)\b", re.MULTILINE
    ),
    ("asm", "kinds of instructions (x86-64, PTX)"): re.compile(
        r"^\t(?:@!?%\w+ )?([a-z]\w*)\b", re.MULTILINE
    ),
}


def cpu_seconds() -> float:
    """CPU seconds of this process and of its helpers that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def made(dialect: str, count: int) -> tuple[list[dict], float]:
    """The rows, and the CPU time of one in ms; a helper's counts once it has ended."""
    request = Request(count=count, dialect=dialect, verify=False)
    planned = list(plan_rows(request))
    make_row(request, planned[0])
    compiling.close()
    before = cpu_seconds()
    rows = [make_row(request, row) for row in planned]
    compiling.close()
    return rows, (cpu_seconds() - before) / count * 1e3


def main(count: int) -> None:
    """Prints the tables for so many rows."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "jaxlib"))
    print(f"{count} rows of all, seed 0, {versions}, {os.cpu_count()} cores\n")
    print("| dialect | CPU and CUDA differ | bytes, CPU: median, 95 % | CUDA | ms a row |")
    print("|---|--:|--:|--:|--:|")
    kinds = {what: [Counter(), Counter()] for what in KINDS}
    for dialect in DIALECTS:
        rows, cost = made(dialect, count)
        differ = sum(_body(row["cpp"]) != _body(row["cuda"]) for row in rows) / count
        print(
            f"| `{dialect}` | {differ:.1%} | {_sizes(rows, 'cpp')} | {_sizes(rows, 'cuda')} | "
            f"{cost:.0f} |"
        )
        for (of, what), pattern in KINDS.items():
            if of == dialect:
                for counter, name in zip(kinds[of, what], COLUMNS, strict=True):
                    for row in rows:
                        counter.update("".join(found) for found in pattern.findall(row[name]))
    print("\n| reached | CPU | CUDA | the most frequent |\n|---|--:|--:|---|")
    for (_, what), (cpu, cuda) in kinds.items():
        often = ", ".join(f"`{name}`" for name, _ in (cpu + cuda).most_common(6))
        print(f"| {what} | {len(cpu)} | {len(cuda)} | {often} |")


def _body(text: str) -> tuple[str, str]:
    column = read_section(text)
    return column.forward, column.backward


def _sizes(rows: list[dict], name: str) -> str:
    sizes = [len(row[name].encode()) for row in rows]
    return f"{statistics.median(sizes):,.0f}, {statistics.quantiles(sizes, n=20)[-1]:,.0f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
