"""Profiles, and the records of uploaded files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from numberdesk.domain.profile import Profile, Upload
from numberdesk.storage.dynamodb import PRESENT, Dynamo, as_key, over, put
from numberdesk.storage.values import keyed

if TYPE_CHECKING:
    from numberdesk.domain.profile import ProfileKey
    from numberdesk.services.ports import Page
    from numberdesk.storage.values import Item, Key


class Profiles(Dynamo):
    """Implements `services.stores.Profiles`."""

    def profile(self, key: ProfileKey) -> Profile | None:
        return self._record(profile_key(key), profile_of_item)

    def profiles(self, provider: str, *, after: str | None, limit: int) -> Page[Profile]:
        return self._page((f"PROFILES#{provider}", "PERSONAL#"), after, limit, profile_of_item)

    def put_profile(self, profile: Profile) -> bool:
        return self._write(put(profile_item(profile), *over(profile.version)))

    def delete_profile(self, key: ProfileKey) -> bool:
        answer = self._ask("delete_item", TableName=self._name, Key=as_key(profile_key(key)), ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def upload(self, owner: str, file_id: str) -> Upload | None:
        return self._record(upload_key(owner, file_id), upload_of_item)

    def put_upload(self, upload: Upload) -> None:
        self._write(put(upload_item(upload)))

    def pin_upload(self, upload: Upload) -> None:
        self._write(put(upload_item(upload), PRESENT))

    def uploads(self, order_id: str) -> list[Upload]:
        begin = {":pk": f"ORDER#{order_id}", ":prefix": "PERSONAL#UPLOAD#"}
        found = self._query("pk = :pk AND begins_with(sk, :prefix)", begin)
        return [upload for _, upload in self._readable(found, upload_of_item) if upload is not None]


def profile_key(key: ProfileKey) -> Key:
    return f"PROFILES#{key.provider}", f"PERSONAL#{key.account}#{key.country}#{key.number_type}"


def profile_item(profile: Profile) -> Item:
    """Return a profile's item; its version is an attribute too, for conditions."""
    return keyed(profile_key(profile.key), version=profile.version, profile=profile.model_dump(mode="json"))


def profile_of_item(item: Item) -> Profile:
    return Profile.model_validate(item["profile"])


def upload_key(owner: str, file_id: str) -> Key:
    """Return the key of a file's record: in its order's partition, or, for profiles, in one of 256."""
    kind, _, order_id = owner.partition("/")
    spread = hashlib.sha256(file_id.encode()).hexdigest()[:2]
    return f"ORDER#{order_id}" if kind == "order" else f"UPLOADS#{spread}", f"PERSONAL#UPLOAD#{file_id}"


def upload_item(upload: Upload) -> Item:
    return keyed(upload_key(upload.owner, upload.file_id), upload=upload.model_dump(mode="json"))


def upload_of_item(item: Item) -> Upload:
    return Upload.model_validate(item["upload"])
