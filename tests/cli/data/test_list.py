from jaxdoodle.cli import main


def test_every_dataset_is_listed_with_whether_it_is_there(data_root, capsys):
    assert main(["data", "list", "--data-dir", str(data_root)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed] == [
        [name, "yes"] for name in ("doodles", "mnist", "mnist-mini", "quickdraw")
    ]
