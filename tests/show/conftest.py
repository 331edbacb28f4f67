"""Rows of every kind, and a Chromium, for the tests of `python -m jax_ir_synth.show`."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request

# Tests are imported by path: what they share is found here.
sys.path.insert(0, str(Path(__file__).parent))

from pages import COUNT, numbered, write  # noqa: E402
from watching import watched  # noqa: E402

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def real() -> list[dict]:
    """Two real rows of each category, not proven."""
    request = Request(seed=5, count=2 * len(CATEGORIES), verify=False)
    return list(rows(request, plan_rows(request)))


@pytest.fixture(scope="session")
def browser():
    """A real Chromium without a window."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="needs the extra browser: pip install '.[browser]'"
    )
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium: neither CHROMIUM nor a command named {', '.join(NAMES)}")
    with sync_api.sync_playwright() as driver:
        # Root, whom tests may run as, can't have the sandbox.
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """A page of many rows written by hand, see `pages.numbered`."""
    return write(tmp_path_factory.mktemp("pages") / "rows.html", numbered(COUNT), total=1500)


@pytest.fixture
def open_page(browser):
    """Opens a page's file: `open_page(path, address="", …)`, see `watching.watched`.

    The test fails if the page asks for anything but its own file, or has anything on its console.
    """
    contexts, complaints = [], []

    def opened(path, address="", **options):
        context, page, heard = watched(browser, path, address, **options)
        contexts.append(context)
        complaints.append(heard)
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == [[] for _ in contexts]
