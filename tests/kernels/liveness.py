"""Finds statements and arguments of a source text that reach no result."""

import ast
import builtins

_GIVEN = {"jax", "jnp", "lax"} | set(dir(builtins))


def dead_names(source: str) -> list[str]:
    """Names that are assigned (or arguments) and never read after, and names read from nowhere.

    `_` says on purpose that a value is not used, and an inner function may leave a parameter alone
    that its caller passes anyway (a loop's counter, a branch's operand). Functions are straight
    code: a `for` is read as if its body ran twice.
    """
    found: list[str] = []
    function = ast.parse(source).body[0]
    _scope(function, set(_GIVEN), found, inner=False)
    return found


def _scope(function, outer: set[str], found: list[str], inner: bool = True) -> set[str]:
    """Reads a function's body; returns the names that it reads from outside."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    unread = set() if inner else {name for name in names if name != "_"}
    defined = set(names)
    free: set[str] = set()

    def read(name: str) -> None:
        unread.discard(name)
        if name not in defined:
            free.add(name)
            if name not in outer:
                found.append(f"{name} is read but not defined")

    def expression(node) -> None:
        for child in ast.walk(node):
            if isinstance(child, ast.Lambda):
                for name in _lambda(child, outer | defined, found):
                    read(name)
        for name in _loads(node):
            read(name)

    def assign(target) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                if node.id in unread:
                    found.append(f"{node.id} is assigned twice and not read between")
                defined.add(node.id)
                if node.id != "_":
                    unread.add(node.id)
            elif isinstance(node, ast.Subscript):
                expression(node)

    def statement(node) -> None:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                expression(decorator)
            for name in _scope(node, outer | defined | {node.name}, found):
                read(name)
            defined.add(node.name)
            unread.add(node.name)
        elif isinstance(node, ast.Assign):
            expression(node.value)
            for target in node.targets:
                assign(target)
        elif isinstance(node, ast.AugAssign):
            expression(node.value)
            read(node.target.id)
            unread.add(node.target.id)
        elif isinstance(node, ast.For):
            expression(node.iter)
            assign(node.target)
            unread.discard(getattr(node.target, "id", ""))
            for _ in range(2):
                for child in node.body:
                    statement(child)
        elif isinstance(node, ast.Return):
            expression(node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            pass  # a docstring
        else:
            found.append(f"an unexpected statement: {ast.unparse(node)}")

    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    for node in body:
        expression(node) if isinstance(function, ast.Lambda) else statement(node)
    found.extend(f"{name} is not used" for name in sorted(unread))
    return free


def _lambda(node: ast.Lambda, outer: set[str], found: list[str]) -> set[str]:
    return _scope(node, outer, found)


def _loads(node) -> list[str]:
    """Names read by an expression, outside of the lambdas and comprehensions in it."""
    if isinstance(node, ast.Lambda):
        return []
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        bound = {
            n.id for c in node.generators for n in ast.walk(c.target) if isinstance(n, ast.Name)
        }
        return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in bound]
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Load) else []
    return [name for child in ast.iter_child_nodes(node) for name in _loads(child)]
