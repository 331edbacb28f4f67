"""The list of operations that are run here against what StableHLO's interpreter really runs."""

import inspect
import itertools

import numpy as np
import pytest
import xla_oracle
from answering import answers
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import _chlo_ops_gen, _stablehlo_ops_gen
from operation_examples import EXPANDED, example

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.verify import fallback_kernels, operations
from jax_ir_synth.verify.admission import Refused, admit
from jax_ir_synth.verify.expansion.expand import EXPANSIONS
from jax_ir_synth.verify.interpreter import Program

ELEMENTS = sorted(operations.ELEMENTS)
# What the interpreter dies of on the values of the examples, and the verifier doesn't.
DIVISIONS = {
    *("stablehlo.divide", "stablehlo.remainder"),
    *("chlo.broadcast_divide", "chlo.broadcast_remainder"),
}


def registered() -> set[str]:
    return {
        value.OPERATION_NAME
        for dialect in (_stablehlo_ops_gen, _chlo_ops_gen)
        for value in vars(dialect).values()
        if inspect.isclass(value) and hasattr(value, "OPERATION_NAME")
    }


def test_every_operation_is_run_or_there_is_a_reason():
    expanded = EXPANSIONS.keys() - {"mhlo.copy", "sdy.sharding_constraint"}
    lists = (operations.RUN, operations.NOT_RUN, expanded)
    known = [name for listed in lists for name in listed]
    assert sorted(known) == sorted({"func.call", "func.return", *registered()})
    assert EXPANSIONS.keys() == EXPANDED.keys()


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return [(name, element) for name in operations.RUN for element in ELEMENTS]


def test_the_interpreter_runs_every_operation_of_the_list(pairs):
    asked = [
        (name, element)
        for name, element in pairs
        if name not in fallback_kernels.OPERATIONS and not (name in DIVISIONS and "i" in element)
        # Of kinds that are refused by those of its results some abort the pass that rewrites CHLO.
        if element in operations.RUN[name] or _takes_another(name)
        if not (name == "stablehlo.remainder" and element in operations.COMPLEX)
    ]
    found = answers([example(*pair) for pair in asked], "interpreter")
    # What MLIR's verifier refuses stands for no program.
    wrong = {
        pair: answer
        for pair, answer in zip(asked, found, strict=True)
        if answer.kind != "value" and not answer.said.startswith("MLIR: Unable to parse")
    }
    assert not wrong
    run = {name for (name, _), answer in zip(asked, found, strict=True) if answer.kind == "value"}
    assert run == operations.RUN.keys() - fallback_kernels.OPERATIONS


def _takes_another(name: str) -> bool:
    """Does it give another kind of elements than it takes?"""
    return "is_" in name or name in {
        *(f"stablehlo.{x}" for x in ("compare", "complex", "real", "imag")),
        "chlo.broadcast_complex",
    }


def test_what_the_list_has_is_run_and_nothing_ends_the_process(pairs):
    found = dict(zip(pairs, answers([example(*pair) for pair in pairs], "verifier"), strict=True))
    assert not [pair for pair, answer in found.items() if answer.kind not in ("value", "refused")]
    never = {
        name for name in operations.RUN if all(found[name, e].kind != "value" for e in ELEMENTS)
    }
    assert not never
    # MLIR's verifier says what no program is; else each kind that is listed is run.
    wrong = {
        (name, element): answer.said
        for (name, element), answer in found.items()
        if element in operations.RUN[name] and answer.kind == "refused"
        if "Unable to parse" not in answer.said and name not in fallback_kernels.OPERATIONS
        # Results of other kinds than rows have, and NaNs, which are near to nothing.
        if "its main takes or returns" not in answer.said
        and "from those in float32" not in answer.said
    }
    assert not wrong


@pytest.mark.parametrize("name", EXPANDED)
def test_what_the_interpreter_lacks_is_expanded_to_what_xla_computes(name):
    text = example(name, "f32")
    with open_module(text) as module:
        (result,) = Program(module)([])
    for old, new in _FOR_XLA.get(name, ()):
        assert old in text
        text = text.replace(old, new)
    (right,) = xla_oracle.run(text, [])
    np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-5)


# XLA lacks these.
_FOR_XLA = {
    "stablehlo.dynamic_conv": [
        ('dynamic_conv"(%g, %h, %k) {', 'convolution"(%g, %h) {padding = dense<[[1, -2]]> : tensor<1x2xi64>, '),
        (", tensor<1x2xi64>) ->", ") ->"),
    ],
    "stablehlo.unary_einsum": [
        ('unary_einsum %e, config = "ij->ji" : (', "transpose %e, dims = [1, 0] : ("),
    ],
}  # fmt: skip


def test_most_of_that_ends_the_interpreters_process():
    texts = [example(name, "f32") for name in EXPANDED]
    ends = [answer.kind for answer in answers(texts, "interpreter", fork=True)]
    assert ends.count("died") > len(ends) / 2


@pytest.mark.parametrize("name", sorted(operations.NOT_RUN))
def test_each_other_operation_is_refused_by_its_name(name):
    text = "func.func @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }"
    with open_module(text) as module, ir.Location.unknown():
        block = module.body.operations[0].regions[0].blocks[0]
        with ir.InsertionPoint.at_block_begin(block):
            ir.Operation.create(name)
        with pytest.raises(Refused, match=f"^{name} is not run here: "):
            admit(module)


def test_conversions_between_all_kinds():
    texts = []
    for one, other in itertools.product(ELEMENTS, ELEMENTS):
        text = example("stablehlo.convert", one)
        texts.append(text.replace("-> tensor<4x4xf32>\n%w", f"-> tensor<4x4x{other}>\n%z").replace(
            "stablehlo.optimization_barrier %r : tensor<4x4xf32>",
            f"stablehlo.optimization_barrier %r : tensor<4x4x{other}>\n"
            f"%w = stablehlo.constant dense<1.0> : tensor<4x4xf32>",
        ))  # fmt: skip
    assert {answer.kind for answer in answers(texts, "interpreter")} == {"value"}
    assert {answer.kind for answer in answers(texts, "verifier")} == {"value"}
