"""The text of one IR column: written from two modules, and cut into them again (no jax here)."""

import re
from typing import NamedTuple

# The words of the column's header for each platform that jax lowers for.
BACKENDS = {"cpu": "cpu", "cuda": "gpu"}

_SECTION = re.compile(
    r"# JAX compiler IR \(backend=(?P<backend>\w+), dialect=(?P<dialect>\w+)"
    r"(?:, target=(?P<target>[\w:+.-]+))?\)\n"
    r"## Forward\n"
    r"(?P<forward>.*?)\n"
    r"\n"
    r"## Backward \(jax\.grad of scalar loss, argnums=\((?P<argnums>[\d, ]*)\)\)\n"
    r"(?P<backward>.*)\n",
    re.DOTALL,
)


_START = re.compile(r"^(?=# JAX compiler IR \()", re.MULTILINE)


class IrSection(NamedTuple):
    """What an IR column holds in one dialect. `forward` and `backward` are whole modules' texts.

    `target` names the machine that they are compiled for, and is empty where there is none.
    """

    backend: str
    dialect: str
    argnums: tuple[int, ...]
    forward: str
    backward: str
    target: str = ""


def clean_module(module: str) -> str:
    """A module's text with no blank space at the end of a line or of the text."""
    return "\n".join(line.rstrip() for line in module.strip().split("\n"))


def write_sections(*columns: IrSection) -> str:
    """The column's text, ended by one newline; of several dialects, one after the other."""
    return "\n".join(_written(column) for column in columns)


def _written(column: IrSection) -> str:
    target = f", target={column.target}" if column.target else ""
    return (
        f"# JAX compiler IR (backend={column.backend}, dialect={column.dialect}{target})\n"
        f"## Forward\n"
        f"{clean_module(column.forward)}\n"
        f"\n"
        f"## Backward (jax.grad of scalar loss, argnums={tuple(column.argnums)})\n"
        f"{clean_module(column.backward)}\n"
    )


def read_sections(text: str) -> list[IrSection]:
    """The inverse of `write_sections`. Raises ValueError for any other text."""
    start, *parts = _START.split(text)
    if start or not parts:
        raise _wrong(text)
    # A blank line stands between two.
    *parts, last = parts
    if any(not part.endswith("\n\n") for part in parts):
        raise _wrong(text)
    return [_read(part) for part in (*(part[:-1] for part in parts), last)]


def read_section(text: str, dialect: str | None = None) -> IrSection:
    """The column in a dialect, or in the only one there is. Raises ValueError without it."""
    columns = read_sections(text)
    wanted = [column for column in columns if dialect in (None, column.dialect)]
    if len(wanted) != 1:
        have = ", ".join(column.dialect for column in columns)
        what = dialect or "any dialect"
        raise ValueError(f"text (={text[:60]!r}…) must have one section of {what}, has {have}")
    return wanted[0]


def _read(text: str) -> IrSection:
    match = _SECTION.fullmatch(text)
    if match is None:
        raise _wrong(text)
    argnums = tuple(int(number) for number in match["argnums"].split(",") if number.strip())
    return IrSection(
        match["backend"],
        match["dialect"],
        argnums,
        match["forward"],
        match["backward"],
        match["target"] or "",
    )


def _wrong(text: str) -> ValueError:
    return ValueError(
        f"text (={text[:60]!r}…) must be an IR column: a '# JAX compiler IR (…)' line, "
        f"a '## Forward' and a '## Backward (…)' section"
    )
