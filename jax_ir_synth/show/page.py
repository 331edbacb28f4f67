"""A self-contained HTML page with many rows. It needs no network and no server."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.difference import GAP, KEPT, diff_texts
from jax_ir_synth.show.lexicon import LEXICON, get_language
from jax_ir_synth.show.parts import list_parts
from jax_ir_synth.show.sources import GeneratedRows, SavedRows

_FOLDER = Path(__file__).parent
STYLES = ("page.css", "code.css")
SCRIPTS = ("paint.js", "row.js", "page.js")
_FIELD = re.compile(r"\{\{(\w+)\}\}")


def write_page(path: Path, source: SavedRows | GeneratedRows, number: int) -> tuple[int, int]:
    """Write a page.

    Args:
      path: The file to write.
      source: The rows to choose from.
      number: The largest number of rows on the page.

    Returns:
      How many rows are on the page, and how many the source has.

    Raises:
      OSError: The file can't be written. The source raises errors of its own.
    """
    views, total = source.get_rows(number)
    # Bytes, so that the line endings are the same on every system.
    path.write_bytes(render_page(views, total, source.title).encode())
    return len(views), total


def render_page(views: Sequence[RowView], total: int, title: str) -> str:
    """Render the text of a page. The same rows give the same text, with one version of zlib.

    Args:
      views: The rows, in the order in which the page lists them.
      total: How many rows there are, of which these were chosen.
      title: The name of the source, for readers.

    Raises:
      ValueError: A row is malformed.
    """
    style, script = (
        "".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
        for names in (STYLES, SCRIPTS)
    )
    fields = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _hash_inline(style),
        "script_hash": _hash_inline(script),
        "data": encode_data(collect_page_data(views, total, title)),
    }
    template = (_FOLDER / "page.html").read_text(encoding="utf-8")
    # A single pass, so that no field is replaced inside an inserted text.
    return _FIELD.sub(lambda match: fields[match[1]], template)


def collect_page_data(views: Sequence[RowView], total: int, title: str) -> dict[str, Any]:
    """Collect the data for the page's script: the rows, and what Python computes for them.

    The key `views` holds for each row its category and split, and whether CPU and CUDA differ. For
    each part that differs, such as `"stablehlo/forward"`, it holds the lines of the difference. A
    line is its kind, its number, and the parts that changed, as offsets in UTF-16. A gap is its
    kind and its text.

    Args:
      views: The rows.
      total: How many rows there are, of which these were chosen.
      title: The name of the source.

    Raises:
      ValueError: A row is malformed.
    """
    return {
        "title": title,
        "total": total,
        "rows": [view.row for view in views],
        "views": [_describe_view(view) for view in views],
        "lexicon": {name: [list(rule) for rule in rules] for name, rules in LEXICON.items()},
        "languages": {
            backend: {dialect: get_language(backend, dialect) for dialect in DIALECTS}
            for backend in ("cpu", "gpu")
        },
    }


def encode_data(data: dict[str, Any]) -> str:
    """Encode data for the page, as compressed JSON in base64.

    No text in a row can then end the element that holds the data, and the page is a tenth as large.

    Args:
      data: What `collect_page_data` has returned.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _describe_view(view: RowView) -> dict[str, Any]:
    parts = [part for part in list_parts(view) if part.differs]
    return {
        "category": view.category,
        "split": view.split,
        "differs": bool(parts),
        "lines": {
            f"{part.dialect}/{part.which}": _encode_lines(*part.texts.values()) for part in parts
        },
    }


def _encode_lines(before: str, after: str) -> list[list[Any]]:
    lines: list[list[Any]] = []
    for line in diff_texts(before, after):
        if line.kind == GAP:
            lines.append([GAP, line.text])
        elif line.kind == KEPT or not line.changed:
            lines.append([line.kind, line.number])
        else:
            changed = [[_convert_offset(line.text, end) for end in part] for part in line.changed]
            lines.append([line.kind, line.number, changed])
    return lines


def _convert_offset(text: str, offset: int) -> int:
    """Convert an offset in characters to one in UTF-16 code units, which JavaScript counts."""
    return len(text[:offset].encode("utf-16-le", "surrogatepass")) // 2


def _hash_inline(text: str) -> str:
    """Hash an inline style or script, as its Content-Security-Policy names it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
