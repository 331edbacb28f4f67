"""Defines the four tasks: what a model sees of a row, and which modules it has to write."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.judgement import Unjudgeable

if TYPE_CHECKING:
    from jax_ir_synth.schema.ir_section import IrSection

FORWARD, BACKWARD = "forward", "backward"
# The only dialect that is executed.
_DIALECT = "stablehlo"


class Task(NamedTuple):
    """A model's task for a row.

    Attributes:
      name: the task's name.
      title: its title, as `Python → forward IR`.
      given: the column that the model sees, `"python"` or `"cpp"`.
      shown: the sections of an IR column that the model sees; empty for Python.
      wanted: the modules that the model has to write, in this order.
      translates: whether the task goes from the CPU's text to CUDA's.
    """

    name: str
    title: str
    given: str
    shown: tuple[str, ...]
    wanted: tuple[str, ...]
    translates: bool = False


TASKS = {
    task.name: task
    for task in (
        Task("forward", "Python → forward IR", "python", (), (FORWARD,)),
        Task("backward", "Python → backward IR", "python", (), (BACKWARD,)),
        Task("gradient", "forward IR → backward IR", "cpp", (FORWARD,), (BACKWARD,)),
        Task("cuda", "CPU → CUDA", "cpp", (FORWARD, BACKWARD), (FORWARD, BACKWARD), True),
    )
}


class Reference(NamedTuple):
    """A row's right answer.

    Attributes:
      platform: the platform for which it is lowered, `"cpu"` or `"cuda"`.
      shown: the modules that the model sees, by section.
      modules: the right modules, by section, in the task's order.
    """

    platform: str
    shown: dict[str, str]
    modules: dict[str, str]


def reference(row: Mapping[str, Any], task: Task) -> Reference | None:
    """Find the right answer to a row; None if the task asks nothing of it.

    CPU → CUDA asks only if the two texts differ, since otherwise the input would be the answer. A
    task about the gradient asks nothing of a row without one. The other tasks ask for the CPU's
    text, or for CUDA's if the row has no other.

    Raises:
      Unjudgeable: the row's IR is damaged.
      UsageError: the row is made without the text, such as for one device only.
    """
    columns = {
        platform: section
        for platform, name in (("cpu", "cpp"), ("cuda", "cuda"))
        if (section := _read_column(row, name)) is not None
    }
    if not columns:
        raise Unjudgeable(f"row {row['id']} has no IR column that is filled")
    if task.translates:
        if len(columns) < 2:
            raise UsageError(f"row {row['id']} has one IR column, {task.title} needs both")
        here, there = columns["cpu"], columns["cuda"]
        if here.modules == there.modules or not _has(here, task):
            return None
        return Reference(
            "cuda", _take_sections(here, task.shown), _take_sections(there, task.wanted)
        )
    platform, column = next(iter(columns.items()))
    if not _has(column, task):
        return None
    return Reference(
        platform, _take_sections(column, task.shown), _take_sections(column, task.wanted)
    )


def describe_no_question(row: Mapping[str, Any], task: Task) -> str:
    """Describe why a task asks nothing of a row, as one line."""
    return f"row {row['id']} has nothing to ask for the task {task.name!r}: {explain_none(task)}"


def explain_none(task: Task) -> str:
    """Say what a row is that a task asks nothing of."""
    return "its texts are alike" if task.translates else "it has no gradient"


def describe_nothing_to_ask(title: str, split: str | None, task: Task, rows: int) -> str:
    """Describe why a task asks nothing of a dataset, or of one of its splits, as one line.

    Args:
      title: the dataset's name.
      split: the only split that is asked about; None for all.
      task: the task.
      rows: the number of rows in it.
    """
    if not rows:
        return f"the split {split} of {title} holds no row" if split else f"{title} holds no row"
    of = f"{title} (split {split})" if split else title
    count = "the only row" if rows == 1 else f"any of {rows:,} rows"
    if not task.translates:
        return (
            f"{of} has no row to ask for the task {task.name}, which asks about gradients: there "
            f"is none in {count}"
        )
    return (
        f"{of} has no row to ask for the task {task.name}, which asks where the texts for the CPU "
        f"and for CUDA differ: they don't in {count}"
    )


def _read_column(row: Mapping[str, Any], name: str) -> "IrSection | None":
    # Imported late, since the command line's help needs only the tasks' names.
    from jax_ir_synth.schema.ir_section import read_section

    if row[name] is None:
        return None
    try:
        return read_section(row[name], _DIALECT)
    except UsageError:
        raise
    except ValueError as error:
        raise Unjudgeable(f"the {name} of row {row['id']} is damaged: {error}") from error


def _has(column: "IrSection", task: Task) -> bool:
    """Whether a column has the modules that a task is about, as a row without a gradient hasn't."""
    return all(getattr(column, section) for section in (*task.shown, *task.wanted))


def _take_sections(column: "IrSection", sections: tuple[str, ...]) -> dict[str, str]:
    return {section: getattr(column, section) for section in sections}
