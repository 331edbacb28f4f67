"""One way to name a dataset: whatever a command writes, the Hub, rows to be made; for each command."""

import json
import re
import shutil
from pathlib import Path

import datasets
import pytest

from jax_ir_synth.cli import application, options
from jax_ir_synth.cli.main import main
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.config import CONFIGS, Request
from jax_ir_synth.storage.dataset_names import Made, Saved, parse
from jax_ir_synth.storage.dataset_reader import open_saved

COUNT, SEED = 12, 7
ASKED = ("--count", str(COUNT), "--seed", str(SEED))
MADE = f"all:seed={SEED},count={COUNT}"
# By the command that writes them; `rows.gz` is read by what is in it.
FILES = ("rows.jsonl", "rows.jsonl.zst", "rows.gz", "rows.parquet", "folder")


@pytest.fixture(scope="module")
def written(tmp_path_factory, made_once) -> Path:
    """A folder with the same rows in every container that a command writes."""

    def make(folder: Path) -> None:
        flags = {"rows.gz": ["--jsonl"]}
        for name in FILES:
            path = str(folder / name)
            words = ["generate", *ASKED, "--no-verify", *flags.get(name, []), "--output", path]
            assert main(words) == 0
        if shutil.which("true") and _has("datatrove"):
            words = ["scale", *ASKED, "--no-verify", "--shards", "3"]
            assert main([*words, "--output", str(folder / "scaled")]) == 0
        if _has("jinja2") and _has("matplotlib"):
            rows = str(folder / "rows.jsonl")
            words = ["publish", "me/rows", "--from", rows, "--seed", str(SEED)]
            assert main([*words, "--dry-run", str(folder / "published")]) == 0

    return made_once("named", make)


def _has(module: str) -> bool:
    from jax_ir_synth.request import extras

    return not extras.is_missing(module)


@pytest.fixture(scope="module")
def expected(written) -> dict[int, dict]:
    return {row["id"]: row for row, _ in open_saved(written / "rows.jsonl").rows}


def _path(written: Path, name: str) -> Path:
    if not (written / name).exists():
        pytest.skip(f"the extra for {name} isn't installed")
    return written / name


@pytest.mark.parametrize("name", [*FILES, "scaled", "published"])
def test_what_a_command_writes_is_read_back(written, expected, name):
    reader = open_saved(_path(written, name))
    found = {row["id"]: row | {"verified": "none"} for row, _ in reader.rows}
    assert reader.count == COUNT and found == expected


@pytest.mark.parametrize("name", ["folder", "scaled", "published"])
def test_rows_are_in_their_splits(written, name):
    from jax_ir_synth.schema.splits import split_of

    for row, split in open_saved(_path(written, name)).rows:
        assert split == split_of(row["skeleton_hash"])


def test_a_config_of_a_published_folder(written, expected):
    folder = _path(written, "published")
    for config in CONFIGS:
        found = {row["id"] for row, _ in open_saved(folder, config).rows}
        wanted = {
            id for id, row in expected.items()
            if config in ("all", row["type"].removeprefix("generate_"))
        }  # fmt: skip
        assert found == wanted
    with pytest.raises(
        UsageError, match=r"`--config` \(=loops\) must be one of those in .*: all, "
    ):
        open_saved(folder, "loops")


def test_a_folder_that_lacks_files(written, tmp_path):
    scaled = tmp_path / "scaled"
    shutil.copytree(_path(written, "scaled"), scaled)
    next((scaled / "manifests").iterdir()).unlink()
    with pytest.raises(UsageError, match="is not complete: 2 of 3 shards are made"):
        open_saved(scaled)
    published = tmp_path / "published"
    shutil.copytree(_path(written, "published"), published)
    for part in (published / "all").iterdir():
        part.rename(part.with_name(part.name.replace("00000-of-00001", "00000-of-00002")))
    with pytest.raises(UsageError, match="lacks files of all/train"):
        open_saved(published)


