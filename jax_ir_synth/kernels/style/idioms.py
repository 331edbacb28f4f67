"""Writes statements in the short forms that people have: conditional expressions, lambdas, dtypes.

It also adds what stands around a computation and hardly changes it: casts and `jax.jit`.
"""

import ast
from collections import Counter
from collections.abc import Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.trees import Transformer, copy_tree, is_stored, walk

# In percent: programs that write short branches as expressions, that write inner functions of one
# expression as lambdas, that name the dtypes of new arrays, that are decorated with `jax.jit`.
_CONDITIONAL, _LAMBDA, _DTYPE, _JIT = 80, 85, 60, 11
# Programs that write two steps as one where the second one only goes on from the first, and the
# longest expression that comes of it.
_JOINS, _LONGEST = 70, 72
# Programs that compute in float32 whatever they get: of those in 16 bits, and of the others.
_WIDENS_HALF, _WIDENS = 50, 9
# The longest branch that becomes an expression.
_SHORT = 44
# What makes an array of the default dtype from its shape; `full` takes a value as well.
_MAKERS = frozenset("zeros ones empty eye".split())


def shorten(program: Sequence[ast.stmt], dtype: str, stream: Stream) -> None:
    """Choose the short forms of a program.

    Args:
      program: its statements; the last one is the function itself.
      dtype: the dtype of its floating-point arrays.
      stream: decides which forms it has.
    """
    joins = stream.chance(_JOINS)
    conditional, lambdas = stream.chance(_CONDITIONAL), stream.chance(_LAMBDA)
    named = stream.choose({"": 100 - _DTYPE, "jnp.float32": _DTYPE})
    functions = [node for node in program if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if joins:
            _join(function)
        if conditional:
            function.body = [_Conditional().visit(node) for node in function.body]
        if lambdas:
            _write_lambdas(function)
        if named and dtype == "float32":
            _Dtypes(named).visit(function)


def _join(function: ast.FunctionDef) -> None:
    """Write `x = a; x = f(x)` as `x = f(a)`, and `x = a; return x` as `return a`."""
    body, number = function.body, 0
    while number + 1 < len(body):
        match body[number], body[number + 1]:
            case ast.Assign(targets=[ast.Name(id=name)], value=first), ast.Assign(
                targets=[ast.Name(id=again)], value=second
            ) if name == again:
                joined = _put_in(name, first, second)
                if joined is not None:
                    step = ast.Assign([ast.Name(name, ast.Store())], joined)
                    body[number : number + 2] = [ast.copy_location(step, body[number])]
                    continue
            case ast.Assign(targets=[ast.Name(id=name)], value=first), ast.Return(
                value=ast.Name(id=again)
            ) if name == again:
                body[number : number + 2] = [ast.copy_location(ast.Return(first), body[number])]
        number += 1


def _put_in(name: str, first: ast.expr, second: ast.expr) -> ast.expr | None:
    """Put an expression in place of a name that another one reads once; None if it won't do."""
    nodes = walk(second)
    reads = sum(isinstance(node, ast.Name) and node.id == name for node in nodes)
    if reads != 1 or any(isinstance(node, ast.Lambda | ast.comprehension) for node in nodes):
        return None
    joined: ast.expr = _Replaced(name, first).visit(copy_tree(second))
    return joined if len(ast.unparse(joined)) <= _LONGEST else None


class _Replaced(Transformer):
    def __init__(self, name: str, value: ast.expr):
        self._name, self._value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._value if node.id == self._name else node


class _Conditional(Transformer):
    """Writes `if a: x = b else: x = c` as `x = b if a else c`, where both are short."""

    def visit_If(self, node: ast.If) -> ast.stmt:
        node.body = [self.visit(each) for each in node.body]
        match node.orelse:
            case [ast.If()]:
                # A chain of tests stays one.
                return node
        node.orelse = [self.visit(each) for each in node.orelse]
        match node:
            case ast.If(
                test=test,
                body=[ast.Assign(targets=[ast.Name(id=name)], value=first)],
                orelse=[ast.Assign(targets=[ast.Name(id=other) as target], value=second)],
            ) if name == other and _all_short(test, first, second):
                value = ast.IfExp(test, first, second)
                return ast.copy_location(ast.Assign([target], value), node)
            case ast.If(
                test=test, body=[ast.Return(value=first)], orelse=[ast.Return(value=second)]
            ) if first is not None and second is not None and _all_short(test, first, second):
                return ast.copy_location(ast.Return(ast.IfExp(test, first, second)), node)
        return node


def _all_short(*parts: ast.expr) -> bool:
    lengths = [len(ast.unparse(part)) for part in parts]
    nested = any(isinstance(part, ast.IfExp | ast.Tuple) for part in parts)
    return max(lengths) <= _SHORT and sum(lengths) <= 2 * _SHORT and not nested


def _write_lambdas(function: ast.FunctionDef) -> None:
    """Write an inner function of one expression where it is used, if it is used once."""
    for inner in [node for node in function.body if isinstance(node, ast.FunctionDef)]:
        arguments = inner.args
        uses = [
            node for node in walk(function) if isinstance(node, ast.Name) and node.id == inner.name
        ]
        body = inner.body[1:] if ast.get_docstring(inner) else inner.body
        match body:
            case [ast.Return(value=ast.expr() as value)] if (
                len(uses) == 1
                and not arguments.defaults
                and not arguments.kwonlyargs
                and len(ast.unparse(value)) <= 48
            ):
                written = _Written(inner.name, ast.Lambda(arguments, value))
                for statement in function.body:
                    written.visit(statement)
                if written.done:
                    function.body.remove(inner)


class _Written(Transformer):
    """Writes a lambda for the name that is an argument of a call."""

    def __init__(self, name: str, value: ast.Lambda):
        self._name, self._value, self.done = name, value, False

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        for number, each in enumerate(node.args):
            if isinstance(each, ast.Name) and each.id == self._name:
                node.args[number] = self._value
                self.done = True
        return node


class _Dtypes(Transformer):
    """Names the dtype of new arrays that have the default one."""

    def __init__(self, name: str):
        self._name = name

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(value=ast.Name(id="jnp"), attr=maker) if (
                not node.keywords
                and (maker in _MAKERS or maker == "full")
                and len(node.args) == 1 + (maker == "full")
            ):
                dtype = ast.parse(self._name, mode="eval").body
                node.keywords = [ast.keyword("dtype", dtype)]
        return node


def widen(main: ast.FunctionDef, floats: Sequence[str], dtype: str, stream: Stream) -> None:
    """Let some programs compute in float32, and return what they find in the dtype of their input.

    Args:
      main: the program's function.
      floats: its parameters that are floating-point arrays.
      dtype: their dtype.
      stream: decides.
    """
    returns = [node for node in walk(main) if isinstance(node, ast.Return)]
    stored = Counter(node.id for node in walk(main) if is_stored(node))
    last = main.body[-1]
    simple = len(returns) == 1 and returns[0] is last and not any(stored[each] for each in floats)
    if not stream.chance(_WIDENS if dtype == "float32" else _WIDENS_HALF) or not simple:
        return
    assert isinstance(last, ast.Return)
    if not _is_surely_array(last.value, main) or not floats or len(floats) > 4:
        return
    names = ", ".join(floats)
    if len(floats) > 2:
        text = f"{names} = ({floats[0][0]}.astype(jnp.float32) for {floats[0][0]} in ({names}))"
        text = text if floats[0][0] not in stored and floats[0][0] not in floats else ""
        text = text or f"{names} = [each.astype(jnp.float32) for each in ({names})]"
    else:
        text = "\n".join(f"{each} = {each}.astype(jnp.float32)" for each in floats)
    kept = "dtype" if "dtype" not in stored else "out_dtype"
    place = int(ast.get_docstring(main) is not None)
    main.body[place:place] = ast.parse(f"{kept} = {floats[0]}.dtype\n{text}").body
    assert last.value is not None
    method = ast.Attribute(last.value, "astype", ast.Load())
    last.value = ast.Call(method, [ast.Name(kept, ast.Load())], [])


def _is_surely_array(value: ast.expr | None, main: ast.FunctionDef) -> bool:
    """Whether a value is the result of an operator, or a name that has nothing else."""
    if not isinstance(value, ast.Name):
        return isinstance(value, ast.BinOp)
    given = [node for node in walk(main) if is_stored(node) and node.id == value.id]
    results = [
        node.value
        for node in walk(main)
        if isinstance(node, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id == value.id for each in node.targets)
    ]
    return len(given) == len(results) > 0 and all(isinstance(each, ast.BinOp) for each in results)


def decorate(main: ast.FunctionDef, options: Sequence[str], stream: Stream) -> str:
    """Let some programs be decorated with `jax.jit`; return the import that it needs, or nothing.

    Args:
      main: the program's function.
      options: its parameters that stay Python values.
      stream: decides.
    """
    if not stream.chance(_JIT):
        return ""
    text, needs = "jax.jit", ""
    if options:
        way = stream.choose({"functools.partial": 60, "partial": 40})
        listed = ", ".join(f'"{name}"' for name in options) + "," * (len(options) == 1)
        text = f"{way}(jax.jit, static_argnames=({listed}))"
        needs = "import functools" if way != "partial" else "from functools import partial"
    main.decorator_list = [ast.Name(text, ast.Load())]
    return needs
