"""Vectors of three components on a builder: their algebra, kept clear of identities (a × a = 0, |a/|a|| = 1)."""

import math
from dataclasses import dataclass, field

import numpy as np

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import several
from jax_ir_synth.kernels.productions.grow import some
from jax_ir_synth.kernels.productions.idioms import epsilon, named


@dataclass(frozen=True, eq=False)
class Facts:
    """What intervals and samples can't tell about a vector.

    `basis`: the independent vectors that it is a combination of; `direction`: a token shared by
    vectors that are parallel; `plane`: vectors whose combinations it is orthogonal to; `across`:
    directions that it is orthogonal to; `unit`: its length is one; `rigid`: its length is that of
    an earlier vector, so that its length alone says nothing of how it was turned.
    """

    basis: frozenset
    direction: object
    plane: frozenset = frozenset()
    across: frozenset = frozenset()
    unit: bool = False
    rigid: bool = False


@dataclass
class Geometry:
    """The algebra; every method raises Rejected where the result would be trivial."""

    d: ProgramBuilder
    facts: dict[int, Facts] = field(default_factory=dict)
    kept: list[Value] = field(default_factory=list)  # keeps the ids above in use

    # ------------------------------------------------------------ facts

    def note(self, value: Value, **known) -> Value:
        """Registers a vector; without facts it is one of its own."""
        token = object()
        known.setdefault("basis", frozenset((token,)))
        known.setdefault("direction", token)
        self.facts[id(value)] = Facts(**known)
        self.kept.append(value)
        return value

    def same(self, value: Value, like: Value, **changes) -> Value:
        """Registers a vector that is parallel to another."""
        f = self.facts[id(like)]
        return self.note(
            value,
            **(
                {
                    "basis": f.basis,
                    "direction": f.direction,
                    "plane": f.plane,
                    "across": f.across,
                    "unit": f.unit,
                    "rigid": f.rigid,
                }
                | changes
            ),
        )

    def is_unit(self, v: Value) -> bool:
        return self.facts[id(v)].unit

    def _distinct(self, u: Value, w: Value) -> tuple[Facts, Facts]:
        f, g = self.facts[id(u)], self.facts[id(w)]
        if f.direction is g.direction:
            raise Rejected("parallel vectors")
        return f, g

    # ------------------------------------------------------------ sums and multiples

    def add(self, u: Value, w: Value, op: str = "add") -> Value:
        """u + w or u - w."""
        f, g = self._distinct(u, w)
        return self.note(
            self.d.apply(op, u, w),
            basis=f.basis | g.basis,
            plane=f.plane & g.plane,
            across=f.across & g.across,
            rigid=f.rigid and g.rigid,
        )

    def sub(self, u: Value, w: Value) -> Value:
        return self.add(u, w, "sub")

    def scale(self, u: Value, s: Value | float, op: str = "mul") -> Value:
        """u times (or over) a number for each vector."""
        if isinstance(s, Value) and s.ndim:
            s = self.d.apply("expand_dims", s, axis=-1)
        first = op == "mul" and self.d.stream.chance(45)
        changes = {"unit": False, "rigid": False} if isinstance(s, Value) else {"unit": False}
        return self.same(self.d.apply(op, s, u) if first else self.d.apply(op, u, s), u, **changes)

    # ------------------------------------------------------------ products

    def dot(self, u: Value, w: Value, keepdims: bool = False) -> Value:
        """The dot product along the last axis, in one of its spellings."""
        f, g = self._distinct(u, w)
        if (
            f.rigid
            and g.rigid
            or f.basis <= g.plane
            or g.basis <= f.plane
            or f.direction in g.across
            or g.direction in f.across
        ):
            raise Rejected("a dot product that is known")
        if f.unit and g.unit:
            typical = np.clip(3 * u.samples * np.roll(w.samples, 1), -0.95, 0.95)
            return self._dot(
                u,
                w,
                keepdims,
                lambda name, *o, **p: self.d.claim(name, -1, 1, *o, typical=typical, **p),
            )
        return self._dot(u, w, keepdims, self.d.apply)

    def _dot(self, u, w, keepdims, last) -> Value:
        how = self.d.stream.below(10)
        if not keepdims and u.ndim == w.ndim == 1 and how < 6:
            return last("matmul", u, w)
        if not keepdims and (u.ndim, w.ndim) == (2, 1) and how < 5:
            return last("matmul", u, w)
        if not keepdims and u.ndim == w.ndim == 2 and how < 4:
            return last(
                "einsum", u, w, equation=self.d.stream.choice(("ij,ij->i", "ni,ni->n", "bi,bi->b"))
            )
        return last("sum", self.d.apply("mul", u, w), axis=-1, keepdims=keepdims)

    def cross(self, u: Value, w: Value) -> Value:
        """The cross product."""
        f, g = self._distinct(u, w)
        across = frozenset((f.direction, g.direction))
        return self.note(
            self.d.apply("cross", u, w),
            plane=f.basis | g.basis,
            across=across,
            rigid=f.rigid and g.rigid,
        )

    # ------------------------------------------------------------ lengths and directions

    def _measurable(self, u: Value) -> None:
        f = self.facts[id(u)]
        if f.unit or f.rigid:
            raise Rejected("a length that is known")

    def length_squared(self, u: Value, keepdims: bool = False) -> Value:
        """The sum of squares."""
        self._measurable(u)
        kind = self.d.stream.below(4)
        if kind == 0 and u.ndim == 2 and not keepdims:
            return self.d.claim("einsum", 0.0, 3 * u.bound**2, u, u, equation="ij,ij->i")
        if kind == 1 and u.ndim == 1 and not keepdims:
            return self.d.claim("matmul", 0.0, 3 * u.bound**2, u, u)
        squares = (
            self.d.claim("mul", 0.0, u.bound**2, u, u) if kind == 2 else self.d.apply("square", u)
        )
        return self.d.apply("sum", squares, axis=-1, keepdims=keepdims)

    def length(self, u: Value, keepdims: bool = False) -> Value:
        """The Euclidean length."""
        self._measurable(u)
        return self._length(u, keepdims)

    def _length(self, u: Value, keepdims: bool = False) -> Value:
        if self.d.stream.chance(55):
            return self.d.apply("norm", u, axis=-1, keepdims=keepdims)
        squares = self.d.apply("sum", self.d.apply("square", u), axis=-1, keepdims=keepdims)
        if self.d.stream.chance(50):
            squares = self.d.apply("add", squares, epsilon(self.d))
        return named(
            self.d.claim(
                "sqrt", math.sqrt(max(0.0, squares.low)), math.sqrt(squares.high), squares
            ),
            "norm",
        )

    def normalize(self, u: Value) -> Value:
        """The unit vector along u."""
        if self.is_unit(u):
            raise Rejected("a unit vector already")
        return self.same(named(self._unit(u), "direction"), u, unit=True, rigid=False)

    def _unit(self, u: Value) -> Value:
        d, how = self.d, self.d.stream.below(6)
        rms = math.sqrt(3 * float((u.samples**2).mean())) + 1e-9
        typical = np.clip(u.samples / rms, -0.98, 0.98)
        if how == 0:
            squares = d.apply(
                "add", d.apply("sum", d.apply("square", u), axis=-1, keepdims=True), epsilon(d)
            )
            inverse = d.claim(
                "rsqrt",
                1 / math.sqrt(squares.high),
                1000.0,
                squares,
                typical=1 / np.sqrt(np.maximum(squares.samples, 0.01)),
            )
            return d.claim("mul", -1, 1, u, inverse, typical=typical)
        norm = self._length(u, keepdims=True)
        if how < 4:
            norm = (
                d.apply("add", norm, epsilon(d))
                if how < 3
                else d.apply("maximum", norm, epsilon(d))
            )
        return d.claim("div", -1, 1, u, norm, typical=typical)

    def normalize_both(self, u: Value, w: Value) -> tuple[Value, Value]:
        """Unit vectors along u and w, by a helper that is called twice."""
        if self.is_unit(u) or self.is_unit(w):
            raise Rejected("a unit vector already")
        self._distinct(u, w)
        (a,), (b,) = several.helper(self.d, [(u,), (w,)], self._unit, "normalize")
        return (
            self.same(named(a, "direction"), u, unit=True, rigid=False),
            self.same(named(b, "direction"), w, unit=True, rigid=False),
        )

    def project(self, u: Value, n: Value) -> Value:
        """The part of u along n."""
        if self.is_unit(n):
            return self.same(self.d.apply("mul", self.dot(u, n, keepdims=True), n), n, unit=False)
        along = self.dot(u, n, keepdims=True)
        ratio = self.d.claim(
            "div",
            -u.bound * 20,
            u.bound * 20,
            along,
            self.d.apply("add", self.length_squared(n, keepdims=True), 0.05),
        )
        return self.same(self.d.apply("mul", ratio, n), n, unit=False, rigid=False)

    def reject(self, u: Value, n: Value) -> Value:
        """The part of u across n, a unit vector."""
        f, g = self._distinct(u, n)
        if not g.unit:
            raise Rejected("reject: a unit vector is wanted")
        across = self.d.apply("sub", u, self.d.apply("mul", self.dot(u, n, keepdims=True), n))
        return self.note(across, basis=f.basis | g.basis, across=frozenset((g.direction,)))

    def reflect(self, u: Value, n: Value) -> Value:
        """u mirrored at the plane of unit normal n: u - 2 (u·n) n."""
        f, g = self._distinct(u, n)
        if not g.unit:
            raise Rejected("reflect: a unit vector is wanted")
        twice = self.d.apply("mul", self.d.apply("mul", 2.0, self.dot(u, n, keepdims=True)), n)
        return self.note(
            self.d.claim("sub", -math.sqrt(3) * u.bound, math.sqrt(3) * u.bound, u, twice),
            basis=f.basis | g.basis,
            rigid=True,
        )

    def rotate_about(self, u: Value, axis: Value, angle: Value) -> Value:
        """Rodrigues' rotation of u about a unit vector."""
        self._distinct(u, axis)
        if not self.is_unit(axis):
            raise Rejected("rotation: a unit axis is wanted")
        d = self.d
        cos, sin = named(d.apply("cos", angle), "cos"), named(d.apply("sin", angle), "sin")
        if angle.ndim:
            cos, sin = (d.apply("expand_dims", v, axis=-1) for v in (cos, sin))
        along = d.apply(
            "mul", d.apply("mul", axis, self.dot(axis, u, keepdims=True)), d.apply("sub", 1.0, cos)
        )
        turned = d.apply(
            "add", d.apply("mul", u, cos), d.apply("mul", d.apply("cross", axis, u), sin)
        )
        bound = math.sqrt(3) * u.bound
        return self.note(named(d.claim("add", -bound, bound, turned, along), "rotated"), rigid=True)

    def rotate_by_quaternion(self, u: Value, q: Value, unit: bool) -> Value:
        """u turned by quaternions (scalar first)."""
        d = self.d
        w = d.apply("slice", q, axis=-1, start=0, stop=1, step=1)
        axis = d.apply("slice", q, axis=-1, start=1, stop=4, step=1)
        twice = d.apply("mul", 2.0, d.apply("cross", axis, u))
        turned = d.apply(
            "add", d.apply("add", u, d.apply("mul", w, twice)), d.apply("cross", axis, twice)
        )
        return self.note(named(turned, "rotated"), rigid=unit)

    def rotate_by_matrix(self, u: Value, m: Value) -> Value:
        """u times a 3 by 3 matrix, one for all or one for each."""
        d = self.d
        if m.ndim == 2:
            if u.ndim == 1:
                turned = d.apply("matmul", m, u)
            elif d.stream.chance(50):
                turned = d.apply("matmul", u, d.apply("transpose", m, perm=(1, 0)))
            else:
                turned = d.apply("einsum", m, u, equation="ij,nj->ni")
        elif u.ndim == 2:
            turned = d.apply("einsum", m, u, equation="nij,nj->ni")
        else:
            turned = d.apply("einsum", m, u, equation="nij,j->ni")
        return self.note(named(turned, "rotated"))

    def rotate_about_z(self, u: Value, angle: Value) -> Value:
        """u turned about a coordinate axis, component by component."""
        d = self.d
        parts = (several.components if d.stream.chance(60) else several.unstack)(d, u, -1)
        order = d.stream.below(3)
        fixed, a, b = parts[order], parts[(order + 1) % 3], parts[(order + 2) % 3]
        cos, sin = named(d.apply("cos", angle), "cos"), named(d.apply("sin", angle), "sin")
        first = d.apply("sub", d.apply("mul", cos, a), d.apply("mul", sin, b))
        second = d.apply("add", d.apply("mul", sin, a), d.apply("mul", cos, b))
        if first.shape != fixed.shape:
            raise Rejected("rotation: the angles outnumber the vectors")
        parts = [None] * 3
        parts[order], parts[(order + 1) % 3], parts[(order + 2) % 3] = fixed, first, second
        return self.note(named(d.apply("stack", *parts, axis=-1), "rotated"), rigid=True)

    def scaled_by_some(self, u: Value, low: float = 0.1) -> Value:
        """u times a number that people write."""
        return some(
            lambda: self.scale(
                u, self.d.stream.choice((2.0, 0.5, 0.1, 0.25, 1.5, 3.0, 0.8, 0.9, 0.01, 10.0))
            )
        )

    def same_as(self, value: Value, other: "Geometry") -> Value:
        """Registers a vector with what another geometry knows of it."""
        self.facts[id(value)] = other.facts[id(value)]
        self.kept.append(value)
        return value
