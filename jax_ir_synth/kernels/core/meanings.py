"""What each array operation computes, in NumPy and float64, for trials of drawn programs."""

import numpy as np
from scipy import linalg


def _axes(p):
    return {"axis": p["axis"], "keepdims": bool(p.get("keepdims"))}


def pick(x, axis, item):
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


def _reversed(how):
    return lambda p, x: np.flip(how(np.flip(x, p["axis"]), axis=p["axis"]), p["axis"])


def _average(p, x, w):
    if w.ndim == 1 and x.ndim > 1:   # weights along the one axis
        w = w.reshape([-1 if a == p["axis"][0] else 1 for a in range(x.ndim)])
    return (x * w).sum(p["axis"]) / (w * np.ones_like(x)).sum(p["axis"])


def _windows(p, x):
    windows = np.lib.stride_tricks.sliding_window_view(x, (p["window"],) * x.ndim)
    return windows[(slice(None, None, p["stride"]),) * x.ndim]


MEANINGS = {
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
    "reshape": lambda p, x: x.reshape(p["shape"]),
    "transpose": lambda p, x: x.transpose(p["perm"]), "expand_dims": lambda p, x: np.expand_dims(x, p["axis"]),
    "squeeze": lambda p, x: x.squeeze(p["axis"]), "broadcast_to": lambda p, x: np.broadcast_to(x, p["shape"]),
    "tile": lambda p, x: np.tile(x, p["reps"]), "repeat": lambda p, x: np.repeat(x, p["repeats"], p["axis"]),
    "flip": lambda p, x: np.flip(x, p["axis"]), "roll": _roll, "pad": lambda p, x: np.pad(x, p["pads"]),
    "pad_edge": lambda p, x: np.pad(x, p["pads"], mode="edge"),
    "slice": lambda p, x: pick(x, p["axis"], slice(p["start"], p["stop"], p["step"])),
    "index": lambda p, x: pick(x, p["axis"], p["index"]), "diag": lambda p, x: np.diag(x),
    "diagonal": lambda p, x: np.diagonal(x), "tril": lambda p, x: np.tril(x),
    "sort": lambda p, x: np.sort(x, p["axis"]), "argsort": lambda p, x: np.argsort(x, p["axis"]) * 1.0,
    "concatenate": lambda p, *xs: np.concatenate(xs, p["axis"]),
    "stack": lambda p, *xs: np.stack(xs, p["axis"]), "take": lambda p, x, i: np.take(x, i.astype(int), p["axis"]),
    "take_along_axis": lambda p, x, i: np.take_along_axis(x, i.astype(int), p["axis"]),
    "dynamic_index": lambda p, x, i: x[int(i)],
    "dynamic_slice": lambda p, x, i: pick(x, p["axis"], slice(int(i), int(i) + p["length"])),
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
    "kept_softmax": lambda p, x, m: _softmax(np.where(m > 0.5, x, -1e30), -1),
    "kept_max": _kept(lambda x: x.max(-1), -np.inf), "kept_min": _kept(lambda x: x.min(-1), np.inf),
    "kept_logsumexp": _kept(lambda x: _logsumexp(x, axis=-1), -np.inf),
    "kept_mean": lambda p, x, m: (x * m).sum(-1) / (m * np.ones_like(x)).sum(-1),
    "surely_finite": lambda p, x: np.ones_like(x), "never_nan": lambda p, x: np.zeros_like(x),
    "never_inf": lambda p, x: np.zeros_like(x), "through_int8": lambda p, x: np.trunc(x),
    "cumsum": lambda p, x: np.cumsum(x, p["axis"]), "cumprod": lambda p, x: np.cumprod(x, p["axis"]),
    "cummax": lambda p, x: np.maximum.accumulate(x, p["axis"]), "cummin": lambda p, x: np.minimum.accumulate(x, p["axis"]),
    "cumlogsumexp": lambda p, x: np.logaddexp.accumulate(x, p["axis"]),
    **{f"{name}_reverse": _reversed(how) for name, how in {
        "cumsum": np.cumsum, "cumprod": np.cumprod, "cummax": np.maximum.accumulate,
        "cumlogsumexp": np.logaddexp.accumulate}.items()},
    "nansum": lambda p, x: x.sum(**_axes(p)), "nanmin": lambda p, x: x.min(**_axes(p)),
    "norm_inf": lambda p, x: np.abs(x).max(**_axes(p)), "average": lambda p, x, w: _average(p, x, w),
    "sum_where": lambda p, x, m: np.where(m > 0.5, x, 0.0).sum(**_axes(p)),
    "max_where": lambda p, x, m: np.maximum(np.where(m > 0.5, x, -np.inf).max(**_axes(p)), p["initial"]),
    "trapezoid": lambda p, x: np.trapezoid(x, axis=p["axis"][0]), "einsum1": lambda p, x: np.einsum(p["equation"], x),
    "einsum3": lambda p, x, y, z: np.einsum(p["equation"], x, y, z),
    "bincount": lambda p, i, w: np.bincount(i.astype(int), w, p["n"])[: p["n"]],
    "window_sum": lambda p, x: _windows(p, x).sum(tuple(range(-x.ndim, 0))),
    "window_max": lambda p, x: _windows(p, x).max(tuple(range(-x.ndim, 0))),
    "masked_softmax": lambda p, m, x: _softmax(np.where(m > 0.5, x, -1e30), -1),
    "log_or_nan": lambda p, x: np.log(np.where(x > 0, x, np.nan)), "isnan": lambda p, x: np.isnan(x) * 1.0,
    "isfinite": lambda p, x: np.isfinite(x) * 1.0, "logdet": lambda p, a: np.linalg.slogdet(a)[1],
    "segment_sum": lambda p, x, ids: _segments(p, x, ids),
    "quantile": lambda p, x: np.quantile(x, p["q"], **_axes(p)),
    "choose": lambda p, *xs: np.select([c > 0.5 for c in np.broadcast_arrays(*xs)[: len(xs) // 2]],
                                       np.broadcast_arrays(*xs)[len(xs) // 2: -1], np.broadcast_arrays(*xs)[-1]),
    "select_n": lambda p, which, *xs: np.select([np.broadcast_to(which, xs[0].shape).round() == i for i in range(len(xs))], xs),
    "fft_real": lambda p, x: np.fft.fft(x).real, "fft_imag": lambda p, x: np.fft.rfft(x).imag,
    "fft_filter": lambda p, x, gains: np.fft.irfft(np.fft.rfft(x) * gains, p["length"]),
    "cholesky": lambda p, a: np.linalg.cholesky(a), "inv": lambda p, a: np.linalg.inv(a),
    "solve": lambda p, a, b: np.linalg.solve(a, b), "solve_pos": lambda p, a, b: np.linalg.solve(a, b),
    "solve_lower": lambda p, a, b: linalg.solve_triangular(a, b, lower=True),
    "cho_solve": lambda p, a, b: linalg.cho_solve((a, True), b), "qr_r": lambda p, a: np.linalg.qr(a)[1],
    "eigvalsh": lambda p, a: np.linalg.eigvalsh(a), "singular_values": lambda p, a: np.linalg.svd(a, compute_uv=False),
    "new_rbg_key": lambda p: np.zeros(2), "new_unsafe_rbg_key": lambda p: np.zeros(2),
    "fold_in": lambda p, key: key,
    "random_normal": lambda p, key: _drawn(p).standard_normal(p["shape"]),
    "random_truncated": lambda p, key: _drawn(p).uniform(p["low"], p["high"], p["shape"]),
    "random_uniform": lambda p, key: _drawn(p).uniform(0, 1, p["shape"]),
    "random_uniform_between": lambda p, key: _drawn(p).uniform(p["low"], p["high"], p["shape"]),
    "random_bernoulli": lambda p, key: (_drawn(p).uniform(0, 1, p["shape"]) < p["p"]) * 1.0,
    "random_integers": lambda p, key: _drawn(p).integers(p["low"], p["above"], p["shape"]) * 1.0,
    "random_exponential": lambda p, key: _drawn(p).exponential(size=p["shape"]),
    "random_gumbel": lambda p, key: _drawn(p).gumbel(size=p["shape"]),
    "random_laplace": lambda p, key: _drawn(p).laplace(size=p["shape"]),
    "random_rademacher": lambda p, key: _drawn(p).choice((-1.0, 1.0), p["shape"]),
    "random_permutation": lambda p, key, x: np.roll(x, 1, 0),
    "random_choice": lambda p, key, x: x[_drawn(p).integers(0, len(x), p["shape"])],
    "random_categorical": lambda p, key, x: x.argmax(-1) * 1.0,
}


def _segments(p, x, ids, how=np.add, start=0.0):
    y = np.full((p["n"], *x.shape[1:]), start)
    how.at(y, ids.astype(int), x)
    return y


def _drawn(p):
    # Which numbers come does not matter to a trial; that they are the same in each of its runs does.
    return np.random.Generator(np.random.Philox(len(p)))
