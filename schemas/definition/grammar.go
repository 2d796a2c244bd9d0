package definition

import "anabranch.dev/anabranch/schemas/value"

// Bounds of what may be declared.
const (
	MaxPartitions   = 4096
	MaxK            = 1000 // of recent and top
	MinPrecision    = 4    // of approx_distinct
	MaxPrecision    = 18
	MaxQuantiles    = 64 // of one feature
	MaxBits         = 32 // of vectors
	MaxBytesPerKey  = 64 << 20
	MaxBasisBytes   = 384 << 10
	maxJoinKeys     = 16
	maxWindowPanes  = 1 << 20
	defaultHorizon  = "7d"
	defaultFuture   = "5m"
	defaultSetMax   = 1000
	defaultDistinct = 12
	defaultParts    = 8
	defaultError    = 0.01 // of top and quantiles

	MinError = 0.0001 // of top and quantiles
	MaxError = 0.5
)

// Forms of single values.
var (
	anyText    = &form{kind: textForm}
	prose      = &form{kind: textForm, blank: true}
	label      = &form{kind: exprForm, blank: true}
	expression = &form{kind: exprForm}
	span       = &form{kind: spanForm}
	boolean    = &form{kind: booleanForm}
	textTable  = &form{kind: tableForm, item: anyText}
	labelTable = &form{kind: tableForm, item: label}

	placeName = matching(`^[a-z][a-z0-9_-]{0,62}$`, "a lower-case letter, then up to 62 of a-z, 0-9, _ and -")
	itemName  = matching(`^[a-z](_?[a-z0-9])*_?$`, "a lower-case letter, then up to 62 of a-z, 0-9 and _, without __")
	fieldName = matching(`^[A-Za-z_][A-Za-z0-9_]*$`, "a letter or _, then letters, digits and _")
	topicName = matching(`^[A-Za-z0-9._-]+$`, "up to 238 of A-Z, a-z, 0-9, ., _ and -")
	idPlace   = matching(`^([A-Za-z_][A-Za-z0-9_]*|header:.+)$`, "a field of the schema, or header:NAME")
	selector  = matching(`^[a-z][a-z0-9_]*(@v[1-9][0-9]{0,8})?:([a-z][a-z0-9_]*|\*)$`, "view:feature, view@v2:feature or view:*")
	viewRef   = matching(`^[a-z][a-z0-9_]*(@v[1-9][0-9]{0,8})?$`, "view or view@v2")
	basisRef  = matching(`^[a-z][a-z0-9_-]{0,62}@[1-9][0-9]{0,8}$`, "NAME@VERSION of a basis, like items@1")
	basisFile = matching(`^.+\.basis$`, "a file whose name ends in .basis")
	featPick  = matching(`^([a-z][a-z0-9_]*|\*)$`, "names of features, or *")
)

// Keys that several shapes have.
var (
	describing = []key{
		{name: "description", form: prose, doc: "What it is, for people. Not semantic."},
		{name: "tags", form: labelTable, doc: "Labels for people and tools. Not semantic."},
	}
	owned = append([]key{
		{name: "owner", form: prose, doc: "Who answers for it. Not semantic."},
	}, describing...)
	budgets = []key{
		{name: "max_staleness", form: span, doc: "How old an answer may be. Alone it means mode: bounded."},
		{name: "mode", form: oneOf("eventual", "session", "bounded").but("strong", "hybrid", "quorum"), doc: "When an answer is acceptable."},
		{name: "deadline", form: span, doc: "How long a read may wait; 1s if nothing says otherwise."},
		{name: "partial", form: boolean, doc: "Whether an answer that misses a budget is given, flagged, instead of an error."},
		{name: "max_skew", form: span, later: true, doc: "How far apart the features of an answer may be."},
	}
)

var projectShape = &shape{title: "definition file", doc: "Definitions of an Anabranch project. Several files are merged.", keys: []key{
	{name: "project", form: placeName, doc: "The project's name, in one or in all of the files."},
	{name: "regions", form: listOf(mappingOf(regionShape)), doc: "The regions, each with a Kafka of its own. The first leads the registry."},
	{name: "entities", form: listOf(mappingOf(entityShape)), doc: "What features are about."},
	{name: "streams", form: listOf(mappingOf(streamShape)), doc: "The changelogs: Kafka topics of Avro events."},
	{name: "feature_views", form: listOf(mappingOf(viewShape)), doc: "Features of one entity over one stream."},
	{name: "feature_services", form: listOf(mappingOf(serviceShape)), doc: "Lists of features, one for each model."},
	{name: "bases", form: listOf(mappingOf(basisShape)), doc: "What vectors are projected on by features of kind low_rank."},
	{name: "request", form: anyText, later: true, doc: "Fields that come with a request."},
}}

