"""Presigned S3 links (AWS Signature Version 4 in the query); knows no HTTP client.

obstore signs too, but cannot ask for a download name, which browsers need.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signer:
    """The keys that sign, and for which region."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    session_token: str = field(default="", repr=False)

    def presign(
        self, url: str, now: float, expires_in: int, query: Mapping[str, str], method: str = "GET"
    ) -> str:
        """A link that GETs `url` (without a query of its own) from `now` on for `expires_in` s.

        now: seconds since the epoch. query: such as response-content-disposition. method: PUT for
        a link that writes.
        """
        moment = datetime.fromtimestamp(now, UTC)
        stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
        scope = f"{day}/{self.region}/s3/aws4_request"
        words = {
            **query,
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.access_key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires_in),
            "X-Amz-SignedHeaders": "host",
        }
        if self.session_token:
            words["X-Amz-Security-Token"] = self.session_token
        parts = urlsplit(url)
        said = "&".join(sorted(f"{_quoted(name)}={_quoted(word)}" for name, word in words.items()))
        request = "\n".join(
            [method, parts.path, said, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"]
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join([_ALGORITHM, stamp, scope, digest])
        key = f"AWS4{self.secret_access_key}".encode()
        for step in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{url}?{said}&X-Amz-Signature={signature}"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
