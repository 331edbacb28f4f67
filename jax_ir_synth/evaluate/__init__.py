"""Scores the IR that a model wrote by whether it computes the right results.

`evaluate` scores predictions against a dataset, `judge`, `ajudge` and `judge_all` judge single
completions, and `compute` is a metric in the calling convention of the library `evaluate`.
`COLUMNS` are the columns that scoring reads, and `RUNGS` the rungs of a `Judgement` in order.
`prompts` writes the prompts, `extraction` finds the modules in an answer, and `judging` climbs the
ladder of rungs that a completion must pass, in a sandbox (`pool`). `tally`, `estimates` and
`report` sum up.

In: predictions by a row's id, and the rows. Out: a `Judgement` for each completion, and a `Report`.
This package never knows how rows are made, or the command line. Importing it is cheap.
"""

from typing import Any

__all__ = [
    "COLUMNS",
    "RUNGS",
    "Judgement",
    "Report",
    "ajudge",
    "compute",
    "evaluate",
    "judge",
    "judge_all",
]

_HOMES = {"COLUMNS": "dataset", "RUNGS": "judgement", "Judgement": "judgement", "Report": "report"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'functions')}"), name)


def __dir__() -> list[str]:
    # The names are loaded late, so that the module doesn't have them before their first use.
    return sorted({*globals(), *__all__})
