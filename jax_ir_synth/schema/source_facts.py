"""What a row's Python source uses and how it is written, by its syntax tree (no jax here)."""

import ast
import dataclasses

# The names under which a kernel's source reaches the library.
ROOTS = {"jnp": "jax.numpy", "lax": "jax.lax", "jax": "jax"}

# Methods of an array that exist as functions of jax.numpy too; others (`list.append`, say) are
# some other object's.
ARRAY_METHODS = frozenset(
    "all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy "
    "cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel repeat reshape round "
    "searchsorted sort squeeze std sum swapaxes take trace transpose var".split()
)


@dataclasses.dataclass(frozen=True)
class SourceFacts:
    """One source: dotted library names, methods called on arrays, and properties of its text.

    Attributes:
      arguments: the kernel's, in order; the last `defaults` of them have a default.
      names: such as `jax.numpy.sum`, `jax.random.split`; the longest dotted name only, and
        never the modules on the way.
      methods: such as `sum`, `at[].add`.
      lines: lines that are not blank.
      docstring, annotations, inner_function, lambda_: whether there is one; an inner function is
        a `def`.
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
    """Facts of a source whose first statement is the kernel. Raises SyntaxError if it is no Python.

    Raises ValueError when its first statement is no function.
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
        if _dotted(function) is None:
            updated = _is_at(function.value)
            if updated or function.attr in ARRAY_METHODS:
                methods.add(f"at[].{function.attr}" if updated else function.attr)
    if isinstance(node, ast.Attribute):
        dotted = _dotted(node)
        if dotted is not None:
            names.add(dotted)
            return
    for child in ast.iter_child_nodes(node):
        _read_uses(child, names, methods)


def _dotted(node: ast.AST) -> str | None:
    """The library name that a chain of attributes spells, None if it begins with something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name) or node.id not in ROOTS:
        return None
    return ".".join([ROOTS[node.id], *reversed(parts)])


def _is_at(node: ast.AST) -> bool:
    """Whether this is `x.at[…]`."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "at"
    )
