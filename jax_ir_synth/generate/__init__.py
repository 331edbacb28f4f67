"""From a request and a number to a row: the one way in which all rows are made.

`plan` says which candidate each row is: distinct ones, in their splits; `rows` draws, lowers and
proves a planned row; `workers` does so in processes; `defects` says what is left out and why;
`fingerprint` is the key under which the results may be cached.

In: a `Request`. Out: rows in order, the same from any number of workers. This room never knows a
container or a command line.
"""
