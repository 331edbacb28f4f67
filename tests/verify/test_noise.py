"""Runs with errors spread as far as rounding does, and what rounding can't change stays."""

import numpy as np
import pytest
from rowmaking import aval, expression

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.execution import execute_as_written, execute_exactly
from jax_ir_synth.verify.noise import add_noise
from jax_ir_synth.verify.promote import find_halves, replace_halves

_RUNS = 6


def forward(text: str, *avals: dict) -> tuple[str, list[np.ndarray]]:
    row = expression(text, *avals)
    return read_section(row["cpp"]).forward, draw_inputs(row["in_avals"], 5)


def spreads(text: str, inputs: list[np.ndarray], constants_only: bool = False) -> list[np.ndarray]:
    """For each result the root mean square of how far runs with errors lie from the exact one."""

    def run(module: str) -> list[np.ndarray]:
        return execute_exactly(replace_halves(module, find_halves(module)), [inputs])[0]

    exact = run(text)
    runs = [run(add_noise(text, seed, constants_only)) for seed in range(_RUNS)]
    return [
        np.sqrt(np.mean([np.square(noisy[k] - x) for noisy in runs], axis=0))
        for k, x in enumerate(exact)
    ]


@pytest.mark.parametrize(
    ("dtype", "rounding"), [("float32", 2.0**-24), ("bfloat16", 2.0**-8), ("float16", 2.0**-11)]
)
def test_one_operation_spreads_by_its_rounding(dtype, rounding):
    text, inputs = forward("x * y", aval("x", (64,), dtype), aval("y", (64,), dtype))
    product = np.asarray(inputs[0], np.float64) * np.asarray(inputs[1], np.float64)
    (spread,) = spreads(text, inputs)
    relative = spread / np.abs(product)
    # Half a unit in the last place at most, times the error's own size.
    assert relative.max() <= 1.5 * rounding
    assert np.sqrt(np.mean(np.square(relative))) > 0.15 * rounding


@pytest.mark.parametrize(
    "text",
    ["x[::-1]", "jnp.maximum(x, 0.5)", "2.0 * x", "jnp.abs(x).T", "jnp.max(x)", "jnp.sort(x)"],
)
def test_what_a_dtype_holds_has_no_spread(text):
    (spread,) = spreads(*forward(text, aval("x", (8,), low=-2.0, high=2.0)))
    assert not spread.any()


def test_infinities_on_the_way_do_no_harm():
    module, inputs = forward("jnp.exp(jnp.log(x * 0.0) + x)", aval("x", (4,)))
    (spread,) = spreads(module, inputs)
    assert not spread.any()


def test_constants_alone():
    x = aval("x", (8,), "bfloat16", 0.5, 2.0)
    (spread,) = spreads(*forward("x * 0.3", x), constants_only=True)
    assert spread.any()
    (spread,) = spreads(*forward("x * x + x", x), constants_only=True)
    assert not spread.any()
    (spread,) = spreads(*forward("x * 0.3", aval("x", (8,))), constants_only=True)
    assert not spread.any()


def test_cancellation_spreads_by_more_than_its_result():
    (spread,) = spreads(*forward("(x * 1.1 + 1000.0) - 1000.0", aval("x", (16,))))
    assert np.median(spread) > 1e-6


def test_the_spread_of_rows_bounds_their_rounding():
    """What float32 makes of a row lies within some spreads of what float64 does."""
    request = Request(seed=20261129, count=len(CATEGORIES), verify=False)
    for planned in plan_rows(request):
        row = make_row(request, planned)
        module = read_section(row["cpp"]).forward
        if find_halves(module) or "rng_bit_generator" in module:
            continue
        inputs = draw_inputs(row["in_avals"], 3)
        exact, written = (
            execute_exactly(module, [inputs])[0],
            execute_as_written(module, [inputs])[0],
        )
        for spread, x, y in zip(spreads(module, inputs), exact, written, strict=True):
            if x.dtype.kind == "f":
                allowed = 32 * (spread + 2.0**-24 * np.abs(x))
                assert (np.abs(y - x) <= allowed).all(), (row["id"], row["type"])


def test_a_text_that_is_none_is_refused():
    with pytest.raises(ValueError, match="must be a StableHLO module"):
        add_noise("module {", 0)
