"""Rewrites of operations on arrays: reductions, products, shapes, slices."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from rewriting_rules import Rule, Spelling, kinds_of
from splicing import FLOATS, INTEGERS, DoesNotApply, element, numbers, shape, splat, tensor


def _reducer(op: ir.Operation) -> str:
    """The operation that a reduction of one array applies."""
    body = op.regions[0].blocks[0].operations
    if len(op.operands) != 2 or len(body) != 2 or not numbers(op, "dimensions"):
        raise DoesNotApply
    return body[0].operation.name


def _reduced_dimension_by_dimension(op: ir.Operation) -> tuple:
    name, (*others, last) = _reducer(op), sorted(numbers(op, "dimensions"))
    if not others:
        raise DoesNotApply
    sizes = shape(op.operands[0])
    kept = tensor([n for k, n in enumerate(sizes) if k != last], element(op.operands[0]))
    return (
        f"%s = stablehlo.reduce(%a init: %b) applies {name} across dimensions = [{last}]"
        f" : ($a, $b) -> $s\n"
        f"%r = stablehlo.reduce(%s init: %b) applies {name} across dimensions = {others}"
        f" : ($s, $b) -> $r"
    ), {"s": kept}


def _reduced_by_halves(op: ir.Operation) -> tuple:
    name, dimensions = _reducer(op), numbers(op, "dimensions")
    sizes, first = shape(op.operands[0]), dimensions[0]
    half = sizes[first] // 2
    if not half:
        raise DoesNotApply
    kinds, lines = {}, []
    for part, (start, stop) in {"x": (0, half), "y": (half, sizes[first])}.items():
        bounds = ", ".join(
            f"{start}:{stop}" if k == first else f"0:{n}" for k, n in enumerate(sizes)
        )
        kinds[part] = tensor(
            [stop - start if k == first else n for k, n in enumerate(sizes)],
            element(op.operands[0]),
        )
        lines += [
            f"%{part} = stablehlo.slice %a [{bounds}] : ($a) -> ${part}",
            f"%{part}2 = stablehlo.reduce(%{part} init: %b) applies {name} across dimensions ="
            f" {dimensions} : (${part}, $b) -> $r",
        ]
    return "\n".join([*lines, f"%r = {name} %x2, %y2 : $r"]), kinds


def _reduced_as_product(op: ir.Operation) -> tuple:
    dimensions = numbers(op, "dimensions")
    if _reducer(op) != "stablehlo.add":
        raise DoesNotApply
    ones = tensor([shape(op.operands[0])[k] for k in dimensions], element(op.operands[0]))
    return (
        "%o = stablehlo.constant dense<1.0> : $o\n"
        f"%s = stablehlo.dot_general %a, %o, contracting_dims = {dimensions} x"
        f" {list(range(len(dimensions)))} : ($a, $o) -> $r\n"
        "%z = stablehlo.broadcast_in_dim %b, dims = [] : ($b) -> $r\n"
        "%r = stablehlo.add %s, %z : $r"
    ), {"o": ones}


class _Dot(NamedTuple):
    """A dot_general's dimensions, of its first operand and of its second."""

    batch: tuple[list[int], list[int]]
    contracted: tuple[list[int], list[int]]


def _dot(op: ir.Operation) -> _Dot:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    return _Dot(
        (list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)),
        (list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)),
    )


def _dot_text(operands: str, dot: _Dot, types: str) -> str:
    batch = f"batching_dims = {dot.batch[0]} x {dot.batch[1]}, " if dot.batch[0] else ""
    return (
        f"stablehlo.dot_general {operands}, {batch}contracting_dims ="
        f" {dot.contracted[0]} x {dot.contracted[1]} : {types}"
    )


