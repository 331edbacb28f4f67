"""Writes a row as a prompt: chat messages, or the plain text that a base model continues.

All prompts come from here, so that results can be compared; report `FORMAT` with them. In both
forms, an answer is a fenced block of MLIR.
"""

import bisect
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.tasks import (
    BACKWARD,
    FORWARD,
    TASKS,
    Reference,
    Task,
    describe_no_question,
    reference,
)
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.terminal.markdown import fenced

# Must change with any byte of the prompts.
FORMAT = "jax_ir_synth prompts 1"
# Ends a base model's answer, since it would write another question next.
STOP = "\n### Question"
_TRAIN = SPLITS[0]

_COMMON = (
    "You write StableHLO, the IR that JAX lowers its programs to. Answer with one fenced block "
    "(```mlir) and nothing else. The public function of a module is @main; it takes the "
    "arguments in their order and returns the results in their order."
)
_GRADIENT = (
    "jax.grad of the sum over all elements of all its floating-point results, by the arguments "
    "named. @main takes all of the function's arguments, and returns a gradient for each of those "
    "named, in their order."
)
_INSTRUCTIONS = {
    "forward": "Given is a Python function. Write the module that JAX lowers it to.",
    "backward": "Given is a Python function. Write the module that JAX lowers its gradient to: "
    f"{_GRADIENT}",
    "gradient": "Given is the module that JAX lowers a function to. Write the module that it "
    f"lowers the function's gradient to: {_GRADIENT}",
    "cuda": "Given are two modules that JAX lowers for the CPU, of a function and of its gradient. "
    "Write both as JAX lowers them for CUDA: first the function's, then the gradient's.",
}
_SECTIONS = {FORWARD: "The function's module", BACKWARD: "The gradient's module"}


# Rows, or the rows of several splits by name, as in a DatasetDict.
Rows = Iterable[Mapping[str, Any]] | Mapping[str, Iterable[Mapping[str, Any]]]


