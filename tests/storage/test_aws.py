"""Where settings and credentials for S3 come from."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ffprep.errors import EnvironmentFault
from ffprep.storage.s3_client import S3Client, _session, credential_provider, s3_client, s3_settings

LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
ROLE = {"AccessKeyId": "role", "SecretAccessKey": "hidden", "Token": "t", "Expiration": LATER}
Write = Callable[..., None]


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write files below a home folder without any settings."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "FSSPEC_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    _session.cache_clear()
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(**files: str) -> None:
        for name, text in files.items():
            path = tmp_path / (".config/fsspec/conf.json" if name == "fsspec" else f".aws/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@contextmanager
def answering(answer: Callable[[str, str, dict[str, str]], str]) -> Iterator[str]:
    """An HTTP server that answers by method, path and headers."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            content = answer(self.command, self.path, headers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("x-amz-bucket-region", "eu-west-3")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = reply  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def provided() -> dict[str, Any]:
    _session.cache_clear()
    return credential_provider(s3_settings().session)()


def opened(bucket: str = "photos") -> S3Client:
    _session.cache_clear()
    return s3_client(bucket)


def test_a_profile_has_region_endpoint_and_keys(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(
        credentials="[default]\naws_access_key_id = one\naws_secret_access_key = s1\n"
        "[work]\naws_access_key_id = two\naws_secret_access_key = s2\naws_session_token = t2\n",
        config="[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1/\n"
        "[profile work]\nregion = eu-central-1\nservices = minio\n"
        "s3 =\n    addressing_style = virtual\n"
        "[services minio]\ns3 =\n    endpoint_url = https://minio.example.org/\n",
    )
    client = opened()
    assert (client.region, client.url) == ("eu-west-1", "http://127.0.0.1:1/photos")
    assert provided()["access_key_id"] == "one"
    monkeypatch.setenv("AWS_PROFILE", "work")
    client, credentials = opened(), provided()
    assert (client.region, client.url) == ("eu-central-1", "https://photos.minio.example.org")
    assert (credentials["access_key_id"], credentials["token"]) == ("two", "t2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    client = opened()
    assert (client.region, client.url) == ("us-west-2", "http://photos.localhost:9000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "three")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3")
    assert provided()["access_key_id"] == "three"


def test_a_profile_that_is_missing_or_broken_is_named(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(config="[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "typo")
    with pytest.raises(EnvironmentFault, match=r"profile \(typo\) could not be found"):
        provided()
    aws(config="region = eu-west-1\n")
    with pytest.raises(EnvironmentFault, match=r"cannot read the settings of AWS: .*config"):
        provided()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "many")
    aws(config="[profile typo]\nregion = eu-west-1\n")
    with pytest.raises(EnvironmentFault, match="'many'"):
        provided()


def test_a_process_of_the_profile_is_run(aws: Write, tmp_path: Path) -> None:
    content = json.dumps({"Version": 1, "AccessKeyId": "made", "SecretAccessKey": "s"})
    (tmp_path / "answer").write_text(content)
    aws(config=f"[default]\ncredential_process = cat {tmp_path}/answer\n")
    assert provided()["access_key_id"] == "made"
    aws(config="[default]\ncredential_process = false\n")
    with pytest.raises(EnvironmentFault, match=r"cannot get credentials for S3: .*custom-process"):
        provided()


def test_without_credentials_the_ways_to_have_them_are_named() -> None:
    with pytest.raises(EnvironmentFault, match="set AWS_ACCESS_KEY_ID"):
        provided()


def test_a_machine_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> str:
        if (method, path) == ("PUT", "/latest/api/token"):
            return "token"
        assert headers["x-aws-ec2-metadata-token"] == "token"
        return json.dumps(ROLE) if path.endswith("/worker") else "worker\n"

    with answering(answer) as address:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        found = provided()
    assert (found["access_key_id"], found["token"]) == ("role", "t")
    assert found["expires_at"]


def test_a_container_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> str:
        assert (path, headers["authorization"]) == ("/v2/x", "secret")
        return json.dumps(ROLE)

    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
    with answering(answer) as address:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/v2/x")
        assert provided()["access_key_id"] == "role"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/v2/x")
    with pytest.raises(EnvironmentFault, match="Unsupported host"):
        provided()


@pytest.mark.parametrize("action", ["AssumeRole", "AssumeRoleWithWebIdentity"])
def test_a_role_is_assumed(
    aws: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str
) -> None:
    role = "role_arn = arn:aws:iam::1:role/photos\n"
    if action == "AssumeRole":
        keys = "aws_access_key_id = one\naws_secret_access_key = s1\n"
        aws(config=f"[default]\n{role}source_profile = base\n[profile base]\n{keys}")
    else:
        (tmp_path / "token").write_text("a.jwt")
        aws(config=f"[default]\n{role}web_identity_token_file = {tmp_path}/token\n")
    fields = {"AccessKeyId": "made", "SecretAccessKey": "s", "SessionToken": "session"}
    parts = (f"<{name}>{text}</{name}>" for name, text in (fields | {"Expiration": LATER}).items())
    result = f"<{action}Result><Credentials>{''.join(parts)}</Credentials></{action}Result>"
    with answering(lambda *_: f"<{action}Response>{result}</{action}Response>") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        found = provided()
    assert (found["access_key_id"], found["token"]) == ("made", "session")


def test_settings_that_were_written_for_fsspec_are_read(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "StorageClass": "GLACIER_IR"}
    settings = {"endpoint_url": "https://a.example.org", "s3_additional_kwargs": more}
    aws(fsspec=json.dumps({"s3": settings | {"requester_pays": True, "anon": True}}))
    config = s3_settings()
    assert config.endpoint == "https://a.example.org"
    assert config.encryption == {"server_side_encryption": "aws:kms", "sse_kms_key_id": "k"}
    assert (config.requester_pays, config.anonymous) == (True, True)
    assert config.storage_class == "GLACIER_IR"
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", "https://b.example.org")
    assert s3_settings().endpoint == "https://b.example.org"
    aws(fsspec=json.dumps({"s3": {"s3_additional_kwargs": {"ACL": "private"}}}))
    with pytest.raises(EnvironmentFault, match=r"'ACL' for s3 .* is not supported"):
        s3_settings()
    monkeypatch.setenv("FSSPEC_S3", '{"username": "u", "password": "p"}')
    config_kwargs = {"signature_version": "s3v4", "response_checksum_validation": "when_required"}
    aws(fsspec=json.dumps({"s3": {"config_kwargs": config_kwargs, "version_aware": False}}))
    assert provided()["access_key_id"] == "u"
    aws(fsspec=json.dumps({"s3": {"config_kwargs": {"signature_version": "s3"}}}))
    with pytest.raises(EnvironmentFault, match=r"'signature_version' for s3 .* is not supported"):
        s3_settings()
    aws(fsspec=json.dumps({"s3": {"client_kwargs": {"verify": False}}}))
    with pytest.raises(EnvironmentFault, match="verify = false"):
        s3_settings()
    monkeypatch.setenv("FSSPEC_S3", "no")
    with pytest.raises(EnvironmentFault, match="FSSPEC_S3: "):
        s3_settings()
    aws(fsspec="{")
    with pytest.raises(EnvironmentFault, match=r"conf\.json: cannot read"):
        s3_settings()


def test_aws_says_where_a_bucket_is(aws: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with answering(lambda *_: "") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setattr("ffprep.storage.s3_client._AMAZON", "127.0.0.1")
        assert opened().region == "eu-west-3"
    assert opened().region == "us-east-1"
