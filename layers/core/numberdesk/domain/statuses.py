"""The states and kinds of the domain, and the moves that an order may make.

The provider's own status is always kept beside ours. A status that numberdesk does not know becomes `UNKNOWN`, never an error.
"""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """The state of an order, in numberdesk's terms."""

    RECEIVED = "received"
    PLACING = "placing"
    UNKNOWN = "unknown"
    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


ENDED = frozenset(
    {
        OrderState.COMPLETED,
        OrderState.PARTIALLY_COMPLETED,
        OrderState.FAILED,
        OrderState.CANCELLED,
        OrderState.DELETED,
    }
)
DELIVERED = frozenset({OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED})
"""Ended with something delivered: the order's own list may outlast it."""
FOLLOWED = frozenset({OrderState.PENDING, OrderState.ACTION_REQUIRED})
"""Bought and open: these are polled on a cadence."""

MOVES: dict[OrderState, frozenset[OrderState]] = {
    # Before the purchase an order ends only by a definite refusal.
    # To pending: a purchase is found after all, by a person, a late answer or a search after a restore.
    # Back to unknown: a second attempt that is not made leaves the first one unclear.
    OrderState.RECEIVED: frozenset(
        {OrderState.PLACING, OrderState.FAILED, OrderState.CANCELLED, OrderState.PENDING, OrderState.UNKNOWN},
    ),
    # Back to received: the account failed, or the chosen numbers were gone; nothing was bought.
    OrderState.PLACING: frozenset({OrderState.PENDING, OrderState.FAILED, OrderState.RECEIVED, OrderState.UNKNOWN}),
    # Out of unknown by finding the purchase. If an exact search found nothing, or a person says so, the order is placed again or
    # cancelled.
    OrderState.UNKNOWN: frozenset({OrderState.PENDING, OrderState.RECEIVED, OrderState.CANCELLED}),
    OrderState.PENDING: ENDED | {OrderState.ACTION_REQUIRED},
    OrderState.ACTION_REQUIRED: ENDED | {OrderState.PENDING},
    # Ended: only a later poll may correct what was delivered, or find everything deleted.
    OrderState.COMPLETED: frozenset({OrderState.PARTIALLY_COMPLETED, OrderState.DELETED}),
    OrderState.PARTIALLY_COMPLETED: frozenset({OrderState.COMPLETED, OrderState.DELETED}),
    OrderState.FAILED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.DELETED: frozenset(),
}
"""The allowed moves. Any other state that a provider shows is reported as a contradiction and not applied."""


class Phase(StrEnum):
    """A provider's status of the order as a whole, in numberdesk's terms."""

    OPEN = "open"
    WAITING = "waiting"  # for people or money: nothing moves until somebody acts
    ENDED = "ended"  # what was delivered decides the state
    CANCELLED = "cancelled"
    FAILED = "failed"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class AssetKind(StrEnum):
    """What can be bought."""

    NUMBER = "number"
    KEYWORD = "keyword"


class AssetState(StrEnum):
    """The state of one number or keyword of an order."""

    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    UNDER_REVIEW = "under_review"
    ACTIVE = "active"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    UNKNOWN = "unknown"


OPEN_ASSETS = frozenset(
    {AssetState.PENDING, AssetState.ACTION_REQUIRED, AssetState.UNDER_REVIEW, AssetState.UNKNOWN},
)
VETTED_ASSETS = frozenset({AssetState.ACTION_REQUIRED, AssetState.UNDER_REVIEW})
"""Under review, or waiting for what the reviewers require."""


class RequirementState(StrEnum):
    """The state of one regulatory requirement."""

    AWAITING_VALUE = "awaiting_value"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


OWED = frozenset({RequirementState.AWAITING_VALUE, RequirementState.REJECTED})
"""Requirements that need a value."""


class ValueKind(StrEnum):
    """The kind of value that a regulatory requirement takes."""

    TEXT = "text"
    DATE = "date"
    ADDRESS = "address"
    DOCUMENT = "document"
    ACTION = "action"  # a step outside numberdesk, such as an identity check in a browser
    UNKNOWN = "unknown"


class OperationKind(StrEnum):
    """The kind of a request to a provider for an order."""

    SUPPLY = "supply"
    GROUP = "group"
    COMMENT = "comment"
    EXTENSION = "extension"
    READ = "read"
    CANCEL = "cancel"
    CANCEL_DUPLICATE = "cancel_duplicate"  # a second purchase of the same order
    RELEASE = "release"  # give a number or keyword back


class HoldKind(StrEnum):
    """Why a received order is held although its account is not blocked."""

    LIMIT = "limit"  # beyond a limit on spending: a person approves or rejects it
    RESTORED = "restored"  # it may have been bought before the table was restored: a person decides
    SWITCH = "switch"  # placing is switched off, or a restore is not confirmed
    SAME_CONTENT = "same_content"  # another order of the same content has an unknown outcome
    NOT_PERMITTED = "not_permitted"  # the provider does not permit this to the account: retried until it does
    NO_ACCOUNT = "no_account"  # there is no such account, or it was retired: retried until it can be used


FOR_A_PERSON = frozenset({HoldKind.LIMIT, HoldKind.RESTORED})
"""Holds that only a person ends."""
LASTING_HOLDS = frozenset({HoldKind.NOT_PERMITTED, HoldKind.NO_ACCOUNT})
"""Holds that outlast tries that fail for other reasons, so that each is reported once."""
NOTIFIED_HOLDS = FOR_A_PERSON | LASTING_HOLDS
"""Holds that need people to act, in numberdesk or at the provider."""


