"""The look of the page in Chromium: light and dark, wide and narrow, and accessible."""

import struct
from pathlib import Path

import pytest
from pages import write
from shown_rows import BACKWARD, FORWARD, column, row
from watching import choose, code, soon

from jax_ir_synth.cli.show import ROWS
from jax_ir_synth.show.lexicon import KINDS
from jax_ir_synth.show.page import write_page
from jax_ir_synth.show.sources import SavedRows

# The file that `--record-screenshot` writes.
RECORDED = Path(__file__).parents[2] / "dataset_card" / "page.png"
MAX_BYTES = 300_000
# The elements whose text has a lower contrast to its background than WCAG 2 demands, 4.5 : 1.
# The relative luminance is a weighted sum of the linearized sRGB channels, and the contrast of two
# luminances a >= b is (a + 0.05) / (b + 0.05).
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
# Lines with a word of each kind: in a kept line, and in removed and added ones, also marked.
ALL_WORDS = """kinds => {
    const words = kinds.map(kind => ["span", {class: kind}, kind]);
    const line = (sort, ...nodes) => make("span", {class: `l ${sort}`}, sort, ...nodes);
    const plain = () => words.map(word => make(...word));
    const marked = () => words.map(word => make("mark", {}, make(...word)));
    document.querySelector("#ir code").replaceChildren(line("", ...plain()),
        line("gap"), line("out", ...plain(), ...marked()), line("in", ...plain(), ...marked()));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_themes_follow_the_system_and_can_be_read(open_page, path, scheme):
    page = open_page(path, color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    choose(page, "pass", "backward")
    choose(page, "side", "diff")
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
        ("Theme: light", "light"), ("Theme: dark", "dark"), ("Theme: system", "dark"),
    ]  # fmt: skip
    page.emulate_media(color_scheme="light")
    soon(page, "html").to_have_attribute("data-theme", "light")
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
    # In a narrow window, long lines are broken.
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
    assert code(page) == FORWARD


def test_what_can_be_operated_has_a_name(open_page, path):
    page = open_page(path)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role], section, aside")]
            .filter(e => !(e.getAttribute("aria-label") || e.labels?.[0]?.textContent.trim() ||
                e.textContent.trim() || e.id === "told"))
            .map(e => e.outerHTML)"""
    )
    assert unnamed == []
    # The Tab key reaches every control.
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(e => e.id || e.name || e.tagName)(document.activeElement)"))
    assert {"search", "category", "split", "verified", "differs", "list", "theme", "next",
            "download", "pass", "side", "wrap", "PRE"} <= reached  # fmt: skip


def test_a_screenshot(open_page, path, tmp_path, request):
    dataset = request.config.getoption("--record-screenshot")
    address = "#id=50"
    if dataset:
        path = tmp_path / "page.html"
        write_page(path, SavedRows(Path(dataset)), ROWS)
        address = "#id=9"
    page = open_page(path, address, viewport={"width": 1360, "height": 850})
    choose(page, "side", "diff")
    soon(page, "#fact").to_contain_text("CPU")
    if dataset:
        ready = page.evaluate("document.documentElement.dataset.ready")
        print(f"\n{path.stat().st_size:,} bytes, open after {ready} ms")
    picture = RECORDED if dataset else tmp_path / "page.png"
    page.screenshot(path=picture)
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) < MAX_BYTES
    assert struct.unpack(">2I", content[16:24]) == (1360, 850)
