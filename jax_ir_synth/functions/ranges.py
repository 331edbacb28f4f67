"""Finds the ranges of a call's arrays: as given, from examples, or by default."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.errors import UsageError
from jax_ir_synth.functions.calls import Leaf
from jax_ir_synth.reference.inputs import DTYPES, FLOATS
from jax_ir_synth.request.describing import describe

Range = tuple[float, float]
# What floating-point arguments are tried with, in turn: any sign, fractions, positive numbers.
DEFAULTS: tuple[Range, ...] = ((-1.0, 1.0), (0.2, 0.9), (0.5, 2.0))
_INTEGERS = (0.0, 3.0)
_BOOLEANS = (0.0, 1.0)
# A default range around an example without spread, as a part of its size.
_SPREAD = 0.5


def read_ranges(given: Any, leaves: Sequence[Leaf]) -> dict[str, Range]:
    """Read the ranges that a caller gives, by the names of leaves.

    Args:
      given: None; one pair for all floating-point arrays; or a mapping from the names of arguments
        or leaves to pairs.
      leaves: The arrays.

    Raises:
      UsageError: A pair is none, or a name is no argument's.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        pair = _read_pair(given, "ranges")
        return {leaf.name: pair for leaf in leaves if leaf.dtype in FLOATS}
    known = {leaf.name for leaf in leaves} | {leaf.argument for leaf in leaves}
    for name in given:
        if name not in known:
            names = ", ".join(sorted(known))
            raise UsageError(
                f"`ranges` ({describe(name)}) must name an argument; the arguments are {names}"
            )
    found = {}
    for leaf in leaves:
        for name in (leaf.argument, leaf.name):
            if name in given:
                found[leaf.name] = _read_pair(given[name], f"ranges[{name!r}]")
    return found


def _read_pair(pair: Any, where: str) -> Range:
    try:
        low, high = (float(end) for end in pair)
    except (TypeError, ValueError):
        raise UsageError(f"`{where}` ({describe(pair)}) must be a pair (low, high)") from None
    if not -np.inf < low <= high < np.inf:
        raise UsageError(f"`{where}` (=({low}, {high})) must have low <= high, both finite")
    return low, high


def list_attempts(leaves: Sequence[Leaf], given: Mapping[str, Range]) -> Iterator[list[Range]]:
    """List the ranges to try, the best first.

    Args:
      leaves: The arrays.
      given: The ranges that the caller gave, which aren't changed.

    Yields:
      A range for each leaf.
    """
    found = [given.get(leaf.name) or _read_example(leaf) for leaf in leaves]
    seen = []
    for default in DEFAULTS:
        ranges = [
            each or _fall_back(leaf, default) for leaf, each in zip(leaves, found, strict=True)
        ]
        if ranges not in seen:
            seen.append(ranges)
            yield ranges
    # The examples may be of a place where nothing can be compared.
    for default in DEFAULTS:
        ranges = [given.get(leaf.name) or _fall_back(leaf, default) for leaf in leaves]
        if ranges not in seen and any(leaf.example is not None for leaf in leaves):
            seen.append(ranges)
            yield ranges


def _read_example(leaf: Leaf) -> Range | None:
    """Find the range of an example's values; None where they say nothing."""
    if leaf.example is None or not leaf.example.size:
        return None
    if leaf.dtype == "bool":
        return _BOOLEANS
    values = leaf.example.astype(np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    if leaf.dtype not in FLOATS:
        return _widen_integers(leaf, low, high)
    if low < high:
        return low, high
    if low == 0.0:
        return None
    margin = _SPREAD * abs(low)
    return low - margin, high + margin


def _widen_integers(leaf: Leaf, low: float, high: float) -> Range:
    info = np.iinfo(DTYPES[leaf.dtype])
    if leaf.is_key or (leaf.dtype == "uint32" and high > 2**16):
        return 0.0, float(info.max)
    # An example with one value says no more than that this one is allowed.
    return (min(low, 0.0), high + 1.0) if low == high else (low, high)


def _fall_back(leaf: Leaf, default: Range) -> Range:
    if leaf.dtype in FLOATS:
        return default
    if leaf.dtype == "bool":
        return _BOOLEANS
    if leaf.is_key or (leaf.dtype == "uint32" and leaf.shape[-1:] == (2,)):
        return 0.0, float(np.iinfo(np.uint32).max)
    return _INTEGERS
