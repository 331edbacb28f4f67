"""NumPy computes what the interpreter computes, where it computes anything at all."""

import gc
import secrets

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxlib.mlir import ir
from operation_examples import example

from jax_ir_synth import kernels
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.parsing import open_module, parse_module
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.admission import Refused
from jax_ir_synth.verify.arrays import (
    ArrayProgram,
    GaveUp,
    Unknown,
    Unreadable,
    regions,
    snippets,
    tensors,
)
from jax_ir_synth.verify.arrays import operations as array_operations
from jax_ir_synth.verify.check import load_interpreter
from jax_ir_synth.verify.execution import execute_as_written, run_as_written
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.promote import promote_half, promote_single

load_interpreter()


def _make(text: str, turns: int | None = None) -> ArrayProgram:
    """The program of a text that anyone may have written."""
    with open_module(text) as module:
        return ArrayProgram(str(module), turns)


CONTROL = {
    *("func.call", "stablehlo.while", "stablehlo.case", "stablehlo.if"),
    "stablehlo.optimization_barrier",
}
KNOWN = array_operations.OPERATIONS | regions.OPERATIONS.keys() | CONTROL
# A division of integers by zero ends the interpreter.
DIVISIONS = ("stablehlo.divide", "stablehlo.remainder")
PAIRS = [
    (name, element)
    for name in sorted(KNOWN & operations.RUN.keys())
    for element in tensors.DTYPES
    if element in operations.RUN[name] and not (name in DIVISIONS and "i" in element)
]
# Those that NumPy lacks, of operations that it has.
VARIANTS = {
    ("stablehlo.bitcast_convert", "i1"),
    ("stablehlo.dot_general", "i1"),
    *(("stablehlo.power", element) for element in tensors.DTYPES if "i" in element),
}


