# The teacher's predictions, all models' answers to further tasks, and the size and speed of every model.


rule predict_teacher:
    input:
        lambda wildcards: PLAN.input_files("predictions", wildcards.predictions),
    output:
        update("<results>/predictions/{predictions}/manifest.json"),
    log:
        "<results>/logs/predict_teacher/{predictions}.log",
    wildcard_constraints:
        predictions=PLAN.pending("predictions"),
    conda:
        "../envs/models.yaml"
    threads: lambda wildcards: PLAN.devices("predictions", wildcards.predictions)
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "predictions", wildcards.predictions, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "predictions", wildcards.predictions, attempt
        ),
        gpu=lambda wildcards: PLAN.devices("predictions", wildcards.predictions),
    params:
        job=lambda wildcards: PLAN.arguments("predictions", wildcards.predictions),
    shell:
        "python workflow_scripts/predict_teacher.py {params.job} --threads {threads} --granted {resources.gpu} 2>&1 | tee -i {log:q}"


rule benchmark_model:
    input:
        lambda wildcards: PLAN.input_files("benchmarks", wildcards.benchmark),
    output:
        update("<results>/benchmarks/{benchmark}/manifest.json"),
    log:
        "<results>/logs/benchmark_model/{benchmark}.log",
    wildcard_constraints:
        benchmark=PLAN.pending("benchmarks"),
    conda:
        "../envs/models.yaml"
    # All cores: never beside a training or another measurement; on a cluster those that are measured.
    threads:
        lambda wildcards: max(
            ALL_CORES, PLAN.node("benchmarks", wildcards.benchmark).spec["threads"]
        )
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.memory_mb(
            "benchmarks", wildcards.benchmark, attempt
        ),
        runtime=lambda wildcards, attempt: PLAN.runtime(
            "benchmarks", wildcards.benchmark, attempt
        ),
        gpu=lambda wildcards: PLAN.devices("benchmarks", wildcards.benchmark),
    params:
        job=lambda wildcards: PLAN.arguments("benchmarks", wildcards.benchmark),
    shell:
        "python workflow_scripts/benchmark_model.py {params.job} --threads {threads} --granted {resources.gpu} 2>&1 | tee -i {log:q}"
