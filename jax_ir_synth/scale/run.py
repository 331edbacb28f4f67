"""A whole run that waits for its tasks: finds what is missing in a folder and has it done."""

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

# Runs a step as so many tasks, with a folder for datatrove's logs. Raises ScaleError.
Launch = Callable[[PipelineStep, int, Path], None]


def run(folder: Path, pinned: RunManifest, launch: Launch) -> int:
    """Do what is missing; returns how many shards were.

    Raises ScaleError at the first failure; what was done by then stays.
    """
    quiet()
    try:
        return _run(folder, pinned, launch)
    finally:
        # What writers were at when they were killed, by this run's end or before it.
        partials.remove_unlocked(folder)


def local(workers: int) -> Launch:
    """Tasks as processes of this machine, `workers` at a time."""
    from jax_ir_synth.scale.local import LocalExecutor

    def launch(step: PipelineStep, tasks: int, logs: Path) -> None:
        LocalExecutor([step], tasks, workers, str(logs)).run()

    return launch


def on_ray(address: str | None, workers: int, cpus: int, gigabytes: float) -> Launch:
    """Tasks on a Ray cluster.

    Args:
      address: of the cluster; None: what RAY_ADDRESS says, or else one of this machine alone.
      workers: tasks at a time, at most.
      cpus: that a task reserves.
      gigabytes: of memory that a task reserves for each of these.

    Raises ScaleError where there is no cluster.
    """
    import ray

    from jax_ir_synth.scale import ScaleError
    from jax_ir_synth.scale.on_ray import RayExecutor

    host, _, port = (address or "").rpartition(":")
    try:
        # Ray itself tries for minutes.
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


def logs(folder: Path, stage: str) -> Path:
    """A new folder for the logs of one launch.

    New, since datatrove skips what it has as completed there: what is missing, the files say.
    """
    for number in itertools.count(1):
        path = folder / LOGS / f"{number:03d}-{stage}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there are numbers without end")


def quiet() -> None:
    """Keep this process's log of datatrove's off the terminal: tasks have log files."""
    logger.remove()


def _run(folder: Path, pinned: RunManifest, launch: Launch) -> int:
    watch = records.Watch(folder, PROGRAM)
    planning.plan(folder, pinned.request, lambda ranges: _draw(folder, pinned, launch, ranges))
    watch.look()
    missing = shards.missing(folder, pinned)
    if missing:
        before = pinned.shards - len(missing)
        paths = [shards.manifest_path(folder, number, pinned.shards) for number in missing]
        for path in paths:
            # Of a damaged shard: from here on a manifest says that its shard is whole.
            path.unlink(missing_ok=True)

        def done() -> int:
            watch.look()
            return before + _existing(paths)

        with progress.shown("shards", pinned.shards, done):
            launch(ShardStep(folder, pinned, missing), len(missing), logs(folder, "shards"))
        watch.look()
    return len(missing)


def _draw(folder: Path, pinned: RunManifest, launch: Launch, ranges: list[Range]) -> None:
    paths = [draws.path(folder, part) for part in ranges]
    with progress.shown("plan", len(ranges), lambda: _existing(paths)):
        launch(DrawStep(folder, pinned, ranges), len(ranges), logs(folder, "draws"))


def _existing(paths: list[Path]) -> int:
    return sum(path.exists() for path in paths)
