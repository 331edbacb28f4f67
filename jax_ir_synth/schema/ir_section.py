"""The text of an IR column: write it from modules, and parse it again (no jax here)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.passes import DEFAULT

# The backend in a section's header, for each lowering platform of jax.
BACKENDS = {"cpu": "cpu", "cuda": "gpu"}

STABLEHLO = "stablehlo"
# The heading of the forward pass.
FORWARD = "Forward"

_SECTION = re.compile(
    r"# JAX compiler IR \(backend=(?P<backend>\w+), dialect=(?P<dialect>\w+)"
    r"(?:, target=(?P<target>[\w:+.-]+))?\)\n"
    r"(?P<parts>## .*)\n",
    re.DOTALL,
)
_HEADING = re.compile(r"^## (.+)\n", re.MULTILINE)
_BACKWARD = re.compile(r"Backward \(jax\.grad of scalar loss, argnums=\(([\d, ]*)\)\)")
# The first word of the heading of each other pass.
_OTHERS = {"VJP": "vjp", "JVP": "jvp", "Hessian-vector": "hessian_vp", "Vmap": "vmap"}
_START = re.compile(r"^(?=# JAX compiler IR \()", re.MULTILINE)
_HEADER = re.compile(r"# JAX compiler IR \(backend=\w+, dialect=(\w+)[^\n]*\n")
_PASS = re.compile(r"^## (\w+)[^\n]*\n", re.MULTILINE)


class IrSection(NamedTuple):
    """An IR column's section in one dialect.

    Attributes:
      backend: `"cpu"` or `"gpu"`.
      dialect: One of `dialects.DIALECTS`.
      argnums: The positions of the arguments that the backward pass differentiates by; empty if
        there is no backward pass.
      forward: The complete text of the forward module.
      backward: The complete text of the backward module; empty if there is none, as for a program
        without a gradient.
      target: The machine that the modules are compiled for, empty in a dialect without one.
      others: Each other pass's heading and module, in the text's order.
    """

    backend: str
    dialect: str
    argnums: tuple[int, ...]
    forward: str
    backward: str
    target: str = ""
    others: tuple[tuple[str, str], ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """The forward module, and the backward one if the section has it."""
        return (self.forward, self.backward) if self.backward else (self.forward,)

    @property
    def passes(self) -> dict[str, str]:
        """The module of each pass, by its name in `request.passes.PASSES`."""
        others = {name_pass(heading): module for heading, module in self.others}
        return {**dict(zip(DEFAULT, self.modules, strict=False)), **others}


def name_pass(heading: str) -> str:
    """Name the pass of a heading, as `request.passes.PASSES` does."""
    first = heading.split(" ", 1)[0]
    return _OTHERS.get(first, first.lower())


def clean_module(module: str) -> str:
    """Remove blank space from the end of each line of a module, and around its text.

    Args:
      module: The text of a module.
    """
    text = module.strip()
    # A constant's line may have many megabytes, which splitting would copy.
    end = text.find("\n")
    while end >= 0:
        if text[end - 1].isspace() and text[end - 1] != "\n":
            return "\n".join(line.rstrip() for line in text.split("\n"))
        end = text.find("\n", end + 1)
    return text


def write_sections(*sections: IrSection) -> str:
    """Write the text of an IR column: the sections in order, with a blank line between two.

    The text ends with one newline.
    """
    return "\n".join(_write_section(section) for section in sections)


def _write_section(section: IrSection) -> str:
    parts = [(FORWARD, section.forward)]
    if section.backward or section.argnums:
        parts.append((write_backward_heading(section.argnums), section.backward))
    parts += section.others
    return write_parts(section.backend, section.dialect, section.target, parts)


def write_backward_heading(argnums: Iterable[int]) -> str:
    """Write the heading of the backward pass."""
    return f"Backward (jax.grad of scalar loss, argnums={tuple(argnums)})"


def write_parts(backend: str, dialect: str, target: str, parts: Iterable[tuple[str, str]]) -> str:
    """Write a section of a column: its header, and each module under its heading.

    Args:
      backend: As in `IrSection`.
      dialect: Likewise.
      target: Likewise.
      parts: For each pass its heading and its module.
    """
    shown = f", target={target}" if target else ""
    pieces = [f"# JAX compiler IR (backend={backend}, dialect={dialect}{shown})\n"]
    for position, (heading, module) in enumerate(parts):
        # Joined once, since a module with a constant may have many megabytes.
        pieces += ["\n" * (position > 0), f"## {heading}\n", clean_module(module), "\n"]
    return "".join(pieces)


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


def read_passes(text: str) -> dict[str, dict[str, str]]:
    """Parse the modules of an IR column, of whatever passes it has.

    Unlike `read_sections`, this also reads a text that `lower` has made with other `passes`.

    Args:
      text: The text of the column.

    Returns:
      The modules that aren't empty, by dialect and by the first word of the pass's heading in lower
      case, such as `forward` and `backward`.

    Raises:
      ValueError: The text is no IR column.
    """
    start, *parts = _START.split(text)
    headers = [_HEADER.match(part) for part in parts]
    if start or not parts:
        raise _column_error(text)
    found: dict[str, dict[str, str]] = {}
    for header, part in zip(headers, parts, strict=True):
        if header is None:
            raise _column_error(text)
        _, *pieces = _PASS.split(part)
        found[header[1]] = {
            heading.lower(): module.strip()
            for heading, module in zip(pieces[::2], pieces[1::2], strict=True)
            if module.strip()
        }
    return found


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
    _, *pieces = _HEADING.split(match["parts"])
    parts = [*zip(pieces[::2], _split_modules(pieces[1::2], text), strict=True)]
    if parts[0][0] != FORWARD:
        raise _column_error(text)
    backward = _BACKWARD.fullmatch(parts[1][0]) if len(parts) > 1 else None
    others = tuple(parts[1 + (backward is not None) :])
    if any(heading.split(" ", 1)[0] not in _OTHERS for heading, _ in others):
        raise _column_error(text)
    argnums = backward[1].split(",") if backward is not None else []
    return IrSection(
        match["backend"],
        match["dialect"],
        tuple(int(number) for number in argnums if number.strip()),
        parts[0][1],
        parts[1][1] if backward is not None else "",
        match["target"] or "",
        others,
    )


def _split_modules(pieces: list[str], text: str) -> list[str]:
    """Take the blank line off each module that another one follows."""
    # A text that was cut off after a blank line isn't complete.
    if any(not piece.endswith("\n\n") for piece in pieces[:-1]) or pieces[-1].endswith("\n"):
        raise _column_error(text)
    return [*(piece[:-2] for piece in pieces[:-1]), pieces[-1]]


def _column_error(text: str) -> ValueError:
    return ValueError(
        f"text (={text[:60]!r}…) must be an IR column: a '# JAX compiler IR (…)' line, "
        f"a '## Forward' section and, if there is a gradient, a '## Backward (…)' section"
    )
