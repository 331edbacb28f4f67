"""Surroundings of every test: a Hugging Face home of its own, and no network."""

import os
import tempfile

# Before datasets is imported anywhere: it reads these once.
_HOME = tempfile.TemporaryDirectory(prefix="jax_ir_synth_tests_")
os.environ["HF_HOME"] = _HOME.name
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_addoption(parser):
    parser.addoption("--record-goldens", action="store_true", help="write the recorded rows anew")


def pytest_unconfigure():
    _HOME.cleanup()
