"""Statistics of a dataset, and an audit of its rows.

`figures` collects the statistics row by row, and `tables` prints them. `survey` and `library` count
the functions of the library that the sources use. `profile` collects what two datasets are compared
by, from `pairs` (modules) and `sources`; `against` compares them by their `divergence`, and
`against_tables` prints that. `audit` checks that each row keeps the project's promises.

In: rows, as `schema.row_view.RowView`. Out: plain numbers and strings, tables, faults. This package
never makes, proves or stores a row.
"""
