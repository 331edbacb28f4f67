"""The builder, through `load_dataset` and directly: rows, splits, arguments, cache, processes."""

import re
import shutil
import warnings

import datasets
import pytest
from datasets import load_dataset

import jax_ir_synth
from jax_ir_synth.generate import plan
from jax_ir_synth.generate.fingerprint import PACKAGE, cache_fingerprint
from jax_ir_synth.jax_ir_synth import JaxIrSynth
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.ir_section import read_sections
from jax_ir_synth.schema.splits import SPLITS, split_of

# A script without a main guard that runs jax, then loads a dataset and prints its ids.
AFTER_JAX = """
import sys
import jax, jax_ir_synth
assert float(jax.jit(lambda x: x + 1)(jax.numpy.ones(3)).sum()) == 6
from datasets import load_dataset
asked = {"seed": int(sys.argv[1]), "count": int(sys.argv[2]), "cache_dir": sys.argv[3]}
loaded = load_dataset("jax_ir_synth", num_proc=2, **asked)
print(sorted(row["id"] for split in loaded.values() for row in split))
"""

# A script that prints the cache folder, and whether it exists.
WHERE = """
import os, sys
import jax_ir_synth
builder = jax_ir_synth.JaxIrSynth(config_name="unary", count=3, cache_dir=sys.argv[1])
print(jax_ir_synth.__file__)
print(builder.cache_dir)
print(os.path.exists(builder.cache_dir))
builder.download_and_prepare()
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def loaded(cache, wanted):
    return load_dataset(
        "jax_ir_synth", "all", cache_dir=cache, seed=wanted.seed, count=wanted.count
    )


@pytest.fixture
def no_planning(monkeypatch):
    """Make planning fail, so that a dataset must come from the cache."""

    def unwanted(*_):
        raise AssertionError("planned again")

    monkeypatch.setattr(JaxIrSynth, "_split_generators", unwanted)


def _in_order(loaded) -> list[dict]:
    return sorted((row for split in loaded.values() for row in split), key=lambda row: row["id"])


def _by_split(reference) -> dict[str, list[dict]]:
    return {
        split: [row for row in reference if split_of(row["skeleton_hash"]) == split]
        for split in SPLITS
    }


def test_the_rows_are_the_reference_rows_in_their_splits_and_order(loaded, reference):
    assert list(loaded) == list(SPLITS)
    assert {split: list(rows) for split, rows in loaded.items()} == _by_split(reference)


def test_features_and_description(loaded):
    assert loaded["train"].features.arrow_schema.remove_metadata() == SCHEMA
    assert loaded["train"].info.license == "apache-2.0"
    assert "gradient" in loaded["train"].info.description


@pytest.mark.parametrize("number", [2, 4])
def test_any_number_of_processes_gives_the_same_files(loaded, tmp_path, wanted, number):
    other = load_dataset(
        "jax_ir_synth", cache_dir=tmp_path, seed=wanted.seed, count=wanted.count, num_proc=number
    )
    for split in SPLITS:
        assert _bytes_of(other[split]) == _bytes_of(loaded[split])


def _bytes_of(split) -> list[bytes]:
    contents = []
    for file in split.cache_files:
        with open(file["filename"], "rb") as opened:
            contents.append(opened.read())
    return contents


def test_no_hang_after_the_caller_used_jax(python, tmp_path, wanted):
    done = python("-c", AFTER_JAX, wanted.seed, wanted.count, tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(list(range(wanted.count)))


def test_no_recursion_in_a_script_without_a_main_guard(python, tmp_path, wanted):
    script = tmp_path / "script.py"
    script.write_text(AFTER_JAX)
    done = python(script, wanted.seed, wanted.count, tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(list(range(wanted.count)))


def test_the_default_config_and_the_names(cache):
    assert datasets.get_dataset_config_names("jax_ir_synth") == [*CONFIGS, "real"]
    assert datasets.get_dataset_default_config_name("jax_ir_synth") == "all"
    assert datasets.get_dataset_split_names("jax_ir_synth", "loop") == list(SPLITS)
    assert JaxIrSynth(cache_dir=cache).config.name == "all"


def test_a_categorys_config_holds_the_rows_of_all(cache, reference, wanted):
    category = CATEGORIES[-1]
    own = load_dataset("jax_ir_synth", category, cache_dir=cache, seed=wanted.seed, count=3)
    assert _in_order(own) == [row for row in reference if row["type"] == f"generate_{category}"]


def test_built_directly(tmp_path, reference, wanted):
    builder = jax_ir_synth.JaxIrSynth(
        config_name="all", seed=wanted.seed, count=8, cache_dir=tmp_path
    )
    assert builder.hash == cache_fingerprint()
    builder.download_and_prepare()
    assert _in_order(builder.as_dataset()) == reference[:8]


def test_slices(loaded, cache, wanted):
    asked = {"cache_dir": cache, "seed": wanted.seed, "count": wanted.count}
    some = load_dataset("jax_ir_synth", "all", split="train[:5]", **asked)
    assert some["id"] == loaded["train"]["id"][:5]
    joined = load_dataset("jax_ir_synth", "all", split="test+validation[:50%]", **asked)
    assert set(joined["id"]) >= set(loaded["test"]["id"])
    everything = load_dataset("jax_ir_synth", "all", split="all", **asked)
    assert sorted(everything["id"]) == list(range(wanted.count))


@pytest.mark.parametrize("count", [1, 2])
def test_a_count_that_leaves_splits_empty(tmp_path, count, reference, wanted):
    asked = {"cache_dir": tmp_path, "seed": wanted.seed, "count": count}
    small = load_dataset("jax_ir_synth", **asked)
    assert list(small) == list(SPLITS)
    assert _in_order(small) == reference[:count]
    empty = [split for split in SPLITS if not len(small[split])]
    assert empty
    for split in empty:
        assert small[split].features == small[SPLITS[0]].features
        assert len(load_dataset("jax_ir_synth", split=f"{split}[:10%]", **asked)) == 0
        assert list(load_dataset("jax_ir_synth", split=split, streaming=True, **asked)) == []


def test_an_unknown_split_is_still_refused(loaded, cache, wanted):
    with pytest.raises(ValueError, match="dev"):
        load_dataset(
            "jax_ir_synth", cache_dir=cache, seed=wanted.seed, count=wanted.count, split="dev"
        )


@pytest.mark.parametrize(
    ("name", "arguments", "given", "allowed"),
    [
        ("loops", {}, "'loops'", ", ".join(CONFIGS)),
        (None, {"seed": -1}, "-1", "integer from 0"),
        (None, {"seed": 2**64}, str(2**64), "integer from 0"),
        (None, {"seed": True}, "True", "integer from 0"),
        ("loop", {"seed": None}, "None", "integer from 0"),
        ("loop", {"count": 0}, "0", "integer from 1"),
        (None, {"count": 2.5}, "2.5", "integer from 1"),
        (None, {"device": "gpu"}, "'gpu'", "cpu, cuda, both"),
        (None, {"dialect": "mlir"}, "'mlir'", "stablehlo"),
        (None, {"target": "sm_70"}, "'sm_70'", "sm_90"),
        (None, {"verify": "no"}, "`verify` (='no')", "True or False"),
        (None, {"coutn": 3}, "`coutn` (=3)", "seed, count, device, dialect, target, verify"),
        (
            None,
            {"data_dir": "here"},
            "`data_dir` (='here')",
            "seed, count, device, dialect, target, verify",
        ),
        (
            None,
            {"data_files": "a.json"},
            "`data_files`",
            "seed, count, device, dialect, target, verify",
        ),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_a_wrong_value_is_one_line_before_any_work(
    tmp_path, name, arguments, given, allowed, streaming
):
    with pytest.raises(ValueError) as raised:
        load_dataset("jax_ir_synth", name, cache_dir=tmp_path, streaming=streaming, **arguments)
    message = str(raised.value)
    assert given in message and allowed in message and "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_number_of_processes(tmp_path):
    with pytest.raises(ValueError, match=re.escape("`num_proc` (=0) must be")):
        load_dataset("jax_ir_synth", cache_dir=tmp_path, count=3, num_proc=0)


def test_an_exhausted_grammar_leaves_nothing_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "MAX_DROPPED_IN_A_ROW", 1)
    monkeypatch.setattr(plan, "MAX_PER_SKELETON", 0)
    plan.get_category_plan.cache_clear()
    with pytest.raises(datasets.exceptions.DatasetGenerationError) as raised:
        load_dataset("jax_ir_synth", cache_dir=tmp_path, count=3)
    plan.get_category_plan.cache_clear()
    assert isinstance(raised.value.__cause__, plan.GrammarExhausted)
    assert "at 0 distinct programs" in str(raised.value.__cause__)
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_second_call_reads_the_cache(loaded, cache, wanted, no_planning):
    again = load_dataset("jax_ir_synth", cache_dir=cache, seed=wanted.seed, count=wanted.count)
    assert again["train"].cache_files == loaded["train"].cache_files


def test_naming_a_default_shares_the_cache(cache):
    plain = JaxIrSynth(cache_dir=cache, seed=5, count=3).cache_dir
    named = {"device": "both", "dialect": "stablehlo", "target": None, "verify": True}
    assert JaxIrSynth(cache_dir=cache, seed=5, count=3, **named).cache_dir == plain
    assert JaxIrSynth(cache_dir=cache, config_name="all", seed=5, count=3).cache_dir == plain
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bare = JaxIrSynth(cache_dir=cache).cache_dir
        full = JaxIrSynth(cache_dir=cache, seed=0, count=1500, **named).cache_dir
    assert bare == full


def test_a_list_of_dialects_is_written_and_cached_like_one(tmp_path):
    asked = {"count": 3, "cache_dir": tmp_path, "dialect": ["stablehlo", "jaxpr", "hlo"]}
    rows = _in_order(load_dataset("jax_ir_synth", "unary", **asked))
    for row in rows:
        found = [column.dialect for column in read_sections(row["cuda"])]
        assert found == asked["dialect"]
        assert row["verified"] == "stablehlo: interpreter+arrays"
    as_text = {**asked, "dialect": "stablehlo,jaxpr,hlo"}
    builders = [JaxIrSynth(config_name="unary", **each) for each in (asked, as_text)]
    assert builders[0].cache_dir == builders[1].cache_dir
    plain = load_dataset("jax_ir_synth", "unary", count=3, cache_dir=tmp_path)
    assert [row["program_hash"] for row in _in_order(plain)] == [
        row["program_hash"] for row in rows
    ]


def test_other_passes_are_written_after_those_of_each_row(tmp_path):
    asked = {"count": 3, "cache_dir": tmp_path, "passes": "vmap,backward,forward,vjp"}
    rows = _in_order(load_dataset("jax_ir_synth", "unary", **asked))
    plain = _in_order(load_dataset("jax_ir_synth", "unary", count=3, cache_dir=tmp_path))
    for row, default in zip(rows, plain, strict=True):
        (section,) = read_sections(row["cuda"])
        assert list(section.passes) == ["forward", "backward", "vjp", "vmap"]
        assert row["cpp"].startswith(default["cpp"])
        assert row["program_hash"] == default["program_hash"]
    with pytest.raises(ValueError, match="must have forward among them"):
        load_dataset("jax_ir_synth", "unary", count=3, passes="backward", cache_dir=tmp_path)


def test_everything_else_has_a_cache_of_its_own(cache):
    asked = [
        {},
        {"seed": 1},
        {"seed": 2**64 - 1, "count": 99_999_999, "device": "cuda"},
        {"seed": 2**64 - 2, "count": 99_999_999, "device": "cuda"},
        {"count": 1501},
        {"device": "cpu"},
        {"device": "cuda"},
        {"verify": False},
        {"config_name": "loop"},
        {"dialect": "jaxpr"},
        {"dialect": ["jaxpr", "hlo"]},
        {"dialect": ["hlo", "jaxpr"]},
        {"dialect": "asm", "device": "cpu"},
        {"dialect": "asm", "device": "cpu", "target": "x86-64-v2"},
    ]
    folders = {JaxIrSynth(cache_dir=cache, **arguments).cache_dir for arguments in asked}
    assert len(folders) == len(asked)


def test_another_jax_has_a_cache_of_its_own(monkeypatch, cache):
    before = JaxIrSynth(cache_dir=cache).cache_dir
    real = jax_ir_synth.generate.fingerprint.version
    monkeypatch.setattr(
        jax_ir_synth.generate.fingerprint,
        "version",
        lambda name: "9" if name == "jax" else real(name),
    )
    assert JaxIrSynth(cache_dir=cache).cache_dir != before


def test_an_edited_source_has_a_cache_of_its_own(python, tmp_path):
    copy = tmp_path / "copied" / "jax_ir_synth"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    first = {"PYTHONPATH": str(copy.parent)}
    runs = [python("-c", WHERE, tmp_path / "cache", cwd=tmp_path, env=first) for _ in range(2)]
    with open(copy / "lowering" / "__init__.py", "a") as file:
        file.write("# edited\n")
    runs.append(python("-c", WHERE, tmp_path / "cache", cwd=tmp_path, env=first))
    assert [run.returncode for run in runs] == [0, 0, 0], runs[-1].stderr
    sources, folders, found = zip(*(run.stdout.splitlines()[:3] for run in runs), strict=True)
    assert set(sources) == {str(copy / "__init__.py")}
    assert found == ("False", "True", "False")
    assert folders[0] == folders[1] != folders[2]


def test_a_failing_row_leaves_nothing_in_the_cache(monkeypatch, tmp_path):
    def broken(*_):
        raise FloatingPointError("planted")

    monkeypatch.setattr("jax_ir_synth.generate.rows.kernels.write", broken)
    with pytest.raises(datasets.exceptions.DatasetGenerationError) as raised:
        load_dataset("jax_ir_synth", "loop", cache_dir=tmp_path, seed=3, count=3)
    assert re.search(r"category='loop', seed=3, candidate=\d+", str(raised.value.__cause__))
    assert not list(tmp_path.rglob("*.arrow"))


def test_planning_is_not_repeated_for_each_split(monkeypatch, tmp_path):
    drawn = []
    real = plan.kernels.draw
    plan.get_category_plan.cache_clear()
    monkeypatch.setattr(plan.kernels, "draw", lambda *key: drawn.append(key) or real(*key))
    load_dataset("jax_ir_synth", "loop", cache_dir=tmp_path, seed=4, count=5)
    # Once in the plan, and once when the row is made.
    assert max(drawn.count(key) for key in drawn) == 2
