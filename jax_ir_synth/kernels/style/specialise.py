"""Leaves of a family's function what the chosen options need: an evaluation of its constant part.

Tests of options are decided where they can be, what can't be reached or isn't used goes, and helper
functions get the constants that all their calls agree on. It is partial evaluation in the sense of
Jones, Gomard and Sestoft (Partial Evaluation and Automatic Program Generation, 1993), of tests and
constants alone: no loop is unrolled, and no call is replaced.
"""

import ast
import functools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from jax_ir_synth.kernels.style.dead_code import drop_dead_code
from jax_ir_synth.kernels.style.family import Code, FamilyModule
from jax_ir_synth.kernels.style.trees import BLOCKS, HEADS, Transformer, copy_tree, list_names, walk

# What a test may not tell yet.
_UNKNOWN: Any = object()
# What an argument is that is there: not None, and otherwise unknown.
PRESENT: Any = object()
Function = ast.FunctionDef


def specialise(
    module: FamilyModule, name: str, known: Mapping[str, Any], dropped: Collection[str]
) -> list[ast.stmt]:
    """Return the statements of a program: constants and helper functions, then the function itself.

    Args:
      module: the module.
      name: the family's function.
      known: what parameters are: a constant, an expression as `Code`, or PRESENT. Those with a
        value of their own disappear; a parameter that isn't listed stays with its default.
      dropped: the parameters that disappear.
    """
    main = _specialise_function(copy_tree(module.functions[name]), known, dropped)
    program = _Program(main, module)
    _bind_constants(program)
    _drop_unread(program)
    for each in (main, *program.list_reachable()):
        drop_dead_code(each)
    program.forget_facts()
    used = {each.name for each in program.list_reachable()}
    functions = [program.helpers[each] for each in module.functions if each in used]
    names = {each for part in (*functions, main) for each in program.find_facts(part).reads}
    constants: list[ast.stmt] = [
        copy_tree(node) for each, node in module.constants.items() if each in names
    ]
    return [*constants, *functions, main]


class _Facts:
    """What is in a function and those inside it.

    Attributes:
      reads: how often it reads each name, in their order.
      stores: how often it gives each name a value.
      parameters: how often each name is a parameter.
      calls: its calls of plain names.
    """

    def __init__(self, function: Function):
        nodes = walk(function)
        names = [each for each in nodes if isinstance(each, ast.Name)]
        self.reads = Counter([each.id for each in names if isinstance(each.ctx, ast.Load)])
        self.stores = Counter([each.id for each in names if isinstance(each.ctx, ast.Store)])
        self.parameters = Counter([each.arg for each in nodes if isinstance(each, ast.arg)])
        self.calls: dict[str, list[ast.Call]] = {}
        for each in nodes:
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
                self.calls.setdefault(each.func.id, []).append(each)

    def list_used(self, among: Mapping[str, Function]) -> list[str]:
        """List the functions that it calls or passes on, in their order."""
        return [
            name
            for name in self.reads
            if name in among and name not in self.parameters and name not in self.stores
        ]


class _Program:
    """The function of a family with copies of those that it needs.

    Attributes:
      main: the function.
      helpers: the others, by their names in the module.
    """

    def __init__(self, main: Function, module: FamilyModule):
        self.main = main
        self.helpers: dict[str, Function] = {}
        self._facts: dict[str, _Facts] = {}
        waiting = [main]
        while waiting:
            for used in self.find_facts(waiting.pop()).list_used(module.functions):
                if used not in self.helpers and used != main.name:
                    self.helpers[used] = copy_tree(module.functions[used])
                    waiting.append(self.helpers[used])

    def find_facts(self, function: Function) -> _Facts:
        """Find what is in a function. It is kept until `forget_facts` is called."""
        if function.name not in self._facts:
            self._facts[function.name] = _Facts(function)
        return self._facts[function.name]

    def forget_facts(self) -> None:
        """Forget what is in the functions, since one of them was changed."""
        self._facts.clear()

    def list_reachable(self) -> list[Function]:
        """List the helpers that are still used."""
        found: dict[str, Function] = {}
        waiting = [self.main]
        while waiting:
            for used in self.find_facts(waiting.pop()).list_used(self.helpers):
                if used not in found:
                    found[used] = self.helpers[used]
                    waiting.append(found[used])
        return list(found.values())

    def list_calls(self, name: str, callers: Sequence[Function]) -> list[ast.Call]:
        """List the calls of a function; none if it is used in another way as well."""
        facts = [self.find_facts(each) for each in callers]
        calls = [call for each in facts for call in each.calls.get(name, ())]
        uses = sum(each.reads[name] + each.stores[name] for each in facts)
        return calls if uses == len(calls) else []


