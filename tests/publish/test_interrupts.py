"""A push that is stopped, or that the Hub lets wait: nothing is half published or left behind."""

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
import ready_folder
from jax_ir_synth.cli.main import main
ready_folder.use(sys.argv[1])
sys.exit(main(["publish", *sys.argv[2:]]))
"""
IMPATIENT = """
import sys
from jax_ir_synth.publish import client
import ready_folder
from jax_ir_synth.cli.main import main
client._TIMEOUTS["read"] = 2
ready_folder.use(sys.argv[1])
sys.exit(main(["publish", *sys.argv[2:]]))
"""
HERE = Path(__file__).parent


def _arguments(made) -> list:
    return [made.changed, NAME, "--from", made.rows, "--seed", 7]


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
    hub, surroundings, made, published, tmp_path, kind, code, word, where, told
):
    before, files = published.head, published.files
    arrived, go_on = threading.Event(), threading.Event()
    hub.faults.append(Fault(where, 1, before=lambda: arrived.set() or go_on.wait(60), drop=0))
    with subprocess.Popen(
        [sys.executable, "-c", START, *map(str, _arguments(made))],
        env=surroundings | {"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"},
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
    assert last == f"jax-ir-synth publish: {word}, {NAME} was not published{told}"
    assert published.head == before and published.files == files
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_connection_that_goes_silent_is_given_up(hub, surroundings, made, published, python):
    go_on = threading.Event()
    silent = Fault("PUT /object", 1, before=lambda: go_on.wait(120), drop=0)
    hub.faults.append(silent)
    env = surroundings | {"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"}
    done = python("-c", IMPATIENT, *_arguments(made), env=env)
    go_on.set()
    assert done.returncode == 0, done.stderr
    assert silent.done == 1 and len(hub.puts) == 2
