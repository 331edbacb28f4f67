"""The written files by themselves: the same bytes each time, bounded, none for an empty split."""

import datasets
import pytest
import yaml
from pyarrow.parquet import read_table
from stub_rows import KINDS, stub_row

from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage.repository.layout import is_ours
from jax_ir_synth.storage.repository.metadata import list_features, make_card_data
from jax_ir_synth.storage.repository.tables import read_existing, write_subsets


def _rows(count):
    return [stub_row(number) for number in range(count)]


def _files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_bytes_each_time_and_all_names_are_ours(tmp_path):
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        write_subsets(folder, iter(_rows(40)), ["all", *KINDS])
    files = _files(folders[0])
    assert files == _files(folders[1]) and len(files) == 15
    assert all(map(is_ours, files))


def test_files_are_bounded_and_keep_the_order(tmp_path):
    # Row groups have 256 rows, and a file is closed after the first one here.
    rows = _rows(3000)
    subsets = write_subsets(tmp_path, rows, ["all"], file_bytes=1000)
    part = subsets[0].splits["train"]
    wanted = [row for row in rows if split_of(row["skeleton_hash"]) == "train"]
    assert len(part.paths) == -(-len(wanted) // 256)
    assert part.paths[-1] == f"all/train-{len(part.paths) - 1:05d}-of-{len(part.paths):05d}.parquet"
    tables = [read_table(tmp_path / path) for path in part.paths]
    assert [row for table in tables for row in table.to_pylist()] == wanted
    for table in tables:
        # And no features of datasets' own in them, which not every line can read.
        assert table.schema.equals(SCHEMA) and not table.schema.metadata
    assert part.rows == len(wanted)
    assert part.file_bytes == sum((tmp_path / path).stat().st_size for path in part.paths)


@pytest.mark.parametrize("count", [1, 5, 9])
def test_an_empty_split_or_subset_has_no_file_and_no_entry(tmp_path, count):
    data = tmp_path / "data"
    data.mkdir()
    subsets = write_subsets(data, _rows(count), ["all", *KINDS, "loop"])
    text = yaml.safe_dump(make_card_data(subsets), sort_keys=False)
    (data / "README.md").write_text(f"---\n{text}---\n")
    loaded = datasets.load_dataset(str(data), cache_dir=str(tmp_path / "cache"))
    wanted = {split_of(row["skeleton_hash"]) for row in _rows(count)}
    assert list(loaded) == [split for split in SPLITS if split in wanted]
    assert sorted(row["id"] for part in loaded.values() for row in part) == list(range(count))
    assert [subset.name for subset in subsets] == ["all", *KINDS[: min(count, 4)]]


def test_the_card_tells_what_is_there(tmp_path):
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    from jax_ir_synth.storage.dataset_info import dataset_info

    subsets = write_subsets(tmp_path, _rows(40), ["all", *KINDS])
    data = yaml.safe_load(yaml.safe_dump(make_card_data(subsets)))
    infos = DatasetInfosDict.from_dataset_card_data(DatasetCardData(**data))
    assert list(infos) == ["all", *KINDS]
    for subset in subsets:
        info = infos[subset.name]
        # On each line of datasets the very features of the builder.
        assert info.features == dataset_info().features
        assert {name: split.num_examples for name, split in info.splits.items()} == {
            name: part.rows for name, part in subset.splits.items()
        }
        paths = [path for part in subset.splits.values() for path in part.paths]
        assert info.download_size == sum((tmp_path / path).stat().st_size for path in paths)
        memory = sum(read_table(tmp_path / path).nbytes for path in paths)
        assert info.dataset_size == pytest.approx(memory, rel=0.01)
    configs = MetadataConfigs.from_dataset_card_data(DatasetCardData(**data))
    assert configs.get_default_config_name() == "default"
    assert configs["default"] == configs["all"] and len(configs) == 6
    assert [feature["name"] for feature in list_features()] == SCHEMA.names


def test_files_of_another_number_are_taken_as_they_are(tmp_path):
    rows, once, parted = _rows(600), tmp_path / "once", tmp_path / "parted"
    for folder in (once, parted):
        folder.mkdir()
    written = write_subsets(once, rows, ["all"])
    assert read_existing(parted, written, once) is None
    in_parts = write_subsets(parted, rows, ["all"], file_bytes=1000)
    first, second = (parted / path for path in in_parts[0].splits["train"].paths)
    assert read_existing(parted, written, once) == in_parts != written
    # One of them missing: not all are there. One of them twice: other rows.
    second.rename(tmp_path / "second")
    assert read_existing(parted, written, once) is None
    second.write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=r"^all/train-\*$"):
        read_existing(parted, written, once)


def test_nothing_else_is_ours():
    for path in (
        "LICENSE", "jax_ir_synth.py", "loop/notes.txt", "other/train-00000-of-00001.parquet",
        "all/extra-00000-of-00001.parquet", "a/all/train-00000-of-00001.parquet",
        "pictures/../LICENSE", "pictures/a.py", ".gitattributes", "README.md.orig",
    ):  # fmt: skip
        assert not is_ours(path), path
