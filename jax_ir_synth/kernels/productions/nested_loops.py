"""Loops in the bodies of loops."""

from collections.abc import Callable
from typing import NamedTuple

from jax_ir_synth.kernels.builder import loops, transforms
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.cumulative import accumulate
from jax_ir_synth.kernels.productions.loop_parts import (
    Step,
    draw_sequence,
    like,
    outs,
    shaped,
    squash,
    steps,
)


class _Nest(NamedTuple):
    """What a loop in a loop is made of.

    Attributes:
      d: the builder.
      x: the sequence that one of the loops runs over.
      w: a weight of all steps.
      steps: how often the other loop runs.
      start: the carry at the start.
    """

    d: ProgramBuilder
    x: Value
    w: Value
    steps: int
    start: Value

    def relax(self, h: Value, others: list[Value]) -> Value:
        """Updates h, `steps` times, in a loop of its own."""

        def body(i: Value, carry: Value) -> Value:
            return self.squash(carry, others, h)

        return self.repeat(self.steps, h, body)

    def squash(self, carry: Value, others: list[Value], like_this: Value) -> Value:
        """A squashed mix of the carry and the others."""
        return shaped(squash(self.d, common.mix(self.d, [carry, *others], 0)), like_this)

    def repeat(self, steps: int, h: Value, body: Callable[[Value, Value], Value]) -> Value:
        """Runs a `fori_loop` whose carry stays within ±1."""
        return loops.fori_loop(self.d, steps, (h,), [(-1.0, 1.0)], body)[0]

    def scan(self, h: Value, step: Callable[[Operands, Operands], Step]) -> list[Value]:
        """Scans the sequence with a carry that stays within ±1."""
        return loops.scan(self.d, (h,), (self.x,), [(-1.0, 1.0)], step)


def _fori_in_scan(nest: _Nest) -> Operands:
    d = nest.d

    def step(carry: Operands, inputs: Operands) -> Step:
        h = nest.relax(carry[0], [inputs[0], nest.w])
        return (h,), (outs(d, h, list(inputs)),) if d.stream.chance(60) else ()

    return tuple(nest.scan(nest.start, step))


def _scan_in_fori(nest: _Nest) -> Operands:
    def sweep(i: Value, h: Value) -> Value:
        def step(carry: Operands, inputs: Operands) -> Step:
            return (nest.squash(carry[0], [inputs[0], nest.w], h),), ()

        return nest.scan(h, step)[0]

    return (nest.repeat(min(nest.steps, 5), nest.start, sweep),)


def _fori_in_fori(nest: _Nest) -> Operands:
    def body(i: Value, h: Value) -> Value:
        item = nest.d.apply("dynamic_index", nest.x, i, axis=0)
        return nest.relax(h, [item, nest.w])

    return (nest.repeat(nest.x.shape[0], nest.start, body),)


def _prefix_in_scan(nest: _Nest) -> Operands:
    d = nest.d
    if not nest.start.shape:
        raise Rejected("a scalar has no prefixes")

    def step(carry: Operands, inputs: Operands) -> Step:
        prefix = accumulate(d, common.mix(d, [inputs[0], nest.w], 0), sums=True)
        y = shaped(common.bounded(d, prefix), carry[0])
        h = d.apply("tanh", d.apply("add", carry[0], y))
        return (h,), (outs(d, h, list(inputs)),)

    return tuple(nest.scan(nest.start, step))


def _fori_in_map(nest: _Nest) -> Operands:
    def row(x: Value) -> Value:
        return nest.relax(common.bounded(nest.d, x), [nest.w])

    return tuple(transforms.lax_map(nest.d, (nest.x,), row))


_NESTS = {
    _fori_in_scan: 4,
    _scan_in_fori: 4,
    _fori_in_fori: 3,
    _prefix_in_scan: 3,
    _fori_in_map: 3,
}


def nested(d: ProgramBuilder) -> tuple[Value, ...]:
    """A loop in a loop's body: scan in fori, fori in scan, a cumulative operation in a scan."""
    build = d.stream.choose(_NESTS)
    x, _, shape = draw_sequence(d, most=20)
    w = like(d, shape)
    inner_steps = steps(d, 10)
    # The start is soon forgotten, so it is no argument.
    h0 = d.apply(d.stream.choice(("zeros", "zeros", "ones")), shape=shape, dtype=d.dtype)
    return build(_Nest(d, x, w, inner_steps, h0))
