"""fpop's steps with a calculator of our own: three cells of copper, their energies by ASE's EMT."""

import json
import shutil
from pathlib import Path

from dflow import Step, Workflow, config, download_artifact, upload_artifact
from fpop.prep_fp import PrepFp
from fpop.preprun_fp import PrepRunFp
from fpop.run_fp import RunFp

config["mode"] = "debug"


class PrepEmt(PrepFp):
    def prep_task(self, conf_frame, inputs, prepare_image_config=None, optional_input=None, optional_artifact=None):
        conf_frame.to("vasp/poscar", "POSCAR")
        Path("settings.json").write_text(json.dumps(inputs))
        shutil.copy(optional_artifact["note"], "note.txt")


class RunEmt(RunFp):
    def input_files(self, task_path):
        return ["POSCAR", "settings.json"]

    def run_task(
        self, backward_dir_name, log_name, backward_list, run_image_config=None, optional_input=None, **others
    ):
        from ase.calculators.emt import EMT
        from ase.io import read

        atoms = read("POSCAR")
        atoms.calc = EMT(**json.loads(Path("settings.json").read_text()))
        Path("energy").write_text(f"{atoms.get_potential_energy():.3f}")
        Path(log_name).write_text(f"{run_image_config['command']}: {len(atoms)} atoms\n")
        Path(backward_dir_name).mkdir()
        for name in [*backward_list, log_name]:
            shutil.copy(name, backward_dir_name)
        return backward_dir_name


if __name__ == "__main__":
    lengths = [3.5, 3.6, 3.7]
    for length in lengths:
        cell = "\n".join(" ".join(str(length if i == j else 0) for j in range(3)) for i in range(3))
        sites = "0 0 0\n0 0.5 0.5\n0.5 0 0.5\n0.5 0.5 0\n"
        Path(f"POSCAR.{length}").write_text(f"copper\n1.0\n{cell}\nCu\n4\nDirect\n{sites}")
    Path("note.txt").write_text("copper")
    flow = PrepRunFp("prep-run-fp", prep_op=PrepEmt, run_op=RunEmt, prep_image="none", run_image="none")
    step = Step(
        "fp",
        template=flow,
        parameters={
            "inputs": {"asap_cutoff": False},
            "type_map": ["Cu"],
            "backward_list": ["energy"],
            "run_image_config": {"command": "emt"},
            "optional_input": {"conf_format": "vasp/poscar"},
            "log_name": "emt.log",
        },
        artifacts={
            "confs": upload_artifact([Path(f"POSCAR.{length}") for length in lengths]),
            "optional_artifact": upload_artifact({"note": Path("note.txt")}),
        },
    )
    wf = Workflow("fp-emt")
    wf.add(step)
    wf.submit()
    wf.raise_for_status()
    done = wf.query_step(name="fp")[0]
    download_artifact(done.outputs.artifacts["backward_dirs"], path="results")
    found = sorted(Path("results").rglob("energy"))
    keys = sorted(step.key for step in wf.query_step() if step.key)
    print(json.dumps({"keys": keys, "energies": [float(file.read_text()) for file in found]}))
