"""Draws the card's charts. Each has a function that draws it, and describes it in a sentence."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jax_ir_synth.card import parts
from jax_ir_synth.card.drawing import Count
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.card.style import Theme, plain, several
from jax_ir_synth.schema.splits import SPLITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Chart = Callable[["Figure", Theme, Facts, Mapping[str, Count]], str]
# The number of rows of the map of operations.
_OPERATIONS = 36
_SAMENESS = {
    "python": "Python text",
    "ir": "IR text",
    "program_hash": "program_hash",
    "masked_python": "Python, names and\nnumbers masked",
    "masked_ir": "IR, numbers masked",
    "skeleton_hash": "skeleton_hash",
}


def rows(figure: "Figure", theme: Theme, facts: Facts, counts: Mapping[str, Count]) -> str:
    """Draw the rows by category and split, as stacked bars."""
    by_category = facts.summary["rows_by_category"]
    parts.height(figure, 1.3 + 0.32 * len(by_category))
    axes = figure.subplots()
    names = list(by_category)
    left = [0] * len(names)
    for split, colour in zip(SPLITS, theme.series, strict=False):
        widths = [by_category[name][split] for name in names]
        axes.barh(names, widths, left=left, height=0.72, color=colour, label=split)
        for at, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width:
                parts.inside(axes, colour, start + width / 2, at, f"{width:,}")
        left = [start + width for start, width in zip(left, widths, strict=True)]
    parts.categories(axes, theme, "x")
    axes.set_xlabel("rows", color=theme.ink)
    by = "category and split" if len(names) > 1 else "split"
    parts.title(figure, theme, f"Rows by {by}")
    parts.legend(figure, axes, theme)
    total = facts.summary["rows"]
    shares = ", ".join(
        f"{sum(splits[split] for splits in by_category.values()):,} {split}" for split in SPLITS
    )
    return f"Rows by {by}, as bars: {several(total, 'row')}, of these {shares}."


def lengths(figure: "Figure", theme: Theme, facts: Facts, counts: Mapping[str, Count]) -> str:
    """Draw lines of Python and bytes of IR by category, as boxes from 5 to 95 %."""
    names = list(facts.lines)
    parts.height(figure, 1.5 + 0.42 * len(names))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
    parts.boxes(left, theme, [facts.lines[name] for name in names], theme.series[2], 0, 0.5)
    for part, offset, colour in (("forward", -0.19, 0), ("backward", 0.19, 1)):
        sizes = [[size / 1024 for size in facts.sizes[name][part]] for name in names]
        parts.boxes(right, theme, sizes, theme.series[colour], offset, 0.32)
        right.plot([], [], color=theme.series[colour], linewidth=7, label=part)
    left.set_yticks(range(len(names)), names)
    left.set_xlim(left=0)
    left.set_xlabel("lines of Python", color=theme.ink)
    device = "CUDA" if facts.request.device == "cuda" else "the CPU"
    right.set_xlabel(f"KiB of StableHLO for {device}", color=theme.ink)
    for axes in (left, right):
        parts.categories(axes, theme, "x")
    right.set_xscale("log", base=2)
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    parts.title(
        figure, theme, "Length of source and IR (box: middle half, dot: median, line: 5 to 95 %)"
    )
    parts.legend(figure, right, theme)
    sizes = facts.summary["sizes"]
    column = next(iter(facts.shown.texts))
    by = " by category" if len(names) > 1 else ""
    return (
        f"Lengths{by}, as boxes. Over all rows the median is "
        f"{sizes['source_lines']['median']:g} lines of Python and "
        f"{sizes[f'{column}_bytes']['median'] / 1024:.1f} KiB of IR, forward and backward together."
    )


def operations(figure: "Figure", theme: Theme, facts: Facts, counts: Mapping[str, Count]) -> str:
    """Draw the share of each category's rows that have an operation, as a map."""
    from matplotlib.colors import LinearSegmentedColormap

    by_category = facts.summary["operations_by_category"]
    names = list(by_category)
    totals = {name: sum(facts.summary["rows_by_category"][name].values()) for name in names}
    shares = {
        operation: [by_category[name].get(operation, 0) / totals[name] for name in names]
        for operation in sorted(facts.summary["operations"])
    }
    # The operations that tell categories apart, each with the category where it is most frequent.
    least = {name: min(these) if len(names) > 1 else 0 for name, these in shares.items()}
    apart = sorted(shares, key=lambda name: (least[name] - max(shares[name]), name))
    shown = sorted(
        apart[:_OPERATIONS],
        key=lambda name: (shares[name].index(max(shares[name])), -max(shares[name]), name),
    )
    parts.height(figure, 1.9 + 0.235 * len(shown))
    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("ramp", theme.ramp)
    axes.imshow([shares[name] for name in shown], cmap=colours, vmin=0, vmax=1, aspect="auto")
    for row, name in enumerate(shown):
        for column, share in enumerate(shares[name]):
            if share:
                text = "<1" if share < 0.005 else f"{100 * share:.0f}"
                ground = colours(share)
                axes.text(
                    column,
                    row,
                    text,
                    ha="center",
                    va="center_baseline",
                    fontsize=8,
                    color=parts.on(ground),
                )
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(names)), names, rotation=35, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(shown)), [name.removeprefix("stablehlo.") for name in shown])
    plain(axes, theme, grid="")
    axes.tick_params(length=0, labelsize=parts.SMALL)
    for spine in axes.spines.values():
        spine.set_visible(False)
    # Thin gaps between the fields.
    axes.set_xticks([at + 0.5 for at in range(len(names) - 1)], minor=True)
    axes.set_yticks([at + 0.5 for at in range(len(shown) - 1)], minor=True)
    axes.grid(which="minor", color=theme.ground, linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    which = f"all {len(shares)} kinds"
    if len(shown) < len(shares):
        which = f"the {len(shown)} of {len(shares)} kinds that differ most"
    of = "a category's rows" if len(names) > 1 else "the rows"
    parts.title(figure, theme, f"Operations reached, in % of {of} ({which})")
    whose = "the rows of each category" if len(names) > 1 else "the rows"
    return (
        f"A map of the operations that {whose} reach: "
        f"{len(shown)} of {len(shares)} kinds of stablehlo and chlo operations."
    )


def devices(figure: "Figure", theme: Theme, facts: Facts, counts: Mapping[str, Count]) -> str:
    """Draw how many rows' CPU and CUDA texts differ, and the operations that only one side has."""
    differ = facts.summary["cpu_cuda_differ"]
    names, sides = list(differ), facts.sides
    total = sum(part["rows"] for part in differ.values())
    parts.height(figure, 1.5 + 0.27 * max(len(names), len(sides)))
    # Bars of equal height on both sides, whichever has more of them.
    below = max(0, len(sides) - len(names) - 3)
    heights = (len(names), below) if below else (1,)
    grid = figure.add_gridspec(len(heights), 2, width_ratios=(1, 1.5), height_ratios=heights)
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[:, 1])
    shares = [100 * part["rows"] / part["of"] for part in differ.values()]
    left.barh(names, shares, height=0.7, color=theme.series[2])
    most = max(shares)
    for at, (share, part) in enumerate(zip(shares, differ.values(), strict=True)):
        text = f"{part['rows']:,} of {part['of']:,}"
        left.text(
            share + most * 0.03,
            at,
            text,
            va="center_baseline",
            fontsize=parts.SMALL,
            color=theme.faint,
        )
    left.set_xlim(0, max(most * 1.75, 1))
    left.set_xlabel("% of the rows", color=theme.ink)
    parts.categories(left, theme, "")
    ordered = sorted(sides, key=lambda name: (sides[name]["cuda"] - sides[name]["cpp"], name))
    labels = [name.removeprefix("stablehlo.").removeprefix("custom_call ") for name in ordered]
    for name, sign, colour, label in (("cpp", -1, 0, "CPU alone"), ("cuda", 1, 1, "CUDA alone")):
        widths = [sign * sides[operation][name] for operation in ordered]
        right.barh(labels, widths, height=0.7, color=theme.series[colour], label=label)
        for at, width in enumerate(widths):
            if width:
                side = "right" if sign < 0 else "left"
                right.text(
                    width + sign * total * 0.015,
                    at,
                    f"{abs(width):,}",
                    ha=side,
                    va="center_baseline",
                    fontsize=parts.SMALL,
                    color=theme.faint,
                )
    parts.categories(right, theme, "")
    right.set_xlim(-total * 1.15, total * 1.15)
    right.spines["left"].set_visible(False)
    right.axvline(0, color=theme.faint, linewidth=1)
    right.set_xlabel("rows with it on one side alone", color=theme.ink)
    parts.legend(figure, right, theme)
    parts.title(figure, theme, "How the CPU's StableHLO and CUDA's differ")
    every = sum(part["of"] for part in differ.values())
    return (
        f"How CPU and CUDA differ: in {total:,} of {every:,} rows; "
        f"{len(sides)} kinds of operations and calls are on one side alone."
    )


