"""A value is the same however it is written, a default too: one config, one cache, one error."""

import itertools

import numpy as np
import pytest
from datasets import load_dataset, load_dataset_builder
from hypothesis import given, settings
from hypothesis import strategies as st

from jax_ir_synth.generate.fingerprint import PACKAGE
from jax_ir_synth.jax_ir_synth import JaxIrSynth
from jax_ir_synth.request.config import CONFIGS, DEFAULTS, Request


class Str(str):
    """A string of another type, as a configuration library's."""


# Of each argument's default.
SPELLED = {
    "seed": [0, np.int64(0), np.uint8(0), np.array(0)],
    "count": [1500, np.int32(1500), np.array(1500)],
    "device": ["both", Str("both"), np.str_("both")],
    "dialect": ["stablehlo", ["stablehlo"], ("stablehlo",), Str("stablehlo"), [Str("stablehlo")],
                np.str_("stablehlo")],
    "target": [None, "sm_90", ["sm_90"], "x86-64-v3", "sm_90,x86-64-v3", ("x86-64-v3", "sm_90"),
               "sm_80", Str("sm_90"), np.str_("sm_90")],
    "verify": [True, np.True_, np.bool_(True)],
    "passes": ["forward,backward", "backward,forward", ["forward", "backward"],
               ("backward", np.str_("forward"))],
}  # fmt: skip


def test_each_argument_has_spellings():
    # `strict` says what becomes of a failure, and is a bool as `verify` is.
    assert SPELLED.keys() >= DEFAULTS.keys() - {"strict"}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([None, *CONFIGS]),
    given=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in SPELLED.items()}
    ),
)
def test_a_default_is_the_default_however_it_is_written(name, given, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "spelled"
    plain = JaxIrSynth(config_name=name, cache_dir=cache)
    spelled = JaxIrSynth(config_name=name, cache_dir=cache, **given)
    assert spelled.config == plain.config
    assert spelled.config_id == plain.config_id == plain.config.name
    assert spelled.cache_dir == plain.cache_dir


OTHERS = [
    {"seed": [7, np.int64(7)]},
    {"dialect": [["hlo", "stablehlo"], ("hlo", "stablehlo"), "hlo,stablehlo"]},
    {"dialect": ["hlo", ["hlo"]], "target": [None, "sm_90", "sm_80"]},
    {"dialect": ["asm"], "device": ["cpu"], "target": [None, "x86-64-v3", ["x86-64-v3", "sm_80"]]},
    {"passes": ["vjp,forward", ["forward", "vjp"], (Str("forward"), np.str_("vjp"))]},
    {"verify": [False, np.False_], "count": [3, np.int16(3)]},
]


@pytest.mark.parametrize("spelled", OTHERS)
def test_any_value_is_one_config_however_it_is_written(spelled, tmp_path):
    configs = []
    for values in itertools.product(*spelled.values()):
        given = dict(zip(spelled, values, strict=True))
        builder = JaxIrSynth(config_name="loop", cache_dir=tmp_path, **given)
        configs.append((builder.config_id, builder.cache_dir, builder.config))
        assert all(type(getattr(builder.config, name)) in (int, str, bool, tuple, type(None))
                   for name in DEFAULTS)  # fmt: skip
    assert all(config == configs[0] for config in configs)
    assert configs[0][0] != "loop"


@pytest.mark.parametrize("path", ["jax_ir_synth", str(PACKAGE), PACKAGE / "jax_ir_synth.py"])
@pytest.mark.parametrize("name", CONFIGS)
def test_load_dataset_takes_them(name, path, tmp_path):
    written = {"dialect": ["stablehlo"], "target": "sm_90", "seed": np.int64(0)}
    builder = load_dataset_builder(str(path), name, cache_dir=tmp_path, **written)
    assert builder.config.request == Request(category=name)


@pytest.mark.parametrize("written", [{"dialect": ["stablehlo"]}, {"target": "sm_90"}])
def test_rows_and_streams_come_with_them(written, tmp_path):
    plain = {"count": 4, "split": "train", "cache_dir": tmp_path}
    rows = load_dataset("jax_ir_synth", "loop", **plain)
    assert list(load_dataset("jax_ir_synth", "loop", **written, **plain)) == list(rows)
    stream = load_dataset("jax_ir_synth", "loop", streaming=True, **written, **plain)
    assert list(stream) == list(rows)
    first = next(iter(load_dataset(str(PACKAGE), split="train", streaming=True, **written)))
    assert first["id"] == 0
