"""What may be run, and what is refused in one line before it is: nothing else reaches the interpreter."""

import numpy as np
import pytest
from answering import answers

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.verify.interpreter import Program, Refused

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def module(body: str, more: str = "", kind: str = "tensor<2x3xf32>") -> str:
    return f"module @m {{\nfunc.func public @main(%x: tensor<2x3xf32>) -> {kind} {{\n{body}\nreturn %r : {kind}\n}}\n{more}\n}}"


def run(text: str, *inputs: np.ndarray) -> list[np.ndarray]:
    with open_module(text) as found:
        return Program(found)(inputs or [X])


def loop(condition: str, body: str = "%j = stablehlo.add %i, %one : tensor<i32>") -> str:
    return module(f"""%zero = stablehlo.constant dense<0> : tensor<i32>
%one = stablehlo.constant dense<1> : tensor<i32>
%k:2 = stablehlo.while(%i = %zero, %v = %x) : tensor<i32>, tensor<2x3xf32>
cond {{ {condition}
stablehlo.return %z : tensor<i1> }}
do {{ {body}
%w = stablehlo.add %v, %v : tensor<2x3xf32>
stablehlo.return %j, %w : tensor<i32>, tensor<2x3xf32> }}
%r = stablehlo.optimization_barrier %k#1 : tensor<2x3xf32>""")


def until(end: int, direction: str = "LT", how: str = "constant") -> str:
    bound = f"%c = stablehlo.constant dense<{end}> : tensor<i32>"
    if how == "computed":
        bound = f"%b = stablehlo.constant dense<{end - 1}> : tensor<i32>\n%c = stablehlo.add %b, %one : tensor<i32>"
    return f"{bound}\n%z = stablehlo.compare {direction}, %i, %c : (tensor<i32>, tensor<i32>) -> tensor<i1>"


@pytest.mark.parametrize(("direction", "turns"), [("LT", 5), ("LE", 6), ("NE", 5)])
@pytest.mark.parametrize("how", ["constant", "computed"])
def test_loops_take_the_turns_that_they_take(direction, turns, how):
    (result,) = run(loop(until(5, direction, how)))
    np.testing.assert_array_equal(result, X * 2**turns)


def test_a_loop_within_a_loop_and_in_a_function_is_bounded_too():
    inner = """%zero = stablehlo.constant dense<0> : tensor<i32>
%k = stablehlo.while(%i = %n) : tensor<i32>
cond { %z = stablehlo.compare NE, %i, %zero : (tensor<i32>, tensor<i32>) -> tensor<i1>
stablehlo.return %z : tensor<i1> }
do { %j = stablehlo.add %i, %i : tensor<i32>
stablehlo.return %j : tensor<i32> }
return %k : tensor<i32>"""
    function = f"func.func private @f(%n: tensor<i32>) -> tensor<i32> {{ {inner} }}"
    # 1 promote_single is zero after 32 turns, and zero stays zero.
    body = "%q = func.call @f(%i) : (tensor<i32>) -> tensor<i32>\n%j = stablehlo.add %q, %one : tensor<i32>"
    text = loop(until(5), body)
    with pytest.raises(Refused, match="^a loop of it takes more than 1,000 turns$"):
        run(text.replace("\n\n}", f"\n{function}\n}}"))


@pytest.mark.parametrize("condition", [
    "%z = stablehlo.constant dense<true> : tensor<i1>",
    "%z = stablehlo.compare GE, %i, %zero : (tensor<i32>, tensor<i32>) -> tensor<i1>",
    until(2**31 - 1, "LE"),
])  # fmt: skip
def test_an_endless_loop_ends(condition):
    with pytest.raises(Refused, match="^a loop of it takes more than 10,000 turns$"):
        run(loop(condition))


