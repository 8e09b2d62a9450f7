"""The Hub up to the network: its real error classes become messages, and its real cache is read offline."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants, errors
from potstill import artefacts
from potstill.errors import DataError
from potstill.plan.specs.source import HubSource
from potstill.sources import hub
from source_files import MODEL_FILES, model_directory

SCRIPTS = Path(artefacts.__file__).parent.parent
REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE = HubSource(hub="owner/name", revision=REVISION)
TOKEN = "hf_CANARYcanaryCANARYcanary"


def response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://huggingface.co/api"))


def not_cached(cause: Exception) -> Exception:
    """As snapshot_download wraps what kept it from the Hub when the cache lacks the files."""
    error = errors.LocalEntryNotFoundError("An error happened")
    error.__cause__ = cause
    return error


def failed(kind: type[Exception], status: int) -> Exception:
    return kind(f"{status} Client Error.", response=response(status))  # type: ignore[call-arg]


ERRORS = [
    (
        failed(errors.GatedRepoError, 403),
        None,
        "it is gated, and no HF_TOKEN is set.*Accept its terms at https://huggingface.co/owner/name",
    ),
    (failed(errors.GatedRepoError, 403), TOKEN, "it is gated, and the HF_TOKEN that is set has none"),
    (failed(errors.RepositoryNotFoundError, 401), None, "there is no such model, or it is private and no HF_TOKEN"),
    (failed(errors.RepositoryNotFoundError, 404), TOKEN, "there is no such model"),
    (failed(errors.RevisionNotFoundError, 404), None, f"it has no commit {REVISION}"),
    (failed(errors.RemoteEntryNotFoundError, 404), None, "a file is not there"),
    (failed(errors.HfHubHTTPError, 401), TOKEN, r"access is refused \(HTTP 401\)"),
    (failed(errors.HfHubHTTPError, 403), None, r"access is refused \(HTTP 403\)"),
    (failed(errors.HfHubHTTPError, 429), None, "too many requests"),
    (failed(errors.HfHubHTTPError, 502), None, r"HTTP 502\. Try again later"),
    (httpx2.ConnectError("[Errno -2] Name or service not known"), None, r"cannot be reached \(ConnectError\)"),
    (httpx2.ConnectTimeout("timed out"), None, r"cannot be reached \(ConnectTimeout\)"),
    (httpx2.ProxyError("407"), None, r"cannot be reached \(ProxyError\). Check network and proxy"),
    (errors.LocalEntryNotFoundError("An error happened"), None, "cannot be reached"),
    (not_cached(httpx2.ConnectError("no route")), None, r"cannot be reached \(ConnectError\)"),
    (not_cached(failed(errors.HfHubHTTPError, 503)), None, "the Hub answers HTTP 503"),
    (errors.XetDownloadError("xet"), None, "cannot be reached"),
    (errors.HFValidationError("Repo id must"), None, "this is not a repository's name"),
]


@pytest.mark.parametrize(("error", "token", "message"), ERRORS)
def test_each_failure_of_the_hub_is_one_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception, token: str | None, message: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    with pytest.raises(DataError, match=message) as caught:
        hub.locate_hub(SOURCE, "model", ["*.safetensors"])
    assert str(caught.value).startswith("owner/name on the Hugging Face Hub: ")
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        errors.OfflineModeIsEnabled("offline"),
        errors.LocalEntryNotFoundError("x"),
        errors.IncompleteSnapshotError("x", "y"),
    ],
)
def test_offline_mode_is_told_from_a_missing_network(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set, and commit 0123456789ab is not"):
        hub.locate_hub(SOURCE, "model", ["*.safetensors"])


def test_a_bug_of_ours_is_not_disguised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(KeyError):
        hub.locate_hub(SOURCE, "model", ["*.safetensors"])


def test_only_what_is_needed_is_asked_for_at_the_pinned_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = model_directory(tmp_path / "snapshot"), {}

    def download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    located = hub.locate_hub(SOURCE, "model", ["*.safetensors", "config.json"])
    assert (asked["name"], asked["revision"], asked["repo_type"]) == ("owner/name", REVISION, "model")
    assert asked["ignore_patterns"] == ["*/*"]
    assert "token" not in asked  # huggingface_hub reads it itself
    assert set(located.files()) == {"model.safetensors", "config.json", "README.md"}
    assert (located.revision, located.licence) == (REVISION, "apache-2.0")
    hub.locate_hub(SOURCE, "dataset", ["sst2/train.parquet"])
    assert asked["ignore_patterns"] == []


def cached(home: Path, kind: str, source: Path) -> None:
    """Put files into the Hub's cache as huggingface_hub lays it out: links into a store of blobs."""
    repository = home / "hub" / f"{kind}--owner--name"
    for path in (p for p in source.rglob("*") if p.is_file()):
        name = path.relative_to(source)
        blob = repository / "blobs" / artefacts.sha256_file(path)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(path.read_bytes())
        link = repository / "snapshots" / REVISION / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


def run(script: str, spec: dict[str, Any], output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), "--spec", json.dumps(spec), "--output", str(output)]
    variables = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.run(
        command, capture_output=True, text=True, env=variables | environment, cwd=output.parent.parent
    )


