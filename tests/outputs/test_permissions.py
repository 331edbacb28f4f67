"""What a user may write who is not root; each case in a process that gives root's rights up."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A file of somebody else's that is to be replaced; the user is nobody.
AS_NOBODY = """
import os, sys, tempfile
from pathlib import Path
from jax_ir_synth.storage import outputs
tempfile.tempdir = sys.argv[1]
os.seteuid(65534)
path = Path(sys.argv[2])
try:
    outputs.check({"--json": path}, {}, overwrite=True)
except outputs.OutputError as error:
    print(error)
else:
    outputs.write_text(path, "new", overwrite=True)
    print("written")
"""


@pytest.mark.parametrize(
    ("folder", "file", "said"),
    [
        (0o777, 0o444, "Permission denied"),
        (0o777 | stat.S_ISVTX, 0o666, "written"),
        (0o777 | stat.S_ISVTX, 0o644, "Permission denied"),
        (0o755, 0o666, "written"),
        (0o755, 0o644, "Permission denied"),
        (0o755, None, "Permission denied"),
    ],
)
def test_somebody_elses_folder(tmp_path, folder, file, said):
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    # Its parents are root's alone.
    base = Path(tempfile.mkdtemp())
    try:
        base.chmod(0o755)
        for name in ("there", "scratch"):
            (base / name).mkdir()
        (base / "scratch").chmod(0o1777)
        path = base / "there" / "o.json"
        if file is not None:
            path.write_text("old " * 100)
            path.chmod(file)
        path.parent.chmod(folder)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, base / "scratch", path],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert said in done.stdout and (said == "written") == (done.stdout == "written\n")
        if file is not None:
            assert path.read_text() == ("new" if said == "written" else "old " * 100)
        left = [path for path in base.rglob("*") if path.is_file()]
        assert left == ([path] if file is not None else [])
    finally:
        shutil.rmtree(base)


# Root with a user's rights on its own files.
AS_USER = ("setpriv", "--bounding-set=-dac_override")


@pytest.mark.parametrize(
    ("name", "protected"),
    [
        ("rows.jsonl", "rows.jsonl"),
        ("rows.parquet", "rows.parquet"),
        ("rows", "rows/train"),
        ("rows", "rows/dataset_dict.json"),
        ("rows", "rows/test/data-00000-of-00001.arrow"),
        ("rows", "rows/train/state.json"),
        ("rows", "rows/validation"),
    ],
)
def test_a_file_of_ones_own_that_is_only_to_be_read(tmp_path, write, started, name, protected):
    """Refused before any work, and replaced once it may be written; its permissions stay."""
    by = AS_USER if os.geteuid() == 0 else ()
    if by and (not shutil.which(by[0]) or subprocess.run([*by, "true"]).returncode):
        pytest.skip("root can't give its rights up")
    assert write("--output", name) == 0
    path = tmp_path / protected
    for mode in (0o555, 0o700) if path.is_dir() else (0o444, 0o600):
        path.chmod(mode)
        process = started("--output", name, "--overwrite", "--seed", 10, by=by)
        out, err = process.communicate(timeout=120)
        if mode in (0o555, 0o444):
            assert (process.returncode, out, err.count("\n")) == (2, "", 1), err
            assert err.endswith("Permission denied\n")
        else:
            assert process.returncode == 0, err
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_that_nobody_can_change_is_told_before_the_work(tmp_path, write, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text("old")
    tried = shutil.which("chattr") and subprocess.run(["chattr", "+i", path], capture_output=True)
    if not tried or tried.returncode:
        pytest.skip("no file can be made immutable here")
    try:
        assert write("--output", path, "--overwrite") == 2
        assert "Operation not permitted" in capsys.readouterr().err
        assert [entry.name for entry in tmp_path.iterdir()] == ["rows.jsonl"]
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
