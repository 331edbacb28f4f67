"""Computes the key under which datasets caches rows, from everything that their bytes depend on."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jax_ir_synth.request import choices
from jax_ir_synth.request.config import Request

PACKAGE = Path(__file__).resolve().parents[1]
# numpy draws the random numbers, and scipy evaluates special functions while a program is drawn.
VERSIONED = ("jax", "jaxlib", "numpy", "scipy")
# It writes the text of a CPU's machine code; the extra `asm` installs it.
DISASSEMBLER = "capstone"


# The file that makes a folder a package.
_MARK = "__init__.py"
# The kinds of files that the package ships: modules, and `package_data` of setup.cfg.
SUFFIXES = frozenset(
    {".py", ".csv", ".json", ".md", ".html", ".css", ".js", ".txt", ".typed", ".lock"}
)


def sources(folder: Path) -> Iterator[str]:
    """List the names of a package's sources in order, relative to its folder.

    A source is a file of a kind that the package ships, in the folder of a package. Leftovers of
    editors, file managers and file systems (hidden files, copies, caches) don't count: a source
    isn't hidden, and a module's name can be imported.
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
    """Hash the names and bytes of all sources (see `sources`) of a package: SHA-256, in hex."""
    digest = hashlib.sha256()
    for name in sources(folder):
        content = _content(folder / name)
        if content is not None:
            # The lengths keep "ab" + "c" apart from "a" + "bc".
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
            digest.update(content)
    return digest.hexdigest()


def _content(path: Path) -> bytes | None:
    """Read a source; None if it is gone, unreadable or no file, so that Python can't import it."""
    try:
        # Reading a FIFO would wait forever.
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


_IMPORTED = sources_digest(PACKAGE)


def check_sources_unchanged() -> None:
    """Raise RuntimeError if a source was edited since this process imported the package.

    Rows would then come from the old sources, or from both, but be cached under the new ones' key.
    """
    if sources_digest(PACKAGE) != _IMPORTED:
        raise RuntimeError(
            f"the sources in {PACKAGE} were edited after they were imported: restart Python"
        )


def versions(request: Request) -> dict[str, str]:
    """Find the installed versions of the packages that decide the bytes of a request's rows."""
    names: tuple[str, ...] = VERSIONED
    if "cpu" in request.platforms and "asm" in choices.unpack_names(request.dialect):
        names += (DISASSEMBLER,)
    return {name: version(name) for name in names}


def cache_fingerprint() -> str:
    """Hash this package's sources, the versions of `VERSIONED`, and datasets' major version.

    datasets' major version is included because 3.6.0 can't read the list features that later
    versions write into a cache.

    Returns:
      32 hex digits.

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
