"""`python -m jax_ir_synth.evaluate`: the command `jax-ir-synth evaluate`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
