"""What a row is: its columns, and what can be read off one without running anything.

`columns` holds the Arrow schema; `row_view` reads a row's parts once; `ir_section` takes an IR
column apart into dialects and passes; `identity` hashes a program, `splits` turns its skeleton's
hash into a split; `masking` removes names and numbers, `source_facts` reads the Python's syntax
tree, `verification` lists what the column `verified` can say.

In: a row, as a mapping. Out: its parts, typed. This room never knows jax, MLIR, or how a row is
made, proven or stored.
"""
