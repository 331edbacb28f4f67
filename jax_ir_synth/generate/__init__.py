"""Makes rows from a request and their numbers. All rows are made here.

`plan` assigns a distinct candidate to each row, and a split. `rows` draws, lowers and proves a
planned row, and `workers` does so in other processes. `defects` describes what is left out, and
why. `fingerprint` computes the key under which rows may be cached.

In: a `Request`. Out: rows in order, the same from any number of workers. This package never knows a
container or a command line.
"""
