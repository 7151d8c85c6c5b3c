"""Generate valid and invalid values of single fields from the type and the validation rules of the field."""

from __future__ import annotations

import base64
import math
import time
from random import Random
from typing import Any
from uuid import UUID

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from e2e.images import identity_document, selfie

_PASSWORDS = ("meadow-copper-58-lantern", "granite-sparrow-90-harbour", "x" * 256)
# Valid values of fields whose validation rule is an expression. Values cannot be derived from an expression.
_EXAMPLES: dict[str, tuple[str, ...]] = {
    "date_of_birth": ("", "1990-05-17", "2000-02-29"),
    "locale": ("", "en", "de-CH", "zh-Hans-CN"),
    "time_zone": ("", "UTC", "Europe/London", "Asia/Kathmandu"),
    "url": ("", "https://example.org/page?x=1#y", "https://münchen.example:8443/"),
    "choice_id": ("a", "b", "goggles", "_-9"),
    "paths": ("*", "name", "support_phone"),  # the paths of a FieldMask
    "markdown": (
        "# Title\n\n*text* [link](https://example.org)",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ),
    "password": _PASSWORDS,
    "current_password": _PASSWORDS,
    "new_password": _PASSWORDS,
    "administrator_contact": ("", "office@example.org"),
    "support_phone": ("", "+44 20 7946 0123"),
}
_ALPHABETS = (
    "abc XYZ 019",
    "äöüßéñ Ł",
    "考試中文",
    "한국어",
    "ไทยกำ",
    "עברית",
    "العربية",
    "e\u0301a\u0308",
    "🎓👩🏽‍🔬🇨🇭",
)
_UNUSUAL_TEXTS = (
    "", " ", "\t", "\0", "a\0b", "\n", "a\r\nb", "\x1b[31m", "\x7f", "\u202eabc", "\u2066abc", "\u200b", "\u200d", "\ufeff",
    "\u2028", "\u0301" * 50, "Z" + "\u0336" * 300, "\U000e0041", "\U0010ffff", "\ufffe", "\ud7ff", "ﷺ", "İı", "ß", "Ａ１",
    "' OR 1=1 --", "%s%n%x", "%00", "{}", "{0.__class__}", "${jndi:ldap://x}", "../../etc/passwd", "<script>alert(1)</script>",
    "&lt;", "\\", '"', "=1+1", "a@b@c", "@", "a" * 64 + "@" + "b" * 190, "1e400", "NaN", "null", "true", "0", "-1", "9" * 400,
    "1990-02-30", "0000-00-00", "9999-12-31", "Europe/Nowhere", "../UTC", "en_US", "x-", "https://", "javascript:alert(1)",
    "https://[::1", "evt.*.>", "00000000-0000-0000-0000-000000000000", "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000", "0" * 32, "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
)  # fmt: skip
_TIMES = (0, 1, -1, -62135596800, -62135596801, 253402300799, 253402300800, 2**31, 2**40, -(2**40), 2**63 - 1, -(2**63))  # fmt: skip
_NANOS = (0, 1, -1, 999_999_999, 1_000_000_000, -999_999_999, 2**31 - 1, -(2**31))
_DOUBLES = (0.0, -0.0, 0.5, 1.0, -1.0, 5e-324, 1e-9, 1e308, -1e308, math.inf, -math.inf, math.nan, 0.1 + 0.2, 2.0**53)  # fmt: skip
_IMAGES = (
    b"",
    b"\0",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"II*\0",
    b"\0\0\0\x18ftypheic",
    b"%PDF-1.7",
)
_SIGNED_BITS = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63}
_FRACTIONS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_KNOWN_LIMIT = 300
_RECENT = 30
_LONGEST_TEXT = 300_000
# Maps the name of a response field to the name of the request field in which the value is used.
_LEARNED = {
    "page_token": "page_token",
    "next_page_token": "page_token",
    "cursor": "cursor",
    "email": "email",
    "refresh_token": "refresh_token",
    "etag": "etag",
    "text": "code",
    "file_name": "title",
}
_ALIASES = {
    "proctor_id": "person_id",
    "learner_id": "person_id",
    "to_person_id": "person_id",
    "lead_proctor_id": "person_id",
    "expected_lead_proctor_id": "person_id",
    "changed_by": "person_id",
    "correct_choice_id": "choice_id",
}


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """Return the validation rules of a field."""
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return rules


