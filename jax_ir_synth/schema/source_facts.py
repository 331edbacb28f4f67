"""The library names in a row's Python source, and properties of its text (no jax here)."""

import ast
import dataclasses
from collections.abc import Mapping

# The names by which a kernel's source refers to the library.
ROOTS = {"jnp": "jax.numpy", "lax": "jax.lax", "jax": "jax"}

# Methods that define a function's derivatives.
_RULES = frozenset(("defjvp", "defjvps", "defvjp"))

# Methods of an array that are functions of jax.numpy, too. Any other method, such as
# `list.append`, belongs to another object.
ARRAY_METHODS = frozenset(
    "all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy "
    "cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel repeat reshape round "
    "searchsorted sort squeeze std sum swapaxes take trace transpose var".split()
)


@dataclasses.dataclass(frozen=True)
class SourceFacts:
    """The library names, the array methods and other properties of a source.

    Attributes:
      name: The kernel's name.
      arguments: The names of the kernel's arguments, in order.
      defaults: How many of the arguments have a default. These are the last ones.
      names: The dotted library names, such as `jax.numpy.sum` or `jax.random.split`. The modules
        in a longer name aren't included.
      methods: The methods called on arrays, such as `sum` or `at[].add`.
      lines: The number of lines that aren't blank.
      docstring: Whether the kernel has a docstring.
      annotations: Whether the kernel has an annotation.
      inner_function: Whether there is a `def` inside the kernel or another function.
      lambda_: Whether there is a lambda.
    """

    name: str
    arguments: tuple[str, ...]
    defaults: int
    names: frozenset[str]
    methods: frozenset[str]
    lines: int
    docstring: bool
    annotations: bool
    inner_function: bool
    lambda_: bool


def parse_source(python: str) -> ast.Module:
    """Parse a source.

    Raises SyntaxError if it is no valid Python, or nested too deeply for Python's parser.
    """
    try:
        return ast.parse(python)
    except (MemoryError, RecursionError):
        # The parser's own limits, which it doesn't count as errors of the source.
        raise SyntaxError("it is nested too deeply", (None, 1, None, None)) from None


def read_source(python: str, tree: ast.Module | None = None) -> SourceFacts:
    """Collect the facts of a source.

    Args:
      python: A source that is the kernel, or whose last definition is: a module with imports,
        constants and helpers.
      tree: What `parse_source` makes of it, if it is already known.

    Raises:
      SyntaxError: See `parse_source`.
      ValueError: The last statement is no function, nor defines the derivatives of one.
    """
    tree = parse_source(python) if tree is None else tree
    kernel = _find_kernel(tree)
    if kernel is None:
        raise ValueError(f"source (={python[:40]!r}…) must begin with a function, or end with one")
    names: set[str] = set()
    methods: set[str] = set()
    inner = lambda_ = False
    _read_uses(tree, _find_roots(tree), names, methods)
    for node in ast.walk(tree):
        is_outer = any(node is statement for statement in tree.body)
        inner = inner or (isinstance(node, ast.FunctionDef) and not is_outer)
        lambda_ = lambda_ or isinstance(node, ast.Lambda)
    return SourceFacts(
        kernel.name,
        tuple(argument.arg for argument in kernel.args.args),
        len(kernel.args.defaults),
        frozenset(names),
        frozenset(methods),
        sum(bool(line.strip()) for line in python.splitlines()),
        ast.get_docstring(kernel) is not None,
        kernel.returns is not None or any(a.annotation is not None for a in kernel.args.args),
        inner,
        lambda_,
    )


def _find_kernel(tree: ast.Module) -> ast.FunctionDef | None:
    """Find the last function, which `f.defjvp(rule)` may follow."""
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.FunctionDef):
        return last
    if not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)):
        return None
    method = last.value.func
    if not (isinstance(method, ast.Attribute) and method.attr in _RULES):
        return None
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return next((node for node in functions if node.name == ast.unparse(method.value)), None)


def _find_roots(tree: ast.Module) -> dict[str, str]:
    """Find what the names mean by which a source refers to the library, with its own imports."""
    roots = dict(ROOTS)
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname and alias.name.split(".")[0] == "jax":
                    roots[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jax":
            for alias in node.names:
                roots[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return roots


def _read_uses(tree: ast.AST, roots: Mapping[str, str], names: set[str], methods: set[str]) -> None:
    """Add the library names and array methods that are used."""
    # Python parses sources that are nested more deeply than its functions may be.
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            function = node.func
            if _join_name(function, roots) is None:
                updated = _is_at_index(function.value)
                if updated or function.attr in ARRAY_METHODS:
                    methods.add(f"at[].{function.attr}" if updated else function.attr)
        if isinstance(node, ast.Attribute):
            dotted = _join_name(node, roots)
            if dotted is not None:
                names.add(dotted)
                continue
        elif isinstance(node, ast.Name) and node.id in roots and node.id not in ROOTS:
            # A function that was imported by its name.
            names.add(roots[node.id])
        left += ast.iter_child_nodes(node)


def _join_name(node: ast.AST, roots: Mapping[str, str]) -> str | None:
    """Join a chain of attributes to a library name. None if it begins with something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name) or node.id not in roots:
        return None
    return ".".join([roots[node.id], *reversed(parts)])


def _is_at_index(node: ast.AST) -> bool:
    """Check whether this is `x.at[…]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "at"
    )
