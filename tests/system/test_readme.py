"""What the README shows runs, and prints what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(marker):
    return re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.S)[1]


def test_the_ten_lines_print_what_the_readme_says():
    printed = subprocess.run([sys.executable, "-c", block("ten lines")], check=True, capture_output=True, text=True)
    expected = re.search(r"prints\n\n```text\n(.*?)```", README, re.S)[1]
    parameters, counts = printed.stdout.split(",", 1)[0], [int(n) for n in re.findall(r"\d+", printed.stdout)]
    assert expected.startswith(parameters) and re.sub(r"\d+", "N", expected) == re.sub(r"\d+", "N", printed.stdout)
    shown = [int(n) for n in re.findall(r"\d+", expected)]
    assert counts[-1] == shown[-1] and abs(counts[-2] - shown[-2]) <= 0.05 * shown[-1], (
        "another machine rounds otherwise"
    )


def test_the_set_up_commands_are_one_line_each():
    assert len(block("main job").splitlines()) == len(block("tests").splitlines()) == 1


def test_every_file_that_the_readme_points_to_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parents[2] / target).exists(), target


def test_every_number_of_the_summary_is_in_the_results():
    summary = README.split("## Results\n")[1].split("\n## ")[0]
    results = (Path(__file__).parents[2] / "experiments" / "README.md").read_text()
    numbers = re.findall(r"\d[\d,.]*\d(?= %|\)| s | of | to |\.|,|:| times)", summary)
    assert len(numbers) > 12
    for number in numbers:
        assert number in results, number


def test_the_commands_of_the_readme_are_commands():
    from jaxdoodle.cli import main

    for words in re.findall(r"^jaxdoodle (\w+)", README, re.M):
        try:
            main([words, "--help"])
        except SystemExit as leaving:
            assert leaving.code == 0, words


def test_the_main_job_writes_a_model(tmp_path):
    command = block("main job").split("&&")[1].strip().replace("jaxdoodle", f"{sys.executable} -m jaxdoodle", 1)
    environment = {name: value for name, value in os.environ.items() if name != "JAXDOODLE_DATA"}
    words = [*command.split(), "--epochs", "1", "--per-class", "100"]
    subprocess.run(words, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "runs" / "doodles-cnn" / "model.npz").exists()
