"""What a compiling helper does: a module's text → its optimized HLO, LLVM IR and assembly."""

import functools
import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jax_ir_synth.helper import answer_questions
from jax_ir_synth.targets import TARGETS, Target

# In a compiled CPU program, see `TargetMachineOptionsProto`: the triple, then the processor.
_PROCESSOR = re.compile(rb"x86_64-[\w-]+\x12.([\w-]+)\x1a")


def serve() -> None:
    """A helper's whole life. Its folder for the compiler's files goes when it does."""
    folder = Path(os.environ["JAX_IR_SYNTH_FOLDER"])
    try:
        answer_questions(functools.partial(_answer, folder), _ready)
    finally:
        # Also where the caller is gone: then no more questions come.
        shutil.rmtree(folder, ignore_errors=True)


def _ready() -> None:
    importlib.import_module("jax_ir_synth.lowering.parsing")


def _answer(folder: Path, question: tuple[str, str, Sequence[str]]) -> tuple:
    """The texts, the processor they are for and None; or None, None and why not."""
    from jaxlib.xla_client import XlaRuntimeError

    text, target, dialects = question
    dump = Path(tempfile.mkdtemp(dir=folder))
    try:
        return *compiled(text, TARGETS[target], dialects, dump), None
    except (ValueError, XlaRuntimeError) as error:
        return None, None, str(error).strip().split("\n")[0]
    finally:
        shutil.rmtree(dump)


def compiled(
    text: str, target: Target, dialects: Sequence[str], dump: Path
) -> tuple[dict[str, str], str | None]:
    """The texts by dialect, and what processor XLA takes the CPU for (None for CUDA).

    `dump` is an empty folder for the compiler's files.
    """
    from jaxlib import xla_client

    from jax_ir_synth.compiling import code, hlo
    from jax_ir_synth.lowering.parsing import parsed

    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    if {"llvm", "asm"} & set(dialects):
        options.env_option_overrides = [("xla_dump_to", str(dump))]
    device = _device(target)
    devices = xla_client.DeviceList((device,))
    with parsed(text) as module:
        if target.platform == "cpu":
            executable = device.client.compile_and_load(module, devices, options, [])
            processor = _processor()
        else:
            executable = device.client.compile(module, devices, options)
            processor = None
    (module,) = executable.hlo_modules()
    write = {
        "optimized_hlo": lambda: hlo.text(module),
        "llvm": lambda: code.llvm(dump),
        "asm": lambda: code.machine_code(dump) if target.platform == "cpu" else code.ptx(dump),
    }
    return {dialect: write[dialect]() for dialect in dialects}, processor


@functools.cache
def _device(target: Target):
    import jax
    from jax.experimental import topologies

    if target.platform == "cpu":
        return jax.devices("cpu")[0]
    # One device of one process, and that only described.
    described = topologies.get_topology_desc(
        platform="cuda", target_config=target.description, topology="1x1x1"
    )
    return described.devices[0]


@functools.cache
def _processor() -> str:
    """What XLA takes the CPU for."""
    import jax

    compiled = jax.jit(lambda x: x).lower(jax.ShapeDtypeStruct((), "float32")).compile()
    client = jax.devices("cpu")[0].client
    content = client.serialize_executable(compiled.runtime_executable())
    return _PROCESSOR.search(content)[1].decode()
