"""Anchors stand in a second place, once under each name: in a folder, and as locked objects of a bucket."""

import stat

import pytest
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from connectors.audit.anchors import AnchorRefused, FolderPlace, anchor_head, anchors_of
from connectors.audit.findings import Wrong
from connectors.audit.heads import HEADS
from connectors.audit.keys import PublicKeys
from connectors.audit.log import AuditLog, Schedule
from connectors.audit.rows import AuditDamaged, row_of
from connectors.audit.s3_anchors import S3Place
from connectors.audit.verification import verify
from tests.connectors.audit.records import WRITER, append, lines, write_lines, written

NOBODY = PublicKeys()


def grown(folder, keys, first, last):
    """Write more rows, with a head over them."""
    log = AuditLog(folder, WRITER, schedule=Schedule(10, 3_600.0))
    log.skip_to_end()
    append(log, keys, first, last)
    log.make_head()
    log.close()


def test_each_anchor_holds_the_hashes_of_the_rows_since_the_one_before_it(tmp_path):
    file, place = written(tmp_path / "audit", tmp_path, 25), FolderPlace(tmp_path / "elsewhere")

    first = anchor_head(place, tmp_path / "audit", WRITER, "run")
    again = anchor_head(place, tmp_path / "audit", WRITER, "run")
    grown(tmp_path / "audit", tmp_path, 25, 31)
    second = anchor_head(place, tmp_path / "audit", WRITER, "run")

    hashes = [row_of(line).hash.hex() for line in lines(file)]
    assert again is None
    assert first is not None
    assert second is not None
    assert (first.first, list(first.rows)) == (1, hashes[:25])
    assert (second.first, list(second.rows)) == (26, hashes[25:])
    assert anchors_of(place, "run", WRITER) == [first, second]
    assert verify(tmp_path / "audit", WRITER, NOBODY, [first, second]).anchors == 2


def test_a_log_that_is_one_row_short_of_its_head_is_not_anchored(tmp_path):
    file, place = written(tmp_path / "audit", tmp_path, 25), FolderPlace(tmp_path / "elsewhere")
    write_lines(file, lines(file)[:24])

    with pytest.raises(AuditDamaged, match="fewer rows than its last head says, 25"):
        anchor_head(place, tmp_path / "audit", WRITER, "run")

    assert anchors_of(place, "run", WRITER) == []


def test_an_anchor_in_a_folder_is_read_only_and_is_never_written_over(tmp_path):
    place = FolderPlace(tmp_path / "elsewhere")

    place.put("run/decisions/000000000001-aa.json", b"first")
    place.put("run/decisions/000000000001-aa.json", b"second")

    path = tmp_path / "elsewhere" / "run" / "decisions" / "000000000001-aa.json"
    assert place.read("run/decisions/000000000001-aa.json") == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert place.names("run/") == ["run/decisions/000000000001-aa.json"]


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(AnchorRefused, match="cannot be written"):
        FolderPlace(tmp_path / "file").put("run/decisions/000000000001-aa.json", b"first")


@pytest.fixture
def bucket(minio, own):
    """Return a place for a bucket of its own, which is taken away in the end."""
    made = minio.place()._replace(bucket=f"audit-{own}")
    yield made
    client: Minio = made.client()
    if client.bucket_exists(made.bucket):
        held = list(client.list_objects(made.bucket, recursive=True, include_version=True))
        gone = [DeleteObject(each.object_name, each.version_id) for each in held]
        assert list(client.remove_objects(made.bucket, gone, bypass_governance_mode=True)) == []
        client.remove_bucket(made.bucket)


@pytest.mark.served
def test_an_anchor_in_a_locked_bucket_cannot_be_deleted_and_what_is_put_over_it_does_not_count(
    bucket, tmp_path
):
    written(tmp_path / "audit", tmp_path, 25)
    place, client = S3Place(bucket, "governance", 1), bucket.client()
    place.create()
    made = anchor_head(place, tmp_path / "audit", WRITER, "run")
    (name,) = place.names("run/")
    (version,) = client.list_objects(bucket.bucket, bucket.key(name), include_version=True)

    with pytest.raises(S3Error, match=r"WORM|AccessDenied|ObjectLocked"):
        client.remove_object(bucket.bucket, bucket.key(name), version.version_id)
    place.put(name, b"forged")
    client.remove_object(bucket.bucket, bucket.key(name))

    assert anchors_of(place, "run", WRITER) == [made]


@pytest.mark.served
def test_a_log_that_was_made_short_with_its_heads_is_found_against_the_bucket(bucket, tmp_path):
    file, place = written(tmp_path / "audit", tmp_path, 25), S3Place(bucket, "governance", 1)
    place.create()
    anchor_head(place, tmp_path / "audit", WRITER, "run")
    write_lines(file, lines(file)[:20])
    heads = tmp_path / "audit" / WRITER / HEADS
    write_lines(heads, lines(heads)[:2])

    found = verify(tmp_path / "audit", WRITER, NOBODY, anchors_of(place, "run", WRITER)).findings

    assert [(each.row, each.wrong) for each in found] == [(21, Wrong.TRUNCATED)]


@pytest.mark.served
def test_a_bucket_that_is_missing_or_has_no_lock_is_refused_with_what_to_do(bucket):
    place = S3Place(bucket, "compliance", 1)

    with pytest.raises(AnchorRefused, match="`ita audit anchor --create` makes it"):
        place.put("run/decisions/000000000001-aa.json", b"first")
    bucket.client().make_bucket(bucket.bucket)
    with pytest.raises(AnchorRefused, match="has no object lock, so anchors there could be deleted"):
        place.put("run/decisions/000000000001-aa.json", b"first")
