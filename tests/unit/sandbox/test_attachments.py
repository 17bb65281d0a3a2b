from __future__ import annotations

import hashlib
import io

import pytest
import requests

from workplace_sandbox import Sandbox

UTF8 = "text/plain; charset=utf-8"
SAME_NAME = "Cannot add a new attachment with same file name as an existing attachment: "


def test_bytes_name_type_and_comment_arrive(api, home):
    data = bytes(range(256)) * 2000
    made = api.attach(home, "11월 지표 グラフ.png", data, (None, "주간 지표", UTF8)).json()["results"][0]
    assert made["title"] == "11월 지표 グラフ.png"
    assert made["extensions"] == {"mediaType": "image/png", "fileSize": len(data), "comment": "주간 지표"}
    assert made["version"]["number"] == 1
    answer = api.session.get(api.base + made["_links"]["download"], timeout=30)
    assert answer.content == data
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(data)


def test_a_comment_without_charset_is_read_as_latin_1(api, home):
    made = api.attach(home, "a.png", b"x", (None, "주간")).json()["results"][0]
    assert made["extensions"]["comment"] == "주간".encode().decode("latin-1")


@pytest.mark.parametrize("token", [None, "check"])
def test_without_the_right_token_header_it_is_taken_for_a_forgery(api, home, token):
    headers = {"X-Atlassian-Token": token} if token else {}
    files = {"file": ("a.png", b"x" * 3_000_000, "image/png")}
    answer = api.call("POST", f"/content/{home}/child/attachment", files=files, headers=headers)
    assert (answer.status_code, answer.text) == (403, "XSRF check failed")
    assert api.get(f"/content/{home}/child/attachment")["size"] == 0


def test_a_name_can_be_attached_only_once(api, home):
    api.attach(home, "지표.png", b"1")
    answer = api.attach(home, "지표.png", b"2")
    assert (answer.status_code, answer.json()["message"]) == (400, f"{SAME_NAME}지표.png")
    address = f"/content/{home}/child/attachment"
    assert api.call("PUT", address, files={"file": ("지표.png", b"2")}).status_code == 405
    again = api.attach(home, "지표.png", b"2", allowDuplicated="true").json()["results"][0]
    assert again["version"]["number"] == 2


def test_a_new_version_goes_to_its_data(api, home):
    made = api.attach(home, "a.png", b"one").json()["results"][0]
    path = f"/{made['id']}/data"
    updated = api.attach(home, "a.png", b"two!", (None, "둘째", UTF8), path=path).json()
    assert (updated["id"], updated["version"]["number"]) == (made["id"], 2)
    assert updated["version"]["message"] == "둘째"
    download = f"{api.base}/download/attachments/{home}/a.png"
    assert api.session.get(download, timeout=30).content == b"two!"
    assert api.session.get(download, params={"version": 1}, timeout=30).content == b"one"
    assert api.session.get(download, params={"version": 9}, timeout=30).status_code == 404
    assert api.attach(home, "a.png", b"x", path="/att999/data").status_code == 404


def test_details_are_json_and_want_the_current_version(api, home):
    made = api.attach(home, "a.png").json()["results"][0]
    address = f"/content/{home}/child/attachment/{made['id']}"
    change = {"id": made["id"], "type": "attachment", "title": "나.png", "version": {"number": 1}}
    change["metadata"] = {"comment": "새 말", "mediaType": "image/gif"}
    assert api.refused("PUT", address, files={"file": b"x"})[0] == 415
    for number in (0, 3, 7):
        assert api.refused("PUT", address, json=change | {"version": {"number": number}})[0] == 409
    updated = api.call("PUT", address, json=change).json()
    assert (updated["title"], updated["extensions"]["comment"]) == ("나.png", "새 말")
    assert updated["version"]["number"] == 1
    # md2conf sends the next number, which Data Center accepts too.
    assert api.call("PUT", address, json=change | {"version": {"number": 2}}).json()["version"]["number"] == 1
    assert api.call("DELETE", address).status_code == 204
    assert api.refused("GET", f"/content/{made['id']}")[0] == 404


