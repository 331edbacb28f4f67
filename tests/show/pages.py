"""Pages to open in a browser, and the data embedded in them."""

import base64
import gzip
import json
import re

from shown_rows import FORWARD, PYTHON, column, row

from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.page import render_page

_DATA = re.compile(r'<script type="text/plain" id="data">([A-Za-z0-9+/=]*)</script>')
# The number of rows on the page that most tests open.
COUNT = 60
# Text that would run or load something if the page parsed it as HTML.
HOSTILE = (
    "</script></style><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    "<!--<script>{{data}}{{script}}$&\\1 \u2028\u2029 é😀 </title></textarea><svg onload=hacked=1>"
)


def data_of(text: str) -> dict:
    """Decode the data of the page's script."""
    (coded,) = _DATA.findall(text)
    return json.loads(gzip.decompress(base64.b64decode(coded)))


def write(path, rows, total=None, title="made by hand"):
    """Write a page of rows. Return the path."""
    views = [RowView(row) for row in rows]
    path.write_bytes(render_page(views, total or len(rows), title).encode())
    return path


def hostile_row(id=66) -> dict:
    """A row whose texts are all hostile."""
    python = f'def kernel_a(x):\n    """{HOSTILE}"""\n    return x  # {HOSTILE}\n'
    other = FORWARD.replace("stablehlo.tanh", f"stablehlo.tanh{HOSTILE}")
    made = row(
        id=id,
        python=python,
        kernel_name=f"kernel_{HOSTILE}",
        category=HOSTILE,
        cpp=column("cpu", ("stablehlo", other, HOSTILE)),
        cuda=column("gpu", ("stablehlo", FORWARD, f"{HOSTILE}\n{HOSTILE}")),
        verified=HOSTILE,
        program_hash=HOSTILE,
        jax_version=HOSTILE,
    )
    made["in_avals"][0] |= {"name": HOSTILE, "dtype": HOSTILE}
    return made


def numbered(count: int) -> list[dict]:
    """Rows of three categories and all splits. The devices differ in every fifth."""
    splits = ("train", "train", "validation", "test")
    return [
        row(
            id=10 * k,
            kernel_name=f"kernel_number_{k}",
            python=PYTHON.replace("0.5", f"{k}.25"),
            category=("unary", "loop", "branch")[k % 3],
            split=splits[k % 4],
            differs=k % 5 == 0,
            verified="none" if k % 2 else "interpreter",
        )
        for k in range(count)
    ]
