"""Storage of rows: files, saved datasets, and the folder of a Hub repository.

`outputs` checks each output before any work. `partials`, `atomic_write` and `destinations` write
files atomically: a file is either complete or absent. `writers` and `saved_folder` write rows, and
`dataset_reader` reads them back one by one. `repository` lays out Parquet files, and describes them
in the YAML that datasets reads.

In: rows and paths. Out: rows and files. This package knows nothing about how a row is made or
proven.
"""
