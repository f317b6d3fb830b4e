"""Names for the types of arguments. Arrays are resolved by type checkers alone: nothing here imports NumPy or JAX.

Shapes, dtypes and ranges stand in the docstrings: ``Array`` is a JAX array, ``NDArray[np.float32]`` one of NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jax import Array
    from numpy.typing import NDArray
else:
    Array = Any

    class NDArray:
        """Stands in for NumPy's while the program runs."""

        def __class_getitem__(cls, dtype: Any) -> type:
            return cls


__all__ = ["Array", "NDArray", "Params", "PyTree", "Residuals", "Shape"]

#: Sizes of the axes, without the batch unless said otherwise.
Shape = tuple[int, ...]
#: Nested tuples, lists and dicts with arrays as leaves.
PyTree = Any
#: The parameters of one layer by name; ``{}`` where there is nothing to learn.
Params = dict[str, "Array"]
#: What ``forward`` keeps for ``backward``: a PyTree of arrays.
Residuals = Any
