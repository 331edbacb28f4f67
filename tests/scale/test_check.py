"""`--check`: silent about a whole result, and a line for each fault planted into one."""

import json
import shutil

import pyarrow
import pytest
from pyarrow import parquet
from scale_run import SHARDS, WANTED, contents

from jax_ir_synth.cli.main import main
from jax_ir_synth.scale import check
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import atomic_write

SHARD = f"shard-00002-of-{SHARDS:05d}"
OTHER = f"shard-00003-of-{SHARDS:05d}"
FILE = f"train/{SHARD}.parquet"
MANIFEST = f"manifests/{SHARD}.json"


@pytest.fixture
def folder(undisturbed, tmp_path):
    return shutil.copytree(undisturbed, tmp_path / "data")


def _faults(folder):
    return check.check(folder).faults


def _edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    atomic_write.write_json(path, value)


def _rewrite(folder, change):
    """Other rows in FILE, with a manifest that agrees."""
    path = folder / FILE
    table = pyarrow.Table.from_pylist(
        change(parquet.read_table(path).to_pylist()), parquet.read_schema(path)
    )
    parquet.write_table(table, path)
    entry = {
        "rows": len(table),
        "bytes": path.stat().st_size,
        "sha256": atomic_write.hash_file(path),
    }
    _edit(folder / MANIFEST, lambda manifest: manifest["files"].update({FILE: entry}))


def test_a_whole_result(undisturbed, capsys):
    assert check.check(undisturbed) == check.Result(WANTED.count, SHARDS, [])
    before = contents(undisturbed)
    assert main(["scale", "--check", str(undisturbed)]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{undisturbed}: 24 rows in 6 shards, all as they should be\n"
    assert shown.err == ""
    assert contents(undisturbed) == before


def test_a_fault_is_a_line_and_exit_code_1(folder, capsys):
    (folder / FILE).unlink()
    (folder / f"manifests/{OTHER}.json").unlink()
    assert main(["scale", "--check", str(folder)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"jax-ir-synth scale: {FILE} is missing",
        f"jax-ir-synth scale: manifests/{OTHER}.json is missing",
    ]


def test_a_flipped_bit(folder):
    content = bytearray((folder / FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / FILE).write_bytes(content)
    (fault,) = _faults(folder)
    assert fault == f"{FILE} has other bytes than its manifest says: the SHA-256 differs"


def test_a_truncated_file(folder):
    size = (folder / FILE).stat().st_size
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-1])
    assert _faults(folder) == [f"{FILE} has {size - 1} bytes, its manifest says {size}"]


def test_a_file_that_is_no_parquet_though_its_manifest_agrees(folder):
    (folder / FILE).write_bytes(b"PAR1")
    entry = {"rows": 1, "bytes": 4, "sha256": atomic_write.hash_file(folder / FILE)}
    _edit(folder / MANIFEST, lambda manifest: manifest["files"].update({FILE: entry}))
    (fault,) = _faults(folder)
    assert fault.startswith(f"{FILE} is not a complete Parquet file: ")


def test_a_damaged_manifest(folder):
    (folder / MANIFEST).write_text("{")
    assert _faults(folder) == [f"{MANIFEST} is damaged"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m["versions"].update(jax="0.10.9"), "jax is 0.10.9 in it, "),
        (lambda m: m["request"].update(seed=6), "seed is 6 in it, 5 wanted"),
        (lambda m: m.update(sources="0" * 64), "sources is 000000000000 in it, "),
        (lambda m: m.update(shard=3), "shard is 3 in it, 2 wanted"),
        (lambda m: m.update(rows=5), "rows is 5 in it, 4 wanted"),
        (lambda m: m.pop("first"), "first is None in it, 8 wanted"),
        (lambda m: m["files"].pop(FILE), f"files must be {FILE}, "),
    ],
)
def test_an_edited_manifest(folder, change, fault):
    _edit(folder / MANIFEST, change)
    (found,) = _faults(folder)
    assert found.startswith(f"{MANIFEST}: {fault}")


def test_another_number_of_rows_in_the_manifest(folder):
    rows = parquet.read_metadata(folder / FILE).num_rows
    _edit(folder / MANIFEST, lambda manifest: manifest["files"][FILE].update(rows=rows + 1))
    assert _faults(folder) == [f"{FILE} has {rows} rows, its manifest says {rows + 1}"]


def _exchange(one, other):
    contents = [path.read_bytes() if path.exists() else None for path in (one, other)]
    for path, content in zip((other, one), contents, strict=True):
        if content is None:
            # A split without rows has no file.
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)


