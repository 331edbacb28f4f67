"""`python -m jax_ir_synth.card`: the command `jax-ir-synth card`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["card", *sys.argv[1:]]))