class Known:
    """Values from responses, grouped by the request field that uses them; at most `_KNOWN_LIMIT` values per field."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._values: dict[str, list[str]] = {}
        self._protected: set[str] = set()

    def protect(self, *values: str) -> None:
        """Never store `values`, so that no request changes the person to whom the values belong."""
        self._protected.update(values)

    def learn(self, message: Message) -> None:
        """Store the ids, page tokens, cursors, codes and e-mail addresses in a response."""
        for field, value in message.ListFields():
            if field.name == "text" and message.DESCRIPTOR.name != "Code":
                continue
            if field.message_type is not None:
                for inner in value if field.is_repeated else (value,):
                    if isinstance(inner, Message):
                        self.learn(inner)
            elif field.type == FieldDescriptor.TYPE_STRING:
                for text in value if field.is_repeated else (value,):
                    self._note(field.name, text)

    def choose(self, name: str) -> str | None:
        """Return a random stored value for the field `name`; return None if no value is stored for the field."""
        values = self._values.get(_pool(name))
        if not values:
            return None
        # Choose the newest values more often, because the newest values belong to the current callers.
        return self._random.choice(values[-_RECENT:] if self._random.random() < 0.5 else values)

    def any_id(self) -> str | None:
        """Return a random stored id of any kind of resource; return None if no id is stored."""
        names = [name for name, values in self._values.items() if name.endswith("_id") and values]
        return self.choose(self._random.choice(names)) if names else None

    def _note(self, name: str, text: str) -> None:
        pool = _LEARNED.get(name) or (
            _pool(name) if name.endswith(("_id", "_ids", "_by")) else None
        )
        if pool is None or not text or text in self._protected:
            return
        if pool == "refresh_token" and self._random.random() < 0.7:
            # Store only a few refresh tokens. If the fuzzer reuses a refresh token, all sign-ins of the token's owner
            # end, and later calls of the owner are refused.
            return
        values = self._values.setdefault(pool, [])
        if text in values[-_RECENT:]:
            return
        values.append(text)
        if len(values) > _KNOWN_LIMIT:
            del values[self._random.randrange(_KNOWN_LIMIT - _RECENT)]


def _pool(name: str) -> str:
    single = name.removesuffix("s") if name.endswith("_ids") else name
    return _ALIASES.get(single, single)


class Values:
    """Generates values of fields, except of fields whose type is a message."""

    def __init__(self, random: Random, known: Known) -> None:
        self._random = random
        self._known = known

    def scalar(self, field: FieldDescriptor, rules: validate_pb2.FieldRules, *, sane: bool) -> Any:
        """Return a value that the rules allow. If `sane` is false, return a value that is likely to be refused."""
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return self._bytes(sane=sane)
            case FieldDescriptor.CPPTYPE_STRING:
                return self._text(field, rules) if sane else self._unusual_text(field, rules)
            case FieldDescriptor.CPPTYPE_BOOL:
                return self._random.random() < 0.5
            case FieldDescriptor.CPPTYPE_ENUM:
                return self._enum(field, rules, sane=sane)
            case _:
                return self._number(field, rules, sane=sane)

    def timestamp(self, *, sane: bool) -> tuple[int, int]:
        """Return a time as seconds and nanoseconds. If `sane`, the time is close to the present."""
        if sane:
            return int(time.time()) + self._random.randint(-3600, 30 * 86400), 0
        return self._random.choice(_TIMES), self._random.choice(_NANOS)

    def duration(self, rules: validate_pb2.DurationRules, *, sane: bool) -> tuple[int, int]:
        """Return a duration as seconds and nanoseconds. If `sane`, the rules allow the duration."""
        if sane:
            low = rules.gte.seconds
            high = rules.lte.seconds if rules.HasField("lte") else low + 7200
            return self._random.choice((low, high, self._random.randint(low, high))), 0
        return self._random.choice(_TIMES), self._random.choice(_NANOS)

    def _text(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> str:
        name, limits, random = field.name, rules.string, self._random
        if name == "request_id":
            return str(UUID(int=random.getrandbits(128), version=4))
        if name.endswith(("_id", "_ids")):
            return self._id(name, needed=limits.uuid and not rules.ignore)
        if name in _EXAMPLES:
            return random.choice(_EXAMPLES[name])
        if name in {"page_token", "cursor", "refresh_token", "etag", "code", "text"}:
            known = self._known.choose(name)
            if known is not None and random.random() < 0.7:
                return known
            if name != "text":
                return "" if limits.min_len == 0 else "abcd2345"
        if limits.email:
            known = self._known.choose(name)
            if known is not None and random.random() < 0.3:
                return known
            return f"fuzz.{random.getrandbits(48):x}@example.org"
        most = limits.max_len or 100
        length = random.choice((limits.min_len, min(most, 20), random.randint(limits.min_len, min(most, 300))))  # fmt: skip
        if random.random() < 0.03:
            length = most
        return self._letters(max(length, limits.min_len))

    def _letters(self, length: int) -> str:
        alphabet = self._random.choice(_ALPHABETS)
        made = "".join(self._random.choices(alphabet, k=min(length, 1000)))
        text = (made * (length // 1000 + 1))[:length]
        # Let the text start with a letter, because services refuse a text that consists only of blanks and combining
        # marks.
        return f"a{text[1:]}" if text else text

    def _id(self, name: str, *, needed: bool) -> str:
        random = self._random
        if not needed and random.random() < 0.3:
            return ""
        known = self._known.choose(name) if random.random() < 0.85 else self._known.any_id()
        if known is None or random.random() < 0.05:
            return str(UUID(int=random.getrandbits(128), version=4))
        return known

    def _unusual_text(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> str:
        random = self._random
        most = rules.string.max_len
        match random.randrange(8):
            case 0 if most:
                return self._letters(min(most + 1, _LONGEST_TEXT))
            case 1 if most:
                return self._letters(min(most, _LONGEST_TEXT))
            case 2:
                return self._letters(random.choice((5_000, 70_000, _LONGEST_TEXT)))
            case 3:
                return self._crafted(field.name)
            case 4:
                return self._known.any_id() or ""
            case 5:
                return (
                    chr(random.randrange(0xD800))
                    + self._letters(5)
                    + chr(random.randrange(0xE000, 0x110000))
                )
            case 6:
                # Services must refuse NUL characters, because PostgreSQL cannot store them.
                return random.choice(("\0", f"a\0{self._letters(5)}"))
            case _:
                return random.choice(_UNUSUAL_TEXTS)

    def _crafted(self, name: str) -> str:
        """Return a changed copy of a stored value for the field `name`.

        If no value is stored for this field, the result is a forged page token.
        """
        random = self._random
        known = self._known.choose(name)
        if known is None:
            content = random.choice((b"", b"[]", b'["people"]', b'["people","\\u0000"]', b"\0" * 16, b"{" * 1000))  # fmt: skip
            return base64.urlsafe_b64encode(random.randbytes(16) + content).decode()
        where = random.randrange(len(known))
        return random.choice(
            (
                known.upper(),
                known.replace("-", ""),
                known[:where],
                f"{known}=",
                f" {known}",
                known[:where] + random.choice("Aa0-_=/+\0é") + known[where + 1 :],
            )
        )

    def _bytes(self, *, sane: bool) -> bytes:
        random = self._random
        if sane:
            return selfie() if random.random() < 0.5 else identity_document("Lena Fischer")
        start = random.choice((*_IMAGES, selfie()[: random.randrange(1, 3000)]))
        return start + random.randbytes(random.choice((0, 1, 30, 5_000, 200_000)))

    def _enum(self, field: FieldDescriptor, rules: validate_pb2.FieldRules, *, sane: bool) -> int:
        assert field.enum_type is not None
        numbers = [value.number for value in field.enum_type.values]
        if sane:
            return self._random.choice(
                [number for number in numbers if number not in rules.enum.not_in]
            )
        return self._random.choice([*numbers, -1, max(numbers) + 1, 2**31 - 1, -(2**31)])

    def _number(
        self, field: FieldDescriptor, rules: validate_pb2.FieldRules, *, sane: bool
    ) -> int | float:
        random = self._random
        kind = rules.WhichOneof("type")
        limits = getattr(rules, kind) if kind is not None else None
        low, high = _bounds(limits)
        if field.cpp_type in _FRACTIONS:
            if sane:
                return random.choice((low or 0.5, high, random.uniform(low, high)))
            return random.choice((*_DOUBLES, low, high, math.nextafter(high, math.inf)))
        most = (1 << _SIGNED_BITS.get(field.cpp_type, 31)) - 1
        smallest, greatest = int(low), int(min(high, most))
        if sane:
            near = min(greatest, smallest + 100)
            return random.choice((smallest, near, random.randint(smallest, near), greatest))
        extremes = (0, 1, -1, smallest, greatest, smallest - 1, greatest + 1, most, -most - 1)
        return max(-most - 1, min(most, random.choice(extremes)))


def _bounds(limits: Any) -> tuple[float, float]:
    """Return the smallest and the greatest number that the rules allow."""
    low, high = 0.0, 1000.0
    if limits is None:
        return low, high
    for name, step in (("gte", 0), ("gt", 1)):
        if limits.DESCRIPTOR.fields_by_name.get(name) and limits.HasField(name):
            low = float(getattr(limits, name)) + step
    for name, step in (("lte", 0), ("lt", 1)):
        if limits.DESCRIPTOR.fields_by_name.get(name) and limits.HasField(name):
            high = float(getattr(limits, name)) - step
    return low, max(low, high)
