"""The schema of a row, and everything that can be read from a row without running it.

`columns` defines the Arrow schema. `row_view` parses a row and caches the results. `ir_section`
writes and parses the text of an IR column. `identity` hashes a program, and `splits` maps the hash
of its skeleton to a split. `masking` removes names and numbers from a program, `source_facts`
parses the Python source, and `verification` lists the values of the column `verified`.
`read_result` is what a reader of a saved dataset returns for each row.

In: a row, as a mapping. Out: its parts, typed. This package knows nothing about jax or MLIR, or how
a row is made, proven or stored.
"""
