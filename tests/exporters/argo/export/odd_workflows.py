"""Workflows that go to the edges of what a manifest can say."""
# ruff: noqa: F821 - the outputs of function OPs are named in annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from dflow import (
    DAG,
    HookStep,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_enumerate,
    argo_len,
    argo_range,
    argo_sequence,
    if_expression,
    upload_artifact,
)
from dflow.python import OP, OPIO, Artifact, BigParameter, FatalError, NestedDict, OPIOSign, Slices
from dflow.python import PythonOPTemplate as P

__all__ = ["ODD", "UPLOADED"]


def sh(name: str = "say", script: str = "echo '{{inputs.parameters.text}}'", **more: Any) -> ShellOPTemplate:
    inputs = Inputs(parameters={"text": InputParameter()})
    return ShellOPTemplate(name, image="alpine:3.20", script=script, inputs=inputs, **more)


def flow(*steps: Any, **arguments: Any) -> Workflow:
    workflow = Workflow("odd", **arguments)
    for step in steps:
        workflow.add(step)
    return workflow


def sl(op: Any, ip: Any = (), ia: Any = (), op_: Any = (), oa: Any = (), slices: str | None = None, **more: Any) -> P:
    """A Python OP with slices."""
    given = Slices(
        slices,
        input_parameter=list(ip),
        input_artifact=list(ia),
        output_parameter=list(op_),
        output_artifact=list(oa),
        **more,
    )
    return P(op, slices=given)


def _uploaded() -> Path:
    base = Path(tempfile.mkdtemp())
    for name in "abc":
        (base / f"{name}.txt").write_text(name.upper())
    return base


@OP.function
def files(n: int) -> {"xs": list[int], "made": Artifact(list[Path])}:
    made = [Path(f"{i}.txt") for i in range(n)]
    for f in made:
        f.write_text(f.stem)
    return {"xs": list(range(n)), "made": made}


@OP.function
def one(x: int, given: Artifact(Path)) -> {"y": int, "made": Artifact(Path)}:
    f = Path(f"of-{x}.txt")
    f.write_text(given.read_text() + "!")
    return {"y": x * x, "made": f}


@OP.function
def mk(x: int) -> {"y": int, "made": Artifact(Path)}:
    f = Path(f"mk-{x}.txt")
    f.write_text(f"<{x}>")
    return {"y": x * x, "made": f}


@OP.function
def total(made: Artifact(list[Path])) -> {"texts": str}:
    return {"texts": " ".join(f.read_text() for f in made)}


@OP.function
def nested_total(made: Artifact(NestedDict[Path])) -> {"texts": str}:
    def flat(v):
        if v is None:
            return "none"
        if isinstance(v, (list, tuple)):
            return "[" + ",".join(flat(i) for i in v) + "]"
        if isinstance(v, dict):
            return "{" + ",".join(f"{k}:{flat(i)}" for k, i in sorted(v.items())) + "}"
        v = Path(v)
        if v.is_dir():
            return "d(" + ",".join(flat(p) for p in sorted(v.iterdir()) if p.name != ".dflow") + ")"
        return v.read_text()

    return {"texts": flat(made)}


@OP.function
def say(text: str) -> {"text": str}:
    return {"text": text}


@OP.function
def anyv(v: Any) -> {"v": Any, "t": str}:
    return {"v": v, "t": type(v).__name__}


@OP.function
def many(n: int) -> {"made": Artifact(dict[str, Path])}:
    out = {}
    for i in range(n):
        p = Path(f"d{i}.txt")
        p.write_text(str(i))
        out[f"k{i}"] = p
    return {"made": out}


@OP.function
def odd_fails(x: int) -> {"y": int}:
    if x % 2:
        raise FatalError("odd")
    return {"y": x}


@OP.function
def read(given: Artifact(Path)) -> {"text": str}:
    return {"text": given.read_text()}


@OP.function
def maybe(given: Artifact(Path, optional=True)) -> {"text": str}:
    return {"text": given.read_text() if given is not None else "none"}


@OP.function
def gives_maybe(make: bool) -> {"made": Artifact(Path, optional=True), "n": int}:
    if make:
        p = Path("m.txt")
        p.write_text("made")
        return {"made": p, "n": 1}
    return {"made": None, "n": 0}


@OP.function
def numbers(n: int) -> {"xs": list[int], "n": int}:
    return {"xs": list(range(n)), "n": n}


