"""A notice board: as pages in two character sets and two layouts, and as RSS, Atom and JSON Feed."""

BOARD_PATH = "/board"
"""The path of the board on the sandbox; its other forms are below."""
EUC_KR_PATH = f"{BOARD_PATH}/euc-kr"
RSS_PATH = f"{BOARD_PATH}/rss.xml"
ATOM_PATH = f"{BOARD_PATH}/atom.xml"
JSON_PATH = f"{BOARD_PATH}/feed.json"


def notice_path(notice_id: int) -> str:
    """Return the address of a notice. As on many boards, it also contains the page that the reader came from."""
    return f"{BOARD_PATH}/view?id={notice_id}&from=list"
