"""The metadata that datasets stores with the rows: description, features and license."""

import datasets
import pyarrow

from jax_ir_synth.schema.columns import SCHEMA

_DESCRIPTION = """\
Python -> compiler IR pairs. Each row is a small JAX program with the IR that JAX lowers it and its
gradient to, for the CPU and for CUDA, and the columns needed to check it. The programs are drawn
at random from a grammar for each category, distinct, and split by structure."""

_LICENSE = "apache-2.0"


def dataset_info(schema: pyarrow.Schema | None = None) -> datasets.DatasetInfo:
    """Describe the dataset. The metadata is the same in every container.

    Args:
      schema: The columns, if not those of every row.
    """
    return datasets.DatasetInfo(
        description=_DESCRIPTION,
        features=datasets.Features.from_arrow_schema(SCHEMA if schema is None else schema),
        license=_LICENSE,
    )
