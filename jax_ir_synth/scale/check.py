"""`--check`: reads a folder's shards, and compares them with its `config.json`."""

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
from pyarrow.parquet import ParquetFile

from jax_ir_synth.generate.plan import places
from jax_ir_synth.request.config import Request
from jax_ir_synth.scale import records, run_manifest, shards
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage import atomic_write

# The columns that are checked.
_COLUMNS = ["id", "program_hash", "skeleton_hash", "type", "jax_version"]


class Result(NamedTuple):
    """The counts of a folder's rows and shards, and a line for each fault found."""

    rows: int
    shards: int
    faults: list[str]


def check(folder: Path) -> Result:
    """Read all shards of a folder, and find their faults."""
    config = run_manifest.read(folder)
    damaged = Result(0, 0, [f"config.json in {folder} is missing or damaged"])
    if config is None:
        return damaged
    try:
        # The other settings don't decide which rows there are, and may need missing extras.
        request = Request(*(config["request"][name] for name in ("category", "seed", "count")))
        number = run_manifest.RunManifest(
            request, config["shards"], config["versions"], config["sources"]
        ).shards
        config["versions"]["jax"]
    except (KeyError, TypeError, ValueError):
        return damaged
    programs = _Programs()
    faults: list[str] = []
    for shard in range(number):
        faults += _check_shard(folder, config, request, shard, programs)
    faults += programs.faults()
    faults += _find_strays(folder, number)
    return Result(programs.count, number, faults)


class _Programs:
    """The programs of all rows, in 24 bytes each, so that a million of them take little memory."""

    def __init__(self) -> None:
        self._ids: list[np.ndarray] = []
        self._hashes: list[np.ndarray] = []

    def add(self, ids: list[int], hashes: list[str]) -> None:
        # 128 bits, so that no two are equal by chance.
        halves = np.array([(int(h[:16], 16), int(h[16:32], 16)) for h in hashes], np.uint64)
        self._hashes.append(halves.reshape(-1, 2))
        self._ids.append(np.array(ids, np.int64))

    @property
    def count(self) -> int:
        return sum(map(len, self._ids))

    def faults(self) -> Iterator[str]:
        if not self._ids:
            return
        ids, hashes = np.concatenate(self._ids), np.concatenate(self._hashes)
        order = np.lexsort((ids, hashes[:, 1], hashes[:, 0]))
        same = (hashes[order][1:] == hashes[order][:-1]).all(axis=1)
        for place in np.flatnonzero(same):
            one, other = ids[order][place : place + 2]
            yield f"rows {one} and {other} are one program"


def _check_shard(
    folder: Path, config: dict[str, Any], request: Request, shard: int, programs: _Programs
) -> Iterator[str]:
    path = shards.manifest_path(folder, shard, config["shards"])
    manifest = atomic_write.read_json(path)
    name = path.relative_to(folder)
    if not isinstance(manifest, dict):
        yield f"{name} is {'damaged' if path.exists() else 'missing'}"
        return
    start, stop = shards.bounds(shard, config["shards"], request.count)
    lacking = [defect.id for defect in records.read(records.path(folder, path.stem))]
    wanted = {
        **config,
        "shard": shard,
        "first": start,
        "rows": stop - start - len(lacking),
        "left_out": lacking,
    }
    described = {key: value for key, value in manifest.items() if key != "files"}
    yield from (
        f"{name}: {text}"
        for text in run_manifest.find_differences(described, wanted, "in it", "wanted")
    )
    entries = manifest.get("files")
    paths = shards.split_files(shard, config["shards"])
    if not isinstance(entries, dict) or entries.keys() != set(paths.values()):
        yield f"{name}: files must be {', '.join(paths.values())}"
        return
    ids = []
    for split, file in paths.items():
        found = _read(folder, file, entries[file])
        if isinstance(found, str):
            yield f"{file} {found}"
            return
        programs.add(found["id"], found["program_hash"])
        ids += found["id"]
        yield from _check_rows(file, split, found, config["versions"]["jax"])
    planned = (place.id for place in places(request, start, stop))
    yield from _check_ids(name, ids, [id for id in planned if id not in lacking])


def _read(folder: Path, file: str, entry: dict[str, Any]) -> dict[str, list[Any]] | str:
    """Read the file's columns, or say what is wrong with it."""
    path = folder / file
    if entry.get("rows") == 0:
        return "has rows, its manifest says 0" if path.exists() else {name: [] for name in _COLUMNS}
    if not path.exists():
        return "is missing"
    if (size := path.stat().st_size) != entry.get("bytes"):
        return f"has {size} bytes, its manifest says {entry.get('bytes')}"
    if atomic_write.hash_file(path) != entry.get("sha256"):
        return "has other bytes than its manifest says: the SHA-256 differs"
    try:
        with ParquetFile(path) as opened:
            if not opened.schema_arrow.equals(SCHEMA):
                return f"has the columns {', '.join(opened.schema_arrow.names)}"
            columns: dict[str, list[Any]] = opened.read(_COLUMNS).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        return f"is not a complete Parquet file: {' '.join(str(error).split())}"
    if len(columns["id"]) != entry.get("rows"):
        return f"has {len(columns['id'])} rows, its manifest says {entry.get('rows')}"
    return columns


def _check_rows(file: str, split: str, columns: dict[str, list[Any]], jax: str) -> Iterator[str]:
    if columns["id"] != sorted(columns["id"]):
        yield f"{file}: its rows are not in the order of their ids"
    for id, skeleton, version in zip(
        columns["id"], columns["skeleton_hash"], columns["jax_version"], strict=True
    ):
        if split_of(skeleton) != split:
            yield f"{file}: row {id} belongs to {split_of(skeleton)}"
        if version != jax:
            yield f"{file}: row {id} is by jax {version}, not {jax}"


def _check_ids(name: Path, ids: list[int], wanted: list[int]) -> Iterator[str]:
    counts = collections.Counter(ids)
    for what, some in (
        ("lacks", sorted(set(wanted) - counts.keys())),
        ("has too many", sorted(counts.keys() - set(wanted))),
        ("has more than once", sorted(id for id, count in counts.items() if count > 1)),
    ):
        if some:
            more = f" and {len(some) - 5} more" if len(some) > 5 else ""
            yield f"{name}: the shard {what} the rows {', '.join(map(str, some[:5]))}{more}"


def _find_strays(folder: Path, number: int) -> Iterator[str]:
    """Find files that would be loaded with the shards, but aren't shards."""
    known = {path for shard in range(number) for path in shards.split_files(shard, number).values()}
    for split in SPLITS:
        for path in sorted((folder / split).glob("*.parquet")):
            if path.relative_to(folder).as_posix() not in known:
                yield f"{path.relative_to(folder)} is no shard of this dataset"
