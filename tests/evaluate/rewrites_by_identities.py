"""Rewrites that put an identity behind some of a module's values."""

from collections.abc import Callable
from math import prod

from jaxlib.mlir import ir
from splicing import FLOATS, DoesNotApply, after, element, main_of, shape, tensor
from variants import Kind, of_module

_PLACES = 4


def _transposed_twice(value: ir.Value) -> tuple:
    sizes = shape(value)
    if len(sizes) < 2:
        raise DoesNotApply
    order = [*range(len(sizes))][::-1]
    return (
        f"%t = stablehlo.transpose %a, dims = {order} : ($a) -> $t\n"
        f"%r = stablehlo.transpose %t, dims = {order} : ($t) -> $a"
    ), {"t": tensor(sizes[::-1], element(value))}


def _reshaped_twice(value: ir.Value) -> tuple:
    return (
        "%f = stablehlo.reshape %a : ($a) -> $f\n%r = stablehlo.reshape %f : ($f) -> $a",
        {"f": tensor([1, prod(shape(value))], element(value))},
    )


def _broadcast_and_sliced(value: ir.Value) -> tuple:
    sizes, kind = shape(value), element(value)
    bounds = ", ".join(f"{int(not k)}:{n}" for k, n in enumerate([2, *sizes]))
    return (
        f"%w = stablehlo.broadcast_in_dim %a, dims = {[k + 1 for k in range(len(sizes))]}"
        f" : ($a) -> $w\n%s = stablehlo.slice %w [{bounds}] : ($w) -> $s\n"
        "%r = stablehlo.reshape %s : ($s) -> $a"
    ), {"w": tensor([2, *sizes], kind), "s": tensor([1, *sizes], kind)}


def _padded_and_sliced(value: ir.Value) -> tuple:
    sizes, kind = shape(value), element(value)
    if not sizes:
        raise DoesNotApply
    rest = [0] * (len(sizes) - 1)
    bounds = ", ".join(f"{int(not k)}:{n + (not k)}" for k, n in enumerate(sizes))
    return (
        "%z = stablehlo.constant dense<7.0> : $s\n"
        f"%w = stablehlo.pad %a, %z, low = {[1, *rest]}, high = {[2, *rest]}, interior ="
        f" {[0, *rest]} : ($a, $s) -> $w\n"
        f"%r = stablehlo.slice %w [{bounds}] : ($w) -> $a"
    ), {"s": f"tensor<{kind}>", "w": tensor([sizes[0] + 3, *sizes[1:]], kind)}


def _halves_joined(value: ir.Value) -> tuple:
    sizes, kind = shape(value), element(value)
    if not sizes or sizes[0] < 2:
        raise DoesNotApply
    half, rest = sizes[0] // 2, "".join(f", 0:{n}" for n in sizes[1:])
    return (
        f"%x = stablehlo.slice %a [0:{half}{rest}] : ($a) -> $x\n"
        f"%y = stablehlo.slice %a [{half}:{sizes[0]}{rest}] : ($a) -> $y\n"
        "%r = stablehlo.concatenate %x, %y, dim = 0 : ($x, $y) -> $a"
    ), {"x": tensor([half, *sizes[1:]], kind), "y": tensor([sizes[0] - half, *sizes[1:]], kind)}


def _summed_alone(value: ir.Value) -> tuple:
    sizes, kind = shape(value), element(value)
    return (
        "%w = stablehlo.reshape %a : ($a) -> $w\n%z = stablehlo.constant dense<0.0> : $s\n"
        "%r = stablehlo.reduce(%w init: %z) applies stablehlo.add across dimensions = [0]"
        " : ($w, $s) -> $a"
    ), {"w": tensor([1, *sizes], kind), "s": f"tensor<{kind}>"}


def _as_bits(value: ir.Value) -> tuple:
    bits = {"f32": "i32"}.get(element(value), "i16")
    return (
        "%i = stablehlo.bitcast_convert %a : ($a) -> $i\n"
        "%r = stablehlo.bitcast_convert %i : ($i) -> $a"
    ), {"i": tensor(shape(value), bits)}


def _wider(value: ir.Value) -> tuple:
    return (
        "%w = stablehlo.convert %a : ($a) -> $w\n%r = stablehlo.convert %w : ($w) -> $a",
        {"w": tensor(shape(value), "f64")},
    )


def _selected_rows(value: ir.Value) -> tuple:
    sizes = shape(value)
    if not sizes:
        raise DoesNotApply
    return (
        "%i = stablehlo.iota dim = 0 : $i\n"
        '%r = "stablehlo.torch_index_select"(%a, %i) {batch_dims = 0 : i64, dim = 0 : i64}'
        " : ($a, $i) -> $a"
    ), {"i": tensor(sizes[:1], "i32")}


def _reversed_twice(value: ir.Value) -> tuple:
    if not shape(value):
        raise DoesNotApply
    return (
        "%t = stablehlo.reverse %a, dims = [0] : $a\n%r = stablehlo.reverse %t, dims = [0] : $a",
        {},
    )


_ALONE = {
    "zero added": "%z = stablehlo.constant dense<0.0> : $a\n%r = stablehlo.add %a, %z : $a",
    "product with one": "%o = stablehlo.constant dense<1.0> : $a\n%r = stablehlo.multiply %a, %o : $a",
    "negated twice": "%n = stablehlo.negate %a : $a\n%r = stablehlo.negate %n : $a",
    "behind a barrier": "%r = stablehlo.optimization_barrier %a : $a",
    "maximum with itself": "%r = stablehlo.maximum %a, %a : $a",
    "selected by true": "%p = stablehlo.constant dense<true> : tensor<i1>\n"
    "%z = stablehlo.constant dense<0.0> : $a\n%r = stablehlo.select %p, %a, %z : tensor<i1>, $a",
    "zero of CHLO added": '%z = "chlo.constant_like"(%a) {value = 0.0 : $e} : ($a) -> $a\n'
    "%r = stablehlo.add %a, %z : $a",
}
_SHAPED = {
    "transposed twice": _transposed_twice,
    "reshaped there and back": _reshaped_twice,
    "broadcast and sliced": _broadcast_and_sliced,
    "padded and sliced": _padded_and_sliced,
    "halves joined": _halves_joined,
    "summed over a dimension of one": _summed_alone,
    "as bits and back": _as_bits,
    "as float64 and back": _wider,
    "reversed twice": _reversed_twice,
    "all rows by torch_index_select": _selected_rows,
}


def _behind(name: str, text: Callable[[ir.Value], tuple]) -> Kind:
    """A rewrite that puts an identity behind some of the values in `main`."""

    def edit(module: ir.Module) -> None:
        block = main_of(module).regions[0].blocks[0]
        results = [result for op in block.operations for result in op.operation.results]
        floats = [value for value in (*block.arguments, *results) if element(value) in FLOATS]
        for value in floats[:: max(1, len(floats) // _PLACES)]:
            try:
                lines, types = text(value)
            except DoesNotApply:
                continue
            after(value, lines, **types)

    return of_module(name, edit)


REWRITES = [
    *(
        _behind(name, lambda value, text=text: (text, {"e": element(value)}))
        for name, text in _ALONE.items()
    ),
    *(_behind(name, text) for name, text in _SHAPED.items()),
]
