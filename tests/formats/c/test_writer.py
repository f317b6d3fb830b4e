import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import quantize, reference_examples
from jaxdoodle.formats.c import writer
from jaxdoodle.formats.c.calls import number
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.inference.model import Model
from jaxdoodle.preprocessing.config import Preprocessing
from tests.formats.c.conftest import SANITIZED, STRICT, WARNINGS, compile_c, write

pytestmark = pytest.mark.usefixtures("needs_cc")


def pgm(images):
    """One raw PGM after the other, as the format allows."""
    n, height, width, _ = images.shape
    return b"".join(b"P5\n# ink\n%d %d\n255\n" % (width, height) + image.tobytes() for image in images)


def logits_of(program, images):
    done = subprocess.run([program, "--logits"], input=pgm(images), capture_output=True, check=True)
    return np.array([line.split() for line in done.stdout.splitlines()], np.float64)


def reproduces_its_examples(program, model):
    done = subprocess.run([program, "--self-test"], capture_output=True, text=True)
    outputs = reference_examples.COUNT * len(model.spec.classes)
    return (done.returncode, done.stdout) == (0, f"0 wrong of {outputs} outputs: in order\n")


def test_the_program_computes_what_numpy_computes(model, images, logits, compiled):
    program = compiled(model, fold_for_inference(model))
    assert reproduces_its_examples(program, model)
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


def test_each_example_of_a_built_in_layer_is_computed_or_refused_by_name(example, images_for, carried):
    if path := carried(".c"):
        compile_c("-std=c99", "-O0", *WARNINGS, "-DMAIN", path, "-o", path.with_suffix(""))
        images = images_for(example, 5)
        found = logits_of(path.with_suffix(""), images)
        np.testing.assert_allclose(found, Model.from_file(example).logits(images), rtol=0, atol=1e-4)


def test_int8_computes_what_the_quantized_layers_compute(model, images, compiled):
    """Under the sanitizers: no index leaves its array, no sum overflows."""
    layers = quantize.int8_layers(model, images, quantize.SHORT)
    expected = quantize.logits(model, layers, images)
    program = compiled(model, layers, SANITIZED)
    assert reproduces_its_examples(program, model)
    found = logits_of(program, images)
    # An input that lies between two levels may go to either; what that changes is small.
    assert np.abs(found - expected).max() <= 0.0005 * np.abs(expected).max()


def test_from_layer_to_layer_int8_holds_integers_alone(digits, tmp_path):
    write(digits, quantize.int8_layers(digits, digits.golden_inputs, quantize.SHORT), tmp_path / "digits.c")
    workspace = re.search(r"struct digits_workspace \{(.*?)\}", (tmp_path / "digits.h").read_text(), re.S)[1]
    assert workspace.split() == "int16_t p[1152], q[4608];".split()


@pytest.mark.parametrize("flags", [SANITIZED, ("-O2", *WARNINGS, "-ffast-math")], ids=["sanitized", "fast-math"])
def test_float32_compiles_and_runs_so_too(flags, every_layer, images_for, compiled):
    images = images_for(every_layer, 5)
    found = logits_of(compiled(every_layer, fold_for_inference(every_layer), flags), images)
    np.testing.assert_allclose(found, Model.from_file(every_layer).logits(images), rtol=0, atol=1e-4)


COMPILERS = {"gcc": ("gcc", "-std=c99"), "clang": ("clang", "-std=c99"), "g++": ("g++", "-x", "c++")}


