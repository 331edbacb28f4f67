"""The page in a real Chromium, opened from the file system with the network off."""

import json

import pytest
from pages import HOSTILE, hostile_row, numbered, write
from shown_rows import BACKWARD, FORWARD, OTHER, column, row

from jax_ir_synth.reading import Reading
from jax_ir_synth.show.lexicon import KINDS

COUNT = 60
SHOWN = "#list .item:not([hidden])"
# Those of the elements whose text has too little contrast to what is behind it, as WCAG 2 has it.
PALE = """elements => elements.map(element => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => parts(colour).slice(0, 3)
        .map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, k) => sum + value * [0.2126, 0.7152, 0.0722][k], 0);
    let behind = element;
    const clear = colour => parts(colour)[3] === 0;
    while (clear(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
        .map(light).sort((x, y) => y - x);
    return [element.outerHTML.slice(0, 120), (a + 0.05) / (b + 0.05)];
}).filter(([, ratio]) => ratio < 4.5)"""
# Lines with a word of each kind: kept, and taken out and put in, there marked as well.
ALL_WORDS = """kinds => {
    const words = kinds.map(kind => ["span", {class: kind}, kind]);
    const line = (sort, ...nodes) => make("span", {class: `l ${sort}`}, sort, ...nodes);
    const plain = () => words.map(word => make(...word));
    const marked = () => words.map(word => make("mark", {}, make(...word)));
    document.querySelector("#ir code").replaceChildren(line("", ...plain()),
        line("gap"), line("out", ...plain(), ...marked()), line("in", ...plain(), ...marked()));
}"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pages") / "rows.html", numbered(COUNT), total=1500)


def _ids(page) -> list[int]:
    texts = page.locator(f"{SHOWN} small").all_text_contents()
    return [int(text.split(" ")[0]) for text in texts]


def _code(page, which="#ir") -> str:
    """What a block of code shows, without what stands before the lines."""
    return page.locator(f"{which} pre code").text_content().removesuffix("\n")


def _soon(page, selector):
    """What waits for the elements to be as they should (a script that waits the page forbids)."""
    # Late: without the extra these tests are skipped.
    from playwright.sync_api import expect

    return expect(page.locator(selector))


def _choose(page, name, value) -> None:
    # The words, which lie over the input.
    page.locator(f"#choose-{name} label", has=page.locator(f"input[value={value}]")).click()


def test_all_rows_are_listed_and_the_first_is_shown(open_page, path):
    page = open_page(path)
    assert _ids(page) == [10 * k for k in range(COUNT)]
    assert page.locator("#about").text_content() == f"made by hand: {COUNT} of 1500 rows"
    assert page.locator("#count").text_content() == f"{COUNT} of {COUNT} rows"
    assert page.locator("main h2").text_content() == "kernel_number_0"
    shown = numbered(1)[0]
    assert _code(page, ".left") == shown["python"].rstrip("\n")
    assert _code(page) == FORWARD
    main = page.locator("main").inner_text()
    for text in ("unary", "row 0", "train", "verified: interpreter", "CPU ≠ CUDA", "[2, 4]",
                 "-1 to 1.5", "float32", shown["program_hash"], shown["jax_version"]):  # fmt: skip
        assert text in main


def test_passes_devices_and_the_difference(open_page, path):
    page = open_page(path)
    assert page.locator("#fact").text_content() == "CPU and CUDA agree in this pass"
    _choose(page, "pass", "backward")
    assert _code(page) == BACKWARD
    _choose(page, "side", "cuda")
    assert _code(page) == OTHER
    _choose(page, "side", "diff")
    assert page.locator("#fact").text_content() == "From CPU to CUDA: −2 +1 lines"
    assert page.locator("#ir .out").count() == 2 and page.locator("#ir .in").count() == 1
    assert page.locator("#ir .out mark").text_content() == "lapack_spotrf_ffi"
    assert page.locator("#ir .in mark").text_content() == "cusolver_potrf_ffi"
    # The choice stays for the next row, whose texts agree.
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


def test_filters(open_page, path):
    page = open_page(path)
    assert page.locator("#category option").all_text_contents() == [
        "All", "unary (20)", "loop (20)", "branch (20)",
    ]  # fmt: skip
    page.select_option("#category", "loop")
    assert _ids(page) == [10 * k for k in range(COUNT) if k % 3 == 1]
    page.select_option("#split", "test")
    assert _ids(page) == [10 * k for k in range(COUNT) if k % 12 == 7]
    page.select_option("#verified", "interpreter")
    assert _ids(page) == [] and page.locator("#count").text_content() == "No row is like that"
    page.click("#clear")
    assert len(_ids(page)) == COUNT and page.locator("#clear").is_hidden()
    assert page.locator("#differing").text_content() == "12"
    page.check("#differs")
    assert _ids(page) == [10 * k for k in range(0, COUNT, 5)]
    assert page.locator("#count").text_content() == f"12 of {COUNT} rows"


def test_search_in_source_and_ir(open_page, path):
    page = open_page(path)
    page.fill("#search", "KERNEL_number_17")
    _soon(page, SHOWN).to_have_count(1)
    assert _ids(page) == [170]
    # All words, wherever they are: one in the source, one in CUDA's text.
    page.fill("#search", "cusolver 15.25")
    _soon(page, f"{SHOWN} b").to_have_text("kernel_number_15")
    assert _ids(page) == [150]
    page.click(SHOWN)
    _choose(page, "side", "diff")
    _choose(page, "pass", "backward")
    hits = "[...CSS.highlights.get('hit')].map(range => range.toString())"
    assert sorted(page.evaluate(hits)) == ["15.25", "cusolver"]
    page.fill("#search", "there is no such text")
    _soon(page, SHOWN).to_have_count(0)
    page.focus("#search")
    page.keyboard.press("Escape")
    assert len(_ids(page)) == COUNT and page.input_value("#search") == ""


def test_keys(open_page, path):
    page = open_page(path)

    def name():
        return page.locator("main h2").text_content().removeprefix("kernel_number_")

    for key, expected in (("j", "1"), ("ArrowDown", "2"), ("k", "1"), ("ArrowUp", "0"), ("k", "0")):
        page.keyboard.press(key)
        assert name() == expected
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    # In the field they are letters.
    page.keyboard.type("jkpd")
    assert page.input_value("#search") == "jkpd" and name() == "0"
    page.keyboard.press("Escape")
    page.select_option("#category", "branch")
    page.focus("#list")
    # From a row that isn't listed to the nearest that is.
    page.keyboard.press("ArrowDown")
    assert name() == "2"
    page.keyboard.press("p")
    assert _code(page) == BACKWARD
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
    _soon(page, "main h2").to_have_text("kernel_number_2")
    assert len(_ids(page)) == COUNT
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
        _soon(page, "#told").to_have_text(f"Copied {label}")
        assert page.evaluate("navigator.clipboard.readText()") == expected
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "row_50.json"
    with open(download.value.path(), encoding="utf-8") as file:
        assert json.load(file) == made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_themes_follow_the_system_and_can_be_read(open_page, path, scheme):
    page = open_page(path, color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    _choose(page, "pass", "backward")
    _choose(page, "side", "diff")
    page.check("#differs")
    looked_at = (
        "main .code :is(span, mark), .chip, .muted, .item :is(b, small, .mark), main :is(th, td), "
        ".button, .choice span, .fact, #count, .link, .filters label, h1, h2, h3, kbd"
    )
    assert page.locator(looked_at).evaluate_all(PALE) == []
    assert page.locator(f"{looked_at} >> visible=true").count() > 100
    page.evaluate(ALL_WORDS, list(KINDS))
    words = page.locator("#ir code span")
    assert words.count() == 4 + 5 * len(KINDS)
    assert words.evaluate_all(PALE) == []


def test_pale_text_is_found(open_page, path):
    page = open_page(path)
    page.evaluate("() => { document.querySelector('main h2').style.color = '#999'; }")
    assert len(page.locator("h2").evaluate_all(PALE)) == 1


def test_the_theme_can_be_chosen_and_stays(open_page, path):
    page = open_page(path, color_scheme="dark")
    seen = []
    for _ in range(3):
        page.click("#theme")
        theme = page.locator("html").get_attribute("data-theme")
        seen.append((page.locator("#theme").get_attribute("aria-label"), theme))
    assert seen == [
        ("Theme: light", "light"), ("Theme: dark", "dark"), ("Theme: as the system", "dark"),
    ]  # fmt: skip
    page.emulate_media(color_scheme="light")
    _soon(page, "html").to_have_attribute("data-theme", "light")
    page.click("#theme")
    page.click("#theme")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("html").get_attribute("data-theme") == "dark"


@pytest.mark.parametrize("width", [320, 400, 761, 1000, 1180, 1440, 2200])
def test_nothing_is_wider_than_the_window(open_page, tmp_path, real, width):
    several = [("stablehlo", FORWARD, BACKWARD), ("optimized_hlo", "a", "b"), ("asm", "c", "d")]
    long = row(kernel_name="kernel_" + "very_" * 30 + "long", differs=True, verified="long " * 20)
    long["cpp"] = column("cpu", *several, ("llvm", "x" * 400, "y"), ("hlo", "e", "f"))
    page = open_page(
        write(tmp_path / "a.html", [long, *real]),
        "#id=42",
        viewport={"width": width, "height": 800},
    )
    for _ in range(2):
        outside = page.evaluate(
            """() => [...document.querySelectorAll("body, body *")]
                .filter(e => e.checkVisibility() && !e.closest("pre, .table, .skip, legend"))
                .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
                .map(e => e.outerHTML.slice(0, 90))"""
        )
        assert outside == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("j")


def test_a_narrow_window_has_the_list_and_then_the_row(open_page, path):
    page = open_page(path, viewport={"width": 400, "height": 800})
    assert page.locator("#list").is_visible() and page.locator("main").is_hidden()
    page.click("#item-4")
    assert page.locator("main h2").is_visible() and page.locator("#list").is_hidden()
    # Long lines are broken there.
    assert page.locator("#wrap").is_checked()
    assert (
        page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('#ir pre'))")
        <= 0
    )
    page.click("#next")
    assert page.locator("main h2").text_content() == "kernel_number_5"
    page.click("#back")
    assert page.locator("#list").is_visible() and page.locator("main").is_hidden()
    page.click("#item-6")
    page.go_back()
    page.go_back()
    assert page.locator("#list").is_visible() or page.locator("main h2").is_visible()


def test_lines_can_be_broken_or_not(open_page, path):
    page = open_page(path, viewport={"width": 1200, "height": 800})
    overflow = "(e => e.scrollWidth - e.clientWidth)(document.querySelector('#ir pre'))"
    assert page.evaluate(overflow) > 0
    page.check("#wrap")
    assert page.evaluate(overflow) <= 0
    assert _code(page) == FORWARD


def test_what_can_be_operated_has_a_name(open_page, path):
    page = open_page(path)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role], section, aside")]
            .filter(e => !(e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim() ||
                e.textContent.trim() || e.id === "told"))
            .map(e => e.outerHTML)"""
    )
    assert unnamed == []
    # Everything is reached by the tabulator, and shows that it is.
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(e => e.id || e.name || e.tagName)(document.activeElement)"))
    assert {"search", "category", "split", "verified", "differs", "list", "theme", "next",
            "download", "pass", "side", "wrap", "PRE"} <= reached  # fmt: skip


