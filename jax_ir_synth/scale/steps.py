"""The stages as datatrove's pipeline steps. A rank is one range, one shard, or the plan."""

import os
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from jax_ir_synth.scale import draws, planning, run_manifest, shards
from jax_ir_synth.scale.draws import Range
from jax_ir_synth.scale.run_manifest import RunManifest

_TYPE = "jax_ir_synth"


class DrawStep(PipelineStep):
    """A step whose rank r draws range number r, unless it is already drawn."""

    type, name = _TYPE, "draw candidates"

    def __init__(self, folder: Path, pinned: RunManifest, ranges: list[Range]):
        super().__init__()
        self.folder, self.pinned, self.ranges = folder, pinned, ranges

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        """Do rank `rank`'s part; see datatrove's `PipelineStep.run`."""
        run_manifest.check_here(self.folder, self.pinned)
        part = self.ranges[rank]
        # A late task has nothing to do, since drawn candidates are removed once there is a plan.
        if not planning.is_planned(self.folder) and draws.load(self.folder, part) is None:
            draws.draw(self.folder, self.pinned.request.seed, part)


class PlanStep(PipelineStep):
    """A step with a single rank that plans, and draws missing candidates by `workers` processes."""

    type, name = _TYPE, "plan"

    def __init__(self, folder: Path, pinned: RunManifest, workers: int, logs: Path):
        super().__init__()
        self.folder, self.pinned, self.workers, self.logs = folder, pinned, workers, logs

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        """Do rank `rank`'s part; see datatrove's `PipelineStep.run`."""
        run_manifest.check_here(self.folder, self.pinned)
        planning.plan(self.folder, self.pinned.request, self._draw)

    def _draw(self, ranges: list[Range]) -> None:
        from jax_ir_synth.scale.local import LocalExecutor

        # A new folder for each round, since an old one marks ranks of the same numbers completed.
        logs = self.logs / f"draws-{len(list(self.logs.glob('draws-*')))}"
        step = DrawStep(self.folder, self.pinned, ranges)
        LocalExecutor([step], len(ranges), self.workers, str(logs), skip_completed=False).run()


class ShardStep(PipelineStep):
    """A step whose rank r makes shard number r of those given, unless it is already complete."""

    type, name = _TYPE, "make rows"

    def __init__(self, folder: Path, pinned: RunManifest, numbers: list[int]):
        super().__init__()
        self.folder, self.pinned, self.numbers = folder, pinned, numbers

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:
        """Do rank `rank`'s part; see datatrove's `PipelineStep.run`."""
        run_manifest.check_here(self.folder, self.pinned)
        # No device is needed. Without this, each process would take its share of a GPU.
        os.environ["JAX_PLATFORMS"] = "cpu"
        from jax_ir_synth.generate.rows import rows

        number, request = self.numbers[rank], self.pinned.request
        if not shards.is_complete(self.folder, self.pinned, number):
            shards.make(
                self.folder,
                self.pinned,
                number,
                lambda planned, tell: rows(request, planned, tell=tell),
            )
