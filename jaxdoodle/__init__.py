"""Small image classifiers for doodles and digits.

Every gradient is derived by hand, proven against autodiff, trained in compiled epochs and shipped as plain NumPy.
Start reading at ``jaxdoodle/nn/layers/dense.py``. Importing this costs nothing: a name is loaded when it is asked for,
and predicting needs NumPy and Pillow alone.
"""

__version__ = "0.1.0"

#: Public module -> its names that are public here. Types for editors and type checkers are in ``__init__.pyi``.
_PACKAGES = {
    "data": "Dataset load_dataset",
    "formats": "export",
    "gradcheck": "assert_gradients_match check",
    "inference": "Model",
    "metrics": "",
    "nn": "ModelSpec apply init value_and_grad",
    "plots": "",
    "preprocessing": "Preprocessing",
    "strokes": "",
    "training": "TrainConfig evaluate fit",
}
_MODULES = {name: module for module, names in _PACKAGES.items() for name in names.split()}

__all__ = [*_MODULES, *_PACKAGES, "__version__"]


def __getattr__(name):
    from importlib import import_module

    if name in _PACKAGES:
        return import_module(f"jaxdoodle.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'jaxdoodle' has no attribute {name!r}")
    try:
        return getattr(import_module(f"jaxdoodle.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        from jaxdoodle.core.errors import install_hint

        hint = f"jaxdoodle.{name} needs {error.name}; {install_hint('train')}."
        raise ModuleNotFoundError(hint, name=error.name) from None


def __dir__():
    return sorted(__all__)
