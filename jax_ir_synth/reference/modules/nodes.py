"""Makes nodes and messages for the rewriting of a module."""

import ast


def call_hook(name: str, *arguments: ast.expr) -> ast.Call:
    """Make a call of a guard."""
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def show_node(node: ast.AST) -> str:
    """Show a node in a message."""
    return ast.unparse(node).split("\n")[0][:60]


def refuse(what: str, node: ast.AST) -> ValueError:
    """Make the error for a node."""
    return ValueError(f"its python {what}: {show_node(node)}")


def check_name(name: str | None) -> None:
    """Raise ValueError for a name that a guard may have."""
    if name is not None and name.startswith("__"):
        raise ValueError(f"its python uses a name that isn't allowed: {name}")


def make_index(index: ast.expr) -> ast.expr:
    """Make the value of an index that may hold slices, such as `1:2, 0`."""
    if isinstance(index, ast.Slice):
        ends = (index.lower, index.upper, index.step)
        return call_hook("__slice", *(ast.Constant(None) if end is None else end for end in ends))
    if isinstance(index, ast.Tuple):
        return ast.Tuple([make_index(each) for each in index.elts], ast.Load())
    return index


def drop_texts(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements without texts among them, which do nothing."""
    return [
        statement
        for statement in body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
