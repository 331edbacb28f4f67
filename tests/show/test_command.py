"""The command `python -m jax_ir_synth.show`: what it shows, and one line for what is wrong."""

import os

import pytest
from row_ids import row_id
from shown_rows import BACKWARD, FORWARD, PYTHON, column, jsonl, parquet_of, row

from jax_ir_synth.cli.exit_codes import Terminated
from jax_ir_synth.cli.main import main
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import RowError, rows
from jax_ir_synth.request.config import CONFIGS, Request

NOT_A_LOOP = str(row_id("loop") + 1)
LAST = row_id("loop", Request("loop").count - 1)
LOOPS = f"{', '.join(str(row_id('loop', k)) for k in range(3))}, ... {LAST}"


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A folder with datasets, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    saved = [row(id=3), row(id=42, differs=True, category="loop")]
    jsonl(tmp_path / "a.jsonl", *saved)
    parquet_of(tmp_path / "a.parquet", *saved)
    jsonl(tmp_path / "empty.jsonl")
    jsonl(tmp_path / "others.jsonl", {"text": "x"})
    jsonl(tmp_path / "cut.jsonl", row(cpp=row()["cpp"][:-9]))
    several = [("jaxpr", "{ lambda }", "{ let }"), ("stablehlo", FORWARD, BACKWARD)]
    jsonl(tmp_path / "deep.jsonl", row(cpp=column("cpu", *several), cuda=None))
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut_off.jsonl").write_text('{"id": 1')
    return tmp_path


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_saved_row(here, capsys, name):
    assert main(["show", name, "--id", "42"]) == 0
    shown = capsys.readouterr().out
    assert "kernel_scaled_tanh  row 42\nloop · train · verified: interpreter" in shown
    assert "x          float32   [2, 4]   -1 to 1.5   yes" in shown
    assert PYTHON in shown and FORWARD in shown and "CPU and CUDA differ" in shown
    assert main(["show", name]) == 0
    assert "row 3\n" in capsys.readouterr().out


def test_a_part_of_a_row(here, capsys):
    assert main(["show", "a.jsonl", "--id", "42", "--pass", "backward", "--device", "cuda"]) == 0
    shown = capsys.readouterr().out
    assert "cusolver" in shown and "lapack" not in shown and FORWARD not in shown
    assert main(["show", "deep.jsonl", "--dialect", "jaxpr"]) == 0
    shown = capsys.readouterr().out
    assert "{ lambda }" in shown and "{ let }" in shown and "module" not in shown


def test_a_row_made_from_its_seed(here, capsys):
    request = Request("loop", seed=7, count=3, device="cuda", dialect="jaxpr")
    (made,) = rows(request, plan_rows(request, 2))
    id = str(row_id("loop", 2))
    asked = ["loop", "--id", id, "--seed", "7", "--device", "cuda", "--dialect", "jaxpr"]
    assert main(["show", *asked]) == 0
    shown = capsys.readouterr().out
    assert made["python"] in shown and f"verified: {made['verified']}" in shown
    assert "jaxpr · backward · CUDA ─" in shown and "lambda ;" in shown


