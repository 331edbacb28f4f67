"""What a folder is pinned to: nothing else is ever added to it, whoever tries."""

import dataclasses
import itertools
import re
import shutil
from importlib.metadata import version

import pytest
from scale_run import SHARDS, WANTED, contents

from jax_ir_synth.cli.main import main
from jax_ir_synth.generate import fingerprint
from jax_ir_synth.lowering import compiling
from jax_ir_synth.request.config import Request
from jax_ir_synth.scale import ScaleError, planning, run_manifest, shards
from jax_ir_synth.scale.draws import Range
from jax_ir_synth.storage import atomic_write

pytest.importorskip("datatrove", reason="the extra scale isn't installed")

from jax_ir_synth.scale.steps import DrawStep, ShardStep  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """A folder of WANTED's, with nothing made yet."""
    run_manifest.settle(tmp_path / "data", run_manifest.make_run_manifest(WANTED, SHARDS))
    return tmp_path / "data"


def _error(capsys, *arguments) -> str:
    code = main(["scale", *map(str, arguments)])
    assert code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    return shown.err.removeprefix("jax-ir-synth scale: error: ").rstrip("\n")


def _asked(folder, **changed):
    asked = {"count": WANTED.count, "seed": WANTED.seed, "shards": SHARDS, "output": folder}
    return [f"--{name}={value}" for name, value in (asked | changed).items()]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 6}, "seed is 5 there, 6 here"),
        ({"count": 25}, "count is 24 there, 25 here"),
        ({"shards": 5}, "shards is 6 there, 5 here"),
        ({"config": "loop"}, "category is all there, loop here"),
        ({"device": "cpu", "seed": 1}, "device is both there, cpu here; seed is 5 there, 1 here"),
        ({"dialect": "jaxpr,hlo"}, "dialect is stablehlo there, ['jaxpr', 'hlo'] here"),
    ],
)
def test_another_request_is_one_line_and_changes_nothing(folder, capsys, changed, told):
    before = contents(folder)
    said = _error(capsys, "--no-verify", *_asked(folder, **changed))
    assert said == f"{folder} holds other rows: {told}. Give what is there, or another folder"
    assert contents(folder) == before


def test_proven_rows_and_others_are_not_mixed(folder, capsys):
    assert "verify is False there, True here" in _error(capsys, *_asked(folder))


@pytest.mark.parametrize("package", (*fingerprint.VERSIONED, "pyarrow"))
def test_another_version_is_one_line_and_changes_nothing(folder, capsys, package):
    config = run_manifest.read(folder)
    config["versions"][package] = "0.1.2"
    atomic_write.write_json(folder / "config.json", config)
    before = contents(folder)
    here = version(package)
    said = _error(capsys, "--no-verify", *_asked(folder))
    assert f"holds other rows: {package} is 0.1.2 there, {here} here. " in said
    assert contents(folder) == before


def test_the_disassembler_is_pinned_where_its_text_is_in_the_rows():
    assert fingerprint.DISASSEMBLER not in run_manifest.find_versions(WANTED)
    for device, pinned in (("cpu", True), ("cuda", False)):
        # Not by `Request`, which asks whether the compilers are here.
        request = dataclasses.replace(WANTED, device=device)
        object.__setattr__(request, "dialect", ("stablehlo", "asm"))
        versions = run_manifest.find_versions(request)
        assert (fingerprint.DISASSEMBLER in versions) == pinned


def test_other_sources(folder, capsys):
    config = run_manifest.read(folder) | {"sources": "ab" * 32}
    atomic_write.write_json(folder / "config.json", config)
    assert "sources is abababababab there, " in _error(capsys, "--no-verify", *_asked(folder))


def test_a_folder_of_something_else(tmp_path, capsys):
    (tmp_path / "theirs").write_text("")
    said = _error(capsys, *_asked(tmp_path))
    assert said == f"{tmp_path} holds something else than shards: there is no config.json"
    said = _error(capsys, *_asked(tmp_path / "theirs"))
    assert said == f"`--output` (={tmp_path}/theirs) must be a folder, or new"
    said = _error(capsys, *_asked(tmp_path / "theirs" / "data"))
    assert said == f"`--output` (={tmp_path}/theirs/data) can't be written: Not a directory"


def test_what_a_run_killed_at_once_left_is_no_obstacle(tmp_path, folder):
    left = tmp_path / "left"
    left.mkdir()
    (left / ".config.json.0123456789abcdef.partial").write_text("{")
    run_manifest.settle(left, run_manifest.make_run_manifest(WANTED, SHARDS))
    assert run_manifest.read(left) == run_manifest.read(folder)


