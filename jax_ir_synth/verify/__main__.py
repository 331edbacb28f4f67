"""`python -m jax_ir_synth.verify`."""

import sys

from jax_ir_synth.cli.verify import main

if __name__ == "__main__":
    sys.exit(main())