def test_two_shards_exchanged(folder):
    for split in SPLITS:
        _exchange(folder / split / f"{SHARD}.parquet", folder / split / f"{OTHER}.parquet")
    found = _faults(folder)
    assert [fault.split(" ")[0] for fault in found] == [FILE, f"train/{OTHER}.parquet"]


def test_two_shards_exchanged_with_manifests_that_agree(folder):
    for split in SPLITS:
        _exchange(folder / split / f"{SHARD}.parquet", folder / split / f"{OTHER}.parquet")
    paths = [folder / f"manifests/{name}.json" for name in (SHARD, OTHER)]
    one, other = (json.loads(path.read_text()) for path in paths)
    for path, theirs in zip(paths, (other, one), strict=True):
        entries = {
            path.replace(SHARD, "x").replace(OTHER, SHARD).replace("x", OTHER): entry
            for path, entry in theirs["files"].items()
        }
        _edit(path, lambda manifest, entries=entries: manifest.update(files=entries))
    assert _faults(folder) == [
        f"{MANIFEST}: the shard lacks the rows 8, 9, 10, 11",
        f"{MANIFEST}: the shard has too many the rows 12, 13, 14, 15",
        f"manifests/{OTHER}.json: the shard lacks the rows 12, 13, 14, 15",
        f"manifests/{OTHER}.json: the shard has too many the rows 8, 9, 10, 11",
    ]


def test_a_row_twice(folder):
    _rewrite(folder, lambda rows: [rows[0], *rows])
    id = parquet.read_table(folder / FILE)["id"][0].as_py()
    assert _faults(folder) == [
        f"{MANIFEST}: the shard has more than once the rows {id}",
        f"rows {id} and {id} are one program",
    ]


def test_a_program_of_another_shard(folder):
    theirs = parquet.read_table(folder / f"train/{OTHER}.parquet").to_pylist()[0]
    own = parquet.read_table(folder / FILE)["id"][0].as_py()
    _rewrite(folder, lambda rows: [theirs | {"id": own}, *rows[1:]])
    assert _faults(folder) == [f"rows {own} and {theirs['id']} are one program"]


def test_a_missing_row(folder):
    id = parquet.read_table(folder / FILE)["id"][0].as_py()
    _rewrite(folder, lambda rows: rows[1:])
    assert _faults(folder) == [f"{MANIFEST}: the shard lacks the rows {id}"]


def test_rows_out_of_order(folder):
    _rewrite(folder, lambda rows: rows[::-1])
    assert _faults(folder) == [f"{FILE}: its rows are not in the order of their ids"]


def test_a_row_by_another_jax(folder):
    id = parquet.read_table(folder / FILE)["id"][1].as_py()
    _rewrite(folder, lambda rows: [rows[0], rows[1] | {"jax_version": "0.9.0"}, *rows[2:]])
    (fault,) = _faults(folder)
    assert fault.startswith(f"{FILE}: row {id} is by jax 0.9.0, not ")


def test_a_row_of_another_split(folder):
    id = parquet.read_table(folder / FILE)["id"][0].as_py()
    # The ninth tenth is the validation's.
    _rewrite(folder, lambda rows: [rows[0] | {"skeleton_hash": f"{8:08x}"}, *rows[1:]])
    assert _faults(folder) == [f"{FILE}: row {id} belongs to validation"]


def test_a_column_too_few(folder):
    path = folder / FILE
    parquet.write_table(parquet.read_table(path).drop_columns(["cuda"]), path)
    entry = {"rows": 1, "bytes": path.stat().st_size, "sha256": atomic_write.hash_file(path)}
    _edit(folder / MANIFEST, lambda manifest: manifest["files"].update({FILE: entry}))
    (fault,) = _faults(folder)
    assert fault.startswith(f"{FILE} has the columns id, kernel_name, python, cpp, type, ")


def test_a_file_of_a_split_without_rows(folder):
    shutil.copy(folder / FILE, folder / "validation")
    assert _faults(folder) == [f"validation/{SHARD}.parquet has rows, its manifest says 0"]


def test_a_file_too_many(folder):
    shutil.copy(folder / FILE, folder / "test" / "more.parquet")
    assert _faults(folder) == ["test/more.parquet is no shard of this dataset"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"request": {}, "shards": 6}'])
def test_no_config(folder, content):
    (folder / "config.json").write_text(content)
    assert _faults(folder) == [f"config.json in {folder} is missing or damaged"]


def test_no_folder(tmp_path, capsys):
    code = main(["scale", "--check", str(tmp_path / "none")])
    assert code == 2
    assert capsys.readouterr().err == (
        f"jax-ir-synth scale: error: `--check` (={tmp_path}/none) must be a folder that "
        "--output made\n"
    )
