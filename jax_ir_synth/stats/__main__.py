"""`python -m jax_ir_synth.stats`: the command `jax-ir-synth stats`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["stats", *sys.argv[1:]]))
