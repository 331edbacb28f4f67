"""The text of one IR column: written from two modules, and cut into them again (no jax here)."""

import re
from typing import NamedTuple

# The words of the column's header for each platform that jax lowers for.
BACKENDS = {"cpu": "cpu", "cuda": "gpu"}

_COLUMN = re.compile(
    r"# JAX compiler IR \(backend=(?P<backend>\w+), dialect=(?P<dialect>\w+)\)\n"
    r"## Forward\n"
    r"(?P<forward>.*?)\n"
    r"\n"
    r"## Backward \(jax\.grad of scalar loss, argnums=\((?P<argnums>[\d, ]*)\)\)\n"
    r"(?P<backward>.*)\n",
    re.DOTALL,
)


class Column(NamedTuple):
    """What an IR column holds. `forward` and `backward` are whole modules' texts."""

    backend: str
    dialect: str
    argnums: tuple[int, ...]
    forward: str
    backward: str


def clean(module: str) -> str:
    """A module's text with no blank space at the end of a line or of the text."""
    return "\n".join(line.rstrip() for line in module.strip().split("\n"))


def write_column(column: Column) -> str:
    """The column's text, ended by one newline."""
    return (
        f"# JAX compiler IR (backend={column.backend}, dialect={column.dialect})\n"
        f"## Forward\n"
        f"{clean(column.forward)}\n"
        f"\n"
        f"## Backward (jax.grad of scalar loss, argnums={tuple(column.argnums)})\n"
        f"{clean(column.backward)}\n"
    )


def read_column(text: str) -> Column:
    """The inverse of `write_column`. Raises ValueError for any other text."""
    match = _COLUMN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"text (={text[:60]!r}…) must be an IR column: a '# JAX compiler IR (…)' line, "
            f"a '## Forward' and a '## Backward (…)' section"
        )
    argnums = tuple(int(number) for number in match["argnums"].split(",") if number.strip())
    return Column(match["backend"], match["dialect"], argnums, match["forward"], match["backward"])
