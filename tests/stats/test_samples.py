"""Samples, and the command that writes them: the choice of rows, and the text of a page."""

import json
from pathlib import Path

import pytest

from jax_ir_synth.cli.main import main
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.samples import choose_rows, render_sample


@pytest.fixture
def saved(good, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in good))
    return path


def test_one_page_for_each_category(good, saved, tmp_path, capsys):
    assert main(["samples", str(saved), str(tmp_path / "made" / "samples")]) == 0
    pages = sorted(path.name for path in (tmp_path / "made" / "samples").iterdir())
    assert pages == sorted(f"{category}.md" for category in CATEGORIES)
    assert capsys.readouterr().out.count(": row ") == len(CATEGORIES)
    for category, view in choose_rows(map(RowView, good)).items():
        text = (tmp_path / "made" / "samples" / f"{category}.md").read_text()
        assert text == render_sample(view)


def test_the_choice_depends_on_the_rows_alone(good):
    ids = {name: view.row["id"] for name, view in choose_rows(map(RowView, good)).items()}
    again = {name: view.row["id"] for name, view in choose_rows(map(RowView, good[::-1])).items()}
    assert ids == again


def test_the_first_row_of_a_good_length_is_chosen(make):
    lines = "".join(f"    x = x + {number}.0\n" for number in range(5))
    rows = [
        make("def kernel_a(x):\n    return x * 2.0\n", (4,), id=1),
        make(f"def kernel_a(x):\n{lines * 4}    return x\n", (4,), id=2),
        make(f"def kernel_a(x):\n{lines}    return x * 2.0\n", (4,), id=3),
        make(f"def kernel_a(x):\n{lines}    return x\n", (4,), id=4),
    ]
    (best,) = choose_rows(map(RowView, rows[::-1])).values()
    assert best.row["id"] == 3
    (best,) = choose_rows(map(RowView, rows[:2])).values()
    assert best.row["id"] == 1


def test_a_page(make):
    row = make("def kernel_a(x):\n    return jnp.tanh(x) * 2.0\n", (4, 5), id=12, split="test")
    text = render_sample(RowView(row))
    column = read_section(row["cpp"])
    for part in (row["python"], column.forward, column.backward):
        assert part.strip() in text
    assert text.startswith("# unary: `kernel_a`\n\nRow 12, split test, ")
    assert "| 0 | `x` | (4, 5) | float32 | -1 | 1 | yes |\n" in text
    assert "No difference but the header" in text
    assert text.count("```") % 2 == 0


def test_the_difference_to_cuda(make):
    row = make("def kernel_a(x):\n    return jnp.linalg.inv(x)\n", (4, 4), category="compound")
    text = render_sample(RowView(row))
    assert "```diff\n--- cpp\n+++ cuda\n" in text
    assert "\n-" in text and "lapack" in text and "cusolver" in text


def test_a_row_for_one_device(make):
    row = make("def kernel_a(x):\n    return x * 2.0\n", (4,)) | {"cpp": None}
    text = render_sample(RowView(row))
    assert "## IR (`cuda`)" in text and "cpp" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl", "out"), "none.jsonl) doesn't exist"),
        (("rows.jsonl", "rows.jsonl"), "can't be written"),
        (("rows.jsonl",), "`--output` is missing"),
        (("others.jsonl", "out"), "others.jsonl) has a malformed row: it has no column id, "),
        (("cut.jsonl", "out"), "cut.jsonl) has a malformed row: text (='# JAX"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    good, saved, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(saved.parent)
    Path("others.jsonl").write_text('{"text": "x"}\n')
    Path("cut.jsonl").write_text(json.dumps(good[0] | {"cpp": good[0]["cpp"][:-9]}) + "\n")
    code = main(["samples", *arguments])
    shown = capsys.readouterr()
    assert (code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert said in shown.err