def _specialise_function(
    function: Function, known: Mapping[str, Any], dropped: Collection[str]
) -> Function:
    function.body = _fold_block(function.body, known)
    assigned = _Facts(function).stores
    constants = {
        each: value
        for each, value in known.items()
        if each in dropped and each not in assigned and value is not PRESENT
    }
    _Substitution(constants).visit(function)
    function.body = _fold_block(function.body, known)
    place = int(ast.get_docstring(function) is not None)
    function.body[place:place] = [
        ast.Assign([ast.Name(each, ast.Store())], copy_tree(_parse_value(value)))
        for each, value in known.items()
        if each in dropped
        and each in assigned
        and value is not PRESENT
        and _is_read_first(each, function.body)
    ]
    _drop_unused(function)
    _drop_aliases(function)
    _drop_parameters(function, dropped)
    return function


def _is_read_first(name: str, body: Sequence[ast.stmt]) -> bool:
    """Whether a block may read a name before it has given it a value."""
    for statement in body:
        names = [each for each in list_names(statement) if each.id == name]
        if names:
            return not isinstance(statement, ast.Assign) or any(
                isinstance(each.ctx, ast.Load) for each in names
            )
    return False


def _drop_aliases(function: Function) -> None:
    """Drop second names, as in `y = x`, where neither name is given another value."""
    facts = _Facts(function)
    stored, parameters = facts.stores, facts.parameters
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
    folding = _FoldTests(known)
    for statement in body:
        folding.visit(statement)
        test = _evaluate(statement.test, known) if isinstance(statement, ast.If) else _UNKNOWN
        if isinstance(statement, ast.If) and test is not _UNKNOWN:
            kept += _fold_block(statement.body if test else statement.orelse, known)
        else:
            for block in BLOCKS[statement.__class__]:
                setattr(statement, block, _fold_block(getattr(statement, block), known))
            if isinstance(statement, ast.If) and not statement.body:
                statement.body = [ast.Pass()]
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


class _FoldTests(Transformer):
    """Decides conditional expressions, and leaves of `and` and `or` what isn't known."""

    parts = HEADS

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


class _Substitution(Transformer):
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
        return copy_tree(_parse_value(value))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            # What a number changes nothing in.
            case ast.BinOp(left, ast.Mult() | ast.Div() | ast.Pow(), ast.Constant(1.0 | 1)):
                return left
            case ast.BinOp(ast.Constant(1.0 | 1), ast.Mult(), right):
                return right
            case ast.BinOp(left, ast.Add() | ast.Sub(), ast.Constant(0.0 | 0)):
                return left
            case ast.BinOp(ast.Constant(0.0 | 0), ast.Add(), right):
                return right
            case ast.BinOp(ast.Constant(float() as one), ast.Mult(), ast.Constant(float() as two)):
                return ast.Constant(float(f"{one * two:.6g}"))
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


def _parse_value(value: Any) -> ast.expr:
    """Parse what is written for an option's value."""
    return _parse_expression(value if isinstance(value, Code) else repr(value))


