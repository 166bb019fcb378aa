"""template.yaml as tests see it: parsed, its loops expanded, expanded by SAM's own translator, and created in moto.

Nothing about the table or the queues is written down a second time: tests run on what the template defines.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
ACCOUNT_ID = "123456789012"

# What moto can create and handlers call; it runs no functions, no schedules and no API without Docker.
_MADE_IN_MOTO = {
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`."""


def _long_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt":
        value = value.split(".", 1)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _long_form)


def written() -> dict[str, Any]:
    """Return template.yaml as written, with short forms expanded."""
    loaded: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    return loaded


@cache
def template() -> dict[str, Any]:
    """Return SAM's input: template.yaml with its loops expanded (AWS::LanguageExtensions). The caller must not change it."""
    whole = written()
    whole["Transform"].remove("AWS::LanguageExtensions")
    mappings = whole.pop("Mappings")
    return {section: without_loops(value, {}, mappings) for section, value in whole.items()}


def without_loops(value: Any, item: dict[str, str], mappings: dict[str, Any]) -> Any:  # noqa: PLR0911 - as _resolve
    """Expand `Fn::ForEach`, and resolve references to a loop's item or to a mapping.

    Args:
        value: any part of the template.
        item: for each loop around it, the variable's name and its current item.
        mappings: the template's.
    """
    match value:
        case {"Ref": str(name)} if name in item:
            return item[name]
        case {"Fn::FindInMap": [name, row, column]}:
            return mappings[name][without_loops(row, item, mappings)][column]
        case {"Fn::Sub": [str(text), dict(variables)]}:
            return without_loops({"Fn::Sub": text}, item | without_loops(variables, item, mappings), mappings)
        case {"Fn::Sub": str(text)}:
            filled = _filled(text, item)
            return {"Fn::Sub": filled} if "${" in filled else filled
        case dict():
            members = [_members(name, part, item, mappings) for name, part in value.items()]
            return {name: part for made in members for name, part in made.items()}
        case list():
            return [without_loops(part, item, mappings) for part in value]
    return value


def _members(name: str, part: Any, item: dict[str, str], mappings: dict[str, Any]) -> dict[str, Any]:
    """Return the members that one member of an object expands to: itself, or everything that a loop makes."""
    if not name.startswith("Fn::ForEach::"):
        return {_filled(name, item): without_loops(part, item, mappings)}
    variable, items, body = part
    made: dict[str, Any] = {}
    for each in items:
        made |= without_loops(body, item | {variable: each}, mappings)
    return made


def _filled(text: str, item: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: str(item.get(found[1], found[0])), text)


def _of_its_own_table(value: dict[str, Any]) -> Any:
    """Choose the stack's own table wherever a restored one can replace it (held by test_restored_table)."""
    match value:
        case {"Fn::If": ["TableRestored", _, own]}:
            return own
    return value


@cache
def expanded() -> dict[str, Any]:
    """Return CloudFormation's input: SAM's resources expanded into AWS's own. The caller must not change it."""
    copy = json.loads(json.dumps(template()), object_hook=_of_its_own_table)
    for resource in copy["Resources"].values():
        for place in ("CodeUri", "ContentUri"):
            if place in resource.get(
                "Properties", {}
            ):  # the translator expects what `sam package` would have put there
                resource["Properties"][place] = "s3://bucket/key"
    result: dict[str, Any] = Translator(
        managed_policy_map={}, sam_parser=Parser(), boto_session=boto3.Session(region_name=REGION)
    ).translate(copy, {})
    return result


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the expanded template's resources of one type, by logical id."""
    return {name: resource for name, resource in expanded()["Resources"].items() if resource["Type"] == kind}


