"""Egress: which hosts and addresses a connector may talk to, so that nothing leads it into the shop's own network.

It opens no connection; it resolves names and judges the addresses that come back.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to its addresses; raises OSError when there are none."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT, and what some clouds use inside
        "::1/128",
        "fc00::/7",
    )
)
"""Addresses that a shop's own system may well have: allowed for hosts that the merchant names."""

_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "100.100.100.200/32",  # metadata (Alibaba)
        "168.63.129.16/32",  # Azure's host, on a public address
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is metadata (Oracle)
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "fd00:ec2::/32",  # metadata (Amazon)
        "fd20:ce::/32",  # metadata (Google)
    )
)
"""Addresses that no shop's system has: refused whoever is named (IANA special-purpose registries, clouds' documentation)."""

_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_GLOBAL_6: Final = tuple(
    # Protocol assignments with Teredo, documentation, 6to4: the last of these carry IPv4 addresses inside.
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class EgressRefused(Exception):
    """A host, scheme or address that a connector must not talk to; nothing was sent."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver.

    Raises:
        OSError: the name has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def normal_host(text: str) -> str:
    """A host, or `host:port`, as it is compared: lower case, punycode, no brackets, no dot at the end.

    Raises:
        ValueError: it is none.
    """
    try:
        url = httpx.URL(f"https://{text}")
    except httpx.InvalidURL as error:
        raise ValueError(f"expected a host such as erp.example or 10.0.0.5:8080, got {text!r}") from error
    bare = url.raw_host.decode("ascii").rstrip(".").lower()
    if not bare or url.userinfo or url.path not in ("", "/") or url.query or url.fragment or not _HOST.fullmatch(bare):
        raise ValueError(f"expected a host such as erp.example or 10.0.0.5:8080, got {text!r}")
    return bare if url.port is None else f"{bare}:{url.port}"


@dataclass(frozen=True)
class Egress:
    """What one shop's connectors may reach: public addresses over https, and what the merchant names beyond."""

    allow_private: frozenset[str] = frozenset()
    """Hosts, or `host:port`, as `normal_host` writes them, that may have private or loopback addresses."""
    allow_http: frozenset[str] = frozenset()
    """Hosts, or `host:port`, that may be spoken to without encryption."""
    resolve: Resolve = field(default=resolve)

    def check(self, url: httpx.URL) -> None:
        """Whether the URL may be asked for at all; its host is resolved later, by `addresses`.

        Raises:
            EgressRefused: it may not; says why.
        """
        host = url.raw_host.decode("ascii", "replace")
        if url.scheme not in ("http", "https"):
            raise EgressRefused(f"expected http or https, got the scheme {url.scheme!r}")
        if not host or url.userinfo:
            raise EgressRefused("expected a URL with a host and without user and password")
        port = url.port or (443 if url.scheme == "https" else 80)
        if url.scheme == "http" and not _named(self.allow_http, host, port):
            raise EgressRefused(f"{host} is not encrypted: use https, or name it in egress.allow_http")

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, every one of them checked; to be connected to as they are, without looking up again.

        Raises:
            EgressRefused: at least one of them is not allowed: a name that also leads inside is not trusted.
            OSError: the name has no address.
        """
        found = await self.resolve(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        private = _named(self.allow_private, host, port)
        for text in found:
            why = refusal(text, private=private)
            if why is not None:
                raise EgressRefused(f"{host} has the address {text}, which is {why}")
        return list(found)


def refusal(text: str, *, private: bool) -> str | None:
    """Why an address must not be connected to; None: it may be. `private`: the host is named in allow_private."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "no address"
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "bound to one network card"
        if address.ipv4_mapped is not None:
            return "an IPv4 address in disguise"
        if address in _NAT64:
            inner = str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
            return refusal(inner, private=False)
    if _within(address, _NEVER):
        return "reserved, link-local or a cloud's metadata service"
    if _within(address, _PRIVATE):
        return None if private else "private; name the host in egress.allow_private if it is meant"
    if isinstance(address, ipaddress.IPv6Address) and (address not in _GLOBAL_6 or _within(address, _NOT_GLOBAL_6)):
        return "not a public address"
    return None


def _within(address: Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _named(names: frozenset[str], host: str, port: int) -> bool:
    bare = host.strip("[]").rstrip(".").lower()
    bracketed = f"[{bare}]" if ":" in bare else bare
    return bare in names or f"{bare}:{port}" in names or f"{bracketed}:{port}" in names
