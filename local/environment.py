"""A local AWS on loopback, with the template built and deployed onto it by SAM.

    with LocalStack(parameters={"TelnyxPublicKeys": "default=..."}) as stack:
        stack.client("sqs").send_message(QueueUrl=stack.outputs["OrderQueueUrl"], MessageBody=...)
        httpx.post(f"{stack.api_url}/webhooks/telnyx", content=...)
        stack.invoke("wake_orders")
        print(stack.logs("place_order"))

Entering starts the emulator (ministack, which enforces the template's roles), builds and deploys; leaving, in any
way, ends the emulator and all its workers. `detach()` leaves it running instead; `attach()` finds it again from another
process, and `stop()` ends it. `put_account()` creates an account's secret. All files are under `.local/`.

Nothing here can reach an AWS account: the credentials are fixed and made up, AWS's config files are /dev/null for this
process and all it starts, and an endpoint that is not on loopback is refused. For that the process's own environment
is cleared of every `AWS_...` variable when a stack is created.

Needs the environments `.venv`, `.sam` and `.ministack`, which make sets up.
"""

import contextlib
import ipaddress
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from local.listening import listens_elsewhere
from local.processes import undisturbed

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local"
STACK_NAME = "numberdesk"
ACCOUNT_ID = "000000000000"
REGION = "eu-central-1"

# "test" is the emulator's administrator; the functions' permissions come from their roles.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # nosec B105 # the emulator's own

PARAMETERS = {
    "Runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",  # functions run on the emulator's own Python
    "Architecture": "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
    "LocalRun": "true",
    "ApiLogRole": "exists",
    "DeletionProtection": "false",
}


def require_loopback(url: str) -> str:
    """Return the URL if its host is on this machine's loopback; refuse any other.

    Raises:
        ValueError: the host is another, or a name other than localhost.
    """
    host = urllib.parse.urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return url
    raise ValueError(f"refused: {url} is not on loopback, and a local run must reach nothing else")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _healthy(port: int) -> bool:
    # No proxy: one from the caller's environment cannot reach our loopback.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/_ministack/ready", timeout=2):
            return True
    except OSError:
        return False


def _left_running(home: Path) -> dict[str, Any] | None:
    """Return what `detach` wrote if the process still runs: after a restart of the machine its process number may be another's."""
    path = home / "stack.json"
    if not path.exists():
        return None
    state: dict[str, Any] = json.loads(path.read_text())
    if _healthy(state["port"]):
        return state
    path.unlink()
    return None


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to every process of a group and return whether there was any. Signal zero only checks."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


