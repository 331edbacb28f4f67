"""Writes expressions in other words that mean the same: operators, functions and methods.

A line of WORDS is what can be said in several ways, each with how many of a hundred programs say it
so. What is written as the first of them is said anew; the others are left as they are. Single
capitals stand for any expression. A program nearly always says the same in one way.
"""

import ast
import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.trees import BLOCKS, Transformer, copy_tree

_WORDS = """
70 A @ B | 30 jnp.matmul(A, B)
62 jnp.square(A) | 38 A ** 2
68 jnp.sum(A, axis=B) | 32 A.sum(axis=B)
85 jnp.sum(A) | 15 A.sum()
75 jnp.sum(A, axis=B, keepdims=True) | 25 A.sum(axis=B, keepdims=True)
68 jnp.mean(A, axis=B) | 32 A.mean(axis=B)
80 jnp.mean(A) | 20 A.mean()
75 jnp.mean(A, axis=B, keepdims=True) | 25 A.mean(axis=B, keepdims=True)
75 jnp.max(A, axis=B, keepdims=True) | 25 A.max(axis=B, keepdims=True)
75 jnp.max(A, axis=B) | 25 A.max(axis=B)
75 jnp.min(A, axis=B) | 25 A.min(axis=B)
85 A.T | 10 jnp.transpose(A) | 5 A.transpose()
92 A[:, None] | 4 A[:, jnp.newaxis] | 4 jnp.expand_dims(A, 1)
92 A[None, :] | 4 A[jnp.newaxis, :] | 4 jnp.expand_dims(A, 0)
92 A[..., None] | 4 A[..., jnp.newaxis] | 4 jnp.expand_dims(A, -1)
80 jax.nn.relu(A) | 12 jnp.maximum(A, 0) | 8 jnp.maximum(A, 0.0)
80 jax.lax.rsqrt(A) | 20 1.0 / jnp.sqrt(A)
60 lax.stop_gradient(A) | 40 jax.lax.stop_gradient(A)
60 lax.fori_loop(A, B, C, D) | 40 jax.lax.fori_loop(A, B, C, D)
60 lax.scan(A, B, C) | 40 jax.lax.scan(A, B, C)
60 lax.cond(A, B, C, D) | 40 jax.lax.cond(A, B, C, D)
60 lax.while_loop(A, B, C) | 40 jax.lax.while_loop(A, B, C)
92 jnp.sqrt(A) | 8 A ** 0.5
85 jnp.swapaxes(A, B, C) | 15 A.swapaxes(B, C)
85 jnp.clip(A, B, C) | 15 A.clip(B, C)
"""
# In how many of a hundred programs each place is decided by itself.
_INCONSISTENT = 12


class _Words(NamedTuple):
    number: int
    patterns: tuple[ast.expr, ...]
    weights: tuple[int, ...]


@functools.cache
def _read_words() -> Mapping[str | None, Sequence[_Words]]:
    """Read WORDS, by the heads of their first patterns."""
    found: dict[str | None, list[_Words]] = {}
    for number, line in enumerate(_WORDS.strip().splitlines()):
        parts = [part.strip().split(" ", 1) for part in line.split(" | ")]
        patterns = tuple(ast.parse(text, mode="eval").body for _, text in parts)
        weights = tuple(int(weight) for weight, _ in parts)
        found.setdefault(_find_head(patterns[0]), []).append(_Words(number, patterns, weights))
    return found


def _find_head(node: ast.AST) -> str | None:
    """What is alike in expressions of the same words: a function's name, or a kind of node."""
    match node:
        case ast.Call(ast.Attribute(attr=name)) | ast.Attribute(attr=name):
            return name
        case ast.BinOp() | ast.Subscript():
            return node.__class__.__name__
    return None


def respell(program: Sequence[ast.stmt], stream: Stream) -> None:
    """Choose among the words for each expression of a program."""
    speech = _Speech(stream, stream.chance(_INCONSISTENT))
    augments = stream.chance(45)
    for statement in program:
        speech.visit(statement)
        if augments:
            _Augment().visit(statement)


class _Speech(Transformer):
    def __init__(self, stream: Stream, varies: bool):
        self._stream, self._varies = stream, varies
        self._chosen: dict[int, int] = {}

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        head = _find_head(node)
        if head is None:
            return node
        for words in _read_words().get(head, ()):
            found: dict[str, ast.expr] = {}
            if _match(words.patterns[0], node, found):
                return _fill(self._choose_pattern(words), found)
        return node

    def _choose_pattern(self, words: _Words) -> ast.expr:
        if self._varies or words.number not in self._chosen:
            choices = range(len(words.weights))
            self._chosen[words.number] = self._stream.weighted(choices, words.weights)
        return words.patterns[self._chosen[words.number]]


def _fill(pattern: ast.expr, found: Mapping[str, ast.expr]) -> ast.expr:
    """Make an expression of a pattern, with what its capitals stand for."""
    filled: ast.expr = _Fill(found).visit(copy_tree(pattern))
    return filled


class _Fill(Transformer):
    def __init__(self, found: Mapping[str, ast.expr]):
        self._found = found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._found.get(node.id, node)


def _match(pattern: ast.AST, node: ast.AST, found: dict[str, ast.expr]) -> bool:
    """Whether a tree is as a pattern; `found` gets what its capitals stand for."""
    if isinstance(pattern, ast.Name) and len(pattern.id) == 1 and pattern.id.isupper():
        if not isinstance(node, ast.expr) or isinstance(node, ast.Starred):
            return False
        if pattern.id in found:
            return ast.dump(found[pattern.id]) == ast.dump(node)
        found[pattern.id] = node
        return True
    if type(pattern) is not type(node):
        return False
    for name in pattern._fields:
        wanted, given = getattr(pattern, name), getattr(node, name)
        if isinstance(wanted, list):
            if len(wanted) != len(given) or not all(
                _match(a, b, found) for a, b in zip(wanted, given, strict=True)
            ):
                return False
        elif isinstance(wanted, ast.AST):
            if not isinstance(given, ast.AST) or not _match(wanted, given, found):
                return False
        elif name not in ("ctx", "kind") and wanted != given:
            return False
    return True


class _Augment(Transformer):
    """Writes `x = x + y` as `x += y`."""

    parts = BLOCKS

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=target) as name],
                value=ast.BinOp(
                    left=ast.Name(id=left), op=ast.Add() | ast.Sub() | ast.Mult() as op, right=right
                ),
            ) if target == left:
                return ast.copy_location(ast.AugAssign(name, op, right), node)
        return node
