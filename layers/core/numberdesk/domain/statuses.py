"""The words of the order desk, and the moves that an order may make.

The provider's own word is always kept beside ours; a word that we do not know becomes `UNKNOWN`, never an error.
"""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands, whatever its provider calls it."""

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


_AT_THE_PROVIDER = frozenset(
    {
        OrderState.PENDING,
        OrderState.ACTION_REQUIRED,
        OrderState.COMPLETED,
        OrderState.PARTIALLY_COMPLETED,
        OrderState.FAILED,
        OrderState.CANCELLED,
        OrderState.DELETED,
    }
)

MOVES: dict[OrderState, frozenset[OrderState]] = {
    # Before the purchase: an order may end here only by a definite no.
    # Or by a purchase that turns up: a person says so, a late answer does, or a search after the table was restored.
    # Back to unknown: a second attempt that is not made after all leaves the first as unclear as it was.
    OrderState.RECEIVED: frozenset(
        {OrderState.PLACING, OrderState.FAILED, OrderState.CANCELLED, OrderState.PENDING, OrderState.UNKNOWN},
    ),
    # Back to received: a fault of the account, or chosen numbers that were gone; nothing was bought.
    OrderState.PLACING: frozenset({OrderState.PENDING, OrderState.FAILED, OrderState.RECEIVED, OrderState.UNKNOWN}),
    # Out of unknown by finding the purchase; where a search is exact and found nothing, or a person says so, placed again or
    # given up.
    OrderState.UNKNOWN: frozenset({OrderState.PENDING, OrderState.RECEIVED, OrderState.CANCELLED}),
    OrderState.PENDING: _AT_THE_PROVIDER - {OrderState.PENDING},
    OrderState.ACTION_REQUIRED: _AT_THE_PROVIDER - {OrderState.ACTION_REQUIRED},
    # Ended. Only a fresh observation may still correct what was delivered, or find everything deleted.
    OrderState.COMPLETED: frozenset({OrderState.PARTIALLY_COMPLETED, OrderState.DELETED}),
    OrderState.PARTIALLY_COMPLETED: frozenset({OrderState.COMPLETED, OrderState.DELETED}),
    OrderState.FAILED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.DELETED: frozenset(),
}
"""The allowed moves. Anything else that a provider shows is told as a contradiction and not applied."""

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
"""Over, with something to keep: the order's own list may go on."""
FOLLOWED = frozenset({OrderState.PENDING, OrderState.ACTION_REQUIRED})
"""Bought and open: these are polled on a cadence."""


class Phase(StrEnum):
    """What a provider says of the order as a whole."""

    OPEN = "open"
    WAITING = "waiting"  # on people or money: nothing moves until somebody acts
    ENDED = "ended"  # over; what was delivered says how
    CANCELLED = "cancelled"
    FAILED = "failed"
    DELETED = "deleted"
    UNKNOWN = "unknown"


class AssetKind(StrEnum):
    """What can be bought."""

    NUMBER = "number"
    KEYWORD = "keyword"


class AssetState(StrEnum):
    """Where one number or keyword of an order stands."""

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
"""In the hands of reviewers, or waiting for what they ask for."""


class RequirementState(StrEnum):
    """Where one regulatory requirement stands."""

    AWAITING_VALUE = "awaiting_value"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class ValueKind(StrEnum):
    """What sort of value a regulatory requirement takes."""

    TEXT = "text"
    DATE = "date"
    ADDRESS = "address"
    DOCUMENT = "document"
    ACTION = "action"  # a step outside the order desk, such as an identity check in a browser
    UNKNOWN = "unknown"


class OperationKind(StrEnum):
    """What can be asked to be done at a provider for an order."""

    SUPPLY = "supply"
    GROUP = "group"
    COMMENT = "comment"
    EXTENSION = "extension"
    READ = "read"
    CANCEL = "cancel"
    CANCEL_DUPLICATE = "cancel_duplicate"  # a second purchase of the same order
    RELEASE = "release"  # a number given back


class HoldKind(StrEnum):
    """Why a received order is held although its account is well."""

    LIMIT = "limit"  # beyond a limit on spending: a person approves or rejects it
    RESTORED = "restored"  # it may have been bought before the table was restored: a person says
    SWITCH = "switch"  # placing is switched off, or waits for a restore to be confirmed: until it goes on
    SAME_CONTENT = "same_content"  # another order of the same content is unclear: until that one is settled
    NOT_PERMITTED = "not_permitted"  # its provider does not permit this to its account: tried again until it does
    NO_ACCOUNT = "no_account"  # there is no such account, or it was retired: tried again until it can be used


FOR_A_PERSON = frozenset({HoldKind.LIMIT, HoldKind.RESTORED})
"""Holds that do not end by themselves."""
LASTING_HOLDS = frozenset({HoldKind.NOT_PERMITTED, HoldKind.NO_ACCOUNT})
"""Holds that last through tries that come to nothing otherwise: each is told once."""
NOTIFIED_HOLDS = FOR_A_PERSON | LASTING_HOLDS
"""Holds that ask people for something, here or at the provider."""


class OperationState(StrEnum):
    """Where an operation stands."""

    WAITING = "waiting"
    SENT = "sent"  # a call may have left; what came of it is not recorded yet
    DONE = "done"
    REJECTED = "rejected"


class ChangeKind(StrEnum):
    """What the ledger records. Those in `EVENTS` also go out on the bus."""

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
        ChangeKind.ORDER_APPROVED,
        ChangeKind.PURCHASE_RESOLVED,
        ChangeKind.RESTORE_CONFIRMED,
    }
)
EVENTS = frozenset(ChangeKind) - LEDGER_ONLY
