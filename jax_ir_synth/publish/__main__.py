"""`python -m jax_ir_synth.publish`."""

import sys

from jax_ir_synth.cli.publish import main

if __name__ == "__main__":
    sys.exit(main())
