"""The command's arguments: what they mean, and one line for what is wrong with them."""

import pytest

from jax_ir_synth.cli import scale
from jax_ir_synth.cli.main import main
from jax_ir_synth.request import extras


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the command was asked for, as it would be run."""
    pytest.importorskip("datatrove", reason="the extra scale isn't installed")
    seen = []
    monkeypatch.setattr(scale, "_run", lambda job: seen.append(job.pinned) or 0)

    def ask(*arguments):
        assert main(["scale", *arguments, "--output", str(tmp_path / "data")]) == 0
        return seen.pop()

    return ask


def test_a_million_rows(asked):
    pinned = asked("--count", "1_000_000", "--shards", "1000", "--config", "loop", "--no-verify")
    assert (pinned.request.count, pinned.shards) == (10**6, 1000)
    assert (pinned.request.category, pinned.request.verify) == ("loop", False)


def test_by_default_a_shard_has_a_thousand_rows(asked):
    assert asked("--count", "4001").shards == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "one of `--output` and `--check` is needed"),
        (("--output", "a", "--check", "a"), "`--check` is not allowed with `--output`"),
        (
            ("--output", "a", "--count", "0"),
            "`--count` (=0) must be an integer from 1 to 100000000",
        ),
        (("--output", "a", "--count", "1e6"), "`--count` (='1e6') must be an integer"),
        (
            ("--output", "a", "--executor", "dask"),
            "`--executor` (=dask) must be one of: local, ray, slurm",
        ),
        (("--output", "a", "--workers", "0"), "`--num-proc` (=0) must be 1 or more"),
        (("--output", "a", "--executor", "slurm"), "`--executor` (=slurm) needs a `--partition`"),
        (("--output", "a", "--dry-run"), "`--dry-run` needs `--executor` slurm, not local"),
        (("--output", "a", "--cpus-per-task", "0"), "`--cpus-per-task` (=0) must be 1 or more"),
        (("--output", "a", "--mem-per-cpu", "-1"), "`--mem-per-cpu` (=-1) must be 1 or more"),
        (("--output", "a", "--dialect", "mlir"), "`--dialect` (='mlir') must be one of"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(monkeypatch, tmp_path, capsys, arguments, told):
    if arguments:
        pytest.importorskip("datatrove", reason="the extra scale isn't installed")
    monkeypatch.chdir(tmp_path)
    code = main(["scale", *arguments])
    assert code == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("jax-ir-synth scale: error: ") and told in shown.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "executor", "extra", "what"),
    [
        ("datatrove", "local", "scale", "`jax-ir-synth scale`"),
        ("ray", "ray", "scale-ray", "`--executor ray`"),
    ],
)
def test_a_missing_extra(monkeypatch, tmp_path, capsys, missing, executor, extra, what):
    monkeypatch.setattr(extras, "is_missing", lambda module: module == missing)
    code = main(["scale", "--output", str(tmp_path / "data"), "--executor", executor])
    assert code == 2
    assert capsys.readouterr().err == (
        f"jax-ir-synth scale: error: {what} needs {missing}: "
        f"pip install 'jax_ir_synth[{extra}]' (in a clone: '.[{extra}]')\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy(python):
    done = python("-X", "importtime", "-m", "jax_ir_synth.scale", "--help")
    assert done.returncode == 0 and "--shards" in done.stdout
    loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "jax_ir_synth.cli.options" in loaded
    assert not loaded & {"jax", "datasets", "pyarrow", "numpy", "datatrove", "ray"}


def test_the_driver_loads_no_jax(undisturbed, python):
    """It starts processes, and one that has run XLA can't be forked."""
    done = python(
        "-X", "importtime", "-m", "jax_ir_synth.scale", "--count", 24, "--seed", 5, "--no-verify",
        "--shards", 6, "--output", undisturbed,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "24 rows in 6 shards, 0 made now" in done.stdout
    loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "jax_ir_synth.scale.run" in loaded
    assert not loaded & {"jax", "jaxlib"}
