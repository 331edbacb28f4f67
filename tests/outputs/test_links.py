"""A link to a folder that isn't there yet: every command that writes into a folder makes it."""

from pathlib import Path

import pytest

from jax_ir_synth.cli.main import main

ROWS = "rows.jsonl"
COMMANDS = {
    "generate": ["--count", "3", "--no-verify", "--output"],
    "samples": [ROWS, "--output"],
    "card": [ROWS, "--seed", "0", "--remade", "2", "--output"],
    "publish": ["me/rows", "--from", ROWS, "--seed", "0", "--dry-run"],
    "scale": ["--count", "4", "--shards", "2", "--no-verify", "--output"],
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rows") / ROWS
    assert main(["generate", "--count", "3", "--output", str(path)]) == 0
    return path


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("below", [False, True])
def test_a_link_to_a_new_folder_is_followed(rows, tmp_path, monkeypatch, name, below):
    pytest.importorskip("datatrove" if name == "scale" else "json")
    if below and name == "publish":
        pytest.skip("it makes one folder alone")
    monkeypatch.chdir(tmp_path)
    Path(ROWS).symlink_to(rows)
    Path("link").symlink_to("real")
    place = "link/below" if below else "link"
    assert main([name, *COMMANDS[name], place]) == 0
    assert Path("link").is_symlink()
    made = Path("real/below" if below else "real")
    assert any(path.is_file() for path in made.rglob("*"))
    assert {path.name for path in tmp_path.iterdir()} == {ROWS, "link", "real"}
