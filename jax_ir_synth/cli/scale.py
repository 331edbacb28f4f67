"""The command `python -m jax_ir_synth.scale`: checks its arguments, runs, checks a result."""

import argparse
import importlib.util
import sys
import time
from pathlib import Path

from jax_ir_synth.cli.generate import (
    OneLineParser,
    Terminated,
    add_request_arguments,
    request_of,
    sigterm_raises,
)
from jax_ir_synth.scale import PROGRAM, ScaleError, run_manifest
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

EXECUTORS = ("local", "ray", "slurm")
# By default a shard has so many rows: about ten megabytes, and a minute's work.
_ROWS_A_SHARD = 1000


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done, or submitted. 1: a task failed, or `--check` found a fault. 2: wrong arguments, a
    folder that holds other rows, or an extra that isn't installed; nothing was changed. 130 and
    143: interrupted, terminated. Whatever was done stays, and isn't done again.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.check is not None:
        return _check(parser, arguments.check)
    if arguments.output is None:
        parser.error("one of --output and --check is needed")
    needed = {"scale": "datatrove", **({"scale-ray": "ray"} if arguments.executor == "ray" else {})}
    for extra, module in needed.items():
        if importlib.util.find_spec(module) is None:
            parser.error(f"needs the extra {extra}: pip install 'jax_ir_synth[{extra}]'")
    try:
        _validate(arguments)
        request = request_of(arguments)
        if arguments.shards is None:
            arguments.shards = -(-request.count // _ROWS_A_SHARD)
        pinned = run_manifest.pin_here(request, arguments.shards)
        # Whole, since tasks run in other folders.
        destination = outputs.locate("--output", arguments.output)
        if destination.is_stream or (destination.exists and not destination.is_folder):
            raise ValueError(f"`--output` (={arguments.output}) must be a folder, or new")
        folder = arguments.output.absolute()
        run_manifest.settle(folder, pinned)
    except (ValueError, ScaleError) as error:
        parser.error(str(error))
    except OSError as error:
        reason = error.strerror or error
        parser.error(f"`--output` (={arguments.output}) can't be written: {reason}")
    try:
        with sigterm_raises():
            return _run(arguments, folder, pinned)
    except KeyboardInterrupt:
        return _fail(f"interrupted, {folder} is not complete: the same command goes on", 130)
    except Terminated:
        return _fail(f"terminated, {folder} is not complete: the same command goes on", 143)
    except (RuntimeError, OSError) as error:
        return _fail(f"{folder} is not complete: {error}", 1)


def _run(arguments, folder: Path, pinned: run_manifest.Pin) -> int:
    from jax_ir_synth.scale import records, run

    started = time.perf_counter()
    if arguments.executor == "slurm":
        return _submit(arguments, folder, pinned)
    if arguments.executor == "ray":
        launch = run.on_ray(
            arguments.ray_address,
            arguments.workers,
            arguments.cpus_per_task,
            arguments.mem_per_cpu,
        )
    else:
        launch = run.local(arguments.workers)
    made = run.run(folder, pinned, launch)
    print(
        f"{folder}: {pinned.request.count} rows in {pinned.shards} shards, {made} made now, "
        f"{time.perf_counter() - started:.1f} s{records.summary(folder)}"
    )
    return 0


def _submit(arguments, folder: Path, pinned: run_manifest.Pin) -> int:
    from jax_ir_synth.scale import run, submission
    from jax_ir_synth.scale.slurm import setup_here

    options = submission.Options(
        arguments.partition,
        arguments.time,
        arguments.cpus_per_task,
        arguments.mem_per_cpu,
        arguments.qos,
        setup_here() if arguments.setup is None else arguments.setup,
    )
    jobs = submission.write(folder, pinned, options, arguments.workers)
    if not jobs:
        print(f"{folder}: {pinned.request.count} rows in {pinned.shards} shards, 0 to be made")
    elif arguments.dry_run:
        print("\n".join(submission.commands(jobs)))
    else:
        numbers = submission.launch(jobs)
        told = (
            f"{number} ({job.stage}, {job.tasks} tasks)"
            for number, job in zip(numbers, jobs, strict=True)
        )
        print(
            f"{folder}: submitted {', '.join(told)}; once they ended, the same command finds what "
            f"is missing, and {folder / run.LOGS} says why"
        )
    return 0


def _check(parser: OneLineParser, folder: Path) -> int:
    from jax_ir_synth.scale import check

    if not folder.is_dir():
        parser.error(f"`--check` (={folder}) must be a folder that --output made")
    result = check.check(folder)
    for fault in result.faults:
        print(f"{PROGRAM}: {fault}", file=sys.stderr)
    if result.faults:
        return 1
    print(f"{folder}: {result.rows} rows in {result.shards} shards, all as they should be")
    return 0


def _validate(arguments) -> None:
    for name in ("workers", "cpus_per_task", "mem_per_cpu"):
        if (value := getattr(arguments, name)) < 1:
            raise ValueError(f"`--{name.replace('_', '-')}` (={value}) must be 1 or more")
    if arguments.executor == "slurm" and not arguments.partition:
        raise ValueError("`--executor` (=slurm) needs a --partition")
    if arguments.executor == "slurm":
        from jax_ir_synth.scale.slurm import check_folder

        check_folder(arguments.output.absolute())
    if arguments.dry_run and arguments.executor != "slurm":
        raise ValueError(f"--dry-run needs `--executor` slurm, not {arguments.executor}")


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Make the builder's rows as Parquet shards, by many processes or machines. "
        "Killed at any moment and started again, it does only what is missing, and the result is "
        "the same to the byte.",
        epilog="Example: python -m jax_ir_synth.scale --count 1_000_000 --shards 1000 --output DIR "
        "--executor local --workers 64",
    )
    add_request_arguments(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output",
        type=outputs.path,
        metavar="DIR",
        help="where to; a folder that all machines see. What is there already isn't made again",
    )
    where.add_argument(
        "--check",
        type=local_path,
        metavar="DIR",
        help="verify a result instead: files, hashes, ids, that programs are distinct, versions",
    )
    parser.add_argument(
        "--shards",
        type=int,
        metavar="N",
        help=f"files for each split (default: one for {_ROWS_A_SHARD} rows)",
    )
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        default=EXECUTORS[0],
        help="what runs the tasks (default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="tasks at a time (default: 1)"
    )
    cluster = parser.add_argument_group("ray and slurm")
    cluster.add_argument(
        "--cpus-per-task", type=int, default=1, metavar="N", help="default: %(default)s"
    )
    cluster.add_argument(
        "--mem-per-cpu", type=int, default=4, metavar="GB", help="default: %(default)s"
    )
    cluster.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="the cluster's (default: RAY_ADDRESS, or else this machine alone)",
    )
    cluster.add_argument("--partition", metavar="NAME", help="Slurm's, must be given")
    cluster.add_argument(
        "--time", default="24:00:00", metavar="LIMIT", help="Slurm's for a job (default: 24 h)"
    )
    cluster.add_argument("--qos", metavar="NAME", help="Slurm's")
    cluster.add_argument(
        "--setup",
        metavar="COMMAND",
        help="what a Slurm job does first, to have the same Python (default: puts this Python's "
        "folder in front of PATH)",
    )
    cluster.add_argument(
        "--dry-run",
        action="store_true",
        help="write Slurm's scripts and print the commands that submit them, submit nothing",
    )
    return parser


def _fail(message: str, code: int) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code
