"""Builds a program: arguments, literals and operations, each checked when it is added."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import (
    FLOATS,
    LIMITS,
    SAMPLES,
    Block,
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
    ValueLike,
)
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.ops.base import Op
from jax_ir_synth.kernels.ops.rules import normalise_axes

T = TypeVar("T")
_MAX_SIZE = 1024  # elements of one value, since an interpreter runs a row to prove it
_MIN_STD = 0.02  # of a float value's samples: below this it is nearly constant
_MIN_RELATIVE = 0.004  # standard deviation over magnitude, likewise
_MAX_ARGUMENTS = 12

# What `ndarray.sum` calls, by way of Python.
_sum = np.add.reduce


# Rows of shuffled midpoints of [0, 1]: every argument's samples cover its range evenly.
_TABLE = np.array(
    [
        [(k + 0.5) / SAMPLES for k in Stream(0, "samples", row).shuffled(range(SAMPLES))]
        for row in range(64)
    ]
)


class ProgramBuilder:
    """Collects the values of one program.

    A value's dependencies are a bit set. Argument number n is bit n; each parameter of an inner
    function gets a bit of its own above those, its marker. `control` replaces the markers in the
    results by the bits of what the parameters receive.

    Every method that adds a value raises Rejected where the value would leave an operation's
    domain, grow past the dtype's limit, or hardly vary.
    """

    def __init__(self, stream: Stream, dtype: str = "float32"):
        self.stream = stream
        self.dtype = dtype
        self.arguments: list[Value] = []
        self.level = 0
        # The least nesting level of new values: those that a branch makes stay in the branch.
        self.floor = 0
        self.doc = ""
        # One of these is drawn, and a longer expression becomes a statement.
        self.expression_widths: tuple[int, ...] = (26, 34, 44, 60)
        # Whether the category allows operations in whose IR JAX writes a choice.
        self.may_branch = False
        self.trusting = False  # whether values may hardly vary, as those inside a known formula
        self._markers = 0

    def use(self, dtype: str) -> None:
        """Sets the float type of the arguments and literals that follow."""
        self.dtype = dtype

    # ------------------------------------------------------------ leaves

    def argument(
        self,
        shape: Shape,
        low: float,
        high: float,
        dtype: str | None = None,
        role: str = "",
    ) -> Value:
        """A new argument of the program; integers include both `low` and `high`."""
        if len(self.arguments) == _MAX_ARGUMENTS:
            raise Rejected("too many arguments")
        if len(shape) > 3:
            raise Rejected("an argument of more than three dimensions")
        number = len(self.arguments)
        dtype = dtype or self.dtype
        unit = _TABLE[number]
        if dtype in FLOATS:
            samples = low + (high - low) * unit
        else:
            samples = np.floor(low + (high - low + 1) * unit)
        bit = 1 << number
        value = Value(
            "argument",
            (),
            {"number": number},
            tuple(shape),
            dtype,
            low,
            high,
            samples,
            diff=bit if dtype in FLOATS else 0,
            deps=bit,
            role=role,
        )
        self.arguments.append(value)
        return value

    def literal(self, number: float | int | bool) -> Value:
        """A Python literal, weakly typed."""
        kind = (
            "bool"
            if isinstance(number, bool)
            else "int32"
            if isinstance(number, int)
            else self.dtype
        )
        return Value(
            "literal",
            (),
            {"value": number},
            (),
            kind,
            number,
            number,
            np.full(SAMPLES, float(number)),
            weak=True,
        )

    def parameter(
        self,
        shape: Shape,
        low: float,
        high: float,
        dtype: str | None = None,
        samples: Samples | None = None,
        role: str = "",
    ) -> Value:
        """A parameter of an inner function (call it inside `with builder.inner()`)."""
        self._markers += 1
        dtype = dtype or self.dtype
        bit = 1 << (_MAX_ARGUMENTS + self._markers)
        if samples is None:
            samples = low + (high - low) * _TABLE[20 + self._markers % 40]
            if dtype not in FLOATS:
                samples = np.round(samples)
        return Value(
            "parameter",
            (),
            {"marker": bit},
            tuple(shape),
            dtype,
            low,
            high,
            samples,
            diff=bit if dtype in FLOATS else 0,
            deps=bit,
            level=self.level,
            role=role,
        )

    def parameter_like(self, value: Value, shape: Shape | None = None, role: str = "") -> Value:
        """A parameter that stands for `value` (or for one slice of it, with another shape)."""
        return self.parameter(
            value.shape if shape is None else shape,
            value.low,
            value.high,
            value.dtype,
            value.samples,
            role or value.role,
        )

    @contextmanager
    def inner(self, owned: bool = False) -> Iterator[int]:
        """Begins an inner function, to which the values made inside belong.

        If `owned`, these include values that depend on outer values alone.
        """
        self.level += 1
        floor = self.floor
        if owned:
            self.floor = self.level
        try:
            yield self.level
        finally:
            self.level -= 1
            self.floor = floor

    @contextmanager
    def trusted(self, trusting: bool = True) -> Iterator[None]:
        """Allows values that hardly vary, as in known formulas, which validation checks later."""
        before, self.trusting = self.trusting, trusting
        try:
            yield
        finally:
            self.trusting = before

    # ------------------------------------------------------------ operations

    def apply(self, name: str, *operands: ValueLike, **params: Any) -> Value:
        """The value of operation `name` on the operands (Python numbers become literals)."""
        values = tuple(v if isinstance(v, Value) else self.literal(v) for v in operands)
        op = OPS[name]
        if op.canonical is not None and (instead := op.canonical(values)):
            name, values = instead
            op = OPS[name]
        if op.reduces:
            params["axis"] = normalise_axes(params.get("axis"), values[0].ndim)
        elif "axis" in params and params["axis"] < 0:
            params["axis"] += values[0].ndim + op.adds_axis
        claim = params.get("claim")
        if claim is None:
            op.check_domain(values, params)
        dtype = op.dtype(values, params)
        if values and all(v.is_literal for v in values):
            raise Rejected(f"{name}: only literals")
        if not any(v.dtype in op.dtypes for v in values) and values:
            raise Rejected(f"{name}: {values[0].dtype} is not accepted")
        shape = tuple(op.shape(values, params))
        if math.prod(shape) > _MAX_SIZE:
            raise Rejected(f"{name}: {shape} is too large")
        if claim is None:
            low, high = op.bounds(values, params)
            samples = np.asarray(op.sample(values, params), dtype=np.float64)
        else:
            low, high, samples = claim
            if samples is None:
                with np.errstate(all="ignore"):
                    samples = np.asarray(op.sample(values, params), dtype=np.float64)
            samples = np.clip(samples, low, high)
        diff = deps = 0
        level = self.floor
        for position, value in enumerate(values):
            deps |= value.deps
            if op.smooth and position not in op.select and value.is_float:
                diff |= value.diff
            level = max(level, value.level)
        if dtype not in FLOATS:
            diff = 0
        result = Value(
            name,
            values,
            params,
            shape,
            dtype,
            low,
            high,
            samples,
            diff=diff,
            deps=deps,
            level=level,
            centred=_is_centred(op, values),
            weak=bool(values) and all(v.weak for v in values),
            role="key" if op.role == "key" else "",
        )
        if result.centred and op.reduces:
            raise Rejected("a sum of values that cancel")
        self.check(result, varies=op.checked and not self.trusting)
        return result

    def claim(
        self,
        name: str,
        low: float,
        high: float,
        *operands: ValueLike,
        typical: Samples | None = None,
        **params: Any,
    ) -> Value:
        """`apply` where the caller knows a narrower range, and that the operands are in the domain.

        `typical` replaces the samples where the operands are not independent, as the rules assume.
        """
        return self.apply(name, *operands, claim=(float(low), float(high), typical), **params)

    def check(self, value: Value, varies: bool = True) -> None:
        """Raises Rejected where the value may overflow its dtype or hardly varies."""
        samples = value.samples
        mean = float(_sum(samples)) / samples.size  # not finite where a sample isn't
        if not (math.isfinite(value.low) and math.isfinite(value.high) and math.isfinite(mean)):
            raise Rejected(f"{value!r} is not finite")
        if value.bound > LIMITS[value.dtype]:
            raise Rejected(f"{value!r} is too large")
        if not varies:
            return
        if value.dtype == "bool":
            if not 0.15 <= mean <= 0.85:
                raise Rejected(f"{value!r} hardly varies")
        elif value.dtype in FLOATS:
            std = math.sqrt(max(float(samples.dot(samples)) / samples.size - mean * mean, 0.0))
            size = float(_sum(np.abs(samples))) / samples.size
            relative = _MIN_RELATIVE if value.dtype == "float32" else 0.05
            if std < _MIN_STD or std < relative * size:
                raise Rejected(f"{value!r} hardly varies")
        elif value.samples.std() < 0.2:
            raise Rejected(f"{value!r} hardly varies")

    def apply_or_none(self, name: str, *operands: ValueLike, **params: Any) -> Value | None:
        """`apply`, or None where the operation rejects its operands."""
        try:
            return self.apply(name, *operands, **params)
        except Rejected:
            return None

    def attempt(self, build: Callable[[], T | None], tries: int = 10, undo: bool = False) -> T:
        """The first result of `build` that is neither None nor rejected.

        Args:
          build: draws something; each try draws anew.
          tries: how many, before the attempt itself is rejected.
          undo: whether a failed try takes back the arguments and the docstring that it set.
        """
        count, doc = len(self.arguments), self.doc
        for _ in range(tries):
            try:
                result = build()
            except Rejected:
                result = None
            if result is not None:
                return result
            if undo:
                del self.arguments[count:]
                self.doc = doc
        raise Rejected("no attempt succeeded")

    # ------------------------------------------------------------ inner functions

    def control(
        self,
        op: str,
        operands: Operands,
        blocks: tuple[Block, ...],
        results: Sequence[Value],
        bound: Sequence[tuple[Value, Value]],
        params: Params,
        recurrent: Sequence[tuple[Value, Value]] = (),
        shapes: Sequence[Shape] | None = None,
        ranges: Sequence[Interval] | None = None,
        samples: Sequence[Samples] | None = None,
        selectors: Sequence[Value] = (),
        forgotten: int = 0,
    ) -> list[Value]:
        """Values of an operation that runs inner functions; one for each of `results`.

        `results` are values of the blocks that give what comes out; `bound` pairs each parameter
        with the operand that it receives; `recurrent` pairs a parameter with the result that it
        receives in the next iteration; `selectors` are the operands that only choose. Shapes,
        ranges and samples default to the results' own. `forgotten` holds bits of arguments that
        reach no recurrent result, though they reach its start.
        """
        masks = {p.params["marker"]: v for p, v in bound}
        loops = {p.params["marker"]: r for p, r in recurrent}
        level = max(
            [v.level for v in operands]
            + [v.level for block in blocks for v in find_captured(block)]
            + [self.floor]
        )
        node = Value(op, operands, params, (), "tuple", 0, 0, blocks=blocks, level=level)
        chosen = 0
        for value in selectors:
            chosen |= value.deps
        parts = []
        for i, result in enumerate(results):
            low, high = ranges[i] if ranges else (result.low, result.high)
            lost = forgotten if i < len(recurrent) else 0
            part = Value(
                "part",
                (node,),
                {"index": i},
                tuple(shapes[i] if shapes else result.shape),
                result.dtype,
                low,
                high,
                result.samples if samples is None else samples[i],
                level=level,
                diff=_resolve(result.diff, masks, loops, "diff") & ~lost,
                deps=(_resolve(result.deps, masks, loops, "deps") | chosen) & ~lost,
            )
            if part.size > _MAX_SIZE:
                raise Rejected("too large")
            self.check(part)
            parts.append(part)
        node.params["parts"] = parts
        return parts

    # ------------------------------------------------------------ outputs

    def finish(self, *outputs: Value) -> Operands:
        """Checks the outputs: each argument must reach one, a float argument with a gradient."""
        deps = diff = 0
        for value in outputs:
            if value.centred:
                raise Rejected("the outputs' sum is constant")
            if value.is_literal or value.op == "argument":
                raise Rejected("an output is an argument or a literal")
            self.check(value)
            if value.is_float:
                self._check_output(value)
            deps |= value.deps
            if value.is_float:
                diff |= value.diff
        for number, argument in enumerate(self.arguments):
            bit = 1 << number
            if not deps & bit:
                raise Rejected(f"argument {number} reaches no output")
            if argument.is_float and not diff & bit:
                raise Rejected(f"argument {number} has no gradient")
        if not any(a.is_float for a in self.arguments):
            raise Rejected("nothing to differentiate")
        return outputs

    @staticmethod
    def _check_output(value: Value) -> None:
        # Samples only estimate, so that an output must be farther from zero and from a constant
        # than other values.
        size, std = float(np.abs(value.samples).max()), float(value.samples.std())
        if size < 0.08 or std < 0.02 * size:
            raise Rejected("an output is near zero or nearly constant")


def find_captured(block: Block) -> list[Value]:
    """Values from outside the block that its results use, each once, in order of use."""
    seen: set[int] = set()
    found: list[Value] = []
    stack = list(reversed(block.flat_results()))
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.level < block.level:
            if not value.is_literal:
                found.append(value)
            continue
        stack.extend(reversed(value.operands))
        for inner in value.blocks:
            stack.extend(reversed(find_captured(inner)))
    return found


def _resolve(mask: int, bound: dict[int, Value], loops: dict[int, Value], kind: str) -> int:
    """Replaces parameters' marker bits by the bits of what the parameters receive.

    What a parameter receives may have markers of the same block: a loop's next carry depends on
    parameters. Each marker is followed once, until none is new.
    """
    seen = 0
    while True:
        todo = [bit for bit in bound if mask & bit and not seen & bit]
        if not todo:
            break
        for bit in todo:
            seen |= bit
            mask |= getattr(bound[bit], kind)
            if bit in loops:
                mask |= getattr(loops[bit], kind)
    for bit in bound:
        mask &= ~bit
    return mask


def _is_centred(op: Op, values: Operands) -> bool:
    """Whether the sum of the result's elements stays constant."""
    if op.centred:
        return True
    if not any(v.centred for v in values):
        return False
    if op.scales:
        return any(v.ndim == 0 for v in values)
    return op.linear
