"""Checks that each of a row's columns is present, of its type, and consistent with the others."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow

from jax_ir_synth.lowering import hash_program
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.request.dialects import COMPILED, DIALECTS
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.ir_section import describe_missing_stablehlo
from jax_ir_synth.schema.row_view import IR_COLUMNS, TYPES, RowView
from jax_ir_synth.schema.verification import STATUSES, is_status

_MAIN = re.compile(r"func\.func public @main\((.*?)\) ->")
_TENSOR = re.compile(r"%arg\d+: tensor<([^>]*)>")
# MLIR's names for the dtypes; arguments of floating-point dtypes are differentiable.
_FLOATS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_ELEMENTS = _FLOATS | {"int32": "i32", "uint32": "ui32", "int8": "i8", "uint8": "ui8", "bool": "i1"}


class ConsistencyCheck:
    """A check (see `audit`) for incomplete or inconsistent rows.

    Args:
      filled: the IR columns that must not be null; by default those filled in the first row.
    """

    def __init__(self, filled: frozenset[str] | None = None):
        self._filled = filled
        self._ids: set[int] = set()

    def __call__(self, view: RowView) -> Iterator[str]:
        """Give the reasons why a row is wrong, one at a time."""
        # Each step relies on those before it, so the first that finds a fault is the last.
        for step in (
            self._check_columns,
            self._check_identity,
            _check_arguments,
            _check_source,
            _check_ir,
            _check_hash,
        ):
            reasons = list(step(view))
            yield from reasons
            if reasons:
                return

    def _check_columns(self, view: RowView) -> Iterator[str]:
        row = view.row
        missing = [field.name for field in SCHEMA if field.name not in row]
        if missing:
            yield f"it has no column {', '.join(missing)}"
            return
        if self._filled is None:
            self._filled = frozenset(view.texts)
        for field in SCHEMA:
            there = row[field.name] is not None
            if not there and (field.name not in IR_COLUMNS or field.name in self._filled):
                yield f"its {field.name} is null"
            if there and field.name in IR_COLUMNS and field.name not in self._filled:
                yield f"its {field.name} is filled, the first row's is null"
        if not _fits(row, SCHEMA):
            for field in SCHEMA:
                if not _fits(row, pyarrow.schema([field])):
                    value = f"{row[field.name]!r:.60}"
                    yield f"its {field.name} (={value}) is not of type {field.type}"
        if not view.texts:
            yield "it has no IR column that is filled"

    def _check_identity(self, view: RowView) -> Iterator[str]:
        row = view.row
        if row["id"] in self._ids:
            yield f"its id (={row['id']}) is an earlier row's too"
        self._ids.add(row["id"])
        if row["type"] not in TYPES:
            yield f"its type (={row['type']!r}) is not generate_ and a category, or own or real"
        if not is_status(row["verified"]):
            yield f"its verified (={row['verified']!r}) is none of {', '.join(map(repr, STATUSES))}"
        for name in ("program_hash", "skeleton_hash"):
            if not re.fullmatch("[0-9a-f]{32}", row[name]):
                yield f"its {name} (={row[name]!r}) is not 32 hex digits"


def _fits(row: Mapping[str, Any], schema: pyarrow.Schema) -> bool:
    try:
        (taken,) = pyarrow.RecordBatch.from_pylist([row], schema).to_pylist()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
        return False
    # Arrow accepts 1.5 as an integer, and makes it 1.
    return all(row[name] == value for name, value in taken.items())


def _check_source(view: RowView) -> Iterator[str]:
    row = view.row
    name = row["kernel_name"]
    is_kernel = name.startswith("kernel_") and row["python"].startswith(f"def {name}(")
    if not is_kernel and not view.is_collected:
        yield f"its python (={row['python'][:40]!r}) doesn't begin with def kernel_… of its name"
        return
    try:
        facts = view.facts
    except SyntaxError as error:
        yield f"its python doesn't parse: {error.msg} in line {error.lineno}"
        return
    except ValueError as error:
        yield f"its python is no program: {error}"
        return
    if facts.name != name:
        yield f"its python defines {facts.name} last, its kernel_name is {name}"
        return
    avals = view.row["in_avals"]
    names = tuple(aval["name"] for aval in avals)
    required = len(facts.arguments) - facts.defaults
    if facts.arguments[: len(names)] != names or required > len(names):
        yield f"its python takes {facts.arguments}, its in_avals are {names}"


def _check_arguments(view: RowView) -> Iterator[str]:
    avals, argnums = view.row["in_avals"], view.row["argnums"]
    for aval in avals:
        if any(aval.get(key) is None for key in ("name", "shape", "dtype", "low", "high")):
            yield f"its in_avals have an incomplete one (={aval!r:.80})"
            return
        if aval["dtype"] not in _ELEMENTS or any(size < 1 for size in aval["shape"]):
            yield f"its argument {_format_aval(aval)} is of no dtype and shape that rows have"
            return
        low, high = aval["low"], aval["high"]
        if not -math.inf < low <= high < math.inf:
            yield f"its argument {aval['name']} has no range (low={low}, high={high})"
    floats = [number for number, aval in enumerate(avals) if aval["dtype"] in _FLOATS]
    # A function that someone wrote needn't have a gradient.
    if argnums != floats and not (view.is_collected and not argnums):
        yield f"its argnums (={argnums}) are not its floating-point arguments {floats}"


def _check_ir(view: RowView) -> Iterator[str]:
    row = view.row
    try:
        sections = view.sections
        stablehlo = view.columns
        for module in dict.fromkeys(
            m for column in stablehlo.values() for m in column.passes.values()
        ):
            with open_module(module):
                pass
    except ValueError as error:
        yield f"its IR can't be read: {error}"
        return
    if not stablehlo:
        yield describe_missing_stablehlo(view.dialects)
    kinds = sorted(
        {kind for columns in sections.values() for each in columns for kind in each.passes}
    )
    for name, columns in sections.items():
        for column in columns:
            if column.backend != IR_COLUMNS[name]:
                yield f"its {name} is headed backend={column.backend}"
            if column.dialect not in DIALECTS:
                yield f"its {name} is headed dialect={column.dialect}"
            if (column.target != "") != (column.dialect in COMPILED):
                yield f"its {name} is headed dialect={column.dialect}, target={column.target}"
            if column.backward and list(column.argnums) != row["argnums"]:
                yield (
                    f"its {name} is headed argnums={column.argnums}, its argnums are "
                    f"{row['argnums']}"
                )
            empty = [kind for kind in kinds if not column.passes.get(kind, "").strip()]
            if column.argnums and not column.backward:
                empty = ["backward"]
            if empty:
                yield f"its {name} has an empty section of {column.dialect}: {', '.join(empty)}"
    if len({tuple(column.dialect for column in columns) for columns in sections.values()}) > 1:
        yield "its cpp and cuda are in different dialects"
    expected = [_format_tensor(aval) for aval in row["in_avals"]]
    for name, column in stablehlo.items():
        # The other passes take more than the function does.
        mains = [_MAIN.search(module) for module in column.modules]
        if None in mains:
            yield f"its {name} has a module whose main returns nothing"
            continue
        taken = [_TENSOR.findall(main[1]) for main in mains if main is not None]
        if any(each != expected for each in taken):
            yield f"its {name} takes {taken}, its in_avals are {expected}"


def _check_hash(view: RowView) -> Iterator[str]:
    # It is the hash of the CPU's modules, whatever the row's device.
    column, given = view.columns.get("cpp"), view.row["program_hash"]
    if column is not None and hash_program(column.forward, column.backward) != given:
        yield f"its program_hash (={given!r}) is not that of its IR"


def _format_tensor(aval: Mapping[str, Any]) -> str:
    return "x".join([*map(str, aval["shape"]), _ELEMENTS[aval["dtype"]]])


def _format_aval(aval: Mapping[str, Any]) -> str:
    return f"{aval['name']}: {aval['dtype']}[{','.join(map(str, aval['shape']))}]"
