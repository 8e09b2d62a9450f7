# make demo    set up .venv and run the default experiment
# make test    set up .venv and run all tests
# make help    everything else
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

.PHONY: demo test torture lint format docs plan explain verify doctor clean-unused lock help
.DEFAULT_GOAL := help

demo: $(VENV)/runtime ## run the default experiment (results/demo/report.html)
	$(BIN)/snakemake --cores $(CORES) all

test: $(VENV)/development ## run all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

torture: $(VENV)/development ## kill and interrupt a small experiment 300 times; ARGS="--kills 200 --terms 50 --ints 50 --seed 0"
	$(BIN)/python tests/reliability/torture.py $(ARGS)

lint: $(VENV)/development ## style, types, workflow checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint --config experiment=demo

format: $(VENV)/development ## format the code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

docs: $(VENV)/runtime ## write config/README.md and config/schema.json from the schema
	$(BIN)/python workflow_scripts/write_config_reference.py

plan: $(VENV)/runtime ## jobs, tokens, time, memory and disk of an experiment; CONFIG="experiment=NAME ...", DEVICE=gpu
	$(BIN)/python workflow_scripts/show_plan.py $(if $(DEVICE),--device $(DEVICE)) --config $(CONFIG)

explain: $(VENV)/runtime ## what is behind a number: TABLE=NAME WHERE="COLUMN=VALUE ...", or RUN=NAME; ROWS=FILE writes its data rows
	$(BIN)/python workflow_scripts/explain.py $(if $(TABLE),--table $(TABLE)) $(if $(WHERE),--where $(WHERE)) \
	  $(if $(RUN),--run $(RUN)) $(if $(ROWS),--rows $(ROWS)) --config $(CONFIG)

verify: $(VENV)/runtime ## check every byte of the results; CONFIG="experiment=NAME" checks what one experiment uses
	$(BIN)/python workflow_scripts/verify.py --config $(CONFIG)

doctor: $(VENV)/runtime ## look over this machine: versions, devices, memory, disk, Hub, SLURM; CONFIG="experiment=NAME ..."
	$(BIN)/python workflow_scripts/doctor.py --config $(CONFIG)

clean-unused: $(VENV)/runtime ## list artefacts that no experiment refers to; FORCE=1 removes them; CONFIG="data=FOLDER ..."
	$(BIN)/python workflow_scripts/clean_unused.py $(if $(FORCE),--remove) --config $(CONFIG)

lock: ## freeze the versions of everything in envs/*.in into envs/*.txt
	rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet torch==2.13.0 -r envs/requirements.in
	$(VENV)/lock/bin/pip freeze --exclude torch > envs/requirements.txt
	echo torch==2.13.0 >> envs/requirements.txt
	$(VENV)/lock/bin/pip install --quiet -r envs/requirements.in -r envs/requirements-dev.in
	$(VENV)/lock/bin/pip freeze --exclude torch | grep --invert-match --line-regexp --file envs/requirements.txt > envs/requirements-dev.txt
	rm -rf $(VENV)/lock

# torch first and alone: with it installed, no other package's range draws another build of several gigabytes.
$(VENV)/runtime: envs/requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $$(grep '^torch==' $<)
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/development: envs/requirements-dev.txt $(VENV)/runtime
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
