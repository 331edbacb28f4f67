"""The rule "no degenerate rows", checked on what a row's IR computes."""

import numpy as np
from execution import random_inputs, run


def defects(avals: list[dict], forward: str, backward: str, seed: int = 0) -> list[str]:
    """What is degenerate about a program: nothing, for every row of this project.

    On inputs from the ranges in `in_avals` forward and gradient are finite, each output varies and
    leaves ±0.01, a change of any argument changes an output, and no gradient is all zeros.
    """
    found = []
    first, second = (random_inputs(avals, seed + k) for k in (1, 2))
    one, two = run(forward, first), run(forward, second)
    for k, (a, b) in enumerate(zip(one, two)):
        both = np.concatenate([a.ravel(), b.ravel()])
        if not np.isfinite(both).all():
            found.append(f"output {k} is not finite")
            continue
        if np.abs(both).max() <= 0.01:
            found.append(f"output {k} is confined to ±0.01")
        if np.ptp(both) <= 1e-3 * np.abs(both).max():
            found.append(f"output {k} is nearly constant")
    for i, aval in enumerate(avals):
        if not _matters(forward, avals, first, one, i, seed):
            found.append(f"no output depends on argument {aval['name']}")
    gradients = [run(backward, x) for x in (first, second)]
    for k, (a, b) in enumerate(zip(*gradients)):
        both = np.concatenate([a.ravel(), b.ravel()])
        if not np.isfinite(both).all():
            found.append(f"gradient {k} is not finite")
        elif np.abs(both).max() <= 1e-6:
            found.append(f"gradient {k} is zero")
    return found


def _matters(forward: str, avals, inputs, outputs, i: int, seed: int) -> bool:
    """Does some other value of argument `i` change an output? A flag may take several draws to flip."""
    for k in range(12):
        other = random_inputs(avals, seed + 100 + k)[i]
        if np.array_equal(other, inputs[i]):
            continue
        changed = run(forward, [other if j == i else x for j, x in enumerate(inputs)])
        if any(not np.array_equal(a, b) for a, b in zip(outputs, changed)):
            return True
    return False
