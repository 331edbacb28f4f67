"""Makes the card's YAML, which the Hub and `load_dataset` read."""

from collections.abc import Mapping
from typing import Any

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.request.config import ALL
from jax_ir_synth.storage.repository.layout import DEFAULT, TAG

# Names of the Hub's size categories, and the rows from which each holds.
_SIZES = (
    ("n<1K", 0),
    ("1K<n<10K", 10**3),
    ("10K<n<100K", 10**4),
    ("100K<n<1M", 10**5),
    ("1M<n<10M", 10**6),
    ("10M<n<100M", 10**7),
    ("100M<n<1B", 10**8),
)
# The keys that describe the data files; a caller that has written these may give the values.
OF_FILES = ("configs", "dataset_info")
PRETTY_NAME = "JAX IR Synth"


def general(facts: Facts) -> dict[str, Any]:
    """Make all keys except those of the data files, with values that the Hub knows.

    The values are listed in huggingface_hub's `DatasetCardData`, and for `task_categories` among
    the Hub's tasks. `code` is the Hub's word for the language of programs.
    """
    return {
        "pretty_name": PRETTY_NAME,
        "license": "apache-2.0",
        "language": ["en", "code"],
        "multilinguality": ["monolingual"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "task_categories": ["text-generation"],
        "size_categories": [find_size(facts.summary["rows"])],
        "tags": [
            TAG,
            "jax",
            "xla",
            "stablehlo",
            "mlir",
            "compiler",
            "compiler-ir",
            "code",
            "code-generation",
            "python",
            *(["cuda"] if facts.request.device != "cpu" else []),
            "automatic-differentiation",
            "synthetic",
        ],
    }


def check_given(given: Mapping[str, Any], facts: Facts) -> None:
    """Compare the given metadata of the files with the rows.

    It may describe only some of the subsets; see `repository.metadata.make_card_data`.

    Raises:
      CardError: they don't agree.
    """
    for key in OF_FILES:
        if not isinstance(given.get(key), list) or not given[key]:
            raise CardError(f"`metadata` must have a list under {key!r}")
    infos = {info.get("config_name"): info for info in given["dataset_info"]}
    configs = {config.get("config_name"): config for config in given["configs"]}
    default = configs.pop(DEFAULT, None)
    if configs.keys() != infos.keys():
        raise CardError(
            f"`metadata` has the configs {', '.join(map(str, configs))}, and dataset_info of "
            f"{', '.join(map(str, infos))}"
        )
    wanted = configs[ALL]["data_files"] if ALL in configs and len(configs) > 1 else None
    if wanted != (default and default.get("data_files")):
        raise CardError(f"`metadata` must have {ALL}, where others are, as {DEFAULT} too, only")
    for name, info in infos.items():
        told = {split["name"]: split["num_examples"] for split in info.get("splits", ())}
        holds = facts.splits.get(name, {})
        if told != holds:
            raise CardError(f"`metadata` says that {name} has {told} rows, the data has {holds}")


def find_size(rows: int) -> str:
    """Find the Hub's name for a number of rows."""
    return next(name for name, least in reversed(_SIZES) if rows >= least)
