"""Which texts name which places."""

from pathlib import Path

import pytest

from sparse_mcu.costmodel.errors import StudyError
from sparse_mcu.search.storage.place import place_of


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("a.study", "a.study"),
        ("/x/a b?c={d}.study", "/x/a b?c={d}.study"),
        ("sqlite:///a.study", "a.study"),
        ("sqlite:////x/a.study", "/x/a.study"),
        ("sqlite+pysqlite:///a.study", "a.study"),
    ],
)
def test_files(text: str, file: str) -> None:
    place = place_of(text)
    assert (place.file, place.server, str(place)) == (Path(file), None, file)
    assert place.folder == Path(f"{file}.artifacts")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_servers(scheme: str) -> None:
    place = place_of(f"{scheme}://me:secret@host:1/db?host=/x", "mine")
    assert place.server is not None
    assert place.server.drivername == "postgresql+psycopg"
    assert "me:secret@" in place.server.render_as_string(hide_password=False)
    assert str(place) == "postgresql+psycopg://me:***@host:1/db?host=%2Fx (study mine)"
    assert place.folder == Path("mine.artifacts")


@pytest.mark.parametrize("text", ["mysql://me:secret@host/db", "sqlite://", "postgresql://me:secret@host:x/db", "://"])
def test_other_databases_are_refused_without_their_password(text: str) -> None:
    with pytest.raises(StudyError, match="Name a file, or postgresql://USER@HOST/DATABASE") as caught:
        place_of(text)
    assert "secret" not in str(caught.value)


def test_a_folder_for_files_is_the_same_from_everywhere() -> None:
    assert place_of("a", artifacts="x").artifacts == str(Path("x").absolute())
    assert place_of("a", artifacts="s3://x").artifacts == "s3://x"
    assert place_of("a").artifacts is None
