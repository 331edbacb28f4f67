"""datatrove's Slurm executor: scripts that can be read first, and what submits them in their order.

A script runs datatrove's `launch_pickled_pipeline`, by which each job of the array gets its ranks.
"""

import copy
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import dill
from datatrove.executor import SlurmPipelineExecutor

from jax_ir_synth.scale import ScaleError

# What clusters allow by default is 1001.
MAX_JOBS = 1000
_PLAIN = re.compile(r"[\w%+,./:=@-]*", re.ASCII)
# By a backslash sbatch takes a log's name as it stands, and by a line's end it ends.
_UNSAYABLE = {"\\": "backslash", "\n": "line break", "\r": "line break"}


class SlurmExecutor(SlurmPipelineExecutor):
    """One job array for all ranks, whose script is written by `write` and submitted by `submit`.

    Within a job of it, datatrove's own `run` does the ranks. Args are those of datatrove's, but
    `tasks_per_job` is chosen here.
    """

    def __init__(self, *args: Any, tasks: int, **kwargs: Any):
        super().__init__(
            *args,
            tasks=tasks,
            tasks_per_job=math.ceil(tasks / MAX_JOBS),
            max_array_size=MAX_JOBS,
            **kwargs,
        )

    def get_sbatch_args(self, max_array: int = 1) -> dict[str, Any]:
        """datatrove's, whatever characters they have."""
        directives = super().get_sbatch_args(max_array)
        # Slurm puts something in the place of other signs behind a %.
        log = os.path.join(self.slurm_logs_folder.replace("%", "%%"), "%A_%a.out")
        return {
            name: _quote(str(value))
            for name, value in {**directives, "output": log, "error": log}.items()
        }

    def write(self) -> Path:
        """Write the script and what its jobs load; returns the script's path."""
        jobs = math.ceil(self.tasks / self.tasks_per_job)
        with self.logging_dir.open("executor.pik", "wb") as file:
            dill.dump(copy.copy(self), file)
        with self.logging_dir.open("ranks_to_run.json", "w") as file:
            json.dump(list(range(self.tasks)), file)
        pickled = shlex.quote(self.logging_dir.resolve_paths("executor.pik"))
        script = Path(self.logging_dir.resolve_paths("launch_script.slurm"))
        script.write_text(
            self.get_launch_file_contents(
                self.get_sbatch_args(jobs), f"srun -l -n 1 launch_pickled_pipeline {pickled}"
            ),
            encoding="utf-8",
        )
        return script


def check_folder(folder: Path) -> None:
    """Raises ScaleError where Slurm can't be told the folder's name."""
    for character, name in _UNSAYABLE.items():
        if character in str(folder):
            raise ScaleError(
                f"`--output` (={str(folder)!r}) has a {name} in it, which no Slurm script can name"
            )


def _quote(value: str) -> str:
    """A value of an #SBATCH line, which sbatch reads much as a shell does."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def setup_here() -> str:
    """The shell command that makes a node use the Python that runs this."""
    return f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH"


def submit(script: Path, *dependency: str) -> str:
    """Submit a script, after what `dependency` says (`afterok:12`); returns the job's number.

    Raises ScaleError where Slurm doesn't take it.
    """
    options = [f"--dependency={','.join(dependency)}"] if dependency else []
    command = ["sbatch", "--parsable", *options, str(script)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ScaleError(
            "there is no sbatch here: run this where Slurm's commands are, or add --dry-run"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.split())
        raise ScaleError(f"sbatch doesn't take {script}: {reason}") from error
    # The number, and behind a semicolon the cluster's name.
    return done.stdout.strip().split(";")[0]
