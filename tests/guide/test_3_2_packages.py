"""Both guides, 3.2.4: packages under development that OPs import."""

from __future__ import annotations

import pytest

UPLOAD = """\
from dflow.python import upload_packages
upload_packages.append("/opt/anaconda3/lib/python3.9/site-packages/numpy")
"""

UPLOAD_1_0 = """\
from dflow import upload_packages
upload_packages.append("/opt/anaconda3/lib/python3.9/site-packages/numpy")
"""

OURS = (
    '"/opt/anaconda3/lib/python3.9/site-packages/numpy"',
    '"elsewhere/mypackage"',
    "the guide means any package; this one is made below and is not on the module path of the script",
)

USE_IT = """\
from dflow import Step, Workflow
from dflow.python import OP, PythonOPTemplate


@OP.function
def use() -> {"answer": int, "file": str}:
    import mypackage
    from mypackage.part import answer
    return {"answer": answer, "file": mypackage.__file__}


template = PythonOPTemplate(use)
wf = Workflow(name="packages")
wf.add(Step(name="use", template=template))
wf.submit()
"""


@pytest.fixture(autouse=True)
def package(tmp_path):
    """A package that nobody has installed."""
    place = tmp_path / "elsewhere" / "mypackage"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "part.py").write_text("answer = 42\n")
    return place


@pytest.mark.parametrize("block", [UPLOAD, UPLOAD_1_0], ids=["dflow.python", "dflow"])
def test_3_2_4_an_op_imports_a_package_that_is_uploaded_for_all(run, block):
    wf = run(block, USE_IT, differences=[OURS])

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="use").outputs.parameters["answer"].value == 42


def test_3_2_4_an_op_imports_a_package_of_its_template(run):
    wf = run(
        USE_IT,
        differences=[
            (
                "PythonOPTemplate(use)",
                'PythonOPTemplate(use, python_packages=["elsewhere/mypackage"])',
                "the guide's PythonOPTemplate(..., python_packages=[...])",
            )
        ],
    )

    assert wf.query_step(name="use").outputs.parameters["answer"].value == 42


def test_3_2_4_without_it_the_import_fails_and_the_step_says_so(run):
    wf = run(USE_IT)

    assert wf.query_status() == "Failed"
    assert "mypackage" in wf.query_step(name="use").message


def test_3_2_4_both_guides_name_one_list(execute):
    ended = execute("import dflow, dflow.python", "print(dflow.upload_packages is dflow.python.upload_packages)")

    assert ended.stdout == "True\n"


def test_3_2_4_a_package_that_does_not_exist_is_told_by_its_path(execute):
    """The guide's path as it stands; nobody has it."""
    ended = execute(UPLOAD, USE_IT)

    assert "/opt/anaconda3/lib/python3.9/site-packages/numpy" in ended.stderr
