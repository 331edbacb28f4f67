"""Made-up rows with all columns; and a check that believes them."""

import hashlib
import json
from pathlib import Path

from jax_ir_synth.request.categories import CATEGORIES

KINDS = CATEGORIES[:4]


def stub_row(number: int, text: str = "") -> dict:
    """A row of one of four categories; rows 0 to 3 are its first in train, 4 to 7 in validation."""
    turn, kind = divmod(number, len(KINDS))
    bucket = {1: 8, 2: 9}.get(turn % 5, 0)
    return {
        "id": number,
        "kernel_name": f"kernel_{number}",
        "python": f"def kernel_{number}(x):\n    return x + {number}  {text}\n",
        "cpp": f"cpu {number}" * 50,
        "cuda": None,
        "type": f"generate_{KINDS[kind]}",
        "in_avals": [{"name": "x", "shape": [2, 3], "dtype": "float32", "low": 0.5, "high": 2.0}],
        "argnums": [0],
        "program_hash": hashlib.sha256(f"p{number}{text}".encode()).hexdigest(),
        "skeleton_hash": f"{bucket:08x}" + hashlib.sha256(f"{number}".encode()).hexdigest()[:56],
        "jax_version": "0.10.2",
        "verified": "interpreter",
    }


def write_stubs(path: Path, text: str = "") -> Path:
    """40 rows as a .jsonl; `text` makes the first one another."""
    rows = [stub_row(number, "" if number else text) for number in range(40)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def believe(row, mark) -> tuple[bool, str]:
    """What a helper calls in the place of the proof."""
    return True, row["verified"]
