"""Checks a written card: readers understand its YAML as intended, and its pictures exist."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.storage.repository.layout import DEFAULT, PICTURES, README

# The values that the Hub knows, listed in huggingface_hub's `DatasetCardData`.
KNOWN = {
    "annotations_creators": {
        *("found", "crowdsourced", "expert-generated", "machine-generated", "no-annotation"),
        "other",
    },
    "language_creators": {
        *("found", "crowdsourced", "expert-generated", "machine-generated", "other"),
    },
    "multilinguality": {"monolingual", "multilingual", "translation", "other"},
    "size_categories": {
        *("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B"),
        *("1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T", "other"),
    },
    "source_datasets": {"original", "extended"},
}
_LINK = re.compile(rf"\b{PICTURES}/([\w.-]+)")


def check(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Check the card in a folder.

    Args:
      folder: the folder with README.md and pictures/.
      metadata: the expected content of its YAML.

    Raises:
      CardError: the card is wrong.
    """
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = DatasetCard((folder / README).read_text(encoding="utf-8"))
    data = card.data.to_dict()
    differ = sorted(
        key for key in {*data, *metadata} if _plain(data.get(key)) != _plain(metadata.get(key))
    )
    if differ:
        raise CardError(f"the card's YAML is read as something else under {', '.join(differ)}")
    for key, values in KNOWN.items():
        unknown = set(data.get(key, ())) - values
        if unknown:
            raise CardError(f"the Hub doesn't know {key}: {', '.join(sorted(unknown))}")
    try:
        configs = MetadataConfigs.from_dataset_card_data(card.data)
        infos = DatasetInfosDict.from_dataset_card_data(card.data)
        configs.get_default_config_name()
    except (TypeError, ValueError) as error:
        raise CardError(f"datasets can't read the card's YAML: {error}") from error
    if set(configs) - {DEFAULT} != set(infos):
        raise CardError("the card's configs and dataset_info are not of the same subsets")
    check_pictures(card.text, folder)


def check_pictures(text: str, folder: Path) -> None:
    """Raise CardError unless the text names exactly the pictures that exist."""
    named = set(_LINK.findall(text))
    there = {path.name for path in (folder / PICTURES).iterdir()}
    if named - there:
        raise CardError(f"the card shows a picture that isn't there: {min(named - there)}")
    if there - named:
        raise CardError(f"the card doesn't show the picture {min(there - named)}")


def _plain(value: Any) -> Any:
    """Return the value with lists for tuples, and without keys whose value is None."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
