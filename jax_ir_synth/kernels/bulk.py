"""A rough guess at the length of a program's IR, to keep rows of long-winded operations from growing too long."""

from jax_ir_synth.kernels.values import Undrawable, Value

# Bytes that an operation adds to forward and backward text, fitted on drawn programs; 450 if not named.
_BYTES = {
    "zeta": 45000, "hypot": 17000, "piecewise": 10400, "median": 7400, "selu": 6500, "i1e": 5600, "sparse_plus": 5500, "choose": 5400,
    "mish": 5400, "softplus": 5300, "celu": 5000, "log_sigmoid": 4900, "elu": 4700, "masked_softmax": 4400, "logaddexp": 4100,
    "std": 4000, "copysign": 3700, "relu6": 3500, "hard_tanh": 3400, "gelu_tanh": 3400, "logaddexp2": 3400, "remainder": 3300,
    "switch": 3200, "select_n": 3200, "minimum": 2500, "maximum": 2000, "nan_to_num": 3000, "hard_sigmoid": 2800,
    "gelu": 2700, "int_mod": 2600, "silu": 2500, "soft_sign": 2500, "norm_logpdf": 2500, "power": 2400, "leaky_relu": 2400,
    "hard_silu": 2300, "sinh": 2300, "norm_pdf": 2000, "var": 1900, "relu": 1800, "sigmoid": 1500, "cond": 1500,
    "where": 1100, "literal": 0, "argument": 0, "parameter": 0, "part": 0,
}
_START = 1900


def bytes_of(name: str) -> int:
    """About how much an operation adds."""
    return _BYTES.get(name, 450)


def require_short(outputs: tuple[Value, ...], limit: int) -> None:
    """Raises Undrawable where the IR of the program would be longer than about `limit` bytes."""
    total, seen, stack = _START, set(), list(outputs)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        total += bytes_of(value.op)
        stack.extend(value.operands)
        for block in value.blocks:
            stack.extend(block.flat_results())
    if total > limit:
        raise Undrawable(f"about {total} bytes of IR")
