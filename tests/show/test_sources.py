"""Sources find or generate a row, and choose the rows of a page."""

import collections

import datasets
import pytest
from row_ids import row_id
from shown_rows import jsonl, parquet_of, row

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.show.choice import choose_evenly
from jax_ir_synth.show.sources import GeneratedRows, SavedRows, ShowError
from jax_ir_synth.storage.writers import FOLDER, open_output

REQUEST = Request(seed=5, count=2 * len(CATEGORIES), verify=False)


@pytest.mark.parametrize("category", ["all", CATEGORIES[4]])
def test_a_made_row_is_the_builders(category):
    request = Request(category, seed=5, count=12, verify=False)
    expected = list(rows(request, plan_rows(request, 11)))[0]
    source = GeneratedRows(request)
    assert source.get_row(expected["id"]).row == expected
    assert source.get_row(None).row["id"] == next(plan_rows(request)).id


@pytest.mark.parametrize("id", [-1, REQUEST.count, 10**12])
def test_an_unknown_id_is_reported_with_the_ids_there_are(id):
    count = REQUEST.count
    known = rf"0, 1, 2, \.\.\. {count - 1} .* --count {count}"
    with pytest.raises(ShowError, match=rf"\(={id}\) .* {known}"):
        GeneratedRows(REQUEST).get_row(id)
    first, second, third, _, last = (row_id("loop", k) for k in range(5))
    known = rf"{first}, {second}, {third}, \.\.\. {last} .*'loop'"
    with pytest.raises(ShowError, match=rf"\(={first + 1}\) .* {known}"):
        GeneratedRows(Request("loop", count=5)).get_row(first + 1)


def test_each_container(tmp_path):
    saved = [row(id=7), row(id=3, split="test"), row(id=5, split="validation", differs=True)]
    with open_output(tmp_path / "folder", FOLDER) as write:
        for one in saved:
            write(one)
    single = datasets.Dataset.from_parquet(
        str(parquet_of(tmp_path / "a.parquet", *saved)), cache_dir=str(tmp_path / "cache")
    )
    datasets.disable_progress_bars()
    single.save_to_disk(tmp_path / "single")
    jsonl(tmp_path / "a.jsonl", *saved)
    for name in ("folder", "single", "a.parquet", "a.jsonl"):
        source = SavedRows(tmp_path / name)
        for one in saved:
            found = source.get_row(one["id"])
            assert found.row == one and found.category == "unary"
        # The rows of a single split are stored in that split.
        stored = name == "single"
        assert source.get_row(5).split == ("train" if stored else "validation")
        assert source.get_row(None).row["id"] == 7
        with pytest.raises(ShowError, match=r"`--id` \(=4\) .* 3 rows, of ids from 3 to 7"):
            source.get_row(4)
        chosen, total = source.get_rows(10)
        assert [one.row["id"] for one in chosen] == [3, 5, 7] and total == 3
        splits = ["train"] * 3 if stored else ["test", "validation", "train"]
        assert [one.split for one in chosen] == splits


def test_rows_of_earlier_versions_are_shown(tmp_path):
    old = row()
    del old["verified"]
    assert SavedRows(jsonl(tmp_path / "a.jsonl", old)).get_row(42).row == row(verified=None)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"python": 5}, "wrong type"),
        ({"python": None}, "no value for python"),
        (
            {"in_avals": [{"name": "x", "shape": [2], "dtype": "f", "low": None, "high": 1.0}]},
            "low",
        ),
        ({"in_avals": "x"}, "wrong type"),
    ],
)
def test_a_malformed_row_is_reported(tmp_path, broken, said):
    source = SavedRows(jsonl(tmp_path / "a.jsonl", row(**broken)))
    for asked in (lambda: source.get_row(42), lambda: source.get_rows(3)):
        with pytest.raises(ValueError, match=said):
            asked()


def test_a_choice_is_even_and_of_the_first():
    # The large group gets what the two small ones can't fill of their share.
    groups = ["a"] * 50 + ["b"] * 2 + ["c"] * 5
    chosen = choose_evenly(groups, 12)
    assert collections.Counter(groups[k] for k in chosen) == {"a": 5, "b": 2, "c": 5}
    assert chosen == {*range(5), 50, 51, *range(52, 57)}
    assert choose_evenly(groups, 100) == set(range(57)) and choose_evenly([], 3) == set()


def test_made_rows_of_a_page_are_of_every_category_and_split():
    request = Request(seed=5, count=200, verify=False)
    planned = {plan.id: plan for plan in plan_rows(request)}
    chosen, total = GeneratedRows(request).get_rows(25)
    ids = [view.row["id"] for view in chosen]
    assert total == 200 and len(ids) == 25 and ids == sorted(ids)
    groups = collections.Counter((planned[id].category, planned[id].split) for id in ids)
    assert max(groups.values()) == 1
    assert len({category for category, _ in groups}) == len(CATEGORIES)
    assert {split for _, split in groups} == {"train", "validation", "test"}
    for view in chosen[:2]:
        plan = planned[view.row["id"]]
        assert (view.category, view.split) == (plan.category, plan.split)
