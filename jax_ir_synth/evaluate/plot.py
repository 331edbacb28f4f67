"""Draws the report: the ladder and pass@k by category (matplotlib, the extra `evaluate`)."""

from pathlib import Path
from typing import Any

from jax_ir_synth.evaluate.judgement import RUNGS
from jax_ir_synth.evaluate.report import Figures, Report
from jax_ir_synth.evaluate.tasks import TASKS

# Readable on a light and on a dark page.
_INK = "#808890"
# From red (failed at once) to blue (passed), grey for unsupported; colour-blind readers can tell
# them apart too.
_RUNG_COLOURS = dict(
    zip(
        RUNGS,
        (
            *("#a50026", "#d73027", "#f46d43", "#fdae61"),
            *("#9a9a9a", "#c0a060", "#7fa8c9", "#2f6fb0"),
        ),
        strict=True,
    )
)
_K_COLOURS = ("#3b82d6", "#e0812c", "#3ca06b", "#9467bd", "#c05070")


def draw(report: Report, path: Path, format: str) -> None:
    """Write the picture; equal reports give equal SVG. Raises OSError."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = {"all": report.overall, **report.by_category}
    with matplotlib.rc_context({"svg.hashsalt": "jax_ir_synth", "svg.fonttype": "path"}):
        figure = Figure(figsize=(10, 1.6 + 0.36 * len(parts)), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        _draw_ladder(left, parts)
        _draw_pass_at(right, parts)
        figure.suptitle(TASKS[report.setting.task].title, color=_INK)
        # Leave the time of drawing out of the file.
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format)
        figure.savefig(path, format=format, transparent=True, metadata=undated, dpi=150)


def _draw_ladder(axes: Any, parts: dict[str, Figures]) -> None:
    reached = [0.0] * len(parts)
    for rung, colour in _RUNG_COLOURS.items():
        shares = [figures.ladder[rung] for figures in parts.values()]
        axes.barh(list(parts), shares, left=reached, color=colour, label=rung, height=0.7)
        reached = [before + share for before, share in zip(reached, shares, strict=True)]
    axes.invert_yaxis()
    _style(axes, "share of completions, by the first rung they fail at")


def _draw_pass_at(axes: Any, parts: dict[str, Figures]) -> None:
    found = next(iter(parts.values())).pass_at
    for number, k in enumerate(found):
        # Side by side, in the order of k.
        shift = 0.6 * ((number + 0.5) / len(found) - 0.5)
        for place, figures in enumerate(parts.values()):
            value, (low, high) = figures.pass_at[k], figures.intervals[k]
            axes.errorbar(
                value,
                place + shift,
                xerr=[[max(0, value - low)], [max(0, high - value)]],
                fmt="o",
                markersize=4,
                capsize=2,
                color=_K_COLOURS[number % len(_K_COLOURS)],
                label=None if place else f"pass@{k}",
            )
    _style(axes, "pass@k with 95 % intervals over rows")


def _style(axes: Any, title: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(title, color=_INK)
    axes.tick_params(colors=_INK)
    axes.grid(axis="x", color=_INK, alpha=0.25)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_INK)
    axes.legend(
        frameon=False, labelcolor=_INK, fontsize=8, ncols=4, loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
    )  # fmt: skip