def test_a_config_of_what_has_none(written):
    for name in ("rows.jsonl", "folder", "scaled"):
        with pytest.raises(UsageError, match=r"`--config` \(=loop\) is for a Hub dataset"):
            open_saved(_path(written, name), "loop")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("loop", Made("loop", {})),
        ("all:seed=7", Made("all", {"seed": 7})),
        ("all:count=3,seed=0", Made("all", {"count": 3, "seed": 0})),
        ("user/name", Saved("user/name")),
        ("rows.jsonl", Saved("rows.jsonl")),
        ("loops", Saved("loops")),
    ],
)
def test_what_a_name_stands_for(tmp_path, monkeypatch, name, found):
    monkeypatch.chdir(tmp_path)
    assert parse(name) == found
    assert parse("user/name").is_on_hub and not parse("rows.jsonl").is_on_hub


def test_a_path_goes_before_a_config_and_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loop").write_text("{}\n")
    Path("user").mkdir()
    Path("user/name").write_text("{}\n")
    assert parse("loop") == Saved("loop")
    assert not parse("user/name").is_on_hub


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("all:", "must be like all:seed=7,count=1500"),
        ("all:seed", "must be like"),
        ("all:seed=-1", "`seed` (=-1) must be an integer, as in all:seed=7,count=1500"),
        ("all:seed=", "`seed` (=) must be an integer"),
        ("loop:sed=7", "has no setting `sed`; there are seed and count"),
        ("all:seed=7,device=cpu", "has no setting `device`; there are seed and count"),
        ("all: seed=7", "has no setting ` seed`; there are seed and count"),
        ("all:seed=7,seed=8", "gives the seed twice"),
        ("loop:count=0", "`count` (=0) must be an integer from 1"),
    ],
)
@pytest.mark.parametrize("command", ["verify", "stats", "show", "prompts"])
def test_settings_that_are_none(tmp_path, monkeypatch, capsys, command, name, said):
    monkeypatch.chdir(tmp_path)
    assert main([command, name]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "stats", "show", "prompts"])
