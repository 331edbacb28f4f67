"""Written subsets -> the card's YAML by which datasets finds and checks them."""

from collections.abc import Sequence

from jax_ir_synth.request.config import ALL
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.storage.repository.layout import DEFAULT, data_pattern
from jax_ir_synth.storage.repository.tables import Subset


def make_card_data(subsets: Sequence[Subset]) -> dict[str, list]:
    """`configs` and `dataset_info`, as plain values to be dumped as YAML.

    Beside other subsets, `all` stands under the name `default` as well: by that name datasets takes
    it where none is asked for. The flag `default: true` would do too, but `push_to_hub` without a
    config's name writes a config `default`, and datasets loads nothing from a card with two of
    them; and with the name `all` it drops the flag.
    """
    configs = [_config(subset.name, subset) for subset in subsets]
    if len(subsets) > 1:
        configs[:0] = [_config(DEFAULT, subset) for subset in subsets if subset.name == ALL]
    return {"configs": configs, "dataset_info": [_info(subset) for subset in subsets]}


def list_features() -> list[dict]:
    """The columns in the form that datasets 3.6.0 and later ones read alike, as the builder's."""
    return [_feature(field) for field in SCHEMA]


def _config(name: str, subset: Subset) -> dict:
    files = [{"split": split, "path": data_pattern(subset.name, split)} for split in subset.splits]
    return {"config_name": name, "data_files": files}


def _info(subset: Subset) -> dict:
    parts = subset.splits
    return {
        "config_name": subset.name,
        "features": list_features(),
        "splits": [
            {"name": split, "num_bytes": part.arrow_bytes, "num_examples": part.rows}
            for split, part in parts.items()
        ],
        "download_size": sum(part.file_bytes for part in parts.values()),
        "dataset_size": sum(part.arrow_bytes for part in parts.values()),
    }


def _feature(field) -> dict:
    from pyarrow import types

    kind = field.type
    if not types.is_list(kind):
        return {"name": field.name, "dtype": str(kind)}
    if types.is_struct(kind.value_type):
        return {"name": field.name, "list": [_feature(inner) for inner in kind.value_type]}
    # 3.6.0 makes another feature of a `list` of plain values than of what it reads from Parquet.
    return {"name": field.name, "sequence": str(kind.value_type)}
