"""Attributes of a `Set-Cookie` changed on its way to the browser (RFC 6265bis, sections 4.1 and 5.6).

Browsers cut a value at every semicolon, whatever surrounds it, and read names of attributes in any case; so does this.
Everything that is not to be changed stays byte for byte.
"""

from dataclasses import dataclass

_SECURE_PREFIXES = (b"__secure-", b"__http-")
_HOST_PREFIX = b"__host-"
"""A name that begins so promises Secure, Path=/ and no Domain; browsers drop a cookie that breaks the promise."""


@dataclass(frozen=True, slots=True)
class CookieChanges:
    """What to write into every cookie. None leaves an attribute as it is, an empty value takes it away."""

    same_site: bytes | None = None
    secure: bool | None = None
    domain: bytes | None = None
    path: bytes | None = None

    def apply(self, value: bytes) -> bytes:
        """The value of one `Set-Cookie` with the changes made; what its name promises is kept."""
        pair, *attributes = value.split(b";")
        name = pair.partition(b"=")[0].strip(b" \t").lower()
        is_host_bound = name.startswith(_HOST_PREFIX)
        wanted = {b"samesite": (b"SameSite", self.same_site)}
        if not is_host_bound:
            wanted |= {b"domain": (b"Domain", self.domain), b"path": (b"Path", self.path)}
        changes = {key: change for key, change in wanted.items() if change[1] is not None}
        removes_secure = self.secure is False and not (is_host_bound or name.startswith(_SECURE_PREFIXES))
        names = [attribute.partition(b"=")[0].strip(b" \t").lower() for attribute in attributes]
        kept = [
            attribute
            for attribute, key in zip(attributes, names, strict=True)
            if key not in changes and not (removes_secure and key == b"secure")
        ]
        added = [b" %b=%b" % (spelling, text) for spelling, text in changes.values() if text]
        if self.secure and b"secure" not in names:
            added.append(b" Secure")
        return b";".join((pair, *kept, *added))
