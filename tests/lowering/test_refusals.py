"""What `lower` refuses, or jax does for it: one line that names what is wrong and what to do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower

X = jax.ShapeDtypeStruct((8,), "float32")


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Layer:
    weight: object
    kind: object


def total(tree, *rest):
    return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((X, {"a": [X, "axis"]}), r"^argument 1\['a'\]\[1\] \(='axis'\) must be an array.*close"),
        ((Layer(X, jnp.sin),), r"^argument 0\.kind \(of type \w+\) must be an array.*close over"),
        ((X, object()), r"^argument 1 \(of type object\) must be an array"),
        ((X, "a" * 10**6), r"^argument 1 \(='a{59}…\) must be an array"),
        ((X, np.array([None])), r"^argument 1 \(dtype object\) must hold numbers or booleans"),
        ((X, np.array(["a"])), r"^argument 1 \(dtype <U1\) must hold numbers or booleans"),
        (({"a": X, 3: X},), r"^argument 0 \(of type dict\) must be a pytree: "),
    ],
)
def test_an_argument_is_named_by_its_path(args, message):
    _check_refused(total, args, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"argnums": (0, 0)}, r"`argnums` \(=\(0, 0\)\) must name each argument once"),
        ({"argnums": (0, -2)}, r"`argnums` \(=\(0, -2\)\) must name each argument once"),
        ({"argnums": (0.0,)}, r"`argnums` \(=\(0\.0,\)\) must hold only inexact arguments of \[0"),
        ({"argnums": 0.5}, r"`argnums` \(=0\.5\) must hold"),
        ({"argnums": "0"}, r"`argnums` \(='0'\) must hold"),
        ({"argnums": True}, r"`argnums` \(=True\) must hold"),
        ({"argnums": [object()]}, r"`argnums` \(=\[of type object\]\) must hold"),
        ({"argnums": range(9)}, r"`argnums` \(of type range\) must hold"),
        ({"name": 3}, r"`name` \(=3\) must be a string"),
        ({"name": ""}, r"`name` \(=''\) must be a string"),
        ({"platforms": None}, r"`platforms` \(=None\) must be a tuple with .* 'cpu', 'cuda'"),
        ({"platforms": 3}, r"`platforms` \(=3\) must be a tuple"),
        ({"platforms": [["cpu"]]}, r"`platforms` \(has \['cpu'\]\) must hold only 'cpu', 'cuda'"),
        ({"dialect": object()}, r"`dialect` \(of type object\) must be one of"),
    ],
)
def test_wrong_options(options, message):
    _check_refused(lambda x, y: x * y, (X, X), message, **options)


@pytest.mark.parametrize("argnums", [np.int64(1), jnp.int32(1), -1, [np.int32(1)], (-1,)])
def test_argnums_are_integers_of_any_kind(argnums):
    def scale(x, y):
        return x * y

    assert lower(scale, X, X, argnums=argnums) == lower(scale, X, X, argnums=1)


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (
            lambda x: x if x.sum() > 0 else -x,
            r"TracerBool.*\(it depends on argument 0\); close over",
        ),
        (lambda x: x.reshape(x[0].astype(int), 4), r"TypeError: Shapes must be .*; close over"),
        (lambda x: [x for _ in range(x[0].astype(int))], r"TracerInteger.*; close over"),
        (lambda x: np.sin(x), r"TracerArray.*; close over"),
        (lambda x: float(x[0]), r"Concretization.*; close over"),
        (lambda x: x[x > 0], r"NonConcreteBoolean.*; close over"),
        (lambda x: (x, "a"), r"TypeError: .*'str'>.*; return arrays"),
    ],
)
def test_what_jax_refuses(fn, message):
    caught = _check_refused(fn, (X,), f"^`k` can't be lowered: {message}", name="k")
    assert caught.__cause__ is not None


def test_jax_names_the_functions_own_arguments():
    def branch(x, tree):
        return x if tree["a"] > 0 else -x

    message = r"\(it depends on tree\['a'\]\)"
    _check_refused(branch, (X, {"a": 1.0}), message)


def test_an_error_of_the_function_passes_through():
    error = KeyError("planted")

    def broken(x):
        raise error

    with pytest.raises(KeyError) as caught:
        lower(broken, X)
    assert caught.value is error


def _check_refused(fn, args, message, **options):
    with pytest.raises(UsageError, match=message) as caught:
        lower(fn, *args, **options)
    said = str(caught.value)
    assert "\n" not in said and "0x" not in said and len(said) < 500
    return caught.value


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: jax.pure_callback(np.sin, x, x),
        lambda x: (jax.debug.print("{}", x), x * 2)[1],
    ],
)
def test_callbacks_are_for_the_machine_at_hand(fn):
    _check_refused(fn, (X,), r"is lowered for the machine at hand alone; pass platforms=\(\"cpu\"", passes="forward")  # fmt: skip
    assert lower(fn, X, platforms=("cpu",), passes="forward")