def test_a_cached_model_offline_and_no_trace_of_the_token(tmp_path: Path) -> None:
    cached(tmp_path / "home", "models", model_directory(tmp_path / "model"))
    (tmp_path / ".env").write_text(f"HF_TOKEN={TOKEN}\nHF_HUB_OFFLINE=1\nHF_HOME={tmp_path / 'home'}\n")
    spec = {"source": {"hub": "owner/name", "revision": REVISION}}
    done = run("fetch_model.py", spec, tmp_path / "assets" / "m")
    assert done.returncode == 0, done.stderr
    manifest = artefacts.verify(tmp_path / "assets" / "m")
    assert set(manifest["files"]) == MODEL_FILES
    assert (manifest["revision"], manifest["licence"]) == (REVISION, "apache-2.0")
    assert not (tmp_path / "assets" / "m" / "model.safetensors").is_symlink()
    # Linked, not copied: a model of many gigabytes lies on the disk once.
    assert (tmp_path / "assets" / "m" / "model.safetensors").stat().st_nlink == 2
    seen = done.stdout + done.stderr + (tmp_path / "assets" / "m" / "manifest.json").read_text()
    assert "CANARY" not in seen


def test_offline_without_cache_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    spec = {"source": {"hub": "owner/name", "revision": REVISION}, "files": ["train.csv"]}
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
    done = run("fetch_dataset.py", spec, tmp_path / "assets" / "d", **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("fetch dataset | error: owner/name on the Hugging Face Hub: HF_HUB_OFFLINE is set")
    assert done.stderr.count("\n") == 1
    assert "CANARY" not in done.stderr
    assert os.listdir(tmp_path / "assets") == []


def test_a_data_set_file_that_is_not_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("text\na\n")
    cached(tmp_path / "home", "datasets", tmp_path / "data")
    spec = {"source": {"hub": "owner/name", "revision": REVISION}, "files": ["train.csv", "tset.csv"]}
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    done = run("fetch_dataset.py", spec, tmp_path / "assets" / "d", **environment)
    assert done.returncode == 2
    assert "`files` names 'tset.csv', which is not in the source" in done.stderr
    assert os.listdir(tmp_path / "assets") == []


def test_gguf_from_the_hub_must_be_named(tmp_path: Path) -> None:
    spec = {"source": {"hub": "owner/name", "revision": REVISION}, "format": "gguf"}
    done = run("fetch_model.py", spec, tmp_path / "assets" / "m")
    assert done.returncode == 2
    assert "name the one .gguf file to fetch in the source's `files`" in done.stderr


GIT = {"git": b"blob 3\0abc", "plain": b"abc"}


@pytest.mark.parametrize("way", ["sha256", "git", "plain"])
def test_a_damaged_cache_is_found_by_the_hubs_own_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    digest = hashlib.sha256(b"abc").hexdigest() if way == "sha256" else hashlib.sha1(GIT[way]).hexdigest()
    blob, link = tmp_path / "blobs" / digest, tmp_path / "snapshots" / REVISION / "train.csv"
    for path in (blob, link):
        path.parent.mkdir(parents=True)
    blob.write_bytes(b"abc")
    link.symlink_to(blob)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(link.parent))
    assert list(hub.locate_hub(SOURCE, "dataset", ["train.csv"]).files()) == ["train.csv"]
    blob.write_bytes(b"abb")
    with pytest.raises(DataError, match=rf"train\.csv: its bytes are not those of the Hub.*: rm {link} {blob}$"):
        hub.locate_hub(SOURCE, "dataset", ["train.csv"])


class Hub(http.server.BaseHTTPRequestHandler):
    """A Hub whose one repository lists a file under a name of its choice."""

    wicked = ""

    def do_GET(self) -> None:
        names = ["train.csv", self.wicked]
        entries = [{"type": "file", "path": name, "size": 3, "oid": "a" * 40} for name in names]
        info = {"_id": "x", "id": "owner/name", "sha": REVISION, "siblings": [{"rfilename": name} for name in names]}
        known = {"tree": json.dumps(entries), "revision": json.dumps(info), "resolve": "a,b"}
        content = next(text for part, text in known.items() if f"/{part}/" in self.path).encode()
        self.send_response(200)
        headers = {"Content-Type": "application/json", "X-Repo-Commit": REVISION, "ETag": '"abc"'}
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("wicked", ["../../../../../evil.csv", "a/../../evil.csv", "/tmp/evil.csv"])
def test_a_file_of_the_hub_cannot_leave_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wicked: str
) -> None:
    monkeypatch.setattr(Hub, "wicked", wicked)
    (tmp_path / "assets").mkdir()
    spec = {"source": {"hub": "owner/name", "revision": REVISION}, "files": ["train.csv", "*evil.csv"]}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
        done = run("fetch_dataset.py", spec, tmp_path / "assets" / "d", **environment)
        server.shutdown()
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fetch dataset | error: ")]
    assert "a file's name in it leads out of its folder" in line
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path / "assets") == []
    assert not [*tmp_path.rglob("*evil*"), *tmp_path.parent.glob("*evil*"), *Path("/tmp").glob("evil*")]
