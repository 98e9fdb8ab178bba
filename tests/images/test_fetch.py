"""Fetching: one tar per domain from whatever the images came in; a server that does its worst."""

import hashlib
import io
import os
import re
import tarfile
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from dah.errors import UserError
from dah.images import download as downloading
from dah.images import fetch
from dah.images.archives import read_members, write_tar
from dah.images.download import check_digest, download, record_digest
from dah.images.fetch import LAYOUTS, Layout, obtain

SHARED = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
PAGE = "https://example.org/by-hand"
SMALL = [
    ("back_pack/frame_0002.jpg", b"two"),
    ("back_pack/frame_0001.jpg", b"one"),
    ("mug/frame_0001.jpg", b"a mug"),
]


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def tgz_of(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return path


def folder_of(path, members):
    for name, data in members:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def fetched(tmp_path, name, source, domains, targets=None):
    """Run obtain without a download; the counts and each domain's members."""
    given = obtain(
        name,
        source,
        domains,
        tmp_path / "raw",
        cache=tmp_path / "cache",
        checksums=tmp_path / "sums.txt",
        targets=targets,
    )
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "sums.txt").exists()
    return given.images, {d: list(read_members(tmp_path / "raw" / f"{d}.tar")) for d in domains}


def published(name, domains):
    """Members of the form and number of a published data set, one byte each."""
    layout = LAYOUTS[name]
    between = "images/" if name == "office31" else ""
    top, shown = ("", {}) if name == "office31" else ("Office/", {"RealWorld": "Real World"})
    for domain in domains:
        for i in range(layout.images[domain]):
            category = f"category_{i % layout.categories:02}"
            yield f"{top}{shown.get(domain, domain)}/{between}{category}/{i:05}.jpg", b"x"


@pytest.mark.parametrize(
    ("name", "domains"),
    [("office31", ["amazon", "dslr", "webcam"]), ("office_home", ["Art", "RealWorld"])],
)
def test_the_published_data_sets_are_taken_as_they_are(tmp_path, name, domains):
    """Their folders, their numbers, and files beside the images."""
    extra = [
        ("Office/ImageInfo.csv", b"1"),
        ("Office/Readme", b"2"),
        ("__MACOSX/Art/a/._b.jpg", b""),
    ]
    source = zip_of(tmp_path / "a.zip", [*extra, *published(name, domains)])
    counts, members = fetched(tmp_path, name, source, domains)
    assert counts == {domain: LAYOUTS[name].images[domain] for domain in domains}
    for domain in domains:
        categories = Counter(member.split("/")[0] for member, _ in members[domain])
        assert len(categories) == LAYOUTS[name].categories
        assert all(re.fullmatch(r"category_\d\d/\d{5}\.jpg", m) for m, _ in members[domain])


@pytest.mark.parametrize("top", ["", "office31/", "a/b/"])
def test_the_same_bytes_whatever_they_came_in(tmp_path, top):
    """A zip, a tar.gz, a folder, with top folders or without: one tar, sorted, to the last bit."""
    members = [(f"{top}amazon/images/{name}", data) for name, data in SMALL]
    others = [(f"{top}dslr/images/{name}", data) for name, data in SMALL]
    sources = [
        zip_of(tmp_path / "a.zip", members + others),
        tgz_of(tmp_path / "a.tgz", others + members[::-1]),
        folder_of(tmp_path / "a", members),
    ]
    digests = set()
    for source in sources:
        counts, found = fetched(tmp_path, "folder", source, ["amazon"])
        assert counts == {"amazon": 3}
        assert found["amazon"] == sorted(SMALL)
        assert not (tmp_path / "raw" / "dslr.tar").exists()
        digests.add(hashlib.sha256((tmp_path / "raw" / "amazon.tar").read_bytes()).digest())
    assert len(digests) == 1


