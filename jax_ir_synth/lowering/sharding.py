"""Reads how example arguments lie on several devices, which a module then says."""

from collections.abc import Sequence
from typing import Any, cast

import jax
from jax.sharding import NamedSharding, PartitionSpec

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.dialects import COMPILED


def find(leaf: Any) -> NamedSharding | None:
    """Find how an array or an aval lies on several devices; None if it is on one."""
    sharding = getattr(leaf, "sharding", None)
    several = isinstance(sharding, NamedSharding) and sharding.num_devices > 1
    return sharding if several else None


def is_known(leaf: Any) -> bool:
    """Whether an array is on one device, or lies on several in a way that `find` finds."""
    count = getattr(getattr(leaf, "sharding", None), "num_devices", 1)
    return count == 1 or find(leaf) is not None


def add_axis(leaf: Any) -> NamedSharding | None:
    """Make the sharding of a leaf with a new leading axis, which each device has whole."""
    sharding = find(leaf)
    if sharding is None:
        return None
    spec = cast(Any, PartitionSpec)(None, *cast(Any, sharding.spec))
    return NamedSharding(sharding.mesh, spec)


def has_shardings(args: Sequence[Any]) -> bool:
    """Whether an abstract argument lies on several devices."""
    return any(find(leaf) is not None for leaf in jax.tree.leaves(args))


def check_dialects(dialects: Sequence[str]) -> None:
    """Raise UsageError if a dialect is compiled, which is done for one device alone."""
    for dialect in dialects:
        if dialect in COMPILED:
            raise UsageError(
                f"`dialect` (={dialect!r}) can't have arguments that lie on several devices: it is "
                "compiled, here for one device; choose jaxpr, stablehlo or hlo"
            )
