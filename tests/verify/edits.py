"""Edits of a module in one place that leave it valid: what a writer of IR gets wrong, kind by kind."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.schema.ir_section import clean_module

# What is mistaken for what, whatever the dtype: a mutant that isn't a valid module is dropped.
_NEIGHBOURS = {
    "abs": ("negate",),
    "add": ("subtract", "multiply"),
    "and": ("or", "xor"),
    "atan2": ("divide",),
    "cbrt": ("sqrt",),
    "ceil": ("floor",),
    "cosine": ("sine",),
    "count_leading_zeros": ("popcnt",),
    "divide": ("multiply",),
    "exponential": ("exponential_minus_one",),
    "exponential_minus_one": ("exponential",),
    "floor": ("ceil",),
    "imag": ("real",),
    "log": ("log_plus_one",),
    "log_plus_one": ("log",),
    "logistic": ("tanh",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "multiply": ("divide", "add"),
    "negate": ("abs",),
    "not": ("negate",),
    "or": ("and", "xor"),
    "popcnt": ("count_leading_zeros",),
    "power": ("multiply",),
    "real": ("imag",),
    "remainder": ("divide",),
    "round_nearest_afz": ("floor",),
    "round_nearest_even": ("round_nearest_afz", "floor"),
    "rsqrt": ("sqrt",),
    "shift_left": ("shift_right_logical",),
    "shift_right_arithmetic": ("shift_right_logical",),
    "shift_right_logical": ("shift_right_arithmetic",),
    "sign": ("negate",),
    "sine": ("cosine",),
    "sqrt": ("rsqrt", "cbrt"),
    "subtract": ("add",),
    "tan": ("tanh",),
    "tanh": ("logistic",),
    "xor": ("or",),
}
_CHLO_NEIGHBOURS = {
    "acos": "asin", "acosh": "asinh", "asin": "acos", "asinh": "atan", "atan": "asinh", "atanh": "atan",
    "cosh": "sinh", "digamma": "lgamma", "erf": "erfc", "erf_inv": "erf", "erfc": "erf", "lgamma": "digamma",
    "sinh": "cosh", "square": "erf",
}  # fmt: skip
# Within what a reduction applies, where no order of the elements is promised.
_APPLIED = {
    "add": ("multiply", "maximum"), "and": ("or",), "maximum": ("minimum", "add"), "minimum": ("maximum", "add"),
    "multiply": ("add", "maximum"), "or": ("and",),
}  # fmt: skip
_APPLYING = (
    "stablehlo.reduce",
    "stablehlo.reduce_window",
    "stablehlo.scatter",
    "stablehlo.select_and_scatter",
)
_COMMUTATIVE = {
    f"stablehlo.{name}" for name in ("add", "multiply", "maximum", "minimum", "and", "or", "xor")
}
_RETURNS = ("func.return", "stablehlo.return")
_DIRECTIONS = {
    "LT": ("GT", "LE"), "GT": ("LT", "GE"), "LE": ("GE", "LT"), "GE": ("LE", "GT"), "EQ": ("NE",), "NE": ("EQ",),
}  # fmt: skip
_DIMENSION_LISTS = {"broadcast_in_dim": "broadcast_dimensions", "transpose": "permutation", "reduce": "dimensions",
                    "reverse": "dimensions"}  # fmt: skip
_DIMENSIONS = {"iota": "iota_dimension", "concatenate": "dimension", "sort": "dimension"}
_DIMENSION_NUMBERS = {"dot_general": "dot_dimension_numbers", "gather": "dimension_numbers",
                      "scatter": "scatter_dimension_numbers"}  # fmt: skip
_TRIES = 24

Edits = list[Callable[[], None]]


def edited(module: str, kind: str, rng: np.random.Generator) -> str | None:
    """The module's text with one edit of the kind at a place drawn by `rng`, or None where none is valid."""
    with open_module(module) as original:
        places = _places(original, kind, rng)
    for index, turn in places[:_TRIES]:
        with open_module(module) as changed:
            op, scope = list(_operations(changed))[index]
            with ir.Location.unknown():
                EDITS[kind](op, scope, rng)[turn]()
            try:
                changed.operation.verify()
                text = clean_module(str(changed))
            except ir.MLIRError:
                continue
            if text != module and _valid(text):
                return text
    return None


