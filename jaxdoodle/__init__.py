"""Small image classifiers for doodles and digits.

Every gradient is derived by hand, proven against autodiff, trained in compiled epochs and shipped as plain NumPy.
Start reading at ``jaxdoodle/nn/layers/dense.py``. Importing this costs nothing: a name is loaded when it is asked for,
and predicting needs NumPy and Pillow alone.
"""

__version__ = "0.1.0"

#: Public name -> the module that has it. Types for editors and type checkers are in ``__init__.pyi``.
_MODULES = {
    "Dataset": "data",
    "Model": "inference",
    "ModelSpec": "nn",
    "Preprocessing": "preprocessing",
    "TrainConfig": "training",
    "apply": "nn",
    "assert_gradients_match": "gradcheck",
    "check": "gradcheck",
    "evaluate": "training",
    "export": "formats",
    "fit": "training",
    "init": "nn",
    "load_dataset": "data",
    "value_and_grad": "nn",
}
_PACKAGES = (
    "data",
    "formats",
    "gradcheck",
    "inference",
    "metrics",
    "nn",
    "plots",
    "preprocessing",
    "strokes",
    "training",
)

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
