"""A completion gets the first rung that it fails at; what computes the right thing passes."""

import re

import numpy as np
import pytest
from rowmaking import aval, expression, scaled

from jax_ir_synth.evaluate import expectation
from jax_ir_synth.evaluate.expectation import Unjudgeable
from jax_ir_synth.evaluate.judgement import RUNGS
from jax_ir_synth.evaluate.judging import LONGEST, REFERENCE, describe_programs, judge
from jax_ir_synth.evaluate.tasks import TASKS, reference
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify import tolerance
from jax_ir_synth.verify.execution import execute_as_written

_X = aval("x", (4, 3), low=-2.0, high=2.0)
_Y = aval("y", (4, 3), low=-2.0, high=2.0)
_CHOLESKY = "jnp.linalg.cholesky(x @ x.T + 9 * jnp.eye(4))"


def module(body: str, takes: str = "tensor<4x3xf32>", gives: str = "tensor<4x3xf32>") -> str:
    arguments = ", ".join(f"%arg{k}: {kind}" for k, kind in enumerate(takes.split(", ")))
    return f"module @m {{\n  func.func public @main({arguments}) -> {gives} {{\n{body}\n  }}\n}}"


def row(text: str = "x * jnp.sin(y)", *avals) -> dict:
    return {"id": 7, **expression(text, *(avals or (_X, _Y)))}


def answer(made: dict, task: str = "forward") -> str:
    if task == "cuda":
        return made["cuda"]
    (text,) = reference(made, TASKS[task]).modules.values()
    return text


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    request = Request(seed=11, count=4 * len(CATEGORIES), verify=False)
    return [make_row(request, planned) for planned in plan_rows(request)]


def test_references_pass_every_task(rows):
    asked = dict.fromkeys(TASKS, 0)
    for made in [*rows, row(_CHOLESKY, _X)]:
        for name, task in TASKS.items():
            if reference(made, task) is None:
                continue
            asked[name] += 1
            judged = judge(f"```mlir\n{answer(made, name)}\n```", made, name)
            assert judged.passed, (made["id"], name, judged)
            assert judged.exact and judged.renamed and judged.similarity == 1
    assert all(asked.values()), asked


def test_the_forward_pass_is_no_backward_pass(rows):
    for made in rows:
        if answer(made, "forward").count("tensor") != answer(made, "backward").count("tensor"):
            judged = judge(answer(made, "forward"), made, "backward")
            assert judged.rung in ("signature", "numeric"), (made["id"], judged)


_RETURN = "    return %arg0 : tensor<4x3xf32>"
_BOTH = "tensor<4x3xf32>, tensor<4x3xf32>"
_WRONG = {
    "no_code": ("I can't do that.", "it holds no module or function"),
    "parse": (module("    return %arg9 : tensor<4x3xf32>", _BOTH), "undeclared SSA value"),
    "verify": (
        module("    %0 = stablehlo.transpose %arg0, dims = [0, 0] : "
               "(tensor<4x3xf32>) -> tensor<4x3xf32>\n" + _RETURN, _BOTH),
        "permutation must be a permutation of [0, 1]",
    ),
    "signature": (
        module(_RETURN),
        "forward: it takes (float32[4,3]), it must be (float32[4,3], float32[4,3])",
    ),
    "unsupported": (
        module("    %0 = stablehlo.custom_call @anything(%arg0) : "
               "(tensor<4x3xf32>) -> tensor<4x3xf32>\n" + _RETURN, _BOTH),
        "custom_call @anything is not known",
    ),
    "execute": (
        module("    %0 = stablehlo.constant dense<0.0> : tensor<100000x100000xf32>\n" + _RETURN, _BOTH),
        "forward: it takes some 1e+10 steps, above 20,000,000",
    ),
    "numeric": (module(_RETURN, _BOTH), "times what rounding explains"),
}  # fmt: skip


@pytest.mark.parametrize("rung", _WRONG)
def test_each_rung_has_its_own_faults(rung):
    completion, reason = _WRONG[rung]
    reached = []
    judged = judge(completion, row(), "forward", reached=reached.append)
    assert judged.rung == rung and reason in judged.reason, judged
    assert not judged.passed and not judged.exact and 0 <= judged.similarity < 1
    # Whoever watches is told of no rung beyond the one that it fails at.
    rungs = [each for each in reached if each != REFERENCE]
    assert rungs == sorted(rungs, key=RUNGS.index)
    # Only who tries to execute a module finds what is unsupported.
    last = "execute" if rung == "unsupported" else rung
    assert RUNGS.index(rungs[-1]) <= RUNGS.index(last)
    assert (REFERENCE in reached) == (rung in ("unsupported", "execute", "numeric"))


