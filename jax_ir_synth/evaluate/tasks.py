"""The four tasks: what a model is given of a row, and which modules it is to write."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jax_ir_synth.schema.ir_section import IrSection

FORWARD, BACKWARD = "forward", "backward"
# Only this dialect is executed.
_DIALECT = "stablehlo"


class Task(NamedTuple):
    """What a model is to do with a row.

    Attributes:
      name: of the task.
      title: for people: `Python → forward IR`.
      given: the column that the model sees, `"python"` or `"cpp"`.
      shown: which sections of an IR column it sees; empty for Python.
      wanted: which modules it is to write, in this order.
      translates: whether it goes from the CPU's text to CUDA's.
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
    """What a row's right answer is.

    Attributes:
      platform: for which it is lowered, `"cpu"` or `"cuda"`.
      shown: the modules that the model sees, by section.
      modules: the right ones, by section, in the task's order.
    """

    platform: str
    shown: dict[str, str]
    modules: dict[str, str]


def reference(row: Mapping[str, Any], task: Task) -> Reference | None:
    """The right answer to a row; None where the task has nothing to ask of it.

    CPU → CUDA asks only where the two texts differ: elsewhere the input would be the answer. The
    other tasks ask for the CPU's text, or for CUDA's in a row that has no other.

    Raises ValueError where the row has no such text.
    """
    # Late, since it brings jax: a command line's help needs the tasks' names alone.
    from jax_ir_synth.schema.ir_section import read_section

    columns = {
        platform: read_section(row[name], _DIALECT)
        for platform, name in (("cpu", "cpp"), ("cuda", "cuda"))
        if row[name] is not None
    }
    if not columns:
        raise ValueError(f"row {row['id']} has no IR column that is filled")
    if task.translates:
        if len(columns) < 2:
            raise ValueError(f"row {row['id']} has one IR column, {task.title} needs both")
        here, there = columns["cpu"], columns["cuda"]
        if _modules(here) == _modules(there):
            return None
        return Reference("cuda", _of(here, task.shown), _of(there, task.wanted))
    platform, column = next(iter(columns.items()))
    return Reference(platform, _of(column, task.shown), _of(column, task.wanted))


def _modules(column: "IrSection") -> tuple[str, str]:
    return column.forward, column.backward


def _of(column: "IrSection", sections: tuple[str, ...]) -> dict[str, str]:
    return {section: getattr(column, section) for section in sections}
