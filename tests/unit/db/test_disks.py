"""SQLite's file stays off network file systems; where nobody knows, nothing is refused."""

from pathlib import Path

import pytest

from ltxserve.db.database import Database
from ltxserve.db.disks import check_local, file_system
from ltxserve.errors import ConfigurationError

MOUNTS = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:20 / /proc rw - proc proc rw
40 22 0:50 / /srv rw,relatime shared:9 - nfs4 10.0.0.1:/srv rw
41 40 254:2 / /srv/local rw - xfs /dev/vdb rw
42 22 0:51 / /runpod-volume rw - fuse.mfs mfs#master rw
43 22 0:52 / /with\040space rw - cifs //host/share rw
44 22 0:53 / /twice rw - nfs host:/a rw
45 22 254:3 / /twice rw - ext4 /dev/vdc rw
46 22 0:54 / /srv/me rw - fuse.encfs encfs rw
odd line
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/ltxserve.db", "ext4"),
        ("/srv/x/not/there/yet.db", "nfs4"),
        ("/srvx/y.db", "ext4"),
        ("/srv/local/y.db", "xfs"),
        ("/runpod-volume/y.db", "mfs"),
        ("/with space/y.db", "cifs"),
        ("/twice/y.db", "ext4"),
        ("/srv/me/y.db", "encfs"),
    ],
)
def test_what_a_path_is_on(mounts: Path, path: str, kind: str):
    assert file_system(Path(path), mounts) == kind


@pytest.mark.parametrize("path", ["/srv/y.db", "/runpod-volume/y.db", "/with space/y.db"])
def test_network_file_systems_are_refused_with_what_to_do(mounts: Path, path: str):
    with pytest.raises(ConfigurationError) as refusal:
        check_local(Path(path), mounts)
    assert refusal.value.code == "database_on_network"
    assert "PostgreSQL" in refusal.value.hint


def test_what_is_local_or_unknown_is_taken(mounts: Path, tmp_path: Path):
    for path in ("/var/y.db", "/srv/local/y.db", "/srv/me/y.db"):
        check_local(Path(path), mounts)
    check_local(Path("/srv/y.db"), tmp_path / "no such list")
    assert file_system(tmp_path) != ""


def test_a_link_does_not_hide_it(mounts: Path, tmp_path: Path):
    (tmp_path / "data").symlink_to("/srv")
    with pytest.raises(ConfigurationError):
        check_local(tmp_path / "data" / "y.db", mounts)


def test_every_database_is_checked(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'here.db'}")
    database.upgrade()
    assert (tmp_path / "here.db").is_file()
    database.close()