def test_an_attachment_is_found_by_its_number_alone(api, home):
    made = api.attach(home, "a.png", b"one").json()["results"][0]
    number = made["id"].removeprefix("att")
    address = f"/content/{home}/child/attachment/{number}"
    change = {"type": "attachment", "title": "b.png", "version": {"number": 1}}
    for content_id in (made["id"], number):
        updated = api.call("PUT", address, json=change | {"id": content_id}).json()
        assert (updated["id"], updated["title"]) == (made["id"], "b.png")
    assert api.refused("PUT", address, json=change | {"id": "att1"})[0] == 400
    assert api.attach(home, "b.png", b"two", path=f"/{number}/data").json()["version"]["number"] == 2
    assert api.call("DELETE", address).status_code == 204


def test_an_attachment_moves_to_another_page(api, home):
    target = api.create("다른 쪽")["id"]
    made = api.attach(home, "a.png").json()["results"][0]
    address = f"/content/{home}/child/attachment/{made['id']}/move"
    params = {"newContentId": target, "newName": "b.png"}
    headers = {"X-Atlassian-Token": "no-check"}
    assert api.call("POST", address, params=params, headers=headers).status_code == 204
    assert [f["title"] for f in api.get(f"/content/{target}/child/attachment")["results"]] == ["b.png"]


def test_lists_have_50_entries_and_filter_by_name(api, sandbox, home):
    for number in range(60):
        sandbox.store.add_attachment(home, f"{number}.png", "image/png", io.BytesIO(b"x"))
    address = f"/content/{home}/child/attachment"
    listing = api.get(address)
    assert (listing["limit"], listing["size"]) == (50, 50)
    assert listing["_links"]["next"]
    assert [file["title"] for file in api.get(address, filename="55.png")["results"]] == ["55.png"]


@pytest.mark.parametrize("name", ["a/b.png", "a:b.png", "a*.png", "a?.png", "a<b>.png"])
def test_illegal_names_are_refused(api, home, name):
    assert api.attach(home, name).status_code == 400


def test_several_files_with_their_comments_in_one_post(api, home):
    files = [
        ("file", ("a.png", b"a", "image/png")),
        ("comment", (None, "가", UTF8)),
        ("file", ("b.png", b"b", "image/png")),
        ("comment", (None, "나", UTF8)),
        ("minorEdit", (None, "true")),
    ]
    address = f"/content/{home}/child/attachment"
    headers = {"X-Atlassian-Token": "no-check"}
    made = api.call("POST", address, files=files, headers=headers).json()["results"]
    assert [(file["title"], file["extensions"]["comment"]) for file in made] == [("a.png", "가"), ("b.png", "나")]
    assert made[0]["version"]["minorEdit"] is True
    both = [("file", ("c.png", b"c")), ("file", ("c.png", b"c"))]
    assert api.refused("POST", address, files=both, headers=headers)[0] == 400
    assert api.refused("POST", address, files={"other": ("c.png", b"c")}, headers=headers)[0] == 400
    assert api.get(address)["size"] == 2, "a refused post attaches nothing"


