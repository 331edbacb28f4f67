"""The page in Chromium, opened from the file system without a network."""

import json

from pages import COUNT, numbered
from shown_rows import BACKWARD, FORWARD, OTHER
from watching import SHOWN, choose, code, ids, soon

from jax_ir_synth.show.lexicon import KINDS


def test_all_rows_are_listed_and_the_first_is_shown(open_page, path):
    page = open_page(path)
    assert ids(page) == [10 * k for k in range(COUNT)]
    assert page.locator("#about").text_content() == f"made by hand: {COUNT} of 1500 rows"
    assert page.locator("#count").text_content() == f"{COUNT} of {COUNT} rows"
    assert page.locator("main h2").text_content() == "kernel_number_0"
    shown = numbered(1)[0]
    assert code(page, ".left") == shown["python"].rstrip("\n")
    assert code(page) == FORWARD
    main = page.locator("main").inner_text()
    for text in ("unary", "row 0", "train", "verified: interpreter", "CPU ≠ CUDA", "[2, 4]",
                 "-1 to 1.5", "float32", shown["program_hash"], shown["jax_version"]):  # fmt: skip
        assert text in main


def test_passes_devices_and_the_difference(open_page, path):
    page = open_page(path)
    assert page.locator("#fact").text_content() == "CPU and CUDA agree in this pass"
    choose(page, "pass", "backward")
    assert code(page) == BACKWARD
    choose(page, "side", "cuda")
    assert code(page) == OTHER
    choose(page, "side", "diff")
    assert page.locator("#fact").text_content() == "From CPU to CUDA: −2 +1 lines"
    assert page.locator("#ir .out").count() == 2 and page.locator("#ir .in").count() == 1
    assert page.locator("#ir .out mark").text_content() == "lapack_spotrf_ffi"
    assert page.locator("#ir .in mark").text_content() == "cusolver_potrf_ffi"
    # The choice stays for the next row, where the texts agree.
    page.keyboard.press("j")
    assert page.locator("main h2").text_content() == "kernel_number_1"
    assert "the same, line by line" in page.locator("#ir").inner_text()
    for name, value in (("pass", "backward"), ("side", "diff")):
        assert page.locator(f"#choose-{name} input:checked").get_attribute("value") == value


def test_words_have_their_colours(open_page, path):
    page = open_page(path)
    words = page.locator("#ir .operation").all_text_contents()
    assert words[:2] == ["stablehlo.tanh", "stablehlo.broadcast_in_dim"]
    assert page.locator("#ir .symbol").first.text_content() == "@jit_kernel_scaled_tanh"
    assert page.locator(".left .keyword").first.text_content() == "def"
    colours = {
        kind: page.locator(f"main .code .{kind}").first.evaluate("e => getComputedStyle(e).color")
        for kind in KINDS
        if page.locator(f"main .code .{kind}").count()
    }
    assert len(colours) >= 7 and len(set(colours.values())) == len(colours)


def test_filters(open_page, path):
    page = open_page(path)
    assert page.locator("#category option").all_text_contents() == [
        "All", "unary (20)", "loop (20)", "branch (20)",
    ]  # fmt: skip
    page.select_option("#category", "loop")
    assert ids(page) == [10 * k for k in range(COUNT) if k % 3 == 1]
    page.select_option("#split", "test")
    assert ids(page) == [10 * k for k in range(COUNT) if k % 12 == 7]
    page.select_option("#verified", "interpreter")
    assert ids(page) == [] and page.locator("#count").text_content() == "No row matches"
    page.click("#clear")
    assert len(ids(page)) == COUNT and page.locator("#clear").is_hidden()
    assert page.locator("#differing").text_content() == "12"
    page.check("#differs")
    assert ids(page) == [10 * k for k in range(0, COUNT, 5)]
    assert page.locator("#count").text_content() == f"12 of {COUNT} rows"


def test_search_in_source_and_ir(open_page, path):
    page = open_page(path)
    page.fill("#search", "KERNEL_number_17")
    soon(page, SHOWN).to_have_count(1)
    assert ids(page) == [170]
    # All words must occur, in any text: one is in the source, one in CUDA's IR.
    page.fill("#search", "cusolver 15.25")
    soon(page, f"{SHOWN} b").to_have_text("kernel_number_15")
    assert ids(page) == [150]
    page.click(SHOWN)
    choose(page, "side", "diff")
    choose(page, "pass", "backward")
    hits = "[...CSS.highlights.get('hit')].map(range => range.toString())"
    assert sorted(page.evaluate(hits)) == ["15.25", "cusolver"]
    page.fill("#search", "there is no such text")
    soon(page, SHOWN).to_have_count(0)
    page.focus("#search")
    page.keyboard.press("Escape")
    assert len(ids(page)) == COUNT and page.input_value("#search") == ""


def test_keys(open_page, path):
    page = open_page(path)

    def name():
        return page.locator("main h2").text_content().removeprefix("kernel_number_")

    for key, expected in (("j", "1"), ("ArrowDown", "2"), ("k", "1"), ("ArrowUp", "0"), ("k", "0")):
        page.keyboard.press(key)
        assert name() == expected
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    # In the search field, keys are letters.
    page.keyboard.type("jkpd")
    assert page.input_value("#search") == "jkpd" and name() == "0"
    page.keyboard.press("Escape")
    page.select_option("#category", "branch")
    page.focus("#list")
    # From a hidden row, the key goes to the nearest listed one.
    page.keyboard.press("ArrowDown")
    assert name() == "2"
    page.keyboard.press("p")
    assert code(page) == BACKWARD
    page.keyboard.press("d")
    assert page.locator("#ir input[value=cuda]").is_checked()
    selected = page.locator("[aria-selected=true]")
    assert selected.count() == 1
    assert page.locator("#list").get_attribute("aria-activedescendant") == selected.get_attribute(
        "id"
    )


def test_links(open_page, path):
    page = open_page(path, "#id=420")
    assert page.locator("main h2").text_content() == "kernel_number_42"
    assert page.locator("[aria-selected=true]").is_visible()
    page.keyboard.press("j")
    assert page.url.endswith("#id=430") and page.title() == "kernel_number_43 · row 430"
    # A link to a row that the filters hide clears them.
    page.select_option("#category", "loop")
    page.evaluate("location.hash = '#id=20'")
    soon(page, "main h2").to_have_text("kernel_number_2")
    assert len(ids(page)) == COUNT
    page.evaluate("location.hash = '#id=7'")
    page.wait_for_selector("main [role=alert]")
    told = page.locator("main").text_content()
    assert told == f"Row 7 is none of the {COUNT} rows of this page."
    page.click("#item-3")
    assert page.locator("main h2").text_content() == "kernel_number_3"


def test_copies_and_the_row_as_json(open_page, path):
    page = open_page(path, "#id=50")
    made = numbered(6)[5]
    for label, expected in (("the source", made["python"]), ("the IR", FORWARD)):
        page.click(f"button[aria-label='Copy {label}']")
        soon(page, "#told").to_have_text(f"Copied {label}")
        assert page.evaluate("navigator.clipboard.readText()") == expected
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "row_50.json"
    with open(download.value.path(), encoding="utf-8") as file:
        assert json.load(file) == made
