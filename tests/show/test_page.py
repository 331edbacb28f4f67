"""The text of a page: its data are the rows, and no text of a row escapes from them."""

import base64
import hashlib
import html.parser
import re
from pathlib import Path

import pytest
from pages import HOSTILE, data_of, hostile_row, numbered, write
from shown_rows import BACKWARD, FORWARD, OTHER, column, jsonl, row

from jax_ir_synth.cli.main import main
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show import page as pages
from jax_ir_synth.show.difference import diff_texts
from jax_ir_synth.show.page import render_page
from jax_ir_synth.show.sources import SavedRows


class _Elements(html.parser.HTMLParser):
    """Collects all elements, and the texts of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag, dict(attributes).get("id")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def _page(*rows, title="made by hand") -> str:
    return render_page([RowView(row) for row in rows], len(rows), title)


def test_the_rows_are_embedded_as_they_are(real):
    rows = [*real, hostile_row(), row(differs=True, cuda=None), row(verified=None)]
    assert data_of(_page(*rows))["rows"] == rows


def test_the_views_say_what_the_lists_need(real):
    rows = [*real, row(differs=True)]
    views = data_of(_page(*rows))["views"]
    for made, view in zip(rows, views, strict=True):
        reading = RowView(made)
        assert (view["category"], view["split"]) == (reading.category, reading.split)
        assert view["differs"] == reading.differs == bool(view["lines"])
    assert views[-1]["differs"] and not views[0]["differs"]


def test_the_differences_are_those_of_the_texts():
    (view,) = data_of(_page(row(differs=True)))["views"]
    expected = [
        [
            line.kind,
            line.number or line.text,
            *([[*map(list, line.changed)]] if line.changed else []),
        ]
        for line in diff_texts(BACKWARD, OTHER)
    ]
    assert view["lines"] == {"stablehlo/backward": expected}
    assert sum(len(line) == 3 for line in expected) == 2


def test_changed_parts_count_as_the_browser_does():
    texts = ("é 😀😀 = lapack of all that is 1", "é 😀😀 = cusolver of all that is 1")
    cpp, cuda = (
        column(name, ("asm", text, "x")) for name, text in zip(("cpu", "gpu"), texts, strict=True)
    )
    (view,) = data_of(_page(row(cpp=cpp, cuda=cuda)))["views"]
    _, out, come = view["lines"]["asm/forward"]
    for text, (_, _, [[start, end]]), word in zip(
        texts, (out, come), ("lapack", "cusolver"), strict=True
    ):
        units = text.encode("utf-16-le")
        assert units[2 * start : 2 * end].decode("utf-16-le") == word


def test_the_same_rows_give_the_same_bytes(python, tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *numbered(7), hostile_row())
    made = []
    for name in ("one.html", "two.html"):
        done = python(
            "-m",
            "jax_ir_synth.show",
            path,
            "--html",
            tmp_path / name,
            env={"PYTHONHASHSEED": name[0] == "o" and "1" or "2"},
        )
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_nothing_in_a_row_gets_out_of_its_place():
    elements = _Elements(_page(hostile_row(), title=HOSTILE))
    calm = _Elements(_page(row(), title="calm"))
    assert elements.tags == calm.tags
    assert elements.texts["title", None] == f"jax_ir_synth: {HOSTILE}"
    assert elements.texts["script", None] == calm.texts["script", None]


def test_the_page_needs_nothing_from_anywhere():
    text = _page(row())
    elements = _Elements(text)
    assert not [
        a for _, a in elements.tags if {"src", "href"} & a.keys() and a.get("href") != "#row"
    ]
    code = "".join(elements.texts[name, None] for name in ("script", "style"))
    assert not re.search(
        r"https?:|//[a-z]+\.|@import|url\(|\bfetch\(|XMLHttp|innerHTML|eval\(", code
    )
    (policy,) = [a["content"] for tag, a in elements.tags if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    for name in ("script", "style"):
        digest = hashlib.sha256(elements.texts[name, None].encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_all_files_of_the_page_are_shipped():
    setup = (Path(pages.__file__).parents[2] / "setup.cfg").read_text()
    (shipped,) = re.findall(r"\[options.package_data\]\n\* = (.*)", setup)
    folder = Path(pages.__file__).parent
    used = {"page.html", *pages.STYLES, *pages.SCRIPTS}
    assert used == {p.name for p in folder.iterdir() if p.suffix in (".html", ".css", ".js")}
    assert {f"*{Path(name).suffix}" for name in used} <= set(shipped.split(", "))


def test_the_command_says_how_many_of_how_many(tmp_path, capsys):
    path = jsonl(tmp_path / "a.jsonl", *numbered(40))
    assert main(["show", str(path), "--html", str(tmp_path / "a.html"), "--rows", "9"]) == 0
    data = data_of((tmp_path / "a.html").read_text())
    assert (len(data["rows"]), data["total"], data["title"]) == (9, 40, "a.jsonl")
    assert len({(view["category"], view["split"]) for view in data["views"]}) == 9
    ids = [made["id"] for made in data["rows"]]
    assert ids == sorted(ids)
    said = re.fullmatch(r"(\S+): 9 of 40 rows, ([\d.]+) KB\n", capsys.readouterr().out)
    size = (tmp_path / "a.html").stat().st_size
    assert said[1] == str(tmp_path / "a.html") and float(said[2]) == round(size / 1e3, 1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.html", "a.jsonl"]


def test_a_page_of_made_rows(tmp_path):
    asked = [
        "unary",
        "--seed",
        "5",
        "--count",
        "3",
        "--no-verify",
        "--html",
        str(tmp_path / "a.html"),
    ]
    assert main(["show", *asked]) == 0
    data = data_of((tmp_path / "a.html").read_text())
    assert [made["id"] for made in data["rows"]] == [2, 12, 22]
    assert data["title"] == "config unary, seed 5"


@pytest.mark.parametrize("broken", [{"cpp": "no header"}, {"skeleton_hash": "zz"}])
def test_a_malformed_row_leaves_no_page(tmp_path, broken):
    path = jsonl(tmp_path / "a.jsonl", row(), row(id=2, **broken))
    code = main(["show", str(path), "--html", str(tmp_path / "a.html")])
    assert code == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_row_without_what_json_has_is_told(tmp_path):
    made = row()
    made["in_avals"][0]["high"] = float("inf")
    source = SavedRows(jsonl(tmp_path / "a.jsonl", made))
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_page(*source.get_rows(3), "x")


def test_pages_hold_the_texts(tmp_path):
    text = write(tmp_path / "a.html", [row()]).read_text()
    # The data are compressed, so the page contains none of this text.
    assert FORWARD.splitlines()[0] not in text and "kernel_scaled_tanh" not in text
