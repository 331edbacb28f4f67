"""How pictures look: colours for light and dark pages, and matplotlib set up for equal bytes."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Theme(NamedTuple):
    """Colours of a picture.

    Attributes:
      name: of the theme, part of a file's name.
      ground: behind everything; None for a picture on no ground of its own.
      ink: text; `faint`: text that matters less, and lines that are no data.
      series: for data, told apart by colour-blind eyes too, as they are in grey.
      ramp: from no share to all of it, for a map.
    """

    name: str
    ground: str | None
    ink: str
    faint: str
    series: tuple[str, ...]
    ramp: tuple[str, ...] = ()


# With grounds of their own: a page may be dark where the browser's setting says light.
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
    """`matplotlib.pyplot`, set up such that equal figures give equal bytes; raises ImportError."""
    import matplotlib

    matplotlib.use(backend)
    # Not what the user's own matplotlibrc says.
    matplotlib.rcdefaults()
    matplotlib.rcParams["svg.hashsalt"] = "jax_ir_synth"
    from matplotlib import pyplot

    return pyplot


def plain(axes: "Axes", theme: Theme, grid: Literal["", "x", "y", "both"] = "both") -> None:
    """Lines at the left and at the bottom only; a faint grid (`x`, `y`, `both`, or "" for none)."""
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
    """`1 row`, `1,500 rows`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
