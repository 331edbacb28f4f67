"""Open a page in a browser without a network, and watch its requests, console and content."""

WIDE = {"width": 1440, "height": 900}
# The listed rows.
SHOWN = "#list .item:not([hidden])"


def open_watched(browser, path, address="", viewport=WIDE, **options):
    """Open the file of a page and watch it.

    Args:
      browser: The browser, from Playwright.
      path: The file.
      address: The end of the address after the file name, such as `#id=42`.
      viewport: The size of the window.
      **options: Other options of the browser's context, such as `color_scheme`.

    Returns:
      The context, the page, and a list of complaints. A complaint is a blocked request for another
      file, a message on the console, or an error of a script.
    """
    complaints = []
    context = browser.new_context(viewport=viewport, **options)
    context.set_offline(True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])

    def route(one):
        asked = one.request.url
        if asked.split("#")[0] == path.as_uri():
            one.continue_()
        else:
            complaints.append(f"asks for {asked}")
            one.abort()

    context.route("**/*", route)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri() + address)
    return context, page, complaints


def ids(page) -> list[int]:
    texts = page.locator(f"{SHOWN} small").all_text_contents()
    return [int(text.split(" ")[0]) for text in texts]


def code(page, which="#ir") -> str:
    """Read the text of a block of code, without line numbers."""
    return page.locator(f"{which} pre code").text_content().removesuffix("\n")


def choose(page, name, value) -> None:
    # The label, which covers the input.
    page.locator(f"#choose-{name} label", has=page.locator(f"input[value={value}]")).click()


def soon(page, selector):
    """Return an expectation that waits. The page's policy forbids a script that waits."""
    # Imported here, because without the extra these tests are skipped.
    from playwright.sync_api import expect

    return expect(page.locator(selector))
