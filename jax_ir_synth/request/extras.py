"""The extras of the package, and the error message for a missing one."""

import importlib.util

from jax_ir_synth.errors import UsageError


class MissingExtraError(UsageError):
    """A package of an extra isn't installed. The message says how to install it."""


def require(what: str, extra: str, *modules: str) -> None:
    """Check that the modules of an extra are installed, without importing them.

    Args:
      what: What needs the extra, for the error message, such as `scoring` or a flag.
      extra: The name of the extra, as in `pip install 'jax_ir_synth[extra]'`.
      *modules: The full names of the modules.

    Raises:
      MissingExtraError: One of the modules is missing.
    """
    for module in modules:
        if is_missing(module):
            raise MissingExtraError(describe(what, module, extra))


def describe(what: str, package: str, extra: str) -> str:
    """Make the error message for a missing package.

    Args:
      what: What needs the package.
      package: The name of the package.
      extra: The extra that installs it.
    """
    return f"{what} needs {package}: pip install 'jax_ir_synth[{extra}]' (in a clone: '.[{extra}]')"


def is_missing(module: str) -> bool:
    """Check whether a module is missing, by its full name. Only its parents are imported.

    Args:
      module: The full name of a module.
    """
    try:
        return importlib.util.find_spec(module) is None
    except (ModuleNotFoundError, ValueError):
        # A parent is missing, or `sys.modules` has None in the module's place.
        return True
