"""Writes what is beside the rows: the texts of licenses, and a line for each function left out."""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from jax_ir_synth.harvest.arguments import describe_call
from jax_ir_synth.harvest.packages import Package, describe_license
from jax_ir_synth.harvest.run import LICENSE, Harvest
from jax_ir_synth.storage import outputs

FOLDER = "LICENSES"


def journal_path(output: Path) -> Path | None:
    """Return the path of the journal of a harvest; None for a stream."""
    return outputs.path_beside(output, ".journal")


def left_out_path(output: Path) -> Path | None:
    """Return the path of the file that says what was left out; None for a stream."""
    return outputs.path_beside(output, ".left_out.jsonl")


def list_left_out(harvest: Harvest) -> list[str]:
    """Write a JSON line for each function that has no row, and for each package left out."""
    lines = []
    for package, scan in harvest.scans:
        origin = {"package": package.name, "version": package.version}
        if scan is None:
            forbidden = f"its license: {describe_license(package)}"
            lines.append({**origin, "left_out": LICENSE, "reason": forbidden})
            continue
        for module, reason in scan.unimported.items():
            lines.append({**origin, "module": module, "left_out": "import", "reason": reason})
    for each in harvest.tried:
        if each.row is not None:
            continue
        origin = {"package": each.package.name, "version": each.package.version}
        place = {"module": each.function["module"], "qualname": each.function["qualname"]}
        call = {"call": describe_call(each.call)} if each.call is not None else {}
        why = {"left_out": each.left_out or each.stage, "reason": each.reason}
        lines.append({**origin, **place, **call, **why})
    return [json.dumps(line) + "\n" for line in lines]


def write_left_out(output: Path, harvest: Harvest, overwrite: bool) -> None:
    """Write what was left out beside the output, or to stderr if that is a stream."""
    lines, path = list_left_out(harvest), left_out_path(output)
    if path is None:
        sys.stderr.writelines(lines)
    else:
        outputs.write_text(path, "".join(lines), overwrite)


def write_licenses(output: Path, packages: Iterable[Package]) -> None:
    """Write the license texts of packages into the folder `LICENSES` beside the output.

    A file's name has the package, its version and a hash of the text, so that none replaces
    another one.
    """
    beside = outputs.path_beside(output, "")
    if beside is None:
        return
    folder = beside.with_name(FOLDER)
    for package in packages:
        for file in package.license_files:
            text = file.read_text(encoding="utf-8", errors="replace")
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            name = "-".join(filter(None, (package.name, package.version, digest, file.name)))
            if not (folder / name).exists():
                folder.mkdir(exist_ok=True)
                outputs.write_text(folder / name, text, overwrite=False)
