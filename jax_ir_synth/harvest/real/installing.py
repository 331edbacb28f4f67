"""Installs the pinned packages into a folder of the user's cache, by pip in its own process."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError

PACKAGES = Path(__file__).with_name("packages.json")
# The environment variable that names the folder for installed packages.
VARIABLE = "JAX_IR_SYNTH_PACKAGES"
_SECONDS = 1800


class InstallError(JaxIrSynthError, RuntimeError):
    """The packages can't be installed; the message is one line."""


class Pinned(NamedTuple):
    """The packages of a set.

    Attributes:
      packages: the requirements whose functions are in the set, `name==version` or the path of a
        folder, each with the name of its module.
      dependencies: what these import besides, as requirements.
    """

    packages: dict[str, str]
    dependencies: list[str]

    @property
    def requirements(self) -> list[str]:
        """All of them."""
        return [*self.packages, *self.dependencies]


def read_pinned(path: Path | None = None) -> Pinned:
    """Read a list of pinned packages, by default that of this package."""
    path = PACKAGES if path is None else path
    return Pinned(**json.loads(path.read_text(encoding="utf-8")))


def find_folder() -> Path:
    """Find the folder for installed packages: that of `VARIABLE`, or one in the user's cache."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME")
    base = Path(caches) if caches else Path.home() / ".cache"
    return base / "jax_ir_synth" / "packages"


def install(pinned: Pinned) -> Path:
    """Install packages, unless they are installed already, and return their folder.

    Nothing that they depend on is installed but what is listed, so that jax and NumPy stay those of
    the environment. The folder's name is a hash of the list and of Python's version. The folder is
    complete or absent.

    Raises:
      InstallError: pip isn't there, or fails.
    """
    listed = json.dumps([pinned.requirements, sys.version_info[:2]])
    name = f"real-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"
    folder = find_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{name}.lock", "w") as lock:
            # Several processes may want them at once.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / name).is_dir():
                _install(pinned.requirements, folder, name)
    except OSError as error:
        raise InstallError(f"packages can't be installed into {folder}: {error}") from error
    return folder / name


def _install(requirements: list[str], folder: Path, name: str) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f"{name}.partial.", dir=folder))
    try:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-input", "--target", str(partial)]
        done = subprocess.run(
            [*command, *requirements], capture_output=True, text=True, timeout=_SECONDS
        )
        if done.returncode:
            lines = (done.stderr.strip() or done.stdout.strip() or "no reason").splitlines()
            telling = [line for line in lines if line.startswith("ERROR")] or lines
            raise InstallError(f"pip can't install the packages of the set: {telling[-1][:300]}")
        partial.rename(folder / name)
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"pip was not done after {_SECONDS} s") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
