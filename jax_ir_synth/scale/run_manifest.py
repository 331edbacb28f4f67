"""Pins everything that a folder's bytes depend on, and compares it before anything is added."""

import dataclasses
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jax_ir_synth.errors import UsageError
from jax_ir_synth.generate import fingerprint
from jax_ir_synth.request import choices
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.dialects import COMPILED
from jax_ir_synth.scale import ScaleError
from jax_ir_synth.storage import atomic_write

MAX_SHARDS = 99_999
_CONFIG, _CPU = "config.json", "cpu.json"


@dataclasses.dataclass(frozen=True)
class RunManifest:
    """Everything that decides the bytes of a folder's shards.

    Attributes:
      request: the request for the rows.
      shards: the number of files of each split, 1 to the request's count.
      versions: the version of each package that decides the bytes; see `find_versions`.
      sources: SHA-256 (hex) of this package's sources.

    Raises:
      ValueError: `shards` is out of range; the message is one line.
    """

    request: Request
    shards: int
    versions: dict[str, str]
    sources: str

    def __post_init__(self) -> None:
        most = min(self.request.count, MAX_SHARDS)
        if not 1 <= self.shards <= most:
            raise UsageError(
                f"`shards` (={self.shards}) must be an integer from 1 to {most}, for `count` "
                f"(={self.request.count})"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json`, which each shard's manifest includes."""
        # Through JSON, which turns tuples into lists.
        described: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return described


def make_run_manifest(request: Request, shards: int) -> RunManifest:
    """Make the manifest of a request, with the versions that are installed here.

    Raises:
      ValueError: `shards` is out of range.
      ScaleError: a source was edited since it was imported.
    """
    return RunManifest(request, shards, find_versions(request), _hash_sources())


def read(folder: Path) -> dict[str, Any] | None:
    """Read the folder's `config.json`, see `RunManifest.to_json`; None if there is none."""
    return atomic_write.read_json(folder / _CONFIG)


def settle(folder: Path, pin: RunManifest) -> None:
    """Write the manifest into a new folder, or check that the folder has the same one.

    Raises:
      ScaleError: the folder holds something else; nothing in it was changed. The message is one
        line.
      OSError: the folder can't be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ScaleError(f"{folder} is a file, not a folder")
    there = read(folder)
    if there is None:
        # Hidden files don't count: partial files, or those of file managers and file systems.
        if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ScaleError(f"{folder} holds something else than shards: there is no {_CONFIG}")
        atomic_write.create_json(folder / _CONFIG, pin.to_json())
        # Another run may have been faster, with another request.
        there = read(folder)
    compare(folder, there, pin)


def compare(folder: Path, there: dict[str, Any] | None, pin: RunManifest) -> None:
    """Raise ScaleError, with one line that names all differences, unless `there` is the same."""
    if there is None:
        raise ScaleError(f"{folder} has no {_CONFIG}")
    found = "; ".join(find_differences(there, pin.to_json(), "there", "here"))
    if found:
        raise ScaleError(
            f"{folder} holds other rows: {found}. Give what is there, or another folder"
        )


def check_here(folder: Path, pin: RunManifest) -> None:
    """Raise ScaleError, with one line, unless the versions installed here give the same bytes.

    Each task checks this, since a cluster's node may have other versions than the launching one.
    """
    here = dataclasses.replace(pin, versions=find_versions(pin.request), sources=_hash_sources())
    found = "; ".join(find_differences(pin.to_json(), here.to_json(), "there", "on this machine"))
    if found:
        raise ScaleError(f"no rows can be made here for {folder}: {found}. Install what is there")
    compare(folder, read(folder), pin)
    _check_cpu(folder, pin.request)


def find_versions(request: Request) -> dict[str, str]:
    """Find the installed versions of the packages that decide the bytes of a request's shards.

    pyarrow is one of them, since it writes its version into Parquet files.
    """
    return {**fingerprint.versions(request), "pyarrow": version("pyarrow")}


def _hash_sources() -> str:
    try:
        fingerprint.check_sources_unchanged()
    except RuntimeError as error:
        raise ScaleError(str(error)) from error
    return fingerprint.sources_digest(fingerprint.PACKAGE)


def _check_cpu(folder: Path, request: Request) -> None:
    """If rows hold code for a CPU, check that all machines compile it for the same kind."""
    if "cpu" not in request.platforms or not set(COMPILED) & set(
        choices.unpack_names(request.dialect)
    ):
        return
    here = {"target": _compiled_for(request)}
    atomic_write.create_json(folder / _CPU, here)
    there = atomic_write.read_json(folder / _CPU)
    if there != here:
        found = "; ".join(find_differences(there or {}, here, "there", "here"))
        raise ScaleError(
            f"no rows can be made here for {folder}: {found}. Use machines of one kind of CPU"
        )


def _compiled_for(request: Request) -> str:
    """Find the name, as in a row's header, of the machine that code compiled here is for."""
    from jax_ir_synth.lowering.compiling import compile_module
    from jax_ir_synth.request.targets import resolve_targets

    text = "func.func public @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }"
    target = resolve_targets(request.target)["cpu"]
    return compile_module(f"module @machine {{ {text} }}", target, ("optimized_hlo",)).target


def find_differences(
    one: dict[str, Any], other: dict[str, Any], here: str, there: str
) -> Iterator[str]:
    """Find the differences between two descriptions, as `seed is 0 <here>, 1 <there>`."""
    for name in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from find_differences(mine, theirs, here, there)
        elif mine != theirs:
            yield f"{name} is {_show(mine)} {here}, {_show(theirs)} {there}"


def _show(value: object) -> str:
    # The beginning of a digest is enough to tell it from another.
    return value[:12] if isinstance(value, str) and len(value) == 64 else str(value)
