"""A large file needs little memory. ``DFLOW_TEST_LARGE=1``: with 2 GB, as against 400 MB."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.s3, pytest.mark.timeout(600)]
SIZE = 2_000_000_000 if os.environ.get("DFLOW_TEST_LARGE") else 400_000_000

CHILD = """
import sys
from dflow.storage.s3 import S3Client, S3Settings
endpoint, bucket, action, path = sys.argv[1:]
settings = S3Settings(endpoint=endpoint, bucket=bucket, access_key="minioadmin", secret_key="minioadmin")
getattr(S3Client(settings), action)("x", path)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def test_a_large_file_needs_little_memory(settings, tmp_path, same):
    path = tmp_path / "large"
    with path.open("wb") as stream:
        for number in range(SIZE // 1_000_000):
            stream.seek(number * 1_000_000)
            stream.write(b"%d" % number)
        stream.truncate(SIZE)
    for action, file in (("upload", path), ("download", tmp_path / "back")):
        command = [sys.executable, "-c", CHILD, settings.endpoint, settings.bucket, action, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < 200_000, action
    assert same(path, tmp_path / "back")
