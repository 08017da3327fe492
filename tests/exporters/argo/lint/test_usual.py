"""Manifests as people write them: no errors."""

from __future__ import annotations

import pytest
from dflow.exporters.argo.lint import Severity, lint_text

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: usual-}\nspec:\n  entrypoint: main\n"

COIN = """\
  templates:
  - name: main
    steps:
    - - {name: flip-coin, template: flip}
    - - {name: heads, template: say, when: "{{steps.flip-coin.outputs.result}} == heads"}
      - {name: tails, template: say, when: "{{steps.flip-coin.outputs.result}} == tails && 1 < 2"}
    outputs:
      parameters:
      - name: side
        valueFrom:
          expression: >-
            steps['flip-coin'].outputs.result == 'heads' ? steps.heads.outputs.result : steps.tails.outputs.result
  - name: flip
    script: {image: python, command: [python], source: "import random\\nprint(random.choice(['heads', 'tails']))"}
  - name: say
    container: {image: alpine, command: [echo], args: [hello]}
"""

MAP_REDUCE = """\
  arguments: {parameters: [{name: count, value: "4"}]}
  volumeClaimTemplates:
  - metadata: {name: work}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  templates:
  - name: main
    dag:
      tasks:
      - {name: split, template: split, arguments: {parameters: [{name: count, value: "{{workflow.parameters.count}}"}]}}
      - name: map
        template: map
        depends: split
        withParam: "{{tasks.split.outputs.result}}"
        arguments:
          parameters: [{name: part, value: "{{item}}"}]
          artifacts: [{name: data, from: "{{tasks.split.outputs.artifacts.data}}"}]
      - name: reduce
        template: reduce
        depends: map.AnySucceeded
        arguments: {parameters: [{name: all, value: "{{tasks.map.outputs.parameters}}"}]}
  - name: split
    inputs: {parameters: [{name: count}]}
    outputs: {artifacts: [{name: data, path: /tmp/data, archive: {none: {}}}]}
    script:
      image: python
      command: [python]
      env: [{name: COUNT, value: "{{inputs.parameters.count}}"}]
      volumeMounts: [{name: work, mountPath: /work}]
      source: "import json, os\\nprint(json.dumps(list(range(int(os.environ['COUNT'])))))"
  - name: map
    inputs: {parameters: [{name: part}], artifacts: [{name: data, path: /tmp/data}]}
    outputs: {parameters: [{name: sum, valueFrom: {path: /tmp/sum, default: "0"}}]}
    retryStrategy:
      limit: "3"
      retryPolicy: OnFailure
      expression: asInt(lastRetry.exitCode) == 75
      backoff: {duration: "10", factor: "2", maxDuration: 5m}
    memoize: {key: "map-{{inputs.parameters.part}}", maxAge: 24h, cache: {configMap: {name: cache}}}
    container:
      image: alpine
      args: ["{{inputs.parameters.part}}", "{{inputs.artifacts.data.path}}", "{{retries}}"]
      resources: {requests: {cpu: 500m, memory: 1Gi}}
  - name: reduce
    inputs: {parameters: [{name: all}]}
    activeDeadlineSeconds: 600
    container: {image: alpine, args: ["{{inputs.parameters.all}}"]}
"""

EXIT = """\
  onExit: bye
  parallelism: 4
  podGC: {strategy: OnWorkflowSuccess}
  ttlStrategy: {secondsAfterCompletion: 3600}
  hooks:
    running: {template: note, expression: workflow.status == "Running"}
  templates:
  - name: main
    failFast: false
    parallelism: 2
    steps:
    - - name: loop
        template: work
        withSequence: {start: "1", end: "5", format: "%03d"}
        arguments: {parameters: [{name: num, value: "{{item}}"}]}
        continueOn: {failed: true}
      - name: pairs
        template: work
        withItems: [{os: linux, num: 1}, {os: mac, num: 2}]
        arguments: {parameters: [{name: num, value: "{{item.os}}-{{item.num}}"}]}
        hooks:
          exit:
            template: work
            arguments: {parameters: [{name: num, value: "{{steps.pairs.status}}"}]}
    - - {name: approve, template: approve}
    - - name: again
        template: main
        when: "{{=asInt(steps.approve.outputs.parameters.left) > 0}}"
  - name: work
    inputs: {parameters: [{name: num}]}
    metadata: {labels: {app: work}, annotations: {workflows.argoproj.io/progress: 0/1}}
    container: {image: alpine, command: [sh, -c], args: ["echo '{{inputs.parameters.num}}'; exit 1"]}
  - name: approve
    suspend: {duration: "20"}
    outputs: {parameters: [{name: left, valueFrom: {supplied: {}, default: "0"}}]}
  - name: bye
    steps: [[{name: note, template: note}, {name: failed, template: note, when: "{{workflow.status}} != Succeeded"}]]
  - name: note
    http:
      url: "https://example.com/{{workflow.name}}"
      method: POST
      headers: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b}}}]
      successCondition: response.statusCode in [200, 204]
      body: "{{=toJson(workflow.name)}}"
"""


@pytest.mark.parametrize("text", [COIN, MAP_REDUCE, EXIT], ids=["coin", "map-reduce", "exit"])
def test_a_usual_manifest_has_no_errors(text: str) -> None:
    errors = [finding for finding in lint_text(HEAD + text) if finding.severity is Severity.ERROR]
    assert [str(error) for error in errors] == []
