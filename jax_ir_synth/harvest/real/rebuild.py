"""Rebuilds the rows of the set from the installed packages, and compares them with its list."""

import dataclasses
import itertools
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from jax_ir_synth.errors import UsageError
from jax_ir_synth.harvest.journal import Journal
from jax_ir_synth.harvest.packages import Package, find_package
from jax_ir_synth.harvest.real.installing import Pinned, install, read_pinned
from jax_ir_synth.harvest.real.lock import Entry, find_change, hash_row, read_lock
from jax_ir_synth.harvest.run import Options, Show, Tried, make_rows
from jax_ir_synth.harvest.scanning import Scan


class Missing(NamedTuple):
    """A row of the set that isn't rebuilt.

    Attributes:
      entry: what the lock list says of it.
      reason: one line: why.
    """

    entry: Entry
    reason: str

    @property
    def line(self) -> str:
        """What is reported."""
        entry = self.entry
        return f"{entry.name} of {entry.package} {entry.version} is left out: {self.reason}"


class RealSet(NamedTuple):
    """The set: its pinned packages and its lock list.

    Attributes:
      pinned: the packages.
      entries: the rows, in order.
    """

    pinned: Pinned
    entries: Sequence[Entry]


def read_set() -> RealSet:
    """Read the set of this package."""
    return RealSet(read_pinned(), read_lock())


def find_packages(pinned: Pinned, folder: Path) -> list[Package]:
    """Find the packages of a set in the folder in which they are installed."""
    return [find_package(module, (str(folder),)) for module in pinned.packages.values()]


def rebuild(
    real: RealSet,
    options: Options,
    number: int,
    show: Show,
    tell: Callable[[Missing], None],
    entries: Iterable[Entry] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rebuild rows of the set, in order; a row's id is its place in the lock list.

    Args:
      real: the set.
      options: the limits, the platforms, and whether rows are proven.
      number: how many processes work at once; no row depends on it.
      show: shows progress.
      tell: is called with each row that has changed or can't be made.
      entries: the rows to rebuild, if not all.

    Raises:
      InstallError: the packages can't be installed.
    """
    wanted = list(real.entries if entries is None else entries)
    ids = {entry.name + entry.package: k for k, entry in enumerate(real.entries)}
    found = find_packages(real.pinned, install(real.pinned))
    for entry, tried in make_again(found, wanted, options, number, show):
        reason = tried.reason if tried.row is None else find_change(entry, tried.row)
        if reason is not None or tried.row is None:
            tell(Missing(entry, reason or "it has no row"))
            continue
        yield {**tried.row, "id": ids[entry.name + entry.package]}


def renew(
    real: RealSet, options: Options, number: int, show: Show, tell: Callable[[Missing], None]
) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Make the rows of the set anew, and yield each with its new entry; see `rebuild`."""
    packages = find_packages(real.pinned, install(real.pinned))
    entries, rows = list[Entry](), dict[str, dict[str, Any]]()
    for entry, tried in make_again(packages, real.entries, options, number, show):
        if tried.row is None:
            tell(Missing(entry, tried.reason))
        else:
            entries.append(entry._replace(sha256=hash_row(tried.row)))
            rows[entry.name] = tried.row
    for entry in keep_steady(packages, entries, options, number, show, tell):
        yield entry, rows[entry.name]


def keep_steady(
    packages: Sequence[Package],
    entries: Sequence[Entry],
    options: Options,
    number: int,
    show: Show,
    tell: Callable[[Missing], None],
) -> list[Entry]:
    """Keep the entries whose rows are the same on a machine with another processor.

    A package may compute the constants of a function by a matrix product or a sine, and their last
    digits depend on the processor's instructions. So each row is made as on an older one.
    """
    older = dataclasses.replace(options, prove=False, environment=_older_processor())
    kept = []
    for entry, tried in make_again(packages, entries, older, number, show):
        if tried.row is None or find_change(entry, tried.row) is not None:
            tell(Missing(entry, tried.reason or "it depends on the machine's processor"))
        else:
            kept.append(entry)
    return kept


def _older_processor() -> tuple[tuple[str, str], ...]:
    """List the variables by which OpenBLAS, NumPy and XLA do without a processor's AVX and FMA.

    Each has a variable of its own: `OPENBLAS_CORETYPE`, `NPY_DISABLE_CPU_FEATURES` and the flag
    `xla_cpu_max_isa`. They are for x86; on another processor a row is only made twice.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return ()
    extensions = numpy.show_config("dicts")["SIMD Extensions"].get("found", [])
    return (
        ("OPENBLAS_CORETYPE", "Nehalem"),
        ("NPY_DISABLE_CPU_FEATURES", " ".join(extensions)),
        ("XLA_FLAGS", "--xla_cpu_max_isa=SSE4_2"),
    )


def make_again(
    packages: Iterable[Package],
    entries: Sequence[Entry],
    options: Options,
    number: int,
    show: Show,
) -> Iterator[tuple[Entry, Tried]]:
    """Make a row for each entry by its own call, whether or not it is what it was."""
    found = {package.name: package for package in packages}
    for entry in entries:
        if entry.package not in found:
            raise UsageError(f"`lock` has the package {entry.package}, which isn't pinned")
    groups = [
        (found[name], list(group))
        for name, group in itertools.groupby(entries, lambda entry: entry.package)
    ]
    scans = [(package, _scan_of(group)) for package, group in groups]
    chosen = dataclasses.replace(options, guess=False)
    with Journal(None) as journal:
        tried = make_rows(scans, chosen, number, journal, show, keep_parts=True)
    yield from zip(entries, tried, strict=True)


def _scan_of(entries: Sequence[Entry]) -> Scan:
    """Write what the lock list says as a scan, so that nothing has to be looked for."""
    modules = list(dict.fromkeys(entry.module for entry in entries))
    functions = [
        {
            "module": entry.module,
            "qualname": entry.qualname,
            "file": entry.file,
            "first": entry.first,
            "last": entry.last,
        }
        for entry in entries
    ]
    calls = {f"{entry.module}:{entry.qualname}": [entry.call] for entry in entries}
    return Scan(modules, {}, functions, calls, {}, 0, 0.0)


def list_entries(tried: Iterable[Tried]) -> list[Entry]:
    """List the entries of a lock list for the rows of a harvest, in order."""
    return [
        Entry(
            each.package.name,
            each.package.version,
            each.function["module"],
            each.function["qualname"],
            each.function["file"],
            each.function["first"],
            each.function["last"],
            each.call,
            hash_row(each.row),
        )
        for each in tried
        if each.row is not None
    ]
