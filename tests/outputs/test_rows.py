"""The main command's output: streams, links, what is there already, compression, equal bytes."""

import json
import os
import stat
import subprocess

import canned
import pytest

from jax_ir_synth.storage.writers import FOLDER, JSONL, PARQUET, choose_format, open_output

NAMES = ["rows.jsonl", "rows.parquet", "rows.jsonl.gz", "rows.jsonl.zst", "rows"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_replaced_unless_the_user_says_so(tmp_path, write, listed, capsys, name, ids):
    assert write("--output", name) == 0
    before = listed()
    capsys.readouterr()
    assert write("--output", name, "--seed", 10) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "--overwrite" in shown.err and "exists already" in shown.err
    assert listed() == before
    assert write("--output", name, "--seed", 10, "--overwrite") == 0
    assert ids(tmp_path / name) == list(range(10, 16))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_the_same_from_run_to_run(write, listed, name):
    assert write("--output", name) == 0
    before = listed()
    assert write("--output", name, "--overwrite") == 0
    assert listed() == before


def test_each_split_has_a_fingerprint_of_its_own(tmp_path, write):
    """By which datasets' cache knows what was computed of it."""
    import datasets

    prints = set()
    for seed in (0, 10):
        assert write("--output", f"rows{seed}", "--seed", seed) == 0
        saved = datasets.load_from_disk(tmp_path / f"rows{seed}")
        prints |= {part._fingerprint for part in saved.values()}
    assert len(prints) == 6


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_the_standard_output_streams_json_lines(tmp_path, started, jsonl, name, to):
    (tmp_path / "link").symlink_to("/dev/stdout")
    with open(tmp_path / "taken", "w") as taken:
        process = started("--output", name, stdout=subprocess.PIPE if to == "pipe" else taken)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    if to == "file":
        out = (tmp_path / "taken").read_text()
    (tmp_path / "taken").unlink()
    assert jsonl(out) == list(range(6))
    # The table is for people.
    assert "6 rows" in err
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_reader_of_the_standard_output_that_left_is_nobodys_fault(tmp_path, started):
    read, written = os.pipe()
    os.close(read)
    process = started("--output", "-", stdout=written)
    os.close(written)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 141
    assert not [line for line in err.splitlines() if not line.endswith(" rows")], err


def test_a_standard_output_that_is_full_is_told(tmp_path, started):
    with open("/dev/full", "w") as full:
        process = started("--output", "-", stdout=full)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 74
    assert err.splitlines()[-1].endswith("stdout can't be written: No space left on device")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "rows"])
def test_a_link_is_followed_and_stays(tmp_path, write, name, ids):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    for flags in ((), ("--overwrite", "--seed", 10)):
        assert write("--output", name, *flags) == 0
        assert (tmp_path / name).is_symlink()
        assert ids(tmp_path / "elsewhere" / name) == ids(tmp_path / name)
    assert ids(tmp_path / name) == list(range(10, 16))
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_what_replaces_a_file_has_its_permissions(tmp_path, write, name):
    assert write("--output", name) == 0
    path = tmp_path / name
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    for number, file in enumerate(files):
        if os.geteuid() == 0:
            os.chown(file, 1234, 5678)
        file.chmod((0o600, 0o640, 0o664)[number % 3])
    before = {file: file.stat() for file in files}
    assert write("--output", name, "--overwrite", "--seed", 10) == 0
    for file, old in before.items():
        new = file.stat()
        assert new.st_ino != old.st_ino
        assert stat.S_IMODE(new.st_mode) == stat.S_IMODE(old.st_mode), file
        assert (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid)


def test_nobody_reads_what_is_made_who_may_not_read_what_it_replaces(tmp_path):
    (tmp_path / "rows.jsonl").touch(0o600)
    with open_output(tmp_path / "rows.jsonl", JSONL, overwrite=True) as add:
        add(canned.row(1))
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_file_that_is_named_as_the_stream(tmp_path, write, ids, capfd):
    assert write("--output", "./-", "--jsonl") == 0
    assert "{" not in capfd.readouterr().out.split("rows/s")[0]
    assert ids(tmp_path / "-") == list(range(6))


