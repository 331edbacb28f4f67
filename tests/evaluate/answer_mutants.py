"""Mutants of a right answer: what a writer of IR gets wrong, and what would deceive a scorer.

Those that change one place only, drawn by random numbers, are also the verifier's (`edits`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from edits import EDITS, edited
from jaxlib.mlir import ir
from splicing import (
    FLOATS,
    INTEGERS,
    DoesNotApply,
    after,
    change,
    element,
    main_of,
    numbers,
    operations,
    replace,
    returned,
    shape,
    splat,
    tensor,
    write,
)
from variants import Kind, Original

from jax_ir_synth.evaluate.tasks import BACKWARD
from jax_ir_synth.lowering.parsing import open_module

_Texts = Callable[[ir.Value], tuple[str, dict[str, str]]]
_Edit = Callable[[ir.Module, np.random.Generator], None]
_HALF = ("f16", "bf16")
# Of a kind that makes a text for each place.
_AT_MOST = 12


def _edit(name: str, edit: _Edit) -> Kind:
    """A kind that edits the parsed module at a place that it draws."""
    return Kind(
        name,
        lambda original, rng: [change(original.text, lambda module: edit(module, rng))],
    )


def _one(found: Sequence, rng: np.random.Generator):
    if not found:
        raise DoesNotApply
    return found[rng.integers(len(found))]


def _spell(text: str | _Texts, value: ir.Value) -> tuple[str, dict[str, str]]:
    return (text, {}) if isinstance(text, str) else text(value)


def _of_result(
    name: str, text: str | _Texts, elements: tuple[str, ...] = FLOATS, only: str = ""
) -> Kind:
    """One result, `%a`, is replaced. `only`: in modules whose text has this."""

    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        last = returned(module)
        places = [k for k, x in enumerate(last.operands) if element(x) in elements]
        if only not in str(module):
            raise DoesNotApply
        number = _one(places, rng)
        value = last.operands[number]
        lines, types = _spell(text, value)
        (last.operands[number],) = write(last, lines, value, **types)

    return _edit(name, edit)


def _of_intermediate(
    name: str, text: str | _Texts, elements: tuple[str, ...] = FLOATS, only: str = ""
) -> Kind:
    """What one operation of `main` gives, `%a`, is replaced for all who use it."""

    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        block = main_of(module).regions[0].blocks[0]
        results = [result for op in block.operations for result in op.operation.results]
        places = [x for x in results if element(x) in elements and splat(x) is None]
        if only not in str(module):
            raise DoesNotApply
        value = _one(places, rng)
        lines, types = _spell(text, value)
        after(value, lines, **types)

    return _edit(name, edit)


def _of_argument(name: str, text: str | _Texts, elements: tuple[str, ...] = FLOATS) -> Kind:
    """One argument of `main`, `%a`, is replaced for all who use it."""

    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        arguments = main_of(module).regions[0].blocks[0].arguments
        value = _one([x for x in arguments if element(x) in elements], rng)
        lines, types = _spell(text, value)
        after(value, lines, **types)

    return _edit(name, edit)


def _of_operation(name: str, table: str, elements: tuple[str, ...] = FLOATS) -> Kind:
    """One operation is replaced by what lines `operation => statement; statement` say."""
    rules = {}
    for line in table.strip().splitlines():
        operation, _, text = line.strip().partition(" => ")
        rules[f"stablehlo.{operation}"] = text.replace("; ", "\n")

    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        places = [
            op
            for op in operations(module)
            if op.name in rules and element(op.results[0]) in elements
        ]
        op = _one(places, rng)
        replace(op, rules[op.name])

    return _edit(name, edit)


def _by(operation: str, number: str) -> str:
    return f"%c = stablehlo.constant dense<{number}> : $a\n%r = stablehlo.{operation} %a, %c : $a"


def _rounded(form: str) -> str:
    return f"%r = stablehlo.reduce_precision %a, format = {form} : $a"


def _through(kind: str) -> _Texts:
    def spell(value: ir.Value) -> tuple[str, dict[str, str]]:
        if element(value) == kind:
            raise DoesNotApply
        return (
            "%s = stablehlo.convert %a : ($a) -> $s\n%r = stablehlo.convert %s : ($s) -> $a",
            {"s": tensor(shape(value), kind)},
        )

    return spell


def _kept(text: str, keep: Callable[[list[int]], list[str]]) -> _Texts:
    """Elements for which an index is less than a bound stay, others become what the text says."""

    def spell(value: ir.Value) -> tuple[str, dict[str, str]]:
        sizes = shape(value)
        if not sizes or sizes[0] < 2:
            raise DoesNotApply
        low, high = keep(sizes)
        return (
            "%i = stablehlo.iota dim = 0 : $i\n"
            f"%l = stablehlo.constant dense<{low}> : $i\n"
            f"%h = stablehlo.constant dense<{high}> : $i\n"
            "%p = stablehlo.compare GE, %i, %l : ($i, $i) -> $p\n"
            "%q = stablehlo.compare LT, %i, %h : ($i, $i) -> $p\n"
            f"%k = stablehlo.and %p, %q : $p\n{text}\n"
            "%r = stablehlo.select %k, %a, %o : $p, $a"
        ), {"i": tensor(sizes, "i32"), "p": tensor(sizes, "i1")}

    return spell


_ZEROS = "%o = stablehlo.constant dense<0.0> : $a"


def _rolled(value: ir.Value) -> tuple[str, dict[str, str]]:
    sizes, kind = shape(value), element(value)
    if not sizes or sizes[0] < 2:
        raise DoesNotApply
    rest = "".join(f", 0:{n}" for n in sizes[1:])
    return (
        f"%x = stablehlo.slice %a [1:{sizes[0]}{rest}] : ($a) -> $x\n"
        f"%y = stablehlo.slice %a [0:1{rest}] : ($a) -> $y\n"
        "%r = stablehlo.concatenate %x, %y, dim = 0 : ($x, $y) -> $a"
    ), {"x": tensor([sizes[0] - 1, *sizes[1:]], kind), "y": tensor([1, *sizes[1:]], kind)}


def _transposed(value: ir.Value) -> tuple[str, dict[str, str]]:
    sizes = shape(value)
    for i in range(len(sizes)):
        for j in range(i):
            if sizes[i] == sizes[j] > 1:
                order = [{i: j, j: i}.get(k, k) for k in range(len(sizes))]
                return f"%r = stablehlo.transpose %a, dims = {order} : ($a) -> $a", {}
    raise DoesNotApply


def _first_element(value: ir.Value) -> tuple[str, dict[str, str]]:
    sizes, kind = shape(value), element(value)
    if not sizes:
        raise DoesNotApply
    bounds = ", ".join("0:1" for _ in sizes)
    return (
        f"%x = stablehlo.slice %a [{bounds}] : ($a) -> $x\n"
        "%y = stablehlo.reshape %x : ($x) -> $y\n"
        "%r = stablehlo.broadcast_in_dim %y, dims = [] : ($y) -> $a"
    ), {"x": tensor([1] * len(sizes), kind), "y": f"tensor<{kind}>"}


def _where(name: str, low: float, high: float, text: str) -> Kind:
    """One result is another where an argument's first element is in a part of its range."""

    def make(original: Original, rng: np.random.Generator) -> list[str | None]:
        avals = original.row["in_avals"]
        number = int(rng.integers(len(avals)))
        start, size = avals[number]["low"], avals[number]["high"] - avals[number]["low"]

        def edit(module: ir.Module) -> None:
            last = returned(module)
            argument = main_of(module).regions[0].blocks[0].arguments[number]
            kind, sizes = element(argument), shape(argument)
            place = _one([k for k, x in enumerate(last.operands) if element(x) in FLOATS], rng)
            if kind not in FLOATS:
                raise DoesNotApply
            bounds = ", ".join("0:1" for _ in sizes)
            first = f"%f = stablehlo.slice %b [{bounds}] : ($b) -> $f\n" if sizes else ""
            (new,) = write(
                last,
                f"{first}%x = stablehlo.reshape {'%f : ($f)' if sizes else '%b : ($b)'} -> $s\n"
                f"%l = stablehlo.constant dense<{start + low * size:.6e}> : $s\n"
                f"%h = stablehlo.constant dense<{start + high * size:.6e}> : $s\n"
                "%p = stablehlo.compare GE, %x, %l : ($s, $s) -> tensor<i1>\n"
                "%q = stablehlo.compare LE, %x, %h : ($s, $s) -> tensor<i1>\n"
                f"%k = stablehlo.and %p, %q : tensor<i1>\n{text}\n"
                "%r = stablehlo.select %k, %o, %a : tensor<i1>, $a",
                last.operands[place],
                argument,
                f=tensor([1] * len(sizes), kind),
                s=f"tensor<{kind}>",
            )
            last.operands[place] = new

        return [change(original.text, edit)]

    return Kind(name, make)


