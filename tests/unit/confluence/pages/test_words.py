from __future__ import annotations

import pytest

from workplace_provider.confluence.pages import PageDocument, edits
from workplace_provider.confluence.pages.selectors import headings_named
from workplace_provider.confluence.pages.words import Identity, visible_text


def mention(name: str, kind: str = "username") -> str:
    return f'<ac:link><ri:user ri:{kind}="{name}" /></ac:link>'


def link(title: str, space: str = "", text: str = "") -> str:
    key = f'ri:space-key="{space}" ' if space else ""
    body = f"<ac:link-body>{text}</ac:link-body>" if text else ""
    return f'<ac:link><ri:page {key}ri:content-title="{title}" />{body}</ac:link>'


def jira(key: str, server: str = "a") -> str:
    return (
        f'<ac:structured-macro ac:name="jira"><ac:parameter ac:name="serverId">{server}</ac:parameter>'
        f'<ac:parameter ac:name="key">{key}</ac:parameter></ac:structured-macro>'
    )


PICTURE = '<ac:image><ri:attachment ri:filename="{}.png" /></ac:image>'
ROCKET = '<ac:emoticon ac:name="blue-star" ac:emoji-id="1f680" ac:emoji-fallback="🚀" />'
STATUS = '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">완료</ac:parameter></ac:structured-macro>'


def identity(markup: str) -> Identity:
    return Identity.of(PageDocument(markup).root)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (ROCKET, "🚀"),
        ('<ac:emoticon ac:name="tick" />', "✅"),
        ('<ac:emoticon ac:emoji-fallback=":party:" ac:emoji-id="atlassian-party" />', ":party:"),
        ('<ac:emoticon ac:emoji-id="ffffffff" ac:emoji-fallback="🚀" />', "🚀"),
        ('<ac:emoticon ac:emoji-id="1f1f0-1f1f7" />', "🇰🇷"),
        (mention("jimin"), "@jimin"),
        (link("지표 정의"), "지표 정의"),
        (link("지표 정의", text="보기"), "보기"),
        (jira("DATA-1"), "DATA-1"),
        (STATUS, "완료"),
        ("<p>a<!-- x --> b</p><p>c</p>", "a b c"),
        ("<ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status></ac:task>", ""),
    ],
)
def test_what_a_reader_sees(markup: str, text: str) -> None:
    assert visible_text(PageDocument(markup).root) == text


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (mention("jimin"), mention("haruka"), False),
        (mention("jimin"), "jimin", True),
        (link("A", text="보고"), link("B", text="보고"), False),
        (link("A"), link("A", text="보고"), True),
        (link("A"), link("A", space="X"), True),
        (link("A", space="Y"), link("A", space="X"), False),
        (link("A/B"), link("B"), False),
        (link("A"), "A", True),
        (jira("DATA-1"), jira("DATA-2"), False),
        (jira("DATA-1", "a"), jira("DATA-1", "b"), True),
        (ROCKET, '<ac:emoticon ac:name="tick" />', False),
        (ROCKET, "🚀", True),
        ("<a href='https://x/1'>보고</a>", "<a href='https://x/2'>보고</a>", True),
        (PICTURE.format("a"), PICTURE.format("b"), False),
        (f"<p>담당 {mention('jimin')}</p>", f"<p>담당 {mention('haruka')}</p>", False),
    ],
)  # fmt: skip
def test_cells_are_told_apart_by_what_they_refer_to(one: str, other: str, alike: bool) -> None:
    assert identity(one).is_like(identity(other)) is alike
    assert identity(other).is_like(identity(one)) is alike


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        (f"{ROCKET} 이번 주", ["🚀 이번 주", "이번 주"]),
        (ROCKET, ["🚀"]),
        (f"{mention('jimin')}", ["@jimin", "jimin"]),
        (link("지표 정의"), ["지표 정의"]),
        (STATUS, ["완료"]),
        (f"다음 주 {STATUS}", ["다음 주 완료", "다음 주"]),
        ('<ac:emoticon ac:name="heart" /> 좋은 일', ["❤ 좋은 일", "❤️ 좋은 일"]),
    ],
)
def test_headings_are_found_by_what_a_reader_sees(heading: str, names: list[str]) -> None:
    page = f"<h2>{heading}</h2><p>old</p><table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    for name in names:
        assert len(headings_named(PageDocument(page), name)) == 1
        assert ">new<" in PageDocument(page).apply([edits.ReplaceSection(name, "new")]).storage
        assert ">9<" in PageDocument(page).apply([edits.ReplaceTableRows([[9]], table=name)]).storage


def test_deep_nesting_is_read_without_recursion() -> None:
    page = f"{'<div>' * 1900}x{'</div>' * 1900}"
    assert visible_text(PageDocument(page).root) == "x"


class Names:
    """The display names of users, and which were looked up."""

    def __init__(self) -> None:
        self.requested: list[tuple[str, str]] = []

    def display_name(self, kind: str, user: str) -> str | None:
        self.requested.append((kind, user))
        return {"jimin": "김지민", "5b1-1": "佐藤 はるか"}.get(user)


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        (mention("jimin"), "김지민"),
        (mention("jimin"), "@김지민"),
        (f"담당 {mention('5b1-1', 'account-id')}", "담당 佐藤 はるか"),
        (f"{mention('jimin')} {mention('5b1-1', 'account-id')}", "@김지민 @佐藤 はるか"),
    ],
)
def test_headings_are_found_by_the_display_names_of_mentioned_users(heading: str, name: str) -> None:
    page = f"<h2>{heading}</h2><p>old</p><table><tr><th>a</th></tr><tr><td>1</td></tr></table><h2>끝</h2>"
    assert ">new<" in PageDocument(page, Names()).apply([edits.ReplaceSection(name, "new")]).storage
    assert ">9<" in PageDocument(page, Names()).apply([edits.ReplaceTableRows([[9]], table=name)]).storage
    with pytest.raises(edits.EditError):
        PageDocument(page).apply([edits.ReplaceSection(name, "new")])
    with pytest.raises(edits.EditError):
        PageDocument(page, Names()).apply([edits.ReplaceSection("박서준", "new")])


def test_display_names_are_looked_up_only_when_no_heading_matches_without_them() -> None:
    names = Names()
    page = PageDocument(f"<h2>{mention('jimin')}</h2><p>a</p><h2>끝</h2><p>b</p>", names)
    for text in ("끝", "jimin", "@jimin"):
        assert len(headings_named(page, text)) == 1
    assert names.requested == []
    assert not headings_named(page, "처음")
    assert names.requested == [("username", "jimin")]
