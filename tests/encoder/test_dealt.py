"""Parts of all images, dealt to workers: each once, in whole batches, each archive read once."""

from collections import Counter

from encoders import archive, draw, picture

from dah.encoder.dealt import Deal, Part, Reader, parts_of
from dah.encoder.inputs import Origin, origins

NAMES = [f"{number % 3}/{number}.png" for number in range(10)]


def two(tmp_path):
    """A folder and an archive with their names."""
    draw(tmp_path / "folder", NAMES)
    archive(tmp_path / "set.tar", NAMES)
    found = origins([str(tmp_path / "folder"), str(tmp_path / "set.tar")])
    return [(origin, origin.listed()) for origin in found]


def test_parts_are_whole_batches_in_order(tmp_path):
    """All names once; but for the last of an origin, as many as a number of batches."""
    listed = [(origin, [*names, names[0]]) for origin, names in two(tmp_path)]
    parts = parts_of(listed, 5, batch=3, most=7, workers=1)
    assert [part.number for part in parts] == [5, 6, 7, 8, 9, 10, 11, 12]
    for origin, names in two(tmp_path):
        own = [part.names for part in parts if part.origin == origin]
        assert [name for part in own for name in part] == names
        assert [len(part) for part in own] == [3, 3, 3, 1]
    assert len(parts_of(listed, 0, 3, 7, 1000)[0].names) == 3
    many = [(Origin(tmp_path), [str(number) for number in range(1000)])]
    assert len(parts_of(many, 0, batch=3, most=7, workers=1)[0].names) == 6


def test_a_worker_stays_with_its_origin(tmp_path):
    """Two workers take one origin each; what is given back is the next; each part comes once."""
    parts = parts_of(two(tmp_path), 0, batch=3, most=3, workers=1)
    deal = Deal(parts)
    first, second = deal.next(None), deal.next(None)
    assert (first.number, second.number) == (0, 4)
    assert deal.next(first).number == 1
    deal.give_back(second)
    assert deal.next(second).number == 4
    rest, last = [], second
    while last := deal.next(last):
        rest.append(last.number)
    assert rest == [5, 6, 7, 2, 3]


class Counted:
    """An origin that counts how often each image is looked at."""

    def __init__(self, origin):
        self.origin, self.looks, self.opened = origin, Counter(), 0

    def members(self, wanted):
        self.opened += 1

        def look(name):
            self.looks[name] += 1
            return wanted(name)

        return self.origin.members(look)


def test_an_archive_is_read_through_once(tmp_path):
    """Parts of growing numbers, some of them another worker's; one of before opens it again."""
    origin, names = two(tmp_path)[1]
    counted, reader = Counted(origin), Reader()
    parts = [Part(n, counted, names[3 * n : 3 * n + 3]) for n in range(4)]
    for number in (0, 2, 3):
        found = list(reader.members(parts[number]))
        assert found == [(name, picture(NAMES.index(name))) for name in parts[number].names]
    assert counted.opened == 1
    assert set(counted.looks.values()) == {1}
    assert [name for name, _ in reader.members(parts[1])] == parts[1].names
    assert counted.opened == 2


def test_what_went_meanwhile_is_told(tmp_path):
    draw(tmp_path, ["a.png"])
    part = Part(0, Origin(tmp_path), ["a.png", "b.png"])
    found = dict(Reader().members(part))
    assert found["a.png"] == picture(0)
    assert found["b.png"].reason == "is not there any more"


def test_what_went_hides_nothing_that_comes_after_it(tmp_path):
    """The next part of a folder whose last one was not whole is read all the same."""
    draw(tmp_path, ["a.png", "c.png"])
    reader = Reader()
    parts = [Part(0, Origin(tmp_path), ["a.png", "b.png"]), Part(1, Origin(tmp_path), ["c.png"])]
    assert [dict(reader.members(part)) for part in parts][1] == {"c.png": picture(1)}
