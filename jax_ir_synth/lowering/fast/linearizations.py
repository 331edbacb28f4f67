"""Records the linearizations of primitives, for every shape or for one.

To linearize a primitive, jax runs its derivative's rule with tracers that tell known values from
tangents, makes a jaxpr of what depends on the tangents, and evaluates it. What comes out depends on
the primitive, its parameters and its operands' avals alone.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from jax_ir_synth.lowering.fast.elementwise import Shape, describe, find_differentiable, find_shape
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.recording import Constant, Recording, Unfit, record
from jax_ir_synth.lowering.fast.replacing import find_settings

# jax's functions whose work is done here.
RELIES_ON = (
    "jax._src.interpreters.ad:linearize_from_jvp",
    "jax._src.interpreters.partial_eval:JaxprTrace",
    "jax._src.interpreters.partial_eval:dce_jaxpr_consts",
    "jax._src.interpreters.partial_eval:tracers_to_jaxpr",
)
# Recordings are forgotten when there are so many.
_MOST = 4096


class Linearization(NamedTuple):
    """A primitive's linearization.

    Attributes:
      known: what is computed of the operands: the results, and the residuals behind them.
      results: how many of these are the primitive's results.
      tangents_in: for each operand, whether its tangent is used.
      tangents_out: for each result, whether it has a tangent.
      avals_out: the avals of the results' tangents.
      linear: what is computed of the residuals and the operands' tangents.
    """

    known: Recording
    results: int
    tangents_in: list[bool]
    tangents_out: list[bool]
    avals_out: list[Any]
    linear: Recording


class Recordings:
    """The linearizations that are recorded."""

    def __init__(self) -> None:
        self._kept: dict[Any, Linearization] = {}
        # What couldn't be recorded: primitives, whether for one shape, what operands have a tangent
        # and their dtypes. It isn't tried again with other shapes, since a failure takes as long.
        self._unfit: set[Any] = set()
        self._elementwise = find_differentiable()

    def find(
        self, primitive: Any, nonzeros: Sequence[bool], primals: Sequence[Any], params: Any
    ) -> tuple[Linearization, Shape] | None:
        """Find a primitive's linearization, and the shape it is to be used for.

        None if there is none, or if the parameters can't be hashed.
        """
        core = private("core")

        avals = [core.typeof(x) for x in primals]
        shape = find_shape(avals) if primitive in self._elementwise else None
        found = None
        try:
            if shape is not None:
                found = self._keep(primitive, nonzeros, avals, params, shape)
            if found is None:
                shape = ()
                found = self._keep(primitive, nonzeros, avals, params, None)
        except TypeError:
            return None
        return None if found is None or shape is None else (found, shape)

    def _keep(
        self,
        primitive: Any,
        nonzeros: Sequence[bool],
        avals: Sequence[Any],
        params: Any,
        shape: Shape | None,
    ) -> Linearization | None:
        """Find a recording for every shape, given one, or else for these avals; record it if new.

        Raises TypeError if the parameters can't be hashed.
        """
        sort = primitive, shape is None, *nonzeros, *[aval.dtype for aval in avals]
        if sort in self._unfit:
            return None
        described = avals if shape is None else describe(avals)
        # The rules may call functions that depend on settings, such as the precision of products.
        key = (*sort, *described, *params.items(), find_settings())
        if key not in self._kept:
            for table in (self._kept, self._unfit):
                if len(table) >= _MOST:
                    table.clear()
            try:
                self._kept[key] = _record(primitive, nonzeros, avals, params, shape)
            except Unfit:
                self._unfit.add(sort)
                return None
        return self._kept[key]


@functools.cache
def get_recordings() -> Recordings:
    """Return the recordings of this process."""
    return Recordings()


def _record(
    primitive: Any, nonzeros: Sequence[bool], avals: Sequence[Any], params: Any, shape: Shape | None
) -> Linearization:
    """Record a primitive's linearization, as `linearize_from_jvp` finds it. Raises Unfit.

    Args:
      primitive: the primitive.
      nonzeros: for each operand, whether it has a tangent.
      avals: the operands' avals.
      params: the primitive's parameters.
      shape: the operands' shape, to record for every shape; None to record for this one.
    """
    core = private("core")
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")
    linear_util = private("linear_util")
    Zero = private("ad_util").Zero
    ad = private("interpreters.ad")
    partial_eval = private("interpreters.partial_eval")

    jvp = ad.primitive_jvps.get(primitive)
    if jvp is None:
        raise Unfit
    debug = ad.debug_info("linearize_prim_jvp", jvp, avals, {})
    trace, source = partial_eval.DynamicJaxprTrace(debug), source_info_util.current()
    primals = [trace.new_arg(aval, source_info=source) for aval in avals]
    with core.set_current_trace(trace):
        splitting = partial_eval.JaxprTrace(
            trace, source_info_util.current_name_stack(), core.TraceTag()
        )
        tangent_avals = [aval.to_tangent_aval() for aval in avals]
        used = [
            bool(nonzero) and aval.dtype != dtypes.float0
            for aval, nonzero in zip(tangent_avals, nonzeros, strict=True)
        ]
        with core.set_current_trace(splitting):
            tangents = [
                splitting.new_arg(partial_eval.PartialVal.unknown(aval)) if is_used else Zero(aval)
                for aval, is_used in zip(tangent_avals, used, strict=True)
            ]
            outs, out_tangents = linear_util.wrap_init(jvp, debug_info=debug).call_wrapped(
                tuple(primals), tuple(tangents), **params
            )
        if not primitive.multiple_results:
            outs, out_tangents = [outs], [out_tangents]
        outs = [splitting.to_jaxpr_tracer(x).pval.get_known() for x in outs]
        if any(x is None for x in outs):
            raise Unfit
        has_tangent = [
            type(t) is not Zero and not splitting.to_jaxpr_tracer(t).is_known()
            for t in out_tangents
        ]
        out_avals = [core.typeof(x).to_tangent_aval() for x in outs]
        jaxpr, residuals, _ = partial_eval.tracers_to_jaxpr(
            [t for t, is_used in zip(tangents, used, strict=True) if is_used],
            [
                splitting.to_jaxpr_tracer(t)
                for t, has in zip(out_tangents, has_tangent, strict=True)
                if has
            ],
            splitting.effect_handles,
            debug.with_unknown_names(),
        )
        jaxpr, kept, _ = partial_eval.dce_jaxpr_consts(
            jaxpr,
            [True] * len(jaxpr.outvars),
            [False] * len(jaxpr.constvars) + [True] * len(jaxpr.invars),
        )
        residuals = [x for is_kept, x in zip(kept, residuals) if is_kept]  # noqa: B905
    found = [*outs, *residuals]
    tracers = [trace.to_jaxpr_tracer(x, source) for x in found]
    known, constants = trace.to_jaxpr(tracers, debug.with_unknown_names(), source)
    trace.invalidate()
    if constants:
        raise Unfit
    first = record(known)
    results = [
        at if isinstance(x, core.Tracer) else Constant(x)
        for at, x in zip(first.results, found, strict=True)
    ]
    first, second = first._replace(results=results), record(jaxpr)
    if shape is not None:
        first, second = first.resized(shape), second.resized(shape)
    return Linearization(first, len(outs), used, has_tangent, out_avals, second)
