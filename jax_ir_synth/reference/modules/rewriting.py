"""Refuses what a module's text may not have, and puts guards around what depends on values."""

import ast
import copy
import re
from typing import Any, NamedTuple

from jax_ir_synth.reference import hooks
from jax_ir_synth.reference.modules import classes, guards, imports
from jax_ir_synth.reference.modules.class_kinds import find_kind, find_last_name, list_tree_fields
from jax_ir_synth.reference.modules.nodes import (
    call_hook,
    check_name,
    drop_texts,
    make_index,
    refuse,
)

# The functions that the rewritten text calls, by names that a text can't use.
HOOKS: dict[str, Any] = hooks.HOOKS | {
    "__get": guards.get_attribute,
    "__item": guards.get_item,
    "__set": guards.set_item,
    "__show": guards.show,
    "__star": guards.bound_starred,
    "__class": classes.make_class,
    "__derive": classes.derive_class,
    "__factory": classes.Factory,
    "__slice": slice,
}
_ALLOWED = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign,
    ast.AnnAssign, ast.For, ast.While, ast.If, ast.Raise, ast.Assert, ast.Expr, ast.Pass,
    ast.Break, ast.Continue, ast.Nonlocal, ast.ClassDef, ast.Import, ast.ImportFrom, ast.With,
    ast.Delete, ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda, ast.IfExp, ast.Dict,
    ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Compare, ast.Call,
    ast.FormattedValue, ast.JoinedStr, ast.Constant, ast.Attribute, ast.Subscript, ast.Starred,
    ast.Name, ast.List, ast.Tuple, ast.Slice, ast.comprehension, ast.keyword, ast.operator,
    ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
# The attributes with an underscore that a named tuple has, and a function's name.
_WITH_UNDERSCORE = frozenset(("_asdict", "_fields", "_replace", "_make", "__name__"))
# What a format may ask for. A width of many digits would fill the memory.
_FORMAT = re.compile(r"[<>^=+\- ]{0,2}\d{0,2}(\.\d{1,2})?[a-z%]?")
# Contexts that change nothing about results.
_CONTEXTS = frozenset(
    (
        "default_matmul_precision",
        "ensure_compile_time_eval",
        "named_scope",
        "numpy_dtype_promotion",
    )
)


class Rewritten(NamedTuple):
    """A module's tree with guards.

    Attributes:
      tree: the tree.
      imports: the values of the names that stand for imports in it.
      names: the names that the module defines.
    """

    tree: ast.Module
    imports: dict[str, Any]
    names: frozenset[str]


