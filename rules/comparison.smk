# From per-example predictions to scores and statistics.


rule collect_runs:
    input:
        lambda wildcards: PLAN.product_inputs("collected"),
    output:
        update(PLAN.outputs("collected")),
    log:
        "<results>/logs/collect_runs/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("collected"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("collected"),
    shell:
        "python workflow_scripts/collect_runs.py {params.job} 2>&1 | tee -i {log:q}"


rule collect_benchmarks:
    input:
        lambda wildcards: PLAN.product_inputs("collected_benchmarks"),
    output:
        update(PLAN.outputs("collected_benchmarks")),
    log:
        "<results>/logs/collect_benchmarks/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("collected_benchmarks"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("collected_benchmarks"),
    shell:
        "python workflow_scripts/collect_benchmarks.py {params.job} 2>&1 | tee -i {log:q}"


rule compare:
    input:
        lambda wildcards: PLAN.product_inputs("comparison"),
    output:
        update(PLAN.outputs("comparison")),
    log:
        "<results>/logs/compare/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("comparison"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("comparison"),
    shell:
        "python workflow_scripts/compare.py {params.job} 2>&1 | tee -i {log:q}"


rule analyse_errors:
    input:
        lambda wildcards: PLAN.product_inputs("error_analysis"),
    output:
        update(PLAN.outputs("error_analysis")),
    log:
        "<results>/logs/analyse_errors/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("error_analysis"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("error_analysis"),
    shell:
        "python workflow_scripts/analyse_errors.py {params.job} 2>&1 | tee -i {log:q}"


rule collect_costs:
    input:
        lambda wildcards: PLAN.product_inputs("costs"),
    output:
        update(PLAN.outputs("costs")),
    log:
        "<results>/logs/collect_costs/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("costs"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("costs"),
    shell:
        "python workflow_scripts/collect_costs.py {params.job} 2>&1 | tee -i {log:q}"


# Only of an experiment with `also_evaluate_on`: Snakemake's list of local rules warns of one that is not there.
if "transfer" in PLAN.products:

    rule collect_transfer:
        input:
            lambda wildcards: PLAN.product_inputs("transfer"),
        output:
            update(PLAN.outputs("transfer")),
        log:
            "<results>/logs/collect_transfer/{experiment}.log",
        wildcard_constraints:
            experiment=PLAN.due("transfer"),
        localrule: True
        conda:
            "../envs/analysis.yaml"
        params:
            job=lambda wildcards: PLAN.product_arguments("transfer"),
        shell:
            "python workflow_scripts/collect_transfer.py {params.job} 2>&1 | tee -i {log:q}"
