"""A page in a browser that is off the network: what it asks for, says and shows."""

WIDE = {"width": 1440, "height": 900}
# The rows that are listed.
SHOWN = "#list .item:not([hidden])"


def watched(browser, path, address="", viewport=WIDE, **options):
    """Opens a file: returns the context, the page, and a list that complaints are added to.

    Args:
      browser: playwright's.
      path: the file.
      address: what follows its name, `#id=42`.
      viewport, options: the context's, such as `color_scheme`.

    A complaint is a request for anything else, which is refused, a message on the console, or an
    error of a script.
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
    """What a block of code shows, without what stands before the lines."""
    return page.locator(f"{which} pre code").text_content().removesuffix("\n")


def choose(page, name, value) -> None:
    # The words, which lie over the input.
    page.locator(f"#choose-{name} label", has=page.locator(f"input[value={value}]")).click()


def soon(page, selector):
    """What waits for the elements to be as they should (a script that waits the page forbids)."""
    # Late: without the extra these tests are skipped.
    from playwright.sync_api import expect

    return expect(page.locator(selector))
