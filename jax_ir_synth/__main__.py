"""`python -m jax_ir_synth`: the same as the console script."""

import sys

if not __package__:
    # As a folder or a file: the package's own folder would come before all others.
    sys.exit("jax_ir_synth is a package: run python -m jax_ir_synth in the folder above it")

from jax_ir_synth.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