@pytest.mark.parametrize("compiler", COMPILERS)
def test_two_models_go_into_one_program(compiler, every_layer, build_spec, tmp_path):
    """As C and as C++, one in float32 and one in integers; each gives its own answers."""
    command = COMPILERS[compiler]
    if not shutil.which(command[0]):
        pytest.skip(f"needs {compiler}")
    spec = nn.ModelSpec((nn.Conv2D(3, 2), nn.ReLU(), nn.Flatten(), nn.Dense(2), nn.Softmax()), (5, 4, 1), ("a", "b"))
    first = build_spec(spec, abstain_below=None)
    write(first, None, tmp_path / "first.c")
    write(every_layer, quantize.int8_layers(every_layer, every_layer.golden_inputs), tmp_path / "second-model.c")
    (tmp_path / "program.c").write_text("""\
#include <stdio.h>
#include "first.h"
#include "second-model.h"
int main(void)
{
    static const uint8_t image[SECOND_MODEL_HEIGHT * SECOND_MODEL_WIDTH] = {0};
    static struct first_workspace one;
    static struct second_model_workspace other;
    float a[FIRST_CLASSES], b[SECOND_MODEL_CLASSES];
    int best = first_predict(image, &one, a);
    printf("%s %.9g %.9g\\n", first_class_names[best], (double)a[0], (double)a[1]);
    return second_model_predict(image, &other, b) >= SECOND_MODEL_CLASSES;
}
""")
    sources = [tmp_path / name for name in ("program.c", "first.c", "second-model.c")]
    compile_c("-O0", *WARNINGS, *sources, "-o", tmp_path / "program", compiler=command)
    done = subprocess.run([tmp_path / "program"], capture_output=True, check=True, text=True)
    label, *found = done.stdout.split()
    expected = Model.from_file(first).logits(np.zeros((1, 5, 4, 1), np.uint8))[0]
    assert label == "ab"[expected.argmax()]
    np.testing.assert_allclose(np.array(found, float), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_header_says_how_much_memory_it_takes(int8, digits, tmp_path):
    layers = quantize.int8_layers(digits, digits.golden_inputs, quantize.SHORT) if int8 else None
    write(digits, layers, tmp_path / "digits.c")
    said = " ".join((tmp_path / "digits.h").read_text().split("*/")[0].replace("\n *", " ").split())
    weights, code, *structs, stack = (
        int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d(?= (?:bytes|KB))", said)
    )

    compile_c("-std=c99", "-Os", "-fstack-usage", "-c", tmp_path / "digits.c", "-o", tmp_path / "digits.o")
    table = subprocess.run(["size", "-A", tmp_path / "digits.o"], capture_output=True, text=True, check=True).stdout
    sizes = dict(re.findall(r"^(\S+) +(\d+) ", table, re.M))
    constants = sum(int(size) for name, size in sizes.items() if name.startswith((".rodata", ".data.rel.ro")))
    assert weights <= constants <= weights + 2048
    assert int(sizes[".text"]) <= 1024 * code
    assert sizes.get(".data", "0") == sizes.get(".bss", "0") == "0"
    usage = re.findall(r"\t(\d+)\t", (tmp_path / "digits.su").read_text())
    assert sum(map(int, usage)) <= 1024 * stack

    names = [f"struct digits_{kind}workspace" for kind in ("", "strokes_", "canvas_")]
    printed = "".join(f'printf("%zu ", sizeof({name}));' for name in names)
    (tmp_path / "sizes.c").write_text(
        f'#include <stdio.h>\n#include "digits.h"\nint main(void) {{ {printed} return 0; }}'
    )
    compile_c("-std=c99", tmp_path / "sizes.c", "-o", tmp_path / "sizes")
    assert list(map(int, subprocess.run([tmp_path / "sizes"], capture_output=True).stdout.split())) == structs


PGMSPACE = """
#define PROGMEM __attribute__((section("flash")))
#define pgm_read_float(address) (*(const float *)(address))
#define pgm_read_byte(address) (*(const uint8_t *)(address))
"""


def test_constants_go_to_flash_where_that_is_memory_of_its_own(digits, tmp_path):
    (tmp_path / "avr").mkdir()
    (tmp_path / "avr" / "pgmspace.h").write_text(PGMSPACE)
    write(digits, quantize.int8_layers(digits, digits.golden_inputs, quantize.SHORT), tmp_path / "digits.c")
    compile_c(*STRICT, "-D__AVR__", "-I", tmp_path, "-c", tmp_path / "digits.c", "-o", tmp_path / "digits.o")
    table = subprocess.run(["size", "-A", tmp_path / "digits.o"], capture_output=True, text=True, check=True).stdout
    sizes = dict(re.findall(r"^(\S+) +(\d+) ", table, re.M))
    assert int(sizes["flash"]) > sum(p["w"].size for p in digits.params if "w" in p) > int(sizes[".rodata"])


@pytest.mark.skipif(not shutil.which("avr-gcc"), reason="needs avr-gcc")
def test_a_small_network_compiles_for_an_eight_bit_machine(build_spec, tmp_path):
    layers = (nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8), nn.ReLU(), nn.Dense(4))
    model = build_spec(nn.ModelSpec(layers, (28, 28, 1), tuple("abcd")))
    write(model, quantize.int8_layers(model, model.golden_inputs, quantize.SHORT), tmp_path / "small.c")
    command = ("avr-gcc", "-mmcu=atmega2560", "-std=c99", "-Os", "-Wall", "-Wextra", "-Werror")
    compile_c("-c", tmp_path / "small.c", "-o", tmp_path / "small.o", compiler=command)


@pytest.mark.parametrize(
    ("file", "name"),
    [("digits", "digits"), ("My digits-2", "my_digits_2"), ("2024", "model_2024"), ("_x_", "x"), ("é", "model")],
)
def test_names_begin_with_that_of_the_file(file, name):
    assert writer.identifier(file) == name


