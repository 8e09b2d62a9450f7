# Every byte that this experiment uses against the records beside it; makes nothing.


rule verify:
    log:
        f"<results>/logs/verify/{PLAN.experiment}.log",
    conda:
        "../envs/analysis.yaml"
    threads: ALL_CORES
    params:
        config=PLAN.call(),
    shell:
        "python workflow_scripts/verify.py --config {params.config} --threads {threads} 2>&1 | tee -i {log:q}"
