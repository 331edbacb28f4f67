"""Leaves of a family's function what the chosen options need: an evaluation of its constant part.

Tests of options are decided where they can be, what can't be reached or isn't used goes, and helper
functions get the constants that all their calls agree on. It is partial evaluation in the sense of
Jones, Gomard and Sestoft (Partial Evaluation and Automatic Program Generation, 1993), of tests and
constants alone: no loop is unrolled, and no call is replaced.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jax_ir_synth.kernels.style.family import Code, FamilyModule

# What a test may not tell yet.
_UNKNOWN: Any = object()
# What an argument is that is there: not None, and otherwise unknown.
PRESENT: Any = object()
Function = ast.FunctionDef


def specialise(
    module: FamilyModule, name: str, known: Mapping[str, Any], dropped: Iterable[str]
) -> list[ast.stmt]:
    """Return the statements of a program: constants and helper functions, then the function itself.

    Args:
      module: the module.
      name: the family's function.
      known: what parameters are: a constant, an expression as `Code`, or PRESENT. Those with a
        value of their own disappear; a parameter that isn't listed stays with its default.
      dropped: the parameters that disappear.
    """
    main = _specialise_function(copy.deepcopy(module.functions[name]), known, dropped)
    helpers: dict[str, Function] = {}
    waiting = [main]
    while waiting:
        for called in _list_called(waiting.pop(), module.functions):
            if called not in helpers and called != name:
                helpers[called] = copy.deepcopy(module.functions[called])
                waiting.append(helpers[called])
    _bind_constants(main, helpers)
    _drop_unread(main, helpers)
    used = _list_reachable(main, helpers)
    functions = [helpers[each] for each in module.functions if each in used]
    names = {each.id for part in (*functions, main) for each in _names(part)}
    constants: list[ast.stmt] = [
        copy.deepcopy(node) for each, node in module.constants.items() if each in names
    ]
    return [*constants, *functions, main]


def _specialise_function(
    function: Function, known: Mapping[str, Any], dropped: Iterable[str]
) -> Function:
    function.body = _fold_block(function.body, known)
    assigned = _list_assigned(function)
    constants = {
        each: value
        for each, value in known.items()
        if each in set(dropped) and each not in assigned and value is not PRESENT
    }
    _Substitution(constants).visit(function)
    function.body = _fold_block(function.body, known)
    _drop_unused(function)
    _drop_aliases(function)
    _drop_parameters(function, set(dropped))
    return function


def _drop_aliases(function: Function) -> None:
    """Drop second names, as in `y = x`, where neither name is given another value."""
    stored = Counter(each.id for each in _names(function) if isinstance(each.ctx, ast.Store))
    parameters = Counter(node.arg for node in ast.walk(function) if isinstance(node, ast.arg))
    for statement in list(function.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=alias)], value=ast.Name(id=name)) if (
                stored[alias] == 1
                and not parameters[alias]
                and stored[name] + parameters[name] == 1
            ):
                function.body.remove(statement)
                _Substitution({alias: Code(name)}).visit(function)


def _fold_block(body: Sequence[ast.stmt], known: Mapping[str, Any]) -> list[ast.stmt]:
    """Decide the tests of a block, and drop what comes after it has returned."""
    kept: list[ast.stmt] = []
    for statement in body:
        statement = _FoldTests(known).visit(statement)
        if isinstance(statement, ast.If):
            test = _evaluate(statement.test, known)
            if test is not _UNKNOWN:
                kept += _fold_block(statement.body if test else statement.orelse, known)
            else:
                statement.body = _fold_block(statement.body, known) or [ast.Pass()]
                statement.orelse = _fold_block(statement.orelse, known)
                kept.append(statement)
        else:
            if isinstance(statement, ast.For | ast.While | Function):
                statement.body = _fold_block(statement.body, known)
            kept.append(statement)
        if kept and _always_ends(kept[-1]):
            break
    return kept


def _always_ends(statement: ast.stmt) -> bool:
    """Whether nothing after a statement is reached."""
    if isinstance(statement, ast.If):
        blocks = (statement.body, statement.orelse)
        return all(block and _always_ends(block[-1]) for block in blocks)
    return isinstance(statement, ast.Return | ast.Raise)


class _FoldTests(ast.NodeTransformer):
    """Decides conditional expressions, and leaves of `and` and `or` what isn't known."""

    def __init__(self, known: Mapping[str, Any]):
        self._known = known

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        test = _evaluate(node.test, self._known)
        if test is _UNKNOWN:
            return node
        return node.body if test else node.orelse

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        stops = isinstance(node.op, ast.Or)
        values = [_evaluate(each, self._known) for each in node.values]
        kept = [
            each
            for each, value in zip(node.values, values, strict=True)
            if value is _UNKNOWN or value is PRESENT or bool(value) is stops
        ]
        if len(kept) == len(node.values) or not kept:
            return node
        return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)

    def visit_If(self, node: ast.If) -> ast.If:
        # Its blocks are folded by themselves, and so the test is all that may hold expressions.
        node.test = self.visit(node.test)
        return node


