import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.formats import quantize, reference_examples
from jaxdoodle.formats.c import writer
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.inference.model import Model

CC = shutil.which("cc")
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZED = (*STRICT[:1], "-O1", *STRICT[2:], "-fsanitize=address,undefined", "-fno-sanitize-recover")

needs_cc = pytest.mark.skipif(not CC, reason="needs a C compiler, cc")


def compiled(model, layers, folder, flags=STRICT):
    writer.write(model, folder / "model.c", layers)
    subprocess.run([CC, *flags, folder / "model.c", "-o", folder / "model"], check=True)
    return folder / "model"


def pgm(images):
    """One raw PGM after the other, as the format allows."""
    n, height, width, _ = images.shape
    return b"".join(b"P5\n# ink\n%d %d\n255\n" % (width, height) + image.tobytes() for image in images)


def logits_of(program, images):
    done = subprocess.run([program, "--logits"], input=pgm(images), capture_output=True, check=True)
    return np.array([line.split() for line in done.stdout.splitlines()], np.float64)


@needs_cc
def test_the_program_computes_what_numpy_computes(model, images, logits, tmp_path):
    program = compiled(model, fold_for_inference(model), tmp_path)
    np.testing.assert_allclose(logits_of(program, images), logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits_of(program, model.golden_inputs), model.golden_logits, rtol=0, atol=1e-4)

    numpy_model = Model.from_file(model)
    lines = subprocess.run([program], input=pgm(images), capture_output=True, check=True).stdout.decode().splitlines()
    assert len(lines) == len(images)
    for line, p, doubt in zip(lines, numpy_model.probabilities(logits), numpy_model.abstains(logits), strict=True):
        label = model.spec.classes[p.argmax()]
        assert line.startswith(f"{label} ")
        assert float(line.removeprefix(label).split("%")[0]) == pytest.approx(100 * p.max(), abs=0.06)
        assert line.endswith("(unknown)") == doubt


@needs_cc
def test_each_example_of_a_built_in_layer_is_computed_or_refused_by_name(example, images_for, carried):
    if path := carried(".c"):
        subprocess.run([CC, *STRICT, path, "-o", path.with_suffix("")], check=True)
        images = images_for(example, 5)
        found = logits_of(path.with_suffix(""), images)
        np.testing.assert_allclose(found, Model.from_file(example).logits(images), rtol=0, atol=1e-4)


@needs_cc
def test_int8_computes_what_the_quantized_layers_compute(model, images, tmp_path):
    """Under the sanitizers: no index leaves its array, no sum overflows."""
    layers = quantize.int8_layers(model, images)
    expected = quantize.logits(model, layers, images)
    found = logits_of(compiled(model, layers, tmp_path, SANITIZED), images)
    # An input that lies between two levels may go to either; what that changes is small.
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()
    assert np.median(np.abs(found - expected)) <= 0.002 * np.abs(expected).max()


@needs_cc
@pytest.mark.parametrize("flags", [SANITIZED, ("-O2", "-Wall", "-Wextra", "-Werror")], ids=["sanitized", "plain"])
def test_float32_compiles_and_runs_so_too(flags, every_layer, images_for, tmp_path):
    images = images_for(every_layer, 5)
    found = logits_of(compiled(every_layer, fold_for_inference(every_layer), tmp_path, flags), images)
    np.testing.assert_allclose(found, Model.from_file(every_layer).logits(images), rtol=0, atol=1e-4)


@needs_cc
def test_int8_compiles_without_a_warning(every_layer, images_for, tmp_path):
    compiled(every_layer, quantize.int8_layers(every_layer, images_for(every_layer, 5)), tmp_path)


@needs_cc
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_program_reproduces_its_reference_examples(model, images, int8, tmp_path):
    layers = quantize.int8_layers(model, images) if int8 else fold_for_inference(model)
    program = compiled(model, layers, tmp_path)
    done = subprocess.run([program, "--self-test"], capture_output=True, text=True)
    outputs = reference_examples.COUNT * len(model.spec.classes)
    assert (done.returncode, done.stdout) == (0, f"0 wrong of {outputs} outputs: in order\n")


