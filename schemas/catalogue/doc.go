// Package catalogue is the registry log as a pure machine: which definitions
// are in force, in which versions, is a fold over its commands.
//
// Contract: the log has no compare-and-swap, so its order arbitrates. A command
// carries an id and the version its writer saw; [State.Step] takes the first
// command for a version and ignores all others, so all readers of one log agree
// on every verdict, and a writer learns its own by reading up to its record.
//
//	Step(Step(s, c, n), c, m) changes nothing after the first: a repeated
//	command is a no-op, so a writer that lost a reply may write again.
//
// Versions: a view's version grows when the meaning of one of its features
// changes or one is removed, or its stream's keys or events change meaning; a
// name that comes back goes on counting. Its hash also changes when a feature is
// added; whatever changes the hash is folded from the log's start.
//
// Concurrency: everything is a pure function. A [State] is a value: a copy is a
// snapshot that later steps do not touch.
//
// Errors: a record that is no command is an error of [Decode] and is passed over
// by every reader alike; one that this program is too old to read is [ErrNewer],
// and its reader stops.
//
// Not here: whether a change is allowed (schemas/evolve decides that before a
// command is written), the topic and its batches' compression (connectors/kafka).
// The bytes are FORMAT.md's registry command, and command.proto.
package catalogue
