"""What a kernel is called, and what its docstring says where its grammar says nothing."""

import re

from jax_ir_synth.kernels.builder.stream import Stream

# Operations that no name speaks of.
DULL = {
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "convert",
    "index",
    "slice",
    "expand_dims",
    "reshape",
    "literal",
    "argument",
    "parameter",
    "part",
    "merged",
    "transpose",
    "greater",
    "less",
    "greater_equal",
    "less_equal",
    "squeeze",
    "broadcast_to",
    "zeros",
    "ones",
    "full",
    "arange",
    "copy",
    "equal",
    "not_equal",
    "constant_array",
    "components",
    "iterate",
    "helper",
    "surely_finite",
    "never_nan",
    "never_inf",
}
# What a docstring calls an operation whose name does not speak; nothing where it is no matter to speak of.
_SPOKEN = {
    "where": "masked combination",
    "select": "masked combination",
    "cond": "conditional update",
    "switch": "chosen branch",
    "scan": "recurrence",
    "fori_loop": "iteration",
    "while_loop": "iteration",
    "einsum": "contraction",
    "matmul": "projection",
    "call": "",
    "vmap": "",
    "jit": "",
    "checkpoint": "",
    "max": "maximum",
    "min": "minimum",
    "abs": "absolute value",
    "norm_l1": "L1 norm",
    "gelu_tanh": "GELU",
    "gelu": "GELU",
    "relu": "ReLU",
    "silu": "SiLU",
    "elu": "ELU",
    "selu": "SELU",
    "logical_and": "",
    "logical_or": "",
    "logical_not": "",
    "logical_xor": "",
    "zeros_like": "",
    "ones_like": "",
    "take": "gathered rows",
    "segment_sum": "segment sums",
    "logsumexp": "log-sum-exp",
    "argmax": "best index",
    "new_key": "",
    "new_rbg_key": "",
    "new_unsafe_rbg_key": "",
    "split_key": "",
    "fold_in": "",
    "solve_lower": "triangular solve",
    "eye": "",
    "diag": "diagonal",
    "choose": "piecewise choice",
    "rsqrt": "inverse square root",
    "exp": "exponential",
    "random_normal": "noise",
    "random_bernoulli": "dropout",
    "dynamic_index": "",
    "stop_gradient": "",
    "concatenate": "",
    "inv": "inverse",
    "int_mod": "",
    "power": "power",
    "square": "square",
    "log": "logarithm",
    "tanh": "tanh",
}


def kernel_name(stream: Stream, ops: list[str], category: str) -> str:
    """`kernel_` and one to three words of what it does."""
    words = []
    for op in stream.shuffled(ops):
        word = (
            re.sub(r"[^a-z0-9_]", "", op)
            .removeprefix("int_")
            .removeprefix("kept_")
            .removesuffix("_pair")
        )
        if word not in words:
            words.append(word)
        if len(words) == 1 + stream.below(3):
            break
    return "kernel_" + ("_".join(words)[:40].strip("_") or category)


def description(stream: Stream, ops: list[str], arguments: list[str]) -> str:
    """A docstring made of the names of operations and arguments."""
    what = [
        _SPOKEN.get(op, op.replace("_", " ")) for op in dict.fromkeys(ops) if _SPOKEN.get(op, op)
    ]
    of = " and ".join(arguments[:2])
    verb = stream.choice(("Computes the", "Returns the", "The", "Applies the"))
    return f"{verb} {' of the '.join(what[:2] or ['combination'])} of {of}."
