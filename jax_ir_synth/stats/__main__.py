"""`python -m jax_ir_synth.stats`."""

import sys

from jax_ir_synth.cli.stats import main

if __name__ == "__main__":
    sys.exit(main())
