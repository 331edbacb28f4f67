"""Runs all stages and waits for their tasks: finds what a folder lacks, and has it made."""

import itertools
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from datatrove.pipeline.base import PipelineStep
from loguru import logger

from jax_ir_synth.scale import PROGRAM, draws, planning, progress, records, shards
from jax_ir_synth.scale.draws import Range
from jax_ir_synth.scale.run_manifest import RunManifest
from jax_ir_synth.scale.steps import DrawStep, ShardStep
from jax_ir_synth.storage import partials

LOGS = "logs"
_SECONDS_TO_CONNECT = 10

# Runs a step as a number of tasks, with a folder for datatrove's logs. Raises ScaleError.
Launch = Callable[[PipelineStep, int, Path], None]


def run(folder: Path, pinned: RunManifest, launch: Launch) -> int:
    """Make the missing parts of a folder; return how many shards were missing.

    Raises ScaleError at the first failure; the parts that were made by then stay.
    """
    silence_log()
    try:
        return _run(folder, pinned, launch)
    finally:
        # The partial files of writers that were killed by this run's end, or before.
        partials.remove_unlocked(folder)


def local(workers: int) -> Launch:
    """Make a launcher that runs tasks as processes of this machine, `workers` at a time."""
    from jax_ir_synth.scale.local import LocalExecutor

    def launch(step: PipelineStep, tasks: int, logs: Path) -> None:
        LocalExecutor([step], tasks, workers, str(logs)).run()

    return launch


def on_ray(address: str | None, workers: int, cpus: int, gigabytes: float) -> Launch:
    """Make a launcher that runs tasks on a Ray cluster.

    Args:
      address: the cluster's address; None for RAY_ADDRESS, or else a cluster of this machine only.
      workers: the number of tasks that run at a time, at most.
      cpus: the CPUs that a task reserves.
      gigabytes: the memory that a task reserves for each CPU.

    Raises ScaleError if the cluster can't be reached.
    """
    import ray

    from jax_ir_synth.scale import ScaleError
    from jax_ir_synth.scale.on_ray import RayExecutor

    host, _, port = (address or "").rpartition(":")
    try:
        # Ray itself would try for minutes.
        if port.isdecimal() and "/" not in host:
            socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ScaleError(f"`--ray-address` (={address}) can't be reached: {reason}") from error

    def launch(step: PipelineStep, tasks: int, logs: Path) -> None:
        RayExecutor(
            [step],
            tasks,
            workers,
            logging_dir=str(logs),
            cpus_per_task=cpus,
            mem_per_cpu_gb=gigabytes,
        ).run()

    return launch


def make_log_folder(folder: Path, stage: str) -> Path:
    """Create a folder for the logs of one launch.

    It must be new, since datatrove skips the ranks that an old folder marks as completed, and only
    the folder's files decide what is missing.
    """
    for number in itertools.count(1):
        path = folder / LOGS / f"{number:03d}-{stage}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there are numbers without end")


def silence_log() -> None:
    """Keep datatrove's log of this process off the terminal, since tasks have log files."""
    logger.remove()


def _run(folder: Path, pinned: RunManifest, launch: Launch) -> int:
    watch = records.Watch(folder, PROGRAM)
    planning.plan(folder, pinned.request, lambda ranges: _draw(folder, pinned, launch, ranges))
    watch.look()
    missing = shards.find_missing(folder, pinned)
    if missing:
        before = pinned.shards - len(missing)
        paths = [shards.manifest_path(folder, number, pinned.shards) for number in missing]
        for path in paths:
            # Remove damaged shards' manifests. From now on, a manifest means a complete shard.
            path.unlink(missing_ok=True)

        def done() -> int:
            watch.look()
            return before + _existing(paths)

        with progress.show_progress("shards", pinned.shards, done):
            launch(
                ShardStep(folder, pinned, missing), len(missing), make_log_folder(folder, "shards")
            )
        watch.look()
    return len(missing)


def _draw(folder: Path, pinned: RunManifest, launch: Launch, ranges: list[Range]) -> None:
    paths = [draws.path(folder, part) for part in ranges]
    with progress.show_progress("plan", len(ranges), lambda: _existing(paths)):
        launch(DrawStep(folder, pinned, ranges), len(ranges), make_log_folder(folder, "draws"))


def _existing(paths: list[Path]) -> int:
    return sum(path.exists() for path in paths)
