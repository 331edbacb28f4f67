"""Runs on Slurm: writes scripts for the missing parts of a folder, and submits them in order."""

import shlex
from pathlib import Path
from typing import NamedTuple

from datatrove.pipeline.base import PipelineStep

from jax_ir_synth.scale import planning, shards
from jax_ir_synth.scale.run import make_log_folder, silence_log
from jax_ir_synth.scale.run_manifest import RunManifest
from jax_ir_synth.scale.slurm import SlurmExecutor, submit
from jax_ir_synth.scale.steps import DrawStep, PlanStep, ShardStep


class Options(NamedTuple):
    """The options for Slurm, named like its own; `setup` is a shell command."""

    partition: str
    time: str
    cpus: int
    gigabytes: int
    qos: str | None
    setup: str


class Job(NamedTuple):
    """A script, and its number of tasks; `after` is Slurm's condition on the job before it."""

    stage: str
    tasks: int
    script: Path
    after: str | None


def write(folder: Path, pinned: RunManifest, options: Options, workers: int) -> list[Job]:
    """Write the scripts for the missing parts, if any; `workers` tasks run at a time.

    Raises ScaleError if the candidates drawn so far show that a grammar is exhausted.
    """
    silence_log()
    jobs: list[Job] = []

    def job(step: PipelineStep, tasks: int, folder: Path, after: str | None) -> None:
        executor = SlurmExecutor(
            [step],
            tasks=tasks,
            workers=workers,
            logging_dir=str(folder),
            time=options.time,
            partition=options.partition,
            cpus_per_task=options.cpus,
            mem_per_cpu_gb=options.gigabytes,
            qos=options.qos,
            env_command=options.setup,
            job_name=f"jax_ir_synth-{step.name.replace(' ', '-')}",
            # Otherwise a job that depends on a failed one would wait forever.
            sbatch_args={"kill-on-invalid-dep": "yes"},
        )
        jobs.append(Job(step.name, tasks, executor.write(), after if jobs else None))

    if not planning.is_planned(folder):
        if ranges := planning.Planning(folder, pinned.request).find_missing():
            job(
                DrawStep(folder, pinned, ranges),
                len(ranges),
                make_log_folder(folder, "draws"),
                None,
            )
        # The plan's job draws candidates that the jobs before it missed.
        where = make_log_folder(folder, "plan")
        job(PlanStep(folder, pinned, options.cpus, where), 1, where, "afterany")
    if missing := shards.find_missing(folder, pinned):
        step = ShardStep(folder, pinned, missing)
        job(step, len(missing), make_log_folder(folder, "shards"), "afterok")
    return jobs


def launch(jobs: list[Job]) -> list[str]:
    """Submit the jobs, each after the one before; return their numbers. Raises ScaleError."""
    numbers: list[str] = []
    for job in jobs:
        dependency = [f"{job.after}:{numbers[-1]}"] if job.after else []
        numbers.append(submit(job.script, *dependency))
    return numbers


def list_commands(jobs: list[Job]) -> list[str]:
    """List the shell commands that do the same as `launch`."""
    lines = []
    for number, job in enumerate(jobs):
        dependency = f" --dependency={job.after}:$job{number - 1}" if job.after else ""
        script = shlex.quote(str(job.script))
        lines.append(f"job{number}=$(sbatch --parsable{dependency} {script})")
    return lines
