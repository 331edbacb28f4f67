"""The passes of functions in many styles have the text that plain jax writes for them."""

import functools
import operator

import jax
import jax.numpy as jnp
import pytest
from functions import FUNCTIONS

from jax_ir_synth.lowering import lower
from jax_ir_synth.lowering.settings import pin_settings
from jax_ir_synth.schema.ir_section import clean_module

KINDS = ("vjp", "jvp", "hessian_vp", "vmap")
SIZE = 3
# Each function has two kinds, in turn.
CHOSEN = [(name, KINDS[(at + side) % 4]) for at, name in enumerate(FUNCTIONS) for side in (0, 1)]
# A pass runs the jaxpr of the forward pass: an inner function that is traced twice in plain jax,
# and a value that it computes twice there, is one. And jax has an empty tangent for an integer.
OTHERWISE = {
    *(("special functions", kind) for kind in KINDS),
    *(("activations", kind) for kind in KINDS),
    ("several outputs of other dtypes", "jvp"),
}
# jax refuses it as well.
REFUSED = {("custom vjp", "jvp"), ("custom vjp in a loop", "jvp")}


def _is_inexact(leaf):
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def _aval(leaf, *axis):
    weak = getattr(leaf, "weak_type", not hasattr(leaf, "dtype"))
    shape = (*axis, *jnp.shape(leaf))
    return jax.ShapeDtypeStruct(shape, jnp.result_type(leaf), weak_type=weak)


def _select(outputs):
    return [leaf for leaf in jax.tree.leaves(outputs) if _is_inexact(leaf)]


def _make_plain(kind, f, args):
    """The pass as a user of jax writes it, and its arguments."""
    n = len(args)
    argnums = [
        i for i, arg in enumerate(args)
        if jax.tree.leaves(arg) and all(map(_is_inexact, jax.tree.leaves(arg)))
    ]  # fmt: skip
    tangents = [jax.tree.map(_aval, args[i]) for i in argnums]

    def of_chosen(fn, given):
        def call(*chosen):
            every = dict(enumerate(given)) | dict(zip(argnums, chosen, strict=True))
            return fn(*every.values())

        return call, [given[i] for i in argnums]

    def loss(*given):
        sums = [jnp.sum(out.real if jnp.iscomplexobj(out) else out) for out in _select(f(*given))]
        return functools.reduce(operator.add, sums)

    def vjp(*given):
        call, chosen = of_chosen(lambda *a: _select(f(*a)), given[:n])
        return jax.vjp(call, *chosen)[1](list(given[n:]))

    def jvp(*given):
        call, chosen = of_chosen(f, given[:n])
        return jax.jvp(call, chosen, list(given[n:]))

    def hessian_vp(*given):
        call, chosen = of_chosen(jax.grad(loss, argnums), given[:n])
        return jax.jvp(call, chosen, list(given[n:]))[1]

    def vmap(*given):
        return jax.vmap(f)(*given)

    if kind == "vjp":
        outputs = jax.eval_shape(f, *args)
        return vjp, [*args, *(jax.ShapeDtypeStruct(o.shape, o.dtype) for o in _select(outputs))]
    if kind == "vmap":
        return vmap, jax.tree.map(lambda leaf: _aval(leaf, SIZE), list(args))
    return {"jvp": jvp, "hessian_vp": hessian_vp}[kind], [*args, *tangents]


def _write_plain(kind, f, args):
    fn, given = _make_plain(kind, f, args)
    fn.__name__ = f"f_{kind}"
    lowered = jax.jit(fn, keep_unused=True).trace(*given).lower(lowering_platforms=("cpu",))
    return clean_module(lowered.as_text())


@pytest.mark.parametrize(
    ("name", "kind"), [each for each in CHOSEN if each not in OTHERWISE | REFUSED]
)
def test_a_pass_is_plain_jaxs(name, kind):
    function, args = FUNCTIONS[name]

    # Without a signature of its own, as `lower` calls it under another name.
    def f(*given):
        return function(*given)

    text = lower(function, *args, platforms=("cpu",), name="f", passes=kind, axis_size=SIZE)["cpu"]
    with pin_settings():
        plain = _write_plain(kind, f, args)
    _header, _heading, module = text.split("\n", 2)
    assert module == plain + "\n"


@pytest.mark.parametrize(("name", "kind"), sorted(REFUSED))
def test_what_has_no_such_pass(name, kind):
    function, args = FUNCTIONS[name]
    with pytest.raises(ValueError, match=r'can\'t be lowered.*passes=\("forward", "vjp"\)$'):
        lower(function, *args, name="f", passes=kind)
