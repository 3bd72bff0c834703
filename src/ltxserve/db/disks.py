"""Which file system a path is on, and whether SQLite may live there; knows no database.

Several machines' caches and locks do not agree on a network file system: SQLite's WAL needs memory
that its processes share, and a lock that is not held damages the file (sqlite.org/wal.html).
"""

from __future__ import annotations

import re
from pathlib import Path

from ltxserve.errors import ConfigurationError

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux lists what is mounted; elsewhere nothing is checked."""
NETWORKED = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p"),
        *("ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "panfs"),
        *(
            "glusterfs",
            "sshfs",
            "s3fs",
            "goofys",
            "rclone",
            "gcsfuse",
            "mfs",
            "moosefs",
            "mfsmount",
        ),
        *("juicefs", "JuiceFS", "davfs", "davfs2", "blobfuse", "blobfuse2", "curlftpfs", "geesefs"),
    }
)
"""Types of file systems that other machines write to; of FUSE, what follows the dot."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


def check_local(file: Path, mounts: Path = MOUNTS) -> None:
    """Raises ConfigurationError `database_on_network` where SQLite's file would not be safe."""
    kind = file_system(file, mounts)
    if kind in NETWORKED:
        raise ConfigurationError(
            "database_on_network",
            f"SQLite's file {file} would lie on a network file system ({kind}).",
            "Put it on a disk of this machine (LTXSERVE_DATABASE_URL=sqlite:////path/ltxserve.db; "
            "clips may stay on the network), or use PostgreSQL.",
            "LTXSERVE_DATABASE_URL",
        )


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system of a path that may not exist yet; "" where nobody says."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    whole = path.absolute().resolve()
    found, depth = "", -1
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()[:1]
        if len(fields) < 5 or not kind:
            continue
        point = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        # Of two mounts at the same place, the later one is seen.
        if whole.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kind[0].removeprefix("fuse."), len(point.parts)
    return found