def test_of_two_at_once_one_is_first(tmp_path):
    assert atomic_write.create_json(tmp_path / "x.json", {"a": 1})
    assert not atomic_write.create_json(tmp_path / "x.json", {"a": 2})
    assert atomic_write.read_json(tmp_path / "x.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def _of_another_node(folder):
    """The launcher has another jax than this process, which is a node's."""
    here = run_manifest.make_run_manifest(WANTED, SHARDS)
    pinned = dataclasses.replace(here, versions=here.versions | {"jax": "0.10.99"})
    atomic_write.write_json(folder / "config.json", pinned.to_json())
    return pinned


@pytest.mark.parametrize("step", ["draw", "make"])
def test_a_node_with_another_jax_makes_nothing(folder, step):
    pinned = _of_another_node(folder)
    before = contents(folder)
    task = {
        "draw": lambda: DrawStep(folder, pinned, [Range("unary", 0, 2)]),
        "make": lambda: ShardStep(folder, pinned, [0]),
    }[step]()
    with pytest.raises(ScaleError, match=r"no rows can be made here .*: jax is 0\.10\.99 there, "):
        task.run(None, 0, 1)
    assert contents(folder) == before


def test_a_folder_that_became_anothers_while_a_task_waited(folder):
    pinned = run_manifest.make_run_manifest(WANTED, SHARDS)
    config = run_manifest.read(folder)
    config["request"]["seed"] = 99
    atomic_write.write_json(folder / "config.json", config)
    with pytest.raises(ScaleError, match="seed is 99 there, 5 here"):
        DrawStep(folder, pinned, [Range("unary", 0, 2)]).run(None, 0, 1)


def test_a_shard_by_other_versions_counts_as_missing(undisturbed):
    pinned = run_manifest.make_run_manifest(WANTED, SHARDS)
    assert shards.find_missing(undisturbed, pinned) == []
    other = dataclasses.replace(pinned, versions=pinned.versions | {"jax": "0.10.99"})
    assert shards.find_missing(undisturbed, other) == list(range(SHARDS))


def test_cpus_whose_code_differs_are_not_mixed(tmp_path, monkeypatch):
    """The first machine that makes rows with code for a CPU says for which kind."""
    request = Request(count=4, device="cpu", dialect="llvm")
    pinned = run_manifest.make_run_manifest(request, 1)
    run_manifest.settle(tmp_path, pinned)
    run_manifest.check_here(tmp_path, pinned)
    first = atomic_write.read_json(tmp_path / "cpu.json")["target"]
    assert first.startswith("x86-64-v3")
    run_manifest.check_here(tmp_path, pinned)
    monkeypatch.setattr(
        compiling, "compile_module", lambda *_: compiling.Compiled({}, "x86-64-v3:other")
    )
    told = f"target is {first} there, x86-64-v3:other here"
    with pytest.raises(ScaleError, match=re.escape(told)):
        run_manifest.check_here(tmp_path, pinned)


@pytest.mark.parametrize("number", [0, -1, 25])
def test_too_few_or_too_many_shards(tmp_path, capsys, number):
    said = _error(capsys, *_asked(tmp_path / "data", shards=number))
    assert said == (f"`shards` (={number}) must be an integer from 1 to 24, for `count` (=24)")
    assert not (tmp_path / "data").exists()


def test_shards_cover_all_rows():
    for count, number in ((24, 6), (25, 6), (7, 7), (1_000_000, 999)):
        edges = [shards.bounds(shard, number, count) for shard in range(number)]
        assert edges[0][0] == 0 and edges[-1][1] == count
        assert all(one[1] == two[0] for one, two in itertools.pairwise(edges))
        assert all(start < stop for start, stop in edges)


def test_what_is_gone_or_cut_off_is_missing(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed, tmp_path / "data")
    pinned = run_manifest.make_run_manifest(WANTED, SHARDS)
    (folder / f"train/{shards.name(1, SHARDS)}.parquet").unlink()
    cut = folder / f"train/{shards.name(2, SHARDS)}.parquet"
    cut.write_bytes(cut.read_bytes()[:-1])
    shards.manifest_path(folder, 4, SHARDS).unlink()
    shards.manifest_path(folder, 5, SHARDS).write_text('{"files": ')
    assert shards.find_missing(folder, pinned) == [1, 2, 4, 5]
    assert planning.is_planned(folder)
