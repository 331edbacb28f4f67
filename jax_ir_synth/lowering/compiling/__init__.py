"""Compiles a StableHLO module for any target, in helper processes; only these import jax."""

import contextlib
import fcntl
import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.request import targets
from jax_ir_synth.request.targets import Target
from jax_ir_synth.runtime.helper import Helper, HelperDied, OfThisProcess
from jax_ir_synth.runtime.pool import Pool

# XLA retains memory for every module, so a helper is replaced after so many.
MODULES_A_HELPER = 500
_PREFIX = "jax_ir_synth-compiling-"


class CompileError(JaxIrSynthError, ValueError):
    """XLA refused the module, or the process that ran it died twice; the message is one line."""


class Compiled(NamedTuple):
    """A compiled module.

    Attributes:
      texts: the texts by dialect.
      target: the name of the machine they are for. After a + it lists instructions of this
        machine's CPU beyond the target's, and after a colon the processor that XLA assumed, if it
        isn't the target's own. Machines that differ in these may write other texts.
    """

    texts: dict[str, str]
    target: str


# A module's text, the target's name and the dialects. The answer is one line if it fails.
Question = tuple[str, str, tuple[str, ...]]
Answer = Compiled | str


def compile_module(text: str, target: Target, dialects: Sequence[str]) -> Compiled:
    """Compile a module to dialects of `dialects.COMPILED`.

    Args:
      text: the text of a StableHLO module, with its locations, which become the `op_name`s.
      target: the machine, one of `targets.TARGETS`.
      dialects: at least one.

    Raises CompileError.
    """
    (answer,) = _find_pool(target).ask([(text, target.name, tuple(dialects))])
    if isinstance(answer, HelperDied):
        raise CompileError(f"the process that compiles for {target.name} died twice ({answer})")
    if isinstance(answer, str):
        raise CompileError(f"XLA doesn't compile it for {target.name}: {answer}")
    return answer


class _CompilingHelper(Helper):
    """A helper, and the folder for its compiler's files."""

    def __init__(self, cpu: Target):
        self._folder = _Folder()
        super().__init__(
            "jax_ir_synth.lowering.compiling.server",
            JAX_IR_SYNTH_FOLDER=str(self._folder.path),
            XLA_FLAGS=_xla_flags(cpu),
            # XLA would take its number of threads from it.
            NPROC=None,
            # Suppresses XLA's remarks about a missing GPU.
            TF_CPP_MIN_LOG_LEVEL="3",
        )

    def close(self) -> None:
        super().close()
        self._folder.close()


def _xla_flags(cpu: Target) -> str:
    """Return the flags that XLA reads when it starts."""
    return " ".join(
        (
            f"--xla_cpu_max_isa={cpu.description}",
            # Otherwise the parts of a module depend on the number of cores.
            "--xla_cpu_parallel_codegen_split_count=1",
            # Otherwise a small loop becomes one function, with its arguments in a random order.
            "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=0",
        )
    )


class _Folder:
    """A temporary folder, locked while in use, so that abandoned ones can be found and removed."""

    _LOCK = "held"

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._held = open(self.path / self._LOCK, "w")  # noqa: SIM115
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()

    @classmethod
    def remove_leftovers(cls) -> None:
        """Remove the folders of processes that were killed together with their helpers."""
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError), open(folder / cls._LOCK) as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


# The pools by the CPU's target, which a helper can't change.
_pools: OfThisProcess[Pool[Question, Answer]] = OfThisProcess()


def _find_pool(target: Target) -> "Pool[Question, Answer]":
    cpu = target if target.platform == "cpu" else targets.resolve_targets(None)["cpu"]

    def make() -> "Pool[Question, Answer]":
        _Folder.remove_leftovers()
        start = functools.partial(_CompilingHelper, cpu)
        return Pool(start, 1, renewal=MODULES_A_HELPER)

    return _pools.get(cpu.name, make)


def list_pids() -> list[int]:
    """List the process ids of this process's running helpers."""
    return [helper.pid for pool in _pools.all() for helper in pool.helpers]


def close() -> None:
    """End this process's helpers; the next module starts a new one."""
    _pools.close()
