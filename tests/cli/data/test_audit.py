import json
import re

import numpy as np

from jaxdoodle.cli import main
from jaxdoodle.data import Dataset, load_dataset
from jaxdoodle.data.near_duplicates import compute_descriptors, find_near_duplicates
from jaxdoodle.data.readers import quickdraw
from jaxdoodle.inference import model_file
from tests.fixtures.files import linear


def test_mini_mnist_s_leaks_are_found_by_the_command(data_root, capsys):
    assert main(["data", "audit", "mnist-mini", "--data-dir", str(data_root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (fault,) = [one for one in found["findings"] if one["fault"]]
    assert fault["text"].startswith("32 of 350 test drawings are also in train") and len(fault["rows"]) == 32
    assert found["faults"] == 1


def test_real_doodles_pass_and_mnist_has_no_near_duplicates(data_root, capsys):
    assert main(["data", "audit", "quickdraw", "--data-dir", str(data_root)]) == 0
    assert "test drawings in 5 classes; 0 faults" in capsys.readouterr().out
    assert main(["data", "audit", "quickdraw", "--classes", "all", "--data-dir", str(data_root)]) == 1
    out = capsys.readouterr().out
    assert "placement" not in out
    faults = re.findall("fault .*", out)
    strokes = [re.match(r"fault  strokes: .*/(\w+)\.ndjson: rows 0 to \d+, all of them", line)[1] for line in faults]
    assert strokes == ["candle", "guitar", "octopus", "snowman", "umbrella"]
    splits = load_dataset("mnist", root=data_root, validation=0.0, per_class=300)
    assert not len(find_near_duplicates(compute_descriptors(np.concatenate([splits.train.images, splits.test.images]))))


def test_a_missing_dataset_is_an_input_error(tmp_path, capsys, bitmap_folder):
    for words in (["nothing"], [str(bitmap_folder), "--classes", "clok"], ["mnist", "--data-dir", str(tmp_path)]):
        assert main(["data", "audit", *words]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_takes_a_model(sound, bitmap_folder, tmp_path, capsys):
    model_file.write(tmp_path / "model.npz", linear(sound.train))
    for model in (tmp_path / "model.npz", tmp_path):
        assert main(["data", "audit", str(bitmap_folder), "--model", str(model)]) == 0
        assert "model's score: the model classifies" in capsys.readouterr().out


def test_a_dataset_too_large_for_memory_is_audited_by_a_sample_and_duplicates_are_counted_in_all(
    tmp_path, capsys, monkeypatch, sound
):
    monkeypatch.setattr(quickdraw, "IN_MEMORY", 100_000)
    monkeypatch.setattr(Dataset.in_memory, "__defaults__", (40,))
    images = np.concatenate([sound.test.images[:45], sound.train.images[:155]]).reshape(-1, 784)
    for name, rows in (("few", images[::2]), ("more", images[1::2][[*range(100), 70, 70]])):
        np.save(tmp_path / f"{name}.npy", rows)
    main(["data", "audit", str(tmp_path)])
    out = capsys.readouterr().out
    assert re.search(r"note   size: 40 of 157 train drawings, 40 of 45 test drawings were examined, evenly", out)
    assert re.search(r"among all of them 2 of 157 train drawings are repeats", out)
