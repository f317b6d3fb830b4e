import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from jaxdoodle import plots
from tests.fixtures.pages import figures_of

MODULES = sorted(path.stem for path in Path(plots.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", plots.__all__)
def test_every_name_is_found_and_documented(name):
    assert "Args:" in getattr(plots, name).__doc__
    assert name in dir(plots)


@pytest.mark.parametrize("module", MODULES)
def test_every_figure_of_a_module_is_public(module):
    assert {figure.__name__ for figure in figures_of(import_module(f"jaxdoodle.plots.{module}"))} <= set(plots.__all__)


def test_no_public_name_is_that_of_a_module():
    assert not set(plots.__all__) & set(MODULES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'jaxdoodle.plots' has no attribute 'pie_chart'"):
        plots.__getattr__("pie_chart")


def test_figures_of_data_need_neither_jax_nor_matplotlib_to_be_imported():
    code = """
import sys
sys.modules.update(jax=None, matplotlib=None)
from jaxdoodle.plots import confusion_matrix, contact_sheet, loss_curve, model_diagram, sample_grid, write_gif
"""
    subprocess.run([sys.executable, "-c", code], check=True)
