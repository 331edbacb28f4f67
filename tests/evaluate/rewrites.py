"""Rewrites of a right answer: other texts that compute the same."""

import rewrites_by_identities
import rewrites_by_jax
import rewrites_of_arrays
import rewrites_of_operations
import rewrites_of_structure
import rewrites_of_text

REWRITES = [
    *rewrites_of_text.REWRITES,
    *rewrites_of_operations.REWRITES,
    *rewrites_of_arrays.REWRITES,
    *rewrites_by_identities.REWRITES,
    *rewrites_of_structure.REWRITES,
    *rewrites_by_jax.REWRITES,
]
