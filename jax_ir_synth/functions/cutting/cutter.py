"""`Cutter`: follows a function's names to their values, and collects the pieces of its text."""

import abc
import ast
import contextlib
import enum
import functools
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import jax

from jax_ir_synth.functions.cutting import classes, literals, wrappers
from jax_ir_synth.functions.cutting.assignments import find_assignment
from jax_ir_synth.functions.cutting.edits import Edit, Text
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.locating import Located, locate_function
from jax_ir_synth.functions.cutting.pieces import ALIASES, Import, Part, Parts, Piece, Ref
from jax_ir_synth.functions.cutting.public import (
    find_public,
    find_root,
    is_builtin,
    is_public_module,
    needs_import,
)
from jax_ir_synth.functions.cutting.rewriting import Rewriter
from jax_ir_synth.functions.cutting.scope import Scope, get_attribute
from jax_ir_synth.functions.cutting.scopes import find_bound_names

MAX_PIECES = 400
# Names of jax that it offers, although they look private.
_VERSIONS = ("__version__", "__version_info__")
_MAX_CHARACTERS = 20_000
_SCALARS = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


class Cutter:
    """Collects what a function needs.

    Attributes:
      pieces: The pieces. Each follows those that it needs, unless they need each other.
      loads: Modules that must be imported besides.
      builtins: The names of builtins that are used.
      packages: The top-level packages whose text was taken.
    """

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.loads: set[str] = set()
        self.builtins: set[str] = set()
        self.packages: set[str] = set()
        # While objects are written by stand-ins, the names of attributes that may be used.
        self.names: frozenset[str] | None = None
        self.stand_ins: dict[tuple[type, tuple[str, ...]], Piece] = {}
        # The values are kept, so that no other one gets their id.
        self._known: dict[Any, tuple[Any, Parts]] = {}
        self._failed: dict[int, tuple[Any, str]] = {}
        self._imports: dict[tuple[str, str, str], Import] = {}
        self._texts: dict[str, Text] = {}

    def find(self, value: Any, spelled: str, module: str = "") -> Parts:
        """Find what a value is written as where a name stands for it.

        Args:
          value: The value.
          spelled: The name.
          module: The module that has the value under this name, if one does.

        Raises:
          NotSelfContained: It can't be written.
        """
        if isinstance(value, types.ModuleType):
            return self._find_module(value, spelled)
        named = self.find_named(value, spelled, module)
        return self._find_constant(value, spelled, module) if named is None else named

    def express(self, value: Any) -> Parts:
        """Write a value as an expression, for a place within another one.

        Raises:
          NotSelfContained: It can't be written.
        """
        name = getattr(value, "__name__", None)
        named = self.find_named(value, name if isinstance(name, str) else "", "")
        return literals.write_literal(value, self) if named is None else named

    def find_named(self, value: Any, spelled: str, module: str) -> Parts | None:
        """Find what a function or a class is written as; None for any other value."""
        if isinstance(value, _SCALARS):
            return None
        if is_builtin(value):
            self.builtins.add(value.__name__)
            return [value.__name__]
        public = find_public(value)
        if public is not None:
            return self._find_public(*public, spelled)
        if (known := self._known.get(id(value))) is not None:
            return _respell(known[1], spelled)
        if isinstance(value, types.MethodType | functools.partial):
            return None
        if not isinstance(value, type) and not (callable(value) and _is_function(value)):
            return None
        if (failed := self._failed.get(id(value))) is not None:
            raise NotSelfContained(failed[1])
        find = self._find_class if isinstance(value, type) else self._find_function
        try:
            return find(value, spelled, module)
        except NotSelfContained as error:
            # Each class that needs it would try again.
            self._failed[id(value)] = value, str(error)
            raise

    def add_import(self, module: str, attribute: str, spelled: str) -> Ref:
        """Import a module, or a name of it, under a name that is wanted."""
        key = (module, attribute, spelled)
        if key not in self._imports:
            self._imports[key] = Import(spelled, module=module, attribute=attribute)
            self._add(self._imports[key])
        return Ref(self._imports[key], spelled)

    def remember(self, value: Any, piece: Piece) -> Ref:
        """Note that a piece stands for a value."""
        ref = Ref(piece, piece.wanted)
        self._known[id(value)] = value, [ref]
        return ref

    def add(self, piece: Piece) -> None:
        """Add a piece after all that it needs."""
        self._add(piece)

    def read(self, located: Located) -> Text:
        """Make the text of a file, once for each."""
        return self._texts.setdefault(located.text, Text(located.text))

    def rewrite(self, located: Located, scope: Scope, package: str) -> Rewriter:
        """Make the rewriter of a tree."""
        return Rewriter(self.read(located), located.node, scope, package, self._resolve)

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Forget all that was collected inside the `with` block if it raises NotSelfContained."""
        lists = self.pieces, self.loads, self.builtins, self.packages, self._known, self._imports
        before = [each.copy() for each in lists]
        try:
            yield
        except NotSelfContained:
            (
                self.pieces,
                self.loads,
                self.builtins,
                self.packages,
                self._known,
                self._imports,
            ) = before  # type: ignore[assignment]
            raise

    def _add(self, piece: Piece) -> None:
        if len(self.pieces) >= MAX_PIECES:
            raise NotSelfContained(f"it needs more than {MAX_PIECES} definitions")
        self.pieces.append(piece)

    def _resolve(
        self, chain: list[ast.Name | ast.Attribute], scope: Scope
    ) -> tuple[ast.expr, Parts]:
        """Find what stands for a chain of attributes; see `rewriting.Resolve`."""
        first = chain[0]
        assert isinstance(first, ast.Name), "a chain begins with a name"
        value, module, name = scope.find(first.id)
        number = 0
        while isinstance(value, types.ModuleType) and not is_public_module(value):
            number += 1
            if number == len(chain):
                raise NotSelfContained(f"it needs the module {value.__name__}")
            node = chain[number]
            assert isinstance(node, ast.Attribute), "what follows a name is an attribute"
            module, name = value.__name__, node.attr
            value = get_attribute(value, name)
        if isinstance(value, types.ModuleType):
            return self._resolve_module(chain, number, value)
        while True:
            try:
                return chain[number], self.find(value, name, module)
            except NotSelfContained:
                # `config.eps` needs the value alone, where the object can't be written.
                if number + 1 >= len(chain) or callable(value):
                    raise
                number += 1
                node = chain[number]
                assert isinstance(node, ast.Attribute), "what follows a name is an attribute"
                module, name = "", node.attr
                value = get_attribute(value, name)

    def _resolve_module(
        self, chain: list[ast.Name | ast.Attribute], number: int, module: types.ModuleType
    ) -> tuple[ast.expr, Parts]:
        """Find what stands for a chain that begins with a public module."""
        first = chain[number]
        spelled = first.id if isinstance(first, ast.Name) else first.attr
        value: Any = module
        for node in chain[number + 1 :]:
            assert isinstance(node, ast.Attribute), "what follows a name is an attribute"
            inner = getattr(value, node.attr, None)
            if node.attr.startswith("_") and isinstance(value, types.ModuleType):
                if node.attr in _VERSIONS:
                    return node, literals.write_literal(inner, self)
                public = None if inner is None else find_public(inner)
                if public is None:
                    raise NotSelfContained(f"it needs {value.__name__}.{node.attr}, a private name")
                return node, self._find_public(*public, "")
            if not isinstance(inner, types.ModuleType):
                break
            value = inner
        name = value.__name__
        if not is_public_module(value):
            raise NotSelfContained(f"it needs the module {name}")
        if name != module.__name__ and needs_import(name):
            self._load(name)
        return first, self._find_module(module, spelled)

    def _load(self, module: str) -> None:
        self.loads.add(module)
        root = module.split(".")[0]
        self.add_import(root, "", root)

    def _find_module(self, module: types.ModuleType, spelled: str) -> Parts:
        if not is_public_module(module):
            raise NotSelfContained(f"it needs the module {module.__name__}")
        return [self.add_import(module.__name__, "", spelled)]

    def _find_public(self, module: str, name: str, spelled: str) -> Parts:
        """Import a public name under the name that is spelled, or write it with its module."""
        if spelled:
            return [self.add_import(module, name, spelled)]
        if module in ALIASES or "." not in module:
            return [self.add_import(module, "", ALIASES.get(module, module)), f".{name}"]
        if needs_import(module):
            self._load(module)
        root, _, rest = module.partition(".")
        return [self.add_import(root, "", root), f".{rest}.{name}"]

    def _find_class(self, value: type, spelled: str, module: str) -> Parts:
        if issubclass(value, jax.Array) or find_root(value) in ("jax", "jaxlib", "numpy"):
            raise NotSelfContained(f"it needs {value.__module__}.{value.__qualname__}")
        if not issubclass(type(value), enum.EnumType) and type(value) not in (type, abc.ABCMeta):
            kind = type(value).__name__
            raise NotSelfContained(f"it needs the class {value.__qualname__}, made by {kind}")
        try:
            with self.trying():
                return [classes.cut_class(value, self)]
        except NotSelfContained:
            # `Point = collections.namedtuple(…)` is an assignment.
            found = self._cut_assignment(value, spelled, module)
            if found is None:
                raise
            return found

    def _find_function(self, value: Any, spelled: str, module: str) -> Parts:
        chain = wrappers.list_wrappers(value)
        inner = chain[-1]
        if _is_of_jax(inner):
            # What a function of jax has made, as an initializer, is in the module's own text.
            found = self._cut_assignment(value, spelled, module)
            if found is not None:
                return found
        if len(chain) == 1:
            return [self._cut_function(value, value, spelled, [])]
        if not isinstance(inner, types.FunctionType):
            raise NotSelfContained(f"it needs {_describe(value)}, which has no text")
        if _is_decorated(value, inner):
            return [self._cut_function(value, inner, spelled, chain)]
        found = self._cut_assignment(value, spelled, module)
        if found is not None:
            return found
        if isinstance(value, types.FunctionType) and not _is_of_jax(value):
            return [self._cut_function(value, value, spelled, [])]
        return self._rewrap(value, chain, spelled)

    def _rewrap(self, value: Any, chain: list[Any], spelled: str) -> Parts:
        """Write `f = jax.jit(g)` for what was wrapped by a call."""
        if isinstance(value, jax.custom_vjp | jax.custom_jvp):
            kind, rules = type(value).__name__, [*wrappers.list_rules([value])]
        elif isinstance(value, type(jax.jit(_describe))):
            kind, rules = "jit", []
        else:
            raise NotSelfContained(f"it needs {_describe(value)}, which is wrapped in its own way")
        inner = self.find(chain[1], getattr(chain[1], "__name__", spelled))
        piece = Piece(spelled, kind="constant")
        ref = self.remember(value, piece)
        root = self.add_import("jax", "", "jax")
        piece.parts = [ref, " = ", root, f".{kind}(", *inner, ")"]
        self._add_rules(piece, ref, rules)
        self._add(piece)
        return [ref]

    def _cut_function(self, value: Any, function: Any, spelled: str, chain: list[Any]) -> Ref:
        """Cut the text of a function, with its decorators if it has a chain of wrappers."""
        if _is_of_jax(function):
            raise NotSelfContained(f"it needs {function.__module__}.{function.__qualname__}")
        located = locate_function(function)
        piece = Piece(function.__name__)
        ref = self.remember(value, piece)
        if chain:
            # Within itself, it is known under its global name.
            self._known.setdefault(id(function), (function, [ref]))
        scope = Scope(function.__globals__, find_closure(function))
        package = find_root(function)
        text, node = self.read(located), located.node
        rewriter = self.rewrite(located, scope, package)
        piece.bound = find_bound_names(node) - {getattr(node, "name", "")}
        if isinstance(node, ast.Lambda):
            body = text.apply(text.start(node), text.end(node), rewriter.edit())
            if any("\n" in part for part in body if isinstance(part, str)):
                body = ["(", *body, ")"]
            piece.parts = [ref, " = ", *body]
            piece.kind = "constant"
        else:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            edits = [*rewriter.edit(bool(chain)), *text.dedent(node, first)]
            edits.append(_name_edit(text, node, ref))
            start = text.line_start(first)
            piece.parts = text.apply(start, text.end(node), edits)
        self._add_rules(piece, ref, [*wrappers.list_rules(chain)])
        self.packages.add(package)
        self._add(piece)
        return ref

    def _add_rules(self, piece: Piece, ref: Ref, rules: list[tuple[str, list[Any]]]) -> None:
        """Add the calls that define the derivative's rules."""
        for method, arguments in rules:
            parts: list[Part] = [*piece.parts, "\n\n\n" if piece.kind != "constant" else "\n"]
            parts += [ref, f".{method}("]
            for number, rule in enumerate(arguments):
                name = getattr(rule, "__name__", "rule")
                found = ["None"] if rule is None else self.find(rule, name)
                parts += [", " if number else "", *found]
            piece.parts = [*parts, ")"]

    def _find_constant(self, value: Any, spelled: str, module: str) -> Parts:
        key = (id(value), spelled, module)
        if key in self._known:
            return self._known[key][1]
        found = self._cut_assignment(value, spelled, module)
        if found is None:
            piece = Piece(spelled, kind="constant")
            ref = Ref(piece, spelled)
            written = literals.write_literal(value, self)
            piece.parts = [ref, " = ", *written]
            self._add(piece)
            found = [ref]
        self._known[key] = value, found
        return found

    def _cut_assignment(self, value: Any, spelled: str, module: str) -> Parts | None:
        """Cut the expression that a module assigns to a name; None if that can't be done."""
        if not module:
            return None
        assigned = find_assignment(module, spelled)
        if assigned is None:
            return None
        located, where, name = assigned
        names = vars(sys.modules[where])
        # Another module may have the same name, or the value may have changed since.
        if names.get(name) is not value:
            return None
        text, node = self.read(located), located.node
        if _has_changed(node, value):
            return None
        start, end = text.start(node), text.end(node)
        if end - start > _MAX_CHARACTERS:
            return None
        package = where.split(".")[0]
        try:
            with self.trying():
                edits = self.rewrite(located, Scope(names), package).edit()
        except NotSelfContained:
            return None
        piece = Piece(spelled, kind="constant")
        ref = Ref(piece, spelled)
        if not isinstance(value, _SCALARS):
            ref = self.remember(value, piece)
        body = text.apply(start, end, edits)
        if node.lineno != node.end_lineno and not isinstance(
            node, ast.Call | ast.Dict | ast.List | ast.Set
        ):
            body = ["(", *body, ")"]
        piece.parts = [ref, " = ", *body]
        self.packages.add(package)
        self._add(piece)
        return [ref]