def _evaluate(test: ast.expr, known: Mapping[str, Any]) -> Any:
    """Evaluate an expression of constants and known names; _UNKNOWN if it has anything else."""
    match test:
        case ast.Constant():
            return test.value
        case ast.Name() if test.id in known and not isinstance(known[test.id], Code):
            return known[test.id]
        case ast.UnaryOp(op=ast.Not()):
            value = _evaluate(test.operand, known)
            return _UNKNOWN if value is _UNKNOWN or value is PRESENT else not value
        case ast.UnaryOp(op=ast.USub()):
            value = _evaluate(test.operand, known)
            return -value if isinstance(value, int | float) else _UNKNOWN
        case ast.Tuple() | ast.List():
            values = [_evaluate(each, known) for each in test.elts]
            return _UNKNOWN if any(each in (_UNKNOWN, PRESENT) for each in values) else values
        case ast.BoolOp():
            stops = isinstance(test.op, ast.Or)
            values = [_evaluate(each, known) for each in test.values]
            if any(each not in (_UNKNOWN, PRESENT) and bool(each) is stops for each in values):
                return stops
            return _UNKNOWN if _UNKNOWN in values or PRESENT in values else not stops
        case ast.Compare(ops=[operation]):
            left, right = (_evaluate(each, known) for each in (test.left, *test.comparators))
            if _UNKNOWN in (left, right):
                return _UNKNOWN
            if PRESENT in (left, right):
                if None not in (left, right):
                    return _UNKNOWN
                return isinstance(operation, ast.IsNot)
            return _compare(operation, left, right)
    return _UNKNOWN


def _compare(operation: ast.cmpop, left: Any, right: Any) -> Any:
    match operation:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.Is():
            return left is right
        case ast.IsNot():
            return left is not right
        case ast.In():
            return left in right
        case ast.NotIn():
            return left not in right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
    return _UNKNOWN


class _Substitution(ast.NodeTransformer):
    """Writes constants and expressions for names, but not for the parameters of inner functions."""

    def __init__(self, values: Mapping[str, Any]):
        self._values = values
        self._inside = 0

    def visit_FunctionDef(self, node: Function) -> ast.AST:
        return self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._inside += 1
        found = self._visit_function(node)
        self._inside -= 1
        return found

    def _visit_function(self, node: Function | ast.Lambda) -> ast.AST:
        outer = self._values
        if self._inside:
            own = {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
            self._values = {name: value for name, value in outer.items() if name not in own}
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1
        self._values = outer
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._values or not isinstance(node.ctx, ast.Load):
            return node
        value = self._values[node.id]
        if isinstance(value, Code):
            return ast.parse(value, mode="eval").body
        return ast.parse(repr(value), mode="eval").body

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(ast.Constant(int() as left), ast.Add(), ast.Constant(int() as right)):
                return ast.Constant(left + right)
            case ast.BinOp(ast.Constant(int() as left), ast.Mult(), ast.Constant(int() as right)):
                return ast.Constant(left * right)
            case ast.BinOp(ast.Constant(int() as left), ast.Sub(), ast.Constant(int() as right)):
                if left >= right:
                    return ast.Constant(left - right)
            case ast.BinOp(
                ast.Constant(float() | int() as left), ast.Sub(), ast.Constant(float() as right)
            ) if left >= right:
                return ast.Constant(round(left - right, 10))
            case ast.BinOp(op=ast.Sub(), right=ast.UnaryOp(ast.USub(), ast.Constant() as right)):
                return ast.BinOp(node.left, ast.Add(), right)
            case ast.BinOp(op=ast.Add(), right=ast.UnaryOp(ast.USub(), ast.Constant() as right)):
                return ast.BinOp(node.left, ast.Sub(), right)
        return node


def _bind_constants(main: Function, helpers: Mapping[str, Function]) -> None:
    """Give helpers the constants that all their calls agree on, until nothing changes."""
    for _ in range(len(helpers) + 1):
        reachable = _list_reachable(main, helpers)
        changed = False
        for name in reachable:
            callers = [main, *(helpers[each] for each in reachable)]
            changed |= _bind_helper(helpers[name], callers)
        if not changed:
            return


def _bind_helper(helper: Function, callers: Sequence[Function]) -> bool:
    calls = _list_calls(helper.name, callers)
    if not calls:
        return False
    parameters = [each.arg for each in (*helper.args.args, *helper.args.kwonlyargs)]
    defaults = _list_defaults(helper)
    bound: dict[str, Any] = {}
    assigned = _list_assigned(helper)
    for position, name in enumerate(parameters):
        given = [_find_given(call, position, name) for call in calls]
        values = [defaults.get(name) if each is None else each for each in given]
        constants = [each for each in values if each is not None and _is_constant(each)]
        if len(constants) != len(calls) or name in assigned:
            continue
        # A default of each call is how the helper is meant to be: it stays.
        tested = _is_tested(helper, name)
        if len({ast.dump(each) for each in constants}) == 1 and (
            tested or all(each is not None for each in given)
        ):
            bound[name] = ast.literal_eval(constants[0])
    if not bound:
        return False
    _drop_arguments(calls, parameters, set(bound))
    _specialise_function(helper, bound, bound)
    return True


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant)


