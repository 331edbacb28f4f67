"""Reads how a function is called: with keyword arguments, and with static ones."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering.arguments import read_integers
from jax_ir_synth.request.describing import describe


@jax.tree_util.register_static
class _Static:
    """A static argument: a pytree without leaves, so that the other arguments keep their places.

    It equals itself alone, so its value needs no hash.
    """

    def __init__(self, value: Any):
        self.value = value


class Call(NamedTuple):
    """A function of positional arguments alone, and those.

    Attributes:
      fn: the function; the keyword arguments come last, in the order of their names, as jax
        flattens them.
      args: pytrees; a static argument has no leaves.
      positional: how many of them aren't keyword arguments. Only they are differentiated.
    """

    fn: Callable[..., Any]
    args: list[Any]
    positional: int


def read_call(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    static_argnums: int | Sequence[int] | None,
    static_argnames: str | Iterable[str] | None,
) -> Call:
    """Turn keyword arguments into positional ones, and mark the static arguments.

    As for `jax.jit`, a static argument that is given by its number may be passed by its name, and
    the other way round. UsageError if there is no such argument.
    """
    kwargs = _check_kwargs(kwargs)
    if not kwargs and static_argnums is None and static_argnames is None:
        return Call(fn, list(args), len(args))
    names = sorted(kwargs)
    parameters = _list_parameters(fn)
    static = _find_static(parameters, len(args), kwargs, static_argnums, static_argnames)
    given = [*enumerate(args), *((name, kwargs[name]) for name in names)]
    marked = [_Static(value) if key in static else value for key, value in given]

    def call(*values: Any) -> Any:
        plain = [value.value if isinstance(value, _Static) else value for value in values]
        return fn(*plain[: len(args)], **dict(zip(names, plain[len(args) :], strict=True)))

    return Call(call, marked, len(args))


def find_positions(
    fn: Callable[..., Any],
    count: int,
    kwargs: Mapping[str, Any] | None,
    names: str | Iterable[str] | None,
) -> set[int]:
    """Find the places of named arguments in `Call.args`; UsageError if there is no such argument.

    Args:
      fn: the function, as it was given to `read_call`.
      count: how many arguments were given by position.
      kwargs: the keyword arguments.
      names: the names to find.
    """
    chosen = _read_names("donate_argnames", names)
    if not chosen:
        return set()
    given = [*_list_parameters(fn)[:count], *sorted(kwargs or ())]
    if not all(name in given for name in chosen):
        raise UsageError(
            f"`donate_argnames` ({describe(names)}) must hold only names of arguments: "
            f"{', '.join(given)}"
        )
    # Arguments beyond the parameters, of `*args`, have no name.
    places = {name: place for place, name in enumerate(given[: len(given) - len(kwargs or ())])}
    places |= {name: count + place for place, name in enumerate(sorted(kwargs or ()))}
    return {places[name] for name in chosen}


def _check_kwargs(kwargs: Any) -> dict[str, Any]:
    if kwargs is None:
        return {}
    if not isinstance(kwargs, Mapping) or not all(isinstance(name, str) for name in kwargs):
        raise UsageError(f"`kwargs` ({describe(kwargs)}) must be a dict of keyword arguments")
    return dict(kwargs)


def _list_parameters(fn: Callable[..., Any]) -> list[str]:
    """List the names of the parameters that can be given by position; none if they aren't known."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in kinds]


def _find_static(
    parameters: list[str],
    count: int,
    kwargs: Collection[str],
    static_argnums: int | Sequence[int] | None,
    static_argnames: str | Iterable[str] | None,
) -> set[int | str]:
    """Find the positions and the names of the static arguments that are given."""
    numbers = () if static_argnums is None else read_integers(static_argnums)
    known = max(count, len(parameters))
    if numbers is None or not all(-known <= number < known for number in numbers):
        raise UsageError(
            f"`static_argnums` ({describe(static_argnums)}) must hold positions below {known}"
        )
    names = _read_names("static_argnames", static_argnames)
    allowed = {*kwargs, *parameters}
    if not all(name in allowed for name in names):
        raise UsageError(
            f"`static_argnames` ({describe(names)}) must hold only names of arguments: "
            f"{', '.join(sorted(allowed))}"
        )
    # Those below 0 count from the end of the parameters, as in jax.
    positions = {number + known if number < 0 else number for number in numbers}
    positions |= {parameters.index(name) for name in names if name in parameters}
    by_name = {parameters[position] for position in positions if position < len(parameters)}
    return {position for position in positions if position < count} | {
        name for name in {*names, *by_name} if name in kwargs
    }


def _read_names(argument: str, given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else () if given is None else given
    if not isinstance(names, Iterable):
        raise UsageError(f"`{argument}` ({describe(given)}) must be a name or several")
    return tuple(names)
