"""The command in a process of its own, which writes down its waits instead of waiting.

Arguments: the file for the waits; `proven`, `believed` for a check that believes rows, or a folder
to publish instead; then the command's own.
"""

import json
import sys
import time
from pathlib import Path

WAITING = ("huggingface_hub", "jax_ir_synth.publish")


def run() -> int:
    file, how, *arguments = sys.argv[1:]
    waits, really = [], time.sleep

    def sleep(seconds):
        if sys._getframe(1).f_globals["__name__"].startswith(WAITING):
            waits.append(seconds)
        else:
            really(seconds)

    time.sleep = sleep
    from jax_ir_synth.cli.main import main

    if how not in ("proven", "believed"):
        import ready_folder

        ready_folder.use(how)
    try:
        if how == "believed":
            from jax_ir_synth.verify import reproof

            reproof.CHECK_BY_ARRAYS = "stub_rows:believe"
            # Made-up rows are of no seed; that of real ones is checked for the card.
            from jax_ir_synth.card import drawing

            drawing.check_first_row = lambda *_: None
        return main(["publish", *arguments])
    finally:
        Path(file).write_text(json.dumps(waits))


if __name__ == "__main__":
    sys.exit(run())