_UNSUPPORTED = {
    "draws other numbers": "%0 = stablehlo.constant dense<1.0> : tensor<f32>\n"
    "%1 = stablehlo.constant dense<4> : tensor<2xi64>\n"
    "%2 = stablehlo.rng %0, %0, %1, distribution = UNIFORM : "
    "(tensor<f32>, tensor<f32>, tensor<2xi64>) -> tensor<4x4xf32>",
    "tensor<4x3xi4> is not run here": "%0 = stablehlo.convert %arg0 : "
    "(tensor<4x3xf32>) -> tensor<4x3xi4>",
    "only static shapes are": "%0 = stablehlo.constant dense<4> : tensor<1xi64>\n"
    "%1 = stablehlo.dynamic_iota %0, dim = 0 : (tensor<1xi64>) -> tensor<?xf32>\n"
    "%2 = stablehlo.abs %1 : tensor<?xf32>",
}


@pytest.mark.parametrize("reason", _UNSUPPORTED)
def test_what_is_not_run_here_is_unsupported_and_the_reason_names_it(reason):
    judged = judge(module(f"{_UNSUPPORTED[reason]}\n{_RETURN}", _BOTH), row(), "forward")
    assert judged.rung == "unsupported" and reason in judged.reason, judged


def test_a_module_that_has_no_main_fails_by_its_signature():
    completion = module(_RETURN, _BOTH).replace("@main", "@kernel")
    judged = judge(completion, row(), "forward")
    assert (judged.rung, judged.reason) == ("signature", "forward: it has no function main")


@pytest.mark.parametrize(("factor", "passed"), [(1 + 1e-6, True), (1 + 1e-4, False)])
def test_an_error_is_measured_against_rounding(factor, passed):
    made = row("1.25 * x", _X)
    text = answer(made).replace("1.250000e+00", f"{1.25 * factor:.12e}")
    judged = judge(text, made, "forward")
    assert judged.passed is passed, judged
    assert passed or "where the reference's is" in judged.reason


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_scaled_result_of_each_category_fails(category, rows):
    """A float32 result that is a thousandth too large. In 16 bits rounding is more than that.

    A score sees it in each gradient, also where a proof doesn't, since it compares each element. It
    doesn't see it if the reference can't be read as float64 (see the test of `_WITHOUT_SPREAD`). No
    row here is such a one.
    """
    of_category = (made for made in rows if made["type"] == f"generate_{category}")
    made = next(made for made in of_category if not re.search("bf16|f16", made["cpp"]))
    for task in ("forward", "backward"):
        changed = scaled(answer(made, task), 1.001)
        assert changed
        for number, wrong in changed:
            judged = judge(wrong, made, task)
            assert judged.rung == "numeric", (made["id"], task, number, judged)


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_nudge_moves_an_element_on_a_jump_by_two_parts_in_100000(share):
    # 2e-5 of the largest element on this input, 3, and 1e-6 of that on all inputs, 10.
    right = np.array([1.0, -3.0])
    nudged = right + [share * 7e-5, 0.0]
    assert expectation._find_jumps(right, nudged, 10.0).tolist() == [share == 1.1, False]


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_without_a_spread_an_element_may_be_off_by_a_part_in_10000(share):
    # The bits of a float32 are no float64's, so no run shows how far rounding goes.
    bits = "lax.bitcast_convert_type(lax.bitcast_convert_type(1.25 * x, jnp.int32), jnp.float32)"
    made = row(bits, _X)
    ((module, program),) = describe_programs(reference(made, TASKS["forward"]), made).values()
    expected = expectation.compute_expectation(module, program)

    def run(inputs):
        (right,) = execute_as_written(module, [inputs])
        return [x * np.float64(1 + share * 1e-4) for x in right]

    fault = expected.find_fault(run)
    assert (fault is None) == (share == 0.9), fault
    assert fault is None or fault.ratio == pytest.approx(share, rel=0.01)
    # An error of up to ten times as much is read again as float64, and nothing is found wrong then.
    # So a judge sees a scaling by 1.0011 here, and none by 1.0009.
    scale = f"{1.25 * (1 + share * 1e-3):.12e}"
    judged = judge(answer(made).replace("1.250000e+00", scale), made, "forward")
    assert judged.passed is (share == 0.9), judged


