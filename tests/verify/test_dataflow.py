"""Modules of the same dataflow compute the same; whatever differs in a result differs there."""

import pytest

from jax_ir_synth.verify.dataflow import compute_the_same

T = "tensor<2x2xf32>"


def _main(body: str, result: str = "%r", rest: str = "") -> str:
    return f"""module @m {{
  func.func public @main(%a: {T}, %b: {T}) -> {T} {{
    {body}
    return {result} : {T}
  }}
  {rest}
}}"""


def _loop(step: str, end: int = 3) -> str:
    return _main(f"""%n = stablehlo.constant dense<0> : tensor<i32>
    %l:2 = stablehlo.while(%i = %n, %x = %a) : tensor<i32>, {T} cond {{
      %e = stablehlo.constant dense<{end}> : tensor<i32>
      %t = stablehlo.compare LT, %i, %e, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %t : tensor<i1>
    }} do {{
      %o = stablehlo.constant dense<1> : tensor<i32>
      %j = stablehlo.add %i, %o : tensor<i32>
      %y = {step} : {T}
      stablehlo.return %j, %y : tensor<i32>, {T}
    }}""").replace("return %r", "return %l#1")


def _constants(first: str) -> str:
    return _main(f"{first}\n    %r = stablehlo.add %a, %k : {T}")


def _broadcast(element: str, dims: str = "[]", shape: str = "") -> str:
    kind = f"tensor<{shape}f32>"
    return _constants(
        f"%c = stablehlo.constant dense<{element}> : {kind}\n"
        f"    %k = stablehlo.broadcast_in_dim %c, dims = {dims} : ({kind}) -> {T}"
    )


def _reduce(dimension: int, operation: str = "add") -> str:
    return _main(
        f"""%z = stablehlo.constant dense<0.0> : tensor<f32>
    %s = stablehlo.reduce(%a init: %z) applies stablehlo.{operation} across dimensions =
      [{dimension}] : ({T}, tensor<f32>) -> tensor<2xf32>
    %r = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<2xf32>) -> {T}"""
    )


BASE = _main(f"%s = stablehlo.sine %a : {T}\n    %r = stablehlo.add %s, %b : {T}")
SQUARE = f"""func.func private @square(%x: {T}) -> {T} {{
    %y = stablehlo.multiply %x, %x : {T}
    return %y : {T}
  }}"""