def test_hostile_text_is_text(open_page, tmp_path):
    hostile = hostile_row()
    page = open_page(
        write(tmp_path / "a.html", [row(), hostile, row(id=3)], title=HOSTILE), "#id=66"
    )
    assert page.locator("main h2").text_content() == hostile["kernel_name"]
    assert _code(page, ".left") == hostile["python"].rstrip("\n")
    assert page.locator("#about").text_content() == f"{HOSTILE}: all 3 rows"
    for name, shown in (("pass", "backward"), ("side", "cuda"), ("side", "diff")):
        _choose(page, name, shown)
    assert "window.hacked" in page.locator("#ir .in").last.text_content()
    page.select_option("#category", HOSTILE)
    assert _ids(page) == [66]
    page.fill("#search", "<img src=x")
    # Were it not found, none would be listed, a moment later.
    page.wait_for_timeout(300)
    assert _ids(page) == [66]
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
    assert _code(page) == "{ lambda }"
    _choose(page, "dialect", "asm")
    assert _code(page) == "f:\n\tret"
    assert page.locator("#fact").text_content() == "Compiled for x86-64-v3+gfni"
    _choose(page, "side", "diff")
    fact = "From CPU (x86-64-v3+gfni) to CUDA (sm_90): −2 +1 lines"
    assert page.locator("#fact").text_content() == fact
    page.keyboard.press("j")
    assert _code(page) == FORWARD and "one device" in page.locator(".chips").inner_text()
    assert page.locator("#choose-side input:disabled").count() == 2