def test_the_tolerances_of_proofs_decide_no_score(monkeypatch):
    made = row("1.25 * x", _X)
    text = answer(made).replace("1.250000e+00", f"{1.25 * (1 + 1e-4):.12e}")
    for name in ("FORWARD", "BACKWARD", "ELSEWHERE"):
        monkeypatch.setattr(tolerance, name, 1.0)
    assert judge(text, made, "forward").rung == "numeric"


def test_what_rounding_explains_of_a_float32_text_is_read_again():
    """The text cancels what the reference doesn't: as float64 both are alike."""
    made = row("2.0 * x", _X)
    right = answer(made)
    large = "%large = stablehlo.constant dense<5.000000e+01> : tensor<4x3xf32>"
    lines = right.splitlines()
    final = next(k for k, line in enumerate(lines) if line.strip().startswith("return"))
    value = lines[final].split()[1]
    lines[final:final] = [
        f"    {large}",
        f"    %up = stablehlo.add {value}, %large : tensor<4x3xf32>",
        "    %down = stablehlo.subtract %up, %large : tensor<4x3xf32>",
    ]
    lines[final + 3] = lines[final + 3].replace(value, "%down")
    cancelling = "\n".join(lines)
    assert judge(cancelling, made, "forward").passed
    hopeless = judge(cancelling.replace("5.000000e+01", "5.000000e+05"), made, "forward")
    assert hopeless.rung == "numeric" and "as it is written" in hopeless.reason


def test_the_last_block_is_judged_or_the_first():
    made = row("1.25 * x", _X)
    draft = answer(made).replace("1.25", "1.5")
    completion = f"```mlir\n{draft}\n```\nNo:\n```mlir\n{answer(made)}\n```"
    last, first = (judge(completion, made, "forward", take) for take in ("last", "first"))
    assert (last.rung, last.taken) == ("pass", "block 2 of 2, module 1 of 1")
    assert (first.rung, first.taken) == ("numeric", "block 1 of 2, module 1 of 1")
    assert judge(completion, made, "forward") == last


def test_an_infinite_result_fails_without_a_warning():
    made = row("x * jnp.sin(x)", _X)
    infinite = before_the_return(answer(made), "stablehlo.divide %v, %zero : !t").replace(
        "    %changed",
        "    %zero = stablehlo.constant dense<0.0> : tensor<4x3xf32>\n    %changed",
        1,
    )
    assert judge(infinite, made, "forward").rung == "numeric"


def test_zeros_are_no_gradient_of_a_maximum():
    """The gradient looks for the elements that equal the maximum."""
    made = row("jnp.max(jnp.tanh(jnp.cumsum(x, axis=0)), axis=0)", _X)
    right = answer(made, "backward")
    zero = "    %zero = stablehlo.constant dense<0.0> : tensor<4x3xf32>\n    %changed"
    zeros = before_the_return(right, "stablehlo.multiply %v, %zero : !t")
    zeros = zeros.replace("    %changed", zero, 1)
    assert judge(right, made, "backward").passed
    assert judge(zeros, made, "backward").rung == "numeric"


def test_what_is_too_long_is_not_looked_at():
    judged = judge("x" * (LONGEST + 1), row(), "forward")
    assert judged.rung == "no_code" and "1,048,577" in judged.reason


def test_another_way_to_compute_the_same_passes():
    made = row("2 * x * jnp.cos(y) + 0.1")
    body = """\
    %half_pi = stablehlo.constant dense<1.57079633> : tensor<4x3xf32>
    %tenth = stablehlo.constant dense<0.1> : tensor<4x3xf32>
    %a = stablehlo.subtract %half_pi, %arg1 : tensor<4x3xf32>
    %b = stablehlo.sine %a : tensor<4x3xf32>
    %c = stablehlo.multiply %arg0, %b : tensor<4x3xf32>
    %d = stablehlo.add %c, %tenth : tensor<4x3xf32>
    %e = stablehlo.add %d, %c : tensor<4x3xf32>
    return %e : tensor<4x3xf32>"""
    judged = judge(module(body, _BOTH), made, "forward")
    assert judged.passed and not judged.exact and not judged.renamed


def test_generic_form_and_other_names_pass_as_renamed(rows):
    for made in rows[: len(CATEGORIES)]:
        for task in ("forward", "backward"):
            text = answer(made, task)
            with open_module(text) as read:
                generic = read.operation.get_asm(print_generic_op_form=True)
            judged = judge(generic, made, task)
            assert judged.passed and judged.renamed and not judged.exact, (made["id"], judged)
            renamed = text.replace("@jit_kernel_", "@other_").replace("%arg0", "%first")
            judged = judge(renamed, made, task)
            assert judged.passed and judged.renamed and not judged.exact, (made["id"], judged)


