"""Tasks that end badly, in a module of their own: other processes import them by its name."""

import os
import signal

from datatrove.pipeline.base import PipelineStep


class Dying(PipelineStep):
    """Its process is killed, each time."""

    type, name = "test", "die"

    def run(self, data=None, rank: int = 0, world_size: int = 1) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Failing(PipelineStep):
    """The last of its ranks raises."""

    type, name = "test", "fail"

    def run(self, data=None, rank: int = 0, world_size: int = 1) -> None:
        if rank == world_size - 1:
            raise ZeroDivisionError("planted")
