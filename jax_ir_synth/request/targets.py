"""The machines that code is compiled for. None of them has to be present (no jax here)."""

import platform as host
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request import choices, extras
from jax_ir_synth.request.dialects import COMPILED

# The compiler for CUDA, and the extra of this package that installs it.
_PLUGIN, _PLUGIN_MODULE = "jax-cuda13-plugin", "jax_plugins.xla_cuda13"
_EXTRA = "cuda-ir"
# What disassembles a CPU's object files, and the extra that installs it.
_DISASSEMBLERS = ("capstone", "elftools")
_ASM_EXTRA = "asm"


class Target(NamedTuple):
    """A machine that code is compiled for.

    Attributes:
      name: The name that a user gives and that a section's header shows.
      platform: `"cpu"` or `"cuda"`.
      description: For a CPU, XLA's name of the instruction set. For a GPU, the text of a
        `GpuTargetConfigProto`.
      processor: The CPU model for which XLA schedules instructions. None for a GPU.
      needs: The flags, by their names in Linux's `/proc/cpuinfo`, that this machine's CPU must
        have. XLA compiles CPU code for the machine it runs on only.
    """

    name: str
    platform: str
    description: str
    processor: str | None = None
    needs: frozenset[str] = frozenset()


class _Gpu(NamedTuple):
    """The properties of a GPU that XLA's optimizer reads.

    Sizes are in bytes, `clock` is in GHz, `bandwidth` in bytes per second. The figures come from
    XLA's own descriptions, `a100_sxm_80`, `h100_sxm` and `b200` in
    `xla/backends/gpu/target_config/specs` of github.com/openxla/xla.
    """

    name: str
    major: int
    features: str
    cores: int
    units: int
    clock: float
    bandwidth: int
    memory: int
    cache: int
    shared: int
    shared_of_block: int

    def to_proto(self) -> str:
        """Write the properties as the text of a `GpuTargetConfigProto`."""
        return f"""
            gpu_device_info {{
              cuda_compute_capability {{ major: {self.major} feature_extension: {self.features} }}
              core_count: {self.cores} fpus_per_core: {self.units} clock_rate_ghz: {self.clock}
              device_memory_size: {self.memory} memory_bandwidth: {self.bandwidth}
              l2_cache_size: {self.cache} shared_memory_per_core: {self.shared}
              shared_memory_per_block: 49152 shared_memory_per_block_optin: {self.shared_of_block}
              registers_per_core_limit: 65536 registers_per_block_limit: 65536
              threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: 2048
              thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
              block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
            }}
            platform_name: "CUDA"
            device_description_str: "{self.name}"
            dnn_version_info {{ major: 9 minor: 10 }}
            runtime_version {{ major: 13 minor: 0 }}
        """


_GPUS = {
    "sm_80": _Gpu(
        "NVIDIA A100-SXM4-80GB", 8, "NONE", 108, 64, 1.41,
        2039040000000, 85100068864, 41943040, 167936, 166912,
    ),
    "sm_90": _Gpu(
        "NVIDIA H100 80GB HBM3", 9, "ACCELERATED_FEATURES", 132, 128, 1.98,
        3352320000000, 84942979072, 52428800, 233472, 232448,
    ),
    "sm_100": _Gpu(
        "NVIDIA B200", 10, "ACCELERATED_FEATURES", 148, 128, 1.965,
        7672320000000, 191514411008, 132644864, 233472, 232448,
    ),
}  # fmt: skip

