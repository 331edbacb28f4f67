"""Rows of handwritten programs and changes of rows, for tests."""

import re

import jax
import numpy as np

from jax_ir_synth.kernels.builder.values import InAval
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.passes import DEFAULT

FLOATS = ("float32", "float16", "bfloat16")


def aval(name: str, shape=(), dtype="float32", low=0.5, high=2.0) -> InAval:
    """An argument; its range is where nothing special happens."""
    return InAval(name, tuple(shape), dtype, float(low), float(high))


def row(python: str, *avals: InAval, platforms=("cpu", "cuda"), passes=DEFAULT) -> dict:
    """The columns by which a row is proven, of a source that begins with `def kernel_f(`."""
    argnums = tuple(k for k, a in enumerate(avals) if a.dtype in FLOATS)
    lowered = lower_source(python, "kernel_f", avals, argnums, platforms, passes=passes)
    described = [
        {"name": a.name, "shape": list(a.shape), "dtype": a.dtype, "low": a.low, "high": a.high}
        for a in avals
    ]
    return {
        "kernel_name": "kernel_f",
        "python": python,
        "cpp": lowered.columns.get("cpu"),
        "cuda": lowered.columns.get("cuda"),
        "in_avals": described,
        "argnums": list(argnums),
        "program_hash": lowered.program_hash,
    }


def expression(text: str, *avals: InAval, platforms=("cpu", "cuda")) -> dict:
    """The row of a program that returns this expression of its arguments."""
    names = ", ".join(a.name for a in avals)
    return row(f"def kernel_f({names}):\n    return {text}\n", *avals, platforms=platforms)


def edited(original: dict, old: str, new: str, count: int = 1, columns=("cpp", "cuda")) -> dict:
    """The row with a part of its IR changed; the part must be there."""
    changed = dict(original)
    for name in columns:
        assert old in original[name], f"{old!r} is not in\n{original[name]}"
        changed[name] = original[name].replace(old, new, count)
    return changed


def scaled(module: str, factor: float) -> list[tuple[int, str]]:
    """The module with one float32 result scaled, by the number of the result."""
    # The first function is main.
    final = re.search(r"    return (%.*) : (tensor.*)\n", module)
    names, types = final[1].split(", "), final[2].split(", ")
    found = []
    for number, (name, kind) in enumerate(zip(names, types, strict=True)):
        if not re.fullmatch(r"tensor<(\d+x)*f32>", kind):
            continue
        results = [*names[:number], "%scaled", *names[number + 1 :]]
        lines = (
            f"    %factor = stablehlo.constant dense<{factor:.12e}> : {kind}\n"
            f"    %scaled = stablehlo.multiply {name}, %factor : {kind}\n"
            f"    return {', '.join(results)} : {final[2]}\n"
        )
        found.append((number, module.replace(final[0], lines, 1)))
    return found


def jaxs_results(python: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What JAX itself computes of a source's kernel_f."""
    space = {"jax": jax, "jnp": jax.numpy, "lax": jax.lax}
    exec(python, space)
    return [np.asarray(x) for x in jax.tree.leaves(jax.jit(space["kernel_f"])(*inputs))]
