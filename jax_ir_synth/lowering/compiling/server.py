"""The program of a compiling helper: compiles a module to optimized HLO, LLVM IR and assembly."""

import functools
import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jax_ir_synth.lowering.compiling import Answer, Compiled
from jax_ir_synth.request.targets import TARGETS, Target
from jax_ir_synth.runtime.helper import answer_questions
from jax_ir_synth.runtime.orphans import clean_up_after_parent

if TYPE_CHECKING:
    from jaxlib import xla_client

# The triple and the processor in a compiled CPU program; see `TargetMachineOptionsProto`.
_PROCESSOR = re.compile(rb"x86_64-[\w-]+\x12.([\w-]+)\x1a..?([\w.,+-]+)", re.DOTALL)
# Instructions that no level of x86-64 includes, and that LLVM uses by itself if the CPU has them.
_BEYOND_LEVELS = frozenset(
    "avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 fma4 gfni sse4a tbm xop".split()
)


def serve() -> None:
    """Answer questions until there are no more, then delete the folder for the compiler's files."""
    folder = Path(os.environ["JAX_IR_SYNTH_FOLDER"])
    try:
        answer_questions(
            lambda questions: [_answer(folder, *question) for question in questions],
            functools.partial(_get_ready, folder),
        )
    finally:
        # Also if the caller has died, since no more questions come then.
        shutil.rmtree(folder, ignore_errors=True)


def _get_ready(folder: Path) -> None:
    importlib.import_module("jax_ir_synth.lowering.parsing")
    # A fork of the caller may still hold the pipe open, so the end of questions isn't enough.
    clean_up_after_parent(functools.partial(shutil.rmtree, folder, ignore_errors=True))


def _answer(folder: Path, text: str, target: str, dialects: tuple[str, ...]) -> Answer:
    """Compile a module; if that fails, answer with one line that says why."""
    from jaxlib.xla_client import XlaRuntimeError

    dump = Path(tempfile.mkdtemp(dir=folder))
    try:
        return Compiled(*compile_text(text, TARGETS[target], dialects, dump))
    except (ValueError, XlaRuntimeError) as error:
        return str(error).strip().split("\n")[0]
    finally:
        shutil.rmtree(dump)


def compile_text(
    text: str, target: Target, dialects: Sequence[str], dump: Path
) -> tuple[dict[str, str], str]:
    """Compile a module; return the texts by dialect, and the target's name.

    The name lists everything beyond the target that XLA couldn't be kept from using. `dump` is an
    empty folder for the compiler's files.
    """
    from jaxlib import xla_client

    from jax_ir_synth.lowering import contexts
    from jax_ir_synth.lowering.compiling import code, hlo
    from jax_ir_synth.lowering.parsing import parse_trusted

    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    if {"llvm", "asm"} & set(dialects):
        options.env_option_overrides = [("xla_dump_to", str(dump))]
    device = _device(target)
    devices = xla_client.DeviceList((device,))
    with contexts.get_context():
        module = parse_trusted(text)
        if target.platform == "cpu":
            executable = device.client.compile_and_load(module, devices, options, [])
            name = _name_host(target)
        else:
            executable = device.client.compile(module, devices, options)
            name = target.name
    (module,) = executable.hlo_modules()
    write = {
        "optimized_hlo": lambda: hlo.format_module(module),
        "llvm": lambda: code.read_llvm(dump),
        "asm": lambda: (
            code.read_machine_code(dump) if target.platform == "cpu" else code.read_ptx(dump)
        ),
    }
    return {dialect: write[dialect]() for dialect in dialects}, name


@functools.cache
def _device(target: Target) -> "xla_client.Device":
    import jax
    from jax.experimental import topologies

    if target.platform == "cpu":
        return jax.devices("cpu")[0]
    # A description of a single device in a single process.
    described = topologies.get_topology_desc(
        platform="cuda", target_config=target.description, topology="1x1x1"
    )
    return described.devices[0]


@functools.cache
def _name_host(target: Target) -> str:
    """Name a CPU's target, with this CPU's further instructions and its name (see `Compiled`)."""
    import jax

    compiled = jax.jit(lambda x: x).lower(cast(Any, jax.ShapeDtypeStruct)((), "float32")).compile()
    client = jax.devices("cpu")[0].client
    content = client.serialize_executable(compiled.runtime_executable())
    match = _PROCESSOR.search(content)
    if match is None:
        raise ValueError("a compiled program doesn't name its processor")
    processor, features = (found.decode() for found in match.groups())
    more = _BEYOND_LEVELS & {name[1:] for name in features.split(",") if name.startswith("+")}
    added = "".join(f"+{name}" for name in sorted(more))
    return target.name + added + ("" if processor == target.processor else f":{processor}")
