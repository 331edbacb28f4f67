"""Reads the skeletons of a dataset, of whose structures no other row is wanted."""

from pathlib import Path

from jax_ir_synth.storage.dataset_reader import DatasetError, Source, open_saved


def read_skeletons(source: Path | Source) -> set[str]:
    """Read the column `skeleton_hash` of a dataset. Raises DatasetError for a row without it."""
    skeletons = set()
    for entry in open_saved(source).entries:
        if entry.row is None or not isinstance(entry.row.get("skeleton_hash"), str):
            raise DatasetError(f"{entry.where} {entry.fault or 'has no skeleton_hash'}")
        skeletons.add(entry.row["skeleton_hash"])
    return skeletons
