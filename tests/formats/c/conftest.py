"""C compilers, and the exported C compiled by them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jaxdoodle import nn
from jaxdoodle.formats.c import writer
from jaxdoodle.inference import Model

CC = shutil.which("cc")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic")
STRICT = ("-std=c99", "-O2", *WARNINGS)
SANITIZED = ("-std=c99", "-O1", *WARNINGS, "-fsanitize=address,undefined", "-fno-sanitize-recover")


def write(model, layers, source):
    writer.write(model, source, layers, name=source.stem)
    writer.write_header(model, source.with_suffix(".h"), layers, name=source.stem)


def compile_c(*arguments, compiler=(CC,)):
    subprocess.run([*compiler, *map(str, arguments)], check=True)


@pytest.fixture(scope="session")
def needs_cc():
    if not CC:
        pytest.skip("needs a C compiler, cc")


@pytest.fixture
def compiled(needs_cc, tmp_path):
    """``(model, layers, flags) -> path`` of the program."""

    def build(model, layers, flags=STRICT):
        write(model, layers, tmp_path / "model.c")
        compile_c(*flags, "-DMAIN", tmp_path / "model.c", "-o", tmp_path / "model")
        return tmp_path / "model"

    return build


@pytest.fixture(scope="session")
def preparing(needs_cc, tmp_path_factory):
    """``(preprocessing, driver) -> path`` of a program of a C driver and a network with that preprocessing."""
    driver = Path(__file__).with_name("driver.c")
    built = {}

    def build(preprocessing):
        if preprocessing not in built:
            folder = tmp_path_factory.mktemp("preparing")
            height, width, _ = preprocessing.image_shape
            spec = nn.ModelSpec((nn.Flatten(), nn.Dense(2)), preprocessing.image_shape, ("a", "b"))
            params = [{}, {"w": [[0, 0]] * (height * width), "b": [0, 0]}]
            write(Model(spec, params, preprocessing).file, None, folder / "model.c")
            compile_c(*SANITIZED, "-I", folder, driver, folder / "model.c", "-o", folder / "driver")
            built[preprocessing] = folder / "driver"
        return built[preprocessing]

    return build
