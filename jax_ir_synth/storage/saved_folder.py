"""A folder of `DatasetDict.save_to_disk`: check whether it is ours, and replace it safely."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage.atomic_write import copy_permissions, sync
from jax_ir_synth.storage.destinations import has_rights, keep_result, not_placed_error
from jax_ir_synth.storage.partials import is_partial, make_partial_name, remove_dead

MARK = "dataset_dict.json"
_INFO, _STATE = "dataset_info.json", "state.json"
_DATA = re.compile(r"data-\d{5}-of-\d{5}\.arrow")
# Our descriptions begin with this in every version.
_DESCRIPTION = "Python -> compiler IR pairs."
# This file exists in the folder while its files are being replaced.
_PLACING = ".placing.partial"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_empty(folder: Path) -> bool:
    """Check whether a folder holds nothing but partials, of live or dead writers.

    Args:
      folder: An existing folder.
    """
    return all(map(is_partial, folder.iterdir()))


def is_ours(folder: Path) -> bool:
    """Check whether a folder is a dataset of this package, with its splits and columns.

    A dataset that a user has derived from one, for example with another column or split, isn't.

    Args:
      folder: A folder.
    """
    try:
        splits = json.loads((folder / MARK).read_bytes())["splits"]
        return set(splits) == set(SPLITS) and all(_is_our_split(folder / name) for name in splits)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def was_interrupted(folder: Path) -> bool:
    """Check whether a writer was killed, or failed, while it was replacing the files.

    Args:
      folder: A folder.
    """
    return (folder / _PLACING).exists()


def may_replace(folder: Path, overwrite: bool) -> bool:
    """Check whether a dataset may be put into a folder.

    Args:
      folder: An existing folder.
      overwrite: Whether the user allows to replace a dataset of this package.
    """
    return is_empty(folder) or was_interrupted(folder) or (overwrite and is_ours(folder))


def find_not_replaceable(folder: Path) -> Path | None:
    """Find a part of the dataset that this user may not replace. None if there is none.

    Args:
      folder: An existing folder.
    """
    folders = [folder / split for split in SPLITS if (folder / split).is_dir()]
    rights = dict.fromkeys(folders, os.W_OK | os.X_OK)
    for path in (folder / MARK, *(path for split in folders for path in split.iterdir())):
        if path.exists() and (path.name == MARK or _is_data(path)):
            rights[path] = os.W_OK
    return next((path for path, right in rights.items() if not has_rights(path, right)), None)


def set_fingerprints(folder: Path) -> None:
    """Replace the random fingerprint of each saved split by a hash of its files.

    The same rows then give the same bytes, with one version of datasets.

    Args:
      folder: A folder that `save_to_disk` wrote.
    """
    for split in SPLITS:
        path = folder / split / _STATE
        state = json.loads(path.read_bytes())
        digest = hashlib.sha256(split.encode())
        for entry in state["_data_files"]:
            with open(folder / split / entry["filename"], "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        state["_fingerprint"] = digest.hexdigest()[:16]
        # In the format that datasets writes.
        path.write_text(json.dumps(state, indent=2, sort_keys=True), encoding="utf-8")


def put_folder(made: Path, folder: Path, overwrite: bool) -> None:
    """Put a saved dataset into a folder. Other files in the folder stay.

    If the folder doesn't exist, this is one rename. Otherwise each file is replaced, and the file
    MARK is put there last, because a folder without it is no dataset.

    Args:
      made: The dataset that `save_to_disk` wrote, in a partial folder.
      folder: The destination, with links followed.
      overwrite: Whether a dataset of this package in the folder is replaced.

    Raises:
      NotPlacedError: That failed. The message says where the complete dataset is kept.
    """
    try:
        for path in made.rglob("*"):
            sync(path)
        if not folder.exists():
            with contextlib.suppress(OSError):
                os.rename(made, folder)
            # Some file systems can't rename folders.
            if made.exists():
                folder.mkdir()
        elif not may_replace(folder, overwrite):
            raise FileExistsError(f"something has appeared in {folder} meanwhile")
        if made.exists():
            with _hold_signals():
                _replace_files(made, folder)
    except OSError as error:
        raise not_placed_error(error, keep_result(made, made.parent.parent, folder.name)) from error
    sync(folder.parent)


def _is_our_split(folder: Path) -> bool:
    from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, ORIGIN_SCHEMA, SCHEMA

    info = json.loads((folder / _INFO).read_bytes())
    columns = set(info["features"])
    return (
        str(info["description"]).startswith(_DESCRIPTION)
        and columns <= set(ORIGIN_SCHEMA.names)
        and set(SCHEMA.names) <= columns | set(OPTIONAL_COLUMNS)
        and (folder / _STATE).exists()
    )


def _is_data(path: Path) -> bool:
    return path.name in (_INFO, _STATE) or _DATA.fullmatch(path.name) is not None


def _replace_files(made: Path, folder: Path) -> None:
    (folder / _PLACING).touch()
    if (folder / MARK).exists():
        copy_permissions((folder / MARK).stat(), made / MARK)
        (folder / MARK).unlink()
    sync(folder)
    for split in SPLITS:
        (folder / split).mkdir(exist_ok=True)
        new = {path.name for path in (made / split).iterdir()}
        before = [path for path in (folder / split).iterdir() if _DATA.fullmatch(path.name)]
        for name in sorted(new):
            remove_dead(folder / split, name)
            # The number of data files may have changed: use the first one's permissions.
            like = before[0] if before and _DATA.fullmatch(name) else folder / split / name
            if like.exists():
                copy_permissions(like.stat(), made / split / name)
            _replace_file(made / split / name, folder / split / name)
        for old in before:
            if old.name not in new:
                old.unlink()
        sync(folder / split)
    _replace_file(made / MARK, folder / MARK)
    (folder / _PLACING).unlink()
    sync(folder)


def _replace_file(source: Path, target: Path) -> None:
    """Replace a file. The source stays, so that the dataset is complete if a later file fails."""
    between = target.with_name(make_partial_name(target.name))
    try:
        try:
            os.link(source, between)
        except OSError:
            # There are no hard links, or the target is on another file system.
            shutil.copyfile(source, between)
            sync(between)
        os.replace(between, target)
    finally:
        between.unlink(missing_ok=True)


@contextlib.contextmanager
def _hold_signals() -> Iterator[None]:
    """Delay signals for the short time in which the folder is incomplete."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
