"""A disk that remembers every write and every sync of SQLite, and what a loss of power could have left of them.

The layer lies between SQLite and its files: a copy of the default VFS in which opening, writing, truncating, syncing
and deleting are written down in their order and then done. From that record any crash can be played, without crashing:
what was synced is there, and of what was not, any part may be missing, or cut at a sector (SQLite, "Atomic Commit").
"""

import ctypes
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

SECTOR: Final = 512
_OK: Final = 0
_FILE_MAIN_OR_LOG: Final = 0x00000100 | 0x00000800 | 0x00080000  # main database, its rollback journal, its WAL
_P: Final = ctypes.c_void_p
_I: Final = ctypes.c_int
_L: Final = ctypes.c_int64
_OPEN: Final = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, _P)
_DELETE: Final = ctypes.CFUNCTYPE(_I, _P, _P, _I)
_WRITE: Final = ctypes.CFUNCTYPE(_I, _P, _P, _I, _L)
_TRUNCATE: Final = ctypes.CFUNCTYPE(_I, _P, _L)
_SYNC: Final = ctypes.CFUNCTYPE(_I, _P, _I)


class _Vfs(ctypes.Structure):
    """The methods of a file system, see https://www.sqlite.org/c3ref/vfs.html."""

    _fields_ = [
        ("version", _I),
        ("file_size", _I),
        ("path_max", _I),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("data", _P),
        ("open", _P),
        ("delete", _P),
        ("rest", _P * 14),
    ]


class _Methods(ctypes.Structure):
    """The methods of a file, see https://www.sqlite.org/c3ref/io_methods.html."""

    _fields_ = [
        ("version", _I),
        ("close", _P),
        ("read", _P),
        ("write", _P),
        ("truncate", _P),
        ("sync", _P),
        ("rest", _P * 13),
    ]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class Act(StrEnum):
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Deed:
    """`data` was written at `offset` of `file`; or it was cut to `offset` bytes, synced or deleted."""

    act: Act
    file: str
    offset: int = 0
    data: bytes = b""


class NoLayer(Exception):  # noqa: N818  (it says what there is not)
    """This Python carries a SQLite of its own inside, which no layer can be slid under."""


@dataclass
class Disk:
    """What was done to the files so far, in order. A note says that something was acknowledged at that moment."""

    deeds: list[Deed] = field(default_factory=list)

    @property
    def now(self) -> int:
        return len(self.deeds)


@contextmanager
def recorded() -> Iterator[Disk]:
    """While it lasts, every database that is opened is on the disk that is given. Raises `NoLayer`.

    For one process and one such block at a time: SQLite's default VFS is the process's.
    """
    library = _library()
    disk, layer = Disk(), None
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    beneath = library.sqlite3_vfs_find(None)
    layer = _Layer(disk, beneath)
    library.sqlite3_vfs_register(ctypes.byref(layer.vfs), 1)
    try:
        yield disk
    finally:
        library.sqlite3_vfs_register(beneath, 1)
        library.sqlite3_vfs_unregister(ctypes.byref(layer.vfs))
        # Files that are open still call it.
        _KEPT.append(layer)


_KEPT: Final[list[Any]] = []


def _library() -> ctypes.CDLL:
    """The very SQLite that Python uses. Raises `NoLayer`."""
    try:
        library = ctypes.CDLL("libsqlite3.so.0")
    except OSError as absent:
        raise NoLayer("SQLite is no shared library here") from absent
    library.sqlite3_libversion.restype = ctypes.c_char_p
    used = Path("/proc/self/maps").read_text()
    if library.sqlite3_libversion().decode() != sqlite3.sqlite_version or "_sqlite3" not in used:
        raise NoLayer("Python uses another SQLite than the shared library")
    return library


