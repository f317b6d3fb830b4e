"""``jaxdoodle train``, end to end: what it writes, and that every option reaches the run."""

import json
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from jaxdoodle.cli import main, train
from jaxdoodle.cli.options import Parser, config_of
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import Record
from jaxdoodle.data import catalog, load_dataset
from jaxdoodle.data.synthetic.outliers import generate_scribbles
from jaxdoodle.inference import Model, calibration, model_file
from jaxdoodle.inference.model import energy
from jaxdoodle.training import TrainConfig
from tests.fixtures.commands import jaxdoodle

pytestmark = pytest.mark.usefixtures("as_users_run")

CLASSES = "clock,hexagon"


def test_train_leaves_a_model_a_record_and_figures(trained):
    out, printed = trained
    record = Record.read(out / "record.json")
    test = record.scores["test"]
    assert f"{test['correct']:,} of {test['total']:,} right" in printed
    assert test["correct"] / test["total"] > 0.85 and record.extra["numpy_parity"] <= 1e-5
    assert len(record.epochs) == 6 and record.extra["compile_seconds"] > 0 and record.machine["versions"]["jax"]
    assert record.command.startswith("jaxdoodle train --dataset doodles ") and record.command.endswith(f"--out {out}")
    figures = {"loss", "accuracy", "confusion", "classes", "predictions", "samples", "network"}
    assert {path.stem for path in out.glob("*.png")} == figures
    assert Model.load(out / "model.npz").provenance["seed"] == 0


def test_temperature_and_abstention_are_fitted_on_validation(trained):
    path = trained[0] / "model.npz"
    validation = load_dataset("doodles", classes=CLASSES, per_class=300).validation
    logits = Model.load(path).logits(validation.images)
    written = model_file.read(path)
    assert written.temperature == pytest.approx(calibration.fit_temperature(logits, validation.labels))
    assert written.abstain_below == pytest.approx(calibration.fit_abstention(energy(logits)), abs=1e-4)


def test_every_option_of_train_reaches_the_run(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(catalog.GENERATED, "scribbles", (generate_scribbles, 20))
    words = (
        f"train --dataset doodles --classes {CLASSES} --per-class 60 --model mlp --hidden 9,7 --activation tanh "
        "--drop-rate 0.25 --validation 0.5 --epochs 2 --batch-size 16 --optimizer momentum --learning-rate 0.01 "
        "--schedule exponential --schedule-decay 0.5 --l1 0.001 --l2 0.002 --label-smoothing 0.1 --augment "
        "--dilate 1.5 --clip-norm 3 --ema-decay 0.9 --gradients autodiff --seed 5 --sampling balanced "
        "--outliers 0.25 --outliers-of scribbles "
        f"--teacher {trained[0]}/model.npz,{trained[0]}/model.npz --teacher-weight 0.5 --teacher-temperature 3 "
        f"--class-weights 1,2 --log tensorboard --device cpu --out {tmp_path}"
    )
    assert main(words.split()) == 0
    record = Record.read(tmp_path / "record.json")
    config, sizes = record.config, record.data["sizes"]
    expected = {
        "epochs": 2,
        "batch_size": 16,
        "optimizer": "momentum",
        "learning_rate": 0.01,
        "schedule": "exponential",
    }
    expected |= {"schedule_decay": 0.5, "clip_norm": 3.0, "ema_decay": 0.9, "gradients": "autodiff", "seed": 5}
    expected |= {"sampling": "balanced", "outliers": 0.25, "teacher_weight": 0.5, "teacher_temperature": 3.0}
    expected |= {"class_weights": [1.0, 2.0]}
    assert {name: config[name] for name in expected} == expected
    assert config["loss"]["label_smoothing"] == 0.1 and (config["augment"]["type"], config["augment"]["dilate"]) == (
        "Augment",
        1.5,
    )
    assert [(p["type"], p["rate"]) for p in config["penalties"]] == [("L1", 0.001), ("L2", 0.002)]
    kinds = [layer["type"] for layer in record.extra["spec"]["layers"]]
    assert kinds == ["Flatten", "Dense", "Tanh", "Dropout", "Dense", "Tanh", "Dropout", "Dense"]
    assert [layer.get("units") for layer in record.extra["spec"]["layers"] if "units" in layer] == [9, 7, 2]
    assert record.extra["outliers_of_other_classes"] > 100
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["training_loss"] for line in lines] == [epoch["training"]["loss"] for epoch in record.epochs]
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3 and list(tmp_path.glob("tensorboard/*"))
    assert not (tmp_path / "checkpoints").exists()
    taught_by = [one["spec"]["layers"] for one in record.extra["teacher"]]
    assert taught_by == 2 * [Model.load(trained[0] / "model.npz").file.spec.to_dict()["layers"]]
    assert abs(sizes["validation"] - sizes["train"]) < 0.4 * sizes["train"]


OPTIONS = {option.name: option for option in fields(TrainConfig) if option.metadata}
#: Options that want another beside them.
BESIDE = {"schedule_decay": {"schedule": "exponential"}, "batch_size": {"devices": "3"}, "devices": {"batch_size": "3"}}


