"""Runs a drawn program on NumPy, to see that its outputs vary and that every argument matters to them.

Intervals and samples follow each element by itself: they can't see that a cross product of parallel
vectors vanishes, or that a clip always clips. A trial does, for the operations listed here.
"""

import numpy as np

from jax_ir_synth.kernels.draft import Draft
from jax_ir_synth.kernels.ops import OPS, binary, ternary, unary
from jax_ir_synth.kernels.values import FLOATS, Undrawable, Value, reached

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


def _axes(p):
    return {"axis": p["axis"], "keepdims": bool(p.get("keepdims"))}


def _pick(x, axis, item):
    return x[(slice(None),) * axis + (item,)]


def _softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _norm(x, **axes):
    # At zero the norm has no gradient: a program that comes there is refused as one with a NaN.
    n = np.sqrt((x * x).sum(**axes))
    return np.where(n == 0, np.nan, n)


def _logsumexp(x, **axes):
    return np.log(np.exp(x).sum(**axes))


def _set(how):
    def run(p, x, value, index=None):
        y = np.array(x)
        where = index.astype(int) if index is not None else slice(*p["slice"]) if "slice" in p else p["index"]
        if how is None:
            y[where] = value
        else:
            how.at(y, where, value)
        return y
    return run


def _update(p, x, u, start):
    y = np.array(x)
    start = int(start)
    y[(slice(None),) * p["axis"] + (slice(start, start + u.shape[p["axis"]]),)] = u
    return y


def _roll(p, x):
    return np.roll(x, p["shift"], p["axis"])


def _kept(function, fill):
    return lambda p, x, m: function(np.where(m > 0.5, x, fill))


_RUN = {
    "convert": lambda p, x: np.trunc(x) if p["dtype"] == "int32" else x,
    "sum": lambda p, x: x.sum(**_axes(p)), "mean": lambda p, x: x.mean(**_axes(p)), "max": lambda p, x: x.max(**_axes(p)),
    "min": lambda p, x: x.min(**_axes(p)), "prod": lambda p, x: x.prod(**_axes(p)), "var": lambda p, x: x.var(**_axes(p)),
    "std": lambda p, x: x.std(**_axes(p)), "median": lambda p, x: np.median(x, **_axes(p)),
    "nanmean": lambda p, x: x.mean(**_axes(p)), "nanmax": lambda p, x: x.max(**_axes(p)),
    "ptp": lambda p, x: x.max(**_axes(p)) - x.min(**_axes(p)), "any": lambda p, x: x.max(**_axes(p)),
    "all": lambda p, x: x.min(**_axes(p)), "count_nonzero": lambda p, x: x.sum(**_axes(p)),
    "norm": lambda p, x: _norm(x, **_axes(p)), "norm_l1": lambda p, x: np.abs(x).sum(**_axes(p)),
    "logsumexp": lambda p, x: _logsumexp(x, **_axes(p)), "argmax": lambda p, x: x.argmax(p["axis"][0]) * 1.0,
    "argmin": lambda p, x: x.argmin(p["axis"][0]) * 1.0,
    "reshape": lambda p, x: x.reshape(p["shape"]), "ravel": lambda p, x: x.reshape(-1),
    "transpose": lambda p, x: x.transpose(p["perm"]), "expand_dims": lambda p, x: np.expand_dims(x, p["axis"]),
    "squeeze": lambda p, x: x.squeeze(p["axis"]), "broadcast_to": lambda p, x: np.broadcast_to(x, p["shape"]),
    "tile": lambda p, x: np.tile(x, p["reps"]), "repeat": lambda p, x: np.repeat(x, p["repeats"], p["axis"]),
    "flip": lambda p, x: np.flip(x, p["axis"]), "roll": _roll, "pad": lambda p, x: np.pad(x, p["pads"]),
    "pad_edge": lambda p, x: np.pad(x, p["pads"], mode="edge"),
    "slice": lambda p, x: _pick(x, p["axis"], slice(p["start"], p["stop"], p["step"])),
    "slice_in_dim": lambda p, x: _pick(x, p["axis"], slice(p["start"], p["stop"], p["step"])),
    "index": lambda p, x: _pick(x, p["axis"], p["index"]), "diag": lambda p, x: np.diag(x),
    "diagonal": lambda p, x: np.diagonal(x), "tril": lambda p, x: np.tril(x), "triu": lambda p, x: np.triu(x),
    "sort": lambda p, x: np.sort(x, p["axis"]), "argsort": lambda p, x: np.argsort(x, p["axis"]) * 1.0,
    "copy": lambda p, x: x, "concatenate": lambda p, *xs: np.concatenate(xs, p["axis"]),
    "stack": lambda p, *xs: np.stack(xs, p["axis"]), "take": lambda p, x, i: np.take(x, i.astype(int), p["axis"]),
    "take_along_axis": lambda p, x, i: np.take_along_axis(x, i.astype(int), p["axis"]),
    "dynamic_index": lambda p, x, i: x[int(i)],
    "dynamic_slice": lambda p, x, i: _pick(x, p["axis"], slice(int(i), int(i) + p["length"])),
    "dynamic_update_slice": _update, "at_set": _set(None), "at_add": _set(np.add), "at_multiply": _set(np.multiply),
    "at_max": _set(np.maximum), "at_min": _set(np.minimum),
    "one_hot": lambda p, x: (x[..., None] == np.arange(p["n"])) * 1.0,
    "softmax": lambda p, x: _softmax(x, p["axis"]), "log_softmax": lambda p, x: np.log(_softmax(x, p["axis"])),
    "standardize": lambda p, x: (x - x.mean(p["axis"], keepdims=True)) / np.sqrt(x.var(p["axis"], keepdims=True) + 1e-5),
    "diff": lambda p, x: np.diff(x, axis=p["axis"]), "top_k": lambda p, x: -np.sort(-x, -1)[..., :p["k"]],
    "einsum": lambda p, x, y: np.einsum(p["equation"], x, y), "matmul": lambda p, x, y: x @ y,
    "vdot": lambda p, x, y: np.vdot(x, y), "tensordot": lambda p, x, y: np.tensordot(x, y, p["axes"]),
    "outer": lambda p, x, y: np.outer(x, y), "trace": lambda p, x: np.trace(x),
    "convolve": lambda p, x, y: np.convolve(x, y, p["mode"]),
    "cross": lambda p, x, y: np.cross(x, y),
    "zeros": lambda p: np.zeros(p["shape"]), "ones": lambda p: np.ones(p["shape"]),
    "full": lambda p: np.full(p["shape"], float(p["value"])), "zeros_like": lambda p, x: np.zeros_like(x),
    "ones_like": lambda p, x: np.ones_like(x), "full_like": lambda p, x: np.full_like(x, p["value"]),
    "arange": lambda p: np.arange(p["shape"][0]) * 1.0, "eye": lambda p: np.eye(p["shape"][0]),
    "linspace": lambda p: np.linspace(p["start"], p["stop"], p["shape"][0]),
    "broadcasted_iota": lambda p: np.indices(p["shape"])[p["dimension"]] * 1.0,
    "constant_array": lambda p: np.array(p["values"]),
    "kept_softmax": lambda p, x, m: _softmax(np.where(m > 0.5, x, -1e30), -1),
    "kept_max": _kept(lambda x: x.max(-1), -np.inf), "kept_min": _kept(lambda x: x.min(-1), np.inf),
    "kept_logsumexp": _kept(lambda x: _logsumexp(x, axis=-1), -np.inf),
    "kept_mean": lambda p, x, m: (x * m).sum(-1) / (m * np.ones_like(x)).sum(-1),
    "surely_finite": lambda p, x: np.ones_like(x), "never_nan": lambda p, x: np.zeros_like(x),
    "never_inf": lambda p, x: np.zeros_like(x), "through_int8": lambda p, x: np.trunc(x),
}
_ELEMENTWISE = {op.name for table in (unary, binary, ternary) for op in table.TABLE}


