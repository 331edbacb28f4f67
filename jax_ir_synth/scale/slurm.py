"""datatrove's Slurm executor, which writes readable scripts before it submits them in order.

A script runs datatrove's `launch_pickled_pipeline`, which gives each job of the array its ranks.
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

# Clusters allow 1001 by default.
MAX_JOBS = 1000
_PLAIN = re.compile(r"[\w%+,./:=@-]*", re.ASCII)
# sbatch takes a log's name with a backslash literally, and a line break ends the name.
_UNSAYABLE = {"\\": "backslash", "\n": "line break", "\r": "line break"}


class SlurmExecutor(SlurmPipelineExecutor):
    """One job array for all ranks, whose script is written by `write` and submitted by `submit`.

    In each job, datatrove's own `run` runs the ranks. The arguments are datatrove's, except
    `tasks_per_job`, which is chosen here.
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
        """Return datatrove's arguments, quoted so that they may have any characters."""
        directives = super().get_sbatch_args(max_array)
        # Slurm replaces a % and the letter after it.
        log = os.path.join(self.slurm_logs_folder.replace("%", "%%"), "%A_%a.out")
        return {
            name: _quote(str(value))
            for name, value in {**directives, "output": log, "error": log}.items()
        }

    def write(self) -> Path:
        """Write the script and the files that its jobs load; return the script's path."""
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
    """Raise ScaleError if a Slurm script can't express the folder's name."""
    for character, name in _UNSAYABLE.items():
        if character in str(folder):
            raise ScaleError(
                f"`--output` (={str(folder)!r}) has a {name} in it, which no Slurm script can name"
            )


def _quote(value: str) -> str:
    """Quote a value of an #SBATCH line, which sbatch reads much as a shell does."""
    if _PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def make_setup() -> str:
    """Return the shell command that makes a node use the Python that runs this."""
    return f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH"


def submit(script: Path, *dependency: str) -> str:
    """Submit a script with dependencies such as `afterok:12`; return the job's number.

    Raises ScaleError if Slurm refuses it.
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
    # The output is the number, perhaps with a semicolon and the cluster's name.
    return done.stdout.strip().split(";")[0]
