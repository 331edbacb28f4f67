"""Counts the turns of a loop beforehand if it can, and bounds them at run time otherwise.

A loop that `lax.scan` or `lax.fori_loop` makes adds a constant to a counter until it reaches
another constant. Any other loop is changed so that it counts its turns itself, and fails beyond a
bound. It fails by evaluating a constant that is too large for any memory, since the interpreter
reports that as an error and doesn't end the process.
"""

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value

# The number of elements of that constant, by which the error's text is recognised.
_NEVER = 4_611_686_018_427_387_847
_SMALLER = {"LT": 0, "LE": 1}


def count_turns(loop: ir.Operation) -> int | None:
    """Count how many turns a `while` takes at most; None if its text alone doesn't tell."""
    condition, body = (region.blocks[0] for region in loop.regions)
    compared = _find_producer(condition.operations[len(condition.operations) - 1].operands[0])
    if compared is None or compared.name != "stablehlo.compare":
        return None
    direction = str(compared.attributes["comparison_direction"]).split()[-1].rstrip(">")
    if direction not in _SMALLER:
        return None
    counter, end = compared.operands[0], _read_scalar(compared.operands[1])
    position = _find_position(counter, condition)
    if position is None or end is None:
        return None
    start, step = _read_scalar(loop.operands[position]), _read_step(body, position)
    if start is None or step is None or step < 1:
        return None
    # Beyond the dtype's end the counter would wrap around.
    element = ir.IntegerType(counter.type.element_type)
    if end + step >= 2 ** (element.width - (not element.is_unsigned)):
        return None
    return max(0, -((start - end - _SMALLER[direction]) // step))


def _read_step(body: ir.Block, position: int) -> int | None:
    """Read what a turn adds to the loop's value at a position."""
    final = body.operations[len(body.operations) - 1]
    added = _find_producer(final.operands[position])
    if added is None or added.name != "stablehlo.add":
        return None
    for mine, other in ((0, 1), (1, 0)):
        if _find_position(added.operands[mine], body) == position:
            return _read_scalar(added.operands[other])
    return None


def _find_producer(value: Value) -> ir.Operation | None:
    return None if isinstance(value.owner, ir.Block) else value.owner.operation


def _find_position(value: Value, block: ir.Block) -> int | None:
    """Find the position at which a value is a block's argument."""
    if _find_producer(value) is not None or value.owner != block:
        return None
    return ir.BlockArgument(value).arg_number


def _read_scalar(value: Value) -> int | None:
    """Read the number of a constant integer scalar."""
    made_by = _find_producer(value)
    if made_by is None or made_by.name != "stablehlo.constant" or value.type.rank:
        return None
    if not isinstance(value.type.element_type, ir.IntegerType):
        return None
    return int(ir.DenseIntElementsAttr(made_by.attributes["value"])[0])


def bound_turns(loop: ir.Operation, turns: int) -> ir.Operation:
    """Replace a loop by one that fails beyond so many turns, and return that."""
    with ir.InsertionPoint(loop):
        zero = _make_scalar(0)
        kinds = [*(operand.type for operand in loop.operands), zero.type]
        counting = stablehlo.WhileOp(kinds, [*loop.operands, zero])
    for old, new in zip(loop.regions, counting.operation.regions, strict=True):
        block = old.blocks[0]
        block.append_to(new)
        block.add_argument(zero.type, ir.Location.current)
    condition, body = (region.blocks[0] for region in counting.operation.regions)
    _fail_beyond(condition, turns)
    final = body.operations[len(body.operations) - 1]
    with ir.InsertionPoint(final):
        more = stablehlo.add(body.arguments[len(kinds) - 1], _make_scalar(1))
        stablehlo.return_([*final.operands, more])
    final.operation.erase()
    for result, counted in zip(loop.results, counting.operation.results[:-1], strict=True):
        result.replace_all_uses_with(counted)
    loop.erase()
    return counting.operation


def describe_bound(turns: int) -> str:
    """Describe the error of a loop that takes more turns than it may."""
    return f"a loop of it takes more than {turns:,} turns"


def _fail_beyond(condition: ir.Block, turns: int) -> None:
    final = condition.operations[len(condition.operations) - 1]
    counter = condition.arguments[len(condition.arguments) - 1]
    with ir.InsertionPoint(final):
        kind = ir.RankedTensorType.get([], ir.IntegerType.get_signless(1))
        goes_on = final.operands[0]
        late = stablehlo.compare(
            counter, _make_scalar(turns), stablehlo.ComparisonDirectionAttr.get("GT")
        )
        choice = stablehlo.IfOp([kind], late)
    for region, fails in zip(choice.operation.regions, (True, False), strict=True):
        block = region.blocks.append()
        with ir.InsertionPoint(block):
            if fails:
                endless = ir.RankedTensorType.get([_NEVER], ir.F32Type.get())
                number = ir.FloatAttr.get(endless.element_type, 0.0)
                stablehlo.constant(ir.DenseElementsAttr.get_splat(endless, number))
            stablehlo.return_([goes_on])
    final.operation.operands[0] = choice.operation.results[0]


def _make_scalar(number: int) -> Value:
    kind = ir.RankedTensorType.get([], ir.IntegerType.get_signless(64))
    value = ir.IntegerAttr.get(kind.element_type, number)
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, value))


def is_bound_error(error: Exception) -> bool:
    """Whether an error comes from a bounded loop that exceeded its turns."""
    return str(_NEVER) in str(error)
