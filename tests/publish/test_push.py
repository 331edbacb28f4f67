"""A push and what it leaves on the Hub: others' files, subsets; and pushing again."""

import pytest
from hub_state import blob
from reading_back import card_of, data_of, files_in
from row_ids import THREE_EACH

from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.push import list_files
from jax_ir_synth.request.categories import CATEGORIES

NAME = "alice/rows"


def test_the_same_rows_again_change_nothing(hub, push, published, made):
    before = list(published.revisions)
    done = push(folder=made.first)
    assert done.code == 0 and "has these rows already" in done.out
    assert list(published.revisions) == before and hub.puts == []
    assert not [request for request in hub.requests if request.startswith(("POST", "PUT"))]


def test_changed_rows_replace_what_they_are_in_alone(hub, push, published):
    kept = published.files
    assert push().code == 0
    changed = {path for path, content in published.files.items() if content != kept[path]}
    assert changed == {
        "README.md",
        "all/train-00000-of-00001.parquet",
        f"{CATEGORIES[0]}/train-00000-of-00001.parquet",
    }
    assert len(hub.puts) == 2


def test_files_of_earlier_pushes_go_and_others_stay(push, published, made):
    theirs = {"LICENSE": blob(b"theirs"), "loop/notes.txt": blob(b"theirs")}
    files = published.at("main")[1] | theirs
    earlier = (
        "vector/train-00000-of-00009.parquet",
        "all/train-00001-of-00002.parquet",
        "data/train-00000-of-00001.parquet",
        "pictures/old.svg",
    )
    published.commit(files | {path: blob(b"of an earlier push") for path in earlier})
    done = push(folder=made.first)
    assert done.code == 0 and "0 files changed, 4 removed" in done.out, done.err
    assert published.at("main")[1] == files


def test_one_subset_made_alone_is_that_of_all(publish, made, tmp_path):
    asked = ("--count", 3, "--seed", 7, "--config", "loop", "--dry-run", "folder")
    done = publish("lab/loops", *asked, proven=True)
    assert done.code == 0 and "; loop 3 rows, " in done.out, done.err
    files, whole = files_in(tmp_path / "folder"), files_in(made.first)
    subset = {path: content for path, content in whole.items() if path.startswith("loop/")}
    assert {path: text for path, text in files.items() if path.endswith(".parquet")} == subset
    card = files["README.md"].decode()
    assert "jax-ir-synth publish lab/loops --count 3 --seed 7 --config loop\n" in card
    assert "3 small JAX programs" in card
    # The same card, and anything else, from all rows.
    cut = ("--from", made.rows, "--seed", 7, "--config", "loop", "--dry-run", "again")
    done = publish("lab/loops", *cut, proven=True)
    assert done.code == 0, done.err
    assert files_in(tmp_path / "again") == files


def test_two_subsets_are_cuts_of_all(hub, publish, made):
    done = publish(
        NAME, "--from", made.rows, "--seed", 7, "--private", "--config", "vector", "loop"
    )  # fmt: skip
    assert done.code == 0, done.err
    repository, whole = hub.repositories[NAME], files_in(made.first)
    assert repository.private
    wanted = {path for path in whole if path.startswith(("loop/", "vector/"))}
    assert {path: repository.files[path] for path in data_of(repository)} == {
        path: whole[path] for path in wanted
    }
    card = card_of(repository)
    assert [config["config_name"] for config in card["configs"]] == ["loop", "vector"]
    text = repository.files["README.md"].decode()
    assert f"--count {THREE_EACH} --seed 7 --config loop vector\n" in text
    assert "6 small JAX programs" in text and f"cuts of {THREE_EACH} rows of all categ" in text
    assert "the subset `" not in text and f"{THREE_EACH} skeletons, of every row" in text


def test_only_what_is_ours_is_ever_uploaded(tmp_path):
    for name in ("README.md", "all/train-00000-of-00001.parquet", "pictures/rows.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert len(list_files(tmp_path)) == 3
    (tmp_path / "jax_ir_synth.py").write_text("")
    with pytest.raises(PublishError, match="jax_ir_synth.py must not be published"):
        list_files(tmp_path)
