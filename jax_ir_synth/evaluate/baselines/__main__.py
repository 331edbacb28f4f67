"""`python -m jax_ir_synth.evaluate.baselines`."""

import sys

from jax_ir_synth.cli.baselines import main

if __name__ == "__main__":
    sys.exit(main())
