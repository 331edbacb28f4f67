"""Small rows written by hand, so that every byte of the output is known. They need no jax."""

import copy
import json

import pyarrow
from pyarrow import parquet

from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.ir_section import IrSection, write_sections

PYTHON = '''\
def kernel_scaled_tanh(x, scale):
    """The scaled tangent of each element."""
    y = jnp.tanh(x) * scale
    return jnp.where(y > 0.5, y, 2.0 * y)
'''
FORWARD = """\
module @jit_kernel_scaled_tanh attributes {mhlo.num_partitions = 1 : i32, \
mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x4xf32>, %arg1: tensor<f32>) -> (tensor<2x4xf32> \
{jax.result_info = "result"}) {
    %0 = stablehlo.tanh %arg0 : tensor<2x4xf32>
    %1 = stablehlo.broadcast_in_dim %arg1, dims = [] : (tensor<f32>) -> tensor<2x4xf32>
    %2 = stablehlo.multiply %0, %1 : tensor<2x4xf32>
    return %2 : tensor<2x4xf32>
  }
}"""
BACKWARD = """\
module @jit_kernel_scaled_tanh_loss {
  func.func public @main(%arg0: tensor<2x4xf32>) -> tensor<2x4xf32> {
    %0 = stablehlo.custom_call @lapack_spotrf_ffi(%arg0) : (tensor<2x4xf32>) -> tensor<2x4xf32>
    %1 = stablehlo.negate %0 : tensor<2x4xf32>
    return %1 : tensor<2x4xf32>
  }
}"""
# CUDA's backward pass where the devices differ: it has another call, and one line less.
OTHER = BACKWARD.replace("lapack_spotrf_ffi", "cusolver_potrf_ffi").replace(
    "    %1 = stablehlo.negate %0 : tensor<2x4xf32>\n", ""
)
# A skeleton hash of each split, see `splits.split_of`.
SKELETONS = {"train": "0" * 32, "validation": f"{8:08x}" + "0" * 24, "test": f"{9:08x}" + "0" * 24}


def column(backend, *sections) -> str:
    """An IR column of sections. Each is (dialect, forward, backward), and optionally a target."""
    return write_sections(
        *(
            IrSection(backend, dialect, (0, 1), forward, backward, *target)
            for dialect, forward, backward, *target in sections
        )
    )


def row(id=42, differs=False, category="unary", split="train", **changed) -> dict:
    """A row. `changed` replaces some of its columns."""
    columns = {
        "id": id,
        "kernel_name": "kernel_scaled_tanh",
        "python": PYTHON,
        "cpp": column("cpu", ("stablehlo", FORWARD, BACKWARD)),
        "cuda": column("gpu", ("stablehlo", FORWARD, OTHER if differs else BACKWARD)),
        "type": f"generate_{category}",
        "in_avals": [
            {"name": "x", "shape": [2, 4], "dtype": "float32", "low": -1.0, "high": 1.5},
            {"name": "scale", "shape": [], "dtype": "float32", "low": 0.5, "high": 2.0},
        ],
        "argnums": [0, 1],
        "program_hash": "0123456789abcdef" * 2,
        "skeleton_hash": SKELETONS[split],
        "jax_version": "0.10.2",
        "verified": "interpreter",
    }
    return copy.deepcopy(columns | changed)


def jsonl(path, *rows):
    """Write rows as JSON lines. Return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def parquet_of(path, *rows):
    """Write rows as Parquet. Return the path."""
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), SCHEMA), path)
    return path