@OP.function
def words(n: int) -> {"xs": list[str], "maps": list[dict], "table": dict[str, int]}:
    return {
        "xs": [f"w{i}" for i in range(n)],
        "maps": [{"a": i, "b c": f"x{i}"} for i in range(n)],
        "table": {f"k{i}": i * i for i in range(n)},
    }


def inner_steps(name="inner", big=False):
    s = Steps(name, inputs=Inputs(parameters={"x": InputParameter(type=int)}))
    m = Step("mk", P(mk), parameters={"x": s.inputs.parameters["x"]}, key="mk-{{inputs.parameters.x}}")
    s.add(m)
    s.outputs.parameters["y"] = OutputParameter(value_from_parameter=m.outputs.parameters["y"], type=int)
    s.outputs.artifacts["made"] = OutputArtifact(_from=m.outputs.artifacts["made"])
    return s


class Long(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"text": BigParameter(str)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"text": BigParameter(str), "size": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"text": op_in["text"] + "!\n", "size": len(op_in["text"])})


@OP.function
def one_text(x: int, w: str) -> {"y": str}:
    return {"y": f"{w}{x}"}


@OP.function
def one_t2(x: int, w: str) -> {"y": str}:
    return {"y": f"{w}{x}"}


@OP.function
def f_of_fields_named_like_ours(order: int, at: int, item: str, orders: int) -> {"y": str}:
    return {"y": f"{order}{at}{item}{orders}"}


@OP.function
def dots_of_dict_with_dots() -> {"made": Artifact(dict[str, Path])}:
    out = {}
    for k in ("a.b", "a.c"):
        p = Path(k)
        p.write_text(k)
        out[k] = p
    return {"made": out}


@OP.function
def dd_of_decimal_keys() -> {"made": Artifact(dict[str, Path])}:
    out = {}
    for k in ("5", "7"):
        p = Path(k)
        p.write_text(k)
        out[k] = p
    return {"made": out}


@OP.function
def w_of_weird_artifact_file_names(x: int) -> {"made": Artifact(list[Path])}:
    out = []
    for n in ("{{x}}", "a b", "ü", "it's", "{{workflow.name}}"):
        p = Path(n + str(x))
        p.write_text(n)
        out.append(p)
    return {"made": out}


def slices_in_dag() -> Workflow:
    d = DAG("main")
    a = Task("a", P(files), parameters={"n": 3})
    b = Task(
        "b",
        sl(one, ["x"], ["given"], ["y"], ["made"]),
        parameters={"x": a.outputs.parameters["xs"]},
        artifacts={"given": a.outputs.artifacts["made"]},
        key="b-{{item.order}}",
    )
    c = Task("c", P(total), artifacts={"made": b.outputs.artifacts["made"]})
    for t in (a, b, c):
        d.add(t)
    return Workflow("odd", dag=d)


def slices_in_dag_no_deps_sub_path() -> Workflow:
    d = DAG("main")
    a = Task("a", P(files), parameters={"n": 3})
    b = Task(
        "b",
        sl(one, ["x"], ["given"], ["y"], ["made"], sub_path=True),
        parameters={"x": a.outputs.parameters["xs"]},
        artifacts={"given": a.outputs.artifacts["made"]},
    )
    c = Task("c", P(total), artifacts={"made": b.outputs.artifacts["made"]}, continue_on_failed=True)
    e = Task("e", P(anyv), parameters={"v": b.outputs.parameters["y"]}, dependencies=[c])
    for t in (a, b, c, e):
        d.add(t)
    return Workflow("odd", dag=d)


def slices_of_steps_parameters() -> Workflow:
    s = inner_steps()
    del s.outputs.artifacts["made"]
    st = Step(
        "each",
        s,
        slices=Slices(input_parameter=["x"], output_parameter=["y"]),
        parameters={"x": [1, 2, 3]},
        key="each-{{item}}",
        with_param=argo_range(3),
    )
    return flow(st, Step("say", P(anyv), parameters={"v": st.outputs.parameters["y"]}))


