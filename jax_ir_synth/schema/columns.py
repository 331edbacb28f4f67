"""The columns of a row: names, order, Arrow types and descriptions."""

from collections.abc import Iterable

import pyarrow

from jax_ir_synth.schema.origin import Origin

SCHEMA = pyarrow.schema(
    [
        ("id", pyarrow.int64()),
        ("kernel_name", pyarrow.string()),
        ("python", pyarrow.string()),
        ("cpp", pyarrow.string()),
        ("cuda", pyarrow.string()),
        ("type", pyarrow.string()),
        (
            "in_avals",
            pyarrow.list_(
                pyarrow.struct(
                    [
                        ("name", pyarrow.string()),
                        ("shape", pyarrow.list_(pyarrow.int64())),
                        ("dtype", pyarrow.string()),
                        ("low", pyarrow.float64()),
                        ("high", pyarrow.float64()),
                    ]
                )
            ),
        ),
        ("argnums", pyarrow.list_(pyarrow.int64())),
        ("program_hash", pyarrow.string()),
        ("skeleton_hash", pyarrow.string()),
        ("jax_version", pyarrow.string()),
        ("verified", pyarrow.string()),
    ]
)

# The same with the columns of collected rows that say where a function comes from.
ORIGIN_SCHEMA = pyarrow.schema([*SCHEMA, *((name, pyarrow.string()) for name in Origin._fields)])


def choose_schema(columns: Iterable[str]) -> pyarrow.Schema:
    """Choose the columns of a container for rows: with those of an origin if a row has any.

    Args:
      columns: The columns of the rows.
    """
    return ORIGIN_SCHEMA if {*columns} & {*Origin._fields} else SCHEMA


# A description of each column, for the card and the documentation.
MEANINGS = {
    "id": "the row's number in the order of `all`, also in a category's own subset",
    "kernel_name": "the function's name",
    "python": "its source; needs `jax`, `jax.numpy as jnp` and `from jax import lax`",
    "cpp": "IR for the CPU, forward and backward (the name is historical)",
    "cuda": "IR for CUDA, forward and backward",
    "type": "`generate_` and the category; `own` or `real` for a function that someone wrote",
    "in_avals": "for each argument its name, shape, dtype, and the range (`low` to `high`) that it "
    "is defined on",
    "argnums": "the floating-point arguments, by which the backward pass differentiates",
    "program_hash": "equal exactly when forward and backward IR are equal after renaming",
    "skeleton_hash": "the program with names, constants and sizes taken out; decides the split",
    "jax_version": "the version of jax that lowered it",
    "verified": "how the row was proven",
}

# Columns that rows of earlier versions lack.
OPTIONAL_COLUMNS = ("verified",)
