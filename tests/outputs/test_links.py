"""A link to a folder that isn't there yet: every command that writes into a folder makes it."""

import importlib
from pathlib import Path

import pytest

ROWS = "rows.jsonl"
COMMANDS = {
    "jax_ir_synth.cli.generate": ["--count", "3", "--no-verify", "--output"],
    "jax_ir_synth.cli.samples": [ROWS],
    "jax_ir_synth.cli.card": ["--seed", "0", "--remade", "2", ROWS],
    "jax_ir_synth.cli.publish": ["me/rows", "--from", ROWS, "--seed", "0", "--dry-run"],
    "jax_ir_synth.cli.scale": ["--count", "4", "--shards", "2", "--no-verify", "--output"],
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    from jax_ir_synth.cli import generate

    path = tmp_path_factory.mktemp("rows") / ROWS
    assert generate.main(["--count", "3", "--output", str(path)]) == 0
    return path


@pytest.mark.parametrize("module", COMMANDS)
@pytest.mark.parametrize("below", [False, True])
def test_a_link_to_a_new_folder_is_followed(rows, tmp_path, monkeypatch, module, below):
    pytest.importorskip("datatrove" if "scale" in module else "json")
    if below and "publish" in module:
        pytest.skip("it makes one folder alone")
    monkeypatch.chdir(tmp_path)
    Path(ROWS).symlink_to(rows)
    Path("link").symlink_to("real")
    name = "link/below" if below else "link"
    assert importlib.import_module(module).main([*COMMANDS[module], name]) == 0
    assert Path("link").is_symlink()
    made = Path("real/below" if below else "real")
    assert any(path.is_file() for path in made.rglob("*"))
    assert {path.name for path in tmp_path.iterdir()} == {ROWS, "link", "real"}
