# Task examples: one normalised table per split, fixed before anything is trained.


rule prepare_task:
    input:
        lambda wildcards: PLAN.input_files("examples", wildcards.examples),
    output:
        update("<results>/examples/{examples}/manifest.json"),
    log:
        "<results>/logs/prepare_task/{examples}.log",
    wildcard_constraints:
        examples=PLAN.pending("examples"),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "examples", wildcards.examples, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "examples", wildcards.examples, attempt
        ),
    params:
        job=lambda wildcards: PLAN.arguments("examples", wildcards.examples),
    shell:
        "python workflow_scripts/prepare_task.py {params.job} 2>&1 | tee -i {log:q}"
