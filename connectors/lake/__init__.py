"""The lake: Parquet files by topic and day."""
