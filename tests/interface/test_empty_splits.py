"""A split without rows breaks no example of loading in the pages, on any version of datasets."""

import os
import re
from pathlib import Path

import datasets
import pytest

import jax_ir_synth
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.config import Request
from jax_ir_synth.scale import draws, planning, run_manifest, shards
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage.writers import FOLDER, JSONL, PARQUET, open_output

ROOT = Path(__file__).parents[2]
PAGES = "".join(
    path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
)
# All five rows are in train.
WANTED = Request(seed=4, count=5, verify=False)
IDS = {"train": [0, 1, 2, 3, 4], "validation": [], "test": []}


@pytest.fixture(scope="module")
def made() -> list[dict]:
    return list(rows(WANTED, plan_rows(WANTED)))


def _planned(folder: Path, number: int) -> run_manifest.RunManifest:
    """Plan a folder for the given number of shards of WANTED."""

    def draw(ranges) -> None:
        for part in ranges:
            draws.draw(folder, WANTED.seed, part)

    pinned = run_manifest.make_run_manifest(WANTED, number)
    run_manifest.settle(folder, pinned)
    planning.plan(folder, WANTED, draw)
    return pinned


def _ids(loaded) -> dict[str, list[int]]:
    return {split: [row["id"] for row in part] for split, part in loaded.items()}


def _line(start: str) -> str:
    """The only line of the pages that has this, from there on."""
    (line,) = re.findall(rf"{re.escape(start)}.*$", PAGES, re.MULTILINE)
    return line


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("streaming", [False, True])
def test_shards(made, tmp_path, monkeypatch, number, streaming):
    folder = tmp_path / "data" / "million"
    pinned = _planned(folder, number)
    for shard in range(number):
        shards.make(folder, pinned, shard, lambda planned, tell: [made[row.id] for row in planned])
    assert shards.find_missing(folder, pinned) == []
    # Files that a killed run leaves, and files beside the splits.
    (folder / "train" / ".shard.0.partial").write_bytes(b"PAR1")
    (folder / "logs" / "001-shards").mkdir(parents=True)
    (folder / "logs" / "001-shards" / "task_00000.log").write_text("train test validation")
    monkeypatch.chdir(tmp_path)
    line = _line('load_dataset("parquet", ').removesuffix(")")
    more = f", streaming={streaming}, cache_dir={str(tmp_path / 'cache')!r})"
    loaded = eval(line + more, {"load_dataset": datasets.load_dataset})
    assert _ids(loaded) == {"train": IDS["train"]}


def test_a_file_where_no_rows_belong_is_no_whole_shard(made, tmp_path):
    pinned = _planned(tmp_path, 1)
    shards.make(tmp_path, pinned, 0, lambda planned, tell: [made[row.id] for row in planned])
    stray = tmp_path / shards.split_files(0, 1)["test"]
    stray.parent.mkdir()
    stray.write_bytes(b"PAR1")
    assert shards.find_missing(tmp_path, pinned) == [0]
    shards.make(tmp_path, pinned, 0, lambda planned, tell: [made[row.id] for row in planned])
    assert shards.find_missing(tmp_path, pinned) == [] and not stray.exists()


def test_a_folder_for_load_from_disk(made, tmp_path):
    with open_output(tmp_path / "rows", FOLDER) as write:
        for row in made:
            write(row)
    assert _ids(datasets.load_from_disk(tmp_path / "rows")) == IDS


@pytest.mark.parametrize(("kind", "packaged"), [(JSONL, "json"), (PARQUET, "parquet")])
def test_a_file(made, tmp_path, kind, packaged):
    path = tmp_path / f"rows.{kind}"
    with open_output(path, kind) as write:
        for row in made:
            write(row)
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(packaged, data_files=os.fspath(path), cache_dir=cache)
    assert _ids(loaded) == {"train": IDS["train"]}


@pytest.mark.parametrize("streaming", [False, True])
def test_the_builder(tmp_path, streaming):
    assert jax_ir_synth.__version__
    arguments = {
        "seed": 4,
        "count": 5,
        "verify": False,
        "cache_dir": str(tmp_path),
        "streaming": streaming,
    }
    assert _ids(datasets.load_dataset("jax_ir_synth", **arguments)) == IDS
    assert set(IDS) == set(SPLITS)
