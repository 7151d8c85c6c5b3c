"""Texts that people may paste as enrollment codes. Enrollment and the web page must treat each text in the same way."""

from __future__ import annotations

CODE = "Kf7Q2mXa"
"""The code to which each text of ACCEPTED is converted."""

ACCEPTED = {
    "unchanged": CODE,
    "surrounding white space": f" \t{CODE}\r\n",
    "white space inside": "Kf7Q 2mXa",
    "other white space": "\u00a0Kf7Q\u20072mXa\u3000",
    "hyphens": "Kf7Q-2mXa",
    "other hyphens": "Kf\u20107\u2011Q\u2013\u20142\u2212mXa\uff0d",
    "soft hyphen": "Kf7Q\u00ad2mXa",
    "zero width": "\u200bKf7Q\u200d2m\u2060Xa\u200c",
    "byte order mark": f"\ufeff{CODE}",
    "direction marks": f"\u202a\u200e{CODE}\u202c\u2066\u2069",
    "variation selector": f"{CODE}\ufe0f",
    "invisible filler": f"{CODE}\u3164",
    "full width": "\uff2b\uff46\uff17\uff31\uff12\uff4d\uff38\uff41",
    "full width inside": "Kf7\uff312mXa",
}
"""Texts that are converted to CODE, by description."""

REFUSED = {
    "too short": "Kf7Q2",
    "too long": "Kf7Q2mXaZ",
    "only white space": " \u00a0 ",
    "umlaut": "Kf7Q2mXä",
    "Cyrillic that looks Latin": "Kf7Q2mX\u0430",
    "superscript": "Kf7Q\u00b2mXa",
    "circled": "Kf7Q\u2461mXa",
    "ligature": "Kf7Q2m\ufb01",
    "combining accent": "Kf7Q2mXa\u0301",
    "full stop": "Kf7Q2mXa.",
    "a sentence": "My code is Kf7Q2mXa",
}
"""Texts that cannot be converted to a code, by description."""
