"""A package of the tests' own, and what is harvested of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from toy_package import FUNCTIONS, HOSTILE, MIT, MODELS, SCRIPT, show, write  # noqa: E402

from jax_ir_synth.harvest.journal import Journal  # noqa: E402
from jax_ir_synth.harvest.licenses import PERMISSIVE  # noqa: E402
from jax_ir_synth.harvest.packages import find_package  # noqa: E402
from jax_ir_synth.harvest.run import Options, harvest  # noqa: E402
from jax_ir_synth.runtime.sandbox.resource_limits import Limits  # noqa: E402


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    """The folder with the package, its script and its license."""
    folder = tmp_path_factory.mktemp("toy")
    write(folder, "toyjax/__init__.py", '"""A package."""\n')
    write(folder, "toyjax/functions.py", FUNCTIONS)
    write(folder, "toyjax/models.py", MODELS)
    write(folder, "toyjax/broken.py", "import no_such_module\n")
    write(folder, "toyjax/tests/__init__.py", "")
    write(folder, "script.py", SCRIPT)
    write(folder, "LICENSE", MIT)
    write(folder, "pyproject.toml", "")
    return folder


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write(folder, "hostile.py", HOSTILE)
    write(folder, "LICENSE", MIT)
    return folder / "hostile.py"


@pytest.fixture(scope="session")
def options(toy):
    limits = Limits(20, 4)
    return Options(frozenset(PERMISSIVE), limits, (toy / "script.py",))


@pytest.fixture(scope="session")
def harvested(toy, options):
    """The harvest of the package."""
    with Journal(None) as journal:
        return harvest([find_package(str(toy / "toyjax"))], options, 1, journal, show)
