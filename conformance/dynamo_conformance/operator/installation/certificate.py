"""The certificate by which the API server knows the webhook server."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.kube.labels import OPERATOR_NAME, OPERATOR_NAMESPACE

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain

HOST = f"{OPERATOR_NAME}.{OPERATOR_NAMESPACE}.svc"
AUTHORITY, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate, all parts in PEM.

    Attributes:
        authority: The certificate of the authority that signed it.
        certificate: The server's own.
        key: Its private key.
    """

    authority: bytes
    certificate: bytes
    key: bytes

    @classmethod
    def new(cls) -> Certificate:
        """Return a new one, of an authority whose key nobody keeps."""
        import trustme

        authority = trustme.CA(organization_name="dynamo-conformance")
        issued = authority.issue_cert(HOST)
        return cls(
            authority=authority.cert_pem.bytes(),
            certificate=b"".join(part.bytes() for part in issued.cert_chain_pems),
            key=issued.private_key_pem.bytes(),
        )

    @classmethod
    def of_secret(cls, data: dict[str, Plain]) -> Certificate | None:
        """Return the one that a Secret's `data` holds, or None when a part is missing."""
        parts = [data.get(name) for name in (AUTHORITY, CERTIFICATE, KEY)]
        if not all(isinstance(part, str) and part for part in parts):
            return None
        return cls(*(base64.b64decode(str(part)) for part in parts))

    def secret_data(self) -> dict[str, Plain]:
        """Return it as the `data` of a Secret."""
        parts = {AUTHORITY: self.authority, CERTIFICATE: self.certificate, KEY: self.key}
        return {name: base64.b64encode(part).decode() for name, part in parts.items()}

    @property
    def bundle(self) -> str:
        """What the API server must trust, as its objects write it."""
        return base64.b64encode(self.authority).decode()
