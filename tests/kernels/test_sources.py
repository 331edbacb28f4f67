"""Every source text: form, arguments, no dead code; for any category, seed and candidate."""

import ast
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from liveness import dead_names

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.values import FLOATS
from jax_ir_synth.request import categories

PROGRAMS = st.tuples(
    st.sampled_from(categories.CATEGORIES), st.integers(0, 2**64 - 1), st.integers(0, 10**9)
)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(PROGRAMS)
def test_a_source_is_one_function_of_its_arguments(program):
    source = kernels.write(kernels.draw(*program))
    assert source.python.startswith("def kernel_")
    assert source.python.endswith("\n") and not source.python.endswith("\n\n")
    tree = ast.parse(source.python)
    (function,) = tree.body
    assert function.name == source.name
    names = [a.arg for a in function.args.args]
    given_names = names[: len(names) - len(function.args.defaults)]
    assert given_names == [aval.name for aval in source.in_avals]
    assert source.argnums == tuple(i for i, a in enumerate(source.in_avals) if a.dtype in FLOATS)
    assert source.argnums


@MANY
@given(PROGRAMS)
def test_every_argument_and_statement_reaches_an_output(program):
    assert dead_names(kernels.write(kernels.draw(*program)).python) == []


@MANY
@given(PROGRAMS)
def test_a_source_reads_well(program):
    lines = kernels.write(kernels.draw(*program)).python.split("\n")
    assert max(map(len, lines)) <= 120
    assert all(line == line.rstrip() for line in lines)
    assert not any(a == b == "" for a, b in itertools.pairwise(lines))


@MANY
@given(PROGRAMS)
def test_ranges_are_ranges_of_the_dtype(program):
    for aval in kernels.write(kernels.draw(*program)).in_avals:
        assert aval.low < aval.high
        if aval.dtype not in FLOATS:
            assert aval.low == int(aval.low) and aval.high == int(aval.high)
        if aval.dtype == "bool":
            assert (aval.low, aval.high) == (0, 1)
        assert all(n >= 1 for n in aval.shape) and len(aval.shape) <= 3


@MANY
@given(PROGRAMS)
def test_a_program_is_a_function_of_its_coordinates(program):
    first, second = kernels.draw(*program), kernels.draw(*program)
    assert first.program_key == second.program_key
    assert first.skeleton_hash == second.skeleton_hash
    assert kernels.write(first) == kernels.write(second) == kernels.write(first)


def test_an_unknown_category_is_named_with_what_is_allowed():
    with pytest.raises(ValueError, match="'loops'.*elementwise, scalar_array"):
        kernels.draw("loops", 0, 0)