REFUSED = {
    "a counted loop that is too long": (loop(until(10**8)), "steps, above 20,000,000"),
    "a function that calls itself": (
        module("%r = func.call @f(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>",
               "func.func private @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> { %r = func.call @f(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>\nreturn %r : tensor<2x3xf32> }"),
        "its function @f calls itself",
    ),
    "a function without a body": (
        module("%r = func.call @f(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>",
               "func.func private @f(tensor<2x3xf32>) -> tensor<2x3xf32>"),
        "its function @f has no body",
    ),
    "another terminator": (
        module("%r = func.call @f(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>",
               "func.func private @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> { stablehlo.return %x : tensor<2x3xf32> }"),
        "a region of it ends with stablehlo.return, not func.return",
    ),
    "too many elements": (
        module("%c = stablehlo.constant dense<1.0> : tensor<f32>\n%b = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<f32>) -> tensor<8x8x8x8x8x8x8x8x8xf32>\n%r = stablehlo.abs %x : tensor<2x3xf32>"),
        "steps, above 20,000,000",
    ),
    "a result of 8**8 elements": (
        module("%c = stablehlo.constant dense<1.0> : tensor<f32>\n%b = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<f32>) -> tensor<8x8x8x8x8x8x8x8xf32>\n%r = stablehlo.sine %b : tensor<8x8x8x8x8x8x8x8xf32>",
               kind="tensor<8x8x8x8x8x8x8x8xf32>"),
        "steps, above 20,000,000",
    ),
    "a window without end": (
        module('%s = stablehlo.constant dense<0.0> : tensor<f32>\n%r = "stablehlo.reduce_window"(%x, %s) ({^bb0(%a: tensor<f32>, %b: tensor<f32>): stablehlo.return %a : tensor<f32>}) {window_dimensions = array<i64: 1, 1>, window_strides = array<i64: 200000000000, 1>, padding = dense<[[0, 200000000000], [0, 0]]> : tensor<2x2xi64>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>'),
        "steps, above 20,000,000",
    ),
    "a kind of elements": (
        module("%b = stablehlo.convert %x : (tensor<2x3xf32>) -> tensor<2x3xi4>\n%r = stablehlo.convert %b : (tensor<2x3xi4>) -> tensor<2x3xf32>"),
        "tensor<2x3xi4> is not run here",
    ),
    "a token": (
        module("%t = stablehlo.create_token : !stablehlo.token\n%u = stablehlo.optimization_barrier %t : !stablehlo.token\n%r = stablehlo.abs %x : tensor<2x3xf32>"),
        "stablehlo.create_token is run here only if nothing uses it",
    ),
    "an order of complex numbers": (
        module("%c = stablehlo.complex %x, %x : tensor<2x3xcomplex<f32>>\n%b = stablehlo.compare LT, %c, %c : (tensor<2x3xcomplex<f32>>, tensor<2x3xcomplex<f32>>) -> tensor<2x3xi1>\n%r = stablehlo.abs %x : tensor<2x3xf32>"),
        "stablehlo.compare of complex<f32>",
    ),
    "a convolution's batch behind its features": (
        module(
            "%k = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<2x1x3xf32>\n%l = stablehlo.constant dense<1.0> : tensor<1x1x4xf32>\n"
            "%c = stablehlo.convolution(%l, %k) dim_numbers = [f, b, 0]x[o, i, 0]->[f, b, 0], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x1x4xf32>, tensor<2x1x3xf32>) -> tensor<2x1x2xf32>\n"
            "%r = stablehlo.abs %x : tensor<2x3xf32>"
        ),
        "stablehlo.convolution whose result has its batch in dimension 1",
    ),
    "many dimensions": (
        module(f"%b = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<2x3x{'1x' * 40}f32>\n%r = stablehlo.abs %x : tensor<2x3xf32>"),
        "a tensor of 42 dimensions is not run here",
    ),
    "calls within calls": (
        module("%r = func.call @f0(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>",
               "\n".join(f"func.func private @f{k}(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {{ %r = func.call @f{k + 1}(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>\nreturn %r : tensor<2x3xf32> }}" for k in range(3000))
               + "\nfunc.func private @f3000(%x: tensor<2x3xf32>) -> tensor<2x3xf32> { return %x : tensor<2x3xf32> }"),
        "its regions and calls are more than 100 deep",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_run_is_refused_in_one_line(name):
    text, why = REFUSED[name]
    with open_module(text) as found, pytest.raises(Refused) as caught:
        Program(found)
    assert why in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("comparison", [
    "%z = stablehlo.constant dense<true> : tensor<i1>",
    "%z = stablehlo.compare NE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>",
    "%z = stablehlo.compare LE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>",
])  # fmt: skip
def test_a_sort_by_no_order_ends(comparison):
    """It ended the process: the interpreter's algorithm looked at what lies outside."""
    text = module(f"""%y = stablehlo.iota dim = 0 : tensor<1000xf32>
%q = "stablehlo.sort"(%y) ({{^bb0(%a: tensor<f32>, %b: tensor<f32>):
{comparison}
stablehlo.return %z : tensor<i1>}}) : (tensor<1000xf32>) -> tensor<1000xf32>
%r = stablehlo.abs %x : tensor<2x3xf32>""")
    assert [answer.kind for answer in answers([text], "verifier")] == ["value"]
    (result,) = run(text)
    np.testing.assert_array_equal(result, X)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32])
