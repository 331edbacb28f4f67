"""Random keys that a program splits."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Value


def split_key(builder: ProgramBuilder, key: Value) -> list[Value]:
    """`key, subkey = jax.random.split(key)`."""
    halves = [
        Value("half", (), {}, (2,), "uint32", 0, 2**32 - 1, key.samples, deps=key.deps)
        for _ in range(2)
    ]
    parts = builder.control("split_key", (key,), (), halves, [], {})
    for part in parts:
        part.named("key")
    return parts
