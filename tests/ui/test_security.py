"""Who is let in to the page, what is served, and what never is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from until import until

sys.path.insert(0, str(Path(__file__).parent))

from ui_client import UiProcess, run_script

READS = [
    "/",
    "/static/app.js",
    "/api/session",
    "/api/runs",
    "/api/runs/stream",
    "/api/runs/good-1",
    "/api/runs/good-1/graph",
    "/api/runs/good-1/nodes",
    "/api/runs/good-1/timeline",
    "/api/runs/good-1/stream",
    "/api/runs/good-1/nodes/good-1",
    "/api/runs/good-1/nodes/good-1/log",
    "/api/runs/good-1/nodes/good-1/log/stream",
    "/api/runs/good-1/nodes/good-1/log/download",
    "/api/runs/good-1/nodes/good-1/script",
    "/api/runs/good-1/nodes/good-1/files?side=workdir",
    "/api/runs/good-1/nodes/good-1/file?side=workdir&path=x",
    "/no/such/page",
]


def bearer(site):
    return {"Authorization": f"Bearer {site.token}"}


def cookie_of(site):
    given = site.ask("GET", f"/?token={site.token}").headers["Set-Cookie"]
    return given.partition(";")[0]


def node_id(site, run, text):
    found = site.json(f"/api/runs/{run}/nodes?text={quote(text)}")["nodes"]
    return next(node["id"] for node in found if text in (node["key"], node["title"]))


# -- the token ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READS)
def test_nothing_is_told_without_the_token(site, path):
    reply = site.ask("GET", path)
    assert reply.status == 401
    assert "token" in reply.error
    assert "good-1" not in reply.body.decode()


def near_misses(token):
    return [
        "",
        token[:-1],
        token + "x",
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        token.swapcase(),
        token[::-1],
        f"{token} ",
        "\udcff" + token,
        "é" * 43,
        "undefined",
    ]


def test_a_token_that_is_nearly_right_is_wrong(site):
    for wrong in near_misses(site.token):
        text = quote(wrong, errors="surrogateescape")
        assert site.ask("GET", f"/api/runs?token={text}").status == 401, wrong
    for wrong in near_misses(site.token)[:6]:
        assert site.ask("GET", "/api/runs", headers={"Authorization": f"Bearer {wrong}"}).status == 401, wrong
        cookie = f"dflow_ui_{site.port}={wrong}"
        assert site.ask("GET", "/api/runs", headers={"Cookie": cookie}).status == 401, wrong
    for other in ("Basic", "bearerx", "Token"):
        assert site.ask("GET", "/api/runs", headers={"Authorization": f"{other} {site.token}"}).status == 401


def test_a_wrong_token_is_not_made_good_by_another_one(site):
    assert site.ask("GET", f"/api/runs?token=wrong&token={site.token}").status == 401
    assert site.ask("GET", f"/api/runs?token={site.token}&token=wrong").status == 401
    assert site.ask("GET", "/api/runs?token=wrong", headers={"Cookie": cookie_of(site)}).status == 401


def test_the_token_is_good_in_all_three_places(site):
    assert site.ask("GET", f"/api/runs?token={site.token}").status == 200
    assert site.ask("GET", "/api/runs", headers=bearer(site)).status == 200
    assert site.ask("GET", "/api/runs", headers={"Cookie": f"other=1; {cookie_of(site)}; more=2"}).status == 200


def test_the_first_visit_gives_a_cookie_and_takes_the_token_out_of_the_address(site):
    reply = site.ask("GET", f"/?token={site.token}")
    assert (reply.status, reply.headers["Location"]) == (303, "/")
    given = reply.headers["Set-Cookie"]
    assert given.startswith(f"dflow_ui_{site.port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(given.split("; "))
    assert site.token not in given, "who reads the cookie cannot make an address of it"
    page = site.ask("GET", "/", headers={"Cookie": given.partition(";")[0]})
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_visit_from_another_page_is_led_on_by_our_own(site):
    """A cookie of the kind Strict is not sent with a redirection that another page has begun."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    reply = site.ask("GET", f"/?token={site.token}", headers=headers)
    assert reply.status == 200
    assert b'http-equiv="refresh" content="0; url=/"' in reply.body
    assert reply.headers["Set-Cookie"].startswith("dflow_ui_")
    assert site.token.encode() not in reply.body


