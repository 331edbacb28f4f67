"""Which rows of many a page shows: some of each category and split, the first of each."""

import collections
from collections.abc import Hashable, Iterable


def choose_evenly(groups: Iterable[Hashable], number: int) -> set[int]:
    """The positions of at most `number` items, as evenly over their groups as can be.

    Args:
      groups: the group that each item belongs to, in the items' order.
      number: how many to choose; groups that have fewer than their share leave it to the others.

    Of each group the first items are chosen, so the same items always give the same choice.
    """
    members: dict[Hashable, list[int]] = collections.defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    # The k-th of every group before the k+1-th of any.
    ranked = sorted(
        (rank, positions[rank]) for positions in members.values() for rank in range(len(positions))
    )
    return {position for _, position in ranked[:number]}
