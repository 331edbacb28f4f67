"""Sensitivity: whether each argument surely matters, on typical elements, as choices fall."""

from collections.abc import Callable, Sequence

import numpy as np

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import SAMPLES, Operands, Rejected, Samples, Value
from jax_ir_synth.kernels.ops import OPS, named_by_kind
from jax_ir_synth.kernels.ops.base import Op

_SCENARIOS = 32  # each fixes the 0-d arguments and the way that conditions without axes fall
_CORNERS = 16  # of these, scenarios with the 0-d arguments at the ends of their ranges
_SLOTS = _SCENARIOS * SAMPLES
_MANY = 6  # a condition on fewer elements than this may fall one way for all of them
_RISK = 1e-5  # chance that on given inputs an argument reaches none of the elements
_STEP = 1e-4  # a small change, relative to the argument's range
_SLIGHT = 1e-3  # a derivative below this is taken for none
_SCENARIO = np.repeat(np.arange(_SCENARIOS), SAMPLES)
# Of each argument: where its elements lie in its range, or the one number for all of them.
_UNITS: Samples = np.array(
    [
        [(k + 0.5) / _SLOTS for k in Stream(0, "reach", row).shuffled(range(_SLOTS))]
        for row in range(16)
    ]
)
_SPREAD: Samples = np.array(
    [
        [(k + 0.5) / _SCENARIOS for k in Stream(0, "ends", row).shuffled(range(_SCENARIOS))]
        for row in range(32)
    ]
)[:, _SCENARIO]
_ENDS = np.where(
    _SCENARIO < _CORNERS,
    [0.02 + 0.96 * ((_SCENARIO >> row % 4) & 1) for row in range(16)],
    _SPREAD[:16],
)
_BRANCHES, _CALLS = named_by_kind("branch"), named_by_kind("call")


def find_uncertain(builder: ProgramBuilder, outputs: Operands) -> list[Value]:
    """The arguments that on some inputs may matter to no output, or have a gradient of zero."""
    base = _Run()
    values = [base.value(v) for v in outputs]
    doubtful = []
    for argument in builder.arguments:
        start = base.value(argument)
        step = _STEP * (argument.high - argument.low) if argument.is_float else 1.0
        run = _Run(base, argument, start + step if argument.is_float else _another(argument, start))
        moves = [(run.value(v) - old) / step for v, old in zip(outputs, values, strict=True)]
        if not any(_sure(argument, v, move) for v, move in zip(outputs, moves, strict=True)):
            doubtful.append(argument)
    return doubtful


def settle(builder: ProgramBuilder, value: Value, put_in: Callable[[Value, Value], Value]) -> Value:
    """The value; `put_in(value, argument)` puts in once more each argument that may not matter.

    Raises Rejected where an argument still may not, or the value is nearly zero or constant.
    """
    for argument in find_uncertain(builder, (value,)):
        if argument.dtype == "bool":
            raise Rejected("a mask that might not matter")
        value = put_in(value, argument)
    doubtful = find_uncertain(builder, (value,))
    if doubtful:
        raise Rejected(f"{doubtful} might not matter")
    table = _Run().value(value).reshape(_SCENARIOS, SAMPLES)[_CORNERS:]
    largest = np.abs(table).max(axis=1)
    if ((largest < 0.03) | (np.ptp(table, axis=1) < 0.01 * largest)).sum() > 1:
        raise Rejected("nearly zero or constant, as some choices fall")
    return value


def _another(argument: Value, values: Samples) -> Samples:
    """Other values of an integer or boolean argument."""
    return argument.low + (values - argument.low + 1) % (argument.high - argument.low + 1)


def _sure(argument: Value, output: Value, moves: Samples) -> bool:
    table = moves.reshape(_SCENARIOS, SAMPLES)
    count = min(output.size, argument.size) if argument.size >= _MANY else output.size
    share = float((np.abs(table) > _SLIGHT).mean(axis=1).min())
    if argument.is_float and argument.size < _MANY:
        total, parts = np.abs(table.sum(axis=1)), np.abs(table).sum(axis=1)
        if (total < 0.02 * parts).any():
            return False
    return share >= 0.999 or (1 - share) ** count < _RISK


