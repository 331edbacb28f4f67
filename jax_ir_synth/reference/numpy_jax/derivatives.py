"""Implements `jax.grad` and its kind by differences of the function that they are given.

With four points to each side, the error of a difference is its rounding, one part in 1e13, and the
differences that a proof takes of the whole program still have 1e-7. Where a kink or a jump lies
among the points, the result is wrong, and the program isn't proven.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic, trees
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.bounds import step
from jax_ir_synth.reference.numpy_jax.trace_recorder import TraceRecorder

# The distance of the points, and the weights of the differences of the k-th ones: the central
# difference of order eight (B. Fornberg, "Generation of Finite Difference Formulas", 1988).
_STEP = 1e-3
_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)

_Function = Callable[..., Any]


class _Point:
    """A function at one point, run without noise, whose rounding differences would multiply.

    Attributes:
      value: what the function returns there, a tree.
      leaves: the arrays of that, of float64 where they are floats.
    """

    def __init__(self, function: _Function, primals: Sequence[Any]) -> None:
        self._function = function
        self._primals = primals
        self._recorder = TraceRecorder()
        with arithmetic.without_noise(), self._recorder.record():
            self.value = function(*primals)
        self.leaves = [np.asarray(leaf) for leaf in trees.leaves(self.value)]

    def differentiate(self, tangents: Sequence[Any]) -> list[np.ndarray]:
        """Differentiate all leaves along a direction; `tangents` has a tree for each primal."""
        moved = [np.abs(np.asarray(leaf)) for leaf in trees.leaves(list(tangents))]
        largest = max((float(x.max(initial=0.0)) for x in moved), default=0.0)
        size = _STEP / largest if largest else _STEP
        total = [np.zeros(np.shape(leaf)) for leaf in self.leaves]
        for number, weight in enumerate(_WEIGHTS, start=1):
            ahead, behind = (self._run(tangents, sign * number * size) for sign in (1, -1))
            for sums, x, y in zip(total, ahead, behind, strict=True):
                sums += weight / size * (x - y)
        return total

    def _run(self, tangents: Sequence[Any], distance: float) -> list[np.ndarray]:
        step()
        moved = [
            trees.map_leaves(lambda x, t: array(np.asarray(x) + distance * np.asarray(t)), x, t)
            for x, t in zip(self._primals, tangents, strict=True)
        ]
        with arithmetic.without_noise(), self._recorder.replay():
            found = self._function(*moved)
        return [np.asarray(leaf, np.float64) for leaf in trees.leaves(found)]


def _rebuild(tree: Any, leaves: Sequence[Any]) -> Any:
    """Make a tree of the same structure with other leaves."""
    rest = iter(leaves)
    return trees.map_leaves(lambda _: array(next(rest)), tree, in_order=True)


def _split_aux(function: _Function, has_aux: bool) -> tuple[_Function, list[Any]]:
    """Make the function without its second result, which is kept in a list."""
    kept: list[Any] = []
    if not has_aux:
        return function, kept

    def call(*args: Any, **named: Any) -> Any:
        value, aux = function(*args, **named)
        if not kept:
            kept.append(aux)
        return value

    return call, kept


def _zeros(tree: Any) -> Any:
    return trees.map_leaves(lambda leaf: np.zeros(np.shape(leaf)), tree)


def _unit_tangents(primals: Sequence[Any], number: int) -> Any:
    """Yield the directions of all elements of a primal, each with its leaf and its place."""
    leaves = trees.leaves(primals[number])
    for which, leaf in enumerate(leaves):
        if np.asarray(leaf).dtype.kind not in "f":
            raise TypeError("a derivative by an array that holds no floats is taken")
        for place in np.ndindex(*np.shape(leaf)):
            units = [np.zeros(np.shape(each)) for each in leaves]
            units[which][place] = 1.0
            tangents = [_zeros(each) for each in primals]
            tangents[number] = _rebuild(primals[number], units)
            yield which, place, tangents


def _differentiate_sum(
    point: _Point, primals: Sequence[Any], number: int, cotangents: Sequence[np.ndarray]
) -> Any:
    """The gradient by a primal of the sum of a function's leaves times cotangents."""
    found = [np.zeros(np.shape(leaf)) for leaf in trees.leaves(primals[number])]
    for which, place, tangents in _unit_tangents(primals, number):
        slopes = point.differentiate(tangents)
        found[which][place] = sum(
            float(np.sum(x * y)) for x, y in zip(slopes, cotangents, strict=True)
        )
    return _rebuild(primals[number], found)


