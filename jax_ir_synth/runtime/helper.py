"""Starts fresh Python processes that answer questions. Both are pickled and sent through pipes.

It uses neither fork nor multiprocessing. A process that is forked after its parent used jax hangs.
multiprocessing's other methods run the caller's `__main__` again, which never ends in a script
without a main guard. A helper doesn't depend on the caller's script, notebook or jax settings.
"""

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Hashable
from typing import IO, Any, Generic, Protocol, TypeVar, cast

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.orphans import start_for_good


class Closable(Protocol):
    """An object with a `close` method."""

    def close(self) -> None:
        """End it and release its resources."""


T = TypeVar("T", bound=Closable)

# Prefixes of environment variables that a helper doesn't inherit: settings for jax, XLA and Python.
# They could end it (flags that XLA doesn't know), or make it read commands (PYTHONINSPECT).
_SETTINGS = ("JAX_", "JAX2TF_", "LIBTPU_", "PJRT_", "PYTHON", "TF_", "XLA_")
# The exceptions: variables of this package, and those that say where modules are, and whether
# compiled modules are kept.
_INHERITED = (
    "JAX_IR_SYNTH_CACHE JAX_IR_SYNTH_FAST PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONNOUSERSITE "
    "PYTHONPATH PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHONUSERBASE"
).split()
# Otherwise NumPy's and SciPy's LAPACK would start a thread for each core in each helper, and wait
# for these threads even on matrices of a few elements.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


# Signals that a process causes itself.
_CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}


class HelperDied(JaxIrSynthError, RuntimeError):
    """The process ended before it answered."""

    def __init__(self, status: int):
        super().__init__(f"exit status {status}")
        self.status = status

    @property
    def crashed(self) -> bool:
        """Whether it crashed by itself. Otherwise it was killed, as when memory runs out."""
        return -self.status in _CRASHES


class Helper:
    """A process that runs `serve()` of a module, which must call `answer_questions`.

    Args:
      module: the module's name.
      environment: variables to set in the process; None removes a variable.
    """

    def __init__(self, module: str, **environment: str | None):
        start = (
            f"import sys; sys.path[:] = {sys.path!a}; from jax_ir_synth.runtime import orphans; "
            f"orphans.end_with_parent({os.getpid()}); from {module} import serve; serve()"
        )
        # No device is needed. Without JAX_PLATFORMS, each helper would take its share of a GPU.
        variables = {**inherited(), "JAX_PLATFORMS": "cpu", **_ONE_THREAD, **environment}
        given = {name: value for name, value in variables.items() if value is not None}
        # One question at a time, even if several threads ask.
        self._asking = threading.Lock()
        self._process = start_for_good(lambda: _start(start, given), _discard)
        self._questions = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, question: Any) -> Any:
        """Ask a question, and return the answer. Raises HelperDied."""
        with self._asking:
            return self._ask(question)

    def _ask(self, question: Any) -> Any:
        try:
            pickle.dump(question, self._questions)
            self._questions.flush()
            return pickle.load(self._answers)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise HelperDied(self._process.wait()) from None
        except BaseException:
            # After Ctrl-C, this question's answer must not be taken for the next one's.
            self.kill()
            raise

    def kill(self) -> None:
        """End the process, whatever it is doing; a caller that waits gets HelperDied."""
        self._process.kill()

    def close(self) -> None:
        """End the process and release its resources."""
        self.kill()
        # Popen's own exit closes the pipes and reaps. A half-sent message can't be flushed.
        with contextlib.suppress(BrokenPipeError), self._process:
            pass


def inherited() -> dict[str, str]:
    """List the environment variables that a helper inherits."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or not name.startswith(_SETTINGS)
    }


def _start(code: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        # Only the parent gets Ctrl-C; it ends its helpers itself.
        process_group=0,
    )


def _discard(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        pass


class OfThisProcess(Generic[T]):
    """A process's own helpers, or objects that hold them, by key.

    A forked process gets new ones, not its parent's. A process's own are closed when it ends.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, Hashable], T] = {}
        atexit.register(self.close)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return this process's object for a key; make it if there is none. Any thread may call."""
        own = os.getpid(), key
        if own not in self._made:
            made = make()
            if self._made.setdefault(own, made) is not made:
                # Another thread was faster.
                made.close()
        return self._made[own]

    def all(self) -> list[T]:
        """Return all of this process's objects."""
        return [made for (pid, _), made in self._made.items() if pid == os.getpid()]

    def close(self) -> None:
        """Close this process's objects, and forget them."""
        for made in self.all():
            made.close()
        self._made = {key: made for key, made in self._made.items() if key[0] != os.getpid()}


def answer_questions(answer: Callable[[Any], Any], ready: Callable[[], None]) -> None:
    """Answer the questions on stdin, with answers on stdout, until stdin ends.

    Args:
      answer: answers a question. An error that it raises ends the process.
      ready: called first, for slow imports, before any question is read.
    """
    # A process inherits which signals its parent ignores and blocks. Here, children that have ended
    # must be looked after, and limits end a process by signals.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # A library's prints must not end up among the answers.
    os.dup2(2, 1)
    ready()
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        try:
            pickle.dump(answer(question), answers)
            answers.flush()
        except BrokenPipeError:
            # The process that asked is gone.
            return