def stacked_out_of_two_levels() -> Workflow:
    inner = Steps("inner", inputs=Inputs(parameters={"n": InputParameter(type=int)}))
    f = Step("f", P(files), parameters={"n": inner.inputs.parameters["n"]})
    m = Step(
        "m",
        sl(one, ["x"], ["given"], ["y"], ["made"]),
        parameters={"x": f.outputs.parameters["xs"]},
        artifacts={"given": f.outputs.artifacts["made"]},
    )
    inner.add(f)
    inner.add(m)
    inner.outputs.artifacts["made"] = OutputArtifact(_from=m.outputs.artifacts["made"])
    inner.outputs.parameters["y"] = OutputParameter(value_from_parameter=m.outputs.parameters["y"])
    outer = Steps("outer")
    i = Step("i", inner, parameters={"n": 3})
    outer.add(i)
    outer.outputs.artifacts["made"] = OutputArtifact(_from=i.outputs.artifacts["made"])
    outer.outputs.parameters["y"] = OutputParameter(value_from_parameter=i.outputs.parameters["y"])
    o = Step("o", outer)
    e = Step(
        "e",
        sl(one, ["x"], ["given"], ["y"], ["made"]),
        parameters={"x": o.outputs.parameters["y"]},
        artifacts={"given": o.outputs.artifacts["made"]},
    )
    t = Step("t", P(total), artifacts={"made": e.outputs.artifacts["made"]})
    return flow(o, e, t)


def stacked_into_slices_over_artifacts_only() -> Workflow:
    inner = Steps("inner")
    f = Step("f", sl(mk, ["x"], [], [], ["made"]), parameters={"x": [3, 4]})
    inner.add(f)
    inner.outputs.artifacts["made"] = OutputArtifact(_from=f.outputs.artifacts["made"])
    o = Step("o", inner)
    e = Step("e", sl(read, [], ["given"], ["text"]), artifacts={"given": o.outputs.artifacts["made"]})
    return flow(o, e, Step("s", P(anyv), parameters={"v": e.outputs.parameters["text"]}))


def recursion_choice() -> Workflow:
    s = Steps("loop", inputs=Inputs(parameters={"n": InputParameter(value=1, type=int)}))
    s.outputs.artifacts["made"] = OutputArtifact()
    b = Step(
        "b",
        sl(mk, ["x"], [], ["y"], ["made"]),
        parameters={"x": [1, 2]},
        key="b-{{inputs.parameters.n}}-{{item.order}}",
    )
    nxt = Step(
        "next", s, parameters={"n": "{{=asInt(inputs.parameters.n) + 1}}"}, when="{{=asInt(inputs.parameters.n) < 3}}"
    )
    for x in (b, nxt):
        s.add(x)
    s.outputs.artifacts["made"].from_expression = if_expression(
        s.inputs.parameters["n"] >= 3, b.outputs.artifacts["made"], nxt.outputs.artifacts["made"]
    )
    last = Step("l", s)
    return flow(last, Step("t", P(total), artifacts={"made": last.outputs.artifacts["made"]}))


def sliced_with_hooks() -> Workflow:
    hook = HookStep(sh("tell"), parameters={"text": "done"})
    b = Step("b", sl(mk, ["x"], [], ["y"]), parameters={"x": [1, 2]}, success_hook=hook)
    return flow(b)


def sliced_continue_on() -> Workflow:
    b = Step("b", sl(odd_fails, ["x"], [], ["y"]), parameters={"x": [0, 1, 2, 3]}, continue_on_failed=True)
    c = Step("c", sl(odd_fails, ["x"], [], ["y"]), parameters={"x": [0, 1, 2, 3]}, continue_on_num_success=2)
    d = Step(
        "d",
        sl(odd_fails, ["x"], [], ["y"]),
        parameters={"x": [0, 1, 2, 3]},
        continue_on_success_ratio=0.6,
        continue_on_failed=True,
    )
    return flow([b, c, d], Step("s", P(anyv), parameters={"v": c.outputs.parameters["y"]}))


def dict_slices() -> Workflow:
    a = Step("a", P(words), parameters={"n": 3})
    b = Step(
        "b",
        sl(anyv, ["v"], [], ["v"]),
        parameters={"v": a.outputs.parameters["table"]},
        with_param=["k0", "k2"],
    )
    c = Step("c", sl(anyv, ["v"], [], ["v"]), parameters={"v": {"p": 1, "q": "x"}}, with_param=["p", "q"])
    d = Step("d", sl(anyv, ["v"], [], ["v"]), parameters={"v": {"p": 1, "q": "x"}})
    e = Step("e", sl(anyv, ["v"], [], ["v"]), parameters={"v": a.outputs.parameters["table"]})
    return flow(a, [b, c, d, e])


def dict_artifact_slices() -> Workflow:
    a = Step("a", P(many), parameters={"n": 3})
    b = Step(
        "b",
        sl(read, [], ["given"], ["text"], [], "{{item}}"),
        artifacts={"given": a.outputs.artifacts["made"]},
        with_param=["k0", "k2"],
    )
    return flow(a, b)


