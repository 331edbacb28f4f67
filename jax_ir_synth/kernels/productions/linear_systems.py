"""Factorisations and solves of a well-conditioned matrix, applied to a value."""

import math
from dataclasses import dataclass
from typing import Any

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import common


def _gram(d: ProgramBuilder, a: Value, ridge: float) -> tuple[Value, float]:
    gram = d.apply("matmul", a, d.apply("transpose", a, perm=(1, 0)))
    eye = _eye(d, a)
    return d.apply("add", gram, eye if ridge == 1.0 else d.apply("mul", ridge, eye)), ridge


def _kernel(d: ProgramBuilder, a: Value, ridge: float) -> tuple[Value, float]:
    half = d.apply("mul", 0.5, d.apply("add", a, d.apply("transpose", a, perm=(1, 0))))
    # Symmetric with entries within ±1: its eigenvalues are above -n.
    return d.apply("add", half, d.apply("mul", float(a.shape[0]) + ridge, _eye(d, a))), ridge


def _noisy_gram(d: ProgramBuilder, a: Value, ridge: float) -> tuple[Value, float]:
    gram = d.apply("matmul", d.apply("transpose", a, perm=(1, 0)), a)
    noise = d.argument(a.shape[:1], 0.5, 1.5, role="positive")
    return d.apply("add", gram, d.apply("diag", noise)), 0.5


def _eye(d: ProgramBuilder, a: Value) -> Value:
    return d.apply("eye", shape=a.shape, n=a.shape[0], dtype="float32")


_DEFINITE = {_gram: 6, _kernel: 2, _noisy_gram: 2}


def _definite(d: ProgramBuilder, n: int) -> tuple[Value, float]:
    """A symmetric positive definite matrix, and a lower bound of its eigenvalues."""
    build = d.stream.choose(_DEFINITE)
    ridge = d.stream.choice((1.0, 0.5, 2.0, 1.5))
    return build(d, d.argument((n, n), -1.0, 1.0, role="matrix"), ridge)


@dataclass(frozen=True)
class _System:
    """A positive definite matrix, a lower bound of its eigenvalues, and what it's applied to."""

    matrix: Value
    least: float
    x: Value

    @property
    def n(self) -> int:
        return self.x.shape[0]

    def expect(self, least: float) -> dict[str, Any]:
        """What a solution has for range and spread, where no eigenvalue is below `least`."""
        bound = self.x.bound * math.sqrt(self.n) / least
        spread = float(self.x.samples.std()) / (self.least + 1.0)
        return {"range": (-bound, bound), "spread": max(spread, 0.05)}

    def factorise(self, d: ProgramBuilder) -> Value:
        """The Cholesky factor."""
        bound = math.sqrt(self.matrix.high)
        return d.apply("cholesky", self.matrix, range=(-bound, bound), spread=0.5)


def _solve(d: ProgramBuilder, s: _System) -> Value:
    return d.apply("solve", s.matrix, s.x, **s.expect(s.least))


def _solve_positive(d: ProgramBuilder, s: _System) -> Value:
    return d.apply("solve_pos", s.matrix, s.x, **s.expect(s.least))


def _solve_by_factor(d: ProgramBuilder, s: _System) -> Value:
    return d.apply("cho_solve", s.factorise(d), s.x, **s.expect(s.least))


def _multiply_by_factor(d: ProgramBuilder, s: _System) -> Value:
    return d.apply("matmul", s.factorise(d), s.x)


def _multiply_by_inverse(d: ProgramBuilder, s: _System) -> Value:
    inverse = d.apply("inv", s.matrix, range=(-1 / s.least, 1 / s.least), spread=0.3)
    if d.stream.chance(75) or s.x.shape != inverse.shape:
        return d.apply("matmul", inverse, s.x)
    return d.apply("mul", inverse, d.argument(inverse.shape, -1.0, 1.0))


def _whiten(d: ProgramBuilder, s: _System) -> Value:
    return d.apply("solve_lower", s.factorise(d), s.x, **s.expect(math.sqrt(s.least)))


def _add_log_determinant(d: ProgramBuilder, s: _System) -> Value:
    entries = d.apply("diagonal", s.factorise(d))
    # A Cholesky factor's diagonal is at least the root of the least eigenvalue.
    root = math.sqrt(s.least)
    entries = entries.changed(low=root, samples=abs(entries.samples) + root)
    half = d.apply("sum", d.apply("log", entries))
    if d.stream.chance(50):
        return d.apply("add", s.x, d.apply("mul", 2.0, half))
    return d.apply("mul", half, s.x)


def _multiply_by_triangle(d: ProgramBuilder, s: _System) -> Value:
    bound = s.matrix.high * s.n
    r = d.apply("qr_r", s.matrix, range=(-bound, bound), spread=1.0)
    return d.apply("matmul", common.tamed(d, r, 10.0), s.x)


def _scale_by_eigenvalues(d: ProgramBuilder, s: _System) -> Value:
    return _scale_by_spectrum(d, s, "eigvalsh")


def _scale_by_singular_values(d: ProgramBuilder, s: _System) -> Value:
    return _scale_by_spectrum(d, s, "singular_values")


def _scale_by_spectrum(d: ProgramBuilder, s: _System, name: str) -> Value:
    values = d.apply(name, s.matrix, range=(s.least, s.matrix.bound * s.n), spread=1.0)
    values = common.one_unary(d, values) if d.stream.chance(50) else d.apply("log", values)
    return d.apply("mul", values if s.x.ndim == 1 else d.apply("expand_dims", values, axis=1), s.x)


def _sample_gaussian(d: ProgramBuilder, s: _System) -> Value:
    factor = s.factorise(d)
    mean = d.argument((s.n,) if s.x.ndim == 1 else (s.n, 1), -1.0, 1.0)
    return d.apply("add", mean, d.apply("matmul", factor, s.x))


_APPLICATIONS = {
    _solve: 9,
    _multiply_by_factor: 6,
    _multiply_by_inverse: 6,
    _whiten: 5,
    _add_log_determinant: 4,
    _multiply_by_triangle: 3,
    _scale_by_eigenvalues: 3,
    _sample_gaussian: 3,
    _solve_by_factor: 3,
    _solve_positive: 2,
    _scale_by_singular_values: 2,
}


def apply_matrix(d: ProgramBuilder, x: Value) -> Value:
    """A factorisation or a solve with a well-conditioned matrix of an argument, applied to x."""
    x = common.tamed(d, x, 4.0)
    system = _System(*_definite(d, x.shape[0]), x)
    return d.stream.choose(_APPLICATIONS)(d, system)
