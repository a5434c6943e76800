"""What a sender says about a file is read, or refused with a reason."""

import unicodedata
from base64 import b64encode

import pytest
from upload.errors import Malformed, UploadError
from upload.metadata import metadata_of


def header(**values: str) -> str:
    known = {"filename": "facture.pdf", "folder": "comptable", **values}
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in known.items())


def test_everything_that_may_be_said_is_read() -> None:
    file, deposit = "6F9619FF-8B86-D011-B42D-00C04FC964FF", "11111111-2222-3333-4444-555555555555"
    said = metadata_of(
        header(file=file, deposit=deposit, deposit_size="3", alert="a, b,a", sha256="AB" * 32, client="c-1")
    )
    assert (said.file, said.deposit, said.deposit_size) == (file.lower(), deposit, 3)
    assert (said.alert, said.sha256, said.client, said.space) == (("a", "b"), "ab" * 32, "c-1", "deposits")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\Mes documents\\facture.pdf", "facture.pdf"),
        ("/home/a/facture.pdf", "facture.pdf"),
        (unicodedata.normalize("NFD", "été.pdf"), "été.pdf"),
        ("  relevé n° 3.pdf ", "relevé n° 3.pdf"),
        ("👨‍🌾 récolte ❤️.pdf", "👨‍🌾 récolte ❤️.pdf"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.pdf",) * 2,
        ("\u200eIMG-20261124-WA0001.jpg", "IMG-20261124-WA0001.jpg"),
        ("rap\u00adport\u200b.pdf", "rapport.pdf"),
        ("nouveau \U0001fae8 \uf8ff.pdf", "nouveau \U0001fae8 \uf8ff.pdf"),
    ],
)
def test_a_name_is_kept_without_its_path_and_composed(sent: str, kept: str) -> None:
    assert metadata_of(header(filename=sent)).name == kept


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"filename": ""}, "invalid_filename"),
        ({"filename": "x" * 256 + ".pdf"}, "invalid_filename"),
        ({"filename": "a\nb.pdf"}, "invalid_filename"),
        ({"filename": "a\x7f.pdf"}, "invalid_filename"),
        ({"filename": "a\x00.pdf"}, "invalid_filename"),
        ({"filename": "a\u2028b.pdf"}, "invalid_filename"),
        ({"filename": "\u200b"}, "invalid_filename"),
        ({"filename": "facture\u2067fdp.exe"}, "invalid_filename"),
        ({"filename": "facture\u202efdp.exe"}, "invalid_filename"),
        ({"folder": "Bilan"}, "invalid_folder"),
        ({"folder": ""}, "invalid_folder"),
        ({"space": "elsewhere"}, "invalid_space"),
        ({"space": "published", "folder": "x" * 65}, "invalid_folder"),
        ({"space": "published", "folder": "Bilan\u202e"}, "invalid_folder"),
        ({"space": "published", "folder": "Bilan\t2025"}, "invalid_folder"),
        ({"client": "a.b"}, "invalid_client"),
        ({"deposit": "7"}, "invalid_deposit"),
        ({"deposit_size": "0"}, "invalid_deposit_size"),
        ({"deposit_size": "10001"}, "invalid_deposit_size"),
        ({"deposit_size": "٣"}, "invalid_deposit_size"),
        ({"alert": "a>b"}, "invalid_alert"),
        ({"sha256": "ab"}, "invalid_sha256"),
        ({"file": "x"}, "invalid_file"),
        ({"replaces": "x"}, "invalid_replaces"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_code(values: dict[str, str], code: str) -> None:
    with pytest.raises(UploadError) as refused:
        metadata_of(header(**values))
    assert refused.value.code == code


@pytest.mark.parametrize("sent", ["filename é", "filename YQ,filename YQ", "filename /w==", "file\tname YQ=="])
def test_a_header_that_is_none_is_malformed(sent: str) -> None:
    with pytest.raises(Malformed):
        metadata_of(sent)


def test_a_published_documents_folder_is_a_free_label() -> None:
    assert metadata_of(header(space="published", folder="Bilan & paie")).folder == "Bilan & paie"
