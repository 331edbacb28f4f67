"""`jax_ir_synth.load`: what `load_dataset` gives, by a function of its own."""

import inspect

import datasets
import pytest

import jax_ir_synth
from jax_ir_synth.request.config import ALL, DEFAULTS


def test_its_arguments_are_those_of_the_builder():
    parameters = inspect.signature(jax_ir_synth.load).parameters
    given = {name: parameters[name].default for name in DEFAULTS}
    assert given == DEFAULTS
    assert parameters["config"].default == ALL


def test_it_gives_what_load_dataset_gives(tmp_path):
    asked = {"seed": 7, "count": 6, "cache_dir": tmp_path}
    loaded = jax_ir_synth.load("loop", **asked)
    assert isinstance(loaded, datasets.DatasetDict)
    expected = datasets.load_dataset("jax_ir_synth", "loop", **asked)
    assert {name: list(part) for name, part in loaded.items()} == {
        name: list(part) for name, part in expected.items()
    }
    # One cache for both.
    assert loaded.cache_files == expected.cache_files
    train = jax_ir_synth.load("loop", split="train[:2]", **asked)
    assert list(train) == list(expected["train"])[:2]


def test_a_stream():
    stream = jax_ir_synth.load("unary", seed=7, count=4, split="train", streaming=True)
    assert isinstance(stream, datasets.IterableDataset)
    assert next(iter(stream))["type"] == "generate_unary"


def test_a_default_that_is_given_is_no_other_config(tmp_path):
    plain = datasets.load_dataset_builder("jax_ir_synth", "loop", cache_dir=tmp_path)
    seen = []

    def load_dataset(path, name, *, split, streaming, num_proc, **given):
        seen.append(datasets.load_dataset_builder(path, name, **given))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset", load_dataset)
        jax_ir_synth.load("loop", cache_dir=tmp_path)
    assert seen[0].cache_dir == plain.cache_dir and seen[0].config_id == plain.config_id


def test_the_import_stays_light(python):
    done = python(
        "-c",
        "import sys, jax_ir_synth as j; j.load, j.UsageError\n"
        "print([name for name in ('jax', 'datasets', 'pyarrow') if name in sys.modules])",
    )
    assert done.stdout == "[]\n", done.stderr
