"""`Scope`: what the names of a text mean where it comes from."""

import ast
import builtins
import importlib
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from jax_ir_synth.functions.cutting.errors import NotSelfContained


class Value(NamedTuple):
    """A value, and the module and the name that it was found under.

    Attributes:
      value: The value.
      module: The name of the module; empty for a closure's.
      name: Its name there.
    """

    value: Any
    module: str
    name: str


class Scope:
    """What the names of a text mean.

    Args:
      names: The globals of its module.
      closure: What the functions around it have bound.
    """

    def __init__(self, names: Mapping[str, Any], closure: Mapping[str, Any] | None = None) -> None:
        self.globals = names
        self.closure = {} if closure is None else closure
        self.imported: dict[str, Value] = {}

    @property
    def module(self) -> str:
        """The name of the module."""
        return str(self.globals.get("__name__", ""))

    def find(self, name: str) -> Value:
        """Find what a name means.

        Raises:
          NotSelfContained: It means nothing.
        """
        if name in self.imported:
            return self.imported[name]
        if name in self.closure:
            return Value(self.closure[name], "", name)
        if name in self.globals:
            return Value(self.globals[name], self.module, name)
        if hasattr(builtins, name):
            return Value(getattr(builtins, name), "builtins", name)
        raise NotSelfContained(f"it uses the name {name}, which its module doesn't have")

    def evaluate(self, node: ast.AST) -> Any:
        """Evaluate a name or a chain of attributes.

        Raises:
          NotSelfContained: It is something else, or means nothing.
        """
        if isinstance(node, ast.Name):
            return self.find(node.id).value
        if isinstance(node, ast.Attribute):
            return get_attribute(self.evaluate(node.value), node.attr)
        raise NotSelfContained(f"{ast.unparse(node)[:60]} has no value that is known")

    def add_import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Take over what an `import` inside a function binds.

        Raises:
          NotSelfContained: It can't be imported.
        """
        for alias in node.names:
            try:
                if isinstance(node, ast.Import):
                    module = importlib.import_module(alias.name)
                    name = alias.asname or alias.name.split(".")[0]
                    value = module if alias.asname else importlib.import_module(name)
                    self.imported[name] = Value(value, "", name)
                    continue
                path = "." * node.level + (node.module or "")
                package = str(self.globals.get("__package__") or self.module)
                module = importlib.import_module(path, package)
                self.imported[alias.asname or alias.name] = Value(
                    _get_member(module, alias.name), module.__name__, alias.name
                )
            # A module may raise anything.
            except Exception as error:
                raise NotSelfContained(
                    f"{ast.unparse(node)[:60]} fails: {type(error).__name__}"
                ) from None


def get_attribute(owner: Any, name: str) -> Any:
    """Get an attribute.

    Raises:
      NotSelfContained: There is none, or it can't be read.
    """
    try:
        return getattr(owner, name)
    # A property may raise anything.
    except Exception as error:
        kind = type(owner).__name__
        raise NotSelfContained(
            f"the attribute {name} of a {kind} can't be read: {type(error).__name__}"
        ) from None


def _get_member(module: types.ModuleType, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    return importlib.import_module(f"{module.__name__}.{name}")
