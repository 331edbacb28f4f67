"""What a test looks at in a published repository, and what it compares that with."""

from pathlib import Path

import yaml

from jax_ir_synth.schema.splits import SPLITS, split_of


def by_split(rows: list[dict]) -> dict[str, list[dict]]:
    """The rows of each split that has some, as datasets would give them."""
    found = {
        split: [row for row in rows if split_of(row["skeleton_hash"]) == split] for split in SPLITS
    }
    return {split: part for split, part in found.items() if part}


def of(rows: list[dict], config: str | None) -> list[dict]:
    """The rows that are in a subset; None is the default."""
    kind = f"generate_{config}"
    return [row for row in rows if config in (None, "default", "all") or row["type"] == kind]


def files_in(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def data_of(repository) -> set[str]:
    """The paths of the Parquet files."""
    return {path for path in repository.files if path.endswith(".parquet")}


def card_of(repository) -> dict:
    """The card's YAML."""
    return yaml.safe_load(repository.files["README.md"].decode().split("---\n")[1])
