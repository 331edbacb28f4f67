"""Writes the card's pictures: each chart once for light pages and once for dark ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jax_ir_synth.card import charts, style
from jax_ir_synth.card.drawing import Count
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.card.filling import Picture

if TYPE_CHECKING:
    import numpy.typing
    from matplotlib.figure import Figure

# The file has two pixels for each pixel of a page that shows it 800 pixels wide.
_DOTS_AN_INCH = 200
_COLOURS = 256


def draw(facts: Facts, counts: Mapping[str, Count], folder: Path) -> list[Picture]:
    """Draw the charts into `folder`, as `NAME-light.png` and `NAME-dark.png`.

    The same figures give the same bytes with the same version of matplotlib.

    Returns:
      The charts' names and descriptions.

    Raises:
      ImportError: matplotlib isn't installed.
    """
    pyplot = style.load()
    made = []
    for name, chart in charts.choose_charts(facts).items():
        for theme in style.THEMES:
            figure = pyplot.figure(layout="constrained", facecolor=theme.ground)
            try:
                alt = chart(figure, theme, facts, counts)
                _save(figure, folder / name_file(name, theme))
            finally:
                pyplot.close(figure)
        made.append(Picture(name, alt))
    return made


def name_file(name: str, theme: style.Theme) -> str:
    """Return the name of a chart's file."""
    return f"{name}-{theme.name}.png"


def _save(figure: "Figure", path: Path) -> None:
    import numpy
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(_DOTS_AN_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(numpy.asarray(canvas.buffer_rgba())).convert("RGB")
    # The picture has flat colours and edges between them, so a palette is enough, and takes a third
    # of the bytes. This method also keeps rare colours.
    method = Image.Quantize.MAXCOVERAGE
    reduced = pixels.quantize(_COLOURS, method=method, dither=Image.Dither.NONE)
    reduced.putpalette(_exact(numpy.asarray(pixels), numpy.asarray(reduced)).tobytes())
    reduced.save(path, format="PNG", optimize=True)


def _exact(
    pixels: "numpy.typing.NDArray[numpy.uint8]", indices: "numpy.typing.NDArray[numpy.uint8]"
) -> "numpy.typing.NDArray[numpy.uint8]":
    """Make the palette whose entries are the most frequent of the colours that they replace.

    So flat areas, such as the background, have exactly the colour that was drawn.
    """
    import numpy

    # Index and colour are packed in one number, since these sort in a tenth of the time.
    packed = indices.astype(numpy.uint32)
    for channel in range(3):
        packed = (packed << 8 | pixels[..., channel]).astype(numpy.uint32)
    kinds, counts = numpy.unique(packed, return_counts=True)
    kinds = kinds[numpy.argsort(counts, kind="stable")]
    palette = numpy.zeros((_COLOURS, 3), numpy.uint8)
    for channel, shift in enumerate((16, 8, 0)):
        # If an index is repeated, the last colour is kept, which is the most frequent.
        palette[kinds >> 24, channel] = kinds >> shift & 255
    return palette
