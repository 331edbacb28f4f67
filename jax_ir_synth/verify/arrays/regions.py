"""What operations compute that take a function of two elements: reductions, windows, scatters.

The function is a region. Where it is one operation, NumPy's own reduction is used; otherwise, where
it is made of elementwise operations, it is called with whole arrays, which are folded in halves. So
the order of a reduction isn't the interpreter's; StableHLO leaves it open.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.verify.arrays import elementwise
from jax_ir_synth.verify.arrays.indices import find_scatter_windows
from jax_ir_synth.verify.arrays.tensors import Array, Unknown, read_constant, read_list, read_type

Arrays = list[Array]
Function = Callable[[Arrays], Arrays]
Combine = Callable[[Arrays, Arrays], Arrays]

_UFUNCS: dict[str, np.ufunc] = {
    "stablehlo.add": np.add,
    "stablehlo.and": np.bitwise_and,
    "stablehlo.maximum": np.maximum,
    "stablehlo.minimum": np.minimum,
    "stablehlo.multiply": np.multiply,
    "stablehlo.or": np.bitwise_or,
    "stablehlo.xor": np.bitwise_xor,
}
_OF_BOOLEANS: dict[str, np.ufunc] = {
    "stablehlo.add": np.logical_or,
    "stablehlo.multiply": np.logical_and,
}


def _find_ufunc(op: ir.Operation) -> np.ufunc | None:
    """Find the ufunc that an operation's region is."""
    (block,) = op.regions[0].blocks
    first, *rest = (each.operation for each in block.operations)
    if len(rest) != 1 or first.name not in _UFUNCS or len(block.arguments) != 2:
        return None
    if [*first.operands] not in ([*block.arguments], [*block.arguments][::-1]):
        return None
    if [*rest[0].operands] != [*first.results]:
        return None
    found = _UFUNCS[first.name]
    _, dtype = read_type(first.results[0])
    return _OF_BOOLEANS.get(first.name, found) if dtype.kind == "b" else found


def _make_combine(op: ir.Operation) -> Combine:
    """Make the region a function of two lists of arrays. Raises Unknown.

    It keeps nothing of MLIR, since it may outlive the module.
    """
    (block,) = op.regions[0].blocks
    places: dict[Value, int] = {value: k for k, value in enumerate(block.arguments)}
    steps: list[tuple[Callable[..., Any], list[int]]] = []

    def find(values: Iterable[Value]) -> list[int]:
        if any(value not in places for value in values):
            raise Unknown(f"{op.name} of a value from outside")
        return [places[value] for value in values]

    for each in block.operations:
        inner = each.operation
        if inner.name == "stablehlo.return":
            returned = find(inner.operands)
            break
        if inner.name == "stablehlo.constant":
            steps.append(((lambda x: lambda: x)(read_constant(inner)), []))
        elif inner.name in elementwise.MAKERS:
            for value in (*inner.operands, *inner.results):
                read_type(value)
            steps.append((elementwise.MAKERS[inner.name](inner), find(inner.operands)))
        else:
            raise Unknown(f"{inner.name} in {op.name}")
        places[inner.results[0]] = len(places)

    def combine(first: Arrays, second: Arrays) -> Arrays:
        values = [*first, *second]
        for function, operands in steps:
            values.append(function(*[values[k] for k in operands]))
        return [values[k] for k in returned]

    return combine


def _fold(combine: Combine, arrays: Arrays, start: Arrays) -> Arrays:
    """Fold arrays along their first axis, and with `start`."""
    while (size := arrays[0].shape[0]) > 1:
        half = size // 2
        rest = [x[2 * half :] for x in arrays]
        folded = combine([x[:half] for x in arrays], [x[half : 2 * half] for x in arrays])
        arrays = [np.concatenate(pair) for pair in zip(folded, rest, strict=True)]
    shape = arrays[0].shape[1:]
    first = [np.broadcast_to(x, shape) for x in start]
    if not arrays[0].shape[0]:
        return first
    return [np.asarray(x) for x in combine(first, [x[0] for x in arrays])]