def resolved(kind: str, **parameters: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the resources of one type that CloudFormation would create with these parameters, by logical id.

    A generated resource name, unknown before creation, is the logical id here, and the end of the ARN.
    """
    whole = expanded()
    given = {name: parameter.get("Default", "") for name, parameter in whole["Parameters"].items()} | parameters
    return {
        name: _resolve(resource["Properties"], given)
        for name, resource in resources(kind).items()
        if "Condition" not in resource or _holds({"Condition": resource["Condition"]}, given)
    }


_PSEUDO = {"AWS::AccountId": ACCOUNT_ID, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::StackName": "numberdesk"}
_NOTHING = object()


def _holds(condition: Any, given: dict[str, str]) -> bool:
    match condition:
        case {"Condition": name}:
            return _holds(expanded()["Conditions"][name], given)
        case {"Fn::Equals": [one, other]}:
            return bool(_resolve(one, given) == _resolve(other, given))
        case {"Fn::Not": [one]}:
            return not _holds(one, given)
        case {"Fn::Or": some}:
            return any(_holds(one, given) for one in some)
    message = f"no condition: {condition}"
    raise ValueError(message)


def _resolve(value: Any, given: dict[str, str]) -> Any:  # noqa: PLR0911 - one for each of CloudFormation's functions
    match value:
        case {"Ref": "AWS::NoValue"}:
            return _NOTHING
        case {"Ref": str(name)}:
            return (_PSEUDO | given).get(name, name)
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            service = expanded()["Resources"][name]["Type"].split("::")[1].lower()
            return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT_ID}:{name}"
        case {"Fn::GetAtt": [str(name), str(what)]}:
            return f"{name}.{what}"
        case {"Fn::Sub": str(text)}:
            return re.sub(
                r"\$\{([\w:]+)(?:\.(\w+))?\}",
                lambda found: _resolve({"Fn::GetAtt": [found[1], found[2]]} if found[2] else {"Ref": found[1]}, given),
                text,
            )
        case {"Fn::Split": [str(at), text]}:
            return _resolve(text, given).split(at)
        case {"Fn::If": [name, yes, no]}:
            return _resolve(yes if _holds({"Condition": name}, given) else no, given)
        case dict():
            found = {name: _resolve(each, given) for name, each in value.items()}
            return {name: each for name, each in found.items() if each is not _NOTHING}
        case list():
            return [each for each in (_resolve(each, given) for each in value) if each is not _NOTHING]
    return value


def functions() -> dict[str, dict[str, Any]]:
    """Return the expanded functions' properties by folder name ("place_order")."""
    return {
        resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): resource["Properties"]
        for resource in resources("AWS::Lambda::Function").values()
    }


def order_table() -> dict[str, Any]:
    """Return the arguments of DynamoDB's CreateTable for the order table's keys and indexes, without its stream."""
    properties = template()["Resources"]["OrderTable"]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {name: properties[name] for name in names}


@dataclass(frozen=True)
class Stack:
    """A stack created in moto.

    Attributes:
        outputs: the template's outputs that name something created here ("TableName", "OrderQueueUrl", ...).
        environments: for each function, by folder name, its environment as CloudFormation would resolve it.
    """

    outputs: dict[str, str]
    environments: dict[str, dict[str, str]]


def create_stack(name: str = "numberdesk", **parameters: str) -> Stack:
    """Create the template's table, bucket, queues, bus with its rule, and topic in moto, inside an active `mock_aws()`.

    Args:
        name: the stack's name.
        parameters: template parameters that differ from their defaults.
    """
    whole = expanded()
    kept = {key: value for key, value in whole["Resources"].items() if value["Type"] in _MADE_IN_MOTO}
    outputs = {key: dict(value) for key, value in whole["Outputs"].items() if _referred(value["Value"]) & kept.keys()}
    for folder, function in functions().items():
        for variable, value in function["Environment"]["Variables"].items():
            outputs[_output(folder, variable)] = {"Value": value}
    parts = json.loads(json.dumps({"Resources": kept, "Outputs": outputs}), object_hook=_named_bus)
    cloudformation = boto3.client("cloudformation", region_name=REGION)
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(
            {
                "AWSTemplateFormatVersion": "2010-09-09",
                "Parameters": whole["Parameters"],
                "Conditions": whole["Conditions"],
                **parts,
            }
        ),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    for bucket, resource in resources("AWS::S3::Bucket").items():  # moto's CloudFormation leaves versioning out
        made = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=bucket)["StackResourceDetail"]
        boto3.client("s3", region_name=REGION).put_bucket_versioning(
            Bucket=made["PhysicalResourceId"],
            VersioningConfiguration=resource["Properties"]["VersioningConfiguration"],
        )
    described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output.get("OutputValue", "") for output in described}
    return Stack(
        outputs={key: value for key, value in values.items() if key in whole["Outputs"]},
        environments={
            folder: {variable: values[_output(folder, variable)] for variable in function["Environment"]["Variables"]}
            for folder, function in functions().items()
        },
    )


def _named_bus(value: dict[str, Any]) -> Any:
    """Resolve a reference to a bus as its name (moto returns a Python object), and to a role, which is not created, as its id."""
    match value:
        case {"Ref": "EventBus"}:
            return {"Fn::GetAtt": ["EventBus", "Name"]}
        case {"Fn::GetAtt": [str(role), "RoleId"]}:
            return role_id(role)
    return value


def role_id(logical_id: str) -> str:
    """Return the unique id of a role of the template, as AWS would assign one."""
    return f"AROA{logical_id.upper()}"


def _referred(value: Any) -> set[str]:
    """Return the logical ids that a value refers to, whatever its conditions."""
    found = {each for name, each in value.items() if name == "Ref"} if isinstance(value, dict) else set()
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return found.union(*map(_referred, parts))


def _output(folder: str, variable: str) -> str:
    """Return a valid CloudFormation output name: letters and digits."""
    return f"Env{folder.title().replace('_', '')}{variable.title().replace('_', '')}"
