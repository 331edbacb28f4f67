"""Bounds what a program's Python may use: steps of loops and calls, lengths, bits, elements.

A row may come from a stranger, and it runs in the process of whoever proves it. So a program that
would never end, or would fill the memory, is refused. Programs of this project stay far below each
bound.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError

# Turns of loops plus calls of functions, in one run.
MAX_STEPS = 100_000
# The length of a list, tuple or range; the bits of an integer; the elements of an array.
MAX_LENGTH, MAX_BITS, MAX_ELEMENTS = 100_000, 1024, 10_000_000


class BoundExceeded(JaxIrSynthError, ValueError):
    """A program exceeds a bound; the message says which."""


_steps: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("steps", default=None)


@contextlib.contextmanager
def count_steps() -> Iterator[Any]:
    """Count steps from zero inside the `with` block."""
    token = _steps.set([0])
    try:
        yield
    finally:
        _steps.reset(token)


def step() -> bool:
    """Count one step. Returns True, to be used as a condition. Raises BoundExceeded."""
    count = _steps.get()
    if count is not None:
        count[0] += 1
        if count[0] > MAX_STEPS:
            raise BoundExceeded(
                f"its python takes more than {MAX_STEPS:,} turns of loops and calls"
            )
    return True


def bounded_range(*arguments: int) -> range:
    """`range`, with a bounded length."""
    numbers = range(*arguments)
    # `len` fails on very long ranges.
    if abs(numbers.stop - numbers.start) // abs(numbers.step) > MAX_LENGTH:
        raise BoundExceeded(f"its python has a {numbers}, longer than {MAX_LENGTH:,}")
    return numbers


def bounded_round(number: Any, *digits: Any, **named: Any) -> Any:
    """`round`; to a power of ten, of bounded bits."""
    for count in (*digits, *named.values()):
        if type(count) is int and count < 0:
            _check_bits(-4 * count)
    return round(number, *digits, **named)


def add(x: Any, y: Any) -> Any:
    """`x + y`."""
    if type(x) in _SEQUENCES and type(x) is type(y):
        check_length(len(x) + len(y))
    return x + y


def multiply(x: Any, y: Any) -> Any:
    """`x * y`."""
    if type(x) is int:
        if type(y) is int:
            _check_bits(x.bit_length() + y.bit_length())
        elif type(y) in _SEQUENCES:
            check_length(x * len(y))
    elif type(y) is int and type(x) in _SEQUENCES:
        check_length(len(x) * y)
    return x * y


def power(x: Any, y: Any) -> Any:
    """`x ** y`."""
    if type(x) is int and type(y) is int and y > 0:
        _check_bits(x.bit_length() * y)
    return x**y


def modulo(x: Any, y: Any) -> Any:
    """`x % y`, of numbers. Texts have widths in their formats."""
    if type(x) in (str, bytes):
        raise BoundExceeded("its python makes a text by %")
    return x % y


def shift(x: Any, y: Any) -> Any:
    """`x << y`."""
    if type(x) is int and type(y) is int and y > 0:
        _check_bits(x.bit_length() + y)
    return x << y


def bound_sizes(
    function: Callable[..., Any], last: int | None = None, dimensions: int = 1
) -> Callable[..., Any]:
    """Wrap a function that takes sizes or shapes, to bound the number of elements they ask for.

    Args:
      function: a function of `jax.numpy`.
      last: how many of the first arguments are sizes or shapes; by default all.
      dimensions: the number of dimensions of the array for which a single number is the size.
    """

    def call(*arguments: Any, **named: Any) -> Any:
        for argument in [*arguments, *named.values()][:last]:
            if type(argument) is int:
                check_elements(abs(argument) ** dimensions)
            elif type(argument) in (list, tuple):
                if all(type(n) is int for n in argument):
                    check_elements(math.prod(map(abs, argument)))
                elif all(map(_is_integer, argument)):
                    check_elements(math.prod(abs(int(n)) for n in argument))
            elif _is_integer(argument):
                check_elements(abs(int(argument)) ** dimensions)
        return function(*arguments, **named)

    return call


def _is_integer(value: Any) -> bool:
    """Whether a value is an integer, as an array may be, too."""
    return isinstance(value, int | np.integer) or (
        isinstance(value, np.ndarray) and not value.ndim and value.dtype.kind in "iu"
    )


_SEQUENCES = (list, tuple, str, bytes)


def check_elements(number: int) -> None:
    """Raise BoundExceeded for more elements than an array may have."""
    if number > MAX_ELEMENTS:
        raise BoundExceeded(f"its python asks for {number:.3g} elements, above {MAX_ELEMENTS:,}")


def check_length(number: int) -> None:
    """Raise BoundExceeded for more items than a list may have."""
    if number > MAX_LENGTH:
        raise BoundExceeded(f"its python makes a list longer than {MAX_LENGTH:,}")


def _check_bits(number: int) -> None:
    if number > MAX_BITS:
        raise BoundExceeded(f"its python makes an integer of more than {MAX_BITS:,} bits")
