"""An S3-compatible store for what is whole: `s3://BUCKET/PREFIX?endpoint=URL&region=NAME&credentials=FILE`.

Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from a file in the form of ~/.aws/credentials, named by
`credentials` or AWS_SHARED_CREDENTIALS_FILE: never from the command line, and nothing else is asked for them. Each
object is sent with its SHA-256, which the store compares.
"""

from __future__ import annotations

import base64
import configparser
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.blobs import BlobFolder, drop_old
from sandbox.problems import Problem

log = logging.getLogger(__name__)
ALLOWED = {"endpoint", "region", "credentials"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CONNECTIONS = 40  # as many as the pool of threads that serve requests
TIMES_S = {"connect_timeout": 5, "read_timeout": 30}
BUSY_S = 5


class BlobBucket(BlobFolder):
    """Uploads are gathered in a local folder; sealed and plain objects are kept in the bucket."""

    def __init__(self, make_client: Callable[[], Any], bucket: str, prefix: str, scratch: Path) -> None:
        super().__init__(scratch)
        self._make_client = make_client
        self._lock = threading.Lock()
        self._made: Any = None
        self._is_away = False  # as this process found it last
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        for name in ("opening", "fetched"):
            (scratch / name).mkdir(exist_ok=True, mode=0o700)

    @property
    def _client(self) -> Any:
        """The one client, made when first needed: it takes a third of a second, and many only read the database."""
        with self._lock:
            if self._made is None:
                self._made = self._make_client()
            return self._made

    def check(self) -> None:
        """Return if the bucket takes an object and gives it back; by a client of its own, workers are not born yet.

        Raises: ValueError that names the place and what it said.
        """
        client, name = self._make_client(), {"Bucket": self._bucket, "Key": f"{self._prefix}probe"}
        try:
            client.put_object(**name, Body=b"probe")
            with client.get_object(**name)["Body"] as body:
                body.read()
        except (BotoCoreError, ClientError) as fault:
            raise ValueError(f"--blobs: s3://{self._bucket}/{self._prefix}: {fault}") from fault
        finally:
            client.close()

    def keep_sealed(self, upload_id: str, sha256: str) -> None:
        """Send a settled upload to the bucket. The gathered bytes stay until the commit: they save fetching it."""
        self._send(self.upload_path(upload_id), self.sealed_key(upload_id), sha256)

    def sealed_key(self, upload_id: str) -> str:
        """Return the object's name within the prefix."""
        return f"sealed/{upload_id}"

    @contextmanager
    def sealed_file(self, upload_id: str) -> Iterator[Path]:
        """The gathered bytes, or the object fetched for the length of the block."""
        gathered = self.upload_path(upload_id)
        if gathered.exists():
            yield gathered
            return
        path = self.root / "fetched" / secrets.token_hex(16)
        try:
            self._fetch(self.sealed_key(upload_id), path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def release(self, upload_id: str) -> None:
        """Forget the gathered bytes: the bucket has them."""
        self.drop(upload_id)

    def plain_path(self, dev: str, sid: str, part: str, mime: str) -> Path:
        """Return a place of this request's own: a concurrent one sends the same object and takes its file away."""
        return self.root / "opening" / secrets.token_hex(16)

    def keep_plain(self, path: Path, key: str, sha256: str) -> None:
        """Send a plain part to the bucket and delete the local file."""
        try:
            self._send(path, key, sha256)
        finally:
            path.unlink(missing_ok=True)

    def plain_file(self, key: str) -> Path:
        """Return a kept plain part as a local file, which goes after an hour."""
        path = self.root / "fetched" / f"{hash_of(key.encode()).hexdigest()}{Path(key).suffix}"
        if not path.exists():
            fresh = path.with_name(f".{secrets.token_hex(8)}")
            self._fetch(key, fresh)
            fresh.replace(path)
        return path

    def sync_plain(self, dev: str, sid: str) -> None:
        """Nothing to do: an object that was taken is durable."""

    def sweep(self) -> None:
        """Delete local files that are no longer of use."""
        for folder in ("opening", "fetched"):
            for path in (self.root / folder).iterdir():
                drop_old(path)

    def _send(self, path: Path, key: str, sha256: str) -> None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with self._answering_busy(), path.open("rb") as file:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=file, ChecksumSHA256=checksum,
                ContentLength=path.stat().st_size,
            )  # fmt: skip

    def _fetch(self, key: str, path: Path) -> None:
        with self._answering_busy():
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"]
            with body, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)

    @contextmanager
    def _answering_busy(self) -> Iterator[None]:
        """Away or refusing: nothing is promised, the terminal comes again. The log tells the first time and the end."""
        try:
            yield
        except (BotoCoreError, ClientError) as fault:
            if not self._is_away:
                log.warning("object store: terminals are told to wait: %s", fault)
            self._is_away = True
            raise Problem(503, "busy", retry_after_s=BUSY_S) from fault
        if self._is_away:
            log.warning("object store: it answers again")
        self._is_away = False


def open_bucket(url: str, scratch: Path) -> BlobBucket:
    """Return the blobs in the bucket that `url` names. Raises: ValueError for what it lacks or must not hold."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("--blobs: no credentials in the URL; the environment or a file hold them")
    query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    if not parts.netloc or not set(query) <= ALLOWED:
        raise ValueError(f"--blobs: s3://BUCKET/PREFIX, with {', '.join(sorted(ALLOWED))} at most")
    chosen = {name: values[0] for name, values in query.items()}
    endpoint = chosen.get("endpoint")
    if endpoint is not None:
        place = urlsplit(endpoint)
        if place.scheme != "https" and not (place.scheme == "http" and place.hostname in LOOPBACK):
            raise ValueError("--blobs: an endpoint is https, or http on this machine")
    key, secret = _load_credentials(chosen.get("credentials", ""))
    region = chosen.get("region", "us-east-1")
    return BlobBucket(lambda: _make_client(key, secret, region, endpoint), parts.netloc, parts.path.strip("/"), scratch)


def _make_client(key: str, secret: str, region: str, endpoint: str | None) -> Any:
    import boto3
    from botocore.client import Config

    config = Config(
        s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 3}, proxies={},
        max_pool_connections=CONNECTIONS, request_checksum_calculation="when_required", **TIMES_S,
    )  # fmt: skip
    return boto3.session.Session(key, secret, region_name=region).client("s3", endpoint_url=endpoint, config=config)


def _load_credentials(path: str) -> tuple[str, str]:
    names = ("aws_access_key_id", "aws_secret_access_key")
    found = [os.environ.get(name.upper(), "") for name in names]
    file = path or os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "")
    if file and (path or not all(found)):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(Path(file).read_text())
            found = [parser.get("default", name) for name in names]
        except configparser.Error as fault:
            raise ValueError(f"--blobs: {file} has no [default] with {' and '.join(names)}") from fault
    if not all(found):
        raise ValueError("--blobs: no credentials in the environment, and no file of them is named")
    return found[0], found[1]
