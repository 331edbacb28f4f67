"""A row of any container is read as the same plain Python, or one line names the column."""

import csv
import json

import datasets
import numpy as np
import pandas
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_ir_synth.errors import UsageError
from jax_ir_synth.schema import row_reader
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.row_reader import list_rows, read_row

_NEEDED = ("id", "cpp", "cuda", "in_avals", "argnums")
_LISTS = ("in_avals", "argnums")


def _row(id: int = 3, cuda: str | None = None, avals: int = 3) -> dict:
    shapes = [[], [4, 3], [2]][:avals]
    return {
        "id": id,
        "kernel_name": "kernel_a",
        "python": 'def kernel_a(x):\n    return x + 1.0, "a, b"\n',
        "cpp": "# JAX\n\n",
        "cuda": cuda,
        "type": "generate_unary",
        "in_avals": [
            {"name": f"x{k}", "shape": shape, "dtype": "float32", "low": -0.5, "high": 1.25 + k}
            for k, shape in enumerate(shapes)
        ],
        "argnums": list(range(avals)),
        "program_hash": "a" * 32,
        "skeleton_hash": "b" * 32,
        "jax_version": "0.10.2",
        "verified": None,
    }


ROWS = [_row(3), _row(7, "# JAX\n", 1), _row(2**40, "", 2) | {"cuda": None, "verified": "yes"}]


class _Tensor:
    """What PyTorch gives; it converts itself by the same method as NumPy's arrays."""

    def __init__(self, value):
        self._value = value

    def tolist(self):
        return self._value


def _dataset() -> datasets.Dataset:
    return datasets.Dataset(pyarrow.Table.from_pylist(ROWS, schema=SCHEMA))


def _as_tensors(value):
    if isinstance(value, dict):
        return {name: _as_tensors(each) for name, each in value.items()}
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return [_as_tensors(each) for each in value]
    return value if isinstance(value, str | None) else _Tensor(value)


def _as_tuples(value):
    if isinstance(value, dict):
        return {name: _as_tuples(each) for name, each in value.items()}
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _with_text(rows, write) -> list[dict]:
    return [row | {name: write(row[name]) for name in _LISTS} for row in rows]


def _from_csv(write, tmp_path) -> list[dict]:
    """Through a file, with pandas as the reader: its nulls are NaN."""
    path = tmp_path / "rows.csv"
    write(path)
    return pandas.read_csv(path).to_dict("records")


def _write_json_text(path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, SCHEMA.names)
        writer.writeheader()
        writer.writerows(_with_text(ROWS, json.dumps))


_CONTAINERS = {
    "lists": lambda _: ROWS,
    "datasets": lambda _: _dataset(),
    "datasets, numpy": lambda _: _dataset().with_format("numpy"),
    "datasets, pandas": lambda _: _dataset().with_format("pandas"),
    "datasets, arrow": lambda _: _dataset().with_format("arrow"),
    "pandas": lambda _: _dataset().to_pandas(),
    "pandas, records": lambda _: _dataset().to_pandas().to_dict("records"),
    "pandas, series": lambda _: [row for _, row in _dataset().to_pandas().iterrows()],
    "pyarrow": lambda _: pyarrow.Table.from_pylist(ROWS, schema=SCHEMA),
    "tensors": lambda _: map(_as_tensors, ROWS),
    "tuples": lambda _: map(_as_tuples, ROWS),
    "NaN": lambda _: [{k: float("nan") if v is None else v for k, v in x.items()} for x in ROWS],
    "NA": lambda _: [{k: pandas.NA if v is None else v for k, v in x.items()} for x in ROWS],
    "a record of lists": lambda _: [
        row | {"in_avals": {k: [aval[k] for aval in row["in_avals"]] for k in row["in_avals"][0]}}
        for row in ROWS
    ],
    "JSON text": lambda _: _with_text(ROWS, json.dumps),
    "printed by Python": lambda _: _with_text(ROWS, repr),
    "printed by NumPy": lambda _: _with_text(_dataset().with_format("numpy"), str),
    "CSV of JSON": lambda tmp_path: _from_csv(_write_json_text, tmp_path),
    "CSV of datasets": lambda tmp_path: _from_csv(_dataset().to_csv, tmp_path),
    "CSV of pandas": lambda tmp_path: _from_csv(
        lambda path: pandas.DataFrame(ROWS).to_csv(path, index=False), tmp_path
    ),
}


