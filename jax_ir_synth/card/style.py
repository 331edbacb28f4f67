"""The look of pictures: colours for light and dark pages, and settings that give equal bytes."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Theme(NamedTuple):
    """The colours of a picture.

    Attributes:
      name: the theme's name, part of a file's name.
      ground: the background; None for a transparent one.
      ink: the colour of text.
      faint: the colour of less important text, and of lines that aren't data.
      series: the colours of data, which colour-blind readers can tell apart too, as in grey.
      ramp: the colours of a map, from no share to all.
    """

    name: str
    ground: str | None
    ink: str
    faint: str
    series: tuple[str, ...]
    ramp: tuple[str, ...] = ()


# They have backgrounds, since a page may be dark although the browser's setting says light.
LIGHT = Theme(
    "light",
    "#ffffff",
    "#1f2328",
    "#59636e",
    ("#0b5cad", "#e08a00", "#6b4ca5", "#3ab795"),
    ("#ffffff", "#cfe3f7", "#94c1ec", "#5b9fdd", "#0f4f96"),
)
DARK = Theme(
    "dark",
    "#0d1117",
    "#f0f6fc",
    "#9198a1",
    ("#58a6ff", "#f2a93b", "#b9a0f0", "#35c99c"),
    ("#0d1117", "#123358", "#1f62ad", "#58a6ff", "#d8ebff"),
)
THEMES = (LIGHT, DARK)
# Readable on a light and on a dark page.
NEUTRAL = Theme("neutral", None, "#808890", "#808890", ("#3b82d6", "#e0812c", "#3ca06b"))


def load(backend: str = "agg") -> Any:
    """Set up `matplotlib.pyplot` so that equal figures give equal bytes. Raises ImportError."""
    import matplotlib

    matplotlib.use(backend)
    # Ignore the user's own matplotlibrc.
    matplotlib.rcdefaults()
    matplotlib.rcParams["svg.hashsalt"] = "jax_ir_synth"
    from matplotlib import pyplot

    return pyplot


def plain(axes: "Axes", theme: Theme, grid: Literal["", "x", "y", "both"] = "both") -> None:
    """Draw only the left and bottom lines, and a faint grid (`x`, `y`, `both`, or "" for none)."""
    axes.tick_params(colors=theme.ink)
    for label in (axes.title, axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.ink)
    if grid:
        axes.grid(axis=grid, color=theme.faint, alpha=0.25)
        axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.faint)


def several(number: int, one: str, more: str | None = None) -> str:
    """Format a count, as `1 row` or `1,500 rows`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
