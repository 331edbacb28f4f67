"""`python -m jax_ir_synth.scale`."""

import sys

from jax_ir_synth.cli.scale import main

if __name__ == "__main__":
    sys.exit(main())
