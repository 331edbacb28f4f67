"""Guesses arguments of a function by the names and annotations of its parameters.

Where nobody has called a function, a few combinations of shapes are tried until jax can trace it.
The names are those that are common in public projects that use JAX.
"""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.harvest.arguments import Json, write_array

# The shapes of the first, the second, ... array of a combination; the last one goes on. The most
# common come first. Sizes differ, so that a mistaken axis shows.
_COMBINATIONS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((4, 8),),
    ((8,),),
    ((),),
    ((6, 6),),
    ((3,),),
    ((4, 8), (8,)),
    ((8,), (4, 8)),
    ((4, 8), (8, 4)),
    ((8, 8), (8,)),
    ((4, 8), ()),
    ((), (4, 8)),
    ((8,), ()),
    ((4, 8), (4,)),
    ((4, 3),),
    ((3, 3),),
    ((2, 8, 16),),
    ((2, 8, 4, 16),),
    ((2, 16, 16, 3),),
    ((16, 16, 3),),
    ((4,),),
    ((3, 3), (3,)),
    ((4, 3), (4, 3), (4,)),
    ((5, 2), (7, 2)),
    ((6,),),
    ((4, 4),),
    ((2,),),
    ((5, 7, 3), (5, 7)),
    ((1, 8), (8,)),
    # What is unpacked into two or three arrays.
    ((8,), (2, 8)),
    ((8,), (3, 8)),
    ((2, 8),),
)
# The shapes that arrays take independently of each other, once no combination fits.
_INDEPENDENT: tuple[tuple[int, ...], ...] = ((8,), (), (4, 8), (8, 8))
_MAX_PARAMETERS = 10

_KEY = re.compile(r"(prng_?)?(key|rng|seed_key)(_?\d|s)?|(rng|random|prng|sample|init)_?keys?|rngs")
_AXIS = re.compile(r"ax(i|e)s|\w+_ax(i|e)s")
_INTEGER = re.compile(
    r"n|num\w*|n_\w+|n(dim|side|bins|steps|iter|max)s?|size|length|order|degree|lmax|steps?|count"
    r"|\w+_(size|dim|dims|steps?|length|order|count|iters?|width)|width|height|depth|rank|period"
    r"|max_(iter\w*|steps?|len\w*)|window\w*|block\w*|group\w*|features|channels|capacity|[lmLNMJKk]"
    r"|dims?|d|batch_?size|bins"
)
_SCALAR = re.compile(
    r"lr|learning_rate|eps(ilon)?|alpha|beta\d?|b[12]|gamma|decay|temperature|scale|dt|t[01]?|sigma"
    r"|tau|lambda_?|lam|discount|rate|momentum|delta|threshold|rho|eta|mu|nu|kappa|omega|power"
    r"|margin|step_size|low|high|lower|upper|minval|maxval|min_val\w*|max_val\w*|clip\w*|\w+_scale"
    r"|\w+_(rate|weight|coef\w*|factor|ratio|eps|epsilon|std|tol)|weight_decay|tol\w*|std|variance"
)
_INDEX = re.compile(
    r"labels?|targets?|idxs?|ids?|inds?|ind(ex|ices)|segment_ids|actions?|tokens?|senders|receivers"
    r"|\w+_(ids?|idxs?|ind(ex|ices)|labels?|tokens|actions?)|n_(node|edge)|classes|positions"
)
_MASK = re.compile(
    r"where|masks?|\w+_masks?|padding|paddings|done|dones|valid|terminated|is_\w+|use_\w+"
)
_CALLABLE = re.compile(
    r"f|fn|fun|func|function|\w+_(fn|fun|func|function)|activation|act|act_fn|vector_field|matvec"
    r"|mv|op|kernel_fn|nonlinearity|transform|g|h"
)
_TREE = re.compile(
    r"params|(py)?trees?|updates|grads?|gradients|variables|weights_tree|state_dict|nest"
    r"|\w+_(params|tree|updates|grads|pytree)|tree_\w+"
)
_TYPED = re.compile(
    r"\b(?P<kind>Float|Int|Bool|Num|Inexact|Shaped|Real|Complex|UInt|Integer|Key|PRNGKeyArray)\w*"
    r"\[\s*[\w.|\s]+,\s*[\"'](?P<shape>[^\"']*)[\"']\s*\]"
)
_DTYPES = {"Int": "int32", "Integer": "int32", "UInt": "uint32", "Bool": "bool"}
_ARRAY_TYPE = re.compile(r"Array|ndarray|Numeric|Tensor")
# Sizes of named dimensions, by their order of appearance in the annotations of a function.
_SIZES = (5, 3, 4, 6, 2, 7, 8)


