"""What a folder's bytes depend on: written into it first, and compared before anything is added."""

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
    """What decides each byte of a folder's shards.

    Attributes:
      request: which rows.
      shards: how many files each split is cut into, 1 to the request's count.
      versions: of each package that decides the bytes, see `versions_here`.
      sources: SHA-256 (hex) of this package's sources.

    Raises:
      ValueError: `shards` is out of range; one line.
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

    def described(self) -> dict[str, Any]:
        """As it stands in `config.json` and in each shard's manifest."""
        # By way of JSON, which makes lists of tuples.
        described: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return described


def make_run_manifest(request: Request, shards: int) -> RunManifest:
    """The pin for a request by what is installed here.

    Raises:
      ValueError: `shards` is out of range.
      ScaleError: a source was edited since it was imported.
    """
    return RunManifest(request, shards, versions_here(request), _sources_here())


def read(folder: Path) -> dict[str, Any] | None:
    """The folder's `config.json`, as `RunManifest.described` gives it; None where there is none."""
    return atomic_write.read_json(folder / _CONFIG)


def settle(folder: Path, pin: RunManifest) -> None:
    """Make the folder this pin's, or find that it is.

    Raises:
      ScaleError: one line; the folder holds something else, and nothing in it was changed.
      OSError: it can't be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ScaleError(f"{folder} is a file, not a folder")
    there = read(folder)
    if there is None:
        # What is hidden is no one's shards: partial files, a file manager's or file system's own.
        if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ScaleError(f"{folder} holds something else than shards: there is no {_CONFIG}")
        atomic_write.create_json(folder / _CONFIG, pin.described())
        # Another run may have been quicker, for another request.
        there = read(folder)
    compare(folder, there, pin)


def compare(folder: Path, there: dict[str, Any] | None, pin: RunManifest) -> None:
    """Raise ScaleError, one line that names all differences, unless `there` is this pin's."""
    if there is None:
        raise ScaleError(f"{folder} has no {_CONFIG}")
    found = "; ".join(differences(there, pin.described(), "there", "here"))
    if found:
        raise ScaleError(
            f"{folder} holds other rows: {found}. Give what is there, or another folder"
        )


def check_here(folder: Path, pin: RunManifest) -> None:
    """Raise ScaleError, one line, unless what is installed here makes this pin's bytes.

    Each task asks: a node of a cluster may have other versions than the one that launched it.
    """
    here = dataclasses.replace(pin, versions=versions_here(pin.request), sources=_sources_here())
    found = "; ".join(differences(pin.described(), here.described(), "there", "on this machine"))
    if found:
        raise ScaleError(f"no rows can be made here for {folder}: {found}. Install what is there")
    compare(folder, read(folder), pin)
    _check_cpu(folder, pin.request)


def versions_here(request: Request) -> dict[str, str]:
    """The installed versions of what decides the bytes of a request's shards.

    pyarrow is one of them: it signs the Parquet files that it writes.
    """
    return {**fingerprint.versions(request), "pyarrow": version("pyarrow")}


def _sources_here() -> str:
    try:
        fingerprint.check_sources_unchanged()
    except RuntimeError as error:
        raise ScaleError(str(error)) from error
    return fingerprint.sources_digest(fingerprint.PACKAGE)


def _check_cpu(folder: Path, request: Request) -> None:
    """Where code for a CPU is in the rows: the first machine says for which, the others agree."""
    if "cpu" not in request.platforms or not set(COMPILED) & set(
        choices.unpack_names(request.dialect)
    ):
        return
    here = {"target": _compiled_for(request)}
    atomic_write.create_json(folder / _CPU, here)
    there = atomic_write.read_json(folder / _CPU)
    if there != here:
        raise ScaleError(
            f"no rows can be made here for {folder}: "
            f"{'; '.join(differences(there or {}, here, 'there', 'here'))}. Use machines of one "
            "kind of CPU"
        )


def _compiled_for(request: Request) -> str:
    """The machine that code compiled here is for, as a row's header names it."""
    from jax_ir_synth.lowering.compiling import compile_module
    from jax_ir_synth.request.targets import resolve_targets

    text = "func.func public @main(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }"
    target = resolve_targets(request.target)["cpu"]
    return compile_module(f"module @machine {{ {text} }}", target, ("optimized_hlo",)).target


def differences(one: dict[str, Any], other: dict[str, Any], here: str, there: str) -> Iterator[str]:
    """What differs between two descriptions, `seed is 0 <here>, 1 <there>`."""
    for name in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            yield from differences(mine, theirs, here, there)
        elif mine != theirs:
            yield f"{name} is {_show(mine)} {here}, {_show(theirs)} {there}"


def _show(value: object) -> str:
    # A digest's beginning tells it from another.
    return value[:12] if isinstance(value, str) and len(value) == 64 else str(value)