class _Run:
    """One evaluation on typical elements; with a `base`, again with other values of one argument.

    The effect of a float argument's change is followed along gradients alone.
    """

    def __init__(
        self,
        base: "_Run | None" = None,
        argument: Value | None = None,
        given: Samples | None = None,
    ):
        self.base: _Run = self if base is None else base
        self.slope = base is not None and argument is not None and argument.is_float
        self.known: dict[int, Samples] = {}
        if argument is not None and given is not None:
            self.known[id(argument)] = given
        self.bit = 0 if argument is None else argument.deps
        self.received: dict[int, Value] = {} if base is None else base.received
        self.places: dict[int, int] = {} if base is None else base.places

    def value(self, value: Value) -> Samples:
        found = self.known.get(id(value))
        if found is None:
            if (
                self.base is not self
                and not value.level
                and not (value.diff if self.slope else value.deps) & self.bit
            ):
                found = self.base.value(value)
            else:
                found = self._evaluate(value)
            self.known[id(value)] = found
        return found

    def _evaluate(self, value: Value) -> Samples:
        if value.is_literal:
            return np.full(_SLOTS, float(value.params["value"]))
        if value.op == "argument":
            return _drawn(value)
        if value.op == "parameter":
            return self.value(self.received[id(value)])
        if value.dtype == "bool" and value.size < _MANY and not _of_flags(value):
            return self._fallen(value)
        if value.op == "part":
            return self._part(value)
        return self._operation(value)

    def _fallen(self, condition: Value) -> Samples:
        """A condition without axes: true in half of the scenarios, whatever the samples say."""
        place = self.places.setdefault(id(condition), len(self.places))
        spread: Samples = _SPREAD[16 + place % 16]
        return (spread > 0.5).astype(float)

    def _part(self, part: Value) -> Samples:
        node, index = part.operands[0], part.params["index"]
        if node.op not in _BRANCHES | _CALLS | {"piecewise"}:
            return np.tile(part.samples, _SCENARIOS)
        given = (
            node.operands[:1]
            if node.op == "piecewise"
            else node.operands[1 - (len(node.blocks) == 1) :]
        )
        for block in node.blocks:
            self.received.update(
                (id(p), v) for p, v in zip(block.flat_params(), given, strict=True)
            )
        results = [self.value(block.flat_results()[index]) for block in node.blocks]
        if len(results) == 1:
            return results[0]
        if node.op == "piecewise":
            tests = [self._frozen(c) > 0.5 for c in node.operands[1:]]
            return np.select(tests, results[:-1], results[-1])
        chooser = self._frozen(node.operands[0])
        return np.choose(
            (1 - chooser if node.op == "cond" else chooser).round().astype(int), results
        )

    def _frozen(self, value: Value) -> Samples:
        """A value that no gradient passes through."""
        return (self.base if self.slope else self).value(value)

    def _operation(self, value: Value) -> Samples:
        op = OPS[value.op]
        if value.op in ("isfinite", "isnan"):
            negative = self._frozen(value.operands[0].operands[0]) < 0
            return (negative if value.op == "isnan" else ~negative).astype(float)
        if self.slope and not op.smooth:
            return self.base.value(value)
        if op.reduces or not value.operands:
            whole = np.tile(value.samples, _SCENARIOS)
            if not self.slope:
                return whole
            # What moves the elements moves their statistic about as much.
            return whole + sum(
                float((self.value(v) - self.base.value(v)).mean())
                for i, v in enumerate(value.operands)
                if i not in op.select
            )
        samples = [
            self._frozen(v) if i in op.select else self.value(v)
            for i, v in enumerate(value.operands)
        ]
        return _sampled(op, value, samples)


def _sampled(op: Op, value: Value, samples: Sequence[Samples]) -> Samples:
    """The operation on other samples than its operands' own."""
    operands = tuple(v.changed(samples=own) for v, own in zip(value.operands, samples, strict=True))
    with np.errstate(all="ignore"):
        found = np.asarray(op.sample(operands, value.params), dtype=np.float64)
    if found.shape != (_SLOTS,):
        return np.tile(value.samples, _SCENARIOS)
    return found if np.isfinite(found).all() else np.nan_to_num(found, posinf=0.0, neginf=0.0)


def _drawn(argument: Value) -> Samples:
    """Typical elements of an argument; one number in each scenario where it has no axes."""
    row = argument.params["number"]
    unit = _UNITS[row] if argument.size >= _MANY else _ENDS[row]
    if argument.is_float:
        return argument.low + (argument.high - argument.low) * unit
    return np.floor(argument.low + (argument.high - argument.low + 1) * unit)


def _of_flags(value: Value) -> bool:
    """Is the condition made of boolean arguments alone?"""
    if value.op == "argument":
        return value.dtype == "bool"
    return bool(value.operands) and value.op != "part" and all(_of_flags(v) for v in value.operands)
