"""A row as a prompt: chat messages, and the plain text that a base model continues.

The one place that says how a model is asked, so that results can be compared: name `FORMAT` beside
them. An answer is a fenced block of MLIR, in both forms.
"""

import bisect
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.tasks import BACKWARD, FORWARD, TASKS, Reference, Task, reference
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.terminal.markdown import fenced

# Changes with any byte of what follows.
FORMAT = "jax_ir_synth prompts 1"
# Ends a base model's answer: what it writes next is another question.
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


# Of rows, or of several splits' rows by name, as a DatasetDict has them.
Rows = Iterable[Mapping[str, Any]] | Mapping[str, Iterable[Mapping[str, Any]]]


class Shots(NamedTuple):
    """Examples, all of them rows of train; see `draw_shots`.

    Attributes:
      rows: one more than are shown.
      number: how many are shown.
    """

    rows: tuple[Mapping[str, Any], ...]
    number: int

    def but(self, row: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        """Those to show with a row: the first ones, the row itself left out."""
        others = (shot for shot in self.rows if shot["program_hash"] != row["program_hash"])
        return tuple(others)[: self.number]


NO_SHOTS = Shots((), 0)


def draw_shots(
    rows: Rows, task: str, number: int, seed: int = 0, longest: int | None = None
) -> Shots:
    """Examples for all prompts of a dataset: the categories in turn, from train alone.

    Equal for equal rows, in whatever order they come, and for each row to be asked.

    Args:
      rows: of the dataset, or its splits; those that aren't of train, by their `skeleton_hash`, are
        passed by.
      task: one of `evaluate.tasks.TASKS`.
      number: how many are to be shown with each row.
      seed: of the drawing.
      longest: characters of an answer; rows with a longer one are passed by. None: any.

    Raises ValueError if train hasn't enough rows that the task asks for.
    """
    asked = _task(task)
    if type(number) is not int or number < 0:
        raise UsageError(f"`number` (={number!r}) must be a whole number, 0 or more")
    if number == 0:
        return NO_SHOTS
    if isinstance(rows, Mapping):
        rows = itertools.chain.from_iterable(rows.values())
    # Of each category, those that a shuffling puts first: no more than could be shown.
    first: dict[str, list[tuple[str, int, Mapping[str, Any]]]] = {}
    for row in rows:
        if split_of(row["skeleton_hash"]) != _TRAIN or reference(row, asked) is None:
            continue
        if longest is not None and len(completion_target(row, task)) > longest:
            continue
        best = first.setdefault(row["type"], [])
        bisect.insort(best, (_shuffled(seed, row["program_hash"]), row["id"], row), key=_place)
        del best[number + 1 :]
    categories = sorted(first, key=lambda name: _shuffled(seed, name))
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
    """The chat that asks for a row's answer: `role` (system, user, assistant) and `content`.

    Args:
      row: of the dataset.
      task: one of `evaluate.tasks.TASKS`.
      shots: as `draw_shots` gives them, or rows of train, of which the row itself isn't shown.

    Raises ValueError for a row that the task has nothing to ask of, and for one of another split
    among the shots.
    """
    asked = _task(task)
    chat = [("system", instruction(task))]
    for shot in _shots(shots).but(row):
        chat += [("user", _question(shot, asked)), ("assistant", completion_target(shot, task))]
    chat.append(("user", _question(row, asked)))
    return [{"role": role, "content": content} for role, content in chat]


def completion_prompt(
    row: Mapping[str, Any], task: str, shots: Shots | Sequence[Mapping[str, Any]] = NO_SHOTS
) -> str:
    """The text that a base model continues with `completion_target`, and then with `STOP`.

    Takes and raises what `messages` does.
    """
    asked = _task(task)
    parts = [instruction(task)]
    for shot in _shots(shots).but(row):
        parts.append(_plain(shot, asked) + completion_target(shot, task).rstrip("\n"))
    parts.append(_plain(row, asked))
    return "\n\n".join(parts)


def completion_target(row: Mapping[str, Any], task: str) -> str:
    """The right answer as a model should write it, ended by a newline.

    Raises ValueError for a row that the task has nothing to ask of.
    """
    return fenced("mlir", "\n\n".join(_reference(row, _task(task)).modules.values())) + "\n"


def given(row: Mapping[str, Any], task: str) -> str:
    """What a model is given of a row, without a word around it: its Python, or its modules.

    Raises ValueError for a row that the task has nothing to ask of.
    """
    asked = _task(task)
    shown = _reference(row, asked).shown
    return "\n\n".join(shown[section] for section in asked.shown) or row["python"]


def instruction(task: str) -> str:
    """What a model is told before any row: the chat's system message, the plain text's head."""
    return f"{_COMMON}\n\n{_INSTRUCTIONS[_task(task).name]}"


def _shots(given: Shots | Sequence[Mapping[str, Any]]) -> Shots:
    if isinstance(given, Shots):
        return given
    for row in given:
        if (split := split_of(row["skeleton_hash"])) != _TRAIN:
            raise UsageError(f"row {row['id']} is of {split}: only rows of {_TRAIN} are examples")
    return Shots(tuple(given), len(given))


def _plain(row: Mapping[str, Any], task: Task) -> str:
    return f"### Question\n\n{_question(row, task)}\n\n### Answer\n\n"


def _question(row: Mapping[str, Any], task: Task) -> str:
    return "\n\n".join(_told(row, task))


def _told(row: Mapping[str, Any], task: Task) -> Iterator[str]:
    shown = _reference(row, task).shown
    if not task.shown:
        yield fenced("python", row["python"])
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


def _reference(row: Mapping[str, Any], task: Task) -> Reference:
    right = reference(row, task)
    if right is None:
        raise UsageError(f"row {row['id']} has nothing to ask for the task {task.name!r}")
    return right


def _task(name: str) -> Task:
    if name not in TASKS:
        raise UsageError(f"`task` (={name!r}) must be one of: {', '.join(TASKS)}")
    return TASKS[name]


def _shuffled(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


def _place(entry: tuple[str, int, Mapping[str, Any]]) -> tuple[str, int]:
    return entry[:2]
