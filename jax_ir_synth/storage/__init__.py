"""Containers of rows: whole files, datasets in any container, and a repository's folder.

`outputs` checks each output before any work; `partials`, `atomic_write` and `destinations` put a
file in its place whole or not at all; `writers` and `saved_folder` write rows, `dataset_reader`
reads them back one by one; `repository` lays out Parquet files with the YAML by which datasets
reads them.

In: rows, paths. Out: rows, files. This room never knows how a row is made or proven.
"""
