"""Writes a card into a folder: text, pictures and the Croissant file, completely or not at all."""

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jax_ir_synth.card import extras, style
from jax_ir_synth.card.errors import CardError
from jax_ir_synth.storage.atomic_write import make_folder
from jax_ir_synth.storage.dataset_reader import DatasetError, Source, open_saved
from jax_ir_synth.storage.destinations import find_destination, put_file
from jax_ir_synth.storage.partials import partial_folder, remove_dead
from jax_ir_synth.storage.repository.layout import PICTURES, README, TAG, is_ours

if TYPE_CHECKING:
    import pyarrow

    from jax_ir_synth.storage.repository.tables import Subset

CROISSANT = "croissant.json"
# The number of rows to make again, in addition to one of each category that would be missing.
REMADE = 14
_REPO = re.compile(r"[\w.-]+/[\w.-]+")


class Written(NamedTuple):
    """The result of writing a card.

    Attributes:
      files: the files, relative to the folder, in order.
      rows: the number of rows that the card describes.
      remade: how many of these were made again.
    """

    files: list[str]
    rows: int
    remade: int


def list_files(folder: Path, parquet: bool) -> list[str]:
    """List the files that `write_card` replaces or removes if `folder` has them, relative to it.

    If it writes Parquet files, the existing ones are included.
    """
    # Imported late, since they import everything that reads rows.
    from jax_ir_synth.card.charts import CHARTS
    from jax_ir_synth.card.pictures import name_file

    pictures = [f"{PICTURES}/{name_file(name, theme)}" for name in CHARTS for theme in style.THEMES]
    found = (path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet"))
    return [README, CROISSANT, *pictures, *sorted(filter(is_ours, found if parquet else ()))]


def write_card(
    folder: Path,
    saved: Path | Source,
    *,
    seed: int | None,
    repo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    parquet: bool = False,
    remade: int = REMADE,
) -> Written:
    """Describe a saved dataset in `folder`: README.md, pictures/, and croissant.json.

    croissant.json describes the Parquet files, if the folder has them all and no `metadata` is
    given. Otherwise there is none, and an earlier one is removed. It needs mlcroissant.

    Args:
      folder: the folder, which is created if need be; other files in it stay.
      saved: the dataset with all rows of a config; see `dataset_reader.open_saved`.
      seed: the rows' seed, which is checked; see `drawing.Redrawn`. None for a dataset with rows
        of functions that people wrote, which has a card of its own kind: without pictures, and
        with a subset for each kind of rows.
      repo: the Hub's repository, for links and `load_dataset` lines. Without it, the card shows how
        the builder makes the rows.
      metadata: the YAML's `configs` and `dataset_info` (see `repository.metadata.make_card_data`),
        if the Parquet files are already written. The card then describes their subsets. By default
        it describes all subsets that have rows, in the files that `repository.tables` writes.
      parquet: whether to write these files too.
      remade: how many rows to make again and compare.

    Raises:
      CardError: the card can't be written, or an extra is missing (`publish`, `croissant`). The
        message is one line; nothing was changed.
      DatasetError: likewise, if there is no dataset.
      ValueError: `seed` is out of range.
      OSError: the folder can't be written.
    """
    extras.require(extras.PUBLISH)
    if parquet:
        extras.require(extras.CROISSANT)
    if repo is not None and not _REPO.fullmatch(repo):
        raise CardError(f"`repo` (={repo}) must be USER/NAME")
    _check_replaceable(folder)
    if seed is None:
        return _write_collected(folder, saved, repo, metadata, parquet)
    # Imported late, since they import jax.
    from jax_ir_synth.card import checking, croissant, facts, filling, pictures
    from jax_ir_synth.card import metadata as yaml
    from jax_ir_synth.card.drawing import Redrawn, choose_ids

    subsets = None
    if metadata is not None:
        subsets = [info.get("config_name") for info in metadata.get("dataset_info") or ()]
    found = facts.gather(saved, seed, subsets)
    if metadata is not None:
        yaml.check_given(metadata, found)
    redrawn = Redrawn(found.request)
    redrawn.check_skeletons(found.skeletons)
    # Some planned rows may have been left out.
    counts = {
        name: redrawn.counts[name]._replace(rows=len(lines)) for name, lines in found.lines.items()
    }
    compared = redrawn.check_rows(facts.read_rows(saved, choose_ids(found.categories, remade)))
    with _parts(folder) as partial:
        if metadata is None:
            described, there, source = _files(saved, list(found.splits), folder, partial, parquet)
        else:
            described, there, source = metadata, None, folder
        (partial / PICTURES).mkdir()
        drawn = pictures.draw(found, counts, partial / PICTURES)
        complete = {**{key: described[key] for key in yaml.OF_FILES}, **yaml.general(found)}
        text = filling.fill(found, counts, compared, complete, drawn, repo)
        (partial / README).write_text(text, encoding="utf-8")
        checking.check(partial, complete)
        if there:
            made = croissant.text(found, there, source, text, repo)
            (partial / CROISSANT).write_text(made, encoding="utf-8")
        names = _move(partial, folder)
        # Remove files that an earlier card had and this one hasn't.
        for name in set(list_files(folder, parquet=False)) - set(names):
            (folder / name).unlink(missing_ok=True)
    return Written(names, found.summary["rows"], compared)


def _write_collected(
    folder: Path,
    saved: Path | Source,
    repo: str | None,
    metadata: Mapping[str, Any] | None,
    parquet: bool,
) -> Written:
    """Describe functions that people wrote; see `write_card`."""
    from jax_ir_synth.card import checking, collected
    from jax_ir_synth.card import metadata as yaml

    found = collected.gather(saved)
    with _parts(folder) as partial:
        (partial / PICTURES).mkdir()
        described = metadata
        if described is None:
            described, _, _ = _files(saved, [*found.splits], folder, partial, parquet, found.schema)
        files = {key: described[key] for key in yaml.OF_FILES}
        complete = {**files, **collected.make_metadata(found)}
        text = collected.fill(found, complete, repo)
        (partial / README).write_text(text, encoding="utf-8")
        checking.check(partial, complete)
        names = _move(partial, folder)
        for name in set(list_files(folder, parquet=False)) - set(names):
            (folder / name).unlink(missing_ok=True)
    return Written(names, found.summary["rows"], 0)


def _files(
    saved: Path | Source,
    names: list[str],
    folder: Path,
    partial: Path,
    keep: bool,
    schema: "pyarrow.Schema | None" = None,
) -> tuple[Mapping[str, Any], "list[Subset] | None", Path]:
    """Write the Parquet files; return their YAML, their subsets if they are kept, and their folder.

    They are written in any case, since their sizes are part of the YAML. To be kept, they are
    written into `partial`.
    """
    from jax_ir_synth.storage.repository import tables
    from jax_ir_synth.storage.repository.metadata import make_card_data

    with tempfile.TemporaryDirectory(dir=partial) as scratch:
        written_to = partial if keep else Path(scratch)
        rows = (row for row, _ in open_saved(saved).rows)
        written = tables.write_subsets(written_to, rows, names, schema=schema)
        if keep:
            return make_card_data(written, schema), written, partial
        try:
            there = tables.read_existing(folder, written, written_to)
        except DatasetError:
            raise
        except ValueError as error:
            raise CardError(
                f"{folder / str(error)} don't hold the rows of `DATASET` (={saved}): remove them, "
                "or write them anew with --parquet"
            ) from error
    if there:
        extras.require(extras.CROISSANT)
    return make_card_data(there or written, schema), there, folder


def _check_replaceable(folder: Path) -> None:
    """Raise CardError if a file isn't a card, or a Croissant file, of this dataset."""
    readme, croissant = folder / README, folder / CROISSANT
    if croissant.exists() and not _is_our_croissant(croissant):
        raise CardError(
            f"{croissant} is no Croissant file of this dataset: remove it, or name another folder"
        )
    if not readme.exists():
        return
    text = readme.read_text(encoding="utf-8", errors="replace")
    head = text.split("\n---\n")[0] if text.startswith("---\n") else ""
    if f"- {TAG}\n" not in f"{head}\n":
        raise CardError(f"{readme} is no card of this dataset: remove it, or name another folder")


def _is_our_croissant(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_bytes())["name"] == TAG)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def _parts(folder: Path) -> Iterator[Path]:
    """Give a temporary folder inside `folder`, so that its files can be moved."""
    make_folder(folder)
    remove_dead(folder, "card")
    with partial_folder(folder, "card") as partial:
        (partial / "made").mkdir()
        yield partial / "made"


def _move(partial: Path, folder: Path) -> list[str]:
    """Move each file to its place, last README.md, which names the others; return the names."""
    names = [path.relative_to(partial) for path in sorted(partial.rglob("*")) if path.is_file()]
    names.sort(key=lambda name: name.as_posix() == README)
    for name in names:
        make_folder((folder / name).parent)
        put_file(partial / name, find_destination(folder / name), overwrite=True)
    return sorted(name.as_posix() for name in names)