def test_real_rows_are_shown_as_they_are(open_page, tmp_path, real):
    page = open_page(write(tmp_path / "a.html", real))
    for made in real:
        assert _code(page, ".left") == made["python"].rstrip("\n")
        ir = Reading(made).ir
        for which in ("forward", "backward"):
            assert _code(page) == getattr(ir, which)
            page.keyboard.press("p")
        page.keyboard.press("j")


def test_three_hundred_rows_open(open_page, tmp_path, real):
    rows = [made | {"id": k} for k, made in enumerate(real * (300 // len(real)))]
    path = write(tmp_path / "a.html", rows)
    page = open_page(path)
    ready = page.evaluate("document.documentElement.dataset.ready")
    began = page.evaluate("performance.now()")
    page.fill("#search", "stablehlo.while")
    _soon(page, "#clear").to_be_visible()
    searched = page.evaluate("performance.now()") - began
    print(f"\n{len(rows)} rows, {path.stat().st_size:,} bytes: open after {ready} ms, "
          f"searched after {searched:.0f} ms, 120 of them for more letters")  # fmt: skip
    expected = [made["id"] for made in rows if "stablehlo.while" in made["cpp"] + made["cuda"]]
    assert _ids(page) == expected and len(expected) > 10


def test_a_browser_that_cannot_decompress_says_so(browser, path):
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("main .note")
    assert "too old for this page" in page.locator("main").inner_text()
    context.close()