def _dot_swapped(op: ir.Operation) -> tuple:
    dot = _dot(op)
    sizes, shared = shape(op.results[0]), len(dot.batch[0])
    mine = len(shape(op.operands[0])) - shared - len(dot.contracted[0])
    theirs = len(sizes) - shared - mine
    # Its result has the second operand's dimensions before the first one's.
    order = [*range(shared), *range(shared + theirs, len(sizes)), *range(shared, shared + theirs)]
    swapped = [*sizes[:shared], *sizes[shared + mine :], *sizes[shared : shared + mine]]
    text = _dot_text("%b, %a", _Dot(dot.batch[::-1], dot.contracted[::-1]), "($b, $a) -> $s")
    return (
        f"%s = {text}\n%r = stablehlo.transpose %s, dims = {order} : ($s) -> $r",
        {"s": tensor(swapped, element(op.results[0]))},
    )


def _dot_of_transposed(op: ir.Operation) -> tuple:
    dot, sizes = _dot(op), shape(op.operands[0])
    if len(sizes) < 2 or dot.batch[0]:
        raise DoesNotApply
    order = [*range(1, len(sizes)), 0]
    if [k for k in order if k not in dot.contracted[0]] != [
        k for k in range(len(sizes)) if k not in dot.contracted[0]
    ]:
        raise DoesNotApply
    moved = [order.index(k) for k in dot.contracted[0]]
    text = _dot_text(
        "%t, %b", dot._replace(contracted=(moved, dot.contracted[1])), "($t, $b) -> $r"
    )
    return (
        f"%t = stablehlo.transpose %a, dims = {order} : ($a) -> $t\n%r = {text}",
        {"t": tensor([sizes[k] for k in order], element(op.operands[0]))},
    )


def _plain_dot(op: ir.Operation) -> tuple:
    dot = _dot(op)
    if dot.batch[0] or dot.contracted != ([len(shape(op.operands[0])) - 1], [0]):
        raise DoesNotApply
    if max(len(shape(operand)) for operand in op.operands) > 2:
        raise DoesNotApply
    return "%r = stablehlo.dot %a, %b : ($a, $b) -> $r", {}


def _einsum(op: ir.Operation) -> tuple:
    dot = _dot(op)
    letters = iter("abcdefghijkl")
    left = [next(letters) for _ in shape(op.operands[0])]
    right = [next(letters) for _ in shape(op.operands[1])]
    for mine, theirs in ((dot.batch[0], dot.batch[1]), (dot.contracted[0], dot.contracted[1])):
        for i, j in zip(mine, theirs, strict=True):
            right[j] = left[i]
    batch = [left[k] for k in dot.batch[0]]
    gone = {*batch, *(left[k] for k in dot.contracted[0])}
    result = "".join([*batch, *(x for x in (*left, *right) if x not in gone)])
    config = f"{''.join(left)},{''.join(right)}->{result}"
    return (f'%r = "stablehlo.einsum"(%a, %b) {{einsum_config = "{config}"}} : ($a, $b) -> $r'), {}


def _product_summed(op: ir.Operation) -> tuple:
    dot, (left, right) = _dot(op), map(shape, op.operands)
    if (
        dot.batch[0]
        or len(dot.contracted[0]) != 1
        or element(op.operands[0]) != element(op.results[0])
    ):
        raise DoesNotApply
    (i,), (j,) = dot.contracted
    free_left = [k for k in range(len(left)) if k != i]
    free_right = [k for k in range(len(right)) if k != j]
    rank = len(free_left) + len(free_right)
    sizes = [*(left[k] for k in free_left), *(right[k] for k in free_right), left[i]]
    of_left = [rank if k == i else free_left.index(k) for k in range(len(left))]
    of_right = [rank if k == j else len(free_left) + free_right.index(k) for k in range(len(right))]
    if of_left != sorted(of_left) or of_right != sorted(of_right):
        raise DoesNotApply
    kind = element(op.results[0])
    return (
        f"%x = stablehlo.broadcast_in_dim %a, dims = {of_left} : ($a) -> $p\n"
        f"%y = stablehlo.broadcast_in_dim %b, dims = {of_right} : ($b) -> $p\n"
        "%p = stablehlo.multiply %x, %y : $p\n"
        "%z = stablehlo.constant dense<0.0> : $z\n"
        f"%r = stablehlo.reduce(%p init: %z) applies stablehlo.add across dimensions = [{rank}]"
        " : ($p, $z) -> $r"
    ), {"p": tensor(sizes, kind), "z": f"tensor<{kind}>"}


