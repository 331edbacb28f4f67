"""Tells what kind of class a class statement makes, and which of its fields hold arrays."""

import ast

from jax_ir_synth.reference.modules.classes import ENUMERATIONS
from jax_ir_synth.reference.modules.nodes import refuse


def find_last_name(node: ast.expr) -> str:
    """The last name of `a.b.c`, or of a call of it."""
    if isinstance(node, ast.Call):
        return find_last_name(node.func)
    if isinstance(node, ast.Subscript):
        return find_last_name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def find_kind(node: ast.ClassDef) -> str:
    """Find what kind of class it is: by its bases and decorators. Raises ValueError."""
    bases = {find_last_name(base) for base in node.bases} - {"Generic", "Protocol", "object"}
    decorators = {find_last_name(each) for each in node.decorator_list}
    if any("register_dataclass" in ast.dump(each) for each in node.decorator_list):
        decorators -= {"register_dataclass", "partial"}
    if not node.keywords:
        if bases == {"NamedTuple"} and not decorators:
            return "named tuple"
        if not bases and decorators == {"dataclass"}:
            return "data class"
        if bases and bases <= {"Enum", "IntEnum"} and not decorators:
            return ENUMERATIONS["IntEnum" in bases]
        single = len(bases) == len(node.bases) == 1 and isinstance(node.bases[0], ast.Name)
        if single and not decorators:
            return "derived"
    raise refuse("has a class that is no named tuple, data class or enumeration", node)


def list_tree_fields(node: ast.ClassDef, fields: list[str]) -> ast.expr:
    """Make the list of the fields that hold arrays; None unless JAX is told that it is a tree."""
    registered = [each for each in node.decorator_list if "register_dataclass" in ast.dump(each)]
    if not registered:
        return ast.Constant(None)
    static = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
        and "'static'" in ast.unparse(statement.value)
    }
    for decorator in registered:
        if isinstance(decorator, ast.Call):
            for word in decorator.keywords:
                if word.arg == "meta_fields":
                    static |= set(ast.literal_eval(word.value))
    return ast.Tuple([ast.Constant(each) for each in fields if each not in static], ast.Load())
