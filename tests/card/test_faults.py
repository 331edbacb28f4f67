"""Planted faults: what a card must not be written of, and that nothing changes then."""

import copy
import itertools

import pytest
from row_ids import THREE_EACH

from jax_ir_synth.card import CardError, charts, checking, filling, metadata, write_card
from jax_ir_synth.card.drawing import check_first_row, choose_ids
from jax_ir_synth.card.facts import gather
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.storage.dataset_reader import DatasetError
from jax_ir_synth.storage.repository import tables
from jax_ir_synth.storage.repository.metadata import make_card_data


@pytest.fixture
def refused(lines, tmp_path):
    """What is said of rows of which no card can be written."""

    def said(rows, seed=7, **options) -> str:
        folder = tmp_path / "card"
        with pytest.raises((CardError, DatasetError)) as raised:
            write_card(folder, lines(tmp_path / "rows.jsonl", rows), seed=seed, **options)
        assert not folder.exists() or not any(folder.iterdir())
        assert "\n" not in str(raised.value)
        return str(raised.value)

    return said


def test_a_file_of_somebody_elses_stays(good, lines, tmp_path):
    saved = lines(tmp_path / "rows.jsonl", good)
    for text in ("# Mine\n", "---\ntags:\n- jax\n---\n- jax_ir_synth\n"):
        (tmp_path / "README.md").write_text(text)
        with pytest.raises(CardError, match="README.md is no card of this dataset: remove it"):
            write_card(tmp_path, saved, seed=7)
        assert (tmp_path / "README.md").read_text() == text
        assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "rows.jsonl"]


def test_a_wrong_seed(good, refused):
    said = refused(good, seed=8)
    assert said.startswith("row 0 is not that of seed 8: its skeleton_hash begins with ")


def test_any_first_row_tells_another_seed(good):
    for row in (good[0], good[17]):
        check_first_row(row, 7, len(good))
        with pytest.raises(CardError, match=rf"^row {row['id']} is not that of seed 8: its skel"):
            check_first_row(row, 8, len(good))


@pytest.mark.parametrize(
    "odd",
    [
        *({"id": id} for id in (None, -10, "0", True, 1, 10**15)),
        *({"type": None}, {"type": "generate_x"}, {"skeleton_hash": None}),
    ],
)
def test_a_first_row_that_has_no_place_is_passed_over(good, odd):
    check_first_row(good[0] | odd, 8, len(good))


def test_a_wrong_seed_is_found_where_the_skeletons_are_right(redrawn, good):
    # The skeletons' check is made by whoever calls; alone, the rows' own finds it as well.
    broken = good[11] | {"python": good[11]["python"] + "\n"}
    with pytest.raises(CardError, match="row 11, made anew from seed 7, .*: python differs; is "):
        redrawn.check_rows([good[0], broken])
    assert redrawn.check_rows([good[0], good[11]]) == 2


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("python", lambda text: text.replace("\n", "  # a remark\n", 1)),
        ("kernel_name", lambda text: text),
        ("in_avals", lambda avals: [aval | {"high": aval["high"] + 1.0} for aval in avals]),
        ("verified", lambda word: "interpreter" if "numpy" in word else "interpreter+numpy"),
        ("jax_version", lambda version: version + ".1"),
    ],
)
def test_a_row_that_was_tampered_with(good, refused, column, change):
    row = good[-1]
    if column == "kernel_name":
        for name in ("python", "cpp", "cuda"):
            row[name] = row[name].replace(row["kernel_name"], "kernel_other")
        row["kernel_name"] = "kernel_other"
    else:
        row[column] = change(row[column])
    said = refused(good)
    assert said.startswith(f"row {THREE_EACH - 1}, made anew from seed 7, is not the saved one: ")
    assert column in said


def test_a_skeleton_that_was_tampered_with_is_found_in_any_row(good, refused):
    row = good[17]
    other = next(
        f"{number:08x}{'0' * 24}"
        for number in range(20)
        if split_of(f"{number:08x}") == split_of(row["skeleton_hash"])
    )
    row["skeleton_hash"] = other
    assert f"row 17 is not that of seed 7: its skeleton_hash begins with {other[:16]}" in refused(
        good
    )


def test_no_rows(refused):
    assert refused([]).endswith("holds no row")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            lambda rows: rows[:-2] + rows[-1:],
            f"row {THREE_EACH - 2} should be of {CATEGORIES[-2]}, and is missing",
        ),
        (lambda rows: rows[1:], f"row 0 should be of {CATEGORIES[0]}, and is missing"),
        (lambda rows: [*rows, rows[3]], "row 3 breaks a promise (inconsistent): "),
        (lambda rows: [{"text": "x"}], "has a malformed row: it has no column id, "),
        (lambda rows: [rows[0], rows[1] | {"cuda": None}], "row 1 has another device"),
        (
            lambda rows: [row | {"cuda": None, "cpp": None} for row in rows],
            "row 0 has neither cpp nor cuda",
        ),
        (
            lambda rows: [
                row | {"cpp": row["cpp"].replace("stablehlo", "jaxpr", 1)} for row in rows
            ],
            "the rows have no StableHLO (they have jaxpr): make them with --dialect stablehlo,jaxpr",
        ),
        (
            lambda rows: [*rows[:9], rows[9] | {"verified": "none"}, *rows[10:]],
            "row 9 has another device, dialect, target or proof",
        ),
        (lambda rows: [rows[0] | {"cpp": rows[0]["cpp"][:-9]}], "has a malformed row: text (="),
    ],
)
def test_rows_of_which_there_is_no_card(good, refused, broken, said):
    assert said in refused(broken(good))


