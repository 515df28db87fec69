"""What the server says that it has, from one process of a device to another."""

from pathlib import Path

from client.news import NewsFile
from shared.enrolment import MailAnswer


def said(publications: int, revocations: int) -> MailAnswer:
    return MailAnswer(mail=False, present=True, publications=publications, revocations=revocations)


def test_news_are_kept_where_they_are_others_than_before(tmp_path: Path) -> None:
    writing, reading = NewsFile(tmp_path / "news"), NewsFile(tmp_path / "news")
    assert reading.read() == b""
    writing.write(said(3, 1))
    first = reading.read()
    assert first
    (tmp_path / "news").unlink()
    writing.write(said(3, 1))
    assert reading.read() == b""  # nothing is written for nothing new
    writing.write(said(4, 1))
    assert reading.read() not in (b"", first)
    writing.write(said(4, 2))
    second = reading.read()
    assert second not in (b"", first)
    writing.write(None)  # the server does not know this device
    assert reading.read() not in (b"", first, second)


def test_news_that_cannot_be_kept_end_nothing(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_bytes(b"")
    with caplog.at_level("INFO"):
        NewsFile(tmp_path / "file" / "news").write(said(1, 1))
    assert "news were not kept" in caplog.text
    assert NewsFile(tmp_path / "file" / "news").read() == b""