def test_integers_are_divided_by_zero_as_xla_divides_them(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    element = {"i": "i", "u": "ui"}[np.dtype(dtype).kind] + str(8 * np.dtype(dtype).itemsize)
    kind = f"tensor<4x{element}>"
    text = f"""func.func @main(%a: {kind}, %b: {kind}) -> ({kind}, {kind}) {{
%q = stablehlo.divide %a, %b : {kind}
%r = stablehlo.remainder %a, %b : {kind}
return %q, %r : {kind}, {kind} }}"""
    minus = np.array(-1).astype(dtype)
    a, b = np.array([7, low, 0, high], dtype), np.array([0, minus, 0, 2], dtype)
    quotient, rest = run(text, a, b)
    np.testing.assert_array_equal(quotient[[0, 2, 3]], np.array([minus, minus, high // 2], dtype))
    np.testing.assert_array_equal(rest[[0, 2, 3]], np.array([7, 0, high % 2], dtype))


EMPTY = {
    "a product over nothing": (
        "%e = stablehlo.slice %x [0:2, 0:0] : (tensor<2x3xf32>) -> tensor<2x0xf32>\n"
        "%r = stablehlo.dot_general %e, %e, contracting_dims = [1] x [1] : (tensor<2x0xf32>, tensor<2x0xf32>) -> tensor<2x2xf32>",
        "tensor<2x2xf32>", np.zeros((2, 2)),
    ),
    "an empty product": (
        "%e = stablehlo.slice %x [0:0, 0:3] : (tensor<2x3xf32>) -> tensor<0x3xf32>\n"
        "%r = stablehlo.dot_general %e, %x, contracting_dims = [1] x [1] : (tensor<0x3xf32>, tensor<2x3xf32>) -> tensor<0x2xf32>",
        "tensor<0x2xf32>", np.zeros((0, 2)),
    ),
    "a part put in front": (
        "%e = stablehlo.slice %x [0:2, 3:3] : (tensor<2x3xf32>) -> tensor<2x0xf32>\n"
        "%s = stablehlo.sine %e : tensor<2x0xf32>\n"
        "%r = stablehlo.concatenate %s, %x, dim = 1 : (tensor<2x0xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
        "tensor<2x3xf32>", X,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_empty_tensors(name):
    body, kind, right = EMPTY[name]
    text = module(body, kind=kind)
    assert [answer.kind for answer in answers([text], "verifier")] == ["value"]
    (result,) = run(text)
    np.testing.assert_array_equal(result, right)
    assert result.shape == right.shape


def test_an_argument_of_another_shape_is_refused():
    refused = pytest.raises(Refused, match=r"an argument is of shape \(3, 2\), it must be \(2, 3\)")
    with open_module(module("%r = stablehlo.abs %x : tensor<2x3xf32>")) as found, refused:
        Program(found)([X.T])
