"""What a helper does with a row of a saved dataset: is it whole, and then, is it right?"""

from collections.abc import Mapping

from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.verification import UNVERIFIED
from jax_ir_synth.verify import NotProven, xla
from jax_ir_synth.verify.consistency import ConsistencyCheck
from jax_ir_synth.verify.proof import prove

# In the place of what a row says of its own proof, and also if it says nothing.
_CLAIMED = dict.fromkeys(OPTIONAL_COLUMNS, UNVERIFIED)


def check(row: Mapping) -> str:
    """How the row was proven, from its own columns alone. Raises NotProven."""
    # A helper is never forked, and it, not a child of it, is what the limits are set for. So the
    # proof needs no thread of its own either.
    xla.use_this_process()
    reasons = list(ConsistencyCheck()(RowView({**row, **_CLAIMED})))
    if reasons:
        raise NotProven("\n".join(reasons))
    try:
        return prove({name: value for name, value in row.items() if name not in OPTIONAL_COLUMNS})
    except NotProven as error:
        raise NotProven(f"{error}\n{row['python']}") from error
