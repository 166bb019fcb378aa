"""Profiles: answers that a company gives again and again. Checked against the provider's catalogue before they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numberdesk.domain import answers as answering
from numberdesk.domain.capabilities import Ability
from numberdesk.domain.issues import ValidationIssue
from numberdesk.domain.profile import Profile, ProfileKey
from numberdesk.domain.values import FileValue
from numberdesk.providers import registry
from numberdesk.services import uploads as uploading
from numberdesk.services.catalogue import check_country
from numberdesk.services.problems import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numberdesk.domain.clock import Clock
    from numberdesk.domain.values import Answer, StoredFile
    from numberdesk.services import stores
    from numberdesk.services.paging import Tokens
    from numberdesk.services.ports import Files, Page, Providers
    from numberdesk.services.uploads import Form, Uploads

_MAX_TRIES = 3


@dataclass(slots=True, eq=False, repr=False)
class Profiles:
    """Keeps profiles."""

    store: stores.Profiles
    providers: Providers
    files: Files
    uploads: Uploads
    clock: Clock
    tokens: Tokens

    def listed(self, provider: str, *, limit: int, token: str | None) -> Page[Profile]:
        """List a provider's profiles."""
        listing = f"profiles/{provider}"
        page = self.store.profiles(provider, after=self.tokens.place(listing, token), limit=limit)
        return self.tokens.page(listing, page.items, page.after)

    def get(self, key: ProfileKey) -> Profile:
        """Read a profile.

        Raises:
            ProblemError: there is none.
        """
        profile = self.store.profile(key)
        if profile is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such profile")
        return profile

    def put(
        self, key: ProfileKey, answers: Sequence[Answer], *, enabled: bool, version: int | None, by: str
    ) -> Profile:
        """Write a profile, in place of the one that is there.

        Args:
            key: what it is for.
            answers: all of its answers.
            enabled: whether it answers orders.
            version: the version that the caller read, if the profile must be that still; 0 if there must be none.
            by: who.

        Raises:
            ProblemError: with everything that is wrong; or somebody else wrote it.
            ProviderError: the provider's catalogue could not be read.
        """
        _check_key(key)
        _check_twice(answers)
        connection = self.providers.connect(key.provider, key.account)
        specifications = connection.catalogue(country=key.country, number_type=key.number_type)
        if issues := answering.check(answers, specifications):
            raise ProblemError(Problem.INVALID, "the answers do not fit what is asked for", issues)
        files = self._files(key, answers)
        for _ in range(_MAX_TRIES):
            there = self.store.profile(key)
            known = there.version if there else 0
            if version is not None and version != known:
                break
            profile = Profile(
                key=key,
                answers=tuple(answers),
                files=files,
                enabled=enabled,
                version=known + 1,
                updated_at=self.clock.now(),
                updated_by=by,
            )
            if self.store.put_profile(profile):
                self._delete_files(there.files if there else {}, but=files)
                return profile
        raise ProblemError(Problem.CHANGED_MEANWHILE, "somebody else wrote this profile; read it again")

    def delete(self, key: ProfileKey) -> None:
        """Delete a profile and its files.

        Raises:
            ProblemError: there is none.
        """
        profile = self.get(key)
        self.store.delete_profile(key)
        self._delete_files(profile.files)

    def form(self, key: ProfileKey, filename: str, content_type: str, by: str) -> Form:
        """Give a form for a file of a profile.

        Raises:
            ProblemError: there can be no such profile.
        """
        _check_key(key)
        return self.uploads.for_profile(key, filename, content_type, by)

    def _files(self, key: ProfileKey, answers: Sequence[Answer]) -> dict[str, StoredFile]:
        """Take the files that answers name, and tell all that is wrong with them at once."""
        files, issues, problem = {}, [], Problem.FILE_MISSING
        for index, answer in enumerate(answers):
            if isinstance(answer.value, FileValue):
                try:
                    files[answer.value.file_id] = self.uploads.take(uploading.of_profile(key), answer.value.file_id)
                except ProblemError as error:
                    problem = error.problem
                    issues.append(ValidationIssue(f"answers.{index}.value.file_id", error.problem.value, error.detail))
        if issues:
            raise ProblemError(problem, "a file cannot be used", issues)
        return files

    def _delete_files(self, files: dict[str, StoredFile], but: dict[str, StoredFile] | None = None) -> None:
        # What no profile names is kept for nothing, and it is personal.
        for file_id, file in files.items():
            if file_id not in (but or {}):
                self.files.delete(file.key)


def _check_key(key: ProfileKey) -> None:
    capabilities = registry.capabilities(key.provider)
    if Ability.VALUES not in capabilities.abilities:
        raise ProblemError(Problem.NOT_ABLE, f"{key.provider} takes no values for requirements")
    issues = check_country(key.country)
    if capabilities.number_types and key.number_type not in capabilities.number_types:
        known = ", ".join(sorted(capabilities.number_types))
        issues.append(ValidationIssue("number_type", "not_taken", f"{key.provider} has these types: {known}"))
    if issues:
        raise ProblemError(Problem.INVALID, "there can be no such profile", issues)


def _check_twice(answers: Sequence[Answer]) -> None:
    seen: set[str] = set()
    issues = []
    for index, answer in enumerate(answers):
        name = answer.requirement.casefold()
        if name in seen:
            issues.append(
                ValidationIssue(f"answers.{index}.requirement", "twice", "this requirement is answered above already")
            )
        seen.add(name)
    if issues:
        raise ProblemError(Problem.INVALID, "the answers do not fit together", issues)
