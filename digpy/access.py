"""Why a file or a directory cannot be used, and what to do about it.

Imported when something has failed, and by `digpy doctor`; a run that succeeds does not need it.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple

from digpy.errors import Unavailable

_OF_FILES = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
        errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE,
    }
)  # fmt: skip
"""What the system says about a file that is in the way; everything else may be our mistake."""


class Obstacle(NamedTuple):
    """What keeps this process from using a file: where it is, why, and how that is changed."""

    path: Path
    why: str
    fix: str


def obstacle(path: Path, state: Path | None = None) -> Obstacle | None:
    """What keeps this process from reading and writing `path`; None if nothing does.

    What does not exist must be possible to make. Only for `state`, a directory, and what is below
    it a change of the owner is proposed: everything else may belong to somebody for a reason.
    """
    before = path.root
    for place in (*reversed(path.parents), path):
        try:
            status = place.stat()
        except FileNotFoundError:
            return _refused(Path(before), os.W_OK | os.X_OK, state)
        except OSError as error:
            return Obstacle(place, error.strerror or str(error), "remove it, or rename it")
        is_directory = stat.S_ISDIR(status.st_mode)
        if not is_directory and (place != path or place == state):
            return Obstacle(place, "it is a file, and should be a directory", "rename it")
        needed = os.X_OK if is_directory else 0
        if place == path:
            needed |= os.R_OK | os.W_OK
        if (found := _refused(place, needed, state)) is not None:
            return found
        before = str(place)
    return None


def unusable(found: Obstacle) -> Unavailable:
    """The obstacle as an error."""
    return Unavailable(f"{found.path} cannot be used: {found.why}\n    help: {found.fix}")


def out_of_reach(error: OSError) -> Unavailable | None:
    """What `error` says to people; None if it is not about a file that is in the way."""
    if error.errno not in _OF_FILES or not isinstance(error.filename, str):
        return None
    found = obstacle(Path(error.filename).absolute())
    if found is not None:
        return unusable(found)
    return Unavailable(f"{error.filename} cannot be used: {error.strerror}")


def _refused(place: Path, needed: int, state: Path | None) -> Obstacle | None:
    if os.access(place, needed):
        return None
    status, me = place.stat(), os.geteuid()
    mode, name = f"{stat.S_IMODE(status.st_mode):04o}", shlex.quote(str(place))
    ours = state is not None and place.is_relative_to(state) and shlex.quote(str(state))
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        why = "its file system is mounted for reading only"
        return Obstacle(place, why, "mount it for writing, or keep the state elsewhere (--save)")
    if status.st_uid != me:
        why = f"it belongs to user {status.st_uid}, its mode is {mode}, and this is user {me}"
        run = f"run digpy as user {status.st_uid}"
        if not ours:
            return Obstacle(place, why, f"{run}, or ask for access")
        return Obstacle(place, why, f"sudo chown -R {me} {ours}, or {run}")
    rights = "rwx" if stat.S_ISDIR(status.st_mode) else "rw"
    if all(status.st_mode & getattr(stat, f"S_I{right.upper()}USR") for right in rights):
        why = "its owner and mode allow it, and the system refuses it all the same"
        return Obstacle(place, why, f"see what lsattr and getfacl say of {name}")
    change = f"chmod -R u+rwX {ours}" if ours else f"chmod u+{rights} {name}"
    return Obstacle(place, f"its mode is {mode}", change)
