"""Records a run: the values that gradients don't pass, the roots, and the branches taken.

Central differences see every way in which an argument reaches a result, but JAX's gradient stops at
`stop_gradient`. So a first run records the values there, and the runs at nudged arguments get them
again. A run with noise compares its roots with the recorded ones.
"""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError

# The root of the smallest normal float32. The square of a smaller one, of which the root is taken,
# may be zero.
_LEAST_ROOT = 2.0**-63

_recorder: contextvars.ContextVar["TraceRecorder | None"] = contextvars.ContextVar(
    "recorder", default=None
)


class Diverged(JaxIrSynthError, ArithmeticError):
    """A nudged run took another path through the program than the recorded run."""


class Singular(JaxIrSynthError, ArithmeticError):
    """A function was called where its derivative is infinite, so JAX's gradient is NaN.

    Finite differences may miss this: a value that is multiplied by zero under the root doesn't
    move. Values in float64 may miss it too: the standard deviation of values that are all 1.0 in
    float32 is not exactly zero.
    """


class Trace(NamedTuple):
    """What later runs need of a recorded run: the values for replays, and the roots to compare."""

    values: list[np.ndarray]
    roots: list[np.ndarray]


class TraceRecorder:
    """One run's values, in the order in which the program met them.

    `branches` are the branches that the run took, as pairs of a running number and the branch.
    `fewest_bits` is the least mantissa that any run reduced a float to, None if none did.
    `nearest_jump` is how near a jump the operand of a function with many jumps came, as a fraction
    of the operand; infinite without such a function. Operands that are exactly on a jump don't
    count.
    `taken` are the ids of these branches' functions, `offered` those of all functions that the run
    chose among.
    """

    def __init__(self) -> None:
        self.branches: set[tuple[int, int]] = set()
        self.fewest_bits: int | None = None
        self.nearest_jump = np.inf
        self.offered: set[int] = set()
        self.taken: set[int] = set()
        self._values: list[np.ndarray] = []
        self._roots: list[np.ndarray] = []
        self._next: int | None = None
        self._next_root: int | None = None
        self._steady = 0.0

    @contextlib.contextmanager
    def record(self) -> Iterator[Any]:
        """Record the program that runs inside."""
        self.branches, self._values, self._roots, self._next = set(), [], [], None
        self.offered, self.taken, self.nearest_jump = set(), set(), np.inf
        with self._activate():
            yield

    @property
    def trace(self) -> Trace:
        """The recorded run, to be given to `resume` later."""
        return Trace(self._values, self._roots)

    def resume(self, trace: Trace) -> None:
        """Replay, and compare with, an earlier run from now on; the attributes stay as they are."""
        self._values, self._roots, self._next = trace.values, trace.roots, None

    @contextlib.contextmanager
    def replay(self) -> Iterator[Any]:
        """Give the program that runs inside the recorded values.

        Raises Diverged if it takes another path.
        """
        self._next = 0
        with self._activate():
            yield
        if self._next != len(self._values):
            raise Diverged

    @contextlib.contextmanager
    def compare_roots(self, steady: float) -> Iterator[Any]:
        """Compare the roots of the program that runs inside, with noise, with the recorded ones.

        If the run takes another path through the program, later roots are not compared, since its
        outputs show the difference.

        Args:
          steady: how much noise may change a root, as a fraction of it.

        Raises:
          Singular: noise changes a root by more.
        """
        self._next_root, self._steady = 0, steady
        try:
            with self._activate():
                yield
        finally:
            self._next_root = None

    @contextlib.contextmanager
    def _activate(self) -> Iterator[Any]:
        token = _recorder.set(self)
        try:
            yield
        finally:
            _recorder.reset(token)

    @property
    def is_comparing(self) -> bool:
        """Whether a run with noise is in progress, of which only the roots matter."""
        return self._next_root is not None

    def hold(self, value: np.ndarray) -> np.ndarray:
        """Record and return the value; in a replay, return the recorded one."""
        if self.is_comparing:
            return value
        if self._next is None:
            self._values.append(np.array(value))
            return value
        if self._next == len(self._values) or self._values[self._next].shape != np.shape(value):
            raise Diverged
        self._next += 1
        return self._values[self._next - 1]

    def record_root(self, x: np.ndarray) -> None:
        """Record a root.

        Raises Singular if it is zero (as float32 has its square), or if noise has changed it too
        much.
        """
        if self._next_root is None:
            if np.any(x < _LEAST_ROOT):
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

    def record_jumps(self, x: np.ndarray) -> None:
        """Record how near its operand `x` is to a jump of a function; see `record_jumps` below."""
        if self.is_comparing or self._next is not None:
            return
        doubled = 2.0 * np.abs(x)
        distance = np.abs(doubled - np.rint(doubled))
        counts = (distance > 0) & np.isfinite(doubled)
        nearest = np.divide(distance, doubled, where=counts, out=np.full(np.shape(x), np.inf))
        self.nearest_jump = min(self.nearest_jump, float(nearest.min(initial=np.inf)))

    def record_signs_of_zero(self, decide: np.ndarray) -> None:
        """Record where the sign of a zero decides; see `record_signs_of_zero` below."""
        if not self.is_comparing and self._next is None and np.any(decide):
            self.nearest_jump = 0.0

    def record_zeros(self, x: np.ndarray) -> None:
        """Record where `x` is zero. Raises Diverged if it is no longer zero there in a replay."""
        if self.is_comparing:
            return
        now = np.asarray(x) == 0
        if np.any(self.hold(now) & ~now):
            raise Diverged


def hold(value: Any) -> Any:
    """Apply `stop_gradient` to one array."""
    recorder = _recorder.get()
    return value if recorder is None else recorder.hold(value)


def record_precision(mantissa_bits: int) -> None:
    """Record that a program reduces the precision of a float to these bits."""
    recorder = _recorder.get()
    if recorder is not None:
        bits = recorder.fewest_bits
        recorder.fewest_bits = mantissa_bits if bits is None else min(bits, mantissa_bits)


def record_jumps(x: np.ndarray) -> np.ndarray:
    """Record the operand of a function such as `floor`, and return it.

    Args:
      x: the operand, in units in which the jumps are at the integers or midway between them.
    """
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record_jumps(x)
    return x


def record_signs_of_zero(decide: np.ndarray) -> None:
    """Record where the sign of a zero decides about a result, as a jump that the operand is at."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record_signs_of_zero(decide)


def record_zeros(x: np.ndarray) -> np.ndarray:
    """Record the zeros of `x`, and return it.

    Its sign is taken next. At zero the sign jumps, and central differences don't show that.
    """
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record_zeros(x)
    return x


def record_branch(branch: int, functions: Sequence[Any] = ()) -> int:
    """Record the branch that a program takes, and return it.

    Args:
      branch: its number.
      functions: the functions of all branches, if branches are functions here.
    """
    recorder = _recorder.get()
    if recorder is not None and not recorder.is_comparing:
        recorder.branches.add((len(recorder.branches), branch))
        # Each run defines its functions anew, but not their code.
        keys = [id(getattr(function, "__code__", function)) for function in functions]
        recorder.offered.update(keys)
        recorder.taken.update(keys[branch : branch + 1])
    return branch


def record_root(x: np.ndarray) -> np.ndarray:
    """Record the root `x`, and return it.

    Raises Singular if `x` is zero or rounding decides it, in a run that a recorder watches.
    """
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record_root(np.asarray(x))
    return x
