"""Ctrl-C and SIGTERM in the middle of a push: nothing is half published, nothing is left behind."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub_state import Fault

NAME = "alice/rows"
# A shell starts background jobs with Ctrl-C ignored, and the tests may run in one.
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jax_ir_synth.publish.cli import main
sys.exit(main(sys.argv[1:], "stub_rows:believe"))
"""


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("PUT /object", ""),
        ("commit/main", "; the commit was under way, and may have been made"),
    ],
)
def test_nothing_is_half_published(
    hub, surroundings, stubs, published, tmp_path, kind, code, word, where, told
):
    before, files = published.head, published.files
    arrived, go_on = threading.Event(), threading.Event()
    hub.faults.append(Fault(where, 1, before=lambda: arrived.set() or go_on.wait(60), drop=0))
    here = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-c", START, NAME, "--from", str(stubs)],
        env=surroundings | {"PYTHONPATH": f"{here}:{here.parents[1]}"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert arrived.wait(120)
        process.send_signal(kind)
        # The Hub doesn't answer meanwhile, and isn't waited for.
        _, errors = process.communicate(timeout=60)
        go_on.set()
    assert process.returncode == code
    last = errors.splitlines()[-1]
    assert last == f"jax_ir_synth.publish: {NAME} was not published: {word}{told}"
    assert published.head == before and published.files == files
    assert list((tmp_path / "temporary").iterdir()) == []
