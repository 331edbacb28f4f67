"""What a lowered program is made of: kinds of operations, and the features categories go by."""

import re
from collections import Counter

from jax_ir_synth.lowering.features import FEATURES, features

__all__ = ["FEATURES", "features", "operations"]

# `stablehlo.add %0`, `applies stablehlo.add across`, and the generic form `"stablehlo.sort"(`; not
# `#stablehlo.scatter<…>` (an attribute), `!stablehlo.token` (a type) or a name inside a string.
_OPERATION = re.compile(
    r'"((?:stablehlo|chlo)\.\w+)"\(|"(?:[^"\\]|\\.)*"|(?<![\w.#!@])((?:stablehlo|chlo)\.\w+)'
)


def operations(text: str) -> Counter[str]:
    """How often each kind of `stablehlo` and `chlo` operation stands in the text of a module.

    Counts what walking the parsed module counts, all regions included, at a fraction of the time;
    `stablehlo.return` is left out: it closes a region, computes nothing, and is not always printed.
    The text may also be a whole IR column.
    """
    found = Counter(generic or plain for generic, plain in _OPERATION.findall(text))
    del found[""], found["stablehlo.return"]
    return found
