"""Helper modules of the tests of scoring, and of the verifier's, importable by name."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent / "verify")]
