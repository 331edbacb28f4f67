"""Arguments as JSON: what is written is read again, and what can't be written is refused."""

import functools
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_ir_synth.harvest.arguments import (
    Call,
    NotWritable,
    describe_call,
    read_call,
    read_value,
    write_call,
    write_value,
)


class Point(NamedTuple):
    x: object
    y: object


class Frozen:
    def __init__(self):
        self.size = 3

    def __setattr__(self, name, value):
        if name in vars(self):
            raise AttributeError(name)
        vars(self)[name] = value

    def double(self):
        return 2 * self.size


def make_scaling(factor):
    def scale(x, by=2):
        return x * factor * by

    return scale


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        0.5,
        float("inf"),
        1 + 2j,
        "axis",
        [1, [2.0, None]],
        (1, (2, ())),
        {"a": 1, 2: (3,)},
        slice(1, None),
        ...,
        jnp.dtype("bfloat16"),
        jnp.tanh,
        jnp.float32,
        functools.reduce,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_the_same_after_a_round_trip(value):
    assert read_value(json.loads(json.dumps(write_value(value)))) == value


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "uint32", "int8"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 0)])
def test_an_array_keeps_its_shape_dtype_and_range(shape, dtype):
    array = jnp.asarray(np.linspace(1, 7, int(np.prod(shape))).reshape(shape), dtype)
    (read,) = read_call(json.loads(json.dumps(write_call(Call([array], {}))))).args
    assert (read.shape, read.dtype) == (array.shape, array.dtype)
    if array.size:
        assert read.min() == array.min() and read.max() == array.max()


def test_an_array_without_values_is_a_shape():
    def f(x):
        return jnp.zeros(write_call(Call([x], {})) == {"args": [{"array": "float32[2]"}]})

    assert jax.eval_shape(f, jnp.ones(2)).shape == (1,)
    (read,) = read_call({"args": [{"array": "float32[4,8]"}]}).args
    assert isinstance(read, jax.ShapeDtypeStruct)


def test_objects_are_made_without_their_constructors():
    read = read_value(write_value(Frozen()))
    assert (type(read), read.size) == (Frozen, 3)
    point = read_value(write_value(Point(1, (2.5, "a"))))
    assert (type(point), point) == (Point, Point(1, (2.5, "a")))
    assert read_value(write_value(Frozen().double))() == 6


def test_a_function_inside_a_function_is_made_again_from_what_it_closes_over():
    written = json.loads(json.dumps(write_value(make_scaling(5))))
    read = read_value(written)
    assert read(3) == 30 and read(3, by=1) == 15
    assert read.__qualname__ == make_scaling(5).__qualname__


def test_a_typed_key_is_a_key_again():
    read = read_value(write_value(jax.random.key(7)))
    assert jnp.issubdtype(read.dtype, jax.dtypes.prng_key) and read.shape == ()


@pytest.mark.parametrize(
    "value", [lambda x: x, object(), open, "x" * 1000], ids=["lambda", "object", "file", "text"]
)
def test_what_cannot_be_written_is_told_in_one_line(value):
    if value is open:
        value = iter([])
    with pytest.raises(NotWritable) as caught:
        write_value(value)
    assert str(caught.value).startswith("an argument is ") and "\n" not in str(caught.value)


def test_too_many_parts_are_refused():
    with pytest.raises(NotWritable, match="too many parts"):
        write_value([0] * 5000)


def test_a_call_is_described_for_people():
    call = Call([jnp.ones((2, 3)), (1, jnp.tanh)], {"axis": -1})
    assert describe_call(write_call(call)) == "float32[2,3], (1, tanh), axis=-1"
