"""Characters for Slack's emoji names.

The library ``emoji`` has the names of Unicode and of GitHub's short codes. This module adds Slack's own names. Source of
Slack's names: https://github.com/iamcal/emoji-data, field ``short_names``.
"""

from __future__ import annotations

import re
from typing import Final

_SKIN_TONES: Final = {str(tone): chr(0x1F3F9 + tone) for tone in range(2, 7)}
_SLACK_NAMES: Final = {
    "email": "✉️",  # elsewhere the name of 📧
    "face_palm": "🤦",
    "large_brown_circle": "🟤",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "large_purple_circle": "🟣",
    "large_yellow_circle": "🟡",
    "salute": "🫡",
    "simple_smile": "🙂",
    "smiling_face_with_3_hearts": "🥰",
}
# The names of other tools: man_shrugging, man_technologist.
_PERSON: Final = re.compile(r"(?:fe)?male-|(?:wo)?man-")
_GENDERS: Final = {"male-": "man_", "female-": "woman_", "man-": "man_", "woman-": "woman_"}
_FLAG: Final = re.compile(r"flag-([a-z]{2})")
_REGIONAL_INDICATOR_A: Final = 0x1F1E6


def emoji(name: str, skin_tone: str = "") -> str | None:
    """Return the character of an emoji.

    ::

        emoji("wave", "3")  # "👋🏼"

    :param name: Slack's name, without colons
    :param skin_tone: ``2`` to ``6``, as in ``:wave::skin-tone-3:``
    :return: ``None`` for unknown names, such as custom emoji of a workspace
    """
    character = _SLACK_NAMES.get(name) or _flag(name) or _from_library(name)
    if character is None or not skin_tone:
        return character
    base, joiner, rest = character.partition("\N{ZERO WIDTH JOINER}")
    return base.removesuffix("\N{VARIATION SELECTOR-16}") + _SKIN_TONES.get(skin_tone, "") + joiner + rest


def _flag(name: str) -> str | None:
    match = _FLAG.fullmatch(name)
    return "".join(chr(_REGIONAL_INDICATOR_A + ord(letter) - ord("a")) for letter in match[1]) if match else None


def _from_library(name: str) -> str | None:
    # Imported here, since its import takes 0.1 seconds and DAG files import the operators.
    from emoji import emojize

    if ":" in name:
        return None
    person = _PERSON.match(name)
    names = [name, _GENDERS[person[0]] + name[person.end() :].replace("-", "_")] if person else [name]
    for candidate in names:
        short_code = f":{candidate}:"
        character = emojize(short_code, language="alias")
        if character != short_code:
            return character
    return None
