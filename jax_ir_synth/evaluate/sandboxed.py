"""The functions that a sandboxed process calls to judge completions, and to get ready for them.

`pool.Judges` names them; `runtime.sandbox.fork_server.Work` says when each is called.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from jax_ir_synth.evaluate import judging
from jax_ir_synth.evaluate.expectation import Expectation, NotPrepared
from jax_ir_synth.evaluate.expectation_cache import ExpectationCache, find_folder
from jax_ir_synth.evaluate.judgement import REFERENCE, Judgement, Unjudgeable, leave_unjudged
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.evaluate.tasks import TASKS, Reference, reference
from jax_ir_synth.verify.check import load_interpreter

_cache = ExpectationCache(find_folder())


def ready() -> None:
    """Import and initialize all that judging needs."""
    similarity("", "")
    load_interpreter()


def judge(
    completion: str,
    row: Mapping[str, Any],
    task: str,
    take: str,
    reached: Callable[[str], None],
) -> Judgement | None:
    """Judge a completion as `judging.judge` does; None if that needs what `prepare` does.

    A completion of a row that is at fault is unjudged.
    """
    with contextlib.ExitStack() as stack:

        def find(right: Reference, row: Mapping[str, Any]) -> dict[str, Expectation]:
            found = {
                section: _cache.get(*asked, may_compute=False)
                for section, asked in judging.describe_programs(right, row).items()
            }
            for expected in found.values():
                stack.enter_context(expected.without_runs())
            return found

        try:
            return judging.judge(completion, row, task, take, reached, find)
        except NotPrepared:
            return None
        except Unjudgeable as fault:
            return leave_unjudged(str(fault))


def recall(row: Mapping[str, Any], task: str, take: str, again: bool) -> bool:
    """Take what is expected of the completions from its file, if there is one."""
    right = reference(row, TASKS[task])
    if right is None:
        return False
    found = [
        _cache.recall(*asked, again) for asked in judging.describe_programs(right, row).values()
    ]
    return all(found)


def prepare(row: Mapping[str, Any], task: str, take: str, mark: str | None, again: bool) -> None:
    """Compute what is expected of the completions, and write it to a file.

    Runs with random errors are most of the work. They are needed only beyond the mark
    `REFERENCE`, where a completion's results aren't those of the reference. Most wrong completions
    are wrong on the first input, so that the others come only `again`.
    """
    right = reference(row, TASKS[task])
    if right is None:
        return
    for asked in judging.describe_programs(right, row).values():
        _cache.recall(*asked, again=True)
        try:
            expected = _cache.get(*asked, may_compute=True)
        except Unjudgeable:
            # The cache keeps it, for `judge` to say.
            continue
        if mark != REFERENCE:
            expected.run_with_errors(every=again)
        _cache.store(*asked)
