"""How long a program's IR will be, roughly: an estimate from the operations alone, for programs that may grow long."""

import math

from jax_ir_synth.kernels.values import Value

# Bytes of an IR column (forward and backward), fitted on 500 programs with loops: outside and inside of loops.
_BASE = 4300
_LOOPS = {"scan": (4100, 8500), "fori_loop": (2000, 6200), "map": (3400, 6200), "while_loop": (500, 2000)}
_CHEAP = {"add", "sub", "neg", "zeros", "ones", "full", "arange", "zeros_like", "convert", "index", "expand_dims", "sum",
          "mean", "slice"}
_SIMPLE = {"mul", "div", "square", "matmul"}
_COSTS = {"cheap": (50, 300), "simple": (200, 1000), "other": (650, 1800)}
_EXTRA_SHARE = (1.4, 2.6)
_EXTRA = {
    "hypot": 8000, "logaddexp": 2500, "logaddexp2": 2500, "log_sigmoid": 4500, "softplus": 2400, "elu": 3000,
    "selu": 3500, "mish": 3500, "gelu": 2500, "gelu_tanh": 2000, "celu": 2500, "silu": 1500, "hard_silu": 2000,
    "hard_sigmoid": 2000, "soft_sign": 1800, "squareplus": 1200, "sinc": 4000, "var": 2500, "std": 3500, "outer": 3500,
    "logsumexp": 1700, "softmax": 1500, "log_softmax": 1500, "remainder": 2500, "quantile": 5500, "median": 5500, "sort": 2500,
    "top_k": 2500, "digamma": 1500, "gammaln": 1000, "log_ndtr": 9000, "ndtri": 6000, "at_set": 1500, "dynamic_index": 800,
    "cosh": 2500, "sinh": 2000, "arctan2": 1500, "norm": 1500, "prod": 6000, "betaln": 5000, "xlogy": 2500, "xlog1py": 2500,
    "rel_entr": 5000, "norm_logpdf": 2500, "zeta": 24000, "polygamma": 12000,
}
_DOUBLING = {"cummax": 5200, "cummin": 6500, "cumprod": 5200, "cumlogsumexp": 6000, "linear_recurrence": 5000,
             "associative_scan": 5500}   # for each doubling of the length


def footprint(outputs: tuple[Value, ...]) -> int:
    """Estimated bytes of the program's IR column."""
    total, seen, stack = _BASE, set(), list(outputs)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.op not in ("argument", "literal", "part", "merged", "parameter"):
            where = 1 if value.level else 0
            kind = "cheap" if value.op in _CHEAP else "simple" if value.op in _SIMPLE else "other"
            total += _LOOPS.get(value.op, _COSTS[kind])[where] + _EXTRA_SHARE[where] * _EXTRA.get(value.op, 0)
            slope = _DOUBLING.get(value.op.removesuffix("_reverse"))
            if slope:
                total += slope * math.log2(value.operands[0].shape[value.params.get("axis", 0)])
        if "means" in value.params:
            stack.extend(value.params["means"])
            continue
        stack.extend(value.operands)
        for block in value.blocks:
            stack.extend(block.flat_results())
    return round(total)
