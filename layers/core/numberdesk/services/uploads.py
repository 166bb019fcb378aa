"""Files for requirements: a form to upload one by, and the check of what was uploaded. Its bytes go to no other place."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import uuid4

from numberdesk.domain.capabilities import Ability
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.profile import Upload
from numberdesk.domain.values import SIGNATURES, StoredFile
from numberdesk.providers import registry
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from numberdesk.domain.clock import Clock
    from numberdesk.domain.profile import ProfileKey
    from numberdesk.services import stores
    from numberdesk.services.ports import Files

    class Store(stores.Orders, stores.Profiles, Protocol):
        """What it needs of the table."""


VALID = timedelta(minutes=15)
"""How long a form may be used."""
_EXTENSIONS = {"application/pdf": ("pdf",), "image/jpeg": ("jpg", "jpeg"), "image/png": ("png",)}
_EXTENSION = re.compile(r"\.([0-9]*[a-z][a-z0-9]{0,9})$", re.IGNORECASE)
"""How a name ends that tells a type: `scan.pdf` does, `scan of 3.11.` and `scan 3.11` do not."""


class Form(NamedTuple):
    """A form by which one file may be uploaded once: post the fields and then the file, as `multipart/form-data`."""

    file_id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int


def of_order(order_id: str) -> str:
    """Name the owner of an order's files."""
    return f"order/{order_id}"


def of_profile(key: ProfileKey) -> str:
    """Name the owner of a profile's files."""
    return f"profiles/{key.text}"


@dataclass(slots=True, eq=False, repr=False)
class Uploads:
    """Gives out forms, and checks what came."""

    store: Store
    files: Files
    clock: Clock
    max_bytes: int

    def for_order(self, order_id: str, filename: str, content_type: str, by: str) -> Form:
        """Give a form for a file that an order's requirement takes.

        Raises:
            ProblemError: the name denies the type; there is no such order, it is over, or its provider takes no values.
        """
        _check_name(filename, content_type)
        order = self.store.get(order_id)
        if order is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        _needs_values(order.provider)
        if order.ended:
            raise ProblemError(
                Problem.ORDER_ENDED, f"the order is {order.state.value}; nothing can be supplied any more"
            )
        return self._form(of_order(order_id), filename, content_type, by)

    def for_profile(self, key: ProfileKey, filename: str, content_type: str, by: str) -> Form:
        """Give a form for a file of a profile, which need not be there yet.

        Raises:
            ProblemError: the name denies the type, or its provider takes no values.
        """
        _check_name(filename, content_type)
        _needs_values(key.provider)
        return self._form(of_profile(key), filename, content_type, by)

    def take(self, owner: str, file_id: str) -> StoredFile:
        """Take a file that `owner` (`of_order`, `of_profile`) uploaded: check it once, and pin that version of it.

        Raises:
            ProblemError: it is not there, or it is not taken.
        """
        upload = self.store.upload(_kept_under(owner), file_id)
        if upload is None or not file_id.startswith(_prefix(owner)):
            text = "no form was given out here for a file of this id; ask for one first"
            raise ProblemError(Problem.FILE_MISSING, text)
        if (stored := upload.stored) is not None:
            # Since then it may have been deleted with its profile, or have reached its age.
            if self.files.read(stored.key, stored.version_id, max_bytes=stored.size) is None:
                raise ProblemError(Problem.FILE_MISSING, "the file is no longer kept; upload it anew")
            return stored
        found = self.files.read(upload.key, None, max_bytes=self.max_bytes)
        if found is None:
            if (size := self.files.size(upload.key)) is not None:
                text = f"the file has {size} bytes, and at most {self.max_bytes} are taken"
                raise ProblemError(Problem.FILE_NOT_TAKEN, text)
            raise ProblemError(Problem.FILE_MISSING, "nothing was uploaded by this form yet")
        content, version_id = found
        if not content:
            raise ProblemError(Problem.FILE_NOT_TAKEN, "the file is empty")
        if not content.startswith(SIGNATURES[upload.content_type]):
            text = f"the file is declared as {upload.content_type}, and its content is not"
            raise ProblemError(Problem.FILE_NOT_TAKEN, text)
        stored = StoredFile(
            file_id=file_id,
            key=upload.key,
            version_id=version_id,
            content_type=upload.content_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            filename=upload.filename,
        )
        self.store.pin_upload(upload.with_(stored=stored))
        return stored

    def _form(self, owner: str, filename: str, content_type: str, by: str) -> Form:
        now = self.clock.now()
        file_id = f"{_prefix(owner)}{uuid4().hex}"
        folder = owner.replace("order/", "orders/", 1) if owner.startswith("order/") else "profiles"
        upload = Upload(
            file_id=file_id,
            owner=_kept_under(owner),
            key=f"{folder}/{file_id}",
            content_type=content_type,
            filename=filename,
            created_at=now,
            created_by=by,
        )
        self.store.put_upload(upload)
        url, fields = self.files.form(upload, max_bytes=self.max_bytes, valid_for=VALID)
        return Form(file_id, url, fields, now + VALID, self.max_bytes)


def _check_name(filename: str, content_type: str) -> None:
    # Whoever gets the file opens it as what its name says.
    named, fitting = _EXTENSION.search(filename), _EXTENSIONS[content_type]
    if named and named[1].lower() not in fitting:
        text = f"a file of type {content_type} ends with .{' or .'.join(fitting)}, or with no extension"
        issue = ValidationIssue("filename", "not_of_type", text)
        raise ProblemError(Problem.INVALID, "the name of the file does not fit its type", [issue])


def _needs_values(provider: str) -> None:
    if Ability.VALUES not in registry.capabilities(provider).abilities:
        raise ProblemError(Problem.NOT_ABLE, f"{provider} takes no values for requirements")


def _kept_under(owner: str) -> str:
    return owner if owner.startswith("order/") else "profiles"


def _prefix(owner: str) -> str:
    """Give how the ids of an owner's files begin: the files of all profiles lie together, and none is for another one."""
    return "" if owner.startswith("order/") else f"{hashlib.sha256(owner.encode()).hexdigest()[:12]}-"
