"""Datasets: labeled drawings in a train, a validation and a test split. Needs NumPy and Pillow, not JAX."""

from jaxdoodle.data.catalog import NAMES, DatasetStatus, FileStatus, data_root, list_datasets, load_dataset, verify
from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.data.synthetic import generate_doodles

__all__ = ["NAMES", "Dataset", "DatasetStatus", "FileStatus", "Splits"]
__all__ += ["data_root", "generate_doodles", "list_datasets", "load_dataset", "verify"]
