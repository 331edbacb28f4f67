"""Rewrites of elementwise operations and of constants."""

from jaxlib.mlir import ir
from rewriting_rules import Rule, Spelling, kinds_of, read_table
from splicing import FLOATS, INTEGERS, DoesNotApply, element, shape, splat, tensor

_TABLE = """
== division as a product with the inverse
divide => %o = stablehlo.constant dense<1.0> : $r; %i = stablehlo.divide %o, %b : $r; %r = stablehlo.multiply %a, %i : $r
== difference as a sum
subtract => %n = stablehlo.negate %b : $r; %r = stablehlo.add %a, %n : $r
== sum as a difference
add => %n = stablehlo.negate %b : $r; %r = stablehlo.subtract %a, %n : $r
== negation as a difference from zero
negate => %z = stablehlo.constant dense<0.0> : $r; %r = stablehlo.subtract %z, %a : $r
== negation as a product with -1
negate => %m = stablehlo.constant dense<-1.0> : $r; %r = stablehlo.multiply %a, %m : $r
== maximum and minimum by a comparison
maximum => %p = stablehlo.compare GE, %a, %b : ($a, $b) -> $p; %r = stablehlo.select %p, %a, %b : $p, $r
minimum => %p = stablehlo.compare LE, %a, %b : ($a, $b) -> $p; %r = stablehlo.select %p, %a, %b : $p, $r
== absolute value as a maximum
abs => %n = stablehlo.negate %a : $r; %r = stablehlo.maximum %a, %n : $r
== absolute value by its sign
abs => %s = stablehlo.sign %a : $r; %r = stablehlo.multiply %a, %s : $r
== roots as powers
sqrt => %h = stablehlo.constant dense<0.5> : $r; %r = stablehlo.power %a, %h : $r
rsqrt => %h = stablehlo.constant dense<-0.5> : $r; %r = stablehlo.power %a, %h : $r
== inverse root by its root
rsqrt => %s = stablehlo.sqrt %a : $r; %o = stablehlo.constant dense<1.0> : $r; %r = stablehlo.divide %o, %s : $r
== square as a product
chlo.square => %r = stablehlo.multiply %a, %a : $r
== tanh by the logistic
tanh => %t = stablehlo.constant dense<2.0> : $r; %d = stablehlo.multiply %a, %t : $r; %l = stablehlo.logistic %d : $r; %m = stablehlo.multiply %l, %t : $r; %o = stablehlo.constant dense<1.0> : $r; %r = stablehlo.subtract %m, %o : $r
== exponential and logarithm by others
exponential_minus_one => %e = stablehlo.exponential %a : $r; %o = stablehlo.constant dense<1.0> : $r; %r = stablehlo.subtract %e, %o : $r
log_plus_one => %o = stablehlo.constant dense<1.0> : $r; %s = stablehlo.add %a, %o : $r; %r = stablehlo.log %s : $r
== clamp by maximum and minimum
clamp => %l = stablehlo.maximum %b, %a : $b; %r = stablehlo.minimum %l, %c : $r
== select by the opposite
select => %n = stablehlo.not %a : $a; %r = stablehlo.select %n, %c, %b : $a, $r
== tan of CHLO
tan => %r = chlo.tan %a : $a -> $r
== tangent by sine and cosine
tan => %s = stablehlo.sine %a : $r; %c = stablehlo.cosine %a : $r; %r = stablehlo.divide %s, %c : $r
"""


def _of_constant(text: str) -> Spelling:
    """For an operation whose second operand is a constant; `$c` is that, `$i` its inverse."""

    def spell(op: ir.Operation) -> tuple:
        value = splat(op.operands[1])
        if not value:
            raise DoesNotApply
        return text, {"c": f"{value:.9e}", "i": f"{1 / value:.9e}"}

    return spell


def _twice(op: ir.Operation) -> tuple:
    if splat(op.operands[1]) != 2:
        raise DoesNotApply
    return "%r = stablehlo.add %a, %a : $r", {}


def _associated(op: ir.Operation) -> tuple:
    inner = op.operands[0].owner
    if isinstance(inner, ir.Block) or inner.operation.name != op.name:
        raise DoesNotApply
    text = f"%s = {op.name} %b, %c : $r\n%r = {op.name} %a, %s : $r"
    return text, {}, [*inner.operation.operands, op.operands[1]]


def _logistic(op: ir.Operation) -> tuple:
    """For `1 / (1 + exp(-x))`, as JAX writes it."""
    value, chain = op.operands[1], []
    for name, operand in (("add", 1), ("exponential", 0), ("negate", 0)):
        if isinstance(value.owner, ir.Block) or value.owner.operation.name != f"stablehlo.{name}":
            raise DoesNotApply
        chain.append(value.owner.operation)
        value = chain[-1].operands[operand]
    if splat(op.operands[0]) != 1 or splat(chain[0].operands[0]) != 1:
        raise DoesNotApply
    return "%r = stablehlo.logistic %a : $r", {}, [value]


