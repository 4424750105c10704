"""Files as private objects in a bucket that speaks S3: Amazon's, or one of one's own (MinIO, Ceph, Garage, R2).

Objects are reached with our keys only: nothing here makes one public, and no link to one is ever handed out.
"""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from grants.ports.storage import OURS, StoreAway, new_name

FOLDER = "files/"
"""What stands before each of our names in the bucket, so that it may hold other things too."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and how it is opened. No ``endpoint``: Amazon's. No keys: those that the machine has itself.

    ``path_style``: the bucket stands in the path (``https://host/bucket/…``), not in the host's name.
    """

    name: str
    endpoint: str = ""
    region: str = "eu-west-2"
    key_id: str = ""
    secret: str = ""
    path_style: bool = False


class S3Store:
    """One client for all threads, made when the first file comes or goes: the library is large."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._client: Any = None
        self._lock = Lock()

    def put(self, content: bytes, *, suffix: str) -> str:
        name = new_name(suffix)
        self._ask("put_object", Key=FOLDER + name, Body=content, ContentType="application/octet-stream")
        return name

    def get(self, name: str) -> bytes:
        if not OURS.fullmatch(name):
            raise FileNotFoundError(name)
        return bytes(self._ask("get_object", Key=FOLDER + name))

    def names_before(self, moment: datetime) -> list[str]:
        found: list[str] = []
        after = ""
        while True:
            told = self._ask("list_objects_v2", Prefix=FOLDER, **({"StartAfter": after} if after else {}))
            kept = [(str(one["Key"]), one["LastModified"]) for one in told.get("Contents", ())]
            found += [key.removeprefix(FOLDER) for key, at in kept if at < moment]
            if not told.get("IsTruncated") or not kept:
                return sorted(name for name in found if OURS.fullmatch(name))
            after = kept[-1][0]

    def forget(self, name: str) -> None:
        if OURS.fullmatch(name):
            self._ask("delete_object", Key=FOLDER + name)

    def _ask(self, what: str, **asked: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = getattr(self.client, what)(Bucket=self.bucket.name, **asked)
            return answer["Body"].read() if what == "get_object" else answer
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "404"):
                raise FileNotFoundError(asked["Key"]) from None
            raise StoreAway(f"the bucket says {code}") from None
        except BotoCoreError as error:
            raise StoreAway(type(error).__name__) from None

    @property
    def client(self) -> Any:
        """The library's client: signature version 4, three tries, seconds rather than minutes of waiting."""
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config

                self._client = boto3.session.Session().client(
                    "s3",
                    endpoint_url=self.bucket.endpoint or None,
                    region_name=self.bucket.region,
                    aws_access_key_id=self.bucket.key_id or None,
                    aws_secret_access_key=self.bucket.secret or None,
                    config=Config(
                        signature_version="s3v4",
                        connect_timeout=5,
                        read_timeout=20,
                        retries={"mode": "standard", "total_max_attempts": 3},
                        s3={"addressing_style": "path" if self.bucket.path_style else "virtual"},
                        # Checksums of Amazon's own are not understood everywhere; the signature covers the content.
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._client