def _numbers(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def _assert_alike(found, meant, rate=5e-6, least=0.0):
    """Within a part of the largest element or `least`, infinities and NaN in the same places."""
    assert [x.dtype for x in found] == [x.dtype for x in meant]
    assert [x.shape for x in found] == [x.shape for x in meant]
    for x, y in zip(map(_numbers, found), map(_numbers, meant), strict=True):
        finite = np.isfinite(y)
        largest = np.abs(y[finite]).max(initial=0.0)
        np.testing.assert_array_equal(np.where(finite, 0, y), np.where(np.isfinite(x), 0, x))
        np.testing.assert_allclose(x[finite], y[finite], rtol=rate, atol=max(rate * largest, least))


def test_every_operation_is_one_that_the_interpreter_runs():
    assert operations.RUN.keys() >= KNOWN


@pytest.mark.parametrize(("name", "element"), PAIRS)
def test_an_operation(name, element):
    text = example(name, element)
    try:
        with open_module(text) as module:
            meant = Program(module)([])
    except ValueError as error:
        # What MLIR's verifier refuses stands for no program.
        assert "Unable to parse" in str(error)
        return
    if (name, element) in VARIANTS:
        with pytest.raises(Unknown):
            _make(text)
    else:
        _assert_alike(_make(text)([]), meant)


def _compare(text: str, points: list[list[np.ndarray]], rate: float, least: float = 0.0):
    """Compare both executors; `least` is the least tolerance, beside the largest number at hand."""
    # Rows' texts are read as they are.
    with open_module(text):
        run = ArrayProgram(text)
        found = [run(inputs) for inputs in points]
    with open_module(text) as module:
        program = Program(module)
        for inputs, results in zip(points, found, strict=True):
            meant = program(inputs)
            _assert_alike(results, meant, rate, least * _find_largest([*inputs, *meant]))


def _find_largest(arrays: list[np.ndarray]) -> float:
    return max(float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in map(_numbers, arrays))


def _widen(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def _compare_rows(category: str, seed: int, count: int) -> int:
    """Compare both executors on all points of a category's rows; return how many texts NumPy has."""
    known = 0
    for candidate in range(count):
        source = kernels.write(kernels.draw(category, seed, candidate))
        lowered = lower_source(
            source.python, source.name, source.in_avals, source.argnums, ("cpu",)
        )
        column = read_section(lowered.columns["cpu"])
        avals = [aval.described() for aval in source.in_avals]
        _, points = evaluate_reference(source.python, source.name, avals, source.argnums)
        for text in map(promote_half, (column.forward, column.backward)):
            try:
                _compare(text, [point.inputs for point in points], 2e-4)
            except Unreadable:
                raise
            except Unknown:
                continue
            except AssertionError:
                # Rounding may be the reason, where it decides something: not in 64 bits.
                inputs = [[_widen(x) for x in point.inputs] for point in points]
                # What should vanish there is as large as the rounding of its parts.
                _compare(promote_single(text), inputs, 1e-6, least=1e-9)
            known += 1
    return known


@pytest.mark.parametrize("category", CATEGORIES)
def test_rows(category):
    # Most of compound's have factorizations.
    assert _compare_rows(category, 37, 8) >= (2 if category == "compound" else 8)


@pytest.mark.slow
@pytest.mark.parametrize("category", CATEGORIES)
def test_many_rows(category):
    seed = secrets.randbits(32)
    known = _compare_rows(category, seed, 300)
    print(f"{category}, seed {seed}: {known} of 600 texts")
    assert known >= (300 if category == "compound" else 480)


LOOP = """module @m {
  func.func public @main(%x: tensor<f32>) -> tensor<f32> {
    %end = stablehlo.constant dense<100.0> : tensor<f32>
    %r = stablehlo.while(%y = %x) : tensor<f32> cond {
      %c = stablehlo.compare LT, %y, %end, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %z = stablehlo.add %y, %x : tensor<f32>
      stablehlo.return %z : tensor<f32>
    }
    return %r : tensor<f32>
  }
}"""
ITSELF = """module @m {
  func.func public @main(%x: tensor<f32>) -> tensor<f32> {
    %r = func.call @main(%x) : (tensor<f32>) -> tensor<f32>
    return %r : tensor<f32>
  }
}"""


def test_a_loop_takes_so_many_turns_at_most():
    run = _make(LOOP, 50)
    assert run([np.float32(2.5)]) == [100.0]
    with pytest.raises(GaveUp):
        run([np.float32(1.5)])


def test_an_endless_loop_is_refused_on_any_input():
    with run_as_written(LOOP) as run:
        assert run([np.float32(50.0)]) == [100.0]
        with pytest.raises(Refused, match="a loop of it takes more than [0-9,]+ turns"):
            run([np.float32(0.0)])


def test_a_function_that_calls_itself_is_unknown():
    with pytest.raises(Unknown, match="calls itself"):
        _make(ITSELF)


SINE = LOOP[: LOOP.index("    %end")] + (
    "    %r = stablehlo.sine %x : tensor<f32>\n    return %r : tensor<f32>\n  }\n}"
)


@pytest.fixture
def calls(monkeypatch):
    """The number of calls of the interpreter."""
    made = []
    real = Program.__call__
    monkeypatch.setattr(Program, "__call__", lambda self, x: made.append(x) or real(self, x))
    return made


def test_the_interpreter_runs_the_first_input_alone(calls):
    points = [[np.float32(x)] for x in (0.5, 1.0, 1.5)]
    found = execute_as_written(SINE, points)
    np.testing.assert_allclose(found, np.sin([[0.5], [1.0], [1.5]]), rtol=1e-6)
    assert calls == points[:1]


@pytest.mark.parametrize("wrong", [np.cos, lambda x: np.sin(x).astype(np.float64), np.atleast_1d])
def test_where_numpy_disagrees_the_interpreter_runs_all(wrong, calls, monkeypatch):
    monkeypatch.setattr("jax_ir_synth.verify.arrays.snippets.make_function", lambda op: wrong)
    monkeypatch.setattr("jax_ir_synth.verify.arrays.snippets._kept", {})
    points = [[np.float32(x)] for x in (0.5, 1.0, 1.5)]
    found = execute_as_written(SINE, points)
    np.testing.assert_allclose(found, np.sin([[0.5], [1.0], [1.5]]), rtol=1e-6)
    assert calls == points


def test_short_floats_are_the_interpreters(calls):
    text = SINE.replace("f32", "bf16")
    points = [[np.float32(x)] for x in (0.5, 1.0)]
    assert execute_as_written(text, points) != []
    assert calls == points
    with pytest.raises(Unknown, match="bf16"):
        _make(text)


def test_a_text_that_is_too_large_is_never_run_by_numpy():
    huge = SINE.replace(
        "    %r =", "    %h = stablehlo.constant dense<0.0> : tensor<1000000x1000000xf32>\n    %r ="
    )
    with open_module(huge) as module:
        assert parse_module(huge) is not module
    with pytest.raises(Refused):
        execute_as_written(huge, [[np.float32(0.5)]] * 2)


V, M, IS, T = (
    jax.ShapeDtypeStruct(shape, dtype)
    for shape, dtype in (((8,), "f4"), ((4, 6), "f4"), ((5,), "i4"), ((2, 3, 4), "f4"))
)
S = jax.ShapeDtypeStruct((), "int32")
# Each with indices beyond the ends.
INDEXED = {
    "one element": (lambda x, i: x[i], (V, S)),
    "one row": (lambda x, i: x[i], (M, S)),
    "one element of two dimensions": (lambda x, i: x[i, i], (M, S)),
    "elements": (lambda x, i: x[i], (V, IS)),
    "rows": (lambda x, i: x[i], (M, IS)),
    "columns": (lambda x, i: x[:, i], (M, IS)),
    "elements of two dimensions": (lambda x, i: x[i, i[::-1]], (M, IS)),
    "between slices": (lambda x, i: x[1:, i, :2], (T, IS)),
    "filled": (lambda x, i: jnp.take(x, i, axis=1, mode="fill"), (M, IS)),
    "clipped": (lambda x, i: jnp.take(x, i, axis=0, mode="clip"), (M, IS)),
    "along an axis": (lambda x, i: jnp.take_along_axis(x, i[:4, None], 1), (M, IS)),
    "mapped": (lambda x, i: jax.vmap(lambda y, j: y[j])(x, i[:4]), (M, IS)),
    "mapped slices": (
        lambda x, i: jax.vmap(lambda y, j: jax.lax.dynamic_slice(y, (j,), (3,)))(x, i[:4]),
        (M, IS),
    ),
    "set": (lambda x, i: x.at[i].set(x[0] * 2), (M, IS)),
    "one set": (lambda x, i: x.at[i].set(7.0), (V, S)),
    "one of two dimensions set": (lambda x, i: x.at[i, i].set(7.0), (M, S)),
    "added": (lambda x, i: x.at[i].add(x[1]), (M, IS)),
    "columns added": (lambda x, i: x.at[:, i].add(2.0), (M, IS)),
    "multiplied": (lambda x, i: x.at[i, i].multiply(3.0), (M, IS)),
    "the largest": (lambda x, i: x.at[i].max(0.25), (V, IS)),
    "the smallest": (lambda x, i: x.at[i].min(0.25), (V, IS)),
    "mapped and added": (lambda x, i: jax.vmap(lambda y, j: y.at[j].add(2.0))(x, i[:4]), (M, IS)),
    "segments": (lambda x, i: jax.ops.segment_sum(x[:5], i, num_segments=4), (V, IS)),
    "largest and where": (lambda x, i: (x[jnp.argmax(x)], jnp.argmin(x, 0) + i), (V, S)),
    "rows' largest": (lambda x, i: jnp.argmax(x, 1) + i, (M, S)),
    "windows": (
        lambda x, i: jax.lax.reduce_window(x, 1.0, jax.lax.mul, (2, 3), (1, 2), "SAME") + i,
        (M, S),
    ),
    "dilated windows": (
        lambda x, i: (
            jax.lax.reduce_window(
                x, 0.0, jax.lax.add, (2, 2), (1, 1), "VALID", window_dilation=(1, 2)
            )
            + i
        ),
        (M, S),
    ),
    "cumulative": (lambda x, i: jnp.cumsum(x, 1) * jnp.cumprod(x, 0) + i, (M, S)),
    "padded": (
        lambda x, i: jax.lax.pad(x, 2.0, ((1, -1, 2), (-2, 3, 0))) + i,
        (M, S),
    ),
}


@pytest.mark.parametrize("name", INDEXED)
def test_what_indices_and_windows_give(name):
    function, avals = INDEXED[name]
    text = jax.jit(function, keep_unused=True).lower(*avals).as_text()
    stream = np.random.default_rng(3)
    for _ in range(6):
        inputs = [
            np.asarray(stream.uniform(-1, 1, aval.shape), np.float32)
            if aval.dtype == np.float32
            else np.asarray(stream.integers(-9, 10, aval.shape), np.int32)
            for aval in avals
        ]
        found = _make(text)(inputs)
        with open_module(text) as module:
            _assert_alike(found, Program(module)(inputs))


_FAR = np.array([0.5, -0.5, 2.7, -2.7, 1e10, -1e10, np.nan, np.inf, -np.inf, 127.6, 255.7], "f4")
_WHOLE = np.array([5, -5, 300, -300, 2**31 - 1, -(2**31)], np.int32)


@pytest.mark.parametrize("x", [_FAR, _WHOLE], ids=["floats", "integers"])
@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "uint32", "bool", "float32"])
def test_a_conversion_of_numbers_beyond_the_range(x, dtype):
    text = jax.jit(lambda y: jax.lax.convert_element_type(y, dtype)).lower(x).as_text()
    (found,) = _make(text)([x])
    with open_module(text) as module:
        np.testing.assert_array_equal(found, Program(module)([x])[0])


