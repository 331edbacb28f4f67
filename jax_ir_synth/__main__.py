"""`python -m jax_ir_synth`: the same as the console script."""

import sys

from jax_ir_synth.cli import main

if __name__ == "__main__":
    sys.exit(main())
