"""A folder of `DatasetDict.save_to_disk`: whether it is ours, and how a new one takes its place."""

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
# How our descriptions begin, in whatever version.
_DESCRIPTION = "Python -> compiler IR pairs."
# In the folder from the first change of its files to the last.
_PLACING = ".placing.partial"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_empty(folder: Path) -> bool:
    """Whether there is nothing in it but what writers are at, or left when they were killed."""
    return all(map(is_partial, folder.iterdir()))


def is_ours(folder: Path) -> bool:
    """Whether it is a dataset of this package, with its own splits and columns, as each split says.

    Not so for what a user made of one, as with a further column, or a further split.
    """
    try:
        splits = json.loads((folder / MARK).read_bytes())["splits"]
        return set(splits) == set(SPLITS) and all(_is_our_split(folder / name) for name in splits)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def was_interrupted(folder: Path) -> bool:
    """Whether a writer was killed, or failed, in the moment when it put its files in place."""
    return (folder / _PLACING).exists()


def may_replace(folder: Path, overwrite: bool) -> bool:
    """Whether a dataset may be put in the folder; one of ours only by the user's word."""
    return is_empty(folder) or was_interrupted(folder) or (overwrite and is_ours(folder))


def find_not_replaceable(folder: Path) -> Path | None:
    """A part of the dataset in a folder that this user may not replace, if there is one."""
    folders = [folder / split for split in SPLITS if (folder / split).is_dir()]
    rights = dict.fromkeys(folders, os.W_OK | os.X_OK)
    for path in (folder / MARK, *(path for split in folders for path in split.iterdir())):
        if path.exists() and (path.name == MARK or _is_data(path)):
            rights[path] = os.W_OK
    return next((path for path, right in rights.items() if not has_rights(path, right)), None)


def set_fingerprints(folder: Path) -> None:
    """Give each split that was just saved a fingerprint by its rows, instead of a random one.

    So the same rows give the same bytes, with one version of datasets.
    """
    for split in SPLITS:
        path = folder / split / _STATE
        state = json.loads(path.read_bytes())
        digest = hashlib.sha256(split.encode())
        for entry in state["_data_files"]:
            with open(folder / split / entry["filename"], "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        state["_fingerprint"] = digest.hexdigest()[:16]
        # As datasets itself writes it.
        path.write_text(json.dumps(state, indent=2, sort_keys=True), encoding="utf-8")


def put_folder(made: Path, folder: Path, overwrite: bool) -> None:
    """Put a saved dataset at `folder`; foreign files that are in it stay.

    Where there is no folder yet it is put there by one step. Else each file takes the place of the
    one before, and the mark, without which nothing is a dataset, comes last.

    Args:
      made: what `save_to_disk` wrote, in a partial folder.
      folder: with links followed.
      overwrite: whether files of ours that are there are replaced.

    Raises:
      NotPlacedError: it couldn't be put there; the message says where all of it is kept.
    """
    try:
        for path in made.rglob("*"):
            sync(path)
        if not folder.exists():
            with contextlib.suppress(OSError):
                os.rename(made, folder)
            # Some file systems rename files alone.
            if made.exists():
                folder.mkdir()
        elif not may_replace(folder, overwrite):
            raise FileExistsError(f"somebody has put something in {folder} meanwhile")
        if made.exists():
            with _signals_held():
                _place(made, folder)
    except OSError as error:
        raise not_placed_error(error, keep_result(made, made.parent.parent, folder.name)) from error
    sync(folder.parent)


def _is_our_split(folder: Path) -> bool:
    from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA

    info = json.loads((folder / _INFO).read_bytes())
    columns = set(info["features"])
    return (
        str(info["description"]).startswith(_DESCRIPTION)
        and columns <= set(SCHEMA.names) <= columns | set(OPTIONAL_COLUMNS)
        and (folder / _STATE).exists()
    )


def _is_data(path: Path) -> bool:
    return path.name in (_INFO, _STATE) or _DATA.fullmatch(path.name) is not None


def _place(made: Path, folder: Path) -> None:
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
            # The rows may be in another number of files than before.
            like = before[0] if before and _DATA.fullmatch(name) else folder / split / name
            if like.exists():
                copy_permissions(like.stat(), made / split / name)
            _link(made / split / name, folder / split / name)
        for old in before:
            if old.name not in new:
                old.unlink()
        sync(folder / split)
    _link(made / MARK, folder / MARK)
    (folder / _PLACING).unlink()
    sync(folder)


def _link(source: Path, target: Path) -> None:
    """Replace the target; the source stays, so that all of it is there if a later one fails."""
    between = target.with_name(make_partial_name(target.name))
    try:
        try:
            os.link(source, between)
        except OSError:
            # No hard links, or another file system.
            shutil.copyfile(source, between)
            sync(between)
        os.replace(between, target)
    finally:
        between.unlink(missing_ok=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals come once this is done, which takes an instant: it must not be left half."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
