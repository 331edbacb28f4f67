"""`python -m jax_ir_synth.publish`: the command `jax-ir-synth publish`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["publish", *sys.argv[1:]]))