def deduplication(figure: "Figure", theme: Theme, facts: Facts, counts: Mapping[str, Count]) -> str:
    """Draw candidates and rows by category, and the rows that are distinct in each sense."""
    names = list(counts)
    parts.height(figure, 1.5 + 0.32 * max(len(names), len(_SAMENESS)))
    left, right = figure.subplots(1, 2)
    kept = [count.rows for count in counts.values()]
    same = [count.candidates - count.programs for count in counts.values()]
    alike = [count.programs - count.rows for count in counts.values()]
    most = max(count.candidates for count in counts.values())
    start = [0] * len(names)
    for label, widths, colour in (
        ("kept", kept, theme.series[0]),
        ("skeleton is there already", alike, theme.series[1]),
        ("program is there already", same, theme.series[2]),
    ):
        left.barh(names, widths, left=start, height=0.7, color=colour, label=label)
        start = [first + width for first, width in zip(start, widths, strict=True)]
    for at, count in enumerate(counts.values()):
        text = f"{count.candidates:,} → {count.rows:,}"
        left.text(
            count.candidates + most * 0.03,
            at,
            text,
            va="center_baseline",
            fontsize=parts.SMALL,
            color=theme.faint,
        )
    left.set_xlim(0, most * 1.5)
    left.set_xlabel("candidates drawn", color=theme.ink)
    parts.categories(left, theme, "")
    distinct, total = facts.summary["distinct"], facts.summary["rows"]
    labels = [_SAMENESS[name] for name in distinct]
    right.barh(labels, list(distinct.values()), height=0.6, color=theme.series[3])
    for at, number in enumerate(distinct.values()):
        text = f"{number:,} of {total:,}"
        parts.inside(right, theme.series[3], number / 2, at, text)
    right.set_xlim(0, total * 1.02)
    right.set_xlabel("distinct among the rows", color=theme.ink)
    parts.categories(right, theme, "x")
    parts.title(figure, theme, "What was deduplicated: candidates and rows; rows that are distinct")
    parts.legend(figure, left, theme)
    candidates = sum(count.candidates for count in counts.values())
    return (
        f"What was deduplicated: {several(candidates, 'candidate')} drawn, {several(total, 'row')} "
        f"kept, {several(distinct['skeleton_hash'], 'skeleton')} among them."
    )


# The charts by the names in files and in the card's template.
CHARTS: dict[str, Chart] = {
    "rows": rows,
    "deduplication": deduplication,
    "lengths": lengths,
    "operations": operations,
    "devices": devices,
}


def choose_charts(facts: Facts) -> dict[str, Chart]:
    """Choose the charts that say something about these rows."""
    charts = dict(CHARTS)
    # Rows for one device have nothing to compare, and in many categories both texts are alike.
    if not facts.sides:
        charts.pop("devices", None)
    return charts
