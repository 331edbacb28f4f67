"""`python -m jax_ir_synth.levels`."""

import sys

from jax_ir_synth.cli.levels import main

if __name__ == "__main__":
    sys.exit(main())
