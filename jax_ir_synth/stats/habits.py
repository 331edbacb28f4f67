"""Which habits of people who write JAX a source shows: what it calls, and how it is written."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

# A habit by the functions and methods that show it, each by the last part of its name.
_CALLS = {
    "activation": "relu gelu silu swish elu selu leaky_relu softplus sigmoid celu mish glu tanh",
    "argmax": "argmax argmin",
    "arithmetic_call": "add subtract multiply divide true_divide sub mul div negative neg",
    "associative_scan": "associative_scan",
    "broadcast_to": "broadcast_to broadcast_in_dim broadcast_arrays",
    "checkpoint": "checkpoint remat",
    "complex": "complex conj conjugate real imag angle",
    "concatenate": "concatenate stack hstack vstack column_stack append",
    "cond": "cond",
    "convolution": "conv_general_dilated conv convolve conv_transpose conv_with_general_padding",
    "cumulative": "cumsum cumprod cummax cummin cumlogsumexp",
    "dtype_cast": "astype convert_element_type",
    "dynamic_update": "dynamic_slice dynamic_update_slice dynamic_slice_in_dim "
    "dynamic_update_slice_in_dim dynamic_index_in_dim dynamic_update_index_in_dim",
    "einsum": "einsum",
    "fft": "fft ifft rfft irfft fft2 ifft2 fftn ifftn",
    "fori_loop": "fori_loop",
    "gather": "take take_along_axis gather",
    "grad_within": "grad value_and_grad jvp vjp jacfwd jacrev hessian",
    "iota": "arange iota linspace broadcasted_iota meshgrid",
    "isinstance": "isinstance",
    "linalg": "cholesky solve inv det slogdet eigh svd qr triangular_solve solve_triangular "
    "cho_solve lstsq pinv",
    "map": "map",
    "matmul_call": "dot matmul vdot inner outer tensordot dot_general",
    "normalization": "normalize standardize layer_norm rms_norm batch_norm group_norm",
    "one_hot": "one_hot",
    "pad": "pad",
    "partial": "partial",
    "power_call": "power float_power integer_pow",
    "random": "normal uniform bernoulli categorical permutation randint gumbel truncated_normal "
    "PRNGKey fold_in",
    "reshape": "reshape ravel flatten",
    "roll": "roll",
    "scan": "scan",
    "segment": "segment_sum segment_max segment_min segment_prod",
    "select": "select select_n",
    "softmax": "softmax log_softmax logsumexp",
    "sort_topk": "sort argsort top_k lexsort",
    "split": "split array_split",
    "stop_gradient": "stop_gradient",
    "switch": "switch",
    "tile_repeat": "tile repeat",
    "transcendental": "exp log sin cos tan tanh sinh cosh arctan arctan2 arcsin arccos expm1 log1p "
    "log2 exp2 logistic sigmoid erf logaddexp softplus gelu silu swish elu selu celu mish",
    "vmap": "vmap",
    "where": "where",
    "while_loop": "while_loop",
    "zeros_ones": "zeros ones zeros_like ones_like full full_like empty",
}
# By the keyword arguments of calls.
_KEYWORDS = {"axis_keyword": "axis", "dtype_keyword": "dtype", "keepdims": "keepdims"}
# By nodes of the syntax tree.
_NODES: dict[str, type[ast.AST] | tuple[type[ast.AST], ...]] = {
    "assert": ast.Assert,
    "aug_assign": ast.AugAssign,
    "comparison": ast.Compare,
    "comprehension": (ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp),
    "conditional_expression": ast.IfExp,
    "fstring": ast.JoinedStr,
    "lambda": ast.Lambda,
    "matmul_operator": ast.MatMult,
    "power": ast.Pow,
    "python_for": ast.For,
    "python_if": ast.If,
    "python_while": ast.While,
    "raise": ast.Raise,
    "with": ast.With,
}
# What people call the modules of random numbers and of trees.
_RANDOM = frozenset({"random", "jr", "jrandom", "jrng"})
_TREE = frozenset({"tree", "jtu", "tree_util"})
_BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift, ast.Invert)
_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
# Words of docstrings that say nothing of a program.
_EMPTY = frozenset(
    "this that with from into over each their them then than when where which will same given "
    "args returns return array arrays value values input inputs output outputs shape function "
    "computes compute applies apply".split()
)
_STEM = 5


class _Nodes:
    """The nodes of a source's tree, and what several habits ask of them."""

    def __init__(self, python: str, tree: ast.Module):
        self.python = python
        self.by_kind: dict[type[ast.AST], list[Any]] = defaultdict(list)
        for node in ast.walk(tree):
            self.by_kind[type(node)].append(node)
        self.functions: list[ast.FunctionDef] = self.by_kind[ast.FunctionDef]
        self.top = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        self.called = [_name_last(call.func) for call in self.by_kind[ast.Call]]

    def has(self, *kinds: type[ast.AST]) -> bool:
        """Whether it has a node of one of the kinds."""
        return any(self.by_kind[kind] for kind in kinds)

    def docstrings(self) -> list[str]:
        """The functions' docstrings."""
        return [text for each in self.functions if (text := ast.get_docstring(each))]

    def own_names(self) -> set[str]:
        """The identifiers of the program."""
        names = {node.id for node in self.by_kind[ast.Name]}
        names |= {node.arg for node in self.by_kind[ast.arg]}
        names |= {node.attr for node in self.by_kind[ast.Attribute]}
        return names | {each.name for each in self.functions}

    def subscripts(self) -> Iterator[ast.expr]:
        """What subscripts have between their brackets, each part of a tuple by itself."""
        for node in self.by_kind[ast.Subscript]:
            yield from node.slice.elts if isinstance(node.slice, ast.Tuple) else (node.slice,)


