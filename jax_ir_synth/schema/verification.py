"""The verification status: the values of the column `verified`."""

from collections.abc import Iterable

# The row's texts were executed by StableHLO's reference interpreter. A suffix says what else did:
# NumPy and SciPy, the operations that it lacks; NumPy's executor (`verify.arrays`), whole texts, on
# all inputs but the first.
_INTERPRETER, _NUMPY, _ARRAYS = "interpreter", "+numpy", "+arrays"
# From the strongest proof to the weakest.
RUN_BY = (
    _INTERPRETER,
    _INTERPRETER + _ARRAYS,
    _INTERPRETER + _NUMPY,
    _INTERPRETER + _NUMPY + _ARRAYS,
)
# What may execute the texts on all inputs but the first.
EXECUTORS = ("interpreter", "arrays")
# A suffix: the CUDA text was only parsed and verified, and its signature was compared.
CUDA_PARSED = ", cuda parsed"
# No text could be executed. Each was parsed and verified, and its signature was compared.
PARSED = "parsed"
UNVERIFIED = "none"
# A prefix for a row with other dialects: the StableHLO that they were made from was checked.
OF_STABLEHLO = "stablehlo: "
_CHECKED = (*RUN_BY, *(status + CUDA_PARSED for status in RUN_BY), PARSED)
# All values of the column `verified`.
STATUSES = (*_CHECKED, *(OF_STABLEHLO + status for status in _CHECKED), UNVERIFIED)
# A prefix for a row that isn't proven, before the reason.
UNPROVEN = "unproven: "
_LONGEST_REASON = 300


def is_status(status: str) -> bool:
    """Whether a text may stand in the column `verified`."""
    reason = status.removeprefix(UNPROVEN)
    return status in STATUSES or (reason != status and bool(reason) and "\n" not in reason)


def write_unproven(reason: str) -> str:
    """Write the status of a row that isn't proven.

    Args:
      reason: Why; it becomes one line, and is shortened.
    """
    line = " ".join(reason.split())
    shown = line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"
    return UNPROVEN + (shown or "no reason is known")


def shorten_status(status: str) -> str:
    """Leave out the reason why a row isn't proven, so that rows can be counted by status."""
    return UNPROVEN.rstrip(": ") if status.startswith(UNPROVEN) else status


def join_ways(ways: Iterable[str]) -> str:
    """Join how texts were executed, each one of `RUN_BY`, to how all of them were."""
    words = {word for way in ways for word in way.split("+")}
    return next(way for way in RUN_BY if words == {*way.split("+")})