@pytest.mark.parametrize("folder", ["Real World", "real_world", "Real-World", "RealWorld"])
def test_a_domain_goes_by_a_name_that_files_can_have(tmp_path, folder):
    """Spaces, case and separators do not count; what is written is named as asked for."""
    source = folder_of(tmp_path / "a", [(f"{folder}/{name}", data) for name, data in SMALL])
    _, found = fetched(tmp_path, "folder", source, ["RealWorld"])
    assert found["RealWorld"] == sorted(SMALL)


def test_a_flat_domain_has_no_categories(tmp_path):
    """A folder of images alone is an unlabelled domain, beside a labelled one."""
    members = [("photos/b.PNG", b"2"), ("photos/a.jpeg", b"1"), ("art/mug/c.webp", b"3")]
    counts, found = fetched(
        tmp_path, "folder", folder_of(tmp_path / "a", members), ["photos", "art"]
    )
    assert counts == {"photos": 2, "art": 1}
    assert found["photos"] == [("a.jpeg", b"1"), ("b.PNG", b"2")]
    assert found["art"] == [("mug/c.webp", b"3")]


def test_a_folder_named_images_is_no_category(tmp_path):
    """Office-31 puts its categories there; a flat domain may as well."""
    members = [("photos/images/a.png", b"1"), ("art/images/mug/c.webp", b"3")]
    _, found = fetched(tmp_path, "folder", folder_of(tmp_path / "a", members), ["photos", "art"])
    assert found == {"photos": [("a.png", b"1")], "art": [("mug/c.webp", b"3")]}


def test_a_category_may_be_named_as_a_domain(tmp_path):
    """The outer folder is the domain."""
    members = [("art/photo/a.jpg", b"1"), ("photo/art/b.jpg", b"2")]
    _, found = fetched(tmp_path, "folder", folder_of(tmp_path / "a", members), ["art", "photo"])
    assert found == {"art": [("photo/a.jpg", b"1")], "photo": [("art/b.jpg", b"2")]}


@pytest.mark.parametrize("kind", ["folder", "zip", "tgz"])
def test_hidden_folders_are_no_categories(tmp_path, kind):
    """Nor other programs' folders, in a folder and in archives."""
    members = [(f"art/{name}", data) for name, data in SMALL]
    junk = (".ipynb_checkpoints/frame-checkpoint.jpg", "@eaDir/a.jpg", "mug/.thumbs/a.jpg")
    source = {"folder": folder_of, "zip": zip_of, "tgz": tgz_of}[kind](
        tmp_path / "a", [*members, *((f"art/{name}", b"junk") for name in junk)]
    )
    _, found = fetched(tmp_path, "folder", source, ["art"])
    assert found["art"] == sorted(SMALL)


NAMED = ("a.JPG", "b.jfif", "c.Tif", "d.tiff", "e.HEIC", "f.avif", "g.jpe", "h.heif")


def test_images_are_known_by_many_names(tmp_path):
    """In any case; whether they can be read is found when they are decoded."""
    source = folder_of(tmp_path / "a", [(f"art/mug/{name}", b"1") for name in NAMED])
    assert fetched(tmp_path, "folder", source, ["art"])[0] == {"art": len(NAMED)}


def test_images_that_nobody_reads_are_not_left_out_in_silence(tmp_path):
    """Those of cameras come unread, to fail when they are decoded; other files are counted."""
    names = ("a.jpg", "b.CR2", "c.svg", "d.mp4", "e.MP4", "f.txt", "README")
    source = folder_of(tmp_path / "a", [(f"art/mug/{name}", b"1") for name in names])
    (source / "notes.txt").write_bytes(b"beside the domains")
    places = {"cache": tmp_path / "c", "checksums": tmp_path / "s"}
    found = obtain("folder", source, ["art"], tmp_path / "raw", **places)
    assert found == ({"art": 3}, {"art": 3}, {".mp4": 2, ".txt": 1, "": 1})
    members = list(read_members(tmp_path / "raw/art.tar"))
    assert members == [("mug/a.jpg", b"1"), ("mug/b.CR2", b""), ("mug/c.svg", b"")]


