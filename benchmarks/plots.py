"""Draws what the benchmarks measured: `python benchmarks/plots.py` (extra `plots`).

Reads `scaling.csv`, `limit.csv`, and `memory_lowered.csv` and `memory_compiled.csv` (what
`memory.py` prints, put there by hand), beside this file; writes `scaling.svg`, `limit.svg` and
`memory.svg` there.
"""

import csv
import itertools
import statistics
import sys
from pathlib import Path

from jax_ir_synth.card import style
from jax_ir_synth.storage.atomic_write import atomic_write

FOLDER = Path(__file__).parent
# Readable on a light and on a dark page.
_THEME = style.NEUTRAL


def read(name: str) -> dict[str, list[float]]:
    """A CSV file's columns."""
    with open(FOLDER / name, newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: [float(row[column]) for row in rows] for column in rows[0]}


def axes(pyplot, title: str, across: str, up: str):
    """An empty picture on no ground of its own."""
    figure, drawn = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    drawn.set_title(title)
    drawn.set_xlabel(across)
    drawn.set_ylabel(up)
    style.plain(drawn, _THEME)
    return figure, drawn


def save(figure, drawn, name: str) -> None:
    """With a legend, as SVG that is the same for the same figures."""
    drawn.set_ylim(bottom=0)
    drawn.legend(frameon=False, labelcolor=_THEME.ink)
    with atomic_write(FOLDER / name) as partial:
        figure.savefig(partial, format="svg", transparent=True, metadata={"Date": None})


def main() -> None:
    """Reads and draws."""
    try:
        pyplot = style.load("svg")
    except ImportError:
        sys.exit("plots need the extra plots: pip install 'jax_ir_synth[plots]'")

    found = read("scaling.csv")
    workers, rate = found["workers"], found["rows_a_second"]
    figure, drawn = axes(pyplot, "Rows a second by workers", "workers", "rows a second")
    spread = [
        [middle - low for middle, low in zip(rate, found["lowest"], strict=True)],
        [high - middle for middle, high in zip(rate, found["highest"], strict=True)],
    ]
    drawn.errorbar(workers, rate, spread, color=_THEME.series[0], marker="o", label="measured")
    ideal = [rate[0] * number for number in workers]
    drawn.plot(workers, ideal, color=_THEME.series[1], linestyle="--", label="so many times one's")
    drawn.set_xticks(workers)
    save(figure, drawn, "scaling.svg")

    figure, drawn = axes(pyplot, "Memory over many rows", "rows made", "resident memory, MB")
    lowered, compiled = read("memory_lowered.csv"), read("memory_compiled.csv")
    drawn.plot(
        lowered["rows"], lowered["process"], color=_THEME.series[0], label="StableHLO, proven"
    )
    drawn.plot(compiled["rows"], compiled["process"], color=_THEME.series[1], label="compiled")
    drawn.plot(
        compiled["rows"],
        compiled["helper"],
        color=_THEME.series[2],
        label="compiled: its helper at most",
    )
    save(figure, drawn, "memory.svg")

    found = read("limit.csv")
    figure, drawn = axes(
        pyplot, "Cost of a row by its size", "operations in its four modules", "CPU milliseconds"
    )
    for color, name in zip(_THEME.series, ("lower", "prove"), strict=False):
        pairs = zip(found["operations"], found[name], strict=True)
        drawn.plot(*zip(*pairs, strict=True), ".", color=color, markersize=3)
        drawn.plot(*medians(found["operations"], found[name]), color=color, label=name)
    # A few rows are far larger than all others.
    drawn.set_xlim(0, sorted(found["operations"])[-len(found["operations"]) // 50])
    drawn.set_ylim(0, 4 * statistics.median(found["lower"]))
    save(figure, drawn, "limit.svg")


def medians(sizes: list[float], costs: list[float]) -> tuple[list[float], list[float]]:
    """The medians of sizes and costs, in ten groups of about as many rows by size."""
    pairs = sorted(zip(sizes, costs, strict=True))
    bounds = [round(k * len(pairs) / 10) for k in range(11)]
    groups = [pairs[a:b] for a, b in itertools.pairwise(bounds) if b > a]
    columns = [list(zip(*group, strict=True)) for group in groups]
    first, second = ([statistics.median(x[k]) for x in columns] for k in (0, 1))
    return first, second


if __name__ == "__main__":
    main()
