"""The Slurm executor: its scripts, and these run by stand-ins for Slurm's commands."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from scale_run import SHARDS, Command, contents, environment, manifests

pytest.importorskip("datatrove", reason="the extra scale isn't installed")

OPTIONS = ("--partition", "batch", "--time", "2:00:00", "--cpus-per-task", 2, "--mem-per-cpu", 3)

# Runs a script's array here and now, two jobs at a time.
SBATCH = r"""#!/bin/bash
set -e
here=$(dirname "$0")
echo "$@" >> "$here/submitted"
number=$(wc -l < "$here/submitted")
script="${@: -1}"
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
export SLURM_JOB_ID=$number SLURM_NODELIST=here
seq 0 "$last" | xargs -P 2 -I{} env SLURM_ARRAY_TASK_ID={} bash "$script" >> "$here/log" 2>&1
echo "$number;cluster"
"""
SRUN = r"""#!/bin/bash
while [ "${1#-}" != "$1" ]; do if [ "$1" = -n ]; then shift; fi; shift; done
exec "$@"
"""
SCONTROL = "#!/bin/bash\necho here\n"


def _directives(script: Path) -> dict[str, str]:
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", script.read_text(), re.MULTILINE))


def _scripts(folder: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in sorted(folder.glob("logs/*/launch_script.slurm"))}


def _path(tmp_path, **commands) -> dict[str, str]:
    """An environment in which these commands are found first."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name, text in commands.items():
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    return {"PATH": f"{folder}:{environment()['PATH']}"}


def _ended(folder, *more, **kwargs):
    return Command(folder, *OPTIONS, *more, executor="slurm", workers=7, **kwargs).ended()


def test_dry_run_writes_scripts_and_submits_nothing(tmp_path):
    folder = tmp_path / "data"
    (tmp_path / "sub").mkdir()
    env = _path(tmp_path, sbatch='#!/bin/bash\ntouch "$0.was-called"\n')
    code, out, errors = _ended(folder, "--dry-run", "--qos", "high", env=env)
    assert code == 0, errors
    assert not list(tmp_path.rglob("*.was-called"))
    scripts = _scripts(folder)
    assert out.splitlines() == [
        f"job0=$(sbatch --parsable {scripts['001-draws']})",
        f"job1=$(sbatch --parsable --dependency=afterany:$job0 {scripts['001-plan']})",
        f"job2=$(sbatch --parsable --dependency=afterok:$job1 {scripts['001-shards']})",
    ]
    for stage, tasks in (("draws", 10), ("plan", 1), ("shards", SHARDS)):
        script = scripts[f"001-{stage}"]
        directives = _directives(script)
        assert (
            directives.items()
            >= {
                "partition": "batch",
                "time": "2:00:00",
                "cpus-per-task": "2",
                "mem-per-cpu": "3G",
                "qos": "high",
                "array": f"0-{tasks - 1}%7",
                "kill-on-invalid-dep": "yes",
                "requeue": "",
            }.items()
        )
        lines = script.read_text().splitlines()
        assert f"export PATH={Path(sys.executable).parent}:$PATH" in lines
        pickled = script.with_name("executor.pik")
        assert lines[-1] == f"srun -l -n 1 launch_pickled_pipeline {pickled}"
        assert pickled.exists()
        # What bash makes of it.
        assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert not list(folder.glob("*/*.parquet"))


NASTY = """da ta%A%% 'q' "d" #h $HOME;&|<>()[]*?!~`é"""


def _as_sbatch_reads(line: str) -> list[str]:
    """The arguments of an #SBATCH line, by the rules of sbatch's own reader."""
    found, word, quote, escaped = [], None, None, False
    for character in line.removeprefix("#SBATCH") + " ":
        if escaped:
            word, escaped = (word or "") + character, False
        elif character == "\\":
            escaped = True
        elif quote:
            word, quote = (word, None) if character == quote else (word + character, quote)
        elif character in "\"'":
            word, quote = word or "", character
        elif character == "#":
            break
        elif not character.isspace():
            word = (word or "") + character
        elif word is not None:
            found, word = [*found, word], None
    return found


