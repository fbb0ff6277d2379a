from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import stat
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import requests

from anomaly_lab import datasets
from anomaly_lab.datasets import RemoteFile, download
from anomaly_lab.errors import DownloadError, InputError

CONTENT = b"ten bytes." * 50_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT in the way the path asks for."""

    def do_GET(self):
        with contextlib.suppress(ConnectionError):  # given up, as it should be
            self.answer()

    def answer(self):
        count = self.server.requests
        count[self.path] += 1
        manner = self.path.strip("/")
        if manner == "missing":
            self.send_error(404)
        elif manner == "overloaded" or (manner == "busy-once" and count[self.path] == 1):
            self.send_error(503)
        elif manner == "silent":
            self.server.released.wait()
        elif manner == "stalls":
            self.send_content(CONTENT[:1000])
            self.server.released.wait()
        elif manner == "cut" or (manner == "cut-once" and count[self.path] == 1):
            self.send_content(CONTENT[: len(CONTENT) // 2])
        elif manner == "drips":
            self.send_content(b"")
            for self.server.drips in range(500):
                self.server.released.wait(0.01)
                self.wfile.write(b".")
        elif manner == "drips-header":
            self.send_response(200)
            self.flush_headers()
            for self.server.drips in range(500):
                self.server.released.wait(0.01)
                self.wfile.write(b"X")
        elif manner == "nonsense":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: " + self.server.place + b"\r\n\r\n")
        elif manner == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(CONTENT)
        elif manner in ("moved", "circles"):
            self.send_response(302)
            self.send_header("Location", {"moved": "/good", "circles": "/circles"}[manner])
            self.end_headers()
        elif manner == "together":
            self.server.both_here.wait()
            self.send_content(CONTENT)
        elif manner == "altered":
            self.send_content(CONTENT.replace(b"ten", b"six"))
        else:
            self.send_content(CONTENT)

    def send_content(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = Counter()
    server.released = threading.Event()
    server.both_here = threading.Barrier(2, timeout=60)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(folder))
    monkeypatch.delenv("ANOMALY_LAB_DATA", raising=False)
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    return folder / "data"


@pytest.fixture
def remote(server):
    def file(manner="good", sha256=SHA256):
        url = f"http://127.0.0.1:{server.server_port}/{manner}"
        return RemoteFile("things/table.csv", url, sha256, len(CONTENT))

    return file


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("progress", [False, True])
def test_downloads_once_into_the_cache(cache, server, remote, progress):
    path = download.local(remote(), progress=progress)
    assert path == cache / "things" / "table.csv"
    assert path.read_bytes() == CONTENT
    assert download.local(remote()) == path
    assert server.requests == {"/good": 1}
    assert files_in(cache) == ["table.csv"]


def test_progress_goes_from_nothing_to_everything(cache, remote, capsys):
    download.local(remote(), progress=True)
    assert "500.0/500.0 kB" in capsys.readouterr().out
    download.local(remote(sha256=SHA256), progress=False)
    assert capsys.readouterr().out == ""


def test_a_damaged_file_in_the_cache_is_replaced(cache, server, remote):
    (cache / "things").mkdir(parents=True)
    (cache / "things" / "table.csv").write_bytes(CONTENT[:100])
    assert download.local(remote()).read_bytes() == CONTENT
    assert server.requests == {"/good": 1}


@pytest.mark.parametrize("manner", ["busy-once", "cut-once"])
def test_a_passing_fault_is_tried_again(cache, server, remote, manner):
    assert download.local(remote(manner)).read_bytes() == CONTENT
    assert server.requests == {f"/{manner}": 2}


@pytest.mark.parametrize(
    ("manner", "attempts", "message"),
    [
        ("missing", 1, "the server answered 404 Not Found. Try again later"),
        ("overloaded", 3, "the server answered 503 Service Unavailable"),
        ("cut", 3, "the connection broke off before the whole file had come"),
        ("silent", 3, "the server sent nothing for 0.2 seconds"),
        ("stalls", 3, "the server sent nothing for 0.2 seconds"),
    ],
)
def test_faults_of_the_server(cache, server, remote, monkeypatch, manner, attempts, message):
    if "0.2 seconds" in message:
        monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with pytest.raises(DownloadError, match=message) as caught:
        download.local(remote(manner))
    assert remote(manner).url in str(caught.value)
    assert "put the file into a folder as things/table.csv" in str(caught.value)
    assert server.requests == {f"/{manner}": attempts}
    assert files_in(cache) == []


@pytest.mark.parametrize("manner", ["drips", "drips-header"])
def test_a_server_of_a_byte_at_a_time_is_given_up(cache, server, remote, monkeypatch, manner):
    monkeypatch.setattr(download, "PATIENCE", 0.2)
    monkeypatch.setattr(download, "LEAST_SPEED", 1e12)
    with pytest.raises(DownloadError, match=r"not all here after 0\.2 seconds\. Try again later"):
        download.local(remote(manner))
    assert server.requests == {f"/{manner}": 1}
    assert server.drips < 250  # not waited for
    assert files_in(cache) == []


def test_a_server_that_sends_more_is_cut_off(cache, server, remote):
    with pytest.raises(DownloadError, match="sent more than its 500,000 bytes"):
        download.local(remote("endless"))
    assert server.requests == {"/endless": 1}
    assert files_in(cache) == []


def test_redirects_are_followed_but_not_for_ever(cache, server, remote):
    assert download.local(remote("moved")).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="Exceeded 5 redirects"):
        download.local(remote("circles", sha256="0" * 64))
    assert server.requests == {"/moved": 1, "/good": 1, "/circles": 18}


@pytest.mark.parametrize(
    "place",
    [
        *(b"http://[", b"http://", b"//", b"http://a b/", b"http://.../", b"\x00", b"http://\xff/"),
        *(b"ftp://a.test/x", b"file:///etc/passwd", b"http://127.0.0.1:99999/"),
    ],
)
def test_a_redirect_to_nonsense_is_told(cache, server, remote, place):
    server.place = place
    with pytest.raises(DownloadError, match=r"Could not download http.*Try again later"):
        download.local(remote("nonsense"))
    assert files_in(cache) == []


@pytest.mark.parametrize("hop", ["history", "last"])
def test_no_redirect_leads_from_https_to_http(hop):
    def answer(address):
        response = requests.Response()
        response.status_code, response.url = 200, address
        return response

    file = RemoteFile("things/table.csv", "https://a.test/table", SHA256, len(CONTENT))
    safe, plain = answer("https://b.test/table"), answer("http://b.test/table")
    safe.history = [answer(file.url)]
    download._check_answer(file, safe)
    if hop == "last":
        plain.history, last = [answer(file.url)], plain
    else:
        safe.history, last = [answer(file.url), plain], safe
    with pytest.raises(DownloadError, match="without encryption"):
        download._check_answer(file, last)


def test_no_network(cache, remote, server):
    gone = remote()
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"cannot be reached \(is this machine online"):
        download.local(gone)
    assert files_in(cache) == []


def test_wrong_content_is_thrown_away(cache, server, remote):
    got = hashlib.sha256(CONTENT.replace(b"ten", b"six")).hexdigest()
    message = f"wrong content.*expected SHA-256 {SHA256} but got {got}"
    with pytest.raises(DownloadError, match=message):
        download.local(remote("altered"))
    assert files_in(cache) == []
    assert server.requests == {"/altered": 3}  # something on the way may have altered it


def test_a_good_file_survives_a_failed_download(cache, remote):
    path = download.local(remote())
    with pytest.raises(DownloadError, match="wrong content"):
        download.local(remote("altered", sha256="0" * 64))
    assert path.read_bytes() == CONTENT


def test_interrupted_download_leaves_nothing(cache, remote, monkeypatch):
    def interrupt(bar, task, n_bytes):
        raise KeyboardInterrupt

    monkeypatch.setattr(download.Progress, "advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.local(remote())
    assert files_in(cache) == []


def test_the_file_appears_at_once_and_whole(cache, remote, monkeypatch):
    moves = []

    def replace(part, target):
        moves.append((part.parent == target.parent, part.read_bytes(), target.exists()))
        path_replace(part, target)

    path_replace = Path.replace
    monkeypatch.setattr(Path, "replace", replace)
    download.local(remote())
    assert moves == [(True, CONTENT, False)]
    assert files_in(cache) == ["table.csv"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_shared_cache_can_be_read_by_others(cache, remote):
    before = os.umask(0o022)
    try:
        assert stat.S_IMODE(download.local(remote()).stat().st_mode) == 0o644
    finally:
        os.umask(before)


def test_cache_that_cannot_be_written(cache, remote):
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match=r"Cannot write to the cache folder.*ANOMALY_LAB_CACHE"):
        download.local(remote())


def test_two_processes_at_once(cache, server, remote):
    script = (
        "import sys\n"
        "from anomaly_lab.datasets import RemoteFile, download\n"
        "file = RemoteFile('things/table.csv', sys.argv[1], sys.argv[2], int(sys.argv[3]))\n"
        "print(download.local(file))\n"
    )
    command = [sys.executable, "-c", script, remote("together").url, SHA256, str(len(CONTENT))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    results = [process.communicate(timeout=90)[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert results == [str(cache / "things" / "table.csv")] * 2
    assert server.requests == {"/together": 2}
    assert files_in(cache) == ["table.csv"]
    assert (cache / "things" / "table.csv").read_bytes() == CONTENT


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    (folder / "things").mkdir(parents=True)
    monkeypatch.setenv("ANOMALY_LAB_DATA", str(folder))
    return folder


def test_the_data_folder_comes_first(cache, data, server, remote):
    (data / "things" / "table.csv").write_bytes(CONTENT)
    assert download.local(remote()) == data / "things" / "table.csv"
    assert server.requests == {}


def test_what_the_data_folder_lacks_is_downloaded(cache, data, remote):
    assert download.local(remote()) == cache / "things" / "table.csv"


def test_wrong_content_in_the_data_folder_is_told_and_kept(cache, data, server, remote):
    path = data / "things" / "table.csv"
    path.write_bytes(b"something else")
    with pytest.raises(DownloadError, match=f"wrong content: expected SHA-256 {SHA256}, got .*"):
        download.local(remote())
    assert path.read_bytes() == b"something else"
    assert server.requests == {}


def test_data_folder_that_does_not_exist(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("ANOMALY_LAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"ANOMALY_LAB_DATA should name a folder.*nowhere"):
        datasets.load("ecg5000")


def test_a_verified_file_is_hashed_once(cache, data, remote, monkeypatch):
    path = data / "things" / "table.csv"
    path.write_bytes(CONTENT)
    download.local(remote())
    with monkeypatch.context() as patch:
        patch.setattr(download.pooch, "file_hash", lambda *args, **kwargs: pytest.fail("hashed"))
        download.local(remote())
    path.write_bytes(CONTENT + b"more")
    with pytest.raises(DownloadError, match="wrong content"):
        download.local(remote())


@pytest.mark.parametrize("variable", ["ANOMALY_LAB_CACHE", "ANOMALY_LAB_DATA"])
def test_a_tilde_is_the_home_folder(cache, remote, tmp_path, monkeypatch, variable):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path / "home"))
    monkeypatch.setenv(variable, "~/place")
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "home" / "place"
    if variable == "ANOMALY_LAB_CACHE":
        place = place / "data"
    else:
        (place / "things").mkdir(parents=True)
        (place / "things" / "table.csv").write_bytes(CONTENT)
    assert download.local(remote()) == place / "things" / "table.csv"
    assert not (tmp_path / "~").exists()


def test_a_cache_that_may_only_be_read_is_read(cache, server, remote, monkeypatch):
    path = download.local(remote())
    monkeypatch.setattr(os, "access", lambda *args: False)
    assert download.local(remote()) == path
    assert server.requests == {"/good": 1}
