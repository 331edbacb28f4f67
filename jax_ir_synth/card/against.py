"""Draws what makes two datasets differ: the shares of the heaviest def-use pairs in each pass."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jax_ir_synth.card import style
from jax_ir_synth.stats.profile import PASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Readable on a light and on a dark page.
_THEME = style.NEUTRAL
_BARS = 20


def draw(found: Mapping[str, Any], names: tuple[str, str], path: Path, format: str) -> None:
    """Write the picture; equal figures give equal bytes with the same version of matplotlib.

    Args:
      found: What `stats.against.compare` has returned.
      names: The names of the two datasets.
      path: The file.
      format: `svg`, `png` or `pdf`.

    Raises:
      OSError: The file can't be written.
      ImportError: matplotlib isn't installed.
    """
    pyplot = style.load()
    figure, drawn = pyplot.subplots(1, len(PASSES), figsize=(12, 6), layout="constrained")
    try:
        for axes, part in zip(drawn, PASSES, strict=True):
            _draw_pass(axes, part, found, names)
        figure.legend(
            *drawn[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=len(names),
            frameon=False,
            labelcolor=_THEME.ink,
        )
        # Leave the time of drawing out of the file.
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format)
        figure.savefig(path, format=format, transparent=True, metadata=undated, dpi=150)
    finally:
        pyplot.close(figure)


def _draw_pass(axes: "Axes", part: str, found: Mapping[str, Any], names: tuple[str, str]) -> None:
    heaviest = found["parts"][part]["pairs"][:_BARS]
    places = range(len(heaviest))
    for shift, side, name, colour in zip(
        (-0.2, 0.2), ("dataset", "against"), names, _THEME.series, strict=False
    ):
        axes.barh(
            [place + shift for place in places],
            [100 * pair[side] for pair in heaviest],
            height=0.4,
            color=colour,
            # A name with an underscore first would be left out of the legend, and a dollar sign
            # would begin a formula.
            label=f"in {name}".replace("$", r"\$"),
        )
    axes.set_yticks(places, [pair["name"] for pair in heaviest], fontsize=8)
    axes.invert_yaxis()
    axes.set_title(_describe(part, found["divergence"][part]["pairs"]), fontsize=10)
    axes.set_xlabel("% of the def-use pairs")
    style.plain(axes, _THEME, "x")


def _describe(part: str, measured: Mapping[str, Any]) -> str:
    if measured["between"] is None:
        return f"{part}: nothing to compare"
    halves = [bits for bits in measured["halves"].values() if bits is not None]
    # On a line of its own, since a picture has no room for both beside each other.
    shown = f"\nhalves of each: {', '.join(f'{bits:.3f}' for bits in halves)}" if halves else ""
    return f"{part}: {measured['between']:.3f} bits apart{shown}"
