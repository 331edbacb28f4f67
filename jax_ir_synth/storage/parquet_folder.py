"""Find the Parquet files, by split, in a folder that `scale` or `publish --dry-run` wrote."""

import json
import re
from pathlib import Path

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.request.config import ALL, CONFIGS
from jax_ir_synth.schema.splits import SPLITS

_SHARD = re.compile(r"shard-\d{5}-of-\d{5}\.(parquet|json)")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.parquet")


def configs_of(folder: Path) -> list[str]:
    """List the configs of a published folder that have files, in the registry's order."""
    return [name for name in (*CONFIGS, *COLLECTED) if _parts(folder, name)]


def find_files(folder: Path, config: str | None = None) -> dict[str, list[Path]] | None:
    """Find the files of each split that has rows.

    Args:
      folder: An existing folder.
      config: The config of a published folder. By default `all`, or the only one.

    Returns:
      The files of each split, in the order of the rows. None if neither command wrote the folder.

    Raises:
      UsageError: One of the commands wrote the folder, but files are missing, or there is no such
        config.
    """
    if shards := _shards(folder):
        if config is not None:
            raise UsageError(
                f"`--config` (={config}) is for a Hub dataset (user/name) or a published folder, "
                f"{folder} holds shards of scale"
            )
        return shards
    if not (configs := configs_of(folder)):
        return None
    name = config or (configs[0] if len(configs) == 1 else ALL)
    if name not in configs:
        raise UsageError(
            f"`--config` (={name}) must be one of those in {folder}: {', '.join(configs)}"
        )
    return _parts(folder, name)


def _shards(folder: Path) -> dict[str, list[Path]] | None:
    try:
        config = json.loads((folder / "config.json").read_bytes())
        number = config["shards"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    made = sum(bool(_SHARD.fullmatch(path.name)) for path in (folder / "manifests").glob("*.json"))
    if made != number:
        raise UsageError(
            f"`DATASET` (={folder}) is not complete: {made} of {number} shards are made"
        )
    files = {
        split: [
            path
            for path in sorted((folder / split).glob("*.parquet"))
            if _SHARD.fullmatch(path.name)
        ]
        for split in SPLITS
    }
    return {split: paths for split, paths in files.items() if paths}


def _parts(folder: Path, config: str) -> dict[str, list[Path]]:
    found = {}
    for split in SPLITS:
        paths = sorted((folder / config).glob(f"{split}-*.parquet"))
        numbers = [_PART.fullmatch(path.name, len(split)) for path in paths]
        if not paths or None in numbers:
            continue
        expected = [(f"{place:05d}", f"{len(paths):05d}") for place in range(len(paths))]
        if [match.groups() for match in numbers if match] != expected:
            raise UsageError(f"`DATASET` (={folder}) lacks files of {config}/{split}")
        found[split] = paths
    return found
