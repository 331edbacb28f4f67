"""Runs a drawn program on NumPy, to see that its outputs vary and that every argument matters to them.

Intervals and samples follow each element by itself: they can't see that a cross product of parallel
vectors vanishes, or that a clip always clips. A trial does, for the operations listed here.
"""

import numpy as np

from jax_ir_synth.kernels.core.draft import Draft
from jax_ir_synth.kernels.core.meanings import MEANINGS, pick
from jax_ir_synth.kernels.core.values import FLOATS, Undrawable, Value, reached
from jax_ir_synth.kernels.ops import OPS, binary, ternary, unary

_TRIALS, _MORE_TRIALS = 4, 8
# Operations that hold back an operand at times: with one of them more trials are made.
_CUTS = {"maximum", "minimum", "clip", "clamp", "relu", "relu6", "hard_tanh", "hard_sigmoid", "hard_silu", "sparse_plus",
         "where", "select", "choose"}
_STEP = 1e-4
_ROWS = 24   # of a mapped function's calls, this many are run; the others repeat them
_DTYPES = {"int32": np.float64, "bool": np.float64}


class Unsupported(Exception):
    """An operation that isn't known here."""


class _Operand:
    __slots__ = ("samples",)

    def __init__(self, samples):
        self.samples = samples


_ELEMENTWISE = {op.name for table in (unary, binary, ternary) for op in table.TABLE}


class _Run:
    """One evaluation; `before` is the run that it differs from in one argument, for derivatives."""

    def __init__(self, inputs: list[np.ndarray], before: "_Run | None" = None, bit: int = 0,
                 outer: "_Run | None" = None, level: int = 0):
        self.inputs = inputs
        self.before = before
        self.bit = bit
        self.outer = outer    # the run of the function around this one, whose nesting level is `level`
        self.level = level
        self.known: dict[int, np.ndarray] = {}
        self.calls: dict[tuple[int, int], _Run] = {}
        self.looped: dict[int, list[np.ndarray]] = {}

    def of(self, value: Value) -> np.ndarray:
        if self.outer is not None and value.level < self.level:
            return self.outer.of(value)
        found = self.known.get(id(value))
        if found is None:
            before = self.before.known.get(id(value)) if self.before else None
            if before is not None and self._unmoved(value):
                found = before
            else:
                found = self._fresh(value)
            self.known[id(value)] = found
        return found

    def _unmoved(self, value: Value) -> bool:
        """Does the value pass no derivative with respect to the changed argument?"""
        if value.dtype not in FLOATS or value.op in OPS and not OPS[value.op].smooth:
            return True
        return not value.level and not value.deps & self.bit

    def _fresh(self, value: Value) -> np.ndarray:
        op, params = value.op, value.params
        if op == "literal":
            return np.float64(params["value"])
        if op == "argument":
            return self.inputs[params["number"]]
        if op == "part":
            return self._part(value.operands[0], params["index"])
        if op not in MEANINGS and op not in _ELEMENTWISE:
            raise Unsupported(op)
        operands = [self.of(v) for v in value.operands]
        if op in _ELEMENTWISE:
            return OPS[op].sample(tuple(map(_Operand, operands)), params)
        if op in ("arange", "zeros", "ones", "eye", "linspace", "full", "broadcasted_iota"):
            params = params | {"shape": value.shape}
        return MEANINGS[op](params, *operands)

    def _part(self, node: Value, index: int) -> np.ndarray:
        params = node.params
        if "means" in params:
            return self.of(params["means"][index])
        if node.op in ("vmap", "map"):
            return self._mapped(node, index)
        if node.op in _BODIES:
            results = self.looped.get(id(node))
            if results is None:
                results = self.looped[id(node)] = _BODIES[node.op](self, node)
            return results[index]
        x = self.of(node.operands[0])
        if node.op == "split":
            start = sum(params["sizes"][:index])
            return pick(x, params["axis"], slice(start, start + params["sizes"][index]))
        if node.op in ("unstack", "iterate"):
            return pick(x, params.get("axis", 0), index)
        if node.op == "meshgrid":
            return np.meshgrid(x, self.of(node.operands[1]), indexing=params["indexing"])[index]
        if node.op == "top_k_pair":
            order = np.argsort(-x, -1, kind="stable")[..., :params["k"]]
            return order * 1.0 if index else np.take_along_axis(x, order, -1)
        raise Unsupported(node.op)

    def _call(self, node: Value, block, step: int, bound: list[tuple[Value, np.ndarray]]) -> "_Run":
        """The run of a function inside, with its parameters bound; `step` tells its calls apart."""
        call = _Run(self.inputs, self.before.calls.get((id(node), step)) if self.before else None, self.bit, self, block.level)
        for parameter, x in bound:
            call.known[id(parameter)] = x
        self.calls[(id(node), step)] = call
        return call

    def _mapped(self, node: Value, index: int) -> np.ndarray:
        block = node.blocks[0]
        axes = node.params.get("in_axes", (0,) * len(node.operands))
        xs = [self.of(v) for v in node.operands]
        size = next(x.shape[a] for x, a in zip(xs, axes) if a is not None)
        rows = []
        for i in range(min(size, _ROWS)):
            call = self.calls.get((id(node), i))
            if call is None:
                call = self._call(node, block, i, [(p, x if a is None else x.take(i, a))
                                                   for p, x, a in zip(block.params, xs, axes)])
            rows.append(call.of(block.results[index]))
        return np.stack([rows[i % len(rows)] for i in range(size)])

    def _chosen(self, node: Value, which: int) -> list[np.ndarray]:
        block = node.blocks[which]
        call = self._call(node, block, which, list(zip(block.params, map(self.of, node.operands[1:]))))
        return [call.of(v) for v in block.results]

    def _cond(self, node: Value) -> list[np.ndarray]:
        return self._chosen(node, 0 if self.of(node.operands[0]) > 0.5 else 1)

    def _switch(self, node: Value) -> list[np.ndarray]:
        return self._chosen(node, int(self.of(node.operands[0])))

    def _checkpoint(self, node: Value) -> list[np.ndarray]:
        block = node.blocks[0]
        call = self._call(node, block, 0, list(zip(block.params, map(self.of, node.operands))))
        return [call.of(v) for v in block.results]

    def _fori_loop(self, node: Value) -> list[np.ndarray]:
        block = node.blocks[0]
        counter, carry = block.params
        state = [self.of(v) for v in node.operands]
        start = node.params["start"]
        for i in range(start, start + node.params["steps"]):
            call = self._call(node, block, i, [(counter, np.float64(i)), *zip(carry, state)])
            state = [call.of(v) for v in block.results]
        return state

    def _scan(self, node: Value) -> list[np.ndarray]:
        block, params = node.blocks[0], node.params
        carry, slices = block.params
        operands = [self.of(v) for v in node.operands]
        state, xs = operands[:params["carries"]], operands[params["carries"]:]
        order = range(params["steps"])
        stacked = {}
        for i in reversed(order) if params["reverse"] else order:
            call = self._call(node, block, i, [*zip(carry, state), *((p, x[i]) for p, x in zip(slices, xs))])
            ends, outs = block.results
            state = [call.of(v) for v in ends]
            stacked[i] = [call.of(v) for v in outs]
        return [*state, *(np.stack([stacked[i][k] for i in order]) for k in range(len(block.results[1])))]

    def _split_key(self, node: Value) -> list[np.ndarray]:
        return [self.of(node.operands[0])] * 2


