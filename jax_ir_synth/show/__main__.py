"""`python -m jax_ir_synth.show`: the command `jax-ir-synth show`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["show", *sys.argv[1:]]))
