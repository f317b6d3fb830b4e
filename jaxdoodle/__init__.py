"""Small image classifiers for doodles and digits.

Every gradient is derived by hand, proven against autodiff, trained in compiled epochs and
shipped as plain NumPy. Start reading at ``jaxdoodle/nn/layers/dense.py``.
"""

__version__ = "0.1.0"
