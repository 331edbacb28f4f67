"""The key under which datasets caches our rows: everything their bytes depend on."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jax_ir_synth.request import choices
from jax_ir_synth.request.config import Request

PACKAGE = Path(__file__).resolve().parents[1]
# numpy draws the random numbers, scipy evaluates special functions while a program is written.
VERSIONED = ("jax", "jaxlib", "numpy", "scipy")
# It writes what a CPU's machine code says; the extra `asm` installs it.
DISASSEMBLER = "capstone"


# What makes a folder a package.
_MARK = "__init__.py"
# The kinds of files that the package ships: modules, and `package_data` of setup.cfg.
SUFFIXES = frozenset({".py", ".csv", ".json", ".md", ".html", ".css", ".js", ".typed"})


def sources(folder: Path) -> Iterator[str]:
    """The names of a package's sources, relative to its folder, in order.

    A source is a file of a kind that the package ships, in the folder of a package. What editors,
    file managers and file systems leave there (hidden files, copies, caches) is none: neither a
    hidden name nor a module that can't be imported.
    """
    found = []
    for place, folders, names in os.walk(folder):
        if _MARK not in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"]
        relative = Path(place).relative_to(folder)
        found += [(relative / name).as_posix() for name in names if _is_source(name)]
    return iter(sorted(found))


def _is_source(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    if name.startswith(".") or suffix not in SUFFIXES:
        return False
    return suffix != ".py" or stem.isidentifier()


def sources_digest(folder: Path) -> str:
    """SHA-256 (hex) of the names and bytes of all sources (see `sources`) of a package's folder."""
    digest = hashlib.sha256()
    for name in sources(folder):
        content = _content(folder / name)
        if content is not None:
            # The lengths keep "ab" + "c" apart from "a" + "bc".
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
            digest.update(content)
    return digest.hexdigest()


def _content(path: Path) -> bytes | None:
    """None for what Python can't import either: it is gone, can't be read or is no file."""
    try:
        # Not read where that would wait for ever, as a FIFO lets one.
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


_IMPORTED = sources_digest(PACKAGE)


def check_sources_unchanged() -> None:
    """Raise RuntimeError if a source was edited since this process imported the package.

    The rows would come from the old sources, or from both, and be cached as the new ones'.
    """
    if sources_digest(PACKAGE) != _IMPORTED:
        raise RuntimeError(
            f"the sources in {PACKAGE} were edited after they were imported: restart Python"
        )


def versions(request: Request) -> dict[str, str]:
    """The installed version of each package that decides the bytes of a request's rows."""
    names: tuple[str, ...] = VERSIONED
    if "cpu" in request.platforms and "asm" in choices.unpack_names(request.dialect):
        names += (DISASSEMBLER,)
    return {name: version(name) for name in names}


def cache_fingerprint() -> str:
    """32 hex digits: our sources, the versions of what makes the rows, datasets' major version.

    datasets' own major version is part of it because 3.6.0 cannot read the list features that
    later lines write into a cache.

    Raises:
      RuntimeError: a source was edited since it was imported.
    """
    check_sources_unchanged()
    digest = hashlib.sha256(_IMPORTED.encode())
    for name in (*VERSIONED, DISASSEMBLER):
        with contextlib.suppress(PackageNotFoundError):
            digest.update(f"\0{name}={version(name)}".encode())
    digest.update(f"\0datasets={version('datasets').split('.')[0]}".encode())
    return digest.hexdigest()[:32]