SAME = {
    "names": (BASE, BASE.replace("%s", "%other").replace("module @m", "module @n")),
    "operands": (BASE, BASE.replace("%s, %b", "%b, %s")),
    "a barrier": (
        BASE,
        _main(
            f"%s = stablehlo.sine %a : {T}\n"
            f"    %c, %d = stablehlo.optimization_barrier %b, %s : {T}, {T}\n"
            f"    %r = stablehlo.add %d, %c : {T}"
        ),
    ),
    "what isn't used": (
        BASE,
        BASE.replace("%r =", f"%u = stablehlo.divide %a, %b : {T}\n    %r ="),
    ),
    "the order": (
        _main(
            f"%s = stablehlo.sine %a : {T}\n    %c = stablehlo.cosine %b : {T}\n"
            f"    %r = stablehlo.subtract %s, %c : {T}"
        ),
        _main(
            f"%c = stablehlo.cosine %b : {T}\n    %s = stablehlo.sine %a : {T}\n"
            f"    %r = stablehlo.subtract %s, %c : {T}"
        ),
    ),
    "what is computed twice": (
        _main(f"%s = stablehlo.sine %a : {T}\n    %r = stablehlo.subtract %s, %s : {T}"),
        _main(
            f"%s = stablehlo.sine %a : {T}\n    %t = stablehlo.sine %a : {T}\n"
            f"    %r = stablehlo.subtract %s, %t : {T}"
        ),
    ),
    "a call": (
        _main(f"%r = stablehlo.multiply %a, %a : {T}"),
        _main(f"%r = call @square(%a) : ({T}) -> {T}", rest=SQUARE),
    ),
    "two calls": (
        _main(
            f"%s = stablehlo.multiply %a, %a : {T}\n    %t = stablehlo.multiply %b, %b : {T}\n"
            f"    %r = stablehlo.subtract %s, %t : {T}"
        ),
        _main(
            f"%t = call @square(%b) : ({T}) -> {T}\n    %s = call @square(%a) : ({T}) -> {T}\n"
            f"    %r = stablehlo.subtract %s, %t : {T}",
            rest=SQUARE,
        ),
    ),
    "a constant": (_broadcast("0.5"), _constants(f"%k = stablehlo.constant dense<0.5> : {T}")),
    "a constant in two steps": (_broadcast("0.5"), _broadcast("0.5", "[1]", "2x")),
    "conversion to the same type": (
        BASE,
        BASE.replace("%r =", f"%p = stablehlo.convert %s : ({T}) -> {T}\n    %r =").replace(
            "add %s", "add %p"
        ),
    ),
    "names in a loop": (
        _loop("stablehlo.subtract %x, %b"),
        _loop("stablehlo.subtract %x, %b").replace("%x", "%v"),
    ),
}
DIFFERENT = {
    "operands of a difference": (
        BASE.replace("stablehlo.add", "stablehlo.subtract"),
        BASE.replace("stablehlo.add %s, %b", "stablehlo.subtract %b, %s"),
    ),
    "another operation": (BASE, BASE.replace("sine", "cosine")),
    "another argument": (BASE, BASE.replace("sine %a", "sine %b")),
    "another result": (BASE, BASE.replace("return %r", "return %s")),
    "the arguments' order": (
        BASE.replace("stablehlo.add", "stablehlo.divide"),
        BASE.replace("stablehlo.add", "stablehlo.divide")
        .replace("%a: ", "%c: ")
        # Each name stands for the other argument.
        .replace("%b: ", "%a: ")
        .replace("%c: ", "%b: "),
    ),
    "a constant": (_broadcast("0.5"), _broadcast("0.500001")),
    "the sign of zero": (_broadcast("0.0"), _broadcast("-0.0")),
    "where a row is broadcast": (
        _broadcast("[1.0, 2.0]", "[0]", "2x"),
        _broadcast("[1.0, 2.0]", "[1]", "2x"),
    ),
    "an identity of other dimensions": (
        _main(f"%r = stablehlo.transpose %a, dims = [0, 1] : ({T}) -> {T}"),
        _main(f"%r = stablehlo.transpose %a, dims = [1, 0] : ({T}) -> {T}"),
    ),
    "a reduction's dimension": (_reduce(0), _reduce(1)),
    "a reduction's body": (_reduce(0), _reduce(0, "maximum")),
    "a loop's end": (
        _loop("stablehlo.subtract %x, %b"),
        _loop("stablehlo.subtract %x, %b", end=4),
    ),
    "a loop's step": (_loop("stablehlo.subtract %x, %b"), _loop("stablehlo.subtract %x, %a")),
    "a loop's own value": (_loop("stablehlo.subtract %x, %b"), _loop("stablehlo.subtract %b, %x")),
    "algebra, though it is equal": (
        _main(f"%s = stablehlo.negate %b : {T}\n    %r = stablehlo.add %a, %s : {T}"),
        _main(f"%r = stablehlo.subtract %a, %b : {T}"),
    ),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_what_makes_no_difference(pair):
    assert compute_the_same(*pair)


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_what_makes_a_difference(pair):
    assert not compute_the_same(*pair)
    assert all(compute_the_same(text, text) for text in pair)


def test_what_does_more_than_compute_is_never_the_same():
    random = _main(
        f"""%s = stablehlo.constant dense<2> : tensor<2xi64>
    %z = stablehlo.constant dense<0.0> : tensor<f32>
    %r = stablehlo.rng %z, %z, %s, distribution = UNIFORM :
      (tensor<f32>, tensor<f32>, tensor<2xi64>) -> {T}"""
    )
    effect = BASE.replace(
        "%r =",
        f"%e = stablehlo.custom_call @print(%a) {{has_side_effect = true}} : ({T}) -> {T}\n    %r =",
    )
    assert not compute_the_same(random, random)
    assert not compute_the_same(effect, BASE)


@pytest.mark.parametrize("other", ["(1.0,2.0)", "(1.0,2.5)", "(0.0,0.0)"])
def test_complex_constants(other):
    kind = "tensor<2x2xcomplex<f32>>"

    def text(number: str, name: str) -> str:
        return _main(
            f"{name} = stablehlo.constant dense<{number}> : {kind}\n"
            f"    %x = stablehlo.complex %a, %b : {kind}\n"
            f"    %y = stablehlo.multiply %x, {name} : {kind}\n"
            f"    %r = stablehlo.real %y : ({kind}) -> {T}"
        )

    first, second = text("(1.0,2.0)", "%c"), text(other, "%d")
    assert compute_the_same(first, second) == (other == "(1.0,2.0)")


def test_calls_that_double_end_soon():
    """Forty functions that each call the one before twice are 2^40 operations."""
    functions = [SQUARE.replace("@square", "@f0")]
    for k in range(1, 41):
        functions.append(f"""func.func private @f{k}(%x: {T}) -> {T} {{
    %y = call @f{k - 1}(%x) : ({T}) -> {T}
    %z = call @f{k - 1}(%y) : ({T}) -> {T}
    return %z : {T}
  }}""")
    for last in (20, 40):
        text = _main(f"%r = call @f{last}(%a) : ({T}) -> {T}", rest="\n".join(functions))
        assert not compute_the_same(text, text)


def test_a_function_that_calls_itself_is_never_the_same():
    forever = SQUARE.replace("stablehlo.multiply %x, %x", "call @square(%x)").replace(
        f": {T}\n    return", f": ({T}) -> {T}\n    return"
    )
    text = _main(f"%r = call @square(%a) : ({T}) -> {T}", rest=forever)
    assert not compute_the_same(text, text)
