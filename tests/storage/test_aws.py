"""Where settings and credentials for S3 come from, and how listings are signed."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ffprep.errors import EnvironmentFault
from ffprep.storage import s3
from ffprep.storage.aws_credentials import CredentialProvider, credential_provider
from ffprep.storage.s3_listing import signed
from ffprep.storage.settings import aws_config

LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
ROLE = {"AccessKeyId": "role", "SecretAccessKey": "hidden", "Token": "t", "Expiration": LATER}
Write = Callable[..., None]


@pytest.fixture(autouse=True)
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write files below a home folder without any settings."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "FSSPEC_")):
            monkeypatch.delenv(name)
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


def provided() -> CredentialProvider:
    return credential_provider(aws_config())


def test_a_profile_has_region_endpoint_and_keys(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(
        credentials="[default]\naws_access_key_id = one\naws_secret_access_key = s1\n"
        "[work]\naws_access_key_id = two\naws_secret_access_key = s2\naws_session_token = t2\n",
        config="[default]\nregion = eu-west-1\n[profile work]\nregion = eu-central-1\n"
        "services = minio\ns3 =\n    addressing_style = virtual\n"
        "[services minio]\ns3 =\n    endpoint_url = https://minio.example.org/\n",
    )
    assert (aws_config().region, provided()()["access_key_id"]) == ("eu-west-1", "one")
    assert aws_config().url_of("b", "eu-west-1") == "https://s3.eu-west-1.amazonaws.com/b"
    monkeypatch.setenv("AWS_PROFILE", "work")
    config, credentials = aws_config(), provided()()
    assert config.url_of("photos", config.region) == "https://photos.minio.example.org"
    assert (credentials["access_key_id"], credentials["token"]) == ("two", "t2")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert (aws_config().endpoint, aws_config().region) == ("http://localhost:9000", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "three")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3")
    assert provided()()["access_key_id"] == "three"


def test_a_profile_that_is_missing_or_broken_is_named(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws(config="[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "typo")
    with pytest.raises(EnvironmentFault, match="no profile 'typo'"):
        aws_config()
    aws(config="region = eu-west-1\n")
    with pytest.raises(EnvironmentFault, match=r"cannot read the AWS settings in .*config"):
        aws_config()


@pytest.mark.parametrize("key", ["sso_session", "credential_process", "role_arn"])
def test_what_takes_boto3_says_so(aws: Write, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    aws(config=f"[default]\n{key} = something\n")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(EnvironmentFault, match=f"{key}, which takes boto3"):
        provided()


def test_a_process_of_the_profile_is_run_by_boto3(aws: Write, tmp_path: Path) -> None:
    content = json.dumps({"Version": 1, "AccessKeyId": "made", "SecretAccessKey": "s"})
    (tmp_path / "answer").write_text(content)
    aws(config=f"[default]\ncredential_process = cat {tmp_path}/answer\n")
    assert provided()()["access_key_id"] == "made"


def test_without_credentials_the_ways_to_have_them_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(EnvironmentFault, match="set AWS_ACCESS_KEY_ID"):
        provided()


def test_a_machine_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> str:
        if (method, path) == ("PUT", "/latest/api/token"):
            return "token"
        assert headers["x-aws-ec2-metadata-token"] == "token"
        return json.dumps(ROLE) if path.endswith("/worker") else "worker\n"

    with answering(answer) as address:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        found = provided()()
    assert (found["access_key_id"], found["token"]) == ("role", "t")
    assert found["expires_at"]


def test_a_container_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(method: str, path: str, headers: dict[str, str]) -> str:
        assert (path, headers["authorization"]) == ("/v2/x", "secret")
        return json.dumps(ROLE)

    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
    with answering(answer) as address:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/v2/x")
        assert provided()()["access_key_id"] == "role"
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.org/v2/x")
    with pytest.raises(EnvironmentFault, match="neither https"):
        provided()


def test_a_web_identity_assumes_a_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fields = "".join(
        f"<{name}>{text}</{name}>"
        for name, text in {
            "AccessKeyId": "web",
            "SecretAccessKey": "s",
            "SessionToken": "session",
            "Expiration": LATER,
        }.items()
    )
    tree = f'<R xmlns="https://sts/"><Credentials>{fields}</Credentials></R>'
    (tmp_path / "token").write_text("jwt")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
    with answering(lambda *_: tree) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        found = provided()()
    assert (found["access_key_id"], found["token"]) == ("web", "session")


def test_credentials_are_loaded_again_before_they_expire() -> None:
    count = iter(range(9))

    def load(minutes: int) -> Callable[[], object]:
        end = datetime.now(UTC) + timedelta(minutes=minutes)
        return lambda: {
            "access_key_id": str(next(count)),
            "secret_access_key": "s",
            "expires_at": end,
        }

    short, long = CredentialProvider(load(1)), CredentialProvider(load(60))  # type: ignore[arg-type]
    assert [short()["access_key_id"], short()["access_key_id"]] == ["0", "1"]
    assert [long()["access_key_id"], long()["access_key_id"]] == ["2", "2"]


def test_settings_that_were_written_for_fsspec_are_read(
    aws: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "StorageClass": "GLACIER_IR"}
    settings = {"endpoint_url": "https://a.example.org", "s3_additional_kwargs": more}
    aws(fsspec=json.dumps({"s3": settings | {"requester_pays": True, "anon": True}}))
    config = aws_config()
    assert config.endpoint == "https://a.example.org"
    assert config.encryption == {"server_side_encryption": "aws:kms", "sse_kms_key_id": "k"}
    assert (config.requester_pays, config.anonymous) == (True, True)
    assert config.storage_class == "GLACIER_IR"
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", "https://b.example.org")
    assert aws_config().endpoint == "https://b.example.org"
    aws(fsspec=json.dumps({"s3": {"s3_additional_kwargs": {"ACL": "private"}}}))
    with pytest.raises(EnvironmentFault, match=r"'ACL' for s3 .* is not supported"):
        aws_config()
    monkeypatch.setenv("FSSPEC_S3", '{"username": "u", "password": "p"}')
    config_kwargs = {"signature_version": "s3v4", "response_checksum_validation": "when_required"}
    aws(fsspec=json.dumps({"s3": {"config_kwargs": config_kwargs, "version_aware": False}}))
    assert (aws_config().key, aws_config().secret) == ("u", "p")
    aws(fsspec=json.dumps({"s3": {"config_kwargs": {"signature_version": "s3"}}}))
    with pytest.raises(EnvironmentFault, match=r"'signature_version' for s3 .* is not supported"):
        aws_config()
    aws(fsspec=json.dumps({"s3": {"client_kwargs": {"verify": False}}}))
    with pytest.raises(EnvironmentFault, match="verify = false"):
        aws_config()
    monkeypatch.setenv("FSSPEC_S3", "no")
    with pytest.raises(EnvironmentFault, match="FSSPEC_S3: "):
        aws_config()
    aws(fsspec="{")
    with pytest.raises(EnvironmentFault, match=r"conf\.json: cannot read"):
        aws_config()


def test_aws_says_where_a_bucket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda *_: "") as address:
        monkeypatch.setattr(s3, "_REGIONS_ASKED", address)
        assert s3.bucket_region("photos") == "eu-west-3"
    assert s3.bucket_region("photos") == ""


def test_a_signature_is_that_of_the_documentation() -> None:
    """From "Signature Calculations for the Authorization Header" in Amazon S3's API reference."""
    made = signed(
        "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
        {},
        "us-east-1",
        {
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "expires_at": None,
        },
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert made["Authorization"].endswith(f"Signature={signature}")
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date," in made["Authorization"]