JOINED = """module @m {
  func.func public @main(%x: tensor<4xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<i32>) {
    // A comment, names of one's own, another layout: MLIR reads that, and prints it anew.
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %none = stablehlo.constant dense<-1> : tensor<i32> %i = stablehlo.iota dim = 0 : tensor<4xi32>
    %best:2 = stablehlo.reduce(%x init: %zero), (%i init: %none) across dimensions = [0]
        : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
      reducer(%a: tensor<f32>, %c: tensor<f32>) (%b: tensor<i32>, %d: tensor<i32>) {
        %larger = stablehlo.compare GT, %a, %c : (tensor<f32>, tensor<f32>) -> tensor<i1>
        %value = stablehlo.select %larger, %a, %c : tensor<i1>, tensor<f32>
        %place = stablehlo.select %larger, %b, %d : tensor<i1>, tensor<i32>
        stablehlo.return %value, %place : tensor<f32>, tensor<i32>
      }
    func.call @"<lambda>.1"() : () -> ()
    %r:2 = "stablehlo.case"(%n) ({
      %0 = func.call @"<lambda>"(%best#0) : (tensor<f32>) -> tensor<f32>
      stablehlo.return %0, %best#1 : tensor<f32>, tensor<i32>
    }, {
      %0 = stablehlo.subtract %zero, %best#0 : tensor<f32>
      stablehlo.return %0, %none : tensor<f32>, tensor<i32>
    }) : (tensor<i32>) -> (tensor<f32>, tensor<i32>)
    return %r#0, %r#1 : tensor<f32>, tensor<i32>
  }
  func.func private @"<lambda>"(%x: tensor<f32>) -> tensor<f32> {
    %0 = "stablehlo.multiply"(%x, %x) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    return %0 : tensor<f32>
  }
  func.func private @"<lambda>.1"() {
    return
  }
}"""


