"""NumPy computes what the interpreter computes, where it computes anything at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from operation_examples import example

from jax_ir_synth import kernels
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.parsing import open_module, parse_module
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.admission import Refused
from jax_ir_synth.verify.arrays import ArrayProgram, TooManyTurns, Unknown, regions, tensors
from jax_ir_synth.verify.arrays import operations as array_operations
from jax_ir_synth.verify.check import load_interpreter
from jax_ir_synth.verify.execution import execute_as_written, run_as_written
from jax_ir_synth.verify.interpreter import Program

load_interpreter()
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


def _assert_alike(found, meant, rate=5e-6):
    """Within a part of the largest element, infinities and NaN in the same places."""
    assert [x.dtype for x in found] == [x.dtype for x in meant]
    assert [x.shape for x in found] == [x.shape for x in meant]
    for x, y in zip(map(_numbers, found), map(_numbers, meant), strict=True):
        finite = np.isfinite(y)
        largest = np.abs(y[finite]).max(initial=0.0)
        np.testing.assert_array_equal(np.where(finite, 0, y), np.where(np.isfinite(x), 0, x))
        np.testing.assert_allclose(x[finite], y[finite], rtol=rate, atol=rate * largest)


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
    with open_module(text) as module:
        if (name, element) in VARIANTS:
            with pytest.raises(Unknown):
                ArrayProgram(module, 100)
        else:
            _assert_alike(ArrayProgram(module, 100)([]), meant)


@pytest.mark.parametrize("category", CATEGORIES)
def test_rows(category):
    known = 0
    for candidate in range(8):
        source = kernels.write(kernels.draw(category, 37, candidate))
        lowered = lower_source(
            source.python, source.name, source.in_avals, source.argnums, ("cpu",)
        )
        column = read_section(lowered.columns["cpu"])
        avals = [aval.described() for aval in source.in_avals]
        for text in (column.forward, column.backward):
            points = [draw_inputs(avals, seed) for seed in range(3)]
            try:
                with open_module(text) as module:
                    run = ArrayProgram(module, 10_000)
                    found = [run(x) for x in points]
            except Unknown:
                continue
            known += 1
            with open_module(text) as module:
                program = Program(module)
                for x, results in zip(points, found, strict=True):
                    _assert_alike(results, program(x), rate=2e-4)
    # Most of compound's have factorizations.
    assert known >= (2 if category == "compound" else 6)


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
    with open_module(LOOP) as module:
        run = ArrayProgram(module, 50)
        assert run([np.float32(2.5)]) == [100.0]
        with pytest.raises(TooManyTurns):
            run([np.float32(1.5)])


def test_an_endless_loop_is_refused_on_any_input():
    with run_as_written(LOOP) as run:
        assert run([np.float32(50.0)]) == [100.0]
        with pytest.raises(Refused, match="a loop of it takes more than [0-9,]+ turns"):
            run([np.float32(0.0)])


def test_a_function_that_calls_itself_is_unknown():
    with open_module(ITSELF) as module, pytest.raises(Unknown, match="calls itself"):
        ArrayProgram(module, 50)


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
    monkeypatch.setattr("jax_ir_synth.verify.arrays.program.make_function", lambda op: wrong)
    points = [[np.float32(x)] for x in (0.5, 1.0, 1.5)]
    found = execute_as_written(SINE, points)
    np.testing.assert_allclose(found, np.sin([[0.5], [1.0], [1.5]]), rtol=1e-6)
    assert calls == points


def test_short_floats_are_the_interpreters(calls):
    text = SINE.replace("f32", "bf16")
    points = [[np.float32(x)] for x in (0.5, 1.0)]
    assert execute_as_written(text, points) != []
    assert calls == points
    with open_module(text) as module, pytest.raises(Unknown, match="bf16"):
        ArrayProgram(module, 50)


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
        with open_module(text) as module:
            found = ArrayProgram(module, 100)(inputs)
        with open_module(text) as module:
            _assert_alike(found, Program(module)(inputs))


_FAR = np.array([0.5, -0.5, 2.7, -2.7, 1e10, -1e10, np.nan, np.inf, -np.inf, 127.6, 255.7], "f4")
_WHOLE = np.array([5, -5, 300, -300, 2**31 - 1, -(2**31)], np.int32)


@pytest.mark.parametrize("x", [_FAR, _WHOLE], ids=["floats", "integers"])
@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "uint32", "bool", "float32"])
def test_a_conversion_of_numbers_beyond_the_range(x, dtype):
    text = jax.jit(lambda y: jax.lax.convert_element_type(y, dtype)).lower(x).as_text()
    with open_module(text) as module:
        (found,) = ArrayProgram(module, 9)([x])
    with open_module(text) as module:
        np.testing.assert_array_equal(found, Program(module)([x])[0])