def rewrite(tree: ast.Module) -> Rewritten:
    """Rewrite a module's tree, which is changed. Raises ValueError for what isn't allowed."""
    rewriter = _Rewriter()
    body = rewriter.visit_body(tree.body)
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    names |= {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    new = ast.fix_missing_locations(ast.Module(body, []))
    return Rewritten(new, rewriter.imports, frozenset(names))


class _Rewriter(ast.NodeTransformer):
    """Rewrites a tree.

    `imports` holds the values of imports, by the names that stand for them.
    """

    def __init__(self) -> None:
        self.imports: dict[str, Any] = {}

    def visit_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements; each may become several, or none."""
        found: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            found += new if isinstance(new, list) else [new]
        return found or [ast.Pass()]

    def visit(self, node: ast.AST) -> Any:
        """Rewrite a node."""
        if not isinstance(node, _ALLOWED):
            raise refuse("has what isn't allowed", node)
        return super().visit(node)

    def _bind(self, name: str, value: Any) -> ast.stmt:
        """Make the statement that gives a name to what is imported."""
        check_name(name)
        kept = f"__import{len(self.imports)}"
        self.imports[kept] = value
        return ast.Assign([ast.Name(name, ast.Store())], ast.Name(kept, ast.Load()))

    # Statements.

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [self._bind(*imports.find_module(alias.name, alias.asname)) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        if node.module == "__future__" and not node.level:
            return []
        if node.level or node.module is None:
            raise refuse("imports what the reference doesn't have", node)
        return [
            self._bind(alias.asname or alias.name, imports.find_name(node.module, alias.name))
            for alias in node.names
        ]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        check_name(node.name)
        return self._function(node)

    def _function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        node.returns = None
        node.body = [ast.Expr(call_hook("__step")), *self.visit_body(drop_texts(node.body))]
        if getattr(node, "type_params", None):
            raise refuse("has type parameters", node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        check_name(node.arg)
        node.annotation = None
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        check_name(node.arg)
        value = self.visit(node.value)
        return ast.keyword(node.arg, call_hook("__star", value) if node.arg is None else value)

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        args, body = self.visit(node.args), self.visit(node.body)
        return ast.Lambda(args, ast.IfExp(call_hook("__step"), body, ast.Constant(None)))

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        value = self.visit(node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            return self._set_item(node.targets[0], value)
        return ast.Assign([self._target(target) for target in node.targets], value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            return ast.Pass()
        return self.visit_Assign(ast.Assign([node.target], node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        # NumPy would change an array that has other names too.
        target = node.target
        if isinstance(target, ast.Name):
            read: ast.expr = ast.Name(target.id, ast.Load())
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            read = ast.Subscript(
                ast.Name(target.value.id, ast.Load()), copy.deepcopy(target.slice), ast.Load()
            )
        else:
            raise refuse("assigns to what isn't allowed", node)
        return self.visit_Assign(ast.Assign([target], ast.BinOp(read, node.op, node.value)))

    def _set_item(self, target: ast.Subscript, value: ast.expr) -> ast.stmt:
        container, index = self.visit(target.value), self.visit(target.slice)
        return ast.Expr(call_hook("__set", container, make_index(index), value))

    def _target(self, target: ast.expr) -> ast.expr:
        if isinstance(target, ast.Name):
            check_name(target.id)
            return target
        if isinstance(target, ast.Tuple | ast.List):
            return ast.Tuple([self._target(each) for each in target.elts], ast.Store())
        if isinstance(target, ast.Starred):
            return ast.Starred(self._target(target.value), ast.Store())
        raise refuse("assigns to what isn't allowed", target)

    def visit_For(self, node: ast.For) -> ast.For:
        target, values = self._target(node.target), self.visit(node.iter)
        orelse = self.visit_body(node.orelse) if node.orelse else []
        return ast.For(target, values, self._turn(node.body), orelse)

    def visit_While(self, node: ast.While) -> ast.While:
        test = self.visit(node.test)
        orelse = self.visit_body(node.orelse) if node.orelse else []
        return ast.While(test, self._turn(node.body), orelse)

    def _turn(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [ast.Expr(call_hook("__step")), *self.visit_body(body)]

    def visit_If(self, node: ast.If) -> ast.If:
        orelse = self.visit_body(node.orelse) if node.orelse else []
        return ast.If(self.visit(node.test), self.visit_body(node.body), orelse)

    def visit_With(self, node: ast.With) -> ast.stmt:
        for item in node.items:
            call = item.context_expr
            function = call.func if isinstance(call, ast.Call) else call
            name = function.attr if isinstance(function, ast.Attribute) else None
            if item.optional_vars is not None or name not in _CONTEXTS:
                raise refuse("has what isn't allowed", node)
        return ast.If(ast.Constant(True), self.visit_body(node.body), [])

    def visit_Delete(self, node: ast.Delete) -> ast.Delete:
        if not all(isinstance(target, ast.Name) for target in node.targets):
            raise refuse("deletes what isn't allowed", node)
        return ast.Delete([self._target(target) for target in node.targets])

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.Nonlocal:
        for name in node.names:
            check_name(name)
        return node

    # Classes.

    def visit_ClassDef(self, node: ast.ClassDef) -> list[ast.stmt]:
        check_name(node.name)
        kind = find_kind(node)
        fields: list[str] = []
        defaults: list[ast.expr] = []
        functions: list[ast.stmt] = []
        members: list[ast.expr] = []
        for statement in drop_texts(node.body):
            if isinstance(statement, ast.FunctionDef):
                name = statement.name
                function = self._function(statement)
                function.name = f"__function{len(functions)}"
                functions.append(function)
                value: ast.expr = ast.Name(function.name, ast.Load())
                members.append(ast.Tuple([ast.Constant(name), value], ast.Load()))
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                fields.append(statement.target.id)
                default = statement.value and self._default(statement.value)
                if default is not None:
                    defaults.append(default)
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                name, value = statement.targets[0].id, self.visit(statement.value)
                if kind in classes.ENUMERATIONS:
                    fields.append(name)
                    defaults.append(value)
                else:
                    members.append(ast.Tuple([ast.Constant(name), value], ast.Load()))
            elif not isinstance(statement, ast.Pass):
                raise refuse("has a class with what isn't allowed", statement)
        if kind == "derived":
            # Annotations alone add no fields to those of the base.
            if defaults:
                raise refuse("gives a class attributes with annotations", node)
            base = self._visit_expr(node.bases[0])
            named = ast.Tuple(members, ast.Load())
            made = call_hook("__derive", ast.Constant(node.name), base, named)
        else:
            made = call_hook(
                "__class",
                ast.Constant(node.name),
                ast.Constant(kind),
                ast.Tuple([ast.Constant(field) for field in fields], ast.Load()),
                ast.Tuple(members, ast.Load()),
                ast.Tuple(defaults, ast.Load()),
                list_tree_fields(node, fields),
            )
        arguments = ast.arguments([], [], None, [], [], None, [])
        builder = ast.FunctionDef("__builder", arguments, [*functions, ast.Return(made)], [], None)
        target = ast.Name(node.name, ast.Store())
        return [builder, ast.Assign([target], call_hook("__builder"))]

    def _default(self, value: ast.expr) -> ast.expr | None:
        """Rewrite the default of a field, which may be given by `dataclasses.field`; or None."""
        if isinstance(value, ast.Call) and find_last_name(value.func) in ("field", "static_field"):
            given = {word.arg: word.value for word in value.keywords}
            if not {"default", "default_factory"} & given.keys():
                return None
            if "default" in given:
                return self._visit_expr(given["default"])
            return call_hook("__factory", self._visit_expr(given["default_factory"]))
        return self._visit_expr(value)

    def _visit_expr(self, value: ast.expr) -> ast.expr:
        new: ast.expr = self.visit(value)
        return new

    # Expressions.

    def visit_Name(self, node: ast.Name) -> ast.Name:
        check_name(node.id)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.NamedExpr:
        check_name(node.target.id)
        return ast.NamedExpr(node.target, self.visit(node.value))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr.startswith("_") and node.attr not in _WITH_UNDERSCORE:
            raise refuse("uses an attribute that isn't allowed", node)
        if not isinstance(node.ctx, ast.Load):
            raise refuse("assigns to an attribute", node)
        return call_hook("__get", self.visit(node.value), ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            raise refuse("assigns to what isn't allowed", node)
        index = make_index(self.visit(node.slice))
        return call_hook("__item", self.visit(node.value), index)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        hook = hooks.OF_OPERATORS.get(type(node.op))
        return ast.BinOp(left, node.op, right) if hook is None else call_hook(hook, left, right)

    def visit_Starred(self, node: ast.Starred) -> ast.Starred:
        return ast.Starred(call_hook("__star", self.visit(node.value)), ast.Load())

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        keys = [None if key is None else self.visit(key) for key in node.keys]
        values = [
            call_hook("__star", self.visit(value)) if key is None else self.visit(value)
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return ast.Dict(keys, values)

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        if node.is_async:
            raise ValueError("its python has an asynchronous comprehension")
        ifs = [call_hook("__step"), *map(self.visit, node.ifs)]
        return ast.comprehension(self._target(node.target), self.visit(node.iter), ifs, 0)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        shown = node.format_spec
        if shown is not None:
            parts = shown.values if isinstance(shown, ast.JoinedStr) else [shown]
            if not all(
                isinstance(part, ast.Constant)
                and isinstance(part.value, str)
                and _FORMAT.fullmatch(part.value)
                for part in parts
            ):
                raise refuse("has a format that isn't allowed", node.value)
        return ast.FormattedValue(
            call_hook("__show", self.visit(node.value)), node.conversion, shown
        )
