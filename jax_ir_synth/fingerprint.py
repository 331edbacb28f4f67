"""The key under which datasets caches our rows: everything their bytes depend on."""

import hashlib
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# numpy draws the random numbers, scipy evaluates special functions while a program is written,
# capstone writes what the machine code says.
VERSIONED = ("jax", "jaxlib", "numpy", "scipy", "capstone")


def sources_digest(folder: Path) -> str:
    """SHA-256 (hex) of the names and bytes of all files of a package's folder, caches left out."""
    digest = hashlib.sha256()
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if "__pycache__" in name or path.suffix == ".pyc":
            continue
        content = path.read_bytes()
        # The lengths keep "ab" + "c" apart from "a" + "bc".
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


_IMPORTED = sources_digest(PACKAGE)


def check_sources_unchanged() -> None:
    """Raise RuntimeError if a source was edited since this process imported the package.

    The rows would come from the old sources, or from both, and be cached as the new ones'.
    """
    if sources_digest(PACKAGE) != _IMPORTED:
        raise RuntimeError(
            f"the sources in {PACKAGE} were edited after they were imported: restart Python"
        )


def cache_fingerprint() -> str:
    """32 hex digits: our sources, the versions of what makes the rows, datasets' major version.

    datasets' own major version is part of it because 3.6.0 cannot read the list features that
    later lines write into a cache.

    Raises:
      RuntimeError: a source was edited since it was imported.
    """
    check_sources_unchanged()
    digest = hashlib.sha256(_IMPORTED.encode())
    for name in VERSIONED:
        digest.update(f"\0{name}={version(name)}".encode())
    digest.update(f"\0datasets={version('datasets').split('.')[0]}".encode())
    return digest.hexdigest()[:32]
