"""Parse the name of a dataset: a path, a dataset on the Hub, or rows to generate.

An existing path takes precedence over a config, and a config over the Hub.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.request.config import ALL, CONFIGS, Request
from jax_ir_synth.storage.dataset_reader import DatasetError, DatasetReader, open_hub, open_saved

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_MADE = re.compile(r"(?P<config>\w+)(?::(?P<settings>.*))?", re.DOTALL)
_SETTINGS = ("seed", "count")
_DOTS = (".", "..")
_EXAMPLE = f"{ALL}:seed=7,count=1500"


class Made(NamedTuple):
    """Rows to generate.

    Attributes:
      config: One of `CONFIGS`.
      settings: The values of `seed` and `count` in the name.
    """

    config: str
    settings: dict[str, int]

    def request(self, **others: Any) -> Request:
        """Make a request for the rows, with other arguments. Raises UsageError."""
        return Request(self.config, **{**self.settings, **others})


class Saved(NamedTuple):
    """A saved dataset. `open_saved` accepts it in place of a path.

    Attributes:
      name: The path of a file or folder, or `user/name` on the Hub.
      config: The config of the dataset on the Hub or in the folder. None for the default.
    """

    name: str
    config: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def is_on_hub(self) -> bool:
        """Whether the name is that of a dataset on the Hub, not a path."""
        path = Path(self.name)
        if path.exists() or path.suffix or not _HUB.fullmatch(self.name):
            return False
        user, _, name = self.name.partition("/")
        # `./rows` and, where there is a folder `data`, `data/rows` are mistyped paths. The network
        # must not be asked for them.
        return user not in _DOTS and name not in _DOTS and not Path(user).is_dir()

    def open(self) -> DatasetReader:
        """Open the dataset. Raises DatasetError."""
        if self.is_on_hub:
            return open_hub(self.name, self.config or ALL)
        return open_saved(Path(self.name), self.config)


def parse(name: str, config: str | None = None, flag: str = "DATASET") -> Made | Saved:
    """Parse a name. Nothing is opened.

    Args:
      name: A path, `user/name`, or a config of ours, alone or as `all:seed=7,count=1500`.
      config: The config of a dataset on the Hub or in a folder.
      flag: The flag or argument that holds the name, for error messages.

    Raises:
      DatasetError: The settings are wrong, or `config` is given with rows to generate. The message
        is one line.
    """
    match = None if Path(name).exists() else _MADE.fullmatch(name)
    if match is None or match["config"] not in CONFIGS:
        return Saved(name, config)
    if config is not None:
        raise DatasetError(f"`--config` is for a Hub dataset (user/name), not for {name}")
    settings: dict[str, int] = {}
    for setting in match["settings"].split(",") if match["settings"] is not None else ():
        key, equals, value = setting.partition("=")
        if equals and key not in _SETTINGS:
            raise DatasetError(
                f"`{flag}` (={name}) has no setting `{key}`; there are {' and '.join(_SETTINGS)}, "
                f"as in {_EXAMPLE}"
            )
        if key in _SETTINGS and equals and not re.fullmatch(r"[0-9]+", value):
            raise DatasetError(
                f"`{flag}` (={name}): `{key}` (={value}) must be an integer, as in {_EXAMPLE}"
            )
        if not equals:
            raise DatasetError(f"`{flag}` (={name}) must be like {_EXAMPLE}")
        if key in settings:
            raise DatasetError(f"`{flag}` (={name}) gives the {key} twice")
        settings[key] = int(value)
    return Made(match["config"], settings)