def test_folders_in_a_category_belong_to_it(tmp_path):
    """At any depth, with or without the folder images."""
    names = ("mug/2023/a.jpg", "mug/b.jpg", "pen/x/y/z/c.jpg")
    for top in ("art", "art/images"):
        source = folder_of(tmp_path / top / "s", [(f"{top}/{name}", b"1") for name in names])
        counts, found = fetched(tmp_path, "folder", source, ["art"])
        assert counts == {"art": 3}
        assert [name for name, _ in found["art"]] == list(names)


ART = [("art/mug/2023/a.jpg", b"1"), ("art/pen/b.jpg", b"1")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["2019/05/a.jpg", "b.jpg"], ["2019%2F05%2Fa.jpg", "b.jpg"]),
        (["2019/a.jpg", "2020/01/b.jpg"], ["2019%2Fa.jpg", "2020%2F01%2Fb.jpg"]),
        (["holiday/a.jpg", "b.jpg"], ["b.jpg", "holiday%2Fa.jpg"]),
        (["2019/a.jpg", "2020/b.jpg"], ["2019/a.jpg", "2020/b.jpg"]),
        (["mug/x/a.jpg", "pen/b.jpg"], ["mug/x/a.jpg", "pen/b.jpg"]),
    ],
)
def test_folders_of_an_album_belong_to_it(tmp_path, names, expected):
    """Of a target, where none is a category of the source, and one folder deep is not all."""
    members = [*ART, *((f"photos/{name}", b"2") for name in names)]
    _, found = fetched(
        tmp_path, "folder", folder_of(tmp_path / "a", members), ["art", "photos"], ["photos"]
    )
    assert [name for name, _ in found["photos"]] == expected
    assert [name for name, _ in found["art"]] == ["mug/2023/a.jpg", "pen/b.jpg"]
    if "b.jpg" in names:  # then it shows without the tasks
        again = fetched(tmp_path, "folder", tmp_path / "a", ["art", "photos"])
        assert again[1] == found


def test_an_album_beside_a_category_of_the_source_is_refused(tmp_path):
    """Its labels would be lost; and a source is no album."""
    members = [*ART, ("photos/mug/a.jpg", b"2"), ("photos/b.jpg", b"2")]
    source = folder_of(tmp_path / "a", members)
    for targets in (["photos"], []):
        with pytest.raises(UserError, match=r"'photos' in folders of categories, found 'b\.jpg'"):
            fetched(tmp_path, "folder", source, ["art", "photos"], targets)


def test_a_category_of_a_mac_is_that_of_any_other_system(tmp_path):
    """NFD and NFC are one name; two images of one name in both are told apart."""
    members = [("art/cafe\u0301/a.jpg", b"1"), ("photo/caf\u00e9/a.jpg", b"2")]
    _, found = fetched(tmp_path, "folder", folder_of(tmp_path / "a", members), ["art", "photo"])
    assert found["art"] == [("caf\u00e9/a.jpg", b"1")]
    assert found["photo"] == [("caf\u00e9/a.jpg", b"2")]
    twice = folder_of(tmp_path / "b", [members[0], ("art/caf\u00e9/a.jpg", b"2")])
    with pytest.raises(UserError, match=r"twice, the second time as 'art/caf(e\\u0301|\\xe9)/a"):
        fetched(tmp_path, "folder", twice, ["art"])


def test_any_name_comes_through(tmp_path):
    """Of a Mac and of a phone; bytes that are no UTF-8 are written out, the system's files left."""
    names = (
        "a\u202fPM.png",
        "v\u00a013.jpg",
        "\U0001f468\u200d\U0001f469.jpg",
        "b\n.jpg",
        "c\udce9.jpg",
    )
    source = folder_of(tmp_path / "a", [(f"art/mug/{name}", b"1") for name in (*names, "Icon\r")])
    _, found = fetched(tmp_path, "folder", source, ["art"])
    expected = sorted(f"mug/{name}".replace("\udce9", "\\xe9") for name in names)
    assert [name for name, _ in found["art"]] == expected