def _drop_unread(main: Function, helpers: Mapping[str, Function]) -> None:
    """Drop parameters with a default that nothing reads, and those of helpers altogether."""
    changed = True
    while changed:
        changed = False
        _drop_parameters(main, set(_list_defaults(main)) - set(_count_reads(main)))
        reachable = _list_reachable(main, helpers)
        callers = [main, *(helpers[each] for each in reachable)]
        for helper in (helpers[each] for each in reachable):
            parameters = [each.arg for each in (*helper.args.args, *helper.args.kwonlyargs)]
            unread = set(parameters) - set(_count_reads(helper))
            calls = _list_calls(helper.name, callers)
            if not unread or not calls:
                continue
            changed = True
            _drop_arguments(calls, parameters, unread)
            _drop_parameters(helper, unread)
            for caller in callers:
                _drop_unused(caller)


def _list_calls(name: str, callers: Sequence[Function]) -> list[ast.Call]:
    """List the calls of a function; none if it is used in another way as well."""
    nodes = [node for caller in callers for node in ast.walk(caller)]
    calls = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]
    uses = sum(isinstance(node, ast.Name) and node.id == name for node in nodes)
    return calls if uses == len(calls) else []


def _drop_arguments(
    calls: Sequence[ast.Call], parameters: Sequence[str], dropped: set[str]
) -> None:
    """Drop what calls give to parameters that go."""
    for call in calls:
        given = zip(call.args, parameters, strict=False)
        call.args = [each for each, name in given if name not in dropped]
        call.keywords = [each for each in call.keywords if each.arg not in dropped]


def _find_given(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if position < len(call.args):
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _is_tested(function: Function, name: str) -> bool:
    """Whether a test hangs on a parameter."""
    tests = [node.test for node in ast.walk(function) if isinstance(node, ast.If | ast.IfExp)]
    return any(each.id == name for test in tests for each in _names(test))


def _list_defaults(function: Function) -> dict[str, ast.expr]:
    arguments = function.args
    first = len(arguments.args) - len(arguments.defaults)
    found = {
        each.arg: default
        for each, default in zip(arguments.args[first:], arguments.defaults, strict=True)
    }
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            found[each.arg] = default
    return found


def _drop_parameters(function: Function, dropped: set[str]) -> None:
    defaults = _list_defaults(function)
    arguments = function.args
    arguments.args = [each for each in arguments.args if each.arg not in dropped]
    arguments.kwonlyargs = [each for each in arguments.kwonlyargs if each.arg not in dropped]
    arguments.defaults = [defaults[each.arg] for each in arguments.args if each.arg in defaults]
    arguments.kw_defaults = [defaults.get(each.arg) for each in arguments.kwonlyargs]


def _drop_unused(function: Function) -> None:
    """Drop assignments of names that nothing reads, and inner functions that nothing calls."""
    while True:
        dropping = _DropUnused(_count_reads(function))
        dropping.visit(function)
        if not dropping.dropped:
            return


def _count_reads(function: Function) -> Counter[str]:
    return Counter(each.id for each in _names(function) if isinstance(each.ctx, ast.Load))


class _DropUnused(ast.NodeTransformer):
    def __init__(self, reads: Counter[str]):
        self._reads, self.dropped, self._depth = reads, False, 0

    def visit_FunctionDef(self, node: Function) -> Function | None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        if self._depth and not self._reads[node.name]:
            self.dropped = True
            return None
        return node

    def visit_If(self, node: ast.If) -> ast.If | None:
        self.generic_visit(node)
        if node.body:
            return node
        # What it would have done went.
        if not node.orelse:
            return None
        node.test, node.body, node.orelse = ast.UnaryOp(ast.Not(), node.test), node.orelse, []
        return node

    def visit_For(self, node: ast.For) -> ast.For | None:
        self.generic_visit(node)
        return node if node.body else None

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        names = [
            each.id
            for target in node.targets
            for each in ast.walk(target)
            if isinstance(each, ast.Name)
        ]
        plain = all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
        # What only makes itself anew isn't used, either.
        own = Counter(each.id for each in _names(node) if isinstance(each.ctx, ast.Load))
        if plain and names and all(self._reads[each] == own[each] for each in names):
            self.dropped = True
            return None
        return node


def _list_called(function: Function, among: Mapping[str, Function]) -> list[str]:
    own = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    own |= _list_assigned(function)
    used = dict.fromkeys(each.id for each in _names(function))
    return [name for name in used if name in among and name not in own]


def _list_reachable(main: Function, helpers: Mapping[str, Function]) -> list[str]:
    found: dict[str, None] = {}
    waiting = [main]
    while waiting:
        for called in _list_called(waiting.pop(), helpers):
            if called not in found:
                found[called] = None
                waiting.append(helpers[called])
    return list(found)


def _list_assigned(function: Function) -> set[str]:
    return {each.id for each in _names(function) if isinstance(each.ctx, ast.Store)}


def _names(tree: ast.AST) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