def find_closure(function: Any) -> dict[str, Any]:
    """Find what the functions around a function have bound for it."""
    found = {}
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            raise NotSelfContained(f"its closure's {name} has no value yet") from None
    return found


def _has_changed(node: ast.expr, value: Any) -> bool:
    """Whether a literal in a module's text isn't what the value is now, as with a list."""
    try:
        return bool(ast.literal_eval(node) != value)
    # It is no literal, or its values can't be compared.
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _name_edit(text: Text, node: ast.FunctionDef, ref: Ref) -> Edit:
    """Make the edit that gives a function its name."""
    start = text.text.index(node.name, text.start(node) + len("def"))
    return Edit(start, start + len(node.name), [ref])


def _respell(parts: Parts, spelled: str) -> Parts:
    return [Ref(part.piece, spelled) if isinstance(part, Ref) else part for part in parts]


def _is_function(value: Any) -> bool:
    """Whether a callable is a function, or wraps one."""
    return isinstance(value, types.FunctionType) or hasattr(value, "__wrapped__")


def _is_decorated(value: Any, inner: types.FunctionType) -> bool:
    """Whether the value is what the decorators of a function's text made of it."""
    owner: Any = inner.__globals__
    path = inner.__qualname__.split(".")
    if "<locals>" in path:
        return bool(getattr(locate_function(inner).node, "decorator_list", ()))
    found = owner.get(path[0])
    for name in path[1:]:
        found = inspect.getattr_static(found, name, None)
    return found is value


def _is_of_jax(function: Any) -> bool:
    return find_root(function) in ("jax", "jaxlib", "numpy")


def _describe(value: Any) -> str:
    """Name a callable."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    kind = type(value).__name__
    return f"{name}, of the type {kind}" if isinstance(name, str) else f"an object of {kind}"
