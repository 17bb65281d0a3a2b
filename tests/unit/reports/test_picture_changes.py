"""Changes of pictures in words, and the pictures that a period keeps for the next one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from support.peak_memory import run_measured
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import Artifact
from workplace_provider.reports import picture_changes
from workplace_provider.reports.definition import Language
from workplace_provider.reports.picture_changes import KeptPicture, PictureFolder, describe_pictures

SIZE = (300, 900)  # higher than a band that is compared at once


def picture(folder: Path, name: str, *boxes: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Artifact:
    """Return a white picture with grey boxes."""
    image = Image.new("RGB", size, "white")
    for box in boxes:
        image.paste((254, 255, 255), box)
    path = folder / f"{len(list(folder.iterdir()))}.png"
    image.save(path)
    content = path.read_bytes()
    return Artifact(str(path), name, "image/png", len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("box", "share", "korean", "english", "japanese"),
    [
        ((200, 0, 300, 300), "11.1%", "주로 오른쪽 위", "mostly at the top right", "主に右上"),
        ((0, 600, 100, 900), "11.1%", "주로 왼쪽 아래", "mostly at the bottom left", "主に左下"),
        ((0, 0, 300, 300), "33.3%", "주로 위쪽", "mostly at the top", "主に上部"),
        ((100, 0, 200, 900), "33.3%", "주로 가운데", "mostly at the centre", "主に中央"),
        ((0, 0, 300, 900), "100.0%", "전체", "in all parts", "全体"),
    ],
)
def test_a_picture_changed_by_a_share_at_a_place(
    tmp_path: Path, box: tuple[int, int, int, int], share: str, korean: str, english: str, japanese: str
) -> None:
    before, after = picture(tmp_path, "추이.png"), picture(tmp_path, "추이.png", box)
    assert describe_pictures([before], [after], "ko") == [f"‘추이.png’ 그림이 {share} 바뀌었습니다 ({korean})."]
    assert describe_pictures([before], [after], "en") == [f"The picture “추이.png” changed by {share}, {english}."]
    assert describe_pictures([before], [after], "ja") == [f"画像「추이.png」が{share}変わりました（{japanese}）。"]


def test_a_single_pixel_is_little(tmp_path: Path) -> None:
    before, after = picture(tmp_path, "x.png"), picture(tmp_path, "x.png", (150, 450, 151, 451))
    assert describe_pictures([before], [after], "ko") == ["‘x.png’ 그림이 0.1% 미만 바뀌었습니다 (주로 가운데)."]
    assert describe_pictures([before], [after], "en") == [
        "The picture “x.png” changed by less than 0.1%, mostly at the centre."
    ]
    assert describe_pictures([before], [after], "ja") == ["画像「x.png」が0.1%未満変わりました（主に中央）。"]


def test_equal_pictures_are_no_change(tmp_path: Path) -> None:
    before = picture(tmp_path, "추이.png")
    other_file = tmp_path / "other.png"
    with Image.open(before.uri) as image:
        image.convert("RGBA").save(other_file, compress_level=1)
    digest = hashlib.sha256(other_file.read_bytes()).hexdigest()
    assert digest != before.sha256
    assert describe_pictures([before], [before], "ko") == []
    assert describe_pictures([before], [replace(before, uri=str(other_file), size=None, sha256=digest)], "ko") == []


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("ko", ["‘PC.png’ 그림의 크기가 바뀌었습니다.", "새 그림: 태블릿.png", "없어진 그림: 모바일.png"]),
        ("en", ["The picture “PC.png” has another size.", "New picture: 태블릿.png", "Picture gone: 모바일.png"]),
        ("ja", ["画像「PC.png」の大きさが変わりました。", "新しい画像：태블릿.png", "なくなった画像：모바일.png"]),
    ],
)
def test_pictures_are_matched_by_name(tmp_path: Path, language: Language, sentences: list[str]) -> None:
    before = [picture(tmp_path, "PC.png"), picture(tmp_path, "모바일.png")]
    after = [picture(tmp_path, "PC.png", size=(10, 10)), picture(tmp_path, "태블릿.png")]
    assert describe_pictures(before, after, language) == sentences
    assert describe_pictures(before[:1], after[1:], language) == [], "two single pictures are the same one"


def test_a_picture_that_cannot_be_compared_only_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = picture(tmp_path, "x.png"), picture(tmp_path, "x.png", (0, 0, 9, 9))
    monkeypatch.setattr("workplace_provider.reports.pictures.MOST_COMPARED", 100)
    svg = Artifact(str(tmp_path / "a.svg"), "x.png", "image/svg+xml")
    (tmp_path / "a.svg").write_text("<svg/>")
    assert describe_pictures([before], [svg], "en") == ["The picture “x.png” changed."]
    assert describe_pictures([before], [after], "en") == ["The picture “x.png” changed."]
    for lost in (replace(before, uri=""), replace(before, uri=str(tmp_path / "gone.png")), replace(before, sha256="0" * 64)):
        (sentence,) = describe_pictures([lost], [after], "ko")
        assert "이전 그림이 남아 있지 않아" in sentence


def test_a_period_keeps_its_pictures_and_reads_only_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    one, large = picture(tmp_path / "run", "추이.png"), picture(tmp_path / "run", "큰 그림.png", (0, 0, 50, 50))
    folder = PictureFolder(ArtifactStore(f"file://{tmp_path}/store"), f"file://{tmp_path}/store/reports/weekly/2026-W47")
    monkeypatch.setattr(picture_changes, "LARGEST_PICTURE", one.size)
    kept = folder.keep({"trend": [one, replace(large, size=(one.size or 0) + 1)]})
    assert [bool(entry.file) for entry in kept["trend"]] == [True, False]
    Path(one.uri).unlink()  # the run's own files are removed
    earlier = folder.artifacts(kept)["trend"]
    with earlier[0].open() as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == one.sha256
    assert earlier[1].uri == ""
    forged = KeptPicture("a.png", "image/png", "", 1, "../../../../etc/passwd")
    assert folder.artifacts({"trend": [forged]})["trend"][0].uri == ""


def test_large_pictures_are_compared_in_bounded_memory(tmp_path: Path) -> None:
    program = """
import json, sys
from PIL import Image
from workplace_provider.reports.pictures import compare_pictures

for name, colour in (("a", "white"), ("b", "red")):
    Image.new("RGBA", (5000, 5000), colour).save(f"{sys.argv[1]}/{name}.png", compress_level=1)
before = peak()
with open(f"{sys.argv[1]}/a.png", "rb") as first, open(f"{sys.argv[1]}/b.png", "rb") as second:
    change = compare_pictures(first, second)
print(json.dumps([change.share, change.place, peak() - before, peak()]))
"""
    share, place, _, peak = run_measured(program, str(tmp_path))
    assert (share, place) == (1.0, "everywhere")
    assert peak < 400  # two pictures of 100 MB, a band of each, and the interpreter
