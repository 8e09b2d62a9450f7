# What the teacher says, captured once per kind, in shards that are separate jobs.


rule capture_targets:
    input:
        lambda wildcards: PLAN.input_files("targets", wildcards.shard),
    output:
        update("<results>/targets/{shard}/manifest.json"),
    log:
        "<results>/logs/capture_targets/{shard}.log",
    wildcard_constraints:
        shard=PLAN.pending("targets"),
    conda:
        "../envs/models.yaml"
    threads: lambda wildcards: PLAN.devices("targets", wildcards.shard)
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "targets", wildcards.shard, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "targets", wildcards.shard, attempt
        ),
        gpu=lambda wildcards: PLAN.devices("targets", wildcards.shard),
    params:
        job=lambda wildcards: PLAN.arguments("targets", wildcards.shard),
    shell:
        "python workflow_scripts/capture_targets.py {params.job} --threads {threads} --granted {resources.gpu} 2>&1 | tee -i {log:q}"
