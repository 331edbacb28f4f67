"""The text of an IR column: write it from modules, and parse it again (no jax here)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from jax_ir_synth.errors import UsageError

# The backend in a section's header, for each lowering platform of jax.
BACKENDS = {"cpu": "cpu", "cuda": "gpu"}

STABLEHLO = "stablehlo"

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
    """An IR column's section in one dialect.

    Attributes:
      backend: `"cpu"` or `"gpu"`.
      dialect: One of `dialects.DIALECTS`.
      argnums: The positions of the arguments that the backward pass differentiates by.
      forward: The complete text of the forward module.
      backward: The complete text of the backward module.
      target: The machine that the modules are compiled for, empty in a dialect without one.
    """

    backend: str
    dialect: str
    argnums: tuple[int, ...]
    forward: str
    backward: str
    target: str = ""


def clean_module(module: str) -> str:
    """Remove blank space from the end of each line of a module, and around its text.

    Args:
      module: The text of a module.
    """
    return "\n".join(line.rstrip() for line in module.strip().split("\n"))


def write_sections(*sections: IrSection) -> str:
    """Write the text of an IR column: the sections in order, with a blank line between two.

    The text ends with one newline.
    """
    return "\n".join(_write_section(section) for section in sections)


def _write_section(section: IrSection) -> str:
    target = f", target={section.target}" if section.target else ""
    return (
        f"# JAX compiler IR (backend={section.backend}, dialect={section.dialect}{target})\n"
        f"## Forward\n"
        f"{clean_module(section.forward)}\n"
        f"\n"
        f"## Backward (jax.grad of scalar loss, argnums={tuple(section.argnums)})\n"
        f"{clean_module(section.backward)}\n"
    )


def read_sections(text: str) -> list[IrSection]:
    """Parse the text of an IR column. This is the inverse of `write_sections`.

    Args:
      text: The text of the column.

    Raises:
      ValueError: The text is no IR column.
    """
    start, *parts = _START.split(text)
    if start or not parts:
        raise _column_error(text)
    # Each part but the last ends with the blank line that separates it from the next one.
    *parts, last = parts
    if any(not part.endswith("\n\n") for part in parts):
        raise _column_error(text)
    return [_parse_section(part) for part in (*(part[:-1] for part in parts), last)]


def read_section(text: str, dialect: str | None = None) -> IrSection:
    """Parse one section of an IR column.

    Args:
      text: The text of the column.
      dialect: The section's dialect. None for the only section of the column.

    Raises:
      ValueError: The text is no IR column, or doesn't have exactly one such section.
      UsageError: The dialect is StableHLO and the column has none. UsageError is a ValueError.
    """
    sections = read_sections(text)
    wanted = [section for section in sections if dialect in (None, section.dialect)]
    if not wanted and dialect == STABLEHLO:
        raise UsageError(describe_missing_stablehlo(section.dialect for section in sections))
    if len(wanted) != 1:
        have = ", ".join(section.dialect for section in sections)
        what = dialect or "any dialect"
        raise ValueError(f"text (={text[:60]!r}…) must have one section of {what}, has {have}")
    return wanted[0]


def describe_missing_stablehlo(dialects: Iterable[str]) -> str:
    """Make the error message for rows without StableHLO, which all that executes rows needs.

    Args:
      dialects: The dialects that the rows have.
    """
    have = list(dict.fromkeys(dialects))
    return (
        f"the rows have no StableHLO (they have {', '.join(have)}): make them with "
        f"--dialect {','.join([STABLEHLO, *have])}"
    )


def _parse_section(text: str) -> IrSection:
    match = _SECTION.fullmatch(text)
    if match is None:
        raise _column_error(text)
    argnums = tuple(int(number) for number in match["argnums"].split(",") if number.strip())
    return IrSection(
        match["backend"],
        match["dialect"],
        argnums,
        match["forward"],
        match["backward"],
        match["target"] or "",
    )


def _column_error(text: str) -> ValueError:
    return ValueError(
        f"text (={text[:60]!r}…) must be an IR column: a '# JAX compiler IR (…)' line, "
        f"a '## Forward' and a '## Backward (…)' section"
    )
