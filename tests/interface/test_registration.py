"""`load_dataset` finds this package by its name and its paths. Other names are unaffected."""

import json
import os
import shutil
import types

import datasets
import pytest
import wrapt

from jax_ir_synth import registration
from jax_ir_synth.registration import BUILDER_MODULE, PACKAGE, is_ours, is_registered, register


def test_datasets_still_has_the_function_where_we_wrap_it():
    for holder in registration.HOLDERS:
        factory = getattr(getattr(datasets, holder), registration.FACTORY)
        assert isinstance(factory, wrapt.FunctionWrapper), holder
        assert factory.__wrapped__.__module__ == "datasets.load"
    assert is_registered(datasets)


def test_registering_again_changes_nothing():
    before = [getattr(getattr(datasets, h), registration.FACTORY) for h in registration.HOLDERS]
    register()
    after = [getattr(getattr(datasets, h), registration.FACTORY) for h in registration.HOLDERS]
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_a_datasets_without_the_function_is_a_warning_and_not_a_broken_import():
    moved = types.SimpleNamespace(
        __version__="99.0",
        load=types.SimpleNamespace(),
        inspect=types.SimpleNamespace(dataset_module_factory=lambda path: path),
    )
    with pytest.warns(RuntimeWarning, match=r"datasets 99.0 has no datasets.load.dataset_module"):
        registration._wrap_factories(moved)
    assert not is_registered(moved)


@pytest.mark.parametrize(
    "first",
    [
        "import datasets, jax_ir_synth",
        "import jax_ir_synth, datasets",
        "import datasets.load; import jax_ir_synth",
    ],
)
def test_the_order_of_imports_does_not_matter(python, first):
    code = f"{first}\nprint(jax_ir_synth.registration.is_registered(datasets))"
    done = python("-c", code)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "jax_ir_synth",
        "./jax_ir_synth",
        "./jax_ir_synth/",
        "jax_ir_synth/jax_ir_synth.py",
        "../{root}/jax_ir_synth",
        str(PACKAGE),
        str(PACKAGE / "jax_ir_synth.py"),
        PACKAGE,
    ],
    ids=str,
)
def test_what_means_us_from_the_repository(monkeypatch, path):
    monkeypatch.chdir(PACKAGE.parent)
    if isinstance(path, str):
        path = path.replace("{root}", PACKAGE.parent.name)
    assert is_ours(path)


def test_the_name_means_us_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert is_ours("jax_ir_synth")
    assert is_ours(os.path.relpath(PACKAGE))
    os.symlink(PACKAGE, tmp_path / "linked")
    assert is_ours("linked")


@pytest.mark.parametrize(
    "path",
    [
        "./jax_ir_synth",
        "someone/jax_ir_synth",
        "jax_ir_synth/kernels",
        "jax_ir_synth2",
        "parquet",
        "",
        None,
        3,
    ],
)
def test_what_does_not(monkeypatch, tmp_path, path):
    monkeypatch.chdir(tmp_path)
    assert not is_ours(path)


def test_somebodys_data_folder_of_the_same_name_is_read_as_before(monkeypatch, tmp_path):
    (tmp_path / "jax_ir_synth").mkdir()
    (tmp_path / "jax_ir_synth" / "train.jsonl").write_text(json.dumps({"theirs": 1}) + "\n")
    monkeypatch.chdir(tmp_path)
    loaded = datasets.load_dataset("./jax_ir_synth", cache_dir=tmp_path / "cache", split="train")
    assert loaded[0] == {"theirs": 1}


def test_a_copy_with_the_same_sources_is_ours_and_another_is_refused(tmp_path):
    copy = tmp_path / "jax_ir_synth"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert is_ours(copy)
    (copy / "plan.py").write_text("edited = True\n")
    with pytest.raises(ValueError, match="other sources than the imported"):
        is_ours(str(copy))


def test_the_original_gets_what_it_was_given(monkeypatch):
    seen = []

    def original(*args, **kwargs):
        seen.append((args, kwargs))
        return "theirs"

    assert registration._find(original, None, ("someone/else",), {"revision": "1"}) == "theirs"
    assert registration._find(original, None, (), {"path": "someone/else"}) == "theirs"
    assert seen == [(("someone/else",), {"revision": "1"}), ((), {"path": "someone/else"})]
    assert registration._find(original, None, ("jax_ir_synth",), {}).module_path == BUILDER_MODULE
    assert len(seen) == 2


def test_without_the_import_newer_datasets_refuses(python, tmp_path):
    """The reason for the registration. If this fails, the README's first screen is wrong."""
    code = f"import datasets; datasets.load_dataset('./jax_ir_synth', cache_dir={str(tmp_path)!r})"
    done = python("-c", code, cwd=PACKAGE.parent)
    assert done.returncode == 1
    newer = int(datasets.__version__.split(".")[0]) >= 4
    reason = "Dataset scripts are no longer supported" if newer else "trust_remote_code"
    assert reason in done.stderr
