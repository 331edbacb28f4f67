"""The Parquet files and the Croissant file of them: valid, and the rows can be read by it."""

import hashlib
import json

import datasets
import pytest

from jax_ir_synth.card import CardError, write_card
from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.columns import MEANINGS
from jax_ir_synth.schema.splits import split_of

mlcroissant = pytest.importorskip("mlcroissant", reason="the extra croissant isn't installed")

pytestmark = [
    # Of mlcroissant 1.1, which uses them: rdflib's class, pandas' argument.
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated"),
]


@pytest.fixture(scope="module")
def repository(saved, drawn_once, tmp_path_factory):
    """A folder with card, Parquet and Croissant file."""
    folder = tmp_path_factory.mktemp("repository")
    with pytest.MonkeyPatch.context() as monkeypatch:
        drawn_once(monkeypatch)
        written = write_card(folder, saved, seed=7, repo="user/name", parquet=True, remade=2)
    assert (
        "croissant.json" in written.files and "loop/train-00000-of-00001.parquet" in written.files
    )
    return folder


def described(folder) -> dict:
    return json.loads((folder / "croissant.json").read_text())


def test_mlcroissant_validates_it(repository, python, tmp_path):
    def validate(path):
        # As its console script `mlcroissant` does.
        script = "from mlcroissant.scripts.cli import main; main()"
        return python("-c", script, "validate", "--jsonld", path)

    done = validate(repository / "croissant.json")
    assert done.returncode == 0 and "Done." in done.stderr, done.stderr
    # And it does find what is wrong.
    broken = described(repository)
    broken["recordSet"][0]["field"][1]["source"]["fileSet"]["@id"] = "nothing"
    (tmp_path / "croissant.json").write_text(json.dumps(broken))
    assert validate(tmp_path / "croissant.json").returncode != 0


def test_the_rows_are_read_by_it(repository, good):
    dataset = mlcroissant.Dataset(repository / "croissant.json")
    assert dataset.metadata.ctx.issues.errors == set()
    assert [records.id for records in dataset.metadata.record_sets] == list(CONFIGS)
    for config in ("all", "vector"):
        wanted = [row for row in good if config in ("all", row["type"].removeprefix("generate_"))]
        read = {record[f"{config}/id"]: record for record in dataset.records(config)}
        assert read.keys() == {row["id"] for row in wanted}
        for row in wanted:
            record = read[row["id"]]
            assert record.pop(f"{config}/split") == split_of(row["skeleton_hash"]).encode()
            assert _plain(record, config) == row


def _plain(value, name: str):
    """A record as a row: names without the record set's, text for bytes."""
    if isinstance(value, dict):
        inner = {key.removeprefix(f"{name}/"): item for key, item in value.items()}
        return {key: _plain(item, f"{name}/{key}") for key, item in inner.items()}
    if isinstance(value, list):
        return [_plain(item, name) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def test_it_describes_each_file_and_column(repository):
    said = described(repository)
    files = {part["@id"]: part for part in said["distribution"] if part["@type"] == "cr:FileObject"}
    there = sorted(
        path.relative_to(repository).as_posix() for path in repository.glob("*/*.parquet")
    )
    assert sorted(files) == there and there
    for name, file in files.items():
        content = (repository / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert (file["contentUrl"], file["contentSize"]) == (name, f"{len(content)} B")
    for records in said["recordSet"]:
        names = {field["name"]: field["description"] for field in records["field"]}
        assert names.pop("split") and names == MEANINGS
    assert said["license"] == "https://www.apache.org/licenses/LICENSE-2.0"
    assert said["url"] == "https://huggingface.co/datasets/user/name"
    assert said["citeAs"].startswith("@misc{jax_ir_synth,") and said["citeAs"].endswith("}")
    assert said["citeAs"] in (repository / "README.md").read_text()


def test_the_parquet_is_loaded_by_the_card_alone(repository, good, tmp_path):
    loaded = datasets.load_dataset(str(repository), cache_dir=tmp_path)
    by_id = {row["id"]: (row, split) for split, part in loaded.items() for row in part}
    assert [by_id[row["id"]] for row in good] == [
        (row, split_of(row["skeleton_hash"])) for row in good
    ]
    loop = datasets.load_dataset(str(repository), "loop", cache_dir=tmp_path)
    ids = sorted(number for part in loop.values() for number in part["id"])
    assert ids == [row["id"] for row in good if row["type"] == "generate_loop"]


def test_files_that_are_there_are_described_if_they_are_of_these_rows(
    repository, saved, drawn_once, monkeypatch
):
    drawn_once(monkeypatch)
    before = (repository / "croissant.json").read_bytes()
    file = repository / "unary/train-00000-of-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes((repository / "vector/train-00000-of-00001.parquet").read_bytes())
    with pytest.raises(CardError, match=r"unary/train-\* don't hold the rows of"):
        write_card(repository, saved, seed=7, repo="user/name", remade=2)
    assert (repository / "croissant.json").read_bytes() == before

    # Without all files there is nothing to describe.
    file.unlink()
    write_card(repository, saved, seed=7, repo="user/name", remade=2)
    assert not (repository / "croissant.json").exists()
    file.write_bytes(whole)
    written = write_card(repository, saved, seed=7, repo="user/name", remade=2)
    assert "croissant.json" in written.files
    assert (repository / "croissant.json").read_bytes() == before
