"""Archives: the same bytes for the same content, and nothing outside of the target, whatever a member says."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from dflow.engine.errors import StateError, StorageError, UnsafeArtifact
from dflow.storage.archives import Limits, pack, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("tar", "zip")


def member(name: str, data: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.size = len(data)
    for key, value in fields.items():
        setattr(found, key, value)
    return found, data


def link(name: str, goal: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=goal)


def tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    path = Path("hostile.tar")
    with tarfile.open(path, mode) as archive:
        for found, data in members:
            archive.addfile(found, io.BytesIO(data))
    return path


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = Path("hostile.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for found, data in members:
            archive.writestr(found, data)
    return path


def tree(root: Path) -> dict[str, Any]:
    """What a directory has: bytes of files, where links lead, None for directories."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def names(folder: str | Path = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def remove(path: Path) -> None:
    path.unlink() if path.is_file() else shutil.rmtree(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with all that is allowed in one."""
    root = tmp_path / "source"
    (root / "a/b").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a/b/text").write_text("text")
    (root / "a/run").write_text("#!/bin/sh\n")
    (root / "a/run").chmod(0o777)
    (root / "a/to-file").symlink_to("b/text")
    (root / "to-folder").symlink_to(root / "a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/far").write_text("far")
    (tmp_path / "outside/near").symlink_to("far")
    (root / "out").symlink_to(tmp_path / "outside")
    return root


# -- packing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_packed_comes_back(source, kind):
    pack(source, Path("packed"), kind)
    assert names() == ["outside", "packed", "source"]
    assert unpack(Path("packed"), Path("back")) == Path("back")
    assert Path("back/a/b/text").read_text() == Path("back/to-folder/b/text").read_text() == "text"
    assert Path("back/out/far").read_text() == Path("back/out/near").read_text() == "far"
    assert not Path("back/out").is_symlink()
    assert list(Path("back/empty").iterdir()) == []


def test_links_that_stay_inside_are_kept_as_relative_ones(source):
    back = tree(unpack(pack(source, Path("packed")), Path("back")))
    assert back["to-folder"] == "a"
    assert back["a/to-file"] == "b/text"
    assert back["out/near"] == "far"
    assert back["out"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_same_content_gives_the_same_bytes(source, kind):
    pack(source, Path("one"), kind, name="top")
    copy = Path("elsewhere/other-name")
    copy.parent.mkdir()
    source.rename(copy)
    (copy / "to-folder").unlink()
    (copy / "to-folder").symlink_to("a")
    for path in copy.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (5, 5))
    (copy / "a/b/text").chmod(0o600)
    pack(copy, Path("two"), kind, name="top")
    assert Path("one").read_bytes() == Path("two").read_bytes()


def test_archive_belongs_to_nobody_and_has_no_time(source):
    pack(source, Path("packed.tgz"), name="top")
    with tarfile.open("packed.tgz") as archive:
        members = archive.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert {m.mode for m in members if not m.issym()} == {0o755, 0o644}
    assert {m.name.split("/")[0] for m in members} == {"top"}
    header = Path("packed.tgz").read_bytes()[:10]
    assert header[3] == 0, "the gzip header has a file name"
    assert header[4:8] == bytes(4), "the gzip header has a time"


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_kept_when_that_is_wanted(source, kind):
    os.utime(source / "a/b/text", (1e9, 1e9))
    os.utime(source / "a", (1.1e9, 1.1e9))
    pack(source, Path("packed"), kind, times=True)
    unpack(Path("packed"), Path("back"), times=True)
    assert Path("back/a/b/text").stat().st_mtime == 1e9
    if kind == "tar":
        assert Path("back/a").stat().st_mtime == 1.1e9
    unpack(Path("packed"), Path("now"))
    assert Path("now/a/b/text").stat().st_mtime > 1.5e9


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_excluded_is_left_out_wherever_it_is(source, kind):
    (source / "a/b/skip").mkdir()
    (source / "a/b/skip/x").write_text("x")
    (source / "skip").write_text("x")
    (source / "to-skipped").symlink_to("a/b/skip/x")
    pack(source, Path("packed"), kind, exclude={"skip"})
    back = tree(unpack(Path("packed"), Path("back")))
    assert [name for name in back if "skip" in name.split("/")] == []
    assert back["to-skipped"] == b"x"


@pytest.mark.parametrize("kind", KINDS)
def test_single_file_is_unpacked_as_the_target(source, kind):
    pack(source / "a/run", Path("packed"), kind)
    unpack(Path("packed"), Path("back"))
    assert Path("back").read_text() == "#!/bin/sh\n"
    assert os.access("back", os.X_OK)
    unpack(Path("packed"), Path("as-is"), as_is=True)
    assert tree(Path("as-is")) == {"run": b"#!/bin/sh\n"}


@pytest.mark.parametrize("kind", KINDS)
def test_pipe_is_not_packed(source, kind):
    os.mkfifo(source / "pipe")
    with pytest.raises(StorageError, match=r"source/pipe: it is neither a file nor a directory"):
        pack(source, Path("packed"), kind)
    assert names() == ["outside", "source"]


def test_links_in_a_circle_are_told(source):
    (source.parent / "outside/back").symlink_to(source)
    with pytest.raises(StorageError, match="its links lead in a circle"):
        pack(source, Path("packed"))
    assert names() == ["outside", "source"]


def test_what_cannot_be_packed_is_told(source):
    (source / "gone").symlink_to(source.parent / "nowhere")
    with pytest.raises(StorageError, match=r"cannot pack .*gone: No such file"):
        pack(source, Path("packed"))
    with pytest.raises(StorageError, match="'rar'"):
        pack(source, Path("packed"), "rar")
    with pytest.raises(StateError, match="cannot write"):
        pack(source / "a", Path("no/such/place"))
    with pytest.raises(StateError, match="it would lie in"):
        pack(source / "a", source / "a/b/archive")


file_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda text: text not in (".", "..") and len(text.encode()) < 250)
trees = st.recursive(
    st.binary(max_size=2000), lambda below: st.dictionaries(file_names, below, max_size=4), max_leaves=12
)


def lay(root: Path, content: Any) -> None:
    if isinstance(content, bytes):
        root.write_bytes(content)
        return
    root.mkdir()
    for name, below in content.items():
        lay(root / name, below)


def read(root: Path) -> Any:
    return root.read_bytes() if root.is_file() else {path.name: read(path) for path in root.iterdir()}


@settings(max_examples=60, deadline=None)
@given(content=trees, name=file_names, kind=st.sampled_from(KINDS), compressed=st.booleans())
def test_any_tree_comes_back(content, name, kind, compressed):
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        lay(folder / "s", content)
        pack(folder / "s", folder / "packed", kind, name=name, compressed=compressed)
        unpack(folder / "packed", folder / "back")
        assert read(folder / "back") == content
        assert names(folder) == ["back", "packed", "s"]


def test_names_that_are_no_text_come_back(tmp_path):
    Path("s").mkdir()
    Path(os.fsdecode(b"s/\xff\xfe" + b"n" * 120)).write_text("x")
    unpack(pack(Path("s"), Path("packed")), Path("back"))
    assert names("back") == names("s")


# -- unpacking what others have packed -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["gz", "bz2", "xz", ""])
def test_form_is_told_by_the_content_not_by_the_name(form):
    tar(member("top/a", b"a"), mode=f"w:{form}").rename("archive.zip")
    unpack(Path("archive.zip"), Path("back"))
    assert tree(Path("back")) == {"a": b"a"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_all_formats_of_tar_are_read(form):
    name = "top/" + "/".join(["long" * 10] * (2 if form == tarfile.USTAR_FORMAT else 8))
    with tarfile.open("x.tar", "w", format=form) as archive:
        archive.addfile(member(name, b"d" * 1024)[0], io.BytesIO(b"d" * 1024))
        archive.addfile(member("top/empty", b"")[0])
    unpack(Path("x.tar"), Path("back"))
    assert (Path("back") / name.removeprefix("top/")).read_bytes() == b"d" * 1024


def test_several_members_at_the_top_and_a_dot_before_them():
    unpack(tar(member(".", b"", type=tarfile.DIRTYPE), member("./a"), member("b/c")), Path("back"))
    assert tree(Path("back")) == {"a": b"x", "b": None, "b/c": b"x"}


def test_one_directory_stays_when_that_is_wanted():
    unpack(tar(member("top/a")), Path("back"), as_is=True)
    assert tree(Path("back")) == {"top": None, "top/a": b"x"}


def test_empty_archives_are_empty_directories():
    unpack(tar(), Path("of-tar"))
    unpack(zipped(), Path("of-zip"))
    assert tree(Path("of-tar")) == tree(Path("of-zip")) == {}
    assert Path("of-zip").is_dir()


def test_links_inside_are_made_even_before_what_they_lead_to():
    members = [link("top/l", "sub/f"), link("top/chain", "l"), member("top/sub/f"), link("top/sub/up", "../l")]
    unpack(tar(*members, link("top/hard", "top/sub/f", tarfile.LNKTYPE)), Path("back"))
    assert [Path("back", name).read_text() for name in ("l", "chain", "sub/up", "hard")] == ["x"] * 4
    assert Path("back/hard").samefile("back/sub/f")


def test_later_file_of_a_name_takes_the_place_of_the_earlier_one():
    members = [member("t/a", b"1"), link("t/b", "t/a", tarfile.LNKTYPE), member("t/a", b"2")]
    unpack(tar(*members), Path("back"))
    assert tree(Path("back")) == {"a": b"2", "b": b"1"}


def test_modes_and_owners_are_not_those_of_the_archive(tmp_path):
    before = os.umask(0o027)
    try:
        unpack(
            tar(
                member("t/all", mode=0o7777 & ~0o6000, uid=12345, gid=12345),
                member("t/none", mode=0),
                member("t/d", b"", type=tarfile.DIRTYPE, mode=0o2777),
            ),
            Path("back"),
        )
    finally:
        os.umask(before)
    assert {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in [Path("back"), *Path("back").iterdir()]} == {
        "back": "0o750",
        "all": "0o750",
        "none": "0o640",
        "d": "0o750",
    }
    assert Path("back/all").stat().st_uid == os.getuid()


HOSTILE = {
    "absolute": ([member("/tmp/evil")], "'/tmp/evil' has an absolute path"),
    "dots": ([member("t/../../evil")], r"'t/../../evil' has '\.\.' in its path"),
    "dots inside": ([member("t/a/../b")], r"has '\.\.' in its path"),
    "link to an absolute path": ([link("t/l", "/etc/passwd")], "'t/l' is a link to '/etc/passwd', an absolute path"),
    "link out": ([link("t/l", "../evil")], r"'t/l' is a link to '\.\./evil', which leads out of the archive"),
    "link out and in again": ([link("t/l", "../t/a"), member("t/a")], "leads out of the archive"),
    "link out of the top": ([link("t/d/l", "../../x"), member("x")], None),
    "link up from a folder": ([link("t/d/l", "../.."), member("t/a")], "leads out of the archive"),
    "chain of links": (
        [link("t/d/a", ".."), link("t/b", "d/a/.."), member("t/d/x")],
        r"'t/b' is a link to 'd/a/\.\.', which leads out of the archive",
    ),
    "longer chain": (
        [link("t/a/b/up", "../.."), link("t/a/upper", "b/up"), link("t/z", "a/upper/../evil"), member("t/x")],
        "'t/z' is a link",
    ),
    "links in a circle": ([link("t/a", "b"), link("t/b", "a")], "leads in a circle"),
    "link to itself": ([link("t/a", "a/x")], "leads in a circle"),
    "link alone": ([link("l", "x")], "leads out of the archive"),
    "empty link": ([link("t/l", "")], "is a link to ''"),
    "member behind a link": ([link("t/l", "."), member("t/l/evil")], "'t/l/evil' lies in the place of, or behind"),
    "member behind a link out": ([link("t/l", "/tmp"), member("t/l/evil")], "absolute path"),
    "folder behind a link": ([link("t/l", "d"), member("t/l/e", b"", type=tarfile.DIRTYPE)], "'t/l/e' lies in"),
    "link behind a link": ([link("t/l", "d"), link("t/l/e", "x")], "'t/l/e' lies in"),
    "hard link behind a link": ([member("t/a"), link("t/l", "d"), link("t/l/e", "t/a", tarfile.LNKTYPE)], "'t/l/e' "),
    "file in the place of a link": ([link("t/l", "x"), member("t/l")], "'t/l' lies in the place of"),
    "folder in the place of a link": ([link("t/l", "x"), member("t/l", b"", type=tarfile.DIRTYPE)], "'t/l' lies in"),
    "link in the place of a file": ([member("t/l"), link("t/l", "x")], "link in the place of an earlier member"),
    "hard link in the place of a file": (
        [member("t/a"), member("t/l"), link("t/l", "t/a", tarfile.LNKTYPE)],
        "link in the place of an earlier member",
    ),
    "link in the place of a folder": ([member("t/l/a"), link("t/l", "x")], "in the place of a directory"),
    "file in the place of a folder": ([member("t/l/a"), member("t/l")], "in the place of a directory"),
    "file below a file": ([member("t/a"), member("t/a/b")], "'t/a/b' lies below a file"),
    "file in the place of all": ([member(".")], "in the place of a directory"),
    "hard link out": ([link("t/l", "../evil", tarfile.LNKTYPE)], "is a hard link to"),
    "hard link to an absolute path": ([link("t/l", "/etc/passwd", tarfile.LNKTYPE)], "hard link to '/etc/passwd'"),
    "hard link to nothing": ([link("t/l", "t/a", tarfile.LNKTYPE)], "no earlier file of the archive"),
    "hard link to a folder": ([member("t/d/a"), link("t/l", "t/d", tarfile.LNKTYPE)], "no earlier file"),
    "hard link through a link": (
        [link("t/d", ".."), link("t/l", "t/d/evil", tarfile.LNKTYPE)],
        "'t/l' lies in the place of, or behind, the link 't/d'",
    ),
    "hard link to a link": ([link("t/s", "x"), link("t/l", "t/s", tarfile.LNKTYPE)], "behind, the link 't/s'"),
    "device": ([member("t/d", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "neither file, directory nor link"),
    "block device": ([member("t/d", b"", type=tarfile.BLKTYPE)], "neither file, directory nor link"),
    "pipe": ([member("t/p", b"", type=tarfile.FIFOTYPE)], "neither file, directory nor link"),
    "setuid": ([member("t/su", mode=0o4755)], "rights of another user"),
    "setgid": ([member("t/sg", mode=0o2755)], "rights of another user"),
    "NUL": ([member("t/a", pax_headers={"path": "t/a\0b"})], "NUL"),
    "NUL in a link": ([member("t/a", b"", type=tarfile.SYMTYPE, pax_headers={"linkpath": "a\0b"})], "is a link to"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tar_file_is_refused_and_leaves_nothing(case, tmp_path):
    members, message = HOSTILE[case]
    work = tmp_path / "deep" / "er"
    work.mkdir(parents=True)
    archive = tar(*members).rename(tmp_path / "hostile.tar")
    target = work / "target"
    if message is None:  # it stays inside of what becomes the target
        unpack(archive, target)
        assert os.path.realpath(target / "t/d/l") == str(target / "x")
        return
    with pytest.raises(UnsafeArtifact, match=message) as caught:
        unpack(archive, target)
    assert str(archive) in str(caught.value)
    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == ["deep", "deep/er", "hostile.tar"]
    assert not Path("/tmp/evil").exists()


def info(name: str, mode: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.create_system, found.external_attr = 3, mode << 16
    return found


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("/tmp/evil", b"")], "absolute path"),
        ([("t/../../evil", b"")], r"'\.\.' in its path"),
        ([(info("t/l", stat.S_IFLNK | 0o777), b"/etc")], "'t/l' is a link"),
        ([(info("t/p", stat.S_IFIFO | 0o777), b"")], "neither file nor directory"),
        ([(info("t/d", stat.S_IFCHR | 0o777), b"")], "neither file nor directory"),
        ([(info("t/su", stat.S_IFREG | 0o4755), b"")], "rights of another user"),
        ([("a", b""), ("a/b", b"")], "'a/b' lies below a file"),
    ],
)
def test_hostile_zip_file_is_refused_and_leaves_nothing(members, message):
    archive = zipped(*members)
    with pytest.raises(UnsafeArtifact, match=message):
        unpack(archive, Path("target"))
    assert names() == ["hostile.zip"]


def test_name_with_nul_in_a_zip_file_is_refused():
    archive = zipped(("t/abc", b""))
    archive.write_bytes(archive.read_bytes().replace(b"t/abc", b"t/a\0c"))
    with pytest.raises((UnsafeArtifact, StorageError), match=r"NUL|damaged"):
        unpack(archive, Path("target"))
    assert names() == ["hostile.zip"]


def test_bomb_is_refused_unless_it_is_allowed():
    small = Limits(free=1 << 20, ratio=100)
    with gzip.open("bomb", "wb") as stream, tarfile.open(fileobj=stream, mode="w:") as archive:
        archive.addfile(member("t/zeros")[0], io.BytesIO(b"x"))
        big = tarfile.TarInfo("t/big")
        big.size = 30 << 20
        archive.addfile(big, io.BytesIO(bytes(big.size)))
    pack_of_zeros = zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED)
    with pack_of_zeros as archive_of_zeros:
        archive_of_zeros.writestr("t/big", bytes(30 << 20))
    for name in ("bomb", "bomb.zip"):
        with pytest.raises(UnsafeArtifact, match=r"100 times its own size.* higher limits"):
            unpack(Path(name), Path("target"), limits=small)
        with pytest.raises(UnsafeArtifact, match="more than 1000 bytes, the limit"):
            unpack(Path(name), Path("target"), limits=Limits(size=1000))
        assert names() == ["bomb", "bomb.zip"]
        unpack(Path(name), Path("target"), limits=Limits(ratio=None))
        assert 30 << 20 in {path.stat().st_size for path in (Path("target"), *Path("target").glob("*"))}
        remove(Path("target"))


def test_holes_count_as_much_as_what_is_there():
    with Path("holes").open("wb") as stream:
        stream.truncate(1 << 30)
    subprocess.run(["tar", "--sparse", "-cf", "sparse.tar", "holes"], check=True)
    assert Path("sparse.tar").stat().st_size < 1 << 20
    with pytest.raises(UnsafeArtifact, match="times its own size"):
        unpack(Path("sparse.tar"), Path("target"), limits=Limits(free=1 << 20, ratio=100))
    assert not Path("target").exists()


def test_number_of_members_can_be_limited():
    archive = tar(*(member(f"t/{n}") for n in range(11)))
    with pytest.raises(UnsafeArtifact, match="more than 10 members"):
        unpack(archive, Path("target"), limits=Limits(members=10))
    unpack(archive, Path("target"), limits=Limits(members=11))
    assert len(names("target")) == 11


def test_header_that_would_fill_the_memory_is_refused():
    head = tarfile.TarInfo("././@PaxHeader")
    head.type, head.size = tarfile.XHDTYPE, 1 << 40
    Path("x.tar").write_bytes(head.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    with pytest.raises(StorageError, match="damaged"):
        unpack(Path("x.tar"), Path("target"))


@pytest.mark.parametrize("form", ["gz", "bz2", "xz", ""])
def test_archive_that_is_cut_off_anywhere_is_refused(form):
    data = tar(*(member(f"t/{n}", os.urandom(700)) for n in range(5)), mode=f"w:{form}").read_bytes()
    end = len(data) if form else 5 * (512 + 1024)  # beyond that only the end mark
    for at in {0, 1, 5, 300, 511, 512, 513, 1536, 3072, end // 2, end - 1, end if not form else end - 9}:
        Path("cut").write_bytes(data[:at])
        with pytest.raises(StorageError, match=r"cannot unpack cut: .*(damaged|cut off)"):
            unpack(Path("cut"), Path("target"))
        assert names() == ["cut", "hostile.tar"]


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_whatever_byte_it_is(source, kind):
    """Compressed: the checksums tell. A flipped bit may change what does not matter, but never gives other content."""
    pack(source, Path("whole"), kind)
    data = Path("whole").read_bytes()
    unpack(Path("whole"), Path("target"))
    right = tree(Path("target"))
    remove(Path("target"))
    told = 0
    for at in range(0, len(data), 7):
        Path("bad").write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        try:
            unpack(Path("bad"), Path("target"))
        except (StorageError, UnsafeArtifact):
            told += 1
            assert names() == ["bad", "outside", "source", "whole"]
        else:
            found = tree(Path("target"))
            if kind == "tar":
                assert found == right
            remove(Path("target"))
    assert told > len(data) / 7 / 4


def test_damaged_header_in_the_middle_is_told():
    archive = tar(member("t/a"), member("t/b"), member("t/c"), mode="w:")
    data = bytearray(archive.read_bytes())
    data[1024 + 150] ^= 1  # the checksum of the second header
    archive.write_bytes(data)
    with pytest.raises(StorageError, match="no end mark after"):
        unpack(archive, Path("target"))


def test_what_is_no_archive_is_told():
    Path("text").write_text("hello, this is no archive\n" * 100)
    with pytest.raises(StorageError, match="cannot be read, or is damaged"):
        unpack(Path("text"), Path("target"))
    with pytest.raises(StorageError, match="No such file"):
        unpack(Path("nothing"), Path("target"))
    assert names() == ["text"]


def test_encrypted_zip_file_is_told():
    data = bytearray(zipped(("a", b"secret")).read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + offset] |= 1
    Path("x.zip").write_bytes(data)
    with pytest.raises(StorageError, match="encrypted"):
        unpack(Path("x.zip"), Path("target"))


def test_nothing_is_overwritten():
    archive = tar(member("t/a"))
    Path("target").mkdir()
    with pytest.raises(StateError, match="there is target already"):
        unpack(archive, Path("target"))
    Path("dangling").symlink_to("nowhere")
    with pytest.raises(StateError, match="there is dangling already"):
        unpack(archive, Path("dangling"))


def test_what_is_unfinished_is_for_this_user_alone(monkeypatch):
    seen = []
    original = os.open

    def watch(path: Any, *more: Any, **options: Any) -> int:
        seen.extend(stat.S_IMODE(p.stat().st_mode) for p in Path().glob(".target.*"))
        return original(path, *more, **options)

    archive = tar(member("t/a"))
    monkeypatch.setattr(os, "open", watch)
    unpack(archive, Path("target"))
    assert set(seen) == {0o700}
