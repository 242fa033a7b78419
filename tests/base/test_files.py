from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest

from tfkd_base import files
from tfkd_base.errors import describe_os_error
from tfkd_base.files import atomic_file, read_lines, split_lines


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.suffix == ".txt"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_file(path) as part:
        part.write_text("half, then \ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_error_of_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match="No space left") as caught, atomic_file(path):
        raise OSError(28, "No space left on device")  # as the system raises it in a write
    assert describe_os_error(caught.value) == f"'{path}': No space left on device"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_kill_while_writing_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, signal, sys\nfrom tfkd_base.files import atomic_file\n"
        "with atomic_file(sys.argv[1]) as part:\n"
        "    part.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    with atomic_file(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [b"\n"]),
        (b"a\nb", [b"a\n", b"b"]),
        (b"a\r\nb\r\n", [b"a\r\n", b"b\r\n"]),
        (b"a\rb\r", [b"a\r", b"b\r"]),
        (b"a\r\rb", [b"a\r", b"\r", b"b"]),
        (b"a\r\r\nb\r\r\n", [b"a\r\r\n", b"b\r\r\n"]),
        (b"a\rb\nc\r\n\nd\r", [b"a\r", b"b\n", b"c\r\n", b"\n", b"d\r"]),
        ("a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\n".encode(), ["a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\n".encode()]),
    ],
)
def test_lines_end_with_line_feeds_and_carriage_returns_only(monkeypatch, content, lines, limit):
    monkeypatch.setattr(files, "_PART", limit)
    assert list(read_lines(io.BytesIO(content))) == lines
    assert split_lines(content.decode()) == [line.decode().rstrip("\r\n") for line in lines]