def _literal(values: list[int]) -> tuple[str, str]:
    """A constant of integers and its type."""
    kind = tensor([len(values)], "i32")
    return f"stablehlo.constant dense<{values or ''}> : {kind}", kind


def _to_the_results_shape(
    name: str, more: Callable[[ir.Operation], str] = lambda op: ""
) -> Spelling:
    """The operation's form that is given its result's shape as a value."""

    def spell(op: ir.Operation) -> tuple:
        constant, kind = _literal(shape(op.results[0]))
        return (f"%s = {constant}\n%r = stablehlo.{name} %a, %s{more(op)} : ($a, {kind}) -> $r"), {}

    return spell


def _dynamic_iota(op: ir.Operation) -> tuple:
    constant, kind = _literal(shape(op.results[0]))
    dimension = str(op.attributes["iota_dimension"]).split()[0]
    return (
        f"%s = {constant}\n%r = stablehlo.dynamic_iota %s, dim = {dimension} : ({kind}) -> $r",
        {},
    )


def _with_bounds(name: str, *attributes: str) -> Spelling:
    """The operation's form whose bounds are values."""

    def spell(op: ir.Operation) -> tuple:
        taken = ["%a", "%b"][: len(op.operands)]
        kinds = ["$a", "$b"][: len(op.operands)]
        lines = []
        for k, attribute in enumerate(attributes):
            values = numbers(op, attribute)
            if not values:
                raise DoesNotApply
            constant, kind = _literal(values)
            lines.append(f"%n{k} = {constant}")
            taken.append(f"%n{k}")
            kinds.append(kind)
        signature = f"({', '.join(kinds)}) -> $r"
        return "\n".join([*lines, f"%r = stablehlo.{name} {', '.join(taken)} : {signature}"]), {}

    return spell


def _dynamic_slice(op: ir.Operation) -> tuple:
    starts = numbers(op, "start_indices")
    if not starts or set(numbers(op, "strides")) != {1}:
        raise DoesNotApply
    lines = [f"%s{k} = stablehlo.constant dense<{n}> : tensor<i32>" for k, n in enumerate(starts)]
    given = ", ".join(f"%s{k}" for k in range(len(starts)))
    kinds = ", ".join(["$a", *["tensor<i32>"] * len(starts)])
    sizes = shape(op.results[0])
    return "\n".join(
        [*lines, f"%r = stablehlo.dynamic_slice %a, {given}, sizes = {sizes} : ({kinds}) -> $r"]
    ), {}


def _updated_in_zeros(op: ir.Operation) -> tuple:
    if len(op.operands) != 2:
        raise DoesNotApply
    dimension = int(str(op.attributes["dimension"]).split()[0])
    sizes = shape(op.operands[0])
    starts = [sizes[k] if k == dimension else 0 for k in range(len(sizes))]
    lines = ["%z = stablehlo.constant dense<0.0> : $r"]
    for which, value in (("o", 0), ("n", sizes[dimension])):
        lines.append(f"%{which} = stablehlo.constant dense<{value}> : tensor<i32>")
    first = ", ".join(["%o"] * len(sizes))
    second = ", ".join("%n" if n else "%o" for n in starts)
    kinds = ", ".join(["tensor<i32>"] * len(sizes))
    return "\n".join(
        [
            *lines,
            f"%s = stablehlo.dynamic_update_slice %z, %a, {first} : ($r, $a, {kinds}) -> $r",
            f"%r = stablehlo.dynamic_update_slice %s, %b, {second} : ($r, $b, {kinds}) -> $r",
        ]
    ), {}


