"""Laid-out source is the same program: the same syntax tree as each statement in one line."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jax_ir_synth.kernels.printer import layout
from jax_ir_synth.kernels.printer.layout import LayoutError, lay_out

LONG = "jnp.multiply(first_operand, second_operand) + jnp.square(third_operand) - fourth_operand"
KEPT = {
    "an index alone in its brackets": f"y = jnp.linalg.eigh({LONG} + {LONG})[0]",
    "a slice alone in its brackets": f"y = jnp.linalg.eigh({LONG})[{LONG}:]",
    "an index that is an expression": f"y = jax.scipy.special.erfc(v)[jnp.argmax({LONG}, axis=0)]",
    "an index of several": f"y = jnp.sort({LONG})[..., jnp.newaxis, first_operand, second_operand]",
    "an index that is a tuple already": f"y = jnp.sort({LONG} + {LONG})[0,]",
    "an index of an index": f"y = tables[{LONG}][second_operand + third_operand + fourth_operand]",
    "a list of one": f"y = jnp.stack({LONG} + [{LONG}])",
    "an expression in brackets": f"y = 2.0 * ({LONG} + first_operand)",
    "a tuple of one": f"y = f(x) + ({LONG} + first_operand,)",
    "a call of one argument": f"y = jnp.exp({LONG} + first_operand)",
    "a list comprehension": f"y = [jnp.dot(a, b) + {LONG} for a, b in zip(first, second)]",
    "a generator in a call": f"y = sum(jnp.dot(a, b) + {LONG} for a, b in zip(first, second))",
    "a dict": f"y = {{'first': {LONG}, 'second': {LONG}}}",
    "a lambda of several": f"y = jax.vmap(lambda first_operand, second_operand: {LONG})",
    "several results": f"return {LONG}, second_operand, third_operand",
    "one result": f"return {LONG} + fifth_operand",
    "a chain of methods": f"y = x.at[{LONG}].set(first_operand, mode='drop', unique_indices=True)",
    "brackets in a string": f"y = jnp.einsum('([{{,', {LONG}, first_operand)",
}


def same_tree(lines, laid_out):
    one, other = (ast.dump(ast.parse("\n".join(text))) for text in (lines, laid_out))
    return one == other


def function(*lines):
    return ["def kernel_f(x):", *(f"    {line}" for line in lines)]


@pytest.mark.parametrize("line", KEPT.values(), ids=KEPT.keys())
def test_a_long_line_is_broken_and_stays_the_same(line):
    lines = function(line)
    assert len(lines[1]) > 96
    laid_out = lay_out(lines)
    assert len(laid_out) > len(lines)
    assert same_tree(lines, laid_out)


def expressions():
    """Text of expressions as people nest them, long names among them."""
    names = st.sampled_from(["x", "y", "momentum_decay", "attention_weights", "0", "0.5", "-1"])

    def extend(inner):
        several = st.lists(inner, min_size=1, max_size=3).map(", ".join)
        return st.one_of(
            st.tuples(inner, st.sampled_from([" + ", " * ", " @ ", " > "]), inner).map("".join),
            several.map("jnp.where({})".format),
            several.map("({},)".format),
            several.map("[{}]".format),
            inner.map("({})".format),
            inner.map("-{}".format),
            st.tuples(inner, several).map(lambda t: f"jnp.sort({t[0]})[{t[1]}]"),
            st.tuples(inner, inner, inner).map(lambda t: f"values[{t[0]}:{t[1]}][{t[2]}]"),
            st.tuples(inner, inner).map(lambda t: f"(lambda a, b: {t[0]})({t[1]}, axis=0)"),
            st.tuples(inner, inner).map(lambda t: f"[{t[0]} for a, b in zip({t[1]}, y)]"),
            st.tuples(inner, inner).map(lambda t: f"sum({t[0]} for a, b in zip({t[1]}, y))"),
            st.tuples(inner, inner).map(lambda t: f"{{'scale': {t[0]}, 'bias': {t[1]}}}"),
        )

    return st.recursive(names, extend, max_leaves=25)


@settings(max_examples=2000, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["y = {}", "return {}", "y = 2.0, {}"]), expressions()),
        min_size=1,
        max_size=3,
    )
)
def test_any_program_stays_the_same(statements):
    lines = function(*(form.format(text) for form, text in statements))
    # Raises where it isn't: what the suite draws elsewhere, hundreds of thousands of programs, is
    # held to it as well.
    assert same_tree(lines, lay_out(lines))


def test_another_program_is_refused(monkeypatch):
    def with_a_comma(line):
        return [*line.replace("[0]", "[\n    0,\n]").split("\n")]

    monkeypatch.setattr(layout, "_broken", with_a_comma)
    with pytest.raises(LayoutError, match="another program"):
        lay_out(function("return jnp.sort(x)[0]"))


def test_no_program_is_refused(monkeypatch):
    monkeypatch.setattr(layout, "_broken", lambda line: [line.removesuffix(")")])
    with pytest.raises(LayoutError, match="never closed"):
        lay_out(function("return jnp.sort(x)"))
