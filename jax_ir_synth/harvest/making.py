"""Makes a row of a function, by the calls that are known or else by guessed ones."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.functions.cutting import NotSelfContained
from jax_ir_synth.functions.row import make_row
from jax_ir_synth.harvest.arguments import Call, Json, NotWritable, read_call
from jax_ir_synth.harvest.finding import Found
from jax_ir_synth.harvest.guessing import guess_calls
from jax_ir_synth.harvest.owners import find_class, guess_inner, guess_instances
from jax_ir_synth.harvest.stages import CALLED, CUT, FOUND, LOWERED, PROVEN
from jax_ir_synth.harvest.tracing import NotTraced, check_traces
from jax_ir_synth.schema.origin import Origin
from jax_ir_synth.schema.verification import UNPROVEN, UNVERIFIED

# The CPU time after which no further arguments are guessed.
_SECONDS_OF_GUESSING = 1.0
_MOST_GUESSES = 80
_MAX_REASON = 200
# The most bytes of a row's text and IR. A few functions have 29 million, which no model reads.
_MAX_BYTES = 2**20

# The column `type` of harvested rows.
REAL = "real"
RECORDED, GUESSED = "recorded", "guessed"


class Made(NamedTuple):
    """How far a function came, see `stages`.

    Attributes:
      stage: the last stage that it has reached.
      reason: one line, why it went no further; empty for a proven row.
      how: how its call was found: recorded or guessed; empty without a call.
      call: the written call; None without one.
      row: the row; None unless it was lowered.
      seconds: the CPU time.
    """

    stage: str
    reason: str
    how: str = ""
    call: Json = None
    row: dict[str, Any] | None = None
    seconds: float = 0.0


def make(found: Found, calls: Sequence[Json], guess: bool, origin: Origin, **options: Any) -> Made:
    """Make a row of a function by the first call that gives a proven one, or else the best.

    Args:
      found: the function.
      calls: known calls, as `write_call` writes them.
      guess: whether calls are guessed if the known ones give no row.
      origin: where the function is from, for the row's columns.
      **options: further arguments of `make_row`.
    """
    started = time.process_time()
    best = Made(FOUND, "no call is known, and none could be guessed")
    for how, call in _calls(found, calls, guess):
        if how == GUESSED and best.row is not None:
            break
        made = _make(found, how, call, {**options, "origin": origin, "type": REAL})
        if best.call is None or _ORDER.index(made.stage) > _ORDER.index(best.stage):
            best = made
        if best.stage == PROVEN or (best.row is not None and not options.get("prove", True)):
            break
    return best._replace(seconds=time.process_time() - started)


_ORDER = (FOUND, CALLED, CUT, LOWERED, PROVEN)


def callable_of(found: Found, call: Call) -> Callable[..., Any]:
    """Return what is called: with its decorators, but a method without its class's binding."""
    if call.function is not None:
        inner: Callable[..., Any] = call.function
        return inner
    if "." in found.qualname or not callable(found.value):
        return found.function
    value: Callable[..., Any] = found.value
    return value


def _calls(found: Found, known: Sequence[Json], guess: bool) -> Iterator[tuple[str, Json]]:
    yield from ((RECORDED, call) for call in known)
    if not guess:
        return
    started = time.process_time()
    for number, call in enumerate(_guess(found)):
        if number == _MOST_GUESSES or time.process_time() - started > _SECONDS_OF_GUESSING:
            return
        try:
            read = read_call(call)
            check_traces(callable_of(found, read), read)
        except (NotTraced, NotWritable):
            continue
        yield GUESSED, call
        # Other shapes would fail for the same reason.
        return


def _guess(found: Found) -> Iterator[Json]:
    if found.is_inner:
        yield from guess_inner(found)
    elif (kind := find_class(found)) is not None:
        calls = list(itertools.islice(guess_calls(found.function, bound=1), _MOST_GUESSES))
        for instance in guess_instances(kind) if calls else ():
            yield from ({**call, "args": [instance, *call["args"]]} for call in calls)
    else:
        yield from guess_calls(found.function)


def _make(found: Found, how: str, call: Json, options: Mapping[str, Any]) -> Made:
    """Make a row by one call."""
    try:
        read = read_call(call)
    # An object's class may refuse.
    except Exception as error:
        return Made(FOUND, f"its arguments can't be made again: {_line(error)}", how, call)
    function = callable_of(found, read)
    try:
        row = make_row(function, *read.args, kwargs=read.kwargs, max_bytes=_MAX_BYTES, **options)
    except NotSelfContained as error:
        return Made(CALLED, one_line(str(error)), how, call)
    # Whatever the function of somebody else raises.
    except Exception as error:
        try:
            check_traces(function, read)
        except NotTraced as refused:
            return Made(FOUND, f"it can't be traced: {one_line(str(refused))}", how, call)
        return Made(CUT, _line(error), how, call)
    status = row["verified"]
    if status.startswith(UNPROVEN):
        return Made(LOWERED, one_line(status.removeprefix(UNPROVEN)), how, call, row)
    return Made(LOWERED if status == UNVERIFIED else PROVEN, "", how, call, row)


def _line(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def one_line(text: str) -> str:
    """Make a text one short line."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_REASON else line[: _MAX_REASON - 1] + "…"
