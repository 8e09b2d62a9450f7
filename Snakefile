"""Potstill: which way of distilling this teacher into this student works, how sure can I be, and what does it cost?

snakemake --cores all all                                   # the experiment of config/config.yaml
snakemake --cores all all --config experiment=NAME          # another one
snakemake --cores all results/demo/figures/fig_4_5_kd_gain.png
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/assets.smk"
include: "rules/examples.smk"
include: "rules/targets.smk"
include: "rules/runs.smk"
include: "rules/evaluation.smk"
include: "rules/comparison.smk"
include: "rules/end_products.smk"
include: "rules/verification.smk"


# On a cluster these run where Snakemake runs: they take seconds, or need the network.
localrules:
    all,
    figures,
    tables,
    runs,
    examples,
    verify,
    fetch_model,
    fetch_dataset,
    prepare_task,
    collect_runs,
    collect_benchmarks,
    compare,
    collect_costs,
    analyse_errors,
    write_table,
    draw_figure,
    write_report,
    write_model_cards,


rule all:
    default_target: True
    input:
        PLAN.targets,


rule figures:
    input:
        PLAN.files("figure"),


rule tables:
    input:
        PLAN.files("table"),


rule runs:
    input:
        PLAN.markers("runs"),


rule examples:
    input:
        PLAN.markers("examples"),


# A made file is no rule's output any more, so for Snakemake no target. Asked for by its path it is one by name: nothing to be
# done.
for file in PLAN.made_files():

    rule:
        name:
            file
        input:
            file,
        localrule: True
