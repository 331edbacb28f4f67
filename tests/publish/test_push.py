"""A push and what it leaves on the Hub: subsets, the card, others' files; and pushing again."""

import pytest
from hub_state import blob
from reading_back import by_split, card_of, data_of, of
from stub_rows import KINDS, split_of_stub, stub_row, write_stubs

from jax_ir_synth.plan import SPLITS
from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.push import files_of
from jax_ir_synth.writers import open_output

NAME = "alice/rows"


def test_the_same_rows_again_change_nothing(hub, publish, stubs, published):
    write_stubs(stubs)
    before = list(published.revisions)
    done = publish(NAME, "--from", stubs)
    assert done.code == 0 and "has these rows already" in done.out
    assert list(published.revisions) == before and hub.puts == []
    assert not [request for request in hub.requests if request.startswith(("POST", "PUT"))]


def test_changed_rows_replace_what_they_are_in_alone(hub, publish, stubs, published, load):
    kept = published.files
    assert publish(NAME, "--from", stubs).code == 0
    changed = {path for path, content in published.files.items() if content != kept[path]}
    assert changed == {
        "README.md",
        "all/train-00000-of-00001.parquet",
        f"{KINDS[0]}/train-00000-of-00001.parquet",
    }
    rows = [stub_row(number, "" if number else "# changed") for number in range(40)]
    assert load(NAME, "all")["all"] == by_split(rows)


def test_files_of_earlier_pushes_go_and_others_stay(hub, publish, stubs, published, load):
    files = published.at("main")[1] | {
        "LICENSE": blob(b"theirs"),
        "loop/notes.txt": blob(b"theirs"),
        "loop/train-00000-of-00001.parquet": blob(b"of an earlier push"),
        "all/train-00001-of-00002.parquet": blob(b"of an earlier push"),
        "data/train-00000-of-00001.parquet": blob(b"of push_to_hub"),
        "pictures/old.svg": blob(b"of an earlier push"),
    }
    published.commit(files)
    done = publish(NAME, "--from", stubs, "--config", "all", KINDS[1])
    assert done.code == 0, done.err
    assert published.files["LICENSE"] == published.files["loop/notes.txt"] == b"theirs"
    assert data_of(published) == {
        f"{subset}/{split}-00000-of-00001.parquet"
        for subset in ("all", KINDS[1])
        for split in SPLITS
    }
    assert "pictures/old.svg" not in published.files
    found = load(NAME, "all", KINDS[1], KINDS[2])
    rows = [stub_row(number, "" if number else "# changed") for number in range(40)]
    assert found["all"] == by_split(rows) and found[KINDS[1]] == by_split(of(rows, KINDS[1]))
    assert f"BuilderConfig '{KINDS[2]}' not found" in found[KINDS[2]]["error"]


def test_one_subset_is_the_default(hub, publish, stubs, load):
    assert publish(NAME, "--from", stubs, "--config", KINDS[0]).code == 0
    card = card_of(hub.repositories[NAME])
    assert [config["config_name"] for config in card["configs"]] == [KINDS[0]]
    found = load(NAME, None, KINDS[0])
    wanted = [row for row in map(stub_row, range(40)) if row["type"].endswith(KINDS[0])]
    assert found[None] == found[KINDS[0]] == by_split(wanted)
    assert {row["id"]: split for split, part in found[None].items() for row in part} == {
        row["id"]: split_of_stub(row["id"]) for row in wanted
    }


@pytest.mark.parametrize("kind", ["parquet", "folder"])
def test_any_container_gives_the_same_files(hub, publish, stubs, published, tmp_path, kind):
    path = tmp_path / ("stubs.parquet" if kind == "parquet" else "stubs")
    with open_output(path, kind) as write:
        for number in range(40):
            write(stub_row(number))
    write_stubs(stubs)
    done = publish(NAME, "--from", path)
    # Its name is in the card's command.
    assert done.code == 0 and "1 files changed, 0 removed" in done.out, done.err
    assert hub.puts == []


def test_dry_run_writes_the_folder_and_asks_nobody(hub, publish, stubs, published, tmp_path):
    write_stubs(stubs)
    done = publish(NAME, "--from", stubs, "--dry-run", "folder", HF_TOKEN="")
    assert done.code == 0 and "written, not published" in done.out and hub.requests == []
    folder = tmp_path / "folder"
    written = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert written | {".gitattributes": published.files[".gitattributes"]} == published.files


def test_only_what_is_ours_is_ever_uploaded(tmp_path):
    for name in ("README.md", "all/train-00000-of-00001.parquet", "pictures/rows.svg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert len(files_of(tmp_path)) == 3
    (tmp_path / "jax_ir_synth.py").write_text("")
    with pytest.raises(PublishError, match="jax_ir_synth.py must not be published"):
        files_of(tmp_path)
