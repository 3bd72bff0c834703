"""What is uploaded is examined, stored once it reads back, one's own, and gone in time."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ltxserve.accounts.accounts import Account
from ltxserve.db.database import Database
from ltxserve.db.ids import new_id
from ltxserve.db.tables import accounts
from ltxserve.errors import LtxserveError, MediaError, NotFound, StorageError
from ltxserve.media.examine import MediaLimits
from ltxserve.service.uploads import Uploads, receive
from tests.clocks import Clock
from tests.unit.service.given import account, files_in, picture, sound, uploads_in, video


@pytest.fixture
def made(sqlite: Database, tmp_path: Path) -> tuple[Uploads, Clock]:
    return uploads_in(sqlite, tmp_path)


@pytest.fixture
def uploads(made: tuple[Uploads, Clock]) -> Uploads:
    return made[0]


@pytest.fixture
def anna(sqlite: Database) -> Account:
    return account(sqlite, "anna")


def test_a_picture(uploads: Uploads, anna: Account, tmp_path: Path):
    upload = uploads.create(anna, io.BytesIO(picture()), "ball.png", "image/png")
    assert (upload.family, upload.media_type, upload.file_name) == (
        "image",
        "image/png",
        "ball.png",
    )
    assert upload.info["width"] == 16
    assert upload.key == f"{anna.id}/uploads/{upload.id}.png"
    assert uploads.get(anna, upload.id) == upload
    content = b"".join(uploads.open(upload))
    assert len(content) == upload.bytes
    assert [path.read_bytes() for path in files_in(tmp_path)] == [content]


def test_a_video_and_a_sound(uploads: Uploads, anna: Account, tmp_path: Path):
    found = uploads.create(anna, io.BytesIO(video(tmp_path)))
    assert (found.family, found.info["num_frames"], found.key[-4:]) == ("video", 5, ".mp4")
    found = uploads.create(anna, io.BytesIO(sound(tmp_path)))
    assert (found.family, found.media_type) == ("audio", "audio/wav")


@pytest.mark.parametrize(
    ("content", "name", "claimed", "code"),
    [
        (b"", None, "", "media_type_refused"),
        (b"<html>", "a.png", "image/png", "media_type_refused"),
        (picture(), "a.mp4", "video/mp4", "media_type_refused"),
        (picture()[:50], "a.png", "image/png", "media_corrupt"),
        (picture(), "../a.png", "", "file_name_invalid"),
        (picture(), "a/b.png", "", "file_name_invalid"),
        (picture(), "..\\a.png", "", "file_name_invalid"),
        (picture(), "a\0.png", "", "file_name_invalid"),
        (picture(), "", "", "file_name_invalid"),
    ],
)
def test_refused(
    uploads: Uploads,
    anna: Account,
    tmp_path: Path,
    content: bytes,
    name: str | None,
    claimed: str,
    code: str,
):
    with pytest.raises((MediaError, StorageError)) as caught:
        uploads.create(anna, io.BytesIO(content), name, claimed)
    assert caught.value.code == code
    assert uploads.list(anna) == []
    assert files_in(tmp_path) == []


def test_too_large(uploads: Uploads, anna: Account):
    little = MediaLimits(max_image_bytes=20, max_video_bytes=30, max_audio_bytes=10)
    with pytest.raises(MediaError) as caught:
        replace(uploads, limits=little).create(anna, io.BytesIO(picture()))
    assert caught.value.code == "media_too_large"


def test_no_more_is_read_than_allowed(tmp_path: Path):
    class Endless(io.RawIOBase):
        given = 0

        def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    with pytest.raises(MediaError):
        receive(endless, tmp_path / "a", 5_000_000)  # type: ignore[arg-type]
    assert endless.given < 8_000_000


def test_others_do_not_see_it(uploads: Uploads, anna: Account, sqlite: Database, tmp_path: Path):
    upload = uploads.create(anna, io.BytesIO(picture()))
    bert = account(sqlite, "bert")
    for action in (uploads.get, uploads.delete):
        with pytest.raises(NotFound) as caught:
            action(bert, upload.id)
        assert caught.value.code == "upload_not_found"
    assert uploads.list(bert) == []
    assert uploads.list(anna) == [upload]
    assert len(files_in(tmp_path)) == 1


def test_list_goes_on(uploads: Uploads, anna: Account):
    made = [uploads.create(anna, io.BytesIO(picture())) for _ in range(3)]
    first = uploads.list(anna, limit=2)
    assert first == made[:0:-1]
    assert uploads.list(anna, limit=2, before=first[-1].id) == made[:1]


def test_delete(uploads: Uploads, anna: Account, tmp_path: Path):
    upload = uploads.create(anna, io.BytesIO(picture()))
    uploads.delete(anna, upload.id)
    assert files_in(tmp_path) == []
    with pytest.raises(NotFound):
        uploads.get(anna, upload.id)


def test_expiry(made: tuple[Uploads, Clock], anna: Account, tmp_path: Path):
    uploads, clock = made
    upload = uploads.create(anna, io.BytesIO(picture()))
    clock.now += 30
    younger = uploads.create(anna, io.BytesIO(picture()))
    assert uploads.sweep() == 0
    clock.now += 30
    with pytest.raises(NotFound):
        uploads.get(anna, upload.id)
    assert uploads.list(anna) == [younger]
    assert uploads.sweep() == 1
    assert uploads.sweep() == 0
    assert [path.stem for path in files_in(tmp_path)] == [younger.id]


def test_on_every_database(database: Database, tmp_path: Path):
    uploads, clock = uploads_in(database, tmp_path)
    anna = account(database, "anna")
    upload = uploads.create(anna, io.BytesIO(picture()), "ball.png")
    assert uploads.get(anna, upload.id) == upload
    assert uploads.list(anna) == [upload]
    clock.now += 61
    assert uploads.sweep() == 1
    assert uploads.list(anna) == []


def test_what_a_kill_left_is_swept(made: tuple[Uploads, Clock], anna: Account):
    uploads, clock = made
    upload = uploads.create(anna, io.BytesIO(picture()))
    uploads.store.delete(upload.key)
    clock.now += 61
    assert uploads.sweep() == 1


def test_of_two_files_for_one_promised_id_the_first_stays(
    uploads: Uploads, anna: Account, tmp_path: Path
):
    promised = new_id()
    first = uploads.create(anna, io.BytesIO(picture()), identifier=promised)
    kept = b"".join(uploads.open(first))
    with pytest.raises(IntegrityError):  # looked for before, and not there yet
        uploads.create(anna, io.BytesIO(picture(32)), identifier=promised)
    assert b"".join(uploads.open(first)) == kept
    assert len(files_in(tmp_path)) == 1


def test_no_file_without_its_row(uploads: Uploads, anna: Account, sqlite: Database, tmp_path: Path):
    with sqlite.begin() as conn:
        conn.execute(sa.delete(accounts).where(accounts.c.id == anna.id))
    with pytest.raises((LtxserveError, IntegrityError)):
        uploads.create(anna, io.BytesIO(picture()))
    assert files_in(tmp_path) == []
