package merge_test

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func decayVectors() []vector {
	float, whole, cents := value.Of(value.Float64), value.Of(value.Int64), value.Type{Kind: value.Decimal, Scale: 2}
	numbers := run(value.Int(150), value.Int(-275), value.Int(1), value.Int(3), value.Int(99999), value.Int(0))
	great := value.Dec(value.Int128{Hi: -1 << 31})
	spec := func(kind string, in value.Type, scale int32, half stamp.Micros) merge.Spec {
		return merge.Spec{Kind: kind, Input: in, Scale: scale, HalfLife: half}
	}
	return []vector{
		{"a minute", spec(merge.DecayedSum, float, 2, stamp.Minute), numbers},
		{"a second", spec(merge.DecayedSum, whole, 0, stamp.Second), numbers}, // half of them have faded
		{"a century", spec(merge.DecayedSum, cents, 2, merge.MaxHalfLife), run(great, great, value.Dec(value.Int128Of(5)))},
		{"zeros", spec(merge.DecayedSum, whole, 0, stamp.Microsecond), run(value.Int(0))},
		{"five minutes", spec(merge.EMA, float, 2, 5*stamp.Minute), numbers},
		{"a third", spec(merge.EMA, whole, 0, stamp.Day/3), run(value.Int(0), value.Int(1))},
		{"great", spec(merge.EMA, cents, 2, stamp.Hour), run(great, great)},
	}
}
