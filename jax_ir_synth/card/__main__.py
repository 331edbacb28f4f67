"""`python -m jax_ir_synth.card`."""

import sys

from jax_ir_synth.cli.card import main

if __name__ == "__main__":
    sys.exit(main())
