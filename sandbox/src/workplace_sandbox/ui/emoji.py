"""Confluence's emoticon names and Slack's emoji names as characters."""

from __future__ import annotations

# Names of ac:emoticon/@ac:name: the editor of Confluence Data Center knows exactly these.
EMOTICONS = {
    "smile": "🙂",
    "sad": "🙁",
    "cheeky": "😛",
    "laugh": "😀",
    "wink": "😉",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "information": "ℹ️",
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠️",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "light-on": "💡",
    "light-off": "💡",
    "yellow-star": "⭐",
    "red-star": "⭐",
    "green-star": "⭐",
    "blue-star": "⭐",
    "heart": "❤️",
    "broken-heart": "💔",
}

SHORT_NAMES = {
    "alarm_clock": "⏰",
    "arrow_down": "⬇️",
    "arrow_up": "⬆️",
    "bar_chart": "📊",
    "bell": "🔔",
    "bow": "🙇",
    "bulb": "💡",
    "calendar": "📅",
    "chart_with_downwards_trend": "📉",
    "chart_with_upwards_trend": "📈",
    "check_mark": "✅",
    "clap": "👏",
    "eyes": "👀",
    "fire": "🔥",
    "heart": "❤️",
    "heavy_check_mark": "✔️",
    "hourglass": "⌛",
    "information_source": "ℹ️",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "light_bulb_on": "💡",
    "link": "🔗",
    "mag": "🔍",
    "memo": "📝",
    "no_entry": "⛔",
    "ok_hand": "👌",
    "page_facing_up": "📄",
    "pray": "🙏",
    "pushpin": "📌",
    "raised_hands": "🙌",
    "red_circle": "🔴",
    "robot_face": "🤖",
    "rocket": "🚀",
    "rotating_light": "🚨",
    "slightly_smiling_face": "🙂",
    "smile": "😄",
    "sparkles": "✨",
    "star": "⭐",
    "tada": "🎉",
    "thumbsup": "👍",
    "+1": "👍",
    "-1": "👎",
    "wave": "👋",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}


# Signs with a meaning are drawn as badges: not every machine has a font with emoji.
_BADGES = {
    "tick": ("✓", "green"),
    "cross": ("×", "red"),
    "warning": ("!", "yellow"),
    "information": ("i", "blue"),
    "plus": ("+", "green"),
    "minus": ("−", "red"),
    "question": ("?", "purple"),
}
_BADGE_SHORT_NAMES = {
    "check_mark": "tick",
    "white_check_mark": "tick",
    "cross_mark": "cross",
    "x": "cross",
    "warning": "warning",
    "info": "information",
    "information_source": "information",
    "question": "question",
}


def badge(name: str, short_name: str) -> tuple[str, str] | None:
    """Return sign and colour of an ``ac:emoticon`` that is a sign rather than a face, None for the others.

    :param name: ``ac:name``.
    :param short_name: ``ac:emoji-shortname``, for example ``:check_mark:``.
    """
    return _BADGES.get(_BADGE_SHORT_NAMES.get(short_name.strip(":"), name))


def emoticon(name: str, short_name: str, fallback: str) -> str:
    """Return the character of an ``ac:emoticon``.

    :param name: ``ac:name``; for a site's own emoji the editor writes ``blue-star`` there.
    :param short_name: ``ac:emoji-shortname``, for example ``:check_mark:``.
    :param fallback: ``ac:emoji-fallback``, a character or again a short name.
    :return: a character, or the short name when it is one of a site's own.
    """
    if fallback and not fallback.startswith(":"):
        return fallback
    known = SHORT_NAMES.get(short_name.strip(":"))
    if known:
        return known
    if short_name and name in {"", "blue-star"}:
        return short_name
    return EMOTICONS.get(name, short_name or f"({name})")
