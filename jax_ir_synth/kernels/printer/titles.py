"""Names a kernel, and describes it where its grammar gives no docstring."""

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.ops import RECORDS


def kernel_name(stream: Stream, ops: list[str], category: str) -> str:
    """`kernel_` and one to three names of its operations."""
    words = []
    for op in stream.shuffled(ops):
        word = RECORDS[op].word or op
        if word not in words:
            words.append(word)
        if len(words) == 1 + stream.below(3):
            break
    return "kernel_" + ("_".join(words)[:40].strip("_") or category)


def description(stream: Stream, ops: list[str], arguments: list[str]) -> str:
    """A docstring from the names of operations and arguments."""
    what = [title for op in dict.fromkeys(ops) if (title := _title(op))]
    of = " and ".join(arguments[:2])
    verb = stream.choice(("Computes the", "Returns the", "The", "Applies the"))
    return f"{verb} {' of the '.join(what[:2] or ['combination'])} of {of}."


def _title(op: str) -> str:
    title = RECORDS[op].title
    return op.replace("_", " ") if title is None else title
