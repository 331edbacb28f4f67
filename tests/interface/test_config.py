"""A request is validated once, in one line, before anything heavy is loaded."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_ir_synth.config import CONFIGS, DIALECTS, MAX_COUNT, Request, number_of_processes
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.lowering import dialects


def test_defaults():
    request = Request()
    assert (request.category, request.seed, request.count) == ("all", 0, 1500)
    assert (request.device, request.dialect, request.verify) == ("both", "stablehlo", True)


def test_configs_come_from_the_registry():
    assert tuple(CONFIGS) == ("all", *CATEGORIES)


def test_the_dialects_are_those_that_lowering_writes():
    assert DIALECTS == dialects.DIALECTS


@given(st.integers(0, 2**64 - 1), st.integers(1, MAX_COUNT))
def test_every_seed_of_64_bits_is_allowed(seed, count):
    request = Request(seed=seed, count=count)
    assert (request.seed, request.count) == (seed, count)


@given(st.integers(max_value=-1) | st.integers(min_value=2**64))
def test_no_other_seed_is(seed):
    with pytest.raises(ValueError, match=re.escape(f"`seed` (={seed}) must be an integer from 0")):
        Request(seed=seed)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("seed", True, "integer"),
        ("seed", 1.0, "integer"),
        ("seed", "7", "integer"),
        ("seed", None, "integer"),
        ("seed", float("nan"), "integer"),
        ("count", 0, "from 1 to"),
        ("count", -5, "from 1 to"),
        ("count", False, "from 1 to"),
        ("count", MAX_COUNT + 1, f"to {MAX_COUNT}"),
        ("count", None, "from 1 to"),
        ("category", "loops", ", ".join(CONFIGS)),
        ("category", None, "all, "),
        ("category", ["all"], "all, "),
        ("device", "gpu", "cpu, cuda, both"),
        ("device", ["cpu"], "cpu, cuda, both"),
        ("device", "CPU", "cpu, cuda, both"),
        ("dialect", "llvm", "stablehlo"),
        ("dialect", 3, "stablehlo"),
        ("verify", 1, "True or False"),
        ("verify", None, "True or False"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name, value, allowed):
    with pytest.raises(ValueError) as raised:
        Request(**{name: value})
    message = str(raised.value)
    assert repr(value) in message
    assert allowed in message
    assert "\n" not in message


def test_numpy_integers_become_plain_ones():
    request = Request(seed=np.uint64(2**64 - 1), count=np.int32(7))
    assert type(request.seed) is int and request.seed == 2**64 - 1
    assert type(request.count) is int and request.count == 7


def test_a_request_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Request().seed = 3


def test_platforms_and_categories():
    assert Request(device="both").platforms == ("cpu", "cuda")
    assert Request(device="cuda").platforms == ("cuda",)
    assert Request().categories == CATEGORIES
    assert Request(category=CATEGORIES[3]).categories == (CATEGORIES[3],)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "2", 5000])
def test_number_of_processes_is_checked(value):
    with pytest.raises(ValueError, match=re.escape(f"`num_proc` (={value!r})")):
        number_of_processes(value)


def test_number_of_processes():
    assert (number_of_processes(None), number_of_processes(3)) == (1, 3)


def test_neither_jax_nor_datasets_is_loaded(python):
    code = """
import sys
import jax_ir_synth
light = {"jax", "datasets", "numpy", "pyarrow", "rich"} & set(sys.modules)
from jax_ir_synth import config, plan
next(plan.plan_rows(config.Request()))
print(light, {"jax", "datasets"} & set(sys.modules))
"""
    done = python("-c", code)
    assert (done.stdout.strip(), done.returncode) == ("set() set()", 0), done.stderr