class WakeKind(StrEnum):
    """What an order is woken for. The sweep takes each kind separately, so that many of one do not delay another."""

    DEADLINE = "deadline"
    """A deadline, or a reminder of one."""
    PLACE = "place"
    POLL = "poll"
    ON_ITS_WAY = "on_its_way"
    """For any reason: a wake was sent, or a run has the order in hand."""


class OperationState(StrEnum):
    """The state of an operation."""

    WAITING = "waiting"
    SENT = "sent"  # a call may have been sent; its outcome is not recorded yet
    DONE = "done"
    REJECTED = "rejected"


class ChangeKind(StrEnum):
    """The kinds of ledger entries. Those in `EVENTS` are also published on the bus."""

    ORDER_PLACED = "OrderPlaced"
    ORDER_REFUSED = "OrderRefused"
    ORDER_COMPLETED = "OrderCompleted"
    ORDER_PARTIALLY_COMPLETED = "OrderPartiallyCompleted"
    ORDER_FAILED = "OrderFailed"
    ORDER_CANCELLED = "OrderCancelled"
    ORDER_DELETED = "OrderDeleted"
    SUB_ORDER_ENDED = "SubOrderEnded"
    ORDER_UNKNOWN = "OrderUnknown"
    ORDER_STILL_PENDING = "OrderStillPending"
    ORDER_STUCK = "OrderStuck"
    DELIVERY_UNREAD = "DeliveryUnread"
    PROVIDER_ACCOUNT_BLOCKED = "ProviderAccountBlocked"
    PROVIDER_CONTRADICTION = "ProviderContradiction"
    UNKNOWN_PROVIDER_VALUE = "UnknownProviderValue"
    REQUIREMENT_REQUESTED = "RequirementRequested"
    REQUIREMENT_REJECTED = "RequirementRejected"
    REQUIREMENT_APPROVED = "RequirementApproved"
    DEADLINE_SET = "DeadlineSet"
    DEADLINE_MOVED = "DeadlineMoved"
    DEADLINE_ERASED = "DeadlineErased"
    DEADLINE_APPROACHING = "DeadlineApproaching"
    DEADLINE_MISSED = "DeadlineMissed"
    VALUE_UNSTABLE = "ValueUnstable"
    REQUIREMENT_SUBMITTED = "RequirementSubmitted"
    OPERATION_REJECTED = "OperationRejected"
    OPERATION_WAITING = "OperationWaiting"
    COMMENT_RECEIVED = "CommentReceived"
    EXTENSION_REQUESTED = "ExtensionRequested"
    ORDER_HELD = "OrderHeld"
    PERSONAL_DATA_ERASED = "PersonalDataErased"
    DUPLICATE_PURCHASE_FOUND = "DuplicatePurchaseFound"
    NUMBER_RELEASED = "NumberReleased"
    PLACING_STOPPED = "PlacingStopped"
    PLACING_RESUMED = "PlacingResumed"
    TABLE_RESTORED = "TableRestored"
    INVENTORY_DIFFERS = "InventoryDiffers"
    ROW_UNREADABLE = "RowUnreadable"

    # In the ledger only.
    ORDER_RECEIVED = "OrderReceived"
    PLACING_BEGUN = "PlacingBegun"
    PLACING_ABANDONED = "PlacingAbandoned"
    ORDER_MOVED = "OrderMoved"
    NUMBERS_CORRECTED = "NumbersCorrected"
    VALUE_STEADY = "ValueSteady"
    ACCOUNT_UNBLOCKED = "AccountUnblocked"
    ACCOUNT_RETIRED = "AccountRetired"
    ACCOUNT_REINSTATED = "AccountReinstated"
    OPERATION_ASKED = "OperationAsked"
    OPERATION_DONE = "OperationDone"
    PROFILE_APPLIED = "ProfileApplied"
    REQUIREMENT_TICKED = "RequirementTicked"
    REMINDER_ACKNOWLEDGED = "ReminderAcknowledged"
    SYNC_REQUESTED = "SyncRequested"
    ORDER_APPROVED = "OrderApproved"
    PURCHASE_RESOLVED = "PurchaseResolved"
    RESTORE_CONFIRMED = "RestoreConfirmed"


LEDGER_ONLY = frozenset(
    {
        ChangeKind.ORDER_RECEIVED,
        ChangeKind.PLACING_BEGUN,
        ChangeKind.PLACING_ABANDONED,
        ChangeKind.ORDER_MOVED,
        ChangeKind.NUMBERS_CORRECTED,
        ChangeKind.VALUE_STEADY,
        ChangeKind.ACCOUNT_UNBLOCKED,
        ChangeKind.ACCOUNT_RETIRED,
        ChangeKind.ACCOUNT_REINSTATED,
        ChangeKind.OPERATION_ASKED,
        ChangeKind.OPERATION_DONE,
        ChangeKind.PROFILE_APPLIED,
        ChangeKind.REQUIREMENT_TICKED,
        ChangeKind.REMINDER_ACKNOWLEDGED,
        ChangeKind.SYNC_REQUESTED,
        ChangeKind.ORDER_APPROVED,
        ChangeKind.PURCHASE_RESOLVED,
        ChangeKind.RESTORE_CONFIRMED,
    }
)
EVENTS = frozenset(ChangeKind) - LEDGER_ONLY

OWN = ""
"""In place of a sub order's id: the order's own requirements and deadline."""
