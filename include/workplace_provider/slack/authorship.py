"""The name and icon of a message's sender, instead of the app's own.

Source: https://docs.slack.dev/reference/scopes/chat.write.customize
"""

from __future__ import annotations

import re
from typing import Any, Final

from workplace_provider.common.arguments import none_if_blank

_EMOJI: Final = re.compile(r":[^\s:]+(?:::skin-tone-[2-6])?:")


def parse_icon(value: Any, where: str) -> dict[str, str]:
    """Return the argument of Slack's methods for an icon: an emoji or the URL of a picture; empty without one.

    :raises ValueError: it is neither
    """
    if isinstance(value, dict):
        return value
    text = none_if_blank(value)
    if text is None:
        return {}
    if _EMOJI.fullmatch(str(text)):
        return {"icon_emoji": str(text)}
    if str(text).startswith("https://"):
        return {"icon_url": str(text)}
    raise ValueError(f"{where} is {text!r}; it must be an emoji such as ':memo:', or an https URL of a picture")
