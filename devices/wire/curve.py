"""Points of the elliptic curves PACE may name: adding, multiplying, and their bytes.

`cryptography` multiplies its own base points and gives x alone; PACE's generic mapping needs the whole point s·G + H
and then a key pair over that new base. Hence these few lines; what signs or encrypts is never computed here. The
secrets are drawn for one session each and die with it, so the time a multiplication takes tells nobody anything worth
keeping (docs/adr/0019). Source: parameters of FIPS 186-4 and RFC 5639; numbers of the curves: ICAO Doc 9303-11 table 6.
Pure; the only error is WireFault.
"""

from __future__ import annotations

import msgspec

from devices.api import WireFault

Point = tuple[int, int]
_UNCOMPRESSED = 4
_Jacobian = tuple[int, int, int]
_INFINITY: _Jacobian = (1, 1, 0)


class Curve(msgspec.Struct, frozen=True):
    """y² = x³ + ax + b over the field of p; the base has order n, cofactor 1."""

    name: str
    p: int
    a: int
    b: int
    base: Point
    order: int

    @property
    def size_bytes(self) -> int:
        """Return the length of one coordinate."""
        return (self.p.bit_length() + 7) // 8


def _curve(name: str, p: str, a: str, b: str, x: str, y: str, n: str) -> Curve:
    return Curve(name, int(p, 16), int(a, 16), int(b, 16), (int(x, 16), int(y, 16)), int(n, 16))


# by the number a PACEInfo names the curve with
CURVES: dict[int, Curve] = {
    12: _curve(
        "secp256r1",
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    13: _curve(
        "brainpoolP256r1",
        "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    ),
    15: _curve(
        "secp384r1",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    16: _curve(
        "brainpoolP384r1",
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
        "4a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
        "1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
        "8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    ),
    17: _curve(
        "brainpoolP512r1",
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881"
        "ff2f2d82c68528aa6056583a48f3",
        "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f11"
        "17a72bf2c7b9e7c1ac4d77fc94ca",
        "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e679840"
        "50b75ebae5dd2809bd638016f723",
        "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f7c6d"
        "5047406a5e688b352209bcb9f822",
        "7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e5bca4bd88a2763aed1ca"
        "2b2fa8f0540678cd1e0f3ad80892",
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1"
        "d381085ddaddb58796829ca90069",
    ),
    18: _curve(
        "secp521r1",
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fffffffffffffffffffffffffffffff",
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffc",
        "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf0735"
        "73df883d2c34f1ef451fd46b503f00",
        "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de"
        "3348b3c1856a429bf97e7e31c2e5bd66",
        "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761"
        "353c7086a272c24088be94769fd16650",
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03"
        "bb5c9b8899c47aebb6fb71e91386409",
    ),
}


def multiply(curve: Curve, factor: int, point: Point) -> Point:
    """Return factor · point. Raises: WireFault if that is the point at infinity."""
    total, step = _INFINITY, (point[0], point[1], 1)
    for bit in bin(factor % curve.order)[2:]:
        total = _double(curve, total)
        if bit == "1":
            total = _add(curve, total, step)
    return _affine(curve, total)


def add(curve: Curve, left: Point, right: Point) -> Point:
    """Return left + right. Raises: WireFault if that is the point at infinity."""
    return _affine(curve, _add(curve, (*left, 1), (*right, 1)))


def encode_point(curve: Curve, point: Point) -> bytes:
    """Return the uncompressed form, 04 x y."""
    return bytes((_UNCOMPRESSED,)) + b"".join(one.to_bytes(curve.size_bytes, "big") for one in point)


def decode_point(curve: Curve, data: bytes) -> Point:
    """Return the point of an uncompressed form. Raises: WireFault if it is none or not on the curve."""
    size = curve.size_bytes
    if len(data) != 1 + 2 * size or data[0] != _UNCOMPRESSED:
        raise WireFault("ec_point", "form")
    x, y = int.from_bytes(data[1 : 1 + size], "big"), int.from_bytes(data[1 + size :], "big")
    if x >= curve.p or y >= curve.p or (y * y - (x * x * x + curve.a * x + curve.b)) % curve.p:
        raise WireFault("ec_point", "not on the curve")
    return x, y


# ── Jacobian coordinates: x = X/Z², y = Y/Z³; Z = 0 is infinity ────────────────────────────


def _double(curve: Curve, point: _Jacobian) -> _Jacobian:
    x, y, z = point
    p = curve.p
    if not z or not y:
        return _INFINITY
    y2 = y * y % p
    s = 4 * x * y2 % p
    m = (3 * x * x + curve.a * pow(z, 4, p)) % p
    x3 = (m * m - 2 * s) % p
    return x3, (m * (s - x3) - 8 * y2 * y2) % p, 2 * y * z % p


def _add(curve: Curve, left: _Jacobian, right: _Jacobian) -> _Jacobian:
    if not left[2] or not right[2]:
        return right if not left[2] else left
    p = curve.p
    (x1, y1, z1), (x2, y2, z2) = left, right
    z1z1, z2z2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * z2z2 % p, x2 * z1z1 % p
    s1, s2 = y1 * z2 * z2z2 % p, y2 * z1 * z1z1 % p
    h, r = (u2 - u1) % p, (s2 - s1) % p
    if not h:
        return _double(curve, left) if not r else _INFINITY
    h2 = h * h % p
    h3, v = h * h2 % p, u1 * h2 % p
    x3 = (r * r - h3 - 2 * v) % p
    return x3, (r * (v - x3) - s1 * h3) % p, h * z1 * z2 % p


def _affine(curve: Curve, point: _Jacobian) -> Point:
    x, y, z = point
    if not z:
        raise WireFault("ec_point", "infinity")
    inverse = pow(z, -1, curve.p)
    square = inverse * inverse % curve.p
    return x * square % curve.p, y * square * inverse % curve.p
