"""Scores the IR that a model wrote: does it compute the right thing?

`evaluate` scores predictions against a dataset, `judge` and `judge_all` single completions, and
`compute` is a metric in the calling convention of the package `evaluate`. The import is light.
"""

from typing import Any

__all__ = ["Judgement", "Report", "compute", "evaluate", "judge", "judge_all"]

_HOMES = {"Judgement": "judgement", "Report": "report"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'functions')}"), name)