def sequence_expressions() -> Workflow:
    a = Step("a", P(numbers), parameters={"n": 3})
    b = Step(
        "b",
        P(say),
        parameters={"text": "{{item}}"},
        with_sequence=argo_sequence(count=a.outputs.parameters["n"], start=2, format="x%03d"),
    )
    c = Step(
        "c",
        sl(mk, ["x"], [], ["y"], [], "{{item}}"),
        parameters={"x": a.outputs.parameters["xs"]},
        with_sequence=argo_sequence(count=a.outputs.parameters["n"]),
    )
    d = Step(
        "d",
        sl(mk, ["x"], [], ["y"], [], "{{item}}"),
        parameters={"x": [5, 6, 7]},
        with_sequence=argo_sequence(count=argo_len(a.outputs.parameters["xs"])),
    )
    e = Step(
        "e",
        sl(mk, ["x"], [], ["y"], [], "{{item}}"),
        parameters={"x": [5, 6, 7]},
        with_sequence=argo_sequence(start=2, end=0),
    )
    return flow(a, [b, c, d, e])


def groups_with_a_format() -> Workflow:
    def grouped(name: str, key: str, **sequence: object) -> Step:
        template = sl(mk, ["x"], [], ["y"], [], "{{item}}", group_size=2)
        xs = {"x": [5, 6, 7, 8, 9]}
        return Step(name, template, parameters=xs, with_sequence=argo_sequence(**sequence), key=key)

    return flow(
        grouped("a", "run-{{item}}", count=5, format="%06d"),
        grouped("b", "plain-{{item}}", count=5),
        grouped("c", "both-{{item}}-{{item.order}}", count=4, format="%02d"),
    )


def sequence_down_dynamic() -> Workflow:
    a = Step("a", P(numbers), parameters={"n": 3})
    e = Step(
        "e",
        sl(mk, ["x"], [], ["y"], [], "{{item}}"),
        parameters={"x": [5, 6, 7, 8]},
        with_sequence=argo_sequence(start=a.outputs.parameters["n"], end=0),
    )
    return flow(a, e)


def optional_artifacts() -> Workflow:
    a = Step("a", P(gives_maybe), parameters={"make": False})
    b = Step("b", P(gives_maybe), parameters={"make": True})
    c = Step("c", P(maybe), artifacts={"given": a.outputs.artifacts["made"]})
    d = Step("d", P(maybe), artifacts={"given": b.outputs.artifacts["made"]})
    e = Step("e", P(maybe))
    return flow([a, b], [c, d, e])


def upload_list() -> Workflow:
    b = _uploaded()
    art = upload_artifact([b / "a.txt", b / "b.txt", b / "c.txt"])
    t = Step("t", P(total), artifacts={"made": art})
    e = Step("e", sl(read, [], ["given"], ["text"]), artifacts={"given": art})
    f = Step("f", sl(read, [], ["given"], ["text"], sub_path=True), artifacts={"given": art})
    return flow([t, e, f])


def upload_dict() -> Workflow:
    b = _uploaded()
    art = upload_artifact({"a": b / "a.txt", "l": [b / "b.txt", b / "c.txt"]})
    t = Step("t", P(nested_total), artifacts={"made": art})
    return flow(t)


def parallelism() -> Workflow:
    b = Step("b", sl(mk, ["x"], [], ["y"]), parameters={"x": [1, 2, 3]}, parallelism=1)
    c = Step("c", sh(), parameters={"text": "{{item}}"}, with_param=[1, 2], parallelism=1)
    return flow([b, c], parallelism=2)


def exit_with_parameters() -> Workflow:
    e = ShellOPTemplate(
        "bye",
        image="alpine:3.20",
        script="echo {{workflow.parameters.who}} {{workflow.status}} {{inputs.parameters.x}}",
        inputs=Inputs(parameters={"x": InputParameter(value="{{workflow.parameters.who}}")}),
    )
    return flow(
        Step("a", sh(), parameters={"text": "{{workflow.parameters.who}} {{workflow.parameters.n}}"}),
        on_exit=e,
        parameters={"who": "me", "n": [1, {"a": 2}]},
    )