def test_a_folder_of_any_name(undisturbed, tmp_path):
    env = _path(tmp_path, sbatch=SBATCH, srun=SRUN, scontrol=SCONTROL)
    folder = tmp_path / NASTY
    code, out, errors = _ended(folder, "--qos", "two words", env=env)
    assert code == 0, errors
    log = (tmp_path / "bin" / "log").read_text()
    assert contents(folder) == contents(undisturbed), log
    for script in _scripts(folder).values():
        lines = [line for line in script.read_text().splitlines() if line.startswith("#SBATCH")]
        read = [_as_sbatch_reads(line) for line in lines]
        assert all(len(arguments) == 1 for arguments in read), lines
        given = dict(arguments[0].removeprefix("--").partition("=")[::2] for arguments in read)
        assert given["qos"] == "two words"
        logs = re.sub("%(.)", lambda sign: {"%": "%", "A": "7", "a": "3"}[sign[1]], given["output"])
        assert given["error"] == given["output"]
        assert logs == str(script.with_name("slurm_logs") / "7_3.out")


@pytest.mark.parametrize(
    ("name", "told"), [("a\\b", "a backslash in it"), ("a\nb", "a line break in it")]
)
def test_a_folder_that_no_script_can_name(tmp_path, name, told):
    code, _, errors = _ended(tmp_path / name, "--dry-run")
    assert code == 2 and len(errors.splitlines()) == 1
    assert repr(str(tmp_path / name)) in errors and told in errors
    assert not list(tmp_path.iterdir())


def test_a_setup_of_ones_own(tmp_path):
    folder = tmp_path / "data"
    setup = "module load python && . v/bin/activate"
    code, _, errors = _ended(folder, "--dry-run", "--setup", setup)
    assert code == 0, errors
    for script in _scripts(folder).values():
        assert setup in script.read_text().splitlines()


def test_what_is_submitted_makes_the_same_bytes_and_only_what_is_missing(undisturbed, tmp_path):
    env = _path(tmp_path, sbatch=SBATCH, srun=SRUN, scontrol=SCONTROL)
    folder, submitted = tmp_path / "data", tmp_path / "bin" / "submitted"
    code, out, errors = _ended(folder, env=env)
    assert code == 0, errors
    log = (tmp_path / "bin" / "log").read_text()
    assert out.splitlines() == [
        f"{folder}: submitted 1 (draw candidates, 10 tasks), 2 (plan, 1 tasks), "
        "3 (make rows, 6 tasks); once they ended, the same command finds what is missing, and "
        f"{folder}/logs says why"
    ]
    assert contents(folder) == contents(undisturbed), log
    options = [re.findall(r"--dependency=\S+", line) for line in submitted.read_text().splitlines()]
    assert options == [[], ["--dependency=afterany:1"], ["--dependency=afterok:2"]]

    # Two shards lost: they alone are made again.
    manifests(folder)[1].unlink()
    (folder / "train" / f"shard-00004-of-{SHARDS:05d}.parquet").unlink()
    code, out, errors = _ended(folder, env=env)
    assert code == 0, errors
    assert "submitted 4 (make rows, 2 tasks); " in out
    assert contents(folder) == contents(undisturbed)

    code, out, errors = _ended(folder, env=env)
    assert (code, out) == (0, f"{folder}: 24 rows in 6 shards, 0 to be made\n"), errors
    assert len(submitted.read_text().splitlines()) == 4


def test_no_sbatch_and_one_that_refuses(tmp_path):
    folder = tmp_path / "data"
    code, _, errors = _ended(folder, env={"PATH": "/nowhere"})
    assert code == 1
    assert errors == (
        f"jax-ir-synth scale: {folder} is not complete: there is no sbatch here: run this where "
        "Slurm's commands are, or add --dry-run\n"
    )
    refusing = "#!/bin/bash\necho 'sbatch: error: invalid partition' >&2\nexit 1\n"
    code, _, errors = _ended(folder, env=_path(tmp_path, sbatch=refusing))
    assert code == 1
    assert "sbatch doesn't take " in errors
    assert errors.endswith("launch_script.slurm: sbatch: error: invalid partition\n")


def test_many_shards_are_one_array(tmp_path):
    """Of as many jobs as Slurm allows; each does several shards."""
    from jax_ir_synth.scale.slurm import MAX_JOBS, SlurmExecutor

    executor = SlurmExecutor(
        [], tasks=2500, time="1:00", partition="batch", logging_dir=str(tmp_path)
    )
    array = _directives(executor.write())["array"]
    assert executor.tasks_per_job == 3
    assert array == f"0-{-(-2500 // 3) - 1}"
    assert MAX_JOBS >= -(-2500 // 3)
