"""Records the equations of a small jaxpr, and puts them into other traces, with other operands.

In a recording values have numbers: first the jaxpr's constants and arguments, then what its
equations make. A recording of elementwise operations on one shape serves for every shape of as many
dimensions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.fast.elementwise import Shape, reshape
from jax_ir_synth.lowering.fast.private import private


class Unfit(JaxIrSynthError):
    """A jaxpr can't be recorded, or a recording not be used for other shapes."""


class Constant(NamedTuple):
    """A result that is the same for all operands."""

    value: Any


class Step(NamedTuple):
    """An equation: where its operands come from, and the avals of its results.

    `sized` says that its parameter `shape` is the shape that the recording is used for.
    """

    primitive: Any
    params: dict[str, Any]
    # The number of a value, or a literal.
    operands: tuple[Any, ...]
    avals: tuple[Any, ...]
    sized: bool = False


class Recording(NamedTuple):
    """The steps, and for each result the number of its value, a literal or a `Constant`."""

    steps: list[Step]
    results: list[Any]

    def resized(self, shape: Shape) -> "Recording":
        """Make it one for every shape; `shape` is what it was recorded for. Raises Unfit."""
        return self._replace(steps=[_resize(step, shape) for step in self.steps])

    def put(self, trace: Any, source: Any, given: Sequence[Any], shape: Shape = ()) -> list[Any]:
        """Put the equations into a trace, for the values given; returns the results.

        Args:
          trace: an open trace (see `staging`).
          source: where the equations come from, as jax describes it.
          given: the values that have the first numbers.
          shape: of a resized recording: the shape it is used for.
        """
        core = private("core")
        partial_eval = private("interpreters.partial_eval")

        tracer_class, equation_class = partial_eval.DynamicJaxprTracer, partial_eval.TracingEqn
        folded, context = partial_eval.const_fold_rules, core.current_jaxpr_eqn_context()
        values, frame, lift = [*given], trace.frame, trace.to_jaxpr_tracer
        for primitive, params, operands, avals, sized in self.steps:
            tracers = [
                lift(values[at], source)
                if type(at) is int
                else tracer_class(trace, at.aval, at, source)
                for at in operands
            ]
            if shape:
                avals = tuple(reshape(aval, shape) for aval in avals)
            if sized:
                params = {**params, "shape": shape}
            if primitive in folded:
                found = partial_eval.try_constant_folding(primitive, tracers, params, avals)
                if found is not None:
                    values += [
                        trace.new_const(x, source_info=source, aval=aval)
                        for x, aval in zip(found, avals, strict=True)
                    ]
                    continue
            variables = [frame.gensym(aval) for aval in avals]
            equation = equation_class(
                tracers, variables, primitive, params, core.no_effects, source, context
            )
            made = [tracer_class(trace, v.aval, v, source, equation) for v in variables]
            frame.add_eqn(equation)
            values += made
        return [self._read(trace, source, values, at) for at in self.results]

    @staticmethod
    def _read(trace: Any, source: Any, values: Sequence[Any], at: Any) -> Any:
        partial_eval = private("interpreters.partial_eval")

        if type(at) is int:
            return values[at]
        if type(at) is Constant:
            return at.value
        return partial_eval.DynamicJaxprTracer(trace, at.aval, at, source)


def record(jaxpr: Any) -> Recording:
    """Record a jaxpr's equations. Raises Unfit for effects and inner jaxprs."""
    core = private("core")

    numbers = {variable: k for k, variable in enumerate([*jaxpr.constvars, *jaxpr.invars])}

    def locate(atom: Any) -> Any:
        return atom if type(atom) is core.Literal else numbers[atom]

    steps = []
    for equation in jaxpr.eqns:
        if equation.effects or any(True for _ in core.jaxprs_in_params(equation.params)):
            raise Unfit
        operands = tuple(map(locate, equation.invars))
        for variable in equation.outvars:
            numbers[variable] = len(numbers)
        avals = tuple(variable.aval for variable in equation.outvars)
        steps.append(Step(equation.primitive, equation.params, operands, avals))
    return Recording(steps, [*map(locate, jaxpr.outvars)])


def _resize(step: Step, shape: Shape) -> Step:
    if any(aval.shape not in ((), shape) for aval in step.avals):
        raise Unfit
    if any(type(at) is not int and at.aval.shape for at in step.operands):
        raise Unfit
    sized = step.params.get("shape") == shape
    for name, value in step.params.items():
        if name == "shape":
            if value not in ((), shape):
                raise Unfit
        elif any(_integers(value)):
            raise Unfit
    return step._replace(sized=sized)


def _integers(value: Any) -> Iterator[bool]:
    """For each item of a tuple, whether it is an integer, which may depend on the shape."""
    return (isinstance(item, int) for item in value) if isinstance(value, tuple) else iter(())
