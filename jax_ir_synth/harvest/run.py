"""Harvests packages: from their functions to rows, in several processes, and resumable.

Each package is scanned, then a row is tried of each of its functions, and last of all rows of the
same structure are left out. The result is a function of the packages' sources and the options: it
is the same for any number of processes, and after any interruption.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from jax_ir_synth.generate.fingerprint import cache_fingerprint
from jax_ir_synth.harvest.crew import Crew
from jax_ir_synth.harvest.journal import Journal
from jax_ir_synth.harvest.licenses import is_allowed
from jax_ir_synth.harvest.packages import Package
from jax_ir_synth.harvest.scanning import Scan, scan_package
from jax_ir_synth.harvest.session import Session, WorkerDied
from jax_ir_synth.harvest.stages import FOUND
from jax_ir_synth.harvest.worker import Make
from jax_ir_synth.runtime.sandbox.resource_limits import Limits

Item = TypeVar("Item")
# The functions that one worker makes rows of, before another one takes over.
_FUNCTIONS_A_JOB = 200
DUPLICATE, LICENSE = "duplicate", "license"


class Show(Protocol):
    """Shows progress, as `terminal.progress.progress` does."""

    def __call__(self, rows: Iterable[Item], total: int, what: str) -> Iterator[Item]:
        """Pass on the items."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How packages are harvested.

    Attributes:
      licenses: the SPDX names of the licenses that allow it.
      limits: for each module, example and function.
      scripts: files that use the packages, to record the calls that they make.
      guess: whether arguments are guessed where no call is known.
      prove: whether rows are proven.
      platforms: the IR columns that are filled.
      most: the number of functions of each package that are tried; None for all.
      environment: variables to set in each worker, each a pair of name and value.
    """

    licenses: frozenset[str]
    limits: Limits
    scripts: tuple[Path, ...] = ()
    guess: bool = True
    prove: bool = True
    platforms: tuple[str, ...] = ("cpu", "cuda")
    most: int | None = None
    environment: tuple[tuple[str, str], ...] = ()

    def digest(self) -> str:
        """Hash all that a function's result depends on, besides its package."""
        scripts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.scripts]
        parts = (
            *(cache_fingerprint(), self.limits, scripts, self.guess, self.prove, self.platforms),
            self.environment,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


class Tried(NamedTuple):
    """What has become of a function.

    Attributes:
      package: its package.
      function: its place, see `Scan.functions`.
      stage: the last stage that it has reached, see `stages`.
      left_out: why it has no row in the result: the reason of its stage, `duplicate` or `license`;
        None if it has one.
      reason: one line, what stopped it; empty for a proven row.
      how: how its call was found.
      call: its written call; None without one.
      row: its row; None if it has none, or is left out.
      seconds: the time that it took.
    """

    package: Package
    function: dict[str, Any]
    stage: str
    left_out: str | None
    reason: str
    how: str
    call: Any
    row: dict[str, Any] | None
    seconds: float

    @property
    def name(self) -> str:
        """Its full name."""
        return f"{self.function['module']}.{self.function['qualname']}"


class Harvest(NamedTuple):
    """The result: for each package its scan (None if its license forbids it), and all functions."""

    scans: list[tuple[Package, Scan | None]]
    tried: list[Tried]


def harvest(
    packages: Sequence[Package],
    options: Options,
    number: int,
    journal: Journal,
    show: Show,
    known: Iterable[str] = (),
) -> Harvest:
    """Harvest packages.

    Args:
      packages: the packages, in the order of their rows.
      options: how.
      number: how many processes work at once; no result depends on it.
      journal: where results are kept, and looked up first.
      show: shows progress.
      known: skeletons of rows of which no other is wanted.
    """
    key = options.digest()
    keys = {package: f"{key}/{package.digest()}" for package in packages}
    allowed = [each for each in packages if is_allowed(each.license, options.licenses)]

    scans: dict[Package, Scan] = {}
    with Crew[tuple[Package, Scan]](number) as crew:
        scanners = [_Scanner(package, options, keys[package], journal) for package in allowed]
        for package, scan in show(crew.run(scanners), len(allowed), "packages"):
            scans[package] = scan
    made = make_rows(
        [(package, scans[package]) for package in allowed], options, number, journal, show
    )
    tried = _leave_out(made, set(known))
    return Harvest([(package, scans.get(package)) for package in packages], tried)


def make_rows(
    scans: Sequence[tuple[Package, Scan]],
    options: Options,
    number: int,
    journal: Journal,
    show: Show,
    keep_parts: bool = False,
) -> list[Tried]:
    """Try to make a row of each function of packages that were scanned, in order.

    Args:
      scans: the packages, with their functions and known calls.
      options: how.
      number: how many processes work at once; no result depends on it.
      journal: where results are kept, and looked up first.
      show: shows progress.
      keep_parts: whether functions inside functions count even without a row.
    """
    digest = options.digest()
    jobs = [job for package, scan in scans for job in _split(package, scan, options)]
    made: dict[tuple[Package, int], dict[str, Any]] = {}
    with Crew[tuple[tuple[Package, int], dict[str, Any]]](number) as crew:
        total = sum(len(job.functions) for job in jobs)
        makers = [_Maker(job, options, f"{digest}/{job.package.digest()}", journal) for job in jobs]
        for place, result in show(crew.run(makers), total, "functions"):
            made[place] = result
    # Parts of a function count only where they have become rows.
    return [
        each
        for each in _collect(scans, options, made)
        if keep_parts or each.row is not None or "<locals>" not in each.function["qualname"]
    ]


class _Job(NamedTuple):
    """Some of a package's functions, which one worker makes rows of."""

    package: Package
    scan: Scan
    first: int
    functions: Sequence[dict[str, Any]]


def _split(package: Package, scan: Scan, options: Options) -> Iterator[_Job]:
    functions = scan.functions[: options.most]
    for first in range(0, len(functions), _FUNCTIONS_A_JOB):
        yield _Job(package, scan, first, functions[first : first + _FUNCTIONS_A_JOB])


class _Scanner:
    """Scans a package."""

    def __init__(self, package: Package, options: Options, key: str, journal: Journal):
        self._package, self._options, self._key, self._journal = package, options, key, journal

    def __call__(self, enlist: Callable[[Session], Session]) -> Iterator[tuple[Package, Scan]]:
        found = self._journal.find(self._key)
        if found is None:
            options = self._options
            session = Session(
                self._package.paths, options.limits, environment=dict(options.environment)
            )
            with enlist(session):
                scan = scan_package(self._package, self._options.scripts, session)
                if session.stopped:
                    return
            found = scan._asdict()
            self._journal.add(self._key, found)
        yield self._package, Scan(**found)


class _Maker:
    """Makes the rows of a job, and passes each result on at once."""

    def __init__(self, job: _Job, options: Options, key: str, journal: Journal):
        self._job, self._options, self._key, self._journal = job, options, key, journal

    def __call__(
        self, enlist: Callable[[Session], Session]
    ) -> Iterator[tuple[tuple[Package, int], dict[str, Any]]]:
        job = self._job
        options = self._options
        session = Session(
            job.package.paths, options.limits, job.scan.modules, dict(options.environment)
        )
        with enlist(session):
            for k, function in enumerate(job.functions, start=job.first):
                key = f"{self._key}/{function['module']}:{function['qualname']}"
                result = self._journal.find(key)
                if result is None:
                    result = self._make(session, function)
                    # A worker that was ended with this run says nothing about the function.
                    if session.stopped:
                        return
                    self._journal.add(key, result)
                yield (job.package, k), result

    def _make(self, session: Session, function: dict[str, Any]) -> dict[str, Any]:
        label = f"{function['module']}:{function['qualname']}"
        question = Make(
            function["module"],
            function["qualname"],
            self._job.scan.calls.get(label, []),
            self._options.guess,
            self._options.prove,
            self._options.platforms,
            describe_origin(self._job.package, function),
        )
        try:
            answer: dict[str, Any] = session.ask(question)
        except WorkerDied as death:
            return {"stage": FOUND, "reason": str(death), "how": "", "call": None, "row": None}
        if answer["stage"] == FOUND and (why := self._job.scan.unwritable.get(label)) is not None:
            answer["reason"] = f"no call is known: {why}"
        return answer


def describe_origin(package: Package, function: dict[str, Any]) -> dict[str, str]:
    """List the columns of a row that say where its function is from."""
    return {
        "package": package.name,
        "version": package.version,
        "module": function["module"],
        "qualname": function["qualname"],
        "license": package.license,
        "source": f"{function['file']}:{function['first']}-{function['last']}",
    }


def _collect(
    scans: Sequence[tuple[Package, Scan]],
    options: Options,
    made: dict[tuple[Package, int], dict[str, Any]],
) -> Iterator[Tried]:
    for package, scan in scans:
        for k, function in enumerate(scan.functions[: options.most]):
            result = {"how": "", "call": None, "row": None, "seconds": 0.0} | made[package, k]
            yield Tried(package, function, left_out=None, **result)


def _leave_out(tried: Iterable[Tried], known: set[str]) -> list[Tried]:
    """Leave out what has no row, and all but the first row of each structure; number the rows."""
    kept, number = list[Tried](), 0
    for each in tried:
        if each.row is None:
            kept.append(each._replace(left_out=each.stage))
            continue
        skeleton = each.row["skeleton_hash"]
        if skeleton in known:
            reason = "a row of the same structure is there already"
            kept.append(each._replace(left_out=DUPLICATE, reason=reason, row=None))
            continue
        known.add(skeleton)
        kept.append(each._replace(row={**each.row, "id": number}))
        number += 1
    return kept
