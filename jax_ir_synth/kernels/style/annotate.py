"""Annotates a program's functions: arrays, plain constants, and what is returned."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from jax_ir_synth.kernels.style.trees import BLOCKS, walk

# Functions whose result may be several arrays.
_MAY_GIVE_SEVERAL = (
    *("scan", "fori_loop", "while_loop", "cond", "switch", "map", "vmap", "slogdet", "eigh", "svd"),
    *(
        "qr",
        "split",
        "meshgrid",
        "top_k",
        "lu",
        "value_and_grad",
        "grad",
        "append",
        "extend",
        "leaves",
    ),
)


def annotate(
    function: ast.FunctionDef, program: Sequence[ast.stmt], hint: str, kinds: Mapping[str, str]
) -> None:
    """Annotate parameters: those in `kinds`, and what has a plain constant as its default."""
    for each, default in _list_defaults(function):
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


def _list_defaults(function: ast.FunctionDef) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """List the parameters of a function, each with its default."""
    arguments = function.args
    first = len(arguments.args) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * first, *arguments.defaults, *arguments.kw_defaults]
    yield from zip((*arguments.args, *arguments.kwonlyargs), defaults, strict=True)


def _count_results(function: ast.FunctionDef, program: Sequence[ast.stmt]) -> int | None:
    """Count the arrays that a function returns; None if it isn't sure that they are arrays."""
    counts = set()
    for each in _list_returned(function):
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
        for statement in walk(function, BLOCKS)
        if isinstance(statement, ast.Assign)
        and any(
            isinstance(target, ast.Name) and target.id == node.id for target in statement.targets
        )
    ]
    inner = {each.name for each in walk(function, BLOCKS) if isinstance(each, ast.FunctionDef)}
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
    plain |= _find_structures(program)
    # A parameter that is passed on is what its default is.
    defaults = {
        each.arg: default
        for node in program
        if isinstance(node, ast.FunctionDef)
        for each, default in _list_defaults(node)
        if default is not None
    }
    for part in program:
        for node in walk(part):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == helper.name:
                given = [*zip(parameters, node.args, strict=False)]
                given += [(each.arg, each.value) for each in node.keywords if each.arg in found]
                for name, value in given:
                    own = defaults.get(value.id) if isinstance(value, ast.Name) else None
                    found[name].add(_guess_kind(own or value, plain, hint))
    return {
        name: next(iter(kinds)) if kinds else hint
        for name, kinds in found.items()
        if len(kinds) <= 1 and "" not in kinds and name not in plain
    }


def _find_structures(program: Sequence[ast.stmt]) -> set[str]:
    """Find the names that stand, in some function of a program, for no array but several."""
    functions = {node.name: node for node in program if isinstance(node, ast.FunctionDef)}
    nodes = [node for function in functions.values() for node in walk(function)]
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())):
                found.add(name)
            case ast.Attribute(value=ast.Name(id=name), attr="items" | "keys" | "values"):
                found.add(name)
            case ast.For(iter=ast.Name(id=name)) | ast.comprehension(iter=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[ast.Tuple()], value=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_structure(value):
                found.add(name)
            case ast.Call(func=function, args=arguments):
                text = ast.unparse(function)
                if text in ("zip", "enumerate", "len", "dict", "sum", "map") or ".tree" in text:
                    found |= {each.id for each in arguments if isinstance(each, ast.Name)}
                if isinstance(function, ast.Name) and function.id not in functions:
                    found.add(function.id)
    # What a function takes as a structure is one where it is called.
    while True:
        before = len(found)
        for node in nodes:
            match node:
                case ast.Call(func=ast.Name(id=called)) if called in functions:
                    parameters = [each.arg for each in functions[called].args.args]
                    pairs = [*zip(parameters, node.args, strict=False)]
                    pairs += [(each.arg, each.value) for each in node.keywords if each.arg]
                    found |= {
                        given.id
                        for name, given in pairs
                        if name in found and isinstance(given, ast.Name)
                    }
        if len(found) == before:
            return found


def _is_structure(value: ast.expr) -> bool:
    """Whether an expression is a tuple, a list, a dictionary, or a tree of these."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in ("jax.tree.map", "jax.tree.leaves", "tuple", "list")
    return isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.ListComp | ast.DictComp)


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


def _list_returned(function: ast.FunctionDef) -> list[ast.expr]:
    """List what a function returns, but not those inside it."""
    found: list[ast.expr] = []
    waiting = list(function.body)
    for statement in waiting:
        if isinstance(statement, ast.Return):
            if statement.value is not None:
                found.append(statement.value)
        elif not isinstance(statement, ast.FunctionDef):
            for block in BLOCKS[statement.__class__]:
                waiting += getattr(statement, block)
    return found
