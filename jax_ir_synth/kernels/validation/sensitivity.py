"""Sensitivity: whether each argument matters to an output, whichever way the conditions fall.

A run evaluates the program's graph in 32 scenarios, on 16 elements each. Within a scenario, an
argument of few elements has one value, and a condition on few elements falls one way. A second run
moves an argument, and the outputs' differences show where it matters. It must reach so many
elements in each scenario that on any inputs it almost surely reaches one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import SAMPLES, Operands, Rejected, Samples, Value
from jax_ir_synth.kernels.ops import OPS, named_by_kind
from jax_ir_synth.kernels.ops.base import Op

_SCENARIOS = 32  # each fixes the arguments of few elements, and the way that conditions fall
_CORNERS = 16  # of these, scenarios with such arguments near the ends of their ranges
_SLOTS = _SCENARIOS * SAMPLES
_MANY = 6  # a condition on fewer elements than this may fall the same way for all of them
_RISK = 1e-5  # the accepted probability that an argument reaches none of the elements
_STEP = 1e-4  # a small change, relative to the argument's range
_SLIGHT = 1e-3  # a derivative below this counts as zero
_SCENARIO = np.repeat(np.arange(_SCENARIOS), SAMPLES)
# Positions in [0, 1], the midpoints of equal parts in random order. A row of _UNITS is for the
# elements of a large argument. A row of _ENDS is for an argument of few elements: near the ends of
# its range in the first _CORNERS scenarios, which have all combinations of ends of the first four
# arguments, and anywhere in the others. Rows 16 to 31 of _SPREAD decide conditions.
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
    """The arguments that may matter to no output on some inputs, or have a gradient of zero."""
    return _find_uncertain(builder, outputs)[0]


@np.errstate(all="ignore")
def _find_uncertain(
    builder: ProgramBuilder, outputs: Operands
) -> tuple[list[Value], list[Samples]]:
    """The arguments that `find_uncertain` finds, and the outputs' samples."""
    base = _Run()
    values = [base.value(v) for v in outputs]
    doubtful = []
    for argument in builder.arguments:
        start = base.value(argument)
        step = _STEP * (argument.high - argument.low) if argument.is_float else 1.0
        run = _Run(
            base, argument, start + step if argument.is_float else _next_values(argument, start)
        )
        moves = [(run.value(v) - old) / step for v, old in zip(outputs, values, strict=True)]
        if not any(_reaches(argument, v, move) for v, move in zip(outputs, moves, strict=True)):
            doubtful.append(argument)
    return doubtful, values


def settle(builder: ProgramBuilder, value: Value, put_in: Callable[[Value, Value], Value]) -> Value:
    """Uses each argument that may not matter once more, by `value = put_in(value, argument)`.

    Raises Rejected where an argument still may not matter, or the value may be nearly zero or
    constant.
    """
    doubtful, (samples,) = _find_uncertain(builder, (value,))
    if doubtful:
        for argument in doubtful:
            if argument.dtype == "bool":
                raise Rejected("a mask that might not matter")
            value = put_in(value, argument)
        doubtful, (samples,) = _find_uncertain(builder, (value,))
        if doubtful:
            raise Rejected(f"{doubtful} might not matter")
    # Arguments at the ends of their ranges are rare: only the other scenarios count, and one of
    # them may be degenerate.
    table = samples.reshape(_SCENARIOS, SAMPLES)[_CORNERS:]
    largest = np.abs(table).max(axis=1)
    if ((largest < 0.03) | (np.ptp(table, axis=1) < 0.01 * largest)).sum() > 1:
        raise Rejected("nearly zero or constant, as some choices fall")
    return value


def _next_values(argument: Value, values: Samples) -> Samples:
    """The next values of an integer or boolean argument; after the last comes the first."""
    return argument.low + (values - argument.low + 1) % (argument.high - argument.low + 1)


def _reaches(argument: Value, output: Value, moves: Samples) -> bool:
    """Whether an argument reaches an output, given the output's derivatives by it."""
    table = moves.reshape(_SCENARIOS, SAMPLES)
    count = min(output.size, argument.size) if argument.size >= _MANY else output.size
    # Each element depends on the argument with the probability `share`, in the worst scenario. Of
    # `count` independent elements, none does with the probability (1 - share) ** count. An array
    # may meet an output only element by element, so that the shorter of them counts.
    share = float((np.abs(table) > _SLIGHT).mean(axis=1).min())
    if argument.is_float and argument.size < _MANY:
        # The gradient by one of few elements is a sum over the output's: its terms must not cancel.
        total, parts = np.abs(table.sum(axis=1)), np.abs(table).sum(axis=1)
        if (total < 0.02 * parts).any():
            return False
    return share >= 0.999 or (1 - share) ** count < _RISK


class _Run:
    """An evaluation of values on all slots.

    With a `base`, an argument has other values than in that run, and what does not depend on it is
    taken from there. A float argument's change is followed along gradients alone, as choices by
    conditions and rounding have none.
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
            return _sample_argument(value)
        if value.op == "parameter":
            return self.value(self.received[id(value)])
        if value.dtype == "bool" and value.size < _MANY and not _is_of_flags(value):
            return self._condition(value)
        if value.op == "part":
            return self._part(value)
        return self._operation(value)

    def _condition(self, condition: Value) -> Samples:
        """A condition on few elements: true in half of the scenarios, whatever the samples are."""
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
            # A change of the elements changes their statistic by about its mean.
            return whole + sum(
                float((self.value(v) - self.base.value(v)).mean())
                for i, v in enumerate(value.operands)
                if i not in op.select
            )
        samples = [
            self._frozen(v) if i in op.select else self.value(v)
            for i, v in enumerate(value.operands)
        ]
        return _sample_operation(op, value, samples)


def _sample_operation(op: Op, value: Value, samples: Sequence[Samples]) -> Samples:
    """The operation's samples, given its operands'."""
    operands = tuple(v.changed(samples=own) for v, own in zip(value.operands, samples, strict=True))
    found = np.asarray(op.sample(operands, value.params), dtype=np.float64)
    if found.shape != (_SLOTS,):
        return np.tile(value.samples, _SCENARIOS)
    return found if np.isfinite(found).all() else np.nan_to_num(found, posinf=0.0, neginf=0.0)


def _sample_argument(argument: Value) -> Samples:
    """Elements of an argument; the same for a whole scenario where it has few."""
    row = argument.params["number"]
    unit = _UNITS[row] if argument.size >= _MANY else _ENDS[row]
    if argument.is_float:
        return argument.low + (argument.high - argument.low) * unit
    return np.floor(argument.low + (argument.high - argument.low + 1) * unit)


def _is_of_flags(value: Value) -> bool:
    """Whether the condition is made of boolean arguments alone."""
    if value.op == "argument":
        return value.dtype == "bool"
    return (
        bool(value.operands) and value.op != "part" and all(_is_of_flags(v) for v in value.operands)
    )
