"""Finds what is to be harvested: an installed package, a folder or a file, by its name or path."""

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.metadata import Distribution
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.harvest.licenses import UNKNOWN, find_license, license_files, read_license

_PROJECT_NAME = re.compile(r"[-_.]+")
# Finds a module on a path without importing it.
_locate = PathFinder.find_spec


class Package(NamedTuple):
    """A package, before anything of it is imported.

    Attributes:
      name: the name by which it is reported: that of its distribution, or of its folder.
      module: its full name for imports; empty for a folder of modules.
      place: its folder, or the file of a single module.
      paths: the folders that must be on the path to import it.
      version: of its distribution; empty for a folder or file.
      license: an SPDX expression, or `unknown`.
      license_files: the files with the license's text.
    """

    name: str
    module: str
    place: Path
    paths: tuple[str, ...]
    version: str
    license: str
    license_files: tuple[Path, ...]

    @property
    def root(self) -> Path:
        """The folder that the places of sources are relative to: that which holds the package."""
        if not self.module:
            return self.place
        return self.place.parents[self.module.count(".")]

    def digest(self) -> str:
        """Hash the package's version, license and sources: SHA-256, in hex."""
        digest = hashlib.sha256(f"{self.name}\0{self.version}\0{self.license}".encode())
        files = [self.place] if self.place.is_file() else sorted(self.place.rglob("*.py"))
        for file in files:
            digest.update(f"\0{file.relative_to(self.root).as_posix()}\0".encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()


def find_package(word: str, paths: Sequence[str] = ()) -> Package:
    """Find a package by the word that names it.

    Args:
      word: a path to a folder or a `.py` file, the name of an installed distribution, or the name
        of a module, which may have dots.
      paths: folders in which packages are looked for first.

    Raises:
      UsageError: there is none; the message is one line.
    """
    path = Path(word)
    if path.suffix == ".py" or "/" in word or path.is_dir():
        return _find_path(path, word)
    places = [*paths, *sys.path]
    distribution, module = _find_distribution(word, places)
    place = _find_place(module, places)
    if place is None:
        raise UsageError(
            f"`PACKAGE` (={word}) must be a package that is installed, a folder or a .py file"
        )
    if distribution is None:
        license, files = find_license(place if place.is_dir() else place.parent)
        return Package(module, module, place, tuple(paths), "", license, tuple(files))
    return Package(
        distribution.name,
        module,
        place,
        tuple(paths),
        distribution.version,
        read_license(distribution),
        tuple(license_files(distribution)),
    )


def _find_path(path: Path, word: str) -> Package:
    path = path.absolute()
    if not path.exists():
        raise UsageError(f"`PACKAGE` (={word}) must be a folder or a .py file that exists")
    inside = path.parent if path.is_file() else path
    parents = []
    while (inside / "__init__.py").is_file():
        parents.append(inside.name)
        inside = inside.parent
    module = ".".join([*reversed(parents), *([path.stem] if path.is_file() else [])])
    folder = inside
    license, files = find_license(path if path.is_dir() else path.parent)
    name = path.stem if path.is_file() else path.name
    return Package(name, module, path, (str(folder),), "", license, tuple(files))


def _find_distribution(word: str, places: Sequence[str]) -> tuple[Distribution | None, str]:
    """Find the distribution that a word names, or that has the module which it names."""
    wanted = _PROJECT_NAME.sub("-", word).lower()
    head = word.partition(".")[0]
    holder = None
    for distribution in importlib.metadata.distributions(path=list(places)):
        modules = _top_modules(distribution)
        if _PROJECT_NAME.sub("-", distribution.name or "").lower() == wanted and modules:
            return distribution, word if head in modules else _main_module(wanted, modules)
        if holder is None and head in modules:
            holder = distribution
    return holder, word


def _main_module(name: str, modules: Sequence[str]) -> str:
    """Choose the module of a distribution that has most of its name."""
    stem = name.replace("-", "_")
    return next((module for module in modules if module == stem), modules[0])


def _top_modules(distribution: Distribution) -> list[str]:
    names = {}
    for file in distribution.files or ():
        first, rest = file.parts[0], file.parts[1:]
        if file.suffix != ".py" or first.endswith((".dist-info", ".data")) or first == "..":
            continue
        name = first if rest else first.removesuffix(".py")
        if name.isidentifier() and name not in ("test", "tests", "docs", "examples"):
            names[name] = True
    return list(names)


def _find_place(module: str, places: Sequence[str]) -> Path | None:
    head, *rest = module.split(".")
    spec = _locate(head, list(places))
    if spec is None:
        return None
    if spec.submodule_search_locations:
        place = Path(next(iter(spec.submodule_search_locations)))
    elif spec.origin is not None and spec.origin.endswith(".py"):
        place = Path(spec.origin)
    else:
        return None
    for part in rest:
        inner = place / part
        place = inner if inner.is_dir() else place / f"{part}.py"
    return place if place.exists() else None


def describe_license(package: Package) -> str:
    """Describe the license for a person."""
    return "no license that is known" if package.license == UNKNOWN else package.license
