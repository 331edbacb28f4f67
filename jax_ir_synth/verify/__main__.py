"""`python -m jax_ir_synth.verify`: the command `jax-ir-synth verify`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["verify", *sys.argv[1:]]))
