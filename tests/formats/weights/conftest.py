"""A network of one dense layer, and arrays in a file."""

import numpy as np

W, B = np.ones((784, 10), np.float32), np.ones(10, np.float32)


def npz(folder, **arrays):
    np.savez(folder / "w.npz", **arrays)
    return folder / "w.npz"
