"""What keys of the object store may is what the code asks of it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.manifests import KUBERNETES

ROOT = Path(__file__).parents[2]
_CODE = {
    "upload": "services/upload/upload",
    "catalog": "services/catalog/catalog",
    "ged-mover": "services/ged-mover/ged_mover",
    "connect-ops": "ops/connect_ops",
}
# What AWS wants for an operation; of one version, the name with Version at its end.
_ACTIONS = {
    "get_object": "GetObject",
    "head_object": "GetObject",
    "put_object": "PutObject",
    "create_multipart_upload": "PutObject",
    "upload_part": "PutObject",
    "complete_multipart_upload": "PutObject",
    "abort_multipart_upload": "AbortMultipartUpload",
    "delete_object": "DeleteObject",
    "list_objects_v2": "ListBucket",
    "list_object_versions": "ListBucketVersions",
    "list_multipart_uploads": "ListBucketMultipartUploads",
    "get_object_retention": "GetObjectRetention",
    "put_object_retention": "PutObjectRetention",
}
_OF_A_VERSION = {"GetObject", "DeleteObject"}


def _asked(folder: Path) -> Iterator[str]:
    """The actions that S3's `call` and `read` need, wherever they are called."""
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="call"), args=[ast.Constant(value=str(operation)), *_]):
                    action = _ACTIONS[operation]
                case ast.Call(func=ast.Attribute(attr="read"), keywords=[ast.keyword(arg="VersionId"), *_]):
                    action = "GetObject"
                case _:
                    continue
            is_versions = any(each.arg == "VersionId" for each in node.keywords)
            yield f"{action}Version" if is_versions and action in _OF_A_VERSION else action


def _granted(who: str) -> list[set[str]]:
    """What the README's table gives it, in each bucket."""
    [row] = re.findall(rf"^\| {who}\b[^|]*\|(.*)\|$", (KUBERNETES / "README.md").read_text("utf-8"), re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")]


@pytest.mark.parametrize("who", _CODE)
def test_keys_may_do_what_the_code_asks_and_no_more(who: str) -> None:
    granted = _granted(who)
    # Reads go through `S3.read`, and every probe does.
    asked = {"GetObject", "ListBucket", *_asked(ROOT / _CODE[who])}
    assert set().union(*granted) == asked


@pytest.mark.parametrize("who", _CODE)
def test_whoever_looks_into_a_bucket_is_told_what_is_not_there(who: str) -> None:
    assert all("ListBucket" in actions for actions in _granted(who) if actions)


def test_the_mover_deletes_by_version_in_both_as_it_does() -> None:
    # A refusal counts as a lock there, so a right that is missing would be taken for one.
    for actions in _granted("ged-mover"):
        assert {"ListBucketVersions", "DeleteObjectVersion"} <= actions
