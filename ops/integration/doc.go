// Package integration proves the whole path on real parts: Apache Kafka, a
// schema registry, an S3 server, foreign producers and foreign readers, as
// ops/parts installs and starts them. Its tests carry the build tag
// "integration"; .ci/run starts them, or:
//
//	go test -tags integration -count=1 -v ./ops/integration
//
// Contract: the suite builds the binary once and drives it as a user would,
// through its commands, HTTP and Kafka. A part is started when the first test
// asks for it and is shared by all; every test has a project of its own, and
// with it topics, objects and data of its own. Values are judged by oracle.py,
// which knows the meaning of values and nothing of this code.
//
// Concurrency: tests run one after the other; nothing is timed, every wait is
// bounded and polls.
//
// Errors: a failed test prints the end of the logs of the processes it started.
// ANABRANCH_IT_RUN names the directory of pid files and logs, so that whoever
// started the suite can end what a suite that was itself killed has left.
//
// Not here: what needs no real part, which is tested beside the code.
package integration
