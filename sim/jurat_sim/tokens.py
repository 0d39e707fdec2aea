"""Replay tokens: a schedule in a line of text.

A token names everything that decides a run: the scenario, the submissions of it that are left
out, the defect if one was seeded, the grain, and the choices, as deviations from the
run-to-block default.  The numbers a run
draws follow from the scenario's name.  So a token, with the same source, is the run:

    v1.AYHE2LJUGQ2DKNBVGA4TKMZSGE3A

It says which source it was made from (16 bits of the digest of the worker's files), since
with other source the same choices may lead elsewhere.

The bytes inside: length of what follows it (without the checksum), scenario (32 bits of
the name's SHA-256), grain, defect, source (16 bits), then a pair for each deviation: the
choices since the last one, and the option; then a checksum of all that (16 bits of CRC-32).
The number of the grain is greater by two if submissions are left out, and by four if the clock
has no tick.  If submissions are left out, a number whose bits say which follows the source: the
lowest bit is the first submission.
Whole numbers are varints, seven bits a byte, low bits first, save where bits are named.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from enum import StrEnum

from .errors import TokenAlphabet, TokenChecksum, TokenPrefix, TokenTruncated, TokenUnknown

PREFIX = "v1."


class Grain(StrEnum):
    """How fine a step is."""

    SEAM = "seam"  # from one operation of the seam to the next
    ACCESS = "access"  # from one access of shared state to the next


_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_GRAINS = (Grain.SEAM, Grain.ACCESS)
_FAMILIES = ("D", "L", "T", "W", "F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a token says."""

    scenario: bytes
    """`name_hash` of the scenario's name."""
    grain: Grain
    defect: str | None
    """Id of the seeded defect, such as D04."""
    tick_ns: int = 1
    """What a reading of the clock costs: one, or zero where a search found the schedule."""
    source: int
    """`Build.digest`, shortened: the worker's files that the schedule was recorded from."""
    deviations: tuple[tuple[int, int], ...]
    """(number of the choice, option), in order."""
    omitted: tuple[int, ...] = ()
    """Submissions that are left out, from 0, in the order in which the run would make them."""


def name_hash(name: str) -> bytes:
    """Four bytes that stand for a name."""
    return hashlib.sha256(name.encode()).digest()[:4]


def encode(schedule: Schedule) -> str:
    """The token of this schedule."""
    inside = bytearray(schedule.scenario)
    variant = bool(schedule.omitted) + 2 * (not schedule.tick_ns)
    inside += _varint(_GRAINS.index(schedule.grain) + len(_GRAINS) * variant)
    inside += _varint(_defect_number(schedule.defect))
    inside += schedule.source.to_bytes(2, "big")
    if schedule.omitted:
        inside += _varint(sum(1 << number for number in set(schedule.omitted)))
    next_choice = 0
    for choice, option in schedule.deviations:
        inside += _varint(choice - next_choice) + _varint(option)
        next_choice = choice + 1
    whole = _varint(len(inside)) + inside
    whole += _checksum(whole)
    return PREFIX + base64.b32encode(whole).decode().rstrip("=")


def decode(token: str) -> Schedule:
    """The schedule of this token, or a `BadToken` that says what is wrong with it."""
    inside = _opened(token)
    reader = _Reader(token, inside)
    scenario = reader.take(4)
    number = reader.varint()
    variant, grain = divmod(number, len(_GRAINS))
    if variant > 3:
        raise TokenUnknown(token, f"unknown grain number {number}")
    defect = _defect_id(reader.varint())
    source = int.from_bytes(reader.take(2), "big")
    bits = reader.varint() if variant % 2 else 0
    deviations = []
    next_choice = 0
    while reader.left:
        choice = next_choice + reader.varint()
        deviations.append((choice, reader.varint()))
        next_choice = choice + 1
    return Schedule(
        scenario=scenario,
        grain=_GRAINS[grain],
        defect=defect,
        tick_ns=int(variant < 2),
        source=source,
        deviations=tuple(deviations),
        omitted=tuple(number for number in range(bits.bit_length()) if bits >> number & 1),
    )


def _opened(token: str) -> bytes:
    """The bytes between length and checksum, both of which are right."""
    if not token.startswith(PREFIX):
        raise TokenPrefix(token, f"it should begin with {PREFIX}")
    text = token[len(PREFIX) :].upper()
    if not _LETTERS.issuperset(text):
        raise TokenAlphabet(token, "only the letters A to Z and the digits 2 to 7 may follow the prefix")
    # Lengths that base32 cannot have are those of a token with its end cut off: read what is there.
    whole_text = text[: len(text) - (len(text) % 8 in (1, 3, 6))]
    whole = base64.b32decode(whole_text + "=" * (-len(whole_text) % 8))
    reader = _Reader(token, whole)
    length = reader.varint()
    inside = reader.take(length)
    checksum = reader.take(2)
    if reader.left:
        raise TokenChecksum(token, f"{reader.left} bytes too many")
    if checksum != _checksum(whole[:-2]) or base64.b32encode(whole).decode().rstrip("=") != text:
        raise TokenChecksum(token)
    return inside


class _Reader:
    """Bytes, read from the left."""

    def __init__(self, token: str, data: bytes) -> None:
        self._token = token
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if self.left < size:
            raise TokenTruncated(self._token, f"{size - self.left} bytes are missing")
        self._at += size
        return self._data[self._at - size : self._at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _checksum(data: bytes | bytearray) -> bytes:
    return (zlib.crc32(data) & 0xFFFF).to_bytes(2, "big")


def _defect_number(defect: str | None) -> int:
    """0 for none, else the letter and the number as one number."""
    if defect is None:
        return 0
    return 1 + _FAMILIES.index(defect[0]) + len(_FAMILIES) * int(defect[1:])


def _defect_id(number: int) -> str | None:
    if number == 0:
        return None
    digits, family = divmod(number - 1, len(_FAMILIES))
    return f"{_FAMILIES[family]}{digits:02}"