def value_and_grad(
    fun: _Function, argnums: Any = 0, has_aux: bool = False, **_: Any
) -> Callable[..., Any]:
    """`jax.value_and_grad`."""

    def call(*args: Any, **named: Any) -> Any:
        primals = [trees.map_leaves(array, arg) for arg in args]
        function, kept = _split_aux(lambda *x: fun(*x, **named), has_aux)
        numbers = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
        chosen = [number % len(args) for number in numbers]

        def of_chosen(*moved: Any) -> Any:
            given = list(args)
            for number, x in zip(chosen, moved, strict=True):
                given[number] = x
            return function(*given)

        picked = [primals[number] for number in chosen]
        point = _Point(of_chosen, picked)
        if len(point.leaves) != 1 or point.leaves[0].ndim:
            raise TypeError("the gradient of a function that returns no scalar is taken")
        one = [np.ones(())]
        found = [_differentiate_sum(point, picked, i, one) for i in range(len(picked))]
        gradients = tuple(found) if isinstance(argnums, (tuple, list)) else found[0]
        value = array(point.leaves[0])
        return ((value, kept[0]) if has_aux else value), gradients

    return call


def grad(fun: _Function, argnums: Any = 0, has_aux: bool = False, **how: Any) -> _Function:
    """`jax.grad`."""
    both = value_and_grad(fun, argnums, has_aux, **how)

    def call(*args: Any, **named: Any) -> Any:
        value, gradients = both(*args, **named)
        return (gradients, value[1]) if has_aux else gradients

    return call


def jvp(fun: _Function, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """`jax.jvp`."""
    function, kept = _split_aux(fun, has_aux)
    primals = [trees.map_leaves(array, primal) for primal in primals]
    point = _Point(function, primals)
    slopes = _rebuild(point.value, point.differentiate(list(tangents)))
    value = trees.map_leaves(array, point.value)
    return (value, slopes, kept[0]) if has_aux else (value, slopes)


def linearize(fun: _Function, *primals: Any) -> Any:
    """`jax.linearize`."""
    return fun(*primals), lambda *tangents: jvp(fun, primals, tangents)[1]


def vjp(fun: _Function, *args: Any, has_aux: bool = False) -> Any:
    """`jax.vjp`."""
    function, kept = _split_aux(fun, has_aux)
    primals = [trees.map_leaves(array, arg) for arg in args]
    point = _Point(function, primals)

    def pull_back(cotangents: Any) -> Any:
        given = [np.asarray(leaf) for leaf in trees.leaves(cotangents)]
        return tuple(
            _differentiate_sum(point, primals, number, given) for number in range(len(primals))
        )

    value = trees.map_leaves(array, point.value)
    return (value, pull_back, kept[0]) if has_aux else (value, pull_back)


def jacobian(fun: _Function, argnums: int = 0, has_aux: bool = False, **_: Any) -> _Function:
    """`jax.jacfwd` and `jax.jacrev`, by one argument that is one array."""

    def call(*args: Any) -> Any:
        function, kept = _split_aux(fun, has_aux)
        primals = [trees.map_leaves(array, arg) for arg in args]

        def of_one(x: Any) -> Any:
            return function(*args[:argnums], x, *args[argnums + 1 :])

        one = [primals[argnums]]
        if not isinstance(one[0], np.ndarray):
            raise TypeError("the jacobian by a tree is taken")
        point = _Point(of_one, one)
        found = [np.zeros(leaf.shape + np.shape(one[0])) for leaf in point.leaves]
        for _, place, tangents in _unit_tangents(one, 0):
            for sums, slope in zip(found, point.differentiate(tangents), strict=True):
                sums[(..., *place)] = slope
        jacobians = _rebuild(point.value, found)
        return (jacobians, kept[0]) if has_aux else jacobians

    return call


def hessian(fun: _Function, argnums: int = 0, **_: Any) -> _Function:
    """`jax.hessian`, by one argument that is one array."""
    return jacobian(jacobian(fun, argnums), argnums)


DERIVATIVES: dict[str, Callable[..., Any]] = {
    "grad": grad,
    "hessian": hessian,
    "jacfwd": jacobian,
    "jacobian": jacobian,
    "jacrev": jacobian,
    "jvp": jvp,
    "linearize": linearize,
    "value_and_grad": value_and_grad,
    "vjp": vjp,
}
