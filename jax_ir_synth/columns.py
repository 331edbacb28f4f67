"""The columns of a row: their names, order and Arrow types, told once for every container."""

import pyarrow

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
