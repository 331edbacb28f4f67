"""Compiles a StableHLO module for a target that needn't be here; jax is loaded in helpers only."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.request import targets
from jax_ir_synth.request.targets import Target
from jax_ir_synth.runtime.helper import Helper, HelperDied, OfThisProcess

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


def compile_module(text: str, target: Target, dialects: Sequence[str]) -> Compiled:
    """The module in dialects of `dialects.COMPILED`.

    Args:
      text: of a StableHLO module, with its locations: they become the `op_name`s.
      target: the machine, one of `targets.TARGETS`.
      dialects: at least one.

    Raises CompileError.
    """
    return _compiler(target).compile(text, target, dialects)


class _Compiler:
    """A helper, and the next one when it dies or has done enough."""

    def __init__(self, cpu: Target):
        self._cpu = cpu
        self.helper: Helper | None = None
        self._folder: _Folder | None = None
        self._left = 0

    def compile(self, text: str, target: Target, dialects: Sequence[str]) -> Compiled:
        for _ in range(2):
            if self._left == 0:
                self.close()
                self._start()
            self._left -= 1
            try:
                texts, name, failure = self.helper.ask((text, target.name, tuple(dialects)))
            except HelperDied as error:
                self._left = 0
                died = error
                continue
            if failure is not None:
                raise CompileError(f"XLA doesn't compile it for {target.name}: {failure}")
            return Compiled(texts, name)
        raise CompileError(f"the process that compiles for {target.name} died twice ({died})")

    def _start(self) -> None:
        self._folder = _Folder()
        self.helper = Helper(
            "jax_ir_synth.lowering.compiling.server",
            JAX_IR_SYNTH_FOLDER=str(self._folder.path),
            XLA_FLAGS=_xla_flags(self._cpu),
            # XLA would take another number of threads from it.
            NPROC=None,
            # Its remarks on a missing GPU are nobody's concern.
            TF_CPP_MIN_LOG_LEVEL="3",
        )
        self._left = MODULES_A_HELPER

    def close(self) -> None:
        if self.helper is not None:
            self.helper.close()
            self._folder.close()
            self.helper, self._left = None, 0


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

    def __init__(self):
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


# By the CPU's target, which a helper has for good.
_compilers: OfThisProcess[_Compiler] = OfThisProcess()


def _compiler(target: Target) -> _Compiler:
    cpu = target if target.platform == "cpu" else targets.resolve_targets(None)["cpu"]

    def new() -> _Compiler:
        _Folder.remove_leftovers()
        return _Compiler(cpu)

    return _compilers.get(cpu.name, new)


def pids() -> list[int]:
    """Of this process's helpers that are running."""
    return [made.helper.pid for made in _compilers.all() if made.helper is not None]


def close() -> None:
    """Ends this process's helpers; the next module starts another."""
    _compilers.close()
