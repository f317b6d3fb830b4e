"""Datasets: labelled drawings on a training, a validation and a test side. NumPy only."""

from jaxdoodle.data.catalog import NAMES, data_root, load_dataset
from jaxdoodle.data.catalogue import Check, Entry, list_datasets, verify
from jaxdoodle.data.dataset import Dataset, Splits

__all__ = ["NAMES", "Check", "Dataset", "Entry", "Splits", "data_root", "list_datasets", "load_dataset", "verify"]