def _types(value) -> object:
    if isinstance(value, dict):
        return {name: _types(each) for name, each in value.items()}
    return [*map(_types, value)] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("name", _CONTAINERS)
def test_each_container_gives_the_same_rows(name, tmp_path):
    found = [read_row(row, "it", SCHEMA.names) for row in list_rows(_CONTAINERS[name](tmp_path))]
    assert found == ROWS
    assert [*map(_types, found)] == [*map(_types, ROWS)]


def test_all_columns_of_the_schema_are_read_in_their_order():
    assert list(row_reader._READERS) == SCHEMA.names
    assert read_row(_row() | {"more": object()}, "it", _NEEDED) == _row()
    part = {name: _row()[name] for name in _NEEDED}
    assert read_row(part, "it", _NEEDED) == part


_WRONG = {
    "id": [None, "3", 3.5, True, [3], float("nan"), {}, np.array([3])],
    "kernel_name": [None, 1, [], float("nan")],
    "python": [None, 1, b"def", ["def"]],
    "cpp": [1, b"#", ["#"], True],
    "cuda": [1.5, {}, np.zeros(2)],
    "type": [None, 0],
    "in_avals": [
        None, 1, "text", "", "[", "[1]", [1], [None], [{}], "{'name': 'x'}", object(),
        "[" * 10_000, "f(1)", "__import__('os')", [_row()["in_avals"][0] | {"shape": [1.5]}],
        [_row()["in_avals"][0] | {"shape": None}], [_row()["in_avals"][0] | {"low": "-1"}],
        [_row()["in_avals"][0] | {"low": None}], [_row()["in_avals"][0] | {"dtype": 32}],
        {"name": ["x"], "shape": [[]], "dtype": ["float32"], "low": [0.0], "high": []},
    ],
    "argnums": [None, 0, "0", "x", [0.5], ["0"], [None], {"0": 1}, [True], np.array([0.5])],
    "program_hash": [None, 5],
    "skeleton_hash": [None, 5],
    "jax_version": [1, []],
    "verified": [True, 3],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in _WRONG.items() for value in values]
)
def test_what_cant_be_read_is_one_line_that_names_the_column(name, value):
    with pytest.raises(UsageError) as raised:
        read_row(_row() | {name: value}, "row 5", _NEEDED)
    said = str(raised.value)
    assert said.startswith(("row 5 has a", "row 5 has an")) and f" {name} (=" in said
    assert ") that must be a" in said
    assert "\n" not in said and len(said) < 300


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "row 5 must be a mapping of columns, it is of type NoneType"),
        ([_row()], "row 5 must be a mapping of columns, it is of type list"),
        ("text", "row 5 must be a mapping of columns, it is of type str"),
        (pandas.DataFrame(ROWS), "row 5 must be a mapping of columns, it is of type DataFrame"),
        ({}, "row 5 has no column id, cpp, cuda, in_avals, argnums"),
        ({"id": 3, "cpp": "", "cuda": ""}, "row 5 has no column in_avals, argnums"),
    ],
)
def test_what_is_no_row_is_one_line(row, said):
    with pytest.raises(UsageError) as raised:
        read_row(row, "row 5", _NEEDED)
    assert str(raised.value) == said


_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner) | inner.map(_Tensor)
    ),
    max_leaves=10,
)


@given(name=st.sampled_from(SCHEMA.names), value=_ANYTHING)
def test_any_value_is_read_as_its_type_or_refused_in_one_line(name, value):
    row = _row() | {name: value}
    try:
        found = read_row(row, "row 5", _NEEDED)
    except UsageError as error:
        assert f" {name} (=" in str(error) and "\n" not in str(error)
        return
    (read,) = pyarrow.RecordBatch.from_pylist([found | {"id": 3}], SCHEMA).to_pylist()
    assert read == found | {"id": 3} or "nan" in repr(read)


@given(st.lists(st.fixed_dictionaries({
    "name": st.text(), "shape": st.lists(st.integers(0, 9)), "dtype": st.text(),
    "low": _FLOATS, "high": _FLOATS,
})))  # fmt: skip
def test_text_is_read_back_whatever_it_holds(avals):
    for text in (json.dumps(avals), repr(avals)):
        assert read_row(_row() | {"in_avals": text}, "it", _NEEDED)["in_avals"] == avals
