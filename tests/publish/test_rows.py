"""Real rows on the Hub: made and proven, or taken from a file; and plain `push_to_hub`."""

import io
import json
import re
from pathlib import Path

from hub_state import blob
from pyarrow.parquet import read_table
from reading_back import by_split, card_of, data_of, of

from jax_ir_synth.config import CONFIGS
from jax_ir_synth.saved import open_saved

NAME = "alice/rows"
SCRIPT = Path(__file__).with_name("plain_push.py")


def test_rows_are_made_proven_pushed_and_loaded_back(hub, publish, load, real):
    done = publish(
        NAME, "--count", len(real), "--seed", 7, "--num-proc", 2, proven=True
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"{hub.endpoint}/datasets/{NAME}: revision" in done.out and "loop 3," in done.out
    repository = hub.repositories[NAME]
    # The first revision is the Hub's own: all that we publish came by one more.
    assert len(repository.revisions) == 2 and not repository.private
    assert set(repository.files) == {".gitattributes", "README.md", *data_of(repository)}
    for config, splits in load(NAME, None, "default", *CONFIGS).items():
        assert splits == by_split(of(real, config)), config
    names = [config["config_name"] for config in card_of(repository)["configs"]]
    assert names == ["default", *CONFIGS]


def test_a_subset_made_alone_is_that_of_all(hub, publish, real):
    asked = ("--count", len(real), "--seed", 7)
    done = publish("lab/loops", *asked, "--config", "loop", "--private", proven=True)
    assert done.code == 0, done.err
    repository = hub.repositories["lab/loops"]
    assert repository.private
    rows = [
        row
        for path in data_of(repository)
        for row in read_table(io.BytesIO(repository.files[path])).to_pylist()
    ]
    assert sorted(rows, key=lambda row: row["id"]) == of(real, "loop")


def test_rows_of_a_file_are_proven_anew(hub, publish, tmp_path, real):
    path = tmp_path / "rows.jsonl"
    claimed = [row | {"verified": "none"} for row in real[:6]]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in claimed))
    done = publish(NAME, "--from", path, "--dry-run", "folder", proven=True)
    assert done.code == 0 and hub.requests == [], done.err
    found = [
        row
        for file in sorted((tmp_path / "folder" / "all").iterdir())
        for row, _ in open_saved(file).rows
    ]
    assert sorted(found, key=lambda row: row["id"]) == real[:6]
    # And one that is wrong publishes nothing.
    wrong = real[2] | {"python": re.sub(r"return \w+", "return 0.0", real[2]["python"])}
    assert wrong["python"] != real[2]["python"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in (*real[:2], wrong)))
    done = publish(NAME, "--from", path, proven=True)
    assert done.code == 1 and "line 3 of" in done.line and "is not proven" in done.line
    assert NAME not in hub.repositories


def _push(python, surroundings, tmp_path):
    done = python(SCRIPT, NAME, 7, cwd=tmp_path, env=surroundings)
    assert done.returncode == 0, done.stderr


def _all_of(splits):
    rows = [row for part in splits.values() for row in part]
    return sorted(rows, key=lambda row: row["id"])


def test_it_works_and_keeps_the_card(
    python, hub, surroundings, publish, published, load, tmp_path, real
):
    card = published.files["README.md"].decode()
    published.commit(published.at("main")[1] | {"LICENSE": blob(b"theirs")})
    _push(python, surroundings, tmp_path)
    assert published.files["README.md"].decode().split("---\n")[2] == card.split("---\n")[2]
    assert published.files["LICENSE"] == b"theirs"
    rows = [row | {"verified": "none"} for row in real]
    found = load(NAME, None, "default", "all", "unary")
    assert _all_of(found[None]) == _all_of(found["default"]) == _all_of(found["all"]) == rows
    # What wasn't pushed is as it was.
    assert [row["id"] for row in _all_of(found["unary"])] == list(range(2, 40, 4))
    # And ours again: all as it was before.
    assert publish(NAME, "--count", 30, "--seed", 7).code == 0
    found = load(NAME, None, "all", "unary")
    assert _all_of(found[None]) == _all_of(found["all"]) == real
    assert _all_of(found["unary"]) == [row for row in real if row["type"] == "generate_unary"]
    assert not [path for path in published.files if path.startswith("data/")]


def test_onto_nothing(python, hub, surroundings, load, tmp_path, real):
    _push(python, surroundings, tmp_path)
    found = load(NAME, None)[None]
    assert _all_of(found) == [row | {"verified": "none"} for row in real]