class LocalStack:
    """The template, deployed on its own emulator.

    Args:
        parameters: template parameters, over the ones of a local run (`PARAMETERS`).
        port: where the emulator listens on 127.0.0.1; 0 takes a free one.
        template: another template than the project's own, at the top of another copy of the project.
        home: the folder for all files; one stack at a time.
    """

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        port: int = 0,
        template: Path = ROOT / "template.yaml",
        home: Path = HOME,
    ) -> None:
        for name, value in os.environ.items():
            if name.startswith("AWS_ENDPOINT_URL"):
                require_loopback(value)
        self.parameters = PARAMETERS | dict(parameters or {})
        self.template = template
        self.home = home
        self.port = port or free_port()
        self.endpoint = require_loopback(f"http://127.0.0.1:{self.port}")
        self.outputs: dict[str, str] = {}
        self.timings: dict[str, float] = {}
        self._group: int | None = None
        self._detached = False
        self._take_over_environment()

    @classmethod
    def attach(cls, home: Path = HOME) -> Self:
        """Return the stack that was left running.

        Raises:
            FileNotFoundError: none was, or it is gone.
        """
        state = _left_running(home)
        if state is None:
            raise FileNotFoundError("no stack was left running")
        stack = cls(port=state["port"], home=home)
        stack.outputs = state["outputs"]
        stack._group = state["group"]
        stack._detached = True
        return stack

    def __enter__(self) -> Self:
        for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C does: leave through every `with` and `finally`
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if not self._detached:
            self.stop()

    def start(self) -> None:
        """Start the emulator, build and deploy; `outputs` are the stack's afterwards.

        Raises:
            RuntimeError: one of them failed, and the message ends with its output; or another stack is still running.
        """
        if _left_running(self.home):
            raise RuntimeError("a stack was left running here; `make down` ends it")
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        (self.home / "tmp").mkdir()
        began = time.monotonic()
        self._start_emulator()  # starts up while SAM builds
        self._build()
        self.timings["build"] = time.monotonic() - began
        self._wait_until_healthy()
        self._deploy()
        self.timings["ready"] = time.monotonic() - began
        described = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def stop(self) -> None:
        """End the emulator and its workers, if they run."""
        if self._group is None:
            return
        group, self._group = self._group, None
        (self.home / "stack.json").unlink(missing_ok=True)
        for ending in (signal.SIGTERM, signal.SIGKILL):
            there = _signal_group(group, ending)
            deadline = time.monotonic() + 5
            while there and time.monotonic() < deadline:
                time.sleep(0.05)
                with contextlib.suppress(ChildProcessError):  # not our child process if another process started it
                    os.waitpid(group, os.WNOHANG)
                there = _signal_group(group, 0)

    def detach(self) -> None:
        """Leave the stack running when this process ends, to be found by `attach`."""
        self._detached = True
        state = {"group": self._group, "port": self.port, "outputs": self.outputs}
        (self.home / "stack.json").write_text(json.dumps(state))

    # --- using it ---

    @property
    def api_url(self) -> str:
        """Return the API's base URL; append /webhooks/telnyx or /postbacks/callfire/<token>."""
        return f"{self.endpoint}/restapis/{self.outputs['ApiId']}/v1/_user_request_"

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator, as its administrator."""
        return boto3.client(  # type: ignore[call-overload]  # the stubs want each service's name as a literal
            service,
            endpoint_url=require_loopback(self.endpoint),
            config=Config(retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=190),
        )

    def invoke(self, function: str, event: Mapping[str, Any] | None = None) -> Any:
        """Run a function, named by its folder, and return its response.

        Raises:
            RuntimeError: it ended with an error.
        """
        answer = self.client("lambda").invoke(FunctionName=f"{STACK_NAME}-{function}", Payload=json.dumps(event or {}))
        payload = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise RuntimeError(f"{function}: {payload}")
        return payload

    def logs(self, function: str) -> list[str]:
        """Return every line that a function, named by its folder, has logged, in order of time."""
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{STACK_NAME}-{function}")
        return [event["message"] for page in found for event in page["events"]]

    def workers(self) -> dict[int, str]:
        """Return the processes in which functions run: process number and function, named by its folder.

        Read from Linux's /proc; empty without it.
        """
        name = f"AWS_LAMBDA_FUNCTION_NAME={STACK_NAME}-".encode()
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            # Other users' processes are unreadable, and some end meanwhile.
            with contextlib.suppress(OSError):
                if os.getpgid(int(process.name)) == self._group:
                    for variable in (process / "environ").read_bytes().split(b"\0"):
                        if variable.startswith(name):
                            found[int(process.name)] = variable.removeprefix(name).decode()
        return found

    def kill(self, function: str) -> int:
        """Kill every process of a function, named by its folder, whatever it is doing, and return their number."""
        killed = 0
        for process, running in self.workers().items():
            with contextlib.suppress(ProcessLookupError):
                if running == function:
                    os.kill(process, signal.SIGKILL)
                    killed += 1
        return killed

    def put_account(self, provider: str, account: str, settings: Mapping[str, Any]) -> None:
        """Create or change the secret of one account at one provider."""
        secrets = self.client("secretsmanager")
        name, text = f"{STACK_NAME}/{provider}/{account}", json.dumps(settings)
        try:
            secrets.create_secret(Name=name, SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=text)

    def notification_queue(self) -> str:
        """Create a queue with every notification to people; each body is a message to the topic. Return its URL."""
        url, arn = self._listener("people", {"Service": "sns.amazonaws.com"})
        self.client("sns").subscribe(
            TopicArn=self.outputs["NotificationTopicArn"],
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )
        return url

    def events_queue(self) -> str:
        """Create a queue with every event on the bus; each body is an event, as JSON. Return its URL."""
        url, arn = self._listener("events", {"Service": "events.amazonaws.com"})
        events, bus = self.client("events"), self.outputs["EventBusName"]
        pattern = json.dumps({"account": [ACCOUNT_ID]})
        events.put_rule(Name="listen", EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule="listen", EventBusName=bus, Targets=[{"Id": "listen", "Arn": arn}])
        return url

    def _listener(self, name: str, sender: Mapping[str, str]) -> tuple[str, str]:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"listen-{name}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": sender, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    # --- setting it up ---

    def _take_over_environment(self) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(
            CREDENTIALS,
            AWS_DEFAULT_REGION=REGION,
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_CONFIG_FILE=os.devnull,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            AWS_EC2_METADATA_DISABLED="true",
            NO_PROXY="*",  # boto3's calls stay on this machine, whatever proxy the caller's environment names
            no_proxy="*",
        )

    def _environment(self) -> dict[str, str]:
        """Return the environment of the processes started here: our AWS, the package sources, and nothing else of the caller's."""
        passed_on = ("AWS_", "UV_", "SSL_CERT_", "LANG", "LC_")
        kept = {name: value for name, value in os.environ.items() if name.startswith(passed_on)}
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return {
            "UV_CACHE_DIR": f"{cache}/uv",
            "UV_SYSTEM_CERTS": "1",
            **kept,
            "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
        }

    def _start_emulator(self) -> None:
        settings = {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            # These listen on every interface, whatever BIND_HOST says.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "S3_DATA_DIR": str(self.home / "tmp" / "s3"),
            "STATE_DIR": str(self.home / "tmp" / "state"),
        }
        with (self.home / "emulator.log").open("wb") as log, undisturbed():
            # In its own session: Ctrl-C reaches only us, and ending the group ends its workers too.
            process = subprocess.Popen(
                [ROOT / ".ministack/bin/ministack"],
                env=self._environment() | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._group = process.pid

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if _healthy(self.port):
                if self._group and (elsewhere := listens_elsewhere(self._group)):
                    raise RuntimeError(f"the emulator can be reached from other machines: {', '.join(elsewhere)}")
                return
            time.sleep(0.1)
        said = (self.home / "emulator.log").read_text()[-2000:]
        raise RuntimeError(f"the emulator did not start:\n{said}")

    def _build(self) -> None:
        self._sam(
            "build",
            *("--cached", "--cache-dir", str(self.home / "sam-cache"), "--parallel"),
            *("--build-dir", str(self.home / "build"), "--template", str(self.template)),
            *self._overrides(),
        )

    def _deploy(self) -> None:
        bucket = f"{STACK_NAME}-artifacts"
        self.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._sam(
            "deploy",
            *("--template-file", str(self.home / "build" / "template.yaml"), "--stack-name", STACK_NAME),
            *("--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM"),
            *("--no-confirm-changeset", "--no-progressbar"),
            *self._overrides(),
        )

    def _overrides(self) -> list[str]:
        path = self.home / "parameters.yaml"  # JSON is YAML; the command line would need its values quoted twice
        path.write_text(json.dumps(self.parameters))
        return ["--parameter-overrides", f"file://{path}"]

    def _sam(self, *arguments: str) -> None:
        settings = {
            "SAM_CLI_ENABLE_LANGUAGE_EXTENSIONS": "1",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",
            "NUMBERDESK_RUNTIME": self.parameters["Runtime"],
            "NUMBERDESK_ARCHITECTURE": self.parameters["Architecture"],
        }
        no_config = self.home / "samconfig.toml"  # the project's own is for AWS
        no_config.touch()
        with (self.home / f"sam-{arguments[0]}.log").open("w+") as log:
            process = None
            try:
                with undisturbed():
                    process = subprocess.Popen(
                        [ROOT / ".sam/bin/sam", *arguments, "--config-file", str(no_config)],
                        cwd=self.template.parent,
                        env=self._environment() | settings,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                failed = process.wait()
            except BaseException:
                # SAM runs make for the layers, which runs uv: on an interrupt all of them end, not only SAM.
                if process is not None:
                    _signal_group(process.pid, signal.SIGKILL)
                    process.wait()
                raise
            if failed:
                log.seek(0)
                raise RuntimeError(f"sam {arguments[0]} failed:\n{log.read()[-4000:]}")