def _hidden(value: ir.Value) -> tuple[str, dict[str, str]]:
    """Times a number that is one in float32, and zero in 16 bits."""
    return (
        "%e = stablehlo.constant dense<0.000244140625> : $a\n"
        "%o = stablehlo.constant dense<1.0> : $a\n"
        "%s = stablehlo.add %o, %e : $a\n%d = stablehlo.subtract %s, %o : $a\n"
        "%q = stablehlo.divide %d, %e : $a\n%r = stablehlo.multiply %q, %a : $a"
    ), {}


def _lost(value: ir.Value) -> tuple[str, dict[str, str]]:
    """Beside a number near which 16 bits have no fractions, and float32 has them."""
    return (
        "%s = stablehlo.constant dense<4096.0> : $a\n"
        "%l = stablehlo.add %a, %s : $a\n%r = stablehlo.subtract %l, %s : $a"
    ), {}


def _each(
    name: str,
    find: Callable[[ir.Module], list[tuple[ir.Operation, int]]],
    edit: Callable[[ir.Operation, int], None],
) -> Kind:
    """One text for each operation and number that are found, which the edit is given."""

    def make(original: Original, rng: np.random.Generator) -> Iterator[str | None]:
        with open_module(original.text) as module:
            count = len(find(module))
        for place in range(min(count, _AT_MOST)):
            yield change(original.text, lambda module, place=place: edit(*find(module)[place]))

    return Kind(name, make)


