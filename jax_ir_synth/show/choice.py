"""Choose the rows that a page shows: the first ones of each category and split."""

import collections
from collections.abc import Hashable, Iterable


def choose_evenly(groups: Iterable[Hashable], number: int) -> set[int]:
    """Choose items, spread as evenly over their groups as possible.

    The choice is deterministic, because it takes the first items of each group. Where a group has
    fewer items than its share, the other groups get the rest.

    Args:
      groups: The group of each item, in the order of the items.
      number: How many items to choose.

    Returns:
      The positions of the chosen items, at most `number`.
    """
    members: dict[Hashable, list[int]] = collections.defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    # Sort by rank within the group: the k-th item of each group precedes all (k+1)-th ones.
    ranked = sorted(
        (rank, positions[rank]) for positions in members.values() for rank in range(len(positions))
    )
    return {position for _, position in ranked[:number]}
