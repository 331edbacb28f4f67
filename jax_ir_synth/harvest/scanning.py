"""Lists a package's functions, and records their calls while the package's examples run."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.harvest.finding import list_modules
from jax_ir_synth.harvest.packages import Package
from jax_ir_synth.harvest.session import Session, WorkerDied
from jax_ir_synth.harvest.worker import Examples, Record

# The calls of a function that are kept, of all examples together.
_MOST_CALLS = 3


class Scan(NamedTuple):
    """What a package has.

    Attributes:
      modules: the full names of the modules that can be imported, in order.
      unimported: for each other module, one line: why not.
      functions: for each function `module`, `qualname`, `file` (relative to the package's root),
        `first` and `last`, the lines.
      calls: the written calls of functions, by `module:qualname`.
      unwritable: for functions with no call that can be written, why.
      examples: how many doctests and scripts were run.
      seconds: how long all of it took.
    """

    modules: list[str]
    unimported: dict[str, str]
    functions: list[dict[str, Any]]
    calls: dict[str, list[Any]]
    unwritable: dict[str, str]
    examples: int
    seconds: float


def scan_package(package: Package, scripts: Sequence[Path], session: Session) -> Scan:
    """Import a package, and run its doctests and the scripts, in a worker.

    Args:
      package: the package.
      scripts: files that use it, to be run after the doctests.
      session: a new session with the package's paths.
    """
    started = time.monotonic()
    scan = Scan([], {}, [], {}, {}, 0, 0.0)
    for name in list_modules(package.place, package.module):
        _import_module(session, name, package, scan)
    ran = _record_calls(session, scripts, scan)
    return scan._replace(examples=ran, seconds=time.monotonic() - started)


def _import_module(session: Session, name: str, package: Package, scan: Scan) -> None:
    try:
        answer = session.add_module(name)
    except WorkerDied as death:
        answer = str(death)
    if isinstance(answer, str):
        scan.unimported[name] = answer
        return
    scan.modules.append(name)
    for function in answer:
        file = Path(function["file"])
        if file.is_relative_to(package.root):
            function["file"] = file.relative_to(package.root).as_posix()
            scan.functions.append(function)


def _record_calls(session: Session, scripts: Sequence[Path], scan: Scan) -> int:
    questions = [
        Record(name, number)
        for name in scan.modules
        for number in range(_count_examples(session, name))
    ]
    questions += [Record("", 0, str(script.absolute())) for script in scripts]
    for question in questions:
        try:
            calls, unwritable = session.ask(question)
        # What such an example has called isn't known then.
        except WorkerDied as death:
            scan.unwritable[f"{question.module}#{question.number}"] = str(death)
            continue
        for label, found in calls.items():
            known = scan.calls.setdefault(label, [])
            known += [call for call in found if call not in known]
            del known[_MOST_CALLS:]
        for label, reason in unwritable.items():
            scan.unwritable.setdefault(label, reason)
    return len(questions)


def _count_examples(session: Session, name: str) -> int:
    try:
        return int(session.ask(Examples(name)))
    except WorkerDied:
        return 0