def test_a_link_out_of_the_data_set_is_refused(tmp_path):
    """A folder too: its images would be left out in silence."""
    source = folder_of(tmp_path / "a", [("art/mug/a.jpg", b"1")])
    folder_of(tmp_path / "other", [("a.jpg", b"1")])
    (source / "art/pen").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match=r"'art/pen', which is a link out of the folder, to '/"):
        fetched(tmp_path, "folder", source, ["art"])
    (source / "art/pen").unlink()
    (source / "art/pen").symlink_to("mug")
    assert fetched(tmp_path, "folder", source, ["art"])[0] == {"art": 2}


def test_a_domain_that_is_half_flat_is_refused(tmp_path):
    """With one of the images that lie beside the categories."""
    source = folder_of(tmp_path / "a", [("art/mug/a.jpg", b"1"), ("art/b.jpg", b"2")])
    with pytest.raises(UserError, match=r"'art' in folders of categories, found 'b\.jpg' .*1 of 2"):
        fetched(tmp_path, "folder", source, ["art"])


def test_an_image_that_stands_twice_is_refused(tmp_path):
    """One of the two would vanish."""
    source = zip_of(tmp_path / "a.zip", [("x/art/mug/a.jpg", b"1"), ("y/art/mug/a.jpg", b"2")])
    with pytest.raises(UserError, match=r"found 'mug/a\.jpg' twice, .* 'y/art/mug/a\.jpg'"):
        fetched(tmp_path, "folder", source, ["art"])


def test_a_domain_that_is_not_there_is_refused(tmp_path):
    """With the folders that were there instead, and no tar half done."""
    source = folder_of(tmp_path / "a", [("art/mug/a.jpg", b"1"), ("photo/mug/a.jpg", b"1")])
    with pytest.raises(UserError, match=r"in sketch/<category>/, found images in photo/mug;"):
        fetched(tmp_path, "folder", source, ["art", "sketch"])
    with pytest.raises(UserError, match=r"in art/<category>/, found none;"):
        fetched(tmp_path, "folder", folder_of(tmp_path / "b", [("art/a/b.txt", b"")]), ["art"])
    assert list((tmp_path / "raw").iterdir()) == []


def test_names_of_domains_are_checked_first(tmp_path):
    """Unknown to the published data set, or alike; a folder without a path."""
    with pytest.raises(UserError, match="office31 has no 'Art'; it has amazon, dslr, webcam"):
        fetched(tmp_path, "office31", tmp_path, ["amazon", "Art"])
    with pytest.raises(UserError, match="found real_world, RealWorld; rename one"):
        fetched(tmp_path, "folder", tmp_path, ["real_world", "RealWorld"])
    with pytest.raises(UserError, match=r"dataset\.path is null, but dataset\.name is 'folder'"):
        fetched(tmp_path, "folder", None, ["art"])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda members: members[:-1], "31 and 497"),
        (lambda members: [*members, ("dslr/images/mug/new.jpg", b"")], "32 and 499"),
        (lambda members: [m for m in members if "_07/" not in m[0]], "30 and 482"),
    ],
)
def test_counts_other_than_the_published_are_refused(tmp_path, change, found):
    """An image too few, a category too many, a category too few: both numbers and the remedy."""
    source = tmp_path / "a.tar"
    write_tar(source, change(list(published("office31", ["dslr"]))))
    with pytest.raises(
        UserError, match=rf"31 categories and 498 .* found {found}; .*folder to use"
    ):
        fetched(tmp_path, "office31", source, ["dslr"])
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_published_data_set_is_never_flat(tmp_path):
    """Its images have categories."""
    source = folder_of(tmp_path / "a", [("dslr/a.jpg", b"1")])
    with pytest.raises(UserError, match=r"folders of categories, found 'a\.jpg'"):
        fetched(tmp_path, "office31", source, ["dslr"])


