"""A dataset's repository as a folder: Parquet files, and the YAML by which datasets reads them."""
