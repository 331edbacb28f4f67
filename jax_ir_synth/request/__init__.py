"""A user's request for rows: its values are checked once, then frozen.

`config.Request` holds the category, seed, count, device, dialects and targets, and whether rows are
verified. `categories`, `dialects` and `targets` list the allowed names, and `choices` parses one
name or several. A wrong value raises a ValueError before any work; its message is one line that
gives the value and the allowed ones.

In: the values that a user wrote. Out: a frozen `Request`. This package imports only the standard
library. It knows nothing about jax, datasets, or how a row is made.
"""
