"""A small real dataset, saved, and its card, written once."""

import copy
import json
import re
import shutil

import pytest
from row_ids import THREE_EACH

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.config import Request

SEED = 7


@pytest.fixture(scope="session", autouse=True)
def extra():
    """What the card needs; the tests are skipped without it."""
    for module in ("jinja2", "matplotlib"):
        pytest.importorskip(module, reason="the extra publish isn't installed")


@pytest.fixture(scope="session")
def _rows(saved) -> list[dict]:
    return [json.loads(line) for line in saved.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def good(_rows) -> list[dict]:
    """Three rows of each category, each test's own to break."""
    return copy.deepcopy(_rows)


@pytest.fixture(scope="session")
def lines():
    """Rows into a .jsonl file: `lines(path, rows)` gives the path."""

    def written(path, rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def saved(lines, made_once):
    """The rows as a .jsonl file."""

    def make(folder):
        request = Request(seed=SEED, count=THREE_EACH)
        lines(folder / "rows.jsonl", rows(request, plan_rows(request)))

    return made_once("saved", make) / "rows.jsonl"


@pytest.fixture(scope="session")
def facts(saved):
    """What a card says of the rows."""
    from jax_ir_synth.card.facts import gather

    return gather(saved, SEED)


@pytest.fixture(scope="session")
def redrawn(facts):
    """The rows' plan."""
    from jax_ir_synth.card.drawing import Redrawn

    return Redrawn(facts.request)


@pytest.fixture(scope="session")
def card(saved, made_once):
    """A folder with the card of the rows, with another file that was there before."""
    from jax_ir_synth.card import write_card

    def make(folder):
        (folder / "levels.md").write_text("kept")
        write_card(folder, saved, seed=SEED, repo="user/name")

    return made_once("card", make)


@pytest.fixture(scope="session")
def drawn_once(card):
    """Called with a monkeypatch: pictures are then copies of those of `card`.

    For tests of what has nothing to do with them, as they take most of a card's time.
    """
    from jax_ir_synth.card import pictures
    from jax_ir_synth.card.filling import Picture

    named = r'pictures/(\w+)-light.png" width="800" alt="([^"]+)"'
    drawn = re.findall(named, (card / "README.md").read_text(encoding="utf-8"))

    def draw(facts, counts, folder):
        shutil.copytree(card / "pictures", folder, dirs_exist_ok=True)
        return [Picture(*each) for each in drawn]

    return lambda monkeypatch: monkeypatch.setattr(pictures, "draw", draw)
