"""Datasets in tables: CSV, NumPy arrays, parquet, MATLAB."""
