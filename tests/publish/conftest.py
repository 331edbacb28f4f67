"""A Hub for each test, accounts on it, rows to publish, and the command run against it."""

import copy
import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from hub import Hub  # noqa: E402
from hub_state import Account  # noqa: E402
from stub_rows import write_stubs  # noqa: E402

NAME = "alice/rows"
TOKEN = "hf_plantedTokenOfAlice0123456789"
READER = "hf_plantedTokenThatMayOnlyRead01"


class Done(NamedTuple):
    """What a command did: exit code, what it showed, the seconds that it would have waited."""

    code: int
    out: str
    err: str
    waits: list[float]

    @property
    def line(self) -> str:
        """The last line of what it told, which is why it failed."""
        return self.err.splitlines()[-1]


@pytest.fixture
def hub():
    """An empty Hub, where alice and her lab may write."""
    with Hub() as hub:
        hub.accounts[TOKEN] = Account("alice", ("lab",))
        hub.accounts[READER] = Account("alice", role="read")
        yield hub


@pytest.fixture
def surroundings(hub, tmp_path) -> dict[str, str]:
    """The environment of a process that takes it for the real Hub."""
    return _surroundings(hub, tmp_path)


@pytest.fixture
def publish(python, surroundings, tmp_path):
    """Run the command; unless `proven` is asked for, rows are believed to be right."""

    def run(*arguments, proven=False, **env) -> Done:
        return _run(python, tmp_path, surroundings | env, proven, arguments)

    return run


@pytest.fixture
def load(python, surroundings, tmp_path):
    """What plain datasets, in a new process without our package, makes of a published dataset.

    Called with a name and configs: for each config a dict of splits to rows; None is the default.
    """

    def run(name, *configs) -> dict:
        done = python(
            HERE / "load_back.py", name, json.dumps(configs), cwd=tmp_path, env=surroundings
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return dict(zip(configs, found, strict=True))

    return run


@pytest.fixture
def stubs(tmp_path) -> Path:
    """A saved dataset of 40 rows of four categories, made up, which are quick to publish."""
    return write_stubs(tmp_path / "stubs.jsonl")


@pytest.fixture(scope="session")
def _first_push(python, tmp_path_factory) -> Hub:
    folder = tmp_path_factory.mktemp("first")
    stubs = write_stubs(folder / "stubs.jsonl")
    with Hub() as hub:
        hub.accounts[TOKEN] = Account("alice")
        done = _run(python, folder, _surroundings(hub, folder), False, (NAME, "--from", stubs))
        assert done.code == 0, done.err
    return hub


@pytest.fixture
def published(hub, _first_push, stubs):
    """The repository `NAME` as a first push of the stubs left it; then the stubs are changed.

    One row is another, which is in two files: of `all`, and of its category.
    """
    hub.objects = dict(_first_push.objects)
    hub.repositories = copy.deepcopy(_first_push.repositories)
    write_stubs(stubs, "# changed")
    return hub.repositories[NAME]


@pytest.fixture(scope="session")
def real() -> list[dict]:
    """The builder's rows of seed 7, proven."""
    from jax_ir_synth.config import Request
    from jax_ir_synth.plan import plan_rows
    from jax_ir_synth.rows import rows

    request = Request(seed=7, count=30)
    return list(rows(request, plan_rows(request)))


def _surroundings(hub: Hub, folder: Path) -> dict[str, str]:
    (folder / "temporary").mkdir()
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "JAX_PLATFORMS": "cpu",
        "TMPDIR": str(folder / "temporary"),
    }


def _run(python, folder: Path, env: dict, proven: bool, arguments) -> Done:
    waits = folder / "waits.json"
    how = "proven" if proven else "believed"
    done = python(HERE / "impatient.py", waits, how, *arguments, cwd=folder, env=env)
    # Whatever happens, nothing stays behind.
    assert list((folder / "temporary").iterdir()) == []
    # Only huggingface_hub's own, which it writes to its log, if all of that is asked for.
    assert "Traceback" not in done.stderr or "HF_DEBUG" in env, done.stderr
    return Done(done.returncode, done.stdout, done.stderr, json.loads(waits.read_text()))
