"""The store of results: what is put comes back while its key holds, and whole or not at all."""

import json
import threading

import pytest

from anomaly_lab.cache import Cache, key_of

RESULT = {"text": "å", "numbers": [1, 2.5, None]}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_a_result_comes_back_while_its_key_holds(cache):
    assert cache.get("a", "1") is cache.latest("a") is None
    cache.put("a", "1", RESULT)
    assert cache.get("a", "1") == RESULT
    assert cache.get("a", "2") is None
    assert cache.latest("a") == ("1", RESULT)
    cache.put("a", "2", [])
    assert (cache.get("a", "1"), cache.get("a", "2")) == (None, [])
    cache.put("a", "3", {5: 0, 15: 1})  # as JSON has it
    assert cache.get("a", "3") == {"5": 0, "15": 1}


def test_a_key_is_that_of_its_parts_whatever_their_order():
    assert key_of({"a": 1, "b": (2,)}) == key_of({"b": [2], "a": 1})
    assert len({key_of(parts) for parts in (1, "1", [1], {"1": 1}, None)}) == 5


def test_each_name_has_a_file_that_can_be_told_by_it(cache):
    names = ["a b", "a-b", "a/b", "A b", 200 * "a" + "b", 200 * "a" + "c", "é"]
    assert len({cache.path(name) for name in names}) == len(names)
    assert cache.path("Score of knn: 1").name.startswith("score-of-knn-1-")
    assert all(cache.path(name).parent == cache.folder for name in names)
    assert all(len(cache.path(name).name) < 120 for name in names)


@pytest.mark.parametrize("damage", [0.0, 0.3, 0.9, "flipped", "list", "foreign", "name", "folder"])
def test_a_damaged_file_counts_as_missing(damage, cache):
    cache.put("a", "1", RESULT)
    path = cache.path("a")
    content = path.read_bytes()
    if damage == "flipped":
        path.write_bytes(content.replace(b"2.5", b"2.6"))
    elif damage == "list":
        path.write_bytes(b"[1, 2]")
    elif damage == "foreign":
        path.write_text(json.dumps({"name": "a", "key": "1", "result": RESULT}))
    elif damage == "name":
        cache.put("b", "1", RESULT)
        cache.path("b").replace(path)
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(content[: int(damage * len(content))])
    assert cache.get("a", "1") is cache.latest("a") is None


def test_several_writers_never_leave_a_half_file(cache):
    result = [0.5] * 1000
    cache.put("a", "1", result)
    writers = [
        threading.Thread(target=lambda: [cache.put("a", "1", result) for _ in range(40)])
        for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert cache.get("a", "1") == result
    assert list(cache.folder.iterdir()) == [cache.path("a")]


def test_without_a_folder_nothing_is_stored():
    cache = Cache(None)
    cache.put("a", "1", RESULT)
    assert cache.get("a", "1") is cache.latest("a") is None
