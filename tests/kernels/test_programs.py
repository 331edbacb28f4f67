"""Programs of every category, lowered and executed: signatures, ranges, proofs, sizes."""

import numpy as np
import pytest
from rowset import planned

from jax_ir_synth import kernels
from jax_ir_synth.lowering.op_counts import find_features
from jax_ir_synth.request import categories
from jax_ir_synth.schema.verification import RUN_BY
from jax_ir_synth.verify import prove

COUNT = 30


@pytest.fixture(scope="module", params=categories.CATEGORIES)
def programs(request):
    return planned(request.param, seed=2024, count=COUNT)


def test_a_program_belongs_to_its_category_alone(programs):
    for program in programs:
        found = find_features(program.forward, program.backward)
        holding = [c for c in categories.CATEGORIES if kernels.signature(c).holds(found)]
        assert holding == [program.spec.category], f"{sorted(found)}\n{program}"


def test_programs_mean_what_their_ir_computes_and_are_not_degenerate(programs):
    for program in programs:
        assert prove(program.row, "arrays") in RUN_BY, str(program)


def test_results_stay_in_the_ranges_that_the_drawer_tracked(programs):
    for program in programs:
        for seed in (5, 6):
            for value, result in zip(program.spec.outputs, program.run(seed), strict=True):
                slack = (1e-4 if value.dtype == "float32" else 0.05) * max(1.0, value.bound)
                assert np.all(result >= value.low - slack) and np.all(
                    result <= value.high + slack
                ), f"{value!r}: {result.min()} to {result.max()}\n{program}"


def test_a_row_fits_into_64_kib(programs):
    for program in programs:
        total = sum(len(text.encode()) for text in program.columns.values()) + len(
            program.source.python.encode()
        )
        assert total <= 64 * 1024, f"{total}\n{program}"


def test_the_results_are_what_the_drawer_said(programs):
    # Shapes and dtypes of the outputs, as the lowered signature gives them.
    names = {
        "float32": "f32",
        "float16": "f16",
        "bfloat16": "bf16",
        "int32": "i32",
        "uint32": "ui32",
        "bool": "i1",
    }
    for program in programs:
        signature = next(line for line in program.forward.split("\n") if "@main(" in line).split(
            ") -> "
        )[1]
        for value in program.spec.outputs:
            dims = "".join(f"{n}x" for n in value.shape)
            assert f"tensor<{dims}{names[value.dtype]}>" in signature, str(program)