def test_the_address_of_a_run_leads_to_its_page_and_nowhere_else(site):
    reply = site.ask("GET", f"/run/good-1?token={site.token}")
    assert (reply.status, reply.headers["Location"]) == (303, "/#/run/good-1")
    for name in ("%2F%2Fevil.example", "x%0d%0aSet-Cookie:a=b", "%22%3E%3Cscript%3E"):
        reply = site.ask("GET", f"/run/{name}?token={site.token}")
        assert reply.headers["Location"].startswith("/#/run/")
        assert re.fullmatch(r"[!-~]+", reply.headers["Location"])
        assert reply.headers.get_all("Set-Cookie") == [reply.headers["Set-Cookie"]]
        assert "<" not in reply.headers["Location"]


def test_a_person_without_the_token_reads_words(site):
    reply = site.ask("GET", "/", headers={"Accept": "text/html"})
    assert reply.status == 401
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "dflow ui has printed" in reply.body.decode()
    assert b"<script" not in reply.body


def test_each_server_has_another_token_of_256_bits(runs, site, start_site):
    other = start_site(runs)
    assert other.token != site.token
    assert len(other.token) == 43
    assert other.ask("GET", "/api/runs", headers=bearer(site)).status == 401
    assert other.ask("GET", "/api/runs", headers={"Cookie": cookie_of(site)}).status == 401


def test_the_token_is_in_no_log_no_environment_and_no_command_line(runs, start_site):
    found = start_site(runs)
    found.get("/api/runs")
    found.ask("GET", f"/?token={found.token}")
    found.ask("GET", f"/api/runs?token={found.token}wrong")
    found.get("/api/runs/no-such-run")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        for what in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                assert found.token.encode() not in (process / what).read_bytes(), (process, what)
    rest = found.close()
    assert rest == ""
    assert found.printed.count(found.token) == 1


def test_the_browser_is_given_a_file_and_not_the_token(runs, tmp_path):
    """What a program is started with can be read by all users of the machine."""
    script, seen = tmp_path / "browser", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\nstat -c %a "$(dirname "${{1#file://}}")" >> {seen}\n'
                      f'cat "${{1#file://}}" >> {seen}\n')  # fmt: skip
    script.chmod(0o755)
    env = {"BROWSER": f"{script} %s", "DISPLAY": ":0", "TMPDIR": str(tmp_path)}
    command = UiProcess.__init__.__globals__["environment"](env)
    with subprocess.Popen(
        [sys.executable, "-m", "dflow.cli", "ui", "--port", "0", "--dir", str(runs)],
        env=command,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        lines = [process.stdout.readline(), process.stdout.readline()]
        until(lambda: seen.exists() and seen.read_text().count("\n") >= 3)
        process.send_signal(2)
        process.wait(10)
    address, mode, page = seen.read_text().split("\n", 2)
    token = lines[1].partition("token=")[2].strip()
    assert address.startswith("file://")
    assert token not in address
    assert token in page
    assert mode == "700"
    assert not Path(address.removeprefix("file://")).exists(), "it is removed at the end"


# -- Host, Origin, CSRF, methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.2:{port}",
        "0.0.0.0:{port}",
        "localhost.:{port}",
        "[::2]:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}, evil.example",
        "",
    ],
)
def test_a_name_of_another_site_that_points_here_is_refused(site, host):
    """DNS rebinding: the name of the attacker's site is made to lead to this machine."""
    headers = {**bearer(site), "Host": host.format(port=site.port), "Cookie": cookie_of(site)}
    reply = site.ask("GET", "/api/runs", headers=headers)
    assert reply.status in (400, 403)
    assert b"good-1" not in reply.body


def test_the_names_of_this_machine_are_good(site):
    for host in (f"127.0.0.1:{site.port}", f"localhost:{site.port}", f"LOCALHOST:{site.port}", f"[::1]:{site.port}"):
        assert site.ask("GET", "/api/runs", headers={**bearer(site), "Host": host}).status == 200


