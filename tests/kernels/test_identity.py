"""Identity before spelling, and skeletons: what they keep and what they leave out."""

import pytest

from jax_ir_synth.kernels.builder import branches
from jax_ir_synth.kernels.builder.identity import hash_program
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.stream import Stream


def builder() -> ProgramBuilder:
    return ProgramBuilder(Stream(0, "identity", 0))


def identity(build, shape=(4, 5), low=-1.0):
    d = builder()
    x, y = d.argument(shape, low, 1.0), d.argument(shape, 0.5, 2.0)
    return hash_program((build(d, x, y),))


BASE = identity(lambda d, x, y: d.apply("add", d.apply("sin", x), d.apply("mul", 0.5, y)))


@pytest.mark.parametrize(
    ("build", "same_program", "same_skeleton"),
    [
        (lambda d, x, y: d.apply("add", d.apply("sin", x), d.apply("mul", 0.25, y)), False, True),
        (lambda d, x, y: d.apply("add", d.apply("cos", x), d.apply("mul", 0.5, y)), False, False),
        (lambda d, x, y: d.apply("sub", d.apply("sin", x), d.apply("mul", 0.5, y)), False, False),
        (lambda d, x, y: d.apply("add", d.apply("sin", y), d.apply("mul", 0.5, x)), True, True),
        (lambda d, x, y: d.apply("add", d.apply("sin", x), d.apply("mul", 0.5, x)), False, False),
    ],
)
def test_one_change_of_a_program(build, same_program, same_skeleton):
    program, skeleton = identity(build)
    assert (program == BASE[0]) == same_program
    assert (skeleton == BASE[1]) == same_skeleton


def build_base(d, x, y):
    return d.apply("add", d.apply("sin", x), d.apply("mul", 0.5, y))


def test_sizes_are_of_the_program_and_not_of_the_skeleton():
    program, skeleton = identity(build_base, shape=(8, 2))
    assert program != BASE[0] and skeleton == BASE[1]


def test_ranks_are_of_the_skeleton():
    assert identity(build_base, shape=(8,))[1] != BASE[1]


def test_ranges_are_of_neither():
    assert identity(build_base, low=-0.5) == BASE


def test_a_value_used_twice_is_not_the_value_made_twice():
    once = identity(lambda d, x, y: (lambda t: d.apply("mul", t, t))(d.apply("add", x, y)))
    twice = identity(lambda d, x, y: d.apply("mul", d.apply("add", x, y), d.apply("add", x, y)))
    assert once[0] != twice[0]


def test_constants_are_compared_as_their_dtype_rounds_them():
    def scaled(factor, dtype):
        d = builder()
        d.use(dtype)
        return hash_program((d.apply("mul", factor, d.argument((4,), 0.5, 2.0)),))[0]

    assert scaled(0.99, "bfloat16") == scaled(0.9895, "bfloat16")
    assert scaled(0.99, "float32") != scaled(0.9895, "float32")


def test_closures_and_operands_of_a_branch_are_one_program():
    def branch(operands):
        d = builder()
        x, flag = d.argument((4,), -1.0, 1.0), d.argument((), 0, 1, dtype="bool")
        given = (x,) if operands else ()
        (value,) = branches.cond(
            d,
            flag,
            given,
            lambda *v: d.apply("sin", *(v or (x,))),
            lambda *v: d.apply("cos", *(v or (x,))),
        )
        return hash_program((value,))

    assert branch(True) == branch(False)
