"""The card's YAML: what the Hub and `load_dataset` read of it."""

from collections.abc import Mapping
from pathlib import Path

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.facts import Facts

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
# The keys that belong to the data files; whoever has written those may give others.
OF_FILES = ("configs", "dataset_info")
PRETTY_NAME = "JAX IR Synth"


def file_name(config: str, split: str) -> str:
    """The Parquet file of a config's split, as datasets itself names it in a repository."""
    return f"{config}/{split}-00000-of-00001.parquet"


def general(facts: Facts) -> dict:
    """All keys but those of the data files. The values are those that the Hub knows.

    They are listed in huggingface_hub's `DatasetCardData`, and for `task_categories` among the
    Hub's tasks; `code` is the Hub's own word for the language of programs.
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
        "size_categories": [_size(facts.summary["rows"])],
        "tags": [
            "jax",
            "xla",
            "stablehlo",
            "mlir",
            "compiler",
            "compiler-ir",
            "code",
            "code-generation",
            "python",
            "cuda",
            "automatic-differentiation",
            "synthetic",
        ],
    }


def of_files(facts: Facts, folder: Path) -> dict:
    """`configs` and `dataset_info` for a Parquet file of each split of each config.

    The size to download is that of the files in `folder`, where they are.
    """
    from jax_ir_synth.jax_ir_synth import dataset_info

    features = dataset_info().features._to_yaml_list()
    configs, infos = [], []
    for number, (config, splits) in enumerate(facts.splits.items()):
        files = [
            {
                "split": split,
                "path": file_name(config, split).replace("00000-of-00001.parquet", "*"),
            }
            for split in splits
        ]
        configs.append({"config_name": config, "data_files": files})
        if not number:
            configs[0]["default"] = True
        info = {
            "config_name": config,
            "features": features,
            "splits": [
                {"name": split, "num_bytes": size, "num_examples": rows}
                for split, (rows, size) in splits.items()
            ],
        }
        there = [folder / file_name(config, split) for split in splits]
        if all(path.is_file() for path in there):
            info["download_size"] = sum(path.stat().st_size for path in there)
        infos.append({**info, "dataset_size": sum(size for _, size in splits.values())})
    return {"configs": configs, "dataset_info": infos}


def check_given(given: Mapping, facts: Facts) -> None:
    """Raises CardError unless what was given for the files tells of these rows."""
    for key in OF_FILES:
        if not isinstance(given.get(key), list) or not given[key]:
            raise CardError(f"`metadata` must have a list under {key!r}")
    infos = {info.get("config_name"): info for info in given["dataset_info"]}
    names = [config.get("config_name") for config in given["configs"]]
    if set(names) != set(infos):
        raise CardError(
            f"`metadata` has the configs {', '.join(map(str, names))}, and dataset_info of "
            f"{', '.join(map(str, infos))}"
        )
    defaults = [config["config_name"] for config in given["configs"] if config.get("default")]
    if len(names) > 1 and len(defaults) != 1:
        raise CardError(f"`metadata` must have one default config, has {len(defaults)}")
    for name, info in infos.items():
        told = {split["name"]: split["num_examples"] for split in info.get("splits", ())}
        told = {split: number for split, number in told.items() if number}
        holds = {split: rows for split, (rows, _) in facts.splits.get(name, {}).items()}
        if told != holds:
            raise CardError(f"`metadata` says that {name} has {told} rows, the data has {holds}")


def _size(rows: int) -> str:
    return next(name for name, least in reversed(_SIZES) if rows >= least)
