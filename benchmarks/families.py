"""How families of programs do: `python benchmarks/families.py attention --count 40 --show 3`.

Programs of each family are drawn, validated, lowered and, with `--prove`, proven. Prints for each
family how many pass, how many structures they have, and their sizes; then what the others fail by.
"""

import argparse
import collections
import statistics
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import KernelSource, Rejected
from jax_ir_synth.kernels.style.draw import draw_family
from jax_ir_synth.kernels.style.family import Family, list_all
from jax_ir_synth.kernels.validation.program import require_sound
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.features import find_features
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.masking import mask_module
from jax_ir_synth.verify import prove

_SIGNATURES = {each: kernels.signature(each) for each in CATEGORIES}


def main() -> int:
    """Run it; returns 1 where a program can't be lowered or proven."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("modules", nargs="+", help="modules of kernels/families")
    parser.add_argument("--family", nargs="+", help="these families alone")
    parser.add_argument("--count", type=int, default=30, help="programs of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print so many of each family")
    parser.add_argument("--prove", action="store_true")
    taken = parser.parse_args()
    topics = {each.topic for each in list_all()}
    if unknown := set(taken.modules) - topics:
        parser.error(
            f"no module {', '.join(sorted(unknown))}; there are {', '.join(sorted(topics))}"
        )
    table = Table("family", "passed", "structures", "lines", "operations", "categories", "ms")
    faults: collections.Counter[str] = collections.Counter()
    defects = 0
    for each in list_all():
        if each.topic in taken.modules and (not taken.family or each.name in taken.family):
            defects += _try_family(each, taken, table, faults)
    Console(width=150).print(table)
    for fault, count in faults.most_common(40):
        print(f"{count:5} {fault}")
    return int(defects > 0)


def _try_family(
    family: Family, taken: argparse.Namespace, table: Table, faults: collections.Counter[str]
) -> int:
    skeletons, lines, operations = set(), [], []
    belongs: collections.Counter[str] = collections.Counter()
    passed, shown, defects, started = 0, 0, 0, time.process_time()
    for candidate in range(taken.count):
        stream = Stream(taken.seed, family.name, candidate)
        source = None
        try:
            source = draw_family(family, stream, "float32")
            require_sound(source)
        except Rejected as error:
            faults[f"{family.name}: {str(error)[:110]}"] += 1
            continue
        except Exception as error:
            defects += 1
            faults[f"{family.name}: DEFECT {type(error).__name__}: {str(error)[:200]}"] += 1
            if source is not None:
                print(source.python, file=sys.stderr)
            continue
        if shown < taken.show:
            shown += 1
            print(source.python)
        try:
            row = _make_row(source)
            if taken.prove:
                prove(row, "arrays")
        except Exception as error:
            defects += 1
            faults[f"{family.name}: DEFECT {type(error).__name__}: {str(error)[:200]}"] += 1
            print(source.python, file=sys.stderr)
            continue
        passed += 1
        section = read_section(row["cpp"])
        features = find_features(section.forward, section.backward)
        belongs.update(
            [name for name, signature in _SIGNATURES.items() if signature.holds(features)]
            or [f"none ({', '.join(sorted(features))})"]
        )
        skeletons.add(mask_module(section.forward))
        lines.append(sum(1 for line in source.python.split("\n") if line.strip()))
        operations.append(section.forward.count(" = stablehlo.") + section.forward.count(" = call"))
    table.add_row(
        family.name,
        f"{passed} of {taken.count}",
        str(len(skeletons)),
        _show(lines),
        _show(operations),
        ", ".join(f"{name} {count}" for name, count in belongs.most_common()),
        f"{(time.process_time() - started) / taken.count * 1e3:.0f}",
    )
    return defects


def _make_row(source: KernelSource) -> dict[str, Any]:
    lowered = lower_source(
        source.python, source.name, source.in_avals, source.argnums, ("cpu", "cuda")
    )
    return {
        "id": 0,
        "kernel_name": source.name,
        "python": source.python,
        "cpp": lowered.columns["cpu"],
        "cuda": lowered.columns["cuda"],
        "in_avals": [aval.described() for aval in source.in_avals],
        "argnums": list(source.argnums),
    }


def _show(values: list[int]) -> str:
    return f"{min(values)}, {statistics.median(values):.0f}, {max(values)}" if values else "-"


if __name__ == "__main__":
    sys.exit(main())
