"""What README, CONTRIBUTING and docs/ say of names, flags, files and figures is so."""

import configparser
import pkgutil
import re
import shlex

import click
import pytest
from docs_pages import DOCS, PAGES, README, ROOT, blocks, first_column

import jax_ir_synth
from jax_ir_synth import evaluate, kernels, lowering, verify
from jax_ir_synth.cli.application import COMMANDS, PROGRAM, application
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import CONFIGS, DEFAULTS
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.verification import CUDA_PARSED, OF_STABLEHLO, STATUSES
from jax_ir_synth.stats import tables
from jax_ir_synth.stats.figures import Figures

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = SETUP["options.extras_require"]
_NAMED = re.compile(
    r"`((?:jax_ir_synth|tests|benchmarks|dataset_card|docs)/[\w./]+|setup\.cfg|\.ci/run)`"
)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_names_of_configs_arguments_and_columns():
    text = README.read_text(encoding="utf-8")
    configs = text[text.index("The configs are") :].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", configs) == list(CONFIGS)
    assert first_column(README, "argument") == list(DEFAULTS)
    assert first_column(DOCS / "rows.md", "column") == SCHEMA.names
    for name, default in DEFAULTS.items():
        shown = f'`"{default}"`' if isinstance(default, str) else default
        assert f"| `{name}` | {shown} |" in text


def test_the_commands_are_those_that_there_are():
    names = [re.sub(r"\[`(\S+)`\].*", r"\1", cell) for cell in first_column(README, "command")]
    assert names == list(COMMANDS)


def test_the_extras_are_those_that_there_are():
    told = [name for cell in first_column(README, "extra") for name in re.findall(r"[\w-]+", cell)]
    # The rest is for work on the package itself.
    assert set(EXTRAS) - set(told) == {"browser", "datasets3", "docs", "lint", "test"}
    assert set(told) <= set(EXTRAS)


def test_the_reference_has_all_public_names():
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    for module in (jax_ir_synth, evaluate, lowering, verify):
        for name in set(getattr(module, "__all__", ())) - {"__version__"}:
            assert re.search(rf"^::: jax_ir_synth\S*\.{name}$", page, re.MULTILINE), name
            assert f"{module.__name__}.{name}" in first_column(DOCS / "reference.md", "name")


def test_the_references_table_has_the_names_below_it():
    page = DOCS / "reference.md"
    told = first_column(page, "name")
    below = re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    # Each place is one at which the object can be imported.
    for name, place in zip(told, below, strict=True):
        found, there = (":".join(path.rsplit(".", 1)) for path in (name, place))
        assert pkgutil.resolve_name(found) is pkgutil.resolve_name(there)


def test_the_table_of_signatures_is_that_of_the_categories():
    page = ROOT / "CONTRIBUTING.md"
    lines = [
        f"| `{name}` | {', '.join(sorted(signature.requires))} | "
        f"{', '.join(sorted(signature.forbids))} |"
        for name in CATEGORIES
        if (signature := kernels.signature(name))
    ]
    assert "\n".join(lines) in page.read_text(encoding="utf-8")


def test_the_dialects_are_those_that_there_are():
    for header in ("dialect | `cpp`", "dialect | CPU"):
        assert first_column(DOCS / "dialects.md", header) == list(DIALECTS)


def test_the_figures_are_those_that_the_command_prints(good):
    figures = Figures()
    for row in good:
        figures.add(RowView(row))
    of_rows = ["rows a second on one core", "seconds from the command to the rows"]
    names = [*tables.format_main_figures(figures.summary()), *of_rows]
    assert first_column(DOCS / "figures.md", "figure") == names


def test_the_words_of_the_column_verified_are_told():
    told = first_column(DOCS / "proofs.md", "value of")
    alone = {word for word in STATUSES if CUDA_PARSED not in word and OF_STABLEHLO not in word}
    assert set(told) == alone | {f"...{CUDA_PARSED}", f"{OF_STABLEHLO}..."}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    for name in _NAMED.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


COMMAND_LINES = [
    (block.page.name, line)
    for block in blocks("sh")
    for line in block.text.splitlines()
    if shlex.split(line, comments=True)
]


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_commands_are_understood(page, line):
    program, *words = shlex.split(line, comments=True)
    program = program.removeprefix(".venv/bin/")
    if program == "python" and words[:2] == ["-m", "pytest"]:
        program, words = "pytest", words[2:]
    CHECKS[program](words)


def test_the_readmes_commands_read_what_those_before_wrote():
    written = set()
    for block in blocks("sh", README):
        for line in block.text.splitlines():
            words = shlex.split(line, comments=True)
            for flag, word in zip(words, words[1:], strict=False):
                if not word.endswith((".jsonl", ".parquet")) and not word.startswith("data/"):
                    continue
                if flag == "--output":
                    written.add(word)
                else:
                    assert word in written, line
    # A folder, which keeps the splits apart for those who read it without this package.
    assert {"data/large", "p.jsonl"} == written


def test_the_modules_that_are_commands():
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    (told,) = re.findall(
        r"`python -m jax_ir_synth\.NAME` is its command `NAME`, for\s(.*?)\.", text, re.S
    )
    package = ROOT / "jax_ir_synth"
    there = [
        name
        for name in COMMANDS
        if (package / name / "__main__.py").exists() or (package / f"{name}.py").exists()
    ]
    assert re.findall(r"`(\w+)`", told) == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_follows_code_is_a_sentence_of_its_own(page):
    text = page.read_text(encoding="utf-8")
    # A line after the end of a block that begins with a small letter goes on with the code.
    assert not re.findall(r"^```\n\n([a-z].*)", text, re.MULTILINE)


def test_the_kinds_of_hostile_answers_are_counted():
    text = (DOCS / "evaluate.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"benchmarks/hostile\.md\) lists (\d+) kinds", text)
    assert int(told) == len(first_column(ROOT / "benchmarks" / "hostile.md", "completion"))


def test_each_command_has_an_example():
    used = {shlex.split(line)[1] for _, line in COMMAND_LINES if line.startswith(PROGRAM)}
    assert set(COMMANDS) - used == set()


def _check_ours(words):
    with application.make_context(PROGRAM, list(words)) as ctx:
        name, command, rest = application.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        with contextlib_exit():
            command.make_context(name, rest, parent=ctx)


def _check_make(words):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE)


def _check_pip(words):
    assert words[0] == "install"
    (named,) = re.findall(r"\[([\w,-]+)\]$", words[1])
    assert set(named.split(",")) <= set(EXTRAS)


def _check_pytest(words):
    paths = [word for word in words if word.startswith("tests")]
    assert all((ROOT / path.partition("::")[0]).exists() for path in paths)


def _check_pre_commit(words):
    assert words == ["install"] and (ROOT / ".pre-commit-config.yaml").exists()


CHECKS = {
    PROGRAM: _check_ours,
    "make": _check_make,
    "pip": _check_pip,
    "pytest": _check_pytest,
    "pre-commit": _check_pre_commit,
}


class contextlib_exit:
    """`--help` ends a command; that is as good as being evaluate_reference."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        return kind is not None and issubclass(kind, click.exceptions.Exit)