def _operation(op, scope, rng) -> Edits:
    dialect, _, name = op.name.partition(".")
    if dialect == "chlo":
        new = [f"chlo.{n}" for n in (_CHLO_NEIGHBOURS.get(name),) if n]
    else:
        table = _APPLIED if op.parent.name in _APPLYING else _NEIGHBOURS
        new = [f"stablehlo.{n}" for n in table.get(name, ())] if dialect == "stablehlo" else []
    return [partial(_rename, op, each) for each in new]


def _rename(op, name: str) -> None:
    with ir.InsertionPoint(op):
        made = ir.Operation.create(name, [r.type for r in op.results], list(op.operands))
    op.result.replace_all_uses_with(made.result)
    op.erase()


def _constant(op, scope, rng, float_type: bool) -> Edits:
    # MLIR's bindings can't read complex constants.
    if op.name != "stablehlo.constant" or "complex" in str(op.results[0].type):
        return []
    match = re.fullmatch(r"dense<([^\"]*)> : (tensor<.*>)", str(op.attributes["value"]))
    if match is None or bool(re.search(r"[<x]b?f\d+>", match[2])) != float_type:
        return []
    numbers = list(re.finditer(r"true|false|0x\w+|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", match[1]))

    def change(number) -> None:
        new = (_other_float if float_type else _other_integer)(number[0], rng)
        text = match[1][: number.start()] + new + match[1][number.end() :]
        op.attributes["value"] = ir.Attribute.parse(f"dense<{text}> : {match[2]}")

    return [partial(change, number) for number in numbers]


def _other_float(text: str, rng) -> str:
    if text.startswith("0x"):  # an infinity or NaN
        return "0.000000e+00"
    value = float(text)
    return f"{(1.1 * value, 0.5 * value, -value)[rng.integers(3)] if value else 1.0:.6e}"


def _other_integer(text: str, rng) -> str:
    if text in ("true", "false"):
        return "false" if text == "true" else "true"
    return str(int(text) + (-1 if rng.integers(2) and int(text) > 0 else 1))


def _operand_order(op, scope, rng) -> Edits:
    if op.name in _COMMUTATIVE or op.name in _RETURNS:
        return []
    return _swaps(op)


def _results_swapped(op, scope, rng) -> Edits:
    return _swaps(op) if op.name in _RETURNS else []


def _swaps(op) -> Edits:
    def swap(i, j):
        op.operands[i], op.operands[j] = op.operands[j], op.operands[i]

    values = list(op.operands)
    pairs = combinations(range(len(values)), 2)
    return [
        partial(swap, i, j)
        for i, j in pairs
        if values[i] != values[j] and values[i].type == values[j].type
    ]


def _other_operand(op, scope, rng) -> Edits:
    def replace(i):
        alike = [
            value
            for value in scope
            if value.type == op.operands[i].type and value != op.operands[i]
        ]
        if alike:
            op.operands[i] = alike[rng.integers(len(alike))]

    return [partial(replace, i) for i in range(len(op.operands))]


def _comparison(op, scope, rng) -> Edits:
    if op.name != "stablehlo.compare":
        return []
    spelling = "#stablehlo<comparison_direction {}>"
    now = next(
        d for d in _DIRECTIONS if str(op.attributes["comparison_direction"]) == spelling.format(d)
    )
    return [
        partial(_set, op, "comparison_direction", spelling.format(new)) for new in _DIRECTIONS[now]
    ]


