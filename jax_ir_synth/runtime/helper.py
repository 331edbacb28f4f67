"""A fresh Python process that answers questions, both pickled and sent through pipes.

Neither fork nor multiprocessing: a process forked after its parent used jax hangs, and
multiprocessing's other ways run the caller's `__main__` again, which never ends in a script
without a main guard. A helper knows nothing of the caller: its script, its notebook and its jax
settings play no part.
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
    """What has an end."""

    def close(self) -> None:
        """End it and give back what it holds."""


T = TypeVar("T", bound=Closable)

# What the caller's environment says to jax, XLA and Python is not for a helper: it could end it
# (flags that XLA doesn't know), or have it read commands after its work (PYTHONINSPECT).
_SETTINGS = ("JAX_", "JAX2TF_", "LIBTPU_", "PJRT_", "PYTHON", "TF_", "XLA_")
# But for where modules are, and whether compiled ones are kept.
_PLACES = (
    "PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONNOUSERSITE PYTHONPATH PYTHONPLATLIBDIR "
    "PYTHONPYCACHEPREFIX PYTHONUSERBASE"
).split()
# NumPy's and SciPy's LAPACK would start a thread for each core, in each helper, and wait for them
# on matrices of a few elements.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


# Signals that a process's own doing brings on.
_CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}


class HelperDied(JaxIrSynthError, RuntimeError):
    """The process ended before it had answered."""

    def __init__(self, status: int):
        super().__init__(f"exit status {status}")
        self.status = status

    @property
    def crashed(self) -> bool:
        """Whether it ended by itself. Otherwise it was killed, as the system does for memory."""
        return -self.status in _CRASHES


class Helper:
    """A process that runs `serve()` of a module, which is to call `answer_questions`.

    Args:
      module: its name.
      environment: variables to set in the process, None for one to take away.
    """

    def __init__(self, module: str, **environment: str | None):
        start = (
            f"import sys; sys.path[:] = {sys.path!a}; from jax_ir_synth.runtime import orphans; "
            f"orphans.end_with_parent({os.getpid()}); from {module} import serve; serve()"
        )
        # No device is needed; without the first each helper would take its share of a GPU.
        variables = {**inherited(), "JAX_PLATFORMS": "cpu", **_ONE_THREAD, **environment}
        given = {name: value for name, value in variables.items() if value is not None}
        # One question at a time, also where several threads ask.
        self._asking = threading.Lock()
        self._process = start_for_good(lambda: _start(start, given), _discard)
        self._questions = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, question: Any) -> Any:
        """The answer. Raises HelperDied."""
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
            # Ctrl-C: this question's answer must not be taken for the next one's.
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the process, whatever it does; who waits for an answer gets HelperDied."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process and gives back what it held."""
        self.kill()
        # Popen's own exit closes the pipes and reaps; a message half-sent can't be flushed.
        with contextlib.suppress(BrokenPipeError), self._process:
            pass


def inherited() -> dict[str, str]:
    """The environment variables that a helper takes over."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PLACES or not name.startswith(_SETTINGS)
    }


def _start(code: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        # Ctrl-C is for the parent, which ends its helpers itself.
        process_group=0,
    )


def _discard(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        pass


class OfThisProcess(Generic[T]):
    """Helpers, or what holds one, by key: a process forked off gets its own, not its parent's.

    What a process made is closed when it ends.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, Hashable], T] = {}
        atexit.register(self.close)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """This process's, made now if there is none."""
        own = os.getpid(), key
        if own not in self._made:
            self._made[own] = make()
        return self._made[own]

    def all(self) -> list[T]:
        """This process's."""
        return [made for (pid, _), made in self._made.items() if pid == os.getpid()]

    def close(self) -> None:
        """Closes this process's, and forgets them."""
        for made in self.all():
            made.close()
        self._made = {key: made for key, made in self._made.items() if key[0] != os.getpid()}


def answer_questions(answer: Callable[[Any], Any], ready: Callable[[], None]) -> None:
    """A helper's whole life: questions from stdin, answers to stdout, until stdin ends.

    Args:
      answer: gives the answer to a question; what it raises ends the process.
      ready: is called first, while no question is waiting: for slow imports.
    """
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not end up among the answers.
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
            # Who asked is gone.
            return