var basisShape = &shape{title: "basis", doc: "Directions that vectors are projected on. What a version holds never changes.", keys: []key{
	{name: "name", form: placeName, must: true, doc: "The basis's name."},
	{name: "version", form: whole(1, 999_999_999), must: true, doc: "Its version; a feature names both, as NAME@VERSION."},
	{name: "file", form: basisFile, doc: "The file that holds it, beside this one, as anabranch basis fit writes it."},
	{name: "data", form: anyText, doc: "Instead of a file: what it holds, in base64."},
}}

var regionShape = &shape{title: "region", doc: "A region owns one Kafka cluster.", keys: []key{
	{name: "name", form: placeName, must: true, doc: "The region's name."},
}}

var entityShape = &shape{title: "entity", doc: "What features are about, with the keys that name one.", keys: append([]key{
	{name: "name", form: placeName, must: true, doc: "The entity's name."},
	{name: "join_keys", form: listOf(mappingOf(joinKeyShape)), doc: "The parts of its key, in order. None: the one global entity."},
}, describing[:1]...)}

var joinKeyShape = &shape{title: "join key", doc: "One part of an entity's key.", keys: []key{
	{name: "name", form: fieldName, must: true, doc: "Its name in requests and spines."},
	{name: "type", form: oneOf("string", "int64", "bytes"), must: true, doc: "Its type."},
}}

var streamShape = &shape{title: "stream", doc: "A Kafka topic of Avro events keyed by one entity.", keys: append([]key{
	{name: "name", form: placeName, must: true, doc: "The stream's name."},
	{name: "entity", form: anyText, must: true, doc: "The entity whose join keys key the topic."},
	{name: "schema", form: anyText, must: true, doc: "The Avro reader schema: a file beside this one, or the JSON itself."},
	{name: "topic", form: topicName, doc: "The Kafka topic; <project>.<stream> if not given. Several streams may read one topic."},
	{name: "key", form: textTable, doc: "Join key: field of the schema. A join key that is not given is the field of its own name."},
	{name: "event_timestamp", form: fieldName, doc: "The field that says when it happened: timestamp-millis, timestamp-micros, or a long of milliseconds. event_timestamp if the schema has that."},
	{name: "created_timestamp", form: fieldName, doc: "The field that says when it was known, for imported history; append (the default): the log's append time."},
	{name: "event_id", form: idPlace, doc: "A field, or header:NAME. An id counts once within the horizon."},
	{name: "event_id_horizon", form: span, doc: "How long an id is remembered; 7d."},
	{name: "max_future", form: span, doc: "How far beyond its append time an event timestamp may lie; 5m."},
	{name: "partitions", form: whole(1, MaxPartitions), doc: "Partitions of the topic in every region; 8, or 1 for a global entity."},
	{name: "rekey", form: boolean, later: true, but: "false", doc: "Other keys or partitioners on an existing topic."},
	{name: "format", form: anyText, later: true, but: "avro", doc: "The events' format."},
	{name: "envelope", form: anyText, later: true, doc: "The change envelope around the events."},
}, owned...)}

var viewShape = &shape{title: "feature view", doc: "Features of one entity over one stream.", keys: append([]key{
	{name: "name", form: itemName, must: true, doc: "The view's name."},
	{name: "stream", form: anyText, must: true, doc: "The stream it folds."},
	{name: "ttl", form: span, doc: "After how long without an event a key's values are OUTSIDE_MAX_AGE. Not given: never."},
	{name: "where", form: expression, doc: "CEL over the event's fields: which events the view sees."},
	{name: "features", form: listOf(mappingOf(featureShape)), must: true, doc: "The features."},
	{name: "policy", form: mappingOf(viewPolicyShape), doc: "Budgets of reads that name none, and where the view may be held."},
	{name: "max_bytes_per_key", form: whole(1, MaxBytesPerKey), doc: "Worst-case bytes of state per key that plan lets pass; 65536."},
	{name: "request", form: anyText, later: true, doc: "Fields that come with a request."},
}, owned...)}

var viewPolicyShape = &shape{title: "policy", doc: "Read budgets of a view, and its residency.", keys: append([]key{
	{name: "residency", form: listOf(placeName), doc: "The regions that may hold the view. Not given: all."},
}, budgets...)}

var servicePolicyShape = &shape{title: "policy", doc: "Read budgets of a service; they go before its views' own.", keys: budgets}

