"""What a W&B server knows, and how it answers the operations of GraphQL that W&B's client and reports send."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

ENTITY = "me"
CREATED = "2026-01-01T00:00:00Z"


@dataclass
class Run:
    """What a server knows of a run."""

    entity: str
    project: str
    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None

    def values(self) -> dict[str, Any]:
        """The config as it was given to the client."""
        return {key: entry["value"] for key, entry in self.config.items() if key != "_wandb"}

    def bucket(self) -> dict[str, Any]:
        project = {"id": f"P:{self.project}", "name": self.project, "entity": {"id": "E", "name": self.entity}}
        return {
            "id": f"{self.entity}/{self.project}/{self.name}",
            "name": self.name,
            "displayName": self.fields.get("displayName"),
            "description": None,
            "config": json.dumps(self.config),
            "sweepName": None,
            "project": project,
            "historyLineCount": len(self.history),
        }


class Backend:
    """Runs, blobs, artifacts and views; a method for each operation, by its name.

    A run that is opened by its name, not resumed by its id, is written over from its first row; with ``appends``
    its new rows come after those that are there.
    """

    def __init__(self, appends: bool = False) -> None:
        self.appends = appends
        self.runs: dict[str, Run] = {}
        self.blobs: dict[str, bytes] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.sweep_config = ""
        self.trials: list[dict[str, Any]] = []
        self.address = ""

    def run(self, variables: dict[str, Any], create: bool = True) -> Run | None:
        """The run that variables of GraphQL name."""
        name = variables.get("name") or variables.get("run") or str(variables.get("id")).rpartition("/")[2]
        if name not in self.runs and create:
            self.runs[name] = Run(variables.get("entity") or ENTITY, variables.get("project") or "none", name)
        return self.runs.get(name)

    def stream(self, run: Run, request: dict[str, Any]) -> None:
        """Lines of a run's files: each chunk replaces what stands from its offset on."""
        for name, chunk in (request.get("files") or {}).items():
            if name == "wandb-summary.json":
                run.summary = json.loads(chunk["content"][-1])
            if name == "wandb-history.jsonl":
                rows = [json.loads(line) for line in chunk["content"]]
                run.history[chunk["offset"] : chunk["offset"] + len(rows)] = rows
        if request.get("complete"):
            run.exit_code = request["exitcode"]

    def Viewer(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"viewer": {"id": "U", "entity": ENTITY, "username": ENTITY, "flags": "{}", "teams": {"edges": []}}}

    GetDefaultEntity = GetViewer = Viewer

    def ServerFeaturesQuery(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def RunResumeStatus(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.run(variables, create=False)
        tail = json.dumps([json.dumps(row) for row in run.history[-1:]]) if run else ""
        told = run and run.bucket() | {
            "summaryMetrics": json.dumps(run.summary), "historyTail": tail, "eventsTail": "[]", "logLineCount": 0,
            "eventsLineCount": 0, "tags": [], "notes": None, "wandbConfig": '{"t": 1}',
        }  # fmt: skip
        return {"model": {"id": "P", "name": variables.get("project"), "entity": {"id": "E"}, "bucket": told}}

    def UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:
        inserted = self.run(variables, create=False) is None
        run = self.run(variables)
        assert run
        run.fields |= {key: value for key, value in variables.items() if value is not None}
        run.config |= json.loads(variables.get("config") or "{}")
        bucket = run.bucket()
        if not (variables.get("id") or self.appends):
            bucket["historyLineCount"] = 0
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def RunStoppedStatus(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"run": {"stopped": False}}}

    def OrganizationCoreWeaveOrganizationID(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": self.url(f"{variables['run']}/{name}")} for name in variables["files"]]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def ArtifactType(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifact": None}}

    def CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        number = str(len(self.artifacts))
        self.artifacts[number] = variables["input"] | {"committed": False}
        sequence = {"id": "S", "latestArtifact": None}
        return {"createArtifact": {"artifact": {"id": number, "state": "PENDING", "artifactSequence": sequence}}}

    def CreateArtifactManifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        target = {"id": "F", "uploadUrl": self.url(f"manifest/{variables['artifactID']}"), "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": variables["artifactID"], "file": target}}}

    def CreateArtifactFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        found = []
        for file in variables["input"]["artifactFiles"]:
            path = f"artifacts/{file['artifactID']}/{file['name']}"
            target = {
                "storagePath": path,
                "uploadUrl": self.url(path),
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
            }
            found.append({"node": target | {"artifact": {"id": file["artifactID"]}}})
        return {"createArtifactFiles": {"files": {"edges": found}}}

    def CommitArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        artifact = self.artifacts[variables["artifactID"]]
        artifact["committed"] = True
        return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": artifact.get("digest")}}}

    def GetProjects(self, variables: dict[str, Any]) -> dict[str, Any]:
        more = {"__typename": "Project", "entityName": variables["entity"], "createdAt": CREATED, "user": None}
        names = sorted({run.project for run in self.runs.values()})
        nodes = [more | {"id": f"P:{name}", "name": name, "isBenchmark": False} for name in names]
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"models": {"pageInfo": page, "edges": [{"node": node} for node in nodes]}}

    def ProjectInternalId(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"id": f"P:{variables['projectName']}", "internalId": "UHJvamVjdEludGVybmFsSWQ6MQ=="}}

    def UpsertView2(self, variables: dict[str, Any]) -> dict[str, Any]:
        assert variables.get("id") not in self.deleted, "no such view"
        identity = variables.get("id") or f"Vmlldzox{len(self.views) + len(self.deleted)}"
        project = {"id": "P", "name": variables["projectName"], "entityName": variables["entityName"]}
        told = {key: variables.get(key) for key in ("type", "name", "displayName", "description", "spec")}
        times = {"createdAt": CREATED, "updatedAt": CREATED, "user": None}
        self.views[identity] = {"id": identity, "project": project} | told | times
        return {"upsertView": {"view": self.views[identity], "inserted": True}}

    upsertView = UpsertView2

    def UpsertSweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        """One sweep, ``s1``, whose agents are given ``trials``, one after the other."""
        self.sweep_config = variables["config"]
        entity = {"id": "E", "name": variables.get("entityName") or ENTITY}
        project = {"id": "P", "name": variables["projectName"], "entity": entity}
        return {"upsertSweep": {"sweep": {"name": "s1", "project": project}, "configValidationWarnings": []}}

    def SweepWithRuns(self, _: dict[str, Any]) -> dict[str, Any]:
        sweep = {"id": "S1", "name": "s1", "state": "RUNNING", "config": self.sweep_config, "runs": {"edges": []}}
        return {"project": {"sweep": sweep}}

    def GetSweepState(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"sweep": {"state": "RUNNING"}}}

    def CreateAgent(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "A1"}}}

    def Heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        commands: list[dict[str, Any]] = []
        if not json.loads(variables["runState"] or "{}"):
            commands = [{"type": "exit"}]
            if self.trials:
                values = {key: {"value": value} for key, value in self.trials.pop(0).items()}
                program = yaml.safe_load(self.sweep_config)["program"]
                run = {"type": "run", "run_id": f"trial{len(self.trials)}", "program": program, "args": values}
                commands = [run]
        return {"agentHeartbeat": {"agent": {"id": "A1"}, "commands": json.dumps(commands)}}

    def url(self, path: str) -> str:
        return f"{self.address}/blob/{path}"
