"""`python -m jax_ir_synth.show`."""

import sys

from jax_ir_synth.cli.show import main

if __name__ == "__main__":
    sys.exit(main())
