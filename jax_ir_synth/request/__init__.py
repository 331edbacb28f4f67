"""What is asked for: a request's values, checked once and frozen.

`config.Request` holds the category, seed, count, device, dialects, targets and whether rows are
verified; `categories`, `dialects` and `targets` list what there is to choose from, and `choices`
reads one name or several. A wrong value is a ValueError of one line that names it and what is
allowed, before any work.

In: what a user wrote. Out: a frozen `Request`. This room never knows jax, datasets, or how a row
is made; it imports nothing but the standard library.
"""
