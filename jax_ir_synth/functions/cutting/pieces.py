"""The pieces of a text that was cut out, and how they get their names and are joined."""

import builtins
import dataclasses
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence

# The names under which modules are known best.
ALIASES = {"jax.numpy": "jnp", "numpy": "np"}


@dataclasses.dataclass(eq=False)
class Piece:
    """A definition, a constant or an import.

    Attributes:
      wanted: The name that it has where it comes from.
      parts: Its text. A `Ref` stands for a piece's name.
      bound: The names that its text binds in inner scopes.
      kind: `"import"`, `"constant"` or `"definition"`.
      name: Its name in the text, once it is chosen.
    """

    wanted: str
    parts: "Parts" = ()
    bound: frozenset[str] = frozenset()
    kind: str = "definition"
    name: str = ""

    @property
    def refs(self) -> Iterator["Ref"]:
        """The references to pieces in its text."""
        return (part for part in self.parts if isinstance(part, Ref))

    def write(self) -> str:
        """Write its text, once all names are chosen."""
        return "".join(part if isinstance(part, str) else part.piece.name for part in self.parts)


@dataclasses.dataclass(eq=False)
class Import(Piece):
    """An import of a module, or of a name of it.

    Attributes:
      module: The module's name.
      attribute: The name; empty for the module itself.
    """

    kind: str = "import"
    module: str = ""
    attribute: str = ""

    def write(self) -> str:
        """Write the statement."""
        within, _, last = self.module.rpartition(".")
        if self.attribute:
            within, last = self.module, self.attribute
        elif self.name != last and (within or self.module != self.name):
            return f"import {self.module} as {self.name}"
        shown = last if last == self.name else f"{last} as {self.name}"
        return f"from {within} import {shown}" if within else f"import {shown}"


@dataclasses.dataclass(frozen=True)
class Ref:
    """A reference to a piece by the name that it is spelled with."""

    piece: Piece
    spelled: str


Part = str | Ref
Parts = Sequence[Part]


def choose_names(pieces: Sequence[Piece], entry: Piece, kept: Iterable[str]) -> None:
    """Choose a name for each piece, so that no two are the same and no inner scope hides one.

    Args:
      pieces: All pieces.
      entry: The piece that has the first choice.
      kept: The names that mean something else already, as builtins.
    """
    taken = {*kept}
    uses: dict[int, list[tuple[str, frozenset[str]]]] = {}
    for piece in pieces:
        for ref in piece.refs:
            uses.setdefault(id(ref.piece), []).append((ref.spelled, piece.bound))
    order = sorted(pieces, key=lambda piece: (piece is not entry, piece.kind != "import"))
    for piece in order:
        for name in _list_candidates(piece):
            hidden = any(
                name != spelled and name in bound for spelled, bound in uses.get(id(piece), ())
            )
            if name not in taken and not hidden:
                break
        piece.name = name
        taken.add(name)


def _list_candidates(piece: Piece) -> Iterator[str]:
    wanted = make_identifier(piece.wanted)
    yield wanted
    if isinstance(piece, Import) and piece.module in ALIASES and not piece.attribute:
        yield ALIASES[piece.module]
    number = 1
    while True:
        number += 1
        yield f"{wanted}_{number}"


def make_identifier(text: str) -> str:
    """Make a name of Python's from any text."""
    name = re.sub(r"\W", "_", text)
    if name == "_lambda_":
        return "function"
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def join_pieces(pieces: Sequence[Piece], loads: Iterable[str]) -> str:
    """Join pieces that have names: imports, then constants of no other piece, then the rest.

    Args:
      pieces: The pieces; each stands after those that it needs to be defined.
      loads: Modules that must be imported besides, so that `jax.scipy.special` is there.
    """
    imports = {piece.write() for piece in pieces if piece.kind == "import"}
    imports |= {f"import {module}" for module in loads}
    # By an import, a module is told from a drawn kernel, which has none.
    imports = imports or {"import jax"}
    blocks = []
    library = [line for line in sorted(imports, key=_import_order) if not _import_order(line)[0]]
    others = [line for line in sorted(imports, key=_import_order) if _import_order(line)[0]]
    groups = ["\n".join(lines) for lines in (library, others) if lines]
    if groups:
        blocks.append(("import", "\n\n".join(groups)))
    defined = [piece for piece in pieces if piece.kind != "import"]
    plain = [piece for piece in defined if _is_plain(piece)]
    for piece in [*plain, *(piece for piece in defined if piece not in plain)]:
        blocks.append((piece.kind, piece.write().strip("\n")))
    text = ""
    before = ""
    for kind, block in blocks:
        if text:
            text += "\n" if kind == before == "constant" else "\n\n\n"
            if before == "import" and kind == "constant":
                text = text[:-1]
        text += block
        before = kind
    return text + "\n"


def _is_plain(piece: Piece) -> bool:
    """Whether it is a constant that needs nothing but imports."""
    needed = (ref.piece for ref in piece.refs)
    return piece.kind == "constant" and all(
        other is piece or other.kind == "import" for other in needed
    )


def _import_order(line: str) -> tuple[bool, bool, str]:
    """Order as isort does: the standard library first, and `import` before `from`."""
    module = line.split()[1].split(".")[0]
    return module in ("jax", "numpy"), line.startswith("from"), line


def is_builtin(name: str) -> bool:
    """Whether a name is one of Python's builtins."""
    return hasattr(builtins, name)
