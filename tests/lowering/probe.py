"""What a probe program is, and the arguments that probes take."""

from typing import NamedTuple


class Aval(NamedTuple):
    """An argument, as a kernel's `in_avals` describe it."""

    shape: tuple[int, ...]
    dtype: str = "float32"


class Probe(NamedTuple):
    """A kernel's source, its arguments and the features expected of it (split at spaces)."""

    python: str
    in_avals: tuple[Aval, ...]
    expected: str
    argnums: tuple[int, ...] = (0,)

    @property
    def name(self) -> str:
        return self.python.split("(")[0].removeprefix("def ").strip()


V8, V3, S, M4, P3 = Aval((8,)), Aval((3,)), Aval(()), Aval((4, 4)), Aval((5, 3))
KEY = Aval((2,), "uint32")
IDX = Aval((8,), "int32")
BOTH = (0, 1)


def probe(python: str, *in_avals: Aval, expected: str = "", argnums: tuple[int, ...] = (0,)):
    """A probe whose expected features get what follows from the arguments and the others."""
    if len(in_avals) > 1 and all(aval.shape for aval in in_avals):
        expected += " several_arrays"
    if any(feature in expected for feature in ("linalg", "random", "checkpoint")):
        expected += " compound"
    return Probe(python.strip("\n") + "\n", in_avals, expected, argnums)
