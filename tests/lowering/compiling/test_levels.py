"""The page of one kernel at all levels is what the package writes today."""

import re
from pathlib import Path

import pytest

from jax_ir_synth.cli.main import main
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.show import levels

PAGE = Path(__file__).resolve().parents[3] / "dataset_card" / "levels.md"


@pytest.fixture(scope="module")
def page() -> str:
    return levels.page()


def test_the_page_is_up_to_date(page, request):
    if request.config.getoption("--record-goldens"):
        PAGE.write_text(page, encoding="utf-8")
    recorded = PAGE.read_text(encoding="utf-8")
    here, there = (re.search(r"x86-64-v3[\w+:-]*", text)[0] for text in (page, recorded))
    if here != there:
        pytest.skip(f"this CPU's code is {here}, the page's {there}")
    assert page == recorded


def test_every_dialect_has_its_part_and_compiled_ones_two(page):
    parts = page.split("\n## ")
    assert [part.split("\n")[0] for part in parts[1:]] == [f"`{name}`" for name in DIALECTS]
    for part in parts[1:4]:
        assert "The same for both" in part
    for part in parts[4:]:
        assert part.count("```") == 4
        assert part.index("CPU (`cpp`), x86-64-v3") < part.index("CUDA (`cuda`), sm_90")


def test_a_page_that_cant_be_written_is_one_line(tmp_path, capsys):
    code = main(["levels", "--output", str(tmp_path)])
    assert code == 2
    message = capsys.readouterr().err
    assert message.startswith("jax-ir-synth levels: error: `--output`")
    assert message.count("\n") == 1