var featureShape = &shape{title: "feature", doc: "One feature.", keys: append([]key{
	{name: "name", form: itemName, must: true, doc: "The feature's name."},
	{name: "kind", form: kindForm(), must: true, doc: "How events become its value."},
	{name: "of", form: expression, doc: "The value fed in: a field, or CEL over the event's fields."},
	{name: "by", form: expression, doc: "count, top: what an event adds, an integer; 1."},
	{name: "where", form: expression, doc: "CEL over the event's fields: which events it sees."},
	{name: "window", form: span, doc: "How far back it looks. Not given: over all time."},
	{name: "pane", form: span, doc: "The step by which the window slides; 5m, 1h or 1d by the window's length."},
	{name: "scale", form: whole(0, value.MaxScale), doc: "Sums, means and vectors: decimal digits that are kept; required for floats."},
	{name: "as", form: oneOf("int64", "float64", "decimal"), doc: "sum, mean: the type of the value."},
	{name: "k", form: whole(1, MaxK), doc: "recent, top: how many items."},
	{name: "max", form: whole(1, value.MaxListItems), doc: "set: how many elements are tracked; 1000."},
	{name: "remove_where", form: expression, doc: "set: CEL for events that remove the element."},
	{name: "precision", form: whole(MinPrecision, MaxPrecision), doc: "approx_distinct: standard error 1.04/sqrt(2^precision); 12."},
	{name: "exact", form: boolean, doc: "min, max: the window slides to the microsecond instead of by panes."},
	{name: "removes", form: oneOf("latest", "observed"), doc: "set: latest (the default): the newest of adds and removes counts. observed: a remove undoes the adds that its sender had seen."},
	{name: "weight", form: expression, doc: "mean: an event's weight, a number; 1."},
	{name: "error", form: number(bounds{lower: MinError, upper: MaxError}), doc: "top: the greatest error of a count, as a part of the total; 0.01."},
	{name: "q", form: numbers(1, MaxQuantiles, bounds{lower: 0, upper: 1}), doc: "quantiles: which, each from 0 to 1; [0.5, 0.99]."},
	{name: "relative_error", form: number(bounds{lower: MinError, upper: MaxError}), doc: "quantiles: the greatest relative error of one; 0.01."},
	{name: "half_life", form: span, doc: "decayed_sum, ema: after how long an event weighs half."},
	{name: "dim", form: whole(1, value.MaxListItems), doc: "vector_sum, vector_mean: how many items a vector has."},
	{name: "bits", form: whole(1, MaxBits), doc: "vector_sum, vector_mean: how many bits are kept of each item, beside its sign, counted from the event's greatest; all if not given."},
	{name: "basis", form: basisRef, doc: "low_rank: NAME@VERSION of the basis that vectors are projected on."},
	{name: "error_budget", form: number(bounds{lower: 0, upper: 1, open: true}), doc: "The greatest relative error that is accepted; parameters that cannot keep it are refused. Not semantic."},
	{name: "sensitivity", form: number(bounds{endless: true}), doc: "By how much a model's loss grows with one unit of discrepancy. Not semantic."},
	{name: "discrepancy", form: oneOf(discrepancies...), doc: "How far a served value is from the true one: abs (the default of numbers), squared; jaccard (of lists of items); l2 (the default of lists of numbers), cosine. Not semantic."},
	{name: "expr", form: expression, later: true, doc: "A feature derived from others."},
	{name: "request", form: anyText, later: true, doc: "Fields that come with a request."},
}, describing...)}

var serviceShape = &shape{title: "feature service", doc: "An ordered list of features for a model.", keys: append([]key{
	{name: "name", form: itemName, must: true, doc: "The service's name."},
	{name: "features", form: listOf(&form{kind: eitherForm, item: selector, shape: selectionShape}), must: true, doc: "view:feature, view@v2:feature, view:*, or a mapping with view, as, keys, features."},
	{name: "policy", form: mappingOf(servicePolicyShape), doc: "Budgets of reads that name none."},
	{name: "request", form: anyText, later: true, doc: "Fields that come with a request."},
}, owned...)}

var selectionShape = &shape{title: "entry of a feature service", doc: "Features of one view, perhaps under another name and with other key columns.", keys: []key{
	{name: "view", form: viewRef, must: true, doc: "The view, or view@v2."},
	{name: "as", form: itemName, doc: "The name that stands before its features' names instead of the view's."},
	{name: "keys", form: textTable, doc: "Join key: column of the request or the spine. A join key that is not given is the column of its own name."},
	{name: "features", form: listOf(featPick), doc: "Names of features, or \"*\"; all if not given."},
}}
