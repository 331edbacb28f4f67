"""A process that scores, for tests that kill it: `scoring_run.py WAIT ARGUMENT...`.

It prints each question's text as it is judged, and at one that says `wait` it stays, if WAIT is 1.
"""

import sys
import time

import text_judges

from jax_ir_synth.cli.main import main
from jax_ir_synth.evaluate import pool


class Judges(text_judges.TextJudges):
    """Tells what it is at."""

    def judged(self, completion, row, task, take):
        print(f"at {row['id']}", flush=True)
        if "wait" in completion and sys.argv[1] == "1":
            time.sleep(600)
        return super().judged(completion, row, task, take)


if __name__ == "__main__":
    pool.Judges = Judges
    sys.exit(main(["evaluate", *sys.argv[2:]]))
