"""Each habit is found where it is shown, and not where it isn't."""

import ast

import pytest

from jax_ir_synth.stats.habits import HABITS, find_habits
from jax_ir_synth.stats.sources import count_source

# For each habit a body or a whole source that shows it, and perhaps one that nearly does.
SHOWN = {
    "activation": ("return jax.nn.gelu(x)", "return gelu"),
    "argmax": ("return x.argmax()", ""),
    "arithmetic_call": ("return jnp.multiply(x, 2)", "return x * 2"),
    "array_index": ("return x[0]", "return x[1:]"),
    "assert": ("assert x.ndim == 2", ""),
    "associative_scan": ("return lax.associative_scan(f, x)", ""),
    "at_update": ("return x.at[0].set(1)", "return x[0]"),
    "aug_assign": ("x += 1", "x = x + 1"),
    "bitwise": ("return x & 1", "return x and 1"),
    "broadcast_to": ("return jnp.broadcast_to(x, (2, 3))", ""),
    "calls_helper": ("def g(x):\n    return x\n\ndef f(x):\n    return g(x)\n", "return g(x)"),
    "checkpoint": ("return jax.checkpoint(g)(x)", ""),
    "comment": ("return x  # the same", "return '#'"),
    "comparison": ("return x > 1", "return x >> 1"),
    "complex": ("return lax.complex(x, x)", ""),
    "comprehension": ("return [y for y in x]", ""),
    "concatenate": ("return jnp.stack([x, x])", ""),
    "cond": ("return lax.cond(p, f, g, x)", ""),
    "conditional_expression": ("return x if p else y", "if p:\n        return x"),
    "convolution": ("return lax.conv_general_dilated(x, w)", ""),
    "cumulative": ("return jnp.cumsum(x)", ""),
    "decorator": ("@jax.jit\ndef f(x):\n    return x\n", ""),
    "dict_output": ("return {'y': x}", "return [x]"),
    "docstring": ('"""Scale x."""\n    return x', "return 'x'"),
    "docstring_elsewhere": (
        '"""Physics of penguins."""\n    return x',
        '"""Softmax over classes."""\n    return jax.nn.softmax(x)',
    ),
    "docstring_multiline": ('"""Scale.\n\n    More.\n    """', '"""Scale."""'),
    "dtype_cast": ("return x.astype(y.dtype)", ""),
    "dtype_keyword": ("return jnp.zeros(3, dtype=x.dtype)", "return x.dtype"),
    "dynamic_update": ("return lax.dynamic_slice(x, (i,), (2,))", ""),
    "einsum": ("return jnp.einsum('ij->j', x)", ""),
    "ellipsis_index": ("return x[..., 0]", "return x[0]"),
    "fft": ("return jnp.fft.rfft(x)", ""),
    "for_range": ("for i in range(3):\n        pass", "for i in x:\n        pass"),
    "for_zip_enumerate": ("return [y for i, y in enumerate(x)]", ""),
    "fori_loop": ("return lax.fori_loop(0, 3, f, x)", ""),
    "fstring": ("raise ValueError(f'{x}')", "raise ValueError('x')"),
    "gather": ("return jnp.take_along_axis(x, i, 0)", ""),
    "grad_within": ("return jax.grad(f)(x)", ""),
    "if_is_none": ("if y is None:\n        return x", "if y == 1:\n        return x"),
    "inner_function": ("def g(y):\n        return y\n    return g(x)", ""),
    "iota": ("return jnp.arange(3)", ""),
    "isinstance": ("return isinstance(x, tuple)", ""),
    "keepdims": ("return x.sum(keepdims=True)", ""),
    "axis_keyword": ("return x.sum(axis=0)", "return x.sum(0)"),
    "keyword_default": ("def f(x, eps=1e-6):\n    return x\n", "def f(x, eps):\n    return x\n"),
    "keyword_only": ("def f(x, *, eps):\n    return x\n", ""),
    "lambda": ("return lax.map(lambda y: y, x)", ""),
    "linalg": ("return jnp.linalg.cholesky(x)", ""),
    "map": ("return lax.map(f, x)", "return jax.tree_map(f, x)"),
    "matmul_call": ("return jnp.dot(x, x)", "return x @ x"),
    "matmul_operator": ("return x @ x", "return jnp.dot(x, x)"),
    "none_index": ("return x[:, None]", "return x[:, 0]"),
    "normalization": ("return jax.nn.standardize(x)", ""),
    "one_hot": ("return jax.nn.one_hot(x, 3)", ""),
    "pad": ("return jnp.pad(x, 1)", ""),
    "partial": ("return functools.partial(f, x)", ""),
    "power": ("return x ** 2", "return jnp.power(x, 2)"),
    "power_call": ("return jnp.power(x, 2)", "return x ** 2"),
    "python_for": ("for y in x:\n        pass", "return [y for y in x]"),
    "python_if": ("if p:\n        return x", "return x if p else y"),
    "python_while": ("while p:\n        pass", ""),
    "raise": ("raise ValueError", ""),
    "random": ("return jax.random.normal(key)", ""),
    "random_split": ("return jax.random.split(key)", "return jnp.split(x, 2)"),
    "rebinds_name": ("x = x + 1\n    return x", "z = x + 1\n    return z"),
    "reshape": ("return x.reshape(-1)", ""),
    "roll": ("return jnp.roll(x, 1)", ""),
    "scan": ("return lax.scan(f, x, y)", ""),
    "segment": ("return jax.ops.segment_sum(x, i)", ""),
    "select": ("return lax.select(p, x, y)", ""),
    "several_returns": ("if p:\n        return x\n    return y", "return x"),
    "shape_attribute": ("return x.shape[0]", "return x.size"),
    "shape_unpacking": ("n, m = x.shape", "n, m = x"),
    "slice_index": ("return x[1:]", "return x[1]"),
    "softmax": ("return jax.nn.softmax(x)", ""),
    "sort_topk": ("return jnp.argsort(x)", ""),
    "split": ("return jnp.split(x, 2)", ""),
    "star_arguments": ("def f(*x):\n    return x\n", "def f(x):\n    return g(*x)\n"),
    "static_default": ("def f(x, axis=0):\n    return x\n", "def f(x, eps=0.1):\n    return x\n"),
    "stop_gradient": ("return lax.stop_gradient(x)", ""),
    "switch": ("return lax.switch(i, f, x)", ""),
    "tile_repeat": ("return jnp.tile(x, 2)", ""),
    "transcendental": ("return jnp.exp(x)", ""),
    "transpose": ("return x.T", "return x"),
    "tree_map": ("return jax.tree_map(f, x)", "return lax.map(f, x)"),
    "tuple_output": ("return x, y", "return [x, y]"),
    "tuple_unpacking": ("y, z = x", "y = x"),
    "type_hints": ("def f(x: int):\n    return x\n", ""),
    "vmap": ("return jax.vmap(f)(x)", ""),
    "where": ("return jnp.where(p, x, y)", ""),
    "while_loop": ("return lax.while_loop(f, g, x)", ""),
    "with": ("with jax.named_scope('a'):\n        pass", ""),
    "zeros_ones": ("return jnp.zeros_like(x)", ""),
}


def _find(text: str) -> set[str]:
    source = text if "def f(" in text else f"def f(x, y, p):\n    {text}\n"
    return find_habits(source, ast.parse(source))


def test_the_table_has_each_habit():
    assert sorted(SHOWN) == sorted(HABITS)


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_is_found_where_it_is_shown(habit):
    shown, hidden = SHOWN[habit]
    assert habit in _find(shown)
    assert habit not in _find(hidden or "return x")


def test_jax_tree_map_is_one_habit_under_each_name():
    assert "tree_map" in _find("return jax.tree_util.tree_map(f, x)")
    assert "tree_map" in _find("return jax.tree.map(f, x)")


def test_lines_of_code_leave_out_comments_and_docstrings():
    python = 'def kernel_a(x):\n    """One.\n\n    Two.\n    """\n\n    # three\n    y = (\n        x\n    )\n    return y\n'  # noqa: E501
    counts = count_source(python)
    assert counts.code_lines == 5