def test_no_name_of_a_class_is_changed(digits, compiled):
    classes = ("model_predict", "MODEL_CLASSES", *digits.spec.classes[2:])
    model = replace(digits, spec=replace(digits.spec, classes=classes))
    program = compiled(model, None)
    first = pgm(np.zeros((1, *digits.spec.input_shape), np.uint8))
    label = model.spec.classes[Model.from_file(model).logits(np.zeros((1, 28, 28), np.uint8)).argmax()]
    assert subprocess.run([program], input=first, capture_output=True).stdout.decode().startswith(f"{label} ")
    assert '"model_predict", "MODEL_CLASSES"' in program.with_suffix(".c").read_text()


def test_what_is_not_finite_has_no_literal():
    assert list(map(number, [np.inf, -np.inf, np.nan, 1e39, 0.1])) == [
        "INFINITY",
        "-INFINITY",
        "NAN",
        "INFINITY",
        "0.1f",
    ]


def test_a_model_of_colors_is_refused_in_one_line(build_spec, tmp_path):
    colors = Preprocessing((8, 8, 3), 6.0, "as-is", (4.0, 4.0))
    spec = nn.ModelSpec((nn.Flatten(), nn.Dense(2)), (8, 8, 3), ("a", "b"))
    model = Model(spec, build_spec(spec).params, colors).file
    with pytest.raises(InputError, match=r"model.c: C takes gray images; the model takes RGB \(8, 8, 3\).$"):
        writer.write(model, tmp_path / "model.c")


def test_levels_of_eight_bits_reproduce_the_reference_examples_too(every_layer, images_for, compiled):
    layers = quantize.int8_layers(every_layer, images_for(every_layer, 40))
    assert reproduces_its_examples(compiled(every_layer, layers), every_layer)


def test_the_files_of_the_c_functions_compile_by_themselves(tmp_path):
    flags = ("-std=c99", "-Wall", "-Wextra", "-Wno-unused-function")
    for name in ("network.c", "strokes.c"):
        compile_c(*flags, "-c", writer.SOURCES / name, "-o", tmp_path / "out.o")


def test_the_metadata_neither_end_their_comment_nor_begin_another(digits, compiled):
    compiled(replace(digits, provenance={"note": "/* half a comment */ // "}), None)


def test_a_program_that_computes_something_else_says_so(digits, tmp_path):
    write(digits, None, tmp_path / "model.c")
    source = (tmp_path / "model.c").read_text()
    assert source.count("work->a[i] = (float)image[i] / 255.0f;") == 1
    (tmp_path / "model.c").write_text(source.replace("image[i] / 255.0f", "image[i] / 254.0f"))
    compile_c(*STRICT, "-DMAIN", tmp_path / "model.c", "-o", tmp_path / "model")
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


def test_what_is_no_such_image_is_refused_by_name(every_layer, compiled, tmp_path):
    program = compiled(every_layer, None, SANITIZED)
    for name, content in MALFORMED.items():
        (tmp_path / "image.pgm").write_bytes(content)
        done = subprocess.run([program, tmp_path / "image.pgm"], capture_output=True, text=True)
        assert done.returncode == 2, (name, done)
        assert done.stderr.startswith(f"{tmp_path / 'image.pgm'}: not a PGM image of 10 x 12 pixels"), name
        assert done.stderr.count("\n") == 1, name
    done = subprocess.run([program, tmp_path / "absent.pgm"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"{tmp_path / 'absent.pgm'}: ")
    assert subprocess.run([program], input=b"", capture_output=True).returncode == 0


def test_plain_and_raw_files_are_read_alike(every_layer, images_for, compiled, tmp_path):
    program = compiled(every_layer, None)
    image = images_for(every_layer, 2)[1:]
    (tmp_path / "raw.pgm").write_bytes(pgm(image))
    numbers = "\n".join(map(str, image.ravel()))
    (tmp_path / "plain.pgm").write_text(f"P2\n# made by hand\n10 12\n#\n255\n{numbers}\n")
    names = [tmp_path / "raw.pgm", tmp_path / "plain.pgm"]
    raw, plain = subprocess.run([program, "--logits", *names], capture_output=True, check=True).stdout.splitlines()
    assert raw == plain


def test_it_is_a_library_unless_a_program_is_asked_for(every_layer, tmp_path):
    write(every_layer, None, tmp_path / "model.c")
    compile_c(*STRICT, "-c", tmp_path / "model.c", "-o", tmp_path / "model.o")
    undefined = subprocess.run(["nm", "-u", tmp_path / "model.o"], capture_output=True, text=True, check=True).stdout
    allowed = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    assert set(undefined.split()) - {"U"} <= allowed
    symbols = subprocess.run(
        ["nm", "-g", "--defined-only", tmp_path / "model.o"], capture_output=True, text=True
    ).stdout
    assert all(line.split()[-1].startswith("model_") for line in symbols.splitlines())
