"""Replaces operations that XLA runs, and StableHLO's interpreter lacks, by others of StableHLO.

`expand` replaces them in a module. A table of the other files has a function for each operation
that is replaced. That function is called where the new operations go, just before the old one. It
returns the values that replace the old one's results.
"""
