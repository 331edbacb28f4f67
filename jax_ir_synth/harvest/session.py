"""A worker for one package, started anew when it has died or taken too long."""

import signal
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.harvest.worker import Import, Setup
from jax_ir_synth.runtime.helper import Helper, HelperDied
from jax_ir_synth.runtime.sandbox.resource_limits import Limits

_MODULE = "jax_ir_synth.harvest.worker"


class WorkerDied(JaxIrSynthError, RuntimeError):
    """The worker died over a question; the message says how, in one line."""


class Session:
    """A context manager that asks the questions of `worker`, and imports modules first.

    Args:
      paths: folders for the worker's path.
      limits: for each question.
      modules: what each worker imports before its first question, in order.
      environment: variables to set in each worker.
    """

    def __init__(
        self,
        paths: Sequence[str],
        limits: Limits,
        modules: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ):
        self._paths, self._limits = tuple(paths), limits
        self._modules = list(modules)
        self._environment = dict(environment or {})
        self._helper: Helper | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stopped = False

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def stop(self) -> None:
        """End the worker for good, from another thread; whoever waits for it gets WorkerDied."""
        self._stopped = True
        if (helper := self._helper) is not None:
            helper.kill()

    @property
    def stopped(self) -> bool:
        """Whether `stop` has been called, so that a death says nothing about a question."""
        return self._stopped

    def add_module(self, name: str) -> Any:
        """Import a module, now and in each later worker; return the answer. Raises WorkerDied."""
        answer = self.ask(Import(name))
        if not isinstance(answer, str):
            self._modules.append(name)
        return answer

    def ask(self, question: Any) -> Any:
        """Ask a question within the limits, and return the answer. Raises WorkerDied."""
        if self._helper is None:
            self._start()
        return self._ask(question)

    def _start(self) -> None:
        if self._stopped:
            raise WorkerDied("it was stopped")
        self._folder = tempfile.TemporaryDirectory(prefix="jax_ir_synth_harvest_")
        self._helper = Helper(_MODULE, **self._environment)
        if self._stopped:
            self._helper.kill()
        self._ask(Setup(self._paths, str(Path(self._folder.name)), self._limits))
        for name in self._modules:
            self._ask(Import(name))

    def _ask(self, question: Any) -> Any:
        helper = self._helper
        assert helper is not None, "a question has a worker"
        late = threading.Event()

        def end() -> None:
            late.set()
            helper.kill()

        timer = threading.Timer(self._limits.wall_seconds, end)
        timer.start()
        try:
            return helper.ask(question)
        except HelperDied as death:
            self.close()
            raise WorkerDied(_describe(death, late.is_set(), self._limits)) from death
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()


def _describe(death: HelperDied, late: bool, limits: Limits) -> str:
    if late:
        return f"it was not done after {limits.wall_seconds:g} s"
    if death.status >= 0:
        return f"it ended its process with exit code {death.status}"
    number = signal.Signals(-death.status)
    if number in (signal.SIGPROF, signal.SIGXCPU):
        return f"it was not done after {limits.seconds:g} s of CPU time"
    return f"its process died: {number.name}"
