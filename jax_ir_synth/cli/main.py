"""The entry point of `jax-ir-synth`, of `python -m jax_ir_synth` and of each package's `-m`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
      arguments: the words after the program's name; by default those of this process.

    Returns:
      The exit code, see `exit_codes`.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # Imported here, so that Ctrl-C during the import also gives one line.
        from jax_ir_synth.cli.application import application, complete
        from jax_ir_synth.cli.exit_codes import run

        code = complete()
        return run(application, words) if code is None else code
    except KeyboardInterrupt:
        print("jax-ir-synth: interrupted", file=sys.stderr)
        return 130
