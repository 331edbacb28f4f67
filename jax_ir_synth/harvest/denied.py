"""The names of functions and modules that are never called: they do something else than compute."""

import re

# A part of a name, between underscores.
_DENIED_PARTS = frozenset(
    """
    save load dump plot main upload download print write writer logger logging checkpoint restore
    render animate visualize benchmark test tests assert callback exit quit open close delete remove
    spawn install serve server daemon kill fork exec repr str pprint display show file files path
    paths dataset datasets wandb tensorboard video gif gui cli argparse parser
    """.split()
)
_MODULE = re.compile(
    r"(^|\.)(_?tests?|testing|test_\w*|\w*_tests?|conftest|benchmarks?|examples?|experiments?|demos?"
    r"|tutorials?|docs?|notebooks?|scripts?|cli|__main__|plot\w*|visuali\w*|viz|viewers?|render\w*"
    r"|datasets?|\w*tensorboard\w*|\w*_pb2|setup|tf|torch|pallas|mujoco|mjx)(\.|$)"
)


def is_denied_function(name: str) -> bool:
    """Whether a function's name says that it saves, plots, tests or the like."""
    if name.startswith("__") and name.endswith("__"):
        return name != "__call__"
    return not _DENIED_PARTS.isdisjoint(name.strip("_").lower().split("_"))


def is_denied_module(name: str) -> bool:
    """Whether a module's name, without that of its package, says that it is no part of a library.

    Tests, examples, plots, data sets and commands are none, and neither are kernels for one device.
    """
    return _MODULE.search(name) is not None
