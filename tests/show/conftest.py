"""Rows of every kind, and a Chromium, for the tests of `python -m jax_ir_synth.show`."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from jax_ir_synth.config import Request
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import rows

# Tests are imported by path: what they share is found here.
sys.path.insert(0, str(Path(__file__).parent))

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


@pytest.fixture
def open_page(browser, request):
    """Opens a page's file with the network off: `open_page(path, address="", …)`.

    Keyword arguments are the context's (`viewport`, `color_scheme`). The test fails if the page
    asks for anything but its own file, or if the browser has anything to say on its console.
    """
    contexts, asked, said = [], [], []

    def opened(path, address="", **options):
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}} | options)
        contexts.append(context)
        context.set_offline(True)
        # The clipboard is asked for by a click alone, and of no use to a page that isn't looked at.
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(20_000)

        def route(one):
            asked.append(one.request.url)
            if one.request.url.split("#")[0] == path.as_uri():
                one.continue_()
            else:
                one.abort()

        context.route("**/*", route)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri() + address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert {url.split("#")[0] for url in asked if not url.startswith("blob:")} <= {
        url.split("#")[0] for url in asked if url.startswith("file:")
    } and len({url.split("#")[0] for url in asked}) <= 2
