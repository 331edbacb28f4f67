"""`python -m jax_ir_synth.scale`: the command `jax-ir-synth scale`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["scale", *sys.argv[1:]]))
