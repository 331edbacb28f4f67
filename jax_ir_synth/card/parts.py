"""Draws the parts of charts: headings, bars with names, boxes, text in bars."""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from jax_ir_synth.card.style import Theme, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 8
# The least height in inches: headings, legend and one bar.
_LEAST = 2.8
# Sizes of text in points.
TEXT, SMALL = 10, 9


def height(figure: "Figure", inches: float) -> None:
    """Set the size. A page shows a picture 800 pixels wide, so that a point has 1.4 pixels."""
    figure.set_size_inches(_WIDTH, max(inches, _LEAST))
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)


def title(figure: "Figure", theme: Theme, text: str) -> None:
    """Write a heading over the entire figure."""
    figure.suptitle(text, color=theme.ink, fontsize=12, fontweight="bold")


def legend(figure: "Figure", axes: "Axes", theme: Theme) -> None:
    """Draw a legend of the axes' colours at the bottom."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        labelcolor=theme.ink,
        fontsize=TEXT,
    )


def categories(axes: "Axes", theme: Theme, grid: Literal["", "x"]) -> None:
    """Lay out axes whose rows have names, the first at the top, and whose x-axis has counts."""
    from matplotlib.ticker import MaxNLocator

    axes.set_facecolor(theme.ground)
    plain(axes, theme, grid)
    axes.tick_params(labelsize=TEXT)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.label.set_fontsize(TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,g}")
    if not axes.yaxis_inverted():
        axes.invert_yaxis()


def boxes(
    axes: "Axes",
    theme: Theme,
    values: Sequence[Sequence[float]],
    colour: str,
    offset: float,
    width: float,
) -> None:
    """Draw each list: the middle half as a box, 5 to 95 % as a line, and the median as a dot."""
    line = {"color": colour, "linewidth": 1.2}
    axes.boxplot(
        values,
        orientation="horizontal",
        positions=[at + offset for at in range(len(values))],
        widths=width,
        whis=(5, 95),
        showfliers=False,
        showcaps=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": colour, "edgecolor": colour},
        whiskerprops=line,
        medianprops={"linewidth": 0},
    )
    axes.plot(
        [statistics.median(these) for these in values],
        [at + offset for at in range(len(values))],
        "o",
        markersize=5.5,
        markerfacecolor=theme.ground,
        markeredgecolor=theme.ink,
    )


def inside(axes: "Axes", colour: str, x: float, y: float, text: str) -> None:
    """Write text in a bar of a colour."""
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=SMALL, color=on(colour))


def on(colour: Any) -> str:
    """Choose black or white, whichever is more readable on a colour (WCAG's relative luminance)."""
    from matplotlib.colors import to_rgb

    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