def _name_last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_of(node: ast.AST, name: str, modules: frozenset[str]) -> bool:
    """Whether a node is a name in one of the modules."""
    return (
        isinstance(node, ast.Attribute) and node.attr == name and _name_last(node.value) in modules
    )


def _is_constant(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _rebinds(nodes: _Nodes) -> bool:
    """Whether a function assigns a name twice, or a parameter of its own."""
    for function in nodes.functions:
        seen = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                if node.id in seen:
                    return True
                seen.add(node.id)
    return False


def _defaults(nodes: _Nodes) -> list[ast.expr]:
    return [
        default
        for each in nodes.functions
        for default in (*each.args.defaults, *each.args.kw_defaults)
        if default is not None
    ]


def _is_static_default(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, float)


def _is_shape(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "shape"


def _unpacks(nodes: _Nodes, of_shape: bool) -> bool:
    return any(
        isinstance(target, ast.Tuple) and (not of_shape or _is_shape(node.value))
        for node in nodes.by_kind[ast.Assign]
        for target in node.targets
    )


def _returned(nodes: _Nodes) -> list[ast.expr]:
    return [each.value for each in nodes.by_kind[ast.Return] if each.value is not None]


def _loops_over(nodes: _Nodes, *names: str) -> bool:
    return any(
        isinstance(node.iter, ast.Call) and _name_last(node.iter.func) in names
        for node in (*nodes.by_kind[ast.For], *nodes.by_kind[ast.comprehension])
    )


def _calls_helper(nodes: _Nodes) -> bool:
    helpers = {each.name for each in nodes.top}
    return any(
        isinstance(call.func, ast.Name) and call.func.id in helpers
        for call in nodes.by_kind[ast.Call]
    )


def _has_comment(nodes: _Nodes) -> bool:
    return any("#" in line.split('"')[0].split("'")[0] for line in nodes.python.splitlines())


def _has_empty_docstring(nodes: _Nodes) -> bool:
    """Whether there is a docstring none of whose words occurs in the program's names."""
    docstrings = nodes.docstrings()
    if not docstrings:
        return False
    stems = {word[:_STEM].lower() for name in nodes.own_names() for word in name.split("_")}
    words = {word.lower() for text in docstrings for word in _WORD.findall(text)} - _EMPTY
    return not any(word[:_STEM] in stems for word in words)


_OTHERS: dict[str, Callable[[_Nodes], bool]] = {
    "array_index": lambda nodes: any(
        isinstance(each, (ast.Constant, ast.Name, ast.UnaryOp)) and not _is_constant(each, None)
        for each in nodes.subscripts()
    ),
    "at_update": lambda nodes: any(each.attr == "at" for each in nodes.by_kind[ast.Attribute]),
    "bitwise": lambda nodes: nodes.has(*_BITWISE),
    "calls_helper": _calls_helper,
    "comment": _has_comment,
    "decorator": lambda nodes: any(each.decorator_list for each in nodes.functions),
    "dict_output": lambda nodes: any(isinstance(each, ast.Dict) for each in _returned(nodes)),
    "docstring": lambda nodes: bool(nodes.docstrings()),
    "docstring_elsewhere": _has_empty_docstring,
    "docstring_multiline": lambda nodes: any("\n" in text for text in nodes.docstrings()),
    "ellipsis_index": lambda nodes: any(_is_constant(each, ...) for each in nodes.subscripts()),
    "for_range": lambda nodes: _loops_over(nodes, "range"),
    "for_zip_enumerate": lambda nodes: _loops_over(nodes, "zip", "enumerate"),
    "if_is_none": lambda nodes: any(
        isinstance(op, (ast.Is, ast.IsNot)) and _is_constant(right, None)
        for each in nodes.by_kind[ast.Compare]
        for op, right in zip(each.ops, each.comparators, strict=True)
    ),
    "inner_function": lambda nodes: len(nodes.functions) > len(nodes.top),
    "keyword_default": lambda nodes: bool(_defaults(nodes)),
    "keyword_only": lambda nodes: any(each.args.kwonlyargs for each in nodes.functions),
    "none_index": lambda nodes: any(_is_constant(each, None) for each in nodes.subscripts()),
    "random_split": lambda nodes: any(
        _is_of(call.func, "split", _RANDOM) for call in nodes.by_kind[ast.Call]
    ),
    "rebinds_name": _rebinds,
    "several_returns": lambda nodes: len(nodes.by_kind[ast.Return]) > len(nodes.functions),
    "shape_attribute": lambda nodes: any(map(_is_shape, nodes.by_kind[ast.Attribute])),
    "shape_unpacking": lambda nodes: _unpacks(nodes, of_shape=True),
    "slice_index": lambda nodes: any(isinstance(each, ast.Slice) for each in nodes.subscripts()),
    "star_arguments": lambda nodes: any(
        each.args.vararg is not None or each.args.kwarg is not None for each in nodes.functions
    ),
    "static_default": lambda nodes: any(map(_is_static_default, _defaults(nodes))),
    "tree_map": lambda nodes: (
        "tree_map" in nodes.called
        or any(_is_of(call.func, "map", _TREE) for call in nodes.by_kind[ast.Call])
    ),
    "transpose": lambda nodes: (
        any(each.attr in ("T", "mT") for each in nodes.by_kind[ast.Attribute])
        or not {"transpose", "swapaxes", "moveaxis"}.isdisjoint(nodes.called)
    ),
    "tuple_output": lambda nodes: any(isinstance(each, ast.Tuple) for each in _returned(nodes)),
    "tuple_unpacking": lambda nodes: _unpacks(nodes, of_shape=False),
    "type_hints": lambda nodes: (
        any(node.annotation is not None for node in nodes.by_kind[ast.arg])
        or any(each.returns is not None for each in nodes.functions)
    ),
}
_CALLED = {habit: frozenset(names.split()) for habit, names in _CALLS.items()}
HABITS = tuple(sorted({*_CALLED, *_KEYWORDS, *_NODES, *_OTHERS}))


def find_habits(python: str, tree: ast.Module) -> set[str]:
    """Find which of HABITS a source shows.

    Args:
      python: The source.
      tree: Its syntax tree.
    """
    nodes = _Nodes(python, tree)
    called = set(nodes.called)
    keywords = {each.arg for call in nodes.by_kind[ast.Call] for each in call.keywords}
    found = {habit for habit, names in _CALLED.items() if not names.isdisjoint(called)}
    found |= {habit for habit, name in _KEYWORDS.items() if name in keywords}
    for habit, kinds in _NODES.items():
        if nodes.has(*(kinds if isinstance(kinds, tuple) else (kinds,))):
            found.add(habit)
    return found | {habit for habit, shows in _OTHERS.items() if shows(nodes)}
