"""What the shop knows, kept in one JSON file when it is given one."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.shop import stock
from demo.shop.effects import Refused

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    replayed: bool = False


@dataclass(frozen=True)
class Call:
    """One request, as far as the shop's state is concerned."""

    method: str
    path: str
    body: Any
    key: str | None

    @property
    def fingerprint(self) -> str:
        text = json.dumps([self.method, self.path, self.body], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class State:
    """The shop's rows and its ledger.

    One lock covers looking a key up, having the effect and remembering the
    answer, so of any number of twins exactly one has an effect. An answer is
    given only after the file holds it.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._version = self._saved = 0
        self._data = _load(file) if file and file.exists() else _fresh()

    def act(self, call: Call, effect: Callable[[Json], Json], *, name: str, status: int) -> Answer:
        """Have the effect once per key; the same call again gets the first answer again.

        A refusal binds no key, since nothing happened under it.
        """
        with self._lock:
            known = self._data["answers"].get(call.key) if call.key else None
            if known is None:
                answer = Answer(status, effect(self._data))
                self._note(call, name, answer)
            elif known["fingerprint"] != call.fingerprint:
                raise Refused(422, "this Idempotency-Key was used for another request")
            else:
                answer = Answer(known["status"], known["body"], replayed=True)
            version = self._version
        self._save(version)
        return answer

    def read(self, question: Callable[[Json], Any]) -> Any:
        """The answer as a copy that later effects leave alone."""
        with self._lock:
            return json.loads(json.dumps(question(self._data)))

    def reset(self) -> None:
        with self._lock:
            self._data = _fresh()
            self._version += 1
            version = self._version
        self._save(version)

    def _note(self, call: Call, name: str, answer: Answer) -> None:
        self._version += 1
        self._data["ledger"].append(
            {
                "seq": len(self._data["ledger"]) + 1,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "effect": name,
                "idempotency_key": call.key,
                "method": call.method,
                "path": call.path,
                "body": call.body,
                "result": answer.body,
            }
        )
        if call.key:
            self._data["answers"][call.key] = {
                "fingerprint": call.fingerprint,
                "status": answer.status,
                "body": answer.body,
            }

    def _save(self, version: int) -> None:
        """Return once the file holds this version; whoever writes, writes for all who wait."""
        if self._file is None:
            return
        with self._writing:
            if self._saved >= version:
                return
            with self._lock:
                content, newest = json.dumps(self._data), self._version
            part = self._file.with_name(self._file.name + ".part")
            part.write_text(content, encoding="utf-8")
            os.replace(part, self._file)
            self._saved = newest


def _load(file: Path) -> Json:
    data: Json = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or set(data) != set(_fresh()):
        raise ValueError(f"{file} is not a state file of this shop")
    return data


def _fresh() -> Json:
    return {**stock.first_day(), "mails": [], "ledger": [], "answers": {}, "counter": 0}