class Server(ThreadingHTTPServer):
    """Serves ``files`` on 127.0.0.1, breaking off the first ``breaks`` answers midway."""

    files: dict[str, bytes]
    breaks: int = 0
    ranges: bool = True
    asked: list[tuple[str, str | None]]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Silent."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[self.path]
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Type", "text/html" if data[:1] == b"<" else "application/zip")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        broken = self.server.breaks > 0
        self.server.breaks -= 1
        self.wfile.write(data[start : start + (len(data) - start) // 2 if broken else None])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("random.uniform", lambda low, high: 0)  # no waiting between attempts
    with Server(("127.0.0.1", 0), Handler) as serving:
        serving.asked = []
        serving.files = {}
        serving.url = f"http://127.0.0.1:{serving.server_port}"
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path):
    """A zip of 3 MB that does not compress."""
    rng = np.random.default_rng(0)
    members = [(f"photo/{name}", rng.bytes(10**6)) for name, _ in SMALL]
    return zip_of(tmp_path / "made.zip", members).read_bytes()


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path, server, archive):
    """Within one run, by ranges, reported as it goes; then never again."""
    server.files["/a.zip"] = archive
    server.breaks = 3
    seen = []
    path = tmp_path / "cache" / "a.archive"
    download(
        [f"{server.url}/a.zip"], path, PAGE, progress=lambda done, total: seen.append((done, total))
    )
    assert path.read_bytes() == archive
    assert seen == sorted(seen)
    assert seen[-1] == (len(archive), len(archive))
    starts = [int(wanted[6:-1]) for _, wanted in server.asked if wanted]
    assert starts == sorted(starts)
    assert len(starts) == 3
    assert starts[0] > len(archive) // 3
    asked = len(server.asked)
    download([f"{server.url}/a.zip"], path, PAGE)
    assert len(server.asked) == asked


def test_the_next_run_goes_on_where_the_last_one_gave_up(tmp_path, server, archive, monkeypatch):
    """Nothing stands at the final name until it is whole."""
    monkeypatch.setattr(downloading, "RETRIES", 1)
    server.files["/a.zip"] = archive
    server.breaks = 2
    path = tmp_path / "a.archive"
    with pytest.raises(
        UserError, match=r"a\.archive: cannot be downloaded .* run it again .*\*\.part"
    ):
        download([f"{server.url}/a.zip"], path, PAGE)
    assert not path.exists()
    server.asked.clear()
    download([f"{server.url}/a.zip"], path, PAGE)
    assert path.read_bytes() == archive
    assert int(server.asked[-1][1][6:-1]) > len(archive) // 2


def test_a_server_without_ranges_is_never_spliced(tmp_path, server, archive):
    """It sends the beginning again, which must not follow the first half; told in one line."""
    server.files["/a.zip"] = archive
    server.breaks = 1
    server.ranges = False
    with pytest.raises(UserError, match=r"did not honor the requested byte range") as error:
        download([f"{server.url}/a.zip"], tmp_path / "a.archive", PAGE)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a.archive").exists()


def test_a_web_page_instead_of_an_archive_is_refused(tmp_path, server):
    """It is not kept, its title is told, and where to get the file by hand."""
    server.files["/a.zip"] = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"
    with pytest.raises(UserError, match="HTML page titled 'Quota exceeded'") as error:
        download([f"{server.url}/a.zip"], tmp_path / "a.archive", PAGE)
    assert f"get the archive by hand from {PAGE} and set dataset.path to it" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_the_next_address_is_tried(tmp_path, server, archive):
    """A page, nothing, nobody there, then the archive; when all fail, each one's reason is told."""
    server.files |= {"/page": b"<html>", "/a.zip": archive}
    bad = [f"{server.url}/page", f"{server.url}/none", "http://127.0.0.1:1/a.zip"]
    path = tmp_path / "a.archive"
    with pytest.raises(UserError, match=r"/page: .*HTML page .*404 .*refused") as error:
        download(bad, path, PAGE)
    assert "\n" not in str(error.value)
    download([*bad, f"{server.url}/a.zip"], path, PAGE)
    assert path.read_bytes() == archive