@functools.cache
def _parse_expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _bind_constants(program: _Program) -> None:
    """Give helpers the constants that all their calls agree on, until nothing changes."""
    for _ in range(len(program.helpers) + 1):
        reachable = program.list_reachable()
        changed = False
        for helper in reachable:
            if _bind_helper(helper, program, [program.main, *reachable]):
                program.forget_facts()
                changed = True
        if not changed:
            return


def _bind_helper(helper: Function, program: _Program, callers: Sequence[Function]) -> bool:
    calls = program.list_calls(helper.name, callers)
    if not calls:
        return False
    parameters = [each.arg for each in (*helper.args.args, *helper.args.kwonlyargs)]
    defaults = _list_defaults(helper)
    bound: dict[str, Any] = {}
    assigned = program.find_facts(helper).stores
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


def _drop_unread(program: _Program) -> None:
    """Drop parameters with a default that nothing reads, and those of helpers altogether."""
    main, changed = program.main, True
    while changed:
        changed = False
        if unread := set(_list_defaults(main)) - set(program.find_facts(main).reads):
            _drop_parameters(main, unread)
            program.forget_facts()
        reachable = program.list_reachable()
        callers = [main, *reachable]
        for helper in reachable:
            parameters = [each.arg for each in (*helper.args.args, *helper.args.kwonlyargs)]
            unread = set(parameters) - set(program.find_facts(helper).reads)
            calls = program.list_calls(helper.name, callers)
            if not unread or not calls:
                continue
            changed = True
            _drop_arguments(calls, parameters, unread)
            _drop_parameters(helper, unread)
            for caller in callers:
                _drop_unused(caller)
            program.forget_facts()


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
    tests = [node.test for node in walk(function) if isinstance(node, ast.If | ast.IfExp)]
    return any(each.id == name for test in tests for each in list_names(test))


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


def _drop_parameters(function: Function, dropped: Collection[str]) -> None:
    defaults = _list_defaults(function)
    arguments = function.args
    arguments.args = [each for each in arguments.args if each.arg not in dropped]
    arguments.kwonlyargs = [each for each in arguments.kwonlyargs if each.arg not in dropped]
    arguments.defaults = [defaults[each.arg] for each in arguments.args if each.arg in defaults]
    arguments.kw_defaults = [defaults.get(each.arg) for each in arguments.kwonlyargs]


def _drop_unused(function: Function) -> None:
    """Drop assignments of names that nothing reads, and inner functions that nothing calls."""
    _drop_overwritten(function)
    while True:
        dropping = _DropUnused(_Facts(function).reads)
        dropping.visit(function)
        if not dropping.dropped:
            return


def _drop_overwritten(function: Function) -> None:
    """Drop assignments whose names the next statement gives another value."""
    for node in walk(function, BLOCKS):
        for field in BLOCKS[node.__class__]:
            block: list[ast.stmt] = getattr(node, field)
            for one, after in [*zip(block, block[1:], strict=False)]:
                match one, after:
                    case ast.Assign(targets=[ast.Name(id=name)]), ast.Assign(
                        targets=[ast.Name(id=again)]
                    ) if name == again and not any(
                        each.id == name for each in list_names(after.value)
                    ):
                        block.remove(one)


class _DropUnused(Transformer):
    parts = BLOCKS

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
            for each in walk(target)
            if isinstance(each, ast.Name)
        ]
        plain = all(isinstance(target, ast.Name | ast.Tuple) for target in node.targets)
        # What only makes itself anew isn't used, either.
        own = Counter(each.id for each in list_names(node) if isinstance(each.ctx, ast.Load))
        if plain and names and all(self._reads[each] == own[each] for each in names):
            self.dropped = True
            return None
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                kept = [
                    (target, value)
                    for target, value in zip(targets, values, strict=True)
                    if not isinstance(target, ast.Name) or self._reads[target.id]
                ]
                if len(kept) == 1:
                    (only, value), self.dropped = kept[0], True
                    return ast.copy_location(ast.Assign([only], value), node)
                if len(kept) < len(targets):
                    targets[:], values[:] = ([*each] for each in zip(*kept, strict=True))
                    self.dropped = True
        return node
