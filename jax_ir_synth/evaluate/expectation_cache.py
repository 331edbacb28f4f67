"""Keeps expectations: the last ones in memory, all in files of which any process may take them.

Computing an expectation costs several times as much as judging a completion with it, and rows come
again: in groups of completions, in epochs, at each checkpoint. A file's name is a hash of what the
expectation depends on: the reference, the program, this package's sources and its libraries. So a
file is never out of date, and the folder may be deleted at any time.
"""

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from jax_ir_synth.evaluate.expectation import Expectation, NotPrepared, compute_expectation
from jax_ir_synth.evaluate.judgement import Unjudgeable
from jax_ir_synth.evaluate.versions import describe_versions

# The environment variable that names the folder; empty for no files.
VARIABLE = "JAX_IR_SYNTH_CACHE"
# The number of expectations in memory.
_KEPT = 16
# The size of all files up to which none is removed, and to which they are reduced then. An
# expectation takes some ten kilobytes.
_MOST_BYTES, _REDUCED_BYTES = 2 * 2**30, 3 * 2**29


class ExpectationCache:
    """Expectations by what they are of.

    Args:
      folder: the folder of the files, made when it is needed; None for memory only.
    """

    def __init__(self, folder: Path | None = None):
        self._folder = folder
        self._memory: OrderedDict[tuple[str, str], Expectation | Unjudgeable] = OrderedDict()

    def get(self, module: str, program: str, may_compute: bool) -> Expectation:
        """Return an expectation.

        Args:
          module: as for `compute_expectation`.
          program: as for `compute_expectation`.
          may_compute: whether it is computed if it isn't in memory.

        Raises:
          NotPrepared: it isn't in memory and may not be computed.
          Unjudgeable: see `compute_expectation`. This is kept in memory, too.
        """
        key = module, program
        if key in self._memory:
            self._memory.move_to_end(key)
        elif may_compute:
            try:
                self._remember(key, compute_expectation(module, program))
            except Unjudgeable as fault:
                self._remember(key, fault)
        else:
            raise NotPrepared
        found = self._memory[key]
        if isinstance(found, Unjudgeable):
            raise found
        return found

    def recall(self, module: str, program: str, again: bool = False) -> bool:
        """Take an expectation from its file, and say whether there is one in memory then.

        Args:
          module: as for `compute_expectation`.
          program: as for `compute_expectation`.
          again: whether to read the file if the expectation is in memory, too.
        """
        key = module, program
        known = key in self._memory
        if self._folder is None or (known and not again):
            return known
        path = self._path(module, program)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                found = Expectation.restore(module, {**arrays})
            # The files that were used last are kept.
            os.utime(path)
        # It isn't there, or damaged; then it is computed anew.
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return known
        self._remember(key, found)
        return True

    def store(self, module: str, program: str) -> None:
        """Write a file of an expectation in memory, unless there is no space for it."""
        if self._folder is None:
            return
        path = self._path(module, program)
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **self.get(module, program, False).arrays())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                try:
                    file.write(content.getbuffer())
                    file.flush()
                    os.replace(file.name, path)
                except BaseException:
                    os.unlink(file.name)
                    raise
            # One file in 256 looks after the folder.
            if path.stem.endswith("00"):
                self._reduce(self._folder)
        except OSError:
            # The folder can't be written: the next process computes it again.
            return

    def _remember(self, key: tuple[str, str], expectation: Expectation | Unjudgeable) -> None:
        self._memory[key] = expectation
        if len(self._memory) > _KEPT:
            self._memory.popitem(last=False)

    def _path(self, module: str, program: str) -> Path:
        parts = json.dumps([module, program, describe_versions()])
        key = hashlib.sha256(parts.encode()).hexdigest()
        assert self._folder is not None
        return self._folder / key[:2] / f"{key}.npz"

    @staticmethod
    def _reduce(folder: Path) -> None:
        """Remove the files that were used longest ago, if there are too many bytes."""
        files = [(file.stat(), file) for file in folder.glob("??/*") if file.is_file()]
        size = sum(stat.st_size for stat, _ in files)
        if size <= _MOST_BYTES:
            return
        for stat, file in sorted(files, key=lambda each: each[0].st_mtime):
            if size <= _REDUCED_BYTES:
                return
            file.unlink(missing_ok=True)
            size -= stat.st_size


def find_folder() -> Path | None:
    """Return the folder of this user's files; None if the environment says that there are none."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).expanduser() if named else None
    caches = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(caches) if caches else Path.home() / ".cache"
    except RuntimeError:
        # This user has no home.
        return None
    return folder / "jax_ir_synth" / "expectations"
