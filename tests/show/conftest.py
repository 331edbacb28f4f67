"""Rows, and a Chromium browser, for the tests of `show`."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request

# Tests are imported by path, so their common modules need an entry here.
sys.path.insert(0, str(Path(__file__).parent))

from pages import COUNT, numbered, write  # noqa: E402
from watching import open_watched  # noqa: E402

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def real() -> list[dict]:
    """Two generated rows of each category, not verified."""
    request = Request(seed=5, count=2 * len(CATEGORIES), verify=False)
    return list(rows(request, plan_rows(request)))


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="needs the extra browser: pip install '.[browser]'"
    )
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium: neither CHROMIUM nor a command named {', '.join(NAMES)}")
    with sync_api.sync_playwright() as driver:
        # Chromium's sandbox doesn't work for root, as whom the tests may run.
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """A page with many rows written by hand, see `pages.numbered`."""
    return write(tmp_path_factory.mktemp("pages") / "rows.html", numbered(COUNT), total=1500)


@pytest.fixture
def open_page(browser):
    """Open the file of a page: `open_page(path, address="", …)`, see `watching.open_watched`.

    The test fails if the page requests anything but its own file, or prints to its console.
    """
    contexts, complaints = [], []

    def opened(path, address="", **options):
        context, page, heard = open_watched(browser, path, address, **options)
        contexts.append(context)
        complaints.append(heard)
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == [[] for _ in contexts]
