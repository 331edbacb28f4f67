"""Measures what each operation adds to the length of the IR, and writes it into its record.

    python benchmarks/fit_costs.py 200     # fit over 200 drawn candidates of each category
    python benchmarks/fit_costs.py         # measure alone what has no size yet

Run `ruff format jax_ir_synth/kernels/ops` afterwards: the sizes are put in without regard to
layout.

The fit is a linear program: a column's bytes are a sum over the program's operations, none
negative, and 19 programs in 20 are to be shorter than estimated (a quantile regression), since a
row that is too long is worse than one that is not drawn. An operation that fewer than three
programs hold is measured alone: the column of a program that applies it once, less the estimate of
the rest of that program; the greatest such difference over the spellings and examples of its
record, and what the fit gives to others beyond that (300 bytes, in the middle).
"""

import ast
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import linprog

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder import ir_size
from jax_ir_synth.kernels.builder.values import InAval
from jax_ir_synth.kernels.ops import CONSTRUCTS, OPS, RECORDS
from jax_ir_synth.kernels.ops.base import Op
from jax_ir_synth.kernels.printer.calls import Call, calls
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request import categories
from jax_ir_synth.storage.atomic_write import atomic_write

SEED, QUANTILE, PRIOR, PULL, RARE, ALLOWANCE = 5, 0.95, 600.0, 3e-5, 3, 300
PLATFORMS = ("cpu", "cuda")
RECORDS_FOLDER = Path(ir_size.__file__).parents[1] / "ops"
# The package that this script may edit.
PACKAGE = Path(__file__).resolve().parents[1] / "jax_ir_synth"


def draw(count: int) -> tuple[list[dict[str, float]], np.ndarray]:
    """The operations of drawn programs, and the mean bytes of their IR columns."""
    programs, sizes = [], []
    for category in categories.CATEGORIES:
        for candidate in range(count):
            spec = kernels.draw(category, SEED, candidate)
            source = kernels.write(spec)
            programs.append(ir_size.count_operations(spec.outputs))
            sizes.append(column_bytes(source.python, source.name, source.in_avals, source.argnums))
        print(f"{category}: {count} programs", file=sys.stderr)
    return programs, np.array(sizes)


def column_bytes(python: str, name: str, in_avals, argnums) -> float:
    """Bytes of one IR column, the mean of both platforms'."""
    lowered = lower_source(python, name, in_avals, argnums, PLATFORMS)
    return sum(map(len, lowered.columns.values())) / len(PLATFORMS)


def measure_alone(op: Op) -> int:
    """Bytes that one use of an operation adds, at most, in the programs of its examples."""
    most = max(_added(call) for call in calls(op))
    return max(0, math.ceil(most / 10) * 10) + ALLOWANCE


def _added(call: Call) -> float:
    text, operands = call.text, dict(call.arguments)
    names = list(operands)
    avals = [
        InAval(name, o.shape, o.dtype, float(o.low), float(o.high)) for name, o in operands.items()
    ]
    value, builder = call.value, call.builder
    if not value.is_float or not any(aval.dtype == "float32" for aval in avals):
        # What has no gradient is used as a factor of what has one.
        text = f"({text}).astype(jnp.float32) * gain"
        names.append("gain")
        avals.append(InAval("gain", (), "float32", 0.5, 2.0))
        with builder.trusted():
            if value.dtype != "float32":
                value = builder.apply("convert", value, dtype="float32")
            value = builder.apply("mul", value, builder.argument((), 0.5, 2.0))
    python = f"def kernel_f({', '.join(names)}):\n    return {text}\n"
    argnums = tuple(i for i, aval in enumerate(avals) if aval.dtype == "float32")
    uses = ir_size.count_operations((value,))
    own = call.op.sized_as or call.op.name
    rest = ir_size.BASE + sum(
        times * ir_size.bytes_of(op) for op, times in uses.items() if op != own
    )
    return (column_bytes(python, "kernel_f", tuple(avals), argnums) - rest) / uses[own]


