"""The text of a jaxpr: its constants' values are in it, where functions stand in memory is not."""

import re

import jax
import jax.numpy as jnp
import numpy as np

from jax_ir_synth.lowering.jaxprs import format_jaxpr

X = jax.ShapeDtypeStruct((3,), "float32")


def test_constants_stand_behind_it_one_a_line():
    table = np.array([1.5, -2.0, 0.25], np.float32)
    flags = np.array([True, False, True])
    text = format_jaxpr(jax.jit(lambda x: jnp.where(flags, x * table, 0.0)).trace(X).jaxpr)
    jaxpr, values = text.split("\nconsts:\n")
    assert jaxpr.startswith("{ lambda ")
    lines = {line.strip() for line in values.split("\n")}
    assert lines == {"[1.5, -2.0, 0.25]", "[True, False, True]"}


def test_without_constants_it_is_what_jax_prints():
    traced = jax.jit(lambda x: jnp.tanh(x) * 2.0).trace(X)
    assert format_jaxpr(traced.jaxpr) == str(traced.jaxpr)


def test_no_address_of_a_function_is_left():
    policy = jax.checkpoint_policies.everything_saveable
    closed = jax.jit(jax.checkpoint(jnp.tanh, policy=policy)).trace(X).jaxpr
    assert re.search(r"policy=<function everything_saveable at 0x\w+>", str(closed))
    assert "policy=<function everything_saveable>\n" in format_jaxpr(closed)
