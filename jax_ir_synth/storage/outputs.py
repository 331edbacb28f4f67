"""The outputs of all commands: checked before any work, and complete or not there at all.

`parse_output` reads the value of a flag that names an output. Its command calls `check` first, and
writes by `write_output`. `tests/outputs` finds a flag that doesn't.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from jax_ir_synth.errors import UsageError
from jax_ir_synth.storage.destinations import (
    STDOUT,
    Destination,
    find_destination,
    keep_result,
    not_placed_error,
    put_file,
)
from jax_ir_synth.storage.partials import partial_file, partial_folder, remove_dead
from jax_ir_synth.storage.paths import parse_path

OVERWRITE = "--overwrite"
# Only rows are written compressed.
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".br", ".zip")


class OutputError(UsageError):
    """An output that can't be written, or must not be; the message is one line."""


def parse_output(text: str) -> Path:
    """The path that a flag names an output by; `-` is the standard output.

    Raises UsageError for a URL or no text.
    """
    if not text:
        raise UsageError("it must be a path, '' is none")
    if Path(text) == STDOUT and text != str(STDOUT):
        # `./-`, a file of that name.
        return Path.cwd() / text
    return parse_path(text)


def check(
    outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None], overwrite: bool
) -> None:
    """Raises OutputError unless each output can be written without a loss.

    Each is a file in a folder that exists, a pipe or a terminal; it isn't there already unless
    `overwrite`; and it is no input, in none, and no other output. Nothing is changed.

    Args:
      outputs: The paths by the flags that name them. None where a flag isn't given.
      inputs: The same. An input that doesn't exist, as a dataset on the Hub, is none.
      overwrite: Whether what is there may be replaced.
    """
    given = {flag: path for flag, path in outputs.items() if path is not None}
    for flag, path in given.items():
        _check_place(flag, path)
    check_apart(given, inputs)
    for flag, path in given.items():
        destination = locate(flag, path)
        check_new(flag, destination, overwrite)
        with name_output(flag, path), destination.partial():
            pass


def _check_place(flag: str, path: Path) -> None:
    if path.suffix.lower() in COMPRESSED:
        raise OutputError(
            f"`{flag}` (={path}) must have an extension other than {path.suffix}: it isn't written "
            "compressed"
        )
    destination = locate(flag, path)
    if destination.is_folder or not destination.beside.is_dir():
        raise OutputError(f"`{flag}` (={path}) must be a file in a folder that exists")


def check_files(
    flag: str,
    folder: Path,
    names: Iterable[str],
    inputs: Mapping[str, Path | None],
    overwrite: bool,
) -> None:
    """The same as `check`, for files in a folder, which is made if need be.

    Other files in the folder don't matter.

    Args:
      flag: The flag that names the folder.
      folder: The folder.
      names: The files, relative to the folder.
      inputs: See `check`.
      overwrite: Whether what is there may be replaced.
    """
    destination = locate(flag, folder)
    if not destination.is_folder and (destination.exists or destination.is_stream):
        raise OutputError(f"`{flag}` (={folder}) can't be written: it is no folder")
    check_apart({f"{flag} {name}": folder / name for name in names}, inputs)
    for name in names:
        there = locate(flag, folder / name)
        if there.is_folder:
            raise OutputError(f"`{flag}` (={folder}) has a folder {name} where a file must be")
        check_new(flag, there, overwrite)
    existing = next(path for path in (destination.real, *destination.real.parents) if path.exists())
    with name_output(flag, folder), partial_file(existing, destination.real.name):
        pass


def check_new_folder(flag: str, folder: Path, inputs: Mapping[str, Path | None]) -> None:
    """Raises OutputError unless a new folder can be made there, in one that exists."""
    destination = locate(flag, folder)
    if destination.exists or destination.is_stream:
        raise OutputError(f"`{flag}` (={folder}) exists already: name a new folder")
    if not destination.beside.is_dir():
        raise OutputError(
            f"`{flag}` (={folder}) must be in a folder that exists, {folder.parent} doesn't"
        )
    check_apart({flag: folder}, inputs)
    with name_output(flag, folder), destination.partial():
        pass


def check_new(flag: str, destination: Destination, overwrite: bool) -> None:
    """Raises OutputError if there is something that may not, or can't, be replaced."""
    if destination.exists and not overwrite:
        # A writer may have been killed right after it had put it there.
        destination.sweep()
        raise OutputError(
            f"`{flag}` (={destination.given}) exists already: add {OVERWRITE} to replace it, or "
            "name another"
        )
    if not destination.may_be_written:
        reason = os.strerror(errno.EACCES)
        raise OutputError(f"`{flag}` (={destination.given}) can't be written: {reason}")


