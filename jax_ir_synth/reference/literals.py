"""Float literals of a source, as JAX makes them where they meet 16-bit floats."""

import ast

import ml_dtypes
import numpy as np

_DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def round_literals(tree: ast.Module, dtype: str) -> ast.Module:
    """The source's tree with each float literal rounded to a dtype of 16 bits."""
    rounded: ast.Module = _Rounded(_DTYPES[dtype]).visit(tree)
    return rounded


class _Rounded(ast.NodeTransformer):
    def __init__(self, dtype: type) -> None:
        self._dtype = dtype

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if not isinstance(node.value, float):
            return node
        return ast.copy_location(ast.Constant(float(self._dtype(node.value))), node)
