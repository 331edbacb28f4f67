"""The text depends on the program alone: not on settings, nor on what was traced before."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from lowering_probes import PROBES

from jax_ir_synth.lowering import lower, lower_source, settings
from jax_ir_synth.lowering.settings import pin_settings

# Programs that share jnp's own functions at equal avals, loop bodies, custom_jvp functions.
SHARING = [
    probe
    for probe in PROBES
    if probe.name.removeprefix("kernel_")
    in ("clip", "remainder", "relu", "where", "piecewise", "nested_in_scan", "scan", "logsumexp",
        "softmax", "branch_in_loop", "random_key", "solve", "smooth", "inner_jit", "checkpoint")
]  # fmt: skip


def _lowered(probes) -> dict[str, list]:
    return {
        probe.name: list(
            lower_source(
                probe.python, probe.name, probe.in_avals, probe.argnums, ("cpu", "cuda")
            ).columns.values()
        )
        for probe in probes
    }


@pytest.fixture(scope="module")
def expected():
    return _lowered(SHARING)


SETTINGS = {
    "x64": lambda: jax.enable_x64(True),
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "matmul precision": lambda: jax.default_matmul_precision("float32"),
    "prng": lambda: jax.default_prng_impl("rbg"),
    "threefry": lambda: jax.threefry_partitionable(False),
    "custom prng": lambda: jax.enable_custom_prng(True),
    "no jit": lambda: jax.disable_jit(True),
    "checks": lambda: jax.enable_checks(True),
    "nans": lambda: jax.debug_nans(True),
    "softmax": lambda: jax.softmax_custom_jvp(True),
    "legacy keys": lambda: jax.legacy_prng_key("error"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_callers_settings_change_nothing(name, expected):
    probes = [probe for probe in SHARING if "random" in probe.name or "smooth" in probe.name]
    probes += [probe for probe in SHARING if probe.name in ("kernel_softmax", "kernel_solve")]
    with SETTINGS[name]():
        assert _lowered(probes) == {probe.name: expected[probe.name] for probe in probes}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jax_include_full_tracebacks_in_locations", False),
        ("jax_traceback_in_locations_limit", 3),
        ("jax_enable_x64", True),
        ("jax_use_shardy_partitioner", False),
        ("jax_use_direct_linearize", False),
    ],
)
def test_global_settings_change_nothing_and_stay(name, value, expected):
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        assert _lowered(SHARING[:5]) == {probe.name: expected[probe.name] for probe in SHARING[:5]}
        assert getattr(jax.config, name) == value
    finally:
        jax.config.update(name, before)


def test_pinned_settings_end_with_their_block_and_stay_in_their_thread():
    seen = []
    with jax.numpy_rank_promotion("raise"), pin_settings():
        assert jax.config.jax_numpy_rank_promotion == "allow"
        thread = threading.Thread(
            target=lambda: seen.append(jax.config.jax_traceback_in_locations_limit)
        )
        thread.start()
        thread.join()
        inside = jax.config.jax_traceback_in_locations_limit
    assert jax.config.jax_traceback_in_locations_limit == seen[0] != inside == 0


def test_settings_are_restored_after_an_error():
    with contextlib.suppress(ZeroDivisionError), pin_settings():
        raise ZeroDivisionError
    assert jax.config.jax_traceback_in_locations_limit != 0


def test_the_text_is_what_jax_prints_by_itself(expected):
    probe = next(probe for probe in SHARING if probe.name == "kernel_remainder")
    namespace = {"jax": jax, "jnp": jnp}
    exec(probe.python, namespace)
    traced = jax.jit(namespace[probe.name], keep_unused=True).trace(
        *(jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in probe.in_avals)
    )
    plain = traced.lower(lowering_platforms=("cpu",)).as_text()
    assert plain.strip() in expected[probe.name][0]


def test_order_and_repetition_change_nothing(expected):
    for seed in range(2):
        shuffled = list(SHARING)
        random.Random(seed).shuffle(shuffled)
        assert _lowered(shuffled) == expected


def test_what_else_was_traced_changes_nothing(expected):
    keep = []
    for _ in range(700):
        inner = jax.jit(lambda z: jnp.where(z > 0, z, 1.0) + 1.0)
        outer = jax.jit(lambda z, inner=inner: inner(z) * 2.0)
        keep.append(outer)
        outer.trace(jax.ShapeDtypeStruct((8,), "float32"))
    assert len(keep) == 700 and _lowered(SHARING[:6]) == dict(list(expected.items())[:6])


def test_epochs_and_cleared_caches_change_nothing(expected, monkeypatch):
    monkeypatch.setattr(settings, "_LOWERINGS_PER_EPOCH", 3)
    monkeypatch.setattr(settings, "_KERNELS_PER_CLEARING", 4)
    assert _lowered(SHARING) == expected


def test_without_jaxs_table_of_settings_the_text_is_the_same(expected, monkeypatch):
    assert "jax_traceback_in_locations_limit" in settings._by_name(), "jax moved its settings"
    monkeypatch.setattr(settings, "_by_name", dict)
    assert _lowered(SHARING[:6]) == dict(list(expected.items())[:6])


FRESH = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_independence import SHARING, _lowered
probes = SHARING[::-1] if sys.argv[2] == "reversed" else SHARING[6:] + SHARING[:6]
json.dump(_lowered(probes), sys.stdout)
"""


@pytest.mark.parametrize("order", ["reversed", "rotated"])
def test_a_fresh_process_gives_the_same_bytes(order, expected):
    hash_seed = {"reversed": "1", "rotated": "77"}[order]
    run = subprocess.run(
        [sys.executable, "-c", FRESH, str(Path(__file__).parent), order],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(run.stdout) == expected


def test_no_location_path_or_process_number_is_in_the_text(expected):
    for texts in expected.values():
        for text in texts:
            assert "loc(" not in text and ".py" not in text and "0x7f" not in text


def test_public_lower_is_as_independent():
    def fn(x):
        return jnp.remainder(x, 2.0)

    plain = lower(fn, jax.ShapeDtypeStruct((4,), "float32"))
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        assert lower(fn, jax.ShapeDtypeStruct((4,), "float32")) == plain