# Right but at one place that random inputs hardly meet, on what lies around it.
_COMPARED = """\
    %z = stablehlo.constant dense<{constant}> : tensor<4x3xf32>
    %p = stablehlo.compare {direction}, %arg0, %z : (!t, !t) -> tensor<4x3xi1>
    %s = stablehlo.{right} : !t
    %t = stablehlo.add %s, %s : !t
    %0 = stablehlo.select %p, %t, %s : tensor<4x3xi1>, !t
    return %0 : !t"""


def nearly(right: str, direction: str, constant: str) -> str:
    body = _COMPARED.format(right=right, direction=direction, constant=constant)
    return "!t = tensor<4x3xf32>\n" + module(body)


@pytest.mark.parametrize(
    ("direction", "constant"),
    [("LT", "-1.999"), ("GT", "1.999")],
    ids=["at the lower end", "at the upper end"],
)
def test_what_is_wrong_at_an_edge_alone_fails(direction, constant):
    wrong = nearly("multiply %arg0, %arg0", direction, constant)
    judged = judge(wrong, row("x * x", _X), "forward")
    assert judged.rung == "numeric", judged


def test_what_is_wrong_at_zero_alone_fails():
    wrong = nearly("exponential %arg0", "EQ", "0.0")
    assert judge(wrong, row("jnp.exp(x)", _X), "forward").rung == "numeric"


def test_the_convention_at_a_kink_is_free():
    made = row("jnp.maximum(x, 0.0)", _X)
    body = """\
    %zero = stablehlo.constant dense<0.0> : tensor<4x3xf32>
    %one = stablehlo.constant dense<1.0> : tensor<4x3xf32>
    %p = stablehlo.compare {}, %arg0, %zero : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xi1>
    %0 = stablehlo.select %p, %one, %zero : tensor<4x3xi1>, tensor<4x3xf32>
    return %0 : tensor<4x3xf32>"""
    for direction in ("GT", "GE"):
        assert judge(module(body.format(direction)), made, "backward").passed
    assert judge(module(body.format("LT")), made, "backward").rung == "numeric"


def test_16_bit_floats_are_judged():
    short = (aval("x", (8,), "bfloat16", -2.0, 2.0), aval("y", (8,), "bfloat16", -2.0, 2.0))
    made = row("x * jnp.sin(y) + 1.5", *short)
    right = answer(made)
    assert judge(right, made, "forward").passed
    wrong = right.replace("1.500000e+00", "1.600000e+00")
    assert wrong != right and judge(wrong, made, "forward").rung == "numeric"
    wide = right.replace("bf16", "f32")
    assert judge(wide, made, "forward").rung == "signature"


_SHORT = aval("x", (8,), "bfloat16", -2.0, 2.0)
_E8 = "exponent_bits=8, mantissa_bits=7"


def before_the_return(text: str, operation: str) -> str:
    """The text with its result replaced by an operation of it, written with %v and !t."""
    lines = text.splitlines()
    final = next(k for k, line in enumerate(lines) if line.strip().startswith("return"))
    _, value, _, kind = lines[final].split()
    lines[final] = lines[final].replace(value, "%changed")
    lines.insert(final, f"    %changed = {operation}".replace("%v", value).replace("!t", kind))
    return "\n".join(lines)


@pytest.mark.parametrize("bits", ["e8m0", "e5m10", "e8m7", "e8m12"])
def test_lower_precision_fails_in_float32(bits):
    for text in ("x * jnp.sin(x) + 1.5", "jnp.sum(x * x)"):
        made = row(text, _X)
        for task in ("forward", "backward"):
            cut = before_the_return(
                answer(made, task), f"stablehlo.reduce_precision %v, format = {bits} : !t"
            )
            assert judge(cut, made, task).rung == "numeric", (text, task)


def test_lower_precision_than_the_references_fails_in_16_bits():
    made = row("x * jnp.sin(x) + 1.5", _SHORT)
    right = answer(made)
    same = before_the_return(right, "stablehlo.reduce_precision %v, format = e8m7 : !t")
    assert judge(same, made, "forward").passed
    cut = before_the_return(right, "stablehlo.reduce_precision %v, format = e8m0 : !t")
    judged = judge(cut, made, "forward")
    assert judged.rung == "numeric" and "as it is written" in judged.reason


