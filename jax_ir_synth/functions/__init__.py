"""Makes rows of functions of one's own.

`cutting` cuts a live function out as one text that stands alone, with the helpers, constants and
classes that it needs. `calls` splits a call into its arrays and what stays, and writes a wrapper
where a function takes more than arrays. `ranges` finds the ranges of arguments. `row` puts the
parts together: it lowers the text, compares its IR with that of the function itself, and proves the
row.

In: a function and its arguments. Out: a row, as every row of this project, whose `type` is `own`.
"""