def workflow_parameters_in_slices() -> Workflow:
    b = Step("b", sl(mk, ["x"], [], ["y"]), parameters={"x": "{{workflow.parameters.xs}}"})
    c = Step(
        "c", P(say), parameters={"text": "{{workflow.parameters.w}}-{{item}}"}, with_param="{{workflow.parameters.xs}}"
    )
    d = Step(
        "d",
        sl(one_text, ["x"], [], ["y"]),
        parameters={"x": "{{workflow.parameters.xs}}", "w": "{{workflow.parameters.w}}"},
    )
    return flow([b, c, d], parameters={"xs": [1, 2], "w": "yes"})


def braces_in_looped_constants() -> Workflow:
    b = Step(
        "b",
        sl(one_text, ["x"], [], ["y"]),
        parameters={"x": [1, 2], "w": json.dumps(["{{x}}", "{{y}}"])},
    )
    c = Step("c", P(anyv), parameters={"v": {"a": {"b": "{{z}}"}, "i": "}}"}}, with_param=[1])
    return flow([b, c])


def braces_everywhere() -> Workflow:
    a = Step("a", P(anyv), parameters={"v": ["{{x}}", "{{ y }}", "{{", "}}", "{{{", "{{=a}}"]})
    b = Step(
        "b",
        sl(anyv, ["v"], [], ["v"]),
        parameters={"v": ["{{x}}", "{{item2}}", "{{", "}}", "it's", "\\", 'q"q', "ü☃\U0001f600", "\n", ""]},
    )
    c = Step(
        "c",
        P(say),
        parameters={"text": "{{item}}"},
        with_param=["{{x}}", "it's", "\\", 'q"q', "ü☃\U0001f600", "a\nb", "(p)", "", "1e3", "007", "true", "null"],
    )
    return flow(a, b, c)


def braces_from_outputs() -> Workflow:
    a = Step("a", P(anyv), parameters={"v": ["{{x}}", "{{z}}"]})
    b = Step("b", P(anyv), parameters={"v": a.outputs.parameters["v"]})
    c = Step("c", sl(anyv, ["v"], [], ["v"]), parameters={"v": a.outputs.parameters["v"]})
    return flow(a, [b, c])


def fields_named_like_ours() -> Workflow:
    ps = {"order": [7, 8], "at": [5, 6], "item": ["a", "b"], "orders": [1, 2]}
    a = Step("a", sl(f_of_fields_named_like_ours, list(ps), [], ["y"]), parameters=ps)
    b = Step("b", sl(f_of_fields_named_like_ours, list(ps), [], ["y"], group_size=1), parameters=ps)
    n = Step("n", P(numbers), parameters={"n": 2})
    c = Step(
        "c",
        sl(f_of_fields_named_like_ours, ["order"], [], ["y"]),
        parameters={**ps, "order": n.outputs.parameters["xs"], "at": 1, "item": "z", "orders": 3},
        key="c-{{item.order}}",
    )
    return flow(n, [a, b, c])


def item_parts() -> Workflow:
    b = Step(
        "b",
        P(say),
        parameters={"text": "{{item.a}}-{{item.b c}}"},
        with_param=[{"a": 1, "b c": "x"}, {"a": "2", "b c": [1]}],
    )
    a = Step("a", P(words), parameters={"n": 2})
    c = Step("c", P(say), parameters={"text": "{{item.a}}"}, with_param=a.outputs.parameters["maps"])
    d = Step(
        "d",
        sl(one_text, ["x"], [], ["y"], [], "{{item.a}}"),
        parameters={"x": [4, 5], "w": "{{item.a}}"},
        with_param=a.outputs.parameters["maps"],
    )
    return flow(a, [b, c, d])


def numbers_like_texts() -> Workflow:
    a = Step(
        "a",
        sl(say, ["text"], [], ["text"]),
        parameters={"text": ["1", "1.0", "true", "null", "[1]", '{"a":1}', "1e5", "007", " 1 "]},
    )
    b = Step("b", P(anyv), parameters={"v": a.outputs.parameters["text"]})
    c = Step("c", sl(say, ["text"], [], ["text"]), parameters={"text": a.outputs.parameters["text"]})
    d = Step("d", sl(anyv, ["v"], [], ["v", "t"]), parameters={"v": a.outputs.parameters["text"]})
    e = Step("e", sl(anyv, ["v"], [], ["v", "t"]), parameters={"v": [1, 1.5, True, None, [1], {"a": None}, "x"]})
    f = Step("f", sl(anyv, ["v"], [], ["v", "t"]), parameters={"v": e.outputs.parameters["v"]})
    return flow(a, [b, c, d, e], f)