def test_what_is_zero_as_it_is_written_fails():
    """Read as float32 the sum of so small a number and a large one keeps the number."""
    made = row("x * jnp.sin(x) + 1.5", _SHORT)
    hidden = """\
    %large = stablehlo.constant dense<4.096000e+03> : !t
    %up = stablehlo.add {v}, %large : !t
    %down = stablehlo.subtract %up, %large : !t
    return %down : !t"""
    lines = answer(made).splitlines()
    final = next(k for k, line in enumerate(lines) if line.strip().startswith("return"))
    _, value, _, kind = lines[final].split()
    lines[final] = hidden.format(v=value).replace("!t", kind)
    judged = judge("\n".join(lines), made, "forward")
    assert judged.rung == "numeric" and "as it is written" in judged.reason


def test_a_precision_that_the_source_reduces_must_be_reduced():
    made = row(f"lax.reduce_precision(x * jnp.sin(x), {_E8})", _X)
    right = answer(made)
    assert judge(right, made, "forward").passed
    found = next(line for line in right.splitlines() if "reduce_precision" in line)
    result, operand = found.split()[0], found.split("reduce_precision ")[1].split(",")[0]
    without = right.replace(found + "\n", "").replace(f"return {result} ", f"return {operand} ")
    assert without != right and judge(without, made, "forward").rung == "numeric"


@pytest.mark.parametrize("factor", [1.01, 0.99])
def test_a_constant_that_is_a_hundredth_off_fails(factor):
    for avals in ((_X,), (_SHORT,)):
        made = row("x * jnp.sin(x) * 1.5", *avals)
        wrong = answer(made).replace("1.500000e+00", f"{1.5 * factor:.6e}")
        assert wrong != answer(made)
        assert judge(wrong, made, "forward").rung == "numeric", avals


@pytest.mark.parametrize("shape", [(), (8,)])
def test_a_threshold_that_is_moved_fails(shape):
    condition = "x > 0.3" if shape else "x[()] > 0.3"
    made = row(f"jnp.where({condition}, 2 * x, x * x)", aval("x", shape, low=-2.0, high=2.0))
    for task in ("forward", "backward"):
        right = answer(made, task)
        wrong = right.replace("3.000000e-01", "3.500000e-01")
        assert wrong != right and judge(wrong, made, task).rung == "numeric", task


def test_cuda_is_not_the_cpu():
    made = row(_CHOLESKY, _X)
    judged = judge(made["cpp"], made, "cuda")
    assert (judged.rung, judged.reason) == ("signature", "it is headed backend=cpu, not gpu")
    bare = "\n".join(line for line in made["cpp"].splitlines() if not line.startswith("#"))
    judged = judge(bare, made, "cuda")
    assert (judged.rung, judged.reason) == ("signature", "it is the CPU's program, as it was given")
    changed = bare.replace("9.000000e+00", "9.0000001e+00").replace("module @", "module @x")
    assert changed != bare
    judged = judge(made["cuda"].split("## Backward")[0], made, "cuda")
    assert (judged.rung, judged.reason) == ("no_code", "it holds 1 of 2 modules")
    column = read_section(made["cuda"])
    mixed = f"{column.forward}\n\n{read_section(made['cpp']).backward}"
    judged = judge(mixed, made, "cuda")
    assert judged.rung == "execute" and "is one of cpu, not of cuda" in judged.reason
    assert judge(f"{column.forward}\n\n{column.backward}", made, "cuda").passed


def test_where_the_texts_are_alike_cuda_is_not_asked_for():
    assert reference(row(), TASKS["cuda"]) is None
    with pytest.raises(ValueError, match="asks nothing of row 7"):
        judge(row()["cuda"], row(), "cuda")


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match=r"`task` \(='sideways'\) must be one of forward, "):
        judge("", row(), "sideways")


def test_a_reference_that_tells_nothing_is_said_to():
    broken = row()
    broken["cpp"] = broken["cpp"].replace("stablehlo.sine", "stablehlo.log")
    # Below zero the logarithm is no number, in the rest it is looked at.
    assert judge(answer(broken), broken, "forward").passed
    broken["in_avals"] = [{**each, "low": -2.0, "high": -1.0} for each in broken["in_avals"]]
    with pytest.raises(Unjudgeable, match="no element of the reference's result 0 is sure"):
        judge(answer(broken), broken, "forward")
