"""Makes the passes of a function from its traced forward pass: gradients, products, batches.

Each pass runs the forward pass's jaxpr, so that the Python function isn't traced again. The rule of
a custom derivative may hold a value of that trace (`nondiff_argnums`), which its jaxpr doesn't give
it. Then the function is traced again.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import jaxpr_as_fun

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import sharding
from jax_ir_synth.lowering.arguments import abstract_array, is_inexact, make_aval
from jax_ir_synth.lowering.loss import add_up, select_inexact
from jax_ir_synth.lowering.naming import rename
from jax_ir_synth.lowering.passes import Options, Pass
from jax_ir_synth.schema.ir_section import FORWARD, write_backward_heading

# What a pass computes, and its abstract arguments.
Transformed = tuple[Callable[..., Any], list[Any]]


class Subject(NamedTuple):
    """A function whose passes are made.

    Attributes:
      name: the function's name.
      forward: its traced forward pass.
      args: its abstract arguments, pytrees.
      argnums: the arguments to differentiate by.
      axis_size: the size of the leading axis that `vmap` adds.
      options: how each pass is written.
      function: the function itself.
      again: whether the passes trace it again.
    """

    name: str
    forward: Pass
    args: Sequence[Any]
    argnums: tuple[int, ...]
    axis_size: int
    options: Options
    function: Callable[..., Any]
    again: bool = False

    def run(self, *args: Any) -> list[Any]:
        """Run the forward pass, and return the flat outputs."""
        if self.again:
            return list(jax.tree.leaves(self.function(*args)))
        return list(jaxpr_as_fun(self.forward.jaxpr)(*jax.tree.leaves(args)))

    def run_inexact(self, *args: Any) -> list[Any]:
        """Run the forward pass, and return the inexact outputs; UsageError if there are none."""
        return select_inexact(self.run(*args), self.name)

    def loss(self, *args: Any) -> Any:
        """Compute the scalar that `backward` and `hessian_vp` differentiate."""
        return add_up(self.run_inexact(*args))

    def vary(
        self, fn: Callable[..., Any], args: Sequence[Any]
    ) -> tuple[Callable[..., Any], list[Any]]:
        """Make a function of the arguments of `argnums` alone, and return those."""

        def of_chosen(*chosen: Any) -> Any:
            every = list(args)
            for position, value in zip(self.argnums, chosen, strict=True):
                every[position] = value
            return fn(*every)

        return of_chosen, [args[position] for position in self.argnums]

    def make_tangents(self) -> list[Any]:
        """Make abstract tangents of the arguments of `argnums`."""
        return [jax.tree.map(make_aval, self.args[position]) for position in self.argnums]


def _make_backward(subject: Subject) -> Transformed:
    loss = rename(subject.loss, f"{subject.name}_loss")
    return jax.grad(loss, argnums=subject.argnums), [*subject.args]


def _make_vjp(subject: Subject) -> Transformed:
    count = len(subject.args)

    def vjp(*given: Any) -> Any:
        of_chosen, chosen = subject.vary(subject.run_inexact, given[:count])
        _, pull_back = jax.vjp(of_chosen, *chosen)
        return pull_back(list(given[count:]))

    outputs = [aval for aval in subject.forward.jaxpr.out_avals if is_inexact(aval)]
    cotangents = [abstract_array(aval.shape, aval.dtype) for aval in outputs]
    return rename(vjp, f"{subject.name}_vjp"), [*subject.args, *cotangents]


def _make_jvp(subject: Subject) -> Transformed:
    count = len(subject.args)

    def both(*args: Any) -> Any:
        outputs = subject.run(*args)
        return select_inexact(outputs, subject.name), outputs

    def jvp(*given: Any) -> Any:
        of_chosen, chosen = subject.vary(both, given[:count])
        _, tangents, outputs = jax.jvp(of_chosen, chosen, list(given[count:]), has_aux=True)
        # An integer has no tangent.
        left = iter(tangents)
        every = [next(left) if is_inexact(output) else None for output in outputs]
        tree = subject.forward.out_tree
        return jax.tree.unflatten(tree, outputs), jax.tree.unflatten(tree, every)

    return rename(jvp, f"{subject.name}_jvp"), [*subject.args, *subject.make_tangents()]


def _make_hessian_vp(subject: Subject) -> Transformed:
    count = len(subject.args)

    def hessian_vp(*given: Any) -> Any:
        gradient = jax.grad(subject.loss, argnums=subject.argnums)
        of_chosen, chosen = subject.vary(gradient, given[:count])
        _, product = jax.jvp(of_chosen, chosen, list(given[count:]))
        return product

    name = f"{subject.name}_hessian_vp"
    return rename(hessian_vp, name), [*subject.args, *subject.make_tangents()]


def _make_vmap(subject: Subject) -> Transformed:
    def add_axis(leaf: Any) -> Any:
        aval = make_aval(leaf)
        shape = (subject.axis_size, *aval.shape)
        return abstract_array(
            shape, aval.dtype, weak_type=aval.weak_type, sharding=sharding.add_axis(leaf)
        )

    def vmap(*args: Any) -> Any:
        return jax.tree.unflatten(subject.forward.out_tree, jax.vmap(subject.run)(*args))

    if not jax.tree.leaves(subject.args):
        raise UsageError(f"`{subject.name}` has no array to map over: leave out the pass vmap")
    return rename(vmap, f"{subject.name}_vmap"), list(jax.tree.map(add_axis, [*subject.args]))


class _Kind(NamedTuple):
    """A kind of pass: its heading, given the subject, and what it computes."""

    head: Callable[[Subject], str]
    make: Callable[[Subject], Transformed]


_KINDS = {
    "backward": _Kind(lambda subject: write_backward_heading(subject.argnums), _make_backward),
    "vjp": _Kind(lambda subject: f"VJP (jax.vjp, argnums={subject.argnums})", _make_vjp),
    "jvp": _Kind(lambda subject: f"JVP (jax.jvp, argnums={subject.argnums})", _make_jvp),
    "hessian_vp": _Kind(
        lambda subject: f"Hessian-vector product (of scalar loss, argnums={subject.argnums})",
        _make_hessian_vp,
    ),
    "vmap": _Kind(lambda subject: f"Vmap (jax.vmap, axis_size={subject.axis_size})", _make_vmap),
}
DIFFERENTIATING = frozenset({"backward", "vjp", "jvp", "hessian_vp"})


def trace_pass(subject: Subject, kind: str) -> tuple[str, Pass]:
    """Trace a pass, one of `passes.PASSES`, and return it after its heading."""
    if kind == "forward":
        return FORWARD, subject.forward
    head, make = _KINDS[kind]
    function, args = make(subject)
    made = Pass(function, args, subject.options)
    # A value that the trace of another pass left becomes one more argument.
    if len(made.jaxpr.in_avals) != len(jax.tree.leaves(args)):
        made = Pass(*make(subject._replace(again=True)), subject.options)
    return head(subject), made
