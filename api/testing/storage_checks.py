"""What every storage client promises, one check each. ``dflow.testing.storage`` runs them."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterable

from dflow.engine.errors import ObjectNotFound, StorageError
from dflow.testing.storage_place import Place, bytes_of, expect, expect_error, files_in, short

if TYPE_CHECKING:
    from dflow.storage import StorageClient

__all__ = ["CHECKS", "MANY"]

Check = Callable[..., None]
CHECKS: Dict[str, Check] = {}
"""The checks by name, each called with a client, a prefix that no other key has, and an empty directory."""

MANY = 300
"""So many keys are uploaded to see whether a listing comes whole."""
LARGE = (5 << 20) + 3
_NOT_FOUND = (ObjectNotFound, FileNotFoundError)


def _check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


# files


@_check
def round_trip_of_an_empty_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """A file without bytes is an object, and comes back."""
    at = Place(client, prefix, folder)
    at.put("empty", b"")
    at.has("empty", b"")
    at.lists("", ["empty"], recursive=True)


@_check
def round_trip_of_a_small_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """What is downloaded is what was uploaded."""
    at = Place(client, prefix, folder)
    at.put("folder/small", b"one line\n")
    at.has("folder/small", b"one line\n")


@_check
def round_trip_of_every_byte(client: StorageClient, prefix: str, folder: Path) -> None:
    """Bytes are kept as they are: no ends of lines, encodings or compression are looked for."""
    at = Place(client, prefix, folder)
    contents = {"binary": bytes(range(256)), "lines.txt": b"a\r\nb\rc\n\x1a", "packed.gz": b"\x1f\x8b\x08\x00 not gzip"}
    for key, data in contents.items():
        at.put(key, data)
    for key, data in contents.items():
        at.has(key, data)


@_check
def round_trip_of_a_large_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """A file of more than 5 MiB, which some stores take in parts, comes back whole."""
    at = Place(client, prefix, folder)
    data = bytes_of(LARGE)
    at.put("large", data)
    at.has("large", data)


@_check
def upload_overwrites(client: StorageClient, prefix: str, folder: Path) -> None:
    """An upload takes the place of what is there, also where that was longer."""
    at = Place(client, prefix, folder)
    for data in (b"first", b"the second one", b"3"):
        at.put("same", data)
        at.has("same", data)


@_check
def an_object_does_not_change_with_a_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """An object is a copy of the uploaded file, and a downloaded file is a copy of the object."""
    at = Place(client, prefix, folder)
    file = at.folder / "file"
    file.write_bytes(b"before")
    client.upload(prefix + "copy", str(file))
    with file.open("r+b") as opened:
        opened.write(b"AFTER!")
    at.has("copy", b"before")
    client.download(prefix + "copy", str(at.folder / "down"))
    with (at.folder / "down").open("r+b") as opened:
        opened.write(b"AFTER!")
    at.has("copy", b"before")


@_check
def paths_are_texts_or_path_objects(client: StorageClient, prefix: str, folder: Path) -> None:
    """``upload`` and ``download`` take the path as ``str`` and as ``pathlib.Path``."""
    source = Path(folder, "source")
    source.write_bytes(b"data")
    for number, kind in enumerate((str, Path)):
        target = Path(folder, f"target-{number}")
        client.upload(f"{prefix}{number}", kind(source))
        client.download(f"{prefix}{number}", kind(target))
        expect(target.read_bytes() == b"data", f"a path as {kind.__name__} gives another file")


@_check
def upload_refuses_what_is_no_readable_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """A missing file, a directory, and what may not be read are a StorageError or an OSError; nothing is stored."""
    at = Place(client, prefix, folder)
    (at.folder / "directory").mkdir()
    (at.folder / "locked").write_bytes(b"secret")
    (at.folder / "locked").chmod(0)
    refused = ["nothing", "directory"]
    if not os.access(at.folder / "locked", os.R_OK):  # root may read it all the same
        refused.append("locked")
    for name in refused:
        path = str(at.folder / name)
        expect_error((StorageError, OSError), f"uploading {name}", lambda path=path: client.upload(f"{prefix}k", path))  # type: ignore[misc]
    at.lists("", [], recursive=True)


# keys


def _keys_are_told_apart(place: Place, keys: Iterable[str]) -> None:
    """Expect that each of some keys is an object of its own, in listings too."""
    contents = {key: f"this is {key}".encode() for key in keys}
    for key, data in contents.items():
        place.put(key, data)
    for key, data in contents.items():
        place.has(key, data)
        place.client.copy(place.prefix + key, f"{place.prefix}copies/{key}")
        place.has(f"copies/{key}", data)
        place.lists(key, [one for one in contents if one.startswith(key)], recursive=True)
    place.lists("", [*contents, *(f"copies/{key}" for key in contents)], recursive=True)
    place.lists("copies/", [f"copies/{key}" for key in contents], recursive=False)


@_check
def keys_with_spaces(client: StorageClient, prefix: str, folder: Path) -> None:
    """Spaces in a key are part of it."""
    _keys_are_told_apart(Place(client, prefix, folder), ["a b", "ab", "two  spaces", " before", "with a.txt"])


@_check
def keys_with_letters_of_any_language(client: StorageClient, prefix: str, folder: Path) -> None:
    """Keys are texts of Unicode, told apart letter by letter."""
    _keys_are_told_apart(Place(client, prefix, folder), ["é", "e", "数据.txt", "ß", "SS", "😀", "Ä-ä"])


@_check
def keys_with_plus_and_percent(client: StorageClient, prefix: str, folder: Path) -> None:
    """What looks like a quoted address in a key is not read as one."""
    _keys_are_told_apart(Place(client, prefix, folder), ["1+1", "1 1", "1%201", "1%2B1", "100%", "x%2Fy", "%"])


@_check
def keys_with_dots(client: StorageClient, prefix: str, folder: Path) -> None:
    """Dots in a name are part of it."""
    _keys_are_told_apart(Place(client, prefix, folder), [".hidden", "a..b", "a.tar.gz", "...", "a-", "a_.b"])


@_check
def keys_with_signs(client: StorageClient, prefix: str, folder: Path) -> None:
    """Signs that mean something in addresses, shells and patterns mean nothing in a key."""
    names = ["a#b", "a?b=c", "a&b", "a=b", "a:b", "a;b", "a,b", "(a)", "[ab]", "a*", "@a", "!a", "$a", "~a", "'a'"]
    _keys_are_told_apart(Place(client, prefix, folder), names)


@_check
def keys_that_are_long(client: StorageClient, prefix: str, folder: Path) -> None:
    """A key may have 700 bytes, and a part of it 200."""
    at = Place(client, prefix, folder)
    key = "/".join(letter * 200 for letter in "abc") + "/x"
    at.put(key, b"long")
    at.has(key, b"long")
    at.lists("a", [key], recursive=True)


# listings


@_check
def list_takes_a_prefix_as_a_text(client: StorageClient, prefix: str, folder: Path) -> None:
    """The prefix is the beginning of the key, not a directory: ``a`` lists ``ab`` too."""
    at = Place(client, prefix, folder)
    keys = ["ab", "abc/x", "a.txt", "ad/e/f", "b", "ba"]
    for key in keys:
        at.put(key, b"x")
    for text in ("a", "ab", "abc", "abc/", "abc/x", "ad/e", "b", "ba"):
        at.lists(text, [key for key in keys if key.startswith(text)], recursive=True)
    at.lists("", keys, recursive=True)


@_check
def list_without_recursion_ends_at_the_next_slash(client: StorageClient, prefix: str, folder: Path) -> None:
    """Without ``recursive``, all keys that go on behind the next ``/`` are one entry that ends with it."""
    at = Place(client, prefix, folder)
    for key in ("x", "d/1", "d/2", "d/e/3", "dd/4"):
        at.put(key, b"x")
    at.lists("", ["d/", "dd/", "x"], recursive=False)
    at.lists("d", ["d/", "dd/"], recursive=False)
    at.lists("d/", ["d/1", "d/2", "d/e/"], recursive=False)
    at.lists("d/e", ["d/e/"], recursive=False)
    at.lists("x", ["x"], recursive=False)


@_check
def list_of_nothing_is_empty(client: StorageClient, prefix: str, folder: Path) -> None:
    """Where no key begins with the prefix the listing is empty, and no error."""
    at = Place(client, prefix, folder)
    at.put("there", b"x")
    for text in ("nothing", "nothing/", "there/", "therefore", "nothing/at/all"):
        for recursive in (True, False):
            at.lists(text, [], recursive=recursive)


@_check
def list_gives_many_keys(client: StorageClient, prefix: str, folder: Path, *, keys: int = MANY) -> None:
    """A listing is complete, however many answers the store gives it in."""
    at = Place(client, prefix, folder)
    names = [f"{number:06d}" for number in range(keys)]
    with ThreadPoolExecutor(max(1, client.parallel)) as pool:
        list(pool.map(lambda name: at.put(f"many/{name}", b""), names))
    at.lists("many/", [f"many/{name}" for name in names], recursive=True)
    at.lists("many/", [f"many/{name}" for name in names], recursive=False)
    at.lists("many/00000", [f"many/{name}" for name in names if name.startswith("00000")], recursive=True)


@_check
def list_is_fresh(client: StorageClient, prefix: str, folder: Path) -> None:
    """What has been uploaded or copied is in the next listing, and what it says is of now."""
    at = Place(client, prefix, folder)
    at.lists("", [], recursive=True)
    at.lists("new/", [], recursive=False)
    for number in range(3):
        at.put(f"new/{number}", b"x")
        at.lists("new/", [f"new/{done}" for done in range(number + 1)], recursive=True)
        at.lists("new/", [f"new/{done}" for done in range(number + 1)], recursive=False)
    client.copy(f"{prefix}new/0", f"{prefix}other/0")
    at.lists("", ["new/", "other/"], recursive=False)


@_check
def exists_asks_for_an_object(client: StorageClient, prefix: str, folder: Path) -> None:
    """``exists`` is about an object of that very key, not about keys that begin with it."""
    at = Place(client, prefix, folder)
    at.put("d/file.txt", b"x")
    for key, wanted in {"d/file.txt": True, "d/file": False, "d": False, "d/file.txt.more": False}.items():
        expect(client.exists(prefix + key) is wanted, f"exists({key!r}) should be {wanted}")


# copies


@_check
def copy_makes_a_second_object(client: StorageClient, prefix: str, folder: Path) -> None:
    """After a copy both keys have the content; the copy does not change with the original."""
    at = Place(client, prefix, folder)
    at.put("one", b"content")
    client.copy(f"{prefix}one", f"{prefix}deeper/two")
    at.has("one", b"content")
    at.has("deeper/two", b"content")
    at.put("one", b"other")
    at.has("deeper/two", b"content")


@_check
def copy_overwrites(client: StorageClient, prefix: str, folder: Path) -> None:
    """A copy takes the place of what is there."""
    at = Place(client, prefix, folder)
    at.put("one", b"new")
    at.put("two", b"old and longer")
    client.copy(f"{prefix}one", f"{prefix}two")
    at.has("two", b"new")


@_check
def copy_onto_itself_changes_nothing(client: StorageClient, prefix: str, folder: Path) -> None:
    """The two keys of a copy may be the same one."""
    at = Place(client, prefix, folder)
    at.put("one", b"content")
    client.copy(f"{prefix}one", f"{prefix}one")
    at.has("one", b"content")
    at.lists("", ["one"], recursive=True)


# sums


@_check
def md5_is_right_or_empty(client: StorageClient, prefix: str, folder: Path) -> None:
    """``get_md5`` gives 32 hexadecimal digits that are right, or an empty text; never a wrong sum."""
    at = Place(client, prefix, folder)
    contents = {"small": b"hello", "empty": b"", "large": bytes_of(LARGE)}
    for key, data in contents.items():
        at.put(key, b"overwritten")
        at.put(key, data)
        client.copy(prefix + key, f"{prefix}copy-of-{key}")
        wanted = hashlib.md5(data).hexdigest()  # noqa: S324 - stores speak it
        for name in (key, f"copy-of-{key}"):
            found = client.get_md5(prefix + name)
            expect(found in ("", wanted), f"the MD5 sum of {name!r} is {wanted}, and get_md5() says {found!r}")


# what is not there


@_check
def download_of_what_is_not_there(client: StorageClient, prefix: str, folder: Path) -> None:
    """A missing key is an ObjectNotFound or FileNotFoundError; it leaves no file, and keeps one that was there."""
    at = Place(client, prefix, folder)
    at.put("d/x", b"x")
    (at.folder / "kept").write_bytes(b"kept")
    for key in ("nothing", "d", "d/x/y", "nothing/at/all"):
        for name in ("new", "kept"):
            path = str(at.folder / name)
            expect_error(
                _NOT_FOUND,
                f"downloading the missing {key!r}",
                lambda key=key, path=path: client.download(prefix + key, path),  # type: ignore[misc]
            )
    expect(files_in(at.folder) == ["kept"], f"a failed download leaves files: {files_in(at.folder)}")
    expect((at.folder / "kept").read_bytes() == b"kept", "a failed download changes the file that was there")


@_check
def copy_of_what_is_not_there(client: StorageClient, prefix: str, folder: Path) -> None:
    """A copy of a missing key raises ObjectNotFound or FileNotFoundError, and makes no object."""
    at = Place(client, prefix, folder)
    at.put("d/x", b"x")
    for key in ("nothing", "d"):
        for target in ("target", key):
            expect_error(
                _NOT_FOUND,
                f"copying the missing {key!r}",
                lambda key=key, target=target: client.copy(prefix + key, prefix + target),  # type: ignore[misc]
            )
    at.lists("", ["d/x"], recursive=True)


@_check
def md5_of_what_is_not_there(client: StorageClient, prefix: str, folder: Path) -> None:
    """``get_md5`` of a missing key raises ObjectNotFound or FileNotFoundError."""
    at = Place(client, prefix, folder)
    at.put("d/x", b"x")
    for key in ("nothing", "d", "d/x2"):
        expect_error(
            _NOT_FOUND,
            f"get_md5 of the missing {key!r}",
            lambda key=key: client.get_md5(prefix + key),  # type: ignore[misc]
        )


# downloads


@_check
def download_makes_directories(client: StorageClient, prefix: str, folder: Path) -> None:
    """A download makes the directories of its file, and nothing else."""
    at = Place(client, prefix, folder)
    at.put("x", b"x")
    client.download(f"{prefix}x", str(at.folder / "a" / "b" / "file"))
    expect(files_in(at.folder) == ["a/b/file"], f"a download leaves more than its file: {files_in(at.folder)}")


@_check
def download_replaces_a_file(client: StorageClient, prefix: str, folder: Path) -> None:
    """A download takes the place of a file that is there, and leaves no other file behind."""
    at = Place(client, prefix, folder)
    at.put("x", b"short")
    (at.folder / "file").write_bytes(b"something longer")
    client.download(f"{prefix}x", str(at.folder / "file"))
    found = (at.folder / "file").read_bytes()
    expect(found == b"short", f"the file that was there is {short(found)} afterwards")
    expect(files_in(at.folder) == ["file"], f"a download leaves more than its file: {files_in(at.folder)}")


# threads


@_check
def parallel_calls(client: StorageClient, prefix: str, folder: Path) -> None:
    """``client.parallel`` threads may use one client at once."""
    at = Place(client, prefix, folder)

    def work(number: int) -> None:
        for turn in range(3):
            key, data = f"{number}/{turn}", bytes_of(1000 * number + turn)
            at.put(key, data)
            client.copy(prefix + key, f"{prefix}{key}-copy")
            at.has(f"{key}-copy", data)
            at.lists(f"{number}/{turn}", [key, f"{key}-copy"], recursive=True)
            client.get_md5(prefix + key)

    expect(client.parallel >= 1, f"client.parallel is {client.parallel}")
    with ThreadPoolExecutor(client.parallel) as pool:
        list(pool.map(work, range(2 * client.parallel)))
    wanted = [f"{number}/" for number in range(2 * client.parallel)]
    at.lists("", wanted, recursive=False)