def test_a_digest_once_recorded_is_enforced(tmp_path):
    """As sha256sum writes it; sorted, other lines kept."""
    sums, path = tmp_path / "data" / "sums.txt", tmp_path / "b.archive"
    path.write_bytes(b"abc")
    (tmp_path / "a.archive").write_bytes(b"")
    check_digest(path, sums)
    assert not sums.exists()
    record_digest(path, sums)
    record_digest(tmp_path / "a.archive", sums)
    assert sums.read_text() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.archive\n"
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.archive\n"
    )
    check_digest(path, sums)
    path.write_bytes(b"abd")
    record_digest(path, sums)
    with pytest.raises(UserError, match=r"b\.archive: expected the SHA-256 ba78.* found a52d"):
        check_digest(path, sums)
    sums.write_text("what is this\n")
    with pytest.raises(UserError, match=r"sums\.txt, line 1: expected .* 'what is this'; mend"):
        check_digest(path, sums)


def test_a_data_set_is_downloaded_once_and_its_digest_kept(tmp_path, server, archive, monkeypatch):
    """The whole way: download, counts, tars, checksum; another archive later is refused."""
    layout = Layout({"photo": 3}, 2, (f"{server.url}/a.zip",), PAGE)
    monkeypatch.setitem(fetch.LAYOUTS, "small", layout)
    server.files["/a.zip"] = archive
    raw, cache, sums = tmp_path / "raw", tmp_path / "cache", tmp_path / "sums.txt"

    def run():
        return obtain("small", None, ["photo"], raw, cache=cache, checksums=sums).images

    assert run() == {"photo": 3}
    assert [name for name, _ in read_members(raw / "photo.tar")] == sorted(n for n, _ in SMALL)
    assert sums.read_text() == f"{hashlib.sha256(archive).hexdigest()}  small.archive\n"
    before = (raw / "photo.tar").read_bytes()
    assert run() == {"photo": 3}
    assert len(server.asked) == 1
    assert (raw / "photo.tar").read_bytes() == before

    (cache / "small.archive").unlink()
    server.files["/a.zip"] = zip_of(
        tmp_path / "other.zip", [(f"photo/{n}", data) for n, data in SMALL]
    ).read_bytes()
    with pytest.raises(UserError, match=r"small\.archive: expected the SHA-256"):
        run()
    assert (raw / "photo.tar").read_bytes() == before


def test_a_download_with_wrong_counts_records_no_digest(tmp_path, server, archive, monkeypatch):
    """What was not what it should be is not made the standard."""
    layout = Layout({"photo": 4}, 2, (f"{server.url}/a.zip",), PAGE)
    monkeypatch.setitem(fetch.LAYOUTS, "small", layout)
    server.files["/a.zip"] = archive
    sums = tmp_path / "sums.txt"
    with pytest.raises(UserError, match="and 4 images of small's 'photo', found 2 and 3"):
        obtain("small", None, ["photo"], tmp_path / "raw", cache=tmp_path, checksums=sums)
    assert not sums.exists()


@pytest.mark.slow
def test_the_real_office_31(tmp_path):
    """31 categories and 4110 images, the bytes of each as in the archive."""
    path = SHARED / "office31.tar"
    if not path.exists():
        pytest.skip(f"{path.name} is not in DAH_SHARED_DATA nor in ../shared/data")
    domains = list(LAYOUTS["office31"].images)
    counts, members = fetched(tmp_path, "office31", path, domains)
    assert counts == LAYOUTS["office31"].images
    with tarfile.open(path) as tar:
        for domain in domains:
            name, data = members[domain][-1]
            assert tar.extractfile(f"{domain}/images/{name}").read() == data
