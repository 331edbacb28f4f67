"""`python -m jax_ir_synth.evaluate.baselines`: the command `jax-ir-synth baselines`."""

import sys

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["baselines", *sys.argv[1:]]))