@pytest.mark.parametrize("name", ["data/foldr", "./nofolder", "../nofolder", "data/..."])
def test_a_mistyped_path_never_asks_the_network(tmp_path, monkeypatch, capsys, command, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: pytest.fail("the Hub was asked"))
    assert main([command, name]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert f"(={Path(name)}) doesn't exist in the folder {Path.cwd()}" in shown.err


@pytest.mark.parametrize("command", ["verify", "stats", "show", "prompts"])
def test_a_word_that_is_no_dataset(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    assert main([command, "small"]) == 2
    shown = capsys.readouterr()
    assert shown.err.endswith(
        f"`DATASET` (=small) doesn't exist in the folder {Path.cwd()}, and is none of the configs "
        f"{', '.join(CONFIGS)}; a dataset on the Hub has a slash in its name, as user/name\n"
    )
    # A whole path says by itself where it was looked for.
    assert main([command, str(tmp_path / "small")]) == 2
    assert capsys.readouterr().err.endswith(f"(={tmp_path / 'small'}) doesn't exist\n")


def test_what_is_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Saved("data/rows").is_on_hub
    Path("data").mkdir()
    assert not Saved("data/rows").is_on_hub
    assert Saved("user/rows").is_on_hub
    assert not Saved("user/..").is_on_hub


# Each command that reads a dataset, and the file to which it writes what it found.
READING = {
    "verify": (["verify", None, "--json", "out"], "out"),
    "stats": (["stats", None, "--json", "out"], "out"),
    "samples": (["samples", None, "--output", "out"], "out/loop.md"),
    "show": (["show", None, "--html", "out"], "out"),
    "prompts": (["prompts", None, "--output", "out.jsonl"], "out.jsonl"),
    "baselines": (["baselines", None, "--baseline", "identity", "--output", "o.jsonl"], "o.jsonl"),
    "card": (["card", None, "--seed", str(SEED), "--output", "out"], "out/README.md"),
    "publish": (
        ["publish", "me/rows", "--from", None, "--seed", str(SEED), "--dry-run", "out"],
        "out/README.md",
    ),
}


def test_these_are_all_that_read_a_dataset():
    reading = {
        name
        for name in application.COMMANDS
        for param in application.application.get_command(None, name).params
        if isinstance(param.type, options.DatasetName)
    }
    # `evaluate` needs predictions too, and `harvest` compares with one.
    assert reading == {*READING, "evaluate", "harvest"}


@pytest.mark.slow
@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("name", ["folder", "scaled", "published", "user/name", MADE])
def test_each_command_reads_each(written, tmp_path, monkeypatch, command, name):
    if command in ("card", "publish") and not _has("jinja2"):
        pytest.skip("the extra publish isn't installed")
    if command in ("card", "publish") and name == "published":
        pytest.skip("its rows are those of the test before")
    monkeypatch.chdir(tmp_path)
    dataset = name
    if name == "user/name":
        loaded = datasets.load_from_disk(str(_path(written, "folder")))
        monkeypatch.setattr(datasets, "load_dataset", lambda *_: loaded)
    elif ":" not in name:
        dataset = str(_path(written, name))
    words, file = READING[command]
    expected, found = tmp_path / "expected", tmp_path / "found"
    for folder, given in ((expected, str(written / "rows.jsonl")), (found, dataset)):
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert main([given if word is None else word for word in words]) == 0
    assert _content(found / file, dataset) == _content(expected / file, str(written / "rows.jsonl"))


def _content(path: Path, dataset: str) -> object:
    """What was written, without the dataset's name, and in no order but that of ids."""
    text = path.read_text(encoding="utf-8").replace(dataset, "DATASET")
    if path.suffix == ".jsonl":
        return sorted((json.loads(line) for line in text.splitlines()), key=lambda row: row["id"])
    if path.name == "out" and text.startswith("{"):
        # How the rows were proven is the dataset's own; how they are proven now is not.
        found = json.loads(text)
        return found if "categories" in found else found["DATASET"]["rows"]
    if path.name == "out":
        return len(text) > 10_000
    return re.sub(r"verified: (none|interpreter[\w+]*)", "", text)[:2000]


def test_a_made_dataset_is_made_once(tmp_path, monkeypatch):
    from jax_ir_synth.cli.datasets import MadeDataset
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows

    request = Request("unary", seed=SEED, count=3, verify=False)
    dataset = MadeDataset(request, 1)
    first = [row for row, _ in open_saved(dataset).rows]
    monkeypatch.setattr(dataset, "_make", None)
    assert [row for row, _ in open_saved(dataset).rows] == first
    assert first == list(rows(request, plan_rows(request)))
    where = [entry.where for entry in open_saved(dataset).entries]
    assert where == [f"row {number} of unary:seed=7,count=3" for number in (1, 2, 3)]


_NEED_STABLEHLO = {
    "verify": (),
    "stats": (),
    "samples": ("--output", "out"),
    "card": ("--seed", "7", "--output", "out"),
    "evaluate": ("--predictions", "p.jsonl"),
    "baselines": ("--baseline", "references", "--output", "out.jsonl"),
    "prompts": (),
}


@pytest.mark.parametrize("command", _NEED_STABLEHLO)
def test_rows_without_stablehlo(made_once, tmp_path, monkeypatch, capsys, command):
    def make(folder: Path) -> None:
        words = ["--dialect", "jaxpr", "--no-verify", "--output", str(folder / "rows.jsonl")]
        assert main(["generate", "--count", "10", "--seed", "7", *words]) == 0

    if command == "evaluate":
        pytest.importorskip("rapidfuzz")
    rows = made_once("without_stablehlo", make) / "rows.jsonl"
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text('{"id": 0, "completion": ""}\n')
    capsys.readouterr()
    code = main([command, str(rows), *_NEED_STABLEHLO[command]])
    shown = capsys.readouterr()
    said = "the rows have no StableHLO (they have jaxpr): make them with --dialect stablehlo,jaxpr"
    # `verify` checks each row, and so has a verdict instead of an error.
    assert code == (1 if command == "verify" else 2)
    assert said in " ".join((shown.out + shown.err).split())
    assert sum("error" in line for line in shown.err.splitlines()) == (command != "verify")
