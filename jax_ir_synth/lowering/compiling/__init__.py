"""Compiles a StableHLO module for a target that needn't be here; jax is loaded in helpers only."""

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

# XLA keeps something of every module: so a helper is replaced after so many.
MODULES_A_HELPER = 500
_PREFIX = "jax_ir_synth-compiling-"


class CompileError(JaxIrSynthError, ValueError):
    """XLA refused the module, or the process that ran it died twice; the message is one line."""


class Compiled(NamedTuple):
    """What a module became.

    Attributes:
      texts: by dialect.
      target: the name of the machine they are for. Behind a + stand instructions beyond the
        target's that this machine's CPU has, behind a colon the processor that XLA took for it
        where it isn't the target's own: machines that differ in these may write other texts.
    """

    texts: dict[str, str]
    target: str


# A module's text, the target's name and the dialects; what it became, or in one line why nothing.
Question = tuple[str, str, tuple[str, ...]]
Answer = Compiled | str


def compile_module(text: str, target: Target, dialects: Sequence[str]) -> Compiled:
    """The module in dialects of `dialects.COMPILED`.

    Args:
      text: of a StableHLO module, with its locations: they become the `op_name`s.
      target: the machine, one of `targets.TARGETS`.
      dialects: at least one.

    Raises CompileError.
    """
    (answer,) = _compilers_for(target).ask([(text, target.name, tuple(dialects))])
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
            # XLA would take another number of threads from it.
            NPROC=None,
            # Its remarks on a missing GPU are nobody's concern.
            TF_CPP_MIN_LOG_LEVEL="3",
        )

    def close(self) -> None:
        super().close()
        self._folder.close()


def _xla_flags(cpu: Target) -> str:
    """What XLA takes for good when it starts."""
    return " ".join(
        (
            f"--xla_cpu_max_isa={cpu.description}",
            # Else the parts of a module depend on the number of cores.
            "--xla_cpu_parallel_codegen_split_count=1",
            # Else a small loop is one function, whose arguments come in another order every time.
            "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=0",
        )
    )


class _Folder:
    """A temporary folder. Whoever finds one that nobody holds any more removes it."""

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
        """Those of processes that were killed together with their helpers."""
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with contextlib.suppress(OSError), open(folder / cls._LOCK) as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


# A helper and its successors, by the CPU's target, which a helper has for good.
_pools: OfThisProcess[Pool[Question, Answer]] = OfThisProcess()


def _compilers_for(target: Target) -> "Pool[Question, Answer]":
    cpu = target if target.platform == "cpu" else targets.resolve_targets(None)["cpu"]

    def make() -> "Pool[Question, Answer]":
        _Folder.remove_leftovers()
        start = functools.partial(_CompilingHelper, cpu)
        return Pool(start, 1, renewal=MODULES_A_HELPER)

    return _pools.get(cpu.name, make)


def pids() -> list[int]:
    """Of this process's helpers that are running."""
    return [helper.pid for pool in _pools.all() for helper in pool.helpers]


def close() -> None:
    """End this process's helpers; the next module starts another."""
    _pools.close()