@needs_cc
def test_the_file_of_the_c_functions_compiles_by_itself(tmp_path):
    flags = (*STRICT, "-Wno-unused-function")
    subprocess.run([CC, *flags, "-c", writer.KERNELS, "-o", tmp_path / "kernels.o"], check=True)


@needs_cc
def test_the_metadata_neither_end_their_comment_nor_begin_another(digits, tmp_path):
    compiled(replace(digits, provenance={"note": "/* half a comment */ // "}), fold_for_inference(digits), tmp_path)


@needs_cc
def test_a_program_that_computes_something_else_says_so(digits, tmp_path):
    writer.write(digits, tmp_path / "model.c")
    source = (tmp_path / "model.c").read_text()
    assert source.count("work->a[i] = (float)image[i] / 255.0f;") == 1
    (tmp_path / "model.c").write_text(source.replace("image[i] / 255.0f", "image[i] / 254.0f"))
    subprocess.run([CC, *STRICT, tmp_path / "model.c", "-o", tmp_path / "model"], check=True)
    done = subprocess.run([tmp_path / "model", "--self-test"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout.endswith(f"of {reference_examples.COUNT * 10} outputs are wrong\n")


HEADER = b"P5 10 12 255\n"
MALFORMED = {
    "another format": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "colors": b"P6 10 12 255\n" + bytes(360),
    "another size": b"P5 12 10 255\n" + bytes(120),
    "a huge size": b"P5 99999999999999999999 12 255\n" + bytes(120),
    "two bytes a pixel": b"P5 10 12 65535\n" + bytes(240),
    "a short image": HEADER + bytes(119),
    "no numbers": b"P5 ten 12 255\n" + bytes(120),
    "a header only": b"P5 10 12",
    "a letter among plain numbers": b"P2 10 12 255\n" + b"0 " * 60 + b"x " + b"0 " * 59,
    "a plain number too large": b"P2 10 12 255\n" + b"0 " * 60 + b"256 " + b"0 " * 59,
    "something after the image": HEADER + bytes(120) + b"?",
}


@needs_cc
def test_what_is_no_such_image_is_refused_by_name(every_layer, tmp_path):
    program = compiled(every_layer, fold_for_inference(every_layer), tmp_path, SANITIZED)
    for name, content in MALFORMED.items():
        (tmp_path / "image.pgm").write_bytes(content)
        done = subprocess.run([program, tmp_path / "image.pgm"], capture_output=True, text=True)
        assert done.returncode == 2, (name, done)
        assert done.stderr.startswith(f"{tmp_path / 'image.pgm'}: not a PGM image of 10 x 12 pixels"), name
        assert done.stderr.count("\n") == 1, name
    done = subprocess.run([program, tmp_path / "absent.pgm"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"{tmp_path / 'absent.pgm'}: ")
    assert subprocess.run([program], input=b"", capture_output=True).returncode == 0


@needs_cc
def test_plain_and_raw_files_are_read_alike(every_layer, images_for, tmp_path):
    program = compiled(every_layer, fold_for_inference(every_layer), tmp_path)
    image = images_for(every_layer, 2)[1:]
    (tmp_path / "raw.pgm").write_bytes(pgm(image))
    numbers = "\n".join(map(str, image.ravel()))
    (tmp_path / "plain.pgm").write_text(f"P2\n# made by hand\n10 12\n#\n255\n{numbers}\n")
    names = [tmp_path / "raw.pgm", tmp_path / "plain.pgm"]
    raw, plain = subprocess.run([program, "--logits", *names], capture_output=True, check=True).stdout.splitlines()
    assert raw == plain


@needs_cc
def test_it_is_a_library_without_its_main(every_layer, tmp_path):
    writer.write(every_layer, tmp_path / "model.c", fold_for_inference(every_layer))
    subprocess.run([CC, *STRICT, "-DNO_MAIN", "-c", tmp_path / "model.c", "-o", tmp_path / "model.o"], check=True)
    undefined = subprocess.run(["nm", "-u", tmp_path / "model.o"], capture_output=True, text=True, check=True).stdout
    allowed = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    assert set(undefined.split()) - {"U"} <= allowed
