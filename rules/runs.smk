# One training per task, student, method, grid point and seed; a teacher is fitted by the same rule.


rule train_student:
    input:
        lambda wildcards: PLAN.input_files("runs", wildcards.run),
    output:
        update("<results>/runs/{run}/manifest.json"),
    log:
        "<results>/logs/train_student/{run}.log",
    wildcard_constraints:
        run=PLAN.pending("runs"),
    conda:
        "../envs/models.yaml"
    threads: lambda wildcards: PLAN.devices("runs", wildcards.run)
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb("runs", wildcards.run, attempt),
        runtime=lambda wildcards, attempt: PLAN.runtime("runs", wildcards.run, attempt),
        gpu=lambda wildcards: PLAN.devices("runs", wildcards.run),
    params:
        job=lambda wildcards: PLAN.arguments("runs", wildcards.run),
    shell:
        "python workflow_scripts/train_student.py {params.job} --threads {threads} --granted {resources.gpu} 2>&1 | tee -i {log:q}"
