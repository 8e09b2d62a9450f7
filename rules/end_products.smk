# Tables, figures and the report: named files that people open.


report: "../docs/captions/report.rst"


rule write_table:
    input:
        lambda wildcards: PLAN.product_inputs(f"tables/{wildcards.table}"),
    output:
        csv=report(
            update("<results>/{experiment}/summary/{table}.csv"),
            caption="../docs/captions/product.rst",
            category="1 Tables",
            labels={"table": "{table}"},
        ),
        tex=update("<results>/{experiment}/summary/{table}.tex"),
    log:
        "<results>/logs/write_table/{experiment}.{table}.log",
    wildcard_constraints:
        table=PLAN.due("tables"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments(f"tables/{wildcards.table}"),
        caption=lambda wildcards: PLAN.caption(wildcards.table),
    shell:
        "python workflow_scripts/write_table.py {params.job} 2>&1 | tee -i {log:q}"


rule draw_figure:
    input:
        lambda wildcards: PLAN.product_inputs(f"figures/{wildcards.figure}"),
    output:
        png=report(
            update("<results>/{experiment}/figures/{figure}.png"),
            caption="../docs/captions/product.rst",
            category="2 Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=update("<results>/{experiment}/figures/{figure}.pdf"),
        svg=update("<results>/{experiment}/figures/{figure}.svg"),
        csv=update("<results>/{experiment}/figures/{figure}.csv"),
    log:
        "<results>/logs/draw_figure/{experiment}.{figure}.log",
    wildcard_constraints:
        figure=PLAN.due("figures"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments(f"figures/{wildcards.figure}"),
        caption=lambda wildcards: PLAN.caption(wildcards.figure),
    shell:
        "python workflow_scripts/draw_figure.py {params.job} 2>&1 | tee -i {log:q}"


rule write_report:
    input:
        lambda wildcards: PLAN.product_inputs("report"),
    output:
        update("<results>/{experiment}/report.html"),
    log:
        "<results>/logs/write_report/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("report"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("report"),
    shell:
        "python workflow_scripts/write_report.py {params.job} 2>&1 | tee -i {log:q}"