def test_two_hosts_are_refused(site):
    with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
        connection.sendall(
            f"GET /api/runs?token={site.token} HTTP/1.1\r\nHost: {site.host}\r\nHost: evil.example\r\n"
            f"Connection: close\r\n\r\n".encode()
        )
        assert connection.makefile("rb").readline().split()[1] in (b"400", b"403")


def test_only_this_machine_can_reach_it(site):
    listening = subprocess.run(["ss", "-ltn"], capture_output=True, text=True, check=False).stdout
    if not listening:
        pytest.skip("there is no ss")
    addresses = re.findall(rf"\s(\S+):{site.port}\s", listening)
    assert addresses == ["127.0.0.1"]


def csrf(site):
    return site.json("/api/session")["csrf"]


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1",
     "http://localhost:{port}", "http://127.0.0.1:{port}.evil.example", ""],
)  # fmt: skip
def test_a_change_that_another_site_asks_for_is_refused(site, origin):
    headers = {**bearer(site), "X-CSRF-Token": csrf(site), "Origin": origin.format(port=site.port)}
    reply = site.ask("POST", "/api/runs/good-1/retry", b"{}", headers)
    assert reply.status == 403


@pytest.mark.parametrize("given", [None, "", "wrong", "{token}", "{cut}", "{twice}"])
def test_a_change_needs_the_csrf_token(site, given):
    right = csrf(site)
    headers = {**bearer(site), "Cookie": cookie_of(site), "Origin": f"http://{site.host}"}
    if given is not None:
        headers["X-CSRF-Token"] = given.format(token=site.token, cut=right[:-1], twice=f"{right},{right}")
    reply = site.ask("POST", "/api/runs/good-1/retry", b"{}", headers)
    assert reply.status == 403
    assert "X-CSRF-Token" in reply.error


def test_the_csrf_token_is_not_enough(site):
    assert site.ask("POST", "/api/runs/good-1/retry", b"{}", {"X-CSRF-Token": csrf(site)}).status == 401


def test_a_change_of_our_own_page_gets_through_to_the_run(site):
    """It is refused by the run itself, of which nothing has failed."""
    headers = {"Cookie": cookie_of(site), "X-CSRF-Token": csrf(site), "Origin": f"http://{site.host}"}
    reply = site.ask("POST", "/api/runs/good-1/retry", b"{}", headers)
    assert (reply.status, reply.error) == (409, "Nothing of good-1 has failed")


