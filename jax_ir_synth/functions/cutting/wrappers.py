"""Knows what wraps a function: decorators that stay, that don't matter, and derivative rules."""

import ast
import functools
import types
from collections.abc import Iterator
from typing import Any

import jax

from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.public import find_public, find_root
from jax_ir_synth.functions.cutting.scope import Scope

# Public decorators that change no IR, or only where Python looks it up.
_DROPPED = frozenset(
    {
        *(("functools", name) for name in ("wraps", "lru_cache", "cache", "update_wrapper")),
        *(("typing", name) for name in ("overload", "no_type_check", "final", "override")),
        *(("jax", name) for name in ("named_scope", "named_call")),
    }
)
# What other packages' decorators become.
_REPLACED = {("equinox", "filter_jit"): "jit", ("equinox", "filter_checkpoint"): "checkpoint"}
# Calls as statements that check or report, and compute nothing.
_SILENT = frozenset(("chex", "warnings", "logging", "absl", "beartype", "typeguard"))
_MAX_WRAPPERS = 20


def list_wrappers(value: Any) -> list[Any]:
    """List a value and what it wraps, down to the innermost.

    Args:
      value: A callable.

    Raises:
      NotSelfContained: It goes too deep.
    """
    chain = [value]
    while (inner := getattr(chain[-1], "__wrapped__", None)) is not None:
        chain.append(inner)
        if len(chain) > _MAX_WRAPPERS:
            raise NotSelfContained("its wrappers go too deep")
    return chain


def list_rules(chain: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """List how the rules of custom derivatives were defined: the method, and its arguments.

    Args:
      chain: The result of `list_wrappers`.

    Raises:
      NotSelfContained: A rule is missing.
    """
    for each in chain:
        if isinstance(each, jax.custom_vjp):
            # jax has no public way to read the rules.
            fwd, bwd = getattr(each, "fwd", None), getattr(each, "bwd", None)
            if fwd is None or bwd is None:
                raise NotSelfContained("its custom_vjp has no rule")
            yield "defvjp", [fwd, bwd]
        elif isinstance(each, jax.custom_jvp):
            rule = getattr(each, "jvp", None)
            if rule is None:
                raise NotSelfContained("its custom_jvp has no rule")
            if getattr(rule, "__qualname__", "") == "custom_jvp.defjvps.<locals>.jvp":
                cells = dict(zip(rule.__code__.co_freevars, rule.__closure__, strict=True))
                yield "defjvps", [*cells["jvps"].cell_contents]
            else:
                yield "defjvp", [rule]


def is_dropped(node: ast.expr, scope: Scope, package: str) -> bool:
    """Whether a decorator is left out: it changes no IR, or it is another package's.

    Args:
      node: The decorator.
      scope: What its names mean.
      package: The top-level package of the function.
    """
    try:
        value = find_decorator(node, scope)
    except NotSelfContained:
        return True
    public = find_public(value)
    if public is not None:
        return public in _DROPPED
    if value in (property, staticmethod, classmethod):
        return False
    return find_root(value) != package


def find_replacement(node: ast.expr, scope: Scope) -> str:
    """Find the transformation of jax that does what another package's decorator does."""
    try:
        value = find_decorator(node, scope)
    except NotSelfContained:
        return ""
    return _REPLACED.get((find_root(value), getattr(value, "__name__", "")), "")


def find_decorator(node: ast.expr, scope: Scope) -> Any:
    """Find the function that decorates: `jax.jit` in `@partial(jax.jit, static_argnums=0)`.

    Raises:
      NotSelfContained: It isn't known.
    """
    if isinstance(node, ast.Call):
        value = find_decorator(node.func, scope)
        if value is functools.partial and node.args:
            return find_decorator(node.args[0], scope)
        return value
    return scope.evaluate(node)


def is_silent(node: ast.stmt, scope: Scope, bound: frozenset[str]) -> bool:
    """Whether a statement only checks or reports: `chex.assert_rank(x, 2)`, `warnings.warn(…)`.

    Args:
      node: The statement.
      scope: What its names mean.
      bound: The names that the function binds itself.
    """
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    callee = node.value.func
    root: ast.AST = callee
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id in bound and root.id not in scope.imported:
        return False
    try:
        owner = scope.find(root.id).value
        if isinstance(owner, types.ModuleType) and owner.__name__.split(".")[0] in _SILENT:
            return True
        value = scope.evaluate(callee)
    except NotSelfContained:
        return False
    return find_root(value) in _SILENT