def _compare(op: ir.Operation, swapped: bool) -> tuple:
    now = str(op.attributes["comparison_direction"]).split()[-1].rstrip(">")
    suffix = ""
    if "compare_type" in op.attributes:
        suffix = f", {str(op.attributes['compare_type']).split()[-1].rstrip('>')}"
    if swapped:
        new = {"LT": "GT", "GT": "LT", "LE": "GE", "GE": "LE"}.get(now, now)
        return f"%r = stablehlo.compare {new}, %b, %a{suffix} : ($b, $a) -> $r", {}
    # Of NaN neither is true, but rows have none.
    new = {"LT": "GE", "GT": "LE", "LE": "GT", "GE": "LT", "EQ": "NE", "NE": "EQ"}[now]
    return (
        f"%n = stablehlo.compare {new}, %a, %b{suffix} : ($a, $b) -> $r\n%r = stablehlo.not %n : $r"
    ), {}


def _constant(text: str) -> Spelling:
    """For a constant that is one number, `$c`; `$h` is half of it, `$w` the type in float64."""

    def spell(op: ir.Operation) -> tuple:
        value = splat(op.results[0])
        if value is None:
            raise DoesNotApply
        wide = tensor(shape(op.results[0]), "f64")
        scalar = f"tensor<{element(op.results[0])}>"
        return text, {"c": f"{value:.9e}", "h": f"{value / 2:.9e}", "w": wide, "s": scalar}

    return spell


def _in_single(op: ir.Operation) -> tuple:
    """An elementwise operation of 16-bit floats, in float32."""
    names = "abc"[: len(op.operands)]
    wide = tensor(shape(op.results[0]), "f32")
    lines = [f"%w{n} = stablehlo.convert %{n} : (${n}) -> $w" for n in names]
    given = ", ".join(f"%w{n}" for n in names)
    return "\n".join(
        [
            *lines,
            f"%s = {op.name} {given} : $w",
            "%r = stablehlo.convert %s : ($w) -> $r",
        ]
    ), {"w": wide}


_ELEMENTWISE = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "tanh", "exponential",
                "log", "sine", "cosine", "sqrt", "rsqrt", "negate", "abs", "power")  # fmt: skip
_ANY = (*FLOATS, *INTEGERS, "i1")
_BROADCAST_FORMS = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power")

REWRITES = kinds_of(
    [
        *(
            Rule("operands commuted", name, f"%r = stablehlo.{name} %b, %a : $r", _ANY)
            for name in ("add", "multiply", "maximum", "minimum", "and", "or", "xor")
        ),
        Rule("sums associated otherwise", "add", _associated),
        Rule("products associated otherwise", "multiply", _associated),
        Rule("x * 2 as x + x", "multiply", _twice),
        Rule(
            "division by a constant as a product",
            "divide",
            _of_constant(
                "%c = stablehlo.constant dense<$i> : $r\n%r = stablehlo.multiply %a, %c : $r"
            ),
        ),
        Rule(
            "product with a constant as a division",
            "multiply",
            _of_constant(
                "%c = stablehlo.constant dense<$i> : $r\n%r = stablehlo.divide %a, %c : $r"
            ),
        ),
        *read_table(_TABLE),
        Rule("logistic as one operation", "divide", _logistic),
        Rule("comparison turned round", "compare", lambda op: _compare(op, True), ("i1",)),
        Rule("comparison negated", "compare", lambda op: _compare(op, False), ("i1",)),
        Rule(
            "or by and",
            "or",
            "%x = stablehlo.not %a : $r\n%y = stablehlo.not %b : $r\n"
            "%n = stablehlo.and %x, %y : $r\n%r = stablehlo.not %n : $r",
            ("i1",),
        ),
        Rule(
            "constants split into sums",
            "constant",
            _constant(
                "%x = stablehlo.constant dense<$h> : $r\n%y = stablehlo.constant dense<$h> : $r\n"
                "%r = stablehlo.add %x, %y : $r"
            ),
        ),
        Rule(
            "constants converted from float64",
            "constant",
            _constant(
                "%x = stablehlo.constant dense<$c> : $w\n%r = stablehlo.convert %x : ($w) -> $r"
            ),
        ),
        *(
            Rule(
                "broadcast_ forms of CHLO",
                name,
                f"%r = chlo.broadcast_{name} %a, %b : ($a, $b) -> $r",
            )
            for name in _BROADCAST_FORMS
        ),
        *(
            Rule("16-bit operations in float32", name, _in_single, ("f16", "bf16"))
            for name in _ELEMENTWISE
        ),
    ]
)
