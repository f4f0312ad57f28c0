"""What matters in the files for containers, which no test starts: is it written there?"""

import re
from pathlib import Path

import yaml

from cluster import EXAMPLE

# A tag that names one release, as far as tags can.
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+(\.\d+)?[a-z0-9.-]*$")
# Where a password would stand in a URL, or after a word that announces one.
SECRET = re.compile(r"://[^/\s]*:(?!\$\{)[^@/\s]+@|(?i:password|secret|token)\w*[:=] *[\"']?(?!\$\{)[A-Za-z0-9]{6}")


def manifests(check) -> None:
    files = [EXAMPLE / "compose.yaml", *sorted((EXAMPLE / "kubernetes").glob("*.yaml"))]
    for file in files:
        text = "\n".join(line.split("# ")[0] for line in file.read_text().splitlines())
        check(f"{file.name}: secrets in clear", [found[0] for found in SECRET.finditer(text.replace("secretName", ""))], [])
        check(f"{file.name}: privileges", re.findall(r"privileged|hostNetwork|hostPath|docker\.sock", text), [])
    compose(check, yaml.safe_load(files[0].read_text()))
    kinds = {document["kind"]: document for file in files[1:] for document in yaml.safe_load_all(file.read_text())}
    check("kinds", sorted(kinds), ["Deployment", "Ingress", "PodDisruptionBudget", "Service"])
    deployment(check, kinds)
    dockerfile(check, EXAMPLE / "Dockerfile")


def compose(check, file: dict) -> None:
    services = file["services"]
    check("services", sorted(services), ["balancer", "node1", "node2", "node3", "postgres", "redis"])
    for name, service in services.items():
        check(f"{name}: {service['image']} is pinned", bool(PINNED.match(service["image"])), True)
        published = service.get("ports", [])
        check(f"{name}: ports", published, ["127.0.0.1:8000:8000"] if name == "balancer" else [])
        if name != "postgres":
            confined = service["read_only"], service["cap_drop"], service["security_opt"]
            check(f"{name}: confined", confined, (True, ["ALL"], ["no-new-privileges:true"]))
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (EXAMPLE / source).is_file() if source.startswith(".") else source in file["volumes"]
            check(f"{name}: {source} is there", there, True)
    dockerfile_of_nodes = EXAMPLE / services["node1"]["build"]["context"] / services["node1"]["build"]["dockerfile"]
    check("the nodes' Dockerfile", dockerfile_of_nodes.resolve(), EXAMPLE / "Dockerfile")


def deployment(check, kinds: dict) -> None:
    spec = kinds["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    check("pinned", bool(PINNED.match(container["image"])), True)
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    check("probes", paths, {"startup": "/health/live", "readiness": "/health/ready", "liveness": "/health/live"})
    confined = container["securityContext"]
    check("root", (pod["securityContext"]["runAsNonRoot"], confined["allowPrivilegeEscalation"]), (True, False))
    check("rights", (confined["readOnlyRootFilesystem"], confined["capabilities"]), (True, {"drop": ["ALL"]}))
    check("time to end", pod["terminationGracePeriodSeconds"] > 10 + 5, True)
    check("nodes", (spec["replicas"], kinds["PodDisruptionBudget"]["spec"]["minAvailable"]), (3, 2))
    environment = {one["name"]: one for one in container["env"]}
    for name in ("LOCKJAR_DATABASE", "LOCKJAR_SESSIONS"):
        check(f"{name} is of the Secret", list(environment[name]["valueFrom"]), ["secretKeyRef"])
    (host,) = kinds["Ingress"]["spec"]["tls"][0]["hosts"]
    check("public URL", environment["LOCKJAR_PUBLIC_URL"]["value"], f"https://{host}")
    check("rule", kinds["Ingress"]["spec"]["rules"][0]["host"], host)
    labels = spec["template"]["metadata"]["labels"]
    selectors = spec["selector"]["matchLabels"], kinds["Service"]["spec"]["selector"]
    check("selectors", selectors, (labels, labels))


def dockerfile(check, file: Path) -> None:
    lines = file.read_text().splitlines()
    for line in (line for line in lines if line.startswith("FROM ")):
        check(f"{line} is pinned", bool(PINNED.match(line.split()[1])), True)
    check("user", [line for line in lines if line.startswith("USER ")], ["USER 10001:10001"])
