"""Each target's own code; what another machine's would be is not asked for by mistake."""

import re

import jax
import pytest

from jax_ir_synth.lowering import lower
from jax_ir_synth.request.targets import TARGETS, check_compilers
from jax_ir_synth.schema.ir_section import read_section

X = jax.ShapeDtypeStruct((64,), "float32")


def polynomial(x):
    return x * x * 0.5 + x


def compiled(platform: str, dialect: str, target: str) -> str:
    column = read_section(
        lower(polynomial, X, platforms=(platform,), dialect=dialect, target=target)[platform]
    )
    assert re.split("[+:]", column.target)[0] == target
    return column.forward


@pytest.mark.parametrize(
    ("target", "ptx"), [("sm_80", "sm_80"), ("sm_90", "sm_90a"), ("sm_100", "sm_100a")]
)
def test_a_gpus_code_is_for_that_gpu(target, ptx):
    assert f"\n.target {ptx}\n" in compiled("cuda", "asm", target)
    assert 'target triple = "nvptx64-nvidia-cuda"' in compiled("cuda", "llvm", target)


# The widest registers that each level has.
REGISTERS = {"x86-64-v2": "xmm", "x86-64-v3": "ymm", "x86-64-v4": "zmm"}


@pytest.mark.parametrize("target", REGISTERS)
def test_a_cpus_code_keeps_to_its_level(target):
    try:
        check_compilers(("asm",), ("cpu",), target)
    except ValueError as reason:
        pytest.skip(str(reason))
    used = set(re.findall(r"\b([xyz]mm)\d", compiled("cpu", "asm", target)))
    levels = list(REGISTERS.values())
    assert used
    # The fourth level's code is tuned to use the third's registers, as LLVM does by itself.
    assert used <= set(levels[: levels.index(REGISTERS[target]) + 1])
    assert (target == "x86-64-v2") == ("ymm" not in used)


def test_a_target_changes_nothing_before_the_compiler():
    texts = [
        lower(polynomial, X, dialect="jaxpr,stablehlo,hlo", target=target)
        for target in ("sm_80", "sm_100")
    ]
    assert texts[0] == texts[1]


def test_every_target_has_a_platform_of_its_kind():
    assert {target.platform for target in TARGETS.values()} == {"cpu", "cuda"}
    for name, target in TARGETS.items():
        assert target.name == name
        assert bool(target.needs) == bool(target.processor) == (target.platform == "cpu")
