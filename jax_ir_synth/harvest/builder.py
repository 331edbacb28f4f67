"""The config `real` of the builder: its arguments, its shards and its rows."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.harvest.licenses import PERMISSIVE
from jax_ir_synth.harvest.real import lock
from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.request.config import DEFAULTS, Request
from jax_ir_synth.runtime.sandbox.resource_limits import Limits

LOGGER = logging.getLogger("jax_ir_synth")
REAL = COLLECTED[1]
# All its rows are for evaluation.
SPLIT = "test"
_ARGUMENTS = ("device", "verify", "strict")
_LIMITS = Limits(60, 4)


class NotRebuilt(JaxIrSynthError, RuntimeError):
    """A row of the set has changed or can't be made, and `strict` is set."""


def parse_arguments(arguments: dict[str, Any]) -> Request:
    """Check the arguments of the config.

    Raises:
      UsageError: one of them is wrong, or has no meaning where the rows are fixed.
    """
    for name, value in arguments.items():
        if name not in _ARGUMENTS and value != DEFAULTS[name]:
            raise UsageError(
                f"`{name}` (={value!r}) is not an argument of the config {REAL}, whose rows are "
                f"fixed: it takes {', '.join(_ARGUMENTS)}"
            )
    return Request(**{name: arguments[name] for name in arguments if name in _ARGUMENTS})


def count_rows() -> int:
    """Return how many rows the set has."""
    return len(lock.read_lock())


def list_starts() -> list[int]:
    """List the numbers of the first rows of packages: what a stream is sharded over."""
    packages = [entry.package for entry in lock.read_lock()]
    return [k for k, name in enumerate(packages) if k == 0 or packages[k - 1] != name]


def rebuild_rows(starts: Sequence[int], request: Request, number: int) -> Iterator[dict[str, Any]]:
    """Rebuild the rows of some packages, in order; a row that has changed is left out and logged.

    Args:
      starts: which packages, as `list_starts` numbers them.
      request: the platforms, whether rows are proven, and whether an error stops it.
      number: how many processes work at once.

    Raises:
      NotRebuilt: a row has changed or can't be made, and the request is strict.
      InstallError: the packages can't be installed.
    """
    from jax_ir_synth.harvest.real.rebuild import Missing, read_set, rebuild
    from jax_ir_synth.harvest.run import Options

    def tell(missing: Missing) -> None:
        if request.strict:
            raise NotRebuilt(missing.line)
        LOGGER.warning("%s", missing.line)

    real = read_set()
    packages = {real.entries[start].package for start in starts}
    wanted = [entry for entry in real.entries if entry.package in packages]
    options = Options(
        frozenset(PERMISSIVE), _LIMITS, prove=request.verify, platforms=request.platforms
    )
    yield from rebuild(real, options, number, _pass_on, tell, wanted)


def _pass_on(rows: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """Show nothing: datasets shows the progress."""
    yield from rows
