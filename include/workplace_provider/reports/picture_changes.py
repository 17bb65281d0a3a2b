"""Changes of pictures between two periods, in words: by how much, and where.

The pictures of a period stay beside its manifest, since the files of a run may be removed before the next period.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

import msgspec

from workplace_provider.common.artifacts import Artifact
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.changes import shorten
from workplace_provider.reports.pictures import EVERYWHERE, PictureChange, compare_pictures

if TYPE_CHECKING:
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.definition import Language

log = get_logger("workplace_provider.reports")

LARGEST_PICTURE: Final = 16 * 1024 * 1024
"""Most bytes of a picture that is kept for the next period."""

LARGEST_PICTURES: Final = 128 * 1024 * 1024
"""Most bytes of all pictures that a period keeps."""

_CHUNK: Final = 256 * 1024
_KEPT_NAME: Final = re.compile(r"[0-9a-f]{64}\.\w{1,8}")

_PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "ko": {
        "changed": "‘{name}’ 그림이 {share} 바뀌었습니다 (주로 {place}).",
        "everywhere": "‘{name}’ 그림이 {share} 바뀌었습니다 (전체).",
        "resized": "‘{name}’ 그림의 크기가 바뀌었습니다.",
        "other": "‘{name}’ 그림이 바뀌었습니다.",
        "missing": "‘{name}’ 그림이 바뀌었습니다. 이전 그림이 남아 있지 않아 얼마나 바뀌었는지는 비교하지 않았습니다.",
        "added": "새 그림: {name}",
        "removed": "없어진 그림: {name}",
        "little": "0.1% 미만",
    },
    "en": {
        "changed": "The picture “{name}” changed by {share}, mostly at the {place}.",
        "everywhere": "The picture “{name}” changed by {share}, in all parts.",
        "resized": "The picture “{name}” has another size.",
        "other": "The picture “{name}” changed.",
        "missing": "The picture “{name}” changed. By how much is not known, because the previous one is no longer stored.",
        "added": "New picture: {name}",
        "removed": "Picture gone: {name}",
        "little": "less than 0.1%",
    },
    "ja": {
        "changed": "画像「{name}」が{share}変わりました（主に{place}）。",
        "everywhere": "画像「{name}」が{share}変わりました（全体）。",
        "resized": "画像「{name}」の大きさが変わりました。",
        "other": "画像「{name}」が変わりました。",
        "missing": "画像「{name}」が変わりました。前の画像が残っていないため、どのくらい変わったかは比較していません。",
        "added": "新しい画像：{name}",
        "removed": "なくなった画像：{name}",
        "little": "0.1%未満",
    },
}
_PLACES: Final[Mapping[str, Mapping[str, str]]] = {
    "ko": {
        "upper left": "왼쪽 위", "top": "위쪽", "upper right": "오른쪽 위",
        "left": "왼쪽", "centre": "가운데", "right": "오른쪽",
        "lower left": "왼쪽 아래", "bottom": "아래쪽", "lower right": "오른쪽 아래",
    },
    "en": {
        "upper left": "top left", "upper right": "top right", "lower left": "bottom left", "lower right": "bottom right",
    },
    "ja": {
        "upper left": "左上", "top": "上部", "upper right": "右上",
        "left": "左側", "centre": "中央", "right": "右側",
        "lower left": "左下", "bottom": "下部", "lower right": "右下",
    },
}  # fmt: skip


class KeptPicture(msgspec.Struct, frozen=True):
    """A picture of a published report.

    :param file: name of its copy beside the manifest; empty if it was too large to keep
    """

    name: str
    media_type: str
    sha256: str
    size: int
    file: str = ""


class PictureFolder:
    """The copies of a period's pictures.

    :param store: the artifact store
    :param folder: folder of the period
    """

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        self._store = store
        self._folder = f"{folder}/pictures"

    def keep(self, pictures: Mapping[str, Sequence[Artifact]]) -> dict[str, list[KeptPicture]]:
        """Copy the pictures of each source, up to the limits; return all of them."""
        kept: dict[str, list[KeptPicture]] = {}
        total = 0
        for name, files in pictures.items():
            for picture in files:
                size = picture.size or 0
                fits = 0 < size <= LARGEST_PICTURE and total + size <= LARGEST_PICTURES
                total += size if fits else 0
                file = self._copy(picture) if fits else ""
                entry = KeptPicture(picture.name, picture.media_type, picture.sha256 or "", size, file)
                kept.setdefault(name, []).append(entry)
        return kept

    def artifacts(self, kept: Mapping[str, Sequence[KeptPicture]]) -> dict[str, list[Artifact]]:
        """Return the pictures as files, whose content is compared with the digest when they are read."""
        return {name: [self._artifact(picture) for picture in pictures] for name, pictures in kept.items()}

    def _copy(self, picture: Artifact) -> str:
        name = f"{picture.sha256}{PurePosixPath(picture.name).suffix.lower() or '.png'}"
        if not _KEPT_NAME.fullmatch(name):
            return ""
        with picture.open() as stream, self._store.publish(self._folder, name, picture.media_type) as sink:
            while chunk := stream.read(_CHUNK):
                sink.write(chunk)
        return name

    def _artifact(self, picture: KeptPicture) -> Artifact:
        # The manifest is a file that others may have changed; a name in it must not lead to another folder.
        known = bool(_KEPT_NAME.fullmatch(picture.file))
        uri = f"{self._folder}/{picture.file}" if known else ""
        return Artifact(uri, picture.name, picture.media_type, picture.size, picture.sha256 or None, self._store.conn_id)


def describe_pictures(before: Sequence[Artifact], after: Sequence[Artifact], language: Language) -> list[str]:
    """Return sentences about the pictures that changed, appeared or disappeared; none for equal ones.

    ::

        describe_pictures(last_week, this_week, "en")
        # ["The picture “wau.png” changed by 12.3%, mostly at the top right."]

    Pictures are matched by name; two single pictures are the same one, whatever their names.
    """
    phrases = _PHRASES[language]
    if len(before) == len(after) == 1:
        pairs = [(before[0], after[0])]
        gone: list[Artifact] = []
        new: list[Artifact] = []
    else:
        earlier = {picture.name: picture for picture in before}
        names = {picture.name for picture in after}
        pairs = [(earlier[picture.name], picture) for picture in after if picture.name in earlier]
        new = [picture for picture in after if picture.name not in earlier]
        gone = [picture for picture in before if picture.name not in names]
    sentences = [_sentence(old, picture, language) for old, picture in pairs]
    sentences += [phrases["added"].format(name=shorten(picture.name)) for picture in new]
    sentences += [phrases["removed"].format(name=shorten(picture.name)) for picture in gone]
    return [sentence for sentence in sentences if sentence]


def _sentence(before: Artifact, after: Artifact, language: Language) -> str:
    """Return a sentence about one picture; empty if no pixel changed."""
    if before.sha256 is not None and before.sha256 == after.sha256:
        return ""
    phrases, name = _PHRASES[language], shorten(after.name)
    try:
        change = _compare(before, after)
    except (OSError, LookupError):
        return phrases["missing"].format(name=name)
    except ValueError as error:
        log.info("the picture %s is not compared by its pixels: %s", after.name, error)
        return phrases["other"].format(name=name)
    if change is None:
        return phrases["resized"].format(name=name)
    if not change.share:
        return ""
    share = f"{change.share:.1%}" if change.share >= 0.001 else phrases["little"]
    phrase = "everywhere" if change.place == EVERYWHERE else "changed"
    place = _PLACES[language].get(change.place, change.place)
    return phrases[phrase].format(name=name, share=share, place=place)


def _compare(before: Artifact, after: Artifact) -> PictureChange | None:
    """Compare two pictures.

    :raises LookupError: if the previous one was not kept, or is no longer the same
    """
    if not before.uri:
        raise LookupError("the previous picture was not kept")
    try:
        old = before.open()
    except ValueError as error:
        raise LookupError(str(error)) from error
    with old, after.open() as new:
        return compare_pictures(old, new)
