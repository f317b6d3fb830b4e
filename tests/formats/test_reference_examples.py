from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.formats.reference_examples import examples_of
from jaxdoodle.inference import model_file
from tests.formats.conftest import SPECS, build


@pytest.mark.parametrize("size", [1e-3, 0.5, 7.0])
def test_an_exported_program_is_allowed_as_much_as_a_reader_of_the_file(size, digits):
    """The outputs may be off by a ten-thousandth of the largest, or of 1 where all are smaller."""
    scale = np.float32(size / np.abs(digits.golden_logits[0]).max())
    *others, last = digits.params
    sized = replace(
        digits,
        params=[*others, {name: value * scale for name, value in last.items()}],
        golden_inputs=digits.golden_inputs[:1],
        golden_logits=digits.golden_logits[:1] * scale,
    )
    allowed = examples_of(sized, fold_for_inference(sized)).allowed
    assert allowed == pytest.approx(1e-4 * max(1, size))

    def off_by(part):
        return replace(sized, golden_logits=sized.golden_logits + np.float32(part * allowed))

    model_file.decode(model_file.encode(off_by(0.9)))
    with pytest.raises(InputError, match="the golden logits do not come out"):
        model_file.encode(off_by(1.1))


def test_the_examples_of_a_model_in_int8_have_the_logits_of_its_rounded_layers():
    model = build(SPECS["pool after flat pixels"])
    layers = quantize.int8_layers(model, model.golden_inputs)
    found = examples_of(model, layers)
    np.testing.assert_array_equal(found.logits, quantize.logits(model, layers, found.images))
    assert not np.array_equal(found.logits, model.golden_logits[: len(found.logits)])
