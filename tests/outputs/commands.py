"""Every command with the flags that name a file, for tests that hold for all of them."""

from typing import NamedTuple

# In a command's words: the place of an output that has no flag.
PLACE = object()
INPUT, FOLDER = "in.jsonl", "in"


class Output(NamedTuple):
    """An output of a command.

    Attributes:
      example: a name that it takes.
      within: a file that it writes there, if it is a folder for several.
      new: whether it is a folder that must be new.
    """

    example: str
    within: str | None = None
    new: bool = False


class Command(NamedTuple):
    """A command of the application.

    Attributes:
      words: enough to run it, but for outputs; inputs are `INPUT`.
      outputs: by their flag.
      inputs: the names of the parameters that name what it reads.
      others: the names of further parameters that take a text, and name no file.
    """

    words: tuple
    outputs: dict[str, Output]
    inputs: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


_ROWS = frozenset({"config", "device", "dialect", "target", "passes"})
_CONFIG = frozenset({"config"})
COMMANDS = {
    "generate": Command((), {"--output": Output("o.jsonl")}, others=_ROWS),
    "evaluate": Command(
        (INPUT, "--predictions", INPUT),
        {
            "--json": Output("o.json"),
            "--plot": Output("o.svg"),
            "--judgements": Output("o.jsonl"),
        },
        frozenset({"predictions", "dataset", "old_dataset"}),
        _CONFIG,
    ),
    "baselines": Command(
        (INPUT, "--baseline", "identity"),
        {"--output": Output("o.jsonl")},
        frozenset({"dataset", "old_dataset"}),
        _CONFIG,
    ),
    "prompts": Command((INPUT,), {"--output": Output("o.jsonl")}, frozenset({"dataset"}), _CONFIG),
    "lower": Command(
        ("in.py:f", "f32"),
        {"--output": Output("o.mlir")},
        frozenset({"function"}),
        frozenset({"shapes", "named", "dialect", "target", "name", "passes"}),
    ),
    "harvest": Command(
        ("math",),
        {
            "--output": Output("o.jsonl"),
            "--json": Output("o.json"),
            "--lock": Output("o.lock"),
        },
        frozenset({"packages", "scripts", "against"}),
        frozenset({"config", "licenses"}),
    ),
    "levels": Command((), {"--output": Output("o.md")}),
    "samples": Command(
        (INPUT,), {"--output": Output("o", within="unary.md")}, frozenset({"dataset"}), _CONFIG
    ),
    "stats": Command(
        (INPUT, "--against", INPUT),
        {"--json": Output("o.json"), "--plot": Output("o.svg")},
        frozenset({"datasets", "against"}),
        _CONFIG,
    ),
    "verify": Command(
        (INPUT,), {"--json": Output("o.json")}, frozenset({"dataset"}), _CONFIG | {"executor"}
    ),
    "show": Command(
        (INPUT,), {"--html": Output("o.html")}, frozenset({"dataset"}), _ROWS | {"which"}
    ),
    "card": Command(
        (INPUT, "--seed", "7"),
        {"--output": Output("o", within="README.md")},
        frozenset({"dataset"}),
        frozenset({"repo", "config"}),
    ),
    "publish": Command(
        ("me/rows", "--from", INPUT, "--seed", "7"),
        {"--dry-run": Output("o", new=True)},
        frozenset({"source"}),
        _ROWS | {"repo"},
    ),
    # Its folder is checked by `run_manifest.settle`, since a run goes on in what is there.
    "scale": Command(
        ("--count", "2"),
        {"--output": Output("o", new=True)},
        frozenset({"check"}),
        _ROWS | {"ray_address", "partition", "time", "qos", "setup"},
    ),
}
# Where an output has no flag in the words of before.
POSITIONAL = {
    "levels": (PLACE,),
    "samples": (INPUT, PLACE),
    "card": (INPUT, PLACE, "--seed", "7"),
}
