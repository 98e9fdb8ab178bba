"""What all tests share: no note of theirs gets into the user's own folders."""

import pytest
from disks import disk  # noqa: F401 - a fixture


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory):
    """A state and a cache folder of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder
