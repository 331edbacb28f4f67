"""The process that runs the code of others: it imports a package, runs its examples, makes rows.

It serves one package, and answers the questions below. Whatever a question does to it, the asking
process starts another one, and only that question's function is lost. Answers are plain values.
"""

import importlib
import logging
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.harvest.arguments import Json
from jax_ir_synth.runtime.helper import answer_questions
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, start_clock


class Setup(NamedTuple):
    """The first question; the answer is None.

    Attributes:
      paths: folders in which packages are looked for before those that are installed.
      folder: an empty temporary folder, for the process to work in.
      limits: for each question.
    """

    paths: Sequence[str]
    folder: str
    limits: Limits


class Import(NamedTuple):
    """Import a module; the answer is the list of its functions, each a dict, or one line: why not.

    Attributes:
      module: its full name.
    """

    module: str


class Examples(NamedTuple):
    """List the doctests of a module by number; the answer is how many there are."""

    module: str


class Record(NamedTuple):
    """Run a doctest, or a script if `module` is empty, and record the calls of known functions.

    The answer is a pair: the written calls by label, and by label why a call can't be written.

    Attributes:
      module: the module of the doctest.
      number: its number among those of the module.
      script: the path of the script.
    """

    module: str
    number: int
    script: str = ""


class Make(NamedTuple):
    """Make a row of a function; the answer is a `making.Made` as a dict.

    Attributes:
      module: the function's module.
      qualname: its name in the module.
      calls: its known calls.
      guess: whether calls are guessed too.
      prove: whether the row is proven.
      platforms: the IR columns that are filled.
      origin: the attributes of the row's `Origin`.
    """

    module: str
    qualname: str
    calls: Sequence[Json]
    guess: bool
    prove: bool
    platforms: tuple[str, ...]
    origin: dict[str, str]


def serve() -> None:
    """Run the process."""
    answer_questions(_Worker().answer, lambda: None)


class _Worker:
    def __init__(self) -> None:
        self._limits: Limits | None = None
        self._functions: dict[str, Any] = {}

    def answer(self, question: Any) -> Any:
        if isinstance(question, Setup):
            return self._set_up(question)
        assert self._limits is not None, "the first question is the setup"
        _start_clock(self._limits)
        match question:
            case Import():
                return self._import(question.module)
            case Examples():
                return self._count_examples(question.module)
            case Record():
                return self._record(question)
            case Make():
                return self._make(question)
        raise TypeError(f"no question: {question!r:.60}")

    def _set_up(self, setup: Setup) -> None:
        from jax_ir_synth.harvest import limits, making  # noqa: F401

        self._limits = setup.limits
        sys.path[:0] = setup.paths
        limits.restrict(setup.limits, Path(setup.folder))
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")

    def _import(self, name: str) -> list[dict[str, Any]] | str:
        from jax_ir_synth.harvest.finding import find_functions, source_place

        try:
            module = importlib.import_module(name)
        # Whatever the module of somebody else raises, SystemExit too.
        except BaseException as error:
            return _line(error)
        found = []
        for each in find_functions(module):
            try:
                file, first, last = source_place(each.code)
            except OSError:
                continue
            self._functions[f"{name}:{each.qualname}"] = each
            place = {"file": file, "first": first, "last": last}
            found.append({"module": name, "qualname": each.qualname, **place})
        return found

    def _count_examples(self, name: str) -> int:
        from jax_ir_synth.harvest.recording import find_examples

        try:
            return len(list(find_examples(sys.modules[name])))
        # A module may hold objects that can't even be looked at.
        except Exception:
            return 0

    def _record(self, question: Record) -> tuple[dict[str, list[Json]], dict[str, str]]:
        from jax_ir_synth.harvest import recording

        if question.script:
            path = Path(question.script)
            recorder = recording.record(self._functions, lambda: recording.run_script(path))
        else:
            test = list(recording.find_examples(sys.modules[question.module]))[question.number]
            recorder = recording.record(self._functions, lambda: recording.run_example(test))
        return recorder.calls, recorder.unwritable

    def _make(self, question: Make) -> dict[str, Any]:
        from jax_ir_synth.harvest.making import make
        from jax_ir_synth.schema.origin import Origin

        found = self._functions[f"{question.module}:{question.qualname}"]
        origin = Origin(**question.origin)
        try:
            made = make(
                found,
                question.calls,
                question.guess,
                origin,
                prove=question.prove,
                platforms=question.platforms,
            )
        except MemoryError:
            return {"stage": "found", "reason": "it takes more memory than it may"}
        # Whatever the function of somebody else raises, SystemExit too.
        except BaseException as error:
            return {"stage": "found", "reason": _line(error)}
        return made._asdict()


def _start_clock(limits: Limits) -> None:
    """Give this question its CPU time; the kernel ends the process after twice as much."""
    start_clock(limits)
    spent = int(time.process_time() + 2 * limits.seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (spent, hard))


def _line(error: BaseException) -> str:
    from jax_ir_synth.harvest.making import one_line

    return one_line(f"{type(error).__name__}: {error}")
