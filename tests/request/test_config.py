"""A request is validated once, before a slow import. An error message is one line."""

import dataclasses
import re
from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jax_ir_synth.request import extras, targets
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import CONFIGS, MAX_COUNT, Request, parse_num_proc
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.request.targets import TARGETS


def test_defaults():
    request = Request()
    assert (request.category, request.seed, request.count) == ("all", 0, 1500)
    assert (request.device, request.dialect, request.verify) == ("both", "stablehlo", True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("forward,backward", ("forward", "backward")),
        (["backward", "forward"], ("forward", "backward")),
        ("forward", ("forward",)),
        ("vmap,vjp,forward", ("forward", "vjp", "vmap")),
    ],
)
def test_passes_are_in_their_own_order(given, kept):
    assert Request(passes=given).passes == kept


@pytest.mark.parametrize(
    "given", ["backward", "vjp,vmap", "", "forward,grad", "forward,forward", 3]
)
def test_passes_without_the_forward_pass_are_refused(given):
    with pytest.raises(ValueError, match="`passes`"):
        Request(passes=given)


def test_configs_come_from_the_registry():
    assert tuple(CONFIGS) == ("all", *CATEGORIES)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("hlo", "hlo"),
        (["hlo"], "hlo"),
        (("jaxpr", "hlo"), ("jaxpr", "hlo")),
        (["hlo", "jaxpr"], ("hlo", "jaxpr")),
        ("jaxpr,stablehlo", ("jaxpr", "stablehlo")),
    ],
)
def test_a_dialect_is_one_or_several_in_the_order_given(given, kept):
    assert Request(dialect=given).dialect == kept


@pytest.mark.parametrize(
    ("given", "kept", "cpu", "cuda"),
    [
        (None, None, "x86-64-v3", "sm_90"),
        ("sm_90,x86-64-v3", None, "x86-64-v3", "sm_90"),
        ("sm_80", "sm_80", "x86-64-v3", "sm_80"),
        (["x86-64-v2"], "x86-64-v2", "x86-64-v2", "sm_90"),
        ("sm_100,x86-64-v2", ("x86-64-v2", "sm_100"), "x86-64-v2", "sm_100"),
    ],
)
def test_a_target_is_one_for_each_platform(monkeypatch, given, kept, cpu, cuda):
    monkeypatch.setattr(targets, "check_compilers", lambda *_: None)
    request = Request(dialect="asm", target=given)
    assert request.target == kept
    chosen = targets.resolve_targets(request.target)
    assert (chosen["cpu"].name, chosen["cuda"].name) == (cpu, cuda)


def test_a_target_that_plays_no_part_is_left_out(monkeypatch):
    monkeypatch.setattr(targets, "check_compilers", lambda *_: None)
    both = ("x86-64-v2", "sm_80")
    assert Request(dialect="hlo", target=both).target is None
    assert Request(dialect="jaxpr,llvm", device="cpu", target=both).target == "x86-64-v2"
    assert Request(dialect="asm", device="cuda", target=both).target == "sm_80"


def test_what_cant_be_compiled_here_is_refused_before_any_work(monkeypatch):
    missing = dict.fromkeys(("optimized_hlo", "llvm", "asm"))
    monkeypatch.setattr(targets, "_find_version", lambda package: None)
    for dialect in (*missing, "jaxpr,asm"):
        for device in ("cuda", "both"):
            with pytest.raises(
                ValueError, match=r"needs jax-cuda13-plugin: pip install .*\[cuda-ir\]"
            ):
                Request(dialect=dialect, device=device)
        assert Request(dialect=dialect, device="cpu")
    assert Request(dialect="jaxpr,stablehlo,hlo", device="both")
    monkeypatch.setattr(targets, "_find_version", lambda package: "0.1")
    monkeypatch.setattr(extras, "is_missing", lambda module: False)
    with pytest.raises(ValueError, match=r"jaxlib's version, 0\.1 is installed"):
        Request(dialect="asm", device="cuda")


def test_the_cpus_machine_code_needs_its_extra(monkeypatch):
    # CUDA's compiler is there, also where its extra isn't installed.
    monkeypatch.setattr(targets, "_find_version", lambda package: version("jaxlib"))
    for missing in ("capstone", "elftools"):
        monkeypatch.setattr(extras, "is_missing", lambda module, gone=missing: module == gone)
        for dialect in ("asm", "stablehlo,asm"):
            with pytest.raises(ValueError, match=rf"needs {missing}: pip install .*\[asm\]"):
                Request(dialect=dialect, device="cpu")
        assert Request(dialect="llvm", device="cpu")
        assert Request(dialect="asm", device="cuda")


def test_another_processor_than_the_targets_is_refused(monkeypatch):
    monkeypatch.setattr(targets, "_read_cpu_flags", lambda: TARGETS["x86-64-v2"].needs)
    assert Request(dialect="asm", device="cpu", target="x86-64-v2")
    with pytest.raises(
        ValueError, match=r"`target` \(=x86-64-v3\) needs a CPU with abm, avx, avx2"
    ):
        Request(dialect="asm", device="cpu")
    monkeypatch.setattr(targets.host, "machine", lambda: "aarch64")
    with pytest.raises(ValueError, match="needs an x86-64 machine, this one is aarch64"):
        Request(dialect="llvm", device="cpu")
    assert Request(dialect="hlo")


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
        ("dialect", "mlir", ", ".join(DIALECTS)),
        ("dialect", 3, "stablehlo"),
        ("dialect", [], "stablehlo"),
        ("dialect", ["hlo", 3], "stablehlo"),
        ("dialect", ("hlo", "hlo"), "each dialect once"),
        ("target", "sm_70", ", ".join(TARGETS)),
        ("target", 90, "sm_90"),
        ("target", (), "sm_90"),
        ("target", [["sm_90"]], "sm_90"),
        ("dialect", [["hlo"]], "stablehlo"),
        ("target", ["sm_80", "sm_90"], "one for the CPU and one for CUDA"),
        ("verify", 1, "True or False"),
        ("verify", np.array([True]), "True or False"),
        ("verify", np.int64(1), "True or False"),
        ("verify", None, "True or False"),
    ],
)
def test_a_wrong_value_is_reported_with_the_allowed_ones(name, value, allowed):
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
def test_num_proc_is_checked(value):
    with pytest.raises(ValueError, match=re.escape(f"`num_proc` (={value!r})")):
        parse_num_proc(value)


def test_num_proc():
    assert (parse_num_proc(None), parse_num_proc(3)) == (1, 3)


def test_neither_jax_nor_datasets_is_loaded(python):
    code = """
import sys
import jax_ir_synth
light = {"jax", "datasets", "numpy", "pyarrow", "rich"} & set(sys.modules)
from jax_ir_synth.generate import plan
from jax_ir_synth.request import config
next(plan.plan_rows(config.Request()))
print(light, {"jax", "datasets"} & set(sys.modules))
"""
    done = python("-c", code)
    assert (done.stdout.strip(), done.returncode) == ("set() set()", 0), done.stderr
