"""XLA's verdicts on modules that are known to be right, wrong, in between, or not to run."""

import pytest
from equivalence import EQUIVALENT, INPUTS, REFUSED, UNDECIDED, WRONG, Judge
from rowmaking import aval, expression
from xla_oracle import XlaError

from jax_ir_synth.schema.ir_section import read_section


@pytest.fixture(scope="module")
def judge():
    judge = Judge(20)
    yield judge
    judge.close()


def _module(*lines: str, kind: str = "f32") -> str:
    body = "\n".join(lines).replace("$", f"tensor<8x{kind}>").replace("#", f"tensor<{kind}>")
    return (
        f"func.func public @main(%x: tensor<8x{kind}>) -> tensor<8x{kind}> {{\n{body}\n"
        f"return %r : tensor<8x{kind}>\n}}"
    )


def _avals(dtype: str) -> list[dict]:
    return [{"name": "x", "shape": [8], "dtype": dtype, "low": 0.5, "high": 2.0}]


_SINE = _module("%r = stablehlo.sine %x : $")


def _scaled(number: str) -> tuple[str, ...]:
    return (
        "%s = stablehlo.sine %x : $",
        f"%c = stablehlo.constant dense<{number}> : $",
        "%r = stablehlo.multiply %s, %c : $",
    )


_ENDLESS = """
%t = stablehlo.constant dense<true> : tensor<i1>
%r = stablehlo.while(%i = %x) : $
cond {
  stablehlo.return %t : tensor<i1>
} do {
  %n = stablehlo.cosine %i : $
  stablehlo.return %n : $
}
"""


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        (("%r = stablehlo.sine %x : $",), EQUIVALENT),
        (("%n = stablehlo.negate %x : $", "%s = stablehlo.sine %n : $", "%r = stablehlo.negate %s : $"), EQUIVALENT),
        (_scaled("1.0"), EQUIVALENT),
        (_scaled("1.01"), WRONG),
        (_scaled("1.0001"), WRONG),
        # Ten units in the last place are neither rounding nor clearly more.
        (_scaled("1.000005"), UNDECIDED),
        (("%s = stablehlo.sine %x : $", "%r = stablehlo.reduce_precision %s, format = e8m7 : $"), WRONG),
        (("%r = stablehlo.nobody %x : $",), REFUSED),
    ],
)  # fmt: skip
def test_verdicts(lines, verdict, judge):
    assert judge.compare(_SINE, _avals("float32"), _module(*lines)).verdict == verdict


def test_another_signature_is_wrong(judge):
    other = _module("%r = stablehlo.sine %x : $").replace("8x", "9x")
    assert judge.compare(_SINE, _avals("float32"), other).verdict in (WRONG, REFUSED)


def test_sixteen_bits_are_compared_as_they_stand(judge):
    sine = _module("%r = stablehlo.sine %x : $", kind="bf16")
    # Read as float32 it is the sine, too.
    zero = _module(
        "%e = stablehlo.constant dense<0.000244140625> : $",
        "%o = stablehlo.constant dense<1.0> : $",
        "%s = stablehlo.add %o, %e : $",
        "%d = stablehlo.subtract %s, %o : $",
        "%q = stablehlo.divide %d, %e : $",
        "%i = stablehlo.sine %x : $",
        "%r = stablehlo.multiply %i, %q : $",
        kind="bf16",
    )
    found = judge.compare(sine, _avals("bfloat16"), zero)
    assert (found.verdict, found.inputs) == (WRONG, INPUTS)
    assert found.size == pytest.approx(1.0)


def test_what_is_wrong_on_few_inputs_is_found(judge):
    rare = _module(
        "%f = stablehlo.slice %x [0:1] : ($) -> tensor<1xf32>",
        "%s = stablehlo.reshape %f : (tensor<1xf32>) -> #",
        "%l = stablehlo.constant dense<1.9> : #",
        "%p = stablehlo.compare GT, %s, %l : (#, #) -> tensor<i1>",
        "%c = stablehlo.cosine %x : $",
        "%t = stablehlo.sine %x : $",
        "%r = stablehlo.select %p, %c, %t : tensor<i1>, $",
    )
    found = judge.compare(_SINE, _avals("float32"), rare)
    assert found.verdict == WRONG
    assert 0 < found.inputs < INPUTS / 4


def test_what_never_ends_is_refused_and_the_next_one_is_judged():
    judge = Judge(20)
    try:
        found = judge.compare(_SINE, _avals("float32"), _module(*_ENDLESS.split("\n")))
        assert found.verdict == REFUSED
        assert "ended" in found.reason
        assert judge.compare(_SINE, _avals("float32"), _SINE).verdict == EQUIVALENT
    finally:
        judge.close()


def test_a_routine_that_knows_float32_alone_is_no_hindrance(judge):
    """Then the run in float32 decides."""
    row = expression("jnp.linalg.cholesky(x @ x.T + 9 * jnp.eye(4))", aval("x", (4, 4)))
    text = read_section(row["cpp"]).forward
    assert judge.compare(text, row["in_avals"], text).verdict == EQUIVALENT


def test_an_original_that_xla_refuses_is_an_error(judge):
    with pytest.raises(XlaError):
        judge.compare(_module("%r = stablehlo.nobody %x : $"), _avals("float32"), _SINE)
