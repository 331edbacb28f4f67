"""Annotates a program's functions: arrays, plain constants, and what is returned."""

import ast
from collections.abc import Iterator, Mapping, Sequence

# Functions whose result may be several arrays.
_MAY_GIVE_SEVERAL = (
    *("scan", "fori_loop", "while_loop", "cond", "switch", "map", "vmap", "slogdet", "eigh", "svd"),
    *("qr", "split", "meshgrid", "top_k", "lu", "value_and_grad", "grad", "append", "extend"),
)


def annotate(
    function: ast.FunctionDef, program: Sequence[ast.stmt], hint: str, kinds: Mapping[str, str]
) -> None:
    """Annotate parameters: those in `kinds`, and what has a plain constant as its default."""
    arguments = function.args
    first = len(arguments.args) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * first, *arguments.defaults, *arguments.kw_defaults]
    for each, default in zip((*arguments.args, *arguments.kwonlyargs), defaults, strict=True):
        is_none = isinstance(default, ast.Constant) and default.value is None
        if default is not None and not is_none:
            value = _find_constant(default)
            if value is not None:
                each.annotation = ast.Name(type(value).__name__)
        elif each.arg in kinds:
            each.annotation = ast.Name(f"{kinds[each.arg]} | None" if is_none else kinds[each.arg])
    count = _count_results(function, program)
    if count:
        text = hint if count == 1 else f"tuple[{', '.join([hint] * count)}]"
        function.returns = ast.Name(text)


def _count_results(function: ast.FunctionDef, program: Sequence[ast.stmt]) -> int | None:
    """Count the arrays that a function returns; None if it isn't sure that they are arrays."""
    returned = [
        node.value
        for node in _walk_own(function)
        if isinstance(node, ast.Return) and node.value is not None
    ]
    counts = set()
    for each in returned:
        parts = each.elts if isinstance(each, ast.Tuple) else [each]
        if not all(_is_array(part, function, program) for part in parts):
            return None
        counts.add(len(parts))
    return counts.pop() if len(counts) == 1 else None


def _is_array(
    node: ast.expr, function: ast.FunctionDef, program: Sequence[ast.stmt], deep: int = 0
) -> bool:
    """Whether an expression is surely one array."""
    if isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare):
        return True
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        for other in program:
            if isinstance(other, ast.FunctionDef) and other.name == called:
                return deep < 4 and _count_results(other, program) == 1
        module, _, name = called.rpartition(".")
        return bool(module) and name not in _MAY_GIVE_SEVERAL
    if isinstance(node, ast.Subscript | ast.Attribute):
        return True
    if not isinstance(node, ast.Name) or deep > 4:
        return False
    values = [
        statement.value
        for statement in ast.walk(function)
        if isinstance(statement, ast.Assign)
        and any(
            isinstance(target, ast.Name) and target.id == node.id for target in statement.targets
        )
    ]
    inner = {each.name for each in ast.walk(function) if isinstance(each, ast.FunctionDef)}
    if node.id in inner:
        return False
    return all(
        value is not node and _is_array(value, function, program, deep + 1) for value in values
    )


def find_kinds(helper: ast.FunctionDef, program: Sequence[ast.stmt], hint: str) -> dict[str, str]:
    """Find what a helper's parameters are, by what its calls give them; arrays if nothing tells."""
    parameters = [each.arg for each in (*helper.args.args, *helper.args.kwonlyargs)]
    found: dict[str, set[str]] = {each: set() for each in parameters}
    plain = {
        each.arg
        for node in program
        if isinstance(node, ast.FunctionDef)
        for each in (*node.args.args, *node.args.kwonlyargs)
        if isinstance(each.annotation, ast.Name) and "." not in each.annotation.id
    }
    for part in program:
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == helper.name:
                given = [*zip(parameters, node.args, strict=False)]
                given += [(each.arg, each.value) for each in node.keywords if each.arg in found]
                for name, value in given:
                    found[name].add(_guess_kind(value, plain, hint))
    return {
        name: next(iter(kinds)) if kinds else hint
        for name, kinds in found.items()
        if len(kinds) <= 1 and "" not in kinds
    }


def _guess_kind(value: ast.expr, plain: set[str], hint: str) -> str:
    """Guess the annotation of what a call gives; empty if it may be no array."""
    constant = _find_constant(value)
    if constant is not None:
        return type(constant).__name__
    text = ast.unparse(value)
    of_sizes = any(word in text for word in ("shape", "len(", "lambda"))
    is_function = text.startswith(("jax.nn.", "jnp.")) and "(" not in text
    return "" if of_sizes or is_function or text in plain else hint


def _find_constant(node: ast.expr) -> object:
    """The value of a constant, which may be negative; None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return node.value if isinstance(node, ast.Constant) else None


def _walk_own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Walk through a function, but not those inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
