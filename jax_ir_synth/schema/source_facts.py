"""The library names in a row's Python source, and properties of its text (no jax here)."""

import ast
import dataclasses

# The names by which a kernel's source refers to the library.
ROOTS = {"jnp": "jax.numpy", "lax": "jax.lax", "jax": "jax"}

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
      arguments: The names of the kernel's arguments, in order.
      defaults: How many of the arguments have a default. These are the last ones.
      names: The dotted library names, such as `jax.numpy.sum` or `jax.random.split`. The modules
        in a longer name aren't included.
      methods: The methods called on arrays, such as `sum` or `at[].add`.
      lines: The number of lines that aren't blank.
      docstring: Whether the kernel has a docstring.
      annotations: Whether the kernel has an annotation.
      inner_function: Whether there is a `def` inside the kernel.
      lambda_: Whether there is a lambda.
    """

    arguments: tuple[str, ...]
    defaults: int
    names: frozenset[str]
    methods: frozenset[str]
    lines: int
    docstring: bool
    annotations: bool
    inner_function: bool
    lambda_: bool


def read_source(python: str) -> SourceFacts:
    """Parse a source and collect its facts.

    Args:
      python: A source whose first statement is the kernel.

    Raises:
      SyntaxError: The source is no valid Python.
      ValueError: The first statement is no function.
    """
    tree = ast.parse(python)
    kernel = tree.body[0] if tree.body else None
    if not isinstance(kernel, ast.FunctionDef):
        raise ValueError(f"source (={python[:40]!r}…) must begin with a function")
    names: set[str] = set()
    methods: set[str] = set()
    inner = lambda_ = False
    _read_uses(kernel, names, methods)
    for node in ast.walk(kernel):
        inner = inner or (isinstance(node, ast.FunctionDef) and node is not kernel)
        lambda_ = lambda_ or isinstance(node, ast.Lambda)
    return SourceFacts(
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


def _read_uses(node: ast.AST, names: set[str], methods: set[str]) -> None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        function = node.func
        if _join_name(function) is None:
            updated = _is_at_index(function.value)
            if updated or function.attr in ARRAY_METHODS:
                methods.add(f"at[].{function.attr}" if updated else function.attr)
    if isinstance(node, ast.Attribute):
        dotted = _join_name(node)
        if dotted is not None:
            names.add(dotted)
            return
    for child in ast.iter_child_nodes(node):
        _read_uses(child, names, methods)


def _join_name(node: ast.AST) -> str | None:
    """Join a chain of attributes to a library name. None if it begins with something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name) or node.id not in ROOTS:
        return None
    return ".".join([ROOTS[node.id], *reversed(parts)])


def _is_at_index(node: ast.AST) -> bool:
    """Check whether this is `x.at[…]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "at"
    )