def test_a_path_named_as_a_config(here, capsys):
    (here / "loop").symlink_to("a.jsonl")
    assert main(["show", "./loop", "--id", "42"]) == 0
    assert "row 42" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.jsonl", "--id", "4"), "(=4) is no row of a.jsonl: it has 2 rows, of ids from 3 to 42"),
        (("empty.jsonl",), "`DATASET` (=empty.jsonl) holds no row"),
        (("a.jsonl", "--html", "a.jsonl"), "(=a.jsonl) must be another file than `DATASET` (="),
        (("empty.jsonl", "--id", "1"), "it has 0 rows, of ids none"),
        (("none.jsonl",), "`DATASET` (=none.jsonl) doesn't exist in the folder "),
        (("loops",), f", and is none of the configs {', '.join(CONFIGS)}; a dataset on the Hub "),
        (("folder",), "(=folder) is a folder, but none of save_to_disk"),
        (("cut_off.jsonl",), "line 1 of cut_off.jsonl is not a complete row"),
        (("others.jsonl",), "(=others.jsonl) has a malformed row: it has no column id, "),
        (("cut.jsonl",), "(=cut.jsonl) has a malformed row: text (='# JAX"),
        (("loop", "--id", NOT_A_LOOP), f"`--id` (={NOT_A_LOOP}) must be one of the ids {LOOPS}"),
        (("all", "--id", "3", "--count", "3"), "(=3) must be one of the ids 0, 1, 2, ... 2 that"),
        (("--id", "x"), "`--id` (='x') must be an integer"),
        (("--seed", "-1"), "`seed` (=-1) must be an integer from 0 to"),
        (("--dialect", "mlir"), "`dialect` (='mlir') must be one of"),
        (("--device", "gpu"), "`device` (='gpu') must be one of: cpu, cuda, both"),
        (("--pass", "sideways"), "`--pass` (=sideways) must be one of: forward, backward, vjp, jvp, hessian_vp, vmap, both"),
        (("a.jsonl", "--dialect", "asm"), "`--dialect` (=asm) is none of the row's: stablehlo"),
        (("deep.jsonl", "--device", "cuda"), "`--device` (=cuda): the row has no IR for it"),
        (("a.jsonl", "--seed", "3"), "`--seed` is for rows to be made"),
        (("a.jsonl", "--no-verify"), "`--no-verify` is for rows to be made"),
        (("a.jsonl", "--rows", "3"), "`--rows` (=3) is for a page"),
        (("a.jsonl", "--html", "a.html", "--rows", "0"), "`--rows` (=0) must be 1 or more"),
        (("a.jsonl", "--html", "a.html", "--id", "0"), "`--id` is for the terminal"),
        (("a.jsonl", "--html", "a.html", "--device", "cpu"), "`--device` is for the terminal"),
        (("a.jsonl", "--html", "folder"), "`--html` (=folder) must be a file in a folder"),
        (("a.jsonl", "--html", "none/a.html"), "`--html` (=none/a.html) must be a file in"),
        (("empty.jsonl", "--html", "a.html"), "`DATASET` (=empty.jsonl) holds no row"),
        (("cut.jsonl", "--html", "a.html"), "(=cut.jsonl) has a malformed row: text (='# JAX"),
        (("cut_off.jsonl", "--html", "a.html"), "line 1 of cut_off.jsonl is not a complete row"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_exit_code_2(here, capsys, arguments, said):
    before = sorted(here.rglob("*"))
    code = main(["show", *arguments])
    shown = capsys.readouterr()
    assert (code, shown.out, shown.err.count("\n")) == (2, "", 1)
    assert said in shown.err
    assert sorted(here.rglob("*")) == before


def test_a_page_that_cannot_be_written_stops_before_the_work(here, capsys, monkeypatch):
    from jax_ir_synth.show.sources import SavedRows

    def refused(folder, name):
        raise PermissionError(13, os.strerror(13), str(folder))

    monkeypatch.setattr("jax_ir_synth.storage.destinations.partial_file", refused)
    monkeypatch.setattr(SavedRows, "get_rows", None)  # any work would fail
    code = main(["show", "a.jsonl", "--html", "a.html"])
    assert code == 2 and "Permission denied" in capsys.readouterr().err


def test_a_row_that_cannot_be_made_is_told(here, capsys, monkeypatch):
    from jax_ir_synth.show.sources import GeneratedRows

    def failing(*_):
        raise RowError("row 3 (category='loop', seed=0, candidate=9): planted")

    monkeypatch.setattr(GeneratedRows, "get_row", failing)
    assert main(["show", "loop"]) == 1
    assert "candidate=9): planted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(KeyboardInterrupt, 130, "interrupted"), (Terminated, 143, "terminated")],
)
def test_an_interrupted_page_leaves_what_was_there(here, capsys, monkeypatch, sent, code, word):
    from jax_ir_synth.show.sources import SavedRows

    (here / "a.html").write_text("from before")
    before = sorted(here.iterdir())

    def interrupted(*_):
        raise sent

    monkeypatch.setattr(SavedRows, "get_rows", interrupted)
    assert main(["show", "a.jsonl", "--html", "a.html", "--overwrite"]) == code
    assert word in capsys.readouterr().err
    assert sorted(here.iterdir()) == before and (here / "a.html").read_text() == "from before"


def test_help_and_wrong_flags_load_nothing_heavy(python):
    for arguments in (["--help"], ["--pass", "x"], ["nothing_there"]):
        done = python("-X", "importtime", "-m", "jax_ir_synth.show", *arguments)
        loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
        assert "jax_ir_synth.cli.options" in loaded
        assert not loaded & {"jax", "datasets", "pyarrow", "rich", "pygments", "pandas"}