class _Layer:
    """Holds the callbacks, which must live as long as SQLite may call them."""

    def __init__(self, disk: Disk, beneath: Any) -> None:
        self._disk = disk
        self._files: dict[int, str] = {}
        self._beneath = beneath.contents
        self._methods: dict[int, tuple[_Methods, Any]] = {}
        self.vfs = _Vfs.from_buffer_copy(self._beneath)
        self.vfs.name = b"assay-recorded"
        self._calls = (_OPEN(self._open), _DELETE(self._delete))
        self.vfs.open, self.vfs.delete = (ctypes.cast(call, _P).value for call in self._calls)

    def _open(self, _: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        answer = int(_OPEN(self._beneath.open)(ctypes.addressof(self._beneath), name, file, flags, out))
        if answer == _OK and name and flags & _FILE_MAIN_OR_LOG:
            self._files[file] = ctypes.string_at(name).decode()
            opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
            opened.methods = ctypes.pointer(self._recording(opened.methods))
        return answer

    def _delete(self, _: int, name: int, must_sync: int) -> int:
        self._disk.deeds.append(Deed(Act.DELETE, ctypes.string_at(name).decode()))
        return int(_DELETE(self._beneath.delete)(ctypes.addressof(self._beneath), name, must_sync))

    def _recording(self, plain: Any) -> _Methods:
        """The methods of a file, three of them ours. One set for all files of a kind, as in SQLite."""
        at = ctypes.addressof(plain.contents)
        if at not in self._methods:
            methods = _Methods.from_buffer_copy(plain.contents)
            write, truncate, sync = _WRITE(methods.write), _TRUNCATE(methods.truncate), _SYNC(methods.sync)

            def on_write(file: int, data: int, count: int, offset: int) -> int:
                self._note(file, Act.WRITE, offset, ctypes.string_at(data, count))
                return int(write(file, data, count, offset))

            def on_truncate(file: int, size: int) -> int:
                self._note(file, Act.TRUNCATE, size)
                return int(truncate(file, size))

            def on_sync(file: int, kind: int) -> int:
                answer = int(sync(file, kind))
                self._note(file, Act.SYNC)
                return answer

            calls = (_WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync))
            methods.write, methods.truncate, methods.sync = (ctypes.cast(call, _P).value for call in calls)
            self._methods[at] = (methods, calls)
        return self._methods[at][0]

    def _note(self, file: int, act: Act, offset: int = 0, data: bytes = b"") -> None:
        self._disk.deeds.append(Deed(act, self._files[file], offset, data))


def left_after(deeds: list[Deed], moment: int, dice: Random | None = None) -> dict[str, bytes]:
    """The files as a loss of power after the first `moment` deeds could have left them, by their paths.

    What was synced is there. Of the rest `dice` choose what survived, whole or cut at a sector; without dice nothing.
    That a file was deleted is kept by the next sync of any file, as on a file system with a journal.
    """
    synced = _last_syncs(deeds[:moment])
    latest = max(synced.values(), default=-1)
    files: dict[str, bytearray] = {}
    for at, deed in enumerate(deeds[:moment]):
        if deed.act is Act.SYNC:
            files.setdefault(deed.file, bytearray())
        elif at < (latest if deed.act is Act.DELETE else synced.get(deed.file, -1)):
            _do(files, deed)
        elif dice is not None and dice.random() < 0.5:
            _do(files, _torn(deed, dice))
    return {path: bytes(content) for path, content in files.items()}


def all_after(deeds: list[Deed], moment: int) -> dict[str, bytes]:
    """The files after the first `moment` deeds, nothing lost: what a process that is killed alone leaves behind."""
    files: dict[str, bytearray] = {}
    for deed in deeds[:moment]:
        if deed.act is not Act.SYNC:
            _do(files, deed)
    return {path: bytes(content) for path, content in files.items()}


def _last_syncs(deeds: list[Deed]) -> dict[str, int]:
    return {deed.file: at for at, deed in enumerate(deeds) if deed.act is Act.SYNC}


def _torn(deed: Deed, dice: Random) -> Deed:
    """Half of the writes that survive do so whole."""
    if deed.act is not Act.WRITE or dice.random() < 0.5:
        return deed
    return Deed(deed.act, deed.file, deed.offset, deed.data[: SECTOR * dice.randrange(1 + len(deed.data) // SECTOR)])


def _do(files: dict[str, bytearray], deed: Deed) -> None:
    if deed.act is Act.DELETE:
        files.pop(deed.file, None)
        return
    content = files.setdefault(deed.file, bytearray())
    if deed.act is Act.TRUNCATE:
        del content[deed.offset :]
        return
    content.extend(bytes(max(0, deed.offset - len(content))))
    content[deed.offset : deed.offset + len(deed.data)] = deed.data