def test_links_that_lead_nowhere(tmp_path, write, capsys):
    (tmp_path / "a.jsonl").symlink_to("b.jsonl")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    assert write("--output", "a.jsonl") == 2
    assert "symbolic links" in capsys.readouterr().err


def test_an_empty_path_is_none(write, listed, capsys):
    assert write("--output", "") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert listed() == {}


def test_somebody_elses_file_of_meanwhile_stays(tmp_path, monkeypatch, write, capsys, ids):
    for name, *flags in (("rows.jsonl",), ("rows",), ("more", "--overwrite")):
        path = tmp_path / name

        def run(request, number, write, left_out, path=path):
            summary = canned.run(request, number, write, left_out)
            if path.suffix:
                path.write_text("theirs")
            else:
                path.mkdir()
                (path / "theirs").write_text("theirs")
            return summary

        monkeypatch.setattr("jax_ir_synth.cli.generate._run", run)
        assert write("--output", name, *flags) == 1
        shown = capsys.readouterr().err
        assert "kept in " in shown
        kept = shown.strip().split("kept in ")[1]
        assert ids(tmp_path / kept) == list(range(6))
        theirs = path if path.suffix else path / "theirs"
        assert theirs.read_text() == "theirs"


@pytest.mark.parametrize(
    ("name", "jsonl"),
    [("a.jsonl.gz", False), ("a.jsonl.zst", False), ("a.gz", True), ("a.json.zst", True),
     ("a.json", True), ("a", True), ("a.txt", True), ("A.JSONL.GZ", False)],
)  # fmt: skip
def test_what_json_lines_are_named_is_read_again(tmp_path, write, name, jsonl, ids):
    flags = ["--jsonl"] if jsonl else []
    assert write("--output", name, *flags) == 0
    magic = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}.get((tmp_path / name).suffix.lower())
    begins = (tmp_path / name).read_bytes()[: len(magic or b"{")]
    assert begins == (magic or b"{")
    assert ids(tmp_path / name) == list(range(6))


@pytest.mark.parametrize("name", ["a.jsonl.bz2", "a.jsonl.xz", "a.lz4", "a.zip"])
@pytest.mark.parametrize("jsonl", [True, False])
def test_other_compressions_are_refused(write, listed, name, jsonl):
    assert write("--output", name, *(["--jsonl"] if jsonl else [])) == 2
    assert listed() == {}


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_cut_off_file_is_told(tmp_path, write, name):
    from jax_ir_synth.storage.dataset_reader import open_saved

    assert write("--output", name, "--count", 2000) == 0
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    saved = open_saved(tmp_path / name)
    *rows, last = saved.entries
    assert saved.count <= 2000 and all(entry.row is not None for entry in rows)
    assert last.row is None and "can't be read" in last.fault


def test_gzip_as_others_write_and_read_it(tmp_path, write, jsonl):
    import gzip

    assert write("--output", "a.jsonl.gz") == 0
    assert jsonl(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode()) == list(range(6))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("-", JSONL), ("/dev/stdout", JSONL), ("pipe", JSONL), ("p.parquet", PARQUET), ("a", FOLDER)],
)
def test_the_format_of_a_stream(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    assert choose_format(type(tmp_path)(name), False) == kind


def test_a_file_beside_an_output(tmp_path):
    from jax_ir_synth.storage import outputs

    for name in ("a.jsonl", "a"):
        found = outputs.path_beside(tmp_path / name, ".defects.jsonl")
        assert found == tmp_path / f"{name}.defects.jsonl"
    assert outputs.path_beside(type(tmp_path)("-"), ".defects.jsonl") is None
    outputs.write_text(tmp_path / "a.jsonl.defects.jsonl", json.dumps({}), overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl.defects.jsonl"]


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path, write, listed):
    assert write("--output", "rows.jsonl") == 0
    before = listed()
    with (
        pytest.raises(ZeroDivisionError),
        open_output(tmp_path / "rows.jsonl", JSONL, overwrite=True) as add,
    ):
        add(canned.row(1))
        raise ZeroDivisionError
    assert listed() == before
