"""The cache key changes with everything that the rows' bytes depend on, and only with that."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jax_ir_synth.generate import fingerprint
from jax_ir_synth.generate.fingerprint import (
    PACKAGE,
    SUFFIXES,
    cache_fingerprint,
    sources,
    sources_digest,
)


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


def test_an_edit_after_the_import_is_reported(python, copy, tmp_path):
    code = f"""
import sys
import jax_ir_synth
from jax_ir_synth.generate.fingerprint import cache_fingerprint
from jax_ir_synth.generate.workers import Workers
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


# Foreign files in folders of sources: of file managers, editors, file systems and tools.
FOREIGN = [
    ".DS_Store",
    "._plan.py",
    "Thumbs.db",
    "desktop.ini",
    ".plan.py.swp",
    "plan.py.swp",
    "plan.py~",
    "#plan.py#",
    ".#plan.py",
    "plan.py.orig",
    "plan.py.rej",
    "plan.py.bak",
    "plan.py.save",
    "plan.py___jb_tmp___",
    "4913",
    "plan 2.py",
    "plan (conflicted copy 2026-11-28).py",
    "Copy of plan.py",
    ".nfs0000000003a1c2d400000001",
    ".fuse_hidden0000000300000001",
    ".directory",
    "core",
    "core.1234",
    "nohup.out",
    "plan.pyc",
    "plan.cpython-311-x86_64-linux-gnu.so",
    "plan.py.lprof",
    "kernels/.DS_Store",
    "kernels/.ipynb_checkpoints/loop-checkpoint.py",
    "kernels/__pycache__/loop.py",
    "kernels/__pycache__/loop.cpython-311.pyc.140012345",
    ".ipynb_checkpoints/plan-checkpoint.py",
    ".mypy_cache/3.11/plan.data.json",
    ".pytest_cache/README.md",
    ".idea/workspace.xml",
    ".vscode/settings.json",
    ".git/config",
    "htmlcov/index.html",
    "node_modules/page/index.js",
    "__MACOSX/plan.py",
    "@eaDir/plan.py",
    "data/jax_ir_synth/dataset_dict.json",
    "rows.jsonl",
    "rows.parquet",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_no_source(copy, name):
    path = copy / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"\xff foreign")
    assert sources_digest(copy) == sources_digest(PACKAGE)


def test_the_kinds_of_sources_are_those_that_are_shipped():
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    shipped = setup["options.package_data"]["*"].split(",")
    assert {f"*{suffix}" for suffix in SUFFIXES} == {"*.py", *map(str.strip, shipped)}
    if not (PACKAGE.parent / ".git").exists():
        return
    # Nothing of ours is left out.
    tracked = subprocess.run(
        ["git", "ls-files", "."], cwd=PACKAGE, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(tracked) <= set(sources(PACKAGE))


def test_an_unreadable_or_special_file_is_no_source(copy, monkeypatch):
    (copy / "broken.py").symlink_to("nothing.py")
    (copy / "itself.py").symlink_to("itself.py")
    (copy / "folder.py").mkdir()
    os.mkfifo(copy / "fifo.py")
    (copy / "loop").symlink_to(copy)
    assert sources_digest(copy) == sources_digest(PACKAGE)
    (copy / "secret.py").write_text("x = 1\n")
    reading = Path.read_bytes

    def read_bytes(path):
        if path.name == "secret.py":
            raise PermissionError(13, "Permission denied")
        return reading(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert sources_digest(copy) == sources_digest(PACKAGE)


def test_a_file_that_vanishes_while_sources_are_read_is_no_source(copy, monkeypatch):
    (copy / "kernels" / "vanishing.py").write_text("x = 1\n")
    listing = fingerprint.sources

    def listed(folder):
        names = list(listing(folder))
        (folder / "kernels" / "vanishing.py").unlink(missing_ok=True)
        return iter(names)

    monkeypatch.setattr(fingerprint, "sources", listed)
    assert sources_digest(copy) == sources_digest(PACKAGE)


def test_foreign_files_let_everything_go_on(python, copy, tmp_path):
    for name in FOREIGN:
        (copy / name).parent.mkdir(exist_ok=True, parents=True)
    code = f"""
import sys
from pathlib import Path
import jax_ir_synth
from jax_ir_synth.request.config import Request
from jax_ir_synth.generate.fingerprint import cache_fingerprint
from jax_ir_synth.registration import is_ours
from jax_ir_synth.scale import run_manifest
before = cache_fingerprint()
request = Request(count=4)
run_manifest.settle(Path("data"), run_manifest.make_run_manifest(request, 1))
for name in {FOREIGN!r}:
    Path({str(copy)!r}, name).write_bytes(b"foreign")
assert cache_fingerprint() == before
assert is_ours({str(PACKAGE)!r})
run_manifest.settle(Path("data"), run_manifest.make_run_manifest(request, 1))
Path("other").mkdir()
Path("other", ".DS_Store").touch()
run_manifest.settle(Path("other"), run_manifest.make_run_manifest(request, 1))
"""
    done = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(copy.parent)})
    assert done.returncode == 0, done.stderr
