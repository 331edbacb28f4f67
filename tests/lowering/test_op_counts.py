"""Counting operations by a scan of the text, against a walk of the parsed module."""

from collections import Counter

import pytest
from lowering_probes import PROBES

from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.op_counts import count_operations
from jax_ir_synth.lowering.parsing import open_module, walk
from jax_ir_synth.schema.ir_section import read_section


def _walked(text: str) -> Counter:
    with open_module(text) as module:
        names = [op.name for op in walk(module.operation)]
    kept = (name for name in names if name.startswith(("stablehlo.", "chlo.")))
    return Counter(name for name in kept if name != "stablehlo.return")


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_the_scan_counts_what_the_walk_counts(platform):
    kinds = set()
    for probe in PROBES:
        lowered = lower_source(*probe[:1], probe.name, probe.in_avals, probe.argnums, (platform,))
        column = read_section(lowered.columns[platform])
        for module in (column.forward, column.backward):
            assert count_operations(module) == _walked(module), probe.name
            kinds |= set(count_operations(module))
        both = count_operations(column.forward) + count_operations(column.backward)
        assert count_operations(lowered.columns[platform]) == both
    assert {"stablehlo.while", "stablehlo.case", "chlo.erf_inv", "stablehlo.scatter"} <= kinds


def test_attributes_types_and_strings_are_no_operations():
    text = (
        '%0 = "stablehlo.sort"(%1) <{x = #stablehlo.gather<>, y = "stablehlo.add chlo.erf"}>\n'
        "%2 = stablehlo.reduce(%0 init: %1) applies stablehlo.add across dimensions = [0]\n"
        "stablehlo.custom_call @stablehlo.fake(%2) : !stablehlo.token\n"
        "stablehlo.return %2"
    )
    assert count_operations(text) == {
        "stablehlo.sort": 1,
        "stablehlo.reduce": 1,
        "stablehlo.add": 1,
        "stablehlo.custom_call": 1,
    }


def test_a_text_that_is_no_module_is_refused_in_one_line():
    with (
        pytest.raises(ValueError, match="must be a StableHLO module") as caught,
        open_module("module {"),
    ):
        pytest.fail("an unfinished module was parsed")
    assert "\n" not in str(caught.value)
