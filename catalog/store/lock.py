"""Whether a process holds a lock file: how one process sees that another one lives."""

from pathlib import Path


def is_held(path: Path) -> bool:
    """Whether a live process holds this lock; what cannot be tried, in a read-only folder, is taken as held.

    Looking takes a free lock for a moment: look only where there is a sign that somebody holds it.
    """
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False