def test_requests_that_other_pages_make_are_refused(site):
    """A page of another port of this machine counts as the same site, so the browser would send the cookie."""
    for place in ("cross-site", "same-site"):
        for mode in ("no-cors", "cors"):
            headers = {"Cookie": cookie_of(site), "Sec-Fetch-Site": place, "Sec-Fetch-Mode": mode}
            assert site.ask("GET", "/api/runs", headers=headers).status == 403
    headers = {"Cookie": cookie_of(site), "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert site.ask("GET", "/api/runs", headers=headers).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_not_done(site, method):
    reply = site.ask(method, "/api/runs/good-1/terminate", headers=bearer(site))
    assert reply.status in (400, 405)
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_get_changes_nothing_and_a_post_reads_nothing(site):
    assert site.get("/api/runs/good-1/terminate").status == 405
    assert site.post("/api/runs").status == 405
    assert site.post("/api/runs/good-1/delete").status == 404


def test_every_answer_has_the_headers_that_keep_it_in_its_place(site):
    replies = [site.get(path) for path in READS if "stream" not in path]
    replies += [site.ask("GET", "/"), site.ask("GET", f"/?token={site.token}"), site.ask("PUT", "/")]
    for reply in replies:
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert reply.headers["Cache-Control"] in ("no-store", "no-cache")
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
        assert "Server" not in reply.headers


# -- files --------------------------------------------------------------------------------------------------------

HIDDEN = "what lies in another place"


@pytest.fixture
def own(runs, tmp_path):
    """A copy of the good run that a test may spoil, and a secret beside the folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copytree(runs / "good-1", folder / "good-1", symlinks=True)
    (tmp_path / "secret.txt").write_text(HIDDEN)
    (folder / "notes.txt").write_text(HIDDEN)
    return folder


@pytest.fixture
def ours(own, start_site):
    """Its server, with the address of the files of its first step."""
    site = start_site(own)
    node = node_id(site, "good-1", "make")
    return site, f"/api/runs/good-1/nodes/{node}", own / "good-1" / "make" / "outputs" / "artifacts" / "data"


GOING_UP = [
    "..",
    "../..",
    "../../../../../../../../etc/passwd",
    "data/../../../../../../notes.txt",
    "%2e%2e/%2e%2e/x",
    "%2e%2e%2f%2e%2e%2fsecret.txt",
    "..%5c..%5csecret.txt",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "./data",
    "data/./a.json",
    "data//a.json",
    "data/",
    "data/a.json%00.png",
    "%00",
    "%c0%ae%c0%ae/x",
    "%252e%252e/x",
    "...",
    "~",
    "~root/.bashrc",
]


@pytest.mark.parametrize("path", GOING_UP)
def test_no_path_leads_out_of_an_artifact(site, path):
    node = node_id(site, "good-1", "make")
    for what in ("file", "files"):
        for place in ("side=outputs&name=data", "side=workdir"):
            reply = site.get(f"/api/runs/good-1/nodes/{node}/{what}?{place}&as=download&path={path}")
            assert reply.status in (400, 404), (what, place, reply.body)
            assert b"root:" not in reply.body


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../../make", "..%2f..%2f.dflow", "%2fetc", "a%00b", "data/data", "%2e%2e"]
)
def test_no_name_of_an_artifact_leads_out_of_its_step(site, name):
    node = node_id(site, "good-1", "make")
    for side in ("inputs", "outputs"):
        reply = site.get(f"/api/runs/good-1/nodes/{node}/files?side={side}&name={name}")
        assert reply.status == 404, reply.body


@pytest.mark.parametrize("side", ["", "..", ".dflow", "../good-1/outputs", "log.txt", "OUTPUTS"])
def test_no_side_is_made_up(site, side):
    node = node_id(site, "good-1", "make")
    assert site.get(f"/api/runs/good-1/nodes/{node}/files?side={side}&name=data").status == 400


@pytest.mark.parametrize(
    "run",
    ["..", "%2e%2e", "%2e%2e%2f%2e%2e", ".", "..%2fserved%2fgood-1", "good-1%2f..%2fgood-1", "%2fetc", ".dflow-cache",
     "good-1%00", "~", "*", "good-1%2f", "%5c..%5c", "x" * 5000],
)  # fmt: skip
def test_no_id_leads_out_of_the_folder(site, run):
    for rest in ("", "/graph", "/nodes", "/stream", "/nodes/good-1"):
        reply = site.get(f"/api/runs/{run}{rest}")
        assert reply.status in (404, 405), (rest, reply.body[:200])
    assert site.post(f"/api/runs/{run}/terminate").status in (404, 405)


@pytest.mark.parametrize("name", ["..%2fapp.py", "%2e%2e/app.py", "..", "app.py", "__init__.py", "%2fetc%2fpasswd", ""])
def test_only_files_of_the_page_are_static(site, name):
    reply = site.get(f"/static/{name}")
    assert reply.status == 404
    assert b"import" not in reply.body


def test_a_link_out_of_the_run_is_shown_as_one_and_not_followed(ours, own):
    site, node, data = ours
    inside = data / "data"
    (inside / "out.txt").symlink_to(own.parent / "secret.txt")
    (inside / "out").symlink_to(own.parent)
    (inside / "up").symlink_to("../../../../../..")
    (inside / "beside.txt").symlink_to(own / "notes.txt")
    (inside / "private").symlink_to(own / "good-1" / ".dflow" / "settings.json")
    (inside / "within.json").symlink_to("a.json")
    (inside / "dangling").symlink_to("nothing")
    (inside / "circle").symlink_to("circle")
    entries = site.json(f"{node}/files?side=outputs&name=data&path=data")["entries"]
    kinds = {entry["name"]: entry["kind"] for entry in entries}
    for name in ("out.txt", "out", "up", "beside.txt", "private"):
        assert kinds[name] == "link-out", name
        for how in ("preview", "download"):
            reply = site.get(f"{node}/file?side=outputs&name=data&path=data/{name}&as={how}")
            assert (reply.status, HIDDEN.encode() in reply.body) == (403, False), name
    assert site.get(f"{node}/file?side=outputs&name=data&path=data/out/secret.txt").status == 403
    assert site.get(f"{node}/files?side=outputs&name=data&path=data/out").status == 403
    assert kinds["within.json"] == "file"
    assert site.get(f"{node}/file?side=outputs&name=data&path=data/within.json").body == b'{"a": 1}'
    assert kinds["dangling"] == kinds["circle"] == "other"
    assert site.get(f"{node}/file?side=outputs&name=data&path=data/circle").status in (403, 404)
    assert site.get(f"{node}/file?side=outputs&name=data&path=data/dangling").status == 404


def test_an_artifact_a_log_a_script_and_a_value_that_are_links_out_are_refused(ours, own):
    site, node, data = ours
    step = data.parents[2]
    secret = own.parent / "secret.txt"
    for file in (step / "log.txt", step / "script", step / "outputs" / "parameters" / "m", step / ".step"):
        file.unlink(missing_ok=True)
        file.symlink_to(secret)
    shutil.rmtree(data) if not data.is_symlink() else data.unlink()
    data.symlink_to(own.parent)
    assert site.get(f"{node}/log").status == 403
    assert site.get(f"{node}/log/download").status == 403
    assert site.get(f"{node}/script").status == 403
    assert site.get(f"{node}/files?side=outputs&name=data").status == 403
    assert site.get(f"{node}/file?side=outputs&name=data&path=secret.txt").status == 403
    detail = site.get(node)
    assert detail.status == 200
    assert HIDDEN not in detail.body.decode()


@pytest.mark.waiting
def test_a_link_that_is_swapped_while_it_is_read_never_leads_out(ours, own):
    site, node, data = ours
    there = data / "data"
    (there / "good").mkdir()
    (there / "good" / "x.txt").write_text("good")
    (own.parent / "evil").mkdir()
    (own.parent / "evil" / "x.txt").write_text(HIDDEN)
    swapped, ended = there / "swapped", threading.Event()

    def swap():
        targets = ("good", str(own.parent / "evil"))
        number = 0
        while not ended.is_set():
            number += 1
            fresh = there / f".new{number % 2}"
            fresh.unlink(missing_ok=True)
            if number % 3 == 0:
                shutil.copytree(there / "good", fresh, dirs_exist_ok=True)
                shutil.rmtree(fresh)
            fresh.symlink_to(targets[number % 2])
            fresh.replace(swapped)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        statuses = set()
        until = time.monotonic() + 4
        while time.monotonic() < until:
            reply = site.get(f"{node}/file?side=outputs&name=data&path=data/swapped/x.txt")
            assert HIDDEN.encode() not in reply.body
            statuses.add(reply.status)
    finally:
        ended.set()
        thread.join()
    assert statuses <= {200, 403, 404}
    assert {200, 403} <= statuses, "both targets were seen"


def test_pipes_and_devices_are_not_opened(ours):
    site, node, data = ours
    there = data / "data"
    os.mkfifo(there / "pipe")
    (there / "zero").symlink_to("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    os.chdir(there)
    server.bind("socket")
    names = ["pipe", "zero", "socket"]
    if os.geteuid() == 0:
        os.mknod(there / "device", 0o020666, os.makedev(1, 5))
        names.append("device")
    kinds = {e["name"]: e["kind"] for e in site.json(f"{node}/files?side=outputs&name=data&path=data")["entries"]}
    for name in names:
        assert kinds[name] in ("other", "link-out")
        begun = time.monotonic()
        for how in ("preview", "download"):
            assert site.get(f"{node}/file?side=outputs&name=data&path=data/{name}&as={how}").status == 403
        assert time.monotonic() - begun < 3
    server.close()


def test_a_pipe_in_the_place_of_a_log_or_of_a_journal_blocks_nothing(ours, own):
    site, node, data = ours
    log = data.parents[2] / "log.txt"
    log.unlink()
    os.mkfifo(log)
    assert site.get(f"{node}/log").status == 403
    with site.stream(f"{node}/log/stream") as events:
        assert next(events)[0] == "end"
    graph = own / "other-1" / ".dflow" / "graph.json"
    graph.parent.mkdir(parents=True)
    os.mkfifo(graph)
    try:
        assert site.get("/api/runs/other-1").status == 404
        statuses = {row["id"]: row["status"] for row in site.json("/api/runs")["runs"]}
        assert statuses == {"good-1": "Succeeded", "other-1": "unreadable"}
    finally:
        graph.unlink()  # the check of all graphs after each test would wait for it


HOSTILE = [
    "<img src=x onerror=alert(1)>.txt",
    "a\"b'c.txt",
    "new\nline.txt",
    "ret\rurn.txt",
    "%2e%2e%2fx.txt",
    "-rf",
    "javascript:alert(1)",
    "ünï \u202ecode\U0001f600.txt",
    "x" * 250,
    "semi;colon&and?query#hash",
    "back\\slash",
]


def test_hostile_names_are_data(ours):
    site, node, data = ours
    for name in HOSTILE:
        (data / "data" / name).write_text(name)
    bad = os.fsencode(data / "data") + b"/not-\xff-utf8"
    Path(os.fsdecode(bad)).write_text("x")
    entries = {e["name"]: e for e in site.json(f"{node}/files?side=outputs&name=data&path=data")["entries"]}
    for name in HOSTILE:
        assert entries[name]["kind"] == "file"
        address = f"{node}/file?side=outputs&name=data&path=data/{quote(name, safe='')}"
        reply = site.get(f"{address}&as=preview")
        assert (reply.status, reply.body.decode()) == (200, name)
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        kept = site.get(f"{address}&as=download")
        disposition = kept.headers["Content-Disposition"]
        assert disposition.startswith("attachment; ")
        assert re.fullmatch(
            r'attachment; filename="[A-Za-z0-9._ -]+"; filename\*=UTF-8\'\'[A-Za-z0-9%._~-]+', disposition
        )
        assert quote(name, safe="") in disposition
    assert entries["not-�-utf8"]["kind"] == "other"


def test_what_could_hold_a_script_is_plain_text(ours):
    site, node, _ = ours
    for name in ("page.html", "drawing.svg", "a.json"):
        reply = site.get(f"{node}/file?side=outputs&name=data&path=data/{name}")
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert reply.headers["Content-Security-Policy"].startswith("sandbox")
        kept = site.get(f"{node}/file?side=outputs&name=data&path=data/{name}&as=download")
        assert kept.headers["Content-Type"] == "application/octet-stream"
    picture = site.get(f"{node}/file?side=outputs&name=data&path=data/dot.png")
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.headers["Content-Security-Policy"].startswith("sandbox")


def test_a_script_that_says_it_is_a_picture_is_none(ours):
    site, node, data = ours
    (data / "data" / "lie.png").write_text("<script>alert(1)</script>")
    reply = site.get(f"{node}/file?side=outputs&name=data&path=data/lie.png")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_huge_file_is_not_read_into_memory(ours):
    site, node, data = ours
    huge, log = data / "data" / "huge.txt", data.parents[2] / "log.txt"
    for file in (huge, log):
        with file.open("wb") as stream:
            stream.write(b"line\n")
            stream.truncate(1 << 30)
            stream.seek((1 << 30) - 5)
            stream.write(b"last\n")
    before = memory(site)
    assert site.json(f"{node}/files?side=outputs&name=data&path=data/huge.txt")["size"] == 1 << 30
    assert site.get(f"{node}/log?tail=1000").json["text"].endswith("last\n")
    with site.stream(f"{node}/log/stream?offset=0") as events:
        name, data_ = next(events)
        assert (name, data_["offset"] > (1 << 30) - (1 << 20), data_["skipped"] > 1 << 29) == ("text", True, True)
    headers = {**bearer(site)}
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        path = f"{node}/file?side=outputs&name=data&path=data/huge.txt&as=download"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\n{head}\r\n".encode())
        received = 0
        while received < 50 << 20:
            received += len(connection.recv(1 << 20))
    assert memory(site) - before < 40 << 20


def memory(site):
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10


# -- other people -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_a_run_that_belongs_to_somebody_else_is_told_of_in_words(own, start_site):
    for path in (own / "good-1", *(own / "good-1").rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    without_power = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    found = start_site(own, prefix=without_power)
    row = found.json("/api/runs")["runs"][0]
    assert (row["id"], row["status"]) == ("good-1", "unreadable")
    assert "belongs to somebody else" in row["error"]
    for reply in (found.get("/api/runs/good-1/graph"), found.post("/api/runs/good-1/retry")):
        assert reply.status == 404
        assert "belongs to somebody else" in reply.error


# -- hostile requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nonsense", "no JSON"),
        (b"[]", "JSON object"),
        (b'{"steps": "all"}', "list of ids"),
        (b'{"steps": [1]}', "list of ids"),
        (b'{"outputs": []}', "values by name"),
        (b'{"command": "rm"}', "JSON object"),
        (b'{"steps": [' + b'"x",' * 2000 + b'"x"]}', "at most"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_a_change_that_is_no_request_is_refused_in_words(site, body, words):
    headers = {**bearer(site), "X-CSRF-Token": csrf(site)}
    reply = site.ask("POST", "/api/runs/good-1/retry", body, headers)
    assert reply.status == 400
    assert words in reply.error


def test_a_request_that_is_too_long_is_refused(site):
    headers = {**bearer(site), "X-CSRF-Token": csrf(site)}
    reply = site.ask("POST", "/api/runs/good-1/retry", b" " * (2 << 20), headers)
    assert reply.status == 413


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "offset=1e9", "limit=" + "9" * 50, "phase=Nope", "limit=٣"])
def test_numbers_and_phases_that_are_none_are_refused(site, query):
    query = quote(query, safe="=")
    assert site.get(f"/api/runs/good-1/nodes?{query}").status == 400


def test_numbers_in_a_journal_that_json_has_not_are_left_out(ours, own):
    site, _, _ = ours
    with (own / "good-1" / ".dflow" / "journal.jsonl").open("ab") as stream:
        event = {"event": "node", "id": "x-1", "name": "good-1.x", "displayName": "x", "type": "Pod", "phase": "Failed"}
        event |= {"started": float("nan"), "finished": float("inf"), "message": "\ud800 odd", "parent": "good-1"}
        stream.write(json.dumps(event).encode() + b"\n")
        stream.write(b'{"event":"node","name":"good-1.y","phase":"Failed","message":"\xff\xfe","type":"Pod"}\n')
    found = site.json("/api/runs/good-1/nodes?phase=Failed")["nodes"]
    assert [(node["title"], node["started"]) for node in found] == [("x", None), ("good-1.y", None)]
    assert site.get("/api/runs/good-1/timeline").status == 200
    assert site.get("/api/runs/good-1/graph").status == 200


def test_a_script_in_the_journal_stays_a_text(ours, own):
    site, _, _ = ours
    message = "</script><img src=x onerror=alert(1)>"
    with (own / "good-1" / ".dflow" / "journal.jsonl").open("a") as stream:
        event = {"event": "node", "id": "x-1", "name": "good-1.x", "type": "Pod", "phase": "Failed", "message": message}
        stream.write(json.dumps(event) + "\n")
    reply = site.get("/api/runs/good-1/nodes?phase=Failed")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json["nodes"][0]["message"] == message


def test_no_more_streams_than_a_person_needs(site):
    opened = []
    try:
        for _ in range(70):
            connection = socket.create_connection(("127.0.0.1", site.port), timeout=10)
            opened.append(connection)
            head = f"Host: {site.host}\r\nAuthorization: Bearer {site.token}\r\n"
            connection.sendall(f"GET /api/runs/stream HTTP/1.1\r\n{head}\r\n".encode())
        statuses = [connection.makefile("rb").readline().split()[1] for connection in opened]
        assert statuses.count(b"200") == 64
        assert set(statuses) == {b"200", b"503"}
    finally:
        for connection in opened:
            connection.close()
    until(lambda: site.get("/api/runs").status == 200)


def test_the_library_is_not_loaded_by_what_does_not_need_it(tmp_path):
    run_script(
        tmp_path,
        "import sys, dflow, dflow.cli.main\nassert not {'starlette', 'uvicorn', 'dflow.ui'} & set(sys.modules)",
    )
