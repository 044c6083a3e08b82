# Each of these does all the set-up it needs.
.PHONY: demo survey test

# A debug build is there in a third of the time of a release build, and the
# demo has one user. More for the demo itself: make demo ARGS="--data-dir …"
demo:
	@.ci/prepare demo
	cargo run --locked -- demo $(ARGS)

# Node.js and Python of the clients come first on the PATH.
test:
	@.ci/prepare test
	PATH="$(CURDIR)/tests/clients/.venv/bin:$$PATH" cargo test --locked

# How far the emulator runs public policies, which are not part of this
# repository: make survey POLICIES="folder folder" ARGS="--only NAME --details"
survey:
	@.ci/prepare demo
	cargo run --locked -- emulate survey $(POLICIES) --stories tests/stories $(ARGS)
