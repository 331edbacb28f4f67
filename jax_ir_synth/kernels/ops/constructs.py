"""Records of what runs inner functions or has several results, and of the leaves of a program."""

from jax_ir_synth.kernels.ops.base import Construct, Record


def _branch(name: str, title: str, ir_bytes: int) -> Construct:
    return Construct(name=name, kind="branch", title=title, ir_bytes=ir_bytes)


def _loop(name: str, title: str | None, ir_bytes: int) -> Construct:
    return Construct(name=name, kind="loop", title=title, ir_bytes=ir_bytes)


TABLE = (
    _branch("cond", "conditional update", ir_bytes=1160),
    _branch("switch", "chosen branch", ir_bytes=2350),
    Construct(name="piecewise", ir_bytes=12760),
    _loop("fori_loop", "iteration", ir_bytes=2920),
    _loop("while_loop", "iteration", ir_bytes=600),
    _loop("scan", "recurrence", ir_bytes=5960),
    _loop("map", None, ir_bytes=5790),
    Construct(name="checkpoint", kind="call", title="", ir_bytes=1070),
    Construct(name="vmap", title="", ir_bytes=640),
    Construct(name="helper", ir_bytes=600, dull=True),
    Construct(name="unrolled", ir_bytes=0),
    Construct(name="iterate", ir_bytes=1260, dull=True),
    Construct(name="components", ir_bytes=0, dull=True),
    Construct(name="split", ir_bytes=600),
    Construct(name="unstack", ir_bytes=1920),
    Construct(name="meshgrid", ir_bytes=660),
    Construct(name="update_index", ir_bytes=900),
    Construct(name="top_k_pair", word="top_k", ir_bytes=600),
    Construct(name="split_key", title="", ir_bytes=600),
    Construct(name="linear_recurrence", ir_bytes=5770, doubles=True),
    Construct(name="associative_scan", ir_bytes=8000, doubles=True),
)

# What a program is made of before any operation: `argument` is the only one that takes room.
LEAVES = (
    Record(name="argument", ir_bytes=310, dull=True),
    *(
        Record(name=name, ir_bytes=0, dull=True)
        for name in ("literal", "parameter", "part", "merged", "half", "counter")
    ),
)
