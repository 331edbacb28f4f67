"""Masking removes names and numbers from a program, and leaves the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.masking import mask_module, mask_python

_VALUE = re.compile(r"%[\w$]+(:\d+)?(#\d+)?")


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("%0 = stablehlo.add %arg0, %cst_1 : tensor<4x8xf32>",
         "%0 = stablehlo.add %arg0, %cst_1 : tensor<_x_xf>"),
        ("%12#1, %c_3 : tensor<bf16>, tensor<2x16xui32>, tensor<5xi8>, tensor<5xi1>",
         "%12#1, %c_3 : tensor<f>, tensor<_x_xui>, tensor<_xi>, tensor<_xi1>"),
        ("constant dense<[[1.0, -2.5e-3], [0x7FC00000, 3.0]]> : tensor<2x2xf16>",
         "constant dense<_> : tensor<_x_xf>"),
        ("slice %0 [0:4, 1:16:2], dims = [1, 0], low = [-1]",
         "slice %0 [_:_, _:_:_], dims = [_, _], low = [_]"),
        ("contracting_dims = [1] x [0], dense<true> : tensor<i1>",
         "contracting_dims = [_] x [_], dense<_> : tensor<i1>"),
        ("custom_call @lapack_spotrf2_ffi(%0) {uplo = 76 : ui8}",
         "custom_call @lapack_spotrf2_ffi(%0) {uplo = _ : ui8}"),
        ("array<i64: 1, 20>, stablehlo.compare LT, %1, %2, FLOAT",
         "array<i64: _, _>, stablehlo.compare LT, %1, %2, FLOAT"),
    ],
)  # fmt: skip
def test_numbers_of_the_ir(line, masked):
    assert mask_module(line) == masked


def test_no_number_is_left_in_real_rows(good):
    for row in good:
        for text in (row["cpp"], row["cuda"]):
            for module in read_section(text)[3:5]:
                left = _VALUE.sub("", mask_module(module))
                # What remains: types of attributes, numbered functions, i1, and library names.
                left = re.sub(r'(?<= )u?i(8|32|64)\b|i64:|\bi1\b|@\w+|"[^"]*"', "", left)
                assert re.findall(r".*(?<![A-Za-z_])\d.*", left) == []


def test_functions_are_named_in_order():
    first, second = (
        f"module @jit_{a} {{\n"
        f"  func.func public @main() {{\n    call @{b}()\n    call @{c}()\n  }}\n"
        f"  func.func private @{b}() {{\n  }}\n  func.func private @{c}() {{\n  }}\n}}"
        for a, b, c in (("kernel_a", "relu", "_where_1"), ("kernel_b", "_where", "relu_0"))
    )
    assert mask_module(first) == mask_module(second)
    assert mask_module(first) != mask_module(first.replace("call @_where_1", "call @relu"))


_SOURCE = '''\
def kernel_{n}({a}, {b}, eps={k}):
    """{doc}"""
    def {f}({c}):
        return jnp.where({c} > {k}, {c}, {a})
    {d} = jnp.sum({b}, axis=-{j}).astype(jnp.float{w})
    return {f}({d}), jnp.full(({j}, {k}), eps)
'''

_IDENTIFIERS = st.lists(st.integers(0, 999), min_size=6, max_size=6, unique=True).map(
    lambda numbers: [f"name_{number}" for number in numbers]
)


def _avals(*kinds):
    return [{"dtype": dtype, "shape": shape} for dtype, shape in kinds]


@given(_IDENTIFIERS, st.integers(1, 9), st.integers(1, 99), st.sampled_from([16, 32]), st.text())
def test_names_and_numbers_of_a_source(names, j, k, w, doc):
    n, a, b, c, d, f = names
    doc = doc.encode("unicode_escape").decode().replace('"', "'").replace("\\", "/")
    text = _SOURCE.format(n=n, a=a, b=b, c=c, d=d, f=f, j=j, k=k, w=w, doc=doc)
    plain = _SOURCE.format(n="n", a="a", b="b", c="c", d="d", f="f", j=1, k=1, w=32, doc="")
    avals = _avals(("float32", [4, 8]), ("float32", [4, 8]))
    others = _avals(("bfloat16", [4, 1]), ("float16", [j, k]))
    assert mask_python(text, others) == mask_python(plain, avals)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x * 2.0", "2.0 * x"),
        ("x - y", "y - x"),
        ("jnp.sum(x, axis=0)", "jnp.sum(x, keepdims=0)"),
        ("jnp.sum(x, keepdims=True)", "jnp.sum(x, keepdims=False)"),
        ("jnp.sum(x, axis=0)", "jnp.sum(x, axis=(0, 1))"),
        ("jnp.einsum('ij,ij->i', x, y)", "jnp.einsum('ij,ij->j', x, y)"),
        ("jnp.exp(x)", "jnp.log(x)"),
        ("x.astype(jnp.int32)", "x.astype(jnp.float32)"),
        ("-x", "x"),
    ],
)
def test_structure_of_a_source_stays(one, other):
    avals = _avals(("float32", [4]), ("float32", [4]))
    first, second = (
        mask_python(f"def kernel_a(x, y):\n    return {text}\n", avals) for text in (one, other)
    )
    assert first != second


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("float32", [4]), ("bfloat16", [9]), True),
        (("float32", [4]), ("float32", [4, 4]), False),
        (("float32", [4]), ("int32", [4]), False),
        (("uint32", [4]), ("int32", [4]), False),
        (("bool", [4]), ("int32", [4]), False),
    ],
)
def test_arguments_count_by_rank_and_kind(one, other, same):
    first, second = (
        mask_python("def kernel_a(x):\n    return x\n", _avals(kind)) for kind in (one, other)
    )
    assert (first == second) is same
