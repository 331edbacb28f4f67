"""One self-contained HTML page with many rows; it needs no network and no server."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.difference import GAP, KEPT, diff_texts
from jax_ir_synth.show.lexicon import LEXICON, get_language
from jax_ir_synth.show.parts import list_parts

_FOLDER = Path(__file__).parent
STYLES = ("page.css", "code.css")
SCRIPTS = ("paint.js", "row.js", "page.js")
_FIELD = re.compile(r"\{\{(\w+)\}\}")


def write_page(path: Path, source, number: int) -> tuple[int, int]:
    """Write the page.

    Args:
      path: the file.
      source: `sources.SavedRows` or `sources.MadeRows`.
      number: how many rows it may have.

    Returns how many rows it has, and how many there are. Raises OSError, and what the source does.
    """
    views, total = source.some(number)
    # Bytes, so that lines end alike everywhere.
    path.write_bytes(render_page(views, total, source.title).encode())
    return len(views), total


def render_page(views: Sequence[RowView], total: int, title: str) -> str:
    """The page's text. The same rows always give the same text, with one version of zlib.

    Args:
      views: the rows, in the order in which they are listed.
      total: how many rows there are, of which these were chosen.
      title: where they come from, for people.

    Raises ValueError where a row is malformed.
    """
    style, script = (
        "".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
        for names in (STYLES, SCRIPTS)
    )
    fields = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "data": encode_data(collect_page_data(views, total, title)),
    }
    template = (_FOLDER / "page.html").read_text(encoding="utf-8")
    # In one go: what is put in is not looked at again.
    return _FIELD.sub(lambda match: fields[match[1]], template)


def collect_page_data(views: Sequence[RowView], total: int, title: str) -> dict:
    """What the page's script is given: the rows as they are, and what is worked out beforehand.

    `views` has for each row its category and split, whether CPU and CUDA differ, and for each part
    that does (`"stablehlo/forward"`) the lines of the difference: the kind, the number of the
    line, and the parts of it that changed, as offsets in UTF-16; or the kind and the text of a gap.
    """
    return {
        "title": title,
        "total": total,
        "rows": [view.row for view in views],
        "views": [_view(view) for view in views],
        "lexicon": {name: [list(rule) for rule in rules] for name, rules in LEXICON.items()},
        "languages": {
            backend: {dialect: get_language(backend, dialect) for dialect in DIALECTS}
            for backend in ("cpu", "gpu")
        },
    }


def encode_data(data: dict) -> str:
    """The data as it stands in the page: JSON, compressed, in base64.

    So nothing in a row can end the element that it is in, and the page is a tenth as large.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _view(view: RowView) -> dict:
    parts = [part for part in list_parts(view) if part.differs]
    return {
        "category": view.category,
        "split": view.split,
        "differs": bool(parts),
        "lines": {f"{part.dialect}/{part.which}": _lines(*part.texts.values()) for part in parts},
    }


def _lines(before: str, after: str) -> list[list]:
    lines: list[list] = []
    for line in diff_texts(before, after):
        if line.kind == GAP:
            lines.append([GAP, line.text])
        elif line.kind == KEPT or not line.changed:
            lines.append([line.kind, line.number])
        else:
            changed = [[_utf16(line.text, end) for end in part] for part in line.changed]
            lines.append([line.kind, line.number, changed])
    return lines


def _utf16(text: str, offset: int) -> int:
    return len(text[:offset].encode("utf-16-le", "surrogatepass")) // 2


def _hash(text: str) -> str:
    """What a Content-Security-Policy names an inline style or script by."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