def groups_dynamic_artifacts() -> Workflow:
    a = Step("a", P(files), parameters={"n": 5})
    b = Step(
        "b",
        sl(one, ["x"], ["given"], ["y"], ["made"], group_size=2),
        parameters={"x": a.outputs.parameters["xs"]},
        artifacts={"given": a.outputs.artifacts["made"]},
    )
    c = Step("c", sl(read, [], ["given"], ["text"], group_size=3), artifacts={"given": b.outputs.artifacts["made"]})
    return flow(a, b, c, Step("t", P(total), artifacts={"made": b.outputs.artifacts["made"]}))


def upper_case_names() -> Workflow:
    s = Steps("UpperCase")
    a = Step("MakeIt", sl(mk, ["x"], [], ["y"], ["made"]), parameters={"x": [1, 2]})
    s.add(a)
    s.outputs.artifacts["Made"] = OutputArtifact(_from=a.outputs.artifacts["made"])
    u = Step("Up-1", s)
    return flow(
        u, Step("T-" + "x" * 70, sl(read, [], ["given"], ["text"]), artifacts={"given": u.outputs.artifacts["Made"]})
    )


def long_names() -> Workflow:
    n = "n" * 120
    a = Step(n, sl(mk, ["x"], [], ["y"], ["made"]), parameters={"x": [1, 2]})
    return flow(a, Step("t", P(total), artifacts={"made": a.outputs.artifacts["made"]}))


def collisions() -> Workflow:
    t = sh("dflow-enough")
    u = sh("dflow-too-few")
    c = Step("c", sl(odd_fails, ["x"], [], ["y"]), parameters={"x": [0, 2]}, continue_on_num_success=1)
    return flow(Step("a", t, parameters={"text": "1"}), Step("b", u, parameters={"text": "1"}), c)


def own_dflow_key() -> Workflow:
    t = ShellOPTemplate(
        "k",
        image="alpine:3.20",
        script="echo {{inputs.parameters.dflow_key}}",
        inputs=Inputs(parameters={"dflow_key": InputParameter(value="-")}),
    )
    return flow(Step("a", t, key="the-key"))


def conditional_outputs() -> Workflow:
    s = Steps("s", inputs=Inputs(parameters={"n": InputParameter(type=int)}))
    a = Step("a", P(mk), parameters={"x": 1}, when=s.inputs.parameters["n"] > 1)
    b = Step("b", P(mk), parameters={"x": 2}, when=s.inputs.parameters["n"] <= 1)
    s.add([a, b])
    s.outputs.parameters["y"] = OutputParameter(
        value_from_expression=if_expression(
            s.inputs.parameters["n"] > 1, a.outputs.parameters["y"], b.outputs.parameters["y"]
        )
    )
    s.outputs.artifacts["m"] = OutputArtifact(
        from_expression=if_expression(
            s.inputs.parameters["n"] > 1, a.outputs.artifacts["made"], b.outputs.artifacts["made"]
        )
    )
    x = Step("x", s, parameters={"n": 2})
    y = Step("y", s, parameters={"n": 0})
    return flow(
        [x, y],
        Step("r", P(read), artifacts={"given": x.outputs.artifacts["m"]}),
        Step("r2", P(read), artifacts={"given": y.outputs.artifacts["m"]}),
    )


def input_artifact_sliced_inside_steps() -> Workflow:
    s = Steps("s", inputs=Inputs(artifacts={"in": InputArtifact()}))
    s.add(Step("t", sl(read, [], ["given"], ["text"]), artifacts={"given": s.inputs.artifacts["in"]}))
    b = Step("b", sl(mk, ["x"], [], ["y"], ["made"]), parameters={"x": [1, 2]})
    f = Step("f", P(files), parameters={"n": 3})
    return flow(
        [b, f],
        Step("s", s, artifacts={"in": b.outputs.artifacts["made"]}),
        Step("s2", s, artifacts={"in": f.outputs.artifacts["made"]}),
    )


def list_of_artifacts_with_stacked() -> Workflow:
    b = Step("b", sl(mk, ["x"], [], ["y"], ["made"]), parameters={"x": [1, 2]})
    f = Step("f", P(files), parameters={"n": 1})
    return flow(
        [b, f],
        Step("t", P(nested_total), artifacts={"made": [b.outputs.artifacts["made"], f.outputs.artifacts["made"]]}),
    )


