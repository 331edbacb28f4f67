"""Loads a row's Python text as a function of the NumPy reference; refuses all but kernels.

A text with imports is a module, which `modules` loads by other rules.
"""

import ast
import builtins
import functools
from typing import Any

import numpy as np

from jax_ir_synth.reference.hooks import HOOKS, OF_OPERATORS
from jax_ir_synth.reference.literals import round_literals
from jax_ir_synth.reference.numpy_jax import JAX, JNP, LAX, bounds, list_names

# The builtins that a kernel may use. The rest of Python is out of its reach: other builtins,
# imports, names with leading underscores, and attributes other than the library's and an array's.
_BUILTINS = {
    name: getattr(builtins, name)
    for name in "abs bool dict enumerate float int len list max min range reversed round "
    "sum tuple zip".split()
} | {"range": bounds.bounded_range, "round": bounds.bounded_round}
_ARRAY_ATTRIBUTES = frozenset(
    "T all any append argmax argmin argsort astype at add clip cumprod cumsum diagonal dot imag "
    "items keys max mean min multiply ndim prod ravel real repeat reshape round set shape size "
    "sort squeeze std sum swapaxes take trace transpose values var eps tiny".split()
)
_FORBIDDEN = frozenset((
    ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.ClassDef, ast.AsyncFunctionDef,
    ast.Await, ast.Yield, ast.YieldFrom, ast.With, ast.Try, ast.TryStar, ast.Raise, ast.Delete,
    ast.JoinedStr, ast.While, ast.Match, ast.NamedExpr,
))  # fmt: skip
# The fields of nodes that hold operators and contexts, in which there is nothing to check.
_BARE_FIELDS = frozenset(("ctx", "op", "ops"))


def load(python: str, name: str, half: str | None = None) -> Any:
    """Load the function `name` that the text defines; it takes NumPy arrays.

    Args:
      python: the text.
      name: the function's name.
      half: the dtype of a program of 16-bit floats, to which its literals are rounded.

    Raises:
      ValueError: the text isn't valid Python, does more than define that function, or uses
        something that kernels don't. A name that the NumPy reference lacks is an error only when
        the function is called.
    """
    try:
        tree = ast.parse(python)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"its python doesn't parse: {error}") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        if not any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
            raise ValueError("its python is not one function")
        # Few texts are modules, and loading them needs more of the reference.
        from jax_ir_synth.reference.modules.loading import load_module

        return load_module(tree, name, half)
    if tree.body[0].name != name:
        raise ValueError(f"its python defines {tree.body[0].name}, its kernel_name is {name}")
    if half is not None:
        tree = round_literals(tree, half)
    _check_and_bound(tree)
    space: dict[str, Any] = {
        "jax": JAX,
        "jnp": JNP,
        "lax": LAX,
        **HOOKS,
        "__builtins__": _BUILTINS,
    }
    # `optimize=0` whatever the caller's Python runs with. The arguments' defaults are evaluated
    # here, so they count as steps too.
    with bounds.count_steps():
        exec(compile(tree, f"<{name}>", "exec", optimize=0), space)
    return space[name]


def is_kernel(python: str) -> bool:
    """Whether a text is one function that uses only what kernels do: it needs no imports."""
    tree = ast.parse(python)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        return False
    try:
        _check_and_bound(tree)
    except ValueError:
        return False
    return True


class _HookCall(ast.Call):
    """A call of a hook in place of an operator; its function's name is none of the program's."""


def _call_hook(name: str, at: ast.AST, *arguments: ast.expr) -> _HookCall:
    """Make a call of a hook, at the place of a node."""
    function = ast.copy_location(ast.Name(name, ast.Load()), at)
    return ast.copy_location(_HookCall(function, list(arguments), []), at)


_START = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
# Counts a step, and is true. All programs share these nodes, which nothing changes.
_STEP = _call_hook("__step", _START)
_STEP_STATEMENT = ast.copy_location(ast.Expr(_STEP), _START)
_NONE = ast.copy_location(ast.Constant(None), _START)


def _check_and_bound(tree: ast.Module) -> None:
    """Refuse what kernels don't have, and make the tree call `bounds`; see `_bound_operator`.

    Loops and functions count their steps. One walk does both, since walks take most of a loading's
    time. It goes level by level, so that no nesting is too deep for it.

    Raises ValueError.
    """
    allowed = _list_attributes()
    nodes: list[ast.AST] = [tree]
    for node in nodes:
        _check_node(node, allowed)
        # Annotations mean nothing.
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        kind: Any = type(node)
        for field in _list_fields(kind):
            value = getattr(node, field)
            if isinstance(value, ast.AST):
                bounded = _bound_operator(value)
                if bounded is not value:
                    setattr(node, field, bounded)
                nodes.append(bounded)
            elif isinstance(value, list):
                value[:] = [_bound_operator(x) if isinstance(x, ast.AST) else x for x in value]
                nodes.extend(x for x in value if isinstance(x, ast.AST))
        if isinstance(node, ast.For | ast.FunctionDef):
            node.body.insert(0, _STEP_STATEMENT)
        elif isinstance(node, ast.Lambda):
            node.body = ast.copy_location(ast.IfExp(_STEP, node.body, _NONE), node.body)
        elif isinstance(node, ast.comprehension):
            node.ifs.insert(0, _STEP)


def _check_node(node: ast.AST, allowed: frozenset[str]) -> None:
    """Raise ValueError for a node that no kernel has."""
    kind = type(node)
    if kind in _FORBIDDEN:
        raise ValueError(f"its python has a statement that no kernel has: {_show(node)}")
    if isinstance(node, ast.Name | ast.arg):
        word = node.id if isinstance(node, ast.Name) else node.arg
        if word.startswith("__"):
            raise ValueError(f"its python uses a name that no kernel has: {word}")
    elif isinstance(node, ast.Attribute):
        if node.attr not in allowed:
            raise ValueError(f"its python uses an attribute that no kernel has: {_show(node)}")
        # A name of the library would stay changed for the programs that follow.
        if not isinstance(node.ctx, ast.Load):
            raise ValueError(f"its python assigns to an attribute: {_show(node)}")
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        raise ValueError(f"its python assigns to an item of an array: {_show(node)}")


def _bound_operator(node: ast.AST) -> ast.AST:
    """Replace an operator that can give large numbers or lists by a call of `bounds`.

    `x += y` becomes `x = x + y`, since NumPy would change an array that has other names too.
    """
    if isinstance(node, ast.BinOp):
        hook = OF_OPERATORS.get(type(node.op))
        return node if hook is None else _call_hook(hook, node, node.left, node.right)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        result = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
        return ast.copy_location(ast.Assign([node.target], result), node)
    return node


@functools.cache
def _list_attributes() -> frozenset[str]:
    """List the attributes that kernels may use.

    NumPy's own methods are none of them, even where the library has a function of the same name.
    """
    return _ARRAY_ATTRIBUTES | {name for name in list_names() if not hasattr(np.ndarray, name)}


@functools.cache
def _list_fields(kind: Any) -> tuple[str, ...]:
    """List the fields of a kind of node that may hold nodes to check."""
    bare = _BARE_FIELDS | {"func"} if kind is _HookCall else _BARE_FIELDS
    return tuple(field for field in kind._fields if field not in bare)


def _show(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0][:60]
