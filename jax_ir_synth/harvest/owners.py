"""Guesses what a function is called on: an instance of its class, or what makes an inner function.

A class is instantiated, and a function that makes others is called, with guessed arguments. The
result is written like any argument, so that a row can be made of it in another process.
"""

import functools
import inspect
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jax_ir_synth.harvest.arguments import Json, NotWritable, read_call, write_value
from jax_ir_synth.harvest.finding import Found
from jax_ir_synth.harvest.guessing import guess_calls
from jax_ir_synth.harvest.tracing import take_arrays
from jax_ir_synth.harvest.unwrapping import find_member

# How many guesses are tried, and how many that succeed are used.
_MOST_GUESSES, _MOST_MADE = 40, 2
_MAX_PARTS = 40
# Numbers that most functions are defined for.
_RANGE = (0.25, 0.75)


@functools.cache
def guess_instances(kind: type) -> tuple[Json, ...]:
    """Guess instances of a class, each as a written value."""
    made = []
    for call in itertools.islice(guess_calls(kind), _MOST_GUESSES):
        instance = _call_abstractly(kind, call)
        if type(instance) is not kind:
            continue
        try:
            written = _fill_ranges(write_value(instance))
        except NotWritable:
            continue
        if written not in made:
            made.append(written)
        if len(made) == _MOST_MADE:
            break
    return tuple(made)


def _fill_ranges(written: Json) -> Json:
    """Give each array in a written value a range.

    An object that is no pytree keeps its arrays, so that these need values.
    """
    if isinstance(written, list):
        return [_fill_ranges(item) for item in written]
    if not isinstance(written, dict):
        return written
    if "array" in written:
        low, high = _RANGE
        return {"low": low, "high": high, **written}
    return {key: _fill_ranges(item) for key, item in written.items()}


def find_class(found: Found) -> type | None:
    """Find the class of a method that takes an instance first; None for any other function."""
    owner, _, name = found.qualname.rpartition(".")
    module = inspect.getmodule(found.function)
    kind = find_member(module, owner) if owner and not found.is_inner else None
    if not isinstance(kind, type) or isinstance(vars(kind).get(name), staticmethod | classmethod):
        return None
    return kind


def guess_inner(found: Found) -> Iterator[Json]:
    """Guess calls of an inner function: written ones, with the function itself in each."""
    if "." in found.qualname.partition(".<locals>")[0]:
        return
    number = 0
    for call in itertools.islice(guess_calls(found.function), _MOST_GUESSES):
        made = _call_abstractly(found.value if callable(found.value) else found.function, call)
        for holder, inner in _list_functions(made):
            if inner.__code__ is not found.code:
                continue
            try:
                function = write_value(inner)
            except NotWritable:
                continue
            for args in _guess_arguments(holder, inner):
                yield {**args, "function": function}
            number += 1
        if number == _MOST_MADE:
            return


def _guess_arguments(holder: Any, inner: types.FunctionType) -> Iterator[Json]:
    """Guess the arguments of an inner function that was returned, alone or in a tuple."""
    init = getattr(holder, "init", None)
    # The two functions of an optimizer: the state is what the other one returns.
    if callable(init) and inner is getattr(holder, "update", None):
        for call in itertools.islice(guess_calls(init), 3):
            state = _call_abstractly(init, call)
            try:
                yield {"args": [call["args"][0], write_value(state), call["args"][0]]}
            except (NotWritable, IndexError):
                continue
    yield from itertools.islice(guess_calls(inner), _MOST_GUESSES)


def _list_functions(made: Any) -> Iterator[tuple[Any, types.FunctionType]]:
    """List the functions that a result is or holds, each with what holds it."""
    if isinstance(made, types.FunctionType):
        yield made, made
    elif isinstance(made, tuple | list) and len(made) <= _MAX_PARTS:
        yield from ((made, part) for part in made if isinstance(part, types.FunctionType))


def _call_abstractly(function: Callable[..., Any], call: Json) -> Any:
    """Call a function while jax traces, so that nothing is computed; None if it raises."""
    results: list[Any] = []
    try:
        run, arrays = take_arrays(function, read_call(call))
        # Its result needn't be of arrays.
        jax.eval_shape(lambda *given: results.append(run(*given)), *arrays)
    # Whatever the function of somebody else raises.
    except Exception:
        return None
    return results[0] if results else None