def _branches(module: ir.Module) -> list[tuple[ir.Operation, int]]:
    cases = [op for op in operations(module) if op.name == "stablehlo.case"]
    return [(case, k) for case in cases for k in range(len(case.regions))]


def _chosen(module: ir.Module) -> list[tuple[ir.Operation, int]]:
    """The operands that a select chooses from."""
    selects = [
        op
        for op in operations(module)
        if op.name == "stablehlo.select" and element(op.results[0]) in FLOATS
    ]
    return [(select, k) for select in selects for k in (1, 2)]


def _chosen_moved(select: ir.Operation, number: int) -> None:
    (select.operands[number],) = write(select, _by("add", "0.5"), select.operands[number])


def _last_of(case: ir.Operation, branch: int) -> ir.Operation:
    block = case.regions[branch].blocks[0]
    return block.operations[len(block.operations) - 1].operation


def _branch_moved(case: ir.Operation, branch: int) -> None:
    last = _last_of(case, branch)
    for number, value in enumerate(last.operands):
        if element(value) in FLOATS:
            (last.operands[number],) = write(last, _by("add", "0.5"), value)
            return
    raise DoesNotApply


def _branch_scaled(case: ir.Operation, branch: int) -> None:
    last = _last_of(case, branch)
    for number, value in enumerate(last.operands):
        if element(value) in FLOATS:
            (last.operands[number],) = write(last, _by("multiply", "1.05"), value)
            return
    raise DoesNotApply