@pytest.mark.parametrize("number", [0, 1])
def test_a_module_that_a_person_wrote(number, calls):
    inputs = [np.array([0.25, 3.0, 0.5, 1.0], np.float32), np.int32(number)]
    found = [execute_as_written(JOINED, [inputs, inputs])[1], _make(JOINED)(inputs)]
    assert len(calls) == 1
    for results in found:
        assert [float(x) for x in results] == ([9.0, 1.0] if number == 0 else [-3.0, -1.0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "module",
        "module {",
        "module {\n  func.func @main() {\n",
        "module {\n  func.func @main() -> tensor<f32> {\n    return %0 : tensor<f32>\n  }\n}",
        "#loc = loc(unknown)\n" + SINE,
        SINE.replace("\n", " "),
        SINE + "\n" + SINE,
        SINE.replace("@main", "@other"),
        LOOP,
        LOOP.replace(" cond {", "\n    cond {").replace("%y, %end", "%y, %unknown"),
    ],
)
def test_a_text_in_another_form_is_unreadable(text):
    with open_module(SINE), pytest.raises(Unknown):
        ArrayProgram(text)


@pytest.mark.parametrize("way", ["drop", "double", "swap", "cut"])
def test_no_damaged_text_ends_in_another_error(way):
    text = _print(JOINED)
    lines = text.split("\n")
    for k in range(len(lines) - 1):
        damaged = {
            "drop": [*lines[:k], *lines[k + 1 :]],
            "double": [*lines[: k + 1], *lines[k:]],
            "swap": [*lines[:k], lines[k + 1], lines[k], *lines[k + 2 :]],
            "cut": [*lines[:k], lines[k][: len(lines[k]) * 2 // 3], *lines[k + 1 :]],
        }[way]
        with open_module(SINE):
            try:
                ArrayProgram("\n".join(damaged))
            except Unknown:
                continue


def _print(text: str) -> str:
    with open_module(text) as module:
        return str(module)


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        *[("0.1", "f32"), ("1.17549435E-38", "f32"), ("3.40282347E+38", "f32"), ("1.0e-45", "f32")],
        *[("-0.0", "f32"), ("0x7FC00000", "f32"), ("0x7F800000", "f32"), ("0.1", "f64")],
        *[("-2147483648", "i32"), ("4294967295", "ui32"), ("-1", "i8"), ("255", "ui8")],
        *[("9223372036854775807", "i64"), ("18446744073709551615", "ui64"), ("true", "i1")],
        ("[0.1, -3.0e8, 16777217.0]", "3xf32"),
        ("[[1, -2], [3, 4]]", "2x2xi32"),
        ("[true, false]", "2xi1"),
        ("false", "2x3xi1"),
        ("2.5", "0xf32"),
        ("[]", "0xf32"),
        ("7", "2x1xui8"),
    ],
)
def test_a_constant_is_read_as_mlir_reads_it(elements, kind):
    text = (
        f"module {{ func.func @main() -> tensor<{kind}> {{\n"
        f"%0 = stablehlo.constant dense<{elements}> : tensor<{kind}>\n"
        f"return %0 : tensor<{kind}> }} }}"
    )
    with open_module(text) as module:
        (meant,) = [tensors.read_constant(module.body.operations[0].body.blocks[0].operations[0])]
    (found,) = _make(text)([])
    assert found.dtype == meant.dtype
    assert found.shape == meant.shape
    assert found.tobytes() == meant.tobytes()


def test_snippets_are_bounded_and_keep_nothing_of_mlir(monkeypatch):
    monkeypatch.setattr(snippets, "_kept", kept := {})
    monkeypatch.setattr(snippets, "_MOST_KEPT", 5)
    for number in range(12):
        x = np.float32(2)
        text = SINE.replace("stablehlo.sine %x", f"stablehlo.constant dense<{number}.5>")
        assert _make(text)([x]) == [number + 0.5]
        assert 0 < len(kept) <= 5
    monkeypatch.setattr(snippets, "_MOST_KEPT", 1000)
    before = _count_contexts()
    for _ in range(300):
        _make(JOINED)
    gc.collect()
    assert _count_contexts() <= before + 3


def _count_contexts() -> int:
    return sum(isinstance(each, ir.Context) for each in gc.get_objects())