def _broadcast(op: ir.Operation) -> tuple:
    dims, sizes = numbers(op, "broadcast_dimensions"), shape(op.results[0])
    new = len(sizes) - len(dims)
    if dims != [*range(new, len(sizes))] or shape(op.operands[0]) != sizes[new:]:
        raise DoesNotApply
    return f"%r = stablehlo.broadcast %a, sizes = {sizes[:new]} : ($a) -> $r", {}


def _broadcast_after_reshape(op: ir.Operation) -> tuple:
    dims, sizes = numbers(op, "broadcast_dimensions"), shape(op.results[0])
    if not sizes or dims != sorted(dims):
        raise DoesNotApply
    ones = [shape(op.operands[0])[dims.index(k)] if k in dims else 1 for k in range(len(sizes))]
    return (
        "%s = stablehlo.reshape %a : ($a) -> $s\n"
        f"%r = stablehlo.broadcast_in_dim %s, dims = {[*range(len(sizes))]} : ($s) -> $r"
    ), {"s": tensor(ones, element(op.operands[0]))}


def _folded_constant(op: ir.Operation) -> tuple:
    value = splat(op.operands[0])
    if value is None:
        raise DoesNotApply
    return f"%r = stablehlo.constant dense<{value:.9e}> : $r", {}


def _reshape_flat(op: ir.Operation) -> tuple:
    flat = tensor([prod(shape(op.operands[0]))], element(op.operands[0]))
    return (
        "%f = stablehlo.reshape %a : ($a) -> $f\n%r = stablehlo.reshape %f : ($f) -> $r",
        {"f": flat},
    )


def _as_broadcast(op: ir.Operation) -> tuple:
    given, sizes = shape(op.operands[0]), shape(op.results[0])
    dims, k = [], 0
    for number, size in enumerate(sizes):
        if k < len(given) and given[k] == size:
            dims.append(number)
            k += 1
        elif size != 1:
            raise DoesNotApply
    if k < len(given):
        raise DoesNotApply
    return f"%r = stablehlo.broadcast_in_dim %a, dims = {dims} : ($a) -> $r", {}


REWRITES = kinds_of(
    [
        Rule("reduction dimension by dimension", "reduce", _reduced_dimension_by_dimension),
        Rule("reduction by halves", "reduce", _reduced_by_halves),
        Rule("sum as a product with ones", "reduce", _reduced_as_product),
        Rule("dot_general turned round", "dot_general", _dot_swapped),
        Rule("dot_general of a transposed operand", "dot_general", _dot_of_transposed),
        Rule("dot_general as dot", "dot_general", _plain_dot),
        Rule("dot_general as einsum", "dot_general", _einsum),
        Rule("dot_general as a sum of products", "dot_general", _product_summed),
        Rule(
            "dynamic_broadcast_in_dim",
            "broadcast_in_dim",
            _to_the_results_shape(
                "dynamic_broadcast_in_dim",
                lambda op: f", dims = {numbers(op, 'broadcast_dimensions')}",
            ),
        ),
        Rule("dynamic_reshape", "reshape", _to_the_results_shape("dynamic_reshape")),
        Rule("dynamic_iota", "iota", _dynamic_iota, (*FLOATS, *INTEGERS)),
        Rule(
            "real_dynamic_slice",
            "slice",
            _with_bounds("real_dynamic_slice", "start_indices", "limit_indices", "strides"),
        ),
        Rule(
            "dynamic_pad",
            "pad",
            _with_bounds(
                "dynamic_pad", "edge_padding_low", "edge_padding_high", "interior_padding"
            ),
        ),
        Rule("slice as dynamic_slice", "slice", _dynamic_slice),
        Rule("concatenation by updates", "concatenate", _updated_in_zeros),
        Rule("broadcast_in_dim as broadcast", "broadcast_in_dim", _broadcast),
        Rule("broadcast_in_dim after a reshape", "broadcast_in_dim", _broadcast_after_reshape),
        Rule("broadcast constants folded", "broadcast_in_dim", _folded_constant),
        Rule("reshape over one dimension", "reshape", _reshape_flat),
        Rule("reshape as broadcast_in_dim", "reshape", _as_broadcast),
    ]
)
