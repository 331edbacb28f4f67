"""In the place of `pool.Judges`: this process, comparing texts or judging for real.

A completion is judged by its text alone, so that a test sees how judgements are brought together:
`pass` for the right modules, else the rung that it names, or `parse`.
"""

import concurrent.futures

from jax_ir_synth.evaluate.judgement import RUNGS, Judgement, Unjudgeable, leave_unjudged
from jax_ir_synth.evaluate.tasks import TASKS, reference


class TextJudges:
    """Judges by the text; `entered` counts those that are at work."""

    entered = 0
    asked = 0
    made = closed = 0
    limits = []

    def __init__(self, number, limits):
        assert number >= 1
        type(self).made += 1

    def __enter__(self):
        type(self).entered += 1
        return self

    def __exit__(self, *_):
        type(self).entered -= 1

    def judgements(self, jobs):
        for label, question in jobs:
            type(self).asked += 1
            try:
                yield label, self.judged(*question)
            except Unjudgeable as fault:
                yield label, leave_unjudged(str(fault))

    def submit(self, questions, limits, number):
        found = []
        for question in questions:
            type(self).limits.append((limits, number))
            found.append(concurrent.futures.Future())
            ((_, judgement),) = self.judgements([(None, question)])
            found[-1].set_result(judgement)
        return found

    def close(self):
        type(self).closed += 1

    def judged(self, completion, row, task, take) -> Judgement:
        modules = reference(row, TASKS[task]).modules.values()
        right = all(module in completion for module in modules)
        # No rung's name is in another's.
        rung = next((rung for rung in RUNGS[:-1] if rung in completion), "parse")
        reason = "" if right else f"it says {completion[:20]!r}"
        return Judgement(
            "pass" if right else rung, reason, "all", right, right, 1.0 if right else 0.25
        )


class RealJudges(TextJudges):
    """Judges by the numbers, without a process of its own."""

    def judged(self, completion, row, task, take) -> Judgement:
        from jax_ir_synth.evaluate.judging import judge

        return judge(completion, row, task, take)