def locate(flag: str, path: Path) -> Destination:
    """The destination of a path. Raises OutputError if nothing can be written there."""
    with name_output(flag, path):
        return find_destination(path)


def check_apart(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Raises OutputError if an output would replace an input or another output.

    Also by way of links, and where one is a folder that the other is in.

    Args:
      outputs: The files or folders by the flags that name them. None where a flag isn't given.
      inputs: The same.
    """
    seen: dict[str, Path] = {}
    for flag, path in inputs.items():
        if path is not None and path.exists():
            seen[flag] = path
    for flag, path in outputs.items():
        if path is None:
            continue
        destination = locate(flag, path)
        for other, there in seen.items():
            if _meet(destination, locate(other, there) if other not in inputs else there):
                raise OutputError(
                    f"`{flag}` (={path}) must be another file than `{other}` (={there}), and not "
                    "in it"
                )
        seen[flag] = path


def is_stdout(path: Path | None) -> bool:
    """Whether an output is the standard output."""
    return path is not None and find_destination(path).descriptor == 1


@contextlib.contextmanager
def divert_stdout(*paths: Path | None) -> Iterator[None]:
    """Sends printed text to stderr if one of the outputs is the standard output."""
    if any(map(is_stdout, paths)):
        with contextlib.redirect_stdout(sys.stderr):
            yield
    else:
        yield


@contextlib.contextmanager
def write_output(path: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a file to write to; on a clean exit it is put at `path`, else it is gone.

    What dead runs left beside `path` is removed.

    Args:
      path: checked by `check` before.
      overwrite: whether what is there may be replaced.

    Raises:
      NotPlacedError (an OSError): it couldn't be put there; the message says where it is kept.
      OSError: nothing can be written there.
    """
    destination = find_destination(path)
    with destination.partial() as partial:
        yield partial
        put_file(partial, destination, overwrite)


@contextlib.contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """Yields a folder to write in. On a clean exit its `made` becomes the new folder `path`.

    Raises NotPlacedError, as `write_output` does.
    """
    real = find_destination(path).real
    remove_dead(real.parent, real.name)
    with partial_folder(real.parent, real.name) as partial:
        yield partial
        try:
            (partial / "made").rename(real)
        except OSError as error:
            kept = keep_result(partial / "made", real.parent, real.name)
            raise not_placed_error(error, kept) from error


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """A text, as UTF-8, by `write_output`."""
    with write_output(path, overwrite) as partial:
        # Bytes, so that lines end alike everywhere.
        partial.write_bytes(text.encode())


def path_beside(output: Path, ending: str) -> Path | None:
    """The path of a further file of an output, `rows.jsonl.defects.jsonl` for `.defects.jsonl`.

    None for a stream, which has no place beside it.
    """
    destination = find_destination(output)
    if destination.is_stream:
        return None
    real = destination.real
    return real.with_name(real.name + ending)


def _meet(output: Destination, other: Destination | Path) -> bool:
    """Whether one is the other, or is in it."""
    there: Path | None
    found: os.stat_result | None
    if isinstance(other, Path):
        there, found = Path(os.path.realpath(other)), os.stat(other)
    else:
        there, found = other.path, other.found
        if output.descriptor is not None and output.descriptor == other.descriptor:
            return True
    if output.found is not None and stat.S_ISCHR(output.found.st_mode):
        # A terminal or nothing at all: that can be written to twice.
        return False
    if output.found is not None and found is not None and os.path.samestat(output.found, found):
        return True
    if output.path is None or there is None:
        return False
    return output.path == there or _is_in(output.path, found) or _is_in(there, output.found)


def _is_in(path: Path, folder: os.stat_result | None) -> bool:
    """Whether a path is below the folder, under whatever name."""
    if folder is None or not stat.S_ISDIR(folder.st_mode):
        return False
    for parent in path.parents:
        try:
            if os.path.samestat(parent.stat(), folder):
                return True
        except OSError:
            continue
    return False


@contextlib.contextmanager
def name_output(flag: str, path: Path) -> Iterator[None]:
    """Within it an OSError becomes an OutputError that names the flag and the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"`{flag}` (={path}) can't be written: {reason}") from error
