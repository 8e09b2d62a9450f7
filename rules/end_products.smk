# Tables, figures, the report and the model cards: named files that people open.


rule write_table:
    input:
        lambda wildcards: PLAN.product_inputs(f"tables/{wildcards.table}"),
    output:
        csv=update("<results>/{experiment}/summary/{table}.csv"),
        tex=update("<results>/{experiment}/summary/{table}.tex"),
    log:
        "<results>/logs/write_table/{experiment}.{table}.log",
    wildcard_constraints:
        table=PLAN.due("tables"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments(f"tables/{wildcards.table}"),
    shell:
        "python workflow_scripts/write_table.py {params.job} 2>&1 | tee -i {log:q}"


rule draw_figure:
    input:
        lambda wildcards: PLAN.product_inputs(f"figures/{wildcards.figure}"),
    output:
        png=update("<results>/{experiment}/figures/{figure}.png"),
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
    shell:
        "python workflow_scripts/draw_figure.py {params.job} 2>&1 | tee -i {log:q}"


rule write_report:
    input:
        lambda wildcards: PLAN.product_inputs("report"),
    output:
        update(PLAN.outputs("report")),
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


rule write_model_cards:
    input:
        lambda wildcards: PLAN.product_inputs("model_cards"),
    output:
        update(PLAN.outputs("model_cards")),
    log:
        "<results>/logs/write_model_cards/{experiment}.log",
    wildcard_constraints:
        experiment=PLAN.due("model_cards"),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: PLAN.product_arguments("model_cards"),
    shell:
        "python workflow_scripts/write_model_cards.py {params.job} 2>&1 | tee -i {log:q}"
