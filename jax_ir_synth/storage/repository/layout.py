"""The paths of the files in a repository, and which files there we may replace."""

import re

from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.splits import SPLITS

README = "README.md"
PICTURES = "pictures"
# The config, and its folder, that `push_to_hub` writes if no name is given.
DEFAULT, DEFAULT_FOLDER = "default", "data"
# A card with this tag is a card of this dataset.
TAG = "jax_ir_synth"

# The names that `push_to_hub` gives, so that pushing a subset that way replaces the same files.
_FOLDERS = (*CONFIGS, *COLLECTED, DEFAULT_FOLDER)
_DATA = re.compile(rf"({'|'.join(_FOLDERS)})/({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet")
_PICTURE = re.compile(rf"{PICTURES}/[\w.-]+\.(svg|png)")


def data_path(config: str, split: str, number: int, total: int) -> str:
    """Name a file of a split.

    Args:
      config: The subset.
      split: One of SPLITS.
      number: The number of the file, from 0.
      total: How many files the split has.

    Returns:
      The path in the repository.
    """
    return f"{config}/{split}-{number:05d}-of-{total:05d}.parquet"


def data_pattern(config: str, split: str) -> str:
    """Make the pattern of a split's files for the card, as `push_to_hub` does.

    Args:
      config: The subset.
      split: One of SPLITS.
    """
    return f"{config}/{split}-*"


def is_ours(path: str) -> bool:
    """Check whether a push may replace a file, or remove it if it holds no rows any more.

    Args:
      path: The path of a file in the repository.
    """
    return path == README or bool(_DATA.fullmatch(path) or _PICTURE.fullmatch(path))