def _make_reduce(op: ir.Operation) -> Function:
    axes = tuple(read_list(op, "dimensions"))
    number = len(op.operands) // 2
    ufunc = _find_ufunc(op) if number == 1 else None
    if ufunc is not None:
        reduction = ufunc

        def reduce_one(operands: Arrays) -> Arrays:
            x, start = operands
            return [np.asarray(reduction(reduction.reduce(x, axis=axes), start), x.dtype)]

        if all(size for size in read_type(op.operands[0])[0]):
            return reduce_one
    combine = _make_combine(op)

    def reduce(operands: Arrays) -> Arrays:
        arrays = [np.moveaxis(x, axes, range(len(axes))) for x in operands[:number]]
        flat = [x.reshape(math.prod(x.shape[: len(axes)]), *x.shape[len(axes) :]) for x in arrays]
        return _fold(combine, flat, operands[number:])

    return reduce


def _make_reduce_window(op: ir.Operation) -> Function:
    number = len(op.operands) // 2
    shape, _ = read_type(op.operands[0])
    rank = len(shape)
    window = read_list(op, "window_dimensions")
    strides, base, dilations = (
        read_list(op, name) if name in op.attributes else [1] * rank
        for name in ("window_strides", "base_dilations", "window_dilations")
    )
    padding = [(0, 0)] * rank
    if "padding" in op.attributes:
        padding = [(int(x), int(y)) for x, y in np.array(op.attributes["padding"])]
    if any(x != 1 for x in base) or any(x < 0 for pair in padding for x in pair):
        raise Unknown("a window over dilated or cut elements")
    ufunc, combine = (_find_ufunc(op) if number == 1 else None), _make_combine(op)
    steps: tuple[Any, ...] = tuple(slice(None, None, stride) for stride in strides)
    spans = [(size - 1) * step + 1 for size, step in zip(window, dilations, strict=True)]
    holes: tuple[Any, ...] = (..., *(slice(None, None, step) for step in dilations))
    axes = tuple(range(rank, 2 * rank))

    def reduce(operands: Arrays) -> Arrays:
        views = []
        for x, start in zip(operands[:number], operands[number:], strict=True):
            padded = np.pad(x, padding, constant_values=start)
            view = np.lib.stride_tricks.sliding_window_view(padded, spans)[steps]
            views.append(view[holes])
        if ufunc is not None:
            (start,) = operands[number:]
            return [np.asarray(ufunc(ufunc.reduce(views[0], axis=axes), start), views[0].dtype)]
        arrays = [np.moveaxis(x, axes, range(rank)) for x in views]
        flat = [x.reshape(-1, *x.shape[rank:]) for x in arrays]
        return _fold(combine, flat, operands[number:])

    return reduce


def _make_map(op: ir.Operation) -> Function:
    combine = _make_combine(op)
    return lambda operands: combine(operands, [])


def _make_scatter(op: ir.Operation) -> Function:
    if len(op.operands) != 3:
        raise Unknown("a scatter of several arrays")
    ufunc = _find_ufunc(op)
    keeps, replaces = (_returns_argument(op, k) for k in (0, 1))
    if ufunc is None and not keeps and not replaces:
        raise Unknown("a scatter by more than one operation")
    windows, order = find_scatter_windows(op)

    def scatter(operands: Arrays) -> Arrays:
        x, starts, updates = operands
        if keeps:
            return [x]
        where = np.stack(windows.locate(starts, clamps=False), axis=-1)
        # What lies outside is dropped.
        inside = ((where >= 0) & (where < x.shape)).all(axis=-1)
        places = tuple(where[inside].T)
        new = updates.transpose(order)[inside]
        found = x.copy()
        if ufunc is None:
            found[places] = new
        else:
            ufunc.at(found, places, new)
        return [found]

    return scatter


def _returns_argument(op: ir.Operation, number: int) -> bool:
    (block,) = op.regions[0].blocks
    first, *rest = (each.operation for each in block.operations)
    return not rest and [*first.operands] == [block.arguments[number]]


OPERATIONS = {
    "stablehlo.map": _make_map,
    "stablehlo.reduce": _make_reduce,
    "stablehlo.reduce_window": _make_reduce_window,
    "stablehlo.scatter": _make_scatter,
}


def make_function(op: ir.Operation) -> Function:
    """Make the function that computes an operation's results, if its types are known ones.

    Raises Unknown.
    """
    return OPERATIONS[op.name](op)
