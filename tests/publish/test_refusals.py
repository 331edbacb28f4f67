"""What can't be published is told in one line with exit code 2, before any work."""

import json
import re
import socket

import pytest
from hub_state import Fault, blob
from stub_rows import stub_row

from jax_ir_synth.cli.main import main
from jax_ir_synth.publish.names import check_name

NAME = "alice/rows"
READER = "hf_plantedTokenThatMayOnlyRead01"


def _refused(done) -> str:
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1, done.err
    start = "jax-ir-synth publish: error: "
    assert done.err.startswith(start)
    return done.err.removeprefix(start)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "USER/NAME"),
        (("rows",), "`USER/NAME` (=rows) must be a user or organization, a slash and a name"),
        (("a/b/c",), "(=a/b/c)"),
        (("alice/-x",), "(=alice/-x)"),
        (("alice/\u00e9",), "(=alice/\u00e9)"),
        (("alice/x--y",), "(=alice/x--y)"),
        (("alice/x.git",), "(=alice/x.git)"),
        ((f"alice/{'x' * 97}",), "up to 96"),
        ((NAME, "--count", "0"), "`--count` (=0) must be an integer from 1"),
        ((NAME, "--seed", "-1"), "`--seed` (=-1)"),
        ((NAME, "--device", "gpu"), "cpu, cuda, both"),
        ((NAME, "--dialect", "mlir"), "'mlir'"),
        ((NAME, "--config", "loops"), "'loops'"),
        ((NAME, "--config", "loop", "loops"), "'loops'"),
        ((NAME, "--num-proc", "0"), "`--num-proc` (=0)"),
        ((NAME, "--dialect", "jaxpr,llvm"), "`--dialect` (=jaxpr,llvm) must be stablehlo, alone"),
        ((NAME, "--from", "rows.jsonl", "--count", "3"), "`--count` is for rows to be made"),
        (
            (NAME, "--from", "rows.jsonl"),
            "`--from` (=rows.jsonl) needs `--seed`, the seed of its rows, which the card states",
        ),
        (
            (NAME, "--dry-run", "missing/folder"),
            "`--dry-run` (=missing/folder) must be in a folder that exists, missing doesn't\n",
        ),
        ((NAME, "--dry-run", "."), "`--dry-run` (=.) exists already: name a new folder\n"),
        # It resembles --private only by the dashes.
        ((NAME, "--overwrite"), "there is no flag --overwrite\n"),
        (
            (NAME, "--from", "missing.jsonl", "--seed", "0"),
            "`--from` (=missing.jsonl) doesn't exist",
        ),
        ((NAME, "--no-verify"), "--no-verify"),
    ],
)
def test_wrong_arguments(capsys, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    code = main(["publish", *arguments])
    shown = capsys.readouterr()
    assert code == 2 and shown.out == ""
    assert shown.err.count("\n") == 1 and told in shown.err


@pytest.mark.parametrize("name", ["alice/rows", "A-b_c/d.e_f", "lab/x1", "a/b", "lab/_x", "lab/x_"])
def test_names_of_the_hub(name):
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(name)
    if name != "lab/_x":
        check_name(name)


def test_help_and_wrong_arguments_load_nothing_heavy(python):
    heavy = "jax", "datasets", "pyarrow", "huggingface_hub", "matplotlib"
    script = (
        "import sys; from jax_ir_synth.cli.main import main\n"
        "try: main(['publish', *sys.argv[1:]])\n"
        f"finally: print([name for name in {heavy} if name in sys.modules])"
    )
    for arguments in (("--help",), ("rows",), (NAME, "--config", "loops")):
        assert python("-c", script, *arguments).stdout.splitlines()[-1] == "[]"


def test_no_token(hub, push):
    told = _refused(push(HF_TOKEN=""))
    assert told.startswith("there is no token for the Hub: run `hf auth login`, or set HF_TOKEN")
    assert hub.requests == []


def test_a_wrong_token(hub, push):
    told = _refused(push(HF_TOKEN="hf_wrong"))
    assert told.startswith("the Hub doesn't know the token: ")


def test_a_token_that_may_only_read(hub, push):
    told = _refused(push(HF_TOKEN=READER))
    assert told.startswith("the token may only read: ")


def test_a_name_that_is_not_yours(hub, publish, stubs):
    told = _refused(publish("bob/rows", "--from", stubs, "--seed", 7))
    assert "bob is not yours; the token is of alice, lab" in told
    assert "bob/rows" not in hub.repositories


def test_a_token_without_the_right_to_create(hub, push):
    hub.faults.append(Fault("repos/create", status=403, body=b'{"error": "no rights"}'))
    done = push()
    assert done.code == 1
    assert "creating alice/rows failed: the Hub answered 403 (no rights)" in done.line
    assert "nothing is published" in done.line


def test_no_network(push):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
        done = push(HF_ENDPOINT=closed)
    assert done.code == 2 and done.out == "" and done.waits == [1, 2, 4, 8]
    assert f"the connection to {closed} failed (" in done.line
    told = _refused(push(HF_HUB_OFFLINE="1"))
    assert "HF_HUB_OFFLINE is set" in told


def test_a_hub_that_asks_to_come_back_later(hub, push):
    hub.faults.append(Fault("whoami", status=429, headers={"Retry-After": "3600"}))
    assert "asks to wait 3600 s" in _refused(push())


def test_another_dataset_is_not_replaced(hub, push, tmp_path):
    card = b"---\nconfigs:\n- config_name: a\n  data_files: a.csv\n---\n# Of another\n"
    hub.create(NAME).commit({"README.md": blob(card), "a.csv": blob(b"a\n1\n")})
    told = _refused(push())
    assert "alice/rows holds another dataset" in told
    assert hub.repositories[NAME].files["README.md"] == card
    # A card that the website made for a new repository is none.
    hub.create(NAME).commit({"README.md": blob(b"---\nlicense: mit\n---\n")})
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert push(folder=tmp_path / "ours").code == 0


def test_a_script_there_would_make_it_unloadable(hub, push):
    hub.create(NAME).commit({"rows.py": blob(b"")})
    assert "alice/rows has a rows.py" in _refused(push())


def test_private_and_public_already(hub, push):
    hub.create(NAME)
    told = _refused(push("--private"))
    assert "alice/rows is there already, and public" in told


def test_a_row_that_fails_publishes_nothing(hub, publish, real, tmp_path):
    wrong = real[2] | {"python": re.sub(r"return \w+", "return 0.0", real[2]["python"])}
    assert wrong["python"] != real[2]["python"]
    lines = [json.dumps(row) for row in (*real[:2], wrong)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    done = publish(NAME, "--from", "rows.jsonl", "--seed", 7, proven=True)
    assert done.code == 1 and "line 3 of rows.jsonl is not proven" in done.line
    assert "Traceback" not in done.err and NAME not in hub.repositories


def test_another_seed_than_that_of_the_rows(hub, publish, made):
    done = publish(NAME, "--from", made.rows, "--seed", 8)
    assert done.code == 1 and f"{NAME} was not published: row 0 is not that of seed 8" in done.line
    assert NAME not in hub.repositories


def test_a_wrong_seed_is_noticed_before_any_row_is_proven(hub, publish, real, tmp_path):
    # The proof of the third row would fail.
    lines = [json.dumps(row) for row in (*real[:2], real[2] | {"cpp": real[3]["cpp"]})]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    done = publish(NAME, "--from", "rows.jsonl", "--seed", 8, proven=True)
    assert done.code == 1 and f"{NAME} was not published: row 0 is not that of seed 8" in done.line
    done = publish(NAME, "--from", "rows.jsonl", "--seed", 7, proven=True)
    assert done.code == 1 and "line 3 of rows.jsonl is not proven" in done.line
    assert NAME not in hub.repositories


def test_rows_of_other_types_and_none_at_all(hub, publish, stubs):
    def said(row, *arguments):
        stubs.write_text(json.dumps(row))
        done = publish(NAME, "--from", stubs, "--seed", 7, *arguments)
        assert NAME not in hub.repositories
        return done.code, done.line

    code, line = said(stub_row(1) | {"argnums": "first"})
    assert code == 1 and "has a row of other types" in line
    code, line = said(stub_row(1) | {"type": "generate_loops"})
    assert code == 1 and "line 1 of" in line and "no category: generate_loops" in line
    code, line = said(stub_row(1), "--config", "loop")
    assert code == 2 and "gives no row of loop" in line
    code, line = said(stub_row(1), "--config", "all")
    assert code == 2 and "gives rows of scalar_array alone: publish that, not all" in line
    # Before they are made.
    done = publish(NAME, "--count", "1", "--config", "loop", "unary")
    assert done.code == 2 and "`--count` (=1) gives no row of unary, loop" in done.line


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_a_missing_extra(python, surroundings, hub, module):
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from jax_ir_synth.cli.main import main\nsys.exit(main(['publish', *sys.argv[1:]]))"
    )
    done = python("-c", script, NAME, "--count", 10, env=surroundings)
    assert done.returncode == 2 and done.stderr == (
        f"jax-ir-synth publish: error: a card needs {module}: "
        "pip install 'jax_ir_synth[publish]' (in a clone: '.[publish]')\n"
    )
    assert hub.requests == []


def test_a_client_of_the_hub_that_is_too_old(python, surroundings, hub):
    script = (
        "import sys\nfrom jax_ir_synth.card import extras\n"
        "found = extras.version\n"
        "extras.version = lambda name: '0.36.2' if name == 'huggingface_hub' else found(name)\n"
        "from jax_ir_synth.cli.main import main\nsys.exit(main(['publish', *sys.argv[1:]]))"
    )
    done = python("-c", script, NAME, "--count", 10, env=surroundings)
    assert done.returncode == 2 and done.stderr == (
        "jax-ir-synth publish: error: a card needs huggingface_hub 1.0 or newer (0.36.2 is "
        "installed): pip install 'jax_ir_synth[publish]' (in a clone: '.[publish]')\n"
    )
    assert hub.requests == []
