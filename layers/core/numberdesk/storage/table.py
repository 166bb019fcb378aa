"""The order table: one class for each aggregate, and the keys of their items.

    item                      pk                                   sk
    order                     ORDER#<order id>                     ORDER
    its request               ORDER#<order id>                     ORDER#REQUEST
    its numbers, 250 a page   ORDER#<order id>                     NUMBERS#<page, 4 digits>#<version, 10 digits>.<hash>
    a long field, in pages    ORDER#<order id>                     ORDER#PAGE#<field>#<page, 4 digits>#<version, 10 digits>.<hash>
    ledger entry              ORDER#<order id>                     LEDGER#<version, 10 digits>.<position, 3 digits>
    refusal of a message      ORDER#<order id>                     LEDGER#refused.<queue message id>
    receipt of a webhook      ORDER#<order id>                     RECEIPT#<webhook id>
    membership of a list      ORDER#<order id>                     LIST#<list's short name>
    order message             ORDER#<order id>                     PERSONAL#MESSAGE
    reviewer's comment        ORDER#<order id>                     PERSONAL#COMMENT#<provider's comment id>
    payload of an operation   ORDER#<order id>                     PERSONAL#OPERATION#<operation id>
    file of an order          ORDER#<order id>                     PERSONAL#UPLOAD#<file id>
    webhook                   ORDER#<order id>                     PERSONAL#WEBHOOK#<when it came>#<webhook id>    expires
    unmatched webhook         UNMATCHED#<day it came>              PERSONAL#WEBHOOK#<when it came>#<webhook id>    expires
    its receipt               RECEIPTS#<day it came>               RECEIPT#<provider>#<account>#<webhook id>     expires
    profile                   PROFILES#<provider>                  PERSONAL#<account>#<country>#<number type>
    file of a profile         UPLOADS#<2 of its id's SHA-256>      PERSONAL#UPLOAD#<file id>
    claim of a purchase       CLAIM#<provider>#<account>#<id>      CLAIM
    lock on a content         LOCK#<provider>#<account>#<SHA-256>  LOCK
    our reference             REFERENCE#<reference>                REFERENCE
    account, or name of one   ACCOUNTS                             <provider>#<account>
    account's pause           ACCOUNT#<provider>#<account>         STATE
    account's health          ACCOUNT#<provider>#<account>         HEALTH
    account's call slot       ACCOUNT#<provider>#<account>         SLOT
    sums of account's day     ACCOUNT#<provider>#<account>         SPENT#<day>                                 expires
    counts of vettings        VETTINGS#<provider>                  <month>                                     expires
    account's comparison      ACCOUNT#<provider>#<account>         INVENTORY
    account's ledger          ACCOUNT#<provider>#<account>         LEDGER#<instant>.<kind>
    what an account holds     HOLDINGS#<provider>#<account>#<0-7>  <number or keyword>#<order id>
    gate of placing           DESK#placing                         GATE
    ledger of placing         DESK#placing                         LEDGER#<position>
    last sweep                DESK#sweep                           LAST
    key of paging tokens      DESK#paging                          KEY
    refusal without order id  MESSAGE#<queue message id>           LEDGER#refused.<queue message id>
    count of messages         NOTIFIED#<since when>                COUNT#<whose>                               expires
    notice for a summary      NOTIFIED#HELD                        <when it is due>#<event id>

Every item that is written whole has its schema version, `v` (`domain.schema.ROWS`). One without it has the first version.

Personal data is under `PERSONAL#` and nowhere else, so that it can be erased on its own.

Indexes (all sparse, keys only, spread over shards so that no partition is hot):
    wake          wake_shard, wake_at                 orders with something due, by kind and when
    unpublished   unpublished_shard, unpublished_at   ledger entries whose event is not published yet
    lists         list_pk, list_sk                    orders on lists, and ledger entries of callers of the API (`domain.activity`): the
                                                      list's shard, and the place in it

An order's row names the pages with its numbers and with every other field longer than `pages.FIELD_BYTES`; one query reads them all. A
named page is never written again. If one is missing, a commit replaced it meanwhile, and the reader reads again. Pages that the row does
not name do not count; `Orders.commit` writes and deletes them. Instants are text of fixed width (see `domain.clock.instant_text`), so they
sort by time.

An order's membership of a list is an item of its own, written in the order's transaction and only if it changes. A page of a list shows
the orders' rows as they are when it is read.
"""

from __future__ import annotations

from numberdesk.storage.health import Healths
from numberdesk.storage.holdings import Holdings
from numberdesk.storage.lists import Lists
from numberdesk.storage.notices import Notices
from numberdesk.storage.orders import Orders
from numberdesk.storage.personal import Personal
from numberdesk.storage.profiles import Profiles
from numberdesk.storage.wakes import Wakes
from numberdesk.storage.webhooks import Webhooks


class Table(Orders, Wakes, Lists, Webhooks, Personal, Holdings, Healths, Profiles, Notices):
    """The order table (`services.stores`)."""
