"""The card's YAML, from which datasets learns the files and features of each subset."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jax_ir_synth.request.config import ALL
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.storage.repository.layout import DEFAULT, data_pattern
from jax_ir_synth.storage.repository.tables import Subset

if TYPE_CHECKING:
    import pyarrow


def make_card_data(
    subsets: Sequence[Subset], schema: "pyarrow.Schema | None" = None
) -> dict[str, list[dict[str, Any]]]:
    """Make `configs` and `dataset_info`, as plain values for YAML.

    If there are other subsets besides `all`, then `all` is also listed under the name `default`,
    which datasets loads if the user names no config. The flag `default: true` would have the same
    effect. But `push_to_hub` without a name writes a config `default`, and datasets loads nothing
    from a card with two default configs; and with the name `all`, `push_to_hub` drops the flag.

    Args:
      subsets: The written subsets.
      schema: The columns of the files, if not those of every row.
    """
    configs = [_config(subset.name, subset) for subset in subsets]
    if len(subsets) > 1:
        configs[:0] = [_config(DEFAULT, subset) for subset in subsets if subset.name == ALL]
    return {"configs": configs, "dataset_info": [_info(subset, schema) for subset in subsets]}


def list_features(schema: "pyarrow.Schema | None" = None) -> list[dict[str, Any]]:
    """Describe the columns in the form that datasets 3.6.0 and later versions read alike."""
    return [_feature(field) for field in (SCHEMA if schema is None else schema)]


def _config(name: str, subset: Subset) -> dict[str, Any]:
    files = [{"split": split, "path": data_pattern(subset.name, split)} for split in subset.splits]
    return {"config_name": name, "data_files": files}


def _info(subset: Subset, schema: "pyarrow.Schema | None") -> dict[str, Any]:
    parts = subset.splits
    return {
        "config_name": subset.name,
        "features": list_features(schema),
        "splits": [
            {"name": split, "num_bytes": part.arrow_bytes, "num_examples": part.rows}
            for split, part in parts.items()
        ],
        "download_size": sum(part.file_bytes for part in parts.values()),
        "dataset_size": sum(part.arrow_bytes for part in parts.values()),
    }


def _feature(field: Any) -> dict[str, Any]:
    from pyarrow import types

    kind = field.type
    if not types.is_list(kind):
        return {"name": field.name, "dtype": str(kind)}
    if types.is_struct(kind.value_type):
        return {"name": field.name, "list": [_feature(inner) for inner in kind.value_type]}
    # datasets 3.6.0 reads a `list` of plain values as another feature than Parquet's.
    return {"name": field.name, "sequence": str(kind.value_type)}
