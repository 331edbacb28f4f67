"""`python -m jax_ir_synth.levels`: the command `jax-ir-synth levels`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["levels", *sys.argv[1:]]))
