"""Rounds a source's float literals as JAX does where they meet 16-bit floats."""

import ast

import ml_dtypes
import numpy as np

_DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def round_literals(tree: ast.Module, dtype: str) -> ast.Module:
    """Return the source's tree with each float literal rounded to a 16-bit dtype."""
    rounded: ast.Module = _LiteralRounder(_DTYPES[dtype]).visit(tree)
    return rounded


class _LiteralRounder(ast.NodeTransformer):
    def __init__(self, dtype: type) -> None:
        self._dtype = dtype

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if not isinstance(node.value, float):
            return node
        return ast.copy_location(ast.Constant(float(self._dtype(node.value))), node)
