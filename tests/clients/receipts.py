"""Verifies the receipt that Privyseal's gateway sends with a request that people approved. Needs PyJWT with `crypto`."""

import hashlib
import time

import jwt


class Receipts:
    def __init__(self, approver: str, authority: str):
        self.issuer = approver
        self.authority = authority
        self.keys = jwt.PyJWKClient(f"{approver}/.well-known/jwks.json")
        self.used: dict[str, int] = {}  # one process; several share a table with a unique key

    def check(self, receipt: str, method: str, path: str, body: bytes) -> dict:
        """The claims of a receipt for exactly this request, once; otherwise raises jwt.InvalidTokenError."""
        if jwt.get_unverified_header(receipt).get("typ") != "privyseal-receipt+jwt":
            raise jwt.InvalidTokenError("not a receipt")
        claims = jwt.decode(
            receipt,
            self.keys.get_signing_key_from_jwt(receipt),
            algorithms=["EdDSA"],
            issuer=self.issuer,
            audience=self.authority,
            options={"require": ["exp", "iat", "jti"]},
        )
        seen = {"method": method, "path": path, "body_sha256": hashlib.sha256(body).hexdigest()}
        for name, value in seen.items():
            if claims[name] != value:
                raise jwt.InvalidTokenError(f"the receipt is for another {name}")
        now = time.time()
        self.used = {jti: exp for jti, exp in self.used.items() if exp > now}
        if claims["jti"] in self.used:
            raise jwt.InvalidTokenError("the receipt was used before")
        self.used[claims["jti"]] = claims["exp"]
        return claims
