"""`python -m jax_ir_synth.samples`."""

import sys

from jax_ir_synth.cli.samples import main

if __name__ == "__main__":
    sys.exit(main())
