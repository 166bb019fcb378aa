"""Rules that the template must keep, checked on SAM's output."""

import ast
import base64
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from numberdesk.domain.statuses import EVENTS, HoldKind
from numberdesk.providers.info import WebhookAuth
from numberdesk.runtime import observe
from numberdesk.runtime.failures import MAX_RECEIVES
from numberdesk.services import wake
from numberdesk.services.notify import ENOUGH_TIME, PAUSE
from tests.support.stack import REGION, ROOT, expanded, functions, resolved, resources, template, without_loops, written

FUNCTIONS = sorted(functions())
DAY = 86400
WEBHOOKS = tuple(route.value for route in WebhookAuth)

# Every wildcard that an Allow may have, with the reason. A pair that is no longer needed fails the test, too.
WILDCARDS = (
    {
        (
            "PlaceOrderRole",
            "secretsmanager:GetSecretValue",
        ): "an account is a secret, and is added without a deployment",
        ("SyncOrderRole", "secretsmanager:GetSecretValue"): "likewise",
        ("OrdersApiRole", "secretsmanager:GetSecretValue"): "likewise",
        ("ReconcileInventoryRole", "secretsmanager:GetSecretValue"): "likewise",
        ("SyncOrderRole", "s3:GetObjectVersion"): "the files of orders and of profiles",
        ("SyncOrderRole", "s3:DeleteObjectVersion"): "what came back of an erased order",
        ("PublishChangesRole", "dynamodb:ListStreams"): "the stream's poller lists before it knows a stream's label",
    }
    | {
        ("OrdersApiRole", f"s3:{action}"): "the files of orders and of profiles"
        for action in ("DeleteObjectVersion", "GetObject", "GetObjectVersion", "PutObject")
    }
    | {
        (
            f"{function}Role",
            f"ssm:{action}",
        ): "what outlives the table: one parameter for each account, and one for the table"
        for function in ("OrdersApi", "PlaceOrder", "SyncOrder", "ReconcileInventory", "WakeOrders")
        for action in ("GetParameter", "GetParametersByPath", "PutParameter")
    }
    | {
        ("ApiLogWriterRole", f"logs:{action}"): "API Gateway checks for these before it takes the role for the account"
        for action in (
            "CreateLogGroup",
            "CreateLogStream",
            "DescribeLogGroups",
            "DescribeLogStreams",
            "FilterLogEvents",
            "GetLogEvents",
            "PutLogEvents",
        )
    }
)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def attribute(name: str, of: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def allowed() -> Iterator[tuple[str, str, Any]]:
    """Return each (role, action, resource) that the template's roles allow."""
    for name, role in resources("AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for action in as_list(statement["Action"]):
                    for resource in as_list(statement["Resource"]):
                        yield name, action, resource


def dead_letter_queues() -> set[str]:
    """Return the logical ids of the dead-letter queues."""
    document = json.dumps(
        [
            [queue["Properties"].get("RedrivePolicy") for queue in resources("AWS::SQS::Queue").values()],
            [rule["Properties"]["Targets"] for rule in resources("AWS::Events::Rule").values()],
            [schedule["Properties"]["Target"] for schedule in resources("AWS::Scheduler::Schedule").values()],
            [mapping["Properties"] for mapping in stream_mappings()],
            [config["Properties"] for config in resources("AWS::Lambda::EventInvokeConfig").values()],
        ]
    )
    return {name for name in re.findall(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', document) if name.endswith("LetterQueue")}


def queue_mappings() -> list[dict[str, Any]]:
    return [
        mapping
        for mapping in resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" not in mapping["Properties"]
    ]


def stream_mappings() -> list[dict[str, Any]]:
    return [
        mapping
        for mapping in resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in mapping["Properties"]
    ]


def alarms(metric: str, dimension: str, value: Any) -> list[dict[str, Any]]:
    """Return the alarms on a metric with this one dimension, alone or with others."""
    return [
        alarm
        for alarm, _, name, dimensions in watched_metrics()
        if name == metric and dimensions == [{"Name": dimension, "Value": value}]
    ]


def watched_metrics() -> Iterator[tuple[dict[str, Any], Any, str, list[dict[str, Any]]]]:
    """Return each alarm, and of the metric that it watches the namespace, the name and the dimensions."""
    for resource in resources("AWS::CloudWatch::Alarm").values():
        alarm = resource["Properties"]
        yield alarm, alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", [])


def filters(metric: str) -> dict[str, list[str]]:
    """Return the patterns of the filters that count lines of logs in a metric, by log group."""
    found: dict[str, list[str]] = {}
    for resource in resources("AWS::Logs::MetricFilter").values():
        [made] = resource["Properties"]["MetricTransformations"]
        if made["MetricName"] == metric:
            assert made["MetricNamespace"] == {"Fn::Sub": "numberdesk/${AWS::StackName}"}
            assert made["MetricValue"] == "1"
            # A value where no line matches would be paid for each hour.
            assert "DefaultValue" not in made
            found.setdefault(resource["Properties"]["LogGroupName"]["Ref"], []).append(
                resource["Properties"]["FilterPattern"]
            )
    return found


def function_id(folder: str) -> str:
    """Return the logical id of a function: place_order -> PlaceOrderFunction."""
    return folder.title().replace("_", "") + "Function"


# --- Loops ---


def test_loops_are_expanded_as_cfn_lint_expands_them() -> None:
    from cfnlint.template.template import Template  # noqa: PLC0415 - takes seconds

    whole = written()
    mappings = whole["Mappings"]
    theirs = Template("template.yaml", whole | {"Transform": "AWS::LanguageExtensions"}, [REGION])
    assert theirs.transform() == []
    for section in ("Resources", "Outputs"):
        # Ours resolves what cfn-lint leaves to CloudFormation: references to mappings, and their values in texts.
        assert without_loops(theirs.template[section], {}, mappings) == template()[section]


def test_sam_is_configured_to_expand_loops() -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    assert [settings[command]["parameters"]["language_extensions"] for command in ("build", "deploy")] == [True, True]


# --- Least privilege ---


def test_only_listed_wildcards_are_allowed() -> None:
    found = {(role, action) for role, action, resource in allowed() if "*" in action or "*" in json.dumps(resource)}
    assert found == set(WILDCARDS)


def test_no_role_uses_a_managed_policy() -> None:
    assert not [name for name, role in resources("AWS::IAM::Role").items() if "ManagedPolicyArns" in role["Properties"]]


def test_each_function_has_its_own_role() -> None:
    roles = [json.dumps(function["Role"]) for function in functions().values()]
    assert len(set(roles)) == len(roles)


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_function_writes_only_to_its_own_log_group(folder: str) -> None:
    role = functions()[folder]["Role"]["Fn::GetAtt"][0]
    group = function_id(folder).removesuffix("Function") + "LogGroup"
    logged = {json.dumps(where) for name, action, where in allowed() if name == role and action.startswith("logs:")}
    assert logged == {json.dumps(attribute(group))}


def test_receiver_may_only_send_to_the_sync_queue() -> None:
    granted = {
        (action, json.dumps(resource))
        for role, action, resource in allowed()
        if role == "ReceiveWebhookRole" and not action.startswith("logs:")
    }
    assert granted == {("sqs:SendMessage", json.dumps(attribute("SyncQueue")))}


def test_file_permissions_are_limited_to_their_folders() -> None:
    granted = {
        (action, json.dumps(resource)) for _, action, resource in allowed() if "FilesBucket" in json.dumps(resource)
    }
    folders = {json.dumps({"Fn::Sub": f"${{FilesBucket.Arn}}/{folder}/*"}) for folder in ("orders", "profiles")}
    bucket = json.dumps(attribute("FilesBucket"))
    assert granted == {
        # Each version of a file is deleted by its id.
        *(
            (f"s3:{action}", folder)
            for action in ("DeleteObjectVersion", "GetObject", "GetObjectVersion", "PutObject")
            for folder in folders
        ),
        ("s3:PutObject", json.dumps({"Fn::Sub": "${FilesBucket.Arn}/erased/*"})),
        ("s3:ListBucket", bucket),
        ("s3:ListBucketVersions", bucket),
    }
    listing = {
        name: statement["Condition"]
        for name, role in resources("AWS::IAM::Role").items()
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:ListBucketVersions"
    }
    assert listing == {
        "OrdersApiRole": {"StringLike": {"s3:prefix": ["orders/*", "profiles/*"]}},
        "SyncOrderRole": {"StringLike": {"s3:prefix": "orders/*"}},
    }


def test_roles_that_write_orders_may_remove_them_from_lists() -> None:
    granted = {(role, action) for role, action, resource in allowed() if resource == attribute("OrderTable")}
    writers = {role for role, action in granted if action == "dynamodb:PutItem"}
    # The sweep and the publisher write no orders: only the gate, the restore mark, and rows that cannot be read.
    assert writers - {"PublishChangesRole", "WakeOrdersRole"} == {
        "OrdersApiRole",
        "PlaceOrderRole",
        "SyncOrderRole",
        "ReconcileInventoryRole",
    }
    for role in writers - {"PublishChangesRole", "WakeOrdersRole"}:
        # Their numbers are stored in pages, and count as held.
        assert {(role, "dynamodb:DeleteItem"), (role, "dynamodb:BatchWriteItem")} <= granted


def test_only_roles_that_place_may_check_the_gate_in_a_transaction() -> None:
    assert [role for role, action, _ in allowed() if action == "dynamodb:ConditionCheckItem"] == ["PlaceOrderRole"]


def test_no_role_may_scan_the_table() -> None:
    assert not [role for role, action, _ in allowed() if action == "dynamodb:Scan"]


# --- Files ---


def test_files_are_private_encrypted_versioned_and_retained() -> None:
    (bucket,) = resources("AWS::S3::Bucket").values()
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "CorsConfiguration" not in properties
    assert "WebsiteConfiguration" not in properties


def test_files_are_transferred_by_tls_only() -> None:
    (policy,) = resources("AWS::S3::BucketPolicy").values()
    (denied,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert policy["Condition"] == "OnAws"
    assert policy["Properties"]["Bucket"] == {"Ref": "FilesBucket"}
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
    assert denied["Resource"] == [attribute("FilesBucket"), {"Fn::Sub": "${FilesBucket.Arn}/*"}]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_files_of_orders_and_their_old_versions_expire() -> None:
    (bucket,) = resources("AWS::S3::Bucket").values()
    orders, leftovers = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (orders["Prefix"], orders["ExpirationInDays"]) == ("orders/", {"Ref": "FileRetentionDays"})
    assert expanded()["Parameters"]["FileRetentionDays"]["Default"] == 400
    assert orders["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # A profile keeps the version that was checked, whatever is uploaded over it.
    assert "NoncurrentVersionExpiration" not in leftovers
    assert leftovers["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert {rule["Status"] for rule in (orders, leftovers)} == {"Enabled"}


# --- Queues ---


@pytest.mark.parametrize("queue", sorted(resources("AWS::SQS::Queue")))
def test_every_queue_is_a_dead_letter_queue_or_has_one(queue: str) -> None:
    properties = resources("AWS::SQS::Queue")[queue]["Properties"]
    if queue in dead_letter_queues():
        assert properties["MessageRetentionPeriod"] == 14 * DAY
    else:
        assert properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in dead_letter_queues()
        # The functions put a message into the dead-letter queue with its reason; a redrive policy adds none. A run may die at the last try.
        assert properties["RedrivePolicy"]["maxReceiveCount"] > MAX_RECEIVES == 5
        assert properties["MessageRetentionPeriod"] < 14 * DAY


def test_every_queue_has_an_alarm() -> None:
    """That of the dead letters that the sweep counts: tests/functional/test_alarms.py."""
    dead = dead_letter_queues()
    for queue in sorted(resources("AWS::SQS::Queue").keys() - dead):
        assert alarms("ApproximateAgeOfOldestMessage", "QueueName", attribute(queue, "QueueName"))
    swept = {
        value["Ref"] for value in functions()["wake_orders"]["Environment"]["Variables"].values() if "Ref" in value
    }
    for queue in dead - swept:
        assert alarms("ApproximateNumberOfMessagesVisible", "QueueName", attribute(queue, "QueueName"))
    assert dead - swept == {"NotificationDeadLetterQueue"}


@pytest.mark.parametrize("queue", sorted(resources("AWS::SQS::Queue")))
def test_every_queue_is_encrypted_and_refuses_plain_http(queue: str) -> None:
    assert resources("AWS::SQS::Queue")[queue]["Properties"]["SqsManagedSseEnabled"] is True
    policies = [
        json.dumps(policy["Properties"]["PolicyDocument"])
        for policy in resources("AWS::SQS::QueuePolicy").values()
        if {"Ref": queue} in policy["Properties"]["Queues"]
    ]
    assert len(policies) == 1, "of two policies on one queue the last one wins"
    assert '"Bool": {"aws:SecureTransport": "false"}' in policies[0]


def test_queue_triggers_report_single_failures_and_cap_concurrency() -> None:
    by_id = resources("AWS::Lambda::Function")
    mappings = queue_mappings()
    assert len(mappings) == 3
    for mapping in mappings:
        properties = mapping["Properties"]
        window = properties.get("MaximumBatchingWindowInSeconds", {"Ref": ""})["Ref"]
        longest = expanded()["Parameters"][window]["MaxValue"] if window else 0
        queue = resources("AWS::SQS::Queue")[properties["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        timeout = by_id[properties["FunctionName"]["Ref"]]["Properties"]["Timeout"]
        assert queue["VisibilityTimeout"] >= 6 * timeout + longest
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        match properties["ScalingConfig"]["MaximumConcurrency"]:
            case {"Fn::If": ["OnAws", {"Ref": parameter}, 2]}:
                assert expanded()["Parameters"][parameter]["MinValue"] == 2
            case least:
                assert (least, properties["EventSourceArn"]) == (2, attribute("NotificationQueue"))


def test_orders_are_placed_and_polled_one_by_one() -> None:
    """Otherwise a purchase would wait behind the time-outs of another one in its batch."""
    sizes = {
        mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]: mapping["Properties"]["BatchSize"]
        for mapping in queue_mappings()
    }
    assert (sizes["OrderQueue"], sizes["SyncQueue"]) == (1, 1)


def test_order_table_drops_what_has_expired_and_shows_what_was_written() -> None:
    properties = resources("AWS::DynamoDB::Table")["OrderTable"]["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def test_events_for_people_are_batched() -> None:
    """A batch of more than ten needs a window in whole seconds (CreateEventSourceMapping)."""
    (mapping,) = (
        queue_mapping["Properties"]
        for queue_mapping in queue_mappings()
        if queue_mapping["Properties"]["EventSourceArn"] == attribute("NotificationQueue")
    )
    assert mapping["BatchSize"] >= 100
    assert mapping["MaximumBatchingWindowInSeconds"] == {"Ref": "NotificationWindowSeconds"}
    assert expanded()["Parameters"]["NotificationWindowSeconds"]["MinValue"] == 1


def test_what_goes_out_to_people_goes_out_slowly() -> None:
    """SNS suspends an e-mail subscription that gets more than ten messages a second; alarms are sent in addition."""
    (mapping,) = (
        queue_mapping["Properties"]
        for queue_mapping in queue_mappings()
        if queue_mapping["Properties"]["EventSourceArn"] == attribute("NotificationQueue")
    )
    assert mapping["ScalingConfig"]["MaximumConcurrency"] / PAUSE.total_seconds() <= 5
    # One message of each kind and reason per batch, well within the time-out.
    assert (len(EVENTS) + len(HoldKind)) * PAUSE < timedelta(
        seconds=functions()["send_notifications"]["Timeout"]
    ) - ENOUGH_TIME


def test_senders_to_their_own_trigger_keep_recursive_loop_detection_and_a_dead_letter_queue() -> None:
    """The messages themselves end a chain before (tests/functional/test_chains.py); what AWS stops carries no reason."""
    made = {name: it["Properties"] for name, it in resources("AWS::Lambda::Function").items()}
    behind = {
        mapping["Properties"]["FunctionName"]["Ref"]: mapping["Properties"]["EventSourceArn"]
        for mapping in queue_mappings()
    }
    sends = {(role, json.dumps(queue)) for role, action, queue in allowed() if action == "sqs:SendMessage"}

    def starts(one: str, other: str) -> bool:
        return (made[one]["Role"]["Fn::GetAtt"][0], json.dumps(behind[other])) in sends

    looping = {one for one in behind for other in behind if starts(one, other) and starts(other, one)}
    assert looping == {"PlaceOrderFunction", "SyncOrderFunction"}
    for name in looping:
        assert made[name]["RecursiveLoop"] == "Terminate"
        # What Lambda stops lies in the queue's dead-letter queue.
        assert resources("AWS::SQS::Queue")[behind[name]["Fn::GetAtt"][0]]["Properties"]["RedrivePolicy"]


def test_function_may_read_its_source() -> None:
    """The local AWS reads queues and streams for a function without checking its role; AWS checks."""
    by_id = resources("AWS::Lambda::Function")
    reading = {
        # The last one is the function's own: a message in hand must be redelivered soon after a crash.
        "SQS": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"},
        "DynamoDB": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
    }
    for mapping in resources("AWS::Lambda::EventSourceMapping").values():
        source = mapping["Properties"]["EventSourceArn"]
        kind = expanded()["Resources"][source["Fn::GetAtt"][0]]["Type"].split("::")[1]
        role = by_id[mapping["Properties"]["FunctionName"]["Ref"]]["Properties"]["Role"]["Fn::GetAtt"][0]
        granted = {action for name, action, resource in allowed() if (name, resource) == (role, source)}
        assert reading[kind] <= granted


def test_event_of_256_kilobytes_fits_into_a_sync_message() -> None:
    largest = len(base64.b64encode(bytes(256 * 1024))) + 64 * 1024  # and its envelope
    for queue in ("SyncQueue", "SyncDeadLetterQueue"):
        assert resources("AWS::SQS::Queue")[queue]["Properties"]["MaximumMessageSize"] >= largest


# --- Asynchronous edges ---


def test_every_bus_target_has_a_dead_letter_queue_that_the_bus_may_write_to() -> None:
    rules = resources("AWS::Events::Rule")
    assert rules
    for name, rule in rules.items():
        for target in rule["Properties"]["Targets"]:
            queue = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
            granted = [
                statement
                for policy in resources("AWS::SQS::QueuePolicy").values()
                if {"Ref": queue} in policy["Properties"]["Queues"]
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]
                if statement.get("Principal") == {"Service": "events.amazonaws.com"}
            ]
            assert [statement["Condition"]["ArnEquals"]["aws:SourceArn"] for statement in granted] == [attribute(name)]


def test_only_the_bus_may_write_to_its_targets_queues_from_outside() -> None:
    for name, rule in resources("AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"]):
                (policy,) = (
                    policy["Properties"]["PolicyDocument"]["Statement"]
                    for policy in resources("AWS::SQS::QueuePolicy").values()
                    if {"Ref": arn["Fn::GetAtt"][0]} in policy["Properties"]["Queues"]
                )
                (granted,) = (statement for statement in policy if statement.get("Effect") == "Allow")
                assert granted["Principal"] == {"Service": "events.amazonaws.com"}
                assert (granted["Action"], granted["Resource"]) == ("sqs:SendMessage", arn)
                assert granted["Condition"] == {"ArnEquals": {"aws:SourceArn": attribute(name)}}


def test_only_alarms_and_the_notifier_publish_to_people() -> None:
    """A rule with the topic as its target would send one mail per event, without a bound."""
    (policy,) = resources("AWS::SNS::TopicPolicy").values()
    principals = [statement["Principal"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]]
    assert principals == [{"Service": "cloudwatch.amazonaws.com"}]
    assert [role for role, action, _ in allowed() if action == "sns:Publish"] == ["SendNotificationsRole"]


def test_two_stacks_fit_into_one_account() -> None:
    """Names that must be unique in the Region include the stack's name."""
    named = {
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Logs::LogGroup": "LogGroupName",
        "AWS::Events::EventBus": "Name",
        "AWS::Scheduler::Schedule": "Name",
        "AWS::CloudWatch::Dashboard": "DashboardName",
    }
    for kind, field in named.items():
        for name, resource in resources(kind).items():
            assert "AWS::StackName" in json.dumps(resource["Properties"][field]), name
    for kind, field in {
        "AWS::DynamoDB::Table": "TableName",
        "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
        "AWS::S3::Bucket": "BucketName",
        "AWS::SQS::Queue": "QueueName",
        "AWS::SNS::Topic": "TopicName",
        "AWS::Events::Rule": "Name",
        "AWS::IAM::Role": "RoleName",
        "AWS::CloudWatch::Alarm": "AlarmName",
    }.items():
        assert not [name for name, resource in resources(kind).items() if field in resource.get("Properties", {})]


def test_every_schedule_has_a_dead_letter_queue_that_its_role_may_write_to() -> None:
    schedules = resources("AWS::Scheduler::Schedule")
    assert {s["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0] for s in schedules.values()} == {
        "SendNotificationsFunction",
        "PublishChangesFunction",
        "ReconcileInventoryFunction",
        "WakeOrdersFunction",
    }
    for schedule in schedules.values():
        target = schedule["Properties"]["Target"]
        role = target["RoleArn"]["Fn::GetAtt"][0]
        assert (role, "sqs:SendMessage", target["DeadLetterConfig"]["Arn"]) in list(allowed())
        assert (role, "lambda:InvokeFunction", target["Arn"]) in list(allowed())


def test_failed_scheduled_run_is_kept() -> None:
    started = {
        s["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0] for s in resources("AWS::Scheduler::Schedule").values()
    }
    configs = [config["Properties"] for config in resources("AWS::Lambda::EventInvokeConfig").values()]
    assert {config["FunctionName"]["Ref"] for config in configs} == started
    for config in configs:
        function = resources("AWS::Lambda::Function")[config["FunctionName"]["Ref"]]["Properties"]
        destination = config["DestinationConfig"]["OnFailure"]["Destination"]
        assert (function["Role"]["Fn::GetAtt"][0], "sqs:SendMessage", destination) in list(allowed())


def test_stream_has_bounded_retries_and_a_failure_queue() -> None:
    (mapping,) = stream_mappings()
    properties = mapping["Properties"]
    assert 0 < properties["MaximumRetryAttempts"] <= 10
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    destination = properties["DestinationConfig"]["OnFailure"]["Destination"]
    assert ("PublishChangesRole", "sqs:SendMessage", destination) in list(allowed())


# --- Functions ---


def test_each_folder_is_one_function() -> None:
    assert sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")) == FUNCTIONS


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_function_matches_its_folder(folder: str) -> None:
    written = template()["Resources"][function_id(folder)]["Properties"]
    assert written["CodeUri"] == f"functions/{folder}/"
    assert {"MemorySize", "Timeout"} <= written.keys()
    module, handler = functions()[folder]["Handler"].split(".")
    assert f"def {handler}(" in (ROOT / "functions" / folder / f"{module}.py").read_text()


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_log_group_of_a_function_expires(folder: str) -> None:
    names = [
        group["Properties"]["LogGroupName"]
        for group in resources("AWS::Logs::LogGroup").values()
        if group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    ]
    assert {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{folder}"} in names


REPORT = r'\[report=REPORT, id_label, id, label="Duration:", milliseconds>(\d+), unit=ms, \.\.\.\]'


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_faults_of_a_function_are_found_in_its_log(folder: str) -> None:
    """Errors that nobody caught, in the words of Python's runtime; runs that Lambda ended; and those that took nearly as long as they may."""
    group = function_id(folder).removesuffix("Function") + "LogGroup"
    errors, slow = filters("FunctionFaults")[group]
    assert errors == '?"[ERROR]" ?"Task timed out after" ?"Runtime exited"'
    found = re.fullmatch(REPORT, slow)
    assert found is not None
    assert int(found[1]) <= 0.8 * 1000 * functions()[folder]["Timeout"]
    if folder == "receive_webhook":
        assert int(found[1]) < 2000, "Telnyx has given up by then"


def test_function_that_cannot_start_is_heard_of() -> None:
    """By its own metric; or the API answers 5xx; or a scheduled run lies in a dead-letter queue; or people's messages wait."""
    throttled = {name for name in FUNCTIONS if alarms("Throttles", "FunctionName", {"Ref": function_id(name)})}
    scheduled = {
        schedule["Properties"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for schedule in resources("AWS::Scheduler::Schedule").values()
        if "DeadLetterConfig" in schedule["Properties"]["Target"]
    }
    behind_the_api = {"receive_webhook", "orders_api"}
    assert throttled | scheduled | behind_the_api == set(FUNCTIONS)
    assert throttled.isdisjoint(scheduled)


# --- Alarms ---


HEARTBEATS = ("InventoryRunsAlarm", "SweepsAlarm")
# Alarms on the notifications themselves: were those broken, no message would arrive.
OF_THE_WAY_TO_PEOPLE = {
    "FunctionFaultsAlarm",
    "SubscriptionsMissingAlarm",
    "OldestUnpublishedAlarm",
    "NotificationDeadLettersAlarm",
    "NotificationDeliveriesAlarm",
    "NotificationQueueAgeAlarm",
    "SweepsAlarm",
}


@pytest.mark.parametrize("name", sorted(resources("AWS::CloudWatch::Alarm")))
def test_every_alarm_notifies_people_and_only_a_heartbeat_treats_missing_data_as_breaching(name: str) -> None:
    """What our own metrics' alarms watch, and when they ring and recover: tests/functional/test_alarms.py."""
    second = "arn:aws:sns:eu-central-1:123456789012:incidents"
    alone, both = (
        resolved("AWS::CloudWatch::Alarm", **given)[name]["AlarmActions"] for given in ({}, {"SecondTopicArn": second})
    )
    assert alone == ["NotificationTopic"]
    assert both == ["NotificationTopic", *([second] if name in OF_THE_WAY_TO_PEOPLE else [])]
    expected = "breaching" if name in HEARTBEATS else "notBreaching"
    assert resources("AWS::CloudWatch::Alarm")[name]["Properties"]["TreatMissingData"] == expected


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({}, 0),  # a stack that uses the bus alone
        ({"NotificationEmail": "people@example.com"}, 1),
        ({"NotificationSubscriptions": "2"}, 2),  # chat in addition to mail
        ({"NotificationEmail": "people@example.com", "NotificationSubscriptions": "2"}, 2),
        ({"NotificationEmail": "people@example.com", "NotificationSubscriptions": "0"}, 0),
    ],
)
def test_expected_number_of_subscriptions_follows_from_the_parameters(given: dict[str, str], least: int) -> None:
    variables = resolved("AWS::Lambda::Function", **given)["WakeOrdersFunction"]["Environment"]["Variables"]
    assert variables["NOTIFICATION_SUBSCRIPTIONS"] == str(least)


def test_dashboard_shows_every_alarm_and_the_ages() -> None:
    (dashboard,) = resolved("AWS::CloudWatch::Dashboard").values()
    widgets = [widget["properties"] for widget in json.loads(dashboard["DashboardBody"])["widgets"]]
    shown = [arn.rpartition(":")[2] for widget in widgets for arn in widget.get("alarms", ())]
    assert sorted(shown) == sorted(resources("AWS::CloudWatch::Alarm"))
    assert len(shown) <= 100  # of one widget, says CloudWatch
    metrics = {metric[1] for widget in widgets for metric in widget.get("metrics", ())}
    # Several of these have one alarm: the dashboard says which it was.
    assert metrics >= {"SubscriptionsMissing", *observe._TROUBLES, *wake.AGES.values()}
    queues = {query[3] for widget in widgets for query in widget.get("metrics", ()) if query[0] == "AWS/SQS"}
    assert queues == {f"{name}.QueueName" for name in dead_letter_queues()}
    for metric in ("Errors", "Duration"):
        shown = [query[3] for widget in widgets for query in widget.get("metrics", ()) if query[1] == metric]
        assert sorted(shown) == sorted(map(function_id, FUNCTIONS))


def test_functions_emit_metrics_in_the_namespace_and_service_that_alarms_watch() -> None:
    for function in functions().values():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "numberdesk"
        assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_no_alarm_exceeds_cloudwatchs_evaluation_range() -> None:
    """A day in all, or seven of periods of an hour and more (PutMetricAlarm, Period)."""
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        period, periods = alarm["Properties"]["Period"], alarm["Properties"]["EvaluationPeriods"]
        assert period * periods <= (7 * DAY if period >= 3600 else DAY)


# AWS's own metrics, as its documentation names them and their dimensions.
AWS_METRICS = {
    # Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS"
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    # AWS Lambda Developer Guide, "Types of metrics for Lambda functions"
    ("AWS/Lambda", "Invocations"): [{"FunctionName"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}],
    # Amazon SNS Developer Guide, "Monitoring Amazon SNS topics using CloudWatch"
    ("AWS/SNS", "NumberOfNotificationsFailed"): [{"TopicName"}],
    # Amazon API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics"
    ("AWS/ApiGateway", "5XXError"): [{"ApiName", "Stage"}],
}


def test_alarms_on_aws_metrics_use_documented_names_and_dimensions() -> None:
    watched = [
        ((namespace, name), {dimension["Name"] for dimension in dimensions})
        for _, namespace, name, dimensions in watched_metrics()
        if str(namespace).startswith("AWS/")
    ]
    assert {metric for metric, _ in watched} == AWS_METRICS.keys()
    assert [(metric, names) for metric, names in watched if names not in AWS_METRICS[metric]] == []


def test_alarms_on_what_logs_say_watch_metrics_that_filters_make() -> None:
    namespace = {"Fn::Sub": "numberdesk/${AWS::StackName}"}
    watched = {name for _, of, name, _ in watched_metrics() if of == namespace}
    made = {
        each["Properties"]["MetricTransformations"][0]["MetricName"]
        for each in resources("AWS::Logs::MetricFilter").values()
    }
    assert watched == made == {"FunctionFaults", "WebhookFaults"}


# --- The endpoints ---


def test_raw_bytes_reach_the_receiver() -> None:
    (api,) = resources("AWS::ApiGateway::RestApi").values()
    assert api["Properties"]["BinaryMediaTypes"] == ["*/*"]
    assert api["Properties"]["Body"]["x-amazon-apigateway-binary-media-types"] == ["*/*"]


def test_access_logs_contain_no_path() -> None:
    (stage,) = resources("AWS::ApiGateway::Stage").values()
    shown = set(re.findall(r"\$context\.[\w.]+", stage["Properties"]["AccessLogSetting"]["Format"]))
    assert shown == {
        "$context.requestId",
        "$context.requestTime",
        "$context.identity.userArn",  # who signed; nobody for webhooks
        "$context.httpMethod",
        "$context.resourcePath",  # the route: /postbacks/{provider}/{token}
        "$context.status",
        "$context.responseLatency",
        "$context.error.responseType",
    }
    for setting in stage["Properties"]["MethodSettings"]:
        assert (setting["LoggingLevel"], setting["DataTraceEnabled"]) == ("OFF", False)


def test_no_function_logs_its_event() -> None:
    """Powertools' Logger does if its decorator or the environment says so."""
    assert not [
        name
        for name, function in functions().items()
        if any("LOG_EVENT" in variable for variable in function["Environment"]["Variables"])
    ]
    for path in (*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers" / "core").rglob("*.py")):
        assert not [call for call in calls(path) if "log_event" in {keyword.arg for keyword in call.keywords}], path
    for path in (ROOT / "functions").rglob("*.py"):
        # Not explicitly either. Parts of it may be logged: the route, and the message id.
        logged = [call for call in calls(path) if ast.unparse(call.func).startswith("logger.")]
        parts = [ast.unparse(node) for call in logged for node in ast.walk(call) if isinstance(node, ast.expr)]
        shown = {part for part in parts if re.match(r"(event|record)\b", part)}
        assert shown <= {"event", "event['resource']", "record", "record['messageId']"}, path
        assert parts.count("event") == parts.count("event['resource']"), path
        assert parts.count("record") == parts.count("record['messageId']"), path


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_api_can_be_deployed_in_an_account_without_a_log_role() -> None:
    """API Gateway accepts the account's log role only where an API exists, and a stage with an access log only with the role."""
    (account,) = resources("AWS::ApiGateway::Account").values()
    (stage,) = resources("AWS::ApiGateway::Stage").values()
    assert account["DependsOn"] in resources("AWS::ApiGateway::RestApi")
    waits_for = {"Fn::If": ["CreateApiLogRole", {"Ref": "ApiLogAccount"}, "exists"]}
    assert waits_for in stage["Properties"]["Variables"].values()


def test_each_provider_route_has_its_own_throttle() -> None:
    (stage,) = resources("AWS::ApiGateway::Stage").values()
    throttled = {
        setting["ResourcePath"]: (setting["HttpMethod"], setting["ThrottlingRateLimit"])
        for setting in stage["Properties"]["MethodSettings"]
    }
    # Everything else is the API's: /* and *.
    assert throttled.keys() == {"/*", *("/" + route.replace("/", "~1") for route in WEBHOOKS)}
    assert throttled["/*"][0] == "*"
    assert {method for path, (method, _) in throttled.items() if path != "/*"} == {"POST"}
    assert all(rate > 0 for _, rate in throttled.values())


def test_only_the_webhooks_are_reachable_without_iam() -> None:
    (api,) = resources("AWS::ApiGateway::RestApi").values()
    body = api["Properties"]["Body"]
    assert set(body["paths"]) == {*WEBHOOKS, "/{proxy+}"}
    assert "security" not in body
    reached = {
        (path, method): (how["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"], how.get("security"))
        for path, methods in body["paths"].items()
        for method, how in methods.items()
    }
    uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s.Arn}/invocations"
    assert reached == {
        **{(path, "post"): (uri % "ReceiveWebhookFunction", None) for path in WEBHOOKS},
        **{
            ("/{proxy+}", method): (uri % "OrdersApiFunction", [{"AWS_IAM": []}])
            for method in ("get", "post", "put", "delete")
        },
    }
    # With the caller's own credentials, every caller would need permission to invoke the function, past the policies.
    assert '"credentials"' not in json.dumps(body)
    assert body["components"]["securitySchemes"]["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"


def test_alarm_names_the_api_that_fails() -> None:
    [dimensions] = [dimensions for _, _, name, dimensions in watched_metrics() if name == "5XXError"]
    assert {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}} in dimensions
    # The access log names the route (`test_access_logs_contain_no_path`).
    [pattern] = filters("WebhookFaults")["ApiLogGroup"]
    for route in WEBHOOKS:
        assert f'"POST {route.partition("{")[0]}*"' in pattern
    assert '$.status = "5*"' in pattern


def test_api_responds_before_the_gateways_time_out() -> None:
    assert functions()["orders_api"]["Timeout"] <= 29


# --- The table ---


def test_table_is_retained_and_can_be_restored() -> None:
    (table,) = resources("AWS::DynamoDB::Table").values()
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = table["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert expanded()["Parameters"]["DeletionProtection"]["Default"] == "true"