def enumerate_slices() -> Workflow:
    n = Step("n", P(words), parameters={"n": 3})
    a = Step(
        "a",
        sl(one_text, ["x"], [], ["y"], [], "{{item.order}}"),
        parameters={"x": [4, 5, 6], "w": "{{item.value}}"},
        with_param=argo_enumerate(n.outputs.parameters["xs"]),
        key="e-{{item.order}}",
    )
    return flow(n, a)


def elements_counted() -> Workflow:
    f = Step("f", P(files), parameters={"n": 2})
    m = f.outputs.artifacts["made"]
    a = Step("a", sl(read, [], [], ["text"]), artifacts={"given": m[1]}, with_param=[1, 2], continue_on_num_success=1)
    b = Step("b", P(read), artifacts={"given": m[0]}, with_param=[1, 2], parallelism=1)
    return flow(f, [a, b])


def expression_as_list() -> Workflow:
    a = Step("a", P(numbers), parameters={"n": 3})
    b = Step(
        "b",
        sl(mk, ["x"], [], ["y"]),
        parameters={"x": "{{=toJson(map(fromJSON(steps.a.outputs.parameters.xs), # + 10))}}"},
    )
    c = Step("c", sl(mk, ["x"], [], ["y"]), parameters={"x": "[1, {{steps.a.outputs.parameters.n}}]"})
    return flow(a, [b, c])


def dict_with_dots() -> Workflow:
    a = Step("a", P(dots_of_dict_with_dots))
    b = Step("b", sl(read, [], ["given"], ["text"]), artifacts={"given": a.outputs.artifacts["made"]})
    c = Step("c", P(read), artifacts={"given": a.outputs.artifacts["made"]["a.c"]})
    return flow(a, [b, c])


def decimal_keys() -> Workflow:
    a = Step("a", P(dd_of_decimal_keys))
    b = Step("b", sl(read, [], ["given"], ["text"]), artifacts={"given": a.outputs.artifacts["made"]})
    c = Step(
        "c",
        sl(read, [], ["given"], ["text"], [], "{{item}}"),
        artifacts={"given": a.outputs.artifacts["made"]},
        with_param=["7", "5"],
    )
    return flow(a, [b, c])


def negative_element() -> Workflow:
    a = Step("a", P(files), parameters={"n": 3})
    return flow(a, Step("c", P(read), artifacts={"given": a.outputs.artifacts["made"][-1]}))


def post_scripts() -> Workflow:
    return flow(
        Step(
            "a",
            P(
                say,
                pre_script="X = '''{{1}}\n  a'''\n",
                post_script="assert '''a\nb''' == 'a\\nb'\nassert X == '{'+'{1}}\\n  a', X\n",
            ),
            parameters={"text": "a"},
        )
    )


def parts_with_odd_keys() -> Workflow:
    f = Step("f", P(files), parameters={"n": 2})
    m = f.outputs.artifacts["made"]
    return flow(f, Step("t", P(nested_total), artifacts={"made": {"{{workflow.name}}": m[0], "a b": m[1]}}))


def nested_slices_three() -> Workflow:
    i1 = inner_steps("i1")
    del i1.outputs.artifacts["made"]
    i2 = Steps("i2", inputs=Inputs(parameters={"xs": InputParameter(type=list[int])}))
    a = Step(
        "a",
        i1,
        slices=Slices(input_parameter=["x"], output_parameter=["y"]),
        parameters={"x": i2.inputs.parameters["xs"]},
        key="a-{{item.order}}",
    )
    i2.add(a)
    i2.outputs.parameters["y"] = OutputParameter(value_from_parameter=a.outputs.parameters["y"], type=list[int])
    i3 = Steps("i3", inputs=Inputs(parameters={"xss": InputParameter(type=list[list[int]])}))
    b = Step(
        "b",
        i2,
        slices=Slices(input_parameter=["xs"], output_parameter=["y"]),
        parameters={"xs": i3.inputs.parameters["xss"]},
    )
    i3.add(b)
    i3.outputs.parameters["y"] = OutputParameter(value_from_parameter=b.outputs.parameters["y"], type=list[list[int]])
    c = Step(
        "c",
        i3,
        slices=Slices(input_parameter=["xss"], output_parameter=["y"]),
        parameters={"xss": [[[1, 2], [3]], [[4]]]},
    )
    return flow(c, Step("s", P(anyv), parameters={"v": c.outputs.parameters["y"]}))