class _Guess(NamedTuple):
    """What a parameter takes: values to try, or None for an array of a combination's next shape."""

    name: str
    keyword: bool
    values: Sequence[Json] | None = None
    dtype: str = "float32"


def guess_calls(function: Callable[..., Any], bound: int = 0) -> Iterator[Json]:
    """Guess written calls of a function, the likeliest first.

    A parameter with a default keeps it. There is nothing to guess with more than ten parameters.

    Args:
      function: the function.
      bound: how many of the first parameters aren't guessed, as `self`.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return
    guesses = _guess_parameters(list(signature.parameters.values())[bound:])
    if len(guesses) > _MAX_PARAMETERS:
        return
    arrays = sum(guess.values is None for guess in guesses)
    combinations = _COMBINATIONS if arrays else _COMBINATIONS[:1]
    choices = [guess.values for guess in guesses if guess.values is not None]
    alternatives = max((len(values) for values in choices), default=1)
    seen: list[Json] = []
    tried = itertools.chain(
        ((shapes, 0) for shapes in combinations),
        # The most common first, for each parameter.
        ((shapes, 0) for shapes in itertools.product(_INDEPENDENT, repeat=min(arrays, 5))),
        ((shapes, k) for k in range(1, alternatives) for shapes in combinations),
    )
    for shapes, k in tried:
        call = _combine(guesses, shapes or ((),), k)
        if call not in seen:
            seen.append(call)
            yield call


def _guess_parameters(parameters: Sequence[inspect.Parameter]) -> list[_Guess]:
    guesses, sizes = [], dict[str, int]()
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        has_default = parameter.default is not parameter.empty
        # An optional key is no option: without it most functions fail.
        if has_default and not (parameter.default is None and _KEY.fullmatch(parameter.name)):
            continue
        guesses.append(_guess_parameter(parameter, sizes))
    return guesses


def _guess_parameter(parameter: inspect.Parameter, sizes: dict[str, int]) -> _Guess:
    name = parameter.name
    annotation = _text(parameter.annotation)
    keyword = parameter.kind is parameter.KEYWORD_ONLY
    if (typed := _TYPED.search(annotation)) is not None:
        if "Key" in typed["kind"]:
            return _Guess(name, keyword, [{"key": []}])
        shape = _parse_shape(typed["shape"], sizes)
        return _Guess(name, keyword, [write_array(shape, _DTYPES.get(typed["kind"], "float32"))])
    is_array = _ARRAY_TYPE.search(annotation) is not None
    if _KEY.fullmatch(name) and annotation != "int":
        return _Guess(name, keyword, [write_array((2,), "uint32"), {"key": []}])
    if "Callable" in annotation or (_CALLABLE.fullmatch(name) and not is_array):
        return _Guess(name, keyword, [{"name": "jax.numpy:tanh"}, {"name": "jax.numpy:sum"}])
    if not is_array and (plain := _guess_plain(name, annotation)) is not None:
        return _Guess(name, keyword, plain)
    if _MASK.fullmatch(name):
        return _Guess(name, keyword, dtype="bool")
    if _INDEX.fullmatch(name):
        return _Guess(name, keyword, dtype="int32")
    return _Guess(name, keyword)


def _guess_plain(name: str, annotation: str) -> list[Json] | None:
    """Guess values for what is no array; None if it may be one."""
    if annotation.startswith("bool") or name.startswith(("is_", "use_", "return_", "with_")):
        return [False, True]
    if re.fullmatch(r"(\w+_)?dtypes?", name):
        return [{"dtype": "float32"}]
    if re.fullmatch(r"(\w+_)?shape", name):
        return [{"tuple": [4, 8]}, {"tuple": [8]}]
    if _AXIS.fullmatch(name):
        return [-1, 0]
    # A plain number with an array beside it, as in `int | Array`, has gone as an array.
    if re.search(r"\bint\b", annotation) and "float" not in annotation:
        return [2, 3, 1, 8]
    if re.search(r"\bfloat\b", annotation):
        return [write_array((), "float32"), 0.5]
    if re.search(r"\b(str|dict|Dict|Mapping|bytes)\b", annotation) and annotation != "dict":
        return None
    if _INTEGER.fullmatch(name):
        return [2, 3, 8, write_array((4, 8), "float32"), write_array((), "float32")]
    if _SCALAR.fullmatch(name):
        return [write_array((), "float32"), 0.5, write_array((4, 8), "float32"), 2]
    if _TREE.fullmatch(name):
        tree = [["w", write_array((8, 4), "float32")], ["b", write_array((4,), "float32")]]
        return [{"dict": tree}, write_array((4, 8), "float32")]
    return None


def _text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, str):
        return annotation
    plain = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    # What jaxtyping makes is a class that has the shape as a text.
    shape, dtypes = getattr(annotation, "dim_str", None), getattr(annotation, "dtypes", ())
    if isinstance(shape, str):
        kind = _kind_of(dtypes)
        return f'{kind}[Array, "{shape}"]'
    return plain


def _kind_of(dtypes: Any) -> str:
    names = " ".join(map(str, dtypes)) if isinstance(dtypes, tuple | list) else ""
    for kind, part in (("Float", "float"), ("Key", "prng"), ("Int", "int"), ("Bool", "bool")):
        if part in names:
            return kind
    return "Float"


def _parse_shape(text: str, sizes: dict[str, int]) -> list[int]:
    shape = []
    for part in text.split():
        part = part.lstrip("#?").partition("=")[2] or part.lstrip("#?")
        # Any number of axes: none.
        if part.startswith("*") or part.endswith("...") or part == "...":
            continue
        if part.isdigit():
            shape.append(int(part))
            continue
        offset = re.search(r"(?P<sign>[+-])(?P<by>\d+)$", part)
        name = re.sub(r"[^A-Za-z_].*", "", part)
        size = sizes.setdefault(name, _SIZES[len(sizes) % len(_SIZES)])
        if offset is not None:
            size += int(offset["by"]) * (1 if offset["sign"] == "+" else -1)
        shape.append(max(1, size))
    return shape


def _combine(
    guesses: Sequence[_Guess], shapes: Sequence[tuple[int, ...]], alternative: int
) -> Mapping[str, Json]:
    """Write the call with a combination of shapes and the values of an alternative."""
    rest = itertools.chain(shapes, itertools.repeat(shapes[-1]))
    args: list[Json] = []
    kwargs: dict[str, Json] = {}
    for guess in guesses:
        if guess.values is None:
            shape = next(rest)
            # An index picks from the first axis of what it is beside.
            value = write_array(shape[:1] if guess.dtype == "int32" else shape, guess.dtype)
        else:
            value = guess.values[min(alternative, len(guess.values) - 1)]
        if guess.keyword:
            kwargs[guess.name] = value
        else:
            args.append(value)
    return {"args": args, "kwargs": kwargs} if kwargs else {"args": args}
