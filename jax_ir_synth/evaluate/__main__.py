"""`python -m jax_ir_synth.evaluate`."""

import sys

from jax_ir_synth.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