# The levels of the x86-64 psABI, by the flags that Linux lists.
_V2 = frozenset({"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
_V4 = _V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}

TARGETS = {
    target.name: target
    for target in (
        Target("x86-64-v2", "cpu", "SSE4_2", "nehalem", _V2),
        Target("x86-64-v3", "cpu", "AVX2", "haswell", _V3),
        Target("x86-64-v4", "cpu", "AVX512", "skylake-avx512", _V4),
        *(Target(name, "cuda", gpu.to_proto()) for name, gpu in _GPUS.items()),
    )
}
DEFAULTS = {"cpu": "x86-64-v3", "cuda": "sm_90"}


def parse_targets(value: object) -> str | tuple[str, ...] | None:
    """Parse a user's `target`.

    Args:
      value: None, a name, a list or tuple of names, or a string of names separated by commas.

    Returns:
      None for the defaults, one of TARGETS, or a tuple with one target for each platform.

    Raises:
      ValueError: A name isn't in TARGETS, or two are for the same platform. The message is one
        line that gives the value and the allowed names.
    """
    if value is None:
        return None
    names = choices.parse_names("target", value, TARGETS)
    if len({TARGETS[name].platform for name in names}) < len(names):
        raise UsageError(
            f"`target` (={value!r}) must name at most one for the CPU and one for CUDA"
        )
    return choices.pack_names(names)


def select_relevant(
    names: Iterable[str], dialects: Iterable[str], platforms: Iterable[str]
) -> str | tuple[str, ...] | None:
    """Select the targets that change the rows.

    Args:
      names: Names of TARGETS.
      dialects: The dialects of the rows.
      platforms: The platforms of the rows.

    Returns:
      The names in the order of TARGETS, packed by `choices.pack_names`. Defaults are left out,
      and so are targets of a platform that nothing is compiled for.
    """
    if not set(COMPILED) & set(dialects):
        return None
    defaults = set(DEFAULTS.values())
    relevant = tuple(
        name
        for name, target in TARGETS.items()
        if name in names and name not in defaults and target.platform in platforms
    )
    return choices.pack_names(relevant)


def resolve_targets(value: str | Sequence[str] | None) -> dict[str, Target]:
    """Map each platform to its target, which is the one in `value` or else the default.

    Args:
      value: The target of a request: None, a name, or a sequence of names.
    """
    return {
        **{platform: TARGETS[name] for platform, name in DEFAULTS.items()},
        **{TARGETS[name].platform: TARGETS[name] for name in choices.unpack_names(value)},
    }


def check_compilers(
    dialects: Iterable[str], platforms: Iterable[str], target: str | Sequence[str] | None
) -> None:
    """Check that this machine can compile the dialects for the targets.

    Args:
      dialects: Names of dialects. Those that aren't in COMPILED need no compiler.
      platforms: The platforms to compile for.
      target: The targets, as a request stores them.

    Raises:
      ValueError: The machine or its CPU is another than the target needs, or the compiler for CUDA
        is missing. The message is one line.
    """
    compiled = [dialect for dialect in dialects if dialect in COMPILED]
    if not compiled:
        return
    what = f"`dialect` (={', '.join(compiled)})"
    machine = host.machine()
    if "cpu" in platforms:
        if machine.lower() not in ("x86_64", "amd64"):
            raise UsageError(f"{what} for the CPU needs an x86-64 machine, this one is {machine}")
        cpu = resolve_targets(target)["cpu"]
        if lacking := cpu.needs - _read_cpu_flags():
            raise UsageError(
                f"{what} for `target` (={cpu.name}) needs a CPU with "
                f"{', '.join(sorted(lacking))}, which this one lacks"
            )
        if "asm" in compiled:
            for module in filter(extras.is_missing, _DISASSEMBLERS):
                line = extras.describe("`dialect` (=asm) for the CPU", module, _ASM_EXTRA)
                raise extras.MissingExtraError(f"{line}; or device='cuda'")
    if "cuda" in platforms:
        installed, needed = _find_version(_PLUGIN), version("jaxlib")
        if installed is None or extras.is_missing(_PLUGIN_MODULE):
            line = extras.describe(f"{what} for CUDA", _PLUGIN, _EXTRA)
            raise extras.MissingExtraError(f"{line}; or device='cpu'")
        if installed != needed:
            version_needed = f"{_PLUGIN} {needed} (jaxlib's version, {installed} is installed)"
            raise extras.MissingExtraError(
                extras.describe(f"{what} for CUDA", version_needed, _EXTRA)
            )


def _read_cpu_flags() -> frozenset[str]:
    """Read the flags of this machine's CPU from Linux. Raises ValueError on another system."""
    if host.system() != "Linux":
        raise UsageError(
            f"the dialects {', '.join(COMPILED)} for the CPU need Linux, which lists the CPU's "
            f"instruction sets; this is {host.system()}"
        )
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
