"""Stage 3: makes a shard: a Parquet file for each split, and a manifest once it is complete."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jax_ir_synth.generate.defects import Defect, Tell
from jax_ir_synth.generate.plan import PlannedRow
from jax_ir_synth.scale import ScaleError, planning, records
from jax_ir_synth.scale.run_manifest import RunManifest
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import atomic_write

MANIFESTS = "manifests"


def name(shard: int, shards: int) -> str:
    """Name a shard, as `shard-00042-of-01000`, counted from 0."""
    return f"shard-{shard:05d}-of-{shards:05d}"


def manifest_path(folder: Path, shard: int, shards: int) -> Path:
    """Return the path of a shard's manifest, which exists once the shard is complete."""
    return folder / MANIFESTS / f"{name(shard, shards)}.json"


def split_files(shard: int, shards: int) -> dict[str, str]:
    """Return the paths, in the folder, of the shard's file for each split."""
    return {split: f"{split}/{name(shard, shards)}.parquet" for split in SPLITS}


def bounds(shard: int, shards: int, count: int) -> tuple[int, int]:
    """Return the number of a shard's first row, and that of the next shard's first row."""
    return count * shard // shards, count * (shard + 1) // shards


# Makes planned rows in order, and reports each one that is left out.
Rows = Callable[[Iterable[PlannedRow], Tell], Iterable[dict[str, Any]]]


def make(folder: Path, pin: RunManifest, shard: int, rows: Rows) -> None:
    """Make a shard: its files, the record of left-out rows, and then its manifest.

    A split without rows has no file, since datasets can't load a split with only empty files.

    Raises:
      ScaleError: the disk is full, or can't be written for another reason; one line.
      RowError: a row can't be made, and the request is strict or this machine is the reason.
    """
    start, stop = bounds(shard, pin.shards, pin.request.count)
    paths = split_files(shard, pin.shards)
    try:
        planned = planning.read_plan(folder, pin.request, start, stop)
        left_out: list[Defect] = []
        made = rows(planned, left_out.append)
        counts = _write({split: folder / path for split, path in paths.items()}, planned, made)
        records.write(records.path(folder, name(shard, pin.shards)), left_out)
        manifest = {
            **pin.to_json(),
            "shard": shard,
            "first": start,
            "rows": sum(counts.values()),
            "left_out": [defect.id for defect in left_out],
            "files": {
                path: _describe_file(folder / path, counts[split]) for split, path in paths.items()
            },
        }
        atomic_write.write_json(manifest_path(folder, shard, pin.shards), manifest)
    except OSError as error:
        # Arrow would give the reason in its own words.
        reason = os.strerror(error.errno) if error.errno else error
        raise ScaleError(
            f"{name(shard, pin.shards)} can't be written in {folder}: {reason}"
        ) from error


def is_complete(folder: Path, pin: RunManifest, shard: int) -> bool:
    """Whether the shard is complete, by its manifest and file sizes; `--check` also reads files."""
    manifest = atomic_write.read_json(manifest_path(folder, shard, pin.shards))
    if not isinstance(manifest, dict) or not manifest.items() >= pin.to_json().items():
        return False
    entries: Any = manifest.get("files")
    for path in split_files(shard, pin.shards).values():
        try:
            if _size(folder / path) != (entries[path]["bytes"] if entries[path]["rows"] else None):
                return False
        # The manifest is malformed.
        except (KeyError, TypeError):
            return False
    return True


def find_missing(folder: Path, pin: RunManifest) -> list[int]:
    """List the shards that must still be made, or made again."""
    return [shard for shard in range(pin.shards) if not is_complete(folder, pin, shard)]


def _write(
    paths: dict[str, Path], planned: list[PlannedRow], rows: Iterable[dict[str, Any]]
) -> dict[str, int]:
    # Imported late, since the driver writes no rows.
    from jax_ir_synth.storage.writers import open_parquet

    counts = dict.fromkeys(SPLITS, 0)
    splits = {entry.id: entry.split for entry in planned}
    with contextlib.ExitStack() as stack:
        writes = {}
        for row in rows:
            split = splits[row["id"]]
            if split not in writes:
                partial = stack.enter_context(atomic_write.atomic_write(paths[split]))
                writes[split] = stack.enter_context(open_parquet(partial))
            writes[split](row)
            counts[split] += 1
    # An earlier try, which proved other rows, may have left a file.
    for split, path in paths.items():
        if not counts[split]:
            path.unlink(missing_ok=True)
    return counts


def _size(path: Path) -> int | None:
    """Return the size of a file in bytes; None if it doesn't exist."""
    return path.stat().st_size if path.exists() else None


def _describe_file(path: Path, rows: int) -> dict[str, Any]:
    if not rows:
        return {"rows": 0}
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": atomic_write.hash_file(path)}
