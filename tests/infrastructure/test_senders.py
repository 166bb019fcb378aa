"""Who may send to the order queue: its policy, with and without `OrderSenders`, evaluated as IAM does."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.support.stack import expanded, functions, resolved

ROBIN = "arn:aws:iam::123456789012:user/robin"
SHOP = "arn:aws:iam::123456789012:role/shop-eu"
ABROAD = "arn:aws:iam::999999999999:role/partner"
SENDERS = f"arn:aws:iam::123456789012:role/shop-*,{ABROAD}"
OURS = ("OrdersApiRole", "PlaceOrderRole", "SyncOrderRole", "WakeOrdersRole")


def policies(queue: str, **parameters: str) -> list[list[dict[str, Any]]]:
    """Return the statements of each policy of a queue."""
    return [
        policy["PolicyDocument"]["Statement"]
        for policy in resolved("AWS::SQS::QueuePolicy", **parameters).values()
        if queue in policy["Queues"]
    ]


def role(name: str) -> str:
    return f"arn:aws:iam::123456789012:{name}"


def like(arn: str | None, pattern: str) -> bool:
    """ArnLike: compares each of the six parts of an ARN separately; the last one includes its colons."""
    if arn is None:
        return False
    parts = zip(arn.split(":", 5), pattern.split(":", 5), strict=False)
    return arn.count(":") >= 5 and all(fnmatchcase(part, wanted) for part, wanted in parts)


def applies(statement: dict[str, Any], principal: str | None, *, tls: bool) -> bool:
    """Return whether a statement applies to a SendMessage. A principal without an ARN matches no ARN pattern."""
    assert statement["Principal"] == "*"
    assert statement["Action"] in ("sqs:*", "sqs:SendMessage")
    for operator, asked in statement["Condition"].items():
        ((key, values),) = asked.items()
        if (operator, key) == ("Bool", "aws:SecureTransport"):
            holds = ("true" if tls else "false") == values
        else:
            assert key == "aws:PrincipalArn"
            is_like = any(like(principal, value) for value in values)
            holds = {"ArnLike": is_like, "ArnNotLike": not is_like}[operator]
        if not holds:
            return False
    return True


def may_send(statements: list[dict[str, Any]], principal: str | None, *, allowed: bool, tls: bool = True) -> bool:
    """Evaluate as IAM does: a Deny is final; across accounts both sides must allow it, within one account either.

    `allowed` is what the principal's own policies say.
    """
    effects = {statement["Effect"] for statement in statements if applies(statement, principal, tls=tls)}
    if "Deny" in effects:
        return False
    at_home = principal is not None and principal.split(":")[4] == "123456789012"
    return (allowed or "Allow" in effects) if at_home else (allowed and "Allow" in effects)


def test_without_senders_the_accounts_own_policies_decide() -> None:
    [statements] = policies("OrderQueue")
    assert may_send(statements, ROBIN, allowed=True)
    assert not may_send(statements, ROBIN, allowed=False)
    assert not may_send(statements, ABROAD, allowed=True)
    assert not may_send(statements, None, allowed=True)
    assert may_send(statements, role("OrdersApiRole"), allowed=True)


def test_only_named_senders_may_send_whatever_else_allows_it() -> None:
    [statements] = policies("OrderQueue", OrderSenders=SENDERS)
    assert may_send(statements, SHOP, allowed=False)
    assert may_send(statements, ABROAD, allowed=True)
    for principal in (ROBIN, "arn:aws:iam::123456789012:root", "arn:aws:iam::999999999999:role/shop-eu", None):
        assert not may_send(statements, principal, allowed=True)


@pytest.mark.parametrize("senders", ["", SENDERS])
def test_nobody_sends_without_tls(senders: str) -> None:
    [statements] = policies("OrderQueue", OrderSenders=senders)
    assert not may_send(statements, SHOP, allowed=True, tls=False)
    assert not may_send(statements, role("OrdersApiRole"), allowed=True, tls=False)


def test_numberdesks_own_roles_may_always_send() -> None:
    """Its roles with permission to send are exactly those that the policy admits."""
    [statements] = policies("OrderQueue", OrderSenders=SENDERS)
    sending = [
        name
        for name, properties in resolved("AWS::IAM::Role").items()
        for policy in properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "sqs:SendMessage" in statement["Action"] and "OrderQueue" in str(statement["Resource"])
    ]
    assert sorted(sending) == sorted(OURS)
    through = [name for name in resolved("AWS::IAM::Role") if may_send(statements, role(name), allowed=name in sending)]
    assert sorted(through) == sorted(OURS)
    used = {function["Role"]["Fn::GetAtt"][0] for function in functions().values()}
    assert set(OURS) <= used


def test_named_senders_apply_to_a_local_run_and_the_tls_rule_does_not() -> None:
    assert policies("OrderQueue", LocalRun="true") == []
    [statements] = policies("OrderQueue", LocalRun="true", OrderSenders=SENDERS)
    assert may_send(statements, SHOP, allowed=False, tls=False)
    assert not may_send(statements, ROBIN, allowed=True)


@pytest.mark.parametrize("queue", ["OrderDeadLetterQueue", "SyncDeadLetterQueue"])
def test_order_senders_do_not_affect_other_queues(queue: str) -> None:
    [statements] = policies(queue, OrderSenders=SENDERS)
    assert [statement["Effect"] for statement in statements] == ["Deny"]
    assert may_send(statements, ROBIN, allowed=True)


def sending(queue: str) -> list[str]:
    """Return the roles whose own policies let them send to a queue."""
    return sorted(
        name
        for name, properties in resolved("AWS::IAM::Role").items()
        for policy in properties["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "sqs:SendMessage" in statement["Action"] and any(arn.endswith(f":{queue}") for arn in listed(statement))
    )


def listed(statement: dict[str, Any]) -> list[str]:
    found = statement["Resource"]
    return found if isinstance(found, list) else [found]


def test_only_numberdesk_itself_sends_to_the_sync_queue() -> None:
    """Whatever else allows it: reports of purchases and webhooks on that queue are trusted."""
    [statements] = policies("SyncQueue", OrderSenders=SENDERS)
    for principal in (ROBIN, SHOP, ABROAD, "arn:aws:iam::123456789012:root", role("SendNotificationsRole"), None):
        assert not may_send(statements, principal, allowed=True)
    ours = sending("SyncQueue")
    assert [name for name in ours if may_send(statements, role(name), allowed=True)] == ours
    assert not any(may_send(statements, role(name), allowed=True, tls=False) for name in ours)
    through = [name for name in resolved("AWS::IAM::Role") if may_send(statements, role(name), allowed=True)]
    assert sorted(through) == ours


@pytest.mark.parametrize("folder", ["orders_api", "place_order", "sync_order"])
def test_sender_is_identified_by_role_id_and_on_the_emulator_by_account_id(folder: str) -> None:
    """SQS puts the role id (GetAtt RoleId) in front of the colon; the emulator uses the account id for everybody."""
    variables = functions()[folder]["Environment"]["Variables"]
    ids = {name: value for name, value in variables.items() if name.endswith("_ROLE_ID")}
    assert ids
    for name, value in ids.items():
        logical = "".join(part.title() for part in name.removesuffix("_ID").split("_"))
        assert value == {"Fn::If": ["OnAws", {"Fn::GetAtt": [logical, "RoleId"]}, {"Ref": "AWS::AccountId"}]}


def test_invalid_list_of_arns_is_not_deployed() -> None:
    pattern = expanded()["Parameters"]["OrderSenders"]["AllowedPattern"]
    assert all(re.search(pattern, value) for value in ("", SHOP, SENDERS))
    # A blank after a comma would become part of an ARN that matches nobody.
    assert not any(
        re.search(pattern, value) for value in ("*", f"{SHOP}, {ABROAD}", f"{SHOP},", "robin", "123456789012")
    )
