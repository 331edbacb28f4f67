"""Makes inner functions of a program, and checks them: what control flow and transforms run."""

from collections.abc import Callable, Iterable, Sequence

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Block, Group, Operands, Rejected, Value

# Makes an inner function's results from its parameters.
Build = Callable[..., Group]


def as_tuple(results: Group) -> Operands:
    """The results as a tuple, also where there is only one."""
    return results if isinstance(results, tuple) else (results,)


def make_block(
    params: tuple[Group, ...], results: tuple[Group, ...], level: int, role: str
) -> Block:
    """An inner function. Raises Rejected where it returns a literal or an argument."""
    block = Block(params, results, level, role)
    for value in block.flat_results():
        if value.is_literal or value.level < level and value.op == "argument":
            raise Rejected("an inner function returns an argument or a literal")
    return block


def make_function(
    builder: ProgramBuilder, like: Sequence[Value], build: Build, role: str, owned: bool = False
) -> Block:
    """An inner function with a parameter like each of the values; for `owned` see `inner`."""
    with builder.inner(owned) as level:
        params = tuple(builder.parameter_like(v) for v in like)
        results = as_tuple(build(*params))
    return make_block(params, results, level, role)


def unite(masks: Iterable[int]) -> int:
    """The bits that are in any of the masks."""
    united = 0
    for mask in masks:
        united |= mask
    return united


def require_used(block: Block, optional: Sequence[Value] = ()) -> None:
    """Raises Rejected where no result depends on a parameter, unless it is one of `optional`."""
    deps = unite(v.deps for v in block.flat_results())
    for parameter in block.flat_params():
        if parameter not in optional and not deps & parameter.params["marker"]:
            raise Rejected("a parameter is not used")
