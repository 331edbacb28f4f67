"""The wheel and the sdist build, hold what they should, and work in an environment of their own."""

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import jax_ir_synth
from jax_ir_synth.generate.fingerprint import PACKAGE, sources

ROOT = Path(__file__).parents[2]
# What builds a package: it is all that is copied, so that a build needs nothing else.
PARTS = (
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile"),
    *("README.md", "pyproject.toml", "setup.cfg"),
)


def run(*arguments, cwd, env=None) -> str:
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": ""} | (env or {}),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(made_once):
    """A folder with a wheel and an sdist, the wheel built from the sdist."""

    def make(folder):
        source = folder / "source"
        for name in sources(PACKAGE):
            (source / "jax_ir_synth" / name).parent.mkdir(parents=True, exist_ok=True)
            (source / "jax_ir_synth" / name).write_bytes((PACKAGE / name).read_bytes())
        for name in PARTS:
            (source / name).write_bytes((ROOT / name).read_bytes())
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", source, cwd=folder)

    return made_once("built", make) / "dist"


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_holds_every_source_and_the_license(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (license_name,) = [name for name in names if name.endswith("/LICENSE")]
        assert archive.read(license_name) == (ROOT / "LICENSE").read_bytes()
    of_package = {name for name in names if ".dist-info/" not in name}
    assert of_package == {f"jax_ir_synth/{name}" for name in sources(PACKAGE)}
    assert "jax_ir_synth/py.typed" in names and "jax_ir_synth/stats/survey.csv" in names


def test_the_sdist_holds_what_builds_it(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"jax_ir_synth/{name}" for name in sources(PACKAGE)} <= names
    assert set(PARTS) <= names


def test_the_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    assert metadata["Version"] == jax_ir_synth.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text().strip()


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(wheel, tmp_path):
    """Installed with what it asks for, and nothing else."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    run(
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--no-compile",
        "--quiet",
        wheel,
        cwd=tmp_path,
    )
    made = run(
        folder / "bin" / "jax-ir-synth",
        *("--count", 2, "--output", "-", "--jsonl"),
        cwd=tmp_path,
        env={"PATH": os.defpath},
    )
    rows = [json.loads(line) for line in made.splitlines()]
    assert [row["id"] for row in rows] == [0, 1]
    assert all(row["verified"] != "none" for row in rows)


# The oldest is the one that the tests run with, most often.
@pytest.mark.parametrize("minor", range(12, 15))
def test_each_python_has_what_the_package_asks_for(wheel, tmp_path, minor):
    report = tmp_path / "report.json"
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
        *("--python-version", f"3.{minor}", "--only-binary", ":all:", "--target", tmp_path / "t"),
        *("--report", report, wheel),
        cwd=tmp_path,
    )
    installed = {
        item["metadata"]["name"]: item["metadata"]["version"]
        for item in json.loads(report.read_text())["install"]
    }
    assert installed["jax_ir_synth"] == jax_ir_synth.__version__
    assert installed["jax"] == installed["jaxlib"]


def test_it_installs_beside_transformers_4(wheel, tmp_path):
    """Its huggingface_hub is older than the one that publishing needs."""
    report = tmp_path / "report.json"
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
        *("--report", report, wheel, "transformers==4.*"),
        cwd=tmp_path,
    )
    installed = {
        item["metadata"]["name"]: item["metadata"]["version"]
        for item in json.loads(report.read_text())["install"]
    }
    assert "jax_ir_synth" in installed and installed["huggingface_hub"].startswith("0.")


def test_every_place_that_names_the_version_names_this_one():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {jax_ir_synth.__version__}\n" in citation
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [line for line in changelog.splitlines() if line.startswith("## ")]
    # What comes in the next version has no number yet.
    newest = next(line for line in headings if line != "## Unreleased")
    assert newest.split()[-1] == jax_ir_synth.__version__


def test_the_description_renders_on_an_index():
    markdown = pytest.importorskip("readme_renderer.markdown")
    rendered = markdown.render((ROOT / "README.md").read_text())
    # Newer versions of the renderer give headings an id and a link.
    assert re.search(r"<h1[^>]*>jax_ir_synth<", rendered)


def test_the_checks_before_a_commit_are_those_of_make_lint():
    extras = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    (pinned,) = set(re.findall(r"ruff==[\d.]+", extras))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"ruff[=<>][=\d.]+", hooks)) == {pinned}