_BODIES = {"cond": _Run._cond, "switch": _Run._switch, "checkpoint": _Run._checkpoint, "jit": _Run._checkpoint,
           "call": _Run._checkpoint, "fori_loop": _Run._fori_loop, "scan": _Run._scan, "split_key": _Run._split_key}


def _inputs(arguments: list[Value], draws) -> list[np.ndarray]:
    return [draws.uniform(v.low, v.high, v.shape) if v.is_float
            else draws.integers(int(v.low), int(v.high), v.shape, endpoint=True) * 1.0 for v in arguments]


def require_effect(d: Draft, outputs: tuple[Value, ...]) -> None:
    """Raises Undrawable where an output hardly varies, or one of the arguments makes no difference.

    Programs with operations unknown to this module pass untried.
    """
    draws = np.random.Generator(np.random.Philox(20 + len(d.arguments)))
    seen: list[list[np.ndarray]] = []
    try:
        with np.errstate(all="ignore"):
            for _ in range(_MORE_TRIALS if _CUTS & {v.op for v in reached(outputs).values()} else _TRIALS):
                run = _Run(_inputs(d.arguments, draws))
                results = [run.of(v) for v in outputs]
                if not all(np.isfinite(r).all() and np.abs(r).max(initial=0) < 1e7 for r in results):
                    raise Undrawable("trial: a result is not finite")
                seen.append(results)
                for number, argument in enumerate(d.arguments):
                    _require_effect(run, outputs, number, argument, draws)
    except Unsupported:
        return
    for runs in zip(*seen):
        few = np.size(runs[0]) <= 4   # what a program makes of two inputs is to differ, surely
        for group in [runs] if few else [runs[:2], runs[2:]]:
            values = np.concatenate([np.ravel(r) for r in group])
            least = 0.06 if few else 3e-3 if d.dtype == "float32" else 0.03   # rounding takes the rest
            if np.ptp(values) <= least * np.abs(values).max() or np.abs(values).max() < 0.05:
                raise Undrawable("trial: an output hardly varies")


def _require_effect(run: _Run, outputs, number: int, argument: Value, draws) -> None:
    inputs = list(run.inputs)
    if not argument.is_float:
        inputs[number] = _inputs([argument], draws)[0]
        other = _Run(inputs)
        if not np.array_equal(inputs[number], run.inputs[number]) and all(
                np.allclose(other.of(v), run.of(v), 1e-6, 1e-9) for v in outputs):
            raise Undrawable(f"trial: argument {number} makes no difference")
        return
    step = _STEP * (argument.high - argument.low)
    inputs[number] = inputs[number] + step * draws.choice((-1.0, 1.0), argument.shape)
    moved = _Run(inputs, run, 1 << number)
    change = 0.0
    for value in outputs:
        if value.is_float:
            change += float((moved.of(value) - run.of(value)).sum())
    if not abs(change) > 1e-5 * step:
        raise Undrawable(f"trial: argument {number} makes no difference")
