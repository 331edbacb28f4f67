"""Ids and counts of rows, which depend on how many categories there are: no test assumes that."""

from jax_ir_synth.request.categories import CATEGORIES

# A count that gives each category three rows.
THREE_EACH = 3 * len(CATEGORIES)


def row_id(category: str, index: int = 0) -> int:
    """The id of row number `index` of a category, which is its number in the order of `all`."""
    return index * len(CATEGORIES) + CATEGORIES.index(category)
