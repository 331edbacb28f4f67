"""Texts of modules of one operation, and matrices to be their operands."""

import jax
import numpy as np

draws = np.random.default_rng(5)


def matrix(*shape):
    a = draws.uniform(-1, 1, shape).astype(np.float32)
    return a + 2 * np.eye(*shape, dtype=np.float32)


def definite(n):
    a = matrix(n, n)
    return a @ a.T + np.eye(n, dtype=np.float32)


def tensor(shape, element="f32"):
    return f"tensor<{''.join(f'{n}x' for n in shape)}{element}>"


def module_of(operation, taken, given):
    """The module of one operation, where `%r` is its results and `%a0`, `%a1`, ... its operands."""
    arguments = ", ".join(f"%a{k}: {kind}" for k, kind in enumerate(taken))
    results = ", ".join(f"%r#{k}" if len(given) > 1 else "%r" for k in range(len(given)))
    number = f":{len(given)}" if len(given) > 1 else ""
    listed = f"({', '.join(taken)}) -> ({', '.join(given)})"
    return (
        f"module @m {{\n  func.func public @main({arguments}) -> ({', '.join(given)}) {{\n"
        f"    %r{number} = {operation} : {listed}\n    return {results} : {', '.join(given)}\n  }}\n}}\n"
    )


def call_of(target, config, taken, given, order=lambda rank: list(range(rank))):
    """A custom call as JAX prints it, its matrices column by column."""

    def layouts(kinds):
        ranks = [kind.count("x") for kind in kinds]
        return ", ".join(f"dense<{order(n) if n else ''}> : tensor<{n}xindex>" for n in ranks)

    operands = ", ".join(f"%a{k}" for k in range(len(taken)))
    operation = (
        f"stablehlo.custom_call @{target}({operands}) {{mhlo.backend_config = {{{config}}}, "
        f"operand_layouts = [{layouts(taken)}], result_layouts = [{layouts(given)}]}}"
    )
    return module_of(operation, taken, given)


def lowered(function, *args, platform="cpu"):
    return jax.jit(function).trace(*args).lower(lowering_platforms=(platform,)).as_text()