def other_than_default(option):
    """A value that is none of the default, as a word and as the config holds it."""
    if choices := option.metadata["choices"]:
        value = next(choice for choice in reversed(choices) if choice != option.default)
        return value, value
    return ("3", 3) if str(option.type).startswith("int") else ("0.5", 0.5)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_changes_its_field_of_the_config_alone(name, tmp_path, monkeypatch):
    found = []

    def train_model(spec, splits, config, *args, **options):
        found.append(config)
        raise InputError("enough")

    monkeypatch.setattr("jaxdoodle.run.train_model", train_model)
    monkeypatch.setattr("jaxdoodle.training.hardware.devices.use_cpu_devices", lambda count: None)
    monkeypatch.setattr("jaxdoodle.cli.train.network.initial", lambda options: None)
    monkeypatch.setattr("jaxdoodle.cli.train.network.start", lambda *given: (None, ""))
    monkeypatch.setattr("jaxdoodle.cli.train.network.teacher", lambda *given: [])
    word, value = other_than_default(OPTIONS[name])
    beside = BESIDE.get(name, {})
    words = [f"--{key.replace('_', '-')}={text}" for key, text in {**beside, name: word}.items()]
    words += ["--init=model.npz"] * (name == "freeze") + ["--teacher=model.npz"] * name.startswith("teacher_")
    base = f"train --dataset doodles --classes {CLASSES} --per-class 9 --model mlp --quiet --out {tmp_path}"
    assert main([*base.split(), *words]) == 2
    expected = {key: type(value)(text) if text.isdigit() else text for key, text in beside.items()}
    assert found == [TrainConfig(**expected, **{name: value})] and getattr(found[0], name) == value


def test_a_model_that_numpy_reads_differently_is_exit_code_1(tmp_path, monkeypatch, capsys):
    logits = Model.logits
    monkeypatch.setattr(Model, "logits", lambda self, images: logits(self, images) * np.float32(1.001))
    words = f"train --dataset doodles --classes {CLASSES} --per-class 60 --model mlp --epochs 1 --out {tmp_path}"
    assert main(words.split()) == 1
    assert "NumPy and JAX differ by" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_exit_code_1(tmp_path, capsys):
    words = f"train --dataset doodles --per-class 20 --epochs 1 --out {tmp_path}/out "
    words += "--model mlp --optimizer sgd --learning-rate 1e38 --batch-size 8"
    assert main(words.split()) == 1
    assert "the loss became" in capsys.readouterr().err and not any(path.is_file() for path in tmp_path.rglob("*"))


def test_without_options_the_defaults_are_those_of_the_config():
    parser = Parser()
    train.add_arguments(parser)
    options = parser.parse_args(["--dataset", "doodles"])
    assert TrainConfig(**config_of(options, TrainConfig)) == TrainConfig()
    assert not (options.l1 or options.l2 or options.label_smoothing or options.augment)


def test_every_option_says_what_it_does_and_its_default():
    parser = Parser()
    train.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for title in ("Data:", "Model:", "Optimizer:", "Regularization:", "Hardware:", "Output:"):
        assert title in text
    for option in fields(TrainConfig):
        if option.metadata:
            assert f"--{option.name.replace('_', '-')} " in text
            assert f"(default {'none' if option.default is None else option.default})." in text


def test_a_device_that_is_not_there_is_refused_in_one_line(tmp_path, capsys):
    words = f"train --dataset doodles --per-class 20 --epochs 1 --device tpu --out {tmp_path}"
    assert main(words.split()) == 2
    assert capsys.readouterr().err == "jaxdoodle: device tpu: JAX finds none on this machine.\n"


def test_the_seed_draws_other_doodles(tmp_path):
    digests = set()
    for seed in (1, 2):
        words = f"train --dataset doodles --classes {CLASSES} --per-class 60 --model mlp --epochs 1 --seed {seed}"
        assert main([*words.split(), "--out", str(tmp_path / str(seed))]) == 0
        digests.add(model_file.read(tmp_path / str(seed) / "model.npz").golden_inputs.tobytes())
    assert len(digests) == 2


def test_devices_of_the_processor_are_chosen_before_jax_starts_and_quiet_prints_nothing(tmp_path):
    words = f"train --dataset doodles --classes {CLASSES} --per-class 60 --model mlp --epochs 1 --quiet"
    words += f" --device cpu --devices 2 --out {tmp_path}"
    done = subprocess.run(jaxdoodle(*words.split()), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Record.read(tmp_path / "record.json").config["devices"] == 2


def test_layers_of_a_file_are_trained_stored_and_evaluated(tmp_path, capsys):
    mine = str(Path(__file__).parents[2] / "system" / "mine.py")
    layers = [{"type": "Flatten"}, {"type": "Dense", "units": 9}, {"type": "Swish"}, {"type": "Dense", "units": 2}]
    (tmp_path / "spec.json").write_text(json.dumps({"input_shape": [28, 28, 1], "layers": layers}))
    words = f"train --dataset doodles --classes {CLASSES} --per-class 60 --epochs 1 --model {tmp_path}/spec.json"
    assert main([*words.split(), "--out", str(tmp_path), "--layers", mine]) == 0
    assert main(["evaluate", str(tmp_path), "--layers", mine]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path)]) == 2 and "--layers" in capsys.readouterr().err
    assert main(words.split()) == 2 and "spec.json: layers[2] has type 'Swish'" in capsys.readouterr().err
