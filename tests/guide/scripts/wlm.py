"""A step on a virtual node: its manifest has the job of the Slurm partition."""

from dflow import ShellOPTemplate, SlurmJobTemplate, Step, Workflow

if __name__ == "__main__":
    hello = ShellOPTemplate("hello", image="alpine", script="echo hello")
    step = Step(
        "hello",
        hello,
        executor=SlurmJobTemplate(
            header="#!/bin/sh\n#SBATCH --nodes=1", node_selector={"kubernetes.io/hostname": "slurm-minikube-v100"}
        ),
    )
    wf = Workflow("wlm")
    wf.add(step)
    print(wf.to_yaml())
