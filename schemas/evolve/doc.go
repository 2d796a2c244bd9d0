// Package evolve says what a change of definitions brings about: for each
// difference between two projects, what happens to values, versions and state,
// or why it is refused.
//
// Contract: [Diff] is a pure function of the two projects. A view keeps its hash
// exactly if all that Diff says about it is [Metadata]. [OfView] is the same
// verdict for one view, which the registry turns into versions.
//
// Concurrency: everything is a pure function over read-only projects.
//
// Errors: there are none; what may not be done is a [Change] of severity
// [Refused].
//
// Not here: version numbers and who applied first (schemas/catalogue), how many
// bytes a view costs (pipelines/fold), what a topic or a schema registry holds
// already (cmd).
package evolve