def dag_in_slices_in_dag() -> Workflow:
    inner = DAG("inner", inputs=Inputs(parameters={"x": InputParameter(type=int)}))
    a = Task("a", P(numbers), parameters={"n": inner.inputs.parameters["x"]})
    b = Task("b", sl(mk, ["x"], [], ["y"]), parameters={"x": a.outputs.parameters["xs"]})
    inner.add(a)
    inner.add(b)
    inner.outputs.parameters["y"] = OutputParameter(value_from_parameter=b.outputs.parameters["y"], type=list[int])
    d = DAG("main")
    n = Task("n", P(numbers), parameters={"n": 3})
    c = Task(
        "c",
        inner,
        slices=Slices(input_parameter=["x"], output_parameter=["y"]),
        parameters={"x": [1, 2]},
        dependencies=[n],
        key="c-{{item.order}}",
    )
    e = Task("e", P(anyv), parameters={"v": c.outputs.parameters["y"]})
    for t in (n, c, e):
        d.add(t)
    return Workflow("odd", dag=d)


def all_copies_skipped() -> Workflow:
    b = Step(
        "b",
        sl(mk, ["x"], [], ["y"], ["made"], "{{item}}"),
        parameters={"x": [1, 2]},
        with_param=[0, 1],
        when="{{item}} > 5",
    )
    return flow(b, Step("s", P(anyv), parameters={"v": b.outputs.parameters["y"]}))


def weird_artifact_file_names() -> Workflow:
    a = Step("a", P(w_of_weird_artifact_file_names), parameters={"x": 1})
    b = Step("b", sl(read, [], ["given"], ["text"]), artifacts={"given": a.outputs.artifacts["made"]})
    c = Step("c", sl(w_of_weird_artifact_file_names, ["x"], [], [], ["made"]), parameters={"x": [1, 2]})
    return flow([a, c], b, Step("t", P(nested_total), artifacts={"made": c.outputs.artifacts["made"]}))


def big_through_steps() -> Workflow:
    s = Steps("inner", inputs=Inputs(parameters={"text": InputParameter(save_as_artifact=True)}))
    last = Step("l", P(Long), parameters={"text": s.inputs.parameters["text"]})
    s.add(last)
    s.outputs.parameters["text"] = OutputParameter(
        value_from_parameter=last.outputs.parameters["text"], save_as_artifact=True
    )
    a = Step("a", P(Long), parameters={"text": "x" * 10})
    i = Step("i", s, parameters={"text": a.outputs.parameters["text"]})
    z = Step("z", P(Long), parameters={"text": i.outputs.parameters["text"]})
    return flow(a, i, z, Step("say", P(anyv), parameters={"v": z.outputs.parameters["size"]}))


def global_of_slices() -> Workflow:
    t = sl(mk, ["x"], [], ["y"])
    t.outputs.parameters["y"].global_name = "gy"
    return flow(
        Step("b", t, parameters={"x": [1, 2]}),
        on_exit=ShellOPTemplate("e", image="a", script="echo '{{workflow.outputs.parameters.gy}}'"),
    )


UPLOADED = {"upload_dict": upload_dict, "upload_list": upload_list}
"""Their artifacts are others each time."""
ODD = {
    function.__name__: function
    for function in (
        all_copies_skipped,
        big_through_steps,
        braces_everywhere,
        braces_from_outputs,
        braces_in_looped_constants,
        collisions,
        conditional_outputs,
        dag_in_slices_in_dag,
        decimal_keys,
        dict_artifact_slices,
        dict_slices,
        dict_with_dots,
        elements_counted,
        enumerate_slices,
        exit_with_parameters,
        expression_as_list,
        fields_named_like_ours,
        global_of_slices,
        groups_dynamic_artifacts,
        input_artifact_sliced_inside_steps,
        item_parts,
        list_of_artifacts_with_stacked,
        long_names,
        negative_element,
        nested_slices_three,
        numbers_like_texts,
        optional_artifacts,
        own_dflow_key,
        parallelism,
        parts_with_odd_keys,
        post_scripts,
        recursion_choice,
        groups_with_a_format,
        sequence_down_dynamic,
        sequence_expressions,
        sliced_continue_on,
        sliced_with_hooks,
        slices_in_dag,
        slices_in_dag_no_deps_sub_path,
        slices_of_steps_parameters,
        stacked_into_slices_over_artifacts_only,
        stacked_out_of_two_levels,
        upper_case_names,
        weird_artifact_file_names,
        workflow_parameters_in_slices,
    )
}
