"""datatrove's Ray executor, with tasks that Ray runs again if a process or a node is lost."""

import itertools
import sys
from collections.abc import Callable
from typing import Any, cast

import ray
from datatrove.executor import RayPipelineExecutor
from ray.exceptions import RayError

from jax_ir_synth.scale import ScaleError
from jax_ir_synth.scale.ranks import TRIES, run_rank


class RayExecutor(RayPipelineExecutor):
    """An executor whose ranks are plain Ray tasks. Ray must have been started (`ray.init`).

    datatrove's own `run` has an actor for each rank that forks a multiprocessing pool, which waits
    forever for the result of a killed process. It only logs which rank failed, and why.
    """

    def run(self) -> None:
        """Run all ranks that aren't completed. Raises ScaleError at the first that fails."""
        self.save_executor_as_json()
        memory = int(self.mem_per_cpu_gb * self.cpus_per_task * 2**30)
        self._warn_if_no_node_has(memory)
        task = ray.remote(num_cpus=self.cpus_per_task, memory=memory, max_retries=TRIES - 1)(
            run_rank
        )
        executor = ray.put(self)
        ranks = iter(self.get_incomplete_ranks())
        running = [task.remote(executor, rank) for rank in itertools.islice(ranks, self.workers)]
        try:
            while running:
                (done,), running = ray.wait(running, num_returns=1)
                failure = _result(done)
                if failure is not None:
                    raise ScaleError(failure)
                running += [task.remote(executor, rank) for rank in itertools.islice(ranks, 1)]
        finally:
            for left in running:
                ray.cancel(left, force=True)

    def _warn_if_no_node_has(self, memory: int) -> None:
        """Warn if no node is large enough. It isn't an error, since a cluster may start nodes."""
        wanted = {"CPU": self.cpus_per_task, "memory": memory}
        nodes = [
            node["Resources"]
            for node in cast(Callable[[], list[Any]], ray.nodes)()
            if node["Alive"]
        ]
        if not any(all(node.get(name, 0) >= wanted[name] for name in wanted) for node in nodes):
            print(
                f"waiting: no node of the cluster has {self.cpus_per_task} CPUs and "
                f"{memory / 2**30:g} GB for a task (--cpus-per-task, --mem-per-cpu)",
                file=sys.stderr,
                flush=True,
            )


def _result(done: Any) -> str | None:
    try:
        failure: str | None = ray.get(done)
        return failure
    except RayError as error:
        # The message has several lines, of which the first has the reason.
        return f"Ray gave a task up: {str(error).strip().splitlines()[0]}"