def test_a_form_that_breaks_off_attaches_nothing(api, sandbox, home):
    headers = {"X-Atlassian-Token": "no-check", "Content-Type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    for body in (head + b"half", b"no form at all", b"", head + b"x\r\n--x"):
        answer = api.call("POST", f"/content/{home}/child/attachment", data=body, headers=headers)
        assert answer.status_code == 400, body
    assert api.get(f"/content/{home}/child/attachment")["size"] == 0
    assert not [path for path in (sandbox.store.directory / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="그림.png"',
        "form-data; name=file; filename*=UTF-8''%EA%B7%B8%EB%A6%BC.png",
        'form-data; filename="ignored.png"; filename*=utf-8\'\'%EA%B7%B8%EB%A6%BC.png; name="file"',
    ],
)
def test_file_names_in_every_spelling(api, home, disposition):
    headers = {"X-Atlassian-Token": "no-check", "Content-Type": 'multipart/form-data; boundary="b c"'}
    body = f"--b c\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b c--\r\n".encode()
    answer = api.call("POST", f"/content/{home}/child/attachment", data=body, headers=headers)
    assert answer.json()["results"][0]["title"] == "그림.png"


def test_parallel_new_versions_on_one_page_collide_and_parallel_creates_do_not(api, sandbox, home):
    """Needs no luck: the second upload happens while the body of the first is still being sent."""
    one = sandbox.store.add_attachment(home, "1.png", "image/png", io.BytesIO(b"x"))
    two = sandbox.store.add_attachment(home, "2.png", "image/png", io.BytesIO(b"x"))
    address = f"/content/{home}/child/attachment"
    headers = {"X-Atlassian-Token": "no-check", "Content-Type": "multipart/form-data; boundary=x"}

    def body(name, meanwhile):
        yield f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        _wait_for(lambda: (sandbox.store.directory / "files" / "incoming").iterdir())
        meanwhile()
        yield b"slow\r\n--x--\r\n"

    with requests.Session() as other:
        other.headers.update(api.session.headers)

        def second_version():
            files = {"file": ("2.png", b"fast")}
            token = {"X-Atlassian-Token": "no-check"}
            url = f"{api.base}/rest/api{address}/{two.id}/data"
            assert other.post(url, files=files, headers=token, timeout=30).status_code == 200

        status, message = api.refused(
            "POST", f"{address}/{one.id}/data", data=body("1.png", second_version), headers=headers
        )
        assert status == 500
        assert "OptimisticLocking" in message
        assert sandbox.store.attachment(one.id).version == 1

        def second_file():
            files = {"file": ("4.png", b"fast")}
            url = f"{api.base}/rest/api{address}"
            token = {"X-Atlassian-Token": "no-check"}
            assert other.post(url, files=files, headers=token, timeout=30).status_code == 200

        answer = api.call("POST", address, data=body("3.png", second_file), headers=headers)
        assert answer.status_code == 200


def test_a_large_upload_is_streamed_and_hashed(api, sandbox, home):
    size = 20 * 2**20
    made = api.attach(home, "big.bin", b"x" * size).json()["results"][0]
    stored = sandbox.store.attachment(made["id"])
    assert stored.size == size
    assert stored.sha256 == hashlib.sha256(b"x" * size).hexdigest()


def test_a_file_over_the_configured_size_is_a_404():
    with Sandbox(seed=False, max_attachment_bytes=1000) as sandbox:
        home = sandbox.store.space("ANALYTICS").homepage_id
        answer = requests.post(
            f"{sandbox.confluence_url}/rest/api/content/{home}/child/attachment",
            files={"file": ("a.png", b"x" * 200_000)},
            headers={"X-Atlassian-Token": "no-check", "Authorization": f"Bearer {sandbox.confluence_token}"},
            timeout=30,
        )
        assert answer.status_code == 404
        assert "maximum configured size" in answer.json()["message"]
        assert not [path for path in (sandbox.store.directory / "files").rglob("*") if path.is_file()]


def test_an_uploaded_page_of_html_is_not_shown_as_one(api, home):
    headers = {"X-Atlassian-Token": "no-check"}
    files = {"file": ("x.html", b"<script>alert(1)</script>", "text/html")}
    made = api.call("POST", f"/content/{home}/child/attachment", files=files, headers=headers).json()
    answer = api.session.get(api.base + made["results"][0]["_links"]["download"], timeout=30)
    assert answer.headers["content-disposition"].startswith("attachment")


def _wait_for(found) -> None:
    import time

    for _ in range(1000):
        if any(found()):
            return
        time.sleep(0.01)
    pytest.fail("the server did not begin to read the upload")
