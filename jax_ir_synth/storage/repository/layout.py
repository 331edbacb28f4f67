"""Where each file is in a repository, and which of the files there are ours to replace."""

import re

from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.splits import SPLITS

README = "README.md"
PICTURES = "pictures"
# datasets' own name for the config that a `push_to_hub` without a name writes, and its folder.
DEFAULT, DEFAULT_FOLDER = "default", "data"
# Among the card's tags: a card with it is one of this dataset.
TAG = "jax_ir_synth"

# As `push_to_hub` names them: pushing a subset that way replaces the same files.
_DATA = re.compile(
    rf"({'|'.join((*CONFIGS, DEFAULT_FOLDER))})/({'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet"
)
_PICTURE = re.compile(rf"{PICTURES}/[\w.-]+\.(svg|png)")


def data_path(config: str, split: str, number: int, total: int) -> str:
    """The path of one of a split's `total` files, counted from 0."""
    return f"{config}/{split}-{number:05d}-of-{total:05d}.parquet"


def data_pattern(config: str, split: str) -> str:
    """What the card says of a split's files, as `push_to_hub` would."""
    return f"{config}/{split}-*"


def is_ours(path: str) -> bool:
    """Whether a push replaces the file, and removes it where it is no part of the rows any more."""
    return path == README or bool(_DATA.fullmatch(path) or _PICTURE.fullmatch(path))
