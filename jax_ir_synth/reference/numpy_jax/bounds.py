"""How much a program's Python may take: steps of loops and calls, lengths, digits, elements.

A row may be a stranger's, and is run in the process of whoever proves it: what would not end, or
fill the memory, is refused. Programs of this project stay far below each bound.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError

# Turns of loops and calls of functions, in one run.
MAX_STEPS = 100_000
# Of a list, a tuple or a range; bits of an integer; elements of an array.
MAX_LENGTH, MAX_BITS, MAX_ELEMENTS = 100_000, 1024, 10_000_000


class TooMuch(JaxIrSynthError, ValueError):
    """A program goes beyond a bound; the message says which."""


_steps: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("steps", default=None)


@contextlib.contextmanager
def counted() -> Iterator[Any]:
    """Inside, steps are counted from zero."""
    token = _steps.set([0])
    try:
        yield
    finally:
        _steps.reset(token)


def step() -> bool:
    """Counts one step. Raises TooMuch; returns True, so that it may stand as a condition."""
    count = _steps.get()
    if count is not None:
        count[0] += 1
        if count[0] > MAX_STEPS:
            raise TooMuch(f"its python takes more than {MAX_STEPS:,} turns of loops and calls")
    return True


def bounded_range(*arguments: int) -> range:
    """`range`, of a bounded length."""
    made = range(*arguments)
    # Its length may be beyond what `len` can say.
    if abs(made.stop - made.start) // abs(made.step) > MAX_LENGTH:
        raise TooMuch(f"its python has a {made}, longer than {MAX_LENGTH:,}")
    return made


def add(x: Any, y: Any) -> Any:
    """`x + y`."""
    if type(x) in _SEQUENCES and type(x) is type(y):
        _check_length(len(x) + len(y))
    return x + y


def multiply(x: Any, y: Any) -> Any:
    """`x * y`."""
    if type(x) is int:
        if type(y) is int:
            _check_bits(x.bit_length() + y.bit_length())
        elif type(y) in _SEQUENCES:
            _check_length(x * len(y))
    elif type(y) is int and type(x) in _SEQUENCES:
        _check_length(len(x) * y)
    return x * y


def power(x: Any, y: Any) -> Any:
    """`x ** y`."""
    if type(x) is int and type(y) is int and y > 0:
        _check_bits(x.bit_length() * y)
    return x**y


def shift(x: Any, y: Any) -> Any:
    """`x << y`."""
    if type(x) is int and type(y) is int and y > 0:
        _check_bits(x.bit_length() + y)
    return x << y


def sized(
    function: Callable[..., Any], last: int | None = None, dimensions: int = 1
) -> Callable[..., Any]:
    """A function whose arguments are sizes, or shapes, with the elements that they ask for bounded.

    Args:
      function: of `jax.numpy`.
      last: only so many of the arguments are; by default all.
      dimensions: of an array that a single number is the size of.
    """

    def call(*arguments: Any, **named: Any) -> Any:
        for argument in [*arguments, *named.values()][:last]:
            if type(argument) is int:
                check_elements(abs(argument) ** dimensions)
            elif type(argument) in (list, tuple) and all(type(n) is int for n in argument):
                check_elements(math.prod(map(abs, argument)))
        return function(*arguments, **named)

    return call


_SEQUENCES = (list, tuple, str)


def check_elements(number: int) -> None:
    """Raises TooMuch for more elements than an array may have."""
    if number > MAX_ELEMENTS:
        raise TooMuch(f"its python asks for {number:.3g} elements, above {MAX_ELEMENTS:,}")


def _check_length(number: int) -> None:
    if number > MAX_LENGTH:
        raise TooMuch(f"its python makes a list longer than {MAX_LENGTH:,}")


def _check_bits(number: int) -> None:
    if number > MAX_BITS:
        raise TooMuch(f"its python makes an integer of more than {MAX_BITS:,} bits")