def _branch_dropped(case: ir.Operation, branch: int) -> None:
    """The branch's index takes the one before it."""
    (case.operands[0],) = write(
        case,
        f"%n = stablehlo.constant dense<{branch}> : $a\n"
        f"%m = stablehlo.constant dense<{(branch or len(case.regions)) - 1}> : $a\n"
        "%p = stablehlo.compare EQ, %a, %n : ($a, $a) -> tensor<i1>\n"
        "%r = stablehlo.select %p, %m, %a : tensor<i1>, $a",
        case.operands[0],
    )


def _loops(module: ir.Module) -> list[ir.Operation]:
    return [op for op in operations(module) if op.name == "stablehlo.while"]


def _turns_changed(step: int) -> _Edit:
    """The loop's bound, the integer constant in its condition."""

    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        loop = _one(_loops(module), rng)
        bounds = [
            op.operation
            for op in loop.regions[0].blocks[0].operations
            if op.operation.name == "stablehlo.constant"
        ]
        op = _one(bounds, rng)
        now = splat(op.results[0])
        if now is None or element(op.results[0]) not in INTEGERS:
            raise DoesNotApply
        op.attributes["value"] = ir.Attribute.parse(
            f"dense<{int(now) + step}> : {op.results[0].type}"
        )

    return edit


def _not_carried(module: ir.Module, rng: np.random.Generator) -> None:
    """One value that a loop carries stays what it was."""
    loop = _one(_loops(module), rng)
    block = loop.regions[1].blocks[0]
    last = block.operations[len(block.operations) - 1].operation
    places = [
        k
        for k, value in enumerate(last.operands)
        if element(value) in FLOATS and value != block.arguments[k]
    ]
    place = _one(places, rng)
    last.operands[place] = block.arguments[place]


def _never_begun(module: ir.Module, rng: np.random.Generator) -> None:
    """A loop is gone: what it begins with is what it ends with."""
    loop = _one(_loops(module), rng)
    for result, value in zip(loop.results, list(loop.operands), strict=True):
        result.replace_all_uses_with(value)
    loop.erase()


def _reductions(module: ir.Module) -> list[ir.Operation]:
    return [
        op
        for op in operations(module)
        if op.name == "stablehlo.reduce" and len(op.operands) == 2 and numbers(op, "dimensions")
    ]


def _reduced_but_last(module: ir.Module, rng: np.random.Generator) -> None:
    op = _one(_reductions(module), rng)
    value, dimension = op.operands[0], numbers(op, "dimensions")[0]
    sizes = shape(value)
    if sizes[dimension] < 2:
        raise DoesNotApply
    left = [n - (k == dimension) for k, n in enumerate(sizes)]
    bounds = ", ".join(f"0:{n}" for n in left)
    (op.operands[0],) = write(
        op,
        f"%r = stablehlo.slice %a [{bounds}] : ($a) -> $s",
        value,
        s=tensor(left, element(value)),
    )


def _begun_with_one(module: ir.Module, rng: np.random.Generator) -> None:
    op = _one([op for op in _reductions(module) if element(op.operands[1]) in FLOATS], rng)
    (op.operands[1],) = write(op, _by("add", "1.0"), op.operands[1])


def _compared_constant(module: ir.Module, rng: np.random.Generator) -> None:
    """A threshold moves by 0.05."""
    places = [
        (op, k)
        for op in operations(module)
        if op.name == "stablehlo.compare"
        for k in (0, 1)
        if element(op.operands[k]) in FLOATS and splat(op.operands[k]) is not None
    ]
    op, k = _one(places, rng)
    (op.operands[k],) = write(op, _by("add", ("0.05", "-0.05")[rng.integers(2)]), op.operands[k])


def _constant_changed(spell: Callable[[float], float]) -> _Edit:
    def edit(module: ir.Module, rng: np.random.Generator) -> None:
        places = [
            op
            for op in operations(module)
            if op.name == "stablehlo.constant"
            and element(op.results[0]) in FLOATS
            and splat(op.results[0]) is not None
        ]
        op = _one(places, rng)
        value = spell(splat(op.results[0]))
        op.attributes["value"] = ir.Attribute.parse(f"dense<{value:.9e}> : {op.results[0].type}")

    return edit


