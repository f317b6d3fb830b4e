import numpy as np
import pytest

from jaxdoodle.data.readers.tables.text import ATTRIBUTE, is_number, open_table

TABLES = {
    "commas": ("a,b\n1,2\n", ["a", "b"], [["1", "2"]]),
    "tabs, no header": ("1\t2\n3\t4\n", [], [["1", "2"], ["3", "4"]]),
    "spaces that end the row": ("1 2 \n3 4 \n", [], [["1", "2"], ["3", "4"]]),
    "comments and blank lines": ("# by a tool\n\na,b\n\n1,2\n", ["a", "b"], [["1", "2"]]),
    "names of rows, as R writes them": ('"a" "b"\n"1" 5 6\n', ["", "a", "b"], [["1", "5", "6"]]),
    "ARFF": ("% x\n@Relation r\n@attribute 'A' real\n@ATTRIBUTE b {u,v}\n@DATA\n% y\n1,v\n", ["A", "b"], [["1", "v"]]),
    "sparse ARFF": (
        "@attribute a real\n@attribute b {u,v}\n@data\n{0 3}\n{1 v}\n",
        ["a", "b"],
        [["3", "u"], ["0", "v"]],
    ),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_header_and_rows_of_a_table(kind, encoding, tmp_path):
    text, header, rows = TABLES[kind]
    (tmp_path / "table").write_text(text, encoding=encoding)
    table = open_table(tmp_path / "table")
    assert (table.header, [row for _, row in table.rows()]) == (header, rows)


@pytest.mark.parametrize(
    "last, width", [(13, 13), (64, 64), (123, 123), (256, 256), (780, 784), (784, 784), (1000, 1024), (3072, 3072)]
)
def test_sparse_rows_of_libsvm_are_as_wide_as_an_image_that_they_nearly_fill(last, width, tmp_path):
    (tmp_path / "mnist.scale").write_text(f"7 2:0.5 {last}:1\n-1 1:.25\n")
    table = open_table(tmp_path / "mnist.scale")
    (_, first), (_, second) = table.rows()
    assert len(table.header) == len(first) == len(second) == width + 1
    assert [first[n] for n in (0, 1, 2, last)] == ["7", "0", "0.5", "1"] and second[:2] == ["-1", ".25"]


def test_numbers_that_all_differ_are_names_of_columns(tmp_path):
    np.savetxt(tmp_path / "a.csv", [np.arange(785) / 10, np.zeros(785)], "%g", ",")
    assert open_table(tmp_path / "a.csv").header[1] == "0.1"


@pytest.mark.parametrize(
    "text", ["@attribute a real\n@data\n{1 3}\n", "1 0:5 2:3\n", "@attribute a real\n@data\n{x}\n"]
)
def test_an_index_that_is_no_column_is_refused(text, tmp_path, refusal):
    (tmp_path / "table").write_text(text)
    assert "expected" in refusal(lambda: list(open_table(tmp_path / "table").rows()))


def test_a_first_row_without_a_pixel_is_no_header(tmp_path):
    (tmp_path / "a.csv").write_text("3,0,,255,?,nan,0\n4,0,1,2,3,4,5\n")
    assert open_table(tmp_path / "a.csv").header == []


def test_the_names_of_attributes_are_sought_within_a_line():
    assert ATTRIBUTE.search("\n\n \t@attribute a numeric").start() == 2


@pytest.mark.parametrize("mark", [";", "\t"])
@pytest.mark.parametrize("header", [[], ["label", "p1", "p2"]])
def test_fractions_may_have_a_comma_beside_another_mark(mark, header, tmp_path):
    lines = [mark.join(row) for row in [header, ["3", "0,5", "0,25"], ["ant", "1", "0,75"]] if row]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    table = open_table(tmp_path / "a.csv")
    assert table.header == header
    assert [row for _, row in table.rows()] == [["3", "0.5", "0.25"], ["ant", "1", "0.75"]]


def test_a_number_is_what_float_reads():
    assert all(map(is_number, ("9", " -1.5e3\t", ".5", "7.")))
    assert not any(map(is_number, ("9\x1e", "1,5", "", "nan", "0x1")))
