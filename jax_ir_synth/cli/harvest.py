"""The command `harvest`: makes rows of the functions of installed packages and of folders."""

import json as json_module
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.application import PROGRAM
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.errors import UsageError
from jax_ir_synth.harvest.licenses import PERMISSIVE, parse_allowed
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.paths import refuse_url
from jax_ir_synth.storage.writers import FOLDER, choose_format, open_output

if TYPE_CHECKING:
    from jax_ir_synth.harvest.packages import Package
    from jax_ir_synth.harvest.real.lock import Entry
    from jax_ir_synth.harvest.real.rebuild import Missing
    from jax_ir_synth.harvest.run import Harvest, Options

DEFAULT_OUTPUT = "harvest.jsonl"


class PackageName(options.Type):
    """The name of a package, or the path of a folder or file."""

    name, completion = "package", "dir"

    def read(self, text: str, name: str) -> str:
        """Parse the word; URLs are refused."""
        return refuse_url(text)


@click.command(
    "harvest",
    cls=Command,
    help="Make rows of the functions of arrays in installed packages, folders or files. The code "
    "runs in helper processes within limits. Each function is called as the package's doctests "
    "call it, or with arguments that are guessed from names and annotations; it is cut out with "
    "all it needs, lowered and proven. A killed run resumes when it is started again. A file "
    "beside the output says which functions were left out and why, and the folder LICENSES beside "
    "it has the texts of the licenses.",
    epilog="Example: jax-ir-synth harvest optax rlax --output data/found.jsonl --num-proc 2",
)
@options.argument(
    "packages",
    "PACKAGE",
    type=PackageName(),
    nargs=-1,
    help="the name of an installed package or module, or the path of a folder or .py file",
)
@options.output(
    "a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file, or - for JSON lines on the standard output  "
    f"[default: {DEFAULT_OUTPUT}]",
    "FILE",
)
@options.overwrite
@options.option(
    "--script",
    "scripts",
    type=options.InputPath(),
    several=True,
    metavar="FILE [FILE...]",
    help="a .py file that uses the packages; their functions are called as it calls them",
)
@options.option(
    "--against",
    type=options.DatasetName(),
    metavar="DATASET",
    help="leave out functions whose structure a row of this dataset has",
)
@options.option(
    "--config",
    type=options.Name(()),
    metavar="NAME",
    help="of --against, if it is a Hub dataset or a folder of publish --dry-run: its config",
)
@options.option(
    "--licenses",
    default=",".join(PERMISSIVE),
    metavar="NAME[,NAME...]",
    help="the licenses that allow it, as SPDX names them; `unknown` is one where nothing tells",
)
@options.flag("--no-guess", help="use the calls of doctests and scripts alone")
@options.flag("--no-verify", help="don't prove the rows")
@options.flag(
    "--real",
    help="rebuild the set `real` instead: install its pinned packages, and make the rows of its "
    "lock list",
)
@options.output(
    "write a lock list of the rows; with --real, of a new harvest of the pinned packages",
    "FILE",
    "--lock",
)
@options.flag("--renew", help="with --real --lock: only the functions of the present lock list")
@options.num_proc("helper processes")
@options.limits("module, example or function", seconds=30, gigabytes=4)
@options.output("write all counts to it", "FILE", "--json")
def command(
    packages: Sequence[str],
    output: Path | None,
    overwrite: bool,
    scripts: Sequence[Path],
    against: str | None,
    config: str | None,
    licenses: str,
    no_guess: bool,
    no_verify: bool,
    real: bool,
    lock: Path | None,
    renew: bool,
    num_proc: int,
    timeout: float,
    memory: float,
    json: Path | None,
) -> int:
    """Make and write the rows. Unless this succeeds, the output doesn't change."""
    path = output or Path(DEFAULT_OUTPUT)
    inputs = {f"PACKAGE {word}": Path(word) for word in packages}
    inputs |= {f"--script {script}": script for script in scripts}
    if choose_format(path, False) == FOLDER:
        raise UsageError(f"`--output` (={path}) must be a .jsonl or .parquet file")
    outputs.check({"--lock": lock, "--json": json, "--output": path}, inputs, overwrite)
    _check_words(packages, scripts, real, lock, renew)
    with options.name_flags():
        allowed = parse_allowed(licenses)
    # Imported late, since --help or a wrong argument must not wait for them.
    from jax_ir_synth.harvest import run
    from jax_ir_synth.runtime.sandbox.resource_limits import Limits

    chosen = run.Options(
        allowed,
        Limits(timeout, memory),
        tuple(scripts),
        guess=not no_guess,
        prove=not no_verify,
    )
    if real and (lock is None or renew):
        return _rebuild(path, chosen, num_proc, overwrite, lock, json)
    known = set()
    if against is not None:
        from jax_ir_synth.harvest.known import read_skeletons

        with report_unreadable(against):
            known = read_skeletons(find_dataset(against, config, num_proc, verify=False))
    return _harvest(
        _find_packages(packages, real), path, chosen, num_proc, known, overwrite, lock, json
    )