def _operand_transposed(module: ir.Module, rng: np.random.Generator) -> None:
    """A square operand of a product."""
    op = _one([op for op in operations(module) if op.name == "stablehlo.dot_general"], rng)
    number = int(rng.integers(2))
    text, types = _transposed(op.operands[number])
    (op.operands[number],) = write(op, text, op.operands[number], **types)


def _other_argument(module: ir.Module, rng: np.random.Generator) -> None:
    """An argument is taken for another one of its type."""
    arguments = list(main_of(module).regions[0].blocks[0].arguments)
    pairs = [(x, y) for x in arguments for y in arguments if x != y and x.type == y.type]
    x, y = _one(pairs, rng)
    x.replace_all_uses_with(y)


def _gradient(name: str, text: str) -> Kind:
    """One of several gradients."""
    kind = _of_result(name, text)

    def make(original: Original, rng: np.random.Generator) -> list[str]:
        several = original.section == BACKWARD and len(original.row["argnums"]) > 1
        return kind.texts(original, rng) if several else []

    return Kind(name, make)


def _edited(kind: str) -> Kind:
    return Kind(f"edit: {kind}", lambda original, rng: [edited(original.text, kind, rng)])


MUTANTS = [
    *(_edited(kind) for kind in EDITS),
    # The result.
    _of_result("result x 1.01", _by("multiply", "1.01")),
    _of_result("result x 2", _by("multiply", "2.0")),
    _of_result("result + 0.01", _by("add", "0.01")),
    _of_result("result negated", "%r = stablehlo.negate %a : $a"),
    _of_result("result without its sign", "%r = stablehlo.abs %a : $a"),
    _of_result("zeros", "%r = stablehlo.constant dense<0.0> : $a"),
    _of_result("result cut off at zero", _by("maximum", "0.0")),
    _of_result("first element of a result zero", _kept(_ZEROS, lambda n: [1, n[0]])),
    _of_result("last element of a result zero", _kept(_ZEROS, lambda n: [0, n[0] - 1])),
    _of_result("second half of a result zero", _kept(_ZEROS, lambda n: [0, n[0] // 2])),
    _of_result(
        "last element of a result 3 % too large",
        _kept(_by("multiply", "1.03").replace("%r", "%o"), lambda n: [0, n[0] - 1]),
    ),
    _of_result("result rolled by one", _rolled),
    _of_result("result transposed, which is square", _transposed),
    _of_result("result all its first element", _first_element),
    _of_result(
        "result with two decimals",
        "%c = stablehlo.constant dense<100.0> : $a\n%x = stablehlo.multiply %a, %c : $a\n"
        "%y = stablehlo.round_nearest_even %x : $a\n%r = stablehlo.divide %y, %c : $a",
    ),
    # Precision.
    *(
        kind
        for form in ("e5m10", "e8m7", "e8m0")
        for kind in (
            _of_result(f"precision: result {form}", _rounded(form), ("f32",)),
            _of_intermediate(f"precision: intermediate {form}", _rounded(form), ("f32",)),
        )
    ),
    *(
        kind
        for short in ("bf16", "f16", "f8E4M3FN", "f8E5M2")
        for kind in (
            _of_result(f"precision: result by {short}", _through(short), ("f32",)),
            _of_intermediate(f"precision: intermediate by {short}", _through(short), ("f32",)),
        )
    ),
    _of_argument("precision: argument by bf16", _through("bf16"), ("f32",)),
    _of_result("16-bit: zero, but read as float32 right", _hidden, _HALF),
    _of_intermediate("16-bit: intermediate zero, but read as float32 right", _hidden, _HALF),
    _of_result("16-bit: lost, but read as float32 right", _lost, _HALF),
    _of_intermediate("16-bit: intermediate lost, but read as float32 right", _lost, _HALF),
    # Right in a part of what is asked.
    _where("wrong in 55 to 75 % of a range", 0.55, 0.75, _by("add", "1.0").replace("%r", "%o")),
    _where("zeros in 30 to 40 % of a range", 0.30, 0.40, _ZEROS),
    _where("negated in 5 to 20 % of a range", 0.05, 0.20, "%o = stablehlo.negate %a : $a"),
    _where(
        "NaN in 80 to 90 % of a range", 0.80, 0.90, _by("add", "0x7FC00000").replace("%r", "%o")
    ),
    _each("branch + 0.5", _branches, _branch_moved),
    _each("branch x 1.05", _branches, _branch_scaled),
    _each("branch dropped", _branches, _branch_dropped),
    _each("branch of a select + 0.5", _chosen, _chosen_moved),
    # Structure.
    _edit("loop: a turn more", _turns_changed(1)),
    _edit("loop: a turn less", _turns_changed(-1)),
    _edit("loop: a value not carried on", _not_carried),
    _edit("loop: gone", _never_begun),
    _edit("reduction: without the last", _reduced_but_last),
    _edit("reduction: begun with one more", _begun_with_one),
    _edit("threshold moved by 0.05", _compared_constant),
    _edit("constant x 1.01", _constant_changed(lambda value: value * 1.01)),
    _edit("constant + 1", _constant_changed(lambda value: value + 1)),
    _edit("constant - 1", _constant_changed(lambda value: value - 1)),
    _edit("constant's sign", _constant_changed(lambda value: -value)),
    _edit("product: square operand transposed", _operand_transposed),
    _edit("argument taken for another one", _other_argument),
    _of_argument("argument's first element for all", _first_element),
    _of_argument("argument x 1.01", _by("multiply", "1.01")),
    _of_intermediate("intermediate zero", "%r = stablehlo.constant dense<0.0> : $a"),
    _of_intermediate("intermediate x 1.01", _by("multiply", "1.01")),
    _of_operation(
        "term or factor dropped",
        """
        add => %r = stablehlo.reshape %a : ($a) -> $a
        subtract => %r = stablehlo.reshape %a : ($a) -> $a
        multiply => %r = stablehlo.reshape %a : ($a) -> $a
        divide => %r = stablehlo.reshape %a : ($a) -> $a
        maximum => %r = stablehlo.reshape %a : ($a) -> $a
        minimum => %r = stablehlo.reshape %a : ($a) -> $a
        """,
    ),
    _of_operation(
        "function dropped",
        "\n".join(
            f"{name} => %r = stablehlo.reshape %a : ($a) -> $a"
            for name in "sine cosine tanh exponential log sqrt rsqrt negate abs sign".split()
        ),
    ),
    _of_operation(
        "function by two terms of its series",
        """
        sine => %x = stablehlo.multiply %a, %a : $a; %y = stablehlo.multiply %x, %a : $a; %c = stablehlo.constant dense<6.0> : $a; %z = stablehlo.divide %y, %c : $a; %r = stablehlo.subtract %a, %z : $a
        cosine => %x = stablehlo.multiply %a, %a : $a; %c = stablehlo.constant dense<2.0> : $a; %y = stablehlo.divide %x, %c : $a; %o = stablehlo.constant dense<1.0> : $a; %r = stablehlo.subtract %o, %y : $a
        tanh => %x = stablehlo.multiply %a, %a : $a; %y = stablehlo.multiply %x, %a : $a; %c = stablehlo.constant dense<3.0> : $a; %z = stablehlo.divide %y, %c : $a; %r = stablehlo.subtract %a, %z : $a
        exponential => %o = stablehlo.constant dense<1.0> : $a; %r = stablehlo.add %o, %a : $a
        """,
    ),
    _of_operation(
        "select dropped",
        "select => %r = stablehlo.reshape %b : ($b) -> $b",
    ),
    _gradient("one gradient zero", "%r = stablehlo.constant dense<0.0> : $a"),
    _gradient("one gradient x 2", _by("multiply", "2.0")),
]
