"""What breaks in the middle of a transfer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dflow.engine.errors import StateError, StorageError
from dflow.storage.progress import Meter
from dflow.storage.s3 import S3Client
from dflow.storage.s3.upload import PART

pytestmark = [pytest.mark.s3, pytest.mark.timeout(300)]
LARGE = 200 << 20


def notes():
    return [*Path(os.environ["XDG_CACHE_HOME"]).glob("dflow/uploads/*.json")]


def passing(settings, count, then):
    """A client that calls ``then`` in a thread once ``count`` bytes are done, and the threads."""
    from contextlib import contextmanager

    threads = []

    def report(done, _total):
        if done >= count and not threads:
            threads.append(threading.Thread(target=then))
            threads[0].start()

    @contextmanager
    def metered(_label, total):
        yield Meter(total, report)

    return S3Client(settings, metered=metered), threads


def test_an_upload_survives_the_death_of_the_server(server, settings, make_file, same, tmp_path):
    path = make_file(LARGE)
    client, threads = passing(settings, 3 * PART, lambda: server.restart(pause=2))
    client.upload("x", str(path))
    threads[0].join()
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")
    assert notes() == []


def test_a_download_survives_the_death_of_the_server(server, settings, client, make_file, same, tmp_path):
    path = make_file(LARGE)
    client.upload("x", str(path))
    dying, threads = passing(settings, 3 * PART, lambda: server.restart(pause=2))
    dying.download("x", str(tmp_path / "back"))
    threads[0].join()
    assert same(path, tmp_path / "back")


@pytest.mark.parametrize("fault", ["drops_down", "truncations"])
def test_a_broken_read_goes_on_where_it_stopped(proxy, broken_client, client, make_file, same, tmp_path, fault):
    path = make_file(4 * PART)
    client.upload("x", str(path))
    setattr(proxy, fault, [PART // 2, PART // 4, 3 * PART // 4, 1 << 20, 100])
    broken_client.download("x", str(tmp_path / "back"))
    assert getattr(proxy, fault) == []
    assert same(path, tmp_path / "back")
    assert proxy.received < 4 * PART + 20 * (1 << 20)  # a reset loses what is in buffers; beginning again, 25 MiB


def test_a_broken_upload_sends_the_part_again(proxy, broken_client, client, make_file, same, tmp_path):
    path = make_file(4 * PART)
    proxy.drops_up = [PART // 2, 1000, PART // 4]
    broken_client.upload("x", str(path))
    assert proxy.drops_up == []
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")


@pytest.mark.parametrize("size", [1000, 3 * PART])
def test_a_busy_server_is_asked_again(proxy, broken_client, make_file, same, tmp_path, size):
    path = make_file(size)
    proxy.busy = 4
    broken_client.upload("x", str(path))
    broken_client._calls.close()
    proxy.busy = 4
    broken_client.download("x", str(tmp_path / "back"))
    assert proxy.busy == 0
    assert same(path, tmp_path / "back")


def test_a_server_that_stays_busy_is_named(proxy, broken_client):
    impatient = S3Client(replace(broken_client.settings, patience=1.0))
    proxy.busy = 1000
    with pytest.raises(StorageError, match=r"ServiceUnavailable .*try again later"):
        impatient.list("")


def test_a_server_that_does_not_answer_in_time_is_named(proxy, broken_client):
    impatient = S3Client(replace(broken_client.settings, first_patience=0.5, patience=0.5, read_timeout=0.3))
    proxy.delay = 2.0
    with pytest.raises(StorageError, match="the server does not answer in time"):
        impatient.list("")


def test_a_file_that_changes_while_it_is_sent_is_an_error(settings, make_file, minio):
    path = make_file(6 * PART)

    def change():
        with path.open("r+b") as stream:
            stream.write(b"other")

    client, threads = passing(settings, PART, change)
    with pytest.raises(StorageError, match="the file changes while it is sent"):
        client.upload("x", str(path))
    threads[0].join()
    assert not client.exists("x")
    assert notes() == []
    assert not [*minio._list_multipart_uploads(settings.bucket).uploads]


def test_an_object_that_changes_while_it_is_read_is_read_as_it_is_then(settings, client, make_file, same, tmp_path):
    client.upload("x", str(make_file(8 * PART, "old")))
    new = make_file(8 * PART + 7, "new")
    done = threading.Event()

    def change():
        client.upload("x", str(new))
        done.set()

    reading, threads = passing(settings, 2 * PART, lambda: None)
    change_at = threading.Thread(target=change)
    change_at.start()
    reading.download("x", str(tmp_path / "back"))
    change_at.join()
    threads[0].join()
    assert same(tmp_path / "back", new) or same(tmp_path / "back", tmp_path / "old")


CHILD = """
import sys
from contextlib import contextmanager
from dflow.storage.progress import Meter
from dflow.storage.s3 import S3Client, S3Settings
endpoint, bucket, path = sys.argv[1:]
settings = S3Settings(
    endpoint=endpoint, bucket=bucket, access_key="minioadmin", secret_key="minioadmin", region="us-east-1"
)
@contextmanager
def metered(label, total):
    yield Meter(total, lambda done, total: print(done, flush=True))
S3Client(settings, metered=metered).upload("x", path)
"""


def test_an_upload_that_was_killed_goes_on_in_another_process(proxy, client, make_file, same, tmp_path):
    path = make_file(LARGE)
    command = [sys.executable, "-c", CHILD, proxy.endpoint, client.settings.bucket, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= LARGE // 2:
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert len(notes()) == 1
    assert not client.exists("x")
    time.sleep(0.5)  # what is under way ends
    first, proxy.sent = proxy.sent, 0
    assert first >= LARGE // 2
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=100)
    assert LARGE // 10 < proxy.sent < LARGE * 6 // 10
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")
    assert notes() == []


def test_a_changed_file_is_not_continued_and_the_old_parts_are_forgotten(
    proxy, client, make_file, same, tmp_path, minio
):
    path = make_file(LARGE)
    command = [sys.executable, "-c", CHILD, proxy.endpoint, client.settings.bucket, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
    with path.open("r+b") as stream:
        stream.write(b"other")
    client.upload("x", str(path))
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")


@pytest.fixture
def tiny_disk(tmp_path):
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_download_that_cannot_fit_is_not_begun(client, make_file, tiny_disk):
    client.upload("x", str(make_file(2 * PART)))
    with pytest.raises(StateError, match=r"it has 33\.6 MB, and 2.* are free there; free some space"):
        client.download("x", str(tiny_disk / "x"))
    assert [*tiny_disk.iterdir()] == []


def test_a_disk_that_fills_up_is_named_and_the_partial_file_is_removed(settings, client, make_file, tiny_disk):
    client.upload("x", str(make_file(PART + PART // 4)))

    def fill():
        (tiny_disk / "other").write_bytes(bytes(6 << 20))

    reading, threads = passing(settings, 1, fill)
    from dflow.storage.s3.target import Target

    expected = Target.expect
    try:
        Target.expect = lambda self, size: (expected(self, size), fill())[0]
        with pytest.raises(StateError, match="No space left on device; free some space"):
            reading.download("x", str(tiny_disk / "x"))
    finally:
        Target.expect = expected
    for thread in threads:
        thread.join()
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
