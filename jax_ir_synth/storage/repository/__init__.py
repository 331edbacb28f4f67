"""The folder of a dataset's repository: Parquet files, and the YAML that describes them."""