class _Run:
    """One evaluation; `before` is the run that it differs from in one argument, for derivatives."""

    def __init__(self, inputs: list[np.ndarray], before: "_Run | None" = None, bit: int = 0):
        self.inputs = inputs
        self.before = before
        self.bit = bit
        self.known: dict[int, np.ndarray] = {}
        self.calls: dict[tuple[int, int], _Run] = {}

    def of(self, value: Value) -> np.ndarray:
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
        if op not in _RUN and op not in _ELEMENTWISE:
            raise Unsupported(op)
        operands = [self.of(v) for v in value.operands]
        if op in _ELEMENTWISE:
            return OPS[op].sample(tuple(map(_Operand, operands)), params)
        if op in ("arange", "zeros", "ones", "eye", "linspace", "full", "broadcasted_iota"):
            params = params | {"shape": value.shape}
        return _RUN[op](params, *operands)

    def _part(self, node: Value, index: int) -> np.ndarray:
        params = node.params
        if "means" in params:
            return self.of(params["means"][index])
        if node.op == "vmap":
            return self._mapped(node, index)
        x = self.of(node.operands[0])
        if node.op == "split":
            start = sum(params["sizes"][:index])
            return _pick(x, params["axis"], slice(start, start + params["sizes"][index]))
        if node.op in ("unstack", "iterate"):
            return _pick(x, params.get("axis", 0), index)
        if node.op == "meshgrid":
            return np.meshgrid(x, self.of(node.operands[1]), indexing=params["indexing"])[index]
        if node.op == "top_k_pair":
            order = np.argsort(-x, -1, kind="stable")[..., :params["k"]]
            return order * 1.0 if index else np.take_along_axis(x, order, -1)
        raise Unsupported(node.op)

    def _mapped(self, node: Value, index: int) -> np.ndarray:
        block, axes = node.blocks[0], node.params["in_axes"]
        xs = [self.of(v) for v in node.operands]
        size = next(x.shape[a] for x, a in zip(xs, axes) if a is not None)
        rows = []
        for i in range(min(size, _ROWS)):
            call = self.calls.get((id(node), i))
            if call is None:
                call = _Run(self.inputs, self.before.calls.get((id(node), i)) if self.before else None, self.bit)
                for p, x, a in zip(block.params, xs, axes):
                    call.known[id(p)] = x if a is None else x.take(i, a)
                self.calls[(id(node), i)] = call
            rows.append(call.of(block.results[index]))
        return np.stack([rows[i % len(rows)] for i in range(size)])


def _inputs(arguments: list[Value], draws) -> list[np.ndarray]:
    return [draws.uniform(v.low, v.high, v.shape) if v.is_float
            else draws.integers(int(v.low), int(v.high), v.shape, endpoint=True) * 1.0 for v in arguments]


def require(d: Draft, outputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """The outputs; Undrawable where one hardly varies, or where one of the arguments makes no difference.

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
        return outputs
    for runs in zip(*seen):
        few = np.size(runs[0]) <= 4   # what a program makes of two inputs is to differ, surely
        for group in [runs] if few else [runs[:2], runs[2:]]:
            values = np.concatenate([np.ravel(r) for r in group])
            least = 0.06 if few else 3e-3 if d.dtype == "float32" else 0.03   # rounding takes the rest
            if np.ptp(values) <= least * np.abs(values).max() or np.abs(values).max() < 0.02:
                raise Undrawable("trial: an output hardly varies")
    return outputs


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
