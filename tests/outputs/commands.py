"""Every command with the flags that name a file, for tests that hold for all of them."""

from typing import NamedTuple

# In a command's words: where an output stands that has no flag.
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
    """A command that has a parser.

    Attributes:
      words: enough to run it, but for outputs; inputs are `INPUT`.
      outputs: by their flag, or by what their metavar calls them.
      inputs: the names of what it reads, as argparse calls them.
      others: the names of further words that are no files.
    """

    words: tuple
    outputs: dict[str, Output]
    inputs: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


_ROWS = frozenset({"config", "device", "dialect", "target"})
COMMANDS = {
    "jax_ir_synth.cli.generate": Command((), {"--output": Output("o.jsonl")}, others=_ROWS),
    "jax_ir_synth.cli.evaluate": Command(
        ("--predictions", INPUT, "--dataset", INPUT),
        {
            "--json": Output("o.json"),
            "--plot": Output("o.svg"),
            "--judgements": Output("o.jsonl"),
        },
        frozenset({"predictions", "dataset"}),
        frozenset({"config"}),
    ),
    "jax_ir_synth.cli.baselines": Command(
        ("--baseline", "identity", "--dataset", INPUT),
        {"--output": Output("o.jsonl")},
        frozenset({"dataset"}),
        frozenset({"config"}),
    ),
    "jax_ir_synth.cli.levels": Command((PLACE,), {"FILE": Output("o.md")}),
    "jax_ir_synth.cli.samples": Command(
        (INPUT, PLACE), {"FOLDER": Output("o", within="unary.md")}, frozenset({"path"})
    ),
    "jax_ir_synth.cli.stats": Command((INPUT,), {"--json": Output("o.json")}, frozenset({"paths"})),
    "jax_ir_synth.cli.verify": Command(
        (INPUT,), {"--json": Output("o.json")}, frozenset({"path"}), frozenset({"config"})
    ),
    "jax_ir_synth.cli.show": Command(
        (INPUT,), {"--html": Output("o.html")}, frozenset({"what"}), _ROWS
    ),
    "jax_ir_synth.cli.card": Command(
        (INPUT, PLACE, "--seed", "7"),
        {"FOLDER": Output("o", within="README.md")},
        frozenset({"path"}),
        frozenset({"repo"}),
    ),
    "jax_ir_synth.cli.publish": Command(
        ("me/rows", "--from", INPUT, "--seed", "7"),
        {"--dry-run": Output("o", new=True)},
        frozenset({"source"}),
        _ROWS | {"repo"},
    ),
    # Its folder is checked by `scale.pin.settle`, since a run goes on in what is there.
    "jax_ir_synth.cli.scale": Command(
        ("--count", "2"),
        {"--output": Output("o", new=True)},
        frozenset({"check"}),
        _ROWS | {"ray_address", "partition", "time", "qos", "setup"},
    ),
}
