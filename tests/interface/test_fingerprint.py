"""The cache key changes with everything that the rows' bytes depend on, and with nothing else."""

import shutil

import pytest

from jax_ir_synth import fingerprint
from jax_ir_synth.fingerprint import PACKAGE, cache_fingerprint, sources_digest


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "jax_ir_synth"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_copy_has_the_same_digest_whatever_was_compiled(copy):
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "plan.cpython-311.pyc").write_bytes(b"compiled")
    assert sources_digest(copy) == sources_digest(PACKAGE)


def test_every_source_counts(copy):
    sources = sorted(PACKAGE.rglob("*.py"))
    assert len(sources) > 10
    digests = {sources_digest(copy)}
    for source in sources:
        with open(copy / source.relative_to(PACKAGE), "a") as file:
            file.write("# edited\n")
        digests.add(sources_digest(copy))
    assert len(digests) == len(sources) + 1


def test_a_new_and_a_renamed_file_count(copy):
    digests = {sources_digest(copy)}
    (copy / "kernels" / "eleventh.py").write_text("x = 1\n")
    digests.add(sources_digest(copy))
    (copy / "kernels" / "eleventh.py").rename(copy / "kernels" / "twelfth.py")
    digests.add(sources_digest(copy))
    assert len(digests) == 3


@pytest.mark.parametrize("name", ["jax", "jaxlib", "numpy"])
def test_another_version_is_another_key(monkeypatch, name):
    real = fingerprint.version
    before = cache_fingerprint()
    monkeypatch.setattr(
        fingerprint, "version", lambda asked: "99.0" if asked == name else real(asked)
    )
    assert cache_fingerprint() != before


def test_only_the_major_version_of_datasets_counts(monkeypatch):
    real = fingerprint.version
    numbers = {}
    monkeypatch.setattr(fingerprint, "version", lambda asked: numbers.get(asked) or real(asked))
    keys = []
    for numbers["datasets"] in ("5.2.0", "5.9.1", "6.0.0"):
        keys.append(cache_fingerprint())
    assert keys[0] == keys[1] != keys[2]


def test_an_edit_after_the_import_is_told(python, copy, tmp_path):
    code = f"""
import sys
import jax_ir_synth
from jax_ir_synth.fingerprint import cache_fingerprint
from jax_ir_synth.workers import Workers
cache_fingerprint()
open({str(copy / "plan.py")!r}, "a").write("# edited")
for use in (cache_fingerprint, Workers(1, 1).__enter__):
    try:
        use()
    except RuntimeError as error:
        print(error)
"""
    done = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(copy.parent)})
    message = f"the sources in {copy} were edited after they were imported: restart Python"
    assert done.stdout.splitlines() == [message, message], done.stderr