def test_a_row_that_breaks_a_promise(good, refused):
    # The whole of another row, under its own id.
    good[10] = good[0] | {"id": 10}
    assert "row 10 breaks a promise (duplicates): its program_hash is that of row 0" in refused(
        good
    )


def test_a_broken_line(good, tmp_path, lines):
    path = lines(tmp_path / "rows.jsonl", good)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DatasetError, match=f"line {THREE_EACH} of .* is not a complete row"):
        gather(path, 7)


@pytest.fixture(scope="module")
def data(_rows, tmp_path_factory):
    """The YAML of the rows' files."""
    return make_card_data(tables.write_subsets(tmp_path_factory.mktemp("data"), _rows, CONFIGS))


@pytest.fixture
def filled(facts, redrawn, data):
    """The card's text from another template, or of other metadata."""
    yaml = {**data, **metadata.general(facts)}
    pictures = [filling.Picture(name, "") for name in charts.CHARTS]

    def fill(template=None, **changes):
        whole = {**yaml, **changes}
        return filling.fill(facts, redrawn.counts, 14, whole, pictures, None, template), whole

    return fill


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ nothing }}", "can't be filled: 'nothing' is undefined"),
        ("{{ shown.row.nothing }}", "can't be filled: 'dict object' has no attribute 'nothing'"),
        ("{% if %}", "can't be filled: "),
        ("a [More Information Needed]", "has a gap: [More Information Needed]"),
        ("{{ '{{' }} later }}", "has a gap: {{"),
        ("TODO", "has a gap: TODO"),
    ],
)
def test_a_template_that_is_not_filled(filled, template, said):
    with pytest.raises(CardError) as raised:
        filled(template)
    assert said in str(raised.value)


@pytest.fixture
def written(filled, tmp_path):
    """A folder with a card and its pictures, such that `checking.check` passes."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in charts.CHARTS:
        for theme in ("light", "dark"):
            (pictures / f"{name}-{theme}.png").touch()

    def write(**changes) -> dict:
        text, whole = filled(**changes)
        (tmp_path / "README.md").write_text(text)
        return whole

    checking.check(tmp_path, write())
    return write


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size_categories": ["1500"]}, "the Hub doesn't know size_categories: 1500"),
        ({"source_datasets": ["invented"]}, "the Hub doesn't know source_datasets: invented"),
        ({"configs": [{"config_name": "all", "data_files": 3}]}, "datasets can't read the card's"),
        (
            {"configs": [{"config_name": "all", "data_files": "*.parquet"}]},
            "configs and dataset_info are not of the same subsets",
        ),
        (
            {
                "configs": [
                    {"config_name": name, "data_files": "a", "default": True} for name in "ab"
                ]
            },
            "several default configs",
        ),
    ],
)
def test_yaml_that_is_not_right(written, tmp_path, changes, said):
    with pytest.raises(CardError) as raised:
        checking.check(tmp_path, written(**changes))
    assert said in str(raised.value)


def test_yaml_that_is_read_as_something_else(written, tmp_path):
    with pytest.raises(CardError, match="is read as something else under license, pretty_name"):
        checking.check(tmp_path, written() | {"license": "mit", "pretty_name": "Another"})


def test_pictures_that_are_missing_or_more(written, tmp_path):
    whole = written()
    (tmp_path / "pictures" / "more.png").touch()
    with pytest.raises(CardError, match="the card doesn't show the picture more.png"):
        checking.check(tmp_path, whole)
    (tmp_path / "pictures" / "more.png").unlink()
    (tmp_path / "pictures" / "rows-dark.png").unlink()
    with pytest.raises(CardError, match="the card shows a picture that isn't there: rows-dark.png"):
        checking.check(tmp_path, whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given.pop("configs"), "must have a list under 'configs'"),
        (lambda given: given["configs"].pop(), "`metadata` has the configs all, "),
        (lambda given: given["configs"].pop(0), "must have all, where others are, as default too"),
        (lambda given: given["configs"][0].update(data_files=[]), "as default too, only"),
        (
            lambda given: [given[key].pop(at) for key, at in (("configs", 1), ("dataset_info", 0))],
            "as default too, only",
        ),
        (
            lambda given: given["dataset_info"][0]["splits"][0].update(num_examples=7),
            "`metadata` says that all has {'train': 7, ",
        ),
        (
            lambda given: given["dataset_info"][0].update(config_name="most"),
            "and dataset_info of most, ",
        ),
    ],
)
def test_metadata_of_other_rows(facts, data, change, said):
    given = copy.deepcopy(data)
    metadata.check_given(given, facts)
    change(given)
    with pytest.raises(CardError) as raised:
        metadata.check_given(given, facts)
    assert said in str(raised.value)


@pytest.mark.parametrize("count", [1, 2, 7, 30, 1500])
def test_rows_to_make_anew_are_spread(count):
    categories = {id: CATEGORIES[id % len(CATEGORIES)] for id in range(count)}
    chosen = choose_ids(dict(reversed(categories.items())), 14)
    assert chosen == sorted(set(chosen)) and {0, count - 1} <= set(chosen)
    assert {categories[id] for id in chosen} == set(categories.values())
    assert min(count, 14) <= len(chosen) <= 14 + len(CATEGORIES)
    gaps = [after - before for before, after in itertools.pairwise(chosen)]
    assert max(gaps, default=0) <= count / 12 + 1


def test_sizes_have_the_hubs_names():
    sizes = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 10**5: "100K<n<1M", 10**8: "100M<n<1B"}
    assert {rows: metadata.find_size(rows) for rows in sizes} == sizes