def _dimension(op, scope, rng) -> Edits:
    name = op.name.removeprefix("stablehlo.")
    edits = []
    if attribute := _DIMENSION_LISTS.get(name):
        numbers = list(op.attributes[attribute])
        ordered = name in ("broadcast_in_dim", "transpose")
        for i, j in combinations(range(len(numbers) if ordered else 0), 2):
            swapped = [numbers[{i: j, j: i}.get(k, k)] for k in range(len(numbers))]
            edits.append(partial(_set, op, attribute, _array(swapped)))
        for i, new in ((i, numbers[i] + step) for i in range(len(numbers)) for step in (-1, 1)):
            if new >= 0 and new not in numbers:
                edits.append(
                    partial(_set, op, attribute, _array([*numbers[:i], new, *numbers[i + 1 :]]))
                )
    if attribute := _DIMENSIONS.get(name):
        now = int(str(op.attributes[attribute]).split()[0])
        edits += [
            partial(_set, op, attribute, f"{new} : i64") for new in (now - 1, now + 1) if new >= 0
        ]
    if attribute := _DIMENSION_NUMBERS.get(name):
        text = str(op.attributes[attribute])
        for number in re.finditer(r"\d+", text):
            for new in (int(number[0]) - 1, int(number[0]) + 1):
                if new >= 0:
                    edits.append(
                        partial(
                            _set,
                            op,
                            attribute,
                            f"{text[: number.start()]}{new}{text[number.end() :]}",
                        )
                    )
    return edits


def _bounds(op, scope, rng) -> Edits:
    """A window of the same size, one place further."""
    edits = []
    if op.name in ("stablehlo.slice", "stablehlo.pad"):
        sign = 1 if op.name == "stablehlo.slice" else -1
        first, last = (
            ("start_indices", "limit_indices")
            if sign == 1
            else ("edge_padding_low", "edge_padding_high")
        )
        low, high = list(op.attributes[first]), list(op.attributes[last])

        def shift(i, step):
            _set(op, first, _array([*low[:i], low[i] + step, *low[i + 1 :]]))
            _set(op, last, _array([*high[:i], high[i] + sign * step, *high[i + 1 :]]))

        for i, step in ((i, step) for i in range(len(low)) for step in (-1, 1)):
            if low[i] + step >= 0 and high[i] + sign * step >= 0:
                edits.append(partial(shift, i, step))
    elif (
        op.name.startswith("stablehlo.") and "padding" in op.attributes
    ):  # windows and convolutions
        text = str(op.attributes["padding"])
        for pair in re.finditer(r"\[(\d+), (\d+)\]", text):
            for new in ((int(pair[1]) + step, int(pair[2]) - step) for step in (-1, 1)):
                if min(new) >= 0:
                    moved = f"{text[: pair.start()]}{list(new)}{text[pair.end() :]}"
                    edits.append(partial(_set, op, "padding", moved))
    return edits


EDITS = {
    "operation": _operation,
    "float constant": partial(_constant, float_type=True),
    "integer constant": partial(_constant, float_type=False),
    "operand order": _operand_order,
    "other operand": _other_operand,
    "comparison": _comparison,
    "dimension": _dimension,
    "bounds": _bounds,
    "results swapped": _results_swapped,
}


def _operations(module) -> Iterator[tuple[ir.Operation, list]]:
    """Every operation within the module's functions, with the values that it may use."""

    def inside(block, above):
        values = [*above, *block.arguments]
        for op in block.operations:
            op = op.operation
            yield op, list(values)
            sees = op.name in ("stablehlo.case", "stablehlo.while")
            for region in op.regions:
                for each in region.blocks:
                    yield from inside(each, values if sees else ())
            values.extend(op.results)

    for function in module.body.operations:
        for block in function.regions[0].blocks:
            yield from inside(block, ())


def _places(module, kind: str, rng) -> list[tuple[int, int]]:
    """(operation's number, edit's number) in the order in which to try them.

    Names take turns, so that frequent operations don't crowd out others.
    """
    by_name: dict[str, list] = {}
    for index, (op, scope) in enumerate(_operations(module)):
        for turn in range(len(EDITS[kind](op, scope, rng))):
            by_name.setdefault(op.name, []).append((index, turn))
    ranked = []
    for name in sorted(by_name):
        order = rng.permutation(len(by_name[name]))
        ranked += [(rank, rng.random(), by_name[name][k]) for rank, k in enumerate(order)]
    return [place for _, _, place in sorted(ranked)]


def _array(numbers) -> str:
    return f"array<i64: {', '.join(map(str, numbers))}>" if numbers else "array<i64>"


def _set(op, attribute: str, text: str) -> None:
    op.attributes[attribute] = ir.Attribute.parse(text)


def _valid(text: str) -> bool:
    try:
        with open_module(text):
            return True
    except ValueError:
        return False