def _check_words(
    packages: Sequence[str], scripts: Sequence[Path], real: bool, lock: Path | None, renew: bool
) -> None:
    """Raises UsageError unless the flags make sense together."""
    if real and packages:
        raise UsageError(f"`PACKAGE` (={packages[0]}) must not be given with --real")
    if not real and not packages:
        raise UsageError("`PACKAGE` is missing: name a package, a folder or a .py file, or --real")
    if renew and not (real and lock is not None):
        raise UsageError("`--renew` is for --real with --lock")
    for script in scripts:
        if not script.is_file():
            raise UsageError(f"`--script` (={script}) must be a .py file that exists")


def _find_packages(words: Sequence[str], real: bool) -> "list[Package]":
    from jax_ir_synth.harvest.packages import find_package

    if not real:
        return [find_package(word) for word in dict.fromkeys(words)]
    from jax_ir_synth.harvest.real.installing import install, read_pinned
    from jax_ir_synth.harvest.real.rebuild import find_packages

    pinned = read_pinned()
    return find_packages(pinned, install(pinned))


def _harvest(
    packages: "list[Package]",
    path: Path,
    chosen: "Options",
    number: int,
    known: set[str],
    overwrite: bool,
    lock: Path | None,
    json: Path | None,
) -> int:
    from jax_ir_synth.harvest import beside, report, run
    from jax_ir_synth.harvest.journal import Journal
    from jax_ir_synth.harvest.real.rebuild import keep_steady, list_entries
    from jax_ir_synth.terminal.progress import progress

    place = beside.journal_path(path)
    resume = "" if place is None else "start the same command again to go on"
    with report_unfinished(f"{path} was not written", resume), Journal(place) as journal:
        found = run.harvest(packages, chosen, number, journal, progress, known)
        rows = [each for each in found.tried if each.row is not None]
        _write_rows(path, (each.row for each in rows if each.row is not None), overwrite)
        # One of an earlier run is replaced: it is about rows that are gone.
        beside.write_left_out(path, found, overwrite=True)
        beside.write_licenses(path, dict.fromkeys(each.package for each in rows))
        if lock is not None:
            entries = keep_steady(
                packages, list_entries(rows), chosen, number, progress, _tell_missing
            )
            _write_lock(lock, entries, overwrite)
        if json is not None:
            text = json_module.dumps(report.to_json(found), indent=1)
            outputs.write_text(json, text + "\n", overwrite)
        journal.remove()
    _show(found, path, json)
    return 0


def _show(found: "Harvest", path: Path, json: Path | None) -> None:
    from jax_ir_synth.harvest import report

    with outputs.divert_stdout(path, json):
        report.show(found, str(path))


def _rebuild(
    path: Path,
    chosen: "Options",
    number: int,
    overwrite: bool,
    lock: Path | None,
    json: Path | None,
) -> int:
    """Rebuild the set; return 1 if a row of it is left out."""
    from jax_ir_synth.harvest.real import rebuild
    from jax_ir_synth.terminal.progress import progress

    real, missing = rebuild.read_set(), list[rebuild.Missing]()
    verified: list[str] = []

    def tell(row: rebuild.Missing) -> None:
        missing.append(row)
        _tell_missing(row)

    def count(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            verified.append(row["verified"])
            yield row

    entries: list[Entry] = []
    with report_unfinished(f"{path} was not written"):
        if lock is None:
            rows = rebuild.rebuild(real, chosen, number, progress, tell)
        else:
            renewed = list(rebuild.renew(real, chosen, number, progress, tell))
            entries = [entry for entry, _ in renewed]
            rows = ({**row, "id": k} for k, (_, row) in enumerate(renewed))
        _write_rows(path, count(rows), overwrite)
        if lock is not None:
            _write_lock(lock, entries, overwrite)
    proven = sum(not status.startswith(("unproven", "none")) for status in verified)
    figures = {
        "rows": len(verified),
        "proven": proven,
        "left_out": [row.line for row in missing],
    }
    if json is not None:
        outputs.write_text(json, json_module.dumps(figures, indent=1) + "\n", overwrite)
    with outputs.divert_stdout(path, json):
        print(f"{path}: {len(verified)} rows, {proven} proven, {len(missing)} left out")
    return int(bool(missing))


def _tell_missing(row: "Missing") -> None:
    print(f"{PROGRAM} harvest: {row.line}", file=sys.stderr, flush=True)


def _write_rows(path: Path, rows: Iterator[dict[str, Any]], overwrite: bool) -> None:
    from jax_ir_synth.schema.columns import ORIGIN_SCHEMA

    kind = choose_format(path, False)
    with open_output(path, kind, overwrite, schema=ORIGIN_SCHEMA) as write:
        for row in rows:
            write(row)


def _write_lock(path: Path, entries: "Sequence[Entry]", overwrite: bool) -> None:
    from jax_ir_synth.harvest.real.lock import write_lock

    with outputs.write_output(path, overwrite) as partial:
        write_lock(partial, entries)
