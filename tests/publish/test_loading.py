"""What depends on datasets' version: a push loaded back and streamed; plain `push_to_hub`."""

import re
from pathlib import Path

from hub_state import GITATTRIBUTES, blob
from huggingface_hub import DatasetCard
from reading_back import by_split, card_of, files_in, of
from row_ids import THREE_EACH

from jax_ir_synth.card.charts import CHARTS
from jax_ir_synth.request.config import CONFIGS

NAME = "alice/rows"
SCRIPT = Path(__file__).with_name("plain_push.py")


def test_rows_are_made_proven_pushed_and_loaded_back(hub, publish, load, made, real):
    done = publish(NAME, "--count", len(real), "--seed", 7, "--num-proc", 2, proven=True)
    assert done.code == 0, done.err
    assert f"{hub.endpoint}/datasets/{NAME}: revision" in done.out and "loop 3," in done.out
    repository = hub.repositories[NAME]
    # The first revision is the Hub's own: all that we publish came by one more.
    assert len(repository.revisions) == 2 and not repository.private
    # To the byte what the command makes of the same rows in a file, whose proofs it didn't believe.
    assert repository.files == files_in(made.first) | {".gitattributes": GITATTRIBUTES}
    for config, splits in load(NAME, None, "default", *CONFIGS).items():
        assert splits == by_split(of(real, config)), config
    names = [config["config_name"] for config in card_of(repository)["configs"]]
    assert names == ["default", *CONFIGS]
    _check_card(repository.files)


def _check_card(files: dict[str, bytes]) -> None:
    """It is the real one: whole, of these rows, with its pictures beside it."""
    text = files["README.md"].decode()
    card = DatasetCard(text)
    assert "jax_ir_synth" in card.data.tags and card.data.size_categories == ["n<1K"]
    # No anchors, which not every reader of YAML on the Hub's pages knows.
    assert not re.search(r"[&*]id\d", text.split("---\n")[1])
    pictures = {f"pictures/{name}-{theme}.png" for name in CHARTS for theme in ("light", "dark")}
    assert pictures == {path for path in files if path.startswith("pictures/")}
    shown = set(re.findall(r'src="(pictures/[^"]+)"', text))
    dark = set(re.findall(rf'srcset="\S+/datasets/{NAME}/resolve/main/(pictures/[^"]+)"', text))
    assert shown | dark == pictures
    assert all(files[path].startswith(b"\x89PNG") for path in pictures)
    assert f"jax-ir-synth publish alice/rows --count {THREE_EACH} --seed 7\n" in text
    assert f"{THREE_EACH} small JAX programs" in text and "More Information Needed" not in text


def _push(python, surroundings, tmp_path):
    done = python(SCRIPT, NAME, 7, THREE_EACH, cwd=tmp_path, env=surroundings)
    assert done.returncode == 0, done.stderr


def _all_of(splits):
    rows = [row for part in splits.values() for row in part]
    return sorted(rows, key=lambda row: row["id"])


def test_plain_push_to_hub_works_and_keeps_the_card(
    python, hub, surroundings, push, published, load, tmp_path, made, real
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
    assert _all_of(found["unary"]) == of(real, "unary")
    # And ours again: all as it was before.
    done = push(folder=made.first)
    assert done.code == 0, done.err
    ours = files_in(made.first) | {".gitattributes": GITATTRIBUTES, "LICENSE": b"theirs"}
    assert published.files == ours


def test_plain_push_to_hub_onto_nothing(python, surroundings, load, tmp_path, real):
    _push(python, surroundings, tmp_path)
    found = load(NAME, None)[None]
    assert _all_of(found) == [row | {"verified": "none"} for row in real]
