"""Loads a row's Python text as a function of the NumPy reference; refuses all but kernels."""

import ast
import builtins
from typing import Any

from jax_ir_synth.reference.literals import round_literals
from jax_ir_synth.reference.numpy_jax import JAX, JNP, LAX, bounds, list_names

# The builtins that a kernel may use. The rest of Python is out of its reach: other builtins,
# imports, names with leading underscores, and attributes other than the library's and an array's.
_BUILTINS = {
    name: getattr(builtins, name)
    for name in "abs bool dict enumerate float int len list max min range reversed round "
    "sum tuple zip".split()
} | {"range": bounds.bounded_range}
# The functions that bound a program's own Python, by names that a program can't use.
_HOOKS = {
    "__step": bounds.step,
    "__add": bounds.add,
    "__multiply": bounds.multiply,
    "__power": bounds.power,
    "__shift": bounds.shift,
}
_BOUNDED = {ast.Add: "__add", ast.Mult: "__multiply", ast.Pow: "__power", ast.LShift: "__shift"}
_ARRAY_ATTRIBUTES = frozenset(
    "T all any append argmax argmin argsort astype at add clip cumprod cumsum diagonal dot imag "
    "items keys max mean min multiply ndim prod ravel real repeat reshape round set shape size "
    "sort squeeze std sum swapaxes take trace transpose values var eps tiny".split()
)
_FORBIDDEN = (
    ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.ClassDef, ast.AsyncFunctionDef,
    ast.Await, ast.Yield, ast.YieldFrom, ast.With, ast.Try, ast.Raise, ast.Delete, ast.JoinedStr,
    ast.While, ast.Match, ast.NamedExpr,
)  # fmt: skip


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
        raise ValueError("its python is not one function")
    if tree.body[0].name != name:
        raise ValueError(f"its python defines {tree.body[0].name}, its kernel_name is {name}")
    allowed = _ARRAY_ATTRIBUTES | list_names()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            raise ValueError(f"its python assigns to an item of an array: {_show(node)}")
        if isinstance(node, _FORBIDDEN):
            raise ValueError(f"its python has a statement that no kernel has: {_show(node)}")
        if isinstance(node, ast.Attribute) and node.attr not in allowed:
            raise ValueError(f"its python uses an attribute that no kernel has: {_show(node)}")
        if isinstance(node, (ast.Name, ast.arg)):
            word = node.id if isinstance(node, ast.Name) else node.arg
            if word.startswith("__"):
                raise ValueError(f"its python uses a name that no kernel has: {word}")
    if half is not None:
        tree = round_literals(tree, half)
    tree = ast.fix_missing_locations(_Bounded().visit(tree))
    space: dict[str, Any] = {
        "jax": JAX,
        "jnp": JNP,
        "lax": LAX,
        **_HOOKS,
        "__builtins__": _BUILTINS,
    }
    # `optimize=0` whatever the caller's Python runs with. The arguments' defaults are evaluated
    # here, so they count as steps too.
    with bounds.count_steps():
        exec(compile(tree, f"<{name}>", "exec", optimize=0), space)
    return space[name]


class _Bounded(ast.NodeTransformer):
    """Makes loops, functions, and operators that can give large numbers or lists call `bounds`.

    It turns `x += y` into `x = x + y`, since NumPy would change an array that has other names too.
    """

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if not isinstance(node.target, ast.Name):
            raise ValueError(f"its python assigns to an item of an array: {_show(node)}")
        read = ast.Name(node.target.id, ast.Load())
        changed = ast.Assign([node.target], ast.BinOp(read, node.op, node.value))
        visited: ast.AST = self.visit(ast.copy_location(changed, node))
        return visited

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        hook = _BOUNDED.get(type(node.op))
        return node if hook is None else _call(hook, node.left, node.right)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("__step")))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call("__step")))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        # `step` returns True.
        node.body = ast.IfExp(_call("__step"), node.body, ast.Constant(None))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _call("__step"))
        return node


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _show(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0][:60]
