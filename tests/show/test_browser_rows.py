"""Various rows in Chromium: hostile, generated, many, in several dialects."""

import json

from pages import HOSTILE, hostile_row, write
from shown_rows import FORWARD, column, row
from watching import choose, code, ids, open_watched, soon

from jax_ir_synth.schema.row_view import RowView


def test_hostile_text_is_text(open_page, tmp_path):
    hostile = hostile_row()
    page = open_page(
        write(tmp_path / "a.html", [row(), hostile, row(id=3)], title=HOSTILE), "#id=66"
    )
    assert page.locator("main h2").text_content() == hostile["kernel_name"]
    assert code(page, ".left") == hostile["python"].rstrip("\n")
    assert page.locator("#about").text_content() == f"{HOSTILE}: all 3 rows"
    for name, shown in (("pass", "backward"), ("side", "cuda"), ("side", "diff")):
        choose(page, name, shown)
    assert "window.hacked" in page.locator("#ir .in").last.text_content()
    page.select_option("#category", HOSTILE)
    assert ids(page) == [66]
    page.fill("#search", "<img src=x")
    # If the text weren't found, no row would be listed a moment later.
    page.wait_for_timeout(300)
    assert ids(page) == [66]
    assert page.evaluate("[typeof window.hacked, document.images.length]") == ["undefined", 0]
    assert page.locator("svg, img, iframe, object").count() == 0
    assert page.locator("script").count() == 2 and page.locator("style").count() == 1
    with page.expect_download() as download:
        page.click("#download")
    with open(download.value.path(), encoding="utf-8") as file:
        assert json.load(file) == hostile


def test_several_dialects_and_one_device(open_page, tmp_path):
    sections = [("jaxpr", "{ lambda }", "{ let }"), ("asm", "f:\n\tret", "\tnop", "x86-64-v3+gfni")]
    others = [("jaxpr", "{ lambda }", "{ let }"), ("asm", "\tret;", "\tnop;", "sm_90")]
    both = row(cpp=column("cpu", *sections), cuda=column("gpu", *others))
    page = open_page(write(tmp_path / "a.html", [both, row(id=2, cpp=None)]))
    assert code(page) == "{ lambda }"
    choose(page, "dialect", "asm")
    assert code(page) == "f:\n\tret"
    assert page.locator("#fact").text_content() == "Compiled for x86-64-v3+gfni"
    choose(page, "side", "diff")
    fact = "From CPU (x86-64-v3+gfni) to CUDA (sm_90): −2 +1 lines"
    assert page.locator("#fact").text_content() == fact
    page.keyboard.press("j")
    assert code(page) == FORWARD and "one device" in page.locator(".chips").inner_text()
    assert page.locator("#choose-side input:disabled").count() == 2


def test_real_rows_are_shown_as_they_are(open_page, tmp_path, real):
    page = open_page(write(tmp_path / "a.html", real))
    for made in real:
        assert code(page, ".left") == made["python"].rstrip("\n")
        ir = RowView(made).ir
        for which in ("forward", "backward"):
            assert code(page) == getattr(ir, which)
            page.keyboard.press("p")
        page.keyboard.press("j")


def test_three_hundred_rows_open(open_page, tmp_path, real):
    rows = [made | {"id": k} for k, made in enumerate(real * (300 // len(real)))]
    path = write(tmp_path / "a.html", rows)
    page = open_page(path)
    ready = page.evaluate("document.documentElement.dataset.ready")
    began = page.evaluate("performance.now()")
    page.fill("#search", "stablehlo.while")
    soon(page, "#clear").to_be_visible()
    searched = page.evaluate("performance.now()") - began
    print(f"\n{len(rows)} rows, {path.stat().st_size:,} bytes: open after {ready} ms, "
          f"searched after {searched:.0f} ms, 120 of them for more letters")  # fmt: skip
    expected = [made["id"] for made in rows if "stablehlo.while" in made["cpp"] + made["cuda"]]
    assert ids(page) == expected and len(expected) > 10


def test_a_browser_that_cannot_decompress_says_so(browser, path):
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("main .note")
    assert "too old for this page" in page.locator("main").inner_text()
    context.close()


def test_the_page_and_the_terminal_find_the_same_words(open_page, tmp_path, real):
    from test_lexicon import SAMPLES, _words

    sections = {name: text for name, (text, _) in SAMPLES.items()}
    page = open_page(write(tmp_path / "a.html", real[:1]))
    for language, text in sections.items():
        found = page.evaluate("([text, name]) => colouredLines(text, name)", [text, language])
        assert "\n".join("".join(words for _, words in line) for line in found) == text
        expected = {
            kind: [piece for word in words for piece in word.split("\n") if piece]
            for kind, words in _words(language, text).items()
        }
        made = {}
        for kind, words in (pair for line in found for pair in line if pair[0]):
            made.setdefault(kind, []).append(words)
        assert made == expected


def test_what_a_page_asks_for_and_complains_of_is_heard(browser, tmp_path):
    (tmp_path / "other.js").write_text("")
    planted = {
        '<img src="https://example.org/a.png">': "asks for https://example.org/a.png",
        '<script src="other.js"></script>': f"asks for {(tmp_path / 'other.js').as_uri()}",
        "<script>console.warn('said')</script>": "warning: said",
        "<script>nothing_such()</script>": "nothing_such is not defined",
    }
    for text, complaint in planted.items():
        (tmp_path / "a.html").write_text(f"<!DOCTYPE html><title>a</title>{text}")
        context, _, complaints = open_watched(browser, tmp_path / "a.html")
        context.close()
        assert complaint in complaints
    # In the page itself, the policy blocks the request of an element.
    context, page, complaints = open_watched(browser, write(tmp_path / "b.html", [row()]))
    page.wait_for_selector("html[data-ready]")
    page.evaluate(
        "() => { document.body.append(make('img', {src: 'https://example.org/b.png'})); }"
    )
    for _ in range(100):
        if not complaints:
            page.wait_for_timeout(50)
    context.close()
    assert len(complaints) == 1 and "Content Security Policy" in complaints[0]


def test_the_first_hit_of_a_search_is_in_sight(open_page, tmp_path):
    far = FORWARD.replace("    return", "    // far\n" * 200 + "    // wanted\n    return")
    made = row(cpp=column("cpu", ("stablehlo", far, FORWARD)))
    page = open_page(write(tmp_path / "a.html", [made]))
    assert code(page) == far
    soon(page, "#ir .l:has-text('// wanted')").not_to_be_in_viewport()
    page.fill("#search", "WANTED")
    soon(page, "#ir .l:has-text('// wanted')").to_be_in_viewport()
