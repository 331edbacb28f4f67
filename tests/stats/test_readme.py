"""What the README says of examples, names and figures is so."""

import re
import shlex
from pathlib import Path

import jax
import pytest

from jax_ir_synth.cli.application import application
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.config import CONFIGS, DEFAULTS
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.verification import CUDA_PARSED, OF_STABLEHLO, STATUSES
from jax_ir_synth.stats import tables
from jax_ir_synth.stats.figures import Figures

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _first_column(header: str) -> list[str]:
    """The first cells of the table whose header line begins like this, without backticks."""
    lines = README[README.index(f"\n| {header} ") + 1 :].split("\n\n")[0].splitlines()
    return [line.split("|")[1].strip(" `") for line in lines[2:]]


def test_the_example_row_is_what_is_lowered():
    python, (shown,) = _blocks("python")[0], _blocks("mlir")
    kinds = [((16, 10), "float32"), ((), "int32"), ((), "float32")]
    avals = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds]
    text = lower_source(python, "kernel_exp", avals, (0, 2), ("cpu",)).columns["cpu"]
    position = 0
    for line in shown.splitlines():
        if line.strip() != "…":
            assert line in text[position:]
            position = text.index(line, position)


def test_the_lowering_example_runs(capsys):
    (example,) = [block for block in _blocks("python") if "lowering import lower" in block]
    exec(compile(example, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown.startswith("# JAX compiler IR (backend=gpu, dialect=stablehlo)\n## Forward\n")
    assert "@jit_gelu_residual_loss" in shown


@pytest.mark.parametrize("block", _blocks("python"))
def test_examples_are_python(block):
    compile(block, "README.md", "exec")


def test_names_of_configs_arguments_and_columns():
    configs = README[README.index("The configs are") :].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", configs) == list(CONFIGS)
    assert _first_column("argument") == list(DEFAULTS)
    assert _first_column("column") == SCHEMA.names
    for name, default in DEFAULTS.items():
        shown = f'`"{default}"`' if isinstance(default, str) else default
        assert f"| `{name}` | {shown} |" in README


def test_the_figures_are_those_that_the_command_prints(good):
    figures = Figures()
    for row in good:
        figures.add(RowView(row))
    of_rows = ["rows a second on one core", "seconds from the command to the rows"]
    assert _first_column("figure") == [*tables.format_main_figures(figures.summary()), *of_rows]


def _commands() -> list[list[str]]:
    lines = "".join(_blocks("sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines]


def _parsed(words: list[str]) -> str:
    """The name of the command that the words are for; they are read, and nothing is run."""
    name, *rest = words if words[0] in application.list_commands(None) else ["generate", *words]
    application.get_command(None, name).make_context(name, rest)
    return name


def test_commands_are_understood():
    seen = set()
    for words in _commands():
        if words[:2] == ["python", "-m"]:
            name = words[2].removeprefix("jax_ir_synth").rpartition(".")[2]
            seen.add(_parsed([*filter(None, [name]), *words[3:]]))
        elif words[0] == "jax-ir-synth":
            seen.add(_parsed(words[1:]))
        else:
            assert words[0] == "make"
            makefile = (Path(__file__).parents[2] / "Makefile").read_text()
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
    # These are described elsewhere.
    assert seen >= set(application.list_commands(None)) - {"levels", "lower", "prompts"}


def test_the_words_of_the_column_verified_are_told():
    told = _first_column("value of")
    whole = {word for word in STATUSES if CUDA_PARSED not in word and OF_STABLEHLO not in word}
    assert set(told) == whole | {f"...{CUDA_PARSED}", f"{OF_STABLEHLO}..."}


def test_files_that_are_named_are_there():
    root = Path(__file__).parents[2]
    for name in re.findall(r"`(jax_ir_synth/[\w./]+|setup\.cfg|\.ci/run)`", README):
        assert (root / name).exists(), name
