"""Records the calls of a package's functions while its doctests or a script run."""

import doctest
import inspect
import os
import runpy
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jax_ir_synth.harvest.arguments import Call, Json, NotWritable, write_call
from jax_ir_synth.harvest.finding import Found

# The first calls of a function that are kept: a later one is rarely of other shapes.
_MOST_CALLS = 2


class Recorder:
    """A context manager that notes how functions are called while it is open.

    Args:
      functions: the functions, by a label.

    Attributes:
      calls: the written calls by label, each once, in order.
      unwritable: for a label without a call, why a call couldn't be written.
    """

    def __init__(self, functions: Mapping[str, Found]):
        self._labels = {each.code: label for label, each in functions.items()}
        self.calls: dict[str, list[Json]] = {}
        self.unwritable: dict[str, str] = {}

    def __enter__(self) -> "Recorder":
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: types.FrameType, event: str, argument: Any) -> None:
        label = self._labels.get(frame.f_code) if event == "call" else None
        if label is None or len(self.calls.get(label, ())) >= _MOST_CALLS:
            return
        try:
            call = write_call(_read_frame(frame))
        except NotWritable as error:
            self.unwritable[label] = str(error)
            return
        # An error here would end the example, as one of its own.
        except Exception as error:
            self.unwritable[label] = f"{type(error).__name__} while its arguments were written"
            return
        known = self.calls.setdefault(label, [])
        if call not in known:
            known.append(call)


def _read_frame(frame: types.FrameType) -> Call:
    """Read the arguments of a call from its frame, before its first line has run."""
    code, values = frame.f_code, frame.f_locals
    names = iter(code.co_varnames)
    positional = [next(names) for _ in range(code.co_argcount)]
    keywords = [next(names) for _ in range(code.co_kwonlyargcount)]
    args = [values[name] for name in positional]
    kwargs = {name: values[name] for name in keywords}
    if code.co_flags & inspect.CO_VARARGS:
        args += values[next(names)]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        kwargs |= values[next(names)]
    if not code.co_qualname.partition("<locals>")[1]:
        return Call(args, kwargs)
    cells = tuple(types.CellType(values.get(name)) for name in code.co_freevars)
    inner = types.FunctionType(code, frame.f_globals, code.co_name, None, cells)
    inner.__qualname__, inner.__module__ = code.co_qualname, frame.f_globals["__name__"]
    return Call(args, kwargs, inner)


def find_examples(module: types.ModuleType) -> Iterator[doctest.DocTest]:
    """Find the doctests in the docstrings of a module, in order of lines."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for test in finder.find(module, module.__name__) if test.examples]
    yield from sorted(found, key=lambda test: (test.lineno or 0, test.name))


def run_example(test: doctest.DocTest) -> None:
    """Run a doctest; what it prints doesn't matter, and an error ends nothing but its line."""

    def drop(text: str) -> None:
        """Drop what the runner would print."""

    import jax
    import jax.numpy
    import numpy

    # An example often leaves out the imports that everybody knows.
    known = {"jax": jax, "jnp": jax.numpy, "np": numpy, "lax": jax.lax}
    test.globs = {**known, **test.globs}
    doctest.DocTestRunner(verbose=False).run(test, out=drop)


def run_script(path: Path) -> None:
    """Run a script as the main program, with its own folder on the path."""
    sys.path.insert(0, os.path.dirname(path.absolute()))
    runpy.run_path(str(path), run_name="__main__")


def record(functions: Mapping[str, Found], run: Callable[[], None]) -> Recorder:
    """Record the calls of functions while `run` runs, up to its end or its error."""
    recorder = Recorder(functions)
    try:
        with recorder:
            run()
    # Also of SystemExit, by which many scripts end.
    except (Exception, SystemExit) as error:
        recorder.unwritable.setdefault("", f"{type(error).__name__}: {error}")
    return recorder
