"""The command `scale`: makes rows as shards by many processes or machines, or checks them."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import FAILURE, report_unfinished
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.extras import require
from jax_ir_synth.scale import PROGRAM, ScaleError, run_manifest
from jax_ir_synth.storage import outputs

LOCAL, RAY, SLURM = EXECUTORS = ("local", "ray", "slurm")
# The default number of rows in a shard: about ten megabytes, and a minute's work.
_ROWS_A_SHARD = 1000


class _Job(NamedTuple):
    """The run: its rows, folder and executor; see the flags."""

    folder: Path
    pinned: run_manifest.RunManifest
    executor: str
    num_proc: int
    cpus_per_task: int
    mem_per_cpu: int
    ray_address: str | None
    partition: str | None
    time: str
    qos: str | None
    setup: str | None
    dry_run: bool


@click.command(
    "scale",
    cls=Command,
    help="Make the builder's rows as Parquet shards, by many processes or machines. Killed at any "
    "moment and started again, it does only what is missing, and the result is the same to the "
    "byte.",
    epilog="Example: jax-ir-synth scale --count 1_000_000 --shards 1000 --output DIR --num-proc 64",
)
@options.request
@options.output(
    "where to; a folder that all machines see. What is there already isn't made again", "DIR"
)
@options.option(
    "--check",
    type=options.InputPath(),
    metavar="DIR",
    help="verify a result instead: files, hashes, ids, that programs are distinct, versions",
)
@options.option(
    "--shards",
    type=options.Integer(),
    metavar="N",
    help=f"files for each split  [default: one per {_ROWS_A_SHARD:,} rows]",
)
@options.option(
    "--executor",
    type=options.OneOf(EXECUTORS),
    default=LOCAL,
    metavar="NAME",
    help=f"what runs the tasks: {', '.join(EXECUTORS)}",
)
@options.option(
    "--num-proc",
    old_names=["--workers"],
    type=options.Integer(low=1),
    default=1,
    metavar="N",
    help="tasks at a time",
)
@options.option(
    "--cpus-per-task",
    type=options.Integer(low=1),
    default=1,
    metavar="N",
    help="of ray and slurm: cores for a task",
)
@options.option(
    "--mem-per-cpu",
    type=options.Integer(low=1),
    default=4,
    metavar="GB",
    help="of ray and slurm: memory for each of them",
)
@options.option(
    "--ray-address",
    metavar="ADDRESS",
    help="of ray: the cluster's  [default: RAY_ADDRESS, or else this machine alone]",
)
@options.option("--partition", metavar="NAME", help="of slurm: the partition, must be given")
@options.option(
    "--time", default="24:00:00", metavar="LIMIT", help="of slurm: the time limit of a job"
)
@options.option("--qos", metavar="NAME", help="of slurm: the quality of service")
@options.option(
    "--setup",
    metavar="COMMAND",
    help="of slurm: what a job does first, to have the same Python  [default: puts this "
    "Python's folder in front of PATH]",
)
@options.flag(
    "--dry-run",
    help="of slurm: write its scripts and print the commands that submit them, submit nothing",
)
def command(
    request: Request,
    output: Path | None,
    check: Path | None,
    shards: int | None,
    executor: str,
    num_proc: int,
    cpus_per_task: int,
    mem_per_cpu: int,
    ray_address: str | None,
    partition: str | None,
    time: str,
    qos: str | None,
    setup: str | None,
    dry_run: bool,
) -> int:
    """Make the shards, submit jobs that make them, or check them. Finished parts stay."""
    if output is not None and check is not None:
        raise UsageError("`--check` is not allowed with `--output`")
    if check is not None:
        return _check(check)
    if output is None:
        raise UsageError("one of `--output` and `--check` is needed")
    require("`jax-ir-synth scale`", "scale", "datatrove")
    if executor == RAY:
        require("`--executor ray`", "scale-ray", "ray")
    if executor == SLURM and not partition:
        raise UsageError("`--executor` (=slurm) needs a `--partition`")
    if dry_run and executor != SLURM:
        raise UsageError(f"`--dry-run` needs `--executor` slurm, not {executor}")
    number = -(-request.count // _ROWS_A_SHARD) if shards is None else shards
    try:
        pinned = run_manifest.make_run_manifest(request, number)
        folder = _settle(output, pinned, executor)
    except ScaleError as error:
        raise UsageError(str(error)) from error
    job = _Job(
        folder, pinned, executor, num_proc, cpus_per_task, mem_per_cpu, ray_address, partition,
        time, qos, setup, dry_run,
    )  # fmt: skip
    with report_unfinished(f"{folder} is not complete", "the same command goes on"):
        return _run(job)


def _settle(output: Path, pinned: run_manifest.RunManifest, executor: str) -> Path:
    """Prepare the folder for this run, or check that it is this run's; return its absolute path."""
    # Absolute, since tasks run in other folders.
    folder = output.absolute()
    if executor == SLURM:
        from jax_ir_synth.scale.slurm import check_folder

        check_folder(folder)
    destination = outputs.locate("--output", output)
    if destination.is_stream or (destination.exists and not destination.is_folder):
        raise UsageError(f"`--output` (={output}) must be a folder, or new")
    with outputs.name_output("--output", output):
        run_manifest.settle(folder, pinned)
    return folder


def _run(job: _Job) -> int:
    from jax_ir_synth.scale import records, run

    started = time.perf_counter()
    if job.executor == SLURM:
        return _submit(job)
    if job.executor == RAY:
        launch = run.on_ray(
            job.ray_address,
            job.num_proc,
            job.cpus_per_task,
            job.mem_per_cpu,
        )
    else:
        launch = run.local(job.num_proc)
    made = run.run(job.folder, job.pinned, launch)
    print(
        f"{job.folder}: {_size(job)}, {made} made now, "
        f"{time.perf_counter() - started:.1f} s{records.summarize(job.folder)}"
    )
    return 0


def _size(job: _Job) -> str:
    return f"{job.pinned.request.count} rows in {job.pinned.shards} shards"


def _submit(job: _Job) -> int:
    from jax_ir_synth.scale import run, submission
    from jax_ir_synth.scale.slurm import make_setup

    options = submission.Options(
        job.partition or "",
        job.time,
        job.cpus_per_task,
        job.mem_per_cpu,
        job.qos,
        make_setup() if job.setup is None else job.setup,
    )
    jobs = submission.write(job.folder, job.pinned, options, job.num_proc)
    if not jobs:
        print(f"{job.folder}: {_size(job)}, 0 to be made")
    elif job.dry_run:
        print("\n".join(submission.list_commands(jobs)))
    else:
        numbers = submission.launch(jobs)
        parts = (
            f"{number} ({stage.stage}, {stage.tasks} tasks)"
            for number, stage in zip(numbers, jobs, strict=True)
        )
        print(
            f"{job.folder}: submitted {', '.join(parts)}; once they ended, the same command finds "
            f"what is missing, and {job.folder / run.LOGS} says why"
        )
    return 0


def _check(folder: Path) -> int:
    from jax_ir_synth.scale import check

    if not folder.is_dir():
        raise UsageError(f"`--check` (={folder}) must be a folder that --output made")
    result = check.check(folder)
    for fault in result.faults:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
    if result.faults:
        return FAILURE
    print(f"{folder}: {result.rows} rows in {result.shards} shards, all as they should be")
    return 0
