"""Fits what each operation adds to the length of the IR, over drawn and lowered programs; writes core/costs.py.

    python benchmarks/fit_costs.py 200

draws that many candidates of each category. The fit is a linear program: bytes are a sum over the
operations, never negative, and 19 programs in 20 are to be shorter than estimated (a quantile
regression), since a row that is too long is worse than one that is not drawn.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import linprog

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder import ir_size
from jax_ir_synth.kernels.ops import ir_sizes
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request import categories
from jax_ir_synth.storage.atomic_write import atomic_write

SEED, QUANTILE, PRIOR, PULL, RARE = 5, 0.95, 600.0, 3e-5, 3


def measure(count: int) -> tuple[list[Counter], np.ndarray]:
    """The operations of each program, and its mean bytes of an IR column."""
    programs, sizes = [], []
    for category in categories.CATEGORIES:
        for candidate in range(count):
            spec = kernels.draw(category, SEED, candidate)
            source = kernels.write(spec)
            lowered = lower_source(
                source.python, source.name, source.in_avals, source.argnums, ("cpu", "cuda")
            )
            programs.append(ir_size.operations(spec.outputs))
            sizes.append(sum(map(len, lowered.columns.values())) / 2)
        print(f"{category}: {count} programs", file=sys.stderr)
    return programs, np.array(sizes)


def fit(programs: list[Counter], sizes: np.ndarray) -> dict[str, int]:
    """Bytes for each operation that is met often enough; "" is the base, "other" the rest."""
    met = Counter(op for program in programs for op in program)
    ops = sorted(op for op in met if met[op] >= RARE)
    matrix = np.array(
        [
            [1.0, *(p[op] for op in ops), sum(n for op, n in p.items() if met[op] < RARE)]
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
    error = (matrix @ found - sizes) / sizes * 100
    estimate = matrix @ found
    for limit in (26_000, 28_000, 29_000, 30_000, 31_000):
        kept = estimate <= limit
        print(
            f"of those estimated within {limit}: {kept.mean():.1%} of all, longest {sizes[kept].max():.0f}, "
            f"{(sizes[kept] > 32_000).sum()} over 32,000",
            file=sys.stderr,
        )
    print(
        "estimate over size, percent, at 1, 5, 50, 95, 99 %:",
        np.percentile(error, [1, 5, 50, 95, 99]).round(),
        file=sys.stderr,
    )
    return {name: int(value) for name, value in zip(["", *ops, "other"], found)}


def main() -> None:
    found = fit(*measure(int(sys.argv[1])))
    base, other = found.pop(""), found.pop("other")
    lines = [f'    "{op}": {found[op]},' for op in sorted(found)]
    with atomic_write(Path(ir_sizes.__file__)) as partial:
        partial.write_text(
            "\n".join(
                [
                    f'"""{ir_sizes.__doc__}"""',
                    "",
                    f"BASE = {base}",
                    f"OTHER = {other}",
                    "BYTES = {",
                    *lines,
                    "}",
                    "",
                ]
            )
        )


if __name__ == "__main__":
    main()
