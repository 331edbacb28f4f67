"""`python -m jax_ir_synth.samples`: the command `jax-ir-synth samples`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["samples", *sys.argv[1:]]))