def fit(programs: list[dict[str, float]], sizes: np.ndarray) -> dict[str, int]:
    """Bytes of each operation that is met often enough; "" is the base, "other" the rest."""
    met = Counter(op for program in programs for op in program)
    ops = sorted(op for op in met if met[op] >= RARE)
    matrix = np.array(
        [
            [1.0, *(p.get(op, 0) for op in ops), sum(n for op, n in p.items() if met[op] < RARE)]
            for p in programs
        ]
    )
    rows, columns = matrix.shape
    weight = 1 / np.maximum(sizes, 8000)
    cost = np.concatenate(
        [np.zeros(columns), QUANTILE * weight, (1 - QUANTILE) * weight, np.full(2 * columns, PULL)]
    )
    equal = sparse.vstack(
        [
            sparse.hstack(
                [
                    sparse.csr_matrix(matrix),
                    sparse.eye(rows),
                    -sparse.eye(rows),
                    sparse.csr_matrix((rows, 2 * columns)),
                ]
            ),
            sparse.hstack(
                [
                    sparse.eye(columns),
                    sparse.csr_matrix((columns, 2 * rows)),
                    -sparse.eye(columns),
                    sparse.eye(columns),
                ]
            ),
        ]
    )
    solved = linprog(
        cost,
        A_eq=equal,
        b_eq=np.concatenate([sizes, np.full(columns, PRIOR)]),
        bounds=(0, None),
        method="highs",
    )
    found = np.round(solved.x[:columns], -1)
    estimate = matrix @ found
    for limit in (26_000, 28_000, 29_000, 30_000, 31_000):
        kept = estimate <= limit
        print(
            f"of those estimated within {limit}: {kept.mean():.1%} of all, "
            f"longest {sizes[kept].max():.0f}, {(sizes[kept] > 32_000).sum()} over 32,000",
            file=sys.stderr,
        )
    print(
        "estimate over size, percent, at 1, 5, 50, 95, 99 %:",
        np.percentile((estimate - sizes) / sizes * 100, [1, 5, 50, 95, 99]).round(),
        file=sys.stderr,
    )
    return {name: int(value) for name, value in zip(["", *ops, "other"], found, strict=True)}


def check_package() -> None:
    """Exits unless the imported package is the one beside this script, whose records it edits."""
    imported = Path(kernels.__file__).resolve().parents[1]
    if imported != PACKAGE:
        sys.exit(
            f"this would edit {imported}: run it with PYTHONPATH={PACKAGE.parent}, so that the "
            "package beside this script is imported"
        )


def write_sizes(sizes: dict[str, int], folder: Path = RECORDS_FOLDER) -> None:
    """Puts the sizes into the calls that make the records. Files without such a call stay."""
    missing = set(sizes)
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        lines = [0]
        for line in source.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        edits = []
        for name, call in _record_calls(ast.parse(source)):
            if name not in missing:
                continue
            missing.discard(name)
            edits.append((*_place(call, source, lines), sizes[name]))
        if not edits:
            continue
        for start, end, text, size in sorted(edits, reverse=True):
            source = source[:start] + text.replace("?", str(size)).encode() + source[end:]
        with atomic_write(path) as partial:
            partial.write_bytes(source)
    if missing:
        print(f"no record in {folder}: {', '.join(sorted(missing))}", file=sys.stderr)


def _record_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Calls in the tables whose first argument, or `name`, is a record's name."""
    for table in tree.body:
        if not isinstance(table, ast.Assign):
            continue
        for node in ast.walk(table):
            if not isinstance(node, ast.Call):
                continue
            named = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "name")]
            for name in (n.value for n in named if isinstance(n, ast.Constant)):
                prefixed = f"at_{name}" if getattr(node.func, "id", "") == "_at" else name
                if prefixed in RECORDS and getattr(node.func, "id", "") != "made":
                    yield prefixed, node


def _place(call: ast.Call, source: bytes, lines: list[int]) -> tuple[int, int, str]:
    """Where a size is written, and in which form: in the place of one, or as a last argument."""
    for keyword in call.keywords:
        if keyword.arg == "ir_bytes":
            value = keyword.value
            return (
                lines[value.lineno - 1] + value.col_offset,
                lines[value.end_lineno - 1] + value.end_col_offset,
                "?",
            )
    end = len(source[: lines[call.end_lineno - 1] + call.end_col_offset - 1].rstrip())
    comma = "" if source[:end].endswith(b",") else ","
    return end, end, f"{comma} ir_bytes=?"


def main() -> None:
    """Fits or measures, and writes the records."""
    check_package()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    sizes: dict[str, int] = {}
    if count:
        sizes = fit(*draw(count))
        print({name: sizes.pop(name) for name in ("", "other", "threefry")}, file=sys.stderr)
    for op in OPS.values():
        if op.sized_as or op.name in sizes:
            continue
        if count or op.ir_bytes is None:
            sizes[op.name] = measure_alone(op)
            print(op.name, sizes[op.name], file=sys.stderr)
    for construct in CONSTRUCTS.values():
        if construct.ir_bytes is None and construct.name not in sizes:
            print(f"no program holds {construct.name!r}: measure it by hand", file=sys.stderr)
    if not sizes:
        print("nothing to measure: each record has its size")
        return
    write_sizes(sizes)


if __name__ == "__main__":
    main()