class Shots(NamedTuple):
    """Examples, all from the train split; see `draw_shots`.

    Attributes:
      rows: the examples, one more than are shown.
      number: how many are shown.
    """

    rows: tuple[Mapping[str, Any], ...]
    number: int

    def but(self, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        """Return the examples to show with a row: the first ones, without the row itself."""
        others = (shot for shot in self.rows if shot["program_hash"] != row["program_hash"])
        return tuple(others)[: self.number]


NO_SHOTS = Shots((), 0)


def draw_shots(
    rows: Rows, task: str, number: int, seed: int = 0, longest: int | None = None
) -> Shots:
    """Draw the examples for all prompts of a dataset, from train only, with categories in turn.

    Equal rows give equal examples, whatever the rows' order. All prompts share the examples.

    Args:
      rows: the dataset's rows, or its splits. Rows outside train, by their `skeleton_hash`, are
        skipped.
      task: one of `evaluate.tasks.TASKS`.
      number: how many examples each prompt shows.
      seed: the seed of the drawing.
      longest: the length of an answer in characters up to which a row is used; None for any.

    Raises ValueError if train hasn't enough rows for the task.
    """
    asked = _find_task(task)
    if type(number) is not int or number < 0:
        raise UsageError(f"`number` (={number!r}) must be a whole number, 0 or more")
    if number == 0:
        return NO_SHOTS
    if isinstance(rows, Mapping):
        rows = itertools.chain.from_iterable(rows.values())
    # For each category, the first rows in shuffled order, no more than could be shown.
    first: dict[str, list[tuple[str, int, Mapping[str, Any]]]] = {}
    for row in rows:
        if split_of(row["skeleton_hash"]) != _TRAIN or reference(row, asked) is None:
            continue
        if longest is not None and len(completion_target(row, task)) > longest:
            continue
        best = first.setdefault(row["type"], [])
        bisect.insort(best, (_shuffle_key(seed, row["program_hash"]), row["id"], row), key=_order)
        del best[number + 1 :]
    categories = sorted(first, key=lambda name: _shuffle_key(seed, name))
    drawn = [
        first[category][turn][2]
        for turn in range(number + 1)
        for category in categories
        if turn < len(first[category])
    ][: number + 1]
    if len(drawn) <= number:
        short = "" if longest is None else f" with answers of {longest:,} characters at most"
        raise UsageError(
            f"`number` (={number}) must be less than the rows of train to draw from for "
            f"{asked.title}{short}: {len(drawn)}"
        )
    return Shots(tuple(drawn), number)


def messages(
    row: Mapping[str, Any], task: str, shots: Shots | Sequence[Mapping[str, Any]] = NO_SHOTS
) -> list[dict[str, str]]:
    """Write the chat that asks for a row's answer: `role` (system, user, assistant) and `content`.

    Args:
      row: a row of the dataset.
      task: one of `evaluate.tasks.TASKS`.
      shots: the result of `draw_shots`, or rows of train; the row itself isn't shown.

    Raises ValueError if the task asks nothing of the row, or if a shot is of another split.
    """
    asked = _find_task(task)
    chat = [("system", instruction(task))]
    for shot in _check_shots(shots).but(row):
        chat += [
            ("user", _format_question(shot, asked)),
            ("assistant", completion_target(shot, task)),
        ]
    chat.append(("user", _format_question(row, asked)))
    return [{"role": role, "content": content} for role, content in chat]


def completion_prompt(
    row: Mapping[str, Any], task: str, shots: Shots | Sequence[Mapping[str, Any]] = NO_SHOTS
) -> str:
    """Write the text that a base model continues with `completion_target`, and then with `STOP`.

    Takes the same arguments as `messages`, and raises the same errors.
    """
    asked = _find_task(task)
    parts = [instruction(task)]
    for shot in _check_shots(shots).but(row):
        parts.append(_format_plain(shot, asked) + completion_target(shot, task).rstrip("\n"))
    parts.append(_format_plain(row, asked))
    return "\n\n".join(parts)


def completion_target(row: Mapping[str, Any], task: str) -> str:
    """Write the right answer in the form that a model should use, with a final newline.

    Raises ValueError if the task asks nothing of the row.
    """
    return (
        fenced("mlir", "\n\n".join(_find_reference(row, _find_task(task)).modules.values())) + "\n"
    )


def given(row: Mapping[str, Any], task: str) -> str:
    """Return the part of a row that a model sees, with no text around: its Python, or its modules.

    Raises ValueError if the task asks nothing of the row.
    """
    asked = _find_task(task)
    shown = _find_reference(row, asked).shown
    return "\n\n".join(shown[section] for section in asked.shown) or row["python"]


def instruction(task: str) -> str:
    """Return the instruction before any row: the chat's system message, the plain text's start."""
    return f"{_COMMON}\n\n{_INSTRUCTIONS[_find_task(task).name]}"


def _check_shots(given: Shots | Sequence[Mapping[str, Any]]) -> Shots:
    if isinstance(given, Shots):
        return given
    for row in given:
        if (split := split_of(row["skeleton_hash"])) != _TRAIN:
            raise UsageError(f"row {row['id']} is of {split}: only rows of {_TRAIN} are examples")
    return Shots(tuple(given), len(given))


def _format_plain(row: Mapping[str, Any], task: Task) -> str:
    return f"### Question\n\n{_format_question(row, task)}\n\n### Answer\n\n"


def _format_question(row: Mapping[str, Any], task: Task) -> str:
    return "\n\n".join(_list_question_parts(row, task))


def _list_question_parts(row: Mapping[str, Any], task: Task) -> Iterator[str]:
    shown = _find_reference(row, task).shown
    if not task.shown:
        yield fenced("python", row["python"])
        if not row["python"].startswith("def "):
            # A module has other functions, too.
            yield f"The function: {row['kernel_name']}"
        avals = (
            f"{aval['name']}: {aval['dtype']}[{','.join(map(str, aval['shape']))}]"
            for aval in row["in_avals"]
        )
        yield f"Arguments: {', '.join(avals)}"
    for section in task.shown:
        yield f"{_SECTIONS[section]}:"
        yield fenced("mlir", shown[section])
    if BACKWARD in task.wanted:
        names = (f"{number} ({row['in_avals'][number]['name']})" for number in row["argnums"])
        yield f"Gradient by the arguments, counted from 0: {', '.join(names)}"


def _find_reference(row: Mapping[str, Any], task: Task) -> Reference:
    right = reference(row, task)
    if right is None:
        raise UsageError(describe_no_question(row, task))
    return right


def _find_task(name: str) -> Task:
    if name not in TASKS:
        raise UsageError(f"`task` (={name!r}) must be one of: {', '.join(TASKS)}")
    return TASKS[name]


def _shuffle_key(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


def _order(entry: tuple[str, int, Mapping[str, Any]]) -> tuple[str, int]:
    return entry[:2]
