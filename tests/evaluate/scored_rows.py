"""Rows by hand for tests that run none of them: two in each split of two categories."""

import hashlib
import json
from pathlib import Path

from jax_ir_synth.schema.ir_section import BACKENDS, IrSection, write_sections

CATEGORIES = ("unary", "loop")
# Skeleton hashes by their split, see `splits.split_of`.
SKELETON = {"train": "0" * 32, "validation": f"{8:08x}" + "0" * 24, "test": f"{9:08x}" + "0" * 24}


def module(name: str, constant: str) -> str:
    """A module's text that no other has."""
    return (
        f"module @jit_{name} {{\n"
        f"  func.func public @main(%arg0: tensor<f32>) -> tensor<f32> {{\n"
        f"    %cst = stablehlo.constant dense<{constant}> : tensor<f32>\n"
        f"    %0 = stablehlo.add %arg0, %cst : tensor<f32>\n"
        f"    return %0 : tensor<f32>\n"
        f"  }}\n"
        f"}}"
    )


def row(id: int, split: str = "train", category: str = "unary", lines: int = 2, differs=False):
    """A row; the columns for both devices say the same unless it `differs`."""
    name = f"kernel_{id}"

    def column(platform: str) -> str:
        more = "5" if differs and platform == "cuda" else ""
        forward, backward = module(name, f"{id}.0{more}"), module(f"{name}_loss", f"{id}.5{more}")
        return write_sections(IrSection(BACKENDS[platform], "stablehlo", (0,), forward, backward))

    body = "".join(f"    x = x + {id}\n" for _ in range(lines - 2))
    return {
        "id": id,
        "kernel_name": name,
        "python": f"def {name}(x):\n{body}    return x + {id}.0\n",
        "cpp": column("cpu"),
        "cuda": column("cuda"),
        "type": f"generate_{category}",
        "in_avals": [{"name": "x", "shape": [], "dtype": "float32", "low": -1.0, "high": 1.0}],
        "argnums": [0],
        "program_hash": hashlib.sha256(name.encode()).hexdigest(),
        "skeleton_hash": SKELETON[split],
        "jax_version": "0.10.2",
        "verified": "none",
    }


def rows() -> list[dict]:
    """Twelve, with ids from 0: the splits by turns, sources of 2 to 24 lines."""
    splits = tuple(SKELETON)
    return [
        row(id, splits[id % 3], CATEGORIES[id % 2], 2 * id + 2, differs=id % 4 < 2)
        for id in range(12)
    ]


def right(row: dict, section: str = "forward") -> str:
    """The answer's text, from the CPU's column."""
    name = row["kernel_name"]
    return {
        "forward": module(name, f"{row['id']}.0"),
        "backward": module(f"{name}_loss", f"{row['id']}.5"),
    }[section]


def write(path: Path, records) -> Path:
    """As JSON lines; a string is a line as it is."""
    lines = (each if isinstance(each, str) else json.dumps(each) for each in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
