"""A Hub for each test, accounts on it, what to publish, made once, and the command against it."""

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from row_ids import THREE_EACH

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from hub import Hub  # noqa: E402
from hub_state import GITATTRIBUTES, LFS_SUFFIXES, Account, blob  # noqa: E402
from reading_back import files_in  # noqa: E402
from stub_rows import write_stubs  # noqa: E402

NAME = "alice/rows"
TOKEN = "hf_plantedTokenOfAlice0123456789"
READER = "hf_plantedTokenThatMayOnlyRead01"
SEED = 7


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


class Made(NamedTuple):
    """What all tests publish.

    Attributes:
      rows: a .jsonl of the first `THREE_EACH` rows of seed 7, proven.
      first: the folder that the command, with `--from` and the proof, writes of them.
      changed: the same, but one row is another, which is in two files; the card is another, too.
    """

    rows: Path
    first: Path
    changed: Path


@pytest.fixture(scope="session", autouse=True)
def extra():
    """What the card needs; the tests are skipped without it."""
    for module in ("jinja2", "matplotlib"):
        pytest.importorskip(module, reason="the extra publish isn't installed")


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
    return _surroundings(hub.endpoint, tmp_path)


@pytest.fixture
def publish(python, surroundings, tmp_path):
    """Run the command; unless `proven` is asked for, rows of a file are believed to be right."""

    def run(*arguments, proven=False, **env) -> Done:
        how = "proven" if proven else "believed"
        return _run(python, tmp_path, surroundings | env, how, arguments)

    return run


@pytest.fixture
def push(python, surroundings, tmp_path, made):
    """Run the command such that it publishes what is in `made.changed`, or another folder."""

    def run(*arguments, folder=made.changed, **env) -> Done:
        arguments = (NAME, "--from", made.rows, "--seed", SEED, *arguments)
        return _run(python, tmp_path, surroundings | env, folder, arguments)

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
    """A saved dataset of 40 rows of four categories, made up, of which there is no card."""
    return write_stubs(tmp_path / "stubs.jsonl")


@pytest.fixture(scope="session")
def made(python, made_once) -> Made:
    """See `Made`."""
    folder = made_once("publish", lambda partial: _make(python, partial))
    return Made(folder / "rows.jsonl", folder / "first", folder / "changed")


@pytest.fixture(scope="session")
def real(made) -> list[dict]:
    """The rows that are published."""
    return [json.loads(line) for line in made.rows.read_text().splitlines()]


@pytest.fixture
def published(hub, made):
    """The repository `NAME` as a first push of `made.first` leaves it."""
    repository = hub.create(NAME)
    files = {
        path: blob(text, path.endswith(LFS_SUFFIXES)) for path, text in files_in(made.first).items()
    }
    hub.objects = {found.sha256: found.content for found in files.values() if found.lfs}
    repository.commit({".gitattributes": blob(GITATTRIBUTES)} | files)
    return repository


def _make(python, folder: Path) -> None:
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.request.config import Request
    from jax_ir_synth.storage.repository import tables

    request = Request(seed=SEED, count=THREE_EACH)
    real = list(rows(request, plan_rows(request)))
    # What a file claims of proofs isn't believed.
    claimed = [row | {"verified": "none"} for row in real]
    for name, these in (("rows", real), ("claimed", claimed)):
        text = "".join(f"{json.dumps(row)}\n" for row in these)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    asked = (NAME, "--from", "claimed.jsonl", "--seed", SEED, "--dry-run", "first")
    # Nobody is asked.
    done = _run(python, folder, _surroundings("http://127.0.0.1:9", folder), "proven", asked)
    assert done.code == 0 and f"first: written, not published; all {THREE_EACH}, " in done.out, (
        done.err
    )
    changed = folder / "changed"
    shutil.copytree(folder / "first", changed)
    other = real[0] | {"python": real[0]["python"] + "# changed\n"}
    names = [path.name for path in changed.iterdir() if path.name not in ("README.md", "pictures")]
    tables.write_subsets(changed, [other, *real[1:]], names)
    with open(changed / "README.md", "a") as card:
        card.write("\nChanged.\n")


def _surroundings(endpoint: str, folder: Path) -> dict[str, str]:
    (folder / "temporary").mkdir()
    return {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "JAX_PLATFORMS": "cpu",
        "TMPDIR": str(folder / "temporary"),
    }


def _run(python, folder: Path, env: dict, how, arguments) -> Done:
    waits = folder / "waits.json"
    done = python(HERE / "impatient.py", waits, how, *arguments, cwd=folder, env=env)
    # Whatever happens, nothing stays behind.
    assert list((folder / "temporary").iterdir()) == []
    # Only huggingface_hub's own, which it writes to its log, if all of that is asked for.
    assert "Traceback" not in done.stderr or "HF_DEBUG" in env, done.stderr
    return Done(done.returncode, done.stdout, done.stderr, json.loads(waits.read_text()))
