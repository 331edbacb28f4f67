"""The extras of the package, and the one line that names a missing one."""

import importlib.util

from jax_ir_synth.errors import UsageError


class MissingExtraError(UsageError):
    """A package that an extra brings isn't installed; the message says how to install it."""


def require(what: str, extra: str, *modules: str) -> None:
    """Checks that what an extra brings is installed.

    Nothing is imported.

    Args:
      what: who needs it, as the message names it: `scoring`, or a flag.
      extra: the name of the extra, as in `pip install 'jax_ir_synth[extra]'`.
      *modules: the modules that it brings, by the names by which they are imported.

    Raises:
      MissingExtraError: one of the modules isn't there.
    """
    for module in modules:
        if is_missing(module):
            raise MissingExtraError(describe(what, module, extra))


def describe(what: str, package: str, extra: str) -> str:
    """The line that says who needs which package, and how to install it."""
    return f"{what} needs {package}: pip install 'jax_ir_synth[{extra}]'"


def is_missing(module: str) -> bool:
    """Whether a module can't be found, by its full name. It isn't imported, but its parents are."""
    try:
        return importlib.util.find_spec(module) is None
    except (ModuleNotFoundError, ValueError):
        # A parent is missing, or the caller has put None in the module's place.
        return True
