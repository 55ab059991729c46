"""Published lists are read whole, and lines that say nothing are told by their number."""

import gzip
from pathlib import Path

import pytest

from connectors.files.name_lists import BadLine, NameFileError, Screened, read_lists, read_names
from domain.sanctions import Listed

LISTS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "restricted_lists"
SDN = """36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0-
306,"BANCO DE X",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"Moved; a.k.a. 'BDX'; f.k.a. 'OLD'S X'."
x,"NOBODY",-0- ,"CUBA"
7,"DOE, Jane",individual,"SDGT",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0-
"""
ALT = """36,12,"aka","AERO-CARIBBEAN",-0-
7,13,"fka","ROE, Jane",-0-
7,14,"aka",-0- ,-0-
"""


def test_names_and_the_alternative_names_beside_them_are_one_list(tmp_path):
    (tmp_path / "sdn.csv.gz").write_bytes(gzip.compress(SDN.encode()))
    (tmp_path / "alt.csv.gz").write_bytes(gzip.compress(ALT.encode()))

    names, others = read_lists(tmp_path / "sdn.csv.gz")

    assert names.listed == (
        Listed("SDN", "36", "AEROCARIBBEAN AIRLINES", "primary", "entity", "CUBA"),
        Listed("SDN", "306", "BANCO DE X", "primary", "entity", "CUBA"),
        Listed("SDN", "306", "BDX", "weak", "entity", "CUBA"),
        Listed("SDN", "306", "OLD'S X", "weak", "entity", "CUBA"),
        Listed("SDN", "7", "DOE, Jane", "primary", "individual", "SDGT"),
    )
    assert [line.line for line in names.bad] == [3]
    assert others.listed == (
        Listed("SDN", "36", "AERO-CARIBBEAN", "aka", "entity", "CUBA"),
        Listed("SDN", "7", "ROE, Jane", "fka", "individual", "SDGT"),
    )
    assert [line.line for line in others.bad] == [3]


def test_a_consolidated_list_tells_its_source_and_its_alternative_names(tmp_path):
    path = tmp_path / "csl.csv"
    path.write_text(
        "source,entity_number,type,programs,name,alt_names\nEntity List (EL) - BIS,,Entity,,Alpha,A; B\n,,,,,\n"
    )

    (found,) = read_lists(path)

    assert found.listed == (
        Listed("EL", "EL:2", "Alpha", "primary", "entity", ""),
        Listed("EL", "EL:2", "A", "aka", "entity", ""),
        Listed("EL", "EL:2", "B", "aka", "entity", ""),
    )


def test_denied_persons_and_rows_of_ones_own_are_lists(tmp_path):
    denied, own = tmp_path / "dpl.txt", tmp_path / "mine.csv"
    denied.write_text('"Name"\t"City"\t"Standard_Order"\n" I. ASH"\t"SEAGOVILLE"\t"Y"\n')
    own.write_text("ID,Name\n9,Gamma\n10,\n")

    assert read_lists(denied)[0].listed == (Listed("DPL", "DPL:2", "I. ASH"),)
    assert read_lists(own)[0].listed == (Listed("mine", "9", "Gamma"),)
    assert read_lists(own)[0].bad == (BadLine(3, "there is no name in it"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "holds no names"), ("a,b\n1,2\n", "neither OFAC's cells nor a column 'name'")],
)
def test_a_file_that_is_no_list_is_refused(tmp_path, text, said):
    path = tmp_path / "other.csv"
    path.write_text(text)

    with pytest.raises(NameFileError, match=said):
        read_lists(path)


def test_a_list_that_is_not_there_is_refused_and_named_once(tmp_path):
    with pytest.raises(NameFileError) as refused:
        read_lists(tmp_path / "no.csv")

    assert str(refused.value) == f"{tmp_path / 'no.csv'} cannot be read: No such file or directory"


def test_a_gzipped_list_with_changed_bytes_is_refused(tmp_path):
    packed = bytearray(gzip.compress(SDN.encode()))
    packed[10] = 0xFF
    (tmp_path / "sdn.csv.gz").write_bytes(packed)

    with pytest.raises(NameFileError, match=r"cannot be read: .*invalid block type"):
        read_lists(tmp_path / "sdn.csv.gz")


def test_names_to_screen_are_a_column_or_the_only_one(tmp_path):
    headed, bare, other = (tmp_path / name for name in ("headed.csv", "bare.csv", "other.csv"))
    headed.write_text("id,Issuer\n1,Alpha\n2,\n")
    bare.write_text("Alpha\nBeta\n")
    other.write_text("a,b\n1,2\n")

    assert read_names(headed) == ([Screened(2, "Alpha")], [BadLine(3, "there is no name in it")])
    assert read_names(bare) == ([Screened(1, "Alpha"), Screened(2, "Beta")], [])
    with pytest.raises(NameFileError, match="no column of names"):
        read_names(other)


@pytest.mark.skipif(not LISTS.is_dir(), reason="../shared/data/restricted_lists is not there")
def test_every_line_of_the_published_lists_is_taken():
    found = [
        *read_lists(LISTS / "sdn.csv.gz"),
        *read_lists(LISTS / "bench" / "dpl.txt.gz"),
        *read_lists(LISTS / "csl.csv.gz"),
    ]

    assert [each.bad for each in found] == [()] * 4
    assert [sum(one.kind == "primary" for one in each.listed) for each in found] == [7379, 0, 581, 115]
    assert len(found[1].listed) == 9682
