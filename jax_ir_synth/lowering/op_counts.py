"""Counts the operations of a lowered program by kind; re-exports its features."""

import re
from collections import Counter

from jax_ir_synth.lowering.features import FEATURES, find_features

__all__ = ["FEATURES", "count_operations", "find_features"]

# `stablehlo.add %0`, `applies stablehlo.add across`, and the generic form `"stablehlo.sort"(`; not
# `#stablehlo.scatter<…>` (an attribute), `!stablehlo.token` (a type) or a name inside a string.
_OPERATION = re.compile(
    r'"((?:stablehlo|chlo)\.\w+)"\(|"(?:[^"\\]|\\.)*"|(?<![\w.#!@])((?:stablehlo|chlo)\.\w+)'
)


def count_operations(text: str) -> Counter[str]:
    """Count each kind of `stablehlo` and `chlo` operation in the text of a module.

    The counts equal those of a walk over the parsed module and all its regions, in a fraction of
    the time. `stablehlo.return` is left out, since it computes nothing and is not always printed.
    The text may also be an entire IR column.
    """
    found = Counter(generic or plain for generic, plain in _OPERATION.findall(text))
    del found[""], found["stablehlo.return"]
    return found
