"""Files on disk, in memory and in a bucket: one promise, kept by each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from grants.adapters.disk_storage import DiskStore
from grants.adapters.memory_storage import MemoryStore
from grants.adapters.s3_storage import Bucket, S3Store
from grants.app import store_for
from grants.config import Env, Settings
from grants.ports.storage import FileStore, StoreAway
from tests.support.s3 import PretendS3, pretend_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[PretendS3]:
    with pretend_s3() as found:
        yield found


@pytest.fixture(autouse=True)
def _mended(s3: PretendS3) -> None:
    s3.broken = False
    s3.asked.clear()


def bucket(s3: PretendS3) -> Bucket:
    return Bucket(s3.bucket, s3.url, "eu-west-2", s3.key_id, s3.secret, path_style=True)


@pytest.fixture(scope="module")
def in_bucket(s3: PretendS3) -> S3Store:
    return S3Store(bucket(s3))


@pytest.fixture(params=["disk", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, in_bucket: S3Store) -> FileStore:
    return {"disk": DiskStore(tmp_path / "files"), "memory": MemoryStore(), "s3": in_bucket}[request.param]


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 40_000, b"soup and a chat"])
def test_what_is_kept_comes_back_byte_for_byte(store: FileStore, content: bytes) -> None:
    assert store.get(store.put(content, suffix="pdf")) == content


def test_each_file_has_a_name_of_ours_that_nobody_can_guess(store: FileStore) -> None:
    names = {store.put(b"the same", suffix="jpg") for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}\.jpg", name) for name in names)


@pytest.mark.parametrize("name", ["0" * 32 + ".pdf", "../secret.pdf", "/etc/passwd", "", "0" * 32 + ".pdf/../x"])
def test_what_is_not_there_is_not_found_whatever_it_is_called(store: FileStore, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        store.get(name)


@pytest.mark.parametrize("suffix", ["", "x/../../y", "toolong", "PDF", "p f"])
def test_a_suffix_is_one_of_ours(store: FileStore, suffix: str) -> None:
    with pytest.raises(ValueError, match="suffix"):
        store.put(b"x", suffix=suffix)


def test_objects_are_private_and_stand_under_our_own_folder(s3: PretendS3, in_bucket: S3Store) -> None:
    name = in_bucket.put(b"a bank statement", suffix="pdf")
    asked = s3.asked[-1]
    assert (asked.method, asked.path) == ("PUT", f"/seedbed/files/{name}")
    assert not {header for header in asked.headers if "acl" in header or "grant" in header}
    stranger = Request(f"{s3.url}/seedbed/files/{name}")
    with pytest.raises(Exception, match="403"):
        urlopen(stranger)


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"key_id": "ANOTHER"}, {"name": "another"}])
def test_wrong_keys_or_a_wrong_bucket_keep_nothing(s3: PretendS3, wrong: dict[str, str]) -> None:
    before = dict(s3.objects)
    with pytest.raises(StoreAway):
        S3Store(replace(bucket(s3), **wrong)).put(b"x", suffix="pdf")
    assert s3.objects == before


def test_a_store_that_is_broken_or_gone_says_so_and_is_not_mistaken_for_an_empty_one(s3: PretendS3) -> None:
    s3.broken = True
    quick = S3Store(bucket(s3))
    quick.client.meta.events.register("needs-retry.s3", lambda **_: None)
    with pytest.raises(StoreAway):
        quick.get("0" * 32 + ".pdf")
    with pytest.raises(StoreAway):
        S3Store(replace(bucket(s3), endpoint="http://127.0.0.1:9")).get("0" * 32 + ".pdf")


def test_a_full_or_locked_disk_says_so(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(StoreAway):
        DiskStore(tmp_path / "files").put(b"x", suffix="pdf")


@pytest.mark.parametrize(
    ("path_style", "address"),
    [(True, "https://s3.example.org/seedbed/x?"), (False, "https://seedbed.s3.example.org/x?")],
)
def test_the_bucket_stands_in_the_path_or_in_the_name_of_the_host(path_style: bool, address: str) -> None:
    store = S3Store(Bucket("seedbed", "https://s3.example.org", "eu-west-2", "A", "b", path_style=path_style))
    assert store.client.generate_presigned_url("get_object", {"Bucket": "seedbed", "Key": "x"}).startswith(address)


def test_the_settings_choose_where_files_are_kept(s3: PretendS3, tmp_path: Path) -> None:
    assert store_for(Settings(env=Env.TEST, files_folder=tmp_path)) == DiskStore(tmp_path)
    settings = Settings(
        env=Env.TEST,
        s3_bucket=s3.bucket,
        s3_endpoint=s3.url,
        s3_key_id=s3.key_id,
        s3_secret=s3.secret,
        s3_path_style=True,
    )
    found = store_for(settings)
    assert found.get(found.put(b"soup", suffix="jpg")) == b"soup"


def test_what_nothing_belongs_to_is_listed_and_taken_away(store: FileStore) -> None:
    names = {store.put(b"x", suffix="pdf") for _ in range(3)}
    assert names <= set(store.names_before(datetime(2100, 1, 1, tzinfo=UTC)))
    assert store.names_before(datetime(2000, 1, 1, tzinfo=UTC)) == []
    gone = names.pop()
    for name in (gone, gone, "../secret.pdf"):
        store.forget(name)
    with pytest.raises(FileNotFoundError):
        store.get(gone)
    assert all(store.get(name) == b"x" for name in names)
