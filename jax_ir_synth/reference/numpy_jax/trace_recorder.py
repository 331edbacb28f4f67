"""Records a run: the values that gradients don't pass, the roots, and the branches that were taken.

Central differences of a program see every way in which an argument reaches a result; JAX's
gradient doesn't look through `stop_gradient`. So a first run records the values at these places,
and the runs at nudged arguments are given them again. A run with noise compares its roots with the
recorded ones.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError

_recorder: contextvars.ContextVar["TraceRecorder | None"] = contextvars.ContextVar(
    "recorder", default=None
)


class Diverged(JaxIrSynthError, ArithmeticError):
    """A nudged run took another way through the program than the recorded one."""


class Singular(JaxIrSynthError, ArithmeticError):
    """A function was called where its derivative is infinite: JAX's gradient is NaN there.

    Differences may not show it: what is multiplied by zero before the root is taken doesn't move.
    Nor do float64 values: the standard deviation of values that are all 1.0 in float32 is not zero.
    """


class TraceRecorder:
    """One run's values, in the order in which the program met them.

    `branches` are the branches it took: pairs of a number, counted as the program came to them,
    and the branch.
    """

    def __init__(self) -> None:
        self.branches: set[tuple[int, int]] = set()
        self._values: list[np.ndarray] = []
        self._roots: list[np.ndarray] = []
        self._next: int | None = None
        self._next_root: int | None = None
        self._steady = 0.0

    @contextlib.contextmanager
    def recording(self) -> Iterator[Any]:
        """Record the program that runs inside."""
        self.branches, self._values, self._roots, self._next = set(), [], [], None
        with self._running():
            yield

    @contextlib.contextmanager
    def replaying(self) -> Iterator[Any]:
        """Give the program that runs inside what was recorded.

        Raises Diverged where it takes another way.
        """
        self._next = 0
        with self._running():
            yield
        if self._next != len(self._values):
            raise Diverged

    @contextlib.contextmanager
    def comparing_roots(self, steady: float) -> Iterator[Any]:
        """Compare the roots of the program that runs inside, with noise, with the recorded ones.

        Where the run takes another way through the program, the roots after that are not compared:
        its outputs show it.

        Args:
          steady: how much noise may change a root, as a part of it.

        Raises:
          Singular: it changes one more.
        """
        self._next_root, self._steady = 0, steady
        try:
            with self._running():
                yield
        finally:
            self._next_root = None

    @contextlib.contextmanager
    def _running(self) -> Iterator[Any]:
        token = _recorder.set(self)
        try:
            yield
        finally:
            _recorder.reset(token)

    @property
    def is_comparing(self) -> bool:
        """Whether a run with noise is going on, of which nothing is recorded but its roots."""
        return self._next_root is not None

    def held(self, value: np.ndarray) -> np.ndarray:
        """The value, or in a replay what it was in the recorded run."""
        if self.is_comparing:
            return value
        if self._next is None:
            self._values.append(np.array(value))
            return value
        if self._next == len(self._values) or self._values[self._next].shape != np.shape(value):
            raise Diverged
        self._next += 1
        return self._values[self._next - 1]

    def root(self, x: np.ndarray) -> None:
        """Notes a root. Raises Singular where it is zero, or noise has changed it too much."""
        if self._next_root is None:
            if np.any(x == 0):
                raise Singular("a root of zero is taken")
            if self._next is None:
                self._roots.append(np.array(x))
        elif self._next_root < len(self._roots):
            recorded = self._roots[self._next_root]
            if recorded.shape != x.shape:
                self._next_root = len(self._roots)
                return
            self._next_root += 1
            if np.any(np.abs(x - recorded) > self._steady * recorded):
                raise Singular("a root is taken that rounding decides")

    def zeros(self, x: np.ndarray) -> None:
        """Notes where `x` is zero. Raises Diverged where a replay has left zero there."""
        if self.is_comparing:
            return
        now = np.asarray(x) == 0
        if np.any(self.held(now) & ~now):
            raise Diverged


def held(value: Any) -> Any:
    """`stop_gradient` of one array."""
    recorder = _recorder.get()
    return value if recorder is None else recorder.held(value)


def jumps_at_zero(x: np.ndarray) -> np.ndarray:
    """`x`, whose sign is to be taken: a jump that differences to both sides don't show at zero."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.zeros(x)
    return x


def took(branch: int) -> int:
    """Notes the branch that a program takes, and returns it."""
    recorder = _recorder.get()
    if recorder is not None and not recorder.is_comparing:
        recorder.branches.add((len(recorder.branches), branch))
    return branch


def regular(x: np.ndarray) -> np.ndarray:
    """`x`, a root. Raises Singular where it is zero or rounding decides it, in a noted run."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.root(np.asarray(x))
    return x
