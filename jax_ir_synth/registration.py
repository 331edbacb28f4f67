"""Makes `load_dataset("./jax_ir_synth", ...)` find this package's builder, on every datasets line.

datasets 4 and later refuse local scripts ("Dataset scripts are no longer supported"), and 3.6.0
runs them from a copy of a single file, which would leave stale caches behind edits elsewhere in
the package. So the one function that turns a path into a builder's module is wrapped: for this
package it answers itself, for everything else it calls the original.
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wrapt

from jax_ir_synth.errors import UsageError
from jax_ir_synth.generate.fingerprint import PACKAGE, cache_fingerprint, sources_digest

NAME = "jax_ir_synth"
BUILDER_MODULE = f"{NAME}.{NAME}"
# Where datasets keeps the function: its home, and the module that imports it from there by name.
HOLDERS = ("load", "inspect")
FACTORY = "dataset_module_factory"


def register() -> None:
    """Wrap datasets' factory: now if datasets is imported already, else when it is."""
    wrapt.register_post_import_hook(_wrap_factories, "datasets")


def is_registered(datasets: Any) -> bool:
    """Whether both holders in the module `datasets` have the wrapped factory."""
    return all(_is_wrapped(getattr(datasets, holder, None)) for holder in HOLDERS)


def is_ours(path: object) -> bool:
    """Whether `load_dataset(path)` means this package.

    It does for the bare name, and for any path that leads to this package's own folder or builder
    script. A folder of the same name that is something else is not ours; a copy of this package
    is when its sources are the same.

    Raises:
      ValueError: the path is a copy of this package with other sources than the imported one.
    """
    if not isinstance(path, str | os.PathLike):
        return False
    if os.fspath(path) == NAME:
        return True
    # os.path, not Path: a trailing slash or "a/.." must be resolved the way the system does.
    real = os.path.realpath(path)
    if os.path.basename(real) == f"{NAME}.py":
        real = os.path.dirname(real)
    if real == str(PACKAGE):
        return True
    return _is_same_copy(Path(real), path)


def _is_same_copy(folder: Path, path: str | os.PathLike[str]) -> bool:
    """Whether `folder` is a copy of this package (a clone beside an installed one)."""
    parts = (f"{NAME}.py", Path(__file__).name, "kernels", "lowering")
    if folder.name != NAME or not all((folder / part).exists() for part in parts):
        return False
    if sources_digest(folder) != sources_digest(PACKAGE):
        raise UsageError(
            f"{os.fspath(path)!r} is a {NAME} with other sources than the imported {PACKAGE}: "
            f"import the one in {folder} (put its parent first on sys.path), or load {NAME!r}"
        )
    return True


def _is_wrapped(module: object) -> bool:
    factory = getattr(module, FACTORY, None)
    return isinstance(factory, wrapt.FunctionWrapper) and factory._self_wrapper is _find


def _wrap_factories(datasets: Any) -> None:
    for holder in HOLDERS:
        module = getattr(datasets, holder, None)
        if not hasattr(module, FACTORY):
            # Only `load_dataset` is lost; breaking the caller's `import datasets` would be worse.
            warnings.warn(
                f"datasets {datasets.__version__} has no datasets.{holder}.{FACTORY}, so "
                f"load_dataset({NAME!r}) is not available; build {NAME}.JaxIrSynth directly",
                RuntimeWarning,
                stacklevel=2,
            )
        elif not _is_wrapped(module):
            wrapt.wrap_function_wrapper(module, FACTORY, _find)


def _find(
    wrapped: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    path = args[0] if args else kwargs.get("path")
    if not is_ours(path):
        return wrapped(*args, **kwargs)
    from datasets.load import DatasetModule

    return DatasetModule(BUILDER_MODULE, cache_fingerprint(), {"dataset_name": NAME})
